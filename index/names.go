package index

import "time"

// Names are what queries may refer to by name; the zero value knows none.
type Names struct {
	Accounts map[string][]Belonging      // By name, folded.
	Saved    map[string]string           // Queries, by name, folded.
	Cases    func(number int) []CaseMail // Which mail is of a case, and of those merged with it; nil: what it cites alone.
}

// Belonging says that mail to and from an address, or a domain, is of an account.
type Belonging struct {
	Who      string    // "jane@contoso.example", or "@contoso.example" with all domains below it.
	From, To time.Time // From when until before when; a zero end is open.
}

// Naming is the same with names that queries may refer to.
func (r Reader) Naming(n Names) Reader {
	r.names = n
	return r
}

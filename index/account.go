package index

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// What follows finds the mail of an account. Who belongs to one is no part of
// the index: it changes with decisions, which the question brings along, and
// holds for old mail at once. The narrowest that is known of an address at the
// time of a message counts: the address itself, else its domain, else the
// domain above. So of the addresses of a domain some may be of another account,
// and a message from one of those to one of the others is of both.

type (
	// Parties holds where one of some is a participant.
	Parties struct{ Of []party }
	// party is who belongs to an account.
	party struct {
		Belonging
		Except []Belonging // What is narrower than Who and of another account.
	}
)

func (*Parties) node() {}

// noAccount is the name for what is of no account.
const noAccount = "none"

// FoldName is a name as it is in Names.
func FoldName(name string) string { return foldLine(strings.TrimSpace(name)) }

func parseAccount(p *parser, op *operator, v value) (Node, error) {
	name := FoldName(v.text)
	if name == noAccount {
		all := &Parties{}
		for _, name := range slices.Sorted(maps.Keys(p.names.Accounts)) {
			for _, b := range p.names.Accounts[name] {
				all.Of = append(all.Of, party{Belonging: b})
			}
		}
		return &Not{all.sorted()}, nil
	}
	own, known := p.names.Accounts[name]
	if !known {
		return nil, p.unknownAccount(op, v, name)
	}
	return partiesOf(own, p.names.Accounts), nil
}

func (p *parser) unknownAccount(op *operator, v value, name string) error {
	near := nearest(name, slices.Sorted(maps.Keys(p.names.Accounts)))
	text := shown(v.text)
	if len(near) == 0 {
		return p.errorf(v.start, "There is no account %s. The page Accounts lists all; %s:none finds what is of none.", text, op.name)
	}
	for i, n := range near[:min(len(near), 5)] {
		if near[i] = op.name + ":" + n; strings.ContainsAny(n, " \t()") {
			near[i] = op.name + ":\"" + n + "\""
		}
	}
	return p.errorf(v.start, "There is no account %s. Near are %s.", text, strings.Join(near[:min(len(near), 5)], ", "))
}

// partiesOf finds what of others is within own.
func partiesOf(own []Belonging, all map[string][]Belonging) *Parties {
	n := &Parties{Of: make([]party, len(own))}
	domains, ours := map[string][]int{}, map[Belonging]bool{}
	for i, b := range own {
		n.Of[i].Belonging, ours[b] = b, true
		if strings.HasPrefix(b.Who, "@") {
			who := foldLine(b.Who)
			domains[who] = append(domains[who], i)
		}
	}
	if len(domains) == 0 {
		return n.sorted()
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, b := range all[name] {
			if ours[b] {
				continue
			}
			for wider := range widerThan(foldLine(b.Who)) {
				for _, i := range domains[wider] {
					if of := &n.Of[i]; of.From.Before(end(b.To)) && b.From.Before(end(of.To)) {
						of.Except = append(of.Except, b)
					}
				}
			}
			ours[b] = true // An account may be in all under two names.
		}
	}
	return n.sorted()
}

// widerThan yields the domains that who is in, with an @ before each.
func widerThan(who string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		local, domain := who[:strings.LastIndexByte(who, '@')+1], who[strings.LastIndexByte(who, '@')+1:]
		if local != "@" && !yield("@"+domain) {
			return
		}
		for {
			_, rest, ok := strings.Cut(domain, ".")
			if !ok || !yield("@"+rest) {
				return
			}
			domain = rest
		}
	}
}

// end is a time before which all is when it is open.
func end(t time.Time) time.Time {
	if t.IsZero() {
		return time.Unix(1<<40, 0)
	}
	return t
}

// sorted puts the parties in the order of their rows.
func (n *Parties) sorted() *Parties {
	slices.SortStableFunc(n.Of, func(a, b party) int { return bytes.Compare(a.rows()[0], b.rows()[0]) })
	return n
}

// rows are what the keys of the postings of a party begin with: of a domain
// some of which is excepted, each address.
func (p party) rows() [][]byte {
	if len(p.Except) == 0 {
		return [][]byte{termPrefix(famPostings, fieldParticipant, exactTerm(p.Who))}
	}
	domain := domainFirst("", strings.TrimPrefix(foldLine(p.Who), "@"))
	at := termPrefix(famPostings, fieldPerson, domain)
	at = at[:len(at)-1] // "example.contoso@"
	below := append(bytes.Clone(at[:len(at)-1]), '.')
	return [][]byte{below, at}
}

// domainFirst is an address with the domain before it and backwards, so that
// those of a domain, and those below it, stand together: "example.contoso.mail@jane".
func domainFirst(local, domain string) string {
	labels := strings.Split(domain, ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".") + "@" + local
}

// evalParties goes through the postings of all parties in order, and looks at
// the dates of the documents where a party was one for a time.
func (f *finder) evalParties(n *Parties, within docSet) (docSet, error) {
	out := f.none()
	it, err := f.snap.NewIter(&pebble.IterOptions{LowerBound: []byte{famPostings}, UpperBound: []byte{famPostings + 1}})
	if err != nil {
		return nil, err
	}
	for _, p := range n.Of {
		if err == nil && f.ctx.Err() != nil {
			err = context.Cause(f.ctx)
		}
		if err != nil {
			break
		}
		err = f.addParty(out, p, it, within)
	}
	return out, errors.Join(err, it.Close())
}

func (f *finder) addParty(out docSet, p party, it *pebble.Iterator, within docSet) error {
	except := exceptions(p.Except)
	for _, row := range p.rows() {
		for ok := it.SeekGE(row); ok && bytes.HasPrefix(it.Key(), row); ok = it.Next() {
			key := it.Key()
			chunk := keyChunk(key)
			if within != nil && within.chunk(chunk).empty() {
				continue
			}
			value, err := it.ValueAndErr()
			if err == nil {
				err = f.addDuring(out, chunk, value, p.Belonging, except.of(key[2:len(key)-3]))
			}
			if err != nil {
				return err
			}
		}
	}
	return it.Error()
}

// addDuring adds the documents of a chunk that are of the time of a belonging
// and of no exception's.
func (f *finder) addDuring(out docSet, chunk int, value []byte, b Belonging, not []Belonging) error {
	words := out.chunk(chunk)
	if b.From.IsZero() && b.To.IsZero() && len(not) == 0 {
		return addPostings(words, value)
	}
	all := make(docSet, len(words))
	if err := addPostings(all, value); err != nil {
		return err
	}
	first := docID(chunk) << chunkBits
	all.each(func(low docID) {
		doc := first | low
		if doc >= f.v.n {
			return
		}
		if date := f.v.date[doc]; b.holds(date) && !slices.ContainsFunc(not, func(n Belonging) bool { return n.holds(date) }) {
			out.add(doc)
		}
	})
	return nil
}

// holds reports whether it did at a time in Unix milliseconds.
func (b Belonging) holds(date int64) bool {
	return (b.From.IsZero() || date >= b.From.UnixMilli()) && (b.To.IsZero() || date < b.To.UnixMilli())
}

// excepted finds exceptions by the terms of fieldPerson.
type excepted struct {
	addresses map[string][]Belonging
	domains   map[string][]Belonging // By what the terms begin with, "example.contoso" without the @ or the dot behind it.
}

func exceptions(list []Belonging) (e excepted) {
	if len(list) == 0 {
		return e
	}
	e.addresses, e.domains = map[string][]Belonging{}, map[string][]Belonging{}
	for _, b := range list {
		who := foldLine(b.Who)
		i := strings.LastIndexByte(who, '@')
		term := domainFirst(who[:max(i, 0)], who[i+1:])
		if i > 0 {
			term = string(clip([]byte(term)))
			e.addresses[term] = append(e.addresses[term], b)
		} else {
			term = strings.TrimSuffix(term, "@")
			e.domains[term] = append(e.domains[term], b)
		}
	}
	return e
}

// of lists the exceptions that an address is one of.
func (e excepted) of(term []byte) []Belonging {
	if e.addresses == nil {
		return nil
	}
	list := e.addresses[string(term)]
	if len(e.domains) == 0 {
		return list
	}
	for i, c := range term {
		if c == '.' || c == '@' {
			list = append(slices.Clip(list), e.domains[string(term[:i])]...)
		}
		if c == '@' {
			break
		}
	}
	return list
}

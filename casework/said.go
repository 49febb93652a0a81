package casework

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"polytrace/archive"
)

// Where is a place in which words of a message stand.
type Where string

// The places.
const (
	InText    Where = "text"    // What its author wrote: no quotes and no signature.
	InSubject Where = "subject" // Its subject.
	InFiles   Where = "files"   // The text of attached files.
)

// Wheres lists all places.
func Wheres() []Where { return []Where{InText, InSubject, InFiles} }

// Piece is a text of a message in which something can be found.
type Piece struct {
	Where Where
	Part  int    // Index of the part; -1 of the subject.
	File  string // Of a file its name, with the place in it: "plan.xlsx: sheet Costs".
	Text  string
	Spans [][2]int // What is read of Text.
}

// Said is a message with what can be found in it.
type Said struct {
	Record   archive.Address
	SHA256   archive.Digest
	At       time.Time // When it was sent, as far as that is believed.
	Inbound  bool      // From outside.
	Outbound bool      // From us to somebody outside.
	Human    bool      // A person wrote it.
	Thread   string
	From     string // How people know who wrote it.
	Pieces   []Piece
	Details  []Hit    // Of the built-in extracts.
	Queue    string   // Through which it came.
	Accounts []string // IDs, of those whose mail it is.
}

// Place is where in the record something stands. The record is named by its bytes, so that it stays what it is.
type Place struct {
	Record archive.Address `json:"record"`
	SHA256 archive.Digest  `json:"sha256"`
	Where  Where           `json:"where"`
	Part   int             `json:"part"` // Index of the part; -1 of the subject.
	File   string          `json:"file,omitempty"`
	Start  int             `json:"start"` // Byte offsets into the text of the part, the file or the subject.
	End    int             `json:"end"`
	Quote  string          `json:"quote"`
	Said   time.Time       `json:"said"` // When the message was sent.
}

// same reports whether two places are of the same words, or some of them are.
func (p *Place) same(o *Place) bool {
	return p.SHA256 == o.SHA256 && p.Where == o.Where && p.Part == o.Part && p.File == o.File && p.Start < o.End && o.Start < p.End
}

// at is a place in a piece of a message.
func (m *Said) at(p *Piece, start, end int) Place {
	return Place{m.Record, m.SHA256, p.Where, p.Part, p.File, start, end, p.Text[start:end], m.At}
}

// check refuses a place that could not be found again.
func (p *Place) check() error {
	switch {
	case p.SHA256.IsZero():
		return refuse(Invalid, "SHA256", "What is named does not say the SHA-256 of its message.")
	case !mailStream(p.Record.Stream):
		return refuse(Invalid, "Record", "Only messages are read; %q is not a stream of messages.", p.Record.Stream)
	case !slices.Contains(Wheres(), p.Where), p.Where == InSubject != (p.Part < 0):
		return refuse(Invalid, "Where", "%q of part %d is no place in a message.", p.Where, p.Part)
	case p.Quote == "" || len(p.Quote) > maxFound || !utf8.ValidString(p.Quote) || p.Start < 0 || p.End-p.Start != len(p.Quote):
		return refuse(Invalid, "Quote", "The words and their span from %d to %d do not fit together.", p.Start, p.End)
	case p.Said.IsZero():
		return refuse(Invalid, "Said", "When the message was sent is not said.")
	}
	return nil
}

// Bounds of what is looked for, and of what is found.
const (
	maxPattern = 500 // bytes of a pattern
	maxFound   = 200 // bytes of words that are found
	maxHits    = 50  // in a piece
)

// compile reads a pattern (RE2: it takes time in proportion to the text, whatever it says) and refuses what cannot be
// one, with the place of the error.
func compile(field, pattern string) (*regexp.Regexp, error) {
	switch {
	case strings.TrimSpace(pattern) == "":
		return nil, refuse(Invalid, field, "Write what is looked for, for example ZD-(?P<id>[0-9]+).")
	case len(pattern) > maxPattern:
		return nil, refuse(Invalid, field, "The pattern has %d bytes; at most %d fit.", len(pattern), maxPattern)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, refuse(Invalid, field, "%s", patternFault(pattern, err))
	}
	if re.MatchString("") {
		return nil, refuse(Invalid, field, "The pattern matches where nothing stands. Say at least one character that has to be there.")
	}
	return re, nil
}

// patternFault says where a pattern goes wrong, and why.
func patternFault(pattern string, err error) string {
	fault, ok := err.(*syntax.Error)
	if !ok {
		return "The pattern cannot be read: " + err.Error() + "."
	}
	text := "The pattern cannot be read: " + fault.Code.String()
	if i := strings.Index(pattern, fault.Expr); fault.Expr != "" && i >= 0 {
		return fmt.Sprintf("%s at character %d, %s.", text, utf8.RuneCountInString(pattern[:i])+1, fault.Expr)
	}
	return text + "."
}

// lookedFor is the group of a pattern that is what is looked for: the first one with a name, else the whole.
func lookedFor(re *regexp.Regexp) int {
	return max(0, slices.IndexFunc(re.SubexpNames(), func(name string) bool { return name != "" }))
}

// each calls f for what a pattern finds in a piece: the whole of a match, and the part that is looked for.
func (p *Piece) each(re *regexp.Regexp, f func(whole, value [2]int)) {
	group, hits := lookedFor(re), 0
	for _, span := range p.Spans {
		for _, at := range re.FindAllStringSubmatchIndex(p.Text[span[0]:span[1]], maxHits-hits) {
			start, end := at[2*group], at[2*group+1]
			if start < 0 || start == end || end-start > maxFound {
				continue
			}
			f([2]int{span[0] + at[0], span[0] + at[1]}, [2]int{span[0] + start, span[0] + end})
			if hits++; hits == maxHits {
				return
			}
		}
	}
}

package index

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The query language:
//
//	query   = [ or ]
//	or      = and { "OR" and }
//	and     = not { [ "AND" ] not }
//	not     = { "-" | "NOT" } [ "+" ] near
//	near    = item [ "NEAR" [ "/" number | "(" [ "n=" ] number ")" ] item ]
//	item    = "(" or ")" | operator ":" ( value | "(" or ")" ) | "thread:" ( "(" or ")" | "{" or "}" ) | value
//	value   = word [ "*" ] | '"' words '"'      A * stands anywhere in what operators of people take.
//
// AND binds before OR. The words AND, OR, NOT and NEAR are capitals; in small letters they
// are words like any other. What an operator takes stands in operators.go.

// Node is a part of a parsed query: *And, *Or, *Not, *All, *None, *Text,
// *Near, *Term, *Pattern, *Span, *Received, *Size, *Unsearchable, *Case, *ThreadID, *InThread, *Digest or *Parties.
type Node interface{ node() }

type (
	// And holds where all of its parts hold; there are two or more.
	And struct{ Kids []Node }
	// Or holds where any of its parts does; there are two or more.
	Or struct{ Kids []Node }
	// Not holds where its part does not.
	Not struct{ Kid Node }
	// All holds everywhere.
	All struct{ _ byte } // With a byte, so that two have two addresses.
	// Text holds where words stand next to each other in one field.
	Text struct {
		Fields []field // Any of them.
		Slots  []Slot  // One or more, in order.
	}
	// Near holds where two texts are not further than Distance words apart in one field, in either order.
	Near struct {
		A, B     *Text
		Distance int
	}
	// Term holds where a field has a value as a whole, or one that begins with it.
	Term struct {
		Field field
		Slot
	}
	// Pattern holds where all of a value of a field is like a text with stars.
	Pattern struct {
		Field field
		Glob  string
	}
	// Span holds for documents of a time from From until before To; a zero end is open.
	Span struct{ From, To time.Time }
	// Received is Span of when a document came.
	Received struct{ From, To time.Time }
	// Size holds for documents of more than Over and less than Under bytes.
	Size struct{ Over, Under int64 }
	// Unsearchable holds for documents of which not all text could be read.
	Unsearchable struct{ _ byte }
	// Case holds for the mail of a case; where that was not said, for what it cites.
	Case struct {
		Number int
		Mail   []CaseMail
	}
	// ThreadID holds for the messages of a conversation.
	ThreadID struct{ ID string }
	// InThread holds for the messages of conversations in which it holds for one.
	InThread struct{ Kid Node }
	// Digest holds for the bytes whose SHA-256 begins with hexadecimal digits.
	Digest struct{ Hex string }
)

// Slot is a folded word, or the beginning of one.
type Slot struct {
	Text   string
	Prefix bool
}

func (*And) node()          {}
func (*Or) node()           {}
func (*Not) node()          {}
func (*All) node()          {}
func (*Text) node()         {}
func (*Near) node()         {}
func (*Term) node()         {}
func (*Pattern) node()      {}
func (*Span) node()         {}
func (*Received) node()     {}
func (*Size) node()         {}
func (*Unsearchable) node() {}
func (*Case) node()         {}
func (*ThreadID) node()     {}
func (*InThread) node()     {}
func (*Digest) node()       {}

// Limits that no person meets; they bound the work of a hostile query.
const (
	maxQuery = 64 << 10 // bytes
	maxDepth = 100      // brackets and negations inside each other
	maxNear  = 1000     // words
)

// anywhere is what words without an operator are searched in.
var anywhere = []field{fieldSubject, fieldBody, fieldParticipant, fieldFilename, fieldAttached}

// Parse reads a query. now is what "yesterday" and "7d" refer to, and its
// zone is the one that days begin in. The error is a *SyntaxError.
func Parse(query string, now time.Time, names Names) (Node, error) {
	n, _, err := parse(query, now, names)
	return n, err
}

func newParser(query string, now time.Time, names Names) *parser {
	return &parser{query: query, now: now, names: names, cutter: newWordCutter(), expanded: new(int)}
}

// parse also reports whether the query says something else at another time.
func parse(query string, now time.Time, names Names) (n Node, relative bool, err error) {
	p := newParser(query, now, names)
	n, err = p.parse()
	return n, p.relative, err
}

func (p *parser) parse() (Node, error) {
	query := p.query
	if len(query) > maxQuery {
		return nil, p.errorf(maxQuery, "The query is longer than %d bytes. Ask for less at once.", maxQuery)
	}
	return p.all()
}

// all reads the query to its end.
func (p *parser) all() (Node, error) {
	p.space()
	if p.done() {
		return &All{}, nil
	}
	n, err := p.or(nil)
	if err != nil {
		return nil, err
	}
	if !p.done() { // Only a bracket ends an expression early.
		return nil, p.errorf(p.at, "This bracket closes nothing. Remove it, or put ( before the part it should close.")
	}
	if n == nil {
		return nil, p.errorf(0, "There is no letter or digit to search for in %s.", shown(p.query))
	}
	return n, nil
}

type parser struct {
	query  string
	at     int // offset of what comes next
	depth  int
	braces int // that are open
	now    time.Time
	names  Names
	cutter *wordCutter
	parts  []part // Outside of brackets; see narrow.go.
	spans  spans  // Nil unless somebody asks for them.

	relative bool     // It names a time by how long ago it is.
	inside   []string // The saved searches that the query is in, the outermost first.
	expanded *int     // Bytes of all saved searches in the query.
}

func (p *parser) errorf(offset int, format string, args ...any) error {
	return &SyntaxError{p.query, min(offset, len(p.query)), fmt.Sprintf(format, args...)}
}

func (p *parser) done() bool { return p.at >= len(p.query) }

func (p *parser) peek() rune {
	r, _ := utf8.DecodeRuneInString(p.query[p.at:])
	return r
}

func (p *parser) space() {
	rest := strings.TrimLeftFunc(p.query[p.at:], unicode.IsSpace)
	p.at = len(p.query) - len(rest)
}

// keyword takes word when it comes next and stands alone.
func (p *parser) keyword(word string) bool {
	rest, ok := strings.CutPrefix(p.query[p.at:], word)
	if !ok {
		return false
	}
	if r, _ := utf8.DecodeRuneInString(rest); rest != "" && !unicode.IsSpace(r) && r != '(' && !p.closes(r) && !isQuote(r) {
		return false
	}
	p.at = len(p.query) - len(rest)
	p.space()
	return true
}

// Every method below returns a nil node for what has nothing to search for, such
// as a lone "&" among words. op is the operator of the brackets around, or nil.

func (p *parser) or(op *operator) (Node, error) {
	var kids []Node
	begin := p.at
	for {
		n, err := p.and(op)
		if err != nil {
			return nil, err
		}
		if n != nil {
			kids = append(kids, n)
		}
		start := p.at
		if !p.keyword("OR") {
			p.whole(op, len(kids))
			return p.join(kids, begin, func() Node { return &Or{kids} }), nil
		}
		if p.done() || p.closes(p.peek()) {
			return nil, p.errorf(start, "There is nothing behind OR. Write what else may hold, or \"OR\" in quotes to search for the word.")
		}
	}
}

func (p *parser) and(op *operator) (Node, error) {
	var kids []Node
	begin := p.at
	for first := true; ; first = false {
		start := p.at
		for _, word := range []string{"AND", "OR"} {
			if first && p.keyword(word) {
				return nil, p.errorf(start, "There is nothing before %s. Write what should hold, or \"%s\" in quotes to search for the word.", word, word)
			}
		}
		n, err := p.not(op)
		if err != nil {
			return nil, err
		}
		if n != nil {
			kids = append(kids, n)
			p.part(op, start, n)
		}
		start = p.at
		and := p.keyword("AND")
		if p.done() || p.closes(p.peek()) || p.atKeyword("OR") {
			if and {
				return nil, p.errorf(start, "There is nothing behind AND. Write what else should hold, or \"AND\" in quotes to search for the word.")
			}
			return p.join(kids, begin, func() Node { return &And{kids} }), nil
		}
	}
}

func (p *parser) atKeyword(word string) bool {
	at := p.at
	found := p.keyword(word)
	p.at = at
	return found
}

func (p *parser) join(kids []Node, begin int, many func() Node) Node {
	switch len(kids) {
	case 0:
		return nil
	case 1:
		return kids[0]
	}
	n := many()
	p.note(n, begin)
	return n
}

func (p *parser) not(op *operator) (Node, error) {
	start := p.at
	switch {
	case p.keyword("NOT"):
		if p.done() || p.closes(p.peek()) {
			return nil, p.errorf(start, "There is nothing behind NOT. Write what should not hold, or \"NOT\" in quotes to search for the word.")
		}
	case p.mark('-'):
	case p.mark('+'): // As all words are, it has to be there.
		return p.near(op)
	default:
		return p.near(op)
	}
	if err := p.enter(start); err != nil {
		return nil, err
	}
	defer p.leave()
	n, err := p.not(op)
	if n == nil || err != nil {
		return nil, err
	}
	not := &Not{n}
	p.note(not, start)
	return not, nil
}

// mark takes a "-" or "+" that has something behind it.
func (p *parser) mark(sign byte) bool {
	rest := p.query[p.at:]
	if len(rest) < 2 || rest[0] != sign {
		return false
	}
	if r, _ := utf8.DecodeRuneInString(rest[1:]); unicode.IsSpace(r) || p.closes(r) {
		return false
	}
	p.at++
	return true
}

func (p *parser) enter(start int) error {
	if p.depth++; p.depth > maxDepth {
		return p.errorf(start, "More than %d brackets or negations inside each other. Ask in several steps.", maxDepth)
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

func (p *parser) near(op *operator) (Node, error) {
	begin := p.at
	a, err := p.item(op)
	if err != nil || !strings.HasPrefix(p.query[p.at:], "NEAR") {
		return a, err
	}
	start := p.at
	distance, ok := p.distance()
	if !ok {
		return a, nil
	}
	if distance < 1 || distance > maxNear {
		return nil, p.errorf(start, "NEAR takes 1 to %d words, for example disk NEAR/5 full.", maxNear)
	}
	var b Node
	if !p.done() && p.peek() != ')' {
		if b, err = p.item(op); err != nil {
			return nil, err
		}
	}
	x, ok := a.(*Text)
	y, ok2 := b.(*Text)
	if !ok || !ok2 || !slices.Equal(x.Fields, y.Fields) {
		return nil, p.errorf(start, "NEAR stands between two words or phrases of the same kind, for example disk NEAR/5 full.")
	}
	n := &Near{x, y, distance}
	p.note(n, begin)
	return n, nil
}

// distance takes NEAR, NEAR/5, NEAR(5) or NEAR(n=5).
func (p *parser) distance() (int, bool) {
	m := nearWords.FindStringSubmatch(p.query[p.at:])
	if m == nil {
		return 10, p.keyword("NEAR")
	}
	rest := p.query[p.at+len(m[0]):]
	behind := strings.TrimLeftFunc(rest, unicode.IsSpace)
	apart := behind != rest || rest == ""
	if !apart && m[1] != "" {
		return 0, false
	}
	if m[2] != "" && (!apart || behind == "" || behind[0] == ')') { // Words in brackets.
		return 10, p.keyword("NEAR")
	}
	n, err := strconv.Atoi(m[1] + m[2])
	if err != nil || n > maxNear {
		n = maxNear + 1
	}
	p.at += len(m[0])
	p.space()
	return n, true
}

// nearWords is NEAR with a number, as Xapian and as KQL write it.
var nearWords = regexp.MustCompile(`^NEAR(?:/([0-9]+)|\((?:n ?= ?)?([0-9]+)\))`)

func (p *parser) item(op *operator) (Node, error) {
	start := p.at
	n, err := p.itemAt(op, start)
	if err == nil {
		p.note(n, start)
		p.space()
	}
	return n, err
}

func (p *parser) itemAt(op *operator, start int) (Node, error) {
	switch r := p.peek(); {
	case r == '(':
		return p.brackets(op)
	case p.closes(r):
		return nil, p.errorf(start, "This bracket closes nothing. Remove it, or put ( before the part it should close.")
	case isQuote(r):
	default:
		name, ok := p.operatorName()
		if !ok {
			break
		}
		inner, err := p.operator(start, name)
		if err != nil {
			return nil, err
		}
		if inner.name == "thread" && !p.done() && (p.peek() == '(' || p.peek() == '{') {
			return p.inThread()
		}
		if inner.name == "header" {
			return p.header(inner, start)
		}
		if !p.done() && p.peek() == '(' {
			return p.brackets(inner)
		}
		return p.value(inner, start)
	}
	return p.value(op, start)
}

func (p *parser) brackets(op *operator) (Node, error) {
	open, end := p.at, byte(')')
	if p.query[open] == '{' {
		end = '}'
		p.braces++
		defer func() { p.braces-- }()
	}
	if err := p.enter(open); err != nil {
		return nil, err
	}
	defer p.leave()
	p.at++
	p.space()
	if !p.done() && p.query[p.at] == end {
		return nil, p.errorf(open, "There is nothing between these brackets. Write what to search for, or remove them.")
	}
	unclosed := p.errorf(open, "This bracket is never closed. Put %c behind the part it opens.", end)
	if p.done() {
		return nil, unclosed
	}
	n, err := p.or(op)
	if err != nil {
		return nil, err
	}
	if p.done() || p.query[p.at] != end {
		return nil, unclosed
	}
	p.at++
	return n, nil
}

// inThread takes a query in brackets or braces, whose words are not those of the operator before it.
func (p *parser) inThread() (Node, error) {
	n, err := p.brackets(nil)
	if n == nil || err != nil {
		return nil, err
	}
	return &InThread{n}, nil
}

// closes reports whether a character ends what brackets are around. A brace does so only inside braces.
func (p *parser) closes(r rune) bool { return r == ')' || r == '}' && p.braces > 0 }

// operatorName takes "name:" unless it only looks like one, as in
// https://…, C:\… and 10:30 do. With a - or _ in it, it is one only when it is known.
func (p *parser) operatorName() (string, bool) {
	rest := p.query[p.at:]
	n, joined := 0, false
	for n < len(rest) && (rest[n]|0x20 >= 'a' && rest[n]|0x20 <= 'z' || n > 0 && (rest[n] >= '0' && rest[n] <= '9' || rest[n] == '-' || rest[n] == '_')) {
		joined = joined || rest[n] == '-' || rest[n] == '_'
		n++
	}
	if n == 0 || n >= len(rest) || rest[n] != ':' {
		return "", false
	}
	if next := rest[n+1:]; strings.HasPrefix(next, "//") || n == 1 && next != "" && (next[0] == '\\' || next[0] == '/') {
		return "", false
	}
	name := strings.ToLower(rest[:n])
	if joined && !known(name) {
		return "", false
	}
	p.at += n + 1
	return name, true
}

func isQuote(r rune) bool { return r == '"' || r == '“' || r == '”' || r == '„' }

// value takes a word or phrase and gives it to the operator; nil searches it anywhere.
func (p *parser) value(op *operator, start int) (Node, error) {
	v := value{start: p.at}
	if !p.done() && isQuote(p.peek()) {
		quote := p.at
		p.at += utf8.RuneLen(p.peek())
		v.start = p.at
		end := strings.IndexFunc(p.query[p.at:], isQuote)
		if end < 0 {
			return nil, p.errorf(quote, "This quotation mark is never closed. Put \" behind the last word of the phrase.")
		}
		v.text, v.quoted = p.query[p.at:p.at+end], true
		p.at += end
		p.at += utf8.RuneLen(p.peek())
	} else {
		v.text = p.query[p.at : p.at+p.wordEnd(p.query[p.at:])]
		p.at += len(v.text)
	}
	if op == nil {
		return p.words(v)
	}
	if strings.TrimSpace(v.text) == "" {
		return nil, p.errorf(start, "%s: needs a value right behind it, for example %s.", op.name, op.example)
	}
	return op.parse(p, op, v)
}

func (p *parser) wordEnd(s string) int {
	if i := strings.IndexFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '(' || p.closes(r) || isQuote(r) }); i >= 0 {
		return i
	}
	return len(s)
}

// value is what stands behind an operator or alone.
type value struct {
	text   string
	quoted bool
	start  int // offset of text
}

// star cuts the star off the end of a word.
func (p *parser) star(v value) (_ string, prefix bool, err error) {
	if v.quoted {
		return v.text, false, nil
	}
	text, prefix := strings.CutSuffix(v.text, "*")
	if i := strings.IndexByte(text, '*'); i >= 0 {
		return "", false, p.errorf(v.start+i, "A * can only stand at the end of a word, as in overfl*. Anywhere it can stand in addresses, as in from:*contoso*.")
	}
	return text, prefix, nil
}

// words makes the node of a value without operator.
func (p *parser) words(v value) (Node, error) {
	text, prefix, err := p.star(v)
	if err != nil {
		return nil, err
	}
	if text == "" && prefix {
		return &All{}, nil
	}
	t := p.text(anywhere, text, prefix)
	if t == nil {
		return nil, nil
	}
	if !v.quoted && strings.Contains(text, "@") {
		if n := addressTerm(fieldParticipant, text, prefix); n != nil {
			return &Or{[]Node{n, t}}, nil
		}
	}
	return t, nil
}

// text cuts a value into slots; nil when it has no word.
func (p *parser) text(fields []field, text string, prefix bool) Node {
	var slots []Slot
	var kinds []wordKind
	p.cutter.cut(text, func(w word) bool {
		slots, kinds = append(slots, Slot{string(w.Term), false}), append(kinds, w.Kind)
		return true
	})
	last := len(slots) - 1
	if last < 0 {
		return nil
	}
	// The last character of a run may go on in what is found, unless a word follows that
	// has to stand behind it. Where a pair before it says as much, it is left out.
	open := kinds[last] == tailWord
	if open && last > 0 && kinds[last-1] == pairWord {
		slots, last, open = slots[:last], last-1, false
	}
	end := &slots[last]
	if open || prefix && strings.TrimRightFunc(text, notInWord) == text {
		end.Prefix = true
		end.Text = prefixTerm(end.Text)
	}
	return &Text{fields, slots}
}

// prefixTerm is the part of a folded term that others can begin with.
func prefixTerm(term string) string {
	if len(term) <= termHead {
		return term
	}
	n := termHead
	for !utf8.RuneStart(term[n]) {
		n--
	}
	return term[:n]
}

// shown is a query or a part of it as an error message repeats it.
func shown(s string) string {
	if len(s) > 40 {
		s = strings.ToValidUTF8(s[:40], "") + "…"
	}
	return strconv.Quote(s)
}

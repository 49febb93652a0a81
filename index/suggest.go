package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"polytrace/message"
)

// Suggestion is how a query may go on, or what may have been meant.
type Suggestion struct {
	Kind  string `json:"kind"`           // operator, value, person, domain, queue, mailbox, filetype, word, query.
	Text  string `json:"text"`           // What it puts into the query.
	Help  string `json:"help,omitempty"` // One line for people: a name, what an operator is for.
	Count int    `json:"count"`          // How many messages have it; of a whole query, its hits. 0 for operators.
	Query string `json:"query"`          // The query with it.
	At    int    `json:"at"`             // Byte offset behind it.
}

// Bounds of the work for one answer, whatever the size of the index.
const (
	maxSuggestions = 20
	suggestBudget  = 512 << 10 // Bytes of postings that a walk through terms reads.
	suggestSample  = 48        // Messages whose people are looked at.
	suggestParts   = 6         // Parts of a query without hits that are looked at.
)

// Suggest lists how the word at byte offset at of a query may go on: operators and their
// values, and people, queues, mailboxes, files and words of messages within the limits,
// the most frequent first, each with how many messages have it. Where nothing begins so, it
// lists what the word may be a slip for.
func (r Reader) Suggest(ctx context.Context, query string, at, limit int) (all []Suggestion, err error) {
	if len(query) > maxQuery {
		return nil, nil
	}
	err = r.look(ctx, func(f *finder, _ *state) error {
		all, err = r.suggest(f, query, at, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("suggest: %w", err)
	}
	return all, nil
}

func (r Reader) suggest(f *finder, query string, at, limit int) ([]Suggestion, error) {
	s := &suggester{finder: f, names: r.names, seen: f.all(), spot: spotAt(query, at), limit: min(max(limit, 0), maxSuggestions)}
	if err := s.fill(); err != nil {
		return nil, err
	}
	return s.out, nil
}

// Instead lists what may be asked instead of a query that cannot be read or finds nothing, with how
// many hits each has.
func (r Reader) Instead(ctx context.Context, query string, now time.Time, limit int) (all []Suggestion, err error) {
	if len(query) > maxQuery {
		return nil, nil
	}
	err = r.look(ctx, func(f *finder, _ *state) error {
		tries := repairs(query, now, r.names)
		if tries == nil {
			if tries, err = r.others(f, query, now); err != nil {
				return err
			}
		}
		for _, t := range tries {
			if len(all) >= limit {
				break
			}
			t.Query = strings.TrimSpace(t.Query)
			t.At = min(t.At, len(t.Query))
			n, err := Parse(t.Query, now, r.names)
			if err != nil || t.Query == query || slices.ContainsFunc(all, func(o Suggestion) bool { return o.Query == t.Query }) {
				continue
			}
			hits, err := f.find(n)
			if err != nil {
				return err
			}
			if t.Count = hits.count(); t.Count > 0 {
				all = append(all, t)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for other queries: %w", err)
	}
	return all, nil
}

// repairs are a query that cannot be read with what is too few or too many mended; nil when it can be read.
func repairs(query string, now time.Time, names Names) []Suggestion {
	_, err := Parse(query, now, names)
	var syntax *SyntaxError
	if !errors.As(err, &syntax) {
		return nil
	}
	all := []Suggestion{{Query: query + `"`}, {Query: query + ")"}, {Query: query + `")`}}
	at := min(syntax.Offset, len(query))
	if at < len(query) && query[at] == ')' {
		all = append(all, Suggestion{Query: query[:at] + query[at+1:]})
	}
	end := at + (&parser{}).wordEnd(query[at:])
	for _, s := range near(spotAt(query, end)) {
		all = append(all, Suggestion{Query: s.Query, Text: s.Text})
	}
	for i := range all {
		all[i].Kind, all[i].At = "query", len(all[i].Query)
		all[i].Text = cmp.Or(all[i].Text, all[i].Query)
	}
	return all
}

// others puts words that there are in the place of those that no message has, and leaves parts out.
func (r Reader) others(f *finder, query string, now time.Time) (all []Suggestion, err error) {
	var left []Suggestion
	parts := r.parts(query, now)
	for i, p := range parts[:min(len(parts), suggestParts)] {
		if p.node == nil {
			continue
		}
		hits, err := f.find(p.node)
		if err != nil {
			return nil, err
		}
		if hits.empty() {
			at := p.end
			if last, size := utf8.DecodeLastRuneInString(query[:at]); isQuote(last) {
				at -= size
			}
			meant, err := r.suggest(f, query, at, 3)
			if err != nil {
				return nil, err
			}
			all = append(all, meant...)
		}
		if len(parts) > 1 {
			rest := without(query, parts, i)
			left = append(left, Suggestion{Kind: "query", Text: rest, Help: "without " + query[p.start:p.end], Query: rest, At: len(rest)})
		}
	}
	return append(all, left...), nil
}

// spot is where in a query somebody writes.
type spot struct {
	query      string
	start, end int       // The word, without sign, operator and quotation mark.
	word       string    // Of it what stands before the cursor.
	op         *operator // That it is for; nil when it is for none.
	unknown    string    // The name before the colon, where no operator has it.
	nameAt     int       // Where the name begins.
	quoted     bool
}

// spotAt finds the word that a byte offset is in or behind.
func spotAt(query string, at int) spot {
	at = min(max(at, 0), len(query))
	for at > 0 && at < len(query) && !utf8.RuneStart(query[at]) {
		at--
	}
	p := spot{query: query}
	outer := []*operator{nil} // Of the brackets that are open.
	var of *operator          // Of the quotation.
	for i := 0; i < at; {
		r, size := utf8.DecodeRuneInString(query[i:])
		token := query[p.start:i]
		i += size
		switch {
		case isQuote(r):
			if p.quoted = !p.quoted; p.quoted {
				of = behind(token, outer[len(outer)-1])
			}
			p.start = i
		case unicode.IsSpace(r):
			p.start = i
		case p.quoted:
		case r == '(':
			outer = append(outer, behind(token, outer[len(outer)-1]))
			p.start = i
		case r == ')':
			outer = outer[:max(1, len(outer)-1)]
			p.start = i
		}
	}
	p.op = outer[len(outer)-1]
	if p.quoted {
		p.op = of
	} else {
		p.unquoted(at)
	}
	p.word, p.end = query[p.start:at], at+(&parser{}).wordEnd(query[at:])
	return p
}

// unquoted takes sign and operator off the word.
func (p *spot) unquoted(at int) {
	token := p.query[p.start:at]
	p.start += len(token) - len(strings.TrimPrefix(token, "-"))
	q := parser{query: p.query[:at], at: p.start}
	name, ok := q.operatorName()
	if !ok {
		return
	}
	p.nameAt, p.start = p.start, q.at
	if p.op = operatorOf(name); p.op == nil {
		p.unknown = name
	}
}

// behind is the operator that a token ends with; outer when it has none.
func behind(token string, outer *operator) *operator {
	name, ok := strings.CutSuffix(strings.TrimPrefix(token, "-"), ":")
	if !ok {
		return outer
	}
	return operatorOf(strings.ToLower(name))
}

// with is the query with text in the place of the word from start on.
func (p *spot) with(kind, text string, start int) Suggestion {
	rest := p.query[p.end:]
	s := Suggestion{Kind: kind, Text: text, Query: p.query[:start] + text}
	if rest == "" && kind != "operator" && !p.quoted {
		s.Query += " "
	}
	s.At = len(s.Query)
	s.Query += rest
	return s
}

// suggester gathers suggestions for one place.
type suggester struct {
	*finder
	spot
	names Names
	seen  docSet // Everything within the limits.
	limit int
	out   []Suggestion
}

func (s *suggester) fill() error {
	switch {
	case s.unknown != "":
		s.take(near(s.spot)...)
		return nil
	case s.op == nil && !s.quoted:
		return s.anything()
	case s.op == nil:
		return s.words(anywhere)
	}
	return s.values(s.op)
}

func (s *suggester) take(all ...Suggestion) {
	for _, one := range all {
		known := slices.ContainsFunc(s.out, func(o Suggestion) bool { return o.Query == one.Query })
		if len(s.out) < s.limit && !known && strings.TrimSpace(one.Query) != strings.TrimSpace(s.query) {
			s.out = append(s.out, one)
		}
	}
}

// anything suggests for a word without operator.
func (s *suggester) anything() error {
	word := strings.ToLower(s.word)
	for _, op := range operators() {
		if strings.HasPrefix(op.name, word) {
			s.take(s.operator(op, s.start))
		}
	}
	if word == "" {
		return nil
	}
	for _, t := range []struct {
		share int
		do    func() error
	}{
		{3, func() error { return s.persons("participant", fieldParticipant) }},
		{1, func() error { return s.domains("participant", fieldParticipant) }},
		{s.limit, func() error { return s.words(anywhere) }},
	} {
		limit := s.limit
		s.limit = min(limit, len(s.out)+t.share)
		err := t.do()
		if s.limit = limit; err != nil {
			return err
		}
	}
	return nil
}

func (p *spot) operator(op *operator, start int) Suggestion {
	one := p.with("operator", op.name+":", start)
	one.Help = op.help
	return one
}

// values suggests what may stand behind an operator.
func (s *suggester) values(op *operator) error {
	if op.values != nil {
		return s.choices(op)
	}
	if len(op.fields) == 0 {
		return nil
	}
	all := func(string) bool { return true }
	switch fd := op.fields[0]; fd {
	case fieldFrom, fieldTo, fieldCc, fieldBcc, fieldRcpt, fieldParticipant:
		if err := s.persons(op.name, fd); err != nil {
			return err
		}
		return s.domains(op.name, fd)
	case fieldQueue:
		if s.within == nil {
			return s.terms("queue", op.name, fd, all)
		}
		return s.openQueues(op)
	case fieldMailbox:
		return s.terms("mailbox", op.name, fd, all)
	case fieldType:
		media := strings.Contains(s.word, "/")
		return s.terms("filetype", op.name, fd, func(term string) bool { return media || ofFile(term) })
	case fieldSubject, fieldBody, fieldFilename, fieldAttached:
		return s.words(op.fields)
	}
	return nil
}

// choices suggests those values that a message has.
func (s *suggester) choices(op *operator) error {
	var fit []string
	for v := range op.values {
		if strings.HasPrefix(v, strings.ToLower(s.word)) {
			fit = append(fit, v)
		}
	}
	slices.Sort(fit)
	if fit == nil {
		for _, one := range near(s.spot) {
			fit = append(fit, one.Text)
		}
	}
	var found []Suggestion
	for _, v := range fit {
		one := s.with("value", v, s.start)
		count, err := s.count(op.values[v])
		if err != nil {
			return err
		}
		if one.Count = count; count > 0 {
			found = append(found, one)
		}
	}
	slices.SortStableFunc(found, func(a, b Suggestion) int { return b.Count - a.Count })
	s.take(found...)
	return nil
}

// near are the operators, or the values of the operator, that a word may be a slip for.
func near(p spot) (all []Suggestion) {
	if p.op != nil && p.op.values != nil {
		var known []string
		for v := range p.op.values {
			known = append(known, v)
		}
		slices.Sort(known)
		for _, v := range nearest(strings.ToLower(p.word), known) {
			all = append(all, p.with("value", v, p.start))
		}
		return all
	}
	if p.unknown == "" {
		return nil
	}
	var known []string
	for _, op := range operators() {
		known = append(known, op.name+":")
	}
	for _, name := range nearest(p.unknown+":", known) {
		one := p.operator(operatorOf(strings.TrimSuffix(name, ":")), p.nameAt)
		one.Query = p.query[:p.nameAt] + name + p.query[p.start:]
		one.At = p.end + len(one.Query) - len(p.query)
		all = append(all, one)
	}
	return all
}

func (s *suggester) count(n Node) (int, error) {
	hits, err := s.hits(n)
	return hits.count(), err
}

func (s *suggester) hits(n Node) (docSet, error) {
	hits, err := s.eval(n, s.seen)
	if err != nil {
		return nil, err
	}
	hits.and(s.seen)
	return hits, nil
}

// weighed is a term and roughly how many messages have it.
type weighed struct {
	term   string
	weight int
}

// heaviest puts terms in order, without those that stand twice.
func heaviest(all []weighed) []weighed {
	most := map[string]int{}
	for _, w := range all {
		most[w.term] = max(most[w.term], w.weight)
	}
	out := make([]weighed, 0, len(most))
	for term, weight := range most {
		out = append(out, weighed{term, weight})
	}
	slices.SortFunc(out, func(a, b weighed) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), strings.Compare(a.term, b.term))
	})
	return out
}

// begin lists the terms of a field that begin with prefix.
func (s *suggester) begin(fd field, prefix string, keep func(string) bool) (all []weighed, err error) {
	err = s.scan(fd, prefixTerm(prefix), &termScan{of: s.seen, rough: true, budget: suggestBudget}, func(term string, count int) {
		if strings.HasPrefix(term, prefix) && keep(term) {
			all = append(all, weighed{term, count})
		}
	})
	return all, err
}

// offer takes those terms that the query language can write, the most frequent first. The
// counts are those that the query then finds.
func (s *suggester) offer(kind, name string, terms []weighed, help func(term string, hits docSet) (string, error)) error {
	var found []Suggestion
	for _, t := range heaviest(terms) {
		if len(found) >= s.limit-len(s.out) {
			break
		}
		text := condition(name, t.term)
		if text == "" {
			continue
		}
		hits, err := s.hits(&Term{operatorOf(name).fields[0], Slot{t.term, false}})
		if err != nil {
			return err
		}
		one := s.value(kind, name, text)
		if one.Count = hits.count(); one.Count == 0 {
			continue
		}
		if help != nil {
			if one.Help, err = help(t.term, hits); err != nil {
				return err
			}
		}
		found = append(found, one)
	}
	slices.SortStableFunc(found, func(a, b Suggestion) int { return b.Count - a.Count })
	s.take(found...)
	return nil
}

// value is a suggestion of a condition: the operator stands in the query already, or comes with it.
func (s *suggester) value(kind, name, text string) Suggestion {
	if s.op != nil {
		text = strings.TrimPrefix(text, name+":")
	}
	if s.quoted {
		text = strings.Trim(text, `"`)
	}
	return s.with(kind, text, s.start)
}

func (s *suggester) terms(kind, name string, fd field, keep func(string) bool) error {
	all, err := s.begin(fd, foldLine(s.word), keep)
	if err != nil {
		return err
	}
	return s.offer(kind, name, all, nil)
}

// openQueues suggests those whose mail may be read.
func (s *suggester) openQueues(op *operator) error {
	var found []Suggestion
	for _, q := range s.limits.Open {
		term := exactTerm(q)
		text := condition(op.name, term)
		if text == "" || !strings.HasPrefix(term, foldLine(s.word)) {
			continue
		}
		count, err := s.count(&Term{fieldQueue, Slot{term, false}})
		if err != nil {
			return err
		}
		one := s.value("queue", op.name, text)
		if one.Count = count; count > 0 {
			found = append(found, one)
		}
	}
	slices.SortStableFunc(found, func(a, b Suggestion) int { return b.Count - a.Count })
	s.take(found...)
	return nil
}

// domains suggests domains, with all below them.
func (s *suggester) domains(name string, fd field) error {
	word := foldLine(strings.TrimPrefix(s.word, "@"))
	if strings.Contains(word, "@") || word == "" {
		return nil
	}
	all, err := s.begin(fd, "@"+word, func(string) bool { return true })
	if err != nil {
		return err
	}
	return s.offer("domain", name, all, nil)
}

// persons suggests people whose address, or a word of whose name, begins with the word. Names stand
// in the messages, so a few of those that have such a word are looked at.
func (s *suggester) persons(name string, fd field) error {
	word := foldLine(s.word)
	if strings.HasPrefix(word, "@") {
		return nil
	}
	var all []weighed
	of := s.seen
	if word != "" {
		scan := termScan{of: s.seen, rough: true, budget: suggestBudget, into: s.none()}
		err := s.scan(fd, prefixTerm(word), &scan, func(term string, count int) {
			if at := strings.IndexByte(term, '@'); at > 0 && at < len(term)-1 && strings.HasPrefix(term, word) {
				all = append(all, weighed{term, count})
			}
		})
		if err != nil {
			return err
		}
		of = scan.into
		of.and(s.seen)
	}
	named, err := s.named(fd, of, word)
	if err != nil {
		return err
	}
	return s.offer("person", name, append(all, named...), func(term string, hits docSet) (string, error) { return s.nameOf(fd, term, hits) })
}

// named finds people in the latest of some messages that have a word in their name which begins so.
func (s *suggester) named(fd field, of docSet, word string) (all []weighed, err error) {
	for _, doc := range latest(of, suggestSample) {
		d, err := s.stored(doc)
		if err != nil {
			return nil, err
		}
		for _, m := range d.people(fd) {
			if term := addressTermOf(m.Address); term != "" && wordBegins(m.Name, word) {
				all = append(all, weighed{term, 0})
			}
		}
	}
	all = heaviest(all)
	for i := range all {
		if all[i].weight, err = s.count(&Term{fd, Slot{all[i].term, false}}); err != nil || i == 2*(s.limit-len(s.out)) {
			return all[:i], err
		}
	}
	return all, nil
}

// people are those who take part in a field, as far as a line of results shows them.
func (s *stored) people(fd field) []message.Mailbox {
	switch fd {
	case fieldFrom:
		return []message.Mailbox{s.from}
	case fieldParticipant:
		return append([]message.Mailbox{s.from}, s.to...)
	}
	return s.to
}

// wordBegins reports whether a word of text begins with a folded word.
func wordBegins(text, word string) bool {
	return slices.ContainsFunc(strings.FieldsFunc(fold(text), notInWord), func(w string) bool { return strings.HasPrefix(w, word) })
}

// nameOf is what the latest message calls somebody.
func (s *suggester) nameOf(fd field, term string, hits docSet) (string, error) {
	for _, doc := range latest(hits, 4) { // Some have the address alone.
		d, err := s.stored(doc)
		if err != nil {
			return "", err
		}
		for _, m := range d.people(fd) {
			if addressTermOf(m.Address) == term && m.Name != "" && !strings.EqualFold(m.Name, m.Address) {
				return m.Name, nil
			}
		}
	}
	return "", nil
}

// latest are the documents of a set that were applied last.
func latest(of docSet, most int) (docs []docID) {
	for i := len(of) - 1; i >= 0; i-- {
		for w := of[i]; w != 0; {
			if len(docs) == most {
				return docs
			}
			top := bits.Len64(w) - 1
			docs = append(docs, docID(i*64+top))
			w &^= 1 << top
		}
	}
	return docs
}

// words suggests words of the vocabulary; of two letters and more, as nearly all begin with one.
func (s *suggester) words(fields []field) error {
	var last word
	var term string
	newWordCutter().cut(s.word, func(w word) bool {
		last, term = w, string(w.Term)
		return true
	})
	if last.End != len(s.word) || last.Kind != plainWord || utf8.RuneCountInString(term) < 2 {
		return nil
	}
	start, before := s.start+last.Start, len(s.out)
	all, err := s.vocabulary(fields, term)
	if err != nil {
		return err
	}
	if err := s.offerWords(fields, start, heaviest(all)); err != nil || len(s.out) > before || len(all) > 0 {
		return err
	}
	return s.slips(fields, start, term)
}

// vocabulary lists the words that begin with prefix, but for those that nearly every message has; without an operator those of subjects and texts.
func (s *suggester) vocabulary(fields []field, prefix string) (all []weighed, err error) {
	if len(fields) > 1 {
		fields = []field{fieldSubject, fieldBody}
	}
	for _, fd := range fields {
		some, err := s.begin(fd, prefix, func(term string) bool { return !strings.ContainsAny(term, "@=") && !frequentWords[term] })
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func (s *suggester) offerWords(fields []field, start int, words []weighed) error {
	var found []Suggestion
	for _, w := range words {
		if len(found) >= s.limit-len(s.out) {
			break
		}
		n, err := Parse(w.term, time.Time{}, Names{})
		if t, ok := n.(*Text); err != nil || !ok || !slices.Equal(t.Slots, []Slot{{w.term, false}}) {
			continue // It would be read as something else.
		}
		one := s.with("word", w.term, start)
		if one.Count, err = s.count(&Text{fields, []Slot{{w.term, false}}}); err != nil {
			return err
		}
		if one.Count > 0 {
			found = append(found, one)
		}
	}
	slices.SortStableFunc(found, func(a, b Suggestion) int { return b.Count - a.Count })
	s.take(found...)
	return nil
}

// slips suggests words that differ in a letter or two.
func (s *suggester) slips(fields []field, start int, term string) error {
	if len(term) < 4 {
		return nil
	}
	_, first := utf8.DecodeRuneInString(term)
	_, second := utf8.DecodeRuneInString(term[first:])
	all, err := s.vocabulary(fields, term[:first+second])
	if err != nil {
		return err
	}
	most := 1
	if len(term) > 5 {
		most = 2
	}
	for d := 1; d <= most; d++ {
		var close []weighed
		for _, w := range all {
			if len(w.term)-len(term) <= d && len(term)-len(w.term) <= d && distance(w.term, term) == d {
				close = append(close, w)
			}
		}
		if err := s.offerWords(fields, start, heaviest(close)); err != nil {
			return err
		}
	}
	return nil
}

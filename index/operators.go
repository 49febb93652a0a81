package index

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// operator is a name that stands before a colon.
type operator struct {
	name    string
	example string
	help    string // One line for people: what it is for.
	fields  []field
	values  map[string]Node // What a choice may be.
	parse   func(*parser, *operator, value) (Node, error)
}

// operators are all that there are, in the order in which people are told of them.
func operators() []*operator {
	text := func(name, example, help string, f field) *operator {
		return &operator{name: name, example: example, help: help, fields: []field{f}, parse: parseText}
	}
	people := func(name, example, help string, f field) *operator {
		return &operator{name: name, example: example, help: help, fields: []field{f}, parse: parsePeople}
	}
	whole := func(name, example, help string, f field) *operator {
		return &operator{name: name, example: example, help: help, fields: []field{f}, parse: parseWhole}
	}
	return []*operator{
		people("from", "from:jane@contoso.example", "who wrote it: an address, a domain or a name", fieldFrom),
		people("to", "to:@contoso.example", "who got it, also in copy", fieldTo),
		text("subject", "subject:invoice", "words of the subject", fieldSubject),
		text("filename", "filename:report.pdf", "words of the names of attached files", fieldFilename),
		choice("has", "has:attachment", "what it comes with: attachment, link, calendar", fieldHas, hasAttachment, hasLink, hasCalendar),
		{name: "before", example: "before:2026-11-03", help: "sent before a day, or 7d ago", parse: parseBefore},
		{name: "after", example: "after:7d", help: "sent since a day, or 7d ago", parse: parseAfter},
		choice("kind", "kind:message", "message, page or file", fieldKind, "message", "page", "file"),
		{name: "case", example: "case:C-104", help: "of a case: its conversations, and what it cites", parse: parseCase},
		{name: "account", example: "account:contoso", help: "from or to somebody of an account; none for those of no account", parse: parseAccount},
		people("cc", "cc:jane@contoso.example", "who got it in copy", fieldCc),
		people("bcc", "bcc:jane@contoso.example", "who got it in blind copy", fieldBcc),
		people("rcpt", "rcpt:jane@contoso.example", "who got it, as the envelope proves", fieldRcpt),
		people("participant", "participant:contoso.example", "who wrote or got it", fieldParticipant),
		text("body", "body:overflow", "words of the text", fieldBody),
		text("attachment", "attachment:overflow", "words inside attached files", fieldAttached),
		{name: "filetype", example: "filetype:pdf", help: "endings of attached files", fields: []field{fieldType}, parse: parseFiletype},
		choice("is", "is:unsearchable", "what it is: journal, import, automatic, encrypted, unsearchable, mismatched (a file is not what its name says)", fieldIs, isJournal, isImport, isAutomatic, isEncrypted, isUnsearchable, isPage, isForgedDate, isMismatched),
		{name: "on", example: "on:yesterday", help: "sent on a day or in a month", parse: parseOn},
		{name: "date", example: "date:2026-10..2026-11", help: "sent in a time: a day, a month, or from..to", parse: parseDate},
		{name: "larger", example: "larger:10M", help: "larger than, for example 10M", parse: parseLarger},
		{name: "smaller", example: "smaller:100k", help: "smaller than, for example 100k", parse: parseSmaller},
		whole("queue", "queue:support", "the queue it came through", fieldQueue),
		{name: "mailbox", example: "mailbox:jane@contoso.example", help: "the mailbox it was imported from", fields: []field{fieldMailbox}, parse: parseMailbox},
		{name: "thread", example: "thread:mail-17", help: "one conversation", parse: parseThread},
		{name: "id", example: "id:1042@mail.contoso.example", help: "one Message-ID", fields: []field{fieldMessageID}, parse: parseMessageID},
		choice("dkim", "dkim:pass", "whether the signature of its domain held: pass, fail, none", fieldDKIM, dkimPass, dkimFail, dkimNone),
		{name: "saved", example: "saved:acme-open", help: "what a saved search finds", parse: parseSaved},
		{name: "sha256", example: "sha256:9f86d081*", help: "one message by its bytes", parse: parseDigest},
		{name: "file", example: "file:9f86d081*", help: "every message that carries a file, by the bytes of the file", fields: []field{fieldFile}, parse: parseFile},
		people("reply-to", "reply-to:@contoso.example", "where answers are to go", fieldReplyTo),
		{name: "list", example: "list:support.lists.contoso.example", help: "the mailing list it came through", fields: []field{fieldList}, parse: parseList},
		{name: "references", example: "references:1042@mail.contoso.example", help: "answers the message of a Message-ID", fields: []field{fieldReferences}, parse: parseMessageID},
		{name: "header", example: "header:X-Mailer:outlook", help: "words of any header field, or that it is there", fields: []field{fieldHeader}},
		{name: "received", example: "received:2026-10..2026-11", help: "came in a time: a day, a month, or from..to", parse: parseReceived},
		{name: "size", example: "size:1M..5M", help: "of a size, for example 1M..5M", parse: parseSize},
		{name: "hasattachment", example: "hasattachment:true", help: "true or false, as in KQL", parse: parseHasAttachment},
	}
}

// What a document has or is; also the terms of these fields.
const (
	hasAttachment  = "attachment"
	hasLink        = "link"
	hasCalendar    = "calendar"
	isJournal      = "journal"
	isImport       = "import"
	isAutomatic    = "automatic"
	isEncrypted    = "encrypted"
	isUnsearchable = "unsearchable"
	isPage         = "page"
	isForgedDate   = "forged-date"
	isMismatched   = "mismatched" // The name or declared type of a file is not what its bytes are.
)

func choice(name, example, help string, f field, values ...string) *operator {
	op := &operator{name: name, example: example, help: help, values: map[string]Node{}, parse: parseChoice}
	for _, v := range values {
		op.values[v] = &Term{f, Slot{v, false}}
	}
	if name == "is" {
		op.values[isPage] = &Term{fieldKind, Slot{"page", false}}
		op.values[isUnsearchable] = &Unsearchable{}
	}
	return op
}

func (p *parser) operator(start int, name string) (*operator, error) {
	if here, ok := spellings[name]; ok {
		name = here
	}
	if why, ok := strangers[name]; ok {
		return nil, p.errorf(start, "%s. To search for the word itself, put it in quotes.", why)
	}
	ops := operators()
	names := make([]string, len(ops))
	for i, op := range ops {
		if op.name == name {
			return op, nil
		}
		names[i] = op.name + ":"
	}
	near := nearest(name+":", names)
	if len(near) == 0 {
		near = names[:9]
	}
	return nil, p.errorf(start, "There is no operator %s. Known are %s. To search for the word itself, put it in quotes.",
		name+":", strings.Join(near, ", "))
}

// nearest lists the known names that word may be a slip for, best first.
func nearest(word string, known []string) []string {
	best, found := 3, []string(nil)
	for _, k := range known {
		d := distance(word, k)
		if len(word) > 3 && strings.HasPrefix(k, strings.TrimSuffix(word, ":")) {
			d = 1
		}
		if d < best {
			best, found = d, nil
		}
		if d == best && d < 3 {
			found = append(found, k)
		}
	}
	return found
}

// distance counts the letters to insert, delete, replace or swap with the next one (optimal string alignment).
func distance(a, b string) int {
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			cost := row[j]
			if a[i] != b[j] {
				cost++
			}
			next[j+1] = min(cost, next[j]+1, row[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}

func parseText(p *parser, op *operator, v value) (Node, error) {
	text, prefix, err := p.star(v)
	if err != nil {
		return nil, err
	}
	n := p.text(op.fields, text, prefix)
	if n == nil {
		return nil, p.errorf(v.start, "There is no letter or digit to search for in %s; write for example %s.", shown(v.text), op.example)
	}
	return n, nil
}

// parsePeople understands a whole address, @domain, domain or local part with
// dots, a pattern of an address or of a word, and else words of name and address.
func parsePeople(p *parser, op *operator, v value) (Node, error) {
	if text, ok := strings.CutPrefix(v.text, "*@"); ok && !v.quoted { // Whoever it is: the domain alone counts.
		v.text, v.start = "@"+text, v.start+1
	}
	if n := patternOf(op.fields[0], v); n != nil {
		if len(n.Glob) > 0 && !strings.ContainsRune("*@", rune(n.Glob[0])) { // It may begin a domain.
			return &Or{[]Node{n, &Pattern{n.Field, "@" + n.Glob}}}, nil
		}
		return n, nil
	}
	text, prefix, err := p.star(v)
	if err != nil {
		return nil, err
	}
	text = strings.Trim(text, "<>")
	f := op.fields[0]
	if strings.Contains(text, "@") && !strings.ContainsAny(text, " \t") {
		if n := addressTerm(f, text, prefix); n != nil {
			return n, nil
		}
	}
	if strings.Contains(text, ".") && !v.quoted && !strings.ContainsAny(text, "@ ") {
		domain := &Term{f, termSlot("@"+text, prefix)}
		if prefix {
			return &Or{[]Node{domain, &Term{f, termSlot(text, true)}}}, nil
		}
		return &Or{[]Node{domain, &Term{f, termSlot(text+"@", false)}}}, nil
	}
	n := p.text(op.fields, text, prefix)
	if n == nil {
		return nil, p.errorf(v.start, "There is no name, address or domain in %s; write for example %s.", shown(v.text), op.example)
	}
	return n, nil
}

// addressTerm is a whole address or @domain; nil when nothing is left of it.
func addressTerm(f field, text string, prefix bool) Node {
	s := termSlot(strings.Trim(text, "<>,;"), prefix)
	if strings.Trim(s.Text, "@") == "" {
		return nil
	}
	return &Term{f, s}
}

func termSlot(text string, prefix bool) Slot {
	if prefix {
		return Slot{prefixTerm(foldLine(text)), true}
	}
	return Slot{exactTerm(text), false}
}

// patternOf is what a value with a star elsewhere than at its end asks for; nil for others.
func patternOf(f field, v value) *Pattern {
	text := foldLine(strings.Trim(v.text, "<>"))
	for strings.Contains(text, "**") {
		text = strings.ReplaceAll(text, "**", "*")
	}
	if i := strings.IndexByte(text, '*'); v.quoted || i < 0 || i == len(text)-1 {
		return nil
	}
	return &Pattern{f, text}
}

func parseWhole(p *parser, op *operator, v value) (Node, error) {
	text, prefix, err := p.star(v)
	if err != nil {
		return nil, err
	}
	return &Term{op.fields[0], termSlot(strings.TrimSpace(text), prefix)}, nil
}

func parseMailbox(p *parser, op *operator, v value) (Node, error) {
	if n := patternOf(op.fields[0], v); n != nil {
		return n, nil
	}
	return parseWhole(p, op, v)
}

func parseFiletype(p *parser, op *operator, v value) (Node, error) {
	v.text = strings.TrimPrefix(v.text, ".")
	return parseWhole(p, op, v)
}

func parseMessageID(p *parser, op *operator, v value) (Node, error) {
	id := strings.Trim(strings.TrimSpace(v.text), "<>")
	if id == "" {
		return nil, p.errorf(v.start, "%s is no Message-ID; write for example %s.", shown(v.text), op.example)
	}
	return &Term{op.fields[0], Slot{messageIDTerm(id), false}}, nil
}

func parseChoice(p *parser, op *operator, v value) (Node, error) {
	text := strings.ToLower(strings.TrimSpace(v.text))
	if n, ok := op.values[text]; ok {
		return n, nil
	}
	if n, ok := op.values[strings.TrimSuffix(text, "s")]; ok {
		return n, nil
	}
	var known []string
	for k := range op.values {
		known = append(known, op.name+":"+k)
	}
	slices.Sort(known)
	if near := nearest(op.name+":"+text, known); len(near) > 0 {
		known = near
	}
	return nil, p.errorf(v.start, "There is no %s:%s. Known are %s.", op.name, strings.Trim(shown(v.text), `"`), strings.Join(known, ", "))
}

func parseCase(p *parser, op *operator, v value) (Node, error) {
	text := strings.TrimPrefix(strings.ToLower(strings.TrimSpace(v.text)), "c-")
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return nil, p.errorf(v.start, "%s is not the number of a case; write for example %s or case:104.", shown(v.text), op.example)
	}
	c := &Case{Number: int(n)}
	if p.names.Cases != nil {
		c.Mail = p.names.Cases(c.Number)
	}
	return c, nil
}

func parseThread(p *parser, op *operator, v value) (Node, error) {
	if _, ok := threadAddress(v.text); !ok {
		return nil, p.errorf(v.start, "%s is not a conversation; write for example %s, or thread:{from:jane} for the conversations of what a query finds.", shown(v.text), op.example)
	}
	return &ThreadID{v.text}, nil
}

func parseDigest(p *parser, op *operator, v value) (Node, error) {
	text, prefix, err := p.star(v)
	if err != nil {
		return nil, err
	}
	text = strings.ToLower(strings.TrimSpace(text))
	wrong := strings.Trim(text, "0123456789abcdef") != "" || len(text) > 64
	if wrong || !prefix && len(text) != 64 || len(text) < 4 {
		return nil, p.errorf(v.start, "%s is not a SHA-256: write all 64 hexadecimal digits, or at least the first four and a star, for example %s.",
			shown(v.text), op.example)
	}
	return &Digest{text}, nil
}

func parseBefore(p *parser, op *operator, v value) (Node, error) {
	m, err := p.moment(op, v)
	return &Span{To: m.start}, err
}

func parseAfter(p *parser, op *operator, v value) (Node, error) {
	m, err := p.moment(op, v)
	return &Span{From: m.start}, err
}

// parseOn takes a day, month or year; of "7d" the day that was then.
func parseOn(p *parser, op *operator, v value) (Node, error) {
	m, err := p.moment(op, v)
	if m.start.Equal(m.end) {
		m = dayOf(m.start)
	}
	return &Span{m.start, m.end}, err
}

// parseReceived takes what date: does.
func parseReceived(p *parser, op *operator, v value) (Node, error) {
	n, err := parseDate(p, op, v)
	if err != nil {
		return nil, err
	}
	s := n.(*Span)
	return &Received{s.From, s.To}, nil
}

func parseDate(p *parser, op *operator, v value) (Node, error) {
	from, to, ok := strings.Cut(v.text, "..")
	if !ok {
		return parseOn(p, op, v)
	}
	if from == "" && to == "" {
		return nil, p.errorf(v.start, "Write at least one end of the time, for example %s.", op.example)
	}
	s := &Span{}
	if from != "" {
		m, err := p.moment(op, value{text: from, start: v.start})
		if err != nil {
			return nil, err
		}
		s.From = m.start
	}
	if to != "" {
		m, err := p.moment(op, value{text: to, start: v.start + len(from) + 2})
		if err != nil {
			return nil, err
		}
		s.To = m.end
	}
	return s, nil
}

// moment is what a date names: a day, month or year, or with start and end
// the same a point in time.
type moment struct{ start, end time.Time }

func dayOf(t time.Time) moment {
	y, m, d := t.Date()
	start := time.Date(y, m, d, 0, 0, 0, 0, t.Location())
	return moment{start, start.AddDate(0, 0, 1)}
}

func (p *parser) moment(op *operator, v value) (moment, error) {
	text := strings.ToLower(strings.TrimSpace(v.text))
	zone := p.now.Location()
	switch text {
	case "now":
		p.relative = true
		return moment{p.now, p.now}, nil
	case "today":
		p.relative = true
		return dayOf(p.now), nil
	case "yesterday":
		p.relative = true
		return dayOf(p.now.AddDate(0, 0, -1)), nil
	}
	for _, f := range []struct {
		layout       string
		years, month int
		days         int
	}{{"2006-1-2", 0, 0, 1}, {"2006/1/2", 0, 0, 1}, {"2006-1", 0, 1, 0}, {"2006/1", 0, 1, 0}, {"2006", 1, 0, 0}, {"2006-01-02t15:04", 0, 0, 0}} {
		if t, err := time.ParseInLocation(f.layout, text, zone); err == nil {
			return moment{t, t.AddDate(f.years, f.month, f.days)}, nil
		}
	}
	if t, ok := ago(p.now, text); ok {
		p.relative = true
		return moment{t, t}, nil
	}
	return moment{}, p.errorf(v.start, "%s is not a date. Write it as in %s:2026-11-03, %s:2026-11, %s:yesterday or %s:7d (d, w, m and y: days, weeks, months and years ago).",
		shown(v.text), op.name, op.name, op.name, op.name)
}

// ago understands "12h", "7d", "2w", "3m" and "1y".
func ago(now time.Time, text string) (time.Time, bool) {
	if text == "" {
		return now, false
	}
	n, err := strconv.Atoi(text[:len(text)-1])
	if err != nil || n < 0 || n > 100_000 {
		return now, false
	}
	switch text[len(text)-1] {
	case 'h':
		return now.Add(-time.Duration(n) * time.Hour), true
	case 'd':
		return now.AddDate(0, 0, -n), true
	case 'w':
		return now.AddDate(0, 0, -7*n), true
	case 'm':
		return now.AddDate(0, -n, 0), true
	case 'y':
		return now.AddDate(-n, 0, 0), true
	}
	return now, false
}

func parseLarger(p *parser, op *operator, v value) (Node, error) {
	n, err := p.bytes(op, v)
	return &Size{Over: n, Under: math.MaxInt64}, err
}

func parseSmaller(p *parser, op *operator, v value) (Node, error) {
	n, err := p.bytes(op, v)
	return &Size{Over: -1, Under: n}, err
}

// parseSize takes both ends of a range, or the least size alone. The ends belong to it.
func parseSize(p *parser, op *operator, v value) (Node, error) {
	from, to, ranged := strings.Cut(v.text, "..")
	if from == "" && to == "" {
		return nil, p.errorf(v.start, "Write at least one end of the sizes, for example %s.", op.example)
	}
	s := &Size{-1, math.MaxInt64}
	if from != "" {
		n, err := p.bytes(op, value{text: from, start: v.start})
		if err != nil {
			return nil, err
		}
		s.Over = n - 1
	}
	if ranged && to != "" {
		n, err := p.bytes(op, value{text: to, start: v.start + len(from) + 2})
		if err != nil {
			return nil, err
		}
		s.Under = n + 1
	}
	return s, nil
}

// bytes understands "1500", "100k", "10M" and "1.5G"; k is 1024.
func (p *parser) bytes(op *operator, v value) (int64, error) {
	text := strings.TrimSuffix(strings.ToLower(strings.TrimSpace(v.text)), "b")
	unit := float64(1)
	if i := len(text) - 1; i > 0 {
		if e := strings.IndexByte("kmgt", text[i]); e >= 0 {
			unit, text = math.Pow(1024, float64(e+1)), text[:i]
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0) || n*unit > math.MaxInt64/2 {
		return 0, p.errorf(v.start, "%s is not a size; write for example %s:100k or %s:10M.", shown(v.text), op.name, op.name)
	}
	return int64(n * unit), nil
}

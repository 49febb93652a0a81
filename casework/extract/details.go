package extract

import (
	"strings"
)

// Detail is a small fact that people look for again.
type Detail struct {
	Kind Topic `json:"kind"`
	// Name is the word that says what it is, in lower case: "ticket", "po",
	// "error"; "" when there is none.
	Name string `json:"name,omitempty"`
	// Value is what was found in a form that compares: an amount as "1234.50",
	// a phone number as "+4930123456" or its digits, the rest as written.
	Value string `json:"value"`
	// Currency of an amount (ISO 4217), "" for other kinds.
	Currency string `json:"currency,omitempty"`
}

// Topic is what a Detail is about.
type Topic string

const (
	Number  Topic = "reference" // Of a ticket, an order, an invoice.
	Amount  Topic = "amount"    // Of money.
	Phone   Topic = "phone"
	Link    Topic = "link"
	Failure Topic = "error" // The code of an error.
	Release Topic = "version"
	Serial  Topic = "serial"
)

// Details finds reference numbers, amounts of money, phone numbers, links,
// error codes, versions and serial numbers within spans, in order. The span of
// each is the value without the words that say what it is.
func Details(text string, within []Span) (found []Found[Detail]) {
	d := &dater{text: text}
	eachBlock(text, within, func(tokens []token) {
		d.tokens = tokens
		for i := 0; i < len(tokens); {
			f, next, ok := d.detail(i)
			if !ok {
				i++
				continue
			}
			f.Quote = text[f.Start:f.End]
			found = append(found, f)
			i = max(next, i+1)
		}
	})
	return found
}

// detail reads what begins at token i.
func (d *dater) detail(i int) (f Found[Detail], next int, ok bool) {
	t := d.at(i)
	switch t.shape {
	case newline:
		return f, i, false
	case number:
		for _, read := range []func(int) (Found[Detail], int, bool){d.amountOfMoney, d.hexadecimal} {
			if f, next, ok = read(i); ok {
				return f, next, true
			}
		}
		return d.phone(i)
	case mark:
		switch {
		case currencies[t.text] != "":
			return d.amountOfMoney(i)
		case t.text == "+" || t.text == "(":
			return d.phone(i)
		}
		return f, i, false
	}
	switch t.text {
	case "http", "https", "ftp", "www":
		return d.link(i)
	}
	if currencies[t.text] != "" {
		if f, next, ok = d.amountOfMoney(i); ok {
			return f, next, true
		}
	}
	if t.text == "s" && d.is(i+1, "/") && d.is(i+2, "n") && d.at(i+2).glued {
		return d.reference(i+2, keyword{Serial, "serial"})
	}
	if k, known := keywords[t.text]; known {
		return d.reference(i, k)
	}
	if t.text == "v" && d.at(i+1).glued && d.at(i+1).shape == number {
		return d.version(i, i+1, true)
	}
	return d.errorName(i)
}

// currencies by what is written beside an amount.
var currencies = map[string]string{"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "usd": "USD", "eur": "EUR", "euro": "EUR", "euros": "EUR", "gbp": "GBP", "chf": "CHF", "jpy": "JPY", "dollars": "USD", "cad": "CAD", "aud": "AUD", "sek": "SEK", "dkk": "DKK", "nok": "NOK", "pln": "PLN", "inr": "INR"}

// amountOfMoney reads "$1,234.50", "1.234,50 €", "EUR 20", "20k USD".
func (d *dater) amountOfMoney(i int) (f Found[Detail], next int, ok bool) {
	start, j := i, i
	currency := ""
	if c := currencies[d.at(i).text]; c != "" && d.at(i).shape != number {
		currency, j = c, i+1
	}
	if t := d.at(i); t.shape == number && t.glued && (d.at(i-1).shape != mark || d.is(i-1, "/", "-", ".", ",", "_", "#")) {
		return f, i, false
	}
	value, end := d.sum(j)
	if value == "" {
		return f, i, false
	}
	scale := 0
	switch {
	case d.is(end, "k", "tsd") && (d.at(end).glued || d.is(end, "tsd")):
		scale, end = 3, end+1
	case d.is(end, "million", "millionen", "mio", "mn", "m") && (d.at(end).text != "m" || d.at(end).glued):
		scale, end = 6, end+1
		if d.is(end, ".") && d.at(end).glued && currencies[d.at(end+1).text] != "" {
			end++
		}
	}
	if currency == "" {
		c := currencies[d.at(end).text]
		if c == "" || d.at(end).shape == mark && !d.is(end, "€", "$", "£") {
			return f, i, false
		}
		currency, end = c, end+1
	}
	if t := d.at(end); t.glued && end < len(d.tokens) && (t.shape == word || t.shape == number) || d.is(i, "$") && len(value) < 3 && d.is(end, "=", "<", "[", "{", "/", "~", "]", "}") {
		return f, i, false // The latter is a variable of a script.
	}
	f.Span = Span{d.at(start).start, d.at(end - 1).end}
	f.Rule, f.Score = "amount", .9
	f.Value = Detail{Kind: Amount, Value: scaled(value, scale), Currency: currency}
	return f, end, true
}

// sum reads a number with groups of three digits and a fraction. A mark that
// stands once before three digits groups them.
func (d *dater) sum(i int) (value string, next int) {
	t := d.at(i)
	if t.shape != number || t.end-t.start > 15 {
		return "", i
	}
	whole := t.text
	next = i + 1
	group := ""
	for n := 0; n < 6; n++ {
		sep, digits := d.at(next), d.at(next+1)
		if !sep.glued || sep.shape != mark || !digits.glued || digits.shape != number || sep.text != "." && sep.text != "," && sep.text != "'" && sep.text != "’" {
			break
		}
		width := digits.end - digits.start
		if width == 3 && (group == "" || group == sep.text) && len(whole) <= 3*(n+1) {
			group, whole, next = sep.text, whole+digits.text, next+2
			continue
		}
		if sep.text != group && width <= 2 {
			return whole + "." + digits.text, next + 2
		}
		return "", i
	}
	if d.is(next, ",") && d.is(next+1, "-") && d.at(next).glued && d.at(next+1).glued { // "20,- €"
		next += 2
	}
	return whole, next
}

// scaled moves the point of a number to the right.
func scaled(value string, by int) string {
	whole, fraction, _ := strings.Cut(value, ".")
	if by == 0 {
		if fraction != "" {
			fraction = "." + fraction
		}
		return whole + fraction
	}
	fraction += strings.Repeat("0", max(0, by-len(fraction)))
	out := whole + fraction[:by]
	if rest := strings.TrimRight(fraction[by:], "0"); rest != "" {
		out += "." + rest
	}
	return out
}

// phone reads a number in the international form, or one with a word before it
// that says so.
func (d *dater) phone(i int) (f Found[Detail], next int, ok bool) {
	called := d.calledBefore(i)
	plus := d.is(i, "+")
	t := d.at(i)
	if t.glued && i > 0 && !d.is(i-1, ":", "(", "\"") || !plus && !called {
		return f, i, false
	}
	var digits strings.Builder
	end := i
	for j := i; j < len(d.tokens) && j < i+24; j++ {
		t := d.at(j)
		if t.shape == number && t.end-t.start <= 15 {
			digits.WriteString(t.text)
			end = j + 1
			continue
		}
		if j > i && t.shape == mark && strings.Contains("-./()–", t.text) && len(t.text) > 0 || j == i && (plus || t.text == "(") || t.shape == mark && t.text == "+" && j == i+1 {
			continue
		}
		break
	}
	value := digits.String()
	if len(value) < 7 || len(value) > 15 {
		return f, i, false
	}
	if t := d.at(end); t.glued && end < len(d.tokens) && t.shape == word {
		return f, i, false
	}
	rule, score := "phone.named", .85
	if plus {
		if trunk, ok := strings.CutPrefix(value, "490"); ok {
			value = "49" + trunk // "+49 (0)30 …"
		}
		value, rule, score = "+"+value, "phone", .9
	}
	return Found[Detail]{Span: Span{d.at(i).start, d.at(end - 1).end}, Rule: rule, Score: score, Value: Detail{Kind: Phone, Value: value}}, end, true
}

// calledBefore reports whether a word before i says that a phone number comes.
func (d *dater) calledBefore(i int) bool {
	for j := i - 1; j >= 0 && j >= i-4; j-- {
		switch d.tokens[j].text {
		case "phone", "tel", "telephone", "telefon", "mobile", "mobil", "cell", "fax", "call", "handy", "office", "direct", "durchwahl", "t", "m":
			if t := d.tokens[j]; len(t.text) > 1 || d.is(j+1, ":", ".") {
				return true
			}
		case ":", ".", "me", "us", "at", "number", "on", "no", "is", "(":
		default:
			return false
		}
	}
	return false
}

// link reads a web address to the next space; marks at its end are none of it.
func (d *dater) link(i int) (f Found[Detail], next int, ok bool) {
	t := d.at(i)
	if t.glued && i > 0 && d.at(i-1).shape != mark {
		return f, i, false
	}
	if t.text == "www" {
		if !d.is(i+1, ".") || !d.at(i+1).glued || !d.at(i+2).glued {
			return f, i, false
		}
	} else if !d.is(i+1, ":") || !d.is(i+2, "/") || !d.is(i+3, "/") || !d.at(i+4).glued || d.at(i+4).shape == mark {
		return f, i, false
	}
	next = i + 1
	for next < len(d.tokens) && d.at(next).glued && !d.is(next, "<", ">", "\"", "|", "`") {
		next++
	}
	for next > i+3 && d.at(next-1).shape == mark && !d.is(next-1, "/", "#", "=") {
		if d.is(next-1, ")") && d.open(i, next-1) {
			break
		}
		next--
	}
	s := Span{t.start, d.at(next - 1).end}
	return Found[Detail]{Span: s, Rule: "link", Score: .98, Value: Detail{Kind: Link, Value: d.text[s.Start:s.End]}}, next, true
}

// open reports whether a bracket is open in the tokens from i to last.
func (d *dater) open(i, last int) bool {
	n := 0
	for ; i < last; i++ {
		switch d.tokens[i].text {
		case "(":
			n++
		case ")":
			n--
		}
	}
	return n > 0
}

// keyword is a word before a reference.
type keyword struct {
	kind Topic
	name string
}

// keywords say what the number behind them is.
var keywords = buildKeywords()

func buildKeywords() map[string]keyword {
	all := map[string]keyword{}
	for name, words := range map[string][]string{
		"ticket": {"ticket", "ticketnummer", "tkt", "incident", "vorgang", "vorgangsnummer"}, "case": {"case", "fall", "fallnummer"}, "order": {"order", "bestellung", "bestellnummer", "auftrag", "auftragsnummer", "bestellnr", "auftragsnr"},
		"invoice": {"invoice", "rechnung", "rechnungsnummer", "rechnungsnr"}, "rma": {"rma"}, "po": {"po"}, "quote": {"quote", "quotation", "angebot", "angebotsnummer"}, "contract": {"contract", "vertrag", "vertragsnummer"},
		"customer": {"customer", "kundennummer", "kundennr"}, "tracking": {"tracking", "sendungsnummer"}, "bug": {"bug", "issue"}, "delivery": {"lieferschein", "lieferscheinnummer"},
	} {
		for _, w := range words {
			all[w] = keyword{Number, name}
		}
	}
	for _, w := range []string{"serial", "seriennummer", "seriennr", "sn"} {
		all[w] = keyword{Serial, "serial"}
	}
	for _, w := range []string{"version", "firmware", "release", "ver"} {
		all[w] = keyword{Release, w}
	}
	for _, w := range []string{"error", "fehler", "fehlercode", "errorcode", "code", "status"} {
		all[w] = keyword{Failure, "error"}
	}
	return all
}

// reference reads the value behind a keyword.
func (d *dater) reference(i int, k keyword) (f Found[Detail], next int, ok bool) {
	if d.at(i).glued && i > 0 && d.is(i-1, "-", "_", "/", "@") && k.kind != Serial {
		return f, i, false
	}
	j := i + 1
	said := false // That a number comes.
	if d.is(i, "sn") && d.at(j).glued && d.at(j).shape == number {
		j = i // "SN0042773" is all of it.
	}
	for n := 0; n < 4; n++ {
		switch {
		case d.is(j, "number", "no", "nr", "id", "code", "nummer", "num", "#", "№"):
			said, j = true, j+1
			j = d.dot(j)
		case d.is(j, ":", "=", "("):
			said, j = true, j+1
		case d.is(j, "is", "ist", "-") && (said || n == 0) && !d.at(j).glued:
			j++
		}
	}
	if k.kind == Release {
		return d.version(i, j, false)
	}
	s, next, digits, letters := d.code(j)
	least := 3
	if said || k.name == "po" || k.name == "rma" {
		least = 2
	}
	switch {
	case d.is(next, "%"), next == j || digits < least && !(k.kind == Failure && digits > 0), k.kind == Serial && digits+letters < 5:
		return f, i, false
	case k.kind == Failure && (d.is(i, "code", "status") && !said && !d.is(i-1, "error", "exit") || letters == 0 && s.End-s.Start > 6):
		return f, i, false
	case k.name == "case" && !said && letters == 0 && digits < 3, k.name == "bug" && !said:
		return f, i, false
	}
	if k.kind == Number && letters == 0 && d.at(j).n >= 1950 && d.at(j).n < 2100 && next == j+1 && !said {
		return f, i, false // "order 2026"
	}
	if k.kind != Failure && !said && (d.at(next).lex.class == unit || currencies[d.at(next).text] != "") {
		return f, i, false
	}
	value := d.text[s.Start:s.End]
	return Found[Detail]{Span: s, Rule: string(k.kind) + "." + k.name, Score: .85, Value: Detail{Kind: k.kind, Name: k.name, Value: value}}, next, true
}

// dot skips a full stop that ends an abbreviation.
func (d *dater) dot(i int) int {
	if d.is(i, ".") && d.at(i).glued && i+1 < len(d.tokens) && d.at(i+1).shape != newline {
		return i + 1
	}
	return i
}

// code reads letters and digits with hyphens between them.
func (d *dater) code(i int) (s Span, next, digits, letters int) {
	next = d.skip(i, "#")
	first := next
	for n := 0; next < len(d.tokens) && n < 16; n++ {
		t := d.at(next)
		if next > first && !t.glued {
			break
		}
		switch {
		case t.shape == number:
			digits += t.end - t.start
		case t.shape == word:
			letters += t.end - t.start
		case next > first && d.is(next, "-", "/", "_", ".") && d.at(next+1).glued && d.at(next+1).shape != mark:
		default:
			n = 16
			continue
		}
		next++
	}
	if next == first || digits == 0 || digits+letters > 40 {
		return s, i, 0, 0
	}
	return Span{d.at(first).start, d.at(next - 1).end}, next, digits, letters
}

// version reads "4.2.1", "v4.2", "4.2-rc1" from token j on.
func (d *dater) version(i, j int, glued bool) (f Found[Detail], next int, ok bool) {
	if glued && d.at(i).glued && i > 0 && !d.is(i-1, "(", "\"") {
		return f, i, false
	}
	start := j
	if !glued && d.is(j, "v") && d.at(j+1).glued {
		j++
	} else if glued {
		start = i
	}
	if d.at(j).shape != number {
		return f, i, false
	}
	next = j + 1
	points := 0
	for n := 0; n < 10; n++ {
		sep, after := d.at(next), d.at(next+1)
		if !sep.glued || !after.glued || sep.shape != mark || after.shape == mark || sep.text != "." && sep.text != "-" {
			break
		}
		if sep.text == "." {
			points++
		}
		next += 2
		for d.at(next).glued && d.at(next).shape == number && d.at(next-1).shape == word {
			next++
		}
	}
	for d.at(next).glued && next < len(d.tokens) && d.at(next).shape != mark && next-j < 30 {
		next++
	}
	if points == 0 && !glued && d.at(j).n > 999 || d.at(j).end-d.at(j).start > 6 || d.at(next).lex.class == month || points == 0 && glued {
		return f, i, false
	}
	s := Span{d.at(start).start, d.at(next - 1).end}
	name := "version"
	if d.is(i, "firmware", "release") {
		name = d.at(i).text
	}
	return Found[Detail]{Span: s, Rule: "version", Score: .8, Value: Detail{Kind: Release, Name: name, Value: strings.TrimLeft(d.text[s.Start:s.End], "vV")}}, next, true
}

// errorName reads "0x80070005", "E-1042", "ERR_CONNECTION_RESET", "ORA-00942".
func (d *dater) errorName(i int) (f Found[Detail], next int, ok bool) {
	t := d.at(i)
	if t.shape != word || !isUpper(d.text[t.start:t.end]) || t.glued && i > 0 && d.at(i-1).shape != mark {
		return f, i, false
	}
	switch {
	case d.is(i, "err", "error") && d.is(i+1, "_") && d.at(i+1).glued:
		next = i + 1
		for d.is(next, "_") && d.at(next).glued && d.at(next+1).glued && d.at(next+1).shape != mark {
			next += 2
		}
		if next == i+1 {
			return f, i, false
		}
	case d.is(i, "e", "err", "ora", "sqlstate") && d.is(i+1, "-") && d.at(i+1).glued && d.at(i+2).glued && d.at(i+2).shape == number:
		next = i + 3
	default:
		return f, i, false
	}
	s := Span{t.start, d.at(next - 1).end}
	return Found[Detail]{Span: s, Rule: "error.name", Score: .8, Value: Detail{Kind: Failure, Name: "error", Value: d.text[s.Start:s.End]}}, next, true
}

// hexadecimal reads the code of an error as Windows writes it: "0x80070005".
func (d *dater) hexadecimal(i int) (f Found[Detail], next int, ok bool) {
	t, x := d.at(i), d.at(i+1)
	if t.text != "0" || !x.glued || x.shape != word || x.text[0] != 'x' || t.glued && i > 0 {
		return f, i, false
	}
	next = i + 2
	for next < len(d.tokens) && d.at(next).glued && d.at(next).shape != mark && next < i+12 {
		next++
	}
	s := Span{t.start, d.at(next - 1).end}
	value := d.text[s.Start:s.End]
	// A failure has its first bit set (MS-ERREF section 2.1).
	if len(value) != 10 || !strings.Contains("8cC", value[2:3]) || strings.Trim(value[2:], "0123456789abcdefABCDEF") != "" {
		return f, i, false
	}
	return Found[Detail]{Span: s, Rule: "error.hex", Score: .8, Value: Detail{Kind: Failure, Name: "error", Value: value}}, next, true
}

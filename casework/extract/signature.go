package extract

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"polytrace/message"
)

// Person is who signed a message.
type Person struct {
	Name    string `json:"name"`
	Address string `json:"address,omitempty"` // As in From.
	Title   string `json:"title,omitempty"`   // "Head of Purchasing", as written.
	Company string `json:"company,omitempty"`
	Phone   string `json:"phone,omitempty"` // As Detail.Value.
}

// Signatory reads who signed from the zone of a text that is a signature; from
// is the sender, whose name tells which line is the name. It is false when the
// zone names nobody.
func Signatory(text string, zone Span, from message.Mailbox) (p Person, ok bool) {
	zone.Start, zone.End = border(text, max(0, zone.Start)), border(text, min(zone.End, len(text)))
	if zone.Start >= zone.End {
		return p, false
	}
	lines := 0
	for line := range strings.SplitSeq(text[zone.Start:zone.End], "\n") {
		line = strings.Trim(line, " \t*_|-,–")
		if _, closing := message.Closing(line); line == "" || closing {
			continue
		}
		if lines++; lines > maxSigned+2 {
			break
		}
		for _, piece := range pieces(line) {
			p.read(piece, from)
		}
	}
	for _, f := range Details(text, []Span{zone}) {
		if f.Value.Kind == Phone && p.Phone == "" {
			p.Phone = f.Value.Value
		}
	}
	if p.Name == "" {
		return Person{}, false
	}
	p.Address = from.Address
	return p, true
}

// pieces splits a line of a signature at the marks that people put between a
// name, a title and a company.
func pieces(line string) []string {
	if len(line) > maxSignedLine {
		return nil
	}
	all := strings.FieldsFunc(line, func(r rune) bool { return r == '|' || r == ',' || r == '•' || r == '·' || r == '/' })
	if len(all) == 2 && companyWord(strings.TrimSpace(all[1])) && len(strings.Fields(all[1])) == 1 {
		return []string{line} // "Contoso, Inc."
	}
	return all
}

// read takes a piece of a line for what it looks like.
func (p *Person) read(piece string, from message.Mailbox) {
	piece = strings.TrimSpace(piece)
	switch {
	case piece == "" || strings.ContainsAny(piece, "@:/+") || strings.ContainsFunc(piece, unicode.IsDigit):
	case p.Name == "" && isName(piece, from):
		p.Name = piece
	case p.Title == "" && hasTitle(piece):
		p.Title = piece
		if title, company, ok := strings.Cut(piece, " at "); ok {
			p.Title, p.Company = title, company
		}
	case p.Company == "" && isCompany(piece, from):
		p.Company = piece
	}
}

// isName reports whether a line is the name of the sender, or of one person
// where the sender has none.
func isName(line string, from message.Mailbox) bool {
	words := strings.Fields(line)
	if len(words) == 0 || len(words) > 4 || hasTitle(line) || isCompany(line, from) {
		return false
	}
	for _, w := range words {
		if r, _ := utf8.DecodeRuneInString(w); !unicode.IsUpper(r) && !oneOf(w, "von", "van", "de", "der", "zu", "le", "la", "di") {
			return false
		}
	}
	local, _, _ := strings.Cut(from.Address, "@")
	known := fold(from.Name + " " + local)
	for _, w := range words {
		if len(w) > 2 && strings.Contains(known, strings.Trim(fold(w), ".,")) {
			return true
		}
	}
	return from.Name == "" && len(words) >= 2
}

func oneOf(s string, all ...string) bool {
	for _, a := range all {
		if s == a {
			return true
		}
	}
	return false
}

// titles are words that only titles have.
var titles = set("ceo", "cto", "cfo", "coo", "cio", "ciso", "cmo", "vp", "evp", "svp", "president", "director", "manager", "head", "lead", "chief", "engineer", "consultant", "analyst", "architect", "developer", "administrator", "counsel", "attorney", "officer", "specialist", "supervisor", "coordinator", "assistant", "partner", "founder", "chairman", "chairwoman", "executive", "owner", "buyer", "accountant", "secretary", "technician", "representative", "professor",
	"geschäftsführer", "geschäftsführerin", "leiter", "leiterin", "vorstand", "prokurist", "prokuristin", "abteilungsleiter", "abteilungsleiterin", "teamleiter", "teamleiterin", "ingenieur", "ingenieurin", "einkäufer", "einkäuferin", "sachbearbeiter", "sachbearbeiterin", "vertriebsleiter", "vertriebsleiterin", "berater", "beraterin", "inhaber", "inhaberin", "rechtsanwalt", "rechtsanwältin", "assistentin", "bereichsleiter", "bereichsleiterin", "projektleiter", "projektleiterin", "kundenbetreuer", "kundenbetreuerin", "entwickler", "entwicklerin")

func hasTitle(line string) bool {
	if len(line) > 70 {
		return false
	}
	for w := range strings.FieldsSeq(fold(line)) {
		if titles[strings.Trim(w, ".,()-&")] {
			return true
		}
	}
	return false
}

// companyForms stand at the end of the names of companies.
var companyForms = set("inc", "ltd", "llc", "gmbh", "ag", "kg", "corp", "corporation", "company", "co", "plc", "se", "ug", "ohg", "gbr", "limited", "bv", "b.v", "nv", "sa", "s.a", "sarl", "srl", "oy", "ab", "group", "holding", "university", "universität", "kgaa", "e.v", "ev", "pty", "llp")

func companyWord(w string) bool { return companyForms[strings.Trim(fold(w), ".,()")] }

// isCompany reports whether a line ends as the name of a company does, or is
// the name of the sender's domain.
func isCompany(line string, from message.Mailbox) bool {
	words := strings.Fields(line)
	if len(words) == 0 || len(words) > 7 {
		return false
	}
	if len(words) > 1 && companyWord(words[len(words)-1]) {
		return true
	}
	_, domain, _ := strings.Cut(fold(from.Address), "@")
	first := strings.Trim(fold(words[0]), ".,")
	for label := range strings.SplitSeq(domain, ".") {
		if len(first) > 3 && label == first {
			return true
		}
	}
	return false
}

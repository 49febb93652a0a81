package message

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// closings stand on the line above a signature, in lower case; true is for those
// that stand as often alone at the start of a mail.
var closings = map[string]bool{
	"best regards": false, "kind regards": false, "kindest regards": false, "warm regards": false, "with regards": false, "with best regards": false, "with kind regards": false, "regards": false, "best wishes": false,
	"sincerely": false, "yours sincerely": false, "sincerely yours": false, "yours faithfully": false, "yours truly": false, "thanks and regards": false, "thanks & regards": false, "br": false, "brgds": false, "rgds": false,
	"mit freundlichen grüßen": false, "mit freundlichen gruessen": false, "mit freundlichem gruß": false, "mit besten grüßen": false, "freundliche grüße": false, "beste grüße": false, "viele grüße": false, "liebe grüße": false,
	"schöne grüße": false, "herzliche grüße": false, "mfg": false, "vg": false, "lg": false, "gruß": false, "grüße": false,
	"thanks": true, "thank you": true, "many thanks": true, "cheers": true, "best": true, "thanks a lot": true, "thanks in advance": true, "danke": true, "vielen dank": true,
	"cordialement": false, "bien cordialement": false, "bien à vous": false, "cdlt": false, "salutations distinguées": false, "sincères salutations": false, "merci": true, "merci d'avance": true,
	"saludos": false, "un saludo": false, "saludos cordiales": false, "atentamente": false, "gracias": true, "muchas gracias": true,
	"met vriendelijke groet": false, "met vriendelijke groeten": false, "vriendelijke groet": false, "groeten": false, "mvg": false, "bedankt": true, "alvast bedankt": true,
	"cordiali saluti": false, "distinti saluti": false, "saluti": false, "grazie": true, "atenciosamente": false, "cumprimentos": false, "com os melhores cumprimentos": false, "obrigado": true, "obrigada": true,
}

// Closing reports whether a line closes a mail, and whether its words could be
// plain thanks that something else follows.
func Closing(line string) (thanks, ok bool) {
	if line == "" || len(line) > 40 {
		return false, false
	}
	thanks, ok = closings[strings.ToLower(strings.TrimRight(strings.ReplaceAll(line, "’", "'"), ",.!- "))]
	return thanks, ok
}

// What a signature has below the name, at most: lines that are not empty, and
// bytes and words of each.
const (
	maxSigned      = 6
	maxSignedLine  = 100
	maxSignedWords = 10
)

// nameWords are the words of the names of senders, in lower case; those of the
// address where there is no name.
func nameWords(from []Mailbox) (all [][]string) {
	for _, m := range from {
		name := m.Name
		if name == "" {
			name, _, _ = strings.Cut(m.Address, "@")
			name = strings.NewReplacer(".", " ", "_", " ").Replace(name)
		}
		name, _ = cutComments(name)
		if words := wordsOfName(name); len(words) > 0 && len(words) <= 6 {
			all = append(all, words)
		}
	}
	return all
}

func wordsOfName(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`,."()*_`, r) })
}

// signed returns of how many lines the signature is that begins with a line,
// where no mark stands above it; 0 when there is none. It is known by the
// sender's name: below words that close a mail, in full below an empty line where
// nothing but contacts comes after it, or the first name there as the last line.
// What hides the author's words is worse than a signature that is missed, so
// that a line which could be a sentence belongs to none.
func (z *zoner) signed(line string, next int) int {
	if len(z.names) == 0 || len(line) > maxSignedLine {
		return 0
	}
	_, closes := Closing(line)
	alone := !closes && z.gap && z.kind == zoneAuthor && z.beginsAsName(line) // A name may stand without closing words.
	full := alone && z.isSender(line)
	short := alone && !full && z.isPartOfSender(line)
	if !closes && !full && !short {
		return 0
	}
	const most = 2*maxSigned + 4
	lines := z.ahead(next, most)
	name := 0
	if closes {
		for name < len(lines) && name < 2 && lines[name] == "" {
			name++
		}
		if name >= len(lines) || !z.signs(lines[name:]) {
			return 0
		}
		name++
	}
	n, whole := signatureLines(lines[name:], len(lines) < most)
	if n < 0 || alone && !whole || short && slices.ContainsFunc(lines[:n], func(l string) bool { return l != "" }) {
		return 0
	}
	return 1 + name + n
}

// beginsAsName reports whether a line begins with a letter that a name of the
// sender begins with: most lines do not, and are not looked at closer.
func (z *zoner) beginsAsName(line string) bool {
	first, _ := utf8.DecodeRuneInString(line)
	first = unicode.ToLower(first)
	return len(line) <= 60 && slices.ContainsFunc(z.names, func(name []string) bool {
		return slices.ContainsFunc(name, func(w string) bool { r, _ := utf8.DecodeRuneInString(w); return r == first })
	})
}

// isSender reports whether a line is the whole name of the sender and no more.
func (z *zoner) isSender(line string) bool {
	words := wordsOfName(line)
	return slices.ContainsFunc(z.names, func(name []string) bool {
		return len(name) > 1 && len(words) == len(name) && !slices.ContainsFunc(name, func(w string) bool { return !slices.Contains(words, w) })
	})
}

// isPartOfSender reports whether a line is one of the sender's names.
func (z *zoner) isPartOfSender(line string) bool {
	words := wordsOfName(line)
	return len(words) == 1 && slices.ContainsFunc(z.names, func(name []string) bool { return slices.Contains(name, words[0]) })
}

// signs reports whether lines begin with a name of the sender, or with that of a
// person who writes for the sender that the next line names, as in an inbox that
// people share.
func (z *zoner) signs(lines []string) bool {
	name := lines[0]
	if at := strings.IndexAny(name, ",|/("); at > 0 {
		name = name[:at]
	}
	words := wordsOfName(name)
	if len(words) == 0 || len(words) > 4 || !contactLine(lines[0]) {
		return false
	}
	return slices.ContainsFunc(z.names, func(sender []string) bool {
		return slices.Contains(sender, words[0]) || slices.Contains(sender, words[len(words)-1])
	}) || len(lines) > 1 && z.isSender(lines[1])
}

// signatureLines counts the lines below a name that belong to its signature, and
// reports whether they are all up to what ends it; ended says that the text ends
// with them. It is -1 when what is below the name is none: more than there may
// be, or sentences.
func signatureLines(lines []string, ended bool) (n int, whole bool) {
	seen, block := 0, -1
	for i, line := range lines {
		switch {
		case line == "":
			if block < 0 {
				block = i
			}
		case marksQuote(line):
			return i, true
		case seen == maxSigned || !contactLine(line):
			return block, false
		default:
			seen++
		}
	}
	if !ended {
		return block, false
	}
	return len(lines), true
}

// marksQuote reports whether a line below a signature begins something that
// another line of kindOf knows.
func marksQuote(line string) bool {
	lower := strings.ToLower(line)
	return strings.HasPrefix(line, ">") || strings.HasPrefix(line, "---") || strings.HasPrefix(line, "___") || line == "--" || beginsBlock(line) || forwardMark(line) || listFooter(lower) ||
		disclaimerStarts.begin(strings.TrimLeft(lower, "*_ [(")) || signatureMark(lower) || hasDigit(line) && beginsAttribution(line) && len(strings.Fields(line)) > 4
}

// contactLine reports whether a line could be of a signature: a title, a
// company, a street, a number.
func contactLine(line string) bool {
	words := strings.Fields(line)
	if len(words) == 0 || len(words) > maxSignedWords || len(line) > maxSignedLine {
		return false
	}
	first, _ := utf8.DecodeRuneInString(line)
	last := words[len(words)-1]
	lower := strings.ToLower(line)
	coded := hasDigit(line) || strings.ContainsAny(line, "@|&") || strings.Contains(lower, "www.") || strings.Contains(lower, "http")
	switch {
	case strings.HasSuffix(line, "?"), strings.HasSuffix(line, "!"), strings.HasSuffix(line, ","), strings.HasSuffix(line, ":"), strings.HasSuffix(line, ";"):
		return false
	case strings.HasPrefix(lower, "ps ") || strings.HasPrefix(lower, "ps:") || strings.HasPrefix(lower, "p.s"):
		return false
	case strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "• ") || strings.HasPrefix(line, "* "):
		return false
	case strings.HasSuffix(line, "."): // "Contoso Inc."
		r, _ := utf8.DecodeRuneInString(last)
		return len(words) > 1 && len(last) <= 6 && (unicode.IsUpper(r) || coded)
	case unicode.IsLower(first):
		return coded
	}
	return coded || !reads(words)
}

// reads reports whether words are as those of a sentence: five and more, most of
// them in lower case.
func reads(words []string) bool {
	low := 0
	for _, w := range words {
		if r, _ := utf8.DecodeRuneInString(w); unicode.IsLower(r) {
			low++
		}
	}
	return len(words) >= 5 && 2*low > len(words)
}

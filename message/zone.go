package message

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Kinds of Zone.
const (
	zoneAuthor     = "author"
	zoneQuote      = "quote"
	zoneForward    = "forward"
	zoneSignature  = "signature"
	zoneDisclaimer = "disclaimer"
	zoneAutomatic  = "automatic"
)

// zones tells who wrote which lines of a text. They cover it without gaps.
//
// A line that is marked as a quote is one, and what is written between and
// below such lines is the author's. Behind the marks of programs that quote
// without marking lines, as Outlook does, all that follows is quoted. The names
// of senders tell a signature that no mark stands above.
func zones(body string, from ...Mailbox) []Zone {
	z := zoner{body: body, names: nameWords(from)}
	for at := 0; at < len(body); {
		end := len(body)
		if n := strings.IndexByte(body[at:], '\n'); n >= 0 {
			end = at + n + 1
		}
		line := strings.TrimSpace(body[at:end])
		z.kind = z.kindOf(line, end)
		z.gap = line == ""
		z.extend(at, end)
		at = end
	}
	return z.zones
}

// zoner goes through a text line by line.
type zoner struct {
	body      string
	zones     []Zone
	kind      string     // of the line before
	rest      string     // kind of what follows, once a mark said so
	paragraph string     // kind up to the next empty line, once a mark said so
	names     [][]string // of senders, see nameWords
	gap       bool       // the line before is empty
	wrapped   int        // lines that belong to an attribution or a signature above them, and are of its kind
	words     int        // offset of the next line that is not empty, when it is ahead
}

func (z *zoner) extend(start, end int) {
	if n := len(z.zones); n > 0 && z.zones[n-1].Kind == z.kind {
		z.zones[n-1].End = end
		return
	}
	z.zones = append(z.zones, Zone{start, end, z.kind})
}

// kindOf tells the kind of a line; next is where the one behind it begins.
func (z *zoner) kindOf(line string, next int) string {
	switch {
	case z.rest == zoneQuote || z.rest == zoneForward:
		return z.rest
	case z.wrapped > 0:
		z.wrapped--
		return z.kind
	case strings.HasPrefix(line, ">"):
		z.rest, z.paragraph = "", "" // A reply below the quote is no signature.
		return zoneQuote
	case line == "":
		return z.empty(next)
	}
	if kind := z.marked(line, next); kind != "" {
		return kind
	}
	if z.paragraph != "" {
		return z.paragraph
	}
	return or(z.rest, zoneAuthor)
}

// empty tells the kind of an empty line: that of what is around it.
func (z *zoner) empty(next int) string {
	z.paragraph = ""
	switch {
	case z.rest != "":
		return z.rest
	case z.kind == zoneQuote && !z.quoteAhead(next):
		return zoneAuthor
	}
	return or(z.kind, zoneAuthor)
}

// quoteAhead reports whether the next line that is not empty is a quote. Empty
// lines are passed over once.
func (z *zoner) quoteAhead(next int) bool {
	if z.words < next {
		z.words = len(z.body) - len(strings.TrimLeft(z.body[next:], " \t\n\u00a0"))
	}
	return strings.HasPrefix(z.body[z.words:], ">")
}

// marked tells the kind of a line that a program writes to mark what follows;
// "" when it is none.
func (z *zoner) marked(line string, next int) string {
	switch {
	case forwardMark(line):
		z.rest = zoneForward
		return zoneForward
	case originalMark(line) || z.headerBlock(line, next):
		z.rest = zoneQuote
		return zoneQuote
	}
	if lines := z.attribution(line, next); lines > 0 {
		z.wrapped = lines - 1
		return zoneQuote
	}
	lower := strings.ToLower(truncate(line, maxMark))
	switch {
	case z.disclaimer(lower, next):
		z.rest = zoneDisclaimer
	case listFooter(lower):
		z.rest = zoneAutomatic
	case z.rest == "" && signatureMark(lower):
		z.rest = zoneSignature
	case banner(lower):
		z.paragraph = zoneAutomatic
	case z.rest == "" && z.paragraph == "":
		lines := z.signed(line, next)
		if lines == 0 {
			return ""
		}
		z.wrapped = lines - 1
		return zoneSignature
	default:
		return ""
	}
	return or(z.paragraph, z.rest)
}

// maxMark is how long a line is that a program writes, in bytes.
const maxMark = 400

// ahead returns at most n of the lines from an offset on, trimmed, each cut to
// what a mark may have.
func (z *zoner) ahead(at, n int) []string {
	lines := make([]string, 0, n)
	for ; n > 0 && at < len(z.body); n-- {
		line := z.body[at:min(len(z.body), at+maxMark)]
		if end := strings.IndexByte(line, '\n'); end >= 0 {
			lines = append(lines, strings.TrimSpace(line[:end]))
			at += end + 1
			continue
		}
		lines = append(lines, strings.TrimSpace(line))
		end := strings.IndexByte(z.body[at:], '\n')
		if end < 0 {
			break
		}
		at += end + 1
	}
	return lines
}

// originalMark is the line that Outlook puts above what it quotes.
func originalMark(line string) bool {
	bare, ok := dashed(line)
	return ok && oneOf(bare, "original message", "original appointment", "ursprüngliche nachricht", "originalnachricht", "ursprünglicher termin", "message d'origine", "message original",
		"mensaje original", "oorspronkelijk bericht", "messaggio originale", "mensagem original", "元のメッセージ", "元のメール", "原始邮件", "原始郵件", "邮件原件", "原邮件")
}

// forwardMark is the line that programs put above what they forward.
func forwardMark(line string) bool {
	if bare, ok := dashed(line); ok {
		return oneOf(bare, "forwarded message", "forwarded mail", "weitergeleitete nachricht", "message transféré", "mensaje reenviado", "doorgestuurd bericht", "messaggio inoltrato",
			"mensagem encaminhada", "mensagem reencaminhada", "転送されたメッセージ", "転送メッセージ", "转发的邮件", "转发邮件信息", "轉寄的郵件")
	}
	if len(line) > 100 || !strings.HasSuffix(line, ":") && !strings.HasSuffix(line, "：") {
		return false
	}
	return oneOf(strings.ToLower(strings.TrimRight(line, ":： \u00a0")), "begin forwarded message", "anfang der weitergeleiteten nachricht", "début du message réexpédié", "début du message transféré",
		"inicio del mensaje reenviado", "begin doorgestuurd bericht", "inizio messaggio inoltrato", "início da mensagem encaminhada", "início da mensagem reencaminhada",
		"転送されたメッセージ", "开始转发的邮件", "被转发邮件信息开始", "開始轉寄郵件")
}

// dashed takes the hyphens around a mark off.
func dashed(line string) (string, bool) {
	if !strings.HasPrefix(line, "---") || len(line) > 120 {
		return "", false
	}
	bare := strings.ToLower(strings.Trim(line, "-_ "))
	return strings.ReplaceAll(bare, "’", "'"), bare != ""
}

func oneOf(s string, all ...string) bool { return slices.Contains(all, s) }

// headerBlock reports whether a line begins the block of From, Sent, To and
// Subject that Outlook puts above what it quotes, or is the rule above it.
func (z *zoner) headerBlock(line string, next int) bool {
	if len(line) >= 10 && strings.Trim(line, "_-") == "" {
		lines := slices.DeleteFunc(z.ahead(next, 10), func(s string) bool { return s == "" })
		return len(lines) > 0 && beginsBlock(lines[0]) && blockOf(lines[1:])
	}
	return beginsBlock(line) && blockOf(z.ahead(next, 8))
}

func beginsBlock(line string) bool {
	return oneOf(fieldOf(line), "from", "von", "de", "van", "da", "expéditeur", "remitente", "差出人", "送信者", "送信元", "发件人", "寄件者", "寄件人")
}

// blockOf reports whether lines go on as a block: two more of its fields come
// before text does. Long lists of recipients are wrapped.
func blockOf(lines []string) bool {
	seen := 0
	for _, line := range lines {
		if oneOf(fieldOf(line), "sent", "date", "to", "cc", "subject", "gesendet", "datum", "an", "betreff", "envoyé", "envoyé le", "à", "objet", "enviado", "enviado el", "fecha", "para", "asunto",
			"verzonden", "verzonden op", "aan", "onderwerp", "inviato", "data", "a", "oggetto", "enviada em", "enviado em", "enviada", "assunto",
			"送信日時", "日時", "日付", "宛先", "件名", "发送时间", "发送日期", "日期", "时间", "收件人", "抄送", "主题", "寄件日期", "收件者", "主旨") {
			seen++
		}
	}
	return seen >= 2
}

func fieldOf(line string) string {
	name, _, ok := strings.Cut(truncate(line, 60), ":")
	if before, _, wide := strings.Cut(name, "："); wide {
		name, ok = before, true
	}
	if !ok || len(name) > 40 {
		return ""
	}
	return strings.ToLower(strings.Trim(name, "* \u00a0"))
}

// attributionWords say that somebody wrote, and attributionStarts begin a line
// that says so with a time.
var (
	attributionWords  = []string{"wrote", "writes", "schrieb", "a écrit", "escribió", "schreef", "ha scritto", "escreveu", "写道", "寫道", "のメール", "書きました"}
	attributionStarts = []string{"on ", "am ", "le ", "el ", "op ", "il ", "em ", "a ", "在", "於", "于"}
)

// attribution returns of how many lines, at most three, the sentence is that
// begins with a line and says whose words are quoted below it; 0 when it is
// none. Where no marked quote follows, all that follows is quoted, if the
// sentence is one that a program makes: with a start and a time.
func (z *zoner) attribution(line string, next int) int {
	if len(line) > maxMark || !hasDigit(line) && !endsAttribution(line) {
		return 0
	}
	n, ended := 1, endsAttribution(line)
	lines := z.ahead(next, 4)
	for ; !ended && n < 3 && n <= len(lines) && lines[n-1] != ""; n++ {
		ended = endsAttribution(lines[n-1])
	}
	if !ended {
		return 0
	}
	sentence := strings.Join(append([]string{line}, lines[:n-1]...), " ")
	switch {
	case !saysWho(sentence):
		return 0
	case z.quotedBelow(lines[n-1:]):
		return n
	case beginsAttribution(sentence) && hasDigit(sentence):
		z.rest = zoneQuote
		return n
	}
	return 0
}

// quotedBelow reports whether the first line that is not empty is a quote.
func (z *zoner) quotedBelow(lines []string) bool {
	for _, line := range lines {
		if line != "" {
			return strings.HasPrefix(line, ">")
		}
	}
	return false
}

func endsAttribution(sentence string) bool {
	return strings.HasSuffix(sentence, ":") || strings.HasSuffix(sentence, "：")
}

func beginsAttribution(sentence string) bool {
	lower := strings.ToLower(sentence)
	return isTimed(sentence) || slices.ContainsFunc(attributionStarts, func(s string) bool { return strings.HasPrefix(lower, s) }) || strings.Contains(sentence, ">")
}

// saysWho reports whether a sentence has the verb of an attribution, or the
// time and the address that do without one in Japanese and Chinese.
func saysWho(sentence string) bool {
	lower := strings.ToLower(sentence)
	return slices.ContainsFunc(attributionWords, func(w string) bool { return strings.Contains(lower, w) }) ||
		isTimed(sentence) && strings.Contains(sentence, "@")
}

// isTimed reports whether a sentence begins with a date as in Japanese mail.
func isTimed(sentence string) bool {
	year, rest, ok := strings.Cut(truncate(sentence, 40), "年")
	return ok && len(year) == 4 && hasDigit(year) && strings.Contains(rest, "月")
}

func hasDigit(s string) bool { return strings.ContainsAny(s, "0123456789") }

var signatureStarts = startsOf(
	"sent from my ", "sent from outlook", "sent from mail for", "sent from yahoo", "sent from proton", "sent with proton", "sent from samsung", "sent from the ", "get outlook for ",
	"gesendet von mein", "gesendet von outlook", "gesendet mit der ", "von outlook für ", "outlook für ios", "outlook für android",
	"envoyé de mon ", "envoyé depuis ", "envoyé à partir de ", "télécharger outlook", "obtenir outlook",
	"enviado desde mi", "enviado desde outlook", "obtener outlook", "enviado do meu ", "enviado do iphone", "enviado a partir do ", "obter o outlook",
	"verstuurd vanaf ", "verzonden vanaf ", "verstuurd met ", "outlook voor ", "inviato da iphone", "inviato da ipad", "inviato da outlook", "inviato dal mio ", "ottieni outlook",
	"iphoneから送信", "ipadから送信", "私のiphone", "发自我的", "發自我的", "从我的", "從我的",
)

// signatureMark is the line of RFC 3676 section 4.3, or one that a telephone
// writes; in lower case, as the marks below.
func signatureMark(line string) bool {
	if line == "--" {
		return true
	}
	if len(line) > 120 {
		return false
	}
	line = strings.TrimLeft(line, "-—*_ ")
	if signatureStarts.begin(line) {
		return true
	}
	return strings.HasPrefix(line, "von meinem ") && strings.HasSuffix(strings.TrimRight(line, "."), " gesendet")
}

var disclaimerStarts = startsOf(
	"this e-mail", "this email", "this message", "this communication", "this transmission", "the information contained in this", "the information in this", "the contents of this", "the content of this",
	"confidentiality notice", "confidential:", "disclaimer", "privileged and confidential", "notice:", "important notice", "if you are not the intended recipient",
	"diese e-mail", "diese email", "diese nachricht", "der inhalt dieser", "die information in dieser", "die in dieser e-mail", "vertraulichkeitshinweis",
	"ce message", "ce courriel", "cet e-mail", "avis de confidentialité", "les informations contenues",
	"este mensaje", "este correo", "aviso de confidencialidad", "aviso legal", "la información contenida",
	"dit bericht", "deze e-mail", "dit e-mailbericht", "de informatie",
	"questo messaggio", "questa e-mail", "la presente e-mail", "avviso di riservatezza", "le informazioni contenute",
	"esta mensagem", "este e-mail", "as informações", "a informação contida",
	"このメール", "本メール", "この電子メール", "本邮件", "本电子邮件", "此邮件", "免责声明", "本郵件",
)

// disclaimer reports whether a line begins a paragraph in which lawyers speak:
// it begins as they do, and soon says that something is confidential.
func (z *zoner) disclaimer(line string, next int) bool {
	line = strings.TrimLeft(line, "*_ [(")
	if !disclaimerStarts.begin(line) {
		return false
	}
	for _, l := range z.ahead(next, 4) {
		if l == "" && utf8.RuneCountInString(line) > 40 {
			break // Else the first line is a heading.
		}
		line += " " + strings.ToLower(l)
	}
	return slices.ContainsFunc([]string{
		"confidential", "intended recipient", "intended solely", "intended only", "privileged", "vertraulich", "confidentiel", "destinataire", "confidencial", "vertrouwelijk", "bestemd voor",
		"riservat", "confidenziali", "機密", "守秘", "机密", "保密", "機密",
	}, func(word string) bool { return strings.Contains(line, word) })
}

// listFooter begins what a mailing list puts below each message.
func listFooter(line string) bool {
	return strings.HasPrefix(line, "you received this message because you are subscribed") || strings.HasPrefix(line, "you are receiving this because") ||
		strings.HasPrefix(line, "to unsubscribe from this group") || strings.HasPrefix(line, "sie erhalten diese nachricht, weil sie")
}

var bannerStarts = startsOf(
	"caution: this email", "caution: this e-mail", "caution: external", "external email:", "external email -", "warning: this email", "this email originated from outside", "this message originated from outside",
	"you don't often get email from", "achtung: diese e-mail", "achtung: externe", "vorsicht: externe", "attention : ce message", "attention: cet e-mail", "sie erhalten nicht oft e-mails von",
)

// banner begins a paragraph that a mail server puts above or into a message.
func banner(line string) bool {
	line = strings.TrimLeft(line, "*_ []")
	return bannerStarts.begin(line)
}

// starts are beginnings of lines, by their first byte: most lines have none of them.
type starts [256][]string

func startsOf(all ...string) *starts {
	s := &starts{}
	for _, start := range all {
		s[start[0]] = append(s[start[0]], start)
	}
	return s
}

func (s *starts) begin(line string) bool {
	return line != "" && slices.ContainsFunc(s[line[0]], func(start string) bool { return strings.HasPrefix(line, start) })
}

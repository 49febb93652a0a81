package message

import "strings"

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
func zones(body string) []Zone {
	var z zoner
	for at := 0; at < len(body); {
		n := strings.IndexByte(body[at:], '\n')
		end := len(body)
		if n >= 0 {
			end = at + n + 1
		}
		z.line(strings.TrimSpace(body[at:end]), body[end:])
		z.extend(at, end)
		at = end
	}
	return z.zones
}

// zoner goes through a text line by line.
type zoner struct {
	zones []Zone
	kind  string // of the present line
	rest  string // kind of all that follows, once a mark said so
}

func (z *zoner) extend(start, end int) {
	if n := len(z.zones); n > 0 && z.zones[n-1].Kind == z.kind {
		z.zones[n-1].End = end
		return
	}
	z.zones = append(z.zones, Zone{start, end, z.kind})
}

func (z *zoner) line(line, following string) {
	switch {
	case strings.HasPrefix(line, ">"):
		z.kind = zoneQuote
		return
	case line == "" && z.kind != "" && z.rest == "":
		if z.kind == zoneQuote {
			z.kind = zoneAuthor
		}
		return
	case z.rest == zoneQuote || z.rest == zoneForward || z.rest == zoneDisclaimer:
	case forwardMark(line):
		z.rest = zoneForward
	case originalMark(line) || headerBlock(line, following):
		z.rest = zoneQuote
	case attribution(line, following):
		z.kind = zoneQuote
		return
	case disclaimerMark(line):
		z.rest = zoneDisclaimer
	case line == "--" || strings.HasPrefix(line, "Sent from my ") || strings.HasPrefix(line, "Von meinem iPhone gesendet") || strings.HasPrefix(line, "Envoyé de mon "):
		z.rest = zoneSignature
	}
	z.kind = zoneAuthor
	if z.rest != "" {
		z.kind = z.rest
	}
}

// originalMark is the line that Outlook puts above what it quotes.
func originalMark(line string) bool {
	bare, ok := dashed(line)
	return ok && oneOf(bare, "original message", "ursprüngliche nachricht", "originalnachricht", "message d'origine", "mensaje original", "oorspronkelijk bericht", "messaggio originale", "mensagem original", "元のメッセージ", "原始邮件")
}

func forwardMark(line string) bool {
	if bare, ok := dashed(line); ok {
		return oneOf(bare, "forwarded message", "weitergeleitete nachricht", "message transféré", "mensaje reenviado", "doorgestuurd bericht", "messaggio inoltrato", "mensagem encaminhada", "転送されたメッセージ", "转发的邮件")
	}
	return oneOf(strings.ToLower(strings.TrimSuffix(line, ":")), "begin forwarded message", "anfang der weitergeleiteten nachricht", "début du message réexpédié", "inicio del mensaje reenviado")
}

// dashed takes the hyphens around a mark off.
func dashed(line string) (string, bool) {
	bare := strings.Trim(line, "-_ ")
	return strings.ToLower(bare), strings.HasPrefix(line, "---") && bare != "" && len(bare) < 60
}

func oneOf(s string, all ...string) bool {
	for _, a := range all {
		if s == a {
			return true
		}
	}
	return false
}

// headerBlock reports whether a line begins the block of From, Sent, To and
// Subject that Outlook puts above what it quotes.
func headerBlock(line, following string) bool {
	from := fieldOf(line)
	if !oneOf(from, "from", "von", "de", "van", "da", "差出人", "发件人") {
		return false
	}
	seen := 0
	for range 4 {
		next, rest, _ := strings.Cut(following, "\n")
		following = rest
		if oneOf(fieldOf(strings.TrimSpace(next)), "sent", "date", "to", "subject", "gesendet", "datum", "an", "betreff", "envoyé", "à", "objet", "enviado", "para", "asunto", "verzonden", "aan", "onderwerp",
			"inviato", "a", "oggetto", "enviada em", "assunto", "送信日時", "宛先", "件名", "发送时间", "收件人", "主题") {
			seen++
		}
	}
	return seen >= 2
}

func fieldOf(line string) string {
	name, _, ok := strings.Cut(strings.ReplaceAll(line, "：", ":"), ":")
	if !ok || len(name) > 40 {
		return ""
	}
	return strings.ToLower(strings.Trim(name, "* "))
}

// attribution reports whether a line says whose words are quoted below it.
func attribution(line, following string) bool {
	if !strings.HasSuffix(line, ":") && !strings.HasSuffix(line, "：") || len(line) > 300 {
		return false
	}
	lower := strings.ToLower(line)
	says := false
	for _, verb := range []string{"wrote:", "schrieb", "a écrit", "escribió", "schreef", "ha scritto", "escreveu", "写道", "のメール", "書きました", "さん:"} {
		says = says || strings.Contains(lower, verb)
	}
	next := strings.TrimLeft(following, " \n\t")
	return says && (strings.HasPrefix(next, ">") || strings.HasPrefix(lower, "on ") || strings.HasPrefix(lower, "am ") || strings.HasPrefix(lower, "le "))
}

func disclaimerMark(line string) bool {
	lower := strings.ToLower(line)
	for _, start := range []string{"this e-mail and any", "this email and any", "this message and any", "the information contained in this", "confidentiality notice", "diese e-mail enthält vertrauliche", "ce message et toutes les pièces", "este mensaje y sus"} {
		if strings.HasPrefix(lower, start) {
			return true
		}
	}
	return false
}

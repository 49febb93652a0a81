package webui

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"regexp"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/message"

	"github.com/dustin/go-humanize"
)

// functions are what templates may call. They decide how things look, never
// who may see them.
func (p *pages) functions(now func() time.Time) template.FuncMap {
	return template.FuncMap{
		"asset":     func(name string) string { return p.links[name] },
		"icon":      icon,
		"when":      func(what string, t time.Time) template.HTML { return when(what, t, now()) },
		"kept":      Kept,
		"format":    formatName,
		"day":       func(t time.Time) string { return t.Format("2 Jan 2006") },
		"due":       dueIn,
		"number":    number,
		"size":      func(n any) string { return humanize.IBytes(uint64(toInt(n))) },
		"count":     func(n any, one, many string) string { return Count(toInt(n), one, many) },
		"people":    people,
		"person":    nameOf,
		"address":   breakable,
		"marked":    marked,
		"status":    func(s any) string { return strings.ReplaceAll(sentence(fmt.Sprint(s)), "-", " ") },
		"record":    recordPath,
		"filepath":  filePath,
		"bucket":    BucketURL,
		"complete":  func(t time.Time) string { return completeTo(t, now()) },
		"short":     func(d archive.Digest) string { return d.String()[:12] },
		"role":      func(r casework.Role) string { return roleWords[r] },
		"pairs":     pairs,
		"alertkind": func(k casework.AlertKind) string { return alertKindWords[k] },
		"pace":      func(p casework.AlertPace) string { return paceWords[p] },
		"form":      formWords,
	}
}

// pairs hands several values to a template: name, value, name, value.
func pairs(list ...any) (map[string]any, error) {
	m := map[string]any{}
	for i := 0; i+1 < len(list); i += 2 {
		name, ok := list[i].(string)
		if !ok {
			return nil, fmt.Errorf("%v is not a name", list[i])
		}
		m[name] = list[i+1]
	}
	return m, nil
}

var roleWords = map[casework.Role]string{
	casework.Agent:      "Agent: searches and works on cases",
	casework.Specialist: "Specialist: searches and works on cases",
	casework.Manager:    "Manager: searches and works on cases",
	casework.Observer:   "Observer: searches and reads, changes nothing",
	casework.Compliance: "Compliance: reads everything; sees who read what",
	casework.Admin:      "Admin: users, queues and tokens; reads no mail",
}

// sentence makes the first letter a capital.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func toInt(n any) int64 {
	switch n := n.(type) {
	case int:
		return int64(n)
	case int64:
		return n
	case archive.Position:
		return int64(n)
	case uint64:
		return int64(n)
	}
	return 0
}

func number(n any) string { return humanize.Comma(toInt(n)) }

// Count is a number with what it counts, in words for one and for many.
func Count[N ~int | ~int64 | ~uint64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return humanize.Comma(int64(n)) + " " + many
}

// BucketURL writes the URL of a bucket, anywhere in a text, as people do: its
// endpoint is not escaped. It means the same and can be used as a setting.
func BucketURL(text string) string {
	return bucketURLs.ReplaceAllStringFunc(text, asWritten.Replace)
}

var (
	bucketURLs = regexp.MustCompile(`s3://\S+`)
	asWritten  = strings.NewReplacer("/?", "?", "%3A", ":", "%2F", "/", "%5B", "[", "%5D", "]")
)

func recordPath(at archive.Address) string {
	return fmt.Sprintf("/record/%s/%d", at.Stream, at.Position)
}

// when shows a time as people say it, with the exact one and which it is on
// hover: sent, received, changed.
func when(what string, t, now time.Time) template.HTML {
	if t.IsZero() {
		return `<span class="muted">never</span>`
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s %s">%s</time>`,
		t.Format(time.RFC3339), template.HTMLEscapeString(what), t.Format("Mon 2 Jan 2006 15:04:05 -07:00"), relative(t, now)))
}

// formatName is what people call the mail servers that send in a format.
func formatName(format string) string {
	names := map[string]string{
		message.FormatExchange: "Exchange, Microsoft 365, WorkMail", message.FormatGoogle: "Google Workspace", message.FormatPostfix: "Postfix BCC",
		message.FormatExim: "Exim", message.FormatZimbra: "Zimbra", message.FormatSieve: "Sieve redirect", message.FormatDomino: "HCL Domino",
		message.FormatKerio: "Kerio Connect", message.FormatMDaemon: "MDaemon", message.FormatPlain: "plain copies",
	}
	return cmp.Or(names[format], "find out from the mail")
}

// Kept says how long the bucket keeps an object: until its retention ends
// (zero: it has none, or nobody knows), and while it is under a legal hold.
func Kept(until time.Time, hold bool) string {
	day := "until " + until.Local().Format("2 Jan 2006")
	switch {
	case until.IsZero() && !hold:
		return "until a lock ends that the bucket does not tell of"
	case until.IsZero():
		return "as long as its legal hold lasts"
	case hold:
		return day + " and as long as its legal hold lasts"
	}
	return day
}

// relative is short: near times as a distance, far ones as a date.
func relative(t, now time.Time) string {
	ago := now.Sub(t)
	switch {
	case ago < 0 && ago > -time.Minute, ago >= 0 && ago < 5*time.Second:
		return "now"
	case ago < 0 && ago > -48*time.Hour:
		return "in " + span(-ago)
	case ago > 0 && ago < 22*time.Hour:
		return span(ago) + " ago"
	case ago > 0 && ago < 6*24*time.Hour:
		return t.Format("Mon 15:04")
	case t.Year() == now.Year():
		return t.Format("2 Jan")
	}
	return t.Format("2 Jan 2006")
}

// completeTo says up to when everything that came in can be found.
func completeTo(t, now time.Time) string {
	t = t.Local()
	switch {
	case t.IsZero():
		return "nothing is searchable here"
	case now.Sub(t) > 12*time.Hour:
		return "complete to " + t.Format("2 Jan 15:04")
	}
	return "complete to " + t.Format("15:04:05")
}

// span is a length of time in its largest unit.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(math.Round(d.Hours())))
	}
	return fmt.Sprintf("%d days", int(math.Round(d.Hours()/24)))
}

// nameOf is how people know a mailbox; the address is on hover and in a copy.
func nameOf(m message.Mailbox) string {
	switch {
	case m.Name != "":
		return m.Name
	case m.Address != "":
		return m.Address
	}
	return "unknown sender"
}

// breakable is a text with addresses in it that goes on in a new line after @
// and dots, not inside a word. What is copied has nothing in between.
func breakable(text string) template.HTML {
	return template.HTML(breaks.Replace(template.HTMLEscapeString(text)))
}

var breaks = strings.NewReplacer("@", "@<wbr>", ".", ".<wbr>") // Escaping makes neither.

// people names the first two receivers and counts the rest.
func people(list []message.Mailbox) string {
	var names []string
	for i, m := range list {
		if i == 2 {
			names = append(names, fmt.Sprintf("+%d", len(list)-2))
			break
		}
		names = append(names, nameOf(m))
	}
	return strings.Join(names, ", ")
}

// marked is a text with some of its spans highlighted.
func marked(text string, marks [][2]int) template.HTML {
	var b strings.Builder
	at := 0
	for _, m := range marks {
		if m[0] < at || m[1] > len(text) || m[1] < m[0] {
			continue
		}
		template.HTMLEscape(&b, []byte(text[at:m[0]]))
		b.WriteString("<mark>")
		template.HTMLEscape(&b, []byte(text[m[0]:m[1]]))
		b.WriteString("</mark>")
		at = m[1]
	}
	template.HTMLEscape(&b, []byte(text[at:]))
	return template.HTML(b.String())
}

// icon draws one of our icons, 16 by 16, in the colour of the text.
func icon(name string) (template.HTML, error) {
	path, ok := icons[name]
	if !ok {
		return "", fmt.Errorf("there is no icon %q", name)
	}
	return template.HTML(`<svg class="icon" viewBox="0 0 16 16" width="16" height="16" fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">` + path + `</svg>`), nil
}

var icons = map[string]string{
	"bell":    `<path d="M3.5 11.500c1-1 1.200-2.300 1.200-4a3.300 3.300 0 0 1 6.600 0c0 1.700.2 3 1.200 4zM6.700 13.500a1.400 1.400 0 0 0 2.600 0"/>`,
	"home":    `<path d="M2.5 7.5 8 3l5.5 4.5V13h-4V9.5h-3V13h-4z"/>`,
	"cases":   `<path d="M2.5 5h11v8h-11zM6 5V3h4v2M2.5 8.5h11"/>`,
	"search":  `<circle cx="7" cy="7" r="4.2"/><path d="m10.2 10.2 3.3 3.3"/>`,
	"share":   `<path d="M6.5 9.5a2.5 2.5 0 0 0 3.6 0l2.2-2.2a2.5 2.5 0 0 0-3.6-3.6l-.9.9M9.500 6.500a2.500 2.500 0 0 0-3.600 0L3.700 8.700a2.500 2.500 0 0 0 3.600 3.600l.9-.9"/>`,
	"status":  `<path d="M1.500 8.500h3l1.800-4.500 3 8 1.800-3.500h3.400"/>`,
	"list":    `<path d="M5.500 4h8M5.500 8h8M5.500 12h8M2.500 4v.1M2.500 8v.1M2.500 12v.1"/>`,
	"queue":   `<path d="M2.500 9h3l1 2h3l1-2h3M2.500 9l2-5.500h7l2 5.500v4h-11z"/>`,
	"user":    `<circle cx="8" cy="5.500" r="2.700"/><path d="M3 13.500c.4-2.600 2.400-4 5-4s4.600 1.400 5 4"/>`,
	"key":     `<circle cx="5.200" cy="10.800" r="2.700"/><path d="m7.200 8.800 5.800-5.800M10.500 5.500l2 2"/>`,
	"clock":   `<circle cx="8" cy="8" r="5.800"/><path d="M8 4.700V8l2.300 1.600"/>`,
	"help":    `<circle cx="8" cy="8" r="5.800"/><path d="M6.300 6.300a1.800 1.800 0 1 1 2.500 1.900c-.6.200-.8.600-.8 1.100M8 11.400v.1"/>`,
	"mail":    `<path d="M2 4h12v8.500H2zM2 4.500l6 4.500 6-4.500"/>`,
	"clip":    `<path d="m12.800 7.300-5 5a3 3 0 0 1-4.300-4.300l5.300-5.200a2 2 0 0 1 2.900 2.800L6.500 10.700a1 1 0 0 1-1.400-1.400l4.600-4.500"/>`,
	"pin":     `<path d="M6 2.500h4l-.5 4L12 9H4l2.500-2.500zM8 9v4.500"/>`,
	"note":    `<path d="M3 2.500h10v8L10 13.500H3zM13 10.500h-3v3M5.500 5.500h5M5.500 8h3"/>`,
	"flag":    `<path d="M4 14V2.500h8l-1.700 3 1.700 3H4"/>`,
	"filter":  `<path d="M2.500 3.500h11l-4.200 5v4.500l-2.600-1.500v-3z"/>`,
	"check":   `<path d="m3 8.500 3.300 3.300L13 4.700"/>`,
	"warning": `<path d="M8 2.500 14.500 13.500h-13zM8 6.500v3.200M8 11.600v.1"/>`,
	"people":  `<circle cx="6" cy="6" r="2.300"/><path d="M1.800 13c.3-2.300 2-3.600 4.200-3.600s3.900 1.300 4.200 3.600M10.500 3.900a2.300 2.300 0 0 1 0 4.200M12 9.800c1.300.5 2.100 1.600 2.300 3.200"/>`,
	"account": `<path d="M2.500 13.500v-10l6-1.500v11.500M8.500 6l5 1.500v6M1.500 13.500h13M5 6h1M5 8.500h1M5 11h1M11 9.500v.1M11 11.500v.1"/>`,
	"eye":     `<path d="M1.500 8S4 3.700 8 3.700 14.500 8 14.500 8 12 12.300 8 12.300 1.500 8 1.500 8z"/><circle cx="8" cy="8" r="1.900"/>`,
	"moon":    `<path d="M13 9.700A5.600 5.600 0 0 1 6.300 3a5.600 5.600 0 1 0 6.700 6.700z"/>`,
	"sun":     `<circle cx="8" cy="8" r="2.800"/><path d="M8 1.500v1.300M8 13.200v1.300M1.500 8h1.300M13.200 8h1.300M3.400 3.400l.9.9M11.700 11.700l.9.9M3.400 12.600l.9-.9M11.700 4.300l.9-.9"/>`,
	"plus":    `<path d="M8 3v10M3 8h10"/>`,
	"down":    `<path d="M8 2.500v8M4.800 7.500 8 10.700l3.200-3.200M3 13.500h10"/>`,
	"exit":    `<path d="M6.500 2.500h-4v11h4M6.500 8h7.500M11 5l3 3-3 3"/>`,
	"back":    `<path d="M13 8H3.500M7 4 3 8l4 4"/>`,
}

// formWords says out of what a file was taken that is no part of its message as MIME.
func formWords(form string) string {
	words := map[string]string{"tnef": "out of winmail.dat", "uuencode": "uuencoded in the text", "yenc": "yEnc in the text", "smime": "out of an S/MIME signature"}
	if w, ok := words[form]; ok {
		return w
	}
	return form
}

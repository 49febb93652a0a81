package message

import (
	"strings"
	"time"
)

// calendarText makes lines of an iCalendar object that people can read, those
// of the properties of its events and tasks that say what, when, where and
// with whom (RFC 5545 section 3.8); "" when there are none.
func calendarText(charset string, b []byte) string {
	w := calendarWriter{}
	for _, line := range strings.Split(decodeCharset(charset, unfoldCalendar(b)), "\n") {
		w.line(strings.TrimRight(line, "\r"))
	}
	return w.out.String()
}

// unfoldCalendar joins lines that were folded (RFC 5545 section 3.1), before
// the charset is decoded, since a fold may be inside of a character.
func unfoldCalendar(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for at := 0; at < len(b); {
		line, next := lineAt(b, at, len(b))
		if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') && len(out) > 0 {
			out = out[:len(out)-1]
			line = line[1:]
		}
		out = append(append(out, line...), '\n')
		at = next
	}
	return out
}

// calendarWriter goes through the lines of an object.
type calendarWriter struct {
	out    strings.Builder
	within []string // Components that are open.
	method string
	begun  bool // A line of this component is written.
}

func (w *calendarWriter) line(line string) {
	name, params, value := calendarProperty(line)
	switch name {
	case "BEGIN":
		if len(w.within) < maxDepth {
			w.within = append(w.within, strings.ToUpper(value))
		}
		w.begun = false
	case "END":
		w.within = w.within[:max(0, len(w.within)-1)]
	case "METHOD":
		w.method = value
	default:
		if n := len(w.within); n > 0 && oneOf(w.within[n-1], "VEVENT", "VTODO", "VJOURNAL") {
			w.property(name, params, value)
		}
	}
}

func (w *calendarWriter) property(name string, params map[string]string, value string) {
	switch name {
	case "SUMMARY":
		w.write("Summary", unescapeCalendar(value))
	case "DESCRIPTION":
		w.write("Description", unescapeCalendar(value))
	case "LOCATION":
		w.write("Location", unescapeCalendar(value))
	case "ORGANIZER":
		w.write("Organizer", calendarPerson(params, value))
	case "ATTENDEE":
		w.write("Attendee", calendarPerson(params, value))
	case "DTSTART":
		w.write("Start", calendarTime(params, value))
	case "DTEND", "DUE":
		w.write("End", calendarTime(params, value))
	}
}

func (w *calendarWriter) write(label, value string) {
	if value = strings.TrimSpace(value); value == "" {
		return
	}
	if !w.begun {
		if w.begun = true; w.out.Len() > 0 {
			w.out.WriteByte('\n')
		}
		if w.method != "" {
			w.out.WriteString("Method: " + w.method + "\n")
		}
	}
	w.out.WriteString(label + ": " + value + "\n")
}

// calendarProperty splits a line into name, parameters and value (RFC 5545
// section 3.1). Names are in upper case.
func calendarProperty(line string) (name string, params map[string]string, value string) {
	quoted := false
	for i := range len(line) {
		switch c := line[i]; {
		case c == '"':
			quoted = !quoted
		case c == ':' && !quoted:
			head := line[:i]
			name, head, _ = strings.Cut(head, ";")
			return strings.ToUpper(strings.TrimSpace(name)), calendarParams(head), line[i+1:]
		}
	}
	return "", nil, ""
}

func calendarParams(s string) map[string]string {
	if s == "" {
		return nil
	}
	params := map[string]string{}
	for s != "" {
		var p string
		p, s = cutParam(s)
		name, value, _ := strings.Cut(p, "=")
		params[strings.ToUpper(name)] = strings.Trim(value, `"`)
	}
	return params
}

// unescapeCalendar undoes the escapes of a text (RFC 5545 section 3.3.11).
func unescapeCalendar(s string) string {
	return strings.NewReplacer(`\n`, "\n", `\N`, "\n", `\,`, ",", `\;`, ";", `\\`, `\`).Replace(s)
}

// calendarPerson is the name and the address of an organizer or attendee.
func calendarPerson(params map[string]string, value string) string {
	value = strings.TrimSpace(value)
	if len(value) > 7 && strings.EqualFold(value[:7], "mailto:") {
		value = value[7:]
	}
	if name := params["CN"]; name != "" && name != value {
		return name + " <" + value + ">"
	}
	return value
}

// calendarTime is a date, or a time in the zone that it names, on a day's
// clock; as written when it is neither.
func calendarTime(params map[string]string, value string) string {
	value = strings.TrimSpace(value)
	if t, err := time.Parse("20060102", value); err == nil {
		return t.Format("2006-01-02")
	}
	clock, utc := strings.CutSuffix(value, "Z")
	t, err := time.Parse("20060102T150405", clock)
	if err != nil {
		return value
	}
	zone := params["TZID"]
	if utc {
		zone = "UTC"
	}
	return strings.TrimSpace(t.Format("2006-01-02 15:04") + " " + zone)
}

// isCalendar reports whether a part is an iCalendar object.
func (p *Part) isCalendar() bool {
	return p.Type == "text/calendar" || p.Type == "application/ics"
}

// calendarOf reads the invitations of the message as text.
func (m *Message) calendarOf() Text {
	t := Text{Part: -1}
	var bodies []string
	known := map[string]bool{}
	for i := range m.Parts {
		if !m.Parts[i].isCalendar() {
			continue
		}
		content := m.Content(i)
		body := normalise(calendarText(m.Parts[i].Charset, content[:min(len(content), maxText)]))
		// Outlook sends an invitation twice, as an alternative and as a file.
		if body == "" || known[body] {
			continue
		}
		known[body] = true
		if bodies = append(bodies, body); t.Part < 0 {
			t.Part = i
		}
	}
	t.Body = joinBodies(bodies)
	return t
}

// ampOf reads the AMP alternatives of the message as text.
func (m *Message) ampOf() Text {
	t := Text{Part: -1}
	for i := range m.Parts {
		if m.Parts[i].Type == "text/x-amp-html" {
			return Text{Part: i, Body: normalise(htmlText(m.decodeText(i)))}
		}
	}
	return t
}

package casework

import (
	"strings"
	"time"
	"unicode/utf8"
)

// ICalendar writes items as a calendar (RFC 5545). Link is where a case is found; host makes the UIDs those of this
// appliance, and stamp is when it is asked. What is as exact as a day or less is a whole day and has no zone: it is that
// day wherever it is read.
func ICalendar(name, host string, items []FeedItem, link func(number int) string, stamp time.Time) []byte {
	var w icsWriter
	w.line("BEGIN:VCALENDAR")
	w.line("VERSION:2.0")
	w.line("PRODID:-//Polytrace//Dates of cases//EN")
	w.line("CALSCALE:GREGORIAN")
	w.line("METHOD:PUBLISH")
	w.line("X-WR-CALNAME:" + icsText(name))
	for _, it := range items {
		w.line("BEGIN:VEVENT")
		w.line("UID:" + icsText(it.UID+"@"+host))
		w.line("DTSTAMP:" + icsInstant(stamp))
		from, to := it.When.From, it.When.To
		switch {
		case it.When.Grain == "minute":
			w.line("DTSTART:" + icsInstant(from))
			if to.After(from) {
				w.line("DTEND:" + icsInstant(to))
			}
		default:
			last := to.Add(-time.Nanosecond)
			if it.Last || last.Before(from) {
				from = last
			}
			w.line("DTSTART;VALUE=DATE:" + from.Format(icsDay))
			w.line("DTEND;VALUE=DATE:" + last.AddDate(0, 0, 1).Format(icsDay)) // The day behind (RFC 5545 section 3.6.1).
		}
		w.line("SUMMARY:" + icsText(it.Summary))
		w.line("URL:" + link(it.Case))
		w.line("TRANSP:TRANSPARENT")
		w.line("END:VEVENT")
	}
	w.line("END:VCALENDAR")
	return []byte(w.String())
}

const icsDay = "20060102"

func icsInstant(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

// icsText escapes a text (RFC 5545 section 3.3.11). Other control characters are left out.
func icsText(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`).Replace(text))
}

// icsWriter writes lines.
type icsWriter struct{ strings.Builder }

// line writes a line, folded so that none has more than 75 octets and none ends within a character (RFC 5545 section 3.1).
func (w *icsWriter) line(text string) {
	room := 75
	for len(text) > room {
		n := room
		for n > 1 && !utf8.RuneStart(text[n]) {
			n--
		}
		w.WriteString(text[:n] + "\r\n ")
		text, room = text[n:], 74 // One is the blank.
	}
	w.WriteString(text + "\r\n")
}

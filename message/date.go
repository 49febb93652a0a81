package message

import (
	"strconv"
	"strings"
	"time"
)

// parseDate reads a date in the forms that are met: RFC 5322 section 3.3 and
// 4.3, asctime, ISO 8601. It is zero when it cannot be read.
func parseDate(s string) time.Time {
	s, _ = cutComments(s)
	s = strings.TrimSpace(s)
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	var d dateWords
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' }) {
		d.add(word)
	}
	return d.time()
}

// dateWords are the words of a date by what they are.
type dateWords struct {
	day, year       int
	month           time.Month
	hour, min, sec  int
	hasTime, hasDay bool
	zone            *time.Location
}

func (d *dateWords) add(word string) {
	switch {
	case strings.Contains(word, "-") && d.addDashed(word): // 03-Mar-2026
	case strings.Count(word, ":") >= 1 && !d.hasTime:
		d.addTime(word)
	case monthOf(word) != 0 && d.month == 0:
		d.month = monthOf(word)
	case d.hasTime && d.zone == nil && zoneOf(word) != nil:
		d.zone = zoneOf(word)
	default:
		d.addNumber(word)
	}
}

func (d *dateWords) addDashed(word string) bool {
	parts := strings.Split(word, "-")
	if len(parts) != 3 || monthOf(parts[1]) == 0 {
		return false
	}
	for _, p := range parts {
		d.add(p)
	}
	return true
}

func (d *dateWords) addTime(word string) {
	parts := strings.SplitN(word, ":", 3)
	var n [3]int
	for i, p := range parts {
		p, _, _ = strings.Cut(p, ".")
		v, err := strconv.Atoi(p)
		if err != nil || v < 0 || v > 60 {
			return
		}
		n[i] = v
	}
	d.hour, d.min, d.sec, d.hasTime = n[0], n[1], n[2], true
}

func (d *dateWords) addNumber(word string) {
	n, err := strconv.Atoi(word)
	switch {
	case err != nil || n < 0 || n > 9999:
	case !d.hasDay && n >= 1 && n <= 31:
		d.day, d.hasDay = n, true
	case d.year == 0 && n >= 1000:
		d.year = n
	case d.year == 0 && len(word) == 2 || len(word) == 3: // RFC 5322 section 4.3.
		if d.year = n + 1900; n < 50 {
			d.year = n + 2000
		}
	}
}

func (d *dateWords) time() time.Time {
	if !d.hasDay || d.month == 0 || d.year == 0 || d.hour > 24 {
		return time.Time{}
	}
	zone := d.zone
	if zone == nil {
		zone = time.UTC
	}
	return time.Date(d.year, d.month, d.day, d.hour, d.min, d.sec, 0, zone)
}

func monthOf(word string) time.Month {
	if len(word) < 3 {
		return 0
	}
	const names = "janfebmaraprmayjunjulaugsepoctnovdec"
	at := strings.Index(names, strings.ToLower(word[:3]))
	if at < 0 || at%3 != 0 || len(word) > 9 {
		return 0
	}
	return time.Month(at/3 + 1)
}

// zoneOf reads a zone: an offset, or one of the names of RFC 5322 section 4.3.
func zoneOf(word string) *time.Location {
	named := map[string]int{"ut": 0, "utc": 0, "gmt": 0, "z": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "cet": 1, "cest": 2, "met": 1, "mest": 2, "bst": 1, "jst": 9}
	if h, ok := named[strings.ToLower(word)]; ok {
		return time.FixedZone(strings.ToUpper(word), h*3600)
	}
	digits := strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(strings.ToUpper(word), "GMT"), "UTC"), ":", "")
	if len(digits) != 5 || digits[0] != '+' && digits[0] != '-' {
		return nil
	}
	n, err := strconv.Atoi(digits[1:])
	if err != nil || n%100 > 59 || n > 2400 {
		return nil
	}
	seconds := (n/100)*3600 + (n%100)*60
	if digits[0] == '-' {
		seconds = -seconds
	}
	return time.FixedZone("", seconds)
}

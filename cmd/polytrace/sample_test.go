package main

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"image/png"
	"io"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"polytrace/casework"
	"polytrace/message"

	"github.com/google/go-cmp/cmp"
)

// sampleNow is a Wednesday; other days of the week are tried where they matter.
var sampleNow = time.Date(2027, 3, 10, 9, 30, 0, 0, time.UTC)

// readSampleMessage reads a message as the appliance does.
func readSampleMessage(m sampleMessage) *message.Reading {
	d := message.Delivery{From: m.From}
	for _, q := range sampleQueues {
		if q.Name == m.Queue {
			d.Format = q.Format
		}
	}
	for _, to := range m.To {
		d.To = append(d.To, to+"@journal.northwind.example")
	}
	return message.Read(m.Raw, d)
}

// The same moment tells the same mail, to the byte.
func TestSampleIsDeterministic(t *testing.T) {
	if diff := cmp.Diff(sampleMail(sampleNow), sampleMail(sampleNow)); diff != "" {
		t.Error(diff)
	}
}

// There is enough mail to search in, over both ways in, and some of it more
// than once.
func TestSampleHasEnough(t *testing.T) {
	all := sampleMail(sampleNow)
	queues, byID, bytesSeen := map[string]int{}, map[string]map[string]bool{}, map[string]int{}
	for _, m := range all {
		queues[m.Queue]++
		bytesSeen[string(m.Raw)]++
		original := readSampleMessage(m).Original
		if byID[original.MessageID] == nil {
			byID[original.MessageID] = map[string]bool{}
		}
		byID[original.MessageID][original.Text().Body] = true
	}
	if len(byID) < 140 {
		t.Errorf("%d different Message-IDs, want 140", len(byID))
	}
	if share := 100 * queues["exchange"] / (len(all) - queues[sampleIntake]); share < 55 || share > 65 || len(queues) != len(sampleQueues) {
		t.Errorf("%d %% of the mail comes as journal reports, want about 60: %v", share, queues)
	}
	if len(byID[""]) != 1 {
		t.Errorf("%d messages have no Message-ID, want one", len(byID[""]))
	}
	shared := 0
	for _, bodies := range byID {
		if len(bodies) > 1 {
			shared++
		}
	}
	if shared != 1 {
		t.Errorf("%d Message-IDs stand for different messages, want one", shared)
	}
	if len(bytesSeen) == len(all) {
		t.Error("no message arrives twice with the same bytes")
	}
}

// Nothing in the mail is broken, so that what the product says of it is about
// the mail and not about the sample.
func TestSampleHasNoDefects(t *testing.T) {
	for _, m := range sampleMail(sampleNow) {
		r := readSampleMessage(m)
		for _, d := range slices.Concat(r.Defects, r.Original.Defects) {
			t.Errorf("%s: %+v", r.Original.Subject, d)
		}
		for _, p := range r.Original.Parts {
			if p.Embedded != nil && len(p.Embedded.Defects) > 0 {
				t.Errorf("%s: inside: %+v", r.Original.Subject, p.Embedded.Defects)
			}
		}
		text := r.Original.Text().Body
		if strings.TrimSpace(text) == "" || strings.ContainsAny(text, "{}\ufffd") || strings.ContainsAny(r.Original.Subject, "{}\ufffd") {
			t.Errorf("%s: text is empty or has what was not filled in:\n%s", r.Original.Subject, text)
		}
		if bytes.Contains(bytes.ReplaceAll(m.Raw, []byte("\r\n"), nil), []byte("\n")) {
			t.Errorf("%s: has a line that ends with a bare LF", r.Original.Subject)
		}
	}
}

// The story of every message comes back out of its wrapping: who sent it to
// whom, and what proves that.
func TestSampleEnvelopesAreRead(t *testing.T) {
	library, err := loadSample(sampleFiles, sampleNow)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range library.letters {
		copies, err := library.deliveries(l)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range copies {
			r := readSampleMessage(m)
			if r.MessageID != l.messageID() || r.Original.Subject != l.subject || !r.Original.Date.Equal(l.date) {
				t.Errorf("%s: read as %q, %q, %v", l.id, r.MessageID, r.Original.Subject, r.Original.Date)
			}
			if wrapped := r.Levels == 1; wrapped != (m.Queue == "exchange") {
				t.Errorf("%s: in queue %s %d reports were unwrapped", l.id, m.Queue, r.Levels)
			}
			if m.Queue == "exchange" && r.Sender != l.reversePath() && l.reversePath() != "" {
				t.Errorf("%s: sender %q", l.id, r.Sender)
			}
			library.checkRecipients(t, l, m, r)
		}
	}
}

func (s *sampleLibrary) checkRecipients(t *testing.T, l *sampleLetter, m sampleMessage, r *message.Reading) {
	t.Helper()
	proven := map[string]string{}
	for _, p := range r.Recipients {
		if strings.HasPrefix(p.Provenance, "proven:") {
			proven[p.Address] = p.Via
		}
	}
	all := s.recipients(l)
	split := len(proven) == 1 // A report or a copy for one of ours alone.
	plain := len(m.To) == 1 && m.Queue != "exchange" && m.To[0] == m.Queue
	for _, want := range all {
		via, ok := proven[want.address]
		hidden := plain || split || m.Queue != "exchange" && !l.outgoing() && !want.ours()
		if !ok && !hidden || ok && via != want.list && m.Queue == "exchange" {
			t.Errorf("%s over %s: recipient %+v is not proven: %+v", l.id, m.Queue, want, r.Recipients)
		}
	}
	if len(proven) == 0 && !plain {
		t.Errorf("%s over %s: no recipient is proven", l.id, m.Queue)
	}
}

// Every attachment opens as what its name says.
func TestSampleAttachmentsOpen(t *testing.T) {
	kinds := map[string]int{}
	for _, m := range sampleMail(sampleNow) {
		original := readSampleMessage(m).Original
		for _, a := range original.Attachments() {
			kind := path.Ext(a.Filename)
			kinds[kind]++
			content := original.Content(a.N)
			if err := openSampleFile(kind, content); err != nil {
				t.Errorf("%s: %s: %v", original.Subject, a.Filename, err)
			}
		}
	}
	for _, kind := range []string{".pdf", ".png", ".csv", ".log", ".txt", ".docx", ".xlsx", ".zip", ".ics", ".eml"} {
		if kinds[kind] == 0 {
			t.Errorf("nothing has a %s attached: %v", kind, kinds)
		}
	}
}

func openSampleFile(kind string, content []byte) error {
	switch kind {
	case ".pdf":
		return checkSamplePDF(content)
	case ".png":
		_, err := png.Decode(bytes.NewReader(content))
		return err
	case ".csv":
		_, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
		return err
	case ".docx", ".xlsx", ".zip":
		return checkSampleZip(content)
	case ".ics":
		return checkSampleWords(content, "BEGIN:VCALENDAR", "DTSTART:", "END:VCALENDAR")
	case ".eml":
		if m := message.Parse(content); m.Subject == "" || len(m.Defects) > 0 {
			return errSampleFile("is not a message")
		}
	case ".log", ".txt":
		return checkSampleWords(content, "\n")
	default:
		return errSampleFile("is of a kind that nothing here can open")
	}
	return nil
}

type errSampleFile string

func (e errSampleFile) Error() string { return string(e) }

func checkSampleWords(content []byte, words ...string) error {
	for _, word := range words {
		if !bytes.Contains(content, []byte(word)) {
			return errSampleFile("does not have " + word)
		}
	}
	return nil
}

// checkSamplePDF follows the cross-reference table to each object.
func checkSamplePDF(content []byte) error {
	if !bytes.HasPrefix(content, []byte("%PDF-1.")) || !bytes.HasSuffix(content, []byte("%%EOF\n")) {
		return errSampleFile("does not begin or end as a PDF")
	}
	at := bytes.LastIndex(content, []byte("xref\n0 6\n0000000000 65535 f \n"))
	for n := 1; n <= 5; n++ {
		entry := string(content[at+9+20*n : at+9+20*(n+1)])
		offset := 0
		for _, c := range entry[:10] {
			offset = offset*10 + int(c-'0')
		}
		if want := string(rune('0'+n)) + " 0 obj"; !bytes.HasPrefix(content[offset:], []byte(want)) {
			return errSampleFile("object " + want + " is not where the table says")
		}
	}
	return nil
}

func checkSampleZip(content []byte) error {
	r, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return err
	}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, in); err != nil {
			return err
		}
	}
	return nil
}

// Whatever the day, all mail was sent within the last 170 days, on working
// days between 7:00 and 19:00 where its writer is, and after what it answers.
func TestSampleDatesMakeSense(t *testing.T) {
	for day := range 400 {
		now := sampleNow.AddDate(0, 0, day).Add(time.Duration(day) * 37 * time.Minute)
		library, err := loadSample(sampleFiles, now)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range library.letters {
			switch {
			case !l.date.Before(now) || l.date.Before(now.AddDate(0, 0, -170)):
				t.Fatalf("at %v %s is dated %v", now, l.id, l.date)
			case strings.HasPrefix(l.fields["when"][0], "ago "): // The customer writes when something happens.
			case l.date.Weekday() == time.Saturday || l.date.Weekday() == time.Sunday || l.date.Hour() < 7 || l.date.Hour() > 18:
				t.Fatalf("%s was sent out of hours: %v", l.id, l.date)
			case l.parent != nil && !l.parent.date.Before(l.date):
				t.Fatalf("%s of %v answers %s of %v", l.id, l.date, l.parent.id, l.parent.date)
			}
		}
	}
}

// The newest mail is fresh: people look at a demo today.
func TestSampleEndsShortlyBeforeNow(t *testing.T) {
	all := sampleMail(sampleNow)
	if age := sampleNow.Sub(all[len(all)-1].Sent); age > 48*time.Hour {
		t.Errorf("the newest message is %v old", age)
	}
	if span := sampleNow.Sub(all[0].Sent); span < 130*24*time.Hour {
		t.Errorf("the oldest message is %v old, want about five months", span)
	}
}

// Five languages are spoken, by people and not by a few words.
func TestSampleSpeaksFiveLanguages(t *testing.T) {
	words := map[string][]string{"en": {" the "}, "de": {" wir ", " und "}, "fr": {" vous ", " est ", " pour "}, "es": {" los ", " que "}, "ja": {"ます"}}
	seen := map[string]int{}
	for _, m := range sampleMail(sampleNow) {
		text := readSampleMessage(m).Original.Text()
		own := ""
		for _, z := range text.Zones {
			if z.Kind == "author" {
				own += text.Body[z.Start:z.End]
			}
		}
		for lang, signs := range words {
			if slices.ContainsFunc(signs, func(sign string) bool { return strings.Contains(own, sign) }) {
				seen[lang]++
			}
		}
	}
	for lang := range words {
		if seen[lang] < 10 {
			t.Errorf("%d messages in %s: %v", seen[lang], lang, seen)
		}
	}
}

// Everything that the cases cite is in the mail, word for word, and the case
// would be accepted: owners, notes and share name what there is.
func TestSampleCasesCiteWhatIsThere(t *testing.T) {
	texts := map[string]string{}
	for _, m := range sampleMail(sampleNow) {
		r := readSampleMessage(m)
		texts[r.MessageID] = r.Original.Text().Body
	}
	cases := sampleCases()
	for _, c := range cases {
		for _, x := range c.Citations {
			text, ok := texts[x.MessageID]
			start, end, found := casework.Anchor(text, x.Quote, "", "", 0)
			if !ok || !found || text[start:end] != x.Quote {
				t.Errorf("%s: %q is not in %s (known: %v)", c.Title, x.Quote, x.MessageID, ok)
			}
		}
		for _, n := range c.Notes {
			checkSampleIndexes(t, c.Title, n.Cites, len(c.Citations))
		}
		for _, x := range c.Statements {
			checkSampleIndexes(t, c.Title, x.Cites, len(c.Citations))
		}
		if c.Share == nil {
			continue
		}
		checkSampleIndexes(t, c.Title, c.Share.Citations, len(c.Citations))
		checkSampleIndexes(t, c.Title, c.Share.Notes, len(c.Notes))
		for _, n := range c.Share.Notes {
			if len(c.Notes[n].Cites) == 0 {
				t.Errorf("%s: the share has note %d, which has no source", c.Title, n)
			}
		}
	}
	if len(cases) != 5 || cases[0].Share == nil {
		t.Errorf("%d cases, want five, the first of them shared", len(cases))
	}
}

func checkSampleIndexes(t *testing.T, title string, indexes []int, n int) {
	t.Helper()
	for _, i := range indexes {
		if i < 0 || i >= n {
			t.Errorf("%s: there is no number %d", title, i)
		}
	}
}

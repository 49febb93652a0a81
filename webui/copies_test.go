package webui

import (
	"mime"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/message"
)

// journaled stores a message that is written after what Exchange sends.
func (f *fixture) journaled(name string) (archive.Address, string) {
	f.t.Helper()
	raw, err := os.ReadFile("../message/testdata/fixtures/" + name)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.store(raw, archive.Source{Queue: "exchange", Format: message.FormatExchange}).Address(), string(raw)
}

// Two reports of one message are one hit. Its page and its JSON list both, with the recipients
// that each brought; both are served, exported and held.
func TestCopiesAreListedExportedAndHeld(t *testing.T) {
	f := newFixture(t)
	f.users()
	first, raw1 := f.journaled("06-m365-bifurcated-1.eml")
	second, raw2 := f.journaled("07-m365-bifurcated-2.eml")
	page := f.as("manager").get(recordPath(second)).body
	for _, want := range []string{"seen 2 times in 2 copies", first.String(), second.String(), "another copy", recordPath(first) + "/raw", recordPath(second) + "/raw"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	p := f.program(casework.Observer)
	if found := tell[searchOut](p, http.StatusOK, "GET", "/search?q=rcpt:buyer+rcpt:bob", nil); found.Total != 1 || len(found.Items) != 1 || found.Items[0].Copies != 2 {
		t.Errorf("%+v", found)
	}
	record := tell[recordOut](p, http.StatusOK, "GET", "/records/"+second.String(), nil)
	if record.Address != first || record.Copies != 2 || len(record.Sightings) != 2 || len(record.Recipients) != 2 || len(record.Variants) != 0 {
		t.Errorf("%+v", record)
	}
	for i, raw := range []string{raw1, raw2} {
		s := record.Sightings[i]
		if s.Address != []archive.Address{first, second}[i] || s.Source.Queue != "exchange" || len(s.Recipients) != 1 || s.Recipients[0].Address != []string{"bob@contoso.example", "buyer@customer.example"}[i] {
			t.Errorf("copy %d is %+v", i, s)
		}
		if got := p.ask("GET", "/records/"+s.Address.String()+"/raw", nil).body; got != raw {
			t.Errorf("raw copy %d differs", i)
		}
	}
	files, manifest := readZip(t, p.ask("GET", "/export?q=fork", nil).body)
	if files["mail-0.eml"] != raw1 || files["mail-1.eml"] != raw2 || len(manifest) != 3 || manifest[2][2] == manifest[1][2] {
		t.Errorf("exported are %q", manifest)
	}
	var held []archive.Address
	for at, err := range f.web.records().Matches(t.Context(), "rcpt:bob", nil) {
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, at)
	}
	if !slices.Equal(held, []archive.Address{first, second}) {
		t.Errorf("held are %v", held)
	}
}

// The page of a part says what is missing, and offers the whole message when all parts are here.
func TestFragmentOffersTheWhole(t *testing.T) {
	f := newFixture(t)
	f.users()
	w := f.as("manager")
	part := func(n int, text string) archive.Address {
		return f.mail("From: jane@acme.example\nSubject: split " + strconv.Itoa(n) + "\nMessage-ID: <" + strconv.Itoa(n) + "@acme.example>\nDate: Mon, 2 Nov 2026 09:00:00 +0100\n" +
			"Content-Type: message/partial; id=big; number=" + strconv.Itoa(n) + "; total=2\n\n" + text)
	}
	two := part(2, "X\n--B\nContent-Type: text/html\nContent-Disposition: attachment; filename=\"plan.html\"\n\n<p>plan</p>\n--B--\n")
	page := w.get(recordPath(two)).body
	if !strings.Contains(page, "Part 2 of 2 of a message; others are missing") || strings.Contains(page, "?whole=1") {
		t.Errorf("one part: %s", page)
	}
	if r := w.get(recordPath(two) + "?whole=1"); r.code != http.StatusNotFound {
		t.Errorf("whole of one part: %d", r.code)
	}
	if found := w.get("/search?q=is:unsearchable").body; !strings.Contains(found, "not all searched: a part of a message") {
		t.Errorf("is:unsearchable: %s", found)
	}
	one := part(1, "Subject: The whole plan\nMessage-ID: <whole@acme.example>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B\n\n--B\n\nfirst half, ")
	if err := f.index.Steady(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, at := range []archive.Address{one, two} {
		if page := w.get(recordPath(at)).body; !strings.Contains(page, "of 2 of a message; all parts are here") || !strings.Contains(page, recordPath(at)+"?whole=1") {
			t.Errorf("page of %s: %s", at, page)
		}
		page := w.get(recordPath(at) + "?whole=1").body
		for _, want := range []string{"first half, X", "put together from its parts", "plan.html", recordPath(one), recordPath(two)} {
			if !strings.Contains(page, want) {
				t.Errorf("the whole from %s lacks %q", at, want)
			}
		}
		if strings.Contains(page, "Add to case") {
			t.Error("what is in no record can be cited")
		}
		file := w.get(recordPath(at) + "/parts/2?whole=1")
		if file.body != "<p>plan</p>" || !strings.Contains(file.head.Get("Content-Disposition"), "plan.html") {
			t.Errorf("file of the whole: %q %v", file.body, file.head)
		}
	}
}

// A file that was no part of the message as MIME says where it comes from, and is served under the name it is listed by.
func TestFilesSayWhatTheyCameOutOf(t *testing.T) {
	f := newFixture(t)
	f.users()
	w, p := f.as("manager"), f.program(casework.Observer)
	for name, words := range map[string]string{"15-exchange-inner-winmail-dat.eml": "out of winmail.dat", "54-uuencode-inline.eml": "uuencoded in the text"} {
		at, _ := f.journaled(name)
		if page := w.get(recordPath(at)).body; !strings.Contains(page, "· "+words+"</span>") {
			t.Errorf("the page of %s does not say %q", name, words)
		}
		files := tell[recordOut](p, http.StatusOK, "GET", "/records/"+at.String(), nil).Message.Attachments
		if len(files) == 0 {
			t.Errorf("%s has no file", name)
		}
		for _, file := range files {
			if file.Form == "" {
				t.Errorf("%s does not say how it was encoded: %+v", name, file)
			}
			r := w.get(recordPath(at) + "/parts/" + strconv.Itoa(file.N))
			if _, params, err := mime.ParseMediaType(r.head.Get("Content-Disposition")); err != nil || params["filename"] != file.Filename || len(r.body) != file.Size {
				t.Errorf("%+v is served as %v, %v", file, r.head, err)
			}
		}
	}
	unnamed := f.mail("From: jane@acme.example\nDate: Mon, 2 Nov 2026 09:00:00 +0100\nContent-Type: multipart/mixed; boundary=B\n\n--B\n\nhello\n--B\nContent-Type: message/rfc822\n\nSubject: Offer\n\nx\n--B--\n")
	if r := w.get(recordPath(unnamed) + "/parts/2"); !strings.Contains(r.head.Get("Content-Disposition"), "Offer.eml") {
		t.Errorf("a message without a file name is served as %v", r.head)
	}
}

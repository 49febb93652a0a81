package index

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"polytrace/archive"
	"polytrace/document"
)

// carrying is a message with a file.
func carrying(id, name, declared, content string) string {
	return mail("--B\nContent-Type: text/plain\n\nplease read\n--B\nContent-Type: "+declared+"; name=\""+name+"\"\nContent-Disposition: attachment; filename=\""+name+
		"\"\nContent-Transfer-Encoding: base64\n\n"+base64.StdEncoding.EncodeToString([]byte(content))+"\n--B--\n",
		"From: jane@contoso.example", "To: support@contoso.example", "Subject: "+id, "Message-ID: <"+id+"@contoso.example>", "Content-Type: multipart/mixed; boundary=B", dated(day(2026, 11, 3)))
}

// plainReader reads files as text.
type plainReader struct{}

func (plainReader) Version() string { return "plain" }
func (plainReader) Read(name, mediaType string, content []byte) (document.Text, error) {
	return document.Read(name, mediaType, content, document.Limits{}), nil
}

func TestTR10_AFileThatIsNotWhatItsNameSaysIsFound(t *testing.T) {
	t.Parallel()
	a := newMemArchive()
	a.append(archive.Meta{Source: archive.Source{Queue: "support"}}, carrying("one", "invoice.pdf", "application/pdf", "<html><form action=x>pay</form></html>"))
	a.append(archive.Meta{Source: archive.Source{Queue: "support"}}, carrying("two", "invoice.pdf", "application/pdf", "%PDF-1.7 and so on"))
	x, stop := followWith(t, vfs.NewMem(), a, Config{Documents: plainReader{}})
	defer stop()
	caughtUp(t, x, a)
	found := search(t, x, Request{Query: "is:mismatched"})
	if found.Total != 1 || found.Items[0].Subject != "one" {
		t.Fatalf("found %+v", found.Items)
	}
	want := File{N: 2, Name: "invoice.pdf", Size: 38, SHA256: found.Items[0].Attached[0].SHA256, Format: "HTML", Odd: "named .pdf, is HTML"}
	if got := found.Items[0].Attached; !slices.Equal(got, []File{want}) {
		t.Fatalf("the line shows %+v", got)
	}
	doc, err := x.Document(t.Context(), found.Items[0].Address)
	if err != nil || doc.Attachments[0].Odd != want.Odd || doc.Attachments[0].Format != "HTML" {
		t.Fatalf("the record shows %+v, %v", doc, err)
	}
}

func TestREC9_AFileFindsEveryMessageThatCarriesItsBytes(t *testing.T) {
	t.Parallel()
	a := newMemArchive()
	source := archive.Meta{Source: archive.Source{Queue: "support"}}
	a.append(source, carrying("one", "plan.txt", "text/plain", "plan of the second batch"))
	a.append(source, carrying("two", "other.txt", "application/octet-stream", "plan of the second batch"))
	a.append(source, carrying("three", "plan.txt", "text/plain", "another plan"))
	a.append(archive.Meta{Kind: archive.KindFile, Source: archive.Source{File: "plan copy.txt"}}, "plan of the second batch")
	x, stop := followWith(t, vfs.NewMem(), a, Config{Documents: plainReader{}})
	defer stop()
	caughtUp(t, x, a)
	digest := sha256Of("plan of the second batch")
	if got := len(addresses(t, x.Within(Within{}), Request{Query: "file:" + digest})); got != 3 {
		t.Fatalf("found %d records, want 3", got)
	}
	upload := search(t, x, Request{Query: "kind:file file:" + digest[:8] + "* batch"})
	if upload.Total != 1 {
		t.Fatalf("found %+v", upload.Items)
	}
	upload = search(t, x, Request{Query: "kind:file attachment:batch"})
	if upload.Total != 1 || upload.Items[0].Subject != "plan copy.txt" || upload.Items[0].In != "plan copy.txt" || !strings.Contains(upload.Items[0].Snippet, "batch") || upload.Items[0].Unsearchable != "" {
		t.Fatalf("the uploaded file is %+v", upload.Items)
	}
	text, err := x.Within(Within{}).FileText(t.Context(), upload.Items[0].Address, -1)
	if err != nil || len(text) != 1 || text[0].Text != "plan of the second batch" {
		t.Fatalf("its text is %+v, %v", text, err)
	}
	for _, wrong := range []string{"file:xyz", "file:9f*", "file:" + digest + "00", "file:plan.txt"} {
		if _, err := x.Search(t.Context(), Request{Query: wrong}); err == nil {
			t.Errorf("%s can be asked", wrong)
		}
	}
}

func TestStoredRowsOfEarlierFormatsStayReadable(t *testing.T) {
	t.Parallel()
	s := &stored{kind: archive.KindMessage, at: archive.Address{Stream: archive.Mail, Position: 7}, subject: "x", size: 5}
	old := s.encode()
	old[0] = storedFileless
	got, err := decodeStored(old)
	if err != nil || got.at != s.at || got.size != 5 {
		t.Fatalf("got %+v, %v", got, err)
	}
	old = encodedBefore(s, "plan.pdf")
	if got, err = decodeStored(old); err != nil || len(got.files) != 1 || got.files[0].Name != "plan.pdf" || got.summary().Attached != nil || got.size != 5 {
		t.Fatalf("got %+v, %v", got, err)
	}
}

// encodedBefore is a row as version 2 wrote it.
func encodedBefore(s *stored, file string) []byte {
	e := encoder{storedFileless}
	e.text(string(s.kind))
	e.text(string(s.at.Stream))
	e.number(int64(s.at.Position))
	e.number(s.date)
	e.number(s.received)
	e.people(nil)
	e.people(nil)
	e.text(s.subject)
	e.number(1)
	e.text(file)
	e.number(s.size)
	e.text(string(s.sha256[:]))
	for range 2 {
		e.text("")
	}
	e.number(1)
	e.number(1)
	e.text("")
	e.text("")
	e.number(0)
	return e
}

package index

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/document"
)

// withFile is a message with a file.
func withFile(name, kind, content string) string {
	return mail("--B\nContent-Type: text/plain\n\nSee the file.\n--B\nContent-Type: "+kind+"; name=\""+name+"\"\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\n"+
		base64.StdEncoding.EncodeToString([]byte(content))+"\n--B--\n", "From: jane@contoso.example", "Subject: plans", "Content-Type: multipart/mixed; boundary=B")
}

// reading is an archive whose attached files are read by a function.
type reading struct {
	*memArchive
	by Documents
}

func (r reading) reads() (by Documents, pictures Pictures) { return r.by, nil }

// readBy is a reader of documents without a version.
type readBy func(name, kind string, content []byte) (document.Text, error)

func (r readBy) Read(name, kind string, content []byte) (document.Text, error) {
	return r(name, kind, content)
}

func (readBy) Version() string { return "" }

// pictures is the same for pictures.
func (r readBy) pictures(_ context.Context, name, kind string, content []byte) (document.Text, error) {
	return r(name, kind, content)
}

// Words of attached files are found, told apart from those of the message, and
// shown with the file and the place in it.
func TestAttachedFilesAreFound(t *testing.T) {
	a := newMemArchive()
	pure := readBy(func(name, kind string, content []byte) (document.Text, error) {
		return document.Read(name, kind, content, document.Limits{}), nil
	})
	x, stop := followOn(t, vfs.NewMem(), reading{a, pure})
	defer stop()
	csv := a.append(archive.Meta{}, withFile("costs.csv", "text/csv", "item;price\nflux capacitor;1210\n"))
	inside := a.append(archive.Meta{}, withFile("forwarded.eml", "message/rfc822", "Subject: inner\r\n\r\nThe manifold leaks.\r\n"))
	caughtUp(t, x, a)
	for query, want := range map[string]archive.Address{"capacitor": csv, "attachment:\"flux capacitor\"": csv, "attachment:capac*": csv, "manifold": inside, "flux NEAR/2 1210": csv} {
		got := search(t, x, Request{Query: query})
		if got.Total != 1 || got.Items[0].Address != want {
			t.Errorf("%s finds %+v", query, got.Items)
			continue
		}
		item := got.Items[0]
		if !strings.HasPrefix(item.In, []string{"costs.csv", "forwarded.eml"}[want.Position]) || len(item.Marks) == 0 {
			t.Errorf("%s is shown as %q in %q, marks %v", query, item.Snippet, item.In, item.Marks)
		}
	}
	for _, query := range []string{"body:capacitor", "attachment:see", "subject:capacitor"} {
		if got := search(t, x, Request{Query: query}); got.Total != 0 {
			t.Errorf("%s finds %+v", query, got.Items)
		}
	}
	if got := search(t, x, Request{Query: "see"}); got.Total != 2 || got.Items[0].In != "" {
		t.Errorf("words of the message are shown as %+v", got.Items)
	}
	a.removes(t, casework.RetentionExpired, "", archive.Removal{Stream: archive.Mail, First: csv.Position, Records: 1})
	settled(t, x, a)
	noTraces(t, x)
	if got := search(t, x, Request{Query: "capacitor OR attachment:flux"}); got.Total != 0 {
		t.Errorf("what was removed is found: %+v", got.Items)
	}
}

// What could not be read of a file is on the list, with the reason.
func TestUnreadFilesAreListed(t *testing.T) {
	a := newMemArchive()
	x, stop := followOn(t, vfs.NewMem(), reading{a, readBy(func(name, _ string, _ []byte) (document.Text, error) {
		reason, _, _ := strings.Cut(name, ".")
		if reason == "lost" {
			return document.Text{}, errors.New("no child")
		}
		return document.Text{Reason: strings.TrimPrefix(reason, "fine"), Parts: []document.Part{{Text: "rest"}}}, nil
	})})
	defer stop()
	want := []string{reasonFileEncrypted, reasonFileLimit, reasonFileDamaged, reasonFileFault, reasonFileImage, "", "", reasonFileFault}
	for _, name := range []string{"encrypted.xls", "limit.zip", "damaged.doc", "crash.doc", "image.pdf", "unknown.exe", "fine.txt", "lost.doc"} {
		a.append(archive.Meta{}, withFile(name, "application/octet-stream", "x"))
	}
	a.append(archive.Meta{}, withFile("crash.png", "image/png", "x")) // Has no text to read.
	caughtUp(t, x, a)
	for i, reason := range append(want, "") {
		if got := documentAt(t, x, archive.Address{Stream: archive.Mail, Position: archive.Position(i)}).Unsearchable; got != reason {
			t.Errorf("mail/%d is unsearchable because %q, want %q", i, got, reason)
		}
	}
	if got := search(t, x, Request{Query: "is:unsearchable"}).Total; got != len(want)-2 {
		t.Errorf("%d are listed", got)
	}
	if got := addresses(t, x, Request{Query: "attachment:rest"}); !slices.Contains(got, "mail/2") {
		t.Errorf("what could be read of a damaged file is found in %v", got)
	}
}

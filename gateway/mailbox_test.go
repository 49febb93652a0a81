package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func readAll(t *testing.T, format MailboxFormat, paths ...string) (messages, problems []string) {
	t.Helper()
	for f, err := range ReadMailbox(t.Context(), paths, format) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Body == nil {
			problems = append(problems, fmt.Sprintf("%s@%d: %s", filepath.Base(f.Path), f.Offset, f.Problem))
			continue
		}
		b, err := io.ReadAll(io.NewSectionReader(f.Body, 0, f.Body.Size()))
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, string(b))
	}
	return messages, problems
}

func TestMboxIsSplitWhereMessagesBegin(t *testing.T) {
	one := "Subject: one\n\nFrom here on it is text\n\nFrom the text\n>From quoted\n"
	two := "Subject: two\r\n\r\nbody\r\n"
	box := "From a@b.example Mon Mar  2 10:00:00 2026\n" + one + "\nFrom c@d.example Mon Mar  2 10:00:00 2026 +0100\n" + two + "\n"
	name := write(t, filepath.Join(t.TempDir(), "box"), box)
	messages, problems := readAll(t, AutoMailbox, name)
	if len(messages) != 2 || messages[0] != one || messages[1] != two || len(problems) > 0 {
		t.Errorf("%q, problems %q", messages, problems)
	}
}

func TestTruncatedMboxIsTakenAndReported(t *testing.T) {
	box := "From a@b.example Mon Mar  2 10:00:00 2026\nSubject: one\n\nx\n\nFrom a@b.example Mon Mar  2 10:00:00 2026\nSubject: two\n\ncut he"
	messages, problems := readAll(t, AutoMailbox, write(t, filepath.Join(t.TempDir(), "box"), box))
	if len(messages) != 2 || !strings.HasSuffix(messages[1], "cut he") {
		t.Errorf("%q", messages)
	}
	if len(problems) != 1 || !strings.Contains(problems[0], "may be cut") {
		t.Errorf("problems %q", problems)
	}
}

func TestFoldersAreReadAndOtherFilesNamed(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a", "one.eml"), "Subject: one\n\nx\n")
	write(t, filepath.Join(dir, "a", "two"), "Received: by x\nSubject: two\n\nx\n")
	write(t, filepath.Join(dir, "b", "cur", "1:2,S"), "Subject: three\n\nx\n")
	write(t, filepath.Join(dir, "b", "new", "2"), "Subject: four\n\nx\n")
	write(t, filepath.Join(dir, "b", "tmp", "3"), "Subject: unfinished\n\nx\n")
	write(t, filepath.Join(dir, "b", "dovecot-uidlist"), "3 V1 N2\n")
	write(t, filepath.Join(dir, "c", "empty.eml"), "")
	write(t, filepath.Join(dir, "c", "notes.txt"), "remember: buy milk\n")
	write(t, filepath.Join(dir, "c", "picture.png"), "\x89PNG\r\n\x1a\n\x00\x00")
	if err := os.Symlink(dir, filepath.Join(dir, "c", "loop")); err != nil {
		t.Fatal(err)
	}
	messages, problems := readAll(t, AutoMailbox, dir)
	if len(messages) != 4 || !strings.Contains(messages[3], "four") {
		t.Errorf("%q", messages)
	}
	want := "[empty.eml@0: empty: no message in it notes.txt@0: not mail: no header field in its first lines; it was left out picture.png@0: not mail: no header field in its first lines; it was left out]"
	if fmt.Sprint(problems) != want {
		t.Errorf("problems %q", problems)
	}
	files, size, err := MailboxSize(t.Context(), []string{dir})
	if err != nil || files != 7 || size == 0 {
		t.Errorf("%d files, %d bytes, %v", files, size, err)
	}
}

func TestMissingPathIsAnError(t *testing.T) {
	for _, err := range ReadMailbox(t.Context(), []string{"/no/such/path"}, AutoMailbox) {
		if err == nil || !strings.Contains(err.Error(), "/no/such/path: no such file") {
			t.Errorf("%v", err)
		}
	}
}

func FuzzMbox(f *testing.F) {
	f.Add([]byte("From a@b.example Mon Mar  2 10:00:00 2026\nSubject: one\n\nx\n\nFrom a@b.example Mon Mar  2 10:00:00 2026\n"))
	f.Add([]byte("\n\nFrom \n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, box []byte) {
		name := filepath.Join(dir, "box")
		if err := os.WriteFile(name, box, 0o600); err != nil {
			t.Fatal(err)
		}
		var last int64
		for m, err := range ReadMailbox(t.Context(), []string{name}, Mbox) {
			if err != nil {
				t.Fatal(err)
			}
			if m.Body == nil {
				continue
			}
			if m.Offset < last || m.Offset+m.Body.Size() > int64(len(box)) {
				t.Fatalf("message at %d of %d bytes behind %d of %d", m.Offset, m.Body.Size(), last, len(box))
			}
			last = m.Offset + m.Body.Size()
		}
	})
}

// Importing the same mailbox again adds nothing; another mailbox with the same
// message adds a sighting.
func TestImportsAddOnce(t *testing.T) {
	a := &memory{}
	seen := func(sum archive.Digest) (all []Arrival, err error) {
		for _, r := range a.all() {
			if r.Meta.SHA256 == sum {
				all = append(all, Arrival{r.Meta.Address(), r.Meta.Source})
			}
		}
		return all, nil
	}
	none := func(archive.Digest) ([]Arrival, error) { return nil, nil }
	body := bytes.NewReader([]byte("Subject: x\n\ny\n"))
	take := func(i *Importer, mailbox string) Outcome {
		_, outcome, err := i.Take(context.Background(), archive.Source{Mailbox: mailbox, Import: "box"}, body)
		if err != nil {
			t.Fatal(err)
		}
		return outcome
	}
	first := NewImporter(a, none, time.Now)
	for n, want := range []Outcome{Added, Skipped} {
		if got := take(first, "kim@northwind.example"); got != want {
			t.Errorf("time %d: %s, want %s", n, got, want)
		}
	}
	if got := take(first, "marta@northwind.example"); got != Sighted {
		t.Errorf("another mailbox: %s", got)
	}
	second := NewImporter(a, seen, time.Now)
	if got := take(second, "kim@northwind.example"); got != Skipped {
		t.Errorf("a second run: %s", got)
	}
	all := a.all()
	if len(all) != 2 || all[1].Meta.SameAs == nil || *all[1].Meta.SameAs != all[0].Meta.Address() {
		t.Errorf("%+v", all)
	}
}

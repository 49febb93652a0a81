package child

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"polytrace/document"
	"polytrace/document/documenttest"
)

// program writes one that is called as Tesseract is, and reads pictures as a script says.
func program(t *testing.T, languages, reads string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "reader")
	script := "#!/bin/sh\ncase $1 in\n--version) echo 'tesseract 9.1'; echo ' more' ;;\n--list-langs) echo 'List of available languages (3):'; printf '" + languages + "' ;;\n*) " + reads + "\nesac\n"
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// sighted are readers that read pictures with such a program.
func sighted(t *testing.T, c Config, reads string) *Readers {
	t.Helper()
	o, err := FindOCR(t.Context(), program(t, `eng\n`, reads), nil)
	if err != nil {
		t.Fatal(err)
	}
	c.OCR = o
	return readers(t, c, "good")
}

var scan = documenttest.PNG(documenttest.Picture(40, "needle", "a second line, as without one it were too small"))

// What the program is given is the picture, and nothing of its file; what it says has a place.
func TestPicturesAreRead(t *testing.T) {
	r := sighted(t, Config{}, `head -c 2; head -1 | tr ' ' '\n'; echo; echo "$# $1 $2 $3 $4"; echo "re-"; echo "read | "; echo "~ | ."; env`)
	text, err := r.Read("scan.png", "image/png", scan)
	if err != nil || text.Reason != "" || len(text.Parts) > 0 || len(text.Pictures) != 1 || text.Pictures[0].Where != "" {
		t.Fatalf("%+v, %v", text, err)
	}
	got := text.Pictures[0].Text
	for _, want := range []string{"P5\n", "4 stdin stdout -l eng\nreread |\n", "OMP_THREAD_LIMIT=1"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	if strings.Contains(got, "~") || strings.Contains(got, memoryVariable) {
		t.Errorf("there is too much in %q", got)
	}
	var inside bytes.Buffer
	inside.WriteString("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: image/png; name=inner.png\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
	inside.Write(scan)
	inside.WriteString("\r\n--b--\r\n")
	if text, err := r.Read("a.eml", "message/rfc822", inside.Bytes()); err != nil || len(text.Pictures) != 1 || text.Pictures[0].Where != "inner.png" {
		t.Errorf("inside a mail: %+v, %v", text, err)
	}
	later := readers(t, Config{OCR: r.config.OCR, Later: true}, "good")
	if text, err := later.Read("scan.png", "", scan); err != nil || text.Reason != document.Later || len(text.Pictures) > 0 {
		t.Errorf("by readers that leave them: %+v, %v", text, err)
	}
	if text, err := readers(t, Config{}, "good").Read("scan.png", "", scan); err != nil || text.Reason != document.Unknown {
		t.Errorf("without a program: %+v, %v", text, err)
	}
}

// The same picture is read once, and an empty one never.
func TestPicturesAreReadOnce(t *testing.T) {
	count := filepath.Join(t.TempDir(), "count")
	r := sighted(t, Config{Most: 1}, `cat >/dev/null; echo x >>`+count+`; echo needle`)
	blank := documenttest.Picture(40, strings.Repeat(" ", 60))
	for i := range blank.Pix {
		blank.Pix[i] = byte(200 + i*i*7919%29)
	}
	for range 3 {
		for name, raw := range map[string][]byte{"needle": scan, "": documenttest.PNG(blank)} {
			text, err := r.Read("a.png", "", raw)
			if err != nil || (len(text.Pictures) == 1) != (name != "") || text.Reason != "" {
				t.Errorf("%q: %+v, %v", name, text, err)
			}
		}
	}
	if runs, err := os.ReadFile(count); err != nil || string(runs) != "x\n" {
		t.Errorf("the program ran %q, %v", runs, err)
	}
}

// A picture that takes its program over, or the time of a document, costs what was
// not read, with the reason, and leaves nothing behind.
func TestAPictureThatTakesItsProgramOver(t *testing.T) {
	for name, c := range map[string]struct {
		reads, reason string
		text          int
	}{
		"breaks":    {"echo half; exit 3", document.Crash, 0},
		"is killed": {"kill -9 $$", document.Crash, 0},
		"babbles":   {"yes needle | head -c 100000000", "", 1},
		"hogs":      {"x=xxxxxxxx; while :; do x=$x$x$x$x; done", document.Crash, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := sighted(t, Config{Memory: 400 << 20}, c.reads)
			text, err := r.Read("scan.png", "", scan)
			if err != nil || text.Reason != c.reason || len(text.Pictures) != c.text || c.text > 0 && len(text.Pictures[0].Text) > 1<<20 {
				t.Errorf("%.300v, %v", text, err)
			}
		})
	}
}

// When the time of a document is over what was read of it stays, and the program and all that
// it has started are gone.
func TestTimeForPicturesEnds(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	first := documenttest.Picture(40, "first")
	r := sighted(t, Config{Time: time.Second}, fmt.Sprintf(`if head -1 | grep -q 'P5 %d '; then echo first; else echo $$ >>%s; sleep 1000 & echo $! >>%s; wait; fi`, first.Rect.Dx(), pids, pids))
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i, g := range []*image.Gray{first, documenttest.Picture(40, "the second is longer"), documenttest.Picture(40, "the third is longer still")} {
		w, err := z.Create(fmt.Sprint(i, ".png"))
		if err != nil {
			t.Fatal(err)
		}
		w.Write(documenttest.PNG(g))
	}
	z.Close()
	text, err := r.Read("scans.zip", "", b.Bytes())
	if err != nil || text.Reason != document.Limit || len(text.Pictures) != 1 || text.Pictures[0] != (document.Part{Where: "0.png", Text: "first"}) || len(text.Defects) != 2 {
		t.Errorf("%+v, %v", text, err)
	}
	r.Close()
	gone(t, pids, 2)
}

// gone waits until the processes are gone whose numbers a file lists, at least some.
func gone(t *testing.T, file string, least int) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pids := strings.Fields(string(raw))
	if len(pids) < least {
		t.Fatalf("only %q ran", pids)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); len(pids) > 0; <-tick.C {
		pid, err := strconv.Atoi(pids[0])
		if err != nil {
			t.Fatal(err)
		}
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || errors.Is(err, fs.ErrNotExist) || strings.Contains(string(state), ") Z ") {
			pids = pids[1:]
			continue
		}
		if time.Now().After(end) {
			t.Fatalf("%q are left", pids)
		}
	}
}

// A program that is not there, or lacks a language, is an error that says so, and without names
// those are read that are usual and installed, not all.
func TestFindOCR(t *testing.T) {
	if _, err := FindOCR(t.Context(), filepath.Join(t.TempDir(), "none"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	many := program(t, `nld\nafr\neng\nosd\nfra\nspa\ndeu\n`, "")
	if o, err := FindOCR(t.Context(), many, nil); err != nil || o.Languages != "eng+deu+fra+spa" || !o.Turns || o.Version != "tesseract 9.1" {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err := FindOCR(t.Context(), many, []string{"afr", "nld"}); err != nil || o.Languages != "afr+nld" {
		t.Errorf("%+v, %v", o, err)
	}
	if _, err := FindOCR(t.Context(), many, []string{"eng", "jpn"}); err == nil || !strings.Contains(err.Error(), `"jpn"`) {
		t.Errorf("%v", err)
	}
	if _, err := FindOCR(t.Context(), program(t, `afr\n`, ""), nil); err == nil || !strings.Contains(err.Error(), "afr") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := FindOCR(ctx, many, nil); err == nil {
		t.Error("it asks without time")
	}
}

// Where another program or language reads, the text may be another.
func TestVersionTellsWhoReads(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range []*OCR{nil, {Version: "tesseract 5.3.0", Languages: "eng"}, {Version: "tesseract 5.3.0", Languages: "eng+deu"}, {Version: "tesseract 5.4.0", Languages: "eng"}} {
		for _, later := range []bool{false, true} {
			v := New(Config{OCR: o, Later: later}).Version()
			if !strings.HasPrefix(v, document.Version) || seen[v] && !later {
				t.Errorf("%q", v)
			}
			seen[v] = true
		}
	}
	if len(seen) != 4 {
		t.Errorf("%v", seen)
	}
}

package evidence

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"

	"polytrace/archive"
)

func quiet(int64) {}

func checkZip(t *testing.T, raw []byte, key string) (Report, error) {
	t.Helper()
	return VerifyZip(t.Context(), bytes.NewReader(raw), int64(len(raw)), key, quiet)
}

func checkMbox(t *testing.T, mbox, list []byte, key string) (Report, error) {
	t.Helper()
	return VerifyMbox(t.Context(), bytes.NewReader(mbox), bytes.NewReader(list), key, quiet)
}

// An export verifies with the key of its archive, given or its own, and not
// with another. Every format, any number of messages, and ones that mbox
// programs stumble over.
func TestExportVerifies(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 30} {
		l, other := letters(t, n), newLog(t)
		for _, key := range []string{l.key, "", other.key} {
			for _, f := range []Format{Zip, EDRM} {
				r, err := checkZip(t, l.zip(plan{format: f}), key)
				if good := key != other.key; good != (err == nil) || good && r.Messages != int64(n) {
					t.Errorf("%s of %d: %+v, %v", f, n, r, err)
				}
			}
			mbox, list := l.mbox()
			r, err := checkMbox(t, mbox, list, key)
			if good := key != other.key; good != (err == nil) || good && r.Messages != int64(n) {
				t.Errorf("mbox of %d: %+v, %v", n, r, err)
			}
		}
	}
}

// Other programs read the ZIP: names, bytes and times.
func TestZipIsReadByOthers(t *testing.T) {
	l := letters(t, 30)
	raw := l.zip(plan{format: EDRM})
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if len(z.File) != len(l.bodies)+3 || !strings.HasPrefix(z.Comment, "polytrace export sha256:") {
		t.Errorf("%d files, comment %q", len(z.File), z.Comment)
	}
	for i, body := range l.bodies {
		f, err := z.File[i].Open()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(f)
		if err != nil || !bytes.Equal(got, body) || z.File[i].Name != fmt.Sprintf("natives/mail-%d.eml", i) || !z.File[i].Modified.Equal(noon) {
			t.Errorf("%s: %v", z.File[i].Name, err)
		}
	}
}

// Changing any byte of an export, or taking any number from its end, is noticed.
func TestEveryByteCounts(t *testing.T) {
	l := letters(t, 3)
	mbox, list := l.mbox()
	for name, c := range map[string]struct {
		raw   []byte
		check func([]byte) error
	}{
		"zip":      {l.zip(plan{format: Zip, skip: map[int]Problem{0: Unproven, 1: Removed, 2: Damaged}}), func(raw []byte) error { _, err := checkZip(t, raw, ""); return err }},
		"edrm":     {l.zip(plan{format: EDRM}), func(raw []byte) error { _, err := checkZip(t, raw, l.key); return err }},
		"mbox":     {mbox, func(raw []byte) error { _, err := checkMbox(t, raw, list, ""); return err }},
		"evidence": {list, func(raw []byte) error { _, err := checkMbox(t, mbox, raw, ""); return err }},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.check(c.raw); err != nil {
				t.Fatal(err)
			}
			for i := range c.raw {
				for _, change := range []byte{1 << (i % 8), 0x20} { // 0x20 makes a letter of a capital.
					raw := bytes.Clone(c.raw)
					raw[i] ^= change
					if c.check(raw) == nil {
						t.Fatalf("byte %d of %d may be changed by %#x, near %q", i, len(raw), change, c.raw[max(0, i-20):min(len(raw), i+20)])
					}
				}
				if c.check(c.raw[:i]) == nil {
					t.Fatalf("%d of %d bytes are taken for all", i, len(c.raw))
				}
			}
			for _, more := range []string{"\n", "{}\n", "From x\n\n\n", "\x00"} {
				if c.check(append(bytes.Clone(c.raw), more...)) == nil {
					t.Errorf("%q may stand behind the end", more)
				}
				if c.check(append([]byte(more), c.raw...)) == nil {
					t.Errorf("%q may stand before the beginning", more)
				}
			}
		})
	}
}

// Somebody who can make whole files, with seals and all, but has not the log
// on their side, is found out; and the report names the message.
func TestForgeryNamesTheMessage(t *testing.T) {
	l := letters(t, 9)
	change := func(i int, body []byte) []byte {
		if i == 5 {
			return append(bytes.Clone(body), "!"...)
		}
		return body
	}
	shorten := func(i int, body []byte) []byte { return body[:len(body)-min(len(body), max(0, i-7))] }
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"changed":       {l.zip(plan{format: Zip, write: change}), "mail/5"},
		"cut":           {l.zip(plan{format: Zip, write: shorten}), "mail/8"},
		"smuggled":      {l.zip(plan{format: Zip, extra: "mail-99.eml"}), "mail-99.eml"},
		"climbing":      {l.zip(plan{format: EDRM, extra: "../../etc/passwd"}), "../../etc/passwd"},
		"in other hand": {l.zip(plan{format: Zip, order: []int{0, 1}, write: func(i int, _ []byte) []byte { return l.bodies[1-i] }}), "mail/0"},
	} {
		if _, err := checkZip(t, c.raw, l.key); !errors.Is(err, ErrAltered) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// relist writes the lines of an export's evidence anew.
func relist(t *testing.T, list []byte, change func(lines []string) []string) []byte {
	t.Helper()
	return []byte(strings.Join(change(strings.SplitAfter(string(list), "\n")), ""))
}

// Records that are left out, put in twice, exchanged or made up are noticed
// even where the messages go along.
func TestRecordsCannotBeRearranged(t *testing.T) {
	l := letters(t, 4)
	mbox, list := l.mbox()
	for name, change := range map[string]func([]string) []string{
		"left out":   func(s []string) []string { return append(s[:3:3], s[4:]...) },
		"twice":      func(s []string) []string { return append(s[:4:4], s[3:]...) },
		"exchanged":  func(s []string) []string { s[2], s[3] = s[3], s[2]; return s },
		"no end":     func(s []string) []string { return s[:len(s)-2] },
		"two ends":   func(s []string) []string { return append(s, s[len(s)-2]) },
		"two heads":  func(s []string) []string { return append(s[:1:1], s...) },
		"white":      func(s []string) []string { s[0] = strings.Replace(s[0], ":", ": ", 1); return s },
		"no line":    func(s []string) []string { return append(s[:2:2], append([]string{"\n"}, s[2:]...)...) },
		"other name": func(s []string) []string { s[0] = strings.Replace(s[0], "format", "Format", 1); return s },
		"other time": func(s []string) []string { s[0] = strings.Replace(s[0], "00Z", "00+00:00", 1); return s },
	} {
		if _, err := checkMbox(t, mbox, relist(t, list, change), ""); err == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}

// What could not be exported is counted and named, not taken for a message.
func TestMissingRecordsAreTold(t *testing.T) {
	l := letters(t, 9)
	r, err := checkZip(t, l.zip(plan{format: Zip, skip: map[int]Problem{0: Removed, 3: Damaged, 5: Unproven, 8: Removed}}), "")
	if err != nil || r.Messages != 5 || r.Problems[Removed] != 2 || r.Problems[Damaged] != 1 || r.Problems[Unproven] != 1 || r.First[Damaged].String() != "mail/3" {
		t.Errorf("%+v %v", r, err)
	}
}

// A proof tied to an older checkpoint is the very one that was made for it,
// whatever sizes the log had.
func TestRebaseEqualsProofOfThen(t *testing.T) {
	l := letters(t, 40)
	for then := 1; then <= len(l.metas); then++ {
		for now := then; now <= len(l.metas); now++ {
			e, err := NewEdge(l.checkpoint(then), l.prove(then-1, now))
			if err != nil {
				t.Fatalf("%d of %d: %v", then, now, err)
			}
			for i := range then {
				got, err := e.Rebase(archive.Position(i), l.prove(i, now))
				if want := l.prove(i, then); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
					t.Fatalf("record %d from %d to %d: %v", i, now, then, err)
				}
			}
			if _, err := e.Rebase(archive.Position(then), l.prove(then-1, now)); err == nil {
				t.Fatalf("record %d is in a log of %d", then, then)
			}
		}
	}
}

// A message that is said to have few bytes and has many is not unpacked.
func TestBombIsNotUnpacked(t *testing.T) {
	l := newLog(t)
	l.add([]byte("small"))
	raw := l.zip(plan{format: Zip, write: func(int, []byte) []byte { return make([]byte, 64<<20) }})
	z, err := openZip(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	w := z.walk(0)
	if _, err := w.next(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.measure(5); !errors.Is(err, ErrAltered) || w.open.content > 64<<10 {
		t.Errorf("%d bytes were unpacked: %v", w.open.content, err)
	}
}

// Whatever is given for evidence, reading it ends and takes bounded memory.
func FuzzReader(f *testing.F) {
	l := letters(f, 3)
	_, list := l.mbox()
	f.Add(list)
	f.Add([]byte(`{"export":{"version":1,"format":"zip","key":"k","query":"","time":"2026-11-03T12:00:00Z","upto":null}}` + "\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := NewReader(bytes.NewReader(raw))
		if err != nil {
			return
		}
		for {
			r, p, err := e.Next()
			if err != nil {
				break
			}
			if r.Problem == "" && p.Checkpoint == "" {
				t.Error("a record without problem and without proof")
			}
		}
	})
}

// Whatever is given for a ZIP, checking it ends, and only what was signed passes.
func FuzzVerifyZip(f *testing.F) {
	l := letters(f, 3)
	good := l.zip(plan{format: Zip})
	f.Add(good)
	f.Add(l.zip(plan{format: EDRM, skip: map[int]Problem{0: Removed}}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := checkZip(t, raw, l.key); err == nil && !bytes.Equal(raw, good) && !bytes.Contains(raw, []byte(LoadFile)) {
			t.Error("a ZIP passes that was not exported")
		}
	})
}

// Evidence of format version 1 stays readable.
func TestGoldenExport(t *testing.T) {
	raw, err := os.ReadFile("testdata/golden-v1.zip")
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile("testdata/golden-v1.key")
	if err != nil {
		t.Fatal(err)
	}
	r, err := checkZip(t, raw, strings.TrimSpace(string(key)))
	if err != nil || r.Messages != 3 || r.Problems[Removed] != 1 {
		t.Errorf("%+v %v", r, err)
	}
}

// However many messages an export has, writing it and checking it takes the
// same memory: nothing is kept for each.
func TestMemoryDoesNotGrowWithMessages(t *testing.T) {
	l := letters(t, 1)
	proof := l.prove(0, 1)
	dir, err := os.Create(filepath.Join(t.TempDir(), "dir"))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	list, err := NewWriter(io.Discard, l.header(Zip))
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(out)
	z, err := NewZipWriter(w, dir)
	if err != nil {
		t.Fatal(err)
	}
	const n, bound = 70_000, 4 << 20
	var first, last uint64
	for i := range n {
		at := archive.Address{Stream: archive.Mail, Position: archive.Position(i)}
		if err := errors.Join(z.Create(Zip.Name(at), noon), list.Add(File{Name: Zip.Name(at)}, at, proof)); err != nil {
			t.Fatal(err)
		}
		if i == n/10 {
			first = heap()
		}
	}
	if last = heap(); last > first+bound {
		t.Errorf("writing: %d KiB more after %d messages than after %d", (last-first)>>10, n, n/10)
	}
	if err := errors.Join(z.Create(List, noon), z.Close(l.sign), w.Flush()); err != nil {
		t.Fatal(err)
	}
	info, err := out.Stat()
	if err != nil {
		t.Fatal(err)
	}
	read, err := openZip(out, info.Size())
	if err != nil || read.entries != n+1 {
		t.Fatal(read, err)
	}
	walk := read.walk(0)
	for i := range n + 1 {
		if _, err := walk.next(); err != nil {
			t.Fatal(err)
		}
		if _, err := walk.measure(0); err != nil {
			t.Fatal(err)
		}
		if i == n/10 {
			first = heap()
		}
	}
	if last = heap(); last > first+bound || walk.at != read.dir || [32]byte(walk.sum.Sum(nil)) != read.sum {
		t.Errorf("reading: %d KiB more, at %d of %d", (last-first)>>10, walk.at, read.dir)
	}
	// With so many, other programs need the larger fields of ZIP64.
	other, err := zip.NewReader(out, info.Size())
	if err != nil || len(other.File) != n+1 || other.File[n].Name != List {
		t.Error(err)
	}
}

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// Whatever two messages are, an mbox of them is read back to the same bytes.
func FuzzMbox(f *testing.F) {
	for _, body := range letters(f, 30).bodies {
		f.Add(body, []byte("From x\n"))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var out bytes.Buffer
		w := bufio.NewWriter(&out)
		for _, body := range [][]byte{first, second} {
			w.WriteString("From a@b Tue Nov  3 12:00:00 2026\n")
			if err := QuoteFrom(w, bytes.NewReader(body)); err != nil {
				t.Fatal(err)
			}
		}
		w.Flush()
		m := newMboxReader(&out)
		for _, body := range [][]byte{first, second} {
			got, err := m.next(int64(len(body)))
			if err != nil || got.Size != int64(len(body)) || got.SHA256 != sha256.Sum256(body) {
				t.Fatalf("%q: %+v %v", body, got, err)
			}
		}
		if _, err := m.next(0); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	})
}

package evidence

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"polytrace/archive"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var noon = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

// signedLog is the log of a stream of its own making, so that tests decide
// what is in it and how large it is at which checkpoint.
type signedLog struct {
	t      testing.TB
	key    string
	signer note.Signer
	hashes []tlog.Hash
	metas  []string
	bodies [][]byte
}

func newLog(t testing.TB) *signedLog {
	t.Helper()
	secret, public, err := note.GenerateKey(rand.Reader, "polytrace-test")
	if err != nil {
		t.Fatal(err)
	}
	l := &signedLog{t: t, key: public}
	if l.signer, err = note.NewSigner(secret); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *signedLog) ReadHashes(indexes []int64) (out []tlog.Hash, err error) {
	for _, i := range indexes {
		out = append(out, l.hashes[i])
	}
	return out, nil
}

func (l *signedLog) sign(text string) (string, error) {
	raw, err := note.Sign(&note.Note{Text: text}, l.signer)
	return string(raw), err
}

func (l *signedLog) add(body []byte) archive.Address {
	l.t.Helper()
	m := archive.Meta{Format: 1, Kind: archive.KindMessage, Stream: archive.Mail, Position: archive.Position(len(l.metas)), Received: noon, SHA256: sha256.Sum256(body), Size: int64(len(body))}
	raw, err := json.Marshal(m)
	if err != nil {
		l.t.Fatal(err)
	}
	more, err := tlog.StoredHashes(int64(len(l.metas)), raw, l)
	if err != nil {
		l.t.Fatal(err)
	}
	l.hashes, l.metas, l.bodies = append(l.hashes, more...), append(l.metas, string(raw)), append(l.bodies, body)
	return m.Address()
}

// checkpoint signs the state when there were n records.
func (l *signedLog) checkpoint(n int) string {
	l.t.Helper()
	root, err := tlog.TreeHash(int64(n), l)
	if err != nil {
		l.t.Fatal(err)
	}
	signed, err := l.sign(fmt.Sprintf("polytrace-test/mail\n%d\n%s\n", n, base64.StdEncoding.EncodeToString(root[:])))
	if err != nil {
		l.t.Fatal(err)
	}
	return signed
}

// prove proves record i to the checkpoint over n records.
func (l *signedLog) prove(i, n int) archive.Proof {
	l.t.Helper()
	path, err := tlog.ProveRecord(int64(n), int64(i), l)
	if err != nil {
		l.t.Fatal(err)
	}
	p := archive.Proof{Meta: l.metas[i], Checkpoint: l.checkpoint(n)}
	for _, h := range path {
		p.Hashes = append(p.Hashes, archive.Digest(h))
	}
	return p
}

// letters fills the log with n messages, some of them odd.
func letters(t testing.TB, n int) *signedLog {
	l := newLog(t)
	odd := []string{"", "From x\n>From y\n>>", "no end", ">", "\n", "a\n\n\n", strings.Repeat(">", 1<<16-5) + "From z\n", strings.Repeat(">", 1<<16) + "From z", "\xff\x00\r\n"}
	for i := range n {
		body := fmt.Sprintf("Subject: letter %d\r\n\r\nFrom here on %d\r\n", i, i*i)
		if i%3 == 1 {
			body = odd[i/3%len(odd)]
		}
		l.add([]byte(body))
	}
	return l
}

// scratch is a Scratch in memory.
type scratch struct{ bytes.Buffer }

func (s *scratch) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(s.Bytes()).ReadAt(p, off)
}

func (l *signedLog) header(f Format) Header {
	return Header{Format: f, Key: l.key, Query: `from:acme "root cause" <&>` + "\u2028", Time: noon, UpTo: map[archive.Stream]archive.Position{archive.Mail: archive.Position(len(l.metas))}}
}

// plan says what an export that tests write has, beside what is right.
type plan struct {
	format Format
	skip   map[int]Problem // Records that are named with a problem.
	order  []int           // Of the messages; nil is that of the log.
	write  func(i int, body []byte) []byte
	extra  string // One more file.
}

// zip writes an export.
func (l *signedLog) zip(p plan) []byte {
	l.t.Helper()
	var out bytes.Buffer
	var list bytes.Buffer
	fail := func(err error) {
		l.t.Helper()
		if err != nil {
			l.t.Fatal(err)
		}
	}
	e, err := NewWriter(&list, l.header(p.format))
	fail(err)
	z, err := NewZipWriter(&out, &scratch{})
	fail(err)
	put := func(name string, body []byte) File {
		fail(z.Create(name, noon))
		m := NewMeasured(z)
		_, err := m.Write(body)
		fail(err)
		return m.File(name)
	}
	if p.order == nil {
		for i := range l.bodies {
			p.order = append(p.order, i)
		}
	}
	for _, i := range p.order {
		at := archive.Address{Stream: archive.Mail, Position: archive.Position(i)}
		switch p.skip[i] {
		case Removed:
			fail(e.Miss(File{}, at, Removed))
		case Unproven:
			fail(e.Miss(put(p.format.Name(at), l.bodies[i]), at, Unproven))
		case Damaged:
			fail(e.Miss(put(p.format.Name(at), l.bodies[i][:len(l.bodies[i])/2]), at, Damaged))
		default:
			body := l.bodies[i]
			right := sha256.Sum256(body)
			if p.write != nil {
				body = p.write(i, body)
			}
			f := put(p.format.Name(at), body)
			fail(e.Add(File{f.Name, int64(len(l.bodies[i])), right}, at, l.prove(i, len(l.metas))))
		}
	}
	if p.extra != "" {
		put(p.extra, []byte("extra"))
	}
	var files []File
	for _, name := range p.format.files() {
		files = append(files, put(name, []byte("file,address\r\n")))
	}
	fail(e.Close(files, l.sign))
	put(List, list.Bytes())
	fail(z.Close(l.sign))
	return out.Bytes()
}

// mbox writes an export as mbox.
func (l *signedLog) mbox() (mbox, list []byte) {
	l.t.Helper()
	var out, evidence bytes.Buffer
	e, err := NewWriter(&evidence, l.header(Mbox))
	if err != nil {
		l.t.Fatal(err)
	}
	whole := NewMeasured(&out)
	for i, body := range l.bodies {
		w := bufio.NewWriter(whole)
		fmt.Fprintf(w, "From jane@acme.example %s\n", noon.Format(time.ANSIC))
		if err := QuoteFrom(w, bytes.NewReader(body)); err != nil {
			l.t.Fatal(err)
		}
		w.Flush()
		at := archive.Address{Stream: archive.Mail, Position: archive.Position(i)}
		if err := e.Add(File{"", int64(len(body)), sha256.Sum256(body)}, at, l.prove(i, len(l.metas))); err != nil {
			l.t.Fatal(err)
		}
	}
	if err := e.Close([]File{whole.File(MboxFile)}, l.sign); err != nil {
		l.t.Fatal(err)
	}
	return out.Bytes(), evidence.Bytes()
}

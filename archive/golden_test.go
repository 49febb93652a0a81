package archive

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// goldenDir is a data directory as version 1 of the format left it: a sealed
// pack of seven records and an open one of two. It is never written again;
// when the format changes, another directory is put beside it.
const goldenDir = "testdata/golden-v1"

const (
	goldenSealed = "streams/mail/00000000000000000000.tar.zst"
	goldenOpen   = "streams/mail/00000000000000000007.tar"
	goldenLost   = 5 // The record whose header was damaged before its pack was sealed.
)

// goldenRecords are the records in it, with every field of the metadata. The
// one at goldenLost is as it was appended.
func goldenRecords() []Record {
	cert := Digest(sha256.Sum256([]byte("certificate")))
	full := Meta{
		Kind: KindMessage, Received: time.Date(2026, 11, 3, 9, 0, 0, 123456789, time.UTC),
		Source:   Source{Queue: "support", Format: "journal"},
		Envelope: &Envelope{From: "", To: []string{"support-7f3k2@journal.example", "zoë@journal.example"}, Body: "8BITMIME", UTF8: true, Declared: 60, Return: "HDRS", EnvID: "QQ314159", DSN: []Recipient{{To: "zoë@journal.example", Notify: []string{"FAILURE", "DELAY"}, OriginalRecipient: "rfc822;zoë@contoso.example"}}},
		Peer:     &Peer{IP: "2001:db8::25", Port: 40125, Helo: "mx.contoso.example", Auth: "relay", TLS: "TLS 1.3 TLS_AES_128_GCM_SHA256", ClientCert: &cert},
	}
	first := []byte("From: a@contoso.example\r\nSubject: <8-bit> & NUL\r\n\r\n\xe9\x00\nbare LF, no end of line")
	imported := Meta{Kind: KindMessage, Received: received(2), Source: Source{Import: "support.mbox", Mailbox: "support@contoso.example", Offset: 4711}}
	again := message(1)
	again.SameAs, again.SHA256, again.Size = &Address{Mail, 0}, sha256.Sum256(first), int64(len(first))
	later := message(8)
	later.SameAs, later.SHA256, later.Size = again.SameAs, again.SHA256, again.Size
	return []Record{
		{full, first},
		{again, nil},
		{imported, bytes.Repeat([]byte("A line of a message that is longer than a frame.\r\n"), 24_000)},
		{Meta{Kind: KindPage, Received: received(3)}, []byte("WARC/1.1\r\nWARC-Type: response\r\nContent-Length: 0\r\n\r\n\r\n\r\n")},
		{Meta{Kind: KindFile, Received: received(4)}, []byte{}},
		{message(5), []byte("Subject: lost\r\n\r\n")},
		{Meta{Kind: KindEvent, Received: received(6)}, []byte(`{"event":"note","text":"512 bytes, a whole block` + strings.Repeat(".", 461) + `"}`)},
		{message(7), []byte("Subject: open\r\n\r\nnot sealed yet\r\n")},
		{later, nil},
	}
}

// goldenMeta is the metadata as it should be read back.
func goldenMeta(r Record, p Position) Meta {
	m := r.Meta
	m.Format, m.Stream, m.Position = 1, Mail, p
	switch {
	case p == goldenLost:
		return Meta{Format: 1, Kind: KindLost, Stream: Mail, Position: p, Received: received(4)}
	case m.SameAs == nil:
		m.Size, m.SHA256 = int64(len(r.Body)), sha256.Sum256(r.Body)
	}
	return m
}

// goldenDisk is a copy of the directory.
func goldenDisk(t testing.TB) *memDisk {
	t.Helper()
	d := newMemDisk()
	for _, name := range []string{identityName, "streams/mail/packs.jsonl", goldenSealed, goldenOpen} {
		raw, err := os.ReadFile(filepath.Join(goldenDir, name))
		if err != nil {
			t.Fatal(err)
		}
		d.names[name] = &inode{data: raw, durable: bytes.Clone(raw), dirty: map[int]bool{}}
	}
	return d
}

// writeGolden writes the same records to a new disk.
func writeGolden(t testing.TB) *memDisk {
	t.Helper()
	d, store := newMemDisk(), newMemStore()
	id, err := json.Marshal(identity{Format: 1, Bucket: store.String(), Key: "000102030405060708090a0b0c0d0e0f"})
	if err != nil {
		t.Fatal(err)
	}
	if err := writeWhole(d, ".", identityName, id); err != nil {
		t.Fatal(err)
	}
	records := goldenRecords()
	put := func(a *Archive, some []Record) {
		for _, r := range some {
			var body Body
			if r.Meta.SameAs == nil {
				body = bytes.NewReader(r.Body)
			}
			if _, err := a.Append(t.Context(), Mail, r.Meta, body); err != nil {
				t.Fatal(err)
			}
		}
	}
	a := mustOpen(t, d, testConfig(store))
	put(a, records[:7])
	mustClose(t, a)
	d.edit(openTar, func(raw []byte) []byte {
		raw[bytes.Index(raw, []byte(metaName(goldenLost)))] = 'x'
		return raw
	})
	a = mustOpen(t, d, testConfig(store))
	mustFlush(t, a)
	put(a, records[7:])
	mustClose(t, a)
	mustClose(t, mustOpen(t, d, testConfig(store))) // Cuts off the zeros behind the open pack.
	return d
}

// What version 1 wrote is read.
func TestReadsGolden(t *testing.T) {
	store := newMemStore()
	a := mustOpen(t, goldenDisk(t), testConfig(store))
	for range 2 {
		for i, want := range goldenRecords() {
			got, err := a.Read(t.Context(), Address{Mail, Position(i)})
			if i == goldenLost {
				if !errors.Is(err, ErrDamaged) || got.Meta.Kind != KindLost {
					t.Errorf("the lost record reads as %+v, %v", got, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(goldenMeta(want, Position(i)), got.Meta); diff != "" || !bytes.Equal(want.Body, got.Body) {
				t.Errorf("record %d has %d bytes, want %d; metadata (-want +got):\n%s", i, len(got.Body), len(want.Body), diff)
			}
		}
		mustFlush(t, a)
	}
	if d := a.Status().Damage; len(d) > 0 {
		t.Error(d)
	}
}

// What this code writes is, before compression, what version 1 wrote.
func TestWritesGolden(t *testing.T) {
	golden, written := goldenDisk(t), writeGolden(t)
	if diff := cmp.Diff(string(golden.content(goldenOpen)), string(written.content(goldenOpen))); diff != "" {
		t.Errorf("the open pack (-golden +written):\n%s", diff)
	}
	if diff := cmp.Diff(string(decompress(t, golden.content(goldenSealed))), string(decompress(t, written.content(goldenSealed)))); diff != "" {
		t.Errorf("the sealed pack (-golden +written):\n%s", diff)
	}
}

func decompress(t testing.TB, raw []byte) []byte {
	t.Helper()
	z, err := zstd.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	content, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// The standard library's tar and any zstd are enough to read a pack, sealed or
// open, as FORMAT.md says.
func TestGoldenNeedsNoneOfOurCode(t *testing.T) {
	d := goldenDisk(t)
	sealed := decompress(t, d.content(goldenSealed))
	files := untar(t, sealed)
	for name, body := range untar(t, d.content(goldenOpen)) {
		files[name] = body
	}
	suffixes := []string{".eml", "", ".eml", ".warc", ".bin", "", ".bin", ".eml", ""}
	for i, r := range goldenRecords() {
		number := strings.TrimSuffix(metaName(Position(i)), ".json")
		var m Meta
		if err := json.Unmarshal(files[number+".json"], &m); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(goldenMeta(r, Position(i)), m); diff != "" {
			t.Errorf("metadata %d (-want +got):\n%s", i, diff)
		}
		delete(files, number+".json")
		if suffixes[i] != "" {
			body, ok := files[number+suffixes[i]]
			if !ok || !bytes.Equal(body, r.Body) || Digest(sha256.Sum256(body)) != m.SHA256 {
				t.Errorf("body %d: %.100q (%v)", i, body, ok)
			}
			delete(files, number+suffixes[i])
		}
	}
	var manifest struct {
		Polytrace, Records int
		Stream, SHA256     string
		Blocks             []int64
	}
	if err := json.Unmarshal(files["manifest.json"], &manifest); err != nil {
		t.Fatal(err)
	}
	end := bytes.Index(sealed, []byte("manifest.json\x00"))
	if manifest.Polytrace != 1 || manifest.Stream != "mail" || manifest.Records != 7 || len(manifest.Blocks) != 7 || manifest.SHA256 != Digest(sha256.Sum256(sealed[:end])).String() {
		t.Errorf("manifest %+v", manifest)
	}
	if delete(files, "manifest.json"); len(files) > 0 {
		t.Errorf("more files than records: %v", files)
	}
}

// untar returns the files of a tar.
func untar(t testing.TB, raw []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(raw)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := files[h.Name]; ok || h.Typeflag != tar.TypeReg {
			t.Fatalf("%s is there twice, or no file", h.Name)
		}
		files[h.Name] = body
	}
}

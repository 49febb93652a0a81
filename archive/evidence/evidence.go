// Package evidence is the form in which messages leave an archive together
// with the proof that they are what it took in, and the check of that proof.
//
// An export is complete in itself: whoever has the file and knows the public
// key of the archive checks it without the archive, a network or a setting.
// The check promises that every message is byte for byte the one that a signed
// Merkle log tells of, that none that the query found was left out or put in,
// and that no byte of the export was changed.
//
// # What is in an export
//
// Three formats have the same evidence. A ZIP has an EML file for each message,
// then manifest.csv for people, then evidence.jsonl. The format edrm is such a
// ZIP for review programs: its messages are in natives/, and loadfile.csv is
// beside the manifest. An mbox is a file of its own, and its evidence the file
// of the same name with ".evidence.jsonl" behind it.
//
// evidence.jsonl has one JSON object a line, without white space; the bytes of
// a line are exactly those that Go's encoding/json writes for it. In order:
//
//	{"export":{"version":1,"format":"zip","key":"polytrace-…+…","query":"from:acme","time":"…","upto":{"mail":1042}}}
//	{"checkpoint":"polytrace-…/mail\n1042\n…"}            before the first record that needs it; numbered from 0
//	{"record":{"address":"mail/17","file":"mail-17.eml","size":77,"sha256":"…","meta":"{…}","hashes":["…"],"checkpoint":0}}
//	{"record":{"address":"mail/18","problem":"removed"}}  it was removed while the export ran
//	{"end":{"files":[{"name":"manifest.csv","size":812,"sha256":"…"}],"statement":"polytrace export 1\n…"}}
//
// Records are in the order of the messages. meta is the metadata of the record
// as the archive keeps it, the leaf of the log (RFC 6962); hashes lead from it
// to the root in the checkpoint, a signed note (C2SP tlog-checkpoint). upto
// tells for each stream how many records the query was asked of. statement is a
// signed note (C2SP signed-note) too:
//
//	polytrace export 1
//	query "from:acme"
//	format zip
//	time 2026-11-03T12:00:00Z
//	upto mail 1042
//	messages 1
//	removed 1
//	damaged 0
//	unproven 0
//	file manifest.csv 812 5f70…
//	evidence 2210 91bc…
//
// with the size and SHA-256 of all lines of evidence.jsonl before the last one,
// and of all files beside the messages, the mbox among them.
//
// The comment of a ZIP is a signed note over the SHA-256 of all bytes of the
// file before the comment's text:
//
//	polytrace export sha256:0d41…
//
//	— polytrace-5a1c09d2e877 Az3grlgt…
package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// Format is the form of an export.
type Format string

// The formats. Their names are in exports and never change.
const (
	Zip  Format = "zip"
	Mbox Format = "mbox"
	EDRM Format = "edrm"
)

// Formats are all of them.
var Formats = []Format{Zip, Mbox, EDRM}

// Names of the files beside the messages.
const (
	Manifest     = "manifest.csv"
	LoadFile     = "loadfile.csv"
	List         = "evidence.jsonl"
	MboxFile     = "messages.mbox"   // What the statement calls an mbox, whatever its name on disk.
	MboxEvidence = ".evidence.jsonl" // Behind the name of an mbox.
)

// Name is that of the file of a message, "" in an mbox.
func (f Format) Name(at archive.Address) string {
	switch f {
	case Zip:
		return fmt.Sprintf("%s-%d.eml", at.Stream, at.Position)
	case EDRM:
		return fmt.Sprintf("natives/%s-%d.eml", at.Stream, at.Position)
	}
	return ""
}

// files are those beside the messages that the statement is about, in order.
func (f Format) files() []string {
	return map[Format][]string{Zip: {Manifest}, EDRM: {Manifest, LoadFile}, Mbox: {MboxFile}}[f]
}

// version is the one that this code writes and reads.
const version = 1

// Header says what an export is of.
type Header struct {
	Version int                                 `json:"version"`
	Format  Format                              `json:"format"`
	Key     string                              `json:"key"` // Of the archive; the public half.
	Query   string                              `json:"query"`
	Time    time.Time                           `json:"time"` // When the query was asked, UTC, whole seconds.
	UpTo    map[archive.Stream]archive.Position `json:"upto"` // Records of each stream that it was asked of.
}

// Problem is why a record is not in an export as it was archived.
type Problem string

// The problems.
const (
	Removed Problem = "removed" // Expired or erased before it could be read.
	Damaged Problem = "damaged" // The archive has not got its bytes, or not the right ones.
	// Its bytes are there, but no proof that the key of the export vouches for: the
	// log is signed with the key of a machine that was lost.
	Unproven Problem = "unproven"
)

// Record is what the evidence tells of a message.
type Record struct {
	Address    archive.Address  `json:"address"`
	File       string           `json:"file,omitempty"` // None in an mbox and of a record without a body.
	Size       int64            `json:"size"`           // Of the message as it is here.
	SHA256     archive.Digest   `json:"sha256,omitzero"`
	Meta       string           `json:"meta,omitempty"`
	Hashes     []archive.Digest `json:"hashes,omitempty"`
	Checkpoint int              `json:"checkpoint"` // Which one, of those in the evidence.
	Problem    Problem          `json:"problem,omitempty"`
}

// File is a file beside the messages.
type File struct {
	Name   string         `json:"name"`
	Size   int64          `json:"size"`
	SHA256 archive.Digest `json:"sha256"`
}

// end is the last line.
type end struct {
	Files     []File `json:"files"`
	Statement string `json:"statement"`
}

// line is one line of evidence, of one kind.
type line struct {
	Export     *Header `json:"export,omitempty"`
	Checkpoint string  `json:"checkpoint,omitempty"`
	Record     *Record `json:"record,omitempty"`
	End        *end    `json:"end,omitempty"`
}

// canonical are the only bytes that a line may have.
func (l line) canonical() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(l)
	return b.Bytes(), err
}

// Sign signs a text that ends in a line break; Archive.Sign is one.
type Sign func(text string) (note string, err error)

// tally is what the statement says beside the header.
type tally struct {
	messages int64 // Without a problem.
	problems map[Problem]int64
	lines    meter // All lines before the last one.
}

func newTally() tally { return tally{problems: map[Problem]int64{}, lines: newMeter()} }

func (t *tally) count(p Problem) {
	if p == "" {
		t.messages++
	} else {
		t.problems[p]++
	}
}

// statement is the text that is signed.
func statement(h Header, t *tally, files []File) string {
	var b strings.Builder
	query, _ := json.Marshal(h.Query) // A string always marshals.
	fmt.Fprintf(&b, "polytrace export %d\nquery %s\nformat %s\ntime %s\n", h.Version, query, h.Format, h.Time.UTC().Format(time.RFC3339))
	for _, s := range slices.Sorted(maps.Keys(h.UpTo)) {
		fmt.Fprintf(&b, "upto %s %d\n", s, h.UpTo[s])
	}
	fmt.Fprintf(&b, "messages %d\nremoved %d\ndamaged %d\nunproven %d\n", t.messages, t.problems[Removed], t.problems[Damaged], t.problems[Unproven])
	for _, f := range files {
		fmt.Fprintf(&b, "file %s %d %s\n", f.Name, f.Size, f.SHA256)
	}
	all := t.lines.file("")
	fmt.Fprintf(&b, "evidence %d %s\n", all.Size, all.SHA256)
	return b.String()
}

// meter measures what is written to it.
type meter struct {
	n int64
	h hash.Hash
}

func newMeter() meter { return meter{h: sha256.New()} }

func (m *meter) Write(p []byte) (int, error) {
	m.n += int64(len(p))
	return m.h.Write(p)
}

func (m *meter) file(name string) File {
	return File{name, m.n, archive.Digest(m.h.Sum(nil))}
}

// Measured passes bytes on and tells how many there were and their SHA-256.
type Measured struct {
	w io.Writer
	m meter
}

// NewMeasured measures what goes to w.
func NewMeasured(w io.Writer) *Measured { return &Measured{w, newMeter()} }

func (m *Measured) Write(p []byte) (int, error) {
	n, err := m.w.Write(p)
	m.m.Write(p[:n])
	return n, err
}

// File is what was written until now.
func (m *Measured) File(name string) File { return m.m.file(name) }

// Writer writes evidence.
type Writer struct {
	w       io.Writer
	h       Header
	tally   tally
	numbers map[string]int // Of the checkpoints that are written.
}

// NewWriter begins the evidence of an export.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	h.Version = version
	e := &Writer{w: w, h: h, tally: newTally(), numbers: map[string]int{}}
	return e, e.put(line{Export: &h})
}

func (e *Writer) put(l line) error {
	raw, err := l.canonical()
	if err != nil {
		return err
	}
	e.tally.lines.Write(raw)
	_, err = e.w.Write(raw)
	return err
}

// Add adds a message that is in the export, and its proof.
func (e *Writer) Add(f File, at archive.Address, p archive.Proof) error {
	number, known := e.numbers[p.Checkpoint]
	if !known {
		number = len(e.numbers)
		e.numbers[p.Checkpoint] = number
		if err := e.put(line{Checkpoint: p.Checkpoint}); err != nil {
			return err
		}
	}
	e.tally.count("")
	return e.put(line{Record: &Record{Address: at, File: f.Name, Size: f.Size, SHA256: f.SHA256, Meta: p.Meta, Hashes: p.Hashes, Checkpoint: number}})
}

// Miss adds a record that the query found but that could not be exported as it
// was archived. f is what there is of it, if anything.
func (e *Writer) Miss(f File, at archive.Address, why Problem) error {
	e.tally.count(why)
	r := &Record{Address: at, Problem: why}
	if why != Removed {
		r.File, r.Size, r.SHA256 = f.Name, f.Size, f.SHA256
	}
	return e.put(line{Record: r})
}

// Close ends the evidence with a signed statement. files are those beside the
// messages.
func (e *Writer) Close(files []File, sign Sign) error {
	note, err := sign(statement(e.h, &e.tally, files))
	if err != nil {
		return err
	}
	raw, err := line{End: &end{files, note}}.canonical()
	if err != nil {
		return err
	}
	_, err = e.w.Write(raw)
	return err
}

// ErrAltered means that an export is not what was exported.
var ErrAltered = errors.New("not as it was exported")

func altered(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrAltered, fmt.Sprintf(format, args...))
}

// because is the error of a read that failed, or of one that found something
// else or an end too early.
func because(err error, format string, args ...any) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrAltered) {
		return altered(format, args...)
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}

package evidence

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"polytrace/archive"
)

// What a reader takes before it looks at signatures. Metadata has at most
// 16 MiB (archive/FORMAT.md), and JSON in JSON at most doubles it.
const (
	maxLine        = 40 << 20
	maxCheckpoints = 64 << 20 // Bytes of all of them.
)

// Reader reads evidence line by line and believes nothing: a line has the very
// bytes that a Writer writes, in its order, or it is an error.
type Reader struct {
	in          *bufio.Reader
	header      Header
	tally       tally
	checkpoints []string
	size        int // Of the checkpoints, bytes.
	last        *end
}

// NewReader reads the header.
func NewReader(r io.Reader) (*Reader, error) {
	e := &Reader{in: bufio.NewReaderSize(r, 64<<10), tally: newTally()}
	l, err := e.next()
	switch {
	case err != nil:
		return nil, err
	case l.Export == nil:
		return nil, altered("the evidence does not begin with what the export is of")
	case l.Export.Version != version:
		return nil, fmt.Errorf("the export has version %d, and this program knows version %d only; use a newer one", l.Export.Version, version)
	case !slices.Contains(Formats, l.Export.Format):
		return nil, altered("there is no format %q", l.Export.Format)
	}
	e.header = *l.Export
	return e, nil
}

// Header is what the export is of.
func (e *Reader) Header() Header { return e.header }

// Next returns the next record and, when it has no problem, its proof; io.EOF
// behind the last one, when the rest was found well-formed too.
func (e *Reader) Next() (Record, archive.Proof, error) {
	for e.last == nil {
		l, err := e.next()
		switch {
		case err != nil:
			return Record{}, archive.Proof{}, err
		case l.Record != nil:
			return e.record(*l.Record)
		case l.End != nil:
			e.last = l.End
			if _, err := e.in.ReadByte(); !errors.Is(err, io.EOF) {
				return Record{}, archive.Proof{}, because(err, "there is something behind the end of the evidence")
			}
		case l.Checkpoint == "":
			return Record{}, archive.Proof{}, altered("the evidence begins twice")
		default:
			if e.size += len(l.Checkpoint); e.size > maxCheckpoints {
				return Record{}, archive.Proof{}, altered("the evidence has more checkpoints than any export")
			}
			e.checkpoints = append(e.checkpoints, l.Checkpoint)
		}
	}
	return Record{}, archive.Proof{}, io.EOF
}

// record checks that a record is one that a Writer makes.
func (e *Reader) record(r Record) (Record, archive.Proof, error) {
	e.tally.count(r.Problem)
	name := e.header.Format.Name(r.Address)
	switch r.Problem {
	case "":
		if r.Checkpoint < 0 || r.Checkpoint >= len(e.checkpoints) || r.File != name {
			return r, archive.Proof{}, altered("%s has no checkpoint or not the file name %q", r.Address, name)
		}
		return r, archive.Proof{Meta: r.Meta, Hashes: r.Hashes, Checkpoint: e.checkpoints[r.Checkpoint]}, nil
	case Removed, Damaged, Unproven:
		// The bytes of a removed record are nowhere, those of a damaged one
		// perhaps, those of an unproven one always.
		if r.Meta != "" || len(r.Hashes) > 0 || r.Checkpoint != 0 || r.File != name && (r.File != "" || r.Problem == Unproven) || r.Problem == Removed && (r.File != "" || r.Size != 0 || !r.SHA256.IsZero()) {
			return r, archive.Proof{}, altered("%s has more than its problem", r.Address)
		}
		return r, archive.Proof{}, nil
	}
	return r, archive.Proof{}, altered("%s has the unknown problem %q", r.Address, r.Problem)
}

// check checks the statement, and that it is about what was read.
func (e *Reader) check(key string) error {
	text, err := archive.CheckNote(e.last.Statement, key)
	if err != nil {
		return fmt.Errorf("the statement about the whole export: %w", err)
	}
	if text != statement(e.header, &e.tally, e.last.Files) {
		return altered("the evidence is not what the signed statement tells")
	}
	names := make([]string, len(e.last.Files))
	for i, f := range e.last.Files {
		names[i] = f.Name
	}
	if !slices.Equal(names, e.header.Format.files()) {
		return altered("the statement is about other files than %q", names)
	}
	return nil
}

// file is what the statement says of a file.
func (e *Reader) file(name string) (File, bool) {
	i := slices.IndexFunc(e.last.Files, func(f File) bool { return f.Name == name })
	if i < 0 {
		return File{}, false
	}
	return e.last.Files[i], true
}

func (e *Reader) next() (l line, err error) {
	raw, err := e.read()
	if err != nil {
		return l, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return l, altered("a line of the evidence cannot be read: %v", err)
	}
	// A value may be written in many ways. Only one of them was exported.
	if again, err := l.canonical(); err != nil || !bytes.Equal(again, raw) || !l.single() {
		return l, altered("a line of the evidence is not written as an export writes it")
	}
	if l.End == nil {
		e.tally.lines.Write(raw)
	}
	return l, nil
}

// single reports whether a line is of one kind.
func (l line) single() bool {
	n := 0
	for _, has := range []bool{l.Export != nil, l.Checkpoint != "", l.Record != nil, l.End != nil} {
		if has {
			n++
		}
	}
	return n == 1 && (l.Export == nil || l.Export.Time.Equal(l.Export.Time.UTC().Truncate(time.Second)))
}

// read reads a line of limited length, its end included.
func (e *Reader) read() (raw []byte, err error) {
	for {
		piece, err := e.in.ReadSlice('\n')
		raw = append(raw, piece...)
		switch {
		case err == nil:
			return raw, nil
		case len(raw) > maxLine:
			return nil, altered("a line of the evidence is longer than %d MiB", maxLine>>20)
		case errors.Is(err, io.EOF):
			return nil, altered("the evidence breaks off")
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

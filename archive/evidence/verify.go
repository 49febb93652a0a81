package evidence

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"polytrace/archive"
)

// Report is what was found out about an export. It counts what was good until
// the first error.
type Report struct {
	Header   Header
	Messages int64             // As archived, and proven.
	Problems map[Problem]int64 // Records that the export names without a proof.
	First    map[Problem]archive.Address
}

// Progress is told how many messages were checked.
type Progress func(messages int64)

// VerifyZip checks an export in a ZIP of size bytes. key is the public key of
// the archive; when it is "", that which the export names is taken.
// ErrAltered when anything is not as it was exported.
func VerifyZip(ctx context.Context, r io.ReaderAt, size int64, key string, tell Progress) (Report, error) {
	z, err := openZip(r, size)
	if err != nil {
		return Report{}, err
	}
	report, err := verifyEntries(ctx, z, key, tell)
	if err != nil {
		return report, err // It names what is wrong, where the next can only say that something is.
	}
	if key == "" {
		key = report.Header.Key
	}
	text, err := archive.CheckNote(z.note, key)
	if err != nil {
		return report, fmt.Errorf("the seal of the file: %w", err)
	}
	sum, err := z.seal()
	if err != nil {
		return report, err
	}
	if text != sealText(sum) {
		return report, altered("the messages are, but the file around them was changed after it was sealed")
	}
	return report, nil
}

func verifyEntries(ctx context.Context, z *zipFile, key string, tell Progress) (Report, error) {
	list := z.walk(z.last.offset)
	if name, err := list.next(); err != nil || name != List {
		return Report{}, because(err, "it has no %s as its last file", List)
	}
	e, err := NewReader(contentReader{list})
	if err != nil {
		return Report{}, err
	}
	if e.header.Format == Mbox {
		return Report{}, altered("a ZIP says that it is an mbox")
	}
	w := z.walk(0)
	report, err := eachRecord(ctx, e, key, tell, func(r Record) (File, error) {
		if name, err := w.next(); err != nil || name != r.File {
			return File{}, misplaced(err, r.File, name)
		}
		return w.measure(r.Size)
	})
	if err != nil {
		return report, err
	}
	return report, verifyRest(z, w, e)
}

// misplaced is the error of an entry that is not the next file.
func misplaced(err error, want, got string) error {
	if got == "" {
		return because(err, "%s is not where it should be", want)
	}
	return because(err, "%s should be where %q is", want, got)
}

// verifyRest checks what lies behind the messages.
func verifyRest(z *zipFile, w *walker, e *Reader) error {
	for _, want := range e.last.Files {
		if name, err := w.next(); err != nil || name != want.Name {
			return misplaced(err, want.Name, name)
		}
		if got, err := w.measure(want.Size); err != nil || got != want {
			return because(err, "%s is not the file that was exported", want.Name)
		}
	}
	if w.at != z.last.offset {
		return altered("there is something before %s that was not exported", List)
	}
	if _, err := w.next(); err != nil {
		return err
	}
	if _, err := w.measure(int64(min(z.last.content, 1<<62))); err != nil {
		return err
	}
	if w.at != z.dir || [32]byte(w.sum.Sum(nil)) != z.sum {
		return altered("the directory of the ZIP is not that of its files")
	}
	return nil
}

// VerifyMbox checks an export as mbox with its evidence, in the same way.
func VerifyMbox(ctx context.Context, mbox, list io.Reader, key string, tell Progress) (Report, error) {
	e, err := NewReader(list)
	if err != nil {
		return Report{}, err
	}
	if e.header.Format != Mbox {
		return Report{}, altered("the evidence is not that of an mbox")
	}
	m := newMboxReader(mbox)
	report, err := eachRecord(ctx, e, key, tell, func(r Record) (File, error) {
		f, err := m.next(r.Size)
		if errors.Is(err, io.EOF) {
			err = altered("%s is missing", r.Address)
		}
		return f, err
	})
	if err != nil {
		return report, err
	}
	if _, err := m.in.ReadByte(); !errors.Is(err, io.EOF) {
		return report, because(err, "the mbox has more than was exported")
	}
	want, _ := e.file(MboxFile)
	if got := m.whole.file(MboxFile); got != want {
		return report, altered("the messages are, but the mbox around them was changed")
	}
	return report, nil
}

// eachRecord goes through the evidence. measure reads the next file, of which
// at most Record.Size bytes belong to it.
func eachRecord(ctx context.Context, e *Reader, key string, tell Progress, measure func(Record) (File, error)) (Report, error) {
	report := Report{Header: e.header, Problems: map[Problem]int64{}, First: map[Problem]archive.Address{}}
	if key == "" {
		key = e.header.Key
	} else if key != e.header.Key {
		return report, fmt.Errorf("the export is signed by %s, not by the key that was given, %s", e.header.Key, key)
	}
	for ctx.Err() == nil {
		r, p, err := e.Next()
		if errors.Is(err, io.EOF) {
			return report, e.check(key)
		}
		if err != nil {
			return report, err
		}
		if err := verifyRecord(e, r, p, key, measure); err != nil {
			return report, fmt.Errorf("%s: %w", r.Address, err)
		}
		report.count(r)
		tell(report.Messages)
	}
	return report, context.Cause(ctx)
}

func (r *Report) count(record Record) {
	if record.Problem == "" {
		r.Messages++
		return
	}
	if r.Problems[record.Problem]++; r.Problems[record.Problem] == 1 {
		r.First[record.Problem] = record.Address
	}
}

func verifyRecord(e *Reader, r Record, p archive.Proof, key string, measure func(Record) (File, error)) error {
	if r.Problem == "" {
		m, err := p.Check(key)
		switch {
		case err != nil:
			return err
		case m.Address() != r.Address:
			return altered("the proof is that of %s", m.Address())
		case m.SHA256 != r.SHA256 || m.Size != r.Size:
			return altered("the evidence has another size or SHA-256 than the record")
		case m.Position >= e.header.UpTo[m.Stream]:
			return altered("the query was not asked of it")
		}
	}
	if r.Problem == Removed || r.Problem == Damaged && r.File == "" {
		return nil
	}
	f, err := measure(r)
	if err != nil {
		return err
	}
	if f.Size != r.Size || f.SHA256 != r.SHA256 {
		return altered("its bytes have the SHA-256 %s, and had %s", f.SHA256, r.SHA256)
	}
	return nil
}

const maxEnd = 1 << 20 // Bytes of the last line; a line of the statement for each stream is in it.

// MboxLength tells how long the mbox is of which the evidence stands behind
// it, in one file of size bytes. It believes what it reads.
func MboxLength(r io.ReaderAt, size int64) (int64, error) {
	tail := make([]byte, min(size, maxEnd))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	var l line
	last := tail[bytes.LastIndexByte(bytes.TrimSuffix(tail, []byte("\n")), '\n')+1:]
	if err := json.Unmarshal(last, &l); err != nil || l.End == nil || len(l.End.Files) != 1 || l.End.Files[0].Size < 0 || l.End.Files[0].Size > size {
		return 0, because(err, "it does not end with the evidence of an mbox")
	}
	return l.End.Files[0].Size, nil
}

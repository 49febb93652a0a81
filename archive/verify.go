package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
)

// verifier reads all of a sealed pack.
type verifier struct {
	v   *view
	all hash.Hash // Over the records.
	buf []byte
}

// verify compares a sealed pack with its manifest. It returns the positions
// of records that differ from their metadata although the pack is as it was
// sealed: those were damaged before.
func (p *sealedPack) verify() (damaged []Position, err error) {
	v := &view{r: frameReader{p, p.inOrder()}, first: p.manifest.First, starts: p.starts}
	f := &verifier{v, sha256.New(), make([]byte, 256<<10)}
	for at := (Address{p.manifest.Stream, v.first}); at.Position < v.end(); at.Position++ {
		ok, err := f.record(at)
		if err != nil {
			return nil, err
		}
		if !ok {
			damaged = append(damaged, at.Position)
		}
	}
	if Digest(f.all.Sum(nil)) != p.manifest.SHA256 {
		return nil, errors.New("the records have another SHA-256 than the manifest says")
	}
	return damaged, nil
}

// record adds the bytes of a record to all, and tells whether its body is
// what its metadata says.
func (f *verifier) record(at Address) (ok bool, err error) {
	start, length := f.v.span(at.Position)
	m, meta, err := f.v.loadHead(at, start)
	head := blockSize + padded(int64(len(meta))) + blockSize
	if err != nil || !m.hasBody() || head+m.Size > length {
		// Where the disk did not answer, it does not now either.
		return err == nil && (m.SameAs != nil || m.Kind == KindErased), f.sum(f.all, start, length)
	}
	body := sha256.New()
	err = errors.Join(
		f.sum(f.all, start, head),
		f.sum(io.MultiWriter(f.all, body), start+head, m.Size),
		f.sum(f.all, start+head+m.Size, length-head-m.Size))
	return Digest(body.Sum(nil)) == m.SHA256, err
}

// sum writes a part of the tar to w.
func (f *verifier) sum(w io.Writer, off, n int64) error {
	_, err := io.CopyBuffer(w, io.NewSectionReader(f.v.r, off, n), f.buf)
	return err
}

// Verified tells how far Verify is.
type Verified struct {
	Records    int64     `json:"records"` // Read and found as they were received.
	AllRecords int64     `json:"all_records"`
	Removed    int64     `json:"removed,omitempty"` // Removed by a decision.
	Packs      int       `json:"packs"`             // Of the bucket, found as they were put there.
	Proven     []Proven  `json:"proven,omitempty"`
	Problems   []Problem `json:"problems"`
}

// Problem is something that is not as it was stored.
type Problem struct {
	Where string `json:"where"` // Address of a record, or key of an object in the bucket.
	What  string `json:"what"`
}

// Verify reads every record that is there now and compares it with its
// SHA-256, and compares every pack with what the bucket has. It goes on behind
// what is damaged. An error means that it could not finish: the bucket does not
// answer, or ctx ended. progress may be nil.
func (a *Archive) Verify(ctx context.Context, progress func(Verified)) (Verified, error) {
	done := Verified{Problems: []Problem{}}
	for _, s := range a.all() {
		done.AllRecords += int64(a.Next(s.name))
	}
	told := func() {
		if progress != nil {
			progress(done)
		}
	}
	for _, s := range a.all() {
		if err := a.verifyPacks(ctx, s, &done, told); err != nil {
			return done, fmt.Errorf("verify %s: %w", s.name, err)
		}
		if err := a.verifyRecords(ctx, s.name, &done, told); err != nil {
			return done, fmt.Errorf("verify %s: %w", s.name, err)
		}
	}
	told()
	return done, nil
}

// verifyRecords reads a stream from its beginning; positions are dense.
func (a *Archive) verifyRecords(ctx context.Context, name Stream, done *Verified, told func()) error {
	next, end := Position(0), a.Next(name)
	lost := func(err error) bool {
		return errors.Is(err, ErrDamaged) || errors.Is(err, ErrNoObject) || errors.Is(err, ErrGone)
	}
	for r, err := range a.scan(ctx, name, 0, lost) {
		switch {
		case err != nil && !lost(err):
			return err
		case r.Meta.Position != next:
			return fmt.Errorf("record %d came where %d was due", r.Meta.Position, next)
		case errors.Is(err, ErrGone):
			done.Removed++
		case err != nil:
			done.Problems = append(done.Problems, Problem{Address{name, next}.String(), err.Error()})
		default:
			done.Records++
		}
		if next++; next%256 == 0 {
			told()
		}
	}
	if next < end {
		return fmt.Errorf("the records end at %d, not at %d", next, end)
	}
	return nil
}

// verifyPacks compares what was put into the bucket with what is there.
func (a *Archive) verifyPacks(ctx context.Context, s *stream, done *Verified, told func()) error {
	s.mu.Lock()
	var lines []packLine
	for _, p := range s.packs {
		if p.stored && !p.gone {
			lines = append(lines, p.line())
		}
	}
	s.mu.Unlock()
	for _, l := range lines {
		key := (&pack{stream: s.name, first: l.First, as: form{l.Generation, l.Age}}).key()
		what, err := a.compareObject(ctx, key, l)
		if err != nil {
			return err
		}
		if what != "" {
			done.Problems = append(done.Problems, Problem{key, what})
		} else {
			done.Packs++
		}
		told()
	}
	return nil
}

// compareObject says how an object differs from the pack that was put there,
// "" when it does not. Where the store has no checksum of it, it is read.
func (a *Archive) compareObject(ctx context.Context, key string, l packLine) (what string, err error) {
	o, err := a.store.Stat(ctx, key)
	switch {
	case errors.Is(err, ErrNoObject):
		return "it is not in the bucket any more", nil
	case err != nil:
		return "", err
	case o.Size != l.Size:
		return fmt.Sprintf("it has %d bytes, %d were put there", o.Size, l.Size), nil
	case o.SHA256.IsZero():
		if o.SHA256, err = a.sumObject(ctx, key); err != nil {
			return "", err
		}
	}
	if o.SHA256 != l.SHA256 {
		return fmt.Sprintf("it has SHA-256 %s, not %s", o.SHA256, l.SHA256), nil
	}
	return "", nil
}

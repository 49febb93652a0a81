package archive

import (
	"crypto/sha256"
	"errors"
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
	m, metaLen, err := f.v.loadHead(at, start)
	head := blockSize + padded(metaLen) + blockSize
	if err != nil || !m.hasBody() || head+m.Size > length {
		// Where the disk did not answer, it does not now either.
		return err == nil && m.SameAs != nil, f.sum(f.all, start, length)
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

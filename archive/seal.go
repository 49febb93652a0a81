package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"filippo.io/age"
)

// sealAll seals the packs of a stream that are full, oldest first.
//
// A crash may come between any two steps. The tar is removed last, and the
// pack counts as sealed from its line in packs.jsonl on; without the line
// recovery removes the sealed file and the pack is sealed again.
func (s *stream) sealAll(ctx context.Context) error {
	s.sealing.Lock()
	defer s.sealing.Unlock()
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		p := s.firstPack((*pack).unsealed)
		if p == nil {
			return nil
		}
		if err := s.seal(p); err != nil {
			return fmt.Errorf("seal pack %s: %w", p.key(), err)
		}
	}
}

func (s *stream) seal(p *pack) error {
	began := time.Now()
	as := form{age: len(s.a.config.Recipients) > 0}
	size, sum, err := s.writeSealed(p, as, p.tar, s.a.sealer)
	if err != nil {
		return err
	}
	if as.age && s.name == Ledger {
		// Who takes mail and cannot read it has to know users and queues all the same.
		if err := s.keepClear(p); err != nil {
			return err
		}
	}
	if err := s.growBy(p); err != nil {
		return err
	}
	line := p.line()
	line.Size, line.SHA256, line.Age = size, sum, as.age
	if err := s.log.add(line); err != nil {
		return err
	}
	s.mu.Lock()
	tar, tarSize := p.tar, p.tarEnd()
	p.takeLine(line)
	p.local, p.tar, p.starts = true, nil, nil
	s.mu.Unlock()
	select {
	case s.sealed <- struct{}{}:
	default:
	}
	s.a.poke()
	s.a.log.Info("pack sealed", "pack", p.key(), "records", line.Records, "bytes", tarSize, "sealed_bytes", size, "took", time.Since(began))
	return errors.Join(tar.release(), s.a.disk.Remove(p.tarName()))
}

// growBy adds a full pack to the tree, unless packs before it are missing
// there: then the next checkpoint reads them all.
func (s *stream) growBy(p *pack) error {
	if s.tree.Size() != p.first {
		return nil
	}
	v := &view{r: p.tar, first: p.first, starts: p.starts}
	leaves, err := v.leavesOf(s.name)
	if err != nil {
		return err
	}
	return s.tree.add(p.first, leaves)
}

// writeSealed puts the sealed form of the records of p, which lie in tar, into
// the stream's directory. Nobody changes them, so they are read without a lock.
func (s *stream) writeSealed(p *pack, as form, tar io.ReaderAt, with *sealer) (size int64, sum Digest, err error) {
	return s.writeFile(s.name.dir()+"/"+formatPackName(p.first, as), func(w io.Writer) error {
		m := Manifest{Format: ManifestVersion, Stream: p.stream, First: p.first, Records: p.records, Bytes: p.bytes, Oldest: p.oldest, Newest: p.newest}
		if !as.age {
			return with.seal(w, tar, p.starts, &m)
		}
		hidden, err := age.Encrypt(w, s.a.config.Recipients...)
		if err != nil {
			return err
		}
		return errors.Join(with.seal(hidden, tar, p.starts, &m), hidden.Close())
	})
}

// writeFile makes a file of the stream's directory, whole or not at all.
func (s *stream) writeFile(name string, write func(io.Writer) error) (size int64, sum Digest, err error) {
	d, temp := s.a.disk, name+".tmp"
	if err := removeIfThere(d, temp); err != nil {
		return 0, sum, err
	}
	f, err := d.Create(temp)
	if err != nil {
		return 0, sum, err
	}
	w := &fileWriter{f: f, sum: sha256.New()}
	if err = write(w); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, sum, errors.Join(err, removeIfThere(d, temp))
	}
	if err := d.Rename(temp, name); err != nil {
		return 0, sum, err
	}
	return w.off, Digest(w.sum.Sum(nil)), d.SyncDir(s.name.dir())
}

// fileWriter writes a file from its beginning on and adds up its SHA-256.
type fileWriter struct {
	f   file
	off int64
	sum hash.Hash
}

// Write implements io.Writer.
func (w *fileWriter) Write(b []byte) (int, error) {
	n, err := w.f.WriteAt(b, w.off)
	w.off += int64(n)
	w.sum.Write(b[:n])
	return n, err
}

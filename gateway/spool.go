package gateway

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"polytrace/archive"
)

// inMemory is how much of a body is held in memory; more goes to a file.
const inMemory = 1 << 20

// spool is a body that is coming in: counted, hashed, in memory or in a file.
type spool struct {
	buf  bytes.Buffer
	file *os.File // Nil as long as it fits into memory.
	size int64
	hash hash.Hash
}

// readSpool reads a body to its end. It fails with errTooLarge behind limit
// bytes, and with whatever the reader fails with: what was cut is not a body.
func readSpool(r io.Reader, dir string, limit int64) (*spool, error) {
	s := &spool{hash: sha256.New()}
	s.buf.Grow(8 << 10) // Most messages are smaller.
	n, err := s.buf.ReadFrom(io.LimitReader(r, min(inMemory, limit+1)))
	s.hash.Write(s.buf.Bytes())
	s.size = n
	if err == nil && n == inMemory {
		err = s.toFile(r, dir, limit)
	}
	if err == nil && s.size > limit {
		err = errTooLarge
	}
	if err != nil {
		return nil, errors.Join(err, s.discard())
	}
	return s, nil
}

// toFile moves what there is to a file and reads the rest into it.
func (s *spool) toFile(r io.Reader, dir string, limit int64) (err error) {
	if s.file, err = os.CreateTemp(dir, "body-*"); err != nil {
		return fmt.Errorf("spool body: %w", err)
	}
	if _, err := s.buf.WriteTo(s.file); err != nil {
		return fmt.Errorf("spool body: %w", err)
	}
	s.buf = bytes.Buffer{}
	// The reader gives a line at a time.
	w := bufio.NewWriterSize(io.MultiWriter(s.file, s.hash), 64<<10)
	n, err := io.Copy(w, io.LimitReader(r, limit+1-s.size))
	s.size += n
	return errors.Join(err, w.Flush())
}

func (s *spool) sum() archive.Digest { return archive.Digest(s.hash.Sum(nil)) }

func (s *spool) body() archive.Body {
	if s.file != nil {
		return io.NewSectionReader(s.file, 0, s.size)
	}
	return bytes.NewReader(s.buf.Bytes())
}

// discard removes the file. The body must not be used any more.
func (s *spool) discard() error {
	if s.file == nil {
		return nil
	}
	return errors.Join(s.file.Close(), os.Remove(s.file.Name()))
}

// emptySpool makes the directory, and removes what a crash left in it: none of
// it was acknowledged.
func emptySpool(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("prepare spool: %w", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "body-*"))
	if err != nil {
		return fmt.Errorf("empty spool: %w", err)
	}
	for _, name := range left {
		if err := os.Remove(name); err != nil {
			return fmt.Errorf("empty spool: %w", err)
		}
	}
	return nil
}

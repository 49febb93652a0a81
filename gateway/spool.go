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
	"sync"

	"polytrace/archive"
)

// inMemory is how much of a body is held in memory; more goes to a file. What
// held usualMemory at most is used again for another body.
const (
	inMemory    = 1 << 20
	usualMemory = 64 << 10
)

var buffers = sync.Pool{New: func() any { return bytes.NewBuffer(make([]byte, 0, 8<<10)) }} // Most messages are smaller.

// spool is a body that is coming in: counted, hashed, in memory or in a file.
type spool struct {
	buf  *bytes.Buffer // Nil when it is in a file.
	file *os.File      // Nil as long as it fits into memory.
	size int64
	hash hash.Hash
}

// readSpool reads a body to its end. It fails with errTooLarge behind limit
// bytes, and with whatever the reader fails with: what was cut is not a body.
func readSpool(r io.Reader, dir string, limit int64) (*spool, error) {
	s := &spool{buf: buffers.Get().(*bytes.Buffer), hash: sha256.New()}
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
	s.buf = nil
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

// head is the first n bytes, or what can be read of them.
func (s *spool) head(n int) []byte {
	if s.file == nil {
		return s.buf.Bytes()[:min(n, s.buf.Len())]
	}
	head := make([]byte, n)
	n, _ = s.file.ReadAt(head, 0)
	return head[:n]
}

// discard removes the file. The body must not be used any more.
func (s *spool) discard() error {
	if s.buf != nil && s.buf.Cap() <= usualMemory {
		s.buf.Reset()
		buffers.Put(s.buf)
	}
	s.buf = nil
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

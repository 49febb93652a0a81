package evidence

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"polytrace/archive"
)

// zipFile is a ZIP of an export, of which nothing is believed. Its entries are
// read in the order they lie in, and compared with the directory at the end.
type zipFile struct {
	r    io.ReaderAt
	size int64
	note string // The comment.

	entries, dir, dirEnd uint64
	sum                  [sha256.Size]byte // Over what the directory says.
	last                 entry
}

const shapeWords = "it is not a ZIP that Polytrace wrote, or not all of it"

var errShape = altered(shapeWords)

// openZip finds the parts of a ZIP and reads through its directory.
func openZip(r io.ReaderAt, size int64) (*zipFile, error) {
	z := &zipFile{r: r, size: size}
	tail := make([]byte, min(size, endLen+locatorLen+end64Len+maxNote))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	at := bytes.LastIndex(tail, []byte(sealPrefix))
	if at < endLen {
		return nil, errShape
	}
	z.note = string(tail[at:])
	end := tail[at-endLen : at]
	z.entries = uint64(binary.LittleEndian.Uint16(end[10:]))
	z.dir = uint64(binary.LittleEndian.Uint32(end[16:]))
	z.dirEnd = uint64(size) - uint64(len(z.note)) - endLen
	if z.dir == small && at >= endLen+locatorLen+end64Len || z.entries == few && at >= endLen+locatorLen+end64Len {
		end64 := tail[at-endLen-locatorLen-end64Len:]
		z.entries, z.dir = binary.LittleEndian.Uint64(end64[32:]), binary.LittleEndian.Uint64(end64[48:])
		z.dirEnd -= locatorLen + end64Len
	}
	// Everything that they say is said in one way only.
	if want := endings(z.entries, z.dir, z.dirEnd, len(z.note)); z.dir > z.dirEnd || at < len(want) || !bytes.Equal(want, tail[at-len(want):at]) {
		return nil, errShape
	}
	return z, z.readDirectory()
}

// seal is the SHA-256 that the comment has to name.
func (z *zipFile) seal() (archive.Digest, error) {
	h := sha256.New()
	_, err := io.Copy(h, io.NewSectionReader(z.r, 0, z.size-int64(len(z.note))))
	return archive.Digest(h.Sum(nil)), err
}

// readDirectory sums up the directory and remembers its last entry.
func (z *zipFile) readDirectory() error {
	in := bufio.NewReaderSize(io.NewSectionReader(z.r, int64(z.dir), int64(z.dirEnd-z.dir)), 64<<10)
	h := sha256.New()
	for range z.entries {
		e, err := readCentral(in)
		if err != nil {
			return err
		}
		z.last = e
		e.addTo(h)
	}
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		return because(err, shapeWords)
	}
	h.Sum(z.sum[:0])
	return nil
}

func (e entry) addTo(h hash.Hash) {
	fmt.Fprintf(h, "%q %d %08x %d %d\n", e.name, e.offset, e.crc, e.packed, e.content)
}

// readCentral reads an entry of the directory, which has the one form in which
// central writes it, but for the time.
func readCentral(in io.Reader) (e entry, err error) {
	var b [centralLen]byte
	if _, err := io.ReadFull(in, b[:]); err != nil {
		return e, because(err, shapeWords)
	}
	names, extras := int(binary.LittleEndian.Uint16(b[28:])), int(binary.LittleEndian.Uint16(b[30:]))
	if binary.LittleEndian.Uint32(b[:]) != centralSig || names > maxName || extras > stampLen+28 {
		return e, errShape
	}
	rest := make([]byte, names+extras)
	if _, err := io.ReadFull(in, rest); err != nil {
		return e, because(err, shapeWords)
	}
	e.name, e.crc = string(rest[:names]), binary.LittleEndian.Uint32(b[16:])
	e.packed, e.content = uint64(binary.LittleEndian.Uint32(b[20:])), uint64(binary.LittleEndian.Uint32(b[24:]))
	e.offset = uint64(binary.LittleEndian.Uint32(b[42:]))
	if extra := rest[names:]; extras == stampLen+28 {
		e.content, e.packed, e.offset = binary.LittleEndian.Uint64(extra[4:]), binary.LittleEndian.Uint64(extra[12:]), binary.LittleEndian.Uint64(extra[20:])
	}
	return e, nil
}

// walker reads the entries of a ZIP one after the other.
type walker struct {
	z    *zipFile
	in   *bufio.Reader
	at   uint64 // Bytes that were read.
	sum  hash.Hash
	open entry
	body io.ReadCloser // Decompresses the open entry; taken again for the next.
	crc  hash.Hash32
}

func (z *zipFile) walk(from uint64) *walker {
	in := io.NewSectionReader(z.r, int64(from), max(0, int64(z.dir)-int64(from)))
	return &walker{z: z, in: bufio.NewReaderSize(in, 64<<10), at: from, sum: sha256.New(), crc: crc32.NewIEEE()}
}

// ReadByte and Read make the walker the source of a decompressor that takes no
// byte more than it needs.
func (w *walker) ReadByte() (byte, error) {
	b, err := w.in.ReadByte()
	if err == nil {
		w.at++
	}
	return b, err
}

func (w *walker) Read(p []byte) (int, error) {
	n, err := w.in.Read(p)
	w.at += uint64(n)
	return n, err
}

// next begins the next entry and returns its name; io.EOF where the directory begins.
func (w *walker) next() (name string, err error) {
	w.open = entry{offset: w.at}
	var b [localLen]byte
	if _, err := io.ReadFull(w, b[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return "", io.EOF
		}
		return "", because(err, shapeWords)
	}
	names, extras := int(binary.LittleEndian.Uint16(b[26:])), int(binary.LittleEndian.Uint16(b[28:]))
	if binary.LittleEndian.Uint32(b[:]) != localSig || names > maxName || extras != stampLen {
		return "", errShape
	}
	rest := make([]byte, names+extras)
	if _, err := io.ReadFull(w, rest); err != nil {
		return "", because(err, shapeWords)
	}
	w.open.name = string(rest[:names])
	w.crc.Reset()
	if w.body == nil {
		w.body = flate.NewReader(w)
	} else if err := w.body.(flate.Resetter).Reset(w, nil); err != nil {
		return "", err
	}
	return w.open.name, nil
}

// content reads the open entry.
func (w *walker) content(p []byte) (int, error) {
	n, err := w.body.Read(p)
	w.crc.Write(p[:n])
	w.open.content += uint64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = altered("%s cannot be decompressed: %v", w.open.name, err)
	}
	return n, err
}

type contentReader struct{ *walker }

func (r contentReader) Read(p []byte) (int, error) { return r.content(p) }

// measure reads the open entry to its end, at most limit bytes and one more.
func (w *walker) measure(limit int64) (File, error) {
	m := newMeter()
	start := w.at
	if _, err := io.Copy(&m, io.LimitReader(contentReader{w}, limit+1)); err != nil {
		return File{}, err
	}
	f := m.file(w.open.name)
	if m.n > limit {
		return f, altered("%s is longer than the evidence says", f.Name)
	}
	w.open.packed, w.open.crc = w.at-start, w.crc.Sum32()
	want := w.open.descriptor()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(w, got); err != nil || !bytes.Equal(got, want) {
		return f, altered("%s does not end as an export ends a file", f.Name)
	}
	w.open.addTo(w.sum)
	return f, nil
}

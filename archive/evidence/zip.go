package evidence

import (
	"bufio"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"time"

	"polytrace/archive"
)

// The ZIP files of exports are ordinary ones (APPNOTE.TXT 6.3.10) of one fixed
// shape. archive/zip would keep every name in memory, and cannot sign what it
// wrote; this keeps nothing.
//
//	+--------------+------------+------------+     +-----------+-----+-------------+
//	| local header | deflated   | descriptor | ... | directory | end | signed note |
//	+--------------+------------+------------+     +-----------+-----+-------------+
//
// Integers are little-endian. Every entry is deflated and followed by a data
// descriptor with CRC-32, compressed and real size, of 8 bytes each where one
// of them needs it. Entries touch each other and the directory.
const (
	localSig      = 0x04034b50
	descriptorSig = 0x08074b50
	centralSig    = 0x02014b50
	end64Sig      = 0x06064b50
	locatorSig    = 0x07064b50
	endSig        = 0x06054b50

	localLen   = 30
	centralLen = 46
	end64Len   = 56
	locatorLen = 20
	endLen     = 22

	small   = 1<<32 - 1 // What is as large needs ZIP64.
	few     = 1<<16 - 1 // Entries, the same.
	maxName = 255
	maxNote = 1<<16 - 1
)

// sealText is what the note in the comment says.
func sealText(sum archive.Digest) string { return sealPrefix + sum.String() + "\n" }

const sealPrefix = "polytrace export sha256:"

// entry is what the directory tells of a file.
type entry struct {
	name            string
	modified        time.Time
	offset          uint64
	crc             uint32
	packed, content uint64
}

func (e entry) large() bool { return e.packed >= small || e.content >= small }

// Scratch is a file for the time of an export.
type Scratch interface {
	io.Writer
	io.ReaderAt
}

// ZipWriter writes a signed ZIP.
type ZipWriter struct {
	out     *Measured
	dir     *bufio.Writer
	scratch Scratch
	deflate *flate.Writer
	packed  *counted
	crc     hash.Hash32
	open    *entry
	entries uint64
}

// counted counts what goes by.
type counted struct {
	w io.Writer
	n uint64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += uint64(n)
	return n, err
}

// NewZipWriter writes to w. The directory waits in scratch, so that memory
// does not grow with the number of files.
func NewZipWriter(w io.Writer, scratch Scratch) (*ZipWriter, error) {
	z := &ZipWriter{out: NewMeasured(w), dir: bufio.NewWriter(scratch), scratch: scratch, crc: crc32.NewIEEE()}
	z.packed = &counted{w: z.out}
	var err error
	z.deflate, err = flate.NewWriter(z.packed, flate.DefaultCompression)
	return z, err
}

// Create begins the next file. What is written to the ZipWriter belongs to it.
func (z *ZipWriter) Create(name string, modified time.Time) error {
	if err := z.finish(); err != nil {
		return err
	}
	if len(name) > maxName {
		return fmt.Errorf("zip: name of %d bytes", len(name))
	}
	z.open = &entry{name: name, modified: modified, offset: uint64(z.out.m.n)}
	z.packed.n = 0
	z.crc.Reset()
	z.deflate.Reset(z.packed)
	_, err := z.out.Write(z.open.local())
	return err
}

func (z *ZipWriter) Write(p []byte) (int, error) {
	n, err := z.deflate.Write(p)
	z.crc.Write(p[:n])
	z.open.content += uint64(n)
	return n, err
}

// finish ends the open file.
func (z *ZipWriter) finish() error {
	e := z.open
	if e == nil {
		return nil
	}
	if err := z.deflate.Close(); err != nil {
		return err
	}
	e.crc, e.packed, z.open = z.crc.Sum32(), z.packed.n, nil
	if _, err := z.out.Write(e.descriptor()); err != nil {
		return err
	}
	z.entries++
	_, err := z.dir.Write(e.central())
	return err
}

// Close writes the directory and signs the file.
func (z *ZipWriter) Close(sign Sign) error {
	if err := errors.Join(z.finish(), z.dir.Flush()); err != nil {
		return err
	}
	offset := uint64(z.out.m.n)
	if _, err := io.Copy(z.out, io.NewSectionReader(z.scratch, 0, 1<<62)); err != nil {
		return err
	}
	// How long the note is stands before it, and is signed with the rest.
	shape, err := sign(sealText(archive.Digest{}))
	if err != nil {
		return err
	}
	if _, err := z.out.Write(endings(z.entries, offset, uint64(z.out.m.n), len(shape))); err != nil {
		return err
	}
	note, err := sign(sealText(z.out.File("").SHA256))
	if err != nil || len(note) != len(shape) || len(note) > maxNote {
		return errors.Join(fmt.Errorf("zip: note of %d bytes where there is room for %d", len(note), len(shape)), err)
	}
	_, err = io.WriteString(z.out.w, note)
	return err
}

func (e entry) local() []byte {
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, localLen+len(e.name)+stampLen), localSig)
	b = appendShort(b, 20, 8, 8) // Version needed; sizes come later; deflated.
	b = e.appendTime(b)
	b = append(b, make([]byte, 12)...) // CRC and sizes come later.
	b = appendShort(b, len(e.name), stampLen)
	return e.appendStamp(append(b, e.name...))
}

func (e entry) descriptor() []byte {
	b := binary.LittleEndian.AppendUint32(nil, descriptorSig)
	b = binary.LittleEndian.AppendUint32(b, e.crc)
	if e.large() {
		return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, e.packed), e.content)
	}
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, uint32(e.packed)), uint32(e.content))
}

func (e entry) central() []byte {
	packed, content, offset, needed := e.packed, e.content, e.offset, 20
	var extra []byte
	if e.large() || offset >= small { // Section 4.5.3.
		extra = appendShort(nil, 1, 24)
		for _, n := range []uint64{content, packed, offset} {
			extra = binary.LittleEndian.AppendUint64(extra, n)
		}
		packed, content, offset, needed = small, small, small, 45
	}
	extra = e.appendStamp(extra)
	b := binary.LittleEndian.AppendUint32(nil, centralSig)
	b = appendShort(b, 3<<8|needed, needed, 8, 8) // Made on Unix.
	b = e.appendTime(b)
	for _, n := range []uint32{e.crc, uint32(packed), uint32(content)} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	b = appendShort(b, len(e.name), len(extra), 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, 0o100644<<16) // A regular file, and its mode.
	b = binary.LittleEndian.AppendUint32(b, uint32(offset))
	return append(append(b, e.name...), extra...)
}

// endings are what follows the directory, which lies from start to end.
func endings(entries, start, end uint64, comment int) (b []byte) {
	size, shown := end-start, entries
	if entries >= few || start >= small || size >= small { // Sections 4.3.14 and 4.3.15.
		b = binary.LittleEndian.AppendUint32(b, end64Sig)
		b = binary.LittleEndian.AppendUint64(b, end64Len-12)
		b = appendShort(b, 3<<8|45, 45)
		b = append(b, make([]byte, 8)...)
		for _, n := range []uint64{entries, entries, size, start} {
			b = binary.LittleEndian.AppendUint64(b, n)
		}
		b = binary.LittleEndian.AppendUint32(b, locatorSig)
		b = binary.LittleEndian.AppendUint32(b, 0)
		b = binary.LittleEndian.AppendUint64(b, end)
		b = binary.LittleEndian.AppendUint32(b, 1)
		shown, size, start = few, small, small
	}
	b = binary.LittleEndian.AppendUint32(b, endSig)
	b = appendShort(b, 0, 0, int(shown), int(shown))
	b = binary.LittleEndian.AppendUint32(b, uint32(size))
	b = binary.LittleEndian.AppendUint32(b, uint32(start))
	return appendShort(b, comment)
}

// appendTime appends the time in the form of MS-DOS, in UTC (section 4.4.6).
func (e entry) appendTime(b []byte) []byte {
	t := e.modified.UTC()
	if t.Year() < 1980 || t.Year() > 2107 {
		return appendShort(b, 0, 1<<5|1)
	}
	return appendShort(b, t.Hour()<<11|t.Minute()<<5|t.Second()/2, (t.Year()-1980)<<9|int(t.Month())<<5|t.Day())
}

const stampLen = 9

// appendStamp appends the time as Unix has it, the extra field "UT".
func (e entry) appendStamp(b []byte) []byte {
	b = append(appendShort(b, 0x5455, stampLen-4), 1)
	return binary.LittleEndian.AppendUint32(b, uint32(max(0, min(e.modified.Unix(), 1<<31-1))))
}

func appendShort(b []byte, all ...int) []byte {
	for _, n := range all {
		b = binary.LittleEndian.AppendUint16(b, uint16(n))
	}
	return b
}

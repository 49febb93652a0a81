package archive

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"
	"time"

	seekable "github.com/SaveTheRbtz/zstd-seekable-format-go/pkg"
	"github.com/klauspost/compress/zstd"
)

// A sealed pack is the tar of an open one, with a manifest as its last entry,
// in the zstd seekable format:
//
//	frame    whole records, up to 2 MiB, 4 MiB in a pack that was merged; a
//	         longer record has frames of its own
//	…
//	frame    header, manifest.json, padding, two blocks of zeros: the end of the tar
//	skippable frame: the seek table
//
// FORMAT.md says all of it.
const (
	frameSize    = 2 << 20
	coldFrame    = 4 << 20
	manifestName = "manifest.json"
	maxManifest  = 64 << 20
)

// Manifest is the last entry of a sealed pack.
type Manifest struct {
	Format  int       `json:"polytrace"` // Version: ManifestVersion.
	Stream  Stream    `json:"stream"`
	First   Position  `json:"first"`
	Records int       `json:"records"`
	Bytes   int64     `json:"bytes"`  // Of bodies.
	Oldest  time.Time `json:"oldest"` // The earliest time at which one was received.
	Newest  time.Time `json:"newest"` // The latest time at which one was received.
	SHA256  Digest    `json:"sha256"` // Of the tar before the manifest's header.
	Blocks  []int64   `json:"blocks"` // Length of each record in the tar, in blocks of 512 bytes.
}

// ManifestVersion is the version of Manifest's JSON that this code writes.
const ManifestVersion = 1

// parseManifest reads a manifest and checks that it agrees with itself.
func parseManifest(raw []byte) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return Manifest{}, fmt.Errorf("manifest: %w", err)
	}
	switch {
	case m.Format > ManifestVersion:
		return Manifest{}, fmt.Errorf("manifest is of version %d; this program reads versions up to %d: use a newer one", m.Format, ManifestVersion)
	case m.Format < 1 || !m.Stream.Valid() || m.Records < 1 || m.Records != len(m.Blocks):
		return Manifest{}, errors.New("manifest is incomplete")
	}
	for _, n := range m.Blocks {
		if n < 2 || n > (maxMeta+maxBody)/blockSize+4 {
			return Manifest{}, fmt.Errorf("manifest has a record of %d blocks", n)
		}
	}
	return m, nil
}

// starts adds up the lengths: where each record begins, and where the last one ends.
func (m *Manifest) starts() []int64 {
	starts := make([]int64, len(m.Blocks)+1)
	for i, n := range m.Blocks {
		starts[i+1] = starts[i] + n*blockSize
	}
	return starts
}

// sealer turns the tar of a pack into a sealed one.
type sealer struct {
	zip   *zstd.Encoder
	unzip *zstd.Decoder
	frame int64 // Bytes of a frame before compression.
}

// newSealer makes frames of a size. The window is that of a frame, because
// nothing before it can be referred to.
func newSealer(frame int64, level zstd.EncoderLevel, unzip *zstd.Decoder) (*sealer, error) {
	zip, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(int(frame)), zstd.WithEncoderLevel(level))
	return &sealer{zip, unzip, frame}, err
}

// seal writes the sealed form of the records in tar, which lie between
// starts, to w. It fills SHA256 and Blocks of m. Each frame is decompressed
// again and compared, because afterwards the tar is removed.
func (s *sealer) seal(w io.Writer, tar io.ReaderAt, starts []int64, m *Manifest) error {
	table, err := seekable.NewEncoder(&sameMemory{zip: s.zip})
	if err != nil {
		return err
	}
	sum := sha256.New()
	frame, check := make([]byte, min(s.frame, starts[len(starts)-1])), []byte(nil)
	put := func(raw []byte) error {
		packed, err := table.Encode(raw)
		if err != nil {
			return err
		}
		if check, err = s.unzip.DecodeAll(packed, check[:0]); err != nil || string(check) != string(raw) {
			return fmt.Errorf("a compressed frame does not read back as it was: %w", errors.Join(err, ErrDamaged))
		}
		_, err = w.Write(packed)
		return err
	}
	for start, end := range frames(starts, s.frame) {
		raw := frame[:end-start]
		if _, err := tar.ReadAt(raw, start); err != nil {
			return err
		}
		sum.Write(raw)
		if err := put(raw); err != nil {
			return err
		}
	}
	m.SHA256 = Digest(sum.Sum(nil))
	m.Blocks = make([]int64, len(starts)-1)
	for i := range m.Blocks {
		m.Blocks[i] = (starts[i+1] - starts[i]) / blockSize
	}
	last, err := manifestEntry(m)
	if err != nil {
		return err
	}
	if err := put(last); err != nil {
		return err
	}
	end, err := table.EndStream()
	if err != nil {
		return err
	}
	_, err = w.Write(end)
	return err
}

// sameMemory compresses each frame into the memory of the one before.
type sameMemory struct {
	zip *zstd.Encoder
	dst []byte
}

// EncodeAll implements seekable.ZSTDEncoder, which gives no memory.
func (s *sameMemory) EncodeAll(src, _ []byte) []byte {
	s.dst = s.zip.EncodeAll(src, s.dst[:0])
	return s.dst
}

// frames yields where frames begin and end: as many whole records as fit, or
// pieces of one that is longer than a frame.
func frames(starts []int64, size int64) iter.Seq2[int64, int64] {
	return func(yield func(start, end int64) bool) {
		for i, j := 0, 0; i < len(starts)-1; i = j {
			for j = i + 1; j+1 < len(starts) && starts[j+1]-starts[i] <= size; {
				j++
			}
			for from := starts[i]; from < starts[j]; from += size {
				if !yield(from, min(from+size, starts[j])) {
					return
				}
			}
		}
	}
}

// manifestEntry is the end of the tar: the manifest and two blocks of zeros.
func manifestEntry(m *Manifest) ([]byte, error) {
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	b := appendHeader(nil, manifestName, int64(len(raw)), m.Newest, "")
	b = appendPadding(append(b, raw...), int64(len(raw)))
	return append(b, make([]byte, 2*blockSize)...), nil
}

// sealedPack is a sealed pack opened for reading.
type sealedPack struct {
	r        io.ReaderAt
	size     int64
	unzip    *zstd.Decoder
	table    *seekable.SeekTable
	manifest Manifest
	starts   []int64
}

// openSealed reads seek table and manifest of a sealed pack.
func openSealed(r io.ReaderAt, size int64, unzip *zstd.Decoder) (*sealedPack, error) {
	table, err := readSeekTable(r, size)
	if err != nil {
		return nil, err
	}
	p := &sealedPack{r: r, size: size, unzip: unzip, table: table}
	last, err := p.frame(table.NumFrames()-1, nil)
	if err != nil {
		return nil, err
	}
	h, err := parseHeader(last)
	if err != nil || h.name != manifestName || h.size > int64(len(last))-blockSize {
		return nil, errors.New("the last frame holds no manifest")
	}
	if p.manifest, err = parseManifest(last[blockSize : blockSize+h.size]); err != nil {
		return nil, err
	}
	p.starts = p.manifest.starts()
	if end := p.starts[len(p.starts)-1]; end != int64(table.Size())-int64(len(last)) {
		return nil, fmt.Errorf("the manifest tells of %d bytes of records, there are %d", end, int64(table.Size())-int64(len(last)))
	}
	return p, nil
}

// readSeekTable reads the skippable frame at the end: 8 bytes of header, 12 bytes a
// frame, 9 bytes of footer that begin with the number of frames. Its
// size is checked before it is believed.
func readSeekTable(r io.ReaderAt, size int64) (*seekable.SeekTable, error) {
	const header, entry, footer = 8, 12, 9
	var foot [footer]byte
	if size < header+footer {
		return nil, fmt.Errorf("%d bytes are no sealed pack", size)
	}
	if _, err := r.ReadAt(foot[:], size-footer); err != nil {
		return nil, err
	}
	length := header + entry*int64(binary.LittleEndian.Uint32(foot[:])) + footer
	if length > size {
		return nil, errors.New("the seek table is damaged")
	}
	raw := make([]byte, length)
	if _, err := r.ReadAt(raw, size-length); err != nil {
		return nil, err
	}
	table, err := seekable.NewSeekTable(raw)
	if err != nil {
		return nil, fmt.Errorf("the seek table is damaged: %w", err)
	}
	last, ok := table.EntryByID(table.NumFrames() - 1)
	if !ok || last.CompressedOffset+uint64(last.CompressedSize) != uint64(size-length) {
		return nil, errors.New("the seek table does not fit the pack")
	}
	if table.Size() > uint64(size)*mostDense {
		return nil, errors.New("the seek table tells of more bytes than the pack can hold")
	}
	return table, nil
}

// mostDense is how many times larger than its packed form a frame can be: a
// block of 128 KiB takes at least 4 bytes.
const mostDense = 1 << 15

// errFrame marks that a pack is not as it was sealed; a copy of it may be.
var errFrame = errors.New("frame is damaged")

// packedFrames keeps memory for frames as they are read. Without it each read
// of a message leaves half a MiB behind to be collected.
var packedFrames = sync.Pool{New: func() any { return new([]byte) }}

// frame decompresses a frame, into dst when that is large enough. zstd checks
// its checksum.
func (p *sealedPack) frame(id int64, dst []byte) ([]byte, error) {
	e, ok := p.table.EntryByID(id)
	if !ok || e.DecompressedSize > maxManifest {
		return nil, fmt.Errorf("%w: there is no frame %d", errFrame, id)
	}
	buffer := packedFrames.Get().(*[]byte)
	defer packedFrames.Put(buffer)
	*buffer = slices.Grow((*buffer)[:0], int(e.CompressedSize))
	packed := (*buffer)[:e.CompressedSize]
	if _, err := p.r.ReadAt(packed, int64(e.CompressedOffset)); err != nil {
		if err = asDamage(err); errors.Is(err, ErrDamaged) {
			err = fmt.Errorf("%w: %w", errFrame, err) // What is encrypted is checked when it is decrypted.
		}
		return nil, err
	}
	if need := min(int64(e.DecompressedSize), int64(len(packed))*mostDense); int64(cap(dst)) < need {
		dst = make([]byte, 0, need)
	}
	raw, err := p.unzip.DecodeAll(packed, dst[:0])
	if err == nil && len(raw) != int(e.DecompressedSize) {
		err = fmt.Errorf("it has %d bytes, not %d", len(raw), e.DecompressedSize)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: frame %d: %w", errFrame, id, err)
	}
	return raw, nil
}

// frameReader reads the tar inside of a sealed pack.
type frameReader struct {
	p    *sealedPack
	with frameSource
}

// frameSource has something done with the bytes of a frame, which it may know
// already. They are another frame's afterwards.
type frameSource func(id int64, do func(raw []byte)) error

// ReadAt implements io.ReaderAt.
func (f frameReader) ReadAt(b []byte, off int64) (n int, err error) {
	for n < len(b) {
		e, ok := f.p.table.EntryByDecompressedOffset(uint64(off) + uint64(n))
		if !ok {
			return n, io.EOF
		}
		err := f.with(e.ID, func(raw []byte) { n += copy(b[n:], raw[uint64(off)+uint64(n)-e.DecompressedOffset:]) })
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// inOrder keeps the last frame, for those who read from the beginning to the
// end and should not push out what others read at random.
func (p *sealedPack) inOrder() frameSource {
	last, raw := int64(-1), []byte(nil)
	return func(id int64, do func(raw []byte)) error {
		if id != last {
			last = -1
			next, err := p.frame(id, raw)
			if err != nil {
				return err
			}
			last, raw = id, next
		}
		do(raw)
		return nil
	}
}

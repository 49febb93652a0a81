package document

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"strings"
)

// errLimit stops a reader whose Limits are reached; that is noted already.
var errLimit = errors.New("more than the limits allow")

// unpacker counts what comes out of packing while it comes, since what archives
// declare is not to be believed.
type unpacker struct {
	r      *reader
	packed *counter
	plain  io.Reader
	n      int64 // Bytes that came out.
}

// counter counts the packed bytes that are used.
type counter struct {
	in io.Reader
	n  int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n += int64(n)
	return n, err
}

// unpack reads what a decompressor makes of packed bytes.
func (r *reader) unpack(packed *counter, plain io.Reader) *unpacker {
	return &unpacker{r: r, packed: packed, plain: plain}
}

func (u *unpacker) Read(p []byte) (int, error) {
	const freely = 1 << 20
	n, err := u.plain.Read(p[:min(len(p), 64<<10)])
	u.n += int64(n)
	u.r.inflatable -= int64(n)
	if u.r.inflatable < 0 || u.n > freely && u.n > u.packed.n*u.r.limits.Ratio {
		u.r.note(Limit)
		return 0, errLimit
	}
	if err != nil && err != io.EOF {
		u.r.note(Damaged)
	}
	return n, err
}

// all is what comes out, as far as it came. A Defect is noted where it is not
// all.
func (u *unpacker) all() []byte {
	content, _ := io.ReadAll(u) // Noted by Read.
	return content
}

func (r *reader) readGZ(name string, content []byte) {
	if r.tooDeep() || !r.take() {
		return
	}
	packed := &counter{in: bytes.NewReader(content)}
	z, err := gzip.NewReader(packed)
	if err != nil {
		r.note(Damaged)
		return
	}
	r.unpacked(name, r.unpack(packed, z).all())
}

func (r *reader) readBZ2(name string, content []byte) {
	if r.tooDeep() || !r.take() {
		return
	}
	packed := &counter{in: bytes.NewReader(content)}
	r.unpacked(name, r.unpack(packed, bzip2.NewReader(packed)).all())
}

// unpacked reads the one file that was compressed. It has no place of its own.
func (r *reader) unpacked(name string, content []byte) {
	if len(content) == 0 {
		return
	}
	switch packed := extension(name); packed {
	case ".tgz", ".tbz", ".tbz2":
		name = name[:len(name)-len(packed)] + ".tar"
	case ".gz", ".bz2":
		name = name[:len(name)-len(packed)]
	}
	r.within("", func() { r.read(name, "", content) })
}

func (r *reader) readTAR(content []byte) {
	if r.tooDeep() {
		return
	}
	packed := &counter{in: bytes.NewReader(content)}
	t := tar.NewReader(packed)
	for !r.full() {
		h, err := t.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			r.note(Damaged)
			return
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if !r.take() {
			return
		}
		r.nested(h.Name, "", r.unpack(packed, t).all())
	}
}

// packedDocument is a ZIP archive, or a document whose parts are the files of
// one.
type packedDocument struct {
	*reader
	files  map[string]*packedFile
	order  []*packedFile
	looked map[string]bool // Pictures that were read.
}

// packedFile is a file of a ZIP archive.
type packedFile struct {
	name        string
	method      uint16
	isEncrypted bool
	data        []byte // Packed; more may follow where its end is not known.
}

// Bits of the flags of a file (APPNOTE section 4.4.4).
const (
	zipEncrypted = 1 << 0
	zipSizeLater = 1 << 3 // The size stands behind the data.
)

// readZIP reads a document that is a ZIP archive, or else what is in it.
func (r *reader) readZIP(content []byte) {
	if r.tooDeep() {
		return
	}
	z := &packedDocument{reader: r, files: map[string]*packedFile{}, looked: map[string]bool{}}
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if archive == nil || err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		r.note(Damaged)
		z.salvage(content)
	} else {
		z.list(archive, content)
	}
	switch {
	case z.files["mimetype"] != nil && z.isODF():
		z.readODF()
	case z.files["[Content_Types].xml"] != nil || z.files["_rels/.rels"] != nil:
		z.readOOXML()
	default:
		z.readFiles()
	}
}

// list takes the files that the directory names.
func (z *packedDocument) list(archive *zip.Reader, content []byte) {
	for _, f := range archive.File {
		p := &packedFile{name: f.Name, method: f.Method, isEncrypted: f.Flags&zipEncrypted != 0}
		if at, err := f.DataOffset(); err == nil && at >= 0 && at <= int64(len(content)) {
			p.data = content[at:]
			p.data = p.data[:min(f.CompressedSize64, uint64(len(p.data)))]
		}
		z.add(p)
	}
}

// salvage takes the files of an archive whose directory, at its end, is lost:
// each has a head too (section 4.3.7).
func (z *packedDocument) salvage(content []byte) {
	const head = 30
	for rest := content; ; {
		at := bytes.Index(rest, []byte("PK\x03\x04"))
		if at < 0 || len(rest)-at < head {
			return
		}
		rest = rest[at:]
		number := func(at int) uint16 { return binary.LittleEndian.Uint16(rest[at:]) }
		flags, size := number(6), binary.LittleEndian.Uint32(rest[18:])
		name, data := cut(rest[head:], int(number(26)))
		_, data = cut(data, int(number(28)))
		p := &packedFile{name: string(name), method: number(8), isEncrypted: flags&zipEncrypted != 0, data: data}
		if flags&zipSizeLater == 0 && uint64(size) <= uint64(len(data)) {
			p.data, data = data[:size], data[size:]
		}
		z.add(p)
		rest = data
	}
}

func (z *packedDocument) add(f *packedFile) {
	f.name = strings.TrimPrefix(strings.ReplaceAll(f.name, `\`, "/"), "/") // QUIRK: section 4.4.17.1 forbids both.
	if _, twice := z.files[f.name]; !twice {
		z.files[f.name] = f
	}
	z.order = append(z.order, f)
}

// readFiles reads every file as one that stands alone.
func (z *packedDocument) readFiles() {
	for _, f := range z.order {
		if z.full() {
			z.note(Limit)
			return
		}
		if strings.HasSuffix(f.name, "/") {
			continue
		}
		z.within(f.name, func() {
			if u := z.open(f); u != nil {
				if content := u.all(); len(content) > 0 {
					z.read(f.name, "", content)
				}
			}
		})
	}
}

// open reads a file of the archive; nil when it cannot be.
func (z *packedDocument) open(f *packedFile) *unpacker {
	if !z.take() {
		return nil
	}
	if f.isEncrypted {
		z.note(Encrypted)
		return nil
	}
	packed := &counter{in: bytes.NewReader(f.data)}
	switch f.method {
	case zip.Store:
		return z.unpack(packed, packed)
	case zip.Deflate:
		return z.unpack(packed, flate.NewReader(packed))
	}
	z.note(Unknown)
	return nil
}

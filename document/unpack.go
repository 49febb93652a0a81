package document

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"compress/gzip"
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

// zipped are the files of a ZIP archive by name.
type zipped map[string]*zip.File

// readZIP reads a document that is a ZIP archive, or else what is in it.
func (r *reader) readZIP(content []byte) {
	if r.tooDeep() {
		return
	}
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if archive == nil || err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		r.note(Damaged)
		return
	}
	files := zipped{}
	for _, f := range archive.File {
		f.Name = strings.TrimPrefix(strings.ReplaceAll(f.Name, `\`, "/"), "/") // QUIRK: section 4.4.17.1 of APPNOTE forbids both.
		if _, twice := files[f.Name]; !twice {
			files[f.Name] = f
		}
	}
	z := &packedDocument{r, files, archive.File}
	switch {
	case files["mimetype"] != nil && z.isODF():
		z.readODF()
	case files["[Content_Types].xml"] != nil || files["_rels/.rels"] != nil:
		z.readOOXML()
	default:
		z.readFiles()
	}
}

// packedDocument is a document whose parts are files of a ZIP archive.
type packedDocument struct {
	*reader
	files zipped
	order []*zip.File
}

// readFiles reads every file as one that stands alone.
func (z *packedDocument) readFiles() {
	for _, f := range z.order {
		if z.full() {
			z.note(Limit)
			return
		}
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		z.within(f.Name, func() {
			if u := z.open(f); u != nil {
				if content := u.all(); len(content) > 0 {
					z.read(f.Name, "", content)
				}
			}
		})
	}
}

// open reads a file of the archive; nil when it cannot be.
func (z *packedDocument) open(f *zip.File) *unpacker {
	const encrypted = 1 // Section 4.4.4.
	if !z.take() {
		return nil
	}
	if f.Flags&encrypted != 0 {
		z.note(Encrypted)
		return nil
	}
	raw, err := f.OpenRaw()
	if err != nil {
		z.note(Damaged)
		return nil
	}
	packed := &counter{in: raw}
	switch f.Method {
	case zip.Store:
		return z.unpack(packed, packed)
	case zip.Deflate:
		return z.unpack(packed, flate.NewReader(packed))
	}
	z.note(Unknown)
	return nil
}

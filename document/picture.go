package document

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"path"
	"strconv"
	"strings"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// Look gives what is written in a picture, and why not all of it. Whether and
// when the picture is drawn is up to it: that takes memory and time.
type Look func(draw Draw) (text, reason string)

// Draw makes a picture in shades of gray, or says why it cannot.
type Draw func() (picture *image.Gray, reason string)

// LookLater leaves pictures for another time.
func LookLater(Draw) (text, reason string) { return "", Later }

// Pictures that are smaller hold no text to speak of: marks of firms, buttons,
// and what counts who opened a mail.
const (
	minPictureSide   = 16   // Pixels.
	minPicturePixels = 2500 // As 50 by 50.
	minPictureBytes  = 1000
)

// What is larger is not drawn: a sheet of A4 with 600 dots an inch has 35
// million. What is drawn is made smaller until it has no more than those of one
// with 300.
const (
	maxPicturePixels = 40_000_000
	MaxDrawnPixels   = 10_000_000
)

// pictureFormat is how a kind of pictures is read. All are read by Go, so that
// nothing else gets to see what a stranger made.
type pictureFormat struct {
	mark   string // What it begins with; a dot stands for any octet.
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

var pictureFormats = []pictureFormat{
	{"\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode},
	{"\xff\xd8\xff", jpeg.DecodeConfig, jpeg.Decode},
	{"GIF8", gif.DecodeConfig, gif.Decode},
	{"II*\x00", tiff.DecodeConfig, tiff.Decode},
	{"MM\x00*", tiff.DecodeConfig, tiff.Decode},
	{"RIFF....WEBPVP8", webp.DecodeConfig, webp.Decode},
	{"BM....\x00\x00\x00\x00", bmp.DecodeConfig, bmp.Decode},
	{"....ftyphei", nil, nil}, // HEIC and AVIF: nothing that is well kept reads them in Go.
	{"....ftypmif1", nil, nil},
	{"....ftypavif", nil, nil},
}

// pictureFormatOf tells the format of a picture by what it begins with.
func pictureFormatOf(content []byte) (f pictureFormat, ok bool) {
	for _, f := range pictureFormats {
		if begins(content, f.mark) {
			return f, true
		}
	}
	return f, false
}

func begins(content []byte, mark string) bool {
	if len(content) < len(mark) {
		return false
	}
	for i := range len(mark) {
		if mark[i] != '.' && content[i] != mark[i] {
			return false
		}
	}
	return true
}

// readPicture reads what is written in a picture, or on the pages of one.
func (r *reader) readPicture(content []byte) {
	f, ok := pictureFormatOf(content)
	switch {
	case r.look == nil || !ok || len(content) < minPictureBytes:
		r.note(Unknown) // As of other files without text.
		return
	case f.decode == nil:
		r.note(Picture)
		return
	}
	order := tiffOrder(content)
	var pages []uint32
	if order != nil {
		pages = tiffPages(content, order, r.limits.Entries)
	}
	if len(pages) <= 1 {
		r.lookAt("", f, content)
		return
	}
	page := bytes.Clone(content)
	for i, at := range pages {
		if r.full() || !r.take() {
			r.note(Limit)
			return
		}
		order.PutUint32(page[4:], at)
		if r.lookAt("page "+strconv.Itoa(i+1), f, page) == Later {
			return
		}
	}
}

// lookAt reads what is written in one picture, and returns why not all of it.
func (r *reader) lookAt(where string, f pictureFormat, content []byte) string {
	text, reason := "", ""
	c, err := f.config(bytes.NewReader(content))
	switch pixels := int64(c.Width) * int64(c.Height); {
	case err != nil:
		reason = unreadPicture(err)
	case min(c.Width, c.Height) < minPictureSide || pixels < minPicturePixels:
		reason = Unknown
	case pixels > maxPicturePixels:
		reason = Limit
	default:
		text, reason = r.look(func() (*image.Gray, string) {
			drawn, err := f.decode(bytes.NewReader(content))
			if err != nil {
				return nil, unreadPicture(err)
			}
			return shrink(gray(drawn)), ""
		})
	}
	r.written(where, text)
	if reason != "" {
		r.note(reason)
	}
	return reason
}

// written adds what is written in a picture.
func (r *reader) written(where, text string) {
	p := r.page(where)
	p.picture = true
	p.writeString(text)
	p.end()
}

// readMedia reads the pictures inside a document that have not been read yet.
func (z *packedDocument) readMedia() {
	for _, f := range z.order {
		if strings.Contains(f.name, "/media/") || strings.HasPrefix(f.name, "Pictures/") {
			z.picture(f.name, "")
		}
	}
}

// picture reads a picture inside a document, once. Where it stands is the place of it, if that is
// known, else its name.
func (z *packedDocument) picture(part, where string) {
	f := z.files[part]
	if f == nil || z.look == nil || z.looked[part] || z.full() {
		return
	}
	z.looked[part] = true
	u := z.open(f)
	if u == nil {
		return
	}
	if content := u.all(); kindOf("", "", content) == kindPicture {
		z.within(cmp.Or(where, path.Base(part)), func() { z.readPicture(content) })
	}
}

func unreadPicture(err error) string {
	var ofJPEG jpeg.UnsupportedError
	var ofPNG png.UnsupportedError
	var ofTIFF tiff.UnsupportedError
	if errors.As(err, &ofJPEG) || errors.As(err, &ofPNG) || errors.As(err, &ofTIFF) || errors.Is(err, bmp.ErrUnsupported) {
		return Picture
	}
	return Damaged
}

// gray is a picture on white paper.
func gray(m image.Image) *image.Gray {
	switch m := m.(type) {
	case *image.Gray:
		return m
	case *image.YCbCr: // Its Y is what is looked for.
		return &image.Gray{Pix: m.Y, Stride: m.YStride, Rect: m.Rect}
	}
	g := image.NewGray(m.Bounds())
	draw.Draw(g, g.Rect, image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(g, g.Rect, m, g.Rect.Min, draw.Over)
	return g
}

// shrink makes one pixel of squares of them, until there are not too many.
func shrink(g *image.Gray) *image.Gray {
	width, height, n := g.Rect.Dx(), g.Rect.Dy(), 1
	for (width/n)*(height/n) > MaxDrawnPixels {
		n++
	}
	if n == 1 {
		return g
	}
	out := image.NewGray(image.Rect(0, 0, width/n, height/n))
	for y := range height / n {
		for x := range width / n {
			sum := 0
			for dy := range n {
				row := g.Pix[(y*n+dy)*g.Stride+x*n:]
				for _, c := range row[:n] {
					sum += int(c)
				}
			}
			out.Pix[y*out.Stride+x] = byte(sum / (n * n))
		}
	}
	return out
}

// A TIFF file begins with the order of its octets and where the first page is; each page says
// where the next is, behind its fields of twelve octets (TIFF 6.0 section 2).

// tiffOrder is the order of octets in a TIFF file; nil when it is none.
func tiffOrder(content []byte) binary.ByteOrder {
	switch {
	case begins(content, "II*\x00") && len(content) >= 8:
		return binary.LittleEndian
	case begins(content, "MM\x00*") && len(content) >= 8:
		return binary.BigEndian
	}
	return nil
}

// tiffPages are the places of the first pages of a TIFF file.
func tiffPages(content []byte, order binary.ByteOrder, most int) (pages []uint32) {
	seen := map[uint32]bool{}
	for at := order.Uint32(content[4:]); at != 0 && !seen[at] && len(pages) <= most; {
		pages, seen[at] = append(pages, at), true
		if int64(at)+2 > int64(len(content)) {
			break
		}
		next := int64(at) + 2 + 12*int64(order.Uint16(content[at:]))
		if next+4 > int64(len(content)) {
			break
		}
		at = order.Uint32(content[next:])
	}
	return pages
}

// Package pdf reads the text of PDF files, page by page, and draws pages that
// are pictures. It is PDFium, which
// reads what Chromium reads, in a WebAssembly runtime that is given no file, no
// network and bounded memory.
package pdf

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/enums"
	pdferrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"polytrace/document"
)

// memoryPages is how much the reader of one file may take, in pages of 64 KiB.
const memoryPages = 512 << 20 >> 16

// Reader reads PDF files, one at a time.
type Reader struct {
	cache string
	pool  pdfium.Pool // Nil until the first file.
}

// New starts nothing yet: that takes seconds, and less when a directory keeps
// what was compiled. "" is none.
func New(cache string) *Reader { return &Reader{cache: cache} }

// Read gives the text of a file, and what is written on pages that are pictures;
// see document.Reader. It panics when PDFium cannot be started.
func (r *Reader) Read(content []byte, room int64, look document.Look) (text document.Text) {
	if r.pool == nil {
		pool, err := start(r.cache)
		if err != nil {
			panic(fmt.Sprintf("pdf: start PDFium: %v", err))
		}
		r.pool = pool
	}
	in, err := r.pool.GetInstance(time.Minute)
	if err != nil {
		panic(fmt.Sprintf("pdf: start PDFium: %v", err))
	}
	defer in.Close()
	opened, err := in.OpenDocument(&requests.OpenDocument{File: &content})
	switch {
	case errors.Is(err, pdferrors.ErrPassword), errors.Is(err, pdferrors.ErrSecurity):
		text.Reason = document.Encrypted
		return text
	case err != nil:
		text.Reason = document.Damaged
		return text
	}
	count, err := in.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: opened.Document})
	if err != nil {
		text.Reason = document.Damaged
		return text
	}
	f := &reading{in: in, document: opened.Document, room: room, look: look, Text: &text}
	for i := 0; i < count.PageCount && text.Reason != document.Limit; i++ {
		f.read(i)
	}
	if !f.seen && look == nil && text.Reason == "" && count.PageCount > 0 {
		text.Reason = document.Image
	}
	return text
}

// reading is a file that is read.
type reading struct {
	in       pdfium.Pdfium
	document references.FPDF_DOCUMENT
	room     int64 // Bytes of text that may still come.
	look     document.Look
	seen     bool // There is text.
	*document.Text
}

// note says why not all was read, unless there is a reason already.
func (f *reading) note(reason string) {
	if f.Reason == "" || reason == document.Limit {
		f.Reason = reason
	}
}

// read reads a page.
func (f *reading) read(i int) {
	page := requests.Page{ByIndex: &requests.PageByIndex{Document: f.document, Index: i}}
	got, err := f.in.GetPageText(&requests.GetPageText{Page: page})
	if err != nil {
		f.note(document.Damaged)
		return
	}
	text := f.fit(divided.Replace(got.Text))
	f.seen = f.seen || strings.TrimSpace(text) != ""
	f.Parts = append(f.Parts, document.Part{Where: where(i), Text: text})
	if f.look == nil || f.room <= 0 || !f.isPicture(page, text) {
		return
	}
	written, reason := f.look(func() (*image.Gray, string) { return f.draw(page) })
	if written != "" {
		f.Pictures = append(f.Pictures, document.Part{Where: where(i), Text: f.fit(written)})
	}
	if reason != "" {
		f.note(reason)
	}
}

// fit cuts off the text that there is no room for.
func (f *reading) fit(text string) string {
	if int64(len(text)) > f.room {
		f.note(document.Limit)
		text = text[:f.room]
	}
	f.room -= int64(len(text))
	return text
}

// littleText is how many letters may stand on a page that is a picture: programs
// that scan add a line of their own.
const littleText = 64

// isPicture reports whether what is to be read on a page may be drawn: it has little text, and
// pictures; or it has no text, and anything else, as letters that were made shapes.
func (f *reading) isPicture(page requests.Page, text string) bool {
	letters := 0
	for _, c := range text {
		if !unicode.IsSpace(c) {
			letters++
		}
	}
	objects, err := f.in.FPDFPage_CountObjects(&requests.FPDFPage_CountObjects{Page: page})
	if err != nil || letters >= littleText {
		return false
	}
	const most = 1000 // Each takes microseconds.
	for i := range min(objects.Count, most) {
		o, err := f.in.FPDFPage_GetObject(&requests.FPDFPage_GetObject{Page: page, Index: i})
		if err != nil {
			return false
		}
		kind, err := f.in.FPDFPageObj_GetType(&requests.FPDFPageObj_GetType{PageObject: o.PageObject})
		if err == nil && (letters == 0 || kind.Type == enums.FPDF_PAGEOBJ_IMAGE || kind.Type == enums.FPDF_PAGEOBJ_FORM) {
			return true
		}
	}
	return false
}

// dotsPerInch is how finely a page is drawn, unless it is so large that it
// would be more than document.MaxDrawnPixels.
const dotsPerInch = 200

// draw draws a page in shades of gray.
func (f *reading) draw(page requests.Page) (*image.Gray, string) {
	size, err := f.in.GetPageSize(&requests.GetPageSize{Page: page})
	if err != nil {
		return nil, document.Damaged
	}
	const points = 72 // Make an inch.
	dpi := min(dotsPerInch, int(points*math.Sqrt(document.MaxDrawnPixels/max(size.Width*size.Height, 1))))
	if dpi < 1 {
		return nil, document.Limit
	}
	drawn, err := f.in.RenderPageInDPI(&requests.RenderPageInDPI{Page: page, DPI: dpi, ImageFormat: requests.RenderImageFormatGrayscale})
	if err != nil {
		return nil, document.Damaged
	}
	defer drawn.Cleanup()
	g, ok := drawn.Result.RenderedImage.(*image.Gray)
	if !ok {
		return nil, document.Damaged
	}
	return &image.Gray{Pix: bytes.Clone(g.Pix), Stride: g.Stride, Rect: g.Rect}, ""
}

func where(page int) string { return fmt.Sprintf("page %d", page+1) }

// divided are the marks that PDFium sets where a hyphen divides a word at the end
// of a line.
var divided = strings.NewReplacer("\ufffe\r\n", "", "\x02\r\n", "", "\ufffe", "", "\x02", "")

func start(cache string) (pdfium.Pool, error) {
	config := wazero.NewRuntimeConfig().WithMemoryLimitPages(memoryPages).WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling)
	if cache != "" {
		kept, err := wazero.NewCompilationCacheWithDir(cache)
		if err != nil {
			return nil, err
		}
		config = config.WithCompilationCache(kept)
	}
	return webassembly.Init(webassembly.Config{
		MinIdle: 1, MaxIdle: 1, MaxTotal: 1, RuntimeConfig: config, FSConfig: wazero.NewFSConfig(), Stdout: io.Discard, Stderr: io.Discard,
	})
}

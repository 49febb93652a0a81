// Package pdf reads the text of PDF files, page by page. It is PDFium, which
// reads what Chromium reads, in a WebAssembly runtime that is given no file, no
// network and bounded memory.
package pdf

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/klippa-app/go-pdfium"
	pdferrors "github.com/klippa-app/go-pdfium/errors"
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

// Read gives the text of a file, and why not all of it; see document.Reader.
// It panics when PDFium cannot be started.
func (r *Reader) Read(content []byte, room int64) (parts []document.Part, reason string) {
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
		return nil, document.Encrypted
	case err != nil:
		return nil, document.Damaged
	}
	count, err := in.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: opened.Document})
	if err != nil {
		return nil, document.Damaged
	}
	seen := false
	for i := range count.PageCount {
		page, err := in.GetPageText(&requests.GetPageText{Page: requests.Page{ByIndex: &requests.PageByIndex{Document: opened.Document, Index: i}}})
		if err != nil {
			reason = document.Damaged
			continue
		}
		text := divided.Replace(page.Text)
		seen = seen || strings.TrimSpace(text) != ""
		if int64(len(text)) > room {
			return append(parts, document.Part{Where: where(i), Text: text[:room]}), document.Limit
		}
		room -= int64(len(text))
		parts = append(parts, document.Part{Where: where(i), Text: text})
	}
	if !seen && reason == "" && count.PageCount > 0 {
		reason = document.Image
	}
	return parts, reason
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

package main

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"path/filepath"
	"time"

	"polytrace/document/child"
	"polytrace/index"
	"polytrace/webui"
)

// documentsVerb is what the children of the index do.
type documentsVerb struct{}

func (documentsVerb) Run(c *call) error { return child.Serve(c.in, c.out) }

// openReaders prepares those who read attached files: some fast ones that leave pictures, and one
// that takes its time for those, if there is a program to read them with.
func (a *app) openReaders(ctx context.Context) {
	c := child.Config{Command: []string{"/proc/self/exe", "documents"}, As: "polytrace", Cache: filepath.Join(a.dir, "cache"), Log: a.log}
	if program := a.settings.ocr.program; program != "" {
		ocr, err := child.FindOCR(ctx, program, a.settings.ocr.languages)
		switch {
		case err == nil:
			a.log.Info("pictures are read", "by", ocr.Version, "languages", ocr.Languages)
			c.OCR = ocr
		case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
			a.log.Info("pictures are not read; installing Tesseract lets them be", "cause", err)
		default:
			a.log.Warn("pictures are not read", "cause", err)
		}
	}
	c.Later = c.OCR != nil
	a.readers = child.New(c)
	if c.OCR != nil {
		c.Later, c.Most, c.Time = false, 1, 2*time.Minute
		a.sighted = child.New(c)
	}
}

// pictures is how attached files are read with their pictures; nil when they are not.
func (a *app) pictures() index.Pictures {
	if a.sighted == nil {
		return nil
	}
	return a.sighted.ReadContext
}

// readFile gives the text of an attached file, without what is written in its pictures.
func (a *app) readFile(ctx context.Context, name, mediaType string, content []byte) (texts []webui.FileText, err error) {
	text, err := a.readers.ReadContext(ctx, name, mediaType, content)
	for _, p := range text.Parts {
		texts = append(texts, webui.FileText{Where: p.Where, Text: p.Text})
	}
	return texts, err
}

func (a *app) closeReaders() {
	a.readers.Close()
	if a.sighted != nil {
		a.sighted.Close()
	}
}

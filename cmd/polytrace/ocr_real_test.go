//go:build real

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"polytrace/document/child"
	"polytrace/document/documenttest"
)

// Tesseract itself reads pictures and scanned pages, in a child with its limits.
func TestTesseractReadsPictures(t *testing.T) {
	ocr, err := child.FindOCR(t.Context(), "tesseract", []string{"eng"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(ocr.Version, "tesseract ") {
		t.Errorf("it is %q", ocr.Version)
	}
	r := child.New(child.Config{Command: []string{buildProgram(t), "documents"}, Cache: filepath.Join(t.TempDir(), "cache"), OCR: ocr})
	defer r.Close()
	page := documenttest.Picture(40, "The flux capacitor needs a new seal", "Order 4711 of November")
	for name, raw := range map[string][]byte{"scan.png": documenttest.PNG(page), "scan.pdf": documenttest.ScannedPDF(page)} {
		text, err := r.Read(name, "", raw)
		if err != nil || text.Reason != "" || len(text.Pictures) != 1 || !strings.Contains(text.Pictures[0].Text, "flux capacitor") || !strings.Contains(text.Pictures[0].Text, "4711") {
			t.Errorf("%s: %+v, %v", name, text, err)
		}
	}
}

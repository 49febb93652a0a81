package pdf

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"polytrace/document"
	"polytrace/document/documenttest"
)

// file writes a PDF of pages, each the operators of its content, with more
// entries in its trailer.
func file(trailer string, pages ...string) []byte {
	objects := []string{"<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"}
	var kids []string
	for i, content := range pages {
		kids = append(kids, fmt.Sprintf("%d 0 R", 4+2*i))
		objects = append(objects,
			fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Resources << /Font << /F 3 0 R >> >> /Contents %d 0 R >>", 5+2*i),
			fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(content), content))
	}
	objects[1] = fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", strings.Join(kids, " "), len(pages))
	return documenttest.PDF(trailer, objects...)
}

// shows is a page with a text.
func shows(text string) string { return "BT /F 12 Tf 50 700 Td (" + text + ") Tj ET" }

// reader is one for all tests: to start it takes seconds.
var reader = sync.OnceValue(func() *Reader { return New("") })

func TestPagesAreRead(t *testing.T) {
	raw := file("", shows("needle on one"), "", shows("and Gr\\366\\337e on three"))
	got := reader().Read(raw, 1<<20, nil)
	want := []document.Part{{Where: "page 1", Text: "needle on one"}, {Where: "page 2"}, {Where: "page 3", Text: "and Größe on three"}}
	if got.Reason != "" || !slices.Equal(got.Parts, want) {
		t.Errorf("%+v", got)
	}
	inside := document.Reader{PDF: reader().Read}.Read("a.pdf", "application/octet-stream", raw)
	if len(inside.Parts) != 2 || inside.Parts[1].Where != "page 3" || inside.Reason != "" {
		t.Errorf("%+v", inside)
	}
	if got := reader().Read(raw, 6, nil); got.Reason != document.Limit || len(got.Parts) != 1 || got.Parts[0].Text != "needle" {
		t.Errorf("with little room: %+v", got)
	}
}

func TestWhyAFileIsNotRead(t *testing.T) {
	secret := strings.Repeat("0f", 32)
	for name, c := range map[string]struct {
		raw    []byte
		reason string
	}{
		"encrypted":     {file("/ID [<00> <00>] /Encrypt << /Filter /Standard /V 1 /R 2 /O <"+secret+"> /U <"+secret+"> /P -4 >>", shows("x")), document.Encrypted},
		"of no kind":    {[]byte("%PDF-1.4\nnothing"), document.Damaged},
		"pictures":      {file("", "0 0 100 100 re f", ""), document.Image},
		"without pages": {file(""), ""},
	} {
		if got := reader().Read(c.raw, 1<<20, nil); got.Reason != c.reason {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A file that is cut anywhere, or has other bytes anywhere, ends nothing.
func TestBrokenFilesEndNothing(t *testing.T) {
	whole := file("", shows("needle"))
	for i := 0; i < len(whole); i += 7 { // Each takes milliseconds.
		reader().Read(whole[:i], 1<<20, looks)
		other := bytes.Clone(whole)
		other[i] ^= 0x15
		reader().Read(other, 1<<20, looks)
	}
	if got := reader().Read(whole, 1<<20, looks); len(got.Parts) != 1 || got.Parts[0].Text != "needle" {
		t.Errorf("then it reads %+v", got)
	}
}

// looks tells how dark a picture is.
func looks(draw document.Draw) (text, reason string) {
	g, reason := draw()
	if reason != "" {
		return "", reason
	}
	dark := 0
	for _, c := range g.Pix {
		if c < 128 {
			dark++
		}
	}
	return fmt.Sprint(g.Rect.Dx(), " by ", g.Rect.Dy(), ", dark ", 100*dark/len(g.Pix), "%"), ""
}

// Pages that are pictures are drawn to be looked at, with the place of each; those with
// text and empty ones are not.
func TestPagesThatArePicturesAreDrawn(t *testing.T) {
	half := "0 0 300 800 re f"
	scanned := "0 0 600 800 re W n "
	raw := file("", half, "", shows("a page of letters, enough of them to be told from the line that a scanner adds")+" "+half, scanned+half)
	got := reader().Read(raw, 1<<20, looks)
	want := []document.Part{{Where: "page 1", Text: "1667 by 2223, dark 50%"}, {Where: "page 4", Text: "1667 by 2223, dark 50%"}}
	if got.Reason != "" || !slices.Equal(got.Pictures, want) {
		t.Errorf("%+v", got)
	}
	scan := documenttest.ScannedPDF(documenttest.Picture(40, "needle"))
	if got := reader().Read(scan, 1<<20, looks); len(got.Pictures) != 1 || got.Pictures[0].Where != "page 1" || got.Reason != "" {
		t.Errorf("%+v", got)
	}
	if got := reader().Read(scan, 1<<20, document.LookLater); len(got.Pictures) != 0 || got.Reason != document.Later {
		t.Errorf("%+v", got)
	}
	if got := reader().Read(raw, 90, looks); got.Reason != document.Limit || len(got.Pictures) == 2 {
		t.Errorf("with little room: %+v", got)
	}
}

// However large a page says that it is, what is drawn is bounded.
func TestLargePagesAreDrawnSmall(t *testing.T) {
	raw := bytes.Replace(file("", "0 0 300 800 re f"), []byte("[0 0 600 800]"), []byte("[0 0 14400 14400]"), 1)
	got := reader().Read(raw, 1<<20, func(draw document.Draw) (string, string) {
		g, reason := draw()
		if reason == "" && len(g.Pix) > document.MaxDrawnPixels+20_000 {
			t.Errorf("%v was drawn", g.Rect)
		}
		return "drawn", reason
	})
	if len(got.Pictures) != 1 {
		t.Errorf("%+v", got)
	}
}

func BenchmarkRead(b *testing.B) {
	raw := file("", shows("needle on one"), shows("two"))
	for b.Loop() {
		reader().Read(raw, 1<<20, nil)
	}
}

package pdf

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"polytrace/document"
)

// file writes a PDF of pages, each the operators of its content, with more
// entries in its trailer.
func file(trailer string, pages ...string) []byte {
	var b bytes.Buffer
	var offsets []int
	object := func(text string) {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", len(offsets), text)
	}
	b.WriteString("%PDF-1.4\n")
	object("<< /Type /Catalog /Pages 2 0 R >>")
	var kids []string
	for i := range pages {
		kids = append(kids, fmt.Sprintf("%d 0 R", 4+2*i))
	}
	object(fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", strings.Join(kids, " "), len(pages)))
	object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
	for i, content := range pages {
		object(fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Resources << /Font << /F 3 0 R >> >> /Contents %d 0 R >>", 5+2*i))
		object(fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(content), content))
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, at := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, trailer, xref)
	return b.Bytes()
}

// shows is a page with a text.
func shows(text string) string { return "BT /F 12 Tf 50 700 Td (" + text + ") Tj ET" }

// reader is one for all tests: to start it takes seconds.
var reader = sync.OnceValue(func() *Reader { return New("") })

func TestPagesAreRead(t *testing.T) {
	raw := file("", shows("needle on one"), "", shows("and Gr\\366\\337e on three"))
	got, reason := reader().Read(raw, 1<<20)
	want := []document.Part{{Where: "page 1", Text: "needle on one"}, {Where: "page 2"}, {Where: "page 3", Text: "and Größe on three"}}
	if reason != "" || !slices.Equal(got, want) {
		t.Errorf("%+v, %q", got, reason)
	}
	inside := document.Reader{PDF: reader().Read}.Read("a.pdf", "application/octet-stream", raw)
	if len(inside.Parts) != 2 || inside.Parts[1].Where != "page 3" || inside.Reason != "" {
		t.Errorf("%+v", inside)
	}
	if got, reason := reader().Read(raw, 6); reason != document.Limit || len(got) != 1 || got[0].Text != "needle" {
		t.Errorf("with little room: %+v, %q", got, reason)
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
		if got, reason := reader().Read(c.raw, 1<<20); reason != c.reason {
			t.Errorf("%s: %q, %+v", name, reason, got)
		}
	}
}

// A file that is cut anywhere, or has other bytes anywhere, ends nothing.
func TestBrokenFilesEndNothing(t *testing.T) {
	whole := file("", shows("needle"))
	for i := 0; i < len(whole); i += 7 { // Each takes milliseconds.
		reader().Read(whole[:i], 1<<20)
		other := bytes.Clone(whole)
		other[i] ^= 0x15
		reader().Read(other, 1<<20)
	}
	if got, _ := reader().Read(whole, 1<<20); len(got) != 1 || got[0].Text != "needle" {
		t.Errorf("then it reads %+v", got)
	}
}

func BenchmarkRead(b *testing.B) {
	raw := file("", shows("needle on one"), shows("two"))
	for b.Loop() {
		reader().Read(raw, 1<<20)
	}
}

package document

import "testing"

func TestTR10_TheBytesTellWhatAFileIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, declared string
		content        []byte
		is             Format
		odd            string
	}{
		{"invoice.pdf", "application/pdf", []byte("%PDF-1.7\n"), FormatPDF, ""},
		{"invoice.pdf", "application/pdf", []byte("\xef\xbb\xbf <!DOCTYPE html><form>"), FormatHTML, "named .pdf, is HTML"},
		{"invoice.PDF", "application/octet-stream", []byte("<html>"), FormatHTML, "named .pdf, is HTML"},
		{"invoice.pdf", "", []byte("\x00\x01junk %PDF-1.4"), FormatPDF, ""},
		{"invoice.pdf", "", []byte("plain words"), FormatText, "named .pdf, is text"},
		{"invoice.pdf", "", []byte("MZ\x90\x00\x03"), FormatEXE, "named .pdf, is EXE"},
		{"invoice.pdf", "", nil, "", ""},
		{"invoice.pdf", "", []byte{0, 1, 2, 3}, "", ""},
		{"invoice", "application/pdf", []byte("\x89PNG\r\n\x1a\n"), FormatPNG, "declared application/pdf, is PNG"},
		{"a.png", "image/png; name=a.png", []byte("\x89PNG\r\n\x1a\n"), FormatPNG, ""},
		{"a.png", "image/png", []byte("\xff\xd8\xff\xe0\x00"), FormatJPEG, "named .png, is JPEG"},
		{"a.docx", "application/msword", zipOf(file{"[Content_Types].xml", ""}, file{"word/document.xml", ""}), FormatDOCX, ""},
		{"a.docx", "", zipOf(file{"a.txt", "words"}), FormatZIP, "named .docx, is ZIP"},
		{"a.xlsx", "", zipOf(file{"_rels/.rels", ""}, file{"xl/workbook.xml", ""}), FormatXLSX, ""},
		{"a.pptx", "", zipOf(file{"_rels/.rels", ""}, file{"ppt/presentation.xml", ""}), FormatPPTX, ""},
		{"a.zip", "", zipOf(file{"_rels/.rels", ""}, file{"ppt/presentation.xml", ""}), FormatPPTX, ""},
		{"a.odt", "", zipOf(file{"mimetype", "application/vnd.oasis.opendocument.text"}), FormatODF, ""},
		{"a.zip", "", []byte("PK\x03\x04torn"), FormatZIP, ""},
		{"list.csv", "application/vnd.ms-excel", []byte("a;b\n1;2\n"), FormatText, ""},
		{"list.xls", "", []byte("<html><table>"), FormatHTML, "named .xls, is HTML"},
		{"page.html", "text/html", []byte("<?xml version='1.0'?><html xmlns='x'>"), FormatHTML, ""},
		{"data.xml", "text/xml", []byte("<?xml version='1.0'?><data>"), FormatXML, ""},
		{"letter.doc", "", []byte(`{\rtf1 words}`), FormatRTF, ""},
		{"notes.txt", "text/plain", []byte("MZ is how some words begin"), FormatText, ""},
		{"invite.ics", "text/calendar", []byte("BEGIN:VCALENDAR\r\n"), FormatCard, ""},
		{"a.tar", "", tarOf(file{"a.txt", "words\x00"}), FormatTAR, ""},
		{"a.gz", "", gzipOf([]byte("words")), FormatGZ, ""},
		{"clip.mp4", "video/mp4", []byte("\x00\x00\x00\x18ftypisom"), FormatMP4, ""},
		{"model.step", "", []byte("ISO-10303-21;"), FormatText, ""},
	} {
		is := FormatOf(c.content)
		if odd := is.Contradicts(c.name, c.declared); is != c.is || odd != c.odd {
			t.Errorf("%s, %q, %.20q: got %q, %q; want %q, %q", c.name, c.declared, c.content, is, odd, c.is, c.odd)
		}
	}
}

func FuzzFormat(f *testing.F) {
	for _, seed := range [][]byte{[]byte("%PDF-"), zipOf(file{"mimetype", "application/vnd.oasis.opendocument.text"}), []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), []byte("<?xml")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if FormatOf(content).Contradicts("a.pdf", "application/pdf") != "" && len(content) == 0 {
			t.Fatal("nothing contradicts a name")
		}
	})
}

package index

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"polytrace/archive"
	"polytrace/document/child"
	"polytrace/document/documenttest"
)

// packed is an archive of files: name and content by turns.
func packed(namesAndContents ...string) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(namesAndContents); i += 2 {
		w, err := z.Create(namesAndContents[i])
		if err != nil {
			panic(err)
		}
		io.WriteString(w, namesAndContents[i+1])
	}
	z.Close()
	return b.String()
}

func gzipped(content string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, content)
	z.Close()
	return b.String()
}

func tarred(name, content string) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o600, Typeflag: tar.TypeReg})
	io.WriteString(w, content)
	w.Close()
	return b.String()
}

// stored is a file of the tests of documents.
func storedFile(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "document", "testdata", name+".gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// office is an OOXML document: relationships of the parts, then parts.
func office(main string, parts ...string) string {
	const kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
	return packed(append([]string{"_rels/.rels", `<Relationships><Relationship Id="r" Type="` + kinds + `officeDocument" Target="` + main + `"/></Relationships>`}, parts...)...)
}

func relating(kindsAndTargets ...string) string {
	out := "<Relationships>"
	for i := 0; i < len(kindsAndTargets); i += 2 {
		out += fmt.Sprintf(`<Relationship Id="rId%d" Type="x/%s" Target="%s"/>`, i/2+1, kindsAndTargets[i], kindsAndTargets[i+1])
	}
	return out + "</Relationships>"
}

func openDocument(kind, body string) string {
	return packed("mimetype", "application/vnd.oasis.opendocument."+kind, "content.xml", "<office:document><office:body>"+body+"</office:body></office:document>")
}

func pdfOf(trailer, text string) string {
	content := "BT /F 12 Tf 50 700 Td (" + text + ") Tj ET"
	return string(documenttest.PDF(trailer, "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [4 0 R] /Count 1 >>", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Resources << /Font << /F 3 0 R >> >> /Contents 5 0 R >>", fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(content), content)))
}

// needle is a file, and the words that are found in it, each with its place; or why it is on the list.
type needle struct {
	file, content string
	words         []string // Word and place by turns.
	reason        string
}

func needles(t *testing.T) []needle {
	para := func(s string) string { return "<w:document><w:p><w:t>" + s + "</w:t></w:p></w:document>" }
	slide := func(s string) string { return "<p:sld><a:p><a:t>" + s + "</a:t></a:p></p:sld>" }
	scan := documenttest.Picture(40, "a page that was scanned", "with two lines")
	secret := strings.Repeat("0f", 32)
	bomb := packed("a.txt", strings.Repeat("\x00", 32<<20))
	deep := packed("z.txt", "unreachable")
	for range 7 {
		deep = packed("deeper.zip", deep)
	}
	locked := []byte(packed("a.txt", "hidden"))
	locked[6] |= 1 // Says in both of its heads that it is encrypted.
	locked[bytes.Index(locked, []byte("PK\x01\x02"))+8] |= 1
	return []needle{
		{"a.pdf", pdfOf("", "needlepdf"), []string{"needlepdf", "a.pdf: page 1"}, ""},
		{"a.docx", office("word/document.xml", "word/document.xml", para("needledocx"), "word/_rels/document.xml.rels", relating("footnotes", "f.xml"), "word/f.xml", para("needlefoot")), []string{"needledocx", "a.docx", "needlefoot", "a.docx: footnotes"}, ""},
		{"a.xlsx", office("xl/workbook.xml", "xl/workbook.xml", `<workbook><sheet name="Costs" r:id="rId1"/></workbook>`, "xl/_rels/workbook.xml.rels", relating("worksheet", "s.xml"), "xl/s.xml", `<worksheet><row><c t="inlineStr"><t>needlecell</t></c></row></worksheet>`), []string{"needlecell", "a.xlsx: sheet Costs"}, ""},
		{"a.pptx", office("ppt/presentation.xml", "ppt/presentation.xml", `<p:presentation><p:sldId r:id="rId1"/></p:presentation>`, "ppt/_rels/presentation.xml.rels", relating("slide", "s.xml"), "ppt/s.xml", slide("needleslide"), "ppt/_rels/s.xml.rels", relating("notesSlide", "n.xml"), "ppt/n.xml", slide("needlenote")),
			[]string{"needleslide", "a.pptx: slide 1", "needlenote", "a.pptx: slide 1, notes"}, ""},
		{"a.odt", openDocument("text", `<office:text><text:p>needleodt</text:p></office:text>`), []string{"needleodt", "a.odt"}, ""},
		{"a.ods", openDocument("spreadsheet", `<office:spreadsheet><table:table table:name="Plan"><table:table-row><table:table-cell><text:p>needleods</text:p></table:table-cell></table:table-row></table:table></office:spreadsheet>`), []string{"needleods", "a.ods: sheet Plan"}, ""},
		{"a.odp", openDocument("presentation", `<office:presentation><draw:page><text:p>needleodp</text:p><presentation:notes><text:p>needlespoken</text:p></presentation:notes></draw:page></office:presentation>`), []string{"needleodp", "a.odp: slide 1", "needlespoken", "a.odp: slide 1, notes"}, ""},
		{"a.rtf", `{\rtf1\ansi needle{\b rtf}\par}`, []string{"needlertf", "a.rtf"}, ""},
		{"a.html", "<!doctype html><title>x</title><p>needlehtml", []string{"needlehtml", "a.html"}, ""},
		{"a.csv", "item;price\nneedlecsv;1\n", []string{"needlecsv", "a.csv"}, ""},
		{"a.txt", "needletxt", []string{"needletxt", "a.txt"}, ""},
		{"word97.doc", storedFile(t, "word97.doc"), []string{"secondPageNeedle", "word97.doc"}, ""},
		{"excel97.xls", storedFile(t, "excel97.xls"), []string{"secondSheetNeedle", "excel97.xls: sheet Zweites Blatt €"}, ""},
		{"powerpoint97.ppt", storedFile(t, "powerpoint97.ppt"), []string{"slideOneNeedle", "powerpoint97.ppt: slide 1", "notesNeedle", "powerpoint97.ppt: slide 1, notes"}, ""},
		{"a.eml", "Subject: inner\r\n\r\nneedleeml\r\n", []string{"needleeml", "a.eml"}, ""},
		{"outlook.msg", storedFile(t, "outlook.msg"), []string{"attachedNeedle", "outlook.msg: plan.docx", "innerNeedle", "outlook.msg: inner message"}, ""},
		{"a.zip", packed("b.tgz", gzipped(tarred("c/d.zip", packed("e.docx", office("word/document.xml", "word/document.xml", para("needledeep")))))), []string{"needledeep", "a.zip: b.tgz: c/d.zip: e.docx"}, ""},
		{"a.txt.gz", gzipped("needlegz"), []string{"needlegz", "a.txt.gz"}, ""},
		{"a.ics", "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:needleics\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n", []string{"needleics", "a.ics"}, ""},
		{"a.vcf", "BEGIN:VCARD\r\nFN:needlevcf\r\nEND:VCARD\r\n", []string{"needlevcf", "a.vcf"}, ""},
		{"scan.png", string(documenttest.PNG(scan)), []string{"needlewritten", "scan.png"}, ""},
		{"scan.pdf", string(documenttest.ScannedPDF(scan)), []string{"needlewritten", "scan.pdf: page 1"}, ""},
		{"pictured.docx", office("word/document.xml", "word/document.xml", para("needletext"), "word/media/image1.png", string(documenttest.PNG(scan))), []string{"needletext", "pictured.docx", "needlewritten", "pictured.docx: image1.png"}, ""},

		{"bomb.zip", bomb, nil, reasonFileLimit},
		{"nested.zip", deep, nil, reasonFileLimit},
		{"quine.zip", storedFile(t, "quine.zip"), nil, reasonFileLimit},
		{"cut.zip", packed("a.txt", "needlecut")[:60], []string{"needlecut", "cut.zip: a.txt"}, reasonFileDamaged},
		{"locked.zip", string(locked), nil, reasonFileEncrypted},
		{"locked.xlsx", storedFile(t, "locked.xlsx"), nil, reasonFileEncrypted},
		{"locked.pdf", pdfOf("/ID [<00> <00>] /Encrypt << /Filter /Standard /V 1 /R 2 /O <"+secret+"> /U <"+secret+"> /P -4 >>", "x"), nil, reasonFileEncrypted},
		{"circle.pdf", string(documenttest.PDF("", "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 1000000 >>")), nil, reasonFileDamaged},
		{"huge.png", string(documenttest.PNG(documenttest.Picture(40, strings.Repeat("wide ", 4000), strings.Repeat("x\n", 9)))), nil, reasonFileLimit},
	}
}

// Whatever kind of document words stand in, they are found with the place, or why not is on the
// list; and what is made to take all time or memory takes little.
func TestEveryDocumentTypeIsFoundOrListed(t *testing.T) {
	program := filepath.Join(t.TempDir(), "reads")
	script := "#!/bin/sh\ncase $1 in --version) echo reads 1 ;; --list-langs) echo list; echo eng ;; *) cat >/dev/null; echo needlewritten ;; esac\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	ocr, err := child.FindOCR(t.Context(), program, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := child.Config{Command: []string{os.Args[0], "documents"}, Cache: t.TempDir(), OCR: ocr, Later: true, Time: 3 * time.Minute}
	fast := child.New(c)
	defer fast.Close()
	c.Later, c.Most = false, 1
	slow := child.New(c)
	defer slow.Close()
	a := newMemArchive()
	x, stop := followOn(t, vfs.NewMem(), seeing{a, fast, slow.ReadContext})
	defer stop()
	all := needles(t)
	for _, n := range all {
		a.append(archive.Meta{}, strings.Replace(withFile(n.file, "application/octet-stream", n.content), "Subject: plans", "Subject: "+n.file, 1))
	}
	settled(t, x, a)
	for i, n := range all {
		at := archive.Address{Stream: archive.Mail, Position: archive.Position(i)}
		if got := documentAt(t, x, at).Unsearchable; got != n.reason {
			t.Errorf("%s is on the list because %q, not %q", n.file, got, n.reason)
		}
		for ; len(n.words) > 0; n.words = n.words[2:] {
			got := search(t, x, Request{Query: "attachment:" + n.words[0] + " filename:\"" + n.file + "\""})
			if got.Total != 1 || got.Items[0].Address != at || got.Items[0].In != n.words[1] || len(got.Items[0].Marks) == 0 {
				t.Errorf("%s: %s is found in %+v", n.file, n.words[0], got.Items)
			}
		}
	}
	if got := search(t, x, Request{Query: "unreachable OR hidden"}); got.Total != 0 {
		t.Errorf("%+v", got.Items)
	}
}

// seeing is an archive whose attached files and pictures are read.
type seeing struct {
	*memArchive
	by       Documents
	pictures Pictures
}

func (s seeing) reads() (by Documents, pictures Pictures) { return s.by, s.pictures }

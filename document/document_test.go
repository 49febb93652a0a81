package document

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sample is a document with what has to be read in it.
type sample struct {
	name, mediaType string
	content         []byte
	want            []Part
	reason          string
}

const rtf = `{\rtf1\ansi{\fonttbl{\f0 Arial;}}{\header headerNeedle\par}\pard bodyNeedle {\deleted deletedNeedle}\'80{\footnote footnoteNeedle}{\*\annotation commentNeedle}{\shp{\*\shpinst{\sp{\sn pib}{\sv 1}}{\shptxt boxNeedle\par}}}\par}`

const mail = "From: Ada <ada@example.org>\r\nTo: bob@example.net\r\nSubject: The plan\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
	"--b\r\n\r\nmailNeedle\r\n--b\r\nContent-Type: text/csv; charset=iso-8859-15\r\nContent-Disposition: attachment; filename=a.csv\r\n\r\n\xa4;csvNeedle\r\n" +
	"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninnerNeedle\r\n--b--\r\n"

// samples is one of each format.
func samples() []sample {
	sheets := []Part{
		{"sheet Budget <1>", "sharedNeedle\tinlineNeedle\t1234.5\nTRUE\ttwo lines\n"},
		{"sheet Budget <1>, comments", "B4: commentNeedle\n"},
		{"sheet Budget <1>, drawings", "boxNeedle\n"},
		{"sheet Other", "1\n"},
	}
	embedded := []Part{}
	for _, p := range sheets {
		embedded = append(embedded, Part{"Sheet1.xlsx: " + p.Where, p.Text})
	}
	text := []Part{
		{"page 1", "title\nbodyNeedle  x\ty after\nboxNeedle\non one\n"},
		{"page 2", "secondPage\n"},
		{"footnotes", "footnoteNeedle\n"},
		{"comments", "Ada: commentNeedle\n"},
		{"header", "headerNeedle\n"},
		{"footer", "footerNeedle\n"},
	}
	return append(oldSamples(), []sample{
		{"a.docx", "", docx(), append([]Part{
			{"page 1", "bodyNeedle & €\ttabbed\nbelow\ninsertedNeedle\nboxNeedle\ncell 1\tcell 2\n"},
			{"page 2", "secondPage\nacross the break\n"},
			{"page 3", "thirdPage\n"},
			{"header", "headerNeedle\n"},
			{"footer", "footerNeedle\n"},
			{"footnotes", "footnoteNeedle\n"},
			{"endnotes", "endnoteNeedle\n"},
			{"comments", "Ada: commentNeedle\n"},
		}, embedded...), ""},
		{"a.xlsx", "", xlsx(), sheets, ""},
		{"a.pptx", "", pptx(), []Part{
			{"slide 1", "shownFirst\n"},
			{"slide 2", "shownSecond\n"},
			{"slide 2, notes", "notesNeedle\n"},
			{"slide 2, comments", "commentNeedle\n"},
		}, ""},
		{"a.odt", "", odfOf("text", odtBody), text, ""},
		{"a.fodt", "", []byte(flatODF(odtBody, "")), text[:4], ""},
		{"a.ods", "", odfOf("spreadsheet", odsBody), []Part{
			{"sheet Budget", "a\t1,50 €\nrowNeedle\n"},
			{"sheet Budget, comments", "commentNeedle\n"},
			{"sheet Second", "sheetNeedle\n"},
			{"header", "headerNeedle\n"},
			{"footer", "footerNeedle\n"},
		}, ""},
		{"a.odp", "", odfOf("presentation", odpBody), []Part{
			{"slide 1", "firstSlide\n"},
			{"slide 2", "secondSlide\n"},
			{"slide 2, notes", "notesNeedle\n"},
			{"header", "headerNeedle\n"},
			{"footer", "footerNeedle\n"},
		}, ""},
		{"a.rtf", "", []byte(rtf), []Part{{"", "headerNeedle\nbodyNeedle €\nfootnoteNeedle\ncommentNeedle\nboxNeedle\n\n"}}, ""},
		{"a.html", "", []byte("<!DOCTYPE html><meta charset=windows-1251><style>x{}</style><p>\xcf\xf0\xe8\xe2\xe5\xf2<p>htmlNeedle"), []Part{{"", "Привет\n\nhtmlNeedle\n"}}, ""},
		{"a.xhtml", "", []byte(`<?xml version="1.0"?><!DOCTYPE html><html xmlns="x"><body><p>htmlNeedle</p></body></html>`), []Part{{"", "htmlNeedle\n"}}, ""},
		{"a.csv", "", []byte("a;b\r\nc;csvNeedle\r\n"), []Part{{"", "a;b\nc;csvNeedle\n"}}, ""},
		{"utf16.txt", "", []byte("\xff\xfet\x00e\x00x\x00t\x00\xac\x20"), []Part{{"", "text€"}}, ""},
		{"unmarked.txt", "", []byte("t\x00e\x00x\x00t\x00N\x00e\x00"), []Part{{"", "textNe"}}, ""},
		{"a.txt", "text/plain; charset=koi8-r", []byte("\xd0\xd2\xc9"), []Part{{"", "при"}}, ""},
		{"a.md", "", []byte("# mdNeedle\x00\n"), nil, Unknown},
		{"noname", "application/octet-stream", []byte("Just a text with ünicode."), []Part{{"", "Just a text with ünicode."}}, ""},
		{"a.xml", "", []byte(`<?xml version="1.0" encoding="iso-8859-1"?><inv xmlns="u" id="42"><![CDATA[<a&b>]]><l name='x > &quot;y&quot;'>gr` + "\xfc" + `n</l><!-- > no --></inv>`), []Part{{"", "42 <a&b>\nx > \"y\" grün\n"}}, ""},
		{"package.xml", "", []byte(`<?xml version="1.0"?><pkg:package><w:t>xmlNeedle</w:t><pkg:binaryData>AAAA</pkg:binaryData></pkg:package>`), []Part{{"", "xmlNeedle\n"}}, ""},
		{"export.xls", "application/vnd.ms-excel", []byte("a\tb\nGr\xfc\xdfe\tc\n"), []Part{{"", "a\tb\nGrüße\tc\n"}}, ""},
		{"a.json", "", []byte(`{"a":"gr\u00fcn \ud83d\ude00 \\u0041"}`), []Part{{"", `{"a":"grün 😀 \\u0041"}`}}, ""},
		{"a.vcf", "", []byte("BEGIN:VCARD\r\nFN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=BCrgen=\r\n card\r\nNOTE:long\r\n  Needle\\nnext\r\nPHOTO;ENCODING=b:AAAA\r\nEND:VCARD\r\n"), []Part{{"", "BEGIN: VCARD\nFN: Jürgen card\nNOTE: long Needle\nnext\nEND: VCARD\n"}}, ""},
		{"a.eml", "", []byte(mail), []Part{
			{"", "Subject: The plan\nFrom: Ada <ada@example.org>\nTo: <bob@example.net>\nmailNeedle"},
			{"a.csv", "€;csvNeedle"},
			{"inner.eml", "Subject: inner\ninnerNeedle"},
		}, ""},
		{"a.zip", "", zipOf(file{"dir/", ""}, file{"dir/b.txt", "textNeedle"}, file{"inner.zip", string(zipOf(file{"plan/a.docx", string(zipOf(file{"word/document.xml", word(para("deepNeedle"))}, file{"_rels/.rels", ""}))}))}, file{"a.png", "\x89PNG\r\n"}), []Part{
			{"dir/b.txt", "textNeedle"},
			{"inner.zip: plan/a.docx", "deepNeedle\n"},
		}, Unknown},
		{"a.tgz", "", gzipOf(tarOf(file{"dir/b.txt", "textNeedle"}, file{"c.csv", "csvNeedle"})), []Part{{"dir/b.txt", "textNeedle"}, {"c.csv", "csvNeedle"}}, ""},
		{"a.txt.gz", "", gzipOf([]byte("textNeedle")), []Part{{"", "textNeedle"}}, ""},
		{"a.bz2", "", []byte(bzipped), []Part{{"", "textNeedle\n"}}, ""},
		{"a.pdf", "application/pdf", []byte("%PDF-1.7"), nil, Unknown},
		{"a.png", "", []byte("\x89PNG\r\n\x1a\n"), nil, Unknown},
		{"empty.txt", "", nil, nil, ""},
		{"locked.zip", "", rawZIP("a.txt", zip.Store, 1, []byte("xxxxxxxxxxxxxxx"), 3), nil, Encrypted},
		{"locked.odt", "", zipOf(file{"mimetype", "application/vnd.oasis.opendocument.text"}, file{"META-INF/manifest.xml", `<m:manifest><m:file-entry><m:encryption-data/></m:file-entry></m:manifest>`}, file{"content.xml", "\x01\x02"}), nil, Encrypted},
	}...)
}

// bzipped is "textNeedle\n": the standard library does not write bzip2.
const bzipped = "\x42\x5a\x68\x39\x31\x41\x59\x26\x53\x59\x0d\x3f\x91\x77\x00\x00\x04\xc5\x80\x00\x10\x00\x01\x06\x04\x04\x40\x20\x00\x31\x0c\x01\x0d\x33\x48\xc4\x28\xcb\x4f\x17\x72\x45\x38\x50\x90\x0d\x3f\x91\x77"

// Of every format, all text has its place, and what is not to be read is not.
func TestEveryFormat(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			got := Read(s.name, s.mediaType, s.content, Limits{})
			if diff := cmp.Diff(s.want, got.Parts); diff != "" {
				t.Errorf("parts, - wanted, + got:\n%s", diff)
			}
			if got.Reason != s.reason {
				t.Errorf("the reason is %q, not %q", got.Reason, s.reason)
			}
		})
	}
}

// The content says what a document is, not its name.
func TestNameDoesNotMatter(t *testing.T) {
	for _, s := range samples() {
		if s.reason != "" || strings.HasSuffix(s.name, ".txt") || s.name == "export.xls" {
			continue
		}
		switch extension(s.name) {
		case ".eml", ".json", ".gz", ".xml":
			continue // Nothing but the name tells.
		}
		got := Read("x.bin", "application/octet-stream", s.content, Limits{})
		if diff := cmp.Diff(s.want, got.Parts); diff != "" {
			t.Errorf("%s, - wanted, + got:\n%s", s.name, diff)
		}
	}
}

// An archive whose directory is cut off gives the files that are there.
func TestArchivesWithoutDirectory(t *testing.T) {
	b := zipOf(file{"a.txt", strings.Repeat("first ", 100)}, file{"b.txt", strings.Repeat("second ", 100)}, file{"c.txt", "third"})
	at := bytes.Index(b, []byte("PK\x01\x02"))
	got := checked(t, "directory", "a.zip", "", b[:at])
	if len(got.Parts) != 3 || got.Parts[1] != (Part{"b.txt", strings.Repeat("second ", 100)}) || got.Reason != Damaged {
		t.Errorf("%+v", got)
	}
	b = docx()
	got = checked(t, "docx", "a.docx", "", b[:bytes.Index(b, []byte("PK\x01\x02"))])
	if len(got.Parts) < 8 || got.Parts[1].Where != "page 2" || got.Reason != Damaged {
		t.Errorf("%+v", got)
	}
}

// All recipients are text, however many.
func TestManyRecipients(t *testing.T) {
	got := checked(t, "mail", "a.eml", "", []byte("To: "+strings.Repeat("somebody@example.org, ", 100)+"last@example.org\r\n\r\nbody"))
	if !strings.Contains(got.Parts[0].Text, "last@example.org") {
		t.Errorf("%+v", got)
	}
}

// A document that was cut anywhere is read as far as it goes.
func TestCutDocuments(t *testing.T) {
	for _, s := range samples() {
		for i := range 64 {
			checked(t, fmt.Sprint(s.name, " cut at ", i), s.name, s.mediaType, s.content[:len(s.content)*i/64])
		}
	}
}

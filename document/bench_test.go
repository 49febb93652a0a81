package document

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
)

// BenchmarkRead reads one of each format, of about the same text.
func BenchmarkRead(b *testing.B) {
	text := strings.Repeat("The quick brown fox jumps over the lazy dog. ", 20)
	var rows, paragraphs strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&paragraphs, `<w:p w:rsidR="00A77427"><w:pPr><w:spacing w:after="0"/></w:pPr><w:r><w:rPr><w:b/></w:rPr><w:t xml:space="preserve">%s</w:t></w:r></w:p>`, text)
		fmt.Fprintf(&rows, `<row r="%d"><c r="A%d" t="inlineStr"><is><t>%s</t></is></c><c r="B%d"><v>%d</v></c></row>`, i+1, i+1, text, i+1, i)
	}
	plain := strings.Repeat(text+"\n", 1000)
	var cells []byte
	for i := range 1000 {
		cells = append(cells, biff(biffLabel, i, 0, 0, len(text), "\x00"+text)...)
	}
	for _, s := range []sample{
		{name: "a.docx", content: zipOf(file{"_rels/.rels", ""}, file{"word/document.xml", word(paragraphs.String())})},
		{name: "a.xlsx", content: zipOf(file{"_rels/.rels", ""}, file{"xl/workbook.xml", `<workbook><sheets><sheet name="s" r:id="rId1"/></sheets></workbook>`}, file{"xl/_rels/workbook.xml.rels", rels("worksheet", "s.xml")}, file{"xl/s.xml", "<worksheet>" + rows.String() + "</worksheet>"})},
		{name: "a.odt", content: odfOf("text", "<office:text>"+strings.Repeat("<text:p>"+text+"</text:p>", 1000)+"</office:text>")},
		{name: "a.xls", content: compoundOf(node{"Workbook", workbook(0x600, "\x01\x00S", nil, cells), nil})},
		{name: "a.rtf", content: []byte(`{\rtf1\ansi ` + strings.ReplaceAll(plain, "\n", `\par `) + "}")},
		{name: "a.html", content: []byte("<html><p>" + strings.ReplaceAll(plain, "\n", "<p>"))},
		{name: "a.txt", content: []byte(plain)},
		{name: "a.zip", content: zipOf(file{"a.txt", plain})},
	} {
		b.Run(extension(s.name), func(b *testing.B) {
			b.SetBytes(int64(len(plain)))
			for b.Loop() {
				if got := Read(s.name, "", s.content, Limits{}); len(got.Parts) == 0 || got.Reason != "" {
					b.Fatalf("%+v", got)
				}
			}
		})
	}
}

// BenchmarkXML compares the scanner with encoding/xml, on the same sheet.
func BenchmarkXML(b *testing.B) {
	sheet := "<worksheet>" + strings.Repeat(`<row r="1"><c r="A1" s="2"><v>1234.5</v></c><c r="B1" t="s"><v>17</v></c></row>`, 10_000) + "</worksheet>"
	b.Run("scanner", func(b *testing.B) {
		b.SetBytes(int64(len(sheet)))
		for b.Loop() {
			for s := newXML(strings.NewReader(sheet)); s.next(); {
			}
		}
	})
	b.Run("encoding/xml", func(b *testing.B) {
		b.SetBytes(int64(len(sheet)))
		for b.Loop() {
			d := xml.NewDecoder(strings.NewReader(sheet))
			d.Strict = false
			for {
				if _, err := d.RawToken(); err != nil {
					break
				}
			}
		}
	})
}

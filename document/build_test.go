package document

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"io"
	"strings"
)

// file is one of an archive that a test builds.
type file struct{ name, content string }

func zipOf(files ...file) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.Create(f.name)
		if err != nil {
			panic(err)
		}
		if _, err := io.WriteString(w, f.content); err != nil {
			panic(err)
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func tarOf(files ...file) []byte {
	var b bytes.Buffer
	t := tar.NewWriter(&b)
	for _, f := range files {
		if err := t.WriteHeader(&tar.Header{Name: f.name, Size: int64(len(f.content)), Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
			panic(err)
		}
		if _, err := io.WriteString(t, f.content); err != nil {
			panic(err)
		}
	}
	if err := t.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func gzipOf(content []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(content)
	z.Close()
	return b.Bytes()
}

// deflatedZeros is one file of zeros in an archive, without ever having them: a
// block of deflated data that looks back no further than itself, again and again.
func deflatedZeros(name string, mebibytes int) []byte {
	const each = 16
	var block bytes.Buffer
	f, err := flate.NewWriter(&block, flate.BestSpeed)
	if err != nil {
		panic(err)
	}
	f.Write(make([]byte, each<<20))
	f.Flush()
	packed := bytes.Repeat(block.Bytes(), mebibytes/each)
	return rawZIP(name, zip.Deflate, 0, append(packed, 3, 0), uint64(mebibytes)<<20)
}

// rawZIP is an archive of one file, whose head says what it is told to.
func rawZIP(name string, method, flags uint16, packed []byte, size uint64) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateRaw(&zip.FileHeader{Name: name, Method: method, Flags: flags, CompressedSize64: uint64(len(packed)), UncompressedSize64: size})
	if err != nil {
		panic(err)
	}
	w.Write(packed)
	z.Close()
	return b.Bytes()
}

const relationType = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"

// rels is a file of relationships: kind and target by turns, with the ids
// rId1, rId2 and so on.
func rels(kindsAndTargets ...string) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`)
	for i := 0; i+1 < len(kindsAndTargets); i += 2 {
		b.WriteString(`<Relationship Id="rId` + string(rune('1'+i/2)) + `" Type="` + relationType + kindsAndTargets[i] + `" Target="` + kindsAndTargets[i+1] + `"/>`)
	}
	return b.String() + `</Relationships>`
}

func word(inside string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><w:document xmlns:w="x"><w:body>` + inside + `</w:body></w:document>`
}

func para(text string) string { return `<w:p><w:r><w:t>` + text + `</w:t></w:r></w:p>` }

func docx() []byte {
	return zipOf(
		file{"[Content_Types].xml", `<Types/>`},
		file{"_rels/.rels", rels("officeDocument", "word/document2.xml")},
		file{"word/_rels/document2.xml.rels", rels("footer", "footer1.xml", "header", "/word/header1.xml", "footnotes", "footnotes.xml", "endnotes", "endnotes.xml", "comments", "comments.xml", "image", "media/a.png")},
		file{"word/document2.xml", word(
			`<w:p><w:pPr><w:tabs><w:tab w:val="left"/></w:tabs></w:pPr><w:r><w:t>body</w:t></w:r><w:r><w:t>Needle &amp; &#x20AC;</w:t><w:tab/><w:t>tabbed</w:t><w:br/><w:t>below</w:t></w:r></w:p>` +
				`<w:p><w:del><w:r><w:delText>deletedNeedle</w:delText></w:r></w:del><w:moveFrom><w:r><w:t>movedNeedle</w:t></w:r></w:moveFrom><w:ins><w:r><w:t>insertedNeedle</w:t></w:r></w:ins></w:p>` +
				`<w:p><w:r><mc:AlternateContent><mc:Choice><w:drawing><wps:txbx><w:txbxContent>` + para("boxNeedle") + `</w:txbxContent></wps:txbx></w:drawing></mc:Choice><mc:Fallback><w:pict><w:txbxContent>` + para("fallback") + `</w:txbxContent></w:pict></mc:Fallback></mc:AlternateContent></w:r></w:p>` +
				`<w:tbl><w:tr><w:tc>` + para("cell 1") + `</w:tc><w:tc>` + para("cell 2") + `</w:tc></w:tr></w:tbl>` +
				`<w:p><w:r><w:lastRenderedPageBreak/><w:t>secondPage</w:t></w:r></w:p><w:p><w:r><w:t>across </w:t><w:lastRenderedPageBreak/><w:t>the break</w:t></w:r></w:p>` + para("thirdPage"))},
		file{"word/header1.xml", `<w:hdr>` + para("headerNeedle") + `</w:hdr>`},
		file{"word/footer1.xml", `<w:ftr>` + para("footerNeedle") + `</w:ftr>`},
		file{"word/footnotes.xml", `<w:footnotes><w:footnote>` + para("footnoteNeedle") + `</w:footnote></w:footnotes>`},
		file{"word/endnotes.xml", `<w:endnotes><w:endnote>` + para("endnoteNeedle") + `</w:endnote></w:endnotes>`},
		file{"word/comments.xml", `<w:comments><w:comment w:author="Ada">` + para("commentNeedle") + `</w:comment></w:comments>`},
		file{"word/embeddings/Sheet1.xlsx", string(xlsx())},
		file{"word/media/a.png", "\x89PNG"},
	)
}

func xlsx() []byte {
	return zipOf(
		file{"[Content_Types].xml", `<Types/>`},
		file{"_rels/.rels", rels("officeDocument", "xl/workbook.xml")},
		file{"xl/_rels/workbook.xml.rels", rels("sharedStrings", "sharedStrings.xml", "worksheet", "worksheets/sheet1.xml", "worksheet", "worksheets/sheet2.xml")},
		file{"xl/workbook.xml", `<workbook><sheets><sheet name="Budget &lt;1&gt;" sheetId="1" r:id="rId3"/><sheet name="Other" sheetId="2" r:id="rId2"/></sheets></workbook>`},
		file{"xl/sharedStrings.xml", `<sst><si><t>first</t></si><si><r><t>shared</t></r><r><t>Needle</t></r><rPh><t>phonetic</t></rPh></si></sst>`},
		file{"xl/worksheets/sheet1.xml", `<worksheet><sheetData><row r="1"><c r="A1"><v>1</v></c></row></sheetData></worksheet>`},
		file{"xl/worksheets/sheet2.xml", `<worksheet><sheetData><row r="4"><c r="A4" t="s"><v>1</v></c><c r="B4" t="inlineStr"><is><t>inlineNeedle</t></is></c><c r="C4"><f>1+2</f><v>1234.5</v></c></row>` +
			`<row r="5"><c r="A5" t="b"><v>1</v></c><c r="B5" t="str"><v>two` + "\n" + `lines</v></c><c r="C5" t="s"><v>99</v></c></row></sheetData></worksheet>`},
		file{"xl/worksheets/_rels/sheet2.xml.rels", rels("comments", "../comments1.xml", "drawing", "../drawings/drawing1.xml")},
		file{"xl/comments1.xml", `<comments><authors><author>Ada</author></authors><commentList><comment ref="B4" authorId="0"><text><r><t>commentNeedle</t></r></text></comment></commentList></comments>`},
		file{"xl/drawings/drawing1.xml", `<xdr:wsDr><a:p><a:r><a:t>boxNeedle</a:t></a:r></a:p></xdr:wsDr>`},
	)
}

func pptx() []byte {
	slide := func(s string) string {
		return `<p:sld><p:cSld><p:spTree><p:sp><p:txBody><a:p><a:r><a:t>` + s + `</a:t></a:r><a:fld type="slidenum"><a:t>7</a:t></a:fld></a:p></p:txBody></p:sp></p:spTree></p:cSld></p:sld>`
	}
	return zipOf(
		file{"[Content_Types].xml", `<Types/>`},
		file{"_rels/.rels", rels("officeDocument", "ppt/presentation.xml")},
		file{"ppt/_rels/presentation.xml.rels", rels("slide", "slides/slide1.xml", "slide", "slides/slide2.xml")},
		file{"ppt/presentation.xml", `<p:presentation><p:sldIdLst><p:sldId id="256" r:id="rId2"/><p:sldId id="257" r:id="rId1"/></p:sldIdLst></p:presentation>`},
		file{"ppt/slides/slide1.xml", slide("shownSecond")},
		file{"ppt/slides/slide2.xml", slide("shownFirst")},
		file{"ppt/slides/_rels/slide1.xml.rels", rels("notesSlide", "../notesSlides/notesSlide1.xml", "comments", "../comments/comment1.xml")},
		file{"ppt/notesSlides/notesSlide1.xml", slide("notesNeedle")},
		file{"ppt/comments/comment1.xml", `<p:cmLst><p:cm authorId="0"><p:pos x="1"/><p:text>commentNeedle</p:text></p:cm></p:cmLst>`},
	)
}

func flatODF(body, styles string) string {
	return `<?xml version="1.0"?><office:document xmlns:office="o" xmlns:text="t">` + styles + `<office:body>` + body + `</office:body></office:document>`
}

const (
	odtBody = `<office:text><text:tracked-changes><text:changed-region><text:deletion><text:p>deletedNeedle</text:p></text:deletion></text:changed-region></text:tracked-changes>` +
		`<text:h>title</text:h><text:p>body<text:span>Needle</text:span><text:s text:c="2"/>x<text:tab/>y<text:note text:note-class="footnote"><text:note-citation>1</text:note-citation><text:note-body><text:p>footnoteNeedle</text:p></text:note-body></text:note>` +
		`<office:annotation><dc:creator>Ada</dc:creator><dc:date>2026</dc:date><text:p>commentNeedle</text:p></office:annotation> after</text:p>` +
		`<draw:text-box><text:p>boxNeedle</text:p></draw:text-box><text:p>on<text:soft-page-break/> one</text:p><text:p>secondPage</text:p></office:text>`
	odtStyles = `<office:master-styles><style:master-page><style:header><text:p>headerNeedle</text:p></style:header><style:footer><text:p>footerNeedle</text:p></style:footer></style:master-page></office:master-styles>`
	odsBody   = `<office:spreadsheet><table:table table:name="Budget"><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell><table:table-cell office:value="1.5"><office:annotation><text:p>commentNeedle</text:p></office:annotation><text:p>1,50 €</text:p></table:table-cell></table:table-row>` +
		`<table:table-row><table:table-cell><text:p>rowNeedle</text:p></table:table-cell></table:table-row></table:table><table:table table:name="Second"><table:table-row><table:table-cell><text:p>sheetNeedle</text:p></table:table-cell></table:table-row></table:table></office:spreadsheet>`
	odpBody = `<office:presentation><draw:page><draw:frame><draw:text-box><text:p>firstSlide</text:p></draw:text-box></draw:frame></draw:page><draw:page><text:p>secondSlide</text:p><presentation:notes><text:p>notesNeedle</text:p></presentation:notes></draw:page></office:presentation>`
)

func odfOf(kind, body string) []byte {
	return zipOf(file{"mimetype", "application/vnd.oasis.opendocument." + kind}, file{"content.xml", flatODF(body, "")}, file{"styles.xml", flatODF("", odtStyles)}, file{"META-INF/manifest.xml", "<m/>"})
}

package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/encoding/charmap"
)

// sampleTypes are the media types of attachments by ending.
var sampleTypes = map[string]string{
	".pdf": "application/pdf", ".png": "image/png", ".csv": "text/csv", ".log": "text/plain", ".txt": "text/plain", ".zip": "application/zip",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

// attachment makes the file of an "attach" field: "NAME", "NAME as SHOWN" or
// "letter ID", which is another message as an .eml file.
func (s *sampleLibrary) attachment(l *sampleLetter, spec string) (samplePart, error) {
	if id, ok := strings.CutPrefix(spec, "letter "); ok {
		other := s.byID[id]
		if other == nil {
			return samplePart{}, fmt.Errorf("%s is not told before", id)
		}
		original, err := s.original(other, other.postfixTrace())
		return samplePart{[]string{"Content-Type: message/rfc822", `Content-Disposition: attachment; filename="` + id + `.eml"`}, original}, err
	}
	name, shown, renamed := strings.Cut(spec, " as ")
	if !renamed {
		shown = name
	}
	content, err := s.file(name, l.from.lang, strings.NewReplacer())
	if err != nil {
		return samplePart{}, err
	}
	return sampleFile(shown, sampleTypes[path.Ext(name)], "attachment", content), nil
}

// file makes a file of its source: sample/files/NAME itself, or NAME with the
// ending that says what to make it of. Words are replaced in the source.
func (s *sampleLibrary) file(name, lang string, words *strings.Replacer) ([]byte, error) {
	read := func(ending string) (string, error) {
		raw, err := fs.ReadFile(s.files, "sample/files/"+name+ending)
		return words.Replace(s.dates(string(raw), lang)), err
	}
	switch path.Ext(name) {
	case ".pdf":
		return sampleMake(read, ".txt", samplePDF)
	case ".docx":
		return sampleMake(read, ".txt", sampleDOCX)
	case ".xlsx":
		return sampleMake(read, ".csv", sampleXLSX)
	case ".zip":
		return sampleMake(read, ".list", func(list string) ([]byte, error) { return s.zip(list, lang) })
	case ".png":
		picture, err := sampleMake(read, ".chart", sampleChart)
		if errors.Is(err, fs.ErrNotExist) {
			return sampleMake(read, ".label", sampleLabel)
		}
		return picture, err
	}
	text, err := read("")
	return []byte(text), err
}

func sampleMake(read func(string) (string, error), ending string, convert func(string) ([]byte, error)) ([]byte, error) {
	source, err := read(ending)
	if err != nil {
		return nil, err
	}
	return convert(strings.TrimRight(source, "\n"))
}

// zip packs the files that a list names, one a line: "NAME", or "NAME SOURCE
// WORD" for a file in whose source NNNN stands for the word.
func (s *sampleLibrary) zip(list, lang string) ([]byte, error) {
	files := make(map[string][]byte)
	var names []string
	for line := range strings.Lines(list) {
		words := append(strings.Fields(line), "", "")
		name, source := words[0], cmp.Or(words[1], words[0])
		content, err := s.file(source, lang, strings.NewReplacer("NNNN", words[2]))
		if err != nil {
			return nil, err
		}
		files[name] = content
		names = append(names, name)
	}
	return sampleZip(names, files)
}

func sampleZip(names []string, files map[string][]byte) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range names {
		f, err := w.Create(name)
		if err != nil {
			return nil, err
		}
		if _, err := f.Write(files[name]); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// samplePDF sets a text in lines of Helvetica on one page; the first is the
// title. It writes PDF 1.4 without compression.
func samplePDF(text string) ([]byte, error) {
	encoded, err := charmap.Windows1252.NewEncoder().String(text) // WinAnsiEncoding
	if err != nil {
		return nil, fmt.Errorf("the text of a PDF has to be Western: %w", err)
	}
	var page strings.Builder
	page.WriteString("BT\n/F1 16 Tf\n56 780 Td\n")
	for i, line := range strings.Split(encoded, "\n") {
		if i == 1 {
			page.WriteString("/F1 10 Tf\n")
		}
		page.WriteString("(" + strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(line) + ") Tj\n0 -15 Td\n")
	}
	page.WriteString("ET\n")
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 5 0 R >> >> /Contents 4 0 R >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%sendstream", page.Len(), page.String()),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	var table strings.Builder
	for i, object := range objects {
		fmt.Fprintf(&table, "%010d 00000 n \n", b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n%s", len(objects)+1, table.String())
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, start)
	return b.Bytes(), nil
}

const (
	sampleXML     = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	sampleRelType = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
	sampleRelNS   = `xmlns="http://schemas.openxmlformats.org/package/2006/relationships"`
	sampleTypesNS = `xmlns="http://schemas.openxmlformats.org/package/2006/content-types"`
	sampleDocType = "application/vnd.openxmlformats-officedocument."
)

func sampleEscape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // A strings.Builder does not fail.
	return b.String()
}

// sampleContentTypes is the part of an Office file that lists the others.
func sampleContentTypes(parts ...[2]string) []byte {
	out := sampleXML + "<Types " + sampleTypesNS + `><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>`
	for _, p := range parts {
		out += `<Override PartName="` + p[0] + `" ContentType="` + sampleDocType + p[1] + `+xml"/>`
	}
	return []byte(out + "</Types>")
}

func sampleRelation(kind, target string) []byte {
	return []byte(sampleXML + "<Relationships " + sampleRelNS + `><Relationship Id="rId1" Type="` + sampleRelType + kind + `" Target="` + target + `"/></Relationships>`)
}

// sampleDOCX makes a Word document of paragraphs, one a line.
func sampleDOCX(text string) ([]byte, error) {
	var b strings.Builder
	b.WriteString(sampleXML + `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>`)
	for i, line := range strings.Split(text, "\n") {
		format := ""
		if i == 0 {
			format = `<w:rPr><w:b/><w:sz w:val="32"/></w:rPr>`
		}
		b.WriteString("<w:p><w:r>" + format + `<w:t xml:space="preserve">` + sampleEscape(line) + "</w:t></w:r></w:p>")
	}
	b.WriteString(`<w:sectPr><w:pgSz w:w="11906" w:h="16838"/></w:sectPr></w:body></w:document>`)
	names := []string{"[Content_Types].xml", "_rels/.rels", "word/document.xml"}
	return sampleZip(names, map[string][]byte{
		names[0]: sampleContentTypes([2]string{"/word/document.xml", "wordprocessingml.document.main"}),
		names[1]: sampleRelation("officeDocument", "word/document.xml"),
		names[2]: []byte(b.String()),
	})
}

// sampleXLSX makes a workbook with one sheet of comma-separated values.
func sampleXLSX(text string) ([]byte, error) {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return nil, err
	}
	var sheet strings.Builder
	sheet.WriteString(sampleXML + `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>`)
	for i, row := range rows {
		fmt.Fprintf(&sheet, `<row r="%d">`, i+1)
		for j, cell := range row {
			at := fmt.Sprintf("%c%d", 'A'+j, i+1)
			if _, err := strconv.ParseFloat(cell, 64); err == nil {
				sheet.WriteString(`<c r="` + at + `"><v>` + cell + "</v></c>")
				continue
			}
			sheet.WriteString(`<c r="` + at + `" t="inlineStr"><is><t>` + sampleEscape(cell) + "</t></is></c>")
		}
		sheet.WriteString("</row>")
	}
	sheet.WriteString("</sheetData></worksheet>")
	workbook := sampleXML + `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>`
	names := []string{"[Content_Types].xml", "_rels/.rels", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/worksheets/sheet1.xml"}
	return sampleZip(names, map[string][]byte{
		names[0]: sampleContentTypes([2]string{"/xl/workbook.xml", "spreadsheetml.sheet.main"}, [2]string{"/xl/worksheets/sheet1.xml", "spreadsheetml.worksheet"}),
		names[1]: sampleRelation("officeDocument", "xl/workbook.xml"),
		names[2]: []byte(workbook),
		names[3]: sampleRelation("worksheet", "worksheets/sheet1.xml"),
		names[4]: []byte(sheet.String()),
	})
}

// The colours of the sample company's pictures.
var (
	sampleWhite = color.RGBA{255, 255, 255, 255}
	sampleGrey  = color.RGBA{208, 212, 216, 255}
	sampleInk   = color.RGBA{36, 44, 52, 255}
	sampleTeal  = color.RGBA{0, 116, 122, 255}
	sampleRed   = color.RGBA{190, 48, 40, 255}
)

func sampleCanvas(width, height int) *image.RGBA {
	canvas := image.NewRGBA(image.Rect(0, 0, width, height))
	sampleFill(canvas, canvas.Rect, sampleWhite)
	return canvas
}

func sampleFill(canvas *image.RGBA, r image.Rectangle, c color.Color) {
	draw.Draw(canvas, r, image.NewUniform(c), image.Point{}, draw.Src)
}

func samplePNG(canvas image.Image) ([]byte, error) {
	var b bytes.Buffer
	err := png.Encode(&b, canvas)
	return b.Bytes(), err
}

// sampleChart draws a line for each column of comma-separated numbers.
func sampleChart(text string) ([]byte, error) {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return nil, err
	}
	series := make([][]float64, len(rows[0]))
	low, high := math.Inf(1), math.Inf(-1)
	for _, row := range rows {
		for i, cell := range row {
			v, err := strconv.ParseFloat(cell, 64)
			if err != nil {
				return nil, err
			}
			series[i] = append(series[i], v)
			low, high = min(low, v), max(high, v)
		}
	}
	const width, height, margin = 640, 320, 24
	canvas := sampleCanvas(width, height)
	for i := range 5 {
		y := margin + i*(height-2*margin)/4
		sampleFill(canvas, image.Rect(margin, y, width-margin, y+1), sampleGrey)
	}
	colours := []color.Color{sampleTeal, sampleRed, sampleInk}
	for i, values := range series {
		for x := range width - 2*margin {
			at := float64(x) * float64(len(values)-1) / float64(width-2*margin)
			k := min(int(at), len(values)-2)
			v := values[k] + (values[k+1]-values[k])*(at-float64(k))
			y := height - margin - int((v-low)/(high-low)*(height-2*margin))
			sampleFill(canvas, image.Rect(margin+x, y-1, margin+x+2, y+2), colours[i%len(colours)])
		}
	}
	return samplePNG(canvas)
}

// sampleLabel draws the label of a carton, with a bar code of the text.
func sampleLabel(text string) ([]byte, error) {
	canvas := sampleCanvas(480, 300)
	sampleFill(canvas, canvas.Rect, color.RGBA{196, 164, 120, 255})
	sampleFill(canvas, image.Rect(40, 40, 440, 260), sampleWhite)
	sampleFill(canvas, image.Rect(60, 60, 220, 84), sampleTeal)
	for i := range 3 {
		sampleFill(canvas, image.Rect(60, 100+i*14, 320-i*40, 106+i*14), sampleGrey)
	}
	x := 60
	for _, b := range sampleHash(text) {
		for bit := range 8 {
			if b>>bit&1 == 1 {
				sampleFill(canvas, image.Rect(x, 160, x+2, 240), sampleInk)
			}
			if x += 2; x > 418 {
				return samplePNG(canvas)
			}
		}
	}
	return samplePNG(canvas)
}

// sampleLogo is the picture in the sample company's signatures.
func sampleLogo() ([]byte, error) {
	canvas := sampleCanvas(160, 40)
	for i := range 28 { // A sail.
		sampleFill(canvas, image.Rect(8, 6+i, 8+i, 7+i), sampleTeal)
	}
	sampleFill(canvas, image.Rect(48, 12, 152, 18), sampleInk)
	sampleFill(canvas, image.Rect(48, 24, 112, 28), sampleGrey)
	return samplePNG(canvas)
}

// calendar makes the invitation of a "calendar" field: "-7 Wed 16:00 45m TITLE",
// in the writer's zone (RFC 5546).
func (s *sampleLibrary) calendar(l *sampleLetter, spec string) (string, error) {
	words := strings.SplitN(spec, " ", 5)
	if len(words) != 5 {
		return "", fmt.Errorf("calendar %q: want week, day, time, length and title", spec)
	}
	start, err := s.when(strings.Join(words[:3], " "), l.from.zone)
	if err != nil {
		return "", err
	}
	length, err := time.ParseDuration(words[3])
	if err != nil {
		return "", err
	}
	start = start.Truncate(time.Minute)
	const stamp = "20060102T150405Z"
	lines := []string{
		"BEGIN:VCALENDAR", "PRODID:-//Northwind Support//Calendar//EN", "VERSION:2.0", "METHOD:REQUEST", "BEGIN:VEVENT",
		"UID:" + sampleGUID("event", l.id) + "@" + sampleDomain, "DTSTAMP:" + l.date.UTC().Format(stamp),
		"DTSTART:" + start.UTC().Format(stamp), "DTEND:" + start.Add(length).UTC().Format(stamp),
		"SUMMARY:" + strings.ReplaceAll(words[4], ",", `\,`),
		"ORGANIZER;CN=" + l.from.name + ":mailto:" + l.from.address,
	}
	for _, p := range append(append([]*samplePerson{}, l.to...), l.cc...) {
		lines = append(lines, "ATTENDEE;RSVP=TRUE;PARTSTAT=NEEDS-ACTION:mailto:"+p.address)
	}
	return strings.Join(append(lines, "SEQUENCE:0", "END:VEVENT", "END:VCALENDAR"), "\n"), nil
}

// bounce makes a delivery status notification (RFC 3464) of a "bounce" field:
// the block that could not be delivered, and why.
func (s *sampleLibrary) bounce(l *sampleLetter) (samplePart, error) {
	id, reason, _ := strings.Cut(l.fields["bounce"][0], " ")
	failed := s.byID[id]
	if failed == nil {
		return samplePart{}, fmt.Errorf("%s is not told before", id)
	}
	status := strings.Join([]string{
		"Reporting-MTA: dns; mx.northwind.example", "Arrival-Date: " + sampleStamp(failed.date), "",
		"Final-Recipient: rfc822; " + failed.to[0].address, "Action: failed", "Status: " + reason[:5], "Diagnostic-Code: smtp; 550 " + reason, "",
	}, "\r\n")
	return sampleMultipart("report; report-type=delivery-status", l.id,
		sampleText("text/plain", "", l.body),
		samplePart{[]string{"Content-Type: message/delivery-status"}, []byte(status)},
		samplePart{[]string{"Content-Type: text/rfc822-headers"}, []byte(strings.Join(failed.header(), "\r\n") + "\r\n")},
	), nil
}

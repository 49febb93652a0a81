package webui

import (
	"archive/zip"
	"encoding/csv"
	"encoding/xml"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"polytrace/casework"
)

// tableFormats are the formats that rows are handed out in, by media type.
var tableFormats = map[string]string{
	"csv":  "text/csv; charset=utf-8",
	"ics":  "text/calendar; charset=utf-8",
	"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

// exportExtract hands the rows of an extract out as a file.
func (s *Server) exportExtract(w http.ResponseWriter, r *http.Request) error {
	x, _, err := s.extract(r.PathValue("name"))
	if err != nil {
		return err
	}
	format := r.FormValue("format")
	kind, known := tableFormats[format]
	switch {
	case !known:
		return &statusError{http.StatusUnprocessableEntity, "Choose one of the formats csv, ics and xlsx.", nil}
	case format == "ics" && x.Kind != casework.DateExtract:
		return &statusError{http.StatusUnprocessableEntity, "Only dates can be handed out as a calendar. Choose csv or xlsx.", nil}
	}
	rows, err := s.rowsOf(r.Context(), x.Name, rowsBy(r.FormValue("by")))
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": x.Name + "." + format}))
	history := r.FormValue("history") != ""
	switch format {
	case "csv":
		err = writeCSV(w, tableOf(rows, history))
	case "xlsx":
		err = writeXLSX(w, x.Label, tableOf(rows, history))
	default:
		err = writeICS(w, x, rows)
	}
	if err != nil {
		s.config.Log.DebugContext(r.Context(), "client left", "error", err)
	}
	return nil
}

// writeCSV writes a table (RFC 4180) that no spreadsheet carries out: see cells. A cell that begins with ' has another one
// before it, so that who reads the file back takes one away and has what it was.
func writeCSV(w io.Writer, table [][]string) error {
	if _, err := io.WriteString(w, byteOrderMark); err != nil {
		return err
	}
	c := csv.NewWriter(w)
	for _, row := range table {
		out := make([]string, len(row))
		for i, cell := range row {
			if strings.HasPrefix(cell, "'") {
				cell = "'" + cell
			}
			out[i] = cell
		}
		if err := c.Write(cells(out...)); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// The files of a workbook with one sheet (ECMA-376). All cells are text that stands in them, so that none is a formula.
const (
	xlsxTypes    = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>`
	xlsxRels     = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`
	xlsxBookRels = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`
	xlsxBook     = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="%s" sheetId="1" r:id="r1"/></sheets></workbook>`
	xlsxSheet    = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>`
	xlsxSheetEnd = `</sheetData></worksheet>`
)

// writeXLSX writes a table as a workbook with one sheet.
func writeXLSX(w io.Writer, name string, table [][]string) error {
	z := zip.NewWriter(w)
	var sheet strings.Builder
	sheet.WriteString(xlsxSheet)
	for _, row := range table {
		sheet.WriteString("<row>")
		for _, cell := range row {
			sheet.WriteString(`<c t="inlineStr"><is><t xml:space="preserve">` + escapedXML(cell) + "</t></is></c>")
		}
		sheet.WriteString("</row>")
	}
	sheet.WriteString(xlsxSheetEnd)
	for _, file := range []struct{ name, content string }{
		{"[Content_Types].xml", xlsxTypes}, {"_rels/.rels", xlsxRels}, {"xl/workbook.xml", fmt.Sprintf(xlsxBook, escapedXML(sheetName(name)))}, {"xl/_rels/workbook.xml.rels", xlsxBookRels}, {"xl/worksheets/sheet1.xml", sheet.String()},
	} {
		part, err := z.Create(file.name)
		if err == nil {
			_, err = io.WriteString(part, file.content)
		}
		if err != nil {
			return err
		}
	}
	return z.Close()
}

// sheetName is what a sheet may be called: at most 31 characters without those that stand in references.
func sheetName(name string) string {
	runes := []rune(strings.Trim(strings.Map(func(r rune) rune {
		if strings.ContainsRune(`[]:*?/\`, r) {
			return ' '
		}
		return r
	}, name), " '"))
	if len(runes) == 0 {
		return "Rows"
	}
	return string(runes[:min(len(runes), 31)])
}

func escapedXML(text string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(text)); err != nil {
		panic(fmt.Sprintf("webui: escape text: %v", err)) // A builder takes everything.
	}
	return b.String()
}

// writeICS writes the latest date of each item as a calendar (RFC 5545) of whole days.
func writeICS(w io.Writer, x casework.Extract, rows []extractRow) error {
	var b strings.Builder
	line := func(name, value string) { b.WriteString(foldICS(name + ":" + value)) }
	line("BEGIN", "VCALENDAR")
	line("VERSION", "2.0")
	line("PRODID", "-//Polytrace//Extracts//EN")
	for _, r := range rows {
		day, err := time.Parse(time.DateOnly, r.Latest.Value)
		if err != nil {
			continue // It was of another kind when it was confirmed.
		}
		line("BEGIN", "VEVENT")
		line("UID", escapedICS(x.Name+"/"+r.Item+"@polytrace"))
		line("DTSTAMP", r.Latest.At.UTC().Format("20060102T150405Z"))
		line("DTSTART;VALUE=DATE", day.Format("20060102"))
		line("DTEND;VALUE=DATE", day.AddDate(0, 0, 1).Format("20060102"))
		line("SUMMARY", escapedICS(x.Label+": "+strings.TrimSpace(r.Item+" "+r.Name)))
		line("DESCRIPTION", escapedICS(r.Latest.Quote+" ("+r.Latest.Record.String()+")"))
		line("END", "VEVENT")
	}
	line("END", "VCALENDAR")
	_, err := io.WriteString(w, b.String())
	return err
}

// escapedICS is a value of the type TEXT (RFC 5545 section 3.3.11).
func escapedICS(text string) string {
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\r\n", `\n`, "\n", `\n`, "\r", `\n`).Replace(text)
}

// foldICS breaks a line after 75 bytes, between characters (RFC 5545 section 3.1).
func foldICS(line string) string {
	var b strings.Builder
	room := 75
	for _, r := range line {
		if n := len(string(r)); n > room {
			b.WriteString("\r\n ")
			room = 74
		}
		b.WriteRune(r)
		room -= len(string(r))
	}
	return b.String() + "\r\n"
}

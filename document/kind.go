package document

import (
	"bytes"
	"mime"
	"strings"
	"unicode/utf8"
)

type kind int

const (
	kindUnknown kind = iota
	kindZIP          // With all documents that are ZIP archives.
	kindTAR
	kindGZ
	kindBZ2
	kindOLE // With all documents that are compound files.
	kindPDF
	kindMail
	kindRTF
	kindHTML
	kindXML // With flat ODF.
	kindJSON
	kindCard // vCard and iCalendar.
	kindPlain
	kindPicture
)

// marks are what formats begin with.
var marks = []struct {
	mark string
	kind kind
}{
	{"PK\x03\x04", kindZIP},
	{"PK\x05\x06", kindZIP}, // Empty.
	{"\x1f\x8b\x08", kindGZ},
	{"BZh", kindBZ2},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", kindOLE},
	{`{\rt`, kindRTF}, // QUIRK: the version behind "rtf" may lack, and some write "rt" alone.
	{"%PDF-", kindPDF},
}

// textMarks are what formats that are text begin with, in small letters, behind
// white space.
var textMarks = []struct {
	mark string
	kind kind
}{
	{"<!doctype html", kindHTML},
	{"<html", kindHTML},
	{"<?xml", kindXML},
	{"mime-version:", kindMail}, // Word and Excel save web pages so, as .doc and .xls.
	{"begin:vcard", kindCard},
	{"begin:vcalendar", kindCard},
	{"%pdf-", kindPDF},
}

// byExtension and byType tell where the content does not.
var byExtension = map[string]kind{
	".zip": kindZIP, ".tar": kindTAR, ".eml": kindMail, ".mht": kindMail, ".mhtml": kindMail, ".nws": kindMail,
	".html": kindHTML, ".htm": kindHTML, ".xhtml": kindHTML, ".xht": kindHTML, ".shtml": kindHTML,
	".xml": kindXML, ".fodt": kindXML, ".fods": kindXML, ".fodp": kindXML, ".svg": kindXML, ".xsd": kindXML, ".xsl": kindXML, ".rss": kindXML,
	".json": kindJSON, ".jsonl": kindJSON, ".ndjson": kindJSON, ".geojson": kindJSON,
	".vcf": kindCard, ".vcard": kindCard, ".ics": kindCard, ".ical": kindCard, ".ifb": kindCard, ".vcs": kindCard,
	".txt": kindPlain, ".csv": kindPlain, ".tsv": kindPlain, ".tab": kindPlain, ".md": kindPlain, ".log": kindPlain, ".text": kindPlain,
	".asc": kindPlain, ".ini": kindPlain, ".cfg": kindPlain, ".conf": kindPlain, ".yaml": kindPlain, ".yml": kindPlain, ".sql": kindPlain, ".srt": kindPlain,
	".tex": kindPlain, ".diff": kindPlain, ".patch": kindPlain, ".bat": kindPlain, ".sh": kindPlain, ".ps1": kindPlain, ".reg": kindPlain,
	".doc": kindPlain, ".xls": kindPlain, // QUIRK: many programs export text under these names.
}

var byType = map[string]kind{
	"message/rfc822": kindMail, "message/global": kindMail, "multipart/related": kindMail,
	"text/html": kindHTML, "application/xhtml+xml": kindHTML,
	"text/xml": kindXML, "application/xml": kindXML, "image/svg+xml": kindXML,
	"application/json": kindJSON, "text/vcard": kindCard, "text/x-vcard": kindCard, "text/calendar": kindCard, "text/directory": kindCard,
	"application/x-tar": kindTAR, "application/zip": kindZIP,
}

// kindOf tells how to read a file: by what it begins with, else by its name,
// its type, and whether it is text at all.
func kindOf(name, mediaType string, content []byte) kind {
	for _, m := range marks {
		if bytes.HasPrefix(content, []byte(m.mark)) {
			return m.kind
		}
	}
	if _, ok := pictureFormatOf(content); ok {
		return kindPicture
	}
	if len(content) > 512 && bytes.HasPrefix(content[257:], []byte("ustar")) {
		return kindTAR
	}
	declared, _, err := mime.ParseMediaType(mediaType)
	if err != nil {
		declared = strings.ToLower(strings.TrimSpace(mediaType))
	}
	told := byExtension[extension(name)]
	if told == kindUnknown {
		told = byType[declared]
	}
	if told == kindMail || told == kindTAR {
		return told // Binary parts may be in both.
	}
	begins := kindOfText(content)
	isDeclaredText := begins != kindUnknown || told != kindUnknown && told != kindZIP || strings.HasPrefix(declared, "text/")
	switch {
	case !isText(content, isDeclaredText):
		if told == kindZIP {
			return told // Behind something else, as in an archive that unpacks itself.
		}
		return kindUnknown
	case begins == kindXML && told != kindUnknown && told != kindPlain:
		return told // It may be XHTML.
	case begins != kindUnknown:
		return begins
	case told == kindUnknown || told == kindZIP:
		return kindPlain
	}
	return told
}

// kindOfText tells a format that is text by what it begins with.
func kindOfText(content []byte) kind {
	head := content[:min(len(content), 2048)]
	if utf16Order(head) != 0 {
		head = bytes.ReplaceAll(head, []byte{0}, nil)
	}
	head = bytes.TrimLeft(bytes.TrimPrefix(bytes.TrimPrefix(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), []byte("\xff\xfe")), []byte("\xfe\xff")), " \t\r\n")
	head = bytes.ToLower(head)
	for _, m := range textMarks {
		if bytes.HasPrefix(head, []byte(m.mark)) {
			return m.kind
		}
	}
	return kindUnknown
}

// isText reports whether content can be text. What is declared to be text may
// be in any charset; else it has to be UTF-8, or UTF-16 that says so.
func isText(content []byte, declared bool) bool {
	head := content[:min(len(content), 64<<10)]
	if utf16Order(head) != 0 {
		return declared || head[0] >= 0xfe
	}
	odd := 0
	for _, c := range head {
		switch {
		case c == 0:
			return false
		case c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b:
			odd++
		}
	}
	if declared {
		return odd <= len(head)/20
	}
	for cut := 0; cut < utf8.UTFMax && cut < len(head); cut++ { // The last character may be cut.
		if utf8.Valid(head[:len(head)-cut]) {
			return odd <= len(head)/100
		}
	}
	return len(head) == 0
}

// utf16Order tells UTF-16 by its mark, or by the zeros that most languages of
// Europe have in every second octet: 'l' or 'b', 0 when it is something else.
func utf16Order(b []byte) byte {
	switch {
	case len(b) < 4:
		return 0
	case b[0] == 0xff && b[1] == 0xfe && (b[2] != 0 || b[3] != 0):
		return 'l'
	case b[0] == 0xfe && b[1] == 0xff:
		return 'b'
	}
	b = b[:min(len(b), 512)&^1]
	var zeros [2]int
	for i, c := range b {
		if c == 0 {
			zeros[i&1]++
		}
	}
	const most, few = 0.8, 0.05
	half := float64(len(b) / 2)
	switch even, odd := float64(zeros[0])/half, float64(zeros[1])/half; {
	case odd > most && even < few:
		return 'l'
	case even > most && odd < few:
		return 'b'
	}
	return 0
}

package document

import (
	"archive/zip"
	"bytes"
	"io"
	"mime"
	"slices"
	"strings"
)

// Format is what a file is by its bytes, in the words that people use; "" when they do not tell.
type Format string

// The formats that are told apart. Words never change meaning: they are kept.
const (
	FormatPDF    Format = "PDF"
	FormatHTML   Format = "HTML"
	FormatXML    Format = "XML"
	FormatText   Format = "text"
	FormatMail   Format = "mail" // Also a web page saved as one file.
	FormatCard   Format = "vCard or iCalendar"
	FormatRTF    Format = "RTF"
	FormatDOCX   Format = "DOCX"
	FormatXLSX   Format = "XLSX"
	FormatPPTX   Format = "PPTX"
	FormatDOC    Format = "DOC"
	FormatXLS    Format = "XLS"
	FormatPPT    Format = "PPT"
	FormatLocked Format = "encrypted Office"
	FormatODF    Format = "OpenDocument"
	FormatMSG    Format = "Outlook message"
	FormatOLE    Format = "OLE"
	FormatZIP    Format = "ZIP"
	FormatTAR    Format = "TAR"
	FormatGZ     Format = "GZIP"
	FormatBZ2    Format = "BZIP2"
	Format7Z     Format = "7Z"
	FormatRAR    Format = "RAR"
	FormatEXE    Format = "EXE"
	FormatELF    Format = "ELF"
	FormatPNG    Format = "PNG"
	FormatJPEG   Format = "JPEG"
	FormatGIF    Format = "GIF"
	FormatTIFF   Format = "TIFF"
	FormatWebP   Format = "WebP"
	FormatBMP    Format = "BMP"
	FormatHEIF   Format = "HEIC or AVIF"
	FormatMP3    Format = "MP3"
	FormatMP4    Format = "MP4"
	FormatWAV    Format = "WAV"
)

// byMark are formats by what they begin with; a dot stands for any octet.
var byMark = []struct {
	mark   string
	format Format
}{
	{"\x89PNG\r\n\x1a\n", FormatPNG}, {"\xff\xd8\xff", FormatJPEG}, {"GIF8", FormatGIF}, {"II*\x00", FormatTIFF}, {"MM\x00*", FormatTIFF},
	{"RIFF....WEBPVP8", FormatWebP}, {"BM....\x00\x00\x00\x00", FormatBMP},
	{"....ftyphei", FormatHEIF}, {"....ftypmif1", FormatHEIF}, {"....ftypavif", FormatHEIF},
	{"....ftyp", FormatMP4}, {"RIFF....WAVE", FormatWAV}, {"ID3", FormatMP3}, {"\xff\xfb", FormatMP3},
	{"7z\xbc\xaf\x27\x1c", Format7Z}, {"Rar!\x1a\x07", FormatRAR}, {"\x7fELF", FormatELF}, {"MZ", FormatEXE},
}

// FormatOf tells what a file is by its bytes alone.
func FormatOf(content []byte) Format {
	for _, m := range marks {
		if bytes.HasPrefix(content, []byte(m.mark)) {
			return formatOfKind(m.kind, content)
		}
	}
	text := isText(content, false)
	if k := kindOfText(content); k != kindUnknown && (text || isText(content, true)) {
		return formatOfKind(k, content)
	}
	if text { // Words may begin with MZ.
		if len(content) == 0 {
			return ""
		}
		return FormatText
	}
	for _, m := range byMark {
		if begins(content, m.mark) {
			return m.format
		}
	}
	switch {
	case len(content) > 512 && bytes.HasPrefix(content[257:], []byte("ustar")):
		return FormatTAR
	case bytes.Contains(content[:min(len(content), 1024)], []byte("%PDF-")): // QUIRK: readers of PDF pass over what stands before it.
		return FormatPDF
	}
	return ""
}

func formatOfKind(k kind, content []byte) Format {
	switch k {
	case kindZIP:
		return formatOfZIP(content)
	case kindOLE:
		return formatOfOLE(content)
	case kindGZ:
		return FormatGZ
	case kindBZ2:
		return FormatBZ2
	case kindPDF:
		return FormatPDF
	case kindRTF:
		return FormatRTF
	case kindHTML:
		return FormatHTML
	case kindXML:
		return formatOfXML(content)
	case kindMail:
		return FormatMail
	case kindCard:
		return FormatCard
	}
	return ""
}

// formatOfXML tells a web page that is XML from other XML, by its first element.
func formatOfXML(content []byte) Format {
	head := content[:min(len(content), 2048)]
	if utf16Order(head) != 0 {
		head = bytes.ReplaceAll(head, []byte{0}, nil)
	}
	head = bytes.ToLower(head)
	if bytes.Contains(head, []byte("<html")) || bytes.Contains(head, []byte("<!doctype html")) {
		return FormatHTML
	}
	return FormatXML
}

// formatOfZIP tells documents that are ZIP archives by the names of the files in them.
func formatOfZIP(content []byte) Format {
	z, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if z == nil || err != nil && len(z.File) == 0 {
		return FormatZIP
	}
	isPackage := slices.ContainsFunc(z.File, func(f *zip.File) bool { return f.Name == "[Content_Types].xml" || f.Name == "_rels/.rels" })
	for _, f := range z.File {
		switch {
		case f.Name == "mimetype" && isOpenDocument(f):
			return FormatODF
		case !isPackage:
		case strings.HasPrefix(f.Name, "word/"):
			return FormatDOCX
		case strings.HasPrefix(f.Name, "xl/"):
			return FormatXLSX
		case strings.HasPrefix(f.Name, "ppt/"):
			return FormatPPTX
		}
	}
	return FormatZIP
}

func isOpenDocument(f *zip.File) bool {
	r, err := f.Open()
	if err != nil {
		return false
	}
	defer r.Close()
	head, _ := io.ReadAll(io.LimitReader(r, 100)) // What it could is good enough.
	return bytes.HasPrefix(head, []byte("application/vnd.oasis.opendocument")) || bytes.HasPrefix(head, []byte("application/vnd.sun.xml"))
}

// formatOfOLE tells documents that are compound files by the streams in them.
func formatOfOLE(content []byte) Format {
	c, ok := openCompound(content)
	if !ok {
		return FormatOLE
	}
	for _, i := range c.children(0) {
		switch c.entries[i].name {
		case "EncryptedPackage", "EncryptionInfo", "DRMEncryptedDataSpace":
			return FormatLocked
		case "WordDocument":
			return FormatDOC
		case "Workbook", "Book":
			return FormatXLS
		case "PowerPoint Document":
			return FormatPPT
		case msgPropertyStream:
			return FormatMSG
		}
	}
	return FormatOLE
}

// What a name or a declared type leaves open. What a program opens without a word under a name is no contradiction.
var (
	anyText = []Format{FormatText, FormatHTML, FormatXML, FormatMail, FormatCard, FormatRTF}
	asHTML  = []Format{FormatHTML, FormatXML, FormatText, FormatMail}
	asXML   = []Format{FormatXML, FormatHTML, FormatText}
	asMail  = []Format{FormatMail, FormatText, FormatHTML}
	asCard  = []Format{FormatCard, FormatText}
	asWord  = []Format{FormatDOC, FormatDOCX, FormatRTF, FormatLocked, FormatXML, FormatMail, FormatText} // QUIRK: many programs export text under these names.
	asExcel = []Format{FormatXLS, FormatXLSX, FormatLocked, FormatXML, FormatMail, FormatText}
	asPPT   = []Format{FormatPPT, FormatPPTX, FormatLocked}
	asODF   = []Format{FormatODF}
	asZIP   = []Format{FormatZIP, FormatDOCX, FormatXLSX, FormatPPTX, FormatODF}
)

// named are the formats that fit the ending of a name.
var named = map[string][]Format{
	".pdf": {FormatPDF}, ".rtf": {FormatRTF},
	".html": asHTML, ".htm": asHTML, ".xhtml": asHTML, ".xml": asXML, ".svg": asXML,
	".txt": anyText, ".csv": anyText, ".tsv": anyText, ".md": anyText, ".log": anyText, ".json": anyText,
	".eml": asMail, ".mht": asMail, ".mhtml": asMail, ".ics": asCard, ".vcf": asCard,
	".doc": asWord, ".dot": asWord, ".docx": {FormatDOCX, FormatLocked}, ".docm": {FormatDOCX, FormatLocked}, ".dotx": {FormatDOCX, FormatLocked},
	".xls": asExcel, ".xlsx": {FormatXLSX, FormatLocked}, ".xlsm": {FormatXLSX, FormatLocked}, ".xlsb": {FormatXLSX, FormatLocked},
	".ppt": asPPT, ".pptx": {FormatPPTX, FormatLocked}, ".pptm": {FormatPPTX, FormatLocked}, ".ppsx": {FormatPPTX, FormatLocked},
	".odt": asODF, ".ods": asODF, ".odp": asODF, ".msg": {FormatMSG},
	".zip": asZIP, ".tar": {FormatTAR}, ".gz": {FormatGZ}, ".tgz": {FormatGZ}, ".bz2": {FormatBZ2}, ".7z": {Format7Z}, ".rar": {FormatRAR},
	".exe": {FormatEXE}, ".dll": {FormatEXE}, ".scr": {FormatEXE},
	".png": {FormatPNG}, ".jpg": {FormatJPEG}, ".jpeg": {FormatJPEG}, ".jfif": {FormatJPEG}, ".gif": {FormatGIF}, ".tif": {FormatTIFF}, ".tiff": {FormatTIFF},
	".webp": {FormatWebP}, ".bmp": {FormatBMP}, ".heic": {FormatHEIF}, ".heif": {FormatHEIF}, ".avif": {FormatHEIF},
	".mp3": {FormatMP3}, ".mp4": {FormatMP4}, ".m4a": {FormatMP4}, ".mov": {FormatMP4}, ".wav": {FormatWAV},
}

// declared are the formats that fit a media type. Types that senders write for whatever they do not know are not among them.
var declared = map[string][]Format{
	"application/pdf": {FormatPDF}, "application/x-pdf": {FormatPDF}, "application/rtf": {FormatRTF}, "text/rtf": {FormatRTF, FormatText},
	"text/html": asHTML, "application/xhtml+xml": asHTML, "text/xml": asXML, "application/xml": asXML, "image/svg+xml": asXML,
	"text/plain": anyText, "text/csv": anyText, "application/json": anyText, "message/rfc822": asMail, "text/calendar": asCard, "text/vcard": asCard, "text/x-vcard": asCard,
	"application/msword":            asWord,  // QUIRK: mail programs declare what Word writes today as what it wrote in 1997.
	"application/vnd.ms-excel":      asExcel, // QUIRK: also CSV, where Excel is installed.
	"application/vnd.ms-powerpoint": asPPT,
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   {FormatDOCX, FormatLocked},
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         {FormatXLSX, FormatLocked},
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": {FormatPPTX, FormatLocked},
	"application/vnd.oasis.opendocument.text":                                   asODF, "application/vnd.oasis.opendocument.spreadsheet": asODF, "application/vnd.oasis.opendocument.presentation": asODF,
	"application/zip": asZIP, "application/x-zip-compressed": asZIP,
	"image/png": {FormatPNG}, "image/jpeg": {FormatJPEG}, "image/jpg": {FormatJPEG}, "image/pjpeg": {FormatJPEG}, "image/gif": {FormatGIF}, "image/tiff": {FormatTIFF},
	"image/webp": {FormatWebP}, "image/bmp": {FormatBMP}, "image/heic": {FormatHEIF}, "image/avif": {FormatHEIF},
	"audio/mpeg": {FormatMP3}, "video/mp4": {FormatMP4}, "audio/wav": {FormatWAV},
}

// Contradicts says in which way a name or a declared type is not what the bytes are: "named .pdf, is HTML". It
// is "" when they agree, and when one of them does not tell.
func (f Format) Contradicts(name, mediaType string) string {
	if f == "" {
		return ""
	}
	ending := extension(name)
	if fits := named[ending]; fits != nil && !slices.Contains(fits, f) {
		return "named " + ending + ", is " + string(f)
	}
	said, _, err := mime.ParseMediaType(mediaType)
	if err != nil {
		said = strings.ToLower(strings.TrimSpace(mediaType))
	}
	if fits := declared[said]; fits != nil && !slices.Contains(fits, f) {
		return "declared " + said + ", is " + string(f)
	}
	return ""
}

package message

import (
	"bytes"
	"hash/crc32"
	"strconv"
	"strings"
)

// span is a run of bytes.
type span struct{ start, end int }

// fileInText is a file that was encoded between the lines of a text, with the
// line that begins it and the one that ends it.
type fileInText struct {
	span
	form string
	name string
	data []byte
	code string // Of its defect; "" when there is none.
}

// openText adds the files that stand between the lines of the text of part n
// (POSIX uuencode in both of its forms, yEnc 1.3). The text is read without
// them. A file has an offset of its own where the text is not encoded.
func (p *parser) openText(n int) {
	from := p.m.Parts[n]
	content := p.m.Content(n)
	for f := range filesInText(content) {
		if f.code != "" {
			p.defect(f.code, from.Path, f.name)
		}
		if f.data == nil {
			continue
		}
		at, ok := p.addFile(n, f.form, or(f.name, "file"), "", f.data)
		if !ok {
			return
		}
		if file := &p.m.Parts[at]; from.Form == "" && identity(from.Encoding) {
			file.Start, file.Body, file.End = from.Body+f.start, from.Body+f.start, from.Body+f.end
		}
		p.m.Parts[n].files = append(p.m.Parts[n].files, f.span)
	}
}

// without is the text but for some runs.
func without(b []byte, runs []span) []byte {
	out := make([]byte, 0, len(b))
	at := 0
	for _, r := range runs {
		out = append(out, b[at:r.start]...)
		at = r.end
	}
	return append(out, b[at:]...)
}

// filesInText yields what it finds. A line that begins a file and is followed
// by none, as people write, is text.
func filesInText(b []byte) func(yield func(fileInText) bool) {
	return func(yield func(fileInText) bool) {
		if !bytes.Contains(b, []byte("begin")) {
			return
		}
		lastEnd := bytes.LastIndex(b, []byte("\n=yend "))
		for at := 0; at < len(b); {
			line, next := lineAt(b, at, len(b))
			f := fileInText{span: span{at, next}}
			switch {
			case bytes.HasPrefix(line, []byte("begin ")):
				f.uu(b, line)
			case bytes.HasPrefix(line, []byte("begin-base64 ")):
				f.base64(b, line)
			case bytes.HasPrefix(line, []byte("=ybegin ")) && yValue(line, "line") != "":
				if at >= lastEnd {
					f.code = "yenc-truncated"
					break
				}
				f.yEnc(b, line)
			}
			if (f.data != nil || f.code != "") && !yield(f) {
				return
			}
			at = f.end
		}
	}
}

// uuName reads the mode and the name of the line that begins a file.
func uuName(line []byte) (name string, ok bool) {
	_, rest, _ := bytes.Cut(line, []byte(" "))
	mode, file, ok := bytes.Cut(bytes.TrimLeft(rest, " "), []byte(" "))
	if !ok || len(mode) < 3 || len(mode) > 4 || len(bytes.Trim(mode, "01234567")) > 0 {
		return "", false
	}
	return decodeUnlabelled(strings.TrimSpace(string(file))), true
}

// uu reads the lines behind "begin". f stays without data when they are not
// what they should be.
func (f *fileInText) uu(b, line []byte) {
	name, ok := uuName(line)
	if !ok {
		return
	}
	var data []byte
	lines := 0
	for at := f.end; ; lines++ {
		line, next := lineAt(b, at, len(b))
		following, _ := lineAt(b, next, len(b))
		if n := uuLength(line, following); n < 0 || at == len(b) {
			if lines > 0 { // The end is missing.
				f.name, f.form, f.end, f.code = name, formUU, at, "uuencode-truncated"
				f.data = append([]byte{}, data...)
			}
			return
		} else if n == 0 {
			end, after := lineAt(b, next, len(b))
			if len(line) == 0 || !bytes.Equal(bytes.TrimRight(end, " \t"), []byte("end")) {
				after, f.code = next, "uuencode-truncated"
			}
			f.name, f.form, f.end = name, formUU, after
			f.data = append([]byte{}, data...)
			return
		}
		data = appendUULine(data, line)
		at = next
	}
}

// uuLength is how many bytes a line says it holds; -1 when it holds not that
// many. QUIRK: a checksum may follow; and blanks at its end, which some write
// for zero, get lost on the way, which a line of the file behind it tells from
// one that was cut.
func uuLength(line, following []byte) int {
	if !uuDigits(line) {
		return -1
	}
	n := int(line[0]-' ') & 63
	need := (n + 2) / 3 * 4
	if have := len(line) - 1; have > need+2 || have < need && (line[0] != 'M' || !uuDigits(following)) {
		return -1
	}
	return n
}

func uuDigits(line []byte) bool {
	for _, c := range line {
		if c < ' ' || c > '`' {
			return false
		}
	}
	return len(line) > 0 && len(line) <= 100
}

func (f *fileInText) base64(b, line []byte) {
	name, ok := uuName(line)
	if !ok {
		return
	}
	begin := f.end
	for at := begin; ; {
		line, next := lineAt(b, at, len(b))
		ended := bytes.Equal(line, []byte("===="))
		if !ended && len(line) > 0 && base64Digit(line[0]) >= 0 && bytes.IndexByte(line, ' ') < 0 {
			at = next
			continue
		}
		if at == begin && !ended {
			return
		}
		f.name, f.form, f.end, f.data = name, formUU, next, decodeBase64(b[begin:at])
		if !ended {
			f.end, f.code = at, "uuencode-truncated"
		}
		return
	}
}

// yValue reads a value of a line of control; a name is the last and reaches to
// the end.
func yValue(line []byte, key string) string {
	_, v, ok := bytes.Cut(line, []byte(" "+key+"="))
	if !ok {
		return ""
	}
	if key != "name" {
		v, _, _ = bytes.Cut(v, []byte(" "))
	}
	return strings.Trim(string(v), " \t\"")
}

// yEnc reads to the next line of control. f stays without data when that
// begins another file.
func (f *fileInText) yEnc(b, line []byte) {
	begin := f.end
	if part, next := lineAt(b, begin, len(b)); bytes.HasPrefix(part, []byte("=ypart ")) {
		begin = next
	}
	end := begin
	if !bytes.HasPrefix(b[begin:], []byte("=y")) {
		n := bytes.Index(b[begin:], []byte("\n=y")) // The escape of a "9" never begins a line in this way.
		if n < 0 {
			f.code = "yenc-truncated"
			return
		}
		end = begin + n + 1
	}
	last, next := lineAt(b, end, len(b))
	if !bytes.HasPrefix(last, []byte("=yend ")) {
		f.end, f.code = end, "yenc-truncated"
		return
	}
	f.name, f.form, f.end = decodeUnlabelled(yValue(line, "name")), formYEnc, next
	f.data = decodeYEncLines(b[begin:end])
	part := yValue(line, "part")
	sum := yValue(last, "crc32")
	if part != "" {
		sum = yValue(last, "pcrc32")
	}
	want, err := strconv.ParseUint(sum, 16, 32)
	switch {
	case yValue(last, "size") != strconv.Itoa(len(f.data)) || err == nil && uint32(want) != crc32.ChecksumIEEE(f.data):
		f.code = "yenc-damaged"
	case part != "" && part+yValue(line, "total") != "11":
		f.code = "yenc-part"
	}
}

// decodeYEncLines undoes yEnc: each octet is 42 more than it was, and 64 more
// again behind an equals sign.
func decodeYEncLines(b []byte) []byte {
	out := make([]byte, 0, len(b))
	escaped := false
	for _, c := range b {
		switch {
		case c == '\r' || c == '\n':
		case escaped:
			out = append(out, c-64-42)
			escaped = false
		case c == '=':
			escaped = true
		default:
			out = append(out, c-42)
		}
	}
	return out
}

// decodeYEnc decodes the first file of a text, and the text as such where it
// has no line that begins one.
func decodeYEnc(b []byte) []byte {
	for f := range filesInText(b) {
		if f.form == formYEnc {
			return f.data
		}
	}
	return decodeYEncLines(b)
}

// nameInText is the name that the first file of an encoded body tells.
func nameInText(encoding string, b []byte) string {
	switch encoding {
	case "x-uuencode", "uuencode", "x-uue", "uue":
		if at := bytes.Index(b, []byte("begin ")); at >= 0 {
			line, _ := lineAt(b, at, len(b))
			name, _ := uuName(line)
			return name
		}
	case "x-yencode", "yencode", "x-yenc", "yenc":
		if at := bytes.Index(b, []byte("=ybegin ")); at >= 0 {
			line, _ := lineAt(b, at, len(b))
			return decodeUnlabelled(yValue(line, "name"))
		}
	}
	return ""
}

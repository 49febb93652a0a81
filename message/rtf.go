package message

import (
	"encoding/binary"
	"strconv"
	"strings"
	"unicode/utf16"
)

// rtfDictionary is what the window of the compression holds at the beginning
// (MS-OXRTFCP section 2.1.2.1).
const rtfDictionary = `{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0` +
	"\r\n" + `\par \pard\plain\f0\fs20\b\i\u\tab\tx`

// RTFText reads an RTF document: all its text with headers, footers, notes,
// comments and text boxes where they stand, without what was deleted.
func RTFText(b []byte) string {
	r := newRTF(b)
	r.document = true
	text, isHTML := r.read()
	if isHTML {
		text = htmlText(text)
	}
	return normalise(text)
}

// DecompressRTF undoes MS-OXRTFCP as far as it goes.
func DecompressRTF(b []byte) []byte {
	rtf, _ := decompressRTF(b)
	return rtf
}

// DecodeCodepage makes UTF-8 of octets in a code page of Windows.
func DecodeCodepage(page int, b []byte) string { return decodeCharset(charsetOf(page), b) }

// decompressRTF undoes MS-OXRTFCP: size(4) raw size(4) type(4) CRC(4), then
// LZ77 over a window of 4 KiB. It returns what it could and the code of the
// defect. At most maxText bytes come out, and at most nine for each that goes
// in.
func decompressRTF(b []byte) (rtf []byte, code string) {
	const header = 16
	if len(b) < header {
		return nil, "rtf-truncated"
	}
	rawSize := uint64(binary.LittleEndian.Uint32(b[4:]))
	switch string(b[8:12]) {
	case "MELA": // Not compressed.
		return b[header:][:min(rawSize, uint64(len(b)-header))], ""
	case "LZFu":
	default:
		return nil, "rtf-unreadable"
	}
	b = b[header:]
	var window [4096]byte
	at := copy(window[:], rtfDictionary)
	put := func(c byte) {
		rtf = append(rtf, c)
		window[at] = c
		at = (at + 1) % len(window)
	}
	for len(b) > 0 {
		control := b[0]
		b = b[1:]
		for bit := 0; bit < 8; bit++ {
			if len(rtf) >= maxText {
				return rtf, "text-limit"
			}
			if control>>bit&1 == 0 {
				if len(b) == 0 {
					return rtf, "rtf-truncated"
				}
				put(b[0])
				b = b[1:]
				continue
			}
			if len(b) < 2 {
				return rtf, "rtf-truncated"
			}
			reference := int(binary.BigEndian.Uint16(b))
			b = b[2:]
			from := reference >> 4
			if from == at { // Section 2.1.3.1.4: the end.
				return rtf, ""
			}
			for range reference&15 + 2 {
				put(window[from])
				from = (from + 1) % len(window)
			}
		}
	}
	return rtf, "rtf-truncated"
}

// readRTF takes out of RTF the HTML or text that it was made of (MS-OXRTFEX),
// or the text alone where it was written as RTF.
func readRTF(b []byte) (text string, isHTML bool) {
	return newRTF(b).read()
}

func newRTF(b []byte) *rtfReader {
	return &rtfReader{rest: b, fonts: map[int]int{}, codepage: 1252, state: rtfState{unicodeSkip: 1}}
}

func (r *rtfReader) read() (text string, isHTML bool) {
	for len(r.rest) > 0 {
		c := r.rest[0]
		r.rest = r.rest[1:]
		switch c {
		case '{':
			r.open()
		case '}':
			r.close()
		case '\\':
			r.control()
		case '\r', '\n':
			r.star = false
		default:
			r.octet(c)
		}
	}
	r.flush()
	return r.out.String(), r.isHTML
}

// rtfState is what a group inherits and its end restores.
type rtfState struct {
	skip        bool // Nothing of the group is text.
	deleted     bool // In a document: what was crossed out.
	fontTable   bool
	tag         bool // Inside \*\htmltag: markup.
	rtfOnly     bool // Behind \htmlrtf: for readers of RTF.
	codepage    int  // Of the font; 0 for that of the document.
	unicodeSkip int  // Octets behind \u that say the same.
}

// rtfReader goes through RTF once.
type rtfReader struct {
	rest     []byte
	document bool // All of a document is wanted, not the body of a mail.
	out      strings.Builder
	pending  []byte // Octets that wait for the rest of their character.
	half     rune   // The first half of a pair that waits for the second; 0 when none.
	state    rtfState
	outer    []rtfState
	deep     int  // Groups that are open and not in outer, since too deep.
	star     bool // \* was before this.
	ignore   int  // Octets that repeat a \u.
	isHTML   bool
	codepage int
	fonts    map[int]int // Code page of each font.
	font     int         // In the font table: the one that is described.
}

func (r *rtfReader) open() {
	r.flush()
	r.star, r.ignore = false, 0
	if len(r.outer) >= 1000 {
		r.deep++
		return
	}
	r.outer = append(r.outer, r.state)
}

func (r *rtfReader) close() {
	r.flush()
	r.star, r.ignore = false, 0
	switch n := len(r.outer); {
	case r.deep > 0:
		r.deep--
	case n > 0:
		r.state, r.outer = r.outer[n-1], r.outer[:n-1]
	}
}

func (r *rtfReader) shown() bool {
	return !r.state.skip && !r.state.deleted && !r.state.fontTable && (r.state.tag || !r.state.rtfOnly)
}

func (r *rtfReader) octet(c byte) {
	r.star = false
	if r.ignore > 0 {
		r.ignore--
		return
	}
	if r.half != 0 {
		r.write("")
	}
	if r.shown() {
		r.pending = append(r.pending, c)
	}
}

func (r *rtfReader) write(s string) {
	r.flush()
	if r.half != 0 {
		s, r.half = "\uFFFD"+s, 0
	}
	if r.shown() {
		r.out.WriteString(s)
	}
}

func (r *rtfReader) flush() {
	if len(r.pending) == 0 {
		return
	}
	page := r.state.codepage
	if page == 0 {
		page = r.codepage
	}
	r.out.WriteString(decodeCharset(charsetOf(page), r.pending))
	r.pending = r.pending[:0]
}

// control reads what a backslash introduces: a symbol, or a word with a number.
func (r *rtfReader) control() {
	if len(r.rest) == 0 {
		return
	}
	if c := r.rest[0]; c|0x20 < 'a' || c|0x20 > 'z' {
		r.rest = r.rest[1:]
		r.symbol(c)
		return
	}
	n := 0
	for n < len(r.rest) && r.rest[n]|0x20 >= 'a' && r.rest[n]|0x20 <= 'z' && n < 32 {
		n++
	}
	word := string(r.rest[:n])
	r.rest = r.rest[n:]
	n = 0
	for n < len(r.rest) && n < 11 && (r.rest[n] >= '0' && r.rest[n] <= '9' || n == 0 && r.rest[n] == '-') {
		n++
	}
	number, err := strconv.Atoi(string(r.rest[:n]))
	r.rest = r.rest[n:]
	if len(r.rest) > 0 && r.rest[0] == ' ' {
		r.rest = r.rest[1:]
	}
	r.word(word, number, err == nil)
	r.star = false
}

func (r *rtfReader) symbol(c byte) {
	switch c {
	case '*':
		r.star = true
		return
	case '\'':
		if len(r.rest) >= 2 && isHex(r.rest[0]) && isHex(r.rest[1]) {
			v := unhex(r.rest[0])<<4 | unhex(r.rest[1])
			r.rest = r.rest[2:]
			r.octet(v)
		}
	case '~':
		r.write("\u00a0")
	case '_':
		r.write("-")
	case '\\', '{', '}':
		r.octet(c)
	case '\r', '\n':
		r.write("\n")
	}
	r.star = false
}

func (r *rtfReader) word(word string, number int, given bool) {
	switch word {
	case "htmltag":
		r.flush()
		r.state.tag = r.star
	case "htmlrtf":
		r.flush()
		r.state.rtfOnly = !given || number != 0
	case "fromhtml":
		r.isHTML = true
	case "ansicpg":
		if charsetOf(number) != "" {
			r.codepage = number
		}
	case "fonttbl":
		r.state.fontTable = true
	case "f":
		r.setFont(number)
	case "fcharset":
		if page := fontCodepage(number); r.state.fontTable && page != 0 {
			r.fonts[r.font] = page
		}
	case "uc":
		r.state.unicodeSkip = max(0, min(number, 16))
	case "u":
		r.unicode(number)
	case "bin":
		r.rest = r.rest[max(0, min(number, len(r.rest))):]
	case "colortbl", "stylesheet", "info", "pict", "mhtmltag":
		r.flush()
		r.state.skip = true
	case "header", "footer":
		r.flush()
		r.state.skip = r.state.skip || !r.document
	default:
		if r.document && r.ofDocument(word, number, given) {
			return
		}
		if r.star {
			r.flush()
			r.state.skip = true
			return
		}
		if s, ok := rtfCharacters[word]; ok {
			r.write(s)
		}
	}
}

// ofDocument reads a word that matters in documents alone.
func (r *rtfReader) ofDocument(word string, number int, given bool) bool {
	switch word {
	case "annotation", "shpinst", "shptxt": // Comments and text boxes.
	case "sp", "shprslt", "nonshppict": // What a shape is like, and the same once more for old readers.
		r.state.skip = true
	case "headerl", "headerr", "headerf", "footerl", "footerr", "footerf", "footnote":
	case "deleted":
		r.state.deleted = !given || number != 0
		return true
	case "plain":
		r.state.deleted = false
		return true
	default:
		return false
	}
	if n := r.out.Len(); n > 0 && r.out.String()[n-1] != '\n' {
		r.write("\n")
	}
	return true
}

var rtfCharacters = map[string]string{
	"par": "\n", "line": "\n", "row": "\n", "sect": "\n", "page": "\n", "tab": "\t", "cell": "\t",
	"lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”", "bullet": "•", "endash": "–", "emdash": "—",
}

func (r *rtfReader) setFont(n int) {
	if r.state.fontTable {
		r.font = n
		return
	}
	r.flush()
	r.state.codepage = r.fonts[n]
}

// unicode writes the character of \uN: a signed UTF-16 unit. Halves of a pair
// come one after the other, maybe with other words between them.
func (r *rtfReader) unicode(n int) {
	unit := rune(uint16(n))
	switch {
	case unit >= 0xd800 && unit < 0xdc00:
		r.write("")
		r.half = unit
	case r.half != 0:
		pair := utf16.DecodeRune(r.half, unit)
		r.half = 0
		r.write(string(pair)) // U+FFFD when it is none.
	default:
		r.write(string(unit)) // The second half alone becomes U+FFFD.
	}
	r.ignore = r.state.unicodeSkip
}

// fontCodepage is the code page of \fcharset; 0 when the document's counts.
func fontCodepage(charset int) int {
	return map[int]int{
		77: 10000, 128: 932, 129: 949, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258,
		177: 1255, 178: 1256, 186: 1257, 204: 1251, 222: 874, 238: 1250,
	}[charset]
}

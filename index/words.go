package index

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/words"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Words are found as Unicode segments text (UAX #29) and then cut at
// everything that is neither letter, mark nor digit, so that "example.com" is
// the two words example and com next to each other. A query is cut the same
// way and asks for a phrase; thus a part of a name finds the whole.
//
// Words are folded: compatibility forms (NFKC), case, and the diacritics of
// alphabets in which people leave them out. Runs of scripts that put no space
// between words become overlapping pairs of characters, and the last
// character alone, so that every substring of the run can be asked for:
//
//	日本語  ->  日本 本語 語
type wordKind uint8

const (
	plainWord wordKind = iota
	pairWord           // two characters of a run
	tailWord           // the last character of a run
)

// word is one word of a text. Term is valid until the next one.
type word struct {
	Term       []byte
	Kind       wordKind
	Start, End int // Byte offsets in the text.
}

// Terms longer than maxTerm bytes are kept as their beginning and a hash, so
// that they still differ; a prefix query reaches into the beginning.
const (
	maxTerm  = 120
	termHead = 96
)

// wordCutter cuts texts into words; it is not for concurrent use.
type wordCutter struct {
	buf  []byte
	only *wordFilter       // Of words in ASCII only those are given that may be among these.
	over bool              // Words were passed over since the last one that was given.
	run  []runeUnit        // of a script without spaces, not given out yet
	fold map[string]string // folded forms of words that are not ASCII
	seg  *words.Iterator[string]
}

// runeUnit is a character with its marks.
type runeUnit struct {
	text       string
	start, end int
}

func newWordCutter() *wordCutter {
	return &wordCutter{fold: map[string]string{}, seg: words.FromString("")}
}

// The classes of ASCII bytes: 0 is anything else, 1 white space; letters and
// digits stand for their folded form.
var asciiClass = func() (c [utf8.RuneSelf]byte) {
	for _, b := range []byte(" \t\n\v\f\r") {
		c[b] = 1
	}
	for b := byte('0'); b <= '9'; b++ {
		c[b] = b
	}
	for b := byte('a'); b <= 'z'; b++ {
		c[b], c[b-'a'+'A'] = b, b
	}
	return c
}()

// cut calls yield with the words of text until it returns false.
func (c *wordCutter) cut(text string, yield func(word) bool) {
	for i := 0; i < len(text); {
		if c.only != nil {
			if i = c.pass(text, i); i == len(text) {
				return
			}
		}
		b := text[i]
		if b < utf8.RuneSelf && asciiClass[b] <= 1 {
			i++
			continue
		}
		end, ascii := chunkEnd(text, i)
		if ascii {
			if !c.cutASCII(text, i, end, yield) {
				return
			}
		} else if !c.cutUnicode(text[i:end], i, yield) {
			return
		}
		i = end
	}
}

// wordFilter tells which words in ASCII are none of some, by their first two letters.
type wordFilter struct {
	first, alone [utf8.RuneSelf]bool      // How one of them begins; which of them have one letter.
	pairs        [utf8.RuneSelf][2]uint64 // How one of them goes on.
}

// add has the filter let a word through, or all that begin with it.
func (f *wordFilter) add(word string, prefix bool) {
	a := word[0]
	if a >= utf8.RuneSelf {
		return
	}
	f.first[a] = true
	switch {
	case len(word) == 1:
		f.alone[a] = true
		if prefix {
			f.pairs[a] = [2]uint64{^uint64(0), ^uint64(0)}
		}
	case word[1] < utf8.RuneSelf:
		f.pairs[a][word[1]/64] |= 1 << (word[1] % 64)
	}
}

// lets reports whether the word of letters and digits that begins at i may be one of them.
func (f *wordFilter) lets(text string, i int) bool {
	a := asciiClass[text[i]]
	if !f.first[a] {
		return false
	}
	if i+1 == len(text) || text[i+1] >= utf8.RuneSelf {
		return true
	}
	b := asciiClass[text[i+1]]
	if b <= 1 {
		return f.alone[a]
	}
	return f.pairs[a][b/64]>>(b%64)&1 != 0
}

// pass returns where the first chunk of text behind start begins that may have a word to be given.
func (c *wordCutter) pass(text string, start int) int {
	chunk := start
	for i := start; i < len(text); {
		b := text[i]
		if b >= utf8.RuneSelf {
			return chunk
		}
		switch class := asciiClass[b]; {
		case class == 0:
			i++
		case class == 1:
			i++
			chunk = i
		case c.only.lets(text, i):
			return chunk
		default:
			c.over = true
			for i++; i < len(text) && text[i] < utf8.RuneSelf && asciiClass[text[i]] > 1; i++ {
			}
		}
	}
	return len(text)
}

// chunkEnd finds the white space behind start, at which words always end.
func chunkEnd(text string, start int) (end int, ascii bool) {
	ascii = true
	for end = start; end < len(text); end++ {
		b := text[end]
		if b >= utf8.RuneSelf {
			ascii = false
		} else if asciiClass[b] == 1 {
			break
		}
	}
	return end, ascii
}

// cutASCII gives out the runs of letters and digits. UAX #29 never breaks
// inside one, so the general way would give the same.
func (c *wordCutter) cutASCII(text string, i, end int, yield func(word) bool) bool {
	for i < end {
		buf, start := c.buf[:0], i
		if c.only != nil && asciiClass[text[i]] != 0 && !c.only.lets(text, i) {
			for i < end && asciiClass[text[i]] != 0 {
				i++
			}
			c.over = true
			continue
		}
		for i < end {
			b := asciiClass[text[i]]
			if b == 0 {
				break
			}
			buf = append(buf, b)
			i++
		}
		c.buf = buf
		if len(buf) > 0 && !yield(word{clip(buf), plainWord, start, i}) {
			return false
		}
		i++
	}
	return true
}

func (c *wordCutter) cutUnicode(chunk string, base int, yield func(word) bool) bool {
	c.run = c.run[:0]
	c.seg.SetText(chunk)
	for c.seg.Next() {
		text, start := c.seg.Value(), base+c.seg.Start()
		for len(text) > 0 {
			n := scriptRun(text)
			if !c.piece(text[:n], start, yield) {
				return false
			}
			text, start = text[n:], start+n
		}
	}
	return c.flush(yield)
}

// scriptRun is the length of the beginning of a segment that is all of spaceless scripts, or all not.
func scriptRun(text string) int {
	first, size := utf8.DecodeRuneInString(text)
	dense := spaceless(first)
	for i, r := range text[size:] {
		if !joins(r) && spaceless(r) != dense {
			return size + i
		}
	}
	return len(text)
}

// joins reports whether r belongs to the character before it: a mark, or a voicing sign of
// narrow Katakana, which counts as a letter of no script.
func joins(r rune) bool { return unicode.Is(unicode.M, r) || r == 'ﾞ' || r == 'ﾟ' }

// spaceless reports whether r is of a script written without spaces, or, for
// Hangul, with spaces that leave particles on the words.
func spaceless(r rune) bool {
	return r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul,
		unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) || r == 'ー' || r == 'ｰ'
}

// piece takes a segment of one kind of script.
func (c *wordCutter) piece(text string, start int, yield func(word) bool) bool {
	if r, _ := utf8.DecodeRuneInString(text); spaceless(r) {
		return c.dense(text, start, yield)
	}
	if !c.flush(yield) {
		return false
	}
	for _, term := range strings.FieldsFunc(c.folded(text), notInWord) {
		c.buf = append(c.buf[:0], term...)
		if !yield(word{clip(c.buf), plainWord, start, start + len(text)}) {
			return false
		}
	}
	return true
}

// dense adds the characters of text to the present run, or begins a new one when they do not touch it.
func (c *wordCutter) dense(text string, start int, yield func(word) bool) bool {
	if n := len(c.run); n > 0 && c.run[n-1].end != start && !c.flush(yield) {
		return false
	}
	from := len(c.run)
	for i, r := range text {
		end := start + i + utf8.RuneLen(r)
		if r == utf8.RuneError {
			end = start + i + 1
		}
		if n := len(c.run); n > from && joins(r) {
			c.run[n-1].end = end
			continue
		}
		c.run = append(c.run, runeUnit{start: start + i, end: end})
	}
	for i := from; i < len(c.run); i++ {
		u := &c.run[i]
		u.text = c.folded(text[u.start-start : u.end-start])
	}
	return true
}

// flush gives out the present run.
func (c *wordCutter) flush(yield func(word) bool) bool {
	run := c.run
	c.run = c.run[:0]
	for i, u := range run {
		w := word{Kind: tailWord, Start: u.start, End: u.end}
		c.buf = append(c.buf[:0], u.text...)
		if i+1 < len(run) {
			w.Kind, w.End = pairWord, run[i+1].end
			c.buf = append(c.buf, run[i+1].text...)
		}
		w.Term = c.buf
		if !yield(w) {
			return false
		}
	}
	return true
}

func notInWord(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.Is(unicode.M, r)
}

// maxFolds bounds the memory of a cutter that sees many languages.
const maxFolds = 50_000

func (c *wordCutter) folded(s string) string {
	if f, ok := c.fold[s]; ok {
		return f
	}
	s = strings.Clone(s) // What folding leaves as it is must not hold the text, nor outlive it.
	f := fold(s)
	if len(c.fold) >= maxFolds {
		clear(c.fold)
	}
	c.fold[s] = f
	return f
}

// letters that carry a stroke or are joined, and so do not decompose.
var letters = strings.NewReplacer("ø", "o", "đ", "d", "ð", "d", "ł", "l", "ħ", "h", "ŧ", "t", "ı", "i",
	"æ", "ae", "œ", "oe", "þ", "th", "ς", "σ")

// fold brings forms of a word together that people take for the same.
func fold(s string) string {
	s = cases.Fold().String(norm.NFKD.String(s))
	s = strings.Map(func(r rune) rune {
		if droppedMark(r) || r == 0 {
			return -1
		}
		return r
	}, norm.NFKD.String(s))
	return norm.NFC.String(letters.Replace(s))
}

// droppedMark tells the marks that writers leave out: of Latin, Greek and
// Cyrillic, the points of Hebrew and Arabic. Those of other scripts are vowels.
// Soft hyphens and other invisible characters go as well.
func droppedMark(r rune) bool {
	return r >= 0x0300 && r <= 0x036f || r >= 0x0591 && r <= 0x05c7 || r >= 0x064b && r <= 0x0652 ||
		r == 0x0640 || unicode.Is(unicode.Cf, r)
}

// clip shortens a long term in place.
func clip(term []byte) []byte {
	if len(term) <= maxTerm {
		return term
	}
	sum := sha256.Sum256(term)
	return append(clipHead(term), hex.EncodeToString(sum[:8])...)
}

// clipHead is the part of a long term that is kept as it is.
func clipHead(term []byte) []byte {
	if len(term) <= maxTerm {
		return term
	}
	n := termHead
	for n > 0 && !utf8.RuneStart(term[n]) {
		n--
	}
	return term[:n]
}

// exactTerm folds a value that is a term as a whole: an address, a file name.
func exactTerm(s string) string {
	return string(clip([]byte(foldLine(s))))
}

// foldLine folds s and removes what cannot be in a key.
func foldLine(s string) string {
	ascii := true
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf || s[i] == 0 {
			ascii = false
		}
	}
	if ascii {
		return strings.ToLower(s)
	}
	return fold(strings.ToValidUTF8(s, ""))
}

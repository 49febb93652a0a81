package message

import (
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// HTMLText makes text of an HTML document as Message.Text does of a body.
func HTMLText(source string) string { return normalise(htmlText(source)) }

// HTMLCharset reads the charset that an HTML document says of itself; "" when
// it says none.
func HTMLCharset(document []byte) string { return metaCharset(document) }

// htmlText makes text of HTML: blocks become lines, white space collapses,
// quotes get their marks, scripts and styles go. Nothing is interpreted. The
// title is text where there is no other, as when it is not closed.
func htmlText(source string) string {
	w, title := htmlWriter{}, htmlWriter{}
	inTitle := false
	z := html.NewTokenizer(strings.NewReader(source))
	z.SetMaxBuf(maxText)
	for {
		token := z.Next()
		if w.out.Len() > maxText { // Marks of quotes can make much of little.
			token = html.ErrorToken
		}
		switch token {
		case html.ErrorToken:
			text := strings.TrimRight(w.out.String(), " \n")
			if text == "" {
				text = title.out.String()
			}
			return text + "\n"
		case html.TextToken:
			switch {
			case w.hidden == 0:
				w.text(string(z.Text()))
			case inTitle:
				title.text(string(z.Text()))
			}
			inTitle = false
		case html.StartTagToken, html.SelfClosingTagToken:
			name, _ := z.TagName()
			w.open(atom.Lookup(name))
			inTitle = atom.Lookup(name) == atom.Title
		case html.EndTagToken:
			name, _ := z.TagName()
			w.close(atom.Lookup(name))
		}
	}
}

// htmlWriter lays text out line by line.
type htmlWriter struct {
	out    strings.Builder
	hidden int  // open elements whose text is not shown
	quote  int  // open blockquotes
	pre    int  // open pre elements
	begun  bool // the line has text
	space  bool // a blank is due before the next word
	blank  int  // line ends written in a row
}

func (w *htmlWriter) text(s string) {
	if w.pre > 0 {
		for i, line := range strings.Split(s, "\n") {
			if i > 0 {
				w.newline(2)
			}
			w.word(line)
		}
		return
	}
	if s != strings.TrimLeftFunc(s, unicode.IsSpace) {
		w.space = true
	}
	for word := range strings.FieldsSeq(s) {
		w.word(word)
		w.space = true
	}
	if s == strings.TrimRightFunc(s, unicode.IsSpace) {
		w.space = false
	}
}

func (w *htmlWriter) word(s string) {
	if s == "" {
		return
	}
	switch {
	case !w.begun:
		for range w.quote {
			w.out.WriteString("> ")
		}
	case w.space:
		w.out.WriteByte(' ')
	}
	w.out.WriteString(s)
	w.begun, w.space, w.blank = true, false, 0
}

// newline ends the line; most is how many line ends may follow each other.
func (w *htmlWriter) newline(most int) {
	if w.out.Len() > 0 && w.blank < most {
		w.out.WriteByte('\n')
		w.blank++
	}
	w.begun, w.space = false, false
}

func (w *htmlWriter) open(tag atom.Atom) {
	switch tag {
	case atom.Script, atom.Style, atom.Head, atom.Title, atom.Noscript, atom.Template, atom.Object:
		w.hidden++
	case atom.Body:
		w.hidden = 0
	case atom.Blockquote:
		w.newline(1)
		w.quote = min(w.quote+1, 20)
	case atom.Pre:
		w.newline(2)
		w.pre++
	case atom.Br:
		w.newline(2)
	case atom.Li:
		w.newline(1)
		w.word("-")
		w.space = true
	case atom.Td, atom.Th:
		w.space = true
	default:
		w.block(tag)
	}
}

func (w *htmlWriter) close(tag atom.Atom) {
	switch tag {
	case atom.Script, atom.Style, atom.Head, atom.Title, atom.Noscript, atom.Template, atom.Object:
		w.hidden = max(w.hidden-1, 0)
	case atom.Blockquote:
		w.newline(1)
		w.quote = max(w.quote-1, 0)
	case atom.Pre:
		w.pre = max(w.pre-1, 0)
		w.newline(2)
	default:
		w.block(tag)
	}
}

func (w *htmlWriter) block(tag atom.Atom) {
	switch tag {
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Ul, atom.Ol, atom.Table, atom.Hr:
		w.newline(1)
		w.newline(2)
	case atom.Div, atom.Tr, atom.Section, atom.Article, atom.Header, atom.Footer, atom.Dt, atom.Dd, atom.Address, atom.Li, atom.Form:
		w.newline(1)
	}
}

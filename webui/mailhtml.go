package webui

import (
	"encoding/base64"
	"net/http"
	"strings"

	"polytrace/message"

	"github.com/microcosm-cc/bluemonday"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Mail's HTML is contained three times: the frame it is shown in is a sandbox
// without scripts and without our origin, its policy lets nothing load, and
// what could do either was taken out of it before.

const (
	maxInline = 8 << 20 // Bytes of pictures that are put into one shown message.
	maxNodes  = 200_000 // Elements of a message's HTML; what is behind is not shown.
)

// mailPolicy says what stands in the frame of a message.
func mailPolicy(images bool) string {
	load := "img-src data:"
	if images {
		load = "img-src data: https: http:"
	}
	return "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; " + load + "; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
}

var allowed = func() *bluemonday.Policy {
	p := bluemonday.UGCPolicy()
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	p.AddTargetBlankToFullyQualifiedLinks(true)
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowDataURIImages()
	p.AllowElements("font", "center", "u", "big")
	p.AllowAttrs("align", "valign", "bgcolor", "width", "height", "cellpadding", "cellspacing", "border", "color", "face", "size", "dir").Globally()
	p.AllowStyles("color", "background-color", "font-weight", "font-style", "font-size", "font-family", "text-align", "text-decoration", "vertical-align", "line-height",
		"width", "max-width", "height", "margin", "margin-left", "margin-right", "margin-top", "margin-bottom", "padding", "padding-left", "padding-right", "padding-top", "padding-bottom",
		"border", "border-left", "border-right", "border-top", "border-bottom", "border-color", "border-collapse", "white-space").Globally()
	return p
}()

// mailHTML is a message's HTML made harmless.
type mailHTML struct {
	body   string
	remote int // Pictures that would be loaded from elsewhere.
}

// cleanHTML takes out of the HTML of a message what runs, loads, submits or
// leads elsewhere by itself. Pictures that came with the message are put into
// it; those from elsewhere are kept only with images.
func cleanHTML(m *message.Message, source string, images bool) mailHTML {
	root, err := html.Parse(strings.NewReader(source))
	if err != nil { // Reading from a string does not fail.
		return mailHTML{}
	}
	c := cleaner{message: m, images: images, room: maxInline, nodes: maxNodes}
	c.walk(root)
	var b strings.Builder
	if err := html.Render(&b, root); err != nil {
		return mailHTML{}
	}
	return mailHTML{allowed.Sanitize(b.String()), c.remote}
}

type cleaner struct {
	message *message.Message
	images  bool
	room    int // Bytes left for pictures.
	nodes   int
	remote  int
}

// walk goes through the tree without recursion, since mail nests at will.
func (c *cleaner) walk(root *html.Node) {
	for n := root; n != nil; {
		c.nodes--
		next := c.after(n, root, c.visit(n))
		if c.nodes <= 0 {
			next = nil
		}
		n = next
	}
}

// after is the next node in the order of the document, below n or behind it.
func (c *cleaner) after(n, root *html.Node, keep bool) *html.Node {
	if keep && n.FirstChild != nil {
		return n.FirstChild
	}
	gone := n
	for n != root && n.NextSibling == nil {
		n = n.Parent
	}
	next := n.NextSibling
	if n == root {
		next = nil
	}
	if !keep && gone.Parent != nil {
		gone.Parent.RemoveChild(gone)
	}
	return next
}

// visit changes a node, and reports whether it stays.
func (c *cleaner) visit(n *html.Node) bool {
	if n.Type == html.CommentNode {
		return false
	}
	switch n.DataAtom {
	case atom.Script, atom.Style, atom.Title, atom.Noscript, atom.Template, atom.Object, atom.Embed, atom.Iframe, atom.Svg, atom.Math:
		return false
	case atom.Img:
		c.picture(n)
	}
	return true
}

func (c *cleaner) picture(n *html.Node) {
	for i, a := range n.Attr {
		if a.Key != "src" {
			continue
		}
		switch scheme, rest, _ := strings.Cut(strings.TrimSpace(a.Val), ":"); strings.ToLower(scheme) {
		case "cid":
			n.Attr[i].Val = c.inline(rest)
		case "data":
			if kind, _, _ := strings.Cut(rest, ";"); !isPicture(strings.ToLower(kind)) {
				n.Attr[i].Val = ""
			}
		default:
			c.remote++
			if !c.images {
				n.Attr[i].Key = "data-src"
			}
		}
	}
}

// inline is a picture that came with the message as a data URI. A link to
// where it can be fetched would not do: from its sandbox the frame is a
// stranger to us.
func (c *cleaner) inline(id string) string {
	for _, p := range c.message.Parts {
		kind := p.MediaType()
		if p.ContentID != id || p.ContentID == "" || !isPicture(kind) {
			continue
		}
		content := c.message.Content(p.N)
		if c.room -= len(content); c.room < 0 {
			return ""
		}
		return "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(content)
	}
	return ""
}

// isPicture lists what browsers show and what cannot hold scripts.
func isPicture(kind string) bool {
	switch kind {
	case "image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp":
		return true
	}
	return false
}

// showHTML serves the HTML of a message for its frame.
func (s *Server) showHTML(w http.ResponseWriter, r *http.Request) error {
	m, err := s.message(r)
	if err != nil {
		return err
	}
	images := r.FormValue("images") == "1"
	clean := cleanHTML(m.original, m.text.HTML, images)
	h := w.Header()
	h.Set("Content-Security-Policy", mailPolicy(images))
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cross-Origin-Opener-Policy", "unsafe-none")
	_, err = w.Write([]byte(`<!doctype html><html><head><meta charset="utf-8"><title>Message</title><style>body{margin:12px;font:14px/1.45 system-ui,sans-serif;background:#fff;color:#1c1b1a;overflow-wrap:break-word}img{max-width:100%}table{max-width:100%}</style></head><body>` + clean.body + `</body></html>`))
	return err
}

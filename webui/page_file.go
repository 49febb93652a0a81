package webui

import (
	"cmp"
	"crypto/sha256"
	"net/http"
	"strconv"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
	"polytrace/message"
)

// passageView is a piece of the text of a file, with a name for links inside the page.
type passageView struct {
	index.Passage
	ID     string
	Marked bool // It is what the link to the page asks for.
}

// fileView is a file with the message that it came with.
type fileView struct {
	File     index.Attachment
	Doc      *index.Document
	Base     string // Path that its bytes are below.
	Title    string
	Passages []passageView
	Cut      bool // Not all of the text is shown.
	Family   *FileFamily
	Say      string // The family in a few words.
	Mention  string // What the author of the message says of it.
	Pin      *pinForm
	Held     *heldForm
}

// pinForm is the form that brings a file into a case; nil for those who may not.
type pinForm struct {
	Cases  []casework.Case
	Chosen int
	To     string
}

// showFile shows a file of a message: what it is, where its bytes came from, and its text.
func (s *Server) showFile(w http.ResponseWriter, r *http.Request) error {
	return s.fileHeld(w, r, http.StatusOK, nil)
}

func (s *Server) fileHeld(w http.ResponseWriter, r *http.Request, code int, held *heldForm) error {
	part, err := strconv.Atoi(r.PathValue("part"))
	if err != nil {
		return notFound("file")
	}
	m, err := s.message(r)
	if err != nil {
		return err
	}
	return s.fileOf(w, r, code, m, part, held)
}

// fileOf shows a file of a record that is opened.
func (s *Server) fileOf(w http.ResponseWriter, r *http.Request, code int, m *opened, part int, held *heldForm) error {
	v := fileView{Doc: m.doc, Base: recordPath(m.doc.Address) + "/parts/" + strconv.Itoa(part), Held: held}
	var ok bool
	if v.File, ok = m.file(part); !ok {
		return notFound("file in this message")
	}
	v.Mention = m.mentions()[part]
	v.Title = cmp.Or(v.File.Filename, "unnamed file")
	if err := s.fillPassages(r, &v); err != nil {
		return err
	}
	var err error
	if v.Family, err = s.family(r.Context(), m.doc, v.File); err != nil {
		return err
	}
	v.Say = v.Family.Say(v.Title)
	v.Pin = s.pinForm(r, v.Base)
	return s.render(w, r, code, "file", view{Title: v.Title, Nav: "search", Page: v})
}

// file is a file of a message, or any other part of it.
func (m *opened) file(part int) (index.Attachment, bool) {
	for _, a := range m.attachments() {
		if a.N == part {
			return a, true
		}
	}
	if part < 0 || part >= len(m.original.Parts) {
		return index.Attachment{}, false
	}
	return partOf(m.original, part), true
}

// partOf is a part that people do not see as a file.
func partOf(m *message.Message, n int) index.Attachment {
	p, content := &m.Parts[n], m.Content(n)
	return index.Attachment{Attachment: message.Attachment{N: n, Filename: cmp.Or(p.Filename, "part "+strconv.Itoa(n)), Type: p.Type, Size: len(content), SHA256: archive.Digest(sha256.Sum256(content)).String()}}
}

// maxPassages is how many pieces of the text of a file are shown.
const maxPassages = 200

// fillPassages adds the text of the file, with the place marked that a hit of a search is in.
func (s *Server) fillPassages(r *http.Request, v *fileView) error {
	text, err := s.within(r.Context()).FileText(r.Context(), v.Doc.Address, v.File.N)
	if err != nil {
		return err
	}
	where, asked := r.FormValue("where"), r.Form.Has("where")
	for i, p := range text {
		marked := asked && p.Where == where
		if len(v.Passages) >= maxPassages && !marked {
			v.Cut = true
			continue
		}
		id := "place-" + strconv.Itoa(i+1)
		if marked && (i == 0 || text[i-1].Where != where) {
			id = "hit"
		}
		v.Passages = append(v.Passages, passageView{p, id, marked})
	}
	return nil
}

// pinForm offers the cases that a file can be brought into.
func (s *Server) pinForm(r *http.Request, base string) *pinForm {
	cite := s.citeForm(r, nil)
	if cite == nil {
		return nil
	}
	return &pinForm{cite.Cases, number0(r.FormValue("case")), base + "/pin"}
}

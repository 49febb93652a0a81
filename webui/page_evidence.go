package webui

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"polytrace/archive"
	"polytrace/casework"
)

// evidenceItem is something that a case rests on, with where it leads.
type evidenceItem struct {
	casework.Evidence
	Link    string
	Icon    string
	Origins []originView
}

type originView struct {
	casework.Origin
	Link string
	Of   string // Whose mail it came with, as people know him; "" of what nobody sent.
	Name string // Who brought it in.
	Pin  int    // Its ID, when it can be taken out.
	Said string // What the author of the message says of the file.
	With string // Subject of the message that the file came with.
}

// evidenceCount is how many there are of a kind.
type evidenceCount struct {
	Kind  casework.EvidenceKind
	Icon  string
	Count int
}

type evidencePage struct {
	window
	Case     casework.Case
	Names    names
	Items    []evidenceItem
	Counts   []evidenceCount
	Kind     string // Only these are listed; "" all.
	Total    int
	Removed  []string // What is cited and is not there any more, each in words.
	Verified *Verification
	Held     *heldForm
	Most     int // Bytes of a file that is uploaded.
}

// Link is the page again, for the pages beside it.
func (v evidencePage) Link() string {
	link := casePath(v.Case.Number) + "/evidence?"
	if v.Kind != "" {
		link += "kind=" + url.QueryEscape(v.Kind) + "&"
	}
	return link
}

var evidenceIcons = map[casework.EvidenceKind]string{casework.EvidenceMessage: "mail", casework.EvidenceImported: "down", casework.EvidenceAttached: "clip", casework.EvidenceUploaded: "plus", casework.EvidencePage: "eye"}

// filePath is the page of a file of a record.
func filePath(at archive.Address, part int) string {
	if part == casework.WholeRecord {
		return recordPath(at)
	}
	return recordPath(at) + "/parts/" + strconv.Itoa(part) + "/about"
}

// showEvidence lists all that a case rests on.
func (s *Server) showEvidence(w http.ResponseWriter, r *http.Request) error {
	return s.evidenceHeld(w, r, http.StatusOK, nil)
}

func (s *Server) evidenceHeld(w http.ResponseWriter, r *http.Request, code int, held *heldForm) error {
	return s.evidenceWith(w, r, code, held, false)
}

// verifyCase reads again what a case rests on, and says what came of it.
func (s *Server) verifyCase(w http.ResponseWriter, r *http.Request) error {
	return s.evidenceWith(w, r, http.StatusOK, nil, true)
}

func (s *Server) evidenceWith(w http.ResponseWriter, r *http.Request, code int, held *heldForm, verify bool) error {
	snap, err := s.shownSnapshot(r)
	if err != nil {
		return err
	}
	d, err := s.dossier(r.Context(), snap, false)
	if err != nil {
		return err
	}
	all, err := s.evidence(r.Context(), d)
	if err != nil {
		return err
	}
	v := evidencePage{Case: snap.c, Names: snap.names, Kind: r.FormValue("kind"), Held: held, Most: maxUpload}
	for _, kind := range casework.EvidenceKinds() {
		n := 0
		for _, e := range all {
			if e.Kind == kind {
				n++
			}
		}
		v.Counts = append(v.Counts, evidenceCount{kind, evidenceIcons[kind], n})
	}
	if v.Kind != "" {
		all = slices.DeleteFunc(all, func(e casework.Evidence) bool { return string(e.Kind) != v.Kind })
	}
	v.Total, v.window = len(all), windowOf(r, len(all))
	for _, e := range all[v.From:v.End] {
		item, err := s.evidenceItem(r.Context(), e, snap.names)
		if err != nil {
			return err
		}
		v.Items = append(v.Items, item)
	}
	v.Removed = s.removedOf(d)
	if verify {
		if v.Verified, err = s.verify(r.Context(), d); err != nil {
			return err
		}
	}
	return s.render(w, r, code, "evidence", view{Title: "Evidence of C-" + strconv.Itoa(snap.c.Number), Nav: "cases", Page: v})
}

// maxCovering is of how many messages that a file came with it is told what they say.
const maxCovering = 3

func (s *Server) evidenceItem(ctx context.Context, e casework.Evidence, called names) (evidenceItem, error) {
	item := evidenceItem{Evidence: e, Icon: evidenceIcons[e.Kind], Link: filePath(e.Origins[0].Record, e.Origins[0].Part)}
	for _, o := range e.Origins {
		view := originView{Origin: o, Link: recordPath(o.Record)}
		if o.From.Address != "" {
			view.Of = nameOf(o.From)
		}
		if o.By != "" {
			view.Name = called.Of(o.By)
		}
		if o.Part != casework.WholeRecord && len(item.Origins) < maxCovering {
			m, err := s.readMessage(ctx, o.Record) // The case is noted as read, and what is pinned besides.
			var known *statusError
			switch {
			case err == nil:
				view.Said, view.With = m.mentions()[o.Part], titleOf(m.doc.Subject)
			case !errors.As(err, &known): // Its pack is away or damaged: the list is no worse for that.
				return item, err
			}
		}
		if o.How == casework.ByPin || o.How == casework.ByUpload {
			view.Pin = o.ID
		}
		item.Origins = append(item.Origins, view)
	}
	return item, nil
}

// removedOf says which records that a case cites or pinned were removed.
func (s *Server) removedOf(d *dossier) (list []string) {
	for _, of := range d.removed {
		for _, removed := range of {
			list = append(list, s.removal(removed))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// uploadFile keeps a file that somebody uploads to a case.
func (s *Server) uploadFile(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxUpload+1<<20)
	form, name, content, err := uploadForm(r)
	snap, failed := s.snapshot(r)
	if failed != nil {
		return failed
	}
	if err == nil {
		_, err = s.upload(r.Context(), name, content, casework.PinFile{Case: snap.c.Number, Reason: form.Get("reason")})
	}
	var refusal *casework.Refusal
	switch {
	case errors.As(err, &refusal):
		return s.evidenceHeld(w, r, asStatus(err).code, &heldForm{"upload", refusal.Text, form})
	case err != nil:
		return err
	}
	return s.done(w, r, casePath(snap.c.Number)+"/evidence", "The file is kept, and is evidence of the case.")
}

// uploadForm reads a form with a file, in memory.
func uploadForm(r *http.Request) (form url.Values, name string, content []byte, err error) {
	form = url.Values{}
	in, err := r.MultipartReader()
	if err != nil {
		return form, "", nil, &casework.Refusal{Code: casework.Invalid, Field: "File", Text: "Choose a file."}
	}
	for {
		part, err := in.NextPart()
		var large *http.MaxBytesError
		switch {
		case errors.Is(err, io.EOF):
			if content == nil {
				return form, "", nil, &casework.Refusal{Code: casework.Invalid, Field: "File", Text: "Choose a file."}
			}
			return form, name, content, nil
		case errors.As(err, &large):
			return form, "", nil, tooLarge("File")
		case err != nil:
			return form, "", nil, &statusError{http.StatusBadRequest, "The file did not arrive whole and was not stored. Send it again.", err}
		case part.FormName() == "file" && part.FileName() != "":
			name = part.FileName()
			content, err = readUpload(part)
		case part.FormName() == "reason":
			var text []byte
			text, err = io.ReadAll(io.LimitReader(part, 1<<16))
			form.Set("reason", string(text))
		}
		if err != nil {
			return form, name, nil, err
		}
	}
}

// pinFile brings a file of a message into a case.
func (s *Server) pinFile(w http.ResponseWriter, r *http.Request) error {
	at, err := addressOf(r)
	if err != nil {
		return err
	}
	part, err := strconv.Atoi(r.PathValue("part"))
	if err != nil {
		return notFound("file")
	}
	number := number0(r.FormValue("case"))
	pin, err := s.pinOf(r.Context(), number, at, part)
	if err == nil {
		pin.Reason = r.FormValue("reason")
		err = s.do(r, pin)
	}
	var refusal *casework.Refusal
	switch {
	case errors.As(err, &refusal):
		return s.fileHeld(w, r, asStatus(err).code, &heldForm{"pin", refusal.Text, r.PostForm})
	case err != nil:
		return err
	}
	return s.done(w, r, casePath(number)+"/evidence", "The file is evidence of C-"+strconv.Itoa(number)+".")
}

// unpinFile takes a file out of the evidence of a case.
func (s *Server) unpinFile(w http.ResponseWriter, r *http.Request) error {
	return s.onForm(w, r, "unpin-"+r.PathValue("id"), "/evidence", "The file is taken out. The log still names it.", func(snap snapshot) (casework.Command, error) {
		return casework.UnpinFile{Case: snap.c.Number, ID: number0(r.PathValue("id")), Reason: r.PostForm.Get("reason"), Revision: revision(r)}, nil
	}, s.evidenceHeld)
}

package webui

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/casework/extract"
	"polytrace/index"
	"polytrace/message"
)

// opened is a message read from the archive.
type opened struct {
	doc      *index.Document
	raw      []byte
	reading  *message.Reading
	original *message.Message
	text     message.Text
	whole    bool // original is joined from this record and those with the other parts of the message.
}

// addressOf reads the address of a record from the path of a request.
func addressOf(r *http.Request) (archive.Address, error) {
	at, err := archive.ParseAddress(r.PathValue("stream") + "/" + r.PathValue("position"))
	if err != nil || at.Stream.Ours() {
		return at, notFound("record")
	}
	return at, nil
}

// message opens the message that a request names; with ?whole=1 the one that it is a part of.
func (s *Server) message(r *http.Request) (*opened, error) {
	at, err := addressOf(r)
	if err != nil {
		return nil, err
	}
	m, err := s.openMessage(r.Context(), at)
	if err == nil && r.FormValue("whole") == "1" {
		err = s.join(r.Context(), m)
	}
	return m, err
}

// join puts the whole message in the place of its part.
func (s *Server) join(ctx context.Context, m *opened) error {
	f := m.doc.Fragment
	if f == nil || !f.Whole {
		return notFound("whole message: not all of its parts are here")
	}
	if unseen, err := s.within(ctx).Unseen(ctx, f.Parts...); err != nil || len(unseen) > 0 {
		return cmp.Or(err, notFound("whole message: not all of its parts are here"))
	}
	if err := s.noteRead(ctx, f.Parts...); err != nil {
		return err
	}
	var parts [][]byte
	for _, at := range f.Parts {
		r, err := s.config.Archive.Read(ctx, at)
		if err != nil {
			return readError(at, err)
		}
		parts = append(parts, message.Read(r.Body, delivery(r.Meta)).Original.Raw)
	}
	raw, ok := message.Join(parts)
	if !ok {
		return notFound("whole message: its parts do not fit together")
	}
	m.original, m.whole = message.Parse(raw), true
	m.text = m.original.Text()
	return nil
}

// attachments lists the files of what is shown.
func (m *opened) attachments() []index.Attachment {
	if m.whole {
		return index.Attachments(m.original)
	}
	return m.doc.Attachments
}

// openMessage reads a message for the caller, and notes that: of a sighting also
// the record with the bytes.
func (s *Server) openMessage(ctx context.Context, at archive.Address) (*opened, error) {
	m, err := s.readMessage(ctx, at)
	if err == nil {
		err = s.noteRead(ctx, slices.Compact([]archive.Address{at, m.doc.Address})...)
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// readMessage reads the message at an address; of a sighting, the one with
// the bytes. Nobody is to be shown it before that is noted: see openMessage.
func (s *Server) readMessage(ctx context.Context, at archive.Address) (*opened, error) {
	doc, err := s.within(ctx).Document(ctx, at)
	if errors.Is(err, archive.ErrNotFound) {
		return nil, notFound("message; if it has just come, the index shows it in a moment")
	}
	var removed *index.RemovedError
	if errors.As(err, &removed) {
		return nil, &statusError{http.StatusGone, s.removal(removed), nil}
	}
	if errors.Is(err, archive.ErrGone) {
		return nil, readError(at, err)
	}
	if err != nil {
		return nil, err
	}
	r, err := s.config.Archive.Read(ctx, doc.Address)
	if err != nil {
		return nil, readError(doc.Address, err)
	}
	m := &opened{doc: doc, raw: r.Body}
	if doc.Kind != archive.KindMessage { // Its bytes are no message: it has no header and no text of its own.
		m.reading = message.Read(nil, message.Delivery{})
	} else {
		m.reading = message.Read(r.Body, delivery(r.Meta))
	}
	m.original = m.reading.Original
	m.text = m.original.Text()
	return m, nil
}

// goneWords says why a record is not there any more; who decided it, and the
// reason, are for those who read the ledger.
func goneWords(at archive.Address, err error) string {
	var removed *index.RemovedError
	switch {
	case !errors.As(err, &removed) || removed.At.IsZero():
		return "The record " + at.String() + " was removed. The ledger keeps who decided that, and why."
	case removed.Erased:
		return "The record " + at.String() + " was erased on " + removed.At.Format("2 January 2006") + " by the decision " + removed.Decision.String() + "."
	}
	return "The record " + at.String() + " was removed on " + removed.At.Format("2 January 2006") + " because its class had kept it long enough: " + removed.Decision.String() + "."
}

// readError says what it means when a record cannot be read.
func readError(at archive.Address, err error) error {
	switch {
	case errors.Is(err, archive.ErrNotFound):
		return notFound("record")
	case errors.Is(err, archive.ErrGone):
		return &statusError{http.StatusGone, goneWords(at, err), nil}
	case errors.Is(err, archive.ErrDamaged):
		return &statusError{http.StatusBadGateway, "What is stored of " + at.String() + " is not what came in: its checksum does not match, so it is not shown. An administrator finds the place with polytrace verify.", err}
	}
	return &statusError{http.StatusBadGateway, "The record " + at.String() + " could not be read: its pack is in the bucket, and the bucket does not answer. Try again in a while; the status page tells when it is back.", err}
}

// delivery says how a record came, for those who read it.
func delivery(m archive.Meta) message.Delivery {
	d := message.Delivery{Format: m.Source.Format}
	if m.Envelope != nil {
		d.From, d.To = m.Envelope.From, m.Envelope.To
	}
	return d
}

// messageView is a message as it is shown.
type messageView struct {
	Address     archive.Address
	Doc         *index.Document
	Header      *message.Message
	Segments    []segment
	Recipients  []recipientView
	Attachments []index.Attachment
	Mentions    map[int]string // What the author says of a file, by the number of its part.
	HasText     bool
	HasHTML     bool
	AsHTML      bool
	Images      bool
	Remote      int // Pictures from elsewhere in the HTML.
	Cases       []int
	Cite        *citeForm      // Nil for those who may not.
	Proposals   []proposalView // What it says that somebody could note, for those who may.
	Rejected    []casework.Rejection
	Correct     *correctForm     // Nil for those who may not.
	Corrections []correctionView // What people decided about its conversation.
	VariantOf   *archive.Address // In a conversation: it has the Message-ID of this one, which is shown before.
	Note        string           // Why the quoted words are not marked.
	Whole       bool             // It is joined from the parts in which it came.
}

// Query is what links to other views of the same message end with.
func (v messageView) Query() string {
	if v.Whole {
		return "?whole=1"
	}
	return ""
}

// recipientView is a recipient and how we know, in words.
type recipientView struct {
	message.Recipient
	How string
}

// show fills a view; cited are the words to mark.
func (m *opened) show(cited *casework.Citation) messageView {
	v := messageView{Address: m.doc.Address, Doc: m.doc, Header: m.original, HasText: m.text.Part >= 0 && strings.TrimSpace(m.text.Body) != "", HasHTML: m.text.HTML != "", Cases: m.doc.Cases, Whole: m.whole}
	var marks []mark
	if cited != nil {
		if found, ok := findQuote(m.text, *cited); ok {
			marks = append(marks, found)
		} else if cited.Quote != "" {
			v.Note = "The quoted words were not found in the text of this message: " + strconv.Quote(cited.Quote)
		}
	}
	v.Segments = segments(m.text, marks)
	v.Attachments = slices.DeleteFunc(slices.Clone(m.attachments()), func(a index.Attachment) bool { return a.Inline })
	v.Mentions = m.mentions()
	for _, r := range m.doc.Recipients {
		v.Recipients = append(v.Recipients, recipientView{r, provenance(r.Provenance)})
	}
	return v
}

// mentions are the sentences in which the author of a message speaks of its files, by the number of the part.
func (m *opened) mentions() map[int]string {
	files := m.attachments()
	var called []string
	for _, f := range files {
		if !f.Inline {
			called = append(called, f.Filename)
		}
	}
	said := map[int]string{}
	for _, found := range extract.Mentions(m.text.Body, extract.Author(m.text), called) {
		for _, f := range files {
			if f.Filename == found.Value && !f.Inline {
				said[f.N] = strings.Join(strings.Fields(found.Quote), " ")
			}
		}
	}
	return said
}

// provenance says how we know a recipient.
func provenance(p string) string {
	switch kind, detail, _ := strings.Cut(p, ":"); {
	case p == "proven:journal":
		return "proven by the journal report"
	case p == "proven:token":
		return "proven by the address the copy was sent to"
	case p == "proven:rcpt":
		return "proven by the SMTP envelope"
	case kind == "proven":
		return "proven by " + detail
	case kind == "claimed":
		return "claimed by the " + detail + " field"
	case kind == "inferred":
		return "inferred from the trace of the mail servers"
	}
	return "named in the header"
}

// showRecord shows one message.
func (s *Server) showRecord(w http.ResponseWriter, r *http.Request) error {
	return s.showMessage(w, r, http.StatusOK, nil, nil)
}

// showMessage shows one message, with the form that was refused when there is one.
func (s *Server) showMessage(w http.ResponseWriter, r *http.Request, code int, refused *citeForm, correcting *correctForm) error {
	m, err := s.message(r)
	if err != nil {
		return err
	}
	if m.doc.Kind == archive.KindFile {
		return s.fileOf(w, r, code, m, casework.WholeRecord, nil)
	}
	v := m.show(s.citationOf(r))
	v.AsHTML = v.HasHTML && (r.FormValue("view") == "html" || !v.HasText)
	v.Images = r.FormValue("images") == "1"
	if v.AsHTML {
		v.Remote = cleanHTML(m.original, m.text.HTML, false).remote
	}
	if !m.whole { // What is cited are the bytes of a record.
		v.Cite = s.citeForm(r, refused)
		v.Proposals, v.Rejected = s.proposals(m), s.rejected(m)
	}
	thread, err := s.within(r.Context()).Thread(r.Context(), m.doc.Thread)
	if err != nil && !errors.Is(err, archive.ErrNotFound) {
		return err
	}
	if v.Corrections, err = s.correctionsOf(r.Context(), m.doc); err != nil {
		return err
	}
	v.Correct = s.correctForm(r.Context(), thread == nil || len(thread.Messages) < 2, correcting)
	return s.render(w, r, code, "record", view{Title: titleOf(m.doc.Subject), Nav: "search", Page: struct {
		messageView
		Thread *index.Thread
		Meta   archive.Meta
		Report *message.Message

		Authentication *authenticationView // Nil until the message was examined.
		Accounts       []accountTag
	}{v, thread, m.doc.Meta, m.reading.Report, authenticationOf(m.doc.Authentication), s.accountsOfDocument(m.doc)}})
}

func titleOf(subject string) string {
	if strings.TrimSpace(subject) == "" {
		return "(no subject)"
	}
	return subject
}

// citationOf finds the citation that a link of a case leads to: ?case=104&cite=3.
func (s *Server) citationOf(r *http.Request) *casework.Citation {
	number, _ := strconv.Atoi(r.FormValue("case"))
	id, err := strconv.Atoi(r.FormValue("cite"))
	if err != nil {
		return nil
	}
	var found *casework.Citation
	s.config.Desk.Read(func(state *casework.State) {
		c, _ := state.Case(number)
		for _, x := range c.Citations {
			if x.ID == id {
				found = &x
			}
		}
	})
	return found
}

// showSource shows the header fields as they came, and the beginning of the bytes.
func (s *Server) showSource(w http.ResponseWriter, r *http.Request) error {
	m, err := s.message(r)
	if err != nil {
		return err
	}
	const most = 256 << 10
	return s.render(w, r, http.StatusOK, "source", view{Title: "Source of " + m.doc.Address.String(), Nav: "search", Page: struct {
		Doc  *index.Document
		Text string
		Left int
	}{m.doc, strings.ToValidUTF8(string(m.raw[:min(len(m.raw), most)]), "\ufffd"), max(0, len(m.raw)-most)}})
}

// downloadRaw hands out the exact bytes.
func (s *Server) downloadRaw(w http.ResponseWriter, r *http.Request) error {
	at, err := addressOf(r)
	if err != nil {
		return err
	}
	return s.serveRaw(w, r, at)
}

// downloadPart hands out an attachment.
func (s *Server) downloadPart(w http.ResponseWriter, r *http.Request) error {
	n, err := strconv.Atoi(r.PathValue("part"))
	if err != nil {
		return notFound("attachment")
	}
	m, err := s.message(r.WithContext(withHow(r.Context(), asPart+how(" "+strconv.Itoa(n)))))
	if err != nil {
		return err
	}
	return servePart(w, r, m, n)
}

package index

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"polytrace/archive"
	"polytrace/message"
)

// MaxText is how much of the text of one message is searched, in bytes. What
// is longer is found by its first part and listed under is:unsearchable.
const MaxText = 32 << 20

// maxSnippetText is how much of it is kept to show snippets of, in bytes: a
// database holds each value several times while it writes it. A hit behind it
// shows how the text begins.
const maxSnippetText = 1 << 20

// Why the text of a record could not be read, or not all of it.
const (
	reasonEncrypted = "encrypted"
	reasonImage     = "image only: it is read when Tesseract is installed"
	reasonLong      = "text over 32 MiB: only the first part is searched"
	reasonLimit     = "too deeply nested or too many parts"
	reasonPage      = "pages are not read yet"
	reasonFile      = "files are not read yet"
	reasonDamaged   = "damaged in the archive"
	reasonFault     = "could not be read; please report it"

	reasonPartial    = "a part of a message, of which other parts are not here"
	reasonTNEF       = "winmail.dat is damaged: only what is left of it is searched"
	reasonSMIME      = "S/MIME that is damaged or of an unknown kind"
	reasonCompressed = "S/MIME that is compressed, which is not read yet"

	reasonFileEncrypted = "an attached file is encrypted"
	reasonFileLimit     = "an attached file is too large or too deeply packed to be read whole"
	reasonFileDamaged   = "an attached file is damaged: only what is left of it is searched"
	reasonFileImage     = "an attached file of pictures alone: they are read when Tesseract is installed"
	reasonPicture       = "an attached picture is of a kind that is not read"
	reasonWaits         = "pictures wait to be read"
	reasonFileFault     = "an attached file could not be read; please report it"
)

// reasons gives those that are kept in memory a number. Numbers never change meaning.
var reasons = []string{"", reasonEncrypted, reasonImage, reasonLong, reasonLimit, reasonPage, reasonFile, reasonFault,
	reasonPartial, reasonTNEF, reasonSMIME, reasonCompressed,
	reasonFileEncrypted, reasonFileLimit, reasonFileDamaged, reasonFileImage, reasonFileFault, reasonPicture, reasonWaits, reasonDamaged}

func reasonNumber(reason string) byte {
	i := slices.Index(reasons, reason)
	if i < 0 {
		panic("index: reason " + strconv.Quote(reason) + " has no number")
	}
	return byte(i)
}

// analysis is what a record says by itself: a pure function of its metadata
// and bytes. apply brings it together with what is in the index.
type analysis struct {
	meta       archive.Meta
	document   bool                // It has bytes that become a document.
	arrival    docTerms            // Of how it came: queue, mailbox, recipients. Every sighting adds its own.
	recipients []message.Recipient // As this arrival tells them.
	same       *archive.Digest     // See sameAs.
	content    docTerms            // Of the bytes; the same for each sighting.
	summary    stored
	details    []byte   // JSON of details
	text       []byte   // As stored: where the author begins, and the text
	attached   []byte   // JSON of attached.
	reader     *string  // Version of what read attached files; nil when there are none.
	unlooked   error    // Why one of them was not looked at.
	waits      bool     // It has pictures that are read another time.
	pictures   []string // What is written in those that were read.
	words      uint32   // How long the text is.
	thread     links
	fragment   *fragment       // It is a part of a message; nil as a rule.
	joined     *archive.Digest // Of the other fragments that it was read with, see digestOf.
	whole      bool            // They fit together: words and text are of the whole message.
}

// details is what only the page of a document shows.
type details struct {
	Attachments []Attachment     `json:"attachments,omitempty"`
	Defects     []message.Defect `json:"defects,omitempty"`
	Fragment    *fragment        `json:"fragment,omitempty"`
}

// analyzer reads records; it is not for concurrent use.
type analyzer struct {
	w         *termWriter
	documents Documents // Nil: attached files are not read.
	sees      bool      // Pictures are read, by these documents or another time.
	log       *slog.Logger
}

func newAnalyzer(d Documents, log *slog.Logger) *analyzer {
	return &analyzer{w: newTermWriter(), documents: d, log: log}
}

// analyzer is one that reads records with some of our readers.
func (x *Index) analyzer(d Documents) *analyzer {
	z := newAnalyzer(d, x.log)
	z.sees = x.pictures != nil
	return z
}

// analyze reads a record. body is its bytes, for a sighting those it repeats
// or nil when they cannot tell more than its metadata. With the other fragments of a
// message the first has the words of the whole. A message that the
// reader cannot take stays findable by its metadata and does not stop what comes behind it.
func (z *analyzer) analyze(m archive.Meta, body []byte, j *joined) (a *analysis) {
	defer func() {
		if fault := recover(); fault != nil {
			z.w = newTermWriter()
			a = newAnalysis(m)
			a.summary.unsearchable = reasonFault
			z.finish(a, nil)
		}
	}()
	a = newAnalysis(m)
	var reading *message.Reading
	switch {
	case m.Kind == archive.KindMessage && (body != nil || a.document):
		reading = message.Read(body, delivery(m))
		a.recipients = reading.Recipients
		if a.document {
			z.original(a, reading, j)
		}
	case m.Kind == archive.KindPage:
		a.summary.unsearchable = reasonPage
	case m.Kind == archive.KindFile && a.document:
		z.readFile(a, body)
	}
	z.finish(a, reading)
	return a
}

func newAnalysis(m archive.Meta) *analysis {
	return &analysis{meta: m, document: m.SameAs == nil, summary: stored{
		kind: m.Kind, at: m.Address(), date: m.Received.UnixMilli(), received: m.Received.UnixNano(),
		size: m.Size, sha256: m.SHA256, queue: m.Source.Queue, mailbox: m.Source.Mailbox,
	}}
}

func delivery(m archive.Meta) message.Delivery {
	d := message.Delivery{Format: m.Source.Format}
	if e := m.Envelope; e != nil {
		d.From, d.To = e.From, e.To
	}
	return d
}

// finish adds the terms that every document has, and apart from them those of
// the way the record came: what a wrapping says belongs to its arrival.
func (z *analyzer) finish(a *analysis, reading *message.Reading) {
	w := z.w
	if a.document {
		w.whole(fieldKind, string(a.meta.Kind))
		a.content = w.finish()
	}
	if reading != nil {
		w.person("", reading.Sender, fieldFrom, fieldParticipant)
		w.whole(fieldMailbox, reading.Mailbox)
		if reading.Subject != reading.Original.Subject {
			w.words(fieldSubject, reading.Subject, 0)
		}
		if reading.Report != nil {
			w.whole(fieldIs, isJournal)
		}
	}
	for _, r := range a.recipients {
		w.person(r.Name, r.Address, recipientFields(r)...)
	}
	w.whole(fieldQueue, a.meta.Source.Queue)
	w.whole(fieldMailbox, a.meta.Source.Mailbox)
	if a.meta.Source.Import != "" || a.meta.Source.Mailbox != "" {
		w.whole(fieldIs, isImport)
	}
	a.arrival = w.finish()
}

func recipientFields(r message.Recipient) []field {
	fields := []field{fieldTo, fieldParticipant}
	switch r.Role {
	case "cc":
		fields = append(fields, fieldCc)
	case "bcc":
		fields = append(fields, fieldBcc)
	}
	if strings.HasPrefix(r.Provenance, "proven:") {
		fields = append(fields, fieldRcpt)
	}
	return fields
}

// original takes in the message that people sent.
func (z *analyzer) original(a *analysis, reading *message.Reading, j *joined) {
	m := reading.Original
	whole := a.join(m, j)
	s := &a.summary
	s.subject, s.messageID = m.Subject, m.MessageID
	s.date = sent(m.Date, a.meta.Received)
	s.from = author(m, reading.Sender)
	s.to = slices.Concat(m.To, m.Cc)
	own := Attachments(m)
	text, all := whole.Text(), own
	if whole != m {
		all = Attachments(whole)
	}
	files := plain(all)
	for _, f := range all {
		if f.Filename != "" && !f.Inline {
			s.files = append(s.files, f.file())
		}
	}
	encrypted := encrypted(whole, text.Body)
	s.unsearchable = z.unreadable(whole, reading, text, files, encrypted)
	body := text.Body
	if len(body) > MaxText {
		body = strings.ToValidUTF8(body[:MaxText], "")
	}
	z.headerTerms(m, whole)
	a.words = z.w.body(body)
	z.fileTerms(all)
	s.unsearchable = cmp.Or(s.unsearchable, z.attachedTerms(a, whole.Content, files))
	a.waits = a.waits && (a.fragment == nil || a.whole) // Why a part is not searched depends on the others.
	z.flagTerms(whole, text, files, encrypted)
	if forgedDate(m, a.meta.Received) {
		z.w.whole(fieldIs, isForgedDate)
	}
	kept := body
	if len(kept) > maxSnippetText {
		kept = strings.ToValidUTF8(kept[:maxSnippetText], "")
	}
	a.text = append(binary.AppendUvarint(nil, uint64(authorStart(text, len(kept)))), kept...)
	a.details = marshalDetails(details{own, slices.Concat(reading.Defects, m.Defects), a.fragment})
	a.thread = linksOf(m, s.date)
	if s.date == m.Date.UnixMilli() { // Else it depends on when each copy came.
		a.same = sameAs(m, plain(own))
	}
}

// join returns the message that the words are of: the whole one where m is read with its other fragments, else m.
func (a *analysis) join(m *message.Message, j *joined) *message.Message {
	a.fragment = fragmentOf(m)
	if a.fragment == nil || j == nil {
		return m
	}
	a.joined = &j.of
	if whole := j.whole(); whole != nil {
		a.whole = true
		return whole
	}
	return m
}

func (z *analyzer) headerTerms(m, whole *message.Message) {
	w := z.w
	place := w.words(fieldSubject, m.Subject, 0)
	if whole != m {
		w.words(fieldSubject, whole.Subject, place+placeGap)
		if whole.MessageID != "" && whole.MessageID != m.MessageID {
			w.add(fieldMessageID, []byte(messageIDTerm(whole.MessageID)), noPlace)
		}
	}
	w.mailboxes(m.From, fieldFrom, fieldParticipant)
	w.mailboxes(m.Sender, fieldFrom, fieldParticipant)
	w.mailboxes(m.ReplyTo, fieldReplyTo, fieldParticipant)
	w.mailboxes(m.To, fieldTo, fieldParticipant)
	w.mailboxes(m.Cc, fieldTo, fieldCc, fieldParticipant)
	w.mailboxes(m.Bcc, fieldTo, fieldBcc, fieldParticipant)
	if m.MessageID != "" {
		w.add(fieldMessageID, []byte(messageIDTerm(m.MessageID)), noPlace)
	}
	w.fieldTerms(m.Header)
	w.listTerms(m)
	w.referenceTerms(m)
}

func (z *analyzer) flagTerms(m *message.Message, text message.Text, files []message.Attachment, encrypted bool) {
	w := z.w
	if slices.ContainsFunc(files, func(f message.Attachment) bool { return !f.Inline }) {
		w.whole(fieldHas, hasAttachment)
	}
	if strings.Contains(text.Body, "http://") || strings.Contains(text.Body, "https://") || strings.Contains(text.HTML, "href=\"http") {
		w.whole(fieldHas, hasLink)
	}
	if slices.ContainsFunc(m.Parts, func(p message.Part) bool { return p.Type == "text/calendar" || p.Type == "application/ics" }) {
		w.whole(fieldHas, hasCalendar)
	}
	if m.Automatic() {
		w.whole(fieldIs, isAutomatic)
	}
	if encrypted {
		w.whole(fieldIs, isEncrypted)
	}
}

// earliest is before all mail; a Date before it is a clock that was never set.
var earliest = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// sent is when a message was sent in Unix milliseconds: its Date unless that is absent or absurd.
func sent(date, received time.Time) int64 {
	if date.IsZero() || date.Before(earliest) || date.After(received.Add(maxAhead)) {
		return received.UnixMilli()
	}
	return date.UnixMilli()
}

func author(m *message.Message, sender string) message.Mailbox {
	for _, list := range [][]message.Mailbox{m.From, m.Sender} {
		if len(list) > 0 {
			return list[0]
		}
	}
	return message.Mailbox{Address: sender}
}

// authorStart is where the author's own words begin in the part of the text that is kept.
func authorStart(t message.Text, kept int) int {
	for _, z := range t.Zones {
		if z.Kind == "author" && z.Start < kept && z.End <= len(t.Body) && strings.TrimSpace(t.Body[z.Start:z.End]) != "" {
			return z.Start
		}
	}
	return 0
}

// encrypted reports whether what the sender wrote can be read by the recipients alone.
func encrypted(m *message.Message, text string) bool {
	pgp := func(p message.Part) bool {
		return p.Type == "multipart/encrypted" || p.Type == "application/pgp-encrypted"
	}
	return has(m.Defects, "encrypted") || slices.ContainsFunc(m.Parts, pgp) ||
		strings.HasPrefix(strings.TrimLeft(text, " \n\t"), "-----BEGIN PGP MESSAGE-----")
}

// has reports whether one of the codes is among the defects.
func has(all []message.Defect, codes ...string) bool {
	return slices.ContainsFunc(all, func(d message.Defect) bool { return slices.Contains(codes, d.Code) })
}

// unreadable says why the text of a message is not all searched; "" when it is.
func (z *analyzer) unreadable(m *message.Message, r *message.Reading, t message.Text, files []message.Attachment, encrypted bool) string {
	limit := func(d message.Defect) bool {
		return strings.Contains(d.Code, "limit") || strings.Contains(d.Code, "too-")
	}
	switch {
	case encrypted:
		return reasonEncrypted
	case has(m.Defects, "partial", "partial-unreadable"):
		return reasonPartial
	case len(t.Body) > MaxText:
		return reasonLong
	case slices.ContainsFunc(m.Defects, limit) || slices.ContainsFunc(r.Defects, limit):
		return reasonLimit
	case has(m.Defects, "smime-unreadable", "smime-truncated"):
		return reasonSMIME
	case has(m.Defects, "smime-compressed"):
		return reasonCompressed
	case has(m.Defects, "tnef-unreadable", "tnef-truncated"):
		return reasonTNEF
	case !z.sees && strings.TrimSpace(t.Body) == "" && slices.ContainsFunc(files, func(f message.Attachment) bool { return strings.HasPrefix(f.Type, "image/") }):
		return reasonImage
	}
	return ""
}

// messageIDTerm is a Message-ID as a term. Upper and lower case differ (RFC 5322 section 3.6.4).
func messageIDTerm(id string) string {
	return string(clip([]byte(strings.ReplaceAll(id, "\x00", ""))))
}

func marshalDetails(d details) []byte {
	if len(d.Attachments) == 0 && len(d.Defects) == 0 && d.Fragment == nil {
		return nil
	}
	raw, err := json.Marshal(d)
	if err != nil {
		panic(fmt.Sprintf("index: marshal details: %v", err)) // Strings and numbers always marshal.
	}
	return raw
}

// links is what a message says about the conversation it belongs to.
type links struct {
	id       string   // Its Message-ID; "" when it has none.
	names    []string // Message-IDs that it answers, the one that it is an answer to last. Not its own.
	exchange node     // Exchange's conversation; zero when it names none.
	subject  uint64   // Hash of the base subject; 0 when there is none.
	orphan   bool     // A reply that names nothing it answers.
	author   uint32   // Hash of the address of who wrote it.
	people   []uint32 // Hashes of the addresses of all who took part.
	date     int64    // Unix milliseconds
}

// node is a hash that messages of one conversation have in common.
type node [16]byte

func nodeOf(kind byte, text string) (n node) {
	sum := sha256.Sum256(append([]byte{kind}, text...))
	copy(n[:], sum[:])
	return n
}

// nodes are the messages that it names, itself included, and Exchange's conversation.
func (l links) nodes() []node {
	nodes := make([]node, 0, len(l.names)+2)
	if l.id != "" {
		nodes = append(nodes, nodeOf('i', l.id))
	}
	for _, id := range l.names {
		nodes = append(nodes, nodeOf('i', id))
	}
	if l.exchange != (node{}) {
		nodes = append(nodes, l.exchange)
	}
	return nodes
}

// answered lists what a message answers, each once: References is in order of time, and what
// In-Reply-To names is nearest (RFC 5322 section 3.6.4).
// QUIRK: some programs put the oldest message last into References, or leave In-Reply-To out of it.
func answered(m *message.Message) (names []string) {
	known := map[string]bool{"": true, m.MessageID: true}
	for _, id := range slices.Backward(slices.Concat(m.References, m.InReplyTo)) {
		if !known[id] {
			known[id] = true
			names = append(names, id)
		}
	}
	slices.Reverse(names)
	return names
}

func linksOf(m *message.Message, date int64) links {
	l := links{id: m.MessageID, names: answered(m), date: date}
	base := fold(strings.Join(strings.Fields(message.BaseSubject(m.Subject)), " "))
	// The first 22 bytes stay the same in a conversation (MS-OXOMSG section 2.2.1.3). Some
	// programs send a constant: the subject has to agree.
	if raw, err := base64.StdEncoding.DecodeString(m.ThreadIndex); err == nil && len(raw) >= 22 && base != "" {
		l.exchange = nodeOf('x', string(raw[:22])+base)
	}
	if base == "" || utf8.RuneCountInString(base) < 3 {
		return l
	}
	sum := sha256.Sum256([]byte(base))
	l.subject = binary.BigEndian.Uint64(sum[:8]) | 1
	for i, list := range [][]message.Mailbox{m.From, m.To, m.Cc} {
		for _, p := range list {
			h := personHash(p.Address)
			if l.author == 0 && i == 0 {
				l.author = h
			}
			if !slices.Contains(l.people, h) {
				l.people = append(l.people, h)
			}
		}
	}
	names := len(m.References) > 0 || len(m.InReplyTo) > 0
	l.orphan = !names && base != fold(strings.Join(strings.Fields(m.Subject), " "))
	return l
}

func personHash(address string) uint32 {
	sum := sha256.Sum256([]byte(foldLine(address)))
	return binary.BigEndian.Uint32(sum[:4]) | 1
}

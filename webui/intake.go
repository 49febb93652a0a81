package webui

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/casework/extract"
	"polytrace/index"
	"polytrace/message"
	"polytrace/message/auth"
)

// maxAuthored is how many bytes of what an author wrote rules look at.
const maxAuthored = 64 << 10

// factsOf is what rules know of a message.
func (s *Server) factsOf(ctx context.Context, m *opened) (*casework.MailFacts, error) {
	d := m.doc
	f := &casework.MailFacts{
		Message: casework.Named{Record: d.Address, SHA256: d.SHA256}, From: strings.ToLower(d.From.Address), Received: d.Received, Subject: d.Subject, Size: d.Size,
		Automatic: m.original.Automatic(), List: m.original.AutomaticKind() == message.ListKind, Reply: len(m.original.InReplyTo)+len(m.original.References) > 0 || message.Reply(d.Subject),
		Defects: d.Defects, Cut: isCut(d.Unsearchable), Encrypted: strings.Contains(d.Unsearchable, "encrypted"),
	}
	for _, seen := range d.Seen {
		if q := seen.Source.Queue; q != "" && !slices.Contains(f.Queues, q) {
			f.Queues = append(f.Queues, q)
		}
	}
	for _, r := range d.Recipients {
		f.Recipients = append(f.Recipients, strings.ToLower(r.Address))
	}
	for _, to := range d.To {
		f.To = append(f.To, strings.ToLower(to.Address))
	}
	if date := m.original.Date; !date.IsZero() {
		f.Zoned = true
		_, f.Offset = date.Zone()
	}
	f.DKIM, f.DMARC = vouched(d.Authentication)
	sayAuthored(f, m)
	return f, s.filesOf(ctx, f, m)
}

// sayAuthored says what the author of a message wrote himself, in which language, and what is due by that.
func sayAuthored(f *casework.MailFacts, m *opened) {
	within := extract.Author(m.text)
	f.Language = extract.Language(m.text.Body, within)
	var b strings.Builder
	for _, span := range within {
		b.WriteString(m.text.Body[span.Start:min(span.End, span.Start+maxAuthored)])
		b.WriteByte('\n')
		if b.Len() > maxAuthored {
			break
		}
	}
	f.Text = strings.ToValidUTF8(b.String(), "")
	ref := extract.Reference{Sent: cmp.Or(m.original.Date, m.doc.Received)}
	due := func(w *extract.When) {
		if w != nil && w.Due().After(ref.Sent) && (f.Due.IsZero() || w.Due().Before(f.Due)) {
			f.Due = w.Due()
		}
	}
	for _, x := range extract.Requests(m.text.Body, within, ref) {
		due(x.Value.Due)
	}
	for _, x := range extract.Dates(m.text.Body, within, ref) {
		if x.Value.Direction == extract.By || x.Value.Direction == extract.Before {
			due(&x.Value)
		}
	}
}

// isCut reports whether a message is not searched as a whole because there is too much of it.
func isCut(why string) bool {
	return slices.ContainsFunc([]string{"text over", "too deeply nested", "an attached file is too large"}, func(begin string) bool { return strings.HasPrefix(why, begin) })
}

// vouched is what DKIM and DMARC say of a message; "" where that is not known.
func vouched(a *index.Authentication) (dkim, dmarc string) {
	if a == nil || a.Result.Skipped != "" {
		return "", ""
	}
	known := func(status string) string {
		switch status {
		case auth.Pass, auth.None:
			return status
		case auth.TempError:
			return ""
		}
		return "fail"
	}
	dkim = known(a.Result.Best())
	if a.Result.DMARC != nil {
		dmarc = known(a.Result.DMARC.Status)
	}
	return dkim, dmarc
}

// filesOf adds the files of a message with their text.
func (s *Server) filesOf(ctx context.Context, f *casework.MailFacts, m *opened) error {
	texts, err := s.within(ctx).Attached(ctx, m.doc.Address)
	if err != nil {
		return err
	}
	f.Files = mailFiles(m.doc.Attachments, texts)
	return nil
}

// mailFiles are files with their text. Each piece of text is of one file; where it does not say of which part, of the first of its name.
func mailFiles(attachments []index.Attachment, pieces []index.AttachedText) (files []casework.MailFile) {
	first := map[string]int{} // Parts, by name.
	for _, a := range attachments {
		if _, ok := first[a.Filename]; !ok {
			first[a.Filename] = a.N
		}
	}
	texts := map[int]*strings.Builder{} // By part.
	for _, p := range pieces {
		n, ok := first[p.File]
		if p.N != nil {
			n, ok = *p.N, true
		}
		if !ok {
			continue
		}
		if texts[n] == nil {
			texts[n] = &strings.Builder{}
		}
		texts[n].WriteString(p.Text)
		texts[n].WriteByte('\n')
	}
	for _, a := range attachments {
		if a.Inline && a.Filename == "" {
			continue
		}
		file := casework.MailFile{Name: a.Filename, Type: a.Type}
		if text := texts[a.N]; text != nil {
			file.Text = text.String()
		}
		files = append(files, file)
	}
	return files
}

// arrivalOf is a message with what it may be of. Nobody is shown anything of it.
func (s *Server) arrivalOf(ctx context.Context, m *opened) (casework.Arrival, error) {
	f, err := s.factsOf(ctx, m)
	if err != nil {
		return casework.Arrival{}, err
	}
	a := casework.Arrival{Facts: f, Thread: m.doc.Thread}
	if f.First, err = s.isFirst(ctx, m.doc); err != nil {
		return a, err
	}
	return a, s.relate(ctx, &a, m)
}

// isFirst reports whether nothing came from the sender of a message before it.
func (s *Server) isFirst(ctx context.Context, d *index.Document) (bool, error) {
	if d.From.Address == "" || strings.Contains(d.From.Address, `"`) {
		return true, nil
	}
	oldest, err := s.within(ctx).Search(ctx, index.Request{Query: `from:"` + d.From.Address + `"`, Limit: 1, Sort: index.Oldest, Now: s.config.Now()})
	var unreadable *index.SyntaxError
	if errors.As(err, &unreadable) {
		return true, nil // An address that no query can name.
	}
	if err != nil {
		return false, err
	}
	return len(oldest.Items) == 0 || oldest.Items[0].Address == d.Address, nil
}

// relate finds the cases that a message may be of.
func (s *Server) relate(ctx context.Context, a *casework.Arrival, m *opened) error {
	f := a.Facts
	thread, err := s.within(ctx).Thread(ctx, m.doc.Thread)
	if err != nil {
		return err
	}
	var messages []archive.Address
	took := map[string]bool{} // Who took part before it.
	for _, x := range thread.Messages {
		messages = append(messages, x.Address)
		if x.Address != m.doc.Address {
			takePart(took, x.From, x.To)
		}
	}
	var members map[int][]index.CaseMail
	var of casework.Case
	s.config.Desk.Read(func(state *casework.State) {
		company := s.company(state)
		f.Account, _, _ = state.AccountOf(f.From, m.doc.Date)
		a.Direction = company.DirectionOf(m.doc.From, m.doc.To)
		f.Risk = riskOfAccount(state, f.Account, s.config.Now())
		a.Conversation = state.CaseOf(messages)
		a.Own = a.Conversation != 0 && state.CaseOf([]archive.Address{m.doc.Address}) == a.Conversation
		a.Token = state.Root(casework.ReplyTo(s.replyKey(), append([]string{m.text.Body, f.Subject}, f.Recipients...)...))
		a.Named = state.NamedCases(f.Subject)
		a.Similar = state.Similar(f.Account, f.Subject, f.Received)
		members = map[int][]index.CaseMail{}
		for _, n := range a.Named {
			members[n] = membersOf(state.Family(n))
		}
		of, _ = state.Case(a.Conversation)
	})
	a.Stranger = a.Conversation != 0 && !took[f.From] && (f.Account == "" || !s.sameAccount(of.Account, f.Account))
	for _, n := range a.Named {
		knows, err := s.knows(ctx, n, members[n], f)
		if err != nil {
			return err
		}
		if knows {
			a.Known = append(a.Known, n)
		}
	}
	return nil
}

func takePart(took map[string]bool, from message.Mailbox, to []message.Mailbox) {
	for _, who := range append([]message.Mailbox{from}, to...) {
		took[strings.ToLower(who.Address)] = true
	}
}

// riskOfAccount is the highest level of the open cases of an account.
func riskOfAccount(state *casework.State, id string, now time.Time) casework.RiskLevel {
	levels, worst := casework.RiskLevels(), 0
	a, ok := state.Account(id)
	if !ok {
		return levels[worst]
	}
	for _, c := range casesOf(state, a) {
		if !done(c) {
			worst = max(worst, slices.Index(levels, c.RiskAt(now)))
		}
	}
	return levels[worst]
}

// sameAccount reports whether a case is of an account.
func (s *Server) sameAccount(text, id string) (same bool) {
	s.config.Desk.Read(func(state *casework.State) {
		tag := accountLinksOf(state).Of(text)
		same = tag != nil && tag.ID == id
	})
	return same
}

// knows reports whether a case knows the sender of a message: it is of his account, or he took part in its mail.
func (s *Server) knows(ctx context.Context, number int, members []index.CaseMail, f *casework.MailFacts) (bool, error) {
	var c casework.Case
	s.config.Desk.Read(func(state *casework.State) { c, _ = state.Case(number) })
	if f.Account != "" && s.sameAccount(c.Account, f.Account) {
		return true, nil
	}
	letters, _, err := s.within(ctx).CaseMail(ctx, members, false)
	took := map[string]bool{}
	for _, l := range letters {
		takePart(took, l.From, l.To)
	}
	return took[f.From], err
}

// replyKey is what reply lines are made with. Other things are made with the key of sessions, so that it is one of its own.
func (s *Server) replyKey() []byte {
	h := hmac.New(sha256.New, s.config.SessionKey)
	h.Write([]byte("polytrace reply lines"))
	return h.Sum(nil)
}

// requestTitle is the subject of a message as the title of a case.
func requestTitle(subject string) string {
	return titleOf(oneLine(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(subject, ""))))
}

// WatchIntake routes new mail as it comes, until ctx ends.
func (s *Server) WatchIntake(ctx context.Context) error {
	w := intakeWatch{s: s, next: casework.Positions{}}
	return s.keepLooking(ctx, intakeEvery, "new mail is not routed", w.round)
}

const (
	// intakeEvery is how often it is looked for new mail.
	intakeEvery = 5 * time.Second
	// evidenceWait is how long a message waits for what is found out about its sender.
	evidenceWait = 2 * time.Minute
	// newFor is how long behind the first copy of a message another one still makes it new.
	newFor = 24 * time.Hour
)

// intakeWatch is how far new mail was routed. What was routed is in the ledger: after a start, or a change of what is taken, it begins
// behind that, and looks once more at the mail behind of which nothing came.
type intakeWatch struct {
	s     *Server
	since time.Time // Of the decision about intake that next is of.
	next  casework.Positions
	kept  routing
}

// errEvidence says that it is not known yet who vouches for a message.
var errEvidence = errors.New("who vouches for a message is not known yet")

// round routes the mail that is there.
func (w *intakeWatch) round(ctx context.Context) error {
	var intake casework.Intake
	s := w.s
	s.config.Desk.Read(func(state *casework.State) { intake = state.Intake() })
	if len(intake.Queues) == 0 {
		return nil
	}
	if !intake.Since.Equal(w.since) {
		w.since, w.next = intake.Since, casework.Positions{}
	}
	var errs []error
	for _, stream := range s.config.Archive.Streams() {
		if stream.Ours() {
			continue
		}
		if _, known := w.next[stream]; !known {
			s.config.Desk.Read(func(state *casework.State) { w.next[stream] = intake.Waiting(stream, state.RoutedUpto(stream)) })
		}
		for end := s.config.Archive.Next(stream); w.next[stream] < end; w.next[stream]++ {
			at := archive.Address{Stream: stream, Position: w.next[stream]}
			err := w.take(ctx, intake, at)
			if errors.Is(err, errEvidence) {
				break
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("route %s: %w", at, err))
				break
			}
		}
	}
	return errors.Join(errs...)
}

// take routes the message of a record, when it is new and came through a queue that is taken.
func (w *intakeWatch) take(ctx context.Context, intake casework.Intake, at archive.Address) error {
	s := w.s
	if err := s.config.Index.WaitFor(ctx, at); err != nil {
		return err
	}
	doc, err := s.within(ctx).Document(ctx, at)
	if unreadable(err) {
		return nil // It is no message, or a decision removed it.
	}
	if err != nil {
		return err
	}
	taken := doc.Kind == archive.KindMessage && slices.ContainsFunc(doc.Seen, func(x index.Sighting) bool {
		return x.Address == at && x.Received.Sub(doc.Received) <= newFor && intake.Takes(x.Source.Queue, at)
	})
	if !taken {
		return nil
	}
	if s.examines() && doc.Authentication == nil && s.config.Now().Sub(doc.Received) < evidenceWait {
		return errEvidence
	}
	_, err = s.routeMail(ctx, doc, &w.kept)
	return err
}

// examines reports whether it is found out who vouches for mail.
func (s *Server) examines() bool { return s.config.Intake != nil && s.config.Intake().Evidence != nil }

// routeMail routes a message, and returns the case that it is of; 0 when it is of none.
func (s *Server) routeMail(ctx context.Context, doc *index.Document, kept *routing) (number int, err error) {
	a, err := s.arrivalAt(ctx, doc)
	if err != nil {
		return 0, err
	}
	for {
		version, router, err := kept.of(s)
		if err != nil {
			return 0, err
		}
		c := casework.RouteMail{Arrival: a, Outcome: router.Route(a.Facts, s.tagsOf(a)), Rules: version, Title: requestTitle(a.Facts.Subject), Number: &number}
		_, err = s.config.Desk.Do(ctx, casework.System, c)
		var refusal *casework.Refusal
		if errors.As(err, &refusal) && refusal.Field == "Rules" {
			continue // Somebody changed them in between.
		}
		return number, err
	}
}

// arrivalAt is arrivalOf for a document; of one whose bytes cannot be read, what the index knows.
func (s *Server) arrivalAt(ctx context.Context, doc *index.Document) (casework.Arrival, error) {
	r, err := s.config.Archive.Read(ctx, doc.Address)
	if errors.Is(err, archive.ErrDamaged) {
		f := &casework.MailFacts{Message: casework.Named{Record: doc.Address, SHA256: doc.SHA256}, From: strings.ToLower(doc.From.Address), Received: doc.Received, Subject: doc.Subject, Unreadable: "its bytes are damaged"}
		s.config.Desk.Read(func(state *casework.State) { f.Account, _, _ = state.AccountOf(f.From, doc.Date) })
		return casework.Arrival{Facts: f, Thread: doc.Thread, Direction: casework.Inbound}, nil
	}
	if err != nil {
		return casework.Arrival{}, err
	}
	m := &opened{doc: doc, raw: r.Body, reading: message.Read(r.Body, delivery(r.Meta))}
	m.original = m.reading.Original
	m.text = m.original.Text()
	return s.arrivalOf(ctx, m)
}

// router are the rules that hold.
func (s *Server) router() (rules casework.RuleSet, r *casework.Router, err error) {
	rules, calendars := s.ruling()
	r, err = casework.NewRouter(rules, calendars)
	return rules, r, err
}

// ruling are the rules that hold, with the calendars that they may name. Routers are made of them while nobody waits for the state.
func (s *Server) ruling() (rules casework.RuleSet, calendars []casework.CalendarVersion) {
	s.config.Desk.Read(func(state *casework.State) { rules, calendars = state.Rules(), state.Calendars() })
	return rules, calendars
}

// routing keeps the router of the rules that hold until they or a calendar change.
type routing struct {
	rules     int // Version.
	calendars []casework.Version
	router    *casework.Router // Nil before the first one.
}

func (k *routing) of(s *Server) (version int, r *casework.Router, err error) {
	rules, calendars := s.ruling()
	versions := make([]casework.Version, len(calendars))
	for i, c := range calendars {
		versions[i] = c.Version
	}
	if k.router == nil || k.rules != rules.Version || !slices.Equal(k.calendars, versions) {
		if r, err = casework.NewRouter(rules, calendars); err != nil {
			return 0, nil, err
		}
		k.rules, k.calendars, k.router = rules.Version, versions, r
	}
	return k.rules, k.router, nil
}

// tagsOf are those of the case that a message is of.
func (s *Server) tagsOf(a casework.Arrival) (tags []string) {
	s.config.Desk.Read(func(state *casework.State) { tags = state.Tags(a.Place().Case) })
	return tags
}

package webui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/message"
)

// A test of a queue shows the next message that comes through it, and what was
// not let in meanwhile, to whoever sets the mail server up. It keeps nothing on
// the server: Since says where it began.
const (
	testLife  = time.Hour // What comes later is no answer to the test any more.
	testWait  = 25        // Seconds that one request waits at most.
	testLook  = 200 * time.Millisecond
	testReach = 100 // Messages of the queue behind the first one that are compared with it.
)

// QueueTest is what came through a queue since somebody began to wait.
type QueueTest struct {
	Queue   string           `json:"queue"`
	Address string           `json:"address" doc:"Where to send a message to."`
	Server  string           `json:"server" doc:"Where the gateway listens."`
	Began   time.Time        `json:"began"`
	Until   time.Time        `json:"until" doc:"When the test ends."`
	Since   string           `json:"since" doc:"Names the test: pass it with the next request."`
	Seen    string           `json:"seen" doc:"What this answer tells: pass it, with wait, to hear when there is more."`
	Message *TestedMessage   `json:"message,omitempty" doc:"The first message that came; absent where nothing has changed since seen."`
	Copies  []TestedCopy     `json:"copies" doc:"Further copies of it, oldest first."`
	Others  int              `json:"others" doc:"Other messages that came through the queue behind it."`
	Refused []RefusedAttempt `json:"refused" doc:"Attempts that were not let in, for any queue, oldest first."`
}

// TestedMessage is a message as it was understood, without its words.
type TestedMessage struct {
	Address    archive.Address   `json:"address"`
	Received   time.Time         `json:"received"`
	Size       int64             `json:"size"`
	SameAs     *archive.Address  `json:"same_as,omitempty" doc:"The record that had the same bytes before."`
	Envelope   archive.Envelope  `json:"envelope"`
	Peer       archive.Peer      `json:"peer"`
	Format     string            `json:"format" doc:"What it turned out to be: exchange, postfix, zimbra or plain."`
	Recognised string            `json:"recognised" doc:"The same in words."`
	Levels     int               `json:"levels" doc:"Reports and cover mails that were unwrapped."`
	Tenant     string            `json:"tenant,omitempty" doc:"Of Microsoft 365."`
	MessageID  string            `json:"message_id,omitempty"`
	Sender     string            `json:"sender,omitempty"`
	Subject    string            `json:"subject,omitempty" doc:"Only for roles that read mail."`
	Recipients []TestedRecipient `json:"recipients"`
	Fields     []string          `json:"fields" doc:"Names of its header fields, as it came."`
	Defects    []message.Defect  `json:"defects" doc:"What is not as the standards ask; with details only for roles that read mail."`
	Advice     []string          `json:"advice" doc:"What could be better."`
	Misses     []string          `json:"misses" doc:"What this way of copying cannot capture."`
}

// TestedRecipient is a recipient and in words how it is known.
type TestedRecipient struct {
	message.Recipient
	How string `json:"how"`
}

// TestedCopy is a further copy of the message.
type TestedCopy struct {
	Address   archive.Address `json:"address"`
	Received  time.Time       `json:"received"`
	SameBytes bool            `json:"same_bytes" doc:"true: kept as one more sighting; false: other bytes with the same Message-ID, kept beside it."`
	To        []string        `json:"to" doc:"Of its SMTP envelope."`
}

// came is a message that was read for a test.
type came struct {
	meta    archive.Meta
	reading *message.Reading
}

// queueWatch follows one queue for the time of a request.
type queueWatch struct {
	s      *Server
	queue  casework.Queue
	began  time.Time
	first  archive.Position // Of the test.
	next   archive.Position // That was not looked at.
	came   *came            // The first message; nil while none has come.
	copies []archive.Meta
	others int
}

// errNoTest is told where no mail is taken in.
var errNoTest = &statusError{http.StatusServiceUnavailable, "No gateway runs here, so that nothing can come in: a test needs the server that takes the mail of this queue.", nil}

// watch goes on with a test; since "" begins one.
func (s *Server) watch(q casework.Queue, since string) (*queueWatch, error) {
	switch {
	case s.config.Intake == nil:
		return nil, errNoTest
	case s.config.Archive.Status().Blind:
		return nil, &statusError{http.StatusServiceUnavailable, "Mail is encrypted and cannot be read on this machine, so a test cannot show what came. That something came shows as the last message of the queue.", nil}
	}
	w := &queueWatch{s: s, queue: q}
	if since == "" {
		w.first, w.began = s.config.Archive.Next(q.Class), s.config.Now()
	} else {
		var nanos int64
		if _, err := fmt.Sscanf(since, "%d.%d", &w.first, &nanos); err != nil || w.since(time.Unix(0, nanos)) != since {
			return nil, &statusError{http.StatusUnprocessableEntity, "since is what an earlier answer of this test said, or nothing to begin one.", nil}
		}
		w.began = time.Unix(0, nanos)
	}
	w.next = w.first
	return w, nil
}

func (w *queueWatch) since(began time.Time) string {
	return fmt.Sprintf("%d.%d", w.first, began.UnixNano())
}

// over reports whether the test has ended: then it shows nothing any more, so
// that an old link is no way to mail.
func (w *queueWatch) over() bool { return !w.s.config.Now().Before(w.began.Add(testLife)) }

// wait returns when there is something that seen does not tell, or when the time is over.
func (w *queueWatch) wait(ctx context.Context, seen string, seconds int) error {
	late := time.After(time.Duration(min(max(seconds, 0), testWait)) * time.Second)
	tick := time.NewTicker(testLook)
	defer tick.Stop()
	for {
		if err := w.look(ctx); err != nil {
			return err
		}
		if w.seen() != seen || w.over() {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-late:
			return nil
		case <-tick.C:
		}
	}
}

// look reads what has come since it looked last.
func (w *queueWatch) look(ctx context.Context) error {
	if w.over() {
		w.came, w.copies, w.others = nil, nil, 0
		return nil
	}
	for end := w.s.config.Archive.Next(w.queue.Class); w.next < end && len(w.copies)+w.others < testReach; w.next++ {
		at := archive.Address{Stream: w.queue.Class, Position: w.next}
		c, err := w.read(ctx, at)
		if err != nil {
			return readError(at, err)
		}
		switch {
		case c == nil:
		case w.came == nil:
			w.came = c
		case c.meta.SHA256 == w.came.meta.SHA256, c.reading.MessageID != "" && c.reading.MessageID == w.came.reading.MessageID:
			w.copies = append(w.copies, c.meta)
		default:
			w.others++
		}
	}
	return nil
}

// read reads a record; nil when it is no message of the queue in the time of
// the test, or cannot be shown.
func (w *queueWatch) read(ctx context.Context, at archive.Address) (*came, error) {
	m, body, err := w.s.config.Archive.ReadBody(ctx, at)
	if errors.Is(err, archive.ErrGone) || errors.Is(err, archive.ErrDamaged) {
		return nil, nil // Status and verify tell of it.
	}
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if m.Kind != archive.KindMessage || m.Source.Queue != w.queue.Name || m.Received.Before(w.began) {
		return nil, nil
	}
	if removed, err := w.s.config.Index.Removed(ctx, at); err != nil || removed != nil {
		return nil, err
	}
	raw, err := io.ReadAll(body)
	if errors.Is(err, archive.ErrDamaged) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &came{m, message.Read(raw, delivery(m))}, nil
}

// refused are the attempts since the test began.
func (w *queueWatch) refused() []RefusedAttempt {
	return slices.DeleteFunc(slices.Clone(w.s.config.Intake().Lately), func(r RefusedAttempt) bool { return r.At.Before(w.began) })
}

// seen stands for what there is to tell.
func (w *queueWatch) seen() string {
	n, last := len(w.copies), int64(0)
	if w.came != nil {
		n++
	}
	if all := w.refused(); len(all) > 0 {
		last = all[len(all)-1].At.UnixNano()
	}
	return fmt.Sprintf("%d.%d", n, last)
}

// show is what the caller is told, once it is noted that the messages are shown.
// known is what was told before: then no message is shown again.
func (w *queueWatch) show(ctx context.Context, known string) (*QueueTest, error) {
	r := w.s.reachOf(w.queue)
	t := &QueueTest{
		Queue: w.queue.Name, Address: r.Address, Server: w.s.config.Intake().Listening, Began: w.began.UTC(), Until: w.began.Add(testLife).UTC(),
		Since: w.since(w.began), Seen: w.seen(), Others: w.others, Copies: []TestedCopy{}, Refused: list(w.refused()),
	}
	if w.came == nil || known == t.Seen {
		return t, nil
	}
	shown := []archive.Address{w.came.meta.Address()}
	for _, m := range w.copies {
		shown = append(shown, m.Address())
		t.Copies = append(t.Copies, TestedCopy{m.Address(), m.Received, m.SHA256 == w.came.meta.SHA256, envelopeOf(m).To})
	}
	if err := w.s.noteRead(ctx, shown...); err != nil {
		return nil, err
	}
	who, _ := callerFrom(ctx)
	t.Message = w.came.tested(w.queue, who.reads())
	return t, nil
}

func envelopeOf(m archive.Meta) (e archive.Envelope) {
	if m.Envelope != nil {
		e = *m.Envelope
	}
	e.To = list(e.To)
	return e
}

// tested tells how a message was understood; words also what it says, for those
// who read mail.
func (c *came) tested(q casework.Queue, words bool) *TestedMessage {
	m, r := c.meta, c.reading
	outer := r.Original
	if r.Report != nil {
		outer = r.Report
	}
	t := &TestedMessage{
		Address: m.Address(), Received: m.Received, Size: m.Size, SameAs: m.SameAs, Envelope: envelopeOf(m), Format: r.Format, Recognised: recognised(r), Levels: r.Levels,
		Tenant: r.Tenant, MessageID: r.MessageID, Sender: r.Sender, Recipients: []TestedRecipient{}, Defects: slices.Concat([]message.Defect{}, r.Defects, r.Original.Defects),
		Advice: list(c.advice(q)), Misses: cardOf(q.Format, r.Format, r.Tenant).misses,
	}
	if m.Peer != nil {
		t.Peer = *m.Peer
	}
	for _, n := range r.Recipients {
		t.Recipients = append(t.Recipients, TestedRecipient{n, provenance(n.Provenance)})
	}
	for _, f := range outer.Header {
		t.Fields = append(t.Fields, f.Name)
	}
	t.Fields = list(t.Fields)
	if words {
		t.Subject = r.Subject
		return t
	}
	for i := range t.Defects {
		t.Defects[i].Detail = "" // It may quote the message.
	}
	return t
}

// recognised says what a message turned out to be.
func recognised(r *message.Reading) string {
	switch {
	case r.Format == message.FormatExchange && r.Levels > 1:
		return fmt.Sprintf("A journal report of Exchange or Microsoft 365 with the message inside, unwrapped through %d levels.", r.Levels)
	case r.Format == message.FormatExchange:
		return "A journal report of Exchange or Microsoft 365 with the message inside, which was unwrapped."
	case r.Report != nil && r.Format == message.FormatPlain:
		return "A journal report without a message inside."
	case r.Format == message.FormatPostfix:
		return "A copy whose address says whom it was for."
	case r.Format == message.FormatZimbra:
		return "A cover mail of legal intercept with the message inside, which was unwrapped."
	}
	return "A plain copy, without a report around it."
}

// advice is what the person who sets the mail server up could do better.
func (c *came) advice(q casework.Queue) (list []string) {
	r := c.reading
	switch {
	case q.Format == message.FormatExchange && r.Report == nil:
		list = append(list, "This queue expects journal reports, and this is none: it was sent to the address directly, or forwarded by a rule. Recipients are only those in the header. Have the journal rule send to the queue.")
	case (q.Format == message.FormatPostfix || q.Format == message.FormatExim) && r.Format != message.FormatPostfix:
		list = append(list, "The copy came to the address without anything behind a +, so that it does not say whom it was for. Set it up as the card says, and Bcc is known too.")
	case !slices.ContainsFunc(r.Recipients, func(n message.Recipient) bool { return strings.HasPrefix(n.Provenance, "proven:") }):
		list = append(list, "No recipient is proven. That is as good as it gets with plain copies; a format with an envelope is better where the mail server has one.")
	}
	if len(r.Recipients) == 0 {
		list = append(list, "Nobody is known to have got this message: neither an envelope nor the header names anybody.")
	}
	if c.meta.Peer == nil || c.meta.Peer.TLS == "" {
		list = append(list, "It came in clear. Have the mail server use STARTTLS, which is offered.")
	}
	return list
}

// queueNamed finds a queue that is open.
func (s *Server) queueNamed(name string) (q casework.Queue, err error) {
	err = notFound("queue")
	s.config.Desk.Read(func(state *casework.State) {
		for _, candidate := range state.Queues() {
			if candidate.Name == name {
				q, err = candidate, nil
			}
		}
	})
	return q, err
}

type testIn struct {
	Name  string `path:"name"`
	Since string `query:"since" doc:"Of an earlier answer; empty begins a test."`
	Seen  string `query:"seen" doc:"Of an earlier answer: what is known already."`
	Wait  int    `query:"wait" minimum:"0" maximum:"25" doc:"Seconds to wait for something that is not in seen."`
}

// apiTestQueue tells what has come since the test began.
func (s *Server) apiTestQueue(ctx context.Context, in *testIn) (*body[*QueueTest], error) {
	q, err := s.queueNamed(in.Name)
	if err != nil {
		return nil, err
	}
	w, err := s.watch(q, in.Since)
	if err == nil && in.Since != "" {
		err = w.wait(ctx, in.Seen, in.Wait)
	}
	if err != nil {
		return nil, err
	}
	t, err := w.show(ctx, in.Seen)
	if err != nil {
		return nil, err
	}
	return reply(t), nil
}

type setupIn struct {
	Name string `path:"name"`
	For  string `query:"for" doc:"One card alone: exchange, m365, google, postfix, exim, zimbra, domino, sieve, kerio, mdaemon or plain."`
}

type setupOut struct {
	Queue   string      `json:"queue"`
	Address string      `json:"address"`
	Host    string      `json:"host" doc:"Name of the gateway, and of its certificate."`
	Port    string      `json:"port"`
	Hurdles []string    `json:"hurdles" doc:"What keeps mail servers from reaching the gateway."`
	Cards   []SetupCard `json:"cards"`
}

// apiSetup tells how mail servers are set up for a queue.
func (s *Server) apiSetup(_ context.Context, in *setupIn) (*body[setupOut], error) {
	q, err := s.queueNamed(in.Name)
	if err != nil {
		return nil, err
	}
	all, err := s.cardsFor(q)
	if err != nil {
		return nil, err
	}
	if in.For != "" {
		if all = slices.DeleteFunc(all, func(c SetupCard) bool { return c.ID != in.For }); len(all) == 0 {
			return nil, unknownCard(in.For)
		}
	}
	r := s.reachOf(q)
	return reply(setupOut{q.Name, r.Address, r.Host, r.Port, list(s.hurdles()), all}), nil
}

package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"polytrace/archive"
	"polytrace/burst"
	mail "polytrace/message"
	"polytrace/message/auth"
)

// Bounds of what one message may cost, and of what is remembered.
const (
	examineBatch   = 512              // Records that one record of facts is about.
	examineTime    = 10 * time.Second // For the questions of one message.
	examineSize    = 64 << 20         // Bytes; larger messages are not looked at.
	examineLookups = 32               // Names asked for one message.
	examineWorkers = 4
	keysRemembered = 65_536 // Answers that are referred to and not kept again.
	factsRead      = 1024   // Records of facts that are read back for them at start.
)

// Records is what the examiner needs of the archive.
type Records interface {
	Archive
	Streams() []archive.Stream
	Next(archive.Stream) archive.Position
	Scan(context.Context, archive.Stream, archive.Position) iter.Seq2[archive.Record, error]
	Read(context.Context, archive.Address) (archive.Record, error)
}

// DNS is what the examiner needs of a Resolver.
type DNS interface {
	TXT(ctx context.Context, name string) auth.Answer
	SPF(ctx context.Context, client netip.Addr, helo, from string) *auth.SPF
	Alive(context.Context) bool // Whether anybody answers.
}

// ExaminerConfig says how mail is examined.
type ExaminerConfig struct {
	DNS     DNS                     // Required.
	ServIDs []string                // Whose Authentication-Results are copied; see auth.Mail.
	Gateway func(queue string) bool // Whether mail of a queue came from the sender's server itself, so that SPF means something; default: of none.
	Every   time.Duration           // How often to look for new mail, which is then examined together; default 2 seconds.
	Retries []time.Duration         // When to ask again what DNS could not tell; default after 15 s, 1 and 3 more minutes.
	Outage  time.Duration           // How long mail waits while no DNS server answers; default 1 hour.
	Urgent  func(time.Time) bool    // Whether there is a burst; then mail waits, for a minute at a time. Default: never.
	Log     *slog.Logger            // Default: discard.
	Metrics prometheus.Registerer   // May be nil.
}

// Examiner finds out who vouched for the mail that was archived, and appends
// what it found to the stream archive.Facts.
//
// It follows the streams of mail at its own pace, behind the 250: it can be
// slow, stopped or broken without anything else noticing. How far it is it reads
// from its own records, so that the two cannot disagree.
type Examiner struct {
	config  ExaminerConfig
	archive Records
	log     *slog.Logger
	now     func() time.Time

	next    map[archive.Stream]archive.Position // What is examined; only Run uses it.
	kept    *recent[string, string]             // Digest of an answer: the record of facts that has it.
	givenUp *recent[string, auth.Answer]        // Names that DNS could not tell however often it was asked.
	way     burst.Way                           // Only Run uses it.
	out     time.Duration                       // Waited since a DNS server answered, when none does; only Run uses it.

	messages *prometheus.CounterVec
	lookups  *prometheus.CounterVec

	mu     sync.Mutex
	status ExaminerStatus                      // guarded by mu
	marks  map[archive.Stream]archive.Position // A copy of next; guarded by mu. Nil until it is known.
}

// ExaminerStatus tells how the examiner is.
type ExaminerStatus struct {
	Behind   int64  `json:"behind"`   // Records that are not examined yet.
	Examined int64  `json:"examined"` // Messages since start.
	Failure  string `json:"failure,omitempty"`
}

// NewExaminer makes an examiner of an archive that can be read and takes
// records.
func NewExaminer(c ExaminerConfig, a Records) (*Examiner, error) {
	if c.DNS == nil {
		return nil, errors.New("examine mail: no resolver")
	}
	if c.Gateway == nil {
		c.Gateway = func(string) bool { return false }
	}
	if c.Every <= 0 {
		c.Every = 2 * time.Second
	}
	if c.Retries == nil {
		c.Retries = []time.Duration{15 * time.Second, time.Minute, 3 * time.Minute}
	}
	if c.Outage <= 0 {
		c.Outage = time.Hour
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	e := &Examiner{
		config: c, archive: a, log: c.Log, now: time.Now, way: burst.Way{To: c.Urgent, For: time.Minute, Then: time.Second},
		kept: newRecent[string, string](keysRemembered, 100*8766*time.Hour), givenUp: newRecent[string, auth.Answer](keysRemembered, time.Hour),
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "polytrace_evidence_messages_total", Help: "Messages examined, by the best result of their DKIM signatures."}, []string{"dkim"}),
		lookups:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "polytrace_evidence_lookups_total", Help: "Keys and policies asked for, by what came back."}, []string{"result"}),
	}
	return e, e.register()
}

func (e *Examiner) register() error {
	if e.config.Metrics == nil {
		return nil
	}
	behind := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "polytrace_evidence_behind_records", Help: "Records whose signatures are not examined yet."}, func() float64 { return float64(e.Status().Behind) })
	var errs []error
	for _, c := range []prometheus.Collector{e.messages, e.lookups, behind} {
		errs = append(errs, e.config.Metrics.Register(c))
	}
	return errors.Join(errs...)
}

// Status tells how the examiner is.
func (e *Examiner) Status() ExaminerStatus {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.status
	for _, name := range e.streams() {
		s.Behind += int64(e.archive.Next(name) - e.marks[name])
	}
	return s
}

func (e *Examiner) streams() []archive.Stream {
	return slices.DeleteFunc(slices.Clone(e.archive.Streams()), archive.Stream.Ours)
}

// Run examines what is in the archive and what comes, until ctx ends. What
// fails is tried again: there is always more mail, and nothing is lost by being late.
func (e *Examiner) Run(ctx context.Context) error {
	for {
		err := e.pass(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			e.log.Warn("mail is not examined", "error", err)
			e.next = nil // Whether the last record was stored is not known: read it.
		}
		e.fail(err)
		if !pause(ctx, e.config.Every) {
			return nil
		}
	}
}

func (e *Examiner) fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.status.Failure = ""; err != nil {
		e.status.Failure = err.Error()
	}
}

// pause waits; false when ctx ended before.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// pass examines all that waits.
func (e *Examiner) pass(ctx context.Context) error {
	if e.next == nil {
		if err := e.learn(ctx); err != nil {
			return fmt.Errorf("find out how far mail is examined: %w", err)
		}
	}
	var errs []error
	for _, s := range e.streams() {
		for e.archive.Next(s) > e.next[s] && !e.way.Give(e.now()) {
			if err := e.run(ctx, s); err != nil {
				errs = append(errs, fmt.Errorf("examine %s: %w", s, err))
				break // A stream that cannot be read does not hold up the others.
			}
		}
	}
	return errors.Join(errs...)
}

// learn reads back in the facts until it knows how far each stream is examined,
// and some way on for the answers that need not be kept again.
func (e *Examiner) learn(ctx context.Context) error {
	var next map[archive.Stream]archive.Position
	read := 0
	for p := e.archive.Next(archive.Facts); p > 0 && (next == nil || read < factsRead); p-- {
		at := archive.Address{Stream: archive.Facts, Position: p - 1}
		rec, err := e.archive.Read(ctx, at)
		if errors.Is(err, archive.ErrDamaged) || errors.Is(err, archive.ErrGone) {
			continue
		}
		if err != nil {
			return err
		}
		read++
		f, _, err := auth.Decode(rec.Body)
		if err != nil {
			continue // About something else.
		}
		if next == nil {
			next = map[archive.Stream]archive.Position{}
			for s, p := range f.Next {
				next[archive.Stream(s)] = archive.Position(p)
			}
		}
		for _, k := range f.Keys {
			e.kept.put(k.Digest(), at.String(), e.now())
		}
	}
	if e.next = next; next == nil {
		e.next = map[archive.Stream]archive.Position{}
	}
	e.publish()
	return nil
}

func (e *Examiner) publish() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.marks = map[archive.Stream]archive.Position{}
	for s, p := range e.next {
		e.marks[s] = p
	}
}

// examined is a message and what was found out about it.
type examined struct {
	at      archive.Address
	result  auth.Result
	answers []auth.Answer
	failed  []auth.Answer // What DNS could not tell, and may later.
}

// run examines the next records of a stream and keeps what it found in one
// record of facts.
func (e *Examiner) run(ctx context.Context, s archive.Stream) error {
	from := e.next[s]
	all, to, err := e.read(ctx, s, from)
	if to == from {
		return err
	}
	if err := e.again(ctx, all); err != nil {
		return err
	}
	f := auth.Findings{Stream: string(s), From: uint64(from), To: uint64(to), Next: map[string]uint64{}}
	for name, p := range e.next {
		f.Next[string(name)] = uint64(p)
	}
	f.Next[string(s)] = uint64(to)
	kept := map[string]bool{}
	for _, x := range all {
		f.Keys = append(f.Keys, e.refer(x, kept)...)
		f.Results = append(f.Results, x.result)
	}
	if err := e.keep(ctx, f); err != nil {
		return err
	}
	e.next[s] = to
	e.publish()
	return nil
}

// keep appends findings to the facts.
func (e *Examiner) keep(ctx context.Context, f auth.Findings) error {
	now := e.now().UTC()
	body, err := auth.Encode(f, now)
	if err != nil {
		return err
	}
	m, err := e.archive.Append(ctx, archive.Facts, archive.Meta{Kind: archive.KindEvent, Received: now}, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for _, k := range f.Keys {
		e.kept.put(k.Digest(), m.Address().String(), now)
	}
	for _, r := range f.Results {
		e.messages.WithLabelValues(r.Best()).Inc()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status.Examined += int64(len(f.Results))
	return nil
}

// refer has a result refer to the answers that an earlier record has, and
// returns those that none has, nor this one, whose are in here.
func (e *Examiner) refer(x *examined, here map[string]bool) (keys []auth.Answer) {
	for _, a := range x.answers {
		digest := a.Digest()
		if _, known := e.kept.get(digest, e.now()); !known && !here[digest] {
			here[digest] = true
			keys = append(keys, a)
		}
	}
	for _, ref := range x.result.Refs() {
		ref.At, _ = e.kept.get(ref.SHA256, e.now())
	}
	return keys
}

// read examines records from a position on while it reads them, and says
// where it stopped. With an error, those before it.
func (e *Examiner) read(ctx context.Context, s archive.Stream, from archive.Position) (all []*examined, to archive.Position, err error) {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(examineWorkers)
	to = from
	for rec, failure := range e.archive.Scan(ctx, s, from) {
		if failure != nil && !errors.Is(failure, archive.ErrDamaged) && !errors.Is(failure, archive.ErrGone) {
			err = failure
			break
		}
		at := archive.Address{Stream: s, Position: to}
		if to++; failure == nil && rec.Meta.Kind == archive.KindMessage && rec.Meta.SameAs == nil {
			x := &examined{at: at}
			all = append(all, x)
			g.Go(func() error { e.examine(inner, x, rec); return nil })
		}
		if to-from == examineBatch {
			break
		}
	}
	return all, to, errors.Join(err, g.Wait())
}

// examine finds out about one message.
func (e *Examiner) examine(ctx context.Context, x *examined, rec archive.Record) {
	defer func() {
		if fault := recover(); fault != nil {
			e.log.Error("message could not be examined; please report it", "at", x.at, "fault", fault)
			x.result, x.answers, x.failed = auth.Result{Skipped: "it could not be read; please report it"}, nil, nil
		}
		x.result.Position = uint64(x.at.Position)
	}()
	x.failed = nil
	if rec.Meta.Size > examineSize {
		x.result = auth.Result{Skipped: fmt.Sprintf("it is larger than %d MiB", examineSize>>20)}
		return
	}
	ctx, cancel := context.WithTimeout(ctx, examineTime)
	defer cancel()
	d := mail.Delivery{Format: rec.Meta.Source.Format}
	if v := rec.Meta.Envelope; v != nil {
		d.From, d.To = v.From, v.To
	}
	m := auth.Mail{Raw: mail.Read(rec.Body, d).Original.Raw, At: rec.Meta.Received, ServIDs: e.config.ServIDs, SPF: e.spf(ctx, rec.Meta)}
	if m.SPF != nil && m.SPF.Status == auth.TempError {
		x.failed = append(x.failed, auth.Answer{})
	}
	asked := 0
	x.result, x.answers = auth.Check(m, func(name string) auth.Answer {
		if asked++; asked > examineLookups {
			return auth.Answer{At: e.now().UTC(), Error: fmt.Sprintf("not asked: more than %d names", examineLookups)}
		}
		return e.lookup(ctx, x, name)
	})
}

// spf asks whether the peer might send this, where that means something.
func (e *Examiner) spf(ctx context.Context, m archive.Meta) *auth.SPF {
	if m.Peer == nil || m.Envelope == nil || m.Source.Queue == "" || !e.config.Gateway(m.Source.Queue) {
		return nil
	}
	client, err := netip.ParseAddr(m.Peer.IP)
	if err != nil {
		return nil // A socket of this machine.
	}
	return e.config.DNS.SPF(ctx, client.Unmap(), m.Peer.Helo, m.Envelope.From)
}

// lookup asks for a key or policy and notes what could not be told for now.
func (e *Examiner) lookup(ctx context.Context, x *examined, name string) auth.Answer {
	if a, ok := e.givenUp.get(name, e.now()); ok {
		return a
	}
	a := e.config.DNS.TXT(ctx, name)
	a.Name = name
	switch {
	case a.Temporary():
		x.failed = append(x.failed, a)
		e.lookups.WithLabelValues("temporary").Inc()
	case a.Error != "":
		e.lookups.WithLabelValues("none").Inc()
	default:
		e.lookups.WithLabelValues("found").Inc()
	}
	return a
}

// again examines once more the messages about which DNS could not tell
// something, a few times over minutes. A name that is not told then is not
// waited for again soon, so that one broken domain cannot hold up the rest for long.
// While no server answers at all nothing is recorded for some time: the keys are still there
// when they do.
func (e *Examiner) again(ctx context.Context, all []*examined) error {
	waiting := func() []*examined {
		return slices.DeleteFunc(slices.Clone(all), func(x *examined) bool { return len(x.failed) == 0 })
	}
	for try := 0; try < len(e.config.Retries) && len(waiting()) > 0; {
		if e.out >= e.config.Outage && !e.config.DNS.Alive(ctx) {
			return nil
		}
		wait := e.config.Retries[try]
		if !pause(ctx, wait) {
			return context.Cause(ctx)
		}
		if !e.config.DNS.Alive(ctx) {
			e.fail(errors.New("no DNS server answers; see evidence.resolver"))
			e.out += wait
			continue
		}
		e.out = 0
		try++
		if err := e.askAgain(ctx, waiting()); err != nil {
			return err
		}
	}
	for _, x := range waiting() {
		for _, a := range x.failed {
			if a.Name != "" {
				e.givenUp.put(a.Name, a, e.now())
			}
		}
	}
	return nil
}

func (e *Examiner) askAgain(ctx context.Context, waiting []*examined) error {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(examineWorkers)
	for _, x := range waiting {
		g.Go(func() error {
			rec, err := e.archive.Read(inner, x.at)
			if err != nil {
				return nil // It was removed meanwhile: what was found stays.
			}
			e.examine(inner, x, rec)
			return nil
		})
	}
	return errors.Join(g.Wait(), context.Cause(ctx))
}

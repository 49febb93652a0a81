package gateway

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"polytrace/archive"
	"polytrace/message"
)

// How long and how often a message is tried (RFC 5321 section 4.5.4.1), and how
// much is done at once.
const (
	relayFor       = 5 * 24 * time.Hour // Since it came; then what was deferred last has failed.
	relayPause     = time.Minute        // After the first deferral, twice as long after each other.
	relayLongPause = time.Hour
	relayAtOnce    = 4       // Sessions with one hop.
	relayMost      = 100_000 // Messages that wait in memory; others wait in the archive.
	relayMarks     = 1000    // Records between two marks.
)

// Hop is the mail server that a queue's mail is handed on to.
type Hop struct {
	Address string    // host:port
	Since   time.Time // Mail that came before is not handed on. Another address leaves it as it is.
}

// RelayArchive is what the relay needs of the archive.
type RelayArchive interface {
	Archive
	Streams() []archive.Stream
	Next(archive.Stream) archive.Position
	Read(context.Context, archive.Address) (archive.Record, error)
	ReadBody(context.Context, archive.Address) (archive.Meta, io.ReadCloser, error)
	Scan(context.Context, archive.Stream, archive.Position) iter.Seq2[archive.Record, error]
}

// RelayConfig says how mail is handed on.
type RelayConfig struct {
	Hostname string                // In EHLO and the Received field; default: the machine's name.
	Hops     func() map[string]Hop // Next hops at the moment, by queue; asked often. Required.
	TLS      *tls.Config           // For STARTTLS; default: any certificate will do, except with REQUIRETLS (RFC 8689).
	Patience time.Duration         // Wait so long for a reply, and twice as long for the last; default 5 minutes (RFC 5321 section 4.5.3.2).
	Every    time.Duration         // Look for new mail; default 1 second.
	Log      *slog.Logger          // Default: discard.
	Metrics  prometheus.Registerer // May be nil.
}

// Relay hands the mail of queues that have a next hop on, with its own envelope
// and the stored bytes behind one Received field. It follows the archive: mail
// is taken whatever becomes of it here.
//
// Each message is handed on at least once, and not exactly once: when a hop
// disappears after the last byte, or this machine before the outcome is on disk,
// nobody can know whether the hop has it.
//
// The recipients are those that Postfix's maps have put into the address of the
// queue, queue+to=local=domain@host. Where there are none, they are the
// recipients of the envelope as they came, which the hop then has to know; a
// copy for queue+from=… alone is for nobody, because other copies name the
// recipients.
//
// What the hop refuses for good (5xx) has failed; what it defers, and all mail
// while it is away, is tried for five days after it came. Nothing is bounced:
// outcomes are facts in the archive (relay_facts.go).
type Relay struct {
	config  RelayConfig
	archive RelayArchive
	log     *slog.Logger
	now     func() time.Time
	outcome *prometheus.CounterVec

	wake    chan struct{}
	workers sync.WaitGroup

	next   map[archive.Stream]archive.Position // Behind what was followed; nil before resume. Of Run alone, like the next three.
	known  map[string]bool                     // Queues whose mail is followed.
	marked mark                                // The last one.
	passed int                                 // Records since then.

	mu      sync.Mutex
	waiting map[string][]*parcel // by queue, in order; guarded by mu
	hops    map[string]*hopState // by address; guarded by mu
	failed  map[string]int64     // Recipients since start, by queue; guarded by mu
	failure string               // Why the archive cannot be followed; guarded by mu
}

// parcel is a message that is not handed on to everybody yet. What changes in it is
// guarded by mu.
type parcel struct {
	at       archive.Address
	queue    string
	received time.Time
	open     []string         // Recipients without a final outcome.
	seen     archive.Position // Facts about it, and about what came later, are from here on.
	attempts int
	next     time.Time
	busy     bool
}

// hopState is how it stands with a next hop.
type hopState struct {
	startTLS atomic.Bool // It offered STARTTLS the last time.

	busy     int // guarded by mu, like what follows
	failures int // In a row.
	next     time.Time
	cause    string // Of the last failure.
}

// NewRelay checks the configuration.
func NewRelay(c RelayConfig, a RelayArchive) (*Relay, error) {
	if c.Hops == nil {
		return nil, errors.New("start relay: nobody says what the next hops are")
	}
	if c.Hostname == "" {
		name, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("start relay: %w", err)
		}
		c.Hostname = name
	}
	c.Patience, c.Every = cmp.Or(c.Patience, 5*time.Minute), cmp.Or(c.Every, time.Second)
	if c.TLS == nil {
		c.TLS = &tls.Config{InsecureSkipVerify: true} // Better than in clear, which is what is left (RFC 7435).
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	r := &Relay{config: c, archive: a, log: c.Log, now: time.Now, wake: make(chan struct{}, 1), known: map[string]bool{}, waiting: map[string][]*parcel{}, hops: map[string]*hopState{}, failed: map[string]int64{}}
	if err := r.register(c.Metrics); err != nil {
		return nil, fmt.Errorf("start relay: %w", err)
	}
	return r, nil
}

// Run hands mail on until ctx ends. What is under way then is broken off and
// handed on after the next start.
func (r *Relay) Run(ctx context.Context) error {
	tick := time.NewTicker(r.config.Every)
	defer tick.Stop()
	for {
		err := r.step(ctx)
		if ctx.Err() == nil {
			r.note(err)
		}
		select {
		case <-ctx.Done():
			r.workers.Wait()
			return r.mark(context.WithoutCancel(ctx), true)
		case <-r.wake:
		case <-tick.C:
		}
	}
}

func (r *Relay) note(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	r.mu.Lock()
	before := r.failure
	r.failure = text
	r.mu.Unlock()
	if text != "" && text != before {
		r.log.Error("mail is not handed on at the moment; trying again", "error", err)
	}
}

// step takes in what is new and begins what is due.
func (r *Relay) step(ctx context.Context) error {
	hops := r.config.Hops()
	if r.next == nil {
		if len(hops) == 0 {
			return nil
		}
		if err := r.resume(ctx, hops); err != nil {
			r.next = nil
			return err
		}
	}
	err := r.follow(ctx, hops)
	r.begin(ctx, hops)
	return errors.Join(err, r.mark(ctx, false))
}

// follow takes the records behind those of before, and of queues that got a hop
// those since then.
func (r *Relay) follow(ctx context.Context, hops map[string]Hop) error {
	for queue, hop := range hops {
		if r.known[queue] {
			continue
		}
		if err := r.admit(ctx, queue, hop); err != nil {
			return err
		}
		r.known[queue] = true
	}
	for queue := range r.known {
		if _, ok := hops[queue]; !ok {
			delete(r.known, queue)
		}
	}
	for _, s := range r.archive.Streams() {
		if s.Ours() {
			continue
		}
		seen := r.archive.Next(archive.Facts)
		for rec, err := range r.archive.Scan(ctx, s, r.next[s]) {
			if err = r.passable(err); err != nil {
				return err
			}
			if hop, ok := hops[rec.Meta.Source.Queue]; ok && !rec.Meta.Received.Before(hop.Since) {
				r.take(rec.Meta, nil, seen)
			}
			r.next[s] = rec.Meta.Position + 1
			if r.passed++; r.full() {
				return nil
			}
		}
	}
	return nil
}

// passable lets a record pass that nobody will ever read.
func (r *Relay) passable(err error) error {
	if errors.Is(err, archive.ErrGone) {
		return nil
	}
	if errors.Is(err, archive.ErrDamaged) {
		r.log.Error("a damaged record is not handed on", "error", err)
		return nil
	}
	return err
}

// admit takes the mail of a queue that got a hop, as far as others were
// followed already.
func (r *Relay) admit(ctx context.Context, queue string, hop Hop) error {
	seen, err := r.seek(ctx, archive.Facts, hop.Since)
	if err != nil {
		return err
	}
	for s, end := range r.next {
		first, err := r.seek(ctx, s, hop.Since)
		if err != nil {
			return err
		}
		if first >= end {
			continue
		}
		for rec, err := range r.archive.Scan(ctx, s, first) {
			if err = r.passable(err); err != nil {
				return err
			}
			if rec.Meta.Position >= end {
				break
			}
			if rec.Meta.Source.Queue == queue && !rec.Meta.Received.Before(hop.Since) {
				r.take(rec.Meta, nil, seen)
			}
		}
	}
	r.passed = relayMarks // So that it is not done again.
	return nil
}

// take adds a message. past is what became of it before; nil when nothing did.
func (r *Relay) take(m archive.Meta, past *history, seen archive.Position) {
	p := &parcel{at: m.Address(), queue: m.Source.Queue, received: m.Received, open: relayRecipients(m.Envelope), seen: seen}
	if past != nil {
		p.open, p.attempts, p.next = past.open, past.attempt, past.at.Add(relayWait(past.attempt))
	}
	if m.Kind != archive.KindMessage || len(p.open) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting[p.queue] = append(r.waiting[p.queue], p)
}

func (r *Relay) full() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, all := range r.waiting {
		n += len(all)
	}
	return n >= relayMost
}

// relayRecipients are those whom the hop is to deliver to; see Relay.
func relayRecipients(e *archive.Envelope) (to []string) {
	if e == nil {
		return nil
	}
	plain := []string(nil)
	for _, path := range e.To {
		switch kind, address := message.Token(path); {
		case kind == "to" && !slices.Contains(to, address):
			to = append(to, address)
		case kind != "to" && kind != "from" && !slices.Contains(plain, path):
			plain = append(plain, path)
		}
	}
	if len(to) > 0 {
		return to
	}
	return plain
}

// begin starts what is due, as much as is done at once. A hop that fails is
// tried with one message.
func (r *Relay) begin(ctx context.Context, hops map[string]Hop) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for queue, all := range r.waiting {
		hop, ok := hops[queue]
		if !ok {
			r.forgetLocked(ctx, all, now)
			continue
		}
		state := r.hops[hop.Address]
		if state == nil {
			state = &hopState{}
			r.hops[hop.Address] = state
		}
		for _, p := range all {
			if state.busy >= relayAtOnce || now.Before(state.next) || state.failures > 0 && state.busy > 0 {
				break
			}
			if !p.busy && !now.Before(p.next) {
				p.busy = true
				state.busy++
				r.workers.Go(func() { r.attempt(ctx, p, hop.Address, state) })
			}
		}
	}
}

// forgetLocked fails what is too old of a queue that has no hop any more. The
// rest waits: it may get one.
func (r *Relay) forgetLocked(ctx context.Context, all []*parcel, now time.Time) {
	for _, p := range all {
		if !p.busy && now.Sub(p.received) > relayFor {
			p.busy = true
			r.workers.Go(func() { r.settle(ctx, p, "", later(p.open, "the queue has no next hop any more")) })
		}
	}
}

// attempt hands one message on and notes what became of it.
func (r *Relay) attempt(ctx context.Context, p *parcel, address string, state *hopState) {
	outcomes, down := r.hand(ctx, p, address, state)
	if ctx.Err() != nil && slices.ContainsFunc(outcomes, func(o Delivery) bool { return o.Status == Deferred }) {
		outcomes = nil // It was broken off here.
	}
	var late []*parcel
	r.mu.Lock()
	state.busy--
	switch {
	case ctx.Err() != nil:
	case down == nil:
		state.failures, state.next, state.cause = 0, time.Time{}, ""
	default:
		state.failures++
		state.next, state.cause = r.now().Add(relayWait(state.failures)), down.Error()
		late = r.lateLocked(p.queue)
	}
	failures := state.failures
	r.mu.Unlock()
	if down != nil && ctx.Err() == nil {
		r.log.Warn("next hop is away; mail for it waits", "hop", address, "failures", failures, "error", down)
	}
	r.settle(ctx, p, address, outcomes)
	for _, l := range late {
		r.settle(ctx, l, address, later(l.open, down.Error()))
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// lateLocked takes what has waited too long behind a hop that is away.
func (r *Relay) lateLocked(queue string) (late []*parcel) {
	for _, p := range r.waiting[queue] {
		if !p.busy && r.now().Sub(p.received) > relayFor {
			p.busy = true
			late = append(late, p)
		}
	}
	return late
}

// settle notes the outcomes of an attempt, nil when it was broken off, and forgets the
// message when all are final. The facts are on disk before.
func (r *Relay) settle(ctx context.Context, p *parcel, hop string, outcomes []Delivery) {
	now := r.now()
	attempt := p.attempts
	if outcomes != nil {
		attempt++
	}
	var open []string
	for i := range outcomes {
		o := &outcomes[i]
		o.Attempt = attempt
		if o.Status == Deferred && now.Sub(p.received) > relayFor {
			o.Status, o.Reply = Failed, "given up after five days: "+o.Reply
		}
		if o.Status == Deferred {
			open = append(open, o.To)
		}
	}
	if outcomes != nil && (len(open) < len(outcomes) || attempt&(attempt-1) == 0) { // Of deferrals alone, the first, second, fourth, eighth ...
		if !r.record(ctx, now, p.at, hop, outcomes) {
			outcomes = nil
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p.busy = false
	if outcomes == nil {
		return
	}
	for _, o := range outcomes {
		r.outcome.WithLabelValues(p.queue, string(o.Status)).Inc()
		if o.Status == Failed {
			r.failed[p.queue]++
		}
	}
	p.attempts, p.open, p.next = attempt, open, now.Add(relayWait(attempt))
	if len(open) == 0 {
		r.waiting[p.queue] = slices.DeleteFunc(r.waiting[p.queue], func(w *parcel) bool { return w == p })
	}
}

// relayWait is how long to wait after so many attempts.
func relayWait(attempts int) time.Duration {
	return min(relayPause<<min(max(attempts-1, 0), 10), relayLongPause)
}

// later is the same reason to try again for all.
func later(to []string, reply string) (all []Delivery) {
	for _, one := range to {
		all = append(all, Delivery{To: one, Status: Deferred, Reply: reply})
	}
	return all
}

// RelayStatus tells how it stands with the mail of a queue that is handed on.
type RelayStatus struct {
	Queue   string    `json:"queue"`
	Hop     string    `json:"hop,omitempty"` // Empty when it has none any more.
	Waiting int       `json:"waiting"`       // Messages.
	Oldest  time.Time `json:"oldest,omitzero"`
	Failed  int64     `json:"failed"`            // Recipients since start.
	Failure string    `json:"failure,omitempty"` // Why the hop takes nothing, or the archive cannot be followed.
}

// Status lists the queues that have a next hop, or mail that waits for one.
func (r *Relay) Status() (all []RelayStatus) {
	hops := r.config.Hops()
	r.mu.Lock()
	defer r.mu.Unlock()
	queues := map[string]bool{}
	for queue := range hops {
		queues[queue] = true
	}
	for queue, waiting := range r.waiting {
		queues[queue] = queues[queue] || len(waiting) > 0
	}
	for queue, is := range queues {
		if !is {
			continue
		}
		st := RelayStatus{Queue: queue, Hop: hops[queue].Address, Waiting: len(r.waiting[queue]), Failed: r.failed[queue], Failure: r.failure}
		if state := r.hops[st.Hop]; state != nil {
			st.Failure = cmp.Or(st.Failure, state.cause)
		}
		for _, p := range r.waiting[queue] {
			if st.Oldest.IsZero() || p.received.Before(st.Oldest) {
				st.Oldest = p.received
			}
		}
		all = append(all, st)
	}
	slices.SortFunc(all, func(a, b RelayStatus) int { return strings.Compare(a.Queue, b.Queue) })
	return all
}

var (
	descRelayWaiting = prometheus.NewDesc("polytrace_relay_waiting_messages", "Messages that wait to be handed on.", []string{"queue"}, nil)
	descRelayOldest  = prometheus.NewDesc("polytrace_relay_oldest_waiting_seconds", "Age of the oldest message that waits to be handed on.", []string{"queue"}, nil)
	descRelayFailing = prometheus.NewDesc("polytrace_relay_failing", "1 when the next hop took nothing the last time.", []string{"queue"}, nil)
)

func (r *Relay) register(to prometheus.Registerer) error {
	r.outcome = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "polytrace_relay_recipients_total", Help: "Attempts to hand a message on to a recipient, by how they ended."}, []string{"queue", "status"})
	if to == nil {
		return nil
	}
	return errors.Join(to.Register(r.outcome), to.Register(relayFigures{r}))
}

// relayFigures are read from the relay when they are asked for.
type relayFigures struct{ *Relay }

// Describe implements prometheus.Collector.
func (f relayFigures) Describe(out chan<- *prometheus.Desc) {
	out <- descRelayWaiting
	out <- descRelayOldest
	out <- descRelayFailing
}

// Collect implements prometheus.Collector.
func (f relayFigures) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, queue string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, queue)
	}
	for _, st := range f.Status() {
		oldest, failing := 0.0, 0.0
		if !st.Oldest.IsZero() {
			oldest = f.now().Sub(st.Oldest).Seconds()
		}
		if st.Failure != "" {
			failing = 1
		}
		gauge(descRelayWaiting, float64(st.Waiting), st.Queue)
		gauge(descRelayOldest, oldest, st.Queue)
		gauge(descRelayFailing, failing, st.Queue)
	}
}

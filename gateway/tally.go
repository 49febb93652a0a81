package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/prometheus/client_golang/prometheus"

	"polytrace/archive"
)

// mostLately is how many attempts that were not let in are kept for the person
// who sets a mail server up.
const mostLately = 20

// tally counts what was taken in and what was not.
type tally struct {
	messages *prometheus.CounterVec
	refusals *prometheus.CounterVec
	loops    prometheus.Counter
	bytes    prometheus.Counter
	seconds  prometheus.Histogram

	mu     sync.Mutex
	status Status                 // guarded by mu; without what lately and queues hold.
	lately []Refused              // At most mostLately; guarded by mu.
	queues map[string]QueueStatus // guarded by mu; without Arrivals.
	comes  map[string]*Arrivals   // By queue; guarded by mu.
}

// register makes the metrics; r may be nil.
func (t *tally) register(r prometheus.Registerer, sessions func() int) error {
	t.queues = map[string]QueueStatus{}
	t.messages = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "polytrace_smtp_messages_total", Help: "Messages by queue and how they were answered."}, []string{"queue", "result"})
	t.refusals = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "polytrace_smtp_refused_total", Help: "Recipients and connections that were not let in, by reason."}, []string{"reason"})
	t.loops = prometheus.NewCounter(prometheus.CounterOpts{Name: "polytrace_smtp_loops_total", Help: "Messages taken that go round in a circle."})
	t.bytes = prometheus.NewCounter(prometheus.CounterOpts{Name: "polytrace_smtp_received_bytes_total", Help: "Bytes of the messages that were taken."})
	t.seconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "polytrace_smtp_ack_seconds", Help: "From the begin of a message to its 250.",
		Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 60, 600}, NativeHistogramBucketFactor: 1.1,
	})
	open := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "polytrace_smtp_sessions", Help: "Sessions that are open."}, func() float64 { return float64(sessions()) })
	if r == nil {
		return nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{t.messages, t.refusals, t.loops, t.bytes, t.seconds, open} {
		errs = append(errs, r.Register(c))
	}
	return errors.Join(errs...)
}

func (t *tally) refused(reason string) { t.refusals.WithLabelValues(reason).Inc() }

// reasonOf names why a connection was refused, for the metric.
func reasonOf(err error) string {
	if errors.Is(err, errCrowd) {
		return "network"
	}
	return "busy"
}

// accepted notes a message of size bytes that got its 250.
func (s *Server) accepted(txn transaction, stored []archive.Address, size int64, took time.Duration) {
	t := &s.tally
	t.seconds.Observe(took.Seconds())
	t.bytes.Add(float64(size))
	if s.config.Meter != nil {
		s.config.Meter.Took(size)
	}
	now := s.now().UTC()
	t.mu.Lock()
	t.status.Accepted++
	for _, p := range txn.parts {
		name := p.queue.Name
		q := t.queues[name]
		q.Queue = name
		q.Accepted++
		t.queues[name] = q
		if t.comes[name] == nil {
			t.comes[name] = &Arrivals{}
		}
		t.comes[name].note(now)
	}
	t.mu.Unlock()
	for i, p := range txn.parts { // Writing the log holds up nobody else.
		t.messages.WithLabelValues(p.queue.Name, "accepted").Inc()
		s.log.Info("message archived", "at", stored[i], "queue", p.queue.Name, "size", size)
	}
}

// looped notes an accepted message that goes round in a circle. A refusal would
// make a bounce of it, which goes round as well.
func (s *Server) looped(txn transaction, at archive.Address) {
	s.log.Warn("message goes round in a circle; look for a rule that sends the archive's mail back to it", "at", at, "peer", txn.from)
	t := &s.tally
	t.loops.Inc()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.status.Loops++
}

// failed notes a message that was not taken.
func (s *Server) failed(txn transaction, err error) {
	result := s.count(err)
	var to []string
	for _, p := range txn.parts {
		s.tally.messages.WithLabelValues(p.queue.Name, result).Inc()
		to = append(to, p.to...)
	}
	s.log.Warn("message not archived", "peer", txn.from, "cause", err)
	s.tell(txn.from, strings.Join(to, " "), s.plainly(err))
}

// plainly says why a message was not taken, and what to do.
func (s *Server) plainly(err error) string {
	switch {
	case errors.Is(err, errTenant):
		return sentence(err.Error()) + ". The mail server keeps it and tries again; correct the tenants of the queue, or the address in the connector of the other organisation."
	case errors.Is(err, errTooLarge):
		return fmt.Sprintf("The message is larger than %d bytes and was refused for good. Raise smtp.max_message above what the mail server lets people send.", s.config.MaxMessage)
	case errors.Is(err, archive.ErrFull):
		return "The disk of the data directory is full, so that the mail server keeps the message and tries again. Make room."
	case errors.Is(err, errCut), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, smtp.ErrDataReset):
		return "The connection ended in the middle of the message; the mail server keeps it and tries again. If that goes on, look for a firewall or proxy between the two that breaks long transfers."
	}
	return "The message could not be kept, and the log says why. The mail server keeps it and tries again."
}

// refuse notes a recipient that was not let in.
func (s *Server) refuse(peer origin, to string, err error) {
	reason, text := "source", sentence(err.Error())+"."
	switch {
	case err == errForeign: // Nobody told it more: the address is none of ours either.
		text = "There is no queue with the address <" + to + ">, and it was refused for good, because " + peer.String() + " is no source of any queue. If it is a mail server of yours, correct the address, and add the server with --source."
	case errors.Is(err, errNoQueue):
		reason = "recipient"
		text = "There is no queue with the address <" + to + ">. Compare it with the address that `polytrace queue list` prints; the mail server keeps the message and tries again."
	case errors.Is(err, errNotProven):
		reason = "proof"
	case errors.Is(err, errQueueTLS):
		reason = "tls"
	}
	s.tally.refused(reason)
	s.log.Warn("recipient not taken", "peer", peer, "reason", reason)
	s.count(err)
	s.tell(peer, to, text)
}

// count counts what was not taken.
func (s *Server) count(err error) (result string) {
	t := &s.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	if final(err) {
		t.status.Refused++
		return "refused"
	}
	t.status.Deferred++
	return "deferred"
}

// tell keeps an attempt that was not let in for the person who sets a mail
// server up.
func (s *Server) tell(peer origin, to, reason string) {
	t := &s.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lately) == mostLately {
		t.lately = slices.Delete(t.lately, 0, 1)
	}
	to = strings.ToValidUTF8(to[:min(len(to), 1000)], "?") // A transaction may have a thousand long ones.
	t.lately = append(t.lately, Refused{At: s.now().UTC(), Peer: peer.String(), To: to, Reason: reason})
}

// sentence makes the first letter a capital.
func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// Status tells how the gateway is.
func (s *Server) Status() Status {
	t := &s.tally
	sessions := s.sessions()
	t.mu.Lock()
	defer t.mu.Unlock()
	status := t.status
	status.Sessions = sessions
	for name, a := range t.comes {
		q := t.queues[name]
		q.Queue, q.Arrivals = name, *a
		q.Arrivals.Hours = slices.Clone(a.Hours)
		status.Queues = append(status.Queues, q)
	}
	slices.SortFunc(status.Queues, func(a, b QueueStatus) int { return cmp.Compare(a.Queue, b.Queue) })
	status.Lately = slices.Clone(t.lately)
	return status
}

// keepArrivals writes down when mail comes: now and then, and at the end.
func (s *Server) keepArrivals(ctx context.Context) {
	tick := time.NewTicker(keepArrivalsEvery)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case <-ctx.Done():
			ended = true
		case <-tick.C:
		}
		if err := s.saveArrivals(); err != nil {
			s.log.Warn("what is usual is learned anew after the next start", "cause", err)
		}
	}
}

const keepArrivalsEvery = 10 * time.Minute

func (s *Server) saveArrivals() error {
	if s.config.Arrivals == "" {
		return nil
	}
	s.tally.mu.Lock()
	raw, err := json.Marshal(s.tally.comes)
	s.tally.mu.Unlock()
	if err != nil {
		return err
	}
	return writeArrivals(s.config.Arrivals, raw)
}

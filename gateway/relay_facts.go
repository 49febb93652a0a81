package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sort"
	"time"

	"polytrace/archive"
)

// What the relay keeps is in the stream archive.Facts, among facts of others:
//
//	{"polytrace":1,"type":"mail.relayed","at":…,"data":{"record":"mail/17","hop":"host:port",
//	  "outcomes":[{"to":"kim@fabrikam.example","status":"sent","reply":"250 2.0.0 …","attempt":1}]}}
//
// lists all recipients that had no final outcome before: those deferred in the
// last fact about a record are the ones that are left. Of attempts after which all are
// deferred, the first, second, fourth and so on are told. And
//
//	{"polytrace":1,"type":"relay.mark","at":…,"data":{"next":{"mail":18},"queues":["support"],"facts":40}}
//
// says that of records below next, and of the queues named, each has a fact at
// or behind facts, or needed none. So a start reads back to the last mark only.
const (
	factRelayed = "mail.relayed"
	factMark    = "relay.mark"
)

// DeliveryStatus is what became of a message for one recipient.
type DeliveryStatus string

// The outcomes; all but Deferred are final.
const (
	Sent     DeliveryStatus = "sent"
	Deferred DeliveryStatus = "deferred"
	Failed   DeliveryStatus = "failed"
)

// Delivery is how an attempt ended for one recipient.
type Delivery struct {
	To      string         `json:"to"`
	Status  DeliveryStatus `json:"status"`
	Reply   string         `json:"reply"` // Of the hop, with its code; or why there was none, which begins with a letter.
	Attempt int            `json:"attempt"`
}

type fact struct {
	Format int             `json:"polytrace"`
	Type   string          `json:"type"`
	At     time.Time       `json:"at"`
	Data   json.RawMessage `json:"data"`
}

type relayed struct {
	Record   archive.Address `json:"record"`
	Hop      string          `json:"hop,omitempty"`
	Outcomes []Delivery      `json:"outcomes"`
}

type mark struct {
	Next   map[archive.Stream]archive.Position `json:"next"`
	Queues []string                            `json:"queues"`
	Facts  archive.Position                    `json:"facts"`
}

// history is what the last fact about a record says.
type history struct {
	open    []string
	attempt int
	at      time.Time
}

func (r *Relay) appendFact(ctx context.Context, at time.Time, kind string, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	raw, err = json.Marshal(fact{archive.FormatVersion, kind, at.UTC(), raw})
	if err != nil {
		return err
	}
	_, err = r.archive.Append(ctx, archive.Facts, archive.Meta{Kind: archive.KindEvent, Received: at.UTC()}, bytes.NewReader(raw))
	return err
}

// record keeps outcomes. While the archive does not take them it goes on trying:
// to forget them would hand the message on again. It is false when ctx ended before.
func (r *Relay) record(ctx context.Context, at time.Time, of archive.Address, hop string, outcomes []Delivery) bool {
	for {
		err := r.appendFact(context.WithoutCancel(ctx), at, factRelayed, relayed{of, hop, outcomes})
		if err == nil {
			r.log.Info("message handed on", "at", of, "hop", hop, "recipients", len(outcomes), "first", outcomes[0].Status)
			return true
		}
		r.log.Error("outcome of handing a message on is not kept; trying again", "at", of, "error", err)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(r.config.Every):
		}
	}
}

// mark writes one when there is enough to tell, or at the end anything.
func (r *Relay) mark(ctx context.Context, end bool) error {
	if r.next == nil || r.passed < relayMarks && !end {
		return nil
	}
	m := mark{maps.Clone(r.next), slices.Sorted(maps.Keys(r.known)), r.archive.Next(archive.Facts)}
	r.mu.Lock()
	for _, all := range r.waiting {
		for _, p := range all {
			m.Facts = min(m.Facts, p.seen)
			if p.attempts == 0 {
				m.Next[p.at.Stream] = min(m.Next[p.at.Stream], p.at.Position)
			}
		}
	}
	r.mu.Unlock()
	if reflect.DeepEqual(m.Next, r.marked.Next) && slices.Equal(m.Queues, r.marked.Queues) {
		r.passed = 0
		return nil
	}
	if err := r.appendFact(ctx, r.now(), factMark, m); err != nil {
		return fmt.Errorf("keep how far mail was handed on: %w", err)
	}
	r.marked, r.passed = m, 0
	return nil
}

// resume goes on where the facts say that handing on has stopped.
func (r *Relay) resume(ctx context.Context, hops map[string]Hop) error {
	last, err := r.lastMark(ctx, hops)
	if err != nil {
		return fmt.Errorf("resume handing on: %w", err)
	}
	past, err := r.past(ctx, last.Facts)
	if err != nil {
		return fmt.Errorf("resume handing on: %w", err)
	}
	r.mu.Lock()
	clear(r.waiting)
	r.mu.Unlock()
	r.marked, r.next = last, maps.Clone(last.Next)
	r.known = map[string]bool{}
	for _, queue := range last.Queues {
		r.known[queue] = true
	}
	for _, at := range slices.SortedFunc(maps.Keys(past), compareAddresses) {
		if at.Position < r.next[at.Stream] {
			if err := r.takeAgain(ctx, at, past[at], last.Facts); err != nil {
				return fmt.Errorf("resume handing on: %w", err)
			}
		}
	}
	return r.followAgain(ctx, hops, past, last.Facts)
}

func compareAddresses(a, b archive.Address) int {
	if a.Stream != b.Stream {
		return bytes.Compare([]byte(a.Stream), []byte(b.Stream))
	}
	return int(int64(a.Position) - int64(b.Position))
}

// takeAgain takes a record that was deferred before.
func (r *Relay) takeAgain(ctx context.Context, at archive.Address, h *history, seen archive.Position) error {
	if len(h.open) == 0 {
		return nil
	}
	rec, err := r.archive.Read(ctx, at)
	if err = r.passable(err); err == nil && rec.Meta.Kind == archive.KindMessage {
		r.take(rec.Meta, h, seen)
	}
	return err
}

// followAgain follows what is behind the mark up to now, where some of it has
// facts already.
func (r *Relay) followAgain(ctx context.Context, hops map[string]Hop, past map[archive.Address]*history, seen archive.Position) error {
	for _, s := range r.archive.Streams() {
		if s.Ours() {
			continue
		}
		for rec, err := range r.archive.Scan(ctx, s, r.next[s]) {
			if err = r.passable(err); err != nil {
				return fmt.Errorf("resume handing on: %w", err)
			}
			h := past[rec.Meta.Address()]
			hop, ok := hops[rec.Meta.Source.Queue]
			if ok && !rec.Meta.Received.Before(hop.Since) && r.known[rec.Meta.Source.Queue] || h != nil {
				r.take(rec.Meta, h, seen)
			}
			r.next[s] = rec.Meta.Position + 1
			r.passed++
		}
	}
	return nil
}

// lastMark reads back to the last mark. Where there is none since the first
// queue got its hop, nothing was handed on, and everything since then is to be.
func (r *Relay) lastMark(ctx context.Context, hops map[string]Hop) (mark, error) {
	var since time.Time
	queues := slices.Sorted(maps.Keys(hops))
	for i, queue := range queues {
		if at := hops[queue].Since; i == 0 || at.Before(since) {
			since = at
		}
	}
	for at := r.archive.Next(archive.Facts); at > 0; at-- {
		rec, err := r.archive.Read(ctx, archive.Address{Stream: archive.Facts, Position: at - 1})
		if err = r.passable(err); err != nil {
			return mark{}, err
		}
		var f fact
		var m mark
		if json.Unmarshal(rec.Body, &f) == nil && f.Type == factMark && json.Unmarshal(f.Data, &m) == nil {
			return m, nil
		}
		if rec.Meta.Kind == archive.KindEvent && rec.Meta.Received.Before(since.Add(-relaySlack)) {
			break
		}
	}
	m := mark{Next: map[archive.Stream]archive.Position{}, Queues: queues}
	var err error
	if m.Facts, err = r.seek(ctx, archive.Facts, since); err != nil {
		return mark{}, err
	}
	for _, s := range r.archive.Streams() {
		if !s.Ours() {
			if m.Next[s], err = r.seek(ctx, s, since); err != nil {
				return mark{}, err
			}
		}
	}
	return m, nil
}

// past reads the facts from a position on: of each record the last one.
func (r *Relay) past(ctx context.Context, from archive.Position) (map[archive.Address]*history, error) {
	all := map[archive.Address]*history{}
	for rec, err := range r.archive.Scan(ctx, archive.Facts, from) {
		if err = r.passable(err); err != nil {
			return nil, err
		}
		var f fact
		var told relayed
		if json.Unmarshal(rec.Body, &f) != nil || f.Type != factRelayed || json.Unmarshal(f.Data, &told) != nil {
			continue // Of somebody else.
		}
		h := &history{at: f.At}
		for _, o := range told.Outcomes {
			h.attempt = max(h.attempt, o.Attempt)
			if o.Status == Deferred {
				h.open = append(h.open, o.To)
			}
		}
		all[told.Record] = h
	}
	return all, nil
}

// relaySlack is how far the clock may have been set back within a stream.
const relaySlack = time.Hour

// seek finds the first record of a stream that came at a time or later, or one
// before it. What is gone or damaged counts as older.
func (r *Relay) seek(ctx context.Context, s archive.Stream, t time.Time) (archive.Position, error) {
	t = t.Add(-relaySlack)
	var broken error
	i := sort.Search(int(r.archive.Next(s)), func(i int) bool {
		rec, err := r.archive.Read(ctx, archive.Address{Stream: s, Position: archive.Position(i)})
		if err != nil && !errors.Is(err, archive.ErrGone) && !errors.Is(err, archive.ErrDamaged) {
			broken = err
		}
		return err == nil && !rec.Meta.Received.Before(t)
	})
	return archive.Position(i), broken
}

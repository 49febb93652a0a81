package archive

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// StreamStatus says how far a stream has come.
type StreamStatus struct {
	Stream   Stream    `json:"stream"`
	Next     Position  `json:"next"`      // Records accepted.
	InBucket Position  `json:"in_bucket"` // Records below this are in the bucket.
	Proven   Position  `json:"proven"`    // Records below this are covered by a signed checkpoint.
	Last     time.Time `json:"last,omitzero"`
	Oldest   time.Time `json:"oldest_waiting,omitzero"` // When the oldest record not yet in the bucket was received.
	Untidy   bool      `json:"untidy,omitempty"`        // The bucket may have objects of it that are to be deleted now.
}

// Status is a snapshot of the archive's health.
type Status struct {
	Streams   []StreamStatus `json:"streams"`
	Bucket    string         `json:"bucket"`
	Failure   string         `json:"bucket_failure,omitempty"`    // Why the last upload failed; empty when it worked.
	Broken    string         `json:"broken,omitempty"`            // Why the archive stopped writing.
	Damage    []string       `json:"damage,omitempty"`            // What recovery set aside, and where.
	Local     int64          `json:"local_bytes"`                 // Packs on local disk.
	Free      int64          `json:"free_bytes"`                  // Free on the disk of the data directory.
	Full      bool           `json:"full"`                        // Less is free than the reserve: nothing is taken.
	Packs     int            `json:"packs"`                       // In the bucket.
	PackBytes int64          `json:"pack_bytes"`                  // In the bucket, compressed.
	BodyBytes int64          `json:"body_bytes"`                  // Appended bodies, uncompressed.
	Pending   []Pending      `json:"pending,omitempty"`           // Objects that are to go and are locked.
	Drift     *Drift         `json:"drift,omitempty"`             // What the bucket was like when it was looked through last.
	Unstamped string         `json:"timestamp_failure,omitempty"` // Why the last checkpoints have no time stamp.
	Following bool           `json:"following,omitempty"`         // It reads what another machine takes.
	Blind     bool           `json:"blind,omitempty"`             // It encrypts mail and cannot read it.
	Key       string         `json:"signing_key"`                 // Public half of the key that checkpoints are signed with.
}

// Status tells how the archive is.
func (a *Archive) Status() Status {
	st := Status{Bucket: a.store.String(), Key: a.signer.public}
	free, known := a.space.sample()
	st.Free, st.Full = free, known && free < a.space.reserve
	var failures []string
	for _, s := range a.all() {
		failures = append(failures, s.failures()...)
		st.Unstamped = cmp.Or(st.Unstamped, s.stampFailure())
		if one := s.status(&st); one.Next > 0 {
			st.Streams = append(st.Streams, one)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.broken != nil {
		st.Broken = a.broken.Error() + "; the disk needs attention, then start again"
	}
	st.Damage = slices.Clone(a.damage)
	if a.followed != nil {
		failures = append(failures, explain(a.followed))
	}
	st.Failure = strings.Join(failures, "; ")
	st.Drift = a.lastDrift
	st.Following, st.Blind = a.config.Follow, !a.Readable()
	return st
}

// status describes the stream and adds its packs to the totals.
func (s *stream) status(total *Status) StreamStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := StreamStatus{Stream: s.name, Next: s.next, InBucket: s.next, Untidy: s.untidy}
	total.Pending = append(total.Pending, s.pending...)
	if s.proven != nil {
		one.Proven = s.proven.Size
	}
	for _, p := range s.packs {
		if p.gone {
			continue
		}
		total.BodyBytes += p.bytes
		switch {
		case p.tar != nil:
			total.Local += p.tarEnd()
		case p.local:
			total.Local += p.size
		}
		if p.stored {
			total.Packs++
			total.PackBytes += p.size
		} else if p.records > 0 && p.first < one.InBucket {
			one.InBucket, one.Oldest = p.first, p.oldest
		}
		if p.records > 0 {
			one.Last = p.newest
		}
	}
	return one
}

func (s *stream) stampFailure() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stamping.failure == nil {
		return ""
	}
	return s.stamping.failure.Error()
}

// failures says in words why packs do not get into the bucket.
func (s *stream) failures() (texts []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range []*work{&s.sealing, &s.uploading, &s.proving, &s.tidying} {
		if w.failure != nil {
			texts = append(texts, explain(w.failure))
		}
	}
	return texts
}

func explain(err error) string {
	switch {
	case errors.Is(err, ErrDenied):
		return fmt.Sprintf("%v; check the access key and its rights. Mail is still taken and waits on local disk", err)
	case errors.Is(err, ErrDiverged):
		return fmt.Sprintf("%v; nothing more of this stream is uploaded. Another server writes to this bucket, or the data directory was put back to an older state", err)
	default:
		return fmt.Sprintf("%v; it is tried again, packs wait on local disk", err)
	}
}

package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Authenticated is the type of the records of facts that hold Findings.
const Authenticated = "mail.authenticated"

// ErrOther is returned by Decode for a record of facts of another type.
var ErrOther = errors.New("record of facts is about something else")

// Findings are the results of a run of records of one stream of mail: the data
// of one record of the stream of facts (archive/FORMAT.md).
type Findings struct {
	Stream  string            `json:"stream"`
	From    uint64            `json:"from"`              // The first position that was looked at.
	To      uint64            `json:"to"`                // The position behind the last.
	Next    map[string]uint64 `json:"next,omitempty"`    // How far each stream is looked at with this record.
	Keys    []Answer          `json:"keys,omitempty"`    // Answers of DNS that no earlier record has.
	Results []Result          `json:"results,omitempty"` // Of each message; sightings and other records have none.
}

// fact is the body of a record of facts.
type fact struct {
	Format int             `json:"polytrace"`
	Type   string          `json:"type"`
	At     time.Time       `json:"at"`
	Data   json.RawMessage `json:"data"`
}

// Encode makes the body of a record; at is when it was found out.
func Encode(f Findings, at time.Time) ([]byte, error) {
	data, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encode findings: %w", err)
	}
	body, err := json.Marshal(fact{1, Authenticated, at.UTC(), data})
	if err != nil {
		return nil, fmt.Errorf("encode findings: %w", err)
	}
	return body, nil
}

// Decode reads what Encode wrote. ErrOther: the record is of another type or of a later version.
func Decode(body []byte) (f Findings, at time.Time, err error) {
	var e fact
	if err := json.Unmarshal(body, &e); err != nil {
		return f, at, fmt.Errorf("decode findings: %w", err)
	}
	if e.Format != 1 || e.Type != Authenticated {
		return f, at, ErrOther
	}
	if err := json.Unmarshal(e.Data, &f); err != nil {
		return f, at, fmt.Errorf("decode findings: %w", err)
	}
	return f, e.At, nil
}

// Refs lists the answers that a result rests on.
func (r *Result) Refs() (out []*Ref) {
	for i := range r.DKIM {
		out = append(out, &r.DKIM[i].Ref)
	}
	if r.ARC != nil {
		for i := range r.ARC.Instances {
			out = append(out, &r.ARC.Instances[i].Ref)
		}
		if r.ARC.Message != nil {
			out = append(out, &r.ARC.Message.Ref)
		}
	}
	if r.DMARC != nil {
		for i := range r.DMARC.Asked {
			out = append(out, &r.DMARC.Asked[i])
		}
	}
	return out
}

// Best is the status of the signature that says most; None when there are no
// signatures.
func (r Result) Best() string {
	for _, status := range []string{Pass, Policy, Fail, TempError, PermError, Neutral} {
		for i := range r.DKIM {
			if r.DKIM[i].Status == status {
				return status
			}
		}
	}
	return None
}

// Again checks a message once more from the answers that were kept, and from
// nothing else: old is what was found then, keys are the answers that it refers
// to. The same comes out unless the bytes or the answers are not the same. What
// SPF said, and whose claims are copied, is taken over: that rests on more than is kept.
func Again(m Mail, old Result, keys []Answer) Result {
	if old.Skipped != "" {
		return old
	}
	m.SPF, m.ServIDs = old.SPF, nil
	if old.Claimed != nil {
		m.ServIDs = []string{old.Claimed.ServID}
	}
	refs := map[string]Ref{}
	for _, r := range old.Refs() {
		if r.Key != "" {
			refs[r.Key] = *r
		}
	}
	lookup := func(name string) Answer {
		want, known := refs[name]
		for _, a := range keys {
			if known && a.Name == name && a.Digest() == want.SHA256 {
				return a
			}
		}
		return Answer{Name: name, Error: "the answer was not kept"}
	}
	r, _ := Check(m, lookup)
	r.Position = old.Position
	for _, ref := range r.Refs() {
		if was := refs[ref.Key]; was.SHA256 == ref.SHA256 {
			ref.At = was.At
		}
	}
	return r
}

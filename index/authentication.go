package index

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"polytrace/archive"
	"polytrace/message/auth"
)

// Authentication is what was found out about who vouched for a message. It
// comes from the stream archive.Facts, some time after the message.
type Authentication struct {
	Record  archive.Address `json:"record"`     // That was examined.
	Facts   archive.Address `json:"facts"`      // The entry of the log that says so.
	Checked time.Time       `json:"checked_at"` // When.
	Result  auth.Result     `json:"result"`
	Keys    []auth.Answer   `json:"keys"` // Answers of DNS that it rests on, each as it was first received.
}

// The facts and the messages that they are about come in any order: facts may
// be read first when the index is built anew. What a record of facts says is kept under
// the address of the message; whichever comes second adds the terms.

// finding is a value of 'f'.
type finding struct {
	Facts  archive.Address `json:"facts"`
	At     time.Time       `json:"at"`
	Result auth.Result     `json:"result"`
}

// facts is a record of facts, read.
type facts struct {
	auth.Findings
	at time.Time
}

// factsOf reads the body of a record of facts; nil when it is about something else.
func factsOf(body []byte) *facts {
	f, at, err := auth.Decode(body)
	if err != nil || !archive.Stream(f.Stream).Valid() {
		return nil
	}
	return &facts{f, at}
}

// learn applies a record of facts.
func (a *applier) learn(at archive.Address, f *facts) error {
	if f == nil {
		return nil
	}
	for _, k := range f.Keys {
		if known, err := a.get(answerKey(k.Digest())); err != nil {
			return err
		} else if known != nil {
			continue
		}
		if err := a.putJSON(answerKey(k.Digest()), k); err != nil {
			return err
		}
	}
	for _, r := range f.Results {
		of := archive.Address{Stream: archive.Stream(f.Stream), Position: archive.Position(r.Position)}
		if known, err := a.get(recordKey(famFinding, of)); err != nil {
			return err
		} else if known != nil || a.removed.has(of) {
			continue // What was found first counts: it is nearest to the receipt.
		}
		if err := a.putJSON(recordKey(famFinding, of), finding{at, f.at, r}); err != nil {
			return err
		}
		value, err := a.get(addressKey(of))
		if err != nil {
			return err
		}
		if len(value) == 8 {
			a.authenticated(binary.BigEndian.Uint32(value), r)
		}
	}
	return nil
}

func (a *applier) putJSON(key []byte, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("marshal facts: %w", err)
	}
	a.set(key, raw)
	return nil
}

// recall adds to a document what was found out about one of its records before
// the record was applied.
func (a *applier) recall(doc docID, at archive.Address) error {
	value, err := a.get(recordKey(famFinding, at))
	if err != nil || value == nil {
		return err
	}
	var f finding
	if err := json.Unmarshal(value, &f); err != nil {
		return fmt.Errorf("%w: %w", errCorrupt, err)
	}
	a.authenticated(doc, f.Result)
	return nil
}

// authenticated adds the term for dkim: to a document that is not removed.
func (a *applier) authenticated(doc docID, r auth.Result) {
	if term := dkimTerm(r); term != "" && !a.dead.Contains(doc) {
		a.termTable.add(doc, oneTerm(fieldDKIM, term))
	}
}

// What dkim: may be.
const (
	dkimPass = "pass" // A signature is intact.
	dkimFail = "fail" // It is signed, and no signature is both intact and worth something.
	dkimNone = "none" // It is not signed.
)

// dkimTerm is "" where nobody could tell.
func dkimTerm(r auth.Result) string {
	switch best := r.Best(); {
	case r.Skipped != "" || best == auth.TempError:
		return ""
	case best == auth.Pass || best == auth.None:
		return best
	}
	return dkimFail
}

// forgetFindings deletes what was found out about removed records.
func (a *applier) forgetFindings(sp span) {
	mustBatch(a.batch.DeleteRange(sp.key(famFinding, sp.first), append(sp.key(famFinding, sp.last), 0), nil))
}

func answerKey(digest string) []byte { return append([]byte{famAnswer}, digest...) }

// authentication is what was found out about a document, by the first of its
// records that was examined; nil when none was yet.
func (f *finder) authentication(d *Document) (*Authentication, error) {
	addresses := []archive.Address{d.Address}
	for _, s := range d.Seen {
		addresses = append(addresses, s.Address)
	}
	for _, at := range addresses {
		value, err := f.get(recordKey(famFinding, at))
		if err != nil {
			return nil, err
		}
		if value == nil {
			continue
		}
		var found finding
		if err := json.Unmarshal(value, &found); err != nil {
			return nil, fmt.Errorf("%w: %w", errCorrupt, err)
		}
		keys, err := f.answers(found.Result)
		return &Authentication{at, found.Facts, found.At, found.Result, keys}, err
	}
	return nil, nil
}

// answers are those that a result rests on, each once.
func (f *finder) answers(r auth.Result) ([]auth.Answer, error) {
	out, seen := []auth.Answer{}, []string{""}
	var errs []error
	for _, ref := range r.Refs() {
		if slices.Contains(seen, ref.SHA256) {
			continue
		}
		seen = append(seen, ref.SHA256)
		value, err := f.get(answerKey(ref.SHA256))
		var a auth.Answer
		if err == nil && value != nil {
			if err = json.Unmarshal(value, &a); err == nil {
				out = append(out, a)
			}
		}
		errs = append(errs, err)
	}
	return out, errors.Join(errs...)
}

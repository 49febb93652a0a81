package casework

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// The types of event in the stream audit. They change no state: no fold knows
// them. Who opened a share is a decision of the ledger, see ShareOpened.
const (
	MessageRead EventType = "message.read" // somebody was shown messages
	SearchRun   EventType = "search.run"   // a page of answers
	ExportMade  EventType = "export.made"  // once before the first byte, once more behind the last
	CaseRead    EventType = "case.read"    // a case with the words of mail in it; Event.Case, or AuditData.Cases for a list of what several say
	AuditRead   EventType = "audit.read"   // a page of this log
)

// AuditTypes lists the types of event in the stream audit.
func AuditTypes() []EventType {
	return []EventType{MessageRead, SearchRun, ExportMade, CaseRead, AuditRead}
}

type (
	// AuditData is the data of all types of event in the stream audit. An
	// absent query is the empty one, which finds everything; an absent number
	// is 0.
	AuditData struct {
		Records  []archive.Address `json:"records,omitempty"` // message.read: all that were shown. search.run: the one that a query was explained for.
		Cases    []int             `json:"cases,omitempty"`   // case.read: all that a list was made of.
		How      string            `json:"how,omitempty"`     // message.read: page, source, raw, html, text, part 3, api, thread, proof or test.
		Query    string            `json:"query,omitempty"`   // search.run, export.made
		Total    int               `json:"total,omitempty"`   // search.run: hits. export.made: hits before, messages that went out behind.
		Sort     string            `json:"sort,omitempty"`    // search.run
		Cursor   string            `json:"cursor,omitempty"`  // search.run, audit.read: of a page behind the first.
		Format   string            `json:"format,omitempty"`  // export.made
		Bytes    int64             `json:"bytes,omitempty"`   // export.made, finished
		SHA256   archive.Digest    `json:"sha256,omitzero"`   // export.made, finished: of those bytes.
		Finished bool              `json:"finished,omitempty"`
		Filter   AuditFilter       `json:"filter,omitzero"` // audit.read
	}
	// AuditFilter says which entries are asked for; a zero member asks for all.
	AuditFilter struct {
		Actor  string          `json:"actor,omitempty"`
		Record archive.Address `json:"record,omitzero"` // Entries that name it.
		Type   EventType       `json:"type,omitempty"`
		From   time.Time       `json:"from,omitzero"`
		Until  time.Time       `json:"until,omitzero"` // Before this.
	}
)

// LogValue tells the facts without the words that somebody searched for.
func (d AuditData) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("records", d.Records), slog.Any("cases", d.Cases), slog.String("how", d.How), slog.Int("total", d.Total), slog.String("format", d.Format), slog.Bool("finished", d.Finished))
}

// AuditArchive is what the Audit needs of the archive.
type AuditArchive interface {
	Ledger
	Next(archive.Stream) archive.Position
}

// Audit is the log of who read, searched and exported what: the stream audit
// of the archive, which nobody changes without its Merkle log telling.
type Audit struct {
	archive AuditArchive
	now     func() time.Time
}

// NewAudit makes one; it holds nothing in memory.
func NewAudit(a AuditArchive, now func() time.Time) *Audit { return &Audit{a, now} }

// Note returns once it is durable that actor did something. number is that of
// a case, or 0.
func (a *Audit) Note(ctx context.Context, actor string, t EventType, number int, data AuditData) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("write %s event: %w", t, err)
	}
	now := a.now().UTC().Round(0)
	body, err := json.Marshal(Event{Format: EventFormat, Type: t, Actor: actor, At: now, Case: number, Data: raw})
	if err != nil {
		return fmt.Errorf("write %s event: %w", t, err)
	}
	_, err = a.archive.Append(ctx, archive.Audit, archive.Meta{Kind: archive.KindEvent, Received: now}, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("note %s: %w", t, err)
	}
	return nil
}

// AuditEntry is a record of the stream audit.
type AuditEntry struct {
	Address archive.Address `json:"address"`
	Type    EventType       `json:"type,omitempty"`
	Actor   string          `json:"actor,omitempty"`
	At      time.Time       `json:"at,omitzero"`
	Case    int             `json:"case,omitempty"`
	Data    AuditData       `json:"data"`
	Problem string          `json:"problem,omitempty"` // Why there is nothing but the address.
}

// AuditPage is some of the log, newest first.
type AuditPage struct {
	Entries []AuditEntry
	Back    time.Time        // Everything since then was looked at.
	Next    archive.Position // The page after is what is before it; 0 at the end.
}

// The log is read in windows of so many records, from its end. One page looks
// at auditReach of them at most, and says how far it came. A clock that was set
// back by more than disorder hides entries from a filter by time.
const (
	auditWindow = 500
	auditReach  = 100 * auditWindow
	disorder    = time.Hour
)

// Page returns the newest entries before a position that pass a filter, 0 being
// behind the last. What cannot be read passes every filter: nobody knows what
// it said.
func (a *Audit) Page(ctx context.Context, f AuditFilter, before archive.Position, limit int) (p AuditPage, err error) {
	if end := a.archive.Next(archive.Audit); before == 0 || before > end {
		before = end
	}
	for looked := 0; before > 0; {
		window, err := a.window(ctx, before)
		if err != nil {
			return p, err
		}
		for _, e := range slices.Backward(window) {
			if before = e.Address.Position; !e.At.IsZero() {
				p.Back = e.At
			}
			if f.passes(e) {
				p.Entries = append(p.Entries, e)
			}
			if len(p.Entries) == limit {
				p.Next = before
				return p, nil
			}
		}
		if f.From.After(newest(window).Add(disorder)) {
			return p, nil
		}
		if looked += len(window); looked >= auditReach {
			p.Next = before
			return p, nil
		}
	}
	return p, nil
}

// window reads the records before a position, oldest first.
func (a *Audit) window(ctx context.Context, before archive.Position) (list []AuditEntry, err error) {
	for r, err := range a.archive.Scan(ctx, archive.Audit, max(before, auditWindow)-auditWindow) {
		if err != nil && !errors.Is(err, archive.ErrDamaged) {
			return nil, fmt.Errorf("read the audit log: %w", err)
		}
		if r.Meta.Position >= before {
			break
		}
		list = append(list, auditEntry(r, err))
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("read the audit log: nothing is before %d", before)
	}
	return list, nil
}

func auditEntry(r archive.Record, err error) AuditEntry {
	e := AuditEntry{Address: archive.Address{Stream: archive.Audit, Position: r.Meta.Position}, At: r.Meta.Received}
	var event Event
	if err == nil {
		event, err = DecodeEvent(r.Body)
	}
	if err == nil && event.Data != nil {
		err = json.Unmarshal(event.Data, &e.Data)
	}
	if err != nil {
		e.Data, e.Problem = AuditData{}, err.Error()
		return e
	}
	e.Type, e.Actor, e.At, e.Case = event.Type, event.Actor, event.At, event.Case
	return e
}

// newest is the latest time in a window; the end of time when nobody knows it.
func newest(window []AuditEntry) time.Time {
	last := slices.MaxFunc(window, func(a, b AuditEntry) int { return a.At.Compare(b.At) }).At
	return cmp.Or(last, time.Unix(1<<40, 0))
}

func (f AuditFilter) passes(e AuditEntry) bool {
	switch {
	case e.Problem != "":
		return true
	case f.Actor != "" && f.Actor != e.Actor,
		f.Type != "" && f.Type != e.Type,
		f.Record != archive.Address{} && !slices.Contains(e.Data.Records, f.Record),
		e.At.Before(f.From),
		!f.Until.IsZero() && !e.At.Before(f.Until):
		return false
	}
	return true
}

// Text says in words what somebody did, without the records and the query.
func (e AuditEntry) Text() string {
	switch d := e.Data; {
	case e.Problem != "":
		return "cannot be read: " + e.Problem
	case e.Type == MessageRead:
		return "read " + count(len(d.Records), "message") + " (" + d.How + ")"
	case e.Type == SearchRun && d.Cursor != "":
		return "searched, " + count(d.Total, "hit") + ", a further page"
	case e.Type == SearchRun:
		return "searched, " + count(d.Total, "hit")
	case e.Type == ExportMade && d.Finished:
		return fmt.Sprintf("finished an export of %s (%s), SHA-256 %s", count(d.Total, "message"), d.Format, d.SHA256)
	case e.Type == ExportMade:
		return "began an export of " + count(d.Total, "message") + " (" + d.Format + ")"
	case e.Type == CaseRead && e.Case == 0:
		return "read what is stated in " + count(len(d.Cases), "case")
	case e.Type == CaseRead:
		return fmt.Sprintf("read the case C-%d", e.Case)
	case e.Type == AuditRead:
		return strings.TrimSuffix("read this log: "+d.Filter.String(), ": ")
	}
	return string(e.Type)
}

// String names what is asked for; "" is everything.
func (f AuditFilter) String() string {
	var words []string
	say := func(name, value string) {
		if value != "" {
			words = append(words, name+" "+value)
		}
	}
	say("by", f.Actor)
	say("type", string(f.Type))
	if f.Record != (archive.Address{}) {
		say("about", f.Record.String())
	}
	if !f.From.IsZero() {
		say("from", f.From.UTC().Format(time.RFC3339))
	}
	if !f.Until.IsZero() {
		say("before", f.Until.UTC().Format(time.RFC3339))
	}
	return strings.Join(words, ", ")
}

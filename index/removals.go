package index

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// RemovedError says that a record was removed, and by which decision. It
// wraps archive.ErrGone.
type RemovedError struct {
	Address  archive.Address // That was asked for.
	Decision archive.Address // In the ledger; zero while only the archive says that the record is gone.
	At       time.Time
	Actor    string
	Reason   string
	Erased   bool // By an erasure; else its time of retention had passed.
}

func (e *RemovedError) Error() string { return archive.ErrGone.Error() + " from " + e.Address.String() }

// Unwrap lets errors.Is find archive.ErrGone.
func (e *RemovedError) Unwrap() error { return archive.ErrGone }

// order is a decision that removes records.
type order struct {
	decision
	cause cause
	runs  []archive.Removal
}

// decision is a value of 'j': what people are told of an order.
type decision struct {
	At     time.Time `json:"at"`
	Actor  string    `json:"actor,omitempty"`
	Reason string    `json:"reason,omitempty"`
}

// orderOf reads the body of a ledger record; nil when it removes nothing.
// The ledger itself is left alone: what it says is what a rebuild reads.
func orderOf(body []byte) *order {
	e, err := casework.DecodeEvent(body)
	if err != nil {
		return nil
	}
	o := &order{decision: decision{e.At, e.Actor, e.Reason}}
	switch e.Type {
	case casework.ErasureOrdered:
		var data casework.ErasureOrderedData
		err = json.Unmarshal(e.Data, &data)
		// Also those that had expired before: what they said is to be forgotten as well.
		o.cause, o.runs = erased, slices.Concat(data.Removes, data.Records)
	case casework.RetentionExpired:
		var data casework.ExpiredData
		err = json.Unmarshal(e.Data, &data)
		o.cause, o.runs = expired, data.Removes
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	o.runs = slices.DeleteFunc(o.runs, func(r archive.Removal) bool {
		return !r.Stream.Valid() || r.Stream.Ours() || r.Records <= 0 || r.First > math.MaxInt64
	})
	return o
}

// cause is why a record is removed. A higher one outranks a lower one.
// Numbers never change meaning.
type cause byte

const (
	gone    cause = 0 // The archive says so; the decision is further on in the ledger.
	expired cause = 1
	erased  cause = 2
)

// removedRun is a run of removed records, a row of 'u':
//
//	'u' stream 0x00 first(8) -> last(8) ledger position(8) cause(1)
type removedRun struct {
	first, last archive.Position
	ledger      archive.Position // Of the decision.
	cause       cause
}

func (r removedRun) encode() []byte {
	value := binary.BigEndian.AppendUint64(nil, uint64(r.last))
	return append(binary.BigEndian.AppendUint64(value, uint64(r.ledger)), byte(r.cause))
}

func decodeRemoved(first archive.Position, value []byte) (removedRun, error) {
	if len(value) != 17 {
		return removedRun{}, errCorrupt
	}
	r := removedRun{first, archive.Position(binary.BigEndian.Uint64(value)), archive.Position(binary.BigEndian.Uint64(value[8:])), cause(value[16])}
	if r.last < r.first {
		return removedRun{}, errCorrupt
	}
	return r, nil
}

// span is a run of positions of a stream.
type span struct {
	stream      archive.Stream
	first, last archive.Position
}

// removals are the removed records of all streams: of each stream disjoint
// runs in order, so that they take little memory however many records they
// hold. They never change; painted makes the next ones.
type removals map[archive.Stream][]removedRun

func (r removals) find(at archive.Address) (removedRun, bool) {
	runs := r[at.Stream]
	i, exact := slices.BinarySearchFunc(runs, at.Position, func(r removedRun, p archive.Position) int { return cmp.Compare(r.first, p) })
	if !exact {
		i--
	}
	if i < 0 || runs[i].last < at.Position {
		return removedRun{}, false
	}
	return runs[i], true
}

func (r removals) has(at archive.Address) bool {
	_, ok := r.find(at)
	return ok
}

// lost reports whether an arrival is not shown any more: it was removed, or
// it was a sighting and the record with its bytes was.
func (r removals) lost(m archive.Meta) bool {
	return r.has(m.Address()) || m.SameAs != nil && r.has(*m.SameAs)
}

// before counts the removed records before a position.
func (r removals) before(s archive.Stream, next archive.Position) (n int64) {
	for _, run := range r[s] {
		if run.first < next {
			n += int64(min(run.last, next-1) - run.first + 1)
		}
	}
	return n
}

// runsOf makes runs of what a decision removes from a stream, in order and
// none over another.
func runsOf(all []archive.Removal, s archive.Stream, c cause, ledger archive.Position) (runs []removedRun) {
	for _, r := range all {
		if r.Stream == s {
			runs = append(runs, removedRun{r.First, r.First + archive.Position(r.Records) - 1, ledger, c})
		}
	}
	slices.SortFunc(runs, func(a, b removedRun) int { return cmp.Compare(a.first, b.first) })
	out := runs[:0]
	for _, r := range runs {
		if n := len(out); n > 0 && r.first <= out[n-1].last {
			out[n-1].last = max(out[n-1].last, r.last)
		} else {
			out = append(out, r)
		}
	}
	return out
}

// painted lays runs over others and returns with the result the positions that no run had before.
// Of two decisions about a record the higher cause counts, among equals the
// first; so it does not matter whether the archive or the ledger told first that it is gone.
func painted(under, over []removedRun) (out, fresh []removedRun) {
	under, over = slices.Clone(under), slices.Clone(over)
	for len(under) > 0 || len(over) > 0 {
		switch {
		case len(over) == 0 || len(under) > 0 && under[0].last < over[0].first:
			out, under = pushRun(out, under[0]), under[1:]
		case len(under) == 0 || over[0].last < under[0].first:
			out, fresh = pushRun(out, over[0]), pushRun(fresh, over[0])
			over = over[1:]
		case under[0].first < over[0].first:
			out = pushRun(out, under[0].until(over[0].first-1))
			under[0].first = over[0].first
		case over[0].first < under[0].first:
			part := over[0].until(under[0].first - 1)
			out, fresh = pushRun(out, part), pushRun(fresh, part)
			over[0].first = under[0].first
		default:
			end, top := min(under[0].last, over[0].last), under[0]
			if over[0].cause > top.cause {
				top = over[0]
			}
			out = pushRun(out, top.until(end))
			under, over = cutRun(under, end), cutRun(over, end)
		}
	}
	return out, fresh
}

func (r removedRun) until(last archive.Position) removedRun {
	r.last = last
	return r
}

// cutRun takes what ends at a position off the first run.
func cutRun(runs []removedRun, end archive.Position) []removedRun {
	if runs[0].last == end {
		return runs[1:]
	}
	runs[0].first = end + 1
	return runs
}

// pushRun appends a run, joined with the one before it when they are of one decision.
func pushRun(runs []removedRun, r removedRun) []removedRun {
	if n := len(runs); n > 0 && runs[n-1].last+1 == r.first && runs[n-1].cause == r.cause && runs[n-1].ledger == r.ledger {
		runs[n-1].last = r.last
		return runs
	}
	return append(runs, r)
}

// isGone reports whether a record could not be read because it was removed.
func isGone(m archive.Meta, err error) bool {
	return errors.Is(err, archive.ErrGone) || m.Kind == archive.KindErased
}

package archive

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Drift is where the bucket is not as the archive left it.
type Drift struct {
	At        time.Time `json:"at"`                   // When the bucket was looked through.
	Objects   int       `json:"objects"`              // That are there.
	Missing   []string  `json:"missing,omitempty"`    // Keys of objects that should be there.
	Extra     []string  `json:"extra,omitempty"`      // Keys that the archive knows nothing of.
	WrongSize []string  `json:"wrong_size,omitempty"` // Keys of objects of another size.
	Unlocked  []string  `json:"unlocked,omitempty"`   // Keys of objects without the lock they were given.
}

// Total is how many objects are not as they should be.
func (d *Drift) Total() int {
	return len(d.Missing) + len(d.Extra) + len(d.WrongSize) + len(d.Unlocked)
}

// expected is what the archive says of an object.
type expected struct {
	size int64 // -1: any.
	lock Lock
}

// Examine compares the listing of the bucket with what the archive put there.
// It reads no contents: see Verify. Objects that wait to be deleted are no
// drift.
func (a *Archive) Examine(ctx context.Context) (Drift, error) {
	d, err := a.drift(ctx)
	if err != nil {
		return d, fmt.Errorf("look through the bucket: %w", err)
	}
	a.mu.Lock()
	a.lastDrift = &d
	a.mu.Unlock()
	return d, nil
}

func (a *Archive) drift(ctx context.Context) (Drift, error) {
	d := Drift{At: time.Now().UTC()}
	want := a.expected() // First: what is put there meanwhile is found in a moment.
	logs := map[Stream]*logObjects{}
	for o, err := range a.store.List(ctx, "") {
		if err != nil {
			return d, err
		}
		d.Objects++
		takeLogObject(logs, o)
		w, known := want[o.Key]
		delete(want, o.Key)
		switch {
		case !known && a.explained(o.Key):
		case !known:
			d.Extra = append(d.Extra, o.Key)
		case w.size >= 0 && w.size != o.Size:
			d.WrongSize = append(d.WrongSize, o.Key)
		default:
			if ok, err := a.locked(ctx, o.Key, w.lock); err != nil {
				return d, err
			} else if !ok {
				d.Unlocked = append(d.Unlocked, o.Key)
			}
		}
	}
	for name, log := range logs {
		for _, key := range log.missing(name) {
			want[key] = expected{}
		}
	}
	d.Missing = slices.Sorted(maps.Keys(want))
	return d, nil
}

// logObjects is what a listing shows of the log of a stream.
type logObjects struct {
	leaves map[Position]Position // First record: the one behind the last.
	notes  map[Position]int      // Size: the highest number of a checkpoint over it.
	there  map[string]bool       // Keys of leaves and checkpoints.
}

func takeLogObject(logs map[Stream]*logObjects, o Object) {
	kind, rest, _ := strings.Cut(o.Key, "/")
	stream, base, _ := strings.Cut(rest, "/")
	l := logs[Stream(stream)]
	if l == nil {
		l = &logObjects{map[Position]Position{}, map[Position]int{}, map[string]bool{}}
	}
	switch kind {
	case "leaves":
		if first, err := parseLeavesKey(o.Key); err == nil {
			l.leaves[first] = first + Position(o.Size/hashSize)
		}
	case "checkpoints":
		if size, again, ok := parseCheckpointBase(base); ok {
			l.notes[size] = max(l.notes[size], again)
		}
	default:
		return
	}
	l.there[o.Key] = true
	logs[Stream(stream)] = l
}

// missing names what there must have been, going by what is there: leaves from
// the first record on up to each checkpoint, a checkpoint behind all leaves but the
// last, and those of one size from the first.
func (l *logObjects) missing(name Stream) (keys []string) {
	var end, last Position
	for size := range l.notes {
		last = max(last, size)
	}
	for end < last {
		next, ok := l.leaves[end]
		if !ok || next == end {
			keys = append(keys, leavesKey(name, end))
			break
		}
		if end = next; !l.there[checkpointKey(name, end, 0)] {
			keys = append(keys, checkpointKey(name, end, 0))
		}
	}
	for size, most := range l.notes {
		for again := range most {
			if key := checkpointKey(name, size, again); !l.there[key] && !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// locked reports whether an object has at least the lock that it was given.
func (a *Archive) locked(ctx context.Context, key string, want Lock) (bool, error) {
	if want.IsZero() {
		return true, nil
	}
	o, err := a.store.Stat(ctx, key)
	if err != nil {
		return false, ignore(err, ErrNoObject)
	}
	is := o.Lock
	// Servers keep whole seconds.
	return (is.Hold || !want.Hold) && (want.Mode == Unlocked || is.Mode != Unlocked && !is.Until.Before(want.Until.Truncate(time.Second))), nil
}

// expected lists what is in the bucket as far as is known here.
func (a *Archive) expected() map[string]expected {
	want := map[string]expected{}
	for _, s := range a.all() {
		s.mu.Lock()
		for _, p := range s.packs {
			if p.stored && !p.gone {
				want[p.key()] = expected{p.size, p.lock}
			}
		}
		if s.proven != nil {
			want[checkpointKey(s.name, s.proven.Size, s.proven.Again)] = expected{int64(len(s.proven.signed)), Lock{}}
			want["keys/"+strings.Split(s.proven.Origin, "/")[0]] = expected{-1, Lock{}}
		}
		s.mu.Unlock()
	}
	return want
}

// explained reports whether an object that is not expected by name is one of
// ours: a pack on its way in or out, leaves, an earlier checkpoint, a key.
func (a *Archive) explained(key string) bool {
	kind, rest, _ := strings.Cut(key, "/")
	if kind == "keys" || kind == "lock-probes" {
		return true
	}
	name, _, _ := strings.Cut(rest, "/")
	s := a.lookup(Stream(name))
	if s == nil {
		return false
	}
	switch kind {
	case "leaves", "checkpoints", "timestamps":
		return true
	case "packs":
		_, first, as, ok := parseKey(key)
		if s.superseding(key) != nil { // It is to be deleted, or is what a crash left of a pack that was being written anew.
			s.mu.Lock()
			s.untidy = true
			s.mu.Unlock()
			a.poke()
			return true
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		p := s.packAtLocked(first)
		return ok && p != nil && p.first == first && p.as == as // It is being uploaded.
	}
	return false
}

// lost lists objects that were missing, or had another size, when the bucket
// was looked through last.
func (a *Archive) lost() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lastDrift == nil {
		return nil
	}
	return slices.Concat(a.lastDrift.Missing, a.lastDrift.WrongSize)
}

// Diagnose says in words what a drift means, "" when there is none.
func (d *Drift) Diagnose() string {
	var parts []string
	say := func(keys []string, what string) {
		if len(keys) > 0 {
			parts = append(parts, fmt.Sprintf("%d %s, e.g. %s", len(keys), what, keys[0]))
		}
	}
	say(d.Missing, "objects are missing")
	say(d.WrongSize, "objects have another size")
	say(d.Unlocked, "objects are not locked as they should be")
	say(d.Extra, "objects are not the archive's")
	return strings.Join(parts, "; ")
}

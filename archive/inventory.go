package archive

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// inventory is what a bucket says of itself: its objects, and what its
// checkpoints tell of them.
type inventory struct {
	store    Store
	keys     map[string]string // Verifier keys by name.
	streams  map[Stream]*shelf
	problems []Problem
}

// shelf is the part of an inventory that is about one stream.
type shelf struct {
	name    Stream
	objects map[packID]Object // Packs that are there.
	leaves  []leavesObject    // In order of positions.
	notes   []noted           // In order of sizes.
	stamps  []stamped
	stated  map[packID]statement
	size    Position // Of the last checkpoint that holds.
}

// packID tells the packs of a stream apart.
type packID struct {
	first Position
	as    form
}

type leavesObject struct {
	Object
	first Position
}

// noted is a checkpoint in the bucket; err says why it does not hold.
type noted struct {
	key    string
	signed string
	Checkpoint
	err error
}

// statement is what a checkpoint says of a pack.
type statement struct {
	packLine
	by string // Key of the checkpoint.
}

func (l packLine) id() packID { return packID{l.First, form{l.Generation, l.Age}} }

// takeInventory lists a bucket and reads its keys and checkpoints. trusted, if
// it is not empty, is the only verifier key whose signatures hold. Packs are
// listed first: who adds some meanwhile puts the checkpoint behind them.
func takeInventory(ctx context.Context, store Store, trusted string) (*inventory, error) {
	v := &inventory{store: store, keys: map[string]string{}, streams: map[Stream]*shelf{}}
	for _, step := range []struct {
		prefix string
		take   func(context.Context, Object) error
	}{{"packs/", v.takePack}, {"leaves/", v.takeLeaves}, {"keys/", v.takeKey}, {"checkpoints/", v.takeNote}, {"timestamps/", v.takeStamp}} {
		for o, err := range store.List(ctx, step.prefix) {
			if err == nil {
				err = step.take(ctx, o)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	if trusted != "" {
		if v.keys[keyName(trusted)] != trusted {
			v.problem("keys/"+keyName(trusted), "the bucket does not have the key that you trust")
		}
		v.keys = map[string]string{keyName(trusted): trusted}
	}
	for _, s := range v.streams {
		for i := range s.notes {
			v.hold(s, &s.notes[i])
		}
		slices.SortFunc(s.notes, func(a, b noted) int {
			return cmp.Or(cmp.Compare(a.Size, b.Size), cmp.Compare(a.Again, b.Again), strings.Compare(a.key, b.key))
		})
	}
	return v, nil
}

func (v *inventory) shelf(name Stream) *shelf {
	s := v.streams[name]
	if s == nil {
		s = &shelf{name: name, objects: map[packID]Object{}, stated: map[packID]statement{}}
		v.streams[name] = s
	}
	return s
}

func (v *inventory) problem(where, format string, args ...any) {
	v.problems = append(v.problems, Problem{where, fmt.Sprintf(format, args...)})
}

// names lists the streams, the ledger first: it says what was removed.
func (v *inventory) names() []Stream {
	names := slices.Sorted(maps.Keys(v.streams))
	if i := slices.Index(names, Ledger); i > 0 {
		names = slices.Insert(slices.Delete(names, i, i+1), 0, Ledger)
	}
	return names
}

func (v *inventory) takePack(_ context.Context, o Object) error {
	name, first, as, ok := parseKey(o.Key)
	if !ok {
		v.problem(o.Key, "it is not a pack; a newer program may have put it there")
		return nil
	}
	v.shelf(name).objects[packID{first, as}] = o
	return nil
}

func (v *inventory) takeLeaves(_ context.Context, o Object) error {
	dir, base := path.Split(strings.TrimPrefix(o.Key, "leaves/"))
	name := Stream(strings.TrimSuffix(dir, "/"))
	first, err := strconv.ParseUint(base, 10, 64)
	if err != nil || !name.Valid() || leavesKey(name, Position(first)) != o.Key {
		v.problem(o.Key, "nobody knows what it is")
		return nil
	}
	s := v.shelf(name)
	s.leaves = append(s.leaves, leavesObject{o, Position(first)})
	return nil
}

func (v *inventory) takeKey(ctx context.Context, o Object) error {
	raw, err := readObject(ctx, v.store, o.Key, maxNote)
	if err != nil {
		return err
	}
	key := strings.TrimSuffix(raw, "\n")
	if verifier, err := note.NewVerifier(key); err != nil || raw != key+"\n" || "keys/"+verifier.Name() != o.Key {
		v.problem(o.Key, "it is not the public key that it was")
		return nil
	}
	v.keys[keyName(key)] = key
	return nil
}

func (v *inventory) takeNote(ctx context.Context, o Object) error {
	name := Stream(path.Base(path.Dir(o.Key)))
	if !name.Valid() || strings.Count(o.Key, "/") != 2 {
		v.problem(o.Key, "nobody knows what it is")
		return nil
	}
	signed, err := readObject(ctx, v.store, o.Key, maxNote)
	if err != nil {
		return err
	}
	n := noted{key: o.Key, signed: signed}
	var ok bool
	if n.Size, n.Again, ok = parseCheckpointBase(path.Base(o.Key)); !ok {
		n.err = errors.New("its name has no size")
	}
	s := v.shelf(name)
	s.notes = append(s.notes, n)
	return nil
}

// readObject reads a small object as text; one that went meanwhile is "".
func readObject(ctx context.Context, store Store, key string, most int64) (string, error) {
	r, err := store.Open(ctx, key, 0, -1)
	if err != nil {
		return "", ignore(err, ErrNoObject)
	}
	raw, err := readAtMost(r, most)
	return string(raw), errors.Join(err, r.Close())
}

// hold finds out whether a checkpoint holds, and takes what it says of packs.
func (v *inventory) hold(s *shelf, n *noted) {
	size := n.Size
	if n.err == nil {
		n.err = v.open(n)
	}
	if n.err == nil && checkpointKey(n.Stream(), n.Size, n.Again) != n.key {
		n.err = fmt.Errorf("it is %s", checkpointKey(n.Stream(), n.Size, n.Again))
	}
	if n.err != nil {
		n.Size = size
		v.problem(n.key, "the checkpoint does not hold: %v", n.err)
		return
	}
	s.size = max(s.size, n.Size)
	for _, l := range n.Packs {
		s.stated[l.id()] = statement{l, n.key}
	}
}

// open checks the signature of a checkpoint with the key that it names.
func (v *inventory) open(n *noted) error {
	name, _, _ := strings.Cut(n.signed, "/")
	key, ok := v.keys[name]
	if !ok {
		return fmt.Errorf("it is signed by %.40q, whose key is not known", name)
	}
	c, err := openCheckpoint(n.signed, key)
	n.Checkpoint = c
	return err
}

// live lists what the checkpoints say is to be read: at each position the
// newest generation. It ends at a gap.
func (s *shelf) live() (packs []statement, end Position) {
	newest := s.newest()
	for end < s.size {
		st, ok := newest[end]
		if !ok {
			return packs, end
		}
		packs, end = append(packs, st), st.end()
	}
	return packs, end
}

// newest is the newest generation of a pack at each position where one begins.
func (s *shelf) newest() map[Position]statement {
	newest := map[Position]statement{}
	for _, st := range s.stated {
		if old, ok := newest[st.First]; !ok || st.Generation > old.Generation {
			newest[st.First] = st
		}
	}
	return newest
}

// tail lists the packs that are there, of which no checkpoint tells, and begin
// at or behind a position: of those with the same first position the one that was
// never written anew, else the newest generation. A pack is written anew only behind a checkpoint;
// where none is there any more, the old pack may be gone.
func (s *shelf) tail(from Position) (ids []packID) {
	best := map[Position]packID{}
	for id := range s.objects {
		if _, ok := s.stated[id]; ok || id.first < from {
			continue
		}
		old, ok := best[id.first]
		if g := id.as.generation; !ok || g == 0 || old.as.generation > 0 && g > old.as.generation {
			best[id.first] = id
		}
	}
	return slices.SortedFunc(maps.Values(best), func(a, b packID) int { return cmp.Compare(a.first, b.first) })
}

// removalsOf reads what a record of the ledger removes.
func removalsOf(event []byte) []Removal {
	var e struct {
		Type string `json:"type"`
		Data struct {
			Removes []Removal `json:"removes"`
		} `json:"data"`
	}
	if json.Unmarshal(event, &e) != nil || e.Type != "erasure.ordered" && e.Type != "retention.expired" {
		return nil
	}
	return e.Data.Removes
}

// removed tells which records the ledger says are removed.
type removed map[Stream][]Removal

func (r removed) add(list []Removal) {
	for _, one := range list {
		r[one.Stream] = append(r[one.Stream], one)
	}
}

// all reports whether every record of a run was removed.
func (r removed) all(s Stream, first, end Position) bool {
	runs := slices.SortedFunc(slices.Values(r[s]), func(a, b Removal) int { return cmp.Compare(a.First, b.First) })
	for _, one := range runs {
		if one.First <= first {
			first = max(first, one.end())
		}
	}
	return first >= end
}

func (r removed) one(at Address) bool { return r.all(at.Stream, at.Position, at.Position+1) }

// rolling computes the root of a growing tree in the memory of its right edge.
type rolling struct {
	edge []tlog.Hash // Roots of complete subtrees, from left to right.
	size int64
}

func (r *rolling) add(leaf tlog.Hash) {
	r.edge = append(r.edge, leaf)
	r.size++
	for n := r.size; n%2 == 0; n /= 2 {
		k := len(r.edge)
		r.edge = append(r.edge[:k-2], tlog.NodeHash(r.edge[k-2], r.edge[k-1]))
	}
}

func (r *rolling) root() tlog.Hash {
	if len(r.edge) == 0 {
		return tlog.Hash(sumOf(nil))
	}
	h := r.edge[len(r.edge)-1]
	for i := len(r.edge) - 2; i >= 0; i-- {
		h = tlog.NodeHash(r.edge[i], h)
	}
	return h
}

package archive

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"
)

// Inspection says how VerifyBucket goes about it.
type Inspection struct {
	Key        string         // Verifier key whose signatures alone hold; default: those in the bucket.
	Known      []string       // Signed checkpoints that were seen before: what they tell of must still be there.
	Identities []age.Identity // Open encrypted packs; without them only their SHA-256 is checked.
	// Roots that vouch for authorities of time stamps; without them it is not said
	// whether one can be trusted.
	Authorities *x509.CertPool
	Scratch     string // Directory for packs under way; default that of the system.
}

// Proven is how far a stream is proven.
type Proven struct {
	Stream     Stream    `json:"stream"`
	Records    Position  `json:"records"`              // Records below this are what was signed.
	Until      time.Time `json:"until,omitzero"`       // When the checkpoint over them was made.
	Checkpoint string    `json:"checkpoint,omitempty"` // The signed note.

	// What the last time stamp says of an earlier one: these records were there then, whatever the clock of the server said.
	Stamped   Timestamp `json:"stamped,omitzero"`
	StampedTo Position  `json:"stamped_records,omitempty"`
}

// VerifyBucket proves from a bucket alone that nothing in it was changed,
// dropped, exchanged or taken back to an older state since it was signed. It
// names what is wrong, record by record where that can be told. An error
// means that it could not finish. progress may be nil.
func VerifyBucket(ctx context.Context, store Store, how Inspection, progress func(Verified)) (Verified, error) {
	v, err := takeInventory(ctx, store, how.Key)
	if err != nil {
		return Verified{}, fmt.Errorf("verify bucket: %w", err)
	}
	unzip, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxManifest))
	if err != nil {
		return Verified{}, err
	}
	defer unzip.Close()
	a := &auditor{inventory: v, how: how, unzip: unzip, removed: removed{}, progress: progress, roots: map[Stream]map[Position]Digest{}}
	if err := a.run(ctx); err != nil {
		return a.done, fmt.Errorf("verify bucket: %w", err)
	}
	return a.done, nil
}

// auditor is a VerifyBucket under way.
type auditor struct {
	*inventory
	how      Inspection
	unzip    *zstd.Decoder
	removed  removed
	opaque   bool // The ledger is encrypted and cannot be read.
	roots    map[Stream]map[Position]Digest
	progress func(Verified)
	done     Verified
}

func (a *auditor) run(ctx context.Context) error {
	if len(a.streams) == 0 {
		return errors.New("the bucket holds no archive; check its URL")
	}
	for _, s := range a.streams {
		a.done.AllRecords += int64(s.size)
	}
	for _, name := range a.names() {
		if err := a.stream(ctx, a.streams[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	a.compareSeen()
	a.done.Problems = append([]Problem{}, a.problems...)
	a.told()
	return nil
}

func (a *auditor) told() {
	if a.progress != nil {
		a.progress(a.done)
	}
}

// stream proves one stream: first the leaves from the checkpoints, then the
// packs from the leaves.
func (a *auditor) stream(ctx context.Context, s *shelf) error {
	before := len(a.problems)
	leaves, err := a.leavesOf(ctx, s)
	if err != nil {
		return err
	}
	live, end := s.live()
	if end < s.size {
		a.problem(Address{s.name, end}.String(), "no checkpoint tells which pack holds it: one between is missing")
	}
	bad := Position(s.size)
	results := make([][]Problem, len(live))
	counts := make([]int64, len(live))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(2)
	if s.name == Ledger {
		g.SetLimit(1) // What it removes has to be known in order.
	}
	for i, st := range live {
		g.Go(func() (err error) {
			results[i], counts[i], err = a.pack(gctx, s, st, leaves)
			return err
		})
		if i%2 == 1 {
			a.told()
		}
	}
	if err := cmp.Or(g.Wait(), context.Cause(ctx)); err != nil {
		return err
	}
	for i, list := range results {
		if len(list) > 0 {
			first := live[i].First
			if at, err := ParseAddress(list[0].Where); err == nil {
				first = at.Position
			}
			bad = min(bad, first)
		} else if _, there := s.objects[live[i].id()]; there {
			a.done.Packs++
		}
		a.done.Records += counts[i]
		a.problems = append(a.problems, list...)
		a.told()
	}
	a.strays(s)
	a.compareLinks(s)
	stamps := a.stamps(s)
	a.proven(s, min(bad, end), len(a.problems) > before, stamps)
	return nil
}

// proven notes how far the stream is proven: up to the last checkpoint before
// the first wrong record.
func (a *auditor) proven(s *shelf, upto Position, wrong bool, stamps map[string]Timestamp) {
	p := Proven{Stream: s.name, Records: upto}
	for _, n := range s.notes {
		if n.err == nil && (n.Size <= upto || !wrong) {
			p.Until, p.Checkpoint = n.Time, n.signed
			if t, ok := stamps[n.key]; ok {
				p.Stamped, p.StampedTo = t, n.Size
			}
		}
	}
	a.done.Proven = append(a.done.Proven, p)
}

// leavesOf reads the leaves of a stream and compares their roots with all
// checkpoints. Where they do not agree the leaves are not worth anything, nil.
func (a *auditor) leavesOf(ctx context.Context, s *shelf) ([]tlog.Hash, error) {
	var leaves []tlog.Hash
	for _, o := range s.leaves {
		if o.first != Position(len(leaves)) {
			a.problem(o.Key, "the leaves before it end at %d: an object between is missing, or this one does not belong here", len(leaves))
			break
		}
		raw, err := readObject(ctx, a.store, o.Key, mostLeaves*hashSize+1)
		if err != nil {
			return nil, err
		}
		if len(raw)%hashSize != 0 {
			a.problem(o.Key, "it has %d bytes, not 32 for each record", len(raw))
		}
		leaves = append(leaves, hashesOf(raw)...)
	}
	if len(leaves) > int(s.size) {
		a.problem(Address{s.name, s.size}.String(), "there are leaves of %d records, the last checkpoint is about %d: checkpoints are missing, or were taken back", len(leaves), s.size)
	}
	return leaves, a.compareRoots(s, leaves)
}

func (a *auditor) compareRoots(s *shelf, leaves []tlog.Hash) error {
	var r rolling
	a.roots[s.name] = map[Position]Digest{}
	wrong := false
	for i := range s.notes {
		n := &s.notes[i]
		if n.err != nil {
			continue
		}
		a.roots[s.name][n.Size] = n.Root
		if int(n.Size) > len(leaves) {
			if !wrong {
				a.problem(Address{s.name, Position(len(leaves))}.String(), "%s is about %d records, the leaves end here", n.key, n.Size)
			}
			wrong = true
			continue
		}
		for r.size < int64(n.Size) {
			r.add(leaves[r.size])
		}
		if Digest(r.root()) != n.Root && !wrong {
			a.problem(leavesKey(s.name, s.leavesAt(n.Size-1)), "its leaves are not those that %s signed", n.key)
			wrong = true
		}
	}
	return nil
}

// leavesAt is the first position of the leaves object that has a record.
func (s *shelf) leavesAt(p Position) (first Position) {
	for _, o := range s.leaves {
		if o.first <= p {
			first = o.first
		}
	}
	return first
}

// pack compares an object with what was signed of it.
func (a *auditor) pack(ctx context.Context, s *shelf, st statement, leaves []tlog.Hash) (found []Problem, records int64, err error) {
	key := "packs/" + string(s.name) + "/" + formatPackName(st.First, form{st.Generation, st.Age})
	problem := func(where, format string, args ...any) {
		found = append(found, Problem{where, fmt.Sprintf(format, args...)})
	}
	if _, there := s.objects[st.id()]; !there {
		if !a.opaque && !a.removed.all(s.name, st.First, st.end()) {
			problem(Address{s.name, st.First}.String(), "%s is missing; no decision in the ledger removes its records", key)
		}
		return found, 0, nil
	}
	f, err := a.fetch(ctx, key)
	if errors.Is(err, ErrNoObject) {
		problem(key, "it went while the bucket was verified")
		return found, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer f.done()
	altered := f.size != st.Size || f.sum != st.SHA256
	records, where, what := a.contents(s, st, leaves, f)
	switch {
	case altered && what == "":
		problem(key, "it has %d bytes and SHA-256 %s; %s signed %d and %s", f.size, f.sum, st.by, st.Size, st.SHA256)
	case altered:
		problem(where, "%s (%s is not the object that %s signed)", what, key, st.by)
	case what != "":
		problem(where, "%s (in %s, which is as it was put there)", what, key)
	}
	return found, records, nil
}

// fetched is the copy of an object.
type fetched struct {
	io.ReaderAt
	size int64
	sum  Digest
	done func()
}

// fetch copies an object into memory, a large one to a temporary file.
func (a *auditor) fetch(ctx context.Context, key string) (*fetched, error) {
	r, err := a.store.Open(ctx, key, 0, -1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	const large = 32 << 20
	var head bytes.Buffer
	hash := sha256.New()
	size, err := io.CopyN(io.MultiWriter(&head, hash), r, large)
	if errors.Is(err, io.EOF) {
		return &fetched{bytes.NewReader(head.Bytes()), size, Digest(hash.Sum(nil)), func() {}}, nil
	}
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(a.how.Scratch, "polytrace-verify-")
	if err != nil {
		return nil, err
	}
	_, err = f.Write(head.Bytes())
	if err == nil {
		var more int64
		more, err = io.CopyBuffer(io.MultiWriter(f, hash), r, make([]byte, 256<<10))
		size += more
	}
	done := func() { f.Close(); os.Remove(f.Name()) }
	if err != nil {
		done()
		return nil, err
	}
	return &fetched{f, size, Digest(hash.Sum(nil)), done}, nil
}

// contents compares the records of a pack with their leaves, and returns how
// many are right and the first that is not.
func (a *auditor) contents(s *shelf, st statement, leaves []tlog.Hash, f *fetched) (records int64, where, what string) {
	first := Address{s.name, st.First}.String()
	plain, size := f.ReaderAt, f.size
	if st.Age {
		r, length, err := age.DecryptReaderAt(f, size, a.how.Identities...)
		if len(a.how.Identities) == 0 || errors.As(err, new(*age.NoIdentityMatchError)) {
			if s.name == Ledger {
				a.opaque = true
			}
			return 0, "", "" // Its SHA-256 was signed.
		}
		if err != nil {
			return 0, first, err.Error()
		}
		plain, size = wholeReader{r}, length
	}
	p, err := openSealed(plain, size, a.unzip)
	if err != nil {
		return 0, first, err.Error()
	}
	if p.manifest.Stream != s.name || p.manifest.First != st.First || p.manifest.Records != st.Records {
		return 0, first, fmt.Sprintf("the manifest tells of %d records from %s on", p.manifest.Records, Address{p.manifest.Stream, p.manifest.First})
	}
	return a.records(p, s, leaves)
}

func (a *auditor) records(p *sealedPack, s *shelf, leaves []tlog.Hash) (good int64, where, what string) {
	v := &view{r: frameReader{p, p.inOrder()}, first: p.manifest.First, starts: p.starts}
	f := &verifier{v, sha256.New(), make([]byte, 256<<10)}
	wrong := func(at Address, text string) {
		if what == "" {
			where, what = at.String(), text
		}
	}
	for at := (Address{s.name, v.first}); at.Position < v.end(); at.Position++ {
		start, _ := v.span(at.Position)
		m, meta, err := v.loadHead(at, start)
		leaf := unreadableLeaf
		if err == nil {
			leaf = recordLeaf(meta)
			if m.Kind == KindErased && m.Leaf != nil {
				leaf = tlog.Hash(*m.Leaf)
				if s.name != Ledger && !a.opaque && !a.removed.one(at) {
					wrong(at, "it was erased; no decision in the ledger says so")
				}
			}
		}
		switch {
		case int(at.Position) >= len(leaves):
			wrong(at, "its leaf is missing, and without it nobody can tell whether it is what was signed")
		case leaf != leaves[at.Position]:
			wrong(at, "it is not the record whose hash was signed")
		}
		ok, err := f.record(at)
		switch {
		case err != nil:
			wrong(at, err.Error())
			return good, where, what
		case !ok && m.Kind != KindLost:
			wrong(at, "its body does not have the SHA-256 of its metadata")
		case what == "":
			good++
		}
		if s.name == Ledger && m.hasBody() {
			a.takeDecision(v, at)
		}
	}
	if Digest(f.all.Sum(nil)) != p.manifest.SHA256 {
		wrong(Address{s.name, v.first}, "the records have another SHA-256 than the manifest says")
	}
	return good, where, what
}

// takeDecision notes what a record of the ledger removes.
func (a *auditor) takeDecision(v *view, at Address) {
	if r, err := v.load(at); err == nil {
		a.removed.add(removalsOf(r.Body))
	}
}

// compareLinks looks for the checkpoint before each one.
func (a *auditor) compareLinks(s *shelf) {
	sums := map[string]Digest{}
	for _, n := range s.notes {
		sums[path.Base(n.key)] = sumOf([]byte(n.signed))
	}
	for _, n := range s.notes {
		if n.err != nil || n.After.Name == "" {
			continue
		}
		key := "checkpoints/" + string(s.name) + "/" + n.After.Name
		if sum, ok := sums[n.After.Name]; !ok {
			a.problem(key, "it is missing; %s comes behind it", n.key)
		} else if sum != n.After.SHA256 {
			a.problem(key, "it is not the checkpoint that %s comes behind", n.key)
		}
	}
}

// strays names packs that are there and no checkpoint tells of.
func (a *auditor) strays(s *shelf) {
	for id, o := range s.objects {
		if _, ok := s.stated[id]; ok {
			continue
		}
		if id.first >= s.size {
			a.problem(Address{s.name, id.first}.String(), "%s is behind the last checkpoint and so not proven: checkpoints were taken away, or the server stopped before it made one", o.Key)
		} else {
			a.problem(o.Key, "no checkpoint tells of it; a server that erases or merges does so within a minute")
		}
	}
}

// compareSeen looks for every checkpoint that another one, or the caller, saw.
func (a *auditor) compareSeen() {
	for _, s := range a.streams {
		for _, n := range s.notes {
			if n.err != nil {
				continue
			}
			for _, seen := range n.Seen {
				a.compareOne(seen, n.key+" saw")
			}
		}
	}
	for _, signed := range a.how.Known {
		text, _, _ := strings.Cut(signed, "\n\n")
		c, err := parseCheckpoint(text + "\n")
		if err != nil {
			a.problem("known checkpoint", "%v", err)
			continue
		}
		a.compareOne(Seen{c.Stream(), c.Size, c.Root}, "you knew")
	}
}

func (a *auditor) compareOne(seen Seen, who string) {
	root, ok := a.roots[seen.Stream][seen.Size]
	switch {
	case !ok:
		a.problem(Address{seen.Stream, a.sizeOf(seen.Stream)}.String(), "%s a checkpoint over %d records of %s; it is not there: the stream was taken back to an older state", who, seen.Size, seen.Stream)
	case root != seen.Root:
		a.problem(Address{seen.Stream, 0}.String(), "%s another root over %d records of %s: the stream was written anew", who, seen.Size, seen.Stream)
	}
}

func (a *auditor) sizeOf(s Stream) Position {
	if shelf := a.streams[s]; shelf != nil {
		return shelf.size
	}
	return 0
}

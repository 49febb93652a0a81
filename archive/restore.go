package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"
)

// Restored is told of the progress of Restore.
type Restored struct {
	Packs, AllPacks int
	Records         int64
	Bytes, AllBytes int64 // Compressed.
}

// Restore fills the empty or half restored directory dir from a bucket, so
// that Open goes on where the bucket ends. Every pack is fetched and checked;
// the newest stay in the cache. progress may be nil; it is called by one
// goroutine at a time.
//
// When packs are damaged, all others are restored and the error wraps
// ErrDamaged; Open works then, and reading what was in those packs says so.
func Restore(ctx context.Context, dir string, c Config, progress func(Restored)) error {
	d, err := openDir(dir)
	if err != nil {
		return fmt.Errorf("restore archive: %w", err)
	}
	return restoreOn(ctx, d, c, progress)
}

func restoreOn(ctx context.Context, d disk, c Config, progress func(Restored)) error {
	a, err := newArchive(d, c)
	if err != nil {
		return fmt.Errorf("restore archive: %w", err)
	}
	r := &restorer{a: a, progress: progress, listed: map[packKey]*pack{}, removed: removed{}}
	if err := errors.Join(r.run(ctx), a.Close()); err != nil {
		return fmt.Errorf("restore archive: %w", err)
	}
	return nil
}

// restorer is a restore under way.
type restorer struct {
	a        *Archive
	progress func(Restored)
	bucket   *inventory
	listed   map[packKey]*pack // By an earlier, interrupted run.
	removed  removed           // By decisions in the ledger.

	kept int64 // Bytes in the cache.

	mu      sync.Mutex // Guards what follows.
	done    Restored
	damaged []string
}

func (r *restorer) run(ctx context.Context) error {
	id, err := r.begin(ctx)
	if err != nil {
		return err
	}
	if err := r.plan(ctx); err != nil {
		return err
	}
	r.report(0, 0, 0)
	for _, name := range r.bucket.names() { // The ledger first: it says what was removed.
		if err := r.fill(ctx, r.a.lookup(name)); err != nil {
			return err
		}
	}
	id.Restoring = false
	if err := r.a.writeIdentity(id); err != nil {
		return err
	}
	if len(r.damaged) > 0 {
		slices.Sort(r.damaged)
		return fmt.Errorf("%w in the bucket; everything else was restored: %s", ErrDamaged, strings.Join(r.damaged, "; "))
	}
	return nil
}

// fill restores the packs of a stream, in order of what is wanted in the cache:
// the newest first.
func (r *restorer) fill(ctx context.Context, s *stream) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(3)
	for _, p := range slices.Backward(s.packs) {
		if p.stored {
			continue
		}
		keep := r.keep(p.size) // Here, where they are in order.
		g.Go(func() error { return r.restore(gctx, p, keep) })
	}
	if err := cmp.Or(g.Wait(), context.Cause(ctx)); err != nil || s.name != Ledger {
		return err
	}
	return r.readDecisions(ctx, s)
}

// readDecisions finds out what was removed.
func (r *restorer) readDecisions(ctx context.Context, s *stream) error {
	s.sortPacks()
	if n := len(s.packs); n > 0 {
		s.next = s.packs[n-1].end()
	}
	for rec, err := range r.a.Scan(ctx, s.name, 0) {
		if errors.Is(err, ErrNoObject) {
			return nil // It is among the damage.
		}
		if err != nil && !errors.Is(err, ErrDamaged) {
			return err
		}
		r.removed.add(removalsOf(rec.Body))
	}
	return nil
}

// begin makes sure that nothing is overwritten.
func (r *restorer) begin(ctx context.Context) (identity, error) {
	id, err := r.a.readIdentity()
	if errors.Is(err, fs.ErrNotExist) {
		if names, err := r.a.disk.List("streams"); err != nil || len(names) > 0 {
			return id, errors.Join(err, fmt.Errorf("%s already holds streams; restore into an empty directory", r.a.disk.Describe(".")))
		}
		if err := r.somethingThere(ctx); err != nil {
			return id, err
		}
		return r.a.newIdentity(true)
	}
	if err != nil {
		return id, err
	}
	if !id.Restoring || id.Bucket != r.a.store.String() {
		return id, fmt.Errorf("%s already holds the archive of %s; restore into an empty directory", r.a.disk.Describe("."), id.Bucket)
	}
	return id, nil
}

// somethingThere refuses a bucket without packs: it is hardly the one that was meant.
func (r *restorer) somethingThere(ctx context.Context) error {
	for _, err := range r.a.store.List(ctx, "packs/") {
		return err
	}
	return fmt.Errorf("the bucket %s holds no packs, so there is nothing to restore; check its URL", r.a.store)
}

// plan finds out which packs make up the streams: what the checkpoints tell
// of, and behind them, or in a bucket without any, what is there.
func (r *restorer) plan(ctx context.Context) (err error) {
	if r.bucket, err = takeInventory(ctx, r.a.store, ""); err != nil {
		return err
	}
	for _, p := range r.bucket.problems {
		if strings.HasPrefix(p.Where, "packs/") {
			return fmt.Errorf("%s in the bucket: %s", p.Where, p.What)
		}
		r.damaged = append(r.damaged, p.Where+": "+p.What)
	}
	for _, name := range r.bucket.names() {
		s, err := r.stream(name)
		if err != nil {
			return err
		}
		shelf := r.bucket.streams[name]
		if err := r.planStream(s, shelf); err != nil {
			return err
		}
		if err := r.takeLog(ctx, s, shelf); err != nil {
			return err
		}
	}
	return nil
}

func (r *restorer) planStream(s *stream, shelf *shelf) error {
	live, next := shelf.live()
	for _, st := range live {
		o := shelf.objects[st.id()]
		r.expect(s, &pack{stream: s.name, first: st.First, as: st.id().as, records: st.Records, size: o.Size, stated: true})
	}
	ids := shelf.tail(next)
	for i, id := range ids {
		p := &pack{stream: s.name, first: id.first, as: id.as, size: shelf.objects[id].Size}
		if id.first > next { // One is missing that no checkpoint tells of.
			r.expect(s, &pack{stream: s.name, first: next, as: id.as, records: int(id.first - next)})
		}
		if i+1 < len(ids) {
			p.records = int(ids[i+1].first - p.first) // What it must hold, should it be damaged.
		}
		if p = r.expect(s, p); p.stored && i+1 < len(ids) && p.end() != ids[i+1].first {
			r.expect(s, &pack{stream: s.name, first: p.end(), as: id.as, records: int(ids[i+1].first - p.end())})
		}
		next = max(p.end(), next)
	}
	s.sortPacks()
	return nil
}

// expect adds a pack to the plan, unless it is restored already.
func (r *restorer) expect(s *stream, p *pack) *pack {
	r.done.AllPacks++
	r.done.AllBytes += p.size
	if old := r.listed[p.cacheKey()]; old != nil && old.as == p.as {
		r.done.Packs++
		r.done.Records += int64(old.records)
		r.done.Bytes += p.size
		return old
	}
	s.packs = append(slices.DeleteFunc(s.packs, func(q *pack) bool { return q.first == p.first }), p)
	return p
}

// takeLog takes over the Merkle tree and the last checkpoint of a stream.
func (r *restorer) takeLog(ctx context.Context, s *stream, shelf *shelf) error {
	for _, o := range shelf.leaves {
		raw, err := readObject(ctx, r.a.store, o.Key, mostLeaves*hashSize)
		if err != nil {
			return err
		}
		if o.first > s.tree.Size() {
			break // The next checkpoint reads the packs.
		}
		if err := s.tree.add(o.first, hashesOf(raw)); err != nil {
			return err
		}
	}
	for _, n := range slices.Backward(shelf.notes) {
		if root, err := s.tree.root(min(n.Size, s.tree.Size())); n.err == nil && err == nil && Digest(root) == n.Root {
			return s.took(n.Checkpoint, n.signed)
		}
	}
	s.tree.cut(0)
	return nil
}

func hashesOf(raw string) (hashes []tlog.Hash) {
	for ; len(raw) >= hashSize; raw = raw[hashSize:] {
		hashes = append(hashes, tlog.Hash([]byte(raw[:hashSize])))
	}
	return hashes
}

// stream opens a stream with what an interrupted restore has listed of it.
func (r *restorer) stream(name Stream) (*stream, error) {
	if s := r.a.lookup(name); s != nil {
		return s, nil
	}
	s, err := r.a.streamFor(name)
	if err != nil {
		return nil, err
	}
	if err := r.a.disk.MkdirAll(name.dir()); err != nil {
		return nil, err
	}
	if s.tree, err = openTree(r.a.disk, name.dir()); err != nil {
		return nil, err
	}
	log, lines, _, err := openPackLog(r.a.disk, name.dir())
	if err != nil {
		return nil, err
	}
	s.log = log
	files, err := s.list()
	if err != nil {
		return nil, err
	}
	for _, l := range lines {
		p := &pack{stream: name, first: l.First}
		p.takeLine(l)
		p.local = slices.Contains(files.sealed, sealedFile{p.first, p.as})
		s.packs = append(s.packs, p)
		r.listed[p.cacheKey()] = p
		if p.local {
			r.kept += p.size
		}
	}
	return s, nil
}

// restore fetches one pack, checks it and lists it. Unless it is to be kept it
// leaves the cache again.
func (r *restorer) restore(ctx context.Context, p *pack, keep bool) error {
	s := r.a.lookup(p.stream)
	expected := p.records
	err := r.a.examine(ctx, p)
	if err == nil && expected > p.records && !p.stated {
		if err := r.missing(&pack{stream: p.stream, first: p.end(), as: p.as, records: expected - p.records, stored: true}); err != nil {
			return err
		}
		expected = p.records
	}
	merged := p.as.generation > 0 && !p.stated && p.records > expected // Packs that it holds too may still be there.
	if err == nil && expected > 0 && p.records != expected && !merged {
		err = fmt.Errorf("%w: it holds %d records, not %d", ErrDamaged, p.records, expected)
	}
	// The object of one that went may still be there, for as long as it is locked.
	gone := p.records > 0 && r.removed.all(p.stream, p.first, p.end())
	if errors.Is(err, ErrNoObject) && !gone {
		err = fmt.Errorf("%w: it is missing, and no decision in the ledger removes its records", ErrDamaged)
	}
	switch {
	case gone:
	case errors.Is(err, ErrDamaged) && p.records > 0:
		if expected > 0 {
			p.records = expected
		}
		if err := r.damage(p, err); err != nil {
			return err
		}
	case errors.Is(err, ErrDamaged):
		return fmt.Errorf("%s is the last pack of its stream and its manifest is damaged, so nobody knows where new records would go; put back a good copy of the object: %w", p.key(), err)
	case err != nil:
		return fmt.Errorf("%s: %w", p.key(), err)
	}
	if !keep { // Before it counts as stored, or another one had to leave for it.
		r.a.drop(localCopy{s: s, p: p})
	}
	s.mu.Lock()
	p.stored, p.gone = true, gone
	line := p.line()
	s.mu.Unlock()
	if err := s.log.add(line); err != nil {
		return err
	}
	r.report(1, int64(line.Records), line.Size)
	return nil
}

// missing lists a pack of which nothing but a gap tells.
func (r *restorer) missing(p *pack) error {
	s := r.a.lookup(p.stream)
	s.mu.Lock()
	s.packs = append(slices.Clone(s.packs), p) // Others walk through the old list.
	line := p.line()
	s.mu.Unlock()
	return errors.Join(s.log.add(line), r.damage(p, errors.New("it is missing, and nothing tells what it held")))
}

// damage keeps for Status, and for the end, that a pack is not as it was put
// into the bucket.
func (r *restorer) damage(p *pack, cause error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.damaged = append(r.damaged, fmt.Sprintf("%s: %v", p.key(), cause))
	if err := r.a.disk.MkdirAll("damaged"); err != nil {
		return err
	}
	return r.a.note(asideName(p.sealedName()), fmt.Sprintf("%s was damaged in the bucket when it was restored: %v", p.key(), cause))
}

// keep tells whether the cache has room for a pack. Since the newest come
// first, they are the ones that stay.
func (r *restorer) keep(size int64) bool {
	if r.kept+size > r.a.config.CacheSize {
		return false
	}
	r.kept += size
	return true
}

// examine fetches a pack where it cannot be read in place, and compares all
// of it with its manifest, and each body with its record.
func (a *Archive) examine(ctx context.Context, p *pack) error {
	s := a.lookup(p.stream)
	o, err := a.openSealedPack(ctx, s, p)
	if err != nil {
		return err
	}
	defer a.forget(p)
	defer o.close()
	p.takeManifest(&o.manifest)
	damaged, err := o.verify()
	if err != nil {
		return asDamage(err)
	}
	if err := a.noteDamaged(p, damaged); err != nil {
		return err
	}
	if p.sum, err = sumFile(o.h, o.raw); err != nil {
		return err
	}
	return errors.Join(a.checkSum(ctx, p), s.checkLeaves(o, p))
}

// checkLeaves compares a pack with the tree, as far as that goes.
func (s *stream) checkLeaves(o *openedPack, p *pack) error {
	if s.tree.Size() < p.end() {
		return nil
	}
	v := &view{r: frameReader{o.sealedPack, o.inOrder()}, first: p.first, starts: o.starts}
	got, err := v.leavesOf(s.name)
	if err != nil {
		return err
	}
	want, err := s.tree.leaves(p.first, p.end())
	if err != nil {
		return err
	}
	for i := range got {
		if got[i] != want[i] {
			return fmt.Errorf("%w: %s is not the record whose hash was signed", ErrDamaged, Address{s.name, p.first + Position(i)})
		}
	}
	return nil
}

// noteDamaged leaves a note of records that were damaged before their pack
// was sealed.
func (a *Archive) noteDamaged(p *pack, at []Position) error {
	if len(at) == 0 {
		return nil
	}
	if err := a.disk.MkdirAll("damaged"); err != nil {
		return err
	}
	return a.note(asideName(p.sealedName()), fmt.Sprintf("%s is as it was put into the bucket, but these of its records were damaged before: %d", p.key(), at))
}

// checkSum compares a pack with the SHA-256 that the bucket has of it.
func (a *Archive) checkSum(ctx context.Context, p *pack) error {
	if _, ok := a.store.(inPlace); ok {
		return nil // It was just read there.
	}
	o, err := a.store.Stat(ctx, p.key())
	if err != nil {
		return err
	}
	if !o.SHA256.IsZero() && o.SHA256 != p.sum {
		return fmt.Errorf("%w: it arrived with SHA-256 %s, the bucket says %s", ErrDamaged, p.sum, o.SHA256)
	}
	return nil
}

// report tells of progress.
func (r *restorer) report(packs int, records, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done.Packs += packs
	r.done.Records += records
	r.done.Bytes += bytes
	if r.progress != nil {
		r.progress(r.done)
	}
}

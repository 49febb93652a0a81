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
	r := &restorer{a: a, progress: progress, listed: map[packKey]*pack{}}
	if err := errors.Join(r.run(ctx), a.Close()); err != nil {
		return fmt.Errorf("restore archive: %w", err)
	}
	return nil
}

// restorer is a restore under way.
type restorer struct {
	a        *Archive
	progress func(Restored)
	listed   map[packKey]*pack // By an earlier, interrupted run.

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
	todo, err := r.plan(ctx)
	if err != nil {
		return err
	}
	r.report(0, 0, 0)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(3)
	for _, p := range todo {
		keep := r.keep(p.size) // Here, where they are in order.
		g.Go(func() error { return r.restore(gctx, p, keep) })
	}
	if err := cmp.Or(g.Wait(), context.Cause(ctx)); err != nil {
		return err
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

// plan lists the bucket. Packs that were restored before are left out; the
// others are in order of what is wanted in the cache, the newest first.
func (r *restorer) plan(ctx context.Context) (todo []*pack, err error) {
	for o, err := range r.a.store.List(ctx, "packs/") {
		if err != nil {
			return nil, err
		}
		name, first, as, ok := parseKey(o.Key)
		if !ok {
			return nil, fmt.Errorf("%s in the bucket is not a pack; a newer program may have put it there", o.Key)
		}
		s, err := r.stream(name)
		if err != nil {
			return nil, err
		}
		if err := r.expect(s, first, as, o.Size); err != nil {
			return nil, err
		}
	}
	for _, s := range r.a.all() {
		s.sortPacks()
		for i, p := range slices.Backward(s.packs) {
			between := 0 // Up to the next pack; 0 when there is none.
			if i+1 < len(s.packs) {
				between = int(s.packs[i+1].first - p.first)
			}
			switch {
			case !p.stored:
				p.records = between // What it must hold, should it be damaged.
				todo = append(todo, p)
			case between > 0 && p.records != between:
				return nil, p.gapBehind(between)
			}
		}
	}
	return todo, nil
}

func (p *pack) gapBehind(between int) error {
	return fmt.Errorf("%s holds %d records, but the next pack begins %d behind its first: one between them is missing, or two servers wrote to the bucket", p.key(), p.records, between)
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

// expect adds a pack of the bucket to the plan, unless it is restored
// already. Objects come in order.
func (r *restorer) expect(s *stream, first Position, as form, size int64) error {
	r.done.AllPacks++
	r.done.AllBytes += size
	if p := r.listed[packKey{s.name, first}]; p != nil {
		r.done.Packs++
		r.done.Records += int64(p.records)
		r.done.Bytes += size
		return nil
	}
	if len(s.packs) == 0 && first != 0 {
		return fmt.Errorf("the bucket's first pack of %s begins at %d: those before it are missing", s.name, first)
	}
	s.packs = append(s.packs, &pack{stream: s.name, first: first, as: as, size: size})
	return nil
}

// restore fetches one pack, checks it and lists it. Unless it is to be kept it
// leaves the cache again.
func (r *restorer) restore(ctx context.Context, p *pack, keep bool) error {
	s := r.a.lookup(p.stream)
	expected := p.records
	err := r.a.examine(ctx, p)
	switch {
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
	case expected > 0 && p.records != expected:
		return p.gapBehind(expected)
	}
	if !keep { // Before it counts as stored, or another one had to leave for it.
		r.a.drop(localCopy{s: s, p: p})
	}
	s.mu.Lock()
	p.stored = true
	line := p.line()
	s.mu.Unlock()
	if err := s.log.add(line); err != nil {
		return err
	}
	r.report(1, int64(line.Records), line.Size)
	return nil
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
	return a.checkSum(ctx, p)
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

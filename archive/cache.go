package archive

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
)

// Sealed packs that are in the bucket may also be on local disk. Those used
// longest ago leave when together they are larger than Config.CacheSize;
// those that are not in the bucket yet, or that it has lost as far as is known, stay whatever it takes.

type packKey struct {
	stream Stream
	first  Position
	as     form
}

type frameKey struct {
	packKey
	id int64
}

func (p *pack) cacheKey() packKey { return packKey{p.stream, p.first, p.as} }

// openedPack is a sealed pack with its file.
type openedPack struct {
	*sealedPack
	h   *handle
	raw int64 // Size of the file.
	age bool  // The file is encrypted.
}

// close gives up the cache's share of the file. It was only read: closing it
// cannot lose anything.
func (o *openedPack) close() { _ = o.h.release() }

// inPlace is a Store whose objects are files that can be read where they are.
type inPlace interface{ Path(key string) string }

// tick counts uses.
func (a *Archive) tick() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clock++
	return a.clock
}

// openSealedPack opens a sealed pack wherever it is. The caller releases h.
func (a *Archive) openSealedPack(ctx context.Context, s *stream, p *pack) (*openedPack, error) {
	retain := func(o *openedPack) { o.h.retain() }
	if o, ok := a.opened.get(p.cacheKey(), retain); ok {
		s.mu.Lock()
		p.used = a.tick()
		s.mu.Unlock()
		return o, nil
	}
	o, err := a.openOnce(ctx, s, p)
	if errors.Is(err, ErrDamaged) && a.forsake(s, p) {
		o, err = a.openOnce(ctx, s, p)
	}
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", p.key(), err)
	}
	o.h.retain()
	a.opened.put(p.cacheKey(), o, 1)
	return o, nil
}

func (a *Archive) openOnce(ctx context.Context, s *stream, p *pack) (*openedPack, error) {
	f, err := a.clearFile(p)
	encrypted := p.as.age && f == nil
	if f == nil && err == nil {
		f, err = a.packFile(ctx, s, p)
	}
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	plain, length, err := a.plain(f, size, encrypted)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	sealed, err := openSealed(plain, length, a.sealer.unzip)
	if err == nil && (sealed.manifest.First != p.first || sealed.manifest.Stream != p.stream) {
		err = fmt.Errorf("it holds the records from %s on", Address{sealed.manifest.Stream, sealed.manifest.First})
	}
	if err != nil {
		return nil, errors.Join(asDamage(err), f.Close())
	}
	return &openedPack{sealed, newHandle(f), size, encrypted}, nil
}

// packFile opens the file of a sealed pack: the local one, that of a bucket
// which is a directory, or a copy fetched from the bucket.
func (a *Archive) packFile(ctx context.Context, s *stream, p *pack) (file, error) {
	for {
		f, err := a.localFile(s, p)
		if f != nil || err != nil {
			return f, err
		}
		f, err = a.placedFile(p)
		if f != nil || err != nil {
			return f, err
		}
		// Another reader may make it leave the cache again before it is opened here.
		if err := a.fetch(ctx, s, p); err != nil {
			return nil, err
		}
	}
}

// localFile opens the local copy; nil when there is none.
func (a *Archive) localFile(s *stream, p *pack) (file, error) {
	s.mu.Lock()
	local, stored := p.local, p.stored
	p.used = a.tick()
	s.mu.Unlock()
	if !local {
		return nil, nil
	}
	f, err := a.disk.Open(p.sealedName())
	if errors.Is(err, fs.ErrNotExist) && stored {
		s.mu.Lock()
		defer s.mu.Unlock()
		p.local = false
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a.evict()
	return f, nil
}

// placedFile opens the object of a bucket that is a directory; nil when it is
// not one.
func (a *Archive) placedFile(p *pack) (file, error) {
	place, ok := a.store.(inPlace)
	if !ok {
		return nil, nil
	}
	f, err := os.Open(place.Path(p.key()))
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %w", ErrNoObject, err)
	}
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// fetch brings a pack from the bucket, once for all who want it. It goes on
// for the others when ctx ends.
func (a *Archive) fetch(ctx context.Context, s *stream, p *pack) error {
	done := a.fetches.DoChan(p.key(), func() (any, error) {
		if err := a.begin(); err != nil {
			return nil, err
		}
		defer a.others.Done()
		return nil, a.fetchNow(a.ctx, s, p)
	})
	select {
	case r := <-done:
		return r.Err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (a *Archive) fetchNow(ctx context.Context, s *stream, p *pack) error {
	s.mu.Lock()
	local := p.local
	s.mu.Unlock()
	if local { // Another fetch ended between two looks of the caller's.
		return nil
	}
	sum, size, err := a.download(ctx, p)
	if err != nil {
		return err
	}
	s.mu.Lock()
	wrong := p.size != 0 && p.size != size || !p.sum.IsZero() && p.sum != sum
	s.mu.Unlock()
	if wrong {
		return errors.Join(fmt.Errorf("%w: the bucket's %s has %d bytes and SHA-256 %s, not what was put there", ErrDamaged, p.key(), size, sum),
			a.disk.Remove(p.sealedName()+".tmp"))
	}
	// Not synced: what a power cut leaves of it fails its checks and is
	// fetched again.
	if err := a.disk.Rename(p.sealedName()+".tmp", p.sealedName()); err != nil {
		return err
	}
	s.mu.Lock()
	p.local, p.size, p.sum = true, size, sum
	p.used = a.tick()
	s.mu.Unlock()
	return nil
}

// download copies an object to a temporary file.
func (a *Archive) download(ctx context.Context, p *pack) (sum Digest, size int64, err error) {
	temp := p.sealedName() + ".tmp"
	r, err := a.store.Open(ctx, p.key(), 0, -1)
	if err != nil {
		return sum, 0, err
	}
	defer r.Close()
	if err := removeIfThere(a.disk, temp); err != nil {
		return sum, 0, err
	}
	f, err := a.disk.Create(temp)
	if err != nil {
		return sum, 0, err
	}
	w := &fileWriter{f: f, sum: sha256.New()}
	_, err = io.CopyBuffer(w, r, make([]byte, 64<<10))
	if err = errors.Join(err, f.Close()); err != nil {
		return sum, 0, errors.Join(err, a.disk.Remove(temp))
	}
	return Digest(w.sum.Sum(nil)), w.off, nil
}

// inspect reads from a pack of the bucket what packs.jsonl should know of it.
func (a *Archive) inspect(ctx context.Context, p *pack) error {
	s := a.lookup(p.stream)
	o, err := a.openSealedPack(ctx, s, p)
	if err != nil {
		return err
	}
	p.takeManifest(&o.manifest)
	if o.age == p.as.age {
		p.sum, err = sumFile(o.h, o.raw)
	} else {
		p.sum, err = a.sumObject(ctx, p.key())
	}
	err = asDamage(err)
	return errors.Join(err, o.h.release())
}

// forsake sets the local copy of a damaged pack aside when the bucket has
// another, once for each pack; false when there is none.
func (a *Archive) forsake(s *stream, p *pack) bool {
	s.mu.Lock()
	again := p.stored && p.local && !p.forsaken
	if again {
		p.forsaken, p.local = true, false
	}
	s.mu.Unlock()
	if !again {
		return false
	}
	a.forget(p)
	if err := a.setAside(p.sealedName(), "the local copy of "+p.key()+" is damaged; another one was fetched from the bucket"); err != nil {
		a.log.Error("damaged pack was not set aside", "pack", p.key(), "error", err)
		return false
	}
	return true
}

// forget drops what is in memory of a pack.
func (a *Archive) forget(p *pack) {
	key := p.cacheKey()
	a.opened.removeIf(func(k packKey) bool { return k == key })
	a.frames.removeIf(func(k frameKey) bool { return k.packKey == key })
}

// evict removes local copies of packs that are in the bucket, those used
// longest ago first, until the rest fits the cache. Where the bucket can be
// read in place, all of them go.
func (a *Archive) evict() {
	limit := a.config.CacheSize
	if _, ok := a.store.(inPlace); ok {
		limit = 0
	}
	copies, total := a.copies()
	slices.SortStableFunc(copies, func(p, q localCopy) int { return cmp.Compare(p.used, q.used) })
	for _, c := range copies {
		if total <= limit {
			return
		}
		a.drop(c)
		total -= c.size
	}
}

// localCopy is a pack as it was when the cache was looked through.
type localCopy struct {
	s          *stream
	p          *pack
	size, used int64
}

func (a *Archive) copies() (copies []localCopy, total int64) {
	for _, s := range a.all() {
		s.mu.Lock()
		for _, p := range s.packs {
			if p.stored && p.local {
				copies = append(copies, localCopy{s, p, p.size, p.used})
				total += p.size
			}
		}
		s.mu.Unlock()
	}
	if lost := a.lost(); len(lost) > 0 {
		copies = slices.DeleteFunc(copies, func(c localCopy) bool { return slices.Contains(lost, c.p.key()) })
	}
	return copies, total
}

// drop removes the local copy of a pack. Who reads it keeps it until done.
func (a *Archive) drop(c localCopy) {
	c.s.mu.Lock()
	c.p.local = false
	c.s.mu.Unlock()
	key := c.p.cacheKey()
	a.opened.removeIf(func(k packKey) bool { return k == key })
	if err := removeIfThere(a.disk, c.p.sealedName()); err != nil {
		a.log.Error("cached pack was not removed", "pack", c.p.key(), "error", err)
	}
}

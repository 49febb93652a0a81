package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// inFlight is how many packs of a stream are on their way at a time, and of
// all streams twice as many.
const inFlight = 4

// uploadAll puts the sealed packs of a stream into the bucket, oldest first,
// and those that are sealed meanwhile.
func (s *stream) uploadAll(ctx context.Context) error {
	s.uploading.Lock()
	defer s.uploading.Unlock()
	taken := map[*pack]bool{}
	results := make(chan error, inFlight)
	var failed error
	for under := 0; ; {
		var p *pack
		if under < inFlight && failed == nil {
			p = s.firstPack(func(p *pack) bool { return p.unstored() && !taken[p] })
		}
		switch {
		case p != nil:
			taken[p] = true
			under++
			go func() { results <- s.uploadOne(ctx, p) }()
			continue
		case under == 0:
			return failed
		}
		select {
		case err := <-results:
			under--
			failed = errors.Join(failed, err)
		case <-s.sealed:
		}
	}
}

func (s *stream) uploadOne(ctx context.Context, p *pack) error {
	if err := s.upload(ctx, p); err != nil {
		return fmt.Errorf("upload pack %s: %w", p.key(), err)
	}
	s.a.evict()
	return nil
}

func (s *stream) upload(ctx context.Context, p *pack) error {
	select {
	case s.a.uploads <- struct{}{}:
		defer func() { <-s.a.uploads }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	f, err := s.a.disk.Open(p.sealedName())
	if err != nil {
		return err
	}
	lock := s.a.lockOf(s, p.line())
	err = s.a.store.Create(ctx, p.key(), io.NewSectionReader(f, 0, p.size), p.sum, lock)
	if errors.Is(err, ErrExists) {
		lock, err = s.a.claim(ctx, p, lock)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	line := p.line()
	line.Stored, line.Lock = true, lock
	if err := s.log.add(line); err != nil {
		return err
	}
	s.mu.Lock()
	p.stored, p.lock = true, lock
	p.used = s.a.tick()
	s.advanceLocked()
	s.mu.Unlock()
	s.a.log.Info("pack uploaded", "pack", p.key(), "bytes", p.size)
	return nil
}

// claim looks whether the bucket's pack is ours: then an earlier upload
// succeeded and its answer was lost. The lock that was wanted at that time may
// have been another one.
func (a *Archive) claim(ctx context.Context, p *pack, lock Lock) (Lock, error) {
	o, err := a.store.Stat(ctx, p.key())
	if err != nil {
		return lock, err
	}
	if o.Size == p.size && o.SHA256.IsZero() {
		if o.SHA256, err = a.sumObject(ctx, p.key()); err != nil {
			return lock, err
		}
	}
	if o.Size != p.size || o.SHA256 != p.sum {
		return lock, fmt.Errorf("%w: %s has %d bytes and SHA-256 %s, here it has %d and %s", ErrDiverged, p.key(), o.Size, o.SHA256, p.size, p.sum)
	}
	if lock = strongest(o.Lock, lock); lock != o.Lock {
		err = a.store.Protect(ctx, p.key(), lock)
	}
	return lock, err
}

func (a *Archive) sumObject(ctx context.Context, key string) (Digest, error) {
	r, err := a.store.Open(ctx, key, 0, -1)
	if err != nil {
		return Digest{}, err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, r)
	return Digest(sum.Sum(nil)), errors.Join(err, r.Close())
}

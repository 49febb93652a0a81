package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Mend looks through the bucket, as Examine does, and puts back what is missing
// there and is known here: packs whose copy is in the cache, leaves, the last
// checkpoint, the public key. It returns the keys of these objects and what is
// left. Objects that are there and differ stay as they are: they may be
// evidence, and nothing is overwritten.
func (a *Archive) Mend(ctx context.Context) (mended []string, left Drift, err error) {
	if a.config.Follow {
		return nil, left, ErrFollowing
	}
	before, err := a.Examine(ctx)
	if err != nil {
		return nil, before, err
	}
	for _, key := range before.Missing {
		ok, err := a.mend(ctx, key)
		if err != nil && !errors.Is(err, ErrExists) {
			return mended, before, fmt.Errorf("put %s back: %w", key, err)
		}
		if ok {
			a.log.Warn("object was missing in the bucket and is put back", "object", key)
			mended = append(mended, key)
		}
	}
	left, err = a.Examine(ctx)
	return mended, left, err
}

// mend puts one object back; false when nobody here knows what it held.
func (a *Archive) mend(ctx context.Context, key string) (ok bool, err error) {
	kind, rest, _ := strings.Cut(key, "/")
	name, base, _ := strings.Cut(rest, "/")
	s := a.lookup(Stream(name))
	switch {
	case kind == "keys" && rest == a.signer.Name():
		a.keyPut.Store(false)
		return true, a.putKey(ctx)
	case s == nil:
		return false, nil
	case kind == "packs":
		_, first, _, _ := parseKey(key)
		return s.mendPack(ctx, first)
	case kind == "leaves":
		return s.mendLeaves(ctx, key)
	case kind == "checkpoints":
		last := s.lastProven()
		if last == nil || checkpointBase(last.Size, last.Again) != base {
			return false, nil
		}
		return true, a.put(ctx, key, []byte(last.signed), s.lockBefore(last.Size))
	}
	return false, nil
}

// mendPack puts the local copy of a pack back. The store compares its SHA-256.
func (s *stream) mendPack(ctx context.Context, first Position) (ok bool, err error) {
	s.rewriting.Lock()
	defer s.rewriting.Unlock()
	s.mu.Lock()
	p := s.packAtLocked(first)
	local := p != nil && p.first == first && p.local && !p.gone
	s.mu.Unlock()
	if !local {
		return false, nil
	}
	f, err := s.a.disk.Open(p.sealedName())
	if err != nil {
		return false, err
	}
	if sum, err := sumFile(f, p.size); err != nil || sum != p.sum {
		return false, errors.Join(err, f.Close()) // A damaged copy is worth nothing; reading finds it.
	}
	err = s.a.store.Create(ctx, p.key(), io.NewSectionReader(f, 0, p.size), p.sum, s.a.lockOf(s, p.line()))
	return true, errors.Join(err, f.Close())
}

// mendLeaves makes an object of leaves again, which ends where the next one
// begins, or the last checkpoint does.
func (s *stream) mendLeaves(ctx context.Context, key string) (ok bool, err error) {
	last := s.lastProven()
	if last == nil {
		return false, nil
	}
	ends := []Position{last.Size}
	for o, err := range s.a.store.List(ctx, "leaves/"+string(s.name)+"/") {
		if err != nil {
			return false, err
		}
		if first, err := parseLeavesKey(o.Key); err == nil && o.Key > key {
			ends = append(ends, first)
		}
	}
	first, err := parseLeavesKey(key)
	if err != nil {
		return false, err
	}
	raw, err := s.tree.leafBytes(first, slices.Min(ends))
	if err != nil {
		return false, err
	}
	return true, s.a.put(ctx, key, raw, s.lockBefore(slices.Min(ends)))
}

package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Packs that have become old are merged with their neighbours: larger frames
// and a slower compression make them smaller, and fewer objects are easier to
// list. The records stay as they are, so do their leaves. What a lock keeps is
// not merged, because the old object would have to stay beside the new one.

// A merged pack holds at most so many bytes of bodies, as multiples of
// Config.PackSize, and records of so many days: longer, and the oldest would
// be kept well beyond the end of their retention by the newest.
const (
	mergedPacks = 4
	mergedSpan  = 31 * 24 * time.Hour
)

// Merge merges the packs of all streams whose newest record is older than
// Config.ColdAge at a time, and returns how many bytes of the bucket that
// saves.
func (a *Archive) Merge(ctx context.Context, now time.Time) (saved int64, err error) {
	if a.config.Follow {
		return 0, ErrFollowing
	}
	if err := a.begin(); err != nil {
		return 0, err
	}
	defer a.others.Done()
	cold, err := newSealer(coldFrame, zstd.SpeedBestCompression, a.sealer.unzip)
	if err != nil {
		return 0, err
	}
	defer cold.zip.Close() // It writes nowhere.
	for _, s := range a.all() {
		n, err := s.merge(ctx, now.Add(-a.config.ColdAge), cold)
		if saved += n; err != nil {
			return saved, fmt.Errorf("merge packs of %s: %w", s.name, err)
		}
	}
	return saved, nil
}

func (s *stream) merge(ctx context.Context, before time.Time, with *sealer) (saved int64, err error) {
	s.rewriting.Lock()
	defer s.rewriting.Unlock()
	for from := Position(0); ; {
		if err := context.Cause(ctx); err != nil {
			return saved, err
		}
		group := s.mergeable(from, before)
		if group == nil {
			s.a.poke()
			return saved, nil
		}
		was := int64(0)
		for _, p := range group {
			was += p.size
		}
		err := s.rewriteSealed(ctx, group[0], func(w io.Writer, next *pack) error {
			for _, p := range group {
				if err := s.appendPack(ctx, w, next, p); err != nil {
					return fmt.Errorf("%s: %w", p.key(), err)
				}
			}
			return nil
		}, with)
		from = group[len(group)-1].end()
		if errors.Is(err, ErrDamaged) {
			s.a.log.Error("packs were not merged, one of them is damaged", "first", group[0].key(), "error", err)
			continue
		}
		if err != nil {
			return saved, err
		}
		s.mu.Lock()
		saved += was - s.packAtLocked(group[0].first).size
		s.mu.Unlock()
	}
}

// mergeable finds the next packs from a position on that are to become one:
// several, or one that was never written anew.
func (s *stream) mergeable(from Position, before time.Time) (group []*pack) {
	s.mu.Lock()
	defer s.mu.Unlock()
	bytes, fresh := int64(0), false
	worth := func() bool { return len(group) > 1 || fresh && bytes >= s.a.config.PackSize/2 }
	for _, p := range s.packs {
		if p.first < from {
			continue
		}
		if fits := s.coldLocked(p, before) && (group == nil || bytes+p.bytes <= mergedPacks*s.a.config.PackSize && p.newest.Sub(group[0].oldest) <= mergedSpan); !fits {
			if worth() {
				return group
			}
			group, bytes, fresh = nil, 0, false
			if !s.coldLocked(p, before) {
				continue
			}
		}
		group = append(slices.Clip(group), p)
		bytes += p.bytes
		fresh = fresh || p.as.generation == 0
	}
	if worth() {
		return group
	}
	return nil
}

// coldLocked reports whether a pack may be merged.
func (s *stream) coldLocked(p *pack, before time.Time) bool {
	return p.stored && !p.gone && p.lock.IsZero() && p.newest.Before(before) && s.proven != nil && p.end() <= s.proven.Size && p.bytes < mergedPacks*s.a.config.PackSize
}

// appendPack copies the records of a pack behind those of next.
func (s *stream) appendPack(ctx context.Context, w io.Writer, next, p *pack) error {
	o, err := s.a.openSealedPack(ctx, s, p)
	if err != nil {
		return err
	}
	defer o.close()
	if damaged, err := o.verify(); err != nil || len(damaged) > 0 {
		return asDamage(errors.Join(err, fmt.Errorf("%d of its records are damaged", len(damaged))))
	}
	length := o.starts[len(o.starts)-1]
	if _, err := io.Copy(w, io.NewSectionReader(frameReader{o.sealedPack, o.inOrder()}, 0, length)); err != nil {
		return err
	}
	if next.records == 0 || o.manifest.Oldest.Before(next.oldest) {
		next.oldest = o.manifest.Oldest
	}
	if next.records == 0 || o.manifest.Newest.After(next.newest) {
		next.newest = o.manifest.Newest
	}
	end := next.tarEnd()
	for _, start := range o.starts[1:] {
		next.starts = append(next.starts, end+start)
	}
	next.records += o.manifest.Records
	next.bytes += o.manifest.Bytes
	return nil
}

package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"sync"
	"sync/atomic"
)

// view is a pack opened for reading: its tar, and where each record is in it.
type view struct {
	r      io.ReaderAt
	first  Position
	starts []int64 // Of each record, and where the last one ends.
	close  func() error
}

// span says where a record is.
func (v *view) span(p Position) (start, length int64) {
	i := p - v.first
	return v.starts[i], v.starts[i+1] - v.starts[i]
}

func (v *view) end() Position { return v.first + Position(len(v.starts)-1) }

// load reads a whole record; the memory is the caller's.
func (v *view) load(at Address) (Record, error) {
	if at.Position >= v.end() {
		return Record{Meta: Meta{Stream: at.Stream, Position: at.Position}}, fmt.Errorf("%w: its pack ends at %d", ErrDamaged, v.end())
	}
	start, length := v.span(at.Position)
	raw := make([]byte, length)
	if _, err := v.r.ReadAt(raw, start); err != nil {
		return Record{}, asDamage(err)
	}
	r, err := parseRecord(raw, at)
	return r, asDamage(err)
}

// access says how a pack will be read.
type access int

const (
	atRandom access = iota // Its frames are kept for others.
	inOrder                // Its frames are kept until the next one.
)

// view opens the pack that holds a record.
func (a *Archive) view(ctx context.Context, at Address, how access) (*view, error) {
	s := a.lookup(at.Stream)
	if s == nil {
		return nil, ErrNotFound
	}
	s.mu.Lock()
	p := s.packAtLocked(at.Position)
	if p == nil {
		defer s.mu.Unlock()
		if at.Position >= s.next {
			return nil, ErrNotFound
		}
		return nil, fmt.Errorf("%w: its pack is missing", ErrDamaged)
	}
	if p.gone {
		s.mu.Unlock()
		return nil, ErrGone
	}
	if p.tar != nil && p.tar.retain() {
		defer s.mu.Unlock()
		return &view{p.tar, p.first, p.starts[:len(p.starts):len(p.starts)], p.tar.release}, nil
	}
	s.mu.Unlock()
	o, err := a.openSealedPack(ctx, s, p)
	if err != nil {
		return nil, err
	}
	with := a.cachedFrames(p, o.sealedPack)
	if how == inOrder {
		with = o.inOrder()
	}
	return &view{frameReader{o.sealedPack, with}, p.first, o.starts, o.h.release}, nil
}

// cachedFrames keeps decompressed frames for those who read at random.
func (a *Archive) cachedFrames(p *pack, o *sealedPack) frameSource {
	return func(id int64, do func(raw []byte)) error {
		key := frameKey{p.cacheKey(), id}
		f, ok := a.frames.get(key, (*cachedFrame).retain)
		if !ok {
			spare, _ := a.spare.Get().(*cachedFrame)
			if spare == nil {
				spare = &cachedFrame{spare: &a.spare}
			}
			raw, err := o.frame(id, spare.raw)
			if err != nil {
				return err
			}
			f = spare
			f.raw = raw
			f.users.Store(2) // The cache and this one.
			a.frames.put(key, f, int64(len(raw)))
		}
		do(f.raw)
		f.release()
		return nil
	}
}

// cachedFrame is a frame that may be in use when it leaves the cache. Behind
// the last use its memory is used again: fresh memory for each frame took
// longer than a third of all decompressing, and now and then much longer.
type cachedFrame struct {
	raw   []byte
	users atomic.Int32
	spare *sync.Pool
}

func (f *cachedFrame) retain() { f.users.Add(1) }

func (f *cachedFrame) release() {
	if f.users.Add(-1) == 0 {
		f.spare.Put(f)
	}
}

// Read returns the record at an address, its bytes checked. ErrNotFound when
// there is none; ErrDamaged, with as much of Meta as could be read, when what is
// stored is not what was appended.
func (a *Archive) Read(ctx context.Context, at Address) (Record, error) {
	r, err := a.read(ctx, at)
	if err != nil {
		return r, fmt.Errorf("read %s: %w", at, err)
	}
	return r, nil
}

func (a *Archive) read(ctx context.Context, at Address) (Record, error) {
	r, err := a.readOnce(ctx, at)
	if errors.Is(err, errFrame) && a.forsakeAt(at) {
		r, err = a.readOnce(ctx, at)
	}
	if err != nil {
		r.Body = nil
		r.Meta.Stream, r.Meta.Position = at.Stream, at.Position
	}
	return r, err
}

func (a *Archive) readOnce(ctx context.Context, at Address) (r Record, err error) {
	if err := context.Cause(ctx); err != nil {
		return Record{}, err
	}
	v, err := a.view(ctx, at, atRandom)
	if err != nil {
		return Record{}, err
	}
	r, err = v.load(at)
	return r, errors.Join(err, v.close())
}

// forsakeAt gives up the local copy of the pack that holds a record.
func (a *Archive) forsakeAt(at Address) bool {
	s := a.lookup(at.Stream)
	if s == nil {
		return false
	}
	s.mu.Lock()
	p := s.packAtLocked(at.Position)
	s.mu.Unlock()
	return p != nil && a.forsake(s, p)
}

// Scan yields the records from position from to the present end of s. A
// damaged or removed record is yielded as an error that wraps ErrDamaged or
// ErrGone, with stream and position in its Meta, and the scan goes on behind
// it; any other error ends it. A pack that the bucket does not have ends it too: a bucket that is
// a directory may only not be mounted.
func (a *Archive) Scan(ctx context.Context, s Stream, from Position) iter.Seq2[Record, error] {
	return a.scan(ctx, s, from, func(err error) bool { return errors.Is(err, ErrDamaged) || errors.Is(err, ErrGone) })
}

// scan goes on behind the errors that are passable.
func (a *Archive) scan(ctx context.Context, s Stream, from Position, passable func(error) bool) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		end := a.Next(s)
		for from < end {
			next, ok := a.scanPack(ctx, Address{s, from}, end, passable, yield)
			if !ok {
				return
			}
			from = next
		}
	}
}

// scanPack yields the records of one pack and returns the position behind
// them; false when the scan is to end.
func (a *Archive) scanPack(ctx context.Context, at Address, end Position, passable func(error) bool, yield func(Record, error) bool) (next Position, ok bool) {
	v, err := a.view(ctx, at, inOrder)
	if err != nil && !passable(err) {
		yield(Record{}, fmt.Errorf("scan %s: %w", at, err))
		return 0, false
	}
	if err != nil {
		// The pack is not fetched again for each of its records.
		for behind := min(end, a.behindPack(at)); at.Position < behind; at.Position++ {
			if !yield(Record{Meta: Meta{Stream: at.Stream, Position: at.Position}}, fmt.Errorf("scan %s: %w", at, err)) {
				return 0, false
			}
		}
		return at.Position, true
	}
	defer func() {
		if err := v.close(); err != nil {
			a.log.Warn("pack was not closed", "at", at, "error", err)
		}
	}()
	for {
		r, err := a.scanOne(ctx, v, at)
		if !yield(r, err) || err != nil && !passable(err) {
			return 0, false
		}
		if at.Position++; at.Position >= min(end, v.end()) {
			return at.Position, true
		}
	}
}

// behindPack is the position behind the pack that holds a record, or behind
// the record when none does.
func (a *Archive) behindPack(at Address) Position {
	if s := a.lookup(at.Stream); s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if p := s.packAtLocked(at.Position); p != nil {
			return p.end()
		}
	}
	return at.Position + 1
}

func (a *Archive) scanOne(ctx context.Context, v *view, at Address) (Record, error) {
	err := context.Cause(ctx)
	var r Record
	if err == nil {
		if r, err = v.load(at); errors.Is(err, ErrDamaged) {
			r, err = a.read(ctx, at)
		}
	}
	if err != nil {
		return r, fmt.Errorf("scan %s: %w", at, err)
	}
	return r, nil
}

// ReadBody returns a stream of the exact bytes of the record at an address,
// of the record that has them when it is a sighting. Meta is that of the
// record asked for. The bytes are checked as they are read: a Read that finds
// them wrong returns ErrDamaged instead of io.EOF.
func (a *Archive) ReadBody(ctx context.Context, at Address) (Meta, io.ReadCloser, error) {
	m, body, err := a.body(ctx, at)
	for origin, hops := m, 0; err == nil && body == nil; hops++ {
		if hops == 8 || origin.SameAs == nil {
			err = fmt.Errorf("%w: no record has its bytes", ErrDamaged)
			break
		}
		origin, body, err = a.body(ctx, *origin.SameAs)
	}
	if err != nil {
		return Meta{}, nil, fmt.Errorf("read %s: %w", at, err)
	}
	return m, body, nil
}

// body opens the body of a record; nil when it has none.
func (a *Archive) body(ctx context.Context, at Address) (Meta, io.ReadCloser, error) {
	v, err := a.view(ctx, at, inOrder)
	if err != nil {
		return Meta{}, nil, err
	}
	if at.Position < v.end() {
		if _, length := v.span(at.Position); length > smallBody+maxSmallMeta {
			return v.stream(ctx, at)
		}
	}
	if err := v.close(); err != nil {
		return Meta{}, nil, err
	}
	r, err := a.read(ctx, at)
	if err != nil || !r.Meta.hasBody() {
		return r.Meta, nil, err
	}
	return r.Meta, io.NopCloser(bytes.NewReader(r.Body)), nil
}

const maxSmallMeta = 1 << 20 // Records up to this and smallBody are read in one piece.

// stream reads the metadata of a large record and gives its body a reader,
// which closes the view.
func (v *view) stream(ctx context.Context, at Address) (Meta, io.ReadCloser, error) {
	start, _ := v.span(at.Position)
	m, meta, err := v.loadHead(at, start)
	if err != nil || !m.hasBody() {
		return m, nil, errors.Join(asDamage(err), v.close())
	}
	off := start + blockSize + padded(int64(len(meta))) + blockSize
	return m, &bodyReader{ctx: ctx, r: io.NewSectionReader(v.r, off, m.Size), at: at, want: m.SHA256, sum: sha256.New(), close: v.close}, nil
}

// loadHead reads the metadata of a record, and its JSON.
func (v *view) loadHead(at Address, start int64) (Meta, []byte, error) {
	header := make([]byte, blockSize)
	if _, err := v.r.ReadAt(header, start); err != nil {
		return Meta{}, nil, err
	}
	h, err := parseHeader(header)
	if err != nil || h.size > maxMeta {
		return Meta{}, nil, errNoHeader
	}
	raw := make([]byte, blockSize+h.size)
	if _, err := v.r.ReadAt(raw, start); err != nil {
		return Meta{}, nil, err
	}
	m, metaLen, err := parseHead(raw, at)
	if err != nil {
		return m, nil, err
	}
	return m, raw[blockSize : blockSize+metaLen], nil
}

// bodyReader reads a large body and checks it on the way.
type bodyReader struct {
	ctx   context.Context
	r     *io.SectionReader
	at    Address
	want  Digest
	sum   hash.Hash
	close func() error
}

// Read implements io.Reader.
func (b *bodyReader) Read(p []byte) (int, error) {
	if err := context.Cause(b.ctx); err != nil {
		return 0, err
	}
	n, err := b.r.Read(p)
	b.sum.Write(p[:n])
	switch {
	case err == io.EOF && Digest(b.sum.Sum(nil)) != b.want:
		err = fmt.Errorf("read %s: %w: the bytes have another SHA-256 than was stored", b.at, ErrDamaged)
	case err != nil && err != io.EOF:
		err = fmt.Errorf("read %s: %w", b.at, asDamage(err))
	}
	return n, err
}

// Close implements io.Closer.
func (b *bodyReader) Close() error { return b.close() }

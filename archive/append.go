package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
)

// Append stores a record and returns its metadata once it is durable. It
// fills Format, Stream, Position, Size and, when zero, SHA256; Received is
// kept in UTC. Meta.SameAs makes it a sighting: then body is nil, and SHA256
// and Size say what was seen; ErrGone when that was removed, and the bytes are
// to be stored again.
//
// When ctx ends while the record waits for the disk, it may be stored all the
// same. With Config.Acknowledge = InBucket the record is in the bucket when
// Append returns, unless it is of the stream Audit: nobody waits for the bucket
// to read a message. ErrUnconfirmed: it is on the local disk, and the bucket has
// not confirmed it in time. ErrFull: nothing was stored, ask again later. ErrBroken: nothing will
// be until the archive is opened again.
func (a *Archive) Append(ctx context.Context, s Stream, m Meta, body Body) (Meta, error) {
	at, err := a.append(ctx, s, m, body)
	if err != nil {
		return Meta{}, fmt.Errorf("append to %s: %w", s, err)
	}
	return at, nil
}

func (a *Archive) append(ctx context.Context, name Stream, m Meta, body Body) (Meta, error) {
	if err := context.Cause(ctx); err != nil {
		return Meta{}, err
	}
	if a.config.Follow {
		return Meta{}, ErrFollowing
	}
	if name != Audit { // The reserve is for this: mail can be read while none is taken.
		if err := a.space.check(); err != nil {
			return Meta{}, err
		}
	}
	if err := a.checkSighting(&m, body); err != nil {
		return Meta{}, err
	}
	e, err := newEntry(name, m, body, a.config.small)
	if err != nil {
		return Meta{}, err
	}
	s, err := a.streamFor(name)
	if err != nil {
		return Meta{}, err
	}
	if err := s.enqueue(e); err != nil {
		return Meta{}, err
	}
	select {
	case <-e.done:
	case <-ctx.Done():
		if e.large == nil || s.withdraw(e) {
			return Meta{}, context.Cause(ctx)
		}
		<-e.done // Its body is being read; the caller may close it when we return.
	}
	if e.err != nil || a.config.Acknowledge == OnDisk || name == Audit {
		return e.meta, e.err
	}
	patient, cancel := context.WithTimeoutCause(ctx, a.config.Patience, ErrUnconfirmed)
	defer cancel()
	if err := s.waitStored(patient, e.meta.Position); err != nil {
		return Meta{}, err
	}
	return e.meta, nil
}

// checkSighting looks whether the record that a sighting names is there.
func (a *Archive) checkSighting(m *Meta, body Body) error {
	if m.SameAs == nil {
		return nil
	}
	if body != nil || m.SHA256.IsZero() {
		return errors.New("a sighting has a SHA-256 and no body")
	}
	if !m.SameAs.Stream.Valid() || m.SameAs.Position >= a.Next(m.SameAs.Stream) {
		return fmt.Errorf("sighting of %s: %w", m.SameAs, ErrNotFound)
	}
	if a.config.Removed != nil && a.config.Removed(*m.SameAs) {
		return fmt.Errorf("sighting of %s: %w", m.SameAs, ErrGone)
	}
	return nil
}

// entry is a record on its way to the disk. All that takes time is done
// before it is queued.
type entry struct {
	meta       Meta
	head, tail []byte // JSON of meta around the position, which is not known yet.
	small      []byte // Copy of a body that fits in memory.
	large      Body   // Else the body.
	done       chan struct{}
	err        error // Set before done is closed.
}

// Bodies up to smallBody bytes are copied, so that the caller may go away.
const smallBody = 1 << 20

func newEntry(s Stream, m Meta, body Body, small int64) (*entry, error) {
	switch m.Kind {
	case KindMessage, KindPage, KindFile, KindEvent:
	default:
		return nil, fmt.Errorf("%q is not a kind of record", m.Kind)
	}
	if !s.Valid() {
		return nil, fmt.Errorf("%q is not the name of a stream", s)
	}
	e := &entry{done: make(chan struct{})}
	m.Format, m.Stream, m.Position = FormatVersion, s, 0
	m.Received = m.Received.Round(0).UTC()
	if m.SameAs == nil {
		if err := e.takeBody(&m, body, small); err != nil {
			return nil, err
		}
	}
	raw, err := json.Marshal(&m)
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	if len(raw) > maxMeta-20 {
		return nil, fmt.Errorf("metadata of %d bytes is too long, at most %d can be kept", len(raw), maxMeta-20)
	}
	// No string of the JSON can hold these bytes, because its quotes are escaped.
	head, tail, _ := bytes.Cut(raw, []byte(`"position":0,`))
	e.meta, e.head, e.tail = m, head, tail
	return e, nil
}

// takeBody reads the body once for its SHA-256 and keeps it when it is small.
func (e *entry) takeBody(m *Meta, body Body, small int64) error {
	if body == nil {
		return errors.New("the body is missing")
	}
	m.Size = body.Size()
	if m.Size > maxBody {
		return fmt.Errorf("a body of %d bytes is too long, at most %d can be kept", m.Size, int64(maxBody))
	}
	sum := sha256.New()
	if m.Size <= small {
		e.small = make([]byte, m.Size)
		if n, err := body.ReadAt(e.small, 0); n < len(e.small) {
			return fmt.Errorf("read body: %w", err)
		}
		sum.Write(e.small)
	} else {
		e.large = body
		if _, err := io.Copy(sum, io.NewSectionReader(body, 0, m.Size)); err != nil {
			return fmt.Errorf("read body: %w", err)
		}
	}
	got := Digest(sum.Sum(nil))
	// A wrong SHA-256 would make recovery take the record for a torn one.
	if !m.SHA256.IsZero() && m.SHA256 != got {
		return fmt.Errorf("the body has SHA-256 %s, not %s as the caller says", got, m.SHA256)
	}
	m.SHA256 = got
	return nil
}

// placed returns the metadata and its JSON at a position.
func (e *entry) placed(p Position) (Meta, []byte) {
	m := e.meta
	m.Position = p
	raw := make([]byte, 0, len(e.head)+len(e.tail)+len(`"position":,`)+20)
	raw = append(append(raw, e.head...), `"position":`...)
	raw = append(strconv.AppendUint(raw, uint64(p), 10), ',')
	return m, append(raw, e.tail...)
}

// finish tells the caller.
func (e *entry) finish(m Meta, err error) {
	e.meta, e.err = m, err
	close(e.done)
}

// mostGroup is how many bytes of small bodies one write takes.
const mostGroup = 4 << 20

// group takes what goes to the disk in one write: all that waits up to
// mostGroup, or one large body alone.
func group(queue []*entry) int {
	size := int64(0)
	for i, e := range queue {
		if e.large != nil {
			return max(i, 1)
		}
		if size += e.bufferSize(); size > mostGroup {
			return max(i, 1)
		}
	}
	return len(queue)
}

// bufferSize is at least how much of a group's buffer the entry takes.
func (e *entry) bufferSize() int64 {
	return padded(int64(len(e.head)+len(e.tail)+32)) + padded(int64(len(e.small))) + 2*blockSize
}

func groupSize(batch []*entry) (size int64) {
	for _, e := range batch {
		size += e.bufferSize()
	}
	return size
}

// writeLoop writes what is queued until the archive is closed and the queue
// is empty.
func (s *stream) writeLoop() {
	for {
		batch := s.take()
		if batch == nil {
			return
		}
		s.order.Lock()
		s.commit(batch)
		s.order.Unlock()
	}
}

// take waits for entries and removes a group of them from the queue.
func (s *stream) take() []*entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) == 0 {
		if s.closed {
			return nil
		}
		s.queued.Wait()
	}
	n := group(s.queue)
	batch := s.queue[:n:n]
	if s.queue = s.queue[n:]; len(s.queue) == 0 {
		s.queue = nil // Else it would keep the bodies in memory.
	}
	return batch
}

func (s *stream) enqueue(e *entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if !s.writing {
		s.writing = true
		s.a.writers.Go(s.writeLoop)
	}
	s.queue = append(s.queue, e)
	s.queued.Signal()
	return nil
}

// withdraw removes an entry that nobody has begun to write.
func (s *stream) withdraw(e *entry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, q := range s.queue {
		if q == e {
			s.queue = append(s.queue[:i:i], s.queue[i+1:]...)
			return true
		}
	}
	return false
}

// commit makes a group durable and then tells the callers. The caller holds
// order.
func (s *stream) commit(batch []*entry) {
	p, metas, ends, err := s.store(batch)
	if err != nil {
		for _, e := range batch {
			e.finish(Meta{}, err)
		}
		return
	}
	s.publish(p, metas, ends)
	for i, e := range batch {
		e.finish(metas[i], nil)
	}
}

// store writes a group to the open pack and syncs it. After a failure that
// leaves the pack in doubt the archive is broken.
func (s *stream) store(batch []*entry) (p *pack, metas []Meta, lengths []int64, err error) {
	if err := s.a.brokenErr(); err != nil {
		return nil, nil, nil, err
	}
	if p, err = s.packFor(batch); err != nil {
		return nil, nil, nil, s.createFailed(err)
	}
	metas, lengths = make([]Meta, len(batch)), make([]int64, len(batch))
	next, end := p.end(), p.tarEnd()
	buf := slices.Grow(s.buf[:0], int(groupSize(batch)))
	for i, e := range batch {
		m, raw := e.placed(next + Position(i))
		buf = appendMeta(buf, s.mark, &m, raw)
		if m.hasBody() {
			buf = appendHeader(buf, bodyName(m.Position, m.Kind), m.Size, m.Received, "")
			if e.large == nil {
				buf = appendPadding(append(buf, e.small...), m.Size)
			}
		}
		metas[i], lengths[i] = m, m.tarLength(int64(len(raw)))
	}
	if err := s.write(p, buf, batch[len(batch)-1], end); err != nil {
		return nil, nil, nil, s.writeFailed(p, end, err)
	}
	if err := p.tar.Sync(); err != nil {
		return nil, nil, nil, s.a.breakDown(err)
	}
	s.keepBuffer(buf)
	return p, metas, lengths, nil
}

// keepBuffer keeps the buffer for the next group unless it is larger than
// such groups are.
func (s *stream) keepBuffer(buf []byte) {
	if s.buf = buf; cap(buf) > mostGroup+smallBody {
		s.buf = nil
	}
}

// errBody marks that a body could not be read: the disk is not to blame.
var errBody = errors.New("read body")

// write puts a group at the end of a pack, and behind it the body of the last
// entry if that is large.
func (s *stream) write(p *pack, buf []byte, last *entry, end int64) error {
	if err := p.zeroAhead(end, int64(len(buf)), s.a.config.PackSize); err != nil {
		return err
	}
	if _, err := p.tar.WriteAt(buf, end); err != nil {
		return err
	}
	if last.large == nil {
		return nil
	}
	return copyBody(p.tar, end+int64(len(buf)), last.large, last.meta.SHA256)
}

// zeroAhead writes zeros where the next small groups will go: a sync that
// changes neither length nor extents is one write instead of two. Large
// groups would pay twice for their bytes and gain little.
func (p *pack) zeroAhead(end, n, most int64) error {
	const small = 64 << 10
	if n > small || end+n <= p.zeroed {
		return nil
	}
	ahead := min(int64(len(zeros)), most)
	if _, err := p.tar.WriteAt(zeros[:ahead], end); err != nil {
		return err
	}
	p.zeroed = end + ahead
	return nil
}

var zeros [256 << 10]byte // Never written.

// copyBody writes a large body and its padding without holding it in memory.
func copyBody(w io.WriterAt, off int64, body Body, want Digest) error {
	sum, buf := sha256.New(), make([]byte, 256<<10)
	size := body.Size()
	for at := int64(0); at < size; {
		n, err := body.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
		if n == 0 {
			return fmt.Errorf("%w: %w", errBody, err)
		}
		sum.Write(buf[:n])
		if _, err := w.WriteAt(buf[:n], off+at); err != nil {
			return err
		}
		at += int64(n)
	}
	if got := Digest(sum.Sum(nil)); got != want {
		return fmt.Errorf("%w: its bytes changed while it was stored", errBody)
	}
	_, err := w.WriteAt(zeros[:padded(size)-size], off+size)
	return err
}

// packFor returns the open pack, a new one when there is none or it is full.
// The caller holds order.
func (s *stream) packFor(batch []*entry) (*pack, error) {
	p := s.openPack()
	if p != nil && p.records > 0 {
		n := int64(0)
		for _, e := range batch {
			n += e.meta.tarLength(int64(len(e.head) + len(e.tail)))
		}
		if p.tarEnd()+n <= s.a.config.PackSize {
			return p, nil
		}
		s.markFull(p)
		p = nil
	}
	if p != nil {
		return p, nil
	}
	return s.createPack()
}

func (s *stream) createPack() (*pack, error) {
	p := &pack{stream: s.name, first: s.Next(), starts: []int64{0}}
	if err := s.makeDir(); err != nil {
		return nil, err
	}
	f, err := s.a.disk.Create(p.tarName())
	if err != nil {
		return nil, err
	}
	if err := s.a.disk.SyncDir(s.name.dir()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	p.tar = newHandle(f)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packs = append(s.packs, p)
	return p, nil
}

// publish lets readers see a group that is durable.
func (s *stream) publish(p *pack, metas []Meta, lengths []int64) {
	now := time.Now()
	s.mu.Lock()
	if p.records == 0 {
		p.born = now
	}
	for i := range metas {
		p.count(&metas[i], lengths[i])
	}
	s.next = p.end()
	close(s.changed)
	s.changed = make(chan struct{})
	first := p.records == len(metas)
	s.mu.Unlock()
	if first {
		s.a.poke() // The pack has an age from now on.
	}
}

// writeFailed decides what a failed write means. What was written behind end
// is taken back; when that works nothing is broken.
func (s *stream) writeFailed(p *pack, end int64, cause error) error {
	if !diskFull(cause) && !errors.Is(cause, errBody) {
		return s.a.breakDown(cause)
	}
	p.zeroed = end
	if err := errors.Join(p.tar.Truncate(end), p.tar.Sync()); err != nil {
		return s.a.breakDown(errors.Join(cause, err))
	}
	return s.a.refused(cause)
}

// createFailed decides what a failed creation of a pack means: nothing was
// written, unless it is the directory whose state is unknown.
func (s *stream) createFailed(cause error) error {
	if errors.Is(cause, errSync) {
		return s.a.breakDown(cause)
	}
	return s.a.refused(cause)
}

// refused is what callers hear when nothing was stored and nothing is broken.
func (a *Archive) refused(cause error) error {
	if !diskFull(cause) {
		return cause
	}
	a.space.forget()
	return fmt.Errorf("%w: %w", ErrFull, cause)
}

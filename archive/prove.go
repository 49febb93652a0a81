package archive

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// In the bucket, beside packs/<stream>/…:
//
//	leaves/<stream>/<position>             hashes of the records from position on, 32 bytes each
//	checkpoints/<stream>/<size>[.<again>]  signed notes, see Checkpoint
//	timestamps/<stream>/<size>[.<again>].tsr  time stamps of these notes, see ReadTimestamp
//	keys/<name>                            the public key of the notes signed by name
//
// A checkpoint is put there behind the packs and leaves that it is about.

func leavesKey(s Stream, first Position) string {
	return fmt.Sprintf("leaves/%s/%020d", s, uint64(first))
}

// parseLeavesKey is the inverse of leavesKey.
func parseLeavesKey(key string) (first Position, err error) {
	n, err := strconv.ParseUint(path.Base(key), 10, 63)
	return Position(n), err
}

// checkpointKey names the checkpoint of a size. Those that tell of packs
// written anew have the size of the one before them and a number.
func checkpointKey(s Stream, size Position, again int) string {
	return "checkpoints/" + string(s) + "/" + checkpointBase(size, again)
}

func checkpointBase(size Position, again int) string {
	base := fmt.Sprintf("%020d", uint64(size))
	if again > 0 {
		base += fmt.Sprintf(".%d", again)
	}
	return base
}

// parseCheckpointBase reads the last part of a key.
func parseCheckpointBase(base string) (size Position, again int, ok bool) {
	digits, number, _ := strings.Cut(base, ".")
	n, err1 := strconv.ParseUint(digits, 10, 63)
	again, err2 := strconv.Atoi(cmp.Or(number, "0"))
	size = Position(n)
	return size, again, errors.Join(err1, err2) == nil && checkpointBase(size, again) == base
}

// mostLeaves is how many records one checkpoint adds at most, so that its
// leaves fit in memory.
const mostLeaves = 1 << 20

// prove puts checkpoints over everything that is in the bucket.
func (s *stream) prove(ctx context.Context) error {
	s.proving.Lock()
	defer s.proving.Unlock()
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		more, err := s.proveMore(ctx)
		if err != nil {
			return fmt.Errorf("checkpoint of %s: %w", s.name, err)
		}
		if !more {
			return nil
		}
	}
}

// unproven reports whether the bucket has packs that no checkpoint of our own
// tells of. The caller holds mu.
func (s *stream) unproven(p *pack) bool {
	return p.stored && p.end() <= s.stored && (s.proven == nil || p.end() > s.proven.Size || !s.a.signed(s.proven))
}

func (s *stream) proveMore(ctx context.Context) (more bool, err error) {
	if err := s.recall(ctx); err != nil {
		return false, err
	}
	if last := s.lastProven(); last != nil && !s.a.signed(last) {
		// The machine was restored without its key: nobody else can prove to
		// whom trusts the new one.
		return true, s.confirm(ctx, last)
	}
	first, lines := s.toProve()
	if len(lines) == 0 {
		return false, nil
	}
	if err := s.growTree(ctx, lines[len(lines)-1].end(), first); err != nil {
		return false, err
	}
	if lines, err = s.putLeaves(ctx, first, lines); err != nil {
		return false, err
	}
	return true, s.putCheckpoint(ctx, lines[len(lines)-1].end(), lines, nil)
}

// link names a checkpoint for the one behind it.
func (c *latest) link() Link {
	return Link{checkpointBase(c.Size, c.Again), sumOf([]byte(c.signed))}
}

// signed reports whether a checkpoint is signed with the key of this archive.
func (a *Archive) signed(c *latest) bool { return strings.HasPrefix(c.Origin, a.signer.Name()+"/") }

// confirm puts checkpoints of our own over the records and packs that another
// key signed, once the tree was found to agree with them. Broken off, it begins
// anew and finds what it has put.
func (s *stream) confirm(ctx context.Context, last *latest) error {
	if err := s.growTree(ctx, last.Size, last.Size); err != nil {
		return err
	}
	var lines []packLine
	s.mu.Lock()
	for _, p := range s.packs {
		if p.end() <= last.Size { // Also those that went: something has to tell that they were there.
			lines = append(lines, p.line())
		}
	}
	s.mu.Unlock()
	for ; len(lines) > mostLines; lines = lines[mostLines:] {
		if _, _, err := s.sign(ctx, last.Size, lines[:mostLines], nil); err != nil {
			return err
		}
	}
	return s.putCheckpoint(ctx, last.Size, lines, nil)
}

// mostLines is how many packs one checkpoint tells of at most: notes of more
// than a million bytes are not read.
const mostLines = 1000

func (l packLine) end() Position { return l.First + Position(l.Records) }

// toProve returns the stored packs behind the last checkpoint, as far as they
// have no gap.
func (s *stream) toProve() (first Position, lines []packLine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proven != nil {
		first = s.proven.Size
	}
	end := first
	for _, p := range s.packs {
		if p.end() <= first {
			continue
		}
		if !p.stored || p.first != end || p.end()-first > mostLeaves && len(lines) > 0 || len(lines) == mostLines {
			break
		}
		lines = append(lines, p.line())
		end = p.end()
	}
	return first, lines
}

// recall finds the last checkpoint in the bucket when it is not known here.
func (s *stream) recall(ctx context.Context) error {
	if s.lastProven() != nil || s.recalled {
		return nil
	}
	last, number := Position(0), -1
	for o, err := range s.a.store.List(ctx, "checkpoints/"+string(s.name)+"/") {
		if err != nil {
			return err
		}
		if size, again, ok := parseCheckpointBase(path.Base(o.Key)); ok && (size > last || size == last && again > number) {
			last, number = size, again
		}
	}
	s.recalled = true
	if number < 0 {
		return nil
	}
	key := checkpointKey(s.name, last, number)
	signed, err := s.a.fetchNote(ctx, key)
	if err != nil {
		return err
	}
	c, err := s.a.readNote(key, signed)
	if err != nil {
		return err
	}
	return s.took(c, signed)
}

// readNote reads a checkpoint of the bucket. One that bears the name of our key
// has to be signed with it: whoever can write to the bucket must not make us
// believe that we signed something.
func (a *Archive) readNote(key, signed string) (Checkpoint, error) {
	text, _, _ := strings.Cut(signed, "\n\n")
	c, err := parseCheckpoint(text + "\n")
	if err != nil {
		return c, fmt.Errorf("%s: %w", key, err)
	}
	if a.signed(&latest{c, signed}) {
		if _, err := openCheckpoint(signed, a.signer.public); err != nil {
			return c, fmt.Errorf("%w: %s bears the name of the key of this archive: %w", ErrDiverged, key, err)
		}
	}
	return c, nil
}

// maxNote is how long a note may be.
const maxNote = 1 << 20

func (a *Archive) fetchNote(ctx context.Context, key string) (string, error) {
	return readObject(ctx, a.store, key, maxNote)
}

func readAtMost(r io.Reader, most int64) ([]byte, error) { return io.ReadAll(io.LimitReader(r, most)) }

// growTree adds to the tree what it lacks up to end: from the leaves in the
// bucket below signed, where a checkpoint will tell whether they are right,
// else from packs.
func (s *stream) growTree(ctx context.Context, end, signed Position) error {
	for s.tree.Size() < min(end, signed) {
		first := s.tree.Size()
		raw, err := readObject(ctx, s.a.store, leavesKey(s.name, first), mostLeaves*hashSize)
		if err != nil {
			return err
		}
		if len(raw) < hashSize {
			break
		}
		if err := s.tree.add(first, hashesOf(raw)); err != nil {
			return err
		}
	}
	for s.tree.Size() < end {
		s.mu.Lock()
		p := s.packAtLocked(s.tree.Size())
		s.mu.Unlock()
		if p == nil {
			return fmt.Errorf("%w: its pack is missing", ErrDamaged)
		}
		leaves, err := s.leavesOfPack(ctx, p)
		if err != nil {
			return err
		}
		if err := s.tree.add(p.first, leaves); err != nil {
			return err
		}
	}
	return nil
}

// leavesOfPack computes the leaves of a pack. Those of one that cannot be read
// any more are unknown for ever.
func (s *stream) leavesOfPack(ctx context.Context, p *pack) ([]tlog.Hash, error) {
	leaves, err := s.readLeaves(ctx, p)
	if err == nil || !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNoObject) {
		return leaves, err
	}
	s.a.log.Error("records that cannot be read enter the log as unreadable", "pack", p.key(), "error", err)
	leaves = make([]tlog.Hash, p.records)
	for i := range leaves {
		leaves[i] = unreadableLeaf
	}
	return leaves, nil
}

func (s *stream) readLeaves(ctx context.Context, p *pack) ([]tlog.Hash, error) {
	v, err := s.a.view(ctx, Address{s.name, p.first}, inOrder)
	if err != nil {
		return nil, err
	}
	leaves, err := v.leavesOf(s.name)
	if err == nil && len(leaves) != p.records {
		err = fmt.Errorf("it has %d records, not %d", len(leaves), p.records)
	}
	return leaves, errors.Join(asDamage(err), v.close())
}

// putLeaves puts the leaves of packs into the bucket. When an earlier attempt
// got no further than that, its leaves may be those of fewer packs: then the
// checkpoint is about these.
func (s *stream) putLeaves(ctx context.Context, first Position, lines []packLine) ([]packLine, error) {
	raw, err := s.tree.leafBytes(first, lines[len(lines)-1].end())
	if err != nil {
		return nil, err
	}
	key := leavesKey(s.name, first)
	err = s.a.put(ctx, key, raw, s.a.lockOf(s, lines[len(lines)-1]))
	if !errors.Is(err, ErrExists) {
		return lines, err
	}
	r, err := s.a.store.Open(ctx, key, 0, -1)
	if err != nil {
		return nil, err
	}
	there, err := io.ReadAll(io.LimitReader(r, int64(len(raw))+1))
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(raw, there) {
		return nil, fmt.Errorf("%w: %s holds other hashes than those of the records here", ErrDiverged, key)
	}
	for i, l := range lines {
		if int64(l.end()-first)*hashSize == int64(len(there)) {
			return lines[:i+1], nil
		}
	}
	return nil, fmt.Errorf("%w: %s ends within a pack", ErrDiverged, key)
}

// put creates a small object.
func (a *Archive) put(ctx context.Context, key string, raw []byte, lock Lock) error {
	return a.store.Create(ctx, key, bytes.NewReader(raw), sumOf(raw), lock)
}

// putCheckpoint signs the root over the first size records and says which packs
// and time stamps are new.
func (s *stream) putCheckpoint(ctx context.Context, size Position, lines []packLine, stamps []Link) error {
	c, signed, err := s.sign(ctx, size, lines, stamps)
	if err != nil {
		return err
	}
	return s.took(c, signed)
}

// sign puts a checkpoint into the bucket.
func (s *stream) sign(ctx context.Context, size Position, lines []packLine, stamps []Link) (c Checkpoint, signed string, err error) {
	root, err := s.tree.root(size)
	if err != nil {
		return c, "", err
	}
	last := s.lastProven()
	if err := s.consistent(last, size, root); err != nil {
		return c, "", err
	}
	if err := s.a.putKey(ctx); err != nil {
		return c, "", err
	}
	c = Checkpoint{Origin: s.a.signer.Name() + "/" + string(s.name), Size: size, Root: Digest(root), Time: time.Now().UTC().Truncate(time.Second), Packs: lines, Seen: s.a.seen(s.name), Stamps: stamps}
	again := 0 // In the name and in the text.
	if last != nil && last.Size == size {
		again = last.Again + 1
	}
	if last != nil {
		c.After = last.link()
	}
	for ; ; again++ {
		c.Again = again
		signed, err := s.a.Sign(c.text())
		if err != nil {
			return c, "", err
		}
		key := checkpointKey(s.name, size, again)
		err = s.a.put(ctx, key, []byte(signed), s.lockBefore(size))
		if err == nil {
			s.a.log.Info("checkpoint made", "checkpoint", key, "packs", len(lines))
			return c, signed, nil
		}
		if !errors.Is(err, ErrExists) {
			return c, "", err
		}
		// An earlier attempt got through and its answer was lost, or the number is taken.
		there, err := s.a.fetchNote(ctx, key)
		if err != nil {
			return c, "", err
		}
		old, err := s.a.readNote(key, there)
		if err != nil || old.Size != size || old.Root != c.Root {
			return c, "", fmt.Errorf("%w: %s in the bucket is not of the records here (%w)", ErrDiverged, key, errors.Join(err, errors.New("another root")))
		}
		if old.Origin == c.Origin && samePacks(old.Packs, lines) && slices.Equal(old.Stamps, stamps) {
			return old, there, nil
		}
		c.After = (&latest{old, there}).link()
	}
}

func samePacks(x, y []packLine) bool {
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if x[i].First != y[i].First || x[i].Generation != y[i].Generation || x[i].SHA256 != y[i].SHA256 {
			return false
		}
	}
	return true
}

// consistent proves that the tree still begins with what was signed before
// (RFC 6962 section 2.1.2): a damaged tree must not be signed.
func (s *stream) consistent(last *latest, size Position, root tlog.Hash) error {
	if last == nil || last.Size == 0 {
		return nil
	}
	proof, err := tlog.ProveTree(int64(size), int64(last.Size), s.tree)
	if err == nil {
		err = tlog.CheckTree(proof, int64(size), root, int64(last.Size), tlog.Hash(last.Root))
	}
	if err != nil {
		return fmt.Errorf("%w: the tree of %s does not agree with the checkpoint over %d records; remove %s to have it made again (%w)", ErrDamaged, s.name, last.Size, s.a.disk.Describe(s.name.dir()+"/tree"), err)
	}
	return nil
}

// took keeps the last checkpoint.
func (s *stream) took(c Checkpoint, signed string) error {
	if err := writeWhole(s.a.disk, s.name.dir(), "checkpoint", []byte(signed)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proven = &latest{c, signed}
	return nil
}

// putKey puts the public key into the bucket, once.
func (a *Archive) putKey(ctx context.Context) error {
	if a.keyPut.Load() {
		return nil
	}
	key := "keys/" + a.signer.Name()
	if err := a.put(ctx, key, []byte(a.signer.public+"\n"), Lock{}); err != nil && !errors.Is(err, ErrExists) {
		return err
	}
	a.keyPut.Store(true)
	return nil
}

// lockBefore asks what keeps the pack before a position in the bucket: that keeps
// what proves it too.
func (s *stream) lockBefore(end Position) Lock {
	s.mu.Lock()
	p := s.packAtLocked(end - 1)
	var line packLine
	if p != nil {
		line = p.line()
	}
	s.mu.Unlock()
	if p == nil {
		return Lock{}
	}
	return s.a.lockOf(s, line)
}

// lockOf asks what keeps a pack in the bucket.
func (a *Archive) lockOf(s *stream, l packLine) Lock {
	if a.config.Lock == nil {
		return Lock{}
	}
	return a.config.Lock(infoOf(s.name, l))
}

func infoOf(s Stream, l packLine) PackInfo {
	return PackInfo{Stream: s, First: l.First, Records: l.Records, Bytes: l.Bytes, Size: l.Size, Oldest: l.Oldest, Newest: l.Newest, Stored: l.Stored, Gone: l.Gone}
}

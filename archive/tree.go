package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"golang.org/x/mod/sumdb/tlog"
)

// tree is the Merkle tree over the sealed records of a stream (RFC 6962
// section 2.1): the hashes of all its complete subtrees, 32 bytes each, in the
// order of tlog.StoredHashIndex, in streams/<stream>/tree.
//
// The leaf of a record is the hash of its metadata's JSON, which has the
// SHA-256 of the body. What follows from packs is in no need of a backup: a
// tree that is too short grows again from packs or from the bucket's leaves.
type tree struct {
	f    file
	mu   sync.Mutex // The order of the writes.
	size Position   // Records; guarded by mu.
}

const hashSize = tlog.HashSize

func openTree(d disk, dir string) (*tree, error) {
	name := dir + "/tree"
	f, err := d.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = d.Create(name) // Without a sync of the directory: what goes with it grows again.
	}
	if err != nil {
		return nil, err
	}
	length, err := f.Size()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &tree{f: f, size: treeSize(length / hashSize)}, nil
}

// treeSize is how many records have all their hashes among the first n.
func treeSize(n int64) Position {
	records := int64(0)
	for step := int64(1) << 61; step > 0; step >>= 1 {
		if tlog.StoredHashCount(records+step) <= n {
			records += step
		}
	}
	return Position(records)
}

// Size is how many records the tree has.
func (t *tree) Size() Position {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.size
}

// cut makes the tree forget records from n on.
func (t *tree) cut(n Position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.size = min(t.size, n)
}

// add appends the leaves of the records from first on, and makes them durable.
// Those that the tree has already are passed over.
func (t *tree) add(first Position, leaves []tlog.Hash) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if first > t.size {
		return fmt.Errorf("the tree ends at %d, leaves begin at %d", t.size, first)
	}
	if t.size-first >= Position(len(leaves)) {
		return nil
	}
	leaves = leaves[t.size-first:]
	grown := growing{t.f, tlog.StoredHashCount(int64(t.size)), nil}
	for i, leaf := range leaves {
		more, err := tlog.StoredHashesForRecordHash(int64(t.size)+int64(i), leaf, &grown)
		if err != nil {
			return fmt.Errorf("add to the tree: %w", err)
		}
		grown.fresh = append(grown.fresh, more...)
	}
	raw := make([]byte, 0, len(grown.fresh)*hashSize)
	for _, h := range grown.fresh {
		raw = append(raw, h[:]...)
	}
	if _, err := t.f.WriteAt(raw, grown.start*hashSize); err != nil {
		return fmt.Errorf("add to the tree: %w", err)
	}
	if err := t.f.Sync(); err != nil {
		return fmt.Errorf("add to the tree: %w", err)
	}
	t.size += Position(len(leaves))
	return nil
}

// growing reads hashes from a tree and from what is not written yet.
type growing struct {
	r     io.ReaderAt
	start int64 // Number of hashes in r.
	fresh []tlog.Hash
}

// ReadHashes implements tlog.HashReader.
func (g *growing) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		if at >= g.start {
			hashes[i] = g.fresh[at-g.start]
			continue
		}
		if _, err := g.r.ReadAt(hashes[i][:], at*hashSize); err != nil {
			return nil, err
		}
	}
	return hashes, nil
}

// ReadHashes implements tlog.HashReader.
func (t *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	return (&growing{r: t.f, start: tlog.StoredHashCount(int64(t.Size()))}).readWithin(indexes)
}

func (g *growing) readWithin(indexes []int64) ([]tlog.Hash, error) {
	for _, at := range indexes {
		if at >= g.start {
			return nil, fmt.Errorf("the tree has no hash %d", at)
		}
	}
	return g.ReadHashes(indexes)
}

// root is the hash of the tree over the first n records.
func (t *tree) root(n Position) (tlog.Hash, error) { return tlog.TreeHash(int64(n), t) }

// leaf is the hash of a record.
func (t *tree) leaf(p Position) (tlog.Hash, error) {
	h, err := t.ReadHashes([]int64{tlog.StoredHashIndex(0, int64(p))})
	if err != nil {
		return tlog.Hash{}, err
	}
	return h[0], nil
}

// leaves reads the hashes of the records from first up to end.
func (t *tree) leaves(first, end Position) ([]tlog.Hash, error) {
	at := make([]int64, 0, end-first)
	for p := first; p < end; p++ {
		at = append(at, tlog.StoredHashIndex(0, int64(p)))
	}
	return t.ReadHashes(at)
}

// leafBytes are these hashes as leaves/<stream>/<first> holds them.
func (t *tree) leafBytes(first, end Position) ([]byte, error) {
	leaves, err := t.leaves(first, end)
	raw := make([]byte, 0, len(leaves)*hashSize)
	for _, h := range leaves {
		raw = append(raw, h[:]...)
	}
	return raw, err
}

// unreadableLeaf stands for a record whose metadata could not be read when it
// was sealed.
var unreadableLeaf = tlog.RecordHash(nil)

// leafOf is the leaf of a record that lies at raw in its pack: that of its
// metadata, or the one that an erased record has kept.
func leafOf(raw []byte, at Address) tlog.Hash {
	m, metaLen, err := parseHead(raw, at)
	switch {
	case err != nil:
		return unreadableLeaf
	case m.Kind == KindErased && m.Leaf != nil:
		return tlog.Hash(*m.Leaf)
	}
	return recordLeaf(raw[blockSize : blockSize+metaLen])
}

// recordLeaf is the leaf of a record with this metadata.
func recordLeaf(meta []byte) tlog.Hash { return tlog.RecordHash(meta) }

// leavesOf computes the leaves of the records of a pack. Its error is one of
// the disk.
func (v *view) leavesOf(s Stream) ([]tlog.Hash, error) {
	leaves := make([]tlog.Hash, 0, len(v.starts)-1)
	header := make([]byte, blockSize)
	for p := v.first; p < v.end(); p++ {
		start, length := v.span(p)
		if _, err := v.r.ReadAt(header, start); err != nil {
			return nil, err
		}
		h, err := parseHeader(header)
		if err != nil || blockSize+h.size > length {
			leaves = append(leaves, unreadableLeaf)
			continue
		}
		raw := make([]byte, blockSize+h.size)
		if _, err := v.r.ReadAt(raw, start); err != nil {
			return nil, err
		}
		leaves = append(leaves, leafOf(raw, Address{s, p}))
	}
	return leaves, nil
}

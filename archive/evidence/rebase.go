package evidence

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"polytrace/archive"

	"golang.org/x/mod/sumdb/tlog"
)

// Edge is what is needed to tie proofs to an older checkpoint than the one
// they were made for. An export that goes on after a day has the same bytes
// as one that was never interrupted, though the log has grown meanwhile.
//
// A tree of n leaves is a row of whole subtrees, its peaks, one for each bit
// of n, the largest first (RFC 6962 section 2.1). They never change. So the
// proof of a record in a larger tree begins like that in the smaller one, up
// to the peak above it; from there on only the peaks matter.
type Edge struct {
	checkpoint string
	size       int64
	peaks      []peak // Largest first.
}

type peak struct {
	hash  tlog.Hash
	level int // It is over 2^level leaves.
}

// CheckpointSize reads how many records a checkpoint is about. It checks no
// signature.
func CheckpointSize(note string) (archive.Position, error) {
	lines := strings.SplitN(note, "\n", 3)
	if len(lines) < 3 {
		return 0, errors.New("checkpoint has no size")
	}
	n, err := strconv.ParseUint(lines[1], 10, 63)
	return archive.Position(n), err
}

// NewEdge computes the peaks below a checkpoint from any later proof of the last
// record that it is about.
func NewEdge(checkpoint string, last archive.Proof) (*Edge, error) {
	size, err := CheckpointSize(checkpoint)
	if err != nil || size == 0 {
		return nil, fmt.Errorf("checkpoint without records: %w", err)
	}
	e := &Edge{checkpoint: checkpoint, size: int64(size)}
	left, err := leftSiblings(int64(size)-1, last)
	if err != nil {
		return nil, err
	}
	// Adding the last leaf to the subtrees left of it is adding 1 to their
	// number in binary: those at the trailing ones become one with it.
	top := peak{tlog.RecordHash([]byte(last.Meta)), 0}
	for len(left) > 0 && left[0].level == top.level {
		top = peak{tlog.NodeHash(left[0].hash, top.hash), top.level + 1}
		left = left[1:]
	}
	for i := len(left) - 1; i >= 0; i-- {
		e.peaks = append(e.peaks, left[i])
	}
	e.peaks = append(e.peaks, top)
	return e, nil
}

// leftSiblings are the hashes of a proof that are left of its leaf, lowest
// first. They cover all leaves before it (RFC 9162 section 2.1.3.2).
func leftSiblings(leaf int64, p archive.Proof) (left []peak, err error) {
	size, err := CheckpointSize(p.Checkpoint)
	if err != nil || int64(size) <= leaf {
		return nil, fmt.Errorf("proof of record %d in a log of %d: %w", leaf, size, err)
	}
	node, last, level := leaf, int64(size)-1, 0
	for _, h := range p.Hashes {
		for node == last && node&1 == 0 && node > 0 { // A last node without a sibling is its own parent.
			node, last, level = node>>1, last>>1, level+1
		}
		if node&1 == 1 {
			left = append(left, peak{tlog.Hash(h), level})
		}
		node, last, level = node>>1, last>>1, level+1
	}
	if len(left) != bits.OnesCount64(uint64(leaf)) {
		return nil, fmt.Errorf("proof of record %d has %d hashes left of it", leaf, len(left))
	}
	return left, nil
}

// Rebase ties the proof of the record at a position to the checkpoint.
func (e *Edge) Rebase(at archive.Position, p archive.Proof) (archive.Proof, error) {
	first, i := int64(0), 0
	for ; i < len(e.peaks) && int64(at) >= first+1<<e.peaks[i].level; i++ {
		first += 1 << e.peaks[i].level
	}
	if i == len(e.peaks) || len(p.Hashes) < e.peaks[i].level {
		return archive.Proof{}, fmt.Errorf("record %d is not in a log of %d", at, e.size)
	}
	out := archive.Proof{Meta: p.Meta, Checkpoint: e.checkpoint, Hashes: p.Hashes[:e.peaks[i].level:e.peaks[i].level]}
	if i+1 < len(e.peaks) {
		right := e.peaks[len(e.peaks)-1].hash
		for j := len(e.peaks) - 2; j > i; j-- {
			right = tlog.NodeHash(e.peaks[j].hash, right)
		}
		out.Hashes = append(out.Hashes, archive.Digest(right))
	}
	for j := i - 1; j >= 0; j-- {
		out.Hashes = append(out.Hashes, archive.Digest(e.peaks[j].hash))
	}
	return out, nil
}

package archive

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Proof shows that a record is in the log of its stream (RFC 6962 section
// 2.1.1). It needs nothing else to be checked but the public key.
type Proof struct {
	Meta       string   `json:"meta"`       // The record's metadata, its exact JSON: the leaf.
	Hashes     []Digest `json:"hashes"`     // From the leaf to the root.
	Checkpoint string   `json:"checkpoint"` // Signed note (C2SP tlog-checkpoint) with size and root.
}

// Prove returns the proof of a record. ErrUnproven when no checkpoint covers it
// yet; Flush makes one.
func (a *Archive) Prove(ctx context.Context, at Address) (Proof, error) {
	p, err := a.prove(ctx, at)
	if err != nil {
		return Proof{}, fmt.Errorf("prove %s: %w", at, err)
	}
	return p, nil
}

func (a *Archive) prove(ctx context.Context, at Address) (Proof, error) {
	s := a.lookup(at.Stream)
	if s == nil || at.Position >= s.Next() {
		return Proof{}, ErrNotFound
	}
	last := s.lastProven()
	if last == nil || at.Position >= last.Size {
		return Proof{}, ErrUnproven
	}
	meta, err := a.metadata(ctx, at)
	if err != nil {
		return Proof{}, err
	}
	path, err := tlog.ProveRecord(int64(last.Size), int64(at.Position), s.tree)
	if err != nil {
		return Proof{}, err
	}
	p := Proof{Meta: meta, Checkpoint: last.signed}
	for _, h := range path {
		p.Hashes = append(p.Hashes, Digest(h))
	}
	if leaf, err := s.tree.leaf(at.Position); err != nil || leaf != tlog.RecordHash([]byte(meta)) {
		return Proof{}, fmt.Errorf("%w: its metadata is not what was signed", ErrDamaged)
	}
	return p, nil
}

// metadata reads the exact JSON of a record's metadata.
func (a *Archive) metadata(ctx context.Context, at Address) (string, error) {
	v, err := a.view(ctx, at, atRandom)
	if err != nil {
		return "", err
	}
	defer v.close() // Only read.
	start, _ := v.span(at.Position)
	m, raw, err := v.loadHead(at, start)
	switch {
	case err != nil:
		return "", asDamage(err)
	case m.Kind == KindErased:
		return "", ErrGone
	}
	return string(raw), nil
}

// Check checks a proof against a public key in the form of PublicKey and
// returns the metadata that it proves, whose SHA256 is that of the body.
func (p Proof) Check(key string) (Meta, error) {
	m, err := p.check(key)
	if err != nil {
		return Meta{}, fmt.Errorf("check proof: %w", err)
	}
	return m, nil
}

func (p Proof) check(key string) (Meta, error) {
	c, err := openCheckpoint(p.Checkpoint, key)
	if err != nil {
		return Meta{}, err
	}
	m, err := parseMeta([]byte(p.Meta))
	if err != nil {
		return Meta{}, err
	}
	if m.Stream != c.Stream() || m.Position >= c.Size {
		return Meta{}, fmt.Errorf("the checkpoint of %d records of %s does not cover %s", c.Size, c.Stream(), m.Address())
	}
	path := make(tlog.RecordProof, len(p.Hashes))
	for i, h := range p.Hashes {
		path[i] = tlog.Hash(h)
	}
	if err := tlog.CheckRecord(path, int64(c.Size), tlog.Hash(c.Root), int64(m.Position), tlog.RecordHash([]byte(p.Meta))); err != nil {
		return Meta{}, fmt.Errorf("%s is not in the log as it is told here: %w", m.Address(), err)
	}
	return m, nil
}

// Consistency shows that the first Since records of a stream, as an earlier
// checkpoint tells of them, are still the beginning of its log (RFC 6962
// section 2.1.2): nothing among them was changed, dropped or put elsewhere.
// Who keeps a checkpoint checks the archive by it without reading the bucket.
type Consistency struct {
	Since      Position `json:"since"`
	Hashes     []Digest `json:"hashes"`
	Checkpoint string   `json:"checkpoint"` // The last one; signed note (C2SP tlog-checkpoint).
}

// ProveConsistency proves that the last checkpoint of a stream goes on from the
// one over its first since records; 0 asks for the last checkpoint alone.
// ErrUnproven when it is about fewer records, or there is none.
func (a *Archive) ProveConsistency(name Stream, since Position) (Consistency, error) {
	c, err := a.proveConsistency(name, since)
	if err != nil {
		return c, fmt.Errorf("prove %s since %d: %w", name, since, err)
	}
	return c, nil
}

func (a *Archive) proveConsistency(name Stream, since Position) (c Consistency, err error) {
	s := a.lookup(name)
	if s == nil {
		return c, ErrNotFound
	}
	last := s.lastProven()
	if last == nil || since > last.Size {
		return c, ErrUnproven
	}
	c = Consistency{Since: since, Checkpoint: last.signed}
	if since == 0 {
		return c, nil
	}
	proof, err := tlog.ProveTree(int64(last.Size), int64(since), s.tree)
	for _, h := range proof {
		c.Hashes = append(c.Hashes, Digest(h))
	}
	return c, err
}

// Check checks a proof with the checkpoint that was kept, against a public key
// in the form of PublicKey, and returns the present checkpoint.
func (c Consistency) Check(kept, key string) (Checkpoint, error) {
	now, err := c.check(kept, key)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("check consistency: %w", err)
	}
	return now, nil
}

func (c Consistency) check(kept, key string) (Checkpoint, error) {
	before, err := openCheckpoint(kept, key)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("the checkpoint that was kept: %w", err)
	}
	now, err := openCheckpoint(c.Checkpoint, key)
	if err != nil {
		return Checkpoint{}, err
	}
	if before.Origin != now.Origin || before.Size != c.Since {
		return Checkpoint{}, fmt.Errorf("the proof is about %s since %d, the checkpoint that was kept about %d records of %s", now.Origin, c.Since, before.Size, before.Origin)
	}
	proof := make(tlog.TreeProof, len(c.Hashes))
	for i, h := range c.Hashes {
		proof[i] = tlog.Hash(h)
	}
	if err := tlog.CheckTree(proof, int64(now.Size), tlog.Hash(now.Root), int64(before.Size), tlog.Hash(before.Root)); err != nil {
		return Checkpoint{}, fmt.Errorf("%s was changed within its first %d records: %w", before.Stream(), before.Size, err)
	}
	return now, nil
}

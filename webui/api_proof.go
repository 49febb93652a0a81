package webui

import (
	"context"
	"errors"
	"net/http"

	"polytrace/archive"
)

// proofOut is a proof with the key that it is checked with.
type proofOut struct {
	archive.Proof
	Key string `json:"key" doc:"Verifier key of C2SP signed notes. Compare it with one that you got another way."`
}

// apiProof proves a record. What came in since the last checkpoint has to wait
// for the next one.
func (s *Server) apiProof(ctx context.Context, in *recordIn) (*body[proofOut], error) {
	at, err := in.address()
	if err != nil {
		return nil, err
	}
	if err := s.present(ctx, at); err != nil {
		return nil, err
	}
	p, err := s.config.Archive.Prove(ctx, at)
	switch {
	case errors.Is(err, archive.ErrUnproven):
		return nil, &statusError{http.StatusConflict, "No checkpoint covers this message yet. One is made when its pack is in the bucket, usually within minutes.", err}
	case errors.Is(err, archive.ErrNotFound):
		return nil, notFound("record")
	case err != nil:
		return nil, err
	}
	if err := s.noteRead(ctx, at); err != nil {
		return nil, err
	}
	if p.Hashes == nil {
		p.Hashes = []archive.Digest{}
	}
	return reply(proofOut{p, s.config.Archive.Status().Key}), nil
}

// consistencyIn asks for the log of a stream.
type consistencyIn struct {
	Stream string `path:"stream" doc:"Of the records: mail, ledger, …"`
	Since  uint64 `query:"since" doc:"Number of records of a checkpoint that you kept; 0: the last checkpoint alone."`
}

// consistencyOut is a proof with the key that it is checked with.
type consistencyOut struct {
	archive.Consistency
	Key string `json:"key" doc:"Verifier key of C2SP signed notes. Compare it with one that you got another way."`
}

// apiConsistency proves to who kept a checkpoint that the log goes on from it.
func (s *Server) apiConsistency(_ context.Context, in *consistencyIn) (*body[consistencyOut], error) {
	c, err := s.config.Archive.ProveConsistency(archive.Stream(in.Stream), archive.Position(in.Since))
	switch {
	case errors.Is(err, archive.ErrNotFound):
		return nil, notFound("stream")
	case errors.Is(err, archive.ErrUnproven):
		return nil, &statusError{http.StatusConflict, "No checkpoint covers so many records yet. One is made when their packs are in the bucket, usually within minutes.", err}
	case err != nil:
		return nil, err
	}
	if c.Hashes == nil {
		c.Hashes = []archive.Digest{}
	}
	return reply(consistencyOut{c, s.config.Archive.Status().Key}), nil
}

type doctorIn struct {
	Mend bool `query:"mend" doc:"Put back what is missing and is known here."`
}

// driftOut is what was found; nothing was made, but perhaps put back.
type driftOut struct {
	Status int
	Body   Examined
}

// Examined is how the bucket is, and what was put back before.
type Examined struct {
	archive.Drift
	Mended []string `json:"mended,omitempty" doc:"Keys of objects that were put back."`
}

// apiDoctor compares the bucket with what was put there.
func (s *Server) apiDoctor(ctx context.Context, in *doctorIn) (*driftOut, error) {
	var e Examined
	var err error
	if in.Mend {
		e.Mended, e.Drift, err = s.config.Archive.Mend(ctx)
	} else {
		e.Drift, err = s.config.Archive.Examine(ctx)
	}
	if err != nil {
		return nil, err
	}
	return &driftOut{http.StatusOK, e}, nil
}

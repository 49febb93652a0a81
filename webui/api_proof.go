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
	if p.Hashes == nil {
		p.Hashes = []archive.Digest{}
	}
	return reply(proofOut{p, s.config.Archive.Status().Key}), nil
}

// driftOut is what was found; nothing was made.
type driftOut struct {
	Status int
	Body   archive.Drift
}

// apiDoctor compares the bucket with what was put there.
func (s *Server) apiDoctor(ctx context.Context, _ *none) (*driftOut, error) {
	d, err := s.config.Archive.Examine(ctx)
	if err != nil {
		return nil, err
	}
	return &driftOut{http.StatusOK, d}, nil
}

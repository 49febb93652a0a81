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
	p, err := s.config.Archive.Prove(ctx, at)
	switch {
	case errors.Is(err, archive.ErrUnproven):
		return nil, &statusError{http.StatusConflict, "No checkpoint covers this message yet. One is made when its pack is in the bucket, usually within minutes.", err}
	case errors.Is(err, archive.ErrNotFound):
		return nil, notFound("record")
	case errors.Is(err, archive.ErrGone):
		return nil, &statusError{http.StatusGone, "This message was removed; the ledger says by whom and why.", err}
	case err != nil:
		return nil, err
	}
	if p.Hashes == nil {
		p.Hashes = []archive.Digest{}
	}
	return reply(proofOut{p, s.config.Archive.Status().Key}), nil
}

// apiDoctor compares the bucket with what was put there.
func (s *Server) apiDoctor(ctx context.Context, _ *none) (*body[archive.Drift], error) {
	d, err := s.config.Archive.Examine(ctx)
	if err != nil {
		return nil, err
	}
	return reply(d), nil
}

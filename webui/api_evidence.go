package webui

import (
	"context"
	"encoding/json"
	"net/http"

	"polytrace/archive"
	"polytrace/casework"

	"github.com/danielgtaylor/huma/v2"
)

// Operations of the API about what a case rests on.

type evidenceOut struct {
	Evidence []casework.Evidence `json:"evidence" doc:"By when it was sent first."`
	Counts   map[string]int      `json:"counts" doc:"How many there are of each kind: message, imported, attached, uploaded, page."`
	Removed  []string            `json:"removed" doc:"Of what is cited, and is not in the archive any more: why, in words."`
}

func (s *Server) apiEvidence(ctx context.Context, in *caseIn) (*body[evidenceOut], error) {
	d, err := s.shownDossier(ctx, in.Number, false)
	if err != nil {
		return nil, err
	}
	all, err := s.evidence(ctx, d)
	if err != nil {
		return nil, err
	}
	out := evidenceOut{list(all), map[string]int{}, list(s.removedOf(d))}
	for _, kind := range casework.EvidenceKinds() {
		out.Counts[string(kind)] = 0
	}
	for _, e := range all {
		out.Counts[string(e.Kind)]++
	}
	return reply(out), nil
}

func (s *Server) apiVerifyCase(ctx context.Context, in *caseIn) (*body[Verification], error) {
	d, err := s.shownDossier(ctx, in.Number, false)
	if err != nil {
		return nil, err
	}
	v, err := s.verify(ctx, d)
	if err != nil {
		return nil, err
	}
	return reply(*v), nil
}

type pinFileIn struct {
	StatementIn
	Body struct {
		Record archive.Address `json:"record" example:"mail/1042"`
		Part   int             `json:"part" doc:"Number of the part, from attachments[].n; -1 of a file that was uploaded."`
		Reason string          `json:"reason,omitempty"`
	}
}

func (s *Server) apiPinFile(ctx context.Context, in *pinFileIn) (*caseOut, error) {
	pin, err := s.pinOf(ctx, in.Number, in.Body.Record, in.Body.Part)
	if err != nil {
		return nil, err
	}
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		pin.Reason, pin.Revision = in.Body.Reason, seen
		return pin
	})
}

func (s *Server) apiUnpinFile(ctx context.Context, in *caseItemIn) (*none, error) {
	return nil, s.act(ctx, casework.UnpinFile{Case: in.Number, ID: in.ID, Reason: in.Reason})
}

// uploadOut is where a file is that was uploaded.
type uploadOut struct {
	Record archive.Address `json:"record"`
	SHA256 archive.Digest  `json:"sha256"`
	Size   int64           `json:"size"`
}

func uploadParams() []*huma.Param {
	return []*huma.Param{
		pathParam("number", "Of the case."),
		{Name: "name", In: "query", Required: true, Description: "Name of the file.", Schema: &huma.Schema{Type: "string"}},
		{Name: "reason", In: "query", Description: "Why it matters.", Schema: &huma.Schema{Type: "string"}},
	}
}

// apiUpload keeps a file as evidence of a case.
func (s *Server) apiUpload(w http.ResponseWriter, r *http.Request) error {
	name := r.URL.Query().Get("name")
	if name == "" {
		return &casework.Refusal{Code: casework.Invalid, Field: "Name", Text: "The file has no name. Send it as name=…."}
	}
	content, err := readUpload(r.Body)
	if err != nil {
		return err
	}
	m, err := s.upload(r.Context(), name, content, casework.PinFile{Case: number0(r.PathValue("number")), Reason: r.URL.Query().Get("reason")})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(uploadOut{m.Address(), m.SHA256, m.Size})
}

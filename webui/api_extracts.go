package webui

import (
	"context"

	"polytrace/archive"
	"polytrace/casework"

	"github.com/danielgtaylor/huma/v2"
)

// Operations of the API about extracts, and what they find.

type extractsOut struct {
	Extracts []casework.Extract `json:"extracts" doc:"Those that people wrote by label, then those that came with the program."`
}

func (s *Server) apiExtracts(context.Context, *none) (*body[extractsOut], error) {
	var out extractsOut
	s.config.Desk.Read(func(state *casework.State) { out.Extracts = state.Extracts() })
	return reply(out), nil
}

// ExtractIn names an extract.
type ExtractIn struct {
	Name string `path:"name" example:"contract"`
}

type extractOut struct {
	Extract  casework.Extract   `json:"extract"`
	Versions []casework.Extract `json:"versions" doc:"All that it said, the last version first; none of one that came with the program."`
}

func (s *Server) apiExtract(_ context.Context, in *ExtractIn) (*body[extractOut], error) {
	x, versions, err := s.extract(in.Name)
	if err != nil {
		return nil, err
	}
	return reply(extractOut{x, list(versions)}), nil
}

// ExtractBody says what is looked for.
type ExtractBody struct {
	Label   string               `json:"label"`
	Kind    casework.ExtractKind `json:"kind" doc:"text, number, amount, date or version."`
	Pattern string               `json:"pattern" doc:"A regular expression (RE2); the value is its first named group, else the whole."`
	Where   []casework.Where     `json:"where" doc:"text, subject, files."`
	Account string               `json:"account,omitempty" doc:"ID or name of the account whose mail is read."`
	Queue   string               `json:"queue,omitempty" doc:"Name of the queue through which the mail came."`
}

func (b *ExtractBody) extract(name string) casework.Extract {
	return casework.Extract{Name: name, Label: b.Label, Kind: b.Kind, Pattern: b.Pattern, Where: b.Where, Account: b.Account, Queue: b.Queue}
}

type setExtractIn struct {
	ExtractIn
	Body struct {
		ExtractBody
		Version int    `json:"version,omitempty" doc:"That was changed; absent of a new one. 409 when somebody else has changed it since."`
		Reason  string `json:"reason,omitempty"`
	}
}

func (s *Server) apiSetExtract(ctx context.Context, in *setExtractIn) (*body[extractOut], error) {
	x := in.Body.extract(in.Name)
	x.Version = in.Body.Version
	if err := s.act(ctx, casework.SetExtract{Extract: x, Reason: in.Body.Reason}); err != nil {
		return nil, err
	}
	return s.apiExtract(ctx, &in.ExtractIn)
}

type removeExtractIn struct {
	ExtractIn
	Reason string `query:"reason"`
}

func (s *Server) apiRemoveExtract(ctx context.Context, in *removeExtractIn) (*none, error) {
	return nil, s.act(ctx, casework.RemoveExtract{Name: in.Name, Reason: in.Reason})
}

type tryExtractIn struct {
	Body struct {
		ExtractBody
		Most int `json:"most,omitempty" doc:"Messages to look through, the newest ones; default and most 200."`
	}
}

func (s *Server) apiTryExtract(ctx context.Context, in *tryExtractIn) (*body[trial], error) {
	x, err := s.ready(in.Body.extract("trial"))
	if err != nil {
		return nil, err
	}
	t, err := s.try(ctx, x, in.Body.Most)
	if err != nil {
		return nil, err
	}
	return reply(*t), nil
}

type extractRowsIn struct {
	ExtractIn
	By string `query:"by" doc:"case or account; default account."`
}

type extractRowsOut struct {
	Rows []extractRow `json:"rows" doc:"One for each case, or account, of which something was confirmed or corrected."`
}

func (s *Server) apiExtractRows(ctx context.Context, in *extractRowsIn) (*body[extractRowsOut], error) {
	if _, _, err := s.extract(in.Name); err != nil {
		return nil, err
	}
	rows, err := s.rowsOf(ctx, in.Name, rowsBy(in.By))
	if err != nil {
		return nil, err
	}
	return reply(extractRowsOut{rows}), nil
}

type detailsOut struct {
	Details []casework.FoundLine `json:"details" doc:"By extract; of each what is decided first, then what is pending, then what was rejected."`
	Read    int                  `json:"read" doc:"Messages that were looked through, the newest ones."`
	Of      int                  `json:"of" doc:"Messages that there are."`
}

func (d *detailed) out() detailsOut {
	out := detailsOut{list(d.Lines), d.heard.Read, d.heard.Of}
	for i := range out.Details {
		out.Details[i].Sources = list(out.Details[i].Sources)
	}
	return out
}

func (s *Server) apiCaseDetails(ctx context.Context, in *caseIn) (*body[detailsOut], error) {
	d, err := s.shownDossier(ctx, in.Number, false)
	if err != nil {
		return nil, err
	}
	of, err := s.detailsOf(ctx, d)
	if err != nil {
		return nil, err
	}
	return reply(of.out()), nil
}

func (s *Server) apiAccountDetails(ctx context.Context, in *accountIn) (*body[detailsOut], error) {
	a, err := s.account(in.ID)
	if err != nil {
		return nil, err
	}
	m, err := s.mailOf(ctx, a)
	if err != nil {
		return nil, err
	}
	of, err := s.accountDetails(ctx, m)
	if err != nil {
		return nil, err
	}
	return reply(of.out()), nil
}

// JudgedBody says what somebody thinks of what was found.
type JudgedBody struct {
	Extract string                 `json:"extract"`
	Place   placeBody              `json:"place" doc:"Of the detail, as it was told."`
	Status  casework.ExtractStatus `json:"status" doc:"confirmed, corrected or rejected; pending takes back what was said."`
	Value   string                 `json:"value,omitempty" doc:"Of corrected."`
	Reason  string                 `json:"reason,omitempty"`
}

// placeBody is enough of a place to find it again.
type placeBody struct {
	Record archive.Address `json:"record"`
	Where  casework.Where  `json:"where"`
	Part   int             `json:"part"`
	File   string          `json:"file,omitempty"`
	Start  int             `json:"start"`
}

func (b *JudgedBody) judged() judged {
	p := casework.Place{Record: b.Place.Record, Where: b.Place.Where, Part: b.Place.Part, File: b.Place.File, Start: b.Place.Start}
	return judged{placeID(b.Extract, p), b.Status, b.Value, b.Reason}
}

type judgeDetailIn struct {
	Number int `path:"number"`
	Body   JudgedBody
}

func (s *Server) apiJudgeDetail(ctx context.Context, in *judgeDetailIn) (*body[detailsOut], error) {
	if _, err := s.shownCase(ctx, in.Number); err != nil {
		return nil, err
	}
	c, err := s.judging(ctx, in.Body.judged())
	if err != nil {
		return nil, err
	}
	c.Case = in.Number
	if err := s.act(ctx, c); err != nil {
		return nil, err
	}
	return s.apiCaseDetails(ctx, &caseIn{in.Number})
}

type judgeAccountDetailIn struct {
	ID   string `path:"id" doc:"ID or name of the account."`
	Body JudgedBody
}

func (s *Server) apiJudgeAccountDetail(ctx context.Context, in *judgeAccountDetailIn) (*body[detailsOut], error) {
	c, err := s.judging(ctx, in.Body.judged())
	if err != nil {
		return nil, err
	}
	c.Account = in.ID
	if err := s.act(ctx, c); err != nil {
		return nil, err
	}
	return s.apiAccountDetails(ctx, &accountIn{in.ID})
}

func exportRowsParams() []*huma.Param {
	return []*huma.Param{pathParam("name", "Of the extract."), queryParam("format", "csv, xlsx, or of dates ics. As JSON they are the rows."), queryParam("by", "case or account; default account."), queryParam("history", "Anything: with the values before the latest one.")}
}

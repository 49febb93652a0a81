package webui

import (
	"context"

	"polytrace/archive"
	"polytrace/casework"
)

// Operations of the API about references to other systems.

type referencesOut struct {
	References []casework.Reference `json:"references" doc:"By system; of each the one that was named last comes first."`
}

func (s *Server) apiCaseReferences(ctx context.Context, in *caseIn) (*body[referencesOut], error) {
	d, err := s.shownDossier(ctx, in.Number, false)
	if err != nil {
		return nil, err
	}
	of, err := s.detailsOf(ctx, d)
	if err != nil {
		return nil, err
	}
	return reply(referencesOut{list(d.references(of))}), nil
}

type giveReferenceIn struct {
	StatementIn
	Body struct {
		System string `json:"system" doc:"Name of one of the systems that references are looked for of."`
		ID     string `json:"id" doc:"As the system shows it."`
		Aside  bool   `json:"aside,omitempty" doc:"The case is not about it, whatever its mail says."`
		Reason string `json:"reason,omitempty"`
	}
}

func (s *Server) apiGiveReference(ctx context.Context, in *giveReferenceIn) (*caseOut, error) {
	b := in.Body
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		return casework.GiveReference{Case: in.Number, System: b.System, ID: b.ID, Aside: b.Aside, Reason: b.Reason, Revision: seen}
	})
}

type referenceRulesBody struct {
	Rules casework.ReferenceRules `json:"rules"`
}

func (s *Server) apiReferences(context.Context, *none) (*body[referenceRulesBody], error) {
	var out referenceRulesBody
	s.config.Desk.Read(func(state *casework.State) { out.Rules = state.References() })
	out.Rules.Systems = list(out.Rules.Systems)
	return reply(out), nil
}

type setReferencesIn struct {
	Body struct {
		Rules  casework.ReferenceRules `json:"rules" doc:"All systems, with the version that was changed: 409 when somebody else has changed them since. A pattern is RE2; what is looked for is its first named group, else the whole. A url has {id} for what was found."`
		Reason string                  `json:"reason,omitempty"`
	}
}

func (s *Server) apiSetReferences(ctx context.Context, in *setReferencesIn) (*body[referenceRulesBody], error) {
	if err := s.act(ctx, casework.SetReferences{Rules: in.Body.Rules, Reason: in.Body.Reason}); err != nil {
		return nil, err
	}
	return s.apiReferences(ctx, nil)
}

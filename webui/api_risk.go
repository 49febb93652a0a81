package webui

import (
	"context"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// Operations of the API about risk.

type riskOut struct {
	Risk    casework.Risk         `json:"risk"`
	Changes []casework.RiskChange `json:"changes" doc:"How the level came to be, oldest first."`
}

func (s *Server) apiRisk(ctx context.Context, in *caseIn) (*body[riskOut], error) {
	d, err := s.shownDossier(ctx, in.Number, false)
	if err != nil {
		return nil, err
	}
	of, err := s.riskInput(ctx, d, s.arrivals)
	if err != nil {
		return nil, err
	}
	risk, changes := casework.RiskOf(of)
	risk.Signals = list(risk.Signals)
	return reply(riskOut{risk, list(changes)}), nil
}

type judgeSignalIn struct {
	StatementIn
	Body struct {
		Evidence archive.Digest    `json:"evidence" doc:"Of the signal, from its risk."`
		Rule     casework.RiskRule `json:"rule,omitempty"`
		Say      string            `json:"say" doc:"acknowledge, disagree or snooze."`
		Until    time.Time         `json:"until,omitzero" doc:"Of snooze."`
		Reason   string            `json:"reason,omitempty" doc:"Needed to disagree."`
	}
}

func (s *Server) apiJudgeSignal(ctx context.Context, in *judgeSignalIn) (*caseOut, error) {
	b := in.Body
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		return casework.JudgeSignal{Case: in.Number, Evidence: b.Evidence, Rule: b.Rule, Say: b.Say, Until: b.Until, Reason: b.Reason, Revision: seen}
	})
}

type overrideRiskIn struct {
	StatementIn
	Body struct {
		Level  casework.RiskLevel `json:"level" doc:"low, elevated, high or critical; empty has it follow from the signals again."`
		Until  time.Time          `json:"until,omitzero"`
		Reason string             `json:"reason,omitempty"`
	}
}

func (s *Server) apiOverrideRisk(ctx context.Context, in *overrideRiskIn) (*caseOut, error) {
	b := in.Body
	return s.commandOn(ctx, in.StatementIn, func(seen *archive.Position) casework.Command {
		if b.Level == "" {
			return casework.ClearRisk{Case: in.Number, Reason: b.Reason, Revision: seen}
		}
		return casework.OverrideRisk{Case: in.Number, Level: b.Level, Until: b.Until, Reason: b.Reason, Revision: seen}
	})
}

type escalationsOut struct {
	Escalations []escalationOut `json:"escalations" doc:"What needs review first, then what is worked on, then what was resolved lately; each by level."`
}

type escalationOut struct {
	Case   caseHead           `json:"case"`
	State  string             `json:"state" doc:"review, active or resolved."`
	Level  casework.RiskLevel `json:"level" doc:"low, elevated, high or critical."`
	Review int                `json:"review" doc:"Signals that nobody has said anything about."`
	Why    []string           `json:"why"`
}

func (s *Server) apiEscalations(ctx context.Context, _ *none) (*body[escalationsOut], error) {
	v, err := s.escalations(ctx)
	out := escalationsOut{[]escalationOut{}}
	for _, g := range v.Groups {
		for _, e := range g.Cases {
			out.Escalations = append(out.Escalations, escalationOut{v.Dues.head(e.Case), g.ID, e.Level, e.Review, list(e.Why)})
		}
	}
	return reply(out), err
}

type riskRulesBody struct {
	Rules casework.RiskRules `json:"rules"`
}

func (s *Server) apiRiskRules(context.Context, *none) (*body[riskRulesBody], error) {
	var out riskRulesBody
	s.config.Desk.Read(func(state *casework.State) { out.Rules = state.RiskRules() })
	out.Rules.People = list(out.Rules.People)
	return reply(out), nil
}

type setRiskRulesIn struct {
	Body struct {
		Rules  casework.RiskRules `json:"rules" doc:"All of them, with the version that was changed: 409 when somebody else has changed them since."`
		Reason string             `json:"reason,omitempty"`
	}
}

func (s *Server) apiSetRiskRules(ctx context.Context, in *setRiskRulesIn) (*body[riskRulesBody], error) {
	if err := s.act(ctx, casework.SetRiskRules{Rules: in.Body.Rules, Reason: in.Body.Reason}); err != nil {
		return nil, err
	}
	return s.apiRiskRules(ctx, nil)
}

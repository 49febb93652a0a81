package webui

import (
	"context"
	"slices"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// Operations of the API about rules and intake.

type rulesOut struct {
	Rules    casework.RuleSet         `json:"rules"`
	Fields   []casework.RuleFieldInfo `json:"fields" doc:"What conditions can look at."`
	Versions []ruleVersionOut         `json:"versions" doc:"The last one first."`
}

type ruleVersionOut struct {
	Version int       `json:"version"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Reason  string    `json:"reason,omitempty"`
	Rules   int       `json:"rules" doc:"How many there were."`
}

func (s *Server) apiRules(context.Context, *none) (*body[rulesOut], error) {
	out := rulesOut{Fields: casework.RuleFields(), Versions: []ruleVersionOut{}}
	s.config.Desk.Read(func(state *casework.State) {
		out.Rules = state.Rules()
		for _, v := range slices.Backward(state.RuleVersions()) {
			out.Versions = append(out.Versions, ruleVersionOut{v.Version, v.By, v.At, v.Reason, len(v.RuleSet.Rules)})
		}
	})
	return reply(out), nil
}

type ruleVersionIn struct {
	Version int `path:"version"`
}

func (s *Server) apiRuleVersion(_ context.Context, in *ruleVersionIn) (*body[casework.RuleSet], error) {
	var set casework.RuleSet
	var ok bool
	s.config.Desk.Read(func(state *casework.State) { set, ok = state.RulesOf(in.Version) })
	if !ok {
		return nil, notFound("version of the rules")
	}
	return reply(set), nil
}

type setRulesIn struct {
	Body struct {
		Rules  casework.RuleSet `json:"rules" doc:"All of them in order, with the version that was changed: 409 when somebody else has changed them since."`
		Reason string           `json:"reason,omitempty"`
	}
}

func (s *Server) apiSetRules(ctx context.Context, in *setRulesIn) (*body[rulesOut], error) {
	if err := s.act(ctx, casework.SetRules{Rules: in.Body.Rules, Reason: in.Body.Reason}); err != nil {
		return nil, err
	}
	return s.apiRules(ctx, nil)
}

type tryRulesIn struct {
	Body struct {
		Rules casework.RuleSet `json:"rules" doc:"All of them in order; they are not kept."`
		Days  int              `json:"days,omitempty" doc:"Of mail, 1 to 90; default 7."`
	}
}

type tryRulesOut struct {
	Status int
	Body   rehearsed
}

func (s *Server) apiTryRules(ctx context.Context, in *tryRulesIn) (*tryRulesOut, error) {
	days := in.Body.Days
	if days == 0 {
		days = 7
	}
	t, err := s.rehearse(ctx, in.Body.Rules, days)
	if err != nil {
		return nil, err
	}
	return &tryRulesOut{200, *t}, nil
}

type intakeOut struct {
	Intake casework.Intake `json:"intake"`
}

func (s *Server) apiIntake(context.Context, *none) (*body[intakeOut], error) {
	var out intakeOut
	s.config.Desk.Read(func(state *casework.State) { out.Intake = state.Intake() })
	return reply(out), nil
}

type setIntakeIn struct {
	Body struct {
		Queues []string `json:"queues" doc:"Names of queues of which new mail becomes cases, all of them; none switches it off."`
		Reason string   `json:"reason,omitempty"`
	}
}

func (s *Server) apiSetIntake(ctx context.Context, in *setIntakeIn) (*body[intakeOut], error) {
	if err := s.act(ctx, casework.SetIntake{Queues: in.Body.Queues, From: s.streamEnds(), Reason: in.Body.Reason}); err != nil {
		return nil, err
	}
	return s.apiIntake(ctx, nil)
}

// routeOut is why a message went where it did, or, when it was not routed, what the rules that hold say of it.
type routeOut struct {
	Record    archive.Address      `json:"record"`
	Routed    bool                 `json:"routed" doc:"It was. Else the rest is what would become of it now."`
	At        time.Time            `json:"at,omitzero" doc:"When it was routed."`
	Case      int                  `json:"case,omitempty" doc:"That it came to."`
	Opens     bool                 `json:"opens,omitempty" doc:"A case would be opened."`
	Version   int                  `json:"rules_version"`
	Rule      string               `json:"rule,omitempty" doc:"ID of the rule that decided."`
	Name      string               `json:"rule_name,omitempty"`
	Link      string               `json:"link,omitempty" doc:"Why it is of that case, in words."`
	Exception string               `json:"exception,omitempty"`
	Trace     []casework.RuleTrace `json:"trace" doc:"Of each rule of that version, in order: whether it matched, and otherwise the first condition that did not hold."`
}

func (s *Server) apiRoute(ctx context.Context, in *recordIn) (*body[routeOut], error) {
	at, err := in.address()
	if err != nil {
		return nil, err
	}
	out, err := s.whyOf(ctx, at, &whyView{})
	if err != nil {
		return nil, err
	}
	return reply(*out), nil
}

// whyOf says why a message went where it did, which is noted.
func (s *Server) whyOf(ctx context.Context, at archive.Address, v *whyView) (*routeOut, error) {
	m, err := s.openMessage(ctx, at)
	if err != nil {
		return nil, err
	}
	v.Subject, v.From, v.Date = titleOf(m.doc.Subject), nameOf(m.doc.From), m.doc.Date
	out := &routeOut{Record: m.doc.Address, Trace: []casework.RuleTrace{}}
	s.config.Desk.Read(func(state *casework.State) {
		had, ok := state.Routed(m.doc.SHA256)
		if !ok {
			return
		}
		set, _ := state.RulesOf(had.Rules)
		out.Routed, out.At, out.Case, out.Version, out.Rule, out.Link, out.Exception = true, had.At, had.Case, had.Rules, had.Rule, had.Link, had.Exception
		out.Trace, out.Name = set.Explain(had.Trace), set.Follow(had.Trace).Name
	})
	if out.Routed {
		return out, nil
	}
	a, err := s.arrivalOf(ctx, m)
	if err != nil {
		return nil, err
	}
	rules, router, err := s.router()
	if err != nil {
		return nil, err
	}
	var would casework.Rehearsed
	s.config.Desk.Read(func(state *casework.State) { would = state.Rehearse(router, []casework.Arrival{a})[0] })
	out.Case, out.Opens, out.Version, out.Rule, out.Link, out.Exception = max(would.Case, 0), would.Opens, rules.Version, would.Rule, would.Link, would.Exception
	out.Trace, out.Name = rules.Explain(router.Route(a.Facts, would.Before.Tags).Trace), rules.Follow(would.Trace).Name
	return out, nil
}

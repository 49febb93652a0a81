package webui

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// signalView is a signal with where it leads.
type signalView struct {
	casework.Signal
	cited
}

type riskView struct {
	Case    casework.Case
	Names   names
	Risk    casework.Risk
	Signals []signalView
	Changes []casework.RiskChange // The last one first.
	Levels  []casework.RiskLevel
	Rules   casework.RiskRules
	Mail    int    // Messages that were looked at.
	Week    string // A day in a week, to wait until.
	Held    *heldForm
}

// showRisk says how much a case is at risk, why, and how that came.
func (s *Server) showRisk(w http.ResponseWriter, r *http.Request) error {
	return s.riskHeld(w, r, http.StatusOK, nil)
}

func (s *Server) riskHeld(w http.ResponseWriter, r *http.Request, code int, held *heldForm) error {
	snap, err := s.shownSnapshot(r)
	if err != nil {
		return err
	}
	d, err := s.dossier(r.Context(), snap, false)
	if err != nil {
		return err
	}
	in, err := s.riskInput(r.Context(), d, s.arrivals)
	if err != nil {
		return err
	}
	risk, changes := casework.RiskOf(in)
	v := riskView{Case: snap.c, Names: snap.names, Risk: risk, Changes: changes, Levels: casework.RiskLevels(), Rules: in.Rules, Mail: len(in.Mail), Week: in.Now.AddDate(0, 0, 7).Format(time.DateOnly), Held: held}
	slices.Reverse(v.Changes)
	s.fillChips(r.Context(), d, nil)
	for _, x := range risk.Signals {
		v.Signals = append(v.Signals, signalView{x, d.sources(x.Sources)})
	}
	return s.render(w, r, code, "risk", view{Title: "Risk of C-" + strconv.Itoa(snap.c.Number), Nav: "cases", Page: v})
}

// onRisk carries out what a form on the page of a risk asks for.
func (s *Server) onRisk(w http.ResponseWriter, r *http.Request, form, done string, command func(snapshot) (casework.Command, error)) error {
	return s.onForm(w, r, form, "/risk", done, command, s.riskHeld)
}

// judgeSignal says something about a signal.
func (s *Server) judgeSignal(w http.ResponseWriter, r *http.Request) error {
	say := r.FormValue("say")
	done := map[string]string{"acknowledge": "The signal is seen.", "disagree": "The signal gives no points any more, until something new happens.", "snooze": "The signal waits."}[say]
	return s.onRisk(w, r, "signal-"+r.FormValue("evidence"), done, func(snap snapshot) (casework.Command, error) {
		evidence, err := archive.ParseDigest(r.PostForm.Get("evidence"))
		if err != nil {
			return nil, &casework.Refusal{Code: casework.Invalid, Field: "Evidence", Text: "Which signal is meant is not clear. Go back and try again."}
		}
		c := casework.JudgeSignal{Case: snap.c.Number, Evidence: evidence, Rule: casework.RiskRule(r.PostForm.Get("rule")), Say: say, Reason: r.PostForm.Get("reason"), Revision: revision(r)}
		if say == "snooze" {
			if c.Until, err = time.Parse(time.DateOnly, r.PostForm.Get("until")); err != nil {
				return nil, &casework.Refusal{Code: casework.Invalid, Field: "Until", Text: "Choose the day until which it can wait."}
			}
		}
		return c, nil
	})
}

// overrideRisk sets the level for a time, or takes that back.
func (s *Server) overrideRisk(w http.ResponseWriter, r *http.Request) error {
	if r.FormValue("level") == "" {
		return s.onRisk(w, r, "clear", "The level follows from the signals again.", func(snap snapshot) (casework.Command, error) {
			return casework.ClearRisk{Case: snap.c.Number, Reason: r.PostForm.Get("reason"), Revision: revision(r)}, nil
		})
	}
	return s.onRisk(w, r, "override", "The level is set.", func(snap snapshot) (casework.Command, error) {
		until, err := time.Parse(time.DateOnly, r.PostForm.Get("until"))
		if err != nil {
			return nil, &casework.Refusal{Code: casework.Invalid, Field: "Until", Text: "Choose the day until which the level is set."}
		}
		return casework.OverrideRisk{Case: snap.c.Number, Level: casework.RiskLevel(r.PostForm.Get("level")), Until: until, Reason: r.PostForm.Get("reason"), Revision: revision(r)}, nil
	})
}

// escalationView is a case on the page of escalations.
type escalationView struct {
	casework.Case
	Level  casework.RiskLevel
	Why    []string // Of what nobody has looked at, or of all.
	Review int      // Signals that nobody has said anything about.
}

type escalationsView struct {
	Groups []escalationGroup
	Names  names
	Links  accountLinks
	Open   int // Cases that were looked at.
	Rules  int // Version.
	Dues   dues
}

type escalationGroup struct {
	ID, Name, Empty string
	Cases           []escalationView
}

// resolvedFor is how long a resolved escalation stays on the page.
const resolvedFor = 14 * 24 * time.Hour

// showEscalations lists the cases at risk by what is to be done about them.
func (s *Server) showEscalations(w http.ResponseWriter, r *http.Request) error {
	v, err := s.escalations(r.Context())
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "escalations", view{Title: "Escalations", Nav: "escalations", Page: v})
}

func (s *Server) escalations(ctx context.Context) (escalationsView, error) {
	now := s.config.Now()
	v := escalationsView{Groups: []escalationGroup{
		{ID: "review", Name: "Needs review", Empty: "No signal waits for somebody to look at it."},
		{ID: "active", Name: "Active", Empty: "No case at risk is being worked on."},
		{ID: "resolved", Name: "Resolved", Empty: "No case at risk was resolved in the last two weeks."},
	}}
	var all []casework.Case
	s.config.Desk.Read(func(state *casework.State) {
		all, v.Names, v.Links, v.Rules = state.Overview(), namesOf(state.Users()), accountLinksOf(state), state.RiskRules().Version
	})
	for _, c := range all {
		if c.Into != 0 {
			continue
		}
		e := escalationView{Case: c, Level: c.RiskAt(now)}
		review := c.ToReview(now)
		e.Review = len(review)
		if len(review) == 0 && c.Risk != nil {
			review = c.Risk.Why
		}
		for _, x := range review {
			if !slices.Contains(e.Why, x.Text) {
				e.Why = append(e.Why, x.Text)
			}
		}
		switch {
		case done(c):
			if c.Risk != nil && c.Risk.Level != casework.RiskLow && now.Sub(c.Changed) < resolvedFor {
				v.Groups[2].Cases = append(v.Groups[2].Cases, e)
			}
			continue
		case e.Review > 0:
			v.Groups[0].Cases = append(v.Groups[0].Cases, e)
		case e.Level != casework.RiskLow:
			v.Groups[1].Cases = append(v.Groups[1].Cases, e)
		}
		v.Open++
	}
	for i := range v.Groups {
		slices.SortStableFunc(v.Groups[i].Cases, func(a, b escalationView) int {
			return cmp.Compare(slices.Index(casework.RiskLevels(), b.Level), slices.Index(casework.RiskLevels(), a.Level))
		})
	}
	var err error
	v.Dues, err = s.dues(ctx)
	return v, err
}

type riskRulesView struct {
	Rules  casework.RiskRules
	Order  []casework.RiskRule
	Words  map[casework.RiskRule]string
	Error  string
	Differ []riskDifference // What they would change; nil before somebody asked.
	Asked  bool
	People string
	Reason string
}

// riskDifference is a case whose level is another one with other rules.
type riskDifference struct {
	Number   int                `json:"number"`
	Title    string             `json:"title"`
	From, To casework.RiskLevel `json:"-"`
}

var riskRuleWords = map[casework.RiskRule]string{
	casework.RiskFollowUps: "The customer writes twice or more and nobody answers; one point more from the third message on", casework.RiskClock: "A response time is nearly used up", casework.RiskBreach: "A response time is over", casework.RiskMissed: "A promise of ours is past its time",
	casework.RiskExecutive: "Somebody who decides is new in the conversation: by title, or named below", casework.RiskWords: "The customer writes of escalation; one point more when it is about leaving or law",
	casework.RiskUrgency: "The customer says that it is urgent, until somebody answers", casework.RiskTone: "The last three messages of the customer sound worse than those before", casework.RiskSpread: "Three more of us are written to in a week", casework.RiskOwners: "The third change of owner",
	casework.RiskReopened: "It is reopened for the second time", casework.RiskContactLost: "A contact is no longer there", casework.RiskDeadline: "A deadline of the case is two working days away, or less",
	casework.RiskVolume: "The account writes much more in a day than on the same day of the weeks before", casework.RiskOld: "It is open for longer than nine of ten cases of the half year before it",
	casework.RiskRenewal: "A renewal is 60 days away or less, and something else is wrong", casework.RiskNotice: "A formal notice: of termination, of default, a request about personal data",
}

func riskRuleOrder() []casework.RiskRule {
	return []casework.RiskRule{casework.RiskFollowUps, casework.RiskClock, casework.RiskBreach, casework.RiskMissed, casework.RiskExecutive, casework.RiskWords, casework.RiskNotice, casework.RiskUrgency, casework.RiskTone, casework.RiskSpread, casework.RiskOwners, casework.RiskReopened, casework.RiskContactLost, casework.RiskDeadline, casework.RiskRenewal, casework.RiskVolume, casework.RiskOld}
}

// showRiskRules shows what gives points.
func (s *Server) showRiskRules(w http.ResponseWriter, r *http.Request) error {
	var rules casework.RiskRules
	s.config.Desk.Read(func(state *casework.State) { rules = state.RiskRules() })
	return s.renderRiskRules(w, r, http.StatusOK, riskRulesView{Rules: rules, People: strings.Join(rules.People, "\n")})
}

func (s *Server) renderRiskRules(w http.ResponseWriter, r *http.Request, code int, v riskRulesView) error {
	v.Order, v.Words = riskRuleOrder(), riskRuleWords
	return s.render(w, r, code, "riskrules", view{Title: "Rules of risk", Nav: "escalations", Page: v})
}

// setRiskRules changes the rules, or shows what they would change.
func (s *Server) setRiskRules(w http.ResponseWriter, r *http.Request) error {
	rules := casework.RiskRules{Version: number0(r.FormValue("version")), Points: map[casework.RiskRule]int{}, Hysteresis: number0(r.FormValue("hysteresis")), HalfLife: number0(r.FormValue("half_life")), People: typedWords(r.FormValue("people"))}
	for _, rule := range riskRuleOrder() {
		rules.Points[rule] = number0(r.FormValue(string(rule)))
	}
	for i := range rules.Levels {
		rules.Levels[i] = number0(r.FormValue(fmt.Sprint("level-", i)))
	}
	v := riskRulesView{Rules: rules, People: r.FormValue("people"), Reason: r.FormValue("reason")}
	c := casework.SetRiskRules{Rules: rules, Reason: v.Reason}
	var err error
	s.config.Desk.Read(func(state *casework.State) { _, err = c.Check(state, s.config.Now()) })
	if err != nil {
		v.Error = asStatus(err).text
		return s.renderRiskRules(w, r, asStatus(err).code, v)
	}
	if r.FormValue("do") == "preview" {
		v.Asked = true
		if v.Differ, err = s.riskPreview(r.Context(), rules); err != nil {
			return err
		}
		return s.renderRiskRules(w, r, http.StatusOK, v)
	}
	if err := s.do(r, c); err != nil {
		return err
	}
	return s.done(w, r, "/riskrules", "The rules are changed. Cases are looked at again within a minute.")
}

// riskPreview lists the open cases whose level would be another one with other rules.
func (s *Server) riskPreview(ctx context.Context, rules casework.RiskRules) (list []riskDifference, err error) {
	var open []casework.Case
	s.config.Desk.Read(func(state *casework.State) { open = state.Overview() })
	arrivals := s.arrivalsOnce()
	for _, c := range open {
		if done(c) || c.Into != 0 {
			continue
		}
		in, err := s.riskInputOf(ctx, c.Number, arrivals)
		if err != nil {
			return nil, err
		}
		_, changes := casework.RiskOf(in)
		in.Rules = rules
		_, others := casework.RiskOf(in)
		if from, to := lastLevel(changes), lastLevel(others); from != to {
			list = append(list, riskDifference{c.Number, c.Title, from, to})
		}
	}
	return list, nil
}

func lastLevel(changes []casework.RiskChange) casework.RiskLevel {
	if n := len(changes); n > 0 {
		return changes[n-1].To
	}
	return casework.RiskLow
}

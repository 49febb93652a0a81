package webui

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"polytrace/casework"
)

// presentFor is how long somebody counts as looking at a case, or writing on it, after they last said so.
const presentFor = 60 * time.Second

// maxPresent bounds how many people are known to look at cases at once.
const maxPresent = 10_000

// presence knows who looks at which case now. It is in memory alone: who looked is in the audit log, and when the
// server starts again everybody says so anew.
type presence struct {
	mu   sync.Mutex
	here map[presentKey]present // Guarded by mu.
}

type presentKey struct {
	number int
	actor  string
}

// present is when somebody looked at a case last, and wrote what.
type present struct {
	looked  time.Time
	wrote   time.Time
	writing string // What is written: "a note".
}

// Present is somebody who looks at a case now, or writes on it.
type Present struct {
	User    string    `json:"user"`
	Name    string    `json:"name" doc:"As people know them."`
	Writing string    `json:"writing,omitempty" doc:"What they write, for example a note; absent while they only look."`
	At      time.Time `json:"at" doc:"When they last said so; a minute later they are gone."`
}

// Words say what somebody does.
func (p Present) Words() string {
	if p.Writing != "" {
		return p.Name + " writes " + p.Writing
	}
	return p.Name + " looks at this"
}

// meet notes that somebody is at a case, and what they write; "" when they only look.
func (p *presence) meet(number int, actor, writing string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.here == nil {
		p.here = map[presentKey]present{}
	}
	key := presentKey{number, actor}
	x := p.here[key]
	if len(p.here) >= maxPresent {
		p.forgetLocked(now)
	}
	x.looked = now
	if x.writing = writing; writing != "" {
		x.wrote = now
	}
	if len(p.here) < maxPresent {
		p.here[key] = x
	}
}

// forgetLocked takes out who has not been there lately.
func (p *presence) forgetLocked(now time.Time) {
	for key, x := range p.here {
		if now.Sub(x.looked) >= presentFor {
			delete(p.here, key)
		}
	}
}

// at lists who is at a case, but for one actor, those who write first.
func (p *presence) at(number int, but string, now time.Time) (list []Present) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, x := range p.here {
		if key.number != number || key.actor == but || now.Sub(x.looked) >= presentFor {
			continue
		}
		here := Present{User: key.actor, At: x.looked}
		if x.writing != "" && now.Sub(x.wrote) < presentFor {
			here.Writing = x.writing
		}
		list = append(list, here)
	}
	slices.SortFunc(list, func(a, b Present) int {
		return cmp.Or(boolToInt(b.Writing != "")-boolToInt(a.Writing != ""), strings.Compare(a.User, b.User))
	})
	return list
}

// presentAt lists who else is at a case now.
func (s *Server) presentAt(ctx context.Context, number int, called names) []Present {
	who, _ := callerFrom(ctx)
	list := s.presence.at(number, who.actor, s.config.Now())
	for i := range list {
		list[i].Name = called.Of(list[i].User)
	}
	return list
}

// writings are what is written in the forms of a case, by the name of the form.
var writings = map[string]string{"note": "a note", "fact": "a fact", "decision": "a decision", "promise": "a promise", "handoff": "a handoff", "ask": "a question", "answer": "an answer", "review": "a review"}

// writing is what somebody says that they write; "" for what is none of ours.
func writing(form string) string {
	form, _, _ = strings.Cut(form, "-")
	return writings[form]
}

// bePresent says that the caller looks at a case, or writes on it. It answers with who else does: a part of the page.
func (s *Server) bePresent(w http.ResponseWriter, r *http.Request) error {
	who, _ := callerFrom(r.Context())
	number := number0(strings.TrimPrefix(strings.ToUpper(r.PathValue("number")), "C-"))
	var called names
	var ok bool
	s.config.Desk.Read(func(state *casework.State) { _, ok = state.Case(number); called = namesOf(state.Users()) })
	if !ok {
		return notFound("case")
	}
	s.presence.meet(number, who.actor, writing(r.FormValue("writing")), s.config.Now())
	return s.renderPart(w, "case", "presence", s.presentAt(r.Context(), number, called))
}

type presenceOut struct {
	Present []Present `json:"present" doc:"But for the caller; those who write first."`
}

func (s *Server) apiPresence(ctx context.Context, in *caseIn) (*body[presenceOut], error) {
	var called names
	var ok bool
	s.config.Desk.Read(func(state *casework.State) { _, ok = state.Case(in.Number); called = namesOf(state.Users()) })
	if !ok {
		return nil, notFound("case")
	}
	return reply(presenceOut{list(s.presentAt(ctx, in.Number, called))}), nil
}

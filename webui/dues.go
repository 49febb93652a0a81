package webui

import (
	"context"
	"time"

	"polytrace/casework"
)

// dues are the clocks to look at now of the open cases, as far as the caller may read what they rest on: what lists of cases
// say of each, and the same as its page does.
type dues struct {
	Promised bool // Something is promised to somebody; else there is nothing to show of any case.
	works    map[int]*casework.Work
	now      time.Time
}

// dues brings the clocks of the open cases together. They are looked at again only where something has changed, see works.
func (s *Server) dues(ctx context.Context) (d dues, err error) {
	d.now = s.config.Now()
	s.config.Desk.Read(func(state *casework.State) { d.Promised = len(state.PolicyVersions()) > 0 })
	if !d.Promised {
		return d, nil
	}
	all, err := s.work(ctx)
	d.works = make(map[int]*casework.Work, len(all))
	for i := range all {
		d.works[all[i].Case.Number] = &all[i].Work
	}
	return d, err
}

// Of is the clock of a case; nil when nothing is waited for.
func (d dues) Of(number int) *dueView {
	if w := d.works[number]; w != nil {
		return dueOf(w, d.now)
	}
	return nil
}

// dueView is the clock to look at now.
type dueView struct{ Class, Icon, Text, Name string }

// dueOf is the clock of a case to look at now; nil when nothing is waited for.
func dueOf(w *casework.Work, now time.Time) *dueView {
	k, ok := w.Clock()
	if !ok {
		return nil
	}
	v := &dueView{Name: clockNames[k.Kind]}
	v.Class, v.Icon, v.Text = stands(k, w.Zone, now)
	return v
}

// dueOut is the same for programs.
type dueOut struct {
	Clock casework.ClockKind  `json:"clock" doc:"first, next or resolution."`
	State casework.ClockState `json:"state" doc:"running, paused or breached."`
	Due   time.Time           `json:"due,omitzero"`
	Share float64             `json:"share" doc:"Of the time that is used: 1 is all."`
}

// heads are cases as programs get them in lists, with their clocks.
func (d dues) heads(cases []casework.Case) []caseHead {
	heads := make([]caseHead, len(cases))
	for i, c := range cases {
		heads[i] = d.head(c)
	}
	return heads
}

func (d dues) head(c casework.Case) caseHead {
	head := headOf(c)
	if w := d.works[c.Number]; w != nil {
		if k, ok := w.Clock(); ok {
			head.Due = &dueOut{k.Kind, k.State, k.Due, k.Share()}
		}
	}
	return head
}

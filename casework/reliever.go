package casework

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Reliever gives cases back when the time of a cover has come, and takes offers of covers back that nobody
// accepted until then. It decides in the name of the appliance, with its rule.
type Reliever struct {
	Desk  *Desk
	Every time.Duration // Between two looks; default 1 minute.
	Log   *slog.Logger  // Default: discard.
}

// Run works until ctx ends.
func (r Reliever) Run(ctx context.Context) error {
	every := r.Every
	if every == 0 {
		every = time.Minute
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if err := r.round(ctx); err != nil && r.Log != nil && ctx.Err() == nil {
			r.Log.WarnContext(ctx, "covers wait", "error", err, "again_in", every)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// round ends what is due. What somebody else ended in between is none of its business.
func (r Reliever) round(ctx context.Context) error {
	var due []HandedOver
	now := r.Desk.now()
	r.Desk.Read(func(s *State) { due = s.dueHandoffs(now) })
	var errs []error
	for _, h := range due {
		var c Command = ReturnHandoff{Case: h.Case, ID: h.ID}
		if h.State == Offered {
			c = WithdrawHandoff{Case: h.Case, ID: h.ID}
		}
		_, err := r.Desk.Do(ctx, System, c)
		if refusal := (*Refusal)(nil); err != nil && !errors.As(err, &refusal) {
			errs = append(errs, fmt.Errorf("end the cover %d of case C-%d: %w", h.ID, h.Case, err))
		}
	}
	return errors.Join(errs...)
}

// dueHandoffs lists the covers, and offers of covers, whose time has come.
func (s *State) dueHandoffs(now time.Time) (due []HandedOver) {
	for _, c := range s.cases {
		for _, h := range c.Handoffs {
			if h.Open() && h.Kind == Cover && !now.Before(h.Until) {
				due = append(due, HandedOver{h.clone(), c.Number, c.Title, c.Account})
			}
		}
	}
	return due
}

package webui

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
)

// Records finds records for decisions about retention: it is what the Keeper
// asks of the index.
type Records struct {
	Archive Archive
	Index   *index.Index
	Desk    *casework.Desk // Knows the accounts that queries name.
	Now     func() time.Time
}

// CaughtUp fails while the archive has records that cannot be found yet.
func (r Records) CaughtUp(context.Context) error {
	st := r.Index.Status()
	switch {
	case st.Failure != "":
		return errors.New("search has stopped: " + st.Failure)
	case st.Lag > 0:
		return fmt.Errorf("%s still to be indexed", Count(st.Lag, "record is", "records are"))
	}
	return nil
}

// reach waits for what the archive has now to be found.
func (r Records) reach(ctx context.Context) error {
	for _, stream := range r.Archive.Streams() {
		if next := r.Archive.Next(stream); next > 0 && stream != archive.Audit {
			if err := r.Index.WaitFor(ctx, archive.Address{Stream: stream, Position: next - 1}); err != nil {
				return err
			}
		}
	}
	return r.Index.Steady(ctx)
}

// Matches yields the records that a query finds, with every arrival of the
// same message in any copy, from the positions in after on.
func (r Records) Matches(ctx context.Context, query string, after map[archive.Stream]archive.Position) iter.Seq2[archive.Address, error] {
	return func(yield func(archive.Address, error) bool) {
		for item, err := range r.find(ctx, query) {
			if err != nil {
				yield(archive.Address{}, err)
				return
			}
			all, err := r.arrivals(ctx, item)
			if err != nil {
				yield(archive.Address{}, err)
				return
			}
			for _, at := range all {
				if at.Position >= after[at.Stream] && !yield(at, nil) {
					return
				}
			}
		}
	}
}

func (r Records) names() (n index.Names) {
	r.Desk.Read(func(state *casework.State) { n.Accounts = accountNames(state) })
	n.Cases = caseNames(r.Desk)
	return n
}

// find yields all hits of a query, oldest first, page by page.
func (r Records) find(ctx context.Context, query string) iter.Seq2[index.Summary, error] {
	return func(yield func(index.Summary, error) bool) {
		ask := index.Request{Query: query, Limit: 1000, Sort: index.Oldest, Now: r.Now()}
		all := r.Index.Within(index.Within{}).Naming(r.names())
		for {
			page, err := all.Search(ctx, ask)
			if err != nil {
				yield(index.Summary{}, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if ask.Cursor = page.Next; page.Next == "" {
				return
			}
		}
	}
}

// arrivals lists the records that brought a hit, in any copy.
func (r Records) arrivals(ctx context.Context, item index.Summary) ([]archive.Address, error) {
	if item.Sightings < 2 {
		return []archive.Address{item.Address}, nil
	}
	doc, err := r.Index.Document(ctx, item.Address)
	if err != nil { // Also when a copy was removed in this moment: others may stay.
		return nil, err
	}
	all := make([]archive.Address, 0, len(doc.Seen))
	for _, seen := range doc.Seen {
		all = append(all, seen.Address)
	}
	return all, nil
}

// Alike yields the records outside of a pack whose bytes are kept in it only.
func (r Records) Alike(ctx context.Context, p archive.PackInfo) iter.Seq2[archive.Address, error] {
	pack := archive.Removal{Stream: p.Stream, First: p.First, Records: p.Records}
	return func(yield func(archive.Address, error) bool) {
		for at := range casework.Records([]casework.Range{pack}) {
			doc, err := r.Index.Document(ctx, at)
			if errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrGone) {
				continue // Nothing that people read, or nothing any more.
			}
			if err != nil {
				yield(archive.Address{}, err)
				return
			}
			own := slices.IndexFunc(doc.Seen, func(s index.Sighting) bool { return s.Address == at })
			for _, seen := range doc.Seen {
				if pack.Holds(seen.Address) || own >= 0 && seen.SHA256 != doc.Seen[own].SHA256 { // Another copy has bytes of its own.
					continue
				}
				rests, err := r.restsOn(ctx, seen.Address, at)
				if (err != nil || rests) && (!yield(seen.Address, err) || err != nil) {
					return
				}
			}
		}
	}
}

// restsOn reports whether the bytes of a record are kept at another one.
func (r Records) restsOn(ctx context.Context, record, body archive.Address) (bool, error) {
	found, err := r.Archive.Read(ctx, record)
	if errors.Is(err, archive.ErrGone) {
		return false, nil
	}
	return err == nil && found.Meta.SameAs != nil && *found.Meta.SameAs == body, err
}

// alike adds to records all that brought the same message, in any copy. What the index does
// not know is a statusError that names it.
func (r Records) alike(ctx context.Context, records iter.Seq[archive.Address]) ([]casework.Range, error) {
	var failure error
	list := casework.RangesOf(func(yield func(archive.Address) bool) {
		for at := range records {
			doc, err := r.Index.Document(ctx, at)
			if failure = err; err != nil {
				switch {
				case errors.Is(err, archive.ErrNotFound):
					failure = notFound("message " + at.String())
				case errors.Is(err, archive.ErrGone):
					failure = readError(at, err)
				}
				return
			}
			if !yield(at) {
				return
			}
			for _, seen := range doc.Seen {
				if !yield(seen.Address) {
					return
				}
			}
		}
	})
	return list, failure
}

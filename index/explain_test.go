package index

import (
	"context"
	"testing"

	"polytrace/archive"
)

// A saved search in a query is one part of it: what it asks is not told.
func TestSavedSearchIsExplainedAsOnePart(t *testing.T) {
	a := newMemArchive()
	at := a.append(archive.Meta{}, mail("disk array", "Subject: full"))
	x := follow(t, a)
	caughtUp(t, x, a)
	r := x.Within(Within{}).Naming(Names{Saved: map[string]string{"x": "(array OR overflow) subject:full -zeppelin to:nobody"}})
	e, err := r.Explain(context.Background(), Request{Query: "disk -saved:x", Now: testNow}, at)
	if err != nil {
		t.Fatal(err)
	}
	refSound(t, "disk -saved:x", *e)
	if len(e.Parts) != 2 || e.Parts[1].Text != "-saved:x" || len(e.Parts[1].Parts) != 1 || e.Parts[1].Parts[0].Text != "saved:x" || e.Parts[1].Parts[0].Parts != nil || !e.Holds {
		t.Errorf("%+v", e)
	}
}

// A saved search is read as it would be by itself, whatever is around it.
func TestSavedSearchStandsForItself(t *testing.T) {
	a := newMemArchive()
	a.append(archive.Meta{}, mail("disk } array"))
	x := follow(t, a)
	caughtUp(t, x, a)
	r := x.Within(Within{}).Naming(Names{Saved: map[string]string{"x": "disk } array"}})
	for _, query := range []string{"saved:x", "thread:{saved:x}", "(saved:x)"} {
		if got := search(t, r, Request{Query: query}).Total; got != 1 {
			t.Errorf("%s finds %d", query, got)
		}
	}
}

package casework

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polytrace/archive"
)

// goldenSearches holds the first ledger with saved searches, and what it folded
// to. These files never change.
const goldenSearches = "testdata/golden-searches"

func goldenSearchesScript(o *office) {
	step := func(actor string, c Command) { o.t.Helper(); o.as(actor, c); o.clock = o.clock.Add(time.Hour) }
	step(System, AddUser{Name: "root", FullName: "Root", Roles: []Role{Admin}})
	step(System, AddUser{Name: "kim", FullName: "Kim Osei", Roles: []Role{Specialist}})
	step(System, AddUser{Name: "lee", FullName: "Lee Park", Roles: []Role{Observer}})
	step("kim", SaveSearch{Name: "acme-open", Query: "participant:acme.example after:7d", Description: "What Acme wrote", Shared: true, Watch: true})
	step("kim", SaveSearch{Name: "mine", Query: "saved:acme-open -is:automatic"})
	step("lee", SaveSearch{Name: "mine", Query: "disk", Watch: true})
	step("root", SaveSearch{Owner: "kim", Name: "acme-open", Query: "participant:acme.example after:7d", Description: "Acme", Shared: true, Watch: true})
	step("lee", SeeSearch{Owner: "kim", Name: "acme-open", Upto: Positions{archive.Mail: 17, "mail-legal-10y": 3}})
	step("kim", SaveSearch{Name: "mine", Query: "saved:acme-open", Watch: true})
	step("lee", SaveSearch{Name: "old", Query: "x"})
	step("lee", RemoveSearch{Name: "old"})
}

func shownSearches(s *State) map[string]any {
	return map[string]any{"kim": s.Searches("kim"), "lee": s.Searches("lee"), "queries": s.Queries("lee"), "seen": s.Seen("lee", SearchKey{"kim", "acme-open"}), "unknown": s.Unknown()}
}

func TestFirstSavedSearchesStayReadable(t *testing.T) {
	checkGolden(t, goldenSearches, shownSearches, SearchSaved, SearchRemoved, SearchSeen)
}

func TestSavedSearchesAreWrittenAsAtFirst(t *testing.T) {
	checkWritten(t, goldenSearches, goldenSearchesScript)
}

// A search is for its owner, unless he shares it; a shared one is changed by its owner and by
// administrators alone, and what is not shared is as if it were not there.
func TestSavedSearchesAreTheirOwners(t *testing.T) {
	o := newOffice(t)
	goldenSearchesScript(o)
	for _, c := range []struct {
		actor string
		do    Command
		code  string
	}{
		{"lee", SaveSearch{Owner: "kim", Name: "acme-open", Query: "x", Shared: true}, Conflict},
		{"lee", RemoveSearch{Owner: "kim", Name: "acme-open"}, Conflict},
		{"lee", SaveSearch{Owner: "kim", Name: "mine", Query: "x"}, NotFound},
		{"root", SaveSearch{Owner: "kim", Name: "mine", Query: "x"}, NotFound},
		{"root", RemoveSearch{Owner: "lee", Name: "mine"}, NotFound},
		{"root", RemoveSearch{Owner: "lee", Name: "none"}, NotFound},
		{"lee", SeeSearch{Owner: "kim", Name: "mine", Upto: Positions{archive.Mail: 1}}, NotFound},
		{"lee", SaveSearch{Name: "acme-open", Query: "x"}, Conflict},
		{"lee", SaveSearch{Name: "new", Query: "x", Shared: true}, Conflict},
		{"lee", SaveSearch{Name: "Bad Name", Query: "x"}, Invalid},
		{"lee", SeeSearch{Name: "mine", Upto: Positions{"Bad": 1}}, Invalid},
		{"lee", RemoveSearch{Name: "old"}, NotFound},
	} {
		_, err := o.desk.Do(context.Background(), c.actor, c.do)
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Code != c.code {
			t.Errorf("%s %+v: %v, want %s", c.actor, c.do, err, c.code)
		}
	}
	o.as("root", RemoveSearch{Owner: "kim", Name: "acme-open"})
	if d := cmp.Diff(map[string]string{"mine": "disk"}, o.desk.state.Queries("lee")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// What somebody has seen never becomes less, whichever of two windows says it last, and is his alone.
func TestSeenOnlyGrows(t *testing.T) {
	o := newOffice(t)
	goldenSearchesScript(o)
	key := SearchKey{"kim", "acme-open"}
	o.as("lee", SeeSearch{Owner: "kim", Name: "acme-open", Upto: Positions{archive.Mail: 20}})
	o.as("lee", SeeSearch{Owner: "kim", Name: "acme-open", Upto: Positions{archive.Mail: 5, "mail-legal-10y": 4}})
	if got, want := o.desk.state.Seen("lee", key), (Positions{archive.Mail: 20, "mail-legal-10y": 4}); !maps.Equal(got, want) {
		t.Errorf("seen %v, want %v", got, want)
	}
	if got := o.desk.state.Seen("kim", key); len(got) > 0 {
		t.Errorf("another has seen %v", got)
	}
	n := len(o.ledger.records)
	o.as("lee", SeeSearch{Owner: "kim", Name: "acme-open", Upto: Positions{archive.Mail: 20}})
	if len(o.ledger.records) != n {
		t.Error("what was seen before is written again")
	}
}

// A shared search means the same to everyone, also to one who has another of its name.
func TestSharedSearchesGoFirst(t *testing.T) {
	all := Searches{}
	for _, x := range []SearchSavedData{{Owner: "lee", Name: "a", Query: "own"}, {Owner: "kim", Name: "a", Query: "shared", Shared: true}, {Owner: "lee", Name: "b", Query: "b"}} {
		if _, err := all.Save(start, x); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(map[string]string{"a": "shared", "b": "b"}, all.Queries("lee")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if _, err := all.Save(start, SearchSavedData{Owner: "lee", Name: "a", Query: "x", Shared: true}); err == nil {
		t.Error("two are shared under one name")
	}
}

// A watch begins anew with another query, and goes on through other changes.
func TestWatchGoesOnWithTheSameQuery(t *testing.T) {
	all := Searches{}
	save := func(hour int, x SearchSavedData) time.Time {
		x.Owner, x.Name = "kim", "a"
		s, err := all.Save(start.Add(time.Duration(hour)*time.Hour), x)
		if err != nil {
			t.Fatal(err)
		}
		return s.Since
	}
	for i, c := range []struct {
		data SearchSavedData
		want time.Time
	}{
		{SearchSavedData{Query: "x"}, time.Time{}},
		{SearchSavedData{Query: "x", Watch: true}, start.Add(time.Hour)},
		{SearchSavedData{Query: "x", Watch: true, Description: "d", Shared: true}, start.Add(time.Hour)},
		{SearchSavedData{Query: "y", Watch: true}, start.Add(3 * time.Hour)},
		{SearchSavedData{Query: "y"}, time.Time{}},
		{SearchSavedData{Query: "y", Watch: true}, start.Add(5 * time.Hour)},
	} {
		if got := save(i, c.data); !got.Equal(c.want) {
			t.Errorf("change %d: watched since %s, want %s", i, got, c.want)
		}
	}
}

package casework

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polytrace/archive"
)

const year10 = archive.Stream("mail-legal-10y")

func run(stream archive.Stream, first archive.Position, n int) []Range {
	return []Range{{Stream: stream, First: first, Records: n}}
}

// pack is a sealed pack in the bucket whose records were received on one day.
func pack(stream archive.Stream, first archive.Position, n int, day time.Time) archive.PackInfo {
	return archive.PackInfo{Stream: stream, First: first, Records: n, Bytes: int64(n) * 1000, Size: 100, Oldest: day, Newest: day, Stored: true}
}

// kept is an office with two classes: mail for 90 days, legal mail for 10 years.
func kept(t testing.TB) *office {
	o := staffed(t)
	o.do(AddQueue{Name: "legal", Local: "legal-aaaaa", Class: year10})
	o.do(SetClass{Class: archive.Mail, Keep: Period{Days: 90}})
	o.do(SetClass{Class: year10, Keep: Period{Years: 10}})
	return o
}

func (o *office) verdict(p archive.PackInfo) (v Verdict) {
	o.desk.Read(func(s *State) { v = Due([]archive.PackInfo{p}, s, o.clock)[0] })
	return v
}

func TestClassNeedsToExistAndALockNeedsAnEnd(t *testing.T) {
	o := kept(t)
	o.refused(SetClass{Class: "mial", Keep: Period{Years: 1}}, NotFound, "Class", `"mial"`, "mail and mail-legal-10y")
	o.refused(SetClass{Class: archive.Audit, Keep: Period{Years: 1}, Streams: []archive.Stream{archive.Audit}}, Invalid, "Class", "for ever")
	o.refused(SetClass{Class: archive.Ledger, Keep: Period{Years: 1}, Streams: []archive.Stream{archive.Ledger}}, Invalid, "Class", "for ever")
	o.refused(SetClass{Class: archive.Mail, Lock: archive.Compliance}, Invalid, "Lock", "period")
	o.refused(SetClass{Class: archive.Mail, Keep: Period{Years: 1}, Lock: "iron"}, Invalid, "Lock", `"iron"`)
	o.refused(SetClass{Class: archive.Mail, Keep: Period{Days: -1}}, Invalid, "Keep")
	o.refused(SetClass{Class: archive.Mail, Keep: Period{Years: 10_000}}, Invalid, "Keep")
	o.do(SetClass{Class: "pages", Keep: Period{Months: 6}, Streams: []archive.Stream{"pages"}})
	n := len(o.ledger.records)
	o.do(SetClass{Class: "pages", Keep: Period{Months: 6}})
	if len(o.ledger.records) != n {
		t.Error("setting what is set makes an event")
	}
}

func TestClassesThatWereNeverSetKeepForEver(t *testing.T) {
	o := staffed(t)
	o.clock = start.AddDate(900, 0, 0)
	for _, name := range []archive.Stream{archive.Mail, archive.Ledger, archive.Audit, "pages"} {
		if v := o.verdict(pack(name, 0, 5, start)); v.Due || v.Why != Always || !v.Ends.IsZero() {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// Whatever a ledger says that others could have written to: what people decided
// and read stays.
func TestLedgerAndAuditAreNeverDue(t *testing.T) {
	for _, name := range []archive.Stream{archive.Ledger, archive.Audit} {
		s := new(State)
		events, err := newEvent(ClassSet, 0, "", ClassSetData{Class: name, Keep: Period{Days: 1}})
		if err != nil {
			t.Fatal(err)
		}
		s.Apply(0, events[0])
		if v := Due([]archive.PackInfo{pack(name, 0, 5, start)}, s, start.AddDate(50, 0, 0))[0]; v.Due || v.Why != Always {
			t.Errorf("%+v", v)
		}
	}
}

func TestPeriodsFollowTheCalendar(t *testing.T) {
	at := func(text string) time.Time {
		t.Helper()
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for _, c := range []struct {
		keep       Period
		begin, end string
	}{
		{Period{Years: 10}, "2016-11-03T09:00:00Z", "2026-11-03T09:00:00Z"},
		{Period{Years: 1}, "2028-02-28T09:00:00Z", "2029-02-28T09:00:00Z"},
		{Period{Years: 1}, "2028-02-29T09:00:00Z", "2029-03-01T00:00:00Z"}, // The year ends with 28 February.
		{Period{Years: 4}, "2028-02-29T09:00:00Z", "2032-02-29T09:00:00Z"},
		{Period{Years: 1}, "2028-03-01T09:00:00Z", "2029-03-01T09:00:00Z"},
		{Period{Months: 1}, "2027-01-31T23:00:00Z", "2027-03-01T00:00:00Z"},
		{Period{Months: 18}, "2026-11-03T09:00:00Z", "2028-05-03T09:00:00Z"},
		{Period{Days: 90}, "2026-11-03T09:00:00Z", "2027-02-01T09:00:00Z"},
		{Period{Years: 1, Days: 1}, "2027-12-31T09:00:00+09:00", "2029-01-01T00:00:00Z"},
	} {
		if got := c.keep.End(at(c.begin)); !got.Equal(at(c.end)) {
			t.Errorf("%s from %s ends %s, want %s", c.keep, c.begin, got.Format(time.RFC3339), c.end)
		}
	}
	if !(Period{}).End(start).IsZero() {
		t.Error("for ever ends")
	}
}

// What was received later never leaves earlier: the newest record speaks for
// its pack.
func TestLaterNeverEndsEarlier(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Period{rapid.IntRange(0, 30).Draw(t, "years"), rapid.IntRange(0, 30).Draw(t, "months"), rapid.IntRange(0, 800).Draw(t, "days")}
		a := start.Add(time.Duration(rapid.Int64Range(0, 3000*24).Draw(t, "hours")) * time.Hour)
		b := a.Add(time.Duration(rapid.Int64Range(0, 200).Draw(t, "later")) * time.Hour)
		if p.IsZero() {
			return
		}
		if p.End(b).Before(p.End(a)) || p.End(a).Before(a) {
			t.Fatalf("%s: %s ends %s, %s ends %s", p, a, p.End(a), b, p.End(b))
		}
	})
}

func TestPeriodsAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]Period{"10y": {Years: 10}, " 90D ": {Days: 90}, "18m": {Months: 18}, "1y6m2d": {1, 6, 2}, "forever": {}, "For ever": {}} {
		p, err := ParsePeriod(text)
		if err != nil || p != want {
			t.Errorf("%q: %+v, %v", text, p, err)
		}
		if again, err := ParsePeriod(p.Short()); err != nil || again != p {
			t.Errorf("%q is written %q", text, p.Short())
		}
	}
	for _, text := range []string{"", "10", "y", "0d", "10w", "6m1y", "-1d", "10y ago", "99999999999999999999y", "5000y"} {
		if p, err := ParsePeriod(text); err == nil {
			t.Errorf("%q is read as %s", text, p)
		}
	}
	if got := (Period{1, 6, 2}).String(); got != "1 year, 6 months and 2 days" {
		t.Error(got)
	}
}

func TestPackGoesWhenItsNewestRecordHasHadItsTime(t *testing.T) {
	o := kept(t)
	p := pack(archive.Mail, 0, 10, start)
	p.Oldest = start.AddDate(0, 0, -60)
	o.clock = start.AddDate(0, 0, 90).Add(-time.Second)
	if v := o.verdict(p); v.Due || v.Why != Young || !v.Ends.Equal(start.AddDate(0, 0, 90)) || v.Text() != "kept until 1 February 2027" {
		t.Errorf("a second before: %+v", v)
	}
	o.clock = o.clock.Add(time.Second)
	if v := o.verdict(p); !v.Due || v.Why != Goes {
		t.Errorf("at its time: %+v", v)
	}
	p.Stored = false
	if v := o.verdict(p); v.Due || v.Why != Unstored {
		t.Errorf("not in the bucket: %+v", v)
	}
	p.Stored, p.Newest = true, time.Time{}
	if v := o.verdict(p); v.Due || v.Why != Undated {
		t.Errorf("without a time: %+v", v)
	}
	p.Gone = true
	o.desk.Read(func(s *State) {
		if len(Due([]archive.PackInfo{p}, s, o.clock)) != 0 {
			t.Error("there is a verdict on what is gone")
		}
	})
}

func TestHoldOnOneRecordKeepsThePack(t *testing.T) {
	o := kept(t)
	o.clock = start.AddDate(1, 0, 0)
	o.do(PlaceHold{Name: "acme-2026", Query: "from:acme.example", Records: run(archive.Mail, 19, 1), Reason: "lawsuit"})
	if v := o.verdict(pack(archive.Mail, 10, 10, start)); v.Due || v.Why != OnHold || v.Text() != "held by acme-2026" {
		t.Errorf("%+v", v)
	}
	for _, first := range []archive.Position{0, 20} {
		if v := o.verdict(pack(archive.Mail, first, 10, start)); !v.Due {
			t.Errorf("the pack at %d stays: %+v", first, v)
		}
	}
	o.refused(Expire{archive.Mail, []archive.PackInfo{pack(archive.Mail, 10, 10, start)}}, Conflict, "Packs", "acme-2026")
	o.do(ReleaseHold{"acme-2026", "settled"})
	if v := o.verdict(pack(archive.Mail, 10, 10, start)); !v.Due {
		t.Errorf("after its release: %+v", v)
	}
}

func TestHoldNeedsANameAReasonAndSomethingToHold(t *testing.T) {
	o := kept(t)
	records := run(archive.Mail, 3, 2)
	o.refused(PlaceHold{Name: "Acme!", Records: records, Reason: "x"}, Invalid, "Name")
	o.refused(PlaceHold{Name: "acme", Records: records, Reason: " "}, Invalid, "Reason", "needs a reason")
	o.refused(PlaceHold{Name: "acme", Query: "\xff", Records: records, Reason: "x"}, Invalid, "Query")
	o.refused(PlaceHold{Name: "acme", Query: "nothing", Reason: "x"}, Invalid, "Query", "matches nothing")
	for _, bad := range []Range{{Stream: "Mail", Records: 1}, {Stream: "mail"}, {Stream: "mail", Records: -1}, {Stream: "mail", First: 1 << 63, Records: 1}, {Stream: "mail", First: 1<<62 - 1, Records: 2}} {
		o.refused(PlaceHold{Name: "acme", Records: []Range{bad}, Reason: "x"}, Invalid, "Records")
	}
	o.do(PlaceHold{Name: "acme", Query: "q", Records: records, Reason: "lawsuit"})
	o.refused(PlaceHold{Name: "acme", Records: records, Reason: "x"}, Conflict, "Name", `"acme"`)
	o.refused(ExtendHold{"acme", run(archive.Mail, 9, 1)}, Conflict, "Name", "not a standing")
	o.refused(ReleaseHold{"acme", ""}, Invalid, "Reason")
	o.refused(ReleaseHold{"other", "x"}, NotFound, "Name")
	o.do(ReleaseHold{"acme", "settled"})
	o.refused(ReleaseHold{"acme", "again"}, Gone, "Name", "was released")
	o.do(PlaceHold{Name: "acme", Query: "q", Standing: true, Reason: "second lawsuit"})
	if at := o.do(ExtendHold{"acme", run(archive.Mail, 9, 1)}); at != o.do(ExtendHold{"acme", run(archive.Mail, 9, 1)}) {
		t.Error("what is held already makes an event")
	}
	o.desk.Read(func(s *State) {
		list := s.Holds()
		if len(list) != 2 || list[0].Records != 1 || !list[0].Standing || list[1].Why != "settled" || list[1].Records != 2 {
			t.Errorf("%+v", list)
		}
	})
}

func TestWhatIsHeldIsNotErasedAndTheHoldIsNamed(t *testing.T) {
	o := kept(t)
	o.do(RequestErasure{run(archive.Mail, 0, 3), "asked by the data subject"})
	o.do(PlaceHold{Name: "acme", Query: "q", Records: run(archive.Mail, 2, 1), Reason: "lawsuit"})
	o.refused(ApproveErasure{ID: 1}, Conflict, "Records", "mail/2", `"acme"`, "lawsuit")
	o.refused(RequestErasure{run(archive.Mail, 1, 5), "x"}, Conflict, "Records", "mail/2", `"acme"`)
	o.do(ReleaseHold{"acme", "settled"})
	o.do(ApproveErasure{ID: 1})
	o.desk.Read(func(s *State) {
		if !s.Removed(archive.Address{Stream: archive.Mail, Position: 2}) || s.Removed(archive.Address{Stream: archive.Mail, Position: 3}) {
			t.Error("the order is not what was asked for")
		}
	})
}

func TestErasureTakesTwoWhereThePolicySaysSo(t *testing.T) {
	o := kept(t)
	o.as("marta", RequestErasure{run(archive.Mail, 0, 1), "before the policy"})
	o.do(SetErasurePolicy{true, "data protection officer asked"})
	o.as("marta", RequestErasure{run(archive.Mail, 1, 1), "after it"})
	refusedFor := func(actor string, id int) {
		t.Helper()
		if _, err := o.desk.Do(t.Context(), actor, ApproveErasure{ID: id}); err == nil || !strings.Contains(err.Error(), "second person") {
			t.Errorf("%s approves erasure %d: %v", actor, id, err)
		}
	}
	refusedFor("marta", 1)
	refusedFor("marta", 2)
	forged := ApproveErasure{ID: 2, actor: "root"}
	if _, err := o.desk.Do(t.Context(), "marta", forged); err == nil {
		t.Error("marta approves in the name of root")
	}
	o.do(SetErasurePolicy{false, ""})
	refusedFor("marta", 2) // Who asked cannot lift the policy for what was asked under it.
	o.as("marta", ApproveErasure{ID: 1})
	o.as("root", ApproveErasure{ID: 2})
	o.refused(ApproveErasure{ID: 2}, Conflict, "ID", "already")
	o.refused(RefuseErasure{2, "too late"}, Conflict, "ID")
	o.refused(ApproveErasure{ID: 3}, NotFound, "ID")
}

func TestErasureNeedsAReasonAndSomethingToErase(t *testing.T) {
	o := kept(t)
	o.refused(RequestErasure{nil, "x"}, Invalid, "Records")
	o.refused(RequestErasure{run(archive.Mail, 0, 1), ""}, Invalid, "Reason")
	o.refused(RequestErasure{run(archive.Ledger, 0, 1), "x"}, Invalid, "Records", "ledger")
	o.refused(RequestErasure{run(archive.Audit, 0, 1), "x"}, Invalid, "Records", "audit")
	o.do(RequestErasure{run(archive.Mail, 0, 1), "x"})
	o.refused(RefuseErasure{1, ""}, Invalid, "Reason")
	o.do(RefuseErasure{1, "no right to it"})
	o.refused(ApproveErasure{ID: 1}, Conflict, "ID", "refused")
	o.do(RequestErasure{run(archive.Mail, 0, 1), "x"})
	o.do(ApproveErasure{ID: 2, Also: run(archive.Mail, 7, 1)})
	o.refused(RequestErasure{append(run(archive.Mail, 7, 1), run(archive.Mail, 0, 1)...), "x"}, Gone, "Records")
	o.do(RequestErasure{run(archive.Mail, 0, 2), "more"})
	o.do(ApproveErasure{ID: 3})
	var data ErasureOrderedData
	e, err := DecodeEvent(o.ledger.records[len(o.ledger.records)-1].Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(e.Data, &data); err != nil || !slices.Equal(data.Removes, run(archive.Mail, 1, 1)) || !slices.Equal(data.Records, run(archive.Mail, 0, 2)) {
		t.Errorf("removes what is gone: %+v, %v", data, err)
	}
}

// Nobody can hold what was decided to go before: the decision that came first stands.
func TestHoldLeavesOutWhatIsRemoved(t *testing.T) {
	o := kept(t)
	o.do(RequestErasure{run(archive.Mail, 5, 1), "x"})
	o.do(ApproveErasure{ID: 1})
	o.do(PlaceHold{Name: "acme", Query: "q", Records: run(archive.Mail, 4, 3), Reason: "x"})
	o.desk.Read(func(s *State) {
		for p, want := range map[archive.Position]bool{3: false, 4: true, 5: false, 6: true, 7: false} {
			if s.Held(archive.Address{Stream: archive.Mail, Position: p}) != want {
				t.Errorf("mail/%d is held: %v", p, !want)
			}
		}
	})
	o.refused(PlaceHold{Name: "b", Query: "q", Records: run(archive.Mail, 5, 1), Reason: "x"}, Invalid, "Query")
}

func TestLockSaysWhatClassAndHoldsSay(t *testing.T) {
	o := kept(t)
	o.do(SetClass{Class: archive.Mail, Keep: Period{Days: 90}, Lock: archive.Compliance})
	o.do(PlaceHold{Name: "acme", Query: "q", Records: run(archive.Mail, 12, 1), Reason: "x"})
	lock := func(p archive.PackInfo) (l archive.Lock) {
		o.desk.Read(func(s *State) { l = s.Lock(p) })
		return l
	}
	until := start.AddDate(0, 0, 90)
	for _, c := range []struct {
		p    archive.PackInfo
		want archive.Lock
	}{
		{pack(archive.Mail, 0, 10, start), archive.Lock{Mode: archive.Compliance, Until: until}},
		{pack(archive.Mail, 10, 10, start), archive.Lock{Mode: archive.Compliance, Until: until, Hold: true}},
		{pack(year10, 10, 10, start), archive.Lock{}},
		{pack(archive.Ledger, 0, 10, start), archive.Lock{}},
	} {
		if got := lock(c.p); got != c.want {
			t.Errorf("%s/%d: %+v", c.p.Stream, c.p.First, got)
		}
	}
}

// Of a hold on a million single messages the state needs little, and asking
// about a record or a pack is quick.
func BenchmarkMillionHeld(b *testing.B) {
	o := kept(b)
	const n = 1_000_000
	records := make([]Range, 0, n)
	for i := range archive.Position(n) {
		records = append(records, Range{Stream: archive.Mail, First: 2 * i, Records: 1})
	}
	o.do(PlaceHold{Name: "large", Query: "q", Records: records, Reason: "x"})
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		o.desk.Read(func(s *State) {
			if !s.Held(archive.Address{Stream: archive.Mail, Position: archive.Position(2 * (i % n))}) {
				b.Fatal("not held")
			}
		})
	}
}

func anyRanges(t *rapid.T, label string) []Range {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Range {
		return Range{Stream: rapid.SampledFrom([]archive.Stream{archive.Mail, year10}).Draw(t, "stream"),
			First: archive.Position(rapid.IntRange(0, 60).Draw(t, "first")), Records: rapid.IntRange(1, 9).Draw(t, "records")}
	}), 0, 8).Draw(t, label)
}

func addresses(list []Range) map[archive.Address]bool {
	set := map[archive.Address]bool{}
	for at := range Records(list) {
		set[at] = true
	}
	return set
}

// The compact set answers as a plain one does.
func TestRecordSetIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set, plain := make(recordSet), map[archive.Address]bool{}
		for i := range rapid.IntRange(1, 4).Draw(t, "lists") {
			list := anyRanges(t, fmt.Sprint("list", i))
			set.add(list)
			for at := range addresses(list) {
				plain[at] = true
			}
		}
		ask := anyRanges(t, "ask")
		missing := addresses(set.missing(ask))
		for at := range addresses(ask) {
			if missing[at] == plain[at] {
				t.Fatalf("%s: missing %v, plain %v", at, missing[at], plain[at])
			}
			if set.touches(Range{Stream: at.Stream, First: at.Position, Records: 1}) != plain[at] {
				t.Fatalf("touches %s", at)
			}
		}
		at, found := set.overlap(ask)
		if found != (len(missing) < len(addresses(ask))) || found && !plain[at] {
			t.Fatalf("overlap %s %v", at, found)
		}
		ranges := set.ranges()
		if set.count() != len(plain) || CountRecords(ranges) != len(plain) {
			t.Fatalf("%d records, want %d", set.count(), len(plain))
		}
		again := RangesOf(func(yield func(archive.Address) bool) {
			for at := range plain {
				if !yield(at) {
					return
				}
			}
		})
		if !slices.Equal(again, ranges) {
			t.Fatalf("%v, want %v", again, ranges)
		}
	})
}

// Whatever people decide and whatever the clock says: nothing under hold is
// ever due, and no command to expire takes a record of it away.
func TestNothingUnderHoldIsEverDue(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := kept(t)
		for i := range rapid.IntRange(1, 25).Draw(rt, "steps") {
			o.clock = o.clock.AddDate(0, 0, rapid.IntRange(0, 400).Draw(rt, "days"))
			name := rapid.SampledFrom([]string{"acme", "tax", "old"}).Draw(rt, "name")
			records := anyRanges(rt, "records")
			keep := Period{Days: rapid.IntRange(0, 100).Draw(rt, "keep")}
			class := rapid.SampledFrom([]archive.Stream{archive.Mail, year10, archive.Ledger}).Draw(rt, "class")
			packs := []archive.PackInfo{pack(class, archive.Position(10*rapid.IntRange(0, 6).Draw(rt, "pack")), 10, start.AddDate(0, 0, i))}
			_, _ = o.desk.Do(t.Context(), "root", rapid.SampledFrom([]Command{
				PlaceHold{Name: name, Query: "q", Standing: i%2 == 0, Records: records, Reason: "r"},
				ExtendHold{name, records}, ReleaseHold{name, "r"}, SetClass{Class: class, Keep: keep},
				RequestErasure{records, "r"}, ApproveErasure{ID: rapid.IntRange(1, 3).Draw(rt, "id"), Also: records}, Expire{class, packs},
			}).Draw(rt, "command"))
			o.desk.Read(func(s *State) { checkHolds(rt, s, rapid.IntRange(-100, 100_000).Draw(rt, "when")) })
		}
		if u := o.desk.state.Unknown(); len(u) > 0 {
			rt.Fatalf("a command made an event that does not fit: %+v", u)
		}
		equalStates(t, o.reopen().state, o.desk.state)
		if t.Failed() {
			rt.FailNow()
		}
	})
}

// checkHolds looks at every pack that there could be, at a time in days from start.
func checkHolds(t *rapid.T, s *State, days int) {
	for _, stream := range []archive.Stream{archive.Mail, year10, archive.Ledger} {
		for first := archive.Position(0); first < 70; first++ {
			p := pack(stream, first, 5, start)
			v := Due([]archive.PackInfo{p}, s, start.AddDate(0, 0, days))[0]
			for at := range Records([]Range{runOf(p)}) {
				if s.Held(at) && (v.Due || s.Removed(at) || !s.Lock(p).Hold) {
					t.Fatalf("%s is held; due %v, removed %v, locked %v", at, v.Due, s.Removed(at), s.Lock(p))
				}
			}
			if v.Due && (stream == archive.Ledger || s.Class(stream).Keep.IsZero()) {
				t.Fatalf("%s/%d is due though it is kept for ever", stream, first)
			}
		}
	}
}

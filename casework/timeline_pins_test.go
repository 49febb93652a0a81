package casework

import (
	"testing"
	"time"

	"polytrace/archive"
)

// goldenTimeline holds the first ledger with pins of a timeline, and what it folded to. These files never change.
const goldenTimeline = "testdata/golden-timeline"

func TestFirstTimelinePinsStayReadable(t *testing.T) {
	checkGolden(t, goldenTimeline, shownPins, TimelinePinned, TimelineUnpinned)
}

func TestTimelinePinsAreWrittenAsAtFirst(t *testing.T) {
	checkWritten(t, goldenTimeline, goldenTimelineScript)
}

// line is the address of an event.
func line(at archive.Position) archive.Address {
	return archive.Address{Stream: archive.Ledger, Position: at}
}

// goldenTimelineScript makes every type of event with every member set at least once, and an offer that names pins.
func goldenTimelineScript(o *office) {
	step := func(actor string, c Command) { o.t.Helper(); o.as(actor, c); o.clock = o.clock.Add(time.Hour) }
	step(System, AddUser{Name: "kim", FullName: "Kim Osei", Roles: []Role{Specialist}})
	step(System, AddUser{Name: "lee", FullName: "Lee Park", Roles: []Role{Agent}})
	step("kim", OpenCase{Title: "Gateways offline in Bremen", Owner: "kim"})
	step("kim", PinItem{Case: 101, Record: named(7).Record, SHA256: named(7).SHA256, Reason: "here they say since when"})
	step("lee", PinItem{Case: 101, Record: line(2)})
	step("kim", UnpinItem{Case: 101, ID: 1, Reason: "there is a better one"})
	step("kim", PinItem{Case: 101, Record: named(7).Record, SHA256: named(7).SHA256})
	step("kim", OfferHandoff{Case: 101, To: "lee", Fields: said()})
}

// What is pinned is pinned once, whichever of cases that are one has the pin; it can be taken away and pinned again, and
// neither stands in the way of those who change the case.
func TestESC17_PinnedItemsAreKeptOnce(t *testing.T) {
	o := withCase(t)
	seen := o.theCase(101).Revision
	opened := o.theCase(101).Log[0].Position
	mail := PinItem{Case: 101, Record: named(7).Record, SHA256: named(7).SHA256, Reason: "since when"}
	o.as("kim", mail)
	if got := o.lastLine(101); got != "Kim Osei pinned mail/7 in the timeline (reason: since when)" {
		t.Error(got)
	}
	o.as("marta", PinItem{Case: 101, Record: line(opened), SHA256: archive.Digest{9}})
	o.as("kim", OpenCase{Title: "Another plant", Owner: "kim"})
	o.as("kim", MergeCase{Case: 101, Into: 102})
	for _, x := range []struct {
		c           Command
		code, field string
		words       string
	}{
		{mail, Conflict, "Record", "Kim Osei"},
		{PinItem{Case: 102, Record: mail.Record, SHA256: mail.SHA256}, Conflict, "Record", "Kim Osei"},
		{PinItem{Case: 101, Record: line(opened)}, Conflict, "Record", "Marta Lindqvist"},
		{PinItem{Case: 101, Record: line(0)}, Invalid, "Record", "no line ledger/0"},
		{PinItem{Case: 101, Record: archive.Address{Stream: archive.Audit}, SHA256: archive.Digest{9}}, Invalid, "Record", ""},
		{PinItem{Case: 101, Record: named(8).Record}, Invalid, "SHA256", ""},
		{PinItem{Case: 99, Record: mail.Record, SHA256: mail.SHA256}, NotFound, "Case", ""},
		{UnpinItem{Case: 101, ID: 3}, NotFound, "ID", ""},
		{UnpinItem{Case: 101, ID: 0}, NotFound, "ID", ""},
	} {
		o.refused(x.c, x.code, x.field, x.words)
	}
	o.as("kim", PinItem{Case: 102, Record: line(o.theCase(101).Log[1].Position)}) // Of a case that is part of it.
	o.as("marta", UnpinItem{Case: 101, ID: 1})
	o.refused(UnpinItem{Case: 101, ID: 1}, Gone, "ID")
	o.as("kim", mail)
	c := o.theCase(101)
	if len(c.TimelinePins) != 3 || c.TimelinePins[0].RemovedBy != "marta" || !c.TimelinePins[1].SHA256.IsZero() || c.TimelinePins[2].ID != 3 || c.TimelinePins[2].By != "kim" {
		t.Errorf("%+v", c.TimelinePins)
	}
	if p, number, ok := PinOf([]Case{o.theCase(102), c}, mail.Record); !ok || number != 101 || p.ID != 3 || p.Reason != "since when" {
		t.Errorf("%+v in %d, %v", p, number, ok)
	}
	c.TimelinePins[2].Reason = "changed by a reader"
	if o.theCase(101).TimelinePins[2].Reason != "since when" {
		t.Error("a copy shares the pins")
	}
	o.as("kim", UnmergeCase{Case: 101})
	o.as("kim", ChangeCase{Case: 102, Severity: new(1), Revision: new(o.theCase(102).Revision)})
	before := o.theCase(101).Revision
	o.as("marta", UnpinItem{Case: 101, ID: 2})
	o.as("kim", ChangeCase{Case: 101, Severity: new(1), Revision: &before})
	o.refused(ChangeCase{Case: 101, Severity: new(2), Revision: &seen}, Conflict, "Revision")
}

// A package names what is pinned, and not what was.
func TestESC17_PinnedItemsGoWithAnOffer(t *testing.T) {
	o := newOffice(t)
	goldenTimelineScript(o)
	p := o.theCase(101).Handoffs[0].Package
	if len(p.Timeline) != 2 || p.Timeline[0] != line(2) || p.Timeline[1] != named(7).Record {
		t.Errorf("%v", p.Timeline)
	}
	if h := o.theCase(101).Handoffs[0]; h.Package.Digest() != h.SHA256 {
		t.Error("the package has not the digest that the offer says")
	}
}

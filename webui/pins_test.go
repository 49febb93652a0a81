package webui

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"polytrace/archive"
	"polytrace/casework"
)

// Mail and decisions are pinned on the page, are shown alone there and by the API, go with an offer, and are unpinned from the
// page of the case that has them, or of the one that it is part of.
func TestESC17_PinnedItemsAreShownAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	at := hopping(f)
	b, p := f.as("manager"), f.program(casework.Observer)
	pinned := func(number int) (list []string) {
		for _, it := range tell[timelineOut](p, http.StatusOK, "GET", fmt.Sprintf("/cases/%d/timeline?pinned=true", number), nil).Items {
			if it.Mail != nil {
				list = append(list, it.Mail.Record.String())
			} else {
				list = append(list, fmt.Sprint("ledger/", it.Entry.Position))
			}
		}
		return list
	}
	if page := b.get("/cases/101/timeline").body; strings.Contains(page, "Only pinned") || !strings.Contains(page, `action="/cases/101/timeline?kind=&amp;from=0"`) {
		t.Error("a timeline without pins offers them, or offers no form")
	}
	opened := archive.Address{Stream: archive.Ledger, Position: f.caseOf(101).Log[0].Position}
	r := b.post("/cases/101/timeline?kind=mail&from=0", url.Values{"record": {at[4].String()}, "do": {"pin"}, "reason": {"what we <promised>"}})
	if to := r.head.Get("Location"); r.code != http.StatusSeeOther || to != "/cases/101/timeline?kind=mail&from=0#"+itemID(at[4]) {
		t.Fatalf("%d to %q: %s", r.code, to, r.body)
	}
	b.post("/cases/101/timeline", url.Values{"record": {opened.String()}})
	if got, want := pinned(101), []string{at[4].String(), opened.String()}; !slices.Equal(got, want) {
		t.Errorf("pinned are %v, want %v", got, want)
	}
	page := b.get("/cases/101/timeline?pinned=1").body
	for _, say := range []string{"Only pinned 2</a>", "what we &lt;promised&gt;", "pinned by The manager", `id="` + itemID(at[4]) + `"`, `id="` + itemID(opened) + `"`, "Unpin"} {
		if !strings.Contains(page, say) {
			t.Errorf("the page does not say %q", say)
		}
	}
	if strings.Count(page, `class="event"`) != 1 || strings.Count(page, `class="decision"`) != 1 {
		t.Error("more is shown than what is pinned")
	}
	if page := f.as("observer").get("/cases/101/timeline?pinned=1").body; !strings.Contains(page, "pinned by") || strings.Contains(page, "Unpin") {
		t.Error("an observer sees no pins, or a form")
	}
	again := b.post("/cases/101/timeline?pinned=1", url.Values{"record": {at[4].String()}})
	if again.code != http.StatusConflict || !strings.Contains(again.body, "pinned already") || !strings.Contains(again.body, "Only pinned 2") {
		t.Errorf("pinned twice: %d", again.code)
	}
	f.do(casework.OfferHandoff{Case: 101, To: "agent", Fields: map[string]string{"situation": "It stands", "next-step": "Send a valve", "customer-expects": "unknown"}})
	offer := b.get("/cases/101/handoffs/1").body
	for _, say := range []string{"Pinned in the timeline", recordPath(at[4]), "/cases/101/timeline#" + itemID(opened)} {
		if !strings.Contains(offer, say) {
			t.Errorf("the offer does not say %q", say)
		}
	}
	f.do(casework.OpenCase{Title: "All pumps"})
	f.do(casework.MergeCase{Case: 101, Into: 102})
	if got := pinned(102); len(got) != 2 {
		t.Errorf("a case does not show the pins of one that is part of it: %v", got)
	}
	if r := b.post("/cases/102/timeline?pinned=1", url.Values{"record": {at[4].String()}, "do": {"unpin"}}); r.code != http.StatusSeeOther {
		t.Errorf("%d %s", r.code, r.body)
	}
	if r := b.post("/cases/102/timeline?pinned=1", url.Values{"record": {at[4].String()}, "do": {"unpin"}}); r.code != http.StatusConflict {
		t.Errorf("unpinned twice: %d", r.code)
	}
	if got := pinned(101); len(got) != 1 || got[0] != opened.String() {
		t.Errorf("%v", got)
	}
}

// Whoever may not read a message neither pins it nor sees or counts its pin.
func TestESC17_PinnedItemsAreWithinGrants(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.users()
	at := f.mail(letter(1))
	other := f.mail(note("roy@contoso.example", "Hello there", "o1@contoso.example", "", "A question."))
	f.do(casework.OpenCase{Title: "Batch", Messages: []casework.Named{{Record: at, SHA256: f.digest(at)}}})
	f.do(casework.AddQueue{Name: "postfix", Local: "postfix-secret", QueueTerms: casework.QueueTerms{Readers: []string{"role:manager"}}})
	may, mayNot := f.program(casework.Manager), f.program(casework.Agent)
	pin := map[string]any{"record": at, "reason": "their deadline"}
	if r := mayNot.ask("POST", "/cases/101/timeline/pins", pin); r.code != http.StatusNotFound {
		t.Errorf("an agent pins what he may not read: %d", r.code)
	}
	if r := may.ask("POST", "/cases/101/timeline/pins", map[string]any{"record": other}); r.code != http.StatusNotFound {
		t.Errorf("mail of no case is pinned: %d", r.code)
	}
	if c := tell[casework.Case](may, http.StatusCreated, "POST", "/cases/101/timeline/pins", pin); len(c.TimelinePins) != 1 || c.TimelinePins[0].SHA256 != f.digest(at) {
		t.Errorf("%+v", c.TimelinePins)
	}
	got := tell[timelineOut](may, http.StatusOK, "GET", "/cases/101/timeline?pinned=true", nil).Items
	if len(got) != 1 || got[0].Pin.Case != 101 || got[0].Pin.ID != 1 || got[0].Pin.Reason != "their deadline" {
		t.Errorf("%+v", got)
	}
	if got := tell[timelineOut](mayNot, http.StatusOK, "GET", "/cases/101/timeline?pinned=true", nil).Items; len(got) != 0 {
		t.Errorf("%+v", got)
	}
	if page := f.as("agent").get("/cases/101/timeline").body; strings.Contains(page, "Only pinned") {
		t.Error("a pin is counted for somebody who may not see it")
	}
	if r := may.ask("DELETE", "/cases/101/timeline/pins/1", nil); r.code != http.StatusNoContent {
		t.Errorf("%d %s", r.code, r.body)
	}
	if r := may.ask("DELETE", "/cases/101/timeline/pins/1", nil); r.code != http.StatusGone {
		t.Errorf("%d %s", r.code, r.body)
	}
}

// The exception of a case is settled beside the line that says how it came in, and the case leaves the slice.
func TestTR13_ASettledExceptionLeavesTheQueue(t *testing.T) {
	t.Parallel()
	f := takesIn(t)
	f.mail(note("roy@contoso.example", "Hello there", "o1@contoso.example", "", "A question."))
	f.mail(note("ann@fabrikam.example", "Good day", "o2@fabrikam.example", "", "Another one."))
	f.routes()
	b, p := f.as("agent"), f.program(casework.Agent)
	count := func() int { return tell[workOut](p, http.StatusOK, "GET", "/work?slice=exceptions", nil).Total }
	if count() != 2 {
		t.Fatalf("%d exceptions", count())
	}
	page := b.get("/cases/101").body
	if !strings.Contains(page, "<b>unknown sender</b>") || !strings.Contains(page, `action="/cases/101/exception"`) {
		t.Error("the page does not offer to settle")
	}
	if page := f.as("observer").get("/cases/101").body; strings.Contains(page, `action="/cases/101/exception"`) {
		t.Error("an observer is offered to settle")
	}
	long := b.post("/cases/101/exception", url.Values{"reason": {strings.Repeat("x", 1001)}})
	if long.code != http.StatusUnprocessableEntity || !strings.Contains(long.body, "xxxx") || count() != 2 {
		t.Errorf("a reason that is too long: %d", long.code)
	}
	if r := b.post("/cases/101/exception", url.Values{"reason": {"a new plant of Contoso"}}); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	page = b.get("/cases/101").body
	if !strings.Contains(page, "unknown sender, settled by The agent") || !strings.Contains(page, "a new plant of Contoso") || strings.Contains(page, `action="/cases/101/exception"`) {
		t.Error("the page does not say that it is settled")
	}
	if page := b.get("/work?slice=exceptions").body; count() != 1 || strings.Contains(page, "Hello there") || !strings.Contains(page, "exception: unknown sender") {
		t.Errorf("%d exceptions", count())
	}
	if page := b.get("/work").body; strings.Count(page, "exception: ") != 1 {
		t.Error("the queue shows a settled exception as one")
	}
	if c := tell[casework.Case](p, http.StatusCreated, "POST", "/cases/102/exception", map[string]any{}); c.Settled == nil || c.Settled.Reason != "" || count() != 0 {
		t.Errorf("%+v, %d exceptions", c.Settled, count())
	}
	if r := p.ask("POST", "/cases/102/exception", map[string]any{"reason": "again"}); r.code != http.StatusConflict {
		t.Errorf("settled twice: %d", r.code)
	}
}

// A rule is moved behind the next one by a button, which the last one does not have.
func TestTR2_RulesAreMovedDown(t *testing.T) {
	t.Parallel()
	second := rule1()
	second.ID, second.Name = "renewal", "Renewal"
	f := takesIn(t, rule1(), second)
	b := f.as("manager")
	page := b.get("/rules").body
	if !strings.Contains(page, `aria-label="Look at Contract later"`) || strings.Contains(page, `aria-label="Look at Renewal later"`) || !strings.Contains(page, `aria-label="Look at Renewal earlier"`) {
		t.Error("the buttons do not fit the order")
	}
	if r := b.post("/rules/contract/move", url.Values{"do": {"down"}}); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	f.desk.Read(func(s *casework.State) {
		if got := s.Rules().Rules; got[0].ID != "renewal" || got[1].ID != "contract" {
			t.Errorf("%+v", got)
		}
	})
}

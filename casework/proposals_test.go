package casework

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polytrace/archive"
)

// goldenProposals holds the first ledger with rejected proposals, and what it folded to. These files never change.
const goldenProposals = "testdata/golden-proposals"

func shownProposals(s *State) map[string]any {
	return map[string]any{"rejected": s.Rejections(archive.Digest{7}), "unknown": s.Unknown()}
}

func TestFirstRejectionsStayReadable(t *testing.T) {
	checkGolden(t, goldenProposals, shownProposals, ProposalRejected, ProposalRestored)
}

func TestRejectionsAreWrittenAsAtFirst(t *testing.T) {
	checkWritten(t, goldenProposals, goldenProposalsScript)
}

// proposedAt is a proposal of mail/7 with the word Friday at an offset.
func proposedAt(at int, kind string) Proposed {
	return Proposed{Record: archive.Address{Stream: archive.Mail, Position: 7}, SHA256: archive.Digest{7}, Kind: kind, Quote: "Friday", Start: at, End: at + 6, Rule: "weekday", Version: 3}
}

// goldenProposalsScript makes every type of event with every member set at least once.
func goldenProposalsScript(o *office) {
	step := func(actor string, c Command) { o.t.Helper(); o.as(actor, c); o.clock = o.clock.Add(time.Hour) }
	part := proposedAt(40, "promise")
	part.Part = 2
	step(System, AddUser{Name: "kim", FullName: "Kim Osei", Roles: []Role{Agent}})
	step("kim", RejectProposal{part, "a joke"})
	step("kim", RejectProposal{proposedAt(10, "date"), ""})
	step("kim", RejectProposal{proposedAt(90, "date"), ""})
	step("kim", RestoreProposal{archive.Digest{7}, 2, "it is one"})
}

// What was rejected is not proposed again, by the same rules or others, and where else its words stand since; other words
// and other kinds are. It can be taken back.
func TestAC4_RejectionIsRemembered(t *testing.T) {
	o := staffed(t)
	text := "We send the report by Friday. The plant starts on Friday."
	first := Proposed{Record: named(7).Record, SHA256: archive.Digest{7}, Kind: "promise", Quote: "send the report by Friday", Start: 3, End: 28, Rule: "will", Version: 3}
	o.as("kim", RejectProposal{first, "a joke"})
	covers := func(text string, change func(*Proposed)) bool {
		p := first
		change(&p)
		for _, r := range o.desk.state.Rejections(p.SHA256) {
			if r.Covers(p, text) {
				return true
			}
		}
		return false
	}
	longer := func(p *Proposed) { p.Quote, p.Start, p.End, p.Rule, p.Version = text[:29], 0, 29, "intent", 4 }
	if !covers(text, func(*Proposed) {}) || !covers(text, longer) {
		t.Error("it comes back with another version of the rules")
	}
	moved := "Hello,\n\n" + strings.ReplaceAll(text, " ", "\n ")
	if !covers(moved, func(p *Proposed) { p.Start, p.End = 10, 40 }) {
		t.Error("it comes back where the text was extracted otherwise")
	}
	for what, change := range map[string]func(*Proposed){
		"other words": func(p *Proposed) { p.Start, p.End = 30, 56 }, "another kind": func(p *Proposed) { p.Kind = "date" },
		"other bytes": func(p *Proposed) { p.SHA256 = archive.Digest{8} }, "another part": func(p *Proposed) { p.Part = 1 },
	} {
		if covers(text, change) {
			t.Errorf("%s are rejected with it", what)
		}
	}
	n := len(o.ledger.records)
	o.as("marta", RejectProposal{first, ""})
	if len(o.ledger.records) != n {
		t.Error("it is rejected twice")
	}
	at := o.desk.state.Rejections(first.SHA256)[0].Position
	o.refused(RestoreProposal{SHA256: first.SHA256, Position: at + 1}, NotFound, "Position")
	o.as("marta", RestoreProposal{SHA256: first.SHA256, Position: at})
	if covers(text, func(*Proposed) {}) {
		t.Error("it is rejected after that was taken back")
	}
	o.refused(RestoreProposal{SHA256: first.SHA256, Position: at}, NotFound, "Position")
	bad := first
	bad.Kind = "mood"
	o.refused(RejectProposal{bad, ""}, Invalid, "Kind")
	bad = first
	bad.End++
	o.refused(RejectProposal{bad, ""}, Invalid, "Quote")
	bad = first
	bad.SHA256 = archive.Digest{}
	o.refused(RejectProposal{bad, ""}, Invalid, "SHA256")
	equalStates(t, o.reopen().state, o.desk.state)
}

// Words that a statement rests on are not proposed any more; words that are evidence alone still are.
func TestAC4_WhatIsStatedIsNotProposed(t *testing.T) {
	o := withCase(t)
	text := strings.Repeat(" ", 10) + "All 14 gateways are offline until Friday"
	p := Proposed{Record: named(7).Record, SHA256: archive.Digest{7}, Kind: "date", Quote: "offline until Friday", Start: 30, End: 50}
	if o.desk.state.Stated(p, text) {
		t.Error("evidence alone states nothing")
	}
	o.as("kim", StateFact{Case: 101, Text: "They are offline.", Cites: []int{1}, Accepted: true})
	if !o.desk.state.Stated(p, text) {
		t.Error("the words of a fact are proposed")
	}
	if p.Start = 38; o.desk.state.Stated(p, text) {
		t.Error("other words are taken for stated")
	}
}

// Human decisions outrank rules for ever: whatever was decided of a message in whatever order, what is rejected in the
// end are exactly the words whose last decision is a rejection, for rules of every version.
func TestInvariant11_DecisionsOutrankExtractors(t *testing.T) {
	text := strings.Repeat("Friday, ", 8)
	rapid.Check(t, func(rt *rapid.T) {
		o, want := staffed(t), map[int]bool{}
		for range rapid.IntRange(1, 20).Draw(rt, "steps") {
			at := 8 * rapid.IntRange(0, 7).Draw(rt, "word")
			if rapid.Bool().Draw(rt, "reject") {
				o.as("kim", RejectProposal{proposedAt(at, "date"), ""})
				want[at] = true
				continue
			}
			for _, r := range o.desk.state.Rejections(archive.Digest{7}) {
				if r.Start == at {
					o.as("kim", RestoreProposal{SHA256: r.SHA256, Position: r.Position})
				}
			}
			delete(want, at)
		}
		for at := 0; at < 64; at += 8 {
			p, got := proposedAt(at, "date"), false
			p.Version = rapid.IntRange(1, 9).Draw(rt, "version")
			for _, r := range o.reopen().state.Rejections(p.SHA256) {
				got = got || r.Covers(p, text)
			}
			if got != want[at] {
				rt.Fatalf("the word at %d: rejected %v, want %v", at, got, want[at])
			}
		}
	})
}

package casework

import (
	"slices"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
)

// goldenThreads holds the first ledger with decisions about conversations, and
// what it folded to. These files never change.
const goldenThreads = "testdata/golden-threads"

func shownThreads(s *State) map[string]any {
	return map[string]any{"corrections": s.corrections, "unknown": s.Unknown()}
}

func threadsScript(o *office) {
	step := func(actor string, c Command) { o.t.Helper(); o.as(actor, c); o.clock = o.clock.Add(90 * time.Second) }
	step(System, AddUser{Name: "root", FullName: "Rowan Admin", Roles: []Role{Admin}, Password: testHash})
	step("root", AddUser{Name: "kim", FullName: "Kim Osei", Roles: []Role{Specialist}})
	step("kim", SplitThread{mailNo(3), "Another <order>"})
	step("kim", JoinThreads{[2]Named{mailNo(3), mailNo(7)}, "Their reply came from another address"})
	step("kim", SplitThread{mailNo(9), "A mistake"})
	step("token:ci", UndoThread{4, "was right"})
	step("kim", UndoThread{Decision: 2})
}

func mailNo(n byte) Named {
	return Named{archive.Address{Stream: "mail-legal-10y", Position: archive.Position(n)}, archive.Digest{n}}
}

func TestFirstDecisionsAboutConversationsStayReadable(t *testing.T) {
	checkGolden(t, goldenThreads, shownThreads, ThreadSplit, ThreadJoined, ThreadUndone)
}

func TestDecisionsAboutConversationsAreWrittenAsAtFirst(t *testing.T) {
	checkWritten(t, goldenThreads, threadsScript)
}

// A decision about a conversation names messages by their bytes and says why, and is not made twice.
func TestConversationsAreCorrectedOnceAndForAReason(t *testing.T) {
	o := staffed(t)
	o.refused(SplitThread{Named{Record: mailNo(1).Record}, "r"}, Invalid, "SHA256")
	o.refused(SplitThread{Named{archive.Address{Stream: archive.Ledger}, archive.Digest{1}}, "r"}, Invalid, "Record")
	o.refused(SplitThread{mailNo(1), " "}, Invalid, "Reason")
	o.refused(SplitThread{mailNo(1), strings.Repeat("x", 1001)}, Invalid, "Reason")
	o.refused(JoinThreads{[2]Named{mailNo(1), mailNo(1)}, "r"}, Invalid, "Messages", "same message")
	o.refused(JoinThreads{[2]Named{mailNo(1), mailNo(2)}, ""}, Invalid, "Reason")
	o.refused(UndoThread{Decision: 1}, NotFound, "Decision")

	first := o.as("kim", SplitThread{mailNo(1), "another order"})
	o.refused(SplitThread{mailNo(1), "r"}, Conflict, "Message", "ledger/")
	joined := o.as("kim", JoinThreads{[2]Named{mailNo(1), mailNo(2)}, "the same after all"})
	o.refused(JoinThreads{[2]Named{mailNo(2), mailNo(1)}, "r"}, Conflict, "Messages", "ledger/")
	again := o.as("kim", SplitThread{mailNo(1), "not the same"})
	o.as("kim", JoinThreads{[2]Named{mailNo(2), mailNo(1)}, "it is"})
	positions := func(of ...archive.Digest) (at []archive.Position) {
		o.desk.Read(func(s *State) {
			for _, c := range s.Corrections(of...) {
				at = append(at, c.Position)
			}
		})
		return at
	}
	if got, want := positions(archive.Digest{1}), []archive.Position{first, joined, again, again + 1}; !slices.Equal(got, want) {
		t.Errorf("about the first are %v, want %v", got, want)
	}
	if got, want := positions(archive.Digest{2}), []archive.Position{joined, again + 1}; !slices.Equal(got, want) {
		t.Errorf("about the second are %v, want %v", got, want)
	}
	o.as("kim", UndoThread{joined, ""})
	o.refused(UndoThread{joined, ""}, NotFound, "Decision", "still holds")
	if got, want := positions(archive.Digest{2}), []archive.Position{again + 1}; !slices.Equal(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}
}

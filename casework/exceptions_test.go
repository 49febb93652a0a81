package casework

import (
	"testing"
	"time"
)

// goldenExceptions holds the first ledger with a settled exception, and what it folded to. These files never change.
const goldenExceptions = "testdata/golden-exceptions"

func TestFirstSettledExceptionsStayReadable(t *testing.T) {
	checkGolden(t, goldenExceptions, shownPins, ExceptionSettled)
}

func TestSettledExceptionsAreWrittenAsAtFirst(t *testing.T) {
	checkWritten(t, goldenExceptions, goldenExceptionsScript)
}

// goldenExceptionsScript has two exceptions, of which the second is settled with a reason.
func goldenExceptionsScript(o *office) {
	step := func(actor string, c Command) { o.t.Helper(); o.as(actor, c); o.clock = o.clock.Add(time.Hour) }
	step(System, AddUser{Name: "marta", FullName: "Marta Lindqvist", Roles: []Role{Manager}})
	step(System, AddUser{Name: "kim", FullName: "Kim Osei", Roles: []Role{Specialist}})
	step(System, AddQueue{Name: "support", Local: "support-7f3k2"})
	step("marta", SetIntake{Queues: []string{"support"}})
	forged := contract()
	forged.Message, forged.DMARC = named(4), "fail"
	o.routeAs(forged, 0)
	step("kim", SettleException{Case: 101})
	sealed := contract()
	sealed.Message, sealed.Encrypted = named(5), true
	o.routeAs(sealed, 101)
	step("marta", SettleException{Case: 101, Reason: "Jane Doe says on the phone what is in it"})
}

// A case whose exception is settled leaves the slice; what comes in later without one leaves it there, and another exception
// brings it back.
func TestTR13_ASettledExceptionLeavesTheQueue(t *testing.T) {
	o := staffed(t)
	o.as("root", AddQueue{Name: "support", Local: "support-7f3k2"})
	o.as("marta", SetIntake{Queues: []string{"support"}})
	waits := func(want string) {
		t.Helper()
		c := o.theCase(101)
		w, ok := WorkOf(c, nil, func(Mail) bool { return false }, nil, nil, o.clock)
		if !ok || w.In(SliceExceptions, "kim", o.clock) != (want != "") || c.Exception() != want || c.standing().Exception != want {
			t.Errorf("the exception is %q, and in the slice %v; want %q", c.Exception(), w.In(SliceExceptions, "kim", o.clock), want)
		}
		var head Case
		o.desk.Read(func(s *State) { head = s.Overview()[0] })
		if head.Exception() != want {
			t.Errorf("in lists it is %q", head.Exception())
		}
	}
	o.refused(SettleException{Case: 101}, NotFound, "Case")
	forged := contract()
	forged.Message, forged.DMARC = named(4), "fail"
	o.routeAs(forged, 0)
	waits(ExceptionForged)
	seen := o.theCase(101).Revision
	o.as("kim", ChangeCase{Case: 101, Title: new("Renewal of the contract")})
	o.refused(SettleException{Case: 101, Revision: &seen}, Conflict, "Revision")
	waits(ExceptionForged)
	o.as("kim", SettleException{Case: 101, Reason: "it is hers"})
	waits("")
	if got, want := o.lastLine(101), "Kim Osei settled the exception “sender not authenticated” of mail/4 (reason: it is hers)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	o.refused(SettleException{Case: 101}, Conflict, "Case", "Kim Osei")
	o.desk = o.reopen()
	plain := contract()
	plain.Message = named(5)
	o.routeAs(plain, 101)
	waits("")
	sealed := contract()
	sealed.Message, sealed.Encrypted = named(6), true
	o.routeAs(sealed, 101)
	waits(ExceptionEncrypted)
	o.as("kim", OpenCase{Title: "By hand"})
	o.refused(SettleException{Case: 102}, Conflict, "Case", "nothing to settle")
}

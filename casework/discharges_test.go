package casework

import (
	"slices"
	"testing"
	"time"

	"polytrace/archive"
)

// goldenDischarges holds the first ledger in which somebody says that a message keeps no promise. These files never change.
const goldenDischarges = "testdata/golden-discharges"

func shownDischarges(s *State) map[string]any {
	return map[string]any{"cases": s.Cases(), "unknown": s.Unknown()}
}

func TestFirstDischargesStayReadable(t *testing.T) {
	checkGolden(t, goldenDischarges, shownDischarges, DischargeRejected, DischargeRestored)
}

func TestDischargesAreWrittenAsAtFirst(t *testing.T) {
	checkWritten(t, goldenDischarges, goldenDischargesScript)
}

// goldenDischargesScript makes every type of event with every member set at least once.
func goldenDischargesScript(o *office) {
	step := func(actor string, c Command) { o.t.Helper(); o.as(actor, c); o.clock = o.clock.Add(time.Hour) }
	step(System, AddUser{Name: "kim", FullName: "Kim Osei", Roles: []Role{Specialist}})
	step("kim", OpenCase{Title: "Gateways offline", Owner: "kim"})
	step("kim", Cite{101, cited("Die Ursache bis Freitag", 120)})
	step("kim", MakeCommitment{Case: 101, What: "root cause", Cites: []int{1}})
	step("kim", RejectDischarge{Case: 101, ID: 1, Message: named(9), Reason: "that is another report"})
	step("kim", RejectDischarge{Case: 101, ID: 1, Message: named(4)})
	step("kim", RejectDischarge{Case: 101, ID: 1, Message: named(9), Restore: true, Reason: "it is after all"})
}

// promisedMail is a case with a promise of ours and one of theirs, made in the first message, and mail after that.
func promisedMail(mail ...Mail) DischargeInput {
	first := letterAt(1, 0, Outbound)
	made := Citation{ID: 1, Record: first.Record, SHA256: first.SHA256, Quote: "q", End: 1}
	c := Case{Number: 101, Citations: []Citation{made}, Commitments: []Commitment{
		{ID: 1, Direction: Ours, What: "I will send you the test report by Friday", Cites: []int{1}, At: start.Add(48 * time.Hour)},
		{ID: 2, Direction: Theirs, What: "serial numbers", Cites: []int{1}},
	}}
	in := DischargeInput{Cases: []Case{c}, Mail: append([]Mail{first}, mail...), Traits: map[archive.Digest]Traits{}}
	return in
}

func (in DischargeInput) says(at archive.Position, quote string) DischargeInput {
	for _, m := range in.Mail {
		if m.Record.Position == at {
			in.Traits[m.SHA256] = Traits{Done: []Wording{{Kind: "attached", Quote: quote, Start: 3, End: 3 + len(quote)}}}
		}
	}
	return in
}

func (in DischargeInput) suggested() (list []string) {
	for _, x := range LooksDoneOf(in) {
		list = append(list, itoa(x.Commitment)+" "+x.Record.String()+" "+or(x.Quote, x.File))
	}
	return list
}

// Planted discharges are suggested, by what is said and by the names of files; other words, the other side, machines and
// what came before are not. Nothing is closed, and what was rejected is not suggested again.
func TestAC6_DischargeIsJoinedWithItsPromise(t *testing.T) {
	with := func(m Mail, files ...string) Mail { m.Files = files; return m }
	robot := letterAt(2, time.Hour, Outbound)
	robot.Automatic = true
	const words = "Attached is the report of the test."
	for _, x := range []struct {
		what string
		in   DischargeInput
		want []string
	}{
		{"said", promisedMail(letterAt(2, time.Hour, Outbound)).says(2, words), []string{"1 mail/2 " + words}},
		{"half of the words", promisedMail(letterAt(2, time.Hour, Outbound)).says(2, "Attached is the report."), []string{"1 mail/2 Attached is the report."}},
		{"a file", promisedMail(with(letterAt(2, time.Hour, Outbound), "logo.png", "Test_Report-v2.pdf")), []string{"1 mail/2 Test_Report-v2.pdf"}},
		{"the better one", promisedMail(letterAt(2, time.Hour, Outbound), letterAt(3, 2*time.Hour, Outbound)).says(2, words).says(3, "Attached is the report."), []string{"1 mail/2 " + words}},
		{"the newer of equals", promisedMail(letterAt(2, time.Hour, Outbound), letterAt(3, 2*time.Hour, Outbound)).says(2, words).says(3, words), []string{"1 mail/3 " + words}},
		{"other words", promisedMail(letterAt(2, time.Hour, Outbound)).says(2, "Attached is a picture of my cat."), nil},
		{"the other side", promisedMail(letterAt(2, time.Hour, Inbound)).says(2, words), nil},
		{"theirs", promisedMail(letterAt(2, time.Hour, Inbound)).says(2, "Here are the numbers."), []string{"2 mail/2 Here are the numbers."}},
		{"among ourselves", promisedMail(letterAt(2, time.Hour, Internal)).says(2, words), nil},
		{"a machine", promisedMail(robot).says(2, words), nil},
		{"before it was promised", promisedMail(letterAt(2, -time.Hour, Outbound)).says(2, words), nil},
		{"the promise itself", promisedMail().says(1, words), nil},
	} {
		expect(t, x.what, x.in.suggested(), x.want)
	}
	in := promisedMail(letterAt(2, time.Hour, Outbound)).says(2, words)
	x := LooksDoneOf(in)[0]
	if len(x.Sources) != 2 || x.Sources[0].Citation != 1 || *x.Sources[1].Record != x.Record || in.Cases[0].Commitments[0].End != nil {
		t.Errorf("%+v", x)
	}
	in.Cases[0].Commitments[0].NotBy = []archive.Digest{x.SHA256}
	expect(t, "rejected", in.suggested(), nil)
	in.Cases[0].Commitments[0].NotBy = nil
	in.Cases[0].Commitments[0].End = &End{How: Waived}
	expect(t, "ended", in.suggested(), nil)
}

// That a message keeps no promise is remembered and can be taken back.
func TestAC6_RejectionIsRemembered(t *testing.T) {
	o := withCase(t)
	o.as("kim", MakeCommitment{Case: 101, What: "root cause", Cites: []int{1}}, RejectDischarge{Case: 101, ID: 1, Message: named(9), Reason: "another one"})
	if p := o.theCase(101).Commitments[0]; !slices.Equal(p.NotBy, []archive.Digest{named(9).SHA256}) || p.End != nil {
		t.Errorf("%+v", p)
	}
	if got := o.lastLine(101); got != "Kim Osei says that mail/9 does not keep the promise “root cause” (reason: another one)" {
		t.Errorf("log says %q", got)
	}
	n := len(o.ledger.records)
	o.as("marta", RejectDischarge{Case: 101, ID: 1, Message: named(9)}, RejectDischarge{Case: 101, ID: 1, Message: named(8), Restore: true})
	if len(o.ledger.records) != n {
		t.Error("what is said is noted again")
	}
	o.refused(RejectDischarge{Case: 101, ID: 2, Message: named(9)}, NotFound, "ID")
	o.refused(RejectDischarge{Case: 101, ID: 1}, Invalid, "SHA256")
	o.as("marta", RejectDischarge{Case: 101, ID: 1, Message: named(9), Restore: true})
	if p := o.theCase(101).Commitments[0]; len(p.NotBy) != 0 {
		t.Errorf("%+v", p)
	}
	equalStates(t, o.reopen().state, o.desk.state)
}

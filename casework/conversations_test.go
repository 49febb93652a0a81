package casework

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"polytrace/archive"
	"polytrace/message"
)

// goldenConversations holds the first ledger that says which mail is of a case, and what it folded to. These
// files never change.
const goldenConversations = "testdata/golden-conversations"

func shownConversations(s *State) map[string]any {
	return map[string]any{"cases": s.Cases(), "company": s.Company(), "unknown": s.Unknown()}
}

func TestFirstConversationsStayReadable(t *testing.T) {
	checkGolden(t, goldenConversations, shownConversations, CaseLinked, CaseUnlinked, CaseMerged, CaseUnmerged, CompanySet)
}

func TestConversationsAreWrittenAsAtFirst(t *testing.T) {
	checkWritten(t, goldenConversations, goldenConversationsScript)
}

func named(at archive.Position) Named {
	return Named{archive.Address{Stream: archive.Mail, Position: at}, archive.Digest{byte(at + 1)}}
}

func goldenConversationsScript(o *office) {
	step := func(actor string, c Command) { o.t.Helper(); o.as(actor, c); o.clock = o.clock.Add(time.Hour) }
	step(System, AddUser{Name: "kim", FullName: "Kim Osei", Roles: []Role{Specialist}})
	step(System, AddUser{Name: "marta", FullName: "Marta Lindqvist", Roles: []Role{Manager}})
	step("marta", SetCompany{Own: []string{"Contoso.example", "help@partner.example"}, Reason: "our own"})
	step("kim", OpenCase{Title: "Gateways offline", Owner: "kim", Messages: []Named{named(1), named(2)}})
	step("kim", OpenCase{Title: "Invoice wrong", Severity: 1})
	step("kim", LinkConversation{Case: 102, Message: named(3), Reason: "the same customer"})
	step("marta", UnlinkConversation{Case: 101, Message: named(2), Reason: "another plant"})
	step("kim", MergeCase{Case: 102, Into: 101, Reason: "one cause"})
	step("kim", UnmergeCase{Case: 102, Reason: "two causes"})
	step("kim", MergeCase{Case: 102, Into: 101})
	step("marta", SplitCase{Case: 101, Title: "Cabling", Messages: []Named{named(1)}, Reason: "its own cause"})
}

// What is not so cannot be said about the mail of a case.
func TestMailOfACaseIsRefused(t *testing.T) {
	o := withCase(t)
	o.as("kim", OpenCase{Title: "Second"}, OpenCase{Title: "Third"}, MergeCase{Case: 103, Into: 102})
	o.refused(LinkConversation{Case: 199, Message: named(1)}, NotFound, "Case")
	o.refused(LinkConversation{Case: 101, Message: Named{Record: named(1).Record}}, Invalid, "SHA256")
	o.refused(LinkConversation{Case: 101, Message: Named{archive.Address{Stream: archive.Ledger}, archive.Digest{1}}}, Invalid, "Record", "ledger")
	o.refused(UnlinkConversation{Case: 101, Message: named(1), Revision: new(archive.Position(0))}, Conflict, "Revision")
	o.refused(MergeCase{Case: 101, Into: 101}, Invalid, "Into", "itself")
	o.refused(MergeCase{Case: 101, Into: 150}, Invalid, "Into", "C-150")
	o.refused(MergeCase{Case: 103, Into: 101}, Conflict, "Case", "C-102")
	o.refused(MergeCase{Case: 101, Into: 103}, Conflict, "Into", "C-102")
	o.refused(MergeCase{Case: 102, Into: 103}, Conflict, "Into")
	o.refused(UnmergeCase{Case: 101}, Conflict, "Case")
	o.refused(SplitCase{Case: 101, Title: "x"}, Invalid, "Messages")
	o.refused(SplitCase{Case: 101, Messages: []Named{named(1)}}, Invalid, "Title")
	o.refused(OpenCase{Title: "x", Messages: slices.Repeat([]Named{named(1)}, 101)}, Invalid, "Messages")
	o.refused(SetCompany{Own: []string{"gmail.com"}}, Invalid, "Identifier", "gmail.com")
	o.refused(SetCompany{Own: []string{"a b"}}, Invalid, "Identifier")
	o.as("kim", LinkConversation{Case: 101, Message: named(1)})
	before := len(o.ledger.records)
	o.as("kim", LinkConversation{Case: 101, Message: named(1)}, MergeCase{Case: 103, Into: 102}, SetCompany{})
	if len(o.ledger.records) != before {
		t.Error("what is so already is said again")
	}
}

// belongs are the messages of cases that are one, where each message is a conversation.
func belongs(s *State, number int) (all []archive.Position) {
	found := map[archive.Position]bool{}
	for _, c := range s.Family(number) {
		own := map[archive.Position]bool{}
		for _, x := range c.Citations {
			own[x.Record.Position] = true
		}
		for _, l := range c.Links {
			own[l.Record.Position] = !l.Aside
		}
		for _, x := range c.Citations {
			own[x.Record.Position] = true
		}
		for at, in := range own {
			if in {
				found[at] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// Merges and splits are relations: taken back in any order, every case has the mail that it had; and what is merged is
// seen at the case that it is part of.
func TestInvariant8_MergeAndSplitAreReversible(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := staffed(t)
		cases := rapid.IntRange(2, 5).Draw(rt, "cases")
		for i := range cases {
			o.as("kim", OpenCase{Title: fmt.Sprint("case ", i), Messages: []Named{named(archive.Position(10 * i)), named(archive.Position(10*i + 1))}})
		}
		s := o.desk.state
		before := map[int][]archive.Position{}
		for n := FirstCase; n < FirstCase+cases; n++ {
			before[n] = belongs(s, n)
		}
		var undo []Command
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			a, b := FirstCase+rapid.IntRange(0, len(s.cases)-1).Draw(rt, "case"), FirstCase+rapid.IntRange(0, len(s.cases)-1).Draw(rt, "other")
			if rapid.Bool().Draw(rt, "merge") {
				all := slices.Concat(belongs(s, a), belongs(s, b))
				if _, err := o.desk.Do(t.Context(), "kim", MergeCase{Case: a, Into: b}); err != nil || s.file(a).Into != b {
					continue
				}
				slices.Sort(all)
				if got := belongs(s, b); !slices.Equal(got, slices.Compact(all)) {
					rt.Fatalf("C-%d merged into C-%d has %v, want %v", a, b, got, all)
				}
				undo = append(undo, UnmergeCase{Case: a})
				continue
			}
			own := belongs(s, a)
			if len(own) == 0 || s.file(a).Into != 0 || len(s.file(a).Parts) > 0 {
				continue
			}
			number := 0
			o.as("kim", SplitCase{Case: a, Title: "split", Messages: []Named{named(rapid.SampledFrom(own).Draw(rt, "message"))}, Number: &number})
			if got := slices.Sorted(slices.Values(slices.Concat(belongs(s, a), belongs(s, number)))); !slices.Equal(got, own) {
				rt.Fatalf("split into %v, was %v", got, own)
			}
			undo = append(undo, MergeCase{Case: number, Into: a})
		}
		for _, c := range rapid.Permutation(slices.DeleteFunc(slices.Clone(undo), func(c Command) bool { _, is := c.(MergeCase); return is })).Draw(rt, "order") {
			if u := c.(UnmergeCase); s.file(u.Case).Into != 0 {
				o.as("kim", u)
			}
		}
		for _, c := range slices.Backward(undo) {
			if m, is := c.(MergeCase); is {
				o.as("kim", m)
			}
		}
		for n, want := range before {
			if got := belongs(s, n); !slices.Equal(got, want) {
				rt.Fatalf("C-%d has %v again, had %v", n, got, want)
			}
		}
		equalStates(t, o.reopen().state, s)
	})
}

func person(address string) message.Mailbox { return message.Mailbox{Address: address} }

// The direction of mail is told by who wrote it, and to whom.
func TestDirectionOfMail(t *testing.T) {
	us := Company{[]string{"contoso.example", "help@partner.example"}}
	for _, c := range []struct {
		from string
		to   []string
		want MailDirection
	}{
		{"jane@acme.example", []string{"support@contoso.example"}, Inbound},
		{"jane@acme.example", nil, Inbound},
		{"kim@contoso.example", []string{"jane@acme.example"}, Outbound},
		{"Kim@EU.Contoso.example", []string{"marta@contoso.example", "jane@acme.example"}, Outbound},
		{"kim@contoso.example", []string{"marta@contoso.example", "help@partner.example"}, Internal},
		{"kim@contoso.example", nil, Internal},
		{"help@partner.example", []string{"jane@acme.example"}, Outbound},
		{"other@partner.example", []string{"kim@contoso.example"}, Inbound},
		{"kim@notcontoso.example", []string{"jane@acme.example"}, Inbound},
		{"", []string{"jane@acme.example"}, Inbound},
	} {
		var to []message.Mailbox
		for _, a := range c.to {
			to = append(to, person(a))
		}
		if got := us.DirectionOf(person(c.from), to); got != c.want {
			t.Errorf("from %s to %v is %s, want %s", c.from, c.to, got, c.want)
		}
	}
}

func letterAt(at archive.Position, sent time.Duration, d MailDirection) Mail {
	return Mail{Record: named(at).Record, SHA256: named(at).SHA256, Sent: start.Add(sent), Received: start.Add(sent + time.Minute), Direction: d, From: person("jane@acme.example")}
}

// A newer automatic reply, a message of our own or one that claims a later time does not take the place of what a person
// of the customer wrote last.
func TestESC18_OnlyAHumanDisplacesTheLatestUpdate(t *testing.T) {
	first, second := letterAt(1, 0, Inbound), letterAt(2, time.Hour, Inbound)
	ahead := letterAt(3, 0, Inbound)
	ahead.Sent, ahead.Forged = start.AddDate(1, 0, 0), true
	absence := letterAt(4, 2*time.Hour, Inbound)
	absence.Automatic = true
	mail := []Mail{absence, second, letterAt(5, 3*time.Hour, Outbound), ahead, letterAt(6, 4*time.Hour, Internal), first}
	customer, answer := Latest(mail)
	if customer == nil || customer.Record != second.Record {
		t.Errorf("the latest update is %+v", customer)
	}
	if answer == nil || answer.Record.Position != 5 {
		t.Errorf("our last answer is %+v", answer)
	}
	if got := Unanswered(mail); len(got) != 0 {
		t.Errorf("not answered are %v", got)
	}
	mail = append(mail, letterAt(7, 5*time.Hour, Inbound), letterAt(8, 6*time.Hour, Inbound))
	if got := Unanswered(mail); len(got) != 2 || got[0].Record.Position != 7 {
		t.Errorf("not answered are %v", got)
	}
	if customer, answer := Latest(nil); customer != nil || answer != nil {
		t.Error("there is something of nothing")
	}
}

// A timeline has mail and decisions by when they happened, whatever zone a date is in; a date behind the receipt is not
// believed, and what happened in the same second is always in the same order.
func TestESC17_TimelineOrder(t *testing.T) {
	at := func(p archive.Position, sent, received time.Time, d MailDirection) Mail {
		return Mail{Record: named(p).Record, Sent: sent, Received: received, Direction: d}
	}
	east := time.FixedZone("", 9*3600)
	mail := []Mail{
		at(1, start.Add(time.Hour), start.Add(time.Hour), Inbound),
		at(2, start.Add(30*time.Minute).In(east), start.Add(3*time.Hour), Inbound), // Came late.
		at(3, start.AddDate(5, 0, 0), start.Add(20*time.Minute), Inbound),          // Claims to be of later.
		at(4, start.Add(time.Hour), start.Add(time.Hour), Outbound),
		{Record: named(5).Record, Sent: start.Add(2 * time.Hour), Received: start.Add(2 * time.Hour), Direction: Inbound, Automatic: true},
	}
	cases := []Case{{Number: 101, Log: []Entry{{Position: 3, At: start, Text: "opened"}, {Position: 9, At: start.Add(time.Hour), Note: 1, Text: "noted"}}}, {Number: 102, Log: []Entry{{Position: 5, At: start, Citation: 1, Text: "cited"}}}}
	want := []string{"status 101/3", "evidence 102/5", "inbound mail/3", "inbound mail/2", "inbound mail/1", "outbound mail/4", "note 101/9", "automatic mail/5"}
	for range 5 {
		var got []string
		for _, it := range Timeline(cases, mail) {
			if it.Mail != nil {
				got = append(got, fmt.Sprint(it.Kind, " ", it.Mail.Record))
			} else {
				got = append(got, fmt.Sprintf("%s %d/%d", it.Kind, it.Case, it.Entry.Position))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("timeline (-want +got):\n%s", diff)
		}
		slices.Reverse(mail)
	}
}

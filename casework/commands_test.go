package casework

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polytrace/archive"
)

var prefixes = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

func ptr[T any](v T) *T { return &v }

func TestUserNamesAreWellFormedAndNeverReused(t *testing.T) {
	o := staffed(t)
	for _, name := range []string{"Kim", "kim osei", "-kim", ".k", "kim@x", strings.Repeat("k", 65), "kím", "guest", "system", ""} {
		o.refused(AddUser{Name: name, FullName: "K", Roles: []Role{Agent}}, Invalid, "Name")
	}
	o.do(AddUser{Name: "0k.i-m_" + strings.Repeat("k", 57), FullName: "K", Roles: []Role{Agent}})
	o.do(DisableUser{"kim", "left"})
	o.refused(AddUser{Name: "kim", FullName: "Another Kim", Roles: []Role{Agent}}, Conflict, "Name", "not used twice")
}

func TestUserNeedsNameAndRoles(t *testing.T) {
	o := staffed(t)
	o.refused(AddUser{Name: "a", Roles: []Role{Agent}}, Invalid, "FullName")
	o.refused(AddUser{Name: "a", FullName: "two\nlines", Roles: []Role{Agent}}, Invalid, "FullName", "one line")
	o.refused(AddUser{Name: "a", FullName: "\xff", Roles: []Role{Agent}}, Invalid, "FullName", "UTF-8")
	o.refused(AddUser{Name: "a", FullName: "A"}, Invalid, "Roles")
	o.refused(AddUser{Name: "a", FullName: "A", Roles: []Role{"boss"}}, Invalid, "Roles", `"boss"`)
	o.refused(AddUser{Name: "a", FullName: "A", Roles: []Role{Agent, Agent}}, Invalid, "Roles", "twice")
	o.refused(AddUser{Name: "a", FullName: "A", Roles: []Role{Agent}, Password: "plain text"}, Invalid, "Password")
	o.refused(SetPassword{"kim", "plain text"}, Invalid, "Password")
	o.refused(SetPassword{"nobody", testHash}, NotFound, "Name")
}

func TestOneAdministratorStays(t *testing.T) {
	o := staffed(t)
	o.refused(DisableUser{"root", ""}, Conflict, "Name", "only administrator")
	o.refused(ChangeUser{Name: "root", Roles: []Role{Agent}}, Conflict, "Roles", "only administrator")
	o.do(ChangeUser{Name: "marta", Roles: []Role{Manager, Admin}})
	o.do(DisableUser{"root", ""})
	o.refused(DisableUser{"marta", ""}, Conflict, "Name")
	o.do(EnableUser{"root"})
	o.do(DisableUser{"marta", ""})
}

func TestSessionsEndWithPasswordAndState(t *testing.T) {
	o := staffed(t)
	epoch := func() archive.Position {
		var u User
		o.desk.Read(func(s *State) { u, _ = s.User("kim") })
		return u.Epoch
	}
	for _, c := range []Command{SetPassword{"kim", testHash}, DisableUser{"kim", ""}, EnableUser{"kim"}} {
		if at := o.do(c); epoch() != at {
			t.Errorf("%T at %d leaves the epoch at %d", c, at, epoch())
		}
	}
	before := epoch()
	o.do(ChangeUser{Name: "kim", FullName: ptr("Kim Osei-Mensah")})
	if epoch() != before {
		t.Error("a new name ends sessions")
	}
}

// Nobody who can work no more owns what is not closed.
func TestLeaverOwnsNothingOpen(t *testing.T) {
	o := staffed(t)
	for range 3 {
		o.as("kim", OpenCase{Title: "T", Owner: "kim"})
	}
	o.as("kim", ChangeCase{Case: 102, Status: ptr(Closed)})
	at := o.do(DisableUser{"kim", "left the company"})
	if a, b, c := o.theCase(101).Owner, o.theCase(102).Owner, o.theCase(103).Owner; a != "" || b != "kim" || c != "" {
		t.Errorf("owners are %q, %q, %q", a, b, c)
	}
	want := "The account of Kim Osei was disabled; the case has no owner now (reason: left the company)"
	if got := o.lastLine(103); got != want || o.theCase(103).Revision != at {
		t.Errorf("log says %q", got)
	}
	o.as("marta", ChangeCase{Case: 102, Status: ptr(Open)})
	if c := o.theCase(102); c.Owner != "" {
		t.Errorf("reopened, the case is owned by %q", c.Owner)
	}
	o.as("marta", AssignCase{Case: 101, Owner: "marta"})
	o.do(ChangeUser{Name: "marta", Roles: []Role{Observer}})
	if c := o.theCase(101); c.Owner != "" {
		t.Errorf("an observer owns the case: %q", c.Owner)
	}
}

func TestTokens(t *testing.T) {
	o := staffed(t)
	secret := NewSecret()
	o.do(CreateToken{"ci", Observer, SecretHash(secret)})
	o.desk.Read(func(s *State) {
		if tok, ok := s.TokenByHash(SecretHash(secret)); !ok || tok.Name != "ci" || tok.Role != Observer {
			t.Errorf("token %+v, %v", tok, ok)
		}
		if _, ok := s.TokenByHash(SecretHash("wrong")); ok {
			t.Error("a wrong secret is taken")
		}
	})
	o.refused(CreateToken{"ci", Agent, SecretHash("x")}, Conflict, "Name")
	o.refused(CreateToken{"c2", "boss", SecretHash("x")}, Invalid, "Role")
	o.refused(CreateToken{"c2", Agent, SecretHash(secret)}, Invalid, "Hash")
	o.refused(CreateToken{"c2", Agent, archive.Digest{}}, Invalid, "Hash")
	o.refused(CreateToken{"C 2", Agent, SecretHash("x")}, Invalid, "Name")
	o.do(RevokeToken{"ci"})
	o.desk.Read(func(s *State) {
		if _, ok := s.TokenByHash(SecretHash(secret)); ok || len(s.Tokens()) != 1 || s.Tokens()[0].Revoked.IsZero() {
			t.Error("a revoked token is taken, or is not listed")
		}
	})
	o.refused(RevokeToken{"ci"}, Gone, "Name")
	o.refused(RevokeToken{"c9"}, NotFound, "Name")
	o.refused(CreateToken{"ci", Agent, SecretHash("y")}, Conflict, "Name")
}

func TestQueues(t *testing.T) {
	o := staffed(t)
	o.do(AddQueue{Name: "support", Local: "support-7f3k2"})
	o.desk.Read(func(s *State) {
		q, ok := s.QueueByLocal("SUPPORT-7F3K2")
		if !ok || q.Format != "auto" || q.Class != archive.Mail || len(q.Sources) != 0 {
			t.Errorf("queue %+v, %v", q, ok)
		}
		if !slices.Equal(s.Peers(q), DefaultSources()) {
			t.Errorf("peers of a queue without sources: %v", s.Peers(q))
		}
	})
	o.refused(AddQueue{Name: "support", Local: "other-aaaaa"}, Conflict, "Name")
	o.refused(AddQueue{Name: "other", Local: "support-7f3k2"}, Conflict, "Local", `"support"`)
	o.refused(AddQueue{Name: "other", Local: "a+b"}, Invalid, "Local")
	o.refused(AddQueue{Name: "other", Local: "a", Format: "morse"}, Invalid, "Format", "exchange")
	for _, class := range []archive.Stream{archive.Ledger, "audit", "Mail", "a/b"} {
		o.refused(AddQueue{Name: "other", Local: "a", Class: class}, Invalid, "Class")
	}
	o.refused(AddQueue{Name: "other", Local: "a", Sources: make([]netip.Prefix, 1)}, Invalid, "Sources")
	o.refused(AddQueue{Name: "other", Local: "a", Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24")}}, Invalid, "Sources", "192.0.2.0/24", "192.0.2.7/32")
	o.do(RemoveQueue{"support", "moved"})
	o.refused(RemoveQueue{"support", ""}, NotFound, "Name")
	o.desk.Read(func(s *State) {
		if _, ok := s.QueueByLocal("support-7f3k2"); ok || len(s.Queues()) != 0 || len(s.RemovedQueues()) != 1 {
			t.Error("a removed queue takes mail")
		}
	})
	o.do(AddQueue{Name: "support", Local: "support-zzzzz"})
}

func TestQueueAddressEndsInASecret(t *testing.T) {
	got, err := NewQueueLocal("support", bytes.NewReader([]byte{0, 25, 26, 31, 32}))
	if err != nil || got != "support-az27a" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := NewQueueLocal("support", bytes.NewReader(nil)); err == nil {
		t.Error("made an address without randomness")
	}
}

func TestCaseNumbersAreDenseFrom101(t *testing.T) {
	o := staffed(t)
	for want := 101; want < 110; want++ {
		var got int
		o.refused(OpenCase{Title: " "}, Invalid, "Title")
		o.do(OpenCase{Title: "T", Number: &got})
		if got != want || o.theCase(got).Number != want {
			t.Errorf("number %d, want %d", got, want)
		}
	}
}

func TestOpenCaseChecks(t *testing.T) {
	o := staffed(t)
	o.refused(OpenCase{Title: strings.Repeat("ü", 201)}, Invalid, "Title", "201", "200")
	o.refused(OpenCase{Title: "a\x00b"}, Invalid, "Title")
	o.refused(OpenCase{Title: "T", Severity: 5}, Invalid, "Severity", "1 (worst) to 4")
	o.refused(OpenCase{Title: "T", Account: "two\nlines"}, Invalid, "Account")
	o.refused(OpenCase{Title: "T", Owner: "nobody"}, Invalid, "Owner")
	o.refused(OpenCase{Title: "T", Owner: "root"}, Conflict, "Owner", "Rowan Admin", "specialist")
	o.do(DisableUser{"marta", ""})
	o.refused(OpenCase{Title: "T", Owner: "marta"}, Conflict, "Owner", "disabled")
	o.do(OpenCase{Title: "  " + strings.Repeat("ü", 200) + " "})
	if c := o.theCase(101); c.Title != strings.Repeat("ü", 200) || c.Severity != 3 || c.Status != New || c.Owner != "" {
		t.Errorf("case %+v", c)
	}
}

func TestStatusMovesFreelyAndIsRecorded(t *testing.T) {
	o := staffed(t)
	o.as("kim", OpenCase{Title: "T"})
	for _, to := range []Status{Closed, Open, Resolved, WaitingUs, New, WaitingCustomer, Closed} {
		o.clock = o.clock.Add(time.Minute)
		at := o.as("kim", ChangeCase{Case: 101, Status: &to})
		c := o.theCase(101)
		last := c.Log[len(c.Log)-1]
		if c.Status != to || c.Revision != at || last.Position != at || last.Type != CaseChanged || !c.Changed.Equal(o.clock) {
			t.Errorf("after %s: %+v", to, c)
		}
	}
	var said []string
	for _, e := range o.theCase(101).Log[1:] {
		said = append(said, strings.TrimPrefix(e.Text, "Kim Osei "))
	}
	want := []string{
		"closed the case", "reopened the case as open", "marked the case as resolved", "reopened the case as waiting on us",
		"changed the status from waiting on us to new", "changed the status from new to waiting on customer", "closed the case",
	}
	if d := cmp.Diff(want, said); d != "" {
		t.Errorf("log (-want +got):\n%s", d)
	}
}

func TestChangeCaseChecks(t *testing.T) {
	o := withCase(t)
	o.refused(ChangeCase{Case: 9}, NotFound, "Case", "C-9")
	o.refused(ChangeCase{Case: 101, Status: ptr(Status("lost"))}, Invalid, "Status")
	o.refused(ChangeCase{Case: 101, Severity: ptr(0)}, Invalid, "Severity")
	o.refused(ChangeCase{Case: 101, Title: ptr("")}, Invalid, "Title")
	o.refused(ChangeCase{Case: 101, Severity: ptr(1), Reason: strings.Repeat("x", 1001)}, Invalid, "Reason")
	n := len(o.ledger.records)
	o.do(ChangeCase{Case: 101, Title: ptr("Gateways offline"), Severity: ptr(2), Status: ptr(New)})
	if len(o.ledger.records) != n {
		t.Error("a change to what is so already became an event")
	}
	o.as("kim", ChangeCase{Case: 101, Title: ptr("All gateways offline"), Severity: ptr(1), Status: ptr(Open), Reason: "CFO joined"})
	want := "Kim Osei renamed the case from “Gateways offline” to “All gateways offline”, changed the status from new to open and changed the severity from S2 to S1 (reason: CFO joined)"
	if got := o.lastLine(101); got != want {
		t.Errorf("log says %q\nwant     %q", got, want)
	}
}

func TestStaleRevisionIsToldWhatChangedAndByWhom(t *testing.T) {
	o := withCase(t)
	seen := o.theCase(101).Revision
	o.as("marta", ChangeCase{Case: 101, Severity: ptr(1), Revision: &seen})
	o.refused(ChangeCase{Case: 101, Severity: ptr(3), Revision: &seen}, Conflict, "Revision", "Marta Lindqvist changed the severity from S2 to S1", "3 Nov 09:00 UTC")
	o.refused(AssignCase{Case: 101, Owner: "marta", Revision: &seen}, Conflict, "Revision", "Marta Lindqvist")
	o.refused(ChangeCase{Case: 101, Severity: ptr(3), Revision: ptr(archive.Position(1000))}, Invalid, "Revision")
	for range 7 {
		o.as("kim", AddNote{Case: 101, Text: "n"})
	}
	o.refused(ChangeCase{Case: 101, Severity: ptr(3), Revision: &seen}, Conflict, "Revision", "3 earlier changes")
	now := o.theCase(101).Revision
	o.as("kim", ChangeCase{Case: 101, Severity: ptr(3), Revision: &now})
}

// A guest who looks decides nothing, so nobody has to look again because of it.
func TestGuestLookingIsNoChange(t *testing.T) {
	o := shared(t)
	before := o.theCase(101)
	o.clock = o.clock.Add(time.Minute)
	at := o.as(Guest, OpenShare{101, 1, "203.0.113.5"})
	after := o.theCase(101)
	if !after.Changed.Equal(before.Changed) || after.Revision != at {
		t.Errorf("changed %v, revision %d", after.Changed, after.Revision)
	}
	o.as("kim", ChangeCase{Case: 101, Severity: ptr(1), Revision: &before.Revision})
}

func TestOwnerChangesAreSaidInWords(t *testing.T) {
	o := staffed(t)
	o.as("kim", OpenCase{Title: "T"})
	var said []string
	for _, step := range []struct{ by, to, why string }{
		{"kim", "kim", ""}, {"marta", "marta", "on leave"}, {"marta", "kim", "back"}, {"kim", "", ""}, {"marta", "kim", ""}, {"marta", "", "left"}, {"marta", "", ""},
	} {
		o.as(step.by, AssignCase{Case: 101, Owner: step.to, Reason: step.why})
		if got := o.theCase(101).Owner; got != step.to {
			t.Errorf("owner %q, want %q", got, step.to)
		}
	}
	for _, e := range o.theCase(101).Log {
		said = append(said, e.Text)
	}
	want := []string{
		"Kim Osei opened the case",
		"Kim Osei took the case",
		"Marta Lindqvist took the case over from Kim Osei (reason: on leave)",
		"Marta Lindqvist handed the case over to Kim Osei (reason: back)",
		"Kim Osei gave the case back; it has no owner now",
		"Marta Lindqvist gave the case to Kim Osei",
		"Marta Lindqvist took the case from Kim Osei; it has no owner now (reason: left)",
	}
	if d := cmp.Diff(want, said); d != "" {
		t.Errorf("log (-want +got):\n%s", d)
	}
	o.refused(AssignCase{Case: 101, Owner: "root"}, Conflict, "Owner")
}

// The log keeps the names people had when they did it.
func TestLogKeepsNamesOfTheTime(t *testing.T) {
	o := withCase(t)
	o.do(ChangeUser{Name: "kim", FullName: ptr("Kim Mensah")})
	o.as("kim", AddNote{Case: 101, Text: "n"})
	log := o.theCase(101).Log
	if log[0].Text != "Kim Osei opened the case and took it" || log[1].Text != "Kim Osei cited Jane Doe's words" || log[2].Text != "Kim Mensah added a note without a source" {
		t.Errorf("log: %+v", log)
	}
}

func TestNoteCitesOnlyWhatTheCaseHas(t *testing.T) {
	o := withCase(t)
	o.refused(AddNote{101, " \r\n", nil}, Invalid, "Text")
	o.refused(AddNote{101, strings.Repeat("x", 20_001), nil}, Invalid, "Text")
	o.refused(AddNote{101, "n", []int{2}}, Invalid, "Cites", "citation 2")
	o.refused(AddNote{101, "n", []int{1, 1}}, Invalid, "Cites", "twice")
	o.refused(AddNote{102, "n", nil}, NotFound, "Case")
	o.as("kim", AddNote{101, "one\r\ntwo\n", []int{1}})
	want := Note{ID: 1, Text: "one\ntwo", Cites: []int{1}, By: "kim", At: start}
	if d := cmp.Diff(want, o.theCase(101).Notes[0]); d != "" {
		t.Errorf("note (-want +got):\n%s", d)
	}
	o.as("kim", RemoveCitation{101, 1, ""})
	o.refused(AddNote{101, "n", []int{1}}, Gone, "Cites", "withdrawn")
}

func TestCitationCanBeFoundAgain(t *testing.T) {
	o := withCase(t)
	good := cited("Friday", 100)
	good.Prefix, good.Suffix, good.Comment = "by ", ".", "The promise"
	bad := func(field string, change func(*Citation)) {
		t.Helper()
		c := good
		change(&c)
		o.refused(Cite{101, c}, Invalid, field)
	}
	bad("SHA256", func(c *Citation) { c.SHA256 = archive.Digest{} })
	bad("Record", func(c *Citation) { c.Record.Stream = archive.Ledger })
	bad("Record", func(c *Citation) { c.Record.Stream = "" })
	bad("Quote", func(c *Citation) { c.End++ })
	bad("Quote", func(c *Citation) { c.Start, c.End = -1, len(c.Quote)-1 })
	bad("Quote", func(c *Citation) { c.Quote = "" })
	bad("Quote", func(c *Citation) { c.Quote, c.End = "  ", c.Start+2 })
	bad("Quote", func(c *Citation) { c.Prefix = "\xff" })
	bad("Quote", func(c *Citation) { c.Quote = strings.Repeat("x", 65537); c.End = c.Start + 65537 })
	bad("Prefix", func(c *Citation) { c.Prefix = strings.Repeat("x", 33) })
	bad("Part", func(c *Citation) { c.Part = -1 })
	bad("Comment", func(c *Citation) { c.Comment = "\xff" })
	bad("Author", func(c *Citation) { c.Author = "a\nb" })

	o.as("marta", Cite{101, good})
	want := good
	want.ID, want.By, want.At = 2, "marta", start
	if d := cmp.Diff(want, o.theCase(101).Citations[1]); d != "" {
		t.Errorf("citation (-want +got):\n%s", d)
	}
	o.refused(Cite{101, good}, Conflict, "Citation", "citation 2")
	whole := good
	whole.Quote, whole.Prefix, whole.Suffix, whole.Start, whole.End = "", "", "", 0, 0
	o.as("marta", Cite{101, whole})
	if got := o.lastLine(101); got != "Marta Lindqvist cited a message of Jane Doe" {
		t.Errorf("log says %q", got)
	}
}

func TestCasesCitingFollowsCitations(t *testing.T) {
	o := withCase(t)
	o.do(OpenCase{Title: "Second"})
	at := cited("", 0).Record
	o.do(Cite{102, cited("offline", 30)})
	o.do(Cite{102, cited("gateways", 17)})
	citing := func() (n []int) { o.desk.Read(func(s *State) { n = s.CasesCiting(at) }); return n }
	if got := citing(); !slices.Equal(got, []int{101, 102}) {
		t.Errorf("cases citing: %v", got)
	}
	o.do(RemoveCitation{102, 1, ""})
	o.do(RemoveCitation{101, 1, ""})
	if got := citing(); !slices.Equal(got, []int{102}) {
		t.Errorf("cases citing after two were withdrawn: %v", got)
	}
	o.do(RemoveCitation{102, 2, ""})
	if got := citing(); len(got) != 0 {
		t.Errorf("cases citing after all were withdrawn: %v", got)
	}
}

func TestWithdrawnCitationStaysVisibleToNotes(t *testing.T) {
	o := withCase(t)
	o.as("kim", AddNote{101, "n", []int{1}})
	o.as("marta", RemoveCitation{101, 1, "wrong customer"})
	c := o.theCase(101)
	if len(c.Citations) != 0 || len(c.Withdrawn) != 1 || c.Withdrawn[0].RemovedBy != "marta" || !slices.Equal(c.Notes[0].Cites, []int{1}) {
		t.Errorf("case %+v", c)
	}
	if got := o.lastLine(101); got != "Marta Lindqvist withdrew the citation of Jane Doe's words (reason: wrong customer)" {
		t.Errorf("log says %q", got)
	}
	o.refused(RemoveCitation{101, 1, ""}, Gone, "ID")
	o.refused(RemoveCitation{101, 2, ""}, NotFound, "ID")
	o.as("kim", Cite{101, cited("All 14 gateways are offline", 10)})
	if id := o.theCase(101).Citations[0].ID; id != 2 {
		t.Errorf("the next citation has ID %d; IDs are not used twice", id)
	}
}

// shared is withCase with a note that cites and a live share of both.
func shared(t testing.TB) *office {
	o := withCase(t)
	o.as("kim", AddNote{101, "Outage confirmed.", []int{1}})
	o.as("kim", CreateShare{101, share("first")})
	return o
}

func share(secret string) Share {
	return Share{Hash: SecretHash(secret), Title: "For Acme", Citations: []int{1}, Notes: []int{1}, Expires: start.AddDate(0, 1, 0)}
}

func TestREC10_ShareShowsOnlyWhatExistsAndIsSourced(t *testing.T) {
	o := shared(t)
	o.as("kim", AddNote{101, "A feeling.", nil})
	bad := func(field, words string, change func(*Share)) {
		t.Helper()
		s := share("second")
		change(&s)
		o.refused(CreateShare{101, s}, Invalid, field, words)
	}
	bad("Citations", "at least one", func(s *Share) { s.Citations, s.Notes = nil, nil })
	bad("Citations", "no citation 9", func(s *Share) { s.Citations = []int{9} })
	bad("Citations", "twice", func(s *Share) { s.Citations = []int{1, 1} })
	bad("Notes", "no note 9", func(s *Share) { s.Notes = []int{9} })
	bad("Notes", "twice", func(s *Share) { s.Notes = []int{1, 1} })
	bad("Notes", "no source", func(s *Share) { s.Notes = []int{2} })
	bad("Expires", "before it began", func(s *Share) { s.Expires = start })
	bad("Expires", "one year", func(s *Share) { s.Expires = start.AddDate(1, 0, 0).Add(time.Second) })
	bad("Hash", "secret", func(s *Share) { s.Hash = archive.Digest{} })
	bad("Hash", "secret", func(s *Share) { s.Hash = SecretHash("first") })
	bad("Title", "one line", func(s *Share) { s.Title = "a\nb" })
	o.refused(CreateShare{105, share("second")}, NotFound, "Case")

	year := share("second")
	year.Expires = start.AddDate(1, 0, 0)
	o.as("kim", CreateShare{101, year})
	o.desk.Read(func(s *State) {
		got, ok := s.ShareByHash(SecretHash("second"))
		if !ok || got.ID != 2 || got.Case != 101 || got.By != "kim" || !got.Live(start) {
			t.Errorf("share %+v, %v", got, ok)
		}
		if all := s.Shares(); len(all) != 2 || all[0].ID != 2 {
			t.Errorf("shares %+v", all)
		}
	})
	if got := o.lastLine(101); got != "Kim Osei shared 2 items by a link that ends on 3 November 2027" {
		t.Errorf("log says %q", got)
	}
}

func TestLiveShareKeepsItsCitations(t *testing.T) {
	o := shared(t)
	o.refused(RemoveCitation{101, 1, ""}, Conflict, "ID", "For Acme", "Revoke that link first")
	o.as("kim", RevokeShare{101, 1, ""})
	o.as("kim", RemoveCitation{101, 1, ""})

	o = shared(t)
	o.clock = start.AddDate(0, 1, 0)
	o.as("kim", RemoveCitation{101, 1, ""}) // The link has expired.

	o = withCase(t)
	o.as("kim", Cite{101, cited("offline", 30)})
	o.as("kim", AddNote{101, "Outage confirmed.", []int{1, 2}})
	s := share("only the note")
	s.Citations = nil
	o.as("kim", CreateShare{101, s})
	o.as("kim", RemoveCitation{101, 1, ""})
	o.refused(RemoveCitation{101, 2, ""}, Conflict, "ID", "Revoke") // The note's last source.
}

func TestRevokedShareIsGoneAndStaysKnown(t *testing.T) {
	o := shared(t)
	o.as("marta", RevokeShare{101, 1, "sent to the wrong person"})
	o.desk.Read(func(s *State) {
		got, ok := s.ShareByHash(SecretHash("first"))
		if !ok || got.Live(start) || got.RevokedBy != "marta" {
			t.Errorf("share %+v, %v", got, ok)
		}
	})
	o.refused(RevokeShare{101, 1, ""}, Gone, "ID", "Marta Lindqvist")
	o.refused(OpenShare{101, 1, "203.0.113.5"}, Gone, "ID")
	o.refused(RevokeShare{101, 2, ""}, NotFound, "ID")
	o.refused(CreateShare{101, share("first")}, Invalid, "Hash") // A link is never given twice.
	if got := o.lastLine(101); got != "Marta Lindqvist revoked share link 1, “For Acme” (reason: sent to the wrong person)" {
		t.Errorf("log says %q", got)
	}
}

func TestGuestIsLoggedOnceAnHourForAnAddress(t *testing.T) {
	o := shared(t)
	looks := func() (n int) {
		for _, e := range o.theCase(101).Log {
			if e.Type == ShareOpened {
				n++
			}
		}
		return n
	}
	for _, step := range []struct {
		ip    string
		after time.Duration
		want  int
	}{
		{"203.0.113.5", 0, 1}, {"203.0.113.5", 59 * time.Minute, 1}, {"203.0.113.6", 0, 2}, {"203.0.113.5", time.Minute, 3}, {"203.0.113.6", 58 * time.Minute, 3}, {"203.0.113.5", 2 * time.Minute, 4},
	} {
		o.clock = o.clock.Add(step.after)
		o.as(Guest, OpenShare{101, 1, step.ip})
		if got := looks(); got != step.want {
			t.Errorf("%s at %s: %d entries, want %d", step.ip, o.clock.Format("15:04"), got, step.want)
		}
	}
	if got := o.lastLine(101); got != "A guest opened share link 1, “For Acme” from 203.0.113.5" {
		t.Errorf("log says %q", got)
	}
	o.clock = start.AddDate(0, 1, 0)
	o.refused(OpenShare{101, 1, "203.0.113.5"}, Gone, "ID")
}

// spoilPromise changes all that a promise refers to.
func spoilPromise(c Commitment) {
	c.Cites[0], c.Due.Text = 99, "spoilt"
	c.Moves[0].Cites[0], c.Moves[0].Due.Text = 99, "spoilt"
	c.End.Cites[0], c.End.How = 99, "spoilt"
}

// spoilHandoff changes all that a handoff refers to.
func spoilHandoff(h Handoff) {
	p := h.Package
	h.Fields[0].Value, p.Pins[0], p.People[0], p.Mail[archive.Mail], p.Commitments[0], p.Citations[0] = "spoilt", "spoilt", "spoilt", 99, 99, 99
	for _, t := range h.Takes {
		t.Due.Text, t.Cites[0] = "spoilt", 99
	}
}

// Whoever reads may do what they like with what they got.
func TestReadersCannotChangeTheState(t *testing.T) {
	o := shared(t)
	o.as("kim", Cite{101, cited("offline", 30)})
	o.as("kim", RemoveCitation{101, 2, ""})
	o.as("kim", OpenIssue{Case: 101, Title: "Links"}, StateFact{Case: 101, Text: "Offline.", Cites: []int{1}, When: onDay(1)}, MakeDecision{Case: 101, Text: "Wait", Why: "Firmware", Alternatives: []string{"replace"}, Cites: []int{1}},
		MakeCommitment{Case: 101, What: "call", Due: onDay(2), Cites: []int{1}}, MoveCommitment{Case: 101, ID: 1, Due: onDay(3), Cites: []int{1}}, EndCommitment{Case: 101, ID: 1, How: Met, Cites: []int{1}}, SetKeyDate{Case: 101, Label: "Audit", When: *onDay(4), Cites: []int{1}})
	o.as("kim", OpenCase{Title: "Twin", Messages: []Named{named(5)}}, MergeCase{Case: 102, Into: 101}, SetCompany{Own: []string{"contoso.example"}},
		NoteRisk{Case: 101, Change: RiskChange{At: start, To: RiskHigh, Because: []Signal{{Rule: RiskWords, Evidence: archive.Digest{1}, Sources: []Source{{Case: 101, Citation: 1}}}}}}, JudgeSignal{Case: 101, Evidence: archive.Digest{1}, Say: "acknowledge"}, OverrideRisk{Case: 101, Level: RiskLow, Until: start.AddDate(0, 0, 1), Reason: "x"},
		SetRiskRules{Rules: RiskRules{Points: map[RiskRule]int{RiskTone: 2}, Levels: [3]int{1, 2, 3}, People: []string{"boss@acme.example"}}})
	o.do(AddUser{Name: "lee", FullName: "Lee Park", Roles: []Role{Agent}}, SetHandoffFields{Fields: []HandoffField{{Label: "Situation"}}})
	o.as("kim", MakeCommitment{Case: 101, What: "call again", Cites: []int{1}}, OfferHandoff{Case: 101, To: "lee", Fields: map[string]string{"situation": "x"}, Pins: []string{"fact-1"}, Mail: Positions{archive.Mail: 1}})
	o.as("lee", AnswerHandoff{Case: 101, ID: 1, Accept: true, Takes: []Take{{Commitment: 2, Do: Renegotiate, Due: onDay(4), Cites: []int{1}}}}, AskQuestion{Case: 101, To: "kim", Text: "Why?"})
	o.as("lee", OfferHandoff{Case: 101, To: "kim", Fields: map[string]string{"situation": "x"}, Pins: []string{"fact-1"}, Mail: Positions{archive.Mail: 1}})
	o.as("kim", AnswerQuestion{Case: 101, ID: 1, Text: "So.", Cites: []int{1}}, AskQuestion{Case: 101, To: "kim", Text: "Still?"})
	o.do(SetLogin{"mx", SecretHash("pw")})
	o.do(SetSources{"relays", networks("192.0.2.0/24")})
	o.do(AddQueue{Name: "support", Local: "s-1", Sources: DefaultSources(), QueueTerms: QueueTerms{Sets: []string{"relays"}, Logins: []string{"mx"}, Certificates: []string{"mx.example"}, Tenants: []string{"acme.example"}}})
	o.do(AddQueue{Name: "old", Local: "o-1", Sources: DefaultSources()})
	o.do(RemoveQueue{"old", ""})
	o.do(CreateToken{"ci", Agent, SecretHash("x")})
	o.do(SetCalendar{Name: "bremen", Zone: "Europe/Berlin", Hours: officeHours(), Holidays: []Holiday{{Day: "2026-12-24", Hours: []Shift{{"09:00", "12:00"}}}}})
	matched := usualPolicy()
	matched.Match = Match{[]int{1}, []string{"acme"}, []string{"support"}, []string{"request"}}
	o.do(SetPolicy{Name: "standard", Policy: matched})
	o.do(MarkMail{mailNo(1), NoAnswerNeeded, false, ""})
	withAlerts(o)
	o.ledger.records = append(o.ledger.records, archive.Record{Meta: archive.Meta{Kind: archive.KindEvent, Position: archive.Position(len(o.ledger.records))}, Body: []byte("{}")})
	o.desk = o.reopen()
	want := o.reopen().state
	s := o.desk.state
	spoil := func(cs ...Case) {
		for _, c := range cs {
			for i := range c.Citations {
				c.Citations[i].Quote = "spoilt"
			}
			for i := range c.Withdrawn {
				c.Withdrawn[i].Quote = "spoilt"
			}
			for i := range c.Log {
				c.Log[i].Text = "spoilt"
			}
			for i := range c.Notes {
				c.Notes[i].Text, c.Notes[i].Cites[0] = "spoilt", 99
			}
			for i := range c.Shares {
				c.Shares[i].Title, c.Shares[i].Citations[0], c.Shares[i].Notes[0] = "spoilt", 99, 99
			}
			for i := range c.Issues {
				c.Issues[i].Title = "spoilt"
			}
			for i := range c.Links {
				c.Links[i].By = "spoilt"
			}
			for i := range c.Parts {
				c.Parts[i] = 99
			}
			if c.Risk != nil {
				c.Risk.Level, c.Risk.Why[0].Text, c.Risk.Why[0].Sources[0].Case = "spoilt", "spoilt", 99
			}
			if c.Override != nil {
				c.Override.Reason = "spoilt"
			}
			for i := range c.Judgements {
				c.Judgements[i].By = "spoilt"
			}
			for i := range c.Facts {
				if c.Facts[i].Cites[0] = 99; c.Facts[i].When != nil {
					c.Facts[i].When.Text = "spoilt"
				}
			}
			for i := range c.Decisions {
				c.Decisions[i].Cites[0], c.Decisions[i].Alternatives[0] = 99, "spoilt"
			}
			for i := range c.Commitments[:min(len(c.Commitments), 1)] {
				spoilPromise(c.Commitments[i])
			}
			if len(c.Followers) > 0 {
				c.Followers[0] = "spoilt"
			}
			for i := range c.Handoffs {
				spoilHandoff(c.Handoffs[i])
			}
			for _, q := range c.Questions {
				if q.Answer != nil {
					q.Answer.Text, q.Answer.Cites[0] = "spoilt", 99
				}
			}
			for i := range c.KeyDates {
				c.KeyDates[i].Cites[0] = 99
			}
		}
	}
	c, _ := s.Case(101)
	spoil(append(append(append(s.Cases(), s.Overview()...), s.Family(101)...), c)...)
	s.Company().Own[0] = "spoilt"
	s.RiskRules().Points[RiskTone], s.RiskRules().People[0] = 99, "spoilt"
	one, _ := s.ShareByHash(SecretHash("first"))
	for _, x := range append(s.Shares(), one) {
		x.Citations[0], x.Notes[0] = 99, 99
	}
	u, _ := s.User("kim")
	for _, x := range append(s.Users(), u) {
		x.Roles[0] = Admin
	}
	q, _ := s.QueueByLocal("s-1")
	for _, x := range append(append(s.Queues(), s.RemovedQueues()...), q) {
		s.Peers(x)[0] = netip.Prefix{}
		x.Sources[0] = netip.Prefix{}
		for _, list := range [][]string{x.Sets, x.Logins, x.Certificates, x.Tenants} {
			clear(list)
		}
	}
	for _, set := range s.SourceSets() {
		set.Networks[0] = netip.Prefix{}
	}
	for _, c := range append(s.Calendars(), s.CalendarVersions()...) {
		c.Hours.Mon[0], c.Holidays[0].Hours[0], c.Holidays[0].Day = Shift{}, Shift{}, "spoilt"
	}
	for _, p := range append(s.Policies(), s.PolicyVersions()...) {
		p.Targets[0], p.PauseOn[0], p.Match.Severities[0], p.Match.Accounts[0], p.Match.Teams[0], p.Match.Kinds[0] = Targets{}, "", 9, "", "", ""
	}
	s.Policies()[0].Name, s.PolicyVersions()[0].Name, s.Calendars()[0].Name, s.CalendarVersions()[0].Name = "spoilt", "spoilt", "spoilt", "spoilt"
	s.Markings(mailNo(1).SHA256)[0].By = "spoilt"
	for _, p := range s.Promises() {
		if p.End != nil {
			spoilPromise(p.Commitment)
		}
	}
	spoilAlerts(s)
	spoilHandoff(s.Handoffs()[0].Handoff)
	s.HandoffFields()[0].Label = "spoilt"
	s.Asked()[0].Text = "spoilt"
	s.Logins()[0].Name = "spoilt"
	s.Tokens()[0].Name = "spoilt"
	s.CasesCiting(cited("", 0).Record)[0] = 99
	s.Unknown()[0].Why = "spoilt"
	equalStates(t, s, want)
}

func TestCasesAreListedNewestChangeFirst(t *testing.T) {
	o := staffed(t)
	for range 3 {
		o.do(OpenCase{Title: "T"})
	}
	o.do(AddNote{Case: 101, Text: "n"})
	var got, heads []int
	o.desk.Read(func(s *State) {
		for i, c := range s.Cases() {
			got = append(got, c.Number)
			heads = append(heads, s.Overview()[i].Number)
		}
	})
	if want := []int{101, 103, 102}; !slices.Equal(got, want) || !slices.Equal(heads, want) {
		t.Errorf("cases %v and %v, want %v", got, heads, want)
	}
}

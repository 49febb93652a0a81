package casework

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// goldenAccounts holds the first ledger with decisions about accounts, and what
// it folded to. These files never change.
const goldenAccounts = "testdata/golden-accounts"

// goldenAccountsScript makes every type of event with every member set at least once.
func goldenAccountsScript(o *office) {
	step := func(actor string, c Command) { o.t.Helper(); o.as(actor, c); o.clock = o.clock.Add(time.Hour) }
	berlin := time.FixedZone("", 3600)
	moved := time.Date(2026, 7, 1, 0, 0, 0, 0, berlin)
	step(System, AddUser{Name: "kim", FullName: "Kim Osei", Roles: []Role{Agent}})
	step("kim", OpenAccount{"acme", "Acme GmbH"})
	step("kim", OpenAccount{"beta", "Beta & Söhne"})
	step("kim", MapIdentifier{Account: "acme", Identifier: "@Contoso.example"})
	step("token:crm", MapIdentifier{Account: "Acme GmbH", Identifier: "<Jane@gmail.com>", Person: "Jane Döe", From: moved.AddDate(0, -1, 0), To: moved.AddDate(0, 2, 0)})
	step("kim", UnmapIdentifier{"acme", 1, moved, "sold to Beta"})
	step("kim", MapIdentifier{Account: "beta", Identifier: "contoso.example", From: moved})
	step("kim", MapIdentifier{Account: "beta", Identifier: "münchen.example", From: moved})
	step("kim", UnmapIdentifier{"beta", 2, time.Time{}, "somebody else's"})
	step("kim", ChangeAccount{ID: "acme", Name: ptr("Acme Holding"), Status: ptr(AccountClosed), Reason: "sold"})
	step("kim", ChangeAccount{ID: "acme", Status: ptr(AccountActive)})
	step("kim", OpenCase{Title: "Gateways offline", Account: "acme holding"})
}

func shownAccounts(s *State) map[string]any {
	var full []Account
	for _, a := range s.Accounts() {
		a, _ = s.Account(a.ID)
		full = append(full, a)
	}
	return map[string]any{"accounts": full, "case_account": s.Cases()[0].Account, "revision": s.AccountsRevision(), "unknown": s.Unknown()}
}

func TestFirstAccountDecisionsStayReadable(t *testing.T) {
	checkGolden(t, goldenAccounts, shownAccounts, AccountOpened, AccountChanged, AccountMapped, AccountUnmapped)
}

func TestAccountDecisionsAreWrittenAsAtFirst(t *testing.T) {
	checkWritten(t, goldenAccounts, goldenAccountsScript)
}

// checkAccounts checks what holds after any events: one identifier is of one
// account at one time.
func checkAccounts(t *rapid.T, s *State) {
	var all []Mapping
	names := map[string]bool{}
	for _, a := range s.Accounts() {
		if names[strings.ToLower(a.Name)] || a.ID == "" {
			t.Fatalf("account %+v: its name is another one's", a)
		}
		names[strings.ToLower(a.Name)] = true
		for i, m := range a.Mappings {
			if m.ID != i+1 || !m.To.IsZero() && !m.From.Before(m.To) {
				t.Fatalf("mapping %+v", m)
			}
			if slices.ContainsFunc(all, func(o Mapping) bool {
				return o.Identifier == m.Identifier && o.Counts() && m.Counts() && (o.To.IsZero() || m.From.Before(o.To)) && (m.To.IsZero() || o.From.Before(m.To))
			}) {
				t.Fatalf("%s is of two accounts at once", m.Identifier)
			}
			all = append(all, m)
		}
	}
}

func withAccounts(t *testing.T) *office {
	o := staffed(t)
	o.as("kim", OpenAccount{"acme", "Acme GmbH"})
	o.as("kim", OpenAccount{"beta", "Beta"})
	return o
}

func day(month time.Month, d int) time.Time { return time.Date(2026, month, d, 0, 0, 0, 0, time.UTC) }

func (o *office) accountOf(address string, at time.Time) string {
	id, _, _ := o.desk.state.AccountOf(address, at)
	return id
}

// A domain moved between accounts at date D: before and after it belongs correctly.
func TestAC2_DomainMovedBetweenAccounts(t *testing.T) {
	o := withAccounts(t)
	o.as("kim", MapIdentifier{Account: "acme", Identifier: "contoso.example", From: day(1, 1)})
	o.as("kim", UnmapIdentifier{"acme", 1, day(7, 1), "sold"})
	o.as("marta", MapIdentifier{Account: "beta", Identifier: "contoso.example", From: day(7, 1)})
	for at, want := range map[time.Time]string{day(1, 1).Add(-1): "", day(1, 1): "acme", day(7, 1).Add(-1): "acme", day(7, 1): "beta", day(12, 1): "beta"} {
		if got := o.accountOf("Jane@EU.Contoso.example", at); got != want {
			t.Errorf("at %s: %q, want %q", at, got, want)
		}
	}
	a, _ := o.desk.state.Account("acme")
	if log := a.Log[len(a.Log)-1]; log.Actor != "kim" || !strings.Contains(log.Text, "ended the mapping of contoso.example at 1 Jul 2026 (reason: sold)") {
		t.Errorf("the history says %+v", log)
	}
}

func TestOverlapIsRefusedAndNamesTheOtherAccount(t *testing.T) {
	o := withAccounts(t)
	o.as("kim", MapIdentifier{Account: "acme", Identifier: "contoso.example", From: day(3, 1), To: day(6, 1)})
	for _, x := range []struct{ from, to time.Time }{{}, {from: day(5, 31)}, {to: day(3, 2)}, {day(4, 1), day(5, 1)}} {
		o.refused(MapIdentifier{Account: "beta", Identifier: "CONTOSO.example.", From: x.from, To: x.to}, Conflict, "Identifier", "Acme GmbH", "from 1 Mar 2026 until 1 Jun 2026")
	}
	o.refused(MapIdentifier{Account: "acme", Identifier: "contoso.example"}, Conflict, "Identifier", "this account already")
	o.as("kim", MapIdentifier{Account: "beta", Identifier: "contoso.example", To: day(3, 1)})
	o.as("kim", MapIdentifier{Account: "beta", Identifier: "contoso.example", From: day(6, 1)})
	o.as("kim", MapIdentifier{Account: "beta", Identifier: "eu.contoso.example"}) // Narrower, so no overlap.
	o.as("kim", UnmapIdentifier{Account: "acme", Mapping: 1})
	o.as("kim", MapIdentifier{Account: "beta", Identifier: "contoso.example", From: day(3, 1), To: day(6, 1)})
}

func TestAnAddressCountsBeforeItsDomain(t *testing.T) {
	o := withAccounts(t)
	o.as("kim", MapIdentifier{Account: "acme", Identifier: "contoso.example"})
	o.as("kim", MapIdentifier{Account: "beta", Identifier: "jane@contoso.example", To: day(6, 1)})
	for address, want := range map[string]string{"jane@contoso.example": "beta", "bob@contoso.example": "acme", "jane@eu.contoso.example": "acme", "jane@notcontoso.example": "", "jane": ""} {
		if got := o.accountOf(address, day(5, 1)); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
	if got := o.accountOf("jane@contoso.example", day(6, 1)); got != "acme" {
		t.Errorf("after its mapping has ended: %q", got)
	}
}

func TestWhatManyShareIsNotMapped(t *testing.T) {
	o := withAccounts(t)
	for identifier, says := range map[string]string{
		"gmail.com": "for example jane@gmail.com", "@GMX.de": "jane@gmx.de", "outlook.com": "Map the single addresses",
		"co.uk": "below co.uk", "github.io": "below github.io", "northwind.example": "of your own", "contoso.com.au.": "",
	} {
		c := MapIdentifier{Account: "acme", Identifier: identifier, Own: []string{"journal.northwind.example"}}
		if says == "" {
			o.do(c)
			continue
		}
		o.refused(c, Invalid, "Identifier", says)
	}
	for _, identifier := range []string{"", "com", "example", "a b.example", "jane@", "jane doe@contoso.example", "http://contoso.example", "contoso..example", strings.Repeat("a.", 50) + "example"} {
		o.refused(MapIdentifier{Account: "acme", Identifier: identifier}, Invalid, "Identifier")
	}
	o.do(MapIdentifier{Account: "acme", Identifier: "jane@gmail.com", Person: "Jane"})
	o.refused(MapIdentifier{Account: "acme", Identifier: "fabrikam.example", Person: "Jane"}, Invalid, "Person")
	if n := len(strings.Fields(freeMailDomains)); n < 150 || n != len(freeMail) {
		t.Errorf("%d free-mail domains, %d of them different", n, len(freeMail))
	}
}

func TestAccountsHaveNamesOfTheirOwn(t *testing.T) {
	o := withAccounts(t)
	for _, c := range []struct {
		Command
		code, field string
	}{
		{OpenAccount{"acme", "Other"}, Conflict, "ID"}, {OpenAccount{"other", "ACME gmbh"}, Conflict, "Name"}, {OpenAccount{"other", "Beta"}, Conflict, "Name"},
		{OpenAccount{"none", "N"}, Invalid, "ID"}, {OpenAccount{"n", "None"}, Invalid, "Name"}, {OpenAccount{"Acme 2", "N"}, Invalid, "ID"}, {OpenAccount{"x", ""}, Invalid, "Name"},
		{OpenAccount{"x", `The "X"`}, Invalid, "Name"}, {ChangeAccount{ID: "acme", Name: ptr("beta")}, Conflict, "Name"}, {ChangeAccount{ID: "gone", Name: ptr("X")}, NotFound, "ID"},
		{ChangeAccount{ID: "acme", Status: ptr(AccountStatus("lost"))}, Invalid, "Status"},
	} {
		o.refused(c.Command, c.code, c.field)
	}
	o.do(ChangeAccount{ID: "acme", Name: ptr("Acme Holding")})
	o.do(OpenAccount{"acme2", "Acme GmbH"}) // The name is free again.
	o.do(ChangeAccount{ID: "acme", Status: ptr(AccountClosed)})
	o.refused(MapIdentifier{Account: "acme", Identifier: "contoso.example"}, Conflict, "Account")
}

// A case keeps its account when that gets another name.
func TestACaseNamesItsAccountByID(t *testing.T) {
	o := withAccounts(t)
	o.as("kim", OpenCase{Title: "T", Account: " acme gmbh "})
	o.as("kim", OpenCase{Title: "T", Account: "Somebody else"})
	o.as("kim", ChangeCase{Case: 102, Account: ptr("Beta")})
	for number, want := range map[int]string{101: "acme", 102: "beta"} {
		if got := o.theCase(number).Account; got != want {
			t.Errorf("case %d: %q, want %q", number, got, want)
		}
	}
}

func TestUnmappingMovesNoEndBack(t *testing.T) {
	o := withAccounts(t)
	o.as("kim", MapIdentifier{Account: "acme", Identifier: "contoso.example", From: day(3, 1), To: day(6, 1)})
	o.refused(UnmapIdentifier{Account: "acme", Mapping: 1, At: day(7, 1)}, Invalid, "At")
	o.refused(UnmapIdentifier{Account: "acme", Mapping: 1, At: day(3, 1)}, Invalid, "At")
	o.refused(UnmapIdentifier{Account: "acme", Mapping: 2, At: day(5, 1)}, NotFound, "Mapping")
	o.do(UnmapIdentifier{Account: "acme", Mapping: 1, At: day(5, 1)})
	o.do(UnmapIdentifier{Account: "acme", Mapping: 1})
	o.refused(UnmapIdentifier{Account: "acme", Mapping: 1}, Gone, "Mapping")
	a, _ := o.desk.state.Account("acme")
	if m := a.Mappings[0]; m.Counts() || m.TakenBackBy != "root" || o.accountOf("jane@contoso.example", day(4, 1)) != "" {
		t.Errorf("%+v", m)
	}
	raw, err := json.Marshal(a)
	if err != nil || !strings.Contains(string(raw), `"taken_back_by":"root"`) {
		t.Errorf("%s, %v", raw, err)
	}
}

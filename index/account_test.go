package index

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"polytrace/archive"
)

// refAccounts gives addresses and domains to accounts for a time, and marks the
// documents that are of each then.
func refAccounts(t *rapid.T, docs []*refDoc) Names {
	n := Names{Accounts: map[string][]Belonging{"acme": nil, "beta": nil}}
	of := map[string]map[string][]Belonging{"acme": {}, "beta": {}}
	for _, who := range []string{"@contoso.example", "@mail.contoso.example", "jane.doe@mail.contoso.example", "bob@contoso.example", "@tailspin.example", "Taro@tailspin.example", "boss@tailspin.example", "@fabrikam.example", "@nobody.example"} {
		var from time.Time
		for range rapid.IntRange(0, 2).Draw(t, "times") {
			account, b := pick(t, []string{"acme", "beta"}), Belonging{Who: who, From: from}
			if rapid.IntRange(0, 2).Draw(t, "begins") > 0 {
				b.From = laterThan(t, from)
			}
			if rapid.IntRange(0, 2).Draw(t, "ends") > 0 {
				b.To = laterThan(t, b.From)
			}
			n.Accounts[account] = append(n.Accounts[account], b)
			of[account][strings.ToLower(who)] = append(of[account][strings.ToLower(who)], b)
			if from = b.To; from.IsZero() {
				break
			}
		}
	}
	n.Accounts["beta & sohne"] = n.Accounts["beta"]
	for _, d := range docs {
		d.wholes["account:none"] = true
		for _, address := range d.address["participant"] {
			if account := refOwner(of, address, d.date); account != "" {
				d.wholes["account:"+account] = true
				delete(d.wholes, "account:none")
			}
		}
		d.wholes["account:Beta & Söhne"] = d.wholes["account:beta"]
	}
	return n
}

func laterThan(t *rapid.T, from time.Time) time.Time {
	if from.IsZero() {
		from = day(2026, 10, 1)
	}
	return from.AddDate(0, 0, rapid.IntRange(1, 20).Draw(t, "days"))
}

// refOwner is whom an address is of on a day: the narrowest counts.
func refOwner(of map[string]map[string][]Belonging, address string, date time.Time) string {
	_, domain, _ := strings.Cut(address, "@")
	for who := address; who != ""; {
		for account, all := range of {
			for _, b := range all[who] {
				if !date.Before(b.From) && (b.To.IsZero() || date.Before(b.To)) {
					return account
				}
			}
		}
		who = ""
		if domain != "" {
			who = "@" + domain
			_, domain, _ = strings.Cut(domain, ".")
		}
	}
	return ""
}

// people begins an index with a message from each of some people, a day each.
func people(t *testing.T, from ...string) (x *Index, at []string) {
	a := newMemArchive()
	for i, f := range from {
		at = append(at, a.append(archive.Meta{}, mail(fmt.Sprintf("nr%d", i), "From: "+f, "To: help@northwind.example", dated(day(2026, 10, 1+i)))).String())
	}
	x, stop := followOn(t, vfs.NewMem(), a)
	t.Cleanup(stop)
	caughtUp(t, x, a)
	return x, at
}

func find(t *testing.T, x *Index, n Names, query string) []string {
	t.Helper()
	return addresses(t, x.Within(Within{}).Naming(n), Request{Query: query, Sort: Oldest})
}

// A domain moved between accounts at a date: messages before and after it
// belong correctly.
func TestAC2_DomainMovedBetweenAccounts(t *testing.T) {
	x, at := people(t, "jane@contoso.example", "bob@eu.contoso.example", "jane@contoso.example", "bob@eu.contoso.example")
	moved := day(2026, 10, 3)
	n := Names{Accounts: map[string][]Belonging{
		"acme": {{Who: "@contoso.example", To: moved}}, "beta": {{Who: "@contoso.example", From: moved}}}}
	for query, want := range map[string][]string{
		"account:acme": at[:2], "account:beta": at[2:], "account:none": nil, "account:acme account:beta": nil, "account:(acme OR beta) from:jane": {at[0], at[2]},
		"-account:ACME": at[2:],
	} {
		if got := find(t, x, n, query); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
	}
}

func TestAddressWinsOverItsDomain(t *testing.T) {
	x, at := people(t, "jane@contoso.example", "bob@contoso.example, jane@contoso.example", "bob@contoso.example", "jane@contoso.example")
	n := Names{Accounts: map[string][]Belonging{
		"acme": {{Who: "@contoso.example"}}, "beta": {{Who: "Jane@Contoso.example", To: day(2026, 10, 4)}}}}
	for query, want := range map[string][]string{
		"account:acme": at[1:], "account:beta": at[:2], // What is from both people is of both accounts.
	} {
		if got := find(t, x, n, query); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
	}
}

func TestUnknownAccountIsAnErrorAtItsPlace(t *testing.T) {
	n := Names{Accounts: map[string][]Belonging{"contoso": nil, "fabrikam gmbh": nil}}
	for query, want := range map[string]struct {
		offset int
		says   string
	}{
		"disk account:contso":            {13, "account:contoso"},
		`account:"Fabrikam GmHb" invoic`: {9, `account:"fabrikam gmbh"`},
		"account:zzzzzzzz":               {8, "account:none"},
	} {
		_, err := Parse(query, testNow, n)
		var s *SyntaxError
		if !errors.As(err, &s) || s.Offset != want.offset || !strings.Contains(s.Text, want.says) {
			t.Errorf("%s: %v", query, err)
		}
	}
	if x, _ := people(t, "jane@contoso.example"); len(find(t, x, n, "account:contoso")) > 0 {
		t.Error("an account that nobody belongs to has mail")
	}
}

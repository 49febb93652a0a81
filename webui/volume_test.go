package webui

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"polytrace/casework"
)

// wrote takes in messages of an account, each at a time; mass are the fields of a newsletter.
func (f *fixture) wrote(mass string, times ...time.Time) {
	for _, at := range times {
		f.mail(fmt.Sprintf("From: Jane Doe <jane@acme.example>\nTo: support@northwind.example\nSubject: Question\nDate: %s\nMessage-ID: <%d-%d@acme.example>\n%s\nWords of %d.\n", at.Format(time.RFC1123Z), at.UnixNano(), len(mass), mass, at.UnixNano()))
	}
}

// An account that writes much more than on the same day of the weeks before is a risk of the case that it writes about, and
// its page says so; a newsletter that comes in many copies is not, and neither is what the caller may not count.
func TestESC9_ASpikeIsARiskAndANewsletterIsNot(t *testing.T) {
	t.Parallel()
	for what, x := range map[string]struct {
		mass string
		want bool
	}{"people": {"", true}, "a newsletter": {"List-Unsubscribe: <mailto:off@acme.example>\nPrecedence: bulk\n", false}} {
		f := newFixture(t)
		f.users()
		f.do(casework.SetCompany{Own: []string{"northwind.example"}})
		f.do(casework.OpenAccount{ID: "acme", Name: "Acme GmbH"})
		f.do(casework.MapIdentifier{Account: "acme", Identifier: "acme.example"})
		var before, today []time.Time
		for week := 6; week > 0; week-- {
			before = append(before, noon.AddDate(0, 0, -7*week).Add(-2*time.Hour), noon.AddDate(0, 0, -7*week).Add(-time.Hour))
		}
		for i := range 12 {
			today = append(today, noon.Add(-time.Duration(20-i)*time.Minute))
		}
		f.wrote("", before...)
		at := f.mail(fmt.Sprintf("From: Jane Doe <jane@acme.example>\nTo: support@northwind.example\nSubject: Offline\nDate: %s\nMessage-ID: <first@acme.example>\n\nThey are offline.\n", noon.Add(-30*time.Minute).Format(time.RFC1123Z)))
		f.wrote(x.mass, today...)
		number := 0
		f.do(casework.OpenCase{Title: "Offline", Account: "Acme GmbH", Messages: []casework.Named{{Record: at, SHA256: f.digest(at)}}, Number: &number})
		program := f.program(casework.Observer)
		var found string
		for _, s := range tell[riskOut](program, http.StatusOK, "GET", fmt.Sprintf("/cases/%d/risk", number), nil).Risk.Signals {
			if s.Rule == casework.RiskVolume {
				found = s.Text
			}
		}
		if (found == "10 messages in a day, usual 2") != x.want || !x.want && found != "" {
			t.Errorf("%s: %q", what, found)
		}
		a := tell[accountOut](program, http.StatusOK, "GET", "/accounts/acme", nil)
		if (a.Unusual != nil) != x.want || x.want && a.Unusual.Count != 13 {
			t.Errorf("%s: the account has %+v", what, a.Unusual)
		}
		if x.want {
			f.as("observer").wants("/accounts/acme", "13 messages in a day, usual 2")
			f.as("observer").wants("/riskrules", "The account writes much more in a day", "It is open for longer than nine of ten cases")
		}
	}
}

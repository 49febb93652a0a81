package casework

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The feed of a case: days are days in the zone in which they were said, also when a clock is moved, a promise by a day is on
// that day, a time of day is an instant; long lines are folded, texts are escaped, and UIDs stay.
func TestESC21_ICSFeed(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	local := func(month time.Month, day, hour int) time.Time {
		return time.Date(2026, month, day, hour, 0, 0, 0, zone)
	}
	c := Case{Number: 101, Title: "Ümläute; commas, and a title that is much longer than what fits on one line of it, " + strings.Repeat("and goes on, ", 20), Commitments: []Commitment{
		{ID: 1, Direction: Ours, What: "secret words of mail", Due: &When{local(10, 1, 0), local(10, 25, 0), "day", "by the 24th"}},
		{ID: 2, Direction: Theirs, Due: &When{local(10, 25, 0), local(10, 26, 0), "day", "on Sunday"}}, // Of 25 hours.
		{ID: 3, Direction: Ours, Due: &When{local(10, 25, 14), local(10, 25, 14).Add(time.Minute), "minute", "2pm"}},
		{ID: 4, Direction: Ours}, {ID: 5, Due: &When{local(10, 2, 0), local(10, 3, 0), "day", ""}, End: &End{How: Met}},
	}, KeyDates: []KeyDate{
		{ID: 1, Label: "Go-live\nphase 2", Kind: "go-live", When: When{local(10, 24, 9), local(10, 24, 9), "minute", ""}},
		{ID: 2, Label: "Fair", Kind: "meeting", When: When{local(10, 24, 0), local(10, 27, 0), "week", ""}},
		{ID: 3, Label: "Gone", When: When{local(10, 24, 0), local(10, 25, 0), "day", ""}, Removed: start},
	}}
	got := string(ICalendar("Dates of Kim", "pt.contoso.example", FeedOf([]Case{c}), func(n int) string { return fmt.Sprint("https://pt.contoso.example/cases/", n) }, start))
	unfolded := strings.ReplaceAll(got, "\r\n ", "")
	var lines []string
	for _, line := range strings.Split(strings.TrimSuffix(unfolded, "\r\n"), "\r\n") {
		if strings.HasPrefix(line, "UID:") || strings.HasPrefix(line, "DT") && !strings.HasPrefix(line, "DTSTAMP") {
			lines = append(lines, line)
		}
	}
	expect(t, "the dates", lines, []string{
		"UID:C-101-promise-1@pt.contoso.example", "DTSTART;VALUE=DATE:20261024", "DTEND;VALUE=DATE:20261025",
		"UID:C-101-promise-2@pt.contoso.example", "DTSTART;VALUE=DATE:20261025", "DTEND;VALUE=DATE:20261026",
		"UID:C-101-promise-3@pt.contoso.example", "DTSTART:20261025T130000Z", "DTEND:20261025T130100Z",
		"UID:C-101-date-1@pt.contoso.example", "DTSTART:20261024T070000Z",
		"UID:C-101-date-2@pt.contoso.example", "DTSTART;VALUE=DATE:20261024", "DTEND;VALUE=DATE:20261027",
	})
	for _, line := range strings.Split(got, "\r\n") {
		if len(line) > 75 || strings.ContainsAny(line, "\n\r") {
			t.Errorf("a line of %d octets: %q", len(line), line)
		}
	}
	for _, want := range []string{"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n", `SUMMARY:Go-live\nphase 2\, C-101: Ümläute\; commas\, and`, "URL:https://pt.contoso.example/cases/101\r\n", "END:VEVENT\r\nEND:VCALENDAR\r\n"} {
		if !strings.Contains(unfolded, want) {
			t.Errorf("no %q in\n%s", want, unfolded)
		}
	}
	if strings.Contains(unfolded, "secret") {
		t.Error("it has words of a promise")
	}
}

// A link opens for who may read, until it is revoked, and has the cases that he owns or follows, or those of an account.
func TestESC21_FeedLinks(t *testing.T) {
	o := withCase(t)
	o.do(OpenAccount{ID: "acme", Name: "Acme"})
	o.as("marta", OpenCase{Title: "Of an account", Account: "Acme"}, OpenCase{Title: "Followed", Owner: "marta"}, OpenCase{Title: "None"})
	o.as("kim", FollowCase{Case: 103}, MakeFeed{Hash: SecretHash("one")}, MakeFeed{Hash: SecretHash("two"), Account: "acme"})
	cases := func(secret string) (numbers []int, ok bool) {
		o.desk.Read(func(s *State) {
			var f Feed
			f, _, ok = s.FeedByHash(SecretHash(secret))
			for _, c := range s.FeedCases(f) {
				if ok {
					numbers = append(numbers, c.Number)
				}
			}
		})
		return numbers, ok
	}
	for secret, want := range map[string]string{"one": "[101 103] true", "two": "[102] true", "three": "[] false"} {
		if numbers, ok := cases(secret); fmt.Sprint(numbers, " ", ok) != want {
			t.Errorf("%s: %v %v", secret, numbers, ok)
		}
	}
	o.refused(MakeFeed{Hash: SecretHash("x")}, Forbidden, "")
	o.as("kim", RevokeFeed{ID: 1})
	if _, ok := cases("one"); ok {
		t.Error("a revoked link opens")
	}
	o.do(DisableUser{"kim", ""})
	if _, ok := cases("two"); ok {
		t.Error("the link of somebody who is gone opens")
	}
	equalStates(t, o.reopen().state, o.desk.state)
}

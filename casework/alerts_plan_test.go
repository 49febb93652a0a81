package casework

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polytrace/archive"
)

// postman plays what a person gets: alerts come, and each minute is planned.
type postman struct {
	in   Delivery
	sent []mailing
}

type mailing struct {
	at  time.Time
	ids []int
}

func (p *postman) alert(at time.Time, kind AlertKind, critical bool) {
	p.in.Alerts = append(p.in.Alerts, Alert{ID: len(p.in.Alerts) + len(p.gone()) + 1, Draft: Draft{Kind: kind, Critical: critical}, At: at})
}

// gone are the IDs that went out.
func (p *postman) gone() (ids []int) {
	for _, m := range p.sent {
		ids = append(ids, m.ids...)
	}
	return ids
}

// at plans at a time.
func (p *postman) at(now time.Time) {
	ids := PlanDelivery(p.in, now)
	if len(ids) == 0 {
		return
	}
	p.sent = append(p.sent, mailing{now, ids})
	p.in.Last = now
	p.in.Alerts = slices.DeleteFunc(p.in.Alerts, func(a Alert) bool { return slices.Contains(ids, a.ID) })
}

func (p *postman) until(from, to time.Time) {
	for now := from; now.Before(to); now = now.Add(time.Minute) {
		p.at(now)
	}
}

func instantly() AlertSettings {
	return AlertSettings{Address: "kim@contoso.example", Mail: map[AlertKind]AlertPace{AlertRisk: AlertInstant, AlertClock: AlertInstant, AlertPromise: AlertHourly, AlertSearch: AlertDaily}}
}

// Ten changes within five minutes are one mail, and the next ones another.
func TestESC12_ChangesWithinFiveMinutesAreOneMail(t *testing.T) {
	p := &postman{in: Delivery{Settings: instantly()}}
	for n := range 10 {
		p.alert(start.Add(time.Duration(n)*25*time.Second), AlertRisk, false)
	}
	p.until(start, start.Add(time.Hour))
	if len(p.sent) != 1 || len(p.sent[0].ids) != 10 || !p.sent[0].at.Equal(start.Add(5*time.Minute)) {
		t.Errorf("%+v", p.sent)
	}
}

// Outside the hours of a person only what is critical comes, and the rest in the morning, together.
func TestESC12_HoursAreKeptUnlessCritical(t *testing.T) {
	hours := bremen(t, officeHours())
	friday := berlin(t, "2026-11-06 19:00")
	p := &postman{in: Delivery{Settings: instantly(), Hours: &hours}}
	p.alert(friday, AlertRisk, false)
	p.alert(friday.Add(time.Minute), AlertPromise, false)
	p.alert(friday.Add(2*time.Minute), AlertSearch, false)
	p.alert(friday.Add(10*time.Minute), AlertClock, true)
	p.until(friday, berlin(t, "2026-11-09 18:00"))
	if len(p.sent) != 2 || !slices.Equal(p.sent[0].ids, []int{4}) || !p.sent[0].at.Equal(friday.Add(10*time.Minute)) || !slices.Equal(p.sent[1].ids, []int{1, 2, 3}) || !p.sent[1].at.Equal(hours.Next(friday)) {
		t.Errorf("%+v", p.sent)
	}
}

// Hourly mail comes when the hour is over, daily mail when the working day begins, or at eight where there is none.
func TestESC12_Digests(t *testing.T) {
	hours := bremen(t, officeHours())
	tuesday := berlin(t, "2026-11-03 10:20")
	for name, c := range map[string]struct {
		hours *Calendar
		kind  AlertKind
		want  time.Time
	}{
		"hourly":             {&hours, AlertPromise, berlin(t, "2026-11-03 11:00")},
		"daily":              {&hours, AlertSearch, hours.Next(berlin(t, "2026-11-04 00:00"))},
		"daily, at any time": {nil, AlertSearch, time.Date(2026, 11, 4, 8, 0, 0, 0, time.UTC)},
	} {
		p := &postman{in: Delivery{Settings: instantly(), Hours: c.hours}}
		p.alert(tuesday, c.kind, false)
		p.alert(tuesday.Add(7*time.Minute), c.kind, false)
		p.until(tuesday, tuesday.AddDate(0, 0, 3))
		if len(p.sent) != 1 || len(p.sent[0].ids) != 2 || !p.sent[0].at.Equal(c.want) {
			t.Errorf("%s: %+v, want at %s", name, p.sent, c.want)
		}
	}
}

// Whatever comes whenever: no alert goes out twice, none goes that was not wanted, none goes outside the hours unless it is
// critical, what is critical goes within five minutes, two mails are five minutes apart, what is wanted comes within the
// next days, and who plans again plans the same.
func TestInvariant25_OnlyWhatWasSwitchedOnGoesOut(t *testing.T) {
	hours := bremen(t, officeHours(), Holiday{Day: "2026-11-04"})
	rapid.Check(t, func(rt *rapid.T) {
		p := &postman{}
		if rapid.Bool().Draw(rt, "hours") {
			p.in.Hours = &hours
		}
		p.in.Settings = AlertSettings{Address: "x@contoso.example", Mail: map[AlertKind]AlertPace{}}
		for _, kind := range AlertKinds[:4] {
			if pace := rapid.SampledFrom(append(AlertPaces, "")).Draw(rt, "pace"); pace != "" {
				p.in.Settings.Mail[kind] = pace
			}
		}
		began := berlin(t, "2026-11-03 00:00")
		p.in.Settings.Since = began.Add(time.Hour)
		var all []Alert
		for now := began; now.Before(began.AddDate(0, 0, 7)); {
			if now.Before(began.AddDate(0, 0, 2)) {
				for range rapid.IntRange(0, 2).Draw(rt, "alerts") {
					p.alert(now, rapid.SampledFrom(AlertKinds[:4]).Draw(rt, "kind"), rapid.IntRange(0, 5).Draw(rt, "critical") == 0)
					all = append(all, p.in.Alerts[len(p.in.Alerts)-1])
				}
			}
			if again := PlanDelivery(p.in, now); !slices.Equal(again, PlanDelivery(p.in, now)) {
				rt.Fatal("a plan differs from itself")
			}
			p.at(now)
			now = now.Add(time.Duration(rapid.SampledFrom([]int{1, 3, 47, 300}).Draw(rt, "minutes")) * time.Minute)
		}
		went := map[int]time.Time{}
		for i, m := range p.sent {
			if i > 0 && m.at.Sub(p.sent[i-1].at) < alertWindow {
				rt.Fatalf("two mails in %s", m.at.Sub(p.sent[i-1].at))
			}
			for _, id := range m.ids {
				a := all[id-1]
				if _, twice := went[id]; twice || a.ID != id {
					rt.Fatalf("alert %d goes twice", id)
				}
				went[id] = m.at
				if pace := p.in.Settings.Mail[a.Kind]; pace == "" || pace == AlertOff || a.At.Before(p.in.Settings.Since) {
					rt.Fatalf("alert %d of %s goes, and was not wanted", id, a.Kind)
				}
				if !a.Critical && p.in.Hours != nil && !hours.Open(m.at) {
					rt.Fatalf("alert %d goes at %s", id, m.at)
				}
			}
		}
		for _, a := range all {
			pace := p.in.Settings.Mail[a.Kind]
			if wanted := pace != "" && pace != AlertOff && !a.At.Before(p.in.Settings.Since); wanted != !went[a.ID].IsZero() && p.in.Hours == nil {
				rt.Fatalf("alert %d at %s, %s: wanted %v, went %v", a.ID, a.At, pace, wanted, went[a.ID])
			}
		}
	})
	p := &postman{}
	p.alert(start, AlertClock, true)
	p.until(start, start.Add(time.Hour))
	if len(p.sent) != 0 {
		t.Error("mail goes to somebody who has switched nothing on")
	}
}

// A message that two searches found stands in a digest once, and what one search found is one line.
func TestTR15_ADigestSaysEachMessageOnce(t *testing.T) {
	var alerts []Alert
	add := func(search string, at int) {
		x := named(archive.Position(at)).Record
		alerts = append(alerts, Alert{ID: len(alerts) + 1, Draft: Draft{Kind: AlertSearch, Search: "kim/" + search, Text: "A new message matches the search " + search, Sources: []Source{{Record: &x}}}})
	}
	add("acme", 1)
	add("disk", 1)
	add("acme", 2)
	add("acme", 3)
	alerts = append(alerts, Alert{ID: 5, Draft: Draft{Kind: AlertClock, Critical: true, Text: "Over", Case: 101, Sources: []Source{{Case: 101, Event: 3}}}})
	var got []string
	sources := 0
	for _, line := range Digest(alerts) {
		got = append(got, line.Text)
		sources += len(line.Sources)
	}
	expect(t, "the digest", got, []string{"Over", "A new message matches the searches acme and disk", "2 new messages match the search acme"})
	if sources != 4 {
		t.Errorf("%d links", sources)
	}
}

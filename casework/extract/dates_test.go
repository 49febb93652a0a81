package extract

import (
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

// berlin is where the tests send from: Wednesday, 18 November 2026, 10:30.
func berlin(t testing.TB) Reference {
	t.Helper()
	return Reference{Sent: at(t, "Europe/Berlin", "2026-11-18 10:30")}
}

func at(t testing.TB, zone, wall string) time.Time {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	moment, err := time.ParseInLocation("2006-01-02 15:04", wall, loc)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

// say writes a date in one line: direction, interval, grain. Midnights are left out.
func say(w When) string {
	short := func(t time.Time) string {
		if t.Hour() == 0 && t.Minute() == 0 {
			return t.Format("2006-01-02")
		}
		return t.Format("2006-01-02T15:04-07")
	}
	s := fmt.Sprintf("%s..%s %s", short(w.From), short(w.To), w.Grain)
	if w.Grain == Minute || w.Grain == Day && w.To.Equal(w.From.AddDate(0, 0, 1)) {
		s = fmt.Sprintf("%s %s", short(w.From), w.Grain)
	}
	if w.Direction != At {
		s = string(w.Direction) + " " + s
	}
	return s
}

// dated is a text with its only date, which stands in brackets; or none.
type dated struct{ text, want string }

func (c dated) check(t *testing.T, ref Reference) {
	t.Helper()
	text := strings.NewReplacer("[", "", "]", "").Replace(c.text)
	found := Dates(text, []Span{{0, len(text)}}, ref)
	if c.want == "" {
		if len(found) != 0 {
			t.Errorf("%q: found %q (%s)", text, found[0].Quote, found[0].Rule)
		}
		return
	}
	start, end := strings.Index(c.text, "["), strings.Index(c.text, "]")-1
	if len(found) != 1 {
		t.Errorf("%q: found %d dates: %+v", text, len(found), found)
		return
	}
	f := found[0]
	got := say(f.Value)
	if f.Value.Other != nil {
		got += " or " + say(*f.Value.Other)
	}
	if got != c.want {
		t.Errorf("%q: %s means\n got %s\nwant %s", text, f.Rule, got, c.want)
	}
	if f.Start != start || f.End != end || f.Quote != text[start:end] {
		t.Errorf("%q: found in %q, want %q", text, f.Quote, text[start:end])
	}
}

func TestESC21_Dates(t *testing.T) {
	for _, c := range []dated{
		{"The line went down [2026-11-24] in Essen.", "2026-11-24 day"},
		{"at [2026-11-24T15:04] it stopped", "2026-11-24T15:04+01 minute"},
		{"Delivery on [24 Nov 2026].", "2026-11-24 day"},
		{"Delivery on [24th of November 2026].", "2026-11-24 day"},
		{"Delivery on [24.11.2026].", "2026-11-24 day"},
		{"Delivery on [24.11.26].", "2026-11-24 day"},
		{"Delivery on [Nov 24].", "2026-11-24 day"},
		{"Delivery on [Nov. 24, 2026].", "2026-11-24 day"},
		{"Delivery on [November 24th], as agreed", "2026-11-24 day"},
		{"Delivery on [November 24, 2026]", "2026-11-24 day"},
		{"Delivery on [24-Nov-2026]", "2026-11-24 day"},
		{"Delivery on [11/24]", "2026-11-24 day"},
		{"Delivery on [11/24/2026]", "2026-11-24 day"},
		{"Delivery [by 11/24/26]", "by 2026-11-24 day"},
		{"Delivery on [Tuesday, November 24]", "2026-11-24 day"},
		{"Delivery on [Tue 24 Nov 2026 at 3pm]", "2026-11-24T15:00+01 minute"},
		{"The audit on [2 January] is ours", "2027-01-02 day"},
		{"It broke on [30 October]", "2026-10-30 day"},
		{"The contract ends [in May 2027]", "2027-05-01..2027-06-01 month"},
		{"We renew [in March]", "2027-03-01..2027-04-01 month"},
		{"It was [Tue Sep 24 10:00:50 2002 UTC] there", "2002-09-24T10:00+00 minute"},

		{"See you on [Friday]", "2026-11-20 day"},
		{"See you [by Friday]", "by 2026-11-20 day"},
		{"It must work [before Friday]", "before 2026-11-20 day"},
		{"It works [after Friday]", "after 2026-11-20 day"},
		{"Not [until Monday morning]", "by 2026-11-23T06:00+01..2026-11-23T12:00+01 hour"},
		{"Done [this week]", "2026-11-16..2026-11-23 week"},
		{"Done [next week]", "2026-11-23..2026-11-30 week"},
		{"Seen [last week]", "2026-11-09..2026-11-16 week"},
		{"Done [this month]", "2026-11-01..2026-12-01 month"},
		{"Done [next month]", "2026-12-01..2027-01-01 month"},
		{"Done [next quarter]", "2027-01-01..2027-04-01 quarter"},
		{"Seen [last quarter]", "2026-07-01..2026-10-01 quarter"},
		{"It ends [in Q1 2027]", "2027-01-01..2027-04-01 quarter"},
		{"Seen [in the first quarter of 2026].", "2026-01-01..2026-04-01 quarter"},
		{"We answer [by the 24th].", "by 2026-11-24 day"},
		{"We answer [by the 10th] at the latest.", "by 2026-12-10 day or by 2026-11-10 day"},
		{"We answer [by EOD Friday].", "by 2026-11-20T17:00+01 minute"},
		{"We answer [EOD Friday].", "by 2026-11-20T17:00+01 minute"},
		{"We answer [EOD].", "by 2026-11-18T17:00+01 minute"},
		{"We answer [by close of business on Friday].", "by 2026-11-20T17:00+01 minute"},
		{"We answer [by the end of the day].", "by 2026-11-18T17:00+01 minute"},
		{"We answer [by the end of the month].", "by 2026-11-30 day"},
		{"We answer [by end of next month].", "by 2026-12-31 day"},
		{"We answer [by the end of the week].", "by 2026-11-20 day"},
		{"We answer [by EOM].", "by 2026-11-30 day"},
		{"We answer [in two weeks].", "2026-12-02 day"},
		{"We answer [in 3 months].", "2027-02-18 day"},
		{"We answer [within 48 hours].", "by 2026-11-18T10:30+01..2026-11-20T10:30+01 hour"},
		{"We answer [within the next 3 days].", "by 2026-11-18..2026-11-22 day"},
		{"It began [3 days ago].", "2026-11-15 day"},
		{"It began [a month ago].", "2026-10-18 day"},
		{"The first report came in [two weeks ago], from Essen.", "2026-11-04 day"},
		{"The audit begins on [Friday at 9.30].", "2026-11-20T09:30+01 minute"},
		{"They sell it on [Friday] at 9.30 euros.", "2026-11-20 day"},
		{"The line is closed [from 24 November on].", "after 2026-11-24 day"},
		{"The plate [from 24 November onwards] is new.", "after 2026-11-24 day"},
		{"Die Linie ist [vom 24. November an] geschlossen.", "after 2026-11-24 day"},
		{"The note from [24 November] on the door is old.", "2026-11-24 day"},
		{"We call [tomorrow].", "2026-11-19 day"},
		{"We call [tomorrow at 15:00].", "2026-11-19T15:00+01 minute"},
		{"We call [tomorrow 3pm CET].", "2026-11-19T15:00+01 minute"},
		{"We call [3 pm EST on Friday].", "2026-11-20T15:00-05 minute"},
		{"We call at [3pm].", "2026-11-18T15:00+01 minute"},
		{"We meet [3-5 December].", "2026-12-03..2026-12-06 day"},
		{"We meet [December 3-5, 2026].", "2026-12-03..2026-12-06 day"},
		{"We meet [3 December to 5 December].", "2026-12-03..2026-12-06 day"},
		{"We meet [mid-November].", "2026-11-11..2026-11-21 week"},
		{"We meet [noon on Friday].", "2026-11-20T12:00+01 minute"},
		{"We meet [Friday\nmorning].", "2026-11-20T06:00+01..2026-11-20T12:00+01 hour"},
		{"We start [no later than 1 December].", "by 2026-12-01 day"},
		{"We pay [by 2027].", "by 2027-01-01..2028-01-01 year"},

		{"We call the [day after tomorrow].", "2026-11-20 day"},
		{"We call on [Friday the 27th].", "2026-11-27 day"},
		{"We call on the [20th of next month].", "2026-12-20 day"},
		{"We meet on the [last Monday of March].", "2027-03-29 day"},
		{"We meet [a week on Friday].", "2026-11-27 day"},
		{"We meet the [week of December 7].", "2026-12-07..2026-12-14 week"},
		{"It must be here [on or before November 30].", "by 2026-11-30 day"},
		{"It holds [as of 1 December].", "after 2026-12-01 day"},
		{"We pay [by March 1].", "by 2027-03-01 day"},
		{"We call [tonight at 8 o'clock].", "2026-11-18T20:00+01 minute"},
		{"We call [Thursday from 9:30 to 11:00].", "2026-11-19T09:30+01..2026-11-19T11:00+01 hour"},
		{"The [next 3 weeks] are full.", "2026-11-18..2026-12-10 day"},
		{"We call [in half an hour].", "2026-11-18T11:00+01 minute"},
		{"Delivery on [4/12/26] or so.", "2026-12-04 day or 2026-04-12 day"},

		{"It was on [May 22nd]: a holiday", "2026-05-22 day"},
		{"I am away [until August, 20].", "by 2027-08-20 day"},
		{"What this MAY break", ""},
		{"once in a week", ""},
		{"finished after 00:30:30", ""},
		{"We call on [Wednesday 9:30].", "2026-11-25T09:30+01 minute"},
		{"on the November invoice", ""},
		{"We meet on the [first Tuesday of December].", "2026-12-01 day"},
		{"The [past week].", "2026-11-09..2026-11-16 week"},
		{"It came on [10.31.2026].", "2026-10-31 day"},
		{"We call [4/25 at 4:00pm].", "2027-04-25T16:00+02 minute"},
		{"at 650.650.6500 or 650-650-6500", ""},
		{"at a few, in 61, single o'clock", ""},
		{"You may 3 times retry", ""},
		{"we march 24 miles", ""},
		{"he sat 5 rows behind", ""},
		{"the sun rises", ""},
		{"a second 24 in the list", ""},
		{"please wait a second", ""},
		{"version 2.6.24 and 10.04.2 are out", ""},
		{"It costs $11.24 or 24.11 EUR", ""},
		{"kernel 4.19.2026", ""},
		{"call +1 555-0124 or 030 1234-11", ""},
		{"10.11.2026.4 is no address", ""},
		{"open report-2026-11-24.pdf", ""},
		{"https://contoso.example/2026/11/24/index.html", ""},
		{"we work 24/7", ""},
		{"9/11 was long ago", ""},
		{"in 2000 cases it fails", ""},
		{"at the end of the day, it works", ""},
		{"the 3rd party", ""},
		{"We may be late. March on!", ""},
		{"wed like to help", ""},
		{"a do, so mi", ""},
		{"ratio 3/4 of it", ""},
		{"He wrote it on 31.02.2026", ""},
	} {
		c.check(t, berlin(t))
	}
}

func TestESC21_BothReadings(t *testing.T) {
	for _, c := range []dated{
		{"See you [next Saturday]", "2026-11-28 day or 2026-11-21 day"},
		{"See you [next Monday]", "2026-11-23 day"},
		{"Seen [last Monday]", "2026-11-16 day or 2026-11-09 day"},
		{"Seen [last Friday]", "2026-11-13 day"},
		{"See you on [Wednesday]", "2026-11-18 day or 2026-11-25 day"},
		{"We answer [by 03/04/2026]", "by 2026-04-03 day or by 2026-03-04 day"},
		{"We renew [next December]", "2026-12-01..2027-01-01 month or 2027-12-01..2028-01-01 month"},
	} {
		c.check(t, berlin(t))
	}
	american := Reference{Sent: at(t, "America/New_York", "2026-11-18 10:30")}
	dated{"We answer [by 03/04/2026]", "by 2026-03-04 day or by 2026-04-03 day"}.check(t, american)

	// Another date of the text shows what comes first.
	text := "First 03/04/2026, then by 11/24/2026."
	found := Dates(text, []Span{{0, len(text)}}, berlin(t))
	if len(found) != 2 || say(found[0].Value) != "2026-03-04 day" || say(found[1].Value) != "by 2026-11-24 day" {
		t.Errorf("got %+v", found)
	}
}

func TestESC21_BusinessDaysAndDST(t *testing.T) {
	for _, c := range []dated{
		{"We answer [in two business days].", "2026-11-20 day"},
		{"We answer [in 3 working days].", "2026-11-23 day"},
		{"We answer [within two business days].", "by 2026-11-18..2026-11-21 day"},
		{"We answer [next business day].", "2026-11-19 day"},
		{"It takes [2 business days].", "by 2026-11-18..2026-11-21 day"},
	} {
		c.check(t, berlin(t))
	}
	ref := berlin(t)
	ref.DayEnd = 18*time.Hour + 30*time.Minute
	ref.Business = func(day time.Time) bool {
		return day.Weekday() != time.Saturday && day.Weekday() != time.Sunday && day.Format("01-02") != "11-20"
	}
	for _, c := range []dated{
		{"We answer [in two business days].", "2026-11-23 day"},
		{"We answer [by EOD Thursday].", "by 2026-11-19T18:30+01 minute"},
		{"We answer [by the end of the week].", "by 2026-11-19 day"},
	} {
		c.check(t, ref)
	}
	// The clocks in Berlin go back on 25 October 2026 and forward on 28 March 2027.
	autumn := Reference{Sent: at(t, "Europe/Berlin", "2026-10-24 09:00")}
	for _, c := range []dated{
		{"We answer [within 48 hours].", "by 2026-10-24T09:00+02..2026-10-26T08:00+01 hour"},
		{"We answer [in two days].", "2026-10-26 day"},
		{"We call [tomorrow at 15:00].", "2026-10-25T15:00+01 minute"},
		{"We call on [26 October 2026 at 9:00 CEST].", "2026-10-26T09:00+02 minute"},
		{"We call [tomorrow 3pm ET].", "2026-10-25T15:00-04 minute"},
		{"We call on [Monday, 2 November at 3pm ET].", "2026-11-02T15:00-05 minute"},
		{"We call [28 March 2027 3pm CET].", "2027-03-28T15:00+01 minute or 2027-03-28T15:00+02 minute"},
		{"We call [27 March 2027 3pm CET].", "2027-03-27T15:00+01 minute"},
		{"We call [2026-11-02 15:00 ET].", "2026-11-02T15:00-05 minute"},
		{"We call [2026-07-02 15:00 UTC+2].", "2026-07-02T15:00+02 minute"},
	} {
		c.check(t, autumn)
	}
	text := "tomorrow"
	found := Dates(text, []Span{{0, len(text)}}, autumn)
	if w := found[0].Value; w.To.Sub(w.From) != 25*time.Hour || !w.Basis.Equal(autumn.Sent) {
		t.Errorf("the day on which the clocks go back: %+v", w)
	}
}

func TestESC21_GermanDates(t *testing.T) {
	for _, c := range []dated{
		{"Wir liefern [bis Freitag].", "by 2026-11-20 day"},
		{"Wir liefern [bis spätestens Freitag].", "by 2026-11-20 day"},
		{"Wir liefern [nächste Woche].", "2026-11-23..2026-11-30 week"},
		{"Wir liefern [in zwei Wochen].", "2026-12-02 day"},
		{"Wir liefern [bis Ende des Monats].", "by 2026-11-30 day"},
		{"Wir liefern [bis Ende nächster Woche].", "by 2026-11-27 day"},
		{"Wir liefern [bis Ende November].", "by 2026-11-30 day"},
		{"Wir liefern [übermorgen].", "2026-11-20 day"},
		{"Wir liefern [morgen um 15 Uhr].", "2026-11-19T15:00+01 minute"},
		{"Wir liefern am [24. November].", "2026-11-24 day"},
		{"Wir liefern am [24.11.2026].", "2026-11-24 day"},
		{"Wir liefern [bis zum 24.]", "by 2026-11-24 day"},
		{"Wir liefern [bis 24.11.] an Sie", "by 2026-11-24 day"},
		{"Wir liefern am [Dienstag, den 24. November 2026].", "2026-11-24 day"},
		{"Wir liefern am [Di, 24.11.2026].", "2026-11-24 day"},
		{"Die Anlage steht [seit Montag].", "after 2026-11-16 day"},
		{"Wir treffen uns [3.-5. Dezember].", "2026-12-03..2026-12-06 day"},
		{"Wir treffen uns [vom 3. bis 5. Dezember].", "2026-12-03..2026-12-06 day"},
		{"Das war [vor zwei Wochen].", "2026-11-04 day"},
		{"Das war [gestern].", "2026-11-17 day"},
		{"Wir antworten [innerhalb von 2 Werktagen].", "by 2026-11-18..2026-11-21 day"},
		{"Wir antworten [in KW 48].", "2026-11-23..2026-11-30 week"},
		{"Wir antworten [Mitte Dezember].", "2026-12-11..2026-12-22 week"},
		{"Wir antworten [im März].", "2027-03-01..2027-04-01 month"},
		{"Wir rufen am [Freitagnachmittag] an.", "2026-11-20T12:00+01..2026-11-20T18:00+01 hour"},
		{"Wir kommen am [Freitag, 27.11., 14 Uhr].", "2026-11-27T14:00+01 minute"},
		{"Wir liefern [übernächste Woche].", "2026-11-30..2026-12-07 week"},
		{"Wir liefern [bis morgen Mittag].", "by 2026-11-19T12:00+01 minute"},
		{"Wir liefern im [1. Quartal 2027].", "2027-01-01..2027-04-01 quarter"},
		{"Guten Morgen", ""},
		{"Das Mai-Treffen", ""},
		{"Es kostet 24,11 EUR", ""},
		{"Version 24.11.2026", ""},
	} {
		c.check(t, berlin(t))
	}
}

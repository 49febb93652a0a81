package webui

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// keeps gives the fixture a keeper, which works when it is poked.
func (f *fixture) keeps() {
	f.t.Helper()
	k := casework.NewKeeper(casework.KeeperConfig{Desk: f.desk, Vault: f.archive, Finder: f.web.records()})
	f.web.config.Keeper = k
	ctx, stop := context.WithCancel(f.t.Context())
	done := make(chan error, 2)
	go func() { done <- f.archive.Run(ctx) }()
	go func() { done <- k.Run(ctx) }()
	f.t.Cleanup(func() {
		stop()
		for range 2 {
			if err := <-done; err != nil {
				f.t.Error(err)
			}
		}
	})
}

// eventually waits for a condition that others bring about.
func (f *fixture) eventually(what string, met func() bool) {
	f.t.Helper()
	ctx, stop := context.WithTimeout(f.t.Context(), time.Minute)
	defer stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			f.t.Fatalf("never happened: %s; %+v", what, f.web.config.Keeper.Status())
		}
	}
}

// A class is set, shows in the simulation at another time, and goes when that has come.
func TestRetentionFromClassToExpiry(t *testing.T) {
	f := newFixture(t)
	p := f.program(casework.Compliance)
	at := f.mail(letter(1))
	if err := f.archive.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.keeps()
	var class casework.Class
	p.ok(http.MethodPut, "/classes/mail", `{"keep":{"days":90}}`, &class)
	if class.Keep != (casework.Period{Days: 90}) || class.Set.IsZero() {
		t.Errorf("%+v", class)
	}
	if got := p.call(http.MethodPut, "/classes/mial", `{"keep":{"days":90}}`); got.code != http.StatusNotFound || !strings.Contains(got.body, "mial") {
		t.Errorf("%d %s", got.code, got.body)
	}
	if got := p.call(http.MethodPut, "/classes/mail", `{"keep":{"days":90},"lock":"compliance"}`); got.code != http.StatusUnprocessableEntity || !strings.Contains(got.body, "does not keep what is locked") {
		t.Errorf("a lock on a directory: %d %s", got.code, got.body)
	}
	row := func(day string) casework.Outlook {
		t.Helper()
		var out retentionOut
		p.ok(http.MethodGet, "/retention?at="+day, "", &out)
		i := slices.IndexFunc(out.Classes, func(o casework.Outlook) bool { return o.Class.Name == archive.Mail })
		return out.Classes[i]
	}
	if o := row("2027-01-30"); o.Due.Packs != 0 || o.Records != 1 || !o.Next.Equal(noon.AddDate(0, 0, 90)) || o.Rows[0].Why != casework.Young {
		t.Errorf("the day before: %+v", o)
	}
	if o := row("2027-02-01"); o.Due.Packs != 1 || o.Due.Records != 1 || !o.Rows[0].Due {
		t.Errorf("on its day: %+v", o)
	}
	if got := p.call(http.MethodGet, "/retention?at=soon", ""); got.code != http.StatusUnprocessableEntity {
		t.Errorf("%d", got.code)
	}
	f.later(91 * 24 * time.Hour)
	f.web.config.Keeper.Poke()
	f.eventually("the mail expired", func() bool {
		return p.call(http.MethodGet, "/records/"+at.String()+"/raw", "").code == http.StatusGone
	})
	if got := p.call(http.MethodGet, "/records/"+at.String(), ""); got.code != http.StatusGone {
		t.Errorf("what is known of it: %d %s", got.code, got.body)
	}
	if found := tell[searchOut](p, http.StatusOK, http.MethodGet, "/search?q=firmware", nil); found.Total != 0 {
		t.Errorf("%d are found", found.Total)
	}
}

// A hold names itself in the simulation and keeps what it found, also what
// came in by another queue with the same bytes.
func TestHoldKeepsEveryRecordOfTheSameBytes(t *testing.T) {
	f := newFixture(t)
	p := f.program(casework.Compliance)
	first := f.mail(letter(1))
	again := f.sighting(first)
	f.mail(letter(2))
	var h casework.Hold
	p.ok(http.MethodPost, "/holds", `{"name":"acme","query":"subject:\"second batch 1\"","reason":"lawsuit"}`, &h)
	if h.Records != 2 || h.By != casework.TokenActor(p.name) {
		t.Errorf("%+v", h)
	}
	f.desk.Read(func(s *casework.State) {
		if !s.Held(first) || !s.Held(again) {
			t.Error("one of the records is not held")
		}
	})
	for body, words := range map[string]string{
		`{"name":"acme","query":"x","reason":"r"}`:               "already",
		`{"name":"other","query":"(","reason":"r"}`:              "query",
		`{"name":"other","query":"nothingmatches","reason":"r"}`: "matches nothing",
		`{"name":"other","query":"subject:batch","reason":""}`:   "reason",
		`{"name":"O T","query":"subject:batch","reason":"some"}`: "name",
	} {
		if got := p.call(http.MethodPost, "/holds", body); got.code < 400 || got.code >= 500 || !strings.Contains(got.body, words) {
			t.Errorf("%s: %d %s", body, got.code, got.body)
		}
	}
	if got := p.call(http.MethodPost, "/erasures", `{"records":["mail/0"],"reason":"Art. 17"}`); got.code != http.StatusConflict || !strings.Contains(got.body, "acme") {
		t.Errorf("what is held is erased: %d %s", got.code, got.body)
	}
	p.ok(http.MethodPost, "/holds/acme/release", `{"reason":"settled"}`, nil)
	if got := p.call(http.MethodPost, "/holds/acme/release", `{"reason":"settled"}`); got.code != http.StatusGone {
		t.Errorf("released twice: %d", got.code)
	}
}

// sighting appends the bytes of a record once more.
func (f *fixture) sighting(of archive.Address) archive.Address {
	f.t.Helper()
	r, err := f.archive.Read(f.t.Context(), of)
	if err != nil {
		f.t.Fatal(err)
	}
	m := archive.Meta{Kind: archive.KindMessage, Received: f.clock(), SHA256: r.Meta.SHA256, Size: r.Meta.Size, SameAs: &of, Source: archive.Source{Queue: "other"}}
	if m, err = f.archive.Append(f.t.Context(), archive.Mail, m, nil); err != nil {
		f.t.Fatal(err)
	}
	if err := f.index.WaitFor(f.t.Context(), m.Address()); err != nil {
		f.t.Fatal(err)
	}
	return m.Address()
}

// An erasure is asked for with one address, takes every record of the same
// bytes, also one that comes before it is approved, and a second person where
// the policy says so.
func TestErasureFromRequestToDone(t *testing.T) {
	f := newFixture(t)
	f.users()
	one, two := f.program(casework.Compliance), f.program(casework.Compliance)
	first, other := f.mail(letter(1)), f.mail(letter(2))
	again := f.sighting(first)
	f.keeps()
	one.ok(http.MethodPut, "/erasures/policy", `{"second_person":true,"reason":"DPO"}`, nil)
	var e erasureOut
	one.ok(http.MethodPost, "/erasures", `{"records":["`+first.String()+`"],"reason":"Art. 17"}`, &e)
	if e.ID != 1 || e.Count != 2 || e.Progress != "requested" || !e.Two {
		t.Errorf("%+v", e)
	}
	late := f.sighting(first)
	if got := one.call(http.MethodPost, "/erasures/1/approve", ""); got.code != http.StatusConflict || !strings.Contains(got.body, "second person") {
		t.Errorf("who asked approves: %d %s", got.code, got.body)
	}
	two.ok(http.MethodPost, "/erasures/1/approve", "", nil)
	list := func() (out erasuresOut) {
		one.ok(http.MethodGet, "/erasures", "", &out)
		return out
	}
	f.eventually("the erasure is done", func() bool { return list().Erasures[0].Progress == "done" })
	var ordered casework.Erasure
	f.desk.Read(func(s *casework.State) { ordered = s.Erasures()[0] })
	for stream, want := range map[archive.Stream]string{archive.Mail: "ordered", "mail-10y": "done"} {
		if got := f.web.progress(ordered, archive.Status{Streams: []archive.StreamStatus{{Stream: stream, Untidy: true}}}); got.Progress != want {
			t.Errorf("while objects of %s are to be deleted it is %s", stream, got.Progress)
		}
	}
	if n := list().Erasures[0].Count; n != 3 {
		t.Errorf("the order names %d records", n)
	}
	for _, at := range []archive.Address{first, again, late} {
		if got := one.call(http.MethodGet, "/records/"+at.String()+"/raw", ""); got.code != http.StatusGone {
			t.Errorf("%s is still read: %d", at, got.code)
		}
	}
	one.ok(http.MethodGet, "/records/"+other.String(), "", nil)
	for body, code := range map[string]int{
		`{"records":["` + first.String() + `"],"reason":"again"}`: http.StatusGone,
		`{"records":["mail/99"],"reason":"r"}`:                    http.StatusNotFound,
		`{"records":["nonsense"],"reason":"r"}`:                   http.StatusUnprocessableEntity,
		`{"records":[],"reason":"r"}`:                             http.StatusUnprocessableEntity,
		`{"records":["` + other.String() + `"],"reason":""}`:      http.StatusUnprocessableEntity,
	} {
		if got := one.call(http.MethodPost, "/erasures", body); got.code != code {
			t.Errorf("%s: %d %s", body, got.code, got.body)
		}
	}
	one.ok(http.MethodPost, "/erasures", `{"records":["`+other.String()+`"],"reason":"mistaken"}`, &e)
	one.ok(http.MethodPost, "/erasures/2/refuse", `{"reason":"no such request"}`, nil)
	if got := list(); len(got.Erasures) != 2 || got.Erasures[0].Progress != "refused" || !got.SecondPerson {
		t.Errorf("%+v", got)
	}
}

// A pack of the mail class stays while a sighting in a class that keeps longer
// rests on its bytes, and goes with it.
func TestSightingInALongerClassKeepsItsBytes(t *testing.T) {
	f := newFixture(t)
	first := f.mail(letter(1))
	r, err := f.archive.Read(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	m := archive.Meta{Kind: archive.KindMessage, Received: f.clock(), SHA256: r.Meta.SHA256, Size: r.Meta.Size, SameAs: &first}
	if m, err = f.archive.Append(t.Context(), "mail-legal-10y", m, nil); err != nil {
		t.Fatal(err)
	}
	if err := f.web.records().reach(t.Context()); err != nil {
		t.Fatal(err)
	}
	var rests []archive.Address
	for at, err := range f.web.records().Alike(t.Context(), archive.PackInfo{Stream: archive.Mail, Records: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		rests = append(rests, at)
	}
	if !slices.Equal(rests, []archive.Address{m.Address()}) {
		t.Errorf("%v rest on %s", rests, first)
	}
	for at := range f.web.records().Alike(t.Context(), archive.PackInfo{Stream: "mail-legal-10y", Records: 1}) {
		t.Errorf("%s rests on a record without bytes", at)
	}
}

// The page shows classes to those who set up and holds to compliance only,
// and every form of it works.
func TestRetentionPage(t *testing.T) {
	f := newFixture(t)
	f.users()
	at := f.mail(letter(1))
	compliance, admin := f.as("compliance"), f.as("admin")
	post := func(path string, form url.Values, want string) {
		t.Helper()
		r := compliance.post(path, form)
		if want == "" {
			if r.code != http.StatusSeeOther {
				t.Errorf("%s: %d %s", path, r.code, between(r.body, `role="alert">`, "<"))
			}
			return
		}
		if r.code < 400 || !strings.Contains(r.body, want) {
			t.Errorf("%s: %d, does not say %q", path, r.code, want)
		}
	}
	post("/retention/classes/mail", url.Values{"keep": {"90d"}}, "")
	post("/retention/classes/mail", url.Values{"keep": {"soon"}}, "is not a period")
	post("/retention/holds", url.Values{"name": {"acme"}, "query": {"("}, "reason": {"r"}, "do": {"place"}}, "cannot be read")
	if r := compliance.post("/retention/holds", url.Values{"name": {"acme"}, "query": {"subject:batch"}, "do": {"preview"}}); r.code != http.StatusOK || !strings.Contains(r.body, "<b>1 message</b> would be held") || !strings.Contains(r.body, `value="subject:batch"`) {
		t.Errorf("preview: %d", r.code)
	}
	post("/retention/holds", url.Values{"name": {"acme"}, "query": {"subject:batch"}, "reason": {"lawsuit"}, "do": {"place"}}, "")
	post("/retention/erasures", url.Values{"records": {at.String()}, "reason": {"r"}}, "acme")
	if r := compliance.get("/retention?at=2028-01-01"); !strings.Contains(r.body, "held by acme") || !strings.Contains(r.body, "lawsuit") || !strings.Contains(r.body, "90 days") {
		t.Errorf("%s", r.body)
	}
	if r := admin.get("/retention"); r.code != http.StatusOK || strings.Contains(r.body, "lawsuit") || strings.Contains(r.body, "subject:batch") || !strings.Contains(r.body, "90 days") {
		t.Errorf("an administrator sees %d %s", r.code, r.body)
	}
	post("/retention/holds/acme/release", url.Values{"reason": {"settled"}}, "")
	post("/retention/policy", url.Values{"second_person": {"1"}}, "")
	post("/retention/erasures", url.Values{"records": {at.String() + ", nonsense"}, "reason": {"r"}}, "is not a record")
	post("/retention/erasures", url.Values{"records": {at.String() + "\n"}, "reason": {"r"}}, "")
	post("/retention/erasures/1/approve", nil, "second person")
	post("/retention/erasures/1/refuse", url.Values{"reason": {"no"}}, "")
	for _, form := range []string{"/retention/holds", "/retention/erasures", "/retention/policy", "/retention/holds/acme/release", "/retention/erasures/1/approve", "/retention/erasures/1/refuse"} {
		for _, role := range []string{"admin", "manager", "observer", "agent"} {
			if r := f.as(role).post(form, url.Values{"name": {"x"}, "records": {at.String()}, "reason": {"r"}}); r.code != http.StatusForbidden {
				t.Errorf("%s: %s gets %d", form, role, r.code)
			}
		}
	}
}

// The chart counts each record that goes once, at its time.
func TestChartOfWhatGoes(t *testing.T) {
	var rows []casework.Verdict
	want := 0
	for i := range 500 {
		v := casework.Verdict{Pack: archive.PackInfo{Records: i}, Ends: noon.AddDate(0, 0, i*3), Why: casework.Young}
		switch i % 7 {
		case 0:
			v.Why = casework.OnHold
		case 1:
			v.Why, v.Due = casework.Goes, true
			want += i
		default:
			want += i
		}
		rows = append(rows, v)
	}
	got := 0
	buckets := leaving(rows)
	for i, b := range buckets {
		got += b.Count
		if i > 0 && !b.Start.Equal(buckets[i-1].End) {
			t.Errorf("a gap before %s", b.Start)
		}
	}
	if got != want || len(buckets) > bars || leaving(rows[:1]) != nil {
		t.Errorf("%d records in %d bars, want %d", got, len(buckets), want)
	}
}

// call sends JSON as it is written here.
func (p *program) call(method, path, body string) answer {
	p.f.t.Helper()
	if body == "" {
		return p.ask(method, path, nil)
	}
	return p.ask(method, path, []byte(body))
}

// ok is call for what has to work; out may be nil.
func (p *program) ok(method, path, body string, out any) {
	p.f.t.Helper()
	got := p.call(method, path, body)
	if got.code >= 300 {
		p.f.t.Fatalf("%s %s: %d %s", method, path, got.code, got.body)
	}
	if out != nil {
		if err := json.Unmarshal([]byte(got.body), out); err != nil {
			p.f.t.Fatal(err)
		}
	}
}

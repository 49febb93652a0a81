package webui

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// hop is a message of a conversation, one minute behind the one before.
func hop(n, answers int, from, to, text string) []byte {
	reply := ""
	if answers > 0 {
		reply = fmt.Sprintf("In-Reply-To: <hop-%d@acme.example>\n", answers)
	}
	return []byte(strings.ReplaceAll(fmt.Sprintf("From: %s\nTo: %s\nSubject: Pump stands still\nDate: Mon, 2 Nov 2026 09:%02d:00 +0100\nMessage-ID: <hop-%d@acme.example>\n%s\n%s\n", from, to, n, n, reply, text), "\n", "\r\n"))
}

// hopping is a conversation that goes over three mailboxes, applied out of order; case 101 has it by its last message alone.
func hopping(f *fixture) (at map[int]archive.Address) {
	f.users()
	f.do(casework.SetCompany{Own: []string{"northwind.example"}})
	at = map[int]archive.Address{}
	for _, h := range []struct {
		n, answers             int
		from, to, box, wording string
	}{
		{3, 2, "alice@northwind.example", "bob@northwind.example", "bob", "Bob, can you look into the valve?"},
		{1, 0, "Jane Doe <jane@acme.example>", "support@northwind.example", "", "The pump stands still since Monday."},
		{4, 3, "bob@northwind.example", "jane@acme.example", "bob", "We send a new valve today."},
		{2, 1, "support@northwind.example", "alice@northwind.example", "alice", "Forwarded to you, Alice."},
		{5, 4, "Jane Doe <jane@acme.example>", "support@northwind.example", "", "Thank you, it runs.\n\nOn Mon, 2 Nov 2026, Bob wrote:\n> We send a new valve today."},
	} {
		at[h.n] = f.store(hop(h.n, h.answers, h.from, h.to, h.wording), archive.Source{Queue: "support", Mailbox: h.box}).Address()
	}
	f.do(casework.OpenCase{Title: "Pump", Owner: "manager", Messages: []casework.Named{{Record: at[5], SHA256: f.digest(at[5])}}})
	return at
}

// A conversation that goes over a shared mailbox and those of two people is one in the case, in order, with who speaks to whom.
func TestREC7_ThreadOverMailboxes(t *testing.T) {
	f := newFixture(t)
	at := hopping(f)
	got := tell[caseMailOut](f.program(casework.Observer), http.StatusOK, "GET", "/cases/101/mail", nil)
	var told []string
	for _, m := range got.Mail {
		told = append(told, fmt.Sprint(m.Record, " ", m.Direction))
	}
	want := []string{at[1].String() + " inbound", at[2].String() + " internal", at[3].String() + " internal", at[4].String() + " outbound", at[5].String() + " inbound"}
	if !slices.Equal(told, want) {
		t.Errorf("the case has %v, want %v", told, want)
	}
	if len(got.Missing) != 0 {
		t.Errorf("missing are %v", got.Missing)
	}
	brief := tell[briefOut](f.program(casework.Observer), http.StatusOK, "GET", "/cases/101/brief", nil).Brief
	for _, s := range brief.Sections {
		if s.Name == casework.BriefCustomer && s.Lines[0].Text != "Thank you, it runs." {
			t.Errorf("the latest update is %q", s.Lines[0].Text)
		}
		if s.Name == casework.BriefAnswer && (s.Lines[0].Text != "We send a new valve today." || *s.Lines[0].Sources[0].Record != at[4]) {
			t.Errorf("our last answer is %+v", s.Lines[0])
		}
	}
}

// The same message in five mailboxes is one row of the case that was seen five times, and each copy is there.
func TestREC6_FiveMailboxesOneRow(t *testing.T) {
	f := newFixture(t)
	f.users()
	var all []archive.Address
	for i := range 5 {
		raw := fmt.Sprintf("Received: from mx%d.northwind.example by store.northwind.example; Mon, 2 Nov 2026 09:00:0%d +0100\r\n%s", i, i, strings.ReplaceAll(letter(1), "\n", "\r\n"))
		all = append(all, f.store([]byte(raw), archive.Source{Mailbox: fmt.Sprint("box", i)}).Address())
	}
	f.do(casework.OpenCase{Title: "Once", Messages: []casework.Named{{Record: all[3], SHA256: f.digest(all[3])}}})
	p := f.program(casework.Observer)
	got := tell[timelineOut](p, http.StatusOK, "GET", "/cases/101/timeline", nil)
	rows := slices.DeleteFunc(got.Items, func(it timelineItemOut) bool { return it.Mail == nil })
	if len(rows) != 1 || rows[0].Mail.Sightings != 5 {
		t.Fatalf("the timeline has %+v", rows)
	}
	for i, at := range all {
		if raw := p.ask("GET", "/records/"+at.String()+"/raw", nil).body; !strings.Contains(raw, fmt.Sprintf("from mx%d.", i)) {
			t.Errorf("copy %d is not there: %.80s", i, raw)
		}
	}
}

// A case is searched by case: all of its conversations, also what merged cases have, and nothing of what was put aside but
// what is cited.
func TestREC4_SearchInsideACase(t *testing.T) {
	f := newFixture(t)
	at := hopping(f)
	other := f.mail(letter(7))
	f.do(casework.OpenCase{Title: "Batch"})
	f.do(casework.LinkConversation{Case: 102, Message: casework.Named{Record: other, SHA256: f.digest(other)}})
	p := f.program(casework.Manager)
	finds := func(query string, want ...archive.Address) {
		t.Helper()
		var got []archive.Address
		for _, item := range tell[searchOut](p, http.StatusOK, "GET", "/search?q="+strings.ReplaceAll(query, " ", "+"), nil).Items {
			got = append(got, item.Address)
		}
		slices.SortFunc(got, func(a, b archive.Address) int { return int(a.Position) - int(b.Position) })
		slices.SortFunc(want, func(a, b archive.Address) int { return int(a.Position) - int(b.Position) })
		if !slices.Equal(got, want) {
			t.Errorf("%s finds %v, want %v", query, got, want)
		}
	}
	finds("case:C-101", at[1], at[2], at[3], at[4], at[5])
	finds("case:101 valve", at[3], at[4], at[5])
	finds("case:101 firmware")
	finds("-case:101", other)
	f.do(casework.MergeCase{Case: 102, Into: 101})
	finds("case:101 firmware", other)
	finds("case:102", other)
	f.do(casework.UnmergeCase{Case: 102})
	finds("case:101 firmware")
	tell[casework.Case](p, http.StatusCreated, "POST", "/cases/101/citations", map[string]any{"record": at[1].String(), "quote": "stands still"})
	tell[casework.Case](p, http.StatusCreated, "POST", "/cases/101/mail", map[string]any{"record": at[3].String(), "aside": true})
	finds("case:101", at[1])
	tell[casework.Case](p, http.StatusCreated, "POST", "/cases/101/mail", map[string]any{"record": "http://mail.example/record/" + at[2].String()})
	finds("case:101 valve", at[3], at[4], at[5])
	if got := p.ask("POST", "/cases/101/mail", map[string]any{"record": "mail/999"}); got.code != http.StatusNotFound {
		t.Errorf("a message that is not there: %d %s", got.code, got.body)
	}
}

// unreadableRecord is an archive that cannot read one record.
type unreadableRecord struct {
	Archive
	at archive.Address
}

func (a unreadableRecord) Read(ctx context.Context, at archive.Address) (archive.Record, error) {
	if at == a.at {
		return archive.Record{}, archive.ErrDamaged
	}
	return a.Archive.Read(ctx, at)
}

// A case is shown also while a message of it cannot be read: the brief has its subject.
func TestBriefOfDamagedMail(t *testing.T) {
	f := newFixture(t)
	at := hopping(f)
	f.web.config.Archive = unreadableRecord{f.archive, at[5]}
	r := f.as("manager").get("/cases/101")
	if r.code != http.StatusOK || !strings.Contains(r.body, "Pump stands still") || !strings.Contains(r.body, "We send a new valve today.") {
		t.Errorf("%d %s", r.code, r.body)
	}
}

// What of a case could not be read, is not here, or lies about its time is said in its brief.
func TestREC5_GapsOfACase(t *testing.T) {
	f := newFixture(t)
	f.users()
	late := f.store(hop(2, 1, "jane@acme.example", "support@northwind.example", "As I wrote."), archive.Source{}).Address() // What it answers never came.
	locked := f.store([]byte(strings.Replace(string(hop(3, 2, "jane@acme.example", "support@northwind.example", "-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA\r\n-----END PGP MESSAGE-----")), "Subject", "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\r\nSubject", 1)), archive.Source{}).Address()
	f.do(casework.OpenCase{Title: "Gaps", Messages: []casework.Named{{Record: late, SHA256: f.digest(late)}}})
	var got []string
	for _, s := range tell[briefOut](f.program(casework.Observer), http.StatusOK, "GET", "/cases/101/brief", nil).Brief.Sections {
		if s.Name == casework.BriefGaps {
			for _, l := range s.Lines {
				got = append(got, fmt.Sprint(l.Text, " ", *l.Sources[0].Record))
			}
		}
	}
	want := []string{"1 message that is answered here never came here " + late.String(), "1 message could not be read whole " + locked.String()}
	if !slices.Equal(got, want) {
		t.Errorf("gaps are %q, want %q", got, want)
	}
}

// Cases are merged, split and taken apart again on the page of their mail; what is refused comes back with what was written.
func TestMailOfACaseIsChangedByItsPage(t *testing.T) {
	f := newFixture(t)
	at := hopping(f)
	other := f.mail(letter(7))
	b := f.as("manager")
	post := func(path string, code int, form ...string) string {
		t.Helper()
		values := map[string][]string{}
		for i := 0; i < len(form); i += 2 {
			values[form[i]] = append(values[form[i]], form[i+1])
		}
		r := b.post(path, values)
		if r.code != code {
			t.Fatalf("%s: %d instead of %d: %s", path, r.code, code, r.body)
		}
		return r.body
	}
	says := func(path string, wants ...string) {
		t.Helper()
		body := b.get(path).body
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("%s does not say %q", path, want)
			}
		}
	}
	post(recordPath(other)+"/link", http.StatusSeeOther, "case", "101")
	says("/cases/101/mail", "6 messages in 2 conversations", "Delivery of the second batch 7")
	if body := post("/cases/101/split", http.StatusUnprocessableEntity, "title", "Firmware of its own"); !strings.Contains(body, "Choose the conversations") || !strings.Contains(body, `value="Firmware of its own"`) {
		t.Error("what was typed is lost")
	}
	post("/cases/101/split", http.StatusSeeOther, "title", "Firmware", "record", other.String())
	says("/cases/101/mail", "5 messages in 1 conversation", "1 conversation was put aside")
	says("/cases/102/mail", "1 message in 1 conversation")
	post("/cases/102/merge", http.StatusSeeOther, "into", "101", "reason", "one after all")
	says("/cases/101/mail", "6 messages in 2 conversations", "With the mail of")
	says("/cases/102/mail", "This case is part of", "Take it out again")
	says("/cases/101/timeline", "one after all", "C-102")
	post("/cases/102/unmerge", http.StatusSeeOther)
	says("/cases/101/mail", "5 messages in 1 conversation")
	post("/cases/101/mail", http.StatusSeeOther, "record", at[2].String(), "aside", "1")
	says("/cases/101/mail", "0 messages in 0 conversations", "No conversation belongs to this case yet")
	post(recordPath(at[1])+"/link", http.StatusSeeOther, "case", "new", "title", "Another pump")
	says("/cases/103", "Another pump", "Thank you, it runs")
}

// A case says what has changed since its reader said that all is seen, and old mail that came later apart.
func TestAC8_ChangesOfACaseAreShown(t *testing.T) {
	f := newFixture(t)
	hopping(f)
	b := f.as("manager")
	page := b.get("/cases/101/timeline").body
	form := map[string][]string{}
	for part := range strings.SplitSeq(page, `name="upto" value="`) {
		if value, _, ok := strings.Cut(part, `"`); ok && (strings.HasPrefix(value, "mail ") || strings.HasPrefix(value, "ledger ")) {
			form["upto"] = append(form["upto"], value)
		}
	}
	if strings.Contains(b.get("/cases/101").body, "since you last looked") || len(form["upto"]) != 2 {
		t.Fatalf("before the first visit: %v", form)
	}
	if r := b.post("/cases/101/seen", form); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	if strings.Contains(b.get("/cases/101").body, "since you last looked") {
		t.Error("something is new right after the visit")
	}
	f.later(time.Hour)
	f.store(hop(6, 5, "Jane Doe <jane@acme.example>", "support@northwind.example", "One more question."), archive.Source{})
	f.do(casework.AddNote{Case: 101, Text: "They asked again."})
	if page := b.get("/cases/101").body; !strings.Contains(page, "2 changes since you last looked") {
		t.Error("the case does not say that it has changed")
	}
	if page := b.get("/cases/101/timeline?new=1").body; !strings.Contains(page, "One more question") || !strings.Contains(page, "newly known") || !strings.Contains(page, "added a note") || strings.Contains(page, "Thank you, it runs") {
		t.Errorf("the changes are %s", page)
	}
	p := f.program(casework.Agent)
	got := tell[changesOut](p, http.StatusOK, "GET", "/cases/101/changes", nil)
	if !got.Since.IsZero() || len(got.Changes) < 7 {
		t.Errorf("who never looked sees %+v", got)
	}
	if r := p.ask("POST", "/cases/101/seen", map[string]any{"upto": got.Upto}); r.code != http.StatusNoContent && r.code != http.StatusCreated {
		t.Errorf("%d %s", r.code, r.body)
	}
	if got := tell[changesOut](p, http.StatusOK, "GET", "/cases/101/changes", nil); len(got.Changes) != 0 || got.Since.IsZero() {
		t.Errorf("after that %+v", got)
	}
}

// Which mail is the customer's follows from what an administrator says is ours, also of mail that came before.
func TestCompanyDecidesTheDirection(t *testing.T) {
	f := newFixture(t)
	hopping(f)
	b := f.as("admin")
	if r := b.post("/company", map[string][]string{"own": {"northwind.example gmail.com"}}); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, "Anybody can have an address at gmail.com") || !strings.Contains(r.body, "northwind.example gmail.com") {
		t.Errorf("%d", r.code)
	}
	if r := b.post("/company", map[string][]string{"own": {"acme.example\r\n"}}); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	got := tell[caseMailOut](f.program(casework.Observer), http.StatusOK, "GET", "/cases/101/mail", nil)
	if got.Mail[0].Direction != casework.Outbound || got.Mail[1].Direction != casework.Inbound {
		t.Errorf("directions are %s and %s", got.Mail[0].Direction, got.Mail[1].Direction)
	}
	tell[companyBody](f.program(casework.Admin), http.StatusOK, "PUT", "/company", map[string]any{"own": []string{"ACME.example"}, "reason": "the same"})
	if own := tell[companyBody](f.program(casework.Admin), http.StatusOK, "GET", "/company", nil).Own; !slices.Equal(own, []string{"acme.example"}) {
		t.Errorf("own is %v", own)
	}
}

// How long the first screen of a case with 2,000 messages, of which 100 are cited, takes on the server.
func BenchmarkCasePage(b *testing.B) {
	f := newFixture(b)
	f.users()
	const n, cited = 2000, 100
	var last archive.Meta
	var cites []casework.Citation
	for i := range n {
		raw := strings.Replace(letter(i), "Message-ID", fmt.Sprintf("In-Reply-To: <batch-%d@acme.example>\nMessage-ID", max(i-1, 0)), 1)
		raw = strings.Replace(raw, fmt.Sprintf("Mon, 2 Nov 2026 09:%02d:00 +0100", i%60), noon.Add(time.Duration(i-n)*time.Minute).Format(time.RFC1123Z), 1)
		m, err := f.archive.Append(b.Context(), archive.Mail, archive.Meta{Kind: archive.KindMessage, Received: f.clock()}, strings.NewReader(strings.ReplaceAll(raw, "\n", "\r\n")))
		if err != nil {
			b.Fatal(err)
		}
		if last = m; i%(n/cited) == 0 {
			cites = append(cites, casework.Citation{Record: m.Address(), SHA256: m.SHA256, Part: -1})
		}
	}
	f.settled(last.Address())
	f.do(casework.OpenCase{Title: "Long", Messages: []casework.Named{{Record: last.Address(), SHA256: last.SHA256}}})
	for _, c := range cites {
		f.do(casework.Cite{Case: 101, Citation: c})
	}
	w := f.as("manager")
	for _, path := range []string{"/cases/101", "/cases/101/mail", "/cases/101/timeline", "/cases/101/risk"} {
		b.Run(path[1:], func(b *testing.B) {
			for b.Loop() {
				if r := w.get(path); r.code != http.StatusOK {
					b.Fatal(r.code)
				}
			}
		})
	}
}

// The page of an account says what is open in all of its cases, each line with its source, how much they are at risk, and nothing
// of cases that are done.
func TestAC1_AccountSaysWhatIsOpen(t *testing.T) {
	f := newFixture(t)
	escalation(f)
	f.do(casework.ChangeCase{Case: 101, Account: new("1")})
	f.do(casework.OpenCase{Title: "An old one", Account: "1"})
	at := f.complaint("roy", 0, "It was wrong.")
	f.do(casework.Cite{Case: 102, Citation: casework.Citation{Record: at, SHA256: f.digest(at), Part: -1}})
	f.do(casework.OpenIssue{Case: 102, Title: "An issue that nobody has any more"})
	f.do(casework.ChangeCase{Case: 102, Status: new(casework.Closed)})
	f.do(casework.OverrideRisk{Case: 101, Level: casework.RiskHigh, Until: noon.AddDate(0, 0, 5), Reason: "their board meets"})
	page := f.as("agent").get("/accounts/1").body
	for _, want := range []string{"What is open", "No date for the firmware", "Plant starts", "firmware, The manager to Acme", "▲ high", "/cases/101?source=1#source"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "nobody has any more") {
		t.Error("it says what is done")
	}
	var got struct {
		Risk     casework.RiskLevel
		Standing casework.Brief
	}
	f.program(casework.Agent).ok("GET", "/accounts/1", "", &got)
	names := ""
	for _, s := range got.Standing.Sections {
		names += s.Name + "; "
		for _, l := range s.Lines {
			if len(l.Sources) == 0 {
				t.Errorf("%q rests on nothing", l.Text)
			}
		}
	}
	if got.Risk != casework.RiskHigh || names != "open promises; dates ahead; open issues; " {
		t.Errorf("%s, %s", got.Risk, names)
	}
}

package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"polytrace/archive"
)

// A message goes on with its envelope and its bytes, behind one Received field,
// and what was stored stays as it is.
func TestRelayHandsOnWhatCame(t *testing.T) {
	hop := startHop(t, nil)
	o := newOffice(t, hop.address)
	o.run()
	body := "Subject: dots\r\n\r\n.\r\n..two\r\nl\xfcst\r\n"
	at := o.mail(body, archive.Envelope{From: "kim@fabrikam.example", To: []string{to}})
	o.idle(1)
	o.mail("\r\nno header, null sender\r\n", archive.Envelope{To: []string{to}})
	o.idle(2)
	got := hop.all()
	want := "Received: from mx.fabrikam.example ([192.0.2.7])\r\n\tby journal.example.net with ESMTPS id mail.0;\r\n\tWed, 25 Nov 2026 12:00:00 +0000\r\n" + body
	if got[0].raw != want || got[0].from != "kim@fabrikam.example" || !slices.Equal(got[0].to, []string{to}) || got[1].from != "" {
		t.Errorf("got %+v, want %q", got, want)
	}
	if got[0].mail.Size != int64(len(want)) || got[0].mail.Body != smtp.Body8BitMIME {
		t.Errorf("MAIL with %+v, %d bytes", got[0].mail, len(want))
	}
	if rec, err := o.archive.Read(t.Context(), at); err != nil || string(rec.Body) != body {
		t.Errorf("stored is %q, %v", rec.Body, err)
	}
	o.expect("mail/0 1 "+to+" sent", "mail/1 1 "+to+" sent")
}

// The recipients are those in the address of the queue, and the envelope's
// where there are none; the sender's copy is for nobody.
func TestRelayRecipients(t *testing.T) {
	for _, c := range []struct{ to, want []string }{
		{[]string{"support-7f3k2@j.example"}, []string{"support-7f3k2@j.example"}},
		{[]string{"support-7f3k2+to=kim=f.example@j.example"}, []string{"kim@f.example"}},
		{[]string{"support-7f3k2+to=kim=x=f.example@j.example", "support-7f3k2+TO=kim=x=f.example@j.example"}, []string{"kim=x@f.example"}},
		{[]string{"support-7f3k2@j.example", "support-7f3k2+to=kim=f.example@j.example", "support-7f3k2+from=bo=f.example@j.example"}, []string{"kim@f.example"}},
		{[]string{"support-7f3k2+from=bo=f.example@j.example"}, nil},
		{[]string{"support-7f3k2+else@j.example", "support-7f3k2+else@j.example"}, []string{"support-7f3k2+else@j.example"}},
		{nil, nil},
	} {
		if got := relayRecipients(&archive.Envelope{To: c.to}); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.to, got, c.want)
		}
	}
	if got := relayRecipients(nil); got != nil {
		t.Errorf("no envelope: %q", got)
	}
}

// What is deferred is tried again after a minute, two, four, up to an hour, for
// five days; then it has failed. Not every deferral is told.
func TestRelayTriesForFiveDays(t *testing.T) {
	hop := startHop(t, nil)
	hop.data = func(*smtp.Conn) error { return says(451, "later") }
	o := newOffice(t, hop.address)
	o.run()
	o.note("support 0")
	var waited []time.Duration
	for n := 1; o.now().Sub(noon) <= relayFor; n++ {
		o.until("an attempt", func() bool { all := o.waits(); return len(all) == 1 && all[0].attempts == n })
		wait := o.waits()[0].next.Sub(o.now())
		waited = append(waited, wait)
		o.pass(wait)
	}
	o.until("the end", func() bool { return o.relay.Status()[0].Waiting == 0 })
	minutes := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60}
	for i, m := range minutes {
		if waited[i] != m*time.Minute {
			t.Errorf("waited %s after attempt %d", waited[i], i+1)
		}
	}
	var told []string
	for _, f := range o.facts() {
		told = append(told, strings.Fields(f)[1]+" "+strings.Fields(f)[3])
	}
	if want := []string{"1 deferred", "2 deferred", "4 deferred", "8 deferred", "16 deferred", "32 deferred", "64 deferred", fmt.Sprint(len(waited)+1, " failed")}; !slices.Equal(told, want) {
		t.Errorf("told: %q", told)
	}
	if n := hop.sessions(); n != len(waited)+1 {
		t.Errorf("%d sessions for %d attempts", n, len(waited)+1)
	}
	if st := o.relay.Status(); len(st) != 1 || st[0].Failed != 1 {
		t.Errorf("status: %+v", st)
	}
}

// What a hop refuses of several recipients is final for that one alone; the
// others are not sent to again.
func TestRelayRefusesOneOfThree(t *testing.T) {
	hop := startHop(t, nil)
	busy := true
	hop.rcpt = func(to string) error {
		hop.mu.Lock()
		defer hop.mu.Unlock()
		switch {
		case to == "gone@f.example":
			return says(550, "no such user")
		case to == "busy@f.example" && busy:
			return says(450, "mailbox busy")
		}
		return nil
	}
	o := newOffice(t, hop.address)
	o.run()
	envelope := archive.Envelope{From: "bo@f.example"}
	for _, name := range []string{"kim", "gone", "busy"} {
		envelope.To = append(envelope.To, "support-7f3k2+to="+name+"=f.example@journal.example.net")
	}
	o.mail("Subject: x\r\n\r\nx\r\n", envelope)
	o.until("a deferral", func() bool { return len(o.waits()) == 1 && o.waits()[0].attempts == 1 })
	hop.set(func() { busy = false })
	o.pass(time.Minute)
	o.idle(4)
	o.expect("mail/0 1 gone@f.example failed", "mail/0 1 busy@f.example deferred", "mail/0 1 kim@f.example sent", "mail/0 2 busy@f.example sent")
	var rcpt [][]string
	for _, g := range hop.all() {
		rcpt = append(rcpt, g.to)
	}
	if want := [][]string{{"kim@f.example"}, {"busy@f.example"}}; !cmp.Equal(rcpt, want) {
		t.Errorf("sent to %q", rcpt)
	}
	rec, err := o.archive.Read(t.Context(), archive.Address{Stream: archive.Facts})
	if err != nil || !bytes.Contains(rec.Body, []byte(`"reply":"550 5.0.0 no such user"`)) || !bytes.Contains(rec.Body, []byte(`"reply":"250 2.0.0 OK`)) || !bytes.Contains(rec.Body, []byte(`"hop":"`+hop.address)) {
		t.Errorf("the fact is %s, %v", rec.Body, err)
	}
}

// A hop that is away is asked with one message at a time; the others wait
// without an attempt, and go on when it is back.
func TestRelayWaitsForAHopThatIsAway(t *testing.T) {
	hop := startHop(t, nil)
	hop.stop()
	o := newOffice(t, hop.address)
	for n := range 20 {
		o.note(fmt.Sprint("support ", n))
	}
	o.run()
	o.until("the first deferrals", func() bool { return len(o.waits()) == 20 && o.relay.Status()[0].Failure != "" })
	if n := len(o.facts()); n == 0 || n > relayAtOnce {
		t.Errorf("%d attempts", n)
	}
	if st := o.relay.Status()[0]; !strings.Contains(st.Failure, "refused") || st.Hop != hop.address || !st.Oldest.Equal(noon) || st.Waiting != 20 {
		t.Errorf("status: %+v", st)
	}
	hop.start(nil)
	o.pass(time.Hour)
	o.until("20 messages", func() bool { return len(hop.all()) == 20 })
	o.until("nothing to wait", func() bool { return o.relay.Status()[0].Waiting == 0 })
	if st := o.relay.Status()[0]; st.Failure != "" || st.Failed != 0 {
		t.Errorf("status: %+v", st)
	}
}

// While a hop stays away for more than five days, what waits for it fails with the
// one message that asks.
func TestRelayGivesUpOnAHopThatStaysAway(t *testing.T) {
	hop := startHop(t, nil)
	hop.stop()
	o := newOffice(t, hop.address)
	for n := range 10 {
		o.note(fmt.Sprint("support ", n))
	}
	o.run()
	o.until("a deferral", func() bool { return len(o.waits()) == 10 && o.relay.Status()[0].Failure != "" })
	before := len(o.facts())
	o.pass(relayFor + time.Second)
	o.idle(before + 10)
	if st := o.relay.Status()[0]; st.Failed != 10 {
		t.Errorf("status: %+v", st)
	}
}

// Nobody waits for ever for a hop that says nothing, or nothing more.
func TestRelayGivesUpOnAHopThatHangs(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close() // The kernel accepts, and nobody greets.
	o := newOffice(t, silent.Addr().String())
	o.run()
	o.note("support 0")
	o.until("a deferral", func() bool { return len(o.waits()) == 1 && o.waits()[0].attempts == 1 })
	if st := o.relay.Status()[0]; !strings.Contains(st.Failure, "timeout") {
		t.Errorf("status: %+v", st)
	}
	hop := startHop(t, nil)
	end := make(chan struct{})
	defer close(end)
	hop.set(func() { hop.data = func(*smtp.Conn) error { <-end; return errors.New("late") } })
	o.setHop("support", Hop{hop.address, noon})
	o.pass(time.Hour)
	o.until("another deferral", func() bool { return len(o.waits()) == 1 && o.waits()[0].attempts == 2 })
	o.expect("mail/0 1 "+to+" deferred", "mail/0 2 "+to+" deferred")
}

// A hop that disappears inside a message gets it again.
func TestRelaySendsAgainWhatWasCut(t *testing.T) {
	hop := startHop(t, nil)
	cut := true
	hop.data = func(c *smtp.Conn) error {
		hop.mu.Lock()
		defer hop.mu.Unlock()
		if cut {
			cut = false
			c.Conn().Close()
			return errors.New("gone")
		}
		return nil
	}
	o := newOffice(t, hop.address)
	o.run()
	big := "Subject: big\r\n\r\n" + strings.Repeat("0123456789abcdef\r\n", 50_000)
	o.mail(big, archive.Envelope{From: "kim@f.example", To: []string{to}})
	o.until("a deferral", func() bool { return len(o.waits()) == 1 && o.waits()[0].attempts == 1 })
	o.pass(time.Minute)
	o.idle(2)
	o.expect("mail/0 1 "+to+" deferred", "mail/0 2 "+to+" sent")
	if got := hop.all(); len(got) != 1 || !strings.HasSuffix(got[0].raw, big) {
		t.Errorf("the hop has %d messages", len(got))
	}
}

// STARTTLS is spoken where it is offered, whoever signed the certificate; with
// REQUIRETLS only a good one will do.
func TestRelaySpeaksTLSWhereOffered(t *testing.T) {
	hop := startHop(t, func(s *smtp.Server) { s.TLSConfig, s.EnableREQUIRETLS = selfSigned(), true })
	o := newOffice(t, hop.address)
	o.run()
	o.note("support 0")
	o.idle(1)
	o.note("support 1")
	o.idle(2)
	for _, g := range hop.all() {
		if !g.tls {
			t.Error("sent in clear")
		}
	}
	o.mail("Subject: secret\r\n\r\nx\r\n", archive.Envelope{From: "kim@f.example", To: []string{to}, RequireTLS: true})
	o.until("a deferral", func() bool { return len(o.waits()) == 1 && o.waits()[0].attempts == 1 })
	if st := o.relay.Status()[0]; !strings.Contains(st.Failure, "certificate") || len(hop.all()) != 2 {
		t.Errorf("status: %+v", st)
	}
}

// What a hop cannot take without that it is rewritten, what goes round in a
// circle, and addresses that would say more than an address, have failed.
func TestRelayDoesNotSendWhatItMayNot(t *testing.T) {
	ours := strings.Repeat("Received: from a by journal.example.net; x\r\n", 3)
	envelope := archive.Envelope{From: "kim@f.example", To: []string{to}}
	with := func(change func(*archive.Envelope)) archive.Envelope {
		e := envelope
		change(&e)
		return e
	}
	for name, c := range map[string]struct {
		body  string
		e     archive.Envelope
		reply string
	}{
		"loop":    {ours + "\r\nx\r\n", envelope, "the message goes round in a circle"},
		"NUL":     {"\r\na\x00b\r\n", envelope, "NUL"},
		"size":    {"\r\n" + strings.Repeat("x\r\n", 400), envelope, "takes 500 bytes"},
		"UTF-8":   {"\r\nx\r\n", with(func(e *archive.Envelope) { e.From = "kím@f.example" }), "UTF-8"},
		"header":  {"Subject: ü\r\n\r\nx\r\n", with(func(e *archive.Envelope) { e.UTF8 = true }), "UTF-8"},
		"TLS":     {"\r\nx\r\n", with(func(e *archive.Envelope) { e.RequireTLS = true }), "TLS"},
		"address": {"\r\nx\r\n", with(func(e *archive.Envelope) { e.To = []string{"support-7f3k2+to=a> SIZE=1=f.example@j.example"} }), "cannot be written"},
		"sender":  {"\r\nx\r\n", with(func(e *archive.Envelope) { e.From = "a>b@f.example" }), "cannot be written"},
	} {
		t.Run(name, func(t *testing.T) {
			hop := startHop(t, func(s *smtp.Server) { s.EnableSMTPUTF8, s.MaxMessageBytes = false, 500 })
			o := newOffice(t, hop.address)
			o.run()
			o.mail(c.body, c.e)
			o.idle(1)
			rec, err := o.archive.Read(t.Context(), archive.Address{Stream: archive.Facts})
			if err != nil || !strings.HasSuffix(o.facts()[0], "failed") || !bytes.Contains(rec.Body, []byte(c.reply)) {
				t.Errorf("%s, %v", rec.Body, err)
			}
			if len(hop.all()) > 0 {
				t.Errorf("the hop has it: %+v", hop.all())
			}
		})
	}
}

// Lines end with CRLF, and neither CR nor LF goes out alone, whatever is stored.
func FuzzRelayLines(f *testing.F) {
	for _, s := range []string{"a\nb\r\nc\rd\r\r\ne\r", "\r", "\n", "\r\r\r\n", "a\r b", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var out bytes.Buffer
		if err := copyLines(&out, bytes.NewReader(raw)); err != nil {
			t.Fatal(err)
		}
		got := out.String()
		if strings.ContainsAny(strings.ReplaceAll(got, "\r\n", ""), "\r\n") {
			t.Errorf("%q became %q", raw, got)
		}
		text := func(s string) string { return strings.NewReplacer("\r", "", "\n", "", " ", "").Replace(s) }
		if text(got) != text(string(raw)) || strings.Count(got, "\n") != bytes.Count(raw, []byte("\n")) {
			t.Errorf("%q became %q", raw, got)
		}
	})
}

// Mail of before a queue got its hop stays here, mail since then goes on: at a
// start, at run time, and when others of the same stream were handed on before.
func TestRelayBeginsWhereAQueueGotItsHop(t *testing.T) {
	hop := startHop(t, nil)
	o := newOffice(t, "")
	o.note("support 0")
	o.note("sales 0")
	o.pass(2 * time.Hour)
	o.setHop("support", Hop{hop.address, o.now()})
	o.note("support 1")
	o.run()
	o.idle(1)
	o.note("sales 1")
	o.note("support 2")
	o.idle(2)
	o.pass(2 * time.Hour)
	since := o.now()
	o.note("sales 2")
	o.note("support 3") // When it is there, sales 2 was passed.
	o.idle(3)
	o.setHop("sales", Hop{hop.address, since})
	o.idle(4)
	o.stop()
	o.run()
	o.note("sales 3")
	o.idle(5)
	if want := []string{"support 1", "support 2", "support 3", "sales 2", "sales 3"}; !slices.Equal(hop.subjects(), want) {
		t.Errorf("handed on: %q", hop.subjects())
	}
}

// After a restart the relay goes on where the facts say: what has a final
// outcome is not sent again, what was deferred waits on, and facts of others are
// passed over. A mark at the end makes no difference but time.
func TestRelayGoesOnAfterARestart(t *testing.T) {
	for _, crash := range []bool{false, true} {
		t.Run(fmt.Sprint("crash ", crash), func(t *testing.T) {
			hop := startHop(t, nil)
			o := newOffice(t, hop.address)
			o.markless = crash
			defers := true
			hop.rcpt = func(to string) error {
				hop.mu.Lock()
				defer hop.mu.Unlock()
				if defers && strings.HasPrefix(to, "busy") {
					return says(450, "busy")
				}
				return nil
			}
			o.run()
			o.note("support 0")
			o.mail("Subject: two\r\n\r\nx\r\n", archive.Envelope{From: "b@f.example", To: []string{"support-7f3k2+to=kim=f.example@j.example", "support-7f3k2+to=busy=f.example@j.example"}})
			o.until("three outcomes", func() bool { return len(o.facts()) == 3 && len(o.waits()) == 1 })
			for _, foreign := range []string{`{"polytrace":1,"type":"mail.authenticated","at":"2026-11-25T12:00:00Z","data":{"record":"mail/0"}}`, `no JSON`, `{"polytrace":1,"type":"mail.relayed","data":[]}`} {
				if _, err := o.archive.Append(t.Context(), archive.Facts, archive.Meta{Kind: archive.KindEvent, Received: o.now()}, strings.NewReader(foreign)); err != nil {
					t.Fatal(err)
				}
			}
			marks := o.archive.Next(archive.Facts)
			o.stop()
			if marked := o.archive.Next(archive.Facts) != marks; marked == crash {
				t.Errorf("there is a mark at the end: %v", marked)
			}
			o.note("support 2")
			o.run()
			o.until("the message of in between", func() bool { return len(o.facts()) == 4 && len(o.waits()) == 1 })
			if n := len(hop.all()); n != 3 {
				t.Errorf("the hop was sent to %d times", n)
			}
			if p := o.waits()[0]; p.attempts != 1 || !slices.Equal(p.open, []string{"busy@f.example"}) || !p.next.Equal(noon.Add(time.Minute)) {
				t.Errorf("waits: %+v", p)
			}
			hop.set(func() { defers = false })
			o.pass(time.Minute)
			o.idle(5)
			if facts := o.facts(); facts[4] != "mail/1 2 busy@f.example sent" {
				t.Errorf("facts: %q", facts)
			}
		})
	}
}

// A queue that lost its hop keeps what waits until it is too old.
func TestRelayKeepsMailOfAQueueWithoutAHop(t *testing.T) {
	hop := startHop(t, nil)
	hop.data = func(*smtp.Conn) error { return says(451, "later") }
	o := newOffice(t, hop.address)
	o.run()
	o.note("support 0")
	o.until("a deferral", func() bool { return len(o.waits()) == 1 && o.waits()[0].attempts == 1 })
	o.setHop("support", Hop{})
	sessions := hop.sessions()
	o.pass(relayFor)
	o.until("the queue without a hop", func() bool { return o.relay.Status()[0].Hop == "" })
	if len(o.waits()) != 1 {
		t.Error("it was given up early")
	}
	o.pass(time.Second)
	o.idle(2)
	o.expect("mail/0 1 "+to+" deferred", "mail/0 2 "+to+" failed")
	if hop.sessions() > sessions+1 { // One may have been on its way.
		t.Errorf("the hop was asked %d times more", hop.sessions()-sessions)
	}
}

// Whatever a hop does, and however often the relay is started anew, every message
// gets there, and none goes twice but those whose answer was lost.
func TestRelayLosesNothing(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	hop := startHop(t, nil)
	o := newOffice(t, hop.address)
	var mu sync.Mutex // Guards random, calm and unsure.
	calm, unsure := false, 0
	draw := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		if calm {
			return n
		}
		return random.IntN(n)
	}
	hop.rcpt = func(string) error {
		if draw(4) == 0 {
			return says(450, "not now")
		}
		return nil
	}
	hop.data = func(c *smtp.Conn) error {
		switch draw(6) {
		case 0:
			return says(452, "full")
		case 1:
			c.Conn().Close()
		}
		return nil
	}
	o.run()
	sent := 0
	for range 60 {
		switch draw(8) {
		case 0:
			o.stop()
			unsure += relayAtOnce // What was under way.
			o.run()
		case 1:
			hop.stop()
			unsure += relayAtOnce
			hop.start(nil)
		default:
			o.note(fmt.Sprint("support ", sent))
			sent++
		}
		o.pass(20 * time.Minute)
	}
	mu.Lock()
	calm = true
	mu.Unlock()
	final := func() map[string]int {
		all := map[string]int{}
		for _, f := range o.facts() {
			if strings.HasSuffix(f, "sent") {
				all[strings.Fields(f)[0]]++
			}
		}
		return all
	}
	o.until("all messages", func() bool {
		o.pass(time.Minute)
		return len(final()) == sent
	})
	got := map[string]int{}
	for _, s := range hop.subjects() {
		got[s]++
	}
	for n := range sent {
		if got[fmt.Sprint("support ", n)] == 0 {
			t.Errorf("message %d was lost", n)
		}
	}
	if twice := len(hop.all()) - sent; twice > unsure {
		t.Errorf("%d messages went twice, the answer to %d may have been lost", twice, unsure)
	}
	for at, n := range final() {
		if n != 1 {
			t.Errorf("%s has %d final outcomes", at, n)
		}
	}
	if slices.ContainsFunc(o.facts(), func(f string) bool { return strings.HasSuffix(f, "failed") }) {
		t.Errorf("something failed: %q", o.facts())
	}
}

package gateway

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"polytrace/archive"
	"polytrace/archive/dirstore"
	mail "polytrace/message"
	"polytrace/message/auth"
)

// nameServer is a real DNS server on the loopback, over UDP and TCP.
type nameServer struct {
	address string

	mu      sync.Mutex
	records map[string][]string // "TXT name." to values as in a zone file; guarded by mu.
	failing map[string]int      // How many more questions for a name are answered SERVFAIL; guarded by mu.
	asked   map[string]int      // Guarded by mu.
	silent  bool                // Answers nothing at all; guarded by mu.
	heard   chan string         // Gets each name that is asked for while silent.
}

func newNameServer(t *testing.T) *nameServer {
	t.Helper()
	var packets net.PacketConn
	stream, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		packets, err = net.ListenPacket("udp", stream.Addr().String())
	}
	if err != nil {
		t.Fatal(err)
	}
	n := &nameServer{address: packets.LocalAddr().String(), records: map[string][]string{"NS .": {"a.root.example."}}, failing: map[string]int{}, asked: map[string]int{}, heard: make(chan string, 1000)}
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: n}, {Listener: stream, Handler: n}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		ended := make(chan error, 1)
		go func() { ended <- s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() {
			if err := s.Shutdown(); err != nil {
				t.Error(err)
			}
			<-ended
		})
	}
	return n
}

// ServeDNS implements dns.Handler.
func (n *nameServer) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	n.mu.Lock()
	defer n.mu.Unlock()
	name := strings.ToLower(q.Question[0].Name)
	n.asked[name]++
	if n.silent {
		n.heard <- name
		return
	}
	m := new(dns.Msg)
	m.SetReply(q)
	m.AuthenticatedData = q.AuthenticatedData && strings.HasSuffix(name, "signed.example.")
	values := n.records[dns.TypeToString[q.Question[0].Qtype]+" "+name]
	for _, v := range values {
		rr, err := dns.NewRR(fmt.Sprintf("%s 300 IN %s %s", name, dns.TypeToString[q.Question[0].Qtype], v))
		if err != nil {
			panic(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	switch {
	case n.failing[name] != 0:
		n.failing[name]--
		m.Rcode, m.Answer = dns.RcodeServerFailure, nil
	case len(values) == 0 && !strings.HasPrefix(name, "nodata."):
		m.Rcode = dns.RcodeNameError
	}
	if _, udp := w.RemoteAddr().(*net.UDPAddr); udp && m.Len() > dnsUDPAnswer {
		m.Truncated, m.Answer = true, nil
	}
	if err := w.WriteMsg(m); err != nil {
		panic(err)
	}
}

func (n *nameServer) set(name string, values ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.records[name] = values
}

func (n *nameServer) fail(name string, times int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.failing[name] = times
}

func (n *nameServer) silence(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.silent = on
}

func (n *nameServer) times(name string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked[name]
}

func (n *nameServer) resolver(t *testing.T) *Resolver {
	t.Helper()
	r, err := NewResolver([]string{n.address})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// author signs mail as the domain's server does.
type author struct {
	key    ed25519.PrivateKey
	domain string
}

func newAuthor(n *nameServer, domain string) author {
	a := author{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)), domain}
	n.set("TXT s._domainkey."+domain+".", `"v=DKIM1; k=ed25519; p=`+base64.StdEncoding.EncodeToString(a.key.Public().(ed25519.PublicKey))+`"`)
	return a
}

// write makes a signed message.
func (a author) write(subject string) string {
	body := "Please pay.\r\n"
	from := "From: jane@" + a.domain + "\r\n"
	sum := sha256.Sum256([]byte(body))
	value := "DKIM-Signature: v=1; a=ed25519-sha256; d=" + a.domain + "; s=s; h=from; bh=" + base64.StdEncoding.EncodeToString(sum[:]) + "; b="
	digest := sha256.Sum256([]byte(from + value))
	return value + base64.StdEncoding.EncodeToString(ed25519.Sign(a.key, digest[:])) + "\r\n" + from + "Subject: " + subject + "\r\n\r\n" + body
}

func openArchive(t *testing.T) *archive.Archive {
	t.Helper()
	store, err := dirstore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a, err := archive.Open(t.Context(), t.TempDir(), archive.Config{Store: store, Reserve: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func put(t *testing.T, a *archive.Archive, s archive.Stream, m archive.Meta, raw string) archive.Meta {
	t.Helper()
	if m.Received.IsZero() {
		m.Received = time.Now()
	}
	m.Kind = archive.KindMessage
	var body archive.Body
	if m.SameAs == nil {
		body = strings.NewReader(raw)
	}
	got, err := a.Append(t.Context(), s, m, body)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// examining runs an examiner until stop is called.
func examining(t *testing.T, a Records, c ExaminerConfig) (e *Examiner, stop func()) {
	t.Helper()
	if c.Every == 0 {
		c.Every = time.Millisecond
	}
	e, err := NewExaminer(c, a)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return e, stop
}

// factsTo waits until a stream is examined up to a position, and returns all findings.
func factsTo(t *testing.T, a *archive.Archive, s archive.Stream, to archive.Position) (all []auth.Findings) {
	t.Helper()
	for p := archive.Position(0); ; p++ {
		if err := a.Wait(t.Context(), archive.Facts, p); err != nil {
			t.Fatal(err)
		}
		rec, err := a.Read(t.Context(), archive.Address{Stream: archive.Facts, Position: p})
		if err != nil {
			t.Fatal(err)
		}
		f, _, err := auth.Decode(rec.Body)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
		if f.Stream == string(s) && f.To >= uint64(to) {
			return all
		}
	}
}

// results are those of one stream, by position.
func results(all []auth.Findings, s archive.Stream) map[uint64]auth.Result {
	out := map[uint64]auth.Result{}
	for _, f := range all {
		for _, r := range f.Results {
			if f.Stream == string(s) {
				out[r.Position] = r
			}
		}
	}
	return out
}

// Mail is examined as it was sent, a journal report unwrapped; each answer of
// DNS is kept once and referred to; and everything can be verified again from
// what is kept when DNS has nothing any more.
func TestExaminerKeepsWhatItFound(t *testing.T) {
	n := newNameServer(t)
	a, w := openArchive(t), newAuthor(n, "vendor.signed.example")
	signed := w.write("one")
	first := put(t, a, archive.Mail, archive.Meta{}, signed)
	put(t, a, archive.Mail, archive.Meta{}, "From: x@y.example\r\n\r\nUnsigned.\r\n")
	put(t, a, archive.Mail, archive.Meta{SameAs: &archive.Address{Stream: archive.Mail}, SHA256: first.SHA256, Size: first.Size}, "")
	report := "X-MS-Journal-Report:\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSender: jane@vendor.example\r\nMessage-Id: <1@x>\r\nTo: bob@contoso.example\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" + w.write("two") + "\r\n--b--\r\n"
	put(t, a, archive.Mail, archive.Meta{Source: archive.Source{Queue: "support", Format: mail.FormatExchange}}, report)
	put(t, a, archive.Mail, archive.Meta{}, strings.Replace(w.write("three"), "pay", "PAY", 1))
	e, _ := examining(t, a, ExaminerConfig{DNS: n.resolver(t)})
	factsTo(t, a, archive.Mail, 5)
	put(t, a, archive.Mail, archive.Meta{}, w.write("four"))
	put(t, a, "mail-legal", archive.Meta{}, w.write("five"))
	all := factsTo(t, a, archive.Mail, 6)
	legal := factsTo(t, a, "mail-legal", 1)
	if len(legal) > len(all) {
		all = legal
	}
	got := results(all, archive.Mail)
	for p, want := range map[uint64]string{0: auth.Pass, 1: auth.None, 3: auth.Pass, 4: auth.Fail, 5: auth.Pass} {
		r, ok := got[p]
		if !ok || r.Best() != want {
			t.Errorf("mail/%d: got %+v, want %s", p, r, want)
		}
	}
	if _, ok := got[2]; ok {
		t.Error("a sighting was examined: its bytes were before")
	}
	var keys []auth.Answer
	for _, f := range all {
		keys = append(keys, f.Keys...)
	}
	if len(keys) != 1 || !keys[0].AD || keys[0].TTL != 300 || keys[0].Resolver != n.address || keys[0].At.IsZero() {
		t.Fatalf("the key is kept as %+v", keys)
	}
	if at := got[0].DKIM[0].Ref.At; at != "" {
		t.Errorf("the first refers to %q", at)
	}
	if at := got[5].DKIM[0].Ref.At; at != "facts/0" {
		t.Errorf("a later one refers to %q", at)
	}
	n.set("TXT s._domainkey.vendor.signed.example.")
	for p, r := range got {
		rec, err := a.Read(t.Context(), archive.Address{Stream: archive.Mail, Position: archive.Position(p)})
		if err != nil {
			t.Fatal(err)
		}
		raw := mail.Read(rec.Body, mail.Delivery{Format: rec.Meta.Source.Format}).Original.Raw
		if diff := cmp.Diff(r, auth.Again(auth.Mail{Raw: raw, At: rec.Meta.Received}, r, keys)); diff != "" {
			t.Errorf("mail/%d verified again: %s", p, diff)
		}
	}
	if st := e.Status(); st.Failure != "" {
		t.Errorf("status %+v", st)
	}
}

// An examiner that is stopped anywhere and started again has looked at every
// record once: runs of a stream follow one another without gaps and overlaps.
func TestExaminerNeverLosesItsPlace(t *testing.T) {
	n := newNameServer(t)
	a, w := openArchive(t), newAuthor(n, "vendor.example")
	r := n.resolver(t)
	seed := rand.Uint64()
	t.Log("seed", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	streams := []archive.Stream{archive.Mail, "mail-legal"}
	for i := range 60 {
		for range dice.IntN(5) + 1 {
			put(t, a, streams[dice.IntN(2)], archive.Meta{}, w.write(fmt.Sprint(i)))
		}
		e, stop := examining(t, a, ExaminerConfig{DNS: r})
		for range dice.IntN(1000) { // Somewhere in the middle.
			e.Status()
		}
		stop()
	}
	for _, s := range streams {
		put(t, a, s, archive.Meta{}, w.write("last"))
	}
	_, stop := examining(t, a, ExaminerConfig{DNS: r})
	all := factsTo(t, a, archive.Mail, a.Next(archive.Mail))
	if legal := factsTo(t, a, "mail-legal", a.Next("mail-legal")); len(legal) > len(all) {
		all = legal
	}
	stop()
	next, kept := map[string]uint64{}, 0
	for i, f := range all {
		if f.From != next[f.Stream] || f.To <= f.From || f.Next[f.Stream] != f.To {
			t.Errorf("facts/%d is about %s from %d to %d, and %d should come", i, f.Stream, f.From, f.To, next[f.Stream])
		}
		if len(f.Results) != int(f.To-f.From) {
			t.Errorf("facts/%d has %d results", i, len(f.Results))
		}
		next[f.Stream] = f.To
		kept += len(f.Keys)
	}
	if kept != 1 {
		t.Errorf("the key is kept %d times", kept)
	}
}

// What DNS cannot tell for now is asked again before it is recorded as such;
// a name that is never told does not hold up what comes later.
func TestExaminerAsksAgain(t *testing.T) {
	n := newNameServer(t)
	a := openArchive(t)
	slow, never := newAuthor(n, "slow.example"), newAuthor(n, "never.example")
	n.fail("s._domainkey.slow.example.", 5)   // Two for each question.
	n.fail("s._domainkey.never.example.", -1) // Always.
	put(t, a, archive.Mail, archive.Meta{}, slow.write("1"))
	put(t, a, archive.Mail, archive.Meta{}, never.write("2"))
	examining(t, a, ExaminerConfig{DNS: n.resolver(t), Retries: []time.Duration{1, 1, 1}})
	factsTo(t, a, archive.Mail, 2)
	asked := n.times("s._domainkey.never.example.")
	put(t, a, archive.Mail, archive.Meta{}, never.write("3"))
	got := results(factsTo(t, a, archive.Mail, 3), archive.Mail)
	if got[0].Best() != auth.Pass {
		t.Errorf("a name that DNS told later: %+v", got[0])
	}
	for _, p := range []uint64{1, 2} {
		if got[p].Best() != auth.TempError || !strings.Contains(got[p].DKIM[0].Reason, "servfail") {
			t.Errorf("a name that DNS never tells: %+v", got[p])
		}
	}
	if asked != 8 || n.times("s._domainkey.never.example.") != asked {
		t.Errorf("it was asked for %d times, and %d later", asked, n.times("s._domainkey.never.example."))
	}
}

// fakeDNS tells nothing until it is alive.
type fakeDNS struct {
	mu      sync.Mutex
	looked  int // Times that it was asked whether it is alive; guarded by mu.
	outFor  int // Looks until it is.
	answers int // Guarded by mu.
}

func (f *fakeDNS) Alive(context.Context) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked++
	return f.looked > f.outFor
}

func (f *fakeDNS) TXT(_ context.Context, name string) auth.Answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers++
	if f.looked <= f.outFor {
		return auth.Answer{Name: name, Error: "i/o timeout"}
	}
	return auth.Answer{Name: name, Error: auth.NoName}
}

func (f *fakeDNS) SPF(context.Context, netip.Addr, string, string) *auth.SPF { return nil }

// While no server answers at all nothing is recorded, for as long as it may wait:
// the key is still there when one does.
func TestExaminerWaitsForTheResolver(t *testing.T) {
	for outFor, want := range map[int]string{20: auth.PermError, 1 << 30: auth.TempError} {
		a := openArchive(t)
		put(t, a, archive.Mail, archive.Meta{}, newAuthor(newNameServer(t), "vendor.example").write("1"))
		examining(t, a, ExaminerConfig{DNS: &fakeDNS{outFor: outFor}, Retries: []time.Duration{time.Millisecond}, Outage: 200 * time.Millisecond})
		if got := results(factsTo(t, a, archive.Mail, 1), archive.Mail); got[0].Best() != want {
			t.Errorf("out for %d looks: got %+v", outFor, got[0])
		}
	}
}

// SPF and DMARC are for mail that came from the sender's server itself.
func TestExaminerInTheGatewayRole(t *testing.T) {
	n := newNameServer(t)
	a, w := openArchive(t), newAuthor(n, "vendor.example")
	n.set("TXT vendor.example.", `"v=spf1 mx a:relay.vendor.example -all"`)
	n.set("MX vendor.example.", "10 mx.vendor.example.")
	n.set("A mx.vendor.example.", "192.0.2.1")
	n.set("A relay.vendor.example.", "192.0.2.9")
	n.set("TXT _dmarc.vendor.example.", `"v=DMARC1; p=reject"`)
	meta := func(queue, ip, from string) archive.Meta {
		return archive.Meta{Source: archive.Source{Queue: queue}, Peer: &archive.Peer{IP: ip, Helo: "mx.vendor.example"}, Envelope: &archive.Envelope{From: from, To: []string{"x@y.example"}}}
	}
	put(t, a, archive.Mail, meta("gate", "192.0.2.1", "jane@vendor.example"), w.write("1"))
	put(t, a, archive.Mail, meta("gate", "192.0.2.9", "jane@vendor.example"), "From: jane@vendor.example\r\n\r\nUnsigned.\r\n")
	put(t, a, archive.Mail, meta("gate", "192.0.2.5", "jane@vendor.example"), "From: jane@vendor.example\r\n\r\nForged.\r\n")
	put(t, a, archive.Mail, meta("journal", "192.0.2.1", "jane@vendor.example"), w.write("2"))
	put(t, a, archive.Mail, meta("gate", "unix:/run/x", "jane@vendor.example"), w.write("3"))
	examining(t, a, ExaminerConfig{DNS: n.resolver(t), Gateway: func(queue string) bool { return queue == "gate" }})
	got := results(factsTo(t, a, archive.Mail, 5), archive.Mail)
	for p, want := range map[uint64][3]string{0: {auth.Pass, auth.Pass, "spf dkim"}, 1: {auth.Pass, auth.Pass, "spf"}, 2: {auth.Fail, auth.Fail, ""}} {
		r := got[p]
		if r.SPF == nil || r.DMARC == nil || r.SPF.Status != want[0] || r.DMARC.Status != want[1] || strings.Join(r.DMARC.Aligned, " ") != want[2] || r.DMARC.Policy != "reject" {
			t.Errorf("mail/%d: got %+v %+v", p, r.SPF, r.DMARC)
		}
	}
	for _, p := range []uint64{3, 4} {
		if got[p].SPF != nil || got[p].DMARC != nil {
			t.Errorf("mail/%d has %+v", p, got[p])
		}
	}
}

// A server that stops does not wait for a DNS server that says nothing, and
// nothing is recorded then.
func TestExaminerStopsAtOnce(t *testing.T) {
	n := newNameServer(t)
	a, w := openArchive(t), newAuthor(n, "vendor.example")
	n.silence(true)
	put(t, a, archive.Mail, archive.Meta{}, w.write("1"))
	e, stop := examining(t, a, ExaminerConfig{DNS: n.resolver(t)})
	<-n.heard
	stop()
	if n.times("s._domainkey.vendor.example.") != 1 {
		t.Error("it went on asking")
	}
	if a.Next(archive.Facts) != 0 || e.Status().Behind != 1 {
		t.Errorf("%d facts, %+v", a.Next(archive.Facts), e.Status())
	}
}

// What is too large, or asks for too many names, is said to be.
func TestExaminerHasBudgets(t *testing.T) {
	n := newNameServer(t)
	e, err := NewExaminer(ExaminerConfig{DNS: n.resolver(t)}, openArchive(t))
	if err != nil {
		t.Fatal(err)
	}
	x := &examined{at: archive.Address{Stream: archive.Mail, Position: 4}}
	e.examine(t.Context(), x, archive.Record{Meta: archive.Meta{Size: 65 << 20}})
	if want := (auth.Result{Position: 4, Skipped: "it is larger than 64 MiB"}); !cmp.Equal(x.result, want) {
		t.Errorf("got %+v", x.result)
	}
	var chain strings.Builder
	key := base64.StdEncoding.EncodeToString(newAuthor(n, "a.example").key.Public().(ed25519.PublicKey))
	for i := range 50 {
		n.set(fmt.Sprintf("TXT s._domainkey.d%d.example.", i), `"k=ed25519; p=`+key+`"`)
		fmt.Fprintf(&chain, "DKIM-Signature: v=1; a=ed25519-sha256; d=d%d.example; s=s; h=from; bh=AA==; b=AA==\r\n", i)
	}
	e.examine(t.Context(), x, archive.Record{Meta: archive.Meta{}, Body: []byte(chain.String() + "From: a@b.example\r\n\r\n")})
	if len(x.result.DKIM) != 10 || x.result.More != 40 || len(x.answers) != 10 {
		t.Errorf("%d verified, %d more, %d answers", len(x.result.DKIM), x.result.More, len(x.answers))
	}
}

// A Resolver tells how long an answer holds and whether it is proven, gets long
// ones over TCP, and asks once for what it remembers.
func TestResolver(t *testing.T) {
	n := newNameServer(t)
	n.set("TXT long.signed.example.", `"`+strings.Repeat("a", 250)+`" "`+strings.Repeat("b", 250)+`"`, `"`+strings.Repeat("c", 250)+`" "`+strings.Repeat("d", 250)+`" "`+strings.Repeat("e", 250)+`"`)
	n.set("TXT odd.example.", `"a\"b\\\\c\195\164\200d;"`)
	n.set("TXT two.example.", `"z"`, `"a"`)
	n.fail("broken.example.", -1)
	r := n.resolver(t)
	for _, c := range []struct {
		name, fault string
		txt         []string
		ad          bool
	}{
		{"long.signed.example", "", []string{strings.Repeat("a", 250) + strings.Repeat("b", 250), strings.Repeat("c", 250) + strings.Repeat("d", 250) + strings.Repeat("e", 250)}, true},
		{"odd.example", "", []string{"a\"b\\\\c\u00e4\ufffdd;"}, false},
		{"two.example", "", []string{"a", "z"}, false},
		{"none.example", auth.NoName, nil, false},
		{"nodata.example", auth.NoData, nil, false},
		{"broken.example", "servfail", nil, false},
	} {
		a := r.TXT(t.Context(), c.name)
		if !slices.Equal(a.TXT, c.txt) || a.AD != c.ad || a.Error != c.fault || a.Resolver != n.address || (c.txt != nil) != (a.TTL == 300) {
			t.Errorf("%s: got %+v", c.name, a)
		}
	}
	asked := n.times("two.example.")
	if r.TXT(t.Context(), "two.example"); n.times("two.example.") != asked {
		t.Error("it was asked again within the TTL")
	}
	r.now = func() time.Time { return time.Now().Add(301 * time.Second) }
	if r.TXT(t.Context(), "two.example"); n.times("two.example.") != asked+1 {
		t.Error("it was not asked again after the TTL")
	}
	if !r.Alive(t.Context()) {
		t.Error("it answers")
	}
	n.silence(true)
	r.udp.Timeout = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-n.heard
		cancel()
	}()
	if a := r.TXT(ctx, "silent.example"); !a.Temporary() {
		t.Errorf("got %+v", a)
	}
	for _, wrong := range []string{"dns.example", "192.0.2.1:dns", ""} {
		if _, err := NewResolver([]string{wrong}); err == nil {
			t.Errorf("%q is taken for a server", wrong)
		}
	}
}

// In a burst mail waits to be examined.
func TestExaminerGivesWay(t *testing.T) {
	n := newNameServer(t)
	a, w, urgent := openArchive(t), newAuthor(n, "vendor.example"), true
	put(t, a, archive.Mail, archive.Meta{}, w.write("one"))
	e, err := NewExaminer(ExaminerConfig{DNS: n.resolver(t), Urgent: func(time.Time) bool { return urgent }}, a)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []archive.Position{0, 1} {
		if err := e.pass(t.Context()); err != nil || a.Next(archive.Facts) != want {
			t.Errorf("burst %v: %d facts, %v", urgent, a.Next(archive.Facts), err)
		}
		urgent = false
	}
}

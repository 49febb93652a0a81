package casework

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
)

// goldenQueues holds the first ledger with decisions about who may send, and
// what it folded to. These files never change.
const goldenQueues = "testdata/golden-queues"

func goldenQueuesScript(o *office) {
	step := func(c Command) { o.t.Helper(); o.do(c); o.clock = o.clock.Add(time.Hour) }
	step(AddUser{Name: "root", FullName: "Root", Roles: []Role{Admin}})
	step(SetLogin{"relay1", SecretHash("first")})
	step(SetLogin{"relay2", SecretHash("other")})
	step(SetLogin{"relay1", SecretHash("second")})
	step(SetSources{"branches", networks("192.0.2.0/24", "2001:db8::/32")})
	step(SetSources{"old", networks("198.51.100.0/24")})
	step(RemoveSources{"old"})
	step(AddQueue{Name: "support", Local: "support-aaaaa", Format: "exchange", Sources: networks("203.0.113.7/32"), QueueTerms: QueueTerms{
		Sets: []string{"microsoft365", "branches"}, Logins: []string{"relay1"}, Certificates: []string{"sha256:" + strings.Repeat("0f", 32), "mail.protection.example"},
		Tenants: []string{"contoso.example", "11111111-2222-3333-4444-555555555555"}, TLS: true, Gateway: true, Relay: "mail.example:25", SilenceHours: 36,
	}})
	step(AddQueue{Name: "sales", Local: "sales-aaaaa"})
	step(ChangeQueue{Name: "sales", Format: "google", Class: "mail-legal-10y", QueueTerms: QueueTerms{Sets: []string{"google"}, SilenceHours: -1}})
	step(RotateQueue{"sales", "sales-bbbbb"})
	step(RetireAddress{"sales"})
	step(RotateQueue{"support", "support-bbbbb"})
	step(RemoveLogin{"relay2"})
}

// shownQueues leaves out what is published, which newer versions know anew.
func shownQueues(s *State) map[string]any {
	sets := slices.DeleteFunc(s.SourceSets(), func(x SourceSet) bool { return x.Changed.IsZero() })
	return map[string]any{"queues": s.Queues(), "logins": s.Logins(), "first_password": s.LoginMatches("relay1", SecretHash("first")), "second_password": s.LoginMatches("relay1", SecretHash("second")), "sets": sets, "unknown": s.Unknown()}
}

func TestFirstQueueDecisionsStayReadable(t *testing.T) {
	checkGolden(t, goldenQueues, shownQueues, QueueAdded, QueueChanged, QueueRotated, QueueRetired, LoginSet, LoginRemoved, SourcesSet, SourcesRemoved)
}

func TestQueueDecisionsAreWrittenAsAtFirst(t *testing.T) {
	checkWritten(t, goldenQueues, goldenQueuesScript)
}

// While mail servers are changed over, both addresses take mail.
func TestTwoAddressesLiveDuringARotation(t *testing.T) {
	o := staffed(t)
	o.do(AddQueue{Name: "support", Local: "support-aaaaa"})
	takes := func(local string) bool {
		_, ok := o.desk.state.QueueByLocal(local)
		return ok
	}
	o.refused(RetireAddress{"support"}, Conflict, "Name")
	o.do(RotateQueue{"support", "support-bbbbb"})
	if !takes("support-aaaaa") || !takes("Support-BBBBB") {
		t.Error("one of the two addresses takes no mail")
	}
	o.refused(RotateQueue{"support", "support-ccccc"}, Conflict, "Name", "support-aaaaa")
	o.refused(AddQueue{Name: "other", Local: "support-aaaaa"}, Conflict, "Local")
	o.do(RetireAddress{"support"})
	if takes("support-aaaaa") || !takes("support-bbbbb") {
		t.Error("the retired address takes mail, or the present one none")
	}
	o.do(RotateQueue{"support", "support-ccccc"})
	o.refused(RotateQueue{"none", "x"}, NotFound, "Name")
	o.refused(RetireAddress{"none"}, NotFound, "Name")
}

// A queue that knows its peers by a password or a certificate takes nothing
// from a private network that nobody named.
func TestQueueWithALoginHasNoDefaultNetworks(t *testing.T) {
	o := staffed(t)
	o.do(SetLogin{"mx", SecretHash("pw")})
	for name, terms := range map[string]QueueTerms{
		"login": {Logins: []string{"mx"}}, "certificate": {Certificates: []string{"mx.example"}},
	} {
		o.do(AddQueue{Name: name, Local: name, QueueTerms: terms})
		q, _ := o.desk.state.QueueByLocal(name)
		if got := o.desk.state.Peers(q); len(got) != 0 {
			t.Errorf("%s: takes mail from %v", name, got)
		}
	}
	if o.desk.state.TakesFrom(netip.MustParseAddr("10.0.0.1")) {
		t.Error("mail is taken from a private network that no queue names")
	}
	o.do(AddQueue{Name: "sets", Local: "sets", QueueTerms: QueueTerms{Sets: []string{"google"}}})
	if s := o.desk.state; s.TakesFrom(netip.MustParseAddr("10.0.0.1")) || !s.TakesFrom(netip.MustParseAddr("209.85.128.9")) {
		t.Error("the networks of a queue are not those of its set")
	}
}

func TestSourcesUnderAName(t *testing.T) {
	o := staffed(t)
	o.do(AddQueue{Name: "m365", Local: "m365", QueueTerms: QueueTerms{Sets: []string{"microsoft365"}}})
	before := len(o.desk.state.SourceSets())
	o.do(SetSources{"microsoft365", networks("192.0.2.0/24")})
	q, _ := o.desk.state.QueueByLocal("m365")
	if got := o.desk.state.Peers(q); !slices.Equal(got, networks("192.0.2.0/24")) || len(o.desk.state.SourceSets()) != before {
		t.Errorf("after the set was made anew the queue takes mail from %v", got)
	}
	o.do(RemoveSources{"microsoft365"})
	if got := o.desk.state.Peers(q); len(got) < 5 {
		t.Errorf("without its own meaning the name is %v", got)
	}
	o.do(SetSources{"branches", networks("192.0.2.0/24")})
	o.do(AddQueue{Name: "b", Local: "b", QueueTerms: QueueTerms{Sets: []string{"branches"}}})
	o.refused(RemoveSources{"branches"}, Conflict, "Name", `"b"`)
	o.refused(RemoveSources{"none"}, NotFound, "Name")
	o.refused(SetSources{"Big Ones", networks("192.0.2.0/24")}, Invalid, "Name")
	o.refused(SetSources{"192.0.2.1", networks("192.0.2.0/24")}, Invalid, "Name")
	o.refused(SetSources{"none", nil}, Invalid, "Networks")
	o.refused(SetSources{"none", []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}}, Invalid, "Sources")
}

func TestTermsOfAQueueAreChecked(t *testing.T) {
	o := staffed(t)
	for field, terms := range map[string]QueueTerms{
		"Sources":      {Sets: []string{"nowhere"}},
		"Logins":       {Logins: []string{"nobody"}},
		"Certificates": {Certificates: []string{"sha256:abc"}},
		"Tenants":      {Tenants: []string{"Contoso"}},
		"Relay":        {Relay: "mail.example"},
		"SilenceHours": {SilenceHours: -2},
		"":             {Tenants: []string{"a.example", "a.example"}},
	} {
		o.refused(AddQueue{Name: "q", Local: "q", QueueTerms: terms}, Invalid, field)
	}
	o.do(SetLogin{"mx", SecretHash("pw")})
	o.do(AddQueue{Name: "q", Local: "q", QueueTerms: QueueTerms{Logins: []string{"mx"}}})
	o.refused(RemoveLogin{"mx"}, Conflict, "Name", `"q"`)
	o.refused(RemoveLogin{"nobody"}, NotFound, "Name")
	o.refused(SetLogin{"MX", SecretHash("pw")}, Invalid, "Name")
	o.refused(SetLogin{"mx", archive.Digest{}}, Invalid, "Hash")
	o.refused(ChangeQueue{Name: "none"}, NotFound, "Name")
	o.refused(ChangeQueue{Name: "q", Format: "morse", Class: archive.Mail}, Invalid, "Format")
	at := o.desk.state.Next()
	o.do(ChangeQueue{Name: "q", Format: "auto", Class: archive.Mail, QueueTerms: QueueTerms{Logins: []string{"mx"}}})
	if o.desk.state.Next() != at {
		t.Error("a change that changes nothing is in the ledger")
	}
	o.do(ChangeQueue{Name: "q", Format: "auto", Class: archive.Mail, QueueTerms: QueueTerms{TLS: true}})
	if q, _ := o.desk.state.QueueByLocal("q"); !q.TLS || len(q.Logins) != 0 {
		t.Errorf("changed to %+v", q)
	}
}

// A queue hands on what comes from the moment on that it says so, wherever to.
func TestRelayBeginsWhenItIsAskedFor(t *testing.T) {
	o := staffed(t)
	o.do(AddQueue{Name: "q", Local: "q"})
	since := func() time.Time {
		q, _ := o.desk.state.Queue("q")
		return q.RelaySince
	}
	change := func(relay string) time.Time {
		o.clock = o.clock.Add(time.Hour)
		o.do(ChangeQueue{Name: "q", Format: "auto", Class: archive.Mail, QueueTerms: QueueTerms{Relay: relay}})
		return since()
	}
	if !since().IsZero() {
		t.Error("it begins without being asked for")
	}
	first := change("a.example:25")
	if !first.Equal(o.clock) || !change("b.example:25").Equal(first) {
		t.Errorf("it began at %s, and then at %s", first, since())
	}
	if !change("").IsZero() || !change("b.example:25").Equal(o.clock) {
		t.Errorf("anew it begins at %s", since())
	}
}

// The mail of a queue is read by those that it names, by compliance, and by
// everyone when it names nobody; a queue that is closed keeps what it said.
func TestWhoReadsTheMailOfAQueue(t *testing.T) {
	o := staffed(t)
	o.do(AddUser{Name: "una", FullName: "Una", Roles: []Role{Observer}})
	o.do(AddUser{Name: "root2", FullName: "Root", Roles: []Role{Admin}})
	o.do(CreateToken{"reports", Observer, SecretHash("t")})
	o.do(AddQueue{Name: "support", Local: "support"})
	o.do(AddQueue{Name: "legal", Local: "legal", QueueTerms: QueueTerms{Readers: []string{"una", "token:reports", "role:manager"}}})
	o.do(AddQueue{Name: "board", Local: "board", QueueTerms: QueueTerms{Readers: []string{"una"}}})
	o.do(RemoveQueue{"board", "done"})
	for _, who := range []struct {
		actor    string
		roles    []Role
		withheld string
	}{
		{"una", []Role{Observer}, ""},
		{"someone", []Role{Observer, Agent}, "board legal"},
		{"someone", []Role{Agent, Manager}, "board"},
		{"token:reports", []Role{Observer}, "board"},
		{"reports", []Role{Observer}, "board legal"},
		{"someone", []Role{Compliance}, ""},
	} {
		open, withheld := o.desk.state.Reach(who.actor, who.roles)
		if got := strings.Join(withheld, " "); got != who.withheld || len(open)+len(withheld) != 3 {
			t.Errorf("%s, %v: reads %v and not %v", who.actor, who.roles, open, withheld)
		}
	}
	o.do(AddQueue{Name: "board", Local: "board2"})
	if _, withheld := o.desk.state.Reach("someone", nil); !slices.Equal(withheld, []string{"legal"}) {
		t.Errorf("after a queue got a name again, %v are withheld", withheld)
	}
	for _, wrong := range []string{"nobody", "root2", "token:none", "una2", "role:admin", "role:", ""} {
		o.refused(ChangeQueue{Name: "legal", Format: "auto", Class: "mail", QueueTerms: QueueTerms{Readers: []string{wrong}}}, Invalid, "Readers")
	}
	o.refused(ChangeQueue{Name: "legal", Format: "auto", Class: "mail", QueueTerms: QueueTerms{Readers: []string{"una", "una"}}}, Invalid, "")
	raw, err := json.Marshal(QueueTerms{Readers: []string{"una"}})
	if err != nil || string(raw) != `{"readers":["una"]}` {
		t.Errorf("%s, %v", raw, err)
	}
}

package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
)

// passwords are the logins of a test.
type passwords map[string]string

func (p passwords) Any() bool { return len(p) > 0 }

func (p passwords) Matches(name, password string) bool { return p[name] == password && password != "" }

// proving makes a server whose queue "proof" takes mail by what its client shows.
func proving(t testing.TB, a Archive, q Queue, change func(*Config)) string {
	t.Helper()
	q.Name, q.Format, q.Class = "proof", "plain", archive.Mail
	c := Config{Hostname: "journal.example.net", TLS: selfSigned(), Spool: t.TempDir(), Logins: passwords{"mx1": "open sesame", "mx2": "other"}}
	if change != nil {
		change(&c)
	}
	s, err := New(c, a, func(local string) (Queue, bool) {
		if local == "proof-aaaaa" {
			return q, true
		}
		return queues(local)
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.pause = func(time.Duration) {}
	return start(t, s, Listener{})[0]
}

const proof = "proof-aaaaa@journal.example.net"

func base(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// A mail server with a password may send from anywhere, by PLAIN or LOGIN, with
// or without an initial response; the record says who it was.
func TestLoginLetsIn(t *testing.T) {
	plain := base("\x00mx1\x00open sesame")
	for name, dialogue := range map[string][]string{
		"PLAIN at once":             {"AUTH PLAIN " + plain},
		"PLAIN after the challenge": {"AUTH PLAIN", plain},
		"plain in small letters":    {"auth plain " + plain},
		"LOGIN":                     {"AUTH LOGIN", base("mx1"), base("open sesame")},
		"LOGIN with the name":       {"AUTH LOGIN " + base("mx1"), base("open sesame")},
		"PLAIN for oneself":         {"AUTH PLAIN " + base("mx1\x00mx1\x00open sesame")},
	} {
		t.Run(name, func(t *testing.T) {
			a := &memory{}
			c := dial(t, proving(t, a, Queue{Logins: []string{"mx1"}}, nil))
			c.hello(true)
			for i, line := range dialogue {
				want := "334 "
				if i == len(dialogue)-1 {
					want = "235"
				}
				c.say(line, want)
			}
			c.say("AUTH PLAIN "+plain, "503")
			c.envelope(proof)
			c.transfer("DATA", bodies["plain"])
			if p := a.all()[0].Meta.Peer; p.Auth != "mx1" || !strings.HasPrefix(p.TLS, "TLS 1.3") {
				t.Errorf("evidence %+v", p)
			}
		})
	}
}

// Without a password, with a wrong one, or with that of somebody else nothing is taken. What may
// be a slip of our own mail server is put off, not refused.
func TestOthersAreNotLetInByLogin(t *testing.T) {
	a := &memory{}
	address := proving(t, a, Queue{Logins: []string{"mx1"}}, nil)
	c := dial(t, address)
	c.hello(true)
	c.say("MAIL FROM:<>", "250")
	c.say("RCPT TO:<"+proof+">", "450 4.7.1")
	c.say("AUTH PLAIN "+base("\x00mx1\x00open sesame"), "503 5.5.1")
	c.say("RSET", "250")
	c.say("AUTH PLAIN "+base("\x00mx1\x00wrong"), "535 5.7.8")
	c.say("AUTH PLAIN "+base("mx2\x00mx1\x00open sesame"), "535 5.7.8")
	c.say("MAIL FROM:<>", "250")
	c.say("RCPT TO:<"+proof+">", "450 4.7.1")

	other := dial(t, address)
	other.hello(true)
	other.say("AUTH PLAIN "+base("\x00mx2\x00other"), "235")
	other.say("MAIL FROM:<>", "250")
	other.say("RCPT TO:<"+proof+">", "450 4.7.1")
	other.say("AUTH CRAM-MD5", "50")
	if len(a.all()) > 0 {
		t.Error("something was archived")
	}
}

// A password is neither asked for nor taken in clear, and AUTH is not there
// when nobody has one.
func TestAUTHIsForTLS(t *testing.T) {
	c := dial(t, proving(t, &memory{}, Queue{Logins: []string{"mx1"}}, nil))
	c.want("220 ")
	if caps := c.say("EHLO mx.contoso.example", "250"); strings.Contains(caps, "AUTH") {
		t.Errorf("in clear: %s", caps)
	}
	c.say("AUTH PLAIN "+base("\x00mx1\x00open sesame"), "503 5.5.1")
	c.say("STARTTLS", "220")
	c.handshake()
	if caps := c.say("EHLO mx.contoso.example", "250"); !strings.Contains(caps, "250-AUTH PLAIN LOGIN\r\n") {
		t.Errorf("under TLS: %s", caps)
	}
	nobody := dial(t, proving(t, &memory{}, Queue{}, func(c *Config) { c.Logins = passwords{} }))
	nobody.hello(true)
	if caps := nobody.say("EHLO mx.contoso.example", "250"); strings.Contains(caps, "AUTH") {
		t.Errorf("without logins: %s", caps)
	}
	nobody.say("AUTH PLAIN "+base("\x00\x00"), "503 5.5.1")
}

// Failures are counted, told in plain words, and end the session.
func TestGuessingPasswordsEndsTheSession(t *testing.T) {
	var pauses []time.Duration
	s := configured(t, &memory{}, func(c *Config) { onlyThis(c); c.Logins = passwords{"mx1": "open sesame"} })
	s.pause = func(d time.Duration) { pauses = append(pauses, d) }
	address := start(t, s, Listener{})[0]
	c := dialFrom(t, "127.0.1.1", address)
	c.hello(true)
	c.say("AUTH LOGIN", "334")
	c.say("*", "501")
	for range maxFailures - 1 {
		c.say("AUTH PLAIN "+base("\x00mx1\x00x"), "535 5.7.8")
	}
	c.send("AUTH PLAIN " + base("\x00mx1\x00x") + "\r\nAUTH PLAIN " + base("\x00mx1\x00open sesame") + "\r\n")
	c.want("421 4.7.0")
	if got := c.reply(); got != "" {
		t.Errorf("after the end: %q", got)
	}
	if len(pauses) != maxFailures || pauses[0] >= pauses[2] {
		t.Errorf("pauses %v", pauses)
	}
	if all := s.Status().Lately; len(all) == 0 || !strings.Contains(all[0].Reason, "login mx1 is wrong") {
		t.Errorf("told %+v", all)
	}
}

// What answers a challenge is no command, whatever it looks like.
func TestAnswerToAChallengeIsNoCommand(t *testing.T) {
	c := dial(t, proving(t, &memory{}, Queue{Logins: []string{"mx1"}}, nil))
	c.hello(true)
	c.say("AUTH LOGIN", "334")
	c.say("STARTTLS", "334") // Base64 of six octets.
	c.say("BDATDATA", "535")
	c.say("NOOP", "250")
}

// A stranger with a password is no stranger: its session ends when it wants.
func TestLoginTakesNoSeatOfStrangers(t *testing.T) {
	s := configured(t, &memory{}, func(c *Config) { onlyThis(c); c.Logins = passwords{"mx1": "open sesame"}; c.PerNetwork = 1 })
	address := start(t, s, Listener{})[0]
	for range 3 {
		c := dialFrom(t, "127.0.1.1", address)
		c.hello(true)
		c.say("AUTH PLAIN "+base("\x00mx1\x00open sesame"), "235")
	}
	dialFrom(t, "127.0.1.1", address).want("220 ")
	dialFrom(t, "127.0.1.1", address).want("421 4.7.0")
}

// clientCertificate makes one for a name, signed by an authority of its own.
func clientCertificate(t testing.TB, name string) (tls.Certificate, *x509.CertPool, string) {
	t.Helper()
	template := func(cn string, ca bool) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: cn}, NotAfter: time.Now().Add(time.Hour), IsCA: ca, BasicConstraintsValid: true}
	}
	var keys [2]*ecdsa.PrivateKey
	for i := range keys {
		var err error
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	root, leaf := template("An authority", true), template("", false)
	leaf.DNSNames, leaf.ExtKeyUsage = []string{name}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, keys[0].Public(), keys[0])
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, root, keys[1].Public(), keys[0])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(rootDER)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(parsed)
	public, err := x509.MarshalPKIXPublicKey(keys[1].Public())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(public)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: keys[1]}, pool, "sha256:" + hex.EncodeToString(sum[:])
}

// A queue takes mail from whoever has the key that it names, or a certificate
// for the name that an authority signed; a name that anybody could have written
// into a certificate opens nothing.
func TestClientCertificateLetsIn(t *testing.T) {
	mine, authority, pin := clientCertificate(t, "mx.contoso.example")
	other, _, _ := clientCertificate(t, "mx.contoso.example")
	for name, test := range map[string]struct {
		asked string
		shown *tls.Certificate
		want  string
	}{
		"key":                        {pin, &mine, "250"},
		"name":                       {"mx.contoso.example", &mine, "250"},
		"another key":                {pin, &other, "450 4.7.1"},
		"name without the authority": {"mx.contoso.example", &other, "450 4.7.1"},
		"another name":               {"mx.fabrikam.example", &mine, "450 4.7.1"},
		"none":                       {pin, nil, "450 4.7.1"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &memory{}
			c := dial(t, proving(t, a, Queue{Certificates: []string{test.asked}}, func(c *Config) { c.Authorities = authority }))
			c.want("220 ")
			c.say("EHLO mx.contoso.example", "250")
			c.say("STARTTLS", "220")
			config := &tls.Config{InsecureSkipVerify: true}
			if test.shown != nil {
				config.Certificates = []tls.Certificate{*test.shown}
			}
			c.secure(config)
			c.say("EHLO mx.contoso.example", "250")
			c.say("MAIL FROM:<>", "250")
			c.say("RCPT TO:<"+proof+">", test.want)
			if test.want == "250" {
				c.transfer("DATA", bodies["plain"])
				if p := a.all()[0].Meta.Peer; p.ClientCert == nil {
					t.Errorf("evidence %+v", p)
				}
			}
		})
	}
}

// A queue that wants TLS puts off what comes in clear.
func TestQueueForTLSAlone(t *testing.T) {
	a := &memory{}
	address := proving(t, a, Queue{Sources: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, TLS: true}, nil)
	c := dial(t, address)
	c.hello(false)
	c.say("MAIL FROM:<>", "250")
	c.say("RCPT TO:<"+proof+">", "450 4.7.10")
	c = dial(t, address)
	c.hello(true)
	c.envelope(proof)
	c.transfer("DATA", bodies["plain"])
}

// A queue for organisations of Microsoft 365 keeps what names one of them, and
// puts off all else, with the reason for whoever sets it up.
func TestMailOfOtherTenantsIsPutOff(t *testing.T) {
	a := &memory{}
	s := configured(t, a, nil)
	s.queues = func(string) (Queue, bool) {
		return Queue{Name: "m365", Class: archive.Mail, Sources: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Tenants: []string{"contoso.onmicrosoft.com", "11111111-2222-3333-4444-555555555555"}}, true
	}
	c := dial(t, start(t, s, Listener{})[0])
	c.hello(false)
	for header, want := range map[string]string{
		"X-OriginatorOrg: Contoso.onmicrosoft.com":                             "250",
		"X-LD-Processed: 11111111-2222-3333-4444-555555555555,ExtAddr":         "250",
		"X-MS-Exchange-CrossTenant-Id: 11111111-2222-3333-4444-555555555555":   "250",
		"X-OriginatorOrg: fabrikam.onmicrosoft.com":                            "450 4.7.1",
		"Subject: X-OriginatorOrg: contoso.onmicrosoft.com":                    "450 4.7.1",
		"Subject: x\r\n\r\nX-OriginatorOrg: contoso.onmicrosoft.com in a body": "450 4.7.1",
	} {
		c.envelope()
		c.put("DATA", header+"\r\n\r\nhello\r\n")
		c.want(want)
	}
	if len(a.all()) != 3 {
		t.Errorf("%d messages were taken", len(a.all()))
	}
	if all := s.Status().Lately; len(all) == 0 || !strings.Contains(all[0].Reason, "contoso.onmicrosoft.com") {
		t.Errorf("told %+v", all)
	}
}

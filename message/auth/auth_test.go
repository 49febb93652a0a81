package auth

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"io"
	"math/big"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polytrace/message"
)

const plain = "From: Jane Doe <jane@contoso.example>\r\nTo: support@archive.example\r\nSubject: An\r\n  invoice\r\nDate: Tue, 24 Nov 2026 08:00:00 +0000\r\nMessage-ID: <1@contoso.example>\r\n\r\nPlease  pay.\t\r\n\r\nJane\r\n\r\n\r\n"

const usual = "from:to:subject:date:message-id"

// football is the example of RFC 6376 appendix A, as errata 3192 and 4926 correct it.
const football = "DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;\r\n" +
	"      c=simple/simple; q=dns/txt; i=joe@football.example.com;\r\n" +
	"      h=Received : From : To : Subject : Date : Message-ID;\r\n" +
	"      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n" +
	"      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB\r\n" +
	"      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut\r\n" +
	"      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV\r\n" +
	"      4bmp/YzhwvcubU4=;\r\n" +
	"Received: from client1.football.example.com  [192.0.2.1]\r\n" +
	"      by submitserver.example.com with SUBMISSION;\r\n" +
	"      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)\r\n" + footballRest

const footballRest = "From: Joe SixPack <joe@football.example.com>\r\n" +
	"To: Suzie Q <suzie@shopping.example.net>\r\n" +
	"Subject: Is dinner ready?\r\n" +
	"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n" +
	"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n" +
	"\r\nHi.\r\n\r\nWe lost the game. Are you hungry yet?\r\n\r\nJoe.\r\n"

// dinner is the example of RFC 8463 appendix A: two signatures.
var dinner = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n" +
	" d=football.example.com; i=@football.example.com;\r\n" +
	" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n" +
	" subject : date : message-id : from : subject : date;\r\n" +
	" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n" +
	" b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n" +
	" Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n" +
	"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n" +
	" d=football.example.com; i=@football.example.com;\r\n" +
	" q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n" +
	" date : message-id : from : subject : date;\r\n" +
	" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n" +
	" b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n" +
	" DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n" +
	" dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n" + footballRest

var published = zone{
	"brisbane._domainkey.example.com":          "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB",
	"brisbane._domainkey.football.example.com": "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
	"test._domainkey.football.example.com":     "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB",
}

func check(raw string, z zone) Result {
	r, _ := Check(Mail{Raw: []byte(raw), At: receipt}, z.lookup)
	return r
}

func statuses(r Result) (out []string) {
	for _, s := range r.DKIM {
		out = append(out, s.Status)
	}
	return out
}

// The signatures that the standards publish verify.
func TestPublishedSignatures(t *testing.T) {
	for _, c := range []struct {
		raw  string
		want []string
	}{
		{football, []string{Pass}},
		{dinner, []string{Pass, Pass}},
		{strings.ReplaceAll(dinner, "\r\n", "\n"), []string{Pass, Pass}}, // As a Maildir keeps it.
		{strings.Replace(dinner, "hungry", "angry", 1), []string{Fail, Fail}},
		{strings.Replace(football, "Is dinner", "is dinner", 1), []string{Fail}},
		{strings.TrimSuffix(dinner, "\r\n"), []string{Pass, Pass}}, // A part of a journal report ends so.
	} {
		r := check(c.raw, published)
		if got := statuses(r); !slices.Equal(got, c.want) {
			t.Errorf("got %v, want %v: %+v", got, c.want, r.DKIM)
		}
	}
	s := check(football, published).DKIM[0]
	if s.Domain != "example.com" || s.Selector != "brisbane" || s.Identity != "@football.example.com" || s.Bits != 1024 || s.Key != "brisbane._domainkey.example.com" {
		t.Errorf("got %+v", s)
	}
}

// What Exchange does to a message breaks simple canonicalization of its header
// and leaves relaxed intact.
func TestSignatureAfterExchange(t *testing.T) {
	key := zone{"s2025._domainkey.vendor.example": "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxCHV3tNSXwgOl2PYO9yq7OKaP+qovItaht5UkRiPZXJ+tPBN4ZASJEmaC90+JAX1+JuyKCqWxBAuPHBbQ1nkCPNdekVoIZR5Bi16Kqh3SVXdMJQGe79FNsNDHacba8/b1Fc+jincBVqi7UBTkOxsTeVEdhtw8xcm+gyktZj2/ASP6DpkeYCOSV5KhEtNzTeLdAVvITXeZur+q8Xyj3vkJRQCLmey3LZl1Qy0emhEQH+XfptFfZsxdS6E6vvBRGLB/Bl6sZHII0FNCo5fq/bGW5vPigo8MMkTBWShl/6tDKsHWPdFa5pVhYjjg8rWQjwfS0EBypSJfGIejzP/OZZhQQIDAQAB"}
	for file, want := range map[string]string{
		"60-dkim-relaxed-pristine":              Pass,
		"60-dkim-relaxed-exchange-reserialised": Pass,
		"60-dkim-simple-pristine":               Pass,
		"60-dkim-simple-exchange-reserialised":  Fail,
	} {
		raw, err := os.ReadFile("../testdata/fixtures/" + file + ".eml")
		if err != nil {
			t.Fatal(err)
		}
		r := check(string(raw), key)
		if len(r.DKIM) != 1 || r.DKIM[0].Status != want {
			t.Errorf("%s: got %+v, want %s", file, r.DKIM, want)
		}
		if want == Fail && r.DKIM[0].Reason != "the signed header fields are not as they were signed; the body is intact" {
			t.Errorf("%s: the reason is %q", file, r.DKIM[0].Reason)
		}
		report := "Subject: x\r\nX-MS-Journal-Report:\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSender: a@vendor.example\r\nSubject: x\r\nMessage-Id: <signed-1@vendor.example>\r\nTo: bob@contoso.example\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" + string(raw) + "\r\n--b--\r\n"
		inner := message.Read([]byte(report), message.Delivery{Format: message.FormatExchange})
		if r := check(string(inner.Original.Raw), key); inner.Levels != 1 || len(r.DKIM) != 1 || r.DKIM[0].Status != want {
			t.Errorf("%s inside a report (%d levels): got %+v, want %s", file, inner.Levels, r.DKIM, want)
		}
	}
}

// Each form and algorithm verifies, and what was changed is told apart.
func TestSignaturesOfEveryForm(t *testing.T) {
	s := newSigner(t)
	z := s.zone("contoso.example")
	for _, algorithm := range []string{"rsa-sha256", "ed25519-sha256"} {
		for _, form := range []string{"simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"} {
			selector := map[string]string{"rsa-sha256": "rsa", "ed25519-sha256": "ed"}[algorithm]
			raw := s.sign(plain, fmt.Sprintf("v=1; a=%s; c=%s; d=contoso.example; s=%s", algorithm, form, selector), usual)
			for _, c := range []struct{ from, to, reason string }{
				{"", "", ""},
				{"Please", "please", "the body is not as it was signed; the signed header fields are intact"},
				{"Jane Doe", "Joan Doe", "the signed header fields are not as they were signed; the body is intact"},
				{"Subject: An", "Subject: A", "the signed header fields are not as they were signed; the body is intact"},
			} {
				got := check(strings.Replace(raw, c.from, c.to, 1), z).DKIM[0]
				if (got.Status == Pass) != (c.reason == "") || got.Reason != c.reason {
					t.Errorf("%s %s with %q: got %s %q", algorithm, form, c.to, got.Status, got.Reason)
				}
			}
		}
	}
}

// Every reason why a signature proves less than it says, or cannot be verified,
// is told.
func TestReasons(t *testing.T) {
	s := newSigner(t)
	form := "v=1; a=rsa-sha256; c=relaxed/relaxed; d=contoso.example; s=rsa"
	signed := func(more string) string { return s.sign(plain, form+more, usual) }
	whole := s.zone("contoso.example")
	with := func(key string) zone { return zone{"rsa._domainkey.contoso.example": key} }
	p := "p=" + rsaText(&s.rsa.PublicKey)
	short := shortKey(t)
	brief := signer{rsa: short}
	for _, c := range []struct {
		name, raw      string
		z              zone
		status, reason string
	}{
		{"key gone", signed(""), zone{}, PermError, "the key is gone: DNS has none of this name"},
		{"no resolver", signed(""), with("error:i/o timeout"), TempError, "the key could not be looked up: i/o timeout"},
		{"withdrawn", signed(""), with("v=DKIM1; p="), PermError, "the key was withdrawn by its owner"},
		{"other record", signed(""), with("v=spf1 -all"), PermError, "the record has no key"},
		{"expired", signed("; t=1764061200; x=1764147600"), whole, Policy, "intact, but it had expired when the message was received"},
		{"not yet expired", signed("; x=1795651200"), whole, Pass, ""},
		{"of the future", signed("; t=1895651200"), whole, Policy, "intact, but dated after the message was received"},
		{"sha1", s.sign(plain, "v=1; a=rsa-sha1; c=relaxed/relaxed; d=contoso.example; s=rsa", usual), whole, Policy, "intact, but made with SHA-1, which can be forged (RFC 8301)"},
		{"short key", brief.sign(plain, form, usual), with("p=" + rsaText(&short.PublicKey)), Policy, "intact, but the key has only 512 bits and could be broken (RFC 8301)"},
		{"short key, changed", strings.Replace(brief.sign(plain, form, usual), "Jane Doe", "Joan", 1), with("p=" + rsaText(&short.PublicKey)), Fail, "the signed header fields are not as they were signed; the body is intact"},
		{"l= shorter", signed("; l=13"), whole, Pass, "only the first 13 of 21 bytes of the body are signed; the rest may be by anybody"},
		{"l= longer", strings.Replace(signed("; l=21"), "\r\n\r\nJane\r\n", "\r\n", 1), whole, Fail, "the body is shorter than what was signed; the signed header fields are intact"},
		{"other use", signed(""), with("s=tlsrpt; " + p), PermError, "the key is not for mail"},
		{"other hash", signed(""), with("h=sha1; " + p), PermError, "the key is not to be used with sha256"},
		{"other kind", signed(""), with("k=ed25519; " + p), PermError, "the key is for ed25519, the signature was made with rsa"},
		{"strict", s.sign(plain, form+"; i=jane@mail.contoso.example", usual), with("t=s; " + p), PermError, "the key is not for addresses below its domain"},
		{"below", s.sign(plain, form+"; i=jane@mail.contoso.example", usual), whole, Pass, ""},
		{"testing", signed(""), with("t=y; " + p), Pass, ""},
		{"not within", s.sign(plain, form+"; i=jane@other.example", usual), whole, Neutral, "i= is not within d="},
		{"author unsigned", s.sign(plain, form, "to:subject"), whole, Neutral, "the author (From) is not signed"},
		{"unknown algorithm", strings.Replace(signed(""), "rsa-sha256", "rot13", 1), whole, Neutral, `the algorithm "rot13" is not known`},
		{"no domain", strings.Replace(signed(""), "d=contoso.example", "d=con toso", 1), whole, Neutral, "d= and s= are no names that DNS can be asked for"},
		{"twice", strings.Replace(signed(""), "v=1;", "v=1; v=1;", 1), whole, Neutral, "the signature cannot be read: the tag v= comes twice"},
		{"no hash", regexp.MustCompile(`bh=[^;]*;`).ReplaceAllString(signed(""), ""), whole, Neutral, "the signature cannot be read: it has no bh="},
		{"many names", s.sign(plain, form, usual+strings.Repeat(":x", 100)), whole, Neutral, "h= names 105 fields, more than 100"},
	} {
		r := check(c.raw, c.z)
		if len(r.DKIM) != 1 || r.DKIM[0].Status != c.status || r.DKIM[0].Reason != c.reason {
			t.Errorf("%s: got %+v", c.name, r.DKIM)
		}
	}
	if got := check(signed(""), with("t=y; "+p)).DKIM[0]; !got.Testing {
		t.Error("nobody is told that the domain only tries DKIM")
	}
	if got := check(signed("; l=13"), whole).DKIM[0]; got.Length == nil || *got.Length != 13 || got.Body != 21 {
		t.Errorf("l= is not reported: %+v", got)
	}
	if got := check(plain, whole); len(got.DKIM) != 0 || got.ARC != nil {
		t.Errorf("a message without signatures has %+v", got)
	}
}

// shortKey is an RSA key of 512 bits; crypto/rsa makes none any more.
func shortKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	for {
		p, err := rand.Prime(rand.Reader, 256)
		if err != nil {
			t.Fatal(err)
		}
		q, err := rand.Prime(rand.Reader, 256)
		if err != nil {
			t.Fatal(err)
		}
		one, e := big.NewInt(1), big.NewInt(65537)
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(e, phi)
		n := new(big.Int).Mul(p, q)
		if d != nil && n.BitLen() == 512 && p.Cmp(q) != 0 {
			return &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: 65537}, D: d, Primes: []*big.Int{p, q}}
		}
	}
}

// A field that is there several times is signed from the bottom up, each mention
// once (RFC 6376 section 5.4.2); one that is named and absent may not be added.
func TestRepeatedFields(t *testing.T) {
	s := newSigner(t)
	z := s.zone("contoso.example")
	form := "v=1; a=ed25519-sha256; c=relaxed/relaxed; d=contoso.example; s=ed"
	twice := strings.Replace(plain, "To: ", "X-Stop: upper\r\nX-Stop: lower\r\nTo: ", 1)
	for _, c := range []struct {
		name, raw, want string
	}{
		{"one of two", s.sign(twice, form, usual+":x-stop"), Pass},
		{"added on top", "X-Stop: later\r\n" + s.sign(twice, form, usual+":x-stop"), Pass},
		{"the upper one changed", strings.Replace(s.sign(twice, form, usual+":x-stop"), "upper", "other", 1), Pass},
		{"the lower one changed", strings.Replace(s.sign(twice, form, usual+":x-stop"), "lower", "other", 1), Fail},
		{"both signed", s.sign(twice, form, usual+":x-stop:x-stop"), Pass},
		{"both signed, the upper one changed", strings.Replace(s.sign(twice, form, usual+":x-stop:x-stop"), "upper", "other", 1), Fail},
		{"one more signed than there are", s.sign(twice, form, usual+":subject"), Pass},
		{"and added", "Subject: forged\r\n" + s.sign(twice, form, usual+":subject"), Fail},
		{"the signatures before", s.sign(s.sign(plain, form, usual), form, usual+":dkim-signature"), Pass},
	} {
		if got := check(c.raw, z).DKIM[0]; got.Status != c.want {
			t.Errorf("%s: got %s %s", c.name, got.Status, got.Reason)
		}
	}
}

// What is beyond the limits is said to be, and costs nothing.
func TestLimits(t *testing.T) {
	s := newSigner(t)
	z := s.zone("contoso.example")
	raw := plain
	for range 13 {
		raw = s.sign(raw, "v=1; a=ed25519-sha256; c=relaxed/relaxed; d=contoso.example; s=ed", usual)
	}
	asked := 0
	r, answers := Check(Mail{Raw: []byte(raw), At: receipt}, func(name string) Answer { asked++; return z.lookup(name) })
	if len(r.DKIM) != 10 || r.More != 3 || asked != 1 || len(answers) != 1 {
		t.Errorf("%d signatures verified, %d not, %d questions", len(r.DKIM), r.More, asked)
	}
	many := strings.Repeat("X: y\r\n", 1000) + s.sign(plain, "v=1; a=ed25519-sha256; d=contoso.example; s=ed", usual)
	if r := check(many, z); r.Skipped == "" || len(r.DKIM) > 0 {
		t.Errorf("more than 1000 fields: %+v", r)
	}
	fields := strings.Repeat("X: y\r\n", 900) + s.sign(plain, "v=1; a=ed25519-sha256; c=relaxed/relaxed; d=contoso.example; s=ed", usual+strings.Repeat(":x", 90))
	if got := statuses(check(fields, z)); !slices.Equal(got, []string{Fail}) { // h= names fields that came later.
		t.Errorf("got %v", got)
	}
}

// tallied counts what a hash is fed.
type tallied struct{ calls, bytes int }

func (c *tallied) Write(p []byte) (int, error) {
	c.calls++
	c.bytes += len(p)
	return len(p), nil
}

// Canonical forms write no more than came in, in steps of the buffer, whatever
// the body is made of.
func TestCanonicalBodyIsLinear(t *testing.T) {
	size := 4 << 20
	for _, unit := range []string{"\r\n", " \r\n", "\t \t", "a", "a \t", "a\r\n\r\n", "\r", "\n", " a", "\r\n a"} {
		body := []byte(strings.Repeat(unit, size/len(unit)))
		size = 256 << 10
		for _, end := range []string{"", "x", "\r\n", "x\r\n"} {
			for _, relaxed := range []bool{false, true} {
				var got tallied
				writeBody(&got, append(slices.Clip(body), end...), relaxed)
				if got.bytes > len(body)+len(end)+2 || got.calls > len(body)/(32<<10)+2 {
					t.Errorf("%q, then %q, relaxed %v: %d bytes in %d calls", unit, end, relaxed, got.bytes, got.calls)
				}
			}
		}
	}
}

// naiveBody says RFC 6376 sections 3.4.3 and 3.4.4 in the words of the standard.
func naiveBody(body string, relaxed bool) string {
	if relaxed {
		lines := strings.Split(body, "\r\n")
		for i, l := range lines {
			l = regexp.MustCompile(`[ \t]+$`).ReplaceAllString(l, "")
			lines[i] = regexp.MustCompile(`[ \t]+`).ReplaceAllString(l, " ")
		}
		body = strings.Join(lines, "\r\n")
		if body != "" && !strings.HasSuffix(body, "\r\n") {
			body += "\r\n"
		}
		for strings.HasSuffix(body, "\r\n\r\n") {
			body = strings.TrimSuffix(body, "\r\n")
		}
		if body == "\r\n" {
			body = ""
		}
		return body
	}
	if !strings.HasSuffix(body, "\r\n") {
		body += "\r\n"
	}
	for strings.HasSuffix(body, "\r\n\r\n") {
		body = strings.TrimSuffix(body, "\r\n")
	}
	return body
}

// The canonical forms are those of the standard.
func FuzzCanonicalBody(f *testing.F) {
	for _, s := range []string{"", "\r\n", "a", " \r\n\r\n", "a \t b\r\n\t\r\n\r\n", "\r\r\n\n a\t", " C \r\nD \t E\r\n\r\n\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, relaxed := range []bool{false, true} {
			var got bytes.Buffer
			writeBody(&got, []byte(body), relaxed)
			if want := naiveBody(body, relaxed); got.String() != want {
				t.Errorf("relaxed %v: got %q, want %q", relaxed, got.String(), want)
			}
		}
	})
}

func BenchmarkCanonicalBlankLines(b *testing.B) {
	body := bytes.Repeat(crlf, 2<<20)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		writeBody(io.Discard, append(slices.Clip(body), 'x'), true)
	}
}

func BenchmarkCheck(b *testing.B) {
	s := newSigner(b)
	z := s.zone("contoso.example")
	raw := []byte(s.sign(plain+strings.Repeat("Some words of a usual line of mail, and no more than that.\r\n", 1000), "v=1; a=rsa-sha256; c=relaxed/relaxed; d=contoso.example; s=rsa", usual))
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		Check(Mail{Raw: raw, At: receipt}, z.lookup)
	}
}

// A chain of two servers holds, and each way to break it is told.
func TestARC(t *testing.T) {
	s := newSigner(t)
	z := s.zone("lists.example", "fabrikam.example")
	one, set := s.seal(plain, "lists.example", "rsa", 1, "none", nil)
	two, _ := s.seal(one, "fabrikam.example", "rsa", 2, "pass", set)
	r := check(two, z)
	if r.ARC == nil || r.ARC.Status != Pass || len(r.ARC.Instances) != 2 || r.ARC.Instances[0].Domain != "lists.example" || r.ARC.Instances[1].ServID != "mx.fabrikam.example" {
		t.Fatalf("got %+v", r.ARC)
	}
	unsound, _ := s.seal(one, "fabrikam.example", "rsa", 2, "fail", set)
	gap, _ := s.seal(one, "fabrikam.example", "rsa", 3, "pass", set)
	for name, c := range map[string]struct{ raw, reason string }{
		"body":    {strings.Replace(two, "Please", "please", 1), "the message is not as instance 2 passed it on: the body is not as it was signed; the signed header fields are intact"},
		"results": {strings.Replace(two, "mx.lists.example; dkim=pass", "mx.lists.example; dkim=fail", 1), "the seal of instance 1 does not hold: it was not made over these fields"},
		"cv":      {unsound, `instance 2 found the chain before it as "fail"`},
		"gap":     {gap, "instance 2 is not whole"},
		"twice":   {strings.Replace(two, "ARC-Seal: i=1", "ARC-Seal: i=2", 1), "instance 2 has a field twice"},
		"number":  {strings.Replace(two, "ARC-Seal: i=1", "ARC-Seal: i=51", 1), "a field of the chain has no number from 1 to 50"},
	} {
		if got := check(c.raw, z).ARC; got == nil || got.Status != Fail || got.Reason != c.reason {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	if got := check(two, s.zone("fabrikam.example")).ARC; got.Status != Fail || !strings.Contains(got.Reason, "instance 1") {
		t.Errorf("without a key: got %+v", got)
	}
}

// What a mail server of ours wrote is copied, what others wrote is not, and no
// address of a person is kept.
func TestClaims(t *testing.T) {
	raw := "Authentication-Results: evil.example; dkim=pass\r\n" +
		"Authentication-Results: mx.contoso.example (a \"comment (nested)\") 1;\r\n\tdkim = pass (good; really) header.d=vendor.example header.i=joe@vendor.example;\r\n spf=softfail\r\n reason=\"not; listed\" smtp.mailfrom=<joe@vendor.example>; auth=pass smtp.auth=joe\r\n" +
		"Authentication-Results: mx.contoso.example; dkim=fail\r\n" +
		"Received-SPF: softfail (mx.contoso.example: x) client-ip=192.0.2.1; receiver=mx.contoso.example; envelope-from=joe@vendor.example;\r\n" + plain
	r, _ := Check(Mail{Raw: []byte(raw), At: receipt, ServIDs: []string{"MX.contoso.example"}}, zone{}.lookup)
	want := &Claimed{"mx.contoso.example", []ClaimResult{
		{"dkim", "pass", "", map[string]string{"header.d": "vendor.example", "header.i": "vendor.example"}},
		{"spf", "softfail", "not; listed", map[string]string{"smtp.mailfrom": "vendor.example"}},
		{Method: "auth", Result: "pass"},
	}, "softfail"}
	if diff := cmp.Diff(want, r.Claimed); diff != "" {
		t.Error(diff)
	}
	exchange := "Authentication-Results: spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=vendor.example; dkim=none (message not signed)\r\n header.d=none;compauth=pass reason=100\r\n" + plain
	for id, known := range map[string]bool{"-": true, "mx.contoso.example": false} {
		r, _ := Check(Mail{Raw: []byte(exchange), At: receipt, ServIDs: []string{id}}, zone{}.lookup)
		if (r.Claimed != nil) != known || known && (len(r.Claimed.Results) != 3 || r.Claimed.Results[2].Reason != "100") {
			t.Errorf("%q: got %+v", id, r.Claimed)
		}
	}
}

// DMARC passes when what passed is of the author's domain, as closely as the
// policy asks.
func TestDMARC(t *testing.T) {
	s := newSigner(t)
	signed := func(domain string) string {
		return s.sign(plain, "v=1; a=rsa-sha256; c=relaxed/relaxed; s=rsa; d="+domain, usual)
	}
	sub := strings.ReplaceAll(plain, "jane@contoso.example", "jane@mail.contoso.example")
	for _, c := range []struct {
		name, raw, policy, at string
		spf                   SPF
		status, asked         string
		aligned               []string
	}{
		{"dkim", signed("contoso.example"), "v=DMARC1; p=reject", "contoso.example", SPF{Status: Fail}, Pass, "reject", []string{"dkim"}},
		{"dkim below, relaxed", signed("mail.contoso.example"), "v=DMARC1; p=reject", "contoso.example", SPF{Status: Fail}, Pass, "reject", []string{"dkim"}},
		{"dkim below, strict", signed("mail.contoso.example"), "v=DMARC1; p=reject; adkim=s", "contoso.example", SPF{Status: Fail}, Fail, "reject", nil},
		{"dkim of another", signed("vendor.example"), "v=DMARC1; p=none", "contoso.example", SPF{Status: Fail}, Fail, "none", nil},
		{"spf", plain, "v=DMARC1; p=quarantine", "contoso.example", SPF{Status: Pass, Domain: "bounce.contoso.example"}, Pass, "quarantine", []string{"spf"}},
		{"spf strict", plain, "v=DMARC1; p=quarantine; aspf=s", "contoso.example", SPF{Status: Pass, Domain: "bounce.contoso.example"}, Fail, "quarantine", nil},
		{"spf failed", plain, "v=DMARC1; p=quarantine", "contoso.example", SPF{Status: SoftFail, Domain: "contoso.example"}, Fail, "quarantine", nil},
		{"of the organization", sub, "v=DMARC1; p=none; sp=reject", "contoso.example", SPF{Status: Fail}, Fail, "reject", nil},
		{"no policy", plain, "v=spf1", "contoso.example", SPF{Status: Pass, Domain: "contoso.example"}, None, "", nil},
		{"no answer", plain, "error:timeout", "contoso.example", SPF{Status: Fail}, TempError, "", nil},
		{"two authors", strings.Replace(plain, "From: Jane Doe <jane@contoso.example>", "From: a@contoso.example, b@fabrikam.example", 1), "v=DMARC1; p=none", "contoso.example", SPF{Status: Pass, Domain: "contoso.example"}, PermError, "", nil},
	} {
		z := s.zone("contoso.example", "mail.contoso.example", "vendor.example")
		z["_dmarc."+c.at] = c.policy
		r, _ := Check(Mail{Raw: []byte(c.raw), At: receipt, SPF: &c.spf}, z.lookup)
		if r.DMARC == nil || r.DMARC.Status != c.status || r.DMARC.Policy != c.asked || !slices.Equal(r.DMARC.Aligned, c.aligned) {
			t.Errorf("%s: got %+v", c.name, r.DMARC)
		}
	}
	if check(plain, zone{}).DMARC != nil {
		t.Error("DMARC is evaluated for mail that did not come from the sender's server")
	}
}

// The same comes out of the answers that were kept, when nothing is in DNS any
// more; with other answers or other bytes it does not.
func TestVerifyAgainFromWhatIsKept(t *testing.T) {
	s := newSigner(t)
	z := s.zone("contoso.example", "lists.example")
	z["_dmarc.contoso.example"] = "v=DMARC1; p=reject"
	signed := s.sign(plain, "v=1; a=rsa-sha256; c=relaxed/relaxed; d=contoso.example; s=rsa; x=1795651200", usual)
	signed = s.sign(signed, "v=1; a=ed25519-sha256; c=simple/simple; d=contoso.example; s=gone", usual)
	sealed, _ := s.seal(signed, "lists.example", "rsa", 1, "none", nil)
	raw := "Authentication-Results: mx.archive.example; dkim=pass\r\n" + sealed
	m := Mail{Raw: []byte(raw), At: receipt, ServIDs: []string{"mx.archive.example"}, SPF: &SPF{Status: Pass, Domain: "contoso.example"}}
	first, answers := Check(m, z.lookup)
	first.Position = 17
	for _, ref := range first.Refs() {
		ref.At = "facts/3"
	}
	body, err := Encode(Findings{Stream: "mail", From: 17, To: 18, Keys: answers, Results: []Result{first}}, receipt)
	if err != nil {
		t.Fatal(err)
	}
	kept, at, err := Decode(body)
	if err != nil || !at.Equal(receipt) {
		t.Fatal(at, err)
	}
	if diff := cmp.Diff(first, kept.Results[0]); diff != "" {
		t.Fatalf("what is kept is not what was found: %s", diff)
	}
	if got := statuses(first); !slices.Equal(got, []string{PermError, Pass}) || first.ARC.Status != Pass || first.DMARC.Status != Pass || first.Claimed == nil {
		t.Fatalf("got %v %+v %+v", got, first.ARC, first.DMARC)
	}
	again := Again(Mail{Raw: m.Raw, At: m.At}, kept.Results[0], kept.Keys)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("verified again it is another result: %s", diff)
	}
	if got := Again(Mail{Raw: m.Raw, At: m.At}, kept.Results[0], nil); statuses(got)[1] != TempError {
		t.Errorf("without the answers: %v", statuses(got))
	}
	forged := slices.Clone(kept.Keys)
	for i := range forged {
		forged[i].TXT = []string{"v=DKIM1; p=" + sum256("another key")}
	}
	if got := Again(Mail{Raw: m.Raw, At: m.At}, kept.Results[0], forged); statuses(got)[1] == Pass {
		t.Error("an answer with another digest is taken")
	}
	if _, _, err := Decode([]byte(`{"polytrace":1,"type":"mail.handed-on","at":"2026-11-25T09:00:00Z","data":{}}`)); err != ErrOther {
		t.Errorf("a record about something else: %v", err)
	}
}

// No local part of an address is in what is kept for good.
func TestNoAddressIsKept(t *testing.T) {
	s := newSigner(t)
	raw := s.sign("Authentication-Results: mx; dkim=pass header.i=jane@contoso.example reason=\"jane@contoso.example\"\r\n"+plain, "v=1; a=rsa-sha256; c=relaxed/relaxed; d=contoso.example; s=rsa; i=jane@contoso.example", usual)
	r, _ := Check(Mail{Raw: []byte(raw), At: receipt, ServIDs: []string{"mx"}, SPF: &SPF{Status: Pass, Domain: "contoso.example"}}, s.zone("contoso.example").lookup)
	body, err := Encode(Findings{Results: []Result{r}}, receipt)
	if err != nil {
		t.Fatal(err)
	}
	if r.DKIM[0].Status != Pass || bytes.Contains(body, []byte("jane")) {
		t.Errorf("got %s", body)
	}
}

func FuzzTags(f *testing.F) {
	f.Add("v=1; a=rsa-sha256; b=ab\r\n cd; h=from : to")
	f.Add("=;b;;v==")
	f.Fuzz(func(t *testing.T, s string) {
		tags, err := parseTags(s)
		if err != nil {
			return
		}
		for name := range tags {
			if !isTagName(name) {
				t.Errorf("%q is a name", name)
			}
			tags.list(name)
		}
		raw := field{"dkim-signature", []byte("DKIM-Signature:" + s + "\r\n")}
		without, err := emptied(raw)
		if _, has := tags["b"]; has != (err == nil) {
			t.Errorf("b= found %v, emptied %v", has, err)
		}
		if left, again := parseTags(string(without.value())); err == nil && (again != nil || left["b"] != "") {
			t.Errorf("b= is left in %q: %v", without.raw, again)
		}
	})
}

func FuzzResults(f *testing.F) {
	f.Add([]byte("mx.example 1; dkim=pass (x(y)) header.d=a.example; spf = \"pass\""))
	f.Add([]byte(`=;"\(;=`))
	f.Fuzz(func(t *testing.T, value []byte) {
		c := readResults(value)
		if len(c.Results) > maxResults {
			t.Errorf("%d results", len(c.Results))
		}
		for _, r := range c.Results {
			for name, v := range r.Of {
				if strings.Contains(v, "@") {
					t.Errorf("%s has the address %q", name, v)
				}
			}
		}
	})
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte(football))
	f.Add([]byte(dinner))
	s := signer{ed25519: ed25519.NewKeyFromSeed(make([]byte, 32))} // Every process of the fuzzer has the same.
	sealed, _ := s.seal(s.sign(plain, "v=1; a=ed25519-sha256; d=contoso.example; s=ed; l=3", usual), "lists.example", "ed", 1, "none", nil)
	f.Add([]byte(sealed))
	z := s.zone("contoso.example", "lists.example")
	for name, txt := range published {
		z[name] = txt
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := Mail{Raw: raw, At: receipt, ServIDs: []string{"-"}, SPF: &SPF{Status: Pass, Domain: "contoso.example"}}
		r, answers := Check(m, z.lookup)
		body, err := Encode(Findings{Keys: answers, Results: []Result{r}}, receipt)
		if err != nil {
			t.Fatal(err)
		}
		kept, _, err := Decode(body)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, kept.Results[0]); diff != "" {
			t.Fatalf("what is kept is not what was found: %s", diff)
		}
		if diff := cmp.Diff(r, Again(m, kept.Results[0], kept.Keys)); diff != "" {
			t.Errorf("verified again it is another result: %s", diff)
		}
	})
}

package webui

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"polytrace/message"

	"golang.org/x/net/html"
)

// hostile is HTML that wants to run, load, submit or lead elsewhere.
var hostile = []string{
	`<script>alert(1)</script>`,
	`<img src=x onerror=alert(1)>`,
	`<img src="https://tracker.example/pixel.gif?id=1" width=1 height=1>`,
	`<a href="javascript:alert(1)">click</a>`,
	`<a href="  java&#10;script:alert(1)">click</a>`,
	`<meta http-equiv="refresh" content="0;url=https://attacker.example">`,
	`<base href="https://attacker.example/">`,
	`<form action="https://attacker.example"><input name=password><button>Sign in</button></form>`,
	`<svg onload=alert(1)><script>alert(1)</script></svg>`,
	`<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>`,
	`<div style="background:url(https://tracker.example/x)">x</div>`,
	`<style>@import url(https://tracker.example/x.css); body{background:url(https://tracker.example/y)}</style>`,
	`<link rel=stylesheet href="https://tracker.example/x.css">`,
	`<iframe srcdoc="<script>alert(1)</script>" src="https://attacker.example"></iframe>`,
	`<object data="https://attacker.example"></object><embed src="https://attacker.example">`,
	`<video src="https://tracker.example/v" poster="https://tracker.example/p"></video><audio src="https://tracker.example/a"></audio>`,
	`<body background="https://tracker.example/b" onload=alert(1)>`,
	`<table background="https://tracker.example/t"><tr><td background="https://tracker.example/c">x`,
	`<img srcset="https://tracker.example/1x 1x" src="cid:none">`,
	`<input type=image src="https://tracker.example/i">`,
	`<!--[if mso]><script>alert(1)</script><![endif]-->`,
	`<noscript><p title="</noscript><img src=x onerror=alert(1)>">`,
	`<a href="data:text/html,<script>alert(1)</script>">x</a>`,
	`<img src="data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+">`,
}

// Nothing that runs, loads, submits or leads elsewhere by itself is left of
// the HTML of mail.
func TestHostileHTMLIsDisarmed(t *testing.T) {
	for _, source := range append(hostile, strings.Join(hostile, "\n"), strings.Repeat("<div>", 50_000)+"<script>alert(1)</script>") {
		got := cleanHTML(message.Parse(nil), source, false).body
		root, err := html.Parse(strings.NewReader(got))
		if err != nil {
			t.Fatal(err)
		}
		for n := range root.Descendants() {
			if n.Type == html.CommentNode {
				t.Errorf("%.80s: a comment is left", source)
			}
			switch n.Data {
			case "script", "style", "link", "meta", "base", "iframe", "object", "embed", "form", "input", "button", "svg", "math", "video", "audio", "noscript":
				if n.Type == html.ElementNode {
					t.Errorf("%.80s: <%s> is left", source, n.Data)
				}
			}
			for _, a := range n.Attr {
				value := strings.ToLower(a.Val)
				switch {
				case strings.HasPrefix(a.Key, "on"), a.Key == "srcset", a.Key == "background", a.Key == "srcdoc", a.Key == "poster",
					strings.Contains(value, "javascript:"), strings.Contains(value, "tracker.example"), strings.Contains(value, "url("),
					a.Key == "href" && strings.HasPrefix(value, "data:"), strings.Contains(value, "svg+xml"):
					t.Errorf("%.80s: %s=%q is left", source, a.Key, a.Val)
				}
			}
		}
	}
}

// The frame is a sandbox in which nothing runs and nothing loads; pictures
// from elsewhere only when a person asked for them.
func TestFrameOfMailIsASandbox(t *testing.T) {
	f := newFixture(t)
	f.users()
	at := f.mail("From: a@attacker.example\nSubject: <script>alert(2)</script>\nMIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\n" + strings.Join(hostile, "\n"))
	agent := f.as("agent")
	page := agent.get(recordPath(at) + "?view=html")
	if !strings.Contains(page.body, `sandbox="allow-popups allow-popups-to-escape-sandbox"`) || !strings.Contains(page.body, "remote pictures are not loaded") && !strings.Contains(page.body, "remote picture is not loaded") {
		t.Errorf("page: %s", page.body)
	}
	if strings.Contains(page.body, "<script>alert") {
		t.Error("the page runs the subject")
	}
	frame := agent.get(recordPath(at) + "/html")
	policy := frame.head.Get("Content-Security-Policy")
	for _, want := range []string{"sandbox allow-popups", "default-src 'none'", "img-src data:;", "form-action 'none'", "frame-ancestors 'self'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
	if strings.Contains(policy, "allow-scripts") || strings.Contains(policy, "allow-same-origin") {
		t.Errorf("policy %q", policy)
	}
	with := agent.get(recordPath(at) + "/html?images=1")
	if !strings.Contains(with.body, "https://tracker.example/pixel.gif") || !strings.Contains(with.head.Get("Content-Security-Policy"), "img-src data: https: http:;") {
		t.Errorf("with pictures: %s", with.head.Get("Content-Security-Policy"))
	}
}

// Words of foreign mail are never more than words, wherever they are shown.
func TestForeignWordsAreEscaped(t *testing.T) {
	f := newFixture(t)
	f.users()
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	at := f.mail("From: =?utf-8?q?=22=3E=3Cscript=3Ealert(1)=3C/script=3E?= <a@acme.example>\nTo: \"" + `\">` + "<script>alert(1)</script>\" <b@acme.example>\nSubject: needle " + evil + "\nMessage-ID: <" + evil + "@x>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nneedle " + evil + "\n--b\nContent-Type: application/pdf; name=\"<script>alert(1)<script>.pdf\"\nContent-Disposition: attachment; filename=\"<script>alert(1)</script>.pdf\"\n\nx\n--b--\n")
	agent := f.as("agent")
	if got := agent.post(recordPath(at)+"/cite", url.Values{"case": {"new"}, "title": {evil}, "quote": {"needle"}, "comment": {evil}}); got.code != http.StatusSeeOther {
		t.Fatalf("cite: %d", got.code)
	}
	agent.post("/cases/101/notes", url.Values{"text": {evil}})
	for _, path := range []string{"/", "/search?q=needle", "/search?q=needle&open=" + at.String(), "/search?q=" + url.QueryEscape("("+evil), recordPath(at), recordPath(at) + "/source", "/thread/mail-0", "/cases", "/cases/101", "/cases/101?source=1", "/cases/101/share"} {
		got := agent.get(path)
		if strings.Contains(got.body, "<script>alert") || strings.Contains(got.body, "<img src=x") {
			t.Errorf("%s runs foreign words", path)
		}
	}
	part := agent.get(recordPath(at) + "/parts/2")
	if part.code != http.StatusOK || !strings.HasPrefix(part.head.Get("Content-Disposition"), "attachment") || !strings.Contains(part.head.Get("Content-Security-Policy"), "sandbox") || part.head.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("attachment: %d %v", part.code, part.head)
	}
}

// A download is the exact bytes, odd ones too.
func TestRawIsExact(t *testing.T) {
	f := newFixture(t)
	f.users()
	raw := []byte("Subject: odd\r\n\r\nbare\nline\rends \x00 and \xff bytes, no end of line")
	m, _, err := f.take(t.Context(), sourceForTest, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.index.WaitFor(t.Context(), m.Address()); err != nil {
		t.Fatal(err)
	}
	got := f.as("agent").get(recordPath(m.Address()) + "/raw")
	if got.body != string(raw) || got.head.Get("Content-Type") != "message/rfc822" || got.head.Get("ETag") != `"`+m.SHA256.String()+`"` {
		t.Errorf("%d %q %v", got.code, got.body, got.head)
	}
}

func FuzzCleanHTML(f *testing.F) {
	for _, source := range hostile {
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		got := strings.ToLower(cleanHTML(message.Parse(nil), source, false).body)
		if strings.Contains(got, "<script") || strings.Contains(got, "<iframe") {
			t.Errorf("%q became %q", source, got)
		}
	})
}

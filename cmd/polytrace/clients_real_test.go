//go:build real

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"polytrace/archive"
	"polytrace/message"
	"polytrace/webui"
)

// card is what the page of a queue and queue setup tell to write down for a
// mail server: one text for each step, as it is but for what is replaced.
func (s *appliance) card(queue, name string, replace ...string) (steps []string) {
	s.t.Helper()
	var setup struct{ Cards []webui.SetupCard }
	api := s.api()
	if err := errors.Join(api.get(s.t.Context(), "/queues/"+queue+"/setup", url.Values{"for": {name}}, &setup), api.close()); err != nil || len(setup.Cards) != 1 {
		s.t.Fatalf("card of %s: %+v, %v", name, setup, err)
	}
	for _, step := range setup.Cards[0].Steps {
		steps = append(steps, strings.NewReplacer(replace...).Replace(step.Code)+"\n")
	}
	return steps
}

// received is a record as the API tells it.
type received struct {
	Envelope   archive.Envelope
	Peer       archive.Peer
	Message    struct{ Subject string }
	Recipients []message.Recipient
}

// record reads a record when it has been found out about.
func (s *appliance) record(at string) (r received) {
	s.t.Helper()
	s.caughtUp()
	api := s.api()
	if err := errors.Join(api.get(s.t.Context(), "/records/"+at, nil, &r), api.close()); err != nil {
		s.t.Fatalf("%s: %v", at, err)
	}
	return r
}

// records is how many messages there are.
func (s *appliance) records() int {
	s.t.Helper()
	var status struct{ Archive archive.Status }
	if err := json.Unmarshal([]byte(s.run("status", "--json")), &status); err != nil {
		s.t.Fatal(err)
	}
	for _, stream := range status.Archive.Streams {
		if stream.Stream == archive.Mail {
			return int(stream.Next)
		}
	}
	return 0
}

// addQueue returns the address of a new queue in its two parts.
func (s *appliance) addQueue(name, format string) (local, domain string) {
	s.t.Helper()
	local, domain, _ = strings.Cut(strings.TrimSpace(s.run("queue", "add", name, "--format", format)), "@")
	return local, domain
}

// told checks who got a message and how that is known.
func (r received) told(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, p := range r.Recipients {
		got = append(got, p.Role+" "+p.Address+" "+p.Provenance)
	}
	slices.Sort(got)
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("recipients are %q, want %q", got, want)
	}
}

// A letter to three people, one of whom its header does not name.
var (
	author  = "alice@contoso.example"
	readers = []string{"bob@contoso.example", "carol@fabrikam.example", "dora@contoso.example"}
	letter  = "From: Alice <alice@contoso.example>\r\nTo: Bob <bob@contoso.example>\r\nCc: carol@fabrikam.example\r\nSubject: Gr\xc3\xbc\xc3\x9fe %d\r\n" +
		"Message-ID: <letter.%[1]d@contoso.example>\r\nDate: Mon,  2 Nov 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" +
		"Gr\xc3\xbc\xc3\x9fe.\r\n.\r\n..dots \r\n\ttab\r\n\r\n\r\n"
)

// mailServer is one that sends copies, with all that it has on disk.
type mailServer struct {
	t   *testing.T
	dir string // Not below a directory that only we may enter: it gives up its rights.
}

func newMailServer(t *testing.T) mailServer {
	t.Helper()
	dir, err := os.MkdirTemp("", "polytrace-mta-")
	if err != nil {
		t.Fatal(err)
	}
	m := mailServer{t, dir}
	t.Cleanup(func() {
		if t.Failed() {
			logs, _ := filepath.Glob(filepath.Join(dir, "*log"))
			for _, name := range logs {
				text, err := os.ReadFile(name)
				t.Logf("%s: %v\n%s", name, err, text)
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m mailServer) file(name string) string { return filepath.Join(m.dir, name) }

func (m mailServer) write(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(m.file(name), []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// folder makes a directory that belongs to a user of the system.
func (m mailServer) folder(name, owner string) {
	m.t.Helper()
	u, err := user.Lookup(owner)
	if err != nil {
		m.t.Fatalf("%v; run make tools", err)
	}
	uid, err := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err, err2, os.Mkdir(m.file(name), 0o755), os.Chown(m.file(name), uid, gid)); err != nil {
		m.t.Fatalf("%v; these mail servers are started by root", err)
	}
}

// call runs a command of the mail server.
func (m mailServer) call(name string, args ...string) string {
	m.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		m.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// postfix is a private Postfix, set up as its card says.
type postfix struct{ mailServer }

func newPostfix(t *testing.T) postfix {
	p := postfix{newMailServer(t)}
	p.folder("data", "postfix")
	if err := os.Mkdir(p.file("queue"), 0o755); err != nil {
		t.Fatal(err)
	}
	// Mail comes in by a socket in the queue: there is no port to choose.
	p.write("master.cf", `submit unix n - n - - smtpd
cleanup unix n - n - 0 cleanup
pickup unix n - n 60 1 pickup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
showq unix n - n - - showq
smtp unix - - n - - smtp
retry unix - - n - - error
error unix - - n - - error
discard unix - - n - - discard
postlog unix-dgram n - n - 1 postlogd
`)
	return p
}

// configure has copies sent to a queue, with maps of a type.
func (p postfix) configure(s *appliance, maps string) {
	p.t.Helper()
	steps := s.card("postfix", "postfix", "pcre:/etc/postfix", maps+":"+p.dir)
	p.write("polytrace_to.pcre", steps[0])
	p.write("polytrace_from.pcre", steps[1])
	p.write("main.cf", steps[2]+`
compatibility_level = 3.6
queue_directory = `+p.file("queue")+`
data_directory = `+p.file("data")+`
maillog_file = `+p.file("mail.log")+`
maillog_file_prefixes = `+p.dir+`
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.contoso.example
mydestination = contoso.example
local_recipient_maps =
local_transport = discard:
default_transport = discard:
alias_maps =
smtp_tls_security_level = may
`)
}

func (p postfix) run(command string) { p.call(sbin(p.t, "postfix"), "-c", p.dir, command) }

func (p postfix) start() {
	p.t.Helper()
	p.run("start")
	p.t.Cleanup(func() { p.run("stop") })
}

// submit hands a message over as a mail program does.
func (p postfix) submit(from string, to []string, raw string) {
	p.t.Helper()
	n, err := net.Dial("unix", p.file("queue/public/submit"))
	if err != nil {
		p.t.Fatal(err)
	}
	submit(p.t, n, from, to, raw)
}

// waiting is what postqueue says of each recipient that still waits.
func (p postfix) waiting() (reasons []string) {
	p.t.Helper()
	for line := range strings.Lines(p.call(sbin(p.t, "postqueue"), "-c", p.dir, "-j")) {
		var m struct {
			Recipients []struct {
				Address string
				Delay   string `json:"delay_reason"`
			}
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			p.t.Fatalf("%v: %s", err, line)
		}
		for _, r := range m.Recipients {
			reasons = append(reasons, r.Delay)
		}
	}
	return reasons
}

// Copies that Postfix sends as its card has it set up become one record of
// each message: who wrote it and who got it is proven, also of those in Bcc,
// and every byte is as Postfix had it. While the archive is away they wait in
// Postfix's queue.
func TestPostfixDeliversBccCopies(t *testing.T) {
	s := newAppliance(t, "POLYTRACE_SMTP_HOSTNAME=127.0.0.1", "POLYTRACE_SMTP_DOMAIN=journal.example.net")
	local, domain := s.addQueue("postfix", "postfix")
	p := newPostfix(t)
	p.configure(s, "pcre")
	p.start()
	check := func(n int) {
		t.Helper()
		waitUntil(t.Fatalf, "the copy", func() bool { return s.records() >= n && len(p.waiting()) == 0 })
		if got := s.records(); got != n {
			t.Errorf("%d records of %d messages", got, n)
		}
		at := fmt.Sprintf("mail/%d", n-1)
		r := s.record(at)
		r.told(t, "to bob@contoso.example proven:token", "cc carol@fabrikam.example proven:token", "recipient dora@contoso.example proven:token")
		if e := r.Envelope; e.From != author || !slices.ContainsFunc(e.To, func(to string) bool { return to == local+"+from=alice=contoso.example@"+domain }) || len(e.DSN) != len(e.To) {
			t.Errorf("envelope %+v", e)
		}
		for _, d := range r.Envelope.DSN { // Else the author would get a bounce that tells of the archive.
			if !slices.Equal(d.Notify, []string{"NEVER"}) {
				t.Errorf("%s: NOTIFY=%v", d.To, d.Notify)
			}
		}
		if !strings.HasPrefix(r.Peer.TLS, "TLS 1.3") || r.Peer.Helo != "mx.contoso.example" {
			t.Errorf("peer %+v", r.Peer)
		}
		trace, original, _ := strings.Cut(s.run("show", at, "--raw"), "From: ")
		if want := fmt.Sprintf(letter, n); "From: "+original != want || !strings.HasPrefix(trace, "Received: ") || strings.Contains(trace, "dora") {
			t.Errorf("trace %q and message %q, want %q", trace, "From: "+original, want)
		}
	}
	p.submit(author, readers, fmt.Sprintf(letter, 1))
	check(1)

	p.configure(s, "regexp")
	p.run("reload")
	s.stop()
	p.submit(author, readers, fmt.Sprintf(letter, 2))
	waitUntil(t.Fatalf, "the copy to be put off", func() bool {
		reasons := p.waiting()
		return len(reasons) == 4 && !slices.ContainsFunc(reasons, func(r string) bool { return !strings.Contains(r, "Connection refused") })
	})
	s.start()
	p.configure(s, "regexp") // Its port is another one.
	p.run("reload")
	p.call(sbin(t, "postqueue"), "-c", p.dir, "-f")
	check(2)
}

// exim is a private Exim, set up as its card says.
type exim struct{ mailServer }

func newExim(t *testing.T) exim {
	e := exim{newMailServer(t)}
	e.folder("spool", "Debian-exim")
	return e
}

func (e exim) program() string {
	e.t.Helper()
	name, err := filepath.Abs(filepath.Join("..", "..", ".tools", "exim4"))
	if err == nil {
		_, err = os.Stat(name)
	}
	if err != nil {
		e.t.Fatalf("%v; run make tools", err)
	}
	return name
}

// configure has copies sent to a queue.
func (e exim) configure(s *appliance) {
	e.t.Helper()
	steps := s.card("exim", "exim", "  route_list", "  self = send\n  route_list") // The gateway is this machine.
	e.write("exim.conf", `exim_path = `+e.program()+`
spool_directory = `+e.file("spool")+`
log_file_path = `+e.file("spool/%slog")+`
primary_hostname = mx.contoso.example
keep_environment =
acl_smtp_rcpt = accept
begin routers
`+steps[0]+`
rest:
  driver = accept
  transport = discard
begin transports
`+steps[1]+`
discard:
  driver = appendfile
  file = /dev/null
  user = Debian-exim
begin retry
* * F,1d,1s
`)
}

// submit hands a message over as a mail program does. It returns when Exim has
// tried to deliver it.
func (e exim) submit(from string, to []string, raw string) {
	e.t.Helper()
	cmd := exec.Command(e.program(), "-C", e.file("exim.conf"), "-bs", "-odf")
	ours, theirs := net.Pipe()
	cmd.Stdin, cmd.Stdout = theirs, theirs
	if err := cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	submit(e.t, ours, from, to, raw)
	theirs.Close()
	if err := cmd.Wait(); err != nil {
		e.t.Fatalf("exim: %v", err)
	}
}

// Copies that Exim sends as its card has it set up become one record of each
// message that names all recipients, those in Bcc too, proven by the addresses
// that they were sent to. While the archive is away they wait in Exim's queue.
func TestEximDeliversUnseenCopies(t *testing.T) {
	s := newAppliance(t, "POLYTRACE_SMTP_HOSTNAME=127.0.0.1", "POLYTRACE_SMTP_DOMAIN=journal.example.net")
	local, domain := s.addQueue("exim", "exim")
	e := newExim(t)
	run := func(args ...string) string {
		return e.call(e.program(), append([]string{"-C", e.file("exim.conf")}, args...)...)
	}
	check := func(n int, body string) {
		t.Helper()
		if got := s.records(); got != n {
			t.Fatalf("%d records of %d messages", got, n)
		}
		at := fmt.Sprintf("mail/%d", n-1)
		r := s.record(at)
		r.told(t, "to bob@contoso.example proven:token", "cc carol@fabrikam.example proven:token", "recipient dora@contoso.example proven:token")
		if e := r.Envelope; e.From != "journal-failures@contoso.example" || len(e.To) != 3 || !strings.HasPrefix(e.To[0], local+"+to=") || !strings.HasSuffix(e.To[0], "@"+domain) {
			t.Errorf("envelope %+v", e)
		}
		if !strings.HasPrefix(r.Peer.TLS, "TLS 1.3") {
			t.Errorf("peer %+v", r.Peer)
		}
		raw := s.run("show", at, "--raw")
		if !strings.HasSuffix(raw, body) || !strings.Contains(raw, "\r\nX-Envelope-From: alice@contoso.example\r\n") || strings.Contains(raw, "dora") {
			t.Errorf("stored %q", raw)
		}
	}
	long := fmt.Sprintf(letter, 1) + strings.Repeat("x", 5_000) + "\r\n"
	e.configure(s)
	e.submit(author, readers, long)
	_, body, _ := strings.Cut(long, "\r\n\r\n")
	check(1, "\r\n\r\n"+body)

	s.stop()
	e.submit(author, readers, fmt.Sprintf(letter, 2))
	if queue := run("-bp"); !strings.Contains(queue, "dora@contoso.example") {
		t.Errorf("the queue is %q", queue)
	}
	s.start()
	e.configure(s)
	run("-qff")
	_, body, _ = strings.Cut(fmt.Sprintf(letter, 2), "\r\n\r\n")
	check(2, "\r\n\r\n"+body)
	if queue := run("-bp"); strings.TrimSpace(queue) != "" {
		t.Errorf("left in the queue: %q", queue)
	}
}

// swaks gets its 250 on every way in, and the record says how it was
// protected.
func TestSwaksDelivers(t *testing.T) {
	s := newAppliance(t, "POLYTRACE_BUCKET_URL=file://"+filepath.Join(t.TempDir(), "bucket"), "POLYTRACE_SMTP_LISTEN_TLS=127.0.0.1:0")
	log, err := os.ReadFile(s.log.Name())
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`\bsmtp_tls=(127\S+)`).FindSubmatch(log)
	if m == nil {
		t.Fatalf("the log does not say where TLS is: %s", log)
	}
	plain, secure := *s.smtp.Load(), string(m[1])
	password := strings.TrimSpace(s.run("queue", "login", "set", "relay1"))
	remote := strings.TrimSpace(s.run("queue", "add", "remote", "--login", "relay1"))
	signIn := func(mechanism, password string) []string {
		return []string{"--tls", "--auth", mechanism, "--auth-user", "relay1", "--auth-password", password, "--to", remote}
	}
	for i, way := range []struct {
		name, server, tls string
		options           []string
	}{
		{"in clear", plain, "", nil},
		{"STARTTLS", plain, "TLS 1.3 ", []string{"--tls"}},
		{"STARTTLS, TLS 1.2", plain, "TLS 1.2 ", []string{"--tls", "--tls-protocol", "tlsv1_2"}},
		{"TLS from the first byte", secure, "TLS 1.3 ", []string{"--tlsc"}},
		{"pipelined", plain, "TLS 1.3 ", []string{"--tls", "--pipeline"}},
		{"AUTH PLAIN", plain, "TLS 1.3 ", signIn("PLAIN", password)},
		{"AUTH LOGIN", plain, "TLS 1.3 ", signIn("LOGIN", password)},
	} {
		out, err := swaks(way.server, "Subject: "+way.name, append([]string{"--to", s.queue}, way.options...))
		if err != nil || !strings.Contains(string(out), fmt.Sprintf("250 2.0.0 archived mail/%d ", i)) {
			t.Fatalf("%s: %v\n%s", way.name, err, out)
		}
		r := s.record(fmt.Sprintf("mail/%d", i))
		if r.Message.Subject != way.name || !strings.HasPrefix(r.Peer.TLS, way.tls) || way.tls == "" && r.Peer.TLS != "" {
			t.Errorf("%s: subject %q, peer %+v", way.name, r.Message.Subject, r.Peer)
		}
		if signs := strings.HasPrefix(way.name, "AUTH"); signs != (r.Peer.Auth == "relay1") {
			t.Errorf("%s: signed in as %q", way.name, r.Peer.Auth)
		}
	}
	for want, options := range map[string][]string{
		"535 5.7.8": signIn("LOGIN", "wrong"),
		"450 4.7.1": {"--tls", "--to", remote},
	} {
		if out, err := swaks(plain, "Subject: not taken", options); err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%q: %v, want %s\n%s", options, err, want, out)
		}
	}
}

func swaks(server, header string, options []string) ([]byte, error) {
	return exec.Command("swaks", append([]string{"--server", server, "--from", author, "--header", header}, options...)...).CombinedOutput()
}

// 64 sessions of Postfix's smtp-source get a 250 for all that they send.
func TestManySessionsAreAcknowledged(t *testing.T) {
	s := newAppliance(t, "POLYTRACE_BUCKET_URL=file://"+filepath.Join(t.TempDir(), "bucket"))
	const messages = 2_000
	out, err := exec.Command(sbin(t, "smtp-source"), "-s", "64", "-m", strconv.Itoa(messages), "-l", "4096", "-f", author, "-t", s.queue, *s.smtp.Load()).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("smtp-source: %v %s", err, out)
	}
	if got := s.records(); got != messages {
		t.Errorf("%d records of %d messages", got, messages)
	}
}

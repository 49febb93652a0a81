//go:build real

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/archive/archivetest"
	"polytrace/archive/dirstore"
	"polytrace/archive/s3store"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// 64 sessions of Postfix's smtp-source send 20,000 messages while the server
// is killed five times: every message that got a 250 is there afterwards, byte
// for byte.
func TestNothingAcknowledgedIsLostWhenKilled(t *testing.T) {
	dir := t.TempDir()
	s := newAppliance(t, "POLYTRACE_BUCKET_URL=file://"+filepath.Join(dir, "bucket"), "POLYTRACE_ARCHIVE_PACK_SIZE=8MiB")
	load := newWitness(t, s)
	const messages, kills = 20_000, 5
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for k := range kills {
		enough := messages*k/(kills+1) + random.IntN(messages/(kills+1))
		load.until(enough, func() { s.kill() })
		s.start()
	}
	load.until(messages, nil)
	s.stop()
	store, err := dirstore.Open(filepath.Join(dir, "bucket"))
	if err != nil {
		t.Fatal(err)
	}
	load.check(store)
}

// The same while the bucket is away for a minute: mail is taken in all the
// time, and is in the bucket soon after that is back.
func TestNothingAcknowledgedIsLostWhenTheBucketIsAway(t *testing.T) {
	server := archivetest.StartS3(t)
	at, err := s3store.ParseURL(server.URL("outage"))
	if err != nil {
		t.Fatal(err)
	}
	c := s3store.Config{Location: at, Credentials: credentials.NewStaticV4(server.AccessKey, server.SecretKey, "")}
	if err := s3store.Make(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	s := newAppliance(t, "POLYTRACE_BUCKET_URL="+at.String(), "POLYTRACE_ARCHIVE_PACK_SIZE=1MiB", "POLYTRACE_ARCHIVE_PACK_AGE=1s",
		"AWS_ACCESS_KEY_ID="+server.AccessKey, "AWS_SECRET_ACCESS_KEY="+server.SecretKey)
	load := newWitness(t, s)
	load.until(1_000, nil)
	server.Stop()
	away := time.Now()
	for time.Since(away) < time.Minute {
		load.until(load.count()+64, nil, "-R", "2")
	}
	if during := load.count(); during < 2_000 {
		t.Errorf("only %d messages were taken in while the bucket was away", during-1_000)
	}
	s.kill() // The machine restarts while the bucket is away: it starts and takes mail in all the same.
	s.start()
	load.until(load.count()+500, nil)
	server.Start()
	store, err := s3store.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	load.waitForBucket(store)
	s.stop()
	load.check(store)
}

// appliance is a polytrace that runs as a child process.
type appliance struct {
	t       *testing.T
	program string
	dir     string
	env     []string
	http    string // address
	queue   string // where to send to
	child   *exec.Cmd
	log     *os.File

	smtp atomic.Pointer[string] // Address; another one after each start.
}

func newAppliance(t *testing.T, env ...string) *appliance {
	t.Helper()
	s := &appliance{t: t, program: buildProgram(t), dir: filepath.Join(t.TempDir(), "data")}
	s.env = append(os.Environ(), anyPorts...)
	s.env = append(s.env, env...)
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	s.log = log
	s.queue = strings.TrimSpace(s.run("queue", "add", "load", "--format", "plain"))
	s.start()
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("log of the server, its end:\n%s", text[max(0, len(text)-4000):])
		}
		log.Close()
	})
	return s
}

var buildProgram = func() func(*testing.T) string {
	build := sync.OnceValues(func() (string, error) {
		dir, err := os.MkdirTemp("", "polytrace-test-")
		if err != nil {
			return "", err
		}
		name := filepath.Join(dir, "polytrace")
		out, err := exec.Command("go", "build", "-o", name, ".").CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("%w: %s", err, out)
		}
		return name, nil
	})
	return func(t *testing.T) string {
		t.Helper()
		name, err := build()
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
}()

// run runs a verb and returns what it printed.
func (s *appliance) run(args ...string) string {
	s.t.Helper()
	cmd := exec.Command(s.program, append(args, "--data", s.dir)...)
	cmd.Env = s.env
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("polytrace %s: %v\n%s", strings.Join(args, " "), err, errors.String())
	}
	return string(out)
}

// start starts the server and returns when it says where it listens.
func (s *appliance) start() {
	s.t.Helper()
	before, err := s.log.Seek(0, io.SeekEnd)
	if err != nil {
		s.t.Fatal(err)
	}
	s.child = exec.Command(s.program, "serve", "--data", s.dir)
	s.child.Env = s.env
	s.child.Stdout, s.child.Stderr = s.log, s.log
	s.child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	began := time.Now()
	if err := s.child.Start(); err != nil {
		s.t.Fatal(err)
	}
	waitUntil(s.t.Fatalf, "the server's greeting", func() bool {
		text, err := os.ReadFile(s.log.Name())
		if err != nil {
			s.t.Fatal(err)
		}
		m := greeting.FindSubmatch(text[before:])
		if m == nil {
			return false
		}
		smtp := string(m[1])
		s.smtp.Store(&smtp)
		s.http = string(m[2])
		return true
	})
	s.t.Logf("started, answering after %s", time.Since(began))
}

var greeting = regexp.MustCompile(`(?m)^Polytrace takes mail on (\S+) and serves http://(\S+)$`)

func (s *appliance) kill() {
	if s.child != nil {
		s.child.Process.Kill()
		s.child.Wait()
		s.child = nil
	}
}

func (s *appliance) stop() {
	s.t.Helper()
	if err := s.child.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if err := s.child.Wait(); err != nil {
		s.t.Errorf("the server did not stop gracefully: %v", err)
	}
	s.child = nil
}

// witness stands between smtp-source and the server and remembers what was
// acknowledged: the receipt and the SHA-256 of the bytes that went over.
type witness struct {
	t      *testing.T
	server *appliance
	listen net.Listener

	mu    sync.Mutex
	acks  map[archive.Address]archive.Digest
	more  *sync.Cond
	calls sync.WaitGroup
}

func newWitness(t *testing.T, s *appliance) *witness {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{t: t, server: s, listen: l, acks: map[archive.Address]archive.Digest{}}
	w.more = sync.NewCond(&w.mu)
	w.calls.Go(w.accept)
	t.Cleanup(func() {
		l.Close()
		w.calls.Wait()
	})
	return w
}

func (w *witness) accept() {
	for {
		c, err := w.listen.Accept()
		if err != nil {
			return
		}
		w.calls.Go(func() { w.relay(c) })
	}
}

func (w *witness) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acks)
}

// until keeps 64 sessions sending until n messages are acknowledged in all. When then
// is not nil it is called at that moment, while the sessions go on.
func (w *witness) until(n int, then func(), options ...string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 3*time.Minute)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.mu.Lock()
		for len(w.acks) < n && ctx.Err() == nil {
			w.more.Wait()
		}
		w.mu.Unlock()
		if then != nil {
			then()
		}
	}()
	stop := context.AfterFunc(ctx, w.more.Broadcast)
	defer stop()
	for w.count() < n && ctx.Err() == nil {
		extra := 64
		if then != nil {
			extra = 5_000 // Still sending when it happens.
		}
		w.send(ctx, max(64, n-w.count())+extra, options...)
	}
	if ctx.Err() != nil {
		w.t.Fatalf("only %d of %d messages were acknowledged in time", w.count(), n)
	}
	<-done
}

// send runs smtp-source once. It gives up when it loses a connection, which is
// what the test makes happen.
func (w *witness) send(ctx context.Context, messages int, options ...string) {
	args := append([]string{"-s", "64", "-d", "-A", "-m", strconv.Itoa(messages), "-l", "4096", "-f", "sender@contoso.example", "-t", w.server.queue}, options...)
	cmd := exec.CommandContext(ctx, sbin(w.t, "smtp-source"), append(args, w.listen.Addr().String())...)
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) == 0 {
		w.t.Errorf("smtp-source: %v", err)
	}
}

// sbin finds a program that Debian keeps for the administrator.
func sbin(t *testing.T, name string) string {
	t.Helper()
	for _, at := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(at); err == nil {
			return path
		}
	}
	t.Fatalf("%s is not installed; run make tools", name)
	return ""
}

// relay passes one session on, line by line.
func (w *witness) relay(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", *w.server.smtp.Load())
	if err != nil {
		return
	}
	defer server.Close()
	s := session{newLines(client), newLines(server)}
	if _, err := s.reply(); err != nil {
		return
	}
	for {
		command, err := s.client.read()
		if err != nil || s.server.write(command) != nil {
			return
		}
		reply, err := s.reply()
		if err != nil {
			return
		}
		if !strings.HasPrefix(reply, "354") {
			continue
		}
		sum, err := s.message()
		if err != nil {
			return
		}
		reply, err = s.server.read()
		if err != nil {
			return
		}
		w.note(reply, sum) // Before the sender knows it, or never: it counts from the moment the server said it.
		if s.client.write(reply) != nil {
			return
		}
	}
}

func (w *witness) note(reply string, sum archive.Digest) {
	if !strings.HasPrefix(reply, "250") {
		return
	}
	var at, claimed string
	for word := range strings.FieldsSeq(reply) {
		if strings.HasPrefix(word, "mail/") {
			at = word
		}
		if rest, ok := strings.CutPrefix(word, "sha256="); ok {
			claimed = rest
		}
	}
	address, err := archive.ParseAddress(at)
	if err != nil || claimed != sum.String() {
		w.t.Errorf("receipt %q for bytes with SHA-256 %s", reply, sum)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if other, ok := w.acks[address]; ok && other != sum {
		w.t.Errorf("%s was given to %s and to %s", address, other, sum)
	}
	w.acks[address] = sum
	w.more.Broadcast()
}

// check reads the archive as it lies on disk and in the bucket.
func (w *witness) check(store archive.Store) {
	w.t.Helper()
	a, err := archive.Open(w.t.Context(), filepath.Join(w.server.dir, "archive"), archive.Config{Store: store})
	if err != nil {
		w.t.Fatal(err)
	}
	defer a.Close()
	if damage := a.Status().Damage; len(damage) > 0 {
		w.t.Errorf("damage: %v", damage)
	}
	found := 0
	for r, err := range a.Scan(w.t.Context(), archive.Mail, 0) {
		if err != nil {
			w.t.Fatal(err)
		}
		want, ok := w.acks[r.Meta.Address()]
		if !ok {
			continue // Stored, but the sender did not hear of it.
		}
		found++
		if got := archive.Digest(sha256.Sum256(r.Body)); got != want && r.Meta.SameAs == nil {
			w.t.Errorf("%s has SHA-256 %s, acknowledged was %s", r.Meta.Address(), got, want)
		}
	}
	if found != len(w.acks) {
		w.t.Errorf("%d of %d acknowledged messages are there", found, len(w.acks))
	}
	w.t.Logf("%d acknowledged, %d stored", len(w.acks), a.Next(archive.Mail))
}

// waitForBucket returns when every acknowledged position is below the end of what
// the bucket holds.
func (w *witness) waitForBucket(store archive.Store) {
	w.t.Helper()
	var last archive.Position
	for at := range w.acks {
		last = max(last, at.Position)
	}
	deadline := time.Now().Add(2 * time.Minute)
	for tick := time.Tick(200 * time.Millisecond); ; <-tick {
		out := w.server.run("status", "--json")
		if inBucket(w.t, out) > last {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("position %d is not in the bucket: %s", last, out)
		}
	}
}

type session struct{ client, server *lines }

// reply passes a reply of one or more lines on and returns its last line.
func (s session) reply() (string, error) {
	for {
		line, err := s.server.read()
		if err != nil {
			return "", err
		}
		if err := s.client.write(line); err != nil {
			return "", err
		}
		if len(line) < 4 || line[3] != '-' {
			return line, nil
		}
	}
}

// message passes a message on and returns the SHA-256 of its bytes, without
// the dots of transparency (RFC 5321 section 4.5.2).
func (s session) message() (archive.Digest, error) {
	hash := sha256.New()
	for {
		line, err := s.client.read()
		if err != nil {
			return archive.Digest{}, err
		}
		if err := s.server.write(line); err != nil {
			return archive.Digest{}, err
		}
		if line == ".\r\n" {
			return archive.Digest(hash.Sum(nil)), nil
		}
		io.WriteString(hash, strings.TrimPrefix(line, "."))
	}
}

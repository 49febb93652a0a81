package gateway

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/archive/dirstore"
)

// load is a way to send mail: by how many sessions, how large, and whether a
// session ends after one message.
type load struct {
	name     string
	sessions int
	size     func(*rand.Rand) int // Bytes of a message.
	once     bool
}

func bytesOf(n int) func(*rand.Rand) int { return func(*rand.Rand) int { return n } }

// mixed is as real mail is: most messages are of a few KiB and some of
// hundreds, 12 KB in the mean.
func mixed(r *rand.Rand) int {
	switch n := r.IntN(100); {
	case n < 60:
		return 2<<10 + r.IntN(4<<10)
	case n < 90:
		return 6<<10 + r.IntN(10<<10)
	case n < 99:
		return 16<<10 + r.IntN(48<<10)
	}
	return 200<<10 + r.IntN(200<<10)
}

var loads = []load{
	{"4KiB×1", 1, bytesOf(4 << 10), false},
	{"4KiB×8", 8, bytesOf(4 << 10), false},
	{"4KiB×64", 64, bytesOf(4 << 10), false},
	{"4KiB×64,once", 64, bytesOf(4 << 10), true},
	{"32KiB×64", 64, bytesOf(32 << 10), false},
	{"256KiB×8", 8, bytesOf(256 << 10), false},
	{"mixed×64", 64, mixed, false},
}

// outcome is what a load came to.
type outcome struct {
	messages int
	took     time.Duration
	waits    []time.Duration // From MAIL to the last 250, sorted.
}

func (o outcome) rate() float64 { return float64(o.messages) / o.took.Seconds() }

func (o outcome) p99() float64 {
	return float64(o.waits[len(o.waits)*99/100].Microseconds()) / 1000
}

// send sends n messages, each of other bytes, to an address. Every command
// waits for its reply.
func (l load) send(b *testing.B, server, rcpt string, n int) outcome {
	b.Helper()
	text := letterText(1 << 20)
	var left atomic.Int64
	left.Store(int64(n))
	results := make([][]time.Duration, l.sessions)
	errs := make([]error, l.sessions)
	var sessions sync.WaitGroup
	began := time.Now()
	for i := range l.sessions {
		sessions.Go(func() {
			s := sender{server: server, rcpt: rcpt, text: text, random: rand.New(rand.NewPCG(uint64(i), uint64(began.UnixNano())))}
			defer s.close()
			for left.Add(-1) >= 0 {
				at := time.Now()
				if errs[i] = s.send(l.size(s.random)); errs[i] != nil {
					return
				}
				results[i] = append(results[i], time.Since(at))
				if l.once {
					s.close()
				}
			}
		})
	}
	sessions.Wait()
	o := outcome{messages: n, took: time.Since(began), waits: slices.Concat(results...)}
	for _, err := range errs {
		if err != nil {
			b.Fatal(err)
		}
	}
	slices.Sort(o.waits)
	return o
}

// letterText is text in lines, as words come in letters.
func letterText(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	words := make([][]byte, 5000)
	for i := range words {
		words[i] = make([]byte, 2+r.IntN(9))
		for j := range words[i] {
			words[i][j] = byte('a' + r.IntN(26))
		}
	}
	var b bytes.Buffer
	for b.Len() < n {
		for line := 0; line < 66; {
			w := words[min(r.IntN(len(words)), r.IntN(len(words)))]
			b.Write(w)
			b.WriteByte(' ')
			line += len(w) + 1
		}
		b.WriteString("\r\n")
	}
	return b.Bytes()
}

// sender is one session of a client that does little else than to send.
type sender struct {
	server, rcpt string
	text         []byte
	random       *rand.Rand
	conn         net.Conn
	in           *bufio.Reader
	out          []byte
}

func (s *sender) close() {
	if s.conn != nil {
		io.WriteString(s.conn, "QUIT\r\n")
		io.Copy(io.Discard, s.conn)
		s.conn.Close()
		s.conn = nil
	}
}

func (s *sender) open() (err error) {
	if s.conn != nil {
		return nil
	}
	if s.conn, err = net.Dial("tcp", s.server); err != nil {
		return err
	}
	s.in = bufio.NewReader(s.conn)
	if err := s.want('2'); err != nil {
		return err
	}
	return s.say("EHLO mx.contoso.example\r\n", '2')
}

// send sends a message of about size bytes.
func (s *sender) send(size int) error {
	if err := s.open(); err != nil {
		return err
	}
	from := s.random.IntN(len(s.text) - size)
	from += bytes.IndexByte(s.text[from:], '\n') + 1
	to := min(from+size, len(s.text))
	to = bytes.LastIndexByte(s.text[:to], '\n') + 1
	s.out = fmt.Appendf(s.out[:0], "From: Alice <alice@contoso.example>\r\nTo: Bob <bob@contoso.example>\r\nSubject: letter %d\r\nMessage-ID: <%[1]d.%d@contoso.example>\r\nDate: Mon, 2 Nov 2026 09:00:00 +0000\r\n\r\n", s.random.Uint32(), s.random.Uint64())
	s.out = append(append(s.out, s.text[from:max(from, to)]...), ".\r\n"...)
	for _, step := range []struct {
		text string
		want byte
	}{{"MAIL FROM:<alice@contoso.example>\r\n", '2'}, {"RCPT TO:<" + s.rcpt + ">\r\n", '2'}, {"DATA\r\n", '3'}} {
		if err := s.say(step.text, step.want); err != nil {
			return err
		}
	}
	if _, err := s.conn.Write(s.out); err != nil {
		return err
	}
	return s.want('2')
}

func (s *sender) say(text string, want byte) error {
	if _, err := io.WriteString(s.conn, text); err != nil {
		return err
	}
	return s.want(want)
}

func (s *sender) want(want byte) error {
	for {
		line, err := s.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) < 4 || line[0] != want {
			return fmt.Errorf("the server says %q", line)
		}
		if line[3] != '-' {
			return nil
		}
	}
}

// BenchmarkIntake takes mail over sockets of this machine into an archive on
// disk, and answers when it is synced. Client and server share the processors.
func BenchmarkIntake(b *testing.B) {
	for _, l := range loads {
		b.Run(l.name, func(b *testing.B) {
			address := serveArchive(b)
			b.ResetTimer()
			o := l.send(b, address, to, b.N)
			b.StopTimer()
			b.ReportMetric(o.rate(), "messages/s")
			b.ReportMetric(o.p99(), "p99-ms")
		})
	}
}

// serveArchive serves an archive on disk, and nothing reads what comes in.
func serveArchive(b *testing.B) (address string) {
	b.Helper()
	dir := b.TempDir()
	store, err := dirstore.Open(filepath.Join(dir, "bucket"))
	if err != nil {
		b.Fatal(err)
	}
	a, err := archive.Open(b.Context(), filepath.Join(dir, "archive"), archive.Config{Store: store})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := a.Close(); err != nil {
			b.Error(err)
		}
	})
	address, _ = serve(b, a, nil)
	return address
}

package child

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"polytrace/document"
)

// TestMain is the child too, when it is called as one: a good one, or one that
// a document has taken over.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 || strings.HasPrefix(os.Args[1], "-") {
		os.Exit(m.Run())
	}
	if err := children[os.Args[1]](os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var hoard [][]byte

var children = map[string]func(io.Reader, io.Writer) error{
	"good": Serve,
	"loops": onDocument(func() error {
		for n := 0; n >= 0; n = (n + 1) & 0xff {
		}
		return nil
	}),
	"hogs": onDocument(func() error {
		for {
			block := make([]byte, 1<<20)
			for i := range block {
				block[i] = byte(i)
			}
			hoard = append(hoard, block)
		}
	}),
	"breaks":  onDocument(func() error { panic("a reader that is wrong") }),
	"babbles": onDocument(func() error { _, err := os.Stdout.Write([]byte{0, 0, 0, 2, '{', '['}); return err }),
	"claims":  onDocument(func() error { _, err := os.Stdout.Write([]byte{255, 255, 255, 255}); return err }),
	"dials": onDocument(func() error {
		answer := `{"parts":[{"text":"no network"}]}`
		if _, err := net.DialTimeout("tcp", os.Args[2], time.Second); err == nil {
			answer = `{"parts":[{"text":"connected"}]}`
		}
		return writeBlock(os.Stdout, []byte(answer))
	}),
	"tells": onDocument(func() error {
		return writeBlock(os.Stdout, fmt.Appendf(nil, `{"parts":[{"text":%q}]}`, strings.Join(os.Environ(), " ")))
	}),
}

// onDocument is a child that does something when it gets a document.
func onDocument(do func() error) func(io.Reader, io.Writer) error {
	return func(in io.Reader, _ io.Writer) error {
		if err := limitMemory(); err != nil {
			return err
		}
		r := bufio.NewReader(in)
		for {
			for range 2 {
				if _, err := readBlock(r); err != nil {
					return err
				}
			}
			if err := do(); err != nil {
				return err
			}
		}
	}
}

func readers(t *testing.T, c Config, as ...string) *Readers {
	t.Helper()
	c.Command = append([]string{os.Args[0]}, as...)
	r := New(c)
	t.Cleanup(r.Close)
	return r
}

func TestDocumentsAreReadInAChild(t *testing.T) {
	r := readers(t, Config{}, "good")
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			words := fmt.Sprintf("needle %d", i)
			text, err := r.Read("a.txt", "text/plain", []byte(words))
			if err != nil || len(text.Parts) != 1 || strings.TrimSpace(text.Parts[0].Text) != words || text.Reason != "" {
				t.Errorf("%+v, %v", text, err)
			}
		})
	}
	all.Wait()
	if n := len(r.idle); n < 1 || n > 2 {
		t.Errorf("%d children wait", n)
	}
	one := readers(t, Config{Limits: document.Limits{Text: 3}}, "good")
	if text, err := one.Read("a.txt", "text/plain", []byte("needle")); err != nil || text.Reason != document.Limit {
		t.Errorf("the limits are not those that were set: %+v, %v", text, err)
	}
}

// A document that takes its reader over costs its own text, with the reason, and
// the next one is read.
func TestADocumentThatTakesItsReaderOver(t *testing.T) {
	for as, want := range map[string]string{"loops": document.Limit, "hogs": document.Limit, "breaks": document.Crash, "babbles": document.Crash, "claims": document.Crash} {
		t.Run(as, func(t *testing.T) {
			r := readers(t, Config{Time: 20 * time.Second, Memory: 200 << 20}, as)
			if as == "loops" {
				r.config.Time = 100 * time.Millisecond
			}
			for range 2 {
				text, err := r.Read("a.txt", "text/plain", []byte("needle"))
				if err != nil || text.Reason != want || len(text.Parts) > 0 {
					t.Fatalf("%+v, %v", text, err)
				}
			}
			r.config.Command[1], r.config.Time = "good", time.Minute
			if text, err := r.Read("a.txt", "text/plain", []byte("needle")); err != nil || len(text.Parts) != 1 {
				t.Errorf("the next one: %+v, %v", text, err)
			}
		})
	}
}

// A child has none of our secrets.
func TestAChildKnowsNothing(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hidden")
	text, err := readers(t, Config{}, "tells").Read("", "", nil)
	if err != nil || len(text.Parts) != 1 || strings.Contains(text.Parts[0].Text, "hidden") || strings.Contains(text.Parts[0].Text, "HOME") {
		t.Errorf("%+v, %v", text, err)
	}
}

// Where the system lets a process leave its network behind, a child has none.
func TestAChildHasNoNetwork(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := readers(t, Config{}, "dials", l.Addr().String())
	text, err := r.Read("", "", nil)
	if err != nil || len(text.Parts) != 1 {
		t.Fatalf("%+v, %v", text, err)
	}
	if p, err := startAs(r.config, apart); err == nil {
		p.kill()
		p.wait()
		if text.Parts[0].Text != "no network" {
			t.Error("a child has the network")
		}
	}
}

func TestNoChildIsAnError(t *testing.T) {
	r := New(Config{Command: []string{"/nowhere/at/all"}})
	if _, err := r.Read("", "", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// Children that have nothing to do give their memory back.
func TestIdleChildrenEnd(t *testing.T) {
	r := readers(t, Config{Idle: 30 * time.Millisecond}, "good")
	if _, err := r.Read("a.txt", "text/plain", []byte("needle")); err != nil {
		t.Fatal(err)
	}
	left := func() int {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.idle)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); left() > 0; <-tick.C {
		if time.Now().After(end) {
			t.Fatal("the child stays")
		}
	}
	if text, err := r.Read("a.txt", "text/plain", []byte("needle")); err != nil || len(text.Parts) != 1 {
		t.Errorf("%+v, %v", text, err)
	}
}

// A child that was lost while it waited costs no document.
func TestALostChildIsReplaced(t *testing.T) {
	r := readers(t, Config{}, "good")
	for range 3 {
		text, err := r.Read("a.txt", "text/plain", []byte("needle"))
		if err != nil || len(text.Parts) != 1 || text.Reason != "" || len(r.idle) != 1 {
			t.Fatalf("%+v, %v, %d wait", text, err, len(r.idle))
		}
		r.idle[0].kill()
	}
}

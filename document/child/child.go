// Package child reads documents in child processes: a document that makes its
// reader loop, take all memory or crash costs its own text and nothing else.
package child

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"polytrace/document"
	"polytrace/document/pdf"
)

// Config says how documents are read.
type Config struct {
	Command []string // What calls Serve on its standard input and output; required.
	As      string   // What the command is told that it is called; default its path.
	Cache   string   // Directory in which children keep what they compile; default: each compiles anew, which takes seconds.
	Limits  document.Limits
	Time    time.Duration // For one document; default 20 seconds. Beyond it there are no more pictures, and a little later it ends.
	Memory  int64         // Bytes that a child may take beside its code; default 1 GiB.
	Most    int           // Children at a time; default 2.
	Idle    time.Duration // A child without work ends after so long; default 1 minute.
	OCR     *OCR          // Reads pictures; nil: nobody does.
	Later   bool          // It is for other Readers to read them: the reason is document.Later.
	Log     *slog.Logger  // Default: discard.
}

// most is when a child is killed.
func (c Config) most() time.Duration {
	if c.OCR == nil || c.Later {
		return c.Time
	}
	return c.Time + maxPage // The last picture may be a page that takes long to be drawn.
}

// Readers are child processes that read documents. They start when they are
// needed, and again after one was lost.
type Readers struct {
	config Config
	seats  chan struct{}

	mu     sync.Mutex
	idle   []*process // guarded by mu
	closed bool       // guarded by mu
}

// New starts nothing yet.
func New(c Config) *Readers {
	if c.Time <= 0 {
		c.Time = 20 * time.Second
	}
	if c.Memory <= 0 {
		c.Memory = 1 << 30
	}
	if c.Most <= 0 {
		c.Most = 2
	}
	if c.Idle <= 0 {
		c.Idle = time.Minute
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Readers{config: c, seats: make(chan struct{}, c.Most)}
}

// Read gives the text of a document, as document.Read does. It waits for a
// child that is free. The error is that there is none, and the document was
// not looked at: with others it is the Reason, document.Limit when time or
// memory did not suffice and document.Crash when the reader broke.
func (r *Readers) Read(name, mediaType string, content []byte) (document.Text, error) {
	return r.ReadContext(context.Background(), name, mediaType, content)
}

// ReadContext is Read, until a context ends: then the document counts as not looked at.
func (r *Readers) ReadContext(ctx context.Context, name, mediaType string, content []byte) (document.Text, error) {
	select {
	case r.seats <- struct{}{}:
	case <-ctx.Done():
		return document.Text{}, ctx.Err()
	}
	defer func() { <-r.seats }()
	q := request{name, mediaType, r.config.Limits, r.config.OCR, r.config.Later, r.config.Time}
	if p := r.waiting(); p != nil {
		text := r.ask(ctx, p, q, content)
		if text.Reason != document.Crash || ctx.Err() != nil {
			return text, ctx.Err()
		} // It may have been lost while it waited, or by what it read before.
	}
	p, err := start(r.config)
	if err != nil {
		return document.Text{}, fmt.Errorf("start the reader of documents: %w", err)
	}
	return r.ask(ctx, p, q, content), ctx.Err()
}

// ask has a child read a document, which may be the end of the child.
func (r *Readers) ask(ctx context.Context, p *process, q request, content []byte) document.Text {
	defer context.AfterFunc(ctx, p.kill)()
	var late atomic.Bool
	timer := time.AfterFunc(r.config.most(), func() { late.Store(true); p.kill() })
	text, err := p.ask(q, content)
	if timer.Stop() && err == nil {
		r.give(p)
		return text
	}
	p.kill()
	ended := p.wait()
	if err == nil {
		return text // It came in the last moment.
	}
	if ctx.Err() != nil {
		return document.Text{Reason: document.Crash}
	}
	reason := document.Crash
	if late.Load() || p.outOfMemory() {
		reason = document.Limit
	}
	r.config.Log.Warn("a document could not be read", "type", q.Type, "size", len(content), "reason", reason, "ended", ended, "said", p.firstWords())
	return document.Text{Reason: reason}
}

// Version names what reads the documents: where it is another, the text may be.
func (r *Readers) Version() string {
	if o := r.config.OCR; o != nil {
		return fmt.Sprintf("%s+%s %s", document.Version, o.Version, o.Languages)
	}
	return document.Version
}

// Close ends the children. Read must not be called any more.
func (r *Readers) Close() {
	r.mu.Lock()
	idle := r.idle
	r.idle, r.closed = nil, true
	r.mu.Unlock()
	for _, p := range idle {
		p.kill()
		p.wait()
	}
}

// waiting takes a child that has nothing to do; nil when there is none.
func (r *Readers) waiting() *process {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.idle) - 1
	if n < 0 {
		return nil
	}
	p := r.idle[n]
	r.idle = r.idle[:n]
	return p
}

func (r *Readers) give(p *process) {
	r.mu.Lock()
	closed := r.closed
	if !closed {
		p.since = time.Now()
		r.idle = append(r.idle, p)
	}
	r.mu.Unlock()
	if closed {
		p.kill()
		p.wait()
		return
	}
	time.AfterFunc(r.config.Idle, func() { r.drop(p) })
}

// drop ends a child that had nothing to do since it was given back.
func (r *Readers) drop(p *process) {
	r.mu.Lock()
	i := slices.Index(r.idle, p)
	if i >= 0 && time.Since(p.since) >= r.config.Idle {
		r.idle = slices.Delete(r.idle, i, i+1)
	} else {
		i = -1
	}
	r.mu.Unlock()
	if i >= 0 {
		p.kill()
		p.wait()
	}
}

// process is a child.
type process struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	said *head // On its standard error.

	since time.Time // When it had nothing to do any more; guarded by Readers.mu.
}

// head keeps the beginning of what is written.
type head struct {
	most int
	b    []byte
}

func (h *head) Write(p []byte) (int, error) {
	h.b = append(h.b, p[:min(len(p), h.most-len(h.b))]...)
	return len(p), nil
}

// outOfMemory reports whether a child ended because its runtime got no memory,
// be it for the stack of a thread.
func (p *process) outOfMemory() bool {
	return slices.ContainsFunc([]string{"out of memory", "cannot allocate memory", "create new OS thread", "pthread_create failed"}, func(words string) bool { return bytes.Contains(p.said.b, []byte(words)) })
}

func (p *process) firstWords() string {
	line, _, _ := bytes.Cut(p.said.b, []byte("\n"))
	return string(line)
}

// start starts a child, without the network where the system lets us.
func start(c Config) (*process, error) {
	p, err := startAs(c, apart)
	if err != nil {
		p, err = startAs(c, &syscall.SysProcAttr{Setpgid: true})
	}
	return p, err
}

// apart is a process with a network of its own, which leads nowhere.
var apart = &syscall.SysProcAttr{Setpgid: true, Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET}

func startAs(c Config, as *syscall.SysProcAttr) (*process, error) {
	cmd := exec.Command(c.Command[0], c.Command[1:]...)
	if c.As != "" {
		cmd.Args[0] = c.As
	}
	cmd.Env = []string{fmt.Sprintf("%s=%d", memoryVariable, c.Memory), cacheVariable + "=" + c.Cache} // Nothing of our secrets.
	cmd.SysProcAttr = as
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, in: in, out: bufio.NewReader(out), said: &head{most: 2000}}
	cmd.Stderr = p.said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return p, nil
}

// kill ends a child, and with it what it has started.
func (p *process) kill() {
	if p.cmd.Process.Kill() == nil {
		syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	}
}

func (p *process) wait() error { return p.cmd.Wait() }

// request is what the child is told before the content.
type request struct {
	Name   string          `json:"name"`
	Type   string          `json:"type"`
	Limits document.Limits `json:"limits"`
	OCR    *OCR            `json:"ocr,omitempty"`
	Later  bool            `json:"later,omitempty"`
	Time   time.Duration   `json:"time"`
}

func (p *process) ask(q request, content []byte) (text document.Text, err error) {
	head, err := json.Marshal(q)
	if err != nil {
		return text, err
	}
	sent := make(chan error, 1)
	go func() { sent <- errors.Join(writeBlock(p.in, head), writeBlock(p.in, content)) }()
	answer, err := readBlock(p.out)
	if err = errors.Join(err, <-sent); err != nil {
		return text, err
	}
	return text, json.Unmarshal(answer, &text)
}

// maxBlock bounds what one side takes from the other.
const maxBlock = 1 << 30

func writeBlock(w io.Writer, block []byte) error {
	var size [4]byte
	binary.BigEndian.PutUint32(size[:], uint32(len(block)))
	if _, err := w.Write(size[:]); err != nil {
		return err
	}
	_, err := w.Write(block)
	return err
}

func readBlock(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxBlock {
		return nil, fmt.Errorf("a block of %d bytes", n)
	}
	block := make([]byte, n)
	_, err := io.ReadFull(r, block)
	return block, err
}

// Serve is what a child does: it reads the documents that it is given until
// there are no more. A document that takes too much ends it.
func Serve(in io.Reader, out io.Writer) error {
	if err := limitMemory(); err != nil {
		return err
	}
	go endWithParent(os.Getppid())
	pages, pictures := pdf.New(os.Getenv(cacheVariable)), &looking{}
	for r := bufio.NewReader(in); ; {
		head, err := readBlock(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var q request
		if err := json.Unmarshal(head, &q); err != nil {
			return err
		}
		content, err := readBlock(r)
		if err != nil {
			return err
		}
		answer, err := json.Marshal(document.Reader{Limits: q.Limits, PDF: pages.Read, Look: pictures.of(q)}.Read(q.Name, q.Type, content))
		if err == nil {
			err = writeBlock(out, answer)
		}
		if err != nil {
			return err
		}
	}
}

// memoryVariable tells a child how many bytes it may take.
const memoryVariable = "DOCUMENT_MEMORY"

// cacheVariable tells a child where to keep what it compiles.
const cacheVariable = "DOCUMENT_CACHE"

// limitMemory has the system refuse more memory, so that the runtime ends.
func limitMemory() error {
	most, err := strconv.ParseUint(os.Getenv(memoryVariable), 10, 63)
	if err != nil {
		return fmt.Errorf("%s: %w", memoryVariable, err)
	}
	debug.SetMemoryLimit(int64(most / 2))
	return syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: most, Max: most})
}

// endWithParent ends a child whose parent is gone, whatever it is reading.
func endWithParent(parent int) {
	for range time.Tick(time.Second) {
		if os.Getppid() != parent {
			os.Exit(1)
		}
	}
}

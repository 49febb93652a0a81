package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"polytrace/archive"
	"polytrace/index"

	"github.com/danielgtaylor/huma/v2"
)

// client asks the JSON API: of a running server through its socket, or else of
// the data directory opened in this process. Verbs do not see the difference.
type client struct {
	http  *http.Client
	close func() error
	alone bool // No server runs.
}

// socketName is the socket in the data directory.
const socketName = "polytrace.sock"

// dialSocket connects to a server that runs on a data directory. The path goes
// by way of an open directory, because that of a socket is limited to 107
// octets.
func dialSocket(ctx context.Context, dir string) (net.Conn, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	var dialer net.Dialer
	return dialer.DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), socketName))
}

// listenSocket listens for verbs. A socket that is there is left from a crash:
// the archive's lock says that no other server runs.
func listenSocket(dir string) (net.Listener, error) {
	if err := os.Remove(filepath.Join(dir, socketName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	l, err := net.Listen("unix", fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), socketName))
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // The path it knows is of no use later.
	if err := os.Chmod(filepath.Join(dir, socketName), 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// listenAt listens at host:port or unix:/path. A socket that nobody answers on
// is left from a crash. Who may reach it is up to its directory.
func listenAt(where string) (net.Listener, error) {
	path, ok := strings.CutPrefix(where, "unix:")
	if !ok {
		return net.Listen("tcp", where)
	}
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		return nil, fmt.Errorf("another program listens on %s", path)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == os.ModeSocket {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o666); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// running reports whether a server runs on the data directory.
func running(ctx context.Context, dir string) bool {
	conn, err := dialSocket(ctx, dir)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// errNoArchive is of verbs that have nothing to do in a new data directory.
var errNoArchive = errors.New("there is no archive here")

// mustExist keeps a verb that only looks from beginning an archive, where a
// mistyped directory would be found to be in best order.
func (c *call) mustExist() error {
	if running(c.ctx, c.dir) {
		return nil
	}
	_, err := os.Stat(filepath.Join(c.dir, "archive"))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w, in %s; name the data directory with --data or POLYTRACE_DATA", errNoArchive, c.dir)
	}
	return err
}

// connect reaches the API.
func (c *call) connect() (*client, error) {
	if running(c.ctx, c.dir) {
		return newClient(func(ctx context.Context) (net.Conn, error) { return dialSocket(ctx, c.dir) }, nil), nil
	}
	return c.openHere()
}

func newClient(dial func(context.Context) (net.Conn, error), close func() error) *client {
	t := &http.Transport{
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		MaxIdleConnsPerHost: 16,
	}
	return &client{http: &http.Client{Transport: t}, alone: close != nil, close: func() error {
		t.CloseIdleConnections()
		if close == nil {
			return nil
		}
		return close()
	}}
}

// openHere serves the API of the data directory to this process alone.
func (c *call) openHere() (*client, error) {
	a, err := openApp(c.ctx, c.settings, c.dir, quietLog(c))
	if err != nil {
		return nil, err
	}
	if err := a.openIndex(); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(c.ctx))
	var parts sync.WaitGroup
	parts.Go(func() { a.index.Load().Run(ctx) }) // A failure shows in its status and stops caughtUp.
	if c.settings.archive.acknowledge == archive.InBucket {
		parts.Go(func() { a.archive.Run(ctx) }) // Without it nothing that is added here would ever be acknowledged.
	}
	end := func() error {
		stop()
		parts.Wait()
		return a.Close()
	}
	p := newProgress(c, "indexing", "records")
	err = a.caughtUp(c.ctx, func(st index.Status) { p.set(st.Records, st.Records+st.Lag) })
	p.end()
	if err != nil {
		return nil, errors.Join(err, end())
	}
	l := newPipe()
	server := &http.Server{Handler: a.web.Load().Local(), ReadHeaderTimeout: time.Minute}
	parts.Go(func() { server.Serve(l) }) // Ends with server.Close.
	return newClient(l.dial, func() error { return errors.Join(server.Close(), end()) }), nil
}

// pipe is a listener that is reached from this process only.
type pipe struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipe() *pipe { return &pipe{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipe) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipe) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipe) Addr() net.Addr { return &net.UnixAddr{Name: "here", Net: "pipe"} }

func (p *pipe) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// apiError is what the API answered instead of doing what was asked.
type apiError struct {
	status int
	huma.ErrorModel
}

func (e *apiError) Error() string {
	if e.Detail != "" {
		return e.Detail
	}
	return fmt.Sprintf("the server answered %d %s", e.status, e.Title)
}

// send sends a request and returns the answer when it is a good one.
func (c *client) send(ctx context.Context, method, path string, query url.Values, body io.Reader, length int64) (*http.Response, error) {
	u := url.URL{Scheme: "http", Host: "polytrace", Path: "/api/v1" + path, RawQuery: query.Encode()}
	r, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.ContentLength = length
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(r)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // Without the URL, which is nobody's.
		}
		return nil, err
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	e := &apiError{status: resp.StatusCode}
	if err := json.NewDecoder(resp.Body).Decode(&e.ErrorModel); err != nil {
		e.Detail = fmt.Sprintf("the server answered %s", resp.Status)
	}
	return nil, e
}

// do exchanges JSON; in and out may be nil.
func (c *client) do(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var body io.Reader
	var length int64
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body, length = bytes.NewReader(raw), int64(len(raw))
	}
	resp, err := c.send(ctx, method, path, query, body, length)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

func (c *client) get(ctx context.Context, path string, query url.Values, out any) error {
	return c.do(ctx, http.MethodGet, path, query, nil, out)
}

// recordPath is where the API has a record.
func recordPath(address string) (string, error) {
	at, err := archive.ParseAddress(address)
	if err != nil {
		return "", fmt.Errorf("%w: %q is not the address of a record; it looks like mail/1042", errUsage, address)
	}
	return "/records/" + strings.ToLower(at.String()), nil
}

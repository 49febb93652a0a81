package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/smtp"
	"net/textproto"
	"strings"
	"sync"
	"testing"

	"polytrace/archive"
	"polytrace/casework"
)

// nextHop is a mail server that takes everything and keeps what it was told.
type nextHop struct {
	net.Listener
	mu   sync.Mutex
	told []string // MAIL and RCPT.
	mail []byte
}

func newNextHop(t *testing.T) *nextHop {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &nextHop{Listener: l}
	var sessions sync.WaitGroup
	sessions.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			sessions.Go(func() { h.serve(textproto.NewConn(c)) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		sessions.Wait()
	})
	return h
}

func (h *nextHop) serve(c *textproto.Conn) {
	defer c.Close()
	for reply := "220 hop.example ESMTP"; ; reply = "250 ok" {
		if c.PrintfLine("%s", reply) != nil {
			return
		}
		line, err := c.ReadLine()
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(line, " "); verb {
		case "QUIT":
			return
		case "DATA":
			if c.PrintfLine("354 go on") != nil {
				return
			}
			raw, err := c.ReadDotBytes()
			if err != nil {
				return
			}
			h.mu.Lock()
			h.mail = raw
			h.mu.Unlock()
		case "MAIL", "RCPT":
			h.mu.Lock()
			h.told = append(h.told, line)
			h.mu.Unlock()
		}
	}
}

// What a queue with a next hop takes is archived as it came and handed on, with
// a field in front, to whom the copy was for; the outcome is a record.
func TestQueueHandsItsMailOn(t *testing.T) {
	hop := newNextHop(t)
	dir := t.TempDir()
	set, _, err := loadSettings("", append([]string{"POLYTRACE_SMTP_HOSTNAME=archive.example"}, anyPorts...), dir)
	if err != nil {
		t.Fatal(err)
	}
	a, err := openApp(t.Context(), set, dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(a, listenAt)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.desk.Do(t.Context(), casework.System, casework.AddQueue{Name: "edge", Local: "edge-aaaaa", QueueTerms: casework.QueueTerms{Relay: hop.Addr().String()}}); err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	s.ready = func() { close(ready) }
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.run(ctx) }()
	<-ready
	raw := "Subject: on it goes\r\n\r\n.hello\r\n"
	defer func() {
		stop()
		if err := errors.Join(<-done, a.Close()); err != nil {
			t.Error(err)
		}
	}()
	n, err := net.Dial("tcp", s.settings.smtp.listen)
	if err != nil {
		t.Fatal(err)
	}
	submit(t, n, "jane@acme.example", []string{"edge-aaaaa+to=kim=contoso.example@archive.example"}, raw)
	waitUntil(t.Fatalf, "the outcome", func() bool { return a.archive.Next(archive.Facts) > 0 })
	hop.mu.Lock()
	told, mail := strings.Join(hop.told, "\n"), bytes.ReplaceAll(hop.mail, []byte("\n"), []byte("\r\n"))
	hop.mu.Unlock()
	if !strings.Contains(told, "MAIL FROM:<jane@acme.example>") || !strings.Contains(told, "RCPT TO:<kim@contoso.example>") || strings.Contains(told, "edge-aaaaa") {
		t.Errorf("the hop was told %q", told)
	}
	if !strings.HasPrefix(string(mail), "Received: ") || !strings.HasSuffix(string(mail), "\r\n"+raw) {
		t.Errorf("the hop got %q", mail)
	}
	if r, err := a.archive.Read(t.Context(), archive.Address{Stream: archive.Mail}); err != nil || string(r.Body) != raw {
		t.Errorf("archived %q, %v", r.Body, err)
	}
	if r, err := a.archive.Read(t.Context(), archive.Address{Stream: archive.Facts}); err != nil || !strings.Contains(string(r.Body), `"record":"mail/0"`) || !strings.Contains(string(r.Body), `"sent"`) {
		t.Errorf("the fact is %s, %v", r.Body, err)
	}
	if in := s.intakeStatus(); in.Queues["edge"].Relay == nil || in.Queues["edge"].Relay.Hop != hop.Addr().String() || in.Queues["edge"].Accepted != 1 {
		t.Errorf("status %+v", in.Queues["edge"])
	}
}

// submit hands a message over in clear, on a connection to a mail server.
func submit(t *testing.T, n net.Conn, from string, to []string, raw string) {
	t.Helper()
	c, err := smtp.NewClient(n, "mx.contoso.example")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.Mail(from)
	for _, r := range to {
		err = errors.Join(err, c.Rcpt(r))
	}
	if err != nil {
		t.Fatal(err)
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write([]byte(raw))
	if err := errors.Join(err, w.Close(), c.Quit()); err != nil {
		t.Fatal(err)
	}
}

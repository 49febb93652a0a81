package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Mail is taken where the settings say: in clear, with TLS from the first byte,
// and over LMTP on a socket, also when a crash left one there.
func TestMailIsTakenWhereSettingsSay(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "lmtp")
	left, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	left.(*net.UnixListener).SetUnlinkOnClose(false)
	left.Close()
	set, warnings, err := loadSettings("", []string{
		"POLYTRACE_SMTP_LISTEN=127.0.0.1:0", "POLYTRACE_SMTP_LISTEN_TLS=127.0.0.1:0", "POLYTRACE_SMTP_LISTEN_LMTP=unix:" + socket,
		"POLYTRACE_HTTP_LISTEN=127.0.0.1:0", "POLYTRACE_OPS_LISTEN=127.0.0.1:0",
		"POLYTRACE_SMTP_PROXY_FROM=192.0.2.1/32", "POLYTRACE_SMTP_XCLIENT_FROM=192.0.2.0/24 2001:db8::/32",
	}, dir)
	if err != nil || len(warnings) > 0 || len(set.smtp.proxyFrom) != 1 || len(set.smtp.xclientFrom) != 2 {
		t.Fatalf("%v %v %+v", err, warnings, set.smtp)
	}
	a, err := openApp(t.Context(), set, dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(a, listenAt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.gateway.Serve(ctx, s.mail()...) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		s.closeListeners()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	dial := func(l net.Listener) net.Conn {
		c, err := net.Dial(l.Addr().Network(), l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	for name, c := range map[string]net.Conn{"ESMTP": dial(s.smtp), "ESMTP ": tls.Client(dial(s.tls), &tls.Config{InsecureSkipVerify: true}), "LMTP": dial(s.lmtp)} {
		greeting, err := bufio.NewReader(c).ReadString('\n')
		if err != nil || !strings.HasPrefix(greeting, "220 ") || !strings.Contains(greeting, " "+strings.TrimSpace(name)+" ") {
			t.Errorf("%s: greeted with %q, %v", name, greeting, err)
		}
	}
	if _, err := listenAt("unix:" + socket); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("a socket in use was taken: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listenAt("unix:" + file); err == nil {
		t.Error("a file was taken for a socket")
	}
	if raw, err := os.ReadFile(file); err != nil || string(raw) != "kept" {
		t.Errorf("the file is %q, %v", raw, err)
	}
}

// What cannot be listened on is an error that says how it is written.
func TestPlacesThatCannotBe(t *testing.T) {
	for _, bad := range []string{"POLYTRACE_SMTP_LISTEN_TLS=465", "POLYTRACE_SMTP_LISTEN_LMTP=unix:lmtp", "POLYTRACE_SMTP_LISTEN_LMTP=/run/lmtp", "POLYTRACE_SMTP_PROXY_FROM=10.1.0.7", "POLYTRACE_SMTP_XCLIENT_FROM=all"} {
		if _, _, err := loadSettings("", []string{bad}, t.TempDir()); err == nil || !strings.Contains(err.Error(), "is not") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"polytrace/archive"
	"polytrace/archive/archivetest/authority"
	"polytrace/casework"

	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/testscript"
)

// polytrace runs as a command in the scripts; this binary stands in for it.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"polytrace": main})
}

// What people type, what they are told, and what it means for the next
// command: testdata/script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("POLYTRACE_SMTP_LISTEN", "127.0.0.1:0")
			e.Setenv("POLYTRACE_HTTP_LISTEN", "127.0.0.1:0")
			e.Setenv("POLYTRACE_OPS_LISTEN", "127.0.0.1:0")
			e.Setenv("POLYTRACE_ARCHIVE_RESERVE", "1MiB")
			e.Setenv("POLYTRACE_EVIDENCE_CHECK", "false") // Nobody outside is asked.
			e.Setenv("POLYTRACE_SMTP_HOSTNAME", "mail.example")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"deliver":          deliver,
			"cut":              cut,
			"in-order":         inOrder,
			"repeat":           repeat,
			"wait-for-server":  waitForServer,
			"wait-for-bucket":  waitForBucket,
			"wait-for-removal": waitForRemoval,
			"wait-for-record":  waitForRecord,
			"authority": func(ts *testscript.TestScript, _ bool, args []string) {
				a := authority.New(t)
				ts.Setenv("POLYTRACE_ARCHIVE_TIMESTAMP_URL", a.Serve(t))
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Root.Raw}), 0o600))
			},
			"wait-for-timestamp": waitForTimestamp,
			"wait-for-problem":   waitForProblem,
			"wait-for-text":      waitForText,
			"wait-for-facts":     waitForFacts,
			"name-server": func(ts *testscript.TestScript, _ bool, _ []string) {
				ts.Setenv("POLYTRACE_EVIDENCE_RESOLVER", nameServer(t, "brisbane._domainkey.football.example.com.", "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="))
			},
		},
	})
}

// cut FILE N takes the last N bytes off a file.
func cut(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	name := ts.MkAbs(args[0])
	ts.Check(os.Truncate(name, fileSize(name)-n))
}

// in-order FILE WANT succeeds when each line of FILE begins with the first word of
// the line of WANT and has the rest of it.
func inOrder(ts *testscript.TestScript, _ bool, args []string) {
	got, want := strings.Split(strings.TrimSpace(ts.ReadFile(args[0])), "\n"), strings.Split(strings.TrimSpace(ts.ReadFile(args[1])), "\n")
	if len(got) != len(want) {
		ts.Fatalf("%d lines, want %d", len(got), len(want))
	}
	for i, line := range want {
		first, rest, _ := strings.Cut(line, " ")
		if !strings.HasPrefix(got[i], first+" ") || !strings.Contains(got[i], rest) {
			ts.Fatalf("%q, want %q", got[i], line)
		}
	}
}

// repeat FILE TEXT N writes a file of N times the text.
func repeat(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: repeat FILE TEXT N")
	}
	n, err := newSize(args[2])
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	line := []byte(args[1] + "\r\n")
	block := bytes.Repeat(line, 1+(1<<16)/len(line))
	for ; n > 0; n -= int64(len(block)) {
		_, err := f.Write(block)
		ts.Check(err)
	}
	ts.Check(f.Close())
}

func newSize(text string) (n int64, err error) {
	var s settings
	err = size(func(*settings) *int64 { return &s.archive.packSize })(&s, text)
	return s.archive.packSize, err
}

// wait-for-server DIR returns when a server answers on a data directory.
func waitForServer(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	waitUntil(ts.Fatalf, "a server on "+args[0], func() bool { return running(context.Background(), dir) })
}

// wait-for-bucket DIR returns when everything that was received is in the
// bucket, and proven.
func waitForBucket(ts *testscript.TestScript, _ bool, args []string) {
	c := &call{ctx: context.Background(), dir: ts.MkAbs(args[0])}
	api, err := c.connect()
	ts.Check(err)
	waitUntil(ts.Fatalf, "the bucket", func() bool {
		var st statusAnswer
		ts.Check(api.get(c.ctx, "/status", nil, &st))
		return !slices.ContainsFunc(st.Archive.Streams, func(s archive.StreamStatus) bool { return s.InBucket < s.Next || s.Proven < s.Next })
	})
	ts.Check(api.close())
}

// wait-for-record DIR ADDRESS returns when a record can be found.
func waitForRecord(ts *testscript.TestScript, _ bool, args []string) {
	c := &call{ctx: context.Background(), dir: ts.MkAbs(args[0])}
	api, err := c.connect()
	ts.Check(err)
	waitUntil(ts.Fatalf, args[1], func() bool {
		var r struct{}
		return api.get(c.ctx, "/records/"+args[1], nil, &r) == nil
	})
	ts.Check(api.close())
}

// wait-for-problem DIR TEXT returns when the status tells of a problem.
func waitForProblem(ts *testscript.TestScript, _ bool, args []string) {
	c := &call{ctx: context.Background(), dir: ts.MkAbs(args[0])}
	waitUntil(ts.Fatalf, args[1], func() bool {
		var st statusAnswer
		if err := c.using(func(api *client) error { return api.get(c.ctx, "/status", nil, &st) }); err != nil {
			return false
		}
		return slices.ContainsFunc(st.problems(), func(p string) bool { return strings.Contains(p, args[1]) })
	})
}

// wait-for-text FILE TEXT returns when a file has a text that another command
// writes there.
func waitForText(ts *testscript.TestScript, _ bool, args []string) {
	file := ts.MkAbs(args[0])
	waitUntil(ts.Fatalf, args[1], func() bool {
		raw, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(raw), args[1])
	})
}

// wait-for-timestamp BUCKET returns when there is a time stamp of mail in a bucket.
func waitForTimestamp(ts *testscript.TestScript, _ bool, args []string) {
	waitUntil(ts.Fatalf, "a time stamp", func() bool {
		found, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "timestamps/mail/*.tsr"))
		ts.Check(err)
		return len(found) > 0
	})
}

// wait-for-removal DIR returns when every erasure that was approved is done.
func waitForFacts(ts *testscript.TestScript, _ bool, args []string) {
	c := &call{ctx: context.Background(), dir: ts.MkAbs(args[0])}
	api, err := c.connect()
	ts.Check(err)
	waitUntil(ts.Fatalf, "facts about "+args[1], func() bool {
		var r struct{ Authentication *struct{} }
		return api.get(c.ctx, "/records/"+args[1], nil, &r) == nil && r.Authentication != nil
	})
	ts.Check(api.close())
}

// nameServer is a DNS server on the loopback that knows one TXT record; it
// returns its address.
func nameServer(t *testing.T, name, txt string) string {
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	s := &dns.Server{PacketConn: packets, NotifyStartedFunc: func() { close(started) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		if m.SetReply(q); q.Question[0].Name == name {
			m.Answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 60}, Txt: []string{txt}}}
		} else {
			m.Rcode = dns.RcodeNameError
		}
		if err := w.WriteMsg(m); err != nil {
			t.Error(err)
		}
	})}
	ended := make(chan error, 1)
	go func() { ended <- s.ActivateAndServe() }()
	<-started
	t.Cleanup(func() {
		if err := s.Shutdown(); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return packets.LocalAddr().String()
}

func waitForRemoval(ts *testscript.TestScript, _ bool, args []string) {
	c := &call{ctx: context.Background(), dir: ts.MkAbs(args[0])}
	api, err := c.connect()
	ts.Check(err)
	waitUntil(ts.Fatalf, "the erasures", func() bool {
		var list struct{ Erasures []erasureAnswer }
		ts.Check(api.get(c.ctx, "/erasures", nil, &list))
		return !slices.ContainsFunc(list.Erasures, func(e erasureAnswer) bool { return e.Progress == string(casework.Ordered) })
	})
	ts.Check(api.close())
}

// deliver DIR ADDRESS FILE sends a file over SMTP to the server on a data
// directory, to the queue whose address is in a file, and prints the reply to
// the end of the message. Line ends become
// CRLF on the way, and one.eml is made so too for comparison.
func deliver(ts *testscript.TestScript, _ bool, args []string) {
	raw, err := os.ReadFile(ts.MkAbs(args[2]))
	ts.Check(err)
	var st statusAnswer
	server := &call{ctx: context.Background(), dir: ts.MkAbs(args[0])}
	ts.Check(server.using(func(api *client) error { return api.get(server.ctx, "/status", nil, &st) }))
	c, err := textproto.Dial("tcp", st.Intake.Listening)
	ts.Check(err)
	defer c.Close()
	say := func(command string) (text string) {
		if command != "" {
			ts.Check(c.PrintfLine("%s", command))
		}
		for {
			line, err := c.ReadLine()
			ts.Check(err)
			if len(line) < 4 || line[3] != '-' {
				return line
			}
		}
	}
	for _, command := range []string{"", "EHLO client.example", "MAIL FROM:<jane@acme.example>", "RCPT TO:<" + strings.TrimSpace(ts.ReadFile(args[1])) + ">"} {
		if text := say(command); text[0] != '2' {
			fmt.Fprintln(ts.Stdout(), text)
			return
		}
	}
	if text := say("DATA"); text[0] != '3' {
		fmt.Fprintln(ts.Stdout(), text)
		return
	}
	if len(raw) > 0 {
		w := c.DotWriter()
		_, err = w.Write(raw)
		ts.Check(err)
		ts.Check(w.Close())
		fmt.Fprintln(ts.Stdout(), say(""))
		return
	}
	fmt.Fprintln(ts.Stdout(), say("."))
}

package index

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"polytrace/archive"
	"polytrace/internal/synth"
)

// synthetic is an archive of the first n messages of a seed, written as they are read.
type synthetic struct {
	mail *synth.Mail
	n    archive.Position
}

func (a *synthetic) Next(s archive.Stream) archive.Position {
	if s == archive.Mail {
		return a.n
	}
	return 0
}

func (a *synthetic) Streams() []archive.Stream { return []archive.Stream{archive.Mail} }

func (a *synthetic) Scan(_ context.Context, s archive.Stream, from archive.Position) iter.Seq2[archive.Record, error] {
	return func(yield func(archive.Record, error) bool) {
		for ; from < a.Next(s) && yield(a.record(from), nil); from++ {
		}
	}
}

func (a *synthetic) Read(_ context.Context, at archive.Address) (archive.Record, error) {
	if at.Position >= a.Next(at.Stream) {
		return archive.Record{}, archive.ErrNotFound
	}
	return a.record(at.Position), nil
}

func (a *synthetic) Wait(ctx context.Context, s archive.Stream, at archive.Position) error {
	if at < a.Next(s) {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (a *synthetic) record(at archive.Position) archive.Record {
	n := int(at)
	body := a.mail.Message(n)
	m := archive.Meta{Stream: archive.Mail, Position: at, Kind: archive.KindMessage, SHA256: sha256.Sum256(body), Size: int64(len(body))}
	m.Received, m.Source.Queue = a.mail.Sent(n).Add(2*time.Second), a.mail.Queue(n)
	_, address := a.mail.Person(n % 500)
	m.Envelope = &archive.Envelope{From: address, To: []string{a.mail.Queue(n) + "@contoso.example"}}
	return archive.Record{Meta: m, Body: body}
}

// question is a query as people ask it, and how long it may take with eight at once, at the 99th percentile.
type question struct {
	name   string
	ask    Request
	within Within
	names  Names
	limit  time.Duration
}

// thirty are the questions that the index is measured by.
func thirty(m *synth.Mail, n int) []question {
	const quick, phrase, many = 20 * time.Millisecond, 60 * time.Millisecond, 100 * time.Millisecond
	w := m.Word
	var all []question
	add := func(limit time.Duration, name, query string) {
		all = append(all, question{name: name, ask: Request{Query: query}, limit: limit})
	}
	name, address := m.Person(3)
	last := name[strings.IndexByte(name, ' ')+1:]
	month := func(after int) string { return m.Sent(after).Format("2006-01-02") }
	reply := n / 2
	for m.Answered(reply) < 0 {
		reply++
	}
	or := func(from int) string {
		var words []string
		for i := range 10 {
			words = append(words, w(from+i*37))
		}
		return strings.Join(words, " OR ")
	}
	add(quick, "rare word", w(40_000))
	add(quick, "common word", w(0))
	add(quick, "two words", w(20)+" "+w(150))
	add(quick, "three words", w(10)+" "+w(80)+" "+w(400))
	add(quick, "five words", w(5)+" "+w(30)+" "+w(60)+" "+w(200)+" "+w(500))
	add(quick, "rare and common", w(1)+" "+w(30_000))
	add(quick, "OR of two", w(300)+" OR "+w(900))
	add(phrase, "OR of ten", or(200))
	add(quick, "negation", w(100)+" -"+w(2))
	add(phrase, "phrase of rare words", fmt.Sprintf("%q", w(900)+" "+w(1_200)))
	add(phrase, "phrase of common words", fmt.Sprintf("%q", w(0)+" "+w(1)+" "+w(2)))
	add(phrase, "NEAR", w(40)+" NEAR/5 "+w(120))
	add(quick, "from address", "from:"+address)
	add(quick, "from domain", "from:@"+m.Domain(3))
	add(quick, "from name", "from:"+last)
	add(quick, "to", "to:"+address)
	add(quick, "cc", "cc:"+address)
	add(quick, "rcpt", "rcpt:billing@contoso.example")
	add(quick, "subject", "subject:"+w(10)+" "+w(40))
	add(quick, "date, wide", "date:"+month(n/10)+".."+month(n*9/10))
	add(quick, "date, narrow", "date:"+month(n/2)+".."+month(n/2+2_000))
	add(quick, "from and date", "from:"+address+" date:"+month(n/3)+".."+month(n*2/3))
	add(quick, "attachment and word", "has:attachment "+w(70))
	add(quick, "filename prefix", "filename:"+w(250)[:4]+"*")
	add(quick, "larger", "larger:20k")
	add(many, "prefix, common", w(3)[:2]+"*")
	add(many, "prefix, rare", w(60_000)[:5]+"*")
	add(many, "infix domain", "from:*"+m.Domain(3)[2:6]+"*")
	add(quick, "header", "header:X-Mailer:"+w(305))
	add(quick, "thread", fmt.Sprintf("thread:mail-%d", reply))
	add(many, "conversations of a word", "thread:{"+w(2_000)+"}")
	add(quick, "nothing", "xyzzyplughnotfound")
	add(quick, "everything", "")
	all = append(all,
		question{name: "account", ask: Request{Query: "account:contoso"}, limit: quick, names: Names{Accounts: map[string][]Belonging{
			"contoso": {{Who: "@" + m.Domain(3)}, {Who: "@" + m.Domain(4), From: m.Sent(n / 4), To: m.Sent(n / 2)}, {Who: address}},
			"others":  {{Who: "@" + m.Domain(4), From: m.Sent(n / 2)}}}}},
		question{name: "relevance", ask: Request{Query: w(4) + " " + w(25), Sort: Relevance}, limit: quick},
		question{name: "page 100", ask: Request{Query: w(6)}, limit: quick},
		question{name: "a grant of 1 in 1,000", ask: Request{Query: w(2)},
			within: Within{Withheld: []string{"support", "success", "billing", "partners"}, Open: []string{"legal"}}, limit: quick})
	return all
}

// How long the newest 50 and the exact count take, with one and with eight who ask at once, in milliseconds, and
// what processors spend on each (cpu-ms), which depends less on what else the machine does.
// POLYTRACE_MESSAGES says of how many messages, by default 50,000; POLYTRACE_INDEX where the index is kept for the next time.
func BenchmarkQueries(b *testing.B) {
	n := 50_000
	if s := os.Getenv("POLYTRACE_MESSAGES"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	dir := os.Getenv("POLYTRACE_INDEX")
	if dir == "" {
		dir = b.TempDir()
	}
	a := &synthetic{synth.New(1), archive.Position(n)}
	x, stop := followIn(b, vfs.Default, dir, a)
	b.Cleanup(stop)
	caughtUp(b, x, a)
	for _, q := range thirty(a.mail, n) {
		if q.name == "page 100" {
			for range 99 {
				q.ask.Cursor = search(b, x, q.ask).Next
			}
		}
		r := x.Within(q.within).Naming(q.names)
		total := search(b, r, q.ask).Total
		b.Run(q.name, func(b *testing.B) {
			b.ReportAllocs()
			used, asks := processorTime(b), 0
			for ; b.Loop(); asks++ {
				search(b, r, q.ask)
			}
			b.ReportMetric((processorTime(b)-used).Seconds()*1000/float64(asks), "cpu-ms")
			one := asked(b, r, q.ask, 1, 20)
			eight := asked(b, r, q.ask, 8, 40)
			b.ReportMetric(float64(total), "hits")
			b.ReportMetric(one[len(one)/2], "ms-alone")
			b.ReportMetric(eight[len(eight)/2], "ms-of-8")
			b.ReportMetric(eight[len(eight)*99/100], "ms-of-8-p99")
			b.ReportMetric(q.limit.Seconds()*1000, "ms-goal")
		})
	}
}

// BenchmarkPeers asks of real mail what other programs were asked, see corpus and POLYTRACE_CORPUS:
// the newest 50 and the exact count, in milliseconds.
func BenchmarkPeers(b *testing.B) {
	a, _ := corpus(b, 50_000)
	x, stop := followIn(b, vfs.Default, b.TempDir(), a)
	b.Cleanup(stop)
	caughtUp(b, x, a)
	for _, q := range []string{"xyzzyplughnotfound", "quercus", "gnuradio", "reshape", "bluetooth", "viagra", "kernel", "patch", "the",
		"btrfs balance", "usrp overflow", "raid6 mdadm", "patch review", "kernel thanks", `"use after free"`, `"out of memory"`, `"null pointer dereference"`, `"thanks in advance"`,
		"from:marcel@holtmann.org", "from:skilling", "subject:(PATCH v2)", "subject:(replacement disk)", "date:2019-06-01..2019-06-30", "date:2007-05-01..2007-05-07", "date:2019-04-01..2020-12-31",
		"overfl*", "bluet*", "com*", "", "mdadm date:2019-06-01..2019-12-31", "from:dsterba btrfs", "openbmc flash bmc power"} {
		b.Run(strings.ReplaceAll(cmp.Or(q, "*"), " ", "_"), func(b *testing.B) {
			total := 0
			for b.Loop() {
				total = search(b, x, Request{Query: q}).Total
			}
			took := asked(b, x.Within(Within{}), Request{Query: q}, 1, 15)
			b.ReportMetric(float64(total), "hits")
			b.ReportMetric(took[len(took)/2], "ms-alone")
		})
	}
}

// asked lists how long each question took, in milliseconds, in order.
func asked(b *testing.B, r Reader, ask Request, at, times int) (took []float64) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for range at {
		all.Go(func() {
			for range times {
				start := time.Now()
				search(b, r, ask)
				mu.Lock()
				took = append(took, time.Since(start).Seconds()*1000)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	slices.Sort(took)
	return took
}

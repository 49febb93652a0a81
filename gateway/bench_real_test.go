//go:build real

package gateway

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// BenchmarkIntakeBesideSink sends the same mail to Postfix's smtp-sink, which
// keeps nothing and so is the bound, to gateway and archive in this process,
// and to polytrace as it is built and served, as a burst that comes when all
// before it is indexed and examined: one after the other. The time is that of
// the last. What the processors worked for the intake alone is told from the
// sink's run, where they worked for the client alone.
func BenchmarkIntakeBesideSink(b *testing.B) {
	sink := startSink(b)
	ours, rcpt := startPolytrace(b)
	alone := serveArchive(b)
	for _, l := range loads {
		b.Run(l.name, func(b *testing.B) {
			b.StopTimer()
			own := child{pid: os.Getpid()}
			t0 := own.processor(b)
			bound := l.send(b, sink, rcpt, b.N)
			t1 := own.processor(b)
			intake := l.send(b, alone, to, b.N)
			t2 := own.processor(b)
			ours.settle(b)
			before := ours.processor(b)
			b.StartTimer()
			o := l.send(b, ours.address, rcpt, b.N)
			b.StopTimer()
			b.ReportMetric(o.rate(), "messages/s")
			b.ReportMetric(o.rate()/bound.rate(), "ratio-to-sink")
			b.ReportMetric(intake.rate(), "intake-messages/s")
			b.ReportMetric(intake.rate()/bound.rate(), "intake-ratio-to-sink")
			b.ReportMetric(perMessage((t2-t1)-(t1-t0), b.N), "intake-cpu-ms/message")
			b.ReportMetric(intake.p99(), "intake-p99-ms")
			b.ReportMetric(o.p99(), "p99-ms")
			b.ReportMetric(bound.p99(), "sink-p99-ms")
			b.ReportMetric(perMessage(ours.processor(b)-before, b.N), "cpu-ms/message")
			b.ReportMetric(ours.peak(b), "peak-MiB")
		})
	}
}

func perMessage(d time.Duration, n int) float64 {
	return float64(d.Microseconds()) / 1000 / float64(n)
}

// startSink starts smtp-sink. It cannot say which port it got, so it is given
// one that was free.
func startSink(b *testing.B) (address string) {
	b.Helper()
	name, err := exec.LookPath("smtp-sink")
	if err != nil {
		name = "/usr/sbin/smtp-sink"
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address = l.Addr().String()
	l.Close()
	args := []string{address, "256"}
	if os.Geteuid() == 0 {
		args = append([]string{"-u", "nobody"}, args...)
	}
	spawn(b, exec.Command(name, args...))
	for end := time.Now().Add(10 * time.Second); ; {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			return address
		}
		if time.Now().After(end) {
			b.Fatalf("smtp-sink does not listen: %v; run make tools", err)
		}
	}
}

// spawn starts a program that ends with the benchmark.
func spawn(b *testing.B, cmd *exec.Cmd) {
	b.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		b.Fatalf("%v; run make tools", err)
	}
	b.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
}

// BenchmarkSustained sends small mail for as long as it takes until all of it
// can be found and is examined, and the packs are in the bucket.
func BenchmarkSustained(b *testing.B) {
	ours, rcpt := startPolytrace(b)
	l := load{"4KiB×64", 64, bytesOf(4 << 10), false}
	b.ResetTimer()
	o := l.send(b, ours.address, rcpt, b.N)
	ours.settle(b)
	b.ReportMetric(o.rate(), "messages/s")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "searchable-messages/s")
	b.ReportMetric(perMessage(ours.processor(b), b.N), "cpu-ms/message")
	b.ReportMetric(ours.peak(b), "peak-MiB")
}

// BenchmarkMixed takes in 500 messages and answers 50 searches in each second, for as many seconds as are
// asked for, and tells whether the index falls behind and memory grows: the most records that were not searchable yet and
// the memory in use, in the first half and in the second.
func BenchmarkMixed(b *testing.B) {
	const messages, searches = 500, 50
	ours, rcpt := startPolytrace(b)
	l := load{"4KiB×8", 8, bytesOf(4 << 10), false}
	words := strings.Fields(string(letterText(1 << 16)))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: searches}}
	var mu sync.Mutex
	var took []float64
	var work sync.WaitGroup
	ask := func(query string) {
		start := time.Now()
		err := ours.search(client, url.QueryEscape(query))
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			b.Error(err)
		}
		took = append(took, time.Since(start).Seconds()*1000)
	}
	var lag, memory [2]float64
	var waits []time.Duration
	r := rand.New(rand.NewPCG(3, 4))
	tick := time.NewTicker(time.Second / searches)
	defer tick.Stop()
	for i := range b.N {
		work.Go(func() {
			o := l.send(b, ours.address, rcpt, messages)
			mu.Lock()
			waits = append(waits, o.waits...)
			mu.Unlock()
		})
		for range searches {
			query := words[r.IntN(len(words))] + " " + words[r.IntN(len(words))]
			work.Go(func() { ask(query) })
			<-tick.C
		}
		half := 2 * i / b.N
		lag[half] = max(lag[half], float64(ours.state(b).Lag))
		memory[half] = max(memory[half], ours.memory(b, resident))
	}
	work.Wait()
	slices.Sort(took)
	slices.Sort(waits)
	b.ReportMetric(took[len(took)/2], "search-ms")
	b.ReportMetric(took[len(took)*99/100], "search-p99-ms")
	b.ReportMetric(float64(waits[len(waits)*99/100].Microseconds())/1000, "intake-p99-ms")
	for i, half := range []string{"first", "second"} {
		b.ReportMetric(lag[i], "lag-records-"+half)
		b.ReportMetric(memory[i], "MiB-"+half)
	}
}

// search asks the API for a page.
func (c child) search(client *http.Client, query string) error {
	q, err := http.NewRequest(http.MethodGet, c.web+"/api/v1/search?q="+query, nil)
	if err != nil {
		return err
	}
	q.Header.Set("Authorization", "Bearer "+c.token)
	a, err := client.Do(q)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		return fmt.Errorf("search says %s", a.Status)
	}
	_, err = io.Copy(io.Discard, a.Body)
	return err
}

// child is a process: a polytrace that runs, or this one.
type child struct {
	address string
	web     string // Where it serves pages.
	token   string // Who may search there.
	pid     int
	status  func() ([]byte, error) // What polytrace says of itself.
}

// state is what a status says of how far the index and the examiner are.
type state struct {
	Lag    int
	Intake struct{ Evidence struct{ Behind int } }
}

func (c child) state(b *testing.B) (s state) {
	b.Helper()
	out, err := c.status()
	if err != nil {
		b.Fatal(err)
	}
	if err := json.Unmarshal(out, &s); err != nil {
		b.Fatal(err)
	}
	return s
}

// settle waits until polytrace has indexed and examined what it took in.
func (c child) settle(b *testing.B) {
	b.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		if s := c.state(b); s.Lag == 0 && s.Intake.Evidence.Behind == 0 {
			return
		}
	}
}

func startPolytrace(b *testing.B) (c child, rcpt string) {
	b.Helper()
	dir := b.TempDir()
	program, data := filepath.Join(dir, "polytrace"), filepath.Join(dir, "data")
	if out, err := exec.Command("go", "build", "-o", program, "polytrace/cmd/polytrace").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	env := append(os.Environ(), "POLYTRACE_SMTP_LISTEN=127.0.0.1:0", "POLYTRACE_HTTP_LISTEN=127.0.0.1:0", "POLYTRACE_OPS_LISTEN=127.0.0.1:0")
	run := func(args ...string) string {
		cmd := exec.Command(program, append(args, "--data", data)...)
		cmd.Env = env
		out, err := cmd.Output()
		if err != nil {
			b.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	rcpt = run("queue", "add", "load", "--format", "plain")
	token := run("token", "create", "load", "--role", "observer")
	serve := exec.Command(program, "serve", "--data", data)
	serve.Env = env
	var err error
	if serve.Stderr, err = os.Create(filepath.Join(dir, "log")); err != nil { // As a journal would take it.
		b.Fatal(err)
	}
	greeting, err := serve.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	spawn(b, serve)
	line, err := bufio.NewReader(greeting).ReadString('\n')
	words := strings.Fields(line)
	if err != nil || len(words) < 8 {
		b.Fatalf("greeting %q: %v", line, err)
	}
	status := func() ([]byte, error) {
		ask := exec.Command(program, "status", "--json", "--data", data)
		ask.Env = env
		return ask.Output()
	}
	return child{words[4], words[7], token, serve.Process.Pid, status}, rcpt
}

// processor is the time that the processors have worked for the process.
func (c child) processor(b *testing.B) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		b.Fatal(err)
	}
	system, err := strconv.Atoi(fields[12])
	if err != nil {
		b.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond // The kernel tells hundredths of a second.
}

// What the kernel tells of the memory of a process.
var (
	highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)
	resident  = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)
)

// peak is the most memory that the process had since its start, in MiB.
func (c child) peak(b *testing.B) float64 {
	b.Helper()
	return c.memory(b, highWater)
}

// memory is what of the memory of the process, in MiB.
func (c child) memory(b *testing.B, what *regexp.Regexp) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid))
	if err != nil {
		b.Fatal(err)
	}
	m := what.FindSubmatch(status)
	if m == nil {
		b.Fatalf("no memory in %s", status)
	}
	kib, err := strconv.Atoi(string(m[1]))
	if err != nil {
		b.Fatal(err)
	}
	return float64(kib) / 1024
}

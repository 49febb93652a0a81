package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"polytrace/webui"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress tells how far long work is: as a bar with rate and time left on a
// terminal, as a line now and then elsewhere.
type progress struct {
	bar  *progressbar.ProgressBar // Nil when nobody watches.
	out  io.Writer
	what string
	unit string
	last time.Time
	told bool
	n    int64
	all  int64
}

const progressEvery = 5 * time.Second // Between lines.

func newProgress(c *call, what, unit string) *progress {
	p := &progress{out: c.err, what: what, unit: unit, last: time.Now()}
	if isTerminal(c.err) {
		options := []progressbar.Option{
			progressbar.OptionSetWriter(c.err), progressbar.OptionSetDescription(what), progressbar.OptionSetWidth(30), progressbar.OptionShowCount(), progressbar.OptionThrottle(100 * time.Millisecond),
			progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish(), progressbar.OptionSetItsString(unit), progressbar.OptionShowIts(), progressbar.OptionSetRenderBlankState(false),
		}
		if unit == "B" {
			options = append(options, progressbar.OptionShowBytes(true))
		}
		p.bar = progressbar.NewOptions64(-1, options...)
	}
	return p
}

// set says that n of all are done.
func (p *progress) set(n, all int64) {
	p.n, p.all = n, all
	if p.bar != nil {
		p.bar.ChangeMax64(max(all, 1))
		p.bar.Set64(n)
		return
	}
	if time.Since(p.last) >= progressEvery {
		p.last, p.told = time.Now(), true
		p.line()
	}
}

func (p *progress) line() {
	if p.unit == "B" {
		fmt.Fprintf(p.out, "%s: %s of %s\n", p.what, humanize.IBytes(uint64(p.n)), humanize.IBytes(uint64(p.all)))
		return
	}
	fmt.Fprintf(p.out, "%s: %s of %s\n", p.what, humanize.Comma(p.n), webui.Count(p.all, strings.TrimSuffix(p.unit, "s"), p.unit))
}

func (p *progress) end() {
	if p.bar != nil {
		p.bar.Finish()
	} else if p.told {
		p.line()
	}
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// quietLog is the log of a verb that opens the data itself: what people have
// to know is in its output.
func quietLog(c *call) *slog.Logger {
	return slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: max(c.settings.log.level, slog.LevelWarn)}))
}

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"polytrace/archive/evidence"
	"polytrace/webui"

	"github.com/dustin/go-humanize"
)

// verifyExport checks an export. It asks no server, reads no data directory
// and needs no setting.
func verifyExport(c *call, name, key string) error {
	p := newProgress(c, "verifying", "messages")
	r, err := readExport(c, name, key, func(n int64) { p.set(n, n) })
	p.end()
	if err != nil {
		return fmt.Errorf("verify %s: %w", name, err)
	}
	h := r.Header
	fmt.Fprintf(c.out, "%s of %s, all as archived; signed by %s\n", webui.Count(r.Messages, "message", "messages"), queryWords(h.Query), printable(h.Key))
	fmt.Fprintf(c.out, "The query was asked at %s.\n", h.Time.Local().Format(time.DateTime))
	for _, why := range []evidence.Problem{evidence.Removed, evidence.Damaged, evidence.Unproven} {
		if n := r.Problems[why]; n > 0 {
			fmt.Fprintf(c.out, "%s more, %s; the first is %s.\n", humanize.Comma(n), missing[why], r.First[why])
		}
	}
	if key == "" {
		fmt.Fprintln(c.out, "The key was taken from the export itself: compare it with the one that polytrace status shows.")
	}
	if n := r.Problems[evidence.Damaged] + r.Problems[evidence.Unproven]; n > 0 {
		return fmt.Errorf("verify %s: %s not proven; export again when the archive is repaired", name, webui.Count(n, "message is", "messages are"))
	}
	return nil
}

var missing = map[evidence.Problem]string{
	evidence.Removed:  "removed from the archive while it was exported",
	evidence.Damaged:  "damaged in the archive already",
	evidence.Unproven: "as exported, but without a proof of this key",
}

func queryWords(query string) string {
	if strings.TrimSpace(query) == "" {
		return "everything"
	}
	return "'" + printable(query) + "'"
}

// readExport finds out which form the export has: an mbox has its proofs
// beside it.
func readExport(c *call, name, key string, tell evidence.Progress) (evidence.Report, error) {
	name = strings.TrimSuffix(name, evidence.MboxEvidence)
	f, err := os.Open(name)
	if err != nil {
		return evidence.Report{}, err
	}
	defer f.Close() // Only read.
	list, err := os.Open(name + evidence.MboxEvidence)
	if err == nil {
		defer list.Close()
		return evidence.VerifyMbox(c.ctx, f, list, key, tell)
	}
	info, err := f.Stat()
	if err != nil {
		return evidence.Report{}, err
	}
	r, err := evidence.VerifyZip(c.ctx, f, info.Size(), key, tell)
	if errors.Is(err, evidence.ErrAltered) && strings.HasSuffix(name, ".mbox") {
		err = fmt.Errorf("%w; the proofs of an mbox are in %s, which is not there", err, name+evidence.MboxEvidence)
	}
	return r, err
}

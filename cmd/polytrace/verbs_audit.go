package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"polytrace/casework"
)

type auditVerb struct {
	Actor  string `help:"Who: a user name, token:NAME, or system for this machine." placeholder:"NAME"`
	Record string `help:"Who was shown a message, e.g. mail/1042." placeholder:"ADDRESS"`
	Type   string `help:"message.read, search.run, export.made, case.read or audit.read." placeholder:"TYPE"`
	From   string `help:"A day, e.g. 2026-11-03, or a time (RFC 3339)." placeholder:"DATE"`
	Until  string `help:"The last day, or the time before which." placeholder:"DATE"`
	Limit  int    `help:"How many entries to print; 0 prints all." default:"50" placeholder:"N"`
	JSON   bool   `help:"One JSON object a line."`
}

// Run prints who read, searched and exported what, newest first.
func (v auditVerb) Run(c *call) error {
	if v.Limit < 0 {
		return fmt.Errorf("%w: --limit is a number from 0", errUsage)
	}
	return c.using(func(api *client) error { return v.print(c, api) })
}

func (v auditVerb) print(c *call, api *client) error {
	out := bufio.NewWriter(c.out)
	q := url.Values{"actor": {v.Actor}, "record": {v.Record}, "type": {v.Type}, "from": {v.From}, "until": {v.Until}}
	for printed := 0; ; {
		q.Set("limit", strconv.Itoa(searchVerb{Limit: v.Limit}.page(printed)))
		var page struct {
			Items []casework.AuditEntry
			Back  time.Time
			Next  string
		}
		if err := api.get(c.ctx, "/audit", q, &page); err != nil {
			return err
		}
		for _, e := range page.Items {
			if err := v.line(out, e); err != nil {
				return err
			}
		}
		printed += len(page.Items)
		if err := out.Flush(); err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		if v.Limit > 0 && printed >= v.Limit {
			_, err := fmt.Fprintf(c.err, "There is more before %s; --limit 0 prints all.\n", page.Back.Local().Format(time.DateTime))
			return err
		}
		q.Set("cursor", page.Next)
	}
}

func (v auditVerb) line(out io.Writer, e casework.AuditEntry) error {
	if v.JSON {
		return json.NewEncoder(out).Encode(e)
	}
	what := []string{e.Text()}
	for _, at := range e.Data.Records {
		what = append(what, at.String())
	}
	if e.Data.Query != "" {
		what = append(what, strconv.Quote(e.Data.Query))
	}
	_, err := fmt.Fprintf(out, "%-10s %s  %-16s %s\n", e.Address, e.At.Local().Format(time.DateTime), printable(e.Actor), printable(strings.Join(what, " ")))
	return err
}

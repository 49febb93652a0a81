package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
	"polytrace/message"
	"polytrace/webui"

	"github.com/dustin/go-humanize"
)

// using connects to the API for the time of a verb.
func (c *call) using(do func(*client) error) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	return errors.Join(do(api), api.close())
}

// reading is using for verbs that only look at an archive that is there.
func (c *call) reading(do func(*client) error) error {
	if err := c.mustExist(); err != nil {
		return err
	}
	return c.using(do)
}

type searchVerb struct {
	Query []string `arg:"" optional:"" help:"The query, e.g. from:acme.example \"root cause\" after:30d. Without one, everything."`
	Limit int      `help:"How many hits to print; 0 prints all." default:"50" placeholder:"N"`
	Sort  string   `help:"newest, oldest or relevance." default:"newest" enum:"newest,oldest,relevance"`
	JSON  bool     `help:"One JSON object a line."`

	Explain string `help:"Tell of each part of the query whether it holds for the record at this address, e.g. mail/1042." placeholder:"ADDRESS"`
}

// hit is a line of search --json.
type hit struct {
	Address archive.Address   `json:"address"`
	Kind    archive.Kind      `json:"kind"`
	Date    time.Time         `json:"date"`
	From    message.Mailbox   `json:"from"`
	To      []message.Mailbox `json:"to"`
	Subject string            `json:"subject"`
	Snippet string            `json:"snippet"`
	In      string            `json:"in,omitempty"`
	SHA256  archive.Digest    `json:"sha256"`
	Thread  string            `json:"thread"`
}

type searchPage struct {
	Total        int       `json:"total"`
	CompleteTo   time.Time `json:"complete_to"`
	Unsearchable int       `json:"unsearchable"`
	Items        []hit     `json:"items"`
	Next         string    `json:"next"`
}

func (v searchVerb) Run(c *call) error {
	if v.Limit < 0 {
		return fmt.Errorf("%w: --limit is a number from 0", errUsage)
	}
	if v.Explain != "" {
		return c.reading(func(api *client) error { return v.explain(c, api) })
	}
	return c.reading(func(api *client) error { return v.print(c, api) })
}

// explain prints the parts of the query, each below what it is a part of.
func (v searchVerb) explain(c *call, api *client) error {
	at, err := archive.ParseAddress(v.Explain)
	if err != nil {
		return fmt.Errorf("%w: --explain takes an address as search prints it, such as mail/1042", errUsage)
	}
	q, path := url.Values{"q": {strings.Join(v.Query, " ")}}, "/records/"+at.String()+"/explain"
	if v.JSON {
		return api.copy(c, path, q, c.out)
	}
	var why index.Explanation
	if err := api.get(c.ctx, path, q, &why); err != nil {
		return v.pointAt(c, err)
	}
	return printExplanation(c.out, why, "")
}

func printExplanation(w io.Writer, e index.Explanation, indent string) error {
	text := printable(cmp.Or(e.Text, "everything"))
	switch e.Is {
	case "and":
		text = "all of"
	case "or":
		text = "any of"
	case "not":
		text = "none of"
	}
	holds := "no "
	if e.Holds {
		holds = "yes"
	}
	where := ""
	if len(e.In) > 0 {
		where = "  (" + strings.Join(e.In, ", ") + ")"
	}
	_, err := fmt.Fprintf(w, "%s  %s%s%s\n", holds, indent, text, where)
	for _, part := range e.Parts {
		err = errors.Join(err, printExplanation(w, part, indent+"  "))
	}
	return err
}

func (v searchVerb) print(c *call, api *client) error {
	out := bufio.NewWriter(c.out)
	q := url.Values{"q": {strings.Join(v.Query, " ")}, "sort": {v.Sort}}
	for printed := 0; ; {
		q.Set("limit", strconv.Itoa(v.page(printed)))
		var page searchPage
		if err := api.get(c.ctx, "/search", q, &page); err != nil {
			return errors.Join(out.Flush(), v.pointAt(c, err))
		}
		for _, h := range page.Items {
			if err := v.line(out, h); err != nil {
				return err
			}
		}
		printed += len(page.Items)
		if page.Next == "" || v.Limit > 0 && printed >= v.Limit {
			return errors.Join(v.summary(c, page, printed), out.Flush())
		}
		q.Set("cursor", page.Next)
	}
}

func (v searchVerb) page(printed int) int {
	if v.Limit == 0 {
		return 1000
	}
	return min(v.Limit-printed, 1000)
}

func (v searchVerb) line(out io.Writer, h hit) error {
	if v.JSON {
		return json.NewEncoder(out).Encode(h)
	}
	_, err := fmt.Fprintf(out, "%-12s %s  %-28.28s %s\n", h.Address, h.Date.Format(time.DateOnly), printable(cmp.Or(h.From.Name, h.From.Address)), printable(h.Subject))
	return err
}

// printable keeps control characters of foreign mail from the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}

// summary says beside the hits how many there are and how complete that is.
func (v searchVerb) summary(c *call, page searchPage, printed int) error {
	text := fmt.Sprintf("%s of %s, %s", humanize.Comma(int64(printed)), webui.Count(page.Total, "result", "results"), completeTo(page.CompleteTo))
	if page.Unsearchable > 0 {
		text += fmt.Sprintf(", %d could not be read (is:unsearchable)", page.Unsearchable)
	}
	_, err := fmt.Fprintln(c.err, text)
	return err
}

// completeTo says up to when everything that came in can be found.
func completeTo(t time.Time) string {
	if t.IsZero() {
		return "nothing is searchable here"
	}
	return "complete to " + t.Local().Format(time.DateTime)
}

// pointAt prints a query with a caret under its mistake.
func (v searchVerb) pointAt(c *call, err error) error {
	var problem *apiError
	if !errors.As(err, &problem) || len(problem.Errors) == 0 {
		return err
	}
	var offset int
	if _, scan := fmt.Sscanf(problem.Errors[0].Location, "query.q[%d]", &offset); scan != nil {
		return err
	}
	query := strings.Join(v.Query, " ")
	before := len([]rune(query[:min(offset, len(query))]))
	fmt.Fprintf(c.err, "  %s\n  %s^\n", query, strings.Repeat(" ", before))
	return fmt.Errorf("%w: %w", errUsage, err)
}

type showVerb struct {
	Address string `arg:"" help:"Address of a record, e.g. mail/1042."`
	Raw     bool   `help:"The exact bytes as they came."`
}

func (v showVerb) Run(c *call) error {
	path, err := recordPath(v.Address)
	if err != nil {
		return err
	}
	return c.reading(func(api *client) error {
		if v.Raw {
			return api.copy(c, path+"/raw", nil, c.out)
		}
		return v.show(c, api, path)
	})
}

// copy writes the body of an answer to w, all of it or an error.
func (c *client) copy(call *call, path string, query url.Values, w io.Writer) error {
	resp, err := c.send(call.ctx, http.MethodGet, path, query, nil, 0)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("the transfer was broken off: %w", err)
	}
	return nil
}

func (v showVerb) show(c *call, api *client, path string) error {
	var r struct {
		Address  archive.Address `json:"address"`
		SHA256   archive.Digest  `json:"sha256"`
		Size     int64           `json:"size"`
		Received time.Time       `json:"received"`
		State    string          `json:"state"`
		Message  struct {
			Date        time.Time            `json:"date"`
			From        []message.Mailbox    `json:"from"`
			To          []message.Mailbox    `json:"to"`
			Cc          []message.Mailbox    `json:"cc"`
			Subject     string               `json:"subject"`
			Attachments []message.Attachment `json:"attachments"`
		} `json:"message"`
		Recipients []message.Recipient `json:"recipients"`
	}
	var t struct {
		Text string `json:"text"`
	}
	if err := api.get(c.ctx, path, nil, &r); err != nil {
		return err
	}
	if err := api.get(c.ctx, path+"/text", nil, &t); err != nil {
		return err
	}
	out := bufio.NewWriter(c.out)
	m := r.Message
	fmt.Fprintf(out, "From: %s\nTo: %s\n", boxes(m.From), boxes(m.To))
	if len(m.Cc) > 0 {
		fmt.Fprintf(out, "Cc: %s\n", boxes(m.Cc))
	}
	fmt.Fprintf(out, "Date: %s\nSubject: %s\n", m.Date.Format(time.RFC1123Z), printable(m.Subject))
	for _, a := range m.Attachments {
		fmt.Fprintf(out, "Attachment: %s (%s, %s)\n", printable(a.Filename), a.Type, humanize.IBytes(uint64(a.Size)))
	}
	for _, p := range r.Recipients {
		if strings.HasPrefix(p.Provenance, "proven") {
			fmt.Fprintf(out, "Received by: %s (%s, %s)\n", printable(p.Address), p.Role, p.Provenance)
		}
	}
	fmt.Fprintf(out, "Record: %s, %s, SHA-256 %s, received %s\n", r.Address, humanize.IBytes(uint64(r.Size)), r.SHA256, r.Received.Format(time.RFC3339))
	if r.State != "searchable" {
		fmt.Fprintf(out, "Unsearchable: %s\n", r.State)
	}
	out.WriteString("\n")
	for line := range strings.Lines(t.Text) {
		fmt.Fprintln(out, printable(strings.TrimRight(line, "\n")))
	}
	return out.Flush()
}

func boxes(list []message.Mailbox) string {
	var out []string
	for _, m := range list {
		if m.Name != "" {
			out = append(out, printable(m.Name+" <"+m.Address+">"))
		} else {
			out = append(out, printable(m.Address))
		}
	}
	return strings.Join(out, ", ")
}

// counter is told how many bytes go by.
type counter func(n int)

func (c counter) Write(b []byte) (int, error) {
	c(len(b))
	return len(b), nil
}

type verifyVerb struct {
	Export string `arg:"" optional:"" help:"File that polytrace export wrote: checks it alone, without a data directory. Without it, the whole archive is checked."`
	bucketFlags
}

// Run fails when anything is not as it was stored.
func (v verifyVerb) Run(c *call) error {
	switch {
	case v.Export != "" && v.From != "":
		return fmt.Errorf("%w: verify an export or a bucket, one after the other", errUsage)
	case v.Export != "":
		return verifyExport(c, v.Export, v.Key)
	case v.From != "":
		return v.verifyBucket(c)
	}
	var last verifyAnswer
	err := c.reading(func(api *client) (err error) {
		last, err = verify(c, api)
		return err
	})
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	for _, p := range last.Problems {
		fmt.Fprintf(c.out, "%s: %s\n", p.Where, p.What)
	}
	removed := ""
	if last.Removed > 0 {
		removed = fmt.Sprintf(" %s removed by decisions,", webui.Count(last.Removed, "was", "were"))
	}
	fmt.Fprintf(c.out, "%s of %s,%s %s.\n", humanize.Comma(last.Records), webui.Count(last.AllRecords, "record is as it was received", "records are as they were received"), removed, webui.Count(last.Packs, "pack in the bucket as it was put there", "packs in the bucket as they were put there"))
	if n := len(last.Problems); n > 0 {
		return fmt.Errorf("verify: %s, the first at %s; restore what is damaged from another copy of the bucket", webui.Count(n, "problem", "problems"), last.Problems[0].Where)
	}
	return nil
}

type verifyAnswer struct {
	archive.Verified
	Done  bool   `json:"done"`
	Error string `json:"error"`
}

func verify(c *call, api *client) (last verifyAnswer, err error) {
	resp, err := api.send(c.ctx, http.MethodPost, "/verify", nil, http.NoBody, 0)
	if err != nil {
		return last, err
	}
	defer resp.Body.Close()
	p := newProgress(c, "verifying", "records")
	defer p.end()
	for lines := json.NewDecoder(resp.Body); !last.Done; {
		last = verifyAnswer{}
		if err := lines.Decode(&last); err != nil {
			return last, fmt.Errorf("the server stopped before the end: %w", err)
		}
		if last.Error != "" {
			return last, errors.New(last.Error)
		}
		p.set(last.Records, last.AllRecords)
	}
	return last, nil
}

type statusVerb struct {
	JSON bool `help:"As JSON."`
}

// statusAnswer is what the API says of the appliance.
type statusAnswer struct {
	Received     int64          `json:"received"`
	InBucket     int64          `json:"in_bucket"`
	Indexed      int64          `json:"indexed"`
	Unsearchable int64          `json:"unsearchable"`
	Lag          int64          `json:"lag"`
	CompleteTo   time.Time      `json:"complete_to"`
	Archive      archive.Status `json:"archive"`
	Index        index.Status   `json:"index"`
	Intake       *webui.Intake  `json:"intake"`
	Removed      int64          `json:"removed"`

	Retention *casework.KeeperStatus `json:"retention"`
	Version   string                 `json:"version"`
}

func (v statusVerb) Run(c *call) error {
	return c.using(func(api *client) error {
		if v.JSON {
			return api.copy(c, "/status", nil, c.out)
		}
		var s statusAnswer
		if err := api.get(c.ctx, "/status", nil, &s); err != nil {
			return err
		}
		return s.print(c.out)
	})
}

func (s statusAnswer) print(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(out, name+"\t"+format+"\n", args...) }
	line("received", "%s", humanize.Comma(s.Received))
	line("in the bucket", "%s", humanize.Comma(s.InBucket))
	line("searchable", "%s, %s", humanize.Comma(s.Indexed), completeTo(s.CompleteTo))
	line("unreadable", "%s", humanize.Comma(s.Unsearchable))
	for _, why := range s.reasons() {
		line("", "%s: %s", humanize.Comma(int64(s.Index.Reasons[why])), why)
	}
	s.printIndex(line)
	if s.Archive.Blind {
		line("encrypted", "mail cannot be read here, as archive.identity_file is not set; it is taken and kept")
	}
	if s.Removed > 0 {
		line("removed", "%s, by decisions", humanize.Comma(s.Removed))
	}
	line("bucket", "%s, %s, %s", webui.BucketURL(s.Archive.Bucket), webui.Count(s.Archive.Packs, "pack", "packs"), humanize.IBytes(uint64(s.Archive.PackBytes)))
	if s.Archive.Following {
		line("signing key", "the machine that is followed has it: see polytrace status there")
	} else {
		line("signing key", "%s", s.Archive.Key)
	}
	line("free on disk", "%s", humanize.IBytes(uint64(s.Archive.Free)))
	for _, st := range s.Archive.Streams {
		line("stream "+string(st.Stream), "%s, %d in the bucket, %d proven", webui.Count(st.Next, "record", "records"), st.InBucket, st.Proven)
	}
	if in := s.Intake; in != nil {
		line("gateway", "%s, %s, %d accepted, %d deferred, %d refused", in.Listening, webui.Count(in.Sessions, "session", "sessions"), in.Accepted, in.Deferred, in.Refused)
		if e := in.Evidence; e != nil {
			line("signatures", "%s checked, %d behind", webui.Count(e.Examined, "message", "messages"), e.Behind)
			if e.Failure != "" {
				line("", "%s", printable(e.Failure))
			}
		}
		if r := in.LastRefused; r != nil {
			line("last refused", "%s from %s: %s", r.At.Local().Format(time.DateTime), r.Peer, printable(r.Reason))
		}
	} else if s.Archive.Following {
		line("gateway", "none: this machine follows another one")
	} else {
		line("gateway", "no server runs on this data directory")
	}
	for _, p := range s.Archive.Pending {
		line("waits to be deleted", "%s, locked %s", p.Key, webui.Kept(p.Until, p.Hold))
	}
	if d := s.Archive.Drift; d != nil {
		line("bucket looked through", "%s, %s, %d not as they should be", d.At.Local().Format(time.DateTime), webui.Count(d.Objects, "object", "objects"), d.Total())
	}
	for _, problem := range s.problems() {
		line("PROBLEM", "%s", problem)
	}
	return out.Flush()
}

// printIndex tells what is being built or read anew.
func (s statusAnswer) printIndex(line func(name, format string, args ...any)) {
	if p := s.Index.Rebuild; p != nil {
		line("rebuilding", "%s; the index before answers meanwhile (%s)", howFar(*p, "record", "records"), p.Reason)
		if p.Failure != "" {
			line("", "%s", printable(p.Failure))
		}
	}
	e := s.Index.Extractors
	if e == nil {
		return
	}
	if e.Reading != nil {
		line("attached files", "%s read again", howFar(*e.Reading, "message", "messages"))
	} else if e.Older > 0 {
		line("attached files", "of %s read by an earlier version; polytrace rebuild --extractors reads them again", webui.Count(e.Older, "message", "messages"))
	}
	if e.Unread > 0 {
		line("", "%s that could not be looked at; it is tried again", webui.Count(e.Unread, "message has one", "messages have some"))
	}
}

// howFar tells a progress in words.
func howFar(p index.Progress, one, many string) string {
	text := humanize.Comma(p.Records) + " of " + webui.Count(p.Of, one, many)
	if p.PerSecond > 0 {
		text += fmt.Sprintf(", %.0f a second, %s left", p.PerSecond, p.Remaining())
	}
	return text
}

// reasons are why text could not be read, the most frequent first.
func (s statusAnswer) reasons() []string {
	n := s.Index.Reasons
	return slices.SortedFunc(maps.Keys(n), func(a, b string) int { return cmp.Or(cmp.Compare(n[b], n[a]), cmp.Compare(a, b)) })
}

// silences are the queues that have been silent for too long.
func silences(in webui.Intake) (list []string) {
	for _, name := range slices.Sorted(maps.Keys(in.Queues)) {
		if q := in.Queues[name]; q.Silent {
			list = append(list, "no mail has come through the queue "+name+" since "+q.Last.Local().Format(time.DateTime)+": look at the journal rule or connector of its mail server; polytrace reconcile lists what is missing, queue change --silence says when this is an alarm")
		}
	}
	return list
}

// problems are what somebody has to do something about, in words.
func (s statusAnswer) problems() (list []string) {
	if s.Archive.Broken != "" {
		list = append(list, "no mail is taken in, writing failed: "+s.Archive.Broken+"; mend the disk and restart")
	}
	if s.Archive.Full {
		list = append(list, "the disk is full: less is free than archive.reserve asks for, and mail servers are told to come back later; make room")
	}
	switch {
	case s.Archive.Failure != "" && s.Archive.Following:
		list = append(list, "the bucket cannot be followed: "+s.Archive.Failure)
	case s.Archive.Failure != "":
		list = append(list, "the bucket does not take packs: "+webui.BucketFailure(s.Archive.Failure, s.Intake))
	}
	if untrusted(s.Archive.Failure) {
		list[len(list)-1] += ". " + unknownCA
	}
	if d := s.Archive.Drift; d != nil && d.Total() > 0 {
		list = append(list, "the bucket is not as it was left: "+d.Diagnose()+"; polytrace doctor lists all, polytrace verify reads what they hold")
	}
	if s.Retention != nil && s.Retention.Failure != "" {
		list = append(list, "nothing is removed at the moment: "+s.Retention.Failure)
	}
	if s.Intake != nil && s.Intake.EndsSoon(time.Now()) {
		list = append(list, "the certificate for STARTTLS ends at "+s.Intake.Certificate.Local().Format(time.DateTime)+": renew it and reload the service; mail servers that verify it deliver nothing afterwards")
	}
	if s.Intake != nil {
		list = append(list, silences(*s.Intake)...)
		for _, queue := range slices.Sorted(maps.Keys(s.Intake.Queues)) {
			if r := s.Intake.Queues[queue].Relay; r != nil && r.Failure != "" {
				list = append(list, fmt.Sprintf("mail of the queue %s is not handed on to %s: %s; %d messages wait, and are tried again for five days", queue, r.Hop, r.Failure, r.Waiting))
			}
		}
	}
	if s.Intake != nil && s.Intake.CertificateFailure != "" {
		list = append(list, "the CA issued no certificate for STARTTLS: "+s.Intake.CertificateFailure)
	}
	if s.Archive.Unstamped != "" {
		list = append(list, "checkpoints are not time-stamped: "+s.Archive.Unstamped)
	}
	if s.Index.Failure != "" {
		list = append(list, "search has stopped: "+s.Index.Failure)
	}
	for _, d := range s.Archive.Damage {
		list = append(list, "set aside after damage: "+d)
	}
	return list
}

package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/webui"

	"github.com/dustin/go-humanize"
)

// retentionVerbs, holdVerbs and erasureVerbs decide what is kept. A running
// server carries it out; without one it waits for the next start.
type (
	retentionVerbs struct {
		List     retentionList     `cmd:"" help:"List classes and how long they keep."`
		Set      retentionSet      `cmd:"" help:"Say how long a class keeps."`
		Simulate retentionSimulate `cmd:"" help:"Tell what goes at a time, and why the rest stays. Removes nothing."`
	}
	holdVerbs struct {
		Place   holdPlace   `cmd:"" help:"Keep what a query finds until the hold is released."`
		List    holdList    `cmd:"" help:"List holds, live ones first."`
		Release holdRelease `cmd:"" help:"End a hold. What it kept goes when its class says so."`
	}
	erasureVerbs struct {
		List    erasureList    `cmd:"" help:"List erasures and how far they are."`
		Approve erasureApprove `cmd:"" help:"Order an erasure. It cannot be undone."`
		Refuse  erasureRefuse  `cmd:"" help:"Refuse an erasure. Nothing is removed."`
		Policy  erasurePolicy  `cmd:"" help:"Say whether an erasure takes a second person."`
	}
)

type retentionList struct{}

func (retentionList) Run(c *call) error {
	var answer struct{ Classes []casework.Class }
	return c.list("/classes", &answer, func(out io.Writer) {
		fmt.Fprintln(out, "CLASS\tKEEPS\tLOCK\tSET")
		for _, k := range answer.Classes {
			lock, set := "none", "never"
			if k.Lock != archive.Unlocked {
				lock = string(k.Lock)
			}
			if !k.Set.IsZero() {
				set = k.Set.Local().Format(time.DateOnly) + " by " + k.By
			}
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", k.Name, k.Keep, lock, set)
		}
	})
}

type retentionSet struct {
	Class string `arg:"" help:"The class: a stream that queues name, e.g. mail."`
	Keep  string `required:"" help:"How long: 10y, 18m, 90d, 1y6m, or forever." placeholder:"PERIOD"`
	Lock  string `help:"none; governance or compliance have an S3 bucket lock each pack until its time. Compliance cannot be ended early by anybody." default:"none" enum:"none,governance,compliance"`
}

func (v retentionSet) Run(c *call) error {
	keep, err := casework.ParsePeriod(v.Keep)
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	in := map[string]any{}
	if !keep.IsZero() {
		in["keep"] = keep
	}
	if v.Lock != "none" {
		in["lock"] = v.Lock
	}
	done := fmt.Sprintf("%s keeps for %s.", v.Class, keep)
	if keep.IsZero() {
		done = v.Class + " keeps for ever."
	}
	return c.change(http.MethodPut, "/classes/"+url.PathEscape(v.Class), nil, in, done)
}

type retentionSimulate struct {
	At   string `help:"A day, e.g. 2027-12-31, or a time (RFC 3339); default now." placeholder:"DATE"`
	JSON bool   `help:"As JSON, with every pack."`
}

func (v retentionSimulate) Run(c *call) error {
	q := url.Values{}
	if v.At != "" {
		q.Set("at", v.At)
	}
	return c.using(func(api *client) error {
		if v.JSON {
			return api.copy(c, "/retention", q, c.out)
		}
		var answer struct {
			At      time.Time
			Classes []casework.Outlook
			Keeper  *casework.KeeperStatus
		}
		if err := api.get(c.ctx, "/retention", q, &answer); err != nil {
			return err
		}
		if answer.Keeper != nil && answer.Keeper.Failure != "" {
			fmt.Fprintln(c.err, "PROBLEM: nothing is removed at the moment: "+answer.Keeper.Failure)
		}
		return printOutlook(c.out, answer.Classes)
	})
}

// printOutlook sums each class up, then lists the packs that go and those that
// would but for a hold.
func printOutlook(w io.Writer, classes []casework.Outlook) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "CLASS\tKEEPS\tRECORDS\tGOES\tHELD\tNEXT")
	for _, o := range classes {
		next := "never"
		if !o.Next.IsZero() {
			next = o.Next.Local().Format(time.DateOnly)
		}
		fmt.Fprintf(out, "%s\t%s\t%d\t%s\t%s\t%s\n", o.Class.Name, o.Class.Keep, o.Records, sum(o.Due), sum(o.Held), next)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	for _, o := range classes {
		for _, v := range o.Rows {
			if v.Due || v.Why == casework.OnHold {
				fmt.Fprintf(out, "%s/%d\t%s\t%s\t%s\n", v.Pack.Stream, v.Pack.First, webui.Count(v.Pack.Records, "record", "records"), humanize.IBytes(uint64(v.Pack.Bytes)), v.Text())
			}
		}
	}
	return out.Flush()
}

func sum(s casework.Sum) string {
	if s.Packs == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%s, %s", webui.Count(s.Records, "record", "records"), humanize.IBytes(uint64(s.Bytes)))
}

type holdPlace struct {
	Name     string `arg:"" help:"Name of the hold: small letters, digits, dots, dashes."`
	Query    string `required:"" help:"What the query finds now is kept, with every copy that came of it." placeholder:"Q"`
	Standing bool   `help:"Also what the query finds later."`
	Reason   string `required:"" help:"Why; kept in the log." placeholder:"TEXT"`
}

func (v holdPlace) Run(c *call) error {
	var h casework.Hold
	return c.using(func(api *client) error {
		in := map[string]any{"name": v.Name, "query": v.Query, "standing": v.Standing, "reason": v.Reason}
		if err := api.do(c.ctx, http.MethodPost, "/holds", nil, in, &h); err != nil {
			return searchVerb{Query: []string{v.Query}}.pointAt(c, err)
		}
		_, err := fmt.Fprintf(c.err, "The hold %s keeps %s.\n", h.Name, webui.Count(h.Records, "record", "records"))
		return err
	})
}

type holdList struct {
	JSON bool `help:"As JSON."`
}

func (v holdList) Run(c *call) error {
	if v.JSON {
		return c.json("/holds")
	}
	var answer struct{ Holds []casework.Hold }
	return c.list("/holds", &answer, func(out io.Writer) {
		fmt.Fprintln(out, "NAME\tRECORDS\tPLACED\tSTATE\tQUERY\tREASON")
		for _, h := range answer.Holds {
			state := "holds"
			if h.Standing {
				state = "holds, standing"
			}
			if !h.Released.IsZero() {
				state = "released " + h.Released.Local().Format(time.DateOnly)
			}
			fmt.Fprintf(out, "%s\t%d\t%s by %s\t%s\t%s\t%s\n", h.Name, h.Records, h.At.Local().Format(time.DateOnly), h.By, state, printable(h.Query), printable(h.Reason))
		}
	})
}

// json prints an answer as it comes.
func (c *call) json(path string) error {
	return c.using(func(api *client) error { return api.copy(c, path, nil, c.out) })
}

type holdRelease struct {
	Name   string `arg:""`
	Reason string `required:"" help:"Why; kept in the log." placeholder:"TEXT"`
}

func (v holdRelease) Run(c *call) error {
	return c.change(http.MethodPost, "/holds/"+url.PathEscape(v.Name)+"/release", nil, map[string]string{"reason": v.Reason}, "The hold "+v.Name+" is released.")
}

type eraseVerb struct {
	Address []string `arg:"" help:"Addresses of messages, e.g. mail/1042. Every copy that came of them goes too."`
	Reason  string   `required:"" help:"Why; kept in the log." placeholder:"TEXT"`
}

// erasureAnswer is an erasure as the API tells of it.
type erasureAnswer struct {
	casework.Erasure
	Count    int       `json:"count"`
	Progress string    `json:"progress"`
	Until    time.Time `json:"locked_until"`
	Hold     bool      `json:"locked_by_hold"`
}

// Run asks and no more: what cannot be undone is decided by a second step.
func (v eraseVerb) Run(c *call) error {
	in := struct {
		Records []archive.Address `json:"records"`
		Reason  string            `json:"reason"`
	}{nil, v.Reason}
	for _, word := range v.Address {
		at, err := archive.ParseAddress(word)
		if err != nil {
			return fmt.Errorf("%w: %w", errUsage, err)
		}
		in.Records = append(in.Records, at)
	}
	var e erasureAnswer
	return c.using(func(api *client) error {
		if err := api.do(c.ctx, http.MethodPost, "/erasures", nil, in, &e); err != nil {
			return err
		}
		fmt.Fprintf(c.err, "Erasure %d of %s is requested. Nothing goes before it is approved: polytrace erasure approve %d\n", e.ID, webui.Count(e.Count, "record", "records"), e.ID)
		_, err := fmt.Fprintln(c.out, e.ID)
		return err
	})
}

type erasureList struct {
	JSON bool `help:"As JSON."`
}

func (v erasureList) Run(c *call) error {
	if v.JSON {
		return c.json("/erasures")
	}
	var answer struct{ Erasures []erasureAnswer }
	return c.list("/erasures", &answer, func(out io.Writer) {
		fmt.Fprintln(out, "ID\tRECORDS\tREQUESTED\tSTATE\tREASON")
		for _, e := range answer.Erasures {
			fmt.Fprintf(out, "%d\t%s\t%s by %s\t%s\t%s\n", e.ID, e.names(), e.At.Local().Format(time.DateOnly), e.By, e.state(), printable(e.Reason))
		}
	})
}

// names lists the first runs of records.
func (e erasureAnswer) names() string {
	var words []string
	for i, r := range e.Records {
		if i == 3 {
			words = append(words, "…")
			break
		}
		word := archive.Address{Stream: r.Stream, Position: r.First}.String()
		if r.Records > 1 {
			word += "+" + strconv.Itoa(r.Records-1)
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func (e erasureAnswer) state() string {
	switch e.Progress {
	case "requested":
		if e.Two {
			return "waits for a second person"
		}
		return "waits for approval"
	case "refused":
		return "refused by " + e.DecidedBy
	case "ordered":
		return "approved by " + e.DecidedBy + ", the server removes it"
	case "locked":
		return "unreadable, the bucket keeps it " + webui.Kept(e.Until, e.Hold)
	}
	return "removed"
}

type erasureApprove struct {
	ID int `arg:""`
}

func (v erasureApprove) Run(c *call) error {
	err := c.change(http.MethodPost, fmt.Sprintf("/erasures/%d/approve", v.ID), nil, nil, fmt.Sprintf("Erasure %d is ordered. Nobody can read these records any more; the server removes them.", v.ID))
	if err != nil && strings.Contains(err.Error(), "needs a second person") {
		return fmt.Errorf("%w On the command line everybody is the same person: approve it on the page Retention, signed in with the role compliance", err)
	}
	return err
}

type erasureRefuse struct {
	ID     int    `arg:""`
	Reason string `required:"" help:"Why; kept in the log." placeholder:"TEXT"`
}

func (v erasureRefuse) Run(c *call) error {
	return c.change(http.MethodPost, fmt.Sprintf("/erasures/%d/refuse", v.ID), nil, map[string]string{"reason": v.Reason}, fmt.Sprintf("Erasure %d is refused.", v.ID))
}

type erasurePolicy struct {
	SecondPerson string `help:"yes: who requests an erasure may not approve it; no: may. Default: print which it is." enum:"yes,no," default:"" placeholder:"yes|no"`
	Reason       string `help:"Why; kept in the log." placeholder:"TEXT"`
}

// persons says how many persons an erasure takes.
func persons(two bool) string {
	if two {
		return "An erasure takes a second person."
	}
	return "An erasure takes one person."
}

func (v erasurePolicy) Run(c *call) error {
	if v.SecondPerson == "" {
		if v.Reason != "" {
			return fmt.Errorf("%w: --reason is for a change; say which with --second-person", errUsage)
		}
		var now struct {
			SecondPerson bool `json:"second_person"`
		}
		return c.list("/erasures", &now, func(out io.Writer) { fmt.Fprintln(out, persons(now.SecondPerson)) })
	}
	in := map[string]any{"second_person": v.SecondPerson == "yes"}
	if v.Reason != "" {
		in["reason"] = v.Reason
	}
	return c.change(http.MethodPut, "/erasures/policy", nil, in, persons(v.SecondPerson == "yes"))
}

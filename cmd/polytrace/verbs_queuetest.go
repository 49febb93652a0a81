package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/smtp"
	"net/url"
	"strings"
	"time"

	"polytrace/casework"
	"polytrace/message"
	"polytrace/webui"

	"github.com/dustin/go-humanize"
)

type queueSetup struct {
	Name string `arg:""`
	For  string `help:"exchange, m365, google, postfix, exim, zimbra, domino, sieve, kerio, mdaemon or plain. Default: those of the queue's format." placeholder:"CARD"`
}

type setupAnswer struct {
	Address string
	Host    string
	Port    string
	Hurdles []string
	Cards   []webui.SetupCard
}

// Run prints a card as plain text: what is to be copied is indented.
func (v queueSetup) Run(c *call) error {
	var answer setupAnswer
	return c.using(func(api *client) error {
		if err := api.get(c.ctx, "/queues/"+url.PathEscape(v.Name)+"/setup", url.Values{"for": {v.For}}, &answer); err != nil {
			return err
		}
		out := bufio.NewWriter(c.out)
		fmt.Fprintf(out, "Queue %s: copies go to %s, over SMTP at %s port %s.\n", v.Name, answer.Address, answer.Host, answer.Port)
		for _, h := range answer.Hurdles {
			fmt.Fprintf(out, "\nNOTE: %s\n", h)
		}
		others := v.print(out, answer.Cards)
		if len(others) > 0 {
			fmt.Fprintf(out, "\nOther mail servers, with --for: %s.\n", strings.Join(others, ", "))
		}
		return out.Flush()
	})
}

// print prints the card that was asked for, or those of the queue's format, and
// returns which others there are.
func (v queueSetup) print(w io.Writer, cards []webui.SetupCard) (others []string) {
	for _, card := range cards {
		if v.For == "" && !card.Fits {
			others = append(others, card.ID)
			continue
		}
		fmt.Fprintf(w, "\n%s\n%s\n", card.Title, strings.Repeat("=", len([]rune(card.Title))))
		for i, step := range card.Steps {
			fmt.Fprintf(w, "\n%d. %s\n", i+1, step.Text)
			if step.Code != "" {
				fmt.Fprintf(w, "\n    %s\n", strings.ReplaceAll(step.Code, "\n", "\n    "))
			}
		}
		points(w, "What it cannot capture", card.Misses)
		points(w, "When a copy is not taken", card.Failures)
	}
	return others
}

func points(w io.Writer, title string, list []string) {
	fmt.Fprintf(w, "\n%s:\n", title)
	for _, text := range list {
		fmt.Fprintf(w, "- %s\n", text)
	}
}

type queueTest struct {
	Name    string        `arg:""`
	Timeout time.Duration `help:"How long to wait, at most an hour." default:"5m" placeholder:"TIME"`
	Send    bool          `help:"Send a message to the queue over SMTP, from this machine."`
}

// longestTest is how long the server takes what comes as an answer to a test.
const longestTest = time.Hour

// Run fails when no message came.
func (v queueTest) Run(c *call) error {
	if v.Timeout <= 0 || v.Timeout > longestTest {
		return fmt.Errorf("%w: --timeout is a time up to an hour, e.g. 90s or 5m", errUsage)
	}
	if !running(c.ctx, c.dir) {
		return fmt.Errorf("no server runs on %s, so that nothing can come in: start it with polytrace serve", c.dir)
	}
	return c.using(func(api *client) error {
		ctx, cancel := context.WithTimeout(c.ctx, v.Timeout)
		defer cancel()
		t, err := v.wait(ctx, c, api)
		switch {
		case err == nil:
			return show(c.out, t)
		case c.ctx.Err() != nil:
			return errors.New("stopped; no message came")
		case ctx.Err() != nil:
			return fmt.Errorf("no message came to %s within %s; polytrace queue setup %s tells how the mail server is set up", t.Address, v.Timeout, v.Name)
		}
		return err
	})
}

// wait returns when a message has come, and tells meanwhile what was not let in.
func (v queueTest) wait(ctx context.Context, c *call, api *client) (webui.QueueTest, error) {
	var t webui.QueueTest
	path, query := "/queues/"+url.PathEscape(v.Name)+"/test", url.Values{}
	if err := api.get(ctx, path, query, &t); err != nil {
		return t, err
	}
	if _, err := fmt.Fprintf(c.err, "Waiting for a message to %s (%s). Ctrl-C ends it.\n", t.Address, t.Server); err != nil {
		return t, err
	}
	if v.Send {
		if err := sendTest(t.Server, t.Address); err != nil {
			fmt.Fprintf(c.err, "The message was not taken: %s\n", printable(err.Error()))
		}
	}
	told := time.Time{}
	for t.Message == nil {
		query.Set("since", t.Since)
		query.Set("seen", t.Seen)
		query.Set("wait", "25")
		next := webui.QueueTest{Address: t.Address}
		if err := api.get(ctx, path, query, &next); err != nil {
			return t, err
		}
		t = next
		for _, r := range t.Refused {
			if !r.At.After(told) {
				continue
			}
			told = r.At
			if _, err := fmt.Fprintln(c.err, refusedLine(r)); err != nil {
				return t, err
			}
		}
	}
	return t, nil
}

func refusedLine(r webui.RefusedAttempt) string {
	to := ""
	if r.To != "" {
		to = " to " + printable(r.To)
	}
	return fmt.Sprintf("%s not let in, from %s%s: %s", r.At.Local().Format(time.TimeOnly), r.Peer, to, printable(r.Reason))
}

// show prints what came.
func show(w io.Writer, t webui.QueueTest) error {
	out := bufio.NewWriter(w)
	m := t.Message
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(out, "%-15s %s\n", name, printable(value))
		}
	}
	line("Understood as", m.Recognised)
	line("Record", fmt.Sprintf("%s, %s, received %s", m.Address, humanize.IBytes(uint64(m.Size)), m.Received.Local().Format(time.DateTime)))
	if m.SameAs != nil {
		line("Known before", "the same bytes are "+m.SameAs.String())
	}
	line("Subject", m.Subject)
	line("Sender", m.Sender)
	line("Message-ID", m.MessageID)
	line("Tenant", m.Tenant)
	line("Envelope from", "<"+m.Envelope.From+">")
	line("Envelope to", "<"+strings.Join(m.Envelope.To, "> <")+">")
	peer := m.Peer.IP
	if m.Peer.Helo != "" {
		peer += " (" + m.Peer.Helo + ")"
	}
	line("Handed over by", peer)
	if m.Peer.TLS == "" {
		line("Connection", "in clear")
	} else {
		line("Connection", m.Peer.TLS)
	}
	for _, r := range m.Recipients {
		via := ""
		if r.Via != "" {
			via = " via " + r.Via
		}
		line("Recipient", fmt.Sprintf("%s%s (%s, %s)", r.Address, via, r.Role, r.How))
	}
	for _, copied := range t.Copies {
		what := "other bytes with the same Message-ID, kept beside it"
		if copied.SameBytes {
			what = "the same bytes, kept as one more sighting"
		}
		line("Copy", fmt.Sprintf("%s: %s", copied.Address, what))
	}
	line("Header fields", strings.Join(m.Fields, " "))
	for _, d := range m.Defects {
		line("Defect", defectLine(d))
	}
	for _, a := range m.Advice {
		line("Advice", a)
	}
	points(out, "What this way of copying cannot capture", m.Misses)
	return out.Flush()
}

func defectLine(d message.Defect) string {
	if d.Detail == "" {
		return d.Code
	}
	return d.Code + ": " + d.Detail
}

// sendTest sends a message to a queue as a mail server would.
func sendTest(server, to string) (err error) {
	c, err := smtp.Dial(server)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	id := casework.NewSecret()[:16]
	_, domain, _ := strings.Cut(to, "@")
	if err := c.StartTLS(&tls.Config{InsecureSkipVerify: true}); err != nil { // It is this machine, by whatever name.
		return err
	}
	if err := errors.Join(c.Mail("polytrace-test@"+domain), c.Rcpt(to)); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "From: polytrace queue test <polytrace-test@%s>\r\nTo: <%s>\r\nSubject: A test of the queue\r\nDate: %s\r\nMessage-ID: <%s@%s>\r\n\r\nSent by polytrace queue test --send.\r\n",
		domain, to, time.Now().Format(time.RFC1123Z), id, domain)
	return errors.Join(err, w.Close())
}

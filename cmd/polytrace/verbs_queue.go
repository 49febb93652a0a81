package main

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"polytrace/casework"
)

// queueVerbs say which mail is taken. They work before the first start too.
type (
	queueVerbs struct {
		Add     queueAdd     `cmd:"" help:"Add a queue and print the address that mail servers send to."`
		Change  queueChange  `cmd:"" help:"Change what a queue asks for. What is not named stays."`
		List    queueList    `cmd:"" help:"List queues."`
		Setup   queueSetup   `cmd:"" help:"Tell how a mail server is set up to send to a queue."`
		Test    queueTest    `cmd:"" help:"Wait for the next message of a queue and show how it was understood."`
		Rotate  queueRotate  `cmd:"" help:"Give a queue a new address and print it. The one before takes mail too, until it is retired."`
		Retire  queueRetire  `cmd:"" help:"End the address that a queue had before."`
		Remove  queueRemove  `cmd:"" help:"Close a queue. What came in through it stays."`
		Login   loginVerbs   `cmd:"" help:"Passwords that mail servers authenticate with."`
		Sources sourcesVerbs `cmd:"" help:"Networks under a name, for several queues."`
	}
	loginVerbs struct {
		Set    loginSet    `cmd:"" help:"Make a login, or give it another password, and print that, and nothing else."`
		List   loginList   `cmd:"" help:"List logins, without their passwords."`
		Remove loginRemove `cmd:"" help:"Remove a login that no queue names."`
	}
	sourcesVerbs struct {
		Set    sourcesSet    `cmd:"" help:"Give networks a name."`
		List   sourcesList   `cmd:"" help:"List names and their networks."`
		Remove sourcesRemove `cmd:"" help:"Take a name away. That of a published set means again what was published."`
	}
)

// queueTerms are the flags of what a queue says.
type queueTerms struct {
	Format      *string  `help:"What sends the copies: auto, exchange, google, postfix, exim, zimbra, sieve, domino, kerio, mdaemon or plain; default auto." placeholder:"FORMAT"`
	Source      []string `help:"Address, network or name of a set of them (microsoft365, google, or one of yours) that may send; may be given several times. Default: this machine and private networks." placeholder:"CIDR|NAME"`
	Class       *string  `help:"Stream that its mail goes to; default mail." placeholder:"CLASS"`
	Login       []string `help:"Login that may send from anywhere; see queue login set." placeholder:"NAME"`
	Certificate []string `help:"Client certificate that may send from anywhere: sha256: and the hexadecimal SHA-256 of its public key, or a DNS name that an authority has signed." placeholder:"PIN"`
	Tenant      []string `help:"Microsoft 365 organisation, one of which a message has to name: domain or tenant ID." placeholder:"TENANT"`
	RequireTLS  *bool    `name:"require-tls" negatable:"" help:"Take mail over TLS only."`
	Gateway     *bool    `negatable:"" help:"The peers are mail servers of others, not one of ours that sends copies: SPF and DMARC are evaluated."`
	Relay       *string  `help:"Where mail is handed on to; empty: nowhere." placeholder:"HOST:PORT"`
	Reader      []string `help:"Who may read its mail, also what came before: a user, token:NAME or role:ROLE; may be given several times. Default: everyone whose role reads. Compliance always may." placeholder:"WHO"`
	Silence     *string  `help:"Alarm when no mail came for so long, as in 36h; auto: what is unusual; never." placeholder:"TIME"`
}

// body is what the API is told: what was named. One flag with an empty value
// takes a list away.
func (v queueTerms) body(in map[string]any) (map[string]any, error) {
	for name, value := range map[string]*string{"format": v.Format, "class": v.Class, "relay": v.Relay} {
		if value != nil {
			in[name] = *value
		}
	}
	for name, value := range map[string]*bool{"tls": v.RequireTLS, "gateway": v.Gateway} {
		if value != nil {
			in[name] = *value
		}
	}
	for name, list := range map[string][]string{"sources": v.Source, "logins": v.Login, "certificates": v.Certificate, "tenants": v.Tenant, "readers": v.Reader} {
		if list != nil {
			in[name] = slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == "" })
		}
	}
	if v.Silence != nil {
		hours, err := silenceHours(*v.Silence)
		if err != nil {
			return nil, err
		}
		in["silence_hours"] = hours
	}
	return in, nil
}

// silenceHours reads what --silence says.
func silenceHours(text string) (int, error) {
	switch text {
	case "auto":
		return 0, nil
	case "never":
		return -1, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Hour || d%time.Hour != 0 {
		return 0, fmt.Errorf("%w: --silence %s: write whole hours, as in 36h, or auto or never", errUsage, text)
	}
	return int(d / time.Hour), nil
}

type queueAdd struct {
	Name string `arg:""`
	queueTerms
}

func (v queueAdd) Run(c *call) error {
	in, err := v.body(map[string]any{"name": v.Name})
	if err != nil {
		return err
	}
	return c.printAddress(http.MethodPost, "/queues", in)
}

// printAddress asks for something and prints the address of the queue that it
// answers with.
func (c *call) printAddress(method, path string, in any) error {
	var answer struct{ Address string }
	return c.using(func(api *client) error {
		if err := api.do(c.ctx, method, path, nil, in, &answer); err != nil {
			return err
		}
		_, err := fmt.Fprintln(c.out, answer.Address)
		return err
	})
}

type queueChange struct {
	Name string `arg:""`
	queueTerms
}

func (v queueChange) Run(c *call) error {
	in, err := v.body(map[string]any{})
	if err != nil {
		return err
	}
	if len(in) == 0 {
		return fmt.Errorf("%w: say what is to change, as in --source 192.0.2.10", errUsage)
	}
	return c.change(http.MethodPatch, "/queues/"+url.PathEscape(v.Name), nil, in, "The queue "+v.Name+" is changed.")
}

type queueRotate struct {
	Name string `arg:""`
}

func (v queueRotate) Run(c *call) error {
	return c.printAddress(http.MethodPost, "/queues/"+url.PathEscape(v.Name)+"/rotate", nil)
}

type queueRetire struct {
	Name string `arg:""`
}

func (v queueRetire) Run(c *call) error {
	return c.change(http.MethodPost, "/queues/"+url.PathEscape(v.Name)+"/retire", nil, nil, "The queue "+v.Name+" takes mail at its present address alone.")
}

type queueList struct{}

func (queueList) Run(c *call) error {
	var answer struct {
		Queues []struct {
			casework.Queue
			Address  string
			Previous string `json:"previous_address"`
			Peers    []netip.Prefix
		}
	}
	return c.list("/queues", &answer, func(out io.Writer) {
		fmt.Fprintln(out, "NAME\tADDRESS\tFORMAT\tTAKES MAIL FROM\tASKS FOR")
		for _, q := range answer.Queues {
			from := slices.Clone(q.Sets)
			for _, p := range q.Peers {
				if len(q.Sets) == 0 || slices.Contains(q.Sources, p) {
					from = append(from, p.String())
				}
			}
			for _, name := range q.Logins {
				from = append(from, "login:"+name)
			}
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", q.Name, q.Address, q.Format, strings.Join(append(from, q.Certificates...), " "), strings.Join(q.Asks(), ", "))
			if q.Previous != "" {
				fmt.Fprintf(out, "\t%s\t\tuntil it is retired\t\n", q.Previous)
			}
		}
	})
}

type queueRemove struct {
	Name   string `arg:""`
	Reason string `help:"Why; kept in the log."`
}

func (v queueRemove) Run(c *call) error {
	return c.change(http.MethodDelete, "/queues/"+url.PathEscape(v.Name), url.Values{"reason": {v.Reason}}, nil, "The queue "+v.Name+" takes no mail any more.")
}

type loginSet struct {
	Name string `arg:"" help:"What the mail server calls itself: small letters, digits, dots, dashes."`
}

func (v loginSet) Run(c *call) error {
	var answer struct{ Password string }
	return c.using(func(api *client) error {
		if err := api.do(c.ctx, http.MethodPost, "/logins/"+url.PathEscape(v.Name), nil, nil, &answer); err != nil {
			return err
		}
		_, err := fmt.Fprintln(c.out, answer.Password)
		return err
	})
}

type loginList struct{}

func (loginList) Run(c *call) error {
	var answer struct{ Logins []casework.Login }
	return c.list("/logins", &answer, func(out io.Writer) {
		fmt.Fprintln(out, "NAME\tPASSWORD SET")
		for _, l := range answer.Logins {
			fmt.Fprintf(out, "%s\t%s\n", l.Name, l.Set.Local().Format("2006-01-02"))
		}
	})
}

type loginRemove struct {
	Name string `arg:""`
}

func (v loginRemove) Run(c *call) error {
	return c.change(http.MethodDelete, "/logins/"+url.PathEscape(v.Name), nil, nil, "The login "+v.Name+" opens nothing any more.")
}

type sourcesSet struct {
	Name    string   `arg:"" help:"Small letters, digits, dots, dashes."`
	Network []string `arg:"" help:"Addresses and networks, as in 192.0.2.10 or 192.0.2.0/24."`
}

func (v sourcesSet) Run(c *call) error {
	return c.change(http.MethodPut, "/sources/"+url.PathEscape(v.Name), nil, map[string]any{"networks": v.Network}, "The set "+v.Name+" is changed, and every queue that names it.")
}

type sourcesList struct{}

func (sourcesList) Run(c *call) error {
	var answer struct{ Sources []casework.SourceSet }
	return c.list("/sources", &answer, func(out io.Writer) {
		fmt.Fprintln(out, "NAME\tSET\tNETWORKS")
		for _, x := range answer.Sources {
			set := "published"
			if !x.Changed.IsZero() {
				set = x.Changed.Local().Format("2006-01-02")
			}
			var networks []string
			for _, p := range x.Networks {
				networks = append(networks, p.String())
			}
			fmt.Fprintf(out, "%s\t%s\t%s\n", x.Name, set, strings.Join(networks, " "))
		}
	})
}

type sourcesRemove struct {
	Name string `arg:""`
}

func (v sourcesRemove) Run(c *call) error {
	return c.change(http.MethodDelete, "/sources/"+url.PathEscape(v.Name), nil, nil, "The name "+v.Name+" is taken away.")
}

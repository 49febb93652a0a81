package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"polytrace/casework"
)

// accountVerbs say who the customers are.
type accountVerbs struct {
	Add    accountAdd    `cmd:"" help:"Open an account."`
	List   accountList   `cmd:"" help:"List accounts, and what is mapped to them now."`
	Show   accountShow   `cmd:"" help:"Show an account: who belongs to it and when, its people, cases and history."`
	Map    accountMap    `cmd:"" help:"Say that a domain or an address is of an account."`
	Unmap  accountUnmap  `cmd:"" help:"End a mapping, or take it back."`
	Change accountChange `cmd:"" help:"Change the name or the status of an account."`
}

type accountAdd struct {
	ID   string   `arg:"" help:"Short name for queries: small letters, digits, dots, dashes."`
	Name string   `help:"As people know it; default: the short name." placeholder:"NAME"`
	Map  []string `help:"Domain or address that is of it at all times; may be given several times." placeholder:"WHAT"`
}

func (v accountAdd) Run(c *call) error {
	name := v.Name
	if name == "" {
		name = v.ID
	}
	return c.using(func(api *client) error {
		if err := api.do(c.ctx, http.MethodPost, "/accounts", nil, map[string]any{"id": v.ID, "name": name}, nil); err != nil {
			return err
		}
		for _, what := range v.Map {
			if err := api.do(c.ctx, http.MethodPost, accountPath(v.ID)+"/mappings", nil, map[string]any{"identifier": what}, nil); err != nil {
				return fmt.Errorf("the account %s is open; map %s: %w", v.ID, what, err)
			}
		}
		_, err := fmt.Fprintf(c.err, "The account %s is open.\n", v.ID)
		return err
	})
}

func accountPath(id string) string { return "/accounts/" + url.PathEscape(id) }

type accountList struct{}

func (accountList) Run(c *call) error {
	var answer struct{ Accounts []casework.Account }
	return c.list("/accounts", &answer, func(out io.Writer) {
		fmt.Fprintln(out, "ID\tNAME\tSTATUS\tMAPPED NOW")
		for _, a := range answer.Accounts {
			var now []string
			for _, m := range a.Mappings {
				if m.Holds(time.Now()) {
					now = append(now, m.Identifier)
				}
			}
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", a.ID, a.Name, a.Status, strings.Join(now, " "))
		}
	})
}

// accountAnswer is an account as the API tells of it.
type accountAnswer struct {
	casework.Account
	Messages int
	First    time.Time
	Last     time.Time
	People   []struct {
		Name, Address string
		Messages      int
		Last          time.Time
	}
	Cases []struct {
		Number int
		Title  string
		Status casework.Status
	}
}

type accountShow struct {
	ID string `arg:""`
}

func (v accountShow) Run(c *call) error {
	var a accountAnswer
	return c.list(accountPath(v.ID), &a, func(out io.Writer) {
		fmt.Fprintf(out, "ACCOUNT\t%s\t%s\t%s\n", a.ID, a.Name, a.Status)
		fmt.Fprintf(out, "MESSAGES\t%d\t%s\n", a.Messages, between(a.First, a.Last))
		for _, m := range a.Mappings {
			when := m.During()
			if !m.Counts() {
				when = "taken back by " + m.TakenBackBy
			}
			fmt.Fprintf(out, "MAPPED\t%s\t%s\tby %s\n", m.Identifier, when, m.By)
		}
		for _, p := range a.People {
			fmt.Fprintf(out, "PERSON\t%s\t%s\t%d messages\n", p.Address, p.Name, p.Messages)
		}
		for _, x := range a.Cases {
			fmt.Fprintf(out, "CASE\tC-%d\t%s\t%s\n", x.Number, x.Title, x.Status)
		}
		for _, e := range a.Log {
			fmt.Fprintf(out, "HISTORY\t%s\t%s\n", e.At.Local().Format(time.DateTime), e.Text)
		}
	})
}

// between says from when to when mail is.
func between(first, last time.Time) string {
	if first.IsZero() {
		return ""
	}
	return "from " + first.Local().Format(time.DateOnly) + " to " + last.Local().Format(time.DateOnly)
}

type accountMap struct {
	ID     string `arg:"" help:"Account."`
	What   string `arg:"" help:"Domain, with all below it, or an address. Of a domain that many share, such as gmail.com, single addresses."`
	From   string `help:"Day from which it is of the account, as in 2026-11-03; default: since ever." placeholder:"DAY"`
	Until  string `help:"First day on which it is not any more; default: it goes on." placeholder:"DAY"`
	Person string `help:"Whose address it is." placeholder:"NAME"`
}

func (v accountMap) Run(c *call) error {
	in := map[string]any{"identifier": v.What, "from": v.From, "to": v.Until, "person": v.Person}
	return c.change(http.MethodPost, accountPath(v.ID)+"/mappings", nil, in, v.What+" is mapped to "+v.ID+".")
}

type accountUnmap struct {
	ID      string `arg:"" help:"Account."`
	What    string `arg:"" help:"Domain or address, or the number of a mapping."`
	At      string `help:"First day on which it is not of the account any more, as in 2026-11-03; default: now." placeholder:"DAY"`
	Mistake bool   `help:"It was a mistake: it holds at no time, not for old mail either."`
	Reason  string `help:"Why; kept in the history."`
}

func (v accountUnmap) Run(c *call) error {
	if v.Mistake && v.At != "" {
		return fmt.Errorf("%w: --mistake takes a mapping back for all times; leave --at out", errUsage)
	}
	return c.using(func(api *client) error {
		var a accountAnswer
		if err := api.get(c.ctx, accountPath(v.ID), nil, &a); err != nil {
			return err
		}
		m, err := v.find(a.Account)
		if err != nil {
			return err
		}
		path := accountPath(a.ID) + "/mappings/" + strconv.Itoa(m.ID)
		done := "The mapping of " + m.Identifier + " is taken back."
		if v.Mistake {
			err = api.do(c.ctx, http.MethodDelete, path, url.Values{"reason": {v.Reason}}, nil, nil)
		} else {
			done = "The mapping of " + m.Identifier + " is ended. Mail from before stays with " + a.ID + "."
			err = api.do(c.ctx, http.MethodPost, path+"/end", nil, map[string]any{"at": v.At, "reason": v.Reason}, nil)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.err, done)
		return err
	})
}

// find is the mapping that is meant: the last one that counts.
func (v accountUnmap) find(a casework.Account) (casework.Mapping, error) {
	number, _ := strconv.Atoi(v.What) // A domain is no number.
	what, err := casework.Identifier(v.What)
	for _, m := range slices.Backward(a.Mappings) {
		if m.Counts() && (m.ID == number || err == nil && m.Identifier == what) {
			return m, nil
		}
	}
	return casework.Mapping{}, fmt.Errorf("the account %s has no mapping of %s; polytrace account show %s lists all", a.ID, v.What, a.ID)
}

type accountChange struct {
	ID     string  `arg:""`
	Name   *string `help:"As people know it. Queries still know the name before." placeholder:"NAME"`
	Status *string `help:"active or closed. A closed one keeps its mail and cases, and takes no new mappings." placeholder:"STATUS"`
	Reason string  `help:"Why; kept in the history."`
}

func (v accountChange) Run(c *call) error {
	in := map[string]any{"reason": v.Reason}
	if v.Name != nil {
		in["name"] = *v.Name
	}
	if v.Status != nil {
		in["status"] = *v.Status
	}
	if len(in) == 1 {
		return fmt.Errorf("%w: say what is to change, as in --name 'Contoso Ltd'", errUsage)
	}
	return c.change(http.MethodPatch, accountPath(v.ID), nil, in, "The account "+v.ID+" is changed.")
}

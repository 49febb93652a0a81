package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"

	"polytrace/casework"
	"polytrace/webui"
)

// savedVerbs are about queries that were given a name. Those that are saved on
// the machine itself belong to the appliance; shared, they are for everyone.
type savedVerbs struct {
	Add    savedAdd    `cmd:"" help:"Give a query a name, or say anew what a saved search says."`
	List   savedList   `cmd:"" help:"List saved searches, and what is new in those that are watched."`
	Remove savedRemove `cmd:"" help:"Remove a saved search. Queries that name it are refused from then on."`
}

type savedAdd struct {
	Name        string `arg:"" help:"saved:NAME stands for it in queries: small letters, digits, dots, dashes."`
	Query       string `required:"" help:"The query; after:7d stays relative." placeholder:"Q"`
	Description string `help:"What it is for." placeholder:"TEXT"`
	Shared      bool   `help:"For everyone who reads."`
	Watch       bool   `help:"Tell what comes in and matches."`
	Owner       string `help:"Whose shared search is changed." placeholder:"USER"`
}

func (v savedAdd) Run(c *call) error {
	return c.using(func(api *client) error {
		in := map[string]any{"name": v.Name, "query": v.Query, "description": v.Description, "shared": v.Shared, "watch": v.Watch, "owner": v.Owner}
		if err := api.do(c.ctx, http.MethodPost, "/searches", nil, in, nil); err != nil {
			return searchVerb{Query: []string{v.Query}}.pointAt(c, err)
		}
		_, err := fmt.Fprintf(c.err, "The search is saved: saved:%s stands for it.\n", v.Name)
		return err
	})
}

type savedList struct {
	JSON bool `help:"As JSON."`
}

func (v savedList) Run(c *call) error {
	if v.JSON {
		return c.json("/searches")
	}
	var answer struct {
		Searches []struct {
			casework.Search
			New int
		}
	}
	return c.list("/searches", &answer, func(out io.Writer) {
		fmt.Fprintln(out, "NAME\tOWNER\tFOR\tWATCHED\tQUERY\tDESCRIPTION")
		for _, x := range answer.Searches {
			readers, watched := "owner", "no"
			if x.Shared {
				readers = "everyone"
			}
			if x.Watch {
				watched = webui.Count(x.New, "new message", "new messages")
			}
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\n", x.Name, x.Owner, readers, watched, printable(x.Query), printable(x.Description))
		}
	})
}

type savedRemove struct {
	Name  string `arg:""`
	Owner string `help:"Whose it is; default: saved on this machine." default:"system" placeholder:"USER"`
}

func (v savedRemove) Run(c *call) error {
	return c.change(http.MethodDelete, "/searches/"+url.PathEscape(v.Owner)+"/"+url.PathEscape(v.Name), nil, nil, "The search "+v.Name+" is removed.")
}

package casework

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// References name things in other systems: a ticket of a help desk, a record of a CRM. They are found in the mail of a
// case by patterns, or somebody gives them. Nothing is ever sent to the other system: a link is followed by who reads.

// ReferenceSystem is another system, and how what it knows is named.
type ReferenceSystem struct {
	Name    string `json:"name"`          // As people know it: "Zendesk".
	Pattern string `json:"pattern"`       // RE2; what it finds is its first named group, else the whole.
	URL     string `json:"url,omitempty"` // Where it leads, with {id} for what was found; "" nowhere.

	re *regexp.Regexp
}

// ReferenceRules are the systems that references are looked for of.
type ReferenceRules struct {
	Version int               `json:"version"` // 0: nobody has said anything.
	Systems []ReferenceSystem `json:"systems"`
}

// GivenReference is one that somebody gave a case by hand, or put aside.
type GivenReference struct {
	System string    `json:"system"`
	ID     string    `json:"id"`
	Aside  bool      `json:"aside,omitempty"` // It does not belong to the case.
	By     string    `json:"by"`
	At     time.Time `json:"at"`

	event archive.Position
}

// Reference is something of another system that a case is about.
type Reference struct {
	System  string   `json:"system"`
	ID      string   `json:"id"`
	URL     string   `json:"url,omitempty"`
	Quote   string   `json:"quote,omitempty"` // The words that name it first.
	Given   bool     `json:"given,omitempty"` // By somebody, not found.
	Sources []Source `json:"sources"`         // The messages that name it, or who gave it.
}

// Commands about references.
type (
	// SetReferences says of which systems references are looked for: all of them.
	SetReferences struct {
		Rules  ReferenceRules // With the version that was changed.
		Reason string

		actor string
	}
	// GiveReference says that a case is about something, or that it is not.
	GiveReference struct {
		Case       int
		System, ID string
		Aside      bool
		Reason     string
		Revision   *archive.Position
	}
)

func (c SetReferences) by(actor string) Command { c.actor = actor; return c }

const (
	maxSystems = 40
	maxLink    = 500 // bytes
	linkID     = "{id}"
)

// Check lets those who lead say which systems there are.
func (c SetReferences) Check(s *State, _ time.Time) ([]Event, error) {
	if !s.leads(c.actor) {
		return nil, refuse(Forbidden, "Systems", "Only a manager or an administrator says of which systems references are looked for.")
	}
	had := s.references
	switch {
	case c.Rules.Version != had.Version:
		return nil, refuse(Conflict, "Version", "Somebody else has changed the systems meanwhile: they are version %d now. Look at them, then change them again.", had.Version)
	case len(c.Rules.Systems) > maxSystems:
		return nil, refuse(Invalid, "Systems", "At most %d systems can be named.", maxSystems)
	}
	data := ReferencesSetData{ReferenceRules{Version: had.Version + 1}}
	for i, x := range c.Rules.Systems {
		x = ReferenceSystem{Name: strings.TrimSpace(x.Name), Pattern: x.Pattern, URL: strings.TrimSpace(x.URL)}
		if x.Name == "" {
			return nil, refuse(Invalid, "Name", "A system needs a name, as people know it.")
		}
		_, fault := compile("Pattern", x.Pattern)
		for _, err := range []error{checkLine("Name", "name", x.Name, maxName), checkLine("Pattern", "pattern", x.Pattern, maxPattern), fault, checkLink(x.URL)} {
			if err != nil {
				return nil, err
			}
		}
		if slices.ContainsFunc(c.Rules.Systems[:i], func(o ReferenceSystem) bool { return strings.EqualFold(strings.TrimSpace(o.Name), x.Name) }) {
			return nil, refuse(Invalid, "Name", "Two systems have the name %s.", x.Name)
		}
		data.Systems = append(data.Systems, x)
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	if slices.EqualFunc(data.Systems, had.Systems, func(a, b ReferenceSystem) bool {
		return a.Name == b.Name && a.Pattern == b.Pattern && a.URL == b.URL
	}) {
		return nil, nil
	}
	return newEvent(ReferencesSet, 0, c.Reason, data)
}

// maxName is how long the name of a system is, and what is shown of an extract.
const maxName = 60 // code points

// checkLink refuses what is no address of a page, and one whose host would depend on what was found.
func checkLink(link string) error {
	if link == "" {
		return nil
	}
	u, err := url.Parse(strings.ReplaceAll(link, linkID, "0"))
	switch {
	case len(link) > maxLink:
		return refuse(Invalid, "URL", "The address has %d bytes; at most %d fit.", len(link), maxLink)
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return refuse(Invalid, "URL", "%q is not the address of a page. Write for example https://contoso.example/tickets/{id}.", link)
	case u.User != nil:
		return refuse(Invalid, "URL", "The address has a user name in it. Leave that out.")
	case !strings.Contains(link, linkID):
		return refuse(Invalid, "URL", "The address does not say where the number stands. Write {id} there.")
	}
	if _, behind, _ := strings.Cut(link, "://"); strings.Contains(behind[:hostEnd(behind)], linkID) {
		return refuse(Invalid, "URL", "Where the address leads cannot depend on what a message says: {id} stands behind the host.")
	}
	return nil
}

// hostEnd is where the host of an address without its scheme ends.
func hostEnd(address string) int {
	if i := strings.IndexAny(address, "/?#"); i >= 0 {
		return i
	}
	return len(address)
}

// link is where what was found leads.
func (x *ReferenceSystem) link(id string) string {
	return strings.ReplaceAll(x.URL, linkID, strings.ReplaceAll(url.QueryEscape(id), "+", "%20"))
}

// Check refuses a system that nobody knows.
func (c GiveReference) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	if err != nil {
		return nil, err
	}
	id := strings.TrimSpace(c.ID)
	x := s.references.system(c.System)
	switch {
	case x == nil:
		return nil, refuse(Invalid, "System", "There is no system %q that references are of.", c.System)
	case id == "" || len(id) > maxFound:
		return nil, refuse(Invalid, "ID", "Write the number as %s shows it.", x.Name)
	}
	for _, err := range []error{checkLine("ID", "number", id, maxFound), checkReason(c.Reason)} {
		if err != nil {
			return nil, err
		}
	}
	if i := file.given(x.Name, id); i >= 0 && file.References[i].Aside == c.Aside {
		return nil, nil
	}
	return newEvent(ReferenceGiven, c.Case, c.Reason, ReferenceGivenData{x.Name, id, c.Aside})
}

func (r *ReferenceRules) system(name string) *ReferenceSystem {
	for i := range r.Systems {
		if x := &r.Systems[i]; strings.EqualFold(x.Name, strings.TrimSpace(name)) {
			return x
		}
	}
	return nil
}

// given finds what was said of a reference by hand; -1 where nothing was.
func (c *Case) given(system, id string) int {
	return slices.IndexFunc(c.References, func(g GivenReference) bool {
		return strings.EqualFold(g.System, system) && strings.EqualFold(g.ID, id)
	})
}

// ReferencesOf finds what a case, with those that were merged into it, is about in other systems: what was given, and
// what its mail names in subjects and in what its authors wrote, but for what was put aside. It is a pure function of its
// input. They are in the order of their systems, and of each the one that was named last comes first.
func ReferencesOf(cases []Case, mail []Said, rules ReferenceRules) []Reference {
	type key struct{ system, id string }
	found := map[key]*Reference{}
	var order []*Reference
	add := func(x *ReferenceSystem, id string) *Reference {
		k := key{x.Name, strings.ToLower(id)}
		if found[k] == nil {
			found[k] = &Reference{System: x.Name, ID: id}
			if x.URL != "" {
				found[k].URL = x.link(id)
			}
			order = append(order, found[k])
		}
		return found[k]
	}
	aside := map[key]bool{}
	for i := range cases {
		for _, g := range cases[i].References {
			x := rules.system(g.System)
			switch {
			case g.Aside:
				aside[key{g.System, strings.ToLower(g.ID)}] = true
			case x != nil:
				r := add(x, g.ID)
				r.Given = true
				r.Sources = append(r.Sources, Source{Case: cases[i].Number, Event: g.event, At: g.At})
			}
		}
	}
	for i := range mail {
		m := &mail[i]
		for j := range m.Pieces {
			p := &m.Pieces[j]
			if p.Where == InFiles {
				continue
			}
			for k := range rules.Systems {
				x := &rules.Systems[k]
				if x.re == nil {
					continue
				}
				p.each(x.re, func(whole, value [2]int) {
					r := add(x, p.Text[value[0]:value[1]])
					if n := len(r.Sources); n > 0 && r.Sources[n-1].Record != nil && *r.Sources[n-1].Record == m.Record {
						return
					}
					r.Quote = cmp.Or(r.Quote, clipped(p.Text[whole[0]:whole[1]]))
					r.Sources = append(r.Sources, Source{Record: &m.Record, At: m.At})
				})
			}
		}
	}
	all := make([]Reference, 0, len(order))
	for _, r := range order {
		if !aside[key{r.System, strings.ToLower(r.ID)}] {
			all = append(all, *r)
		}
	}
	rank := func(r Reference) int {
		return slices.IndexFunc(rules.Systems, func(x ReferenceSystem) bool { return x.Name == r.System })
	}
	last := func(r Reference) time.Time { return r.Sources[len(r.Sources)-1].At }
	slices.SortStableFunc(all, func(a, b Reference) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), last(b).Compare(last(a)))
	})
	return all
}

// clipped is a text on one line, and not longer than what is found.
func clipped(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxFound {
		text = strings.ToValidUTF8(text[:maxFound], "") + "…"
	}
	return text
}

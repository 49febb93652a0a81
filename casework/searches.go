package casework

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// The data of the events about saved searches. Who saved a search and its name
// say which it is: others may have one of the same name for themselves.
type (
	// SearchSavedData is the data of SearchSaved: all that a search says.
	SearchSavedData struct {
		Owner       string `json:"owner"`
		Name        string `json:"name"`
		Query       string `json:"query"`
		Description string `json:"description,omitempty"`
		Shared      bool   `json:"shared,omitempty"` // For everyone who reads; else for the owner alone.
		Watch       bool   `json:"watch,omitempty"`  // What comes in and matches is told.
	}
	// SearchRemovedData is the data of SearchRemoved.
	SearchRemovedData struct {
		Owner string `json:"owner"`
		Name  string `json:"name"`
	}
	// SearchSeenData is the data of SearchSeen.
	SearchSeenData struct {
		Owner string    `json:"owner"`
		Name  string    `json:"name"`
		Upto  Positions `json:"upto"` // Every record before these was seen.
	}
)

// Positions are places in streams; a stream that is not named is at its beginning.
type Positions = map[archive.Stream]archive.Position

// Search is a query that was given a name.
type Search struct {
	Owner       string    `json:"owner"`
	Name        string    `json:"name"`
	Query       string    `json:"query"`
	Description string    `json:"description,omitempty"`
	Shared      bool      `json:"shared"`
	Watch       bool      `json:"watch"`
	Since       time.Time `json:"since,omitzero"` // Since when it is watched with this query.
	Saved       time.Time `json:"saved"`
}

// SearchKey says which search it is.
type SearchKey struct{ Owner, Name string }

// Key says which search it is.
func (s Search) Key() SearchKey { return SearchKey{s.Owner, s.Name} }

// Searches are all saved searches. The index folds the same events, so that it
// can match what comes in.
type Searches map[SearchKey]Search

// Save folds a SearchSaved.
func (all Searches) Save(at time.Time, data SearchSavedData) (Search, error) {
	if data.Shared {
		if other, taken := all.shared(data.Name); taken && other.Owner != data.Owner {
			return Search{}, fmt.Errorf("%s shares a search %q already", other.Owner, data.Name)
		}
	}
	if data.Owner == "" || data.Name == "" {
		return Search{}, fmt.Errorf("a search has no owner or no name")
	}
	n := Search{data.Owner, data.Name, data.Query, data.Description, data.Shared, data.Watch, time.Time{}, at}
	if n.Watch {
		n.Since = at
		if before := all[n.Key()]; before.Watch && before.Query == n.Query {
			n.Since = before.Since
		}
	}
	all[n.Key()] = n
	return n, nil
}

// Remove folds a SearchRemoved.
func (all Searches) Remove(data SearchRemovedData) error {
	key := SearchKey(data)
	if _, ok := all[key]; !ok {
		return fmt.Errorf("%s has no search %q", key.Owner, key.Name)
	}
	delete(all, key)
	return nil
}

// ApplySearch folds an event into searches; it reports which search changed,
// false when the event is about something else or does not fit.
func (all Searches) ApplySearch(e Event) (SearchKey, bool) {
	switch e.Type {
	case SearchSaved:
		var data SearchSavedData
		if json.Unmarshal(e.Data, &data) == nil {
			s, err := all.Save(e.At, data)
			return s.Key(), err == nil
		}
	case SearchRemoved:
		var data SearchRemovedData
		if json.Unmarshal(e.Data, &data) == nil {
			return SearchKey(data), all.Remove(data) == nil
		}
	}
	return SearchKey{}, false
}

// shared finds the search that is shared under a name.
func (all Searches) shared(name string) (Search, bool) {
	for _, s := range all {
		if s.Shared && s.Name == name {
			return s, true
		}
	}
	return Search{}, false
}

// Queries are the searches that somebody may name in queries. A shared one goes
// before his own of the same name, so that it means the same to everyone.
func (all Searches) Queries(actor string) map[string]string {
	out := map[string]string{}
	for _, s := range all {
		if s.Shared {
			out[s.Name] = s.Query
		}
	}
	for _, s := range all {
		if _, shared := out[s.Name]; s.Owner == actor && !shared {
			out[s.Name] = s.Query
		}
	}
	return out
}

// searchFolds are the folds of the events about saved searches.
var searchFolds = map[EventType]fold{
	SearchSaved:   folding((*State).searchSaved),
	SearchRemoved: folding((*State).searchRemoved),
	SearchSeen:    folding((*State).searchSeen),
}

func (s *State) searchSaved(d decision, data SearchSavedData) error {
	_, err := s.searches.Save(d.At, data)
	return err
}

func (s *State) searchRemoved(_ decision, data SearchRemovedData) error {
	if err := s.searches.Remove(data); err != nil {
		return err
	}
	maps.DeleteFunc(s.seen, func(by seenBy, _ Positions) bool { return by.search == SearchKey(data) })
	maps.DeleteFunc(s.alerts.subs, func(by seenBy, _ subscription) bool { return by.search == SearchKey(data) })
	return nil
}

// seenBy is somebody who looked at what a search found.
type seenBy struct {
	search SearchKey
	actor  string
}

func (s *State) searchSeen(d decision, data SearchSeenData) error {
	key := SearchKey{data.Owner, data.Name}
	if _, ok := s.searches[key]; !ok {
		return fmt.Errorf("%s has no search %q", key.Owner, key.Name)
	}
	s.seen[seenBy{key, d.Actor}] = data.Upto
	return nil
}

// Searches lists what somebody saved and what others share, by name.
func (s *State) Searches(actor string) []Search {
	list := []Search{}
	for _, x := range s.searches {
		if x.Shared || x.Owner == actor {
			list = append(list, x)
		}
	}
	slices.SortFunc(list, func(a, b Search) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Owner, b.Owner))
	})
	return list
}

// Search returns a search that somebody may use.
func (s *State) Search(actor string, key SearchKey) (Search, bool) {
	x, ok := s.searches[key]
	return x, ok && (x.Shared || x.Owner == actor)
}

// Queries are the searches that somebody may name in queries.
func (s *State) Queries(actor string) map[string]string { return s.searches.Queries(actor) }

// Seen tells how far somebody has seen what a search found.
func (s *State) Seen(actor string, key SearchKey) Positions {
	return maps.Clone(s.seen[seenBy{key, actor}])
}

// Commands about saved searches.
type (
	// SaveSearch gives a query a name, or says anew what a search says.
	SaveSearch struct {
		Owner       string // Default: who gives the command.
		Name        string
		Query       string
		Description string
		Shared      bool
		Watch       bool

		actor string // Set by the Desk.
	}
	// RemoveSearch ends a search. Queries that name it are refused from then on.
	RemoveSearch struct {
		Owner string // Default: who gives the command.
		Name  string

		actor string // Set by the Desk.
	}
	// SeeSearch says that somebody has seen what a search found.
	SeeSearch struct {
		Owner, Name string
		Upto        Positions

		actor string // Set by the Desk.
	}
)

// Limits of saved searches.
const (
	maxSearches    = 1000 // of one owner
	maxSearchQuery = 4000 // code points
)

func (c SaveSearch) by(actor string) Command {
	c.actor, c.Owner = actor, or(c.Owner, actor)
	return c
}

func (c RemoveSearch) by(actor string) Command {
	c.actor, c.Owner = actor, or(c.Owner, actor)
	return c
}

func (c SeeSearch) by(actor string) Command {
	c.actor, c.Owner = actor, or(c.Owner, actor)
	return c
}

// Check refuses to change what is another's: a shared search is changed by its owner
// and by administrators.
func (c SaveSearch) Check(s *State, _ time.Time) ([]Event, error) {
	c.Query, c.Description = strings.TrimSpace(c.Query), strings.TrimSpace(c.Description)
	for _, err := range []error{checkName("Name", "search", c.Name), checkText("Query", "query", c.Query, maxSearchQuery), checkLine("Description", "description", c.Description, maxReason)} {
		if err != nil {
			return nil, err
		}
	}
	before, known := s.searches[SearchKey{c.Owner, c.Name}]
	if err := s.checkSearchOwner(c.actor, c.Owner, before, known); err != nil {
		return nil, err
	}
	if other, taken := s.searches.shared(c.Name); taken && other.Owner != c.Owner {
		return nil, refuse(Conflict, "Name", "%s shares a search %q with everyone. Choose another name.", s.who(other.Owner), c.Name)
	}
	if c.Shared && !(known && before.Shared) && !s.roleOf(c.actor, Role.shares) {
		return nil, refuse(Conflict, "Shared", "Your role keeps searches for itself. Ask somebody who works on cases to share it.")
	}
	if !known && s.searchesOf(c.Owner) >= maxSearches {
		return nil, refuse(Conflict, "Name", "There are %d saved searches of yours already. Remove one first.", maxSearches)
	}
	data := SearchSavedData{c.Owner, c.Name, c.Query, c.Description, c.Shared, c.Watch}
	if known && data == (SearchSavedData{before.Owner, before.Name, before.Query, before.Description, before.Shared, before.Watch}) {
		return nil, nil
	}
	return newEvent(SearchSaved, 0, "", data)
}

// checkSearchOwner refuses what another saved, and tells nothing of what he did
// not share.
func (s *State) checkSearchOwner(actor, owner string, x Search, known bool) error {
	switch {
	case actor == owner:
		return nil
	case !known || !x.Shared:
		return refuse(NotFound, "Name", "There is no such saved search.")
	case !s.roleOf(actor, func(r Role) bool { return r == Admin }):
		return refuse(Conflict, "Name", "The search %q is changed by %s, who saved it, or by an administrator.", x.Name, s.who(owner))
	}
	return nil
}

// shares reports whether the role may show everyone what it saved.
func (r Role) shares() bool { return r.Works() || r == Compliance }

// roleOf reports whether one of the roles of an actor allows something.
func (s *State) roleOf(actor string, allows func(Role) bool) bool {
	if actor == System {
		return true
	}
	if name, ok := strings.CutPrefix(actor, tokenActor); ok {
		t := s.tokens[name]
		return t != nil && t.Revoked.IsZero() && allows(t.Role)
	}
	return s.users[actor].may(allows)
}

func (s *State) searchesOf(owner string) (n int) {
	for key := range s.searches {
		if key.Owner == owner {
			n++
		}
	}
	return n
}

// Check refuses to remove what is another's.
func (c RemoveSearch) Check(s *State, _ time.Time) ([]Event, error) {
	x, known := s.searches[SearchKey{c.Owner, c.Name}]
	if err := s.checkSearchOwner(c.actor, c.Owner, x, known); err != nil {
		return nil, err
	}
	if !known {
		return nil, refuse(NotFound, "Name", "There is no saved search %q.", c.Name)
	}
	return newEvent(SearchRemoved, 0, "", SearchRemovedData{c.Owner, c.Name})
}

// Check does nothing when as much was seen before.
func (c SeeSearch) Check(s *State, _ time.Time) ([]Event, error) {
	key := SearchKey{c.Owner, c.Name}
	x, ok := s.Search(c.actor, key)
	switch {
	case !ok:
		return nil, refuse(NotFound, "Name", "There is no such saved search.")
	case !x.Watch:
		return nil, refuse(Conflict, "Name", "The search %q is not watched.", c.Name)
	}
	upto, err := further(s.seen[seenBy{key, c.actor}], c.Upto)
	if upto == nil || err != nil {
		return nil, err
	}
	return newEvent(SearchSeen, 0, "", SearchSeenData{c.Owner, c.Name, upto})
}

// further are the positions up to which something was seen, now that it was seen up to others: two windows may be open. They
// are nil when that is nothing new.
func further(before, upto Positions) (Positions, error) {
	if len(upto) > maxStreams {
		return nil, refuse(Invalid, "Upto", "There are not that many streams.")
	}
	all := Positions{}
	for stream, p := range upto {
		if !stream.Valid() || p >= last {
			return nil, refuse(Invalid, "Upto", "%q at %d is no place in a stream.", stream, p)
		}
		all[stream] = max(p, before[stream])
	}
	for stream, p := range before {
		all[stream] = max(p, all[stream])
	}
	if maps.Equal(all, before) {
		return nil, nil
	}
	return all, nil
}

// maxStreams bounds an event.
const maxStreams = 1000

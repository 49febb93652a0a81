package casework

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// A feed is a secret link under which calendars of other programs find the dates and promises of somebody's cases
// (RFC 5545). Of the link its hash is kept.

// The types of event about feeds.
const (
	FeedMade    EventType = "feed.made"
	FeedRevoked EventType = "feed.revoked"
)

// Feed is a link to dates.
type Feed struct {
	ID      int            `json:"id"` // Of its user, from 1.
	User    string         `json:"user"`
	Account string         `json:"account,omitempty"` // ID; "": of the cases that the user owns or follows.
	Hash    archive.Digest `json:"-"`                 // SHA-256 of the secret in the link.
	Made    time.Time      `json:"made"`
	Revoked time.Time      `json:"revoked,omitzero"`
}

// The data of the events about feeds.
type (
	// FeedMadeData is the data of FeedMade.
	FeedMadeData struct {
		ID      int            `json:"id"`
		User    string         `json:"user"`
		Account string         `json:"account,omitempty"`
		Hash    archive.Digest `json:"hash"`
	}
	// FeedRevokedData is the data of FeedRevoked.
	FeedRevokedData struct {
		ID   int    `json:"id"`
		User string `json:"user"`
	}
)

// maxFeeds is how many links of one person open at once.
const maxFeeds = 20

// Commands about feeds.
type (
	// MakeFeed makes a link for the actor.
	MakeFeed struct {
		Account string         // ID or name; "": of the cases that he owns or follows.
		Hash    archive.Digest // Of the secret.
		ID      *int           // *ID receives the ID when not nil. It counts when Do succeeds.

		actor string // Set by the Desk.
	}
	// RevokeFeed ends a link of the actor at once.
	RevokeFeed struct {
		ID int

		actor string
	}
)

func (c MakeFeed) by(actor string) Command   { c.actor = actor; return c }
func (c RevokeFeed) by(actor string) Command { c.actor = actor; return c }

// feedBook is what was decided about feeds.
type feedBook struct {
	of     map[string][]Feed // By user; ID 1 first.
	byHash map[archive.Digest]feedKey
}

type feedKey struct {
	user string
	id   int
}

func newFeedBook() feedBook {
	return feedBook{map[string][]Feed{}, map[archive.Digest]feedKey{}}
}

// Check refuses a link for who reads nothing.
func (c MakeFeed) Check(s *State, _ time.Time) ([]Event, error) {
	live := 0
	for _, f := range s.feeds.of[c.actor] {
		if f.Revoked.IsZero() {
			live++
		}
	}
	_, taken := s.feeds.byHash[c.Hash]
	account := ""
	switch {
	case !s.users[c.actor].may(Role.Reads):
		return nil, refuse(Forbidden, "", "Links to dates are for people who read cases.")
	case c.Hash.IsZero() || taken:
		return nil, refuse(Invalid, "Hash", "The link needs a secret of its own.")
	case live >= maxFeeds:
		return nil, refuse(Conflict, "", "%d links of yours open already. Revoke one first.", maxFeeds)
	}
	if name := strings.TrimSpace(c.Account); name != "" {
		a := s.accountNamed(name)
		if a == nil {
			return nil, refuse(NotFound, "Account", "There is no account %q.", name)
		}
		account = a.ID
	}
	id := len(s.feeds.of[c.actor]) + 1
	if c.ID != nil {
		*c.ID = id
	}
	return newEvent(FeedMade, 0, "", FeedMadeData{id, c.actor, account, c.Hash})
}

// Check refuses a link that does not exist, or was revoked.
func (c RevokeFeed) Check(s *State, _ time.Time) ([]Event, error) {
	list := s.feeds.of[c.actor]
	if c.ID < 1 || c.ID > len(list) {
		return nil, refuse(NotFound, "ID", "You have no link %d to dates.", c.ID)
	}
	if !list[c.ID-1].Revoked.IsZero() {
		return nil, refuse(Gone, "ID", "You revoked this link already.")
	}
	return newEvent(FeedRevoked, 0, "", FeedRevokedData{c.ID, c.actor})
}

// feedFolds are the folds of the events about feeds.
var feedFolds = map[EventType]fold{FeedMade: folding((*State).feedMade), FeedRevoked: folding((*State).feedRevoked)}

func (s *State) feedMade(d decision, data FeedMadeData) error {
	_, taken := s.feeds.byHash[data.Hash]
	if s.users[data.User] == nil || taken || data.ID != len(s.feeds.of[data.User])+1 {
		return fmt.Errorf("link %d of %q is out of turn, or its secret is taken", data.ID, data.User)
	}
	user := s.actor(data.User)
	s.feeds.of[user] = append(s.feeds.of[user], Feed{ID: data.ID, User: user, Account: data.Account, Hash: data.Hash, Made: d.At})
	s.feeds.byHash[data.Hash] = feedKey{user, data.ID}
	return nil
}

func (s *State) feedRevoked(d decision, data FeedRevokedData) error {
	list := s.feeds.of[data.User]
	if data.ID < 1 || data.ID > len(list) || !list[data.ID-1].Revoked.IsZero() {
		return fmt.Errorf("there is no live link %d of %q", data.ID, data.User)
	}
	list[data.ID-1].Revoked = d.At
	return nil
}

// Feeds lists the links of somebody to dates, the last one first.
func (s *State) Feeds(user string) []Feed {
	list := slices.Clone(s.feeds.of[user])
	slices.Reverse(list)
	return list
}

// FeedByHash finds a link that opens by the hash of its secret, with whose it is. It opens while that person may read.
func (s *State) FeedByHash(hash archive.Digest) (Feed, User, bool) {
	key, ok := s.feeds.byHash[hash]
	if !ok {
		return Feed{}, User{}, false
	}
	f, u := s.feeds.of[key.user][key.id-1], s.users[key.user]
	if !f.Revoked.IsZero() || !u.may(Role.Reads) {
		return Feed{}, User{}, false
	}
	return f, u.clone(), true
}

// FeedCases are the open cases that a feed is about: those of an account, or those that its user owns or follows.
func (s *State) FeedCases(f Feed) (cases []Case) {
	for _, c := range s.cases {
		mine := c.Owner == f.User || slices.Contains(c.Followers, f.User)
		if f.Account != "" {
			a := s.accountNamed(c.Account)
			mine = a != nil && a.ID == f.Account
		}
		if mine && c.Status != Closed {
			cases = append(cases, c.clone())
		}
	}
	return cases
}

// FeedItem is a date in a feed.
type FeedItem struct {
	UID     string // Stays the same for ever.
	Case    int
	Summary string
	When    When
	Last    bool // A time until which something is to be done: the last day of When is what matters.
}

// FeedOf lists what is open in some cases and has a time: promises and dates that matter, in order of their cases.
// Their words are those of people here; nothing of a message is read for it.
func FeedOf(cases []Case) (items []FeedItem) {
	for _, c := range cases {
		for _, p := range c.Commitments {
			if p.End != nil || p.Due == nil {
				continue
			}
			whose := "Promise to keep"
			if p.Direction == Theirs {
				whose = "Promise to us"
			}
			items = append(items, FeedItem{fmt.Sprintf("%s-promise-%d", c.label(), p.ID), c.Number, fmt.Sprintf("%s, %s: %s", whose, c.label(), c.Title), *p.Due.clone(), true})
		}
		for _, k := range c.KeyDates {
			if k.Removed.IsZero() {
				items = append(items, FeedItem{fmt.Sprintf("%s-date-%d", c.label(), k.ID), c.Number, fmt.Sprintf("%s, %s: %s", k.Label, c.label(), c.Title), k.When, k.Kind == "deadline"})
			}
		}
	}
	return items
}

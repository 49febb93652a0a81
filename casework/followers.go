package casework

import (
	"fmt"
	"slices"
	"time"
)

// Who follows a case is told what its owner is told, and owns nothing by it.

// The types of event about followers.
const (
	CaseFollowed   EventType = "case.followed"
	CaseUnfollowed EventType = "case.unfollowed"
)

// FollowData is the data of CaseFollowed and CaseUnfollowed.
type FollowData struct {
	User string `json:"user"`
}

// Commands about followers.
type (
	// FollowCase has the actor told of what happens to a case.
	FollowCase struct {
		Case int

		actor string // Set by the Desk.
	}
	// UnfollowCase takes that back.
	UnfollowCase struct {
		Case int

		actor string
	}
)

func (c FollowCase) by(actor string) Command   { c.actor = actor; return c }
func (c UnfollowCase) by(actor string) Command { c.actor = actor; return c }

// Check does nothing when that is so already.
func (c FollowCase) Check(s *State, _ time.Time) ([]Event, error) {
	return s.checkFollow(CaseFollowed, c.Case, c.actor)
}

// Check does nothing when that is so already.
func (c UnfollowCase) Check(s *State, _ time.Time) ([]Event, error) {
	return s.checkFollow(CaseUnfollowed, c.Case, c.actor)
}

func (s *State) checkFollow(t EventType, number int, actor string) ([]Event, error) {
	file, err := s.findCase(number)
	switch {
	case err != nil:
		return nil, err
	case !s.users[actor].may(Role.Reads):
		return nil, refuse(Forbidden, "", "Cases are followed by people who read them: a program, or who reads nothing, is told nothing.")
	case slices.Contains(file.Followers, actor) == (t == CaseFollowed):
		return nil, nil
	}
	return newEvent(t, number, "", FollowData{actor})
}

// followFolds are the folds of the events about followers.
var followFolds = map[EventType]caseFold{
	CaseFollowed:   onCase((*State).caseFollowed),
	CaseUnfollowed: onCase((*State).caseUnfollowed),
}

func (s *State) caseFollowed(c *caseFile, d decision, data FollowData) (Entry, error) {
	if s.users[data.User] == nil || slices.Contains(c.Followers, data.User) {
		return Entry{}, fmt.Errorf("%q is nobody, or follows the case already", data.User)
	}
	c.Followers = append(slices.Clone(c.Followers), s.actor(data.User))
	return Entry{Text: s.who(data.User) + " follows the case"}, nil
}

func (s *State) caseUnfollowed(c *caseFile, d decision, data FollowData) (Entry, error) {
	if !slices.Contains(c.Followers, data.User) {
		return Entry{}, fmt.Errorf("%q does not follow the case", data.User)
	}
	c.Followers = slices.DeleteFunc(slices.Clone(c.Followers), func(name string) bool { return name == data.User })
	if len(c.Followers) == 0 {
		c.Followers = nil
	}
	return Entry{Text: s.who(data.User) + " follows the case no more"}, nil
}

package casework

import (
	"slices"
	"time"
)

// Commands about share links.
type (
	// CreateShare makes a link that shows guests chosen items of a case.
	CreateShare struct {
		Case  int
		Share Share // ID, By and At are filled.
	}
	// RevokeShare ends a link at once.
	RevokeShare struct {
		Case, ID int
		Reason   string
	}
	// OpenShare says that a guest looked. It makes at most one event an hour
	// for an address.
	OpenShare struct {
		Case, ID int
		IP       string
	}
)

// Check refuses a share of what does not exist, of what has no source, and
// one without an end.
func (c CreateShare) Check(s *State, now time.Time) ([]Event, error) {
	file, err := s.findCase(c.Case)
	if err != nil {
		return nil, err
	}
	x := c.Share
	_, taken := s.byShare[x.Hash]
	switch {
	case x.Hash.IsZero() || taken:
		return nil, refuse(Invalid, "Hash", "The link needs a secret of its own.")
	case len(x.Citations)+len(x.Notes) == 0:
		return nil, refuse(Invalid, "Citations", "Choose at least one citation or note to share.")
	}
	for _, err := range []error{
		checkLine("Title", "title", x.Title, maxTitle), checkExpiry(x.Expires, now),
		file.checkCitations("Citations", x.Citations), file.checkNotes(x.Notes),
	} {
		if err != nil {
			return nil, err
		}
	}
	return newEvent(ShareCreated, c.Case, "", ShareData{
		ID: len(file.Shares) + 1, Hash: x.Hash, Title: x.Title, Citations: x.Citations,
		Notes: x.Notes, Whole: x.Whole, Expires: x.Expires.UTC().Round(0),
	})
}

func checkExpiry(expires, now time.Time) error {
	switch {
	case !expires.After(now):
		return refuse(Invalid, "Expires", "The link would have ended before it began. Choose a day in the future.")
	case expires.After(now.AddDate(1, 0, 0)):
		return refuse(Invalid, "Expires", "A link works for one year at most. Choose an earlier day; a new link can be made later.")
	}
	return nil
}

// checkNotes refuses to share notes that do not exist or that nothing proves.
func (c *Case) checkNotes(ids []int) error {
	for i, id := range ids {
		n := c.note(id)
		switch {
		case n == nil:
			return refuse(Invalid, "Notes", "Case %s has no note %d.", c.label(), id)
		case slices.Contains(ids[:i], id):
			return refuse(Invalid, "Notes", "Note %d is named twice.", id)
		case !c.sourced(n, 0):
			return refuse(Invalid, "Notes", "Note %d has no source, and guests see only what a message proves. Leave it out, or write the note again with a citation.", id)
		}
	}
	return nil
}

// Check refuses a link that does not exist or was revoked before.
func (c RevokeShare) Check(s *State, _ time.Time) ([]Event, error) {
	share, err := s.findShare(c.Case, c.ID)
	if err != nil {
		return nil, err
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	if !share.Revoked.IsZero() {
		return nil, refuse(Gone, "ID", "%s revoked this link already, on %s.", s.who(share.RevokedBy), share.Revoked.UTC().Format("2 January 2006"))
	}
	return newEvent(ShareRevoked, c.Case, c.Reason, ShareRevokedData{c.ID})
}

func (s *State) findShare(number, id int) (*Share, error) {
	file, err := s.findCase(number)
	if err != nil {
		return nil, err
	}
	share := file.share(id)
	if share == nil {
		return nil, refuse(NotFound, "ID", "Case %s has no share link %d.", file.label(), id)
	}
	return share, nil
}

// Check makes no event when the same address looked within the hour.
func (c OpenShare) Check(s *State, now time.Time) ([]Event, error) {
	share, err := s.findShare(c.Case, c.ID)
	if err != nil {
		return nil, err
	}
	if !share.Live(now) {
		return nil, refuse(Gone, "ID", "This link does not work any more. Ask who sent it to you for a new one.")
	}
	if err := checkLine("IP", "address", c.IP, maxTitle); err != nil {
		return nil, err
	}
	last, looked := s.looked[shareKey{c.Case, c.ID}][c.IP]
	if looked && now.Sub(last) < openEvery {
		return nil, nil
	}
	return newEvent(ShareOpened, c.Case, "", ShareOpenedData{c.ID, c.IP})
}

package casework

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"polytrace/archive"
)

// The types of event about promises that look done.
const (
	DischargeRejected EventType = "discharge.rejected" // a message does not keep a promise
	DischargeRestored EventType = "discharge.restored" // that is taken back
)

// LooksDone is a promise that a later message of the side that made it seems to keep. It is a question to people, and
// closes nothing.
type LooksDone struct {
	Case       int             `json:"case"`
	Commitment int             `json:"commitment"`
	Record     archive.Address `json:"record"` // The message.
	SHA256     archive.Digest  `json:"sha256"`
	When       time.Time       `json:"when"` // It was sent.
	Part       int             `json:"part"` // Whose text Quote is of.
	Quote      string          `json:"quote,omitempty"`
	Start      int             `json:"start,omitempty"`
	End        int             `json:"end,omitempty"`
	File       string          `json:"file,omitempty"` // That is named like what was promised.
	Share      float64         `json:"share"`          // Of the words of the promise that are there, from 0 to 1.
	Sources    []Source        `json:"sources"`        // The words of the promise, and the message.
}

// DischargeInput is what LooksDoneOf goes by.
type DischargeInput struct {
	Cases  []Case
	Mail   []Mail                    // Of all of them.
	Traits map[archive.Digest]Traits // Of the messages; what says that something was done is in Done.
}

// halfOf is how much of a promise has to be in what may keep it.
const halfOf = .5

// LooksDoneOf finds for each open promise the later message of the right side that keeps it most likely: one that says
// that something was done, in words of the promise, or has a file of such a name. What somebody has rejected is left
// out. It is a pure function of its input.
func LooksDoneOf(in DischargeInput) (list []LooksDone) {
	for i := range in.Cases {
		c := &in.Cases[i]
		for _, p := range c.Commitments {
			if p.End != nil {
				continue
			}
			if best, ok := in.best(c, p); ok {
				list = append(list, best)
			}
		}
	}
	return list
}

// best is the message that keeps a promise most likely: of equals the newest.
func (in DischargeInput) best(c *Case, p Commitment) (best LooksDone, ok bool) {
	wanted, made := things(p.What), c.madeAt(p, in.Mail)
	if len(wanted) == 0 {
		return best, false
	}
	side := Outbound
	if p.Direction == Theirs {
		side = Inbound
	}
	for i := range in.Mail {
		m := &in.Mail[i]
		if !m.human(side) || !m.When().After(made) || slices.Contains(p.NotBy, m.SHA256) {
			continue
		}
		x, found := m.keeps(wanted, in.Traits[m.SHA256])
		if !found || ok && (x.Share < best.Share || x.Share == best.Share && m.When().Before(best.When)) {
			continue
		}
		x.Case, x.Commitment, x.Sources = c.Number, p.ID, append(c.cited(p.Cites, "promise-"+itoa(p.ID)), letter(m))
		best, ok = x, true
	}
	return best, ok
}

// madeAt is when a promise was made last: when the words were sent that it rests on, or it was written down.
func (c *Case) madeAt(p Commitment, mail []Mail) time.Time {
	cites, at := p.Cites, p.At
	if n := len(p.Moves); n > 0 && len(p.Moves[n-1].Cites) > 0 {
		cites, at = p.Moves[n-1].Cites, p.Moves[n-1].At
	}
	var sent time.Time
	for _, id := range cites {
		x := c.citation(id)
		for i := range mail {
			if x != nil && mail[i].SHA256 == x.SHA256 {
				sent = latest(sent, mail[i].When())
			}
		}
	}
	if sent.IsZero() {
		return at
	}
	return sent
}

// keeps finds what of a message has the words of a promise.
func (m *Mail) keeps(wanted map[string]bool, t Traits) (x LooksDone, ok bool) {
	x = LooksDone{Record: m.Record, SHA256: m.SHA256, When: m.When(), Part: t.Part}
	for _, w := range t.Done {
		if share := shareOf(wanted, w.Quote); share >= halfOf && share > x.Share {
			x.Share, x.Quote, x.Start, x.End = share, w.Quote, w.Start, w.End
		}
	}
	for _, name := range m.Files {
		if share := shareOf(wanted, name); share >= halfOf && share > x.Share {
			x.Share, x.File, x.Quote, x.Start, x.End = share, name, "", 0, 0
		}
	}
	return x, x.Share > 0
}

// shareOf is how many of some words are in a text, from 0 to 1.
func shareOf(wanted map[string]bool, text string) float64 {
	n := 0
	for word := range things(text) {
		if wanted[word] {
			n++
		}
	}
	return float64(n) / float64(len(wanted))
}

// things are the words of a text that tell what it is about: without those of promising and of time, and without an s
// at the end.
func things(text string) map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if w = strings.TrimSuffix(w, "s"); len([]rune(w)) >= 3 && !nothings[w] {
			all[w] = true
		}
	}
	return all
}

// nothings are words of promises that do not tell what is promised.
var nothings = func() map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(`the and for you your our will shall with have has that this them from into onto about then than also just soon back know going come get
		send sent give given make made look attach attached enclose please provide deliver share let are was were been can
		today tomorrow next week month day monday tuesday wednesday thursday friday saturday sunday end latest until before after within eod january february march april june july august september october november december
		ich wir sie ihr ihnen der die das den dem ein eine einen einem und mit bis zum zur von wird werden haben schicken senden morgen heute montag dienstag mittwoch donnerstag freitag woche
		pdf doc docx xls xlsx png jpg jpeg txt zip csv eml img image scan file document final new copy`) {
		all[strings.TrimSuffix(w, "s")] = true
	}
	return all
}()

// DischargeData is the data of DischargeRejected and DischargeRestored.
type DischargeData struct {
	ID     int             `json:"id"`     // Of the promise.
	Record archive.Address `json:"record"` // The message.
	SHA256 archive.Digest  `json:"sha256"`
}

// RejectDischarge says that a message does not keep a promise, or with Restore that it perhaps does.
type RejectDischarge struct {
	Case, ID int
	Message  Named
	Restore  bool
	Reason   string
}

// Check does nothing when that is said already.
func (c RejectDischarge) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.findCase(c.Case)
	if err != nil {
		return nil, err
	}
	p, err := find(file.Commitments, c.ID, file, "promise")
	if err != nil {
		return nil, err
	}
	for _, err := range []error{checkSource(Citation{Record: c.Message.Record, SHA256: c.Message.SHA256}), checkReason(c.Reason)} {
		if err != nil {
			return nil, err
		}
	}
	if slices.Contains(p.NotBy, c.Message.SHA256) != c.Restore {
		return nil, nil
	}
	t := DischargeRejected
	if c.Restore {
		t = DischargeRestored
	}
	return newEvent(t, c.Case, c.Reason, DischargeData{c.ID, c.Message.Record, c.Message.SHA256})
}

// dischargeFolds are the folds of the events about promises that look done.
var dischargeFolds = map[EventType]caseFold{
	DischargeRejected: onCase((*State).dischargeRejected),
	DischargeRestored: onCase((*State).dischargeRestored),
}

func (s *State) dischargeRejected(c *caseFile, d decision, data DischargeData) (Entry, error) {
	p, err := nth(c.Commitments, data.ID, "promise")
	if err == nil && (data.SHA256.IsZero() || slices.Contains(p.NotBy, data.SHA256)) {
		err = fmt.Errorf("it rejects nothing, or what was rejected")
	}
	if err != nil {
		return Entry{}, err
	}
	p.NotBy = append(slices.Clip(p.NotBy), data.SHA256)
	return s.say(d, "promise-"+itoa(data.ID), "says that %s does not keep the promise “%s”", data.Record, head(p.What)), nil
}

func (s *State) dischargeRestored(c *caseFile, d decision, data DischargeData) (Entry, error) {
	p, err := nth(c.Commitments, data.ID, "promise")
	if err == nil && !slices.Contains(p.NotBy, data.SHA256) {
		err = fmt.Errorf("nobody has rejected that")
	}
	if err != nil {
		return Entry{}, err
	}
	p.NotBy = slices.DeleteFunc(slices.Clone(p.NotBy), func(x archive.Digest) bool { return x == data.SHA256 })
	return s.say(d, "promise-"+itoa(data.ID), "says that %s perhaps keeps the promise “%s”", data.Record, head(p.What)), nil
}

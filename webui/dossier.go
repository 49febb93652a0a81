package webui

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/casework/extract"
	"polytrace/index"
)

// dossier is a case with its mail, as the caller may see it; and with it the cases that were merged into it.
type dossier struct {
	Cases   []casework.Case // The one that is looked at first.
	Mail    []casework.Mail // Of all of them, oldest first.
	Missing []casework.Lost
}

// dossier brings a case and its mail together. It needs noteCase before anything of it is shown.
func (s *Server) dossier(ctx context.Context, number int, snippets bool) (*dossier, error) {
	d := &dossier{}
	var company casework.Company
	s.config.Desk.Read(func(state *casework.State) {
		d.Cases, company = state.Family(number), s.company(state)
	})
	if len(d.Cases) == 0 {
		return nil, notFound("case")
	}
	for i := range d.Cases {
		if _, err := s.removals(ctx, &d.Cases[i]); err != nil {
			return nil, err
		}
	}
	letters, missing, err := s.within(ctx).CaseMail(ctx, membersOf(d.Cases), snippets)
	if err != nil {
		return nil, err
	}
	d.Missing, d.Mail = missing, make([]casework.Mail, len(letters))
	for i, l := range letters {
		d.Mail[i] = casework.Mail{
			Record: l.Address, SHA256: l.SHA256, Thread: l.Thread, Sent: l.Date, Received: l.Received, Forged: l.Forged, From: l.From, To: l.To,
			Subject: l.Subject, Text: l.Snippet, Files: l.Files, Automatic: l.Automatic, Sightings: l.Sightings, Unsearchable: l.Unsearchable,
			Direction: company.DirectionOf(l.From, l.To),
		}
	}
	d.hideRisk()
	return d, nil
}

// hideRisk leaves out of what the level of risk was noted to rest on the messages that the caller does not see.
func (d *dossier) hideRisk() {
	seen := map[archive.Address]bool{}
	for i := range d.Mail {
		seen[d.Mail[i].Record] = true
	}
	for i := range d.Cases {
		if d.Cases[i].Risk == nil {
			continue
		}
		for j := range d.Cases[i].Risk.Why {
			x := &d.Cases[i].Risk.Why[j]
			x.Sources = slices.DeleteFunc(x.Sources, func(s casework.Source) bool { return s.Record != nil && !seen[*s.Record] })
		}
	}
}

// membersOf says which mail is of cases that are one.
func membersOf(cases []casework.Case) []index.CaseMail {
	all := make([]index.CaseMail, len(cases))
	for i, c := range cases {
		for _, l := range c.Links {
			all[i].Links = append(all[i].Links, index.CaseLink{At: l.Record, Aside: l.Aside})
		}
		for _, x := range c.Citations {
			all[i].Cited = append(all[i].Cited, x.Record)
		}
	}
	return all
}

// caseNames say which mail queries mean by the number of a case. Nobody calls them while he reads the Desk.
func caseNames(desk *casework.Desk) func(int) []index.CaseMail {
	return func(number int) (all []index.CaseMail) {
		desk.Read(func(state *casework.State) { all = membersOf(state.Family(number)) })
		return all
	}
}

// company is what is ours: what was said, and while nobody has said anything the domain in which the queues are.
func (s *Server) company(state *casework.State) casework.Company {
	company := state.Company()
	if len(company.Own) == 0 {
		company.Own = s.queueDomains()
	}
	return company
}

// maxUpdate is how many bytes of a message are shown on the brief of a case.
const maxUpdate = 600

// brief makes the brief of a case, with the words of the customer's latest message and of our last answer.
func (s *Server) brief(ctx context.Context, d *dossier, called names) (casework.Brief, error) {
	customer, answer := casework.Latest(d.Mail)
	for _, m := range []*casework.Mail{customer, answer} {
		if m == nil {
			continue
		}
		opened, err := s.readMessage(ctx, m.Record) // noteCase says that it is shown.
		switch {
		case ctx.Err() != nil:
			return casework.Brief{}, ctx.Err()
		case err != nil: // Its pack is away or damaged: the rest of the brief is no worse for that.
			m.Text = ""
		default:
			m.Text = authored(opened)
		}
	}
	return casework.BriefOf(casework.BriefInput{Cases: d.Cases, Mail: d.Mail, Missing: d.Missing, Now: s.config.Now(), Name: called.Of}), nil
}

// authored is the beginning of what the author of a message wrote, on one line.
func authored(m *opened) string {
	var b strings.Builder
	for _, span := range extract.Author(m.text) {
		for _, word := range strings.Fields(m.text.Body[span.Start:span.End]) {
			if b.Len()+len(word) > maxUpdate {
				return b.String() + " …"
			}
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(word)
		}
	}
	return b.String()
}

// standing is what is open between a customer and us in all cases of an account that are not done.
func (s *Server) standing(ctx context.Context, heads []casework.Case, called names) (*dossier, casework.Brief, error) {
	d := &dossier{}
	var numbers []int
	for _, head := range heads {
		if done(head) {
			continue
		}
		c, err := s.caseOf(ctx, head.Number)
		if err != nil {
			return nil, casework.Brief{}, err
		}
		d.Cases, numbers = append(d.Cases, c), append(numbers, c.Number)
	}
	b := casework.StandingOf(casework.BriefInput{Cases: d.Cases, Now: s.config.Now(), Name: called.Of})
	if len(b.Sections) == 0 {
		return d, b, nil
	}
	return d, b, s.noteCases(ctx, numbers)
}

// sections are a brief with where its lines lead; all is where what did not fit stands.
func (s *Server) sections(ctx context.Context, d *dossier, b casework.Brief, all func(section string) string) (list []briefSection) {
	chips := map[citationKey]chip{}
	for _, c := range d.Cases {
		of, _ := s.chips(ctx, snapshot{c: c})
		for id, k := range of {
			chips[citationKey{c.Number, id}] = k
		}
	}
	for _, section := range b.Sections {
		view := briefSection{Name: section.Name, More: section.More, Link: all(section.Name)}
		for _, line := range section.Lines {
			view.Lines = append(view.Lines, briefLine{line, d.sources(line, chips)})
		}
		list = append(list, view)
	}
	return list
}

// sources are the chips of a line, each leading to what it rests on.
func (d *dossier) sources(line casework.BriefLine, chips map[citationKey]chip) (list []chip) {
	for _, x := range line.Sources {
		switch {
		case x.Citation != 0:
			if k, ok := chips[citationKey{x.Case, x.Citation}]; ok {
				list = append(list, k)
			}
		case x.Record != nil:
			k := chip{Link: recordPath(*x.Record), Date: x.At, From: x.Record.String()}
			if i := slices.IndexFunc(d.Mail, func(m casework.Mail) bool { return m.Record == *x.Record }); i >= 0 {
				k.From, k.Date = nameOf(d.Mail[i].From), d.Mail[i].When()
			}
			list = append(list, k)
		default:
			list = append(list, chip{Link: casePath(x.Case) + "/timeline#" + entryID(x.Event), Date: x.At, From: "log", Log: true})
		}
	}
	return list
}

type citationKey struct{ number, id int }

// entryID is where a decision stands on the page of a timeline.
func entryID(at archive.Position) string { return "ledger-" + strconv.FormatUint(uint64(at), 10) }

// unreadable reports whether a message is not there for the caller.
func unreadable(err error) bool {
	return errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrGone)
}

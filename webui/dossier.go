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

	material []casework.Material // Of Mail.

	removed []map[archive.Address]*index.RemovedError // Of what each case cites.
	chips   map[citationKey]chip                      // Of all citations; see fillChips.
	detail  *detailed                                 // What the mail says; see detailsOf.
}

// citationKey names a citation of cases that are one.
type citationKey struct{ number, id int }

// dossier brings the mail of a case together with it. It needs noteCase before anything of it is shown.
func (s *Server) dossier(ctx context.Context, snap snapshot, snippets bool) (*dossier, error) {
	d := &dossier{}
	s.config.Desk.Read(func(state *casework.State) { d.Cases = state.Family(snap.c.Number) })
	d.Cases[0], d.removed = snap.c, make([]map[archive.Address]*index.RemovedError, len(d.Cases))
	d.removed[0] = snap.removed
	for i := 1; i < len(d.Cases); i++ {
		var err error
		if d.removed[i], err = s.removals(ctx, &d.Cases[i]); err != nil {
			return nil, err
		}
	}
	return d, s.fillMail(ctx, d, snippets)
}

// fillMail brings the mail of the cases of a dossier into it.
func (s *Server) fillMail(ctx context.Context, d *dossier, snippets bool) error {
	var company casework.Company
	s.config.Desk.Read(func(state *casework.State) { company = s.company(state) })
	letters, missing, err := s.within(ctx).CaseMail(ctx, membersOf(d.Cases), snippets)
	if err != nil {
		return err
	}
	d.Missing, d.Mail, d.material = missing, lettersOf(letters, company), make([]casework.Material, len(letters))
	for i, l := range letters {
		d.material[i] = materialOf(&l.Summary)
	}
	return nil
}

// lettersOf are messages as cases see them.
func lettersOf(letters []index.Letter, company casework.Company) []casework.Mail {
	mail := make([]casework.Mail, len(letters))
	for i, l := range letters {
		mail[i] = casework.Mail{
			Record: l.Address, SHA256: l.SHA256, Thread: l.Thread, Sent: l.Date, Received: l.Received, Forged: l.Forged, From: l.From, To: l.To,
			Subject: l.Subject, Text: l.Snippet, Files: l.Files, Automatic: l.Automatic, Sightings: l.Sightings, Unsearchable: l.Unsearchable,
			Direction: company.DirectionOf(l.From, l.To),
		}
	}
	return mail
}

// shownDossier is dossier for somebody who is shown it, which is noted.
func (s *Server) shownDossier(ctx context.Context, number int, snippets bool) (*dossier, error) {
	snap, err := s.bareCase(ctx, number)
	if err == nil {
		err = s.noteCase(ctx, number)
	}
	if err != nil {
		return nil, err
	}
	return s.dossier(ctx, snap, snippets)
}

// fillChips makes the chips of all citations; first are those of the first case, nil where nobody has made them.
func (s *Server) fillChips(ctx context.Context, d *dossier, first map[int]chip) {
	d.chips = map[citationKey]chip{}
	for i, c := range d.Cases {
		of := first
		if i > 0 || of == nil {
			of, _ = s.chips(ctx, snapshot{c: c, removed: d.removed[i]})
		}
		for id, k := range of {
			d.chips[citationKey{c.Number, id}] = k
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
	of, err := s.detailsOf(ctx, d)
	if err != nil {
		return casework.Brief{}, err
	}
	return casework.BriefOf(casework.BriefInput{Cases: d.Cases, Mail: d.Mail, Missing: d.Missing, Elsewhere: d.references(of), Now: s.config.Now(), Name: called.Of}), nil
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
		snap, err := s.bareCase(ctx, head.Number)
		if err != nil {
			return nil, casework.Brief{}, err
		}
		d.Cases, d.removed, numbers = append(d.Cases, snap.c), append(d.removed, snap.removed), append(numbers, head.Number)
	}
	b := casework.StandingOf(casework.BriefInput{Cases: d.Cases, Now: s.config.Now(), Name: called.Of})
	if len(b.Sections) == 0 {
		return d, b, nil
	}
	return d, b, s.noteCases(ctx, numbers)
}

// briefSection is a part of a brief, with where its lines lead.
type briefSection struct {
	Name  string
	Lines []briefLine
	More  int
	Link  string // Where all of it stands.
}

type briefLine struct {
	casework.BriefLine
	cited
}

// cited are the chips of what something rests on, the first ones.
type cited struct {
	Chips []chip
	More  int // Sources that are not shown.
}

// maxChips is how many sources a line shows.
const maxChips = 12

// briefLinks are the places, below that of a case, of all that a section of its brief is of; of the others nothing is left out.
var briefLinks = map[string]string{
	casework.BriefPromises: "#promises", casework.BriefDates: "#dates", casework.BriefDecisions: "#decisions", casework.BriefIssues: "#facts",
	casework.BriefFacts: "#facts", casework.BriefNotes: "#notes", casework.BriefElsewhere: "#details", casework.BriefEvidence: "#evidence", casework.BriefCustomer: "/mail", casework.BriefAnswer: "/mail",
}

// sections are a brief with where its lines lead; all is where what did not fit stands.
func (d *dossier) sections(b casework.Brief, all func(section string) string) (list []briefSection) {
	for _, section := range b.Sections {
		view := briefSection{Name: section.Name, More: section.More, Link: all(section.Name)}
		for _, line := range section.Lines {
			view.Lines = append(view.Lines, briefLine{line, d.sources(line.Sources)})
		}
		list = append(list, view)
	}
	return list
}

// sources are the chips of what something rests on, each leading there; none of a message that the caller does not see.
func (d *dossier) sources(all []casework.Source) cited {
	var list []chip
	more := max(0, len(all)-maxChips)
	for _, x := range all[:len(all)-more] {
		switch {
		case x.Citation != 0:
			if k, ok := d.chips[citationKey{x.Case, x.Citation}]; ok {
				list = append(list, k)
			}
		case x.Record != nil:
			if i := slices.IndexFunc(d.Mail, func(m casework.Mail) bool { return m.Record == *x.Record }); i >= 0 {
				m := &d.Mail[i]
				list = append(list, chip{Link: recordPath(m.Record), Date: m.When(), From: nameOf(m.From)})
			}
		default:
			list = append(list, chip{Link: casePath(x.Case) + "/timeline#" + entryID(x.Event), Date: x.At, From: "log", Log: true})
		}
	}
	return cited{list, more}
}

// entryID is where a decision stands on the page of a timeline.
func entryID(at archive.Position) string { return "ledger-" + strconv.FormatUint(uint64(at), 10) }

// unreadable reports whether a message is not there for the caller.
func unreadable(err error) bool {
	return errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrGone)
}

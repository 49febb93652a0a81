package webui

import (
	"context"
	"slices"
	"strconv"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
)

// trial is what an extract finds in the newest messages.
type trial struct {
	Read     int         `json:"read" doc:"Messages that were looked through."`
	Total    int         `json:"total" doc:"Messages that it is about and that the caller may read."`
	Messages int         `json:"messages" doc:"Messages in which something was found."`
	Hits     []trialHit  `json:"hits" doc:"Of the newest message first, at most 200."`
	Subjects []trialMail `json:"-"`
}

// trialHit is something that was found, with the words around it.
type trialHit struct {
	casework.Found
	Before string `json:"before" doc:"What stands before the words."`
	Behind string `json:"behind"`
	From   string `json:"from"`
}

// trialMail is a message in which something was found.
type trialMail struct {
	Chip chip
	Hits []trialHit
}

// maxTrial is how many hits a trial shows.
const maxTrial = 200

// try finds what an extract finds in the newest messages that the caller may read, at most maxRead of them and no longer
// than readTime. That is noted as a search, and what is shown as read.
func (s *Server) try(ctx context.Context, x casework.Extract, most int) (*trial, error) {
	var query string
	if x.Account != "" {
		query = accountQuery(x.Account)
	}
	if x.Queue != "" {
		query += ` queue:"` + x.Queue + `"`
	}
	if most <= 0 || most > maxRead {
		most = maxRead
	}
	result, err := s.search(ctx, index.Request{Query: query, Limit: most, Now: s.config.Now()})
	if err != nil {
		return nil, err
	}
	extracts := []casework.Extract{x}
	h, err := s.listen(ctx, s.mailItems(result.Items...), extracts)
	if err != nil {
		return nil, err
	}
	t := &trial{Read: h.Read, Total: result.Total, Hits: []trialHit{}}
	found := s.foundIn(h.Said, extracts)
	var records []archive.Address
	for _, m := range slices.Backward(h.Said) {
		mail := trialMail{Chip: chip{Link: recordPath(m.Record), Date: m.At, From: m.From}}
		for _, f := range found {
			if f.SHA256 == m.SHA256 && len(t.Hits) < maxTrial {
				hit := trialHit{Found: f, From: m.From}
				for _, p := range m.Pieces {
					if p.Where == f.Where && p.Part == f.Part && p.File == f.File && f.End <= len(p.Text) {
						hit.Before, hit.Behind = casework.Context(p.Text, f.Start, f.End)
					}
				}
				mail.Hits, t.Hits = append(mail.Hits, hit), append(t.Hits, hit)
			}
		}
		if len(mail.Hits) > 0 {
			t.Subjects, records = append(t.Subjects, mail), append(records, m.Record)
		}
	}
	t.Messages = len(records)
	return t, s.noteRead(ctx, records...)
}

// extractRow is a row with what its item is called.
type extractRow struct {
	casework.ExtractRow
	Name string `json:"name" doc:"Title of the case, or name of the account."`
	Link string `json:"-"`
}

// rowsOf are the rows of an extract, of what stands in messages that the caller may read and that are there. They are
// noted as read.
func (s *Server) rowsOf(ctx context.Context, name, by string) ([]extractRow, error) {
	var all []casework.ExtractDecision
	s.config.Desk.Read(func(state *casework.State) { all = state.ExtractDecisionsOf(name) })
	records := make([]archive.Address, len(all))
	for i, d := range all {
		records[i] = d.Record
	}
	unseen, err := s.within(ctx).Unseen(ctx, records...)
	if err != nil {
		return nil, err
	}
	var seen []casework.ExtractDecision
	for _, d := range all {
		if slices.Contains(unseen, d.Record) {
			continue
		}
		removed, err := s.config.Index.Removed(ctx, d.Record)
		if err != nil {
			return nil, err
		}
		if removed == nil {
			seen = append(seen, d)
		}
	}
	rows, told := []extractRow{}, map[archive.Address]bool{}
	records = records[:0]
	for _, r := range casework.ExtractRows(seen, by) {
		rows = append(rows, extractRow{ExtractRow: r})
		for _, d := range r.History {
			if !told[d.Record] {
				told[d.Record] = true
				records = append(records, d.Record)
			}
		}
	}
	s.config.Desk.Read(func(state *casework.State) {
		for i := range rows {
			r := &rows[i]
			if by != casework.ByCase {
				a, _ := state.Account(r.Item)
				r.Name, r.Link = a.Name, accountPath(r.Item)
				continue
			}
			c, _ := state.Case(r.Latest.Case)
			r.Name, r.Link = c.Title, casePath(c.Number)
		}
	})
	return rows, s.noteRead(ctx, records...)
}

// rowsBy reads how rows are told apart: by account as a rule.
func rowsBy(text string) string {
	if text == casework.ByCase {
		return text
	}
	return casework.ByAccount
}

// rowHeader names the columns of rows that are handed out as a table.
var rowHeader = []string{"Item", "Name", "Value", "Status", "Said", "Record", "Quote", "Decided by", "Decided", "Latest"}

// tableOf are rows as a table, the latest of each item first, and with history those before it.
func tableOf(rows []extractRow, history bool) [][]string {
	table := [][]string{rowHeader}
	for _, r := range rows {
		for i, d := range r.History {
			if i > 0 && !history {
				break
			}
			table = append(table, []string{r.Item, r.Name, d.Value, string(d.Status), d.Said.UTC().Format(time.RFC3339), d.Record.String(), d.Quote, d.By, d.At.UTC().Format(time.RFC3339), strconv.FormatBool(i == 0)})
		}
	}
	return table
}

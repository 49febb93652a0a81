package webui

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"polytrace/casework"
	"polytrace/index"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// A message trace is what a mail server says it has delivered, as CSV: the
// message trace of Exchange Online, the tracking log of Exchange, the e-mail
// log search of Google. Compared with the archive it shows what journaling has
// missed.

// maxTrace is the largest file that is read: some million rows.
const maxTrace = 512 << 20

// Traced is a message that a trace names, once for all of its rows.
type Traced struct {
	Line      int       `json:"line"` // Of its first row in the file.
	MessageID string    `json:"message_id"`
	Date      time.Time `json:"date,omitzero"`
	From      string    `json:"from,omitempty"`
	To        string    `json:"to,omitempty"` // Of its first row.
	Subject   string    `json:"subject,omitempty"`
}

// traceColumns are the names that columns go by, in small letters, without what
// is no letter.
var traceColumns = map[string][]string{
	"id":      {"messageid", "internetmessageid"},
	"date":    {"origintimestamputc", "datetime", "datetimeutc", "received", "receivedutc", "startdate", "date"},
	"from":    {"senderaddress", "sender", "fromaddress", "from", "senderaddresses"},
	"to":      {"recipientaddress", "recipientstatus", "recipient", "recipients", "toaddress", "to"},
	"subject": {"messagesubject", "subject"},
}

var errNoTrace = errors.New("no column of the first line is called Message-ID: save the message trace as CSV with all of its columns")

// readTrace reads a message trace. Rows without a Message-ID are left out, they
// are of what was never sent. The error names the line that is to blame.
func readTrace(r io.Reader) ([]Traced, error) {
	text := bufio.NewReader(transform.NewReader(r, unicode.BOMOverride(unicode.UTF8.NewDecoder())))
	rows := csv.NewReader(&trackingLog{r: text})
	rows.FieldsPerRecord, rows.LazyQuotes, rows.ReuseRecord = -1, true, true
	head, err := rows.Read()
	if err != nil {
		return nil, errNoTrace
	}
	at := columns(head)
	if _, ok := at["id"]; !ok {
		return nil, errNoTrace
	}
	var all []Traced
	seen := map[string]bool{}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		line, _ := rows.FieldPos(0)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		cell := func(name string) string {
			if i, ok := at[name]; ok && i < len(row) {
				return strings.Clone(strings.TrimSpace(row[i]))
			}
			return ""
		}
		id := strings.Trim(cell("id"), "<>")
		if id == "" || seen[id] {
			continue
		}
		seen[id] = true
		to, _, _ := strings.Cut(cell("to"), "##") // "address##status" in the extended report.
		all = append(all, Traced{Line: line, MessageID: id, Date: traceDate(cell("date")), From: cell("from"), To: to, Subject: cell("subject")})
	}
}

// columns finds where what is, by the names in the first line.
func columns(head []string) map[string]int {
	at := map[string]int{}
	for i, name := range head {
		name = strings.Map(func(r rune) rune {
			if r < 'a' || r > 'z' {
				return -1
			}
			return r
		}, strings.ToLower(name))
		for column, names := range traceColumns {
			for _, known := range names {
				if _, taken := at[column]; name == known && !taken {
					at[column] = i
				}
			}
		}
	}
	return at
}

func traceDate(text string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05", "2006/01/02 15:04:05 MST", "1/2/2006 3:04:05 PM"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	return time.Time{} // It is for people; a trace without is as good.
}

// trackingLog gives a tracking log of Exchange the form of the others: comments
// go, and the line "#Fields: " becomes the first.
type trackingLog struct {
	r    *bufio.Reader
	rest []byte
}

func (l *trackingLog) Read(p []byte) (int, error) {
	for len(l.rest) == 0 {
		line, err := l.r.ReadBytes('\n')
		if text, ok := strings.CutPrefix(string(line), "#"); ok {
			fields, ok := strings.CutPrefix(text, "Fields: ")
			line = []byte(fields)
			if !ok {
				line = []byte("\n") // Keeps the number of the lines behind it.
			}
		}
		if l.rest = line; len(line) == 0 && err != nil {
			return 0, err
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// traceOut is what a message trace and the archive have in common.
type traceOut struct {
	Found      int       `json:"found"`
	Missing    []Traced  `json:"missing"`
	CompleteTo time.Time `json:"complete_to"` // Every record received before this was searched.
}

// compareTrace looks for each message of a trace.
func (s *Server) compareTrace(ctx context.Context, all []Traced) (out traceOut, err error) {
	out.Missing = []Traced{}
	for _, one := range all {
		if strings.ContainsAny(one.MessageID, "\"*\\") {
			out.Missing = append(out.Missing, one) // Nothing that a mail server makes; said rather than passed over.
			continue
		}
		found, err := s.config.Index.Search(ctx, index.Request{Query: `id:"` + one.MessageID + `"`, Limit: 1, Now: s.config.Now()})
		if err != nil {
			return out, err
		}
		if out.CompleteTo.IsZero() || found.CompleteTo.Before(out.CompleteTo) {
			out.CompleteTo = found.CompleteTo
		}
		if found.Total > 0 {
			out.Found++
			continue
		}
		out.Missing = append(out.Missing, one)
	}
	query := "message trace of " + strconv.Itoa(len(all)) + " messages"
	return out, s.note(ctx, casework.SearchRun, 0, casework.AuditData{Query: query, Total: out.Found})
}

// takeTrace reads a trace and compares it.
func (s *Server) takeTrace(ctx context.Context, r io.Reader) (traceOut, error) {
	all, err := readTrace(r)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return traceOut{}, &statusError{http.StatusRequestEntityTooLarge, "The message trace is larger than " + strconv.Itoa(maxTrace>>20) + " MiB. Export a shorter time.", nil}
	case err != nil:
		return traceOut{}, &statusError{http.StatusUnprocessableEntity, "The message trace cannot be read: " + err.Error() + ".", nil}
	case len(all) == 0:
		return traceOut{}, &statusError{http.StatusUnprocessableEntity, "The message trace names no message.", nil}
	}
	return s.compareTrace(ctx, all)
}

// apiTrace compares a message trace with the archive.
func (s *Server) apiTrace(w http.ResponseWriter, r *http.Request) error {
	out, err := s.takeTrace(r.Context(), http.MaxBytesReader(w, r.Body, maxTrace))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(out)
}

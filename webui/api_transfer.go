package webui

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/message"

	"github.com/danielgtaylor/huma/v2"
)

const (
	memoryBody = 1 << 20   // Bytes of an import that are held in memory; larger ones go to a file.
	maxImport  = 256 << 20 // Bytes of one message, as the gateway takes them by default.
)

func importParams() []*huma.Param {
	return []*huma.Param{
		{Name: "mailbox", In: "query", Required: true, Description: "Address of the mailbox that the message belongs to.", Schema: &huma.Schema{Type: "string"}},
		{Name: "import", In: "query", Required: true, Description: "Name of the file it was read from.", Schema: &huma.Schema{Type: "string"}},
		{Name: "reports", In: "query", Description: "true: it is a journal report of Exchange or Microsoft 365, or a bounce of one, and is read as such. Only for a mailbox that nobody but the mail server writes to.", Schema: &huma.Schema{Type: "boolean"}},
		{Name: "offset", In: "query", Description: "Its byte offset in an mbox file.", Schema: &huma.Schema{Type: "integer"}},
	}
}

// importOut is where an imported message is, and what became of it.
type importOut struct {
	Address archive.Address `json:"address"`
	Outcome string          `json:"outcome"` // added, sighted or skipped
	SHA256  archive.Digest  `json:"sha256"`
}

// apiImport takes in one message of a mailbox, whatever its length.
func (s *Server) apiImport(w http.ResponseWriter, r *http.Request) error {
	if s.config.Import == nil {
		return errUnavailable
	}
	src, err := importSource(r.URL.Query())
	if err != nil {
		return err
	}
	content, release, err := spool(http.MaxBytesReader(w, r.Body, maxImport))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		// Not 413: a mailbox with such a message is imported but for that.
		return &statusError{http.StatusUnprocessableEntity, "The message is larger than " + strconv.Itoa(maxImport>>20) + " MiB and was not stored.", nil}
	}
	if err != nil {
		return &statusError{http.StatusBadRequest, "The message did not arrive whole and was not stored. Send it again.", err}
	}
	defer release()
	if content.Size() == 0 {
		return &statusError{http.StatusUnprocessableEntity, "The message is empty: there is nothing to keep.", nil}
	}
	m, outcome, err := s.config.Import(r.Context(), src, content)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(importOut{m.Address(), outcome, m.SHA256})
}

// importSource says where a message comes from, in the words of who imports it.
func importSource(q url.Values) (archive.Source, error) {
	src := archive.Source{Mailbox: strings.TrimSpace(q.Get("mailbox")), Import: q.Get("import")}
	if src.Mailbox == "" || src.Import == "" {
		return src, &statusError{http.StatusUnprocessableEntity, "An import needs mailbox, the address it belongs to, and import, the file it was read from.", nil}
	}
	switch reports := q.Get("reports"); reports {
	case "", "false":
	case "true":
		src.Format = message.FormatExchange
	default:
		return src, &statusError{http.StatusUnprocessableEntity, "reports is true or false, not " + strconv.Quote(reports) + ".", nil}
	}
	if offset := q.Get("offset"); offset != "" {
		n, err := strconv.ParseInt(offset, 10, 64)
		if err != nil || n < 0 {
			return src, &statusError{http.StatusUnprocessableEntity, "offset is not a number of bytes: " + strconv.Quote(offset) + ".", nil}
		}
		src.Offset = n
	}
	return src, nil
}

// spool keeps a body of unknown length until it is stored.
func spool(r io.Reader) (b archive.Body, release func(), err error) {
	var head bytes.Buffer
	if _, err := io.CopyN(&head, r, memoryBody); errors.Is(err, io.EOF) {
		return bytes.NewReader(head.Bytes()), func() {}, nil
	} else if err != nil {
		return nil, nil, err
	}
	f, release, err := scratch("polytrace-import-")
	if err != nil {
		return nil, nil, err
	}
	size, err := io.Copy(f, io.MultiReader(&head, r))
	if err != nil {
		release()
		return nil, nil, err
	}
	return io.NewSectionReader(f, 0, size), release, nil
}

// scratch is a file for the time of a request.
func scratch(name string) (f *os.File, release func(), err error) {
	if f, err = os.CreateTemp("", name); err != nil {
		return nil, nil, err
	}
	return f, func() {
		f.Close()
		os.Remove(f.Name())
	}, nil
}

// figures are what pages show live.
type figures struct {
	Totals
	State string `json:"state"` // Class of the dot.
	Text  string `json:"text"`  // What the dot says.
}

// apiEvents tells the figures whenever they change, at most once a second.
func (s *Server) apiEvents(w http.ResponseWriter, r *http.Request) error {
	flusher := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return nil
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last, quiet := "", 0
	for {
		t, _, _ := s.totals()
		l := s.live()
		line, err := json.Marshal(figures{t, l.Class, l.Text})
		if err != nil {
			return err
		}
		switch quiet++; {
		case string(line) != last:
			last, quiet = string(line), 0
			_, err = fmt.Fprintf(w, "event: status\ndata: %s\n\n", line)
		case quiet%15 == 0:
			_, err = io.WriteString(w, ": still here\n\n")
		}
		if err != nil || flusher.Flush() != nil {
			return nil // The page was closed.
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return nil
		}
	}
}

// verifyLine is a line of the answer of apiVerify.
type verifyLine struct {
	archive.Verified
	Done  bool   `json:"done"`            // Everything was read.
	Error string `json:"error,omitempty"` // Why it was not.
}

// apiVerify tells its progress at most once a second, then the whole result.
func (s *Server) apiVerify(w http.ResponseWriter, r *http.Request) error {
	if s.config.Verify == nil {
		return &statusError{http.StatusServiceUnavailable, "This server cannot verify the archive.", nil}
	}
	w.Header().Set("Content-Type", "application/jsonl")
	out, flusher := json.NewEncoder(w), http.NewResponseController(w)
	var last time.Time
	result, err := s.config.Verify(r.Context(), func(v archive.Verified) {
		if time.Since(last) < time.Second {
			return
		}
		last = time.Now()
		v.Problems = nil
		out.Encode(verifyLine{Verified: v}) // Who does not listen misses the progress only.
		flusher.Flush()
	})
	line := verifyLine{Verified: result, Done: err == nil}
	if err != nil {
		line.Error = err.Error()
	}
	return out.Encode(line)
}

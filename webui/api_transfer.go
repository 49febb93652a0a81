package webui

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/index"

	"github.com/danielgtaylor/huma/v2"
)

const (
	memoryBody = 1 << 20 // Bytes of an import that are held in memory; larger ones go to a file.
	exportPage = 500     // Hits that an export asks for at a time.
)

var importParams = []*huma.Param{
	{Name: "mailbox", In: "query", Required: true, Description: "Address of the mailbox that the message belongs to.", Schema: &huma.Schema{Type: "string"}},
	{Name: "import", In: "query", Required: true, Description: "Name of the file it was read from.", Schema: &huma.Schema{Type: "string"}},
	{Name: "offset", In: "query", Description: "Its byte offset in an mbox file.", Schema: &huma.Schema{Type: "integer"}},
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
	q := r.URL.Query()
	src := archive.Source{Mailbox: strings.TrimSpace(q.Get("mailbox")), Import: q.Get("import")}
	if src.Mailbox == "" || src.Import == "" {
		return &statusError{http.StatusUnprocessableEntity, "An import needs mailbox, the address it belongs to, and import, the file it was read from.", nil}
	}
	if offset := q.Get("offset"); offset != "" {
		n, err := strconv.ParseInt(offset, 10, 64)
		if err != nil || n < 0 {
			return &statusError{http.StatusUnprocessableEntity, "offset is not a number of bytes: " + strconv.Quote(offset) + ".", nil}
		}
		src.Offset = n
	}
	content, release, err := spool(r.Body)
	if err != nil {
		return &statusError{http.StatusBadRequest, "The message did not arrive whole and was not stored. Send it again.", err}
	}
	defer release()
	if content.Size() == 0 {
		return &statusError{http.StatusUnprocessableEntity, "The message is empty: there is nothing to keep.", nil}
	}
	m, outcome, err := s.config.Import(r.Context(), src, content)
	if errors.Is(err, archive.ErrFull) {
		return &statusError{http.StatusInsufficientStorage, "The disk of the data directory is full; the message was not stored. Make room, then import again: what was stored is not stored twice.", err}
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(importOut{m.Address(), outcome, m.SHA256})
}

// spool keeps a body of unknown length until it is stored.
func spool(r io.Reader) (b archive.Body, release func(), err error) {
	var head bytes.Buffer
	n, err := io.CopyN(&head, r, memoryBody)
	if errors.Is(err, io.EOF) {
		return bytes.NewReader(head.Bytes()), func() {}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := os.CreateTemp("", "polytrace-import-")
	if err != nil {
		return nil, nil, err
	}
	release = func() {
		f.Close()
		os.Remove(f.Name())
	}
	more, err := io.Copy(f, io.MultiReader(&head, r))
	if err != nil {
		release()
		return nil, nil, err
	}
	return io.NewSectionReader(f, 0, max(n, more)), release, nil
}

// hits yields all hits of a query, oldest first, page by page.
func (s *Server) hits(ctx context.Context, query string) iter.Seq2[index.Summary, error] {
	return func(yield func(index.Summary, error) bool) {
		r := index.Request{Query: query, Limit: exportPage, Sort: index.Oldest, Now: s.config.Now()}
		for {
			page, err := s.config.Index.Search(ctx, r)
			if err != nil {
				yield(index.Summary{}, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			r.Cursor = page.Next
		}
	}
}

// apiExport streams all hits of a query. The query is checked before the
// first byte goes out; an error behind that breaks the transfer off, so that
// nobody takes a part for the whole.
func (s *Server) apiExport(w http.ResponseWriter, r *http.Request) error {
	query, format := r.FormValue("q"), r.FormValue("format")
	first, err := s.config.Index.Search(r.Context(), index.Request{Query: query, Limit: 1, Now: s.config.Now()})
	if err != nil {
		return err
	}
	w.Header().Set("Polytrace-Total", strconv.Itoa(first.Total))
	switch format {
	case "", "zip":
		asDownload(w.Header(), "application/zip", "polytrace-export.zip")
		err = s.exportZip(r.Context(), w, query)
	case "mbox":
		asDownload(w.Header(), "application/mbox", "polytrace-export.mbox")
		err = s.exportMbox(r.Context(), w, query)
	default:
		return &statusError{http.StatusUnprocessableEntity, "There is no export format " + strconv.Quote(format) + ": choose zip or mbox.", nil}
	}
	if err != nil {
		s.config.Log.ErrorContext(r.Context(), "export broken off", "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

// exportZip writes each message as an EML file and manifest.csv behind them.
func (s *Server) exportZip(ctx context.Context, w io.Writer, query string) error {
	z := zip.NewWriter(w)
	var list bytes.Buffer
	manifest := csv.NewWriter(&list)
	manifest.Write([]string{"file", "address", "sha256", "size", "date", "received", "from", "to", "subject"}) // Errors are found by Flush.
	for item, err := range s.hits(ctx, query) {
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%s-%d.eml", item.Address.Stream, item.Address.Position)
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: item.Date.UTC()})
		if err != nil {
			return err
		}
		if err := s.copyBody(ctx, f, item.Address); err != nil {
			return err
		}
		var to []string
		for _, m := range item.To {
			to = append(to, m.Address)
		}
		manifest.Write([]string{name, item.Address.String(), item.SHA256.String(), strconv.FormatInt(item.Size, 10), item.Date.Format(time.RFC3339), item.Received.Format(time.RFC3339), item.From.Address, strings.Join(to, " "), item.Subject})
	}
	manifest.Flush()
	if err := manifest.Error(); err != nil {
		return err
	}
	f, err := z.Create("manifest.csv")
	if err != nil {
		return err
	}
	if _, err := f.Write(list.Bytes()); err != nil {
		return err
	}
	return z.Close()
}

// exportMbox writes the messages behind From_ lines, "From " in the text
// quoted so that it can be read back without loss (mboxrd).
func (s *Server) exportMbox(ctx context.Context, w io.Writer, query string) error {
	out := bufio.NewWriter(w)
	for item, err := range s.hits(ctx, query) {
		if err != nil {
			return err
		}
		from := strings.ReplaceAll(item.From.Address, " ", "")
		if from == "" {
			from = "MAILER-DAEMON"
		}
		fmt.Fprintf(out, "From %s %s\n", from, item.Date.UTC().Format(time.ANSIC))
		_, body, err := s.config.Archive.ReadBody(ctx, item.Address)
		if err != nil {
			return err
		}
		err = errors.Join(quoteFrom(out, body), body.Close())
		if err != nil {
			return err
		}
	}
	return out.Flush()
}

// quoteFrom copies a message and puts '>' before lines that are "From " behind
// any number of '>', then an empty line.
func quoteFrom(w *bufio.Writer, r io.Reader) error {
	in := bufio.NewReaderSize(r, 64<<10)
	ended := true // The last piece ended its line.
	for {
		line, err := in.ReadSlice('\n')
		if ended && bytes.HasPrefix(bytes.TrimLeft(line, ">"), []byte("From ")) {
			w.WriteByte('>') // The error of a bufio.Writer is found by Flush.
		}
		w.Write(line)
		if len(line) > 0 {
			ended = line[len(line)-1] == '\n'
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
	if !ended {
		w.WriteByte('\n')
	}
	w.WriteByte('\n')
	return nil
}

func (s *Server) copyBody(ctx context.Context, w io.Writer, at archive.Address) error {
	_, body, err := s.config.Archive.ReadBody(ctx, at)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, body)
	return errors.Join(err, body.Close())
}

// figures are what pages show live.
type figures struct {
	totals
	State string `json:"state"` // Class of the dot.
	Text  string `json:"text"`  // What the dot says.
}

// apiEvents tells the figures whenever they change, at most once a second.
func (s *Server) apiEvents(w http.ResponseWriter, r *http.Request) error {
	flusher := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
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

package webui

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/index"

	"github.com/danielgtaylor/huma/v2"
)

const (
	memoryBody = 1 << 20   // Bytes of an import that are held in memory; larger ones go to a file.
	maxImport  = 256 << 20 // Bytes of one message, as the gateway takes them by default.
	exportPage = 500       // Hits that an export asks for at a time.
)

func importParams() []*huma.Param {
	return []*huma.Param{
		{Name: "mailbox", In: "query", Required: true, Description: "Address of the mailbox that the message belongs to.", Schema: &huma.Schema{Type: "string"}},
		{Name: "import", In: "query", Required: true, Description: "Name of the file it was read from.", Schema: &huma.Schema{Type: "string"}},
		{Name: "offset", In: "query", Description: "Its byte offset in an mbox file.", Schema: &huma.Schema{Type: "integer"}},
	}
}

func exportParams() []*huma.Param {
	return []*huma.Param{queryParam("q", "The query; empty for everything."), queryParam("format", "zip or mbox; default zip.")}
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
	query, format := r.FormValue("q"), cmp.Or(r.FormValue("format"), "zip")
	write, ok := map[string]func(context.Context, io.Writer, string) error{"zip": s.exportZip, "mbox": s.exportMbox}[format]
	if !ok {
		return &statusError{http.StatusUnprocessableEntity, "There is no export format " + strconv.Quote(format) + ": choose zip or mbox.", nil}
	}
	first, err := s.config.Index.Search(r.Context(), index.Request{Query: query, Limit: 1, Now: s.config.Now()})
	if err != nil {
		return err
	}
	asDownload(w.Header(), "application/"+format, "polytrace-export."+format)
	w.Header().Set("Polytrace-Total", strconv.Itoa(first.Total))
	if r.Method == http.MethodHead {
		return nil
	}
	if err := write(r.Context(), w, query); err != nil {
		if r.Context().Err() == nil {
			s.config.Log.ErrorContext(r.Context(), "export broken off", "format", format, "error", err)
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}

// exportZip writes each message as an EML file, and manifest.csv behind them.
// What is damaged in the archive does not keep the rest back: the manifest
// says so.
func (s *Server) exportZip(ctx context.Context, w io.Writer, query string) error {
	list, release, err := scratch("polytrace-export-")
	if err != nil {
		return err
	}
	defer release()
	manifest := csv.NewWriter(list)
	manifest.Write([]string{"file", "address", "sha256", "size", "date", "received", "from", "to", "subject", "problem"}) // Errors are found by Flush.
	z := zip.NewWriter(w)
	for item, err := range s.hits(ctx, query) {
		if err != nil {
			return err
		}
		name, err := s.zipMessage(ctx, z, item)
		problem := ""
		if errors.Is(err, archive.ErrDamaged) {
			s.config.Log.ErrorContext(ctx, "damaged record exported", "record", item.Address, "error", err)
			problem, err = "damaged in the archive: the file is missing or not what came in", nil
		}
		if err != nil {
			return err
		}
		manifest.Write(manifestRow(name, item, problem))
	}
	manifest.Flush()
	if err := manifest.Error(); err != nil {
		return err
	}
	f, err := z.Create("manifest.csv")
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, io.NewSectionReader(list, 0, math.MaxInt64)); err != nil {
		return err
	}
	return z.Close()
}

// zipMessage adds a message and returns the name of its file, "" when none
// was begun.
func (s *Server) zipMessage(ctx context.Context, z *zip.Writer, item index.Summary) (name string, err error) {
	_, body, err := s.config.Archive.ReadBody(ctx, item.Address)
	if err != nil {
		return "", err
	}
	defer body.Close()
	name = fmt.Sprintf("%s-%d.eml", item.Address.Stream, item.Address.Position)
	f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: item.Date.UTC()})
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, body)
	return name, err
}

func manifestRow(name string, item index.Summary, problem string) []string {
	var to []string
	for _, m := range item.To {
		to = append(to, m.Address)
	}
	return []string{name, item.Address.String(), item.SHA256.String(), strconv.FormatInt(item.Size, 10),
		item.Date.Format(time.RFC3339), item.Received.Format(time.RFC3339), item.From.Address, strings.Join(to, " "), item.Subject, problem}
}

// exportMbox writes the messages behind From_ lines, "From " in the text
// quoted so that it can be read back without loss (mboxrd).
func (s *Server) exportMbox(ctx context.Context, w io.Writer, query string) error {
	out := bufio.NewWriter(w)
	for item, err := range s.hits(ctx, query) {
		if err != nil {
			return err
		}
		from := strings.Join(strings.Fields(item.From.Address), "")
		fmt.Fprintf(out, "From %s %s\n", cmp.Or(from, "MAILER-DAEMON"), item.Date.UTC().Format(time.ANSIC))
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

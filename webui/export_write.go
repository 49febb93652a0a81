package webui

import (
	"bufio"
	"cmp"
	"context"
	"crypto/md5"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/archive/evidence"
	"polytrace/index"
)

// exporter writes one export. Lists that grow with it are in scratch files.
type exporter struct {
	s       *Server
	n       frozenExport
	list    *evidence.Writer
	lines   *os.File // What list wrote.
	edges   map[archive.Stream]*evidence.Edge
	flushed bool
	release []func()

	messages int // Written until now.
}

// writeExport returns how many messages it wrote.
func (s *Server) writeExport(ctx context.Context, w io.Writer, n frozenExport) (messages int, err error) {
	e := &exporter{s: s, n: n, edges: map[archive.Stream]*evidence.Edge{}}
	defer e.close()
	lines, err := e.scratch()
	if err != nil {
		return 0, err
	}
	e.lines = lines
	buffered := bufio.NewWriter(lines)
	e.list, err = evidence.NewWriter(buffered, evidence.Header{Format: n.Format, Key: s.config.Archive.PublicKey(), Query: n.Query, Time: n.Time, UpTo: n.UpTo})
	if err != nil {
		return 0, err
	}
	out := bufio.NewWriterSize(w, 64<<10)
	write := e.zip
	if n.Format == evidence.Mbox {
		write = e.mbox
	}
	if err := write(ctx, out, buffered); err != nil {
		return 0, err
	}
	return e.messages, out.Flush()
}

// scratch is a file until close.
func (e *exporter) scratch() (*os.File, error) {
	f, release, err := scratch("polytrace-export-")
	if err == nil {
		e.release = append(e.release, release)
	}
	return f, err
}

func (e *exporter) close() {
	for _, release := range e.release {
		release()
	}
}

// copyOf reads a scratch file from its beginning.
func copyOf(f *os.File) io.Reader { return io.NewSectionReader(f, 0, 1<<62) }

// prove proves a record, to the checkpoint of the frozen export where there is one.
func (e *exporter) prove(ctx context.Context, at archive.Address) (archive.Proof, error) {
	a := e.s.config.Archive
	p, err := a.Prove(ctx, at)
	if errors.Is(err, archive.ErrUnproven) && !e.flushed {
		e.flushed = true
		if err := a.Flush(ctx); err != nil {
			return p, err
		}
		p, err = a.Prove(ctx, at)
	}
	if err != nil {
		return p, err
	}
	if edge := e.edge(ctx, at.Stream, p); edge != nil {
		if then, err := edge.Rebase(at.Position, p); err == nil {
			p = then
		}
	}
	// A proof that nobody can check is worth nothing, so it is checked here.
	if _, err := p.Check(a.PublicKey()); err != nil {
		return p, fmt.Errorf("%w: %w", archive.ErrUnproven, err)
	}
	return p, nil
}

// edge is what ties proofs to the checkpoint of the frozen export, when the log has
// grown since. Without it proofs are tied to the newest checkpoint, and are as
// good.
func (e *exporter) edge(ctx context.Context, stream archive.Stream, p archive.Proof) *evidence.Edge {
	then := e.n.Checkpoints[stream]
	if then == "" || then == p.Checkpoint {
		return nil
	}
	if _, known := e.edges[stream]; !known {
		e.edges[stream] = nil
		size, err := evidence.CheckpointSize(then)
		if err != nil || size == 0 {
			return nil
		}
		if last, err := e.s.config.Archive.Prove(ctx, archive.Address{Stream: stream, Position: size - 1}); err == nil {
			e.edges[stream], _ = evidence.NewEdge(then, last)
		}
	}
	return e.edges[stream]
}

// problem tells what keeps a record back from what keeps the export back.
func (e *exporter) problem(ctx context.Context, at archive.Address, err error) (evidence.Problem, error) {
	var why evidence.Problem
	switch {
	case err == nil:
		return "", nil
	case errors.Is(err, archive.ErrGone):
		return evidence.Removed, nil
	case errors.Is(err, archive.ErrDamaged):
		why = evidence.Damaged
	case errors.Is(err, archive.ErrUnproven):
		why = evidence.Unproven
	default:
		return "", err
	}
	e.s.config.Log.ErrorContext(ctx, "record exported with a problem", "record", at, "problem", why, "error", err)
	return why, nil
}

// tables are the lists of a ZIP for people and programs.
type tables struct {
	manifest, load *csv.Writer
	files          []*os.File
	names          []string
}

func (e *exporter) tables() (*tables, error) {
	t := &tables{}
	add := func(name string) (*csv.Writer, error) {
		f, err := e.scratch()
		t.files, t.names = append(t.files, f), append(t.names, name)
		return csv.NewWriter(f), err
	}
	var err error
	if t.manifest, err = add(evidence.Manifest); err != nil {
		return nil, err
	}
	t.manifest.Write([]string{"file", "address", "sha256", "size", "date", "received", "from", "to", "subject", "problem"}) // Errors are found by Flush.
	if e.n.Format != evidence.EDRM {
		return t, nil
	}
	if t.load, err = add(evidence.LoadFile); err != nil {
		return nil, err
	}
	_, err = io.WriteString(t.files[1], byteOrderMark)
	t.load.UseCRLF = true
	t.load.Write(loadFields)
	return t, err
}

// flush ends the tables.
func (t *tables) flush() error {
	t.manifest.Flush()
	err := t.manifest.Error()
	if t.load != nil {
		t.load.Flush()
		err = errors.Join(err, t.load.Error())
	}
	return err
}

// zip writes each message as an EML file, and behind them the lists. What is
// damaged in the archive does not keep the rest back: the lists say so.
func (e *exporter) zip(ctx context.Context, w io.Writer, lines *bufio.Writer) error {
	dir, err := e.scratch()
	if err != nil {
		return err
	}
	z, err := evidence.NewZipWriter(w, dir)
	if err != nil {
		return err
	}
	t, err := e.tables()
	if err != nil {
		return err
	}
	for item, err := range e.s.hits(ctx, e.n) {
		if err != nil {
			return err
		}
		if err := e.zipMessage(ctx, z, t, item); err != nil {
			return err
		}
	}
	return e.zipLists(z, t, lines)
}

// zipLists writes what is behind the messages.
func (e *exporter) zipLists(z *evidence.ZipWriter, t *tables, lines *bufio.Writer) error {
	if err := t.flush(); err != nil {
		return err
	}
	var files []evidence.File
	put := func(name string, f *os.File) error {
		if err := z.Create(name, e.n.Time); err != nil {
			return err
		}
		m := evidence.NewMeasured(z)
		_, err := io.Copy(m, copyOf(f))
		files = append(files, m.File(name))
		return err
	}
	for i, name := range t.names {
		if err := put(name, t.files[i]); err != nil {
			return err
		}
	}
	sign := e.s.config.Archive.Sign
	if err := errors.Join(e.list.Close(files, sign), lines.Flush()); err != nil {
		return err
	}
	if err := put(evidence.List, e.lines); err != nil {
		return err
	}
	return z.Close(sign)
}

// zipMessage adds a message and what the lists tell of it.
func (e *exporter) zipMessage(ctx context.Context, z *evidence.ZipWriter, t *tables, item index.Summary) error {
	p, err := e.prove(ctx, item.Address)
	why, err := e.problem(ctx, item.Address, err)
	if err != nil {
		return err
	}
	c := &copied{}
	if why != evidence.Removed {
		err := e.zipBody(ctx, z, item, c)
		worse, err := e.problem(ctx, item.Address, err)
		if err != nil || worse == evidence.Removed && c.file.Name != "" {
			return cmp.Or(err, errGoneMeanwhile)
		}
		why = cmp.Or(worse, why)
	}
	if c.file.Name != "" {
		e.messages++
	}
	if why == "" {
		err = e.list.Add(c.file, item.Address, p)
	} else {
		err = e.list.Miss(c.file, item.Address, why)
	}
	t.manifest.Write(manifestRow(c.file.Name, item, problemWords[why])) // Errors are found by Flush.
	if t.load != nil && c.file.Name != "" {
		row, more := e.loadRow(ctx, item, c)
		t.load.Write(row)
		err = errors.Join(err, more)
	}
	return err
}

var errGoneMeanwhile = errors.New("a record was removed while it was read")

var problemWords = map[evidence.Problem]string{
	evidence.Removed:  "removed from the archive before it could be exported",
	evidence.Damaged:  "damaged in the archive: the file is missing or not what came in",
	evidence.Unproven: "no proof that this archive's key vouches for",
}

// copied is what went into the ZIP for a message.
type copied struct {
	meta archive.Meta
	file evidence.File // No name: nothing.
	md5  string
	head []byte // Its beginning.
}

const headBytes = 64 << 10 // Of a message, in which its header fields are looked for.

// zipBody copies the bytes of a message into a file of their own.
func (e *exporter) zipBody(ctx context.Context, z *evidence.ZipWriter, item index.Summary, c *copied) (err error) {
	m, body, err := e.s.config.Archive.ReadBody(ctx, item.Address)
	if err != nil {
		return err
	}
	defer body.Close() // Only read.
	c.meta = m
	name := e.n.Format.Name(item.Address)
	if err := z.Create(name, item.Date); err != nil {
		return err
	}
	sum, head := md5.New(), &prefix{}
	out := evidence.NewMeasured(z)
	_, err = io.Copy(io.MultiWriter(out, sum, head), body)
	c.file, c.md5, c.head = out.File(name), hex.EncodeToString(sum.Sum(nil)), head.bytes
	return err
}

// prefix keeps the first bytes that are written to it.
type prefix struct{ bytes []byte }

func (p *prefix) Write(b []byte) (int, error) {
	p.bytes = append(p.bytes, b[:min(len(b), headBytes-len(p.bytes))]...)
	return len(b), nil
}

func manifestRow(name string, item index.Summary, problem string) []string {
	var to []string
	for _, m := range item.To {
		to = append(to, m.Address)
	}
	return cells(name, item.Address.String(), item.SHA256.String(), fmt.Sprint(item.Size),
		item.Date.Format(time.RFC3339), item.Received.Format(time.RFC3339), item.From.Address, strings.Join(to, " "), item.Subject, problem)
}

// mbox writes the messages behind From_ lines. A damaged message breaks it
// off: an mbox cannot say that one of its messages is not what came in.
func (e *exporter) mbox(ctx context.Context, w io.Writer, lines *bufio.Writer) error {
	to := w
	if e.n.Part == partEvidence {
		to = io.Discard
	}
	whole := evidence.NewMeasured(to)
	out := bufio.NewWriterSize(whole, 64<<10)
	for item, err := range e.s.hits(ctx, e.n) {
		if err != nil {
			return err
		}
		if err := e.mboxMessage(ctx, out, item); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if err := errors.Join(e.list.Close([]evidence.File{whole.File(evidence.MboxFile)}, e.s.config.Archive.Sign), lines.Flush()); err != nil || e.n.Part == partMbox {
		return err
	}
	_, err := io.Copy(w, copyOf(e.lines))
	return err
}

func (e *exporter) mboxMessage(ctx context.Context, out *bufio.Writer, item index.Summary) error {
	p, err := e.prove(ctx, item.Address)
	why, err := e.problem(ctx, item.Address, err)
	if err != nil {
		return err
	}
	_, body, err := e.s.config.Archive.ReadBody(ctx, item.Address)
	if why == evidence.Removed || errors.Is(err, archive.ErrGone) {
		return e.list.Miss(evidence.File{}, item.Address, evidence.Removed)
	}
	if err != nil {
		return err
	}
	defer body.Close() // Only read.
	e.messages++
	from := strings.Join(strings.Fields(item.From.Address), "")
	fmt.Fprintf(out, "From %s %s\n", cmp.Or(from, "MAILER-DAEMON"), item.Date.UTC().Format(time.ANSIC))
	own := evidence.NewMeasured(io.Discard)
	if err := evidence.QuoteFrom(out, io.TeeReader(body, own)); err != nil {
		return err
	}
	if why != "" {
		return e.list.Miss(own.File(""), item.Address, why)
	}
	return e.list.Add(own.File(""), item.Address, p)
}

package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"

	"polytrace/archive/evidence"
	"polytrace/webui"

	"github.com/dustin/go-humanize"
)

type exportVerb struct {
	Query  []string `arg:"" help:"Which messages; empty for all."`
	To     string   `required:"" help:"File to write. One that exists is not overwritten; an export that was interrupted goes on." placeholder:"FILE"`
	Format string   `help:"zip: EML files with a manifest; edrm: the same with a load file for review programs; mbox: one file, and one with its proofs." default:"zip" enum:"zip,edrm,mbox"`
}

func (v exportVerb) query() string { return strings.Join(v.Query, " ") }
func (v exportVerb) isMbox() bool  { return v.Format == string(evidence.Mbox) }

// Run writes beside the file first, so that what is there is whole.
func (v exportVerb) Run(c *call) error {
	if err := cmp.Or(v.isFree(), c.mustExist()); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	p, err := v.openPartial(c)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	err = c.using(func(api *client) error { return v.fetch(c, api, p) })
	if err == nil {
		err = v.publish(p)
	}
	if err != nil {
		return v.interrupted(p, err)
	}
	err = errors.Join(p.f.Close(), p.forget())
	size := fileSize(v.To)
	if v.isMbox() {
		size += fileSize(v.To + evidence.MboxEvidence)
	}
	fmt.Fprintf(c.err, "%s, %s, in %s\n", webui.Count(p.messages.n-p.messages.lists, "message", "messages"), humanize.IBytes(uint64(size)), v.To)
	return err
}

// isFree reports what is in the way.
func (v exportVerb) isFree() error {
	names := []string{v.To}
	if v.isMbox() {
		names = append(names, v.To+evidence.MboxEvidence)
	}
	for _, name := range names {
		if _, err := os.Lstat(name); err == nil {
			return fmt.Errorf("%s exists; choose another name or remove it first", name)
		}
	}
	return nil
}

// interrupted keeps what can be gone on with, and says so.
func (v exportVerb) interrupted(p *partial, err error) error {
	size := p.have.File("").Size
	if size == 0 || p.note.Token == "" {
		return errors.Join(fmt.Errorf("export: nothing was written: %w", err), p.f.Close(), p.discard())
	}
	err = errors.Join(err, p.f.Sync(), p.f.Close())
	return fmt.Errorf("export: interrupted after %s, kept in %s; the same command goes on from there: %w", humanize.IBytes(uint64(size)), p.name, err)
}

// partial is an export as far as it is written. Beside it is a note, without
// which nobody could go on with it.
//
//	FILE.partial       bytes of the export, from the first
//	FILE.partial.json  {"query":"from:acme","format":"zip","token":"cG9seXRy…"}
type partial struct {
	name     string
	f        *os.File
	note     partialNote
	have     *evidence.Measured // What is in f.
	messages *marks
}

type partialNote struct {
	Query  string `json:"query"`
	Format string `json:"format"`
	Token  string `json:"token"` // The server's name for what is exported.
}

func (p *partial) noteName() string { return p.name + ".json" }

// openPartial begins an export, or reads what there is of it.
func (v exportVerb) openPartial(c *call) (p *partial, err error) {
	p = &partial{name: v.To + ".partial", note: partialNote{Query: v.query(), Format: v.Format}}
	if p.f, err = os.OpenFile(p.name, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	if err := p.load(c); err != nil {
		return nil, errors.Join(err, p.f.Close())
	}
	return p, nil
}

func (p *partial) load(c *call) error {
	if err := syscall.Flock(int(p.f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("another export writes %s (%w)", p.name, err)
	}
	size, err := p.f.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return errors.Join(err, p.restart())
	}
	raw, err := os.ReadFile(p.noteName())
	var then partialNote
	if err == nil {
		err = json.Unmarshal(raw, &then)
	}
	if err != nil || then.Query != p.note.Query || then.Format != p.note.Format || then.Token == "" {
		return fmt.Errorf("%s is part of another export; choose another name or remove it first", p.name)
	}
	if err := p.restart(); err != nil {
		return err
	}
	p.note = then
	fmt.Fprintf(c.err, "Going on after %s.\n", humanize.IBytes(uint64(size)))
	_, err = io.Copy(io.MultiWriter(p.have, p.messages), p.f)
	return err
}

// restart sets everything to the beginning but the file's contents.
func (p *partial) restart() error {
	p.note.Token = ""
	p.have, p.messages = evidence.NewMeasured(io.Discard), newMarks(p.note.Format)
	_, err := p.f.Seek(0, io.SeekStart)
	return err
}

// keep writes the note.
func (p *partial) keep(token string) error {
	if p.note.Token = token; token == "" {
		return nil
	}
	raw, err := json.Marshal(p.note)
	if err != nil {
		return err
	}
	return os.WriteFile(p.noteName(), append(raw, '\n'), 0o600)
}

func (p *partial) forget() error  { return ignoreAbsent(os.Remove(p.noteName())) }
func (p *partial) discard() error { return errors.Join(ignoreAbsent(os.Remove(p.name)), p.forget()) }

// fetch asks for what is not there yet; for everything when it does not fit
// what is there.
func (v exportVerb) fetch(c *call, api *client, p *partial) error {
	err := v.fetchRest(c, api, p)
	var problem *apiError
	if errors.As(err, &problem) && problem.status == http.StatusPreconditionFailed && p.note.Token != "" {
		fmt.Fprintln(c.err, "The archive is not what it was when the export was interrupted: beginning anew.")
		if err := errors.Join(p.restart(), p.f.Truncate(0)); err != nil {
			return err
		}
		err = v.fetchRest(c, api, p)
	}
	return err
}

func (v exportVerb) fetchRest(c *call, api *client, p *partial) error {
	q, head := url.Values{"q": {v.query()}, "format": {v.Format}}, http.Header{}
	if v.isMbox() {
		q.Set("part", "both")
	}
	if p.note.Token != "" {
		have := p.have.File("")
		head.Set("Polytrace-Export", p.note.Token)
		head.Set("Polytrace-Have", fmt.Sprintf("%d %s", have.Size, have.SHA256))
	}
	resp, err := api.with(head).send(c.ctx, http.MethodGet, "/export", q, nil, 0)
	if err != nil {
		return searchVerb{Query: v.Query}.pointAt(c, err)
	}
	defer resp.Body.Close()
	if err := p.keep(resp.Header.Get("Polytrace-Export")); err != nil {
		return err
	}
	all, _ := strconv.ParseInt(resp.Header.Get("Polytrace-Total"), 10, 64) // Only told.
	shown := newProgress(c, "exporting", "messages")
	defer shown.end()
	tell := counter(func(int) { shown.set(min(p.messages.n, all), all) })
	_, err = io.Copy(p.f, io.TeeReader(resp.Body, io.MultiWriter(p.have, p.messages, tell)))
	return err
}

// with is a client that adds header fields.
func (c *client) with(h http.Header) *client {
	return &client{http: &http.Client{Transport: adding{h, c.http.Transport}}}
}

type adding struct {
	head http.Header
	next http.RoundTripper
}

func (a adding) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for name, values := range a.head {
		r.Header[name] = values
	}
	return a.next.RoundTrip(r)
}

// publish gives the file its name when all of it is on disk.
func (v exportVerb) publish(p *partial) error {
	if v.isMbox() {
		if err := v.split(p); err != nil {
			return err
		}
	}
	if err := p.f.Sync(); err != nil {
		return err
	}
	return errors.Join(rename(p.name, v.To), syncDir(dirOf(v.To)))
}

// split gives the proofs, which came behind the mbox, a file of their own.
func (v exportVerb) split(p *partial) error {
	size := p.have.File("").Size
	border, err := evidence.MboxLength(p.f, size)
	if err != nil {
		return err
	}
	list, err := os.OpenFile(p.name+evidence.MboxEvidence, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(list, io.NewSectionReader(p.f, border, size-border))
	if err = errors.Join(err, list.Sync(), list.Close()); err != nil {
		return err
	}
	return errors.Join(p.f.Truncate(border), rename(list.Name(), v.To+evidence.MboxEvidence))
}

// rename takes no name that somebody took meanwhile. File systems without
// links, as on memory sticks, promise that less well.
func rename(from, to string) error {
	err := os.Link(from, to)
	if err == nil {
		return os.Remove(from)
	}
	if _, exists := os.Lstat(to); exists == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Rename(from, to)
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// marks counts the messages that go by, by what each begins with. The bytes of
// a ZIP that is in a message may look like it; to tell how far it is that is
// good enough.
type marks struct {
	mark  []byte
	lists int64  // Marks that begin no message.
	tail  []byte // What the last bytes may begin.
	n     int64
}

func newMarks(format string) *marks {
	entry := []byte("PK\x03\x04\x14\x00\x08\x00\x08\x00") // How package evidence begins a file.
	switch evidence.Format(format) {
	case evidence.Mbox:
		return &marks{mark: []byte("\nFrom "), tail: []byte("\n")}
	case evidence.EDRM:
		return &marks{mark: entry, lists: 3}
	}
	return &marks{mark: entry, lists: 2}
}

func (m *marks) Write(p []byte) (int, error) {
	all := append(m.tail, p...)
	m.n += int64(bytes.Count(all, m.mark))
	m.tail = bytes.Clone(all[max(0, len(all)-len(m.mark)+1):])
	return len(p), nil
}

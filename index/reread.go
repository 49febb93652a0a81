package index

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"polytrace/archive"
)

// Attached files are read by programs that become better, or that cannot be started
// for a while. So the index keeps which version read the files of each document, and a pass
// through the documents reads those again that another version may read better, without
// taking them from those who search: a document and the one that is read anew are
// exchanged in one batch. A pass that was interrupted goes on.
//
//	'!extractors' -> JSON, the versions there were: those of read in the view, from firstVersion on
//	'!reread'     -> JSON of pass, while there is one
var (
	extractorsKey = []byte("!extractors")
	rereadKey     = []byte("!reread")
)

// What view.read says of the attached files of a document, below the numbers of versions.
const (
	noFiles      = 0
	notLookedAt  = 1 // At least one of them.
	firstVersion = 2
)

// rereadEvery is when files that were not looked at are tried again.
const rereadEvery = time.Hour

// Extractors tells who read the attached files.
type Extractors struct {
	Version string    `json:"version"`           // That reads now.
	Older   int64     `json:"older"`             // Messages whose files were read by other versions.
	Unread  int64     `json:"unread"`            // Messages with a file that was not looked at; it is tried again every hour.
	Reading *Progress `json:"reading,omitempty"` // Of those that are read again; nil as a rule.
}

// pass goes through the documents that there were when it began.
type pass struct {
	Next docID `json:"next"` // That was not looked at yet.
	End  docID `json:"end"`
	Lost bool  `json:"lost,omitempty"` // Only those with a file that was not looked at.
	Done int64 `json:"done"`           // Documents that were read again.
	Of   int64 `json:"of"`
}

// picks reports whether a pass reads a document again, where files are read by a version now.
func (p *pass) picks(s *state, doc docID, version string) bool {
	switch read := s.read[doc]; {
	case s.hidden.Contains(doc) || read == noFiles:
		return false
	case read == notLookedAt:
		return true
	case p.Lost:
		return false
	case s.versions[read-firstVersion] != version:
		return true
	}
	reason := reasons[s.why[doc]] // Of these the machine may be the cause.
	return reason == reasonFileFault || reason == reasonFileLimit
}

// reread is what a run has of a pass.
type reread struct {
	begin *pass
	next  docID // Where the pass goes on.
	docs  []rereadDoc
}

// rereadDoc is a document with all its arrivals, read again.
type rereadDoc struct {
	doc   docID
	items []item
}

// readBy notes who read the files of a document.
func (a *applier) readBy(doc docID, e *analysis, first bool) {
	if !first {
		a.forgetReader(doc)
	}
	a.read[doc] = noFiles
	switch {
	case e.unlooked != nil:
		a.read[doc] = notLookedAt
	case e.reader != nil:
		a.read[doc] = a.version(*e.reader)
	}
	if n := a.read[doc]; n != noFiles {
		a.counts.Read[n]++
	}
}

func (a *applier) forgetReader(doc docID) {
	if n := a.read[doc]; n != noFiles {
		if a.counts.Read[n]--; a.counts.Read[n] == 0 {
			delete(a.counts.Read, n)
		}
	}
}

// version gives a version its number, a new one when it has none.
func (a *applier) version(v string) uint16 {
	i := slices.Index(a.versions, v)
	if i < 0 {
		i = len(a.versions)
		a.versions = append(slices.Clip(a.versions), v)
		raw, err := json.Marshal(a.versions)
		if err != nil {
			panic(fmt.Sprintf("index: marshal versions: %v", err)) // Strings always marshal.
		}
		a.write(extractorsKey, raw)
	}
	return uint16(min(firstVersion+i, 1<<16-1))
}

// readAnew exchanges documents for what they are when they are read again, and moves the pass on.
func (a *applier) readAnew(r *reread) error {
	if r.begin != nil {
		a.pass = r.begin
		return a.writePass()
	}
	for _, d := range r.docs {
		if a.dead.Contains(d.doc) {
			continue
		}
		if err := a.exchange(d); err != nil {
			return err
		}
	}
	if a.pass == nil {
		return nil
	}
	next := *a.pass
	next.Next, next.Done = r.next, next.Done+int64(len(r.docs))
	a.pass = &next
	if next.Next >= next.End {
		a.pass = nil
	}
	return a.writePass()
}

// exchange reads a document again as what its arrivals make now. One that
// came since they were read is read a little later.
func (a *applier) exchange(d rereadDoc) error {
	queued, since := a.counts.Queued, a.counts.QueuedSince
	if err := a.readAgain(d.doc); err != nil {
		return err
	}
	for _, it := range d.items {
		if err := a.again(it); err != nil {
			return fmt.Errorf("apply %s: %w", it.meta.Address(), err)
		}
	}
	if a.counts.Queued == queued {
		a.counts.QueuedSince = since
	}
	return nil
}

func (a *applier) writePass() error {
	if a.pass == nil {
		mustBatch(a.batch.Delete(rereadKey, nil))
		return nil
	}
	raw, err := json.Marshal(a.pass)
	a.write(rereadKey, raw)
	return err
}

// loadReread reads which versions there were, and how far a pass is.
func (x *Index) loadReread(s *state) error {
	for key, into := range map[string]any{string(extractorsKey): &s.versions, string(rereadKey): &s.pass} {
		raw, err := getCopy(x.db, []byte(key))
		if err != nil {
			return err
		}
		if raw != nil && json.Unmarshal(raw, into) != nil {
			return errCorrupt
		}
	}
	return nil
}

// rereader reads documents again, one by one and beside what comes in, so that this does not wait.
type rereader struct {
	*reader
	runs chan<- run
}

// follow begins a pass when there is something for it: after the start and every hour for
// files that were not looked at, and for others when somebody asks.
func (r rereader) follow() error {
	if r.x.documents == nil {
		return nil
	}
	again := time.NewTimer(0)
	defer again.Stop()
	for retry := minRetry; ; {
		if r.x.now().pass == nil {
			p := &pass{Lost: true}
			select {
			case <-again.C:
				again.Reset(rereadEvery)
			case <-r.x.rereadAll:
				p.Lost = false
			case <-r.ctx.Done():
				return r.ctx.Err()
			}
			if err := r.begin(p); err != nil {
				return err
			}
			continue
		}
		err := r.step()
		if r.ctx.Err() != nil {
			return r.ctx.Err()
		}
		if err == nil {
			retry = minRetry
			continue
		}
		r.x.log.Warn("attached files could not be read again; trying later", "error", err)
		r.pause(retry)
		retry = min(2*retry, maxRetry)
	}
}

// begin begins a pass where there is something to read again. Lost ones alone are not looked for where there are none.
func (r rereader) begin(p *pass) error {
	s := r.x.now()
	if p.Lost && s.counts.Read[notLookedAt] == 0 {
		return nil
	}
	p.End = s.n
	version := r.x.documents.Version()
	for doc := range s.n {
		if p.picks(s, doc, version) {
			p.Of++
		}
	}
	if p.Of == 0 {
		return nil
	}
	return r.send(&reread{begin: p})
}

// A step of a pass ends at either of these.
const (
	maxRereadDocs = 16
	maxRereadTime = time.Second
)

// step reads the next documents of a pass again.
func (r rereader) step() error {
	began, version := time.Now(), r.x.documents.Version()
	s := r.x.now()
	out := &reread{}
	for out.next = s.pass.Next; out.next < s.pass.End; out.next++ {
		if len(out.docs) > 0 && (len(out.docs) >= maxRereadDocs || time.Since(began) > maxRereadTime) {
			break
		}
		if !s.pass.picks(s, out.next, version) {
			continue
		}
		d, err := r.document(out.next)
		if err != nil {
			return err
		}
		if d != nil {
			out.docs = append(out.docs, *d)
		}
	}
	return r.send(out)
}

// document reads the arrivals of a document; nil when the archive cannot give them all.
func (r rereader) document(doc docID) (*rereadDoc, error) {
	all, err := r.arrivals(doc)
	if err != nil {
		return nil, err
	}
	d := &rereadDoc{doc: doc}
	for _, at := range all {
		rec, err := r.x.archive.Read(r.ctx, at)
		if errors.Is(err, archive.ErrNotFound) {
			err = archive.ErrDamaged
		}
		f := foundAs(rec, err, at)
		if f.err != nil {
			return nil, fmt.Errorf("read %s: %w", at, f.err)
		}
		if f.gone || f.damaged { // What is known stays as it is.
			return nil, nil
		}
		it, err := r.item(r.analyzers[0], f)
		if err != nil {
			return nil, err
		}
		d.items = append(d.items, it)
	}
	return d, nil
}

func (r rereader) arrivals(doc docID) (all []archive.Address, err error) {
	d, _, err := r.x.hold()
	if err != nil {
		return nil, err
	}
	defer d.use.RUnlock()
	prefix := docKey(famSighting, doc)
	err = eachIn(d.db, prefix, func(key, _ []byte) error {
		at, err := keyAddress(key[len(prefix)-1:])
		all = append(all, at)
		return err
	})
	return all, err
}

// send has a run applied and waits for it.
func (r rereader) send(u *reread) error {
	before := r.x.now().pass
	select {
	case r.runs <- run{reread: u}:
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
	return r.x.await(r.ctx, func(s *state) bool { return s.pass != before })
}

// Reread has the attached files read again, by Run, that an earlier version of their
// readers read or could not read, and returns when that is done. When ctx ends, or the process, that is
// no harm: Run goes on with it, also after a start.
func (x *Index) Reread(ctx context.Context, progress func(Progress)) error {
	if x.documents == nil {
		return errors.New("attached files are not read here")
	}
	seen := false
	return x.watch(ctx, progress, func() (Progress, bool, error) {
		if x.broken != nil {
			return Progress{}, false, x.broken
		}
		p := x.state.pass
		wanted := len(x.rereadAll) > 0
		if !seen && !wanted && (p == nil || p.Lost) {
			select {
			case x.rereadAll <- struct{}{}:
			default:
			}
			wanted = true
		}
		seen = true
		return x.rereading(x.state), p == nil && !wanted && x.state.counts.Queued == 0, nil
	})
}

func (x *Index) rereading(s *state) Progress {
	if s.pass == nil {
		return Progress{}
	}
	return Progress{Records: s.pass.Done, Of: s.pass.Of}
}

// extractors is what the status says of the readers of attached files.
func (x *Index) extractors(s *state) *Extractors {
	if x.documents == nil {
		return nil
	}
	e := &Extractors{Version: x.documents.Version(), Unread: s.counts.Read[notLookedAt]}
	for n, count := range s.counts.Read {
		if n >= firstVersion && s.versions[n-firstVersion] != e.Version {
			e.Older += count
		}
	}
	if s.pass != nil {
		p := x.rereading(s)
		e.Reading = &p
	}
	return e
}

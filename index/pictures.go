package index

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"polytrace/archive"
	"polytrace/burst"
	"polytrace/document"
)

// To read what is written in pictures takes a second for each, a thousand times as long as to
// index a message. So a message is indexed first, with the reason that its pictures
// wait, and is found by all else that it says. Then, beside the records that come in, the
// messages that wait are read once more, pictures and all, one at a time, newest first. What
// was found in the pictures is added to the words of the document.
//
// A record waits for as long as it has a row, which it loses when its document is removed. Each copy of a
// message waits by itself, since each adds its own words: the same bytes may have come wrapped and
// not.
//
//	'W' stream 0x00 position(8) -> nothing

// picturePlace is where the words of pictures begin in fieldAttached, behind those of all text.
const picturePlace = 1 << 26

// pictureTime is for the pictures of one message; what is not read then is a limit.
const pictureTime = 2 * time.Minute

// wait notes whether the pictures of a record are to be read.
func (a *applier) wait(at archive.Address, waits bool) error {
	key := recordKey(famWaiting, at)
	value, err := a.get(key)
	switch {
	case err != nil:
		return err
	case waits && value == nil:
		a.counts.Waiting++
		a.set(key, present)
	case !waits && value != nil:
		a.counts.Waiting--
		a.delete(key)
	}
	return nil
}

// looked adds to a document what is written in the pictures of a copy, unless it was removed.
func (a *applier) looked(it item) error {
	at := it.meta.Address()
	waiting, err := a.get(recordKey(famWaiting, at))
	if err != nil || waiting == nil {
		return err
	}
	value, err := a.get(addressKey(at))
	if err != nil || len(value) != 8 {
		return err
	}
	doc := binary.BigEndian.Uint32(value)
	if a.dead.Contains(doc) {
		return nil
	}
	s, err := a.stored(doc)
	if err != nil {
		return err
	}
	reason := reasonDamaged // Meanwhile.
	if e := it.entry; e != nil {
		reason = e.summary.unsearchable
		a.termTable.add(doc, &e.content)
		if s.at == at {
			a.replace(docKey(famAttached, doc), e.attached, false)
		}
	}
	if s.at == at { // It is shown by this copy.
		a.because(doc, s, reason)
	}
	return a.wait(at, false)
}

// looked is what a run has of pictures that were read.
type looked struct {
	applied chan struct{} // Closed when they are in the index.
}

// waitingEnd is behind all rows.
var waitingEnd = []byte{famWaiting + 1}

// looking reads the pictures that wait.
type looking struct {
	*reader
	analyzer *analyzer
	hurry    *hurry
	way      burst.Way
	below    []byte // Key of the last record that was read in this pass; all that are to come are below it.
	failed   bool   // One could not be read in this pass.
}

func newLooking(x *Index, ctx context.Context) *looking {
	l := &looking{reader: &reader{x: x, ctx: ctx}, below: waitingEnd, way: burst.Way{To: x.urgent, For: time.Minute, Then: pictureTime}}
	if x.documents != nil {
		l.hurry = &hurry{Documents: x.documents, pictures: x.pictures, ctx: ctx}
		l.analyzer = x.analyzer(l.hurry)
	}
	return l
}

// hurry reads documents with their pictures until there is no more time. Where nobody reads pictures
// any more, documents are read that wait since somebody did.
type hurry struct {
	Documents
	pictures Pictures
	ctx      context.Context
	until    time.Time
}

func (h *hurry) Read(name, mediaType string, content []byte) (document.Text, error) {
	switch {
	case time.Now().After(h.until):
		return document.Text{Reason: document.Limit, Defects: []document.Defect{{Reason: document.Limit}}}, nil
	case h.pictures == nil:
		return h.Documents.Read(name, mediaType, content)
	}
	return h.pictures(h.ctx, name, mediaType, content)
}

// follow reads what waits, until its context ends.
func (l *looking) follow(runs chan<- run) error {
	for l.analyzer != nil && l.ctx.Err() == nil {
		changed, waiting := l.now()
		if waiting > 0 && (l.way.Give(time.Now()) || l.x.room() != nil) {
			l.pause(minRetry)
			continue
		}
		at, ok, err := l.next()
		switch {
		case err != nil:
			return err
		case ok:
			l.below = recordKey(famWaiting, at)
			if err := l.read(at, runs); err != nil && l.ctx.Err() == nil {
				l.failed = true
				l.x.log.Warn("pictures could not be read yet", "record", at, "error", err)
			}
			continue
		case l.failed:
			l.pause(maxRetry)
		case bytes.Equal(l.below, waitingEnd): // The pass had nothing to read.
			select {
			case <-changed:
			case <-l.ctx.Done():
			}
		}
		l.below, l.failed = waitingEnd, false
	}
	return l.ctx.Err()
}

// now tells how many documents wait, and when to ask again.
func (l *looking) now() (changed <-chan struct{}, waiting int64) {
	l.x.mu.Lock()
	defer l.x.mu.Unlock()
	return l.x.changed, l.x.state.counts.Waiting
}

// next is the newest record that waits below the last one.
func (l *looking) next() (at archive.Address, ok bool, err error) {
	s, release, err := l.x.begin()
	if err != nil {
		return at, false, err
	}
	defer release()
	if s.counts.Waiting == 0 {
		return at, false, nil
	}
	it, err := l.x.db.NewIter(&pebble.IterOptions{LowerBound: []byte{famWaiting}, UpperBound: l.below})
	if err != nil {
		return at, false, err
	}
	for found := it.Last(); found && !ok && err == nil; found = it.Prev() {
		var value []byte
		if at, err = keyAddress(it.Key()); err == nil {
			value, err = getCopy(l.x.db, addressKey(at))
		}
		ok = len(value) == 8 && !s.dead.Contains(binary.BigEndian.Uint32(value))
	}
	return at, ok, errors.Join(err, it.Error(), it.Close())
}

// read reads a message with its pictures, and waits until that is applied.
func (l *looking) read(at archive.Address, runs chan<- run) error {
	rec, err := l.x.archive.Read(l.ctx, at)
	f := foundAs(rec, err, at)
	if f.err != nil {
		return f.err
	}
	l.hurry.until = time.Now().Add(pictureTime)
	it, err := l.item(l.analyzer, f)
	if err != nil || f.gone { // What is gone will be removed.
		return err
	}
	if e := it.entry; e != nil {
		if e.unlooked != nil {
			return e.unlooked
		}
		l.analyzer.onlyPictures(e)
	}
	done := make(chan struct{})
	select {
	case runs <- run{looked: &looked{done}, items: []item{it}}:
		<-done
	case <-l.ctx.Done():
	}
	return l.ctx.Err()
}

// onlyPictures makes what is written in pictures the content of a message, which has all else
// already.
func (z *analyzer) onlyPictures(a *analysis) {
	place := uint32(picturePlace)
	for _, text := range a.pictures {
		place = z.w.words(fieldAttached, text, place) + placeGap
	}
	a.content = z.w.finish()
}

package archive

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// pack is a run of a stream. It goes through these states, and never back:
//
//	open    tar set, full not     records are appended
//	full    tar and full set      waits to be sealed
//	sealed  neither, stored not   waits to be uploaded
//	stored  stored                in the bucket; local says whether also here
//
// Its fields are guarded by the mu of its stream, but stream and first, which never change.
type pack struct {
	stream  Stream
	first   Position
	records int
	bytes   int64     // Of bodies.
	oldest  time.Time // Received of the first record.
	newest  time.Time // Received of the last record.

	tar    *handle   // Of the open pack.
	starts []int64   // Where each record begins in tar, and where the next one would. Only grows.
	zeroed int64     // The tar is zeros from its end to here.
	born   time.Time // When its first record was appended.
	full   bool

	size   int64 // Of the sealed pack.
	sum    Digest
	stored bool
	local  bool
	used   int64 // When it was last read; greater is later.

	forsaken bool // A damaged local copy was given up for the bucket's.
}

func (p *pack) end() Position { return p.first + Position(p.records) }

// tarEnd is where the next record will be.
func (p *pack) tarEnd() int64 { return p.starts[len(p.starts)-1] }

func (p *pack) line() packLine {
	return packLine{p.first, p.records, p.size, p.sum, p.bytes, p.oldest, p.newest, p.stored}
}

// takeLine is the inverse of line.
func (p *pack) takeLine(l packLine) {
	p.records, p.size, p.sum, p.bytes = l.Records, l.Size, l.SHA256, l.Bytes
	p.oldest, p.newest, p.stored = l.Oldest, l.Newest, l.Stored
}

// count adds a record of a length in the tar.
func (p *pack) count(m *Meta, length int64) {
	if p.records == 0 {
		p.oldest = m.Received
	}
	p.newest = m.Received
	p.records++
	if m.hasBody() {
		p.bytes += m.Size
	}
	p.starts = append(p.starts, p.tarEnd()+length)
}

// key is the pack's name in the bucket.
func (p *pack) key() string { return fmt.Sprintf("packs/%s/%020d.tar.zst", p.stream, uint64(p.first)) }

func (p *pack) tarName() string    { return fmt.Sprintf("%s/%020d.tar", p.stream.dir(), uint64(p.first)) }
func (p *pack) sealedName() string { return p.tarName() + ".zst" }

func (s Stream) dir() string { return "streams/" + string(s) }

// handle is an open file with several users; the last one closes it.
type handle struct {
	file
	mu   sync.Mutex
	refs int
}

func newHandle(f file) *handle { return &handle{file: f, refs: 1} }

// retain adds a user; false when the last one is gone already.
func (h *handle) retain() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refs == 0 {
		return false
	}
	h.refs++
	return true
}

// release ends a use.
func (h *handle) release() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refs == 0 {
		return errors.New("file released twice")
	}
	if h.refs--; h.refs > 0 {
		return nil
	}
	return h.file.Close()
}

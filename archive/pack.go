package archive

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
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
// and stored packs may be gone: every record was removed and nothing is left to
// read. Its fields are guarded by the mu of its stream, but stream and first,
// which never change, and as, which is set when it is sealed: a pack that is
// written anew is another pack.
type pack struct {
	stream  Stream
	first   Position
	as      form
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
	gone   bool
	stated bool // Of a pack that was written anew: a checkpoint tells of it.
	lock   Lock // What the bucket keeps it with.
	local  bool
	used   int64 // When it was last read; greater is later.

	forsaken bool // A damaged local copy was given up for the bucket's.
}

func (p *pack) end() Position { return p.first + Position(p.records) }

// tarEnd is where the next record will be.
func (p *pack) tarEnd() int64 { return p.starts[len(p.starts)-1] }

func (p *pack) line() packLine {
	return packLine{p.first, p.records, p.size, p.sum, p.bytes, p.oldest, p.newest, p.stored, p.as.generation, p.as.age, p.gone, p.stated, p.lock}
}

// takeLine is the inverse of line.
func (p *pack) takeLine(l packLine) {
	p.records, p.size, p.sum, p.bytes = l.Records, l.Size, l.SHA256, l.Bytes
	p.oldest, p.newest, p.stored, p.gone, p.stated, p.lock = l.Oldest, l.Newest, l.Stored, l.Gone, l.Stated, l.Lock
	p.as = form{l.Generation, l.Age}
}

// count adds a record of a length in the tar.
func (p *pack) count(m *Meta, length int64) {
	// Clocks are set back.
	if p.records == 0 || m.Received.Before(p.oldest) {
		p.oldest = m.Received
	}
	if p.records == 0 || m.Received.After(p.newest) {
		p.newest = m.Received
	}
	p.records++
	if m.hasBody() {
		p.bytes += m.Size
	}
	p.starts = append(p.starts, p.tarEnd()+length)
}

// form is what of a sealed pack its name tells, but for the first position.
type form struct {
	generation int  // How often it was written anew.
	age        bool // It is encrypted.
}

// formatPackName is the name of a sealed pack without its directory:
// 00000000000000001042.tar.zst, 00000000000000001042.r1.tar.zst.age.
func formatPackName(first Position, as form) string {
	name := fmt.Sprintf("%020d", uint64(first))
	if as.generation > 0 {
		name += fmt.Sprintf(".r%d", as.generation)
	}
	if name += ".tar.zst"; as.age {
		name += ".age"
	}
	return name
}

// parsePackName is the inverse of formatPackName.
func parsePackName(name string) (first Position, as form, ok bool) {
	number, rest, _ := strings.Cut(name, ".")
	n, err := strconv.ParseUint(number, 10, 64)
	if again, found := strings.CutPrefix(rest, "r"); found {
		again, _, _ = strings.Cut(again, ".")
		if as.generation, err = strconv.Atoi(again); err != nil {
			return 0, form{}, false
		}
	}
	as.age = strings.HasSuffix(rest, ".age")
	return Position(n), as, err == nil && formatPackName(Position(n), as) == name
}

// parseKey takes the key of a pack in the bucket apart.
func parseKey(key string) (s Stream, first Position, as form, ok bool) {
	dir, name := path.Split(key)
	text, ok := strings.CutPrefix(dir, "packs/")
	s = Stream(strings.TrimSuffix(text, "/"))
	first, as, named := parsePackName(name)
	return s, first, as, ok && named && s.Valid()
}

// key is the pack's name in the bucket.
func (p *pack) key() string { return "packs/" + string(p.stream) + "/" + formatPackName(p.first, p.as) }

func (p *pack) tarName() string    { return fmt.Sprintf("%s/%020d.tar", p.stream.dir(), uint64(p.first)) }
func (p *pack) sealedName() string { return p.stream.dir() + "/" + formatPackName(p.first, p.as) }

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

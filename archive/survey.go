package archive

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
)

// span is where a record lies in a pack.
type span struct {
	start, length int64 // Bytes. Length 0: nothing of it is left.
	meta          Meta
	damage        error // Nil when all of it is as it was written.
}

// survey is what recovery finds in a pack that was open.
type survey struct {
	spans []span // One for each position from the first on.
	end   int64  // Behind the last of them.
}

// surveyor reads a pack of size bytes as a crash left it.
type surveyor struct {
	r    io.ReaderAt
	size int64
	at   Address // Of the next record.
	mark *marker
}

// surveyPack finds the records of a pack that begins at first.
//
// A record that cannot be read and has a genuine one behind it is damage and
// keeps its place. What cannot be read and has nothing behind it was being
// written when the power went: nobody was told that it is stored, and it is
// left out. upto is the position behind the pack where that is known: then
// every position before it was given away, and nothing is left out.
func surveyPack(r io.ReaderAt, size int64, first Address, upto Position, mark *marker) (survey, error) {
	s := &surveyor{r, size, first, mark}
	var found survey
	for found.end < size && (upto == 0 || s.at.Position < upto) {
		one, err := s.record(found.end)
		if err != nil {
			return survey{}, err
		}
		if one.damage != nil && one.length == 0 {
			gap, next, err := s.search(found.end + blockSize)
			if err != nil {
				return survey{}, err
			}
			if next == 0 {
				break
			}
			found.spans = append(found.spans, gap...)
			found.end = next
			continue
		}
		found.spans = append(found.spans, one)
		found.end += one.length
		s.at.Position++
	}
	if upto > 0 {
		for ; s.at.Position < upto; s.at.Position++ {
			found.spans = append(found.spans, span{start: found.end, damage: errLost})
		}
		return found, nil
	}
	found.cutTail()
	return found, nil
}

// cutTail leaves out what is unreadable and has nothing readable behind it.
func (v *survey) cutTail() {
	n := len(v.spans)
	for n > 0 && v.spans[n-1].damage != nil && v.spans[n-1].meta.Kind != KindLost {
		n--
		v.end = v.spans[n].start
	}
	v.spans = v.spans[:n]
}

// record reads the record that begins at off. Its error is one of the disk; what is wrong
// with the record is in the span.
func (s *surveyor) record(off int64) (span, error) {
	m, metaLen, ok, err := s.head(off)
	if err != nil || !ok || m.Address() != s.at {
		return span{start: off, damage: errNoHeader}, err
	}
	one := span{start: off, length: m.tarLength(metaLen), meta: m}
	if off+one.length > s.size { // What is behind it would not be found where the tar says.
		return span{start: off, damage: io.ErrUnexpectedEOF}, nil
	}
	if m.Kind == KindLost {
		one.damage = errLost
	}
	if m.hasBody() {
		one.damage, err = s.checkBody(off+blockSize+padded(metaLen), &m)
	}
	return one, err
}

// checkBody compares a body entry with what the metadata says of it.
func (s *surveyor) checkBody(off int64, m *Meta) (damage, err error) {
	header := make([]byte, blockSize)
	if _, err := s.r.ReadAt(header, off); err != nil {
		return nil, err
	}
	if h, err := parseHeader(header); err != nil || h.size != m.Size || h.name != bodyName(m.Position, m.Kind) {
		return errNoHeader, nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(s.r, off+blockSize, m.Size)); err != nil {
		return nil, err
	}
	if Digest(sum.Sum(nil)) != m.SHA256 {
		return fmt.Errorf("the bytes have another SHA-256 than %s", m.SHA256), nil
	}
	return nil, nil
}

// head reads the metadata at off if it is there and bears our mark.
func (s *surveyor) head(off int64) (m Meta, metaLen int64, ok bool, err error) {
	header := make([]byte, blockSize)
	if s.size-off < 2*blockSize {
		return Meta{}, 0, false, nil
	}
	if _, err := s.r.ReadAt(header, off); err != nil {
		return Meta{}, 0, false, err
	}
	h, err := parseHeader(header)
	if err != nil || h.size > min(maxMeta, s.size-off-blockSize) {
		return Meta{}, 0, false, nil
	}
	raw := make([]byte, h.size)
	if _, err := s.r.ReadAt(raw, off+blockSize); err != nil {
		return Meta{}, 0, false, err
	}
	if s.mark.mark(h.name, raw) != h.mark {
		return Meta{}, 0, false, nil
	}
	m, err = parseMeta(raw)
	ok = err == nil && m.Stream == s.at.Stream && h.name == metaName(m.Position)
	return m, h.size, ok, nil
}

// search looks from off on for the next record that bears our mark. It
// returns its offset and spans for the records that are missing before it; 0
// when there is none.
func (s *surveyor) search(off int64) (missing []span, next int64, err error) {
	window := make([]byte, 256*blockSize)
	for ; off < s.size; off += int64(len(window)) {
		n, err := s.r.ReadAt(window, off)
		if err != nil && err != io.EOF {
			return nil, 0, err
		}
		for i := 0; i+blockSize <= n; i += blockSize {
			if !bytes.Equal(window[i+257:i+262], []byte("ustar")) {
				continue
			}
			m, _, ok, err := s.head(off + int64(i))
			if err != nil {
				return nil, 0, err
			}
			// A record takes at least two blocks, so a position too far ahead
			// cannot be one of this place.
			if ok && m.Position > s.at.Position && uint64(m.Position-s.at.Position) <= uint64(off+int64(i))/(2*blockSize)+1 {
				return s.missing(m.Position, off+int64(i)), off + int64(i), nil
			}
		}
	}
	return nil, 0, nil
}

// missing makes spans up to a position and goes on there.
func (s *surveyor) missing(upto Position, end int64) (spans []span) {
	for ; s.at.Position < upto; s.at.Position++ {
		spans = append(spans, span{start: end, damage: errLost})
	}
	return spans
}

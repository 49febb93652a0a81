package archive

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"
	"time"
)

// A pack is a POSIX ustar archive. A record is one or two entries of it:
//
//	header (512)  <position, 20 digits>.json
//	Meta as JSON, zeros up to a multiple of 512
//	header (512)  <position, 20 digits>.eml, .warc or .bin     } not of a
//	body, zeros up to a multiple of 512                        } sighting
//
// The metadata comes first: it tells how long the body is and what SHA-256 it
// has, so that a record whose writing was cut short is never believed.
//
// ustar leaves the last 12 bytes of a header unused. In those of a .json
// entry the writer keeps a mark: 9 bytes of an HMAC-SHA256, under a key that
// only this data directory knows, over name and content, in base64url. Recovery looks
// for marks when it searches what lies behind damage; without them a message
// that contains a pack could pass itself off as records.
const (
	blockSize  = 512
	markOffset = 500
	markSize   = 12

	maxMeta = 16 << 20    // Bytes of JSON; a hundred thousand recipients.
	maxBody = 8<<30 - 512 // What 11 octal digits of a ustar header can say, and padding.
)

// padded is n rounded up to whole blocks.
func padded(n int64) int64 { return (n + blockSize - 1) / blockSize * blockSize }

// hasBody reports whether a body entry follows the metadata.
func (m *Meta) hasBody() bool {
	return m.SameAs == nil && m.Kind != KindLost && m.Kind != KindErased
}

// tarLength is how many bytes of the pack a record takes.
func (m *Meta) tarLength(metaLen int64) int64 {
	n := blockSize + padded(metaLen)
	if m.hasBody() {
		n += blockSize + padded(m.Size)
	}
	return n
}

func metaName(p Position) string { return fmt.Sprintf("%020d.json", uint64(p)) }

func bodyName(p Position, k Kind) string {
	suffix := ".bin"
	switch k {
	case KindMessage:
		suffix = ".eml"
	case KindPage:
		suffix = ".warc"
	}
	return fmt.Sprintf("%020d%s", uint64(p), suffix)
}

// appendHeader appends a ustar header (POSIX.1-1988) of a regular file.
func appendHeader(b []byte, name string, size int64, at time.Time, mark string) []byte {
	start := len(b)
	b = append(b, make([]byte, blockSize)...)
	h := b[start:]
	copy(h[0:100], name)
	copy(h[100:], "0000644\x000000000\x000000000\x00") // mode, uid, gid
	putOctal(h[124:136], size)
	putOctal(h[136:148], max(0, min(at.Unix(), 1<<33-1)))
	h[156] = '0' // A regular file.
	copy(h[257:], "ustar\x0000")
	copy(h[markOffset:], mark)
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", headerSum(h)))
	return b
}

// putOctal fills a field but for its last byte, which stays NUL.
func putOctal(field []byte, v int64) {
	for i := len(field) - 2; i >= 0; i-- {
		field[i] = byte('0' + v&7)
		v >>= 3
	}
}

// headerSum adds up the bytes of a header with its checksum read as blanks.
func headerSum(h []byte) (sum int64) {
	for i, c := range h[:blockSize] {
		if i >= 148 && i < 156 {
			c = ' '
		}
		sum += int64(c)
	}
	return sum
}

// tarHeader is what matters of a header.
type tarHeader struct {
	name string
	size int64
	mark string
}

var errNoHeader = errors.New("no tar header of ours")

// parseHeader reads what appendHeader writes and nothing else.
func parseHeader(h []byte) (tarHeader, error) {
	if len(h) < blockSize || string(h[257:265]) != "ustar\x0000" || string(h[154:157]) != "\x00 0" {
		return tarHeader{}, errNoHeader
	}
	sum, err1 := octal(h[148:154])
	size, err2 := octal(h[124:135])
	if err1 != nil || err2 != nil || sum != headerSum(h) {
		return tarHeader{}, errNoHeader
	}
	name, _, _ := bytes.Cut(h[:100], []byte{0})
	return tarHeader{string(name), size, string(h[markOffset : markOffset+markSize])}, nil
}

func octal(field []byte) (int64, error) { return strconv.ParseInt(string(field), 8, 64) }

// marker computes marks. It is not safe for concurrent use.
type marker struct{ mac hash.Hash }

func newMarker(key []byte) *marker { return &marker{hmac.New(sha256.New, key)} }

func (k *marker) mark(name string, meta []byte) string {
	k.mac.Reset()
	io.WriteString(k.mac, name)
	k.mac.Write(meta)
	var sum [sha256.Size]byte
	return base64.RawURLEncoding.EncodeToString(k.mac.Sum(sum[:0])[:markSize*3/4])
}

// appendMeta appends the .json entry of a record.
func appendMeta(b []byte, k *marker, m *Meta, meta []byte) []byte {
	name := metaName(m.Position)
	b = appendHeader(b, name, int64(len(meta)), m.Received, k.mark(name, meta))
	return appendPadding(append(b, meta...), int64(len(meta)))
}

func appendPadding(b []byte, n int64) []byte {
	return append(b, make([]byte, padded(n)-n)...)
}

// parseMeta reads the JSON of a record. A greater version than ours means
// that something of it changed its meaning; fields that we do not know do not.
func parseMeta(raw []byte) (Meta, error) {
	var m Meta
	if err := json.Unmarshal(raw, &m); err != nil {
		return Meta{}, fmt.Errorf("metadata: %w", err)
	}
	switch {
	case m.Format > FormatVersion:
		return Meta{}, fmt.Errorf("metadata is of version %d; this program reads versions up to %d: use a newer one", m.Format, FormatVersion)
	case m.Format < 1 || m.Kind == "" || !m.Stream.Valid() || m.Size < 0 || m.Size > maxBody:
		return Meta{}, errors.New("metadata is incomplete")
	}
	return m, nil
}

// parseRecord reads a record from all of its bytes in a pack. Body shares
// memory with raw. When only the body is wrong, the metadata is returned with
// the error.
func parseRecord(raw []byte, at Address) (Record, error) {
	m, metaLen, err := parseHead(raw, at)
	if err != nil || !m.hasBody() {
		switch {
		case err != nil:
		case m.Kind == KindLost:
			err = errLost
		case m.Kind == KindErased:
			err = ErrGone
		}
		return Record{Meta: m}, err
	}
	start := blockSize + padded(metaLen) + blockSize
	if start+m.Size > int64(len(raw)) {
		return Record{Meta: m}, errors.New("the body is cut short")
	}
	body := raw[start : start+m.Size : start+m.Size]
	if sum := Digest(sha256.Sum256(body)); sum != m.SHA256 {
		return Record{Meta: m}, fmt.Errorf("the bytes have SHA-256 %s, stored was %s", sum, m.SHA256)
	}
	return Record{m, body}, nil
}

var errLost = errors.New("recovery found nothing readable in its place")

// parseHead reads the .json entry at the beginning of raw.
func parseHead(raw []byte, at Address) (m Meta, metaLen int64, err error) {
	h, err := parseHeader(raw)
	if err != nil {
		return Meta{}, 0, err
	}
	if h.name != metaName(at.Position) || h.size > int64(len(raw))-blockSize {
		return Meta{}, 0, fmt.Errorf("found %s of %d bytes instead of %s", strings.ToValidUTF8(h.name, "?"), h.size, metaName(at.Position))
	}
	m, err = parseMeta(raw[blockSize : blockSize+h.size])
	if err == nil && m.Address() != at {
		err = fmt.Errorf("found the metadata of %s", m.Address())
	}
	return m, h.size, err
}

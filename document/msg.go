package document

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"strings"

	"polytrace/message"
)

// Properties of a message of Outlook (MS-OXPROPS), and their types.
const (
	msgSubject        = 0x0037
	msgSentByName     = 0x0042
	msgSentByAddress  = 0x0065
	msgSenderName     = 0x0c1a
	msgSenderAddress  = 0x0c1f
	msgRecipientKind  = 0x0c15
	msgBody           = 0x1000
	msgRTF            = 0x1009
	msgHTML           = 0x1013
	msgName           = 0x3001
	msgAddress        = 0x3003
	msgFile           = 0x3701
	msgShortFilename  = 0x3704
	msgFilename       = 0x3707
	msgMediaType      = 0x370e
	msgSMTPAddress    = 0x39fe
	msgLocale         = 0x3ff1
	msgCodepage       = 0x3ffd
	msgBodyCodepage   = 0x3fde
	msgSenderSMTP     = 0x5d01
	msgSentBySMTP     = 0x5d02
	msgTypeNumber     = 0x0003
	msgTypeObject     = 0x000d
	msgTypeString     = 0x001e
	msgTypeUnicode    = 0x001f
	msgTypeBinary     = 0x0102
	msgPropertyStream = "__properties_version1.0"
)

// msgStorage is a storage of a message file: the message, a recipient or an
// attachment (MS-OXMSG section 2.2). Each property of variable length is a
// stream; the short ones are in one of 16 bytes each.
type msgStorage struct {
	r        *reader
	c        *compound
	streams  map[uint32]int // By property and type.
	storages []int
	codepage int
	numbers  map[uint32]uint32
}

func (r *reader) openMSG(c *compound, storage, headSize int) *msgStorage {
	m := &msgStorage{r: r, c: c, streams: map[uint32]int{}, numbers: map[uint32]uint32{}}
	for _, i := range c.children(storage) {
		name := c.entries[i].name
		switch {
		case name == msgPropertyStream:
			m.readNumbers(r.stream(c, i), headSize)
		case strings.HasPrefix(name, "__substg1.0_"):
			var tag uint32
			if n, _ := fmt.Sscanf(name[len("__substg1.0_"):], "%08X", &tag); n == 1 {
				if _, twice := m.streams[tag]; !twice {
					m.streams[tag] = i
				}
			}
		default:
			m.storages = append(m.storages, i)
		}
	}
	// The code page of strings may be left out; then that of the body is the best
	// guess, or the one that goes with the language.
	m.codepage = int(cmp.Or(m.numbers[msgCodepage], m.numbers[msgBodyCodepage], codepages[m.numbers[msgLocale]&0x3ff], 1252))
	return m
}

// codepages are those of Windows by language (MS-LCID), where it is not 1252.
var codepages = map[uint32]uint32{
	0x01: 1256, 0x02: 1251, 0x04: 936, 0x05: 1250, 0x08: 1253, 0x0d: 1255, 0x0e: 1250, 0x11: 932, 0x12: 949, 0x15: 1250, 0x18: 1250, 0x19: 1251,
	0x1a: 1250, 0x1b: 1250, 0x1e: 874, 0x1f: 1254, 0x22: 1251, 0x23: 1251, 0x24: 1250, 0x25: 1257, 0x26: 1257, 0x27: 1257, 0x29: 1256, 0x2a: 1258,
}

// readNumbers reads properties of four bytes: type(2) id(2) flags(4) value(8).
func (m *msgStorage) readNumbers(b []byte, headSize int) {
	for b = b[min(len(b), headSize):]; len(b) >= 16; b = b[16:] {
		if binary.LittleEndian.Uint16(b) == msgTypeNumber {
			m.numbers[uint32(binary.LittleEndian.Uint16(b[2:]))] = binary.LittleEndian.Uint32(b[8:])
		}
	}
}

// text is the first of some properties that is there.
func (m *msgStorage) text(properties ...uint32) string {
	for _, p := range properties {
		if i, ok := m.streams[p<<16|msgTypeUnicode]; ok {
			if s := utf16Text(m.r.stream(m.c, i)); s != "" {
				return s
			}
		}
		if i, ok := m.streams[p<<16|msgTypeString]; ok {
			if s := message.DecodeCodepage(m.codepage, m.r.stream(m.c, i)); s != "" {
				return s
			}
		}
	}
	return ""
}

func (m *msgStorage) binary(property uint32) []byte {
	if i, ok := m.streams[property<<16|msgTypeBinary]; ok {
		return m.r.stream(m.c, i)
	}
	return nil
}

// readMSG reads a message as readMail does.
func (r *reader) readMSG(c *compound, storage int) {
	if r.tooDeep() {
		return
	}
	const head, embeddedHead, smallHead = 32, 24, 8 // Section 2.4.1.
	size := head
	if storage != 0 {
		size = embeddedHead
	}
	m := r.openMSG(c, storage, size)
	p := r.page("")
	p.field("Subject", m.text(msgSubject))
	p.field("From", person(m.text(msgSentByName, msgSenderName), m.text(msgSentBySMTP, msgSenderSMTP, msgSentByAddress, msgSenderAddress)))
	var attachments []int
	for _, i := range m.storages {
		switch name := c.entries[i].name; {
		case strings.HasPrefix(name, "__attach_"):
			attachments = append(attachments, i)
		case strings.HasPrefix(name, "__recip_") && p.r.take():
			to := r.openMSG(c, i, smallHead)
			kind := "To"
			switch to.numbers[msgRecipientKind] {
			case 2:
				kind = "Cc"
			case 3:
				kind = "Bcc"
			}
			p.field(kind, person(to.text(msgName), to.text(msgSMTPAddress, msgAddress)))
		}
	}
	p.writeString(m.bodyText())
	p.end()
	for _, i := range attachments {
		if r.full() || !r.take() {
			r.note(Limit)
			return
		}
		r.readAttachment(r.openMSG(c, i, smallHead))
	}
}

func person(name, address string) string {
	switch {
	case !strings.Contains(address, "@") || address == name: // Exchange names people by X.500 inside of an organisation.
		return name
	case name == "":
		return address
	}
	return name + " <" + address + ">"
}

// bodyText is the body as text, else made of what other form there is.
func (m *msgStorage) bodyText() string {
	if s := m.text(msgBody); strings.TrimSpace(s) != "" {
		return s
	}
	if html := m.binary(msgHTML); len(html) > 0 {
		charset := message.HTMLCharset(html)
		if charset == "" {
			return message.HTMLText(message.DecodeCodepage(int(m.numbers[msgBodyCodepage]), html))
		}
		return message.HTMLText(message.DecodeText(charset, html))
	}
	if s := m.text(msgHTML); s != "" {
		return message.HTMLText(s)
	}
	rtf := message.DecompressRTF(m.binary(msgRTF))
	m.r.inflatable -= int64(len(rtf))
	return message.RTFText(rtf)
}

// readAttachment reads a file, or the message that is one.
func (r *reader) readAttachment(a *msgStorage) {
	name := a.text(msgFilename, msgShortFilename, msgName)
	if i, ok := a.streams[msgFile<<16|msgTypeObject]; ok && !a.c.entries[i].isStream {
		if a.c.find(i, msgPropertyStream) != noSuchEntry {
			r.within(name, func() { r.readMSG(a.c, i) })
			return
		}
		r.noteAt(join(r.where, oneLine(name)), Unknown) // A file of another program, as a storage.
		return
	}
	r.nested(name, a.text(msgMediaType), a.binary(msgFile))
}

package evidence

import (
	"bufio"
	"errors"
	"io"
)

// An mbox has each message behind a line that begins with "From ", and an
// empty line behind it. Lines of the message that begin with "From ", behind
// any number of '>', get one more '>', so that it can be read back without loss
// (the form called mboxrd). A line end is put where the last line has none.

// QuoteFrom writes a message into an mbox. Errors of w are found by its Flush.
func QuoteFrom(w *bufio.Writer, r io.Reader) error {
	in := bufio.NewReaderSize(r, 64<<10)
	for begins := true; ; {
		if begins {
			for nextIs(in, ">") {
				begins = false
				in.Discard(1) // It is there.
				w.WriteByte('>')
			}
			if nextIs(in, "From ") {
				w.WriteByte('>')
			}
		}
		piece, err := in.ReadSlice('\n')
		w.Write(piece)
		if len(piece) > 0 {
			begins = piece[len(piece)-1] == '\n'
		}
		switch {
		case errors.Is(err, io.EOF):
			if !begins {
				w.WriteByte('\n')
			}
			w.WriteByte('\n')
			return nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

// nextIs looks ahead. What cannot be read is found by who reads on.
func nextIs(in *bufio.Reader, text string) bool {
	head, _ := in.Peek(len(text))
	return string(head) == text
}

// mboxReader takes an mbox apart.
type mboxReader struct {
	in    *bufio.Reader
	whole meter // Of the mbox.
}

func newMboxReader(r io.Reader) *mboxReader {
	m := &mboxReader{whole: newMeter()}
	m.in = bufio.NewReaderSize(io.TeeReader(r, &m.whole), 64<<10)
	return m
}

// next reads the next message, of which size bytes are known, io.EOF when
// there is none.
func (m *mboxReader) next(size int64) (File, error) {
	if head, err := m.in.Peek(1); len(head) == 0 {
		return File{}, err
	}
	if !nextIs(m.in, "From ") {
		return File{}, altered("the mbox has something where a message should begin")
	}
	if err := m.skipLine(); err != nil {
		return File{}, err
	}
	b := &mboxBody{left: size, m: newMeter()}
	if err := m.copy(b); err != nil {
		return File{}, err
	}
	return b.file(size)
}

// skipLine passes over the line that begins a message.
func (m *mboxReader) skipLine() error {
	for {
		switch _, err := m.in.ReadSlice('\n'); {
		case err == nil:
			return nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return altered("the mbox breaks off")
		}
	}
}

// copy copies the lines up to where the next message begins, without what was
// put into them.
func (m *mboxReader) copy(b *mboxBody) error {
	for begins := true; ; {
		if begins {
			if nextIs(m.in, "From ") {
				return nil
			}
			m.unquote(b)
		}
		piece, err := m.in.ReadSlice('\n')
		b.write(piece)
		begins = len(piece) > 0 && piece[len(piece)-1] == '\n'
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

// unquote copies the '>' that a line begins with, but for one of them when
// they stand before "From ". There may be more than fit into memory.
func (m *mboxReader) unquote(b *mboxBody) {
	held := false
	for nextIs(m.in, ">") {
		if held {
			b.write([]byte(">"))
		}
		held = true
		m.in.Discard(1) // It is there.
	}
	if held && !nextIs(m.in, "From ") {
		b.write([]byte(">"))
	}
}

// mboxBody is a message as it comes out of an mbox: size bytes of its own, and
// what the mbox puts behind it.
type mboxBody struct {
	left   int64
	m      meter
	ended  bool // The last byte of its own ends a line.
	behind []byte
}

func (b *mboxBody) write(p []byte) {
	own := p[:min(int64(len(p)), max(0, b.left))]
	b.left -= int64(len(own))
	b.m.Write(own)
	if len(own) > 0 {
		b.ended = own[len(own)-1] == '\n'
	}
	if rest := p[len(own):]; len(b.behind) <= 2 {
		b.behind = append(b.behind, rest[:min(len(rest), 3)]...)
	}
}

func (b *mboxBody) file(size int64) (File, error) {
	want := "\n"
	if !b.ended && size > 0 {
		want = "\n\n"
	}
	if string(b.behind) != want {
		return b.m.file(""), altered("the message in the mbox has another length than the archived one")
	}
	return b.m.file(""), nil
}

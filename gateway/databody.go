package gateway

import (
	"bufio"
	"errors"
	"io"
)

// dataBody reads the message that follows a 354 to its end and takes the dots
// of transparency away (RFC 5321 section 4.5.2). Only CRLF . CRLF is the end:
// a bare LF or CR around a dot is content, so that nobody can smuggle a second
// message past a server before us that sees it otherwise.
type dataBody struct{ c *conn }

func (b dataBody) Read(p []byte) (int, error) {
	c := b.c
	if c.bodyDone {
		return 0, io.EOF
	}
	if c.broken.Load() {
		return 0, errCut
	}
	n := 0
	for n < len(p) && (n == 0 || c.in.Buffered() > 0) { // As many lines as there are.
		if len(c.pending) == 0 {
			if err := c.nextPiece(); err != nil {
				return n, err
			}
		}
		n += c.take(p[n:])
	}
	return n, nil
}

// nextPiece fills pending with a line of the message, or a part of a long one.
func (c *conn) nextPiece() error {
	for len(c.pending) == 0 {
		if err := c.prepare(); err != nil {
			return err
		}
		piece, err := c.in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			c.broken.Store(true)
			return errors.Join(errCut, err)
		}
		if c.bol && string(piece) == ".\r\n" {
			c.bodyDone = true
			return io.EOF
		}
		dotted := c.bol && piece[0] == '.'
		n := len(piece)
		before := c.last
		if n > 1 {
			before = piece[n-2]
		}
		c.last = piece[n-1]
		c.bol = c.last == '\n' && before == '\r'
		if dotted {
			piece = piece[1:]
		}
		c.pending = piece // Valid until the next read of c.in, which is the next call.
	}
	return nil
}

// drainBody reads the rest of a message that nobody wants any more, so that
// the next command is one.
func (c *conn) drainBody() error {
	c.pending = nil
	for !c.bodyDone {
		err := c.nextPiece()
		if c.pending = nil; err != nil && err != io.EOF {
			return err
		}
	}
	return nil
}

package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"polytrace/archive"
)

// MailboxFormat says how the files of an import are to be read.
type MailboxFormat string

// The formats.
const (
	AutoMailbox MailboxFormat = "auto"    // By what is found.
	EML         MailboxFormat = "eml"     // One message a file.
	Mbox        MailboxFormat = "mbox"    // Messages behind From_ lines (RFC 4155).
	Maildir     MailboxFormat = "maildir" // One message a file, in cur and new.
)

// Found is what an import came upon: a message, or a Problem.
type Found struct {
	Path    string       // File as it was named or found below a folder that was named.
	Offset  int64        // Of the message in an mbox file, behind its From_ line.
	Read    int64        // Bytes of files read so far, for progress.
	Body    archive.Body // Valid until the next one is asked for; nil for a problem.
	Problem string       // What is wrong and what became of it.
}

// MailboxSize tells how much an import has to read.
func MailboxSize(ctx context.Context, paths []string) (files int, bytes int64, err error) {
	for f, err := range mailFiles(ctx, paths) {
		if err != nil {
			return files, bytes, err
		}
		if f.problem == "" {
			files++
			bytes += f.size
		}
	}
	return files, bytes, nil
}

// ReadMailbox yields the messages in files and, recursively, in folders, in
// order of names. What is no mail, cannot be read or is cut is yielded as a
// problem, and the rest goes on; an error ends it: a path that is not there,
// or the end of ctx.
//
// The bytes of a message are those in the file. In an mbox that is what stands
// between the separator lines, also a ">From " that was quoted when it was
// written: which lines were quoted nobody can know.
func ReadMailbox(ctx context.Context, paths []string, format MailboxFormat) iter.Seq2[Found, error] {
	return func(yield func(Found, error) bool) {
		var read int64
		for f, err := range mailFiles(ctx, paths) {
			if err != nil {
				yield(Found{}, err)
				return
			}
			more := func(m Found) bool {
				m.Path, m.Read = f.path, read+m.Offset
				return yield(m, nil)
			}
			if !f.messages(ctx, format, more) {
				return
			}
			read += f.size
		}
	}
}

// mailFile is a file that may hold mail.
type mailFile struct {
	path    string
	size    int64
	problem string // Why it cannot be read.
}

// mailFiles walks the paths. Links are followed when they are named, not when
// they are found, so that a loop ends.
func mailFiles(ctx context.Context, paths []string) iter.Seq2[mailFile, error] {
	return func(yield func(mailFile, error) bool) {
		for _, path := range paths {
			info, err := os.Stat(path)
			if err != nil {
				yield(mailFile{}, fmt.Errorf("import %s: %w", path, errors.Unwrap(err)))
				return
			}
			if !info.IsDir() {
				if !yield(mailFile{path: path, size: info.Size()}, nil) {
					return
				}
				continue
			}
			if !walkFolder(ctx, path, yield) {
				return
			}
		}
	}
}

func walkFolder(ctx context.Context, root string, yield func(mailFile, error) bool) (more bool) {
	more = true
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		f := mailFile{path: path}
		switch {
		case err != nil:
			f.problem = "cannot be read: " + errors.Unwrap(err).Error()
		case d.IsDir() && d.Name() == "tmp" && isMaildir(filepath.Dir(path)):
			return fs.SkipDir // Deliveries that were never finished.
		case !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".") || isMaildirPlumbing(path):
			return nil
		default:
			info, err := d.Info()
			if err != nil {
				f.problem = "cannot be read: " + err.Error()
				break
			}
			f.size = info.Size()
		}
		if more = yield(f, nil); !more {
			return fs.SkipAll
		}
		if err != nil && d != nil && d.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		return yield(mailFile{}, fmt.Errorf("import %s: %w", root, err))
	}
	return more
}

func isMaildir(dir string) bool {
	for _, sub := range []string{"cur", "new"} {
		if info, err := os.Stat(filepath.Join(dir, sub)); err != nil || !info.IsDir() {
			return false
		}
	}
	return true
}

// isMaildirPlumbing tells what mail servers keep beside the mail.
func isMaildirPlumbing(path string) bool {
	name := filepath.Base(path)
	return (strings.HasPrefix(name, "dovecot") || name == "maildirfolder" || name == "maildirsize" || name == "subscriptions") && isMaildir(filepath.Dir(path))
}

// messages yields what a file holds.
func (f mailFile) messages(ctx context.Context, format MailboxFormat, yield func(Found) bool) bool {
	switch {
	case f.problem != "":
		return yield(Found{Problem: f.problem})
	case f.size == 0:
		return yield(Found{Problem: "empty: no message in it"})
	}
	file, err := os.Open(f.path)
	if err != nil {
		return yield(Found{Problem: "cannot be read: " + errors.Unwrap(err).Error()})
	}
	defer file.Close()
	head := make([]byte, 64<<10)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return yield(Found{Problem: "cannot be read: " + err.Error()})
	}
	head = head[:n]
	if format == Mbox || format == AutoMailbox && isSeparator(firstLine(head)) {
		return readMbox(ctx, file, f.size, yield)
	}
	if !looksLikeMail(head) {
		return yield(Found{Problem: "not mail: no header field in its first lines; it was left out"})
	}
	return yield(Found{Body: io.NewSectionReader(file, 0, f.size)})
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return line
}

// looksLikeMail reports whether a header field is among the first lines and
// nothing binary before it.
func looksLikeMail(head []byte) bool {
	for range 20 {
		line, rest, _ := bytes.Cut(head, []byte("\n"))
		name, _, ok := bytes.Cut(line, []byte(":"))
		if ok && len(name) > 1 && len(name) < 80 && !bytes.ContainsFunc(bytes.TrimSpace(name), func(r rune) bool { return r <= ' ' || r > '~' }) {
			return isKnownField(string(name))
		}
		if bytes.IndexByte(line, 0) >= 0 || len(rest) == 0 {
			return false
		}
		head = rest
	}
	return false
}

// isKnownField keeps notes, scripts and the like out, which have colons too.
func isKnownField(name string) bool {
	name = strings.ToLower(strings.TrimSpace(name))
	if strings.HasPrefix(name, "x-") || strings.HasPrefix(name, "content-") || strings.HasPrefix(name, "arc-") || strings.HasPrefix(name, "list-") || strings.HasPrefix(name, "resent-") {
		return true
	}
	known := []string{"return-path", "received", "from", "to", "cc", "bcc", "subject", "date", "message-id", "mime-version", "delivered-to", "sender", "reply-to", "dkim-signature", "authentication-results",
		"received-spf", "in-reply-to", "references", "thread-topic", "thread-index", "envelope-to", "delivery-date", "status", "importance", "precedence", "auto-submitted", "apparently-to", "newsgroups", "path", "user-agent", "organization", "domainkey-signature"}
	return slices.Contains(known, name)
}

// isSeparator reports whether a line is a From_ line: an address, then a date
// with a time of day. QUIRK: RFC 4155 asks for asctime; what follows the year
// and zone names are met.
func isSeparator(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("From "))
	words := bytes.Fields(rest)
	if !ok || len(words) < 5 {
		return false
	}
	for _, w := range words[2:] {
		if len(w) >= 4 && bytes.Count(w, []byte(":")) >= 1 && w[0] >= '0' && w[0] <= '9' {
			return true
		}
	}
	return false
}

// readMbox splits an mbox file, whatever its size, in constant memory: a From_
// line begins a message at the beginning of the file and behind an empty line.
// The empty line before it belongs to the separator.
func readMbox(ctx context.Context, file *os.File, size int64, yield func(Found) bool) bool {
	s := mboxScanner{r: bufio.NewReaderSize(io.NewSectionReader(file, 0, size), 256<<10)}
	for {
		start, end, ok := s.next()
		if context.Cause(ctx) != nil {
			return yield(Found{Offset: start, Problem: "stopped here"})
		}
		if end > start && !yield(Found{Offset: start, Body: io.NewSectionReader(file, start, end-start)}) {
			return false
		}
		if s.err != nil {
			return yield(Found{Offset: s.at, Problem: "cannot be read to its end: " + s.err.Error()})
		}
		if !ok {
			if s.torn {
				return yield(Found{Offset: start, Problem: "the file ends inside a line: its last message may be cut; it was taken as it is"})
			}
			return true
		}
	}
}

// mboxScanner finds the borders of messages.
type mboxScanner struct {
	r     *bufio.Reader
	at    int64 // Offset of the next line.
	begun bool
	torn  bool // The file does not end with a line end.
	err   error
}

// next returns where the next message begins and ends; ok is false behind the
// last.
func (s *mboxScanner) next() (start, end int64, ok bool) {
	start = s.at
	lastBlank, blankAt := !s.begun, s.at
	for {
		line, n, err := s.line()
		if n > 0 && lastBlank && isSeparator(line) {
			end = blankAt
			if !s.begun { // Nothing stands before the first one.
				s.begun = true
				s.at += n
				start, lastBlank, blankAt = s.at, false, s.at
				continue
			}
			s.at += n
			return start, end, true
		}
		if n > 0 {
			lastBlank, blankAt = len(bytes.TrimRight(line, "\r\n")) == 0, s.at
			s.torn = line[len(line)-1] != '\n'
		}
		s.at += n
		if err == io.EOF {
			if lastBlank && blankAt > start && !s.torn {
				return start, blankAt, false
			}
			return start, s.at, false
		}
		if err != nil {
			s.err = err
			return start, s.at, false
		}
	}
}

// line reads a line; of a long one only its beginning is returned, with its
// last octet at the end.
func (s *mboxScanner) line() (line []byte, n int64, err error) {
	for {
		piece, err := s.r.ReadSlice('\n')
		n += int64(len(piece))
		if len(line) < 1024 {
			line = append(line, piece...)
		} else if len(piece) > 0 {
			line = append(line[:1024], piece[len(piece)-1])
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, n, err
		}
	}
}

package webui

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/casework/extract"
	"polytrace/index"
	"polytrace/message"
)

// FileText is a piece of the text of an attached file.
type FileText struct {
	Where string // The place in words for people: "page 3"; "" is the whole.
	Text  string
}

// saying is what a message says, as patterns are looked for in it.
type saying struct {
	queue   string
	pieces  []casework.Piece
	details []casework.Hit
	files   bool // With the text of attached files.
}

// bytes is about what it takes to keep it.
func (y *saying) bytes() (n int) {
	for _, p := range y.pieces {
		n += len(p.Text) + 100
	}
	return n + 200*len(y.details)
}

// sayings keeps what messages say, by their bytes; it is forgotten when there is much of it. Whoever asks may read the message.
type sayings struct {
	mu    sync.Mutex
	known map[archive.Digest]*saying // Guarded by mu; what it holds never changes.
	size  int                        // Bytes; guarded by mu.
}

// maxSayings is how many bytes of what messages say are kept.
const maxSayings = 48 << 20

func (k *sayings) of(digest archive.Digest, files bool) *saying {
	k.mu.Lock()
	defer k.mu.Unlock()
	if y := k.known[digest]; y != nil && (y.files || !files) {
		return y
	}
	return nil
}

func (k *sayings) keep(digest archive.Digest, y *saying) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || k.size > maxSayings {
		k.known, k.size = map[archive.Digest]*saying{}, 0
	}
	k.known[digest] = y
	k.size += y.bytes()
}

// Bounds of what is read of messages when their words are looked through.
const (
	maxRead  = 200             // Messages, the newest ones.
	readTime = 3 * time.Second // Then what was read counts; the next look goes on.
	maxText  = 256 << 10       // Bytes of a text.
	maxFiles = 2 << 20         // Bytes of the text of all files of a message.
)

// say reads what a message says.
func (s *Server) say(ctx context.Context, m *casework.Mail, files bool) (*saying, error) {
	if y := s.sayings.of(m.SHA256, files); y != nil {
		return y, nil
	}
	r, err := s.config.Archive.Read(ctx, m.Record)
	if err != nil {
		return nil, err
	}
	original := message.Read(r.Body, delivery(r.Meta)).Original
	y := &saying{queue: r.Meta.Source.Queue, files: files}
	if text := original.Text(); text.Part >= 0 {
		within := extract.Author(text)
		y.pieces = append(y.pieces, casework.Piece{Where: casework.InText, Part: text.Part, Text: text.Body, Spans: spansOf(within)})
		y.details = builtIn(text, within)
	}
	if subject := message.BaseSubject(m.Subject); subject != "" {
		at := max(strings.LastIndex(m.Subject, subject), 0)
		y.pieces = append(y.pieces, casework.Piece{Where: casework.InSubject, Part: -1, Text: m.Subject, Spans: [][2]int{{at, len(m.Subject)}}})
	}
	if files && s.config.ReadFile != nil {
		if y.pieces, err = s.readFiles(ctx, y.pieces, original); err != nil {
			return nil, err
		}
	}
	s.sayings.keep(m.SHA256, y)
	return y, nil
}

// spansOf are spans of which each is as long as is read of a text.
func spansOf(within []extract.Span) (spans [][2]int) {
	room := maxText
	for _, x := range within {
		if n := min(x.End-x.Start, room); n > 0 {
			spans = append(spans, [2]int{x.Start, x.Start + n})
			room -= n
		}
	}
	return spans
}

// builtIn are the hits of the extracts that came with the program.
func builtIn(text message.Text, within []extract.Span) (hits []casework.Hit) {
	for _, f := range extract.Details(text.Body, within) {
		if f.Score < sureEnough {
			continue
		}
		value := f.Value.Value
		if f.Value.Currency != "" {
			value += " " + f.Value.Currency
		}
		hits = append(hits, casework.Hit{Extract: casework.BuiltInExtract(string(f.Value.Kind)), Version: extract.Version, Name: f.Value.Name, Value: value,
			Place: casework.Place{Where: casework.InText, Part: text.Part, Start: f.Start, End: f.End, Quote: f.Quote}})
	}
	return hits
}

// readFiles adds the text of attached files. One that cannot be read says nothing.
func (s *Server) readFiles(ctx context.Context, pieces []casework.Piece, m *message.Message) ([]casework.Piece, error) {
	room := maxFiles
	for _, a := range m.Attachments() {
		texts, err := s.config.ReadFile(ctx, a.Filename, a.Type, m.Content(a.N))
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			s.config.Log.DebugContext(ctx, "an attached file was not read", "part", a.N, "cause", err)
		}
		for _, t := range texts {
			name := cmp.Or(a.Filename, "unnamed")
			if t.Where != "" {
				name += ": " + t.Where
			}
			if n := min(len(t.Text), room); n > 0 {
				pieces = append(pieces, casework.Piece{Where: casework.InFiles, Part: a.N, File: name, Text: t.Text, Spans: [][2]int{{0, n}}})
				room -= n
			}
		}
	}
	return pieces, nil
}

// heard is what messages say, of as many as were read.
type heard struct {
	Said     []casework.Said // Oldest first.
	Read, Of int             // Messages that were read, of how many there are.
}

// listen reads what the newest of some messages say, oldest first, with the text of their files when an extract asks for
// that. Messages that cannot be read say nothing. When it takes long it is left at what was read so far.
func (s *Server) listen(ctx context.Context, mail []casework.Mail, extracts []casework.Extract) (heard, error) {
	files := slices.ContainsFunc(extracts, func(x casework.Extract) bool { return slices.Contains(x.Where, casework.InFiles) })
	h := heard{Of: len(mail)}
	limited, stop := context.WithTimeout(ctx, readTime)
	defer stop()
	for i := len(mail) - 1; i >= 0 && h.Read < maxRead; i-- {
		m := &mail[i]
		y, err := s.say(limited, m, files)
		switch {
		case ctx.Err() != nil:
			return h, ctx.Err()
		case limited.Err() != nil:
			i = 0
			continue
		case unreadable(err) || errors.Is(err, archive.ErrDamaged):
			h.Read++
			continue
		case err != nil:
			return h, err
		}
		h.Read++
		h.Said = append(h.Said, casework.Said{Record: m.Record, SHA256: m.SHA256, At: m.When(), Inbound: m.Direction == casework.Inbound, Outbound: m.Direction == casework.Outbound, Human: !m.Automatic, Thread: m.Thread,
			From: nameOf(m.From), Queue: y.queue, Pieces: y.pieces, Details: y.details})
		h.Said[len(h.Said)-1].Accounts = s.accountsWith(m, extracts)
	}
	slices.Reverse(h.Said)
	return h, nil
}

// accountsWith are the accounts whose mail a message is, where an extract asks for that.
func (s *Server) accountsWith(m *casework.Mail, extracts []casework.Extract) (ids []string) {
	if !slices.ContainsFunc(extracts, func(x casework.Extract) bool { return x.Account != "" }) {
		return nil
	}
	s.config.Desk.Read(func(state *casework.State) {
		for _, tag := range accountsOf(state, m.When(), append([]message.Mailbox{m.From}, m.To...)...) {
			ids = append(ids, tag.ID)
		}
	})
	return ids
}

// mailItems are messages that a search found, oldest first.
func (s *Server) mailItems(items ...index.Summary) []casework.Mail {
	var company casework.Company
	s.config.Desk.Read(func(state *casework.State) { company = s.company(state) })
	mail := make([]casework.Mail, 0, len(items))
	for _, x := range slices.Backward(items) {
		mail = append(mail, casework.Mail{Record: x.Address, SHA256: x.SHA256, Thread: x.Thread, Sent: x.Date, Received: x.Received, From: x.From, To: x.To, Subject: x.Subject, Direction: company.DirectionOf(x.From, x.To)})
	}
	return mail
}

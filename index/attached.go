package index

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"polytrace/archive"
	"polytrace/document"
	"polytrace/message"
)

// Documents reads documents that are attached to messages; see child.Readers.
type Documents interface {
	// Read gives the text of a document. An error says that it was not looked at.
	Read(name, mediaType string, content []byte) (document.Text, error)
	// Version names what reads: another version may read more. It is asked for each message.
	Version() string
}

// Pictures reads a document as Documents does, with what is written in pictures, until a context
// ends.
type Pictures func(ctx context.Context, name, mediaType string, content []byte) (document.Text, error)

// attached is a piece of text of an attached file, as it is kept for snippets.
type attached struct {
	File  string `json:"file"`        // Its name.
	N     *int   `json:"n,omitempty"` // Index of its part, as in File.N; absent in what earlier versions kept.
	Where string `json:"where,omitempty"`
	Text  string `json:"text"`
}

// in tells people where the piece is.
func (p attached) in() string {
	switch {
	case p.Where == "":
		return p.File
	case p.File == "":
		return p.Where
	}
	return p.File + ": " + p.Where
}

// attachedTerms adds the text of attached files and keeps it for snippets. It
// returns why some could not be read; "" when all were.
func (z *analyzer) attachedTerms(a *analysis, content func(n int) []byte, files []message.Attachment) (why string) {
	if z.documents == nil {
		return ""
	}
	t := &attachedText{room: MaxText, keep: maxSnippetText}
	for _, f := range files {
		major, _, _ := strings.Cut(f.Type, "/")
		if major == "audio" || major == "video" {
			continue
		}
		if a.reader == nil {
			version := z.documents.Version()
			a.reader = &version
		}
		if major == "image" && !z.sees {
			continue
		}
		text, err := z.documents.Read(f.Filename, f.Type, content(f.N))
		if err != nil {
			z.log.Warn("an attached file was not read", "record", a.meta.Address(), "part", f.N, "cause", err)
			text.Reason, a.unlooked = "not looked at", err
		}
		why = cmp.Or(why, unreadFile(text.Reason))
		a.waits = a.waits || slices.ContainsFunc(text.Defects, func(d document.Defect) bool { return d.Reason == document.Later })
		for _, p := range text.Parts {
			t.place = z.w.words(fieldAttached, t.take(f, p), t.place) + placeGap
		}
		for _, p := range text.Pictures {
			a.pictures = append(a.pictures, t.take(f, p))
		}
	}
	if len(t.kept) > 0 {
		raw, err := json.Marshal(t.kept)
		if err != nil {
			panic(fmt.Sprintf("index: marshal attached text: %v", err)) // Strings always marshal.
		}
		a.attached = raw
	}
	if t.room < 0 {
		why = cmp.Or(why, reasonFileLimit)
	}
	return why
}

// attachedText is the text of the attached files of a message.
type attachedText struct {
	place      uint32
	room, keep int // Bytes that may still be searched, and kept; below 0 when there were more.
	kept       []attached
}

// take returns as much of a piece of text as is searched.
func (t *attachedText) take(f message.Attachment, p document.Part) string {
	text := p.Text
	if len(text) > max(t.room, 0) {
		text = strings.ToValidUTF8(text[:max(t.room, 0)], "")
	}
	t.room -= len(p.Text)
	if t.keep > 0 && strings.TrimSpace(text) != "" {
		t.kept = append(t.kept, attached{cmp.Or(f.Filename, unnamed(f)), &f.N, p.Where, strings.ToValidUTF8(text[:min(t.keep, len(text))], "")})
		t.keep -= len(text)
	}
	return text
}

// unnamed is what a file without a name is called.
func unnamed(f message.Attachment) string {
	if strings.HasPrefix(f.Type, "image/") {
		return "picture"
	}
	return ""
}

// unreadFile is what it means for a message that a file of it was not read.
func unreadFile(reason string) string {
	switch reason {
	case "":
		return ""
	case document.Encrypted:
		return reasonFileEncrypted
	case document.Limit:
		return reasonFileLimit
	case document.Damaged:
		return reasonFileDamaged
	case document.Image:
		return reasonFileImage
	case document.Later:
		return reasonWaits
	case document.Picture:
		return reasonPicture
	case document.Unknown: // Programs, pictures, sound: there is no text in them.
		return ""
	}
	return reasonFileFault
}

// attachedSnippet shows in a line of results where a query stands in the files of its document, if it does.
func (f *finder) attachedSnippet(doc docID, h *highlighter, out *Summary) error {
	if h.attached == nil || h.attached.phrases == 0 {
		return nil
	}
	pieces, err := f.pieces(doc)
	for _, p := range pieces {
		if snippet, marks := h.attached.snippet(p.Text, 0); len(marks) > 0 {
			out.In, out.InPart, out.Where, out.Snippet, out.Marks = p.in(), p.N, p.Where, snippet, marks
			return nil
		}
	}
	return err
}

// pieces is the text of the files of a document, as far as it is kept.
func (f *finder) pieces(doc docID) (pieces []attached, err error) {
	value, err := f.get(docKey(famAttached, doc))
	if err != nil || value == nil {
		return nil, err
	}
	if json.Unmarshal(value, &pieces) != nil {
		return nil, errCorrupt
	}
	return pieces, nil
}

// AttachedText is a piece of the text of an attached file, as far as it is kept.
type AttachedText struct {
	File string // Its name, which several files of a message may have.
	N    *int   // Index of its part, as in File.N; nil in what earlier versions kept.
	Text string
}

// Attached lists the text of the files of a message, as far as it could be read and is kept.
func (r Reader) Attached(ctx context.Context, at archive.Address) (all []AttachedText, err error) {
	err = r.look(ctx, func(f *finder, _ *state) error {
		doc, err := f.docAt(at)
		if err != nil {
			return err
		}
		value, err := f.get(docKey(famAttached, doc))
		if err != nil || value == nil {
			return err
		}
		var pieces []attached
		if json.Unmarshal(value, &pieces) != nil {
			return errCorrupt
		}
		for _, p := range pieces {
			all = append(all, AttachedText{p.File, p.N, p.Text})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what is attached to %s: %w", at, err)
	}
	return all, nil
}

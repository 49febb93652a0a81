package index

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

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

// attached is a piece of text of an attached file, as it is kept for snippets.
type attached struct {
	File  string `json:"file"` // Its name.
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
func (z *analyzer) attachedTerms(a *analysis, m *message.Message, files []message.Attachment) (why string) {
	if z.documents == nil {
		return ""
	}
	var kept []attached
	place, room, keep := uint32(0), MaxText, maxSnippetText
	for _, f := range files {
		if major, _, _ := strings.Cut(f.Type, "/"); a.reader == nil && major != "audio" && major != "video" {
			version := z.documents.Version()
			a.reader = &version
		}
		if major, _, _ := strings.Cut(f.Type, "/"); f.Inline || major == "image" || major == "audio" || major == "video" {
			continue
		}
		text, err := z.documents.Read(f.Filename, f.Type, m.Content(f.N))
		if err != nil {
			z.log.Warn("an attached file was not read", "record", a.meta.Address(), "part", f.N, "cause", err)
			text.Reason, a.unlooked = "not looked at", true
		}
		why = cmp.Or(why, unreadFile(text.Reason))
		for _, p := range text.Parts {
			if len(p.Text) > room {
				p.Text, why = strings.ToValidUTF8(p.Text[:room], ""), cmp.Or(why, reasonFileLimit)
			}
			room -= len(p.Text)
			place = z.w.words(fieldAttached, p.Text, place) + placeGap
			if keep > 0 && strings.TrimSpace(p.Text) != "" {
				kept = append(kept, attached{f.Filename, p.Where, strings.ToValidUTF8(p.Text[:min(keep, len(p.Text))], "")})
				keep -= len(p.Text)
			}
		}
	}
	if len(kept) > 0 {
		raw, err := json.Marshal(kept)
		if err != nil {
			panic(fmt.Sprintf("index: marshal attached text: %v", err)) // Strings always marshal.
		}
		a.attached = raw
	}
	return why
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
	case document.Unknown: // Programs, pictures, sound: there is no text in them.
		return ""
	}
	return reasonFileFault
}

// attachedSnippet shows where a query stands in the files of a document; in is
// "" when it does not.
func (f *finder) attachedSnippet(doc docID, h *highlighter) (in, snippet string, marks [][2]int, err error) {
	if h.attached == nil || h.attached.phrases == 0 {
		return "", "", nil, nil
	}
	value, err := f.get(docKey(famAttached, doc))
	if err != nil || value == nil {
		return "", "", nil, err
	}
	var pieces []attached
	if json.Unmarshal(value, &pieces) != nil {
		return "", "", nil, errCorrupt
	}
	for _, p := range pieces {
		if snippet, marks := h.attached.snippet(p.Text, 0); len(marks) > 0 {
			return p.in(), snippet, marks, nil
		}
	}
	return "", "", nil, nil
}

package index

import (
	"context"
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	"polytrace/archive"
	"polytrace/document"
	"polytrace/message"
)

// File is an attached file as lists show it, or a file that was uploaded.
type File struct {
	N      int            `json:"n"` // Index of its part; -1 of a record that is a file itself.
	Name   string         `json:"filename"`
	Size   int64          `json:"size"`             // Decoded bytes.
	SHA256 archive.Digest `json:"sha256"`           // Of the decoded bytes.
	Format string         `json:"format,omitempty"` // What its bytes are, as people call it: "PDF", "DOCX"; absent when they do not tell.
	Odd    string         `json:"odd,omitempty"`    // How its name or declared type is not what its bytes are: "named .pdf, is HTML".
}

// Attachment is an attached file with what its bytes are.
type Attachment struct {
	message.Attachment
	Format string `json:"format,omitempty"` // As in File.
	Odd    string `json:"odd,omitempty"`
}

// Attachments lists the files of a message, with what their bytes are.
func Attachments(m *message.Message) (all []Attachment) {
	for _, f := range m.Attachments() {
		all = append(all, attachmentOf(f, m.Content(f.N)))
	}
	return all
}

// plain are the files without what their bytes are.
func plain(all []Attachment) []message.Attachment {
	files := make([]message.Attachment, len(all))
	for i, f := range all {
		files[i] = f.Attachment
	}
	return files
}

func attachmentOf(f message.Attachment, content []byte) Attachment {
	format := document.FormatOf(content)
	return Attachment{f, string(format), format.Contradicts(f.Filename, f.Type)}
}

// file is what lists show of an attachment.
func (f Attachment) file() File {
	digest, err := archive.ParseDigest(f.SHA256)
	if err != nil {
		panic("index: a digest of a message's file: " + err.Error()) // It was made by hex.
	}
	return File{f.N, f.Filename, int64(f.Size), digest, f.Format, f.Odd}
}

// uploaded is the file that a record of kind file is.
func uploaded(m archive.Meta, content []byte) Attachment {
	return attachmentOf(message.Attachment{N: -1, Filename: m.Source.File, Size: len(content), SHA256: m.SHA256.String()}, content)
}

// fileTerms are the terms of files: names, types, and what their bytes are.
func (z *analyzer) fileTerms(files []Attachment) {
	place := uint32(0)
	for _, f := range files {
		if f.Filename != "" {
			place = z.w.words(fieldFilename, f.Filename, place) + placeGap
			z.w.whole(fieldFilename, "="+f.Filename)
			z.w.whole(fieldType, strings.TrimPrefix(path.Ext(f.Filename), "."))
		}
		z.w.whole(fieldType, f.Type)
		major, _, _ := strings.Cut(f.Type, "/")
		z.w.whole(fieldType, major)
		z.w.whole(fieldFile, f.SHA256)
		if f.Odd != "" {
			z.w.whole(fieldIs, isMismatched)
		}
	}
}

// readFile takes in a record that is a file.
func (z *analyzer) readFile(a *analysis, content []byte) {
	f := uploaded(a.meta, content)
	s := &a.summary
	s.subject, s.files = f.Filename, []File{f.file()}
	z.w.words(fieldSubject, f.Filename, 0)
	z.fileTerms([]Attachment{f})
	if z.documents == nil {
		s.unsearchable = reasonFile
	}
	if why := z.attachedTerms(a, func(int) []byte { return content }, []message.Attachment{f.Attachment}); why != "" {
		s.unsearchable = why
	}
	a.text = []byte{0} // There is none; hits are shown in the file.
	a.details = marshalDetails(details{Attachments: []Attachment{f}})
}

// parseFile understands file:, the SHA-256 of a file, or how it begins.
func parseFile(p *parser, op *operator, v value) (Node, error) {
	text, prefix, err := p.star(v)
	if err != nil {
		return nil, err
	}
	text = strings.ToLower(strings.TrimSpace(text))
	if _, err := hex.DecodeString(text + strings.Repeat("0", len(text)%2)); err != nil || len(text) > 64 || !prefix && len(text) != 64 || len(text) < 4 {
		return nil, p.errorf(v.start, "%s is not the SHA-256 of a file: write all 64 hexadecimal digits, or at least the first four and a star, for example %s.",
			shown(v.text), op.example)
	}
	return &Term{op.fields[0], Slot{text, prefix}}, nil
}

// Passage is a piece of text of a file that has a place of its own.
type Passage struct {
	Where string `json:"where,omitempty"` // "page 3", "sheet Budget"; "" is the whole.
	Text  string `json:"text"`
}

// FileText is the text of a file of a record, as far as it is kept; nil where none was read.
func (r Reader) FileText(ctx context.Context, at archive.Address, n int) (text []Passage, err error) {
	err = r.look(ctx, func(f *finder, _ *state) error {
		doc, err := f.docAt(at)
		if err != nil {
			return err
		}
		pieces, err := f.pieces(doc)
		for _, p := range pieces {
			if p.N != nil && *p.N == n {
				text = append(text, Passage{p.Where, p.Text})
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look up the text of file %d of %s: %w", n, at, err)
	}
	return text, nil
}

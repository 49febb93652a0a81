package webui

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
)

// Bounds of what is looked through for the family of a file.
const (
	maxSame       = 100 // Messages with the same bytes that are listed.
	maxCandidates = 200 // Messages whose files could be of the family.
)

// FileFamily is a file among all that are like it, as far as the caller may read them.
type FileFamily struct {
	Same     []casework.FileSent    `json:"same" doc:"Every message that carries the same bytes, the first one first."`
	Total    int                    `json:"total" doc:"How many such messages there are."`
	Versions []casework.FileVersion `json:"versions" doc:"Files that are called the same but for what tells versions apart, or say nearly the same, in the same conversation or account; by when each was sent first."`
	Version  int                    `json:"version" doc:"Which of them the file is."`
	Before   int                    `json:"before,omitempty" doc:"The version that it is compared with; 0 where there is none."`
	Diff     []casework.DiffPart    `json:"diff" doc:"How its words differ from those of the version before."`
	TooMuch  bool                   `json:"too_much,omitempty" doc:"More differs than is shown."`
}

// family finds every message with the bytes of a file, and the versions of it. What is listed is noted as read.
func (s *Server) family(ctx context.Context, doc *index.Document, file index.Attachment) (*FileFamily, error) {
	in := s.within(ctx)
	same, err := in.Search(ctx, index.Request{Query: "file:" + file.SHA256, Sort: index.Oldest, Limit: maxSame, Now: s.config.Now()})
	if err != nil {
		return nil, err
	}
	out := &FileFamily{Total: same.Total}
	digest, err := archive.ParseDigest(file.SHA256)
	if err != nil {
		return nil, err
	}
	var sent []casework.FileSent
	out.Same = sentOf(same.Items, func(f index.File) bool { return f.SHA256 == digest })
	sent = append(sent, out.Same...)
	others, err := s.candidates(ctx, in, doc, file)
	if err != nil {
		return nil, err
	}
	for _, f := range sentOf(others, func(f index.File) bool { return f.SHA256 != digest && f.Format == file.Format }) {
		if !slices.ContainsFunc(sent, func(x casework.FileSent) bool { return x.Record == f.Record && x.Part == f.Part }) {
			sent = append(sent, f)
		}
	}
	of := casework.FileSent{Record: doc.Address, Part: file.N, Name: file.Filename, SHA256: digest, Date: doc.Date, From: doc.From, Subject: doc.Subject}
	if !slices.ContainsFunc(sent, func(x casework.FileSent) bool { return x.SHA256 == digest }) {
		sent = append(sent, of) // An index of an earlier format does not know it by its bytes.
	}
	texts, err := fileTexts(ctx, in, append(sent, of))
	if err != nil {
		return nil, err
	}
	for i := range sent {
		sent[i].Text = casework.SketchOf(texts[sent[i].SHA256])
	}
	of.Text = casework.SketchOf(texts[digest])
	out.Versions = casework.FileFamily(of, sent)
	out.compare(digest, texts)
	return out, s.noteRead(ctx, out.records()...)
}

// candidates are messages whose files could be versions of a file: those of its conversation, and those of the same
// accounts, or between the same people, with files that are called alike.
func (s *Server) candidates(ctx context.Context, in index.Reader, doc *index.Document, file index.Attachment) ([]index.Summary, error) {
	of := "thread:" + doc.Thread
	if words := casework.NameWords(file.Filename); len(words) > 0 { // One narrows enough: the names are compared.
		for _, a := range s.accountsOfDocument(doc) {
			of += " OR (account:" + a.ID + " filename:" + words[0] + ")"
		}
		if doc.From.Address != "" && !strings.ContainsAny(doc.From.Address, ` "()`) {
			of += " OR (participant:" + doc.From.Address + " filename:" + words[0] + ")"
		}
	}
	found, err := in.Search(ctx, index.Request{Query: "has:attachment (" + of + ")", Sort: index.Oldest, Limit: maxCandidates, Now: s.config.Now()})
	if err != nil {
		return nil, err
	}
	return found.Items, nil
}

// sentOf are the files of some messages that are wanted.
func sentOf(items []index.Summary, want func(index.File) bool) (sent []casework.FileSent) {
	for i := range items {
		x := &items[i]
		for _, f := range x.Attached {
			if want(f) {
				sent = append(sent, casework.FileSent{Record: x.Address, Part: f.N, Name: f.Name, SHA256: f.SHA256, Size: f.Size, Date: x.Date, From: x.From, Subject: x.Subject})
			}
		}
	}
	return sent
}

// fileTexts is what is written in some files, by their bytes.
func fileTexts(ctx context.Context, in index.Reader, sent []casework.FileSent) (map[archive.Digest]string, error) {
	texts := map[archive.Digest]string{}
	for _, f := range sent {
		if _, had := texts[f.SHA256]; had {
			continue
		}
		passages, err := in.FileText(ctx, f.Record, f.Part)
		if err != nil && !unreadable(err) {
			return nil, err
		}
		var b strings.Builder
		for _, p := range passages {
			b.WriteString(p.Text)
			b.WriteByte('\n')
		}
		texts[f.SHA256] = b.String()
	}
	return texts, nil
}

// compare tells how the file differs from the version before it.
func (f *FileFamily) compare(digest archive.Digest, texts map[archive.Digest]string) {
	i := slices.IndexFunc(f.Versions, func(v casework.FileVersion) bool { return v.SHA256 == digest })
	f.Version = i + 1
	if i < 1 {
		return
	}
	before := texts[f.Versions[i-1].SHA256]
	if before == "" && texts[digest] == "" {
		return
	}
	f.Before = i
	diff, ok := casework.WordDiff(before, texts[digest])
	f.Diff, f.TooMuch = diff, !ok
}

// records are those that are told of.
func (f *FileFamily) records() (all []archive.Address) {
	for _, x := range f.Same {
		all = append(all, x.Record)
	}
	for _, v := range f.Versions {
		for _, x := range v.Sent {
			all = append(all, x.Record)
		}
	}
	slices.SortFunc(all, func(a, b archive.Address) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(all)
}

// Say is the family in a few words: "v3 of contract.docx, sent 3 times; differs from v2".
func (f *FileFamily) Say(name string) string {
	if f.Version == 0 {
		return ""
	}
	text := "sent " + times(len(f.Versions[f.Version-1].Sent))
	if len(f.Versions) > 1 {
		text = "v" + strconv.Itoa(f.Version) + " of " + name + ", " + text
	}
	switch {
	case f.Before == 0:
	case len(f.Diff) == 1 && f.Diff[0].Is == casework.Same:
		text += "; says the same as v" + strconv.Itoa(f.Before)
	default:
		text += "; differs from v" + strconv.Itoa(f.Before)
	}
	return text
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return strconv.Itoa(n) + " times"
}

// shownWords is how many words that are the same are shown before and behind those that are not.
const shownWords = 8

// Shown is the comparison with what is the same cut short.
func (f *FileFamily) Shown() []casework.DiffPart {
	parts := slices.Clone(f.Diff)
	for i := range parts {
		words := strings.Fields(parts[i].Text)
		if parts[i].Is != casework.Same || len(words) <= 2*shownWords+2 {
			continue
		}
		head, tail := strings.Join(words[:shownWords], " "), strings.Join(words[len(words)-shownWords:], " ")
		switch i {
		case 0:
			head = ""
		case len(parts) - 1:
			tail = ""
		}
		parts[i].Text = strings.TrimSpace(head + " … " + tail)
	}
	return parts
}

type partIn struct {
	Stream   string `path:"stream" example:"mail" doc:"Stream of the record."`
	Position uint64 `path:"position" example:"1042" doc:"Position in the stream, from 0."`
	Part     int    `path:"part" doc:"Number of the part, from attachments[].n; -1 of a file that was uploaded."`
}

type fileOut struct {
	Record archive.Address  `json:"record"`
	File   index.Attachment `json:"file"`
	Said   string           `json:"said,omitempty" doc:"The sentence in which the author of the message speaks of it."`
	Say    string           `json:"say" doc:"Its family in a few words."`
	FileFamily
	Text []index.Passage `json:"text" doc:"What is written in it, as far as it is kept, each piece with its place."`
}

// apiFile tells of a file: every message with the same bytes, its versions, and how it differs from the one before.
func (s *Server) apiFile(ctx context.Context, in *partIn) (*body[fileOut], error) {
	at, err := recordIn{in.Stream, in.Position}.address()
	if err != nil {
		return nil, err
	}
	m, err := s.openMessage(ctx, at)
	if err != nil {
		return nil, err
	}
	file, ok := m.file(in.Part)
	if !ok {
		return nil, notFound("file in this message")
	}
	f, err := s.family(ctx, m.doc, file)
	if err != nil {
		return nil, err
	}
	text, err := s.within(ctx).FileText(ctx, m.doc.Address, in.Part)
	if err != nil {
		return nil, err
	}
	f.Same, f.Versions, f.Diff = list(f.Same), list(f.Versions), list(f.Diff)
	return reply(fileOut{m.doc.Address, file, m.mentions()[in.Part], f.Say(file.Filename), *f, list(text)}), nil
}

package webui

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"

	"polytrace/archive"
	"polytrace/casework"
)

// maxUpload is how many bytes a file has at most that somebody uploads to a case.
const maxUpload = 25 << 20

// errNoUploads is told where files cannot be kept.
var errNoUploads = &statusError{http.StatusServiceUnavailable, "This server does not take files.", nil}

func tooLarge(field string) error {
	return &casework.Refusal{Code: casework.Invalid, Field: field, Text: "The file is larger than " + strconv.Itoa(maxUpload>>20) + " MiB and was not stored. Send it by mail, or name the place where it is in a note."}
}

// readUpload reads a file, which is no larger than may be.
func readUpload(r io.Reader) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(r, maxUpload+1))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large) || len(content) > maxUpload:
		return nil, tooLarge("File")
	case err != nil:
		return nil, &statusError{http.StatusBadRequest, "The file did not arrive whole and was not stored. Send it again.", err}
	case len(content) == 0:
		return nil, &casework.Refusal{Code: casework.Invalid, Field: "File", Text: "The file is empty: there is nothing to keep. Choose another one."}
	}
	return content, nil
}

// upload keeps a file as a record and pins it to a case. It is checked before whether the case takes it, so that nothing
// is stored for nothing.
func (s *Server) upload(ctx context.Context, name string, content []byte, pin casework.PinFile) (archive.Meta, error) {
	if s.config.Upload == nil {
		return archive.Meta{}, errNoUploads
	}
	who, _ := callerFrom(ctx)
	name = path.Base(strings.ReplaceAll(strings.ToValidUTF8(strings.TrimSpace(name), ""), `\`, "/")) // Some browsers send the whole path.
	if name == "." || name == "/" {
		name = "file"
	}
	if len(name) > 255 {
		name = strings.ToValidUTF8(name[len(name)-255:], "")
	}
	pin.SHA256, pin.Part, pin.Uploaded = sha256.Sum256(content), casework.WholeRecord, true
	pin.Record = archive.Address{Stream: archive.Files, Position: s.config.Archive.Next(archive.Files)}
	var err error
	s.config.Desk.Read(func(state *casework.State) { _, err = casework.As(who.actor, pin).Check(state, s.config.Now()) })
	if err != nil {
		return archive.Meta{}, err
	}
	m, err := s.keepFile(ctx, archive.Meta{Kind: archive.KindFile, Received: s.config.Now(), Source: archive.Source{File: name}}, content)
	if err != nil {
		return m, err
	}
	if err := s.config.Index.WaitFor(ctx, m.Address()); err != nil {
		return m, err
	}
	pin.Record = m.Address()
	return m, s.act(ctx, pin)
}

// keepFile stores a file, and its bytes once.
func (s *Server) keepFile(ctx context.Context, m archive.Meta, content []byte) (archive.Meta, error) {
	sum := archive.Digest(sha256.Sum256(content))
	if same := s.uploadedBefore(sum); same != nil {
		again := m
		again.SameAs, again.SHA256, again.Size = same, sum, int64(len(content))
		kept, err := s.config.Upload(ctx, again, nil)
		if !errors.Is(err, archive.ErrGone) {
			return kept, err
		}
	}
	return s.config.Upload(ctx, m, bytes.NewReader(content))
}

// uploadedBefore is a file with the same bytes that is kept already; nil when there is none. Mail with these bytes does not
// count: it may leave earlier.
func (s *Server) uploadedBefore(sum archive.Digest) *archive.Address {
	known, err := s.config.Index.Known(sum)
	if err != nil {
		return nil // They are stored again.
	}
	for _, x := range known {
		if x.Address.Stream == archive.Files {
			return &x.Address
		}
	}
	return nil
}

// pinOf is the pin of a part of a record that the caller may read, or of the record itself when it is a file.
func (s *Server) pinOf(ctx context.Context, number int, at archive.Address, part int) (casework.PinFile, error) {
	m, err := s.openMessage(ctx, at)
	if err != nil {
		return casework.PinFile{}, err
	}
	pin := casework.PinFile{Case: number, Record: m.doc.Address, Part: part}
	switch {
	case part == casework.WholeRecord && m.doc.Kind == archive.KindFile:
		pin.SHA256 = m.doc.SHA256
	case part >= 0 && part < len(m.original.Parts):
		pin.SHA256 = sha256.Sum256(m.original.Content(part))
	default:
		return pin, notFound("file in that message")
	}
	return pin, nil
}

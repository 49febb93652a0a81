package casework

import (
	"fmt"
	"time"

	"polytrace/archive"
)

// The types of event about files that a case rests on. A file is named by the record that it came with and by its own
// bytes: the same bytes can come again with others.
const (
	FilePinned   EventType = "file.pinned"
	FileUnpinned EventType = "file.unpinned"
)

// WholeRecord is the part of a file that is a record by itself, as one that somebody uploaded is.
const WholeRecord = -1

// The data of these events.
type (
	// FilePinnedData is the data of FilePinned.
	FilePinnedData struct {
		ID       int             `json:"id"`
		Record   archive.Address `json:"record"`
		Part     int             `json:"part"`
		SHA256   archive.Digest  `json:"sha256"`
		Uploaded bool            `json:"uploaded,omitempty"` // By the one who pinned it, for the case.
	}
	// FileUnpinnedData is the data of FileUnpinned.
	FileUnpinnedData struct {
		ID int `json:"id"`
	}
)

// Pin is a file that somebody brought into a case as evidence. IDs are dense in each case, and stay.
type Pin struct {
	ID       int             `json:"id"`
	Record   archive.Address `json:"record"`
	Part     int             `json:"part"`   // Index of the part of a message; WholeRecord: the record is the file.
	SHA256   archive.Digest  `json:"sha256"` // Of the decoded bytes of the file: what is pinned cannot change.
	Uploaded bool            `json:"uploaded,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	By       string          `json:"by"`
	At       time.Time       `json:"at"`

	Removed   time.Time `json:"removed,omitzero"`
	RemovedBy string    `json:"removed_by,omitempty"`
}

// Commands about files that a case rests on.
type (
	// PinFile brings a file into a case. The caller has verified that the file has that SHA-256.
	PinFile struct {
		Case     int
		Record   archive.Address
		Part     int
		SHA256   archive.Digest
		Uploaded bool
		Reason   string
		Revision *archive.Position
	}
	// UnpinFile takes it out again; the log keeps it.
	UnpinFile struct {
		Case, ID int
		Reason   string
		Revision *archive.Position
	}
)

// Check refuses what is pinned already. The same bytes with another message are another origin of them, and are not.
func (c PinFile) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	if err != nil {
		return nil, err
	}
	switch {
	case !mailStream(c.Record.Stream):
		return nil, refuse(Invalid, "Record", "There are no files in the stream %q.", c.Record.Stream)
	case c.Part < WholeRecord:
		return nil, refuse(Invalid, "Part", "A message has no part %d.", c.Part)
	case c.SHA256.IsZero():
		return nil, refuse(Invalid, "SHA256", "The SHA-256 of the file is missing.")
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	for _, p := range file.Pins {
		if p.Removed.IsZero() && p.Record == c.Record && p.Part == c.Part {
			return nil, refuse(Conflict, "Part", "This file is evidence of case %s already: %s pinned it.", file.label(), s.who(p.By))
		}
	}
	return newEvent(FilePinned, c.Case, c.Reason, FilePinnedData{len(file.Pins) + 1, c.Record, c.Part, c.SHA256, c.Uploaded})
}

// Check refuses what is not pinned.
func (c UnpinFile) Check(s *State, _ time.Time) ([]Event, error) {
	file, err := s.stating(c.Case, c.Revision)
	if err != nil {
		return nil, err
	}
	p, err := find(file.Pins, c.ID, file, "pinned file")
	if err != nil {
		return nil, err
	}
	if !p.Removed.IsZero() {
		return nil, refuse(Gone, "ID", "File %d of case %s was taken out already.", c.ID, file.label())
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	return newEvent(FileUnpinned, c.Case, c.Reason, FileUnpinnedData{c.ID})
}

// pinFolds are the folds of the events about files.
var pinFolds = map[EventType]caseFold{
	FilePinned:   onCase((*State).filePinned),
	FileUnpinned: onCase((*State).fileUnpinned),
}

func (s *State) filePinned(c *caseFile, d decision, data FilePinnedData) (Entry, error) {
	if err := c.turn("file", data.ID, len(c.Pins), nil); err != nil {
		return Entry{}, err
	}
	c.Pins = append(c.Pins, Pin{ID: data.ID, Record: data.Record, Part: data.Part, SHA256: data.SHA256, Uploaded: data.Uploaded, Reason: d.Reason, By: s.actor(d.Actor), At: d.At})
	text := " pinned a file of " + data.Record.String()
	if data.Uploaded {
		text = " uploaded a file, " + data.Record.String()
	}
	return Entry{Item: fmt.Sprintf("file-%d", data.ID), Text: sentence(s.who(d.Actor)+text, d.Reason)}, nil
}

func (s *State) fileUnpinned(c *caseFile, d decision, data FileUnpinnedData) (Entry, error) {
	p, err := nth(c.Pins, data.ID, "file")
	if err == nil && !p.Removed.IsZero() {
		err = fmt.Errorf("file %d was taken out already", data.ID)
	}
	if err != nil {
		return Entry{}, err
	}
	p.Removed, p.RemovedBy = d.At, s.actor(d.Actor)
	return Entry{Item: fmt.Sprintf("file-%d", data.ID), Text: sentence(s.who(d.Actor)+" took the file of "+p.Record.String()+" out of the evidence", d.Reason)}, nil
}

package casework

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/message"
)

// EvidenceKind is a kind of thing that a case rests on.
type EvidenceKind string

// The kinds of evidence.
const (
	EvidenceMessage  EvidenceKind = "message"
	EvidenceImported EvidenceKind = "imported" // A message out of an archived mailbox.
	EvidencePage     EvidenceKind = "page"     // A capture of a web page.
	EvidenceAttached EvidenceKind = "attached" // A file that came with a message.
	EvidenceUploaded EvidenceKind = "uploaded" // A file that somebody put here.
)

// EvidenceKinds lists all kinds.
func EvidenceKinds() []EvidenceKind {
	return []EvidenceKind{EvidenceMessage, EvidenceImported, EvidenceAttached, EvidenceUploaded, EvidencePage}
}

// Material is what is known of a record that a case rests on, or could.
type Material struct {
	Record  archive.Address // Of the copy that came first.
	Kind    archive.Kind
	SHA256  archive.Digest
	Size    int64
	Date    time.Time // When it was sent.
	From    message.Mailbox
	Subject string // Of a file its name.
	Mailbox string // That it was imported from; "" when it was not.
	Queue   string
	Files   []MaterialFile // What is attached; of a file itself.
}

// MaterialFile is a file of a record.
type MaterialFile struct {
	Part   int // As Pin.Part.
	Name   string
	Size   int64
	SHA256 archive.Digest
	Format string // What its bytes are; "" when they do not tell.
	Odd    string // How its name is not what its bytes are.
}

// How something came to be evidence.
const (
	ByCitation     = "cited"
	ByPin          = "pinned"
	ByUpload       = "uploaded"
	ByConversation = "conversation" // It is mail of the case.
	ByMessage      = "attached"     // It came with a message that is cited.
)

// Origin is a place where the bytes of some evidence came from, and how they came into the case.
type Origin struct {
	Record  archive.Address `json:"record"`
	Part    int             `json:"part"` // As Pin.Part: WholeRecord is the record itself.
	Name    string          `json:"name,omitempty"`
	From    message.Mailbox `json:"from"`
	Date    time.Time       `json:"date"`
	Mailbox string          `json:"mailbox,omitempty"`
	Queue   string          `json:"queue,omitempty"`
	How     string          `json:"how"`          // cited, pinned, uploaded, attached or conversation.
	Case    int             `json:"case"`         // Of cases that are one.
	ID      int             `json:"id,omitempty"` // Of the citation or pin.
	By      string          `json:"by,omitempty"` // Who brought it in; "" of mail that came by itself.
	At      time.Time       `json:"at,omitzero"`
	Why     string          `json:"why,omitempty"`
}

// Evidence is something that a case rests on. Equal bytes are one, with all their origins.
type Evidence struct {
	Kind    EvidenceKind   `json:"kind"`
	SHA256  archive.Digest `json:"sha256"`
	Name    string         `json:"name"` // Subject, or name of the file.
	Size    int64          `json:"size"`
	Format  string         `json:"format,omitempty"`
	Odd     string         `json:"odd,omitempty"`
	Origins []Origin       `json:"origins"` // What somebody brought in first, then by time.
}

// EvidenceOf lists what cases that are one rest on: what is cited and pinned, the files of cited messages, and their
// mail. known has the records that are cited or pinned, by the address under which they are; of those that are not
// in it nothing is said. It is in the order of what was sent first.
func EvidenceOf(cases []Case, mail []Material, known map[archive.Address]Material) []Evidence {
	e := evidencing{index: map[archive.Digest]int{}}
	for i := range cases {
		c := &cases[i]
		for _, x := range c.Citations {
			m, ok := known[x.Record]
			if !ok {
				continue
			}
			o := Origin{How: ByCitation, Case: c.Number, ID: x.ID, By: x.By, At: x.At, Why: x.Comment}
			e.record(m, x.Record, o)
			for _, f := range m.Files {
				if f.Part != WholeRecord {
					e.file(m, f, x.Record, Origin{How: ByMessage, Case: c.Number, ID: x.ID, By: x.By, At: x.At})
				}
			}
		}
		for _, p := range c.Pins {
			m, ok := known[p.Record]
			if !ok || !p.Removed.IsZero() {
				continue
			}
			o := Origin{How: ByPin, Case: c.Number, ID: p.ID, By: p.By, At: p.At, Why: p.Reason}
			if p.Uploaded {
				o.How = ByUpload
			}
			f := MaterialFile{Part: p.Part, Name: fmt.Sprintf("part %d", p.Part), SHA256: p.SHA256}
			if p.Part == WholeRecord { // Its bytes came as mail, too.
				f.Name, f.Size = m.Subject, m.Size
			}
			if i := slices.IndexFunc(m.Files, func(f MaterialFile) bool { return f.Part == p.Part }); i >= 0 {
				f = m.Files[i]
			}
			e.file(m, f, p.Record, o)
		}
	}
	for _, m := range mail {
		e.record(m, m.Record, Origin{How: ByConversation, Case: cases[0].Number})
	}
	return e.sorted()
}

// evidencing puts evidence together.
type evidencing struct {
	list  []Evidence
	index map[archive.Digest]int
}

// record adds a record as it is.
func (e *evidencing) record(m Material, at archive.Address, o Origin) {
	item := Evidence{Kind: EvidenceMessage, SHA256: m.SHA256, Name: m.Subject, Size: m.Size}
	switch {
	case m.Kind == archive.KindPage:
		item.Kind = EvidencePage
	case m.Kind == archive.KindFile:
		item.Kind = EvidenceUploaded
		for _, f := range m.Files {
			item.Format, item.Odd = f.Format, f.Odd
		}
	case m.Mailbox != "":
		item.Kind = EvidenceImported
	}
	o.Part = WholeRecord
	e.add(item, m, at, o)
}

// file adds a file of a record.
func (e *evidencing) file(m Material, f MaterialFile, at archive.Address, o Origin) {
	item := Evidence{Kind: EvidenceAttached, SHA256: f.SHA256, Name: f.Name, Size: f.Size, Format: f.Format, Odd: f.Odd}
	if f.Part == WholeRecord {
		item.Kind = EvidenceUploaded
	}
	o.Part, o.Name = f.Part, f.Name
	e.add(item, m, at, o)
}

func (e *evidencing) add(item Evidence, m Material, at archive.Address, o Origin) {
	o.Record, o.From, o.Date, o.Mailbox, o.Queue = at, m.From, m.Date, m.Mailbox, m.Queue
	i, had := e.index[item.SHA256]
	if !had {
		i = len(e.list)
		e.index[item.SHA256] = i
		e.list = append(e.list, item)
	}
	known := &e.list[i]
	if known.Kind == EvidenceUploaded && item.Kind == EvidenceAttached { // How it came is told by what came by itself.
		known.Kind = item.Kind
	}
	known.Odd, known.Format, known.Name = cmp.Or(known.Odd, item.Odd), cmp.Or(known.Format, item.Format), cmp.Or(known.Name, item.Name)
	switch { // One that somebody brought in is told of already.
	case o.How == ByConversation && len(known.Origins) > 0,
		o.How == ByMessage && slices.ContainsFunc(known.Origins, func(x Origin) bool { return x.Record == o.Record && x.Part == o.Part }):
		return
	}
	known.Origins = slices.DeleteFunc(known.Origins, func(x Origin) bool {
		return x.How == ByMessage && x.Record == o.Record && x.Part == o.Part
	})
	known.Origins = append(known.Origins, o)
}

func (e *evidencing) sorted() []Evidence {
	for i := range e.list {
		slices.SortStableFunc(e.list[i].Origins, func(a, b Origin) int {
			return cmp.Or(cmp.Compare(boolInt(a.By == ""), boolInt(b.By == "")), a.At.Compare(b.At), a.Date.Compare(b.Date))
		})
	}
	slices.SortStableFunc(e.list, func(a, b Evidence) int {
		return cmp.Or(a.first().Compare(b.first()), strings.Compare(a.SHA256.String(), b.SHA256.String()))
	})
	return e.list
}

// first is when the earliest of its origins was sent.
func (e *Evidence) first() time.Time {
	at := e.Origins[0].Date
	for _, o := range e.Origins {
		if o.Date.Before(at) {
			at = o.Date
		}
	}
	return at
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

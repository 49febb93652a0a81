package webui

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
	"polytrace/message"
)

// materialOf is what casework needs to know of a record.
func materialOf(x *index.Summary) casework.Material {
	m := casework.Material{Record: x.Address, Kind: x.Kind, SHA256: x.SHA256, Size: x.Size, Date: x.Date, From: x.From, Subject: x.Subject, Mailbox: x.Mailbox, Queue: x.Queue}
	for _, f := range x.Attached {
		m.Files = append(m.Files, casework.MaterialFile{Part: f.N, Name: f.Name, Size: f.Size, SHA256: f.SHA256, Format: f.Format, Odd: f.Odd})
	}
	return m
}

// evidence is what cases that are one rest on, as far as the caller may read it. Cited and pinned records that are not in
// the mail of the cases are noted as read: their names are shown.
func (s *Server) evidence(ctx context.Context, d *dossier) ([]casework.Evidence, error) {
	known, pinned := map[archive.Address]casework.Material{}, []archive.Address{}
	look := func(at archive.Address) (bool, error) {
		if _, had := known[at]; had {
			return false, nil
		}
		doc, err := s.within(ctx).Document(ctx, at)
		if unreadable(err) {
			return false, nil
		}
		if err == nil {
			known[at] = materialOf(&doc.Summary)
		}
		return err == nil, err
	}
	for i := range d.Cases {
		for _, x := range d.Cases[i].Citations {
			if _, err := look(x.Record); err != nil {
				return nil, err
			}
		}
		for _, p := range d.Cases[i].Pins {
			if !p.Removed.IsZero() {
				continue
			}
			found, err := look(p.Record)
			if err != nil {
				return nil, err
			}
			if found {
				pinned = append(pinned, p.Record)
			}
		}
	}
	if err := s.noteRead(ctx, pinned...); err != nil {
		return nil, err
	}
	return casework.EvidenceOf(d.Cases, d.material, known), nil
}

// Verification is what came of reading again all that a case rests on.
type Verification struct {
	At       time.Time `json:"at"`
	Sources  int       `json:"sources" doc:"Messages and files whose bytes are those that came in."`
	Events   int       `json:"events" doc:"Decisions about the case that are in the ledger as they were written."`
	Unproven int       `json:"unproven" doc:"Of the records of both, those that no signed checkpoint covers yet; one is made when their pack is in the bucket."`
	Broken   *Broken   `json:"broken,omitempty" doc:"The first of them that is not as it was; absent when all are."`
}

// Broken is a record that is not as it was stored, or a file that is not the one that was pinned.
type Broken struct {
	What string `json:"what" doc:"Address of a record; of a file that of its message, and its part."`
	Why  string `json:"why"`
}

func (b *Broken) Error() string { return b.What + ": " + b.Why }

// verifier reads again what a case rests on.
type verifier struct {
	s    *Server
	key  string // That checkpoints are signed with.
	read map[archive.Address]proven
	done *Verification
}

// proven is what is kept of a record that is as it was: a case may rest on more bytes than fit into memory.
type proven struct {
	meta  archive.Meta
	parts []archive.Digest // Of a message: the SHA-256 of each part.
	event []byte           // Of the ledger: its body.
}

// verify reads again every record and every decision that a case rests on: bodies are compared with their SHA-256, what is
// cited and pinned with what was cited and pinned, and all with the signed log of their stream. It stops at the first that
// is not as it was. An error says that it could not be found out.
func (s *Server) verify(ctx context.Context, d *dossier) (*Verification, error) {
	all, err := s.evidence(ctx, d)
	if err != nil {
		return nil, err
	}
	v := verifier{s, s.config.Archive.Status().Key, map[archive.Address]proven{}, &Verification{At: s.config.Now()}}
	err = v.all(ctx, d, all)
	if errors.As(err, &v.done.Broken) {
		err = nil
	}
	return v.done, err
}

func (v *verifier) all(ctx context.Context, d *dossier, evidence []casework.Evidence) error {
	for _, e := range evidence {
		for _, o := range e.Origins {
			if err := v.origin(ctx, d, e, o); err != nil {
				return err
			}
		}
		v.done.Sources++
	}
	for _, c := range d.Cases {
		for _, e := range c.Log {
			at := archive.Address{Stream: archive.Ledger, Position: e.Position}
			r, err := v.record(ctx, at)
			if err != nil {
				return err
			}
			if event, err := casework.DecodeEvent(r.event); err != nil || event.Type != e.Type {
				return &Broken{at.String(), "the ledger has another decision there than the case was made of"}
			}
			v.done.Events++
		}
	}
	return nil
}

// origin reads the bytes of evidence where they came from.
func (v *verifier) origin(ctx context.Context, d *dossier, e casework.Evidence, o casework.Origin) error {
	r, err := v.record(ctx, o.Record)
	switch {
	case err != nil:
		return err
	case o.Part != casework.WholeRecord:
		if o.Part >= len(r.parts) || r.parts[o.Part] != e.SHA256 {
			return &Broken{fileLabel(o), "the message does not have that file any more"}
		}
	case o.How == casework.ByPin || o.How == casework.ByUpload:
		if r.meta.SHA256 != e.SHA256 {
			return &Broken{o.Record.String(), "it is not the file that was pinned"}
		}
	case o.How == casework.ByCitation:
		for i := range d.Cases {
			for _, x := range d.Cases[i].Citations {
				if d.Cases[i].Number == o.Case && x.ID == o.ID && x.SHA256 != r.meta.SHA256 {
					return &Broken{o.Record.String(), "it is not the message that was cited"}
				}
			}
		}
	}
	return nil
}

func fileLabel(o casework.Origin) string {
	return "file “" + o.Name + "” of " + o.Record.String()
}

// record reads a record with the bytes that it brought, and proves it.
func (v *verifier) record(ctx context.Context, at archive.Address) (k proven, err error) {
	if k, had := v.read[at]; had {
		return k, nil
	}
	r, err := v.s.config.Archive.Read(ctx, at)
	for from := r.Meta.SameAs; err == nil && from != nil; {
		var with archive.Record
		with, err = v.s.config.Archive.Read(ctx, *from)
		from, r.Body = with.Meta.SameAs, with.Body
	}
	switch {
	case errors.Is(err, archive.ErrDamaged):
		return k, &Broken{at.String(), "what is stored is damaged: its checksum does not match"}
	case errors.Is(err, archive.ErrNotFound), errors.Is(err, archive.ErrGone):
		return k, &Broken{at.String(), "it is not in the archive any more"}
	case err != nil:
		return k, readError(at, err)
	case archive.Digest(sha256.Sum256(r.Body)) != r.Meta.SHA256:
		return k, &Broken{at.String(), "its bytes have another SHA-256 than when it came in"}
	}
	p, err := v.s.config.Archive.Prove(ctx, at)
	switch {
	case errors.Is(err, archive.ErrUnproven):
		v.done.Unproven++
	case errors.Is(err, archive.ErrDamaged):
		return k, &Broken{at.String(), "it is not what the signed log says"}
	case err != nil:
		return k, readError(at, err)
	default:
		if proven, err := p.Check(v.key); err != nil || proven.SHA256 != r.Meta.SHA256 {
			return k, &Broken{at.String(), "the signed log does not prove it"}
		}
	}
	switch k.meta = r.Meta; {
	case at.Stream == archive.Ledger:
		k.event = r.Body
	case r.Meta.Kind == archive.KindMessage:
		m := message.Read(r.Body, delivery(r.Meta)).Original
		for n := range m.Parts {
			k.parts = append(k.parts, sha256.Sum256(m.Content(n)))
		}
	}
	v.read[at] = k
	return k, nil
}

package webui

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
	"polytrace/message"
)

type searchIn struct {
	Query  string `query:"q" doc:"The query; empty for everything."`
	Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"1000" doc:"Items on the page."`
	Cursor string `query:"cursor" doc:"next of the page before."`
	Sort   string `query:"sort" enum:",newest,oldest,relevance" doc:"Order; newest first by default."`
	Facets bool   `query:"facets" doc:"Count the hits by person, month, queue, mailbox and type, on the first page."`
}

// searchOut is index.Results without the chart, with lists that are never null.
type searchOut struct {
	Total        int             `json:"total" doc:"Exact number of hits: messages, however many copies of each came."`
	CompleteTo   time.Time       `json:"complete_to" doc:"Every record received before this was searched."`
	Unsearchable int             `json:"unsearchable" doc:"Records in the archive whose text could not be read."`
	Items        []index.Summary `json:"items"`
	Next         string          `json:"next,omitempty" doc:"Cursor of the page after; absent at the end."`
	Facets       []index.Facet   `json:"facets,omitempty" doc:"When asked for. What query finds, added to this one, is count exactly."`
}

func (s *Server) apiSearch(ctx context.Context, in *searchIn) (*body[searchOut], error) {
	order := index.Sort(in.Sort)
	if order == "newest" {
		order = index.Newest
	}
	r, err := s.search(ctx, index.Request{Query: in.Query, Limit: in.Limit, Cursor: in.Cursor, Sort: order, Facets: in.Facets, Now: s.config.Now()})
	if err != nil {
		return nil, err
	}
	return reply(searchOut{r.Total, r.CompleteTo, r.Unsearchable, lines(r.Items), r.Next, r.Facets}), nil
}

// lines are summaries whose lists are never null.
func lines(items []index.Summary) []index.Summary {
	out := slices.Clone(list(items))
	for i := range out {
		out[i].To = list(out[i].To)
	}
	return out
}

type recordIn struct {
	Stream   string `path:"stream" example:"mail" doc:"Stream of the record."`
	Position uint64 `path:"position" example:"1042" doc:"Position in the stream, from 0."`
}

func (in recordIn) address() (archive.Address, error) {
	at := archive.Address{Stream: archive.Stream(in.Stream), Position: archive.Position(in.Position)}
	if !at.Stream.Valid() || at.Stream.Ours() {
		return at, notFound("record")
	}
	return at, nil
}

// recordOut is a message as programs see it.
type recordOut struct {
	Address    archive.Address     `json:"address"`
	Kind       archive.Kind        `json:"kind"`
	SHA256     archive.Digest      `json:"sha256"`
	Size       int64               `json:"size"`
	Received   time.Time           `json:"received"`
	Source     archive.Source      `json:"source"`
	Envelope   *archive.Envelope   `json:"envelope,omitempty"`
	Peer       *archive.Peer       `json:"peer,omitempty"`
	Message    messageOut          `json:"message"`
	Recipients []message.Recipient `json:"recipients"`
	Sightings  []index.Sighting    `json:"sightings" doc:"Every record that brought the message, in any copy, with the recipients that each tells."`
	Copies     int                 `json:"copies" doc:"How many copies with different bytes came; this is of the one that was received first."`
	Fragment   *index.Fragment     `json:"fragment,omitempty" doc:"Which part of a message it is; absent when it is a whole one."`
	Variants   []archive.Address   `json:"variants" doc:"Messages with the same Message-ID that say something else."`
	Cases      []int               `json:"cases"`
	Thread     string              `json:"thread"`
	State      string              `json:"state" doc:"searchable, or why the text could not be read."`

	Authentication *index.Authentication `json:"authentication,omitempty" doc:"Who vouched for it: signatures and the answers of DNS they rest on; absent until it was checked."`
}

type messageOut struct {
	MessageID   string             `json:"message_id"`
	Date        time.Time          `json:"date"`
	From        []message.Mailbox  `json:"from"`
	To          []message.Mailbox  `json:"to"`
	Cc          []message.Mailbox  `json:"cc"`
	Subject     string             `json:"subject"`
	Attachments []index.Attachment `json:"attachments"`
	Defects     []message.Defect   `json:"defects"`
}

func (s *Server) apiRecord(ctx context.Context, in *recordIn) (*body[recordOut], error) {
	at, err := in.address()
	if err != nil {
		return nil, err
	}
	m, err := s.openMessage(ctx, at)
	if err != nil {
		return nil, err
	}
	d, o := m.doc, m.original
	out := recordOut{
		Address: d.Address, Kind: d.Kind, SHA256: d.SHA256, Size: d.Size, Received: d.Received, Source: d.Meta.Source, Envelope: d.Meta.Envelope, Peer: d.Meta.Peer,
		Message:    messageOut{d.MessageID, d.Date, list(o.From), list(o.To), list(o.Cc), o.Subject, list(d.Attachments), list(d.Defects)},
		Recipients: list(d.Recipients), Sightings: list(d.Seen), Copies: d.Copies, Fragment: d.Fragment, Variants: list(d.Variants), Cases: list(d.Cases), Thread: d.Thread, State: "searchable",
		Authentication: d.Authentication,
	}
	if d.Unsearchable != "" {
		out.State = d.Unsearchable
	}
	return reply(out), nil
}

type textOut struct {
	Part  int       `json:"part" doc:"Number of the part the text was taken from; -1 when there is none."`
	Text  string    `json:"text" doc:"UTF-8 with LF line ends. Citations are spans of its bytes."`
	Zones []zoneOut `json:"zones" doc:"Who wrote which bytes; they cover the text without gaps."`
}

type zoneOut struct {
	Start int    `json:"start"`
	End   int    `json:"end"`
	Kind  string `json:"kind" doc:"author, quote, forward, signature, disclaimer or automatic."`
}

func (s *Server) apiText(ctx context.Context, in *recordIn) (*body[textOut], error) {
	at, err := in.address()
	if err != nil {
		return nil, err
	}
	m, err := s.openMessage(ctx, at)
	if err != nil {
		return nil, err
	}
	out := textOut{m.text.Part, m.text.Body, []zoneOut{}}
	for _, z := range m.text.Zones {
		out.Zones = append(out.Zones, zoneOut{z.Start, z.End, z.Kind})
	}
	return reply(out), nil
}

type threadIn struct {
	ID string `path:"id" example:"mail-17"`
}

func (s *Server) apiThread(ctx context.Context, in *threadIn) (*body[threadOut], error) {
	t, err := s.within(ctx).Thread(ctx, in.ID)
	var removed *index.RemovedError
	if errors.As(err, &removed) {
		return nil, &statusError{http.StatusGone, s.removal(removed), nil}
	}
	if errors.Is(err, archive.ErrNotFound) {
		return nil, notFound("conversation")
	}
	if err != nil {
		return nil, err
	}
	if err := s.noteRead(ctx, addresses(t.Messages)...); err != nil {
		return nil, err
	}
	corrections, err := s.threadCorrections(ctx, t)
	if err != nil {
		return nil, err
	}
	return reply(threadOut{&index.Thread{ID: t.ID, Subject: t.Subject, Messages: lines(t.Messages), Missing: t.Missing}, list(corrections)}), nil
}

// Totals are the four numbers people can trust, and how far search is behind.
type Totals struct {
	Received     int64     `json:"received" doc:"Records that were acknowledged, without decisions."`
	InBucket     int64     `json:"in_bucket"`
	Indexed      int64     `json:"indexed"`
	Removed      int64     `json:"removed" doc:"Records that a decision removed, by expiry or erasure."`
	Unsearchable int64     `json:"unsearchable"`
	Lag          int64     `json:"lag" doc:"Records that search does not know of yet, decisions included."`
	CompleteTo   time.Time `json:"complete_to"`
}

type statusOut struct {
	Totals
	Archive archive.Status `json:"archive"`
	Index   index.Status   `json:"index"`
	Intake  *Intake        `json:"intake,omitempty"`
	Version string         `json:"version"`

	Retention *casework.KeeperStatus `json:"retention,omitempty" doc:"Who removes what is due; absent while no server runs."`

	Alerts map[casework.AlertChannel]Channel `json:"alerts" doc:"How alerts go out, by channel: mail and webhook, where they are set up."`
}

func (s *Server) totals() (Totals, archive.Status, index.Status) {
	a, x := s.config.Archive.Status(), s.config.Index.Status()
	t := Totals{Indexed: x.Records, Removed: x.Removed, Unsearchable: x.Unsearchable, Lag: x.Lag, CompleteTo: x.CompleteTo}
	for _, st := range a.Streams {
		if !st.Stream.Ours() {
			t.Received += int64(st.Next)
			t.InBucket += int64(st.InBucket)
		}
	}
	return t, a, x
}

func (s *Server) apiStatus(context.Context, *none) (*body[statusOut], error) {
	out := statusOut{Version: s.config.Version}
	out.Totals, out.Archive, out.Index = s.totals()
	if s.config.Intake != nil {
		in := s.config.Intake()
		if in.Queues == nil {
			in.Queues = map[string]QueueIntake{}
		}
		out.Intake = &in
	}
	out.Retention, out.Alerts = s.keeping(), s.channelStatus()
	return reply(out), nil
}

// keeping is how retention is carried out; nil when it is not.
func (s *Server) keeping() *casework.KeeperStatus {
	if s.config.Keeper == nil {
		return nil
	}
	st := s.config.Keeper.Status()
	return &st
}

// errUnavailable is told when a function is not wired, e.g. import while no
// importer runs.
var errUnavailable = &statusError{http.StatusServiceUnavailable, "This server does not take imports.", nil}

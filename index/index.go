// Package index answers questions about the archive in milliseconds.
//
// It is a view on Pebble that follows each stream by position and commits its
// watermark in the same batch as its entries, so that after a crash it has
// seen all of a record or none. Delete its directory and it builds the same
// answers again. The stream audit is not followed: nobody finds a message by
// who searched for it. Of the stream facts it takes what was found out about messages.
//
// What a decision in the ledger removes, by expiry or erasure, is in no answer
// and no count from the moment that the decision is applied. What was stored of
// it follows in the background: first its rows (summary, text, details,
// arrivals, conversation), then its words in the postings, which a sweep through all of
// them finds. Until then they are in the files of the index, though nothing
// reaches them. After an erasure the files are then written anew, so that no
// older version of what was erased is left; Status tells when that is
// still to be done. What remains for longer: after an expiry, versions in files
// that the database rewrites when it comes to them; the numbers of removed
// documents, which say nothing; the SHA-256 of what a case cites; and a word
// that happened to be the first or last of a file, in the list of files until the
// second start after.
package index

import (
	"context"
	"iter"
	"log/slog"
	"time"

	"polytrace/archive"
	"polytrace/message"
)

// Archive is what the index needs of the archive.
type Archive interface {
	Next(archive.Stream) archive.Position
	Streams() []archive.Stream
	Scan(context.Context, archive.Stream, archive.Position) iter.Seq2[archive.Record, error]
	Wait(context.Context, archive.Stream, archive.Position) error
	Read(context.Context, archive.Address) (archive.Record, error)
}

// Config says where the index is and what it follows.
type Config struct {
	Dir string       // Created when absent; rebuilt when of another format.
	Log *slog.Logger // Default: discard.

	Follow    bool                 // The archive follows another one, and does not know all that was received.
	Documents Documents            // Reads what is attached to mail. Default: it is not read.
	Pictures  Pictures             // Reads again, with what is written in pictures, what Documents leaves for later. Default: pictures are not read.
	Urgent    func(time.Time) bool // Whether there is a burst; then mail waits to be indexed, for ten seconds at a time. Default: never.
	Blind     bool                 // The archive cannot read its mail, and Archive leaves it out: no answer is complete.

	steps    steps    // Default: usualSteps.
	readable []string // Default: readableFormats.
	reserve  uint64   // Bytes to leave free on the disk; at least minFree.
}

// Summary is what one line of results shows.
type Summary struct {
	Address   archive.Address   `json:"address"`
	Kind      archive.Kind      `json:"kind"`
	Date      time.Time         `json:"date"` // When it was sent, or received when that is absent or absurd.
	Received  time.Time         `json:"received"`
	From      message.Mailbox   `json:"from"`
	To        []message.Mailbox `json:"to"` // Visible recipients, To before Cc.
	Subject   string            `json:"subject"`
	Snippet   string            `json:"snippet"`            // Plain text.
	Marks     [][2]int          `json:"marks,omitempty"`    // Byte spans of Snippet that the query hit.
	InPart    *int              `json:"in_part,omitempty"`  // Which part that file is, as in File.N.
	Where     string            `json:"where,omitempty"`    // The place in the file alone: "sheet Costs".
	In        string            `json:"in,omitempty"`       // The attached file that Snippet is from, and the place in it: "plan.xlsx: sheet Costs". "" for the message itself.
	Files     []string          `json:"files,omitempty"`    // Names of attachments.
	Attached  []File            `json:"attached,omitempty"` // The same files, with what their bytes are.
	Size      int64             `json:"size"`
	SHA256    archive.Digest    `json:"sha256"`
	Thread    string            `json:"thread"` // ID, e.g. "mail-17".
	Queue     string            `json:"queue,omitempty"`
	Mailbox   string            `json:"mailbox,omitempty"`
	Cases     []int             `json:"cases,omitempty"`
	Sightings int               `json:"sightings"` // How often it came, in any copy: 1 or more.
	Copies    int               `json:"copies"`    // How many copies with different bytes came: 1 or more.

	Unsearchable string `json:"unsearchable,omitempty"` // Why its text could not be read, or not all; "" when it was.
}

// Document is everything the index knows of a message, of whichever of its copies.
// Summary and Meta are of the copy that was received first.
type Document struct {
	Summary
	Meta        archive.Meta        `json:"-"`
	MessageID   string              `json:"message_id,omitempty"`
	Recipients  []message.Recipient `json:"recipients"` // Of all copies, each as it is known best.
	Attachments []Attachment        `json:"attachments"`
	Defects     []message.Defect    `json:"defects"`
	Seen        []Sighting          `json:"sightings_list"`     // In the order they were received.
	Variants    []archive.Address   `json:"variants,omitempty"` // Messages with the same Message-ID that say something else.
	Fragment    *Fragment           `json:"fragment,omitempty"` // It is a part of a message; nil as a rule.

	Authentication *Authentication `json:"authentication,omitempty"` // Nil until it was examined.
}

// Fragment says which part of a message a record is (RFC 2046 section 5.2.2). While
// the whole message is here it is found by its words at its first part.
type Fragment struct {
	Number int               `json:"number"` // From 1.
	Total  int               `json:"total"`  // 0 when no part that is here tells.
	Parts  []archive.Address `json:"parts"`  // Those that are here, in order.
	Whole  bool              `json:"whole"`  // All are here and fit together.
}

// Sighting is one arrival of a message: of a copy of its own, or of the same bytes again.
type Sighting struct {
	Address    archive.Address     `json:"address"`
	Received   time.Time           `json:"received"`
	Source     archive.Source      `json:"source"`
	SHA256     archive.Digest      `json:"sha256"` // Of the copy.
	Size       int64               `json:"size"`
	Recipients []message.Recipient `json:"recipients,omitempty"` // That this arrival tells.
}

// Sort is an order of results.
type Sort string

// The orders.
const (
	Newest    Sort = "" // by date, newest first
	Oldest    Sort = "oldest"
	Relevance Sort = "relevance"
)

// Request is a question.
type Request struct {
	Query  string // In the query language; "" is everything.
	Limit  int    // Items on the page; default 50, at most 1000.
	Cursor string // Next of the page before; "" for the first.
	Sort   Sort
	Now    time.Time // What "yesterday" and "7d" refer to; days begin as in its zone.
	Facets bool      // Count the hits by what they have in common, on the first page.
}

// Results is a page of answers.
type Results struct {
	Total        int       `json:"total"`        // Exact number of hits: messages, however many copies of each came.
	CompleteTo   time.Time `json:"complete_to"`  // Every record received before this was searched.
	Unsearchable int       `json:"unsearchable"` // Records in the archive whose text could not be read.
	Items        []Summary `json:"items"`
	Next         string    `json:"next,omitempty"`   // Cursor of the page after; "" at the end.
	Volume       []Bucket  `json:"volume,omitempty"` // Hits over time, without gaps, on the first page.
	Facets       []Facet   `json:"facets,omitempty"`
}

// Bucket counts the hits of one span of time.
type Bucket struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	Count int       `json:"count"`
}

// Thread is a conversation, oldest message first.
type Thread struct {
	ID       string    `json:"id"`
	Subject  string    `json:"subject"`
	Messages []Summary `json:"messages"`
	Missing  []string  `json:"missing,omitempty"` // Message-IDs that they answer and that no message has that is here and may be told of, each once.
}

// Status tells how far the index is.
type Status struct {
	Records      int64          `json:"records"`            // Applied and not removed, of all streams with what came in.
	Removed      int64          `json:"removed"`            // By a decision, of the same streams.
	Documents    int64          `json:"documents"`          // Searchable, all copies of a message counted once.
	Unsearchable int64          `json:"unsearchable"`       // See List of is:unsearchable.
	Lag          int64          `json:"lag"`                // Records not applied yet.
	Pictures     int64          `json:"pictures,omitempty"` // Records whose pictures wait to be read.
	CompleteTo   time.Time      `json:"complete_to"`
	Bytes        int64          `json:"bytes"`              // On disk.
	Reasons      map[string]int `json:"reasons"`            // Unsearchable by reason.
	Cleaning     bool           `json:"cleaning,omitempty"` // Something of what was removed is still in the files.
	Rebuild      *Progress      `json:"rebuild,omitempty"`  // Of the database that is built beside the one that answers; nil as a rule.
	Extractors   *Extractors    `json:"extractors,omitempty"`
	Failure      string         `json:"failure,omitempty"`
}

// SyntaxError is a query that could not be understood.
type SyntaxError struct {
	Query  string
	Offset int    // Byte offset of the place in Query.
	Text   string // What is wrong and what to write instead.
}

func (e *SyntaxError) Error() string { return e.Text }

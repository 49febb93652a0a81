package main

import (
	"embed"
	"fmt"
	"slices"
	"time"
	_ "time/tzdata" // The stories name zones, and a small machine may have no zone database.

	"polytrace/casework"
)

// The sample company, Northwind Support, makes industrial sensors and gateways.
// Its mail is told in sample/*.txt, in a format that loadSample reads, and made
// into messages here as its customers' mail programs and its own mail servers
// would have made them.
//
//go:embed sample
var sampleFiles embed.FS

// sampleMessage is a delivery: one copy of a message, as a mail server of the
// sample company sends it to the archive.
type sampleMessage struct {
	Raw   []byte
	From  string   // Envelope sender; "" is the null sender.
	To    []string // Envelope recipients: the queue's name, or queue+detail, without a domain.
	Queue string   // One of sampleQueues.
	Sent  time.Time
}

// sampleCase is a case that the people of the sample company work on.
type sampleCase struct {
	Title, Account, Owner, Team string
	Severity                    int
	Status                      casework.Status
	Notes                       []sampleNote
	Citations                   []sampleCitation
	Statements                  []sampleStatement
	NoAnswer                    []string // Message-IDs of what needs no answer.
	Pins                        []samplePin
	Confirmed                   string                        // Value of the extract sampleFirmware that is confirmed, "" none.
	Steps                       func(number int) []sampleStep // nil: none.
	Share                       *sampleShare                  // nil when it has no link
}

// sampleStatement is what people state about a case: Kind is the operation of the API behind the path of the case,
// In its body. Cites are indexes into the case's citations. Days are from the last Friday on.
type sampleStatement struct {
	Kind  string
	In    map[string]any
	Cites []int
	Due   *int // By when, or when.
	Ended *int // When a promise ended.
}

// sampleCitation names a message by its Message-ID and quotes words of its text.
type sampleCitation struct{ MessageID, Quote, Comment string }

// samplePin is an attached file of the mail of a case that somebody pins, with a reason.
type samplePin struct{ Actor, File, Reason string }

// sampleNote is an internal remark; Cites are indexes into the case's citations.
type sampleNote struct {
	Text  string
	Cites []int
}

// sampleShare is a link for outsiders; Citations and Notes are indexes.
type sampleShare struct {
	Title     string
	Citations []int
	Notes     []int
	Whole     bool
	Days      int // until it ends
}

// sampleMail returns what arrived at the archive in about five months before
// now, in order of the time it was sent. The same now gives the same bytes.
//
// It panics when a story cannot be read. The stories are part of the program,
// so a test finds that before anybody else does.
func sampleMail(now time.Time) []sampleMessage {
	all, err := readSample(now)
	if err != nil {
		panic(fmt.Errorf("read the sample company's mail: %w", err))
	}
	slices.SortStableFunc(all, func(a, b sampleMessage) int { return a.Sent.Compare(b.Sent) })
	return all
}

func readSample(now time.Time) (all []sampleMessage, err error) {
	library, err := loadSample(sampleFiles, now)
	if err != nil {
		return nil, err
	}
	for _, l := range library.letters {
		copies, err := library.deliveries(l)
		if err != nil {
			return nil, err
		}
		all = append(all, copies...)
	}
	return all, nil
}

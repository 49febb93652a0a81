package casegen

import "time"

// Span is a run of bytes in a message's text, as message.Text.Body has it.
type Span struct{ Start, End int }

// Truth is what is true of a World's mail. Messages are named by their ID.
type Truth struct {
	Threads     []*Thread
	Zones       map[string][]Zone
	Dates       []Date
	Commitments []*Commitment
	Requests    []Request
	Automatics  map[string]string // Kind by message, as message.AutomaticKind has them.
	Twins       [][2]string       // Messages that ask for the same in other words.
	Needles     []Needle
	Escalations []Escalation
	Private     []string // Messages that are nobody's business.
}

// Thread is a conversation about one thing.
type Thread struct {
	Account  string
	Messages []string
	Latest   string // The newest message in which a person of the customer's says something.
	Words    string // What he says there, without what surrounds it.
}

// Zone is a run of a text by who wrote it, with the kinds of message.Zone.
type Zone struct {
	Span
	Kind string
}

// Date is a run of a text that names a date ahead or behind.
type Date struct {
	Message string
	Span
	Quote string
	Reading
	Other *Reading // Where a careful person would ask which of two is meant.
}

// Reading is what a date means, on the clock of who wrote it.
type Reading struct {
	From, To  time.Time // To is outside; equal to From when the grain is a minute.
	Grain     string    // minute, hour, day, week, month or quarter.
	Direction string    // "", by, before or after.
}

// Outcomes of commitments.
const (
	Met    = "met"
	Late   = "late"   // Done, but after its due.
	Missed = "missed" // Not done, and its due has passed.
	Moved  = "moved"  // Another takes its place.
	Open   = "open"   // No due has passed, or none was named.
)

// Commitment is a sentence in which its author promises something.
type Commitment struct {
	Message string
	Span    // Of the sentence.
	Quote   string
	Ours    bool      // Somebody of the company promises.
	Due     time.Time // After which it is late; zero when no date is named.
	Outcome string
	Ended   string // The message that ends it: that it is done, or moves it.
}

// Request is a sentence that asks for something.
type Request struct {
	Message string
	Span
	Quote string
}

// Needle is a word that stands nowhere else.
type Needle struct {
	Word, Message string
	Where         string // body, or the name of the attached file.
}

// Escalation is a conversation that goes wrong, step by step.
type Escalation struct {
	Account string
	Steps   []Step
}

// Step is what a message adds. The signals are those of the starter rules: R1
// follow-ups, R3 a missed promise, R4 an executive, R5 words, R7 more teams.
type Step struct {
	Message string
	Signals []string
	Points  int    // All together, none having decayed.
	Level   string // low, elevated (3), high (6), critical (9).
}

package casework

import (
	"context"
	"iter"
	"net/netip"
	"time"

	"polytrace/archive"
)

// Apply adds to the state what the event at a position of the ledger says.
// An event that it does not know or that does not fit is kept in Unknown.
func (s *State) Apply(at archive.Position, e Event) { panic("not built") }

// State is everything that was decided. Callers do not change what they read.
type State struct{}

func (s *State) User(name string) (User, bool)            { panic("not built") }
func (s *State) Users() []User                            { panic("not built") } // by name
func (s *State) Tokens() []Token                          { panic("not built") }
func (s *State) TokenByHash(archive.Digest) (Token, bool) { panic("not built") } // live ones
func (s *State) Queues() []Queue                          { panic("not built") } // live, by name
func (s *State) QueueByLocal(local string) (Queue, bool)  { panic("not built") } // live; case-insensitive
func (s *State) Case(number int) (Case, bool)             { panic("not built") }
func (s *State) Cases() []Case                            { panic("not built") } // newest change first
func (s *State) CasesCiting(at archive.Address) []int     { panic("not built") }
func (s *State) ShareByHash(archive.Digest) (Share, bool) { panic("not built") } // live or not
func (s *State) Shares() []Share                          { panic("not built") } // newest first

// Ledger is what the Desk needs of the archive.
type Ledger interface {
	Append(context.Context, archive.Stream, archive.Meta, archive.Body) (archive.Meta, error)
	Scan(context.Context, archive.Stream, archive.Position) iter.Seq2[archive.Record, error]
}

// Desk holds the folded state and is the only writer of the ledger.
type Desk struct{}

// OpenDesk folds the ledger.
func OpenDesk(ctx context.Context, l Ledger, now func() time.Time) (*Desk, error) { panic("not built") }

// Read calls f with the present state. f must not keep s beyond the call, but may keep copies of
// what its methods return.
func (d *Desk) Read(f func(s *State)) { panic("not built") }

// Do checks a command against the state, appends its events in the name of
// actor and returns the position of the last of them once it is durable and folded.
func (d *Desk) Do(ctx context.Context, actor string, c Command) (archive.Position, error) {
	panic("not built")
}

// Command is an intention. Check returns the events it makes, or a *Refusal.
type Command interface {
	Check(s *State, now time.Time) ([]Event, error)
}

// Refusal says why a command was not carried out, in words for the person who asked.
type Refusal struct {
	Code  string // invalid, not-found, conflict, gone
	Field string // of the command, when one is to blame
	Text  string
}

func (r *Refusal) Error() string { return r.Text }

// The commands.
type (
	AddUser struct {
		Name, FullName string
		Roles          []Role
		Password       string
	} // Password: PHC string
	SetPassword struct{ Name, Password string }
	DisableUser struct{ Name, Reason string }
	EnableUser  struct{ Name string }
	CreateToken struct {
		Name string
		Role Role
		Hash archive.Digest
	}
	RevokeToken struct{ Name string }
	AddQueue    struct {
		Name, Local, Format string
		Sources             []netip.Prefix
		Class               archive.Stream
	}
	RemoveQueue struct{ Name, Reason string }
	OpenCase    struct {
		Title, Account, Owner string
		Severity              int
		Number                *int
	} // *Number receives the number when not nil
	ChangeCase struct {
		Case           int
		Title, Account *string
		Status         *Status
		Severity       *int
		Reason         string
		Revision       *archive.Position
	}
	AssignCase struct {
		Case          int
		Owner, Reason string
		Revision      *archive.Position
	}
	AddNote struct {
		Case  int
		Text  string
		Cites []int
	}
	Cite struct {
		Case     int
		Citation Citation
	} // ID, By, At are filled
	RemoveCitation struct {
		Case, ID int
		Reason   string
	}
	CreateShare struct {
		Case  int
		Share Share
	} // ID, By, At are filled
	RevokeShare struct {
		Case, ID int
		Reason   string
	}
	OpenShare struct {
		Case, ID int
		IP       string
	} // a guest looked; at most one event an hour for an address
)

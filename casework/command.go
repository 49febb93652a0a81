package casework

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"polytrace/archive"
)

// Actors that are not users. A token acts as TokenActor(name).
const (
	Guest  = "guest"  // who opened a share link
	System = "system" // the appliance itself, and who works on the machine it runs on
)

// TokenActor is the actor of what a token does.
func TokenActor(name string) string { return tokenActor + name }

const (
	tokenActor = "token:"
	roleReader = "role:" // Of QueueTerms.Readers.
)

// Command is an intention. Check returns the event it makes, none when
// nothing would change, or a *Refusal. It changes nothing.
type Command interface {
	Check(s *State, now time.Time) ([]Event, error)
}

// personal is a command whose check asks who gives it.
type personal interface{ by(actor string) Command }

// As is a command that somebody gives, for a check before the Desk carries it out.
func As(actor string, c Command) Command {
	if p, ok := c.(personal); ok {
		return p.by(actor)
	}
	return c
}

// Refusal says why a command was not carried out, in words for the person who asked.
type Refusal struct {
	Code  string // invalid, not-found, conflict, gone, forbidden
	Field string // of the command, when one is to blame
	Text  string
}

func (r *Refusal) Error() string { return r.Text }

// The codes of refusals.
const (
	Invalid  = "invalid"   // It can never be done as asked.
	NotFound = "not-found" // What it is about does not exist.
	Conflict = "conflict"  // It does not go with what is so now.
	Gone     = "gone"      // What it is about existed once.

	Forbidden = "forbidden" // Others may do it.
)

func refuse(code, field, format string, args ...any) error {
	return &Refusal{code, field, fmt.Sprintf(format, args...)}
}

// Limits of what people write.
const (
	maxTitle   = 200    // code points
	maxAccount = 200    // code points
	maxReason  = 1000   // code points
	maxText    = 20_000 // code points of a note or comment
	maxQuote   = 64 << 10
	maxContext = 32 // bytes of Citation.Prefix and Suffix
)

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// checkName refuses what is not a name of a user, token or queue.
func checkName(field, what, name string) error {
	switch {
	case name == "":
		return refuse(Invalid, field, "The %s needs a name.", what)
	case !nameForm.MatchString(name):
		return refuse(Invalid, field, "%q cannot be the name of a %s: use 1 to 64 small letters, digits, dots, dashes and underscores, and begin with a letter or digit.", name, what)
	case name == Guest || name == System:
		return refuse(Invalid, field, "The name %q is taken by the appliance itself. Choose another one.", name)
	}
	return nil
}

// checkLine refuses a text that is too long or does not fit on one line.
func checkLine(field, what, text string, most int) error {
	if err := checkText(field, what, text, most); err != nil {
		return err
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return refuse(Invalid, field, "The %s contains a line break or another control character. Write it on one line.", what)
	}
	return nil
}

// checkText refuses a text that is too long or not UTF-8: what JSON cannot
// hold exactly would come back as something else.
func checkText(field, what, text string, most int) error {
	switch n := utf8.RuneCountInString(text); {
	case !utf8.ValidString(text):
		return refuse(Invalid, field, "The %s is not valid text (UTF-8).", what)
	case n > most:
		return refuse(Invalid, field, "The %s has %d characters; at most %d fit.", what, n, most)
	}
	return nil
}

func checkReason(reason string) error { return checkText("Reason", "reason", reason, maxReason) }

func checkSeverity(severity int) error {
	if severity < 1 || severity > 4 {
		return refuse(Invalid, "Severity", "Severity %d does not exist: choose 1 (worst) to 4.", severity)
	}
	return nil
}

func checkRoles(field string, roles []Role) error {
	if len(roles) == 0 {
		return refuse(Invalid, field, "Choose at least one role.")
	}
	for i, r := range roles {
		if !r.Valid() {
			return refuse(Invalid, field, "%q is not a role: choose from agent, specialist, manager, observer, compliance and admin.", r)
		}
		if slices.Contains(roles[:i], r) {
			return refuse(Invalid, field, "The role %s is named twice.", r)
		}
	}
	return nil
}

// findCase returns a case or the refusal that there is none.
func (s *State) findCase(number int) (*caseFile, error) {
	c := s.file(number)
	if c == nil {
		return nil, refuse(NotFound, "Case", "There is no case C-%d.", number)
	}
	return c, nil
}

// findUser returns a user or the refusal that there is none.
func (s *State) findUser(name string) (*User, error) {
	u := s.users[name]
	if u == nil {
		return nil, refuse(NotFound, "Name", "There is no user %q.", name)
	}
	return u, nil
}

// checkOwner refuses an owner who could not work on the case. Nobody is fine.
func (s *State) checkOwner(name string) error {
	u := s.users[name]
	switch {
	case name == "" || u.may(Role.Works):
		return nil
	case u == nil:
		return refuse(Invalid, "Owner", "There is no user %q who could own the case.", name)
	case u.Disabled:
		return refuse(Conflict, "Owner", "%s cannot own the case because that account is disabled.", s.who(name))
	}
	return refuse(Conflict, "Owner", "%s cannot own the case: an owner needs the role agent, specialist or manager.", s.who(name))
}

// checkRevision refuses to go on when somebody decided something about the
// case after the caller looked at it, and says what and who.
func (s *State) checkRevision(c *caseFile, seen *archive.Position) error {
	if err := checkSeen(c, seen); err != nil || seen == nil || *seen >= c.decided {
		return err
	}
	var since []string
	for _, e := range c.Log {
		if e.Position > *seen && !quiet[e.Type] {
			since = append(since, fmt.Sprintf("%s (%s)", e.Text, e.At.UTC().Format("2 Jan 15:04 UTC")))
		}
	}
	return refuse(Conflict, "Revision", "Case %s was changed after you opened it: %s. Look at it again and repeat your change if it is still right.", c.label(), strings.Join(tail(since, 5), "; "))
}

// checkSeen refuses a revision that a case does not have yet.
func checkSeen(c *caseFile, seen *archive.Position) error {
	if seen != nil && *seen > c.Revision {
		return refuse(Invalid, "Revision", "Case %s has no revision %d yet.", c.label(), *seen)
	}
	return nil
}

// tail returns the last n items and says how many it left out.
func tail(items []string, n int) []string {
	if len(items) <= n {
		return items
	}
	left := len(items) - n
	return append([]string{count(left, "earlier change")}, items[left:]...)
}

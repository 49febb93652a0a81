package casework

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"polytrace/message"
)

// Why somebody has to look at how a message came in. A rule may give other reasons.
const (
	ExceptionUnreadable = "unreadable"                 // It was removed, or its bytes are damaged.
	ExceptionDefective  = "unparseable"                // Words of it may be missing.
	ExceptionClaims     = "claims a case"              // It names a case that does not know its sender.
	ExceptionForged     = "sender not authenticated"   // DMARC or DKIM say that.
	ExceptionEncrypted  = "encrypted"                  // Nobody here can read it.
	ExceptionOversized  = "oversized"                  // Or there is more text in it than is searched.
	ExceptionStranger   = "stranger in a conversation" // It answers mail of a case, from somebody who took no part.
	ExceptionUnknown    = "unknown sender"             // First contact, of no account, and no rule said where it goes.
	ExceptionNoRule     = "no rule matched"
)

// Exceptions lists the reasons that are not of a rule, the one that counts first in front.
func Exceptions() []string {
	return []string{ExceptionUnreadable, ExceptionDefective, ExceptionClaims, ExceptionForged, ExceptionEncrypted, ExceptionOversized, ExceptionStranger, ExceptionUnknown, ExceptionNoRule}
}

// Arrival is a message that came in, with the cases that it may be of. What can be guessed from outside, a number in a
// subject or a subject that is alike, counts only from somebody whom the case knows.
type Arrival struct {
	Facts     *MailFacts
	Direction MailDirection

	Thread       string // ID of its conversation.
	Conversation int    // The case that its conversation is of; 0: of none.
	Own          bool   // That case was opened for the message itself, or cites it: somebody has looked at it.
	Stranger     bool   // Its sender took no part in the conversation before, is not of the account of the case, and not of us.
	Token        int    // The case that a reply line in it names, which nobody can make up; see ReplyLine.
	Named        []int  // Cases that its subject names.
	Known        []int  // Of these, those that know its sender: by their mail or their account.
	Similar      int    // An open case of the same account with a subject alike; see State.Similar.
}

// Placement is which case a message is of.
type Placement struct {
	Case   int    // 0: of none.
	Open   bool   // Then one is opened for it.
	Link   string // Why, in words.
	Claims int    // A case that it names and that does not know its sender.
}

// ownLink is the Link of a message that is Own.
const ownLink = "the case was opened for it, or cites it"

// Place says which case a message is of. Mail of machines and lists, and our own, opens nothing: it is of a case only as its
// conversation is.
func (a Arrival) Place() Placement {
	switch {
	case a.Facts.Unreadable != "":
		return Placement{Open: true, Link: "it cannot be read: " + a.Facts.Unreadable}
	case a.Direction != Inbound:
		return Placement{}
	case a.Conversation != 0 && a.Own:
		return Placement{Case: a.Conversation, Link: ownLink}
	case a.Conversation != 0:
		return Placement{Case: a.Conversation, Link: "it answers mail of the case"}
	case a.Facts.Automatic || a.Facts.List:
		return Placement{}
	case a.Token != 0:
		return Placement{Case: a.Token, Link: "it has the reply line of the case"}
	}
	trusted := !a.Facts.forged()
	for _, n := range a.Named {
		if trusted && slices.Contains(a.Known, n) {
			return Placement{Case: n, Link: fmt.Sprintf("its subject names C-%d, which knows the sender", n)}
		}
	}
	p := Placement{Open: true, Link: "it is of no case"}
	switch {
	case len(a.Named) > 0:
		p.Claims = a.Named[0]
		p.Link = fmt.Sprintf("its subject names C-%d, which does not know the sender", p.Claims)
	case trusted && a.Similar != 0:
		return Placement{Case: a.Similar, Link: "the account wrote with a similar subject lately"}
	}
	return p
}

// forged reports whether somebody else may have written it: what is known of its sender says so.
func (m *MailFacts) forged() bool { return m.DMARC == "fail" || m.DKIM == "fail" && m.DMARC != "pass" }

// exception says why somebody has to look at how a message came in; "" when nobody has to.
func (a Arrival) exception(set RuleSet, p Placement, o Outcome) string {
	m := a.Facts
	largest := set.Largest
	if largest == 0 {
		largest = largestUsual
	}
	switch {
	case m.Unreadable != "":
		return ExceptionUnreadable
	case m.Defective():
		return ExceptionDefective
	case p.Claims != 0:
		return ExceptionClaims
	case m.forged():
		return ExceptionForged
	case m.Encrypted:
		return ExceptionEncrypted
	case m.Cut || m.Size > int64(largest)<<20:
		return ExceptionOversized
	case o.Exception != "":
		return o.Exception
	case p.Case != 0 && a.Conversation == p.Case && a.Stranger && !a.Own:
		return ExceptionStranger
	case !p.Open || o.Team != "" || o.Owner != "":
		return ""
	case m.First && m.Account == "":
		return ExceptionUnknown
	case o.Rule == "" && len(set.Rules) > 0:
		return ExceptionNoRule
	}
	return ""
}

// Standing is what rules change of a case.
type Standing struct {
	Team      string   `json:"team"`
	Owner     string   `json:"owner"`
	Severity  int      `json:"severity"`
	Tags      []string `json:"tags"`
	Muted     bool     `json:"muted"`
	Status    Status   `json:"status"`
	Exception string   `json:"exception"`
}

// standing is what rules could change.
func (c *Case) standing() Standing {
	return Standing{Team: c.Team, Owner: c.Owner, Severity: c.Severity, Tags: copied(c.Tags), Muted: c.Muted, Status: c.Status, Exception: c.Exception()}
}

// after is how a case stands when a message came to it and rules have said what they say; of a new one when it is opened. On a
// case that is there they take away no owner and no team, and severity only gets worse. One that was done is open again,
// unless a machine wrote, or the message was in it when it was done.
func (x Standing) after(a Arrival, open bool, o Outcome, exception string) Standing {
	tags := slices.Compact(slices.Sorted(slices.Values(slices.Concat(x.Tags, o.Tags))))
	x.Tags = copied(tags[:min(len(tags), maxTags)])
	x.Muted = x.Muted || o.Mute
	x.Exception = or(exception, x.Exception)
	switch {
	case open:
		x.Team, x.Owner, x.Severity, x.Status = o.Team, o.Owner, usualSeverity, New
		if o.Severity != 0 {
			x.Severity = o.Severity
		}
		return x
	case x.Team == "" && x.Owner == "":
		x.Team, x.Owner = o.Team, o.Owner
	case x.Owner == "" && (o.Team == "" || o.Team == x.Team):
		x.Owner = o.Owner
	}
	if o.Severity != 0 {
		x.Severity = min(x.Severity, o.Severity)
	}
	if (x.Status == Resolved || x.Status == Closed) && !a.Facts.Automatic && !a.Own {
		x.Status = Open
	}
	return x
}

// similarFor is how long a subject is taken for the same request.
const similarFor = 14 * 24 * time.Hour

// alikeSubjects reports whether two subjects are about the same: but for numbers and the prefixes of answers they are equal, or
// one has at least three words and most of them are in the other.
func alikeSubjects(a, b string) bool {
	x, y := strings.Fields(foldWords(message.BaseSubject(a))), strings.Fields(foldWords(message.BaseSubject(b)))
	if len(x) < 2 || len(y) < 2 {
		return false
	}
	if len(x) > len(y) {
		x, y = y, x
	}
	shared := 0
	for _, word := range x {
		if slices.Contains(y, word) {
			shared++
		}
	}
	return shared == len(x) && len(y) == len(x) || len(x) >= 3 && shared*5 >= len(y)*4
}

// Similar finds the open case of an account with a subject like one, of the last two weeks, the newest first; 0 when there is none.
func (s *State) Similar(account, subject string, at time.Time) int {
	if account == "" {
		return 0
	}
	for _, c := range slices.Backward(s.cases) {
		if at.Sub(c.Opened) > similarFor {
			break
		}
		if c.Into == 0 && c.Kind == Request && c.Status != Resolved && c.Status != Closed && strings.EqualFold(c.Account, account) && alikeSubjects(c.Title, subject) {
			return c.Number
		}
	}
	return 0
}

var (
	caseReference = regexp.MustCompile(`(?i)\[?\bC-(\d{3,9})\b`)
	replyToken    = regexp.MustCompile(`(?i)(?:ref:_c|\+c)(\d{3,9})\.([a-z2-7]{10})`)
)

// NamedCases are the cases that a subject names, as in "[C-104] Pump", that exist; of one that is part of another, that.
func (s *State) NamedCases(subject string) (all []int) {
	for _, m := range caseReference.FindAllStringSubmatch(subject, 10) {
		n, _ := strconv.Atoi(m[1])
		if c := s.file(n); c != nil && !slices.Contains(all, s.root(c).Number) {
			all = append(all, s.root(c).Number)
		}
	}
	return all
}

// ReplyLine is a line that ties an answer to a case even where a mail program strips what ties it to a conversation. It
// cannot be made up without the key of the instance, so that whoever has it was shown it.
func ReplyLine(key []byte, number int) string {
	return "ref:_C" + strconv.Itoa(number) + "." + replySecret(key, number) + "_"
}

// ReplyPart is the same as the end of the local part of an address: "support+c104.7f3k2q…@".
func ReplyPart(key []byte, number int) string {
	return "+c" + strconv.Itoa(number) + "." + replySecret(key, number)
}

// replySecret are 50 bits.
func replySecret(key []byte, number int) string {
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "polytrace reply line of case %d", number)
	return strings.ToLower(base32.StdEncoding.EncodeToString(h.Sum(nil))[:10])
}

// ReplyTo is the case whose reply line or address is in any of some texts; 0 when there is none that is genuine.
func ReplyTo(key []byte, texts ...string) int {
	for _, text := range texts {
		for _, m := range replyToken.FindAllStringSubmatch(text, 50) {
			n, _ := strconv.Atoi(m[1])
			if hmac.Equal([]byte(strings.ToLower(m[2])), []byte(replySecret(key, n))) {
				return n
			}
		}
	}
	return 0
}

// Root is the case that one is part of in the end; itself as a rule, 0 when there is none.
func (s *State) Root(number int) int {
	c := s.file(number)
	if c == nil {
		return 0
	}
	return s.root(c).Number
}

package webui

import (
	"fmt"
	"strings"
	"time"

	"polytrace/index"
	"polytrace/message/auth"
)

// authenticationView is what was found out about who vouched for a message, in
// plain words. It takes no side: a broken signature is the usual work of mail
// servers and lists more often than of a forger.
type authenticationView struct {
	Summary string
	Lines   []authenticationLine
	Keys    []auth.Answer
	Entry   string // Of the log: "facts/17".
	Checked time.Time
}

type authenticationLine struct{ What, Said, Usual string }

// usualReasons says what most often is behind a reason.
var usualReasons = []struct{ reason, usual string }{
	{"the body is not as it was signed", "Mailing lists and mail servers that add a footer, a banner or safe links do that; so does a conversion to or from rich text."},
	{"the signed header fields are not as they were signed", "Mail servers that write header fields anew do that, Exchange among them."},
	{"neither the body nor", "Mail servers that take a message apart and put it together again do that."},
	{"the body is shorter", "Filters that take something off do that."},
	{"the key is gone", "Keys leave DNS when their owner makes new ones; mail that is imported years later meets that."},
	{"the key was withdrawn", "Keys are withdrawn when their owner makes new ones; mail that is imported years later meets that."},
	{"intact, but it had expired", "Mail that is imported long after it was sent meets that."},
}

func usualReason(reason string) string {
	for _, u := range usualReasons {
		if strings.HasPrefix(reason, u.reason) {
			return u.usual
		}
	}
	return ""
}

// authenticationOf says it in words; nil when a message was not examined yet.
func authenticationOf(a *index.Authentication) *authenticationView {
	if a == nil {
		return nil
	}
	r := a.Result
	v := &authenticationView{Summary: authenticationSummary(r), Keys: a.Keys, Entry: a.Facts.String(), Checked: a.Checked}
	add := func(what, said, reason string) {
		if reason != "" {
			said += ": " + reason
		}
		v.Lines = append(v.Lines, authenticationLine{what, said, usualReason(reason)})
	}
	if r.Skipped == "" && len(r.DKIM) == 0 {
		v.Lines = append(v.Lines, authenticationLine{"Signature", "absent", "Usual for mail inside a company, and for copies that are taken before the message is signed."})
	}
	for _, s := range r.DKIM {
		what := "Signature"
		if s.Domain != "" {
			what += " of " + s.Domain
		}
		add(what, statusWords(s.Status), s.Reason)
	}
	if r.More > 0 {
		add("More signatures", Count(r.More, "was not verified", "were not verified"), "")
	}
	if r.ARC != nil {
		add("ARC chain of "+Count(len(r.ARC.Instances), "server", "servers"), statusWords(r.ARC.Status), r.ARC.Reason)
	}
	if r.SPF != nil {
		add("SPF of "+r.SPF.Domain, r.SPF.Status, r.SPF.Reason)
	}
	if r.DMARC != nil {
		said := r.DMARC.Status
		if r.DMARC.Policy != "" {
			said += ", the domain asks for " + r.DMARC.Policy
		}
		add("DMARC of "+r.DMARC.Domain, said, r.DMARC.Reason)
	}
	if c := r.Claimed; c != nil {
		var said []string
		for _, x := range c.Results {
			said = append(said, x.Method+"="+x.Result)
		}
		if c.ReceivedSPF != "" {
			said = append(said, "received-spf="+c.ReceivedSPF)
		}
		who := "Said by " + c.ServID
		if c.ServID == "-" {
			who = "Said by the mail server"
		}
		add(who, strings.Join(said, ", ")+" (copied, not verified here)", "")
	}
	return v
}

func authenticationSummary(r auth.Result) string {
	intact := 0
	for _, s := range r.DKIM {
		if s.Status == auth.Pass || s.Status == auth.Policy {
			intact++
		}
	}
	switch n := len(r.DKIM); {
	case r.Skipped != "":
		return "not looked at: " + r.Skipped
	case n == 0:
		return "not signed"
	case n == 1 && intact == 1:
		return "signature intact"
	case n == 1:
		return "signature " + statusWords(r.DKIM[0].Status)
	default:
		return fmt.Sprintf("%d of %d signatures intact", intact, n)
	}
}

func statusWords(status string) string {
	switch status {
	case auth.Pass:
		return "intact"
	case auth.Policy:
		return "intact with a caveat"
	case auth.Fail:
		return "broken"
	}
	return "could not be verified"
}

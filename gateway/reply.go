package gateway

import (
	"errors"
	"fmt"
	"strings"

	"github.com/emersion/go-smtp"

	"polytrace/archive"
)

// What the connection itself says, before and beside the engine. All other
// replies are made by reply.
const (
	replyGreetFirst         = "503 5.5.1 Say EHLO first"
	replyTLSAlready         = "503 5.5.1 TLS is on already"
	replyNoParameters       = "501 5.5.4 STARTTLS takes no parameters"
	replyStartTLS           = "220 2.0.0 Ready to start TLS"
	replyPlaintextBehindTLS = "501 5.5.1 Nothing may follow STARTTLS before the handshake"
	replyLineTooLong        = "500 5.5.2 Command line too long"
	replyOfferTLS           = "250-STARTTLS"
	replyOfferXClient       = "250-XCLIENT "
	replyOfferXForward      = "250-XFORWARD "
	replyForwarded          = "250 2.0.0 Noted"
	replyInTransaction      = "503 5.5.1 A transaction is open, end it or say RSET"
	replyBadAttribute       = "501 5.5.4 An attribute is unknown or malformed"
	replyBadChunk           = "501 5.5.4 BDAT takes a size, and LAST or nothing"
	replyGivenUp            = "421 4.5.0 The message was given up, begin anew"
	replyStopping           = "421 4.3.2 Shutting down, try again in a minute"
	replyTooBusy            = "421 4.3.2 Too many connections, try again in a minute"
	replyCrowd              = "421 4.7.0 Too many connections from your network, try again later"
	replyOfferRequireTLS    = "250-REQUIRETLS"
)

// By what replies of the engine are recognised on their way out.
const (
	engineGoAhead    = "354 "
	engineTaken      = "250 "
	engineCapability = "250-PIPELINING"
	engineChallenge  = "334 "
	engineTooLarge   = "552 5.3.4 Max message size exceeded" // By what MAIL or BDAT say; the message was not read.
)

// turnAway is what a client hears instead of the greeting.
func turnAway(err error) string {
	if errors.Is(err, errCrowd) {
		return replyCrowd
	}
	return replyTooBusy
}

// greeting is what the engine greets with.
func greeting(hostname string, w way) string {
	if w.lmtp {
		return "220 " + hostname + " LMTP Service Ready"
	}
	return "220 " + hostname + " ESMTP Service Ready"
}

func line(text string) string { return text + "\r\n" }

// Why a transaction is not taken.
var (
	errBusy       = errors.New("too many sessions")
	errCrowd      = errors.New("too many sessions of one network")
	errNeedsTLS   = errors.New("REQUIRETLS was asked for in clear")
	errNestedMail = errors.New("MAIL inside a transaction")
	errNoQueue    = errors.New("no queue with this address")
	errForeign    = errors.New("this address does not take mail from here")
	errNotProven  = errors.New("the client has not shown who it is")
	errQueueTLS   = errors.New("mail in clear")
	errTenant     = errors.New("mail of another organisation")

	errNoAuth        = errors.New("AUTH without TLS, or without any login")
	errAuthInside    = errors.New("AUTH inside a transaction")
	errNoMechanism   = errors.New("mechanism of AUTH is unknown")
	errWrongPassword = errors.New("wrong password")
	errManyFailures  = errors.New("wrong passwords")
	errNobody        = errors.New("the proxy does not know its client's address at the moment")
	errTooLarge      = errors.New("message is larger than the limit")
	errUnanswered    = errors.New("a recipient belongs to no queue")
)

// reply is the one place where an error becomes what the sender hears. What it
// does not know is temporary and says nothing: a sender that tries again loses
// nothing, and a 5xx is final everywhere.
func reply(err error) *smtp.SMTPError {
	switch {
	case errors.Is(err, errNestedMail):
		return &smtp.SMTPError{Code: 503, EnhancedCode: smtp.EnhancedCode{5, 5, 1}, Message: "A transaction is open, end it or say RSET"}
	case errors.Is(err, errNoQueue):
		return &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 1, 1}, Message: "No queue with this address here; keep the message and correct the address"}
	case errors.Is(err, errNeedsTLS):
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 10}, Message: "REQUIRETLS is for sessions with TLS"}
	case errors.Is(err, errForeign):
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "Mail for this address is not taken from here"}
	case errors.Is(err, errNotProven):
		return &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "Mail for this address is taken after AUTH or with a client certificate; keep the message and set that up"}
	case errors.Is(err, errQueueTLS):
		return &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 7, 10}, Message: "Mail for this address is taken over TLS; keep the message and use STARTTLS"}
	case errors.Is(err, errTenant):
		return &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "Mail for this address is taken from other organisations; keep the message and correct the queue"}
	case errors.Is(err, errNoAuth):
		return &smtp.SMTPError{Code: 503, EnhancedCode: smtp.EnhancedCode{5, 5, 1}, Message: "AUTH is not available here"}
	case errors.Is(err, errAuthInside): // RFC 4954 section 4.
		return &smtp.SMTPError{Code: 503, EnhancedCode: smtp.EnhancedCode{5, 5, 1}, Message: "A transaction is open, end it or say RSET"}
	case errors.Is(err, errNoMechanism):
		return &smtp.SMTPError{Code: 504, EnhancedCode: smtp.EnhancedCode{5, 5, 4}, Message: "Use PLAIN or LOGIN"}
	case errors.Is(err, errWrongPassword): // RFC 4954 section 6.
		return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "Wrong name or password"}
	case errors.Is(err, errManyFailures):
		return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 7, 0}, Message: "Too many wrong passwords, try again later"}
	case errors.Is(err, errTooLarge):
		return &smtp.SMTPError{Code: 552, EnhancedCode: smtp.EnhancedCode{5, 3, 4}, Message: "Message too large"}
	case errors.Is(err, archive.ErrFull):
		return &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "Insufficient storage, try again later"}
	}
	return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Not archived, try again later"}
}

// final reports whether a sender should not try again.
func final(err error) bool { return reply(err).Code >= 500 }

// hopReply is what a next hop said, as it came, and whether that is final; ok is
// false when it said nothing.
func hopReply(err error) (text string, isFinal, ok bool) {
	var said *smtp.SMTPError
	if !errors.As(err, &said) {
		return "", false, false
	}
	text = fmt.Sprint(said.Code, " ")
	if c := said.EnhancedCode; c != (smtp.EnhancedCode{}) {
		text += fmt.Sprintf("%d.%d.%d ", c[0], c[1], c[2])
	}
	return text + said.Message, said.Code >= 500, true
}

// hopTaken is the reply by which a next hop has taken a message.
func hopTaken(text string) string { return engineTaken + text }

// receipt is the 250 that a sender can keep as proof: where the message is,
// and what it was.
func receipt(stored []archive.Address, sum archive.Digest) *smtp.SMTPError {
	addresses := make([]string, len(stored))
	for i, at := range stored {
		addresses[i] = at.String()
	}
	text := fmt.Sprintf("archived %s sha256=%s", strings.Join(addresses, " "), sum)
	return &smtp.SMTPError{Code: 250, EnhancedCode: smtp.EnhancedCode{2, 0, 0}, Message: text}
}

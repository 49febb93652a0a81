package casework

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/message"
)

// Commands about queues.
type (
	// AddQueue makes an address that mail servers may send to.
	AddQueue struct {
		Name    string
		Local   string // Local part of its address, with a secret; see NewQueueLocal.
		Format  string // A message.Format…; default message.FormatAuto.
		Sources []netip.Prefix
		Class   archive.Stream // Default archive.Mail.
	}
	// RemoveQueue ends an address. What came in through it stays.
	RemoveQueue struct{ Name, Reason string }
)

// Check refuses formats nobody reads and streams that are not for mail.
func (c AddQueue) Check(s *State, _ time.Time) ([]Event, error) {
	c.Format = or(c.Format, message.FormatAuto)
	c.Class = archive.Stream(or(string(c.Class), string(archive.Mail)))
	for _, err := range []error{s.checkQueueName(c.Name), s.checkLocal(c.Local), checkFormat(c.Format), checkClass(c.Class), checkSources(c.Sources)} {
		if err != nil {
			return nil, err
		}
	}
	return newEvent(QueueAdded, 0, "", QueueAddedData(c))
}

func (s *State) checkQueueName(name string) error {
	if err := checkName("Name", "queue", name); err != nil {
		return err
	}
	if s.queue(name) != nil {
		return refuse(Conflict, "Name", "There is a queue %q already.", name)
	}
	return nil
}

func (s *State) checkLocal(local string) error {
	if !nameForm.MatchString(local) {
		return refuse(Invalid, "Local", "%q cannot stand before the @ of the queue's address: use 1 to 64 small letters, digits, dots, dashes and underscores.", local)
	}
	if q, taken := s.QueueByLocal(local); taken {
		return refuse(Conflict, "Local", "The queue %q has the same address already.", q.Name)
	}
	return nil
}

func checkFormat(format string) error {
	all := message.Formats()
	if slices.Contains(all, format) {
		return nil
	}
	last := len(all) - 1
	return refuse(Invalid, "Format", "%q is not a format: choose %s or %s.", format, strings.Join(all[:last], ", "), all[last])
}

func checkClass(class archive.Stream) error {
	if mailStream(class) {
		return nil
	}
	return refuse(Invalid, "Class", "%q cannot take mail: name a retention class of small letters, digits and dashes, for example mail or mail-legal-10y.", class)
}

// mailStream reports whether a stream is one that mail may go to.
func mailStream(s archive.Stream) bool {
	return s.Valid() && !s.Ours()
}

func checkSources(sources []netip.Prefix) error {
	for i, p := range sources {
		if !p.IsValid() {
			return refuse(Invalid, "Sources", "Source %d is not a network: write one like 192.0.2.0/24 or 2001:db8::/32.", i+1)
		}
		if p != p.Masked() {
			return refuse(Invalid, "Sources", "%s names a machine and a network at once: write %s for the network or %s for the machine.", p, p.Masked(), netip.PrefixFrom(p.Addr(), p.Addr().BitLen()))
		}
		if slices.Contains(sources[:i], p) {
			return refuse(Invalid, "Sources", "%s is named twice.", p)
		}
	}
	return nil
}

// Check refuses a queue that does not exist.
func (c RemoveQueue) Check(s *State, _ time.Time) ([]Event, error) {
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	if s.queue(c.Name) == nil {
		return nil, refuse(NotFound, "Name", "There is no queue %q.", c.Name)
	}
	return newEvent(QueueRemoved, 0, c.Reason, QueueRemovedData{c.Name})
}

// Peers are the networks that a queue takes mail from.
func (q Queue) Peers() []netip.Prefix {
	if len(q.Sources) == 0 {
		return DefaultSources()
	}
	return slices.Clone(q.Sources)
}

// DefaultSources are the peers of a queue that names none: this machine and
// private networks (RFC 1918, RFC 4193).
func DefaultSources() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("127.0.0.0/8"),
		netip.MustParsePrefix("::1/128"),
		netip.MustParsePrefix("10.0.0.0/8"),
		netip.MustParsePrefix("172.16.0.0/12"),
		netip.MustParsePrefix("192.168.0.0/16"),
		netip.MustParsePrefix("fc00::/7"),
	}
}

// secretLetters are those of base32 (RFC 4648 section 6), small.
const secretLetters = "abcdefghijklmnopqrstuvwxyz234567"

// NewQueueLocal makes the local part of a queue's address: the name and five
// characters nobody guesses by chance, e.g. "support-7f3k2".
func NewQueueLocal(name string, random io.Reader) (string, error) {
	var secret [5]byte
	if _, err := io.ReadFull(random, secret[:]); err != nil {
		return "", fmt.Errorf("make the address of queue %s: %w", name, err)
	}
	for i, b := range secret {
		secret[i] = secretLetters[b%32]
	}
	return name + "-" + string(secret[:]), nil
}

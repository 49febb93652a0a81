package casework

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
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
		QueueTerms
	}
	// ChangeQueue says anew all that a queue says, but for its addresses.
	ChangeQueue struct {
		Name    string
		Format  string
		Sources []netip.Prefix
		Class   archive.Stream
		QueueTerms
	}
	// RotateQueue gives a queue a new address. It takes mail at the one before
	// as well, until that is retired.
	RotateQueue struct{ Name, Local string }
	// RetireAddress ends the address that a queue had before.
	RetireAddress struct{ Name string }
	// RemoveQueue ends an address. What came in through it stays.
	RemoveQueue struct{ Name, Reason string }

	// SetLogin makes a credential that mail servers authenticate with, or gives
	// it another password. See NewSecret.
	SetLogin struct {
		Name string
		Hash archive.Digest
	}
	// RemoveLogin ends a credential.
	RemoveLogin struct{ Name string }
	// SetSources gives networks a name, for several queues.
	SetSources struct {
		Name     string
		Networks []netip.Prefix
	}
	// RemoveSources takes a name away; that of a published set means again what
	// was published.
	RemoveSources struct{ Name string }
)

// Check refuses formats nobody reads and streams that are not for mail.
func (c AddQueue) Check(s *State, _ time.Time) ([]Event, error) {
	c.Format = or(c.Format, message.FormatAuto)
	c.Class = archive.Stream(or(string(c.Class), string(archive.Mail)))
	for _, err := range []error{s.checkQueueName(c.Name), s.checkLocal(c.Local), checkFormat(c.Format), checkClass(c.Class), checkSources(c.Sources), s.checkTerms(c.QueueTerms)} {
		if err != nil {
			return nil, err
		}
	}
	return newEvent(QueueAdded, 0, "", QueueAddedData(c))
}

// Check refuses what AddQueue refuses, and does nothing when nothing changes.
func (c ChangeQueue) Check(s *State, _ time.Time) ([]Event, error) {
	q, err := s.findQueue(c.Name)
	if err != nil {
		return nil, err
	}
	for _, err := range []error{checkFormat(c.Format), checkClass(c.Class), checkSources(c.Sources), s.checkTerms(c.QueueTerms)} {
		if err != nil {
			return nil, err
		}
	}
	if reflect.DeepEqual(c, ChangeQueue{q.Name, q.Format, q.Sources, q.Class, q.QueueTerms}) {
		return nil, nil
	}
	return newEvent(QueueChanged, 0, "", QueueChangedData(c))
}

// Check refuses a third address.
func (c RotateQueue) Check(s *State, _ time.Time) ([]Event, error) {
	q, err := s.findQueue(c.Name)
	if err != nil {
		return nil, err
	}
	if q.Previous != "" {
		return nil, refuse(Conflict, "Name", "The queue %q still takes mail at the address %s@… before its present one. Retire that first: mail servers that send to it are refused from then on.", q.Name, q.Previous)
	}
	if err := s.checkLocal(c.Local); err != nil {
		return nil, err
	}
	return newEvent(QueueRotated, 0, "", QueueRotatedData(c))
}

// Check refuses a queue that has one address.
func (c RetireAddress) Check(s *State, _ time.Time) ([]Event, error) {
	q, err := s.findQueue(c.Name)
	if err != nil {
		return nil, err
	}
	if q.Previous == "" {
		return nil, refuse(Conflict, "Name", "The queue %q has one address. Give it a new one first; then the one before can be retired.", q.Name)
	}
	return newEvent(QueueRetired, 0, "", QueueRetiredData(c))
}

func (s *State) findQueue(name string) (*Queue, error) {
	if q := s.queue(name); q != nil {
		return q, nil
	}
	return nil, refuse(NotFound, "Name", "There is no queue %q.", name)
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

// checkTerms refuses what a queue cannot ask for.
func (s *State) checkTerms(t QueueTerms) error {
	for _, name := range t.Sets {
		if _, ok := s.SourceSet(name); !ok {
			return refuse(Invalid, "Sources", "%q is neither a network, like 192.0.2.0/24, nor a set of them. There are %s.", name, s.setNames())
		}
	}
	for _, name := range t.Logins {
		if s.logins[name] == nil {
			return refuse(Invalid, "Logins", "There is no login %q. Make it first; it gets a password for the mail server.", name)
		}
	}
	for _, pin := range t.Certificates {
		if !pinForm.MatchString(pin) && !domainForm.MatchString(pin) {
			return refuse(Invalid, "Certificates", "%q does not name a client's certificate: write sha256: and the 64 hexadecimal digits of its public key, or a DNS name that stands in it.", pin)
		}
	}
	for _, tenant := range t.Tenants {
		if !domainForm.MatchString(tenant) && !guidForm.MatchString(tenant) {
			return refuse(Invalid, "Tenants", "%q does not name an organisation of Microsoft 365: write its domain, like contoso.onmicrosoft.com, or its tenant ID, both in small letters.", tenant)
		}
	}
	if t.Relay != "" {
		if host, port, err := net.SplitHostPort(t.Relay); err != nil || host == "" || port == "" {
			return refuse(Invalid, "Relay", "%q is not where mail can be handed on to: write HOST:PORT, like mail.example.net:25.", t.Relay)
		}
	}
	for _, name := range t.Readers {
		if !s.mayRead(name) {
			return refuse(Invalid, "Readers", "%q cannot read mail: name a user or a token whose role reads, or a role, like role:manager.", name)
		}
	}
	if t.SilenceHours < -1 || t.SilenceHours > 24*366 {
		return refuse(Invalid, "SilenceHours", "An alarm after %d hours is not possible: choose 1 to %d, 0 for what is unusual, or -1 for none.", t.SilenceHours, 24*366)
	}
	for _, list := range [][]string{t.Sets, t.Logins, t.Certificates, t.Tenants, t.Readers} {
		for i, one := range list {
			if slices.Contains(list[:i], one) {
				return refuse(Invalid, "", "%s is named twice.", one)
			}
		}
	}
	return nil
}

// mayRead reports whether a name of QueueTerms.Readers is one who could.
func (s *State) mayRead(name string) bool {
	if role, ok := strings.CutPrefix(name, roleReader); ok {
		return Role(role).Reads()
	}
	if token, ok := strings.CutPrefix(name, tokenActor); ok {
		t := s.tokens[token]
		return t != nil && t.Revoked.IsZero() && t.Role.Reads()
	}
	return s.users[name].may(Role.Reads)
}

var (
	pinForm    = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	guidForm   = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	domainForm = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

func (s *State) setNames() string {
	var names []string
	for _, set := range s.SourceSets() {
		names = append(names, set.Name)
	}
	return enumerate(names)
}

// Check refuses a queue that does not exist.
func (c RemoveQueue) Check(s *State, _ time.Time) ([]Event, error) {
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	if _, err := s.findQueue(c.Name); err != nil {
		return nil, err
	}
	return newEvent(QueueRemoved, 0, c.Reason, QueueRemovedData{c.Name})
}

// Check refuses a credential without a password.
func (c SetLogin) Check(*State, time.Time) ([]Event, error) {
	if err := checkName("Name", "login", c.Name); err != nil {
		return nil, err
	}
	if c.Hash.IsZero() {
		return nil, refuse(Invalid, "Hash", "The login needs a password.")
	}
	return newEvent(LoginSet, 0, "", LoginSetData(c))
}

// Check refuses a credential that a queue asks for: without it, the queue might
// take mail from where nobody wanted it to.
func (c RemoveLogin) Check(s *State, _ time.Time) ([]Event, error) {
	if s.logins[c.Name] == nil {
		return nil, refuse(NotFound, "Name", "There is no login %q.", c.Name)
	}
	for _, q := range s.Queues() {
		if slices.Contains(q.Logins, c.Name) {
			return nil, refuse(Conflict, "Name", "The queue %q takes mail by the login %q. Change the queue first, or give the login another password.", q.Name, c.Name)
		}
	}
	return newEvent(LoginRemoved, 0, "", LoginRemovedData(c))
}

// Check refuses an empty set, and does nothing when nothing changes.
func (c SetSources) Check(s *State, _ time.Time) ([]Event, error) {
	if err := checkName("Name", "set of sources", c.Name); err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(c.Name); err == nil {
		return nil, refuse(Invalid, "Name", "%s is an address, which cannot name a set.", c.Name)
	}
	if len(c.Networks) == 0 {
		return nil, refuse(Invalid, "Networks", "The set %q has no network. Remove it instead.", c.Name)
	}
	if err := checkSources(c.Networks); err != nil {
		return nil, err
	}
	if set, ok := s.SourceSet(c.Name); ok && slices.Equal(set.Networks, c.Networks) {
		return nil, nil
	}
	return newEvent(SourcesSet, 0, "", SourcesSetData(c))
}

// Check refuses to take away what a queue names, unless something was published
// under the name.
func (c RemoveSources) Check(s *State, _ time.Time) ([]Event, error) {
	if s.sets[c.Name] == nil {
		return nil, refuse(NotFound, "Name", "No set of sources %q was made.", c.Name)
	}
	for _, q := range s.Queues() {
		if published[c.Name] == nil && slices.Contains(q.Sets, c.Name) {
			return nil, refuse(Conflict, "Name", "The queue %q takes mail from %q. Change the queue first.", q.Name, c.Name)
		}
	}
	return newEvent(SourcesRemoved, 0, "", SourcesRemovedData(c))
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

// Asks are the terms that are not usual, in words.
func (t QueueTerms) Asks() (all []string) {
	if t.TLS {
		all = append(all, "TLS")
	}
	if len(t.Tenants) > 0 {
		all = append(all, "tenant "+strings.Join(t.Tenants, " or "))
	}
	if t.Gateway {
		all = append(all, "SPF and DMARC")
	}
	if t.Relay != "" {
		all = append(all, "relay to "+t.Relay)
	}
	if len(t.Readers) > 0 {
		all = append(all, "read by "+strings.Join(t.Readers, ", "))
	}
	switch {
	case t.SilenceHours > 0:
		all = append(all, "alarm after "+strconv.Itoa(t.SilenceHours)+"h of silence")
	case t.SilenceHours < 0:
		all = append(all, "no alarm at silence")
	}
	return all
}

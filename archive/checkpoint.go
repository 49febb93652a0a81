package archive

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Checkpoint is a signed statement about the first Size records of a stream,
// as C2SP tlog-checkpoint defines it, with lines of our own behind the root:
//
//	polytrace-5a1c09d2e877/mail
//	1042
//	CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//	time 2026-11-03T09:05:00Z
//	after 00000000000000000990 77e1…04bd
//	pack 00000000000000000000.tar.zst 1042 1834992 e0d2…9f36
//	seen ledger 88 4N1bN3z…
//
//	— polytrace-5a1c09d2e877 Az3grlgt…
//
// The after line has the name of the checkpoint before it and the SHA-256 of that
// note, so that none can be taken out. A pack line tells records, size and SHA-256 of an object, for each pack that
// was put into the bucket since the last checkpoint. A seen line repeats the
// last checkpoint of another stream, so that no stream can be taken back to
// an older state by itself. When packs were written anew, the checkpoint that
// tells of them is about as many records as the one before it, and has a line
// "again 1"; so has the one that tells of a time stamp, and the first one of
// another key. A timestamp line tells the object in timestamps/ that holds the
// time stamp of an earlier checkpoint of the stream, and its SHA-256.
type Checkpoint struct {
	Origin string
	Size   Position
	Root   Digest
	Again  int // How many checkpoints over the same records came before it.
	Time   time.Time
	After  Link       // Name, behind checkpoints/<stream>/, and SHA-256 of the one before; zero: none.
	Packs  []packLine // First, Generation, Age, Records, Size and SHA256.
	Seen   []Seen
	Stamps []Link
}

// Link names an object of the log: a checkpoint, or a time stamp of one.
type Link struct {
	Name   string // Behind the stream.
	SHA256 Digest
}

// Seen is the last checkpoint of another stream.
type Seen struct {
	Stream Stream
	Size   Position
	Root   Digest
}

// Stream is whose records the checkpoint is about.
func (c *Checkpoint) Stream() Stream {
	_, s, _ := strings.Cut(c.Origin, "/")
	return Stream(s)
}

func (c *Checkpoint) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%d\n%s\n", c.Origin, uint64(c.Size), base64.StdEncoding.EncodeToString(c.Root[:]))
	if c.Again > 0 {
		fmt.Fprintf(&b, "again %d\n", c.Again)
	}
	fmt.Fprintf(&b, "time %s\n", c.Time.UTC().Format(time.RFC3339))
	if c.After.Name != "" {
		fmt.Fprintf(&b, "after %s %s\n", c.After.Name, c.After.SHA256)
	}
	for _, l := range c.Packs {
		fmt.Fprintf(&b, "pack %s %d %d %s\n", formatPackName(l.First, form{l.Generation, l.Age}), l.Records, l.Size, l.SHA256)
	}
	for _, s := range c.Seen {
		fmt.Fprintf(&b, "seen %s %d %s\n", s.Stream, uint64(s.Size), base64.StdEncoding.EncodeToString(s.Root[:]))
	}
	for _, s := range c.Stamps {
		fmt.Fprintf(&b, "timestamp %s %s\n", s.Name, s.SHA256)
	}
	return b.String()
}

// parseCheckpoint reads the text of a checkpoint. Lines of kinds that it does
// not know are passed over: a newer program wrote them.
func parseCheckpoint(text string) (c Checkpoint, err error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 3 {
		return c, errors.New("checkpoint has no root")
	}
	c.Origin = lines[0]
	size, err1 := strconv.ParseUint(lines[1], 10, 63)
	root, err2 := parseRoot(lines[2])
	if err1 != nil || err2 != nil || !c.Stream().Valid() {
		return c, fmt.Errorf("checkpoint cannot be read: %w", errors.Join(err1, err2))
	}
	c.Size, c.Root = Position(size), root
	for _, line := range lines[3:] {
		if err := c.parseLine(strings.Split(line, " ")); err != nil {
			return c, fmt.Errorf("checkpoint has a line %q: %w", line, err)
		}
	}
	return c, nil
}

func (c *Checkpoint) parseLine(f []string) (err error) {
	switch {
	case f[0] == "time" && len(f) == 2:
		c.Time, err = time.Parse(time.RFC3339, f[1])
	case f[0] == "again" && len(f) == 2:
		c.Again, err = strconv.Atoi(f[1])
	case f[0] == "pack" && len(f) == 5:
		var l packLine
		var as form
		var ok bool
		var err1, err2, err3 error
		l.First, as, ok = parsePackName(f[1])
		l.Generation, l.Age = as.generation, as.age
		l.Records, err1 = strconv.Atoi(f[2])
		l.Size, err2 = strconv.ParseInt(f[3], 10, 64)
		l.SHA256, err3 = ParseDigest(f[4])
		if err = errors.Join(err1, err2, err3); err == nil && (!ok || l.Records < 1) {
			err = errors.New("it names no pack")
		}
		c.Packs = append(c.Packs, l)
	case f[0] == "seen" && len(f) == 4:
		size, err1 := strconv.ParseUint(f[2], 10, 63)
		root, err2 := parseRoot(f[3])
		c.Seen = append(c.Seen, Seen{Stream(f[1]), Position(size), root})
		err = errors.Join(err1, err2)
	case f[0] == "after" && len(f) == 3:
		c.After.Name = f[1]
		c.After.SHA256, err = ParseDigest(f[2])
	case f[0] == "timestamp" && len(f) == 3:
		var sum Digest
		sum, err = ParseDigest(f[2])
		c.Stamps = append(c.Stamps, Link{f[1], sum})
	}
	return err
}

func parseRoot(s string) (Digest, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) != len(Digest{}) {
		return Digest{}, fmt.Errorf("%q is not a hash of 32 bytes in base64", s)
	}
	return Digest(raw), nil
}

// signer signs checkpoints and exports with the key of the archive.
type signer struct {
	note.Signer
	public string // As a verifier key.
}

const signingName = "signing.key"

// readSigner reads the key, and makes it when there is none: at the first
// start, or after a restore without it.
func (a *Archive) readSigner() error {
	raw, err := readWhole(a.disk, signingName)
	if errors.Is(err, fs.ErrNotExist) {
		raw, err = a.makeSigner()
	}
	if err != nil {
		return fmt.Errorf("signing key: %w", err)
	}
	secret, public, _ := strings.Cut(strings.TrimSpace(string(raw)), "\n")
	s, err := note.NewSigner(secret)
	if err != nil {
		return fmt.Errorf("%s cannot be read (%w); restore it from a backup, or remove it to have a new one made", a.disk.Describe(signingName), err)
	}
	a.signer = &signer{s, public}
	if v, err := note.NewVerifier(public); err != nil || v.Name() != s.Name() || v.KeyHash() != s.KeyHash() {
		return fmt.Errorf("%s: the second line is not the public half of the first; restore the file from a backup", a.disk.Describe(signingName))
	}
	return nil
}

func (a *Archive) makeSigner() ([]byte, error) {
	var id [6]byte
	rand.Read(id[:])
	secret, public, err := note.GenerateKey(rand.Reader, "polytrace-"+hex.EncodeToString(id[:]))
	if err != nil {
		return nil, err
	}
	raw := []byte(secret + "\n" + public + "\n")
	a.log.Info("signing key made", "public", public)
	return raw, writeWhole(a.disk, ".", signingName, raw)
}

// IsKey tells whether a text has the form of a PublicKey.
func IsKey(text string) bool {
	_, err := note.NewVerifier(text)
	return err == nil
}

// PublicKey is the key that checkpoints are signed with, as a verifier key of
// C2SP signed notes: NAME+HASH+KEY.
func (a *Archive) PublicKey() string { return a.signer.public }

// Sign returns text, which ends in a line break, as a note signed with the key
// of PublicKey.
func (a *Archive) Sign(text string) (string, error) {
	signed, err := note.Sign(&note.Note{Text: text}, a.signer)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return string(signed), nil
}

// CheckNote checks a note signed by Sign and returns its text. Only the very
// bytes that Sign returns will do.
func CheckNote(signed, key string) (text string, err error) {
	v, err := note.NewVerifier(key)
	if err != nil {
		return "", fmt.Errorf("public key %q: %w", key, err)
	}
	n, err := note.Open([]byte(signed), note.VerifierList(v))
	if err != nil {
		return "", fmt.Errorf("signature: %w", err)
	}
	// A note may have more signatures, and base64 bits that mean nothing: both
	// are bytes that nobody signed.
	sig := n.Sigs[0]
	if again := n.Text + "\n— " + sig.Name + " " + sig.Base64 + "\n"; again != signed || !canonical(sig.Base64) {
		return "", errors.New("signature: there is something beside the signed text and one signature")
	}
	return n.Text, nil
}

func canonical(text string) bool {
	_, err := base64.StdEncoding.Strict().DecodeString(text)
	return err == nil
}

// openCheckpoint checks a signed checkpoint.
func openCheckpoint(signed, key string) (Checkpoint, error) {
	text, err := CheckNote(signed, key)
	if err != nil {
		return Checkpoint{}, err
	}
	c, err := parseCheckpoint(text)
	if err == nil && !strings.HasPrefix(c.Origin, keyName(key)+"/") {
		err = fmt.Errorf("checkpoint of %s is signed by %s", c.Origin, keyName(key))
	}
	return c, err
}

// keyName is the name in a verifier key.
func keyName(key string) string {
	name, _, _ := strings.Cut(key, "+")
	return name
}

// latest is the last checkpoint of a stream.
type latest struct {
	Checkpoint
	signed string
}

func (s *stream) checkpointName() string { return s.name.dir() + "/checkpoint" }

// readCheckpoint reads the last checkpoint that was put into the bucket from
// here. Without it the bucket is asked before the next one.
func (s *stream) readCheckpoint() error {
	raw, err := readWhole(s.a.disk, s.checkpointName())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	// Another key may have signed it before a restore; only the contents matter here.
	text, _, _ := bytes.Cut(raw, []byte("\n\n"))
	c, err := parseCheckpoint(string(text) + "\n")
	if err != nil {
		return fmt.Errorf("%s: %w; remove the file, the bucket has it too", s.a.disk.Describe(s.checkpointName()), err)
	}
	s.proven = &latest{c, string(raw)}
	return nil
}

// seen are the last checkpoints of the other streams.
func (a *Archive) seen(but Stream) (seen []Seen) {
	for _, s := range a.all() {
		if p := s.lastProven(); p != nil && s.name != but {
			seen = append(seen, Seen{s.name, p.Size, p.Root})
		}
	}
	slices.SortFunc(seen, func(x, y Seen) int { return strings.Compare(string(x.Stream), string(y.Stream)) })
	return seen
}

func (s *stream) lastProven() *latest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proven
}

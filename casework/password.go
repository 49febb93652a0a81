package casework

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// Cost of a password's hash: what OWASP's Password Storage Cheat Sheet asks of
// Argon2id at least. One check takes 19 MiB and some 20 ms of a core.
const (
	hashMemory  = 19 * 1024 // KiB
	hashTime    = 2
	hashThreads = 1
	hashLen     = 32
	saltLen     = 16 // bytes; RFC 9106 section 3.1
)

// Limits of a password.
const (
	MinPassword = 12   // code points
	MaxPassword = 1024 // bytes
)

// ErrPassword is wrapped by the errors of HashPassword; their texts are for
// people.
var ErrPassword = errors.New("unusable password")

type passwordError string

func (e passwordError) Error() string { return string(e) }
func (passwordError) Unwrap() error   { return ErrPassword }

// HashPassword hashes a password with Argon2id (RFC 9106) in PHC string
// format. The salt is 16 bytes or more that were never used before; see
// NewPassword.
func HashPassword(password string, salt []byte) (string, error) {
	switch {
	case !utf8.ValidString(password):
		return "", passwordError("The password is not valid text (UTF-8).")
	case utf8.RuneCountInString(password) < MinPassword:
		return "", passwordError(fmt.Sprintf("The password is too short: use at least %d characters. A few words in a row are easy to remember.", MinPassword))
	case len(password) > MaxPassword:
		return "", passwordError(fmt.Sprintf("The password is too long: at most %d bytes fit.", MaxPassword))
	case len(salt) < saltLen:
		return "", fmt.Errorf("hash password: salt has %d bytes, want %d or more", len(salt), saltLen)
	}
	h := passwordHash{hashMemory, hashTime, hashThreads, salt, nil}
	h.sum = h.of(password, hashLen)
	return h.String(), nil
}

// CheckPassword reports whether a hash was made of that password. It takes as
// long for a hash that is empty or broken, so that nobody learns from the time
// which users exist.
func CheckPassword(phc, password string) bool {
	h, err := parseHash(phc)
	if err != nil {
		h = passwordHash{hashMemory, hashTime, hashThreads, make([]byte, saltLen), make([]byte, hashLen)}
	}
	if len(password) > MaxPassword {
		return false
	}
	same := subtle.ConstantTimeCompare(h.of(password, uint32(len(h.sum))), h.sum) == 1
	return same && err == nil
}

// validHash reports whether CheckPassword could ever accept the string.
func validHash(phc string) bool {
	_, err := parseHash(phc)
	return err == nil
}

// passwordHash is a PHC string:
//
//	$argon2id$v=19$m=19456,t=2,p=1$<salt>$<sum>
//
// with salt and sum in base64 without padding.
type passwordHash struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
	salt    []byte
	sum     []byte
}

func (h passwordHash) String() string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads, b64(h.salt), b64(h.sum))
}

// of hashes a password. It is brought to NFC first, because keyboards differ
// in how they write an accent (RFC 8265 section 4.2).
func (h passwordHash) of(password string, n uint32) []byte {
	return argon2.IDKey(norm.NFC.Bytes([]byte(password)), h.salt, h.time, h.memory, h.threads, n)
}

// parseHash reads a PHC string and bounds what checking it would cost.
func parseHash(phc string) (passwordHash, error) {
	var h passwordHash
	fields := strings.Split(phc, "$")
	if len(fields) != 6 || fields[0] != "" || fields[1] != "argon2id" {
		return h, errors.New("not an Argon2id hash")
	}
	var version int
	_, errVersion := fmt.Sscanf(fields[2], "v=%d", &version)
	_, errCost := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads)
	salt, errSalt := base64.RawStdEncoding.DecodeString(fields[4])
	sum, errSum := base64.RawStdEncoding.DecodeString(fields[5])
	if err := errors.Join(errVersion, errCost, errSalt, errSum); err != nil {
		return h, fmt.Errorf("read Argon2id hash: %w", err)
	}
	h.salt, h.sum = salt, sum
	if version != argon2.Version || !h.bearable() {
		return h, errors.New("read Argon2id hash: unknown version or cost")
	}
	return h, nil
}

// bearable reports whether the cost is within 8 KiB to 1 GiB and 1 to 16
// passes: neither worthless nor a way to stop the machine.
func (h passwordHash) bearable() bool {
	return h.memory >= 8 && h.memory <= 1<<20 && h.time >= 1 && h.time <= 16 &&
		h.threads >= 1 && h.threads <= 16 && len(h.salt) >= 8 && len(h.salt) <= 64 && len(h.sum) >= 16 && len(h.sum) <= 64
}

package casework

import (
	"crypto/rand"
	"crypto/sha256"

	"polytrace/archive"
)

// The only place of the package that asks for randomness. What it returns
// reaches the state through events, as any other fact.

// NewPassword hashes a password with a new salt. Its error is for people; it
// wraps ErrPassword.
func NewPassword(password string) (string, error) {
	salt := make([]byte, saltLen)
	rand.Read(salt) // Never fails: it ends the process instead.
	return HashPassword(password, salt)
}

// NewSecret makes a password, or the secret of a token or a link: 26 letters
// and digits (base32 of RFC 4648), which is 130 random bits. It may stand in a
// URL, is one word to a double click, and never begins with a hyphen, which a
// command would take for an option.
func NewSecret() string { return rand.Text() }

// SecretHash is what is kept of a secret. It needs no salt and no cost, since
// a secret of 130 random bits cannot be guessed.
func SecretHash(secret string) archive.Digest { return sha256.Sum256([]byte(secret)) }

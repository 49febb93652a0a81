package casework

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"

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

// NewSecret makes the secret of a token or a share link: 32 random bytes in
// 43 characters that may stand in a URL.
func NewSecret() string {
	secret := make([]byte, 32)
	rand.Read(secret) // Never fails: it ends the process instead.
	return base64.RawURLEncoding.EncodeToString(secret)
}

// SecretHash is what is kept of a secret. It needs no salt and no cost, since
// a secret of 256 random bits cannot be guessed.
func SecretHash(secret string) archive.Digest { return sha256.Sum256([]byte(secret)) }

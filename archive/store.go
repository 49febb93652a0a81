package archive

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

// Store is a bucket: an object store in which an object is created once and
// never changed. dirstore and s3store implement it; archivetest checks both.
// Keys are relative, with '/' between parts, of the characters a-z A-Z 0-9
// and . _ - only.
type Store interface {
	// Create writes a new object and returns when it is durable. The store
	// checks what it received against sum. ErrExists means that the key is
	// taken and nothing was written.
	Create(ctx context.Context, key string, body Body, sum Digest) error
	// Open returns n bytes from off of an object, or all that follows when n
	// is negative. ErrNoObject when there is none.
	Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error)
	// Stat describes an object. ErrNoObject when there is none.
	Stat(ctx context.Context, key string) (Object, error)
	// List yields the objects whose keys begin with prefix, in order of keys.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]
	// String names the bucket for people: its URL without credentials.
	String() string
}

// Object describes an object in a bucket.
type Object struct {
	Key     string
	Size    int64
	SHA256  Digest // Zero where the store does not tell (List).
	Created time.Time
}

// Errors of a Store that callers branch on. Any other error is temporary: the
// archive tries again.
var (
	ErrExists   = errors.New("object exists")
	ErrNoObject = errors.New("no such object")
	ErrDenied   = errors.New("bucket refused the credentials")
)

package archive

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

// Store is a bucket: an object store in which an object is created once, never
// changed, and deleted when nothing keeps it any more. dirstore and s3store
// implement it; archivetest checks both.
// Keys are relative, with '/' between parts, of the characters a-z A-Z 0-9
// and . _ - only.
type Store interface {
	// Create writes a new object and returns when it is durable. The store
	// checks what it received against sum. ErrExists means that the key is
	// taken and nothing was written. ErrNoLock: the store cannot keep the lock.
	Create(ctx context.Context, key string, body Body, sum Digest, lock Lock) error
	// Open returns n bytes from off of an object, or all that follows when n
	// is negative. ErrNoObject when there is none.
	Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error)
	// Stat describes an object. ErrNoObject when there is none.
	Stat(ctx context.Context, key string) (Object, error)
	// List yields the objects whose keys begin with prefix, in order of keys.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]
	// Delete removes an object for good, with all its versions; nil when there
	// is none. ErrRetained: a lock or a legal hold keeps it.
	Delete(ctx context.Context, key string) error
	// Protect changes the lock of an object: Until can only become later, Hold
	// is set or lifted. ErrNoLock where the store has no locks.
	Protect(ctx context.Context, key string, lock Lock) error
	// ProveLock finds out whether the bucket keeps what is locked: it puts an
	// object, tries to delete it and expects a refusal. ErrNoLock, with words
	// for the administrator, when it does not.
	ProveLock(ctx context.Context, mode LockMode) error
	// String names the bucket for people: its URL without credentials.
	String() string
}

// Object describes an object in a bucket.
type Object struct {
	Key     string
	Size    int64
	SHA256  Digest // Zero where the store does not tell (List).
	Created time.Time
	Lock    Lock // Zero where the store does not tell (List), or has no locks.
}

// Lock is what keeps an object from being deleted, also by those who have the
// bucket's credentials (S3 Object Lock).
type Lock struct {
	Mode  LockMode  `json:"mode,omitempty"`
	Until time.Time `json:"until,omitzero"` // End of the retention; with a Mode only.
	Hold  bool      `json:"hold,omitempty"` // Legal hold: nothing goes, whatever Until says.
}

// LockMode is how strong a retention is.
type LockMode string

// The modes of S3 Object Lock.
const (
	Unlocked   LockMode = ""
	Governance LockMode = "governance" // Who has a special right may delete all the same.
	Compliance LockMode = "compliance" // Nobody may.
)

// IsZero reports whether nothing keeps the object.
func (l Lock) IsZero() bool { return l == Lock{} }

// Errors of a Store that callers branch on. Any other error is temporary: the
// archive tries again.
var (
	ErrExists   = errors.New("object exists")
	ErrNoObject = errors.New("no such object")
	ErrDenied   = errors.New("bucket refused the credentials")
	ErrRetained = errors.New("object is under retention or legal hold")
	ErrNoLock   = errors.New("bucket has no object lock")
)

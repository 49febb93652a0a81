// Package archive keeps every record the appliance has accepted, in the order
// it was accepted, for as long as the retention policy says.
//
// Append returns only after the record would survive a power cut. Everything
// else in the appliance can be deleted and rebuilt from the packs.
//
// The archive's part of the data directory:
//
//	lock                      held by the process that has the archive open
//	archive.json              which bucket it belongs to, the key of its marks
//	signing.key               signs checkpoints and exports
//	streams/mail/
//	  packs.jsonl             sealed packs, and which are in the bucket
//	  tree                    Merkle tree over the sealed records
//	  checkpoint              the last one that was put into the bucket
//	  <position>.tar.zst      sealed packs: not uploaded yet, or cached
//	  <position>.tar          packs that are full, and the open one
//	damaged/                  what recovery set aside, and notes that say why
//
// and the bucket:
//
//	packs/mail/<position>.tar.zst
//	leaves/mail/<position>          hashes of the records from there on
//	checkpoints/mail/<size>         signed roots of the Merkle tree
//	keys/<name>                     public key of the checkpoints
//
// where <position> is that of the pack's first record, in 20 digits.
// FORMAT.md describes packs so that they can be read without this program.
//
// A record's way: Append queues it, one goroutine for each stream writes all
// that is queued to the open pack and syncs it once (append.go). Run seals
// what is full or old (seal.go), puts it in the bucket (upload.go), and makes
// room when the cache is full. Open finds out what a crash left (recover.go,
// survey.go). Restore does the same from the bucket alone. What is in the
// bucket enters the Merkle log (tree.go, prove.go) and can be proven from then
// on (proof.go).
package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/singleflight"
)

// Config says how an archive is kept. The zero value of a field means its
// default.
type Config struct {
	Store     Store         // The bucket; required.
	PackSize  int64         // Seal an open pack at this many bytes; default 64 MiB.
	PackAge   time.Duration // Seal an open pack this long after its first record; default 5 minutes.
	LedgerAge time.Duration // The same for the ledger; default 2 seconds.
	CacheSize int64         // Bytes of uploaded packs kept on local disk; default 4 GiB.
	Reserve   int64         // Refuse to append (ErrFull) when the disk has less free, but to the stream Audit; default 512 MiB.
	Log       *slog.Logger  // Default: discard.

	Acknowledge Acknowledge   // When Append returns; default OnDisk.
	Patience    time.Duration // With InBucket: how long Append waits for the bucket; default 1 minute.

	Follow bool // Read what another machine puts into the bucket, and take nothing.

	Recipients []age.Recipient // Encrypt sealed packs to them; default: packs are not encrypted.
	Identities []age.Identity  // Open encrypted packs with them. Without one that fits, mail is taken and cannot be read.

	Urgent func(time.Time) bool // Whether there is a burst; then full packs wait to be sealed, for ten seconds at a time, unless Append waits for the bucket. Default: never.

	ColdAge time.Duration // Merge packs whose newest record is older; default 30 days.

	// Stamp returns an RFC 3161 time stamp of a SHA-256, as a TimeStampResp in DER. Default: there are no time stamps.
	Stamp      func(context.Context, Digest) ([]byte, error)
	StampEvery time.Duration // How often a stream is time-stamped while records come in; default 1 hour.

	Lock    func(PackInfo) Lock // What keeps a pack in the bucket; asked when it is put there and whenever Relock is called. Default: nothing.
	Removed func(Address) bool  // Whether it was decided to remove a record; asked before another one relies on its body. Default: none was.
	Held    func(Address) bool  // Whether a record is under hold; asked before it is removed. Default: none is.

	small int64 // Bodies up to so many bytes are copied, larger ones streamed; default smallBody. Tests need less.
}

func (c Config) withDefaults() (Config, error) {
	if c.Store == nil {
		return c, errors.New("no bucket was given")
	}
	if c.Acknowledge == InBucket {
		c.Urgent = nil
	}
	setDefault(&c.PackSize, 64<<20)
	setDefault(&c.PackAge, 5*time.Minute)
	setDefault(&c.LedgerAge, 2*time.Second)
	setDefault(&c.CacheSize, 4<<30)
	setDefault(&c.Reserve, 512<<20)
	setDefault(&c.small, smallBody)
	setDefault(&c.Patience, time.Minute)
	setDefault(&c.StampEvery, time.Hour)
	setDefault(&c.ColdAge, 30*24*time.Hour)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

func setDefault[T int64 | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// Acknowledge says when a record counts as stored.
type Acknowledge int

// What Append waits for.
const (
	OnDisk   Acknowledge = iota // The record is synced to the local disk.
	InBucket                    // Its pack, and all before it, are in the bucket too, but for the stream Audit. Run has to run.
)

// age is how old an open pack of a stream may get.
func (c *Config) age(s Stream) time.Duration {
	if s == Ledger {
		return c.LedgerAge
	}
	return c.PackAge
}

// ErrClosed is returned by an archive that was closed.
var ErrClosed = errors.New("archive is closed")

// Archive is a data directory opened for reading and appending.
type Archive struct {
	config Config
	disk   disk
	store  Store
	log    *slog.Logger
	lock   io.Closer
	key    []byte // Of the marks.
	space  *space
	sealer *sealer
	signer *signer
	keyPut atomic.Bool // The public key is in the bucket.

	opened  *lru[packKey, *openedPack]
	frames  *lru[frameKey, *cachedFrame]
	spare   sync.Pool // of *cachedFrame that nobody uses.
	fetches singleflight.Group
	uploads chan struct{} // Holds a token for each upload under way.
	wake    chan struct{} // Tells Run that there may be work.

	ctx     context.Context // Ends with Close.
	cancel  context.CancelFunc
	writers sync.WaitGroup // writeLoops.
	others  sync.WaitGroup // Run, Flush and fetches.

	mu      sync.Mutex // Guards what follows.
	streams map[Stream]*stream
	broken  error
	damage  []string

	followed  error  // Of the last look into the bucket, when following.
	lastDrift *Drift // What Examine found last.

	clock  int64 // Counts uses of packs.
	closed bool
}

// Open opens the archive in dir, creating it when it is empty or absent. It
// fails with ErrLocked when another process has it, ErrForeign when dir is
// new and the bucket is not. A bucket that does not answer is an error only
// when dir is new.
func Open(ctx context.Context, dir string, c Config) (*Archive, error) {
	d, err := openDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	return openOn(ctx, d, c)
}

func openDir(dir string) (disk, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	return osDisk{root}, makeDirs(root)
}

func openOn(ctx context.Context, d disk, c Config) (*Archive, error) {
	a, err := newArchive(d, c)
	if err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open archive: %w", err), a.Close())
	}
	return a, nil
}

// newArchive takes the lock and reads nothing yet.
func newArchive(d disk, c Config) (*Archive, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	unzip, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxManifest))
	if err != nil {
		return nil, err
	}
	sealer, err := newSealer(frameSize, zstd.SpeedDefault, unzip)
	if err != nil {
		return nil, err
	}
	lock, err := d.Lock("lock")
	if err != nil {
		return nil, err
	}
	a := &Archive{
		config: c, disk: d, store: c.Store, log: c.Log, lock: lock,
		space: &space{disk: d, reserve: c.Reserve}, sealer: sealer,
		opened:  newLRU[packKey](32, (*openedPack).close),
		frames:  newLRU[frameKey](16<<20, (*cachedFrame).release),
		uploads: make(chan struct{}, 2*inFlight), wake: make(chan struct{}, 1),
		streams: map[Stream]*stream{},
	}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a, nil
}

// Close seals nothing and loses nothing; the next Open goes on. It waits for
// appends, and for Run.
func (a *Archive) Close() error {
	if !a.shut() {
		return nil
	}
	streams := a.all()
	for _, s := range streams {
		s.close()
	}
	a.writers.Wait()
	a.cancel()
	a.others.Wait()
	var errs []error
	for _, s := range streams {
		errs = append(errs, s.closeFiles())
	}
	a.opened.removeIf(func(packKey) bool { return true })
	a.frames.removeIf(func(frameKey) bool { return true })
	errs = append(errs, a.sealer.zip.Close())
	a.sealer.unzip.Close()
	if err := errors.Join(append(errs, a.lock.Close())...); err != nil {
		return fmt.Errorf("close archive: %w", err)
	}
	return nil
}

// shut lets nothing begin any more; false when it was shut before.
func (a *Archive) shut() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	was := a.closed
	a.closed = true
	return !was
}

func (s *stream) closeFiles() error {
	var errs []error
	for _, p := range s.packs {
		if p.tar != nil {
			errs = append(errs, p.tar.release())
		}
	}
	if s.log != nil {
		errs = append(errs, s.log.f.Close())
	}
	if s.tree != nil {
		errs = append(errs, s.tree.f.Close())
	}
	return errors.Join(errs...)
}

// begin counts a piece of work that Close waits for.
func (a *Archive) begin() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return ErrClosed
	}
	a.others.Add(1)
	return nil
}

// streamFor returns a stream, a new one that has nothing on disk yet when it
// does not exist.
func (a *Archive) streamFor(name Stream) (*stream, error) {
	if !name.Valid() {
		return nil, fmt.Errorf("%q is not the name of a stream", name)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, ErrClosed
	}
	s := a.streams[name]
	if s == nil {
		s = a.newStream(name)
		a.streams[name] = s
	}
	return s, nil
}

// lookup returns a stream, nil when it does not exist.
func (a *Archive) lookup(name Stream) *stream {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.streams[name]
}

// all returns the streams in order of names.
func (a *Archive) all() []*stream {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make([]*stream, 0, len(a.streams))
	for _, s := range a.streams {
		all = append(all, s)
	}
	slices.SortFunc(all, func(x, y *stream) int {
		if x.name < y.name {
			return -1
		}
		return 1
	})
	return all
}

// brokenErr is the error of every append after the first failed one.
func (a *Archive) brokenErr() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.broken == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrBroken, a.broken)
}

// breakDown stops all appending: what is on disk is not known any more, and a
// second sync that succeeds would not tell.
func (a *Archive) breakDown(cause error) error {
	a.mu.Lock()
	if a.broken == nil {
		a.broken = cause
	}
	a.mu.Unlock()
	a.log.Error("archive stopped writing", "cause", cause)
	return a.brokenErr()
}

// poke tells Run to look for work.
func (a *Archive) poke() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// Wait returns when s has a record at position p, or with the cause of ctx's
// end; with ErrClosed when the archive is closed before.
func (a *Archive) Wait(ctx context.Context, s Stream, p Position) error {
	stream, err := a.streamFor(s)
	if err == nil {
		err = stream.wait(ctx, p)
	}
	if err != nil {
		return fmt.Errorf("wait for %s: %w", Address{s, p}, err)
	}
	return nil
}

// Next is the position that the next record of s will have.
func (a *Archive) Next(s Stream) Position {
	if stream := a.lookup(s); stream != nil {
		return stream.Next()
	}
	return 0
}

// Streams lists the streams that have records, in order of names.
func (a *Archive) Streams() []Stream {
	var names []Stream
	for _, s := range a.all() {
		if s.Next() > 0 {
			names = append(names, s.name)
		}
	}
	return names
}

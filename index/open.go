package index

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sync/semaphore"

	"polytrace/archive"
)

// ErrClosed is returned by every method after Close.
var ErrClosed = errors.New("index is closed")

// Index is an opened index.
type Index struct {
	archive   Archive
	fs        vfs.FS
	config    Config
	log       *slog.Logger
	documents Documents            // Of Config.Documents.
	pictures  Pictures             // Of Config.Pictures.
	follow    bool                 // Of Config.Follow.
	blind     bool                 // Mail is not indexed.
	urgent    func(time.Time) bool // Of Config.Urgent.
	cache     *pebble.Cache
	cutters   sync.Pool       // of *wordCutter
	spare     spare           // What questions need and others left.
	asked     chan struct{}   // Someone waits for a stream that was not there yet.
	queued    chan struct{}   // A record is to be read once more.
	wanted    chan struct{}   // A database is to be built beside the present one.
	rereadAll chan struct{}   // Somebody asks for attached files to be read again.
	life      context.Context // Ends with Close.
	end       context.CancelFunc

	following sync.Mutex     // held by Run
	leaving   sync.WaitGroup // Of databases that are closed and deleted.

	turns    *semaphore.Weighted // Of questions.
	sighting sync.RWMutex        // Held for writing while a removal is committed and shown; see sight.

	mu        sync.Mutex // guards what follows, and database.state
	*database            // That answers. Only Run replaces it; see rebuild.go.
	renewal   renewal
	changed   chan struct{} // closed when state or broken changes
	failure   string        // what holds up Run; "" when nothing does
	broken    error         // why nothing is applied any more
	closed    bool
}

// database is a database on disk, and what of it is kept in memory.
type database struct {
	dir    string
	db     *pebble.DB
	memory memory
	state  *state
	stale  string                // Why it is to be replaced, though it can answer; "" as a rule.
	owner  atomic.Pointer[Index] // Nil after another one took its place.
	use    sync.RWMutex          // Held for reading while it is used, for writing by who closes it.
}

// Memory that Pebble may take, in bytes.
const (
	cacheSize    = 64 << 20
	memTableSize = 16 << 20
)

// usualSteps hold up what comes in for some ten milliseconds.
var usualSteps = steps{rows: 1000, keys: 20_000, behind: 256}

// Open opens the index in c.Dir, building it anew when its format is not
// the present one. It answers from what it has; Run makes it follow.
func Open(a Archive, c Config) (*Index, error) {
	return openOn(vfs.Default, a, c)
}

func openOn(fs vfs.FS, a Archive, c Config) (*Index, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.steps == (steps{}) {
		c.steps = usualSteps
	}
	if c.readable == nil {
		c.readable = readableFormats
	}
	x := newIndex(fs, a, c, pebble.NewCache(cacheSize))
	if err := x.openHome(); err != nil {
		x.cache.Unref()
		return nil, fmt.Errorf("open index in %s: %w", c.Dir, err)
	}
	return x, nil
}

func newIndex(fs vfs.FS, a Archive, c Config, cache *pebble.Cache) *Index {
	x := &Index{archive: a, fs: fs, config: c, log: c.Log, documents: c.Documents, pictures: c.Pictures, follow: c.Follow, blind: c.Blind, urgent: c.Urgent, cache: cache,
		changed: make(chan struct{}), asked: make(chan struct{}, 1), queued: make(chan struct{}, 1), wanted: make(chan struct{}, 1), rereadAll: make(chan struct{}, 1),
		turns: semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0)))}
	x.life, x.end = context.WithCancel(context.Background())
	x.cutters.New = func() any { return newWordCutter() }
	return x
}

// open opens the database, and once more after deleting it when it does not belong to this
// version and this archive, or cannot be read: all of it can be read from the archive again.
func (x *Index) open() error {
	reason, err := x.load()
	if err != nil || reason == "" {
		return err
	}
	x.log.Warn("index is built anew", "reason", reason)
	for _, path := range []string{x.dir, x.damageMark()} {
		if err := x.fs.RemoveAll(path); err != nil {
			return fmt.Errorf("delete it: %w", err)
		}
	}
	reason, err = x.load()
	if err == nil && reason != "" {
		err = errors.New(reason)
	}
	return err
}

// load opens the database and reads what is kept in memory; reason says why it has to be
// built anew.
func (x *Index) load() (reason string, err error) {
	if err := x.fs.MkdirAll(x.dir, 0o700); err != nil {
		return "", err
	}
	_, err = x.fs.Stat(x.damageMark())
	marked := err == nil
	x.mu.Lock()
	x.stale, x.broken, x.renewal.why = "", nil, "" // By what was found while it was opened before.
	x.mu.Unlock()
	if reason, err := x.openDB(); err != nil || reason != "" {
		return reason, err
	}
	if reason, err = x.check(); err == nil && reason == "" {
		err = x.loadState()
	}
	if reason == "" {
		reason, err = spoiled(err)
	}
	if err != nil || reason != "" {
		closing := x.db.Close()
		if reason == "" { // What will be deleted need not close well.
			err = errors.Join(err, closing)
		}
		return reason, err
	}
	if marked {
		x.stale, x.broken = "a file of it was found damaged", errDamagedIndex
	}
	return "", nil
}

// openDB opens the database under its lock, so that one that another process has is never
// taken for a broken one.
func (x *Index) openDB() (reason string, err error) {
	lock, err := pebble.LockDirectory(x.dir, x.fs)
	if err != nil {
		return "", fmt.Errorf("lock it: %w", err)
	}
	o := x.options()
	o.Lock = lock
	x.db, err = pebble.Open(x.dir, o)
	if reason, err = spoiled(err); reason == "" && err != nil && !ofSystem(err) {
		reason, err = err.Error(), nil // Of another program or of a later version.
	}
	return reason, errors.Join(err, lock.Close()) // The database holds it too.
}

func (x *Index) options() *pebble.Options {
	o := &pebble.Options{
		FS:                          x.fs,
		Cache:                       x.cache,
		FormatMajorVersion:          pebble.FormatValueSeparation,
		Merger:                      merger,
		DisableWAL:                  true, // What a crash takes is applied again: the archive is the log.
		MemTableSize:                memTableSize,
		MemTableStopWritesThreshold: 4,
		// Files of neighbouring batches hardly overlap in what they have for one term, so many of
		// them cost a query little, and merging them later writes the lower levels less often.
		L0CompactionThreshold: 8,
		L0StopWritesThreshold: 24,
		Logger:                pebbleLog{x.log},
		Cleaner:               cleaner{},
	}
	for i := range o.Levels {
		l := &o.Levels[i]
		l.BlockSize = 32 << 10
		l.FilterPolicy = bloom.FilterPolicy(10)
		l.Compression = func() *sstable.CompressionProfile { return sstable.SnappyCompression }
		if i == len(o.Levels)-1 { // Nine tenths are here; what is above is soon written again.
			l.Compression = func() *sstable.CompressionProfile { return sstable.ZstdCompression }
		}
	}
	of := x.database
	o.EventListener = &pebble.EventListener{
		BackgroundError: func(err error) { x.log.Error("index could not flush or compact", "error", err) },
		DataCorruption:  func(info pebble.DataCorruptionInfo) { of.noteDamage(info.Details) },
	}
	return o
}

// check finds out whether the database is of this version and not ahead of the archive.
func (x *Index) check() (reason string, err error) {
	key := []byte{famProperties, 'v', 'e', 'r', 's', 'i', 'o', 'n'}
	version, err := getCopy(x.db, key)
	if err != nil {
		return "", err
	}
	if version == nil {
		return "", errors.Join(x.db.Set(key, []byte(formatVersion), pebble.NoSync), x.db.Flush())
	}
	if slices.Contains(x.config.readable, string(version)) {
		x.stale = fmt.Sprintf("it is of format %q, this version writes %q", version, formatVersion)
	} else if string(version) != formatVersion {
		return fmt.Sprintf("it is of format %q, this version writes %q", version, formatVersion), nil
	}
	err = x.each(famWatermark, func(key, value []byte) error {
		s := archive.Stream(key[1:])
		if next, _, err := decodeMark(value); err != nil {
			return err
		} else if have := x.archive.Next(s); next > have {
			reason = fmt.Sprintf("it has seen %d records of stream %s, the archive has %d", next, s, have)
		}
		return nil
	})
	return reason, err
}

func decodeMark(value []byte) (archive.Position, time.Time, error) {
	if len(value) != 16 {
		return 0, time.Time{}, errCorrupt
	}
	received := time.UnixMicro(int64(binary.BigEndian.Uint64(value[8:]))).UTC()
	return archive.Position(binary.BigEndian.Uint64(value)), received, nil
}

// each calls do with every row of a family.
func (x *Index) each(family byte, do func(key, value []byte) error) error {
	return eachIn(x.db, []byte{family}, do)
}

// eachIn calls do with every row whose key begins with prefix, in order.
func eachIn(r pebble.Reader, prefix []byte, do func(key, value []byte) error) error {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return err
	}
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		var value []byte
		if value, err = it.ValueAndErr(); err == nil {
			err = do(it.Key(), value)
		}
	}
	return errors.Join(err, it.Close())
}

func (x *Index) loadState() error {
	s := newState()
	orphans, fragments, numbered := map[uint64]struct{}{}, map[docID]fragment{}, map[string]uint32{"": 0}
	raw, err := getCopy(x.db, countsKey)
	if err == nil && raw != nil {
		if json.Unmarshal(raw, &s.counts) != nil {
			err = errCorrupt
		}
	}
	if err == nil {
		err = x.loadReread(s)
	}
	if err != nil {
		return err
	}
	err = errors.Join(
		x.each(famNumbers, func(key, value []byte) error {
			if keyDoc(key) != s.n {
				return errCorrupt
			}
			return s.loadNumbers(value, numbered)
		}),
		x.each(famDay, func(key, value []byte) error {
			n, _ := binary.Uvarint(value)
			s.days[int32(binary.BigEndian.Uint32(key[1:])^1<<31)] = int64(n)
			return nil
		}),
		x.each(famWatermark, func(key, value []byte) error {
			next, received, err := decodeMark(value)
			s.marks[archive.Stream(key[1:])] = mark{next, received}
			return err
		}),
		x.each(famOrphan, func(key, _ []byte) error {
			orphans[binary.BigEndian.Uint64(key[1:])] = struct{}{}
			return nil
		}),
		x.each(famFragment, func(key, value []byte) error {
			p, err := decodePiece(key, value)
			fragments[p.doc] = p.fragment
			return err
		}))
	if err == nil {
		err = errors.Join(x.loadThreads(s), x.loadRemovals(s), x.loadSweep(s), x.loadWatches(s))
	}
	s.order = s.rebuilt()
	if err == nil {
		err = x.matchLeft(s)
	}
	x.state, x.memory.orphans, x.memory.fragments, x.memory.numbered = s, orphans, fragments, numbered
	return err
}

// loadRemovals reads what is removed, and hides the documents that still have rows.
func (x *Index) loadRemovals(s *state) error {
	err := x.each(famRemoved, func(key, value []byte) error {
		at, err := keyAddress(key)
		if err != nil {
			return err
		}
		r, err := decodeRemoved(at.Position, value)
		s.removed[at.Stream] = append(s.removed[at.Stream], r)
		return err
	})
	if err != nil {
		return err
	}
	err = x.each(famPending, func(key, value []byte) error {
		at, err := keyAddress(key)
		if err != nil || len(value) != 8 {
			return errCorrupt
		}
		s.pending = append(s.pending, span{at.Stream, at.Position, archive.Position(binary.BigEndian.Uint64(value))})
		return nil
	})
	for _, sp := range s.pending {
		bury := func(_ archive.Address, value []byte) error {
			if len(value) < 4 || binary.BigEndian.Uint32(value) >= s.n {
				return errCorrupt
			}
			s.hidden.Add(binary.BigEndian.Uint32(value))
			s.dead.Add(binary.BigEndian.Uint32(value))
			return nil
		}
		err = errors.Join(err, eachOf(x.db, famAddress, sp, bury), eachOf(x.db, famTarget, sp, bury))
	}
	return err
}

// Close ends it. The next Open goes on from the watermark.
func (x *Index) Close() error {
	x.mu.Lock()
	if x.closed {
		x.mu.Unlock()
		return nil
	}
	x.closed = true
	x.end()
	x.wakeLocked()
	broken := x.broken
	x.mu.Unlock()

	x.use.Lock() // Waits for those who read and for Run's present batch.
	defer x.use.Unlock()
	x.leaving.Wait()
	if errors.Is(broken, errPebble) {
		return broken // Its locks may be held by what failed.
	}
	err := errors.Join(x.db.Flush(), x.db.Close())
	x.cache.Unref()
	return err
}

// wakeLocked lets everyone who waits look again.
func (x *Index) wakeLocked() {
	close(x.changed)
	x.changed = make(chan struct{})
}

// begin lets a method use the database until release.
func (x *Index) begin() (s *state, release func(), err error) {
	d, s, err := x.hold()
	if err != nil {
		return nil, nil, err
	}
	return s, d.use.RUnlock, nil
}

// hold is begin for who may meet a change of databases: d is used until d.use is unlocked.
func (x *Index) hold() (d *database, s *state, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return nil, nil, ErrClosed
	}
	x.use.RLock() // Nobody has it for writing who was not closed or replaced before, under mu.
	return x.database, x.state, nil
}

// pebbleLog passes on what Pebble says.
type pebbleLog struct{ log *slog.Logger }

func (l pebbleLog) Infof(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug(fmt.Sprintf(format, args...))
	}
}

func (l pebbleLog) Errorf(format string, args ...any) {
	l.log.Error("index storage", "error", fmt.Sprintf(format, args...))
}

var errPebble = errors.New("index storage failed; free or repair the disk and restart, mail is still taken in")

// Fatalf is called when Pebble cannot go on, for instance because its log
// cannot be written. It must not return; exiting as Pebble's own does would take the gateway with it and say
// little, so the one who applies catches this.
func (l pebbleLog) Fatalf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	l.log.Error("index storage failed", "error", text)
	panic(fmt.Errorf("%w: %s", errPebble, text))
}

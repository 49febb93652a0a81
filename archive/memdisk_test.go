package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// memDisk is a disk in memory that fails when asked to, and forgets what was
// not synced when its power is cut.
type memDisk struct {
	mu      sync.Mutex
	names   map[string]*inode // As programs see it.
	durable map[string]*inode // As a power cut leaves it; updated by SyncDir.
	dirs    map[string]bool   // Directories, and whether a power cut leaves them.
	free    int64

	ops      int // Changes and syncs so far.
	syncs    int // Of files.
	failures int // Since the last start.
	fail     func(op int, what, name string) error
	short    int         // So many eighths of what it is given a failing write writes.
	off      bool        // No power: everything fails.
	dark     func(error) // Told when something is asked for without power; may be nil.
}

// noPower is the answer of a disk without power. The caller holds mu.
func (d *memDisk) noPower(what, name string) error {
	if d.dark != nil {
		d.dark(errPower)
	}
	return &fs.PathError{Op: what, Path: name, Err: errPower}
}

// inode is a file; durable is what a power cut leaves of it.
type inode struct {
	data, durable []byte
	dirty         map[int]bool // Pages that differ.
	cut           *inode       // As it was before it was truncated; nil once that is durable.
}

const page = 4096

var errPower = errors.New("power is off")

func newMemDisk() *memDisk {
	return &memDisk{names: map[string]*inode{}, durable: map[string]*inode{}, dirs: map[string]bool{}, free: 1 << 40}
}

// change counts an operation and tells whether it fails. The caller holds mu.
func (d *memDisk) change(what, name string) error {
	if d.off {
		return d.noPower(what, name)
	}
	d.ops++
	if d.fail != nil {
		if err := d.fail(d.ops, what, name); err != nil {
			if errors.Is(err, errPower) {
				d.off = true
			}
			return &fs.PathError{Op: what, Path: name, Err: err}
		}
	}
	return nil
}

// powerCut returns the disk as it is after the power comes back. Without r
// all that was not synced is gone; with r any part of it may have been written.
func (d *memDisk) powerCut(r *rand.Rand) *memDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	after := newMemDisk()
	for _, dir := range slices.Sorted(maps.Keys(d.dirs)) {
		if !after.lost(dir) && (d.dirs[dir] || r != nil && r.IntN(2) == 0) {
			after.dirs[dir] = true
		}
	}
	seen := map[*inode]*inode{}
	all := maps.Clone(d.durable)
	maps.Copy(all, d.names)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		n := d.durable[name]
		if r != nil && r.IntN(2) == 0 {
			n = d.names[name]
		}
		if n == nil || after.lost(name) {
			continue
		}
		if seen[n] == nil {
			seen[n] = n.powerCut(r)
		}
		after.names[name], after.durable[name] = seen[n], seen[n]
	}
	return after
}

// lost reports whether a directory on the way to a file is not there.
func (d *memDisk) lost(name string) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if !d.dirs[dir] {
			return true
		}
	}
	return false
}

func (n *inode) powerCut(r *rand.Rand) *inode {
	left := slices.Clone(n.durable)
	if r != nil && n.cut != nil && r.IntN(2) == 0 {
		return n.cut.powerCut(r)
	}
	if r != nil {
		if r.IntN(2) == 0 {
			left = resize(left, len(n.data))
		}
		for _, p := range slices.Sorted(maps.Keys(n.dirty)) {
			if from := p * page; r.IntN(2) == 0 && from < min(len(left), len(n.data)) {
				copy(left[from:], n.data[from:min(from+page, len(n.data))])
			}
		}
	}
	return &inode{data: left, durable: slices.Clone(left), dirty: map[int]bool{}}
}

func resize(b []byte, n int) []byte {
	if n <= len(b) {
		return b[:n]
	}
	return append(b, make([]byte, n-len(b))...)
}

func (d *memDisk) Describe(name string) string { return path.Join("/data", name) }

func (d *memDisk) Open(name string) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return nil, d.noPower("open", name)
	}
	n := d.names[name]
	if n == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &memFile{d: d, n: n, name: name}, nil
}

func (d *memDisk) Create(name string) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change("create", name); err != nil {
		return nil, err
	}
	if d.names[name] != nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	n := &inode{dirty: map[int]bool{}}
	d.names[name] = n
	return &memFile{d: d, n: n, name: name}, nil
}

func (d *memDisk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change("rename", from); err != nil {
		return err
	}
	n := d.names[from]
	if n == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	delete(d.names, from)
	d.names[to] = n
	return nil
}

func (d *memDisk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change("remove", name); err != nil {
		return err
	}
	if d.names[name] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	delete(d.names, name)
	return nil
}

// MkdirAll does nothing: directories are there when something is in them.
func (d *memDisk) MkdirAll(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for dir := name; dir != "."; dir = path.Dir(dir) {
		if _, ok := d.dirs[dir]; !ok {
			d.dirs[dir] = false
		}
	}
	if err := d.change("mkdir", name); err != nil { // Of the sync behind it: it is there until the power goes.
		return err
	}
	for dir := name; dir != "."; dir = path.Dir(dir) {
		d.dirs[dir] = true
	}
	return nil
}

func (d *memDisk) List(name string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := map[string]bool{}
	for dir := range d.dirs {
		if path.Dir(dir) == name {
			found[path.Base(dir)] = true
		}
	}
	for full := range d.names {
		for dir, base := path.Dir(full), path.Base(full); ; dir, base = path.Dir(dir), path.Base(dir) {
			if dir == name {
				found[base] = true
			}
			if dir == "." {
				break
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

func (d *memDisk) SyncDir(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change("syncdir", name); err != nil {
		return fmt.Errorf("%w: %w", errSync, err)
	}
	for full := range d.durable {
		if path.Dir(full) == name && d.names[full] == nil {
			delete(d.durable, full)
		}
	}
	for full, n := range d.names {
		if path.Dir(full) == name {
			d.durable[full] = n
		}
	}
	for dir := range d.dirs {
		if path.Dir(dir) == name {
			d.dirs[dir] = true
		}
	}
	return nil
}

func (d *memDisk) Free() (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.free, nil
}

func (d *memDisk) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// edit changes a file as a bad disk does.
func (d *memDisk) edit(name string, change func([]byte) []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.names[name]
	n.data = change(slices.Clone(n.data))
	n.durable = slices.Clone(n.data)
}

// content returns the bytes of a file; nil when there is none.
func (d *memDisk) content(name string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.names[name]; n != nil {
		return slices.Clone(n.data)
	}
	return nil
}

func (d *memDisk) counts() (ops, syncs int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ops, d.syncs
}

func (d *memDisk) setFail(f func(op int, what, name string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = f
}

type memFile struct {
	d    *memDisk
	n    *inode
	name string
}

func (f *memFile) ReadAt(b []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.d.off {
		return 0, f.d.noPower("read", f.name)
	}
	if off >= int64(len(f.n.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.n.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(b []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	err := f.d.change("write", f.name)
	if err != nil {
		if eighths := f.d.short; eighths > 0 {
			f.writeLocked(b[:len(b)*eighths/8], off)
		} else if f.d.off {
			f.writeLocked(b[:len(b)/2], off)
		}
		return 0, err
	}
	f.writeLocked(b, off)
	return len(b), nil
}

func (f *memFile) writeLocked(b []byte, off int64) {
	n := f.n
	n.data = resize(n.data, max(len(n.data), int(off)+len(b)))
	copy(n.data[off:], b)
	for p := int(off) / page; p*page < int(off)+len(b); p++ {
		n.dirty[p] = true
	}
}

func (f *memFile) Truncate(size int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.change("truncate", f.name); err != nil {
		return err
	}
	if size < int64(len(f.n.data)) {
		if f.n.cut == nil {
			f.n.cut = &inode{data: slices.Clone(f.n.data), durable: slices.Clone(f.n.durable), dirty: maps.Clone(f.n.dirty)}
		}
		clear(f.n.data[size:])
	}
	f.n.data = resize(f.n.data, int(size))
	f.n.dirty[int(size)/page] = true
	return nil
}

func (f *memFile) Sync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	n := f.n
	if err := f.d.change("sync", f.name); err != nil {
		// As Linux does: what could not be written is read as before, and no
		// later sync tries again.
		clear(n.dirty)
		return err
	}
	f.d.syncs++
	n.cut = nil
	n.durable = resize(n.durable, len(n.data))
	for p := range n.dirty {
		if p*page < len(n.data) {
			copy(n.durable[p*page:min((p+1)*page, len(n.data))], n.data[p*page:])
		}
	}
	clear(n.dirty)
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return int64(len(f.n.data)), nil
}

// Close closes the file also when it fails.
func (f *memFile) Close() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return f.d.change("close", f.name)
}

var errFull, errDisk = unix.ENOSPC, unix.EIO

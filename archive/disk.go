package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"golang.org/x/sys/unix"
)

// disk is the part of a file system that the archive stands on. Names are
// relative to the data directory, with '/' between parts. Tests put a disk
// that fails or loses power in its place.
type disk interface {
	Open(name string) (file, error)   // Of an existing file, to read and write.
	Create(name string) (file, error) // Of a new file; fs.ErrExist when there is one.
	Rename(from, to string) error
	Remove(name string) error
	MkdirAll(name string) error            // Durable when it returns.
	List(name string) ([]string, error)    // Names in a directory, in order; none when it is absent.
	SyncDir(name string) error             // Makes creations, renames and removals in it durable.
	Free() (int64, error)                  // Bytes that may still be written.
	Lock(name string) (io.Closer, error)   // ErrLocked when another process has it.
	Describe(name string) (abspath string) // For people.
}

// file is an open file. Sync makes its bytes and length durable; other
// metadata may be lost.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
	Size() (int64, error)
}

// osDisk is a directory of the operating system.
type osDisk struct{ root string }

func (d osDisk) Describe(name string) string { return filepath.Join(d.root, filepath.FromSlash(name)) }

func (d osDisk) Open(name string) (file, error) {
	f, err := os.OpenFile(d.Describe(name), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (d osDisk) Create(name string) (file, error) {
	f, err := os.OpenFile(d.Describe(name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (d osDisk) Rename(from, to string) error { return os.Rename(d.Describe(from), d.Describe(to)) }
func (d osDisk) Remove(name string) error     { return os.Remove(d.Describe(name)) }

// MkdirAll is durable when it returns nil, also when an attempt before it got
// as far as the directory and not to the sync.
func (d osDisk) MkdirAll(name string) error {
	if err := makeDirs(d.Describe(name)); err != nil {
		return err
	}
	for ; name != "."; name = path.Dir(name) {
		if err := syncDir(d.Describe(path.Dir(name))); err != nil {
			return err
		}
	}
	return nil
}

// makeDirs is os.MkdirAll that survives a power cut: the parent of each new
// directory is synced.
func makeDirs(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeDirs(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}

func (d osDisk) List(name string) ([]string, error) {
	entries, err := os.ReadDir(d.Describe(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	sort.Strings(names)
	return names, nil
}

func (d osDisk) SyncDir(name string) error { return syncDir(d.Describe(name)) }

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("%w: %w", errSync, err)
	}
	return nil
}

func (d osDisk) Free() (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(d.root, &s); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: d.root, Err: err}
	}
	return int64(s.Bavail) * s.Bsize, nil
}

// Lock takes an advisory lock that the kernel gives back when the process
// ends, however it ends. The file holds the process's number for people.
func (d osDisk) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(d.Describe(name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(f, 20)) // Only for the text: it may be empty.
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: %w (process %s); stop that process first", d.root, ErrLocked, strings.TrimSpace(string(holder)))
		}
		return nil, &fs.PathError{Op: "flock", Path: f.Name(), Err: err}
	}
	if err := errors.Join(f.Truncate(0), writePID(f)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func writePID(f *os.File) error {
	_, err := fmt.Fprintf(f, "%d\n", os.Getpid())
	return err
}

type osFile struct{ *os.File }

// Sync is fdatasync: where bytes and length did not change the inode, nothing
// but the data is written.
func (f osFile) Sync() error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
	}
}

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// errSync marks a failed sync of a directory: what of it is on disk is not
// known any more.
var errSync = errors.New("sync failed")

// diskFull reports whether a write failed for want of room.
func diskFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// writeWhole puts a file under a name, whole or not at all.
func writeWhole(d disk, dir, name string, content []byte) error {
	temp := dir + "/" + name + ".tmp"
	if dir == "." {
		temp = name + ".tmp"
	}
	if err := removeIfThere(d, temp); err != nil {
		return err
	}
	f, err := d.Create(temp)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(content, 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := d.Rename(temp, strings.TrimSuffix(temp, ".tmp")); err != nil {
		return err
	}
	return d.SyncDir(dir)
}

// refresh writes the first n bytes of a file again as they are, and makes them
// durable. After a failed sync the system may show bytes that are in memory
// only, and leave them out of the next sync, which succeeds: so a start does
// not trust what an earlier process, which may have met that, has written.
func refresh(f file, n int64) error {
	buf := make([]byte, min(n, 1<<20))
	for at := int64(0); at < n; at += int64(len(buf)) {
		part := buf[:min(int64(len(buf)), n-at)]
		if _, err := f.ReadAt(part, at); err != nil {
			return err
		}
		if _, err := f.WriteAt(part, at); err != nil {
			return err
		}
	}
	return errors.Join(f.Truncate(n), f.Sync())
}

func removeIfThere(d disk, name string) error {
	if err := d.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// readWhole reads a file that is small.
func readWhole(d disk, name string) ([]byte, error) {
	f, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	content, err := io.ReadAll(io.NewSectionReader(f, 0, size))
	return content, errors.Join(err, f.Close())
}

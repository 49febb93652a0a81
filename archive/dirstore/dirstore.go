// Package dirstore is a bucket in a directory: the default where no object
// store is at hand.
//
// An object is written to a temporary file, synced, and linked to its name,
// which fails when the name is taken; then the directories are synced. So an
// object is there whole or not at all, and nothing overwrites it.
//
//	root/
//	  .incoming/         objects that are being written; a day later what a
//	                     crash left there is removed
//	  packs/mail/...     one file for each object, under its key
package dirstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"polytrace/archive"
)

const incoming = ".incoming"

// Store is a directory opened as a bucket. It is safe for concurrent use, also
// by several processes.
type Store struct {
	root string // Absolute.
}

// Open opens dir as a bucket, creating it when absent.
func Open(dir string) (*Store, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", dir, err)
	}
	if err := makeDirs(filepath.Join(root, incoming)); err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", root, err)
	}
	if err := sweep(filepath.Join(root, incoming), time.Now().Add(-24*time.Hour)); err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", root, err)
	}
	return &Store{root}, nil
}

// Existing opens the bucket in a directory that is there, to be read: nothing
// is made in it, nothing removed.
func Existing(dir string) (*Store, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", dir, err)
	}
	if info, err := os.Stat(root); err != nil {
		return nil, fmt.Errorf("open bucket: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("open bucket: %s is not a directory", root)
	}
	return &Store{root}, nil
}

// sweep removes what was last written before a time: no writer is that slow.
func sweep(dir string, before time.Time) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.ModTime().Before(before) {
			continue // Gone meanwhile, or in use.
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// String is the bucket's URL.
func (s *Store) String() string { return "file://" + filepath.ToSlash(s.root) }

// Path is where an object lies, so that it can be read in place.
func (s *Store) Path(key string) string { return filepath.Join(s.root, filepath.FromSlash(key)) }

// Create writes a new object; see archive.Store.
func (s *Store) Create(ctx context.Context, key string, body archive.Body, sum archive.Digest, lock archive.Lock) error {
	err := errNoLock
	if lock.IsZero() {
		err = s.create(ctx, key, body, sum)
	}
	if err != nil {
		return fmt.Errorf("create object %s: %w", key, err)
	}
	return nil
}

func (s *Store) create(ctx context.Context, key string, body archive.Body, sum archive.Digest) error {
	if err := checkKey(key); err != nil {
		return err
	}
	name := s.Path(key)
	if _, err := os.Lstat(name); err == nil {
		return s.exists(name)
	}
	temp, err := s.write(ctx, body, sum)
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	if err := makeDirs(filepath.Dir(name)); err != nil {
		return err
	}
	if err := os.Link(temp, name); errors.Is(err, fs.ErrExist) {
		return s.exists(name)
	} else if err != nil {
		return err
	}
	return s.syncUp(filepath.Dir(name))
}

// exists tells that a name is taken, and makes sure that it stays so: who
// created it may have failed, or not have come, to sync its directory.
func (s *Store) exists(name string) error {
	if err := s.syncUp(filepath.Dir(name)); err != nil {
		return err
	}
	return archive.ErrExists
}

// syncUp syncs a directory and those above it, in case another writer has just
// made one of them and not synced it yet. When nothing waits it costs little.
func (s *Store) syncUp(dir string) error {
	for ; dir != s.root; dir = filepath.Dir(dir) {
		if err := syncDir(dir); err != nil {
			return err
		}
	}
	return syncDir(s.root)
}

// write puts the body into a synced file of its own and returns its name.
func (s *Store) write(ctx context.Context, body archive.Body, sum archive.Digest) (name string, err error) {
	f, err := os.CreateTemp(filepath.Join(s.root, incoming), "object-*")
	if err != nil {
		return "", err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	hash := sha256.New()
	r := &contextReader{ctx, io.NewSectionReader(body, 0, body.Size())}
	n, err := io.Copy(io.MultiWriter(f, hash), r)
	if err != nil {
		return "", err
	}
	if n != body.Size() || archive.Digest(hash.Sum(nil)) != sum {
		return "", fmt.Errorf("the %d bytes read have SHA-256 %x, not %s", n, hash.Sum(nil), sum)
	}
	return f.Name(), f.Sync()
}

var errNoLock = fmt.Errorf("%w: it is a directory; use an S3 bucket with object lock", archive.ErrNoLock)

// Delete removes an object; see archive.Store.
func (s *Store) Delete(_ context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := s.remove(s.Path(key)); err != nil {
		return fmt.Errorf("delete object %s: %w", key, err)
	}
	return nil
}

// remove syncs the directory also when the file is gone: an earlier attempt
// may have failed after it removed it.
func (s *Store) remove(name string) error {
	if info, err := os.Lstat(name); err == nil && info.IsDir() {
		return nil // The key begins another one.
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := syncDir(filepath.Dir(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Protect always fails: whoever may write in a directory may delete in it.
func (s *Store) Protect(_ context.Context, key string, _ archive.Lock) error {
	return fmt.Errorf("protect object %s: %w", key, errNoLock)
}

// ProveLock always fails; see Protect.
func (s *Store) ProveLock(context.Context, archive.LockMode) error { return errNoLock }

// Open returns a part of an object; see archive.Store.
func (s *Store) Open(_ context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	f, err := os.Open(s.Path(key))
	if err != nil {
		return nil, objectError("open object", key, err)
	}
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		return nil, errors.Join(fmt.Errorf("open object %s: %w", key, archive.ErrNoObject), err, f.Close())
	}
	if off < 0 || off > info.Size() {
		return nil, errors.Join(fmt.Errorf("open object %s: offset %d of %d bytes", key, off, info.Size()), f.Close())
	}
	if n < 0 || n > info.Size()-off {
		n = info.Size() - off
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(f, off, n), f}, nil
}

// Stat describes an object; it reads all of it to tell its SHA-256.
func (s *Store) Stat(ctx context.Context, key string) (archive.Object, error) {
	if err := checkKey(key); err != nil {
		return archive.Object{}, err
	}
	f, err := os.Open(s.Path(key))
	if err != nil {
		return archive.Object{}, objectError("stat object", key, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return archive.Object{}, objectError("stat object", key, err)
	}
	if info.IsDir() {
		return archive.Object{}, objectError("stat object", key, fs.ErrNotExist)
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, &contextReader{ctx, f}); err != nil {
		return archive.Object{}, objectError("stat object", key, err)
	}
	return archive.Object{Key: key, Size: info.Size(), SHA256: archive.Digest(hash.Sum(nil)), Created: info.ModTime().UTC()}, nil
}

// List yields objects in order of keys; see archive.Store.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[archive.Object, error] {
	return func(yield func(archive.Object, error) bool) {
		keys, err := s.keys(ctx, prefix)
		if err != nil {
			yield(archive.Object{}, fmt.Errorf("list objects %s: %w", prefix, err))
			return
		}
		for _, o := range keys {
			if !yield(o, nil) {
				return
			}
		}
	}
}

// keys walks the tree. filepath.WalkDir goes in order of path elements, which
// is not that of keys where one name begins another, so they are sorted.
func (s *Store) keys(ctx context.Context, prefix string) ([]archive.Object, error) {
	var found []archive.Object
	err := filepath.WalkDir(s.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		rel, err := filepath.Rel(s.root, path)
		if err != nil {
			return err
		}
		key := filepath.ToSlash(rel)
		if key == incoming {
			return fs.SkipDir
		}
		if d.IsDir() {
			return enter(key, prefix)
		}
		if !d.Type().IsRegular() || !strings.HasPrefix(key, prefix) {
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // Deleted in this moment.
		}
		if err != nil {
			return err
		}
		found = append(found, archive.Object{Key: key, Size: info.Size(), Created: info.ModTime().UTC()})
		return nil
	})
	sortObjects(found)
	return found, err
}

// enter says whether a directory can hold keys with the prefix.
func enter(dir, prefix string) error {
	if dir == "." || strings.HasPrefix(dir+"/", prefix) || strings.HasPrefix(prefix, dir+"/") {
		return nil
	}
	return fs.SkipDir
}

func objectError(verb, key string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		err = archive.ErrNoObject
	}
	return fmt.Errorf("%s %s: %w", verb, key, err)
}

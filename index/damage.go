package index

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// All of the index can be read from the archive again, so what is damaged is
// not repaired but replaced. Until then what can still be read of it answers; nothing
// more is applied to it. One that cannot even be opened is deleted.

var errDamagedIndex = errors.New("a file of the index is damaged; it is built anew, mail is still taken in")

// damageMark is a file beside the database that says to build it anew.
func (d *database) damageMark() string { return d.dir + ".damaged" }

// noteDamage stops the index from going on upon a file that cannot be read, and leaves a
// mark for the next Open.
func (d *database) noteDamage(cause error) {
	x := d.owner.Load()
	if x == nil {
		return // Another took its place.
	}
	x.log.Error("index file is damaged", "error", cause.Error())
	f, err := x.fs.Create(d.damageMark(), vfs.WriteCategoryUnspecified)
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err != nil {
		x.log.Error("could not note that the index is damaged; delete its directory", "error", err)
	}
	x.mu.Lock()
	if x.broken == nil {
		x.broken = errDamagedIndex
	}
	x.wakeLocked()
	x.mu.Unlock()
	x.want("a file of it was found damaged")
}

// spoiled makes of an error that comes from what is stored a reason to build it anew.
func spoiled(err error) (reason string, other error) {
	if anyError(err, func(err error) bool { return err == errCorrupt || pebble.IsCorruptionError(err) }) {
		return err.Error(), nil
	}
	return "", err
}

// ofSystem reports whether an error comes from the operating system, as those of rights and
// of full disks do: building anew would not help. A file that is missing is a fault of the index.
func ofSystem(err error) bool {
	return anyError(err, func(err error) bool {
		_, system := err.(syscall.Errno)
		return system && !errors.Is(err, fs.ErrNotExist)
	})
}

// anyError reports whether is holds for an error or one that it wraps. Pebble's
// own test does not look into joined errors.
func anyError(err error, is func(error) bool) bool {
	if err == nil {
		return false
	}
	if is(err) {
		return true
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return anyError(e.Unwrap(), is)
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			if anyError(one, is) {
				return true
			}
		}
	}
	return false
}

package archive

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"strings"
)

// Damaged files are kept under damaged/, each with a note beside it, until
// somebody removes them.

// damaged adds a line to Status.
func (a *Archive) damaged(note string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.damage = append(a.damage, note)
	a.log.Error("archive found damage", "note", note)
}

// readDamage reads the notes of earlier recoveries.
func (a *Archive) readDamage() error {
	names, err := a.disk.List("damaged")
	if err != nil {
		return err
	}
	for _, name := range names {
		if !strings.HasSuffix(name, ".txt") {
			continue
		}
		note, err := readWhole(a.disk, "damaged/"+name)
		if err != nil {
			return err
		}
		a.damage = append(a.damage, strings.TrimSpace(string(note)))
	}
	return nil
}

// asideName is where a file goes that is set aside: damaged/mail-<position>.tar.
func asideName(name string) string {
	return "damaged/" + strings.ReplaceAll(strings.TrimPrefix(name, "streams/"), "/", "-")
}

// keepCopy copies a file aside, once.
func (a *Archive) keepCopy(f file, size int64, name, note string) error {
	if err := a.disk.MkdirAll("damaged"); err != nil {
		return err
	}
	aside := asideName(name)
	if old, err := a.disk.Open(aside); err == nil {
		return old.Close()
	}
	if err := removeIfThere(a.disk, aside+".tmp"); err != nil {
		return err
	}
	to, err := a.disk.Create(aside + ".tmp")
	if err != nil {
		return err
	}
	_, err = io.Copy(&fileWriter{f: to, sum: noHash{}}, io.NewSectionReader(f, 0, size))
	if err == nil {
		err = to.Sync()
	}
	if err := errors.Join(err, to.Close()); err != nil {
		return err
	}
	if err := a.note(aside, note); err != nil {
		return err
	}
	return errors.Join(a.disk.Rename(aside+".tmp", aside), a.disk.SyncDir("damaged"))
}

// setAside moves a file away.
func (a *Archive) setAside(name, note string) error {
	if err := a.disk.MkdirAll("damaged"); err != nil {
		return err
	}
	aside := asideName(name)
	if err := a.note(aside, note); err != nil {
		return err
	}
	return errors.Join(a.disk.Rename(name, aside), a.disk.SyncDir("damaged"))
}

// note writes down why a file is aside.
func (a *Archive) note(aside, note string) error {
	note = fmt.Sprintf("%s: %s.", a.disk.Describe(aside), note)
	_, base, _ := strings.Cut(aside, "/")
	if err := writeWhole(a.disk, "damaged", base+".txt", []byte(note+"\n")); err != nil {
		return err
	}
	a.damaged(note)
	return nil
}

// asDamage tells stored bytes that are wrong from a disk that does not
// answer: only the former are for good.
func asDamage(err error) error {
	var io *fs.PathError
	if err == nil || errors.As(err, &io) || errors.Is(err, ErrDamaged) || errors.Is(err, ErrGone) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

func sumOf(raw []byte) Digest { return sha256.Sum256(raw) }

func sumFile(r io.ReaderAt, size int64) (Digest, error) {
	sum := sha256.New()
	_, err := io.Copy(sum, io.NewSectionReader(r, 0, size))
	return Digest(sum.Sum(nil)), err
}

// noHash is for a fileWriter whose SHA-256 nobody asks for.
type noHash struct{ hash.Hash }

// Write implements hash.Hash.
func (noHash) Write(b []byte) (int, error) { return len(b), nil }

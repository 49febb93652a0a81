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

// asideName is where a file goes that is set aside: damaged/mail-<position>.tar,
// and others of that name as …tar.2, …tar.3.
func asideName(name string) string {
	return "damaged/" + strings.ReplaceAll(strings.TrimPrefix(name, "streams/"), "/", "-")
}

// freeAside finds a name for what is set aside, passing over what is there: it
// may be all there is of something else. It looks at each with known, and
// returns "" when that says that nothing has to be kept.
func (a *Archive) freeAside(name string, known func(file) (bool, error)) (string, error) {
	if err := a.disk.MkdirAll("damaged"); err != nil {
		return "", err
	}
	for n := 1; ; n++ {
		aside := asideName(name)
		if n > 1 {
			aside = fmt.Sprintf("%s.%d", aside, n)
		}
		old, err := a.disk.Open(aside)
		if errors.Is(err, fs.ErrNotExist) {
			return aside, nil
		}
		if err != nil {
			return "", err
		}
		same, err := known(old)
		if err := errors.Join(err, old.Close()); err != nil || same {
			return "", err
		}
	}
}

// keepCopy copies a file aside. When the file stays as it is, one copy is
// enough; else one that has the same bytes.
func (a *Archive) keepCopy(f file, size int64, name, note string, stays bool) error {
	sum, err := sumFile(f, size)
	if err != nil {
		return err
	}
	aside, err := a.freeAside(name, func(old file) (bool, error) {
		length, err := old.Size()
		if err != nil || stays || length != size {
			return stays, err
		}
		there, err := sumFile(old, length)
		return there == sum, err
	})
	if err != nil || aside == "" {
		return err
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
	aside, err := a.freeAside(name, func(file) (bool, error) { return false, nil })
	if err != nil {
		return err
	}
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

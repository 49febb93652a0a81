package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"filippo.io/age"
)

// Sealed packs may be encrypted to age recipients (age-encryption.org/v1):
// where mail is taken in, public keys are enough. What is appended is in clear
// on the local disk until its pack is sealed. Sealed packs of the ledger stay
// there in clear as well, as <position>.clear: users and queues have to be
// known where mail cannot be read.
//
// age does not say who encrypted something; checkpoints do.

// plain opens the file of a sealed pack for reading, decrypted.
func (a *Archive) plain(f file, size int64, encrypted bool) (io.ReaderAt, int64, error) {
	if !encrypted {
		return f, size, nil
	}
	if len(a.config.Identities) == 0 {
		return nil, 0, ErrNoIdentity
	}
	r, length, err := age.DecryptReaderAt(f, size, a.config.Identities...)
	var unknown *age.NoIdentityMatchError
	switch {
	case errors.As(err, &unknown):
		return nil, 0, fmt.Errorf("%w (%w)", ErrNoIdentity, err)
	case err != nil:
		return nil, 0, asDamage(err)
	}
	return wholeReader{r}, length, nil
}

// wholeReader gives no io.EOF with bytes that were all read.
type wholeReader struct{ io.ReaderAt }

// ReadAt implements io.ReaderAt.
func (w wholeReader) ReadAt(b []byte, off int64) (int, error) {
	n, err := w.ReaderAt.ReadAt(b, off)
	if n == len(b) {
		err = nil
	}
	return n, err
}

// Readable reports whether sealed packs of mail can be read here.
func (a *Archive) Readable() bool {
	return len(a.config.Recipients) == 0 || len(a.config.Identities) > 0
}

func (p *pack) clearName() string {
	return fmt.Sprintf("%s/%020d.clear", p.stream.dir(), uint64(p.first))
}

// keepClear keeps a pack that is being sealed in clear.
func (s *stream) keepClear(p *pack) error {
	_, _, err := s.writeFile(p.clearName(), func(w io.Writer) error {
		m := Manifest{Format: ManifestVersion, Stream: p.stream, First: p.first, Records: p.records, Bytes: p.bytes, Oldest: p.oldest, Newest: p.newest}
		return s.a.sealer.seal(w, p.tar, p.starts, &m)
	})
	return err
}

// clearFile opens the copy of a pack that was kept in clear; nil when there is
// none.
func (a *Archive) clearFile(p *pack) (file, error) {
	if !p.as.age || p.stream != Ledger {
		return nil, nil
	}
	f, err := a.disk.Open(p.clearName())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return f, err
}

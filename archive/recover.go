package archive

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// identity is archive.json: what the data directory knows of itself.
type identity struct {
	Format    int    `json:"polytrace"` // Version: 1.
	Bucket    string `json:"bucket"`    // As its Store names itself.
	Key       string `json:"key"`       // Of the marks in tar headers; 32 hexadecimal digits.
	Restoring bool   `json:"restoring,omitempty"`
}

const identityName = "archive.json"

// open finds out what the directory holds and makes it ready for appending.
func (a *Archive) open(ctx context.Context) error {
	id, err := a.readIdentity()
	if errors.Is(err, fs.ErrNotExist) {
		id, err = a.found(ctx)
	}
	if err != nil {
		return err
	}
	if id.Restoring {
		return fmt.Errorf("%s was not restored to the end; run polytrace restore --from URL again", a.disk.Describe("."))
	}
	if id.Bucket != a.store.String() {
		return fmt.Errorf("%s belongs to the bucket %s, but %s is configured; set the bucket back, or use another data directory", a.disk.Describe("."), id.Bucket, a.store)
	}
	if err := a.readDamage(); err != nil {
		return err
	}
	if err := a.readSigner(); err != nil {
		return err
	}
	names, err := a.disk.List("streams")
	if err != nil {
		return err
	}
	// What is seen here may not be on the disk yet: the sync of a directory may
	// have failed, and the program been started again.
	if err := a.disk.SyncDir("."); err != nil {
		return err
	}
	if len(names) > 0 {
		if err := a.disk.SyncDir("streams"); err != nil {
			return err
		}
	}
	for _, name := range names {
		if s := Stream(name); s.Valid() {
			if err := a.disk.SyncDir(s.dir()); err != nil {
				return fmt.Errorf("stream %s: %w", s, err)
			}
			if err := a.openStream(ctx, s); err != nil {
				return fmt.Errorf("stream %s: %w", s, err)
			}
		}
	}
	return nil
}

func (a *Archive) readIdentity() (identity, error) {
	raw, err := readWhole(a.disk, identityName)
	if err != nil {
		return identity{}, err
	}
	var id identity
	if err := json.Unmarshal(raw, &id); err != nil || id.Format != 1 {
		return identity{}, fmt.Errorf("%s cannot be read (%w); restore it from a backup, or restore the archive from its bucket", a.disk.Describe(identityName), errors.Join(err, fmt.Errorf("version %d", id.Format)))
	}
	a.key, err = hex.DecodeString(id.Key)
	return id, err
}

func (a *Archive) writeIdentity(id identity) error {
	raw, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return err
	}
	return writeWhole(a.disk, ".", identityName, append(raw, '\n'))
}

// found begins a new archive. It has to know that the bucket holds none: two
// archives in one bucket would give the same addresses to different records.
func (a *Archive) found(ctx context.Context) (identity, error) {
	if names, err := a.disk.List("streams"); err != nil || len(names) > 0 {
		return identity{}, errors.Join(err, fmt.Errorf("%s is missing, but there are streams; restore the file from a backup", a.disk.Describe(identityName)))
	}
	for o, err := range a.store.List(ctx, "packs/") {
		if a.config.Follow && err == nil {
			break // It is there to be followed.
		}
		if err != nil {
			return identity{}, fmt.Errorf("look into the bucket %s, which has to be done once: %w", a.store, err)
		}
		return identity{}, fmt.Errorf("%w with polytrace restore --from %s, or use an empty bucket (%s holds %s, the data directory is new)", ErrForeign, a.store, a.store, o.Key)
	}
	return a.newIdentity(false)
}

func (a *Archive) newIdentity(restoring bool) (identity, error) {
	a.key = make([]byte, 16)
	rand.Read(a.key)
	id := identity{Format: 1, Bucket: a.store.String(), Key: hex.EncodeToString(a.key), Restoring: restoring}
	return id, a.writeIdentity(id)
}

// listing is what a stream's directory holds.
type listing struct {
	tars   []Position
	sealed []sealedFile
}

type sealedFile struct {
	first Position
	as    form
}

// list sorts the files of a stream and removes what was not finished.
func (s *stream) list() (l listing, err error) {
	names, err := s.a.disk.List(s.name.dir())
	if err != nil {
		return l, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".tmp") {
			if err := s.a.disk.Remove(s.name.dir() + "/" + name); err != nil {
				return l, err
			}
			continue
		}
		first, as, ok := parsePackName(name)
		if ok {
			l.sealed = append(l.sealed, sealedFile{first, as})
			continue
		}
		if first, _, ok = parsePackName(name + ".zst"); ok {
			l.tars = append(l.tars, first)
		}
	}
	return l, nil
}

// openStream reads the packs of a stream and repairs what a crash left.
func (a *Archive) openStream(ctx context.Context, name Stream) error {
	s := a.newStream(name)
	a.streams[name] = s
	log, lines, unreadable, err := openPackLog(a.disk, name.dir())
	if err != nil {
		return err
	}
	s.log = log
	files, err := s.list()
	if err != nil {
		return err
	}
	for _, l := range lines {
		p := &pack{stream: name, first: l.First}
		p.takeLine(l)
		s.packs = append(s.packs, p)
	}
	if err := s.matchSealed(files); err != nil {
		return err
	}
	if err := s.openTars(files.tars); err != nil {
		return err
	}
	s.sortPacks()
	s.packs = cover(s.packs)
	for _, p := range s.packs {
		s.untidy = s.untidy || p.gone || p.as.generation > 0
	}
	if unreadable > 0 || s.gap() {
		if err := s.relist(ctx); err != nil {
			return fmt.Errorf("packs.jsonl is damaged and the bucket has to be asked: %w", err)
		}
	}
	if n := len(s.packs); n > 0 {
		s.next = s.packs[n-1].end()
	}
	if s.tree, err = openTree(a.disk, name.dir()); err != nil {
		return err
	}
	s.advanceLocked() // Nobody else has the stream yet.
	if err := s.readCheckpoint(); err != nil {
		return err
	}
	s.tree.cut(s.signedEnd())
	return nil
}

// signedEnd is behind the records that the last checkpoint tells of. What the
// tree has behind it may not be on the disk, and grows again from packs.
func (s *stream) signedEnd() Position {
	if s.proven == nil {
		return 0
	}
	return s.proven.Size
}

func (s *stream) sortPacks() {
	slices.SortFunc(s.packs, func(p, q *pack) int {
		if p.first < q.first {
			return -1
		}
		return 1
	})
}

// gap reports whether positions are missing between the packs.
func (s *stream) gap() bool {
	next := Position(0)
	for _, p := range s.packs {
		if p.first != next {
			return true
		}
		next = p.end()
	}
	return false
}

// byFirst returns the pack that begins at a position; nil when none does.
func (s *stream) byFirst(first Position) *pack {
	for _, p := range s.packs {
		if p.first == first {
			return p
		}
	}
	return nil
}

// matchSealed finds the sealed packs that are on local disk. One that is not
// listed was being sealed when the power went: it is removed when its tar is
// still there, else it is all we have.
func (s *stream) matchSealed(files listing) error {
	listed := map[Position]*pack{}
	for _, p := range s.packs {
		listed[p.first] = p
	}
	for _, one := range files.sealed {
		p := listed[one.first]
		if p != nil && p.as == one.as && !p.gone {
			p.local = true
			continue
		}
		// Written anew and not listed yet: the one that is listed is as good.
		stale := p != nil || one.as.generation > 0
		p = &pack{stream: s.name, first: one.first, as: one.as}
		if stale || slices.Contains(files.tars, one.first) {
			if err := s.a.disk.Remove(p.sealedName()); err != nil {
				return err
			}
			continue
		}
		if err := s.adopt(p); err != nil {
			return err
		}
	}
	return nil
}

// adopt lists a sealed pack that packs.jsonl does not know.
func (s *stream) adopt(p *pack) error {
	f, err := s.a.disk.Open(p.sealedName())
	if err != nil {
		return err
	}
	defer f.Close()
	if p.size, err = f.Size(); err != nil {
		return err
	}
	plain, length, err := s.a.plain(f, p.size, p.as.age)
	if errors.Is(err, ErrNoIdentity) {
		return fmt.Errorf("%s is not listed and cannot be read here: %w", p.sealedName(), err)
	}
	if err != nil {
		return s.a.setAside(p.sealedName(), fmt.Sprintf("%s cannot be decrypted: %v", p.key(), err))
	}
	opened, err := openSealed(plain, length, s.a.sealer.unzip)
	if err != nil {
		return s.a.setAside(p.sealedName(), fmt.Sprintf("%s cannot be read: %v", p.key(), err))
	}
	if p.sum, err = sumFile(f, p.size); err != nil {
		return err
	}
	p.takeManifest(&opened.manifest)
	p.local = true
	s.packs = append(s.packs, p)
	return s.log.add(p.line())
}

func (p *pack) takeManifest(m *Manifest) {
	p.records, p.bytes, p.oldest, p.newest = m.Records, m.Bytes, m.Oldest, m.Newest
}

// openTars recovers the packs that were not sealed. The last one is open
// again.
func (s *stream) openTars(firsts []Position) error {
	var open []Position
	for _, first := range firsts {
		if p := s.byFirst(first); p != nil { // Sealed; the crash came before its tar was removed.
			if err := s.a.disk.Remove(p.tarName()); err != nil {
				return err
			}
			continue
		}
		open = append(open, first)
	}
	for i, first := range open {
		upto := Position(0)
		if i+1 < len(open) {
			upto = open[i+1]
		}
		p := &pack{stream: s.name, first: first, full: upto > 0}
		if err := s.recoverTar(p, upto); err != nil {
			return fmt.Errorf("recover %s: %w", p.tarName(), err)
		}
		s.packs = append(s.packs, p)
	}
	return nil
}

// recoverTar finds the records of a pack that was open.
func (s *stream) recoverTar(p *pack, upto Position) error {
	f, err := s.a.disk.Open(p.tarName())
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	found, err := surveyPack(f, size, Address{s.name, p.first}, upto, s.mark)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if f, err = s.repair(p, f, size, &found); err != nil {
		return err
	}
	// What is behind the last record must not be found there once others are
	// written before it. What was found is seen from now on.
	if err := refresh(f, found.end); err != nil {
		return errors.Join(err, f.Close())
	}
	p.tar, p.starts = newHandle(f), []int64{0}
	for i := range found.spans {
		p.count(&found.spans[i].meta, found.spans[i].length)
	}
	if p.born = time.Now(); p.records > 0 && p.oldest.Before(p.born) {
		p.born = p.oldest
	}
	s.a.log.Info("pack recovered", "pack", p.tarName(), "records", p.records, "bytes", found.end, "cut", size-found.end)
	return nil
}

// repair sets a damaged pack aside as it was found, and puts markers where
// records are lost, so that every other record keeps its position.
func (s *stream) repair(p *pack, f file, size int64, found *survey) (file, error) {
	var bad []string
	lost := false
	for i, one := range found.spans {
		if one.damage == nil || one.meta.Kind == KindLost {
			continue
		}
		lost = lost || one.length == 0
		bad = append(bad, Address{s.name, p.first + Position(i)}.String())
	}
	if len(bad) == 0 {
		return f, nil
	}
	note := fmt.Sprintf("recovery could not read %s. If power was lost while they were received, their senders were not told that they are stored, and send them again; else the disk is damaged. "+
		"The pack as it was found is kept", strings.Join(bad, ", "))
	if err := s.a.keepCopy(f, size, p.tarName(), note, !lost); err != nil || !lost {
		return f, err
	}
	again, err := s.rewrite(p, f, found)
	return again, errors.Join(err, f.Close())
}

// rewrite makes a pack in which each lost record has a marker.
func (s *stream) rewrite(p *pack, old file, found *survey) (file, error) {
	d, temp := s.a.disk, p.tarName()+".tmp"
	if err := removeIfThere(d, temp); err != nil {
		return nil, err
	}
	f, err := d.Create(temp)
	if err != nil {
		return nil, err
	}
	w := &fileWriter{f: f, sum: noHash{}}
	received := time.Time{}
	for i := range found.spans {
		one := &found.spans[i]
		start := w.off
		if one.length > 0 {
			_, err = io.Copy(w, io.NewSectionReader(old, one.start, one.length))
			received = one.meta.Received
		} else {
			err = s.writeLost(w, one, p.first+Position(i), received)
		}
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		one.start, one.length = start, w.off-start
	}
	found.end = w.off
	if err := f.Sync(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := errors.Join(d.Rename(temp, p.tarName()), d.SyncDir(s.name.dir())); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// writeLost writes the marker of a lost record. It was received about when
// the one before it was.
func (s *stream) writeLost(w io.Writer, one *span, at Position, received time.Time) error {
	one.meta = Meta{Format: FormatVersion, Kind: KindLost, Stream: s.name, Position: at, Received: received}
	raw, err := json.Marshal(&one.meta)
	if err != nil {
		return err
	}
	_, err = w.Write(appendMeta(nil, s.mark, &one.meta, raw))
	return err
}

// relist asks the bucket for packs that are not listed here.
func (s *stream) relist(ctx context.Context) error {
	known := map[Position]bool{}
	for _, p := range s.packs {
		known[p.first] = true
	}
	var added []*pack
	for o, err := range s.a.store.List(ctx, "packs/"+string(s.name)+"/") {
		if err != nil {
			return err
		}
		_, first, as, ok := parseKey(o.Key)
		if ok && !known[first] {
			p := &pack{stream: s.name, first: first, as: as, size: o.Size, stored: true}
			s.packs, added = append(s.packs, p), append(added, p)
		}
	}
	s.sortPacks()
	for _, p := range added {
		if err := s.a.inspect(ctx, p); err != nil {
			return err
		}
		if err := s.log.add(p.line()); err != nil {
			return err
		}
	}
	if s.gap() {
		s.a.damaged(fmt.Sprintf("packs of the stream %s are missing here and in the bucket", s.name))
	}
	return nil
}

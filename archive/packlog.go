package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"
)

// packLog lists the sealed packs of a stream: streams/<stream>/packs.jsonl,
// one JSON object a line. A pack has a line when it is sealed and another
// when it is in the bucket, is written anew, or goes; the last one with the
// same first position counts. Packs that begin within the one before them were
// merged into it. Lines are only appended.
type packLog struct {
	f   file
	mu  sync.Mutex // The order of the writes.
	end int64      // Behind the last whole line; guarded by mu.
}

// packLine is a line of the log.
type packLine struct {
	First   Position  `json:"first"`
	Records int       `json:"records"`
	Size    int64     `json:"size"`   // Of the sealed pack, bytes.
	SHA256  Digest    `json:"sha256"` // Of the sealed pack.
	Bytes   int64     `json:"bytes"`  // Of bodies.
	Oldest  time.Time `json:"oldest"` // The earliest time at which one was received.
	Newest  time.Time `json:"newest"` // The latest time at which one was received.
	Stored  bool      `json:"stored"` // It is in the bucket.

	Generation int  `json:"generation,omitempty"` // How often it was written anew.
	Age        bool `json:"age,omitempty"`        // It is encrypted.
	Gone       bool `json:"gone,omitempty"`       // All its records were removed; Stored: the object is still to be deleted.
	Stated     bool `json:"stated,omitempty"`     // A checkpoint tells of this generation.
	Lock       Lock `json:"lock,omitzero"`        // What the bucket keeps it with.
}

// openPackLog reads the log of a stream, creating it when absent. A last line
// without its end was being written when the power went; other lines that
// cannot be read are counted.
func openPackLog(d disk, dir string) (log *packLog, lines []packLine, unreadable int, err error) {
	name := dir + "/packs.jsonl"
	f, err := d.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		if f, err = d.Create(name); err == nil {
			err = d.SyncDir(dir)
		}
	}
	if err != nil {
		return nil, nil, 0, err
	}
	log = &packLog{f: f}
	size, err := f.Size()
	if err != nil {
		return nil, nil, 0, errors.Join(err, f.Close())
	}
	raw, err := io.ReadAll(io.NewSectionReader(f, 0, size))
	if err != nil {
		return nil, nil, 0, errors.Join(err, f.Close())
	}
	log.end = int64(bytes.LastIndexByte(raw, '\n') + 1)
	lines, unreadable = parsePackLines(raw[:log.end])
	if err := refresh(f, log.end); err != nil {
		return nil, nil, 0, errors.Join(err, f.Close())
	}
	return log, lines, unreadable, nil
}

// parsePackLines returns the last line of each pack, in order of first mention.
func parsePackLines(raw []byte) (lines []packLine, unreadable int) {
	place := map[Position]int{}
	for text := range bytes.Lines(raw) {
		var l packLine
		if err := json.Unmarshal(text, &l); err != nil || l.Records <= 0 || l.Size < 0 {
			unreadable++
			continue
		}
		if i, ok := place[l.First]; ok {
			lines[i] = l
			continue
		}
		place[l.First] = len(lines)
		lines = append(lines, l)
	}
	return lines, unreadable
}

// add appends a line and makes it durable. After a failure the next line goes
// to the same place.
func (l *packLog) add(lines ...packLine) error {
	var text []byte
	for _, line := range lines {
		raw, err := json.Marshal(line)
		if err != nil {
			return fmt.Errorf("list pack: %w", err)
		}
		text = append(append(text, raw...), '\n')
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.f.Truncate(l.end); err != nil {
		return fmt.Errorf("list pack: %w", err)
	}
	if _, err := l.f.WriteAt(text, l.end); err != nil {
		return fmt.Errorf("list pack: %w", err)
	}
	if err := l.f.Sync(); err != nil {
		return fmt.Errorf("list pack: %w", err)
	}
	l.end += int64(len(text))
	return nil
}

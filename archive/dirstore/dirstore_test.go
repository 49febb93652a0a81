package dirstore

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/archive/archivetest"
)

func TestStore(t *testing.T) {
	archivetest.TestStore(t, func(t *testing.T) archive.Store {
		s, err := Open(filepath.Join(t.TempDir(), "new", "bucket"))
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestKeysStayInsideTheDirectory(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"", "/", "../x", "a/../x", "a//b", "a/", ".incoming/x", "a\x00b", "a b", "ä"} {
		if err := s.Create(t.Context(), key, strings.NewReader(""), archive.Digest{}, archive.Lock{}); err == nil {
			t.Errorf("created %q", key)
		}
		if _, err := s.Stat(t.Context(), key); err == nil {
			t.Errorf("stat of %q", key)
		}
		if r, err := s.Open(t.Context(), key, 0, -1); err == nil {
			r.Close()
			t.Errorf("opened %q", key)
		}
	}
}

// What a crash left half written is removed, but not what another process may
// be writing.
func TestOpenSweepsWhatACrashLeft(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); err != nil {
		t.Fatal(err)
	}
	old, fresh := filepath.Join(dir, incoming, "object-1"), filepath.Join(dir, incoming, "object-2")
	for _, name := range []string{old, fresh} {
		if err := os.WriteFile(name, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(old, before, before); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for o, err := range s.List(t.Context(), "") {
		t.Errorf("what is being written is listed: %s %v", o.Key, err)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("the old one is still there: %v", err)
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Errorf("the fresh one is gone: %v", err)
	}
}

func TestOpenNamesAFileInTheWay(t *testing.T) {
	name := filepath.Join(t.TempDir(), "bucket")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(name); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("open: %v, want an error that names %s", err, name)
	}
}

func TestDirectoryHasNoLocks(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	archivetest.TestNoLocks(t, s)
}

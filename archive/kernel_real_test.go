//go:build real

package archive_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/archive/dirstore"
)

// At each promise the kernel was told to make durable all that was written
// before: every file, and every directory in which a name came, changed or
// went. What strace sees is compared with that; the disk of the other tests is
// in memory and cannot tell whether the real one is asked.
func TestEverySyncReachesTheKernel(t *testing.T) {
	if dir := os.Getenv("POLYTRACE_TRACED"); dir != "" {
		traced(t, dir)
		return
	}
	dir := t.TempDir()
	log := filepath.Join(t.TempDir(), "strace")
	cmd := exec.CommandContext(t.Context(), "strace", "-f", "-y", "-qq", "-s", "0", "-o", log,
		"-e", "trace=openat,write,pwrite64,copy_file_range,sendfile,ftruncate,fsync,fdatasync,rename,renameat,renameat2,link,linkat,mkdir,mkdirat,unlink,unlinkat,readlinkat",
		os.Args[0], "-test.run", "^TestEverySyncReachesTheKernel$", "-test.count", "1")
	cmd.Env = append(os.Environ(), "POLYTRACE_TRACED="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("strace: %v\n%s", err, out)
	}
	raw, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	k := &kernel{dir: dir, files: map[string]bool{}, dirs: map[string]bool{}, halves: map[string]string{}}
	for line := range strings.Lines(string(raw)) {
		if promise := k.see(strings.TrimSuffix(line, "\n")); promise != "" {
			k.promises++
			for _, name := range k.unsynced() {
				t.Errorf("%s: %s was not synced", promise, name)
			}
		}
	}
	if k.promises != 14 || k.syncs < 20 {
		t.Errorf("%d promises and %d syncs were seen", k.promises, k.syncs)
	}
}

// traced does what makes promises, and says so in a way that strace sees.
func traced(t *testing.T, dir string) {
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		os.Readlink("/promise/" + strings.ReplaceAll(what, " ", "-")) // There is no such file.
	}
	data, bucket := filepath.Join(dir, "data"), filepath.Join(dir, "bucket")
	store, err := dirstore.Open(bucket)
	if err != nil {
		t.Fatal(err)
	}
	a, err := archive.Open(t.Context(), data, archive.Config{Store: store, Reserve: 1})
	must("opened", err)
	abandoned(t, filepath.Join(data, "streams/mail"))
	at := time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC)
	for _, size := range []int{100, 3 << 20, 70_000} {
		_, err = a.Append(t.Context(), archive.Mail, archive.Meta{Kind: archive.KindMessage, Received: at}, bytes.NewReader(bytes.Repeat([]byte("mail\r\n"), size/6)))
		must(fmt.Sprint("acknowledged ", size, " bytes"), err)
	}
	_, err = a.Append(t.Context(), archive.Ledger, archive.Meta{Kind: archive.KindEvent, Received: at},
		strings.NewReader(`{"type":"erasure.ordered","data":{"removes":[{"stream":"mail","first":1,"records":1}]}}`))
	must("decided", err)
	abandoned(t, filepath.Join(bucket, "packs/mail"))
	must("flushed", a.Flush(t.Context()))
	must("removed", a.Remove(t.Context(), archive.Address{Stream: archive.Ledger}, []archive.Removal{{Stream: archive.Mail, First: 1, Records: 1}}))
	must("closed", a.Close())

	text := []byte("an object")
	create := func(key string) error {
		return store.Create(t.Context(), key, bytes.NewReader(text), sha256.Sum256(text), archive.Lock{})
	}
	must("created", create("packs/other/1"))
	abandoned(t, filepath.Join(bucket, "alone/within"))
	must("created alone", create("alone/within/1"))
	// What another writer did who did not come to sync.
	if err := os.Link(store.Path("packs/other/1"), store.Path("packs/other/2")); err != nil {
		t.Fatal(err)
	}
	if err := create("packs/other/2"); !errors.Is(err, archive.ErrExists) {
		t.Fatal(err)
	}
	must("found", nil)
	must("deleted", store.Delete(t.Context(), "packs/other/1"))
	if err := os.Remove(store.Path("packs/other/2")); err != nil {
		t.Fatal(err)
	}
	must("deleted again", store.Delete(t.Context(), "packs/other/2"))
	restored := filepath.Join(dir, "restored")
	must("restored", archive.Restore(t.Context(), restored, archive.Config{Store: store, Reserve: 1}, nil))
}

// abandoned makes a directory as somebody does who does not come to sync it.
func abandoned(t *testing.T, dir string) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
}

// kernel is what it was told.
type kernel struct {
	dir         string
	files, dirs map[string]bool   // Written or changed, and not synced.
	halves      map[string]string // By thread: the beginning of a call that another one interrupted.
	promises    int
	syncs       int
}

var (
	callLine = regexp.MustCompile(`^(\d+)\s+(?:<\.\.\. )?(\w+)`)
	fdPath   = regexp.MustCompile(`<([^<>]*)>`)
	quoted   = regexp.MustCompile(`"([^"]*)"`)
)

// see takes a line of strace's, and returns the promise if it is one.
func (k *kernel) see(line string) string {
	m := callLine.FindStringSubmatch(line)
	if m == nil {
		return ""
	}
	thread, call := m[1], m[2]
	if begin, ok := strings.CutSuffix(line, " <unfinished ...>"); ok {
		k.halves[thread] = begin
		return ""
	}
	if strings.Contains(line, "resumed>") {
		_, rest, _ := strings.Cut(line, "resumed>")
		line = k.halves[thread] + rest
	}
	args, result, _ := strings.Cut(line, ") = ")
	if call == "readlinkat" {
		_, promise, _ := strings.Cut(args, "/promise/")
		promise, _, _ = strings.Cut(promise, `"`)
		return promise
	}
	if !strings.HasPrefix(result, "-1 ") {
		k.done(call, args)
	}
	return ""
}

// done takes a call that succeeded.
func (k *kernel) done(call, args string) {
	var names []string
	for _, m := range quoted.FindAllStringSubmatch(args, -1) {
		names = append(names, m[1])
	}
	path := ""
	if m := fdPath.FindStringSubmatch(args); m != nil {
		path = m[1]
	}
	switch call {
	case "write", "pwrite64", "ftruncate":
		k.files[path] = true
	case "fsync", "fdatasync":
		k.syncs++
		delete(k.files, path)
		delete(k.dirs, path)
	case "openat":
		if strings.Contains(args, "O_EXCL") {
			k.dirs[filepath.Dir(names[0])] = true
		}
	case "mkdir", "mkdirat":
		k.dirs[filepath.Dir(names[0])] = true
	case "rename", "renameat", "renameat2", "link", "linkat":
		k.dirs[filepath.Dir(names[1])] = true
		if k.files[names[0]] {
			k.files[names[1]] = true
		}
		if call[0] == 'r' {
			delete(k.files, names[0])
		}
	case "unlink", "unlinkat":
		delete(k.files, names[0])
		if strings.HasPrefix(names[0], filepath.Join(k.dir, "bucket/packs/other")) { // Others may come back.
			k.dirs[filepath.Dir(names[0])] = true
		}
	}
}

// unsynced lists what may be lost in a power cut. The number in a lock file
// and what was not finished in a bucket may.
func (k *kernel) unsynced() (names []string) {
	all := slices.Sorted(maps.Keys(k.files))
	for _, name := range append(all, slices.Sorted(maps.Keys(k.dirs))...) {
		inside := name == k.dir || strings.HasPrefix(name, k.dir+"/")
		if inside && filepath.Base(name) != "lock" && filepath.Base(name) != ".incoming" {
			names = append(names, strings.TrimPrefix(name, k.dir+"/"))
		}
	}
	return names
}

package archive_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
)

// This is a reader that was written from FORMAT.md alone: it shares no code
// with the archive, and extracts and proves a bucket with the tools that any
// language has.

// tarOf opens a pack.
func tarOf(file string, ids []age.Identity) (*tar.Reader, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := io.Reader(bytes.NewReader(raw))
	if strings.HasSuffix(file, ".age") {
		if r, err = age.Decrypt(r, ids...); err != nil {
			return nil, err
		}
	}
	z, err := zstd.NewReader(r)
	if err != nil {
		return nil, err
	}
	return tar.NewReader(z), nil
}

// newest finds the object that begins at a position, "" when there is none.
func newest(dir string, at int) (file string) {
	for generation := 0; generation < 100; generation++ {
		name := fmt.Sprintf("%020d", at)
		if generation > 0 {
			name += fmt.Sprintf(".r%d", generation)
		}
		for _, suffix := range []string{".tar.zst", ".tar.zst.age"} {
			if _, err := os.Stat(filepath.Join(dir, name+suffix)); err == nil {
				file = filepath.Join(dir, name+suffix)
			}
		}
	}
	return file
}

// extract reads a stream: bodies and leaves by position.
func extract(bucket, stream string, removed map[int]bool, ids []age.Identity) (bodies map[int][]byte, leaves map[int]string, err error) {
	bodies, leaves = map[int][]byte{}, map[int]string{}
	for at := 0; ; {
		file := newest(filepath.Join(bucket, "packs", stream), at)
		if file == "" && removed[at] {
			at++
			continue
		}
		if file == "" {
			return bodies, leaves, nil
		}
		t, err := tarOf(file, ids)
		if err != nil {
			return nil, nil, err
		}
		var meta struct {
			Kind, SHA256, Leaf string
			Position           int
		}
		for {
			h, err := t.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, nil, err
			}
			raw, err := io.ReadAll(t)
			if err != nil {
				return nil, nil, err
			}
			switch {
			case h.Name == "manifest.json":
			case strings.HasSuffix(h.Name, ".json"):
				meta.Leaf = ""
				if err := json.Unmarshal(raw, &meta); err != nil {
					return nil, nil, err
				}
				leaves[meta.Position] = node("\x00", string(raw))
				if meta.Kind == "erased" {
					leaf, err := hex.DecodeString(meta.Leaf)
					if err != nil {
						return nil, nil, err
					}
					leaves[meta.Position] = string(leaf)
				}
				at = meta.Position + 1
			default:
				if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != meta.SHA256 {
					return nil, nil, fmt.Errorf("%s has another SHA-256", h.Name)
				}
				bodies[meta.Position] = raw
			}
		}
	}
}

func node(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "")))
	return string(sum[:])
}

// root is RFC 6962 section 2.1.
func root(leaves []string) string {
	if len(leaves) == 1 {
		return leaves[0]
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	return node("\x01", root(leaves[:k]), root(leaves[k:]))
}

// What FORMAT.md says is enough to extract every message of a bucket and to
// compare it with the checkpoints.
func TestFormatIsEnoughToReadABucket(t *testing.T) {
	key, err := os.Open("testdata/golden-v2/age.key")
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	ids, err := age.ParseIdentities(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"plain", "age"} {
		bucket := filepath.Join("testdata/golden-v2", name)
		decisions, _, err := extract(bucket, "ledger", nil, ids)
		if err != nil {
			t.Fatal(err)
		}
		removed := map[int]bool{}
		for _, raw := range decisions {
			var e struct {
				Data struct {
					Removes []struct{ First, Records int }
				}
			}
			if err := json.Unmarshal(raw, &e); err != nil {
				t.Fatal(err)
			}
			for _, r := range e.Data.Removes {
				for i := range r.Records {
					removed[r.First+i] = true
				}
			}
		}
		bodies, leaves, err := extract(bucket, "mail", removed, ids)
		if err != nil || len(bodies) != 8 || len(removed) != 4 {
			t.Fatalf("%s: %d bodies, %d removed, %v", name, len(bodies), len(removed), err)
		}
		stored, err := os.ReadFile(filepath.Join(bucket, "leaves/mail/00000000000000000000"))
		if err != nil {
			t.Fatal(err)
		}
		for first := len(stored) / 32; first < 12; {
			more, err := os.ReadFile(filepath.Join(bucket, fmt.Sprintf("leaves/mail/%020d", first)))
			if err != nil {
				t.Fatal(err)
			}
			stored = append(stored, more...)
			first = len(stored) / 32
		}
		var all []string
		for i := 0; i < len(stored); i += 32 {
			all = append(all, string(stored[i:i+32]))
			if leaf, ok := leaves[i/32]; ok && leaf != all[i/32] {
				t.Errorf("%s: record %d has another leaf", name, i/32)
			}
		}
		note, err := os.ReadFile(filepath.Join(bucket, "checkpoints/mail/00000000000000000012"))
		if err != nil {
			t.Fatal(err)
		}
		if got := base64.StdEncoding.EncodeToString([]byte(root(all))); got != strings.Split(string(note), "\n")[2] {
			t.Errorf("%s: the root is %s, signed was\n%s", name, got, note)
		}
	}
}

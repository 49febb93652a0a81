//go:build real

package archive_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/archive/dirstore"

	"filippo.io/age"
)

// Whoever has the bucket, and the secret key if there is one, needs zstd, tar
// and age to have every message as it came.
func TestStandardToolsReadEveryPack(t *testing.T) {
	secret, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		to     []age.Recipient
		suffix string
		read   string
	}{
		{"plain", nil, ".tar.zst", "zstd -d < $PACK | tar"},
		{"encrypted", []age.Recipient{secret.Recipient()}, ".tar.zst.age", "age -d -i secret.key $PACK | zstd -d | tar"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "secret.key"), []byte(secret.String()+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			bodies := fill(t, dir, c.to)
			packs, err := filepath.Glob(filepath.Join(dir, "bucket/packs/mail/*"))
			if err != nil || len(packs) < 2 {
				t.Fatalf("%d packs, %v", len(packs), err)
			}
			tools := func(pack, more string) string {
				cmd := exec.CommandContext(t.Context(), "bash", "-o", "pipefail", "-c", c.read+" "+more)
				cmd.Dir, cmd.Env = dir, append(os.Environ(), "PACK="+pack)
				var out, errs bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &errs
				if err := cmd.Run(); err != nil {
					t.Fatalf("%s: %v %s", cmd, err, &errs)
				}
				return out.String()
			}
			var list, want []string
			for _, pack := range packs {
				if !strings.HasSuffix(pack, c.suffix) {
					t.Errorf("%s does not end with %s", pack, c.suffix)
				}
				list = append(list, strings.Fields(tools(pack, "t"))...)
				tools(pack, "x")
			}
			for i, body := range bodies {
				name := fmt.Sprintf("%020d", i)
				want = append(want, name+".json", name+".eml")
				if got, err := os.ReadFile(filepath.Join(dir, name+".eml")); err != nil || !bytes.Equal(got, body) {
					t.Errorf("message %d is not as it came: %v", i, err)
				}
			}
			if got := strings.ReplaceAll(strings.Join(list, " "), " manifest.json", ""); got != strings.Join(want, " ") {
				t.Errorf("tar lists %s", got)
			}
		})
	}
}

// fill puts some packs of mail into a bucket.
func fill(t *testing.T, dir string, to []age.Recipient) (bodies [][]byte) {
	store, err := dirstore.Open(filepath.Join(dir, "bucket"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := archive.Open(t.Context(), filepath.Join(dir, "archive"), archive.Config{Store: store, Reserve: 1, PackSize: 40_000, Recipients: to})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		body := []byte(fmt.Sprintf("Subject: %d\r\n\r\n", i) + strings.Repeat(fmt.Sprintf("line %d \x00\xff\n", i), 50*i))
		if _, err := a.Append(t.Context(), archive.Mail, archive.Meta{Kind: archive.KindMessage, Received: time.Unix(int64(i), 0)}, bytes.NewReader(body)); err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	if err := a.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	return bodies
}

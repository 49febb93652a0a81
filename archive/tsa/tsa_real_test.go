//go:build real

package tsa

import (
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"polytrace/archive/archivetest/authority"
)

// OpenSSL comes to the same conclusion.
func TestStampIsCheckedByOthers(t *testing.T) {
	a := authority.New(t)
	answer, err := a.Stamp(digest)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Root.Raw})
	for name, raw := range map[string][]byte{"checkpoint": []byte("a checkpoint"), "other": []byte("another"), "tsr": answer, "root.pem": root} {
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for data, ok := range map[string]bool{"checkpoint": true, "other": false} {
		c := exec.CommandContext(t.Context(), "openssl", "ts", "-verify", "-data", data, "-in", "tsr", "-CAfile", "root.pem")
		c.Dir = dir
		if out, err := c.CombinedOutput(); (err == nil) != ok {
			t.Errorf("%s: %v %s", data, err, out)
		}
	}
}

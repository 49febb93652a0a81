//go:build real

package s3store

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"

	"polytrace/archive"
	"polytrace/archive/archivetest"
)

// Uploading packs of 32 MiB to a real server on this machine, several at once
// as the archive does; beside it, hashing alone.
func BenchmarkUpload(b *testing.B) {
	pack := make([]byte, 32<<20)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(pack) // It never fails.
	sum := archive.Digest(sha256.Sum256(pack))
	b.Run("SHA-256 alone", func(b *testing.B) {
		b.SetBytes(int64(len(pack)))
		for b.Loop() {
			sha256.Sum256(pack)
		}
	})
	b.Run("S3", func(b *testing.B) {
		s := newStore(b, archivetest.StartS3(b), "")
		b.SetBytes(int64(len(pack)))
		n := 0
		for b.Loop() {
			n++
			if err := s.Create(b.Context(), fmt.Sprintf("packs/bench/%020d.tar.zst", n), bytes.NewReader(pack), sum, archive.Lock{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

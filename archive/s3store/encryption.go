package s3store

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/minio/minio-go/v7/pkg/encrypt"
)

// ParseEncryption reads what the server is to encrypt objects with: "" as the
// bucket is set to, "SSE-S3", "SSE-KMS:KEY-ID", or "SSE-C:FILE" with a key of
// 32 bytes, raw or in base64, that only its owner can read.
func ParseEncryption(text string) (encrypt.ServerSide, error) {
	kind, rest, _ := strings.Cut(text, ":")
	switch {
	case text == "":
		return nil, nil
	case text == "SSE-S3":
		return encrypt.NewSSE(), nil
	case kind == "SSE-KMS" && rest != "":
		return encrypt.NewSSEKMS(rest, nil)
	case kind == "SSE-C" && rest != "":
		key, err := readKey(rest)
		if err != nil {
			return nil, fmt.Errorf("key of SSE-C: %w", err)
		}
		return encrypt.NewSSEC(key)
	}
	return nil, fmt.Errorf("%q is no server-side encryption: write SSE-S3, SSE-KMS:KEY-ID or SSE-C:FILE", text)
}

func readKey(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others; run chmod 600 on it", file)
	}
	raw, err := os.ReadFile(file)
	if err != nil || len(raw) == 32 {
		return raw, err
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(raw)))
	if err != nil || len(key) != 32 {
		return nil, errors.Join(fmt.Errorf("%s holds no key of 32 bytes, raw or in base64", file), err)
	}
	return key, nil
}

// keyOnly is what reading needs: the key of SSE-C, nothing else.
func (s *Store) keyOnly() encrypt.ServerSide {
	if s.sse != nil && s.sse.Type() == encrypt.SSEC {
		return s.sse
	}
	return nil
}

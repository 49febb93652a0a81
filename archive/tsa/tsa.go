// Package tsa asks an authority for time stamps (RFC 3161).
package tsa

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"

	"polytrace/archive"

	"github.com/digitorus/timestamp"
)

// Client asks the authority at a URL, over HTTP (RFC 3161 section 3.4).
type Client struct {
	URL  string
	HTTP *http.Client
}

const maxAnswer = 1 << 20

// Stamp returns the answer of the authority, a TimeStampResp in DER that has
// its certificate, once it is known to be one to this question.
func (c *Client) Stamp(ctx context.Context, digest archive.Digest) ([]byte, error) {
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 63))
	if err != nil {
		return nil, err
	}
	question, err := (&timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: digest[:], Certificates: true, Nonce: nonce}).Marshal()
	if err != nil {
		return nil, err
	}
	answer, err := c.post(ctx, question)
	if err != nil {
		return nil, fmt.Errorf("authority %s: %w", c.URL, err)
	}
	t, err := archive.ReadTimestamp(answer, digest, nil)
	if err == nil && (t.Nonce == nil || t.Nonce.Cmp(nonce) != 0) {
		err = errors.New("it answers another question")
	}
	if err != nil {
		return nil, fmt.Errorf("authority %s: %w", c.URL, err)
	}
	return answer, nil
}

func (c *Client) post(ctx context.Context, question []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(question))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/timestamp-query")
	resp, err := c.HTTP.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %s", resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
}

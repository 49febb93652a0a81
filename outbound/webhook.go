package outbound

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
)

// Webhook tells a program by HTTP.
type Webhook struct {
	URL    string
	Secret string // Signs what is sent; "": nothing does.
	HTTP   *http.Client
}

// SignatureHeader holds "sha256=" and the HMAC-SHA-256 of the body under the secret, in hexadecimal digits.
const SignatureHeader = "X-Polytrace-Signature"

// Post sends JSON. The program has it when the error is nil, which is after an answer with 2xx; one that wraps ErrRefused says
// that it never will.
func (w Webhook) Post(ctx context.Context, payload []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(payload))
	if err != nil {
		return fmt.Errorf("address of the webhook: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "polytrace")
	if w.Secret != "" {
		mac := hmac.New(sha256.New, []byte(w.Secret))
		mac.Write(payload)
		r.Header.Set(SignatureHeader, "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
	resp, err := w.HTTP.Do(r)
	if err != nil {
		return fmt.Errorf("call the webhook: %w", err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // So that the connection can be used again.
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusBadRequest || code == http.StatusRequestEntityTooLarge || code == http.StatusUnprocessableEntity:
		return fmt.Errorf("the webhook answers %s: %w", resp.Status, ErrRefused)
	}
	return fmt.Errorf("the webhook answers %s", resp.Status)
}

package tsa

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/archive/archivetest/authority"
)

var digest = archive.Digest(sha256.Sum256([]byte("a checkpoint")))

func TestStampIsOfWhatWasAsked(t *testing.T) {
	a := authority.New(t)
	at := time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)
	a.Now = func() time.Time { return at }
	answer, err := (&Client{a.Serve(t), http.DefaultClient}).Stamp(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	got, err := archive.ReadTimestamp(answer, digest, a.Roots)
	if err != nil || !got.Time.Equal(at) || !got.Trusted || got.Authority != "CN=Test Time Stamps" {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := archive.ReadTimestamp(answer, digest, authority.New(t).Roots); err != nil || got.Trusted {
		t.Errorf("by another root: %+v %v", got, err)
	}
	if _, err := archive.ReadTimestamp(answer, archive.Digest{}, nil); err == nil {
		t.Error("it is of anything")
	}
}

// What is not an answer to the question is refused with the reason.
func TestBadAnswersAreRefused(t *testing.T) {
	a := authority.New(t)
	old, err := a.Stamp(digest) // Has no nonce: it could be an old one.
	if err != nil {
		t.Fatal(err)
	}
	other, err := a.Stamp(archive.Digest{1})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code int
		body []byte
		want string
	}{
		{http.StatusServiceUnavailable, nil, "503"},
		{http.StatusFound, nil, "302"},
		{http.StatusOK, nil, "cannot be read"},
		{http.StatusOK, []byte(strings.Repeat("0", 2*maxAnswer)), "cannot be read"},
		{http.StatusOK, other, "something else"},
		{http.StatusOK, old, "another question"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.code)
			w.Write(c.body)
		}))
		_, err := (&Client{server.URL, http.DefaultClient}).Stamp(t.Context(), digest)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), server.URL) {
			t.Errorf("%d %.10q: %v", c.code, c.body, err)
		}
		server.Close()
	}
}

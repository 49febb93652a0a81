//go:build real

package s3store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/archive/archivetest"
)

// behind is a store whose requests go through a proxy.
func behind(t *testing.T) (*Store, *archivetest.Proxy) {
	t.Helper()
	server := archivetest.StartS3(t)
	c := config(t, server, "")
	if err := Make(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	p := archivetest.StartProxy(t, server.Endpoint)
	c.Location.Host, c.Transport = strings.TrimPrefix(p.URL, "http://"), nil
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return s, p
}

// Whatever the network does to an answer, a store returns the right bytes or
// an error, and never says of an object that it is not there.
func TestBadNetworkGivesErrorsAndNoLies(t *testing.T) {
	s, p := behind(t)
	body := bytes.Repeat([]byte("evidence "), 5000)
	if err := s.Create(t.Context(), "packs/mail/0", bytes.NewReader(body), digest(t, bytes.NewReader(body)), archive.Lock{}); err != nil {
		t.Fatal(err)
	}
	for _, f := range archivetest.Faults {
		p.Set(func(*http.Request) (archivetest.Fault, bool) { return f, true })
		o, err := s.Stat(t.Context(), "packs/mail/0")
		if errors.Is(err, archive.ErrNoObject) || err == nil && o.Size != int64(len(body)) {
			t.Errorf("%s: stat: %+v, %v", f, o, err)
		}
		r, err := s.Open(t.Context(), "packs/mail/0", 0, -1)
		var got []byte
		if err == nil {
			got, err = io.ReadAll(r)
			r.Close()
		}
		if errors.Is(err, archive.ErrNoObject) || err == nil && f != archivetest.Wrong && !bytes.Equal(got, body) {
			t.Errorf("%s: open: %d bytes, %v", f, len(got), err)
		}
		key := fmt.Sprint("packs/mail/", f)
		err = s.Create(t.Context(), key, bytes.NewReader(body), digest(t, bytes.NewReader(body)), archive.Lock{})
		p.Set(nil)
		if _, missing := s.Stat(t.Context(), key); err == nil && missing != nil {
			t.Errorf("%s: create said that it worked: %v", f, missing)
		}
		// Tried again it is created, or there already.
		if err := s.Create(t.Context(), key, bytes.NewReader(body), digest(t, bytes.NewReader(body)), archive.Lock{}); err != nil && !errors.Is(err, archive.ErrExists) {
			t.Errorf("%s: create again: %v", f, err)
		}
	}
}

// An archive behind a network that fails in every way loses nothing that it
// acknowledged, and its bucket is whole when the network is good again.
func TestArchiveOutlivesABadNetwork(t *testing.T) {
	for _, ack := range []archive.Acknowledge{archive.OnDisk, archive.InBucket} {
		s, p := behind(t)
		c := archive.Config{Store: s, PackSize: 64 << 10, PackAge: 50 * time.Millisecond, CacheSize: 1, Reserve: 1, Acknowledge: ack}
		a, err := archive.Open(t.Context(), t.TempDir(), c)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var work sync.WaitGroup
		work.Go(func() { a.Run(ctx) })
		r := rand.New(rand.NewPCG(rand.Uint64(), 1))
		var mu sync.Mutex
		failed := make(chan struct{})
		requests := 0
		p.Set(func(*http.Request) (archivetest.Fault, bool) {
			mu.Lock()
			defer mu.Unlock()
			if requests++; requests == 1 {
				close(failed)
			}
			return archivetest.Faults[r.IntN(len(archivetest.Faults))], requests == 1 || r.IntN(5) == 0
		})
		stored := map[archive.Address][]byte{}
		var senders sync.WaitGroup
		for sender := range 8 {
			senders.Go(func() {
				for i := range 15 {
					body := bytes.Repeat(fmt.Appendf(nil, "message %d of %d ", i, sender), 200)
					m, err := a.Append(t.Context(), archive.Mail, archive.Meta{Kind: archive.KindMessage, Received: time.Now()}, bytes.NewReader(body))
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					stored[m.Address()] = body
					mu.Unlock()
				}
			})
		}
		senders.Wait()
		select {
		case <-failed: // Who acknowledges on the disk may be done before the first request.
		case <-time.After(30 * time.Second):
			t.Fatal("the network was good for half a minute")
		}
		p.Set(nil)
		if err := a.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		stop()
		work.Wait()
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		v, err := archive.VerifyBucket(t.Context(), s, archive.Inspection{Scratch: t.TempDir()}, nil)
		if err != nil || len(v.Problems) > 0 {
			t.Errorf("the bucket: %+v, %v", v.Problems, err)
		}
		restored(t, s, p, stored)
	}
}

// restored loses the machine and restores through a bad network.
func restored(t *testing.T, s *Store, p *archivetest.Proxy, stored map[archive.Address][]byte) {
	t.Helper()
	n := 0
	p.Set(func(r *http.Request) (archivetest.Fault, bool) {
		n++
		return archivetest.Late, n%40 == 0
	})
	c := archive.Config{Store: s, CacheSize: 1, Reserve: 1}
	dir := t.TempDir()
	for range 50 { // Interrupted, it goes on where it was.
		err := archive.Restore(t.Context(), dir, c, nil)
		if err == nil {
			break
		}
		if errors.Is(err, archive.ErrDamaged) {
			t.Fatal(err)
		}
	}
	a, err := archive.Open(t.Context(), dir, c)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	faults := 0
	p.Set(func(r *http.Request) (archivetest.Fault, bool) {
		faults++
		return archivetest.Faults[faults%len(archivetest.Faults)], faults%3 == 0 && r.Method == http.MethodGet
	})
	for at, body := range stored {
		r, err := a.Read(t.Context(), at)
		if err == nil && !bytes.Equal(r.Body, body) {
			t.Errorf("%s came back as other bytes", at)
		}
	}
	p.Set(nil)
	for at, body := range stored {
		if r, err := a.Read(t.Context(), at); err != nil || !bytes.Equal(r.Body, body) {
			t.Errorf("%s: %v", at, err)
		}
	}
}

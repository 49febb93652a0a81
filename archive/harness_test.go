package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memStore is a bucket in memory.
type memStore struct {
	mu      sync.Mutex
	objects map[string][]byte
	locks   map[string]Lock
	now     func() time.Time           // Of the server.
	fail    func(op, key string) error // Asked before each operation; may be nil.
	opens   int
}

func newMemStore() *memStore {
	return &memStore{objects: map[string][]byte{}, locks: map[string]Lock{}, now: time.Now}
}

func (s *memStore) ask(op, key string) error {
	if s.fail == nil {
		return nil
	}
	return s.fail(op, key)
}

func (s *memStore) Create(ctx context.Context, key string, body Body, sum Digest, lock Lock) error {
	raw, err := io.ReadAll(io.NewSectionReader(body, 0, body.Size()))
	if err != nil {
		return err
	}
	if Digest(sha256.Sum256(raw)) != sum {
		return errors.New("wrong sum")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(context.Cause(ctx), s.ask("create", key)); err != nil {
		return err
	}
	if _, ok := s.objects[key]; ok {
		return ErrExists
	}
	s.objects[key], s.locks[key] = raw, lock
	return s.ask("created", key)
}

func (s *memStore) Delete(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ask("delete", key); err != nil {
		return err
	}
	if l := s.locks[key]; l.Hold || l.Mode != Unlocked && s.now().Before(l.Until) {
		return ErrRetained
	}
	delete(s.objects, key)
	delete(s.locks, key)
	return s.ask("deleted", key)
}

func (s *memStore) Protect(_ context.Context, key string, lock Lock) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ask("protect", key); err != nil {
		return err
	}
	if _, ok := s.objects[key]; !ok {
		return ErrNoObject
	}
	if old := s.locks[key]; s.now().Before(old.Until) && (old.Mode == Compliance && lock.Mode != Compliance || old.Mode != Unlocked && lock.Until.Before(old.Until)) {
		return ErrDenied
	}
	s.locks[key] = lock
	return s.ask("protected", key)
}

func (s *memStore) ProveLock(context.Context, LockMode) error { return nil }

func (s *memStore) Open(_ context.Context, key string, off, n int64) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ask("open", key); err != nil {
		return nil, err
	}
	s.opens++
	raw, ok := s.objects[key]
	if !ok {
		return nil, ErrNoObject
	}
	raw = raw[off:]
	if n >= 0 && n < int64(len(raw)) {
		raw = raw[:n]
	}
	return io.NopCloser(bytes.NewReader(raw)), nil
}

func (s *memStore) Stat(_ context.Context, key string) (Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw, ok := s.objects[key]
	if !ok {
		return Object{}, ErrNoObject
	}
	return Object{Key: key, Size: int64(len(raw)), SHA256: sha256.Sum256(raw), Lock: s.locks[key]}, s.ask("stat", key)
}

func (s *memStore) List(_ context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		s.mu.Lock()
		err := s.ask("list", prefix)
		var found []Object
		for key, raw := range s.objects {
			if strings.HasPrefix(key, prefix) {
				found = append(found, Object{Key: key, Size: int64(len(raw))})
			}
		}
		s.mu.Unlock()
		if err != nil {
			yield(Object{}, err)
			return
		}
		slices.SortFunc(found, func(a, b Object) int { return strings.Compare(a.Key, b.Key) })
		for _, o := range found {
			if !yield(o, nil) {
				return
			}
		}
	}
}

func (s *memStore) String() string { return "mem://bucket" }

func (s *memStore) setFail(f func(op, key string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = f
}

// packKeys lists the packs.
func (s *memStore) packKeys() (keys []string) {
	for o := range s.List(context.Background(), "packs/") {
		keys = append(keys, o.Key)
	}
	return keys
}

// received is the time that records of tests were received at, plus some.
func received(seconds int) time.Time {
	return time.Date(2026, 11, 3, 9, 0, seconds, 0, time.UTC)
}

func message(i int) Meta {
	return Meta{Kind: KindMessage, Received: received(i), Source: Source{Queue: "support", Format: "plain"},
		Envelope: &Envelope{From: "robin@contoso.example", To: []string{"support-1@journal.example"}},
		Peer:     &Peer{IP: "192.0.2.1", Helo: "mx.contoso.example"}}
}

// mailText makes text that compresses about as mail does.
func mailText(seed uint64, size int) []byte {
	r := rand.New(rand.NewPCG(seed, 7))
	words := strings.Fields("the invoice of our last order was wrong again please have a look at it and tell us when somebody will call about the broken pump since Tuesday regards support team contoso northwind ticket attached meeting shipment delayed customs replacement warranty escalation")
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: \"Team %d\" <team%d@contoso.example>\r\nTo: <help@northwind.example>\r\nSubject: Order %d\r\nMessage-ID: <%x.%x@contoso.example>\r\nDate: Tue, 3 Nov 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n",
		r.IntN(90), r.IntN(90), r.IntN(1e6), r.Uint64(), r.Uint64())
	for line := 0; b.Len() < size; {
		word := words[min(r.IntN(len(words)), r.IntN(len(words)))]
		if r.IntN(12) == 0 {
			word = fmt.Sprintf("%x", r.Uint32())
		}
		b.WriteString(word)
		if line += len(word) + 1; line > 70 {
			b.WriteString("\r\n")
			line = 0
		} else {
			b.WriteByte(' ')
		}
	}
	return b.Bytes()[:size]
}

// testConfig seals only when asked to.
func testConfig(s Store) Config {
	return Config{Store: s, PackAge: time.Hour, LedgerAge: time.Hour, Reserve: 1}
}

func mustOpen(t testing.TB, d disk, c Config) *Archive {
	t.Helper()
	a, err := openOn(t.Context(), d, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func mustClose(t testing.TB, a *Archive) {
	t.Helper()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustAppend(t testing.TB, a *Archive, s Stream, m Meta, body []byte) Meta {
	t.Helper()
	got, err := a.Append(t.Context(), s, m, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func mustFlush(t testing.TB, a *Archive) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // No time at all in a bubble of synctest.
	defer cancel()
	if err := a.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

// checkBody reads a record in every way there is.
func checkBody(t testing.TB, a *Archive, at Address, want []byte) {
	t.Helper()
	r, err := a.Read(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(r.Body, want) {
		t.Errorf("%s reads back as %d bytes %.80q, want %d %.80q", at, len(r.Body), r.Body, len(want), want)
	}
	if r.Meta.SHA256 != sha256.Sum256(want) || r.Meta.Size != int64(len(want)) || r.Meta.Address() != at {
		t.Errorf("%s has metadata %+v", at, r.Meta)
	}
	_, body, err := a.ReadBody(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the body of %s: %v, %d bytes, want %d", at, err, len(got), len(want))
	}
}

// checkScan compares a scan with the bodies that records should have.
func checkScan(t testing.TB, a *Archive, s Stream, from Position, want [][]byte) {
	t.Helper()
	at := from
	for r, err := range a.Scan(t.Context(), s, from) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Meta.Address() != (Address{s, at}) || !bytes.Equal(r.Body, want[at]) {
			t.Fatalf("scan came upon %s with %d bytes at %d", r.Meta.Address(), len(r.Body), at)
		}
		at++
	}
	if int(at) != len(want) {
		t.Errorf("scan ended at %d of %d", at, len(want))
	}
}

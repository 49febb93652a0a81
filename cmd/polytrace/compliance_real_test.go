//go:build real

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/archive/archivetest"
	"polytrace/archive/s3store"
	"polytrace/casework"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Nobody deletes a pack under compliance before its date, or makes the date
// earlier: not who takes the server's credentials to the bucket, and not the
// server itself when it is told to erase.
func TestOwnCredentialsCannotDeleteBeforeTheDate(t *testing.T) {
	s := newKept(t, "POLYTRACE_ARCHIVE_PACK_AGE=100ms")
	s.run("retention", "set", "mail", "--keep", "1d", "--lock", "compliance")
	s.deliver(letters[0])
	waitUntil(t.Fatalf, "the bucket", func() bool { return inBucket(t, s.run("status", "--json")) == 1 })
	s.caughtUp()
	pack := s.version(archive.Mail, 0)
	body, lock := s.bytesOf(pack), s.lockOf(pack)
	if until := s.received("mail/0").AddDate(0, 0, 1); lock.Mode != archive.Compliance || lock.Until.Before(until) || lock.Until.Sub(until) >= time.Second {
		t.Fatalf("locked by %+v, want compliance until %s", lock, until)
	}

	s.mayDelete()
	for what, try := range s.attempts(pack, lock) {
		s.refuses(what, try())
		if now := s.lockOf(pack); now != lock {
			t.Errorf("%s: locked by %+v, was %+v", what, now, lock)
		}
		if !bytes.Equal(s.bytesOf(pack), body) {
			t.Errorf("%s: other bytes", what)
		}
	}

	s.run("erase", "mail/0", "--reason", "Art. 17")
	s.run("erasure", "approve", "1")
	waitUntil(t.Fatalf, "the server to try", func() bool { return strings.Contains(s.run("erasure", "list"), "the bucket keeps it until") })
	if !bytes.Equal(s.bytesOf(pack), body) || s.lockOf(pack) != lock {
		t.Error("the server changed what is locked")
	}
}

// What goes is what the simulator named before, of classes that keep for
// different times: nothing more, nothing less, and no version is left in the
// bucket. All other records stay as they came.
func TestExpiryRemovesExactlyWhatTheSimulatorSaid(t *testing.T) {
	s := newKept(t)
	for _, c := range [][]string{{"mail", "1d"}, {"mail-week", "7d", "--lock", "compliance"}, {"mail-long", "400d", "--lock", "governance"}, {"mail-always", "forever"}} {
		s.run("queue", "add", c[0], "--format", "plain", "--class", c[0])
		s.run(append([]string{"retention", "set", c[0], "--keep"}, c[1:]...)...)
	}
	first := soon()
	second, later := first.Add(3*time.Second), first.Add(time.Hour)
	s.past(
		pastPack{"mail", 1, []time.Time{first.Add(-time.Hour), first, first}},
		pastPack{"mail", 1, []time.Time{second, second}},
		pastPack{"mail", 1, []time.Time{first, later}}, // The newest record keeps the other one.
		pastPack{"mail-week", 7, []time.Time{first}},
		pastPack{"mail-week", 7, []time.Time{second}},
		pastPack{"mail-week", 7, []time.Time{later, later}},
		pastPack{"mail-long", 400, []time.Time{second, second}},
		pastPack{"mail-long", 400, []time.Time{later}},
		pastPack{"mail-always", 2000, []time.Time{first}},
	)
	s.round()
	all, one, two := s.packs(), s.goes(first), s.goes(second)
	if len(all) != 9 || len(one) != 2 || len(two) != 5 {
		t.Fatalf("of %d packs %d go first, then %d", len(all), len(one), len(two))
	}
	for class, mode := range map[archive.Stream]archive.LockMode{"mail": archive.Unlocked, "mail-week": archive.Compliance, "mail-long": archive.Governance} {
		if l := s.lockOf(s.version(class, 0)); l.Mode != mode {
			t.Errorf("%s is locked by %+v", class, l)
		}
	}
	for _, at := range []struct {
		end  time.Time
		goes []archive.PackInfo
	}{{time.Now(), nil}, {first, one}, {second, two}} {
		waitUntil(t.Fatalf, "the end of a period", func() bool { return time.Now().After(at.end) })
		for range 2 { // A second round finds nothing more.
			s.round()
			s.isGone(all, at.goes)
		}
	}
	s.run("verify", "--from", s.store.String())
}

// A hold placed in the last second keeps its records, and by a legal hold
// their pack with all that is in it, until it is released.
//
// QUIRK: versitygw 1.8 does not ask for the hold where a retention has ended,
// so the class has none and the hold stands alone.
func TestHoldOneSecondBeforeExpiryKeepsTheRecords(t *testing.T) {
	s := newKept(t)
	s.run("retention", "set", "mail", "--keep", "1d")
	end := soon()
	s.past(pastPack{"mail", 1, []time.Time{end, end, end}}, pastPack{"mail", 1, []time.Time{end, end}})
	s.round()
	all, goes := s.packs(), s.goes(end)
	if len(goes) != 2 {
		t.Fatalf("%v go, want both packs", goes)
	}
	pack := s.version(archive.Mail, 0)
	body := s.bytesOf(pack)

	stop := s.keepAsking() // So that the Keeper is at work at the very moment.
	defer stop()
	waitUntil(t.Fatalf, "the last second", func() bool { return time.Until(end) <= time.Second })
	var h casework.Hold
	s.do(http.MethodPost, "/holds", map[string]string{"name": "acme", "query": `subject:"mail 1"`, "reason": "Acme v. Northwind"}, &h)
	if h.Records != 1 || h.At.Before(end.Add(-time.Second)) || !h.At.Before(end) {
		t.Fatalf("the hold keeps %d records from %s on, want 1 from the second before %s", h.Records, h.At, end)
	}
	waitUntil(t.Fatalf, "the end of the period", func() bool { return time.Now().After(end) })
	stop()
	s.round()
	s.isGone(all, goes[1:])
	if l := s.lockOf(pack); l != (archive.Lock{Hold: true}) {
		t.Errorf("locked by %+v, want a legal hold", l)
	}
	for what, try := range s.deletions(pack) {
		s.refuses(what, try())
	}
	if !bytes.Equal(s.bytesOf(pack), body) {
		t.Error("other bytes under hold")
	}
	if due := s.goes(time.Now()); len(due) > 0 {
		t.Errorf("%v is due under hold", due)
	}

	s.run("hold", "release", "acme", "--reason", "settled")
	s.round()
	s.isGone(all, goes)
	s.run("verify", "--from", s.store.String())
}

// kept is an appliance over a bucket with versions and object lock, and the
// bucket as the server's own credentials reach it.
type kept struct {
	*appliance
	bucket string
	store  *s3store.Store
	client *minio.Client
	sent   map[archive.Address]string // Bodies, by where they are.
}

func newKept(t *testing.T, env ...string) *kept {
	t.Helper()
	server := archivetest.StartS3(t)
	at, err := s3store.ParseURL(server.URL("kept"))
	if err != nil {
		t.Fatal(err)
	}
	c := s3store.Config{Location: at, Credentials: credentials.NewStaticV4(server.AccessKey, server.SecretKey, "")}
	if err := s3store.Make(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	store, err := s3store.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	client, err := minio.New(at.Host, &minio.Options{Creds: c.Credentials, Region: at.Region})
	if err != nil {
		t.Fatal(err)
	}
	env = append(env, "POLYTRACE_BUCKET_URL="+at.String(), "AWS_ACCESS_KEY_ID="+server.AccessKey, "AWS_SECRET_ACCESS_KEY="+server.SecretKey)
	return &kept{newAppliance(t, env...), at.Bucket, store, client, map[archive.Address]string{}}
}

// soon is when the first period of a test ends: late enough for the server to
// start and to lock its packs before.
func soon() time.Time { return time.Now().UTC().Truncate(time.Second).Add(10 * time.Second) }

// pastPack is a pack of a class that keeps for some days, with records whose
// time ends then.
type pastPack struct {
	class archive.Stream
	days  int
	ends  []time.Time
}

// past puts mail into the archive as if the machine had taken it that long
// ago, and starts the server again over it.
func (s *kept) past(packs ...pastPack) {
	s.t.Helper()
	s.stop()
	a, err := archive.Open(s.t.Context(), filepath.Join(s.dir, "archive"), archive.Config{Store: s.store})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, p := range packs {
		for _, end := range p.ends {
			raw := fmt.Sprintf("From: jane@acme.example\r\nSubject: %s %d\r\n\r\nkept for %d days\r\n", p.class, a.Next(p.class), p.days)
			m, err := a.Append(s.t.Context(), p.class, archive.Meta{Kind: archive.KindMessage, Received: end.AddDate(0, 0, -p.days)}, strings.NewReader(raw))
			if err != nil {
				s.t.Fatal(err)
			}
			s.sent[m.Address()] = raw
		}
		if err := a.Flush(s.t.Context()); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		s.t.Fatal(err)
	}
	s.start()
	s.caughtUp()
}

// api is the server's, as verbs use it.
func (s *appliance) api() *client {
	s.t.Helper()
	c := &call{ctx: s.t.Context(), dir: s.dir}
	api, err := c.connect()
	if err != nil {
		s.t.Fatal(err)
	}
	return api
}

func (s *kept) do(method, path string, in, out any) {
	s.t.Helper()
	api := s.api()
	if err := errors.Join(api.do(s.t.Context(), method, path, nil, in, out), api.close()); err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
}

func (s *kept) received(at string) time.Time {
	s.t.Helper()
	var r struct{ Received time.Time }
	s.do(http.MethodGet, "/records/"+at, nil, &r)
	return r.Received
}

type outlook struct {
	Classes []casework.Outlook
	Keeper  casework.KeeperStatus
}

// goes asks the simulator which packs go at a time.
func (s *kept) goes(at time.Time) (packs []archive.PackInfo) {
	s.t.Helper()
	var o outlook
	if err := json.Unmarshal([]byte(s.run("retention", "simulate", "--json", "--at", at.Format(time.RFC3339Nano))), &o); err != nil {
		s.t.Fatal(err)
	}
	for _, c := range o.Classes {
		for _, v := range c.Rows {
			if v.Due {
				packs = append(packs, v.Pack)
			}
		}
	}
	return packs
}

// ask sets the Keeper to work by a decision that changes nothing.
func (s *kept) ask(ctx context.Context, api *client) error {
	return api.do(ctx, http.MethodPut, "/erasures/policy", nil, map[string]bool{"second_person": false}, nil)
}

// round returns when the Keeper did all that there was to do at the call.
func (s *kept) round() {
	s.t.Helper()
	api := s.api()
	defer api.close()
	var o outlook
	for range 2 { // The first one may have begun before.
		asked := time.Now()
		if err := s.ask(s.t.Context(), api); err != nil {
			s.t.Fatal(err)
		}
		waitUntil(s.t.Fatalf, "the Keeper", func() bool {
			o = outlook{}
			s.do(http.MethodGet, "/retention", nil, &o)
			return o.Keeper.Checked.After(asked)
		})
	}
	if k := o.Keeper; k.Failure != "" || len(k.Kept) > 0 {
		s.t.Fatalf("the Keeper: %+v", k)
	}
}

// keepAsking has the Keeper begin round after round until stop is called.
func (s *kept) keepAsking() (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	api := s.api()
	var asking sync.WaitGroup
	asking.Go(func() {
		for tick := time.Tick(10 * time.Millisecond); ctx.Err() == nil; <-tick {
			if err := s.ask(ctx, api); err != nil && ctx.Err() == nil {
				s.t.Error(err)
				return
			}
		}
	})
	return func() {
		cancel()
		asking.Wait()
		api.close()
	}
}

func packKey(class archive.Stream, first archive.Position) string {
	return fmt.Sprintf("packs/%s/%020d.tar.zst", class, first)
}

// packs lists the packs of mail that the bucket has any version of.
func (s *kept) packs() (keys []string) {
	s.t.Helper()
	for info := range s.client.ListObjectsIter(s.t.Context(), s.bucket, minio.ListObjectsOptions{Prefix: "packs/mail", WithVersions: true, Recursive: true}) {
		if info.Err != nil {
			s.t.Fatal(info.Err)
		}
		keys = append(keys, info.Key)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// version is the one version of a pack.
func (s *kept) version(class archive.Stream, first archive.Position) (pack minio.ObjectInfo) {
	s.t.Helper()
	pack, err := s.client.StatObject(s.t.Context(), s.bucket, packKey(class, first), minio.StatObjectOptions{})
	if err != nil || pack.VersionID == "" {
		s.t.Fatalf("%s: version %q, %v", packKey(class, first), pack.VersionID, err)
	}
	return pack
}

func (s *kept) bytesOf(pack minio.ObjectInfo) []byte {
	s.t.Helper()
	r, err := s.client.GetObject(s.t.Context(), s.bucket, pack.Key, minio.GetObjectOptions{VersionID: pack.VersionID})
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil || len(raw) == 0 {
		s.t.Fatalf("%s: %d bytes, %v", pack.Key, len(raw), err)
	}
	return raw
}

func (s *kept) lockOf(pack minio.ObjectInfo) archive.Lock {
	s.t.Helper()
	o, err := s.store.Stat(s.t.Context(), pack.Key)
	if err != nil {
		s.t.Fatal(err)
	}
	return o.Lock
}

// deletions are the ways to delete a version.
func (s *kept) deletions(pack minio.ObjectInfo) map[string]func() error {
	ctx, bucket := s.t.Context(), s.bucket
	remove := func(bypass bool) func() error {
		return func() error {
			return s.client.RemoveObject(ctx, bucket, pack.Key, minio.RemoveObjectOptions{VersionID: pack.VersionID, GovernanceBypass: bypass})
		}
	}
	batch := func() error {
		list := make(chan minio.ObjectInfo, 1)
		list <- pack
		close(list)
		for e := range s.client.RemoveObjects(ctx, bucket, list, minio.RemoveObjectsOptions{GovernanceBypass: true}) {
			return e.Err
		}
		return nil
	}
	return map[string]func() error{"delete": remove(false), "delete with bypass": remove(true), "delete in a batch with bypass": batch}
}

// attempts are the ways to delete a version, now or after its lock was made weaker.
func (s *kept) attempts(pack minio.ObjectInfo, lock archive.Lock) map[string]func() error {
	all := s.deletions(pack)
	for what, retention := range map[string]struct {
		mode  minio.RetentionMode
		until time.Time
	}{
		"shorten":        {minio.Compliance, lock.Until.Add(-time.Minute)},
		"end soon":       {minio.Compliance, time.Now().Add(time.Minute)},
		"to governance":  {minio.Governance, lock.Until},
		"for governance": {minio.Governance, lock.Until.AddDate(1, 0, 0)},
	} {
		for _, bypass := range []bool{false, true} {
			all[fmt.Sprintf("%s, bypass %v", what, bypass)] = func() error {
				return s.client.PutObjectRetention(s.t.Context(), s.bucket, pack.Key, minio.PutObjectRetentionOptions{VersionID: pack.VersionID, Mode: &retention.mode, RetainUntilDate: &retention.until, GovernanceBypass: bypass})
			}
		}
	}
	return all
}

// refuses wants an answer of the bucket that says no.
func (s *kept) refuses(what string, err error) {
	s.t.Helper()
	answer, answered := errors.AsType[minio.ErrorResponse](err)
	if !answered || answer.Code == "" || answer.StatusCode >= http.StatusInternalServerError {
		s.t.Errorf("%s: %v, want a refusal", what, err)
	}
}

// mayDelete shows that nothing but the lock is in the way: the credentials
// delete what has none.
func (s *kept) mayDelete() {
	s.t.Helper()
	ctx, bucket := s.t.Context(), s.bucket
	info, err := s.client.PutObject(ctx, bucket, "free", strings.NewReader("free"), 4, minio.PutObjectOptions{})
	if err == nil {
		err = s.client.RemoveObject(ctx, bucket, "free", minio.RemoveObjectOptions{VersionID: info.VersionID})
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// isGone wants all of these packs and records to be gone, and no other.
func (s *kept) isGone(all []string, goes []archive.PackInfo) {
	s.t.Helper()
	want := slices.Clone(all)
	gone := map[archive.Address]bool{}
	for _, p := range goes {
		want = slices.DeleteFunc(want, func(key string) bool { return key == packKey(p.Stream, p.First) })
		for at := range casework.Records([]casework.Range{{Stream: p.Stream, First: p.First, Records: p.Records}}) {
			gone[at] = true
		}
	}
	var left []string
	waitUntil(func(string, ...any) { s.t.Fatalf("the bucket has %q, want %q", left, want) }, "the bucket", func() bool {
		left = s.packs()
		return len(left) <= len(want)
	})
	if !slices.Equal(left, want) {
		s.t.Fatalf("the bucket has %q, want %q", left, want)
	}
	api := s.api()
	defer api.close()
	for at, raw := range s.sent {
		got, err := s.raw(api, at)
		if e, ok := errors.AsType[*apiError](err); gone[at] != (ok && e.status == http.StatusGone) || !gone[at] && (err != nil || got != raw) {
			s.t.Errorf("%s: %q, %v; it goes: %v", at, got, err, gone[at])
		}
	}
}

func (s *kept) raw(api *client, at archive.Address) (string, error) {
	resp, err := api.send(s.t.Context(), http.MethodGet, "/records/"+at.String()+"/raw", nil, nil, 0)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return string(raw), err
}

package s3store

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"polytrace/archive"
)

// clockSkew is how much the clocks of client and server may differ before S3
// refuses to talk (RequestTimeTooSkewed).
const clockSkew = 15 * time.Minute

// lockRights are what the proof needs, for people.
const lockRights = "s3:PutObjectRetention, s3:GetObjectRetention, s3:PutObjectLegalHold, s3:GetObjectLegalHold, s3:ListBucketVersions, s3:DeleteObject and s3:DeleteObjectVersion"

// lockOf reads what keeps an object from the headers of an answer to HEAD,
// which every server sends; GET ?retention is answered in ways that minio-go
// does not read everywhere.
func lockOf(info minio.ObjectInfo) (lock archive.Lock) {
	lock.Hold = info.Metadata.Get("X-Amz-Object-Lock-Legal-Hold") == "ON"
	until, err := time.Parse(time.RFC3339, info.Metadata.Get("X-Amz-Object-Lock-Retain-Until-Date"))
	if err == nil {
		lock.Mode, lock.Until = archive.LockMode(strings.ToLower(info.Metadata.Get("X-Amz-Object-Lock-Mode"))), until.UTC()
	}
	return lock
}

func modeOf(m archive.LockMode) minio.RetentionMode {
	return minio.RetentionMode(strings.ToUpper(string(m)))
}

// endOf is the end of a retention as it is sent: servers drop what is below a
// second, and no retention is to end early.
func endOf(l archive.Lock) time.Time {
	return l.Until.Add(time.Second - 1).Truncate(time.Second).UTC()
}

// Delete removes all versions of an object; see archive.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	opts := minio.ListObjectsOptions{Prefix: s.at.Prefix + key, WithVersions: true, Recursive: true}
	for info := range s.client.ListObjectsIter(ctx, s.at.Bucket, opts) {
		if answerOf(info.Err).Code == "NotImplemented" {
			return s.deleteVersion(ctx, key, "") // A server that knows no versions.
		}
		if info.Err != nil {
			return s.explain("delete object", key, info.Err)
		}
		if info.Key != s.at.Prefix+key {
			continue // The name begins another one.
		}
		if err := s.deleteVersion(ctx, key, info.VersionID); err != nil {
			return err
		}
	}
	return s.explain("delete object", key, context.Cause(ctx))
}

// deleteVersion never asks to bypass a retention.
func (s *Store) deleteVersion(ctx context.Context, key, version string) error {
	err := s.client.RemoveObject(ctx, s.at.Bucket, s.at.Prefix+key, minio.RemoveObjectOptions{VersionID: version})
	if err != nil && answerOf(err).StatusCode != 0 && s.kept(ctx, key, version) {
		return fmt.Errorf("delete object %s: %w", key, archive.ErrRetained)
	}
	return s.explain("delete object", key, err)
}

// kept tells a delete that a lock prevents from one for which the credentials
// lack the right: servers answer AccessDenied to both. A retention that ended
// a moment ago may have been the reason.
func (s *Store) kept(ctx context.Context, key, version string) bool {
	info, err := s.head(ctx, key, version)
	lock := lockOf(info)
	return err == nil && (lock.Hold || lock.Mode != archive.Unlocked && time.Since(lock.Until) < clockSkew)
}

func (s *Store) head(ctx context.Context, key, version string) (minio.ObjectInfo, error) {
	return s.client.StatObject(ctx, s.at.Bucket, s.at.Prefix+key, minio.StatObjectOptions{VersionID: version, Checksum: true, ServerSideEncryption: s.keyOnly()})
}

// Protect changes retention and legal hold; see archive.Store. It asks for what
// has to change alone, which needs fewer rights, and for what keeps the object
// before what lets it go.
func (s *Store) Protect(ctx context.Context, key string, lock archive.Lock) error {
	info, err := s.head(ctx, key, "")
	if err != nil {
		return s.explain("protect object", key, err)
	}
	is := lockOf(info)
	if lock.Hold && !is.Hold {
		err = s.hold(ctx, key, minio.LegalHoldEnabled)
	}
	if err == nil && weaker(is, lock) {
		err = s.retain(ctx, key, is, lock)
	}
	if err == nil && is.Hold && !lock.Hold {
		err = s.hold(ctx, key, minio.LegalHoldDisabled)
	}
	return s.explain("protect object", key, err)
}

// weaker reports whether a retention has to be strengthened to be the wanted one.
func weaker(is, want archive.Lock) bool {
	return want.Mode != archive.Unlocked && (is.Until.Before(want.Until) || is.Mode == archive.Governance && want.Mode == archive.Compliance)
}

func (s *Store) hold(ctx context.Context, key string, status minio.LegalHoldStatus) error {
	return s.client.PutObjectLegalHold(ctx, s.at.Bucket, s.at.Prefix+key, minio.PutObjectLegalHoldOptions{Status: &status})
}

// retain makes a retention the stronger of what it is and what is wanted. To
// make governance compliance is a bypass for servers, though nothing ends early.
func (s *Store) retain(ctx context.Context, key string, is, want archive.Lock) error {
	mode, until := modeOf(want.Mode), endOf(want)
	if is.Mode == archive.Compliance && time.Now().Before(is.Until) {
		mode = minio.Compliance
	}
	if until.Before(is.Until) {
		until = is.Until
	}
	bypass := is.Mode == archive.Governance && mode == minio.Compliance
	opts := minio.PutObjectRetentionOptions{Mode: &mode, RetainUntilDate: &until, GovernanceBypass: bypass}
	return s.client.PutObjectRetention(ctx, s.at.Bucket, s.at.Prefix+key, opts)
}

// Probes lie under this prefix. They are small, and go at a later proof, when
// their retention has ended.
const (
	probes    = "lock-probes/"
	probeTime = time.Minute // More than clocks differ.
)

// ProveLock finds out by trying: what has no lock can be deleted, what is
// under retention cannot, in compliance mode also not with the right to bypass
// governance, and a legal hold can be set and lifted; see archive.Store.
func (s *Store) ProveLock(ctx context.Context, mode archive.LockMode) error {
	err := s.proveLock(ctx, mode)
	if errors.Is(err, archive.ErrDenied) {
		err = fmt.Errorf("%w; the proof needs the rights %s", err, lockRights)
	}
	if err == nil {
		err = s.sweepProbes(ctx)
	}
	if err != nil {
		return fmt.Errorf("prove object lock of bucket %q: %w", s.at.Bucket, err)
	}
	return nil
}

func (s *Store) proveLock(ctx context.Context, mode archive.LockMode) error {
	if err := s.proveDelete(ctx); err != nil {
		return err
	}
	lock := archive.Lock{Mode: mode, Until: time.Now().Add(probeTime)}
	key, err := s.probe(ctx, lock)
	if answerOf(err).Code == "NotImplemented" {
		return fmt.Errorf("%w: %w; choose a server that has it", archive.ErrNoLock, err)
	}
	if err != nil {
		return err
	}
	info, err := s.head(ctx, key, "")
	if err != nil {
		return s.explain("stat object", key, err)
	}
	if is := lockOf(info); is.Mode != mode || is.Until.Before(lock.Until) {
		return fmt.Errorf("%w: %s took an object with %s retention and says that it has %q until %s; choose a server that has object lock, or give the credentials the right s3:GetObjectRetention", archive.ErrNoLock, s.at.Host, mode, is.Mode, is.Until.Format(time.RFC3339))
	}
	if err := s.proveRefusal(ctx, key, info.VersionID, false); err != nil {
		return err
	}
	if mode == archive.Compliance {
		if err := s.proveRefusal(ctx, key, info.VersionID, true); err != nil {
			return err
		}
	}
	return s.proveHold(ctx, key, lock)
}

// probe puts an object to try on.
func (s *Store) probe(ctx context.Context, lock archive.Lock) (key string, err error) {
	var id [8]byte
	rand.Read(id[:])
	body := []byte("Polytrace tries whether this can be deleted.\n")
	key = probes + hex.EncodeToString(id[:])
	return key, s.Create(ctx, key, bytes.NewReader(body), sha256.Sum256(body), lock)
}

// proveDelete shows that the credentials may delete: else a refusal would show
// nothing. Where the bucket locks all objects by itself it is not needed.
func (s *Store) proveDelete(ctx context.Context) error {
	key, err := s.probe(ctx, archive.Lock{})
	if err == nil {
		err = s.Delete(ctx, key)
	}
	if errors.Is(err, archive.ErrRetained) {
		return nil
	}
	return err
}

// proveRefusal expects that the server refuses to delete a version, and that
// it is there afterwards.
func (s *Store) proveRefusal(ctx context.Context, key, version string, bypass bool) error {
	err := s.client.RemoveObject(ctx, s.at.Bucket, s.at.Prefix+key, minio.RemoveObjectOptions{VersionID: version, GovernanceBypass: bypass})
	if status := answerOf(err).StatusCode; err != nil && (status < 400 || status >= 500) {
		return s.explain("delete object", key, err) // An answer that fails is no refusal.
	}
	if err == nil {
		return fmt.Errorf("%w: %s deleted an object under retention when it was asked to; do not rely on this bucket", archive.ErrNoLock, s.at.Host)
	}
	if _, err := s.head(ctx, key, version); err != nil {
		return s.explain("stat object", key, err)
	}
	return nil
}

func (s *Store) proveHold(ctx context.Context, key string, lock archive.Lock) error {
	lock.Hold = true
	if err := s.Protect(ctx, key, lock); err != nil {
		return err
	}
	info, err := s.head(ctx, key, "")
	if err != nil {
		return s.explain("stat object", key, err)
	}
	if !lockOf(info).Hold {
		return fmt.Errorf("%w: %s took a legal hold and does not tell it; choose a server that has legal holds, or give the credentials the right s3:GetObjectLegalHold", archive.ErrNoLock, s.at.Host)
	}
	lock.Hold = false
	return s.Protect(ctx, key, lock)
}

// sweepProbes deletes the probes whose time is over, also where a proof was
// interrupted while it held one.
func (s *Store) sweepProbes(ctx context.Context) error {
	for o, err := range s.List(ctx, probes) {
		if err == nil && time.Since(o.Created) > probeTime {
			err = errors.Join(s.Protect(ctx, o.Key, archive.Lock{}), s.Delete(ctx, o.Key))
		}
		if err != nil && !errors.Is(err, archive.ErrRetained) {
			return fmt.Errorf("remove lock probes: %w", err)
		}
	}
	return nil
}

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

// Delete removes all versions of an object; see archive.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	name := s.at.Prefix + key
	opts := minio.ListObjectsOptions{Prefix: name, WithVersions: true, Recursive: true}
	for info := range s.client.ListObjectsIter(ctx, s.at.Bucket, opts) {
		if info.Err != nil {
			return s.explain("delete object", key, info.Err)
		}
		if info.Key != name {
			continue // The name begins another one.
		}
		if err := s.client.RemoveObject(ctx, s.at.Bucket, name, minio.RemoveObjectOptions{VersionID: info.VersionID}); err != nil {
			return s.refusal(ctx, key, info.VersionID, err)
		}
	}
	return s.explain("delete object", key, context.Cause(ctx))
}

// refusal tells a delete that a lock prevents from one for which the
// credentials lack the right: servers answer AccessDenied to both.
func (s *Store) refusal(ctx context.Context, key, version string, cause error) error {
	info, err := s.client.StatObject(ctx, s.at.Bucket, s.at.Prefix+key, minio.StatObjectOptions{VersionID: version, ServerSideEncryption: s.keyOnly()})
	if lock := lockOf(info); err == nil && (lock.Hold || lock.Mode != archive.Unlocked) {
		return fmt.Errorf("delete object %s: %w", key, archive.ErrRetained)
	}
	return s.explain("delete object", key, cause)
}

// Protect changes retention and legal hold; see archive.Store.
func (s *Store) Protect(ctx context.Context, key string, lock archive.Lock) error {
	name := s.at.Prefix + key
	if lock.Mode != archive.Unlocked {
		mode := modeOf(lock.Mode)
		opts := minio.PutObjectRetentionOptions{Mode: &mode, RetainUntilDate: &lock.Until}
		if err := s.client.PutObjectRetention(ctx, s.at.Bucket, name, opts); err != nil {
			return s.explain("protect object", key, err)
		}
	}
	hold := minio.LegalHoldDisabled
	if lock.Hold {
		hold = minio.LegalHoldEnabled
	}
	return s.explain("protect object", key, s.client.PutObjectLegalHold(ctx, s.at.Bucket, name, minio.PutObjectLegalHoldOptions{Status: &hold}))
}

func modeOf(m archive.LockMode) minio.RetentionMode {
	return minio.RetentionMode(strings.ToUpper(string(m)))
}

// Probes lie under this prefix. They are small, and go at a later proof, when
// their retention has ended.
const (
	probes    = "lock-probes/"
	probeTime = time.Minute // More than clocks differ.
)

// ProveLock puts an object under retention and tries to delete it, in
// compliance mode also with the right to bypass governance; see archive.Store.
func (s *Store) ProveLock(ctx context.Context, mode archive.LockMode) error {
	if err := s.proveLock(ctx, mode); err != nil {
		return fmt.Errorf("prove object lock of bucket %q: %w", s.at.Bucket, err)
	}
	return s.sweepProbes(ctx)
}

func (s *Store) proveLock(ctx context.Context, mode archive.LockMode) error {
	var id [8]byte
	rand.Read(id[:])
	key := probes + string(mode) + "-" + hex.EncodeToString(id[:])
	body := []byte("Polytrace tries whether this can be deleted.\n")
	if err := s.Create(ctx, key, bytes.NewReader(body), sha256.Sum256(body), archive.Lock{Mode: mode, Until: time.Now().Add(probeTime)}); err != nil {
		return err
	}
	info, err := s.client.StatObject(ctx, s.at.Bucket, s.at.Prefix+key, minio.StatObjectOptions{ServerSideEncryption: s.keyOnly()})
	if err != nil {
		return s.explain("stat object", key, err)
	}
	if lock := lockOf(info); lock.Mode != mode {
		return fmt.Errorf("%w: the server took an object with %s retention and says that it has %q", archive.ErrNoLock, mode, lock.Mode)
	}
	for _, bypass := range []bool{false, true} {
		if bypass && mode != archive.Compliance {
			continue
		}
		err := s.client.RemoveObject(ctx, s.at.Bucket, s.at.Prefix+key, minio.RemoveObjectOptions{VersionID: info.VersionID, GovernanceBypass: bypass})
		if err == nil {
			return fmt.Errorf("%w: the server deleted an object under %s retention when it was asked to; do not rely on this bucket", archive.ErrNoLock, mode)
		}
		if minio.ToErrorResponse(err).StatusCode == 0 {
			return s.explain("delete object", key, err) // No answer is no refusal.
		}
	}
	return nil
}

// sweepProbes deletes the probes whose time is over.
func (s *Store) sweepProbes(ctx context.Context) error {
	for o, err := range s.List(ctx, probes) {
		if err == nil {
			err = s.Delete(ctx, o.Key)
		}
		if err != nil && !errors.Is(err, archive.ErrRetained) {
			return fmt.Errorf("remove lock probes: %w", err)
		}
	}
	return nil
}

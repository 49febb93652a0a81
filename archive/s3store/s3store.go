// Package s3store is a bucket in an S3-compatible object store.
//
// Objects are created with If-None-Match: *, so that a second writer is
// refused by the server, and with their SHA-256 as checksum, so that the
// server refuses bytes that were damaged on the way. Nothing here retries for
// long: the archive does. Object Lock is in lock.go.
package s3store

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/encrypt"

	"polytrace/archive"
)

// attempts is how often a request is tried before the caller hears of it.
const attempts = 2

// sumField is the user metadata that repeats the SHA-256 for servers that do
// not tell the checksum of an object.
const sumField = "Polytrace-Sha256"

// Location is a parsed bucket URL:
// s3://BUCKET[/PREFIX]?endpoint=http://127.0.0.1:9000&region=eu-central-1.
// Without an endpoint it is Amazon's.
type Location struct {
	Bucket string
	Prefix string // "" or ends in '/'.
	Host   string // host[:port] of the endpoint.
	TLS    bool
	Region string
}

// ParseURL reads a bucket URL.
func ParseURL(raw string) (Location, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return Location{}, fmt.Errorf("bucket URL: %w", withoutURL(err))
	}
	if u.Scheme != "s3" || u.Host == "" {
		return Location{}, fmt.Errorf("bucket URL %q: want s3://BUCKET[/PREFIX]?endpoint=https://HOST&region=REGION", u.Redacted())
	}
	if u.User != nil {
		return Location{}, fmt.Errorf("bucket URL %q: credentials do not belong into it; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a credentials file", u.Redacted())
	}
	l := Location{Bucket: u.Host, TLS: true, Host: "s3.amazonaws.com"}
	if prefix := strings.Trim(path.Clean(u.Path), "/."); prefix != "" {
		l.Prefix = prefix + "/"
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Location{}, fmt.Errorf("bucket URL: %w", err)
	}
	for name, values := range query {
		switch name {
		case "region":
			l.Region = values[0]
		case "endpoint":
			if err := l.setEndpoint(values[0]); err != nil {
				return Location{}, err
			}
		default:
			return Location{}, fmt.Errorf("bucket URL: unknown parameter %q; there are endpoint and region", name)
		}
	}
	return l, nil
}

// withoutURL drops the URL from a parser's error: it may hold a secret that
// somebody wrote there.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func (l *Location) setEndpoint(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
		return fmt.Errorf("bucket URL: endpoint %q: want http://HOST[:PORT] or https://HOST[:PORT]", raw)
	}
	l.Host, l.TLS = u.Host, u.Scheme == "https"
	return nil
}

// String writes the location as a URL.
func (l Location) String() string {
	scheme := "http"
	if l.TLS {
		scheme = "https"
	}
	q := url.Values{"endpoint": {scheme + "://" + l.Host}}
	if l.Region != "" {
		q.Set("region", l.Region)
	}
	u := url.URL{Scheme: "s3", Host: l.Bucket, Path: "/" + strings.TrimSuffix(l.Prefix, "/"), RawQuery: q.Encode()}
	return u.String()
}

// Config says which bucket to use and how to sign in.
type Config struct {
	Location    Location
	Credentials *credentials.Credentials // See FindCredentials.
	Encryption  encrypt.ServerSide       // What the server encrypts objects with; default: what the bucket is set to. See ParseEncryption.
	Transport   http.RoundTripper        // Default: minio-go's, with proxy from the environment.
}

// FindCredentials looks in the usual AWS variables, then in an AWS credentials file
// ("" is ~/.aws/credentials, with AWS_PROFILE), then asks the machine's metadata service.
func FindCredentials(file string) *credentials.Credentials {
	return credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{},
		&credentials.FileAWSCredentials{Filename: file},
		&credentials.IAM{},
	})
}

// Store is a bucket, or the part of it under a prefix.
type Store struct {
	at     Location
	client *minio.Client
	sse    encrypt.ServerSide
}

// Open prepares access to a bucket. It does not ask the network: a bucket may
// be away when mail has to be taken in.
func Open(c Config) (*Store, error) {
	if !c.Location.TLS && c.Encryption != nil && c.Encryption.Type() == encrypt.SSEC {
		return nil, fmt.Errorf("open bucket %s: SSE-C sends its key with each request, so the endpoint has to be https", c.Location)
	}
	client, err := minio.New(c.Location.Host, &minio.Options{
		Creds:      c.Credentials,
		Secure:     c.Location.TLS,
		Region:     c.Location.Region,
		Transport:  c.Transport,
		MaxRetries: attempts,
	})
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", c.Location, err)
	}
	client.SetAppInfo("polytrace", "1")
	return &Store{c.Location, client, c.Encryption}, nil
}

// Make creates the bucket of a location with object lock, and so with
// versions. The appliance itself never does: whose bucket it is, makes it.
func Make(ctx context.Context, c Config) error {
	s, err := Open(c)
	if err != nil {
		return err
	}
	opts := minio.MakeBucketOptions{Region: c.Location.Region, ObjectLocking: true}
	return s.explain("make bucket", c.Location.Bucket, s.client.MakeBucket(ctx, c.Location.Bucket, opts))
}

// String is the bucket's URL, without credentials.
func (s *Store) String() string { return s.at.String() }

// Create writes a new object; see archive.Store.
func (s *Store) Create(ctx context.Context, key string, body archive.Body, sum archive.Digest, lock archive.Lock) error {
	opts := minio.PutObjectOptions{
		ContentType:      contentType(key),
		DisableMultipart: true, // One request, so that it is there whole or not at all.
		UserMetadata: map[string]string{
			"X-Amz-Checksum-Sha256": base64.StdEncoding.EncodeToString(sum[:]),
			sumField:                sum.String(),
		},
	}
	opts.SetMatchETagExcept("*")
	opts.ServerSideEncryption = s.sse
	if lock.Mode != archive.Unlocked {
		opts.Mode, opts.RetainUntilDate = modeOf(lock.Mode), endOf(lock)
	}
	if lock.Hold {
		opts.LegalHold = minio.LegalHoldEnabled
	}
	size := body.Size()
	// QUIRK: over plain HTTP minio-go signs in chunks, also a body that is empty; after one versitygw refuses the
	// next request on the connection. The checksum is sent all the same.
	opts.DisableContentSha256 = size == 0
	_, err := s.client.PutObject(ctx, s.at.Bucket, s.at.Prefix+key, io.NewSectionReader(body, 0, size), size, opts)
	return s.explain("create object", key, err)
}

// Open returns a part of an object; see archive.Store.
func (s *Store) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if n == 0 {
		_, err := s.Stat(ctx, key)
		return http.NoBody, err
	}
	opts := minio.GetObjectOptions{ServerSideEncryption: s.keyOnly()}
	if off > 0 || n > 0 {
		if err := setRange(&opts, off, n); err != nil {
			return nil, s.explain("open object", key, err)
		}
	}
	core := minio.Core{Client: s.client}
	r, _, _, err := core.GetObject(ctx, s.at.Bucket, s.at.Prefix+key, opts)
	if err != nil {
		return nil, s.explain("open object", key, err)
	}
	return r, nil
}

func setRange(opts *minio.GetObjectOptions, off, n int64) error {
	if n < 0 {
		return opts.SetRange(off, 0) // From off to the end.
	}
	return opts.SetRange(off, off+n-1)
}

// Stat describes an object; see archive.Store.
func (s *Store) Stat(ctx context.Context, key string) (archive.Object, error) {
	info, err := s.head(ctx, key, "")
	if err != nil {
		return archive.Object{}, s.explain("stat object", key, err)
	}
	return archive.Object{Key: key, Size: info.Size, SHA256: sumOf(info), Created: info.LastModified.UTC(), Lock: lockOf(info)}, nil
}

// sumOf prefers what the server computed to what it was told.
func sumOf(info minio.ObjectInfo) archive.Digest {
	if sum, err := base64.StdEncoding.DecodeString(info.ChecksumSHA256); err == nil && len(sum) == len(archive.Digest{}) {
		return archive.Digest(sum)
	}
	sum, err := archive.ParseDigest(info.UserMetadata[sumField])
	if err != nil {
		return archive.Digest{}
	}
	return sum
}

// List yields objects in order of keys (S3 lists in order of UTF-8 octets);
// see archive.Store.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[archive.Object, error] {
	return func(yield func(archive.Object, error) bool) {
		opts := minio.ListObjectsOptions{Prefix: s.at.Prefix + prefix, Recursive: true}
		for info := range s.client.ListObjectsIter(ctx, s.at.Bucket, opts) {
			if info.Err != nil {
				yield(archive.Object{}, s.explain("list objects", prefix, info.Err))
				return
			}
			if strings.HasSuffix(info.Key, "/") {
				continue // What some tools create as a folder.
			}
			o := archive.Object{Key: strings.TrimPrefix(info.Key, s.at.Prefix), Size: info.Size, Created: info.LastModified.UTC()}
			if !yield(o, nil) {
				return
			}
		}
		if err := context.Cause(ctx); err != nil {
			yield(archive.Object{}, s.explain("list objects", prefix, err))
		}
	}
}

// explain turns a server's answer into an error that callers can branch on and
// people can act on.
func (s *Store) explain(verb, key string, err error) error {
	if err == nil {
		return nil
	}
	answer := answerOf(err)
	switch code := answer.Code; {
	case missesLock(answer):
		err = fmt.Errorf("%w: bucket %q was made without it (%s); make a new one with object lock, which most servers cannot switch on later", archive.ErrNoLock, s.at.Bucket, code)
	case code == minio.PreconditionFailed:
		err = archive.ErrExists
	case code == minio.NoSuchKey:
		err = archive.ErrNoObject
	case code == minio.NoSuchBucket:
		err = fmt.Errorf("there is no bucket %q at %s; create it first", s.at.Bucket, s.at.Host)
	case slices.Contains(refusals, code):
		err = fmt.Errorf("%w (%s); check access key, secret key and the policy of bucket %q", archive.ErrDenied, code, s.at.Bucket)
	case code == minio.RequestTimeTooSkewed:
		err = fmt.Errorf("%s refuses the time of this machine, which is %s; set its clock: %w", s.at.Host, time.Now().UTC().Format(time.RFC3339), err)
	case code != "":
		err = fmt.Errorf("%s answered %s: %w", s.at.Host, code, err)
	}
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%s hung up: %w", s.at.Host, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("%s %s: %w", verb, key, err)
}

// refusals are the answers to credentials that are wrong or have not the right.
var refusals = []string{minio.AccessDenied, "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}

// missesLock recognises the answers of servers to a lock in a bucket without
// object lock. Most say InvalidRequest, which can mean other things as well.
func missesLock(answer minio.ErrorResponse) bool {
	switch answer.Code {
	case "ObjectLockConfigurationNotFoundError":
		return true
	case "InvalidRequest", "InvalidBucketState":
		return strings.Contains(strings.ToLower(strings.ReplaceAll(answer.Message, " ", "")), "objectlock")
	}
	return false
}

// answerOf returns what the server answered; the zero value when it did not.
func answerOf(err error) minio.ErrorResponse {
	answer, _ := errors.AsType[minio.ErrorResponse](err)
	return answer
}

func contentType(key string) string {
	if strings.HasSuffix(key, ".zst") {
		return "application/zstd"
	}
	return "application/octet-stream"
}

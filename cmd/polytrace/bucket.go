package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"polytrace/archive"
	"polytrace/archive/dirstore"
	"polytrace/archive/s3store"
	"polytrace/webui"
)

// openBucket opens the bucket at a URL, with the settings that belong to
// buckets. One that is only followed is not made.
func openBucket(raw string, s settings) (archive.Store, error) {
	credentials := s.bucket.credentials
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: the bucket URL cannot be read; write file:///dir or s3://BUCKET?endpoint=https://HOST", errUsage)
	}
	switch u.Scheme {
	case "file":
		if u.Host != "" || u.Path == "" {
			return nil, fmt.Errorf("%w: bucket URL %s: write file:/// and the whole path, e.g. file:///srv/polytrace", errUsage, u.Redacted())
		}
		if s.follow {
			return dirstore.Existing(u.Path)
		}
		return dirstore.Open(u.Path)
	case "s3":
		at, err := s3store.ParseURL(raw)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errUsage, err)
		}
		if dir := os.Getenv("CREDENTIALS_DIRECTORY"); credentials == "" && dir != "" {
			credentials = existing(filepath.Join(dir, "bucket"))
		}
		encryption, err := s3store.ParseEncryption(s.bucket.encryption)
		if err != nil {
			return nil, fmt.Errorf("bucket.encryption: %w", err)
		}
		return s3store.Open(s3store.Config{Location: at, Credentials: s3store.FindCredentials(credentials), Encryption: encryption})
	}
	return nil, fmt.Errorf("%w: bucket URL: %q is not a kind of bucket; write file:///dir or s3://BUCKET?endpoint=https://HOST", errUsage, u.Scheme)
}

// openOther opens a bucket of another archive, to read it.
func openOther(raw string, s settings) (archive.Store, error) {
	s.follow = true
	store, err := openBucket(raw, s)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the bucket holds no archive; check its URL: %w", err)
	}
	return store, err
}

func existing(file string) string {
	if _, err := os.Stat(file); err != nil {
		return ""
	}
	return file
}

// unknownCA is what to do about a certificate that nobody here vouches for.
const unknownCA = "This machine does not know who signed the certificate of the bucket. Add that CA to the system's store, or name a PEM file with it in the environment variable SSL_CERT_FILE, also for the service."

// untrusted recognises the certificate in words: a failure of the bucket comes so from the server.
func untrusted(text string) bool {
	return strings.Contains(text, x509.UnknownAuthorityError{}.Error())
}

// explain adds to an error what it means and what to do.
func explain(err error) string {
	text := webui.BucketURL(err.Error())
	switch {
	case errors.Is(err, archive.ErrDenied):
		return text + "\nCheck the credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the file named by bucket.credentials_file. They need the right to list, read and write in the bucket."
	case untrusted(text):
		return text + "\n" + unknownCA
	case errors.Is(err, archive.ErrNoIdentity), strings.Contains(text, archive.ErrNoIdentity.Error()): // The index says it in words.
		return text + "\nSet archive.identity_file to a file with the age secret keys that open the packs, one a line, old ones too."
	case errors.Is(err, archive.ErrFull):
		return text + "\nMake room on the disk of the data directory, or lower archive.reserve. What was accepted is safe."
	case errors.Is(err, archive.ErrBroken):
		return text + "\nMend the disk, then start again. What was accepted is safe."
	case errors.Is(err, context.Canceled):
		// By a signal. How to go on is in the rest of it.
		for _, why := range []string{context.Canceled.Error(), "interrupt signal received", "terminated signal received"} {
			text = strings.ReplaceAll(text, why, "stopped")
		}
		return text
	}
	return text
}

package archive

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"
)

// Timestamp is what an authority (TSA) says in a time stamp.
type Timestamp struct {
	Time      time.Time `json:"time"`
	Authority string    `json:"authority"` // Subject of its certificate.
	Trusted   bool      `json:"trusted"`   // The certificate is one for time stamps, of a root that is trusted.
	Nonce     *big.Int  `json:"-"`         // Of the question; nil when it had none.
}

// QUIRK: pkcs7 counts how deep it is in a variable of the package.
var readingTimestamp sync.Mutex

// ReadTimestamp reads an answer of an authority (TimeStampResp, RFC 3161
// section 2.4.2, in DER) and checks that it is signed and about a SHA-256.
// With roots it checks, as of the time that it tells, whether they vouch for
// the certificate.
func ReadTimestamp(answer []byte, of Digest, roots *x509.CertPool) (t Timestamp, err error) {
	defer func() { // The parsers of foreign ASN.1 are not ours.
		if p := recover(); p != nil {
			err = fmt.Errorf("time stamp cannot be read: %v", p)
		}
	}()
	readingTimestamp.Lock()
	defer readingTimestamp.Unlock()
	ts, err := timestamp.ParseResponse(answer)
	if err != nil {
		return t, fmt.Errorf("time stamp cannot be read: %w", err)
	}
	if ts.HashAlgorithm != crypto.SHA256 || !bytes.Equal(ts.HashedMessage, of[:]) {
		return t, errors.New("time stamp is of something else")
	}
	p, err := pkcs7.Parse(ts.RawToken)
	if err != nil {
		return t, fmt.Errorf("time stamp cannot be read: %w", err)
	}
	signer := p.GetOnlySigner()
	if signer == nil {
		return t, errors.New("time stamp has no certificate")
	}
	if err := p.Verify(); err != nil {
		return t, fmt.Errorf("time stamp: %w", err)
	}
	t = Timestamp{Time: ts.Time.UTC(), Authority: signer.Subject.String(), Nonce: ts.Nonce}
	if roots != nil {
		err := p.VerifyWithOpts(x509.VerifyOptions{Roots: roots, Intermediates: pool(p.Certificates), CurrentTime: ts.Time, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}})
		t.Trusted = err == nil
	}
	return t, nil
}

func pool(all []*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range all {
		p.AddCert(c)
	}
	return p
}

const stampSuffix = ".tsr"

func stampKey(s Stream, name string) string { return "timestamps/" + string(s) + "/" + name }

// unstamped returns whether the last checkpoint tells of records and is to be
// time-stamped now. What wants it holds mu.
func (s *stream) unstamped(now time.Time) func(*pack) bool {
	return func(*pack) bool {
		return s.a.config.Stamp != nil && s.proven != nil && s.a.signed(s.proven) && len(s.proven.Stamps) == 0 && !now.Before(s.stampDue)
	}
}

// stamp has the last checkpoint time-stamped, and puts another one behind it
// that tells of this, so that the time stamp cannot go unnoticed.
func (s *stream) stamp(ctx context.Context) error {
	s.proving.Lock()
	defer s.proving.Unlock()
	last := s.lastProven()
	name := checkpointBase(last.Size, last.Again) + stampSuffix
	answer, err := s.stampOf(ctx, name, sumOf([]byte(last.signed)))
	if err != nil {
		return fmt.Errorf("time stamp of %s: %w", checkpointKey(s.name, last.Size, last.Again), err)
	}
	if err := s.putCheckpoint(ctx, last.Size, nil, []Link{{name, sumOf(answer)}}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stampDue = time.Now().Add(s.a.config.StampEvery)
	return nil
}

// stampOf puts a time stamp into the bucket. One that an earlier attempt got
// there will do.
func (s *stream) stampOf(ctx context.Context, name string, of Digest) ([]byte, error) {
	key := stampKey(s.name, name)
	there, err := readObject(ctx, s.a.store, key, maxNote)
	if err != nil {
		return nil, err
	}
	if there != "" {
		_, err := ReadTimestamp([]byte(there), of, nil)
		return []byte(there), err
	}
	answer, err := s.a.config.Stamp(ctx, of)
	if err != nil {
		return nil, err
	}
	if _, err := ReadTimestamp(answer, of, nil); err != nil {
		return nil, err
	}
	return answer, s.a.put(ctx, key, answer, s.lockBefore(s.lastProven().Size))
}

// stamped is a time stamp in the bucket.
type stamped struct {
	key    string
	answer string
}

func (v *inventory) takeStamp(ctx context.Context, o Object) error {
	name, base := Stream(path.Base(path.Dir(o.Key))), path.Base(o.Key)
	_, _, ok := parseCheckpointBase(strings.TrimSuffix(base, stampSuffix))
	if !ok || !name.Valid() || stampKey(name, base) != o.Key || !strings.HasSuffix(base, stampSuffix) {
		v.problem(o.Key, "nobody knows what it is")
		return nil
	}
	answer, err := readObject(ctx, v.store, o.Key, maxNote)
	s := v.shelf(name)
	s.stamps = append(s.stamps, stamped{o.Key, answer})
	return err
}

// stamps checks the time stamps of a stream, and that all are there that
// checkpoints tell of. It returns what they say by the key of the checkpoint.
func (a *auditor) stamps(s *shelf) map[string]Timestamp {
	notes, told := map[string]string{}, map[string]Digest{}
	for _, n := range s.notes {
		if n.err != nil {
			continue
		}
		notes[n.key] = n.signed
		for _, one := range n.Stamps {
			told[stampKey(s.name, one.Name)] = one.SHA256
		}
	}
	found := map[string]Timestamp{}
	for _, one := range s.stamps {
		sum, known := told[one.key]
		delete(told, one.key)
		of := "checkpoints/" + strings.TrimSuffix(strings.TrimPrefix(one.key, "timestamps/"), stampSuffix)
		t, err := ReadTimestamp([]byte(one.answer), sumOf([]byte(notes[of])), a.how.Authorities)
		switch {
		case known && sumOf([]byte(one.answer)) != sum:
			a.problem(one.key, "it is not the time stamp that a checkpoint tells of")
		case err != nil:
			a.problem(one.key, "%v", err)
		default:
			found[of] = t
		}
	}
	for key := range told {
		a.problem(key, "the time stamp is missing")
	}
	return found
}

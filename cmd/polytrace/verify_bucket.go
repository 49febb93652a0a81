package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/webui"
)

// bucketFlags are those of verify that are about a bucket without its server.
type bucketFlags struct {
	From    string `help:"Prove a bucket from the bucket alone, without a data directory: file:///dir or s3://BUCKET[/PREFIX]?endpoint=URL." placeholder:"URL"`
	Key     string `help:"Public key that the signatures must be of; polytrace status shows it. Default: the one in the bucket or export." placeholder:"KEY"`
	TSACA   string `name:"tsa-ca" help:"PEM file with the root certificates of the authority that made the time stamps, to check that it is one." placeholder:"FILE"`
	Trusted string `help:"File that remembers the last checkpoints: what they tell of must still be there. It is made at the first run." placeholder:"FILE"`
}

// verifyBucket proves a bucket and says until when everything is proven.
func (v bucketFlags) verifyBucket(c *call) error {
	if v.Key != "" && !archive.IsKey(v.Key) {
		return fmt.Errorf("%w: --key %q is not a key; copy all of the one that polytrace status shows", errUsage, v.Key)
	}
	store, err := openOther(v.From, c.settings)
	if err != nil {
		return err
	}
	how := archive.Inspection{Key: v.Key}
	if how.Identities, err = c.settings.identities(); err != nil {
		return err
	}
	if how.Authorities, err = v.readAuthorities(); err != nil {
		return err
	}
	if how.Known, err = v.readTrusted(); err != nil {
		return err
	}
	p := newProgress(c, "verifying", "records")
	done, err := archive.VerifyBucket(c.ctx, store, how, func(d archive.Verified) { p.set(d.Records, d.AllRecords) })
	p.end()
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if err := v.foreign(c.ctx, store, done); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	for _, p := range done.Problems {
		fmt.Fprintf(c.out, "%s: %s\n", p.Where, printable(p.What))
	}
	for _, s := range done.Proven {
		if s.Until.IsZero() {
			fmt.Fprintf(c.out, "%s: nothing is proven.\n", s.Stream)
			continue
		}
		fmt.Fprintf(c.out, "%s: %s proven, signed until %s.\n", s.Stream, webui.Count(s.Records, "record is", "records are"), s.Until.Local().Format(time.DateTime))
		if t := s.Stamped; s.StampedTo > 0 {
			fmt.Fprintf(c.out, "%s: %s there at %s, says %s%s.\n", s.Stream, webui.Count(s.StampedTo, "record was", "records were"), t.Time.Local().Format(time.DateTime), printable(t.Authority), v.trust(t))
		}
	}
	if v.Key == "" {
		fmt.Fprintln(c.out, "The key was taken from the bucket itself. Give the one that polytrace status shows with --key, so that nobody can have signed anew.")
	}
	if n := len(done.Problems); n > 0 {
		return fmt.Errorf("verify: %s, the first at %s", webui.Count(n, "problem", "problems"), done.Problems[0].Where)
	}
	return v.writeTrusted(done.Proven)
}

// foreign says in one line that the key is of another archive: without a
// checkpoint that holds, each object of the bucket is a problem.
func (v bucketFlags) foreign(ctx context.Context, store archive.Store, done archive.Verified) error {
	if v.Key == "" || slices.ContainsFunc(done.Proven, func(s archive.Proven) bool { return s.Checkpoint != "" }) {
		return nil
	}
	name, _, _ := strings.Cut(v.Key, "+")
	var own []string
	for o, err := range store.List(ctx, "keys/") {
		if err != nil {
			return err
		}
		own = append(own, printable(strings.TrimPrefix(o.Key, "keys/")))
	}
	if len(own) == 0 || slices.Contains(own, name) {
		return nil
	}
	return fmt.Errorf("the bucket has no checkpoint signed by the key that you trust; its own key is %s, so it is of another archive, or was signed anew", strings.Join(own, ", "))
}

// trust says how far the authority of a time stamp was checked.
func (v bucketFlags) trust(t archive.Timestamp) string {
	switch {
	case t.Trusted:
		return ""
	case v.TSACA == "":
		return ", whose certificate was not checked: give its root with --tsa-ca"
	default:
		return ", whose certificate is not of the root that was given"
	}
}

// readAuthorities reads the roots for time stamps; nil when none are given.
func (v bucketFlags) readAuthorities() (*x509.CertPool, error) {
	if v.TSACA == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(v.TSACA)
	if err != nil {
		return nil, fmt.Errorf("--tsa-ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("--tsa-ca %s: there is no certificate in PEM form in it", v.TSACA)
	}
	return roots, nil
}

// noteBorder is between the checkpoints in a file of them; none has such a line.
const noteBorder = "\n========\n"

func (v bucketFlags) readTrusted() ([]string, error) {
	if v.Trusted == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(v.Trusted)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("--trusted: %w", err)
	}
	return strings.Split(strings.TrimSuffix(string(raw), noteBorder), noteBorder), nil
}

// writeTrusted remembers the checkpoints beside the old ones first, so that
// either is there whole.
func (v bucketFlags) writeTrusted(proven []archive.Proven) error {
	if v.Trusted == "" {
		return nil
	}
	var b strings.Builder
	for _, s := range proven {
		if s.Checkpoint != "" {
			b.WriteString(s.Checkpoint + noteBorder)
		}
	}
	temp := v.Trusted + ".tmp"
	if err := os.WriteFile(temp, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("--trusted: %w", err)
	}
	return os.Rename(temp, v.Trusted)
}

type doctorVerb struct {
	JSON bool `help:"As JSON."`
	Mend bool `help:"Put back what is missing and is still known here: packs in the cache, leaves, the last checkpoint. Nothing is overwritten."`
}

// Run fails when the bucket is not as the archive left it.
func (v doctorVerb) Run(c *call) error {
	var d webui.Examined
	ask := url.Values{}
	if v.Mend {
		ask.Set("mend", "true")
	}
	err := c.reading(func(api *client) error { return api.do(c.ctx, http.MethodPost, "/doctor", ask, nil, &d) })
	if err != nil {
		return err
	}
	if v.JSON {
		if err := json.NewEncoder(c.out).Encode(d); err != nil {
			return err
		}
	} else {
		for _, key := range d.Mended {
			fmt.Fprintf(c.out, "%s was missing and is put back\n", printable(key))
		}
		for _, list := range []struct {
			keys []string
			what string
		}{{d.Missing, "is missing"}, {d.WrongSize, "has another size than was put there"}, {d.Unlocked, "is not locked as it should be"}, {d.Extra, "is not the archive's"}} {
			for _, key := range list.keys {
				fmt.Fprintf(c.out, "%s %s\n", printable(key), list.what)
			}
		}
		fmt.Fprintf(c.out, "%s in the bucket, %d not as they should be.\n", webui.Count(d.Objects, "object is", "objects are"), d.Total())
	}
	if d.Total() > 0 {
		return errors.New("doctor: the bucket is not as the archive left it; polytrace verify reads what the objects hold, polytrace doctor --mend puts back what is missing and known here")
	}
	return nil
}

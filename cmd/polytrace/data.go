package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"polytrace/archive"
	"polytrace/index"
	"polytrace/webui"

	"github.com/dustin/go-humanize"
)

type rebuildVerb struct {
	Extractors bool `help:"Only read attached files again that could not be read, or were read by an earlier version."`
}

// Run builds the index anew beside the one that answers. Everything in it comes
// from the archive. Interrupted, the server or the next call goes on.
func (v rebuildVerb) Run(c *call) error {
	if err := c.mustExist(); err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	do := v.here
	if running(c.ctx, c.dir) {
		do = v.atServer
	}
	st, err := do(c)
	if err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	_, err = fmt.Fprintf(c.out, "%s searchable, %s could not be read.\n", webui.Count(st.Documents, "message is", "messages are"), humanize.Comma(st.Unsearchable))
	return err
}

// what is being done, and counted.
func (v rebuildVerb) what() (what, unit string) {
	if v.Extractors {
		return "reading files again", "messages"
	}
	return "rebuilding", "records"
}

// atServer has the server do it.
func (v rebuildVerb) atServer(c *call) (index.Status, error) {
	var s statusAnswer
	what, unit := v.what()
	err := c.using(func(api *client) error {
		resp, err := api.send(c.ctx, http.MethodPost, "/rebuild", url.Values{"extractors": {strconv.FormatBool(v.Extractors)}}, http.NoBody, 0)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		p := newProgress(c, what, unit)
		defer p.end()
		var last struct {
			index.Progress
			Done  bool   `json:"done"`
			Error string `json:"error"`
		}
		for lines := json.NewDecoder(resp.Body); !last.Done; {
			if err := lines.Decode(&last); err != nil {
				if c.ctx.Err() != nil {
					return errors.New("the server goes on with it; polytrace status tells how far it is")
				}
				return fmt.Errorf("the server stopped, and goes on with it after its start: %w", err)
			}
			if last.Error != "" {
				return errors.New(last.Error)
			}
			if !last.Done {
				p.set(last.Records, last.Of)
			}
		}
		return api.get(c.ctx, "/status", nil, &s)
	})
	return s.Index, err
}

// here does it in this process.
func (v rebuildVerb) here(c *call) (st index.Status, err error) {
	a, err := openApp(c.ctx, c.settings, c.dir, quietLog(c))
	if err != nil {
		return st, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if err := a.openIndex(); err != nil {
		return st, err
	}
	x := a.index.Load()
	ctx, stop := context.WithCancel(c.ctx)
	defer stop()
	var follower sync.WaitGroup
	defer follower.Wait()
	failed := make(chan error, 1)
	follower.Go(func() {
		failed <- x.Run(ctx)
		stop()
	})
	do := x.Rebuild
	if v.Extractors {
		do = x.Reread
	}
	what, unit := v.what()
	p := newProgress(c, what, unit)
	err = do(ctx, func(at index.Progress) { p.set(at.Records, at.Of) })
	p.end()
	st = x.Status()
	stop()
	if run := <-failed; run != nil {
		return st, run
	}
	if err != nil && c.ctx.Err() != nil {
		return st, errors.New("stopped; what is there answers as before, and the next call or start goes on")
	}
	return st, err
}

type restoreVerb struct {
	From string `required:"" help:"URL of the bucket: file:///dir or s3://BUCKET[/PREFIX]?endpoint=URL&region=NAME." placeholder:"URL"`
}

// Run fills an empty data directory. Interrupted, it goes on where it was.
func (v restoreVerb) Run(c *call) error {
	store, err := openOther(v.From, c.settings)
	if err != nil {
		return err
	}
	identities, err := c.settings.identities()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	var last archive.Restored
	p := newProgress(c, "restoring", "B")
	err = archive.Restore(c.ctx, filepath.Join(c.dir, "archive"), archive.Config{Store: store, CacheSize: c.settings.archive.cacheSize, Identities: identities, Recipients: c.settings.archive.encryptTo, Log: quietLog(c)}, func(r archive.Restored) {
		last = r
		p.set(r.Bytes, r.AllBytes)
	})
	p.end()
	if c.ctx.Err() != nil {
		return errors.New("restore stopped; run the same command again to go on where it was")
	}
	if err != nil && !errors.Is(err, archive.ErrDamaged) {
		return err
	}
	fmt.Fprintf(c.out, "Restored: %s in %s, %s.\n", webui.Count(last.Records, "record", "records"), webui.Count(last.Packs, "pack", "packs"), humanize.IBytes(uint64(last.Bytes)))
	if v.From != c.settings.bucket.url {
		fmt.Fprintf(c.out, "Set the bucket before you start the server: [bucket] url = %q\n", v.From)
	}
	if key := filepath.Join(c.dir, "archive", "signing.key"); existing(key) == "" {
		fmt.Fprintf(c.out, "The signing key is not in the bucket. Copy it to %s before you start the server, or a new one signs from then on.\n", key)
	}
	fmt.Fprintln(c.out, "The index is built when the server starts, or now with polytrace rebuild.")
	return err
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"polytrace/archive"
	"polytrace/index"
	"polytrace/webui"

	"github.com/dustin/go-humanize"
)

type rebuildVerb struct{}

// Run deletes the index and builds it anew. Everything in it comes from the archive.
func (rebuildVerb) Run(c *call) error {
	if running(c.ctx, c.dir) {
		return errors.New("rebuild: a server runs on this data directory; stop it first. Mail servers keep what they cannot hand over in the meantime")
	}
	if err := c.mustExist(); err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	a, err := openApp(c.ctx, c.settings, c.dir, quietLog(c))
	if err != nil {
		return err
	}
	err = rebuild(c, a)
	return errors.Join(err, a.Close())
}

func rebuild(c *call, a *app) error {
	if err := os.RemoveAll(filepath.Join(c.dir, "index")); err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	if err := a.openIndex(); err != nil {
		return err
	}
	st, err := c.follow(a, "indexing")
	if err != nil {
		return fmt.Errorf("rebuild: %w; what was indexed is kept, and the next start goes on", err)
	}
	_, err = fmt.Fprintf(c.out, "%s searchable, %s could not be read.\n", webui.Count(st.Documents, "message is", "messages are"), humanize.Comma(st.Unsearchable))
	return err
}

// follow runs the index until it has everything, with progress.
func (c *call) follow(a *app, what string) (index.Status, error) {
	ctx, stop := context.WithCancel(c.ctx)
	var follower sync.WaitGroup
	follower.Go(func() { a.index.Load().Run(ctx) }) // A failure shows in its status and stops caughtUp.
	p := newProgress(c, what, "records")
	err := a.caughtUp(ctx, func(st index.Status) { p.set(st.Records, st.Records+st.Lag) })
	p.end()
	st := a.index.Load().Status()
	stop()
	follower.Wait()
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

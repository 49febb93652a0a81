package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"polytrace/archive"
	"polytrace/archive/tsa"
	"polytrace/burst"
	"polytrace/casework"
	"polytrace/document/child"
	"polytrace/gateway"
	"polytrace/index"
	"polytrace/outbound"
	"polytrace/webui"
)

// app is a data directory with everything that works on it, without listeners.
type app struct {
	settings settings
	dir      string
	log      *slog.Logger
	archive  *archive.Archive
	desk     *casework.Desk
	custody  custody
	keeper   *casework.Keeper // Nil when no server runs.
	notify   webui.Notify
	importer *gateway.Importer
	hops     func() map[string]gateway.Hop // Where the mail of queues is handed on to, by queue.
	setup    string                        // Token of the set-up link.
	key      []byte                        // Signs sessions.

	index   atomic.Pointer[index.Index]  // Nil while it cannot be opened.
	web     atomic.Pointer[webui.Server] // Nil as long.
	intake  func() webui.Intake          // Nil when no gateway runs.
	readers *child.Readers               // Of attached files.
	sighted *child.Readers               // Of attached files with their pictures; nil when nothing reads those.
	meter   burst.Meter                  // Of the mail that comes in.
	close   sync.Once
}

// openApp opens the archive and folds the decisions. The index is opened by
// openIndex: mail is taken in without it.
func openApp(ctx context.Context, s settings, dir string, log *slog.Logger) (*app, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w; name another one with --data, or give this user the right to write there", err)
	}
	store, err := openBucket(s.bucket.url, s)
	if err != nil {
		return nil, err
	}
	identities, err := s.identities()
	if err != nil {
		return nil, err
	}
	a := &app{settings: s, dir: dir, log: log, setup: casework.NewSecret()}
	a.openReaders(ctx)
	a.hops = a.nextHops
	a.custody.store = store
	var stamp func(context.Context, archive.Digest) ([]byte, error)
	if s.archive.timestampURL != "" {
		stamp = (&tsa.Client{URL: s.archive.timestampURL, HTTP: outbound.Client(s.private, 30*time.Second)}).Stamp
	}
	a.archive, err = archive.Open(ctx, filepath.Join(dir, "archive"), archive.Config{
		Store: store, PackSize: s.archive.packSize, PackAge: s.archive.packAge, LedgerAge: s.archive.ledgerAge,
		CacheSize: s.archive.cacheSize, Reserve: s.archive.reserve, Log: log,
		Lock: a.custody.lock, Held: a.custody.held, Removed: a.custody.removed,
		Acknowledge: s.archive.acknowledge, Recipients: s.archive.encryptTo, Identities: identities, Follow: s.follow,
		Stamp: stamp, Urgent: a.meter.High,
	})
	if err != nil {
		return nil, err
	}
	if a.desk, err = casework.OpenDesk(ctx, a.archive, time.Now); err != nil {
		return nil, errors.Join(err, a.archive.Close())
	}
	a.custody.desk.Store(a.desk)
	if a.key, err = sessionKey(filepath.Join(dir, "session.key")); err != nil {
		return nil, errors.Join(err, a.archive.Close())
	}
	if a.notify, err = newNotify(s); err != nil {
		return nil, errors.Join(err, a.archive.Close())
	}
	a.importer = gateway.NewImporter(a.archive, a.arrivals, time.Now)
	return a, nil
}

// sessionKey reads the key that signs sessions, and makes it at first start.
// Losing it signs everybody out, and the reply lines of cases that were handed
// out before are not known any more; answers are then told by their conversation.
func sessionKey(file string) ([]byte, error) {
	key, err := os.ReadFile(file)
	if err == nil && len(key) == 32 {
		return key, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the key of sessions: %w", err)
	}
	key = make([]byte, 32)
	rand.Read(key) // Never fails.
	if err := os.WriteFile(file, key, 0o600); err != nil {
		return nil, fmt.Errorf("keep the key of sessions: %w", err)
	}
	return key, nil
}

// openIndex opens the index and the pages over it.
func (a *app) openIndex() error {
	x, err := index.Open(a.indexed(), index.Config{Dir: filepath.Join(a.dir, "index"), Log: a.log, Follow: a.settings.follow, Blind: !a.archive.Readable(), Documents: a.readers, Pictures: a.pictures(), Urgent: a.meter.High})
	if err != nil {
		return err
	}
	web, err := webui.New(webui.Config{
		Archive: a.archive, Desk: a.desk, Audit: casework.NewAudit(a.archive, time.Now), Index: x, Intake: a.intake, Import: a.take, Upload: a.upload, Verify: a.archive.Verify, ReadFile: a.readFile,
		Keeper: a.keeper, ProveLock: a.custody.prove, Notify: a.notify,
		PublicURL: a.settings.publicURL(), MailDomain: a.settings.smtp.domain, SMTPListen: a.settings.smtp.listen, SMTPTLS: a.settings.smtp.listenTLS, MailHost: a.settings.smtp.hostname,
		SessionKey: a.key, SetupToken: a.setup, Version: version(), Company: a.settings.http.company, Now: time.Now, Log: a.log,
	})
	if err != nil {
		return errors.Join(err, x.Close())
	}
	a.index.Store(x)
	a.web.Store(web)
	return nil
}

// indexed is what is indexed.
func (a *app) indexed() index.Archive {
	if a.archive.Readable() {
		return a.archive
	}
	return decisions{a.archive}
}

// decisions is the archive of a machine that takes mail and cannot read it:
// users and queues are known, mail is not looked at, not even before it is
// encrypted.
type decisions struct{ *archive.Archive }

// Streams implements index.Archive.
func (d decisions) Streams() []archive.Stream {
	return slices.DeleteFunc(d.Archive.Streams(), func(s archive.Stream) bool { return s != archive.Ledger })
}

// Close ends everything that is open; nothing is lost by it.
func (a *app) Close() (err error) {
	a.close.Do(func() {
		if x := a.index.Load(); x != nil {
			err = x.Close()
		}
		a.closeReaders()
		err = errors.Join(err, a.archive.Close())
	})
	return err
}

// take is webui's way to the importer.
func (a *app) take(ctx context.Context, src archive.Source, body archive.Body) (archive.Meta, string, error) {
	m, outcome, err := a.importer.Take(ctx, src, body)
	return m, string(outcome), err
}

// upload is webui's way to keep a file.
func (a *app) upload(ctx context.Context, m archive.Meta, body archive.Body) (archive.Meta, error) {
	return a.archive.Append(ctx, archive.Files, m, body)
}

// arrivals lists how bytes came before, for imports.
func (a *app) arrivals(sum archive.Digest) ([]gateway.Arrival, error) {
	x := a.index.Load()
	if x == nil {
		return nil, errors.New("the index is not open: nobody can tell what was imported before")
	}
	seen, err := x.Known(sum)
	var out []gateway.Arrival
	for _, s := range seen {
		out = append(out, gateway.Arrival{Address: s.Address, Source: s.Source})
	}
	return out, err
}

// known finds bytes that came before, for the gateway. Where nobody can tell,
// they are stored again: a duplicate beats a loss.
func (a *app) known(sum archive.Digest) (archive.Address, bool) {
	x := a.index.Load()
	if x == nil {
		return archive.Address{}, false
	}
	seen, err := x.Known(sum)
	if err != nil || len(seen) == 0 {
		return archive.Address{}, false
	}
	return seen[0].Address, true
}

// queue finds a queue for the gateway.
func (a *app) queue(local string) (q gateway.Queue, ok bool) {
	a.desk.Read(func(s *casework.State) {
		var found casework.Queue
		if found, ok = s.QueueByLocal(local); ok {
			q = gateway.Queue{
				Name: found.Name, Format: found.Format, Class: found.Class, Sources: s.Peers(found),
				Logins: found.Logins, Certificates: found.Certificates, Tenants: found.Tenants, TLS: found.TLS,
			}
		}
	})
	return q, ok
}

// nextHops are those of the queues that hand their mail on.
func (a *app) nextHops() map[string]gateway.Hop {
	hops := map[string]gateway.Hop{}
	a.desk.Read(func(s *casework.State) {
		for _, q := range s.Queues() {
			if q.Relay != "" {
				hops[q.Name] = gateway.Hop{Address: q.Relay, Since: q.RelaySince}
			}
		}
	})
	return hops
}

// fromOthers tells whether the peers of a queue are mail servers of others.
func (a *app) fromOthers(queue string) (others bool) {
	a.desk.Read(func(s *casework.State) {
		q, _ := s.Queue(queue)
		others = q.Gateway
	})
	return others
}

// isSource tells whether some queue takes mail from there.
func (a *app) isSource(peer netip.Addr) (is bool) {
	a.desk.Read(func(s *casework.State) { is = s.TakesFrom(peer) })
	return is
}

// logins are the passwords of mail servers, for the gateway.
type logins struct{ desk *casework.Desk }

func (l logins) Any() (any bool) {
	l.desk.Read(func(s *casework.State) { any = s.HasLogins() })
	return any
}

func (l logins) Matches(name, password string) (match bool) {
	l.desk.Read(func(s *casework.State) { match = s.LoginMatches(name, casework.SecretHash(password)) })
	return match
}

func (a *app) noUsers() (none bool) {
	a.desk.Read(func(s *casework.State) { none = len(s.Users()) == 0 })
	return none
}

// caughtUp returns when the index has everything the archive has now. progress
// is called now and then.
func (a *app) caughtUp(ctx context.Context, progress func(index.Status)) error {
	x := a.index.Load()
	records := a.indexed()
	for _, stream := range records.Streams() {
		next := records.Next(stream)
		if next == 0 || stream == archive.Audit {
			continue
		}
		if err := a.reach(ctx, x, archive.Address{Stream: stream, Position: next - 1}, progress); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) reach(ctx context.Context, x *index.Index, at archive.Address, progress func(index.Status)) error {
	for {
		short, cancel := context.WithTimeout(ctx, 250*time.Millisecond)
		err := x.WaitFor(short, at)
		cancel()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		st := x.Status()
		if st.Failure != "" {
			return errors.New("the index cannot go on: " + st.Failure)
		}
		progress(st)
	}
}

// Command polytrace is a mail gateway and archiver: mail servers send it a
// copy of all support mail, it keeps every message byte for byte, and people
// search the record and build cases on it.
//
// This package puts the parts together and offers them as verbs. While a
// server runs, the other verbs talk to it through a socket in its data
// directory; otherwise they open the data themselves. Either way they use the
// same JSON API.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // A hundredth more work for a third less memory.
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // A second signal ends the process at once.
	code := run(ctx, os.Args[1:], terminal{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// terminal is where a verb reads and writes.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

// cli is every verb and flag.
type cli struct {
	Config string `help:"Configuration file (TOML). Every setting can also be given as environment variable, e.g. POLYTRACE_SMTP_LISTEN." env:"POLYTRACE_CONFIG" placeholder:"FILE"`
	Data   string `help:"Data directory; default ./polytrace-data." env:"POLYTRACE_DATA" default:"./polytrace-data" placeholder:"DIR"`

	Serve     serveVerb     `cmd:"" help:"Take mail in, keep it, index it and serve the pages."`
	Demo      demoVerb      `cmd:"" help:"Serve a small sample company on a scratch directory, to look around."`
	Import    importVerb    `cmd:"" help:"Take in mailboxes: EML files, mbox files, Maildir folders."`
	Reconcile reconcileVerb `cmd:"" help:"List what a mailbox has and the archive lacks."`
	Search    searchVerb    `cmd:"" help:"Search the record."`
	Show      showVerb      `cmd:"" help:"Show a message."`
	Export    exportVerb    `cmd:"" help:"Write all hits of a query to a file."`
	Audit     auditVerb     `cmd:"" help:"Tell who read, searched and exported what."`
	Verify    verifyVerb    `cmd:"" help:"Read everything back and compare it with its checksums."`
	Doctor    doctorVerb    `cmd:"" help:"Compare the bucket with what was put there: missing, extra, wrong size, unlocked."`
	Rebuild   rebuildVerb   `cmd:"" help:"Build the index anew from the archive, while the one before answers."`
	Restore   restoreVerb   `cmd:"" help:"Fill an empty data directory from a bucket."`
	Documents documentsVerb `cmd:"" hidden:"" help:"Read attached files for the index: what its child processes do."`
	Status    statusVerb    `cmd:"" help:"Tell how the appliance is."`
	User      userVerbs     `cmd:"" help:"People who sign in."`
	Token     tokenVerbs    `cmd:"" help:"Credentials of the JSON API."`
	Account   accountVerbs  `cmd:"" help:"Customers, and who belongs to them."`
	Queue     queueVerbs    `cmd:"" help:"Addresses that mail servers send to."`
	Saved     savedVerbs    `cmd:"" help:"Queries that were given a name, and are watched."`

	Thread threadVerbs `cmd:"" help:"Correct which messages are one conversation."`

	Retention retentionVerbs `cmd:"" help:"How long mail is kept, and what goes when."`
	Hold      holdVerbs      `cmd:"" help:"Keep what a query finds, whatever its class says."`
	Erase     eraseVerb      `cmd:"" help:"Ask to erase messages before their time."`
	Erasure   erasureVerbs   `cmd:"" help:"Erasures that were asked for."`
	Version   versionVerb    `cmd:"" help:"Print the version."`
}

// call is what a verb works with.
type call struct {
	ctx      context.Context
	settings settings
	dir      string
	terminal
}

// errUsage marks errors in the way a verb was called.
var errUsage = errors.New("wrong usage")

// run carries out one verb. It returns 0 when it worked, 1 when it failed, 2 when it was
// called in a wrong way.
func run(ctx context.Context, args []string, t terminal) (code int) {
	var c cli
	var left *int
	parser, err := kong.New(&c, kong.Name("polytrace"), kong.Description(about), kong.Writers(t.out, t.err), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}), kong.Help(help), kong.Exit(func(n int) { left = &n }))
	if err != nil {
		return t.fail(1, err)
	}
	verb, err := parser.Parse(args)
	if left != nil { // Help was asked for and printed.
		return *left
	}
	if err != nil {
		return t.fail(2, fmt.Errorf("%w; polytrace --help tells the verbs, polytrace VERB --help the flags", err))
	}
	s, warnings, err := loadSettings(c.Config, os.Environ(), c.Data)
	if err != nil {
		return t.fail(2, err)
	}
	for _, w := range warnings {
		fmt.Fprintln(t.err, "polytrace: "+w)
	}
	err = verb.Run(&call{ctx: ctx, settings: s, dir: c.Data, terminal: t})
	switch {
	case errors.Is(err, errUsage):
		return t.fail(2, err)
	case err != nil:
		return t.fail(1, err)
	}
	return 0
}

func (t terminal) fail(code int, err error) int {
	fmt.Fprintln(t.err, "polytrace: "+explain(err))
	return code
}

const about = `Keeps every message your mail servers send it, byte for byte, makes it searchable, and lets people build cases on it.

Begin with "polytrace demo" to look around, or "polytrace serve" to use it.`

// help prints the help of a verb with its examples.
func help(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	if ctx.Selected() == nil {
		fmt.Fprintf(ctx.Stdout, "\nSettings, with their defaults:\n%s", settingsHelp())
		return nil
	}
	if text := examples[ctx.Selected().FullPath()]; text != "" {
		fmt.Fprintf(ctx.Stdout, "\nExamples:\n  %s\n", strings.ReplaceAll(text, "\n", "\n  "))
	}
	return nil
}

var examples = map[string]string{
	"polytrace serve":        "polytrace serve\npolytrace serve --config /etc/polytrace.toml --data /var/lib/polytrace\nPOLYTRACE_BUCKET_URL='s3://mail?endpoint=https://s3.example.net&region=eu-1' polytrace serve\npolytrace serve --follow 's3://mail?endpoint=https://s3.example.net'",
	"polytrace demo":         "polytrace demo\npolytrace demo --keep ./demo-data",
	"polytrace import":       "polytrace import ~/Maildir --mailbox support@example.net\npolytrace import old/*.mbox --mailbox sales@example.net --format mbox",
	"polytrace reconcile":    "polytrace reconcile ~/Maildir --since 2026-11-01\npolytrace reconcile support.mbox --json > missing.jsonl",
	"polytrace verify":       "polytrace verify\npolytrace verify acme.zip --key 'polytrace-5a1c09d2e877+…'\npolytrace verify --from 's3://mail?endpoint=https://s3.example.net' --trusted known.txt",
	"polytrace search":       "polytrace search 'from:acme.example \"root cause\" after:30d'\npolytrace search has:attachment --json | jq .subject",
	"polytrace show":         "polytrace show mail/1042\npolytrace show mail/1042 --raw > mail-1042.eml",
	"polytrace export":       "polytrace export 'participant:acme.example after:2026-01' --to acme.zip\npolytrace export from:acme.example --to acme.mbox --format mbox",
	"polytrace audit":        "polytrace audit --record mail/1042\npolytrace audit --actor kim --from 2026-11-01 --limit 0 --json > kim.jsonl",
	"polytrace rebuild":      "polytrace rebuild\npolytrace rebuild --extractors",
	"polytrace restore":      "polytrace restore --from 's3://mail?endpoint=https://s3.example.net' --data /var/lib/polytrace",
	"polytrace status":       "polytrace status\npolytrace status --json | jq .lag",
	"polytrace user add":     "polytrace user add kim --full-name 'Kim Berg' --role specialist\necho 'a long password' | polytrace user add kim --role specialist",
	"polytrace token create": "TOKEN=$(polytrace token create reporting --role observer)",
	"polytrace account add":  "polytrace account add contoso --name 'Contoso Ltd' --map contoso.example",
	"polytrace account map":  "polytrace account map contoso fabrikam.example --from 2026-07-01\npolytrace account map contoso jane@gmail.com --person 'Jane Doe'",
	"polytrace saved add":    "polytrace saved add acme-open --query 'participant:acme.example after:7d' --shared --watch\npolytrace search 'saved:acme-open has:attachment'",
	"polytrace queue add":    "polytrace queue add support --format exchange --source 192.0.2.0/24",
	"polytrace queue setup":  "polytrace queue setup support\npolytrace queue setup support --for postfix",
	"polytrace queue test":   "polytrace queue test support\npolytrace queue test support --send",

	"polytrace thread split":       "polytrace thread split mail/1042 --reason 'another order'",
	"polytrace thread join":        "polytrace thread join mail/1042 mail-17 --reason 'their reply came from a private address'",
	"polytrace retention set":      "polytrace retention set mail --keep 10y\npolytrace retention set mail-legal-10y --keep 10y --lock compliance",
	"polytrace retention simulate": "polytrace retention simulate\npolytrace retention simulate --at 2027-12-31 --json",
	"polytrace hold place":         "polytrace hold place acme-2026 --query 'participant:acme.example after:2026-01' --standing --reason 'Acme v. Northwind'",
	"polytrace erase":              "polytrace erase mail/1042 mail/1043 --reason 'Art. 17 request 8812'\npolytrace erasure approve 1",
}

type versionVerb struct{}

func (versionVerb) Run(c *call) error {
	_, err := fmt.Fprintln(c.out, "polytrace", version())
	return err
}

// version is that of the module, with the commit where the build knows it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "devel"
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v += "+" + s.Value[:min(12, len(s.Value))]
			}
		}
	}
	return v
}

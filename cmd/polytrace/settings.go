package main

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"polytrace/archive"
	"polytrace/archive/s3store"
	"polytrace/gateway"

	"filippo.io/age"
	"github.com/BurntSushi/toml"
	"github.com/dustin/go-humanize"
	"golang.org/x/crypto/acme"
)

// settings is how the appliance is set up. It is read once, at start.
type settings struct {
	smtp struct {
		listen, listenTLS, listenLMTP string
		hostname, domain              string
		tlsCert, tlsKey               string
		acme, acmeEmail               string
		acmeListen, acmeCA            string
		proxyFrom, xclientFrom        []netip.Prefix
		clientCA                      *x509.CertPool // Nil: the system's.
		maxMessage                    int64
		maxSessions                   int
	}
	http    struct{ listen, publicURL, company string }
	ops     struct{ listen string }
	private []netip.Prefix // What outbound requests may reach beside public addresses.
	follow  bool           // Of serve --follow: another machine takes mail into the bucket.
	bucket  struct{ url, credentials, encryption string }
	archive struct {
		acknowledge                  archive.Acknowledge
		packSize, cacheSize, reserve int64
		packAge, ledgerAge           time.Duration
		encryptTo                    []age.Recipient
		identityFile, timestampURL   string
	}
	evidence struct {
		check    bool
		resolver []string
		servIDs  []string
	}
	ocr struct {
		program   string
		languages []string // Empty: the usual ones.
	}
	notify struct {
		relay, from, username, passwordFile string
		webhook, webhookSecretFile          string
	}
	log struct {
		format string
		level  slog.Level
	}
}

// setting is one line of the configuration.
type setting struct {
	key   string // table.name in TOML; in the environment POLYTRACE_TABLE_NAME
	value string // Default, as it would be written.
	what  string
	set   func(s *settings, value string) error
}

func (s setting) env() string {
	return "POLYTRACE_" + strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))
}

// allSettings is the one list of settings: defaults, help and the sample
// configuration are compared with it.
func allSettings() []setting {
	return []setting{
		{"smtp.listen", "127.0.0.1:2525", "Where mail servers connect, host:port.", address(func(s *settings) *string { return &s.smtp.listen })},
		{"smtp.listen_tls", "", "The same with TLS from the first byte, host:port, e.g. :465; empty: off.", optional(func(s *settings) *string { return &s.smtp.listenTLS }, address)},
		{"smtp.listen_lmtp", "", "Where LMTP is spoken, host:port or unix:/path; empty: off.", optional(func(s *settings) *string { return &s.smtp.listenLMTP }, addressOrSocket)},
		{"smtp.proxy_from", "", "Proxies that name the client with the PROXY protocol, and must, e.g. 10.1.0.7/32, with blanks between.", prefixes(func(s *settings) *[]netip.Prefix { return &s.smtp.proxyFrom })},
		{"smtp.xclient_from", "", "Mail servers that may name their client with XCLIENT and XFORWARD, e.g. 10.1.0.8/32, with blanks between.", prefixes(func(s *settings) *[]netip.Prefix { return &s.smtp.xclientFrom })},
		{"smtp.hostname", "", "Name in the greeting; empty: the machine's name.", text(func(s *settings) *string { return &s.smtp.hostname })},
		{"smtp.domain", "", "Domain of the queues' addresses; empty: the hostname.", text(func(s *settings) *string { return &s.smtp.domain })},
		{"smtp.tls_cert", "", "Certificate chain for STARTTLS (PEM); empty: a self-signed one is made.", text(func(s *settings) *string { return &s.smtp.tlsCert })},
		{"smtp.tls_key", "", "Its private key (PEM).", text(func(s *settings) *string { return &s.smtp.tlsKey })},
		{"smtp.client_ca", "", "Authorities of client certificates that queues name (PEM), in the place of the system's.", authorities(func(s *settings) **x509.CertPool { return &s.smtp.clientCA })},
		{"smtp.acme", "", "CA that issues the certificate for STARTTLS over ACME: letsencrypt, or the https URL of its directory; empty: off.", directoryURL},
		{"smtp.acme_email", "", "Whom the CA may write to.", text(func(s *settings) *string { return &s.smtp.acmeEmail })},
		{"smtp.acme_listen", ":80", "Where the CA asks over HTTP whether the hostname is this machine; it comes to port 80.", address(func(s *settings) *string { return &s.smtp.acmeListen })},
		{"smtp.acme_ca", "", "Certificate of the CA's own web server, or who signed it (PEM); empty: those the system trusts.", text(func(s *settings) *string { return &s.smtp.acmeCA })},
		{"smtp.max_message", "256MiB", "Largest message that is taken; announced as SIZE.", size(func(s *settings) *int64 { return &s.smtp.maxMessage })},
		{"smtp.max_sessions", "512", "Sessions at once; more are asked to come back.", count(func(s *settings) *int { return &s.smtp.maxSessions })},
		{"http.listen", "127.0.0.1:8080", "Where browsers connect, host:port.", address(func(s *settings) *string { return &s.http.listen })},
		{"http.public_url", "", "URL that people use, e.g. https://mail.example.net; empty: http:// and the address.", webURL(func(s *settings) *string { return &s.http.publicURL })},
		{"http.company", "Polytrace", "Name that guests of a share link see.", text(func(s *settings) *string { return &s.http.company })},
		{"ops.listen", "127.0.0.1:9090", "Where /metrics, /healthz and /readyz are, host:port.", address(func(s *settings) *string { return &s.ops.listen })},
		{"bucket.url", "", "file:///dir or s3://BUCKET[/PREFIX]?endpoint=URL&region=NAME; empty: the directory bucket in the data directory.", text(func(s *settings) *string { return &s.bucket.url })},
		{"bucket.credentials_file", "", "AWS credentials file; empty: AWS variables, then the systemd credential bucket, then ~/.aws/credentials.", text(func(s *settings) *string { return &s.bucket.credentials })},
		{"bucket.encryption", "", "Have the S3 server encrypt objects: SSE-S3, SSE-KMS:KEY-ID or SSE-C:FILE; empty: as the bucket is set to.", serverEncryption},
		{"archive.acknowledge", "disk", "When mail is acknowledged: disk, after it is synced to the local disk; bucket, when the bucket has it.", acknowledge},
		{"archive.encrypt_to", "", "Encrypt packs to these age public keys, with blanks between; empty: packs are not encrypted.", recipients},
		{"archive.identity_file", "", "File with the age secret key that opens them. Without it mail is taken and cannot be read.", text(func(s *settings) *string { return &s.archive.identityFile })},
		{"archive.timestamp_url", "", "Authority that time-stamps checkpoints (RFC 3161), http or https; empty: none.", authorityURL},
		{"archive.pack_size", "64MiB", "Seal a pack at this size.", size(func(s *settings) *int64 { return &s.archive.packSize })},
		{"archive.pack_age", "5m", "Seal a pack this long after its first message.", span(func(s *settings) *time.Duration { return &s.archive.packAge })},
		{"archive.ledger_age", "2s", "The same for decisions.", span(func(s *settings) *time.Duration { return &s.archive.ledgerAge })},
		{"archive.cache_size", "4GiB", "Packs kept on the local disk after they are in the bucket.", size(func(s *settings) *int64 { return &s.archive.cacheSize })},
		{"archive.reserve", "512MiB", "Take no more mail when the disk has less than this free.", size(func(s *settings) *int64 { return &s.archive.reserve })},
		{"evidence.check", "true", "Check after the 250 who vouched for mail (DKIM, ARC), and keep the result with the keys: true or false. Asks DNS for keys.", yesNo(func(s *settings) *bool { return &s.evidence.check })},
		{"evidence.resolver", "", "DNS servers to ask, as IP addresses with or without port, with blanks between; empty: those of the machine.", nameServers},
		{"evidence.authserv_ids", "", "Mail servers of ours whose Authentication-Results are copied, with blanks between; - for fields that name none, as Exchange Online writes.", func(s *settings, v string) error {
			s.evidence.servIDs = words(v)
			return nil
		}},
		{"ocr.program", "tesseract", "Program that reads what is written in pictures and scanned pages, called as Tesseract is; empty: they are not read.", text(func(s *settings) *string { return &s.ocr.program })},
		{"ocr.languages", "", "Languages that it reads, as tesseract --list-langs names them, with blanks between; empty: of eng, deu, fra, spa, ita, por, nld and pol the first four that are installed.", func(s *settings, v string) error {
			s.ocr.languages = words(v)
			return nil
		}},
		{"outbound.allow", "", "Networks that requests to addresses in settings may reach beside public ones, e.g. 10.1.0.0/16, with blanks between.", prefixes(func(s *settings) *[]netip.Prefix { return &s.private })},
		{"notify.relay", "", "Mail server that takes alerts, host:port; STARTTLS is used when it is offered. Empty: no alert leaves by mail.", optional(func(s *settings) *string { return &s.notify.relay }, address)},
		{"notify.from", "", "Sender of these messages, e.g. polytrace@example.net.", text(func(s *settings) *string { return &s.notify.from })},
		{"notify.username", "", "Name to sign in at the relay with; empty: it asks for none.", text(func(s *settings) *string { return &s.notify.username })},
		{"notify.password_file", "", "File with the password; it is sent in TLS alone, to a server whose certificate is good.", text(func(s *settings) *string { return &s.notify.passwordFile })},
		{"notify.webhook", "", "URL that every alert is posted to as JSON; empty: none. A private address has to be allowed by outbound.allow.", webURL(func(s *settings) *string { return &s.notify.webhook })},
		{"notify.webhook_secret_file", "", "File with the secret that signs what is posted: X-Polytrace-Signature is sha256= and the HMAC of the body; empty: nothing signs it.", text(func(s *settings) *string { return &s.notify.webhookSecretFile })},
		{"log.format", "text", "text or json.", logFormat},
		{"log.level", "info", "debug, info, warn or error.", func(s *settings, v string) error { return s.log.level.UnmarshalText([]byte(v)) }},
	}
}

func text(field func(*settings) *string) func(*settings, string) error {
	return func(s *settings, v string) error {
		*field(s) = v
		return nil
	}
}

func address(field func(*settings) *string) func(*settings, string) error {
	return func(s *settings, v string) error {
		if _, _, err := net.SplitHostPort(v); err != nil {
			return fmt.Errorf("%q is not host:port, e.g. 127.0.0.1:2525", v)
		}
		*field(s) = v
		return nil
	}
}

// addressOrSocket is a host:port, or a path behind "unix:".
func addressOrSocket(field func(*settings) *string) func(*settings, string) error {
	return func(s *settings, v string) error {
		if path, ok := strings.CutPrefix(v, "unix:"); ok {
			if !filepath.IsAbs(path) {
				return fmt.Errorf("%q is not the whole path of a socket, e.g. unix:/run/polytrace/lmtp", v)
			}
			*field(s) = v
			return nil
		}
		return address(field)(s, v)
	}
}

// optional is a setting that may be empty.
func optional(field func(*settings) *string, of func(func(*settings) *string) func(*settings, string) error) func(*settings, string) error {
	return func(s *settings, v string) error {
		if v == "" {
			*field(s) = ""
			return nil
		}
		return of(field)(s, v)
	}
}

func webURL(field func(*settings) *string) func(*settings, string) error {
	return func(s *settings, v string) error {
		u, err := url.Parse(v)
		if v != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
			return fmt.Errorf("%q is not a URL like https://mail.example.net", v)
		}
		*field(s) = strings.TrimRight(v, "/")
		return nil
	}
}

func size(field func(*settings) *int64) func(*settings, string) error {
	return func(s *settings, v string) error {
		n, err := humanize.ParseBytes(v)
		if err != nil || n == 0 || n > 1<<62 {
			return fmt.Errorf("%q is not a size like 64MiB", v)
		}
		*field(s) = int64(n)
		return nil
	}
}

func count(field func(*settings) *int) func(*settings, string) error {
	return func(s *settings, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is not a number from 1", v)
		}
		*field(s) = n
		return nil
	}
}

func yesNo(field func(*settings) *bool) func(*settings, string) error {
	return func(s *settings, v string) error {
		on, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", v)
		}
		*field(s) = on
		return nil
	}
}

// words are those of a list in TOML, or with blanks between.
func words(v string) []string {
	return strings.Fields(strings.NewReplacer("[", " ", "]", " ", ",", " ").Replace(v))
}

func nameServers(s *settings, v string) error {
	s.evidence.resolver = strings.Fields(v)
	if len(s.evidence.resolver) == 0 {
		return nil
	}
	_, err := gateway.NewResolver(s.evidence.resolver)
	return err
}

func span(field func(*settings) *time.Duration) func(*settings, string) error {
	return func(s *settings, v string) error {
		d, err := time.ParseDuration(v)
		if err != nil || d <= 0 {
			return fmt.Errorf("%q is not a time like 5m or 30s", v)
		}
		*field(s) = d
		return nil
	}
}

func acknowledge(s *settings, v string) error {
	switch v {
	case "disk":
		s.archive.acknowledge = archive.OnDisk
	case "bucket":
		s.archive.acknowledge = archive.InBucket
	default:
		return fmt.Errorf("%q is unknown; write disk or bucket", v)
	}
	return nil
}

// recipients reads age public keys: a list in TOML, or with blanks between.
func recipients(s *settings, v string) error {
	s.archive.encryptTo = nil
	for _, key := range words(v) {
		r, err := age.ParseX25519Recipient(key)
		if err != nil {
			return fmt.Errorf("%q is not an age public key (age1…; age-keygen makes one): %w", key, err)
		}
		s.archive.encryptTo = append(s.archive.encryptTo, r)
	}
	return nil
}

// identities reads the secret keys that open encrypted packs.
func (s *settings) identities() ([]age.Identity, error) {
	if s.archive.identityFile == "" {
		return nil, nil
	}
	f, err := os.Open(s.archive.identityFile)
	if err != nil {
		return nil, fmt.Errorf("archive.identity_file: %w", err)
	}
	defer f.Close()
	ids, err := age.ParseIdentities(f)
	if err != nil {
		return nil, fmt.Errorf("archive.identity_file %s: %w; age-keygen makes such a file", s.archive.identityFile, err)
	}
	return ids, nil
}

func authorityURL(s *settings, v string) error {
	if u, err := url.Parse(v); v != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		return fmt.Errorf("%q is not a URL like http://tsa.example/", v)
	}
	s.archive.timestampURL = v
	return nil
}

// directoryURL reads where a CA speaks ACME, which is over https alone (RFC 8555
// section 6.1).
func directoryURL(s *settings, v string) error {
	if v == "letsencrypt" {
		v = acme.LetsEncryptURL
	}
	if u, err := url.Parse(v); v != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		return fmt.Errorf("%q is not letsencrypt, nor a URL like https://ca.example/acme/directory", v)
	}
	s.smtp.acme = v
	return nil
}

// prefixes reads networks, with blanks or commas between.
func prefixes(field func(*settings) *[]netip.Prefix) func(*settings, string) error {
	return func(s *settings, v string) error {
		*field(s) = nil
		for _, one := range strings.Fields(strings.NewReplacer("[", " ", "]", " ", ",", " ").Replace(v)) {
			p, err := netip.ParsePrefix(one)
			if err != nil {
				return fmt.Errorf("%q is not a network like 10.1.0.0/16", one)
			}
			*field(s) = append(*field(s), p)
		}
		return nil
	}
}

func authorities(field func(*settings) **x509.CertPool) func(*settings, string) error {
	return func(s *settings, v string) error {
		*field(s) = nil
		if v == "" {
			return nil
		}
		pem, err := os.ReadFile(v)
		if err != nil {
			return err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return fmt.Errorf("there is no certificate (PEM) in %s", v)
		}
		*field(s) = pool
		return nil
	}
}

func serverEncryption(s *settings, v string) error {
	s.bucket.encryption = v
	if strings.HasPrefix(v, "SSE-C:") {
		return nil // Its file is read with the bucket.
	}
	_, err := s3store.ParseEncryption(v)
	return err
}

func logFormat(s *settings, v string) error {
	if v != "text" && v != "json" {
		return fmt.Errorf("%q is unknown; write text or json", v)
	}
	s.log.format = v
	return nil
}

// loadSettings reads the defaults, then the file, then the environment; each
// overrides what was before it. What cannot be used is an error that names
// the place.
func loadSettings(file string, environ []string, dir string) (s settings, warnings []string, err error) {
	all := allSettings()
	for _, one := range all {
		if err := one.set(&s, one.value); err != nil {
			return s, nil, fmt.Errorf("default of %s: %w", one.key, err)
		}
	}
	if file != "" {
		if err := readFile(&s, all, file); err != nil {
			return s, nil, err
		}
	}
	warnings, err = readEnvironment(&s, all, environ)
	if err != nil {
		return s, nil, err
	}
	if (s.smtp.tlsCert == "") != (s.smtp.tlsKey == "") {
		return s, nil, errors.New("smtp.tls_cert and smtp.tls_key belong together: set both, or neither for a self-signed certificate")
	}
	if s.smtp.acme != "" && s.smtp.tlsCert != "" {
		return s, nil, errors.New("smtp.acme and smtp.tls_cert exclude each other: a certificate comes from the CA or from files")
	}
	if err := s.checkNotify(); err != nil {
		return s, nil, err
	}
	return s, warnings, s.derive(dir)
}

// checkNotify refuses settings of alerts that lack something.
func (s *settings) checkNotify() error {
	n := s.notify
	local, domain, _ := strings.Cut(n.from, "@")
	switch {
	case n.relay != "" && (local == "" || domain == "" || strings.ContainsAny(n.from, " <>\r\n")):
		return errors.New("notify.relay needs notify.from, the address that alerts come from, e.g. polytrace@example.net")
	case (n.username == "") != (n.passwordFile == ""):
		return errors.New("notify.username and notify.password_file belong together: set both, or neither")
	}
	return nil
}

// publicURL is where people find the pages.
func (s *settings) publicURL() string {
	return cmp.Or(s.http.publicURL, "http://"+s.http.listen)
}

// derive fills what follows from other settings.
func (s *settings) derive(dir string) error {
	if s.smtp.hostname == "" {
		name, err := os.Hostname()
		if err != nil || name == "" {
			name = "localhost"
		}
		s.smtp.hostname = name
	}
	s.smtp.domain = cmp.Or(s.smtp.domain, s.smtp.hostname)
	if s.bucket.url == "" {
		path, err := filepath.Abs(filepath.Join(dir, "bucket"))
		if err != nil {
			return err
		}
		s.bucket.url = (&url.URL{Scheme: "file", Path: path}).String()
	}
	return nil
}

func readFile(s *settings, all []setting, file string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	tables := map[string]map[string]any{}
	if err := toml.Unmarshal(raw, &tables); err != nil {
		var parse toml.ParseError
		if errors.As(err, &parse) {
			return fmt.Errorf("configuration %s, line %d: %s", file, parse.Position.Line, parse.Message)
		}
		return fmt.Errorf("configuration %s: %w: settings stand in tables, e.g. [smtp]", file, err)
	}
	for _, table := range slices.Sorted(maps.Keys(tables)) {
		for _, name := range slices.Sorted(maps.Keys(tables[table])) {
			key := table + "." + name
			if err := apply(s, all, key, fmt.Sprint(tables[table][name])); err != nil {
				return fmt.Errorf("configuration %s, line %d: %w", file, lineOf(string(raw), table, name), err)
			}
		}
	}
	return nil
}

func apply(s *settings, all []setting, key, value string) error {
	i := slices.IndexFunc(all, func(one setting) bool { return one.key == key })
	if i < 0 {
		return fmt.Errorf("there is no setting %s; did you mean %s?", key, nearest(key, all))
	}
	if err := all[i].set(s, value); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// lineOf finds where a key stands in a file that was read without error.
func lineOf(raw, table, name string) int {
	head := regexp.MustCompile(`^\s*\[\s*"?` + regexp.QuoteMeta(table) + `"?\s*\]`)
	key := regexp.MustCompile(`^\s*("?` + regexp.QuoteMeta(table) + `"?\s*\.\s*)?"?` + regexp.QuoteMeta(name) + `"?\s*=`)
	inside, number := false, 0
	for line := range strings.Lines(raw) {
		number++
		if strings.HasPrefix(strings.TrimSpace(line), "[") {
			inside = head.MatchString(line)
		}
		if m := key.FindStringSubmatch(line); m != nil && (inside || m[1] != "") {
			return number
		}
	}
	return 1
}

// readEnvironment applies variables. Unknown ones are only warned about: they
// may be meant for a newer version, or for somebody else.
func readEnvironment(s *settings, all []setting, environ []string) (warnings []string, err error) {
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(name, "POLYTRACE_") || name == "POLYTRACE_CONFIG" || name == "POLYTRACE_DATA" {
			continue
		}
		i := slices.IndexFunc(all, func(one setting) bool { return one.env() == name })
		if i < 0 {
			if !strings.HasPrefix(name, "POLYTRACE_SHARED") && !strings.HasPrefix(name, "POLYTRACE_S3SERVER") && !strings.HasPrefix(name, "POLYTRACE_CORPUS") { // Of the tests.
				warnings = append(warnings, "the environment variable "+name+" is not a setting and was ignored; did you mean "+nearestEnv(name, all)+"?")
			}
			continue
		}
		if err := all[i].set(s, value); err != nil {
			return nil, fmt.Errorf("environment variable %s: %w", name, err)
		}
	}
	return warnings, nil
}

func nearest(key string, all []setting) string {
	return slices.MinFunc(all, func(a, b setting) int { return cmp.Compare(distance(key, a.key), distance(key, b.key)) }).key
}

func nearestEnv(name string, all []setting) string {
	return slices.MinFunc(all, func(a, b setting) int { return cmp.Compare(distance(name, a.env()), distance(name, b.env())) }).env()
}

// distance is how many letters have to change to make a of b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost++
			}
			corner = row[j+1]
			row[j+1] = min(cost, row[j]+1, corner+1)
		}
	}
	return row[len(b)]
}

func settingsHelp() string {
	var b strings.Builder
	for _, s := range allSettings() {
		fmt.Fprintf(&b, "  %-36s %s\n      %s\n", s.env(), s.value, s.what)
	}
	return b.String()
}

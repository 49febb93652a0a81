package webui

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"polytrace/casework"
	"polytrace/message"
)

// SetupCard tells how one kind of mail server sends its copies to a queue, with
// the queue's address, host and port where they belong. The page of a queue and
// polytrace queue setup show the same cards.
type SetupCard struct {
	ID       string      `json:"id" doc:"What --for takes."`
	Title    string      `json:"title"`
	Format   string      `json:"format" doc:"That the queue should have."`
	Fits     bool        `json:"fits" doc:"The queue has that format."`
	Steps    []SetupStep `json:"steps"`
	Misses   []string    `json:"misses" doc:"What this way of copying cannot capture."`
	Failures []string    `json:"failures" doc:"Who keeps the mail for how long when it is not taken."`
}

// SetupStep is a thing to do: in words, and as what to copy where there is something.
type SetupStep struct {
	Text string `json:"text"`
	Code string `json:"code,omitempty"`
}

// reach is where mail servers send to.
type reach struct {
	Address string // Of the queue.
	Local   string // Its part before the @.
	Domain  string // Its part behind.
	Queue   string // Its name.
	Host    string // Name of the gateway, and of its certificate.
	Port    string
}

// card is a SetupCard before anything is filled in: its texts are templates
// over reach. The functions write a value for the place where it goes.
type card struct {
	id, title, format string
	steps             []SetupStep
	misses, failures  []string
}

// places writes values so that they mean themselves.
var places = template.FuncMap{
	"ps":      powerShell,
	"pattern": pcrePattern,
	"result":  func(s string) string { return strings.ReplaceAll(s, "$", "$$") }, // Right side of a Postfix table (pcre_table(5)).
	"exim":    eximText.Replace,
	"sieve":   sieveText.Replace,
	"perl":    perlText.Replace,
	"sh":      shell,
}

var (
	eximText  = strings.NewReplacer(`\`, `\\`, `$`, `\$`, `{`, `\{`, `}`, `\}`) // Exim specification, section 11.1.
	sieveText = strings.NewReplacer(`\`, `\\`, `"`, `\"`)                       // RFC 5228 section 2.4.2.
	perlText  = strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	plainWord = regexp.MustCompile(`^[A-Za-z0-9@%+=:,./_-]+$`)
)

// powerShell quotes a value. PowerShell takes typographic quotes for ' too.
func powerShell(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for _, r := range s {
		if r == '\'' || r >= '\u2018' && r <= '\u201b' {
			b.WriteRune(r)
		}
		b.WriteRune(r)
	}
	b.WriteByte('\'')
	return b.String()
}

func pcrePattern(s string) string { return strings.ReplaceAll(regexp.QuoteMeta(s), "/", `\/`) }

func shell(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// reachOf is where mail servers send to for a queue.
func (s *Server) reachOf(q casework.Queue) reach {
	host, port, err := net.SplitHostPort(s.config.SMTPListen)
	if err != nil { // A listener of the tests.
		host, port = s.config.SMTPListen, "25"
	}
	return reach{q.Local + "@" + s.config.MailDomain, q.Local, s.config.MailDomain, q.Name, cmp.Or(s.config.MailHost, host), port}
}

// hurdles are what keeps other mail servers from reaching the gateway, or some
// of them, whatever is done there.
func (s *Server) hurdles() (list []string) {
	host, port, err := net.SplitHostPort(s.config.SMTPListen)
	if err != nil {
		return nil
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		list = append(list, "The gateway listens on "+s.config.SMTPListen+", which only this machine reaches. Set smtp.listen, for example to :25, or forward a port to it.")
	}
	if port != "25" {
		list = append(list, "Microsoft 365 and everything that follows an MX record connects to port 25 and no other, and the gateway listens on port "+port+". Forward port 25 to it, or set smtp.listen.")
	}
	return list
}

// cardsFor are all cards filled in for a queue, those of its format first.
func (s *Server) cardsFor(q casework.Queue) ([]SetupCard, error) {
	to := s.reachOf(q)
	var out []SetupCard
	for _, c := range cards {
		filled, err := c.fill(to, q.Format)
		if err != nil {
			return nil, err
		}
		out = append(out, filled)
	}
	slices.SortStableFunc(out, func(a, b SetupCard) int { return cmp.Compare(order(a), order(b)) })
	return out, nil
}

func order(c SetupCard) int {
	if c.Fits {
		return 0
	}
	return 1
}

func (c card) fill(to reach, format string) (SetupCard, error) {
	out := SetupCard{ID: c.id, Title: c.title, Format: c.format, Fits: c.format == format, Misses: c.misses, Failures: c.failures}
	for _, step := range c.steps {
		text, err := fillIn(step.Text, to)
		if err != nil {
			return out, fmt.Errorf("set-up card %s: %w", c.id, err)
		}
		code, err := fillIn(step.Code, to)
		if err != nil {
			return out, fmt.Errorf("set-up card %s: %w", c.id, err)
		}
		out.Steps = append(out.Steps, SetupStep{text, code})
	}
	return out, nil
}

func fillIn(text string, to reach) (string, error) {
	t, err := template.New("").Funcs(places).Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, to)
	return b.String(), err
}

// cardOf is the card for mail of a queue: that of its format, and where the
// queue leaves it to the mail, of what it turned out to be. A tenant is named by
// Microsoft 365 alone.
func cardOf(queue, recognised, tenant string) card {
	format := cmp.Or(queue, message.FormatAuto)
	if format == message.FormatAuto {
		format = recognised
	}
	for _, c := range cards {
		if c.format == format && (tenant == "" || c.id != "exchange") {
			return c
		}
	}
	return cards[len(cards)-1]
}

func unknownCard(id string) error {
	var ids []string
	for _, c := range cards {
		ids = append(ids, c.id)
	}
	return &statusError{http.StatusNotFound, "There is no set-up card " + id + ": choose " + strings.Join(ids, ", ") + ".", nil}
}

// What several cards say.
const (
	answers     = "The gateway answers 250 after the message is safely stored, 4xx when it could not store it, and 5xx only for an address or a mail server that it does not know and for messages over its size limit."
	bccHeader   = "Bcc recipients are known only where the copy names them."
	noRejected  = "Mail that was rejected or quarantined before this point is not copied."
	placeholder = "contoso.example stands for your own domain."

	tenantPlaceholder = "contoso.onmicrosoft.com stands for your own organisation; the page of the queue changes all of that too."
)

// cards are in the order to offer them; the last one is for everything else.
// What is said of waiting times is the default of the mail server.
var cards = []card{
	{"exchange", "Exchange Server 2016, 2019 and SE", message.FormatExchange, []SetupStep{
		{"In the Exchange Management Shell, have mail for the journal domain leave as it is: no TNEF (winmail.dat), no automatic replies.", `New-RemoteDomain -Name Polytrace -DomainName {{ps .Domain}}
Set-RemoteDomain Polytrace -TNEFEnabled $false -AutoReplyEnabled $false -AutoForwardEnabled $true`},
		{"Make a contact that stands for the queue, without conversion and not in the address book.", `New-MailContact -Name {{ps (print "Polytrace " .Local)}} -ExternalEmailAddress {{ps .Address}} -MessageFormat Mime -MessageBodyFormat TextAndHtml -UsePreferMessageFormat $true
Set-MailContact {{ps (print "Polytrace " .Local)}} -UseMapiRichTextFormat Never -HiddenFromAddressListsEnabled $true`},
		{"Make a send connector to the gateway. Its size limit is 35 MB unless you say otherwise. Put your transport servers in place of EX01.", `New-SendConnector -Name Polytrace -AddressSpaces {{ps .Domain}} -DNSRoutingEnabled $false -SmartHosts {{ps .Host}} -Port {{.Port}} -MaxMessageSize Unlimited -SourceTransportServers EX01`},
		{"If the gateway has a certificate that Exchange trusts, demand it.", `Set-SendConnector Polytrace -RequireTLS $true -TlsAuthLevel DomainValidation -TlsDomain {{ps .Host}}`},
		{"Name a mailbox for reports that cannot be delivered. It must not be journaled itself, and only you should read it. Let Exchange keep trying for a week instead of two days.", `Set-TransportConfig -JournalingReportNdrTo 'journal-failures@contoso.example'
Get-TransportService | Set-TransportService -MessageExpirationTimeout 7.00:00:00`},
		{"Turn journaling on. Global is all mail; add -Recipient with a mailbox or group for less, which takes the Enterprise CAL.", `New-JournalRule -Name {{ps (print "Polytrace " .Local)}} -JournalEmailAddress {{ps .Address}} -Scope Global -Enabled $true`},
		{"In a hybrid organisation add the rule on both sides: Exchange skips mail that Exchange Online has seen, whether a rule there journaled it or not.", ""},
	}, []string{
		"Of mail from outside, and wherever the sender could not verify how it was addressed, recipients are named without saying whether they were To, Cc or Bcc.",
		"What users do inside a mailbox: drafts, moves, deletions. " + noRejected,
		"The original is as Exchange keeps it: header fields are written anew and internal ones added. DKIM signatures with simple canonicalisation break, and your own domain's signature is made later.",
		"Content protected by rights management is readable only with journal report decryption.",
	}, []string{
		"4xx or no answer: Exchange tries again after 1, 5, then every 10 minutes, for two days or as long as MessageExpirationTimeout says; then the report goes to the JournalingReportNdrTo mailbox.",
		"5xx: the report goes to that mailbox at once. Without one it is lost. What came back there is taken in with polytrace import --reports.",
		answers,
	}},

	{"m365", "Microsoft 365", message.FormatExchange, []SetupStep{
		{"The gateway has to be reachable from the Internet on port 25 at {{.Host}}, with a certificate for that name that the world trusts. Let the queue take mail from the ranges that Microsoft publishes for Exchange Online, over TLS, and of your organisation alone: others send from there as well. " + tenantPlaceholder, `polytrace queue change {{sh .Queue}} --source microsoft365 --require-tls --tenant contoso.onmicrosoft.com`},
		{"In Exchange Online PowerShell (Connect-ExchangeOnline), have mail for the journal domain leave as it is.", `New-RemoteDomain -Name Polytrace -DomainName {{ps .Domain}}
Set-RemoteDomain Polytrace -TNEFEnabled $false -AutoReplyEnabled $false`},
		{"Make the connector. It uses TLS and checks the name in the certificate.", `New-OutboundConnector -Name Polytrace -ConnectorType Partner -RecipientDomains {{ps .Domain}} -UseMXRecord $false -SmartHosts {{ps .Host}} -TlsSettings DomainValidation -TlsDomain {{ps .Host}} -Enabled $true`},
		{"Have Microsoft check it: it sends a message to the queue.", `Validate-OutboundConnector -Identity Polytrace -Recipients {{ps .Address}}`},
		{"Name the alternate journaling mailbox, and have reports wait for seven days, the longest there is. The mailbox must be outside of Exchange Online and is not journaled itself.", `Set-TransportConfig -JournalingReportNdrTo 'journal-failures@fabrikam.example' -JournalMessageExpirationDays 7`},
		{"Turn journaling on. Global is all mail; add -Recipient with a mailbox or group for less.", `New-JournalRule -Name {{ps (print "Polytrace " .Local)}} -JournalEmailAddress {{ps .Address}} -Scope Global -Enabled $true`},
		{"In a hybrid organisation add a rule on premises too: mail that only passes there is journaled there.", ""},
	}, []string{
		"Of mail from outside, and wherever the sender could not verify how it was addressed, recipients are named without saying whether they were To, Cc or Bcc.",
		"Outgoing and internal mail is copied before it is signed with DKIM: the copy has no signature of your domain.",
		"Mail flow rules do not apply to journal reports; conditional routing cannot steer them. " + noRejected,
		"Messages encrypted with a template of your own stay encrypted; with the default ones the report holds a clear copy beside the protected one.",
	}, []string{
		"4xx or no answer: Microsoft tries again every 15 to 60 minutes for 24 hours, with JournalMessageExpirationDays 7 for seven days.",
		"5xx, or the time is over: the report goes to the alternate journaling mailbox. Without one it is lost.",
		"If the gateway stays out of reach Microsoft writes to your administrators and disables the rule after two days.",
		answers,
	}},

	{"google", "Google Workspace", message.FormatGoogle, []SetupStep{
		{"Let the queue take mail from the networks that Google sends from, over TLS. Others send from there as well: the secret in the address tells yours apart.", `polytrace queue change {{sh .Queue}} --source google --require-tls`},
		{"In the Admin console go to Apps, Google Workspace, Gmail, Hosts and add a route named Polytrace: a single host, this name and port. Require a secure transport, and with a certificate that the world trusts also CA signed and matching host name.", `{{.Host}}:{{.Port}}`},
		{"In Gmail, Routing, add a rule for inbound, outbound, internal sending and internal receiving mail. Under Also deliver to choose Add more recipients, Advanced: change the route to Polytrace and the envelope recipient to the queue.", `{{.Address}}`},
		{"In the same dialog tick Add X-Gm-Original-To header, which says whom each copy was for, and Suppress bounces from this recipient. Untick Do not deliver spam to this recipient if spam is to be kept too, and add the X-Gm-Spam and X-Gm-Phishy headers then.", ""},
		{"Add a custom header with a secret of your own: it is kept with each copy and tells yours from one that somebody else had Google send.", `X-Polytrace-Key: a-long-random-value`},
		{"Show options: apply the rule to users, groups and unrecognised addresses. With an edition that has Third-party email archiving (Gmail, Routing) use that instead for the whole organisation: it takes the queue's address and needs no rule.", ""},
	}, []string{
		"There is no envelope around the copies: each recipient gets one, and X-Gm-Original-To, which anybody could write, names it. They are put together by Message-ID.",
		"Copies to members of a group may lack X-Gm-Original-To. " + bccHeader,
		"Quarantined mail comes when it is released; copies with a virus may never come. Third-party archiving leaves out recipients that are no users.",
	}, []string{
		"4xx or no answer: Gmail tries again for up to 8 days.",
		"5xx: the copy is dropped, and with suppressed bounces nobody is told. The page of this queue shows what was refused.",
		answers,
	}},

	{"postfix", "Postfix, mailcow, iRedMail", message.FormatPostfix, []SetupStep{
		{"A copy of each message goes to an address that says whom it was for, so that Bcc is known and nobody else sees it. Write /etc/postfix/polytrace_to.pcre:", `if !/@{{pattern .Domain}}$/
/^(.+)@([^@]+)$/    {{result .Local}}+to=$1=$2@{{result .Domain}}
endif`},
		{"And /etc/postfix/polytrace_from.pcre, with your own domains: the senders that are known for sure. " + placeholder, `/^(.+)@(contoso\.example)$/    {{result .Local}}+from=$1=$2@{{result .Domain}}`},
		{"In /etc/postfix/main.cf. The maps need the package postfix-pcre; regexp: instead of pcre: does without. Add the transport to the map that you have, if you have one.", `recipient_bcc_maps = pcre:/etc/postfix/polytrace_to.pcre
sender_bcc_maps = pcre:/etc/postfix/polytrace_from.pcre
transport_maps = inline:{ { {{.Domain}} = smtp:[{{.Host}}]:{{.Port}} } }`},
		{"See that they say what they should, then use them.", `postmap -q bob@contoso.example pcre:/etc/postfix/polytrace_to.pcre
postfix reload`},
		{"If the gateway has a certificate that Postfix trusts, demand it in main.cf.", `smtp_tls_policy_maps = inline:{ { [{{.Host}}]:{{.Port}} = secure } }`},
		{"A content filter that hands mail back to Postfix has it go through twice. In master.cf one of the two passes needs this, or every message comes twice. iRedMail with amavis is such a one: its listener on port 10025.", `  -o receive_override_options=no_address_mappings`},
		{"In mailcow put the maps into data/conf/postfix/ and the settings into extra.cf there, with /opt/postfix/conf/ as directory and in front of the maps that main.cf has; the transport goes into custom_transport.pcre. In iRedMail put them in front of its own as well. Only one map may copy to the queue: a BCC map of the user interface beside it makes a second copy without envelope.", `/@{{pattern .Domain}}$/    smtp:[{{result .Host}}]:{{.Port}}`},
	}, []string{
		"Mail that Postfix makes itself, bounces for example, and what it forwards within itself is not copied.",
		"With always_bcc instead of the maps nobody knows who got a message as Bcc.",
		"Senders outside of the domains in polytrace_from.pcre are known from the envelope of the copy.",
		noRejected,
	}, []string{
		"4xx or no answer: Postfix tries again for five days (maximal_queue_lifetime).",
		"5xx, or the time is over: Postfix since 2.3 drops the copy and tells nobody, because the gateway announces DSN and the copy asks for NOTIFY=NEVER. An older one, or a relay between that lacks DSN, bounces to the author and discloses the address.",
		answers,
	}},

	{"exim", "Exim", message.FormatExim, []SetupStep{
		{"Put two routers in front of all others. The first leads to the gateway; the second makes a copy for each recipient, to an address that says whom it was for. Exim drops copies to the same address, so that without the part behind the + only one recipient would be known. " + placeholder, `polytrace_route:
  driver = manualroute
  domains = {{exim .Domain}}
  transport = polytrace_smtp
  route_list = * {{.Host}}::{{.Port}}
  no_more

polytrace_copy:
  driver = redirect
  unseen
  no_verify
  no_expn
  data = ${quote_local_part:{{exim .Local}}+to=$local_part=$domain}@{{exim .Domain}}
  errors_to = journal-failures@contoso.example
  headers_add = X-Envelope-From: $sender_address`},
		{"Among the transports. Without the limit a message with a line over 998 octets would be delivered and not be copied.", `polytrace_smtp:
  driver = smtp
  message_linelength_limit = 100M`},
		{"See that both the copy and the delivery are there.", `exim -bt bob@contoso.example`},
		{"errors_to is where failures of the copy go; without it they go to the author. Do not use shadow_transport: Exim ignores whether it worked.", ""},
	}, []string{
		"Aliases and lists make a copy for the alias and one for each member; both are kept as recipients.",
		"The sender of the copy is the errors_to address. X-Envelope-From keeps the true one, and anybody could have written it.",
		noRejected,
	}, []string{
		"4xx or no answer: Exim tries again as its retry rules say, four days by default.",
		"5xx, or the time is over: a bounce to the errors_to address.",
		answers,
	}},

	{"zimbra", "Zimbra and amavis", message.FormatZimbra, []SetupStep{
		{"Zimbra with Archiving and Discovery: turn the service on, on every MTA.", `zmprov ms $(zmhostname) +zimbraServiceEnabled archiving
zmamavisdctl restart`},
		{"Have the mail of an account copied; again for each account.", `zmprov ma bob@contoso.example amavisArchiveQuarantineTo {{sh .Address}}`},
		{"amavis without Zimbra, in /etc/amavis/conf.d/50-user: all mail that passes it.", `$archive_quarantine_to = '{{perl .Address}}';
$archive_quarantine_method = 'smtp:[127.0.0.1]:10025';`},
		{"Lead the journal domain to the gateway: with an MX record, or in Postfix.", `transport_maps = inline:{ { {{.Domain}} = smtp:[{{.Host}}]:{{.Port}} } }`},
		{"Legal intercept instead also copies drafts. Each message comes inside a cover mail, which is unwrapped.", `zmprov ma bob@contoso.example zimbraInterceptAddress {{sh .Address}} zimbraInterceptSendHeadersOnly FALSE`},
	}, []string{
		"amavis looks at the envelope, so that Bcc and lists are caught. It writes them into X-Envelope-To, which claims and does not prove.",
		"Accounts that the attribute is not set for. " + noRejected,
		"Legal intercept says whose mailbox it was and not who else got the message.",
	}, []string{
		"4xx or no answer: the Postfix of Zimbra tries again for five days.",
		"5xx, or the time is over: a bounce to the sender that the copy has.",
		answers,
	}},

	{"domino", "HCL Domino", message.FormatDomino, []SetupStep{
		{"Make a Person document whose forwarding address is the queue: last name Polytrace, mail system Other Internet Mail.", `{{.Address}}`},
		{"In the Configuration Settings document of the server open Router/SMTP, Advanced, Journaling. Journaling: Enabled. Method: Send to mail-in database. Mail destination: Polytrace. Journal Recipients: Enabled.", ""},
		{"In Router/SMTP, Restrictions and Controls, Rules, add a rule for all documents with the action Journal this message.", ""},
		{"In MIME, Advanced, Advanced Outbound Message Options, have these items sent in headers always, and look up the Internet address for all Notes addresses.", `$JournalRecipients, $JournalRecipientsExpanded_1, $JournalRecipientsExpanded_2`},
		{"Lead the journal domain to the gateway: with an MX record, or a Foreign SMTP Domain document and an SMTP connection document to this host.", `{{.Host}}`},
		{"Make the rule work at once, on the server's console.", `set rules
tell router update config`},
	}, []string{
		"Only what the SMTP task exports arrives. Recipients without an Internet address keep their Notes name.",
		"The items are claims: a header field that anybody could have written. Without them only To and Cc are known.",
		"Several instances of a message come where groups are expanded. Encrypted Notes mail stays encrypted.",
	}, []string{
		"4xx or no answer: Domino tries again for a day (Router/SMTP, Restrictions and Controls, Transfer Controls: expired message limit).",
		"5xx, or the time is over: a delivery failure goes to the sender, or the message stays dead in mail.box.",
		answers,
	}},

	{"sieve", "Sieve: Dovecot Pigeonhole, Stalwart", message.FormatSieve, []SetupStep{
		{"A script that runs before those of the users.", `require ["copy"];
redirect :copy "{{sieve .Address}}";`},
		{"Pigeonhole: save it as /etc/dovecot/sieve-before/polytrace.sieve, compile it, and name the directory in plugin { } of dovecot.conf. Failures of the copy then go to the recipient's own mailbox and not to the author.", `sievec /etc/dovecot/sieve-before/polytrace.sieve

plugin {
  sieve_before = /etc/dovecot/sieve-before
  sieve_redirect_envelope_from = recipient
}`},
		{"Stalwart: save it as a trusted script (a system script) named polytrace and run it at the DATA stage of the session (Settings, MTA, Session, DATA Stage, script), as this expression.", `'polytrace'`},
	}, []string{
		"Pigeonhole runs where mail is put into a mailbox: what users send, and what only passes or is forwarded, is not copied.",
		"Each mailbox makes a copy of its own. X-Sieve-Redirected-From, which anybody could have written, says whose it was. " + bccHeader,
		noRejected,
	}, []string{
		"4xx or no answer: the mail server that sends for Dovecot keeps the copy, Postfix for five days; Stalwart as its queue is set.",
		"5xx, or the time is over: a bounce to the mailbox, or with Stalwart to the sender of the message.",
		answers,
	}},

	{"kerio", "Kerio Connect", message.FormatKerio, []SetupStep{
		{"In the administration open Configuration, Archiving and Backup, Archiving. Turn archiving on, choose the remote email address, and enter the queue.", `{{.Address}}`},
		{"Choose local, incoming, outgoing and relayed messages. Turn the option on that inserts the X-Envelope-To field; without it Bcc is lost.", ""},
		{"Lead the journal domain to the gateway: with an MX record, or in Configuration, SMTP Server, Delivery with a rule for the domain.", `{{.Domain}} -> {{.Host}}:{{.Port}}`},
	}, []string{
		"X-Envelope-To claims and does not prove: anybody could have written it.",
		"Whether spam and viruses are copied depends on archiving before or after the content filter.",
	}, []string{
		"4xx or no answer: Kerio keeps the copy in its queue and tries again, two days by default.",
		"5xx, or the time is over: a delivery failure to the sender of the copy.",
		answers,
	}},

	{"mdaemon", "MDaemon", message.FormatMDaemon, []SetupStep{
		{"Open Setup, Server Settings, Archiving. Under Send copies of all inbound and outbound mail to these addresses enter the queue.", `{{.Address}}`},
		{"Tick Archive inbound mail and Archive outbound mail, and mailing list mail if you want it. Untick the option that inserts “(Archive Copy)” into the subject: it changes the message.", ""},
		{"Lead the journal domain to the gateway: with an MX record, or as a line of Setup, Server Settings, DNS & IPs, MX cache.", `{{.Domain}}   {{.Host}}`},
	}, []string{
		"The copy has no envelope. " + bccHeader,
		noRejected,
	}, []string{
		"4xx or no answer: MDaemon moves the copy to its retry queue and tries again, for five days by default.",
		"5xx, or the time is over: the copy goes to the bad queue, or a failure to the sender.",
		answers,
	}},

	{"plain", "Anything else, and a test by hand", message.FormatPlain, []SetupStep{
		{"Whatever can send a copy of mail to an address can feed a queue: the mirror address of hMailServer (Settings, Advanced, Mirror e-mail address), a journal address of another product, a forward. Have it send to this address.", `{{.Address}}`},
		{"Over SMTP, to this host and port, with STARTTLS where it can.", `{{.Host}}:{{.Port}}`},
		{"To send a message by hand from a machine that the queue takes mail from:", `swaks --server {{sh .Host}} --port {{.Port}} --tls-optional --from you@contoso.example --to {{sh .Address}} --header 'Subject: A test of the queue'`},
	}, []string{
		"A plain copy has no envelope: To and Cc come from the header, and fields like X-Envelope-To, X-Original-To and Delivered-To claim and do not prove. " + bccHeader,
		"What the program that makes the copies leaves out.",
	}, []string{
		"4xx or no answer: a mail server keeps the copy and tries again, for some days as a rule; a script has to do so itself.",
		"5xx: it gives up, and tells the sender of the copy.",
		answers,
	}},
}

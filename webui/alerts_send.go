package webui

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"strings"
	"sync"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// Notify is how alerts leave the appliance. The zero value has none leave.
type Notify struct {
	// Mail hands a message to the relay; nil: there is none. From is its sender.
	Mail func(ctx context.Context, to string, message []byte) error
	From string
	// Hook tells a program; nil: there is none.
	Hook func(ctx context.Context, payload []byte) error
}

// ErrUndeliverable is wrapped by errors of Notify when another try would fail as well.
var ErrUndeliverable = errors.New("it was refused for good")

// Channel says how alerts go out over a channel.
type Channel struct {
	Waiting int       `json:"waiting"`           // Groups that were not taken yet.
	Oldest  time.Time `json:"oldest,omitzero"`   // Of them.
	Failure string    `json:"failure,omitempty"` // Why the last try failed; it is tried again.
}

const (
	firstPause = time.Minute
	longPause  = time.Hour
	giveUp     = 5 * 24 * time.Hour
	mailLinks  = 10 // Of one line.
)

// post hands alerts on. A group is written into the ledger before its first try and its end after it was taken, so that
// nothing is lost: when the process ends in between, the same group is tried again with the same Message-ID, by which mail
// servers and people tell that it came twice. Pauses are not kept: a new process tries at once.
type post struct {
	mu      sync.Mutex
	tries   map[int]attempt // By group; guarded by mu, as is what follows.
	failure map[casework.AlertChannel]string
}

type attempt struct {
	pause time.Duration
	next  time.Time
}

func newPost() *post {
	return &post{tries: map[int]attempt{}, failure: map[casework.AlertChannel]string{}}
}

// hookSettings have everything told at once to the program behind the webhook.
func hookSettings(now time.Time) casework.AlertSettings {
	x := casework.AlertSettings{Mail: map[casework.AlertKind]casework.AlertPace{}, Since: now.Add(-24 * time.Hour)}
	for _, kind := range casework.AlertKinds {
		x.Mail[kind] = casework.AlertInstant
	}
	return x
}

// channels are those that are set up.
func (n Notify) channels() (all []casework.AlertChannel) {
	if n.Mail != nil {
		all = append(all, casework.AlertMail)
	}
	if n.Hook != nil {
		all = append(all, casework.AlertHook)
	}
	return all
}

// round forms the groups that go out now, and tries those that wait.
func (p *post) round(ctx context.Context, s *Server) (failed error) {
	for _, channel := range s.config.Notify.channels() {
		if err := p.form(ctx, s, channel); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		var open []casework.AlertGroup
		s.config.Desk.Read(func(state *casework.State) { open = state.OpenGroups() })
		for _, g := range open {
			if g.Channel != channel || !p.ready(g.ID, s.config.Now()) {
				continue
			}
			if err := p.try(ctx, s, g); err != nil {
				failed = errors.Join(failed, err)
				break // The next hop is away, or asks for patience: so for all.
			}
		}
	}
	return failed
}

// form writes down which alerts go out together now.
func (p *post) form(ctx context.Context, s *Server, channel casework.AlertChannel) error {
	now := s.config.Now()
	var users []string
	s.config.Desk.Read(func(state *casework.State) { users = state.AlertedUsers() })
	for _, user := range users {
		var in casework.Delivery
		s.config.Desk.Read(func(state *casework.State) { in = state.Waiting(user, channel, now) })
		if channel == casework.AlertHook {
			in.Settings, in.Hours = hookSettings(now), nil
			for i := range in.Alerts {
				in.Alerts[i].Pace = ""
			}
		}
		if ids := casework.PlanDelivery(in, now); len(ids) > 0 {
			if _, err := s.config.Desk.Do(ctx, casework.System, casework.GroupAlerts{To: user, Channel: channel, Alerts: ids}); err != nil {
				return err
			}
		}
	}
	return nil
}

// ready reports whether the pause of a group is over.
func (p *post) ready(id int, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !now.Before(p.tries[id].next)
}

// try hands a group on, and writes down what became of it.
func (p *post) try(ctx context.Context, s *Server, g casework.AlertGroup) error {
	end := func(outcome casework.AlertOutcome, reason string) error {
		p.mu.Lock()
		delete(p.tries, g.ID)
		p.mu.Unlock()
		_, err := s.config.Desk.Do(ctx, casework.System, casework.EndGroup{ID: g.ID, Outcome: outcome, Reason: reason})
		return err
	}
	now := s.config.Now()
	if now.Sub(g.At) >= giveUp {
		return end(casework.AlertGivenUp, "")
	}
	send, err := s.letterOf(ctx, g)
	if err != nil {
		return err
	}
	if send == nil {
		return end(casework.AlertWithdrawn, "")
	}
	err = send(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch {
	case err == nil:
		p.note(g.Channel, "")
		s.config.Log.InfoContext(ctx, "alerts sent", "group", g.ID, "channel", g.Channel, "alerts", len(g.Alerts))
		return end(casework.AlertDelivered, "")
	case errors.Is(err, ErrUndeliverable):
		p.note(g.Channel, err.Error())
		return end(casework.AlertRefused, shorten(err.Error(), 200))
	}
	p.mu.Lock()
	pause := min(max(firstPause, 2*p.tries[g.ID].pause), longPause)
	p.tries[g.ID] = attempt{pause, now.Add(pause)}
	p.mu.Unlock()
	p.note(g.Channel, err.Error())
	return fmt.Errorf("hand group %d on by %s: %w; tried again in %s", g.ID, g.Channel, err, pause)
}

func (p *post) note(channel casework.AlertChannel, failure string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failure[channel] = failure
}

// shorten cuts a text at a border of its characters.
func shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// channelStatus says how alerts go out, by channel; nothing of channels that are not set up.
func (s *Server) channelStatus() map[casework.AlertChannel]Channel {
	all := map[casework.AlertChannel]Channel{}
	var open []casework.AlertGroup
	s.config.Desk.Read(func(state *casework.State) { open = state.OpenGroups() })
	s.post.mu.Lock()
	defer s.post.mu.Unlock()
	for _, channel := range s.config.Notify.channels() {
		st := Channel{Failure: s.post.failure[channel]}
		for _, g := range open {
			if g.Channel == channel {
				if st.Waiting++; st.Oldest.IsZero() {
					st.Oldest = g.At
				}
			}
		}
		all[channel] = st
	}
	return all
}

// digestLine is a line of a group with where it leads.
type digestLine struct {
	casework.DigestLine
	Links []string // Where it leads, then its sources, as far as the recipient may read them.
	More  int      // Sources without a link.
}

// letterOf makes what a group says now; nil when nobody wants it any more.
func (s *Server) letterOf(ctx context.Context, g casework.AlertGroup) (func(context.Context) error, error) {
	var settings casework.AlertSettings
	var alerts []casework.Alert
	s.config.Desk.Read(func(state *casework.State) { settings, alerts = state.AlertSettings(g.To), state.GroupAlerts(g) })
	u, ok := s.user(g.To)
	if !ok || u.Disabled || !(caller{roles: u.Roles}).reads() || len(alerts) == 0 || g.Channel == casework.AlertMail && !settings.Any() {
		return nil, nil
	}
	lines, err := s.digestLines(asUser(ctx, u), alerts)
	if err != nil {
		return nil, err
	}
	if g.Channel == casework.AlertHook {
		payload, err := s.payload(g, alerts, lines)
		return func(ctx context.Context) error { return s.config.Notify.Hook(ctx, payload) }, err
	}
	message, err := s.alertMail(g, settings.Address, lines)
	return func(ctx context.Context) error { return s.config.Notify.Mail(ctx, settings.Address, message) }, err
}

// digestLines are the lines of a group. A message that its recipient may not read is not named.
func (s *Server) digestLines(ctx context.Context, alerts []casework.Alert) (lines []digestLine, err error) {
	for _, d := range casework.Digest(alerts) {
		line := digestLine{DigestLine: d}
		if d.Case != 0 {
			line.Links = append(line.Links, s.config.PublicURL+casePath(d.Case))
		}
		for _, x := range d.Sources {
			link, err := s.sourceLink(ctx, x)
			switch {
			case err != nil:
				return nil, err
			case link == "":
			case len(line.Links) > mailLinks:
				line.More++
			default:
				line.Links = append(line.Links, s.config.PublicURL+link)
			}
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// sourceLink is where what an alert rests on is found; "" when that is a message which the caller does not see.
func (s *Server) sourceLink(ctx context.Context, x casework.Source) (string, error) {
	switch {
	case x.Citation != 0:
		return fmt.Sprintf("%s?source=%d#source", casePath(x.Case), x.Citation), nil
	case x.Record == nil:
		return casePath(x.Case) + "/timeline#" + entryID(x.Event), nil
	}
	_, err := s.within(ctx).Document(ctx, *x.Record)
	if unreadable(err) {
		return "", nil
	}
	return recordPath(*x.Record), err
}

// alertMail is a message about alerts (RFC 5322): plain text, and nothing in it that tells whether it was read. It says
// what alerts say, which are no words of mail and of notes, and where to look.
func (s *Server) alertMail(g casework.AlertGroup, to string, lines []digestLine) ([]byte, error) {
	from := s.config.Notify.From
	_, host, _ := strings.Cut(from, "@")
	var body strings.Builder
	for _, l := range lines {
		body.WriteString(l.Text + ".\n")
		for _, link := range l.Links {
			body.WriteString("  " + link + "\n")
		}
		if l.More > 0 {
			fmt.Fprintf(&body, "  and %d more\n", l.More)
		}
		body.WriteString("\n")
	}
	body.WriteString("All alerts: " + s.config.PublicURL + "/alerts\nYou switched mail about them on. Change that: " + s.config.PublicURL + "/alerts/settings\n")
	var m bytes.Buffer
	for _, field := range [][2]string{
		{"From", "Polytrace <" + from + ">"}, {"To", "<" + to + ">"}, {"Subject", mime.QEncoding.Encode("utf-8", alertSubject(lines))}, {"Date", s.config.Now().UTC().Format(time.RFC1123Z)},
		{"Message-ID", "<alerts-" + hex.EncodeToString(g.Key[:16]) + "@" + cmp.Or(host, "polytrace.invalid") + ">"}, {"Auto-Submitted", "auto-generated"}, // RFC 3834 section 5.
		{"MIME-Version", "1.0"}, {"Content-Type", "text/plain; charset=utf-8"}, {"Content-Transfer-Encoding", "quoted-printable"},
	} {
		m.WriteString(field[0] + ": " + field[1] + "\r\n")
	}
	m.WriteString("\r\n")
	w := quotedprintable.NewWriter(&m)
	_, err := w.Write([]byte(strings.ReplaceAll(body.String(), "\n", "\r\n")))
	return m.Bytes(), errors.Join(err, w.Close())
}

// alertSubject says how much there is, and what comes first.
func alertSubject(lines []digestLine) string {
	n := 0
	for _, l := range lines {
		n += len(l.Alerts)
	}
	text := Count(n, "alert", "alerts") + ": " + lines[0].Text
	if len(lines) > 1 {
		text += fmt.Sprintf(", and %d more", len(lines)-1)
	}
	if lines[0].Critical {
		text = "Critical, " + text
	}
	return shorten(text, 180)
}

// hookPayload is what the program behind the webhook is told.
type hookPayload struct {
	Version int         `json:"version"` // 1
	ID      string      `json:"id"`      // Of the group: it may come twice.
	To      string      `json:"to"`      // User name.
	At      time.Time   `json:"at"`
	Subject string      `json:"subject"`
	Lines   []hookLine  `json:"lines"`
	Alerts  []hookAlert `json:"alerts"`
}

type hookLine struct {
	Text     string   `json:"text"`
	Critical bool     `json:"critical"`
	Links    []string `json:"links"`
}

type hookAlert struct {
	ID       int                `json:"id"`
	Kind     casework.AlertKind `json:"kind"`
	Critical bool               `json:"critical"`
	Text     string             `json:"text"`
	Case     int                `json:"case,omitempty"`
	Search   string             `json:"search,omitempty"`
	At       time.Time          `json:"at"`
	Key      archive.Digest     `json:"key"`
}

func (s *Server) payload(g casework.AlertGroup, alerts []casework.Alert, lines []digestLine) ([]byte, error) {
	p := hookPayload{Version: 1, ID: hex.EncodeToString(g.Key[:16]), To: g.To, At: g.At, Subject: alertSubject(lines)}
	for _, l := range lines {
		p.Lines = append(p.Lines, hookLine{l.Text, l.Critical, list(l.Links)})
	}
	for _, a := range alerts {
		p.Alerts = append(p.Alerts, hookAlert{a.ID, a.Kind, a.Critical, a.Text, a.Case, a.Search, a.At, a.Key})
	}
	return json.Marshal(p)
}

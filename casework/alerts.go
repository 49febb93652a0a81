package casework

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"polytrace/archive"
)

// An alert tells one person of one thing that happened, with what it rests on. It has a number of its own in the
// ledger and a key: the same thing is told to the same person once, however often and from wherever it is looked for.
// What it says are names and numbers and never words of mail or of a note: nothing can be taken out of the ledger, and
// an alert may leave the house.

// The types of event about alerts.
const (
	AlertRaised  EventType = "alert.raised"  // some alerts, and how far was looked for them
	AlertSeen    EventType = "alert.seen"    // somebody has seen his alerts up to one
	AlertsSet    EventType = "alerts.set"    // how somebody wants to be told
	AlertGrouped EventType = "alert.grouped" // alerts go out together from now on
	AlertSent    EventType = "alert.sent"    // they did, or never will
	SearchAlert  EventType = "search.alert"  // somebody wants to be told of what a watched search finds
)

// AlertKind is what an alert is about.
type AlertKind string

// The kinds of alert.
const (
	AlertRisk     AlertKind = "risk"     // the level of a case has changed
	AlertPromise  AlertKind = "promise"  // due soon, or past its time
	AlertClock    AlertKind = "clock"    // a response time is nearly used up, or over
	AlertHandoff  AlertKind = "handoff"  // offered, or answered
	AlertQuestion AlertKind = "question" // or a review: asked, or answered
	AlertMention  AlertKind = "mention"  // named in a note
	AlertOwner    AlertKind = "owner"    // a case was given or taken
	AlertSearch   AlertKind = "search"   // a watched search found something
	AlertCover    AlertKind = "cover"    // a cover ends, or has ended
	AlertRule     AlertKind = "rule"     // a rule about new mail says so
)

// AlertKinds are the kinds of alert.
var AlertKinds = []AlertKind{AlertRisk, AlertPromise, AlertClock, AlertHandoff, AlertQuestion, AlertMention, AlertOwner, AlertSearch, AlertCover, AlertRule}

// AlertPace is how soon alerts go out.
type AlertPace string

// The paces.
const (
	AlertOff     AlertPace = "off"
	AlertInstant AlertPace = "instant" // What comes within a few minutes goes together.
	AlertHourly  AlertPace = "hourly"
	AlertDaily   AlertPace = "daily"
)

// AlertPaces are the paces.
var AlertPaces = []AlertPace{AlertOff, AlertInstant, AlertHourly, AlertDaily}

// AlertChannel is a way by which alerts leave the appliance.
type AlertChannel string

// The channels.
const (
	AlertMail AlertChannel = "mail"
	AlertHook AlertChannel = "webhook"
)

// Draft is an alert before it is raised.
type Draft struct {
	Kind     AlertKind `json:"kind"`
	Rule     string    `json:"rule"`    // That found it.
	Subject  string    `json:"subject"` // What it is about, for the key: "C-101/promise-2".
	To       string    `json:"to"`      // User name.
	Case     int       `json:"case,omitempty"`
	Search   string    `json:"search,omitempty"` // "kim/acme-open": owner and name.
	Text     string    `json:"text"`             // A plain sentence.
	Critical bool      `json:"critical,omitempty"`
	Pace     AlertPace `json:"pace,omitempty"` // Of a search, as was wanted of it.
	Sources  []Source  `json:"sources"`        // One or more.

	// The subject tells alerts apart by itself, as with a time that has come: what it rests on may be told by other
	// sources later and is no news.
	Once bool `json:"-"`
}

// Key names an alert by its rule, its subject, its recipient and the set of what it rests on.
func (d Draft) Key() archive.Digest {
	var refs []string
	for _, x := range d.Sources {
		if !d.Once {
			refs = append(refs, x.ref())
		}
	}
	slices.Sort(refs)
	h := sha256.New()
	for _, part := range append([]string{d.Rule, d.Subject, d.To}, slices.Compact(refs)...) {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return archive.Digest(h.Sum(nil))
}

// ref names a source.
func (x Source) ref() string {
	switch {
	case x.Record != nil:
		return x.Record.String()
	case x.Citation != 0:
		return fmt.Sprintf("C-%d/cite-%d", x.Case, x.Citation)
	}
	return fmt.Sprintf("ledger/%d", x.Event)
}

func (d Draft) clone() Draft {
	d.Sources = slices.Clone(d.Sources)
	for i, x := range d.Sources {
		d.Sources[i].Record = clonePointer(x.Record)
	}
	return d
}

// Alert is an alert that was raised.
type Alert struct {
	ID int `json:"id"` // In order of raising, from 1.
	Draft
	Key archive.Digest `json:"key"`
	At  time.Time      `json:"at"`

	Groups map[AlertChannel]int `json:"groups,omitempty"` // With which group it goes out, by channel.
}

func (a Alert) clone() Alert {
	a.Draft, a.Groups = a.Draft.clone(), maps.Clone(a.Groups)
	return a
}

// AlertSettings are how somebody wants to be told. The zero value has nothing sent: alerts are on the page alone.
type AlertSettings struct {
	Address  string                  `json:"address,omitempty"`  // Where mail goes.
	Calendar string                  `json:"calendar,omitempty"` // When mail comes, but for what is critical; "": at any time.
	Mail     map[AlertKind]AlertPace `json:"mail,omitempty"`     // Which kinds come by mail; those that are absent do not.
	Since    time.Time               `json:"since,omitzero"`     // When that was said: what was raised before does not come.
}

// pace is how soon an alert goes out. One of a search goes as was wanted of the search.
func (x AlertSettings) pace(a Alert) AlertPace {
	pace := x.Mail[a.Kind]
	if pace != "" && pace != AlertOff && a.Pace != "" {
		return a.Pace
	}
	return pace
}

// Any reports whether something is to be sent.
func (x AlertSettings) Any() bool {
	for _, pace := range x.Mail {
		if pace != AlertOff {
			return x.Address != ""
		}
	}
	return false
}

// AlertGroup is alerts that go out together, to one person over one channel.
type AlertGroup struct {
	ID      int            `json:"id"`
	To      string         `json:"to"`
	Channel AlertChannel   `json:"channel"`
	Alerts  []int          `json:"alerts"`
	Key     archive.Digest `json:"key"` // Of the keys of its alerts: who gets it twice can tell.
	At      time.Time      `json:"at"`
}

func (g AlertGroup) clone() AlertGroup {
	g.Alerts = slices.Clone(g.Alerts)
	return g
}

// AlertOutcome is what became of a group.
type AlertOutcome string

// What becomes of a group.
const (
	AlertDelivered AlertOutcome = "sent"
	AlertRefused   AlertOutcome = "refused"   // For good, by who was to take it.
	AlertGivenUp   AlertOutcome = "given-up"  // It was tried for days.
	AlertWithdrawn AlertOutcome = "withdrawn" // Its recipient does not want it any more, or is gone.
)

// AlertOutcomes are what becomes of groups.
var AlertOutcomes = []AlertOutcome{AlertDelivered, AlertRefused, AlertGivenUp, AlertWithdrawn}

// The data of the events about alerts.
type (
	// AlertRaisedData is the data of AlertRaised. The first one begins the watch: it has no alerts, and nothing that was
	// decided before it makes one.
	AlertRaisedData struct {
		Alerts   []RaisedAlert    `json:"alerts,omitempty"`
		Upto     archive.Position `json:"upto,omitempty"` // Every decision before it was looked at; 0 says nothing.
		Searches []SearchLooked   `json:"searches,omitempty"`
		ByRule
	}
	// RaisedAlert is an alert of AlertRaisedData.
	RaisedAlert struct {
		ID int `json:"id"`
		Draft
		Key archive.Digest `json:"key"`
	}
	// SearchLooked says how far was looked for what a search found, for somebody.
	SearchLooked struct {
		Owner string    `json:"owner"`
		Name  string    `json:"name"`
		User  string    `json:"user"`
		Upto  Positions `json:"upto"`
	}
	// AlertSeenData is the data of AlertSeen.
	AlertSeenData struct {
		Upto int `json:"upto"` // ID of the last one.
	}
	// AlertsSetData is the data of AlertsSet: all of it.
	AlertsSetData struct {
		User     string                  `json:"user"`
		Address  string                  `json:"address,omitempty"`
		Calendar string                  `json:"calendar,omitempty"`
		Mail     map[AlertKind]AlertPace `json:"mail,omitempty"`
	}
	// AlertGroupedData is the data of AlertGrouped.
	AlertGroupedData struct {
		ID      int          `json:"id"`
		To      string       `json:"to"`
		Channel AlertChannel `json:"channel"`
		Alerts  []int        `json:"alerts"`
		ByRule
	}
	// AlertSentData is the data of AlertSent.
	AlertSentData struct {
		ID      int          `json:"id"` // Of the group.
		Channel AlertChannel `json:"channel"`
		Alerts  []int        `json:"alerts"`
		Outcome AlertOutcome `json:"outcome"`
	}
	// SearchAlertData is the data of SearchAlert.
	SearchAlertData struct {
		Owner string    `json:"owner"`
		Name  string    `json:"name"`
		Pace  AlertPace `json:"pace"`           // off ends it.
		Upto  Positions `json:"upto,omitempty"` // What it found before is not told.
	}
)

// alertRules is the rule by which alerts are raised and grouped.
var alertRules = ByRule{"alerts", 1}

// Limits of alerts.
const (
	maxRaised      = 200  // In one event.
	keptAlerts     = 1000 // Of one person, on the page; keys are kept for ever.
	alertSources   = 20
	alertSoon      = 24 * time.Hour // How long before its time a promise, or the end of a cover, is told.
	maxMailAddress = 254            // RFC 5321 section 4.5.3.1.3.
)

// Commands about alerts.
type (
	// RaiseAlerts raises those drafts that were not raised before, to people who may read. Nothing is raised before the
	// first one, which begins the watch as soon as there is a case, or somebody who wants to be told.
	RaiseAlerts struct {
		Drafts   []Draft
		Upto     archive.Position // See AlertRaisedData.
		Searches []SearchLooked
	}
	// SeeAlerts says that the actor has seen his alerts up to one.
	SeeAlerts struct {
		Upto int

		actor string // Set by the Desk.
	}
	// SetAlerts says how the actor wants to be told.
	SetAlerts struct {
		Settings AlertSettings // Since is set.

		actor string
	}
	// GroupAlerts has alerts go out together.
	GroupAlerts struct {
		To      string
		Channel AlertChannel
		Alerts  []int
	}
	// EndGroup says what became of a group.
	EndGroup struct {
		ID      int
		Outcome AlertOutcome
		Reason  string
	}
	// AlertOnSearch says whether, and how soon, the actor wants to be told of what a watched search finds.
	AlertOnSearch struct {
		Owner, Name string
		Pace        AlertPace
		Upto        Positions // What it found before is not told.

		actor string
	}
)

func (c SeeAlerts) by(actor string) Command { c.actor = actor; return c }
func (c SetAlerts) by(actor string) Command { c.actor = actor; return c }
func (c AlertOnSearch) by(actor string) Command {
	c.actor, c.Owner = actor, or(c.Owner, actor)
	return c
}

// Check leaves out what was raised before, and what is for nobody who reads.
func (c RaiseAlerts) Check(s *State, _ time.Time) ([]Event, error) {
	switch {
	case !s.alerts.began.IsZero():
	case len(s.cases)+len(s.alerts.of)+len(s.alerts.subs) == 0: // There is nothing to tell of yet.
		return nil, nil
	default:
		return newEvent(AlertRaised, 0, "", AlertRaisedData{Upto: s.next, ByRule: alertRules})
	}
	data := AlertRaisedData{Upto: c.Upto, Searches: c.Searches, ByRule: alertRules}
	fresh := map[archive.Digest]bool{}
	for _, draft := range c.Drafts {
		key := draft.Key()
		switch {
		case !slices.Contains(AlertKinds, draft.Kind) || len(draft.Sources) == 0 || draft.Text == "":
			return nil, refuse(Invalid, "Drafts", "An alert needs a kind, a sentence and what it rests on.")
		case s.alerts.keys[key] || fresh[key] || !s.users[draft.To].may(Role.Reads):
			continue
		case len(data.Alerts) == maxRaised: // The rest comes with the next one, which says how far was looked.
			data.Upto, data.Searches = 0, nil
			return newEvent(AlertRaised, 0, "", data)
		}
		fresh[key] = true
		draft.Sources = draft.Sources[:min(len(draft.Sources), alertSources)]
		data.Alerts = append(data.Alerts, RaisedAlert{s.alerts.last + len(data.Alerts) + 1, draft, key})
	}
	if len(data.Alerts) == 0 {
		return nil, nil
	}
	return newEvent(AlertRaised, 0, "", data)
}

// Check does nothing when as much was seen before.
func (c SeeAlerts) Check(s *State, _ time.Time) ([]Event, error) {
	a := s.alerts.of[c.actor]
	if a == nil || len(a.list) == 0 {
		return nil, nil
	}
	upto := min(c.Upto, a.list[len(a.list)-1].ID)
	if upto <= a.seen {
		return nil, nil
	}
	return newEvent(AlertSeen, 0, "", AlertSeenData{upto})
}

// Check refuses what nobody could send by.
func (c SetAlerts) Check(s *State, _ time.Time) ([]Event, error) {
	if s.users[c.actor] == nil {
		return nil, refuse(Forbidden, "", "Alerts are for people: a program has none.")
	}
	x := c.Settings
	x.Address = strings.TrimSpace(x.Address)
	mail := map[AlertKind]AlertPace{}
	for kind, pace := range x.Mail {
		switch {
		case !slices.Contains(AlertKinds, kind):
			return nil, refuse(Invalid, "Mail", "%q is not a kind of alert.", kind)
		case !slices.Contains(AlertPaces, pace):
			return nil, refuse(Invalid, "Mail", "%q is not how soon mail comes: choose from off, instant, hourly and daily.", pace)
		case pace != AlertOff:
			mail[kind] = pace
		}
	}
	if err := checkMailAddress(x.Address, len(mail) > 0); err != nil {
		return nil, err
	}
	if x.Calendar != "" && s.calendar(x.Calendar) == nil {
		return nil, refuse(NotFound, "Calendar", "There is no calendar %q. An administrator sets calendars on the page Policies.", x.Calendar)
	}
	before := s.AlertSettings(c.actor)
	if before.Address == x.Address && before.Calendar == x.Calendar && maps.Equal(before.Mail, mail) {
		return nil, nil
	}
	return newEvent(AlertsSet, 0, "", AlertsSetData{c.actor, x.Address, x.Calendar, mail})
}

// checkMailAddress refuses what cannot be written into an envelope and a header as it is.
func checkMailAddress(address string, needed bool) error {
	local, domain, _ := strings.Cut(address, "@")
	odd := strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`<>()[]\,;:"`, r) })
	switch {
	case address == "" && needed:
		return refuse(Invalid, "Address", "Say which address mail goes to.")
	case address == "":
		return nil
	case odd || local == "" || domain == "" || strings.Contains(domain, "@") || len(address) > maxMailAddress:
		return refuse(Invalid, "Address", "%q is not an address that mail can be sent to.", address)
	}
	return nil
}

// Check refuses a group of what goes out already.
func (c GroupAlerts) Check(s *State, _ time.Time) ([]Event, error) {
	a := s.alerts.of[c.To]
	if a == nil || len(c.Alerts) == 0 || c.Channel != AlertMail && c.Channel != AlertHook {
		return nil, refuse(Invalid, "Alerts", "There is nothing to send.")
	}
	for i, id := range c.Alerts {
		one := a.find(id)
		if one == nil || slices.Contains(c.Alerts[:i], id) || one.Groups[c.Channel] != 0 {
			return nil, refuse(Conflict, "Alerts", "Alert %d is not there, or goes out already.", id)
		}
	}
	return newEvent(AlertGrouped, 0, "", AlertGroupedData{s.alerts.groups + 1, c.To, c.Channel, c.Alerts, alertRules})
}

// Check refuses a second end.
func (c EndGroup) Check(s *State, _ time.Time) ([]Event, error) {
	g := s.alerts.open[c.ID]
	switch {
	case g == nil:
		return nil, refuse(NotFound, "ID", "There is no group %d that goes out.", c.ID)
	case !slices.Contains(AlertOutcomes, c.Outcome):
		return nil, refuse(Invalid, "Outcome", "%q does not end a group.", c.Outcome)
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	return newEvent(AlertSent, 0, c.Reason, AlertSentData{g.ID, g.Channel, g.Alerts, c.Outcome})
}

// Check refuses to tell of what is not watched, or not for the actor.
func (c AlertOnSearch) Check(s *State, _ time.Time) ([]Event, error) {
	key := SearchKey{c.Owner, c.Name}
	x, ok := s.Search(c.actor, key)
	had := s.alerts.subs[seenBy{key, c.actor}].Pace
	switch {
	case s.users[c.actor] == nil:
		return nil, refuse(Forbidden, "", "Alerts are for people: a program has none.")
	case !ok:
		return nil, refuse(NotFound, "Name", "There is no such saved search.")
	case !slices.Contains(AlertPaces, c.Pace):
		return nil, refuse(Invalid, "Pace", "%q is not how soon you are told: choose from off, instant, hourly and daily.", c.Pace)
	case !x.Watch && c.Pace != AlertOff:
		return nil, refuse(Conflict, "Name", "The search %q is not watched. Have it watched first.", c.Name)
	case c.Pace == had || had == "" && c.Pace == AlertOff:
		return nil, nil
	}
	data := SearchAlertData{Owner: c.Owner, Name: c.Name, Pace: c.Pace}
	if c.Pace != AlertOff && had == "" {
		upto, err := further(nil, c.Upto)
		if err != nil {
			return nil, err
		}
		data.Upto = upto
	}
	return newEvent(SearchAlert, 0, "", data)
}

// Alerts lists the alerts of somebody, the last one first, and up to which he has seen them. The oldest of many are gone.
func (s *State) Alerts(user string) (all []Alert, seen int) {
	a := s.alerts.of[user]
	if a == nil {
		return nil, 0
	}
	for _, x := range slices.Backward(a.list) {
		all = append(all, x.clone())
	}
	return all, a.seen
}

// UnseenAlerts counts the alerts that somebody has not seen.
func (s *State) UnseenAlerts(user string) int {
	a := s.alerts.of[user]
	if a == nil {
		return 0
	}
	from, _ := slices.BinarySearchFunc(a.list, a.seen+1, func(x Alert, id int) int { return cmp.Compare(x.ID, id) })
	return len(a.list) - from
}

// AlertSettings are how somebody wants to be told.
func (s *State) AlertSettings(user string) AlertSettings {
	a := s.alerts.of[user]
	if a == nil {
		return AlertSettings{}
	}
	x := a.settings
	x.Mail = maps.Clone(x.Mail)
	return x
}

// AlertsRaised is how many alerts there were of all people.
func (s *State) AlertsRaised() int { return s.alerts.last }

// AlertsBegan is when the watch for alerts began; zero before.
func (s *State) AlertsBegan() time.Time { return s.alerts.began }

// Subscription is a watched search of whose finds somebody wants to be told.
type Subscription struct {
	Search Search
	User   User
	Pace   AlertPace
	Upto   Positions // What it found before was told.
}

// Subscriptions lists those of people who may read, of searches that are watched and that they may use.
func (s *State) Subscriptions() (all []Subscription) {
	for by, sub := range s.alerts.subs {
		x, ok := s.Search(by.actor, by.search)
		if u := s.users[by.actor]; ok && x.Watch && u.may(Role.Reads) {
			all = append(all, Subscription{x, u.clone(), sub.Pace, maps.Clone(sub.Upto)})
		}
	}
	slices.SortFunc(all, func(a, b Subscription) int {
		return cmp.Or(cmp.Compare(a.User.Name, b.User.Name), cmp.Compare(a.Search.Name, b.Search.Name), cmp.Compare(a.Search.Owner, b.Search.Owner))
	})
	return all
}

// SearchAlert is how soon somebody wants to be told of what a search finds; off when not at all.
func (s *State) SearchAlert(user string, key SearchKey) AlertPace {
	return AlertPace(or(string(s.alerts.subs[seenBy{key, user}].Pace), string(AlertOff)))
}

// Drafts are the alerts about messages that a search found: one for each, since each is told once.
func (x Subscription) Drafts(found []archive.Address) (all []Draft) {
	for _, at := range found {
		all = append(all, Draft{Kind: AlertSearch, Rule: "search", Subject: x.Search.Owner + "/" + x.Search.Name, To: x.User.Name, Search: x.Search.Owner + "/" + x.Search.Name,
			Text: "A new message matches the search " + x.Search.Name, Pace: x.Pace, Sources: []Source{{Record: &at}}})
	}
	return all
}

// OpenGroups lists the groups that go out and have not ended, oldest first.
func (s *State) OpenGroups() (all []AlertGroup) {
	for _, id := range slices.Sorted(maps.Keys(s.alerts.open)) {
		all = append(all, s.alerts.open[id].clone())
	}
	return all
}

// GroupAlerts are the alerts of a group.
func (s *State) GroupAlerts(g AlertGroup) (all []Alert) {
	if a := s.alerts.of[g.To]; a != nil {
		for _, id := range g.Alerts {
			if x := a.find(id); x != nil {
				all = append(all, x.clone())
			}
		}
	}
	return all
}

// Waiting is what has to be known to plan what goes out to somebody over a channel at a time.
func (s *State) Waiting(user string, channel AlertChannel, now time.Time) (in Delivery) {
	a := s.alerts.of[user]
	if a == nil || !s.users[user].may(Role.Reads) {
		return Delivery{}
	}
	in.Settings, in.Last = s.AlertSettings(user), a.sent[channel]
	if channel == AlertMail && !in.Settings.Any() {
		return Delivery{}
	}
	if c := s.calendar(in.Settings.Calendar); c != nil {
		hours := c.Calendar.clone()
		in.Hours = &hours
	}
	for _, x := range a.list {
		if x.Groups[channel] == 0 && (x.ID > a.seen || channel == AlertHook) && now.Sub(x.At) < alertLife {
			in.Alerts = append(in.Alerts, x.clone())
		}
	}
	return in
}

// AlertedUsers lists who has alerts, by name.
func (s *State) AlertedUsers() []string { return slices.Sorted(maps.Keys(s.alerts.of)) }

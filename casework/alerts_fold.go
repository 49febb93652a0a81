package casework

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"polytrace/archive"
)

// alertBook is what was decided about alerts.
type alertBook struct {
	began   time.Time // When the first AlertRaised said so; zero: nothing is noticed.
	last    int       // ID of the last alert.
	keys    map[archive.Digest]bool
	of      map[string]*alertFile
	noticed []notice // What happened since it was looked at last, oldest first.
	subs    map[seenBy]subscription
	groups  int                 // ID of the last group.
	open    map[int]*AlertGroup // That have not ended.
}

// alertFile is what concerns one person.
type alertFile struct {
	settings AlertSettings
	list     []Alert // In order of ID; the last ones.
	seen     int     // ID up to which they were seen.
	sent     map[AlertChannel]time.Time
}

// notice is an alert that is to be raised, from the moment at which it was folded: so it goes to those whom it
// concerned then.
type notice struct {
	at archive.Position
	Draft
}

type subscription struct {
	Pace AlertPace
	Upto Positions
}

func newAlertBook() alertBook {
	return alertBook{keys: map[archive.Digest]bool{}, of: map[string]*alertFile{}, subs: map[seenBy]subscription{}, open: map[int]*AlertGroup{}}
}

func (b *alertBook) file(user string) *alertFile {
	a := b.of[user]
	if a == nil {
		a = &alertFile{sent: map[AlertChannel]time.Time{}}
		b.of[user] = a
	}
	return a
}

// find is an alert that is kept, or nil.
func (a *alertFile) find(id int) *Alert {
	i, ok := slices.BinarySearchFunc(a.list, id, func(x Alert, id int) int { return cmp.Compare(x.ID, id) })
	if !ok {
		return nil
	}
	return &a.list[i]
}

// alertFolds are the folds of the events about alerts.
var alertFolds = map[EventType]fold{
	AlertRaised:  folding((*State).alertRaised),
	AlertSeen:    folding((*State).alertSeen),
	AlertsSet:    folding((*State).alertsSet),
	AlertGrouped: folding((*State).alertGrouped),
	AlertSent:    folding((*State).alertSent),
	SearchAlert:  folding((*State).searchAlerted),
}

func (s *State) alertRaised(d decision, data AlertRaisedData) error {
	b := &s.alerts
	for i, x := range data.Alerts {
		if x.ID != b.last+i+1 || s.users[x.To] == nil || b.keys[x.Key] {
			return fmt.Errorf("alert %d is out of turn, is known, or is for nobody", x.ID)
		}
	}
	if b.began.IsZero() {
		b.began = d.At
	}
	for _, x := range data.Alerts {
		b.last, b.keys[x.Key] = x.ID, true
		a := b.file(s.actor(x.To))
		a.list = append(a.list, Alert{ID: x.ID, Draft: x.Draft, Key: x.Key, At: d.At})
		if len(a.list) > keptAlerts {
			a.list = slices.Clone(a.list[len(a.list)-keptAlerts:])
		}
	}
	b.noticed = slices.DeleteFunc(b.noticed, func(n notice) bool { return n.at < data.Upto })
	for _, x := range data.Searches {
		by := seenBy{SearchKey{x.Owner, x.Name}, x.User}
		if sub, ok := b.subs[by]; ok {
			b.subs[by] = subscription{sub.Pace, x.Upto}
		}
	}
	return nil
}

func (s *State) alertSeen(d decision, data AlertSeenData) error {
	a := s.alerts.of[d.Actor]
	if a == nil {
		return fmt.Errorf("%q has no alerts", d.Actor)
	}
	a.seen = max(a.seen, data.Upto)
	return nil
}

func (s *State) alertsSet(d decision, data AlertsSetData) error {
	if s.users[data.User] == nil {
		return noUser(data.User)
	}
	s.alerts.file(s.actor(data.User)).settings = AlertSettings{data.Address, data.Calendar, data.Mail, d.At}
	return nil
}

func (s *State) alertGrouped(d decision, data AlertGroupedData) error {
	a := s.alerts.of[data.To]
	if a == nil || data.ID != s.alerts.groups+1 {
		return fmt.Errorf("group %d is out of turn, or for nobody", data.ID)
	}
	s.alerts.groups = data.ID
	g := &AlertGroup{ID: data.ID, To: s.actor(data.To), Channel: data.Channel, Alerts: data.Alerts, At: d.At}
	var keys []archive.Digest
	for _, id := range data.Alerts {
		if x := a.find(id); x != nil {
			keys = append(keys, x.Key)
			x.Groups = maps.Clone(x.Groups)
			if x.Groups == nil {
				x.Groups = map[AlertChannel]int{}
			}
			x.Groups[data.Channel] = data.ID
		}
	}
	g.Key = keyOf(keys)
	a.sent[data.Channel] = d.At
	s.alerts.open[g.ID] = g
	return nil
}

func (s *State) alertSent(_ decision, data AlertSentData) error {
	if s.alerts.open[data.ID] == nil {
		return fmt.Errorf("group %d does not go out", data.ID)
	}
	delete(s.alerts.open, data.ID)
	return nil
}

func (s *State) searchAlerted(d decision, data SearchAlertData) error {
	key := SearchKey{data.Owner, data.Name}
	if _, ok := s.searches[key]; !ok {
		return fmt.Errorf("%s has no search %q", key.Owner, key.Name)
	}
	by := seenBy{key, s.actor(d.Actor)}
	if data.Pace == AlertOff {
		delete(s.alerts.subs, by)
		return nil
	}
	upto := data.Upto
	if had, ok := s.alerts.subs[by]; ok {
		upto = had.Upto
	}
	s.alerts.subs[by] = subscription{data.Pace, upto}
	return nil
}

package casework

import (
	"fmt"
	"slices"
	"time"
)

// queueFolds are the folds of the events that say which mail is taken.
var queueFolds = map[EventType]fold{
	QueueAdded:     folding((*State).queueAdded),
	QueueChanged:   folding((*State).queueChanged),
	QueueRotated:   folding((*State).queueRotated),
	QueueRetired:   folding((*State).queueRetired),
	QueueRemoved:   folding((*State).queueRemoved),
	LoginSet:       folding((*State).loginSet),
	LoginRemoved:   folding((*State).loginRemoved),
	SourcesSet:     folding((*State).sourcesSet),
	SourcesRemoved: folding((*State).sourcesRemoved),
}

func (s *State) queueAdded(d decision, data QueueAddedData) error {
	if _, taken := s.QueueByLocal(data.Local); taken || s.queue(data.Name) != nil {
		return fmt.Errorf("there is a queue %q already, or one with the same address", data.Name)
	}
	q := Queue{
		Name: data.Name, Local: data.Local, Format: data.Format,
		Sources: data.Sources, Class: data.Class, Created: d.At,
	}
	q.ask(d, data.QueueTerms)
	s.queues = append(s.queues, q)
	return nil
}

// ask has a queue ask for something else. Where it hands its mail on to may
// change on the way.
func (q *Queue) ask(d decision, t QueueTerms) {
	switch {
	case t.Relay == "":
		q.RelaySince = time.Time{}
	case q.Relay == "":
		q.RelaySince = d.At
	}
	q.QueueTerms = t
}

func (s *State) queueChanged(d decision, data QueueChangedData) error {
	q := s.queue(data.Name)
	if q == nil {
		return fmt.Errorf("there is no queue %q", data.Name)
	}
	q.Format, q.Sources, q.Class = data.Format, data.Sources, data.Class
	q.ask(d, data.QueueTerms)
	return nil
}

func (s *State) queueRotated(_ decision, data QueueRotatedData) error {
	q := s.queue(data.Name)
	if _, taken := s.QueueByLocal(data.Local); taken || q == nil {
		return fmt.Errorf("there is no queue %q, or its new address is another one's", data.Name)
	}
	q.Local, q.Previous = data.Local, q.Local
	return nil
}

func (s *State) queueRetired(_ decision, data QueueRetiredData) error {
	q := s.queue(data.Name)
	if q == nil || q.Previous == "" {
		return fmt.Errorf("there is no queue %q with an address before its own", data.Name)
	}
	q.Previous = ""
	return nil
}

func (s *State) queueRemoved(d decision, data QueueRemovedData) error {
	q := s.queue(data.Name)
	if q == nil {
		return fmt.Errorf("there is no queue %q", data.Name)
	}
	q.Removed = d.At
	return nil
}

func (s *State) loginSet(d decision, data LoginSetData) error {
	s.logins[data.Name] = &Login{Name: data.Name, Hash: data.Hash, Set: d.At}
	return nil
}

func (s *State) loginRemoved(_ decision, data LoginRemovedData) error {
	if s.logins[data.Name] == nil {
		return fmt.Errorf("there is no login %q", data.Name)
	}
	delete(s.logins, data.Name)
	return nil
}

func (s *State) sourcesSet(d decision, data SourcesSetData) error {
	s.sets[data.Name] = &SourceSet{Name: data.Name, Networks: slices.Clone(data.Networks), Changed: d.At}
	return nil
}

func (s *State) sourcesRemoved(_ decision, data SourcesRemovedData) error {
	if s.sets[data.Name] == nil {
		return fmt.Errorf("there is no set of sources %q", data.Name)
	}
	delete(s.sets, data.Name)
	return nil
}

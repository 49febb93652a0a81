package casework

import (
	"fmt"
	"regexp"
	"slices"
)

// The types of event about references.
const (
	ReferencesSet  EventType = "references.set"
	ReferenceGiven EventType = "reference.given" // by hand; also that one does not belong to a case
)

// The data of these events.
type (
	// ReferencesSetData is the data of ReferencesSet: all systems.
	ReferencesSetData struct{ ReferenceRules }
	// ReferenceGivenData is the data of ReferenceGiven.
	ReferenceGivenData struct {
		System string `json:"system"`
		ID     string `json:"id"`
		Aside  bool   `json:"aside,omitempty"`
	}
)

// References are the systems that references are looked for of.
func (s *State) References() ReferenceRules {
	return ReferenceRules{s.references.Version, slices.Clone(s.references.Systems)}
}

// referenceRulesFolds are the folds of the event about systems, and referenceFolds those about the references of a case.
var (
	referenceRulesFolds = map[EventType]fold{ReferencesSet: folding((*State).referencesSet)}
	referenceFolds      = map[EventType]caseFold{ReferenceGiven: onCase((*State).referenceGiven)}
)

func (s *State) referencesSet(_ decision, data ReferencesSetData) error {
	for i := range data.Systems {
		x := &data.Systems[i]
		var err error
		if x.re, err = regexp.Compile(x.Pattern); err != nil {
			return fmt.Errorf("the pattern of %s cannot be read: %w", x.Name, err)
		}
	}
	s.references = data.ReferenceRules
	return nil
}

func (s *State) referenceGiven(c *caseFile, d decision, data ReferenceGivenData) (Entry, error) {
	if data.System == "" || data.ID == "" {
		return Entry{}, fmt.Errorf("it names nothing")
	}
	g := GivenReference{data.System, data.ID, data.Aside, s.actor(d.Actor), d.At, d.pos}
	c.References = slices.Clone(c.References)
	if i := c.given(data.System, data.ID); i >= 0 {
		c.References[i] = g
	} else {
		c.References = append(c.References, g)
	}
	did := " said that the case is about "
	if data.Aside {
		did = " said that the case is not about "
	}
	return Entry{Text: sentence(s.who(d.Actor)+did+data.System+" #"+data.ID, d.Reason)}, nil
}

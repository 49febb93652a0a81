package casework

import (
	"slices"
	"strings"
	"time"
)

// CompanySet is the event that says which mail addresses are the company's own.
const CompanySet EventType = "company.set"

// CompanySetData is the data of CompanySet: all of it, not what changed.
type CompanySetData struct {
	Own []string `json:"own"` // Domains, with all below them, and single addresses, in order.
}

// Company says which mail addresses are the company's own: what decides which direction a message has.
type Company struct {
	Own []string `json:"own"` // Domains, with all below them, and single addresses; lower case, in order.
}

// Has reports whether an address is the company's own.
func (c Company) Has(address string) bool {
	address = strings.ToLower(address)
	_, domain, ok := strings.Cut(address[max(strings.LastIndexByte(address, '@'), 0):], "@")
	return ok && slices.ContainsFunc(c.Own, func(own string) bool {
		return own == address || own == domain || !strings.Contains(own, "@") && strings.HasSuffix(domain, "."+own)
	})
}

// Company returns what was said of the company; without an address when nobody has said anything.
func (s *State) Company() Company { return Company{slices.Clone(s.company.Own)} }

// SetCompany says which domains and addresses are the company's own, all of them.
type SetCompany struct {
	Own    []string
	Reason string
}

// maxOwn is how many domains and addresses a company has at most.
const maxOwn = 500

// Check drops what is named twice and refuses domains at which anybody can have an address.
func (c SetCompany) Check(s *State, _ time.Time) ([]Event, error) {
	var own []string
	for _, text := range c.Own {
		if strings.TrimSpace(text) == "" {
			continue
		}
		identifier, err := Identifier(text)
		if err == nil {
			err = checkShared(identifier)
		}
		if err != nil {
			return nil, err
		}
		own = append(own, identifier)
	}
	slices.Sort(own)
	own = slices.Compact(own)
	if len(own) > maxOwn {
		return nil, refuse(Invalid, "Own", "These are %d domains and addresses; at most %d fit. Name the domain above them.", len(own), maxOwn)
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	if slices.Equal(own, s.company.Own) {
		return nil, nil
	}
	return newEvent(CompanySet, 0, c.Reason, CompanySetData{own})
}

// companyFolds are the folds of the event about the company.
var companyFolds = map[EventType]fold{CompanySet: folding((*State).companySet)}

func (s *State) companySet(_ decision, data CompanySetData) error {
	s.company = Company(data)
	return nil
}

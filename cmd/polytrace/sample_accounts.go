package main

import (
	"time"

	"polytrace/casework"
)

// sampleAccounts are the customers of the sample company, and what is mapped to each.
func sampleAccounts(now time.Time) (all []casework.Command) {
	for _, a := range []struct {
		id, name string
		mapped   []casework.MapIdentifier
	}{
		{"acme", "Acme Bottling Company", []casework.MapIdentifier{{Identifier: "acme.example"}}},
		{"halvorsen", "Halvorsen Marine AS", []casework.MapIdentifier{{Identifier: "halvorsen-marine.example"}}},
		{"kitano", "Kitano (北野計器)", []casework.MapIdentifier{{Identifier: "kitano.example"}}},
		{"dumont", "Brasserie Dumont", []casework.MapIdentifier{{Identifier: "brasseriedumont.example"}}},
		{"obrien", "O'Brien Logistics", []casework.MapIdentifier{{Identifier: "obrien-logistics.example"}, {Identifier: "claims@baltfreight.example", From: now.AddDate(-1, 0, 0)}}},
		{"taller-vega", "Taller Vega", []casework.MapIdentifier{{Identifier: "tallervega.example"}}},
		{"schreiber", "Schreiber Optik", []casework.MapIdentifier{{Identifier: "schreiber-optik.example"}}},
	} {
		all = append(all, casework.OpenAccount{ID: a.id, Name: a.name})
		for _, m := range a.mapped {
			m.Account = a.id
			all = append(all, m)
		}
	}
	return all
}

package casework

import (
	"time"

	"polytrace/archive"
)

// Range is a run of records of one stream: {"stream":"mail","first":1042,"records":3}. Every
// list of records in an event has this shape, in order of streams and positions.
type Range = archive.Removal

// The data of the events that decide what is kept and what goes. The member
// removes of ErasureOrderedData and ExpiredData is what goes: whoever verifies
// the packs looks for the reason of a missing record there.
type (
	// ClassSetData is the data of ClassSet.
	ClassSetData struct {
		Class archive.Stream   `json:"class"`
		Keep  Period           `json:"keep,omitzero"` // Absent: for ever.
		Lock  archive.LockMode `json:"lock,omitempty"`
	}
	// HoldPlacedData is the data of HoldPlaced.
	HoldPlacedData struct {
		Name     string  `json:"name"`
		Query    string  `json:"query"`
		Standing bool    `json:"standing,omitempty"` // Also for what will match later.
		Records  []Range `json:"records"`            // What matched, with every copy and arrival.
	}
	// HoldExtendedData is the data of HoldExtended.
	HoldExtendedData struct {
		Name    string  `json:"name"`
		Records []Range `json:"records"` // More than it held before.
	}
	// HoldReleasedData is the data of HoldReleased.
	HoldReleasedData struct {
		Name string `json:"name"`
	}
	// ErasureRequestedData is the data of ErasureRequested. Bytes that came
	// several times are gone only when each record of them is named.
	ErasureRequestedData struct {
		ID      int     `json:"id"`
		Records []Range `json:"records"`
	}
	// ErasureOrderedData is the data of ErasureOrdered. The actor approved it.
	ErasureOrderedData struct {
		ID      int     `json:"id"`
		Records []Range `json:"records"` // As requested, with what brought the same messages since.
		Removes []Range `json:"removes"` // Those of them that were not removed before.
	}
	// ErasureRefusedData is the data of ErasureRefused.
	ErasureRefusedData struct {
		ID int `json:"id"`
	}
	// ErasurePolicyData is the data of ErasurePolicy.
	ErasurePolicyData struct {
		SecondPerson bool `json:"second_person"`
	}
	// ExpiredData is the data of RetentionExpired.
	ExpiredData struct {
		Class   archive.Stream `json:"class"`
		Removes []Range        `json:"removes"` // Whole packs.
		Newest  time.Time      `json:"newest"`  // When the youngest of the records was received.
		Keep    Period         `json:"keep"`    // What the class said at that time.
	}
)

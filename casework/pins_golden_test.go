package casework

import (
	"testing"
	"time"

	"polytrace/archive"
)

// goldenPins holds the first ledger with files that are evidence, and what it folded to. These files never change.
const goldenPins = "testdata/golden-pins"

func shownPins(s *State) map[string]any {
	return map[string]any{"cases": s.Cases(), "unknown": s.Unknown()}
}

func TestFirstPinsStayReadable(t *testing.T) {
	checkGolden(t, goldenPins, shownPins, FilePinned, FileUnpinned)
}

func TestPinsAreWrittenAsAtFirst(t *testing.T) {
	checkWritten(t, goldenPins, goldenPinsScript)
}

// goldenPinsScript makes every type of event with every member set at least once.
func goldenPinsScript(o *office) {
	step := func(actor string, c Command) { o.t.Helper(); o.as(actor, c); o.clock = o.clock.Add(time.Hour) }
	step(System, AddUser{Name: "kim", FullName: "Kim Osei", Roles: []Role{Specialist}})
	step("kim", OpenCase{Title: "Gateways offline in Bremen", Owner: "kim"})
	step("kim", PinFile{Case: 101, Record: archive.Address{Stream: archive.Mail, Position: 7}, Part: 2, SHA256: archive.Digest{7}, Reason: "the contract"})
	step("kim", PinFile{Case: 101, Record: archive.Address{Stream: archive.Files, Position: 0}, Part: WholeRecord, SHA256: archive.Digest{7}, Uploaded: true})
	step("kim", UnpinFile{Case: 101, ID: 1, Reason: "not this version"})
	step("kim", PinFile{Case: 101, Record: archive.Address{Stream: archive.Mail, Position: 7}, Part: 2, SHA256: archive.Digest{7}})
}

package casework

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polytrace/archive"
	"polytrace/message"
)

func TestESC19_AFileIsPinnedOnceAndCanBeTakenOut(t *testing.T) {
	t.Parallel()
	o := withCase(t)
	pin := PinFile{Case: 101, Record: archive.Address{Stream: archive.Mail, Position: 7}, Part: 2, SHA256: archive.Digest{9}, Reason: "the contract"}
	o.as("kim", pin)
	o.refusedTo("marta", pin, Conflict, "Part", "C-101", "Kim Osei")
	other := pin
	other.Record.Position = 8
	o.as("marta", other) // The same bytes with another message: another origin.
	for _, wrong := range []struct {
		c     PinFile
		field string
	}{
		{PinFile{Case: 101, Record: archive.Address{Stream: archive.Ledger}, SHA256: archive.Digest{9}}, "Record"},
		{PinFile{Case: 101, Record: pin.Record, Part: -2, SHA256: archive.Digest{9}}, "Part"},
		{PinFile{Case: 101, Record: pin.Record, Part: 3}, "SHA256"},
	} {
		o.refusedTo("kim", wrong.c, Invalid, wrong.field)
	}
	o.refusedTo("kim", UnpinFile{Case: 101, ID: 3}, NotFound, "ID")
	o.as("kim", UnpinFile{Case: 101, ID: 1, Reason: "another version"})
	o.refusedTo("kim", UnpinFile{Case: 101, ID: 1}, Gone, "ID")
	o.as("kim", pin)
	c, _ := o.desk.state.Case(101)
	var log []string
	for _, e := range c.Log[len(c.Log)-4:] {
		log = append(log, e.Item+": "+e.Text)
	}
	want := []string{
		"file-1: Kim Osei pinned a file of mail/7 (reason: the contract)", "file-2: Marta Lindqvist pinned a file of mail/8 (reason: the contract)",
		"file-1: Kim Osei took the file of mail/7 out of the evidence (reason: another version)", "file-3: Kim Osei pinned a file of mail/7 (reason: the contract)",
	}
	if d := cmp.Diff(want, log); d != "" {
		t.Error(d)
	}
	if len(c.Pins) != 3 || c.Pins[0].RemovedBy != "kim" || !c.Pins[1].Removed.IsZero() {
		t.Errorf("%+v", c.Pins)
	}
}

func TestESC19_EqualBytesAreOneWithAllTheirOrigins(t *testing.T) {
	t.Parallel()
	at := func(n int) archive.Address {
		return archive.Address{Stream: archive.Mail, Position: archive.Position(n)}
	}
	upload := archive.Address{Stream: archive.Files}
	file := func(part int) MaterialFile {
		return MaterialFile{Part: part, Name: "contract.pdf", Size: 9, SHA256: archive.Digest{0xf}, Format: "PDF"}
	}
	jane := message.Mailbox{Name: "Jane Doe", Address: "jane@contoso.example"}
	letter := func(n int, files ...MaterialFile) Material {
		return Material{Record: at(n), Kind: archive.KindMessage, SHA256: archive.Digest{byte(n)}, Date: start.Add(time.Duration(n) * time.Hour), From: jane, Subject: "Contract", Files: files}
	}
	one, two, old := letter(1, file(2)), letter(2, file(3)), letter(3)
	old.Mailbox = "old@northwind.example"
	page := Material{Record: archive.Address{Stream: "pages"}, Kind: archive.KindPage, SHA256: archive.Digest{4}, Date: start.Add(4 * time.Hour), Subject: "Status"}
	put := Material{Record: upload, Kind: archive.KindFile, SHA256: archive.Digest{0xf}, Date: start.Add(5 * time.Hour), Subject: "contract.pdf", Files: []MaterialFile{file(WholeRecord)}}
	cases := []Case{{Number: 101,
		Citations: []Citation{{ID: 1, Record: at(1), By: "kim", At: start.Add(6 * time.Hour), Comment: "signed"}, {ID: 2, Record: page.Record, By: "kim", At: start}, {ID: 3, Record: at(9), By: "kim"}},
		Pins: []Pin{{ID: 1, Record: at(2), Part: 3, SHA256: archive.Digest{0xf}, By: "marta", At: start.Add(7 * time.Hour), Reason: "the same again"},
			{ID: 2, Record: upload, Part: WholeRecord, SHA256: archive.Digest{0xf}, Uploaded: true, By: "kim", At: start.Add(8 * time.Hour)},
			{ID: 3, Record: at(1), Part: 2, SHA256: archive.Digest{0xf}, By: "lee", At: start.Add(9 * time.Hour), Removed: start}},
	}}
	got := EvidenceOf(cases, []Material{one, old}, map[archive.Address]Material{at(1): one, at(2): two, page.Record: page, upload: put})
	var kinds []string
	for _, e := range got {
		kinds = append(kinds, string(e.Kind)+" "+e.Name)
	}
	if want := []string{"message Contract", "attached contract.pdf", "imported Contract", "page Status"}; !slices.Equal(kinds, want) {
		t.Fatalf("got %q, want %q", kinds, want)
	}
	var origins []string
	for _, o := range got[1].Origins {
		origins = append(origins, o.How+" "+o.Record.String()+" "+o.By+" "+o.Why)
	}
	if want := []string{"attached mail/1 kim ", "pinned mail/2 marta the same again", "uploaded files/0 kim "}; !slices.Equal(origins, want) {
		t.Errorf("got %q, want %q", origins, want)
	}
	if o := got[0].Origins; len(o) != 1 || o[0].How != ByCitation || o[0].Why != "signed" {
		t.Errorf("the cited message has the origins %+v", o)
	}
	if o := got[2].Origins; len(o) != 1 || o[0].How != ByConversation || o[0].By != "" {
		t.Errorf("the mail of the case has the origins %+v", o)
	}
}

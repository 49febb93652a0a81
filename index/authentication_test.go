package index

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polytrace/archive"
	"polytrace/message/auth"
)

// What was found out about a message is found with dkim: and shown with the
// message, whether the facts come before it or after it; it is no message
// itself and in no count.
func TestFindingsAreFoundAndShown(t *testing.T) {
	key := auth.Answer{Name: "s._domainkey.contoso.example", TXT: []string{"p="}, At: day(2026, 11, 20), AD: true}
	ref := auth.Ref{Key: key.Name, SHA256: key.Digest()}
	signed := func(p uint64, status string) auth.Result {
		return auth.Result{Position: p, DKIM: []auth.Signature{{Domain: "contoso.example", Status: status, Ref: ref}}}
	}
	a := newMemArchive()
	first := a.learns(t, archive.Mail, []auth.Answer{key}, signed(0, auth.Pass), signed(1, auth.Fail))
	for i := range 6 {
		a.append(archive.Meta{}, mail("pump "+strings.Repeat("x", i)+"\n"))
	}
	x := follow(t, a)
	last := a.learns(t, archive.Mail, nil, auth.Result{Position: 2}, signed(3, auth.Policy), signed(4, auth.TempError), signed(0, auth.Fail))
	a.append(archive.Meta{Stream: archive.Facts, Kind: archive.KindEvent}, `{"polytrace":1,"type":"mail.handed-on","data":{}}`)
	caughtUp(t, x, a)
	finds(t, x, map[string]string{"dkim:pass": "0", "dkim:fail": "3 1", "dkim:none": "2", "pump -dkim:pass": "5 4 3 2 1", "": "5 4 3 2 1 0"})
	want := &Authentication{Record: archive.Address{Stream: archive.Mail}, Facts: first, Checked: day(2026, 11, 21), Result: signed(0, auth.Pass), Keys: []auth.Answer{key}}
	if diff := cmp.Diff(want, documentAt(t, x, archive.Address{Stream: archive.Mail}).Authentication); diff != "" {
		t.Error(diff)
	}
	if got := documentAt(t, x, archive.Address{Stream: archive.Mail, Position: 3}).Authentication; got == nil || got.Facts != last || len(got.Keys) != 1 {
		t.Errorf("an answer that an earlier record has: %+v", got)
	}
	if got := documentAt(t, x, archive.Address{Stream: archive.Mail, Position: 5}).Authentication; got != nil {
		t.Errorf("what was not examined has %+v", got)
	}
	if st := x.Status(); st.Records != 6 || st.Lag != 0 || time.Since(st.CompleteTo) > time.Minute {
		t.Errorf("status is %+v", st)
	}
	var syntax *SyntaxError
	_, err := x.Search(t.Context(), Request{Query: "dkim:maybe"})
	if !errors.As(err, &syntax) || !strings.Contains(err.Error(), "dkim:fail, dkim:none, dkim:pass") {
		t.Errorf("a value that is none: %v", err)
	}
}

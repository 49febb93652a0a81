package webui

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

// erases removes a record by a decision, and returns that.
func (f *fixture) erases(at archive.Address, reason string) archive.Address {
	f.t.Helper()
	f.do(casework.RequestErasure{Records: []archive.Removal{{Stream: at.Stream, First: at.Position, Records: 1}}, Reason: reason})
	return f.decides(casework.ApproveErasure{ID: 1})
}

// expires removes a record because its time has passed.
func (f *fixture) expires(at archive.Address) archive.Address {
	f.t.Helper()
	f.do(casework.SetClass{Class: at.Stream, Keep: casework.Period{Days: 1}, Streams: []archive.Stream{at.Stream}})
	f.later(25 * time.Hour)
	return f.decides(casework.Expire{Class: at.Stream, Packs: []archive.PackInfo{{Stream: at.Stream, First: at.Position, Records: 1, Newest: noon, Stored: true}}})
}

// decides waits until the index knows of a decision.
func (f *fixture) decides(c casework.Command) archive.Address {
	f.t.Helper()
	at, err := f.desk.Do(f.t.Context(), casework.System, c)
	order := archive.Address{Stream: archive.Ledger, Position: at}
	if err == nil {
		err = f.index.WaitFor(f.t.Context(), order)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return order
}

// A removed message answers 410 on every way to it while the archive still has it, and says by which decision it went.
func TestRemovedMessageIsGone(t *testing.T) {
	f := newFixture(t)
	f.users()
	at, kept := f.mail(letter(1)), f.mail(letter(2))
	b, p := f.as("agent"), f.program(casework.Agent)
	decision := f.erases(at, "asked for by Jane.")
	want := "This message was removed on 3 November 2026 by decision " + decision.String() + ": asked for by Jane."
	for _, path := range []string{"", "/source", "/raw", "/parts/0", "/html"} {
		if r := b.get("/record/" + at.String() + path); r.code != http.StatusGone || !strings.Contains(r.body, want) || strings.Contains(r.body, "firmware") {
			t.Errorf("page %s: %d %s", path, r.code, r.body)
		}
	}
	for _, path := range []string{"", "/text", "/raw", "/parts/0"} {
		r := p.ask("GET", "/records/"+at.String()+path, nil)
		if r.code != http.StatusGone || !strings.Contains(r.body, want) || r.head.Get("Content-Type") != "application/problem+json" || strings.Contains(r.body, "firmware") {
			t.Errorf("API %s: %d %s", path, r.code, r.body)
		}
	}
	if r := p.ask("GET", "/threads/mail-0", nil); r.code != http.StatusGone {
		t.Errorf("conversation: %d %s", r.code, r.body)
	}
	if r := b.get("/thread/mail-0"); r.code != http.StatusNotFound {
		t.Errorf("page of the conversation: %d %s", r.code, r.body)
	}
	if r := p.ask("GET", "/search?q=firmware", nil); !strings.Contains(r.body, `"total":1`) || !strings.Contains(r.body, kept.String()) {
		t.Errorf("search: %s", r.body)
	}
	if st := tell[statusOut](p, http.StatusOK, "GET", "/status", nil); st.Removed != 1 || st.Indexed != 1 || st.Unsearchable != 0 {
		t.Errorf("status: %+v", st.Totals)
	}
}

// A citation of a removed message says that it was removed. What it quotes stays in the case when the
// message expired, and is withheld when it was erased.
func TestCitationOfRemovedMessage(t *testing.T) {
	for name, quoted := range map[string]bool{"expired": true, "erased": false} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.users()
			at := f.mail(letter(1))
			p := f.program(casework.Agent)
			tell[casework.Case](p, http.StatusCreated, "POST", "/cases", map[string]any{"title": "Second batch delayed"})
			if r := p.ask("POST", "/cases/101/citations", map[string]any{"record": at, "quote": "firmware by Friday"}); r.code != http.StatusCreated {
				t.Fatalf("%d %s", r.code, r.body)
			}
			share := tell[struct {
				URL string `json:"url"`
			}](p, http.StatusCreated, "POST", "/cases/101/shares", map[string]any{"title": "For Acme", "citations": []int{1}, "whole_messages": true})
			var decision archive.Address
			if quoted {
				decision = f.expires(at)
			} else {
				decision = f.erases(at, "asked for")
			}
			b := f.as("agent")
			for _, path := range []string{"/cases/101", "/cases/101?source=1"} {
				r := b.get(path)
				if r.code != http.StatusOK || !strings.Contains(r.body, "by decision "+decision.String()+": ") {
					t.Errorf("%s: %d %s", path, r.code, r.body)
				}
				if strings.Contains(r.body, "firmware by Friday") != quoted || strings.Contains(r.body, "cancel") {
					t.Errorf("%s: quoted should be %v: %s", path, quoted, r.body)
				}
			}
			if r := b.get("/cases/101/share"); r.code != http.StatusOK || strings.Contains(r.body, "firmware by Friday") != quoted {
				t.Errorf("share form: %d %s", r.code, r.body)
			}
			if r := p.ask("GET", "/cases/101", nil); r.code != http.StatusOK || strings.Contains(r.body, "firmware by Friday") != quoted {
				t.Errorf("API: %d %s", r.code, r.body)
			}
			r := f.browser().get(strings.TrimPrefix(share.URL, f.url))
			if r.code != http.StatusOK || strings.Contains(r.body, "firmware") || strings.Contains(r.body, decision.String()) || !strings.Contains(r.body, "removed from the archive") {
				t.Errorf("guest: %d %s", r.code, r.body)
			}
			if r := p.ask("POST", "/cases/101/citations", map[string]any{"record": at}); r.code != http.StatusGone {
				t.Errorf("cite again: %d %s", r.code, r.body)
			}
		})
	}
}

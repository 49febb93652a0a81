package webui

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"polytrace/archive"
	"polytrace/casework"
)

// asked opens a case for a request that comes through a queue.
func (f *fixture) asked(n int, queue, text string) int {
	f.t.Helper()
	head, _, _ := strings.Cut(letter(n), "\n\n")
	at := f.mailThrough(queue, head+"\n\n"+text+"\n")
	number := 0
	f.do(casework.OpenCase{Title: fmt.Sprintf("Request %d", n), Number: &number})
	r, err := f.archive.Read(f.t.Context(), at)
	if err != nil {
		f.t.Fatal(err)
	}
	f.do(casework.LinkConversation{Case: number, Message: casework.Named{Record: at, SHA256: r.Meta.SHA256}})
	if err := f.index.WaitFor(f.t.Context(), archive.Address{Stream: archive.Ledger, Position: f.archive.Next(archive.Ledger) - 1}); err != nil {
		f.t.Fatal(err)
	}
	return number
}

const lostLink = "Since the update of this morning all our gateways in the plant in Bremen have lost the link to the network and line three stands still. Please tell us what to do."

func TestTR8_ATwinInAWithheldQueueIsNotShown(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.users()
	f.do(casework.SetCompany{Own: []string{"northwind.example"}})
	f.do(casework.AddQueue{Name: "postfix", Local: "postfix-aaaaa"})
	f.do(casework.AddQueue{Name: "board", Local: "board-aaaaa", QueueTerms: casework.QueueTerms{Readers: []string{"role:manager"}}})
	old := f.asked(1, "postfix", strings.Replace(lostLink, "Bremen", "Kiel", 1))
	secret := f.asked(2, "board", strings.Replace(lostLink, "three", "four", 1))
	f.asked(3, "postfix", "The invoice of last month names the wrong address of our office, and the number of the order is missing. Could you send another one?")
	f.do(casework.AssignCase{Case: old, Owner: "agent"})
	f.do(casework.ChangeCase{Case: old, Status: new(casework.Resolved)})
	number := f.asked(4, "postfix", lostLink)

	path := fmt.Sprintf("/cases/%d", number)
	agent, manager := f.program(casework.Agent), f.program(casework.Manager)
	numbers := func(p *program) (list []int) {
		for _, s := range tell[similarOut](p, http.StatusOK, "GET", path+"/similar", nil).Similar {
			list = append(list, s.Number)
		}
		return list
	}
	if got := numbers(agent); len(got) != 1 || got[0] != old {
		t.Errorf("the agent is told of %v", got)
	}
	if got := numbers(manager); len(got) != 2 {
		t.Errorf("the manager is told of %v", got)
	}
	page := f.as("agent").get(path)
	if !strings.Contains(page.body, "1 similar, 1 resolved by The agent") || strings.Contains(page.body, fmt.Sprintf("C-%d ", secret)) || !strings.Contains(page.body, "says nearly the same") {
		t.Errorf("%s", page.body)
	}
	f.asked(5, "postfix", strings.Replace(lostLink, "Bremen", "Emden", 1)) // It is news.
	if got := numbers(agent); len(got) != 2 {
		t.Errorf("the agent is told of %v", got)
	}
	if got := f.as("manager").get(path); !strings.Contains(got.body, "3 similar") {
		t.Error("the manager's page does not tell of three")
	}
}

// What it costs to compare a case with 2,000 others: when the server has started, and when one case has changed.
func BenchmarkSimilar2000(b *testing.B) {
	f := newFixture(b)
	f.do(casework.SetCompany{Own: []string{"northwind.example"}})
	for i := range 2000 {
		f.asked(i, "postfix", fmt.Sprintf("%s %x %x", lostLink, i*7919, i*104729))
	}
	ctx := withCaller(b.Context(), caller{actor: "system", roles: []casework.Role{casework.Manager}})
	for _, c := range []struct {
		name string
		make func()
	}{{"cold", func() { f.web.like = likenesses{} }}, {"changed", func() { f.do(casework.ChangeCase{Case: 101, Severity: new(1 + b.N%4), Reason: "x"}) }}, {"warm", func() {}}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				c.make()
				b.StartTimer()
				if _, err := f.web.similar(ctx, 101); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

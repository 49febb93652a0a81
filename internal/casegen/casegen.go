// Package casegen writes the mail of a company with what is true of it, so that
// what reads mail can be measured.
//
// The company is Northwind Support of the demo: its people, its customers and
// how their programs compose mail. What they write is told as support mail is
// written, by hand, in stories with places for dates; a seed draws which are
// told when, by whom, and how they end. The same seed gives the same bytes.
//
// Truth says what a careful person would say of the mail, whatever the rules of
// the product find: who wrote which lines, what each date means, what was
// promised and how it ended, which mail a machine wrote. It is told by the words
// as they are put together, not read back out of them.
package casegen

import (
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Options say how much is written.
type Options struct {
	Messages int       // Default 400; a few more may come, so that no story is cut short.
	Months   int       // That the mail takes; default 18.
	End      time.Time // When it ends; default 20 November 2026.
}

// World is a company with its mail.
type World struct {
	Staff    []*Person
	Accounts []*Account
	Truth    Truth

	messages []Message
}

// Message is a message as it left its writer's program.
type Message struct {
	ID     string // Its Message-ID, without brackets.
	Raw    []byte
	From   string   // Envelope sender; "" is the null sender.
	To     []string // Envelope recipients.
	Queue  string   // support, success or staff: whose mail server took it.
	Folder string   // In the mailbox it lies in: Inbox, Sent, Private.
	Sent   time.Time
}

// Messages yields the mail in the order in which it was sent.
func (w *World) Messages() iter.Seq[Message] { return slices.Values(w.messages) }

// New writes a company's mail.
func New(seed uint64, o Options) *World {
	if o.Messages == 0 {
		o.Messages = 400
	}
	if o.Months == 0 {
		o.Months = 18
	}
	if o.End.IsZero() {
		o.End = time.Date(2026, 11, 20, 17, 0, 0, 0, time.UTC)
	}
	g := &generator{rand: rand.New(rand.NewPCG(seed, 0x63617365)), seed: seed, options: o, world: &World{}, people: people()}
	for _, p := range g.people {
		if p.Account == "" {
			g.world.Staff = append(g.world.Staff, p)
			continue
		}
		g.account(p)
	}
	g.write()
	slices.SortStableFunc(g.world.messages, func(a, b Message) int { return a.Sent.Compare(b.Sent) })
	return g.world
}

func (g *generator) account(p *Person) {
	all := &g.world.Accounts
	for _, a := range *all {
		if a.ID == p.Account {
			a.People = append(a.People, p)
			return
		}
	}
	_, domain, _ := strings.Cut(p.Address, "@")
	*all = append(*all, &Account{ID: p.Account, Domain: domain, People: []*Person{p}})
}

// generator writes a World.
type generator struct {
	rand    *rand.Rand
	seed    uint64
	options Options
	world   *World
	people  []*Person
	written int // Letters, for their IDs.
	stories int
}

func pick[E any](g *generator, from []E) E { return from[g.rand.IntN(len(from))] }

// chance is true n times of a hundred.
func (g *generator) chance(n int) bool { return g.rand.IntN(100) < n }

package webui

import (
	"html/template"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"polytrace/archive"
	"polytrace/casework"
	"polytrace/index"
)

// homeView is what a person sees first.
type homeView struct {
	Mine   []casework.Case
	Names  names
	Links  accountLinks
	Latest []resultRow
	Total  int
	Chart  template.HTML
	Cards  []setupCard // Shown until the first mail has come.
	Admins bool
	Offers []casework.HandedOver // To the person.
	Asked  []casework.Asked      // Of the person.

	Reviews []casework.Reviewing // That the person has to see to.
	Taken   []casework.Taken     // Cases that came to the person without an offer, lately.
	Dues    dues
}

// setupCard tells how to connect a mail server to a queue.
type setupCard struct {
	casework.Queue
	Address       string
	FormerAddress string         // Before this one; it takes mail when the queue has a previous one.
	Server        string         // host:port of the gateway
	Peers         []netip.Prefix // All networks that it takes mail from.
}

func (s *Server) showHome(w http.ResponseWriter, r *http.Request) error {
	who, _ := callerFrom(r.Context())
	if !who.reads() {
		http.Redirect(w, r, "/status", http.StatusSeeOther)
		return nil
	}
	v := homeView{Admins: who.admin()}
	s.config.Desk.Read(func(state *casework.State) {
		v.Mine, v.Names, v.Links = state.Overview(), namesOf(state.Users()), accountLinksOf(state)
	})
	v.Mine = slices.DeleteFunc(v.Mine, func(c casework.Case) bool {
		return c.Owner != who.actor || c.Status == casework.Closed || c.Status == casework.Resolved
	})
	v.Mine = v.Mine[:min(len(v.Mine), 8)]
	v.Offers, v.Asked = s.waitingFor(who.actor)
	v.Reviews = s.reviewsFor(who)
	s.config.Desk.Read(func(state *casework.State) { v.Taken = state.Taken(who.actor, s.config.Now().Add(-takenFor)) })
	var err error
	if v.Dues, err = s.dues(r.Context()); err != nil {
		return err
	}
	result, err := s.search(r.Context(), index.Request{Limit: 8, Now: s.config.Now()})
	if err != nil {
		return err
	}
	v.Total = result.Total
	for _, item := range result.Items {
		v.Latest = append(v.Latest, resultRow{Summary: item, Link: recordPath(item.Address)})
	}
	s.nameAccounts(v.Latest)
	v.Chart = chart(result.Volume, "message", "messages", s.narrower(r.Context(), "", index.Newest).bar)
	if v.Total == 0 {
		v.Cards = s.setupCards()
	}
	return s.render(w, r, http.StatusOK, "home", view{Title: "Home", Nav: "home", Page: v})
}

func (s *Server) setupCards() []setupCard {
	var cards []setupCard
	s.config.Desk.Read(func(state *casework.State) {
		for _, q := range state.Queues() {
			cards = append(cards, s.setupCard(state, q))
		}
	})
	return cards
}

func (s *Server) setupCard(state *casework.State, q casework.Queue) setupCard {
	return setupCard{q, q.Local + "@" + s.config.MailDomain, q.Previous + "@" + s.config.MailDomain, s.config.SMTPListen, state.Peers(q)}
}

// From are the networks, sets, logins and certificates that may send.
func (c setupCard) From() (all []string) {
	all = append(all, c.Sets...)
	for _, p := range c.Peers {
		if len(c.Sets) == 0 || slices.Contains(c.Sources, p) {
			all = append(all, p.String())
		}
	}
	for _, name := range c.Logins {
		all = append(all, "login "+name)
	}
	return append(all, c.Certificates...)
}

// Asks are the terms of the queue that are not usual, in words.
func (c setupCard) Asks() []string { return c.QueueTerms.Asks() }

// statusView is what the status page shows: four numbers people can trust.
type statusView struct {
	Archive  archive.Status
	Index    index.Status
	Intake   *Intake
	Keeping  *casework.KeeperStatus
	Received int64
	InBucket int64
	Last     time.Time // When the last record came.
	Oldest   time.Time // When the oldest record came that is not in the bucket yet.
	Queues   []queueView
	Chart    template.HTML
	Unknown  []casework.Unknown
	Checked  time.Time
	Channels map[casework.AlertChannel]Channel // By which alerts go out.
}

// BucketFailure is what keeps packs from the bucket; "" when nothing does.
func (v *statusView) BucketFailure() string {
	if v.Archive.Failure == "" {
		return ""
	}
	return BucketFailure(v.Archive.Failure, v.Intake)
}

// queueView is a queue, and when mail last came through it.
type queueView struct {
	setupCard
	Intake QueueIntake
}

func (s *Server) statusView(r *http.Request) (*statusView, error) {
	v := &statusView{Archive: s.config.Archive.Status(), Index: s.config.Index.Status(), Keeping: s.keeping(), Checked: s.config.Now(), Channels: s.channelStatus()}
	for _, st := range v.Archive.Streams {
		if st.Stream.Ours() {
			continue
		}
		v.Received += int64(st.Next)
		v.InBucket += int64(st.InBucket)
		if st.Last.After(v.Last) {
			v.Last = st.Last
		}
		if !st.Oldest.IsZero() && (v.Oldest.IsZero() || st.Oldest.Before(v.Oldest)) {
			v.Oldest = st.Oldest
		}
	}
	if s.config.Intake != nil {
		in := s.config.Intake()
		v.Intake = &in
	}
	for _, card := range s.setupCards() {
		q := queueView{setupCard: card}
		if v.Intake != nil {
			q.Intake = v.Intake.Queues[card.Name]
		}
		v.Queues = append(v.Queues, q)
	}
	s.config.Desk.Read(func(state *casework.State) { v.Unknown = state.Unknown() })
	days, err := s.config.Index.Volume(r.Context(), s.config.Now().AddDate(0, 0, -60))
	v.Chart = chart(days, "record received", "records received", nil)
	return v, err
}

func (s *Server) showStatus(w http.ResponseWriter, r *http.Request) error {
	v, err := s.statusView(r)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "status", view{Title: "Status", Nav: "status", Page: v})
}

func (s *Server) showHelp(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, http.StatusOK, "help", view{Title: "Help", Nav: "help"})
}

package webui

import (
	"context"
	"crypto/rand"
	"net/netip"
	"slices"

	"polytrace/archive"
	"polytrace/casework"
)

// queueOut is a queue with the addresses that mail servers send to.
type queueOut struct {
	casework.Queue
	Address string         `json:"address"`
	Former  string         `json:"previous_address,omitempty" doc:"Takes mail too, until it is retired."`
	Peers   []netip.Prefix `json:"peers" doc:"All networks that it takes mail from, sets written out."`
}

func (s *Server) queueOut(state *casework.State, q casework.Queue) queueOut {
	out := queueOut{Queue: q, Address: q.Local + "@" + s.config.MailDomain, Peers: list(state.Peers(q))}
	if q.Previous != "" {
		out.Former = q.Previous + "@" + s.config.MailDomain
	}
	return out
}

type queuesOut struct {
	Queues []queueOut `json:"queues"`
}

func (s *Server) apiQueues(context.Context, *none) (*body[queuesOut], error) {
	out := queuesOut{[]queueOut{}}
	s.config.Desk.Read(func(state *casework.State) {
		for _, q := range state.Queues() {
			out.Queues = append(out.Queues, s.queueOut(state, q))
		}
	})
	return reply(out), nil
}

// QueueTermsIn are what a queue says, each member as it is or absent.
type QueueTermsIn struct {
	Format       *string  `json:"format,omitempty" doc:"auto, exchange, google, postfix, exim, zimbra, sieve, domino, kerio, mdaemon or plain; default auto."`
	Sources      []string `json:"sources,omitempty" doc:"Addresses, networks, and names of sets of them that may send; default this machine and private networks."`
	Class        *string  `json:"class,omitempty" doc:"Stream that its mail goes to; default mail."`
	Logins       []string `json:"logins,omitempty" doc:"Logins that may send from anywhere."`
	Certificates []string `json:"certificates,omitempty" doc:"Client certificates that may send from anywhere: sha256: and 64 hexadecimal digits of the public key, or a DNS name that an authority has signed."`
	Tenants      []string `json:"tenants,omitempty" doc:"Microsoft 365 organisations, one of which a message has to name: domain or tenant ID."`
	TLS          *bool    `json:"tls,omitempty" doc:"Take mail over TLS only."`
	Gateway      *bool    `json:"gateway,omitempty" doc:"The peers are mail servers of others: SPF and DMARC are evaluated."`
	Relay        *string  `json:"relay,omitempty" doc:"HOST:PORT that mail is handed on to."`
	SilenceHours *int     `json:"silence_hours,omitempty" doc:"Alarm when no mail came for so long; 0 what is unusual, -1 never."`
	Readers      []string `json:"readers,omitempty" doc:"Who may read its mail, also what came before: users, token:NAME, role:manager and other roles. Compliance always may. Empty: everyone whose role reads."`
}

// onto puts what is said over what was so. An empty list takes all away.
func (in QueueTermsIn) onto(c *casework.ChangeQueue) error {
	if in.Sources != nil {
		var err error
		if c.Sources, c.Sets, err = parseSources(in.Sources); err != nil {
			return err
		}
	}
	put(&c.Format, in.Format)
	put(&c.TLS, in.TLS)
	put(&c.Gateway, in.Gateway)
	put(&c.Relay, in.Relay)
	put(&c.SilenceHours, in.SilenceHours)
	if in.Class != nil {
		c.Class = archive.Stream(*in.Class)
	}
	for _, l := range []struct {
		to   *[]string
		from []string
	}{{&c.Logins, in.Logins}, {&c.Certificates, in.Certificates}, {&c.Tenants, in.Tenants}, {&c.Readers, in.Readers}} {
		if l.from != nil {
			*l.to = l.from
		}
		if len(*l.to) == 0 {
			*l.to = nil
		}
	}
	return nil
}

func put[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// parseSources tells networks and names of sets apart.
func parseSources(words []string) (networks []netip.Prefix, sets []string, err error) {
	for _, word := range words {
		if setName(word) {
			sets = append(sets, word)
			continue
		}
		p, err := parsePrefix(word)
		if err != nil {
			return nil, nil, err
		}
		networks = append(networks, p)
	}
	return networks, sets, nil
}

// setName reports whether a word may name a set: it begins with a letter and
// has neither colon nor slash.
func setName(word string) bool {
	return word != "" && (word[0]|0x20) >= 'a' && (word[0]|0x20) <= 'z' && !slices.ContainsFunc([]byte(word), func(b byte) bool { return b == ':' || b == '/' })
}

type addQueueIn struct {
	Body struct {
		Name string `json:"name"`
		QueueTermsIn
	}
}

func (s *Server) apiAddQueue(ctx context.Context, in *addQueueIn) (*body[queueOut], error) {
	var all casework.ChangeQueue
	if err := in.Body.onto(&all); err != nil {
		return nil, err
	}
	c := casework.AddQueue{Name: in.Body.Name, Format: all.Format, Sources: all.Sources, Class: all.Class, QueueTerms: all.QueueTerms}
	var err error
	if c.Local, err = casework.NewQueueLocal(c.Name, rand.Reader); err != nil {
		return nil, err
	}
	if err := s.act(ctx, c); err != nil {
		return nil, err
	}
	return s.apiQueue(c.Name)
}

// apiQueue answers with a queue that there is.
func (s *Server) apiQueue(name string) (*body[queueOut], error) {
	var out *body[queueOut]
	s.config.Desk.Read(func(state *casework.State) {
		if q, ok := state.Queue(name); ok {
			out = reply(s.queueOut(state, q))
		}
	})
	if out == nil {
		return nil, &casework.Refusal{Code: casework.NotFound, Field: "Name", Text: "There is no queue " + name + "."}
	}
	return out, nil
}

type changeQueueIn struct {
	Name string `path:"name"`
	Body QueueTermsIn
}

func (s *Server) apiChangeQueue(ctx context.Context, in *changeQueueIn) (*body[queueOut], error) {
	q, err := s.apiQueue(in.Name)
	if err != nil {
		return nil, err
	}
	c := casework.ChangeQueue{Name: q.Body.Name, Format: q.Body.Format, Sources: q.Body.Sources, Class: q.Body.Class, QueueTerms: q.Body.QueueTerms}
	if err := in.Body.onto(&c); err != nil {
		return nil, err
	}
	if err := s.act(ctx, c); err != nil {
		return nil, err
	}
	return s.apiQueue(in.Name)
}

func (s *Server) apiRotateQueue(ctx context.Context, in *nameIn) (*body[queueOut], error) {
	local, err := casework.NewQueueLocal(in.Name, rand.Reader)
	if err == nil {
		err = s.act(ctx, casework.RotateQueue{Name: in.Name, Local: local})
	}
	if err != nil {
		return nil, err
	}
	return s.apiQueue(in.Name)
}

func (s *Server) apiRetireQueue(ctx context.Context, in *nameIn) (*body[queueOut], error) {
	if err := s.act(ctx, casework.RetireAddress{Name: in.Name}); err != nil {
		return nil, err
	}
	return s.apiQueue(in.Name)
}

func (s *Server) apiRemoveQueue(ctx context.Context, in *nameIn) (*none, error) {
	return nil, s.act(ctx, casework.RemoveQueue{Name: in.Name, Reason: in.Reason})
}

type loginsOut struct {
	Logins []casework.Login `json:"logins"`
}

func (s *Server) apiLogins(context.Context, *none) (*body[loginsOut], error) {
	var out loginsOut
	s.config.Desk.Read(func(state *casework.State) { out.Logins = list(state.Logins()) })
	return reply(out), nil
}

type loginSet struct {
	Name     string `json:"name"`
	Password string `json:"password" doc:"Told only now."`
}

func (s *Server) apiSetLogin(ctx context.Context, in *nameIn) (*body[loginSet], error) {
	password := casework.NewSecret()
	if err := s.act(ctx, casework.SetLogin{Name: in.Name, Hash: casework.SecretHash(password)}); err != nil {
		return nil, err
	}
	return reply(loginSet{in.Name, password}), nil
}

func (s *Server) apiRemoveLogin(ctx context.Context, in *nameIn) (*none, error) {
	return nil, s.act(ctx, casework.RemoveLogin{Name: in.Name})
}

type sourcesOut struct {
	Sources []casework.SourceSet `json:"sources"`
}

func (s *Server) apiSources(context.Context, *none) (*body[sourcesOut], error) {
	var out sourcesOut
	s.config.Desk.Read(func(state *casework.State) { out.Sources = list(state.SourceSets()) })
	return reply(out), nil
}

type setSourcesIn struct {
	Name string `path:"name"`
	Body struct {
		Networks []string `json:"networks" doc:"Addresses and networks."`
	}
}

func (s *Server) apiSetSources(ctx context.Context, in *setSourcesIn) (*none, error) {
	networks, sets, err := parseSources(in.Body.Networks)
	if err == nil && len(sets) > 0 {
		err = &casework.Refusal{Code: casework.Invalid, Field: "Networks", Text: sets[0] + " is not an address or a network. A set cannot name another one."}
	}
	if err != nil {
		return nil, err
	}
	return nil, s.act(ctx, casework.SetSources{Name: in.Name, Networks: networks})
}

func (s *Server) apiRemoveSources(ctx context.Context, in *nameIn) (*none, error) {
	return nil, s.act(ctx, casework.RemoveSources{Name: in.Name})
}

package webui

import (
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"polytrace/archive"
	"polytrace/casework"
)

// termsForm is what a queue asks for, as it stands in the fields of a form.
type termsForm struct {
	Format, Sources, Class        string
	Logins, Certificates, Tenants string
	TLS, Gateway                  bool
	Relay, Silence                string // Hours; "" is what is unusual.
	Readers                       string
	Error                         string // What was wrong with it.
}

func formOf(q casework.Queue) termsForm {
	words := slices.Clone(q.Sets)
	for _, p := range q.Sources {
		words = append(words, p.String())
	}
	f := termsForm{
		Format: q.Format, Sources: strings.Join(words, ", "), Class: string(q.Class), Logins: strings.Join(q.Logins, ", "), Certificates: strings.Join(q.Certificates, ", "),
		Tenants: strings.Join(q.Tenants, ", "), TLS: q.TLS, Gateway: q.Gateway, Relay: q.Relay, Readers: strings.Join(q.Readers, ", "),
	}
	if q.SilenceHours != 0 {
		f.Silence = strconv.Itoa(q.SilenceHours)
	}
	return f
}

// typedTerms is what stands in the form of a request.
func typedTerms(r *http.Request) termsForm {
	return termsForm{
		Format: r.FormValue("format"), Sources: r.FormValue("sources"), Class: strings.TrimSpace(r.FormValue("class")), Logins: r.FormValue("logins"), Certificates: r.FormValue("certificates"),
		Tenants: r.FormValue("tenants"), TLS: r.FormValue("tls") != "", Gateway: r.FormValue("gateway") != "", Relay: strings.TrimSpace(r.FormValue("relay")), Silence: strings.TrimSpace(r.FormValue("silence")), Readers: r.FormValue("readers"),
	}
}

// command is the change that a form asks for.
func (f termsForm) command(name string) (casework.ChangeQueue, error) {
	c := casework.ChangeQueue{Name: name, Format: f.Format, Class: archive.Stream(f.Class), QueueTerms: casework.QueueTerms{
		Logins: typedWords(f.Logins), Certificates: typedWords(strings.ToLower(f.Certificates)), Tenants: typedWords(strings.ToLower(f.Tenants)), TLS: f.TLS, Gateway: f.Gateway, Relay: f.Relay, Readers: typedWords(f.Readers),
	}}
	var err error
	if c.Sources, c.Sets, err = parseSources(typedWords(f.Sources)); err != nil {
		return c, err
	}
	if f.Silence != "" {
		if c.SilenceHours, err = strconv.Atoi(f.Silence); err != nil {
			return c, &casework.Refusal{Code: casework.Invalid, Field: "SilenceHours", Text: f.Silence + " is not a number of hours. Leave it empty for what is unusual, or write -1 for no alarm."}
		}
	}
	return c, nil
}

// changeQueue says anew what a queue asks for, and shows the form again when
// that cannot be.
func (s *Server) changeQueue(w http.ResponseWriter, r *http.Request) error {
	q, err := s.queueNamed(r.PathValue("name"))
	if err != nil {
		return err
	}
	form := typedTerms(r)
	c, err := form.command(q.Name)
	if err == nil {
		err = s.do(r, c)
	}
	var refusal *casework.Refusal
	if errors.As(err, &refusal) {
		form.Error = refusal.Text
		return s.renderQueue(w, r, http.StatusUnprocessableEntity, q, nil, &form)
	}
	if err != nil {
		return err
	}
	return s.done(w, r, queuePath(q), "The queue is changed.")
}

// rotateQueue gives a queue a new address, or ends the one before.
func (s *Server) rotateQueue(w http.ResponseWriter, r *http.Request) error {
	q, err := s.queueNamed(r.PathValue("name"))
	if err != nil {
		return err
	}
	if r.FormValue("do") == "retire" {
		if err := s.do(r, casework.RetireAddress{Name: q.Name}); err != nil {
			return err
		}
		return s.done(w, r, queuePath(q), "The queue takes mail at its present address alone.")
	}
	local, err := casework.NewQueueLocal(q.Name, rand.Reader)
	if err == nil {
		err = s.do(r, casework.RotateQueue{Name: q.Name, Local: local})
	}
	if err != nil {
		return err
	}
	return s.done(w, r, queuePath(q), "The queue has a new address. It takes mail at the one before as well, until you retire that.")
}

// setLogin makes a login of mail servers, or gives it another password, which
// is shown once.
func (s *Server) setLogin(w http.ResponseWriter, r *http.Request) error {
	password, name := casework.NewSecret(), strings.TrimSpace(r.FormValue("name"))
	if err := s.do(r, casework.SetLogin{Name: name, Hash: casework.SecretHash(password)}); err != nil {
		return s.refused(w, r, err, func(code int, v adminView) error {
			v.LoginError, v.Error = v.Error, ""
			return s.renderQueues(w, r, code, v)
		})
	}
	return s.renderQueues(w, r, http.StatusOK, adminView{Secret: password, Of: name})
}

func (s *Server) removeLogin(w http.ResponseWriter, r *http.Request) error {
	if err := s.do(r, casework.RemoveLogin{Name: r.PathValue("name")}); err != nil {
		return err
	}
	return s.done(w, r, "/queues", "The login opens nothing any more.")
}

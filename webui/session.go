package webui

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"polytrace/archive"
	"polytrace/casework"
)

const (
	sessionLife = 12 * time.Hour   // Since it was last used.
	linkLife    = 10 * time.Minute // Of a one-time sign-in link.
	failSpan    = 15 * time.Minute // Failed sign-ins are forgotten after this time.
	failLimit   = 10               // Failed sign-ins of one name from one address within failSpan.
	failMemory  = 10_000           // Pairs of name and address that are remembered.
)

// session is what a cookie says. It ends when the user's password or state
// changes, which moves the epoch.
type session struct {
	User  string           `json:"u"`
	Epoch archive.Position `json:"e"`
	Until int64            `json:"x"` // Unix seconds.
}

// doors are the ways in: what is remembered between requests about sign-ins.
type doors struct {
	key    []byte
	cookie string // Name of the session cookie.
	https  bool
	turn   chan struct{} // Bounds the memory of password checks: each takes 19 MiB or more.

	setup *sync.Mutex // One set-up at a time.

	mu    *sync.Mutex
	links map[archive.Digest]link // One-time sign-in links by hash; guarded by mu.
	fails map[string]*failures    // By name and address; guarded by mu.
}

type link struct {
	user  string
	until time.Time
}

type failures struct {
	n     int
	since time.Time
}

func newDoors(c Config) doors {
	d := doors{key: c.SessionKey, cookie: "polytrace", turn: make(chan struct{}, 2), setup: new(sync.Mutex), mu: new(sync.Mutex), links: map[archive.Digest]link{}, fails: map[string]*failures{}}
	if strings.HasPrefix(c.PublicURL, "https://") {
		d.https, d.cookie = true, "__Host-polytrace"
	}
	return d
}

// seal signs a session for the cookie; unseal checks it.
func (d *doors) seal(v session) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // A struct of plain fields always has a JSON form.
	}
	body := base64.RawURLEncoding.EncodeToString(raw)
	return body + "." + base64.RawURLEncoding.EncodeToString(d.sign(body))
}

func (d *doors) unseal(value string) (v session, ok bool) {
	body, mac, _ := strings.Cut(value, ".")
	sum, err := base64.RawURLEncoding.DecodeString(mac)
	if err != nil || subtle.ConstantTimeCompare(sum, d.sign(body)) != 1 {
		return v, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(body)
	return v, err == nil && json.Unmarshal(raw, &v) == nil
}

func (d *doors) sign(body string) []byte {
	h := hmac.New(sha256.New, d.key)
	h.Write([]byte("session\x00" + body))
	return h.Sum(nil)
}

// bySession finds who is signed in, and keeps the session alive.
func (s *Server) bySession(w http.ResponseWriter, r *http.Request) (caller, bool) {
	cookie, err := r.Cookie(s.doors.cookie)
	if err != nil {
		return caller{}, false
	}
	v, ok := s.doors.unseal(cookie.Value)
	now := s.config.Now()
	if !ok || now.Unix() >= v.Until {
		return caller{}, false
	}
	u, ok := s.user(v.User)
	if !ok || u.Disabled || u.Epoch != v.Epoch {
		return caller{}, false
	}
	if time.Unix(v.Until, 0).Sub(now) < sessionLife/2 {
		s.remember(w, u)
	}
	return caller{u.Name, fullName(u), u.Roles}, true
}

func (s *Server) user(name string) (u casework.User, ok bool) {
	s.config.Desk.Read(func(state *casework.State) { u, ok = state.User(name) })
	return u, ok
}

func fullName(u casework.User) string {
	if u.FullName == "" {
		return u.Name
	}
	return u.FullName
}

// remember gives the browser a session of the user.
func (s *Server) remember(w http.ResponseWriter, u casework.User) {
	until := s.config.Now().Add(sessionLife)
	s.setCookie(w, s.doors.cookie, s.doors.seal(session{u.Name, u.Epoch, until.Unix()}), sessionLife)
}

func (s *Server) setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(life / time.Second),
		HttpOnly: true, Secure: s.doors.https, SameSite: http.SameSiteLaxMode,
	})
}

func (s *Server) clearCookie(w http.ResponseWriter, name string) {
	s.setCookie(w, name, "", -time.Second)
}

// SignInLink makes a link that signs a user in once, within ten minutes.
func (s *Server) SignInLink(user string) string {
	secret := casework.NewSecret()
	s.doors.mu.Lock()
	defer s.doors.mu.Unlock()
	s.doors.links[casework.SecretHash(secret)] = link{user, s.config.Now().Add(linkLife)}
	return s.config.PublicURL + "/in/" + secret
}

// look finds the user of a one-time link, and with take uses it up.
func (d *doors) look(secret string, now time.Time, take bool) (user string, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	hash := casework.SecretHash(secret)
	l, ok := d.links[hash]
	if take || !now.Before(l.until) {
		delete(d.links, hash)
	}
	return l.user, ok && now.Before(l.until)
}

// check compares a password. It takes as long for a user who does not exist.
func (d *doors) check(phc, password string) bool {
	d.turn <- struct{}{}
	defer func() { <-d.turn }()
	return casework.CheckPassword(phc, password)
}

// tooMany counts an attempt to sign in and reports whether there were too many.
func (d *doors) tooMany(key string, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.fails[key]
	if f == nil || now.Sub(f.since) > failSpan {
		d.forgetLocked(now)
		f = &failures{since: now}
		d.fails[key] = f
	}
	f.n++
	return f.n > failLimit
}

// forgetLocked keeps the memory of failures bounded.
func (d *doors) forgetLocked(now time.Time) {
	if len(d.fails) < failMemory {
		return
	}
	for key, f := range d.fails {
		if now.Sub(f.since) > failSpan {
			delete(d.fails, key)
		}
	}
	if len(d.fails) >= failMemory {
		clear(d.fails)
	}
}

func (d *doors) succeeded(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.fails, key)
}

// peer is the address a request came from.
func peer(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

package webui

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"polytrace/casework"
)

//go:embed templates static
var files embed.FS

// pages are the templates and the assets, both part of the program.
type pages struct {
	templates map[string]*template.Template // By name of the page.
	assets    map[string][]byte             // By name with a hash of the content in it.
	links     map[string]string             // Where an asset is served, by its plain name.
}

func loadPages(now func() time.Time) (pages, error) {
	p := pages{map[string]*template.Template{}, map[string][]byte{}, map[string]string{}}
	if err := p.loadAssets(); err != nil {
		return p, err
	}
	frame, err := template.New("frame").Funcs(p.functions(now)).ParseFS(files, "templates/frame.html", "templates/parts.html", "templates/parts-handoff.html", "templates/parts-details.html", "templates/parts-review.html")
	if err != nil {
		return p, err
	}
	names, err := fs.Glob(files, "templates/page-*.html")
	if err != nil {
		return p, err
	}
	for _, name := range names {
		t, err := template.Must(frame.Clone()).ParseFS(files, name)
		if err != nil {
			return p, err
		}
		p.templates[strings.TrimSuffix(strings.TrimPrefix(path.Base(name), "page-"), ".html")] = t
	}
	return p, nil
}

func (p *pages) loadAssets() error {
	entries, err := fs.ReadDir(files, "static")
	if err != nil {
		return err
	}
	for _, e := range entries {
		content, err := fs.ReadFile(files, "static/"+e.Name())
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		base, ext, _ := strings.Cut(e.Name(), ".")
		name := base + "-" + hex.EncodeToString(sum[:6]) + "." + ext
		p.assets[name], p.links[e.Name()] = content, "/static/"+name
	}
	return nil
}

// serveAsset serves a file that never changes under its name.
func (p *pages) serveAsset(w http.ResponseWriter, r *http.Request) {
	content, ok := p.assets[r.PathValue("file")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(r.PathValue("file"))))
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// view is what every page is rendered from.
type view struct {
	Title   string
	Nav     string // Which entry of the rail is the present one.
	Query   string // In the search box.
	Company string
	Version string
	Theme   string // light, dark or "" for what the system says.
	Path    string // Of the request, with its query.
	Flash   string // What the last action did.
	Caller  *person
	Now     time.Time
	Live    live
	Refresh int // Seconds after which a browser without scripts looks again; 0 is never.
	Page    any
}

// person is who is signed in, as templates ask.
type person struct {
	Name, FullName              string
	Reads, Works, Admins, Keeps bool
	Audits                      bool
	News                        int // Messages that watched searches found and the person has not seen.
	Alerts                      int // That the person has not seen.
}

// render writes a page. Templates are executed in full before the first byte
// goes out, so that nobody sees half a page.
func (s *Server) render(w http.ResponseWriter, r *http.Request, code int, name string, v view) error {
	v.Company, v.Version, v.Now = s.config.Company, s.config.Version, s.config.Now()
	v.Path = r.URL.RequestURI()
	if c, err := r.Cookie("theme"); err == nil && (c.Value == "light" || c.Value == "dark") {
		v.Theme = c.Value
	}
	if c, ok := callerFrom(r.Context()); ok {
		v.Caller = &person{c.actor, c.name, c.reads(), c.works(), c.admin(), c.may(mayKeep), c.may(mayAudit), 0, 0}
		if c.reads() {
			v.Caller.Alerts = s.unseenAlerts(c)
			v.Caller.News = s.newCount(r.Context())
		}
		v.Live = s.live()
		v.Flash = s.takeFlash(w, r)
	}
	var out bytes.Buffer
	if err := s.pages.templates[name].ExecuteTemplate(&out, "frame", v); err != nil {
		return fmt.Errorf("render page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	if r.Method != http.MethodHead {
		w.Write(out.Bytes()) // Who does not read it to the end has left.
	}
	return nil
}

// renderPart writes a part of a page, for a script that puts it in the place of the one before.
func (s *Server) renderPart(w http.ResponseWriter, page, part string, v any) error {
	var out bytes.Buffer
	if err := s.pages.templates[page].ExecuteTemplate(&out, part, v); err != nil {
		return fmt.Errorf("render %s of page %s: %w", part, page, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(out.Bytes()) // Who does not read it to the end has left.
	return nil
}

// show tells a person what went wrong.
func (s *Server) show(w http.ResponseWriter, r *http.Request, err error) {
	e := asStatus(err)
	if e.code >= http.StatusInternalServerError {
		s.config.Log.ErrorContext(r.Context(), "request failed", "method", r.Method, "route", r.Pattern, "error", err)
	}
	headline := http.StatusText(e.code)
	switch e.code {
	case http.StatusNotFound:
		headline = "Not found"
	case http.StatusUnprocessableEntity, http.StatusBadRequest:
		headline = "That did not work"
	case http.StatusConflict:
		headline = "Somebody was faster"
	case http.StatusForbidden:
		headline = "Not yours to see"
	case http.StatusInternalServerError:
		headline = "Something went wrong"
	}
	v := view{Title: headline, Page: e.text}
	if err := s.render(w, r, e.code, "error", v); err != nil {
		s.config.Log.ErrorContext(r.Context(), "error page failed", "error", err)
		http.Error(w, e.text, e.code)
	}
}

// done goes on to a page after a change, and tells there what was done.
func (s *Server) done(w http.ResponseWriter, r *http.Request, to, text string) error {
	s.setCookie(w, "flash", base64.RawURLEncoding.EncodeToString([]byte(text)), time.Minute)
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

func (s *Server) takeFlash(w http.ResponseWriter, r *http.Request) string {
	c, err := r.Cookie("flash")
	if err != nil || r.Method != http.MethodGet {
		return ""
	}
	s.clearCookie(w, "flash")
	text, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return ""
	}
	return string(text)
}

// changeTheme remembers light or dark.
func (s *Server) changeTheme(w http.ResponseWriter, r *http.Request) error {
	theme := r.FormValue("theme")
	if theme != "light" && theme != "dark" {
		s.clearCookie(w, "theme")
	} else {
		s.setCookie(w, "theme", theme, 365*24*time.Hour)
	}
	http.Redirect(w, r, local(r.FormValue("next")), http.StatusSeeOther)
	return nil
}

// local is a path on this server, and "/" for what would lead elsewhere.
func local(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}

// do is act for a request of a page.
func (s *Server) do(r *http.Request, c casework.Command) error { return s.act(r.Context(), c) }

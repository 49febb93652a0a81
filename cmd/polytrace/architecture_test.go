package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// source is a parsed file of the module.
type source struct {
	path string // Relative to the module, with slashes: archive/append.go.
	set  *token.FileSet
	file *ast.File
}

func (s source) pkg() string    { return path.Dir(s.path) }
func (s source) isTest() bool   { return strings.HasSuffix(s.path, "_test.go") }
func (s source) imports() []imp { return importsOf(s) }

// imp is an import clause.
type imp struct {
	path string
	at   token.Position
}

func importsOf(s source) (all []imp) {
	for _, i := range s.file.Imports {
		name, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			panic(err)
		}
		all = append(all, imp{name, s.set.Position(i.Pos())})
	}
	return all
}

// rule is a promise about the structure of the module. It names each culprit.
type rule struct {
	name  string
	check func(all []source) (culprits []string)
}

// mayImport is the table of packages: what each may import of ours.
var mayImport = map[string][]string{
	"message":               {},
	"burst":                 {},
	"document":              {"message"},
	"document/pdf":          {"document"},
	"document/child":        {"document", "document/pdf"},
	"document/documenttest": {},
	"message/auth":          {"message"},
	"archive":               {"burst"},
	"archive/dirstore":      {"archive"},
	"archive/s3store":       {"archive"},
	"archive/archivetest":   {"archive"},
	"archive/evidence":      {"archive"},
	"archive/tsa":           {"archive"},

	"archive/archivetest/authority": {},
	"internal/casegen":              {},
	"internal/synth":                {},
	"outbound":                      {},
	"gateway":                       {"archive", "burst", "message", "message/auth"},
	"casework":                      {"archive", "message"},
	"casework/extract":              {"message"},
	"index":                         {"archive", "burst", "casework", "document", "message", "message/auth"},
	"webui":                         {"archive", "archive/evidence", "casework", "casework/extract", "index", "message", "message/auth"},
	"cmd/polytrace":                 {"archive", "archive/dirstore", "archive/evidence", "archive/s3store", "archive/tsa", "document/child", "outbound", "burst", "message", "gateway", "casework", "index", "webui"},
}

// confined are libraries that one package alone knows.
var confined = map[string]string{
	"github.com/cockroachdb/pebble":   "index",
	"github.com/emersion/go-smtp":     "gateway",
	"github.com/klippa-app/go-pdfium": "document/pdf",
	"github.com/miekg/dns":            "gateway",
	"blitiri.com.ar/go/spf":           "gateway",
	"github.com/minio/minio-go":       "archive/s3store",
	"github.com/danielgtaylor/huma":   "webui",
	"github.com/alecthomas/kong":      "cmd/polytrace",
}

// writers are the files that may change the disk.
var writers = []string{
	"archive/disk.go", "archive/cache.go", "archive/audit.go", "archive/dirstore/dirstore.go", "archive/dirstore/files.go", "gateway/arrivals.go", "gateway/spool.go", "index/open.go", "webui/api_transfer.go",
	"cmd/polytrace/acme.go", "cmd/polytrace/app.go", "cmd/polytrace/client.go", "cmd/polytrace/data.go", "cmd/polytrace/demo.go", "cmd/polytrace/export.go", "cmd/polytrace/tls.go", "cmd/polytrace/verbs.go", "cmd/polytrace/verify_bucket.go",
}

// impure are the files of pure packages that stand at their edge.
var impure = []string{"casework/desk.go", "casework/keeper.go", "casework/reliever.go", "casework/password.go", "casework/secret.go", "casework/queues.go"}

// replyText is a string that begins as a reply of SMTP does.
var replyText = regexp.MustCompile("^[\"`][2-5][0-9][0-9][ -]")

// isPure tells packages and files that take no clock, network, randomness or disk.
func isPure(s source) bool {
	switch {
	case s.isTest() || slices.Contains(impure, s.path):
		return false
	case s.pkg() == "message" || s.pkg() == "message/auth" || s.pkg() == "document" || s.pkg() == "casework" || s.pkg() == "casework/extract":
		return true
	}
	return slices.Contains([]string{"index/query.go", "index/operators.go", "index/words.go", "index/apply.go", "index/copies.go", "index/fragments.go", "index/extract.go", "index/phrase.go", "index/postings.go", "index/positions.go", "index/frequent.go"}, s.path)
}

var rules = []rule{
	{"a package imports what the table allows", eachImport(func(s source, i imp) string {
		ours, ok := strings.CutPrefix(i.path, "polytrace/")
		if !ok {
			return ""
		}
		allowed, known := mayImport[s.pkg()]
		switch {
		case !known:
			return "package " + s.pkg() + " is not in the table"
		case slices.Contains(allowed, ours), s.isTest() && (s.pkg() != "gateway" || ours != "index") && known && !strings.HasPrefix(ours, "cmd"):
			return ""
		}
		return s.pkg() + " must not import " + ours
	})},
	{"every package is in the table", func(all []source) (culprits []string) {
		for _, s := range all {
			if _, ok := mayImport[s.pkg()]; !ok {
				culprits = append(culprits, s.path+": package "+s.pkg()+" is not in the table")
			}
		}
		return culprits
	}},
	{"a confined library stays where it is confined", eachImport(func(s source, i imp) string {
		for library, home := range confined {
			if strings.HasPrefix(i.path, library) && s.pkg() != home && !s.isTest() && !(s.pkg() == "cmd/polytrace" && library == "github.com/danielgtaylor/huma") {
				return "only " + home + " imports " + library
			}
		}
		return ""
	})},
	{"a pure file asks for no clock, network, randomness or disk", eachCall(func(s source, pkg, name string) string {
		if !isPure(s) {
			return ""
		}
		switch pkg {
		case "time":
			if name == "Now" || name == "Since" || name == "Until" || name == "After" || name == "Tick" {
				return "asks for the time"
			}
		case "os", "net/http", "math/rand", "math/rand/v2", "crypto/rand":
			return "uses " + pkg + "." + name
		case "net":
			return "uses the network"
		}
		return ""
	})},
	{"files are written where they should be", eachCall(func(s source, pkg, name string) string {
		writes := []string{"Create", "CreateTemp", "WriteFile", "OpenFile", "Rename", "Remove", "RemoveAll", "Mkdir", "MkdirAll", "MkdirTemp", "Truncate", "Chmod"}
		if pkg == "os" && slices.Contains(writes, name) && !s.isTest() && !slices.Contains(writers, s.path) && s.pkg() != "archive/archivetest" {
			return "os." + name + " writes"
		}
		return ""
	})},
	{"what senders hear is decided in one file", func(all []source) (culprits []string) {
		for _, s := range all {
			if s.pkg() != "gateway" || s.isTest() || s.path == "gateway/reply.go" {
				continue
			}
			ast.Inspect(s.file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.BasicLit:
					if n.Kind == token.STRING && replyText.MatchString(n.Value) || n.Kind == token.INT && len(n.Value) == 3 && n.Value >= "200" && n.Value < "600" && n.Value != "512" && n.Value != "256" {
						culprits = append(culprits, fmt.Sprintf("%s: the code %s stands outside gateway/reply.go", s.set.Position(n.Pos()), n.Value))
					}
				case *ast.SelectorExpr:
					if n.Sel.Name == "SMTPError" {
						culprits = append(culprits, fmt.Sprintf("%s: SMTPError stands outside gateway/reply.go", s.set.Position(n.Pos())))
					}
				}
				return true
			})
		}
		return culprits
	}},
	{"no init, nothing called util", func(all []source) (culprits []string) {
		for _, s := range all {
			if slices.Contains([]string{"util", "utils", "common", "helpers", "types", "models", "misc", "internal", "docs"}, path.Base(s.pkg())) {
				culprits = append(culprits, s.path+": a package without a name")
			}
			for _, d := range s.file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "init" && f.Recv == nil {
					culprits = append(culprits, fmt.Sprintf("%s: init hides the order of events", s.set.Position(f.Pos())))
				}
			}
		}
		return culprits
	}},
	{"no test sleeps or is skipped", eachCall(func(s source, pkg, name string) string {
		switch {
		case !s.isTest():
			return ""
		case pkg == "time" && name == "Sleep":
			return "a sleep lies"
		case strings.HasPrefix(name, "Skip") && (pkg == "t" || pkg == "b" || pkg == "tb"):
			return "a skipped test lies"
		}
		return ""
	})},
	{"every package says what it is", func(all []source) (culprits []string) {
		said := map[string]bool{}
		for _, s := range all {
			said[s.pkg()] = said[s.pkg()] || s.file.Doc != nil && !s.isTest()
		}
		for pkg, ok := range said {
			if !ok {
				culprits = append(culprits, pkg+" has no package comment")
			}
		}
		return culprits
	}},
}

func eachImport(check func(source, imp) string) func([]source) []string {
	return func(all []source) (culprits []string) {
		for _, s := range all {
			for _, i := range s.imports() {
				if what := check(s, i); what != "" {
					culprits = append(culprits, fmt.Sprintf("%s: %s", i.at, what))
				}
			}
		}
		return culprits
	}
}

// eachCall looks at every pkg.Name where pkg is an imported package, given by its
// path, or a variable, given by its name.
func eachCall(check func(s source, pkg, name string) string) func([]source) []string {
	return func(all []source) (culprits []string) {
		for _, s := range all {
			names := map[string]string{}
			for i, spec := range s.file.Imports {
				full := s.imports()[i].path
				name := path.Base(full)
				if name == "v2" {
					name = path.Base(path.Dir(full))
				}
				if spec.Name != nil {
					name = spec.Name.Name
				}
				names[name] = full
			}
			ast.Inspect(s.file, func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok {
					if x, ok := sel.X.(*ast.Ident); ok {
						pkg := names[x.Name]
						if pkg == "" {
							pkg = x.Name
						}
						if what := check(s, pkg, sel.Sel.Name); what != "" {
							culprits = append(culprits, fmt.Sprintf("%s: %s", s.set.Position(sel.Pos()), what))
						}
					}
				}
				return true
			})
		}
		return culprits
	}
}

// The module keeps to its architecture.
func TestArchitecture(t *testing.T) {
	all := readModule(t)
	if len(all) < 50 {
		t.Fatalf("only %d files were found", len(all))
	}
	for _, r := range rules {
		for _, culprit := range r.check(all) {
			t.Errorf("%s: %s", r.name, culprit)
		}
	}
}

func readModule(t *testing.T) (all []source) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		all = append(all, source{filepath.ToSlash(rel), set, file})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Each rule notices when it is broken, and names the culprit.
func TestArchitectureNamesTheCulprit(t *testing.T) {
	for i, c := range []struct{ path, code, want string }{
		{"gateway/x.go", "package gateway\nimport \"polytrace/index\"", "gateway/x.go:2:8: gateway must not import index"},
		{"helpers/x.go", "package helpers", "helpers/x.go: package helpers is not in the table"},
		{"webui/x.go", "package webui\nimport \"github.com/cockroachdb/pebble/v2\"", "webui/x.go:2:8: only index imports github.com/cockroachdb/pebble"},
		{"message/x.go", "package message\nimport \"time\"\nvar now = time.Now()", "message/x.go:3:11: asks for the time"},
		{"casework/fold.go", "package casework\nimport \"os\"\nvar now = os.Getenv(\"X\")", "casework/fold.go:3:11: uses os.Getenv"},
		{"index/query.go", "package index\nimport \"math/rand/v2\"\nvar now = rand.Int()", "index/query.go:3:11: uses math/rand/v2.Int"},
		{"webui/x.go", "package webui\nimport \"os\"\nvar f = os.WriteFile", "webui/x.go:3:9: os.WriteFile writes"},
		{"gateway/session.go", "package gateway\nvar code = 451", "gateway/session.go:2:12: the code 451 stands outside gateway/reply.go"},
		{"gateway/session.go", "package gateway\nvar text = \"250 ok\"", "gateway/session.go:2:12: the code \"250 ok\" stands outside gateway/reply.go"},
		{"archive/x.go", "package archive\nfunc init() {}", "archive/x.go:2:1: init hides the order of events"},
		{"archive/x_test.go", "package archive\nimport (\"testing\"; \"time\")\nfunc TestX(t *testing.T) { time.Sleep(1) }", "archive/x_test.go:3:28: a sleep lies"},
		{"archive/x_test.go", "package archive\nimport \"testing\"\nfunc TestX(t *testing.T) { t.Skip() }", "archive/x_test.go:3:28: a skipped test lies"},
		{"archive/x.go", "package archive", "archive has no package comment"},
	} {
		t.Run(fmt.Sprint(i, " ", c.want), func(t *testing.T) {
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, c.path, c.code, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			var culprits []string
			for _, r := range rules {
				culprits = append(culprits, r.check([]source{{c.path, set, file}})...)
			}
			if !slices.Contains(culprits, c.want) {
				t.Errorf("got %q", culprits)
			}
		})
	}
}

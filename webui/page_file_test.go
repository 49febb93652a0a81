package webui

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"polytrace/casework"
	"polytrace/document"
	"polytrace/index"
)

// readers read files in the process of the test.
type readers struct{}

func (readers) Version() string { return "test" }
func (readers) Read(name, mediaType string, content []byte) (document.Text, error) {
	return document.Read(name, mediaType, content, document.Limits{}), nil
}

// reading has the index of a fixture read what is attached.
func (f *fixture) reading() {
	f.t.Helper()
	x, err := index.Open(f.archive, index.Config{Dir: filepath.Join(f.dir, "reading"), Documents: readers{}})
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- x.Run(ctx) }()
	f.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil && ctx.Err() == nil {
			f.t.Error(err)
		}
		x.Close()
	})
	f.index, f.web.config.Index = x, x
}

// workbook is a flat OpenDocument spreadsheet with two sheets.
const workbook = `<?xml version="1.0"?><office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:mimetype="application/vnd.oasis.opendocument.spreadsheet"><office:body><office:spreadsheet><table:table table:name="Costs"><table:table-row><table:table-cell><text:p>travel</text:p></table:table-cell></table:table-row></table:table><table:table table:name="Measured"><table:table-row><table:table-cell><text:p>undervoltage of the second rail</text:p></table:table-cell></table:table-row></table:table></office:spreadsheet></office:body></office:document>`

func TestREC8_AHitInACellOpensTheFileThereAndTheCoveringMessage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.users()
	f.reading()
	at := f.mail(attached(1, "Hello Kim,\nthe measured values are attached, see sheet 2. We need an answer by Friday.\n", "values.fods", workbook))
	f.do(casework.OpenCase{Title: "Rails"})
	agent := f.as("agent")
	found := agent.get("/search?q=undervoltage")
	link := regexp.MustCompile(`class="row-in" href="([^"]+)"`).FindStringSubmatch(found.body)
	if link == nil {
		t.Fatalf("no link to the place: %s", found.body)
	}
	page := agent.get(html.UnescapeString(link[1]))
	place := regexp.MustCompile(`(?s)id="hit"><h3>sheet Measured</h3><div class="text" dir="auto">[^<]*undervoltage`)
	if page.code != http.StatusOK || !place.MatchString(page.body) || !strings.HasSuffix(link[1], "#hit") {
		t.Errorf("%s: %d %s", link[1], page.code, page.body)
	}
	said := "described as <q class=\"quote\" dir=\"auto\">the measured values are attached, see sheet 2.</q>"
	if !strings.Contains(page.body, said) && !strings.Contains(page.body, "Hello Kim, the measured values are attached, see sheet 2.") || !strings.Contains(page.body, `href="`+recordPath(at)+`"`) {
		t.Errorf("the covering message is not told of: %s", page.body)
	}
	if r := agent.get(recordPath(at)); !strings.Contains(r.body, "see sheet 2.</q>") || !strings.Contains(r.body, "/parts/2/about") {
		t.Errorf("the record does not tell what is said of its file")
	}
	w := f.as("manager")
	if r := w.post(recordPath(at)+"/cite", url.Values{"case": {"101"}}); r.code != http.StatusSeeOther {
		t.Fatalf("%d %s", r.code, r.body)
	}
	if r := w.get("/cases/101/evidence?kind=attached"); !strings.Contains(r.body, `sent with <a href="`+recordPath(at)+`">Delivery of the second batch 1</a> <q`) {
		t.Errorf("the evidence does not tell what is said of it: %s", r.body)
	}
}

func TestREC8_AFileIsNotShownToWhoMayNotReadItsMessage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.users()
	f.do(casework.AddQueue{Name: "board", Local: "board-aaaaa", QueueTerms: casework.QueueTerms{Readers: []string{"role:manager"}}})
	at := f.mailThrough("board", attached(1, "Attached.", "secret.txt", "words of the board"))
	path := fmt.Sprintf("%s/parts/2/about", recordPath(at))
	if r := f.as("agent").get(path); r.code != http.StatusNotFound || strings.Contains(r.body, "secret") {
		t.Errorf("%d", r.code)
	}
	if r := f.as("manager").get(path); r.code != http.StatusOK || !strings.Contains(r.body, "secret.txt") {
		t.Errorf("%d", r.code)
	}
	f.do(casework.OpenCase{Title: "Board"})
	if r := f.as("agent").post(recordPath(at)+"/parts/2/pin", url.Values{"case": {"101"}}); r.code != http.StatusNotFound {
		t.Errorf("pinned: %d", r.code)
	}
}

func TestREC9_VersionsOfAFileAreAFamilyWithItsDifference(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.users()
	f.reading()
	const contract = "This contract is between Acme and Northwind. The price is 40,000 euros, to be paid in March."
	first := f.mail(attached(1, "Attached is the contract.", "contract.txt", contract))
	second := f.mail(attached(2, "Another version.", "Contract_v2.txt", strings.Replace(contract, "40,000", "35,000", 1)))
	again := f.mail(attached(3, "Once more.", "contract v2 (1).txt", strings.Replace(contract, "40,000", "35,000", 1)))
	f.mail(attached(4, "Something else.", "invoice.txt", "An invoice over one pallet of labels and some printers."))
	agent := f.as("agent")
	page := agent.get(recordPath(second) + "/parts/2/about")
	for _, want := range []string{"v2 of Contract_v2.txt, sent 2 times; differs from v1", "<del>40,000</del>", "<ins>35,000</ins>", "The same bytes came 2 times", `href="` + recordPath(first) + `"`, `href="` + recordPath(second) + `"`, `href="` + recordPath(again) + `"`} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if page.code != http.StatusOK || strings.Contains(page.body, "invoice.txt") {
		t.Errorf("%d %s", page.code, page.body)
	}
	got := tell[fileOut](f.program(casework.Agent), http.StatusOK, "GET", "/records/"+first.String()+"/parts/2/about", nil)
	if got.Version != 1 || len(got.Versions) != 2 || got.Total != 1 || got.Before != 0 || got.Said != "Attached is the contract." || len(got.Text) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestREC9_AVersionThatIsForOthersIsNotToldOf(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.users()
	f.reading()
	f.do(casework.AddQueue{Name: "postfix", Local: "postfix-aaaaa"})
	f.do(casework.AddQueue{Name: "board", Local: "board-aaaaa", QueueTerms: casework.QueueTerms{Readers: []string{"role:manager"}}})
	f.mailThrough("board", attached(1, "The price we could live with.", "contract.txt", "The price is 30,000 euros."))
	f.mailThrough("board", attached(2, "The same.", "contract_v2.txt", "The price is 40,000 euros."))
	at := f.mail(attached(3, "For you.", "contract_v3.txt", "The price is 40,000 euros."))
	path := fmt.Sprintf("/records/%s/parts/2/about", at)
	if got := tell[fileOut](f.program(casework.Agent), http.StatusOK, "GET", path, nil); got.Total != 1 || len(got.Versions) != 1 || len(got.Versions[0].Sent) != 1 || got.Before != 0 {
		t.Errorf("the agent is told %+v", got.FileFamily)
	}
	if got := tell[fileOut](f.program(casework.Manager), http.StatusOK, "GET", path, nil); got.Total != 2 || len(got.Versions) != 2 || got.Before != 1 {
		t.Errorf("the manager is told %+v", got.FileFamily)
	}
}

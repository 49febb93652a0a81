package webui

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"polytrace/casework"
	"polytrace/index"
)

// Programs are told why a query finds a record, and of one that they may not see as of one that is not there.
func TestAPIExplainsAQuery(t *testing.T) {
	f := newFixture(t)
	f.letters()
	p := f.program(casework.Observer)
	explain := func(query, at string) answer {
		return p.ask(http.MethodGet, "/records/"+at+"/explain?q="+url.QueryEscape(query), nil)
	}
	var why index.Explanation
	if r := explain("subject:delivery -kim zeppelin", "mail/0"); r.code != http.StatusOK || json.Unmarshal([]byte(r.body), &why) != nil {
		t.Fatalf("%d %s", r.code, r.body)
	}
	if why.Holds || why.Is != "and" || len(why.Parts) != 3 || !why.Parts[0].Holds || why.Parts[0].Text != "subject:delivery" || why.Parts[2].Holds {
		t.Errorf("%+v", why)
	}
	if r := explain("delivery", "mail/99"); r.code != http.StatusNotFound {
		t.Errorf("a record that is not there: %d %s", r.code, r.body)
	}
	if r := explain("(delivery", "mail/0"); r.code != http.StatusUnprocessableEntity {
		t.Errorf("a query that cannot be read: %d %s", r.code, r.body)
	}
	f.do(casework.AddQueue{Name: "postfix", Local: "postfix-7f3k2", QueueTerms: casework.QueueTerms{Readers: []string{"compliance"}}})
	if r := explain("delivery", "mail/0"); r.code != http.StatusNotFound {
		t.Errorf("a record of a queue that is withheld: %d %s", r.code, r.body)
	}
}

package index

import "strings"

// spellings are what people type who come from Gmail, from Outlook and Purview (KQL), or
// from notmuch, and how it is spelt here.
var spellings = map[string]string{
	"older_than":  "before", // Gmail
	"newer_than":  "after",
	"older":       "before",
	"newer":       "after",
	"rfc822msgid": "id",
	"deliveredto": "rcpt",

	"sent":            "date", // KQL
	"attachmentnames": "filename",
	"participants":    "participant",
	"recipients":      "to",

	"mid":      "id", // notmuch
	"mimetype": "filetype",
}

// strangers are operators that others have and that ask for what is not here, and what to write instead.
var strangers = map[string]string{
	"in":       "Mail has no folders here, and all of it is searched. Write mailbox: or queue: for the way it came",
	"folder":   "Mail has no folders here, and all of it is searched. Write mailbox: or queue: for the way it came",
	"path":     "Mail has no folders here, and all of it is searched. Write mailbox: or queue: for the way it came",
	"label":    "Mail has no labels here: it stays as it came. Write case: for what a case cites, or list: for a mailing list",
	"tag":      "Mail has no tags here: it stays as it came. Write case: for what a case cites, or list: for a mailing list",
	"category": "Mail has no categories here. Write is:automatic for what programs wrote, or list: for a mailing list",
}

// known reports whether a name is an operator, as here or elsewhere.
func known(name string) bool {
	for _, op := range operators() {
		if op.name == name {
			return true
		}
	}
	_, spelt := spellings[name]
	_, strange := strangers[name]
	return spelt || strange
}

// parseHasAttachment understands hasattachment:true and false, as KQL has it.
func parseHasAttachment(p *parser, op *operator, v value) (Node, error) {
	n := &Term{fieldHas, Slot{hasAttachment, false}}
	switch strings.ToLower(strings.TrimSpace(v.text)) {
	case "true", "yes":
		return n, nil
	case "false", "no":
		return &Not{n}, nil
	}
	return nil, p.errorf(v.start, "%s: is true or false.", op.name)
}

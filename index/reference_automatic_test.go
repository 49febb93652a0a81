package index

import "pgregory.net/rapid"

// refAutomatic gives a document fields that machines write, or that lists and mail servers stamp on
// the mail of people; those of bulk mail say nothing of an answer.
func refAutomatic(t *rapid.T, d *refDoc) []string {
	type stamp struct {
		fields  []string
		machine bool
	}
	answers := d.answers != ""
	s := pick(t, []stamp{
		{nil, false}, {nil, false}, {nil, false},
		{[]string{"Auto-Submitted: auto-replied"}, true},
		{[]string{"Auto-Submitted: no"}, false},
		{[]string{"Return-Path: <>"}, true},
		{[]string{"Precedence: bulk"}, !answers},
		{[]string{"Precedence: list"}, false},
		{[]string{"X-Auto-Response-Suppress: DR, OOF, AutoReply"}, false},
		{[]string{"List-Unsubscribe: <mailto:leave@lists.contoso.example>"}, !answers},
		{[]string{"Precedence: list", "List-Unsubscribe: <mailto:leave@lists.contoso.example>", "List-Post: <mailto:all@lists.contoso.example>"}, false},
	})
	d.wholes["is:automatic"] = s.machine
	return s.fields
}

package index

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"polytrace/archive"
	"polytrace/casework"
)

// refDoc is a document of the reference: every field is a list of values, and
// a value a list of words, folded by hand. A word that begins with "+" touches the one before it, as
// characters of scripts without spaces do.
type refDoc struct {
	at      archive.Address
	date    time.Time
	size    int64
	id      string
	came    time.Time
	answers string   // The Message-ID that it refers to.
	names   []string // Message-IDs that it mentions, its own included.
	values  map[string][][]string
	address map[string][]string // Whole addresses by field.
	wholes  map[string]bool     // "queue:support"
	copies  []*refCopy
	cases   map[int]bool
	texts   [][]refWord
	thread  int // Of documents with the same number.

	conversation func() []*refDoc // Those of the same thread, as somebody may be told of them; see told.
}

// refCopy is one of the copies of a document that came, and what its arrivals tell.
type refCopy struct {
	at     archive.Address
	size   int64
	queues map[archive.Address]string
	boxes  map[archive.Address]string // Mailboxes.
	cases  map[int]bool               // That cite its bytes.
	to     string                     // Whom it says besides that it was for.
	number string                     // In its field X-Copy.
	came   time.Time
}

// refWord is a word as it is written, and the words that it is found by.
type refWord struct {
	written string
	folded  []string
}

var refWords = []refWord{
	{"disk", []string{"disk"}}, {"Disks", []string{"disks"}}, {"array", []string{"array"}}, {"ARRAY", []string{"array"}},
	{"München", []string{"munchen"}}, {"MU\u0308NCHEN", []string{"munchen"}}, {"straße", []string{"strasse"}}, {"Łódź", []string{"lodz"}},
	{"overflow-check", []string{"overflow", "check"}}, {"10.4.2", []string{"10", "4", "2"}}, {"ﬁnal", []string{"final"}},
	{"Ωμέγα", []string{"ωμεγα"}}, {"Ёлка", []string{"елка"}}, {"日本語", []string{"日", "+本", "+語"}}, {"交換", []string{"交", "+換"}}, {"本", []string{"本"}},
	{"第3回", []string{"第", "3", "回"}}, {"ﾃﾞｨｽｸ", []string{"デ", "+ィ", "+ス", "+ク"}}, {"ディスク", []string{"デ", "+ィ", "+ス", "+ク"}}, {"free", []string{"free"}}, {"use", []string{"use"}}, {"after", []string{"after"}}, {"The", []string{"the"}}, {"für", []string{"fur"}},
	{"contoso", []string{"contoso"}}, {"report.pdf", []string{"report", "pdf"}}, {"snake_case", []string{"snake", "case"}}, {"naïve", []string{"naive"}},
}

func refText(t *rapid.T, least, most int) (text []refWord) {
	return rapid.SliceOfN(rapid.SampledFrom(refWords), least, most).Draw(t, "words")
}

func written(text []refWord) string {
	parts := make([]string, len(text))
	for i, w := range text {
		parts[i] = w.written
	}
	return strings.Join(parts, " ")
}

func folded(text []refWord) (words []string) {
	for _, w := range text {
		words = append(words, w.folded...)
	}
	return words
}

// refPeople are written, and have words and an address.
var refPeople = []struct {
	written, address string
	words            []string
}{
	{"Jane Döe <Jane.Doe@mail.contoso.example>", "jane.doe@mail.contoso.example", []string{"jane", "doe", "", "jane", "doe", "mail", "contoso", "example"}},
	{"bob@contoso.example", "bob@contoso.example", []string{"bob", "contoso", "example"}},
	{"=?utf-8?b?5pel5pys?= <taro@tailspin.example>", "taro@tailspin.example", []string{"日", "+本", "", "taro", "tailspin", "example"}},
	{"Free Disk <array@disk.fabrikam.example>", "array@disk.fabrikam.example", []string{"free", "disk", "", "array", "disk", "fabrikam", "example"}},
}

// refCorpus makes an archive and what should be known of it.
func refCorpus(t *rapid.T) (*memArchive, []*refDoc) {
	a := newMemArchive()
	var docs []*refDoc
	var removed []archive.Removal
	for i := range rapid.IntRange(1, 30).Draw(t, "documents") {
		docs = append(docs, refMessage(t, a, i))
		if rapid.IntRange(0, 4).Draw(t, "again") == 0 {
			c := pick(t, pick(t, docs).copies)
			box := pick(t, refBoxes)
			at := a.again(c.at, archive.Meta{Source: archive.Source{Queue: "sales", Mailbox: box}})
			c.queues[at], c.boxes[at] = "sales", box
		}
		if d := pick(t, docs); d.id != "" && rapid.IntRange(0, 3).Draw(t, "copied") == 0 {
			refAnother(t, a, d, i)
		}
		if next := len(a.streams[archive.Mail]); next > 1 && rapid.IntRange(0, 6).Draw(t, "removes") == 0 {
			first := rapid.IntRange(1, next-1).Draw(t, "first") // One message stays.
			r := archive.Removal{Stream: archive.Mail, First: archive.Position(first), Records: rapid.IntRange(1, min(3, next-first)).Draw(t, "records")}
			a.removes(t, pick(t, []casework.EventType{casework.ErasureOrdered, casework.RetentionExpired}), "", r)
			removed = append(removed, r)
		}
		if rapid.IntRange(0, 3).Draw(t, "cited") == 0 {
			c, number := pick(t, pick(t, docs).copies), rapid.IntRange(1, 2).Draw(t, "case")
			c.cases[number] = true
			digest := a.streams[c.at.Stream][c.at.Position].Meta.SHA256
			a.decide(t, casework.CitationAdded, number, casework.CitationData{ID: i, Record: c.at, SHA256: digest})
		}
	}
	docs = refRemove(docs, removed)
	a.gone = goneOf(t, removed)
	refThreads(docs)
	return a, docs
}

// refAnother sends another copy of a document, to somebody else.
func refAnother(t *rapid.T, a *memArchive, d *refDoc, i int) {
	c := &refCopy{queues: map[archive.Address]string{}, boxes: map[archive.Address]string{}, cases: map[int]bool{}, to: pick(t, []string{"audit", "boss"}), number: fmt.Sprint(i)}
	raw := fmt.Sprintf("X-Copy: %d\r\n", i) + string(a.streams[archive.Mail][d.copies[0].at.Position].Body)
	c.at, c.size = a.append(archive.Meta{Source: archive.Source{Queue: "copies", Format: "postfix"},
		Envelope: &archive.Envelope{To: []string{"c+to=" + c.to + "=tailspin.example@journal.example.net"}}}, raw), int64(len(raw))
	c.queues[c.at], c.came = "copies", a.cameAt(c.at)
	d.copies = append(d.copies, c)
}

// refRemove leaves the documents of which a copy was not removed, found by what the copies and
// arrivals tell that were not.
func refRemove(docs []*refDoc, removed []archive.Removal) (left []*refDoc) {
	gone := allGone(removed)
	for _, d := range docs {
		d.copies = slices.DeleteFunc(d.copies, func(c *refCopy) bool { return gone[c.at] })
		if len(d.copies) == 0 {
			continue
		}
		d.at, d.size, d.came = d.copies[0].at, d.copies[0].size, d.copies[0].came
		for _, c := range d.copies {
			maps.Copy(d.cases, c.cases)
			for at, queue := range c.queues {
				if !gone[at] {
					d.wholes["queue:"+queue] = true
					d.wholes["mailbox:"+c.boxes[at]] = c.boxes[at] != ""
				}
			}
			if c.to == "" {
				continue
			}
			d.values["header:x-copy"] = append(d.values["header:x-copy"], []string{c.number})
			for _, f := range []string{"to", "rcpt", "participant"} {
				d.values[f] = append(d.values[f], []string{c.to, "tailspin", "example"})
				d.address[f] = append(d.address[f], c.to+"@tailspin.example")
			}
		}
		left = append(left, d)
	}
	return left
}

// refBoxes are mailboxes; most mail came out of none.
var refBoxes = []string{"", "", "", "jane@contoso.example", "old mail (2019)"}

func refMessage(t *rapid.T, a *memArchive, i int) *refDoc {
	d := &refDoc{
		date: day(2026, 10, 1).Add(time.Duration(rapid.IntRange(0, 50).Draw(t, "day")) * 24 * time.Hour), values: map[string][][]string{},
		address: map[string][]string{}, wholes: map[string]bool{"kind:message": true}, cases: map[int]bool{}, thread: i,
	}
	var fields []string
	for _, f := range []struct{ header, field string }{{"From", "from"}, {"To", "to"}, {"Cc", "cc"}} {
		p := pick(t, refPeople)
		fields = append(fields, f.header+": "+p.written)
		for _, name := range []string{f.field, "participant", map[string]string{"cc": "to"}[f.field]} {
			d.values[name] = append(d.values[name], p.words)
			d.address[name] = append(d.address[name], p.address)
		}
	}
	subject, text := refText(t, 0, 4), refText(t, 0, 12)
	number := fmt.Sprintf("nr%d", i) // No two say the same.
	text = append(text, refWord{number, []string{number}})
	fields = append(fields, "Subject: "+written(subject), dated(d.date))
	d.texts = [][]refWord{subject, text}
	d.values["subject"], d.values["body"] = [][]string{folded(subject)}, [][]string{folded(text)}
	if n := rapid.IntRange(-3, 12).Draw(t, "id"); n >= 0 {
		d.id = fmt.Sprintf("%d.%d@contoso.example", n, i%3)
		d.names = append(d.names, d.id)
		fields = append(fields, "Message-ID: <"+d.id+">")
	}
	if n := rapid.IntRange(-12, 12).Draw(t, "parent"); n >= 0 {
		parent := fmt.Sprintf("%d.%d@contoso.example", n, i%2)
		d.names, d.answers = append(d.names, parent), parent
		fields = append(fields, pick(t, []string{"References", "In-Reply-To"})+": <"+parent+">")
	}
	fields = append(append(fields, refFields(t, d)...), refAutomatic(t, d)...)
	body := written(text)
	if rapid.IntRange(0, 3).Draw(t, "file") == 0 {
		file, content := pick(t, []string{"disk report.pdf", "array_final.TXT", "München.pdf"}), pick(t, refFiles)
		body = "--B\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + body +
			"\n--B\nContent-Type: application/octet-stream; name*=utf-8''" + strings.ReplaceAll(strings.ReplaceAll(file, " ", "%20"), "ü", "%C3%BC") +
			"\nContent-Disposition: attachment\n\n" + content + "\n--B--\n"
		fields = append(fields, "Content-Type: multipart/mixed; boundary=B")
		d.wholes["has:attachment"] = true
		d.wholes["file:"+sha256Of(content)] = true
		d.wholes["is:mismatched"] = strings.HasSuffix(file, ".pdf") != strings.HasPrefix(content, "%PDF-")
		d.wholes["filetype:"+strings.ToLower(file[len(file)-3:])] = true
		d.values["filename"] = [][]string{strings.FieldsFunc(strings.ReplaceAll(strings.ToLower(file), "ü", "u"), func(r rune) bool { return strings.ContainsRune(" ._", r) })}
	}
	raw := mail(body, append(fields, fmt.Sprintf("X-Number: %d", i))...)
	a.clock = a.clock.Add(time.Duration(rapid.IntRange(0, 9).Draw(t, "minutes")) * time.Minute)
	queue := pick(t, []string{"support", "sales"})
	c, box := &refCopy{size: int64(len(raw)), cases: map[int]bool{}}, pick(t, refBoxes)
	c.at = a.append(archive.Meta{Source: archive.Source{Queue: queue, Mailbox: box}}, raw)
	c.queues, c.boxes, c.came = map[archive.Address]string{c.at: queue}, map[archive.Address]string{c.at: box}, a.cameAt(c.at)
	d.copies = []*refCopy{c}
	return d
}

// refFiles are what is in attached files.
var refFiles = []string{"x", "%PDF-1.7", "<html>disk</html>"}

func sha256Of(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// refFile asks for a file by its bytes, by how its digest begins, or for one that is not what it says.
func refFile(t *rapid.T) refQuery {
	digest := sha256Of(pick(t, append(refFiles, "another")))
	begins := func(d *refDoc) bool {
		return slices.ContainsFunc(slices.Collect(maps.Keys(d.wholes)), func(w string) bool { return strings.HasPrefix(w, "file:"+digest[:6]) })
	}
	return pick(t, []refQuery{
		{"file:" + digest, func(d *refDoc) bool { return d.wholes["file:"+digest] }},
		{"file:" + strings.ToUpper(digest), func(d *refDoc) bool { return d.wholes["file:"+digest] }},
		{"file:" + digest[:6] + "*", begins},
		{"is:mismatched", func(d *refDoc) bool { return d.wholes["is:mismatched"] }},
	})
}

// refLists are mailing lists: how they are written, their words, and their identifiers.
var refLists = []struct {
	written, id string
	words       []string
}{
	{"Disk Array <array.lists.contoso.example>", "array.lists.contoso.example", []string{"disk", "array", "array", "lists", "contoso", "example"}},
	{"<München.lists.fabrikam.example>", "munchen.lists.fabrikam.example", []string{"munchen", "lists", "fabrikam", "example"}},
	{"free.contoso.example", "free.contoso.example", []string{"free", "contoso", "example"}},
}

// refFields gives a document some more fields of its header.
func refFields(t *rapid.T, d *refDoc) (fields []string) {
	for range rapid.IntRange(0, 2).Draw(t, "notes") {
		text := refText(t, 0, 4)
		fields = append(fields, pick(t, []string{"X-Note", "x-NOTE"})+": "+written(text))
		d.values["header:x-note"] = append(d.values["header:x-note"], folded(text))
	}
	if rapid.IntRange(0, 2).Draw(t, "listed") == 0 {
		l := pick(t, refLists)
		fields = append(fields, "List-Id: "+l.written)
		d.values["list"], d.address["list"] = [][]string{l.words}, []string{l.id}
	}
	if rapid.IntRange(0, 2).Draw(t, "answers to another") == 0 {
		p := pick(t, refPeople)
		fields = append(fields, "Reply-To: "+p.written)
		for _, name := range []string{"reply-to", "participant"} {
			d.values[name] = append(d.values[name], p.words)
			d.address[name] = append(d.address[name], p.address)
		}
	}
	return fields
}

// cameAt is when a record was received.
func (a *memArchive) cameAt(at archive.Address) time.Time {
	return a.streams[at.Stream][at.Position].Meta.Received
}

// refThreads joins documents that mention the same message, until nothing changes.
func refThreads(docs []*refDoc) {
	for changed := true; changed; {
		changed = false
		for _, a := range docs {
			for _, b := range docs {
				if a.thread > b.thread && slices.ContainsFunc(a.names, func(n string) bool { return slices.Contains(b.names, n) }) {
					a.thread, changed = b.thread, true
				}
			}
		}
	}
}

// has reports whether words stand behind each other in a value of a field.
func (d *refDoc) has(field string, words []string, prefix bool) bool {
	return slices.ContainsFunc(d.values[field], func(value []string) bool {
		for i := range value {
			if refAt(value[i:], words, prefix) {
				return true
			}
		}
		return false
	})
}

func refAt(value, words []string, prefix bool) bool {
	if len(value) < len(words) {
		return false
	}
	for k, w := range words {
		v := value[k]
		if k == 0 { // What stands before it does not matter.
			v, w = strings.TrimPrefix(v, "+"), strings.TrimPrefix(w, "+")
		}
		if v != w && !(prefix && k == len(words)-1 && strings.HasPrefix(v, w)) {
			return false
		}
	}
	return true
}

func (d *refDoc) anywhere(words []string, prefix bool) bool {
	return slices.ContainsFunc([]string{"subject", "body", "participant", "filename"}, func(f string) bool { return d.has(f, words, prefix) })
}

// refQuery is a query and what it should find.
type refQuery struct {
	text string
	find func(*refDoc) bool
}

func refTree(t *rapid.T, docs []*refDoc, depth int) refQuery {
	if depth == 0 {
		return refLeaf(t, docs)
	}
	a, b := refTree(t, docs, depth-1), refTree(t, docs, depth-1)
	switch rapid.IntRange(0, 6).Draw(t, "join") {
	case 6:
		brackets := pick(t, []string{"{}", "()"})
		return refQuery{"thread:" + brackets[:1] + a.text + brackets[1:], func(d *refDoc) bool { return slices.ContainsFunc(d.conversation(), a.find) }}
	case 0:
		return refQuery{"(" + a.text + " " + b.text + ")", func(d *refDoc) bool { return a.find(d) && b.find(d) }}
	case 1:
		return refQuery{"(" + a.text + " AND " + b.text + ")", func(d *refDoc) bool { return a.find(d) && b.find(d) }}
	case 2:
		return refQuery{"(" + a.text + " OR " + b.text + ")", func(d *refDoc) bool { return a.find(d) || b.find(d) }}
	case 3:
		return refQuery{"-" + a.text, func(d *refDoc) bool { return !a.find(d) }}
	case 4:
		return refQuery{"(" + a.text + " NOT " + b.text + ")", func(d *refDoc) bool { return a.find(d) && !b.find(d) }}
	}
	c := refLeaf(t, docs) // AND binds before OR.
	return refQuery{"(" + a.text + " OR " + b.text + " " + c.text + ")", func(d *refDoc) bool { return a.find(d) || b.find(d) && c.find(d) }}
}

func refLeaf(t *rapid.T, docs []*refDoc) refQuery {
	w := pick(t, refWords)
	switch rapid.IntRange(0, 17).Draw(t, "leaf") {
	case 17:
		return refFile(t)
	case 16:
		return refQuery{"is:automatic", func(d *refDoc) bool { return d.wholes["is:automatic"] }}
	case 13, 14:
		return refHeader(t)
	case 15:
		return refList(t)
	case 0, 1:
		return refQuery{w.written, func(d *refDoc) bool { return d.anywhere(w.folded, false) }}
	case 2:
		return refPhrase(t, docs)
	case 3:
		return refPrefix(t, "")
	case 4:
		return refPrefix(t, pick(t, []string{"subject", "body", "filename", "from", "to"}))
	case 5, 6:
		f := pick(t, []string{"subject", "body", "filename"})
		return refQuery{f + ":" + w.written, func(d *refDoc) bool { return d.has(f, w.folded, false) }}
	case 7, 8:
		return refPerson(t)
	case 9:
		return refNear(t)
	case 10:
		return refDate(t)
	case 11:
		return refOf(t, docs)
	}
	whole := pick(t, []string{"mailbox:jane@contoso.example", "mailbox:\"old mail (2019)\"", "queue:support", "queue:sales", "queue:copies", "queue:s*", "has:attachment", "kind:message", "kind:page", "filetype:pdf", "filetype:txt", "account:acme", "account:beta", "account:\"Beta & Söhne\"", "account:none"})
	return refQuery{whole, func(d *refDoc) bool {
		return d.wholes[strings.ReplaceAll(whole, `"`, "")] || whole == "queue:s*" && (d.wholes["queue:support"] || d.wholes["queue:sales"])
	}}
}

// refHeader asks for words of a header field, or whether it is there.
func refHeader(t *rapid.T) refQuery {
	text := refText(t, 1, 2)
	name := pick(t, []string{"X-Note", "x-note"})
	n := pick(t, []string{"0", "5", "9"})
	p := pick(t, []string{"d", "Dis", "arr", "ел"})
	return pick(t, []refQuery{
		{"header:" + name, func(d *refDoc) bool { return d.values["header:x-note"] != nil }},
		{"header:" + name + ":*", func(d *refDoc) bool { return d.values["header:x-note"] != nil }},
		{"(header:" + name + ":)", func(d *refDoc) bool { return d.values["header:x-note"] != nil }},
		{"header:subject", func(d *refDoc) bool { return true }},
		{"header:" + name + ":" + text[0].written, func(d *refDoc) bool { return d.has("header:x-note", text[0].folded, false) }},
		{"header:" + name + ":\"" + written(text) + "\"", func(d *refDoc) bool { return d.has("header:x-note", folded(text), false) }},
		{"header:" + name + ":(" + text[0].written + " OR array)", func(d *refDoc) bool {
			return d.has("header:x-note", text[0].folded, false) || d.has("header:x-note", []string{"array"}, false)
		}},
		{"header:" + name + ":" + p + "*", func(d *refDoc) bool { return d.has("header:x-note", []string{strings.ToLower(p)}, true) }},
		{"header:X-Copy:" + n, func(d *refDoc) bool { return d.has("header:x-copy", []string{n}, false) }},
		{"header:X-Copy", func(d *refDoc) bool { return d.values["header:x-copy"] != nil }},
		{"header:X-Other:disk", func(d *refDoc) bool { return false }},
		{"header:Subject:" + text[0].written, func(d *refDoc) bool { return d.has("subject", text[0].folded, false) }},
	})
}

// refList asks for a mailing list.
func refList(t *rapid.T) refQuery {
	l := pick(t, refLists)
	glob := pick(t, []string{"*contoso*", "*.example", "a*contoso.example", "*unchen.li*", "*ree"})
	return pick(t, []refQuery{
		{"list:" + l.id, func(d *refDoc) bool { return d.has("list", strings.Split(l.id, "."), false) }},
		{"list:*", func(d *refDoc) bool { return d.values["list"] != nil }},
		{"list:" + l.words[0], func(d *refDoc) bool { return d.has("list", l.words[:1], false) }},
		{"list:mün*", func(d *refDoc) bool { return d.has("list", []string{"mun"}, true) }},
		{"header:List-Id:lists", func(d *refDoc) bool { return d.has("list", []string{"lists"}, false) }},
		{"list:" + glob, func(d *refDoc) bool { return d.like("list", glob) }},
	})
}

// refPhrase is words from a text, or any.
func refPhrase(t *rapid.T, docs []*refDoc) refQuery {
	text := pick(t, pick(t, docs).texts)
	if len(text) > 0 && rapid.IntRange(0, 3).Draw(t, "from a text") > 0 {
		text = text[rapid.IntRange(0, len(text)-1).Draw(t, "start"):]
		text = text[:rapid.IntRange(1, min(4, len(text))).Draw(t, "length")]
	} else {
		text = refText(t, 1, 3)
	}
	quoted, words := "\""+written(text)+"\"", folded(text)
	if f := pick(t, []string{"", "subject", "body"}); f != "" {
		return refQuery{f + ":" + quoted, func(d *refDoc) bool { return d.has(f, words, false) }}
	}
	return refQuery{quoted, func(d *refDoc) bool { return d.anywhere(words, false) }}
}

func refPrefix(t *rapid.T, field string) refQuery {
	p := pick(t, []string{"d", "Dis", "mün", "overflow-ch", "LÓD", "日", "日本", "ар", "ел", "ωμ", "a", "1", "j", "contoso.ex", "arr"})
	words := map[string][]string{
		"Dis": {"dis"}, "mün": {"mun"}, "overflow-ch": {"overflow", "ch"}, "LÓD": {"lod"}, "日本": {"日", "+本"}, "contoso.ex": {"contoso", "ex"},
	}[p]
	if words == nil {
		words = []string{p}
	}
	if field == "from" || field == "to" {
		p, words = "contos", []string{"contos"}
	}
	if field == "" {
		return refQuery{p + "*", func(d *refDoc) bool { return d.anywhere(words, true) }}
	}
	return refQuery{field + ":" + p + "*", func(d *refDoc) bool { return d.has(field, words, true) }}
}

func refPerson(t *rapid.T) refQuery {
	f := pick(t, []string{"from", "to", "cc", "rcpt", "participant", "reply-to"})
	whole := func(find func(string) bool) func(*refDoc) bool {
		return func(d *refDoc) bool { return slices.ContainsFunc(d.address[f], find) }
	}
	within := func(domain string) func(string) bool {
		return func(a string) bool {
			_, of, _ := strings.Cut(a, "@")
			return of == domain || strings.HasSuffix(of, "."+domain)
		}
	}
	p := pick(t, refPeople)
	local, domain, _ := strings.Cut(p.address, "@")
	_, parent, _ := strings.Cut(domain, ".")
	word := pick(t, []string{"jane", "bob", "example", "contoso", "Disk"})
	if glob := pick(t, []string{"", "", "*contoso*", "*DOE*", "*doe@*", "*n.d*", "*@*contoso*", "*@*.example", "@*brikam.example", "mail*.example", "j*e", "*ob", "b*t*d*@*", "*zzz*"}); glob != "" {
		return refQuery{f + ":" + glob, func(d *refDoc) bool { return d.like(f, strings.ToLower(glob)) }}
	}
	return pick(t, []refQuery{
		{f + ":" + strings.ToUpper(p.address), whole(func(a string) bool { return a == p.address })},
		{f + ":@" + domain, whole(within(domain))},
		{f + ":@" + parent, whole(within(parent))},
		{f + ":mail.contoso.example", whole(within("mail.contoso.example"))},
		{f + ":\"jane doe\"", func(d *refDoc) bool { return d.has(f, []string{"jane", "doe"}, false) }},
		{f + ":jane.doe", whole(func(a string) bool { return strings.HasPrefix(a, "jane.doe@") })},
		{f + ":" + local + "@" + parent, whole(func(a string) bool { return a == local+"@"+parent })},
		{f + ":audit@tailspin.example", whole(func(a string) bool { return a == "audit@tailspin.example" })},
		{f + ":boss", func(d *refDoc) bool { return d.has(f, []string{"boss"}, false) }},
		{f + ":" + word, func(d *refDoc) bool { return d.has(f, []string{strings.ToLower(word)}, false) }},
	})
}

// like reports whether a text with stars fits a word of people, an address, or a domain and those above it.
func (d *refDoc) like(field, glob string) bool {
	domain := strings.HasPrefix(glob, "*@") || strings.HasPrefix(glob, "@")
	if domain {
		_, glob, _ = strings.Cut(glob, "@")
	}
	whole := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(glob), `\*`, ".*") + "$")
	for _, address := range d.address[field] {
		_, of, _ := strings.Cut(address, "@") // Lists have none.
		for ; of != ""; _, of, _ = strings.Cut(of, ".") {
			if whole.MatchString(of) {
				return true
			}
		}
		if !domain && whole.MatchString(address) {
			return true
		}
	}
	return !domain && slices.ContainsFunc(slices.Concat(d.values[field]...), whole.MatchString)
}

func refNear(t *rapid.T) refQuery {
	words := []string{"disk", "free", "use", "array", "munchen"}
	a, b, n := pick(t, words), pick(t, words), rapid.IntRange(1, 5).Draw(t, "near")
	return refQuery{fmt.Sprintf("(%s NEAR/%d %s)", a, n, b), func(d *refDoc) bool {
		for _, f := range []string{"subject", "body", "participant", "filename"} {
			for _, value := range d.values[f] {
				for i, v := range value {
					for j := i + 1; v == a && j <= i+n && j < len(value); j++ {
						if value[j] == b {
							return true
						}
					}
					for j := i - 1; v == a && j >= max(0, i-n); j-- {
						if value[j] == b {
							return true
						}
					}
				}
			}
		}
		return false
	}}
}

func refDate(t *rapid.T) refQuery {
	at := time.Date(2026, 10, rapid.IntRange(1, 50).Draw(t, "day"), 0, 0, 0, 0, time.UTC)
	text, next := at.Format("2006-01-02"), at.AddDate(0, 0, 1)
	october, november := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	size, came := int64(rapid.IntRange(200, 900).Draw(t, "size")), time.Date(2026, 11, 20, 12, rapid.IntRange(0, 59).Draw(t, "came"), 0, 0, time.UTC)
	return pick(t, []refQuery{
		{"before:" + text, func(d *refDoc) bool { return d.date.Before(at) }},
		{"after:" + text, func(d *refDoc) bool { return !d.date.Before(at) }},
		{"on:" + text, func(d *refDoc) bool { return !d.date.Before(at) && d.date.Before(next) }},
		{"date:2026-10.." + text, func(d *refDoc) bool { return !d.date.Before(october) && d.date.Before(next) }},
		{"on:2026-10", func(d *refDoc) bool { return !d.date.Before(october) && d.date.Before(november) }},
		{"after:10d", func(d *refDoc) bool { return !d.date.Before(testNow.AddDate(0, 0, -10)) }},
		{fmt.Sprintf("size:%d..%d", size, size+200), func(d *refDoc) bool { return d.size >= size && d.size <= size+200 }},
		{fmt.Sprintf("size:%d", size), func(d *refDoc) bool { return d.size >= size }},
		{fmt.Sprintf("size:..%d", size), func(d *refDoc) bool { return d.size <= size }},
		{came.Format("received:2006-01-02T15:04.."), func(d *refDoc) bool { return !d.came.Before(came) }},
		{came.Format("received:..2006-01-02T15:04"), func(d *refDoc) bool { return d.came.Before(came) }},
		{"older:" + text, func(d *refDoc) bool { return d.date.Before(at) }},
		{"newer_than:10d", func(d *refDoc) bool { return !d.date.Before(testNow.AddDate(0, 0, -10)) }},
		{"sent:" + text, func(d *refDoc) bool { return !d.date.Before(at) && d.date.Before(next) }},
		{fmt.Sprintf("larger:%d", size), func(d *refDoc) bool { return d.size > size }},
		{fmt.Sprintf("smaller:%d", size), func(d *refDoc) bool { return d.size < size }},
	})
}

// refOf asks for what belongs to one of the documents.
func refOf(t *rapid.T, docs []*refDoc) refQuery {
	one, number := pick(t, docs), rapid.IntRange(1, 3).Draw(t, "case")
	id := cmp.Or(one.id, "none@contoso.example")
	return pick(t, []refQuery{
		{"thread:" + threadID(one.at), func(d *refDoc) bool { return d.thread == one.thread }},
		{"references:" + cmp.Or(one.answers, id), func(d *refDoc) bool { return d.answers == cmp.Or(one.answers, id) }},
		{"rfc822msgid:<" + id + ">", func(d *refDoc) bool { return d.id == id }},
		{"hasattachment:false", func(d *refDoc) bool { return !d.wholes["has:attachment"] }},
		{"id:" + id, func(d *refDoc) bool { return d.id == id }},
		{fmt.Sprintf("case:C-%d", number), func(d *refDoc) bool { return d.cases[number] }},
	})
}

// refWithin withholds some queues.
func refWithin(t *rapid.T) (w Within, sees func(*refDoc) bool) {
	through := func(d *refDoc, queues []string) bool {
		return slices.ContainsFunc(queues, func(q string) bool { return d.wholes["queue:"+q] })
	}
	for _, q := range []string{"support", "sales", "copies"} {
		if rapid.IntRange(0, 3).Draw(t, q) == 0 {
			w.Withheld = append(w.Withheld, q)
		} else {
			w.Open = append(w.Open, q)
		}
	}
	return w, func(d *refDoc) bool { return !through(d, w.Withheld) || through(d, w.Open) }
}

// told is what somebody may be told of a document: not how it came through what
// is withheld, and of its conversation only what he sees.
func (d *refDoc) told(w Within, docs []*refDoc, sees func(*refDoc) bool) *refDoc {
	t := *d
	t.wholes = maps.Clone(d.wholes)
	for _, q := range w.Withheld {
		delete(t.wholes, "queue:"+q)
	}
	t.conversation = func() (all []*refDoc) {
		for _, o := range docs {
			if o.thread == d.thread && sees(o) {
				all = append(all, o.told(w, docs, sees))
			}
		}
		return all
	}
	return &t
}

// refShown checks that each document is shown, and each conversation, as far as
// it may be seen, and nothing of how it came through what is withheld.
func refShown(t tester, x *Index, w Within, docs []*refDoc, sees func(*refDoc) bool) {
	r := x.Within(w)
	for _, d := range docs {
		if unseen, err := r.Unseen(context.Background(), d.at); err != nil || (len(unseen) == 0) != sees(d) {
			t.Fatalf("%+v: %s is unseen: %v, %v", w, d.at, unseen, err)
		}
		doc, err := r.Document(context.Background(), d.at)
		if (err == nil) != sees(d) || err != nil && !errors.Is(err, archive.ErrNotFound) {
			t.Fatalf("%+v: %s is shown: %v, %v", w, d.at, doc, err)
		}
		if err == nil {
			queues := []string{doc.Queue, doc.Meta.Source.Queue}
			for _, s := range doc.Seen {
				queues = append(queues, s.Source.Queue)
			}
			if slices.ContainsFunc(queues, func(q string) bool { return slices.Contains(w.Withheld, q) }) {
				t.Fatalf("%+v: %s tells of the queues %q", w, d.at, queues)
			}
		}
		var want, got []archive.Address
		for _, o := range docs {
			if o.thread == d.thread && sees(o) {
				want = append(want, o.at)
			}
		}
		thread, err := r.Thread(context.Background(), threadID(d.at))
		if err != nil && (len(want) > 0 || !errors.Is(err, archive.ErrNotFound)) {
			t.Fatal(err)
		}
		if err == nil {
			for _, m := range thread.Messages {
				got = append(got, m.Address)
			}
		}
		slices.SortFunc(want, compareAddress)
		slices.SortFunc(got, compareAddress)
		if !slices.Equal(got, want) {
			t.Fatalf("%+v: the conversation of %s has %v, want %v", w, d.at, got, want)
		}
	}
}

// Every query finds exactly the documents, in exactly the order, that a slow
// search through all of them finds, whatever is withheld.
func TestSearchFindsWhatReadingAllWouldFind(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, docs := refCorpus(t)
		x, stop := followOn(t, vfs.NewMem(), a)
		defer stop()
		caughtUp(t, x, a)
		refPresent(t, x, docs)
		settled(t, x, a)
		names := refAccounts(t, docs)
		for range 15 {
			q := refTree(t, docs, rapid.IntRange(0, 3).Draw(t, "depth"))
			order := pick(t, []Sort{Newest, Oldest})
			w, sees := refWithin(t)
			var want []string
			slices.SortFunc(docs, func(a, b *refDoc) int {
				return cmp.Or(a.date.Compare(b.date), cmp.Compare(a.at.Position, b.at.Position))
			})
			for _, d := range docs {
				if sees(d) && q.find(d.told(w, docs, sees)) {
					want = append(want, d.at.String())
				}
			}
			if order == Newest {
				slices.Reverse(want)
			}
			got := addresses(t, x.Within(w).Naming(names), Request{Query: q.text, Sort: order, Limit: rapid.IntRange(1, 10).Draw(t, "limit")})
			if !slices.Equal(got, want) {
				t.Fatalf("%s (%q): got %v, want %v\n%s", q.text, order, got, want, a.text())
			}
			ranked := addresses(t, x.Within(w).Naming(names), Request{Query: q.text, Sort: Relevance, Limit: 3})
			slices.Sort(ranked)
			slices.Sort(want)
			if !slices.Equal(ranked, want) {
				t.Fatalf("%s by relevance: got %v, want %v", q.text, ranked, want)
			}
			volume := 0
			for _, b := range search(t, x.Within(w).Naming(names), Request{Query: q.text}).Volume {
				volume += b.Count
			}
			if volume != len(want) {
				t.Fatalf("%s within %+v: the volume tells of %d, want %d", q.text, w, volume, len(want))
			}
			refFacets(t, x.Within(w).Naming(names), q, docs, func(d *refDoc) bool { return sees(d) && q.find(d.told(w, docs, sees)) }, w, sees)
			refShown(t, x, w, docs, sees)
			refExplained(t, x.Within(w).Naming(names), q, w, docs, pick(t, docs), sees)
		}
		refIDs(t, x, docs)
	})
}

// refExplained checks that it is told why a document is found or not.
func refExplained(t tester, r Reader, q refQuery, w Within, docs []*refDoc, d *refDoc, sees func(*refDoc) bool) {
	e, err := r.Explain(context.Background(), Request{Query: q.text, Now: testNow}, d.at)
	if !sees(d) {
		if !errors.Is(err, archive.ErrNotFound) {
			t.Fatalf("%s: why it holds for %s, which is not to be seen: %+v, %v", q.text, d.at, e, err)
		}
		return
	}
	if err != nil || e.Holds != q.find(d.told(w, docs, sees)) {
		t.Fatalf("%s: why it holds for %s: %+v, %v", q.text, d.at, e, err)
	}
	refSound(t, q.text, *e)
}

// refSound checks that an explanation agrees with its parts and shows them as they were written.
func refSound(t tester, query string, e Explanation) {
	if query[e.Start:e.Start+len(e.Text)] != e.Text || e.Text == "" {
		t.Fatalf("%s: %q stands at %d", query, e.Text, e.Start)
	}
	all, some := true, false
	for _, part := range e.Parts {
		refSound(t, query, part)
		all, some = all && part.Holds, some || part.Holds
	}
	if want, ok := map[string]bool{"and": all, "or": some, "not": !some}[e.Is]; ok && want != e.Holds || ok == (e.Parts == nil) {
		t.Fatalf("%s: %+v", query, e)
	}
	if len(e.In) > 0 && !e.Holds {
		t.Fatalf("%s: %q stands in %v and does not hold", query, e.Text, e.In)
	}
}

// refPresent checks that nothing is found that was removed, although not all of it is deleted yet.
func refPresent(t tester, x *Index, docs []*refDoc) {
	found := search(t, x, Request{Limit: maxLimit})
	if found.Total != len(found.Items) {
		t.Fatalf("%d items, total is %d", len(found.Items), found.Total)
	}
	for _, item := range found.Items {
		stays := func(c *refCopy) bool { return c.at == item.Address } // The first copy may still wait to be read again.
		if !slices.ContainsFunc(docs, func(d *refDoc) bool { return slices.ContainsFunc(d.copies, stays) }) {
			t.Fatalf("%s is found and was removed", item.Address)
		}
	}
}

// refIDs checks that a conversation is named after its lowest address.
func refIDs(t tester, x *Index, docs []*refDoc) {
	for _, d := range docs {
		lowest := d.at
		for _, o := range docs {
			if o.thread == d.thread && o.at.Position < lowest.Position {
				lowest = o.at
			}
		}
		thread, err := x.Thread(context.Background(), threadID(d.at))
		if err != nil {
			t.Fatal(err)
		}
		if thread.ID != threadID(lowest) {
			t.Fatalf("conversation of %s is %s, want %s", d.at, thread.ID, threadID(lowest))
		}
	}
}

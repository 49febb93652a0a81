package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"html"
	"mime"
	"mime/quotedprintable"
	"strings"
	"time"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
)

// sampleHash is what stands in for chance: the same words give the same bytes.
func sampleHash(words ...string) []byte {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return sum[:]
}

// sampleGUID is an identifier as Microsoft's and Apple's programs make them.
func sampleGUID(words ...string) string {
	h := sampleHash(words...)
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// messageID is a Message-ID without brackets, "" when the message has none.
func (l *sampleLetter) messageID() string {
	if set := l.fields["id"]; len(set) > 0 {
		if set[0] == "none" {
			return ""
		}
		return set[0]
	}
	_, domain, _ := strings.Cut(l.from.address, "@")
	return sampleMessageID(l.id, l.client, domain)
}

// sampleMessageID makes the ID that a program gives to the message of a block.
func sampleMessageID(id, client, domain string) string {
	tag := hex.EncodeToString(sampleHash("message-id", id))
	switch client {
	case "outlook":
		host := "AM9PR" + strings.ToUpper(tag[:2]) + "MB" + strings.ToUpper(tag[2:6])
		return host + strings.ToUpper(tag[6:26]) + "@" + host + ".eurprd04.prod.outlook.example"
	case "gmail":
		return "CA" + base64.RawURLEncoding.EncodeToString(sampleHash(id)[:24]) + "@mail." + domain
	case "apple", "iphone":
		return strings.ToUpper(sampleGUID("message-id", id)) + "@" + domain
	}
	return tag[:8] + "-" + tag[8:20] + "@" + domain
}

// samplePart is a MIME entity: the lines of its header and its encoded body.
type samplePart struct {
	header []string // "Name: value", folded with CRLF
	body   []byte
}

func (p samplePart) bytes() []byte {
	return append([]byte(strings.Join(p.header, "\r\n")+"\r\n\r\n"), p.body...)
}

// sampleText encodes a text as a part: plainly when it can be, else quoted-printable,
// and Japanese of older programs in base64.
func sampleText(mediaType, charset, text string) samplePart {
	text = strings.ReplaceAll(text, "\n", "\r\n") + "\r\n"
	if charset == "" && sampleIsPlain(text) {
		charset = "us-ascii"
	}
	var encoded []byte
	encoding := "quoted-printable"
	switch charset {
	case "us-ascii":
		encoding, encoded = "7bit", []byte(text)
	case "iso-2022-jp":
		raw, _ := japanese.ISO2022JP.NewEncoder().String(text)
		encoding, encoded = "7bit", []byte(raw)
	case "windows-1252":
		raw, _ := charmap.Windows1252.NewEncoder().String(text)
		encoded = sampleQuotedPrintable(raw)
	default:
		charset = "utf-8"
		if encoded = sampleQuotedPrintable(text); len(encoded) > 2*len(text) {
			encoding, encoded = "base64", sampleBase64([]byte(text))
		}
	}
	return samplePart{[]string{
		"Content-Type: " + mediaType + `; charset="` + charset + `"`,
		"Content-Transfer-Encoding: " + encoding,
	}, encoded}
}

// sampleIsPlain reports whether a text may travel as it is.
func sampleIsPlain(text string) bool {
	for line := range strings.Lines(text) {
		if len(line) > 100 || strings.ContainsFunc(line, func(r rune) bool { return r > '~' }) {
			return false
		}
	}
	return true
}

func sampleQuotedPrintable(text string) []byte {
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	fmt.Fprint(w, text)
	w.Close()
	return b.Bytes()
}

// sampleBase64 encodes in lines of 76 characters.
func sampleBase64(content []byte) []byte {
	var b bytes.Buffer
	for line := range strings.SplitSeq(sampleWrap(base64.StdEncoding.EncodeToString(content), 76), "\n") {
		b.WriteString(line + "\r\n")
	}
	return b.Bytes()
}

func sampleWrap(s string, n int) string {
	var b strings.Builder
	for len(s) > n {
		b.WriteString(s[:n] + "\n")
		s = s[n:]
	}
	return b.String() + s
}

// sampleMultipart puts parts into one. The seed makes the boundary.
func sampleMultipart(kind, seed string, parts ...samplePart) samplePart {
	boundary := "_" + sampleGUID("boundary", kind, seed) + "_"
	subtype, params, _ := strings.Cut(kind, ";")
	if params != "" {
		params = ";" + params
	}
	p := samplePart{header: []string{"Content-Type: multipart/" + subtype + params + ";\r\n\tboundary=\"" + boundary + "\""}}
	for _, part := range parts {
		p.body = append(p.body, "--"+boundary+"\r\n"...)
		p.body = append(p.body, part.bytes()...)
		p.body = append(p.body, "\r\n"...)
	}
	p.body = append(p.body, "--"+boundary+"--\r\n"...)
	return p
}

// sampleFile makes an attachment.
func sampleFile(filename, mediaType, disposition string, content []byte) samplePart {
	p := samplePart{body: sampleBase64(content)}
	p.header = []string{
		"Content-Type: " + mime.FormatMediaType(mediaType, map[string]string{"name": sampleASCII(filename)}),
		"Content-Disposition: " + mime.FormatMediaType(disposition, map[string]string{"filename": filename}),
		"Content-Transfer-Encoding: base64",
	}
	return p
}

// sampleASCII is a name that old programs can show.
func sampleASCII(name string) string {
	return strings.Map(func(r rune) rune {
		if r > '~' {
			return '_'
		}
		return r
	}, name)
}

// maxSampleQuotes is how many messages back a reply quotes: people cut the rest.
const maxSampleQuotes = 3

// plain is the text as the writer's program sends it, with signature and quote.
func (l *sampleLetter) plain(quotes int) string {
	parts := []string{l.body}
	signature := l.signature()
	switch {
	case signature == "":
	case l.client == "gmail" || l.client == "thunderbird":
		signature = "-- \n" + signature
	}
	quote := l.plainQuote(quotes)
	if l.client == "thunderbird" { // Answers below what it quotes.
		parts = []string{quote, l.body, signature}
	} else {
		parts = append(parts, signature, quote)
	}
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, "\n\n")
}

// signature is what the program puts below the text.
func (l *sampleLetter) signature() string {
	switch {
	case len(l.fields["sig"]) > 0: // sig: none
		return ""
	case l.client == "iphone":
		return sampleLanguages[l.from.lang].phone
	}
	return l.from.signature
}

// plainQuote is the message that is answered or forwarded, as programs quote it.
func (l *sampleLetter) plainQuote(quotes int) string {
	if l.parent == nil || quotes == 0 || len(l.fields["quote"]) > 0 { // quote: none
		return ""
	}
	text := l.parent.plain(quotes - 1)
	if l.client != "outlook" && !l.forwarded {
		return l.attribution() + "\n" + sampleQuote(text)
	}
	var b strings.Builder
	if l.client != "outlook" {
		b.WriteString(sampleLanguages[l.from.lang].forwardMark + "\n")
	}
	for _, line := range l.quotedHeader() {
		b.WriteString(line[0] + " " + line[1] + "\n")
	}
	return b.String() + "\n" + text
}

func sampleQuote(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		switch {
		case line == "" || strings.HasPrefix(line, ">"):
			lines[i] = ">" + line
		default:
			lines[i] = "> " + line
		}
	}
	return strings.Join(lines, "\n")
}

// rich is the inside of the HTML alternative.
func (l *sampleLetter) rich(quotes int) string {
	var b strings.Builder
	b.WriteString(l.paragraphs(l.body))
	if signature := l.signature(); signature != "" {
		b.WriteString(`<div class="signature" style="color:#555">` + l.paragraphs(signature) + "</div>\n")
	}
	if l.logo() {
		b.WriteString(`<p><img src="cid:` + sampleLogoID + `" width="160" height="40" alt="Northwind Support"></p>` + "\n")
	}
	if l.parent == nil || quotes == 0 || len(l.fields["quote"]) > 0 {
		return b.String()
	}
	quoted := l.parent.rich(quotes - 1)
	switch {
	case l.client == "gmail":
		return b.String() + `<div class="gmail_quote"><div dir="ltr" class="gmail_attr">` + html.EscapeString(l.attribution()) +
			`<br></div><blockquote class="gmail_quote" style="margin:0 0 0 .8ex;border-left:1px solid #ccc;padding-left:1ex">` + quoted + "</blockquote></div>\n"
	case l.client == "apple":
		return b.String() + "<div><br>" + html.EscapeString(l.attribution()) + `<br></div><blockquote type="cite">` + quoted + "</blockquote>\n"
	}
	b.WriteString(`<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0 0 0"><p class="MsoNormal">`)
	for _, line := range l.quotedHeader() {
		b.WriteString("<b>" + line[0] + "</b> " + html.EscapeString(line[1]) + "<br>\n")
	}
	return b.String() + "</p></div>\n" + quoted
}

// paragraphs makes HTML of a text whose paragraphs are parted by empty lines.
func (l *sampleLetter) paragraphs(text string) string {
	open := "<p>"
	if l.client == "outlook" {
		open = `<p class="MsoNormal">`
	}
	var b strings.Builder
	for p := range strings.SplitSeq(text, "\n\n") {
		b.WriteString(open + strings.ReplaceAll(html.EscapeString(p), "\n", "<br>\n") + "</p>\n")
	}
	return b.String()
}

// sampleLogoID is the Content-ID of the picture in signatures.
const sampleLogoID = "image001.png@northwind.example"

// logo reports whether the message has the picture: the first of a thread does.
func (l *sampleLetter) logo() bool {
	return l.from.logo && l.parent == nil && l.client == "outlook" && len(l.fields["sig"]) == 0
}

// content is the message's body: text, its HTML alternative, a calendar part.
func (s *sampleLibrary) content(l *sampleLetter) (samplePart, error) {
	charset := ""
	if c := l.fields["charset"]; len(c) > 0 {
		charset = c[0]
	}
	switch l.client {
	case "html":
		return sampleText("text/html", "utf-8", l.body), nil
	case "outlook", "gmail", "apple":
	default:
		return sampleText("text/plain", charset, l.plain(maxSampleQuotes)), nil
	}
	page := "<html><head><meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\"></head>\n<body lang=\"" + l.from.lang + "\">\n" + l.rich(maxSampleQuotes) + "</body></html>"
	parts := []samplePart{sampleText("text/plain", charset, l.plain(maxSampleQuotes)), sampleText("text/html", "utf-8", page)}
	if c := l.fields["calendar"]; len(c) > 0 {
		invitation, err := s.calendar(l, c[0])
		if err != nil {
			return samplePart{}, err
		}
		part := sampleText("text/calendar; method=REQUEST", "utf-8", invitation)
		parts = append(parts, part)
	}
	content := sampleMultipart("alternative", l.id, parts...)
	if l.logo() {
		logo, err := sampleLogo()
		if err != nil {
			return samplePart{}, err
		}
		picture := sampleFile("image001.png", "image/png", "inline", logo)
		picture.header = append(picture.header, "Content-ID: <"+sampleLogoID+">")
		content = sampleMultipart(`related; type="multipart/alternative"`, l.id, content, picture)
	}
	return content, nil
}

// original makes the message as it left the writer's mail program, under the
// trace fields of the servers it went through.
func (s *sampleLibrary) original(l *sampleLetter, trace []string) ([]byte, error) {
	var content samplePart
	var err error
	if l.fields["bounce"] != nil {
		content, err = s.bounce(l)
	} else {
		content, err = s.content(l)
	}
	if err != nil {
		return nil, err
	}
	var files []samplePart
	for _, spec := range l.fields["attach"] {
		part, err := s.attachment(l, spec)
		if err != nil {
			return nil, fmt.Errorf("attach %s: %w", spec, err)
		}
		files = append(files, part)
	}
	if len(files) > 0 {
		content = sampleMultipart("mixed", l.id, append([]samplePart{content}, files...)...)
	}
	content.header = append(append(trace, l.header()...), content.header...)
	return content.bytes(), nil
}

// header is the header as the writer's program makes it, without the
// Content- fields.
func (l *sampleLetter) header() []string {
	h := []string{"Date: " + l.date.Format("Mon, 02 Jan 2006 15:04:05 -0700"), "From: " + sampleAddresses([]*samplePerson{l.from})}
	for _, list := range []struct {
		name string
		all  []*samplePerson
	}{{"To: ", l.to}, {"Cc: ", l.cc}} {
		if len(list.all) > 0 {
			h = append(h, list.name+sampleAddresses(list.all))
		}
	}
	h = append(h, "Subject: "+l.encodedSubject())
	if id := l.messageID(); id != "" {
		h = append(h, "Message-ID: <"+id+">")
	}
	if chain := l.references(); len(chain) > 0 {
		h = append(h, "In-Reply-To: "+chain[len(chain)-1], "References: "+strings.Join(chain, "\r\n "))
	}
	h = append(h, l.programFields()...)
	h = append(h, l.fields["header"]...)
	return append(h, "MIME-Version: 1.0")
}

// programFields are those that tell which program wrote it.
func (l *sampleLetter) programFields() []string {
	switch l.client {
	case "outlook":
		return []string{
			"Thread-Topic: " + mime.QEncoding.Encode("utf-8", samplePrefix.ReplaceAllString(l.subject, "")),
			"Thread-Index: " + base64.StdEncoding.EncodeToString(l.threadIndex()),
			"Accept-Language: " + l.from.lang, "Content-Language: " + l.from.lang,
		}
	case "apple":
		return []string{"X-Mailer: Apple Mail (2.3776.700.51)"}
	case "iphone":
		return []string{"X-Mailer: iPhone Mail (21G93)"}
	case "thunderbird":
		return []string{"User-Agent: Mozilla Thunderbird"}
	case "becky":
		return []string{"X-Mailer: Becky! ver. 2.81.05 [ja]"}
	}
	return nil
}

// threadIndex is Outlook's: a time, a GUID, and five bytes for each reply.
func (l *sampleLetter) threadIndex() []byte {
	if l.parent == nil {
		// 100 ns since 1601, without the lowest 16 bits.
		filetime := uint64(l.date.Unix()+11644473600) * 1e7
		index := binary.BigEndian.AppendUint64(nil, filetime)[:6]
		return append(index, sampleHash("thread", l.id)[:16]...)
	}
	since := uint32(l.date.Sub(l.parent.date) / (time.Millisecond * 26))
	return append(binary.BigEndian.AppendUint32(l.parent.threadIndex(), since), sampleHash(l.id)[0])
}

// references are the IDs of the messages before it, oldest first. Some
// programs name none, and the block then says "references: none".
func (l *sampleLetter) references() []string {
	if l.parent == nil || l.forwarded || len(l.fields["references"]) > 0 {
		return nil
	}
	chain := l.parent.references()
	if id := l.parent.messageID(); id != "" {
		chain = append(chain, "<"+id+">")
	}
	return chain
}

func (l *sampleLetter) encodedSubject() string {
	if c := l.fields["charset"]; len(c) == 0 || c[0] != "iso-2022-jp" {
		return mime.QEncoding.Encode("utf-8", l.subject)
	}
	var words []string
	runes := []rune(l.subject)
	for len(runes) > 0 { // RFC 2047 section 2: an encoded word has at most 75 characters.
		n := min(len(runes), 12)
		raw, _ := japanese.ISO2022JP.NewEncoder().String(string(runes[:n]))
		words = append(words, "=?ISO-2022-JP?B?"+base64.StdEncoding.EncodeToString([]byte(raw))+"?=")
		runes = runes[n:]
	}
	return strings.Join(words, "\r\n ")
}

func sampleAddresses(people []*samplePerson) string {
	var all []string
	for _, p := range people {
		name := mime.QEncoding.Encode("utf-8", p.name)
		if name == p.name && strings.ContainsAny(name, ".,'()@") {
			name = `"` + name + `"`
		}
		all = append(all, strings.TrimSpace(name+" <"+p.address+">"))
	}
	return strings.Join(all, ",\r\n\t")
}

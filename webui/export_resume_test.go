package webui

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"polytrace/archive"
	"polytrace/archive/evidence"
	"polytrace/casework"
)

// goOn asks for what comes behind the bytes that are there.
func (p *program) goOn(query url.Values, token, have string) answer {
	p.f.t.Helper()
	r := p.request("GET", apiRoot+"/export?"+query.Encode(), nil)
	r.Header.Set(tokenHeader, token)
	r.Header.Set(haveHeader, fmt.Sprintf("%d %x", len(have), sha256.Sum256([]byte(have))))
	return p.sign(r)
}

// An export that broke off anywhere goes on to the very bytes of one that did
// not, though mail came in, the log grew and days went by.
func TestExportGoesOnAnywhere(t *testing.T) {
	f := newFixture(t)
	for i := range 40 {
		f.store(fmt.Appendf(nil, "From: a@acme.example\r\nSubject: %d\r\n\r\n%s", i, odd[i%len(odd)][:40]), archive.Source{Queue: "q"})
	}
	p := f.program(casework.Observer)
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	came := 0
	for _, query := range []url.Values{{"format": {"zip"}}, {"format": {"edrm"}, "q": {"after:7d"}}, {"format": {"mbox"}, "part": {"both"}}} {
		whole := p.exported(query)
		token := whole.head.Get(tokenHeader)
		for range 12 {
			f.later(time.Hour)
			f.mail(letter(came))
			came++
			if random.IntN(3) == 0 {
				if err := f.archive.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			cut := random.IntN(len(whole.body) + 1)
			r := p.goOn(query, token, whole.body[:cut])
			if r.code != http.StatusOK || whole.body[:cut]+r.body != whole.body {
				t.Fatalf("seed %d, %v cut at %d of %d: %d %.200s", seed, query, cut, len(whole.body), r.code, r.body)
			}
		}
	}
	r, err := checkZip(t, p.exported(url.Values{}).body, f.archive.PublicKey())
	if err != nil || r.Messages != int64(40+came) {
		t.Errorf("%+v %v", r, err)
	}
}

// Who has something else, or comes with something else, is told to begin anew.
func TestExportDoesNotGoOnWithSomethingElse(t *testing.T) {
	f := newFixture(t)
	for i := range 5 {
		f.mail(letter(i))
	}
	p := f.program(casework.Observer)
	query := url.Values{"q": {"firmware"}}
	whole := p.exported(query)
	token := whole.head.Get(tokenHeader)
	for name, r := range map[string]answer{
		"other bytes":  p.goOn(query, token, "x"+whole.body[1:200]),
		"more bytes":   p.goOn(query, token, whole.body+"x"),
		"other query":  p.goOn(url.Values{"q": {"friday"}}, token, whole.body[:200]),
		"other format": p.goOn(url.Values{"q": {"firmware"}, "format": {"edrm"}}, token, whole.body[:200]),
		"no token":     p.goOn(query, "nonsense", whole.body[:200]),
		"cut token":    p.goOn(query, token[:len(token)/2], whole.body[:200]),
	} {
		if r.code != http.StatusPreconditionFailed || !strings.Contains(r.body, "Begin anew") {
			t.Errorf("%s: %d %.200s", name, r.code, r.body)
		}
	}
	r := p.request("GET", apiRoot+"/export", nil)
	r.Header.Set(haveHeader, "many")
	if r := p.sign(r); r.code != http.StatusBadRequest {
		t.Errorf("%d %s", r.code, r.body)
	}
}

// changedArchive is an archive in which one record is another way.
type changedArchive struct {
	*archive.Archive
	at    archive.Address
	prove error
	body  func() io.ReadCloser
}

func (a changedArchive) Prove(ctx context.Context, at archive.Address) (archive.Proof, error) {
	if at == a.at && a.prove != nil {
		return archive.Proof{}, fmt.Errorf("prove %s: %w", at, a.prove)
	}
	return a.Archive.Prove(ctx, at)
}

func (a changedArchive) ReadBody(ctx context.Context, at archive.Address) (archive.Meta, io.ReadCloser, error) {
	m, body, err := a.Archive.ReadBody(ctx, at)
	if err == nil && at == a.at && a.body != nil {
		return m, a.body(), body.Close()
	}
	return m, body, err
}

// Records that cannot be given out as they were archived are named in every
// list, and do not keep the others back.
func TestExportNamesWhatItLacks(t *testing.T) {
	f := newFixture(t)
	for _, raw := range odd {
		f.store([]byte(raw), archive.Source{Queue: "q"})
	}
	p := f.program(casework.Observer)
	for err, why := range map[error]evidence.Problem{archive.ErrGone: evidence.Removed, archive.ErrDamaged: evidence.Damaged, archive.ErrUnproven: evidence.Unproven} {
		f.web.config.Archive = changedArchive{Archive: f.archive, at: archive.Address{Stream: archive.Mail, Position: 1}, prove: err}
		raw := p.exported(url.Values{}).body
		r, verified := checkZip(t, raw, "")
		if verified != nil || r.Messages != 3 || r.Problems[why] != 1 || r.First[why].String() != "mail/1" {
			t.Errorf("%v: %+v %v", err, r, verified)
		}
		if _, manifest := readZip(t, raw); manifest[2][9] == "" || manifest[3][9] != "" {
			t.Errorf("%v: %q", err, manifest)
		}
		both := p.exported(url.Values{"format": {"mbox"}, "part": {"both"}}).body
		if err == archive.ErrDamaged {
			continue // Its bytes are right; the log says otherwise.
		}
		border, split := evidence.MboxLength(strings.NewReader(both), int64(len(both)))
		if split != nil {
			t.Fatal(split)
		}
		r, verified = checkMbox(t, both[:border], both[border:], "")
		if verified != nil || r.Messages != 3 || r.Problems[why] != 1 {
			t.Errorf("mbox, %v: %+v %v", err, r, verified)
		}
	}
}

// Spreadsheets carry out nothing that strangers wrote, and review programs
// find the fields they ask for.
func TestLoadFile(t *testing.T) {
	f := newFixture(t)
	f.mail("From: \"=HYPERLINK(1)\" <jane@acme.example>\nTo: Kim <kim@northwind.example>, li@northwind.example\nCc: Bo <bo@northwind.example>\nSubject: =cmd|' /C calc'!A0\nDate: Mon, 2 Nov 2026 09:00:00 +0100\nMessage-ID: <1@acme.example>\nThread-Index: AQHTz1yCfWZc\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n--b\nContent-Type: text/csv\nContent-Disposition: attachment; filename=\"a;b.csv\"\n\n1\n--b--\n")
	f.store([]byte("Subject: -1+1\r\nBcc: x@acme.example\r\n\r\n"), archive.Source{Mailbox: "kim@northwind.example", Import: "old"})
	files, manifest := readZip(t, f.program(casework.Observer).exported(url.Values{"format": {"edrm"}}).body)
	text, ok := strings.CutPrefix(files["loadfile.csv"], "\ufeff")
	if !ok || !strings.HasPrefix(text, "DocID,BegDoc,EndDoc,ParentID,Custodian,From,") || !strings.Contains(text, "\r\n") {
		t.Fatalf("%.100q", files["loadfile.csv"])
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	field := func(row int, name string) string { return rows[row][slices.Index(rows[0], name)] }
	for name, want := range map[string]string{
		"DocID": "mail-0", "Custodian": "postfix", "From": "'=HYPERLINK(1) <jane@acme.example>", "To": "Kim <kim@northwind.example>; li@northwind.example", "CC": "Bo <bo@northwind.example>",
		"Subject": "'=cmd|' /C calc'!A0", "DateSent": "2026-11-02T08:00:00Z", "DateReceived": "2026-11-03T12:00:00Z", "MessageID": "1@acme.example", "ConversationIndex": "AQHTz1yCfWZc",
		"AttachmentCount": "1", "AttachmentNames": "a,b.csv", "NativeFile": "natives/mail-0.eml", "FileName": "mail-0.eml", "ParentID": "",
	} {
		if got := field(1, name); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
	native := files[field(1, "NativeFile")]
	if sum := fmt.Sprintf("%x", sha256.Sum256([]byte(native))); sum != field(1, "SHA256Hash") || len(field(1, "MD5Hash")) != 32 || field(1, "FileSize") != fmt.Sprint(len(native)) {
		t.Errorf("%q", rows[1])
	}
	if field(2, "Subject") != "'-1+1" || field(2, "Custodian") != "kim@northwind.example" || manifest[1][8] != "'=cmd|' /C calc'!A0" {
		t.Errorf("%q %q", rows[2], manifest)
	}
}

// An export of ten thousand messages verifies, and has all of them.
func TestLargeExportVerifies(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const n, writers = 10_000, 100
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range n / writers {
				raw := fmt.Appendf(nil, "Subject: letter %d\r\n\r\nFrom %d\r\n", w, i)
				if _, err := f.archive.Append(t.Context(), archive.Mail, archive.Meta{Kind: archive.KindMessage, Received: noon}, bytes.NewReader(raw)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	raw := f.program(casework.Observer).exported(url.Values{}).body
	if r, err := checkZip(t, raw, f.archive.PublicKey()); err != nil || r.Messages != n {
		t.Errorf("%+v %v", r, err)
	}
}

// endless hands out a body of many bytes and looks at the memory meanwhile.
type endless struct {
	left int64
	peak *uint64
}

func (e *endless) Close() error { return nil }

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), e.left))
	e.left -= int64(n)
	if e.left>>20 != (e.left+int64(n))>>20 {
		*e.peak = max(*e.peak, heap())
	}
	return n, nil
}

func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// A message of 150 MB goes through a bounded piece of memory, in every format.
func TestExportOfLargeMessageTakesLittleMemory(t *testing.T) {
	f := newFixture(t)
	at := f.mail(letter(1))
	const size, bound = 150 << 20, 24 << 20
	for _, format := range []string{"zip", "edrm", "mbox"} {
		var peak uint64
		before := heap()
		f.web.config.Archive = changedArchive{Archive: f.archive, at: at, body: func() io.ReadCloser { return &endless{size, &peak} }}
		n, err := f.web.readExport(f.browser().request("GET", "/?format="+format, nil))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.web.freeze(t.Context(), &n); err != nil {
			t.Fatal(err)
		}
		if _, err := f.web.writeExport(t.Context(), io.Discard, n); err != nil {
			t.Fatal(err)
		}
		if peak == 0 || peak > before+bound {
			t.Errorf("%s: %d MiB more than before", format, int64(peak-before)>>20)
		}
	}
}

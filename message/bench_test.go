package message

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// mail makes a message of about 8 KB from a seed: text with a quote, an HTML
// alternative, and in one of four a file.
func mail(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	words := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "w%d", int(r.ExpFloat64()*300))
			if i%12 == 11 {
				b.WriteString("\r\n")
			} else {
				b.WriteByte(' ')
			}
		}
		return b.String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Received: from a (a [192.0.2.1]) by b; Mon, 2 Mar 2026 10:00:00 +0000\r\nFrom: =?utf-8?q?J=C3=BCrgen?= <j%d@contoso.example>\r\nTo: Support <support@northwind.example>, b@northwind.example\r\n", r.IntN(100))
	fmt.Fprintf(&b, "Subject: Re: %s\r\nDate: Mon, 2 Mar 2026 10:00:00 +0100\r\nMessage-ID: <%d@contoso.example>\r\nReferences: <a@b> <c@d>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=outer\r\n\r\n", strings.TrimSpace(words(6)), seed)
	b.WriteString("--outer\r\nContent-Type: multipart/alternative; boundary=inner\r\n\r\n--inner\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")
	b.WriteString(words(300) + "\r\nOn Mon, Jane wrote:\r\n> " + strings.ReplaceAll(words(100), "\r\n", "\r\n> "))
	b.WriteString("\r\n--inner\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>" + strings.ReplaceAll(words(400), "\r\n", "</p>\r\n<p>") + "\r\n--inner--\r\n")
	if seed%4 == 0 {
		file := make([]byte, 6000)
		for i := range file {
			file[i] = byte(r.Uint32())
		}
		b.WriteString("--outer\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString(file) + "\r\n")
	}
	b.WriteString("--outer--\r\n")
	return []byte(b.String())
}

// BenchmarkRead reads a message as the index does: header, text, files.
func BenchmarkRead(b *testing.B) {
	var all [][]byte
	size := 0
	for i := range 100 {
		all = append(all, mail(uint64(i)))
		size += len(all[i])
	}
	b.SetBytes(int64(size / len(all)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r := Read(all[i%len(all)], Delivery{Format: FormatAuto})
		r.Original.Text()
		r.Original.Attachments()
	}
}

package index

import (
	"strings"
	"testing"
	"time"

	"polytrace/archive"
)

// mail writes a message. Fields are "Name: value" lines; a Date is added unless there is one.
func mail(body string, fields ...string) string {
	var b strings.Builder
	dated := false
	for _, f := range fields {
		dated = dated || strings.HasPrefix(f, "Date:")
		b.WriteString(f + "\r\n")
	}
	if !dated {
		b.WriteString("Date: Mon, 2 Nov 2026 10:00:00 +0000\r\n")
	}
	if !strings.Contains(b.String(), "Content-Type:") {
		b.WriteString("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n")
	}
	b.WriteString("\r\n" + strings.ReplaceAll(body, "\n", "\r\n"))
	return b.String()
}

func dated(d time.Time) string { return "Date: " + d.Format(time.RFC1123Z) }

// The queries that people type find what they should, each in one small corpus.
func TestQueries(t *testing.T) {
	a := newMemArchive()
	a.append(archive.Meta{Source: archive.Source{Queue: "support"}}, // 0
		mail("The disk of the storage array is full.\nPlease overflow-check it at https://status.contoso.example/x\n",
			"From: Jane Döe <jane.doe@mail.contoso.example>", "To: help@northwind.example", "Cc: Ops Team <ops@fabrikam.example>",
			"Subject: Replacement disk for array", "Message-ID: <Abc1@contoso.example>", dated(day(2026, 11, 3))))
	a.append(archive.Meta{Source: archive.Source{Queue: "sales"}}, // 1
		mail("Guten Tag, die Lieferung nach München ist überfällig.\nMit freundlichen Grüßen\n",
			"From: bob@contoso.example", "To: jane.doe@mail.contoso.example", "Subject: =?utf-8?q?Lieferung_M=C3=BCnchen?=", dated(day(2026, 10, 15))))
	a.append(archive.Meta{Source: archive.Source{Import: "old.mbox", Mailbox: "archive@northwind.example"}}, // 2
		mail("ディスクの交換をお願いします。日本語の本文\n",
			"From: Taro <taro@tailspin.example>", "To: help@northwind.example", "Subject: 交換依頼", dated(day(2025, 3, 1))))
	a.append(archive.Meta{}, mail(strings.Join([]string{ // 3
		"--B", "Content-Type: text/plain; charset=utf-8", "", "see the attached invoice, use after free", "--B",
		"Content-Type: application/pdf", "Content-Disposition: attachment; filename=\"Invoice 2026-17.pdf\"",
		"Content-Transfer-Encoding: base64", "", "JVBERi0xLjQK", "--B--", ""}, "\n"),
		"From: billing@northwind.example", "To: jane.doe@mail.contoso.example", "Bcc: audit@northwind.example", "Subject: Invoice",
		"Content-Type: multipart/mixed; boundary=B", dated(day(2026, 11, 19))))
	a.append(archive.Meta{}, mail("free after use\n"+strings.Repeat("lorem ipsum ", 20000), // 4
		"From: robot@fabrikam.example", "To: help@northwind.example", "Subject: Automatic report", "Auto-Submitted: auto-generated", dated(day(2026, 11, 20).Add(-25*time.Hour))))
	x := follow(t, a)
	caughtUp(t, x, a)

	for query, want := range map[string]string{
		"":                                     "3 4 0 1 2",
		"*":                                    "3 4 0 1 2",
		"disk":                                 "0",
		"DISK":                                 "0",
		"\"storage array\"":                    "0",
		"\"array storage\"":                    "",
		"\"use after free\"":                   "3",
		"\"free after use\"":                   "4",
		"use after":                            "3 4",
		"use NEAR/1 after":                     "3 4",
		"use NEAR/2 free":                      "3 4",
		"see NEAR/2 invoice":                   "",
		"see NEAR/3 invoice":                   "3",
		"overfl*":                              "0",
		"overflow-check":                       "0",
		"\"please overflow\"":                  "0",
		"-disk":                                "3 4 1 2",
		"NOT disk":                             "3 4 1 2",
		"disk OR invoice":                      "3 0",
		"(disk OR invoice) -from:contoso*":     "3",
		"disk AND full":                        "0",
		"munchen":                              "1",
		"MÜNCHEN":                              "1",
		"uberfallig":                           "1",
		"grüssen":                              "1",
		"交換":                                   "2",
		"日本語":                                  "2",
		"\"日本語の本文\"":                           "2",
		"日文":                                   "",
		"本":                                    "2",
		"依":                                    "2",
		"依頼":                                   "2",
		"頼":                                    "2",
		"from:jane":                            "0",
		"from:doe":                             "0",
		"from:\"jane doe\"":                    "0",
		"from:jane.doe":                        "0",
		"from:jane.doe@mail.contoso.example":   "0",
		"from:<JANE.DOE@mail.contoso.example>": "0",
		"from:@contoso.example":                "0 1",
		"from:contoso.example":                 "0 1",
		"from:@mail.contoso.example":           "0",
		"from:contoso":                         "0 1",
		"from:jane.d*":                         "0",
		"from:(bob OR taro)":                   "1 2",
		"from:*contoso*":                       "0 1",
		"from:*NTOSO*":                         "0 1",
		"to:*@*.example":                       "3 4 0 1 2",
		"participant:*doe":                     "3 0 1",
		"to:j*o.example":                       "3 1",
		"from:@*ailspin*":                      "2",
		"from:mail*.example":                   "0",
		"mailbox:*@northwind.example":          "2",
		"from:*nobody*":                        "",
		"to:help@northwind.example":            "4 0 2",
		"to:ops":                               "0",
		"cc:ops":                               "0",
		"cc:help":                              "",
		"bcc:audit":                            "3",
		"participant:jane.doe":                 "3 0 1",
		"jane.doe@mail.contoso.example":        "3 0 1",
		"subject:disk":                         "0",
		"subject:\"replacement disk\"":         "0",
		"subject:full":                         "",
		"subject:replac*":                      "0",
		"body:full":                            "0",
		"body:replacement":                     "",
		"filename:invoice":                     "3",
		"filename:invo*":                       "3",
		"filename:\"invoice 2026-17.pdf\"":     "3",
		"filetype:pdf":                         "3",
		"filetype:.PDF":                        "3",
		"filetype:application/pdf":             "3",
		"has:attachment":                       "3",
		"has:attachments":                      "3",
		"has:link":                             "0",
		"is:import":                            "2",
		"is:automatic":                         "4",
		"is:unsearchable":                      "",
		"kind:message":                         "3 4 0 1 2",
		"kind:page":                            "",
		"before:2026-11-03":                    "1 2",
		"after:2026-11-03":                     "3 4 0",
		"after:2026-11":                        "3 4 0",
		"before:2026":                          "2",
		"on:2026-11-03":                        "0",
		"on:2026-10":                           "1",
		"on:yesterday":                         "3 4",
		"after:7d":                             "3 4",
		"after:30d":                            "3 4 0",
		"after:2m":                             "3 4 0 1",
		"before:1y":                            "2",
		"date:2026-10..2026-11":                "3 4 0 1",
		"date:..2026-10":                       "1 2",
		"date:2026-11-19..":                    "3 4",
		"larger:100k":                          "4",
		"smaller:100k disk":                    "0",
		"queue:support":                        "0",
		"queue:sup*":                           "0",
		"mailbox:archive@northwind.example":    "2",
		"id:Abc1@contoso.example":              "0",
		"id:<Abc1@contoso.example>":            "0",
		"id:abc1@contoso.example":              "",
		"thread:mail-0":                        "0",
		"thread:mail-99":                       "",
		"case:104":                             "",
		"nothinglikethis":                      "",
		"contoso.example":                      "3 0 1",
		"https://status.contoso.example/x":     "0",
		"disk & full":                          "0",
	} {
		var got []string
		for _, at := range addresses(t, x, Request{Query: query, Limit: 2}) {
			got = append(got, strings.TrimPrefix(at, "mail/"))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", query, strings.Join(got, " "), want)
		}
	}
}

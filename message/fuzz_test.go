package message

import (
	"bytes"
	"encoding/base64"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// seeds adds the files of testdata that a part of the reader is for.
func seeds(f *testing.F, dirs ...string) {
	f.Helper()
	for _, dir := range dirs {
		for _, name := range files(f, "testdata/"+dir) {
			raw, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw)
		}
	}
}

// What any bytes of a kind are read as holds what check asserts; that it takes
// time in proportion to their length is what TestHostileMailIsReadInLinearTime
// is for.
func FuzzHeader(f *testing.F) {
	seeds(f, "journal", "fixtures")
	f.Add([]byte(" folded\nSubject: =?utf-8?q?x?=\n =?utf-8?b?eA==?=\njunk\nTo: a@b,(c) <d@e>\n\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		fields, body, _ := scanHeader(raw, 0, len(raw))
		if body < 0 || body > len(raw) {
			t.Errorf("the body is at %d of %d", body, len(raw))
		}
		var all []byte
		for i := range fields {
			all = append(all, fields[i].Raw...)
			fields[i].unfolded()
		}
		if len(all) > body {
			t.Errorf("fields of %d bytes in %d", len(all), body)
		}
		check(t, "header", Parse(raw))
	})
}

func FuzzWords(f *testing.F) {
	for _, s := range []string{"=?utf-8?q?a_b?=", "=?iso-2022-jp*ja?b?GyRC?= =?iso-2022-jp?b?JDM=?=", "=?x?q??= =?x?b?=", "=?utf-7?q?+AGE-?=", "=?=?utf-8?q?=C3?= =?utf-8?q?=BC?=", "\xff=?"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := decodeText(s); !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00") {
			t.Errorf("%q", got)
		}
		parseMailboxes(s)
		parseIDs(s)
		parseDate(s)
	})
}

func FuzzParams(f *testing.F) {
	for _, s := range []string{`text/plain; a="b;c"; d*0*=utf-8'en'%C3; d*1*=%BC; e*9="x"`, `;;;=;"`, `a; filename*=shift_jis''%93; filename="\"`, `multipart/x; boundary="a`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, params := parseParams(s)
		for name, v := range params {
			if !utf8.ValidString(v) || strings.ContainsAny(v, "\r\n") {
				t.Errorf("%q is %q", name, v)
			}
			baseName(v)
		}
	})
}

func FuzzTransfer(f *testing.F) {
	f.Add([]byte("SGVsbG8=\r\nSGVs!"))
	f.Add([]byte("a=3D=\r\n b= \t\r\n=Z"))
	f.Add([]byte(encodeUU("a", []byte("abc"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, encoding := range []string{"base64", "quoted-printable", "x-uuencode", "x-yencode", "7bit"} {
			if got := decodeTransfer(encoding, b); len(got) > 64*len(b) {
				t.Errorf("%s: %d bytes of %d", encoding, len(got), len(b))
			}
		}
		// What encoders write comes back.
		if got := decodeTransfer("base64", []byte(base64.StdEncoding.EncodeToString(b))); !bytes.Equal(got, b) {
			t.Errorf("base64 of %x: %x", b, got)
		}
		if got := decodeTransfer("x-uuencode", []byte(encodeUU("a", b))); !bytes.Equal(got, b) {
			t.Errorf("uuencode of %x: %x", b, got)
		}
		if got := decodeTransfer("x-yencode", []byte(encodeYEnc("a", b))); !bytes.Equal(got, b) {
			t.Errorf("yEnc of %x: %x", b, got)
		}
	})
}

func FuzzTNEF(f *testing.F) {
	f.Add(sampleStream().Bytes())
	f.Add(newStream().attribute(1, attMsgProps, list(0x10090102, []byte("\x1a\x00\x00\x00\x1c\x00\x00\x00LZFu\xe2\xd4\x4b\x51\x41\x00\x04\x20WXYZ\x0dn}\x01\x0e\xb0"))).Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		check(t, "file", Parse(inMail("application/ms-tnef", "", b)))
		check(t, "body", Parse(append([]byte("Content-Type: application/ms-tnef\n\n"), b...)))
	})
}

func FuzzRTF(f *testing.F) {
	f.Add([]byte(`{\rtf1\ansi\fromhtml1{\fonttbl{\f0\fcharset204 A;}}{\*\htmltag <p>}\f0\'cf\u8364?\htmlrtf x\htmlrtf0}`))
	f.Add([]byte(`{\rtf1 \bin4 {\u-10179?\u-8704?\uc0`))
	f.Add([]byte("\x2d\x00\x00\x00\x2b\x00\x00\x00LZFu\xf1\xc5\xc7\xa7\x03\x00\x0a\x00rcpg125"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if text, _ := readRTF(b); !utf8.ValidString(text) {
			t.Errorf("%q", text)
		}
		if rtf, _ := decompressRTF(b); len(rtf) > 9*len(b) {
			t.Errorf("%d bytes of %d", len(rtf), len(b))
		}
	})
}

func FuzzFilesInText(f *testing.F) {
	seeds(f, "fixtures")
	f.Add([]byte("a\n" + encodeUU("x", allOctets(60)) + encodeYEnc("y", allOctets(60)) + "begin-base64 644 z\neA==\n====\nb"))
	f.Add([]byte("=ybegin part=1 line=1 size=1 name=x\n=ypart begin=1 end=1\nx\n=yend size=1 pcrc32=0\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		at := 0
		for x := range filesInText(b) {
			if x.start < at || x.end <= x.start || x.end > len(b) {
				t.Fatalf("a file at %d to %d of %d, behind %d", x.start, x.end, len(b), at)
			}
			at = x.end
		}
		check(t, "text", Parse(append([]byte("Content-Transfer-Encoding: 8bit\n\n"), b...)))
	})
}

func FuzzCMS(f *testing.F) {
	f.Add(cms(der, oidSigned, der(berContext0, der(berOctets, []byte(signedEntity)))))
	f.Add(cms(open, oidSigned, open(berContext0, pieces(signedEntity))))
	f.Add(cms(der, oidEnveloped))
	f.Fuzz(func(t *testing.T, b []byte) {
		if content, _ := signedContent(b); len(content) > len(b) {
			t.Errorf("%d bytes of %d", len(content), len(b))
		}
		check(t, "signed", Parse(append([]byte("Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: binary\n\n"), b...)))
	})
}

func FuzzCalendar(f *testing.F) {
	f.Add([]byte(invitation))
	f.Add([]byte("BEGIN:VTODO\nDUE;TZID=\"a:b\":20260101T000000\n x\nSUMMARY:\\"))
	f.Fuzz(func(t *testing.T, b []byte) {
		check(t, "invitation", Parse(append([]byte("Content-Type: text/calendar\n\n"), b...)))
	})
}

func FuzzZones(f *testing.F) {
	for _, s := range []string{"a\n> b\n\nOn 1 Jane\nwrote:\n\n> c\n", "From: a\nSent: b\nTo: c\n", "-----Original Message-----\n", "____________\n\nVon: a\nAn: b\nBetreff: c", "This message\nis confidential\n>", "a\n\nRegards\n\nJane\nSales\n\n1\n> b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, from := range [][]Mailbox{nil, {{Name: "Jane Doe"}}} {
			if fault := covers(body, zones(body, from...)); fault != "" {
				t.Error(fault)
			}
		}
	})
}

func FuzzJoin(f *testing.F) {
	seeds(f, "fixtures")
	f.Fuzz(func(t *testing.T, b []byte) {
		if raw, ok := Join([][]byte{b, bytes.ReplaceAll(b, []byte("number=1"), []byte("number=2"))}); ok {
			check(t, "whole", Parse(raw))
		}
	})
}

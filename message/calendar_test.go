package message

import (
	"strings"
	"testing"
)

const invitation = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\n" +
	"SUMMARY;LANGUAGE=de:Pr\xc3\r\n \xbcfung\\, zweiter Teil\r\nDESCRIPTION:First line\\nC:\\\\new and a l\r\n\tong one\r\nLOCATION:Room \\; 2\r\nORGANIZER;CN=\"Doe: Jane\":mailto:jane@b.example\r\nATTENDEE;ROLE=REQ-PARTICIPANT;CN=kim@c.example:MAILTO:kim@c.example\r\n" +
	"DTSTART;TZID=Europe/Berlin:20260416T080000\r\nDTEND:20260416T070000Z\r\nBEGIN:VALARM\r\nDESCRIPTION:REMINDER\r\nEND:VALARM\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nSUMMARY:Day off\r\nDTSTART;VALUE=DATE:20260417\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"

// An invitation that comes without words is read as words.
func TestInvitationsAreText(t *testing.T) {
	want := "Method: REQUEST\nSummary: Prüfung, zweiter Teil\nDescription: First line\nC:\\new and a long one\nLocation: Room ; 2\nOrganizer: Doe: Jane <jane@b.example>\nAttendee: kim@c.example\n" +
		"Start: 2026-04-16 08:00 Europe/Berlin\nEnd: 2026-04-16 07:00 UTC\n\nMethod: REQUEST\nSummary: Day off\nStart: 2026-04-17\n"
	twice := "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n" + invitation +
		"\r\n--b\r\nContent-Type: application/ics; name=invite.ics\r\nContent-Disposition: attachment\r\n\r\n" + invitation + "\r\n--b--\r\n"
	m := Parse([]byte(twice))
	check(t, "twice", m)
	if x := m.Text(); x.Body != want || x.Part != 1 {
		t.Errorf("%q of part %d\nwant %q", x.Body, x.Part, want)
	}
	words := strings.Replace(twice, "--b\r\n", "--b\r\n\r\nCome!\r\n--b\r\n", 1)
	if got := Parse([]byte(words)).Text().Body; got != "Come!" {
		t.Errorf("beside words: %q", got)
	}
	for _, broken := range []string{"BEGIN:VEVENT\nSUMMARY:open", "SUMMARY:nowhere", "END:X\nEND:Y\n \n:", "BEGIN:VEVENT\nSUMMARY;X=\"a:b\nDTSTART:soon\nEND:VEVENT"} {
		check(t, broken, Parse([]byte("Content-Type: text/calendar\n\n"+broken)))
	}
	if got := calendarText("", []byte("BEGIN:VEVENT\nDTSTART:soon\nSUMMARY:open")); got != "Start: soon\nSummary: open\n" {
		t.Errorf("%q", got)
	}
}

// What AMP shows counts only where nothing else is written, and is no file.
func TestAMPIsTheLastResort(t *testing.T) {
	amp := "--b\r\nContent-Type: text/x-amp-html\r\n\r\n<!doctype html><html amp4email><body>live <b>words</b></body></html>\r\n"
	m := Parse([]byte("Content-Type: multipart/alternative; boundary=b\r\n\r\n" + amp + "--b--\r\n"))
	if x := m.Text(); strings.TrimSpace(x.Body) != "live words" || x.HTML != "" || len(m.Attachments()) != 0 {
		t.Errorf("%+v, files %v", x, fileNames(m))
	}
	m = Parse([]byte("Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nplain\r\n" + amp + "--b--\r\n"))
	if x := m.Text(); x.Body != "plain" || len(m.Attachments()) != 0 {
		t.Errorf("%+v, files %v", x, fileNames(m))
	}
}

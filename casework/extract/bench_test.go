package extract

import (
	"strings"
	"testing"
	"time"
)

// prose is a megabyte of what people write to each other, with as many dates
// and promises as a busy mailbox has.
func prose() string {
	return strings.Repeat(`Hello Kim,

thank you for the call about the pump in the second building. The pressure falls as soon as the valve opens, and the log of
the controller tells that the sensor is not found, which may be the cause of what the people in the hall have seen before.
I'll send you the report for ticket #4711 by Friday, and we will ship the spare part on 24 November. Could you please
confirm the amount of 1,234.50 EUR? Nothing else has changed since the last visit of our engineer, who looked at all of the
pipes and found them in good order. Firmware 4.2.1 is what the controller runs, see https://contoso.example/firmware for it.

`, 1500)
}

func measure(b *testing.B, f func(text string, within []Span)) {
	text := prose()
	within := []Span{{0, len(text)}}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		f(text, within)
	}
}

func BenchmarkDates(b *testing.B) {
	measure(b, func(text string, within []Span) { Dates(text, within, fuzzSent) })
}

func BenchmarkPromises(b *testing.B) {
	measure(b, func(text string, within []Span) { Promises(text, within, fuzzSent) })
}

func BenchmarkDetails(b *testing.B) {
	measure(b, func(text string, within []Span) { Details(text, within) })
}

// All that All does of a text, which is five readings of it and its zones.
func BenchmarkAll(b *testing.B) {
	m := mail(prose())
	b.SetBytes(int64(len(m.Raw)))
	for b.Loop() {
		All(m.Text(), m.From, Reference{Sent: time.Date(2026, 11, 18, 10, 30, 0, 0, time.UTC)})
	}
}

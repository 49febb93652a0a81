package main

import (
	"testing"
	"time"
)

func TestSampleX(t *testing.T) {
	all := sampleMail(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	for i, m := range all {
		t.Log(i, m.Queue, m.Sent, m.From, m.To)
		if i == 12 || i == 20 {
			t.Log(string(m.Raw))
		}
	}
}

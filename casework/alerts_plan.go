package casework

import "time"

// When alerts go out is computed here and nowhere else, from what is written down: a plan that is made again after a
// restart is the same.

const (
	// alertWindow is how long changes are collected before they go out together, and how far apart two groups of a person
	// are at least: whatever happens, he gets one mail in that time.
	alertWindow = 5 * time.Minute
	// alertLife is how long an alert waits for its time. What is older stays on the page.
	alertLife = 14 * 24 * time.Hour
	// dailyHour is when the daily group goes out to somebody without a calendar, in UTC.
	dailyHour = 8
)

// Delivery is what a plan follows from: what one person can be told over one channel.
type Delivery struct {
	Alerts   []Alert // That go out with no group of the channel and were not seen, oldest first.
	Settings AlertSettings
	Hours    *Calendar // Of the settings; nil: at any time.
	Last     time.Time // When the last group began to go out.
}

// PlanDelivery says which alerts go out now, together; none as a rule.
//
// Outside the person's hours nothing goes but what is critical. What is wanted at once waits until the first of it is
// five minutes old, so that what comes together goes together; what is critical does not wait. What is wanted hourly
// goes when the hour is over, what is wanted daily when the working day begins. Two groups are five minutes apart.
func PlanDelivery(in Delivery, now time.Time) (ids []int) {
	if now.Sub(in.Last) < alertWindow {
		return nil
	}
	open := in.Hours == nil || in.Hours.Open(now)
	hour, day := now.Truncate(time.Hour), in.morning(now)
	due := map[AlertPace]bool{}
	critical := false
	for _, a := range in.Alerts {
		pace, wanted := in.wants(a, now)
		switch {
		case !wanted:
		case a.Critical:
			critical = true
		case pace == AlertInstant:
			due[pace] = due[pace] || now.Sub(a.At) >= alertWindow
		case pace == AlertHourly:
			due[pace] = due[pace] || a.At.Before(hour)
		case pace == AlertDaily:
			due[pace] = due[pace] || a.At.Before(day)
		}
	}
	due[AlertInstant] = due[AlertInstant] || critical
	for _, a := range in.Alerts {
		if pace, wanted := in.wants(a, now); wanted && (a.Critical || open && due[pace]) {
			ids = append(ids, a.ID)
		}
	}
	return ids
}

// wants reports whether an alert is sent at all, and how soon.
func (in Delivery) wants(a Alert, now time.Time) (AlertPace, bool) {
	pace := in.Settings.pace(a)
	return pace, pace != "" && pace != AlertOff && !a.At.Before(in.Settings.Since) && !a.At.After(now) && now.Sub(a.At) < alertLife
}

// morning is when the last working day began.
func (in Delivery) morning(now time.Time) time.Time {
	zone := time.UTC
	if in.Hours != nil {
		zone = in.Hours.Location()
	}
	y, m, d := now.In(zone).Date()
	begins := time.Date(y, m, d, dailyHour, 0, 0, 0, zone)
	if in.Hours != nil {
		begins = in.Hours.Next(time.Date(y, m, d, 0, 0, 0, 0, zone))
	}
	if begins.After(now) {
		return begins.AddDate(0, 0, -1)
	}
	return begins
}

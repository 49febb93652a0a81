package extract

// class is what a word may be in a date.
type class uint8

const (
	none class = iota
	month
	weekday
	unit
	numeral
	relative  // today, tomorrow: n is in days.
	which     // this, next, last: n is 0, 1 or -1; 2 for the one after the next.
	zone      // n is the index in zones.
	noon      // A time of day that has a name: n is the hour.
	dayPart   // morning, evening: n is the hour it begins at.
	ordinal   // first, second of quarters.
	endOfDay  // One word for the end of a business day.
	endOf     // One word for the end of a longer period: n is the unit.
	direction // by, before, after: n is the index in directions.
	dayOfPart // Freitagnachmittag: n is the weekday and, times 32, the hour.
)

// lexeme is the meaning of a word. A weak one means something else as often
// and counts only with other signs around it.
type lexeme struct {
	class class
	n     int
	weak  bool
}

// Units by the length of what they count, as n of a lexeme.
const (
	unitMinute = iota
	unitHour
	unitDay
	unitBusinessDay
	unitWeek
	unitMonth
	unitQuarter
	unitYear
	unitWeekend
	unitFortnight
)

// lexicon has the folded words that dates are made of.
var lexicon = buildLexicon()

func buildLexicon() map[string]lexeme {
	all := map[string]lexeme{}
	add := func(c class, n int, weak bool, words ...string) {
		for _, w := range words {
			all[w] = lexeme{c, n, weak}
		}
	}
	for i, words := range [][]string{
		{"january", "januar", "jänner"}, {"february", "februar", "feber", "feb"}, {"märz", "maerz"}, {"april", "apr"}, {"mai"}, {"june", "juni"},
		{"july", "juli", "jul"}, {"august", "aug"}, {"september", "sept", "sep"}, {"october", "oktober", "oct", "okt"}, {"november", "nov"}, {"december", "dezember", "dez"},
	} {
		add(month, i+1, false, words...)
	}
	for word, n := range map[string]int{"jan": 1, "march": 3, "mar": 3, "mär": 3, "may": 5, "jun": 6, "dec": 12} {
		add(month, n, true, word)
	}
	for i, words := range [][]string{
		{"sunday", "sonntag", "sundays"}, {"monday", "montag"}, {"tuesday", "dienstag"}, {"wednesday", "mittwoch"}, {"thursday", "donnerstag"}, {"friday", "freitag"}, {"saturday", "samstag", "sonnabend"},
	} {
		add(weekday, i, false, words...)
	}
	for word, n := range map[string]int{
		"sun": 0, "mon": 1, "tue": 2, "tues": 2, "wed": 3, "weds": 3, "thu": 4, "thur": 4, "thurs": 4, "fri": 5, "sat": 6,
		"so": 0, "mo": 1, "di": 2, "mi": 3, "do": 4, "fr": 5, "sa": 6,
	} {
		add(weekday, n, true, word)
	}
	add(unit, unitMinute, false, "minute", "minutes", "min", "mins", "minuten")
	add(unit, unitHour, false, "hour", "hours", "hr", "hrs", "stunde", "stunden")
	add(unit, unitDay, false, "day", "days", "tag", "tage", "tagen", "tages")
	add(unit, unitBusinessDay, false, "werktag", "werktage", "werktagen", "arbeitstag", "arbeitstage", "arbeitstagen", "bankarbeitstage", "bankarbeitstagen")
	add(unit, unitWeek, false, "week", "weeks", "woche", "wochen", "wk", "wks")
	add(unit, unitFortnight, false, "fortnight", "fortnights")
	add(unit, unitMonth, false, "month", "months", "monat", "monate", "monaten", "monats")
	add(unit, unitQuarter, false, "quarter", "quarters", "quartal", "quartals", "quartale")
	add(unit, unitYear, false, "year", "years", "jahr", "jahre", "jahren", "jahres")
	add(unit, unitWeekend, false, "weekend", "wochenende")
	for n, words := range [][]string{
		1: {"one", "a", "an", "ein", "eine", "einen", "einem", "einer", "eines"}, 2: {"two", "zwei", "couple"}, 3: {"three", "drei"}, 4: {"four", "vier"}, 5: {"five", "fünf"}, 6: {"six", "sechs"},
		7: {"seven", "sieben"}, 8: {"eight", "acht"}, 9: {"nine", "neun"}, 10: {"ten", "zehn"}, 11: {"eleven", "elf"}, 12: {"twelve", "zwölf"}, 14: {"fourteen", "vierzehn"}, 15: {"fifteen"}, 20: {"twenty", "zwanzig"}, 24: {"twentyfour"}, 30: {"thirty", "dreißig"}, 48: {"fortyeight"},
	} {
		add(numeral, n, n == 1, words...)
	}
	add(relative, 0, false, "today", "tonight", "heute")
	add(relative, 1, false, "tomorrow", "tomorow", "tommorow", "tommorrow", "tmrw", "morgen")
	add(relative, 2, false, "übermorgen", "uebermorgen")
	add(relative, -1, false, "yesterday", "gestern")
	add(relative, -2, false, "vorgestern")
	add(which, 0, false, "this", "current", "diese", "diesen", "diesem", "dieser", "dieses", "laufenden")
	add(which, 1, false, "next", "coming", "upcoming", "nächste", "nächsten", "nächster", "nächstes", "nächstem", "naechste", "naechsten", "kommende", "kommenden", "kommender", "kommendes", "kommendem")
	add(which, 2, false, "übernächste", "übernächsten", "übernächster", "übernächstes")
	add(which, -1, false, "last", "previous", "past", "letzte", "letzten", "letzter", "letztes", "vergangene", "vergangenen", "vorige", "vorigen")
	for i, z := range zones {
		add(zone, i, z.weak, z.words...)
	}
	add(noon, 12, false, "noon", "midday", "mittags")
	add(noon, 12, true, "mittag")
	add(noon, 24, false, "midnight", "mitternacht")
	add(dayPart, 6, false, "morning", "vormittag", "früh")
	add(dayPart, 12, false, "afternoon", "nachmittag")
	add(dayPart, 18, false, "evening", "night", "abend")
	for word, n := range map[string]int{"first": 1, "second": 2, "third": 3, "fourth": 4, "ersten": 1, "zweiten": 2, "dritten": 3, "vierten": 4, "erstes": 1, "zweites": 2, "drittes": 3, "viertes": 4} {
		add(ordinal, n, false, word)
	}
	add(endOfDay, 0, false, "eod", "cob", "eob", "feierabend", "tagesende", "geschäftsschluss", "dienstschluss", "büroschluss")
	add(endOf, unitWeek, false, "eow")
	add(endOf, unitMonth, false, "eom", "monatsende")
	add(endOf, unitQuarter, false, "eoq", "quartalsende")
	add(endOf, unitYear, false, "eoy", "jahresende")
	for i, day := range []string{"sonntag", "montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag"} {
		for part, hour := range map[string]int{"morgen": 6, "früh": 6, "vormittag": 6, "mittag": 12, "nachmittag": 12, "abend": 18} {
			add(dayOfPart, 32*hour+i, false, day+part)
		}
	}
	for i, d := range directions {
		add(direction, i, false, d.words...)
	}
	return all
}

// directions are the words before a date that say on which side of it something is.
var directions = []struct {
	words     []string
	direction Direction
}{
	{[]string{"by", "until", "till", "til", "bis", "spätestens", "due"}, By},
	{[]string{"before", "vor"}, Before},
	{[]string{"after", "since", "nach", "ab", "seit"}, After},
}

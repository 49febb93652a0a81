package casework

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Told is something that the customer has told us already, as far as rules can tell, with where.
type Told struct {
	What    string    `json:"what"`            // "Version", "A fact", "Their answer".
	Text    string    `json:"text"`            // In one line: "firmware 4.2".
	Asked   string    `json:"asked,omitempty"` // What we asked then, of an answer.
	At      time.Time `json:"at"`
	Sources []Source  `json:"sources"`
	Score   float64   `json:"score"` // How alike it is to what is asked, from 0 to 1.

	Status ExtractStatus `json:"status,omitempty"` // Of a detail.
}

// ToldInput is what is known before somebody asks.
type ToldInput struct {
	Question string
	Cases    []Case // What is stated about them is known.
	Said     []Said // Mail of the case and of its account, oldest first.
	Found    []Found
}

// maxTold is how much is told at most.
const maxTold = 6

// AlreadyTold finds what the customer has told us of a question that somebody is about to ask: details and facts that
// are known, and what a person of the customer answered when a person of ours asked something alike. It is a pure
// function of its input; the nearest comes first.
func AlreadyTold(in ToldInput) []Told {
	var told []Told
	for _, q := range questionsIn(in.Question, true) {
		told = append(told, in.details(q)...)
		told = append(told, in.facts(q)...)
		told = append(told, in.answers(q)...)
	}
	slices.SortStableFunc(told, func(a, b Told) int { return cmp.Or(cmp.Compare(b.Score, a.Score), b.At.Compare(a.At)) })
	seen := map[string]bool{}
	told = slices.DeleteFunc(told, func(t Told) bool {
		k := t.What + "\x00" + strings.ToLower(t.Text)
		had := seen[k]
		seen[k] = true
		return had
	})
	return told[:min(len(told), maxTold)]
}

// asking is what a question asks for.
type asking string

// What questions ask for.
const (
	forThing  asking = "thing"
	forTime   asking = "time"
	forPlace  asking = "place"
	forPerson asking = "person"
	forCount  asking = "count"
	forReason asking = "reason"
	forManner asking = "manner"
	forYes    asking = "yes or no"
)

// asked is a question, or a request for something, with what it is about.
type asked struct {
	text   string
	sought asking
	terms  map[string]bool // Stems of its content words; those of topics in a common form.
}

// topics are words in English and German that mean one thing which is asked for again and again. Compounds are taken by
// their ending: "Seriennummer", "Firmwarestand".
var topics = map[string][]string{
	"*version":  {"version", "firmware", "release", "build", "softwarestand", "firmwarestand", "versionsnummer", "softwareversion", "firmwareversion"},
	"*serial":   {"serial", "serials", "seriennummer", "seriennummern", "s/n", "sn"},
	"*order":    {"order", "po", "bestellung", "bestellnummer", "auftrag", "auftragsnummer", "purchase"},
	"*invoice":  {"invoice", "rechnung", "rechnungsnummer"},
	"*contract": {"contract", "vertrag", "vertragsnummer"},
	"*ticket":   {"ticket", "vorgang", "vorgangsnummer", "ticketnummer"},
	"*customer": {"kundennummer"},
	"*site":     {"site", "location", "standort", "address", "adresse", "anschrift", "plant", "werk", "building"},
	"*phone":    {"phone", "telephone", "telefon", "telefonnummer", "rufnummer", "durchwahl", "mobile", "handynummer", "cell"},
	"*error":    {"error", "fehler", "fehlercode", "fehlermeldung", "fault"},
	"*contact":  {"contact", "ansprechpartner", "ansprechpartnerin", "kontakt"},
	"*amount":   {"amount", "betrag", "price", "preis", "summe", "budget"},
	"*os":       {"os", "betriebssystem", "operating"},
	"*gateway":  {"gateways"},
	"*install":  {"install", "installiert", "installed", "verbaut", "deployed"},
	"*affect":   {"affected", "betroffen", "concerned"},
	"*offline":  {"offline", "down", "ausgefallen", "unreachable"},
	"*deliver":  {"delivery", "deliver", "lieferung", "liefertermin", "shipped", "shipment"},
	"*restart":  {"restart", "restarted", "reboot", "rebooted", "neustart", "neugestartet"},
	"*window":   {"wartungsfenster", "window"},
	"*number":   {"number", "nummer", "numbers", "nummern", "no", "nr"},
}

// detailTopics are the topics that built-in extracts know of, and the word beside a value that says so.
var detailTopics = map[string]struct{ extract, name string }{
	"*version": {"version", ""}, "*serial": {"serial", ""}, "*phone": {"phone", ""}, "*error": {"error", ""}, "*amount": {"amount", ""},
	"*order": {"reference", "order"}, "*invoice": {"reference", "invoice"}, "*contract": {"reference", "contract"}, "*ticket": {"reference", "ticket"}, "*customer": {"reference", "customer"},
}

var byTopic = topicWords()

func topicWords() map[string]string {
	all := map[string]string{}
	for topic, words := range topics {
		for _, w := range words {
			all[stem(folded(w))] = topic
		}
	}
	return all
}

// stopWords say nothing of what a question is about.
var stopWords = wordSet(`a an the this that these those some any each all both of in on at by for from to with without into about as is are was were be been being am do does did done
have has had having will would shall should can could may might must and or but if so than then there here it its they them their we us our you your yours i me my he she his her
what which who whom whose when where why how many much long please kindly tell let know send give name provide confirm share say said again just also still yet already exactly currently now today
not no yes more most other another one ones thing anything something use using used get got need want like see look make take run runs running be able possible sure quick quickly hi hello dear thanks thank regards best
der die das den dem des ein eine einen einem einer eines und oder aber wenn als wie was wer wen wem wann wo warum weshalb wieso welche welcher welches welchen welchem wieviel wieviele viele
ist sind war waren sein bin bist seid hat haben hatte habe hast wird werden wurde würde würden kann können könnten könnte soll sollen muss müssen darf dürfen mag möchten
ich du er sie es wir ihr uns euch ihnen ihm ihn mich mir dich dir unser unsere ihre ihren ihrem ihrer euer eure mein meine
bitte mal noch schon denn auch nur nicht kein keine nein ja doch hier dort da im in an am auf aus bei mit nach von vom vor zu zum zur über unter für um durch gegen ohne
sagen sag nennen nenn mitteilen schicken schick senden geben gib teilen wissen weiß bestätigen aktuell aktuelle aktuellen derzeit genau gerade jetzt heute einmal nochmal nochmals hallo danke dank gruß grüße
does there's it's what's i'd we'd you're we're etc per via`)

func wordSet(words string) map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(words) {
		all[folded(w)] = true
	}
	return all
}

var umlauts = strings.NewReplacer("ä", "a", "ö", "o", "ü", "u", "ß", "ss", "’", "'")

// folded is a word in lower case without the dots of German letters, which are left out often.
func folded(w string) string { return umlauts.Replace(strings.ToLower(w)) }

// endings are those of words in English and German, the longest first; what is left has four letters or more.
var endings = []string{"ungen", "ings", "ung", "ing", "ern", "est", "'s", "ed", "es", "en", "er", "em", "e", "n", "s"}

// stem takes the ending of a word away.
func stem(w string) string {
	for _, e := range endings {
		if strings.HasSuffix(w, e) && utf8.RuneCountInString(w)-len(e) >= 4 {
			return strings.TrimSuffix(w, e)
		}
	}
	return w
}

// wordsOf are the words of a text, folded.
func wordsOf(text string) []string {
	words := strings.FieldsFunc(folded(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\'' && r != '/' && r != '.'
	})
	for i, w := range words {
		words[i] = strings.Trim(w, "'/.") // "4.2" is one word.
	}
	return slices.DeleteFunc(words, func(w string) bool { return w == "" })
}

// termsOf are the content words of a text in a form that compares.
func termsOf(text string) map[string]bool {
	terms := map[string]bool{}
	for _, w := range wordsOf(text) {
		if stopWords[w] {
			continue
		}
		s := stem(w)
		if topic := byTopic[s]; topic != "" {
			s = topic
		}
		terms[s] = true
	}
	if len(terms) > 1 {
		delete(terms, "*number") // "Order number" is about the order.
	}
	return terms
}

// weigh says how much a term tells: what is asked for again and again tells most.
func weigh(term string) float64 {
	if detailTopics[term].extract != "" || term == "*site" || term == "*contact" || term == "*os" {
		return 2
	}
	return 1
}

// alike is how much two sets of terms have in common, from 0 to 1.
func alike(a, b map[string]bool) float64 {
	var common, all float64
	for t := range a {
		all += weigh(t)
		if b[t] {
			common += 2 * weigh(t)
		}
	}
	for t := range b {
		all += weigh(t)
	}
	if all == 0 {
		return 0
	}
	return common / all
}

// sentencesOf cuts a text into sentences: at their ends, and at the ends of lines.
func sentencesOf(text string) (all []string) {
	start := 0
	add := func(end int) {
		if s := strings.Join(strings.Fields(text[start:end]), " "); s != "" {
			all = append(all, s)
		}
		start = end
	}
	for i, r := range text {
		next := i + utf8.RuneLen(r)
		switch {
		case r == '\n' && (next >= len(text) || text[next] == '\n' || text[next] == '-' || text[next] == '*' || unicode.IsDigit(rune(text[next]))):
			add(i)
		case (r == '?' || r == '!' || r == '.') && (next >= len(text) || text[next] == ' ' || text[next] == '\n') && !abbreviated(text[start:i]):
			add(next)
		}
	}
	add(len(text))
	return all
}

// abbreviated reports whether a full stop behind a text is one of an abbreviation, or of a number in a list or a date.
func abbreviated(before string) bool {
	w := before[strings.LastIndexAny(before, " \n(")+1:]
	return slices.Contains([]string{"z.B", "e.g", "i.e", "bzw", "Nr", "no", "No", "ca", "Dr", "Mr", "Mrs", "approx"}, w) || len(w) > 0 && len(w) <= 2 && strings.Trim(w, "0123456789") == ""
}

// Words with which requests begin or in which they are made, and those that tell what is asked for.
var (
	requestWords = []string{"please ", "bitte ", "let us know", "let me know", "tell us", "tell me", "send us", "send me", "we need the", "wir brauchen", "wir benotigen", "teilen sie uns", "nennen sie", "schicken sie", "geben sie uns", "could you ", "can you ", "would you ", "konnen sie ", "konnten sie ", "wurden sie ", "do you know ", "wissen sie "}
	askingWords  = []struct {
		sought asking
		words  []string
	}{
		{forCount, []string{"how many", "how much", "number of", "wie viele", "wieviele", "wie viel", "anzahl"}},
		{forTime, []string{"when ", "when?", "since when", "what time", "which day", "what date", "which date", "how long", "wann ", "wann?", "seit wann", "ab wann", "welchem tag", "welchen tag", "welches datum", "wie lange", "uhrzeit"}},
		{forReason, []string{"why ", "what caused", "reason", "warum ", "weshalb ", "wieso ", "grund", "ursache", "cause"}},
		{forPerson, []string{"who ", "who's", "whom ", "whose ", "which person", "wer ", "wen ", "wem ", "contact person", "ansprechpartner"}},
		{forPlace, []string{"where ", "where?", "which site", "what site", "which location", "which plant", "which building", "wo ", "welchem standort", "welchen standort", "welcher standort", "welchen standorten", "standort", "address", "adresse", "anschrift", "location"}},
		{forThing, []string{"what ", "which ", "welche", "was ", "wie lautet", "wie lauten", "wie ist ihre", "what's"}},
		{forManner, []string{"how ", "wie "}},
	}
)

// questionsIn finds the questions and requests of a text. Of a draft that has none the whole is one.
func questionsIn(text string, draft bool) (all []asked) {
	for _, s := range sentencesOf(text) {
		low := " " + folded(s) + " "
		request := slices.ContainsFunc(requestWords, func(w string) bool { return strings.Contains(low, " "+w) })
		if !strings.HasSuffix(s, "?") && !request {
			continue
		}
		q := asked{s, forYes, termsOf(s)}
		if request {
			q.sought = forThing
		}
		for _, a := range askingWords {
			if slices.ContainsFunc(a.words, func(w string) bool { return strings.Contains(low, " "+w) }) {
				q.sought = a.sought
				break
			}
		}
		if len(q.terms) > 0 {
			all = append(all, q)
		}
	}
	if len(all) == 0 && draft {
		if terms := termsOf(text); len(terms) > 0 {
			all = append(all, asked{clipped(text), forThing, terms})
		}
	}
	return all
}

// details finds values that are known of what is asked for.
func (in *ToldInput) details(q asked) (told []Told) {
	if q.sought == forReason || q.sought == forManner || q.sought == forYes || q.sought == forPerson || q.sought == forPlace || q.sought == forCount {
		return nil
	}
	at := map[string]*Said{}
	for i := range in.Said {
		at[in.Said[i].Record.String()] = &in.Said[i]
	}
	for i := range in.Found {
		f := &in.Found[i]
		if m := at[f.Record.String()]; m == nil || !m.Inbound || !m.Human || f.Status == ExtractRejected || f.Value == "" {
			continue
		}
		if (f.Kind == DateExtract) != (q.sought == forTime) || !q.asksFor(f) {
			continue
		}
		score := .8
		if f.Status != ExtractPending {
			score = 1
		}
		text := f.Value
		if f.Name != "" && !strings.EqualFold(f.Name, f.Label) {
			text = f.Name + " " + text
		}
		told = append(told, Told{What: f.Label, Text: text, At: f.Said, Sources: []Source{{Record: &f.Record, At: f.Said}}, Score: score, Status: f.Status})
	}
	return told
}

// asksFor reports whether a question is about what an extract finds: by its topic, or by the words of its label.
func (q *asked) asksFor(f *Found) bool {
	if topic, built := strings.CutPrefix(f.Extract, builtIn); built {
		for t := range q.terms {
			if d := detailTopics[t]; d.extract == topic && (d.name == "" || termsOf(f.Name)[t]) {
				return true
			}
		}
		return false
	}
	label := termsOf(f.Label)
	for t := range label {
		if !q.terms[t] {
			return false
		}
	}
	return len(label) > 0
}

// The least likeness that counts.
const (
	alikeQuestion = .5
	alikeFact     = .5
)

// facts finds what was accepted as a fact about what is asked for.
func (in *ToldInput) facts(q asked) (told []Told) {
	for i := range in.Cases {
		c := &in.Cases[i]
		for _, f := range c.Facts {
			terms := termsOf(f.Text)
			var common, all float64
			for t := range q.terms {
				all += weigh(t)
				if terms[t] {
					common += weigh(t)
				}
			}
			if f.Status != FactAccepted || common/all < alikeFact || !q.answeredBy(f.Text) {
				continue
			}
			told = append(told, Told{What: "A fact", Text: f.Text, At: f.At, Sources: c.cited(f.Cites, "fact-"+itoa(f.ID)), Score: .9 * common / all})
		}
	}
	return told
}

// answers finds what people of the customer answered when people of ours asked something alike.
func (in *ToldInput) answers(q asked) (told []Told) {
	for i := range in.Said {
		ours := &in.Said[i]
		if !ours.Outbound || !ours.Human {
			continue
		}
		before := questionsIn(ours.written(), false)
		for _, b := range before {
			score := alike(q.terms, b.terms)
			if score < alikeQuestion || q.sought != b.sought {
				continue
			}
			if reply, words := in.reply(i, b, len(before)); reply != nil {
				told = append(told, Told{What: "Their answer", Text: words, Asked: b.text, At: reply.At, Sources: []Source{{Record: &reply.Record, At: reply.At}}, Score: score})
			}
		}
	}
	return told
}

// written is what the author of a message wrote.
func (m *Said) written() string {
	var b strings.Builder
	for _, p := range m.Pieces {
		if p.Where == InText {
			for _, span := range p.Spans {
				b.WriteString(p.Text[span[0]:span[1]] + "\n")
			}
		}
	}
	return b.String()
}

// reply finds what a person of the customer wrote next in a conversation, and the sentence in which a question of ours is
// answered; nil where it is not. Where only one thing was asked, whatever is no excuse is an answer.
func (in *ToldInput) reply(at int, q asked, questions int) (*Said, string) {
	for i := at + 1; i < len(in.Said); i++ {
		m := &in.Said[i]
		if !m.Inbound || !m.Human || m.Thread != in.Said[at].Thread {
			continue
		}
		best, most := "", 0.0
		for _, s := range sentencesOf(m.written()) {
			if excuse(s) || strings.HasSuffix(s, "?") || len(termsOf(s)) == 0 && !strings.ContainsFunc(s, unicode.IsDigit) && len(wordsOf(s)) < 2 {
				continue
			}
			if greeting(s) {
				continue
			}
			score := alike(q.terms, termsOf(s))
			if q.answeredBy(s) {
				score += .5
			} else if questions > 1 {
				continue
			}
			if questions == 1 {
				score += .1
			}
			if score > most {
				best, most = s, score
			}
		}
		if most > 0 {
			return m, clipped(best)
		}
		return nil, ""
	}
	return nil, ""
}

// answeredBy reports whether words have the form of an answer to what is asked for.
func (q *asked) answeredBy(words string) bool {
	digits := strings.ContainsFunc(words, unicode.IsDigit)
	has := func(list ...string) bool {
		low := " " + strings.Join(wordsOf(words), " ") + " "
		return slices.ContainsFunc(list, func(w string) bool { return strings.Contains(low, " "+w+" ") })
	}
	switch q.sought {
	case forTime:
		return digits || has("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "yesterday", "today", "tomorrow", "week", "weeks", "month", "months", "hour", "hours", "minutes", "morning", "night", "since", "montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag", "gestern", "heute", "morgen", "woche", "wochen", "monat", "monaten", "stunden", "minuten", "seit")
	case forCount:
		return digits || has("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "dozen", "none", "zwei", "drei", "vier", "funf", "sechs", "sieben", "acht", "neun", "zehn", "keine")
	case forPerson, forPlace:
		return capitals(words) > 0
	}
	for t := range q.terms {
		if detailTopics[t].extract != "" && t != "*error" {
			return digits
		}
	}
	return alike(q.terms, termsOf(words)) > 0
}

// capitals counts the names in words: those that begin with a capital and are not the first one.
func capitals(words string) (n int) {
	for i, w := range strings.Fields(words) {
		r, _ := utf8.DecodeRuneInString(w)
		if i > 0 && unicode.IsUpper(r) && w != "I" || i == 0 && unicode.IsUpper(r) && !stopWords[folded(strings.Trim(w, ",.:"))] {
			n++
		}
	}
	return n
}

// excuses are what people write who do not know, or not yet.
var excuses = []string{"will check", "ll check", "let me check", "need to check", "have to check", "will ask", "ll ask", "have to ask", "need to ask", "get back to you", "come back to you", "let you know", "don't know", "do not know", "dont know", "not sure", "no idea", "cannot say", "can't say", "find out", "will send", "ll send", "look into", "will look", "ll look",
	"weiss nicht", "weiss ich nicht", "weiss es nicht", "wissen wir nicht", "nicht sicher", "melde mich", "melden uns", "melden wir uns", "prufe das", "prufen das", "klare das", "klaren das", "muss nachsehen", "muss ich nachsehen", "muss erst", "mussen erst", "nachfragen", "frage nach", "reiche ich nach", "reichen wir nach", "keine ahnung", "schaue nach", "sehe nach", "gebe bescheid", "geben bescheid"}

// excuse reports whether a sentence says that it answers nothing.
func excuse(s string) bool {
	low := strings.Join(wordsOf(s), " ")
	return slices.ContainsFunc(excuses, func(e string) bool { return strings.Contains(low, e) })
}

// greeting reports whether a sentence only greets, thanks or closes.
func greeting(s string) bool {
	words := wordsOf(s)
	if len(words) == 0 {
		return true
	}
	first := strings.Contains(" hi hello dear hallo thanks thank danke vielen guten liebe lieber sehr regards best kind cheers viele freundliche mit beste good ", " "+words[0]+" ")
	return first && len(words) <= 6 && !strings.ContainsFunc(s, unicode.IsDigit)
}

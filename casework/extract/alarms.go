package extract

import (
	"math"
	"strings"
)

// Alarm is wording that tells of trouble.
type Alarm struct {
	Kind   AlarmKind `json:"kind"`
	Weight int       `json:"weight"` // 1 (urgency) to 3 (they leave, or their lawyer writes).
}

// AlarmKind says what the wording is about.
type AlarmKind string

// The kinds of alarm.
const (
	Urgent     AlarmKind = "urgency"    // "immediately", "production is down"
	Escalating AlarmKind = "escalation" // "unacceptable", "for the third time", "I will escalate this"
	Leaving    AlarmKind = "leaving"    // "cancel the contract", "another supplier", "refund"
	Legal      AlarmKind = "legal"      // "our lawyer", "breach of contract"
	Notice     AlarmKind = "notice"     // a formal notice: of termination, of default, a request about personal data
	Gone       AlarmKind = "left"       // "no longer with the company"
)

// alarms are phrases by kind and weight, in lower case. A star at the end of a word stands for any ending; "…" between
// two words for up to three others. They are our own, written after what customers write when things go wrong.
var alarms = []struct {
	kind    AlarmKind
	weight  int
	phrases string
}{
	{Urgent, 1, "urgent*|immediately|asap|as soon as possible|right away|without delay|production is down|production … stopped|line … down|outage|stands still|at a standstill|cannot work|can't work|showstopper|critical|dringend*|sofort*|umgehend*|unverzüglich*|so schnell wie möglich|steht still|stillstand|produktionsausfall|eilt"},
	{Escalating, 2, "escalat*|unacceptable|not acceptable|inacceptable|for the second time|second time|third time|fourth time|yet again|once again|still no answer|still no reply|still no response|still waiting|no response|have not heard|haven't heard|nobody … answer*|missed … deadline|missed … commitment|broken promise*|lost patience|losing patience|running out of patience|fed up|very disappointed|extremely disappointed|deeply disappointed|disgrace*|ridiculous|joke|your manager|your management|your ceo|our management|our board|steering committee|one more slip|if this slips|last chance|final warning|nicht akzeptabel|inakzeptabel|nicht hinnehmbar|zum zweiten mal|zum dritten mal|schon wieder|immer noch keine|noch immer keine|keine antwort|keine rückmeldung|eskalier*|eskalation*|geschäftsleitung|enttäuscht|unzumutbar|letzte frist|geduld … ende"},
	{Leaving, 3, "cancel … order|cancel … contract|cancel … subscription|we will cancel|we cancel|cancellation of|terminate … contract|terminate … agreement|end … contract|not renew|won't renew|will not renew|another supplier|other supplier*|another vendor|other vendors|competitor*|alternative supplier*|switch to|looking elsewhere|refund|money back|chargeback|withhold … payment|stop … payment*|kündig*|vertrag … beenden|anderen lieferanten|anderen anbieter|wettbewerber*|rückerstatt*|geld zurück|storn*|nicht verlängern"},
	{Legal, 3, "lawyer*|attorney*|legal action|legal department|legal counsel|legal team|our counsel|solicitor*|breach of|damages|penalt*|liquidated damages|sue|lawsuit|court|regulator*|rechtsanwalt*|rechtsabteilung|anwalt|anwälte|vertragsstrafe|vertragsbruch|schadensersatz*|schadenersatz*|klage|gericht|rechtliche schritte"},
	{Notice, 3, "formal notice|hereby give notice|notice of termination|notice of default|notice of breach|hereby terminate|data subject|right of access|subject access request|erasure request|delete my personal data|article 15|article 17|art. 15|art. 17|gdpr request|hiermit kündigen|kündigung des vertrags|förmlich*|mahnung|inverzugsetzung|auskunft nach art*|löschung meiner daten|dsgvo"},
	{Gone, 2, "no longer with the company|no longer works|no longer working at|no longer employed|has left the company|left the company|have left the company|leaving the company|my last day|nicht mehr im unternehmen|nicht mehr für … tätig|das unternehmen verlassen|hat … verlassen|letzter arbeitstag"},
}

// alarmRow is a phrase in words.
type alarmRow struct {
	Alarm
	name  string
	words []string
}

// alarmTable are the phrases by their first word, as far as that is before a star.
var alarmTable, alarmStems = buildAlarms()

func buildAlarms() (map[string][]alarmRow, []alarmRow) {
	whole, stems := map[string][]alarmRow{}, []alarmRow(nil)
	for _, a := range alarms {
		for phrase := range strings.SplitSeq(a.phrases, "|") {
			row := alarmRow{Alarm{a.kind, a.weight}, phrase, strings.Fields(phrase)}
			if strings.HasSuffix(row.words[0], "*") {
				stems = append(stems, row)
			} else {
				first := strings.TrimSuffix(row.words[0], ".")
				whole[first] = append(whole[first], row)
			}
		}
	}
	return whole, stems
}

// Alarms finds wording within spans that tells of trouble, in order and apart; of several at a place the
// heaviest. Rule is the phrase. What is denied right before it ("not urgent") is none.
func Alarms(text string, within []Span) (found []Found[Alarm]) {
	eachBlock(text, within, func(all []token) {
		tokens := wordsOf(all)
		for i := 0; i < len(tokens); i++ {
			best, end := alarmRow{}, -1
			try := func(rows []alarmRow) {
				for _, r := range rows {
					if e := r.match(tokens, i); e > 0 && (end < 0 || r.Weight > best.Weight || r.Weight == best.Weight && e > end) {
						best, end = r, e
					}
				}
			}
			try(alarmTable[tokens[i].text])
			try(alarmStems)
			if end < 0 || denied(tokens, i) {
				continue
			}
			s := Span{tokens[i].start, tokens[end-1].end}
			found = append(found, Found[Alarm]{s, text[s.Start:s.End], best.name, 1, best.Alarm})
			i = end - 1
		}
	})
	return found
}

// wordsOf are the words and numbers; the ends of sentences and their parts stay, as marks that no phrase has.
func wordsOf(all []token) (tokens []token) {
	for _, t := range all {
		if t.shape == word || t.shape == number || t.shape == mark && (t.text == "." || t.text == "?" || t.text == "!" || t.text == ";" || t.text == ",") {
			tokens = append(tokens, t)
		}
	}
	return tokens
}

// match returns behind which token a phrase ends that begins at one; 0 when it does not.
func (r alarmRow) match(tokens []token, i int) int {
	at := i
	for n := 0; n < len(r.words); n++ {
		w := r.words[n]
		if w == "…" {
			n++
			start, next := at, at
			for ; next < len(tokens) && next <= start+3 && !like(tokens[next], r.words[n]); next++ {
				if tokens[next].shape == mark {
					return 0
				}
			}
			if at, w = next, r.words[n]; next == start+4 {
				return 0
			}
		}
		if at < len(tokens) && tokens[at].shape == mark && tokens[at].text == "." && n > 0 && strings.HasSuffix(r.words[n-1], ".") {
			at++ // The dot of "art." is a mark of its own.
		}
		if at >= len(tokens) || !like(tokens[at], w) {
			return 0
		}
		at++
	}
	return at
}

func like(t token, w string) bool {
	if stem, open := strings.CutSuffix(w, "*"); open {
		return t.shape == word && strings.HasPrefix(t.text, stem)
	}
	return t.text == strings.TrimSuffix(w, ".")
}

// softens turns what follows into its opposite.
var softens = set("not", "no", "never", "without", "nicht", "kein", "keine", "keinen", "nie", "ohne", "isn't", "aren't", "wasn't")

func denied(tokens []token, i int) bool {
	for back := 1; back <= 2 && i-back >= 0; back++ {
		if t := tokens[i-back]; t.shape == mark {
			return false
		} else if softens[t.text] {
			return true
		}
	}
	return false
}

// tones are words with how they sound, from -3 to 3. They are our own.
var tones = buildTones(map[int]string{
	3:  "excellent fantastic great wonderful perfect perfectly amazing hervorragend perfekt ausgezeichnet großartig begeistert",
	2:  "thanks thank good happy pleased glad appreciate helpful resolved solved fixed works working delighted danke dankbar gut freue froh zufrieden gelöst behoben hilfreich super",
	1:  "fine ok okay kind kindly better welcome understand agreed gern gerne besser verstanden einverstanden",
	-1: "late delay delayed delays slow problem problems issue issues concern concerned unfortunately missing wrong fail fails unclear verspätet verzögerung problem probleme leider fehlt falsch unklar besorgt",
	-2: "bad broken failed failure disappointed disappointing frustrated frustrating annoyed annoying unhappy complaint worse cancel stopped lost missed down schlecht kaputt enttäuscht enttäuschend verärgert ärgerlich unzufrieden beschwerde schlimmer ausfall verpasst",
	-3: "unacceptable angry furious terrible horrible worst useless disgrace disaster ridiculous outrageous lawyer inakzeptabel wütend katastrophe katastrophal furchtbar unverschämt nutzlos",
})

func buildTones(by map[int]string) map[string]int {
	all := map[string]int{}
	for n, words := range by {
		for w := range strings.FieldsSeq(words) {
			all[w] = n
		}
	}
	return all
}

// Tone is how the words within spans sound, from -1 to 1; 0 is neither, or says nothing. The sum of their values is
// normed as VADER does (Hutto and Gilbert, ICWSM 2014): x / √(x² + 15).
func Tone(text string, within []Span) float64 {
	sum := 0
	eachBlock(text, within, func(all []token) {
		tokens := wordsOf(all)
		for i, t := range tokens {
			if n := tones[t.text]; denied(tokens, i) {
				sum -= n
			} else {
				sum += n
			}
		}
	})
	x := float64(sum)
	return x / math.Sqrt(x*x+15)
}

// Executive reports whether a title is of those who decide: C-level, heads, directors, lawyers.
func Executive(title string) bool {
	for w := range strings.FieldsSeq(fold(title)) {
		if executives[strings.Trim(w, ".,()-&/")] {
			return true
		}
	}
	return false
}

var executives = set("ceo", "cto", "cfo", "coo", "cio", "ciso", "cmo", "chief", "president", "vp", "evp", "svp", "director", "head", "founder", "chairman", "chairwoman", "owner", "partner", "counsel", "attorney", "lawyer",
	"geschäftsführer", "geschäftsführerin", "vorstand", "vorständin", "bereichsleiter", "bereichsleiterin", "inhaber", "inhaberin", "rechtsanwalt", "rechtsanwältin", "prokurist", "prokuristin", "direktor", "direktorin")

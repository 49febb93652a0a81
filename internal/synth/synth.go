// Package synth writes mail for measurements: any number of messages, each a
// function of a seed and its number, so that none has to be kept.
//
// Its figures are those of 50,000 messages of public mailing lists:
//
//	words of a text       log-normal; median 270, mean 490, one in a hundred over 3,900
//	how often a word is   log10 p = -1.73 - 0.3 log10 r - 0.15 (log10 r)², r its rank: the most frequent is 1.9 % of all,
//	                      the tenth 0.7 %, the thousandth 0.016 %, the ten-thousandth 0.0005 %
//	frequent words        the first ranks are function words of English, the others spelled by rule
//	words met once        9 in 1,000: numbers, names, hexadecimal digits
//	quotes                38 % of the words, from the message answered
//	answers               77 %, most to one of the twenty before; References name up to ten
//	recipients            1 to 8, mean 4.3
//	writers               as often as 1/rank^0.8, of 200,000 people at 20,000 domains
//
// Lists know few attached files; a tenth of the messages has one, as support mail does.
package synth

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"strconv"
	"strings"
	"time"
)

// The sizes of what there is.
const (
	Words   = 400_000
	People  = 200_000
	Domains = 20_000
)

// Mail writes messages; it does not change and may be used by many at once.
type Mail struct {
	seed    uint64
	words   []string
	drawn   []uint32 // ranks of words, each as often as it is in a text
	writers []uint32 // numbers of people, likewise
}

const drawn = 1 << 22

// New prepares the mail of a seed.
func New(seed uint64) *Mail {
	m := &Mail{seed: seed, words: make([]string, Words)}
	for rank := range m.words {
		m.words[rank] = spell(rank)
	}
	copy(m.words, frequent)
	m.drawn = draws(Words, func(rank float64) float64 {
		l := math.Log10(rank)
		return math.Pow(10, -0.3*l-0.15*l*l)
	})
	m.writers = draws(People, func(rank float64) float64 { return math.Pow(rank, -0.8) })
	return m
}

// draws lists numbers from 0 to n, each as often as its share of all says.
func draws(n int, share func(rank float64) float64) []uint32 {
	sums, sum := make([]float64, n), 0.0
	for i := range sums {
		sum += share(float64(i + 1))
		sums[i] = sum
	}
	out := make([]uint32, drawn)
	for i := range out {
		at := (float64(i) + 0.5) / drawn * sum
		out[i] = uint32(sort.SearchFloat64s(sums, at))
	}
	return out
}

// frequent are the words of ranks 0 and up: those of which every sentence has some, as in English.
var frequent = strings.Fields("the to of and in is for that this it on with as be are not you if or from but we by at an all can so which there was will has when do would what use up any they just should only then out also into than them these about my our their your me i a he she his her who how may now one other been had its could did does us am very well because over most where first two after such those through while being many much each both without against still thanks please let see got end down off too since")

// spell makes a word of a rank: frequent ones are short, and neighbours in rank do not begin alike.
func spell(rank int) string {
	const onsets, vowels = "bdfghjklmnprstvwzcxq", "aeiou"
	const syllables = len(onsets) * len(vowels)
	digits, n := 1, rank
	for size := syllables; n >= size; digits, size = digits+1, size*syllables {
		n -= size
	}
	size := 1
	for range digits {
		size *= syllables
	}
	n = n * 7_919 % size // 7,919 is prime: every n has a word of its own.
	var b []byte
	for range digits {
		b = append(b, onsets[n%syllables/len(vowels)], vowels[n%len(vowels)])
		n /= syllables
	}
	return string(b) + "n"[:rank%2]
}

// Word is the word of a rank, from 0.
func (m *Mail) Word(rank int) string { return m.words[rank] }

// Person is the name and address of a person, from 0: those who write most come first.
func (m *Mail) Person(n int) (name, address string) {
	first, last := m.words[100+n%5_000], m.words[5_000+n/7]
	return title(first) + " " + title(last), first + "." + last + "@" + m.Domain(n)
}

// Domain is the domain of a person.
func (m *Mail) Domain(person int) string {
	return m.words[2_000+person*31%Domains] + ".example"
}

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func (m *Mail) source(n, of int) *rand.Rand {
	return rand.New(rand.NewPCG(m.seed, uint64(n)<<8|uint64(of)))
}

// Sent is when a message was sent: 95 seconds after the one before, more or less, from 2023 on.
func (m *Mail) Sent(n int) time.Time {
	start := time.Date(2023, 11, 1, 8, 0, 0, 0, time.UTC)
	return start.Add(time.Duration(n)*95*time.Second + time.Duration(m.source(n, 0).IntN(600))*time.Second)
}

// Queue is the queue that a message came through: one in a thousand through "legal".
func (m *Mail) Queue(n int) string {
	if n%1_000 == 7 {
		return "legal"
	}
	return []string{"support", "success", "billing", "partners"}[n%7%4]
}

// Answered is the message that another one answers, -1 for none.
func (m *Mail) Answered(n int) int {
	r := m.source(n, 1)
	if n == 0 || r.IntN(100) < 23 {
		return -1
	}
	return max(0, n-1-int(r.ExpFloat64()*20))
}

// ID is the Message-ID of a message.
func (m *Mail) ID(n int) string { return strconv.Itoa(n) + "." + m.Domain(n*17%People) }

// Size is how many words the text of a message has, quotes included.
func size(r *rand.Rand) int { return min(30_000, int(270*math.Exp(1.09*r.NormFloat64()))+3) }

// text writes words, w of them.
func (m *Mail) text(b *bytes.Buffer, r *rand.Rand, w int, line string) {
	for i := range w {
		if i%12 == 0 {
			b.WriteString(line)
		}
		if x := r.Uint64(); x>>32%111 == 0 {
			fmt.Fprintf(b, "%x", x>>20)
		} else {
			b.WriteString(m.words[m.drawn[x%drawn]])
		}
		switch {
		case i%12 == 11:
			b.WriteByte('\n')
		case r.Uint32()%11 == 0:
			b.WriteString(", ")
		default:
			b.WriteByte(' ')
		}
	}
	b.WriteByte('\n')
}

// Subject is the subject of a message: that of the one that began the conversation.
func (m *Mail) Subject(n int) string {
	re := ""
	for range 200 {
		before := m.Answered(n)
		if before < 0 {
			break
		}
		n, re = before, "Re: "
	}
	r := m.source(n, 2)
	words := make([]string, 3+r.IntN(9))
	for i := range words {
		words[i] = m.words[m.drawn[r.Uint64()%drawn]]
	}
	return re + title(strings.Join(words, " "))
}

// Message is a message as RFC 5322 has it.
func (m *Mail) Message(n int) []byte {
	var b bytes.Buffer
	m.header(&b, n)
	r := m.source(n, 4)
	file := r.IntN(10) == 0
	boundary := fmt.Sprintf("=_%x", r.Uint64())
	if file {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n--%s\r\n", boundary, boundary)
	}
	b.WriteString("Content-Type: text/plain; charset=utf-8\r\n\r\n")
	var text bytes.Buffer
	words := size(r)
	if before := m.Answered(n); before >= 0 {
		quoted := words * r.IntN(100) / 100
		words -= quoted
		m.text(&text, m.source(before, 5), quoted, "> ")
	}
	m.text(&text, m.source(n, 5), words, "")
	b.Write(bytes.ReplaceAll(text.Bytes(), []byte("\n"), []byte("\r\n")))
	if file {
		content := make([]byte, 2_000+r.IntN(4_000))
		for i := range content {
			content[i] = byte(r.Uint32())
		}
		kind := []string{"pdf", "docx", "xlsx", "png", "zip", "log"}[r.IntN(6)]
		fmt.Fprintf(&b, "\r\n--%s\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"%s-%s.%s\"\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n--%s--\r\n",
			boundary, m.words[m.drawn[r.Uint64()%drawn]], m.words[m.drawn[r.Uint64()%drawn]], kind, base64.StdEncoding.EncodeToString(content), boundary)
	}
	return b.Bytes()
}

func (m *Mail) header(b *bytes.Buffer, n int) {
	r := m.source(n, 3)
	person := func() string {
		name, address := m.Person(int(m.writers[r.Uint64()%drawn]))
		return name + " <" + address + ">"
	}
	people := func(k int) string {
		all := make([]string, k)
		for i := range all {
			all[i] = person()
		}
		return strings.Join(all, ",\r\n\t")
	}
	sent := m.Sent(n).Format(time.RFC1123Z)
	fmt.Fprintf(b, "Received: from mx1.contoso.example (mx1.contoso.example [192.0.2.7])\r\n\tby mx2.contoso.example with ESMTPS id %x; %s\r\n", r.Uint64(), sent)
	fmt.Fprintf(b, "From: %s\r\nTo: %s\r\n", person(), people(1+r.IntN(3)))
	if k := r.IntN(6); k > 0 {
		fmt.Fprintf(b, "Cc: %s\r\n", people(k))
	}
	fmt.Fprintf(b, "Subject: %s\r\nDate: %s\r\nMessage-ID: <%s>\r\n", m.Subject(n), sent, m.ID(n))
	if before := m.Answered(n); before >= 0 {
		fmt.Fprintf(b, "In-Reply-To: <%s>\r\n", m.ID(before))
		var chain []string
		for ; before >= 0 && len(chain) < 10; before = m.Answered(before) {
			chain = append([]string{"<" + m.ID(before) + ">"}, chain...)
		}
		fmt.Fprintf(b, "References: %s\r\n", strings.Join(chain, "\r\n\t"))
	}
	fmt.Fprintf(b, "X-Mailer: %s %d.%d\r\nMIME-Version: 1.0\r\n", title(m.words[300+r.IntN(30)]), r.IntN(9), r.IntN(20))
}

package casework

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Commands about citations.
type (
	// Cite brings a message into a case as evidence. The caller has verified
	// that the record has that SHA-256 and its text the quote at that span.
	Cite struct {
		Case     int
		Citation Citation // ID, By and At are filled.
	}
	// RemoveCitation withdraws a citation. Notes that name it show it as
	// withdrawn; a live share that shows it has to be revoked first.
	RemoveCitation struct {
		Case, ID int
		Reason   string
	}
)

// Check refuses a citation that could not be found again.
func (c Cite) Check(s *State, now time.Time) ([]Event, error) {
	file, err := s.findCase(c.Case)
	if err != nil {
		return nil, err
	}
	x := c.Citation
	for _, err := range []error{checkSource(x), checkQuote(x), checkText("Comment", "comment", x.Comment, maxText), checkLine("Author", "author", x.Author, maxTitle)} {
		if err != nil {
			return nil, err
		}
	}
	for _, had := range file.Citations {
		if had.SHA256 == x.SHA256 && had.Part == x.Part && had.Start == x.Start && had.End == x.End {
			return nil, refuse(Conflict, "Citation", "The same words are in case %s already, as citation %d.", file.label(), had.ID)
		}
	}
	return newEvent(CitationAdded, c.Case, "", CitationData{
		ID: file.citations + 1, Record: x.Record, SHA256: x.SHA256, Author: x.Author, Part: x.Part,
		Quote: x.Quote, Prefix: x.Prefix, Suffix: x.Suffix, Start: x.Start, End: x.End, Comment: x.Comment,
	})
}

func checkSource(x Citation) error {
	switch {
	case x.SHA256.IsZero():
		return refuse(Invalid, "SHA256", "The citation does not say the SHA-256 of what it cites.")
	case !mailStream(x.Record.Stream):
		return refuse(Invalid, "Record", "Only messages can be cited; %q is not a stream of messages.", x.Record.Stream)
	}
	return nil
}

// checkQuote holds the quote and its span together: a whole message is cited
// by an empty quote and an empty span.
func checkQuote(x Citation) error {
	switch {
	case x.Quote == "" && (x.Start != 0 || x.End != 0 || x.Prefix != "" || x.Suffix != ""):
		return refuse(Invalid, "Quote", "The quote is missing. Select the words, or cite the whole message without a span.")
	case x.Quote != "" && strings.TrimSpace(x.Quote) == "":
		return refuse(Invalid, "Quote", "The quote is only white space. Select words.")
	case x.Part < -1 || x.Part < 0 && x.Quote != "":
		return refuse(Invalid, "Part", "A message has no part %d.", x.Part)
	case len(x.Quote) > maxQuote:
		return refuse(Invalid, "Quote", "The quote has %d bytes; at most %d fit. Cite the whole message instead.", len(x.Quote), maxQuote)
	case !utf8.ValidString(x.Quote + x.Prefix + x.Suffix):
		return refuse(Invalid, "Quote", "The quote is not valid text (UTF-8).")
	case x.Start < 0 || x.End-x.Start != len(x.Quote):
		return refuse(Invalid, "Quote", "The quote has %d bytes, and its span from %d to %d another length.", len(x.Quote), x.Start, x.End)
	case len(x.Prefix) > maxContext || len(x.Suffix) > maxContext:
		return refuse(Invalid, "Prefix", "At most %d bytes before and behind the quote are kept.", maxContext)
	}
	return nil
}

// Check refuses to take from guests what they were promised to see.
func (c RemoveCitation) Check(s *State, now time.Time) ([]Event, error) {
	file, err := s.findCase(c.Case)
	if err != nil {
		return nil, err
	}
	if err := checkReason(c.Reason); err != nil {
		return nil, err
	}
	cited := file.citation(c.ID)
	switch {
	case cited == nil && c.ID >= 1 && c.ID <= file.citations:
		return nil, refuse(Gone, "ID", "Citation %d of case %s was withdrawn already.", c.ID, file.label())
	case cited == nil:
		return nil, refuse(NotFound, "ID", "Case %s has no citation %d.", file.label(), c.ID)
	}
	for _, share := range file.Shares {
		if share.Live(now) && file.rests(share, c.ID) {
			return nil, refuse(Conflict, "ID", "Guests can see citation %d by %s. Revoke that link first, then withdraw the citation.", c.ID, share.label())
		}
	}
	if item := file.restingOn(c.ID); item != "" {
		return nil, refuse(Conflict, "ID", "%s rests on citation %d alone. Give it another source first, or take it back.", sentence(item, ""), c.ID)
	}
	return newEvent(CitationRemoved, c.Case, c.Reason, CitationRemovedData{c.ID, cited.Record})
}

// rests reports whether a share shows a citation, or a note that has no other
// source.
func (c *Case) rests(share Share, id int) bool {
	if slices.Contains(share.Citations, id) {
		return true
	}
	return slices.ContainsFunc(share.Notes, func(note int) bool {
		n := c.note(note)
		return slices.Contains(n.Cites, id) && !c.sourced(n, id)
	})
}

// Context returns what stands before and behind a span of a text, to be kept
// in Citation.Prefix and Suffix: whole characters, at most 32 bytes each.
func Context(text string, start, end int) (prefix, suffix string) {
	from, to := max(0, start-maxContext), min(len(text), end+maxContext)
	for from < start && !utf8.RuneStart(text[from]) {
		from++
	}
	for to > end && to < len(text) && !utf8.RuneStart(text[to]) {
		to--
	}
	return text[from:start], text[end:to]
}

// Anchor finds a quote again in a text that was perhaps extracted anew: white
// space may differ. Of several places it takes the one whose surroundings
// agree best with prefix and suffix, and of those the one nearest to start.
// An empty quote stands for the whole and is found at 0.
func Anchor(text, quote, prefix, suffix string, start int) (int, int, bool) {
	if quote == "" {
		return 0, 0, true
	}
	if unmoved(text, quote, prefix, suffix, start) {
		return start, start + len(quote), true
	}
	hay, needle := squeeze(text), squeeze(strings.TrimSpace(quote))
	if needle.text == "" {
		return 0, 0, false
	}
	if leading := len(quote) - len(strings.TrimLeftFunc(quote, unicode.IsSpace)); leading > 0 {
		start += leading
	}
	before, behind := squeeze(prefix).text, squeeze(suffix).text
	best, bestScore, bestDistance := -1, -1, 0
	for at := range occurrences(hay.text, needle.text) {
		score := agree(hay.text[:at], before, true) + agree(hay.text[at+len(needle.text):], behind, false)
		distance := max(hay.at[at]-start, start-hay.at[at])
		if score > bestScore || score == bestScore && distance < bestDistance {
			best, bestScore, bestDistance = at, score, distance
		}
	}
	if best < 0 {
		return 0, 0, false
	}
	return hay.at[best], hay.at[best+len(needle.text)-1] + 1, true
}

// unmoved reports whether quote and surroundings are where they were, to the byte.
func unmoved(text, quote, prefix, suffix string, start int) bool {
	return start >= len(prefix) && start <= len(text) && strings.HasSuffix(text[:start], prefix) &&
		strings.HasPrefix(text[start:], quote+suffix)
}

// squeezed is a text in which each run of white space became one space.
type squeezed struct {
	text string
	at   []int // Offset in the original of each byte of text.
}

func squeeze(text string) squeezed {
	var b strings.Builder
	at := make([]int, 0, len(text))
	space := false
	for i, r := range text {
		if unicode.IsSpace(r) {
			if !space {
				b.WriteByte(' ')
				at = append(at, i)
			}
			space = true
			continue
		}
		space = false
		_, n := utf8.DecodeRuneInString(text[i:])
		b.WriteString(text[i : i+n])
		for j := range n {
			at = append(at, i+j)
		}
	}
	return squeezed{b.String(), at}
}

// occurrences yields where needle begins in hay, overlapping ones too.
func occurrences(hay, needle string) func(func(int) bool) {
	return func(yield func(int) bool) {
		for from := 0; ; {
			i := strings.Index(hay[from:], needle)
			if i < 0 || !yield(from+i) {
				return
			}
			from += i + 1
		}
	}
}

// agree counts the bytes of a quote's surroundings that are as they were,
// counted from the quote outwards.
func agree(text, want string, backward bool) int {
	text, want = strings.TrimSpace(text), strings.TrimSpace(want)
	n := min(len(text), len(want))
	for i := range n {
		j, k := i, i
		if backward {
			j, k = len(text)-1-i, len(want)-1-i
		}
		if text[j] != want[k] {
			return i
		}
	}
	return n
}

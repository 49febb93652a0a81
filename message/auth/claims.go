package auth

import (
	"slices"
	"strings"
)

// Claimed is what a mail server wrote about a message when it took it: a claim
// of that server, copied and not verified.
type Claimed struct {
	ServID      string        `json:"authserv_id,omitempty"`
	Results     []ClaimResult `json:"results,omitempty"`
	ReceivedSPF string        `json:"received_spf,omitempty"` // Result of its Received-SPF field.
}

// ClaimResult is one result of an Authentication-Results field (RFC 8601 section 2.2).
type ClaimResult struct {
	Method string            `json:"method"`
	Result string            `json:"result"`
	Reason string            `json:"reason,omitempty"`
	Of     map[string]string `json:"of,omitempty"` // E.g. "header.d": "contoso.example"; of addresses the domain.
}

// claimed copies the topmost fields of the servers that are ours; nil when there
// are none, and of one server alone.
//
// QUIRK: Exchange Online writes no authserv-id, which RFC 8601 section 2.2
// demands. Such a field is of the server "-".
func claimed(p *parsed, servIDs []string) *Claimed {
	ours := func(id string) bool {
		return slices.ContainsFunc(servIDs, func(o string) bool { return strings.EqualFold(o, id) })
	}
	var out *Claimed
	for _, i := range p.byName["authentication-results"] {
		if c := readResults(p.fields[i].value()); ours(c.ServID) {
			out = &c
			break
		}
	}
	for _, i := range p.byName["received-spf"] {
		words := fieldWords(p.fields[i].value())
		if len(words) == 0 || !ours(receiver(words)) || out != nil && !strings.EqualFold(out.ServID, receiver(words)) {
			continue
		}
		if out == nil {
			out = &Claimed{ServID: receiver(words)}
		}
		out.ReceivedSPF = strings.ToLower(clip(words[0]))
		break
	}
	return out
}

// receiver is who wrote a Received-SPF field (RFC 7208 section 9.1).
func receiver(words []string) string {
	for _, w := range words {
		if name, value, ok := strings.Cut(w, "="); ok && strings.EqualFold(name, "receiver") {
			return clipName(strings.Trim(value, ";"))
		}
	}
	return ""
}

// readResults reads the value of an Authentication-Results field.
func readResults(value []byte) Claimed {
	var c Claimed
	var parts [][]string
	part := []string{}
	for _, w := range fieldWords(value) {
		if w == ";" {
			parts, part = append(parts, part), []string{}
			continue
		}
		part = append(part, w)
	}
	parts = append(parts, part)
	c.ServID = "-"
	if first := parts[0]; len(first) == 0 || !strings.Contains(first[0], "=") {
		if len(first) > 0 {
			c.ServID = clipName(first[0])
		}
		parts = parts[1:]
	}
	for _, words := range parts {
		if r, ok := readResult(words); ok && len(c.Results) < maxResults {
			c.Results = append(c.Results, r)
		}
	}
	return c
}

// readResult reads method=result with what belongs to it.
func readResult(words []string) (r ClaimResult, ok bool) {
	if len(words) == 0 {
		return r, false
	}
	method, result, ok := strings.Cut(words[0], "=")
	if !ok {
		return r, false // "none": there are no results.
	}
	method, _, _ = strings.Cut(method, "/") // Its version.
	r = ClaimResult{Method: strings.ToLower(clip(method)), Result: strings.ToLower(clip(result))}
	for _, w := range words[1:min(len(words), 20)] {
		name, value, ok := strings.Cut(w, "=")
		switch name = strings.ToLower(clip(name)); {
		case !ok:
		case name == "reason" && !strings.Contains(value, "@"):
			r.Reason = clipTo(value, 200)
		case strings.Contains(name, ".") && name != "smtp.auth": // Which is the name of a person.
			if r.Of == nil {
				r.Of = map[string]string{}
			}
			r.Of[name] = withoutLocal(clipTo(value, 320))
		}
	}
	return r, true
}

// withoutLocal keeps the domain of an address.
func withoutLocal(value string) string {
	if strings.Contains(value, "@") {
		return domainOf(strings.TrimRight(value, ">"))
	}
	return value
}

// fieldWords cuts a structured value into words: comments are left out, quotes
// taken off, blanks around "=" closed up, and ";" is a word of its own (RFC 8601
// section 2.2, RFC 5322 section 3.2).
func fieldWords(value []byte) (words []string) {
	var word []byte
	depth, quoted, joined := 0, false, false
	end := func() {
		if len(word) > 0 && !joined {
			words, word = append(words, string(word)), nil
		}
	}
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c == '\\' && (quoted || depth > 0) && i+1 < len(value):
			if i++; quoted && depth == 0 {
				word = append(word, value[i])
			}
		case c == '"' && depth == 0:
			quoted, joined = !quoted, false
		case quoted:
			word = append(word, c)
		case c == '(':
			depth++
			end()
		case depth > 0:
			if c == ')' {
				depth--
			}
		case strings.IndexByte(blanks, c) >= 0:
			end()
		case c == ';':
			joined = false
			end()
			words = append(words, ";")
		case c == '=':
			if len(word) == 0 && len(words) > 0 && words[len(words)-1] != ";" && !strings.Contains(words[len(words)-1], "=") {
				word, words = []byte(words[len(words)-1]), words[:len(words)-1]
			}
			word, joined = append(word, c), true
		default:
			word, joined = append(word, c), false
		}
	}
	joined = false
	end()
	return words
}

package message

import "strings"

// parseMailboxes reads an address list (RFC 5322 section 3.4), with groups,
// comments and what else is met: semicolons between, missing brackets, names
// without quotes that hold an at sign.
func parseMailboxes(s string) []Mailbox {
	var all []Mailbox
	for s != "" {
		var item string
		item, s = cutItem(s)
		if m, ok := parseMailbox(item); ok {
			all = append(all, m)
		}
	}
	return all
}

// cutItem splits a list at its first comma, semicolon or end of a group's name
// outside of quotes, comments and brackets.
func cutItem(s string) (item, rest string) {
	comments, quoted, bracket := 0, false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && (quoted || comments > 0):
			i++
		case quoted:
			quoted = c != '"'
		case c == '(':
			comments++
		case c == ')' && comments > 0:
			comments--
		case comments > 0:
		case c == '"' && !bracket:
			quoted = strings.IndexByte(s[i+1:], '"') >= 0 // A lone quote quotes nothing.
		case c == '<':
			bracket = true
		case c == '>':
			bracket = false
		case bracket:
		case c == ',' || c == ';':
			return s[:i], s[i+1:]
		case c == ':' && !strings.ContainsAny(s[:i], "@<"):
			return "", s[i+1:] // The name of a group.
		}
	}
	return s, ""
}

func parseMailbox(item string) (Mailbox, bool) {
	if open := strings.LastIndexByte(item, '<'); open >= 0 {
		address, _, _ := strings.Cut(item[open+1:], ">")
		address = strings.TrimSpace(address)
		if at := strings.LastIndexByte(address, ':'); at >= 0 && strings.HasPrefix(address, "@") {
			address = address[at+1:] // A source route (section 4.4).
		}
		m := Mailbox{Name: phrase(item[:open]), Address: cleanAddress(address)}
		return m, m.Address != "" || m.Name != ""
	}
	bare, comment := cutComments(item)
	bare = strings.TrimSpace(bare)
	if bare == "" {
		return Mailbox{}, false
	}
	if !strings.Contains(bare, "@") {
		return Mailbox{Address: cleanAddress(bare)}, true
	}
	m := Mailbox{Name: phrase(comment), Address: cleanAddress(bare)}
	if at := strings.LastIndexByte(bare, ' '); at >= 0 && !strings.Contains(bare[at:], `"`) && strings.Contains(bare[at:], "@") {
		m = Mailbox{Name: phrase(bare[:at]), Address: cleanAddress(bare[at+1:])}
	}
	return m, true
}

// cleanAddress drops what surrounds an address and the white space in it.
func cleanAddress(s string) string {
	s, _ = cutComments(s)
	s = decodeUnlabelled(strings.Trim(s, " \t<>,;'"))
	if !strings.HasPrefix(s, `"`) {
		s = strings.Join(strings.Fields(s), "")
	}
	return printable(s)
}

// phrase decodes a display name: quotes off, words decoded, white space single.
func phrase(s string) string {
	s, _ = cutComments(s)
	s = strings.TrimSpace(s)
	if strings.ContainsAny(s, `"\`) {
		s = unquote(s)
	}
	return strings.Trim(strings.Join(strings.Fields(decodeText(s)), " "), `"' `)
}

func unquote(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			out.WriteByte(s[i])
		case s[i] != '"':
			out.WriteByte(s[i])
		}
	}
	return out.String()
}

// cutComments takes the comments (RFC 5322 section 3.2.2) out of a value.
func cutComments(s string) (bare, comments string) {
	if strings.IndexByte(s, '(') < 0 {
		return s, ""
	}
	var out, in strings.Builder
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		to := &out
		if depth > 0 {
			to = &in
		}
		switch {
		case c == '\\' && i+1 < len(s):
			to.WriteByte(c)
			i++
			to.WriteByte(s[i])
			continue
		case c == '"' && depth == 0:
			quoted = !quoted
		case c == '(' && !quoted:
			if depth++; depth == 1 {
				continue
			}
		case c == ')' && depth > 0:
			if depth--; depth == 0 {
				continue
			}
		}
		to.WriteByte(c)
	}
	return out.String(), in.String()
}

// parseIDs reads a list of message identifiers (RFC 5322 section 3.6.4).
// QUIRK: brackets may be missing; then words with an at sign are taken.
func parseIDs(s string) []string {
	var ids []string
	if !strings.Contains(s, "<") {
		for word := range strings.FieldsSeq(s) {
			if strings.Contains(word, "@") {
				ids = append(ids, printable(strings.Trim(word, ">,;")))
			}
		}
		return ids
	}
	for {
		_, rest, ok := strings.Cut(s, "<")
		if !ok {
			return ids
		}
		id, after, ok := strings.Cut(rest, ">")
		if !ok {
			id, after = rest, ""
		}
		if id = strings.Join(strings.Fields(id), ""); id != "" {
			ids = append(ids, printable(decodeUnlabelled(id)))
		}
		s = after
	}
}

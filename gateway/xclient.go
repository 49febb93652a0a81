package gateway

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Postfix hands over what it knows about its client with XCLIENT, by which it
// takes the client's place, or with XFORWARD, which is told for the record
// (https://www.postfix.org/XCLIENT_README.html and XFORWARD_README.html).
// Whoever may say either can claim to be anybody, so that both exist for listed
// peers alone.
var (
	xclientNames  = []string{"NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT"}
	xforwardNames = []string{"NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE"}
)

// attributes are what one of the commands says, by name; "" is not available.
type attributes map[string]string

// parseAttributes reads NAME=xtext, with blanks between.
func parseAttributes(rest string, known []string) (attributes, error) {
	all := attributes{}
	for _, one := range strings.Fields(rest) {
		name, value, ok := strings.Cut(one, "=")
		name = strings.ToUpper(name)
		if !ok || !slices.Contains(known, name) {
			return nil, fmt.Errorf("attribute %q is unknown", name)
		}
		if strings.EqualFold(value, "[UNAVAILABLE]") || strings.EqualFold(value, "[TEMPUNAVAIL]") {
			all[name] = ""
			continue
		}
		text, err := decodeXtext(value)
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", name, err)
		}
		all[name] = text
	}
	if len(all) == 0 {
		return nil, errors.New("no attribute")
	}
	return all, nil
}

// decodeXtext reads the xtext of RFC 3461 section 4: "+" and two digits stand
// for an octet.
func decodeXtext(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '+' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", fmt.Errorf("%q ends inside an octet", s)
		}
		octet, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", fmt.Errorf("%q is not xtext", s)
		}
		b.WriteByte(byte(octet))
		i += 2
	}
	return b.String(), nil
}

// apply puts the client in the place of the peer. What is not named stays, so
// that a long list can come in several commands.
func (a attributes) apply(to *origin) error {
	if value, ok := a["ADDR"]; ok {
		// A client without an address is nobody's source, and for a while only.
		to.addr, to.port, to.name = netip.Addr{}, 0, "unknown"
		if value != "" {
			addr, err := netip.ParseAddr(strings.TrimPrefix(strings.ToUpper(value), "IPV6:"))
			if err != nil {
				return fmt.Errorf("attribute ADDR: %w", err)
			}
			to.addr, to.name = addr.Unmap(), ""
		}
	}
	if value := a["PORT"]; value != "" {
		port, err := strconv.ParseUint(value, 10, 16)
		if err != nil {
			return fmt.Errorf("attribute PORT: %w", err)
		}
		to.port = int(port)
	}
	if value, ok := a["HELO"]; ok {
		to.helo = value
	}
	if value, ok := a["LOGIN"]; ok {
		to.login = value
	}
	told := attributes{}
	maps.Copy(told, to.told)
	for _, name := range []string{"NAME", "PROTO", "DESTADDR", "DESTPORT"} {
		if value := a[name]; value != "" {
			told[name] = value
		}
	}
	to.told = told
	return nil
}

// told is what the peer said of its client and has no place of its own in the
// evidence; nil when it said nothing.
func (c *conn) told() map[string]string {
	if len(c.origin.told)+len(c.forward) == 0 {
		return nil
	}
	all := maps.Clone(c.origin.told)
	if all == nil {
		all = attributes{}
	}
	maps.Copy(all, c.forward)
	return all
}

// xclient answers XCLIENT. The session begins anew, with the greeting.
func (c *conn) xclient(rest string) string {
	all, err := parseAttributes(rest, xclientNames)
	next := c.origin
	if err == nil {
		err = all.apply(&next)
	}
	switch {
	case c.session != nil && c.session.open():
		return line(replyInTransaction)
	case err != nil:
		return line(replyBadAttribute)
	}
	if !next.proxy.IsValid() {
		next.proxy = c.origin.addr
	}
	c.origin, c.forward, c.greeted = next, nil, false
	c.server.log.Debug("client named by XCLIENT", "peer", c.origin, "proxy", c.origin.proxy)
	return line(greeting(c.server.config.Hostname, c.way))
}

// xforward answers XFORWARD. It holds for the next transaction.
func (c *conn) xforward(rest string) string {
	all, err := parseAttributes(rest, xforwardNames)
	switch {
	case c.session != nil && c.session.open():
		return line(replyInTransaction)
	case err != nil:
		return line(replyBadAttribute)
	}
	if c.forward == nil {
		c.forward = attributes{}
	}
	maps.Copy(c.forward, all)
	return line(replyForwarded)
}

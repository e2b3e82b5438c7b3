package smtp

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// extensions are what a server offers in its reply to EHLO: keywords in upper
// case, with their parameters.
type extensions map[string][]string

// parseExtensions reads the reply to EHLO (RFC 5321, Section 4.1.1.1). The first
// line is the server's name. Lines that are no extension are ignored.
func parseExtensions(r Reply) extensions {
	ext := make(extensions)
	for _, line := range r.Lines[1:] {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		keyword := strings.ToUpper(words[0])
		// "AUTH=PLAIN LOGIN" is how some servers wrote it before the RFC.
		if old, ok := strings.CutPrefix(keyword, "AUTH="); ok {
			keyword, words[0] = "AUTH", old
		} else {
			words = words[1:]
		}
		ext[keyword] = append(ext[keyword], words...)
	}
	return ext
}

func (e extensions) has(keyword string) bool {
	_, ok := e[keyword]
	return ok
}

// maxSize returns the largest message that the server accepts, in octets; 0 if
// it names none (RFC 1870, Section 4).
func (e extensions) maxSize() int64 {
	if p := e["SIZE"]; len(p) > 0 {
		if n, err := strconv.ParseInt(p[0], 10, 64); err == nil && n > 0 {
			return n
		}
	}
	return 0
}

// maxMechanisms bounds the mechanisms that are looked at.
const maxMechanisms = 64

// mechanisms returns the SASL mechanisms that the server offers, in upper case,
// each of them once. No server has more than maxMechanisms; what is behind them
// is ignored.
func (e extensions) mechanisms() []string {
	var names []string
	for _, name := range e["AUTH"] {
		if len(names) == maxMechanisms {
			break
		}
		if name = strings.ToUpper(name); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// hello sends EHLO, or LHLO with LMTP, and learns what the server offers.
func (c *Client) hello(ctx context.Context) error {
	name := c.cfg.LocalName
	if name == "" {
		name = localName(c.conn.raw)
	}
	verb := "EHLO"
	if c.lmtp {
		verb = "LHLO" // RFC 2033, Section 4.1
	}
	r, err := c.conn.command(ctx, verb+" "+name)
	switch {
	case err != nil:
		return err
	case r.Code/100 == 2:
		c.ext = parseExtensions(r)
		return nil
	case !c.lmtp && unknownCommand(r.Code):
		return c.oldHello(ctx, name, r)
	}
	return c.unexpected(verb, r)
}

// unknownCommand reports whether a reply to EHLO comes from a server that does
// not know it (RFC 5321, Section 4.2.4). 550 is none: that server knows it and
// does not want this client, by whatever name.
func unknownCommand(code int) bool { return code == 500 || code == 502 || code == 504 }

// oldHello sends HELO to a server that refused EHLO (RFC 5321, Section 3.2). It
// has no extensions, so neither TLS nor a sign-in may depend on them: somebody
// in between who refuses EHLO gets no mail in clear for it.
func (c *Client) oldHello(ctx context.Context, name string, refusal Reply) error {
	switch {
	case c.server.mode < InsecureOpportunistic:
		return fmt.Errorf("%w: %w", ErrTLSRequired, c.refused("EHLO", refusal))
	case c.cfg.Auth != nil:
		return fmt.Errorf("%w: AUTH: %w", ErrNotOffered, c.refused("EHLO", refusal))
	}
	r, err := c.conn.command(ctx, "HELO "+name)
	if err != nil {
		return err
	}
	if r.Code/100 != 2 {
		return c.unexpected("HELO", r)
	}
	c.ext = nil
	return nil
}

// localName returns the argument of EHLO: the name of this host if it is fully
// qualified, else the local address as a literal (RFC 5321, Section 4.1.4).
func localName(n net.Conn) string {
	if name, err := os.Hostname(); err == nil && strings.Contains(name, ".") && !strings.HasPrefix(name, "localhost.") {
		if nonASCII, err := wire.CheckMailbox("x@" + name); err == nil && !nonASCII {
			return name
		}
	}
	if addr, ok := n.LocalAddr().(*net.TCPAddr); ok {
		if ip4 := addr.IP.To4(); ip4 != nil {
			return fmt.Sprintf("[%s]", ip4)
		}
		return fmt.Sprintf("[IPv6:%s]", addr.IP)
	}
	return "[127.0.0.1]"
}

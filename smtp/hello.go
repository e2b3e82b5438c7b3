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

// hello sends EHLO and learns the extensions. Where neither TLS nor a sign-in
// depends on them, a server that does not know EHLO gets HELO (RFC 5321, Section
// 3.2).
func (c *conn) hello(ctx context.Context, name string, heloAllowed bool) (extensions, error) {
	r, err := c.command(ctx, "EHLO "+name)
	if err != nil {
		return nil, err
	}
	if r.Code/100 == 2 {
		return parseExtensions(r), nil
	}
	if (r.Code != 500 && r.Code != 502) || !heloAllowed {
		return nil, &ReplyError{Command: "EHLO", Reply: r}
	}
	if r, err = c.command(ctx, "HELO "+name); err != nil {
		return nil, err
	}
	if r.Code/100 != 2 {
		return nil, &ReplyError{Command: "HELO", Reply: r}
	}
	return nil, nil
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

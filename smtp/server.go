package smtp

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// A server is where a Config leads.
type server struct {
	host string  // without brackets; "localhost" behind a socket
	port int     // 0 behind a socket
	path string  // of the unix socket, "" for TCP
	mode TLSMode // never TLSDefault
	lmtp bool    // it speaks LMTP (RFC 2033)
}

// network and addr are what to dial.
func (s server) network() string {
	if s.path != "" {
		return "unix"
	}
	return "tcp"
}

func (s server) addr() string {
	if s.path != "" {
		return s.path
	}
	return net.JoinHostPort(s.host, strconv.Itoa(s.port))
}

// server finds out where c leads. No error echoes a URL, which may hold a
// password.
func (c Config) server() (server, error) {
	addr := c.Addr
	if addr == "" && c.Profile != nil {
		addr = c.Profile.Addr
	}
	if addr == "" {
		return server{}, fmt.Errorf("%w: no server: set Addr or Profile", ErrConfig)
	}
	if c.TLS < TLSDefault || c.TLS > InsecureNoTLS {
		return server{}, fmt.Errorf("%w: unknown TLS mode", ErrConfig)
	}
	if scheme, rest, ok := strings.Cut(addr, "://"); ok {
		return serverOfURL(strings.ToLower(scheme), rest, c.TLS)
	}
	if strings.HasPrefix(addr, "/") {
		return server{}, fmt.Errorf("%w: the server address is a path: write smtp+unix:// or lmtp+unix:// before it", ErrConfig)
	}
	return serverOf(addr, c.TLS)
}

// serverOf reads "host" or "host:port".
func serverOf(addr string, mode TLSMode) (server, error) {
	host, port := addr, ""
	if literal, ok := strings.CutPrefix(addr, "["); ok && strings.HasSuffix(literal, "]") {
		host = strings.TrimSuffix(literal, "]")
	} else if _, err := netip.ParseAddr(addr); err != nil && strings.Contains(addr, ":") {
		var err error
		if host, port, err = net.SplitHostPort(addr); err != nil {
			return server{}, fmt.Errorf("%w: the server address is not host:port", ErrConfig)
		}
	}
	number, err := parsePort(port)
	if err != nil {
		return server{}, err
	}
	if mode == TLSDefault {
		mode = STARTTLSRequired
		if number == 465 {
			mode = TLSImplicit
		}
	}
	s := server{host: host, port: cmp.Or(number, defaultPort(mode)), mode: mode}
	return s, checkHost(s.host)
}

// serverOfURL reads a URL. The scheme is in lower case.
func serverOfURL(scheme, rest string, mode TLSMode) (server, error) {
	u, err := url.Parse("server://" + rest)
	switch {
	case err != nil:
		return server{}, fmt.Errorf("%w: the server address is not a URL", ErrConfig)
	case u.User != nil:
		return server{}, fmt.Errorf("%w: user or password in the server address: give them apart from it", ErrConfig)
	case strings.ContainsAny(rest, "?#"):
		return server{}, fmt.Errorf("%w: the server address has a query or a fragment", ErrConfig)
	}
	switch scheme {
	case "smtp", "smtps", "lmtp":
		return serverOfHostURL(scheme, u, mode)
	case "smtp+unix", "lmtp+unix":
		return serverOfSocket(scheme, u, mode)
	}
	return server{}, fmt.Errorf("%w: the scheme of the server address is none of smtp, smtps, lmtp, smtp+unix and lmtp+unix", ErrConfig)
}

// serverOfHostURL reads a URL of a scheme that leads to a host.
func serverOfHostURL(scheme string, u *url.URL, mode TLSMode) (server, error) {
	if u.Path != "" && u.Path != "/" {
		return server{}, fmt.Errorf("%w: the server address has more than a host and a port", ErrConfig)
	}
	number, err := parsePort(u.Port())
	if err != nil {
		return server{}, err
	}
	if mode, err = modeOf(scheme, number, mode); err != nil {
		return server{}, err
	}
	s := server{host: u.Hostname(), port: number, mode: mode, lmtp: scheme == "lmtp"}
	switch {
	case !s.lmtp:
		s.port = cmp.Or(number, defaultPort(mode))
	case number == 0:
		return server{}, fmt.Errorf("%w: lmtp:// without a port: LMTP has none of its own", ErrConfig)
	case number == 25: // RFC 2033, Section 5: LMTP MUST NOT be used there
		return server{}, fmt.Errorf("%w: lmtp:// with port 25, which is for SMTP alone", ErrConfig)
	}
	return s, checkHost(s.host)
}

// modeOf returns how the connection of a URL is encrypted. What the URL says and
// what the Config says must not contradict each other.
func modeOf(scheme string, port int, mode TLSMode) (TLSMode, error) {
	switch {
	case scheme == "smtps" && mode != TLSDefault && mode != TLSImplicit,
		scheme == "lmtp" && mode == TLSImplicit:
		return 0, fmt.Errorf("%w: %s:// contradicts %v", ErrConfig, scheme, mode)
	case scheme == "smtps":
		return TLSImplicit, nil
	case scheme == "smtp" && mode == TLSImplicit:
		return 0, fmt.Errorf("%w: smtp:// contradicts %v; use smtps://", ErrConfig, mode)
	case mode == TLSDefault && port == 465:
		return 0, fmt.Errorf("%w: %s:// with port 465, which is for implicit TLS; use smtps://", ErrConfig, scheme)
	case mode == TLSDefault:
		return STARTTLSRequired, nil
	}
	return mode, nil
}

// serverOfSocket reads a URL of a unix socket. It is on this machine: there is
// no TLS, and it counts as loopback.
func serverOfSocket(scheme string, u *url.URL, mode TLSMode) (server, error) {
	switch {
	case u.Host != "" || len(u.Path) < 2:
		return server{}, fmt.Errorf("%w: %s:// without an absolute path behind it, as in %[2]s:///run/mail.sock", ErrConfig, scheme)
	case strings.ContainsRune(u.Path, 0):
		return server{}, fmt.Errorf("%w: the path of the server address holds a NUL octet", ErrConfig)
	case mode != TLSDefault && mode != InsecureNoTLS:
		return server{}, fmt.Errorf("%w: %s:// contradicts %v: a socket has no TLS", ErrConfig, scheme, mode)
	}
	return server{host: "localhost", path: u.Path, mode: InsecureNoTLS, lmtp: scheme == "lmtp+unix"}, nil
}

func defaultPort(mode TLSMode) int {
	if mode == TLSImplicit {
		return 465
	}
	return 587
}

// parsePort reads a port; 0 means that there is none.
func parsePort(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%w: the port of the server address is not a number from 1 to 65535", ErrConfig)
	}
	return int(n), nil
}

// checkHost refuses what can be neither a name nor an address.
func checkHost(host string) error {
	if host == "" {
		return fmt.Errorf("%w: no host in the server address", ErrConfig)
	}
	for _, r := range host {
		switch {
		case r > '~':
			return fmt.Errorf("%w: the host of the server address is outside ASCII: write it in its xn-- form", ErrConfig)
		case r <= ' ' || strings.ContainsRune(`"<>@/\^{}|`+"`", r):
			return fmt.Errorf("%w: the host of the server address holds a character that no host name has", ErrConfig)
		}
	}
	return nil
}

// isLoopbackName reports whether a caller who dials host means this machine.
func isLoopbackName(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

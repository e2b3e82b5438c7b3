package smtp

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// A server is where a Config leads.
type server struct {
	host string // without brackets
	port int
	mode TLSMode // never TLSDefault
}

func (s server) addr() string { return net.JoinHostPort(s.host, strconv.Itoa(s.port)) }

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
		return serverOfURL(scheme, rest, c.TLS)
	}
	return serverOf(addr, c.TLS)
}

// serverOf reads "host" or "host:port".
func serverOf(addr string, mode TLSMode) (server, error) {
	host, port := addr, ""
	if literal, ok := strings.CutPrefix(addr, "["); ok && strings.HasSuffix(literal, "]") {
		host = strings.TrimSuffix(literal, "]")
	} else if strings.Count(addr, ":") == 1 || strings.HasPrefix(addr, "[") {
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
	s := server{host, cmp.Or(number, defaultPort(mode)), mode}
	return s, checkHost(s.host)
}

// serverOfURL reads a URL of the schemes smtp and smtps.
func serverOfURL(scheme, rest string, mode TLSMode) (server, error) {
	u, err := url.Parse("//" + rest)
	if err != nil {
		return server{}, fmt.Errorf("%w: the server address is not a URL", ErrConfig)
	}
	if u.User != nil {
		return server{}, fmt.Errorf("%w: user or password in the server address: give them apart from it", ErrConfig)
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return server{}, fmt.Errorf("%w: the server address has more than a host and a port", ErrConfig)
	}
	number, err := parsePort(u.Port())
	if err != nil {
		return server{}, err
	}
	switch strings.ToLower(scheme) {
	case "smtps":
		if mode != TLSDefault && mode != TLSImplicit {
			return server{}, fmt.Errorf("%w: smtps:// contradicts %v", ErrConfig, mode)
		}
		mode = TLSImplicit
	case "smtp":
		if mode == TLSImplicit {
			return server{}, fmt.Errorf("%w: smtp:// contradicts %v; use smtps://", ErrConfig, mode)
		}
		if mode == TLSDefault && number == 465 {
			return server{}, fmt.Errorf("%w: smtp:// with port 465, which is for implicit TLS; use smtps://", ErrConfig)
		}
		if mode == TLSDefault {
			mode = STARTTLSRequired
		}
	default:
		return server{}, fmt.Errorf("%w: the scheme of the server address is neither smtp:// nor smtps://", ErrConfig)
	}
	s := server{u.Hostname(), cmp.Or(number, defaultPort(mode)), mode}
	return s, checkHost(s.host)
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

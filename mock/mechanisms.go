package mock

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-55a66e92/postern/sasl"
)

// Which mechanisms a server offers.

// checkMechanisms refuses names of mechanisms that the server cannot run.
func (o *Options) checkMechanisms() error {
	for _, name := range o.Mechanisms {
		m, ok := o.Registry.Lookup(name)
		switch {
		case !ok:
			return fmt.Errorf("mock: Options.Mechanisms names %q, which the registry does not have", name)
		case m.NewServer == nil:
			return fmt.Errorf("mock: Options.Mechanisms names %s, which has no server side", m.Name)
		case takesTokens(m.Name) && o.Tokens == nil && o.Directory == nil:
			return fmt.Errorf("mock: Options.Mechanisms names %s, and nothing can check a token; set Options.Tokens", m.Name)
		}
	}
	return nil
}

// takesTokens reports whether a mechanism asks the directory about a token.
func takesTokens(name string) bool { return name == "XOAUTH2" || name == "OAUTHBEARER" }

// offered returns the mechanisms to offer, in order.
func (o *Options) offered() []sasl.Mechanism {
	var list []sasl.Mechanism
	if o.Mechanisms != nil {
		for _, name := range o.Mechanisms {
			m, _ := o.Registry.Lookup(name)
			list = append(list, m)
		}
		return list
	}
	for _, m := range o.Registry.Mechanisms() {
		if o.offers(m) {
			list = append(list, m)
		}
	}
	return list
}

// offers reports whether a mechanism is offered that nobody has named: it has a
// server side, and somebody could sign in by it. What is deprecated, and what
// signs anybody in, has to be named.
func (o *Options) offers(m sasl.Mechanism) bool {
	switch {
	case m.NewServer == nil || m.Traits.Has(sasl.Deprecated) || m.Name == "ANONYMOUS":
		return false
	case o.Directory != nil:
		return true
	case m.Traits.Has(sasl.Bearer):
		return o.Tokens != nil
	case takesPasswords(m.Name):
		return o.Users != nil
	}
	return true
}

// takesPasswords reports whether a mechanism asks the directory for a password.
func takesPasswords(name string) bool {
	return name == "PLAIN" || name == "LOGIN" || name == "CRAM-MD5" || strings.HasPrefix(name, "SCRAM-")
}

// mechanisms returns those offered in the present state. Channel binding
// (RFC 5802, Section 6) needs TLS, and EXTERNAL a certificate of the client.
func (s *session) mechanisms() []sasl.Mechanism {
	if !s.srv.opts.has("AUTH") || s.tls == nil && !s.srv.opts.InsecureAuth {
		return nil
	}
	return slices.DeleteFunc(s.srv.opts.offered(), func(m sasl.Mechanism) bool {
		return s.tls == nil && strings.HasSuffix(m.Name, "-PLUS") || m.Name == "EXTERNAL" && !s.knowsClient()
	})
}

// knowsClient reports whether the client showed a certificate that is good.
func (s *session) knowsClient() bool { return s.tls != nil && len(s.tls.VerifiedChains) > 0 }

// saslConn is the connection as mechanisms see it. It names no host and port: the
// server cannot know what the client dialled.
func (s *session) saslConn() *sasl.Conn {
	c := &sasl.Conn{Service: "smtp", TLS: s.tls, ClientCert: s.knowsClient()}
	if s.tls != nil {
		c.ServerCertificate = s.srv.cert.Leaf
	}
	for _, m := range s.mechanisms() {
		c.Offered = append(c.Offered, m.Name)
	}
	return c
}

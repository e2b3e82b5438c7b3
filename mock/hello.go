package mock

import (
	"fmt"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// isClientName reports whether s is a domain or an address literal.
func isClientName(s string) bool {
	_, err := wire.CheckMailbox("x@" + s)
	return err == nil && isASCII(s)
}

func (s *session) ehlo(name string) reply {
	if !isClientName(name) {
		return reply{501, "", []string{"EHLO wants a domain or an address literal"}, nil}
	}
	s.judgeDomain(name)
	s.forget(name, true)
	s.told = s.capabilities()
	return reply{250, "", append([]string{s.srv.opts.Hostname}, s.told...), nil}
}

func (s *session) helo(name string) reply {
	if !isClientName(name) {
		return reply{501, "", []string{"HELO wants a domain"}, nil}
	}
	s.judgeDomain(name)
	s.forget(name, false)
	return reply{250, "", []string{s.srv.opts.Hostname}, nil}
}

// forget ends the transaction, for a client that says who it is.
func (s *session) forget(name string, extended bool) {
	s.hello, s.extended = name, extended
	s.told = nil
	s.endTransaction()
}

// endTransaction forgets what came since MAIL.
func (s *session) endTransaction() { s.tx, s.mailed, s.addressed = nil, false, false }

// capabilities returns the lines of the reply to EHLO, but for the first.
func (s *session) capabilities() []string {
	c := s.srv.opts.Capabilities
	switch {
	case s.signedIn.mechanism != "" && c.Authenticated != nil:
		return c.Authenticated
	case s.tls != nil && c.TLS != nil:
		return c.TLS
	case s.tls == nil && c.Plain != nil:
		return c.Plain
	}
	var lines []string
	for _, extension := range extensions {
		switch {
		case !s.srv.opts.has(extension):
			continue
		case extension == "SIZE":
			extension = fmt.Sprintf("SIZE %d", s.srv.opts.MaxSize)
		case extension == "LIMITS":
			if extension = s.srv.opts.Limits.keyword(); extension == "" {
				continue
			}
		case extension == "BINARYMIME" && !s.srv.opts.has("CHUNKING"), // RFC 3030, Section 3
			extension == "REQUIRETLS" && s.tls == nil: // RFC 8689, Section 2
			continue
		case extension == "STARTTLS" && !s.offersSTARTTLS():
			continue
		case extension == "AUTH":
			if extension = s.authLine(); extension == "" {
				continue
			}
		}
		lines = append(lines, extension)
	}
	return lines
}

func (s *session) authLine() string {
	line := ""
	for _, m := range s.mechanisms() {
		line += " " + m.Name
	}
	if line == "" {
		return ""
	}
	return "AUTH" + line
}

func (s *session) offersSTARTTLS() bool {
	return s.tls == nil && s.srv.opts.TLS == STARTTLS && s.srv.opts.has("STARTTLS")
}

// starttls implements RFC 3207.
func (s *session) starttls(argument string) reply {
	switch {
	case argument != "":
		return syntaxError("STARTTLS takes no argument")
	case s.tls != nil:
		return badSequence("TLS is active")
	case !s.offersSTARTTLS():
		return unknown("STARTTLS")
	}
	if !s.extended {
		// Extensions are for those who said EHLO; this one does nobody any harm.
		s.violation("STARTTLS without EHLO (RFC 5321, Section 2.2)")
	}
	return reply{220, "2.0.0", []string{"Ready to start TLS"}, s.upgrade}
}

// upgrade begins TLS and forgets all that was before (RFC 3207, Section 4.2),
// octets that came with STARTTLS included: they may be anybody's.
func (s *session) upgrade() {
	s.flush()
	if n := s.ahead(); n > 0 {
		s.violation("%d octets behind STARTTLS, discarded", n)
	}
	s.forget("", false)
	s.signedIn = signIn{}
	s.mails = 0
	if !s.over {
		s.handshake()
	}
}

func (s *session) rset(string) reply {
	s.endTransaction()
	return ok("Reset")
}

func (s *session) noop(string) reply { return ok("Nothing done") }

func (s *session) vrfy(argument string) reply {
	if argument == "" {
		return syntaxError("VRFY wants a name")
	}
	return reply{252, "2.5.0", []string{"Not verified; send mail to find out"}, nil}
}

func (s *session) help(string) reply {
	return reply{214, "2.0.0", []string{"Commands are", "EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT"}, nil}
}

func (s *session) quit(string) reply {
	return reply{221, "2.0.0", []string{"Bye"}, func() { s.over = true }}
}

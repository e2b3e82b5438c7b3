package mock

import (
	"slices"
	"strings"
)

// Which refusals are the client's fault. Those that come of what a server allows
// (530, 535, 552 and the like) are not.

// blame records a refusal of the server's own that the client could have known
// of.
func (s *session) blame(point string, r *reply) {
	if s.isFault(point, r) && !s.isExcused(point, r.code) {
		s.violation("refused: %s, %d %s", point, r.code, strings.Join(r.lines, " "))
	}
}

// isFault reports whether a refusal says that the client broke the rules.
func (s *session) isFault(point string, r *reply) bool {
	switch r.code {
	case 500, 501, 503:
		return true
	case 502: // RFC 5321, Section 4.5.1: a server may do without EXPN
		if point == "BDAT" {
			return !s.wasTold("CHUNKING")
		}
		return point != "EXPN" && !s.wasTold(point)
	case 504:
		return true
	case 553: // RFC 6531, Section 3.5
		return r.enhanced == "5.6.7"
	case 554: // RFC 5321, Section 3.3: there was not even an attempt
		return s.tx != nil && !s.addressed
	}
	return false
}

// isExcused reports whether the client may have sent a command before it could
// see the refusal of another (RFC 2920, Section 3.1): MAIL, or a chunk; or take the
// reply to another for one to this.
func (s *session) isExcused(point string, code int) bool {
	if s.astray && (code == 503 || code == 554) {
		return true
	}
	if !s.pipelining() {
		return false
	}
	switch point {
	case "RCPT", "DATA", "BDAT":
		return s.tx == nil && s.mailed || s.tx != nil && s.tx.chunked != nil && s.tx.chunked.failed && point == "BDAT"
	}
	return false
}

// blameParameter records a parameter of MAIL or RCPT that the server refuses, unless
// it was offered.
func (s *session) blameParameter(point string, p parameter, r *reply) {
	if !s.wasTold(p.extension(point)) {
		s.violation("refused: %s, %d %s", point, r.code, strings.Join(r.lines, " "))
	}
}

// judgeParameter records a parameter that the server takes and EHLO did not offer.
func (s *session) judgeParameter(point string, p parameter) {
	if !s.wasTold(p.extension(point)) {
		s.violation("%s, which EHLO did not offer (RFC 5321, Section 4.1.1.11)", p.keyword)
	}
}

// extension returns the service extension that a parameter belongs to, "" if
// there is none.
func (p *parameter) extension(point string) string {
	switch {
	case point == "RCPT" && (p.keyword == "NOTIFY" || p.keyword == "ORCPT"), point == "MAIL" && (p.keyword == "RET" || p.keyword == "ENVID"):
		return "DSN"
	case point == "RCPT": // no other extension has parameters there
		return ""
	case p.isBinary():
		return "BINARYMIME"
	case p.keyword == "BODY":
		return "8BITMIME"
	}
	return p.keyword
}

// wasTold reports whether the reply to EHLO may have told the client of an
// extension: by [Options.Capabilities], which need not be true, or by a fault.
func (s *session) wasTold(extension string) bool {
	return s.extended && (s.misled || slices.ContainsFunc(s.told, func(line string) bool {
		return strings.EqualFold(keyword(line), extension)
	}))
}

// wasToldMechanism is wasTold for one of the mechanisms behind AUTH, some of which
// a server may list and not have.
func (s *session) wasToldMechanism(name string) bool {
	return s.extended && (s.misled || slices.ContainsFunc(s.told, func(line string) bool {
		fields := strings.FieldsFunc(strings.ToUpper(line), func(r rune) bool { return r == ' ' || r == '=' })
		return len(fields) > 0 && fields[0] == "AUTH" && slices.Contains(fields[1:], strings.ToUpper(name))
	}))
}

// maxLocalPart is the longest local part that servers have to take, in octets
// (RFC 5321, Section 4.5.3.1.1).
const maxLocalPart = 64

// judgeMailbox records what is accepted in an address and should not be there.
func (s *session) judgeMailbox(path string) {
	if strings.LastIndexByte(path, '@') > maxLocalPart {
		s.violation("local part of more than %d octets (RFC 5321, Section 4.5.3.1.1)", maxLocalPart)
	}
	s.judgeDomain(domainOf(path))
}

// judgeDomain records what is accepted in a domain and no part of one.
func (s *session) judgeDomain(domain string) {
	if strings.Contains(domain, "_") {
		s.violation("underscore in a domain (RFC 5321, Section 4.1.2)")
	}
}

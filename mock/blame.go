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
	if s.isFault(point, r) && !s.isExcused(point) {
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
// see the refusal of another (RFC 2920, Section 3.1): MAIL, or a chunk.
func (s *session) isExcused(point string) bool {
	if !s.pipelining() {
		return false
	}
	switch point {
	case "RCPT", "DATA", "BDAT":
		return s.tx == nil && s.mailed || s.tx != nil && s.tx.chunked != nil && s.tx.chunked.failed && point == "BDAT"
	}
	return false
}

// blameParameter records a parameter of MAIL or RCPT that the server did not
// offer (RFC 5321, Section 4.1.1.11).
func (s *session) blameParameter(point, keyword string, r *reply) {
	extension := keyword
	switch {
	case point == "RCPT" && (keyword == "NOTIFY" || keyword == "ORCPT"), point == "MAIL" && (keyword == "RET" || keyword == "ENVID"):
		extension = "DSN"
	case point == "RCPT": // no other extension has parameters there
		extension = ""
	case keyword == "BODY":
		extension = "8BITMIME"
	}
	if !s.wasTold(extension) {
		s.violation("refused: %s, %d %s", point, r.code, strings.Join(r.lines, " "))
	}
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

// judgeDomain records what is accepted in a domain and no part of one.
func (s *session) judgeDomain(domain string) {
	if strings.Contains(domain, "_") {
		s.violation("underscore in a domain (RFC 5321, Section 4.1.2)")
	}
}

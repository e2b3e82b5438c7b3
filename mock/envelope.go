package mock

import (
	"errors"
	"strconv"
	"strings"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// A transaction is a message on its way, from MAIL to the end of content.
type transaction struct {
	from       string
	parameters []string
	to         []string
	utf8       bool // SMTPUTF8
	eightBit   bool // BODY=8BITMIME
	binary     bool // BODY=BINARYMIME

	toParameters [][]string // of each of to
	chunked      *chunks    // nil before BDAT

	asked int // RCPT commands
}

// mail implements MAIL (RFC 5321, Section 4.1.1.2).
func (s *session) mail(argument string) reply {
	switch {
	case s.hello == "":
		return badSequence("EHLO first")
	case s.tx != nil:
		return badSequence("There is a transaction already")
	case s.srv.opts.RequireTLS && s.tls == nil:
		return reply{530, "5.7.0", []string{"Must issue a STARTTLS command first"}, nil}
	case s.srv.opts.RequireAuth && s.signedIn.mechanism == "":
		return reply{530, "5.7.0", []string{"Authentication required"}, nil}
	}
	if refusal := s.tooManyMails(); refusal != nil {
		return *refusal
	}
	path, rest, found := cutPath(argument, "FROM:")
	if !found {
		return syntaxError("Syntax: MAIL FROM:<address> [parameters]")
	}
	tx := &transaction{from: path}
	parameters, refusal := splitParameters(rest)
	if refusal != nil {
		return *refusal
	}
	for _, p := range parameters {
		if refusal := s.mailParameter(tx, p); refusal != nil {
			return *refusal
		}
		tx.parameters = append(tx.parameters, p.text)
	}
	if path != "" {
		if refusal := checkAddress(path, tx.utf8, "5.1.7"); refusal != nil {
			return *refusal
		}
		if !strings.Contains(path, "@") { // RFC 5321, Section 4.1.1.3: only RCPT takes postmaster alone
			return reply{501, "5.1.7", []string{"Bad address"}, nil}
		}
		s.judgeMailbox(path)
	}
	s.tx = tx
	return reply{250, "2.1.0", []string{"Sender ok"}, nil}
}

// mailParameter takes one parameter of MAIL. Those that EHLO did not offer are
// unknown (RFC 5321, Section 4.1.1.11).
func (s *session) mailParameter(tx *transaction, p parameter) *reply {
	bad := syntaxError("Bad value of " + p.keyword)
	valid, known := true, true
	switch has := s.offers; {
	case p.keyword == "SIZE" && has("SIZE"):
		size, err := strconv.ParseUint(p.value, 10, 64)
		valid = (err == nil || errors.Is(err, strconv.ErrRange)) && len(p.value) <= 20
		if valid && size > uint64(s.srv.opts.MaxSize) {
			return &reply{552, "5.3.4", []string{"Message too big"}, nil} // RFC 1870, Section 6.1
		}
	case p.isBinary() && !(has("BINARYMIME") && has("CHUNKING")): // RFC 3030, Section 3
		known = false
	case p.keyword == "BODY" && has("8BITMIME"):
		valid = tx.body(p.value)
	case p.keyword == "SMTPUTF8" && has("SMTPUTF8"):
		valid = !p.valued
		tx.utf8, tx.eightBit = true, true
	case p.keyword == "AUTH" && has("AUTH"): // RFC 4954, Section 5
		valid = isSubmitter(p.value)
	case p.keyword == "REQUIRETLS" && has("REQUIRETLS") && s.tls != nil: // RFC 8689, Section 2
		valid = !p.valued
	case has("DSN"):
		valid, known = dsnMail(p)
	default:
		known = false
	}
	switch {
	case !known:
		return s.unknownParameter("MAIL", p)
	case !valid:
		return &bad
	}
	s.judgeParameter("MAIL", p)
	return nil
}

// unknownParameter refuses a parameter that the server does not have.
func (s *session) unknownParameter(point string, p parameter) *reply {
	r := reply{555, "5.5.4", []string{"Parameter not recognized"}, nil}
	s.blameParameter(point, p, &r)
	return &r
}

// isSubmitter reports whether s is a value of AUTH: "<>", or a mailbox as xtext.
func isSubmitter(s string) bool {
	mailbox, err := wire.DecodeXtext(s)
	if s == "<>" || err != nil {
		return s == "<>"
	}
	_, err = wire.CheckMailbox(mailbox)
	return err == nil && strings.Contains(mailbox, "@")
}

// offers reports whether the client may use a service extension: it must have
// said EHLO.
func (s *session) offers(extension string) bool { return s.extended && s.srv.opts.has(extension) }

// body takes the value of BODY (RFC 6152; RFC 3030, Section 3).
func (tx *transaction) body(value string) bool {
	switch strings.ToUpper(value) {
	case "7BIT":
	case "8BITMIME":
		tx.eightBit = true
	case "BINARYMIME":
		tx.eightBit, tx.binary = true, true
	default:
		return false
	}
	return true
}

// rcpt implements RCPT (RFC 5321, Section 4.1.1.3).
func (s *session) rcpt(argument string) reply {
	switch {
	case s.tx == nil:
		return badSequence("MAIL first")
	case s.tx.chunked != nil: // RFC 3030, Section 2: the recipients come first
		return badSequence("Content has begun")
	}
	s.tx.asked++
	path, rest, found := cutPath(argument, "TO:")
	if !found || path == "" {
		return syntaxError("Syntax: RCPT TO:<address>")
	}
	parameters, refusal := splitParameters(rest)
	if refusal != nil {
		return *refusal
	}
	var texts []string
	for _, p := range parameters {
		valid, known := dsnRcpt(p, s.tx.utf8)
		switch {
		case !known || !s.offers("DSN"):
			return *s.unknownParameter("RCPT", p)
		case !valid:
			return syntaxError("Bad value of " + p.keyword)
		}
		s.judgeParameter("RCPT", p)
		texts = append(texts, p.text)
	}
	if refusal := checkAddress(path, s.tx.utf8, "5.1.3"); refusal != nil {
		return *refusal
	}
	if refusal := s.tooManyRecipients(path); refusal != nil {
		return *refusal
	}
	s.judgeMailbox(path)
	s.tx.to, s.tx.toParameters = append(s.tx.to, path), append(s.tx.toParameters, texts)
	return reply{250, "2.1.5", []string{"Recipient ok"}, nil}
}

// checkAddress returns the refusal of an address; enhanced says what a bad one
// is called. Without SMTPUTF8 it is ASCII (RFC 6531, Section 3.5).
func checkAddress(address string, utf8 bool, enhanced string) *reply {
	nonASCII, err := wire.CheckMailbox(address)
	switch {
	case err != nil:
		return &reply{501, enhanced, []string{"Bad address"}, nil}
	case nonASCII && !utf8:
		return &reply{553, "5.6.7", []string{"Address needs SMTPUTF8"}, nil}
	}
	return nil
}

// cutPath takes a keyword and the path behind it from an argument, and the path
// out of its brackets. A source route is dropped (RFC 5321, Appendix C).
func cutPath(argument, keyword string) (path, rest string, ok bool) {
	if len(argument) <= len(keyword) || !strings.EqualFold(argument[:len(keyword)], keyword) {
		return "", "", false
	}
	argument, ok = strings.CutPrefix(argument[len(keyword):], "<")
	end := closingBracket(argument)
	if !ok || end < 0 {
		return "", "", false
	}
	path, rest = argument[:end], argument[end+1:]
	if rest != "" && rest[0] != ' ' {
		return "", "", false
	}
	if strings.HasPrefix(path, "@") {
		route, mailbox, found := strings.Cut(path, ":")
		return mailbox, rest, found && mailbox != "" && isRoute(route)
	}
	return path, rest, true
}

// isRoute reports whether s is an A-d-l (RFC 5321, Section 4.1.2).
func isRoute(s string) bool {
	for hop := range strings.SplitSeq(s, ",") {
		domain, found := strings.CutPrefix(hop, "@")
		if !found || strings.HasPrefix(domain, "[") || !isClientName(domain) {
			return false
		}
	}
	return true
}

// closingBracket returns the place of the ">" that is not within quotes, or -1.
func closingBracket(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '>' && !quoted:
			return i
		}
	}
	return -1
}

// A parameter is one of MAIL or RCPT, as esmtp-param of RFC 5321, Section 4.1.2.
type parameter struct {
	text    string // as the client wrote it
	keyword string // in capitals
	value   string
	valued  bool // there was a "="
}

// isBinary reports whether it asks for binary content, which is an extension of its
// own.
func (p *parameter) isBinary() bool {
	return p.keyword == "BODY" && strings.EqualFold(p.value, "BINARYMIME")
}

// splitParameters reads parameters, each behind spaces.
func splitParameters(s string) ([]parameter, *reply) {
	var list []parameter
	for text := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ' ' }) {
		p := parameter{text: text}
		p.keyword, p.value, p.valued = strings.Cut(text, "=")
		p.keyword = strings.ToUpper(p.keyword)
		bad := syntaxError("Bad parameter")
		if !isKeyword(p.keyword) || p.valued && !isParameterValue(p.value) {
			return nil, &bad
		}
		for _, other := range list {
			if other.keyword == p.keyword {
				return nil, &bad
			}
		}
		list = append(list, p)
	}
	return list, nil
}

// isKeyword reports whether s, in capitals, is an esmtp-keyword.
func isKeyword(s string) bool {
	for i, c := range []byte(s) {
		alnum := 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alnum && (c != '-' || i == 0) {
			return false
		}
	}
	return s != ""
}

// isParameterValue reports whether s is an esmtp-value, which RFC 6531,
// Section 3.3 widens by what is not ASCII.
func isParameterValue(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '=' || r == 0x7f })
}

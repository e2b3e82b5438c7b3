package mock

import (
	"fmt"
	"strings"
)

// keyword returns the line of EHLO for the limits of RFC 9422, "" if there are
// none.
func (l Limits) keyword() string {
	line := ""
	for _, limit := range []struct {
		name string
		n    int
	}{{"MAILMAX", l.MailMax}, {"RCPTMAX", l.RcptMax}, {"RCPTDOMAINMAX", l.RcptDomainMax}} {
		if limit.n > 0 {
			line += fmt.Sprintf(" %s=%d", limit.name, limit.n)
		}
	}
	if line == "" {
		return ""
	}
	return "LIMITS" + line
}

// check returns what is wrong with limits.
func (l Limits) check() error {
	for name, n := range map[string]int64{
		"Connections": int64(l.Connections), "MessagesPerMinute": int64(l.MessagesPerMinute),
		"SignInsPerMinute": int64(l.SignInsPerMinute), "SessionAge": int64(l.SessionAge),
		"MailMax": int64(l.MailMax), "RcptMax": int64(l.RcptMax), "RcptDomainMax": int64(l.RcptDomainMax),
	} {
		if n < 0 {
			return fmt.Errorf("mock: Options.Limits.%s is negative", name)
		}
	}
	return nil
}

// tooManyMails counts a MAIL command and returns its refusal, nil if it is within
// the limit (RFC 9422, Section 4.1: those that fail count, too).
func (s *session) tooManyMails() *reply {
	s.mails++
	if limit := s.srv.opts.Limits.MailMax; limit > 0 && s.mails > limit {
		return &reply{421, "4.7.0", []string{"Too many transactions in this session, closing connection"}, s.end}
	}
	return nil
}

// tooManyRecipients returns the refusal of one more recipient, nil if there is
// room for it.
func (s *session) tooManyRecipients(path string) *reply {
	l := s.srv.opts.Limits
	switch {
	case len(s.tx.to) >= s.srv.opts.MaxRecipients, // RFC 5321, Section 4.5.3.1.10
		l.RcptMax > 0 && s.tx.asked > l.RcptMax: // RFC 9422, Section 4.2
		return &reply{452, "4.5.3", []string{"Too many recipients"}, nil}
	case l.RcptDomainMax > 0 && s.tx.domains(path) > l.RcptDomainMax: // RFC 9422, Section 4.3
		return &reply{452, "4.5.3", []string{"Too many recipient domains"}, nil}
	}
	return nil
}

// domains counts the domains of the accepted recipients and of one more.
func (tx *transaction) domains(path string) int {
	seen := map[string]bool{domainOf(path): true}
	for _, to := range tx.to {
		seen[domainOf(to)] = true
	}
	return len(seen)
}

func domainOf(path string) string {
	return strings.ToLower(path[strings.LastIndexByte(path, '@')+1:])
}

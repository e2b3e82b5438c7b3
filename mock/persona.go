package mock

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-55a66e92/postern/providers/profile"
)

// A persona is a service whose manners a server has.
type persona struct {
	name       string
	mechanisms []string // that it lists
	voice      func(s *session, point string, r reply) reply
	conditions func(Condition) (row, bool)
}

// Gmail returns the options of a server that behaves as smtp.gmail.com is known
// to: what it offers, how it greets, what it says when it refuses. Tokens come
// from the authority, which should have [GoogleOAuth] as its dialect; Users may
// be added for app passwords. Conditions are what is wrong with the account.
//
// It begins with TLS, as the profile for clients does; TLS may be set to
// [STARTTLS]. The certificate is good for the real name, so that a client with
// the profile needs to be led to Server.Dial, and no more:
//
//	srv := mock.Start(t, mock.Gmail(authority))
//	cfg := smtp.Config{Profile: profile.Gmail(), DialContext: srv.Dial, TLSConfig: ...}
//
// Where nothing is known of the service, the server is itself. It takes what the
// service lists and no more: Options.Without has the other extensions, and if
// Options.Mechanisms is nil, the mechanisms are those of the service's that the
// registry has and the options can check.
func Gmail(a *Authority, conditions ...Condition) Options {
	o := fromProfile(profile.Gmail(), a, conditions)
	o.persona = &persona{"Gmail", profile.Gmail().Mechanisms, gmailVoice, gmailCondition}
	o.MaxSize = 35882577
	o.lists(profile.Gmail(), []string{"SIZE 35882577", "8BITMIME", "STARTTLS", "AUTH", "ENHANCEDSTATUSCODES", "PIPELINING", "CHUNKING", "SMTPUTF8"})
	return o
}

// Microsoft365 returns the options of a server that behaves as
// smtp.office365.com is known to, with an authority whose dialect should be
// [MicrosoftOAuth]. See [Gmail].
func Microsoft365(a *Authority, conditions ...Condition) Options {
	o := fromProfile(profile.Microsoft365(), a, conditions)
	o.persona = &persona{"Microsoft 365", profile.Microsoft365().Mechanisms, microsoftVoice, microsoftCondition}
	o.MaxSize = 157286400
	o.lists(profile.Microsoft365(), []string{"SIZE 157286400", "PIPELINING", "DSN", "ENHANCEDSTATUSCODES", "STARTTLS", "AUTH", "8BITMIME", "BINARYMIME", "CHUNKING", "SMTPUTF8"})
	return o
}

// fromProfile returns what the options of a persona owe to the profile that
// clients are configured by.
func fromProfile(p *profile.Profile, a *Authority, conditions []Condition) Options {
	o := Options{
		Conditions:  slices.Clone(conditions),
		RequireTLS:  true,
		RequireAuth: true,
		Limits: Limits{
			Connections:       p.Limits.MaxConns,
			MessagesPerMinute: p.Limits.MessagesPerMinute,
			SessionAge:        p.Limits.SessionAge,
		},
	}
	if a != nil { // a nil *Authority must not become a TokenChecker
		o.Tokens = a
	}
	if u, err := url.Parse(p.Addr); err == nil {
		o.Hostname = u.Hostname()
		if u.Scheme == "smtps" {
			o.TLS = ImplicitTLS
		}
	}
	return o
}

// lists sets what a service lists, and takes away what it does not.
func (o *Options) lists(p *profile.Profile, lines []string) {
	o.Capabilities = capabilities(p, lines)
	for _, extension := range extensions {
		if !slices.ContainsFunc(lines, func(line string) bool { return keyword(line) == extension }) {
			o.Without = append(o.Without, extension)
		}
	}
}

// runnable returns those of a persona's mechanisms that the server can run, be it
// to refuse every password.
func (o *Options) runnable() []string {
	names := []string{}
	for _, name := range o.persona.mechanisms {
		m, known := o.Registry.Lookup(name)
		if known && m.NewServer != nil && (!takesTokens(m.Name) || o.Tokens != nil || o.Directory != nil) {
			names = append(names, m.Name)
		}
	}
	return names
}

// capabilities returns what a service lists before and after TLS. What the server
// does not have is not listed; mechanisms that it does not have are, for clients
// must not be confused by them.
func capabilities(p *profile.Profile, lines []string) Capabilities {
	var c Capabilities
	for _, line := range lines {
		switch {
		case line == "STARTTLS":
			c.Plain = append(c.Plain, line)
		case line == "AUTH":
			for _, m := range p.Mechanisms {
				line += " " + m
			}
			c.TLS = append(c.TLS, line)
		case !slices.ContainsFunc(extensions[:], func(e string) bool { return e == keyword(line) }):
		default:
			c.Plain, c.TLS = append(c.Plain, line), append(c.TLS, line)
		}
	}
	return c
}

// first returns the first line of a reply, "" if it has none.
func (r *reply) first() string {
	if len(r.lines) == 0 {
		return ""
	}
	return r.lines[0]
}

// beginning returns a reply of several lines with another first one.
func (r reply) beginning(line string) reply {
	r.lines = append([]string{line}, r.lines[min(1, len(r.lines)):]...)
	return r
}

// keyword returns the name of an extension out of its line.
func keyword(line string) string {
	for i := range len(line) {
		if line[i] == ' ' {
			return line[:i]
		}
	}
	return line
}

// say returns the answer at a point: the server's own, unless the account may not
// have it, in the words of its persona.
func (s *session) say(point string, answer func() reply) reply {
	r := s.limit(point)
	if r == nil && point != "AUTH" { // a sign-in is judged when it has succeeded
		r = s.srv.opts.condition(point, s, s.signedIn)
	}
	if r == nil {
		own := answer()
		if !strings.HasPrefix(point, "AUTH") { // which says itself whose fault it is
			s.blame(point, &own)
		}
		s.misled = s.misled && point != "EHLO"
		r = &own
	}
	return s.inVoice(point, plainly(point, *r))
}

// inVoice returns a reply in the words of the server's persona.
func (s *session) inVoice(point string, r reply) reply {
	if p := s.srv.opts.persona; p != nil {
		return p.voice(s, point, r)
	}
	return r
}

// checkConditions refuses conditions that the service does not know.
func (o *Options) checkConditions() error {
	for i, c := range o.Conditions {
		if o.persona == nil {
			return fmt.Errorf("mock: Options.Conditions[%d]: only the options of Gmail and Microsoft365 have conditions", i)
		}
		if _, known := o.persona.conditions(c); !known {
			return fmt.Errorf("mock: Options.Conditions[%d]: %s has no condition %v", i, o.persona.name, c)
		}
	}
	return nil
}

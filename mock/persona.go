package mock

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-55a66e92/postern/providers/profile"
)

// A persona is a service whose manners a server has.
type persona struct {
	name       string
	mechanisms []string // that it lists; nil if nothing is known of them
	manners
}

// Manners are what is known of a service besides its profile. The zero value is
// that nothing is.
type manners struct {
	lists      []string // the lines of EHLO, for those that carry a value without it
	voice      func(s *session, point string, r reply) reply
	conditions func(Condition) (row, bool)
}

// Gmail returns the options of a server that behaves as smtp.gmail.com is known
// to. It is the [Persona] of the profile of that name.
func Gmail(a *Authority, conditions ...Condition) Options {
	return Persona(profile.Gmail(), a, conditions...)
}

// Microsoft365 returns the options of a server that behaves as
// smtp.office365.com is known to. It is the [Persona] of the profile of that name.
func Microsoft365(a *Authority, conditions ...Condition) Options {
	return Persona(profile.Microsoft365(), a, conditions...)
}

// Persona returns the options of a server that behaves as the service of a
// profile is known to: name and kind of TLS, the mechanisms in its order, how
// large a message may be and how many recipients it may have, and how much a
// mailbox may ask of it. Google's and Microsoft's also greet and refuse in their
// own words, and have conditions, which are what is wrong with the account.
//
// Tokens come from the authority, which should be one by [AuthorityFor]; nil means
// that no token is good. A service that takes no tokens has none of its
// mechanisms, whatever the authority. Users may be added for passwords.
//
// It begins with TLS if the profile for clients does; TLS may be set to
// [STARTTLS]. The certificate is good for the real name, so that a client with
// the profile needs to be led to Server.Dial, and no more:
//
//	p := profile.Gmail()
//	srv := mock.Start(t, mock.Persona(p, authority))
//	cfg := smtp.Config{Profile: p, DialContext: srv.Dial, TLSConfig: ...}
//
// Where nothing is known of the service, the server is itself. It takes what the
// service lists and no more: Options.Without has the other extensions, and if
// Options.Mechanisms is nil, the mechanisms are those of the service's that the
// registry has and the options can check. A nil profile is a service of which
// nothing is known.
func Persona(p *profile.Profile, a *Authority, conditions ...Condition) Options {
	if p == nil {
		p = profile.Any()
	}
	o := fromProfile(p, a, conditions)
	o.persona = &persona{p.Name, slices.Clone(p.Mechanisms), mannersOf(p.Slug)}
	if len(p.Mechanisms) > 0 {
		o.lists()
	}
	return o
}

// AuthorityFor returns the options of an authority whose tokens the [Persona] of a
// profile takes: with the dialect of the service, and the scope that it needs.
func AuthorityFor(p *profile.Profile) AuthorityOptions {
	var o AuthorityOptions
	if p == nil {
		return o
	}
	switch {
	case isGoogle(p.Slug):
		o.Dialect = GoogleOAuth
	case isMicrosoft(p.Slug):
		o.Dialect = MicrosoftOAuth
	}
	if len(p.Scopes) > 0 {
		o.Scope = p.Scopes[0]
	}
	return o
}

// fromProfile returns what the options of a persona owe to the profile that
// clients are configured by.
func fromProfile(p *profile.Profile, a *Authority, conditions []Condition) Options {
	o := Options{
		Conditions:    slices.Clone(conditions),
		RequireTLS:    true,
		RequireAuth:   true,
		MaxSize:       p.Limits.MessageSize,
		MaxRecipients: p.Limits.Recipients,
		Limits: Limits{
			Connections:       p.Limits.MaxConns,
			MessagesPerMinute: p.Limits.MessagesPerMinute,
			SessionAge:        p.Limits.SessionAge,
		},
	}
	if a != nil && p.NoOAuth == "" { // a nil *Authority must not become a TokenChecker
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

// lists sets what the service lists, and takes away what it does not.
func (o *Options) lists() {
	lines := o.persona.lists
	if lines == nil {
		lines = ownLines()
	}
	o.Capabilities = o.capabilities(lines)
	for _, extension := range extensions {
		if !slices.Contains(lines, extension) {
			o.Without = append(o.Without, extension)
		}
	}
}

// ownLines is what the server itself lists, less what is in nobody's reports.
func ownLines() []string {
	return slices.DeleteFunc(slices.Clone(extensions[:]), func(e string) bool { return e == "LIMITS" || e == "REQUIRETLS" })
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

// capabilities returns what a service lists before and after TLS. Mechanisms that
// the server does not have are listed, for clients must not be confused by them.
func (o *Options) capabilities(lines []string) Capabilities {
	var c Capabilities
	for _, line := range lines {
		switch line {
		case "STARTTLS":
			c.Plain = append(c.Plain, line)
			continue
		case "AUTH":
			c.TLS = append(c.TLS, line+" "+strings.Join(o.persona.mechanisms, " "))
			continue
		case "SIZE":
			line = fmt.Sprintf("SIZE %d", cmp.Or(o.MaxSize, defaultMaxSize))
		}
		c.Plain, c.TLS = append(c.Plain, line), append(c.TLS, line)
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
	if p := s.srv.opts.persona; p != nil && p.voice != nil {
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
		if _, known := o.persona.condition(c); !known {
			return fmt.Errorf("mock: Options.Conditions[%d]: %s has no condition %v", i, o.persona.name, c)
		}
	}
	return nil
}

// condition returns where a condition of the service shows, and what it answers
// there.
func (p *persona) condition(c Condition) (row, bool) {
	if p.conditions == nil {
		return row{}, false
	}
	return p.conditions(c)
}

package smtp_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// What providers answer to a sign-in, what the user reads, what class it is, and
// whether another token is asked for.

// provider starts the persona of p with faults, and returns how our client gets
// there.
func provider(t *testing.T, p *profile.Profile, a *mock.Authority, faults ...mock.Fault) (*mock.Server, smtp.Config) {
	t.Helper()
	o := mock.Persona(p, a)
	o.Network, o.Faults, o.Users = mock.InMemory, faults, map[string]string{user: "pencil"}
	s := mock.Start(t, o)
	return s, smtp.Config{Profile: p, TLSConfig: s.TLSConfig(), DialContext: s.Dial, LocalName: "client.example.com"}
}

// authorityOf starts the authority whose tokens p takes.
func authorityOf(t *testing.T, p *profile.Profile) *mock.Authority {
	t.Helper()
	o := mock.AuthorityFor(p)
	o.Network = mock.InMemory
	return mock.StartAuthority(t, o)
}

func TestProviderRefusesSignIn(t *testing.T) {
	gmail, microsoft, unknown := profile.Gmail(), profile.Microsoft365(), profile.Any()
	for _, tt := range []struct {
		name           string
		profile        *profile.Profile
		code           int
		enhanced, text string
		class          smtp.Class
		tries          int    // AUTH commands: 2 if another token was asked for
		advice         string // part of it
	}{
		{"Gmail, bare refusal", gmail, 535, "5.7.8", "Username and Password not accepted. BadCredentials", smtp.Auth, 2, "must have the scope"},
		{"Gmail, browser first", gmail, 534, "5.7.9", "Please log in with your web browser. WebLoginRequired", smtp.Auth, 1, "with a browser"},
		{"Gmail, too many sign-ins", gmail, 454, "4.7.0", "Too many login attempts, please try again later.", smtp.Throttled, 1, "how often"},
		{"Gmail, outage", gmail, 454, "4.7.0", "Cannot authenticate due to a temporary system problem.", smtp.Throttled, 1, "at the moment"},
		{"Gmail, back-pressure", gmail, 421, "4.7.0", "Try again later, closing connection.", smtp.Throttled, 1, "lower rate"},
		{"Exchange, catch-all", microsoft, 535, "5.7.3", "Authentication unsuccessful", smtp.Auth, 2, "New-ServicePrincipal"},
		{"Exchange, tenant", microsoft, 535, "5.7.139", "Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.", smtp.Auth, 1, "Set-CASMailbox"},
		{"Exchange, mailbox", microsoft, 535, "5.7.139", "Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.", smtp.Auth, 1, "off for this mailbox"},
		{"Exchange, security defaults", microsoft, 535, "5.7.139", "Authentication unsuccessful, user is locked by your organization's security defaults policy.", smtp.Auth, 1, "security defaults forbid"},
		{"Exchange, policy", microsoft, 535, "5.7.139", "Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully.", smtp.Auth, 1, "Conditional Access"},
		{"Exchange, password", microsoft, 535, "5.7.139", "Authentication unsuccessful, basic authentication is disabled.", smtp.Auth, 1, "takes no password"},
		{"Exchange, password removed", microsoft, 550, "5.7.30", "Basic authentication is not supported for Client Submission.", smtp.Auth, 1, "takes no password"},
		{"Exchange, maintenance", microsoft, 421, "4.3.2", "Service not active", smtp.Throttled, 1, "new connection"},
		{"Outlook.com, catch-all", profile.Outlook(), 535, "5.7.3", "Authentication unsuccessful", smtp.Auth, 2, "personal account"},
		{"Yahoo, too many sign-ins", profile.Yahoo(), 535, "5.7.0", "(#AUTH005) Too many bad auth attempts.", smtp.Auth, 2, "stop for a while"},
		{"Fastmail", profile.Fastmail(), 535, "5.7.0", "Incorrect username or password", smtp.Auth, 2, "app password"},
		{"Yandex", profile.Yandex(), 535, "5.7.8", "Error: authentication failed: Invalid user or password!", smtp.Auth, 2, "mail:smtp"},
		{"mechanism", unknown, 504, "5.5.4", "Unrecognized authentication type", smtp.Auth, 2, "does not run this mechanism"}, // XOAUTH2, then OAUTHBEARER
		{"mechanism, as credentials", unknown, 535, "5.7.8", "Unrecognized authentication type", smtp.Auth, 2, "does not run this mechanism"},
		{"command too long", unknown, 500, "5.5.2", "Line too long", smtp.Auth, 1, "too long"},
		{"argument too long", unknown, 501, "5.5.2", "Line too long", smtp.Auth, 1, "too long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := authorityOf(t, tt.profile)
			actions := []mock.Action{mock.Reply(tt.code, tt.enhanced, tt.text)}
			if tt.code == 421 {
				actions = append(actions, mock.Drop())
			}
			s, cfg := provider(t, tt.profile, a, mock.At("AUTH").Do(actions...))
			if cfg.Addr = tt.profile.Addr; cfg.Addr == "" {
				cfg.Addr = s.URL()
			}
			cfg.Auth = sasl.OAuth(user, &renewing{tokens: []string{"one-short-token", "another-short-token"}})
			_, err := smtp.Send(t.Context(), cfg, envelope, message)
			auth := new(smtp.AuthError)
			if !errors.As(err, &auth) || auth.Reply == nil || auth.Reply.Code != tt.code || !strings.Contains(auth.Advice, tt.advice) {
				t.Fatalf("got %v, want %d with the advice %q", err, tt.code, tt.advice)
			}
			if class := smtp.Classify(err); class != tt.class || !smtp.SafeToRetry(err) {
				t.Errorf("%v, safe %t, want %v", class, smtp.SafeToRetry(err), tt.class)
			}
			if n := len(s.Auths()); n != tt.tries {
				t.Errorf("%d AUTH commands, want %d\n%s", n, tt.tries, s.Transcript())
			}
			if !strings.Contains(err.Error(), auth.Advice) {
				t.Errorf("the text does not say what to do: %v", err)
			}
		})
	}
}

// An error challenge says what is wrong with a token: the one that has expired is
// replaced, once; one of another scope or mailbox is, too, since the server may be
// wrong, and then the user reads which it is.
func TestProviderChallenges(t *testing.T) {
	for _, tt := range []struct {
		name   string
		tokens func(*mock.Authority) []string
		advice string // "": signed in
	}{
		{"expired, then good", func(a *mock.Authority) []string { return []string{"expired", issue(a, user)} }, ""},
		{"expired twice", func(*mock.Authority) []string { return []string{"expired", "revoked"} }, "expired or was revoked"},
		{"scope", func(a *mock.Authority) []string {
			const narrow = "https://www.googleapis.com/auth/gmail.send"
			return []string{issue(a, user, narrow), issue(a, user, narrow)}
		}, "lacks the scope"},
		{"mailbox", func(a *mock.Authority) []string {
			return []string{issue(a, "else@example.com"), issue(a, "else@example.com")}
		}, "not the mailbox"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := authorityOf(t, profile.Gmail())
			s, cfg := provider(t, profile.Gmail(), a)
			g := &renewing{tokens: tt.tokens(a)}
			cfg.Auth = sasl.OAuth(user, g)
			_, err := smtp.Send(t.Context(), cfg, envelope, message)
			auth := new(smtp.AuthError)
			switch {
			case tt.advice == "":
				good(t, err)
			case !errors.As(err, &auth) || auth.OAuth == nil || auth.Reply == nil || auth.Reply.Code != 535 || !strings.Contains(auth.Advice, tt.advice):
				t.Errorf("got %v, want the challenge, 535 and the advice %q", err, tt.advice)
			case smtp.Classify(err) != smtp.Auth:
				t.Errorf("%v, want auth", smtp.Classify(err))
			}
			if g.renewals != 1 || len(s.Auths()) != 2 {
				t.Errorf("%d renewals, %d AUTH commands, want 1 and 2", g.renewals, len(s.Auths()))
			}
		})
	}
}

func issue(a *mock.Authority, account string, scopes ...string) string {
	return a.Issue(account, 0, scopes...).Value.Reveal()
}

// A server that does not offer what a token needs gets no token, and the error
// lists what it offers.
func TestProviderOffersNoTokenMechanism(t *testing.T) {
	p := profile.Microsoft365()
	o := mock.Persona(p, nil)
	o.Network, o.Users, o.Mechanisms = mock.InMemory, map[string]string{user: "pencil"}, []string{"LOGIN"}
	o.Capabilities = mock.Capabilities{}
	s := mock.Start(t, o)
	cfg := smtp.Config{Profile: p, TLSConfig: s.TLSConfig(), DialContext: s.Dial, LocalName: "client.example.com"}
	cfg.Auth = sasl.OAuth(user, sasl.TokenString(func(context.Context) (string, error) {
		t.Error("a token was fetched")
		return short, nil
	}))
	_, err := smtp.Send(t.Context(), cfg, envelope, message)
	none := new(sasl.NoMechanismError)
	if !errors.As(err, &none) || !slices.Equal(none.Offered, []string{"LOGIN"}) || !strings.Contains(err.Error(), "the server offers LOGIN") {
		t.Errorf("got %v, want *sasl.NoMechanismError with what the server offers", err)
	}
	if smtp.Classify(err) != smtp.Local || len(s.Auths()) != 0 {
		t.Errorf("%v, %d AUTH commands", smtp.Classify(err), len(s.Auths()))
	}
}

// A token that does not fit the command goes behind a 334, so that no server finds
// the command too long; one that is too long for the server even then is said to
// be.
func TestProviderFindsTokenTooLong(t *testing.T) {
	p := profile.Microsoft365()
	for _, tt := range []struct {
		name   string
		faults []mock.Fault
	}{
		{"taken", nil},
		{"refused", []mock.Fault{mock.At("AUTH/2").Do(mock.Reply(500, "5.5.6", "Authentication exchange line is too long"))}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := authorityOf(t, p)
			s, cfg := provider(t, p, a, tt.faults...)
			token := issue(a, user)
			cfg.Auth = sasl.OAuth(user, sasl.StaticToken(token))
			_, err := smtp.Send(t.Context(), cfg, envelope, message)
			said := strings.Split(lines(only(t, s)), "\n")
			at := slices.Index(said, "AUTH XOAUTH2")
			if len(token) < 400 || at < 0 || at+1 == len(said) || !strings.HasPrefix(said[at+1], "<redacted") {
				t.Fatalf("a token of %d octets, and the client said %q", len(token), said)
			}
			auth := new(smtp.AuthError)
			switch {
			case tt.faults == nil:
				good(t, err)
			case !errors.As(err, &auth) || !strings.Contains(auth.Advice, "fewer claims or scopes") || smtp.Classify(err) != smtp.Auth:
				t.Errorf("got %v", err)
			}
		})
	}
}

package mock_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// open starts the persona of a profile, with the authority that it believes, and
// returns how our client gets there.
func open(t *testing.T, p *profile.Profile) (*mock.Server, *mock.Authority, smtp.Config) {
	t.Helper()
	ao := mock.AuthorityFor(p)
	ao.Network = mock.InMemory
	a := mock.StartAuthority(t, ao)
	o := mock.Persona(p, a)
	o.Network, o.Users = mock.InMemory, map[string]string{mailbox: appPassword}
	srv := mock.Start(t, o)
	cfg := service{profile: p}.client(srv, nil)
	if p.Addr == "" {
		cfg.Addr = srv.URL()
	}
	return srv, a, cfg
}

// Every profile makes a server that our client, configured by the same profile,
// signs in to by what the profile says, and that lists what the profile knows.
func TestPersonaOfEveryProfile(t *testing.T) {
	for _, p := range profile.All() {
		t.Run(p.Slug, func(t *testing.T) {
			srv, a, cfg := open(t, p)
			want := []string{"XOAUTH2", "OAUTHBEARER"}
			cfg.Auth = tokenOf(a, mailbox)
			if p.NoOAuth != "" {
				cfg.Auth = sasl.Password(mailbox, appPassword)
				want = slices.DeleteFunc(sasl.Default().Names(), func(name string) bool { return slices.Contains(want, name) })
			}
			if err := sendFrom(t, cfg, mailbox); err != nil {
				t.Fatal(err)
			}
			m := srv.Messages()[0]
			if m.User != mailbox || !slices.Contains(want, m.Mechanism) || !m.TLS {
				t.Errorf("message of %q by %s, TLS %t", m.User, m.Mechanism, m.TLS)
			}
			said := srv.Transcript().String()
			if p.Mechanisms != nil && !strings.Contains(said, "AUTH "+strings.Join(p.Mechanisms, " ")+"\n") {
				t.Errorf("it does not list %q:\n%s", p.Mechanisms, said)
			}
			if size := p.Limits.MessageSize; size > 0 && !strings.Contains(said, fmt.Sprintf("SIZE %d\n", size)) {
				t.Errorf("it does not list a size of %d:\n%s", size, said)
			}
			if u, _ := url.Parse(p.Addr); !strings.Contains(said, u.Hostname()) {
				t.Errorf("it does not name %s:\n%s", u.Hostname(), said)
			}
			if v := violations(srv); len(v) != 0 {
				t.Errorf("violations %q", v)
			}
		})
	}
}

// Somebody with a token for a provider that takes none reads what to do instead,
// and the token is not even fetched.
func TestTokenWhereNoneIsTaken(t *testing.T) {
	for _, p := range profile.All() {
		if p.NoOAuth == "" {
			continue
		}
		t.Run(p.Slug, func(t *testing.T) {
			srv, _, cfg := open(t, p)
			cfg.Auth = sasl.OAuth(mailbox, sasl.TokenString(func(context.Context) (string, error) {
				t.Error("a token was fetched")
				return "x", nil
			}))
			err := sendFrom(t, cfg, mailbox)
			auth := new(smtp.AuthError)
			if !errors.As(err, &auth) || auth.Advice != p.NoOAuth || !strings.Contains(err.Error(), p.NoOAuth) || smtp.Classify(err) != smtp.Local {
				t.Errorf("%v is %v, want the advice %q", err, smtp.Classify(err), p.NoOAuth)
			}
			if len(srv.Auths()) != 0 {
				t.Errorf("%d AUTH commands", len(srv.Auths()))
			}
		})
	}
}

// The advice is for those with a token: a password meets the other reasons.
func TestPasswordWhereNoTokenIsTaken(t *testing.T) {
	p := profile.ICloud()
	_, _, cfg := open(t, p)
	cfg.Auth = sasl.Password(mailbox, appPassword)
	cfg.Auth.Policy.Order = []string{"SCRAM-SHA-256"}
	err := sendFrom(t, cfg, mailbox)
	if none := new(sasl.NoMechanismError); !errors.As(err, &none) || strings.Contains(err.Error(), p.NoOAuth) {
		t.Errorf("got %v, want *sasl.NoMechanismError without a word about tokens", err)
	}
}

// A persona takes as many recipients as its profile says.
func TestPersonaRecipients(t *testing.T) {
	p := profile.Yandex()
	srv, a, cfg := open(t, p)
	cfg.Auth = tokenOf(a, mailbox)
	env := smtp.Envelope{From: mailbox}
	for i := range p.Limits.Recipients + 1 {
		env.To = append(env.To, fmt.Sprintf("friend%d@example.test", i))
	}
	result, err := smtp.Send(t.Context(), cfg, env, smtp.Bytes([]byte("Subject: x\r\n\r\nx\r\n")))
	partial := new(smtp.PartialError)
	if !errors.As(err, &partial) || len(partial.Rejected) != 1 || !strings.Contains(partial.Rejected[0].Err.Advice, "in another one") {
		t.Errorf("got %v", err)
	}
	if again := result.Retryable(); len(again) != 1 || again[0] != env.To[p.Limits.Recipients] {
		t.Errorf("to be sent again: %q", again)
	}
	if len(srv.Messages()) != 1 || len(srv.Messages()[0].To) != p.Limits.Recipients {
		t.Errorf("the server has %+v", srv.Messages())
	}
}

// A service of which nothing is known is the server itself.
func TestPersonaOfNothing(t *testing.T) {
	for name, p := range map[string]*profile.Profile{"nil": nil, "any": profile.Any()} {
		o := mock.Persona(p, nil, mock.MailboxFull)
		if _, err := mock.New(o); err == nil || err.Error() != "mock: Options.Conditions[0]: any other server has no condition MailboxFull" {
			t.Errorf("%s: %v", name, err)
		}
		if got := mock.Persona(p, nil).PossibleConditions(); len(got) != 0 {
			t.Errorf("%s: conditions %v", name, got)
		}
		if got := mock.AuthorityFor(p); got.Dialect != mock.GenericOAuth || got.Scope != "" {
			t.Errorf("%s: authority %+v", name, got)
		}
	}
}

// The other clouds of Microsoft have its words and conditions, and their scopes.
func TestPersonaOfOtherClouds(t *testing.T) {
	for _, p := range []*profile.Profile{profile.Microsoft365GCCHigh(), profile.Microsoft365DoD(), profile.Microsoft365China(), profile.Outlook()} {
		srv, a, cfg := open(t, p)
		cfg.Auth = tokenOf(a, mailbox, "https://graph.microsoft.com/Mail.Send")
		code, enhanced, advice := refusal(sendFrom(t, cfg, mailbox))
		if code != 535 || enhanced != "5.7.3" || !strings.Contains(advice, p.Scopes[0]) {
			t.Errorf("%s: %d %s, advice %q\n%s", p.Slug, code, enhanced, advice, srv.Transcript())
		}
	}
}

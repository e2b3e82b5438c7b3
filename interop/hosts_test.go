package interop

import (
	"context"
	"errors"
	"fmt"
	"net"
	netsmtp "net/smtp"
	"strings"
	"testing"

	gomail "github.com/wneessen/go-mail"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// Hosts are clients that run an exchange of package sasl: our own and those of
// others. Each signs in on a connection of its own and returns the result.
var hosts = []struct {
	name   string
	plus   bool // it lets the exchange see the TLS connection
	signIn func(t *testing.T, a *sasl.Authenticator, d sasl.Directory, r *sasl.Registry) error
}{
	{"package smtp", true, overMock(signInOurs)},
	{"net-smtp", true, overMock(signInNetSMTP)},
	{"go-smtp", true, overMock(signInGoSMTP)},
	{"go-mail", false, overMock(signInGoMail)},
	{"go-imap", true, func(t *testing.T, a *sasl.Authenticator, d sasl.Directory, r *sasl.Registry) error {
		_, err := signInIMAP(t, a, startIMAP(t, d, r))
		return err
	}},
}

// overMock signs in to a mock of its own.
func overMock(signIn func(*testing.T, *sasl.Authenticator, *mock.Server) error) func(*testing.T, *sasl.Authenticator, sasl.Directory, *sasl.Registry) error {
	return func(t *testing.T, a *sasl.Authenticator, d sasl.Directory, r *sasl.Registry) error {
		t.Helper()
		return signIn(t, a, mock.Start(t, mock.Options{Directory: d, Registry: r, RequireTLS: true}))
	}
}

func signInOurs(t *testing.T, a *sasl.Authenticator, s *mock.Server) error {
	t.Helper()
	c, err := smtp.Dial(t.Context(), smtp.Config{Addr: s.URL(), TLSConfig: s.TLSConfig(), Auth: a})
	if err != nil {
		return err
	}
	return c.Close()
}

func signInNetSMTP(t *testing.T, a *sasl.Authenticator, s *mock.Server) error {
	t.Helper()
	c, err := dialNetSMTP(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return authNetSMTP(t.Context(), a, c, s)
}

// dialNetSMTP connects net/smtp's client and starts TLS.
func dialNetSMTP(ctx context.Context, s *mock.Server) (*netsmtp.Client, error) {
	host, _, err := net.SplitHostPort(s.Addr())
	if err != nil {
		return nil, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Addr())
	if err != nil {
		return nil, err
	}
	c, err := netsmtp.NewClient(conn, host)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, c.StartTLS(s.TLSConfig())
}

func authNetSMTP(ctx context.Context, a *sasl.Authenticator, c *netsmtp.Client, s *mock.Server) error {
	host, _, err := net.SplitHostPort(s.Addr())
	if err != nil {
		return err
	}
	state, encrypted := c.TLSConnectionState()
	if !encrypted {
		return errors.New("no TLS")
	}
	auth := sasl.NetSMTP(ctx, a, &sasl.Conn{Host: host, TLS: &state, Verified: true})
	return auth.Finish(c.Auth(auth))
}

func signInGoSMTP(t *testing.T, a *sasl.Authenticator, s *mock.Server) error {
	t.Helper()
	return signIn(t, a, s)
}

func signInGoMail(t *testing.T, a *sasl.Authenticator, s *mock.Server) error {
	t.Helper()
	host, _, err := net.SplitHostPort(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	auth, config := newGoMailAuth(t.Context(), a, host, s.TLSConfig())
	client := newGoMail(t, s, mock.STARTTLS, gomail.WithSMTPAuthCustom(auth))
	if err := client.SetTLSConfig(config); err != nil {
		t.Fatal(err)
	}
	if err := auth.Finish(client.DialWithContext(t.Context())); err != nil {
		return err
	}
	return client.Close()
}

// TestHosts: SCRAM, bound and not, and XOAUTH2 succeed in every host.
func TestHosts(t *testing.T) {
	for _, host := range hosts {
		for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "XOAUTH2"} {
			if strings.HasSuffix(mechanism, "-PLUS") && !host.plus {
				continue
			}
			t.Run(host.name+"/"+mechanism, func(t *testing.T) {
				a := sasl.Password(user, password)
				if mechanism == "XOAUTH2" {
					a = sasl.OAuth(user, sasl.StaticToken(token))
				}
				a.Policy.Order = []string{mechanism}
				if err := host.signIn(t, a, new(accounts), nil); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestHostsRefuseSuccessWithoutProof: a server that reports success and has not
// proved itself signs nobody in, whatever client runs the exchange.
func TestHostsRefuseSuccessWithoutProof(t *testing.T) {
	for _, host := range hosts {
		for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"} {
			if strings.HasSuffix(mechanism, "-PLUS") && !host.plus {
				continue
			}
			for after, instead := range []string{"the first message", "the signature"} {
				t.Run(host.name+"/"+mechanism+"/in place of "+instead, func(t *testing.T) {
					a := sasl.Password(user, password)
					a.Policy.Order = []string{mechanism}
					err := host.signIn(t, a, new(accounts), lying(mechanism, after))
					if !errors.Is(err, sasl.ErrServerUnverified) {
						t.Errorf("%v, want ErrServerUnverified", err)
					}
				})
			}
		}
	}
}

// lying is Default with a mechanism whose server side reports success after that
// many challenges.
func lying(mechanism string, after int) *sasl.Registry {
	m, _ := sasl.Default().Lookup(mechanism)
	honest := m.NewServer
	m.NewServer = func(ctx context.Context, c *sasl.Conn, d sasl.Directory) (sasl.Server, error) {
		server, err := honest(ctx, c, d)
		return &liar{server, after}, err
	}
	return sasl.Default().Without(mechanism).With(m)
}

type liar struct {
	sasl.Server
	left int
}

func (l *liar) Next(response []byte) (challenge []byte, done bool, err error) {
	if l.left == 0 {
		return nil, true, nil
	}
	l.left--
	return l.Server.Next(response)
}

// TestHostsReplaceRefusedTokens: a refusal that any client meets is remembered
// for the next sign-in. Our own has replaced the token on the same connection.
func TestHostsReplaceRefusedTokens(t *testing.T) {
	for _, host := range hosts {
		for _, kind := range refusalKinds {
			t.Run(host.name+"/"+kind.name, func(t *testing.T) {
				known := &accounts{refusal: kind.refusal}
				a, g := oauth("XOAUTH2", stale, token)
				err := host.signIn(t, a, known, nil)
				if host.name != "package smtp" {
					if !errors.Is(err, sasl.ErrRejected) {
						t.Errorf("%v, want ErrRejected", err)
					}
					err = host.signIn(t, a, known, nil)
				}
				if err != nil {
					t.Error(err)
				}
				wantTokens(t, known, stale, token)
				refused := sasl.Token{Value: sasl.NewSecret(stale)}
				if asked := g.asked(); len(asked) != 2 || !asked[1].Rejected.Matches(refused) {
					t.Errorf("the generator was asked %+v", asked)
				}
			})
		}
	}
}

// TestHostsCoolDown: after two refusals no client tries a third time.
func TestHostsCoolDown(t *testing.T) {
	for _, host := range hosts[1:] {
		t.Run(host.name, func(t *testing.T) {
			known := &accounts{refusal: fmt.Errorf("%w: expired", sasl.ErrRejected)}
			a, _ := oauth("XOAUTH2", stale, stale+"2", token)
			for range 2 {
				if err := host.signIn(t, a, known, nil); !errors.Is(err, sasl.ErrRejected) {
					t.Errorf("%v, want ErrRejected", err)
				}
			}
			err := host.signIn(t, a, known, nil)
			if cool := new(sasl.CoolDownError); !errors.As(err, &cool) {
				t.Errorf("%v, want a CoolDownError", err)
			}
			wantTokens(t, known, stale, stale+"2")
		})
	}
}

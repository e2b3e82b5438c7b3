package interop

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	netsmtp "net/smtp"
	"strconv"
	"testing"

	gosasl "github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"github.com/seed-55a66e92/postern/mock"
)

// An otherClient is a client that somebody else wrote, connected and signed in.
type otherClient interface {
	send(from string, to []string, data []byte) error
	io.Closer
}

// otherClients are the ways to connect one and sign in. Each sends the messages
// as they are.
var otherClients = []struct {
	name, mechanism string
	connect         func(context.Context, *mock.Server, mock.TLSMode) (otherClient, error)
}{
	{"net-smtp", "PLAIN", connectNetSMTP},
	{"go-smtp", "PLAIN", goSMTPWith(func(string, int) gosasl.Client { return gosasl.NewPlainClient("", user, password) })},
	{"go-smtp", "LOGIN", goSMTPWith(func(string, int) gosasl.Client { return gosasl.NewLoginClient(user, password) })},
	{"go-smtp", "OAUTHBEARER", goSMTPWith(func(host string, port int) gosasl.Client {
		return gosasl.NewOAuthBearerClient(&gosasl.OAuthBearerOptions{Username: user, Token: token, Host: host, Port: port})
	})},
}

func TestOtherClientsSend(t *testing.T) {
	overEachClient(t, func(t *testing.T) []letter { return ownLetters() })
}

func TestOtherClientsSendCorpus(t *testing.T) { overEachClient(t, corpusLetters) }

// overEachClient sends all letters with each client over each transport, on one
// connection.
func overEachClient(t *testing.T, letters func(*testing.T) []letter) {
	for _, transport := range mockTransports {
		for _, other := range otherClients {
			t.Run(transport.name+"/"+other.name+"/"+other.mechanism, func(t *testing.T) {
				letters := letters(t)
				server := startMock(t, transport.mode, new(accounts))
				client, err := other.connect(t.Context(), server, transport.mode)
				if err != nil {
					t.Fatal(err)
				}
				to := envelope.To
				for i, l := range letters {
					t.Run(l.name, func(t *testing.T) {
						if err := client.send(envelope.From, to, l.data); err != nil {
							t.Fatal(err)
						}
						wantStored(t, server, i+1, other.mechanism, envelope.From, to, l.data)
					})
				}
				if err := client.Close(); err != nil {
					t.Errorf("QUIT: %v", err)
				}
			})
		}
	}
}

// netSMTP is net/smtp's client.
type netSMTP struct{ *netsmtp.Client }

func connectNetSMTP(ctx context.Context, s *mock.Server, mode mock.TLSMode) (otherClient, error) {
	host, _, err := net.SplitHostPort(s.Addr())
	if err != nil {
		return nil, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Addr())
	if err != nil {
		return nil, err
	}
	if mode == mock.ImplicitTLS {
		conn = tls.Client(conn, s.TLSConfig())
	}
	c, err := netsmtp.NewClient(conn, host)
	if err != nil {
		return nil, err
	}
	if mode == mock.STARTTLS {
		if err := c.StartTLS(s.TLSConfig()); err != nil {
			return nil, err
		}
	}
	return netSMTP{c}, c.Auth(netsmtp.PlainAuth("", user, password, host))
}

func (c netSMTP) send(from string, to []string, data []byte) error {
	if err := c.Mail(from); err != nil {
		return err
	}
	for _, addr := range to {
		if err := c.Rcpt(addr); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	return w.Close()
}

func (c netSMTP) Close() error { return c.Quit() }

// goSMTP is go-smtp's client.
type goSMTP struct{ *gosmtp.Client }

// goSMTPWith returns a connect function that signs in with go-sasl's client side
// of a mechanism.
func goSMTPWith(mechanism func(host string, port int) gosasl.Client) func(context.Context, *mock.Server, mock.TLSMode) (otherClient, error) {
	return func(_ context.Context, s *mock.Server, mode mock.TLSMode) (otherClient, error) {
		c, err := dialGoSMTP(s, mode)
		if err != nil {
			return nil, err
		}
		host, port, err := net.SplitHostPort(s.Addr())
		if err != nil {
			return nil, err
		}
		number, err := strconv.Atoi(port)
		if err != nil {
			return nil, err
		}
		return goSMTP{c}, c.Auth(mechanism(host, number))
	}
}

func dialGoSMTP(s *mock.Server, mode mock.TLSMode) (*gosmtp.Client, error) {
	if mode == mock.ImplicitTLS {
		return gosmtp.DialTLS(s.Addr(), s.TLSConfig())
	}
	return gosmtp.DialStartTLS(s.Addr(), s.TLSConfig())
}

func (c goSMTP) send(from string, to []string, data []byte) error {
	if err := c.Mail(from, &gosmtp.MailOptions{Size: int64(len(arrived(data)))}); err != nil {
		return err
	}
	for _, addr := range to {
		if err := c.Rcpt(addr, nil); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	return w.Close()
}

func (c goSMTP) Close() error { return c.Quit() }

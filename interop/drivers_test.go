package interop

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/mail"
	netsmtp "net/smtp"
	"slices"
	"strconv"
	"strings"

	gosasl "github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
	gomail "github.com/wneessen/go-mail"
	gomaillog "github.com/wneessen/go-mail/log"

	"github.com/seed-55a66e92/postern/conformance"
)

// errNoMechanism says that a client has no mechanism that is offered and takes the
// credential.
var errNoMechanism = fmt.Errorf("%w: it has none of the mechanisms", errors.ErrUnsupported)

// errNoAuth is what SendMail of net/smtp and of go-smtp says to a server without
// AUTH.
var errNoAuth = errors.New("the server does not offer AUTH")

// offers reports whether a server offers a mechanism.
func offers(extension func(string) (bool, string), mechanism string) bool {
	_, mechanisms := extension("AUTH")
	return slices.Contains(strings.Fields(mechanisms), mechanism)
}

// dialDriven connects a client under test. The connection ends with the context,
// since two of the clients know of none.
func dialDriven(ctx context.Context, cfg conformance.ClientConfig) (net.Conn, *tls.Config, error) {
	host, _, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return nil, nil, err
	}
	conn, err := cfg.Dial(ctx, "tcp", cfg.Addr)
	if err != nil {
		return nil, nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	config := &tls.Config{ServerName: host, RootCAs: cfg.RootCAs}
	if cfg.TLS == conformance.ImplicitTLS {
		conn = tls.Client(conn, config)
	}
	return conn, config, nil
}

// driveNetSMTP drives net/smtp's client, by password.
func driveNetSMTP(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
	if cfg.Token != nil || cfg.Mechanism != "" && cfg.Mechanism != "PLAIN" {
		return conformance.AnswerOf(errNoMechanism)
	}
	return conformance.AnswerOf(sendNetSMTP(ctx, cfg, msg))
}

func sendNetSMTP(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) error {
	conn, config, err := dialDriven(ctx, cfg)
	if err != nil {
		return err
	}
	defer conn.Close()
	c, err := netsmtp.NewClient(conn, config.ServerName)
	if err != nil {
		return err
	}
	if cfg.TLS == conformance.STARTTLSRequired {
		if err := c.StartTLS(config); err != nil {
			return err
		}
	}
	if ok, _ := c.Extension("AUTH"); !ok {
		return errNoAuth
	}
	if !offers(c.Extension, "PLAIN") {
		return errNoMechanism
	}
	if err := c.Auth(netsmtp.PlainAuth("", cfg.Username, cfg.Password, config.ServerName)); err != nil {
		return err
	}
	if err := (netSMTP{c}).send(msg.From, msg.To, msg.Data); err != nil {
		return err
	}
	return c.Quit()
}

// driveGoSMTP drives go-smtp's client, by PLAIN, LOGIN and OAUTHBEARER of go-sasl.
func driveGoSMTP(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
	return conformance.AnswerOf(sendGoSMTP(ctx, cfg, msg))
}

func sendGoSMTP(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) error {
	conn, config, err := dialDriven(ctx, cfg)
	if err != nil {
		return err
	}
	defer conn.Close()
	var c *gosmtp.Client
	if cfg.TLS == conformance.ImplicitTLS {
		c = gosmtp.NewClient(conn)
	} else if c, err = gosmtp.NewClientStartTLS(conn, config); err != nil {
		return err
	}
	c.DebugWriter = cfg.Log
	if cfg.Timeout > 0 {
		c.CommandTimeout, c.SubmissionTimeout = cfg.Timeout, cfg.Timeout
	}
	if ok, _ := c.Extension("AUTH"); !ok {
		return errNoAuth
	}
	mechanism, err := goSASLClient(ctx, cfg, c)
	if err != nil {
		return err
	}
	if err := c.Auth(mechanism); err != nil {
		return err
	}
	if err := c.SendMail(msg.From, msg.To, bytes.NewReader(msg.Data)); err != nil {
		return err
	}
	return c.Quit()
}

// goSASLClient returns a mechanism of go-sasl that the server offers.
func goSASLClient(ctx context.Context, cfg conformance.ClientConfig, c *gosmtp.Client) (gosasl.Client, error) {
	usable := func(mechanism string) bool {
		return (cfg.Mechanism == "" || cfg.Mechanism == mechanism) && offers(c.Extension, mechanism)
	}
	switch {
	case cfg.Token == nil && usable(gosasl.Plain):
		return gosasl.NewPlainClient("", cfg.Username, cfg.Password), nil
	case cfg.Token == nil && usable(gosasl.Login):
		return gosasl.NewLoginClient(cfg.Username, cfg.Password), nil
	case cfg.Token == nil || !usable(gosasl.OAuthBearer):
		return nil, errNoMechanism
	}
	token, err := cfg.Token(ctx)
	return gosasl.NewOAuthBearerClient(&gosasl.OAuthBearerOptions{Username: cfg.Username, Token: token}), err
}

// driveGoMail drives go-mail, which chooses a mechanism for a password by itself.
func driveGoMail(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
	return conformance.AnswerOf(sendGoMail(ctx, cfg, msg))
}

func sendGoMail(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) error {
	host, port, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	message, err := goMailMessage(msg)
	if err != nil {
		return err
	}
	config := &tls.Config{ServerName: host, RootCAs: cfg.RootCAs}
	options := []gomail.Option{
		gomail.WithPort(number), gomail.WithTLSConfig(config), gomail.WithHELO("client.test"),
		gomail.WithUsername(cfg.Username), gomail.WithPassword(cfg.Password), gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
		gomail.WithDebugLog(), gomail.WithLogger(gomaillog.New(cfg.Log, gomaillog.LevelDebug)),
		gomail.WithTLSPolicy(gomail.TLSMandatory), gomail.WithDialContextFunc(cfg.Dial),
	}
	if cfg.TLS == conformance.ImplicitTLS {
		// It does not see that the connection is encrypted, and chooses no mechanism.
		// The context that it dials with ends before the connection does.
		options = append(options, gomail.WithSSL(), gomail.WithSMTPAuth(gomail.SMTPAuthPlain), gomail.WithDialContextFunc(
			func(context.Context, string, string) (net.Conn, error) {
				conn, _, err := dialDriven(ctx, cfg)
				return conn, err
			}))
	}
	if cfg.Token != nil {
		token, err := cfg.Token(ctx)
		if err != nil {
			return err
		}
		options = append(options, gomail.WithPassword(token), gomail.WithSMTPAuth(gomail.SMTPAuthXOAUTH2))
	}
	if cfg.Mechanism == "OAUTHBEARER" {
		return errNoMechanism
	}
	if cfg.Mechanism != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthType(cfg.Mechanism)))
	}
	if cfg.Timeout > 0 {
		options = append(options, gomail.WithTimeout(cfg.Timeout))
	}
	client, err := gomail.NewClient(host, options...)
	if err != nil {
		return err
	}
	err = client.DialAndSendWithContext(ctx, message)
	if errors.Is(err, gomail.ErrXOauth2AuthNotSupported) {
		return errNoMechanism // of those for tokens
	}
	return err
}

// errNoSender says that a client has no null sender (RFC 5321, Section 4.5.5).
var errNoSender = fmt.Errorf("%w: a message without a sender", errors.ErrUnsupported)

// goMailMessage composes a message anew: go-mail writes its own.
func goMailMessage(msg conformance.Message) (*gomail.Msg, error) {
	if msg.From == "" {
		return nil, errNoSender
	}
	parsed, err := mail.ReadMessage(bytes.NewReader(msg.Data))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(parsed.Body)
	if err != nil {
		return nil, err
	}
	encoding := gomail.EncodingUSASCII // 7bit
	if has8bit(body) {
		encoding = gomail.NoEncoding
	}
	m := gomail.NewMsg(gomail.WithEncoding(encoding))
	for key, values := range parsed.Header {
		if strings.HasPrefix(key, "X-") {
			m.SetGenHeader(gomail.Header(key), values...)
		}
	}
	m.Subject(parsed.Header.Get("Subject"))
	m.SetBodyString(gomail.TypeTextPlain, string(body))
	return m, errors.Join(m.From(msg.From), m.To(msg.To...))
}

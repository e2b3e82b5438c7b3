package conformance_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	netsmtp "net/smtp"
	"sync/atomic"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badclient"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// engine drives package smtp.
func engine(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
	config := smtp.Config{
		Addr:        cfg.Addr,
		TLS:         smtp.STARTTLSRequired,
		TLSConfig:   &tls.Config{RootCAs: cfg.RootCAs},
		Auth:        sasl.Password(cfg.Username, cfg.Password),
		DialContext: cfg.Dial,
		Logger:      slog.New(slog.NewTextHandler(cfg.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if cfg.TLS == conformance.ImplicitTLS {
		config.TLS = smtp.TLSImplicit
	}
	if cfg.Token != nil {
		config.Auth = sasl.OAuth(cfg.Username, sasl.TokenString(cfg.Token))
	}
	_, err := smtp.Send(ctx, config, smtp.Envelope{From: msg.From, To: msg.To}, smtp.Bytes(msg.Data))
	switch smtp.Classify(err) {
	case smtp.None:
		return conformance.Answer{Status: conformance.Delivered}
	case smtp.Auth:
		return conformance.Answer{Status: conformance.AuthFailed, Err: err}
	case smtp.Temporary, smtp.Throttled, smtp.Network:
		return conformance.Answer{Status: conformance.Temporary, Err: err}
	case smtp.Permanent:
		return conformance.Answer{Status: conformance.Permanent, Err: err}
	}
	return conformance.AnswerOf(err)
}

// naive drives a client with a defect.
func naive(defect badclient.Defect) conformance.DriverFunc {
	return func(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
		config := badclient.Config{
			Addr:     cfg.Addr,
			Dial:     cfg.Dial,
			Implicit: cfg.TLS == conformance.ImplicitTLS,
			RootCAs:  cfg.RootCAs,
			Username: cfg.Username,
			Password: cfg.Password,
			Log:      cfg.Log,
		}
		if cfg.Token != nil {
			token, err := cfg.Token(ctx)
			if err != nil {
				return conformance.AnswerOf(err)
			}
			config.Token = token
		}
		return conformance.AnswerOf(badclient.Send(ctx, defect, config, msg.From, msg.To, msg.Data))
	}
}

var errMade = errors.New("made up")

// silent does nothing and says whatever it was made to.
func silent(answer conformance.Answer) conformance.DriverFunc {
	return func(context.Context, conformance.ClientConfig, conformance.Message) conformance.Answer { return answer }
}

// stuck connects and then waits for what never comes.
func stuck(ctx context.Context, cfg conformance.ClientConfig, _ conformance.Message) conformance.Answer {
	conn, err := cfg.Dial(ctx, "tcp", cfg.Addr)
	if err != nil {
		return conformance.AnswerOf(err)
	}
	defer conn.Close()
	_, err = io.Copy(io.Discard, conn)
	return conformance.AnswerOf(cmp.Or(err, io.ErrUnexpectedEOF))
}

// blind says all that a client says, whatever the server answers, and then
// whatever it was made to.
func blind(answer conformance.Answer) conformance.DriverFunc {
	return func(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
		conn, err := cfg.Dial(ctx, "tcp", cfg.Addr)
		if err != nil {
			return conformance.AnswerOf(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "EHLO client.test\r\nSTARTTLS\r\nEHLO client.test\r\nAUTH PLAIN AHgAeQ==\r\n"+
			"MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n%s.\r\nQUIT\r\n", msg.From, msg.To[0], msg.Data)
		return answer
	}
}

// fading does as d does once, and then only what rest does. Made anew for each
// case, it passes the control and no more.
func fading(d, rest conformance.DriverFunc) conformance.DriverFunc {
	var calls atomic.Int32
	return func(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
		if calls.Add(1) == 1 {
			return d(ctx, cfg, msg)
		}
		return rest(ctx, cfg, msg)
	}
}

// greeted connects, reads the greeting and goes away.
func greeted(ctx context.Context, cfg conformance.ClientConfig, _ conformance.Message) conformance.Answer {
	conn, err := cfg.Dial(ctx, "tcp", cfg.Addr)
	if err != nil {
		return conformance.AnswerOf(err)
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 512)); err != nil {
		return conformance.AnswerOf(err)
	}
	return conformance.AnswerOf(errMade)
}

// standard drives net/smtp, with a password and STARTTLS.
func standard(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
	if cfg.Token != nil || cfg.TLS != conformance.STARTTLSRequired {
		return conformance.AnswerOf(fmt.Errorf("%w: tokens and implicit TLS", errors.ErrUnsupported))
	}
	return conformance.AnswerOf(sendStandard(ctx, cfg, msg))
}

func sendStandard(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) error {
	host, _, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return err
	}
	conn, err := cfg.Dial(ctx, "tcp", cfg.Addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	c, err := netsmtp.NewClient(conn, host)
	if err != nil {
		return err
	}
	if ok, _ := c.Extension("STARTTLS"); !ok {
		return errors.New("STARTTLS is not offered")
	}
	if err := c.StartTLS(&tls.Config{ServerName: host, RootCAs: cfg.RootCAs}); err != nil {
		return err
	}
	if err := c.Auth(netsmtp.PlainAuth("", cfg.Username, cfg.Password, host)); err != nil {
		return err
	}
	if err := c.Mail(msg.From); err != nil {
		return err
	}
	for _, to := range msg.To {
		if err := c.Rcpt(to); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(msg.Data); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.Quit()
}

// withoutDial makes a driver dial the address by itself.
func withoutDial(d conformance.DriverFunc) conformance.DriverFunc {
	return func(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
		cfg.Dial = new(net.Dialer).DialContext
		return d(ctx, cfg, msg)
	}
}

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
	if cfg.Mechanism != "" {
		if _, ok := sasl.Default().Lookup(cfg.Mechanism); !ok {
			return conformance.AnswerOf(fmt.Errorf("%w: %s", errors.ErrUnsupported, cfg.Mechanism))
		}
		config.Auth.Policy.Order = []string{cfg.Mechanism}
	}
	if t := cfg.Timeout; t > 0 {
		config.Timeouts = smtp.Timeouts{Dial: t, TLS: t, Greeting: t, Command: t, DataInit: t, DataBlock: t, DataEnd: t}
	}
	result, err := smtp.Send(ctx, config, smtp.Envelope{From: msg.From, To: msg.To}, smtp.Bytes(msg.Data))
	answer := conformance.Answer{Status: engineStatus(smtp.Classify(err)), Err: err, Recipients: make(map[string]conformance.Status)}
	for _, address := range msg.To {
		answer.Recipients[address] = answer.Status
	}
	for _, address := range result.Accepted {
		if answer.Status == conformance.Partial {
			answer.Recipients[address] = conformance.Delivered
		}
	}
	for _, r := range result.Rejected {
		answer.Recipients[r.Recipient] = engineStatus(smtp.Classify(r.Err))
	}
	return answer
}

// engineStatus says what a class of errors means.
func engineStatus(c smtp.Class) conformance.Status {
	switch c {
	case smtp.None:
		return conformance.Delivered
	case smtp.Auth:
		return conformance.AuthFailed
	case smtp.Temporary, smtp.Throttled, smtp.Network:
		return conformance.Temporary
	case smtp.Permanent:
		return conformance.Permanent
	case smtp.Partial:
		return conformance.Partial
	case smtp.Uncertain:
		return conformance.Uncertain
	}
	return conformance.Failed
}

// naive drives a client with a defect.
func naive(defect badclient.Defect) conformance.DriverFunc { return naiveAs(badclient.Plain, defect) }

// naiveAs drives a client with a manner and a defect.
func naiveAs(manner badclient.Manner, defect badclient.Defect) conformance.DriverFunc {
	return func(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
		result, err := badclient.Send(ctx, defect, badclient.Config{
			Addr:      cfg.Addr,
			Dial:      cfg.Dial,
			Implicit:  cfg.TLS == conformance.ImplicitTLS,
			RootCAs:   cfg.RootCAs,
			Username:  cfg.Username,
			Password:  cfg.Password,
			Token:     cfg.Token,
			Mechanism: cfg.Mechanism,
			Timeout:   cfg.Timeout,
			Log:       cfg.Log,
			Manner:    manner,
		}, badclient.Message{From: msg.From, To: msg.To, Data: msg.Data})
		return naiveAnswer(defect, msg, result, err)
	}
}

// naiveAnswer says what became of a message.
func naiveAnswer(defect badclient.Defect, msg conformance.Message, result badclient.Result, err error) conformance.Answer {
	answer := conformance.Answer{Status: naiveStatus(defect, err), Err: err, Recipients: make(map[string]conformance.Status)}
	switch {
	case result.Delivered && len(result.Rejected) > 0:
		answer.Status = conformance.Partial
	case result.Uncertain:
		answer.Status = conformance.Uncertain
	}
	for _, address := range msg.To {
		answer.Recipients[address] = answer.Status
		if answer.Status == conformance.Partial {
			answer.Recipients[address] = conformance.Delivered
		}
		if e := result.Rejected[address]; e != nil {
			answer.Recipients[address] = naiveStatus(defect, e)
		}
	}
	return answer
}

// naiveStatus says what an error means.
func naiveStatus(defect badclient.Defect, err error) conformance.Status {
	var refused *badclient.ReplyError
	switch {
	case err == nil:
		return conformance.Delivered
	case !errors.As(err, &refused):
		return conformance.Failed
	case refused.Verb == "AUTH" && refused.Code != 421 && defect == badclient.AllPermanent:
		return conformance.Permanent
	case refused.Verb == "greeting" && defect == badclient.GreetingStays:
		return conformance.Permanent
	case refused.Code == 452 && defect == badclient.FewRecipients:
		return conformance.Permanent
	case refused.Code/100 == 4:
		return conformance.Temporary
	case refused.Verb == "AUTH":
		return conformance.AuthFailed
	}
	return conformance.Permanent
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
	if cfg.Token != nil || cfg.TLS != conformance.STARTTLSRequired || cfg.Mechanism != "" && cfg.Mechanism != "PLAIN" || cfg.Timeout > 0 {
		return conformance.AnswerOf(fmt.Errorf("%w: tokens, implicit TLS, timeouts, and mechanisms but PLAIN", errors.ErrUnsupported))
	}
	err := sendStandard(ctx, cfg, msg)
	if ctx.Err() != nil { // it closes the connection, below
		err = errors.Join(ctx.Err(), err)
	}
	return conformance.AnswerOf(err)
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
	if ok, _ := c.Extension("AUTH"); !ok {
		return errors.New("AUTH is not offered")
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
	_ = c.Quit() // the message is delivered, whatever comes
	return nil
}

// withoutDial makes a driver dial the address by itself.
func withoutDial(d conformance.DriverFunc) conformance.DriverFunc {
	return func(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
		cfg.Dial = new(net.Dialer).DialContext
		return d(ctx, cfg, msg)
	}
}

// Package badclient is an SMTP client that is right until it is told not to be.
// Each [Defect] is the mutant of one case of package conformance: it shows that
// the case finds what it looks for, and that no other case takes it for something
// else.
//
// The client is a naive one that knows PLAIN, LOGIN, XOAUTH2, OAUTHBEARER and
// SCRAM, and nobody should send mail with it.
package badclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"strings"
	"time"
)

// A Config says how to send.
type Config struct {
	Addr     string
	Dial     func(ctx context.Context, network, addr string) (net.Conn, error)
	Implicit bool // TLS from the start, not by STARTTLS
	RootCAs  *x509.CertPool

	Username  string
	Password  string // used if Token is nil
	Token     func(context.Context) (string, error)
	Mechanism string // "" for any

	Timeout time.Duration // of each wait; zero means 5 minutes

	Log io.Writer

	Manner Manner

	plain bool // without TLS
}

// A Message is what to send.
type Message struct {
	From string
	To   []string
	Data []byte
}

// A Result says what became of a message.
type Result struct {
	Delivered bool                   // to those who are not in Rejected
	Uncertain bool                   // nobody knows whether it was delivered
	Rejected  map[string]*ReplyError // recipients that were refused
}

// A ReplyError is a reply that refused a command.
type ReplyError struct {
	Verb  string
	Code  int
	Lines []string
	// Challenge is what an OAuth server said of the token before.
	Challenge string
}

func (e *ReplyError) Error() string {
	text := fmt.Sprintf("%s: %d %q", e.Verb, e.Code, strings.Join(e.Lines, " / "))
	if e.Challenge != "" {
		text += ": " + e.Challenge
	}
	return text
}

// A session is one connection.
type session struct {
	cfg    Config
	defect Defect
	conn   net.Conn
	in     *reader
	clear  []byte            // what the server sent in clear behind STARTTLS
	offers map[string]string // keyword to parameters
	ending bool              // the message is out, and may take the server longest
	again  bool              // EHLO was said, and is said once more
}

// Send sends one message.
func Send(ctx context.Context, defect Defect, cfg Config, msg Message) (Result, error) {
	if cfg.Manner == Splits {
		return sendEach(ctx, defect, cfg, msg)
	}
	result, err := send(ctx, defect, cfg, msg)
	if cfg.Manner.again(ctx, result, err) {
		result, err = send(ctx, defect, cfg, msg)
	}
	var refused *ReplyError
	var untrusted *tls.CertificateVerificationError
	switch {
	case defect == ClearAfterHandshake && errors.Is(err, errHandshake) && !errors.As(err, &untrusted) &&
		!errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil:
		cfg.plain = true
		result, err = send(ctx, defect, cfg, msg)
	case defect == ResendRefused && errors.As(err, &refused) && refused.Verb == "content" && refused.Code != 421:
		result, err = send(ctx, defect, cfg, msg)
	case defect == ResendAfterEOF && errors.Is(err, errNoReply) && !errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil:
		result, err = send(ctx, defect, cfg, msg)
	case defect == SilentEOF && errors.Is(err, errNoGreeting) && errors.Is(err, io.EOF):
		return Result{Delivered: true}, nil
	}
	if err != nil && ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	return result, err
}

// send makes one connection and sends over it.
func send(ctx context.Context, defect Defect, cfg Config, msg Message) (Result, error) {
	if err := checkAddresses(defect, msg); err != nil {
		return Result{}, err
	}
	dialling := ctx
	if defect == IgnoreCancel {
		dialling = context.WithoutCancel(ctx)
	}
	conn, err := cfg.Dial(dialling, "tcp", cfg.Addr)
	if err != nil {
		return Result{}, err
	}
	defer conn.Close()
	if defect != IgnoreCancel {
		defer context.AfterFunc(ctx, func() { conn.Close() })()
	}
	s := &session{cfg: cfg, defect: defect, conn: conn}
	s.in = newReader(s, conn)
	if defect == OneTimer && cfg.Timeout > 0 {
		_ = conn.SetDeadline(time.Now().Add(cfg.Timeout)) // a wait that ends late is the defect
	}
	if err := s.open(ctx); err != nil {
		s.leave(err)
		return Result{}, err
	}
	result, err := s.transact(msg)
	if err != nil {
		s.leave(err)
		return result, err
	}
	if defect != JustClose {
		_, _ = s.command("QUIT", "QUIT") // the message is delivered, whatever comes
	}
	return result, nil
}

// leave says QUIT if the session has come to its end by a reply, and does not wait
// for the answer.
func (s *session) leave(err error) {
	var refused *ReplyError
	switch {
	case s.cfg.Manner == Closes:
		return
	case s.cfg.Manner == Quits:
		_ = s.write("QUIT")
		_, _ = s.read() // it may be that of something else
		return
	case !errors.As(err, &refused):
		return
	}
	if refused.Code == 421 && s.defect == GoOnAfter421 {
		_, _ = s.command("RSET", "RSET")
	}
	if refused.Code != 421 {
		_ = s.write("QUIT")
	}
}

// open takes the session up to the sign-in.
func (s *session) open(ctx context.Context) error {
	if s.cfg.Implicit {
		if err := s.handshake(); err != nil {
			return err
		}
	}
	if s.defect == TalkFirst {
		if err := s.write("EHLO client.test"); err != nil {
			return err
		}
	}
	if err := s.greeting(); err != nil {
		return err
	}
	if err := s.hello(s.defect == TalkFirst); err != nil {
		return err
	}
	if !s.cfg.Implicit && !s.cfg.plain {
		if err := s.startTLS(); err != nil {
			return err
		}
	}
	if s.offers == nil {
		return nil // HELO, which has no extensions
	}
	if err := s.chat("NOOP", "RSET"); err != nil {
		return err
	}
	if s.defect == TLSWithinTLS {
		if err := s.nest(); err != nil {
			return err
		}
	}
	err := s.auth(ctx)
	if err == nil && s.cfg.Manner == HelloAgain {
		err = s.hello(false)
	}
	return err
}

var (
	errNoGreeting = errors.New("no greeting")
	errHandshake  = errors.New("no TLS")
)

func (s *session) greeting() error {
	s.wait()
	start, err := s.in.in.Peek(4)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoGreeting, err)
	}
	if string(start) == "220-" && s.defect == FirstLine {
		_, err := s.in.in.ReadString('\n')
		return err
	}
	_, err = s.reply("greeting")
	return err
}

func (s *session) startTLS() error {
	if s.offers == nil && s.defect == FallBackToHELO {
		return nil
	}
	if _, ok := s.offers["STARTTLS"]; !ok {
		if s.defect == ContinueInClear {
			return nil
		}
		return fmt.Errorf("STARTTLS is not offered")
	}
	line := "STARTTLS"
	if s.defect == PipelineSTARTTLS {
		line += "\r\nEHLO client.test"
	}
	reply, err := s.command("STARTTLS", line)
	if err != nil || reply.Code != 220 {
		var refused *ReplyError
		if s.defect == ClearAfterRefusal && (err == nil || errors.As(err, &refused)) {
			return nil
		}
		if err == nil {
			err = &ReplyError{Verb: "STARTTLS", Code: reply.Code, Lines: reply.Lines}
		}
		return err
	}
	if s.defect == KeepPlaintext {
		s.clear = s.in.rest()
	}
	before := s.offers
	if err := s.handshake(); err != nil {
		return err
	}
	if err := s.hello(false); err != nil {
		return err
	}
	if s.defect == KeepCapabilities {
		maps.Copy(before, s.offers)
		s.offers = before
	}
	return nil
}

// nest sends STARTTLS within TLS, and goes on whatever the answer is.
func (s *session) nest() error {
	if _, ok := s.offers["STARTTLS"]; !ok {
		return nil
	}
	_, err := s.command("STARTTLS", "STARTTLS")
	var refused *ReplyError
	if errors.As(err, &refused) {
		return nil
	}
	return err
}

func (s *session) handshake() error {
	host, _, err := net.SplitHostPort(s.cfg.Addr)
	if err != nil {
		return err
	}
	conn := tls.Client(s.conn, &tls.Config{
		ServerName:         host,
		RootCAs:            s.cfg.RootCAs,
		MinVersion:         tls.VersionTLS12,
		CurvePreferences:   []tls.CurveID{tls.X25519}, // the default costs twice the time
		InsecureSkipVerify: s.defect == AcceptAnyCertificate,
	})
	if s.defect != NoTLSTimer {
		s.wait()
	} else {
		_ = s.conn.SetDeadline(time.Time{}) // the next wait sets another
	}
	if err := conn.Handshake(); err != nil {
		return fmt.Errorf("%w: %w", errHandshake, err)
	}
	s.conn, s.in = conn, newReader(s, conn)
	return nil
}

// name is the argument of EHLO.
func (s *session) name() string {
	if s.defect == BadName {
		return "my_host.test"
	}
	return "client.test"
}

// hello says EHLO, unless that is said, and reads what the server offers.
func (s *session) hello(said bool) error {
	if !said {
		if err := s.say("EHLO " + s.name()); err != nil {
			return err
		}
	}
	reply, err := s.reply("EHLO")
	var refused *ReplyError
	if s.defect == FallBackToHELO && errors.As(err, &refused) && refused.Code/10 == 50 {
		s.offers = nil
		_, err = s.command("HELO", "HELO client.test")
		return err
	}
	if s.cfg.Manner == OldHello && errors.As(err, &refused) && refused.Code/10 == 50 {
		if _, err := s.command("HELO", "HELO client.test"); err != nil {
			return err
		}
		return fmt.Errorf("no extensions, and so no TLS and no sign-in: %w", err)
	}
	if err != nil {
		return err
	}
	if s.cfg.Manner == HelloTwice && !s.again {
		s.again = true
		defer func() { s.again = false }()
		return s.hello(false)
	}
	s.offers = make(map[string]string)
	for _, line := range reply.Lines[1:] {
		keyword, parameters, _ := strings.Cut(strings.TrimSpace(line), " ")
		if s.defect != CaseSensitive {
			keyword, parameters = strings.ToUpper(keyword), strings.ToUpper(parameters)
		}
		if _, again := s.offers[keyword]; !again {
			s.offers[keyword] = parameters
		}
	}
	return nil
}

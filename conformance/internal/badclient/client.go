// Package badclient is an SMTP client that is right until it is told not to be.
// Each [Defect] is the mutant of one case of package conformance: it shows that
// the case finds what it looks for, and that no other case takes it for something
// else.
//
// The client is a naive one: it sends one command at a time, knows PLAIN and
// XOAUTH2, and nobody should send mail with it.
package badclient

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// A Defect is the one thing that a client does wrong.
type Defect string

// The defects. The zero Defect is none.
const (
	None                 Defect = ""
	LongInitialResponse  Defect = "long-initial-response"  // any initial response is on the AUTH line
	CancelErrorChallenge Defect = "cancel-error-challenge" // "*" answers an XOAUTH2 error challenge
	HangOnErrorChallenge Defect = "hang-on-error-challenge"
	ContinueInClear      Defect = "continue-in-clear" // if STARTTLS is not offered
	AcceptAnyCertificate Defect = "accept-any-certificate"
	LastCodeWins         Defect = "last-code-wins" // in a reply of several codes
	LogAUTH              Defect = "log-auth"       // as it is sent
)

// A Config says how to send.
type Config struct {
	Addr     string
	Dial     func(ctx context.Context, network, addr string) (net.Conn, error)
	Implicit bool // TLS from the start, not by STARTTLS
	RootCAs  *x509.CertPool

	Username string
	Password string // used if Token is empty
	Token    string

	Log io.Writer
}

// A ReplyError is a reply that refused a command.
type ReplyError struct {
	Verb  string
	Code  int
	Lines []string
	// Challenge is what an XOAUTH2 server said of the token before.
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
	in     *bufio.Reader
	offers map[string]string // keyword to parameters
}

// Send sends one message: content with CRLF line endings.
func Send(ctx context.Context, defect Defect, cfg Config, from string, to []string, content []byte) error {
	conn, err := cfg.Dial(ctx, "tcp", cfg.Addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	s := &session{cfg: cfg, defect: defect, conn: conn, in: bufio.NewReader(conn)}
	if err := s.open(); err != nil {
		return err
	}
	if err := s.transact(from, to, content); err != nil {
		return err
	}
	_, err = s.command("QUIT", "QUIT", 221)
	return err
}

// open takes the session up to the sign-in.
func (s *session) open() error {
	if s.cfg.Implicit {
		if err := s.handshake(); err != nil {
			return err
		}
	}
	if _, err := s.reply("greeting", 220); err != nil {
		return err
	}
	if err := s.hello(); err != nil {
		return err
	}
	if !s.cfg.Implicit {
		if err := s.startTLS(); err != nil {
			return err
		}
	}
	return s.auth()
}

func (s *session) startTLS() error {
	if _, ok := s.offers["STARTTLS"]; !ok {
		if s.defect == ContinueInClear {
			return nil
		}
		return fmt.Errorf("STARTTLS is not offered")
	}
	if _, err := s.command("STARTTLS", "STARTTLS", 220); err != nil {
		return err
	}
	if err := s.handshake(); err != nil {
		return err
	}
	return s.hello()
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
		InsecureSkipVerify: s.defect == AcceptAnyCertificate,
	})
	if err := conn.Handshake(); err != nil {
		return err
	}
	s.conn, s.in = conn, bufio.NewReader(conn)
	return nil
}

func (s *session) hello() error {
	reply, err := s.command("EHLO", "EHLO client.test", 250)
	if err != nil {
		return err
	}
	s.offers = make(map[string]string)
	for _, line := range reply.Lines[1:] {
		keyword, parameters, _ := strings.Cut(line, " ")
		s.offers[keyword] = parameters
	}
	return nil
}

func (s *session) transact(from string, to []string, content []byte) error {
	if _, err := s.command("MAIL", "MAIL FROM:<"+from+">", 250); err != nil {
		return err
	}
	for _, recipient := range to {
		if _, err := s.command("RCPT", "RCPT TO:<"+recipient+">", 250); err != nil {
			return err
		}
	}
	if _, err := s.command("DATA", "DATA", 354); err != nil {
		return err
	}
	w := wire.NewDotWriter(s.conn)
	if _, err := w.Write(content); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_, err := s.reply("content", 250)
	return err
}

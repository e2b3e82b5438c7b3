package smtp_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

const (
	user  = "you@example.com"
	short = "ya29.a0AfH6SMBxQ-short-token-x7Kq"
)

// long is a token that does not fit the AUTH command.
var long = strings.Repeat("eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9", 40)

var (
	envelope = smtp.Envelope{From: user, To: []string{"friend@example.com"}}
	message  = smtp.Bytes([]byte("Subject: hi\r\n\r\n.hello\r\n"))
)

// accounts is a directory of one user whose tokens come and go.
type accounts struct {
	mu      sync.Mutex
	good    map[string]bool
	refusal error // how a token is refused; nil: with an error challenge
}

func accept(tokens ...string) *accounts {
	a := &accounts{good: make(map[string]bool)}
	for _, token := range tokens {
		a.good[token] = true
	}
	return a
}

func (a *accounts) Account(_ context.Context, name string) (sasl.Account, error) {
	if name != user {
		return sasl.Account{}, sasl.ErrNoAccount
	}
	return sasl.Account{Password: sasl.NewSecret("pencil"), Token: func(_ context.Context, token sasl.Secret) error {
		a.mu.Lock()
		defer a.mu.Unlock()
		switch {
		case a.good[token.Reveal()]:
			return nil
		case a.refusal != nil:
			return a.refusal
		}
		return &sasl.OAuthError{Status: "401", Schemes: "bearer mac", Scope: "https://mail.google.com/"}
	}}, nil
}

// config leads to s through its own Dial.
func config(s *mock.Server, a *sasl.Authenticator) smtp.Config {
	return smtp.Config{Addr: s.URL(), TLSConfig: s.TLSConfig(), DialContext: s.Dial, Auth: a, LocalName: "client.example.com"}
}

// lines returns what the client said in a session, AUTH payloads redacted.
func lines(s mock.Session) string {
	var said []string
	for _, l := range s.Transcript {
		if l.From == mock.FromClient {
			said = append(said, l.Text)
		}
	}
	return strings.Join(said, "\n")
}

// only returns the one session that a server had.
func only(t *testing.T, s *mock.Server) mock.Session {
	t.Helper()
	sessions := s.Sessions()
	if len(sessions) != 1 {
		t.Fatalf("%d connections; want 1", len(sessions))
	}
	return sessions[0]
}

// verbs returns the commands of a session up to QUIT.
func verbs(s mock.Session) string {
	var list []string
	for _, c := range s.Commands {
		if c.Verb != "QUIT" {
			list = append(list, c.Verb)
		}
	}
	return strings.Join(list, " ")
}

// tree returns an error and all that it wraps.
func tree(err error) []error {
	if err == nil {
		return nil
	}
	all := []error{err}
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		all = append(all, tree(err.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, e := range err.Unwrap() {
			all = append(all, tree(e)...)
		}
	}
	return all
}

// scan fails the test if a secret, its base64 or half of it shows in any of the
// texts, or in any formatting of the values.
func scan(t *testing.T, secret string, values ...any) {
	t.Helper()
	var needles []string
	for _, s := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))} {
		needles = append(needles, s[:len(s)/2], s[len(s)/2:])
	}
	for offset := range 3 { // base64 of it within something longer
		inner := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", offset) + secret))
		needles = append(needles, inner[4:len(inner)-4])
	}
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%q", "%s"} {
			text := fmt.Sprintf(verb, v)
			for _, needle := range needles {
				if strings.Contains(text, needle) {
					t.Errorf("%s of a %T shows a secret: %.300s", verb, v, text)
					return
				}
			}
		}
	}
}

// logger returns a logger of everything and what it has written.
func logger() (*slog.Logger, fmt.Stringer) {
	b := new(syncBuffer)
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})), b
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

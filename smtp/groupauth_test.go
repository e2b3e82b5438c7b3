package smtp_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// PLAIN in the group of the first message saves a round trip. A token's
// mechanism, a password that does not fit and a server without PIPELINING wait.
func TestAuthInGroup(t *testing.T) {
	const without = 6 // TLS, greeting, EHLO, AUTH, MAIL to DATA, content
	tooLong := strings.Repeat("pencil ", 60)
	many := smtp.Envelope{From: user}
	for i := range 500 {
		many.To = append(many.To, fmt.Sprintf("recipient-%d@example.com", i))
	}
	for _, tt := range []struct {
		name  string
		auth  *sasl.Authenticator
		users map[string]string
		env   smtp.Envelope
		less  []string
		trips int
	}{
		{"PLAIN", sasl.Password(user, "pencil"), map[string]string{user: "pencil"}, envelope, nil, without - 1},
		{"PLAIN, many recipients", sasl.Password(user, "pencil"), map[string]string{user: "pencil"}, many, nil, without - 1},
		{"too long", sasl.Password(user, tooLong), map[string]string{user: tooLong}, envelope, nil, without + 1},
		{"no PIPELINING", sasl.Password(user, "pencil"), map[string]string{user: "pencil"}, envelope, []string{"PIPELINING"}, without + 2},
		{"XOAUTH2", sasl.OAuth(user, sasl.StaticToken(short)), nil, envelope, nil, without},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := mock.Options{Network: mock.InMemory, TLS: mock.ImplicitTLS, Users: tt.users, Without: tt.less}
			if tt.users == nil {
				o.Directory = accept(short)
			} else {
				o.Mechanisms = []string{"PLAIN"}
			}
			s := mock.Start(t, o)
			cfg := config(s, tt.auth)
			cfg.AuthInGroup = true
			res, err := smtp.Send(t.Context(), cfg, tt.env, message)
			if err != nil {
				t.Fatal(err)
			}
			got := s.Messages()
			if len(got) != 1 || got[0].User != user || len(got[0].To) != len(tt.env.To) || res.Mechanism != got[0].Mechanism || res.Mechanism == "" {
				t.Fatalf("mechanism %q, server has %+v", res.Mechanism, got)
			}
			if tt.name != "PLAIN, many recipients" && got[0].RoundTrips != tt.trips {
				t.Errorf("%d round trips; want %d", got[0].RoundTrips, tt.trips)
			}
		})
	}
}

// A server that refuses the sign-in may still accept what came behind it. It
// gets no content, and the caller gets the refusal.
func TestAuthInGroupRefused(t *testing.T) {
	for name, fault := range map[string]mock.Fault{
		"535":       mock.At("AUTH").Do(mock.Reply(535, "5.7.8", "no")),
		"454":       mock.At("AUTH").Do(mock.Reply(454, "4.7.0", "later")),
		"504":       mock.At("AUTH").Do(mock.Reply(504, "5.5.4", "no such mechanism")),
		"421":       mock.At("AUTH").Do(mock.Reply(421, "4.7.0", "later")),
		"challenge": mock.At("AUTH").Do(mock.Raw([]byte("334 \r\n"))),
		"250":       mock.At("AUTH").Do(mock.Reply(250, "2.0.0", "ok")),
		"closed":    mock.At("AUTH").Do(mock.Drop()),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mock.Start(t, mock.Options{
					Network: mock.InMemory, Users: map[string]string{user: "pencil"},
					Mechanisms: []string{"PLAIN", "LOGIN"}, Faults: []mock.Fault{fault},
				})
				cfg := config(s, sasl.Password(user, "pencil"))
				cfg.AuthInGroup = true
				conn := cutDialer(&cfg, s, false)
				res, err := smtp.Send(t.Context(), cfg, envelope, message)
				synctest.Wait()
				if err == nil || !smtp.SafeToRetry(err) || len(s.Messages()) != 0 || !(*conn).isClosed() || len(res.Accepted) != 0 {
					t.Errorf("got %v, server has %d messages", err, len(s.Messages()))
				}
				auth := new(smtp.AuthError)
				switch {
				case name == "535" && (!errors.As(err, &auth) || auth.Reply.Code != 535 || smtp.Classify(err) != smtp.Auth),
					name == "504" && (!errors.As(err, &auth) || auth.Reply.Code != 504),
					name == "454" && smtp.Classify(err) != smtp.Throttled:
					t.Errorf("%v is %v", err, smtp.Classify(err))
				}
				scan(t, "\x00"+user+"\x00pencil", err)
			})
		})
	}
}

// Dial signs in, whatever is set.
func TestDialIgnoresAuthInGroup(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory, Users: map[string]string{user: "pencil"}, Mechanisms: []string{"PLAIN"}})
	cfg := config(s, sasl.Password(user, "pencil"))
	cfg.AuthInGroup = true
	c, err := smtp.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n := len(s.Auths()); n != 1 {
		t.Errorf("%d AUTH; want 1", n)
	}
}

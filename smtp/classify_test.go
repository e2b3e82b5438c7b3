package smtp_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// What a reply means depends on its code, its enhanced code and what it replies
// to: throttling is 421 anywhere, 432, 454 to AUTH, and some 4yz to the commands
// that are about a message as a whole; never one to RCPT.
func TestClassifyReplies(t *testing.T) {
	tests := []struct {
		point string
		code  int
		ec    string
		want  smtp.Class
	}{
		{"CONNECT", 421, "4.3.2", smtp.Throttled},
		{"CONNECT", 450, "4.7.1", smtp.Temporary},
		{"CONNECT", 554, "5.7.1", smtp.Permanent},
		{"EHLO", 421, "4.7.0", smtp.Throttled},
		{"EHLO", 451, "4.7.0", smtp.Temporary},
		{"EHLO", 500, "5.5.1", smtp.Local}, // TLS is required
		{"EHLO", 550, "5.7.1", smtp.Permanent},
		{"STARTTLS", 421, "4.7.0", smtp.Throttled},
		{"STARTTLS", 454, "4.7.0", smtp.Temporary},
		{"STARTTLS", 501, "5.5.4", smtp.Permanent},

		{"MAIL", 421, "4.7.0", smtp.Throttled},
		{"MAIL", 432, "4.3.2", smtp.Throttled},
		{"MAIL", 450, "4.7.1", smtp.Throttled},
		{"MAIL", 451, "4.3.2", smtp.Throttled},
		{"MAIL", 451, "4.3.0", smtp.Temporary},
		{"MAIL", 452, "4.3.1", smtp.Temporary},
		{"MAIL", 459, "", smtp.Temporary},
		{"MAIL", 530, "5.7.0", smtp.Auth},
		{"MAIL", 550, "5.7.1", smtp.Permanent},
		{"MAIL", 552, "5.3.4", smtp.Permanent},
		{"RCPT", 421, "4.7.0", smtp.Throttled},
		{"RCPT", 432, "4.3.2", smtp.Temporary},
		{"RCPT", 450, "4.7.1", smtp.Temporary},
		{"RCPT", 451, "4.3.2", smtp.Temporary},
		{"RCPT", 452, "4.5.3", smtp.Temporary},
		{"RCPT", 530, "5.7.0", smtp.Auth},
		{"RCPT", 550, "5.1.1", smtp.Permanent},
		{"DATA", 421, "4.7.0", smtp.Throttled},
		{"DATA", 432, "4.3.2", smtp.Throttled},
		{"DATA", 451, "4.7.0", smtp.Throttled},
		{"DATA", 451, "", smtp.Temporary},
		{"DATA", 554, "5.5.1", smtp.Permanent},
		{"EOD", 421, "4.7.0", smtp.Throttled},
		{"EOD", 451, "4.7.28", smtp.Throttled},
		{"EOD", 450, "4.3.2", smtp.Throttled},
		{"EOD", 452, "4.3.1", smtp.Temporary},
		{"EOD", 554, "5.2.252", smtp.Permanent},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.point, " ", tt.code, " ", tt.ec), func(t *testing.T) {
			s := mock.Start(t, mock.Options{
				Network: mock.InMemory, Without: []string{"CHUNKING", "BINARYMIME"},
				Faults: []mock.Fault{mock.At(tt.point).Do(mock.Reply(tt.code, tt.ec, "no"))},
			})
			_, err := smtp.Send(t.Context(), config(s, nil), envelope, message)
			refusal := new(smtp.ReplyError)
			if !errors.As(err, &refusal) || refusal.Reply.Code != tt.code || refusal.Temporary() != (tt.code < 500) {
				t.Fatalf("got %v", err)
			}
			if got := smtp.Classify(err); got != tt.want || !smtp.SafeToRetry(err) || len(s.Messages()) != 0 {
				t.Errorf("%v is %v; want %v", err, got, tt.want)
			}
		})
	}
}

// Servers give many codes for one cause, so these are what can be told apart at
// a sign-in.
func TestClassifySignIn(t *testing.T) {
	for _, tt := range []struct {
		code int
		ec   string
		want smtp.Class
	}{
		{421, "4.7.0", smtp.Throttled},
		{432, "4.3.2", smtp.Throttled},
		{432, "4.7.12", smtp.Auth}, // RFC 4954, Section 6: a password transition
		{454, "4.7.0", smtp.Throttled},
		{451, "4.3.0", smtp.Temporary},
		{500, "5.5.6", smtp.Auth},
		{501, "5.5.2", smtp.Auth},
		{504, "5.5.4", smtp.Auth},
		{530, "5.7.0", smtp.Auth},
		{534, "5.7.9", smtp.Auth},
		{535, "5.7.3", smtp.Auth},
		{535, "5.7.8", smtp.Auth},
		{535, "", smtp.Auth},
		{538, "5.7.11", smtp.Auth},
		{550, "5.7.30", smtp.Auth},
		{553, "", smtp.Auth},
	} {
		t.Run(fmt.Sprint(tt.code, " ", tt.ec), func(t *testing.T) {
			s := mock.Start(t, mock.Options{
				Network: mock.InMemory, Users: map[string]string{user: "pencil"}, Mechanisms: []string{"PLAIN"},
				Faults: []mock.Fault{mock.At("AUTH").Do(mock.Reply(tt.code, tt.ec, "no"))},
			})
			_, err := smtp.Send(t.Context(), config(s, sasl.Password(user, "pencil")), envelope, message)
			auth := new(smtp.AuthError)
			if !errors.As(err, &auth) || auth.Reply == nil || auth.Reply.Code != tt.code {
				t.Fatalf("got %v", err)
			}
			if got := smtp.Classify(err); got != tt.want || !smtp.SafeToRetry(err) {
				t.Errorf("%v is %v; want %v", err, got, tt.want)
			}
		})
	}
}

// Errors that no server has a part in, and what they are wrapped in.
func TestClassifyErrors(t *testing.T) {
	partial := &smtp.PartialError{Rejected: []*smtp.RecipientError{{Recipient: "a@b.test", Err: &smtp.ReplyError{Command: "RCPT", Reply: smtp.Reply{Code: 550}}}}}
	for _, tt := range []struct {
		name string
		err  error
		want smtp.Class
		safe bool
	}{
		{"nil", nil, smtp.None, false},
		{"uncertain", fmt.Errorf("%w: %w", smtp.ErrUncertain, io.EOF), smtp.Uncertain, false},
		{"uncertain, for the context ended", fmt.Errorf("%w: %w", smtp.ErrUncertain, context.Canceled), smtp.Uncertain, false},
		{"uncertain for some", errors.Join(partial, smtp.ErrUncertain), smtp.Uncertain, false},
		{"partial", partial, smtp.Partial, false},
		{"partial, wrapped", fmt.Errorf("queue: %w", partial), smtp.Partial, false},
		{"context", context.Canceled, smtp.Canceled, true},
		{"deadline", context.DeadlineExceeded, smtp.Canceled, true},
		{"configuration", smtp.ErrConfig, smtp.Local, true},
		{"envelope", smtp.ErrEnvelope, smtp.Local, true},
		{"message", smtp.ErrMessage, smtp.Local, true},
		{"consumed", smtp.ErrConsumed, smtp.Local, true},
		{"no TLS", smtp.ErrTLSRequired, smtp.Local, true},
		{"not offered", smtp.ErrNotOffered, smtp.Local, true},
		{"insecure", sasl.ErrInsecure, smtp.Local, true},
		{"no mechanism", &sasl.NoMechanismError{}, smtp.Local, true},
		{"certificate", &tls.CertificateVerificationError{Err: io.EOF}, smtp.Local, true},
		{"too large", smtp.ErrTooLarge, smtp.Permanent, true},
		{"protocol", smtp.ErrProtocol, smtp.Network, true},
		{"broken", smtp.ErrBroken, smtp.Network, true},
		{"phase", &smtp.PhaseError{Phase: smtp.PhaseGreeting, Err: io.EOF}, smtp.Network, true},
		{"recipient", &smtp.RecipientError{Recipient: "a@b.test", Err: &smtp.ReplyError{Command: "RCPT", Reply: smtp.Reply{Code: 450}}}, smtp.Temporary, true},
		{"token for now", &sasl.TokenError{Err: temporaryError{io.EOF}}, smtp.Temporary, true},
		{"token", &sasl.TokenError{Err: io.EOF}, smtp.Auth, true},
		{"another's", errors.New("boom"), smtp.Network, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, err := range []error{tt.err, wrapped(tt.err)} {
				if got := smtp.Classify(err); got != tt.want && !(err != tt.err && got == smtp.Network) {
					t.Errorf("%v is %v; want %v", err, got, tt.want)
				}
				if got := smtp.SafeToRetry(err); got != tt.safe {
					t.Errorf("SafeToRetry(%v) = %v", err, got)
				}
			}
		})
	}
}

// wrapped wraps an error, but not nil.
func wrapped(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("caller: %w", err)
}

// Advice comes with the reply to any command, from the profile and from the
// standards.
func TestAdviceForEveryCommand(t *testing.T) {
	own := &profile.Profile{Advice: []profile.Advice{{Code: 599, Say: "ask Ann"}}}
	for _, point := range []string{"CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "EOD"} {
		t.Run(point, func(t *testing.T) {
			s := mock.Start(t, mock.Options{
				Network: mock.InMemory, Directory: accept(short), Without: []string{"CHUNKING", "BINARYMIME"},
				Faults: []mock.Fault{mock.At(point).Do(mock.Reply(599, "5.9.9", "no"))},
			})
			cfg := config(s, sasl.OAuth(user, sasl.StaticToken(short)))
			cfg.Profile = own
			_, err := smtp.Send(t.Context(), cfg, envelope, message)
			advice := ""
			if auth := new(smtp.AuthError); errors.As(err, &auth) {
				advice = auth.Advice
			} else if reply := new(smtp.ReplyError); errors.As(err, &reply) {
				advice = reply.Advice
			}
			if advice != "ask Ann" {
				t.Errorf("advice %q in %v", advice, err)
			}
		})
	}
}

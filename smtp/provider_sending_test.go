package smtp_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// What providers answer once somebody is signed in, and what becomes of the
// connection: a refusal that is about a message leaves it to the next one.
func TestProviderRefusesMessage(t *testing.T) {
	gmail, microsoft := profile.Gmail(), profile.Microsoft365()
	for _, tt := range []struct {
		name           string
		profile        *profile.Profile
		at             string
		code           int
		enhanced, text string
		class          smtp.Class
		advice         string // part of it
		ends           bool   // the connection
	}{
		{"Gmail, no sign-in", gmail, "MAIL", 530, "5.7.0", "Authentication Required.", smtp.Auth, "wants a sign-in", false},
		{"Gmail, TLS first", gmail, "MAIL", 530, "5.7.0", "Must issue a STARTTLS command first.", smtp.Auth, "wants TLS first", false},
		{"Gmail, back-pressure", gmail, "MAIL", 421, "4.7.0", "Try again later, closing connection.", smtp.Throttled, "lower rate", true},
		{"Gmail, day is over", gmail, "EOD", 550, "5.4.5", "Daily user sending limit exceeded.", smtp.Permanent, "24 hours", false},
		{"relay, unknown machine", profile.GmailRelay(), "MAIL", 550, "5.7.1", "Invalid credentials for relay [192.0.2.1].", smtp.Permanent, "registers this machine", false},
		{"Exchange, no sign-in", microsoft, "MAIL", 530, "5.7.57", "Client not authenticated to send mail.", smtp.Auth, "reply to AUTH", false},
		{"Exchange, connections", microsoft, "MAIL", 432, "4.3.2", "Concurrent connections limit exceeded.", smtp.Throttled, "at most three connections", false},
		{"Exchange, threads", microsoft, "EOD", 432, "4.3.2", "STOREDRV.ClientSubmit; sender thread limit exceeded", smtp.Throttled, "at most three connections", false},
		{"Exchange, not active", microsoft, "MAIL", 421, "4.3.2", "Service not active", smtp.Throttled, "new connection", true},
		{"Exchange, too many connections", microsoft, "EOD", 421, "4.3.2", "The maximum number of concurrent connections has exceeded a limit, closing transmission channel", smtp.Throttled, "new connection", true},
		{"Exchange, no access", microsoft, "EOD", 430, "4.2.0", "STOREDRV; mailbox logon failure; MapiExceptionLogonFailed", smtp.Temporary, "It looks temporary and is not", false},
		{"Exchange, Send As", microsoft, "EOD", 550, "5.2.252", "SendAsDenied; not allowed to send as that", smtp.Permanent, "Send As", false},
		{"Exchange, Send As, old form", microsoft, "EOD", 554, "5.2.0", "STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied", smtp.Permanent, "Send As", false},
		{"Exchange, Send As at MAIL", microsoft, "MAIL", 550, "5.7.60", "SMTP; Client does not have permissions to send as this sender", smtp.Permanent, "Send As", false},
		{"Exchange, Send As at the end", microsoft, "EOD", 550, "5.7.60", "SMTP; Client does not have permissions to send as this sender", smtp.Permanent, "Send As", false},
		{"Exchange, full", microsoft, "EOD", 554, "5.2.2", "mailbox full", smtp.Permanent, "Sent Items", false},
		{"Zoho, another sender", profile.Zoho(), "EOD", 553, "", "Relaying disallowed as else@example.com", smtp.Permanent, "address or an alias", false},
		{"Yandex, spam", profile.Yandex(), "EOD", 554, "5.7.1", "Message rejected under suspicion of SPAM", smtp.Permanent, "prolongs", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := authorityOf(t, tt.profile)
			actions := []mock.Action{mock.Reply(tt.code, tt.enhanced, tt.text)}
			if tt.ends {
				actions = append(actions, mock.Drop())
			}
			s, cfg := provider(t, tt.profile, a, mock.At(tt.at).Nth(1).Do(actions...))
			cfg.Auth = sasl.OAuth(user, sasl.TokenString(func(context.Context) (string, error) { return issue(a, user), nil }))
			if tt.profile.NoOAuth != "" {
				cfg.Auth = sasl.Password(user, "pencil")
			}
			c, err := smtp.Dial(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, err = c.Send(t.Context(), envelope, message)
			refused := new(smtp.ReplyError)
			if !errors.As(err, &refused) || refused.Reply.Code != tt.code || !strings.Contains(refused.Advice, tt.advice) {
				t.Fatalf("got %v, want %d with the advice %q", err, tt.code, tt.advice)
			}
			if class := smtp.Classify(err); class != tt.class || !smtp.SafeToRetry(err) {
				t.Errorf("%v, safe %t, want %v", class, smtp.SafeToRetry(err), tt.class)
			}
			if !strings.Contains(err.Error(), refused.Advice) {
				t.Errorf("the text does not say what to do: %v", err)
			}
			if _, err := c.Send(t.Context(), envelope, message); (err != nil) != tt.ends {
				t.Errorf("the next message: %v", err)
			}
			if n := len(s.Auths()); n != 1 {
				t.Errorf("%d AUTH commands, want 1", n)
			}
		})
	}
}

// The user of the sign-in is not the sender: a delegate signs in with a token of
// its own, and the message is from the shared mailbox, in the envelope and in the
// header.
func TestSharedMailbox(t *testing.T) {
	const shared = "sales@example.com"
	p := profile.Microsoft365()
	send := func(t *testing.T, account string, conditions ...mock.Condition) (*mock.Server, error) {
		a := authorityOf(t, p)
		o := mock.Persona(p, a, conditions...)
		o.Network = mock.InMemory
		s := mock.Start(t, o)
		var asked []string
		cfg := smtp.Config{Profile: p, TLSConfig: s.TLSConfig(), DialContext: s.Dial, LocalName: "client.example.com"}
		cfg.Auth = sasl.OAuth(account, forUser(func(_ context.Context, req sasl.TokenRequest) (sasl.Token, error) {
			asked = append(asked, req.Username)
			return a.Issue(req.Username, 0), nil
		}))
		env, msg, err := smtp.EnvelopeOf(smtp.Bytes([]byte("From: Sales <" + shared + ">\r\nTo: friend@example.com\r\n\r\nhello\r\n")))
		good(t, err)
		_, err = smtp.Send(t.Context(), cfg, env, msg)
		if len(asked) != 1 || asked[0] != account {
			t.Errorf("tokens were asked for %q, want one for %s", asked, account)
		}
		return s, err
	}
	t.Run("as the delegate", func(t *testing.T) {
		s, err := send(t, user)
		good(t, err)
		if m := s.Messages(); len(m) != 1 || m[0].User != user || m[0].From != shared {
			t.Errorf("the server has %+v, want one signed in as %s and from %s", m, user, shared)
		}
		if said := lines(only(t, s)); !strings.Contains(said, "MAIL FROM:<"+shared+">") {
			t.Errorf("the client said\n%s", said)
		}
	})
	t.Run("as the mailbox", func(t *testing.T) {
		s, err := send(t, shared, mock.SendAsDenied)
		good(t, err)
		if m := s.Messages(); len(m) != 1 || m[0].User != shared || m[0].From != shared {
			t.Errorf("the server has %+v", m)
		}
	})
	t.Run("without Send As", func(t *testing.T) {
		s, err := send(t, user, mock.SendAsDenied)
		refused := new(smtp.ReplyError)
		if !errors.As(err, &refused) || !strings.Contains(refused.Advice, "grant it Send As") || smtp.Classify(err) != smtp.Permanent || len(s.Messages()) != 0 {
			t.Errorf("got %v", err)
		}
	})
}

// forUser is a generator that is told whose token is asked for.
type forUser func(context.Context, sasl.TokenRequest) (sasl.Token, error)

func (g forUser) Token(ctx context.Context, req sasl.TokenRequest) (sasl.Token, error) {
	return g(ctx, req)
}

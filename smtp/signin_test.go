package smtp_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// token and password are sign-ins with one mechanism each.
func token(mechanism string) *sasl.Authenticator {
	a := sasl.OAuth(user, sasl.StaticToken(short))
	a.Policy.Order = []string{mechanism}
	return a
}

func password(mechanism string) *sasl.Authenticator {
	a := sasl.Password(user, "pencil")
	a.Policy.Order = []string{mechanism}
	return a
}

// What a sign-in looks like on the wire, octet for octet (RFC 4954, Section 4).
func TestSignInOnTheWire(t *testing.T) {
	cram := sasl.Password("tim", "tanstaaftanstaaf") // RFC 2195, Section 2
	cram.Policy.Order = []string{"CRAM-MD5"}
	for _, tt := range []struct {
		name  string
		auth  *sasl.Authenticator
		steps []mock.Step
	}{
		{"XOAUTH2", token("XOAUTH2"), []mock.Step{
			mock.Hello("AUTH XOAUTH2"),
			mock.Expect("AUTH XOAUTH2 " + inBase64("user="+user+"\x01auth=Bearer "+short+"\x01\x01")), mock.Send("235 2.7.0 ok"),
		}},
		{"OAUTHBEARER", token("OAUTHBEARER"), []mock.Step{
			mock.Hello("AUTH OAUTHBEARER"),
			mock.ExpectLike("AUTH OAUTHBEARER *"), mock.Send("235"),
		}},
		{"PLAIN", password("PLAIN"), []mock.Step{
			mock.Hello("AUTH PLAIN"),
			mock.Expect("AUTH PLAIN " + inBase64("\x00"+user+"\x00pencil")), mock.Send("235 2.7.0 ok"),
		}},
		{"PLAIN outside ASCII", sasl.Password("jürgen", "пароль"), []mock.Step{
			mock.Hello("AUTH PLAIN"),
			mock.Expect("AUTH PLAIN " + inBase64("\x00jürgen\x00пароль")), mock.Send("235 2.7.0 ok"),
		}},
		{"the server speaks first", cram, []mock.Step{
			mock.Hello("AUTH CRAM-MD5"),
			mock.Expect("AUTH CRAM-MD5"), mock.Challenge("<1896.697170952@postoffice.reston.mci.net>"),
			mock.Expect(inBase64("tim b913a602c7eda7a495b4e6e7334d3890")), mock.Send("235 2.7.0 ok"),
		}},
		{"old form of the list", password("LOGIN"), []mock.Step{
			mock.Hello("AUTH=login"),
			mock.Expect("AUTH LOGIN"), mock.Challenge("Username:"),
			mock.Expect(inBase64(user)), mock.Challenge("Password:"),
			mock.Expect(inBase64("pencil")), mock.Send("235 2.7.0 ok"),
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := scripted(t, tt.auth, append(tt.steps, toRecipient(), accepted(), toRecipient(), accepted(), mock.Bye())...)
			c, err := smtp.Dial(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // two messages, one sign-in
				if _, err := c.Send(t.Context(), envelope, message); err != nil {
					t.Error(err)
				}
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What the prompts of LOGIN say means nothing, not even whether they say
// anything; and a challenge may be as long as RFC 4954, Section 4 allows.
func TestPromptsOfLOGIN(t *testing.T) {
	for name, prompts := range map[string][2]string{
		"usual":        {"334 " + inBase64("Username:"), "334 " + inBase64("Password:")},
		"others":       {"334 " + inBase64("User Name\x00"), "334 " + inBase64("Password\x00")},
		"localised":    {"334 " + inBase64("Nutzername"), "334 " + inBase64("Kennwort für dich")},
		"the other":    {"334 " + inBase64("Password:"), "334 " + inBase64("Username:")},
		"empty":        {"334 ", "334 "},
		"not even SP":  {"334", "334"},
		"12288 octets": {"334 " + strings.Repeat("QUFB", 3072), "334 "},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := smtp.Dial(t.Context(), scripted(t, password("LOGIN"),
				mock.Hello("AUTH LOGIN"),
				mock.Expect("AUTH LOGIN"), mock.Send(prompts[0]),
				mock.Expect(inBase64(user)), mock.Send(prompts[1]),
				mock.Expect(inBase64("pencil")), mock.Send("235 2.7.0 ok"), mock.Bye()))
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
		})
	}
}

// A challenge that comes when all is said, or that its mechanism does not stand, is
// answered by "*", once, and the connection ends.
func TestChallengeThatMakesNoSense(t *testing.T) {
	canceled := mock.Seq(mock.Expect("*"), mock.Send("501 5.7.0 canceled"), gone())
	for _, tt := range []struct {
		name  string
		auth  *sasl.Authenticator
		steps []mock.Step
	}{
		{"third prompt", password("LOGIN"), []mock.Step{
			mock.Hello("AUTH LOGIN"), mock.Expect("AUTH LOGIN"),
			mock.Challenge("Username:"), mock.Expect(inBase64(user)), mock.Challenge("Password:"),
			mock.Expect(inBase64("pencil")), mock.Challenge("PIN:"), canceled,
		}},
		{"PLAIN, when all is said", password("PLAIN"), []mock.Step{
			mock.Hello("AUTH PLAIN"), mock.ExpectLike("AUTH PLAIN *"), mock.Send("334 "), canceled,
		}},
		{"nonce of somebody else", password("SCRAM-SHA-256"), []mock.Step{
			mock.Hello("AUTH SCRAM-SHA-256"), mock.ExpectLike("AUTH SCRAM-SHA-256 *"), mock.Challenge("r=x,s=AAAA,i=4096"), canceled,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := smtp.Dial(t.Context(), scripted(t, tt.auth, tt.steps...))
			if !errors.Is(err, sasl.ErrProtocol) || !smtp.SafeToRetry(err) {
				t.Errorf("got %v", err)
			}
			scan(t, "\x00"+user+"\x00pencil", err)
		})
	}
}

// Behind a final reply to AUTH comes a command, and no "*". An error challenge is
// answered as its mechanism wants it.
func TestAnswerToARefusal(t *testing.T) {
	json := `{"status":"400","schemes":"bearer","scope":"mail"}`
	for _, tt := range []struct {
		name, challenge string
		auth            *sasl.Authenticator
		steps           []mock.Step
	}{
		{"PLAIN", "", password("PLAIN"), nil},
		{"XOAUTH2, bare", "", token("XOAUTH2"), nil},
		{"XOAUTH2", json, token("XOAUTH2"), []mock.Step{mock.Challenge(json), mock.Expect("")}},
		{"OAUTHBEARER", json, token("OAUTHBEARER"), []mock.Step{mock.Challenge(json), mock.Expect("AQ==")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mechanism, _, _ := strings.Cut(tt.name, ",")
			steps := append([]mock.Step{mock.Hello("AUTH " + mechanism), mock.ExpectLike("AUTH " + mechanism + " *")}, tt.steps...)
			_, err := smtp.Dial(t.Context(), scripted(t, tt.auth, append(steps, mock.Send("535-5.7.8 not", "535 5.7.8 you"), mock.Bye())...))
			auth := new(smtp.AuthError)
			if !errors.As(err, &auth) || smtp.Classify(err) != smtp.Auth || !errors.Is(err, sasl.ErrRejected) {
				t.Fatalf("got %v", err)
			}
			if auth.Reply.Text() != "not\nyou" || auth.Mechanism != mechanism || (auth.OAuth == nil) != (tt.challenge == "") || auth.OAuth != nil && auth.OAuth.Status != "400" {
				t.Errorf("got %+v", auth)
			}
		})
	}
}

// Another mechanism is tried only if the server refuses to run the first one: it
// has seen nothing of the secret then. It never is a weaker one.
func TestNextMechanism(t *testing.T) {
	for _, tt := range []struct {
		name, reply string
		auth        *sasl.Authenticator
		offered     string
		first, next string
	}{
		{"504", "504 5.5.4 not here", sasl.OAuth(user, sasl.StaticToken(short)), "AUTH OAUTHBEARER XOAUTH2", "XOAUTH2", "OAUTHBEARER"},
		{"535", "535 5.7.8 no", sasl.Password(user, "pencil"), "AUTH LOGIN PLAIN", "PLAIN", ""},
		{"454", "454 4.7.0 later", sasl.Password(user, "pencil"), "AUTH LOGIN PLAIN", "PLAIN", ""},
		{"weaker", "504 5.5.4 not here", sasl.Password(user, "pencil"), "AUTH PLAIN SCRAM-SHA-256", "SCRAM-SHA-256", ""},
		{"only what is known", "235 2.7.0 ok", sasl.Password(user, "pencil"), "AUTH foo_bar! X-UNKNOWN CRAM-MD5 PLAIN", "PLAIN", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			steps := []mock.Step{mock.Hello(tt.offered), mock.ExpectLike("AUTH " + tt.first + " *"), mock.Send(tt.reply)}
			if tt.next != "" {
				steps = append(steps, mock.ExpectLike("AUTH "+tt.next+" *"), mock.Send("235 2.7.0 ok"))
			}
			c, err := smtp.Dial(t.Context(), scripted(t, tt.auth, append(steps, mock.Bye())...))
			if works := tt.next != "" || tt.reply[0] == '2'; works != (err == nil) {
				t.Errorf("got %v", err)
			}
			if err == nil {
				c.Close()
			}
		})
	}
}

func TestUnknownMechanismsAreNotChosen(t *testing.T) {
	for _, offered := range []string{"AUTH foo_bar! X", "AUTH", "AUTH XOAUTH2", "SIZE 1"} {
		_, err := smtp.Dial(t.Context(), scripted(t, sasl.Password(user, "pencil"), mock.Hello(offered), mock.Bye()))
		if none := new(sasl.NoMechanismError); !errors.As(err, &none) || smtp.Classify(err) != smtp.Local {
			t.Errorf("%s: %v", offered, err)
		}
		if advice := "servers often offer AUTH only after STARTTLS"; strings.Contains(err.Error(), advice) != slices.Contains([]string{"AUTH", "SIZE 1"}, offered) {
			t.Errorf("%s: %v", offered, err)
		}
	}
}

// pin is a mechanism that this module does not have.
type pin struct{}

func (pin) Start() (string, []byte, error)        { return "X-PIN", []byte{}, nil }
func (pin) Next(challenge []byte) ([]byte, error) { return append([]byte("1234 "), challenge...), nil }

// A mechanism of one's own takes part by its rank. An initial response that is
// empty is "=" (RFC 4954, Section 4).
func TestMechanismOfOnesOwn(t *testing.T) {
	a := sasl.Password(user, "pencil")
	a.Registry = sasl.Default().With(sasl.Mechanism{
		Name: "X-PIN", Rank: sasl.RankXOAUTH2 + 1,
		NewClient: func(context.Context, *sasl.Conn, *sasl.Credentials) (sasl.Client, error) { return pin{}, nil },
	})
	c, err := smtp.Dial(t.Context(), scripted(t, a, mock.Hello("AUTH PLAIN X-PIN"),
		mock.Expect("AUTH X-PIN ="), mock.Challenge("7"), mock.Expect(inBase64("1234 7")), mock.Send("235 2.7.0 ok"), mock.Bye()))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// What cannot be sent in a mechanism never reaches the wire.
func TestCredentialsThatCannotBeSent(t *testing.T) {
	for name, a := range map[string]*sasl.Authenticator{
		"token with a separator": sasl.OAuth(user, sasl.StaticToken("to\x01ken")),
		"token with CR LF":       sasl.OAuth(user, sasl.StaticToken("token\r\nRSET")),
		"empty token":            sasl.OAuth(user, sasl.StaticToken("")),
		"user with a separator":  sasl.OAuth("y\x01ou", sasl.StaticToken(short)),
		"no user":                sasl.OAuth("", sasl.StaticToken(short)),
		"password with NUL":      sasl.Password(user, "pen\x00cil"),
		"empty password":         sasl.Password(user, ""),
	} {
		t.Run(name, func(t *testing.T) {
			s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short)})
			_, err := smtp.Dial(t.Context(), config(s, a))
			if err == nil || smtp.Classify(err) != smtp.Local && smtp.Classify(err) != smtp.Auth || len(s.Auths()) != 0 {
				t.Errorf("%v is %v, %d AUTH", err, smtp.Classify(err), len(s.Auths()))
			}
		})
	}
}

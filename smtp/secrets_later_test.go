package smtp_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// echoes are the forms in which a server may repeat a password.
var echoes = []struct {
	name string
	of   func(name, password string) []string // the lines of a reply
}{
	{"plain", func(_, p string) []string { return []string{"535 5.7.8 wrong password " + p} }},
	{"cut by a line", func(_, p string) []string {
		return []string{"535-5.7.8 bad " + p[:len(p)/2], "535 5.7.8 " + p[len(p)/2:]}
	}},
	{"base64", func(_, p string) []string { return []string{"535 bad " + inBase64(p)} }},
	{"base64 for URLs", func(_, p string) []string {
		return []string{"535 bad " + base64.RawURLEncoding.EncodeToString([]byte(p))}
	}},
	{"response cut by lines", func(n, p string) []string {
		response := inBase64("\x00" + n + "\x00" + p)
		return []string{"535-" + response[:11], "535-" + response[11:], "535 end"}
	}},
	{"no reply at all", func(_, p string) []string { return []string{"5x5 " + p} }},
	{"upper case", func(_, p string) []string { return []string{"535 " + strings.ToUpper(p)} }},
}

// Whatever the password and the form in which a server repeats it, it shows
// neither in an error nor in a log.
func TestServerRepeatsThePassword(t *testing.T) {
	for _, account := range []struct{ name, password string }{
		{"bob", "bobsecret2024xx"}, // it holds the name
		{"bob", "my cat is 9"},
		{"bob", "not bob again"},
		{"alice@example.com", "hunter2hunter2"},
		{"alice", "abc"},
		{"alice", "Zq"},
	} {
		for _, echo := range echoes {
			t.Run(account.password+" "+echo.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					reply := echo.of(account.name, account.password)
					cfg, _ := talk(t, func(s *talker) {
						s.hello("AUTH PLAIN")
						s.line()
						s.say(reply...)
						s.line()
					})
					log, logged := logger()
					cfg.Logger = log
					_, err := smtp.Send(t.Context(), withPassword(cfg, account.name, account.password), envelope, message)
					if err == nil {
						t.Fatal("no error")
					}
					var text string
					if auth := new(smtp.AuthError); errors.As(err, &auth) && auth.Reply != nil {
						text = auth.Reply.Text()
					} else if !errors.Is(err, smtp.ErrProtocol) {
						t.Errorf("got %v", err)
					}
					secrets := []string{account.password, inBase64(account.password)}
					if len(account.password) > 8 {
						half := len(account.password) / 2
						secrets = append(secrets, account.password[:half], account.password[half:])
					}
					shown := strings.ToLower(strings.Join([]string{err.Error(), text, logged.String()}, "\n"))
					for _, secret := range secrets {
						if strings.Contains(shown, strings.ToLower(secret)) {
							t.Errorf("%q shows in %s", secret, shown)
						}
					}
				})
			})
		}
	}
}

// With an empty user name, too, the token is hidden.
func TestServerRepeatsATokenWithoutAName(t *testing.T) {
	const token = "Zk3-vN8qPw_2rT6yLx0"
	synctest.Test(t, func(t *testing.T) {
		cfg, _ := talk(t, func(s *talker) {
			s.hello("AUTH OAUTHBEARER")
			s.line()
			s.say("535 no " + token)
			s.line()
		})
		cfg.Auth = sasl.OAuth("", sasl.StaticToken(token))
		cfg.Auth.Policy.InsecurePlaintext = true
		_, err := smtp.Send(t.Context(), cfg, envelope, message)
		scan(t, token, err)
	})
}

// The user name shows: it is what people look for in an error.
func TestNameShows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, _ := talk(t, func(s *talker) {
			s.hello("AUTH PLAIN")
			s.answer("535 5.7.8 no such user: " + user)
			s.line()
		})
		_, err := smtp.Send(t.Context(), withPassword(cfg, user, "tr0ub4dor&3zzz"), envelope, message)
		if err == nil || !strings.Contains(err.Error(), "no such user: "+user) {
			t.Errorf("got %v", err)
		}
	})
}

// A server may repeat the secret after the sign-in, too.
func TestServerRepeatsTheSecretLater(t *testing.T) {
	const password = "tr0ub4dor&3zzz"
	response := inBase64("\x00" + user + "\x00" + password)
	for name, replies := range map[string][]string{
		"MAIL":  {"550 not for you with " + password + " " + response, "503 x", "503 x"},
		"final": {"250 mail", "250 rcpt", "354 go", "250 queued as " + password},
		"RCPT":  {"250 mail", "550-no " + password[:7], "550 " + password[7:], "503 x"},
	} {
		for _, group := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				cfg, _ := talk(t, func(s *talker) {
					s.hello("AUTH PLAIN", "PIPELINING")
					if !group {
						s.answer("235 ok")
					} else {
						s.line()
					}
					s.line()
					s.line()
					s.line()
					if group {
						s.say("235 ok")
					}
					if name == "final" {
						s.say(replies[:3]...)
						s.content()
						s.say(replies[3])
					} else {
						s.say(replies...)
					}
					s.line()
				})
				cfg = withPassword(cfg, user, password)
				cfg.AuthInGroup = group
				log, logged := logger()
				cfg.Logger = log
				res, err := smtp.Send(t.Context(), cfg, envelope, message)
				if (err == nil) != (name == "final") {
					t.Errorf("%s: %v", name, err)
				}
				values := []any{res, res.Reply.Text(), logged.String(), cfg}
				for _, r := range res.Rejected {
					values = append(values, r.Err.Reply.Text(), r)
				}
				if err != nil {
					values = append(values, err)
				}
				scan(t, password, values...)
				scan(t, response, values...)
			})
		}
	}
}

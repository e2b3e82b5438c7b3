package smtp_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// Nothing that the hooks and the logger are told holds a secret: for every
// mechanism, accepted and refused, and even if the server repeats what it heard.
func TestNoSecretIsTold(t *testing.T) {
	const secret = "Zk3-vN8qPw.2rT6yLx0-told-Jd7Gf5"
	for _, m := range sasl.Default().Mechanisms() {
		for _, good := range []bool{true, false} {
			t.Run(fmt.Sprint(m.Name, ", accepted ", good), func(t *testing.T) {
				o := mock.Options{Network: mock.InMemory, Mechanisms: []string{m.Name}, Tolerate: mock.UnreachedFaults}
				if !good { // with what was sent, as far as a server can tell that in advance
					o.Faults = []mock.Fault{mock.At("AUTH").Nth(3).Do(mock.Reply(535, "5.7.8", "no: "+secret, inBase64(secret)))}
				}
				offered := secret
				if !good {
					offered = "not " + secret
				}
				a := sasl.Password(user, offered)
				o.Users = map[string]string{user: secret}
				if m.Traits.Has(sasl.Bearer) {
					a, o.Users, o.Directory = sasl.OAuth(user, sasl.StaticToken(secret)), nil, accept("another")
					if good {
						o.Directory = accept(secret)
					}
				}
				a.Policy.Order = []string{m.Name}
				a.Credentials.External = m.Name == "EXTERNAL"
				s := mock.Start(t, o)
				var j journal
				cfg := watched(s, a, &j)
				log, logged := logger()
				cfg.Logger = log
				res, err := smtp.Send(t.Context(), cfg, envelope, message)
				if possible := m.Name != "EXTERNAL"; possible && (err == nil) != good {
					t.Errorf("got %+v, %v", res, err)
				}
				if len(j.args) == 0 || !strings.Contains(logged.String(), "smtp command") {
					t.Error("nothing was told")
				}
				scan(t, secret, append(j.args, strings.Join(j.lines, "\n"), logged.String())...)
			})
		}
	}
}

// A server that repeats the response in its reply to it, and later, is not
// believed to have anything new to say.
func TestNoEchoIsTold(t *testing.T) {
	const secret = "Zk3-vN8qPw.2rT6yLx0-echo-Jd7Gf5"
	sent := "\x00" + user + "\x00" + secret
	var j journal
	cfg := scripted(t, sasl.Password(user, secret),
		mock.Send("220 mock.test"), mock.Expect("EHLO client.example.com"), mock.Send("250-mock.test", "250 AUTH PLAIN"),
		mock.Expect("AUTH PLAIN "+inBase64(sent)), mock.Send("535-5.7.8 you said "+inBase64(sent), "535 5.7.8 that is "+secret),
		mock.Bye())
	log, logged := logger()
	cfg.Logger, cfg.Hooks = log, j.hooks()
	r, err := smtp.Verify(t.Context(), cfg, smtp.VerifyOptions{})
	if smtp.Classify(err) != smtp.Auth {
		t.Errorf("got %v", err)
	}
	report, _ := r.MarshalJSON()
	scan(t, secret, append(j.args, strings.Join(j.lines, "\n"), logged.String(), r, r.Steps, string(report))...)
}

// Level Info is for connections and messages, Debug for what was said.
func TestLogLevels(t *testing.T) {
	for level, want := range map[slog.Level]string{
		slog.LevelWarn: ``,
		slog.LevelInfo: `connected message closed`,
		slog.LevelDebug: `state state reply command reply command reply state command reply token command reply command reply token command reply connected ` +
			`state command command command reply reply reply command reply state message command closed`,
	} {
		t.Run(level.String(), func(t *testing.T) {
			s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short)})
			b := new(syncBuffer)
			cfg := config(s, sasl.OAuth(user, &inTurn{tokens: []string{"stale", short}}))
			cfg.Logger = slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: level}))
			if _, err := smtp.Send(t.Context(), cfg, envelope, message); err != nil {
				t.Fatal(err)
			}
			var events []string
			for _, m := range regexp.MustCompile(`msg="smtp (\w+)"`).FindAllStringSubmatch(b.String(), -1) {
				events = append(events, m[1])
			}
			if got := strings.Join(events, " "); got != want {
				t.Errorf("logged %s; want %s", got, want)
			}
			if level != slog.LevelDebug {
				return
			}
			for _, want := range []string{
				`level=INFO msg="smtp connected" server=mock.test:587 tls="TLS 1.3" mechanism=XOAUTH2`,
				`level=DEBUG msg="smtp command" line="AUTH XOAUTH2 [40 octets]" octets=71`,
				`level=DEBUG msg="smtp reply" to=AUTH reply="334 [challenge]" took=`,
				`level=DEBUG msg="smtp token" renewal=true outcome=none`,
				`level=DEBUG msg="smtp command" line=. octets=23`,
				`level=INFO msg="smtp message" server=mock.test:587 outcome=none reply=250 queue_id=1.1 accepted=1 rejected=0 octets=23 took=`,
				`level=INFO msg="smtp closed" server=mock.test:587`,
			} {
				if !strings.Contains(b.String(), want) {
					t.Errorf("%s is missing from\n%s", want, b)
				}
			}
		})
	}
}

// Logs carry the context of who sends, for handlers that find a trace in it.
func TestLogContext(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory})
	h := &contextHandler{Handler: slog.DiscardHandler}
	cfg := config(s, nil)
	cfg.Logger = slog.New(h)
	ctx := context.WithValue(t.Context(), spanKey{}, "mine")
	if _, err := smtp.Send(ctx, cfg, envelope, message); err != nil {
		t.Fatal(err)
	}
	if h.with == 0 || h.without > 0 {
		t.Errorf("%d records with the context, %d without", h.with, h.without)
	}
}

type contextHandler struct {
	slog.Handler
	with, without int
}

func (h *contextHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *contextHandler) Handle(ctx context.Context, _ slog.Record) error {
	if ctx.Value(spanKey{}) == "mine" {
		h.with++
	} else {
		h.without++
	}
	return nil
}

// What a token generator says is for whoever calls Send: it may hold what it was
// answered, so no log has it, that of a Pool's pauses neither.
func TestNoErrorOfAGeneratorIsLogged(t *testing.T) {
	const secret = "client_secret=Zk3-vN8qPw"
	for name, tokens := range map[string][]string{"at first": nil, "in a renewal": {"stale"}} {
		for _, level := range []slog.Level{slog.LevelWarn, slog.LevelDebug} {
			t.Run(fmt.Sprint(name, " ", level), func(t *testing.T) {
				s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short)})
				generator := &unlucky{inTurn{tokens: tokens}, errors.New("the endpoint said: " + secret)}
				cfg := config(s, sasl.OAuth(user, generator))
				b := new(syncBuffer)
				cfg.Logger = slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: level}))
				_, err := poolOf(t, cfg, smtp.PoolOptions{}).Send(t.Context(), envelope, message)
				if smtp.Classify(err) != smtp.Auth || !strings.Contains(err.Error(), secret) {
					t.Errorf("got %v", err)
				}
				if log := b.String(); strings.Contains(log, secret) || !strings.Contains(log, "smtp pool slows down") || !strings.Contains(log, "no access token") {
					t.Errorf("logged %s", log)
				}
			})
		}
	}
}

// unlucky is a generator that fails when it has no other token.
type unlucky struct {
	inTurn
	err error
}

func (u *unlucky) Token(ctx context.Context, req sasl.TokenRequest) (sasl.Token, error) {
	token, err := u.inTurn.Token(ctx, req)
	if err != nil {
		err = u.err
	}
	return token, err
}

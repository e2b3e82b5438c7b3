package smtp_test

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

func TestGeneratorIsCalledOnceBeforeAUTH(t *testing.T) {
	for _, mode := range []mock.TLSMode{mock.STARTTLS, mock.ImplicitTLS} {
		s := mock.Start(t, mock.Options{TLS: mode, Directory: accept(short), Network: mock.InMemory})
		calls := 0
		a := sasl.OAuth(user, sasl.TokenString(func(context.Context) (string, error) {
			calls++
			said := verbs(only(t, s))
			if want := map[mock.TLSMode]string{mock.STARTTLS: "CONNECT EHLO STARTTLS EHLO", mock.ImplicitTLS: "CONNECT EHLO"}[mode]; said != want {
				t.Errorf("when the token was fetched, the client had said %q; want %q", said, want)
			}
			return short, nil
		}))
		res, err := smtp.Send(t.Context(), config(s, a), envelope, message)
		if err != nil || res.Mechanism != "XOAUTH2" || calls != 1 {
			t.Errorf("%v: %v, %q, %d calls", mode, err, res.Mechanism, calls)
		}
		if m := s.Messages(); len(m) != 1 || m[0].User != user || string(m[0].Data) != "Subject: hi\r\n\r\n.hello\r\n" {
			t.Errorf("server has %+v", m)
		}
	}
}

func TestAmbiguousCredentialsBeforeAnyIO(t *testing.T) {
	s := mock.Start(t, mock.Options{Directory: accept(short)})
	a := sasl.Password(user, "pencil")
	a.Credentials.Token = sasl.TokenString(func(context.Context) (string, error) {
		t.Error("generator called")
		return short, nil
	})
	res, err := smtp.Send(t.Context(), config(s, a), envelope, message)
	if !errors.Is(err, sasl.ErrAmbiguousCredentials) || !errors.Is(err, smtp.ErrConfig) || smtp.Classify(err) != smtp.Local || res == nil {
		t.Errorf("got %v, %v", res, err)
	}
	if n := s.Connections(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestMechanismNotOffered(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short), Mechanisms: []string{"PLAIN", "LOGIN"}})
	a := sasl.OAuth(user, sasl.TokenString(func(context.Context) (string, error) {
		t.Error("generator called")
		return short, nil
	}))
	_, err := smtp.Send(t.Context(), config(s, a), envelope, message)
	var none *sasl.NoMechanismError
	if !errors.As(err, &none) || !strings.Contains(err.Error(), "offers PLAIN LOGIN") || smtp.Classify(err) != smtp.Local {
		t.Errorf("got %v", err)
	}
	if got := verbs(only(t, s)); got != "CONNECT EHLO STARTTLS EHLO" {
		t.Errorf("client said %q", got)
	}
}

func TestGeneratorError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("authority is down")
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short)})
		a := sasl.OAuth(user, sasl.TokenString(func(context.Context) (string, error) { return "", boom }))
		_, err := smtp.Send(t.Context(), config(s, a), envelope, message)
		var token *smtp.TokenError
		if !errors.Is(err, boom) || !errors.As(err, &token) || smtp.Classify(err) != smtp.Auth || !smtp.SafeToRetry(err) {
			t.Errorf("got %v", err)
		}
		synctest.Wait() // until the server has read QUIT
		if got := only(t, s); verbs(got) != "CONNECT EHLO STARTTLS EHLO" || !strings.HasSuffix(lines(got), "EHLO client.example.com\nQUIT") {
			t.Errorf("client said %q", lines(got))
		}
	})
}

type temporaryError struct{ error }

func (temporaryError) Temporary() bool { return true }

func TestTemporaryGeneratorError(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short)})
	a := sasl.OAuth(user, sasl.TokenString(func(context.Context) (string, error) { return "", temporaryError{errors.New("later")} }))
	_, err := smtp.Send(t.Context(), config(s, a), envelope, message)
	if smtp.Classify(err) != smtp.Temporary {
		t.Errorf("%v is %v", err, smtp.Classify(err))
	}
}

// RFC 4954, Section 4: an AUTH command longer than 512 octets has no initial
// response. XOAUTH2 adds 20 octets to user and token, and 372 fit.
func TestLongTokenIsNotOnTheCommandLine(t *testing.T) {
	fits := 352 - len(user)
	for _, tt := range []struct {
		octets  int
		want    string
		command int // octets of the AUTH command, CRLF included
	}{
		{fits, "AUTH XOAUTH2 <redacted 496 octets>", 511},
		{fits + 1, "AUTH XOAUTH2", 14},
		{3000, "AUTH XOAUTH2", 14},
	} {
		token := strings.Repeat("t", tt.octets)
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(token)})
		if _, err := smtp.Send(t.Context(), config(s, sasl.OAuth(user, sasl.StaticToken(token))), envelope, message); err != nil {
			t.Errorf("%d octets: %v", tt.octets, err)
		}
		if said := lines(only(t, s)); !strings.Contains(said+"\n", "\n"+tt.want+"\n") {
			t.Errorf("%d octets: client said %s\nwant %s", tt.octets, said, tt.want)
		}
	}
}

func TestTooLongTokenIsRefusedHere(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(short)})
	_, err := smtp.Send(t.Context(), config(s, sasl.OAuth(user, sasl.StaticToken(strings.Repeat("t", 9300)))), envelope, message)
	if !errors.Is(err, sasl.ErrBadCredentials) || len(s.Auths()) != 0 {
		t.Errorf("got %v, %d AUTH", err, len(s.Auths()))
	}
}

func TestRevokedTokenIsRenewedOnce(t *testing.T) {
	for name, refusal := range map[string]error{"with challenge": nil, "bare": sasl.ErrRejected} {
		t.Run(name, func(t *testing.T) {
			directory := accept(long)
			directory.refusal = refusal
			s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: directory})
			g := &renewing{tokens: []string{short, long}}
			a := sasl.OAuth(user, g)
			res, err := smtp.Send(t.Context(), config(s, a), envelope, message)
			if err != nil || len(res.Accepted) != 1 || g.renewals != 1 || res.Attempts != 1 {
				t.Errorf("got %+v, %v, %d renewals", res, err, g.renewals)
			}
			auths := only(t, s).Auths
			if len(auths) != 2 || auths[0].Code != 535 || auths[1].Code != 235 {
				t.Errorf("AUTH: %+v", auths)
			}
			scan(t, short, err, res, a, lines(only(t, s)), s.Transcript().String())
			scan(t, long, err, res, a, lines(only(t, s)), s.Transcript().String())
		})
	}
}

// renewing hands out its first token until that is refused, then the next one.
type renewing struct {
	mu       sync.Mutex
	tokens   []string
	renewals int
	asked    int
}

func (r *renewing) Token(_ context.Context, req sasl.TokenRequest) (sasl.Token, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	token := sasl.Token{Value: sasl.NewSecret(r.tokens[0])}
	if !req.Rejected.Matches(token) {
		return token, nil
	}
	if len(r.tokens) == 1 {
		return sasl.Token{}, sasl.ErrNoOtherToken
	}
	r.renewals++
	r.tokens = r.tokens[1:]
	return sasl.Token{Value: sasl.NewSecret(r.tokens[0])}, nil
}

// A server that closes the connection with its refusal costs one redial.
func TestRedialAfterRefusal(t *testing.T) {
	s := mock.Start(t, mock.Options{
		Network: mock.InMemory, Directory: accept(long),
		Faults: []mock.Fault{mock.At("AUTH").Conn(1).Do(mock.Reply(535, "5.7.8", "no"), mock.Drop())},
	})
	res, err := smtp.Send(t.Context(), config(s, sasl.OAuth(user, &renewing{tokens: []string{short, long}})), envelope, message)
	if err != nil || res.Attempts != 2 || s.Connections() != 2 || len(s.Messages()) != 1 {
		t.Errorf("%v, %d attempts, %d connections", err, res.Attempts, s.Connections())
	}
}

func TestRedialIsTheOnlyOne(t *testing.T) {
	s := mock.Start(t, mock.Options{
		Network: mock.InMemory, Directory: accept(long),
		Faults: []mock.Fault{mock.At("AUTH").Do(mock.Reply(535, "5.7.8", "no"), mock.Drop())},
	})
	g := &renewing{tokens: []string{"one", "two", "three", "four"}}
	res, err := smtp.Send(t.Context(), config(s, sasl.OAuth(user, g)), envelope, message)
	if smtp.Classify(err) != smtp.Auth || res.Attempts != 2 || s.Connections() != 2 || len(s.Auths()) != 2 {
		t.Errorf("%v, %d attempts, %d connections, %d AUTH", err, res.Attempts, s.Connections(), len(s.Auths()))
	}
}

func TestRefusalKeepsChallengeAndReply(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(long)})
	cfg := config(s, sasl.OAuth(user, sasl.StaticToken(short)))
	cfg.Profile = profile.Gmail()
	_, err := smtp.Send(t.Context(), cfg, envelope, message)
	var auth *smtp.AuthError
	switch {
	case !errors.As(err, &auth):
		t.Fatalf("got %v", err)
	case auth.Mechanism != "XOAUTH2" || auth.Reply == nil || auth.Reply.Code != 535 || auth.Reply.Enhanced != smtp.EnhancedCode{5, 7, 8}:
		t.Errorf("reply %+v", auth.Reply)
	case auth.OAuth == nil || auth.OAuth.Status != "401" || auth.OAuth.Scope != "https://mail.google.com/":
		t.Errorf("challenge %+v", auth.OAuth)
	case !strings.Contains(auth.Advice, "expired or was revoked"):
		t.Errorf("advice %q", auth.Advice)
	case !errors.Is(err, sasl.ErrNoOtherToken) || !errors.Is(err, sasl.ErrRejected) || smtp.Classify(err) != smtp.Auth:
		t.Errorf("error %v", err)
	}
	if strings.ContainsAny(err.Error(), "\r\n") {
		t.Errorf("more than one line: %q", err)
	}
}

func TestExemptedRefusalIsNotRenewed(t *testing.T) {
	s := mock.Start(t, mock.Options{
		Network: mock.InMemory, Directory: accept(long), Names: []string{"smtp.office365.com"},
		Faults: []mock.Fault{mock.At("AUTH").Do(mock.Reply(535, "5.7.139", "Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant."))},
	})
	g := &renewing{tokens: []string{short, long}}
	cfg := smtp.Config{
		Profile: profile.Microsoft365(), Auth: sasl.OAuth(user, g),
		TLSConfig: &tls.Config{RootCAs: s.RootCAs()}, DialContext: s.Dial, LocalName: "client.example.com",
	}
	_, err := smtp.Send(t.Context(), cfg, envelope, message)
	var auth *smtp.AuthError
	if !errors.As(err, &auth) || !strings.Contains(auth.Advice, "Set-CASMailbox") || g.renewals != 0 || len(s.Auths()) != 1 {
		t.Errorf("got %v, %d renewals, %d AUTH", err, g.renewals, len(s.Auths()))
	}
}

func TestPasswordIsTriedOnce(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory, Users: map[string]string{user: "pencil"}})
	_, err := smtp.Send(t.Context(), config(s, sasl.Password(user, "tr0ub4dor-Zq9")), envelope, message)
	if !errors.Is(err, sasl.ErrRejected) || smtp.Classify(err) != smtp.Auth || len(s.Auths()) != 1 {
		t.Errorf("got %v, %d AUTH", err, len(s.Auths()))
	}
	scan(t, "tr0ub4dor-Zq9", err)
}

func TestPasswordMechanisms(t *testing.T) {
	for _, mechanism := range []string{"PLAIN", "LOGIN"} {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Users: map[string]string{user: "pencil"}, Mechanisms: []string{mechanism}})
		res, err := smtp.Send(t.Context(), config(s, sasl.Password(user, "pencil")), envelope, message)
		if err != nil || res.Mechanism != mechanism {
			t.Errorf("%s: %v, %q", mechanism, err, res.Mechanism)
		}
	}
}

func TestTemporaryRefusalIsThrottling(t *testing.T) {
	for _, code := range []int{421, 432, 454} {
		s := mock.Start(t, mock.Options{
			Network: mock.InMemory, Directory: accept(short),
			Faults: []mock.Fault{mock.At("AUTH").Do(mock.Reply(code, "4.7.0", "too many"))},
		})
		g := &renewing{tokens: []string{short, long}}
		_, err := smtp.Send(t.Context(), config(s, sasl.OAuth(user, g)), envelope, message)
		if smtp.Classify(err) != smtp.Throttled || g.renewals != 0 || len(s.Auths()) != 1 {
			t.Errorf("%d: %v is %v, %d renewals, %d AUTH", code, err, smtp.Classify(err), g.renewals, len(s.Auths()))
		}
	}
}

// Fifty connections share an Authenticator and a token that dies: one renewal,
// and no token goes out once the first refusal of it is known.
func TestFiftyConnectionsAndOneDyingToken(t *testing.T) {
	var plainCalls atomic.Int64
	for _, tt := range []struct {
		name      string
		generator func() sasl.TokenGenerator
		succeeds  bool
	}{
		{"caching generator", func() sasl.TokenGenerator { return &renewing{tokens: []string{short, long}} }, true},
		{"plain function", func() sasl.TokenGenerator {
			return sasl.TokenString(func(context.Context) (string, error) {
				plainCalls.Add(1)
				return short, nil
			})
		}, false},
		{"static token", func() sasl.TokenGenerator { return sasl.StaticToken(short) }, false},
	} {
		// A bubble ends only when all its goroutines have.
		bubble := func(name string, f func(*testing.T)) {
			t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
		}
		bubble(tt.name, func(t *testing.T) {
			s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(long)})
			g := tt.generator()
			a := sasl.OAuth(user, g)
			// The first one learns it; from then on it is known.
			_, err := smtp.Send(t.Context(), config(s, a), envelope, message)
			if (err == nil) != tt.succeeds {
				t.Fatalf("first: %v", err)
			}
			var wg sync.WaitGroup
			for range 49 {
				wg.Go(func() {
					_, err := smtp.Send(t.Context(), config(s, a), envelope, message)
					if (err == nil) != tt.succeeds || err != nil && !errors.Is(err, sasl.ErrRejected) {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if n := refused(s); n != 1 {
				t.Errorf("%d refused AUTH; want 1", n)
			}
			if g, ok := g.(*renewing); ok && g.renewals != 1 {
				t.Errorf("%d renewals; want 1", g.renewals)
			}
		})
		bubble(tt.name+", all at once", func(t *testing.T) {
			s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(long)})
			g := tt.generator()
			a := sasl.OAuth(user, g)
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					_, err := smtp.Send(t.Context(), config(s, a), envelope, message)
					if (err == nil) != tt.succeeds || err != nil && !errors.Is(err, sasl.ErrRejected) {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			for _, session := range s.Sessions() {
				if n := len(session.Auths); n > 2 {
					t.Errorf("%d AUTH on one connection", n)
				}
			}
			if g, ok := g.(*renewing); ok && g.renewals != 1 {
				t.Errorf("%d renewals; want 1", g.renewals)
			}
		})
	}
}

func refused(s *mock.Server) int {
	n := 0
	for _, a := range s.Auths() {
		if a.Code != 235 {
			n++
		}
	}
	return n
}

package sasl_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/sasl"
)

func TestAuthenticate(t *testing.T) {
	generator := &generator{tokens: []string{token}}
	a := sasl.OAuth(user, generator)
	server := play(final235())
	server.before = func(string) { generator.wantCalls(t, 1) }
	mechanism, err := a.Authenticate(t.Context(), secure("PLAIN", "OAUTHBEARER", "XOAUTH2"), server)
	if err != nil || mechanism != "XOAUTH2" {
		t.Fatalf("%q, %v; want XOAUTH2", mechanism, err)
	}
	server.wantSent(t, xoauth2(token))
	generator.wantCalls(t, 1)
	want := sasl.TokenRequest{Username: user, Service: "smtp", Host: "smtp.example.com", Port: 587}
	if got := generator.requests[0]; got != want {
		t.Errorf("request %+v, want %+v", got, want)
	}
}

// A generator's error reaches the caller, and the server hears nothing.
func TestGeneratorFails(t *testing.T) {
	failure := errors.New("the grant was withdrawn")
	for name, generator := range map[string]sasl.TokenGenerator{
		"generator": &generator{err: failure},
		"function":  sasl.TokenString(func(context.Context) (string, error) { return "", failure }),
	} {
		t.Run(name, func(t *testing.T) {
			server := play()
			mechanism, err := sasl.OAuth(user, generator).Authenticate(t.Context(), secure("XOAUTH2", "OAUTHBEARER"), server)
			wantErrors(t, err, failure)
			var wrapped *sasl.TokenError
			if !errors.As(err, &wrapped) || wrapped.Err != failure {
				t.Errorf("error %#v, want a TokenError that holds the generator's", err)
			}
			if mechanism != "XOAUTH2" {
				t.Errorf("mechanism %q, want the one that was chosen", mechanism)
			}
			server.wantSent(t)
		})
	}
}

func TestPasswordFails(t *testing.T) {
	failure := errors.New("the keyring is locked")
	a := &sasl.Authenticator{Credentials: sasl.Credentials{
		Username: user,
		Password: func(context.Context) (sasl.Secret, error) { return sasl.Secret{}, failure },
	}}
	server := play()
	_, err := a.Authenticate(t.Context(), secure("PLAIN", "LOGIN"), server)
	wantErrors(t, err, failure)
	server.wantSent(t)
}

// A refused password is not sent again: not to another mechanism, not in
// another way.
func TestPasswordIsNeverRetried(t *testing.T) {
	for _, code := range []replyCode{535, 454, 421, 432, 550, 538, 500} {
		calls := 0
		a := &sasl.Authenticator{Credentials: sasl.Credentials{
			Username: user,
			Password: func(context.Context) (sasl.Secret, error) { calls++; return sasl.NewSecret(password), nil },
		}}
		server := play(finalCode(code))
		_, err := a.Authenticate(t.Context(), secure("PLAIN", "LOGIN"), server)
		wantErrors(t, err, code, sasl.ReplyKind(int(code)))
		server.wantSent(t, "AUTH PLAIN \x00"+user+"\x00"+password)
		if calls != 1 {
			t.Errorf("%d: password fetched %d times", code, calls)
		}
	}
}

func TestMechanismRefused(t *testing.T) {
	registry := new(sasl.Registry).With(
		custom("X-BOUND", 400, sasl.Concealed|sasl.Mutual|sasl.Binds),
		custom("X-MUTUAL", 300, sasl.Concealed|sasl.Mutual),
		custom("X-CONCEALED", 200, sasl.Concealed),
		custom("X-PLAIN", 100, 0),
		custom("X-LOGIN", 90, 0),
	)
	tests := []struct {
		name    string
		offered []string
		order   []string
		script  []step
		want    []string
		result  error
	}{
		{
			"the next of the same strength",
			[]string{"X-PLAIN", "X-LOGIN"},
			nil,
			[]step{finalCode(504), final235()},
			[]string{"X-PLAIN", "X-LOGIN"},
			nil,
		},
		{
			"534 likewise",
			[]string{"X-PLAIN", "X-LOGIN"},
			nil,
			[]step{finalCode(534), final235()},
			[]string{"X-PLAIN", "X-LOGIN"},
			nil,
		},
		{
			"all refused",
			[]string{"X-PLAIN", "X-LOGIN"},
			nil,
			[]step{finalCode(504), finalCode(504)},
			[]string{"X-PLAIN", "X-LOGIN"},
			sasl.ErrMechanismRefused,
		},
		{
			"nothing weaker",
			[]string{"X-MUTUAL", "X-CONCEALED", "X-PLAIN"},
			nil,
			[]step{finalCode(504)},
			[]string{"X-MUTUAL"},
			sasl.ErrMechanismRefused,
		},
		{
			"concealed is stronger than plain",
			[]string{"X-CONCEALED", "X-PLAIN"},
			nil,
			[]step{finalCode(504)},
			[]string{"X-CONCEALED"},
			sasl.ErrMechanismRefused,
		},
		{
			"bound is stronger than mutual",
			[]string{"X-BOUND", "X-MUTUAL"},
			nil,
			[]step{finalCode(504)},
			[]string{"X-BOUND"},
			sasl.ErrMechanismRefused,
		},
		{
			"something stronger, if Order says so",
			[]string{"X-MUTUAL", "X-PLAIN"},
			[]string{"X-PLAIN", "X-MUTUAL"},
			[]step{finalCode(504), final235()},
			[]string{"X-PLAIN", "X-MUTUAL"},
			nil,
		},
		{
			"and then nothing weaker than that",
			[]string{"X-MUTUAL", "X-PLAIN", "X-LOGIN"},
			[]string{"X-PLAIN", "X-MUTUAL", "X-LOGIN"},
			[]step{finalCode(504), finalCode(504)},
			[]string{"X-PLAIN", "X-MUTUAL"},
			sasl.ErrMechanismRefused,
		},
		{
			"a refused credential ends it",
			[]string{"X-PLAIN", "X-LOGIN"},
			nil,
			[]step{finalCode(535)},
			[]string{"X-PLAIN"},
			sasl.ErrRejected,
		},
		{
			"a refused mechanism, then a refused credential",
			[]string{"X-PLAIN", "X-LOGIN"},
			nil,
			[]step{finalCode(504), finalCode(535)},
			[]string{"X-PLAIN", "X-LOGIN"},
			sasl.ErrRejected,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := &sasl.Authenticator{Registry: registry, Policy: sasl.Policy{Order: test.order}}
			server := play(test.script...)
			mechanism, err := a.Authenticate(t.Context(), secure(test.offered...), server)
			if !errors.Is(err, test.result) {
				t.Errorf("error %v, want %v", err, test.result)
			}
			if last := test.want[len(test.want)-1]; mechanism != last {
				t.Errorf("mechanism %q, want %q", mechanism, last)
			}
			var want []string
			for _, name := range test.want {
				want = append(want, "AUTH "+name+" hello")
			}
			server.wantSent(t, want...)
		})
	}
}

// The generator is asked once for each mechanism that runs.
func TestMechanismRefusedWithToken(t *testing.T) {
	generator := &generator{tokens: []string{token}}
	server := play(finalCode(504), final235())
	mechanism, err := sasl.OAuth(user, generator).Authenticate(t.Context(), secure("XOAUTH2", "OAUTHBEARER"), server)
	if err != nil || mechanism != "OAUTHBEARER" {
		t.Errorf("%q, %v; want OAUTHBEARER", mechanism, err)
	}
	server.wantSent(t, xoauth2(token), "AUTH OAUTHBEARER n,a="+user+",\x01host=smtp.example.com\x01port=587\x01auth=Bearer "+token+"\x01\x01")
	generator.wantCalls(t, 2)
}

// What a server can do to an exchange, and how the client gets out of it.
func TestHostileServer(t *testing.T) {
	dropped := errors.New("connection dropped")
	huge := strings.Repeat("x", sasl.MaxMessage+1)
	endless := make([]step, 0, sasl.MaxRounds+2)
	echoes := []string{"AUTH X-ECHO"}
	for range sasl.MaxRounds {
		endless = append(endless, challenge("again"))
		echoes = append(echoes, "> again")
	}
	endless = append(endless, challenge("again"), finalCode(501))

	tests := []struct {
		name   string
		client puppet
		script []step
		want   []string
		result error
	}{
		{
			"echo",
			puppet{},
			[]step{challenge("a"), challenge(""), final235()},
			[]string{"AUTH X-ECHO", "> a", "> "},
			nil,
		},
		{
			"nil response becomes empty",
			puppet{next: func([]byte) ([]byte, error) { return nil, nil }},
			[]step{challenge("a"), final235()},
			[]string{"AUTH X-ECHO", "> "},
			nil,
		},
		{"empty initial response", puppet{initial: []byte{}}, []step{final235()}, []string{"AUTH X-ECHO ="}, nil},
		{"longest challenge", puppet{}, []step{challenge(huge[1:]), final235()}, []string{"AUTH X-ECHO", "> " + huge[1:]}, nil},
		{"huge challenge", puppet{}, []step{challenge(huge), finalCode(501)}, []string{"AUTH X-ECHO", "*"}, sasl.ErrProtocol},
		{"malformed challenge", puppet{}, []step{malformedChallenge, finalCode(501)}, []string{"AUTH X-ECHO", "*"}, sasl.ErrProtocol},
		{"endless challenges", puppet{}, endless, append(echoes, "*"), sasl.ErrProtocol},
		{
			"huge response",
			puppet{next: func([]byte) ([]byte, error) { return []byte(huge), nil }},
			[]step{challenge(""), finalCode(501)},
			[]string{"AUTH X-ECHO", "*"},
			sasl.ErrBadCredentials,
		},
		{"huge initial response", puppet{initial: []byte(huge)}, nil, nil, sasl.ErrBadCredentials},
		{"client cannot start", puppet{startErr: io.ErrUnexpectedEOF}, nil, nil, io.ErrUnexpectedEOF},
		{"client under another name", puppet{name: "PLAIN"}, nil, nil, sasl.ErrProtocol},
		{
			"client fails",
			puppet{next: func([]byte) ([]byte, error) { return nil, io.ErrUnexpectedEOF }},
			[]step{challenge("a"), finalCode(501)},
			[]string{"AUTH X-ECHO", "*"},
			io.ErrUnexpectedEOF,
		},
		{"success after the cancellation", puppet{}, []step{malformedChallenge, final235()}, []string{"AUTH X-ECHO", "*"}, sasl.ErrProtocol},
		{"challenge after the cancellation", puppet{}, []step{malformedChallenge, challenge("a")}, []string{"AUTH X-ECHO", "*"}, sasl.ErrProtocol},
		{
			"success after the client failed",
			puppet{next: func([]byte) ([]byte, error) { return nil, io.ErrUnexpectedEOF }},
			[]step{challenge("a"), final235()},
			[]string{"AUTH X-ECHO", "*"},
			sasl.ErrProtocol,
		},
		{"dropped at AUTH", puppet{}, []step{broken(dropped)}, []string{"AUTH X-ECHO"}, dropped},
		{"dropped at a response", puppet{}, []step{challenge("a"), broken(dropped)}, []string{"AUTH X-ECHO", "> a"}, dropped},
		{"dropped at the cancellation", puppet{}, []step{malformedChallenge, broken(dropped)}, []string{"AUTH X-ECHO", "*"}, dropped},
		{"dropped at the cancellation: the reason stays", puppet{}, []step{malformedChallenge, broken(dropped)}, []string{"AUTH X-ECHO", "*"}, sasl.ErrProtocol},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := play(test.script...)
			_, err := withClient(test.client).Authenticate(t.Context(), secure("X-ECHO"), server)
			if !errors.Is(err, test.result) {
				t.Errorf("error %v, want %v", err, test.result)
			}
			if test.name == "challenge after the cancellation" && !strings.Contains(err.Error(), "another challenge") {
				t.Errorf("error %v does not tell of the challenge", err)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("error on more than one line: %q", err)
			}
			server.wantSent(t, test.want...)
		})
	}
}

// withClient returns an Authenticator with X-ECHO for its only mechanism, which
// sends what it hears unless client says otherwise.
func withClient(client puppet) *sasl.Authenticator {
	m := custom("X-ECHO", 100, 0)
	m.NewClient = func(context.Context, *sasl.Conn, *sasl.Credentials) (sasl.Client, error) {
		if client.name == "" {
			client.name = "X-ECHO"
		}
		if client.next == nil {
			client.next = func(challenge []byte) ([]byte, error) { return bytes.Clone(challenge), nil }
		}
		return &client, nil
	}
	return &sasl.Authenticator{Registry: new(sasl.Registry).With(m)}
}

// A prover is a Client to which success without proof is none.
type prover struct {
	puppet
	proved   bool
	finished int
}

func (p *prover) Finish(verdict error) error {
	p.finished++
	if verdict == nil && !p.proved {
		return sasl.ErrServerUnverified
	}
	return verdict
}

func TestFinisherHasTheLastWord(t *testing.T) {
	for _, test := range []struct {
		name   string
		proves bool
		script []step
		want   error
	}{
		{"proof", true, []step{challenge("proof"), final235()}, nil},
		{"success without proof", true, []step{final235()}, sasl.ErrServerUnverified},
		{"refusal", true, []step{finalCode(535)}, sasl.ErrRejected},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := &prover{puppet: puppet{name: "X-PROOF"}}
			p.next = func([]byte) ([]byte, error) { p.proved = true; return nil, nil }
			m := custom("X-PROOF", 100, sasl.Concealed|sasl.Mutual)
			m.NewClient = func(context.Context, *sasl.Conn, *sasl.Credentials) (sasl.Client, error) { return p, nil }
			a := &sasl.Authenticator{Registry: new(sasl.Registry).With(m)}
			_, err := a.Authenticate(t.Context(), secure("X-PROOF"), play(test.script...))
			if !errors.Is(err, test.want) || p.finished != 1 {
				t.Errorf("error %v after %d calls of Finish, want %v after one", err, p.finished, test.want)
			}
		})
	}
}

func TestFinishIsIdempotent(t *testing.T) {
	for _, test := range []struct {
		name        string
		first, then error
	}{
		{"accepted, then refused", nil, replyCode(535)},
		{"refused, then accepted", replyCode(535), nil},
		{"refused, then something else", replyCode(535), io.EOF},
	} {
		t.Run(test.name, func(t *testing.T) {
			x := begin(t, sasl.OAuth(user, sasl.StaticToken(token)), secure("XOAUTH2"))
			if _, _, err := x.Start(); err != nil {
				t.Fatal(err)
			}
			for i, verdict := range []error{test.first, test.then, test.then} {
				if err := x.Finish(verdict); !errors.Is(err, test.first) {
					t.Errorf("call %d: %v, want the first verdict %v", i+1, err, test.first)
				}
			}
			if _, err := x.Next(nil); !errors.Is(err, sasl.ErrProtocol) {
				t.Errorf("Next after Finish: %v, want ErrProtocol", err)
			}
		})
	}
}

func begin(t *testing.T, a *sasl.Authenticator, c *sasl.Conn) *sasl.Exchange {
	t.Helper()
	x, err := a.Begin(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// started is begin for an exchange whose first message has been sent.
func started(t *testing.T, a *sasl.Authenticator, c *sasl.Conn) *sasl.Exchange {
	t.Helper()
	x := begin(t, a, c)
	if _, _, err := x.Start(); err != nil {
		t.Fatal(err)
	}
	return x
}

// A host that goes on after Next has failed does not get a success out of it.
func TestFailureOutlivesTheHost(t *testing.T) {
	x := started(t, withClient(puppet{}), secure("X-ECHO"))
	if x.Mechanism() != "X-ECHO" {
		t.Errorf("mechanism %q", x.Mechanism())
	}
	huge := make([]byte, sasl.MaxMessage+1)
	for range 2 {
		if response, err := x.Next(huge); response != nil || !errors.Is(err, sasl.ErrProtocol) {
			t.Errorf("Next: %q, %v; want ErrProtocol", response, err)
		}
	}
	if response, err := x.Next(nil); response != nil || !errors.Is(err, sasl.ErrProtocol) {
		t.Errorf("Next: %q, %v; want ErrProtocol", response, err)
	}
	if err := x.Finish(nil); !errors.Is(err, sasl.ErrProtocol) {
		t.Errorf("Finish: %v, want ErrProtocol", err)
	}
}

// A mechanism taken from the registry checks for itself what Validate would
// have: nobody may have called it.
func TestClientChecksItsFields(t *testing.T) {
	generator, secret := never(t)
	for _, test := range []struct {
		name        string
		credentials sasl.Credentials
	}{
		{"XOAUTH2", sasl.Credentials{Username: "a\x01auth=Bearer evil", Token: generator}},
		{"OAUTHBEARER", sasl.Credentials{Username: user, AuthzID: "a\x01auth=Bearer evil", Token: generator}},
		{"PLAIN", sasl.Credentials{Username: "a\x00b", Password: secret}},
		{"LOGIN", sasl.Credentials{Username: "a\r\n", Password: secret}},
		{"PLAIN", sasl.Credentials{Username: user}},
		{"LOGIN", sasl.Credentials{Username: user}},
		{"XOAUTH2", sasl.Credentials{Username: user}},
		{"OAUTHBEARER", sasl.Credentials{Username: user}},
	} {
		m, _ := sasl.Default().Lookup(test.name)
		client, err := m.NewClient(t.Context(), secure(test.name), &test.credentials)
		if client != nil || err == nil {
			t.Errorf("%s %+v: %v, %v; want an error", test.name, test.credentials, client, err)
		}
	}
}

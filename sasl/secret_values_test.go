package sasl_test

import (
	"context"
	"crypto/sha256"
	"errors"
	netsmtp "net/smtp"
	"reflect"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/sasl"
)

// A vault keeps values where printers look only by reflection: in a field that is
// not exported, behind a pointer, in a map, in a slice.
type vault struct {
	inner any
	list  []any
	named map[string]any
	next  *vault
}

// wantNoSecretAnywhere is wantNoSecret for a value, and for what may hold it.
func wantNoSecretAnywhere(t *testing.T, what string, v any) {
	t.Helper()
	wantNoSecret(t, what, v)
	wantNoSecret(t, what+" in a vault", vault{v, []any{v}, map[string]any{"v": v}, &vault{inner: v}})
	wantNoSecret(t, what+" in a list", []any{v})
	wantNoSecret(t, what+" in a map", map[string]any{"v": v})
	if pointer := reflect.ValueOf(v); pointer.Kind() == reflect.Pointer && !pointer.IsNil() {
		// Authenticators and the like hold locks, and are not to be copied.
		return
	}
	p := reflect.New(reflect.TypeOf(v))
	p.Elem().Set(reflect.ValueOf(v))
	wantNoSecret(t, "pointer to "+what, p.Interface())
	wantNoSecret(t, "pointer to "+what+" in a vault", &vault{inner: p.Interface()})
}

// signIns runs each mechanism to success, to refusal and to a breach of the rules,
// and hands over whatever a program can get hold of.
func signIns(t *testing.T, visit func(what string, v any)) {
	t.Helper()
	for _, s := range subjects(t) {
		known := password // to the server, which repeats it
		if s.authenticator.Credentials.Token != nil {
			known = token
		}
		for _, script := range append(s.scripts, []string{reply334(known), reply334(known), reply334(known), "501 5.5.2 " + known}) {
			a := freshly(s.authenticator)
			c := certified(s.mechanism)
			what := s.mechanism + " " + script[0]
			_, err := a.Authenticate(t.Context(), c, &wireServer{lines: script})
			if err != nil {
				visit(what+": error", err)
				for _, part := range parts(err) {
					visit(what+": part of the error", part)
				}
			}
			visit(what+": Authenticator", a)
			visit(what+": Credentials", a.Credentials)
			visit(what+": Registry", a.Registry)
			visit(what+": Conn", c)
			for _, m := range a.Registry.Mechanisms() {
				visit(what+": Mechanism", m)
			}
			for _, d := range a.Explain(c) {
				visit(what+": Decision", d)
			}
			a = freshly(a)
			if x, err := a.Begin(t.Context(), c); err == nil {
				visit(what+": Exchange", x)
				x.Start()
				x.Next([]byte(known))
				visit(what+": Exchange, challenged", x)
				visit(what+": result", x.Finish(replyCode(535)))
				visit(what+": Exchange, finished", x)
			}
			a = freshly(a)
			auth := sasl.NetSMTP(t.Context(), a, c)
			visit(what+": NetSMTPAuth", auth)
			auth.Start(&netsmtp.ServerInfo{Name: c.Host, TLS: true})
			visit(what+": NetSMTPAuth, started", auth)
			auth.Next([]byte(known), true)
			visit(what+": NetSMTPAuth, challenged", auth)
			visit(what+": NetSMTPAuth, result", auth.Finish(replyCode(535)))
		}
	}
}

// parts are the errors that err is made of.
func parts(err error) []error {
	var all []error
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			all = append(append(all, inner), parts(inner)...)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			all = append(append(all, inner), parts(inner)...)
		}
	}
	return all
}

// No value of this package that a program can get hold of shows a secret, before,
// within and after an exchange, wherever the value is kept.
func TestNoSecretInAnyValue(t *testing.T) {
	seen := map[string]bool{}
	signIns(t, func(what string, v any) {
		if v == nil {
			return
		}
		if kind := reflect.TypeOf(v).String() + what; !seen[kind] {
			seen[kind] = true
			wantNoSecretAnywhere(t, what, v)
		}
	})
	if len(seen) < 300 {
		t.Errorf("%d values", len(seen))
	}
}

// The two sides that a mechanism makes show none either, though their types are
// not exported.
func TestNoSecretInClientsAndServers(t *testing.T) {
	key := quickKey(t)
	directory := accounts{user: {
		Password: sasl.NewSecret(password), Token: takes(token, &sasl.OAuthError{Status: "invalid_token"}),
		SCRAM: map[string]sasl.StoredKey{"SCRAM-SHA-256": key},
	}}
	wantNoSecretAnywhere(t, "StoredKey", key)
	wantNoSecretAnywhere(t, "Account", directory[user])
	wantNoSecretAnywhere(t, "Directory", directory)
	wantNoSecretAnywhere(t, "SCRAMOptions", sasl.SCRAMOptions{})
	for _, s := range subjects(t) {
		m, _ := s.authenticator.Registry.Lookup(s.mechanism)
		credentials := s.authenticator.Credentials
		client, err := m.NewClient(t.Context(), certified(s.mechanism), &credentials)
		if err != nil {
			t.Fatal(err)
		}
		server, err := m.NewServer(t.Context(), certified(s.mechanism), directory)
		if err != nil {
			t.Fatal(err)
		}
		_, message, _ := client.Start()
		for range 4 {
			wantNoSecretAnywhere(t, s.mechanism+" client", client)
			if message == nil && s.mechanism != "LOGIN" && s.mechanism != "CRAM-MD5" {
				break
			}
			challenge, done, err := server.Next(message)
			wantNoSecretAnywhere(t, s.mechanism+" server", server)
			if err != nil {
				wantNoSecretAnywhere(t, s.mechanism+" server's error", err)
			}
			if done || err != nil {
				break
			}
			if message, err = client.Next(challenge); err != nil {
				wantNoSecretAnywhere(t, s.mechanism+" client's error", err)
				break
			}
		}
		if f, ok := client.(sasl.Finisher); ok {
			if err := f.Finish(replyCode(535)); err != nil {
				wantNoSecretAnywhere(t, s.mechanism+" result", err)
			}
		}
	}
}

// An exchange of somebody's own mechanism, whose client keeps the secret as it
// is, does not show it, and neither does an Authenticator whose generator does.
func TestNoSecretOfOthers(t *testing.T) {
	careless := sasl.Mechanism{
		Name: "X-CARELESS",
		NewClient: func(context.Context, *sasl.Conn, *sasl.Credentials) (sasl.Client, error) {
			return carelessClient{password}, nil
		},
	}
	a := sasl.OAuth(user, &generator{tokens: []string{token}})
	a.Registry = new(sasl.Registry).With(careless)
	x := begin(t, a, secure("X-CARELESS"))
	auth := sasl.NetSMTP(t.Context(), a, secure("X-CARELESS"))
	if _, _, err := auth.Start(&netsmtp.ServerInfo{Name: "smtp.example.com", TLS: true}); err != nil {
		t.Fatal(err)
	}
	for what, v := range map[string]any{"Exchange": x, "NetSMTPAuth": auth, "Authenticator": a, "Credentials": a.Credentials} {
		hidden := needles()
		printed(v, func(how, text string) {
			for _, s := range hidden {
				if strings.Contains(text, s) {
					t.Errorf("%s: %s shows %q", what, how, s)
				}
			}
		})
	}
}

type carelessClient struct{ password string }

func (c carelessClient) Start() (string, []byte, error) { return "X-CARELESS", nil, nil }
func (c carelessClient) Next([]byte) ([]byte, error)    { return []byte(c.password), nil }

// A SCRAMError and its kin say nothing of what they are about.
func TestNoSecretInErrors(t *testing.T) {
	refused := errors.Join(sasl.ErrRejected, errors.New("no"))
	for _, err := range []error{
		&sasl.SCRAMError{Mechanism: "SCRAM-SHA-256", Value: "invalid-proof", Err: refused},
		&sasl.OAuthError{Mechanism: "XOAUTH2", Status: "401", Err: refused},
		&sasl.RefusedError{Refusal: refused, Renewal: sasl.ErrNoOtherToken},
		&sasl.CoolDownError{Err: refused},
		&sasl.TokenError{Err: refused},
		&sasl.NoMechanismError{Offered: []string{"PLAIN"}},
	} {
		wantNoSecretAnywhere(t, "error", err)
	}
	_, err := sasl.NewStoredKey(t.Context(), sha256.New, sasl.NewSecret(password), nil, -1)
	wantNoSecretAnywhere(t, "error of NewStoredKey", err)
}

package sasl_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-55a66e92/postern/sasl"
)

// What could end a field or a line is refused before anything is sent, in any
// field and by every mechanism, and the error names the field, not its value.
func TestInjection(t *testing.T) {
	var bad []string
	for c := range rune(' ') {
		bad = append(bad, string(c))
	}
	bad = append(bad, "\x7f", "\xff", "\r\nMAIL FROM:<evil@example.com>", "\x01auth=Bearer evil")
	names := sasl.Default().Names()
	for _, mechanism := range names {
		for _, evil := range bad {
			value := "before" + evil + "after"
			fixed := func(context.Context) (sasl.Secret, error) { return sasl.NewSecret(value), nil }
			pass := sasl.Password(user, password).Credentials.Password
			for field, c := range map[string]sasl.Credentials{
				"user name":                               {Username: value, Password: pass},
				"user name with a token":                  {Username: value, Token: sasl.StaticToken(token)},
				"user name with a certificate":            {Username: value, External: true},
				"authorization identity":                  {Username: user, AuthzID: value, Password: pass},
				"authorization identity with a token":     {Username: user, AuthzID: value, Token: sasl.StaticToken(token)},
				"access token":                            {Username: user, Token: sasl.StaticToken(value)},
				"password":                                {Username: user, Password: fixed},
				"authorization identity of a certificate": {AuthzID: value, External: true},
			} {
				if field == "password" && evil != "\x00" && evil != "\xff" {
					continue // passwords may hold what they like, if it can be sent
				}
				a := &sasl.Authenticator{Credentials: c, Policy: sasl.Policy{Order: names}}
				server := play()
				_, err := a.Authenticate(t.Context(), certified(mechanism), server)
				if none := new(sasl.NoMechanismError); errors.As(err, &none) {
					continue // the mechanism is not for these credentials
				}
				if !errors.Is(err, sasl.ErrBadCredentials) || !strings.Contains(err.Error(), strings.Fields(field)[0]) {
					t.Errorf("%s: %s %q: error %v", mechanism, field, evil, err)
				} else if strings.Contains(err.Error(), "before") || strings.Contains(err.Error(), "after") {
					t.Errorf("%s: %s %q: the error shows the value: %v", mechanism, field, evil, err)
				}
				server.wantSent(t)
			}
		}
	}
	c := secure("OAUTHBEARER")
	c.Host = "smtp.example.com\x01auth=Bearer evil"
	server := play()
	_, err := sasl.OAuth(user, sasl.StaticToken(token)).Authenticate(t.Context(), c, server)
	wantErrors(t, err, sasl.ErrBadCredentials)
	server.wantSent(t)
}

// Commas and equals signs do not end a field of a GS2 header.
func TestNamesAreEscaped(t *testing.T) {
	for mechanism, want := range map[string]string{
		"OAUTHBEARER": "n,a=x=2Cy=3Dz,\x01",
		"SCRAM-SHA-1": "n,a=x=2Cy=3Dz,n=p=2Cq=3Dr,r=",
	} {
		a := sasl.Password("p,q=r", password)
		if mechanism == "OAUTHBEARER" {
			a = sasl.OAuth("p,q=r", sasl.StaticToken(token))
		}
		a.Credentials.AuthzID = "x,y=z"
		_, initial, err := begin(t, a, secure(mechanism)).Start()
		if err != nil || !strings.HasPrefix(string(initial), want) {
			t.Errorf("%s: %q, %v; want %q", mechanism, initial, err, want)
		}
	}
}

// Messages that end where a careless parser looks further, to both sides of
// every mechanism.
func TestShortMessages(t *testing.T) {
	messages := []string{
		"", ",", ",,", ",,,", "=", "r", "r=", "r=x", "r=x,", "r=x,,", "r=x,s", "r=x,s=", "r=x,s=,i", "r=x,s=,i=", "v", "v=", "v=,", "e", "e=", "e=,",
		"m=", "n", "n,", "n,,", "n,,n", "n,,n=", "n,,n=,r", "n,,n=,r=", "p=,,", "y,a=,", "c=", "c=,r=,p=", "\x00", "\x00\x00", "\x00\x00\x00",
		"\x01", "\x01\x01", "\x01\x01\x01", "user=\x01auth=\x01\x01", "n,,\x01\x01", "n,,\x01auth\x01\x01", "n,a==,\x01auth=Bearer\x01\x01", "{", "{}",
		"[]", "null", `"`, `{"status":`, " ", "  ", "a ", " a", "<", "<>", "\xff", "\xff\xfe", "=2", "n,,n==2,r=x", "n,,n=a=,r=x",
	}
	for _, s := range subjects(t) {
		for _, message := range messages {
			lines := []string{reply334(message), line235, line235}
			if why := s.run(t.Context(), lines); why != "" {
				t.Errorf("%s %q: %s", s.mechanism, message, why)
			}
			s.authenticator = freshly(s.authenticator)
			lines = slices.Concat(s.scripts[0][:len(s.scripts[0])-1], lines)
			if why := s.run(t.Context(), lines); why != "" {
				t.Errorf("%s %q behind the script: %s", s.mechanism, message, why)
			}
			s.authenticator = freshly(s.authenticator)
		}
	}
	for _, name := range append(sasl.Default().Names(), "ANONYMOUS") {
		m, _ := sasl.Default().With(sasl.Anonymous("")).Lookup(name)
		for _, first := range messages {
			for _, second := range []string{"", first, "c=biws,r=,p="} {
				server, err := m.NewServer(t.Context(), certified(name), accounts{user: {Password: sasl.NewSecret(password)}})
				if err != nil {
					t.Fatal(err)
				}
				for _, message := range []string{first, second} {
					if _, done, _ := server.Next([]byte(message)); done {
						t.Errorf("%s: %q then %q sign in", name, first, second)
					}
				}
			}
		}
	}
}

// A server takes the same steps for an unknown user as for a wrong password: it
// asks the directory once, derives a key once and says as much.
func TestUnknownUserCostsTheSame(t *testing.T) {
	for _, name := range sasl.Default().Names() {
		if name == "EXTERNAL" || name == "XOAUTH2" || name == "OAUTHBEARER" {
			continue // no password
		}
		costs := map[string]bool{}
		for _, who := range []string{user, "nobody@example.com"} {
			asked := 0
			var derivations atomic.Int64
			directory := directoryFunc(func(_ context.Context, name string) (sasl.Account, error) {
				asked++
				return accounts{user: {Password: sasl.NewSecret(password)}}.Account(t.Context(), name)
			})
			m, _ := sasl.Default().Lookup(name)
			if strings.HasPrefix(name, "SCRAM-") {
				hooks := boundTo(exporterAlone)
				hooks.Derivations = &derivations
				m = sasl.HookedSCRAM(name, sha256.New, sasl.SCRAMOptions{}, hooks)
			}
			server, err := m.NewServer(t.Context(), secure(name), directory)
			if err != nil {
				t.Fatal(err)
			}
			a := sasl.Password(who, "wrong")
			if strings.HasPrefix(name, "SCRAM-") {
				a.Registry = new(sasl.Registry).With(sasl.HookedSCRAM(name, sha256.New, sasl.SCRAMOptions{}, boundTo(exporterAlone)))
			}
			a.Policy.Order = []string{name}
			p := &pair{server: server}
			_, err = a.Authenticate(t.Context(), secure(name), p)
			wantErrors(t, err, sasl.ErrRejected)
			costs[fmt.Sprint(asked, derivations.Load(), len(p.sent), len(p.heard))] = true
		}
		if len(costs) != 1 {
			t.Errorf("%s: the two take %v", name, costs)
		}
	}
}

package sasl_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/seed-55a66e92/postern/sasl"
)

// A sample is a message that a server accepts from alice.
type sample struct {
	mechanism string
	messages  []string
}

func samples() []sample {
	bearer := "auth=Bearer " + token + "\x01\x01"
	return []sample{
		{"PLAIN", []string{"\x00alice\x00" + password}},
		{"PLAIN", []string{"alice\x00alice\x00" + password}},
		{"LOGIN", []string{"alice", password}},
		{"XOAUTH2", []string{"user=alice\x01" + bearer}},
		{"OAUTHBEARER", []string{"n,a=alice,\x01host=smtp.example.com\x01port=587\x01" + bearer}},
	}
}

// A census is a Directory of people whose secrets differ. It remembers whose
// secret was the right one.
type census struct{ proved []string }

var people = []string{"alice", "blice", "alic", "alicf", "Alice", "lice", "aalice", "root"}

func (c *census) Account(_ context.Context, name string) (sasl.Account, error) {
	if !slices.Contains(people, name) {
		return sasl.Account{}, sasl.ErrNoAccount
	}
	suffix := " of " + name
	if name == "alice" {
		suffix = ""
	}
	return sasl.Account{
		Password: sasl.NewSecret(password + suffix),
		Token: func(_ context.Context, s sasl.Secret) error {
			if s.Reveal() != token+suffix {
				return sasl.ErrRejected
			}
			c.proved = append(c.proved, name)
			return nil
		},
	}, nil
}

// run sends messages to a server and returns who signed in, "" if nobody did.
func (c *census) run(t *testing.T, s sample) (authn, authz string) {
	t.Helper()
	m, _ := sasl.Default().Lookup(s.mechanism)
	server, err := m.NewServer(t.Context(), secure(s.mechanism), c)
	if err != nil {
		t.Fatal(err)
	}
	identity := server.(sasl.Identifier).Identity
	for _, message := range s.messages {
		challenge, done, err := server.Next([]byte(message))
		authn, authz = identity()
		if done {
			if challenge != nil || err != nil {
				t.Errorf("%+q: done with challenge %q, error %v", s.messages, challenge, err)
			}
			return authn, authz
		}
		if authn != "" || authz != "" {
			t.Errorf("%+q: identity %q, %q before the end", s.messages, authn, authz)
		}
		if err != nil {
			return "", ""
		}
	}
	return "", ""
}

// No message that differs from a good one by an octet signs in anybody but
// alice, and none that differs in the secret signs in anybody.
func TestServerMutants(t *testing.T) {
	for _, s := range samples() {
		if authn, _ := new(census).run(t, s); authn != "alice" {
			t.Fatalf("%+q: signed in %q, want alice", s.messages, authn)
		}
		accepted := 0
		for i, message := range s.messages {
			for _, mutant := range mutants(message) {
				mutated := sample{s.mechanism, slices.Clone(s.messages)}
				mutated.messages[i] = mutant
				authn, authz := new(census).run(t, mutated)
				if authn == "" {
					continue
				}
				accepted++
				if authn != "alice" || authz != "" && authz != "alice" {
					t.Errorf("%s %+q: signed in %q as %q", s.mechanism, mutated.messages, authn, authz)
				}
			}
		}
		t.Logf("%s: %d harmless mutants", s.mechanism, accepted)
	}
}

// mutants returns message with every octet changed to every other value, left
// out and doubled.
func mutants(message string) []string {
	var all []string
	for i := range len(message) {
		for c := range 256 {
			if byte(c) != message[i] {
				all = append(all, message[:i]+string([]byte{byte(c)})+message[i+1:])
			}
			all = append(all, message[:i]+string([]byte{byte(c)})+message[i:])
		}
		all = append(all, message[:i]+message[i+1:], message[:i])
	}
	return all
}

// A mutant of the secret alone is refused.
func TestServerMutantsOfTheSecret(t *testing.T) {
	for _, mutant := range mutants(password) {
		for _, s := range []sample{{"PLAIN", []string{"\x00alice\x00" + mutant}}, {"LOGIN", []string{"alice", mutant}}} {
			if authn, _ := new(census).run(t, s); authn != "" {
				t.Fatalf("%s: password %q signed in %s", s.mechanism, mutant, authn)
			}
		}
	}
	for _, mutant := range mutants(token) {
		for _, s := range []sample{
			{"XOAUTH2", []string{"user=alice\x01auth=Bearer " + mutant + "\x01\x01"}},
			{"OAUTHBEARER", []string{"n,a=alice,\x01auth=Bearer " + mutant + "\x01\x01"}},
		} {
			if authn, _ := new(census).run(t, s); authn != "" {
				t.Fatalf("%s: token %q signed in %s", s.mechanism, mutant, authn)
			}
		}
	}
}

func TestMayActAs(t *testing.T) {
	directory := accounts{user: {
		Password: sasl.NewSecret(password),
		MayActAs: func(authzid string) bool { return authzid == "shared@example.com" },
	}}
	for _, test := range []struct{ authzid, want string }{
		{"", ""}, {user, user}, {"shared@example.com", "shared@example.com"}, {"root", "refused"}, {"Shared@example.com", "refused"},
	} {
		server, err := plainServer(t, directory)
		if err != nil {
			t.Fatal(err)
		}
		_, done, err := server.Next([]byte(test.authzid + "\x00" + user + "\x00" + password))
		authn, authz := server.(sasl.Identifier).Identity()
		if test.want == "refused" {
			if done || !errors.Is(err, sasl.ErrRejected) || authn != "" || authz != "" {
				t.Errorf("%q: done %v, error %v, identity %q, %q; want a refusal", test.authzid, done, err, authn, authz)
			}
			continue
		}
		if !done || err != nil || authn != user || authz != test.want {
			t.Errorf("%q: done %v, error %v, identity %q, %q", test.authzid, done, err, authn, authz)
		}
	}
}

func plainServer(t *testing.T, d sasl.Directory) (sasl.Server, error) {
	t.Helper()
	m, _ := sasl.Default().Lookup("PLAIN")
	return m.NewServer(t.Context(), secure("PLAIN"), d)
}

// What a client is told does not depend on whether the user exists.
func TestServerTellsNothingOfUsers(t *testing.T) {
	directory := accounts{
		"alice": {Password: sasl.NewSecret(password)},
		"empty": {},
	}
	texts := map[string]string{}
	for _, s := range []sample{
		{"PLAIN", []string{"\x00alice\x00wrong"}},
		{"PLAIN", []string{"\x00empty\x00wrong"}},
		{"PLAIN", []string{"\x00nobody\x00wrong"}},
		{"PLAIN", []string{"root\x00nobody\x00wrong"}},
		{"PLAIN", []string{"root\x00alice\x00wrong"}},
		{"LOGIN", []string{"alice", "wrong"}},
		{"LOGIN", []string{"empty", "wrong"}},
		{"LOGIN", []string{"nobody", "wrong"}},
		{"XOAUTH2", []string{"user=alice\x01auth=Bearer wrong\x01\x01"}},
		{"XOAUTH2", []string{"user=nobody\x01auth=Bearer wrong\x01\x01"}},
		{"OAUTHBEARER", []string{"n,a=alice,\x01auth=Bearer wrong\x01\x01"}},
		{"OAUTHBEARER", []string{"n,a=nobody,\x01auth=Bearer wrong\x01\x01"}},
	} {
		m, _ := sasl.Default().Lookup(s.mechanism)
		server, err := m.NewServer(t.Context(), secure(s.mechanism), directory)
		if err != nil {
			t.Fatal(err)
		}
		var last error
		for _, message := range s.messages {
			_, _, last = server.Next([]byte(message))
		}
		wantErrors(t, last, sasl.ErrRejected)
		if errors.Is(last, sasl.ErrNoAccount) {
			t.Errorf("%+q: the error tells that the user is unknown", s.messages)
		}
		if text, ok := texts[s.mechanism]; ok && text != last.Error() {
			t.Errorf("%+q: %q, elsewhere %q", s.messages, last, text)
		}
		texts[s.mechanism] = last.Error()
	}
}

// A store that fails is no refusal.
func TestDirectoryFails(t *testing.T) {
	failure := errors.New("database is down")
	broken := directoryFunc(func(context.Context, string) (sasl.Account, error) { return sasl.Account{}, failure })
	tokenFails := accounts{"alice": {Token: func(context.Context, sasl.Secret) error { return failure }}}
	for _, s := range samples() {
		directories := []sasl.Directory{broken}
		if s.mechanism == "XOAUTH2" || s.mechanism == "OAUTHBEARER" {
			directories = append(directories, tokenFails)
		}
		for i, d := range directories {
			m, _ := sasl.Default().Lookup(s.mechanism)
			server, err := m.NewServer(t.Context(), secure(s.mechanism), d)
			if err != nil {
				t.Fatal(err)
			}
			var done bool
			for _, message := range s.messages {
				_, done, err = server.Next([]byte(message))
			}
			if done || !errors.Is(err, sasl.ErrTemporary) || !errors.Is(err, failure) || errors.Is(err, sasl.ErrRejected) {
				t.Errorf("%s, directory %d: done %v, error %v; want ErrTemporary", s.mechanism, i, done, err)
			}
		}
	}
}

type directoryFunc func(context.Context, string) (sasl.Account, error)

func (f directoryFunc) Account(ctx context.Context, name string) (sasl.Account, error) {
	return f(ctx, name)
}

// The context of the exchange reaches the directory and the check of the token.
func TestServerContext(t *testing.T) {
	ctx := context.WithValue(t.Context(), cancelKey{}, "mine")
	var heard []any
	d := directoryFunc(func(ctx context.Context, _ string) (sasl.Account, error) {
		heard = append(heard, ctx.Value(cancelKey{}))
		return sasl.Account{Password: sasl.NewSecret(password), Token: func(ctx context.Context, _ sasl.Secret) error {
			heard = append(heard, ctx.Value(cancelKey{}))
			return nil
		}}, nil
	})
	for _, s := range samples() {
		m, _ := sasl.Default().Lookup(s.mechanism)
		server, err := m.NewServer(ctx, secure(s.mechanism), d)
		if err != nil {
			t.Fatal(err)
		}
		for _, message := range s.messages {
			server.Next([]byte(message))
		}
	}
	if want := "[mine mine mine mine mine mine mine]"; fmt.Sprint(heard) != want {
		t.Errorf("contexts %v, want %v", heard, want)
	}
}

// A client that says nothing twice gets nowhere.
func TestServerWithoutMessage(t *testing.T) {
	for _, name := range sasl.Default().Names() {
		m, _ := sasl.Default().Lookup(name)
		server, err := m.NewServer(t.Context(), secure(name), new(census))
		if err != nil {
			t.Fatal(err)
		}
		challenge, done, err := server.Next(nil)
		if challenge == nil || done || err != nil {
			t.Errorf("%s: challenge %q, done %v, error %v; want a challenge", name, challenge, done, err)
		}
		for range 2 {
			if challenge, done, err := server.Next(nil); challenge != nil || done || !errors.Is(err, sasl.ErrProtocol) {
				t.Errorf("%s: challenge %q, done %v, error %v; want ErrProtocol", name, challenge, done, err)
			}
		}
	}
}

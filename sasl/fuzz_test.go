package sasl_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/seed-55a66e92/postern/sasl"
)

// The server targets share a property: whatever comes, a server does not panic;
// it ends in success or in an error and not in both, sends no data with its end,
// answers nothing after it, and signs in only the account whose secret was sent.

func FuzzPLAINServer(f *testing.F) {
	f.Add([]byte("\x00alice\x00"+password), true)
	f.Add([]byte("alice\x00alice\x00"+password), false)
	f.Add([]byte("root\x00alice\x00"+password+"\x00"), true)
	f.Fuzz(func(t *testing.T, message []byte, inline bool) {
		authn := fuzzServer(t, "PLAIN", inline, message)
		if authn != "" && !bytes.HasSuffix(message, []byte("\x00"+authn+"\x00"+secretOf(password, authn))) {
			t.Errorf("%q signed in %s", message, authn)
		}
	})
}

func FuzzLOGINServer(f *testing.F) {
	f.Add([]byte("alice"), []byte(password), true)
	f.Add([]byte("alice"), []byte(password), false)
	f.Add([]byte("root"), []byte(password+" of root"), false)
	f.Fuzz(func(t *testing.T, name, secret []byte, inline bool) {
		authn := fuzzServer(t, "LOGIN", inline, name, secret)
		if authn != "" && (string(name) != authn || string(secret) != secretOf(password, authn)) {
			t.Errorf("%q with %q signed in %s", name, secret, authn)
		}
	})
}

func FuzzXOAUTH2Server(f *testing.F) {
	f.Add([]byte(messageOf("XOAUTH2", token)), true)
	f.Add([]byte("user=alice\x01auth=Bearer "+token+"\x01\x01"), true)
	f.Add([]byte("user=root\x01auth=bearer "+token+" of root\x01\x01"), false)
	f.Fuzz(func(t *testing.T, message []byte, inline bool) {
		authn := fuzzServer(t, "XOAUTH2", inline, message)
		if authn != "" && !fieldsHold(message, "user="+authn, secretOf(token, authn)) {
			t.Errorf("%q signed in %s", message, authn)
		}
	})
}

func FuzzOAUTHBEARERServer(f *testing.F) {
	f.Add([]byte(messageOf("OAUTHBEARER", token)), true)
	f.Add([]byte("n,a=alice,\x01host=smtp.example.com\x01port=587\x01auth=Bearer "+token+"\x01\x01"), true)
	f.Add([]byte("y,a=a=2Cice,\x01auth=\x01\x01"), false)
	f.Add([]byte("\x01"), true)
	f.Add([]byte{}, true)
	f.Fuzz(func(t *testing.T, message []byte, inline bool) {
		authn := fuzzServer(t, "OAUTHBEARER", inline, message)
		if authn != "" && !fieldsHold(message, "a="+authn+",", secretOf(token, authn)) {
			t.Errorf("%q signed in %s", message, authn)
		}
	})
}

// fieldsHold reports whether one field between ^A ends the name and another one
// ends in the token.
func fieldsHold(message []byte, name, token string) bool {
	fields := strings.Split(string(message), "\x01")
	return strings.HasSuffix(fields[0], name) &&
		slices.ContainsFunc(fields[1:], func(field string) bool {
			return len(field) > len("auth=bearer ") && strings.EqualFold(field[:12], "auth=bearer ") && field[12:] == token
		})
}

// secretOf is the secret that a census holds for name.
func secretOf(secret, name string) string {
	if name == "alice" {
		return secret
	}
	return secret + " of " + name
}

// fuzzServer sends messages to a server, the first one with the AUTH command if
// inline, and returns who signed in.
func fuzzServer(t *testing.T, mechanism string, inline bool, messages ...[]byte) (authn string) {
	m, _ := sasl.Default().Lookup(mechanism)
	server, err := m.NewServer(t.Context(), secure(mechanism), new(census))
	if err != nil {
		t.Fatal(err)
	}
	if !inline {
		if challenge, done, err := server.Next(nil); challenge == nil || done || err != nil {
			t.Fatalf("first challenge %q, done %v, error %v", challenge, done, err)
		}
	}
	for i := 0; ; i++ {
		if i > 8 {
			t.Fatal("the exchange does not end")
		}
		challenge, done, err := server.Next(bytes.Clone(messages[min(i, len(messages)-1)]))
		authn, authz := server.(sasl.Identifier).Identity()
		switch {
		case done && (err != nil || challenge != nil):
			t.Fatalf("done with challenge %q, error %v", challenge, err)
		case err != nil && challenge != nil:
			t.Fatalf("challenge %q with error %v", challenge, err)
		case !done && authn+authz != "":
			t.Fatalf("identity %q, %q without success", authn, authz)
		case !done && err == nil && challenge == nil:
			t.Fatal("neither a challenge nor an end")
		case done && authz != "" && authz != authn:
			t.Fatalf("%s acts as %s", authn, authz)
		case done && authn == "":
			t.Fatal("success of nobody")
		}
		if !done && err == nil {
			continue
		}
		for _, again := range messages {
			if _, done, err := server.Next(again); done || !errors.Is(err, sasl.ErrProtocol) {
				t.Fatalf("after the end: done %v, error %v", done, err)
			}
		}
		return authn
	}
}

// Whatever a server puts into an error challenge, the client answers it, keeps a
// bounded part of it and shows it on one printable line.
func FuzzOAuthErrorJSON(f *testing.F) {
	f.Add([]byte(errorJSON))
	f.Add([]byte(`{"status":401}`))
	f.Add([]byte(`{"status":{"a":[1]},"scope":"\u202e\r\n"}`))
	f.Add([]byte(`{"status":1e999}`))
	f.Add([]byte("go away"))
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte(`[`), 8192))
	f.Add([]byte(`{"status":"` + strings.Repeat("x", 8000) + `"}`))
	f.Fuzz(func(t *testing.T, challenge []byte) {
		if len(challenge) > sasl.MaxMessage {
			t.Skip()
		}
		e := challengeError(t, challenge)
		text := e.Error()
		if len(text) > 2000 || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("text of %d octets: %q", len(text), text)
		}
		raw := e.Raw()
		if len(raw) > 4096 || !bytes.HasPrefix(challenge, raw) && !bytes.Contains(challenge, []byte(token)) {
			t.Errorf("raw %q of challenge %q", raw, challenge)
		}
		if len(challenge) <= 4096 && !bytes.Contains(challenge, []byte(token)) && !bytes.Equal(raw, challenge) {
			t.Errorf("raw %q of challenge %q", raw, challenge)
		}
		roundTrip(t, e)
	})
}

// challengeError runs XOAUTH2 against an error challenge and a 535.
func challengeError(t *testing.T, text []byte) *sasl.OAuthError {
	x := begin(t, sasl.OAuth(user, sasl.StaticToken(token)), secure("XOAUTH2"))
	if _, _, err := x.Start(); err != nil {
		t.Fatal(err)
	}
	if response, err := x.Next(text); response == nil || len(response) > 0 || err != nil {
		t.Fatalf("response %q, %v; want an empty one", response, err)
	}
	err := x.Finish(replyCode(535))
	var e *sasl.OAuthError
	if !errors.As(err, &e) || !errors.Is(err, sasl.ErrRejected) {
		t.Fatalf("error %v, want an OAuthError that matches ErrRejected", err)
	}
	return e
}

// roundTrip sends e from our server to our client, which is to read the same.
func roundTrip(t *testing.T, e *sasl.OAuthError) {
	m, _ := sasl.Default().Lookup("XOAUTH2")
	server, err := m.NewServer(t.Context(), secure("XOAUTH2"), accounts{user: {Token: takes("none", e)}})
	if err != nil {
		t.Fatal(err)
	}
	text, done, err := server.Next([]byte(messageOf("XOAUTH2", token)))
	if text == nil || done || err != nil {
		t.Fatalf("challenge %q, done %v, error %v", text, done, err)
	}
	if len(text) > sasl.MaxMessage {
		return // more than a client has to take
	}
	back := challengeError(t, text)
	if back.Status != e.Status || back.Schemes != e.Schemes || back.Scope != e.Scope || back.OpenIDConfiguration != e.OpenIDConfiguration {
		t.Errorf("sent %#v, read %#v", e, back)
	}
}

// Any user name that may be sent arrives as it was, escapes and all.
func FuzzSaslname(f *testing.F) {
	for _, name := range []string{"alice", "a,b=c", "=2C", "=3D=", "ünïcödé", "=,=,", " "} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		a := sasl.OAuth(name, sasl.StaticToken(token))
		if a.Validate() != nil {
			if name != "" && utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl) {
				t.Errorf("%q is not valid", name)
			}
			return
		}
		x := begin(t, a, secure("OAUTHBEARER"))
		_, initial, err := x.Start()
		if err != nil {
			t.Skip() // too long
		}
		m, _ := sasl.Default().Lookup("OAUTHBEARER")
		server, err := m.NewServer(t.Context(), secure("OAUTHBEARER"), accounts{name: {Token: takes(token, sasl.ErrRejected)}})
		if err != nil {
			t.Fatal(err)
		}
		_, done, err := server.Next(initial)
		if authn, _ := server.(sasl.Identifier).Identity(); !done || err != nil || authn != name {
			t.Errorf("sent %q, arrived %q, done %v, error %v", name, authn, done, err)
		}
	})
}

// An erratic server does what the octets say. The property: the client comes to
// an end, and to success only if the last reply was a success that the mechanism
// agrees with.
func FuzzExchange(f *testing.F) {
	registry := sasl.Default().With(proof())
	f.Add(byte(0), []byte{erraticSuccess})
	f.Add(byte(0), []byte{erraticChallenge, erraticRefusal, erraticSuccess})
	f.Add(byte(1), []byte{erraticRefusal, erraticChallenge, erraticTemporary})
	f.Add(byte(3), []byte{erraticMalformed, erraticChallenge, erraticSuccess})
	f.Add(byte(4), []byte{erraticChallenge, erraticChallenge, erraticSuccess})
	f.Add(byte(4), []byte{erraticSuccess})
	f.Add(byte(2), []byte{erraticHuge, erraticSuccess})
	f.Fuzz(func(t *testing.T, which byte, replies []byte) {
		mechanism := []string{"XOAUTH2", "OAUTHBEARER", "PLAIN", "LOGIN", "X-PROOF"}[which%5]
		a := sasl.OAuth(user, sasl.TokenString(func(context.Context) (string, error) { return token, nil }))
		if which%2 == 1 {
			a = sasl.OAuth(user, alternating())
		}
		if mechanism == "PLAIN" || mechanism == "LOGIN" {
			a = sasl.Password(user, password)
		}
		a.Registry = registry
		server := &erratic{replies: replies}
		got, err := a.Authenticate(t.Context(), secure(mechanism), server)
		if got != mechanism {
			t.Errorf("mechanism %q, want %q", got, mechanism)
		}
		if len(server.sent) > 2*(sasl.MaxRounds+2) {
			t.Errorf("%d messages", len(server.sent))
		}
		want := map[string][2]int{"LOGIN": {2, 2}, "X-PROOF": {1, sasl.MaxRounds}}[mechanism] // challenges before success
		agreed := server.success && !server.cancelled && want[0] <= server.challenges && server.challenges <= want[1]
		if agreed != (err == nil) {
			t.Errorf("%s: error %v after %q, success %v after %d challenges", mechanism, err, server.sent, server.success, server.challenges)
		}
	})
}

// proof is a mechanism to which success before a challenge is none.
func proof() sasl.Mechanism {
	m := custom("X-PROOF", 1000, sasl.Concealed|sasl.Mutual)
	m.NewClient = func(context.Context, *sasl.Conn, *sasl.Credentials) (sasl.Client, error) {
		p := &prover{puppet: puppet{name: "X-PROOF"}}
		p.next = func([]byte) ([]byte, error) { p.proved = true; return nil, nil }
		return p, nil
	}
	return m
}

// What an erratic server does.
const (
	erraticSuccess = iota
	erraticChallenge
	erraticRefusal
	erraticTemporary
	erraticMechanism
	erraticMalformed
	erraticHuge
	erraticDrop
	erraticKinds
)

type erratic struct {
	replies    []byte
	sent       []string
	success    bool // the last reply was one
	challenges int  // since the last AUTH
	cancelled  bool // since the last AUTH
}

func (e *erratic) Auth(context.Context, string, []byte) (sasl.Reply, error) {
	e.challenges, e.cancelled = 0, false
	return e.reply("AUTH")
}

func (e *erratic) Respond(context.Context, []byte) (sasl.Reply, error) { return e.reply(">") }

func (e *erratic) Cancel(context.Context) (sasl.Reply, error) {
	e.cancelled = true
	return e.reply("*")
}

func (e *erratic) reply(line string) (sasl.Reply, error) {
	e.sent = append(e.sent, line)
	e.success = false
	if len(e.replies) == 0 {
		return sasl.Reply{}, errScriptOver
	}
	kind := e.replies[0] % erraticKinds
	e.replies = e.replies[1:]
	switch kind {
	case erraticSuccess:
		e.success = true
		return sasl.Reply{}, nil
	case erraticRefusal:
		return sasl.Reply{Verdict: replyCode(535)}, nil
	case erraticTemporary:
		return sasl.Reply{Verdict: replyCode(454)}, nil
	case erraticMechanism:
		return sasl.Reply{Verdict: replyCode(504)}, nil
	case erraticDrop:
		return sasl.Reply{}, errors.New("dropped")
	}
	e.challenges++
	switch kind {
	case erraticMalformed:
		return sasl.Reply{More: true, Malformed: true}, nil
	case erraticHuge:
		return sasl.Reply{More: true, Challenge: make([]byte, sasl.MaxMessage+1)}, nil
	}
	return sasl.Reply{More: true, Challenge: []byte(errorJSON)}, nil
}

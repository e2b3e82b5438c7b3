package sasl_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/internal/wire"
	"github.com/seed-55a66e92/postern/sasl"
)

// A wireServer is a Transport whose server says given lines, one to each line of
// the client, and then hangs up. It reads them as an SMTP engine does.
type wireServer struct {
	lines []string

	sent       int
	cancelled  bool
	challenges []string // decoded; malformed ones as they came
	accepted   bool     // the last line was a 235
}

func (s *wireServer) Auth(context.Context, string, []byte) (sasl.Reply, error) { return s.answer() }
func (s *wireServer) Respond(context.Context, []byte) (sasl.Reply, error)      { return s.answer() }

func (s *wireServer) Cancel(context.Context) (sasl.Reply, error) {
	s.cancelled = true
	return s.answer()
}

func (s *wireServer) answer() (sasl.Reply, error) {
	s.sent++
	if len(s.lines) == 0 {
		return sasl.Reply{}, io.EOF
	}
	line := s.lines[0]
	s.lines = s.lines[1:]
	s.accepted = false
	if len(line) < 4 || line[3] != ' ' || strings.ContainsAny(line, "\r\n") {
		return sasl.Reply{}, io.ErrUnexpectedEOF
	}
	code, err := strconv.Atoi(line[:3])
	if err != nil || code < 200 || code > 599 {
		return sasl.Reply{}, io.ErrUnexpectedEOF
	}
	if code != 334 {
		s.accepted = code == 235
		return sasl.Reply{Verdict: verdictOf(code)}, nil
	}
	octets, err := wire.DecodeBase64([]byte(line[4:]))
	if err != nil {
		s.challenges = append(s.challenges, "not base64: "+line[4:])
		return sasl.Reply{More: true, Malformed: true}, nil
	}
	s.challenges = append(s.challenges, string(octets))
	return sasl.Reply{More: true, Challenge: octets}, nil
}

func verdictOf(code int) error {
	if code == 235 {
		return nil
	}
	return replyCode(code)
}

// A subject is a mechanism with what servers say to it, and what is acceptable.
type subject struct {
	mechanism     string
	authenticator *sasl.Authenticator
	scripts       [][]string // lines; the first leads to success
	// acceptable reports whether a success that follows these challenges is one.
	acceptable func(challenges []string) bool
}

const refusal401 = `{"status":"401"}`

// reply334 and its two kin are lines of a server.
func reply334(octets string) string { return "334 " + string(wire.EncodeBase64(nil, []byte(octets))) }

const (
	line235 = "235 2.7.0 ok"
	line535 = "535 5.7.8 no"
)

// subjects are all mechanisms of this package.
func subjects(t *testing.T) []subject {
	t.Helper()
	none := func(challenges []string) bool { return len(challenges) == 0 }
	oauth := func(name string) subject {
		a := sasl.OAuth(user, sasl.TokenString(func(context.Context) (string, error) { return token, nil }))
		return subject{name, a, [][]string{{line235}, {reply334(refusal401), line535}, {line535}}, none}
	}
	all := []subject{
		oauth("XOAUTH2"), oauth("OAUTHBEARER"),
		{"PLAIN", sasl.Password(user, password), [][]string{{line235}, {line535}}, none},
		{"EXTERNAL", &sasl.Authenticator{Credentials: sasl.Credentials{External: true}}, [][]string{{line235}, {line535}}, none},
		{
			"ANONYMOUS",
			&sasl.Authenticator{Registry: sasl.Default().With(sasl.Anonymous("trace"))},
			[][]string{{line235}, {line535}},
			none,
		},
		{
			// Whatever the two prompts say, it is their number that counts.
			"LOGIN",
			sasl.Password(user, password),
			[][]string{{reply334("Username:"), reply334("Password:"), line235}, {reply334("Username:"), reply334("Password:"), line535}},
			func(challenges []string) bool { return len(challenges) == 2 },
		},
		{
			"CRAM-MD5",
			cramMD5(),
			[][]string{{reply334("<1896.697170952@example.com>"), line235}, {reply334("<1896.697170952@example.com>"), line535}},
			func(challenges []string) bool {
				return len(challenges) == 1 && challenges[0] != "" && !strings.HasPrefix(challenges[0], "not base64: ")
			},
		},
	}
	for _, name := range []string{"SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		all = append(all, scramSubject(t, name), scramSubject(t, name+"-PLUS"))
	}
	return all
}

// scramSubject is a SCRAM mechanism that says the same each time, with few
// iterations. Both messages of the server have to be as they are, but that
// something may follow the signature (RFC 5802, Section 7: extensions).
func scramSubject(t *testing.T, name string) subject {
	t.Helper()
	hooks := boundTo(exporterAlone)
	hooks.Nonce = fixedNonce().Nonce
	m := sasl.HookedSCRAM(name, scramHash(name), quick(), hooks)
	a := sasl.Password(user, password)
	a.Registry = new(sasl.Registry).With(m)

	bare := strings.TrimSuffix(name, "-PLUS")
	key, err := sasl.NewStoredKey(t.Context(), scramHash(name), sasl.NewSecret(password), []byte("saltsalt"), 4)
	if err != nil {
		t.Fatal(err)
	}
	server, err := m.NewServer(t.Context(), secure(name), accounts{user: {SCRAM: map[string]sasl.StoredKey{bare: key}}})
	if err != nil {
		t.Fatal(err)
	}
	p := &pair{server: server}
	if _, err := a.Authenticate(t.Context(), secure(name), p); err != nil {
		t.Fatal(err)
	}
	first, final := p.heard[0], p.heard[1]
	return subject{name, a, [][]string{
		{reply334(first), reply334(final), line235},
		{reply334(first), reply334("e=invalid-proof"), line535},
	}, func(challenges []string) bool {
		return len(challenges) == 2 && challenges[0] == first &&
			(challenges[1] == final || strings.HasPrefix(challenges[1], final+","))
	}}
}

// run plays lines to the subject and says what is wrong with the outcome, "" if
// nothing is.
func (s *subject) run(ctx context.Context, lines []string) string {
	server := &wireServer{lines: slices.Clone(lines)}
	c := &sasl.Conn{
		Host: "smtp.example.com", Port: 587, Service: "smtp", Verified: true, ClientCert: true,
		TLS: &tls.ConnectionState{HandshakeComplete: true}, Offered: []string{s.mechanism},
	}
	_, err := s.authenticator.Authenticate(ctx, c, server)
	switch {
	case server.sent > sasl.MaxRounds+2:
		return fmt.Sprintf("client sent %d lines", server.sent)
	case err == nil && (!server.accepted || server.cancelled || !s.acceptable(server.challenges)):
		return fmt.Sprintf("success after challenges %q, accepted %v, cancelled %v", server.challenges, server.accepted, server.cancelled)
	}
	return ""
}

// Success is reported for an acceptable transcript alone: whatever octet a server
// or somebody on the way changes, and wherever it stops, the client comes to an
// end.
func TestServerMutations(t *testing.T) {
	for _, s := range subjects(t) {
		t.Run(s.mechanism, func(t *testing.T) {
			if why := s.run(t.Context(), s.scripts[0]); why != "" {
				t.Fatal(why)
			}
			alternatives := allOctets()
			if strings.HasPrefix(s.mechanism, "SCRAM-") {
				alternatives = telling() // for all others see TestSCRAMMutants
			}
			runs := 0
			for n, script := range s.scripts {
				known := 0 // lines that the first script has too
				for n > 0 && known < len(script)-1 && script[known] == s.scripts[0][known] {
					known++
				}
				for mutant := range mutations(script, known, alternatives) {
					runs++
					// A refused token is remembered: each run has an account of its own.
					s.authenticator = freshly(s.authenticator)
					if why := s.run(t.Context(), mutant); why != "" {
						t.Fatalf("%q: %s", mutant, why)
					}
				}
			}
			t.Logf("%d scripts", runs)
		})
	}
}

// freshly returns an Authenticator that remembers nothing.
func freshly(a *sasl.Authenticator) *sasl.Authenticator {
	if a.Registry == nil {
		a.Registry = sasl.Default()
	}
	return &sasl.Authenticator{Registry: a.Registry, Credentials: a.Credentials, Policy: a.Policy}
}

// mutations yields what a script may become: every octet of what a challenge
// holds changed to each of alternatives, and of every line to those that mean
// something; octets left out and put in; lines cut off, left out, doubled and
// swapped. The first lines stay as they are.
func mutations(script []string, first int, alternatives []byte) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		with := func(i int, line string) bool {
			mutant := slices.Clone(script)
			mutant[i] = line
			return yield(mutant)
		}
		for i := first; i < len(script); i++ {
			line := script[i]
			if octets, err := wire.DecodeBase64([]byte(line[4:])); err == nil {
				for mutant := range octetMutations(octets, alternatives) {
					if !with(i, reply334(string(mutant))) {
						return
					}
				}
			}
			for mutant := range octetMutations([]byte(line), telling()) {
				if !with(i, string(mutant)) {
					return
				}
			}
			for cut := range len(line) {
				if !with(i, line[:cut]) {
					return
				}
			}
			for j := range script {
				swapped := slices.Clone(script)
				swapped[i], swapped[j] = swapped[j], swapped[i]
				if !yield(swapped) {
					return
				}
			}
			if !yield(slices.Delete(slices.Clone(script), i, i+1)) || !yield(slices.Insert(slices.Clone(script), i, line)) || !yield(script[:i]) {
				return
			}
		}
	}
}

// telling are octets that mean something in a reply, in base64 or in a message.
func telling() []byte { return []byte("\x00\r\n -+,=0235Aa\xff") }

func allOctets() []byte {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return all
}

// octetMutations yields octets with one changed to each of alternatives, with
// each of a few put in before it, and without it.
func octetMutations(octets, alternatives []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for i := range octets {
			for _, c := range alternatives {
				mutant := bytes.Clone(octets)
				mutant[i] = c
				if c != octets[i] && !yield(mutant) {
					return
				}
			}
			for _, c := range []byte("\x00,=A") {
				if !yield(slices.Insert(bytes.Clone(octets), i, c)) {
					return
				}
			}
			if !yield(slices.Delete(bytes.Clone(octets), i, i+1)) {
				return
			}
		}
	}
}

// A challenge of 64 KiB and a hundred challenges are ended by "*" soon, and an
// absurd number of iterations before the first of them.
func TestOutsizeChallenges(t *testing.T) {
	huge := strings.Repeat("x", 64<<10)
	for _, s := range subjects(t) {
		server := &wireServer{lines: []string{reply334(huge), "501 5.7.0 cancelled"}}
		_, err := s.authenticator.Authenticate(t.Context(), certified(s.mechanism), server)
		if !errors.Is(err, sasl.ErrProtocol) || !server.cancelled || server.sent != 2 {
			t.Errorf("%s, 64 KiB: %v after %d lines, cancelled %v", s.mechanism, err, server.sent, server.cancelled)
		}
		server = &wireServer{lines: slices.Repeat([]string{reply334("x")}, 100)}
		_, err = freshly(s.authenticator).Authenticate(t.Context(), certified(s.mechanism), server)
		if !errors.Is(err, sasl.ErrProtocol) || !server.cancelled || server.sent > 4 {
			t.Errorf("%s, endless: %v after %d lines, cancelled %v", s.mechanism, err, server.sent, server.cancelled)
		}
		if !strings.HasPrefix(s.mechanism, "SCRAM-") {
			continue
		}
		octets, err := wire.DecodeBase64([]byte(s.scripts[0][0][4:]))
		if err != nil {
			t.Fatal(err)
		}
		many := strings.Replace(string(octets), ",i=4", ",i=2147483647", 1)
		a := sasl.Password(user, password)
		a.Registry = new(sasl.Registry).With(sasl.HookedSCRAM(s.mechanism, scramHash(s.mechanism), sasl.SCRAMOptions{}, sasl.SCRAMHooks{
			Nonce:  fixedNonce().Nonce,
			Bind:   boundTo(exporterAlone).Bind,
			Derive: func(context.Context) error { t.Error("a key is derived"); return io.EOF },
		}))
		server = &wireServer{lines: []string{reply334(many), "501 5.7.0 cancelled"}}
		if _, err := a.Authenticate(t.Context(), certified(s.mechanism), server); !errors.Is(err, sasl.ErrProtocol) || server.sent != 2 {
			t.Errorf("%s, i=2147483647: %v", s.mechanism, err)
		}
	}
}

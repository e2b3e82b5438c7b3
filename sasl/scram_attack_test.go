package sasl_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-55a66e92/postern/sasl"
)

// boundTo are hooks for a connection with the binding data given, by type.
func boundTo(data map[string]string) sasl.SCRAMHooks {
	return sasl.SCRAMHooks{Bind: func(_ *sasl.Conn, typ string) ([]byte, error) {
		if d, ok := data[typ]; ok {
			return []byte(d), nil
		}
		return nil, errNoBinding
	}}
}

// scramUser signs in with SCRAM-SHA-256 and its -PLUS alone.
func scramUser(hooks sasl.SCRAMHooks, o sasl.SCRAMOptions) *sasl.Authenticator {
	a := sasl.Password(user, password)
	a.Registry = sasl.Default().Without(sasl.Default().Names()...).With(
		sasl.HookedSCRAM("SCRAM-SHA-256", sha256.New, o, hooks),
		sasl.HookedSCRAM("SCRAM-SHA-256-PLUS", sha256.New, o, hooks),
	)
	return a
}

func scramServer(t *testing.T, name string, hooks sasl.SCRAMHooks, o sasl.SCRAMOptions, offered ...string) sasl.Server {
	t.Helper()
	c := secure(offered...)
	c.ServerCertificate = leaf
	server, err := sasl.HookedSCRAM(name, sha256.New, o, hooks).NewServer(t.Context(), c,
		accounts{user: {Password: sasl.NewSecret(password)}})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

var exporterAlone = map[string]string{"tls-exporter": "exported", "tls-unique": "exported"}

// A server that offers channel binding learns that its offer was taken out of
// the list, and refuses (RFC 5802, Section 6).
func TestYFlag(t *testing.T) {
	a := scramUser(boundTo(exporterAlone), sasl.SCRAMOptions{})
	server := &pair{server: scramServer(t, "SCRAM-SHA-256", sasl.SCRAMHooks{}, sasl.SCRAMOptions{}, "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS")}
	_, err := a.Authenticate(t.Context(), secure("SCRAM-SHA-256"), server)
	wantErrors(t, err, sasl.ErrRejected, sasl.ErrProtocol)
	var named *sasl.SCRAMError
	if !errors.As(err, &named) || named.Value != "server-does-support-channel-binding" || !strings.Contains(err.Error(), "somebody may have changed it") {
		t.Errorf("error %v", err)
	}
	if len(server.sent) != 2 || !strings.HasPrefix(server.sent[0], "y,,") || server.sent[1] != "" {
		t.Errorf("sent %q; want no proof", server.sent)
	}
}

// Who takes the offer out and puts a name with -PLUS in that nobody can run is found
// out as well.
func TestYFlagInSpiteOfAnInventedName(t *testing.T) {
	for _, invented := range []string{"SCRAM-X-PLUS", "SCRAM--PLUS", "scram-sha-3-plus"} {
		a := scramUser(boundTo(exporterAlone), sasl.SCRAMOptions{})
		server := &pair{server: scramServer(t, "SCRAM-SHA-256", sasl.SCRAMHooks{}, sasl.SCRAMOptions{}, "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS")}
		_, err := a.Authenticate(t.Context(), secure(invented, "SCRAM-SHA-256"), server)
		wantErrors(t, err, sasl.ErrRejected, sasl.ErrProtocol)
		if len(server.sent) != 2 || !strings.HasPrefix(server.sent[0], "y,,") || server.sent[1] != "" {
			t.Errorf("%s: sent %q; want no proof", invented, server.sent)
		}
	}
}

func TestSCRAMFlags(t *testing.T) {
	none := boundTo(nil)
	for name, c := range map[string]struct {
		hooks   sasl.SCRAMHooks
		conn    *sasl.Conn
		options sasl.SCRAMOptions
		order   []string
		want    string
	}{
		"no TLS":                      {boundTo(exporterAlone), plaintext("SCRAM-SHA-256"), sasl.SCRAMOptions{}, nil, "n,,"},
		"cannot bind":                 {none, secure("SCRAM-SHA-256"), sasl.SCRAMOptions{}, nil, "n,,"},
		"cannot bind but offered":     {none, secure("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"), sasl.SCRAMOptions{}, nil, "n,,"},
		"may not bind":                {boundTo(exporterAlone), secure("SCRAM-SHA-256"), sasl.SCRAMOptions{Bindings: []string{}}, nil, "n,,"},
		"offer that nobody can run":   {boundTo(exporterAlone), secure("SCRAM-SHA-256", "scram-sha-1-plus"), sasl.SCRAMOptions{}, nil, "y,,"},
		"offer of an invented name":   {boundTo(exporterAlone), secure("SCRAM-X-PLUS", "SCRAM--PLUS", "SCRAM-SHA-256"), sasl.SCRAMOptions{}, nil, "y,,"},
		"stripped, and one not ours":  {boundTo(exporterAlone), secure("SCRAM-SHA-512-PLUS", "SCRAM-SHA-256"), sasl.SCRAMOptions{}, []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"}, "y,,"},
		"offered but not chosen":      {boundTo(exporterAlone), secure("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"), sasl.SCRAMOptions{}, []string{"SCRAM-SHA-256"}, "n,,"},
		"could bind":                  {boundTo(exporterAlone), secure("SCRAM-SHA-256"), sasl.SCRAMOptions{}, nil, "y,,"},
		"could bind, others that end": {boundTo(exporterAlone), secure("SCRAM-SHA-256", "X-PLUS"), sasl.SCRAMOptions{}, nil, "y,,"},
		"binds":                       {boundTo(exporterAlone), secure("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"), sasl.SCRAMOptions{}, nil, "p=tls-unique,,"},
		"binds as told":               {boundTo(exporterAlone), secure("SCRAM-SHA-256-PLUS"), sasl.SCRAMOptions{Bindings: []string{"tls-nothing", "tls-exporter"}}, nil, "p=tls-exporter,,"},
	} {
		t.Run(name, func(t *testing.T) {
			a := scramUser(c.hooks, c.options)
			a.Policy.Order = c.order
			_, initial, err := begin(t, a, c.conn).Start()
			if err != nil || !strings.HasPrefix(string(initial), c.want) {
				t.Errorf("sent %q, error %v; want %q", initial, err, c.want)
			}
		})
	}
}

// Success without the server's signature is an error at every step, in our own
// loop and in another's.
func TestEarly235(t *testing.T) {
	x := rfc7677(t)
	for step := range 3 {
		t.Run(fmt.Sprintf("after %d challenges", step), func(t *testing.T) {
			challenges := []string{x.Messages[1], x.Messages[3]}[:step]
			steps := []string{}
			server := play()
			for _, c := range challenges {
				server.steps = append(server.steps, challenge(c))
				steps = append(steps, c)
			}
			server.steps = append(server.steps, final235())
			_, err := x.authenticator(t).Authenticate(t.Context(), x.conn(), server)
			exchange := begin(t, x.authenticator(t), x.conn())
			if _, _, err := exchange.Start(); err != nil {
				t.Fatal(err)
			}
			for _, c := range steps {
				if _, err := exchange.Next([]byte(c)); err != nil {
					t.Fatal(err)
				}
			}
			for how, err := range map[string]error{"ours": err, "theirs": exchange.Finish(nil)} {
				if errors.Is(err, sasl.ErrServerUnverified) != (step < 2) || (err == nil) != (step == 2) {
					t.Errorf("%s: error %v", how, err)
				}
			}
		})
	}
}

// A server does not choose how long the client is busy, nor how little its proof
// is worth: nothing is derived before the numbers are found good.
func TestHostileIterations(t *testing.T) {
	x := rfc7677(t)
	for _, i := range []string{"1", "4095", "2000001", "2147483647", "2147483648"} {
		var derivations atomic.Int64
		a := scramUser(sasl.SCRAMHooks{
			Nonce:       func() string { return x.ClientNonce },
			Derivations: &derivations,
		}, sasl.SCRAMOptions{})
		server := play(challenge(strings.Replace(x.Messages[1], "i=4096", "i="+i, 1)), finalCode(501))
		_, err := a.Authenticate(t.Context(), secure("SCRAM-SHA-256"), server)
		wantErrors(t, err, sasl.ErrProtocol)
		if derivations.Load() != 0 || server.sent[1] != "*" {
			t.Errorf("i=%s: %d derivations, sent %q", i, derivations.Load(), server.sent)
		}
	}
	strict := scramUser(sasl.SCRAMHooks{}, sasl.SCRAMOptions{MinIterations: 5000})
	_, err := strict.Authenticate(t.Context(), secure("SCRAM-SHA-256"), &pair{server: scramServer(t, "SCRAM-SHA-256", sasl.SCRAMHooks{}, sasl.SCRAMOptions{})})
	if err == nil || !strings.Contains(err.Error(), "fewer than the 5000") {
		t.Errorf("error %v", err)
	}
}

// Each end of an intercepted connection sees another TLS. The user is told so,
// and nothing weaker is tried.
func TestBindingMismatch(t *testing.T) {
	offered := []string{"SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "PLAIN"}
	a := scramUser(boundTo(exporterAlone), sasl.SCRAMOptions{})
	server := &pair{server: scramServer(t, "SCRAM-SHA-256-PLUS", boundTo(map[string]string{"tls-unique": "another"}), sasl.SCRAMOptions{}, offered...)}
	name, err := a.Authenticate(t.Context(), secure(offered...), server)
	wantErrors(t, err, sasl.ErrRejected, sasl.ErrProtocol)
	if name != "SCRAM-SHA-256-PLUS" || !strings.Contains(err.Error(), "TLS is intercepted, or ends before the server") || strings.Contains(err.Error(), "PLAIN") {
		t.Errorf("%s: error %v", name, err)
	}
	if len(server.sent) != 3 || len(server.heard) != 2 || server.heard[1] != "e=channel-bindings-dont-match" {
		t.Errorf("sent %q, heard %q", server.sent, server.heard)
	}
}

// Where -PLUS cannot run, Explain says what it would need, and RequireBinding
// lets nothing else run.
func TestSCRAMPlusNeedsABinding(t *testing.T) {
	a := sasl.Password(user, password)
	a.Policy.RequireBinding = true
	for want, c := range map[string]*sasl.Conn{
		"no TLS to bind to": plaintext("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN"),
		"tls-unique needs TLS 1.2 with extended master secret and no renegotiation; tls-server-end-point needs the server's certificate": secure("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN"),
	} {
		var none *sasl.NoMechanismError
		_, err := a.Begin(t.Context(), c)
		if !errors.As(err, &none) || !strings.Contains(err.Error(), "SCRAM-SHA-256-PLUS: ") || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), "SCRAM-SHA-256, PLAIN: Policy.RequireBinding") {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// A server that does not know one binding is offered the next one, once, and
// never the mechanism without.
func TestUnsupportedBinding(t *testing.T) {
	three := map[string]string{"a": "A", "b": "B", "c": "C"}
	options := sasl.SCRAMOptions{Bindings: []string{"a", "b", "c"}}
	for _, c := range []struct {
		knows string
		flags []string // of the attempts
		want  error
	}{
		{"a", []string{"p=a,,"}, nil},
		{"b", []string{"p=a,,", "p=b,,"}, nil},
		{"c", []string{"p=a,,", "p=b,,"}, sasl.ErrRejected},
	} {
		t.Run(c.knows, func(t *testing.T) {
			offered := []string{"SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"}
			restarting := &restarts{t: t, start: func() sasl.Server {
				return scramServer(t, "SCRAM-SHA-256-PLUS", boundTo(three), sasl.SCRAMOptions{Bindings: []string{c.knows}}, offered...)
			}}
			_, err := scramUser(boundTo(three), options).Authenticate(t.Context(), secure(offered...), restarting)
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			var flags []string
			for _, message := range restarting.sent {
				if flag, _, ok := strings.Cut(message, "n="); ok && !strings.HasPrefix(message, "c=") {
					flags = append(flags, flag)
				}
			}
			if !slices.Equal(flags, c.flags) {
				t.Errorf("tried %q, want %q", flags, c.flags)
			}
		})
	}
	two := scramUser(boundTo(three), options)
	lying := play(challenge("e=unsupported-channel-binding-type"), final235())
	_, err := two.Authenticate(t.Context(), secure("SCRAM-SHA-256-PLUS"), lying)
	wantErrors(t, err, sasl.ErrProtocol)
	if len(lying.sent) != 2 {
		t.Errorf("sent %q after success", lying.sent)
	}

	alone := scramUser(boundTo(map[string]string{"tls-unique": "x"}), sasl.SCRAMOptions{})
	server := play(challenge("e=unsupported-channel-binding-type"), finalCode(535))
	_, err = alone.Authenticate(t.Context(), secure("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"), server)
	wantErrors(t, err, sasl.ErrRejected)
	if len(server.sent) != 2 {
		t.Errorf("sent %q; there is no other binding", server.sent)
	}
}

// restarts is a pair with a new server for each AUTH.
type restarts struct {
	pair
	t     *testing.T
	start func() sasl.Server
}

func (r *restarts) Auth(ctx context.Context, mechanism string, initial []byte) (sasl.Reply, error) {
	if mechanism != "SCRAM-SHA-256-PLUS" {
		r.t.Errorf("AUTH %s", mechanism)
	}
	r.server = r.start()
	return r.pair.Auth(ctx, mechanism, initial)
}

// A stranger cannot tell an unknown user from one with a password: same salt
// each time, another one for each name, same iterations, same end.
func TestUnknownUserLooksAlike(t *testing.T) {
	m := sasl.SCRAM("SCRAM-SHA-256", sha256.New, sasl.SCRAMOptions{})
	known := accounts{user: {Password: sasl.NewSecret(password)}, "bob": {Password: sasl.NewSecret("other")}}
	ask := func(name string) (salt string, transcript []string) {
		server, err := m.NewServer(t.Context(), secure("SCRAM-SHA-256"), known)
		if err != nil {
			t.Fatal(err)
		}
		a := sasl.Password(name, "wrong")
		p := &pair{server: server}
		_, refusal := a.Authenticate(t.Context(), secure("SCRAM-SHA-256"), p)
		_, rest, _ := strings.Cut(p.heard[0], ",s=")
		salt, iterations, _ := strings.Cut(rest, ",")
		return salt, []string{refusal.Error(), iterations, p.heard[1], fmt.Sprint(len(salt))}
	}
	salts := map[string]string{}
	_, want := ask(user)
	for _, name := range []string{user, "bob", "nobody", "somebody", user, "nobody", "bob"} {
		salt, transcript := ask(name)
		if !slices.Equal(transcript, want) {
			t.Errorf("%s: %q, want %q", name, transcript, want)
		}
		if before, ok := salts[name]; ok && before != salt {
			t.Errorf("%s: salt changes", name)
		}
		salts[name] = salt
	}
	if salts[user] == salts["bob"] || salts["nobody"] == salts["somebody"] || salts["nobody"] == salts["bob"] {
		t.Errorf("salts %v are not of the names", salts)
	}
}

// Who has no password cannot sign in with an empty one: a proof with NUL as the
// password is one with none, for HMAC pads its key with NULs.
func TestEmptyPasswordProvesNothing(t *testing.T) {
	nothing := sasl.SCRAMOptions{Prepare: func(s string) (string, error) {
		if s == password {
			return "\x00", nil
		}
		return s, nil
	}}
	m, _ := sasl.Default().Lookup("SCRAM-SHA-256")
	for _, directory := range []accounts{{}, {user: {}}} {
		server, err := m.NewServer(t.Context(), secure(), directory)
		if err != nil {
			t.Fatal(err)
		}
		p := &pair{server: server}
		_, err = scramUser(sasl.SCRAMHooks{}, nothing).Authenticate(t.Context(), secure("SCRAM-SHA-256"), p)
		wantErrors(t, err, sasl.ErrRejected)
		if len(p.heard) != 2 || p.heard[1] != "e=invalid-proof" {
			t.Errorf("heard %q", p.heard)
		}
	}
}

// The right password does not make one somebody else.
func TestSCRAMMayActAs(t *testing.T) {
	for authzid, want := range map[string]error{"": nil, user: nil, "shared": nil, "root": sasl.ErrRejected} {
		m, _ := sasl.Default().Lookup("SCRAM-SHA-256")
		server, err := m.NewServer(t.Context(), secure(), accounts{user: {
			Password: sasl.NewSecret(password),
			MayActAs: func(authzid string) bool { return authzid == "shared" },
		}})
		if err != nil {
			t.Fatal(err)
		}
		a := scramUser(sasl.SCRAMHooks{}, sasl.SCRAMOptions{})
		a.Credentials.AuthzID = authzid
		_, err = a.Authenticate(t.Context(), secure("SCRAM-SHA-256"), &pair{server: server})
		_, authz := server.(sasl.Identifier).Identity()
		if !errors.Is(err, want) || want == nil && authz != authzid || want != nil && authz != "" {
			t.Errorf("as %q: error %v, identity %q", authzid, err, authz)
		}
	}
}

// A client's certificate is not taken for the server's.
func TestServerNeedsItsOwnCertificate(t *testing.T) {
	m, _ := sasl.Default().Lookup("SCRAM-SHA-256-PLUS")
	c := secure()
	c.TLS.PeerCertificates = []*x509.Certificate{leaf}
	server, err := m.NewServer(t.Context(), c, accounts{})
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := server.Next([]byte("p=tls-server-end-point,,n=user,r=nonce"))
	if string(got) != "e=unsupported-channel-binding-type" || err != nil {
		t.Errorf("said %q, %v", got, err)
	}
}

// The server tells its side no more than the client.
func TestUnknownUserErrorText(t *testing.T) {
	m, _ := sasl.Default().Lookup("SCRAM-SHA-256")
	texts := map[string]bool{}
	for _, name := range []string{user, "nobody"} {
		server, err := m.NewServer(t.Context(), secure(), accounts{user: {Password: sasl.NewSecret("other")}})
		if err != nil {
			t.Fatal(err)
		}
		a := sasl.Password(name, password)
		x := begin(t, a, secure("SCRAM-SHA-256"))
		_, message, _ := x.Start()
		for range 3 {
			challenge, _, err := server.Next(message)
			if err != nil {
				texts[err.Error()] = true
				break
			}
			if message, err = x.Next(challenge); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(texts) != 1 {
		t.Errorf("texts %v", texts)
	}
}

// A password that is good for PLAIN may have no secret for SCRAM.
func TestSCRAMAdvice(t *testing.T) {
	const advice = "name PLAIN in Policy.Order"
	x := rfc7677(t)
	for name, c := range map[string]struct {
		conn  *sasl.Conn
		steps []step
		want  bool
	}{
		"535 after the proof":     {secure("SCRAM-SHA-256", "PLAIN"), []step{challenge(x.Messages[1]), finalCode(535)}, true},
		"535 at once":             {secure("SCRAM-SHA-256", "PLAIN"), []step{finalCode(535)}, true},
		"invalid-proof":           {secure("SCRAM-SHA-256", "PLAIN"), []step{challenge(x.Messages[1]), challenge("e=invalid-proof"), finalCode(535)}, true},
		"channel binding":         {secure("SCRAM-SHA-256", "PLAIN"), []step{challenge(x.Messages[1]), challenge("e=channel-bindings-dont-match"), finalCode(535)}, false},
		"no PLAIN":                {secure("SCRAM-SHA-256"), []step{finalCode(535)}, false},
		"PLAIN not safe":          {plaintext("SCRAM-SHA-256", "PLAIN"), []step{finalCode(535)}, false},
		"temporary":               {secure("SCRAM-SHA-256", "PLAIN"), []step{finalCode(454)}, false},
		"of the account":          {secure("SCRAM-SHA-256", "PLAIN"), []step{final(exempted{535})}, false},
		"after the server's part": {secure("SCRAM-SHA-256", "PLAIN"), []step{challenge(x.Messages[1]), challenge(x.Messages[3]), finalCode(535)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			a := x.authenticator(t)
			a.Policy.Order = []string{"SCRAM-SHA-256"}
			_, err := a.Authenticate(t.Context(), c.conn, play(c.steps...))
			if err == nil || strings.Contains(err.Error(), advice) != c.want {
				t.Errorf("error %v; want advice %v", err, c.want)
			}
		})
	}
}

// No message of the server that differs by an octet is taken for a good one,
// even if success follows.
func TestSCRAMMutants(t *testing.T) {
	hooks := fixedNonce()
	good := &pair{server: quickServer(t, quickDirectory(t))}
	if _, err := scramUser(hooks, quick()).Authenticate(t.Context(), secure("SCRAM-SHA-256"), good); err != nil {
		t.Fatal(err)
	}
	m := sasl.HookedSCRAM("SCRAM-SHA-256", sha256.New, quick(), hooks)
	credentials := sasl.Password(user, password).Credentials
	conn := secure("SCRAM-SHA-256")
	run := func(messages []string) error {
		client, err := m.NewClient(t.Context(), conn, &credentials)
		if err != nil {
			t.Fatal(err)
		}
		for _, message := range messages {
			if _, err := client.Next([]byte(message)); err != nil {
				return err
			}
		}
		return client.(sasl.Finisher).Finish(nil)
	}
	if err := run(good.heard); err != nil {
		t.Fatal(err)
	}
	for i, message := range good.heard {
		for _, mutant := range octetMutants(message) {
			heard := slices.Clone(good.heard)
			heard[i] = mutant
			if err := run(heard); !errors.Is(err, sasl.ErrProtocol) && !errors.Is(err, sasl.ErrServerUnverified) {
				t.Fatalf("message %d: %q for %q: error %v", i, mutant, message, err)
			}
		}
	}
}

// octetMutants returns message with every octet changed to every other value,
// left out, or with one of those that mean something in front of it.
func octetMutants(message string) []string {
	var all []string
	for i := range len(message) {
		for c := range 256 {
			if byte(c) != message[i] {
				all = append(all, message[:i]+string([]byte{byte(c)})+message[i+1:])
			}
		}
		for _, c := range []string{"", ",", "=", "0", "1", "A", "m", "\x00", "\r", "\n", " "} {
			all = append(all, message[:i]+c+message[i+min(1, 1-len(c)):])
		}
	}
	return append(all, message+",", message+"=", message+"A", message+"1", message+"\n")
}

// That PLAIN might do is no advice for who wants the server to prove itself.
func TestNoAdviceAgainstThePolicy(t *testing.T) {
	for _, c := range []struct {
		policy sasl.Policy
		advice bool
	}{{sasl.Policy{}, true}, {sasl.Policy{RequireMutual: true}, false}} {
		a := sasl.Password(user, password)
		a.Policy = c.policy
		_, err := a.Authenticate(t.Context(), secure("SCRAM-SHA-256", "PLAIN"), play(finalCode(535)))
		wantErrors(t, err, sasl.ErrRejected)
		if got := strings.Contains(err.Error(), "name PLAIN in Policy.Order"); got != c.advice {
			t.Errorf("%+v: error %v", c.policy, err)
		}
	}
}

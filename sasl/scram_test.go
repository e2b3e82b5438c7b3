package sasl_test

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/sasl"
)

// scramVectors are testdata/scram.json: exchanges that succeed, messages that a
// client has to refuse and messages that a server has to refuse. The last two
// are about the exchange of RFC 7677, Section 3.
type scramVectors struct {
	Exchanges []scramExchange
	Client    []struct {
		Name   string
		Server []string // what the server says
		Error  string
		Value  string // of the SCRAMError
	}
	Server []struct {
		Name, Mechanism string
		Offered         []string
		Client          []string // what the client says
		E               string   // the value of the error challenge, "" for none
		Error           string
	}
}

type scramExchange struct {
	Name, Side, Mechanism    string
	User, Authzid, Password  string
	ClientNonce, ServerNonce string
	Salt                     string
	StoredKey, ServerKey     string
	BindingType, Binding     string   // in hexadecimal
	Messages                 []string // client, server, client, server
}

func readSCRAM(tb testing.TB) scramVectors {
	tb.Helper()
	text, err := os.ReadFile("testdata/scram.json")
	if err != nil {
		tb.Fatal(err)
	}
	var v scramVectors
	if err := json.Unmarshal(text, &v); err != nil {
		tb.Fatal(err)
	}
	if len(v.Exchanges) < 9 || len(v.Client) < 70 || len(v.Server) < 40 {
		tb.Fatalf("%d, %d and %d vectors", len(v.Exchanges), len(v.Client), len(v.Server))
	}
	return v
}

// rfc7677 is the exchange of RFC 7677, Section 3.
func rfc7677(tb testing.TB) scramExchange { return readSCRAM(tb).Exchanges[1] }

func scramHash(mechanism string) func() hash.Hash {
	return map[string]func() hash.Hash{
		"SCRAM-SHA-1": sha1.New, "SCRAM-SHA-256": sha256.New, "SCRAM-SHA-512": sha512.New,
	}[strings.TrimSuffix(mechanism, "-PLUS")]
}

var errNoBinding = errors.New("test: no such binding")

// mechanism is the one of the exchange with its nonce and its binding.
func (x *scramExchange) mechanism(t *testing.T, nonce string, o sasl.SCRAMOptions) sasl.Mechanism {
	t.Helper()
	data, err := hex.DecodeString(x.Binding)
	if err != nil {
		t.Fatal(err)
	}
	if o.Bindings == nil && x.BindingType != "" {
		o.Bindings = []string{x.BindingType}
	}
	return sasl.HookedSCRAM(x.Mechanism, scramHash(x.Mechanism), o, sasl.SCRAMHooks{
		Nonce: func() string { return nonce },
		Bind: func(_ *sasl.Conn, typ string) ([]byte, error) {
			if typ != x.BindingType {
				return nil, errNoBinding
			}
			return data, nil
		},
	})
}

func (x *scramExchange) authenticator(t *testing.T) *sasl.Authenticator {
	t.Helper()
	m := x.mechanism(t, x.ClientNonce, sasl.SCRAMOptions{})
	a := sasl.Password(x.User, x.Password)
	a.Credentials.AuthzID = x.Authzid
	a.Registry = sasl.Default().Without(m.Name).With(m)
	return a
}

func (x *scramExchange) conn() *sasl.Conn {
	c := secure(x.Mechanism)
	c.ServerCertificate = leaf
	return c
}

// server has the user of the exchange and his salt.
func (x *scramExchange) server(t *testing.T) sasl.Server {
	t.Helper()
	salt, err := base64.StdEncoding.DecodeString(x.Salt)
	if err != nil {
		t.Fatal(err)
	}
	key, err := sasl.NewStoredKey(t.Context(), scramHash(x.Mechanism), sasl.NewSecret(x.Password), salt, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2]string{
		"StoredKey": {x.StoredKey, key.StoredKey.Reveal()}, "ServerKey": {x.ServerKey, key.ServerKey.Reveal()},
	} {
		if got := base64.StdEncoding.EncodeToString([]byte(pair[1])); pair[0] != "" && got != pair[0] {
			t.Errorf("%s %s, want %s", name, got, pair[0])
		}
	}
	account := sasl.Account{
		SCRAM:    map[string]sasl.StoredKey{strings.TrimSuffix(x.Mechanism, "-PLUS"): key},
		MayActAs: func(authzid string) bool { return authzid == x.Authzid },
	}
	server, err := x.mechanism(t, x.ServerNonce, sasl.SCRAMOptions{}).NewServer(t.Context(), x.conn(), accounts{x.User: account})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func TestSCRAMVectors(t *testing.T) {
	for _, x := range readSCRAM(t).Exchanges {
		t.Run(x.Name+"/client", func(t *testing.T) {
			server := play(challenge(x.Messages[1]), challenge(x.Messages[3]), final235())
			if _, err := x.authenticator(t).Authenticate(t.Context(), x.conn(), server); err != nil {
				t.Error(err)
			}
			server.wantSent(t, "AUTH "+x.Mechanism+" "+x.Messages[0], "> "+x.Messages[2], "> ")
		})
		if x.Side == "client" {
			continue
		}
		t.Run(x.Name+"/server", func(t *testing.T) {
			server := x.server(t)
			for i := 0; i < len(x.Messages); i += 2 {
				got, done, err := server.Next([]byte(x.Messages[i]))
				if string(got) != x.Messages[i+1] || done || err != nil {
					t.Fatalf("said %q, done %v, error %v; want %q", got, done, err, x.Messages[i+1])
				}
				if authn, authz := server.(sasl.Identifier).Identity(); authn != "" || authz != "" {
					t.Errorf("identity %q, %q before the end", authn, authz)
				}
			}
			if got, done, err := server.Next([]byte{}); got != nil || !done || err != nil {
				t.Errorf("said %q, done %v, error %v; want success without data", got, done, err)
			}
			if authn, authz := server.(sasl.Identifier).Identity(); authn != x.User || authz != x.Authzid {
				t.Errorf("identity %q, %q", authn, authz)
			}
			if _, done, err := server.Next([]byte{}); done || !errors.Is(err, sasl.ErrProtocol) {
				t.Errorf("after the end: done %v, error %v", done, err)
			}
		})
	}
}

func namedError(t *testing.T, name string) error {
	t.Helper()
	err := map[string]error{
		"ErrProtocol": sasl.ErrProtocol, "ErrRejected": sasl.ErrRejected, "ErrServerUnverified": sasl.ErrServerUnverified,
	}[name]
	if err == nil {
		t.Fatalf("unknown error %q", name)
	}
	return err
}

// What a client has to refuse, it refuses whether the server then says 235 or
// 535.
func TestSCRAMClientRefuses(t *testing.T) {
	v := readSCRAM(t)
	x := rfc7677(t)
	for _, c := range v.Client {
		t.Run(c.Name, func(t *testing.T) {
			var steps []step
			for _, message := range c.Server {
				steps = append(steps, challenge(message))
			}
			server := play(append(steps, finalCode(535))...)
			_, err := x.authenticator(t).Authenticate(t.Context(), x.conn(), server)
			wantErrors(t, err, namedError(t, c.Error), sasl.ErrRejected)
			wantNoSecret(t, "error", err)
			if len(server.steps) > 0 {
				t.Errorf("%d steps left; sent %q", len(server.steps), server.sent)
			}
			var named *sasl.SCRAMError
			if errors.As(err, &named) && named.Value != c.Value {
				t.Errorf("value %q, want %q", named.Value, c.Value)
			}
			if named == nil && strings.HasPrefix(c.Name, "error") {
				t.Errorf("%v is no SCRAMError", err)
			}

			_, err = x.authenticator(t).Authenticate(t.Context(), x.conn(), play(append(steps, final235())...))
			if !errors.Is(err, sasl.ErrProtocol) && !errors.Is(err, sasl.ErrServerUnverified) {
				t.Errorf("error %v after success", err)
			}
		})
	}
}

func TestSCRAMServerRefuses(t *testing.T) {
	for _, c := range readSCRAM(t).Server {
		t.Run(c.Name, func(t *testing.T) {
			x := rfc7677(t)
			x.Mechanism = c.Mechanism
			x.BindingType = "tls-exporter"
			server := x.serverOn(t, func(conn *sasl.Conn) { conn.Offered = append(conn.Offered, c.Offered...) })
			var got []byte
			var err error
			for _, message := range c.Client {
				if got, _, err = server.Next([]byte(message)); strings.HasPrefix(string(got), "e=") {
					break
				}
			}
			if c.E != "" {
				if string(got) != "e="+c.E || err != nil {
					t.Fatalf("said %q, error %v; want e=%s", got, err, c.E)
				}
				got, _, err = server.Next([]byte{})
			}
			if got != nil || !errors.Is(err, namedError(t, c.Error)) {
				t.Errorf("said %q, error %v; want %s", got, err, c.Error)
			}
			wantNoSecret(t, "error", err)
			if authn, _ := server.(sasl.Identifier).Identity(); authn != "" {
				t.Errorf("signed in %s", authn)
			}
			if _, done, err := server.Next([]byte{}); done || !errors.Is(err, sasl.ErrProtocol) {
				t.Errorf("after the end: done %v, error %v", done, err)
			}
		})
	}
}

// serverOn is server on another connection.
func (x *scramExchange) serverOn(t *testing.T, change func(*sasl.Conn)) sasl.Server {
	t.Helper()
	salt, _ := base64.StdEncoding.DecodeString(x.Salt)
	key, err := sasl.NewStoredKey(t.Context(), sha256.New, sasl.NewSecret(x.Password), salt, 0)
	if err != nil {
		t.Fatal(err)
	}
	conn := x.conn()
	change(conn)
	m := x.mechanism(t, x.ServerNonce, sasl.SCRAMOptions{Bindings: []string{"tls-exporter", "tls-unique"}})
	server, err := m.NewServer(t.Context(), conn, accounts{x.User: {SCRAM: map[string]sasl.StoredKey{"SCRAM-SHA-256": key}}})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// A pair is a Transport to a server of ours.
type pair struct {
	server sasl.Server
	edit   func(challenge []byte) []byte // on the way to the client; nil: none
	sent   []string                      // by the client
	heard  []string                      // by the client
}

func (p *pair) Auth(_ context.Context, _ string, initial []byte) (sasl.Reply, error) {
	return p.next(initial)
}

func (p *pair) Respond(_ context.Context, response []byte) (sasl.Reply, error) {
	return p.next(response)
}

func (p *pair) Cancel(context.Context) (sasl.Reply, error) {
	return sasl.Reply{Verdict: replyCode(501)}, nil
}

func (p *pair) next(message []byte) (sasl.Reply, error) {
	p.sent = append(p.sent, string(message))
	challenge, done, err := p.server.Next(message)
	switch {
	case errors.Is(err, sasl.ErrRejected):
		return sasl.Reply{Verdict: replyCode(535)}, nil
	case errors.Is(err, sasl.ErrTemporary):
		return sasl.Reply{Verdict: replyCode(454)}, nil
	case err != nil:
		return sasl.Reply{Verdict: replyCode(501)}, nil
	case done:
		return sasl.Reply{}, nil
	}
	if p.edit != nil {
		challenge = p.edit(challenge)
	}
	p.heard = append(p.heard, string(challenge))
	return sasl.Reply{More: true, Challenge: challenge}, nil
}

// All mechanisms with all kinds of accounts, with real nonces.
func TestSCRAMBothSides(t *testing.T) {
	registry := sasl.Default()
	for _, name := range []string{"SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		key, err := sasl.NewStoredKey(t.Context(), scramHash(name), sasl.NewSecret(password), nil, 5000)
		if err != nil || len(key.Salt) != 16 {
			t.Fatal(err, key.Salt)
		}
		broken := key
		broken.Salt = nil
		for what, c := range map[string]struct {
			account sasl.Account
			want    error
		}{
			"password":        {sasl.Account{Password: sasl.NewSecret(password)}, nil},
			"stored key":      {sasl.Account{SCRAM: map[string]sasl.StoredKey{name: key}}, nil},
			"wrong password":  {sasl.Account{Password: sasl.NewSecret(password + "x")}, sasl.ErrRejected},
			"nothing":         {sasl.Account{}, sasl.ErrRejected},
			"bad stored key":  {sasl.Account{SCRAM: map[string]sasl.StoredKey{name: broken}}, sasl.ErrTemporary},
			"zero stored key": {sasl.Account{SCRAM: map[string]sasl.StoredKey{name: {}}}, sasl.ErrTemporary},
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				a := sasl.Password(user, password)
				a.Policy.Order = []string{name}
				m, _ := registry.Lookup(name)
				server, err := m.NewServer(t.Context(), secure(name), accounts{user: c.account})
				if err != nil {
					t.Fatal(err)
				}
				_, err = a.Authenticate(t.Context(), secure(name), &pair{server: server})
				if !errors.Is(err, c.want) {
					t.Errorf("error %v, want %v", err, c.want)
				}
				if authn, _ := server.(sasl.Identifier).Identity(); (authn == user) != (c.want == nil) {
					t.Errorf("signed in %q", authn)
				}
			})
		}
	}
}

// What Default makes of SCRAM: binding stands above hash size.
func TestSCRAMRanks(t *testing.T) {
	names := slices.DeleteFunc(sasl.Default().Names(), func(name string) bool { return !strings.HasPrefix(name, "SCRAM-") })
	want := []string{"SCRAM-SHA-512-PLUS", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1"}
	if !slices.Equal(names, want) {
		t.Errorf("order %v, want %v", names, want)
	}
	for _, name := range want {
		m, _ := sasl.Default().Lookup(name)
		if m.Traits.Has(sasl.Binds) != strings.HasSuffix(name, "-PLUS") || !m.Traits.Has(sasl.Concealed|sasl.Mutual) {
			t.Errorf("%s: traits %b", name, m.Traits)
		}
	}
	custom := sasl.SCRAM("SCRAM-SHA-384", sha512.New384, sasl.SCRAMOptions{})
	if custom.Rank <= sasl.RankPLAIN || custom.Rank >= sasl.RankSCRAMSHA1 {
		t.Errorf("rank %d of another hash", custom.Rank)
	}
	if plus := sasl.SCRAM("SCRAM-SHA-384-PLUS", sha512.New384, sasl.SCRAMOptions{}); plus.Rank <= sasl.RankSCRAMSHA512 || plus.Rank >= sasl.RankSCRAMSHA1PLUS {
		t.Errorf("rank %d of another hash, bound", plus.Rank)
	}
}

// A nonce that is chosen comes out on both sides, each time.
func TestInsecureNonce(t *testing.T) {
	m := sasl.SCRAM("SCRAM-SHA-256", sha256.New, sasl.SCRAMOptions{InsecureNonce: "chosen"})
	for range 2 {
		a := sasl.Password(user, password)
		client, err := m.NewClient(t.Context(), secure(), &a.Credentials)
		if err != nil {
			t.Fatal(err)
		}
		_, first, err := client.Start()
		if !strings.HasSuffix(string(first), ",r=chosen") || err != nil {
			t.Errorf("said %q, error %v; want the nonce", first, err)
		}
		server, err := m.NewServer(t.Context(), secure(), accounts{user: {Password: sasl.NewSecret(password)}})
		if err != nil {
			t.Fatal(err)
		}
		answer, _, err := server.Next(first)
		if !strings.HasPrefix(string(answer), "r=chosenchosen,") || err != nil {
			t.Errorf("said %q, error %v; want the nonces of both", answer, err)
		}
	}
}

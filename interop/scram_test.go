package interop

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"errors"
	"hash"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/xdg-go/scram"

	"github.com/seed-55a66e92/postern/sasl"
)

// scramHashes are the mechanisms, with their hash in both libraries.
var scramHashes = map[string]struct {
	ours   func() hash.Hash
	theirs scram.HashGeneratorFcn
}{
	"SCRAM-SHA-1":   {sha1.New, scram.SHA1},
	"SCRAM-SHA-256": {sha256.New, scram.SHA256},
	"SCRAM-SHA-512": {sha512.New, scram.SHA512},
}

// A scramAccount is one user, as both libraries know him. Names and passwords
// are taken as they are: the two prepare them by different rules.
type scramAccount struct {
	mechanism               string // without -PLUS
	name, authzid, password string
	salt                    []byte
	iterations              int
}

func (a *scramAccount) options() sasl.SCRAMOptions {
	return sasl.SCRAMOptions{
		MinIterations: 1,
		Prepare:       func(s string) (string, error) { return s, nil },
	}
}

func (a *scramAccount) mechanismOfOurs(plus bool) sasl.Mechanism {
	name := a.mechanism
	if plus {
		name += "-PLUS"
	}
	return sasl.SCRAM(name, scramHashes[a.mechanism].ours, a.options())
}

func (a *scramAccount) clientOfTheirs(tb testing.TB) *scram.Client {
	tb.Helper()
	client, err := scramHashes[a.mechanism].theirs.NewClientUnprepped(a.name, a.password, a.authzid)
	if err != nil {
		tb.Fatal(err)
	}
	return client.WithMinIterations(1)
}

// Account makes a scramAccount a Directory. The keys are those that the other
// library derives.
func (a *scramAccount) Account(_ context.Context, name string) (sasl.Account, error) {
	if name != a.name {
		return sasl.Account{}, sasl.ErrNoAccount
	}
	client, err := scramHashes[a.mechanism].theirs.NewClientUnprepped(a.name, a.password, "")
	if err != nil {
		return sasl.Account{}, err
	}
	stored, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(a.salt), Iters: a.iterations})
	if err != nil {
		return sasl.Account{}, err
	}
	return sasl.Account{
		SCRAM: map[string]sasl.StoredKey{a.mechanism: {
			Salt: a.salt, Iterations: a.iterations,
			StoredKey: sasl.NewSecret(string(stored.StoredKey)), ServerKey: sasl.NewSecret(string(stored.ServerKey)),
		}},
		MayActAs: func(authzid string) bool { return authzid == a.authzid },
	}, nil
}

// lookUp is the same for the other library, with keys that ours derives.
func (a *scramAccount) lookUp(tb testing.TB) scram.CredentialLookup {
	return func(name string) (scram.StoredCredentials, error) {
		if name != a.name {
			return scram.StoredCredentials{}, errors.New("unknown")
		}
		key, err := sasl.NewStoredKey(tb.Context(), scramHashes[a.mechanism].ours, sasl.NewSecret(a.password), a.salt, a.iterations)
		return scram.StoredCredentials{
			KeyFactors: scram.KeyFactors{Salt: string(key.Salt), Iters: key.Iterations},
			StoredKey:  []byte(key.StoredKey.Reveal()),
			ServerKey:  []byte(key.ServerKey.Reveal()),
		}, err
	}
}

// ourClient signs in with password to a server of the other library.
func (a *scramAccount) ourClient(tb testing.TB, c *sasl.Conn, password string, start func(*scram.Server) *scram.ServerConversation) (bool, *scram.ServerConversation) {
	tb.Helper()
	server, err := scramHashes[a.mechanism].theirs.NewServer(a.lookUp(tb))
	if err != nil {
		tb.Fatal(err)
	}
	conversation := start(server)
	ours := sasl.Password(a.name, password)
	ours.Credentials.AuthzID = a.authzid
	ours.Registry = sasl.Default().Without(sasl.Default().Names()...).With(a.mechanismOfOurs(false), a.mechanismOfOurs(true))
	_, err = ours.Authenticate(tb.Context(), c, &scramTransport{conversation: conversation})
	return err == nil, conversation
}

// A scramTransport is a server of the other library.
type scramTransport struct{ conversation *scram.ServerConversation }

func (s *scramTransport) Auth(_ context.Context, _ string, initial []byte) (sasl.Reply, error) {
	return s.next(string(initial))
}

func (s *scramTransport) Respond(_ context.Context, response []byte) (sasl.Reply, error) {
	if !s.conversation.Done() {
		return s.next(string(response))
	}
	if len(response) > 0 || !s.conversation.Valid() {
		return sasl.Reply{Verdict: sasl.ErrRejected}, nil
	}
	return sasl.Reply{}, nil
}

func (s *scramTransport) Cancel(context.Context) (sasl.Reply, error) {
	return sasl.Reply{Verdict: sasl.ErrProtocol}, nil
}

func (s *scramTransport) next(message string) (sasl.Reply, error) {
	answer, err := s.conversation.Step(message)
	if err != nil && answer == "" {
		return sasl.Reply{Verdict: sasl.ErrRejected}, nil
	}
	return sasl.Reply{More: true, Challenge: []byte(answer)}, nil
}

// theirClient lets a client of the other library sign in to our server, and
// returns whether both are content.
func (a *scramAccount) theirClient(tb testing.TB, c *sasl.Conn, plus bool, client *scram.ClientConversation) (bool, sasl.Server) {
	tb.Helper()
	server, err := a.mechanismOfOurs(plus).NewServer(tb.Context(), c, a)
	if err != nil {
		tb.Fatal(err)
	}
	var challenge string
	for range 4 {
		response, err := client.Step(challenge)
		if err != nil {
			return false, server
		}
		next, done, err := server.Next([]byte(response))
		if done || err != nil {
			return done && client.Valid(), server
		}
		challenge = string(next)
	}
	tb.Fatal("the exchange does not end")
	return false, server
}

// scramConns are both ends of connections of all kinds.
func scramConns(t *testing.T) map[string][2]*sasl.Conn {
	t.Helper()
	certificate, roots := newCertificate(t)
	conns := map[string][2]*sasl.Conn{"plaintext": {{}, {}}}
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		conns[name] = scramTLS(t, certificate, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: version, MaxVersion: version})
	}
	return conns
}

func scramTLS(t *testing.T, certificate tls.Certificate, client *tls.Config) [2]*sasl.Conn {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var wg sync.WaitGroup
	var theirs tls.ConnectionState
	wg.Go(func() {
		raw, err := listener.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer raw.Close()
		conn := tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{certificate}})
		if err := conn.Handshake(); err != nil {
			t.Error(err)
		}
		theirs = conn.ConnectionState()
		_, _ = raw.Read(make([]byte, 1)) // until the client has gone
	})
	conn, err := tls.Dial("tcp", listener.Addr().String(), client)
	if err != nil {
		t.Fatal(err)
	}
	ours := conn.ConnectionState()
	conn.Close()
	wg.Wait()
	return [2]*sasl.Conn{
		{TLS: &ours, Verified: true},
		{TLS: &theirs, ServerCertificate: ours.PeerCertificates[0]},
	}
}

// Both libraries sign in to each other, bound and not, and only with the right
// password.
func TestSCRAM(t *testing.T) {
	conns := scramConns(t)
	for mechanism := range scramHashes {
		for kind, conn := range conns {
			for _, password := range []string{"tanstaaftanstaaf", "wrong"} {
				a := &scramAccount{mechanism, "a,b=c", "shared", "tanstaaftanstaaf", []byte("0123456789abcdef"), 4096}
				good := password == a.password
				client, server := *conn[0], *conn[1]
				t.Run(mechanism+"/"+kind+"/"+password, func(t *testing.T) {
					client.Offered = []string{mechanism}
					ok, c := a.ourClient(t, &client, password, (*scram.Server).NewConversation)
					if ok != good || ok && (c.Username() != a.name || c.AuthzID() != a.authzid) {
						t.Errorf("our client: signed in %t as %q, %q", ok, c.Username(), c.AuthzID())
					}
					other := *a
					other.password = password
					ok, s := a.theirClient(t, &server, false, other.clientOfTheirs(t).NewConversation())
					if authn, authz := s.(sasl.Identifier).Identity(); ok != good || ok && (authn != a.name || authz != a.authzid) {
						t.Errorf("their client: signed in %t as %q, %q", ok, authn, authz)
					}
				})
			}
			if client, server := *conn[0], *conn[1]; client.TLS != nil {
				t.Run(mechanism+"-PLUS/"+kind, func(t *testing.T) { testSCRAMPlus(t, mechanism, &client, &server) })
			}
		}
	}
}

func testSCRAMPlus(t *testing.T, mechanism string, client, server *sasl.Conn) {
	a := &scramAccount{mechanism, "tim", "", "tanstaaftanstaaf", []byte("0123456789abcdef"), 4096}
	client.Offered = []string{mechanism, mechanism + "-PLUS"}
	server.Offered = client.Offered
	for _, typ := range []string{"tls-exporter", "tls-unique", "tls-server-end-point"} {
		data, err := client.ChannelBinding(typ)
		if err != nil {
			continue
		}
		binding := scram.ChannelBinding{Type: scram.ChannelBindingType(typ), Data: data}
		if ok, _ := a.theirClient(t, server, true, a.clientOfTheirs(t).NewConversationWithChannelBinding(binding)); !ok {
			t.Errorf("their client is not signed in with %s", typ)
		}
		binding.Data = bytes.Repeat([]byte{1}, len(data))
		if ok, _ := a.theirClient(t, server, true, a.clientOfTheirs(t).NewConversationWithChannelBinding(binding)); ok {
			t.Errorf("their client is signed in with another %s", typ)
		}
	}
	preferred := scram.ChannelBindingTLSUnique
	if client.TLS.Version == tls.VersionTLS13 {
		preferred = scram.ChannelBindingTLSExporter
	}
	data, err := server.ChannelBinding(string(preferred))
	if err != nil {
		t.Fatal(err)
	}
	for _, good := range []bool{true, false} {
		binding := scram.ChannelBinding{Type: preferred, Data: data}
		if !good {
			binding.Data = bytes.Repeat([]byte{1}, len(data))
		}
		ok, _ := a.ourClient(t, client, a.password, func(s *scram.Server) *scram.ServerConversation {
			return s.NewConversationWithChannelBinding(binding)
		})
		if ok != good {
			t.Errorf("our client with %s: signed in %t, want %t", preferred, ok, good)
		}
	}
	// The endpoint that the other library finds for itself.
	theirs, err := scram.NewTLSServerEndpointBinding(client.TLS)
	ours, own := server.ChannelBinding("tls-server-end-point")
	if err != nil || own != nil || !bytes.Equal(theirs.Data, ours) {
		t.Errorf("tls-server-end-point %x, %v; theirs %x, %v", ours, own, theirs.Data, err)
	}
}

// FuzzSCRAM: both libraries sign in to each other whatever the account is, with
// the right password and with no other.
func FuzzSCRAM(f *testing.F) {
	f.Add("user", "", "pencil", "pencil", []byte("saltsalt"), uint8(1), uint8(0))
	f.Add("a,b=c", "=2C", "p\u00e4ssw\u00f6rd", "passw\u00f6rd", []byte("0123456789abcdef"), uint8(50), uint8(1))
	f.Add("\u0627", "x", " ", "  ", bytes.Repeat([]byte("salt"), 20), uint8(2), uint8(2))
	f.Fuzz(func(t *testing.T, name, authzid, password, tried string, salt []byte, iterations, which uint8) {
		mechanism := []string{"SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"}[which%3]
		valid := sasl.Password(name, password)
		valid.Credentials.AuthzID = authzid
		if valid.Validate() != nil || len(name)+len(authzid) > 1000 || len(salt) < 8 || len(salt) > 1000 || iterations == 0 {
			t.Skip("no account that both libraries would take")
		}
		for _, p := range []string{password, tried} {
			if p == "" || len(p) > 1000 || strings.ToValidUTF8(p, "") != p || strings.ContainsFunc(p, func(r rune) bool { return r == 0 || r > '~' }) {
				t.Skip("NewStoredKey would prepare the password")
			}
		}
		a := &scramAccount{mechanism, name, authzid, password, salt, int(iterations)}
		want := tried == password
		if ok, _ := a.ourClient(t, &sasl.Conn{Offered: []string{mechanism}}, tried, (*scram.Server).NewConversation); ok != want {
			t.Errorf("%q: our client signed in: %t, want %t", name, ok, want)
		}
		other := *a
		other.password = tried
		if ok, _ := a.theirClient(t, new(sasl.Conn), false, other.clientOfTheirs(t).NewConversation()); ok != want {
			t.Errorf("%q: their client signed in: %t, want %t", name, ok, want)
		}
	})
}

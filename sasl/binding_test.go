package sasl_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

var bindingTypes = []string{"tls-exporter", "tls-unique", "tls-server-end-point"}

// leaf is what servers without TLS of their own show.
var leaf = &x509.Certificate{Raw: []byte("certificate"), SignatureAlgorithm: x509.SHA256WithRSA}

// An identity is a certificate for localhost, signed with its own key.
func identity(t *testing.T, key crypto.Signer, algorithm x509.SignatureAlgorithm) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber:       big.NewInt(1),
		DNSNames:           []string{"localhost"},
		NotBefore:          time.Now().Add(-time.Hour),
		NotAfter:           time.Now().Add(time.Hour),
		SignatureAlgorithm: algorithm,
		IsCA:               true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: parsed}
}

func ecdsaKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// handshake runs a real TLS handshake and returns what both ends know of it.
func handshake(t *testing.T, client, server *tls.Config) (ours, theirs *sasl.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	var accepted tls.ConnectionState
	wg.Go(func() {
		raw, err := listener.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		conn := tls.Server(raw, server)
		defer conn.Close()
		if _, err := conn.Write([]byte{1}); err != nil { // with it come the tickets of TLS 1.3
			t.Error(err)
		}
		accepted = conn.ConnectionState()
		_, _ = conn.Read(make([]byte, 1))
	})
	raw, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn := tls.Client(raw, client)
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	state := conn.ConnectionState()
	conn.Close()
	wg.Wait()
	ours = &sasl.Conn{Host: "localhost", TLS: &state, Verified: true}
	return ours, &sasl.Conn{TLS: &accepted, ServerCertificate: server.Certificates[0].Leaf}
}

func configs(certificate tls.Certificate, version uint16) (client, server *tls.Config) {
	roots := x509.NewCertPool()
	roots.AddCert(certificate.Leaf)
	client = &tls.Config{
		RootCAs: roots, ServerName: "localhost", MinVersion: version, MaxVersion: version,
		ClientSessionCache: tls.NewLRUClientSessionCache(1),
	}
	return client, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: version, MaxVersion: version}
}

// Full and resumed, both ends have the same bindings, and each connection has
// its own.
func TestChannelBinding(t *testing.T) {
	certificate := identity(t, ecdsaKey(t), x509.ECDSAWithSHA256)
	digest := sha256.Sum256(certificate.Leaf.Raw)
	for _, c := range []struct {
		name    string
		version uint16
		has     map[string]int // length
	}{
		{"TLS 1.2", tls.VersionTLS12, map[string]int{"tls-exporter": 32, "tls-unique": 12, "tls-server-end-point": 32}},
		{"TLS 1.3", tls.VersionTLS13, map[string]int{"tls-exporter": 32, "tls-server-end-point": 32}},
	} {
		client, server := configs(certificate, c.version)
		seen := map[string]bool{}
		for _, resumed := range []bool{false, true, true} {
			t.Run(fmt.Sprintf("%s/resumed %v", c.name, resumed), func(t *testing.T) {
				ours, theirs := handshake(t, client, server)
				if ours.TLS.DidResume != resumed || theirs.TLS.DidResume != resumed {
					t.Fatalf("resumed %v, %v", ours.TLS.DidResume, theirs.TLS.DidResume)
				}
				for _, typ := range bindingTypes {
					a, errA := ours.ChannelBinding(typ)
					b, errB := theirs.ChannelBinding(typ)
					if length, ok := c.has[typ]; !ok {
						if errA == nil || errB == nil || !strings.Contains(errA.Error(), typ) {
							t.Errorf("%s: %x, %v and %x, %v; want none", typ, a, errA, b, errB)
						}
						continue
					} else if errA != nil || errB != nil || len(a) != length || !bytes.Equal(a, b) {
						t.Errorf("%s: %x, %v and %x, %v; want %d octets", typ, a, errA, b, errB, length)
					}
					if typ == "tls-server-end-point" {
						if !bytes.Equal(a, digest[:]) {
							t.Errorf("%s: %x, want the digest of the certificate", typ, a)
						}
					} else if seen[string(a)] {
						t.Errorf("%s: same as on another connection", typ)
					}
					seen[string(a)] = true
				}
			})
		}
	}
}

// Before TLS 1.3 an empty context is not the same as none. RFC 9266, Section 2
// wants an empty one.
func TestExporterContext(t *testing.T) {
	client, server := configs(identity(t, ecdsaKey(t), x509.ECDSAWithSHA256), tls.VersionTLS12)
	ours, _ := handshake(t, client, server)
	got, err := ours.ChannelBinding("tls-exporter")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		context []byte
		same    bool
	}{{[]byte{}, true}, {nil, false}} {
		want, err := ours.TLS.ExportKeyingMaterial("EXPORTER-Channel-Binding", c.context, 32)
		if err != nil || bytes.Equal(got, want) != c.same {
			t.Errorf("context %#v: %x and %x, %v; want same %v", c.context, got, want, err, c.same)
		}
	}
}

// The hash is that of the signature, SHA-256 in place of SHA-1.
func TestServerEndPoint(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		algorithm x509.SignatureAlgorithm
		key       crypto.Signer
		digest    func([]byte) []byte // nil: no binding
	}{
		{x509.SHA256WithRSA, rsaKey, sum256},
		{x509.SHA384WithRSA, rsaKey, sum384},
		{x509.SHA512WithRSA, rsaKey, sum512},
		{x509.SHA256WithRSAPSS, rsaKey, sum256},
		{x509.SHA384WithRSAPSS, rsaKey, sum384},
		{x509.ECDSAWithSHA256, ecdsaKey(t), sum256},
		{x509.ECDSAWithSHA384, ecdsaKey(t), sum384},
		{x509.ECDSAWithSHA512, ecdsaKey(t), sum512},
		{x509.PureEd25519, edKey, nil},
	} {
		t.Run(c.algorithm.String(), func(t *testing.T) {
			client, server := configs(identity(t, c.key, c.algorithm), tls.VersionTLS13)
			ours, theirs := handshake(t, client, server)
			a, errA := ours.ChannelBinding("tls-server-end-point")
			b, errB := theirs.ChannelBinding("tls-server-end-point")
			if c.digest == nil {
				if errA == nil || errB == nil || !strings.Contains(errA.Error(), "Ed25519") {
					t.Errorf("%x, %v and %x, %v; want none for Ed25519", a, errA, b, errB)
				}
				return
			}
			want := c.digest(theirs.ServerCertificate.Raw)
			if errA != nil || errB != nil || !bytes.Equal(a, want) || !bytes.Equal(b, want) {
				t.Errorf("%x, %v and %x, %v; want %x", a, errA, b, errB, want)
			}
		})
	}
	// Certificates that no library signs any more.
	for algorithm, want := range map[x509.SignatureAlgorithm]func([]byte) []byte{
		x509.MD5WithRSA: sum256, x509.SHA1WithRSA: sum256, x509.DSAWithSHA1: sum256, x509.ECDSAWithSHA1: sum256,
		x509.DSAWithSHA256: sum256, x509.SHA512WithRSAPSS: sum512,
		x509.UnknownSignatureAlgorithm: nil, x509.MD2WithRSA: nil,
	} {
		c := &sasl.Conn{TLS: new(tls.ConnectionState), ServerCertificate: &x509.Certificate{Raw: []byte("DER"), SignatureAlgorithm: algorithm}}
		got, err := c.ChannelBinding("tls-server-end-point")
		if want == nil && err == nil || want != nil && !bytes.Equal(got, want([]byte("DER"))) {
			t.Errorf("%v: %x, %v", algorithm, got, err)
		}
	}
}

func sum256(b []byte) []byte { d := sha256.Sum256(b); return d[:] }
func sum384(b []byte) []byte { d := sha512.Sum384(b); return d[:] }
func sum512(b []byte) []byte { d := sha512.Sum512(b); return d[:] }

// Where there is nothing to bind to, the reason says so and nothing panics.
func TestNoChannelBinding(t *testing.T) {
	client, server := configs(identity(t, ecdsaKey(t), x509.ECDSAWithSHA256), tls.VersionTLS12)
	client.Renegotiation = tls.RenegotiateOnceAsClient
	renegotiating, _ := handshake(t, client, server)
	for name, c := range map[string]struct {
		conn *sasl.Conn
		typ  string
		want string
	}{
		"no TLS":                        {&sasl.Conn{}, "tls-exporter", "no TLS"},
		"unknown":                       {&sasl.Conn{TLS: new(tls.ConnectionState)}, "tls-nothing", "tls-nothing"},
		"state of no handshake":         {&sasl.Conn{TLS: new(tls.ConnectionState)}, "tls-exporter", "TLS 1.3"},
		"state of no handshake, 1.3":    {&sasl.Conn{TLS: &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true}}, "tls-exporter", "TLS 1.3"},
		"state of no handshake, unique": {&sasl.Conn{TLS: &tls.ConnectionState{Version: tls.VersionTLS12, TLSUnique: make([]byte, 12)}}, "tls-unique", "extended master secret"},
		"no certificate":                {&sasl.Conn{TLS: new(tls.ConnectionState)}, "tls-server-end-point", "server's certificate"},
		"renegotiation, exporter":       {renegotiating, "tls-exporter", "renegotiation"},
		"renegotiation, unique":         {renegotiating, "tls-unique", "renegotiation"},
	} {
		data, err := c.conn.ChannelBinding(c.typ)
		if data != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %x, %v; want an error that says %q", name, data, err, c.want)
		}
		if errors.Is(err, sasl.ErrInsecure) != (c.conn.TLS == nil) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// Over real TLS the strongest mechanism signs in, bound as it should be.
func TestSCRAMPlusOverTLS(t *testing.T) {
	for _, c := range []struct {
		version  uint16
		bindings []string
		flag     string
	}{
		{tls.VersionTLS12, nil, "p=tls-unique,,"},
		{tls.VersionTLS13, nil, "p=tls-exporter,,"},
		{tls.VersionTLS12, []string{"tls-exporter"}, "p=tls-exporter,,"},
		{tls.VersionTLS13, []string{"tls-unique", "tls-server-end-point"}, "p=tls-server-end-point,,"},
	} {
		t.Run(c.flag, func(t *testing.T) {
			client, server := configs(identity(t, ecdsaKey(t), x509.ECDSAWithSHA256), c.version)
			ours, theirs := handshake(t, client, server)
			ours.Offered = sasl.Default().Names()
			theirs.Offered = ours.Offered
			a := sasl.Password(user, password)
			m := sasl.SCRAM("SCRAM-SHA-512-PLUS", sha512.New, sasl.SCRAMOptions{Bindings: c.bindings})
			a.Registry = sasl.Default().Without(m.Name).With(m)
			there, _ := sasl.Default().Lookup(m.Name)
			other, err := there.NewServer(t.Context(), theirs, accounts{user: {Password: sasl.NewSecret(password)}})
			if err != nil {
				t.Fatal(err)
			}
			to := &pair{server: other}
			name, err := a.Authenticate(t.Context(), ours, to)
			if name != m.Name || err != nil || !strings.HasPrefix(to.sent[0], c.flag) {
				t.Errorf("%s: error %v, sent %q", name, err, to.sent)
			}
		})
	}
}

package conformance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// mechanismHost is where the mechanism signs in. There is no such host.
const mechanismHost = "mail.example.test"

// connection returns the connection of the exchanges, as the client sees it.
func (b *MechanismBench) connection(ctx context.Context) (*sasl.Conn, error) {
	if b.target.Conn != nil {
		return b.target.Conn, nil
	}
	state, err := handshake(ctx, tls.VersionTLS13)
	if err != nil {
		return nil, err
	}
	return b.secureConn(state), nil
}

// secureConn returns a connection with verified TLS and a client certificate.
func (b *MechanismBench) secureConn(state *tls.ConnectionState) *sasl.Conn {
	name := b.target.Mechanism.Name
	conn := &sasl.Conn{
		Service: "smtp", Host: mechanismHost, Port: 587,
		TLS: state, Verified: true, ClientCert: true, Offered: []string{name},
	}
	if bare, ok := strings.CutSuffix(name, plusSuffix); ok {
		conn.Offered = append(conn.Offered, bare)
	}
	return conn
}

// clearConn returns the connection of the exchanges, but without TLS.
func (b *MechanismBench) clearConn() *sasl.Conn {
	conn := *b.conn
	conn.TLS, conn.Verified, conn.Loopback, conn.ClientCert, conn.ServerCertificate = nil, false, false, false, nil
	return &conn
}

const plusSuffix = "-PLUS"

// serverSide returns the connection as the server sees it.
func serverSide(conn *sasl.Conn) *sasl.Conn {
	server := *conn
	if server.TLS != nil && len(server.TLS.PeerCertificates) > 0 {
		server.ServerCertificate = server.TLS.PeerCertificates[0]
	}
	return &server
}

// handshake does a TLS handshake in memory and returns what the client knows then.
func handshake(ctx context.Context, version uint16) (*tls.ConnectionState, error) {
	certificate, err := selfSigned()
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(certificate.Leaf)
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	server := tls.Server(far, &tls.Config{
		Certificates: []tls.Certificate{certificate}, SessionTicketsDisabled: true,
		MinVersion: version, MaxVersion: version,
	})
	client := tls.Client(near, &tls.Config{
		ServerName: mechanismHost, RootCAs: roots, MinVersion: version, MaxVersion: version,
	})
	done := make(chan error, 1)
	go func() { done <- server.HandshakeContext(ctx) }()
	if err := client.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	if err := <-done; err != nil {
		return nil, err
	}
	state := client.ConnectionState()
	return &state, nil
}

// selfSigned returns a certificate of mechanismHost that is good at any time, be it
// that of a testing/synctest bubble.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{mechanismHost},
		NotBefore:    time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

package mock

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// Certificate is the kind of certificate that a server shows.
type Certificate int

const (
	// Good is signed by the mock's authority, for the right names.
	Good Certificate = iota
	// Expired is Good, but was valid in 1990 only.
	Expired
	// WrongName is signed by the mock's authority for another server.
	WrongName
	// SelfSigned is for the right names, signed by nobody but itself.
	SelfSigned
	// UnknownCA is for the right names, signed by an authority that nobody
	// trusts.
	UnknownCA
	// NotYetValid is Good, but will be valid from 2089 only.
	NotYetValid
	// Wildcard is Good, with the first label of each name replaced by "*". Names of
	// one label and addresses stay as they are.
	Wildcard
	// CommonNameOnly has the right name where clients must not look for it: in the
	// subject, not among the alternative names (RFC 9525, Section 2).
	CommonNameOnly
)

// Certificates are valid from 1990 to 2090, because the clock of a
// testing/synctest bubble starts in 2000.
var (
	validFrom  = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)
	validUntil = time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)
)

// A ca is a certificate authority.
type ca struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// mockCA is the authority that clients of the mock trust, one a process, so that
// servers and authorities can be trusted together.
var mockCA = sync.OnceValues(func() (ca, error) { return newCA("Mock CA") })

func newCA(name string) (ca, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             validFrom,
		NotAfter:              validUntil,
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	cert, key, err := sign(template, nil)
	return ca{cert, key}, err
}

// newCertificate returns a certificate for names, "localhost" and the loopback
// addresses.
func newCertificate(kind Certificate, names []string) (tls.Certificate, error) {
	issuer, err := mockCA()
	if err != nil {
		return tls.Certificate{}, err
	}
	template := newTemplate(x509.ExtKeyUsageServerAuth)
	names = append(slices.Clone(names), "localhost", "127.0.0.1", "::1")
	template.Subject.CommonName = names[0]
	parent := &issuer
	switch kind {
	case Good:
	case Expired:
		template.NotAfter = validFrom.AddDate(1, 0, 0)
	case NotYetValid:
		template.NotBefore = validUntil.AddDate(-1, 0, 0)
	case WrongName:
		names = []string{"wrong-name.test"}
		template.Subject.CommonName = names[0]
	case Wildcard:
		for i, name := range names {
			names[i] = wildcard(name)
		}
	case CommonNameOnly:
		names = nil
	case SelfSigned:
		parent = nil
	case UnknownCA:
		unknown, err := newCA("Unknown CA")
		if err != nil {
			return tls.Certificate{}, err
		}
		parent = &unknown
	default:
		return tls.Certificate{}, errors.New("mock: unknown Options.Certificate")
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return keyPair(template, parent)
}

func newTemplate(usage x509.ExtKeyUsage) *x509.Certificate {
	return &x509.Certificate{
		NotBefore:   validFrom,
		NotAfter:    validUntil,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}
}

// wildcard returns a name with its first label replaced (RFC 9525, Section 6.3).
func wildcard(name string) string {
	_, rest, dotted := strings.Cut(name, ".")
	if !dotted || net.ParseIP(name) != nil {
		return name
	}
	return "*." + rest
}

// ClientCertificate returns a new certificate for a client, signed by the mock's
// authority, with the user's name as its common name; one "@" makes it an address
// of mail in the certificate as well. See Options.ClientAuth.
func (s *Server) ClientCertificate(user string) (tls.Certificate, error) {
	issuer, err := mockCA()
	if err != nil {
		return tls.Certificate{}, err
	}
	template := newTemplate(x509.ExtKeyUsageClientAuth)
	template.Subject.CommonName = user
	if isASCII(user) && strings.Count(user, "@") == 1 {
		template.EmailAddresses = []string{user}
	}
	return keyPair(template, &issuer)
}

// keyPair returns a certificate together with its key.
func keyPair(template *x509.Certificate, parent *ca) (tls.Certificate, error) {
	cert, key, err := sign(template, parent)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}, nil
}

// sign makes a certificate with a new key; without a parent it signs itself.
func sign(template *x509.Certificate, parent *ca) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("mock: certificate key: %w", err)
	}
	template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, fmt.Errorf("mock: certificate serial number: %w", err)
	}
	issuer := ca{template, key}
	if parent != nil {
		issuer = *parent
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.cert, key.Public(), issuer.key)
	if err != nil {
		return nil, nil, fmt.Errorf("mock: certificate for %q: %w", template.Subject.CommonName, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, fmt.Errorf("mock: certificate for %q: %w", template.Subject.CommonName, err)
	}
	return cert, key, nil
}

// rootCAs and caPEM are of the mock's authority. There is one by then: no server
// starts without its certificate.
func rootCAs() *x509.CertPool {
	pool := x509.NewCertPool()
	if issuer, err := mockCA(); err == nil {
		pool.AddCert(issuer.cert)
	}
	return pool
}

func caPEM() []byte {
	issuer, err := mockCA()
	if err != nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issuer.cert.Raw})
}

package mock

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/seed-55a66e92/postern/sasl"
)

// NewClientCertificate returns a new certificate of a client and its RSA key, in
// PEM, and registers the certificate: the client authenticates by assertions that
// the key signs. A client has 10 at most.
func (a *Authority) NewClientCertificate(client string) (sasl.Secret, error) {
	key, err := newRSAKey()
	if err != nil {
		return sasl.Secret{}, err
	}
	template := newTemplate(x509.ExtKeyUsageClientAuth)
	template.Subject = pkix.Name{CommonName: "client of the mock"}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return sasl.Secret{}, fmt.Errorf("mock: serial number: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return sasl.Secret{}, fmt.Errorf("mock: client certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return sasl.Secret{}, fmt.Errorf("mock: client certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return sasl.Secret{}, fmt.Errorf("mock: client certificate: %w", err)
	}
	if err := a.RegisterCertificate(client, cert); err != nil {
		return sasl.Secret{}, err
	}
	file := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return sasl.NewSecret(string(file) + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))), nil
}

// RegisterCertificate registers a certificate with an RSA key for a client, which
// must be one of AuthorityOptions.Clients if there are any.
func (a *Authority) RegisterCertificate(client string, cert *x509.Certificate) error {
	if _, isRSA := cert.PublicKey.(*rsa.PublicKey); !isRSA {
		return errors.New("mock: the key of the certificate is not of RSA")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	_, known := a.opts.Clients[client]
	switch {
	case a.opts.Clients != nil && !known:
		return fmt.Errorf("mock: no client %q; list it in AuthorityOptions.Clients", client)
	case len(a.certificates[client]) == maxKeys:
		return fmt.Errorf("mock: the client has %d certificates already", maxKeys)
	case len(a.certificates) > maxBegun:
		return errors.New("mock: too many clients have certificates")
	}
	a.certificates[client] = append(a.certificates[client], cert)
	return nil
}

// certificateOf returns the certificate of a client that an assertion names and
// that has signed it, nil if there is none. Whether an assertion has to name it is
// up to the authority: Microsoft's has to.
func (a *Authority) certificateOf(client string, as *assertion, named bool) *x509.Certificate {
	for _, cert := range a.certificates[client] {
		key, isRSA := cert.PublicKey.(*rsa.PublicKey)
		short, long := sha1.Sum(cert.Raw), sha256.Sum256(cert.Raw)
		isNamed := isThumbprint(as.header.X5t, short[:]) || isThumbprint(as.header.X5tS256, long[:])
		if isRSA && (isNamed || !named && as.header.X5t+as.header.X5tS256 == "") && as.signedBy(key) {
			return cert
		}
	}
	return nil
}

// isThumbprint reports whether a header holds a digest. RFC 7515, Section 4.1.7
// wants base64url; MSAL sends x5t#S256 in base64, which Microsoft takes.
func isThumbprint(header string, digest []byte) bool {
	return slices.Contains([]string{
		base64.RawURLEncoding.EncodeToString(digest), base64.URLEncoding.EncodeToString(digest), base64.StdEncoding.EncodeToString(digest),
	}, header)
}

package sasl

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"hash"
	"runtime/metrics"
)

// The channel bindings that TLS has (RFC 5056).
const (
	bindingExporter = "tls-exporter"         // RFC 9266
	bindingUnique   = "tls-unique"           // RFC 5929, Section 3
	bindingEndPoint = "tls-server-end-point" // RFC 5929, Section 4
)

// ChannelBinding returns the data that binds an exchange to the TLS connection,
// equal on both of its ends and nowhere else. The error says why there is none.
//
//   - "tls-exporter" (RFC 9266): 32 octets, of TLS 1.3, or of an older version
//     with extended master secret (RFC 7627) and without renegotiation.
//   - "tls-unique" (RFC 5929, Section 3): 12 octets, of TLS 1.2 and older, with
//     extended master secret and without renegotiation.
//   - "tls-server-end-point" (RFC 5929, Section 4): the digest of the server's
//     certificate, of any version; not of certificates signed with Ed25519.
func (c *Conn) ChannelBinding(typ string) ([]byte, error) {
	if c.TLS == nil {
		return nil, fmt.Errorf("%w: no TLS to bind to", ErrInsecure)
	}
	switch typ {
	case bindingExporter:
		return exportBinding(c.TLS)
	case bindingUnique:
		return uniqueBinding(c.TLS)
	case bindingEndPoint:
		return endPointBinding(c.serverCertificate())
	}
	return nil, fmt.Errorf("sasl: no channel binding is called %.40q", typ)
}

var (
	errNoExporter = errors.New("sasl: tls-exporter needs TLS 1.3, or extended master secret and no renegotiation")
	errNoUnique   = errors.New("sasl: tls-unique needs TLS 1.2 with extended master secret and no renegotiation")
)

// exportBinding is RFC 9266, Section 4. Without extended master secret two
// connections could share the secret that is exported from (Section 4.2), so the
// export of older versions hangs on it.
func exportBinding(state *tls.ConnectionState) ([]byte, error) {
	data, err := export(state)
	if err != nil || state.Version < tls.VersionTLS13 && exportsUnsafely() {
		return nil, errNoExporter
	}
	return data, nil
}

// uniqueBinding returns the first Finished message of the handshake. TLS 1.3 has
// no such binding.
func uniqueBinding(state *tls.ConnectionState) ([]byte, error) {
	if state.Version >= tls.VersionTLS13 || len(state.TLSUnique) == 0 {
		return nil, errNoUnique
	}
	// Nothing tells of extended master secret but that the exporter works.
	if _, err := exportBinding(state); err != nil {
		return nil, errNoUnique
	}
	return state.TLSUnique, nil
}

// export calls the exporter with an empty context, which differs from none
// before TLS 1.3.
func export(state *tls.ConnectionState) (data []byte, err error) {
	defer func() {
		if recover() != nil { // a state that no handshake made has no exporter
			data, err = nil, errNoExporter
		}
	}()
	return state.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32)
}

// exportsUnsafely reports whether crypto/tls has exported without extended
// master secret in this process, as GODEBUG=tlsunsafeekm=1 makes it. Then an
// export that worked shows nothing.
func exportsUnsafely() bool {
	sample := []metrics.Sample{{Name: "/godebug/non-default-behavior/tlsunsafeekm:events"}}
	metrics.Read(sample)
	return sample[0].Value.Kind() == metrics.KindUint64 && sample[0].Value.Uint64() > 0
}

// serverCertificate returns the certificate of the connection's server, nil if
// it is not known.
func (c *Conn) serverCertificate() *x509.Certificate {
	if c.ServerCertificate == nil && len(c.TLS.PeerCertificates) > 0 {
		return c.TLS.PeerCertificates[0]
	}
	return c.ServerCertificate
}

func endPointBinding(certificate *x509.Certificate) ([]byte, error) {
	if certificate == nil {
		return nil, errors.New("sasl: tls-server-end-point needs the server's certificate")
	}
	h, ok := endPointHash(certificate.SignatureAlgorithm)
	if !ok {
		return nil, fmt.Errorf("sasl: tls-server-end-point is not defined for a certificate signed with %v", certificate.SignatureAlgorithm)
	}
	return digest(h, certificate.Raw), nil
}

// endPointHash returns the hash of a signature algorithm, SHA-256 in place of
// those that are broken (RFC 5929, Section 4.1).
func endPointHash(a x509.SignatureAlgorithm) (func() hash.Hash, bool) {
	switch a {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1,
		x509.SHA256WithRSA, x509.SHA256WithRSAPSS, x509.DSAWithSHA256, x509.ECDSAWithSHA256:
		return sha256.New, true
	case x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384:
		return sha512.New384, true
	case x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512:
		return sha512.New, true
	}
	return nil, false
}

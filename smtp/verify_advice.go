package smtp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// adviceOn says what a person can do about an error of Verify: what the profile
// makes of the server's reply, else what the error itself suggests; "" if nothing
// is known.
func adviceOn(err error) string {
	var (
		auth        *AuthError
		reply       *ReplyError
		certificate *tls.CertificateVerificationError
		dns         *net.DNSError
		none        *sasl.NoMechanismError
		token       *sasl.TokenError
		ended       *canceledError
	)
	switch {
	case errors.As(err, &auth) && auth.Advice != "":
		return auth.Advice
	case errors.As(err, &reply) && reply.Advice != "":
		return reply.Advice
	case errors.As(err, &ended):
		return ""
	case errors.As(err, &certificate):
		return adviceOnCertificate(certificate)
	case errors.Is(err, ErrTLSRequired):
		return "the port may be for implicit TLS (smtps://) or for mail between servers; or somebody on the way removed the offer"
	case errors.As(err, &none):
		return "give a credential that one of the offered mechanisms takes"
	case errors.As(err, &token):
		return "the token generator failed before anything was sent: its error says why"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "check the name of the server"
	case errors.As(err, &dns):
		return "the resolver gave no answer: check the network and its name servers"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: check host and port"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return adviceOnSilence(err)
	}
	return ""
}

// adviceOnSilence says what to do about a server that says nothing.
func adviceOnSilence(err error) string {
	phase := new(PhaseError)
	switch {
	case !errors.As(err, &phase):
		return ""
	case phase.Phase == PhaseDial:
		return "a firewall may drop the connection: many networks block ports 25, 465 or 587"
	case phase.Phase == PhaseGreeting:
		return "the port may be for implicit TLS: smtps:// instead of smtp://"
	case phase.Phase == PhaseTLS:
		return "the port may not be for TLS from the start (smtp:// instead of smtps://), or something on the way swallows the handshake"
	}
	return ""
}

// endsSoon is when a certificate that is still good is worth a word. Those that are
// renewed without anybody's help are renewed well before.
const endsSoon = 10 * 24 * time.Hour

const adviceOnEnd = "the certificate ends soon: see that the server has it renewed"

// adviceOnCertificate says what to do about a certificate that was not accepted.
func adviceOnCertificate(err error) string {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &authority):
		return "if the certificate is from an authority of your own, add that to TLSConfig.RootCAs"
	case errors.As(err, &name):
		return "write the server's name as the certificate has it, or have the server show the certificate for this name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate is out of date and to be renewed on the server, or this machine's clock is wrong"
	}
	return ""
}

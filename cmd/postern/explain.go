package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// explain returns an error as one line, unless it is a report of several, with advice if the error has none of its
// own.
func explain(err error) string {
	var signal *signalError
	if errors.As(err, &signal) && smtp.Classify(err) != smtp.Uncertain {
		return signal.Error() + ": the message was not sent"
	}
	if report := new(linesError); errors.As(err, &report) {
		return report.lines()
	}
	line := plain(oneLine(ofSignIn(err)))
	if say := advice(err); say != "" {
		line += " (" + say + ")"
	}
	return line
}

// plain leaves out which of our packages an error is from, and names flags
// instead of the fields that they set.
func plain(line string) string {
	line = strings.TrimPrefix(strings.TrimPrefix(line, "smtp: "), "sasl: ")
	return strings.NewReplacer(
		": smtp: ", ": ", ": sasl: ", ": ", "; smtp: ", "; ", "; sasl: ", "; ",
		"not in Policy.Order", "not named by --mechanism",
		"Policy.Order names", "--mechanism names",
		"mechanism in Policy.Order", "mechanism named by --mechanism",
		"name it in Policy.Order", "name it with --mechanism",
	).Replace(line)
}

// ofSignIn returns the text of an error. Of a failed sign-in, it leaves out what
// is not about the kind of credential that was given, and that there was no
// further token if that is all that came of the renewal.
func ofSignIn(err error) string {
	text := err.Error()
	if refused := new(sasl.RefusedError); errors.As(err, &refused) && errors.Is(refused.Renewal, sasl.ErrNoOtherToken) {
		text = strings.Replace(text, fmt.Sprintf(" (renewal: %v)", refused.Renewal), "", 1)
	}
	auth := new(smtp.AuthError)
	if !errors.As(err, &auth) || auth.Advice == "" {
		return text
	}
	return strings.Replace(text, auth.Advice, adviceFor(auth), 1)
}

// adviceFor returns the advice on a failed sign-in for the credential that was
// given: it comes for passwords and tokens alike.
func adviceFor(e *smtp.AuthError) string {
	kind := "password"
	if e.Mechanism == "XOAUTH2" || e.Mechanism == "OAUTHBEARER" {
		kind = "token"
	}
	say := strings.NewReplacer("token or password that go ", kind+" that goes ", "token or password", kind).Replace(e.Advice)
	if kind == "token" {
		say = strings.TrimSuffix(say, " An account password does not work.")
	}
	return say
}

// An advisedError is an error with advice that only its circumstances tell.
type advisedError struct {
	error
	advice string
}

func (e *advisedError) Unwrap() error { return e.error }

// advice is for what the server did not say. Replies come with advice from the
// engine.
func advice(err error) string {
	var (
		advised     *advisedError
		certificate *tls.CertificateVerificationError
		none        *sasl.NoMechanismError
		dns         *net.DNSError
	)
	switch {
	case errors.As(err, &advised):
		return advised.advice
	case errors.Is(err, smtp.ErrUncertain):
		return "the message may have been delivered: look for it before sending it again"
	case errors.As(err, &certificate):
		return adviceOnCertificate(certificate)
	case errors.Is(err, smtp.ErrTLSRequired):
		return "for TLS from the start write smtps:// instead of smtp://; or somebody on the way removed the offer"
	case errors.As(err, &none):
		return "another kind of credential or another --mechanism may do"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "check the name of the server"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: check host and port"
	}
	return ""
}

// adviceOnCertificate says what to do about a certificate, as far as the user can
// do anything.
func adviceOnCertificate(err error) string {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &authority):
		return "if the server's certificate is from an authority of your own, name that with --tls-ca"
	case errors.As(err, &name):
		return "the certificate is for another name: write the server's name as the certificate has it"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate is out of date, or this machine's clock is wrong"
	}
	return ""
}

// A linesError is a report that is to be read line by line.
type linesError struct{ error }

func (e *linesError) Unwrap() error { return e.error }

// lines returns the report. Its tabs and spaces of whatever kind become spaces, for
// that is how it is indented.
func (e *linesError) lines() string {
	spaces := strings.NewReplacer("\t", "  ", "\u00a0", " ")
	var b strings.Builder
	for line := range strings.Lines(spaces.Replace(e.Error())) {
		text := strings.TrimRight(line, " \r\n")
		indent := len(text) - len(strings.TrimLeft(text, " "))
		b.WriteString(text[:indent] + oneLine(text) + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// oneLine replaces what would break a line or act on a terminal.
func oneLine(s string) string {
	s = strings.ReplaceAll(strings.TrimSpace(s), "\n", "; ")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return '.'
		}
		return r
	}, strings.ToValidUTF8(s, "."))
}

package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// Exit codes, by sysexits(3) but for the last two.
const (
	exitOK           = 0
	exitUsage        = 64
	exitData         = 65
	exitNoInput      = 66
	exitNoUser       = 67
	exitNoHost       = 68
	exitUnavailable  = 69
	exitSoftware     = 70
	exitUncertain    = 74
	exitTemporary    = 75
	exitProtocol     = 76
	exitNoPermission = 77
	exitConfig       = 78
	exitInterrupted  = 130
	exitTerminated   = 143
)

// An exitMeaning says what an exit code means.
type exitMeaning struct {
	code    int
	meaning string
}

// exitCodes explains the codes, for --help.
var exitCodes = []exitMeaning{
	{exitOK, "sent to every recipient"},
	{exitUsage, "wrong use of the command line"},
	{exitData, "the message or an address is unusable, or refused for good"},
	{exitNoInput, "a file cannot be read"},
	{exitNoUser, "a recipient was refused; the output tells which, the others get the message"},
	{exitNoHost, "there is no host of that name"},
	{exitUnavailable, "the server could not be reached, or the connection failed: try again"},
	{exitSoftware, "a fault of this program"},
	{exitUncertain, "the message may have been delivered or not: look before sending it again"},
	{exitTemporary, "not now, or too much: try again later"},
	{exitProtocol, "the server broke the protocol, or cannot be trusted"},
	{exitNoPermission, "the sign-in failed: a person has to act"},
	{exitConfig, "a credential, a certificate or a setting is unusable"},
	{exitInterrupted, "ended by SIGINT (143: by SIGTERM) before the message was out"},
}

// A failure is an error that knows its exit code.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// failf returns a failure. The format is that of fmt.Errorf.
func failf(code int, format string, args ...any) error {
	return &failure{code, fmt.Errorf(format, args...)}
}

// exitCode returns the exit code for an error.
func exitCode(err error) int {
	var (
		known  *failure
		signal *signalError
		gone   *endedError
	)
	class := smtp.Classify(err)
	switch {
	case err == nil:
		return exitOK
	case class == smtp.Uncertain: // whatever else it is, it must not be retried
		return exitUncertain
	case errors.As(err, &signal):
		return signal.exitCode()
	case errors.Is(err, sasl.ErrRejected): // also if the renewal failed for another reason
		return exitNoPermission
	case errors.As(err, &known):
		return known.code
	case errors.As(err, &gone):
		return exitTemporary
	}
	switch class {
	case smtp.Partial:
		return exitNoUser
	case smtp.Temporary, smtp.Throttled, smtp.Canceled:
		return exitTemporary
	case smtp.Auth:
		return exitNoPermission
	case smtp.Permanent:
		return permanentCode(err)
	case smtp.Network:
		return networkCode(err)
	}
	return localCode(err)
}

func permanentCode(err error) int {
	if recipient := new(smtp.RecipientError); errors.As(err, &recipient) {
		return exitNoUser
	}
	return exitData
}

func networkCode(err error) int {
	var (
		dns    *net.DNSError
		record tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return exitNoHost
	case errors.Is(err, smtp.ErrProtocol), errors.Is(err, sasl.ErrProtocol), errors.As(err, &record):
		return exitProtocol
	}
	return exitUnavailable
}

func localCode(err error) int {
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, smtp.ErrEnvelope), errors.Is(err, smtp.ErrMessage), errors.Is(err, smtp.ErrNotOffered):
		return exitData
	case errors.Is(err, smtp.ErrTLSRequired), errors.As(err, &certificate):
		return exitProtocol
	}
	return exitConfig
}

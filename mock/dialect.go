package mock

import "github.com/seed-55a66e92/postern/sasl"

// Dialect is how a provider speaks of tokens: the form of those it issues, the
// errors of its token endpoint and the replies of its server to a bad one.
type Dialect int

const (
	// GenericOAuth follows RFC 6749 and RFC 7628 and nobody in particular.
	GenericOAuth Dialect = iota
	// GoogleOAuth refuses a token by an error challenge and a 535 of several
	// lines.
	GoogleOAuth
	// MicrosoftOAuth refuses a token by 535 5.7.3, without a challenge. Its own
	// tokens are JWTs.
	MicrosoftOAuth
)

// A tokenFault is what is wrong with a token.
type tokenFault int

const (
	unknownToken tokenFault = iota // or expired, or revoked
	wrongUser
	wrongScope
)

// scope is what a token needs to be good for SMTP.
func (d Dialect) scope() string {
	switch d {
	case GoogleOAuth:
		return "https://mail.google.com/"
	case MicrosoftOAuth:
		return "https://outlook.office.com/SMTP.Send"
	}
	return "mail"
}

// refuse returns the refusal of a token by a server that wants scope.
// configuration is a URL, "" for none.
func (d Dialect) refuse(mechanism string, fault tokenFault, scope, configuration string) error {
	switch d {
	case MicrosoftOAuth:
		return &ReplyError{535, "5.7.3", []string{"Authentication unsuccessful"}}
	case GoogleOAuth:
		return &sasl.OAuthError{
			Mechanism: mechanism, Status: status(mechanism, fault), Schemes: "bearer mac", Scope: scope,
			Err: &ReplyError{535, "5.7.8", []string{
				"Username and Password not accepted. For more information, go to",
				"https://support.google.com/mail/?p=BadCredentials - mock",
			}},
		}
	}
	return &sasl.OAuthError{
		Mechanism: mechanism, Status: status(mechanism, fault), Schemes: "bearer", Scope: scope,
		OpenIDConfiguration: configuration,
		Err:                 &ReplyError{535, "5.7.8", []string{"Credentials refused"}},
	}
}

// status is the status of an error challenge: an error code of RFC 6750,
// Section 3.1 for OAUTHBEARER, an HTTP status for XOAUTH2.
func status(mechanism string, fault tokenFault) string {
	oauth := mechanism == "OAUTHBEARER"
	switch {
	case oauth && fault == wrongScope:
		return "insufficient_scope"
	case oauth:
		return "invalid_token"
	case fault == unknownToken:
		return "401"
	}
	return "400"
}

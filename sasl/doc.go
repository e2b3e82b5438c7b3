// Package sasl chooses and runs SASL mechanisms (RFC 4422), above all those of
// OAuth 2.0.
//
// Mechanisms are clients and servers of package go-sasl. This package adds what
// a sign-in needs around them: a registry, the facts about the connection, a
// policy, secrets that are fetched late and never printed, and the server's
// verdict. Package smtp drives it over AUTH; most programs hand it an
// [Authenticator] and call nothing else here.
//
// # Signing in with a password
//
//	a := sasl.Password("alice@example.com", password)
//
// An Authenticator stands for one account. Share it among all connections of the
// account; it is safe for concurrent use. A password that the server refuses is
// not tried again, by this mechanism or another.
//
// # Signing in with OAuth 2.0
//
//	a := sasl.OAuth("alice@example.com", sasl.TokenString(getAccessToken))
//
// where getAccessToken is a function that returns a valid access token each time
// it is called:
//
//	func getAccessToken(ctx context.Context) (string, error)
//
// It is called immediately before the AUTH command, and not at all if the server
// offers no mechanism that takes a token or the connection is not safe. An error
// that it returns reaches the caller, and the server hears nothing.
//
// A [TokenGenerator] can do more: [TokenRequest] tells it who signs in where, and
// which tokens have been refused lately. Package providers has a cache, and the
// modules beside it have generators for the large providers.
//
// A password together with a token generator is [ErrAmbiguousCredentials];
// [Authenticator.Validate] says so before there is a connection.
//
// # A mechanism of your own
//
// A mechanism is a [Client] and a literal of type [Mechanism]:
//
//	type pin struct{ code sasl.Secret }
//
//	func (p pin) Start() (string, []byte, error)        { return "X-PIN", nil, nil }
//	func (p pin) Next(challenge []byte) ([]byte, error) { return []byte(p.code.Reveal()), nil }
//
//	registry := sasl.Default().With(sasl.Mechanism{
//		Name: "X-PIN",
//		Rank: 250,
//		NewClient: func(context.Context, *sasl.Conn, *sasl.Credentials) (sasl.Client, error) {
//			return pin{code}, nil
//		},
//	})
//
// Set it as Registry of the Authenticator and it is negotiated like any other.
// A few rules spare trouble:
//
//   - A nil initial response is none: the server speaks first. An empty one that
//     is not nil is sent as such.
//   - Traits left at zero mean that a listener would learn a secret, so that the
//     mechanism runs over verified TLS or loopback alone.
//   - A mechanism that takes a token gets it from [Credentials.BearerToken], in
//     NewClient, and has Bearer among its Traits. Then a refused token is renewed.
//   - A mechanism that is bound to the TLS connection (RFC 5056) has Binds there.
//   - A Client in which the server has to prove itself implements [Finisher].
//
// # Mechanisms
//
//	Name         Source                         Rank  Takes     Initial response
//	XOAUTH2      Google, Microsoft              720   token     yes
//	OAUTHBEARER  RFC 7628, RFC 6750, RFC 5801   710   token     yes
//	PLAIN        RFC 4616                       200   password  yes
//	LOGIN        draft-murchison-sasl-login-00  100   password  no
//
// Of those that the server offers, the one with the highest rank that the
// credentials and the policy allow is run. [Policy.Order] replaces the ranks.
// Names are compared whole: PLAIN-CLIENTTOKEN is not PLAIN. All of them have a
// server side too, which signs in against a [Directory].
//
// # What is refused, and why
//
// [Authenticator.Explain] says for every mechanism why it would not run, and so
// does [NoMechanismError].
//
//   - Secrets leave over TLS with a verified certificate, or to this machine.
//     [Policy] has two fields that allow more, both called Insecure: one for TLS
//     with a certificate that nobody checked, one for connections without TLS.
//     Neither includes the other.
//   - [Credentials.Hosts] keeps credentials from every other host.
//   - When a server will not run a mechanism (SMTP 504, 534), the next one is
//     tried unless it is weaker: a server that turns down a mechanism in which it
//     would have to prove itself does not get a password instead. Nor does one
//     that has seen the password already and says 534 to it.
//   - Control characters in a user name, an authorization identity or a token,
//     and messages of more than 9216 octets, which servers need not accept (RFC
//     4954, Section 4), are errors before anything is sent.
//   - A challenge that is too long, not base64 or one too many ends the exchange
//     with "*" and [ErrProtocol]. So does success after an error challenge, or
//     after "*". LOGIN alone takes prompts that are not base64, for there are
//     servers that send them.
//   - Success from a server that has not proved itself is [ErrServerUnverified],
//     if the mechanism asks for proof.
//
// # Refused tokens and the cool-down
//
// Access tokens expire and are withdrawn. A refusal is a final 535, or any
// negative reply after an error challenge (RFC 7628, Section 3.2.2), but for
// those that speak of the server, the mechanism or the account: 421, 432, 504,
// 534 and 550. A 535 that the engine knows to be about the account is one only
// after an error challenge.
//
// After a refusal the generator is asked again, with [TokenRequest.Rejected]
// set. A different token is tried once on the same connection; the refused one
// is not sent again for [CoolDown], on any connection that shares the
// Authenticator. Connections that are refused at the same time share one call
// of the generator. A generator that has no other token returns
// [ErrNoOtherToken], and the caller gets a [RefusedError] with both: what the
// server said, and why there is no other token.
//
// When a second token is refused, something else is wrong. Sign-ins then fail
// with a [CoolDownError] that holds the last refusal, without a call of the
// generator and without AUTH, until CoolDown has passed since. A token that is
// accepted ends the count.
//
// # With other engines
//
// [Authenticator.Begin] returns an [Exchange], which is a go-sasl client: give
// it to the engine and the engine's verdict to [Exchange.Finish].
//
//	x, err := a.Begin(ctx, conn)
//	...
//	err = x.Finish(client.Auth(x))
//
// Finish knows the errors of net/smtp and go-smtp, and others that keep the code
// of the reply in a field Code. For an engine whose errors do not, wrap them
// together with what they mean, or a refused token will not be recognised:
//
//	err = x.Finish(fmt.Errorf("%w: %w", sasl.ErrRejected, err))
package sasl

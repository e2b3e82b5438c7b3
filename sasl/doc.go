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
// account; it is safe for concurrent use. Hand it to package smtp as the Auth of
// its Config, or see below for other engines.
//
// Where the server can, the password does not leave: SCRAM shows that both sides
// know it, bound to the TLS connection if possible. Otherwise PLAIN or LOGIN send
// it over verified TLS. A password that the server refuses is not tried again, by
// this mechanism or another, until [CoolDown] has passed. To insist on more than a
// server may offer:
//
//	a.Policy.RequireMutual = true  // the server has to prove itself: SCRAM
//	a.Policy.RequireBinding = true // on this very connection: SCRAM with -PLUS
//
// Mechanisms that take a token can do neither; [Authenticator.Validate] says so.
//
// With a client certificate there is no password at all: set
// [Credentials.External], and EXTERNAL runs on connections that showed one.
//
//	a := &sasl.Authenticator{Credentials: sasl.Credentials{External: true}}
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
//   - Usable says what the mechanism needs, such as [Credentials.Password]. It is
//     not run without, and the user is told why.
//   - Traits left at zero mean that a listener would learn a secret, so that the
//     mechanism runs over verified TLS or loopback alone.
//   - A mechanism that takes a password gets it from [Credentials.FetchPassword], in
//     NewClient. One that takes a token gets it from [Credentials.BearerToken] and has
//     Bearer among its Traits: it is not run without a token generator. What the
//     server refuses is then remembered, and a token renewed.
//   - A mechanism that is bound to the TLS connection (RFC 5056) has Binds there.
//   - A Client in which the server has to prove itself implements [Finisher], and the
//     mechanism has Mutual there. One without the other is an error.
//   - A server side is a [Server] that looks the user up in a [Directory]. It
//     returns no data together with done, and implements [Identifier].
//
// # Mechanisms
//
//	Name                Source                         Rank  Takes        Initial response
//	EXTERNAL            RFC 4422, Appendix A           900   certificate  yes
//	XOAUTH2             Google, Microsoft              720   token        yes
//	OAUTHBEARER         RFC 7628, RFC 6750, RFC 5801   710   token        yes
//	SCRAM-SHA-512-PLUS  RFC 5802                       630   password     yes
//	SCRAM-SHA-256-PLUS  RFC 7677                       620   password     yes
//	SCRAM-SHA-1-PLUS    RFC 5802                       610   password     yes
//	SCRAM-SHA-512       RFC 5802                       530   password     yes
//	SCRAM-SHA-256       RFC 7677                       520   password     yes
//	SCRAM-SHA-1         RFC 5802                       510   password     yes
//	PLAIN               RFC 4616                       200   password     yes
//	LOGIN               draft-murchison-sasl-login-00  100   password     no
//	CRAM-MD5            RFC 2195                       50    password     no
//	ANONYMOUS           RFC 4505                       10    nothing      yes
//
// Of those that the server offers, the one with the highest rank that the
// credentials and the policy allow is run. [Policy.Order] replaces the ranks.
// Names are compared whole: PLAIN-CLIENTTOKEN is not PLAIN.
//
// Two do not run by themselves. CRAM-MD5 keeps the password from a listener and
// gives whoever poses as the server what it takes to guess it; it is for servers
// that have nothing better, and [Policy.Order] has to name it. ANONYMOUS is not in
// [Default]; a program that wants to be a guest adds [Anonymous].
//
// SCRAM prepares names and passwords by SASLprep (RFC 4013, a profile of RFC 3454)
// and derives its keys by PBKDF2 (RFC 8018). Its -PLUS binds by one of three kinds
// of data (RFC 5056) that [Conn.ChannelBinding] explains, after RFC 5929, RFC 7627
// and RFC 9266. [SCRAM] makes one with other limits.
//
// All of them have a server side too, which signs in against a [Directory]:
// EXTERNAL against an [ExternalDirectory], ANONYMOUS against an
// [AnonymousDirectory].
//
// # Secrets
//
// Passwords and tokens are held as [Secret], which no printer, logger, encoder or
// dumper shows. Authenticators, credentials and exchanges print as whose they are;
// errors tell the field that is wrong and not what is in it; and what a challenge
// repeats of a secret is taken out of the error that quotes it. The final reply is
// for the engine to look after, as package smtp does. A token generator of your
// own is as discreet as it is written: keep what it holds in a Secret too.
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
//     would have to prove itself does not get a password instead. Nor does the next
//     mechanism send a password that the server has seen already.
//   - What failed on this side is final: no mechanism is tried after [ErrProtocol] or
//     [ErrServerUnverified], whatever the server says to "*".
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
// # Refusals and the cool-down
//
// A password that was refused, by 535, is not sent again for [CoolDown], on any
// connection that shares the Authenticator: sign-ins fail with a [CoolDownError]
// that holds the refusal, without AUTH. A different password, from a function that
// now returns another one, is tried at once. The Authenticator keeps a digest of the
// refused one under a random key, and not the password.
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
// [Authenticator.Begin] returns an [Exchange], which is a go-sasl client. go-smtp
// and go-imap take it as it is; their verdict goes to [Exchange.Finish]:
//
//	state, _ := client.TLSConnectionState()
//	_, offered := client.Extension("AUTH")
//	x, err := a.Begin(ctx, &sasl.Conn{
//		Service: "smtp", Host: host, Port: port, // as dialled
//		TLS: &state, Verified: true, // unless InsecureSkipVerify is set
//		Offered: strings.Fields(offered),
//	})
//	...
//	err = x.Finish(client.Auth(x))
//
// With go-imap, Service is "imap", Offered is client.Caps().AuthMechanisms() and
// the last line
//
//	err = x.Finish(client.Authenticate(x))
//
// Finish is no formality. A server may report success before it has proved
// itself, and engines take that for the end: Finish does not. It is also how an
// Authenticator learns of a refused token. These engines try once; the next
// sign-in, on a new connection, takes another token.
//
// net/smtp has an interface of its own, and [NetSMTP] fits it:
//
//	auth := sasl.NetSMTP(ctx, a, &sasl.Conn{Host: host, TLS: &state, Verified: true})
//	err = auth.Finish(client.Auth(auth))
//
// go-mail has the same interface but for the type of one parameter. An adapter is
// one method:
//
//	type goMailAuth struct{ *sasl.NetSMTPAuth }
//
//	func (a goMailAuth) Start(s *mailsmtp.ServerInfo) (string, []byte, error) {
//		return a.NetSMTPAuth.Start((*smtp.ServerInfo)(s))
//	}
//
// It goes into WithSMTPAuthCustom, and its Finish around DialWithContext, which
// signs in. go-mail connects by itself, so let VerifyConnection of its TLS
// configuration fill in TLS and Verified of the Conn.
//
// Finish knows the errors of all four, and others that keep the code of an SMTP
// reply in a field Code, or the response codes of IMAP (RFC 5530) in fields Type
// and Code. For an engine whose errors do not, wrap them together with what they
// mean, or a refused token will not be recognised:
//
//	err = x.Finish(fmt.Errorf("%w: %w", sasl.ErrRejected, err))
package sasl

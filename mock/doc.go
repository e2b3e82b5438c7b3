// Package mock is a mail server and an OAuth 2.0 authority for tests of anything
// that sends mail.
//
// # A server in one line
//
//	srv := mock.Start(t, mock.Options{})
//
// This is a submission server on 127.0.0.1 that offers STARTTLS, knows one user,
// "user" with the password "secret", and ends with the test. It takes mail without
// a sign-in and without TLS, too: Options.RequireAuth and Options.RequireTLS make
// it refuse that. Lead the code under test there, and look at what arrived:
//
//	err := app.Send(srv.Addr(), srv.TLSConfig(), "user", "secret", message)
//	...
//	messages := srv.Messages()
//
// [Server.TLSConfig] trusts the certificate authority of the mock, which no
// system does; [Server.CAPEM] is that authority for programs that are not
// written in Go. A program that is no test calls [New] and Close.
//
// The server is strict. A command ends in CRLF and in nothing else; commands out
// of order get 503, unknown parameters 555, base64 with a stray octet 501. What
// a client does against the rules, and what a more tolerant server would let
// pass, is in [Session].Violations; with Options.Strict it fails the test.
//
// A refusal of credentials is no violation, and a response of "*" within AUTH is
// none. But a client that answers a final 535 with "*" has sent what is no command
// by then, and that is recorded as one.
//
// # Signing in
//
// The server runs the server sides of package sasl, or of any mechanism in
// Options.Registry. It says who signed in, how, and how often it was tried:
// [Message].User, [Message].Mechanism, [Server.Auths].
//
// For OAuth 2.0, an [Authority] issues tokens and the server asks it about them:
//
//	authority := mock.StartAuthority(t, mock.AuthorityOptions{Dialect: mock.GoogleOAuth})
//	srv := mock.Start(t, mock.Options{Tokens: authority})
//	refresh := authority.Grant("user@example.com")
//
// The code under test exchanges the refresh token at [Authority.TokenURL], or at
// the URL of production with [Authority.HijackingClient], and signs in with what
// it gets. [Authority.Revoke] and [Authority.Expire] end a token's life at the
// moment that a test wants. How the server refuses it then depends on
// AuthorityOptions.Dialect: as Google does, by an error challenge and then 535,
// or as Microsoft does, by 535 alone.
//
// The authority answers to introspection (RFC 7662), revocation (RFC 7009) and
// discovery (RFC 8414), too. With AuthorityOptions.RotateRefresh a refresh token
// is good for one use, and a second use ends its whole family.
// [Authority.Inject] lets requests go wrong:
//
//	authority.Inject(mock.AuthorityFault{Times: 2, Status: 503, RetryAfter: time.Minute})
//	authority.Inject(mock.AuthorityFault{Grant: "refresh_token", Error: "invalid_grant"})
//	authority.Inject(mock.AuthorityFault{HTML: true})                                       // a sign-in portal
//	authority.Inject(mock.AuthorityFault{Fields: map[string]any{"expires_in": nil}})        // no expiry
//	authority.Inject(mock.MicrosoftRefusals()[53003])                                       // Conditional Access
//
// # Flows
//
// A test plays the user. [Authority.Browse] stands for the browser that a client
// opens, [Authority.Authorize] stops before the redirect, and
// [Authority.ApproveDevice] enters the code of a device; a [Consent] says who signs
// in and what is granted. Codes and challenges are checked as RFC 7636 has it.
//
// Programs have identities, too. [Authority.ServiceAccountKey] is a key of
// Google's, with delegation of whole domains; those without a key sign by the IAM
// API, with a token of the metadata server of their [Machine] or one that
// [Authority.FederatedToken] was exchanged for. At Microsoft's route, a client shows
// a certificate's signature ([Authority.NewClientCertificate]), a federated token or
// that of a managed identity. The metadata servers are plain HTTP, at
// [Authority.MetadataHost]; [Authority.HijackingClient] reaches them at their
// addresses in production. What none of these identities has is a mailbox: the
// authority refuses their own tokens to a server, but for an application's with
// the role to send as any user.
//
// # Known services
//
// [Persona] returns the options of a server that behaves as a service is known to,
// by the profile that configures clients, and [AuthorityFor] those of an authority
// whose tokens it takes:
//
//	srv := mock.Start(t, mock.Persona(profile.Yandex(), authority))
//
// [Gmail] and [Microsoft365] are two of them, which speak as those services do. A
// [Condition] is what is wrong with the account there:
//
//	srv := mock.Start(t, mock.Microsoft365(authority, mock.SMTPAuthDisabled))
//
// They keep to limits, as of connections and of messages a minute; [Limits] are
// for any server.
//
// # Faults
//
// A server behaves until told otherwise, at a point of the dialogue:
//
//	mock.Options{Faults: []mock.Fault{
//		mock.At("RCPT").Nth(1).Do(mock.Reply(451, "4.7.1", "greylisted")),
//		mock.At("EOD").Conn(2).Do(mock.Drop()),
//	}}
//
// [At] lists the points. A fault takes the place of what the server would do, or
// comes [Point.Before] or [Point.After] it. Its actions:
//
//   - what is said: [Reply], [MixedCodes], [Raw], [NoReply], [Extra],
//     [Unsolicited], [Endless], [Flood], [Garbage], [InjectAfter220];
//   - in what manner: [Drip], [Split], [DropMid];
//   - what is done besides: [Delay], [Stall], [Swallow], [Drop], [Reset],
//     [HalfClose], [FailHandshake].
//
// Some faults are made of more than one:
//
//	At("CONNECT").Do(Reply(421, "4.3.2", "busy"), Drop())               // turned away
//	At("AUTH").Do(Reply(235, "2.7.0", "welcome"))                       // success too early
//	At("DATA").After().Do(Stall())                                      // content is not read
//	At("DATA").After().Do(Swallow(1000), Reset())                       // cut off within content
//	At("NOOP").After().Do(Delay(time.Minute), Reply(421, "", "idle"))   // unasked, later
//	At("TLS").Do(Stall())                                               // no handshake
//	At("TLS").Do(Reply(220, "", "hello"))                               // plain text instead
//	At("ANY").Do(Split())                                               // octet by octet
//
// [Chaos] chooses faults by a seed, and the transcript tells the seed.
// Options.Defects gives the server a defect that servers were shipped with.
//
// Options.Without takes service extensions away, so that STARTTLS is stripped or
// PIPELINING missing; Options.Capabilities lets EHLO say what is not true.
//
// # Scripts
//
// A server may follow a script instead of behaving: it says what the script
// says, and wants to hear what the script wants, octet for octet. A [Step] is
// one or the other, or made of steps:
//
//	srv := mock.Start(t, mock.Options{Script: mock.Seq(
//		mock.Hello("PIPELINING"),
//		mock.Group(mock.Envelope("from@example.com", "to@example.com"), mock.Expect("DATA")),
//		mock.Send("354 Go ahead"),
//		mock.ExpectContent(mock.Containing("Subject: hello")),
//		mock.Reply(451, "4.3.0", "try again"),
//		mock.Bye(),
//	)})
//
// Where the client leaves the script, it is cut off, and the test fails with the
// step's number, file and line, what was wanted and what came, the last lines of
// the dialogue, and the steps that were never reached. The test fails also if the
// client says more than the steps read, leaves steps over, or connects once more
// than the script is for; Options.Tolerate allows that. A program asks
// [Server.Err].
//
// Actions of faults are steps too. A step waits a minute for the client; [Within]
// changes that.
//
// # Dialogues
//
// A script may be a text file, which [DialogueFile] reads:
//
//	# A token that is no good.
//	S: 220 mx.example.com ESMTP
//	C~ EHLO *
//	S: 250-mx.example.com
//	S: 250 AUTH XOAUTH2
//	C: AUTH XOAUTH2 b64(user=you@example.com^Aauth=Bearer ${token}^A^A)
//	S: 535 5.7.8 Go away
//	C: QUIT
//	CLOSE
//
// Each line is one of these. Spaces at its end count.
//
//	S: text       the server says the line
//	S "octets"    the server says the octets of the Go string, and no CRLF
//	C: text       the client has to say the line, octet for octet
//	C~ pattern    the client has to say a line like that; * stands for anything,
//	              \* for the asterisk, \\ for the backslash
//	...           lines of the client are skipped up to the one that comes next
//	CONTENT       the client has to send content up to the line of one dot, which
//	              has to be as the lines behind it say, if there are any:
//	              "| text", "|~ pattern", "|" (empty), "|..." (any lines)
//	CHUNK         the same for a chunk that comes by BDAT; CHUNK LAST for the last
//	TLS           TLS begins
//	GROUP, END    the client has to send what is between them in one group, before
//	              it is given a reply
//	OPTIONAL, END what is between them may come, if the first line of it does
//	NOTHING       the client must have said nothing more; see [ExpectNothing]
//	EOF           the client has to end the connection
//	CLOSE, RESET  the server ends the connection, or breaks it; see [Reset]
//	DELAY 5s      the server waits
//	STALL         the server does no more until it is closed
//	CONNECT       here begins the dialogue of the next connection
//	# comment     nothing
//
// FormatDialogue brings a dialogue into one form, and Transcript.Dialogue makes one
// of what was said: a session with a real server becomes a script, its secrets cut
// out. With Options.Fragments, the same script is played in pieces of other sizes.
//
// At the end of a line, b64(text) is the text in base64. In it, ^A is the octet
// 1, ^@ is NUL and so on; \^ is the caret and \\ the backslash. ${name} is a
// value given to [DialogueFile]; neither a report nor a transcript shows it.
//
// # Time
//
// With Options.Network set to [InMemory], no octet leaves the process, and the
// server works in a testing/synctest bubble: a client's timeout of five minutes
// passes at once, and exactly. Certificates are valid under the bubble's clock.
//
//	synctest.Test(t, func(t *testing.T) {
//		srv := mock.Start(t, mock.Options{
//			Network: mock.InMemory,
//			Faults:  []mock.Fault{mock.At("EOD").Do(mock.NoReply())},
//		})
//		err := app.Send(srv.Dial, ...)
//		...
//	})
//
// [Server.Dial] is the way in. It leads to the server whatever address it is
// given, so a client may believe that it talks to smtp.gmail.com: name that host
// in Options.Names, and the certificate is good for it.
//
// # Round trips
//
// What a session costs over a long line is the number of its round trips, and
// the server counts them: each write of its own after a write of the client, or
// after the connect, since its last one, below TLS. [Message].RoundTrips is the
// count when a message was accepted, [Command].RoundTrip tells where they went.
// A test may assert the count, for it does not depend on timing: the server
// sends its replies when it has nothing left to read (RFC 2920, Section 3.2),
// waits a few milliseconds for a group of commands that arrives in pieces, longer
// for a command or a chunk that has begun, and sends no TLS session tickets, whose write would be one more.
//
// # Secrets
//
// A [Transcript] holds none. It is redacted by the state of the dialogue, not by
// looking for secrets: what belongs to AUTH is replaced by its length, and so are
// a line that is no known command and what stands behind a control character. It has three forms: text, which
// names no times, [Transcript.JSON], and [Transcript.Golden], which compares it
// with a file.
//
// The log of an authority, [Authority.Requests], holds none either: it shows the
// names that OAuth knows and what those are sent with if it is harmless, and of
// all else the length. A [Server], an [Authority], their options and [UserTokens]
// print as a line that names no secret.
//
// # Sources
//
// The server goes by RFC 5321 and RFC 6409, and by RFC 1870 (SIZE), RFC 2034
// (ENHANCEDSTATUSCODES), RFC 2920 (PIPELINING), RFC 3030 (CHUNKING, BINARYMIME),
// RFC 3207 (STARTTLS), RFC 3461 (DSN), RFC 4954 (AUTH), RFC 6152 (8BITMIME), RFC
// 6531 (SMTPUTF8), RFC 6533 (addresses in DSN outside ASCII), RFC 8689
// (REQUIRETLS) and RFC 9422 (LIMITS); content is text as RFC 2045 defines it.
// Certificates are named as in RFC 9525. The authority goes by RFC 6749 and
// RFC 6750 (bearer tokens), RFC 7009 (revocation), RFC 7515, RFC 7517, RFC 7518 and
// RFC 7519 (signatures, keys, algorithms and claims of a JWT), RFC 7521 and RFC 7523 (assertions), RFC 7636 (PKCE),
// RFC 7662 (introspection), RFC 8252 (native applications), RFC 8414 (discovery),
// RFC 8628 (devices), RFC 8693 (token exchange), RFC 9207 (issuer in an answer) and
// OpenID Connect, over HTTP by RFC 9110; refresh tokens rotate as in RFC 9700.
//
// # Bounds
//
// Whatever a client does, a connection takes a bounded amount of memory, and so
// do the records: see [Server.Forget]. Options.IdleLimit bounds how long a client
// may keep the server waiting; without it, Close ends a connection. Everything listens on
// loopback or in memory.
package mock

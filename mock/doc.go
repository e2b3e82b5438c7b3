// Package mock is a mail server and an OAuth 2.0 authority for tests of anything
// that sends mail.
//
// # A server in one line
//
//	srv := mock.Start(t, mock.Options{})
//
// This is a submission server on 127.0.0.1 that offers STARTTLS, knows one user,
// "user" with the password "secret", and ends with the test. Lead the code under
// test there, and look at what arrived:
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
// comes [Point.Before] or [Point.After] it. Its actions are [Reply], [Raw],
// [NoReply], [Delay], [Stall], [Drop], [Reset] and [InjectAfter220]. Some that
// need no action of their own:
//
//	At("RCPT").Do(Raw([]byte("250-ok\r\n550 no\r\n")))                  // codes that differ
//	At("NOOP").After().Do(Reply(250, "", "unsolicited"))                // a reply too many
//	At("MAIL").Do(Raw([]byte("25")), Drop())                            // half a reply
//	At("CONNECT").Do(Reply(421, "4.3.2", "busy"), Drop())               // turned away
//	At("AUTH").Do(Reply(235, "2.7.0", "welcome"))                       // success too early
//	At("DATA").After().Do(Stall())                                      // content is not read
//
// Options.Without takes service extensions away, so that STARTTLS is stripped or
// PIPELINING missing; Options.Capabilities lets EHLO say what is not true.
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
// waits a few milliseconds for a group of commands that arrives in pieces, and
// sends no TLS session tickets, whose write would be one more.
//
// # Secrets
//
// A [Transcript] holds none. It is redacted by the state of the dialogue, not by
// looking for secrets: what belongs to AUTH is replaced by its length, and so is
// anything behind AUTH that is no known command.
//
// # Bounds
//
// Whatever a client does, a connection takes a bounded amount of memory, and so
// do the records: see [Server.Forget]. A connection has no time limit; Close
// ends it. Everything listens on loopback or in memory.
package mock

// Package conformance asks an implementation of SMTP sign-in and submission
// whether it keeps the rules, one question at a time, and says for each answer
// which rule it is about and what went over the wire.
//
// # Testing a client
//
// A client is tested through a [Driver]: a function that has the client send one
// message as a [ClientConfig] says, and tells what the client made of it. The
// suite starts a server of package mock for each attempt, so nothing is needed
// besides the client:
//
//	func TestConformance(t *testing.T) {
//		conformance.RunClient(t, conformance.DriverFunc(
//			func(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
//				err := mailer.Send(ctx, cfg.Addr, &tls.Config{RootCAs: cfg.RootCAs}, ...)
//				return conformance.AnswerOf(err)
//			}))
//	}
//
// Each case is a subtest named by its id, so that
//
//	go test -run TestConformance/C-TLS
//
// runs those about TLS. What a client cannot do, its driver answers by an error
// that matches [errors.ErrUnsupported]; cases that need it are skipped, and say
// so. Unless told otherwise, servers listen on a free port of 127.0.0.1; a client
// that connects through ClientConfig.Dial needs no network at all, see
// ClientTarget.Network. Such a client is better tested by
//
//	conformance.RunClientInBubbles(t, synctest.Test, driver)
//
// Then its timeouts of minutes pass in no time, and the cases about them run.
//
// A driver that tells success and failure apart is enough. The more it tells, the
// more is asked: whether a failure is for now or for good, what became of each
// recipient, whether a message may have been delivered; see [Answer].
//
// # Without package testing
//
// [Suite.Run] is the engine. It works in any program, and returns a [Report] that
// can be printed, encoded as JSON and asked for its verdict:
//
//	report, err := conformance.Suite{Select: []string{"C-TLS-*"}}.Run(ctx, conformance.ClientTarget{Driver: d})
//	if err != nil { ... } // nothing was selected, or the context ended
//	fmt.Print(report)
//	if err := report.Err(); err != nil { ... } // something did not pass
//
// All of it may run inside a testing/synctest bubble if the client's network is
// in memory; then time that a client waits takes no time.
//
// # What an outcome means
//
//	pass          the rule was put to the test, and kept
//	fail          a requirement (RFC 2119), or the security of the user, is broken
//	warn          a recommendation is not followed
//	info          neither right nor wrong, but good to know
//	skip          not run, and why
//	inconclusive  run, but nothing can be said
//	error         the suite itself could not do its part
//
// No case passes because nothing happened. Each begins with a control, in which
// nothing is wrong and the client has to deliver the message; a client that fails
// there gets "inconclusive", not "pass". Then comes the attack, which differs in
// one thing only, and the client has to be seen to get as far as the attack. The
// verdict rests on what went over the wire and on what the client said about it.
// In a test, everything but pass, warn, info and skip is a failure.
//
// # Cases
//
// The id of a case is permanent: it never means anything else, and is never used
// again. C is for clients. [Catalogue] returns all cases, with the rule, the
// procedure and the criterion of each:
//
//	C-AUT-02  a mechanism that nobody knows is not used (RFC 4422, Section 3.1)
//	C-AUT-03  a token too long for the AUTH line follows it (RFC 4954, Section 4)
//	C-AUT-06  a challenge that is not base64 ends the exchange (RFC 4954, Section 4)
//	C-AUT-07  334 is the empty challenge with and without a space (RFC 4954, Section 4)
//	C-AUT-08  a challenge may be long (RFC 4954, Section 4)
//	C-AUT-09  a credential that was refused is not tried again (RFC 4954, Section 6)
//	C-AUT-10  a sign-in that fails for now is no failure for good (RFC 4954, Section 6)
//	C-AUT-11  a mechanism that the server refuses leaves another that is as strong (RFC 4954, Section 6)
//	C-AUT-12  SCRAM is no success until the server has proved itself (RFC 5802, Section 5; RFC 7677)
//	C-AUT-14  a challenge that the mechanism does not have ends the exchange (RFC 4954, Section 4)
//	C-AUT-15  nothing answers a final reply to AUTH (RFC 5321, Section 4.2)
//	C-AUT-18  logs and errors hold no secret
//	C-GRT-01  nothing is sent before the greeting (RFC 5321, Section 4.3.1)
//	C-GRT-02  a greeting of several lines is one greeting (RFC 5321, Section 4.2.1)
//	C-GRT-03  a greeting that refuses is for good with 554 and for now with 421 (RFC 5321, Section 3.1)
//	C-GRT-05  a connection that ends before the greeting is a temporary failure (RFC 5321, Section 3.8)
//	C-GRT-06  what is no reply is not taken for one (RFC 5321, Section 4.2)
//	C-HEL-01  EHLO comes first, with a domain or an address (RFC 5321, Section 4.1.1.1)
//	C-HEL-03  no HELO in place of EHLO if TLS or a sign-in is required (RFC 3207, Section 6)
//	C-HEL-04  keywords count in any case and order (RFC 5321, Section 4.1.1.1)
//	C-LGN-01  LOGIN answers its two prompts whatever they say
//	C-OAB-01  an OAUTHBEARER error challenge is answered by %x01 (RFC 7628, Section 3.2.3)
//	C-PIP-01  one command at a time unless PIPELINING is offered (RFC 2920, Section 3.1)
//	C-PIP-02  replies belong to the commands in their order (RFC 2920, Section 3.1)
//	C-PIP-03  no content if every recipient was refused (RFC 2920, Section 3.1)
//	C-PIP-04  a refusal counts although the connection ends behind it (RFC 5321, Section 3.8)
//	C-REP-01  how replies are cut into packets makes no difference (RFC 5321, Section 4.2.1)
//	C-REP-02  a code without a text is a reply (RFC 5321, Section 4.2)
//	C-REP-03  an unknown code means what its first digit says (RFC 5321, Section 4.3.2)
//	C-REP-04  the text of a reply decides nothing (RFC 5321, Section 4.2)
//	C-REP-06  a reply of several codes is not believed (RFC 5321, Section 4.2.1)
//	C-REP-07  a reply without a last line comes to an end (RFC 5321, Section 7.8)
//	C-REP-08  a line without an end comes to an end (RFC 5321, Section 4.5.3.1.5)
//	C-REP-09  a reply that nothing asked for does not stand for another (RFC 5321, Section 4.2)
//	C-REP-10  a final reply that breaks off is no success (RFC 5321, Section 3.8)
//	C-REP-13  421 is a temporary failure and the end of the session (RFC 5321, Section 3.8)
//	C-TLS-01  no sign-in without STARTTLS if TLS is required (RFC 3207, Section 6)
//	C-TLS-02  no sign-in if STARTTLS is answered by anything but 220 (RFC 3207, Section 4)
//	C-TLS-03  replies in clear behind the 220 are not believed (RFC 3207, Section 4.2)
//	C-TLS-06  what was offered before TLS is forgotten within (RFC 3207, Section 4.2)
//	C-TLS-07  no STARTTLS within TLS (RFC 3207, Section 4.2)
//	C-TLS-08  nothing is sent between STARTTLS and the handshake (RFC 3207, Section 4; RFC 8446)
//	C-TLS-09  no sign-in over TLS with a bad certificate (RFC 4954, Section 14)
//	C-TLS-14  a handshake that fails is not followed by a session in clear (RFC 3207, Section 4)
//	C-TMO-01  each wait has a timeout of its own, which can be set (RFC 5321, Section 4.5.3.2)
//	C-TMO-02  by itself, a client waits as long as servers may take (RFC 5321, Section 4.5.3.2)
//	C-TMO-04  a reply that drips ends in time (RFC 5321, Section 4.5.3.2)
//	C-TMO-06  the end of a context ends whatever is going on
//	C-TMO-07  a handshake and a write that get nowhere end in time (RFC 5321, Section 4.5.3.2)
//	C-TXN-01  an address with a control character is refused (RFC 5321, Section 4.1.2)
//	C-TXN-02  no parameter is sent that the server does not offer (RFC 5321, Section 4.1.1.11)
//	C-TXN-03  no content unless the server asks for it (RFC 5321, Section 3.3)
//	C-TXN-04  dots at the starts of lines arrive as they were (RFC 5321, Section 4.5.2)
//	C-TXN-05  no bare CR or LF is sent in content (RFC 5321, Section 2.3.8)
//	C-TXN-06  the end of the message adds nothing to it (RFC 5321, Section 4.1.1.4)
//	C-TXN-07  each recipient has a result of its own (RFC 5321, Section 3.3)
//	C-TXN-08  recipients beyond the server's limit are refused for now (RFC 5321, Section 4.5.3.1.10)
//	C-TXN-09  a message that was refused at its end is not sent again (RFC 5321, Section 4.2.5)
//	C-TXN-10  a message without a final reply is not sent again (RFC 5321, Section 4.5.3.2.6)
//	C-TXN-12  QUIT ends the session, and does not decide about the message (RFC 5321, Section 4.1.1.10)
//	C-TXN-13  no octet above 127 goes to a server without 8BITMIME (RFC 5321, Section 2.4; RFC 6152)
//	C-TXN-14  the null sender is <> (RFC 5321, Section 3.6.3)
//	C-XOA-01  an XOAUTH2 error challenge is answered and reported
//	C-XOA-02  a refused token is replaced once, and never sent again (RFC 7628, Section 5)
//	C-XOA-03  without a token there is no sign-in
//	C-XOA-04  a token that could be more than a token is not sent (RFC 7628, Section 3.1)
//	C-XOA-05  a token is refused by 535 alone (RFC 4954, Section 4)
//
// [Suite.Add] adds cases of your own; their ids begin with "X-".
//
// # Is the suite right?
//
// For each case there is a mutant: a client that is right in all but the one thing
// that the case is about. A test of this package runs every case against every
// mutant. The case fails its own mutant, passes all others and a client without
// defects, and passes no client that does nothing, gives up, or talks without
// listening.
package conformance

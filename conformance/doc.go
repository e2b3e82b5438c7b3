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
// ClientTarget.Network.
//
// # Testing a SASL mechanism
//
// Any [sasl.Mechanism] can be tested, on its own, without a network:
//
//	func TestConformance(t *testing.T) {
//		conformance.RunMechanism(t, conformance.MechanismTarget{
//			Mechanism: xcorp.Mechanism(),
//		})
//	}
//
// Cases M-GEN are for every mechanism. The others are for mechanisms of one name,
// whoever wrote them; a SCRAM-SHA-256 of your own gets those of SCRAM. The suite plays
// the other side: by package sasl if it has a mechanism of the name, else by the other
// side of the mechanism, by MechanismTarget.Server or by vectors. A panic, or a call
// that does not return, fails the case and ends nothing. [MechanismTarget.Probe] is
// the property of a fuzz test.
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
//	C-AUT-03  a token too long for the AUTH line follows it (RFC 4954, Section 4)
//	C-AUT-18  logs and errors hold no secret
//	C-REP-06  a reply of several codes is not believed (RFC 5321, Section 4.2.1)
//	C-TLS-01  no sign-in without STARTTLS if TLS is required (RFC 3207, Section 6)
//	C-TLS-09  no sign-in over TLS with a bad certificate (RFC 4954, Section 14)
//	C-XOA-01  an XOAUTH2 error challenge is answered and reported
//
// M is for mechanisms:
//
//	M-GEN  every mechanism: names, exchanges, secrets, Traits, contexts, hostile peers
//	M-VEC  the vectors of the target, see [ReadMechanismVectors]
//	M-ANO  ANONYMOUS (RFC 4505)
//	M-CRM  CRAM-MD5 (RFC 2195)
//	M-EXT  EXTERNAL (RFC 4422, Appendix A)
//	M-LGN  LOGIN (draft-murchison-sasl-login-00)
//	M-OAB  OAUTHBEARER (RFC 7628)
//	M-PLN  PLAIN (RFC 4616)
//	M-SCR  SCRAM (RFC 5802, RFC 7677, RFC 9266)
//	M-XOA  XOAUTH2
//
// [Suite.Add] adds cases of your own; their ids begin with "X-".
//
// # Is the suite right?
//
// For each case there is a mutant: a client or a mechanism that is right in all but
// the one thing that the case is about. A test of this package runs every case against
// every mutant. The case fails its own mutant and those that Case.AlsoKills names it
// for, passes all others and what has no defects, and passes nobody who does nothing,
// gives up, or talks without listening.
package conformance

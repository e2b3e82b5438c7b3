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
// # Testing a token generator
//
// A generator of OAuth 2.0 access tokens (see sasl.TokenGenerator) is tested
// through a function that makes it, by what a [GeneratorConfig] holds: a URL, an
// HTTP client, a client id and secret, a refresh token. The suite is the
// authority. Most cases last for hours, so each has a testing/synctest bubble and
// a network in memory:
//
//	func TestConformance(t *testing.T) {
//		conformance.RunTokenGenerator(t, synctest.Test, conformance.GeneratorTarget{
//			New: func(ctx context.Context, cfg conformance.GeneratorConfig) (sasl.TokenGenerator, error) {
//				return mytokens.New(cfg.HTTPClient, cfg.TokenURL, cfg.ClientID, cfg.ClientSecret, cfg.RefreshToken), nil
//			},
//		})
//	}
//
// A generator that is not a cache itself fails P-TOK-01 and P-TOK-02, for it would
// ask once for each connection: put a providers.Cache on top. What is not there is
// not held against it:
//
//   - The device flow (P-TOK-06) is tested if there is GeneratorTarget.Device.
//   - Rotation (P-TOK-03) is tested if the generator sends a refresh token, and a
//     new start if it saves anything in GeneratorConfig.Store.
//   - What is preset for a provider (P-TOK-10) is tested if there is
//     GeneratorTarget.Preset, by the requests that it makes.
//   - A generator with an HTTP client of its own takes GeneratorConfig.RootCAs and
//     GeneratorConfig.Dial. If it cannot be given Dial, pass nil instead of
//     synctest.Test: it is tested over TCP on 127.0.0.1, and cases that need virtual
//     time are skipped.
//
// Goroutines that a generator leaves behind have an hour to end, after it was
// closed if it has a method Close() error; a bubble panics if there are any left.
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
// All of it may run inside a testing/synctest bubble if the target's network is
// in memory; then time that it waits takes no time.
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
// nothing is wrong and the client has to deliver the message, or the generator to
// get a token; one that fails there gets "inconclusive", not "pass". Then comes the
// attack, which differs in one thing only, and the client has to be seen to get as
// far as the attack. The verdict rests on what went over the wire and on what the
// client said about it.
// In a test, everything but pass, warn, info and skip is a failure.
//
// # Cases
//
// The id of a case is permanent: it never means anything else, and is never used
// again. C is for clients, P for providers of tokens. [Catalogue] returns all
// cases, with the rule, the procedure and the criterion of each:
//
//	C-AUT-03  a token too long for the AUTH line follows it (RFC 4954, Section 4)
//	C-AUT-18  logs and errors hold no secret
//	C-REP-06  a reply of several codes is not believed (RFC 5321, Section 4.2.1)
//	C-TLS-01  no sign-in without STARTTLS if TLS is required (RFC 3207, Section 6)
//	C-TLS-09  no sign-in over TLS with a bad certificate (RFC 4954, Section 14)
//	C-XOA-01  an XOAUTH2 error challenge is answered and reported
//
//	P-TOK-01  a token is kept until shortly before its expiry (RFC 6749, Section 5.1)
//	P-TOK-02  many callers share one request, and its failure
//	P-TOK-03  a refresh token that is replaced is not used again (RFC 6749, Section 6)
//	P-TOK-04  a consent that has ended is reported, and not tried over and over (RFC 6749, Section 5.2)
//	P-TOK-05  an authority that is busy or out of order is given time (RFC 6585, Section 4)
//	P-TOK-06  the device flow waits as it is told, and stops (RFC 8628, Section 3.5)
//	P-TOK-07  secrets go to the authority and to nobody else (RFC 6749, Section 10.9)
//	P-TOK-08  logs and errors hold no secret
//	P-TOK-09  a token that a server has refused is replaced, once
//	P-TOK-10  what is preset for a provider asks the right host for the right scope
//	P-TOK-11  a context that ends, ends the wait
//
// [Suite.Add] adds cases of your own; their ids begin with "X-".
//
// # Is the suite right?
//
// For each case there is a mutant: a client or a generator that is right in all but
// the one thing that the case is about. A test of this package runs every case
// against every mutant of its kind. The case fails its own mutant, passes all others
// and one without defects, and passes none that does nothing, gives up, or talks
// without listening.
package conformance

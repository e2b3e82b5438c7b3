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
// # Testing a server
//
// A server is tested by its address. The suite has a client of its own for that,
// which sends exact octets and puts nothing right:
//
//	func TestConformance(t *testing.T) {
//		conformance.Run(t, conformance.ServerTarget{
//			Addr:    "smtp://127.0.0.1:587",
//			RootCAs: pool,
//			Account: conformance.Account{
//				User:     conformance.FromEnv("MAIL_USER"),
//				Password: conformance.FromEnv("MAIL_PASSWORD"),
//			},
//		})
//	}
//
// What may be done to a server is little unless more is asked for. Each case
// belongs to tiers, and those of ServerTarget.Tiers are the only ones that run:
//
//	passive       nothing that lasts                          always
//	envelope      transactions that end in RSET               always
//	login         a sign-in with the right credentials        if there is an account
//	failed-login  a sign-in that the server has to refuse     if named
//	delivery      a message to ServerTarget.Sink              if named
//	hostile       octets that no honest client sends          if named
//	slow          minutes, or load                            if named
//
// The last four are refused on a public network unless ServerTarget.IOwn names the
// host; what counts is the address that was dialled. A run sends at most 40
// messages, all to the sink and marked as generated, and lets 3 logins fail. A
// server that is not on loopback is asked 5 connections and 20 commands a second,
// its failed logins are 2 s apart, and there are none any more once it asks for
// patience; if it lets nobody in any more, it is left alone. An account that is
// refused twice in a row is not tried again. Credentials are sent over verified TLS
// or to loopback, come from a [Source], and stand in no report.
//
// The suite first looks at what EHLO lists: without TLS, with it, and after the
// sign-in. Cases that need what is not there are skipped, and ServerTarget.Claims
// are compared with what there is.
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
// # Reports
//
// [WriteJSON] writes a report as [ReportSchema] describes it, [ReadReports] reads it
// back, and [Report.Again] is the suite that runs one of its cases as it was run.
// [WriteJUnit] is for CI systems. [WriteHTML] writes one page that loads nothing, on
// which several targets stand side by side, and [WriteBadge] what a picture is made
// of. Equal reports give equal octets; give Suite.Clock to have times in them. A
// [SecretScan] looks for the secrets of the run in what is to be written, as a last
// line of defense: they were taken out of what the target said before.
//
// All of this is on the command line, too: see postern conform.
//
// # What an outcome means
//
//	pass          the rule was put to the test, and kept
//	fail          a requirement (RFC 2119), or the security of the user, is broken
//	warn          a recommendation is not followed
//	info          neither right nor wrong, but good to know
//	skip          not run, and why; see SkipReason
//	inconclusive  run, but nothing can be said
//	error         the suite itself could not do its part
//	xfail         a fail or warn that Suite.Known names
//	xpass         a pass that Suite.Known names
//
// No case passes because nothing happened. Each begins with a control, in which
// nothing is wrong and the client has to deliver the message, or the generator to
// get a token; one that fails there gets "inconclusive", not "pass". Then comes the
// attack, which differs in one thing only, and the client has to be seen to get as
// far as the attack. The verdict rests on what went over the wire and on what the
// client said about it.
// In a test, everything but pass, warn, info, skip and xfail is a failure.
//
// So it is with servers: the legal twin of what is tested comes first, a session
// ends in QUIT, whose 221 no other command has, so that a reply too many shows, and
// a server that closes the connection or says nothing passes nothing. If it is to
// blame for that, the suite makes sure that it answers somebody else. Only what is
// inconclusive is tried again, at most twice; what has failed never is.
//
// A case that others depend on comes before them, and if it fails, they are
// skipped: one fault is reported once.
//
// # Cases
//
// The id of a case is permanent: it never means anything else, and is never used
// again. It names the kind of target (C client, M mechanism, P provider of tokens, S
// server), an area and a number. [Catalogue] returns all cases, with the rule, the
// procedure and the criterion of each; "postern conform list" prints them.
//
//	C-GRT, C-HEL   greeting and EHLO (RFC 5321)
//	C-AUT          the AUTH command (RFC 4954, RFC 4422, RFC 5802)
//	C-LGN, C-OAB, C-XOA  what is said within it (RFC 7628)
//	C-REP          replies (RFC 5321, Section 4.2)
//	C-PIP          groups of commands (RFC 2920)
//	C-TLS          STARTTLS (RFC 3207) and certificates
//	C-TMO          timeouts (RFC 5321, Section 4.5.3.2) and contexts
//	C-TXN          transactions and content (RFC 5321, RFC 6152)
//	M-GEN          every mechanism: names, exchanges, secrets, Traits, contexts, hostile peers
//	M-VEC          the vectors of the target, see [ReadMechanismVectors]
//	M-ANO          ANONYMOUS (RFC 4505)
//	M-CRM          CRAM-MD5 (RFC 2195)
//	M-EXT          EXTERNAL (RFC 4422, Appendix A)
//	M-LGN          LOGIN (draft-murchison-sasl-login-00)
//	M-OAB          OAUTHBEARER (RFC 7628)
//	M-PLN          PLAIN (RFC 4616)
//	M-SCR          SCRAM (RFC 5802, RFC 7677, RFC 9266)
//	M-XOA          XOAUTH2
//	P-TOK          token generators (RFC 6749; RFC 6585, RFC 8628)
//	S-GRT, S-HEL   greeting and EHLO (RFC 5321; RFC 2554 had AUTH=)
//	S-REP          replies, and codes in them (RFC 3463)
//	S-LIN, S-CRL   lines, and what does not end them (RFC 5321, Section 2.3.8)
//	S-SEQ, S-DAT   transactions and content (RFC 5321)
//	S-TLS          STARTTLS (RFC 3207) and TLS 1.2 or later (RFC 8996)
//	S-AUT          the AUTH command (RFC 4954)
//	S-PLN, S-SCR, S-OAB, S-XOA  what is said within it
//	S-PIP          groups of commands (RFC 2920)
//	S-SEC          no open relay, as a name of RFC 2606 finds out
//
// The suite calls itself by a name of RFC 6761. Profiles are of RFC 6409 and RFC 8314.
//
// [Suite.Add] adds cases of your own; their ids begin with "X-".
//
// # Is the suite right?
//
// For each case there is a mutant: a client, a mechanism, a generator or a server that
// is right in all but the one thing that the case is about. A test of this package runs
// every case against every mutant of its kind. The case fails its own mutant and those
// that Case.AlsoKills names it for, passes all others and what has no defects, and
// passes nobody who does nothing, gives up, says yes to everything, or talks without
// listening.
package conformance

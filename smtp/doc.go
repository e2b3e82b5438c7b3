// Package smtp sends mail through submission servers: it connects, encrypts,
// signs in with any SASL mechanism and hands over the message, and says exactly
// what became of it.
//
// # Sending a message
//
// [Send] does all of it. With a profile, an account and a source of access
// tokens (see package sasl):
//
//	tokens := sasl.TokenString(func(ctx context.Context) (string, error) { ... })
//	result, err := smtp.Send(ctx, smtp.Config{
//		Profile: profile.Gmail(),
//		Auth:    sasl.OAuth("you@gmail.com", tokens),
//	}, smtp.Envelope{From: "you@gmail.com", To: []string{"friend@example.com"}}, smtp.File("mail.eml"))
//
// [Dial] keeps the connection for more messages; see [Client]. [EnvelopeOf]
// takes the envelope from the header of a message.
//
// The message is octets, header and body, made by whatever makes messages:
// [Bytes], [File], [Reader] and [WriterTo] turn them into a [Message].
//
// # Security
//
// The zero [Config] requires TLS and verifies the server's certificate: implicit
// TLS on port 465, STARTTLS on any other. A server, or somebody in between, that
// does not offer STARTTLS gets nothing but QUIT. Whatever was said before the
// handshake is forgotten after it (RFC 3207, Section 4.2), and octets that were
// sent in clear behind the reply to STARTTLS end the connection.
//
// A password or a token leaves only over TLS with a verified certificate, or to
// this very machine. InsecureSkipVerify alone does not let one out, unless
// VerifyConnection verifies in its place; see [sasl.Policy]. Secrets never reach
// a log or an error.
//
// # What became of it
//
// Send returns a [Result] always. The error is one of these, perhaps wrapped:
//
//	*ReplyError           the server refused a command, or the message at its end
//	*PartialError         accepted, but not for all recipients
//	*AuthError            the sign-in failed; Advice says what to do
//	*TokenError           the token generator failed; nothing was sent
//	ErrUncertain          the connection failed before the final reply came
//	ErrEnvelope, ErrMessage, ErrConfig, ErrNotOffered, ErrTooLarge
//	                      nothing was sent, and it is this side's to mend
//	ErrProtocol, ErrBroken, others
//	                      the connection made no sense, or failed
//
// [Classify] sorts them by what can be done, [SafeToRetry] tells whether sending
// again can deliver twice.
//
// # Round trips
//
// From the end of TCP's handshake to the outcome, with TLS 1.3 (RFC 8446), a
// server that offers PIPELINING and any number of recipients:
//
//	implicit TLS, first message    6 (7 if the token does not fit the AUTH command)
//	STARTTLS, first message        8 (9)
//	each further message           2
//
// QUIT is sent and not waited for by Send.
//
// # Time
//
// The end of a context ends whatever is going on, by closing the connection.
// Besides, each phase has a timeout of its own, by default those of RFC 5321,
// Section 4.5.3.2; see [Timeouts]. There is none for a whole message: a large one
// may take as long as it moves.
//
// # Extensions
//
//	SIZE                   RFC 1870
//	PIPELINING             RFC 2920
//	ENHANCEDSTATUSCODES    RFC 2034, RFC 3463
//	STARTTLS               RFC 3207; implicit TLS, RFC 8314; TLS 1.2 or later, RFC 8997
//	AUTH                   RFC 4954
//	8BITMIME               RFC 6152
//	SMTPUTF8               RFC 6531
//
// An extension that a message needs and the server lacks is an error before MAIL:
// nothing is dropped silently. Messages go by DATA where CHUNKING (RFC 3030) is
// offered, too. The base is RFC 5321 and RFC 6409.
package smtp

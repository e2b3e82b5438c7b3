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
// [Pool] sends many messages at once to one account: it bounds connections,
// messages and sign-ins by the profile and by what the server says, slows down
// when asked to, and never sends a message twice.
//
// The message is octets, header and body, made by whatever makes messages:
// [Bytes], [File], [Reader] and [WriterTo] turn them into a [Message].
//
// # Addresses
//
// Config.Addr is a host, with a port or without, or a URL. Without one, it is the
// profile's.
//
//	mail.example.com         STARTTLS on port 587
//	mail.example.com:465     implicit TLS, and so does smtps://mail.example.com
//	smtp://mail.example.com  STARTTLS, or what Config.TLS says
//	lmtp://127.0.0.1:24      LMTP
//	smtp+unix:///run/socket  SMTP over a unix socket
//	lmtp+unix:///run/socket  LMTP over a unix socket
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
//	ErrUncertain          the connection failed before the final reply came:
//	                      Result.Uncertain are those who may have the message
//	ErrEnvelope, ErrMessage, ErrConfig, ErrNotOffered, ErrTooLarge,
//	ErrTooManyRecipients  nothing was sent, and it is this side's to mend
//	ErrSpent              nothing was sent; make another connection
//	ErrPoolClosed, ErrPoolBusy
//	                      nothing was sent
//	*StoppedError         nothing was sent; no sign-in is tried for a while
//	*PhaseError           the connection failed or timed out; Phase says where
//	ErrProtocol           the server made no sense
//	ErrBroken             the connection had failed before; nothing was sent
//
// [Classify] sorts them by what can be done, [SafeToRetry] tells whether sending
// again can deliver twice.
//
// # Round trips
//
// From the end of TCP's handshake to the outcome, with TLS 1.3 (RFC 8446), a
// server that offers PIPELINING and any number of recipients:
//
//	                               by default    with ChunkInFirstGroup
//	implicit TLS, first message    6             5
//	STARTTLS, first message        8             7
//	each further message           2             1
//
// A token that does not fit the AUTH command takes one more, and so does
// Envelope.AllOrNothing by DATA: it waits for the replies about recipients before
// it asks to send. QUIT is sent and not waited for by Send. Groups of commands
// are read while they are written, so that no number of recipients locks up a
// connection.
//
// Config.AuthInGroup saves a Send one more where PLAIN or EXTERNAL signs in: AUTH
// goes with the commands of the message. A server that refuses it gets no content.
//
// TLS sessions are resumed (RFC 8446, Section 2.2), which saves no round trip but
// most of a handshake's work: by a [Dial] that has to connect twice without being
// asked to, and by all connections whose Config.TLSConfig has the same
// ClientSessionCache. A cache belongs to one TLSConfig, because a session that is
// resumed is not verified again against roots; that is why there is none that
// separate calls share by themselves. A client that shows a certificate resumes
// nothing, for it would not be asked for it again.
//
// # Content
//
// Content goes by DATA, and a server that says no gets none of it. With
// Config.Chunking it goes by BDAT, once a recipient is accepted, in chunks of up
// to 256 KiB: no dots to double, and a server may refuse a chunk before it has
// all of a large message. Where the server refuses a chunk, nothing follows it but
// what was on its way, and the last one is sent only if all others are accepted.
// BDAT is not the default because a server that runs the octets of a refused
// chunk as commands would take them from whoever wrote the message; with
// Config.ChunkInFirstGroup even such servers see content before they have
// accepted anything. Envelope.Binary always goes by BDAT.
//
// A message of any size takes the same memory.
//
// # LMTP
//
// With a URL of lmtp:// or lmtp+unix://, the client speaks LMTP (RFC 2033): each
// recipient gets a reply of its own behind the message. Those refused there are in
// Result.Rejected as if they had been refused before, and if the connection fails
// between the replies, Result.Uncertain are those whose reply did not come:
// Result.Accepted have the message for certain, whatever the error is.
//
// # Time
//
// The end of a context ends whatever is going on, by closing the connection.
// Besides, each phase has a timeout of its own, by default those of RFC 5321,
// Section 4.5.3.2; see [Timeouts]. There is none for a whole message: a large one
// may take as long as it moves.
//
// # Looking before sending
//
// [Verify] does what Dial does, step by step, tries a sender and recipients if it
// is asked to, and sends nothing. Its [Report] has each step with its outcome, how
// long it took, what was found (addresses, certificate, extensions, why each
// mechanism would run or not) and what can be done about a failure. It prints as
// a table and marshals to JSON.
//
// # Watching
//
// Config.Logger is told, at level Info, "smtp connected", "smtp message" and "smtp
// closed"; at level Debug also "smtp state", "smtp command" and "smtp reply" with
// octets and times, and "smtp token". Records carry the context of who sends.
//
// Config.Hooks are told more, in a form for traces and metrics: spans for
// connections, sign-ins, tokens and messages, events for name lookups, addresses
// tried, handshakes, commands with their replies, and the progress of large
// messages. See [Hooks]; an example makes spans of them.
//
// Neither sees a secret: lines of a sign-in are counted in octets, challenges are
// left out, and what a server repeats of a sign-in is cut out of its replies.
// Without a Logger and Hooks, none of this costs anything.
//
// # Extensions
//
//	SIZE                   RFC 1870           declared where the size is known
//	PIPELINING             RFC 2920           used where offered
//	CHUNKING, BINARYMIME   RFC 3030           Config.Chunking, Envelope.Binary
//	ENHANCEDSTATUSCODES    RFC 2034, RFC 3463 Reply.Enhanced
//	STARTTLS               RFC 3207           and implicit TLS, RFC 8314; TLS 1.2 or later, RFC 8997
//	DSN                    RFC 3461, RFC 6533 Envelope.Notify, Return, EnvelopeID, Recipients
//	AUTH                   RFC 4954           Config.Auth; AUTH= is Envelope.Submitter
//	8BITMIME               RFC 6152           where the message holds octets above 127
//	SMTPUTF8               RFC 6531, RFC 6532 where a local part is outside ASCII, or Envelope.UTF8
//	REQUIRETLS             RFC 8689           Envelope.RequireTLS
//	LIMITS                 RFC 9422           ErrTooManyRecipients, ErrSpent
//
// An extension that a message needs and the server lacks is an error before MAIL:
// nothing is dropped silently. Domains outside ASCII need none: they go out as
// A-labels (RFC 5891, RFC 3492). The base is RFC 5321 and RFC 6409.
package smtp

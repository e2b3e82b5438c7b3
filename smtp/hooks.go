package smtp

import (
	"context"
	"crypto/tls"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// Hooks are told what a connection does: for traces, metrics and progress bars.
// Any of them may be nil, and a nil *Hooks costs nothing.
//
// Hooks come in two forms. One that returns a function spans something: it is
// called when that begins, the context that it returns is the context of all
// within, and the function, unless it is nil, is called at the end. That context
// is ctx or derived from it; nil means ctx. The others are called once, when what
// they tell of is over or has come. Spans nest like this:
//
//	Queue            waiting for a connection of a Pool
//	Connect          making a connection, until it is signed in
//	  Lookup, Dial
//	  Handshake
//	  Command        EHLO, STARTTLS
//	  Auth           the sign-in
//	    Token        a call of the token generator
//	    Command      AUTH and its continuation
//	Message          a message, on one connection
//	  Command, Progress
//
// All hooks of a connection are called on the goroutine that uses it: that of the
// Dial, Send or Close, or one of its [Pool]. So two of them never run at the same
// time; hooks that several connections share have to be safe for concurrent use.
// The server waits while a hook runs: it must not block. A panic in a hook is one
// of whoever called this package, and ends the connection.
//
// No hook sees a secret. Responses of a sign-in are counted, not shown, and
// challenges neither; other replies have lost what they repeat of the sign-in.
// Addresses of senders and recipients do show.
type Hooks struct {
	// Queue tells that a message has waited for a connection of a [Pool], on the
	// goroutine of its Send. It does so again if that connection is lost before the
	// server began with the message.
	Queue func(ctx context.Context, q Queued)

	// Connect spans making a connection: dialling, TLS and sign-in. A refused
	// token may take two; see [Dial].
	Connect func(ctx context.Context, c Connection) (context.Context, func(Connection, error))

	// Lookup and Dial tell of resolving the server's name and of every address
	// that was tried. With Config.DialContext there is no Lookup and one Dial.
	Lookup func(ctx context.Context, l Lookup)
	Dial   func(ctx context.Context, a DialAttempt)

	// Handshake tells of a TLS handshake.
	Handshake func(ctx context.Context, h Handshake)

	// Auth spans a sign-in with all mechanisms and tokens that it takes.
	Auth func(ctx context.Context, s SignIn) (context.Context, func(SignIn, error))

	// Token spans a call of the token generator. The error is the generator's.
	Token func(ctx context.Context, t TokenFetch) (context.Context, func(TokenFetch, error))

	// Message spans what one connection does about a message. The Result belongs
	// to the caller of Send: it is for reading, until the function returns.
	Message func(ctx context.Context, d Delivery) (context.Context, func(*Result, error))

	// Command tells of a command with its reply, in the order of the replies.
	Command func(ctx context.Context, c Command)

	// Progress tells how much of a message has gone out, after each block of up
	// to 16 KiB.
	Progress func(ctx context.Context, p Progress)

	// State tells that a connection goes from one state to another. The context
	// of the last, StateClosed, is that of the connection's Connect, without its
	// end.
	State func(ctx context.Context, s StateChange)
}

// A Queued is the wait of a message for a connection of a [Pool].
type Queued struct {
	Start    time.Time
	Duration time.Duration
	Connect  bool  // it gets none that there is, but makes one
	Err      error // it gets none at all
}

// A Connection is what is known of a connection. What is not known yet is zero.
type Connection struct {
	Server    string               // as dialled: host:port, or the path of a unix socket
	LMTP      bool                 // LMTP is spoken, not SMTP
	Mode      TLSMode              // never TLSDefault
	Attempt   int                  // 1, or 2 if the first was lost in a renewal
	Local     string               // addresses of the two ends
	Remote    string               //
	TLS       *tls.ConnectionState // nil: there is none
	Mechanism string               // by which it signed in
}

// A Lookup is the resolution of a host name.
type Lookup struct {
	Host     string
	Addrs    []string
	Start    time.Time
	Duration time.Duration
	Err      error
}

// A DialAttempt is the attempt to reach one address.
type DialAttempt struct {
	Network  string // "tcp" or "unix"
	Addr     string // with Config.DialContext, what that was asked for
	Start    time.Time
	Duration time.Duration
	Err      error
}

// A Handshake is a TLS handshake.
type Handshake struct {
	ServerName string               // what the certificate has to be for
	State      *tls.ConnectionState // nil if it failed
	Verified   bool                 // the certificate was checked
	Start      time.Time
	Duration   time.Duration
	Err        error
}

// A SignIn is a sign-in.
type SignIn struct {
	Username string
	// Decisions are what negotiation makes of every mechanism.
	Decisions []sasl.Decision

	// At the end:
	Mechanism  string // that was tried last, "" if none was
	Commands   int    // AUTH commands: more than one after a refused token or mechanism
	RoundTrips int    // lines sent: the commands, responses and cancellations
}

// A TokenFetch is a call of a token generator.
type TokenFetch struct {
	Username string
	Host     string
	Renewal  bool      // the server has refused a token lately
	Expiry   time.Time // at the end; zero: unknown
}

// A Delivery is a message on its way over one connection.
type Delivery struct {
	Connection Connection
	From       string
	To         []string // not to be changed
	Size       int64    // in octets, as it is announced; -1: unknown
}

// A Command is a command, or a line of a sign-in, with its reply.
type Command struct {
	// Verb is as in [ReplyError]: "" for the greeting, which no command asks for,
	// "." for the end of the message, and "AUTH" for every line of a sign-in.
	Verb string
	// Line is the line that was sent, or "AUTH PLAIN [28 octets]" and "[response,
	// 28 octets]" where it would show a secret.
	Line string
	// Octets is how many octets were sent: of the line, or of the content.
	Octets int64
	Start  time.Time
	// Duration is the time from the moment when the line was handed to the
	// network, with others of its group perhaps, to the end of the reply.
	Duration time.Duration
	// Reply is the reply. Its Code is 0 if there was none: it did not come, for the
	// reason that is Err, or it was not waited for, as that to the QUIT of Send. A
	// challenge has no Lines.
	Reply Reply
	Err   error
}

// A Progress is how far the content of a message has come, in octets.
type Progress struct {
	Sent  int64 // handed to the network
	Total int64 // -1: unknown
}

// A StateChange is a step in the life of a connection.
type StateChange struct {
	Connection Connection
	From, To   State
	Err        error // what closed the connection, nil if that was as it should be
}

// A State is a state of a connection. Each is reached once, in this order, but
// for StateReady and StateSending, which take turns; StateClosed may follow any.
type State int

const (
	StateNone       State = iota
	StateConnecting       // a connection is being made
	StateConnected        // it is there, in clear or about to be encrypted
	StateEncrypted        // TLS is up
	StateReady            // greeted and signed in: it takes messages
	StateSending          // a message is on its way
	StateClosed           // for ever
)

var stateNames = [...]string{"none", "connecting", "connected", "encrypted", "ready", "sending", "closed"}

// String returns the name of the state in lower case.
func (s State) String() string {
	if s < 0 || int(s) >= len(stateNames) {
		return "unknown"
	}
	return stateNames[s]
}

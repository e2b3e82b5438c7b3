package sasl

import (
	"context"
	"errors"
	"fmt"
)

// Bounds of an exchange.
const (
	// MaxMessage is the longest message, in octets before base64, that is sent
	// or accepted: what fits the 12288 octets of RFC 4954, Section 4.
	MaxMessage = 9216

	// MaxRounds is how many challenges a server may send.
	MaxRounds = 16
)

// A Transport is a protocol's half of an exchange: package smtp implements it
// over AUTH and 334. Its errors say that the connection failed; what the server
// thinks of the credentials is in the [Reply].
type Transport interface {
	// Auth starts the exchange. A nil initial response is none; an empty one is
	// sent as such. Auth decides whether it fits into the command.
	Auth(ctx context.Context, mechanism string, initial []byte) (Reply, error)
	// Respond answers a challenge. The response may be empty.
	Respond(ctx context.Context, response []byte) (Reply, error)
	// Cancel ends the exchange in place of a response.
	Cancel(ctx context.Context) (Reply, error)
}

// A Reply is the server's answer in an exchange: a challenge, or the end.
type Reply struct {
	// More says that this is a challenge and the server waits for a response.
	More      bool
	Challenge []byte
	// Malformed says that the challenge could not be decoded.
	Malformed bool

	// Verdict is how the exchange ended: nil for success, else an error that
	// matches [ErrRejected] or one of its neighbours.
	Verdict error
}

// An Exchange is one run of one mechanism, made by [Authenticator.Begin]. It is a
// [Client] that bounds what the server can do and ends in Finish. Start is called
// once, then Next for each challenge, then Finish; anything else is [ErrProtocol],
// and so is success before Start. One goroutine may use it at a time.
type Exchange struct {
	ctx           context.Context // of the exchange: hosts have none to hand over
	authenticator *Authenticator
	mechanism     *Mechanism
	client        Client
	token         Token        // what was fetched for it, if anything was
	password      *fingerprint // likewise

	state        exchangeState
	rounds       int
	sent         bool  // a message has been handed over that is not empty
	failure      error // what Start or Next returned
	broken       bool  // the transport failed
	result       error
	tokenRefused bool
}

// An exchangeState says what an Exchange has been through.
type exchangeState int

const (
	exchangeNew exchangeState = iota
	exchangeStarted
	exchangeFinished
)

var _ Client = (*Exchange)(nil)

// Mechanism returns the name of the mechanism.
func (x *Exchange) Mechanism() string { return x.mechanism.Name }

// Start returns the name of the mechanism and its initial response. A nil
// response is none; an empty one is to be sent as such.
func (x *Exchange) Start() (mechanism string, initial []byte, err error) {
	if x.state == exchangeFinished {
		return "", nil, fmt.Errorf("%w: Start after Finish; each sign-in takes a new Exchange", ErrProtocol)
	}
	if initial, err = x.start(); err != nil {
		x.failure = err
		return "", nil, err
	}
	return x.mechanism.Name, initial, nil
}

func (x *Exchange) start() (initial []byte, err error) {
	if x.state == exchangeStarted {
		return nil, fmt.Errorf("%w: Exchange started twice; each sign-in takes a new one", ErrProtocol)
	}
	x.state = exchangeStarted
	if err := ended(x.ctx); err != nil {
		return nil, err
	}
	name, initial, err := x.client.Start()
	switch {
	case err != nil:
		return nil, err
	case name != x.mechanism.Name:
		return nil, fmt.Errorf("%w: mechanism %s calls itself %q", ErrProtocol, x.mechanism.Name, name)
	}
	x.sent = len(initial) > 0
	return initial, checkLength(initial)
}

// Next returns the response to a challenge; it is never nil. After an error, the
// host cancels the exchange and hands the error to Finish.
func (x *Exchange) Next(challenge []byte) ([]byte, error) {
	response, err := x.next(challenge)
	if err != nil {
		x.failure = err
		return nil, err
	}
	return response, nil
}

func (x *Exchange) next(challenge []byte) ([]byte, error) {
	x.rounds++
	switch {
	case x.failure != nil:
		return nil, x.failure
	case x.state == exchangeFinished:
		return nil, fmt.Errorf("%w: challenge after the end of the exchange", ErrProtocol)
	case x.state == exchangeNew:
		return nil, fmt.Errorf("%w: challenge before the exchange was started", ErrProtocol)
	case x.rounds > MaxRounds:
		return nil, fmt.Errorf("%w: more than %d challenges", ErrProtocol, MaxRounds)
	case len(challenge) > MaxMessage:
		return nil, fmt.Errorf("%w: challenge longer than %d octets", ErrProtocol, MaxMessage)
	}
	if err := ended(x.ctx); err != nil {
		return nil, err
	}
	response, err := x.client.Next(challenge)
	if err != nil {
		return nil, err
	}
	if response == nil {
		response = []byte{} // nil means "done" to some hosts, while the server waits
	}
	x.sent = x.sent || len(response) > 0
	return response, checkLength(response)
}

func checkLength(message []byte) error {
	if len(message) > MaxMessage {
		return fmt.Errorf("%w: message of %d octets is longer than the %d that servers have to accept",
			ErrBadCredentials, len(message), MaxMessage)
	}
	return nil
}

// Finish ends the exchange and returns its result. verdict is what the host was
// told: nil for success, else its error. A nil result means that the server
// accepted the credentials and, if the mechanism asks for it, proved itself.
//
// Finish may be called more than once; the first verdict counts.
func (x *Exchange) Finish(verdict error) error {
	if x.state == exchangeFinished {
		return x.result
	}
	started := x.state == exchangeStarted
	x.state = exchangeFinished
	verdict = classified(verdict)
	if !started { // nothing was sent, so nothing was accepted or refused
		if x.result = verdict; verdict == nil {
			x.result = fmt.Errorf("%w: success reported for an exchange that was never started", ErrProtocol)
		}
		return x.result
	}
	x.result = x.finish(verdict)
	x.remember()
	return x.result
}

// remember tells the Authenticator what the server thought of token or password.
func (x *Exchange) remember() {
	a := x.authenticator
	judged := x.result != nil && !x.broken && x.failure == nil
	if !x.token.Value.IsZero() {
		if x.result == nil {
			a.refusals.accepted(x.token)
		} else if judged && isRefusal(x.result) {
			x.tokenRefused = true
			a.refusals.add(x.token, x.result)
		}
	}
	if x.password != nil {
		if x.result == nil {
			a.passwords.accepted(*x.password)
		} else if judged && refusesPassword(x.result) {
			a.passwords.add(*x.password, x.result)
		}
	}
}

// mechanismRefused reports whether the exchange ended because the server would not
// run the mechanism, so that another may do. What failed on this side is final, and
// what the server did not prove. So is a password that has been sent in a way that
// shows it: the next mechanism would only show it again.
func (x *Exchange) mechanismRefused() bool {
	switch {
	case !errors.Is(x.result, ErrMechanismRefused), errors.Is(x.result, ErrNotPermitted),
		errors.Is(x.result, ErrProtocol), errors.Is(x.result, ErrServerUnverified):
		return false
	case x.broken, x.failure != nil:
		return false
	}
	named := new(SCRAMError)
	if errors.As(x.result, &named) { // the server did run it
		return false
	}
	return !x.sent || x.password == nil || x.mechanism.Traits.Has(Concealed)
}

func (x *Exchange) finish(verdict error) error {
	if x.failure != nil {
		switch {
		case verdict == nil && errors.Is(x.failure, ErrProtocol): // the host went on, or the server did
			return fmt.Errorf("%w; success was reported all the same", x.failure)
		case verdict == nil:
			return fmt.Errorf("%w: success reported for an exchange that had failed: %w", ErrProtocol, x.failure)
		case errors.Is(verdict, x.failure):
			return verdict
		}
		return join(x.failure, verdict)
	}
	if f, ok := x.client.(Finisher); ok {
		return f.Finish(verdict)
	}
	return verdict
}

// run drives the exchange over t to its end.
func (x *Exchange) run(ctx context.Context, t Transport) error {
	name, initial, err := x.Start()
	if err != nil {
		return err // nothing was sent
	}
	reply, err := t.Auth(ctx, name, initial)
	for err == nil && reply.More {
		var response []byte
		if response, err = x.answer(reply); err != nil {
			return x.cancel(ctx, t, err)
		}
		reply, err = t.Respond(ctx, response)
	}
	if err != nil {
		x.broken = true
		return x.Finish(err)
	}
	return x.Finish(reply.Verdict)
}

// answer is Next for a challenge that may have been malformed.
func (x *Exchange) answer(reply Reply) ([]byte, error) {
	if reply.Malformed {
		if _, ok := x.client.(promptIgnorer); !ok {
			x.failure = fmt.Errorf("%w: challenge is not base64", ErrProtocol)
			return nil, x.failure
		}
	}
	return x.Next(reply.Challenge)
}

// bindingRefused returns the channel binding that the server does not know, ""
// if that is not how the exchange ended or the connection is lost.
func (x *Exchange) bindingRefused() string {
	c, ok := x.client.(*scramClient)
	if !ok || x.broken || x.failure != nil || errors.Is(x.result, ErrUnavailable) {
		return ""
	}
	return c.bindingRefused()
}

// A promptIgnorer is a Client to which challenges are prompts without meaning.
type promptIgnorer interface{ ignoresPrompts() }

// cancel ends an exchange that has failed on this side.
func (x *Exchange) cancel(ctx context.Context, t Transport, failure error) error {
	reply, err := t.Cancel(ctx)
	switch {
	case err != nil:
		x.broken = true
		return x.Finish(err)
	case reply.More:
		return x.Finish(fmt.Errorf("%w: another challenge after the exchange was cancelled", ErrProtocol))
	case reply.Verdict == nil: // RFC 4954, Section 4: it has to be refused
		return x.Finish(nil)
	}
	return x.Finish(join(failure, reply.Verdict))
}

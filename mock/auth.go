package mock

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/seed-55a66e92/postern/internal/wire"
	"github.com/seed-55a66e92/postern/sasl"
)

// auth implements AUTH (RFC 4954, Section 4).
func (s *session) auth(argument string) {
	name, initial, hasInitial := strings.Cut(argument, " ")
	m, offered := s.mechanism(name)
	if s.ahead() > 0 && !(hasInitial && m.Traits.Has(sasl.OneRoundTrip)) {
		s.violation("octets behind AUTH, which must be the last of its group (RFC 4954, Section 4)")
	}
	ctx, cancel := context.WithCancel(s.srv.ctx)
	defer cancel()
	a := &authDialogue{session: s, ctx: ctx, mechanism: m, point: "AUTH", misread: s.astray, bad: s.mayAuth(name, offered)}
	a.answer(func() reply {
		if a.bad != nil {
			a.blameCommand(name)
			return *a.bad
		}
		a.judgeMechanism()
		response, err := decodeInitial(initial, hasInitial)
		if err != nil {
			return a.blamed(a.point, invalidBase64())
		}
		return a.start(response)
	})
	a.run()
}

// mechanism returns an offered mechanism.
func (s *session) mechanism(name string) (sasl.Mechanism, bool) {
	for _, m := range s.mechanisms() {
		if strings.EqualFold(m.Name, name) {
			return m, true
		}
	}
	return sasl.Mechanism{}, false
}

// mayAuth returns the refusal of an AUTH command that must not run now.
func (s *session) mayAuth(name string, offered bool) *reply {
	r := reply{504, "5.5.4", []string{"Mechanism not offered"}, nil}
	switch {
	case !s.extended:
		r = badSequence("EHLO first")
	case s.srv.opts.has("AUTH") && !s.srv.opts.InsecureAuth && s.offersSTARTTLS():
		r = reply{530, "5.7.0", []string{"Must issue a STARTTLS command first"}, nil}
	case len(s.mechanisms()) == 0:
		r = unknown("AUTH")
	case s.signedIn.mechanism != "":
		r = badSequence("Signed in already")
	case s.tx != nil:
		r = badSequence("Not within a transaction")
	case name == "":
		r = syntaxError("Syntax: AUTH mechanism [initial response]")
	case offered:
		return nil
	}
	return &r
}

// decodeInitial returns an initial response: nil if there is none, and empty,
// not nil, for "=".
func decodeInitial(text string, present bool) ([]byte, error) {
	switch {
	case !present:
		return nil, nil
	case text == "=":
		return []byte{}, nil
	case text == "":
		return nil, wire.ErrBase64
	}
	return wire.DecodeBase64([]byte(text))
}

func invalidBase64() reply { return reply{501, "5.5.2", []string{"Invalid base64"}, nil} }

// An authDialogue is what follows one AUTH command.
type authDialogue struct {
	*session
	ctx       context.Context // bounds it
	mechanism sasl.Mechanism
	bad       *reply      // why the command must not run; nil if it may
	server    sasl.Server // nil before its start
	point     string      // where the latest line of the client is answered
	rounds    int
	misread   bool   // a fault has come in between
	refused   bool   // the latest challenge says that the token is refused
	done      bool   // the server side has succeeded and had more to say
	who       signIn // whom it has signed in
}

// start begins the server side of the mechanism.
func (a *authDialogue) start(initial []byte) reply {
	d := a.srv.directory(a.mechanism.Name)
	err := a.guard(func() (err error) {
		a.server, err = a.mechanism.NewServer(a.ctx, a.saslConn(), d)
		return err
	})
	if err != nil {
		return a.refusal(err)
	}
	return a.next(initial)
}

// run reads responses as long as the server has asked for one. The points AUTH/2
// and so on are where it answers.
func (a *authDialogue) run() {
	for round := 2; a.last == 334 && !a.over; round++ {
		a.settle()
		line, long, err := a.readLine()
		if err != nil {
			a.fail(fmt.Errorf("within AUTH: %w", err))
			return
		}
		a.point = fmt.Sprintf("AUTH/%d", round)
		a.rec.command(a.point, legibleResponse(line))
		a.answer(func() reply { return a.respond(line, long) })
	}
	a.rec.auth(a.mechanism.Name, a.who.user, a.last)
}

// answer lets the server answer at the present point, faults permitting.
func (a *authDialogue) answer(answer func() reply) {
	misread := a.misread
	a.misread = true // unless the server answers itself
	a.at(a.point, func() reply {
		a.misread = misread
		return answer()
	})
}

// respond answers one line of the client.
func (a *authDialogue) respond(line []byte, long bool) reply {
	switch {
	case long:
		return a.blamed(a.point, reply{500, "5.5.6", []string{"Authentication exchange line is too long"}, nil})
	case string(line) == "*":
		return reply{501, "5.7.0", []string{"Authentication canceled"}, nil}
	}
	response, err := wire.DecodeBase64(line)
	if err != nil {
		return a.blamed(a.point, invalidBase64())
	}
	a.judgeFarewell(response)
	switch {
	case a.bad != nil: // a fault has let it come so far
		return *a.bad
	case a.server == nil: // the challenge was a fault's
		return a.start(response)
	case a.done && len(response) > 0:
		return a.blamed(a.point, reply{501, "5.5.2", []string{"Response to the last challenge is not empty"}, nil})
	case a.done:
		return a.succeed()
	}
	return a.next(response)
}

// next hands a response to the mechanism and returns what it makes of it.
func (a *authDialogue) next(response []byte) reply {
	if a.rounds++; a.rounds > sasl.MaxRounds {
		return reply{501, "5.7.0", []string{"Too many rounds"}, nil}
	}
	var challenge []byte
	err := a.guard(func() (err error) {
		challenge, a.done, err = a.server.Next(response)
		return err
	})
	switch {
	case err != nil:
		return a.refusal(err)
	case a.done && len(challenge) == 0:
		return a.succeed()
	}
	// SMTP has no place for data with success: it goes into one more challenge,
	// which the client answers by an empty response (RFC 4422, Section 3.8).
	a.refused = len(challenge) > 0 && takesTokens(a.mechanism.Name)
	return reply{334, "", []string{string(wire.EncodeBase64(nil, challenge))}, nil}
}

func (a *authDialogue) succeed() reply {
	who := signIn{mechanism: a.mechanism.Name}
	err := a.guard(func() error {
		if id, ok := a.server.(sasl.Identifier); ok {
			who.user, who.actingAs = id.Identity()
		}
		return nil
	})
	if err != nil {
		return a.refusal(err)
	}
	if refusal := a.admit(who); refusal != nil {
		return *refusal
	}
	a.who, a.signedIn = who, who
	return reply{235, "2.7.0", []string{"Signed in"}, nil}
}

// errPanic says that a mechanism panicked.
var errPanic = errors.New("mock: mechanism panicked")

// guard calls a mechanism that may be anybody's.
func (a *authDialogue) guard(call func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			a.rec.failure(fmt.Sprintf("mechanism %s panicked: %s", a.mechanism.Name, panicText(r)), true)
			err = errPanic
		}
	}()
	return call()
}

// panicText says what a mechanism panicked with, but for words of its own: they
// may hold what it was working on.
func panicText(value any) string {
	if err, ok := value.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a value of type %T", value)
}

// refusal returns the reply that an error of a mechanism stands for. The error may
// be anybody's, too.
func (a *authDialogue) refusal(err error) (r reply) {
	failed := a.guard(func() error {
		r = a.refusalOf(err)
		return nil
	})
	if failed != nil {
		return a.refusalOf(failed)
	}
	return r
}

// refusalOf is refusal, and may panic as the error does.
func (a *authDialogue) refusalOf(err error) reply {
	var own *ReplyError
	switch {
	case errors.Is(err, errPanic):
		return reply{421, "4.3.0", []string{"Mechanism failed, closing connection"}, a.end}
	case errors.As(err, &own):
		return a.ownRefusal(own)
	case errors.Is(err, sasl.ErrUnavailable):
		return reply{421, "4.3.2", []string{"Service not available, closing connection"}, a.end}
	case errors.Is(err, sasl.ErrNotPermitted):
		return reply{550, "5.7.1", []string{"Account may not sign in this way"}, nil}
	case errors.Is(err, sasl.ErrMechanismRefused):
		return reply{534, "5.7.9", []string{"Mechanism is too weak for this account"}, nil}
	case errors.Is(err, sasl.ErrRejected):
		return reply{535, "5.7.8", []string{"Credentials refused"}, nil}
	case errors.Is(err, sasl.ErrProtocol):
		return a.blamed(a.point, reply{501, "5.5.2", []string{"Malformed message"}, nil})
	}
	return notNow()
}

// notNow says nothing about the credentials.
func notNow() reply { return reply{454, "4.7.0", []string{"Temporary authentication failure"}, nil} }

// ownRefusal returns the reply of a [ReplyError]. One that is no refusal, or more
// than one reply, is not sent: it is a fault of who made it.
func (a *authDialogue) ownRefusal(own *ReplyError) reply {
	if err := own.check(); err != nil {
		a.rec.failure(err.Error(), true)
		return notNow()
	}
	r := reply{own.Code, own.Enhanced, own.Text, nil}
	if own.Code == 421 {
		r.then = a.end
	}
	return r
}

// legibleAuth returns an AUTH command for the transcript. A word that is not the
// name of a mechanism may be a secret in the wrong place.
func (s *session) legibleAuth(line string) string {
	_, argument, _ := strings.Cut(line, " ")
	name, rest, more := strings.Cut(argument, " ")
	m, known := s.srv.opts.Registry.Lookup(name)
	switch {
	case argument == "":
		return "AUTH"
	case !known:
		return "AUTH " + redacted(len(argument))
	case !more:
		return "AUTH " + m.Name
	case rest == "=":
		return "AUTH " + m.Name + " ="
	}
	return "AUTH " + m.Name + " " + redacted(len(rest))
}

// legibleResponse returns a response for the transcript.
func legibleResponse(line []byte) string {
	if len(line) == 0 || string(line) == "*" {
		return string(line)
	}
	return redacted(len(line))
}

package sasl

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// A scramServer is the server side of one exchange. Unknown users go through the
// whole of it, with a salt and iterations as others have, and fail at the proof.
// The error unknown-user is never sent.
type scramServer struct {
	identity
	*scram
	ctx       context.Context
	conn      *Conn
	directory Directory

	step    scramServerStep
	first   clientFirst
	binding []byte
	sent    string // server-first-message
	nonce   string // of both
	account Account
	known   bool // the account is there and has something to check
	key     StoredKey
	failure error // of which the client has been told the name
}

// A scramServerStep is what a server waits for.
type scramServerStep int

const (
	scramServerStart  scramServerStep = iota // the client's first message, perhaps after an empty challenge
	scramServerFirst                         // the client's first message
	scramServerFinal                         // the client's final message
	scramServerAck                           // the empty answer to the last message
	scramServerFailed                        // whatever the client answers to an error
	scramServerOver
)

var (
	_ Server     = (*scramServer)(nil)
	_ Identifier = (*scramServer)(nil)
)

func (s *scramServer) Next(response []byte) (challenge []byte, done bool, err error) {
	step := s.step
	s.step = scramServerOver
	switch step {
	case scramServerStart, scramServerFirst:
		if response == nil && step == scramServerStart {
			s.step = scramServerFirst
			return []byte{}, false, nil
		}
		if len(response) == 0 {
			return nil, false, malformed("empty")
		}
		challenge, err = s.answerFirst(string(response))
	case scramServerFinal:
		challenge, err = s.answerFinal(string(response))
	case scramServerAck:
		if len(response) > 0 {
			return nil, false, malformed("want an empty response to the last message")
		}
		s.done = true
		return nil, true, nil
	case scramServerFailed:
		return nil, false, s.failure
	default:
		return nil, false, errAfterEnd()
	}
	var fault *scramFault
	if errors.As(err, &fault) {
		s.step, s.failure = scramServerFailed, fault
		return []byte("e=" + fault.value), false, nil
	}
	return challenge, false, err
}

// A scramFault is an error that the client is told by name.
type scramFault struct {
	value string
	kind  error
	text  string
}

func (f *scramFault) Error() string { return fmt.Sprintf("%v: %s (%s)", f.kind, f.text, f.value) }
func (f *scramFault) Unwrap() error { return f.kind }

// badClient is a message that breaks the rules.
func badClient(value, text string) error { return &scramFault{value, ErrProtocol, text} }

// answerFirst takes client-first-message and returns server-first-message.
func (s *scramServer) answerFirst(message string) ([]byte, error) {
	var err error
	if s.first, err = parseClientFirst(message); err != nil {
		return nil, err
	}
	if err := s.checkFlag(); err != nil {
		return nil, err
	}
	name, err := s.opts.Prepare(s.first.username)
	if err != nil || name == "" {
		return nil, badClient(scramInvalidName, "user name cannot be prepared")
	}
	s.first.username = name
	if err := s.lookUp(); err != nil {
		return nil, err
	}
	s.nonce = s.first.nonce + s.scram.nonce()
	salt := wire.EncodeBase64(nil, s.key.Salt)
	s.sent = "r=" + s.nonce + ",s=" + string(salt) + ",i=" + strconv.Itoa(s.key.Iterations)
	s.step = scramServerFinal
	return []byte(s.sent), nil
}

// checkFlag is RFC 5802, Section 6: what the client says of channel binding has
// to fit the mechanism and what the server offers.
func (s *scramServer) checkFlag() error {
	switch {
	case s.first.flag == "y" && (s.plus || offersBinding(s.conn)):
		return &scramFault{scramServerBinds, ErrRejected, "the client did not see the offer of channel binding"}
	case s.first.flag == "n" && s.plus:
		return badClient(scramOther, "channel binding negotiated but not used")
	case s.first.flag != "p":
		return nil
	case !s.plus:
		return &scramFault{scramNoBinding, ErrRejected, "channel binding used but not negotiated"}
	}
	data, err := s.serverBinding(s.first.bindingType)
	if err != nil {
		return &scramFault{scramBindingUnsupported, ErrRejected, err.Error()}
	}
	s.binding = data
	return nil
}

func (s *scramServer) serverBinding(typ string) ([]byte, error) {
	switch {
	case s.opts.Bindings != nil && !slices.Contains(s.opts.Bindings, typ):
		return nil, errors.New("sasl: channel binding is not in SCRAMOptions.Bindings")
	case typ == bindingEndPoint && s.conn.ServerCertificate == nil:
		return nil, errors.New("sasl: Conn.ServerCertificate is not set")
	}
	return s.bind(s.conn, typ)
}

// saltLength is how long the salts are that this package makes, in octets.
const saltLength = 16

// lookUp fetches the account and the salt and iterations to tell the client.
func (s *scramServer) lookUp() error {
	account, err := lookup(s.ctx, s.directory, s.first.username)
	if err != nil && !errors.Is(err, ErrRejected) {
		return &scramFault{scramNoResources, ErrTemporary, err.Error()}
	}
	key, stored := account.SCRAM[s.name]
	switch {
	case stored && !key.valid(s.hash):
		return &scramFault{scramNoResources, ErrTemporary, "stored key is not one of " + s.name}
	case stored:
		s.key = key
	default:
		s.key = StoredKey{Salt: s.salt(), Iterations: defaultIterations}
	}
	s.account = account
	s.known = err == nil && (stored || !account.Password.IsZero())
	return nil
}

// salt returns the salt of a user without one, be he known or not: always the
// same, with -PLUS and without, and without a meaning to who does not have the key.
// Each hash has another one, as stored keys have.
func (s *scramServer) salt() []byte {
	return sign(sha256.New, []byte(s.opts.SaltKey.Reveal()), s.name+","+s.first.username)[:saltLength]
}

// answerFinal takes client-final-message and returns server-final-message.
func (s *scramServer) answerFinal(message string) ([]byte, error) {
	final, err := parseClientFinal(message)
	switch {
	case err != nil:
		return nil, err
	case final.nonce != s.nonce:
		return nil, badClient(scramOther, "nonce is not the one of this exchange")
	case string(final.binding) != s.first.header+string(s.binding):
		return nil, &scramFault{scramBindingsDiffer, ErrRejected, "the client sees another TLS connection or header"}
	}
	if err := s.deriveKey(); err != nil {
		return nil, err
	}
	authMessage := s.first.bare + "," + s.sent + "," + final.withoutProof
	if !s.proves(final.proof, authMessage) || !s.known {
		return nil, &scramFault{scramInvalidProof, ErrRejected, "unknown user or wrong password"}
	}
	if !s.account.mayActAs(s.first.username, s.first.authzid) {
		return nil, &scramFault{scramOther, ErrRejected, "may not act as the authorization identity"}
	}
	s.authn, s.authz = s.first.username, s.first.authzid
	s.step = scramServerAck
	signature := sign(s.hash, []byte(s.key.ServerKey.Reveal()), authMessage)
	return wire.EncodeBase64([]byte("v="), signature), nil
}

// deriveKey derives the key of an account that has a password and no key. For an
// unknown user it takes as long.
func (s *scramServer) deriveKey() error {
	if !s.key.StoredKey.IsZero() {
		return nil
	}
	password, err := s.opts.Prepare(s.account.Password.Reveal())
	if err != nil {
		return &scramFault{scramNoResources, ErrTemporary, "password cannot be prepared"}
	}
	keys, err := s.derive(s.ctx, s.hash, password, s.key.Salt, s.key.Iterations)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTemporary, err)
	}
	s.key = keys.stored(s.hash, s.key.Salt, s.key.Iterations)
	return nil
}

// proves reports whether the proof is that of the key (RFC 5802, Section 3).
func (s *scramServer) proves(proof []byte, authMessage string) bool {
	stored := []byte(s.key.StoredKey.Reveal())
	if len(proof) != len(stored) {
		return false
	}
	clientKey := xor(proof, sign(s.hash, stored, authMessage))
	return hmac.Equal(digest(s.hash, clientKey), stored)
}

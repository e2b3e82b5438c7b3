package sasl

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// A scramClient is the client side of one exchange.
type scramClient struct {
	*scram
	ctx      context.Context
	cache    *scramCache
	password Secret // prepared
	advise   bool   // PLAIN might do where SCRAM does not

	header      string // the GS2 header (RFC 5802, Section 7)
	bindingType string
	binding     []byte
	nonce       string
	bare        string // client-first-message-bare

	step      scramStep
	proof     Secret
	signature Secret // the server's, as it has to be
	refused   *SCRAMError
}

// A scramStep is what a client waits for.
type scramStep int

const (
	scramWantsFirst   scramStep = iota // server-first-message
	scramWantsFinal                    // server-final-message
	scramWantsVerdict                  // the server has proved itself
	scramWantsRefusal                  // the server has named an error
	scramWantsNothing                  // the exchange has failed here
)

var (
	_ Client   = (*scramClient)(nil)
	_ Finisher = (*scramClient)(nil)
)

func (s *scram) newClient(ctx context.Context, conn *Conn, c *Credentials) (Client, error) {
	password, err := c.FetchPassword(ctx)
	if err != nil {
		return nil, err
	}
	prepared, err := s.opts.Prepare(password.Reveal())
	if err != nil || prepared == "" { // what Prepare says may hold the password
		return nil, fmt.Errorf("%w: password cannot be prepared", ErrBadCredentials)
	}
	username, err := s.opts.Prepare(c.Username)
	if err != nil || username == "" {
		return nil, fmt.Errorf("%w: user name cannot be prepared", ErrBadCredentials)
	}
	client := &scramClient{
		scram:    s,
		ctx:      ctx,
		cache:    c.scram.cache,
		password: NewSecret(prepared),
		advise:   !c.scram.pinned && conn.Offers("PLAIN") && (conn.Verified && conn.TLS != nil || conn.Loopback),
		nonce:    s.nonce(),
	}
	flag, err := client.chooseBinding(conn, c.scram)
	if err != nil {
		return nil, err
	}
	client.header = flag + ","
	if c.AuthzID != "" {
		client.header += "a=" + escapeSaslname(c.AuthzID)
	}
	client.header += ","
	client.bare = "n=" + escapeSaslname(username) + ",r=" + client.nonce
	return client, nil
}

// chooseBinding returns the flag of the GS2 header (RFC 5802, Section 6). With y
// a server that does offer channel binding learns that somebody has changed the
// list of its mechanisms. A name with -PLUS that nobody here could run does not
// keep it from learning that: anybody can put one into the list.
func (c *scramClient) chooseBinding(conn *Conn, hints scramHints) (flag string, err error) {
	typ, data, err := c.scram.binding(conn, hints.refused)
	switch {
	case c.plus && err != nil:
		return "", err
	case c.plus:
		c.bindingType, c.binding = typ, data
		return "p=" + typ, nil
	case err == nil && hints.bindingHidden(conn, c.fullName()+plusSuffix):
		return "y", nil
	}
	return "n", nil
}

func (c *scramClient) Start() (string, []byte, error) {
	return c.fullName(), []byte(c.header + c.bare), nil
}

func (c *scramClient) Next(challenge []byte) ([]byte, error) {
	step := c.step
	c.step = scramWantsNothing
	if step != scramWantsFirst && step != scramWantsFinal {
		return nil, fmt.Errorf("%w: challenge after the end of the exchange", ErrProtocol)
	}
	if value, ok := serverError(string(challenge)); ok {
		return c.refuse(value), nil
	}
	if step == scramWantsFirst {
		return c.prove(string(challenge))
	}
	return c.verify(string(challenge))
}

// refuse answers an error, so that the server goes on to its final reply.
func (c *scramClient) refuse(value string) []byte {
	for _, secret := range []Secret{c.password, c.proof} {
		value = wire.Redact(value, secret.Reveal())
	}
	value = fmt.Sprintf("%.64s", printable(value))
	c.refused = &SCRAMError{Mechanism: c.fullName(), Value: value}
	c.step = scramWantsRefusal
	return []byte{}
}

// prove answers the first message of the server with the proof.
func (c *scramClient) prove(message string) ([]byte, error) {
	first, err := parseServerFirst(message, c.nonce)
	if err != nil {
		return nil, err
	}
	if err := c.checkCost(first.iterations); err != nil {
		return nil, err
	}
	keys, err := c.keys(first)
	if err != nil {
		return nil, err
	}
	binding := wire.EncodeBase64(nil, append([]byte(c.header), c.binding...))
	withoutProof := "c=" + string(binding) + ",r=" + first.nonce
	authMessage := c.bare + "," + message + "," + withoutProof

	clientKey := []byte(keys.client.Reveal())
	signature := sign(c.hash, digest(c.hash, clientKey), authMessage)
	proof := wire.EncodeBase64(nil, xor(clientKey, signature))
	c.proof = NewSecret(string(proof))
	c.signature = NewSecret(string(sign(c.hash, []byte(keys.server.Reveal()), authMessage)))
	c.step = scramWantsFinal
	return append([]byte(withoutProof+",p="), proof...), nil
}

// checkCost refuses a number of iterations before the first of them.
func (c *scramClient) checkCost(iterations int) error {
	switch {
	case iterations < c.opts.MinIterations:
		return fmt.Errorf("%w: server asks for %d iterations, fewer than the %d of SCRAMOptions.MinIterations",
			ErrProtocol, iterations, c.opts.MinIterations)
	case iterations > c.opts.MaxIterations:
		return fmt.Errorf("%w: server asks for %d iterations, more than the %d of SCRAMOptions.MaxIterations",
			ErrProtocol, iterations, c.opts.MaxIterations)
	}
	return nil
}

func (c *scramClient) keys(first serverFirst) (scramKeys, error) {
	password := c.password.Reveal()
	keys, err := c.cache.keys(c.ctx, c.name, password, first.salt, first.iterations, func() (scramKeys, error) {
		return c.derive(c.ctx, c.hash, password, first.salt, first.iterations)
	})
	if err != nil {
		return scramKeys{}, fmt.Errorf("sasl: key derivation of %d iterations: %w", first.iterations, err)
	}
	return keys, nil
}

// verify checks the server's proof.
func (c *scramClient) verify(message string) ([]byte, error) {
	signature, err := parseServerFinal(message)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(signature, []byte(c.signature.Reveal())) {
		return nil, fmt.Errorf("%w: its signature is wrong", ErrServerUnverified)
	}
	c.step = scramWantsVerdict
	return []byte{}, nil
}

// Finish accepts success only from a server that has proved itself.
func (c *scramClient) Finish(verdict error) error {
	switch {
	case c.refused != nil && verdict == nil:
		return fmt.Errorf("%w: success after the error %q", ErrProtocol, c.refused.Value)
	case verdict == nil && c.step != scramWantsVerdict:
		return fmt.Errorf("%w: success before its signature", ErrServerUnverified)
	case verdict == nil:
		return nil
	}
	if c.advise && c.step != scramWantsVerdict && isRefusedPassword(verdict) && (c.refused == nil || c.refused.refusesPassword()) {
		verdict = withoutSCRAMSecret(c.name, verdict)
	}
	if c.refused == nil {
		return verdict
	}
	if c.refused.Err == nil { // as in oauthClient.Finish
		c.refused.Err = verdict
	}
	return c.refused
}

func isRefusedPassword(verdict error) bool {
	return errors.Is(verdict, ErrRejected) && !errors.Is(verdict, ErrNotPermitted)
}

// bindingRefused returns the channel binding that the server would not have, ""
// if that is not how the exchange ended.
func (c *scramClient) bindingRefused() string {
	if c.refused == nil || c.refused.Err == nil || c.refused.Value != scramBindingUnsupported {
		return ""
	}
	return c.bindingType
}

package sasl

import (
	"context"
	"errors"
	"fmt"
)

// What the server sides share. They parse for themselves: a mistake in a client
// must not be one that its server shares.

// identity is the result of a server side.
type identity struct {
	authn, authz string
	done         bool
}

// Identity implements [Identifier].
func (i *identity) Identity() (authn, authz string) {
	if !i.done {
		return "", ""
	}
	return i.authn, i.authz
}

// errAfterEnd answers a response to an exchange that is over.
func errAfterEnd() error {
	return fmt.Errorf("%w: response after the end of the exchange", ErrProtocol)
}

func malformed(what string) error { return fmt.Errorf("%w: malformed message: %s", ErrProtocol, what) }

// A messageServer is the server of a mechanism in which the client has one thing to
// say: with its initial response or, if there is none, when it is asked for it by
// an empty challenge.
type messageServer struct {
	identity
	// judge says who has signed in by a message, which is not nil.
	judge func(message []byte) (authn, authz string, err error)
	asked bool
	over  bool
}

var (
	_ Server     = (*messageServer)(nil)
	_ Identifier = (*messageServer)(nil)
)

func (s *messageServer) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case s.over:
		return nil, false, errAfterEnd()
	case response == nil && !s.asked:
		s.asked = true
		return []byte{}, false, nil
	}
	s.over = true
	if response == nil {
		return nil, false, malformed("there is none")
	}
	authn, authz, err := s.judge(response)
	if err != nil {
		return nil, false, err
	}
	s.identity = identity{authn, authz, true}
	return nil, true, nil
}

// signInByPassword checks a password and the right to act as authz.
func signInByPassword(ctx context.Context, d Directory, authn, authz, password string) error {
	account, err := lookup(ctx, d, authn)
	if err != nil && !errors.Is(err, ErrRejected) {
		return err
	}
	// An unknown user costs the same comparison as a wrong password.
	good := account.Password.Equal(NewSecret(password)) && !account.Password.IsZero()
	if err != nil || !good {
		return fmt.Errorf("%w: unknown user or wrong password", ErrRejected)
	}
	return account.allow(authn, authz)
}

// signInByToken checks a token. An *OAuthError means an error challenge.
func signInByToken(ctx context.Context, d Directory, authn, token string) error {
	account, err := d.Account(ctx, authn)
	unknown := errors.Is(err, ErrNoAccount)
	switch {
	case err != nil && !unknown:
		return fmt.Errorf("%w: %w", ErrTemporary, err)
	case account.Token == nil:
		return fmt.Errorf("%w: unknown user or one without tokens", ErrRejected)
	}
	refusal := account.Token(ctx, NewSecret(token))
	if unknown && refusal == nil { // no token is good for nobody
		return fmt.Errorf("%w: %w", ErrRejected, err)
	}
	return refusal
}

// lookup fetches an account. An unknown user is refused, and nothing of an account
// that came along with that is used but the keys that SCRAM shows before it
// refuses. Any other failure is temporary.
func lookup(ctx context.Context, d Directory, username string) (Account, error) {
	account, err := d.Account(ctx, username)
	switch {
	case err == nil:
		return account, nil
	case errors.Is(err, ErrNoAccount):
		return Account{SCRAM: account.SCRAM}, fmt.Errorf("%w: %w", ErrRejected, err)
	}
	return Account{}, fmt.Errorf("%w: %w", ErrTemporary, err)
}

// An oauthServer is the server's part in what XOAUTH2 and OAUTHBEARER share.
type oauthServer struct {
	identity
	ctx       context.Context
	directory Directory
	mechanism string
	parse     func(message []byte) (user, token string, err error)
	started   bool
	refused   *OAuthError // the error challenge that was sent
	over      bool
}

func (s *oauthServer) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case s.over:
		return nil, false, errAfterEnd()
	case s.refused != nil:
		// Whatever the client answers, the token stays refused.
		s.over = true
		if errors.Is(s.refused.Err, ErrTemporary) || errors.Is(s.refused.Err, ErrUnavailable) {
			return nil, false, s.refused.Err
		}
		return nil, false, fmt.Errorf("%w: %w", ErrRejected, s.refused)
	case response == nil && !s.started:
		s.started = true
		return []byte{}, false, nil
	}
	s.started, s.over = true, true
	user, token, err := s.parse(response)
	if err != nil {
		return s.refuse(err)
	}
	if err := signInByToken(s.ctx, s.directory, user, token); err != nil {
		return s.refuse(err)
	}
	s.identity = identity{user, "", true}
	return nil, true, nil
}

// refuse sends an error challenge if err is one, and ends the exchange if not.
func (s *oauthServer) refuse(err error) ([]byte, bool, error) {
	if oauth, ok := asOAuthError(err); ok {
		s.over, s.refused = false, oauth
		return oauth.challenge(), false, nil
	}
	for _, kind := range []error{ErrRejected, ErrTemporary, ErrProtocol, ErrNotPermitted, ErrUnavailable} {
		if errors.Is(err, kind) {
			return nil, false, err
		}
	}
	return nil, false, fmt.Errorf("%w: %w", ErrTemporary, err)
}

var (
	_ Server     = (*oauthServer)(nil)
	_ Identifier = (*oauthServer)(nil)
)

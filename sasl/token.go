package sasl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A TokenGenerator supplies OAuth 2.0 access tokens.
//
// Token is called immediately before the AUTH command, once per exchange, and
// never for a mechanism that the server does not offer. It returns a token that
// is good for at least a minute, from a cache of its own if it can. It must be
// safe for concurrent use and return promptly once ctx is done.
type TokenGenerator interface {
	Token(ctx context.Context, req TokenRequest) (Token, error)
}

// A TokenRequest says what a token is for.
type TokenRequest struct {
	Username string // whose mailbox it is
	Service  string // "smtp"
	Host     string // the server as the caller named it; refuse those the token is not for
	Port     int

	// Rejected tells of tokens that the server has refused lately; nil if none.
	// A generator that would return one of them renews it instead, or returns
	// [ErrNoOtherToken].
	Rejected *Rejection
}

// A Token is an OAuth 2.0 access token.
type Token struct {
	Value  Secret
	Expiry time.Time // zero: unknown

	// What the token is known to be for, if anything is. These serve advice
	// only; nothing is decided by them.
	Subject string
	Scopes  []string
}

// A Rejection tells a [TokenGenerator] of tokens that a server has refused. It
// recognises them but does not hold them. A nil *Rejection recognises none.
type Rejection struct {
	Time time.Time // of the latest refusal
	Err  error     // what the server said then

	prints  fingerprinter
	refused []fingerprint
}

// NewRejection returns a Rejection that recognises the tokens given. Generators
// are handed one by an [Authenticator]; this is for their tests.
func NewRejection(err error, refused ...Token) *Rejection {
	r := &Rejection{Time: time.Now(), Err: err}
	for _, t := range refused {
		r.refused = append(r.refused, r.prints.of(t.Value.Reveal()))
	}
	return r
}

// Matches reports whether t is one of the refused tokens.
func (r *Rejection) Matches(t Token) bool {
	if r == nil || len(r.refused) == 0 { // prints has its key from the first of them
		return false
	}
	return slices.Contains(r.refused, r.prints.of(t.Value.Reveal()))
}

// ErrNoOtherToken is what a [TokenGenerator] returns, wrapped or not, if it has
// no other token than one that [TokenRequest.Rejected] matches.
var ErrNoOtherToken = errors.New("sasl: no other token than the refused one")

// TokenString makes a TokenGenerator of a function that returns a valid access
// token each time it is called. The function decides about caching and expiry.
// An error it returns reaches the caller of the sign-in unchanged.
func TokenString(f func(context.Context) (string, error)) TokenGenerator { return tokenString(f) }

type tokenString func(context.Context) (string, error)

var errNilTokenString = fmt.Errorf("%w: TokenString was given a nil function", ErrBadCredentials)

func (f tokenString) Token(ctx context.Context, _ TokenRequest) (Token, error) {
	if f == nil {
		return Token{}, errNilTokenString
	}
	value, err := f(ctx)
	if err != nil {
		return Token{}, err
	}
	return Token{Value: NewSecret(value)}, nil
}

// StaticToken returns a TokenGenerator that has one token and no other. Access
// tokens live for about an hour, so it suits tests and single runs.
func StaticToken(value string) TokenGenerator { return staticToken{NewSecret(value)} }

type staticToken struct{ value Secret }

func (s staticToken) Token(_ context.Context, req TokenRequest) (Token, error) {
	token := Token{Value: s.value}
	if req.Rejected.Matches(token) {
		return Token{}, ErrNoOtherToken
	}
	return token, nil
}

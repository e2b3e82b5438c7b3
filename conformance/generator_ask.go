package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
)

// A TokenAnswer is what came of one call of a generator.
type TokenAnswer struct {
	Token sasl.Token
	Err   error
	Crash string        // the generator panicked or did not return; "" if neither
	Took  time.Duration // the call
}

// ok reports whether there is a token.
func (a TokenAnswer) ok() bool { return a.Crash == "" && a.Err == nil && !a.Token.Value.IsZero() }

// said returns what the generator told.
func (a TokenAnswer) said() string {
	switch {
	case a.Crash != "":
		return a.Crash
	case a.Err != nil:
		return fmt.Sprintf("the error: %v", a.Err)
	case a.Token.Value.IsZero():
		return "neither a token nor an error"
	}
	return "a token"
}

// Ask asks the generator for a token, for no longer than the suite's timeout, and
// tells it of refused tokens unless rejected is nil.
func (t *GeneratorTrial) Ask(ctx context.Context, rejected *sasl.Rejection) TokenAnswer {
	return t.AskWithin(ctx, t.bench.timeout, rejected)
}

// AskWithin is Ask with a deadline of its own.
func (t *GeneratorTrial) AskWithin(ctx context.Context, d time.Duration, rejected *sasl.Rejection) TokenAnswer {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	start := time.Now()
	done := make(chan TokenAnswer, 1)
	go func() { done <- t.call(ctx, rejected) }()
	select {
	case a := <-done:
		a.Took = time.Since(start)
		return a
	case <-ctx.Done():
	}
	select {
	case a := <-done:
		a.Took = time.Since(start)
		return a
	case <-time.After(leaveWait):
		return TokenAnswer{Crash: "the generator had not returned a second after its context ended", Took: time.Since(start)}
	}
}

// call calls the generator.
func (t *GeneratorTrial) call(ctx context.Context, rejected *sasl.Rejection) (a TokenAnswer) {
	defer func() {
		if r := recover(); r != nil {
			a = TokenAnswer{Crash: fmt.Sprintf("the generator panicked: %v", r)}
		}
	}()
	if t.unmade != nil {
		return TokenAnswer{Err: t.unmade}
	}
	token, err := t.Generator.Token(ctx, sasl.TokenRequest{
		Username: generatorUser, Service: "smtp", Host: t.smtpHost(), Port: 587, Rejected: rejected,
	})
	return TokenAnswer{Token: token, Err: err}
}

// smtpHost is the server that the token is for.
func (t *GeneratorTrial) smtpHost() string {
	switch t.bench.target.Dialect {
	case mock.GoogleOAuth:
		return "smtp.gmail.com"
	case mock.MicrosoftOAuth:
		return "smtp.office365.com"
	}
	return "smtp.generator.test"
}

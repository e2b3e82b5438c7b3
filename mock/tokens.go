package mock

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/seed-55a66e92/postern/sasl"
)

// A TokenChecker says whether an access token is good. An [*Authority] is one.
// Implementations must be safe for concurrent use.
type TokenChecker interface {
	// CheckToken returns nil for a good token. The other errors say how it is
	// refused: an [*sasl.OAuthError] by an error challenge, and then by the reply
	// of its Err if that is a [*ReplyError]; a *ReplyError at once; any other
	// error that matches [sasl.ErrRejected] by 535 5.7.8. What matches none is a
	// temporary failure, 454 4.7.0.
	CheckToken(context.Context, TokenCheck) error
}

// A TokenCheck is a sign-in by token.
type TokenCheck struct {
	Mechanism string // "XOAUTH2", "OAUTHBEARER"
	User      string // as whom the client wants to sign in
	Token     sasl.Secret
}

// UserTokens maps users to the one access token that is good for each. It is a
// [TokenChecker] that refuses by an error challenge and 535 5.7.8.
type UserTokens map[string]string

// CheckToken implements [TokenChecker].
func (t UserTokens) CheckToken(_ context.Context, c TokenCheck) error {
	if good := t[c.User]; good != "" && c.Token.Equal(sasl.NewSecret(good)) {
		return nil
	}
	return GenericOAuth.refuse(c.Mechanism, unknownToken, GenericOAuth.scope(), "")
}

// A ReplyError is an error that says with which reply a sign-in is refused. A
// [TokenChecker] and the server side of a mechanism may return it. One that refuses
// nothing, or that has CR or LF in it, is not sent: the sign-in is refused with 454
// 4.7.0, and the session has it as its Failure, which fails the test of [Start].
type ReplyError struct {
	Code     int      // from 400 to 599
	Enhanced string   // enhanced status code, "" for none
	Text     []string // a line each, without its CRLF
}

// check returns what is wrong with the reply, without its text.
func (e *ReplyError) check() error {
	switch {
	case e.Code < 400 || e.Code > 599:
		return fmt.Errorf("mock: ReplyError of code %d; a refusal is from 400 to 599", e.Code)
	case strings.ContainsAny(e.Enhanced+strings.Join(e.Text, ""), "\r\n"):
		return errors.New("mock: ReplyError with CR or LF in it; each text is a line of its own")
	}
	return nil
}

func (e *ReplyError) Error() string {
	return fmt.Sprintf("mock: %d %s %s", e.Code, e.Enhanced, strings.Join(e.Text, " "))
}

// Unwrap returns the error of package sasl that the code stands for.
func (e *ReplyError) Unwrap() error { return sasl.ReplyKind(e.Code) }

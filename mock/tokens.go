package mock

import (
	"context"
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
// [TokenChecker] and the server side of a mechanism may return it.
type ReplyError struct {
	Code     int
	Enhanced string // enhanced status code, "" for none
	Text     []string
}

func (e *ReplyError) Error() string {
	return fmt.Sprintf("mock: %d %s %s", e.Code, e.Enhanced, strings.Join(e.Text, " "))
}

// Unwrap returns the error of package sasl that the code stands for.
func (e *ReplyError) Unwrap() error { return sasl.ReplyKind(e.Code) }

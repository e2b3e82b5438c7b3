package conformance

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/seed-55a66e92/postern/sasl"
)

// mechanismCases returns the cases for mechanisms.
func mechanismCases() []Case {
	return []Case{
		guestTrace(),
		cramVectors(), cramLongSecret(), cramEmptyChallenge(),
		externalIdentity(),
		mechanismName(), freshExchanges(), initialResponse(), afterTheEnd(), lateSuccess(), anyChallenge(),
		silentSecrets(), trueTraits(), withoutTLS(), controlCharacters(), cancelled(), bothSidesAgree(),
		loginPrompts(), loginOrder(),
		bearerVectors(), bearerEscapes(), bearerErrors(), bearerNonsense(), bearerCharacters(),
		plainVectors(), plainFields(), plainUnicode(), plainOnce(),
		scramVectors(), scramNonce(), scramSignature(), scramErrors(), scramExtensions(), scramIterations(),
		scramEscapes(), scramNonces(), scramFlag(), scramBinding(), scramHeader(), scramMalformed(), scramPrepared(),
		targetVectors(),
		xoauth2Vector(), xoauth2Challenge(), xoauth2Source(),
	}
}

// A saying is a client that has begun.
type saying struct {
	*clientParty
	start start
	err   error // why it has not begun
}

// begin begins an exchange with those credentials, of the kind that the mechanism
// takes.
func (b *MechanismBench) begin(ctx context.Context, l login) saying {
	return b.beginOn(ctx, b.conn, l)
}

func (b *MechanismBench) beginOn(ctx context.Context, conn *sasl.Conn, l login) saying {
	b.learn(l.secret)
	c, err := b.newClient(ctx, b.target.Mechanism, conn, l.credentials(b.takes))
	if err != nil {
		return saying{err: err}
	}
	s := saying{clientParty: c, start: c.start()}
	s.err = s.start.err
	return s
}

// all is what a client says to challenges, until it gives up.
func (s saying) all(challenges ...string) (messages []string, err error) {
	if s.err != nil {
		return nil, s.err
	}
	for _, challenge := range challenges {
		if _, err = s.next([]byte(challenge)); err != nil {
			break
		}
	}
	return s.sent, err
}

// mustRefuse returns the verdict on credentials that no message may come of.
func (b *MechanismBench) mustRefuse(ctx context.Context, what string, l login, challenges ...string) Verdict {
	messages, _ := b.begin(ctx, l).all(challenges...)
	if len(messages) > 0 {
		return failed(nil, "an error for "+what, fmt.Sprintf("a message of %d octets", len(messages[len(messages)-1])))
	}
	return pass()
}

// mustSay returns the verdict on a message that has to be exactly that. Only for
// what holds no secret, or one that the suite has made.
func (b *MechanismBench) mustSay(what, want string, got []byte, err error) Verdict {
	switch {
	case err != nil:
		return failed(nil, fmt.Sprintf("%s: %q", what, want), b.text(err))
	case got == nil:
		return failed(nil, fmt.Sprintf("%s: %q", what, want), "no message")
	case string(got) != want:
		return failed(nil, fmt.Sprintf("%s: %q", what, want), fmt.Sprintf("%.200q", got))
	}
	return pass()
}

// tells reports whether a person who is shown the error learns the word.
func tells(err error, word string) bool {
	for _, e := range errorTree(err) {
		if containsWord(fmt.Sprint(e), word) {
			return true
		}
	}
	return false
}

// asWarning makes a verdict that is not Pass a warning.
func asWarning(v Verdict) Verdict {
	if v.Outcome == Fail {
		v.Outcome = Warn
	}
	return v
}

// oauthFields returns the fields of an error challenge that an error has kept.
func oauthFields(err error) (*sasl.OAuthError, bool) {
	var challenged *sasl.OAuthError
	ok := errors.As(err, &challenged)
	return challenged, ok
}

// inOrder yields the entries of a map in the order of their keys, so that two runs
// find the same thing first.
func inOrder[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}

package sasl_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

const errorJSON = `{"status":"401","schemes":"bearer","scope":"https://mail.example.com/"}`

// refusals are the ways in which a server refuses a token.
var refusals = map[string]struct {
	script []step
	sent   func(token string) []string
}{
	"error challenge and 535":             {[]step{challenge(errorJSON), finalCode(535)}, challenged},
	"bare 535":                            {[]step{finalCode(535)}, bare},
	"error challenge and 454":             {[]step{challenge(errorJSON), finalCode(454)}, challenged},
	"error challenge and 501":             {[]step{challenge(errorJSON), finalCode(501)}, challenged},
	"error challenge and an exempted 535": {[]step{challenge(errorJSON), final(exempted{535})}, challenged},
}

func challenged(token string) []string { return []string{xoauth2(token), "> "} }
func bare(token string) []string       { return []string{xoauth2(token)} }

func TestRefusedTokenIsRenewedOnce(t *testing.T) {
	for name, refused := range refusals {
		t.Run(name, func(t *testing.T) {
			generator := &generator{tokens: []string{token, renewed}}
			server := play(append(refused.script, final235())...)
			mechanism, err := sasl.OAuth(user, generator).Authenticate(t.Context(), secure("XOAUTH2"), server)
			if err != nil || mechanism != "XOAUTH2" {
				t.Errorf("%q, %v; want XOAUTH2", mechanism, err)
			}
			server.wantSent(t, append(refused.sent(token), xoauth2(renewed))...)
			generator.wantCalls(t, 2)
			first, second := generator.requests[0].Rejected, generator.requests[1].Rejected
			if first != nil {
				t.Errorf("first request told of %v", first)
			}
			if !second.Matches(bearer(token)) || second.Matches(bearer(renewed)) || !errors.Is(second.Err, refused.script[len(refused.script)-1].reply.Verdict) {
				t.Errorf("second request told of %v", second)
			}
		})
	}
}

// What a server says of itself, of the mechanism or of the account does not
// condemn the token.
func TestTokenIsNotRenewed(t *testing.T) {
	for name, script := range map[string][]step{
		"bare 454": {finalCode(454)},
		"421":      {finalCode(421)},
		"432":      {finalCode(432)},
		"501":      {finalCode(501)},
		"534":      {finalCode(534)},
		"538":      {finalCode(538)},
		"550":      {finalCode(550)},
		"error challenge and a 421 that counts as temporary": {challenge(errorJSON), final(errors.Join(sasl.ErrUnavailable, sasl.ErrTemporary))},
		"a 535 that is about the mechanism":                  {final(errors.Join(sasl.ErrMechanismRefused, sasl.ErrRejected))},
		"exempted 535":                                       {final(exempted{535})},
		"error challenge and 421":                            {challenge(errorJSON), finalCode(421)},
		"error challenge and 432":                            {challenge(errorJSON), finalCode(432)},
		"error challenge and 534":                            {challenge(errorJSON), finalCode(534)},
		"error challenge and 550":                            {challenge(errorJSON), finalCode(550)},
		"success after an error challenge":                   {challenge(errorJSON), final235()},
		"second challenge":                                   {challenge(errorJSON), challenge(errorJSON), finalCode(535)},
		"dropped":                                            {broken(errors.New("dropped"))},
		"dropped after an error challenge":                   {challenge(errorJSON), broken(errors.New("dropped"))},
		"broken reply after an error challenge":              {challenge(errorJSON), broken(sasl.ErrProtocol)},
		"broken reply that speaks of 535":                    {broken(replyCode(535))},
	} {
		t.Run(name, func(t *testing.T) {
			generator := &generator{tokens: []string{token, renewed}}
			server := play(script...)
			a := sasl.OAuth(user, generator)
			_, err := a.Authenticate(t.Context(), secure("XOAUTH2"), server)
			if err == nil {
				t.Error("no error")
			}
			generator.wantCalls(t, 1)
			if len(server.steps) > 0 {
				t.Errorf("%d steps left", len(server.steps))
			}
			// The next sign-in sends the same token: nothing is known against it.
			generator.tokens = []string{token}
			server = play(final235())
			if _, err := a.Authenticate(t.Context(), secure("XOAUTH2"), server); err != nil {
				t.Error(err)
			}
			server.wantSent(t, xoauth2(token))
			if told := generator.requests[1].Rejected; told != nil {
				t.Errorf("told of %v", told)
			}
		})
	}
}

// The generator answers as before: the refused token stays at home, and the
// caller hears of both.
func TestNoOtherToken(t *testing.T) {
	stubborn := sasl.TokenString(func(context.Context) (string, error) { return token, nil })
	for name, generator := range map[string]sasl.TokenGenerator{"static": sasl.StaticToken(token), "stubborn": stubborn} {
		t.Run(name, func(t *testing.T) {
			a := sasl.OAuth(user, generator)
			server := play(challenge(errorJSON), finalCode(535))
			_, err := a.Authenticate(t.Context(), secure("XOAUTH2"), server)
			wantErrors(t, err, sasl.ErrNoOtherToken, sasl.ErrRejected, replyCode(535))
			var refused *sasl.RefusedError
			var oauth *sasl.OAuthError
			if !errors.As(err, &refused) || !errors.As(err, &oauth) || oauth.Status != "401" {
				t.Errorf("error %#v, want a RefusedError with the challenge", err)
			}
			const text = "sasl: XOAUTH2: token refused, status 401, scope https://mail.example.com/: server replied 535" +
				" (renewal: sasl: no other token than the refused one)"
			if err.Error() != text {
				t.Errorf("text %q, want %q", err, text)
			}
			server.wantSent(t, challenged(token)...)

			// Other connections do not try it either.
			server = play()
			_, err = a.Authenticate(t.Context(), secure("XOAUTH2"), server)
			wantErrors(t, err, sasl.ErrNoOtherToken, sasl.ErrRejected)
			server.wantSent(t)
		})
	}
}

func TestRenewalFails(t *testing.T) {
	failure := errors.New("the grant was withdrawn")
	generator := &generator{tokens: []string{token}, err: failure}
	server := play(finalCode(535))
	_, err := sasl.OAuth(user, generator).Authenticate(t.Context(), secure("XOAUTH2"), server)
	wantErrors(t, err, failure, sasl.ErrRejected)
	var refused *sasl.RefusedError
	var wrapped *sasl.TokenError
	if !errors.As(err, &refused) || !errors.As(err, &wrapped) {
		t.Errorf("error %#v, want a RefusedError with a TokenError", err)
	}
	server.wantSent(t, xoauth2(token))
	generator.wantCalls(t, 2)
}

func TestConnectionFailsAfterRenewal(t *testing.T) {
	dropped := errors.New("dropped")
	generator := &generator{tokens: []string{token, renewed}}
	server := play(finalCode(535), broken(dropped))
	_, err := sasl.OAuth(user, generator).Authenticate(t.Context(), secure("XOAUTH2"), server)
	wantErrors(t, err, dropped, sasl.ErrRejected)
	server.wantSent(t, xoauth2(token), xoauth2(renewed))
}

func TestCoolDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		generator := &generator{tokens: []string{token, renewed, "third", "fourth"}}
		a := sasl.OAuth(user, generator)
		server := play(finalCode(535), challenge(errorJSON), finalCode(535))
		_, err := a.Authenticate(t.Context(), secure("XOAUTH2"), server)
		wantErrors(t, err, sasl.ErrRejected)
		var joined *sasl.RefusedError
		if errors.As(err, &joined) {
			t.Errorf("error %v, want the second refusal alone", err)
		}
		server.wantSent(t, xoauth2(token), xoauth2(renewed), "> ")
		until := time.Now().Add(sasl.CoolDown)

		time.Sleep(sasl.CoolDown - time.Nanosecond)
		for range 3 {
			server = play()
			_, err = a.Authenticate(t.Context(), secure("XOAUTH2", "OAUTHBEARER"), server)
			var cool *sasl.CoolDownError
			if !errors.As(err, &cool) || !cool.Until.Equal(until) {
				t.Fatalf("error %v, want a CoolDownError until %v", err, until)
			}
			var oauth *sasl.OAuthError
			wantErrors(t, err, sasl.ErrRejected)
			if !errors.As(err, &oauth) {
				t.Errorf("error %v does not hold the refusal", err)
			}
			server.wantSent(t)
		}
		generator.wantCalls(t, 2)

		time.Sleep(1 * time.Nanosecond)
		server = play(final235())
		if _, err := a.Authenticate(t.Context(), secure("XOAUTH2"), server); err != nil {
			t.Errorf("after the cool-down: %v", err)
		}
		server.wantSent(t, xoauth2("third"))
		if told := generator.requests[2].Rejected; told != nil {
			t.Errorf("told of %v after the cool-down", told)
		}
	})
}

// A refused token is remembered for CoolDown and no longer.
func TestRefusalIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := sasl.OAuth(user, sasl.StaticToken(token))
		a.Authenticate(t.Context(), secure("XOAUTH2"), play(finalCode(535)))
		time.Sleep(sasl.CoolDown - time.Nanosecond)
		server := play()
		_, err := a.Authenticate(t.Context(), secure("XOAUTH2"), server)
		wantErrors(t, err, sasl.ErrNoOtherToken)
		server.wantSent(t)

		time.Sleep(1 * time.Nanosecond)
		server = play(finalCode(535))
		_, err = a.Authenticate(t.Context(), secure("XOAUTH2"), server)
		wantErrors(t, err, sasl.ErrNoOtherToken)
		server.wantSent(t, xoauth2(token))

		// That was the first refusal again, and not the second one in a row.
		_, err = a.Authenticate(t.Context(), secure("XOAUTH2"), play())
		wantErrors(t, err, sasl.ErrNoOtherToken)
		time.Sleep(sasl.CoolDown)
		server = play(final235())
		if _, err := a.Authenticate(t.Context(), secure("XOAUTH2"), server); err != nil {
			t.Error(err)
		}
		server.wantSent(t, xoauth2(token))
	})
}

// The generator is told when the latest refusal was and what the server said.
func TestRejectionTellsOfTheLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		generator := &generator{tokens: []string{token, renewed}}
		a := sasl.OAuth(user, generator)
		started(t, a, secure("XOAUTH2")).Finish(replyCode(535))
		refused := time.Now()
		time.Sleep(time.Second)
		begin(t, a, secure("XOAUTH2"))
		told := generator.requests[1].Rejected
		if !told.Time.Equal(refused) {
			t.Errorf("told of a refusal at %v, want %v", told.Time, refused)
		}
		wantErrors(t, told.Err, replyCode(535))
	})
}

// What is remembered is bounded: the oldest refusals go first.
func TestManyRefusals(t *testing.T) {
	var tokens []string
	const refusals = 65
	for n := range refusals {
		tokens = append(tokens, fmt.Sprintf("bad-%d", n), token)
	}
	generator := &generator{tokens: tokens}
	a := sasl.OAuth(user, generator)
	for range refusals {
		started(t, a, secure("XOAUTH2")).Finish(replyCode(535))
		started(t, a, secure("XOAUTH2")).Finish(nil)
	}
	begin(t, a, secure("XOAUTH2"))
	told := generator.requests[2*refusals].Rejected
	for name, want := range map[string]bool{"bad-0": false, "bad-1": true, "bad-64": true, token: false} {
		if told.Matches(bearer(name)) != want {
			t.Errorf("told of %s: %v", name, !want)
		}
	}
}

// A token that turns out to be refused while the generator works on it is not
// sent: the generator is asked once more, and told.
func TestRefusedWhileTheGeneratorWorks(t *testing.T) {
	for _, other := range []string{renewed, token} {
		var a *sasl.Authenticator
		calls := 0
		a = sasl.OAuth(user, generatorFunc(func(req sasl.TokenRequest) (sasl.Token, error) {
			calls++
			switch calls {
			case 1: // of the connection that is refused first
				return bearer(token), nil
			case 2:
				begun := req.Rejected
				started(t, a, secure("XOAUTH2")).Finish(replyCode(535)) // makes call 3
				if begun != nil {
					t.Errorf("call 2 told of %v", begun)
				}
				return bearer(token), nil
			case 3:
				return bearer(token), nil
			}
			if !req.Rejected.Matches(bearer(token)) {
				t.Errorf("call %d was not told", calls)
			}
			return bearer(other), nil
		}))
		started(t, a, secure("XOAUTH2")).Finish(nil)
		x, err := a.Begin(t.Context(), secure("XOAUTH2"))
		if other == token {
			wantErrors(t, err, sasl.ErrNoOtherToken, replyCode(535))
		} else if err != nil {
			t.Error(err)
		} else if _, initial, _ := x.Start(); "AUTH XOAUTH2 "+string(initial) != xoauth2(other) {
			t.Errorf("starts with %q", initial)
		}
		if calls != 4 {
			t.Errorf("%d calls, want 4", calls)
		}
	}
}

type generatorFunc func(sasl.TokenRequest) (sasl.Token, error)

func (f generatorFunc) Token(_ context.Context, req sasl.TokenRequest) (sasl.Token, error) {
	return f(req)
}

// A static token that was refused is not offered again, whoever asks.
func TestStaticToken(t *testing.T) {
	generator := sasl.StaticToken(token)
	for _, refused := range []string{token, renewed} {
		req := sasl.TokenRequest{Rejected: sasl.NewRejection(sasl.ErrRejected, bearer(refused))}
		got, err := generator.Token(t.Context(), req)
		if refused == token {
			wantErrors(t, err, sasl.ErrNoOtherToken)
		} else if err != nil || got.Value.Reveal() != token {
			t.Errorf("%v, %v; want the token", got, err)
		}
	}
}

// An accepted token ends the count of refusals, not the memory of them.
func TestAcceptedTokenResets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		generator := &generator{tokens: []string{token, renewed, "third", "fourth"}}
		a := sasl.OAuth(user, generator)
		for i, script := range [][]step{
			{finalCode(535), final235()}, // the first token, the second
			{finalCode(535), final235()}, // the third, the fourth
		} {
			if _, err := a.Authenticate(t.Context(), secure("XOAUTH2"), play(script...)); err != nil {
				t.Fatalf("sign-in %d: %v", i+1, err)
			}
			time.Sleep(time.Second)
		}
		told := generator.requests[3].Rejected
		for value, want := range map[string]bool{token: true, renewed: false, "third": true, "fourth": false} {
			if told.Matches(bearer(value)) != want {
				t.Errorf("the fourth request was told of %s: %v", value, !want)
			}
		}
	})
}

// Late news of an old token does not count against the new one.
func TestLateRefusal(t *testing.T) {
	generator := &generator{tokens: []string{token, token, renewed, renewed}}
	a := sasl.OAuth(user, generator)
	late := started(t, a, secure("XOAUTH2")) // sends the first token and waits
	if _, err := a.Authenticate(t.Context(), secure("XOAUTH2"), play(finalCode(535), final235())); err != nil {
		t.Fatal(err)
	}
	wantErrors(t, late.Finish(replyCode(535)), sasl.ErrRejected)
	server := play(final235())
	if _, err := a.Authenticate(t.Context(), secure("XOAUTH2"), server); err != nil {
		t.Fatal(err)
	}
	server.wantSent(t, xoauth2(renewed))
	generator.wantCalls(t, 4)
}

// The refusal of a token through Begin is known to all sign-ins that follow.
func TestRefusalThroughBegin(t *testing.T) {
	for name, verdict := range map[string]error{
		"of our kind": replyCode(535),
		"of net/smtp": &textproto.Error{Code: 535, Msg: "5.7.8 no"},
	} {
		t.Run(name, func(t *testing.T) {
			generator := &generator{tokens: []string{token, renewed}}
			a := sasl.OAuth(user, generator)
			x := started(t, a, secure("XOAUTH2"))
			wantErrors(t, x.Finish(verdict), sasl.ErrRejected)
			x = begin(t, a, secure("XOAUTH2"))
			_, initial, err := x.Start()
			if err != nil || "AUTH XOAUTH2 "+string(initial) != xoauth2(renewed) {
				t.Errorf("second exchange starts with %q, %v", initial, err)
			}
			if !generator.requests[1].Rejected.Matches(bearer(token)) {
				t.Error("the generator was not told of the refusal")
			}
			wantErrors(t, x.Finish(verdict), sasl.ErrRejected)
			var cool *sasl.CoolDownError
			if _, err := a.Begin(t.Context(), secure("XOAUTH2")); !errors.As(err, &cool) {
				t.Errorf("third exchange: %v, want a CoolDownError", err)
			}
			generator.wantCalls(t, 2)
		})
	}
}

// What 421 and its like of net/smtp say is not about the token.
func TestNetSMTPVerdictThatIsNoRefusal(t *testing.T) {
	for _, code := range []int{421, 432, 454, 501, 504, 534, 538, 550} {
		generator := &generator{tokens: []string{token}}
		a := sasl.OAuth(user, generator)
		started(t, a, secure("XOAUTH2")).Finish(&textproto.Error{Code: code})
		begin(t, a, secure("XOAUTH2"))
		if told := generator.requests[1].Rejected; told != nil {
			t.Errorf("%d: told of %v", code, told)
		}
	}
}

// A connection that ends after an error challenge says nothing of the token, for
// hosts that run the exchange themselves too. Any other error is taken for a
// reply.
func TestHostFailsAfterErrorChallenge(t *testing.T) {
	for _, test := range []struct {
		verdict error
		refused bool
	}{
		{io.EOF, false},
		{io.ErrUnexpectedEOF, false},
		{net.ErrClosed, false},
		{context.Canceled, false},
		{context.DeadlineExceeded, false},
		{&net.OpError{Op: "read", Err: errors.New("reset")}, false},
		{errors.New("some refusal in words"), true},
	} {
		generator := &generator{tokens: []string{token}}
		a := sasl.OAuth(user, generator)
		x := started(t, a, secure("XOAUTH2"))
		if _, err := x.Next([]byte(errorJSON)); err != nil {
			t.Fatal(err)
		}
		wantErrors(t, x.Finish(test.verdict), test.verdict)
		a.Begin(t.Context(), secure("XOAUTH2"))
		if told := generator.requests[1].Rejected; (told != nil) != test.refused {
			t.Errorf("%v: told of %v, want a refusal: %v", test.verdict, told, test.refused)
		}
	}
}

func TestRejection(t *testing.T) {
	var none *sasl.Rejection
	if none.Matches(bearer(token)) {
		t.Error("a nil Rejection matches")
	}
	r := sasl.NewRejection(sasl.ErrRejected, bearer(token), bearer(renewed))
	for value, want := range map[string]bool{token: true, renewed: true, token[1:]: false, "": false} {
		if r.Matches(bearer(value)) != want {
			t.Errorf("Matches(%q) = %v", value, !want)
		}
	}
}

package sasl_test

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/sasl"
)

// What failed on this side is final: that the server answers the cancellation as if
// it would not run the mechanism leads to no other one. Of any two.
func TestFailedExchangeIsFinal(t *testing.T) {
	var all []sasl.Mechanism
	for _, m := range standIns(t).Mechanisms() {
		failing := m
		failing.NewClient = func(context.Context, *sasl.Conn, *sasl.Credentials) (sasl.Client, error) {
			next := func(challenge []byte) ([]byte, error) {
				return nil, map[string]error{
					"protocol": sasl.ErrProtocol, "unverified": sasl.ErrServerUnverified, "other": errors.New("something else"),
				}[string(challenge)]
			}
			return &prover{puppet: puppet{name: m.Name, initial: []byte("hello"), next: next}}, nil
		}
		all = append(all, failing)
	}
	registry := new(sasl.Registry).With(all...)
	names := registry.Names()
	for _, first := range names {
		for _, second := range names {
			if first == second {
				continue
			}
			a := &sasl.Authenticator{Registry: registry, Policy: sasl.Policy{Order: []string{first, second}}}
			for _, word := range []string{"protocol", "unverified", "other"} {
				for _, code := range []replyCode{504, 534} {
					server := play(challenge(word), finalCode(code), final235())
					mechanism, err := a.Authenticate(t.Context(), secure(names...), server)
					if err == nil || mechanism != first || len(server.sent) != 2 || server.sent[1] != "*" {
						t.Errorf("%s, then %s: %s, %d: sent %q, error %v", first, second, word, code, server.sent, err)
					}
				}
			}
		}
	}
}

// The same for the mechanisms of this package: one AUTH, whatever is on offer.
func TestNoMechanismAfterFailure(t *testing.T) {
	serverFirst := func(line string) string { // with the nonce of the client
		_, nonce, _ := strings.Cut(line, ",r=")
		return "r=" + nonce + "srv,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
	}
	wrong := "v=" + strings.Repeat("A", 43) + "="
	for name, c := range map[string]struct {
		offered []string
		then    []step // behind server-first-message for SCRAM, else behind AUTH
		first   bool   // server-first-message is sent
		want    error
	}{
		"PLAIN is challenged":         {[]string{"PLAIN", "LOGIN"}, []step{challenge("?"), finalCode(504)}, false, sasl.ErrProtocol},
		"LOGIN is asked three times":  {[]string{"LOGIN", "XOAUTH2"}, []step{challenge("u"), challenge("p"), challenge("?"), finalCode(504)}, false, sasl.ErrProtocol},
		"SCRAM hears garbage":         {[]string{"SCRAM-SHA-256", "SCRAM-SHA-1"}, []step{challenge("?"), finalCode(504)}, false, sasl.ErrProtocol},
		"SCRAM hears a wrong proof":   {[]string{"SCRAM-SHA-256", "SCRAM-SHA-1"}, []step{challenge(wrong), finalCode(504)}, true, sasl.ErrServerUnverified},
		"SCRAM hears of interception": {[]string{"SCRAM-SHA-256", "SCRAM-SHA-1"}, []step{challenge("e=channel-bindings-dont-match"), finalCode(504)}, false, sasl.ErrProtocol},
		"SCRAM proof is refused":      {[]string{"SCRAM-SHA-256", "SCRAM-SHA-1"}, []step{challenge("e=invalid-proof"), finalCode(534)}, true, sasl.ErrMechanismRefused},
		"SCRAM-PLUS hears garbage":    {[]string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "PLAIN"}, []step{challenge("?"), finalCode(504)}, false, sasl.ErrProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			a := sasl.Password(user, password)
			if strings.Contains(name, "-PLUS") {
				a = scramUser(boundTo(exporterAlone), sasl.SCRAMOptions{})
			}
			server := play(c.then...)
			server.before = func(line string) {
				if c.first && len(server.sent) == 0 {
					server.steps = append([]step{challenge(serverFirst(line))}, c.then...)
				}
			}
			mechanism, err := a.Authenticate(t.Context(), secure(c.offered...), server)
			wantErrors(t, err, c.want)
			if n := strings.Count(strings.Join(server.sent, "\n"), "AUTH "); n != 1 || mechanism != c.offered[0] || len(server.steps) > 0 {
				t.Errorf("%d AUTH, %q is the last of them, %d steps left", n, mechanism, len(server.steps))
			}
		})
	}
}

// A password that has been sent in a way that shows it is not sent again by the
// next mechanism. One that has not been sent may be.
func TestPasswordIsShownOnce(t *testing.T) {
	plain := "AUTH PLAIN \x00" + user + "\x00" + password
	for name, c := range map[string]struct {
		order  []string
		script []step
		want   []string
	}{
		"with AUTH, 504":         {[]string{"PLAIN", "LOGIN"}, []step{finalCode(504)}, []string{plain}},
		"with AUTH, 534":         {[]string{"PLAIN", "LOGIN"}, []step{finalCode(534)}, []string{plain}},
		"not yet":                {[]string{"LOGIN", "PLAIN"}, []step{finalCode(504), finalCode(535)}, []string{"AUTH LOGIN", plain}},
		"behind the user name":   {[]string{"LOGIN", "PLAIN"}, []step{challenge(""), challenge(""), finalCode(534)}, []string{"AUTH LOGIN", "> " + user, "> " + password}},
		"CRAM-MD5 shows it not":  {[]string{"CRAM-MD5", "EXTERNAL"}, []step{challenge("x"), finalCode(504), final235()}, []string{"AUTH CRAM-MD5", "> " + user + " " + cramOf(password, "x"), "AUTH EXTERNAL ="}},
		"nor does EXTERNAL know": {[]string{"EXTERNAL", "CRAM-MD5"}, []step{finalCode(504), finalCode(535)}, []string{"AUTH EXTERNAL =", "AUTH CRAM-MD5"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := sasl.Password(user, password)
			a.Credentials.External = true
			a.Policy.Order = c.order
			server := play(c.script...)
			_, err := a.Authenticate(t.Context(), certified(c.order...), server)
			if (err == nil) != (c.script[len(c.script)-1].reply.Verdict == nil) {
				t.Errorf("error %v", err)
			}
			server.wantSent(t, c.want...)
		})
	}
}

// cramOf is the answer of CRAM-MD5 without the user name.
func cramOf(password, challenge string) string {
	mac := hmac.New(md5.New, []byte(password))
	mac.Write([]byte(challenge))
	return fmt.Sprintf("%x", mac.Sum(nil))
}

// A token is replaced once. That the server would not run the mechanism with the
// second one is no reason for a third, by another name.
func TestTokenIsReplacedOnce(t *testing.T) {
	generator := &generator{tokens: []string{token, renewed, "third"}}
	server := play(finalCode(535), finalCode(504))
	_, err := sasl.OAuth(user, generator).Authenticate(t.Context(), secure("XOAUTH2", "OAUTHBEARER"), server)
	wantErrors(t, err, replyCode(535), replyCode(504))
	server.wantSent(t, xoauth2(token), xoauth2(renewed))
	generator.wantCalls(t, 2)
}

// The error names what was left out because it is weaker.
func TestWeakerMechanismsAreNamed(t *testing.T) {
	server := play(finalCode(504), finalCode(504))
	_, err := sasl.Password(user, password).Authenticate(t.Context(), secure("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "LOGIN"), server)
	wantErrors(t, err, sasl.ErrMechanismRefused)
	if want := "server replied 504 (not tried, as they are weaker than SCRAM-SHA-512: PLAIN, LOGIN)"; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

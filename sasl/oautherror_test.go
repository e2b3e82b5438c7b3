package sasl_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/sasl"
)

// A server that spells the token by the escapes of JSON, wherever, does not get it
// into an error.
func TestEscapedTokenIsHidden(t *testing.T) {
	const secret = "EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA/abc/def+ghi/jkl/mno/pqr"
	var all strings.Builder
	for _, c := range []byte(secret) {
		fmt.Fprintf(&all, `\u%04X`, c)
	}
	quoted, err := json.Marshal(`{"status":"bad ` + all.String() + `"}`)
	if err != nil {
		t.Fatal(err)
	}
	for name, challenged := range map[string]string{
		"slashes":      `{"status":"bad ` + strings.ReplaceAll(secret, "/", `\/`) + `"}`,
		"some letters": `{"status":"bad ` + strings.ReplaceAll(secret, "E", `\u0045`) + `","scope":"` + strings.ReplaceAll(secret, "A", `\u0041`) + `"}`,
		"all":          `{"status":"bad ` + all.String() + `","schemes":"` + all.String() + `","openid-configuration":"` + all.String() + `"}`,
		"other field":  `{"error_description":"` + all.String() + `"}`,
		"no JSON":      `bad ` + all.String(),
		"JSON in JSON": `{"scope":` + string(quoted) + `}`,
		"as it is":     `{"status":"bad ` + secret + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			server := play(challenge(challenged), finalCode(535))
			_, err := sasl.OAuth(user, sasl.StaticToken(secret)).Authenticate(t.Context(), secure("XOAUTH2"), server)
			var refused *sasl.OAuthError
			if !errors.As(err, &refused) {
				t.Fatal(err)
			}
			shown := []string{err.Error(), refused.Status, refused.Schemes, refused.Scope, refused.OpenIDConfiguration, string(refused.Raw())}
			var fields map[string]any
			if json.Unmarshal(refused.Raw(), &fields) == nil {
				shown = append(shown, fmt.Sprint(fields))
			}
			for _, text := range shown {
				for range 3 {
					if strings.Contains(text, secret[:20]) || strings.Contains(text, secret[20:40]) {
						t.Errorf("the token is in %q", text)
					}
					text = strings.ReplaceAll(text, `\/`, "/")
					if plain := new(string); json.Unmarshal([]byte(`"`+strings.ReplaceAll(text, `"`, `\"`)+`"`), plain) == nil {
						text = *plain
					}
				}
			}
			if !strings.Contains(strings.Join(shown, " "), "[redacted]") {
				t.Errorf("nothing says that something was taken out: %q", shown)
			}
		})
	}
}

// What holds no secret stays as the server wrote it.
func TestHarmlessChallengeStays(t *testing.T) {
	const harmless = `{"status":"\u0034\/01","scope":"https:\/\/mail.example.com\/","x":"\\\\u0041\q\u12"}`
	server := play(challenge(harmless), finalCode(535))
	_, err := sasl.OAuth(user, sasl.StaticToken(token)).Authenticate(t.Context(), secure("XOAUTH2"), server)
	var refused *sasl.OAuthError
	if !errors.As(err, &refused) || string(refused.Raw()) != harmless {
		t.Errorf("%v: raw %q", err, refused.Raw())
	}
}

// A client that is finished twice holds its first verdict and not itself.
func TestClientFinishedTwice(t *testing.T) {
	credentials := sasl.OAuth(user, sasl.StaticToken(token)).Credentials
	m, _ := sasl.Default().Lookup("XOAUTH2")
	client, err := m.NewClient(t.Context(), secure(), &credentials)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Next([]byte(errorJSON)); err != nil {
		t.Fatal(err)
	}
	finisher := client.(sasl.Finisher)
	again := finisher.Finish(finisher.Finish(replyCode(535)))
	if again == nil || errors.Unwrap(again) != replyCode(535) {
		t.Errorf("holds %v", errors.Unwrap(again))
	}
}

// A directory that returns a nil *OAuthError in an error has refused the token.
func TestNilOAuthErrorOfADirectory(t *testing.T) {
	var none *sasl.OAuthError
	for refusal, want := range map[error]error{
		none: sasl.ErrRejected, &sasl.OAuthError{Status: "x"}: sasl.ErrRejected,
		&sasl.OAuthError{Err: sasl.ErrTemporary}: sasl.ErrTemporary, &sasl.OAuthError{Err: sasl.ErrUnavailable}: sasl.ErrUnavailable,
	} {
		m, _ := sasl.Default().Lookup("XOAUTH2")
		server, err := m.NewServer(t.Context(), secure(), accounts{user: {
			Token: func(context.Context, sasl.Secret) error { return refusal },
		}})
		if err != nil {
			t.Fatal(err)
		}
		challenged, done, err := server.Next([]byte(strings.TrimPrefix(xoauth2(token), "AUTH XOAUTH2 ")))
		if len(challenged) == 0 || done || err != nil {
			t.Fatalf("%q, %v, %v; want an error challenge", challenged, done, err)
		}
		_, done, err = server.Next([]byte{})
		if done || !errors.Is(err, want) || want != sasl.ErrRejected && errors.Is(err, sasl.ErrRejected) {
			t.Errorf("%v, %v; want %v", done, err, want)
		}
	}
	x := started(t, sasl.OAuth(user, sasl.StaticToken(token)), secure("XOAUTH2"))
	if err := x.Finish(none); err == nil {
		t.Error("a nil *OAuthError is a success")
	}
}

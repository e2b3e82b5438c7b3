package sasl_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"text/template"

	"github.com/seed-55a66e92/postern/sasl"
)

// messageOf is what the client of a mechanism sends.
func messageOf(mechanism, token string) string {
	switch mechanism {
	case "XOAUTH2":
		return strings.TrimPrefix(xoauth2(token), "AUTH XOAUTH2 ")
	case "OAUTHBEARER":
		return "n,a=" + user + ",\x01host=smtp.example.com\x01port=587\x01auth=Bearer " + token + "\x01\x01"
	}
	return "\x00" + user + "\x00" + password
}

// needles are the forms in which a secret must not be seen: secrets and their
// halves, the messages that hold them and the half where they do; as they are,
// in base64 without its padding, in hexadecimal and as a list of octets.
var needles = sync.OnceValue(func() []string {
	var forms []string
	add := func(secret string, firstHalf bool) {
		encoded := strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(secret)), "=")
		for _, form := range []string{secret, encoded, hex.EncodeToString([]byte(secret)), strings.Trim(fmt.Sprint([]byte(secret)), "[]")} {
			forms = append(forms, form, form[len(form)/2:])
			if firstHalf {
				forms = append(forms, form[:len(form)/2])
			}
		}
	}
	for _, secret := range []string{token, renewed, password} {
		add(secret, true)
	}
	for _, secret := range []string{token, renewed} {
		add(messageOf("XOAUTH2", secret), false)
		add(messageOf("OAUTHBEARER", secret), false)
	}
	add(messageOf("PLAIN", ""), false)
	return forms
})

// wantNoSecret fails the test if v shows a secret, however it is printed, logged
// or encoded, or holds one where a dumper would find it.
func wantNoSecret(t *testing.T, what string, v any) {
	t.Helper()
	hidden := needles()
	look := func(how, text string) {
		for _, s := range hidden {
			if strings.Contains(text, s) {
				t.Errorf("%s: %s shows %q", what, how, s)
			}
		}
	}
	printed(v, look)
	look("a misplaced %w", fmt.Sprintf(strings.ToLower("%W"), v)) // no Format is asked; spelt so for go vet
	walk(reflect.ValueOf(v), "", map[uintptr]bool{}, look)
}

var printing = template.Must(template.New("").Parse("{{.}} {{printf `%q` .}} {{html .}}"))

// printed looks at v as it is printed, logged, encoded and put into a template.
func printed(v any, look func(how, text string)) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%q", "%+q", "%x", "% X", "%s", "%10s", "%d", "%p", "%t", "%c", "%U", "%e", "%o", "%z"} {
		look(verb, fmt.Sprintf(verb, v))
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("test", "value", v, slog.Group("group", "value", v))
	slog.New(slog.NewJSONHandler(&log, nil)).Info("test", "value", v, slog.Group("group", "value", v))
	look("slog", log.String())
	if encoded, err := json.Marshal(v); err == nil {
		look("JSON", string(encoded))
	} else {
		look("JSON error", err.Error())
	}
	var encoded bytes.Buffer
	if err := gob.NewEncoder(&encoded).Encode(v); err != nil {
		look("gob error", err.Error())
	}
	look("gob", encoded.String())
	var page bytes.Buffer
	if err := printing.Execute(&page, v); err != nil {
		look("template error", err.Error())
	}
	look("template", page.String())
}

// walk looks at every string and every slice of octets that v leads to, fields
// that are not exported included.
func walk(v reflect.Value, path string, seen map[uintptr]bool, look func(how, text string)) {
	switch v.Kind() {
	case reflect.String:
		look("field "+path, v.String())
	case reflect.Pointer:
		if !v.IsNil() && !seen[v.Pointer()] {
			seen[v.Pointer()] = true
			walk(v.Elem(), path, seen, look)
		}
	case reflect.Interface:
		walk(v.Elem(), path, seen, look)
	case reflect.Struct:
		for i := range v.NumField() {
			walk(v.Field(i), path+"."+v.Type().Field(i).Name, seen, look)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			octets := make([]byte, v.Len())
			for i := range octets {
				octets[i] = byte(v.Index(i).Uint())
			}
			look("field "+path, string(octets))
			return
		}
		for i := range v.Len() {
			walk(v.Index(i), fmt.Sprintf("%s[%d]", path, i), seen, look)
		}
	case reflect.Map:
		for iter := v.MapRange(); iter.Next(); {
			walk(iter.Key(), path+" key", seen, look)
			walk(iter.Value(), path+"[]", seen, look)
		}
	}
}

// The search itself finds what it is to find.
func TestWantNoSecretFinds(t *testing.T) {
	type leak struct{ inner any }
	for name, v := range map[string]any{
		"string":           leak{token},
		"octets":           leak{[]byte(password)},
		"behind a pointer": &leak{&leak{map[string]any{"x": token}}},
		"error":            fmt.Errorf("bad token %s", token[:len(token)/2]),
		"base64":           base64.StdEncoding.EncodeToString([]byte(token)),
	} {
		found := false
		look := func(_, text string) {
			for _, s := range needles() {
				found = found || strings.Contains(text, s)
			}
		}
		walk(reflect.ValueOf(v), "", map[uintptr]bool{}, look)
		look("", fmt.Sprintf("%v", v))
		if !found {
			t.Errorf("%s: not found", name)
		}
	}
}

func TestSecret(t *testing.T) {
	s := sasl.NewSecret(token)
	if s.Reveal() != token || s.IsZero() || !s.Equal(sasl.NewSecret(token)) || s.Equal(sasl.NewSecret(renewed)) || s.Equal(sasl.Secret{}) {
		t.Error("a Secret does not hold what was put into it")
	}
	var zero sasl.Secret
	if zero.Reveal() != "" || !zero.IsZero() || !sasl.NewSecret("").IsZero() || !zero.Equal(sasl.NewSecret("")) {
		t.Error("the zero Secret is not empty")
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%q", "%x", "%s", "%d", "%10.3s"} {
		if got := fmt.Sprintf(verb, s); got != "[redacted]" {
			t.Errorf("%s prints %q", verb, got)
		}
		if got := fmt.Sprintf(verb, zero); got != "" {
			t.Errorf("%s prints %q for the zero Secret", verb, got)
		}
	}
	if encoded, err := json.Marshal(map[string]any{"a": s, "b": &s}); err != nil || string(encoded) != `{"a":"[redacted]","b":"[redacted]"}` {
		t.Errorf("JSON %s, %v", encoded, err)
	}
	if reflect.TypeFor[sasl.Secret]().Comparable() {
		t.Error("a Secret can be compared with ==")
	}
	type holder struct {
		exported any
		secret   sasl.Secret
		pointer  *sasl.Secret
		list     []sasl.Secret
	}
	wantNoSecret(t, "Secret", s)
	wantNoSecret(t, "holder", holder{s, s, &s, []sasl.Secret{s}})
}

// Credentials say whose they are and which secrets there are.
func TestCredentialsText(t *testing.T) {
	generator, secret := never(t)
	for want, c := range map[string]sasl.Credentials{
		"alice [password]":         {Username: "alice", Password: secret},
		"alice [token]":            {Username: "alice", Token: generator},
		"alice as shared [token]":  {Username: "alice", AuthzID: "shared", Token: generator},
		"a..b as c.d [external]":   {Username: "a\r\nb", AuthzID: "c\x00d", External: true},
		"alice [password] [token]": {Username: "alice", Password: secret, Token: generator},
	} {
		a := &sasl.Authenticator{Credentials: c}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
			if got := fmt.Sprintf(verb, c); got != want {
				t.Errorf("%s prints %q, want %q", verb, got, want)
			}
			if got := fmt.Sprintf(verb, a); got != "sasl: sign-in of "+want {
				t.Errorf("%s prints %q of the Authenticator of %q", verb, got, want)
			}
		}
		for _, v := range []any{c, a} {
			encoded, err := json.Marshal(v)
			if err != nil || !strings.Contains(string(encoded), want) {
				t.Errorf("JSON %s, %v, want %q", encoded, err, want)
			}
			var log bytes.Buffer
			slog.New(slog.NewTextHandler(&log, nil)).Info("test", "value", v)
			if !strings.Contains(log.String(), want) {
				t.Errorf("slog %s, want %q", log.String(), want)
			}
		}
	}
	var none *sasl.Authenticator
	if got := fmt.Sprint(none); got != "<nil>" {
		t.Errorf("nil Authenticator prints %q", got)
	}
}

// scripts are what servers do with a message, by name.
func scripts(message string) map[string][]step {
	return map[string][]step{
		"success":                            {final235()},
		"535":                                {finalCode(535), finalCode(535)},
		"challenge and 535":                  {challenge(errorJSON), finalCode(535), challenge(errorJSON), finalCode(535)},
		"454":                                {finalCode(454)},
		"504":                                {finalCode(504), finalCode(504)},
		"challenge that repeats the token":   {challenge(`{"status":"bad token ` + token + `"}`), finalCode(535), finalCode(535)},
		"challenge that repeats the message": {challenge(`{"scope":"` + base64.StdEncoding.EncodeToString([]byte(message)) + `"}`), finalCode(535), finalCode(535)},
		"challenge that repeats the message in clear": {challenge(message), finalCode(535), finalCode(535)},
		"two challenges":                 {challenge(token), challenge(password), challenge(token), finalCode(501)},
		"malformed challenge":            {malformedChallenge, malformedChallenge, malformedChallenge, finalCode(501)},
		"huge challenge":                 {challenge(strings.Repeat(token, 1000)), finalCode(501)},
		"success after the cancellation": {malformedChallenge, final235()},
		"dropped":                        {broken(errors.New("dropped"))},
		"dropped after a challenge":      {challenge(token), broken(errors.New("dropped"))},
	}
}

// After success and after every kind of failure nothing that a caller can get
// hold of shows a secret.
func TestNoSecretIsShown(t *testing.T) {
	for _, mechanism := range sasl.Default().Names() {
		for name, steps := range scripts(messageOf(mechanism, token)) {
			t.Run(mechanism+"/"+name, func(t *testing.T) {
				for _, a := range []*sasl.Authenticator{
					sasl.OAuth(user, sasl.StaticToken(token)),
					sasl.OAuth(user, alternating()),
					sasl.Password(user, password),
				} {
					server := play(steps...)
					_, err := a.Authenticate(t.Context(), secure(mechanism), server)
					wantNoSecret(t, "error", err)
					wantNoSecret(t, "Authenticator", a)
					wantNoSecret(t, "decisions", a.Explain(secure(mechanism)))
					_, err = a.Authenticate(t.Context(), secure(mechanism), play(final235()))
					wantNoSecret(t, "error of the second sign-in", err)
				}
			})
		}
	}
}

// alternating is a generator without a field that holds a token.
func alternating() sasl.TokenGenerator {
	n := 0
	return sasl.TokenString(func(context.Context) (string, error) {
		n++
		if n%2 == 0 {
			return renewed, nil
		}
		return token, nil
	})
}

func TestNoSecretInAnExchange(t *testing.T) {
	for _, mechanism := range sasl.Default().Names() {
		for _, a := range []*sasl.Authenticator{sasl.OAuth(user, sasl.StaticToken(token)), sasl.Password(user, password)} {
			x, err := a.Begin(t.Context(), secure(mechanism))
			if err != nil {
				continue // not for these credentials
			}
			wantNoSecret(t, mechanism+" begun", x)
			x.Start()
			wantNoSecret(t, mechanism+" started", x)
			x.Next([]byte(`{"status":"` + token + `"}`))
			wantNoSecret(t, mechanism+" challenged", x)
			wantNoSecret(t, mechanism+" result", x.Finish(replyCode(535)))
			wantNoSecret(t, mechanism+" finished", x)
		}
	}
}

// Secrets that cannot be sent are not shown in the error that says so.
func TestNoSecretWhenItCannotBeSent(t *testing.T) {
	for name, a := range map[string]*sasl.Authenticator{
		"line break in the token":  sasl.OAuth(user, sasl.StaticToken(token+"\r\n")),
		"space in the token":       sasl.OAuth(user, sasl.StaticToken(token+" "+token)),
		"token too long":           sasl.OAuth(user, sasl.StaticToken(strings.Repeat(token, 1000))),
		"NUL in the password":      sasl.Password(user, password+"\x00"),
		"password is not UTF-8":    sasl.Password(user, password+"\xff"),
		"password too long":        sasl.Password(user, strings.Repeat(password, 1000)),
		"password over plain text": sasl.Password(user, password),
	} {
		c := secure("XOAUTH2", "OAUTHBEARER", "PLAIN")
		if strings.Contains(name, "plain text") {
			c = plaintext("PLAIN")
		}
		server := play()
		_, err := a.Authenticate(t.Context(), c, server)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		server.wantSent(t)
		wantNoSecret(t, name, err)
		wantNoSecret(t, name, a)
	}
}

func TestNoSecretInValues(t *testing.T) {
	secret := sasl.NewSecret(token)
	tok := sasl.Token{Value: secret, Subject: user}
	rejection := sasl.NewRejection(sasl.ErrRejected, tok)
	wantNoSecret(t, "Token", tok)
	wantNoSecret(t, "Rejection", rejection)
	wantNoSecret(t, "TokenRequest", sasl.TokenRequest{Username: user, Rejected: rejection})
	wantNoSecret(t, "StaticToken", sasl.StaticToken(token))
	wantNoSecret(t, "TokenString", alternating())
	wantNoSecret(t, "Account", sasl.Account{Password: sasl.NewSecret(password), Token: takes(token, nil)})
	wantNoSecret(t, "RefusedError", &sasl.RefusedError{Refusal: sasl.ErrRejected, Renewal: sasl.ErrNoOtherToken})

	directory := accounts{user: {Password: sasl.NewSecret(password), Token: takes(token, sasl.ErrRejected)}}
	for _, name := range sasl.Default().Names() {
		m, _ := sasl.Default().Lookup(name)
		for _, response := range []string{
			"\x00" + user + "\x00" + password, "\x00" + user + "\x00" + password + "x", user,
			"user=" + user + "\x01auth=Bearer " + token + "\x01\x01", "user=bob\x01auth=Bearer " + token + "\x01\x01",
			"n,a=" + user + ",\x01auth=Bearer " + token + "x\x01\x01", password, token,
		} {
			server, err := m.NewServer(t.Context(), secure(name), directory)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range []string{response, password} {
				_, _, err = server.Next([]byte(r))
				wantNoSecret(t, name+" server error", err)
			}
			if !strings.Contains(response, password) && !strings.Contains(response, token) {
				wantNoSecret(t, name+" server", server)
			}
		}
	}
}

package mock_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
)

// However what holds secrets is printed, it shows none of them.
func TestPrintedWithoutSecrets(t *testing.T) {
	clients := map[string]string{"app": "client-pencil"}
	options := mock.AuthorityOptions{Network: mock.InMemory, Dialect: mock.GoogleOAuth, Clients: clients}
	a := mock.StartAuthority(t, options)
	access, refresh := a.Issue("you@example.test", 0).Value.Reveal(), a.Grant("you@example.test").Reveal()
	tokens := mock.UserTokens{"you@example.test": "user-token"}
	server := mock.Start(t, mock.Options{Network: mock.InMemory, Users: map[string]string{"you": "user-password"}, Tokens: a})
	passwords := mock.Options{Users: map[string]string{"you": "user-password"}, Tokens: tokens}
	secrets := []string{"client-pencil", "user-token", "user-password", access, refresh}
	for _, test := range []struct {
		value any
		want  string
	}{
		{a, "mock: authority at https://authority.test"},
		{options, "authority options, 1 client"},
		{&options, "authority options, 1 client"},
		{mock.AuthorityOptions{}, "authority options, any client"},
		{tokens, "tokens of 1 user"},
		{mock.UserTokens(nil), "tokens of 0 users"},
		{&tokens, "tokens of 1 user"},
		{struct{ Options mock.AuthorityOptions }{options}, "authority options, 1 client"},
		{struct{ Tokens mock.TokenChecker }{tokens}, "tokens of 1 user"},
		{[]mock.TokenChecker{a}, "mock: authority at https://authority.test"},
		{struct{ authority *mock.Authority }{a}, ""},
		{struct{ tokens mock.TokenChecker }{a}, ""},
		{server, "mock: server at smtp://mock.test"},
		{struct{ server *mock.Server }{server}, ""},
		{passwords, "server options, 1 user"},
		{&passwords, "server options, 1 user"},
		{mock.Options{}, "server options, 0 users"},
		{mock.Values{"password": "user-password"}, "mock: 1 value of a dialogue"},
		{mock.Exactly("user-password"), "redacted 13 octets"},
		{mock.Plain("you", "user-password"), "mock: matcher"},
	} {
		for name, text := range printed(t, test.value) {
			if !strings.Contains(text, test.want) {
				t.Errorf("%T by %s: %q, want %q in it", test.value, name, text, test.want)
			}
			for _, secret := range secrets {
				if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
					t.Errorf("%T by %s holds %q: %s", test.value, name, secret, text)
				}
			}
		}
	}
}

// printed returns a value in all the forms in which people print it.
func printed(t *testing.T, v any) map[string]string {
	t.Helper()
	texts := make(map[string]string)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%o"} {
		texts[verb] = fmt.Sprintf(verb, v)
	}
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Info("", "value", v)
	texts["slog as JSON"] = b.String()
	b = bytes.Buffer{}
	slog.New(slog.NewTextHandler(&b, nil)).Info("", "value", v)
	texts["slog as text"] = b.String()
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Error(err)
	}
	texts["JSON"] = string(encoded)
	return texts
}

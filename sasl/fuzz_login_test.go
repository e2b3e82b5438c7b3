package sasl_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/seed-55a66e92/postern/sasl"
)

// FuzzLOGINExchange: whatever the prompts say, in base64 or not, the client
// answers the first with the user name, the second with the password and no
// third; success counts only after both.
func FuzzLOGINExchange(f *testing.F) {
	for _, prompts := range []string{
		"Username:\nPassword:", "username:\npassword:", "User Name\x00\nPassword\x00", "User Name\nPassword",
		"Username\nPassword", "\n", "Password:\nPassword:", "?\n", "Username:\nPassword:\nagain", "Username:",
	} {
		f.Add([]byte(prompts), false)
		f.Add([]byte(prompts), true)
	}
	f.Fuzz(func(t *testing.T, text []byte, malformed bool) {
		prompts := bytes.Split(text, []byte("\n"))
		server := play()
		for _, prompt := range prompts {
			if malformed {
				server.steps = append(server.steps, malformedChallenge)
			} else {
				server.steps = append(server.steps, challenge(string(prompt)))
			}
		}
		server.steps = append(server.steps, final235())
		_, err := sasl.Password(user, password).Authenticate(t.Context(), secure("LOGIN"), server)

		want := []string{"AUTH LOGIN", "> " + user, "> " + password, "*"}
		long := false
		for _, prompt := range prompts[:min(len(prompts), 3)] {
			long = long || len(prompt) > sasl.MaxMessage && !malformed
		}
		if long {
			wantErrors(t, err, sasl.ErrProtocol)
			return
		}
		for i, line := range server.sent {
			if i >= len(want) || line != want[i] {
				t.Fatalf("sent %q", server.sent)
			}
		}
		if accepted := len(prompts) == 2; accepted != (err == nil) || !accepted && !errors.Is(err, sasl.ErrProtocol) {
			t.Errorf("%d prompts: error %v", len(prompts), err)
		}
	})
}

package mock_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
)

func TestTranscriptForms(t *testing.T) {
	srv := mock.Start(t, insecure(mock.Options{}))
	dial(t, srv).dialogue(hello + "\nC: AUTH PLAIN " + b64("\x00user\x00secret") + "\nS: 235 2.7.0 Signed in\nC: QUIT\nS: 221 2.0.0 Bye")
	srv.Close()
	transcript := srv.Transcript()

	var lines []struct {
		Session int
		Seconds float64
		From    string
		Text    string
	}
	if err := json.Unmarshal(transcript.JSON(), &lines); err != nil {
		t.Fatal(err)
	}
	if len(lines) != len(transcript) || lines[1].Session != 1 || lines[1].From != "C" || lines[1].Text != "EHLO client.test" ||
		lines[1].Seconds != transcript[1].At.Seconds() {
		t.Errorf("lines %+v", lines)
	}
	if got := string(new(mock.Transcript).JSON()); got != "[\n]\n" {
		t.Errorf("nothing is %q", got)
	}

	file := filepath.Join(t.TempDir(), "dialogue.txt")
	tb := new(fakeTB)
	transcript.Golden(tb, file)
	if len(tb.errors) != 1 || !strings.HasSuffix(tb.errors[0], "MOCK_UPDATE=1 writes it") {
		t.Errorf("no file: %q", tb.errors)
	}
	t.Setenv("MOCK_UPDATE", "1")
	transcript.Golden(t, file)
	t.Setenv("MOCK_UPDATE", "")
	transcript.Golden(t, file)
	const want = "--- session 1\nS: 220 mock.test ESMTP\nC: EHLO client.test\nS: 250-mock.test\n" +
		"S: 250-ENHANCEDSTATUSCODES\nS: 250 AUTH PLAIN LOGIN\nC: AUTH PLAIN <redacted>\n" +
		"S: 235 2.7.0 Signed in\nC: QUIT\nS: 221 2.0.0 Bye\n"
	if got, err := os.ReadFile(file); string(got) != want || err != nil {
		t.Errorf("file %q, %v", got, err)
	}
	tb = new(fakeTB)
	transcript[:3].Golden(tb, file)
	if len(tb.errors) != 1 || !strings.Contains(tb.errors[0], "(-want +got)") {
		t.Errorf("other transcript: %q", tb.errors)
	}
}

// TestNoSecretShows puts secrets wherever a client may put them, by mistake or by
// a fault of the server, and looks for them in all that the mock tells.
func TestNoSecretShows(t *testing.T) {
	const password, token = "pa55word-of-mine", "ya29.token-of-mine"
	plainResponse := b64("\x00user\x00" + password)
	bearer := oauthbearer("user", token)
	secrets := []string{password, token, plainResponse, bearer, xoauth2("user", token), b64(password), b64(token), "ya29", "pa55"}
	var sessions []string
	for _, response := range []string{plainResponse, bearer, xoauth2("user", token), b64(password), password, token} {
		sessions = append(sessions,
			"AUTH PLAIN "+response, "AUTH XOAUTH2 "+response, "AUTH OAUTHBEARER "+response, "AUTH LOGIN "+response,
			"AUTH PLAIN\r\n"+response, "AUTH XOAUTH2\r\n"+response, "AUTH LOGIN\r\n"+b64("user")+"\r\n"+response,
			"AUTH "+response, "AUTH  PLAIN "+response, "auth plain\t"+response, " AUTH PLAIN "+response, "AUTH=PLAIN "+response,
			"XAUTH PLAIN "+response, "AUTH NO-SUCH "+response, "AUTH PLAIN =\r\n"+response, "AUTH PLAIN\r\n*\r\n"+response,
			"AUTH PLAIN "+response+" "+response, "AUTH PLAIN "+response+"\r", "AUTH PLAIN "+response+"\n",
			"AUTH PLAIN "+response+"\x00", "AUTH PLAIN "+response+strings.Repeat("x", 600), "AUTH PLAIN\r\n"+response+strings.Repeat("x", 20_000),
			"AUTH PLAIN "+response+"\xff", "AUTH LOGIN "+b64("user")+"\r\n"+response+"\r\n"+response)
	}
	faults := map[string][]mock.Fault{
		"none":            nil,
		"refused":         {mock.At("AUTH").Do(mock.Reply(504, "5.5.4", "no"))},
		"refused later":   {mock.At("AUTH/2").Do(mock.Reply(535, "5.7.8", "no"))},
		"ignored":         {mock.At("AUTH").Do(mock.NoReply())},
		"too early":       {mock.At("AUTH").Do(mock.Reply(235, "2.7.0", "yes"))},
		"250":             {mock.At("AUTH").Do(mock.Reply(250, "", "what?"))},
		"asked again":     {mock.At("AUTH/2").Do(mock.Raw([]byte("334 \r\n")))},
		"cut":             {mock.At("AUTH").Do(mock.DropMid(2))},
		"garbage":         {mock.At("AUTH").Do(mock.Garbage(1, 100), mock.Raw([]byte("\r\n")))},
		"chaos":           {mock.Chaos(1, 0.5, mock.Reply(334, ""), mock.NoReply(), mock.Reply(500, "", "no"))},
		"swallowed":       {mock.At("AUTH").Do(mock.Swallow(3))},
		"EHLO is refused": {mock.At("EHLO").Do(mock.Reply(502, "5.5.1", "no"))},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			srv := mock.Start(t, mock.Options{
				Network: mock.InMemory, TLS: mock.NoTLS, InsecureAuth: true, Faults: fault,
				Users: map[string]string{"user": password}, Tokens: mock.UserTokens{"user": token},
			})
			for _, session := range sessions {
				converse(t, srv, []byte("EHLO client.test\r\n"+session+"\r\nNOOP\r\nQUIT\r\n"))
			}
			srv.Close()
			for i, s := range srv.Sessions() {
				shown := fmt.Sprintf("%s\n%s\n%s\n%+v", s.Transcript, s.Transcript.JSON(), s.Transcript.Stable(), s)
				for _, secret := range secrets {
					if strings.Contains(shown, secret) {
						t.Fatalf("%q shows in the session of %q\n%s", secret, sessions[i], s.Transcript)
					}
				}
			}
		})
	}
}

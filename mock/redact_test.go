package mock_test

import (
	"encoding/base64"
	"encoding/hex"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/mock"
)

// told returns all that a server tells after a client has said something.
func told(t *testing.T, o mock.Options, says string) string {
	t.Helper()
	srv, err := mock.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	conn, err := srv.Dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	conn.Write([]byte(says))
	conn.(interface{ CloseWrite() error }).CloseWrite()
	io.Copy(io.Discard, conn)
	conn.Close()
	srv.Close()
	text := srv.Transcript().String() + string(srv.Transcript().JSON()) + srv.Transcript().Dialogue()
	for _, s := range srv.Sessions() {
		text += strings.Join(s.Violations, "\n") + s.Failure
		for _, c := range s.Commands {
			text += c.Line + "\n"
		}
	}
	if err := srv.Err(); err != nil {
		text += err.Error()
	}
	return text
}

// wantUntold fails the test if a text holds a secret, however it is written.
func wantUntold(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		for _, form := range []string{secret, b64(secret), hex.EncodeToString([]byte(secret)), base64.RawStdEncoding.EncodeToString([]byte(secret))} {
			if strings.Contains(text, form) {
				t.Errorf("%q of the secret %q is in\n%s", form, secret, text)
			}
		}
	}
}

// TestScriptsKeepSecrets: whatever stands where a step wants a command, a report
// holds no credentials.
func TestScriptsKeepSecrets(t *testing.T) {
	plainText := b64("\x00user\x00pencil-2")
	auth := "AUTH PLAIN " + plainText
	for name, test := range map[string]struct {
		script []mock.Step
		says   string
	}{
		"LF within EHLO":     {[]mock.Step{mock.Send("220 x"), mock.ExpectCommand("EHLO", "x")}, "EHLO x\n" + auth + "\r\n"},
		"LF within EHLO, *":  {[]mock.Step{mock.Hello(), mock.Bye()}, "EHLO x\n" + auth + "\r\n"},
		"LF within NOOP":     {[]mock.Step{mock.ExpectCommand("NOOP", "y")}, "NOOP y\n" + auth + "\r\n"},
		"CR, and no AUTH":    {[]mock.Step{mock.ExpectCommand("NOOP", "y")}, "NOOP y\r" + plainText + "\r\n"},
		"LF, exact":          {[]mock.Step{mock.Expect("NOOP")}, "NOOP y\n" + plainText + "\r\n"},
		"LF, pattern":        {[]mock.Step{mock.ExpectLike("NOOP *"), mock.Expect("QUIT")}, "NOOP y\n" + plainText + "\r\nNOOP\r\n"},
		"AUTH as argument":   {[]mock.Step{mock.ExpectCommand("NOOP", "")}, "NOOP " + auth + "\r\n"},
		"another protocol":   {[]mock.Step{mock.Expect("NOOP")}, "PASS pencil-2\r\n"},
		"taken, then a fail": {[]mock.Step{mock.ExpectLike("PASS *"), mock.Expect("NOOP")}, "PASS pencil-2\r\nRSET\r\n"},
		"bare response":      {[]mock.Step{mock.Expect("NOOP")}, plainText + "\r\n"},
		"no CRLF":            {[]mock.Step{mock.Expect("NOOP")}, plainText},
		"unread":             {[]mock.Step{mock.Expect("NOOP")}, "NOOP\r\n" + plainText + "\r\n"},
		"no mechanism":       {[]mock.Step{mock.ExpectLike("AUTH *"), mock.Expect("NOOP")}, "AUTH pencil-2 x\r\nAUTH pencil-2 x\r\n"},
		"challenge in All":   {[]mock.Step{mock.All(mock.Delay(0), mock.Reply(334, "", "")), mock.Expect("NOOP")}, plainText + "\r\n"},
		"challenge as octets": {
			[]mock.Step{mock.Raw([]byte("250 x\r\n334 \r\n")), mock.Expect("NOOP")},
			"HELP " + b64("pencil-2")[:4] + "\r\n" + plainText + "\r\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				text := told(t, scripted(test.script...), test.says)
				if !strings.Contains(text, "step ") && !strings.Contains(text, "octets that no step reads") {
					t.Errorf("no report:\n%s", text)
				}
				wantUntold(t, text, plainText, "pencil-2")
			})
		})
	}
}

// TestValuesOfDialoguesKeepSecrets: what a dialogue was given is not told, be the
// client right or wrong.
func TestValuesOfDialoguesKeepSecrets(t *testing.T) {
	given := mock.Values{"secret": "pencil-1"}
	for name, test := range map[string]struct{ text, says string }{
		"argument":        {"C: NOOP ${secret}\nC: QUIT", "NOOP pencil-1\r\nRSET\r\n"},
		"argument, not":   {"C: NOOP ${secret}", "NOOP pencil-2\r\n"},
		"pattern":         {"C~ NOOP *${secret}\nC: QUIT", "NOOP a pencil-1\r\nRSET\r\n"},
		"pattern, not":    {"C~ NOOP *${secret}", "NOOP a pencil-2\r\n"},
		"message, not":    {"C: NOOP b64(${secret})", "NOOP " + b64("pencil-2") + "\r\n"},
		"like message":    {"C~ NOOP b64(${secret}*)", "NOOP " + b64("pencil-2") + "\r\n"},
		"said":            {"S: 250 ${secret}\nC: QUIT", "RSET\r\n"},
		"said in base64":  {"S: 250 b64(${secret})\nC: QUIT", "RSET\r\n"},
		"content, not":    {"CONTENT\n| a ${secret}", "a pencil-2\r\n.\r\n"},
		"optional":        {"OPTIONAL\nC: NOOP ${secret}\nEND\nC: QUIT", "NOOP pencil-2\r\n"},
		"early":           {"C: RSET\nC: NOOP ${secret}", "NOOP pencil-1\r\n"},
		"twice":           {"C: NOOP ${secret}\nC: QUIT", "NOOP pencil-1\r\nNOOP pencil-1\r\n"},
		"in EHLO":         {"C~ EHLO *\nC: NOOP ${secret}\nC: QUIT", "EHLO pencil-1\r\nRSET\r\n"},
		"in MAIL":         {"C: RSET\nC: NOOP ${secret}", "MAIL FROM:<pencil-1@example.test>\r\n"},
		"in content":      {"CONTENT\n| a\nC: NOOP ${secret}", "pencil-1\r\n.\r\n"},
		"too long":        {"C: RSET\nC: NOOP ${secret}", "NOOP " + strings.Repeat("x", 1017) + "pencil-1\r\n"},
		"in base64":       {"C: RSET\nC: NOOP ${secret}", "NOOP " + b64("pencil-1") + "\r\n"},
		"not in the text": {"C: NOOP", "EHLO pencil-1\r\n"},
		"not in content":  {"CONTENT\n| a", "pencil-1\r\n.\r\n"},
		"skipped":         {"...\nC: NOOP ${secret}\nC: QUIT", "NOOP pencil-2\r\nNOOP pencil-1\r\nRSET\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				step, err := mock.ParseDialogue("test.smtp", strings.NewReader(test.text), given)
				if err != nil {
					t.Fatal(err)
				}
				text := told(t, scripted(step), test.says)
				if !strings.Contains(text, "(test.smtp:") {
					t.Errorf("no report:\n%s", text)
				}
				wantUntold(t, text, "pencil-1", "pencil-2")
			})
		})
	}
}

// TestReportShowsTheLine: what the client said instead is in the last lines.
func TestReportShowsTheLine(t *testing.T) {
	text := told(t, scripted(mock.Expect("NOOP")), "RSET\r\n")
	if !strings.Contains(text, "\nlast lines:\n") || strings.Count(text, "C: RSET") < 3 {
		t.Errorf("RSET is not in the transcript and the report:\n%s", text)
	}
}

// TestBareLineEndings: in a script, too, a bare CR or LF is none of a line's
// ending, and does not go unseen.
func TestBareLineEndings(t *testing.T) {
	for name, step := range map[string]mock.Step{
		"ExpectCommand": mock.ExpectCommand("EHLO", "*"),
		"HelloAgain":    mock.HelloAgain(),
		"Envelope":      mock.Envelope("a@example.test"),
	} {
		for _, says := range []string{"EHLO x\ny\r\n", "EHLO x\r\r\n", "EHLO x\n\r\n", "MAIL FROM:<a@example.test> X=\n\r\n"} {
			t.Run(name, func(t *testing.T) {
				wantScriptError(t, run(t, scripted(step), say(says)), "bare CR or LF in")
			})
		}
	}
	srv := mock.Start(t, scripted(mock.ExpectLike("EHLO *")))
	say("EHLO x\ny\r\n")(dial(t, srv))
	wantViolations(t, srv, "bare CR or LF in a command (RFC 5321, Section 2.3.8)")
}

// FuzzSecrets: what comes behind anything like AUTH is not told, by a script or a
// server that behaves.
func FuzzSecrets(f *testing.F) {
	for _, prefix := range []string{
		"AUTH ", "AUTH PLAIN ", "auth\tplain ", "AUTH LOGIN\r\n", "EHLO x\nAUTH PLAIN ", "NOOP y\nAUTH ", "NOOP AUTH PLAIN ", "PASS ", "",
		"MAIL FROM:<a@b.c> AUTH ", "HELP\r", "EHLO x\r\nAUTH XOAUTH2\r\n", "EHLO x\r\nAUTH LOGIN\r\n\r\n", "BDAT x AUTH ", "AUTH\n",
	} {
		f.Add(prefix, "\r\n")
	}
	const secret = "pencil-0123456789"
	f.Fuzz(func(t *testing.T, prefix, suffix string) {
		if len(prefix)+len(suffix) > 2000 || !authLike(prefix) {
			return
		}
		says := prefix + b64("\x01"+secret) + suffix
		behaving := mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, InsecureAuth: true}
		for _, o := range []mock.Options{
			behaving,
			scripted(mock.Send("220 x"), mock.ExpectCommand("EHLO", "x")),
			scripted(mock.ExpectLike("*"), mock.Expect("NOOP")),
			scripted(mock.ExpectAuth("PLAIN", mock.Plain("a", "b"))),
			scripted(mock.SkipTo(mock.Expect("QUIT"))),
		} {
			synctest.Test(t, func(t *testing.T) {
				wantUntold(t, told(t, o, says), secret, "\x01"+secret)
			})
		}
	})
}

// authLike reports whether what comes behind a prefix is a credential: it is
// within a line that has AUTH as a word in it, that a control character has cut,
// or that is no command.
func authLike(prefix string) bool {
	line := strings.ToUpper(prefix[strings.LastIndex(prefix, "\r\n")+1:])
	line = strings.TrimPrefix(line, "\n")
	return !strings.Contains(prefix, "DATA") && !strings.Contains(strings.ToUpper(prefix), "BDAT") &&
		(strings.Contains(line, "AUTH ") || strings.ContainsAny(line, "\r\n\t") || line == "" || strings.HasPrefix(line, "PASS "))
}

// TestIdentitiesThatAreNone: a client that has its password where the name belongs
// does not put it into the report. Names show where they are the right ones.
func TestIdentitiesThatAreNone(t *testing.T) {
	for name, test := range map[string]struct {
		step  mock.Step
		says  string
		shows string
	}{
		"PLAIN":                 {mock.SignIn("PLAIN", mock.Plain("user", "pencil-1")), "AUTH PLAIN " + b64("\x00pencil-2\x00user"), "user"},
		"PLAIN, right name":     {mock.SignIn("PLAIN", mock.Plain("user", "pencil-1")), "AUTH PLAIN " + b64("\x00user\x00pencil-2"), "both are ^@user^@<redacted 8 octets>"},
		"PLAIN, as a line":      {mock.Expect("AUTH PLAIN " + b64("\x00user\x00pencil-1")), "AUTH PLAIN " + b64("pencil-2\x00pencil-2\x00user"), "user"},
		"PLAIN, not now":        {mock.Expect("NOOP"), "AUTH PLAIN " + b64("\x00pencil-2\x00user"), "redacted 8"},
		"XOAUTH2":               {mock.SignIn("XOAUTH2", mock.Bearer("user", "pencil-1")), "AUTH XOAUTH2 " + b64("user=pencil-2\x01auth=Bearer user\x01\x01"), "user="},
		"XOAUTH2, scheme":       {mock.SignIn("XOAUTH2", mock.Bearer("user", "pencil-1")), "AUTH XOAUTH2 " + b64("user=user\x01auth=pencil-2 user\x01\x01"), "user=user"},
		"OAUTHBEARER, host":     {mock.SignIn("OAUTHBEARER"), "AUTH XOAUTH2 " + b64("n,a=pencil-2,\x01host=pencil-2\x01auth=Bearer x\x01\x01"), "host="},
		"AUTH, as a command":    {mock.ExpectCommand("AUTH", "PLAIN "+b64("\x00user\x00pencil-1")), "AUTH PLAIN " + b64("\x00pencil-2\x00user"), "user"},
		"AUTH, with parameters": {mock.ExpectCommand("AUTH", "PLAIN", "pencil-1"), "AUTH PLAIN pencil-2", "Expect AUTH PLAIN <redacted 8 octets>"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				text := told(t, scripted(test.step), test.says+"\r\n")
				if !strings.Contains(text, test.shows) {
					t.Errorf("%q is not in\n%s", test.shows, text)
				}
				wantUntold(t, text, "pencil-1", "pencil-2")
			})
		})
	}
}

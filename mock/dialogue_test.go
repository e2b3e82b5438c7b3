package mock_test

import (
	"context"
	"errors"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	engine "github.com/seed-55a66e92/postern/smtp"
)

var values = mock.Values{"token": "t0ken", "password": "secret"}

// signIn leads our own engine through a dialogue. It does not trust a connection
// without TLS, so there is TLS around the dialogue.
func signIn(t *testing.T, tls mock.TLSMode, file string) error {
	t.Helper()
	srv := mock.Start(t, mock.Options{
		Network: mock.InMemory, TLS: tls,
		Script: mock.DialogueFile(filepath.Join("testdata", file), values),
	})
	token := sasl.TokenString(func(context.Context) (string, error) { return "t0ken", nil })
	c, err := engine.Dial(t.Context(), engine.Config{
		Addr: srv.URL(), TLSConfig: srv.TLSConfig(), DialContext: srv.Dial, Auth: sasl.OAuth("you@example.test", token),
	})
	if err != nil {
		return err
	}
	return c.Close()
}

func TestDialogueXOAUTH2(t *testing.T) {
	if err := signIn(t, mock.ImplicitTLS, "xoauth2.smtp"); err != nil {
		t.Error(err)
	}
	if err := signIn(t, mock.STARTTLS, "starttls.smtp"); err != nil {
		t.Error(err)
	}
	var refused *engine.AuthError
	if err := signIn(t, mock.ImplicitTLS, "xoauth2-refused.smtp"); !errors.As(err, &refused) || refused.Reply == nil || refused.Reply.Code != 535 || refused.OAuth == nil {
		t.Errorf("got %v, want 535 behind an error challenge", err)
	}
}

func TestDialogueWithNetSMTP(t *testing.T) {
	srv := mock.Start(t, mock.Options{TLS: mock.NoTLS, Script: mock.DialogueFile("testdata/plain.smtp", values)})
	conn, err := srv.Dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := smtp.NewClient(conn, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Auth(smtp.PlainAuth("", "user", "secret", "127.0.0.1")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Mail("from@example.test"), c.Rcpt("to@example.test")); err != nil {
		t.Fatal(err)
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write([]byte("Subject: hello\r\nTo: to@example.test\r\n\r\n.a dot\r\n"))
	if err := errors.Join(err, w.Close(), c.Quit()); err != nil {
		t.Error(err)
	}
}

// TestDialogueFiles plays dialogues by hand, octet by octet.
func TestDialogueFiles(t *testing.T) {
	for name, dialogue := range map[string]string{
		"empty-challenge.smtp": "C: EHLO client.test\nS: 250-mock.test\nS: 250 AUTH PLAIN\nC: AUTH PLAIN\nS: 334 \nC: " + b64("\x00user\x00secret") +
			"\nS: 235 2.7.0 Authentication successful\nC: QUIT\nS: 221 2.0.0 Bye",
		"cancel.smtp": "C: EHLO client.test\nS: 250-mock.test\nS: 250 AUTH LOGIN\nC: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: *" +
			"\nS: 501 5.7.0 Authentication cancelled\nC: QUIT\nS: 221 2.0.0 Bye",
		"pipelined.smtp": "C: EHLO client.test\nS: 250-mock.test\nS: 250 PIPELINING\nC: MAIL FROM:<from@example.test>\nC: RCPT TO:<to@example.test>" +
			"\nC: RCPT TO:<nobody@example.test>\nC: DATA\nS: 250 2.1.0 Sender ok\nS: 250 2.1.5 Recipient ok\nS: 550 5.1.1 No such user\nS: 354 Go ahead" +
			"\nC: Subject: hello\nC: .\nS: 250 2.0.0 Queued",
	} {
		t.Run(name, func(t *testing.T) {
			srv := mock.Start(t, mock.Options{Network: mock.InMemory, Script: mock.DialogueFile("testdata/" + name)})
			c := dial(t, srv)
			c.dialogue("S: 220 mock.test ESMTP\n" + dialogue)
			c.conn.Close()
		})
	}
}

func parseDialogue(t *testing.T, text string) mock.Step {
	t.Helper()
	s, err := mock.ParseDialogue("test.smtp", strings.NewReader(text), values)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDialogueLines(t *testing.T) {
	for name, test := range map[string]struct {
		text, says, fail string
	}{
		"exact":                           {"C: QUIT", "QUIT\r\n", ""},
		"CRLF in the file":                {"# hello\r\nC: QUIT\r\n", "QUIT\r\n", ""},
		"space counts":                    {"C: QUIT ", "QUIT\r\n", "test.smtp:1) Expect QUIT"},
		"position":                        {"# one\n\nC: A\nC: B\n", "A\r\nC\r\n", "step 2 of 2 (test.smtp:4)"},
		"pattern":                         {"C~ A * C", "A b C\r\n", ""},
		"pattern, not":                    {"C~ A * C", "A b D\r\n", "test.smtp:1"},
		"empty line":                      {"C:", "\r\n", ""},
		"value":                           {"C: NOOP ${token}", "NOOP t0ken\r\n", ""},
		"caret":                           {`C: b64(a^@\^\\b^?)`, b64("a\x00^\\b\x7f") + "\r\n", ""},
		"empty initial":                   {"C: AUTH EXTERNAL b64()", "AUTH EXTERNAL =\r\n", ""},
		"b64 pattern":                     {`C~ AUTH XOAUTH2 b64(user=*^A\*^A)`, "AUTH XOAUTH2 " + b64("user=x\x01*\x01") + "\r\n", ""},
		"b64 pattern, not":                {`C~ AUTH XOAUTH2 b64(user=*^A^A)`, "AUTH XOAUTH2 " + b64("user=x\x01s3cret\x01") + "\r\n", "line differs"},
		"skip":                            {"...\nC: C", "A\r\nB\r\nC\r\n", ""},
		"end":                             {"C: A\nEOF", "A\r\n", ""},
		"end, not":                        {"C: A\nEOF", "A\r\nB\r\n", "test.smtp:2"},
		"octets":                          {`S "250 a\r"` + "\n" + `S "\n"` + "\nC: A\nCLOSE", "A\r\n", ""},
		"content":                         {"CONTENT\n| .a\n|\n| b", "..a\r\n\r\nb\r\n.\r\n", ""},
		"content, differs":                {"CONTENT\n| a", "b\r\n.\r\n", "test.smtp:1) Expect content"},
		"content, skips":                  {"CONTENT\n|...\n|~ Subject: *\n|...\n| end", "a: b\r\nSubject: x\r\n\r\nend\r\n.\r\n", ""},
		"content, skips not within lines": {"CONTENT\n|...\n| end", "the end\r\n.\r\n", "content like"},
		"group, not":                      {"GROUP\nC: A\nS: 250 ok\nC: B\nEND", "A\r\n", "ended the connection"},
		"optional":                        {"OPTIONAL\nC: A\nEND\nC: B", "B\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := run(t, scripted(parseDialogue(t, test.text)), say(test.says))
				if test.fail == "" && err != nil {
					t.Error(err)
				}
				if test.fail != "" {
					e := wantScriptError(t, err, test.fail)
					if strings.Contains(e.Error(), "s3cret") {
						t.Errorf("secret in %v", e)
					}
				}
			})
		})
	}
}

func TestDialogueConnections(t *testing.T) {
	srv := mock.Start(t, mock.Options{Network: mock.InMemory, Script: parseDialogue(t, "C: A\nCONNECT\nC: B\n")})
	say("A\r\n")(dial(t, srv))
	say("B\r\n")(dial(t, srv))
}

func TestDialogueDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := mock.Start(t, mock.Options{Network: mock.InMemory, Script: parseDialogue(t, "DELAY 3m\nS: 220 late\nC: A\nRESET")})
		c := dial(t, srv)
		c.conn.SetDeadline(time.Time{})
		start := time.Now()
		c.expect("220 late\r\n")
		if d := time.Since(start); d != 3*time.Minute {
			t.Errorf("greeting after %v", d)
		}
		c.send("A\r\n")
		if _, err := c.r.ReadByte(); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("got %v, want a reset", err)
		}
	})
}

func TestDialogueErrors(t *testing.T) {
	for name, test := range map[string]struct {
		text, want string
	}{
		"nothing":           {"# nothing\n", "test.smtp:1: no step"},
		"no keyword":        {"C: A\nHELLO\n", `test.smtp:2: "HELLO": a line is "S: text"`},
		"argument":          {"TLS now\n", `test.smtp:1: "TLS" and more: a line is`},
		"empty":             {"", "test.smtp:1: no step"},
		"argument of CLOSE": {"CLOSE now\n", `test.smtp:1: "CLOSE" and more: a line is`},
		"empty connection":  {"CONNECT\nCONNECT\nS: 220 x\n", "test.smtp:2: a connection without a step"},
		"and later":         {"S: 220 x\nCONNECT\nCONNECT\nS: 220 x\n", "test.smtp:3: a connection without a step"},
		"and at the end":    {"S: 220 x\nCONNECT\n", "test.smtp:2: CONNECT without a step"},
		"no time":           {"DELAY soon\n", "test.smtp:1: DELAY wants a time"},
		"no value":          {"C: ${nobody}\n", "test.smtp:1: ${nobody} has no value"},
		"open placeholder":  {"C: ${token\n", "test.smtp:1: ${ has no }"},
		"open b64":          {"C: b64(a\n", "test.smtp:1: b64( has no )"},
		"bad caret":         {"C: b64(^a)\n", "test.smtp:1: \"^a\" is no control character"},
		"bad escape":        {`C: b64(\n)`, `stands for nothing`},
		"skip to nothing":   {"...\n", "test.smtp:1: ... in line 1"},
		"skip to server":    {"...\nS: 250 ok\n", "test.smtp:2: behind ... in line 1"},
		"bar":               {"| a\n", "test.smtp:1: | stands behind CONTENT and CHUNK only"},
		"bar without space": {"CONTENT\n|a\n", `test.smtp:2: want "| text"`},
		"no END":            {"GROUP\nC: A\n", "test.smtp:2: GROUP in line 1 has no END"},
		"only END":          {"END\n", "test.smtp:1: END of nothing"},
		"empty group":       {"GROUP\nEND\n", "test.smtp:2: nothing between GROUP and END"},
		"group in group":    {"GROUP\nOPTIONAL\n", "test.smtp:2: OPTIONAL within GROUP of line 1"},
		"bad string":        {`S "a`, "test.smtp:1: malformed string"},
		"long line":         {"C: A\nC: " + strings.Repeat("x", 70_000), "test.smtp:2: line of more than 65536 octets"},
		"many":              {strings.Repeat("C: A\n", 6000), "test.smtp:5001: more than 5000 steps"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := mock.ParseDialogue("test.smtp", strings.NewReader(test.text), values)
			var e *mock.DialogueError
			if !errors.As(err, &e) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestDialogueFS(t *testing.T) {
	fsys := fstest.MapFS{"a.smtp": {Data: []byte("C: A\n")}, "bad.smtp": {Data: []byte("X\n")}}
	if err := run(t, scripted(mock.DialogueFS(fsys, "a.smtp")), say("A\r\n")); err != nil {
		t.Error(err)
	}
	_, err := mock.New(scripted(mock.DialogueFS(fsys, "bad.smtp")))
	var e *mock.DialogueError
	if !errors.As(err, &e) || e.Name != "bad.smtp" || e.Line != 1 {
		t.Errorf("got %v", err)
	}
}

// FuzzParseDialogue: a text is an error that names a line of it, or a step that
// a server can be started with.
func FuzzParseDialogue(f *testing.F) {
	files, err := filepath.Glob("testdata/*.smtp")
	if err != nil || len(files) == 0 {
		f.Fatal("no dialogues", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("GROUP\nC~ b64(^A*)\nEND\nCONNECT\nDELAY 1s\nCONTENT\n|...\n|~ x*\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := mock.ParseDialogue("fuzz.smtp", strings.NewReader(text), values)
		if err != nil {
			var e *mock.DialogueError
			if !errors.As(err, &e) || e.Line > strings.Count(text, "\n")+1 {
				t.Errorf("error %v", err)
			}
			return
		}
		srv, err := mock.New(mock.Options{Network: mock.InMemory, Script: s})
		if err != nil {
			t.Fatal(err)
		}
		srv.Close()
	})
}

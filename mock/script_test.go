package mock_test

import (
	"errors"
	"fmt"
	"io"
	"net/smtp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

// Options of a scripted server that no octet leaves.
func scripted(steps ...mock.Step) mock.Options {
	return mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, Script: mock.Seq(steps...)}
}

// run plays a client's part against a script and returns what the server says.
func run(t *testing.T, o mock.Options, client func(*client)) error {
	t.Helper()
	srv, err := mock.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	client(dial(t, srv))
	srv.Close()
	return srv.Err()
}

// say is a client that sends octets, reads all replies and leaves.
func say(octets string) func(*client) {
	return func(c *client) {
		c.send(octets)
		c.conn.(interface{ CloseWrite() error }).CloseWrite()
		io.Copy(io.Discard, c.r)
		c.conn.Close()
	}
}

// wantScriptError wants one error of a script whose text holds all the texts.
func wantScriptError(t *testing.T, err error, texts ...string) *mock.ScriptError {
	t.Helper()
	var e *mock.ScriptError
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *ScriptError", err)
	}
	// go-cmp writes spaces that are none.
	said := strings.ReplaceAll(e.Error(), "\u00a0", " ")
	for _, text := range texts {
		if !strings.Contains(said, text) {
			t.Errorf("%q is not in\n%s", text, said)
		}
	}
	return e
}

func TestSteps(t *testing.T) {
	for name, test := range map[string]struct {
		step mock.Step
		says string
		fail string // "" means that the script is followed
	}{
		"exact":                   {mock.Expect("NOOP"), "NOOP\r\n", ""},
		"exact, other case":       {mock.Expect("NOOP"), "noop\r\n", "line differs"},
		"exact, trailing space":   {mock.Expect("NOOP"), "NOOP \r\n", "line differs"},
		"asterisk is itself":      {mock.Expect("NOOP *"), "NOOP x\r\n", "line differs"},
		"bare LF":                 {mock.Expect("NOOP"), "NOOP\n\r\n", "line differs"},
		"pattern":                 {mock.ExpectLike("MAIL FROM:<*> SIZE=*"), "MAIL FROM:<a@b.test> SIZE=5\r\n", ""},
		"pattern, not":            {mock.ExpectLike("MAIL FROM:<*>"), "MAIL FROM:<a@b.test> SIZE=5\r\n", "line differs"},
		"pattern, escaped":        {mock.ExpectLike(`\*`), "x\r\n", "line differs"},
		"no CRLF":                 {mock.Expect("NOOP"), "NOOP", "behind NOOP, which has no CRLF"},
		"no end":                  {mock.Expect("NOOP"), strings.Repeat("x", 13000), "line of more than"},
		"command":                 {mock.ExpectCommand("MAIL", "a@b.test", "SIZE=*", "BODY=8BITMIME"), "mail from:<a@b.test> body=8BITMIME SIZE=7\r\n", ""},
		"command, more":           {mock.ExpectCommand("MAIL", "a@b.test"), "MAIL FROM:<a@b.test> SIZE=7\r\n", `"SIZE=7"`},
		"command, any more":       {mock.ExpectCommand("MAIL", "a@b.test", "*"), "MAIL FROM:<a@b.test> SIZE=7\r\n", ""},
		"command, less":           {mock.ExpectCommand("MAIL", "a@b.test", "BODY=8BITMIME", "*"), "MAIL FROM:<a@b.test>\r\n", `"BODY=8BITMIME"`},
		"command, other path":     {mock.ExpectCommand("RCPT", "a@b.test"), "RCPT TO:<c@d.test>\r\n", "c@d.test"},
		"one of":                  {mock.OneOf(mock.Expect("NOOP"), mock.Expect("RSET")), "RSET\r\n", ""},
		"one of, none":            {mock.OneOf(mock.Expect("NOOP"), mock.Expect("RSET")), "HELP\r\n", "none fits"},
		"one of, looks not ahead": {mock.OneOf(mock.Seq(mock.Expect("A"), mock.Expect("B")), mock.Expect("A")), "A\r\nC\r\n", "line differs"},
		"any order":               {mock.AnyOrder(mock.Expect("A"), mock.Expect("B"), mock.Expect("C")), "C\r\nA\r\nB\r\n", ""},
		"any order, twice":        {mock.AnyOrder(mock.Expect("A"), mock.Expect("B")), "A\r\nA\r\n", "none fits"},
		"optional":                {mock.Seq(mock.Optional(mock.Expect("NOOP")), mock.Expect("RSET")), "NOOP\r\nRSET\r\n", ""},
		"optional, absent":        {mock.Seq(mock.Optional(mock.Expect("NOOP")), mock.Expect("RSET")), "RSET\r\n", ""},
		"optional, at the end":    {mock.Seq(mock.Expect("RSET"), mock.Optional(mock.Expect("NOOP"))), "RSET\r\n", ""},
		"times":                   {mock.Seq(mock.Times(1, 3, mock.Expect("A")), mock.Expect("B")), "A\r\nA\r\nB\r\n", ""},
		"times, too few":          {mock.Seq(mock.Times(2, 3, mock.Expect("A")), mock.Expect("B")), "A\r\nB\r\n", "line differs"},
		"times, too many":         {mock.Seq(mock.Times(0, 1, mock.Expect("A")), mock.Expect("B")), "A\r\nA\r\n", "line differs"},
		"skip":                    {mock.SkipTo(mock.Expect("B")), "A\r\nA\r\nB\r\n", ""},
		"group":                   {mock.Group(mock.Expect("A"), mock.Reply(250, "", "a"), mock.Expect("B")), "A\r\nB\r\n", ""},
		"end":                     {mock.Seq(mock.Expect("A"), mock.ExpectEOF()), "A\r\n", ""},
		"end, not":                {mock.Seq(mock.Expect("A"), mock.ExpectEOF()), "A\r\nQUIT\r\n", "got QUIT"},
		"nothing":                 {mock.Seq(mock.Expect("A"), mock.ExpectNothing()), "A\r\nB", "want nothing, got"},
		"auth, initial response":  {mock.ExpectAuth("PLAIN", mock.Plain("u", "p")), "AUTH PLAIN " + b64("\x00u\x00p") + "\r\n", ""},
		"auth, after a challenge": {mock.ExpectAuth("plain", mock.Plain("u", "p")), "auth PLAIN\r\n" + b64("\x00u\x00p") + "\r\n", ""},
		"auth, other mechanism":   {mock.ExpectAuth("PLAIN"), "AUTH LOGIN\r\n", "want AUTH PLAIN, got AUTH LOGIN"},
		"auth, no base64":         {mock.ExpectAuth("PLAIN"), "AUTH PLAIN =x\r\n", "no base64"},
		"auth, cancelled":         {mock.ExpectAuth("PLAIN"), "AUTH PLAIN\r\n*\r\n", "gives up"},
		"response": {
			mock.Seq(mock.Expect("AUTH LOGIN"), mock.Challenge("User Name"), mock.ExpectResponse(mock.Exactly("u"))),
			"AUTH LOGIN\r\n" + b64("u") + "\r\n", "",
		},
		"data":            {mock.ExpectData(mock.Exactly(".dot\r\n")), "DATA\r\n..dot\r\n.\r\n", ""},
		"data, differs":   {mock.ExpectData(mock.Containing("Subject")), "DATA\r\ntext\r\n.\r\n", "want containing Subject"},
		"data, cut":       {mock.ExpectData(), "DATA\r\ntext\r\n", "within content"},
		"chunk":           {mock.Seq(mock.ExpectBDAT(false, mock.Exactly("a\r\n")), mock.ExpectBDAT(true)), "BDAT 3\r\na\r\nBDAT 0 LAST\r\n", ""},
		"chunk, not last": {mock.ExpectBDAT(true), "BDAT 0\r\n", "want BDAT <size> LAST"},
		"chunk, cut":      {mock.ExpectBDAT(true), "BDAT 9 LAST\r\nx", "within a chunk"},
		"matcher panics":  {mock.ExpectData(mock.That(func([]byte) error { panic("x") })), "DATA\r\n.\r\n", "panic"},
		"close":           {mock.Seq(mock.Reply(421, "4.3.2", "busy"), mock.Drop()), "", ""},
		"after close":     {mock.Seq(mock.Drop(), mock.Expect("A")), "", "connection is over"},
		"unread":          {mock.Expect("A"), "A\r\nB\r\n", "3 octets that no step reads, beginning with <redacted 1 octet>"},
		"left early":      {mock.Seq(mock.Expect("A"), mock.Expect("B")), "A\r\n", "the client has ended the connection"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := run(t, scripted(test.step), say(test.says))
				if test.fail == "" {
					if err != nil {
						t.Error(err)
					}
					return
				}
				wantScriptError(t, err, test.fail)
			})
		})
	}
}

// TestScriptOctets compares what the server sends, octet by octet.
func TestScriptOctets(t *testing.T) {
	o := scripted(
		mock.Hello("PIPELINING", "AUTH XOAUTH2"),
		mock.SignIn("XOAUTH2", mock.Bearer("you@example.test", "t0ken")),
		mock.Group(mock.Envelope("from@example.test", "to@example.test"), mock.ExpectCommand("DATA", "")),
		mock.Send("354-go", "354 ahead"),
		mock.ExpectContent(mock.Like("Subject: *\r\n")),
		mock.Raw([]byte("250 half")), mock.Delay(0), mock.Send(" whole"),
		mock.Bye(),
	)
	err := run(t, o, func(c *client) {
		c.dialogue(`
			S: 220 mock.test ESMTP
			C: EHLO client.test
			S: 250-mock.test
			S: 250-PIPELINING
			S: 250 AUTH XOAUTH2
			C: AUTH XOAUTH2 ` + b64("user=you@example.test\x01auth=Bearer t0ken\x01\x01") + `
			S: 235 2.7.0 Signed in
			C: MAIL FROM:<from@example.test> SIZE=9
			C: RCPT TO:<to@example.test>
			C: DATA
			S: 250 2.1.0 Sender ok
			S: 250 2.1.5 Recipient ok
			S: 354-go
			S: 354 ahead
			C: Subject: hello
			C: .
			S: 250 half whole
			C: QUIT
			S: 221 2.0.0 Bye`)
		c.expectEnd()
	})
	if err != nil {
		t.Error(err)
	}
}

// TestScriptReport looks at each part of a report.
func TestScriptReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := b64("user=you@example.test\x01auth=Bearer w4nted\x01\x01")
		_, _, here, _ := runtime.Caller(0)
		err := run(t, scripted(
			mock.Hello("AUTH XOAUTH2"),
			mock.ExpectAuth("XOAUTH2", mock.Bearer("me@example.test", "s3cret")),
			mock.Reply(535, "5.7.8", "no"),
			mock.Optional(mock.Expect("NOOP")),
			mock.Bye(),
		), say("EHLO client.test\r\nAUTH XOAUTH2 "+good+"\r\n"))
		e := wantScriptError(t, err,
			"mock: session 1: step 4 of 9 (script_test.go:", "Expect AUTH XOAUTH2: octets differ (-want +got):",
			"\n- \t\"me@example.test\",", "\n+ \t\"<redacted 16 octets>\",", "auth=Bearer <redacted 6 octets>",
			"\nlast lines:\n  +0.000s S: 220 mock.test ESMTP\n", "C: EHLO client.test", "C: AUTH XOAUTH2 <redacted",
			"\nnever reached:\n  5 Reply 535 ("+fmt.Sprintf("script_test.go:%d", here+4)+")", "  7 Expect QUIT (", "  8 Send 221 2.0.0 Bye (")
		for _, secret := range []string{"w4nted", "s3cret", good, b64("w4nted")} {
			if strings.Contains(fmt.Sprintf("%v %+v", e, e), secret) {
				t.Errorf("%q is in the report:\n%v", secret, e)
			}
		}
		if strings.Contains(err.Error(), "Expect NOOP") {
			t.Errorf("an optional step is called missing:\n%v", err)
		}
		if e.Session != 1 || e.Step != 4 || e.Steps != 9 {
			t.Errorf("session %d, step %d of %d", e.Session, e.Step, e.Steps)
		}
	})
}

func TestScriptReportsSecretsThatDiffer(t *testing.T) {
	err := run(t, scripted(mock.ExpectAuth("PLAIN", mock.Plain("u", "right"))), say("AUTH PLAIN "+b64("\x00u\x00wrong")+"\r\n"))
	wantScriptError(t, err, "octets differ in what is redacted; both are ^@u^@<redacted 5 octets>")
	err = run(t, scripted(mock.Expect("AUTH PLAIN "+b64("\x00u\x00right"))), say("AUTH PLAIN "+b64("\x00v\x00wrong")+"\r\n"))
	e := wantScriptError(t, err, "AUTH PLAIN b64(^@", "^@<redacted 5 octets>)")
	if s := fmt.Sprintf("%+v", e); strings.Contains(s, "right") || strings.Contains(s, "wrong") {
		t.Errorf("secret in %s", s)
	}
}

func TestStartReportsScript(t *testing.T) {
	for name, test := range map[string]struct {
		o      mock.Options
		dial   int
		says   string
		report string // in the one error; "" for none
	}{
		"followed":            {scripted(mock.Expect("A")), 1, "A\r\n", ""},
		"mismatch":            {scripted(mock.Expect("A")), 1, "B\r\n", "step 1 of 1 (script_test.go:"},
		"nobody came":         {scripted(mock.Expect("A")), 0, "", "connection 1 of 1 never came\nnever reached:\n  1 "},
		"nobody came, waived": {tolerating(scripted(mock.Expect("A")), mock.UnplayedSteps), 0, "", ""},
		"left early, waived":  {tolerating(scripted(mock.Expect("A"), mock.Expect("B")), mock.UnplayedSteps), 1, "A\r\n", ""},
		"unread":              {scripted(mock.Expect("A")), 1, "A\r\nB\r\n", "no step reads"},
		"unread, waived":      {tolerating(scripted(mock.Expect("A")), mock.UnreadOctets), 1, "A\r\nB\r\n", ""},
		"surprise":            {scripted(mock.Expect("A")), 2, "A\r\n", "session 2: surprise connection: the script has 1"},
		"surprise, waived":    {tolerating(scripted(mock.Expect("A")), mock.SurpriseConnections), 2, "A\r\n", ""},
		"mismatch, waived":    {tolerating(scripted(mock.Expect("A")), 7), 1, "B\r\n", "step 1 of 1"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := &fakeTB{}
				srv := mock.Start(fake, test.o)
				for range test.dial {
					conn, err := srv.Dial(t.Context(), "", "")
					if err != nil {
						t.Fatal(err)
					}
					conn.Write([]byte(test.says))
					conn.(interface{ CloseWrite() error }).CloseWrite()
					io.Copy(io.Discard, conn)
					conn.Close()
				}
				fake.end()
				switch {
				case test.report == "" && len(fake.errors) > 0:
					t.Errorf("reported %q", fake.errors)
				case test.report != "" && (len(fake.errors) != 1 || !strings.Contains(fake.errors[0], test.report)):
					t.Errorf("reported %q, want %q", fake.errors, test.report)
				}
			})
		})
	}
}

func tolerating(o mock.Options, what mock.Tolerance) mock.Options {
	o.Tolerate = what
	return o
}

// TestScriptTime waits as long as it says, and no longer.
func TestScriptTime(t *testing.T) {
	for name, test := range map[string]struct {
		step  mock.Step
		first string
		want  string
		after time.Duration
	}{
		"a minute": {mock.Expect("A"), "", "the client says nothing for 1m0s", time.Minute},
		"within":   {mock.Within(time.Hour, mock.Expect("A")), "", "the client says nothing for 1h0m0s", time.Hour},
		"group": {
			mock.Group(mock.Expect("A"), mock.Reply(250, "", "ok"), mock.Expect("B")), "A\r\n",
			"the client waits for replies instead of sending the group at once", 5 * time.Second,
		},
		"content": {mock.ExpectData(), "DATA\r\n", "within content: the client says nothing for 1m0s", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, err := mock.New(scripted(test.step))
				if err != nil {
					t.Fatal(err)
				}
				defer srv.Close()
				conn, err := srv.Dial(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				start := time.Now()
				conn.Write([]byte(test.first))
				io.Copy(io.Discard, conn)
				if d := time.Since(start); d < test.after || d > test.after+time.Second {
					t.Errorf("ended after %v, want %v", d, test.after)
				}
				wantScriptError(t, srv.Err(), test.want)
			})
		})
	}
}

func TestScriptClosedWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, err := mock.New(scripted(mock.Expect("A"), mock.Expect("B")))
		if err != nil {
			t.Fatal(err)
		}
		conn, err := srv.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write([]byte("A\r\n"))
		synctest.Wait()
		if err := srv.Err(); err != nil {
			t.Errorf("before Close: %v", err)
		}
		srv.Close()
		wantScriptError(t, srv.Err(), "step 2 of 2", "still waiting when the server was closed")
	})
}

func TestScriptConnections(t *testing.T) {
	o := mock.Options{Network: mock.InMemory, Script: mock.Conns(mock.Expect("A"), mock.Expect("B"))}
	err := run(t, o, say("A\r\n"))
	wantScriptError(t, err, "connection 2 of 2 never came", "1 Expect")

	srv := mock.Start(t, o)
	say("A\r\n")(dial(t, srv))
	say("B\r\n")(dial(t, srv))
}

func TestScriptTLS(t *testing.T) {
	srv := mock.Start(t, mock.Options{Script: mock.Seq(
		mock.Hello("STARTTLS"), mock.ExpectSTARTTLS(), mock.HelloAgain("AUTH PLAIN"),
		mock.SignIn("PLAIN", mock.Plain("user", "secret")), mock.Envelope("from@example.test", "to@example.test"),
		mock.ExpectData(mock.Like("*hello*")), mock.Reply(250, "2.0.0", "ok"), mock.Bye(),
	)})
	if err := send(srv, smtp.PlainAuth("", "user", "secret", "127.0.0.1"), "from@example.test", "to@example.test", "Subject: hello\r\n\r\n"); err != nil {
		t.Error(err)
	}

	srv = mock.Start(t, mock.Options{Certificate: mock.Expired, Script: mock.Seq(
		mock.Hello("STARTTLS"), mock.Expect("STARTTLS"), mock.Reply(220, "", "go"), mock.ExpectTLSFailure(),
	)})
	if err := send(srv, nil, "from@example.test", "to@example.test", ""); err == nil {
		t.Error("net/smtp accepts an expired certificate")
	}

	err := run(t, scripted(mock.Expect("STARTTLS"), mock.UpgradeTLS()), say("STARTTLS\r\nNOOP\r\n"))
	wantScriptError(t, err, "6 octets in clear before TLS")
}

func TestScriptOptions(t *testing.T) {
	step := mock.Expect("A")
	for name, test := range map[string]struct {
		o    mock.Options
		want string
	}{
		"faults":      {mock.Options{Script: step, Faults: []mock.Fault{mock.At("RCPT").Do(mock.Drop())}}, "Script together with Faults"},
		"tolerate":    {mock.Options{Tolerate: mock.UnreadOctets}, "Tolerate without Options.Script"},
		"nil step":    {mock.Options{Script: mock.Seq(step, nil)}, "nil step"},
		"zero action": {mock.Options{Script: mock.Seq(mock.Action{})}, "zero Action"},
		"bad action":  {mock.Options{Script: mock.Reply(42, "", "x")}, "a reply code is a number from 200 to 599"},
		"a manner":    {mock.Options{Script: mock.Drip(1, 1)}, "write All(Drip(...), Reply(...))"},
		"waived":      {mock.Options{Script: step, Tolerate: mock.UnreachedFaults}, "a script has no faults"},
		"inner Conns": {mock.Options{Script: mock.Seq(mock.Conns(step))}, "script_test.go:"},
		"no file":     {mock.Options{Script: mock.DialogueFile("testdata/none.smtp")}, "none.smtp"},
		"CRLF":        {mock.Options{Script: mock.Expect("QUIT\r\n")}, "script_test.go:"},
		"CRLF, said":  {mock.Options{Script: mock.Send("250 x\r\n")}, "CR or LF within a line; Send says lines without their CRLF"},
		"LF, like":    {mock.Options{Script: mock.ExpectLike("*\n")}, "CR or LF within a line"},
		"times":       {mock.Options{Script: mock.Times(3, 1, step)}, "Times: at least 3 times and at most 1"},
		"times, < 0":  {mock.Options{Script: mock.Times(-1, 1, step)}, "Times: a number is negative"},
		"times, ever": {mock.Options{Script: mock.Times(0, 0, mock.NoReply())}, "Times without a maximum would never end"},
		"ever, parts": {mock.Options{Script: mock.Times(0, 0, mock.Seq(mock.Send("250 x"), mock.Optional(step)))}, "Times without a maximum would never end"},
		"ever, one":   {mock.Options{Script: mock.Times(0, 0, mock.OneOf(step, mock.NoReply()))}, "Times without a maximum would never end"},
		"ever, looks": {mock.Options{Script: mock.Times(0, 0, mock.ExpectNothing())}, "Times without a maximum would never end"},
		"no time":     {mock.Options{Script: mock.Within(-1, step)}, "Within: -1ns is no time to wait"},
		"no choice":   {mock.Options{Script: mock.OneOf()}, "OneOf of no step"},
		"no Seq":      {mock.Options{Script: mock.Seq(step, mock.Seq())}, "Seq of no step"},
		"no SkipTo":   {mock.Options{Script: mock.SkipTo()}, "SkipTo of no step"},
		"no Conns":    {mock.Options{Script: mock.Conns()}, "Conns of no step"},
		"handshake":   {mock.Options{Script: mock.FailHandshake()}, "FailHandshake is for a fault at TLS, and no step"},
		"inject":      {mock.Options{Script: mock.InjectAfter220(nil)}, "InjectAfter220 is for a fault at STARTTLS, and no step"},
		"delay":       {mock.Options{Script: mock.Delay(-1)}, "a delay is negative"},
		"tolerance":   {mock.Options{Script: step, Tolerate: 99}, "unknown Options.Tolerate"},
		"mock: twice": {mock.Options{Script: mock.DialogueFile("testdata/none.smtp")}, "mock: Options.Script: script_test.go:"},
		"too many":    {mock.Options{Script: nest(step, 40)}, "more than 10000 steps"},
	} {
		t.Run(name, func(t *testing.T) {
			srv, err := mock.New(test.o)
			if err == nil {
				srv.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), test.want) || strings.Count(err.Error(), "mock: ") != 1 {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// TestEndlessScriptCloses: a step that is played for ever does not outlive the
// server.
func TestEndlessScriptCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, err := mock.New(scripted(mock.Times(0, 1<<62, mock.Delay(time.Second))))
		if err != nil {
			t.Fatal(err)
		}
		conn, err := srv.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		synctest.Wait()
		srv.Close()
	})
}

// nest doubles a step again and again.
func nest(s mock.Step, depth int) mock.Step {
	for range depth {
		s = mock.Seq(s, s)
	}
	return s
}

package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
)

// Bad input: one clear line, an exit code, and no connection.
func TestSendBadInput(t *testing.T) {
	srv := startServer(t)
	message := writeFile(t, "m.eml", testMessage)
	token := writeFile(t, "token", goodToken)
	open := writeFile(t, "open", goodToken)
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	empty := writeFile(t, "empty", "")
	junk := writeFile(t, "junk", "not what it should be "+goodToken+"\nat all\n")
	missing := filepath.Join(t.TempDir(), "missing")
	signIn := []string{"--user", testUser, "--token-file", token}
	google := writeFile(t, "client.json", `{"installed":{"client_id":"id","client_secret":"GOCSPX-0123456789"}}`)
	mbox := writeFile(t, "mbox", "From you@example.com Sun Nov 22 20:00:00 2026\n"+testMessage)
	marked := writeFile(t, "marked", "\ufeff"+testMessage)
	bearer := writeFile(t, "bearer", "Bearer "+goodToken+"\n")
	user := writeFile(t, "user.json", `{"type":"authorized_user","client_id":"id","refresh_token":"1//x"}`)

	for name, test := range map[string]struct {
		args []string // after those that lead to the server
		code int
		want string // the line, without "postern: "; "..." stands for the help it leads to
	}{
		"no message":              {nil, exitUsage, `no message: name a file, or "-" for the standard input ...`},
		"unknown flag":            {[]string{"--wrong=" + goodToken, message}, exitUsage, "unknown flag: --wrong ..."},
		"password as flag":        {[]string{"--password", password, message}, exitUsage, "unknown flag: --password; passwords come from --password-file ..."},
		"token as flag":           {[]string{"--token=" + goodToken, message}, exitUsage, "unknown flag: --token; tokens come from --token-command, --token-file or --token-stdin ..."},
		"unknown short flag":      {[]string{"-p" + password, message}, exitUsage, "unknown shorthand flag: 'p' ..."},
		"token as value":          {[]string{"--token-stdin=" + goodToken, message}, exitUsage, "--token-stdin takes no value ..."},
		"token as file":           {[]string{"--user", testUser, "--token-file", goodToken, message}, exitNoInput, "--token-file: no such file or directory (its name is not shown: it might be the secret)"},
		"token as command":        {[]string{"--user", testUser, "--token-command", goodToken, message}, exitConfig, "--token-command: the program: executable file not found in $PATH"},
		"flag without value":      {[]string{message, "--user"}, exitUsage, "flag needs an argument: --user ..."},
		"bad duration":            {[]string{"--timeout", "soon", message}, exitUsage, "--timeout: write it with a unit, such as 90s ..."},
		"negative duration":       {[]string{"--timeout", "-1s", message}, exitUsage, "--timeout is negative ..."},
		"provider of no address":  {[]string{"--server", "", "--provider", "any", message}, exitUsage, "--provider any has no address of its own: give --server URL too ..."},
		"no server":               {[]string{"--server", "", message}, exitUsage, "no server: give --server URL or --provider NAME ..."},
		"unknown provider":        {[]string{"--server", "", "--provider", "gmial", message}, exitUsage, `unknown provider "gmial"; known are ` + strings.Join(providerNames(), ", ") + ` ...`},
		"wrong scheme":            {[]string{"--server", "http://mail.example.com", message}, exitUsage, "--server: the URL begins neither with smtps:// nor with smtp:// ..."},
		"unknown mechanism":       {[]string{"--mechanism", "NTLM", message}, exitUsage, `unknown mechanism "NTLM"; known are EXTERNAL, XOAUTH2, OAUTHBEARER, SCRAM-SHA-512-PLUS, SCRAM-SHA-256-PLUS, SCRAM-SHA-1-PLUS, SCRAM-SHA-512, SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, LOGIN, CRAM-MD5 ...`},
		"user alone":              {[]string{"--user", testUser, message}, exitUsage, "--user without a credential: give one of --token-command, --token-file, --token-stdin, --google-client, --password-file ..."},
		"token alone":             {[]string{"--token-file", token, message}, exitUsage, "--token-file without --user ..."},
		"two credentials":         {append([]string{"--password-file", token, message}, signIn...), exitUsage, "--token-file together with --password-file: give one kind of credential ..."},
		"token and message":       {[]string{"--user", testUser, "--token-stdin", "-"}, exitUsage, "--token-stdin together with a message from the standard input: give one of them as a file ..."},
		"refresh token alone":     {append([]string{"--google-refresh-file", token, message}, signIn...), exitUsage, "--google-refresh-file without --google-client ..."},
		"shell in command":        {[]string{"--user", testUser, "--token-command", "cat x | head", message}, exitUsage, `--token-command: "|" needs a shell, and none runs: quote it, or write sh -c '...' ...`},
		"empty command":           {[]string{"--user", testUser, "--token-command", " ", message}, exitUsage, "--token-command is empty ..."},
		"no such command":         {[]string{"--user", testUser, "--token-command", "no-such-program-here x", message}, exitConfig, "--token-command: the program: executable file not found in $PATH"},
		"no such message":         {append([]string{missing}, signIn...), exitNoInput, "stat " + missing + ": no such file or directory"},
		"directory":               {append([]string{filepath.Dir(message)}, signIn...), exitNoInput, filepath.Dir(message) + " is a directory"},
		"empty message":           {append([]string{empty}, signIn...), exitData, empty + " is empty"},
		"empty standard input":    {append([]string{"-"}, signIn...), exitNoInput, "standard input: no message came"},
		"no such token":           {[]string{"--user", testUser, "--token-file", missing, message}, exitNoInput, "--token-file: no such file or directory (its name is not shown: it might be the secret)"},
		"token for all to see":    {[]string{"--user", testUser, "--token-file", open, message}, exitConfig, "--token-file: others can read " + open + ", which holds a secret: run chmod 600 on it"},
		"password for all":        {[]string{"--user", testUser, "--password-file", open, message}, exitConfig, "--password-file: others can read " + open + ", which holds a secret: run chmod 600 on it"},
		"empty token":             {[]string{"--user", testUser, "--token-file", empty, message}, exitConfig, "--token-file: " + empty + " has an empty first line: there is no secret"},
		"token of two lines":      {[]string{"--user", testUser, "--token-file", junk, message}, exitConfig, "--token-file: " + junk + " has more than one line: there must be the secret and nothing else"},
		"empty standard token":    {[]string{"--user", testUser, "--token-stdin", message}, exitConfig, "--token-stdin: the standard input has an empty first line: there is no secret"},
		"no such client":          {[]string{"--user", testUser, "--google-client", missing, message}, exitNoInput, "--google-client: no such file or directory (its name is not shown: it might be the secret)"},
		"client not JSON":         {[]string{"--user", testUser, "--google-client", junk, message}, exitConfig, "--google-client: " + junk + " is not JSON as Google saves it"},
		"client without refresh":  {[]string{"--user", testUser, "--google-client", google, message}, exitConfig, "--google-client: " + google + " is an OAuth client and has no refresh token: add --google-refresh-file"},
		"two refresh tokens":      {[]string{"--user", testUser, "--google-client", user, "--google-refresh-file", token, message}, exitUsage, "--google-refresh-file is for an OAuth client, which " + user + " is not ..."},
		"no such CA":              {append([]string{"--tls-ca", missing, message}, signIn...), exitNoInput, "--tls-ca: open " + missing + ": no such file or directory"},
		"CA not PEM":              {append([]string{"--tls-ca", junk, message}, signIn...), exitConfig, "--tls-ca: " + junk + " holds no certificate in PEM form"},
		"line break in address":   {append([]string{"--to", "a@example.com>\r\nRCPT TO:<b@example.com", message}, signIn...), exitData, `--to: "a@example.com>\r\nRCPT TO:<b@example.com" holds a control character`},
		"NUL in address":          {append([]string{"--from", "a\x00@example.com", message}, signIn...), exitData, `--from: "a\x00@example.com" holds a control character`},
		"no address":              {append([]string{"--to", "somebody", message}, signIn...), exitData, `--to: "somebody" is no address like friend@example.com`},
		"two senders":             {append([]string{"--from", "a@example.com,b@example.com", message}, signIn...), exitData, `--from: 2 addresses; a message has one sender ("<>" for none)`},
		"no recipient":            {append([]string{writeFile(t, "to.eml", "From: a@example.com\n\nx\n")}, signIn...), exitData, "bad envelope: no recipient in To, Cc or Bcc (--from and --to together take the place of the header)"},
		"URL with one slash":      {[]string{"--server", "smtp:/localhost", message}, exitUsage, "--server: write it as smtps://host:port or smtp://host:port ..."},
		"STARTTLS on port 465":    {[]string{"--server", "smtp://localhost:465", message}, exitUsage, "--server: smtp:// with port 465, which is for implicit TLS; use smtps:// ..."},
		"password in URL":         {[]string{"--server", "smtps://me:x@localhost", message}, exitUsage, "--server: user or password in the server address: give them apart from it ..."},
		"mechanism for passwords": {append([]string{"--mechanism", "PLAIN,LOGIN", message}, signIn...), exitUsage, "unusable credentials: no mechanism named by --mechanism takes them ..."},
		"mechanism twice":         {append([]string{"--mechanism", "PLAIN,plain", message}, signIn...), exitUsage, `--mechanism names "plain" twice ...`},
		"NUL in user name":        {[]string{"--user", "a\x00b", "--token-file", token, message}, exitUsage, "--user holds a control character ..."},
		"duration without unit":   {[]string{"--timeout", "5", message}, exitUsage, "--timeout: write it with a unit, such as 90s ..."},
		"recipient, no sender":    {append([]string{"--to", "b@example.com", writeFile(t, "from.eml", "Subject: x\n\nx\n")}, signIn...), exitData, "bad envelope: no From in the header (or give --from)"},
		"mailbox":                 {append([]string{mbox}, signIn...), exitData, mbox + ": the file begins like a mailbox, not a message"},
		"message with BOM":        {append([]string{marked}, signIn...), exitData, marked + " begins with a byte order mark: save it without"},
		"password with BOM":       {[]string{"--user", testUser, "--password-file", marked, message}, exitConfig, "--password-file: " + marked + " begins with a byte order mark: save it without"},
		"header field as token":   {[]string{"--user", testUser, "--token-file", bearer, message}, exitConfig, "--token-file: " + bearer + ` holds more than a token: write the token alone, without "Bearer" or JSON`},
		"JSON as token":           {[]string{"--user", testUser, "--token-file", user, message}, exitConfig, "--token-file: " + user + ` holds more than a token: write the token alone, without "Bearer" or JSON`},
		"NUL in message":          {append([]string{writeFile(t, "nul.eml", testMessage+"\x00\n")}, signIn...), exitData, "bad message: it holds a NUL octet"},
	} {
		t.Run(name, func(t *testing.T) {
			got := invoke(t, "", toServer(t, srv, test.args...)...)
			want := "postern: " + strings.TrimSuffix(test.want, "...")
			if strings.HasSuffix(test.want, "...") {
				want += "(see postern send --help)"
			}
			if got != (outcome{test.code, "", want + "\n"}) {
				t.Errorf("got  %+v\nwant %+v", got, outcome{test.code, "", want + "\n"})
			}
			checkSecrets(t, got.stderr, goodToken, "GOCSPX-0123456789")
			if n := srv.Connections(); n != 0 {
				t.Fatalf("%d connections", n)
			}
		})
	}
}

// What the server, the network or time can do to a message.
func TestSendFailures(t *testing.T) {
	for name, test := range map[string]struct {
		faults []mock.Fault
		args   []string
		want   outcome
	}{
		"one recipient refused": {
			faults: []mock.Fault{mock.At("RCPT").Nth(2).Do(mock.Reply(550, "5.1.1", "No such user"))},
			want: outcome{
				exitNoUser, "accepted  a@example.com\naccepted  hidden@example.com\nrefused   b@example.com: 550 5.1.1 No such user\nserver    250 2.0.0 Queued as 1.1\nqueue id  1.1\n",
				"postern: message accepted, but not for one recipient: RCPT: 550 5.1.1 No such user, for <b@example.com>\n",
			},
		},
		"one recipient refused for now": { // the others have the message, so it must not be sent to all again
			faults: []mock.Fault{mock.At("RCPT").Nth(2).Do(mock.Reply(451, "4.7.1", "Greylisted"))},
			want: outcome{
				exitNoUser, "accepted  a@example.com\naccepted  hidden@example.com\nrefused   b@example.com: 451 4.7.1 Greylisted\nserver    250 2.0.0 Queued as 1.1\nqueue id  1.1\n",
				"postern: message accepted, but not for one recipient: RCPT: 451 4.7.1 Greylisted, for <b@example.com>\n",
			},
		},
		"all recipients refused": {
			faults: []mock.Fault{mock.At("RCPT").Do(mock.Reply(550, "5.1.1", "No such user"))},
			args:   []string{"--to", "x@example.com"},
			want:   outcome{exitNoUser, "refused   x@example.com: 550 5.1.1 No such user\n", "postern: RCPT: 550 5.1.1 No such user, for <x@example.com>\n"},
		},
		"all recipients refused for now": {
			faults: []mock.Fault{mock.At("RCPT").Do(mock.Reply(451, "4.7.1", "Greylisted"))},
			args:   []string{"--to", "x@example.com"},
			want:   outcome{exitTemporary, "refused   x@example.com: 451 4.7.1 Greylisted\n", "postern: RCPT: 451 4.7.1 Greylisted, for <x@example.com>\n"},
		},
		"refused for now and for good": {
			faults: []mock.Fault{
				mock.At("RCPT").Nth(1).Do(mock.Reply(451, "4.7.1", "Greylisted")),
				mock.At("RCPT").Nth(2).Do(mock.Reply(550, "5.1.1", "No such user")),
			},
			args: []string{"--to", "x@example.com,y@example.com"},
			want: outcome{
				exitNoUser, "refused   x@example.com: 451 4.7.1 Greylisted\nrefused   y@example.com: 550 5.1.1 No such user\n",
				"postern: all 2 recipients refused: RCPT: 451 4.7.1 Greylisted, for <x@example.com>\n",
			},
		},
		"message refused": {
			faults: []mock.Fault{mock.At("EOD").Do(mock.Reply(554, "5.6.0", "Not like this"))},
			want:   outcome{exitData, "", "postern: end of message: 554 5.6.0 Not like this\n"},
		},
		"message refused for now": {
			faults: []mock.Fault{mock.At("EOD").Do(mock.Reply(452, "4.3.1", "Disk full"))},
			want:   outcome{exitTemporary, "", "postern: end of message: 452 4.3.1 Disk full\n"},
		},
		"sign-in throttled": {
			faults: []mock.Fault{mock.At("AUTH").Do(mock.Reply(454, "4.7.0", "Too many sign-ins"))},
			want: outcome{exitTemporary, "", "postern: sign-in with XOAUTH2: AUTH: 454 4.7.0 Too many sign-ins " +
				"(The server cannot check credentials at the moment: nothing is wrong with them as far as it knows. Try again later.)\n"},
		},
		"lost before the end": {
			faults: []mock.Fault{mock.At("DATA").Do(mock.Drop())},
			want:   outcome{exitUnavailable, "", "postern: DATA: the server closed the connection: EOF\n"},
		},
		"lost after the end": {
			faults: []mock.Fault{mock.At("EOD").Do(mock.Drop())},
			want: outcome{exitUncertain, "", "postern: delivery uncertain: end of message: the server closed the connection: EOF " +
				"(the message may have been delivered: look for it before sending it again)\n"},
		},
		"nonsense": {
			faults: []mock.Fault{mock.At("EHLO").Do(mock.Raw([]byte("what?\r\n")))},
			want:   outcome{exitProtocol, "", "postern: EHLO: protocol error: "},
		},
		"STARTTLS missing": {
			faults: []mock.Fault{mock.At("EHLO").Do(mock.Reply(250, "", "mock.test", "AUTH XOAUTH2 PLAIN"))},
			want: outcome{exitProtocol, "", "postern: TLS is required and the server does not offer STARTTLS " +
				"(for TLS from the start write smtps:// instead of smtp://; or somebody on the way removed the offer)\n"},
		},
		"too slow": {
			args: []string{"--timeout", "1ns"},
			want: outcome{exitTemporary, "", "postern: the message: not done within 1ns (--timeout)\n"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := startServer(t, test.faults...)
			args := append(toServer(t, srv, withToken(t, goodToken)...), test.args...)
			got := invoke(t, "", append(args, writeFile(t, "m.eml", testMessage))...)
			checkFailure(t, got, test.want)
			checkSecrets(t, got.stderr+got.stdout, goodToken)
		})
	}
}

// checkFailure compares outcomes. A wanted line without an end may go on.
func checkFailure(t *testing.T, got, want outcome) {
	t.Helper()
	if got.code != want.code || got.stdout != want.stdout {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got.stderr != want.stderr && (strings.HasSuffix(want.stderr, "\n") || !strings.HasPrefix(got.stderr, want.stderr)) {
		t.Errorf("got  %q\nwant %q", got.stderr, want.stderr)
	}
	if strings.Count(got.stderr, "\n") != 1 {
		t.Errorf("not one line: %q", got.stderr)
	}
}

func TestSendWrongToken(t *testing.T) {
	srv := startServer(t)
	got := invoke(t, "", toServer(t, srv, append(withToken(t, badToken), writeFile(t, "m.eml", testMessage))...)...)
	checkFailure(t, got, outcome{exitNoPermission, "", "postern: sign-in with XOAUTH2: "})
	if !strings.HasSuffix(got.stderr, ": AUTH: 535 5.7.8 Credentials refused "+
		"(The server refuses the credentials: check the user name and the token that goes with it.)\n") {
		t.Errorf("%q: want the reply, and advice that is about the token", got.stderr)
	}
	checkSecrets(t, got.stderr, badToken)
	if len(srv.Auths()) != 1 || len(srv.Messages()) != 0 {
		t.Errorf("%d AUTH commands, %d messages", len(srv.Auths()), len(srv.Messages()))
	}
}

func TestSendWrongPassword(t *testing.T) {
	srv := startServer(t)
	args := toServer(t, srv, "--user", testUser, "--password-file", writeFile(t, "p", badToken), writeFile(t, "m.eml", testMessage))
	got := invoke(t, "", args...)
	checkFailure(t, got, outcome{exitNoPermission, "", "postern: sign-in with SCRAM-SHA-512-PLUS: AUTH: 535 5.7.8 Credentials refused ("})
	checkSecrets(t, got.stderr, badToken)
}

func TestSendGoogleRefused(t *testing.T) {
	authority := mock.StartAuthority(t, mock.AuthorityOptions{Dialect: mock.GoogleOAuth})
	refresh := authority.Grant(testUser).Reveal()
	file := writeFile(t, "user.json", `{"type":"authorized_user","client_id":"id","client_secret":"GOCSPX-0123456789","refresh_token":"`+refresh+`"}`)
	srv := mock.Start(t, mock.Options{Tokens: authority})
	args := toServer(t, srv, "--user", testUser, "--google-client", file, writeFile(t, "m.eml", testMessage))

	t.Run("for now", func(t *testing.T) {
		authority.FailNext(1, 503, "temporarily_unavailable", 0)
		got := invokeApp(t, t.Context(), googleApp(authority), args...)
		checkFailure(t, got, outcome{exitTemporary, "", "postern: no access token: "})
	})
	t.Run("for good", func(t *testing.T) {
		authority.RevokeGrant(sasl.NewSecret(refresh))
		got := invokeApp(t, t.Context(), googleApp(authority), args...)
		checkFailure(t, got, outcome{exitNoPermission, "", "postern: no access token: "})
		checkSecrets(t, got.stderr, refresh, "GOCSPX-0123456789")
	})
	if n := len(srv.Auths()); n != 0 {
		t.Errorf("%d AUTH commands without a token", n)
	}
}

func TestTokenCommandFailures(t *testing.T) {
	needProgram(t, "sh")
	for name, test := range map[string]struct {
		command string
		want    outcome
	}{
		"fails":         {"sh -c 'exit 3'", outcome{exitNoPermission, "", "postern: no access token: --token-command sh: exit status 3\n"}},
		"fails for now": {"sh -c 'exit 75'", outcome{exitTemporary, "", "postern: no access token: --token-command sh: exit status 75\n"}},
		"says nothing":  {"sh -c 'echo; echo x'", outcome{exitNoPermission, "", "postern: no access token: --token-command sh: its first line of output is empty\n"}},
		"says too much": {
			"sh -c 'while echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; do :; done'",
			outcome{exitNoPermission, "", "postern: no access token: --token-command sh: more than 65536 octets of output: that is not a token\n"},
		},
		"says JSON": {
			`sh -c 'echo "{\"token\":\"x\"}"'`,
			outcome{exitNoPermission, "", "postern: no access token: --token-command sh: its output is JSON without an access_token\n"},
		},
		"says Bearer": {
			"sh -c 'echo Bearer x'",
			outcome{exitNoPermission, "", "postern: no access token: --token-command sh: its first line of output holds more than a token: print it alone, without \"Bearer\", or as JSON with access_token\n"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := startServer(t)
			args := toServer(t, srv, "--user", testUser, "--token-command", test.command, writeFile(t, "m.eml", testMessage))
			checkFailure(t, invoke(t, "", args...), test.want)
			if n := len(srv.Auths()); n != 0 {
				t.Errorf("%d AUTH commands without a token", n)
			}
		})
	}
}

func TestSendUntrusted(t *testing.T) {
	srv := startServer(t)
	args := append([]string{"send", "--server", srv.URL(), writeFile(t, "m.eml", testMessage)}, withToken(t, goodToken)...)
	got := invoke(t, "", args...)
	checkFailure(t, got, outcome{exitProtocol, "", "postern: "})
	if !strings.HasSuffix(got.stderr, "(if the server's certificate is from an authority of your own, name that with --tls-ca)\n") {
		t.Errorf("no advice in %q", got.stderr)
	}
	if len(srv.Auths()) != 0 {
		t.Error("signed in to a server that nobody has verified")
	}
}

// nobody returns the address of a port on which nobody listens any more.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestSendUnreachable(t *testing.T) {
	got := invoke(t, "", "send", "--server", "smtp://"+nobody(t), writeFile(t, "m.eml", testMessage))
	checkFailure(t, got, outcome{exitUnavailable, "", "postern: connecting: 127.0.0.1:"})
	if !strings.HasSuffix(got.stderr, " (nothing listens there: check host and port)\n") {
		t.Errorf("no advice in %q", got.stderr)
	}
}

// TLS from the start against a server that speaks first.
func TestSendWrongTLSMode(t *testing.T) {
	srv := startServer(t)
	got := invoke(t, "", "send", "--server", "smtps://"+srv.Addr(), writeFile(t, "m.eml", testMessage))
	checkFailure(t, got, outcome{exitProtocol, "", "postern: "})
	if strings.Count(got.stderr, "smtp://") != 1 {
		t.Errorf("not one piece of advice in %q", got.stderr)
	}
}

// A trigger is a writer that calls f once the text has been written.
type trigger struct {
	bytes.Buffer
	text string
	f    func()
}

func (w *trigger) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(w.text)) {
		w.f()
	}
	return w.Buffer.Write(p)
}

// A signal in the middle of a transaction ends it, and nothing is delivered.
func TestSendInterrupted(t *testing.T) {
	srv := mock.Start(t, mock.Options{
		Tokens: mock.UserTokens{testUser: goodToken}, Faults: []mock.Fault{mock.At("MAIL").Do(mock.Stall())},
		Tolerate: mock.UnreachedFaults, // the signal may be faster than MAIL
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	log := &trigger{text: "MAIL FROM", f: func() { cancel(&signalError{os.Interrupt}) }}
	args := toServer(t, srv, append(withToken(t, goodToken), "--verbose", writeFile(t, "m.eml", testMessage))...)
	got := invokeApp(t, ctx, &app{stderr: log}, args...)
	if got.code != exitInterrupted || !strings.HasSuffix(log.String(), "\npostern: interrupted: the message was not sent\n") {
		t.Errorf("exit code %d, %s", got.code, log)
	}
	if len(srv.Messages()) != 0 {
		t.Error("a message was delivered")
	}
}

// A standard input that never ends does not hold up a signal.
func TestSendInterruptedWhileReading(t *testing.T) {
	in, out := net.Pipe()
	t.Cleanup(func() { in.Close(); out.Close() })
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(&signalError{syscall.SIGTERM})
	got := invokeApp(t, ctx, &app{stdin: in}, "send", "--provider", "gmail", "-")
	if got != (outcome{exitTerminated, "", "postern: terminated: the message was not sent\n"}) {
		t.Errorf("%+v", got)
	}
}

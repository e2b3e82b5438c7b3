package main

import (
	"strconv"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
)

const accepted = "accepted  a@example.com\naccepted  b@example.com\naccepted  hidden@example.com\nserver    250 2.0.0 Queued as 1.1\nqueue id  1.1\n"

func TestSendCredentials(t *testing.T) {
	for name, test := range map[string]struct {
		args      func(t *testing.T) []string
		stdin     string
		mechanism string
	}{
		"token command": {
			args: func(t *testing.T) []string {
				needProgram(t, "cat")
				return []string{"--token-command", "cat '" + writeFile(t, "a token", "  "+goodToken+" \r\nmore\n") + "'"}
			},
			mechanism: "XOAUTH2",
		},
		"token command that prints JSON": {
			args: func(t *testing.T) []string {
				needProgram(t, "cat")
				return []string{"--token-command", "cat '" + writeFile(t, "answer", `{"access_token":"`+goodToken+`","expires_in":3600}`) + "'"}
			},
			mechanism: "XOAUTH2",
		},
		"token file": {
			args:      func(t *testing.T) []string { return []string{"--token-file", writeFile(t, "token", goodToken+"\n")} },
			mechanism: "XOAUTH2",
		},
		"token from standard input": {
			args:      func(*testing.T) []string { return []string{"--token-stdin"} },
			stdin:     goodToken + "\n",
			mechanism: "XOAUTH2",
		},
		"password file": {
			args: func(t *testing.T) []string {
				return []string{"--password-file", writeFile(t, "password", password+"\r\n")}
			},
			mechanism: "SCRAM-SHA-512-PLUS",
		},
		"named mechanism": {
			args: func(t *testing.T) []string {
				return []string{"--token-file", writeFile(t, "token", goodToken), "--mechanism", "oauthbearer,XOAUTH2"}
			},
			mechanism: "OAUTHBEARER",
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := startServer(t)
			args := append(toServer(t, srv, "--user", testUser), test.args(t)...)
			got := invoke(t, test.stdin, append(args, writeFile(t, "m.eml", testMessage))...)
			if want := (outcome{exitOK, accepted, ""}); got != want {
				t.Fatalf("got %+v, want %+v", got, want)
			}
			checkStored(t, srv, test.mechanism)
		})
	}
}

// checkStored checks the one message that a server has.
func checkStored(t *testing.T, srv *mock.Server, mechanism string) {
	t.Helper()
	messages := srv.Messages()
	if len(messages) != 1 {
		t.Fatalf("%d messages, want 1", len(messages))
	}
	m := messages[0]
	if m.Mechanism != mechanism || mechanism != "" && m.User != testUser || !m.TLS {
		t.Errorf("signed in as %q by %q, TLS %t; want %q by %q", m.User, m.Mechanism, m.TLS, testUser, mechanism)
	}
	if string(m.Data) != sentMessage {
		t.Errorf("stored %q, want %q", m.Data, sentMessage)
	}
	if m.From != "you@example.com" || strings.Join(m.To, " ") != "a@example.com b@example.com hidden@example.com" {
		t.Errorf("from %q to %q", m.From, m.To)
	}
}

func TestSendWithoutSignIn(t *testing.T) {
	srv := mock.Start(t, mock.Options{TLS: mock.ImplicitTLS})
	got := invoke(t, testMessage, toServer(t, srv, "-")...)
	if want := (outcome{exitOK, accepted, ""}); got != want {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	checkStored(t, srv, "")
}

func TestSendGoogle(t *testing.T) {
	for name, files := range map[string]func(t *testing.T, refresh string) []string{
		"authorized user": func(t *testing.T, refresh string) []string {
			return []string{"--google-client", writeFile(t, "user.json",
				`{"type":"authorized_user","client_id":"id","client_secret":"GOCSPX-0123456789","refresh_token":"`+refresh+`"}`)}
		},
		"installed client": func(t *testing.T, refresh string) []string {
			return []string{
				"--google-client", writeFile(t, "client.json", `{"installed":{"client_id":"id","client_secret":"GOCSPX-0123456789"}}`),
				"--google-refresh-file", writeFile(t, "refresh", refresh+"\n"),
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			authority := mock.StartAuthority(t, mock.AuthorityOptions{
				Dialect: mock.GoogleOAuth, Clients: map[string]string{"id": "GOCSPX-0123456789"},
			})
			srv := mock.Start(t, mock.Options{Tokens: authority, RequireAuth: true})
			args := append(toServer(t, srv, "--user", testUser), files(t, authority.Grant(testUser).Reveal())...)
			got := invokeApp(t, t.Context(), googleApp(authority), append(args, writeFile(t, "m.eml", testMessage))...)
			if want := (outcome{exitOK, accepted, ""}); got != want {
				t.Fatalf("got %+v, want %+v", got, want)
			}
			checkStored(t, srv, "XOAUTH2")
			if r := authority.Requests(); len(r) != 1 || r[0].Host != "oauth2.googleapis.com" || r[0].Grant != "refresh_token" {
				t.Errorf("requests %+v", r)
			}
		})
	}
}

// The program that prints tokens runs again when the server refuses one.
func TestSendRenewsByCommand(t *testing.T) {
	needProgram(t, "sh", "cat")
	srv := startServer(t)
	next := writeFile(t, "next", badToken+"\n")
	good := writeFile(t, "good", goodToken+"\n")
	script := "sh -c 'cat " + next + "; cat " + good + " >" + next + "; echo token command ran >&2'"
	got := invoke(t, "", toServer(t, srv, "--user", testUser, "--token-command", script, writeFile(t, "m.eml", testMessage))...)
	if got.code != exitOK || got.stdout != accepted || got.stderr != "token command ran\ntoken command ran\n" {
		t.Fatalf("%+v", got)
	}
	checkStored(t, srv, "XOAUTH2")
	if auths := srv.Auths(); len(auths) != 2 || auths[0].Code != 535 || auths[1].Code != 235 || srv.Connections() != 1 {
		t.Errorf("%+v on %d connections", auths, srv.Connections())
	}
}

func TestSendEnvelope(t *testing.T) {
	for name, test := range map[string]struct {
		message  string
		args     []string
		from, to string
	}{
		"recipients from flags":      {testMessage, []string{"--to", "X <x@example.com>, y@example.com", "--to", "z@example.com,x@example.com"}, "you@example.com", "x@example.com y@example.com z@example.com"},
		"sender from flag":           {testMessage, []string{"--from", "me@example.com"}, "me@example.com", "a@example.com b@example.com hidden@example.com"},
		"no bounces":                 {testMessage, []string{"--from", "<>"}, "", "a@example.com b@example.com hidden@example.com"},
		"header without addresses":   {"Subject: x\n\nbody\n", []string{"--from", "me@example.com", "--to", "x@example.com"}, "me@example.com", "x@example.com"},
		"header without recipients":  {"From: me@example.com\n\nbody\n", []string{"--to", "x@example.com"}, "me@example.com", "x@example.com"},
		"header with junk for names": {"From: @@@\n\nbody\n", []string{"--from", "me@example.com", "--to", `"a b"@example.com`}, "me@example.com", `"a b"@example.com`},
	} {
		t.Run(name, func(t *testing.T) {
			srv := mock.Start(t, mock.Options{})
			got := invoke(t, "", toServer(t, srv, append(test.args, writeFile(t, "m.eml", test.message))...)...)
			if got.code != exitOK || got.stderr != "" {
				t.Fatalf("%+v", got)
			}
			m := srv.Messages()[0]
			if m.From != test.from || strings.Join(m.To, " ") != test.to {
				t.Errorf("from %q to %q, want %q to %q", m.From, m.To, test.from, test.to)
			}
			if strings.Contains(string(m.Data), "Bcc") {
				t.Errorf("Bcc was sent: %q", m.Data)
			}
		})
	}
}

func TestSendDryRun(t *testing.T) {
	// A program that would fail shows that it is not run.
	needProgram(t, "false")
	message := writeFile(t, "m.eml", testMessage)
	got := invoke(t, "", "send", "--dry-run", "--provider", "microsoft365", "--user", testUser, "--token-command", "false", message)
	want := `dry run: nothing was sent, nobody was asked
server    smtp://smtp.office365.com:587 (Microsoft 365)
from      you@example.com
to        a@example.com
to        b@example.com
to        hidden@example.com
message   ` + strconv.Itoa(len(sentMessage)) + ` octets
sign-in   as user@example.com, by --token-command
          XOAUTH2: first, if the server offers it
          LOGIN: no, no password to sign in with
          EXTERNAL, OAUTHBEARER, SCRAM-SHA-512-PLUS, SCRAM-SHA-256-PLUS, SCRAM-SHA-1-PLUS, SCRAM-SHA-512, SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, CRAM-MD5: no, not offered by the server
`
	if got != (outcome{exitOK, want, ""}) {
		t.Errorf("got %+v, want %s", got, want)
	}
}

func TestSendDryRunConnectsNowhere(t *testing.T) {
	srv := startServer(t)
	args := toServer(t, srv, append(withToken(t, goodToken), "--dry-run", writeFile(t, "m.eml", testMessage))...)
	if got := invoke(t, "", args...); got.code != exitOK || !strings.Contains(got.stdout, "\nserver    "+srv.URL()+"\n") {
		t.Errorf("%+v", got)
	}
	if n := srv.Connections(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestSendVerbose(t *testing.T) {
	srv := startServer(t)
	args := toServer(t, srv, append(withToken(t, goodToken), "-v", writeFile(t, "m.eml", testMessage))...)
	got := invoke(t, "", args...)
	if got.code != exitOK || got.stdout != accepted {
		t.Fatalf("%+v", got)
	}
	for _, want := range []string{`line=STARTTLS`, `line="AUTH XOAUTH2 [`, `line="MAIL FROM:<you@example.com>`} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("%q is not in:\n%s", want, got.stderr)
		}
	}
	checkSecrets(t, got.stderr, goodToken)
}

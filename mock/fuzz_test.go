package mock_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/internal/wire"
	"github.com/seed-55a66e92/postern/mock"
)

// converse sends octets to a server, in pieces, ends the connection and returns
// all that the server said.
func converse(t *testing.T, srv *mock.Server, octets []byte) []byte {
	t.Helper()
	conn, err := srv.Dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	said := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(conn)
		said <- b
	}()
	for piece := range bytes.SplitAfterSeq(octets, []byte("\r\n")) {
		if _, err := conn.Write(piece); err != nil {
			break // it has closed, which it may
		}
	}
	conn.(interface{ CloseWrite() error }).CloseWrite()
	return <-said
}

// checkReplies wants whole lines, each of them one of a reply.
func checkReplies(t *testing.T, said []byte) {
	t.Helper()
	open := false
	for line := range bytes.SplitAfterSeq(said, []byte("\r\n")) {
		if len(line) == 0 {
			continue
		}
		text, whole := bytes.CutSuffix(line, []byte("\r\n"))
		_, more, _, err := wire.ParseReplyLine(text)
		if !whole || err != nil || bytes.ContainsAny(text, "\r\n") || len(text) > wire.MaxReplyLine {
			t.Fatalf("line %q: %v", line, err)
		}
		open = more
	}
	if open {
		t.Fatalf("reply without its last line: %q", said)
	}
}

// checkMessages wants MAIL, RCPT, DATA and the end of content, all of them
// accepted, before each message.
func checkMessages(t *testing.T, srv *mock.Server) {
	t.Helper()
	srv.Close()
	ends := 0
	for _, s := range srv.Sessions() {
		if s.Failure != "" && strings.Contains(s.Failure, "panicked") {
			t.Fatal(s.Failure)
		}
		from, to, data := false, false, false
		for _, c := range s.Commands {
			good := c.Code >= 200 && c.Code < 400
			switch {
			case c.Verb == "MAIL" && good:
				from, to, data = true, false, false
			case c.Verb == "RCPT" && good:
				to = from
			case c.Verb == "DATA" && good:
				data = to
			case c.Verb == "EOD" && good:
				if !from || !to || !data {
					t.Fatalf("message out of nothing\n%s", s.Transcript)
				}
				ends++
				from = false
			case (c.Verb == "RSET" || c.Verb == "EHLO" || c.Verb == "HELO") && good:
				from = false
			}
		}
	}
	if n := len(srv.Messages()); n != ends {
		t.Fatalf("%d messages, %d accepted", n, ends)
	}
}

func FuzzCommands(f *testing.F) {
	f.Add([]byte("EHLO client.test\r\nMAIL FROM:<a@example.test> SIZE=3 BODY=8BITMIME\r\nRCPT TO:<\"b\\>\"@example.test>\r\nDATA\r\n..\r\n.\r\nQUIT\r\n"))
	f.Add([]byte("HELO [::1]\r\nMAIL FROM:<>\r\nRCPT TO:<@a:b@c>\r\nRSET\r\nRCPT TO:<b@c>\r\n"))
	f.Add([]byte("EHLO a\r\nMAIL FROM:<a@b>\r\nDATA\r\nRCPT TO:<b@c>\r\nDATA\r\n\r\n.\n.\r\n.\r\n"))
	f.Add([]byte("NOOP\r\r\nNOOP\n\r\n\r\n\x00\r\n\xff\r\nEXPN\r\nVRFY x\r\nHELP\r\n"))
	f.Fuzz(func(t *testing.T, octets []byte) {
		srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, MaxSize: 100, MaxRecipients: 3})
		checkReplies(t, converse(t, srv, octets))
		checkMessages(t, srv)
	})
}

func FuzzAuth(f *testing.F) {
	f.Add([]byte("AUTH PLAIN " + b64("\x00user\x00secret") + "\r\nMAIL FROM:<>\r\n"))
	f.Add([]byte("AUTH PLAIN\r\n" + b64("\x00user\x00secret") + "\r\nAUTH PLAIN\r\n"))
	f.Add([]byte("AUTH LOGIN\r\n" + b64("user") + "\r\n" + b64("secret") + "\r\n"))
	f.Add([]byte("AUTH XOAUTH2 " + xoauth2("user", "bad") + "\r\n\r\n"))
	f.Add([]byte("AUTH OAUTHBEARER " + oauthbearer("user", "good") + "\r\n"))
	f.Add([]byte("AUTH OAUTHBEARER =\r\n\r\nAUTH XOAUTH2\r\n*\r\nAUTH X\r\nAUTH\r\nAUTH  \r\n"))
	f.Fuzz(func(t *testing.T, octets []byte) {
		srv := mock.Start(t, mock.Options{
			Network: mock.InMemory, TLS: mock.NoTLS, InsecureAuth: true, RequireAuth: true,
			Users: map[string]string{"user": "secret"}, Tokens: mock.UserTokens{"user": "good"},
		})
		checkReplies(t, converse(t, srv, append([]byte("EHLO client.test\r\n"), octets...)))
		checkMessages(t, srv)
		for _, a := range srv.Auths() {
			if (a.Code == 235) != (a.User == "user") {
				t.Fatalf("%+v", a)
			}
		}
		// The secrets of the seeds, wherever the fuzzer put them, as far as they
		// came with AUTH.
		for _, secret := range []string{b64("secret"), b64("\x00user\x00secret"), xoauth2("user", "bad")} {
			for _, c := range srv.Sessions()[0].Commands {
				if strings.HasPrefix(c.Verb, "AUTH") && strings.Contains(c.Line, secret) {
					t.Fatalf("%q shows in %q", secret, c.Line)
				}
			}
		}
	})
}

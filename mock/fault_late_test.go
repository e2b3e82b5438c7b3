package mock_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

// TestLateReplies: a reply that comes late, or behind something else, decides as
// one that comes at once does, at each point.
func TestLateReplies(t *testing.T) {
	const (
		hello    = "C: EHLO client.test\nS: 250-mock.test\nS: 250 PIPELINING\n"
		helloTLS = "C: EHLO client.test\nS: 250-mock.test\nS: 250-PIPELINING\nS: 250 AUTH PLAIN\n"
		mail     = hello + "C: MAIL FROM:<a@example.test>\n"
		rcpt     = mail + "S: 250 Sender ok\nC: RCPT TO:<b@example.test>\n"
		data     = rcpt + "S: 250 Recipient ok\nC: DATA\n"
		eod      = data + "S: 354 Send the message, then a line of one dot\nC: text\nC: .\n"
		bdat     = "C: BDAT 4 LAST\nC: te\n"
		more     = "C: NOOP\nS: 250 Nothing done\n"
	)
	for _, test := range []struct {
		point    string
		reply    mock.Action
		dialogue string // with R where the fault's reply is
		code     int    // of the command
		messages int
	}{
		{"CONNECT", mock.Reply(220, "", "x"), "S: 220 x\n" + more, 220, 0},
		{"CONNECT", mock.Reply(554, "", "x"), "S: 554 x\nC: NOOP\nS: 503 No service here\n", 554, 0},
		{"EHLO", mock.Reply(250, "", "x"), "C: EHLO client.test\nS: 250 x\nC: MAIL FROM:<>\nS: 250 Sender ok\n", 250, 0},
		{"HELO", mock.Reply(250, "", "x"), "C: HELO client.test\nS: 250 x\nC: MAIL FROM:<>\nS: 250 Sender ok\n", 250, 0},
		{"EHLO", mock.Reply(451, "", "x"), "C: EHLO client.test\nS: 451 x\nC: MAIL FROM:<>\nS: 503 EHLO first\n", 451, 0},
		{"MAIL", mock.Reply(250, "", "x"), mail + "S: 250 x\nC: RCPT TO:<b@example.test>\nS: 250 Recipient ok\n", 250, 0},
		{"MAIL", mock.Reply(451, "", "x"), mail + "S: 451 x\nC: RCPT TO:<b@example.test>\nS: 503 MAIL first\n", 451, 0},
		{"RCPT", mock.Reply(251, "", "x"), rcpt + "S: 251 x\nC: DATA\nS: 354 Send the message, then a line of one dot\nC: .\nS: 250 Queued as 1.1\n", 251, 1},
		{"RCPT", mock.Reply(451, "", "x"), rcpt + "S: 451 x\nC: DATA\nS: 554 No valid recipients\n", 451, 0},
		{"DATA", mock.Reply(354, "", "x"), data + "S: 354 x\nC: text\nC: .\nS: 250 Queued as 1.1\n", 354, 1},
		{"DATA", mock.Reply(451, "", "x"), data + "S: 451 x\n" + more, 451, 0},
		{"EOD", mock.Reply(250, "", "x"), eod + "S: 250 x\n" + more, 250, 1},
		{"EOD", mock.Reply(451, "", "x"), eod + "S: 451 x\n" + more, 451, 0},
		{"BDAT", mock.Reply(250, "", "x"), rcpt + "S: 250 Recipient ok\n" + bdat + "S: 250 x\n" + more, 250, 1},
		{"BDAT", mock.Reply(451, "", "x"), rcpt + "S: 250 Recipient ok\n" + bdat + "S: 451 x\n" + more, 451, 0},
		{"RSET", mock.Reply(250, "", "x"), mail + "S: 250 Sender ok\nC: RSET\nS: 250 x\nC: RCPT TO:<b@example.test>\nS: 503 MAIL first\n", 250, 0},
		{"NOOP", mock.Reply(250, "", "x"), "C: NOOP\nS: 250 x\n", 250, 0},
		{"VRFY", mock.Reply(252, "", "x"), "C: VRFY b\nS: 252 x\n", 252, 0},
		{"HELP", mock.Reply(214, "", "x"), "C: HELP\nS: 214 x\n", 214, 0},
		{"AUTH", mock.Reply(334, "", ""), helloTLS + "C: AUTH PLAIN\nS: 334 \nC: " + b64("\x00user\x00secret") + "\nS: 235 Signed in\n", 334, 0},
		{"AUTH", mock.Reply(454, "", "x"), helloTLS + "C: AUTH PLAIN " + b64("\x00user\x00secret") + "\nS: 454 x\n" + more, 454, 0},
		{"AUTH/2", mock.Reply(432, "", "x"), helloTLS + "C: AUTH PLAIN\nS: 334 \nC: " + b64("\x00user\x00secret") + "\nS: 432 x\n" + more, 432, 0},
	} {
		for how, actions := range map[string][]mock.Action{
			"delayed":        {mock.Delay(time.Minute), test.reply},
			"behind nothing": {mock.NoReply(), test.reply},
			"within All":     {mock.All(mock.Delay(time.Second), test.reply)},
			"in pieces":      {mock.Split(1), mock.Delay(time.Second), test.reply},
			"All in pieces":  {mock.All(mock.Split(1), mock.Delay(time.Second), test.reply)},
		} {
			name := test.point + "/" + test.reply.String() + "/" + how
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := plain(mock.At(test.point).Do(actions...))
					if strings.HasPrefix(test.point, "AUTH") {
						o.InsecureAuth, o.Mechanisms = true, []string{"PLAIN"}
					}
					if test.point == "BDAT" {
						o.Without = []string{"8BITMIME", "SIZE", "SMTPUTF8", "DSN", "REQUIRETLS", "ENHANCEDSTATUSCODES", "BINARYMIME"}
						test.dialogue = strings.Replace(test.dialogue, "S: 250 PIPELINING\n", "S: 250-PIPELINING\nS: 250 CHUNKING\n", 1)
					}
					srv := mock.Start(t, o)
					c := dial(t, srv)
					if test.point != "CONNECT" {
						c.expect(greeting)
					}
					c.conn.SetDeadline(time.Time{}) // the bubble's clock
					c.dialogue(test.dialogue)
					c.conn.Close()
					srv.Close()
					if n := len(srv.Messages()); n != test.messages {
						t.Errorf("%d messages, want %d", n, test.messages)
					}
					for _, command := range srv.Sessions()[0].Commands {
						if command.Verb == test.point && command.Code != test.code {
							t.Errorf("%s was answered %d, want %d", command.Verb, command.Code, test.code)
						}
					}
				})
			})
		}
	}
}

// TestReplyThatNeverComes: a command does not run if the session ends before the
// reply that would let it.
func TestReplyThatNeverComes(t *testing.T) {
	for name, action := range map[string]mock.Action{"drop": mock.Drop(), "reset": mock.Reset()} {
		t.Run(name, func(t *testing.T) {
			srv := mock.Start(t, plain(mock.At("EOD").Do(action, mock.Reply(250, "", "x"))))
			c := dial(t, srv)
			c.expect(greeting)
			c.ask("HELO client.test\r\n", "MAIL FROM:<>\r\n", "RCPT TO:<b@example.test>\r\n")
			c.ask("DATA\r\n")
			c.send(".\r\n")
			c.expectEnd()
			srv.Close()
			if n := len(srv.Messages()); n != 0 {
				t.Errorf("%d messages", n)
			}
		})
	}
}

// TestBeforeTLS speaks in clear before the handshake.
func TestBeforeTLS(t *testing.T) {
	for mode, start := range map[mock.TLSMode]string{mock.ImplicitTLS: "", mock.STARTTLS: "STARTTLS\r\n"} {
		srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mode, Faults: []mock.Fault{
			mock.At("TLS").Before().Do(mock.Reply(220, "", "in clear")),
		}})
		c := dial(t, srv)
		if start != "" {
			c.expect(greeting)
			c.ask("EHLO client.test\r\n")
			c.send(start)
			c.expect("220 2.0.0 Ready to start TLS\r\n")
		}
		c.expect("220 in clear\r\n")
		c.startTLS(srv) // what waits in the reader is nothing: TLS begins with the client
		c.send("NOOP\r\n")
		if mode == mock.ImplicitTLS {
			c.expect(greeting)
		}
		c.expect("250 2.0.0 Nothing done\r\n")
	}
}

// TestInjectedWhereRefused: the handshake begins behind the fault's 220, though the
// server by itself would have refused the command.
func TestInjectedWhereRefused(t *testing.T) {
	srv := mock.Start(t, plain(mock.At("STARTTLS").Do(mock.InjectAfter220([]byte("250 x\r\n")))))
	c := dial(t, srv)
	c.expect(greeting)
	c.send("STARTTLS\r\n")
	c.expect("220 2.0.0 Ready to start TLS\r\n250 x\r\n")
	c.startTLS(srv)
	c.send("NOOP\r\n")
	c.expect("250 Nothing done\r\n")
}

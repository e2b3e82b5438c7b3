package mock_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

// A vector is something that servers do to clients, and the feature of the mock
// by which a test does it.
type vector struct {
	id       string
	feature  string
	o        mock.Options
	dialogue string // shows that the feature does it
	check    func(*testing.T, *client, *mock.Server)
}

func faulty(faults ...mock.Fault) mock.Options { return insecure(mock.Options{Faults: faults}) }

// tokens are options for sign-in by token.
func tokens(faults ...mock.Fault) mock.Options {
	return insecure(mock.Options{Tokens: mock.UserTokens{"user": "good"}, Mechanisms: []string{"XOAUTH2", "OAUTHBEARER"}, Faults: faults})
}

const (
	tokenHello = "S: 220 mock.test ESMTP\nC: EHLO client.test\nS: 250-mock.test\nS: 250-ENHANCEDSTATUSCODES\nS: 250 AUTH XOAUTH2 OAUTHBEARER\n"
	opening    = hello + "\nC: MAIL FROM:<>\nS: 250 2.1.0 Sender ok\n"
	toOne      = "C: RCPT TO:<b@x.test>\nS: 250 2.1.5 Recipient ok\n"
	toData     = opening + toOne + "C: DATA\nS: 354 Send the message, then a line of one dot\n"
)

// authVectors are about signing in.
func authVectors() []vector {
	authReply := func(code int, enhanced string) mock.Fault {
		return mock.At("AUTH").Do(mock.Reply(code, enhanced, "no"))
	}
	challenge := func(point, text string) mock.Fault { return mock.At(point).Do(mock.Reply(334, "", text)) }
	offers := func(lines ...string) mock.Options {
		o := insecure(mock.Options{})
		o.Capabilities.Plain = lines
		return o
	}
	list := []vector{
		{"V1", "Reply(235) at AUTH", faulty(authReply(235, "2.7.0")), hello + "\nC: AUTH LOGIN\nS: 235 2.7.0 no\n", nil},
		{
			"V2", "Reply(334) at AUTH, AUTH/2", faulty(challenge("AUTH", b64("r=x,s=AA==,i=1"))),
			hello + "\nC: AUTH PLAIN AA==\nS: 334 " + b64("r=x,s=AA==,i=1") + "\nC: *\nS: 501 5.7.0 Authentication canceled\n", nil,
		},
		{
			"V3", "Capabilities", offers("AUTH SCRAM-SHA-256"),
			"S: 220 mock.test ESMTP\nC: EHLO c.test\nS: 250-mock.test\nS: 250 AUTH SCRAM-SHA-256\n", nil,
		},
		{
			"V4", "the server: 500 5.5.6 beyond 512 octets", tokens(),
			tokenHello + "C: AUTH XOAUTH2 " + strings.Repeat("QUFB", 125) + "\nS: 500 5.5.6 Authentication exchange line is too long\n" +
				"C: AUTH XOAUTH2\nS: 334 \n", nil,
		},
		{
			"V5", "Options.Tokens", tokens(), tokenHello + "C: AUTH XOAUTH2 " + xoauth2("user", "bad") + "\nS: 334 " +
				b64(`{"status":"401","schemes":"bearer","scope":"mail"}`) + "\nC:\nS: 535 5.7.8 Credentials refused\n", nil,
		},
		{
			"V6", "Reply(535) at AUTH, Nth(1)", tokens(mock.At("AUTH").Nth(1).Do(mock.Reply(535, "5.7.3", "no"))),
			tokenHello + "C: AUTH XOAUTH2 " + xoauth2("user", "good") + "\nS: 535 5.7.3 no\nC: AUTH XOAUTH2 " + xoauth2("user", "good") + "\nS: 235 2.7.0 Signed in\n", nil,
		},
		{
			"V7", "Reply(334) at AUTH/2", faulty(challenge("AUTH/2", "")),
			hello + "\nC: AUTH PLAIN\nS: 334 \nC: " + b64("\x00user\x00secret") + "\nS: 334 \nC: *\nS: 501 5.7.0 Authentication canceled\n", nil,
		},
		{
			"V8", "Reply(334) at AUTH, AUTH/2, AUTH/3", faulty(challenge("AUTH", b64("User Name\x00")), challenge("AUTH/2", ""), challenge("AUTH/3", "Z")),
			hello + "\nC: AUTH LOGIN\nS: 334 " + b64("User Name\x00") + "\nC: dQ==\nS: 334 \nC: dQ==\nS: 334 Z\nC: *\nS: 501 5.7.0 Authentication canceled\n", nil,
		},
		{
			"V9", "Capabilities", offers("auth=PLAIN LOGIN", "auth plain", "AUTH PLAIN"),
			"S: 220 mock.test ESMTP\nC: EHLO c.test\nS: 250-mock.test\nS: 250-auth=PLAIN LOGIN\nS: 250-auth plain\nS: 250 AUTH PLAIN\n", nil,
		},
		{
			"V10", "Capabilities.Plain, .TLS",
			mock.Options{
				Network: mock.InMemory, Capabilities: mock.Capabilities{Plain: []string{"STARTTLS", "AUTH PLAIN"}, TLS: []string{"AUTH LOGIN"}},
			},
			"S: 220 mock.test ESMTP\nC: EHLO c.test\nS: 250-mock.test\nS: 250-STARTTLS\nS: 250 AUTH PLAIN\nC: STARTTLS\nS: 220 2.0.0 Ready to start TLS\n",
			func(_ *testing.T, c *client, srv *mock.Server) {
				c.startTLS(srv)
				c.dialogue("C: EHLO c.test\nS: 250-mock.test\nS: 250 AUTH LOGIN")
			},
		},
		{
			"V12", "Reply(334) at AUTH", faulty(challenge("AUTH", strings.Repeat("A", 400_000))),
			hello + "\nC: AUTH LOGIN\nS: 334 " + strings.Repeat("A", 400_000) + "\n", nil,
		},
		{
			"V12", "Reply(334) at AUTH", faulty(challenge("AUTH", "not base64!")),
			hello + "\nC: AUTH LOGIN\nS: 334 not base64!\n", nil,
		},
		{
			"V13", "Drop at AUTH/2", faulty(mock.At("AUTH/2").Do(mock.Drop())), hello + "\nC: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: dQ==\n",
			func(_ *testing.T, c *client, _ *mock.Server) { c.expectEnd() },
		},
	}
	for _, code := range []int{454, 432, 421, 504, 534, 538} {
		list = append(list, vector{
			"V11", "Reply at AUTH", faulty(authReply(code, "")),
			fmt.Sprintf("%s\nC: AUTH PLAIN\nS: %d no\nC: NOOP\nS: 250 2.0.0 Nothing done\n", hello, code), nil,
		})
	}
	return list
}

// tlsVectors are about the way to TLS.
func tlsVectors() []vector {
	at := func(actions ...mock.Action) mock.Options {
		return mock.Options{Network: mock.InMemory, Faults: []mock.Fault{mock.At("STARTTLS").Do(actions...)}}
	}
	const start = greeting2 + "C: STARTTLS\n"
	ended := func(_ *testing.T, c *client, _ *mock.Server) { c.expectEnd() }
	return []vector{
		{"V19", "Options.TLS: NoTLS", insecure(mock.Options{}), hello + "\nC: STARTTLS\nS: 502 5.5.1 Command not implemented\n", nil},
		{"V20", "InjectAfter220", at(mock.InjectAfter220([]byte("250 x\r\n"))), start + "S: 220 2.0.0 Ready to start TLS\nS: 250 x\n", nil},
		{"V21", "Reply at STARTTLS", at(mock.Reply(454, "", "no")), start + "S: 454 no\n", nil},
		{"V21", "Reply at STARTTLS", at(mock.Reply(501, "", "no")), start + "S: 501 no\n", nil},
		{"V21", "Reply, Drop at STARTTLS", at(mock.Reply(220, "", "go"), mock.Drop()), start + "S: 220 go\n", ended},
		{"V21", "Stall at TLS: TestHandshakeFaults", mock.Options{Network: mock.InMemory, Faults: []mock.Fault{mock.At("TLS").Do(mock.Stall())}}, start + "S: 220 2.0.0 Ready to start TLS\n", nil},
		{"V22", "Options.Certificate: TestCertificates, TestCertificatesOfBubbles", mock.Options{Network: mock.InMemory, Certificate: mock.WrongName}, greeting2, nil},
		{"V23", "Capabilities.TLS", mock.Options{Network: mock.InMemory, Capabilities: mock.Capabilities{TLS: []string{}}}, start + "S: 220 2.0.0 Ready to start TLS\n", func(_ *testing.T, c *client, srv *mock.Server) {
			c.startTLS(srv)
			c.dialogue("C: EHLO c.test\nS: 250 mock.test")
		}},
	}
}

const greeting2 = "S: 220 mock.test ESMTP\n"

// replyVectors are about replies that are no proper replies, or too many.
func replyVectors() []vector {
	var list []vector
	for _, octets := range []string{
		"250-a\r\n550 b\r\n", "250 bare\n", "250x\r\n", "25 x\r\n", "250 " + strings.Repeat("x", 8<<10) + "\r\n", "250 a\x00b\r\n", "250 \xff\xfe\r\n",
	} {
		list = append(list, vector{"V24", "Raw", faulty(mock.At("NOOP").Do(mock.Raw([]byte(octets)))), hello + "\nC: NOOP\n", func(_ *testing.T, c *client, _ *mock.Server) {
			c.expect(octets)
		}})
	}
	list = append(
		list,
		vector{"V24", "Endless", faulty(mock.At("NOOP").Do(mock.Endless("250-x", 1<<20))), hello + "\nC: NOOP\n", func(t *testing.T, c *client, _ *mock.Server) {
			c.send("QUIT\r\n")
			if n, err := io.Copy(io.Discard, c.r); n != 1<<20+int64(len("221 2.0.0 Bye\r\n")) || err != nil {
				t.Errorf("%d octets, %v", n, err)
			}
		}},
		vector{"V25", "Unsolicited", faulty(mock.At("NOOP").Do(mock.Unsolicited("250 x"))), hello + "\nC: NOOP\nS: 250 2.0.0 Nothing done\nS: 250 x\n", nil},
	)
	for _, verb := range []string{"EHLO x", "MAIL FROM:<>", "RCPT TO:<b@x>", "DATA", "RSET", "NOOP", "QUIT"} {
		name, _, _ := strings.Cut(verb, " ")
		list = append(list, vector{"V26", "Reply(421), Drop", faulty(mock.At(name).Do(mock.Reply(421, "", "bye"), mock.Drop())), greeting2 + "C: " + verb + "\nS: 421 bye\n", func(_ *testing.T, c *client, _ *mock.Server) {
			c.expectEnd()
		}})
	}
	return append(list, vector{"V26", "Reply(221)", faulty(mock.At("NOOP").Do(mock.Reply(221, "", "bye"))), hello + "\nC: NOOP\nS: 221 bye\n", nil})
}

// transactionVectors are about messages.
func transactionVectors() []vector {
	end := func(actions ...mock.Action) mock.Options { return faulty(mock.At("EOD").Do(actions...)) }
	const one = "C: RCPT TO:<b@x.test>\n"
	ended := func(_ *testing.T, c *client, _ *mock.Server) { c.expectEnd() }
	stored := func(want ...string) func(*testing.T, *client, *mock.Server) {
		return func(t *testing.T, _ *client, srv *mock.Server) {
			m := srv.Messages()
			if len(m) != 1 || string(m[0].Data) != want[0] {
				t.Errorf("stored %v, want %q", m, want[0])
			}
			wantViolations(t, srv, want[1:]...)
		}
	}
	const bare = "bare CR or LF in content (RFC 5321, Section 2.3.8)"
	list := []vector{
		{"V27", "Reply at RCPT, Nth", faulty(mock.At("RCPT").Nth(2).Do(mock.Reply(550, "", "no"))), opening + toOne + one + "S: 550 no\n" + toOne, nil},
		{"V27", "Options.MaxRecipients", insecure(mock.Options{MaxRecipients: 1}), opening + toOne + one + "S: 452 4.5.3 Too many recipients\n", nil},
		{
			"V27", "Reply(550) at RCPT, Reply(354) at DATA", faulty(mock.At("RCPT").Do(mock.Reply(550, "", "no")), mock.At("DATA").Do(mock.Reply(354, "", "go"))),
			opening + one + "S: 550 no\nC: DATA\nS: 354 go\nC: .\nS: 554 5.5.1 No valid recipients\n", nil,
		},
		{"V28", "Reply at DATA", faulty(mock.At("DATA").Do(mock.Reply(432, "4.3.2", "no"))), opening + toOne + "C: DATA\nS: 432 4.3.2 no\n", nil},
		{"V28", "Reply at EOD", end(mock.Reply(552, "", "no")), toData + "C: .\nS: 552 no\n", nil},
		{"V28", "Reply at EOD", end(mock.Reply(451, "", "no")), toData + "C: .\nS: 451 no\n", nil},
		{"V29", "Swallow, Drop behind DATA", faulty(mock.At("DATA").After().Do(mock.Swallow(3), mock.Drop())), toData + "C: x\n", ended},
		{"V29", "Drop at EOD", end(mock.Drop()), toData + "C: .\n", ended},
		{"V29", "Drop behind EOD", faulty(mock.At("EOD").After().Do(mock.Drop())), toData + "C: .\nS: 250 2.0.0 Queued as 1.1\n", ended},
		{"V30", "Reply at QUIT", faulty(mock.At("QUIT").Do(mock.Reply(554, "", "no"))), toData + "C: .\nS: 250 2.0.0 Queued as 1.1\nC: QUIT\nS: 554 no\n", nil},
		{"V31", "Message.Data", insecure(mock.Options{}), toData + "C: a\r.\rb\nC: ..d\nC: .\nS: 250 2.0.0 Queued as 1.1\n", stored("a\r.\rb\r\n.d\r\n", bare)},
		{"V31", "Message.Data", insecure(mock.Options{}), toData + "C: \x00\nC: .\nS: 250 2.0.0 Queued as 1.1\n", stored("\x00\r\n", "NUL in content (RFC 2045, Sections 2.7 and 2.8)")},
		{"V32", "Session.Violations", insecure(mock.Options{}), opening + "C: RCPT TO:<b\r@x.test>\nS: 500 5.5.2 Bare CR or LF\n", nil},
		{"V32", "Session.Violations", insecure(mock.Options{}), opening + "C: RCPT TO:<b\x00@x.test>\nS: 501 5.5.2 Control character in a command\n", nil},
		{"V32", "the server", insecure(mock.Options{}), opening + "C: RCPT TO:<b>@x.test>\nS: 501 5.5.4 Syntax: RCPT TO:<address>\n", nil},
		{"V34", "Options.Without", insecure(mock.Options{}), hello + "\nC: MAIL FROM:<> SMTPUTF8\nS: 555 5.5.4 Parameter not recognized\n", nil},
	}
	return append(list, vector{"V33", "Message.Parameters", mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, MaxSize: 1000}, ready + `
		C: MAIL FROM:<> SIZE=3
		S: 250 2.1.0 Sender ok
		C: RCPT TO:<b@x.test>
		S: 250 2.1.5 Recipient ok
		C: DATA
		S: 354 Send the message, then a line of one dot
		C: x
		C: .
		S: 250 2.0.0 Queued as 1.1`, func(t *testing.T, _ *client, srv *mock.Server) {
		if m := srv.Messages()[0]; m.Parameters[0] != fmt.Sprintf("SIZE=%d", len(m.Data)) {
			t.Errorf("%q, %d octets", m.Parameters, len(m.Data))
		}
	}})
}

// providerVectors are about what a provider is known to do, and its authority.
func providerVectors(t *testing.T) []vector {
	google := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: mock.GoogleOAuth})
	microsoft := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: mock.MicrosoftOAuth})
	persona := func(o mock.Options) mock.Options {
		o.Network, o.TLS = mock.InMemory, mock.ImplicitTLS
		return o
	}
	signIn := func(first, last string) func(*testing.T, *client, *mock.Server) {
		return func(t *testing.T, c *client, srv *mock.Server) {
			c.startTLS(srv)
			c.replies(1)
			c.ask("EHLO client.test\r\n")
			c.send("AUTH XOAUTH2 " + xoauth2("user@example.test", "bad") + "\r\n")
			c.expect(first)
			if last != "" {
				c.send("\r\n")
				c.expect(last)
			}
		}
	}
	return []vector{
		{"V36", "Gmail", persona(mock.Gmail(google)), "", signIn("334 ", "")},
		{"V37", "Microsoft365", persona(mock.Microsoft365(microsoft)), "", signIn("535 5.7.3 ", "")},
	}
}

// elsewhere says where a vector is that is a client's own doing, for which a
// server needs nothing but its records, or that needs virtual time.
func elsewhere(id string) string {
	switch id {
	case "V14", "V15", "V16", "V17", "V18":
		return "an Authority: TestTokenVectors"
	case "V35":
		return "Stall at each point: TestStallAnywhere"
	}
	return ""
}

func TestVectors(t *testing.T) {
	vectors := providerVectors(t)
	for _, list := range [][]vector{authVectors(), tlsVectors(), replyVectors(), transactionVectors()} {
		vectors = append(vectors, list...)
	}
	seen := make(map[string]int)
	for _, v := range vectors {
		seen[v.id]++
		t.Run(fmt.Sprintf("%s/%s/%d", v.id, v.feature, seen[v.id]), func(t *testing.T) {
			srv := mock.Start(t, v.o)
			c := dial(t, srv)
			c.dialogue(v.dialogue)
			if v.check != nil {
				v.check(t, c, srv)
			}
		})
	}
	for i := 1; i <= 37; i++ {
		id := fmt.Sprintf("V%d", i)
		if seen[id] == 0 && elsewhere(id) == "" {
			t.Errorf("no vector %s", id)
		}
	}
}

// TestStallAnywhere goes silent at each point of a session: the octets before it
// are answered, and nothing is said for an hour.
func TestStallAnywhere(t *testing.T) {
	session := strings.SplitAfter(wholeSession, "\r\n")
	points := []string{"CONNECT", "EHLO", "AUTH", "AUTH/2", "AUTH/3", "MAIL", "RCPT", "BDAT", "RSET", "DATA", "EOD", "QUIT"}
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := mock.Start(t, mock.Options{
					Network: mock.InMemory, TLS: mock.NoTLS, InsecureAuth: true, Faults: []mock.Fault{mock.At(point).Do(mock.Stall())},
				})
				conn, err := srv.Dial(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				conn.Write([]byte(strings.Join(session, "")))
				start := time.Now()
				conn.SetReadDeadline(start.Add(time.Hour))
				if _, err := io.ReadAll(conn); err == nil || time.Since(start) != time.Hour {
					t.Errorf("%v after %v", err, time.Since(start))
				}
				commands := srv.Sessions()[0].Commands
				if last := commands[len(commands)-1]; last.Verb != point || last.Code != 0 {
					t.Errorf("stalled at %+v", last)
				}
			})
		})
	}
}

package mock_test

import (
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
)

// ready is the dialogue up to a transaction on a server without AUTH and
// STARTTLS.
const ready = `
	S: 220 mock.test ESMTP
	C: EHLO client.test
	S: 250-mock.test
	S: 250-PIPELINING
	S: 250-8BITMIME
	S: 250-SIZE 1000
	S: 250-SMTPUTF8
	S: 250-ENHANCEDSTATUSCODES
	S: 250-CHUNKING
	S: 250-BINARYMIME
	S: 250 DSN
	`

func TestCommands(t *testing.T) {
	const opened = ready + `
	C: MAIL FROM:<a@example.test>
	S: 250 2.1.0 Sender ok
	`
	for _, test := range []struct {
		name       string
		dialogue   string
		violations []string
	}{
		{"message", opened + `
			C: RCPT TO:<b@example.test>
			S: 250 2.1.5 Recipient ok
			C: DATA
			S: 354 Send the message, then a line of one dot
			C: ..dot
			C: .
			S: 250 2.0.0 Queued as 1.1
			C: QUIT
			S: 221 2.0.0 Bye`, nil},
		{"any case and trailing spaces", `
			S: 220 mock.test ESMTP
			C: hElO client.test  
			S: 250 mock.test
			C: mail from:<>
			S: 250 2.1.0 Sender ok
			C: rcpt To:<Postmaster> 
			S: 250 2.1.5 Recipient ok
			C: NOOP whatever
			S: 250 2.0.0 Nothing done`, nil},
		{"source route", opened + `
			C: RCPT TO:<@relay.test,@other.test:b@example.test>
			S: 250 2.1.5 Recipient ok`, nil},
		{"quoted local part", opened + `
			C: RCPT TO:<"b>\" c"@example.test>
			S: 250 2.1.5 Recipient ok`, nil},
		{"before EHLO", `
			S: 220 mock.test ESMTP
			C: MAIL FROM:<a@example.test>
			S: 503 5.5.1 EHLO first
			C: RCPT TO:<b@example.test>
			S: 503 5.5.1 MAIL first
			C: AUTH PLAIN
			S: 503 5.5.1 EHLO first
			C: DATA
			S: 503 5.5.1 MAIL first`, nil},
		{"order", opened + `
			C: MAIL FROM:<a@example.test>
			S: 503 5.5.1 There is a transaction already
			C: DATA
			S: 554 5.5.1 No valid recipients
			C: RSET
			S: 250 2.0.0 Reset
			C: RCPT TO:<b@example.test>
			S: 503 5.5.1 MAIL first`, nil},
		{"EHLO ends a transaction, a bad one does not", opened + `
			C: EHLO
			S: 501 EHLO wants a domain or an address literal
			C: EHLO bad_name!.test
			S: 501 EHLO wants a domain or an address literal
			C: RCPT TO:<b@example.test>
			S: 250 2.1.5 Recipient ok
			C: HELO [127.0.0.1]
			S: 250 mock.test
			C: RCPT TO:<b@example.test>
			S: 503 5.5.1 MAIL first`, nil},
		{"parameters", ready + `
			C: MAIL FROM:<a@example.test> SIZE=1000 BODY=8bitmime SMTPUTF8 AUTH=e+3Dmc2@example.com
			S: 250 2.1.0 Sender ok
			C: RSET
			S: 250 2.0.0 Reset
			C: MAIL FROM:<a@example.test> SIZE=1001
			S: 552 5.3.4 Message too big
			C: MAIL FROM:<a@example.test> SIZE=-1
			S: 501 5.5.4 Bad value of SIZE
			C: MAIL FROM:<a@example.test> BODY=9BIT
			S: 501 5.5.4 Bad value of BODY
			C: MAIL FROM:<a@example.test> SMTPUTF8=1
			S: 501 5.5.4 Bad value of SMTPUTF8
			C: MAIL FROM:<a@example.test> AUTH=e+3dmc2
			S: 501 5.5.4 Bad value of AUTH
			C: MAIL FROM:<a@example.test> AUTH=<>
			S: 250 2.1.0 Sender ok
			C: RSET
			S: 250 2.0.0 Reset
			C: MAIL FROM:<a@example.test> SIZE=1 SIZE=1
			S: 501 5.5.4 Bad parameter
			C: MAIL FROM:<a@example.test> X=FULL
			S: 555 5.5.4 Parameter not recognized
			C: MAIL FROM:<a@example.test>SIZE=1
			S: 501 5.5.4 Syntax: MAIL FROM:<address> [parameters]
			C: MAIL FROM: <a@example.test>
			S: 501 5.5.4 Syntax: MAIL FROM:<address> [parameters]
			C: MAIL FROM:<a@example.test>
			S: 250 2.1.0 Sender ok
			C: RCPT TO:<b@example.test> X=NEVER
			S: 555 5.5.4 Parameter not recognized
			C: RCPT TO:<>
			S: 501 5.5.4 Syntax: RCPT TO:<address>
			C: RCPT TO:<b@exa mple.test>
			S: 501 5.1.3 Bad address`, []string{"AUTH, which EHLO did not offer (RFC 5321, Section 4.1.1.11)", "AUTH, which EHLO did not offer (RFC 5321, Section 4.1.1.11)"}},
		{"addresses", ready + `
			C: MAIL FROM:<é@example.test>
			S: 553 5.6.7 Address needs SMTPUTF8
			C: MAIL FROM:<a@b@example.test>
			S: 501 5.1.7 Bad address
			C: MAIL FROM:<é@example.test> SMTPUTF8
			S: 250 2.1.0 Sender ok
			C: RCPT TO:<ü@example.test>
			S: 250 2.1.5 Recipient ok`, nil},
		{"after HELO there are no parameters", `
			S: 220 mock.test ESMTP
			C: HELO client.test
			S: 250 mock.test
			C: MAIL FROM:<a@example.test> SIZE=1
			S: 555 5.5.4 Parameter not recognized`, nil},
		{"arguments where there are none", ready + `
			C: RSET x
			S: 501 5.5.4 RSET takes no argument
			C: DATA x
			S: 501 5.5.4 DATA takes no argument
			C: QUIT x
			S: 501 5.5.4 QUIT takes no argument`, nil},
		{"other commands", ready + `
			C: HELP
			S: 214-2.0.0 Commands are
			S: 214 2.0.0 EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT
			C: VRFY someone
			S: 252 2.5.0 Not verified; send mail to find out
			C: VRFY
			S: 501 5.5.4 VRFY wants a name
			C: EXPN list
			S: 502 5.5.1 Command not implemented
			C: STARTTLS
			S: 502 5.5.1 Command not implemented
			C: AUTH PLAIN =
			S: 502 5.5.1 Command not implemented
			C: XYZZY
			S: 500 5.5.1 Command unrecognized
			C:
			S: 500 5.5.1 Command unrecognized`, nil},
		{
			"control characters and 8-bit", ready +
				"\n\tC: NOOP a\x00b\n\tS: 501 5.5.2 Control character in a command" +
				"\n\tC: NOOP é\n\tS: 501 5.5.2 Octet above 127" +
				"\n\tC: NOOP a\rb\n\tS: 500 5.5.2 Bare CR or LF",
			[]string{
				"control character in a command (RFC 5321, Section 4.1.2)",
				"octet above 127 in a command (RFC 5321, Section 2.4)",
				"bare CR or LF in a command (RFC 5321, Section 2.3.8)",
			},
		},
		{
			"long lines", ready +
				"\n\tC: NOOP " + strings.Repeat("x", 505) + "\n\tS: 250 2.0.0 Nothing done" +
				"\n\tC: NOOP " + strings.Repeat("x", 506) + "\n\tS: 500 5.5.2 Line too long" +
				"\n\tC: NOOP " + strings.Repeat("RSET ", 20000) + "\n\tS: 500 5.5.2 Line too long" +
				"\n\tC: MAIL FROM:<a@example.test> AUTH=" + strings.Repeat("+78", 160) + "@example.test\n\tS: 250 2.1.0 Sender ok",
			[]string{"command of more than 512 octets", "command of more than 512 octets", "AUTH, which EHLO did not offer (RFC 5321, Section 4.1.1.11)"},
		},
		{"group", ready + `
			C: MAIL FROM:<a@example.test>
			C: RCPT TO:<b@example.test>
			C: RCPT TO:<nobody>
			C: DATA
			S: 250 2.1.0 Sender ok
			S: 250 2.1.5 Recipient ok
			S: 501 5.1.3 Bad address
			S: 354 Send the message, then a line of one dot
			C: .
			C: RSET
			C: QUIT
			S: 250 2.0.0 Queued as 1.1
			S: 250 2.0.0 Reset
			S: 221 2.0.0 Bye`, nil},
		{
			"group that goes on too long", ready + `
			C: NOOP
			C: RSET
			S: 250 2.0.0 Nothing done
			S: 250 2.0.0 Reset`,
			[]string{"octets behind NOOP, which must be the last of its group (RFC 2920, Section 3.1)"},
		},
		{
			"group after HELO", `
			S: 220 mock.test ESMTP
			C: HELO client.test
			S: 250 mock.test
			C: RSET
			C: RSET
			S: 250 2.0.0 Reset
			S: 250 2.0.0 Reset`,
			[]string{"octets behind RSET, but PIPELINING is not offered"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, MaxSize: 1000})
			c := dial(t, srv)
			c.dialogue(test.dialogue)
			wantViolations(t, srv, test.violations...)
		})
	}
}

func TestRequire(t *testing.T) {
	srv := mock.Start(t, mock.Options{Network: mock.InMemory, RequireTLS: true, RequireAuth: true, Without: []string{"PIPELINING", "8BITMIME", "SIZE", "SMTPUTF8", "CHUNKING", "DSN"}})
	c := dial(t, srv)
	c.dialogue(`
		S: 220 mock.test ESMTP
		C: HELO client.test
		S: 250 mock.test
		C: MAIL FROM:<>
		S: 530 5.7.0 Must issue a STARTTLS command first
		C: EHLO client.test
		S: 250-mock.test
		S: 250-ENHANCEDSTATUSCODES
		S: 250 STARTTLS
		C: STARTTLS
		S: 220 2.0.0 Ready to start TLS`)
	c.startTLS(srv)
	c.dialogue(`
		C: MAIL FROM:<>
		S: 503 5.5.1 EHLO first
		C: STARTTLS
		S: 503 5.5.1 TLS is active
		C: HELO client.test
		S: 250 mock.test
		C: MAIL FROM:<>
		S: 530 5.7.0 Authentication required`)
	wantViolations(t, srv)
}

func TestMaxRecipients(t *testing.T) {
	srv := mock.Start(t, mock.Options{Network: mock.InMemory, MaxRecipients: 1})
	dial(t, srv).dialogue(`
		S: 220 mock.test ESMTP
		C: HELO client.test
		S: 250 mock.test
		C: MAIL FROM:<>
		S: 250 2.1.0 Sender ok
		C: RCPT TO:<a@example.test>
		S: 250 2.1.5 Recipient ok
		C: RCPT TO:<b@example.test>
		S: 452 4.5.3 Too many recipients
		C: DATA
		S: 354 Send the message, then a line of one dot
		C: .
		S: 250 2.0.0 Queued as 1.1`)
	if got := srv.Messages()[0].To; len(got) != 1 || got[0] != "a@example.test" {
		t.Errorf("recipients %q", got)
	}
}

func TestContent(t *testing.T) {
	long := strings.Repeat("x", 999)
	for _, test := range []struct {
		name, sent, reply string
		stored            string // "-": nothing
		violations        []string
	}{
		{"empty", ".\r\n", "250 2.0.0 Queued as 1.1\r\n", "", nil},
		{"dots", "..\r\n.a\r\nb..\r\n.\r\n", "250 2.0.0 Queued as 1.1\r\n", ".\r\na\r\nb..\r\n", nil},
		{"too big", strings.Repeat("0123456789\r\n", 200) + ".\r\n", "552 5.3.4 Message too big\r\n", "-", nil},
		{
			"exactly as big as it may be", strings.Repeat("12345678\r\n", 200) + ".\r\n", "250 2.0.0 Queued as 1.1\r\n",
			strings.Repeat("12345678\r\n", 200), nil,
		},
		{
			"bare endings do not end it", "a\n.\nb\r.\rc\n.\r\nd\r\n.\ne\r\n.\r\n", "250 2.0.0 Queued as 1.1\r\n",
			"a\n.\nb\r.\rc\n.\r\nd\r\n\ne\r\n",
			[]string{"bare CR or LF in content (RFC 5321, Section 2.3.8)"},
		},
		{
			"line of 1001 octets", long + "\r\n.\r\n", "250 2.0.0 Queued as 1.1\r\n", long + "\r\n",
			[]string{"line of more than 1000 octets in content (RFC 5321, Section 4.5.3.1.6)"},
		},
		{"line of 1000 octets", long[1:] + "\r\n.\r\n", "250 2.0.0 Queued as 1.1\r\n", long[1:] + "\r\n", nil},
		{
			"8-bit", "é\r\n.\r\n", "250 2.0.0 Queued as 1.1\r\n", "é\r\n",
			[]string{"octets above 127 in content without BODY=8BITMIME (RFC 6152, Section 3)"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, MaxSize: 2000})
			c := dial(t, srv)
			c.expect(greeting)
			c.send("HELO client.test\r\n")
			c.expect("250 mock.test\r\n")
			for _, command := range []string{"MAIL FROM:<>", "RCPT TO:<b@example.test>", "DATA"} {
				c.send(command + "\r\n")
				if line, err := c.r.ReadString('\n'); err != nil || line[0] != '2' && line[0] != '3' {
					t.Fatalf("%s: %q, %v", command, line, err)
				}
			}
			c.send(test.sent)
			c.expect(test.reply)
			c.send("NOOP\r\n")
			c.expect("250 2.0.0 Nothing done\r\n")
			messages := srv.Messages()
			switch {
			case test.stored == "-" && len(messages) != 0:
				t.Errorf("stored %d messages, want none", len(messages))
			case test.stored == "-":
			case len(messages) != 1 || string(messages[0].Data) != test.stored:
				t.Errorf("stored %v, want %q", messages, test.stored)
			}
			wantViolations(t, srv, test.violations...)
		})
	}
}

// TestFragments sends a session octet by octet and in pieces of any size: it
// means the same.
func TestFragments(t *testing.T) {
	const session = "EHLO client.test\r\nMAIL FROM:<a@example.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n..x\r\n.\r\nQUIT\r\n"
	for _, size := range []int{1, 2, 3, 7, 64} {
		srv := mock.Start(t, mock.Options{Network: mock.InMemory})
		c := dial(t, srv)
		for rest := session; rest != ""; {
			n := min(size, len(rest))
			c.send(rest[:n])
			rest = rest[n:]
		}
		for {
			if _, err := c.r.ReadByte(); err != nil {
				break
			}
		}
		if m := srv.Messages(); len(m) != 1 || string(m[0].Data) != ".x\r\n" {
			t.Errorf("pieces of %d: stored %v\n%s", size, m, srv.Transcript())
		}
	}
}

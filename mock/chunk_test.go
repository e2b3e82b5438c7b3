package mock_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

// chunking is the dialogue up to an envelope for BDAT.
const chunking = ready + `
	C: MAIL FROM:<a@example.test>
	S: 250 2.1.0 Sender ok
	C: RCPT TO:<b@example.test>
	S: 250 2.1.5 Recipient ok
	`

func TestBDAT(t *testing.T) {
	const refused = "S: 503 5.5.1 MAIL first\n"
	for _, test := range []struct {
		name, dialogue string
		stored         []string
		violations     []string
	}{
		{"one chunk is no message", chunking + `
			C: BDAT 8
			C: .12345
			S: 250 2.0.0 8 octets`, nil, nil},
		{"chunks in one write, zero LAST", chunking + `
			C: BDAT 4
			C: .a
			C: BDAT 0 last
			S: 250 2.0.0 4 octets
			S: 250 2.0.0 Queued as 1.1`, []string{".a\r\n"}, nil},
		{"nothing but a zero LAST", chunking + `
			C: BDAT 0 LAST
			S: 250 2.0.0 Queued as 1.1`, []string{""}, nil},
		{"behind the last", chunking + `
			C: BDAT 3 LAST
			C: a
			S: 250 2.0.0 Queued as 1.1
			C: BDAT 6
			C: RSET
			` + refused + `
			C: NOOP
			S: 250 2.0.0 Nothing done`, []string{"a\r\n"}, nil},
		{"refused chunk is swallowed", ready + `
			C: BDAT 6
			C: RSET
			` + refused + `
			C: NOOP
			S: 250 2.0.0 Nothing done`, nil, nil},
		{"no recipient", ready + `
			C: MAIL FROM:<>
			S: 250 2.1.0 Sender ok
			C: BDAT 6
			C: RSET
			C: BDAT 6 LAST
			C: QUIT
			S: 554 5.5.1 No valid recipients
			S: 503 5.5.1 A chunk was refused; RSET first
			C: RSET
			S: 250 2.0.0 Reset`, nil, nil},
		{"DATA behind BDAT", chunking + `
			C: BDAT 3
			C: a
			S: 250 2.0.0 3 octets
			C: DATA
			S: 503 5.5.1 Content has come by BDAT
			C: BDAT 3 LAST
			C: b
			S: 503 5.5.1 A chunk was refused; RSET first
			C: RSET
			S: 250 2.0.0 Reset`, nil, nil},
		{"RCPT behind BDAT", chunking + `
			C: BDAT 3
			C: a
			S: 250 2.0.0 3 octets
			C: RCPT TO:<c@example.test>
			S: 503 5.5.1 Content has begun
			C: BDAT 0 LAST
			S: 250 2.0.0 Queued as 1.1`, []string{"a\r\n"}, nil},
		{"RSET in the middle", chunking + `
			C: BDAT 3
			C: a
			S: 250 2.0.0 3 octets
			C: RSET
			S: 250 2.0.0 Reset
			C: BDAT 3 LAST
			C: b
			` + refused, nil, nil},
		{"DATA still works", chunking + `
			C: DATA
			S: 354 Send the message, then a line of one dot
			C: .
			S: 250 2.0.0 Queued as 1.1`, []string{""}, nil},
		{"malformed, of a size that can be read", chunking + bad("BDAT  6") + bad("BDAT 6 LAS") + bad("BDAT 6  LAST") + bad("BDAT 6 LAST x") + `
			C: NOOP
			S: 250 2.0.0 Nothing done`, nil, nil},
		{"too big", chunking + `
			C: BDAT 1001
			C: ` + strings.Repeat("x", 999) + `
			S: 552 5.3.4 Message too big
			C: NOOP
			S: 250 2.0.0 Nothing done`, nil, nil},
		{"too big in all", chunking + `
			C: BDAT 998
			C: ` + strings.Repeat("x", 996) + `
			S: 250 2.0.0 998 octets
			C: BDAT 3 LAST
			C: x
			S: 552 5.3.4 Message too big
			C: NOOP
			S: 250 2.0.0 Nothing done`, nil, nil},
		{"binary", ready + `
			C: MAIL FROM:<> BODY=BINARYMIME
			S: 250 2.1.0 Sender ok
			C: RCPT TO:<b@example.test>
			S: 250 2.1.5 Recipient ok
			C: DATA
			S: 503 5.5.1 Binary content comes by BDAT` +
			"\nC: BDAT 13 LAST\nC: \x00\xff\r..x\r.x\ry\nS: 250 2.0.0 Queued as 1.1", []string{"\x00\xff\r..x\r.x\ry\r\n"}, nil},
		{
			"text that is binary", chunking + "\nC: BDAT 6 LAST\nC: \x00\xff\ry\nS: 250 2.0.0 Queued as 1.1",
			[]string{"\x00\xff\ry\r\n"},
			[]string{
				"bare CR or LF in content (RFC 5321, Section 2.3.8)",
				"NUL in content (RFC 2045, Sections 2.7 and 2.8)",
				"octets above 127 in content without BODY=8BITMIME (RFC 6152, Section 3)",
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, MaxSize: 1000})
			dial(t, srv).dialogue(test.dialogue)
			wantViolations(t, srv, test.violations...)
			var stored []string
			for _, m := range srv.Messages() {
				stored = append(stored, string(m.Data))
			}
			if !slices.Equal(stored, test.stored) {
				t.Errorf("stored %q, want %q", stored, test.stored)
			}
		})
	}
}

// bad is a malformed BDAT and its refusal, with a chunk of 6 octets.
func bad(command string) string {
	return "C: " + command + "\nC: QUIT\nS: 501 5.5.4 Syntax: BDAT size [LAST]\n"
}

// TestBDATWithoutSize ends the connection, for nobody can tell the chunk from
// commands.
func TestBDATWithoutSize(t *testing.T) {
	for _, argument := range []string{
		"", " -1", " +1", " 1x", " 0x1", " LAST", " x LAST", " 18446744073709551616", " 9223372036854775808", " 99999999999999999999 LAST",
	} {
		srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, MaxSize: 1000})
		c := dial(t, srv)
		c.dialogue(chunking + "C: BDAT" + argument + "\nC: NOOP\nS: 421 4.7.0 Chunk without a size, closing connection\n")
		c.expectEnd()
	}
	// A size that can be read is read past, whatever else is wrong with the line.
	srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, MaxSize: 1000})
	dial(t, srv).dialogue(chunking + "C: BDAT 6 \x01\nC: RSET\nS: 501 5.5.2 Control character in a command\n" +
		"C: NOOP\nS: 250 2.0.0 Nothing done")
}

func TestBDATNotOffered(t *testing.T) {
	srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, Without: []string{"CHUNKING"}})
	c := dial(t, srv)
	c.expect(greeting)
	c.send("EHLO client.test\r\n")
	c.expect("250-mock.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 33554432\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250 DSN\r\n")
	c.send("BDAT 6\r\n")
	c.expect("502 5.5.1 Command not implemented\r\n")
	c.send("MAIL FROM:<> BODY=BINARYMIME\r\n")
	c.expect("555 5.5.4 Parameter not recognized\r\n")
}

// TestBDATCutOff ends the connection within a last chunk: nothing is stored, and
// nobody is told otherwise.
func TestBDATCutOff(t *testing.T) {
	srv := mock.Start(t, mock.Options{Network: mock.InMemory})
	c := dial(t, srv)
	c.expect(greeting)
	c.ask("EHLO client.test\r\n", "MAIL FROM:<>\r\n", "RCPT TO:<b@example.test>\r\n")
	c.send("BDAT 9223372036854775 LAST\r\nx")
	c.conn.(interface{ CloseWrite() error }).CloseWrite()
	c.expect("552 5.3.4 Message too big\r\n")
	c = dial(t, srv)
	c.expect(greeting)
	c.ask("EHLO client.test\r\n", "MAIL FROM:<>\r\n", "RCPT TO:<b@example.test>\r\n")
	c.send("BDAT 10 LAST\r\n123456789")
	c.conn.(interface{ CloseWrite() error }).CloseWrite()
	c.expect("451 4.4.2 Connection ended within a chunk\r\n")
	c.expectEnd()
	if n := len(srv.Messages()); n != 0 {
		t.Errorf("%d messages", n)
	}
}

// TestRefusedChunkIsRun shows the defect and the fault that sets it off.
func TestRefusedChunkIsRun(t *testing.T) {
	for _, defects := range [][]mock.Defect{nil, {mock.RefusedChunkIsRun}} {
		srv := mock.Start(t, mock.Options{
			Network: mock.InMemory, TLS: mock.NoTLS, MaxSize: 1000, Defects: defects,
			Faults: []mock.Fault{mock.At("BDAT").Do(mock.Reply(554, "5.6.0", "no"))},
		})
		smuggled := "RSET\r\nMAIL FROM:<forged@example.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\nforged\r\n.\r\n"
		c := dial(t, srv)
		c.dialogue(chunking)
		c.send(fmt.Sprintf("BDAT %d LAST\r\n%sNOOP\r\n", len(smuggled), smuggled))
		c.expect("554 5.6.0 no\r\n")
		want := 0
		if defects != nil {
			c.replies(5)
			want = 1
		}
		c.expect("250 2.0.0 Nothing done\r\n")
		if n := len(srv.Messages()); n != want {
			t.Errorf("defects %v: %d messages, want %d", defects, n, want)
		}
	}
}

func TestDSN(t *testing.T) {
	good, wrong := "S: 250 2.1.0 Sender ok\nC: RSET\nS: 250 2.0.0 Reset\n", func(name string) string {
		return "S: 501 5.5.4 Bad value of " + name + "\n"
	}
	mail := func(parameters string) string { return "C: MAIL FROM:<a@example.test> " + parameters + "\n" }
	rcpt := func(parameters string) string { return "C: RCPT TO:<b@example.test> " + parameters + "\n" }
	const accepted = "S: 250 2.1.5 Recipient ok\n"
	srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, MaxSize: 1000})
	c := dial(t, srv)
	c.dialogue(ready +
		mail("RET=FULL ENVID=QQ314159") + good +
		mail("ret=hdrs envid=a+2Bb+3D") + good +
		mail("ENVID="+strings.Repeat("x", 100)) + good +
		mail("ENVID="+strings.Repeat("x", 101)) + wrong("ENVID") +
		mail("RET=BODY") + wrong("RET") + mail("RET") + wrong("RET") +
		mail("ENVID=a+2b") + wrong("ENVID") + mail("ENVID=a+Z") + wrong("ENVID") + mail("ENVID=+00") + wrong("ENVID") +
		mail("RET=FULL RET=FULL") + "S: 501 5.5.4 Bad parameter\n" +
		mail("ENVID=a ENVID=b") + "S: 501 5.5.4 Bad parameter\n" +
		mail("NOTIFY=NEVER") + "S: 555 5.5.4 Parameter not recognized\n" +
		mail("RET=HDRS") + "S: 250 2.1.0 Sender ok\n" +
		rcpt("NOTIFY=NEVER") + accepted +
		rcpt("NOTIFY=success,DELAY,FAILURE ORCPT=rfc822;Bob+2B@example.test") + accepted +
		rcpt("ORCPT=rfc822;"+strings.Repeat("x", 493)) + accepted +
		rcpt("NOTIFY=NEVER,SUCCESS") + wrong("NOTIFY") + rcpt("NOTIFY=SUCCESS,SUCCESS") + wrong("NOTIFY") +
		rcpt("NOTIFY") + wrong("NOTIFY") + rcpt("NOTIFY=,") + wrong("NOTIFY") + rcpt("NOTIFY=ALL") + wrong("NOTIFY") +
		rcpt("ORCPT=rfc822") + wrong("ORCPT") + rcpt("ORCPT=;b") + wrong("ORCPT") + rcpt("ORCPT=rfc822;") + wrong("ORCPT") +
		rcpt("ORCPT=rfc822;a+2") + wrong("ORCPT") + rcpt("ORCPT=rfc822;"+strings.Repeat("x", 494)) + wrong("ORCPT") +
		rcpt("NOTIFY=NEVER NOTIFY=NEVER") + "S: 501 5.5.4 Bad parameter\n" +
		rcpt("RET=FULL") + "S: 555 5.5.4 Parameter not recognized\n" + `
		C: DATA
		S: 354 Send the message, then a line of one dot
		C: .
		S: 250 2.0.0 Queued as 1.1`)
	m := srv.Messages()[0]
	if len(m.ToParameters) != 3 || m.ToParameters[1][1] != "ORCPT=rfc822;Bob+2B@example.test" || m.Parameters[0] != "RET=HDRS" {
		t.Errorf("parameters %q and %q", m.Parameters, m.ToParameters)
	}
	wantViolations(t, srv)
}

func TestREQUIRETLS(t *testing.T) {
	srv := mock.Start(t, mock.Options{Network: mock.InMemory, Without: []string{"PIPELINING", "8BITMIME", "SIZE", "SMTPUTF8", "CHUNKING", "DSN", "ENHANCEDSTATUSCODES", "AUTH"}})
	c := dial(t, srv)
	c.dialogue(`
		S: 220 mock.test ESMTP
		C: EHLO client.test
		S: 250-mock.test
		S: 250 STARTTLS
		C: MAIL FROM:<> REQUIRETLS
		S: 555 Parameter not recognized
		C: STARTTLS
		S: 220 Ready to start TLS`)
	c.startTLS(srv)
	c.dialogue(`
		C: EHLO client.test
		S: 250-mock.test
		S: 250 REQUIRETLS
		C: MAIL FROM:<> REQUIRETLS=1
		S: 501 Bad value of REQUIRETLS
		C: MAIL FROM:<> REQUIRETLS
		S: 250 Sender ok`)
	wantViolations(t, srv)
}

// TestChunkIsAwaited: replies to the commands before a chunk are not held back
// until its octets come, for the client may want them first (RFC 2920, Section
// 3.2). A chunk that comes soon is answered together with them.
func TestChunkIsAwaited(t *testing.T) {
	const envelope = "MAIL FROM:<a@example.test>\r\nRCPT TO:<b@example.test>\r\nBDAT 6 LAST\r\n"
	const answers = "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n"
	for name, test := range map[string]struct {
		fault    []mock.Fault
		play     func(c *client)
		messages []int // their round trips
	}{
		"nothing of it came": {nil, func(c *client) {
			c.send(envelope)
			c.expect(answers)
			c.send("x\r\ny\r\n")
			c.expect("250 2.0.0 Queued as 1.1\r\n")
		}, []int{4}},
		"some of it came": {nil, func(c *client) {
			c.send(envelope + "x\r")
			c.expect(answers)
			c.send("\ny\r\n")
			c.expect("250 2.0.0 Queued as 1.1\r\n")
		}, []int{4}},
		"it is refused": {[]mock.Fault{mock.At("RCPT").Do(mock.Reply(550, "5.1.1", "no"))}, func(c *client) {
			c.send(envelope)
			c.expect("250 2.1.0 Sender ok\r\n550 5.1.1 no\r\n554 5.5.1 No valid recipients\r\n")
			c.send("x\r\ny\r\n")
			c.ask("RSET\r\n")
		}, nil},
		"it comes soon": {nil, func(c *client) {
			c.send(envelope)
			time.Sleep(100 * time.Millisecond)
			c.send("x\r\ny\r\n")
			c.expect(answers + "250 2.0.0 Queued as 1.1\r\n")
		}, []int{3}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, Faults: test.fault, Strict: true})
				c := dial(t, srv)
				c.replies(1)
				c.ask("EHLO client.test\r\n")
				test.play(c)
				var got []int
				for _, m := range srv.Messages() {
					got = append(got, m.RoundTrips)
				}
				if !slices.Equal(got, test.messages) {
					t.Errorf("round trips %v, want %v", got, test.messages)
				}
			})
		})
	}
}

// TestLastChunkEnds: a last chunk ends the transaction, whoever refuses it.
func TestLastChunkEnds(t *testing.T) {
	for name, test := range map[string]struct{ size, after string }{
		"last":       {"6 LAST", "S: 250 2.1.0 Sender ok"},
		"not last":   {"6", "S: 503 5.5.1 There is a transaction already"},
		"no command": {"6 LAS", "S: 503 5.5.1 There is a transaction already"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, MaxSize: 1000, Faults: []mock.Fault{
				mock.At("BDAT").Do(mock.Reply(452, "4.3.1", "later")),
			}})
			dial(t, srv).dialogue(chunking + "C: BDAT " + test.size + "\nC: 1234\nS: 452 4.3.1 later\nC: MAIL FROM:<a@example.test>\n" + test.after)
		})
	}
}

// TestInternationalORCPT is about the addresses of RFC 6533, Section 3.
func TestInternationalORCPT(t *testing.T) {
	srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, MaxSize: 1000})
	c := dial(t, srv)
	c.dialogue(ready)
	for _, test := range []struct {
		address       string
		plain, inUTF8 bool // whether it is good without and with SMTPUTF8
	}{
		{`a@x.test`, true, true},
		{`j\x{FC}rgen@x.test`, true, true},
		{`\x{1F4E7}@x.test`, true, true},
		{`\x{10FFFF}@x.test`, true, true},
		{`a\x{2B}b\x{20}\x{5C}\x{3D}@x.test`, true, true},
		{`jürgen@x.test`, false, true},
		{`jürgen\x{20}w@x.test`, false, true},
		{"j\xfcrgen@x.test", false, false},
		{``, false, false},
		{`a+2Bb@x.test`, false, false},
		{`j\x{fc}rgen@x.test`, false, false},
		{`j\x{}rgen@x.test`, false, false},
		{`j\x{FCrgen@x.test`, false, false},
		{`j\x{41}rgen@x.test`, false, false},
		{`j\x{0}rgen@x.test`, false, false},
		{`j\x{0FC}rgen@x.test`, false, false},
		{`j\x{D800}rgen@x.test`, false, false},
		{`j\x{110000}rgen@x.test`, false, false},
		{`j\xFCrgen@x.test`, false, false},
		{`j\u{FC}rgen@x.test`, false, false},
		{`j\`, false, false},
	} {
		for parameter, good := range map[string]bool{"": test.plain, " SMTPUTF8": test.inUTF8} {
			c.ask("RSET\r\n", "MAIL FROM:<a@example.test>"+parameter+"\r\n")
			c.send("RCPT TO:<b@example.test> ORCPT=UTF-8;" + test.address + "\r\n")
			if answer := c.line(); strings.HasPrefix(answer, "250") != good {
				t.Errorf("%q%s: %q", test.address, parameter, answer)
			}
		}
	}
}

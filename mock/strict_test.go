package mock_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
)

// faultsFound plays a dialogue and returns what is found wrong with the client.
func faultsFound(t *testing.T, o mock.Options, dialogue string) []string {
	t.Helper()
	srv := mock.Start(t, o)
	dial(t, srv).dialogue(dialogue)
	return violations(srv)
}

// helloNothing is the dialogue up to the first command on a server without
// extensions.
const helloNothing = "S: 220 mock.test ESMTP\nC: EHLO client.test\nS: 250 mock.test\n"

// TestRefusalsAreViolations records each refusal that is the client's fault.
func TestRefusalsAreViolations(t *testing.T) {
	bare := insecure(mock.Options{Mechanisms: []string{}})
	bare.Without = append(bare.Without, "ENHANCEDSTATUSCODES")
	for _, test := range []struct {
		name, dialogue, want string
	}{
		{"parameter not offered", "C: MAIL FROM:<a@b.test> SIZE=1\nS: 555 Parameter not recognized", "refused: MAIL, 555 Parameter not recognized"},
		{"DATA before MAIL", "C: DATA\nS: 503 MAIL first", "refused: DATA, 503 MAIL first"},
		{"RCPT before MAIL", "C: RCPT TO:<a@b.test>\nS: 503 MAIL first", "refused: RCPT, 503 MAIL first"},
		{"space before the path", "C: MAIL FROM: <a@b.test>\nS: 501 Syntax: MAIL FROM:<address> [parameters]", "refused: MAIL, 501 Syntax: MAIL FROM:<address> [parameters]"},
		{"address", "C: MAIL FROM:<a>\nS: 501 Bad address", "refused: MAIL, 501 Bad address"},
		{"address outside ASCII", "C: MAIL FROM:<é@b.test>\nS: 553 Address needs SMTPUTF8", "refused: MAIL, 553 Address needs SMTPUTF8"},
		{"AUTH not offered", "C: AUTH PLAIN =\nS: 502 Command not implemented", "refused: AUTH, 502 Command not implemented"},
		{"BDAT not offered", "C: BDAT 0\nS: 502 Command not implemented", "refused: BDAT, 502 Command not implemented"},
		{"STARTTLS not offered", "C: STARTTLS\nS: 502 Command not implemented", "refused: STARTTLS, 502 Command not implemented"},
		{"parameter at the wrong command", "C: MAIL FROM:<>\nS: 250 Sender ok\nC: RCPT TO:<a@b.test> SIZE=1\nS: 555 Parameter not recognized", "refused: RCPT, 555 Parameter not recognized"},
		{"unknown command", "C: FOO bar\nS: 500 Command unrecognized", "refused: unknown command, 500 Command unrecognized"},
		{"command that a server need not have", "C: EXPN list\nS: 502 Command not implemented", ""},
		{"argument", "C: RSET x\nS: 501 RSET takes no argument", "refused: RSET, 501 RSET takes no argument"},
		{"EHLO", "C: EHLO a_b!\nS: 501 EHLO wants a domain or an address literal", "refused: EHLO, 501 EHLO wants a domain or an address literal"},
		{"EHLO with an underscore", "C: EHLO a_b\nS: 250 mock.test", "underscore in a domain (RFC 5321, Section 4.1.2)"},
		{"address with an underscore", "C: MAIL FROM:<x@a_b.test>\nS: 250 Sender ok", "underscore in a domain (RFC 5321, Section 4.1.2)"},
		{"DATA without RCPT", "C: MAIL FROM:<>\nS: 250 Sender ok\nC: DATA\nS: 554 No valid recipients", "refused: DATA, 554 No valid recipients"},
		{"second MAIL", "C: MAIL FROM:<>\nS: 250 Sender ok\nC: MAIL FROM:<>\nS: 503 There is a transaction already", "refused: MAIL, 503 There is a transaction already"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := strings.Join(faultsFound(t, bare, helloNothing+test.dialogue), "; "); got != test.want {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}

// TestGroupIsNoViolation excuses commands that follow a refused MAIL within a
// group: the client could not know.
func TestGroupIsNoViolation(t *testing.T) {
	o := insecure(mock.Options{Mechanisms: []string{}, Faults: []mock.Fault{mock.At("MAIL").Nth(1).Do(mock.Reply(451, "", "later"))}})
	const group = `
		C: MAIL FROM:<>
		C: RCPT TO:<a@b.test>
		C: DATA
		S: 451 later
		S: 503 5.5.1 MAIL first
		S: 503 5.5.1 MAIL first
		C: RSET
		S: 250 2.0.0 Reset
		`
	o.Without = o.Without[1:] // PIPELINING is back
	greeted := "S: 220 mock.test ESMTP\nC: EHLO client.test\nS: 250-mock.test\nS: 250-PIPELINING\nS: 250 ENHANCEDSTATUSCODES\n"
	if got := faultsFound(t, o, greeted+group); len(got) != 0 {
		t.Errorf("in a group: %q", got)
	}
	if got := faultsFound(t, o, greeted+group+"C: DATA\nS: 503 5.5.1 MAIL first"); !slices.Equal(got, []string{"refused: DATA, 503 MAIL first"}) {
		t.Errorf("behind RSET: %q", got)
	}
}

// TestSignInViolations finds fault with a client's grammar, and not with its
// credentials or with its giving up.
func TestSignInViolations(t *testing.T) {
	challenge := "S: 334 " + b64(`{"status":"401","schemes":"bearer","scope":"mail"}`) + "\n"
	challenge7628 := "S: 334 " + b64(`{"status":"invalid_token","schemes":"bearer","scope":"mail"}`) + "\n"
	const refused = "S: 535 5.7.8 Credentials refused"
	const (
		notEmpty = "response to the error challenge of XOAUTH2 is not empty"
		not01    = "response to the error challenge of OAUTHBEARER is not %x01 (RFC 7628, Section 3.2.3)"
	)
	for _, test := range []struct {
		name     string
		o        mock.Options
		dialogue string
		want     string
	}{
		{"wrong password", mock.Options{}, hello + "\nC: AUTH PLAIN " + b64("\x00user\x00no") + "\n" + refused, ""},
		{"cancel", mock.Options{}, hello + "\nC: AUTH PLAIN\nS: 334 \nC: *\nS: 501 5.7.0 Authentication canceled", ""},
		{"base64", mock.Options{}, hello + "\nC: AUTH PLAIN !\nS: 501 5.5.2 Invalid base64", "refused: AUTH, 501 Invalid base64"},
		{"base64 later", mock.Options{}, hello + "\nC: AUTH PLAIN\nS: 334 \nC: !\nS: 501 5.5.2 Invalid base64", "refused: AUTH/2, 501 Invalid base64"},
		{"message", mock.Options{}, hello + "\nC: AUTH PLAIN AAAA\nS: 501 5.5.2 Malformed message", "refused: AUTH, 501 Malformed message"},
		{"mechanism", mock.Options{}, hello + "\nC: AUTH X\nS: 504 5.5.4 Mechanism not offered", "refused: AUTH, 504 Mechanism not offered"},
		{"XOAUTH2, empty", tokens(), tokenHello + "C: AUTH XOAUTH2 " + xoauth2("user", "bad") + "\n" + challenge + "C:\n" + refused, ""},
		{"XOAUTH2, %x01", tokens(), tokenHello + "C: AUTH XOAUTH2 " + xoauth2("user", "bad") + "\n" + challenge + "C: AQ==\n" + refused, notEmpty},
		{"OAUTHBEARER, %x01", tokens(), tokenHello + "C: AUTH OAUTHBEARER " + oauthbearer("user", "bad") + "\n" + challenge7628 + "C: AQ==\n" + refused, ""},
		{"OAUTHBEARER, empty", tokens(), tokenHello + "C: AUTH OAUTHBEARER " + oauthbearer("user", "bad") + "\n" + challenge7628 + "C:\n" + refused, not01},
		{
			"OAUTHBEARER, cancel", tokens(),
			tokenHello + "C: AUTH OAUTHBEARER " + oauthbearer("user", "bad") + "\n" + challenge7628 + "C: *\nS: 501 5.7.0 Authentication canceled", "",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := strings.Join(faultsFound(t, insecure(test.o), test.dialogue), "; "); got != test.want {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}

// TestMisledClient finds no fault with a client that believes what EHLO said.
func TestMisledClient(t *testing.T) {
	o := insecure(mock.Options{Mechanisms: []string{}})
	o.Capabilities.Plain = []string{"SIZE", "AUTH PLAIN"}
	const lie = "S: 220 mock.test ESMTP\nC: EHLO client.test\nS: 250-mock.test\nS: 250-SIZE\nS: 250 AUTH PLAIN\n"
	if got := faultsFound(t, o, lie+"C: AUTH PLAIN =\nS: 502 5.5.1 Command not implemented\nC: MAIL FROM:<> SIZE=1\nS: 555 5.5.4 Parameter not recognized"); len(got) != 0 {
		t.Errorf("%q", got)
	}
	if got := faultsFound(t, o, lie+"C: BDAT 0\nS: 502 5.5.1 Command not implemented"); len(got) != 1 {
		t.Errorf("not listed: %q", got)
	}
}

// TestBelievedPipelining: a client may send groups where EHLO lists PIPELINING,
// whether the server has it or not, and nowhere else.
func TestBelievedPipelining(t *testing.T) {
	const group = "C: MAIL FROM:<>\nC: RCPT TO:<a@b.test>\nS: 250 2.1.0 Sender ok\nS: 250 2.1.5 Recipient ok"
	hello := func(line string) string {
		return "S: 220 mock.test ESMTP\nC: EHLO client.test\nS: 250-mock.test\nS: 250 " + line + "\n"
	}
	for name, test := range map[string]struct {
		without []string
		listed  string
		want    int
	}{
		"listed, not had": {[]string{"PIPELINING"}, "PIPELINING", 0},
		"had, not listed": {nil, "SIZE", 1},
		"neither":         {[]string{"PIPELINING"}, "SIZE", 1},
		"both":            {nil, "PIPELINING", 0},
	} {
		t.Run(name, func(t *testing.T) {
			o := mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, Without: test.without, Capabilities: mock.Capabilities{Plain: []string{test.listed}}}
			got := faultsFound(t, o, hello(test.listed)+group)
			if len(got) != test.want {
				t.Errorf("%q, want %d", got, test.want)
			}
		})
	}
}

// TestNotListed: what EHLO did not list may work, and is a violation.
func TestNotListed(t *testing.T) {
	const hello = "S: 220 mock.test ESMTP\nC: EHLO client.test\nS: 250-mock.test\nS: 250 AUTH LOGIN\n"
	for _, test := range []struct{ name, dialogue, want string }{
		{"mechanism", "C: AUTH PLAIN " + b64("\x00user\x00secret") + "\nS: 235 2.7.0 Signed in", "AUTH PLAIN, which EHLO did not list (RFC 4954, Section 4)"},
		{"mechanism that is listed", "C: AUTH LOGIN\nS: 334 " + b64("Username:") + "\nC: *\nS: 501 5.7.0 Authentication canceled", ""},
		{"SIZE", "C: MAIL FROM:<> SIZE=1\nS: 250 2.1.0 Sender ok", "SIZE, which EHLO did not offer (RFC 5321, Section 4.1.1.11)"},
		{"BODY", "C: MAIL FROM:<> BODY=8BITMIME\nS: 250 2.1.0 Sender ok", "BODY, which EHLO did not offer (RFC 5321, Section 4.1.1.11)"},
		{"BINARYMIME", "C: MAIL FROM:<> BODY=BINARYMIME\nS: 250 2.1.0 Sender ok", "BODY, which EHLO did not offer (RFC 5321, Section 4.1.1.11)"},
		{"DSN at MAIL", "C: MAIL FROM:<> RET=FULL\nS: 250 2.1.0 Sender ok", "RET, which EHLO did not offer (RFC 5321, Section 4.1.1.11)"},
		{"DSN at RCPT", "C: MAIL FROM:<>\nS: 250 2.1.0 Sender ok\nC: RCPT TO:<a@b.test> NOTIFY=NEVER\nS: 250 2.1.5 Recipient ok", "NOTIFY, which EHLO did not offer (RFC 5321, Section 4.1.1.11)"},
		{"AUTH at MAIL", "C: MAIL FROM:<> AUTH=<>\nS: 250 2.1.0 Sender ok", ""},
		{
			"BDAT", "C: MAIL FROM:<>\nS: 250 2.1.0 Sender ok\nC: RCPT TO:<a@b.test>\nS: 250 2.1.5 Recipient ok\nC: BDAT 0 LAST\nS: 250 2.0.0 Queued as 1.1",
			"BDAT, and EHLO did not list CHUNKING (RFC 3030, Section 2)",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, InsecureAuth: true, Capabilities: mock.Capabilities{Plain: []string{"AUTH LOGIN"}}}
			if got := strings.Join(faultsFound(t, o, hello+test.dialogue), "; "); got != test.want {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}

// TestBinaryMisled: a server that lists BINARYMIME and does not have it finds no
// fault with the client that asks for it.
func TestBinaryMisled(t *testing.T) {
	for listed, want := range map[string]int{"BINARYMIME": 0, "CHUNKING": 1} {
		o := mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, Without: []string{"BINARYMIME"}, Capabilities: mock.Capabilities{Plain: []string{"8BITMIME", listed}}}
		got := faultsFound(t, o, "S: 220 mock.test ESMTP\nC: EHLO client.test\nS: 250-mock.test\nS: 250-8BITMIME\nS: 250 "+listed+
			"\nC: MAIL FROM:<> BODY=BINARYMIME\nS: 555 5.5.4 Parameter not recognized")
		if len(got) != want {
			t.Errorf("%s listed: %q, want %d", listed, got, want)
		}
	}
}

// TestLongLocalPart accepts one that is too long and records it.
func TestLongLocalPart(t *testing.T) {
	const long = "local part of more than 64 octets (RFC 5321, Section 4.5.3.1.1)"
	for n, want := range map[int]string{64: "", 65: long + "; " + long} {
		address := strings.Repeat("x", n) + "@b.test"
		got := strings.Join(faultsFound(t, insecure(mock.Options{}), hello+"\nC: MAIL FROM:<"+address+">\nS: 250 2.1.0 Sender ok\nC: RCPT TO:<"+address+">\nS: 250 2.1.5 Recipient ok"), "; ")
		if got != want {
			t.Errorf("%d octets: %q, want %q", n, got, want)
		}
	}
}

// TestPaths reads addresses octet by octet (RFC 5321, Sections 4.1.2 and 4.1.3).
func TestPaths(t *testing.T) {
	for path, good := range map[string]bool{
		"<>": true, "<a@b>": true, "<@x:a@b>": true, "<@x,@y.test:a@b>": true, "<@x:\"a>:\"@b>": true,
		"<@:a@b>": false, "<@x y:a@b>": false, "<@x,y:a@b>": false, "<@x,:a@b>": false, "<@x>": false, "<@x:>": false,
		"<@[127.0.0.1]:a@b>": false, "<@é:a@b>": false, "<@x,@y a@b>": false,
		"<postmaster>": false, "<a@[127.0.0.1]>": true, "<a@[IPv6:::1]>": true, "<a@[ipv6:2001:db8::1]>": true, "<a@[IPv6:::ffff:192.0.2.1]>": true,
		"<a@[x400:c=us]>": true, "<a@[IPv6:zz]>": false, "<a@[999.1.1.1]>": false, "<a@[1.2.3]>": false, "<a@[foo]>": false, "<a@[IPv6:1.2.3.4]>": false,
		"<a@[::1]>": false, "<a@[x400:]>": false, "<a@[-:a]>": false, "<a@[IPv6:fe80::1%eth0]>": false, "<a@[01.2.3.4]>": false,
	} {
		srv := mock.Start(t, insecure(mock.Options{Mechanisms: []string{}}))
		c := dial(t, srv)
		c.replies(1)
		c.ask("EHLO client.test\r\n")
		c.send("MAIL FROM:" + path + "\r\n")
		if got := c.line(); strings.HasPrefix(got, "250") != good {
			t.Errorf("%s: %s", path, got)
		}
	}
	for name, good := range map[string]bool{"[foo]": false, "[999.1.1.1]": false, "[127.0.0.1]": true, "[IPv6:::1]": true, "[IPv6:zz]": false} {
		c := dial(t, mock.Start(t, mock.Options{Network: mock.InMemory}))
		c.replies(1)
		c.send("EHLO " + name + "\r\n")
		if got := c.line(); strings.HasPrefix(got, "250") != good {
			t.Errorf("EHLO %s: %s", name, got)
		}
	}
}

// TestMailAUTH wants a mailbox, as xtext, or "<>" (RFC 4954, Section 5).
func TestMailAUTH(t *testing.T) {
	for value, good := range map[string]bool{
		"<>": true, "a@b.test": true, "e+3Dmc2@example.com": true,
		"notmailbox": false, "": false, "+3C+3E": false, "a+GG@b": false, "a=b@c": false, "postmaster": false,
	} {
		c := dial(t, mock.Start(t, insecure(mock.Options{})))
		c.replies(1)
		c.ask("EHLO client.test\r\n")
		c.send("MAIL FROM:<> AUTH=" + value + "\r\n")
		if got := c.line(); strings.HasPrefix(got, "250") != good {
			t.Errorf("AUTH=%s: %s", value, got)
		}
	}
}

// TestHELOHasNoExtensions keeps extensions for those who said EHLO (RFC 5321,
// Section 2.2).
func TestHELOHasNoExtensions(t *testing.T) {
	srv := mock.Start(t, mock.Options{Network: mock.InMemory})
	dial(t, srv).dialogue(`
		S: 220 mock.test ESMTP
		C: HELO client.test
		S: 250 mock.test
		C: AUTH PLAIN
		S: 503 5.5.1 EHLO first
		C: MAIL FROM:<>
		S: 250 2.1.0 Sender ok
		C: RCPT TO:<a@b.test>
		S: 250 2.1.5 Recipient ok
		C: BDAT 6 LAST
		C: RSET
		S: 503 5.5.1 EHLO first
		C: NOOP
		S: 250 2.0.0 Nothing done`)
	if len(srv.Messages()) != 0 {
		t.Error("a message by BDAT")
	}
	srv = mock.Start(t, mock.Options{Network: mock.InMemory})
	dial(t, srv).dialogue("S: 220 mock.test ESMTP\nC: STARTTLS\nS: 220 2.0.0 Ready to start TLS")
	wantViolations(t, srv, "STARTTLS without EHLO (RFC 5321, Section 2.2)")
}

// TestHelloHasNoEnhancedCodes keeps enhanced status codes out of replies to EHLO
// and HELO (RFC 2034, Section 4).
func TestHelloHasNoEnhancedCodes(t *testing.T) {
	srv := mock.Start(t, mock.Options{Network: mock.InMemory})
	dial(t, srv).dialogue("S: 220 mock.test ESMTP\n" +
		"C: EHLO a\x00b\nS: 501 Control character in a command\n" +
		"C: HELO é\nS: 501 Octet above 127\n" +
		"C: EHLO " + strings.Repeat("a", 600) + "\nS: 500 Line too long\n" +
		"C: EHLO a\rb\nS: 500 Bare CR or LF\n")
	srv = mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{mock.At("CONNECT").Do(mock.Reply(554, "", "no"))}})
	dial(t, srv).dialogue("S: 554 no\nC: EHLO a\nS: 503 No service here")
}

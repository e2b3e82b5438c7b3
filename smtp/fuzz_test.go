package smtp_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// A scriptedConn is a connection whose other end says what it is given, no
// matter what it is told, and closes.
type scriptedConn struct {
	burst int // how many octets arrive at once, perhaps before they are waited for

	mu    sync.Mutex
	said  *bytes.Reader
	heard bytes.Buffer
	when  []int // for each octet that was read, how many the client had written
}

func (c *scriptedConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.said.Read(p[:min(len(p), c.burst)])
	for range n {
		c.when = append(c.when, c.heard.Len())
	}
	return n, err
}

func (c *scriptedConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heard.Write(p)
}
func (c *scriptedConn) Close() error        { return nil }
func (c *scriptedConn) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (c *scriptedConn) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2}
}
func (c *scriptedConn) SetDeadline(time.Time) error      { return nil }
func (c *scriptedConn) SetReadDeadline(time.Time) error  { return nil }
func (c *scriptedConn) SetWriteDeadline(time.Time) error { return nil }

// threeChunks is a message that goes in as many of them.
var threeChunks = smtp.Bytes(bytes.Repeat([]byte("hello\r\n"), 600<<10/7))

// FuzzScriptedServer: whatever a server says, the client returns, and reports
// success only if a whole positive reply arrived after the end of a message had
// gone out that was accepted for somebody; a secret shows in no error.
func FuzzScriptedServer(f *testing.F) {
	const ready = "220 hi\r\n250-hi\r\n250 AUTH PLAIN XOAUTH2\r\n"
	for _, script := range []string{
		"", "220 hi\r\n", "554 no\r\n", "220-a\r\n421 b\r\n",
		"220 hi\r\n500 what\r\n250 hi\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n",
		ready + "235 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n",
		ready + "235 ok\r\n250 ok\r\n550 no\r\n354 go\r\n554 no\r\n",
		ready + "334 e30=\r\n535 5.7.8 no\r\n",
		ready + "334 !\r\n501 no\r\n504 no\r\n",
		"220 hi\r\n250-hi\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-SIZE\r\n250 AUTH=PLAIN\r\n235\r\n250\r\n250\r\n250\r\n250\r\n",
		"220 hi\r\n250-hi\r\n250-PIPELINING\r\n250 CHUNKING\r\n250 stale\r\n250 mail\r\n250 rcpt\r\n554 no\r\n250 what\r\n",
		"220 hi\r\n250-hi\r\n250-PIPELINING\r\n250 SIZE 10\r\n250 ok\r\n250 ok\r\n354 go\r\n250 o",
	} {
		for kind := range byte(64) {
			f.Add(kind, []byte(script))
		}
	}
	// Replies to all chunks arrive with that to the first, in bursts of 57 octets.
	early := "220 hi" + strings.Repeat(".", 49) + "\r\n" + "250-hi\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 "
	early += strings.Repeat("X", 2*57-len(early)-2) + "\r\n"
	for range several().To {
		early += "250 rcpt\r\n"
	}
	early += "250 mail" + strings.Repeat(".", 4*57-len(early)-10) + "\r\n"
	f.Add(byte(0xf2), []byte(early+strings.Repeat("250 chunk\r\n", 3)))
	f.Fuzz(func(t *testing.T, kind byte, script []byte) {
		conn := &scriptedConn{said: bytes.NewReader(script), burst: 1 + 8*int(kind>>4&7)}
		message := message
		if kind&0x80 != 0 {
			message = threeChunks
		}
		cfg := smtp.Config{
			Addr: "server.test", TLS: smtp.InsecureNoTLS, LocalName: "client.test", Chunking: kind&2 != 0, ChunkInFirstGroup: kind&8 != 0,
			DialContext: func(context.Context, string, string) (net.Conn, error) {
				if conn.heard.Len() > 0 {
					return nil, io.ErrClosedPipe
				}
				return conn, nil
			},
		}
		if kind&1 != 0 {
			cfg.Auth = sasl.OAuth(user, sasl.StaticToken(long))
			cfg.Auth.Policy.InsecurePlaintext = true
		}
		if kind&4 != 0 {
			cfg.Addr = "lmtp://server.test:24"
		}
		res, err := smtp.Send(t.Context(), cfg, several(), message)
		partial := new(smtp.PartialError)
		if err == nil || errors.As(err, &partial) && !errors.Is(err, smtp.ErrUncertain) {
			read := script[:len(script)-conn.said.Len()]
			if why := falseSuccess(read, conn.heard.Bytes(), kind&1 != 0); why != "" {
				t.Errorf("success, but %s", why)
			}
			if !conn.answeredAtTheEnd(script) {
				t.Errorf("success, but no positive reply came behind the end of the message")
			}
			if len(res.Accepted) == 0 || res.Reply.Code/100 != 2 && kind&4 == 0 {
				t.Errorf("success for %q, reply %v", res.Accepted, res.Reply)
			}
		} else if !typed(err) && !errors.Is(err, smtp.ErrTooLarge) && smtp.Classify(err) != smtp.Local {
			t.Errorf("error of no type: %v", err)
		}
		if err != nil {
			scan(t, long, err)
		}
	})
}

// answeredAtTheEnd reports whether a positive reply came after the client had
// written the end of a message.
func (c *scriptedConn) answeredAtTheEnd(script []byte) bool {
	told := c.heard.Bytes()
	end := bytes.Index(told, []byte("\r\n.\r\n")) + len("\r\n.\r\n")
	if at := bytes.Index(told, []byte(" LAST\r\n")); at >= 0 {
		head := told[:at]
		size, _ := strconv.Atoi(string(head[bytes.LastIndexByte(head, ' ')+1:]))
		end = at + len(" LAST\r\n") + size
	}
	at := 0
	for line := range strings.Lines(string(script[:len(c.when)])) {
		if line[0] == '2' && strings.HasSuffix(line, "\n") && c.when[at] >= end {
			return true
		}
		at += len(line)
	}
	return false
}

// falseSuccess tells why what a server said and was told is not the acceptance
// of a message. It looks at lines alone.
func falseSuccess(said, told []byte, auth bool) string {
	var codes []string // of the last lines of replies
	for line := range strings.Lines(string(said)) {
		if !strings.HasSuffix(line, "\n") {
			break
		}
		if len(strings.TrimRight(line, "\r\n")) == 3 || len(line) > 3 && line[3] == ' ' {
			codes = append(codes, line[:3])
		}
	}
	has := func(code string) bool {
		for _, c := range codes {
			if c == code {
				return true
			}
		}
		return false
	}
	switch {
	case len(codes) < 5 || codes[0] != "220":
		return "there was no greeting, or no reply to a command"
	case auth && !has("235"):
		return "nobody signed in"
	case !bytes.Contains(told, []byte("\r\n.\r\n")) && !bytes.Contains(told, []byte(" LAST\r\n")):
		return "no message was sent"
	case bytes.Contains(told, []byte("\r\n.\r\n")) && !has("354"):
		return "nobody asked for the message"
	}
	return ""
}

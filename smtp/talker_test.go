package smtp_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// A talker is a server that says what a test wants, when it wants it.
type talker struct {
	net.Conn
	r     *bufio.Reader
	heard strings.Builder // command lines, for reading when it is over
}

// line returns the next line of the client, "" if there is none.
func (s *talker) line() string {
	line, err := s.r.ReadString('\n')
	if err != nil {
		return ""
	}
	s.heard.WriteString(line)
	return strings.TrimRight(line, "\r\n")
}

// say sends lines in one write.
func (s *talker) say(lines ...string) { io.WriteString(s, strings.Join(lines, "\r\n")+"\r\n") }

// answer answers a line of the client each.
func (s *talker) answer(replies ...string) {
	for _, reply := range replies {
		s.line()
		s.say(reply)
	}
}

// hello greets, and offers extensions.
func (s *talker) hello(extensions ...string) {
	s.say("220 hi")
	s.line()
	s.say("250-hi")
	for _, e := range extensions {
		s.say("250-" + e)
	}
	s.say("250 HELP")
}

// content reads content up to the final dot.
func (s *talker) content() string {
	var b strings.Builder
	for {
		line, err := s.r.ReadString('\n')
		if err != nil || line == ".\r\n" {
			return b.String()
		}
		b.WriteString(line)
	}
}

// chunk reads the content of a BDAT.
func (s *talker) chunk(command string) {
	var n int64
	if _, err := fmt.Sscanf(command, "BDAT %d", &n); err == nil {
		io.CopyN(io.Discard, s.r, n)
	}
}

// talk leads to a server in memory whose octets arrive when somebody reads them.
// The connection ends with f. After the test, the client is expected to have
// closed it.
func talk(t *testing.T, f func(s *talker)) (smtp.Config, *talker) {
	t.Helper()
	near, far := net.Pipe()
	s := &talker{Conn: far, r: bufio.NewReader(far)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer far.Close()
		f(s)
	}()
	t.Cleanup(func() {
		near.Close()
		<-done
	})
	return smtp.Config{
		Addr: "server.test", TLS: smtp.InsecureNoTLS, LocalName: "client.test",
		DialContext: func(context.Context, string, string) (net.Conn, error) { return near, nil },
	}, s
}

// withPassword signs in by cfg, in clear.
func withPassword(cfg smtp.Config, name, password string) smtp.Config {
	cfg.Auth = sasl.Password(name, password)
	cfg.Auth.Policy.InsecurePlaintext = true
	return cfg
}

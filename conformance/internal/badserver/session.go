package badserver

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// A session is one connection.
type session struct {
	*Server
	conn net.Conn
	in   *bufio.Reader
	out  []answer // that wait for the input to be empty

	secure   bool
	hello    bool
	signedIn bool
	mailed   bool // there was a MAIL command
	open     bool // there is a transaction
	to       int  // recipients of it
	kept     bool // a defect keeps a transaction that is over
	over     bool
}

// An answer is a reply that waits.
type answer struct {
	verb string
	text string
}

// maxCommand is the longest command, in octets, and the size of a buffer.
const maxCommand = 2048

// Serve serves one connection to its end.
func (s *Server) Serve(c net.Conn) {
	x := &session{Server: s, conn: c, in: bufio.NewReaderSize(c, 64<<10)}
	greeting := "220 " + Domain + " ESMTP\r\n"
	if s.Defect == GreetingLF {
		greeting = "220 " + Domain + " ESMTP\n"
	}
	x.write(greeting)
	for !x.over {
		line, long, err := x.command()
		if err != nil {
			break
		}
		x.run(line, long)
		if !bytes.Contains(x.waiting(), []byte("\n")) {
			x.flush()
		}
	}
	x.flush()
}

// waiting are the octets that have come and were not read.
func (x *session) waiting() []byte {
	octets, _ := x.in.Peek(x.in.Buffered())
	return octets
}

// command reads up to CRLF. Of a line that is too long, the rest is thrown away.
func (x *session) command() (line string, long bool, err error) {
	var octets []byte
	for {
		c, err := x.in.ReadByte()
		if err != nil {
			return "", false, err
		}
		octets = append(octets, c)
		switch {
		case c == '\n' && (x.Defect == LFEndsCommands || bytes.HasSuffix(octets, []byte("\r\n"))):
			return strings.TrimRight(string(octets[:min(len(octets), 20_000)]), "\r\n"), len(octets) > maxCommand, nil
		case x.Defect == SplitsLines && len(octets) == maxCommand, x.Defect == SplitsLongLines && len(octets) == 16<<10:
			return string(octets), false, nil
		case len(octets) > 1<<20:
			return "", false, io.ErrShortBuffer
		}
	}
}

// run answers one command.
func (x *session) run(line string, long bool) {
	name, argument, _ := strings.Cut(line, " ")
	name = strings.ToUpper(name)
	switch {
	case x.polite(name, line, long):
		return
	case long && name != "AUTH":
		x.say(name, 500, "5.5.2 Line too long")
		return
	case strings.ContainsAny(line, "\r\n\x00"):
		x.say(name, 500, "5.5.2 A control character in a command")
		return
	}
	switch name {
	case "EHLO":
		x.ehlo(argument)
	case "STARTTLS":
		x.starttls(argument)
	case "AUTH":
		x.auth(argument)
	case "MAIL":
		x.mail(argument)
	case "RCPT":
		x.rcpt(argument)
	case "DATA":
		x.data()
	case "RSET":
		x.kept = x.Defect == RSETKeeps && x.to > 0
		x.forget()
		x.say(name, 250, "2.0.0 Reset")
	case "NOOP":
		x.say(name, 250, "2.0.0 Nothing done")
	case "VRFY":
		x.say(name, 252, "2.5.0 Not verified")
	case "HELP":
		x.say(name, 214, "2.0.0 There is none")
		if x.Defect == HelpTwice {
			x.say(name, 214, "2.0.0 There is none")
		}
	case "QUIT":
		x.say(name, 221, "2.0.0 Bye")
		x.over = true
	default:
		x.say(name, 500, "5.5.1 Unknown command")
	}
}

// say queues a reply.
func (x *session) say(verb string, code int, lines ...string) {
	var b strings.Builder
	for i, line := range lines {
		separator := "-"
		if i == len(lines)-1 {
			separator = " "
		}
		code, line := x.spoken(code, line)
		fmt.Fprintf(&b, "%d%s%s\r\n", code, separator, line)
	}
	x.out = append(x.out, answer{verb, b.String()})
}

// flush sends what is queued.
func (x *session) flush() {
	if x.Defect == Reorders {
		var places []int
		for i, a := range x.out {
			if a.verb == "RCPT" {
				places = append(places, i)
			}
		}
		if len(places) > 1 { // the last one comes first
			last := x.out[places[1]]
			x.out[places[1]], x.out[places[0]] = x.out[places[0]], last
		}
	}
	all := ""
	for _, a := range x.out {
		all += a.text
	}
	x.out = nil
	x.write(all)
}

func (x *session) write(text string) {
	if text == "" {
		return
	}
	if _, err := io.WriteString(x.conn, text); err != nil {
		x.over = true
	}
}

func (x *session) ehlo(name string) {
	if _, err := wire.CheckMailbox("x@" + name); err != nil {
		x.say("EHLO", 501, "5.5.4 A name is missing")
		return
	}
	x.hello = true
	x.kept = x.Defect == EHLOKeeps && x.to > 0 || x.Defect == TLSKeeps && x.kept
	x.forget()
	lines := []string{Domain, "PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"}
	if x.Defect == KeywordUnderscore {
		lines = append(lines, "X_BAD")
	}
	if !x.secure {
		lines = append(lines, "STARTTLS")
	}
	if names := x.mechanisms(); names != nil {
		lines = append(lines, "AUTH "+strings.Join(names, " "))
	}
	lines = slices.DeleteFunc(lines, func(line string) bool {
		keyword, _, _ := strings.Cut(line, " ")
		return slices.Contains(x.Without, keyword)
	})
	x.say("EHLO", 250, x.mannered(lines)...)
}

// forget ends the transaction.
func (x *session) forget() { x.open, x.to = false, 0 }

func (x *session) starttls(argument string) {
	switch {
	case argument != "":
		x.say("STARTTLS", 501, "5.5.4 No argument")
		return
	case x.secure || slices.Contains(x.Without, "STARTTLS"):
		x.say("STARTTLS", 503, "5.5.1 No")
		return
	}
	x.say("STARTTLS", 220, "2.0.0 Go ahead")
	x.flush()
	if x.Defect == NoHandshake {
		return
	}
	for x.Defect == RunsAhead && bytes.Contains(x.waiting(), []byte("\r\n")) {
		line, long, _ := x.command() // it is there
		x.run(line, long)
		x.flush()
	}
	ahead := bytes.Clone(x.waiting())
	_, _ = x.in.Discard(len(ahead)) // they are there
	// What the client says next may be in the connection already.
	conn := tls.Server(x.conn, &tls.Config{Certificates: []tls.Certificate{x.certificate}, SessionTicketsDisabled: true})
	if conn.HandshakeContext(context.Background()) != nil { // the end of the connection ends it
		x.over = true
		return
	}
	x.conn, x.in, x.secure, x.hello, x.signedIn = conn, bufio.NewReaderSize(conn, 64<<10), true, false, false
	if x.Defect == KeepsBuffer {
		x.in = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(ahead), conn), 64<<10)
	}
	x.kept = x.Defect == TLSKeeps && x.open
	x.forget()
}

func (x *session) mail(argument string) {
	path, ok := cutPath(argument, "FROM:")
	switch {
	case !x.hello:
		x.say("MAIL", 503, "5.5.1 EHLO first")
	case x.open:
		x.say("MAIL", 503, "5.5.1 There is a transaction")
	case !ok:
		x.say("MAIL", 501, "5.5.4 Syntax")
	case path != "" && !isMailbox(path):
		x.say("MAIL", 501, "5.1.7 Syntax")
	default:
		x.open, x.mailed, x.kept = true, true, false
		x.say("MAIL", 250, "2.1.0 Sender ok")
	}
}

func (x *session) rcpt(argument string) {
	path, ok := cutPath(argument, "TO:")
	if i := strings.IndexByte(path, ':'); strings.HasPrefix(path, "@") && i > 0 {
		path = path[i+1:] // a source route (RFC 5321, Appendix C)
	}
	switch {
	case x.kept:
		x.say("RCPT", 250, "2.1.5 Recipient ok")
	case !x.open && x.Defect == Answers502ToRcpt && !x.mailed:
		x.say("RCPT", 502, "5.5.1 MAIL first")
	case !x.open:
		x.hello = x.hello && x.Defect != RcptForgetsEHLO
		x.say("RCPT", 503, "5.5.1 MAIL first")
	case !ok || !isMailbox(path):
		x.say("RCPT", 501, "5.1.3 Syntax")
	case !x.takes(path):
		x.say("RCPT", 550, "5.7.1 Relaying denied")
	default:
		x.to++
		x.say("RCPT", 250, "2.1.5 Recipient ok")
	}
}

// takes reports whether the session may send to a mailbox.
func (x *session) takes(path string) bool {
	local, domain, _ := strings.Cut(path, "@")
	own := domain == Domain && !strings.ContainsAny(local, `%"`)
	return own || x.signedIn || x.Defect == OpenRelay
}

func isMailbox(path string) bool {
	_, err := wire.CheckMailbox(path)
	return err == nil
}

// cutPath takes a path out of its keyword and brackets.
func cutPath(argument, keyword string) (string, bool) {
	if len(argument) < len(keyword) || !strings.EqualFold(argument[:len(keyword)], keyword) {
		return "", false
	}
	path, found := strings.CutPrefix(argument[len(keyword):], "<")
	path, closed := strings.CutSuffix(path, ">")
	return path, found && closed
}

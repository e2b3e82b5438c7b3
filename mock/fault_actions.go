package mock

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// An Action is what a fault does.
//
// A command is not run if a fault happens instead of it, with one exception: if
// the first reply among the actions is positive (2yz or 3yz), it is run, and that
// reply takes the place of the server's own. So Reply(354, ...) at DATA reads
// content and Reply(250, ...) at EOD stores the message, but Reply(235, ...) at
// AUTH signs nobody in. What comes before that reply, such as [Delay], comes
// before the command is run.
//
// Some actions take nobody's place: [Drip], [Split] and [DropMid] say how an
// answer is sent, [Extra] and [Unsolicited] add to it. Where a fault has no other
// actions, the server answers as usual.
type Action struct {
	name   string
	pos    string   // file:line of the call that made it
	code   int      // of the first reply that it sends, 0 if it sends none
	only   string   // the only point it makes sense at, "" for all
	beside bool     // the server answers as usual besides
	wrong  string   // why it cannot be, "" if it can
	parts  []Action // of All
	run    func(*session)
	pace   func(*pace) // how the answer is sent; nil as usual
}

// All is several actions as one: for [Chaos], which chooses one of many, or for
// the step of a script that is sent in a manner of its own.
func All(actions ...Action) Action {
	if len(actions) == 0 || slices.ContainsFunc(actions, Action.isZero) {
		return Action{}
	}
	actions = slices.Clone(actions)
	all := Action{pos: here(), name: "All", parts: actions, run: func(s *session) { s.perform(actions) }}
	if displacing(actions) == nil { // the manner is that of the server's own answer
		all.beside = true
		all.pace = mannerOf(actions)
		all.run = func(s *session) { s.run(actions) }
		if !slices.ContainsFunc(actions, func(a Action) bool { return a.run != nil }) {
			all.run = nil
		}
	}
	for _, a := range actions {
		all.code = cmp.Or(all.code, a.code)
		all.only = cmp.Or(all.only, a.only)
		all.wrong = cmp.Or(all.wrong, a.wrong)
	}
	return all
}

// mannerOf returns the manner of several actions, nil if they have none.
func mannerOf(actions []Action) func(*pace) {
	if paceOf(actions) == nil {
		return nil
	}
	return func(p *pace) {
		for _, a := range actions {
			if a.pace != nil {
				a.pace(p)
			}
		}
	}
}

func (a Action) isZero() bool { return a.run == nil && a.pace == nil }

// Reply sends a reply. The enhanced status code may be "". Each text is a line.
// What no server may send is an error; [Raw] and [MixedCodes] send it.
func Reply(code int, enhanced string, text ...string) Action {
	r := reply{code: code, enhanced: enhanced, lines: text}
	a := Action{pos: here(), name: "Reply", code: code, run: func(s *session) { s.send(r.format(true)) }}
	switch {
	case code < 200 || code > 599:
		a.wrong = "a reply code is a number from 200 to 599"
	case strings.ContainsAny(enhanced+strings.Join(text, ""), "\r\n"):
		a.wrong = "CR or LF in the text of a reply; each text is a line of its own"
	}
	return a
}

// MixedCodes sends one reply of several lines, each with a code of its own, which
// RFC 5321, Section 4.2.1 forbids. The first code counts as the code of the reply.
func MixedCodes(codes ...int) Action {
	if len(codes) == 0 {
		return Action{}
	}
	var b strings.Builder
	for i, code := range codes {
		separator := '-'
		if i == len(codes)-1 {
			separator = ' '
		}
		fmt.Fprintf(&b, "%03d%cline %d\r\n", code, separator, i+1)
	}
	a := Raw([]byte(b.String()))
	a.name, a.code = "MixedCodes", codes[0]
	return a
}

// Raw sends octets as they are. If they begin with a reply code, that counts as
// the code of a reply.
func Raw(octets []byte) Action {
	octets = slices.Clone(octets)
	line, _, _ := strings.Cut(string(octets), "\r\n")
	code, _, _, err := wire.ParseReplyLine([]byte(line))
	if err != nil {
		code = 0
	}
	return Action{pos: here(), name: "Raw", code: code, run: func(s *session) { s.send(octets) }}
}

// Extra sends more replies right behind the server's own, in the same write.
// Each is a line such as "250 ok", without CRLF.
func Extra(replies ...string) Action {
	octets := lines(replies)
	return Action{pos: here(), name: "Extra", wrong: wrongLines(replies), beside: true, run: func(s *session) { s.send(octets) }}
}

// Unsolicited sends replies that nobody has asked for, after the server's own, in
// a write of their own a moment later. Each is a line without CRLF. To let more
// time pass, write At(name).After().Do(Delay(d), Reply(...)).
func Unsolicited(replies ...string) Action {
	octets := lines(replies)
	return Action{pos: here(), name: "Unsolicited", wrong: wrongLines(replies), beside: true, run: func(s *session) {
		s.flush()
		s.wait(moment)
		s.send(octets)
		s.flush()
	}}
}

// wrongLines returns what is wrong with lines, "" if nothing is.
func wrongLines(texts []string) string {
	switch {
	case len(texts) == 0:
		return "no line to send"
	case strings.ContainsAny(strings.Join(texts, ""), "\r\n"):
		return "CR or LF within a line; each is without its CRLF"
	}
	return ""
}

// negative returns what is wrong with numbers that count something, "" if nothing
// is.
func negative(what string, numbers ...int64) string {
	for _, n := range numbers {
		if n < 0 {
			return what + " is negative"
		}
	}
	return ""
}

func lines(texts []string) []byte {
	var b []byte
	for _, text := range texts {
		b = append(b, text+"\r\n"...)
	}
	return b
}

// InjectAfter220 is for STARTTLS: it sends the 220 and, in the same write,
// octets in clear, as somebody on the path would add them. Then the handshake
// begins.
func InjectAfter220(octets []byte) Action {
	a := Raw(append([]byte("220 2.0.0 Ready to start TLS\r\n"), octets...))
	a.name, a.only = "InjectAfter220", "STARTTLS"
	return a
}

// NoReply sends nothing and goes on to the next command.
func NoReply() Action { return Action{pos: here(), name: "NoReply", run: func(*session) {}} }

// Stall sends nothing, and reads nothing, until the server is closed. A client
// that goes on writing blocks when the buffers of the network are full.
func Stall() Action {
	return Action{pos: here(), name: "Stall", run: func(s *session) {
		s.flush()
		<-s.srv.ctx.Done()
		s.over = true
	}}
}

// Delay waits.
func Delay(d time.Duration) Action {
	return Action{pos: here(), name: "Delay", wrong: negative("a delay", int64(d)), run: func(s *session) {
		s.flush()
		s.wait(d)
	}}
}

// wait waits, but not longer than the server is open.
func (s *session) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-s.srv.ctx.Done():
		s.over = true
	}
}

// Swallow reads n octets of the client and forgets them. Behind DATA, it makes
// what follows happen within content:
//
//	At("DATA").After().Do(Swallow(1000), Reset())
func Swallow(n int64) Action {
	return Action{pos: here(), name: "Swallow", wrong: negative("a number of octets", n), run: func(s *session) {
		s.flush()
		s.startClock()
		got, err := io.CopyN(io.Discard, s.in, n)
		s.rec.line(FromClient, fmt.Sprintf("<%d octets, unread>", got))
		if err != nil {
			s.fail(err)
		}
	}}
}

// Drop closes the connection.
func Drop() Action {
	return Action{pos: here(), name: "Drop", run: func(s *session) {
		s.flush()
		s.over = true
	}}
}

// Reset breaks the connection, as TCP's RST does. What was said just before may
// be lost with it: let a [Delay] come between if the client has to read it.
func Reset() Action {
	return Action{pos: here(), name: "Reset", run: func(s *session) {
		s.flush()
		s.raw.reset()
		s.over = true
	}}
}

// HalfClose closes the direction to the client only: the client reads the end,
// and what it goes on to send is taken and forgotten until it closes as well.
func HalfClose() Action {
	return Action{pos: here(), name: "HalfClose", run: func(s *session) {
		s.flush()
		s.over = true
		if s.closeWrite() != nil {
			return
		}
		s.startClock()
		n, _ := io.Copy(io.Discard, s.in) // however it ends, that was it
		s.rec.line(FromMock, fmt.Sprintf("half closed; %d more octets of the client", n))
	}}
}

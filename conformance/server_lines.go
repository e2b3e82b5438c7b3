package conformance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

func overlongCommand() Case {
	return Case{
		ID:        "S-LIN-02",
		Title:     "A command that is too long is one command",
		Area:      AreaLines,
		Refs:      []Ref{{RFC: 5321, Section: "4.5.3.1.9", Level: Security}},
		Tiers:     []Tier{Hostile},
		DependsOn: sessionCases(),
		Procedure: "Control: NOOP. Then NOOP with an argument, which has RSET at each 1024th octet, and a short NOOP behind it, in one write. With 9000, " +
			"20000 and 70000 octets, in a session each: servers differ in their buffers.",
		Pass: "One reply to each: 500 to the long one, or 2yz if the server takes it; another 5yz is warn. The server may close the connection, if it " +
			"says so by 421 or 5yz; if it says nothing, that is warn.",
		Mutant: "takes a command apart at the size of its buffer",
		Since:  "v0.1.0",
		Server: runOverlongCommand,
	}
}

// overlong is a command of that many octets, CRLF not counted, with a verb wherever
// a server may take it apart.
func overlong(octets int) string {
	line := []byte("NOOP " + strings.Repeat("a", octets-len("NOOP ")))
	for i := 1024; i+5 <= len(line); i += 1024 {
		copy(line[i:], "RSET ")
	}
	return string(line)
}

func runOverlongCommand(ctx context.Context, b *ServerBench) Verdict {
	verdict := pass()
	for _, octets := range []int{9000, 20_000, 70_000} {
		switch v := b.judgeOverlong(ctx, octets); v.Outcome {
		case Pass:
		case Warn:
			verdict = v
		default:
			return v
		}
	}
	return verdict
}

// judgeOverlong sends a command of that many octets.
func (b *ServerBench) judgeOverlong(ctx context.Context, octets int) Verdict {
	w, v, ok := b.Secure(ctx)
	if !ok {
		return v
	}
	if v := w.Barrier(); v.Outcome != Pass {
		return v
	}
	nonce := b.Nonce()
	w.Send(overlong(octets)+"\r\nNOOP "+nonce+"\r\n", fmt.Sprintf("NOOP <%d octets>\r\nNOOP %s\r\n", octets, nonce))
	first := w.Reply()
	want := fmt.Sprintf("one reply to a command of %d octets", octets)
	if v := w.judgeRefusal(first, "500 2yz 421 ~5yz", want); v.Outcome != Pass {
		return v
	}
	second := w.Reply()
	switch {
	case isClosed(second.Err):
		return w.closedAfter(first)
	case second.Code != 250:
		return w.judge(Step{Accept: "250", Want: fmt.Sprintf("250 to the NOOP behind the command of %d octets", octets)}, second)
	}
	return w.finishOrClosed(second)
}

// judgeRefusal judges the reply to octets that a server may refuse by closing the
// connection. Warnings wait.
func (w *Wire) judgeRefusal(r Reply, accept Accept, want string) Verdict {
	if isClosed(r.Err) {
		if !w.bench.alive(w) {
			return w.inconclusive(want, r.String())
		}
		return w.warned(want, "the end of the connection, without a word")
	}
	v := w.judge(Step{Accept: accept, Want: want}, r)
	if v.Outcome == Warn {
		w.warn(v)
		return pass()
	}
	return v
}

// isClosed reports whether the server has closed the connection.
func isClosed(err error) bool {
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, net.ErrClosed) && !isSyntax(err)
}

// closedAfter judges a server that has closed the connection after a reply: it may
// have, if it has refused something and answers others.
func (w *Wire) closedAfter(r Reply) Verdict {
	switch {
	case r.Code/100 != 4 && r.Code/100 != 5:
		return w.unanswered("the session to go on", Reply{Err: errClosed})
	case !w.bench.alive(w):
		return w.inconclusive("the server to answer others", "nothing")
	case w.warning.Outcome != "":
		return w.warning
	}
	return pass()
}

var errClosed = errors.New("the server has closed the connection")

// finishOrClosed is Finish for a server that may have closed the connection after
// a refusal.
func (w *Wire) finishOrClosed(r Reply) Verdict {
	more, last := w.quit()
	switch {
	case len(more) > 0:
		return w.surplus(more)
	case isClosed(last.Err):
		return w.closedAfter(r)
	case last.Code != 221:
		return w.inconclusive("221 to QUIT", last.String())
	case w.warning.Outcome != "":
		return w.warning
	}
	w.Close()
	return pass()
}

func bareLF() Case {
	return Case{
		ID:        "S-CRL-01",
		Title:     "A bare LF does not end a command",
		Area:      AreaLines,
		Refs:      []Ref{{RFC: 5321, Section: "2.3.8", Level: MustNot}},
		Tiers:     []Tier{Hostile},
		DependsOn: sessionCases(),
		Procedure: "Control: NOOP. Then NOOP, LF, NOOP and CRLF in one write.",
		Pass: "One reply: 5yz, after which the server may close the connection. 2yz is warn, and so is the end of the connection without " +
			"a word.",
		Note:   "Most servers in use take a bare LF for the end of a command. What it leads to within content, S-CRL-03 and S-CRL-07 find out.",
		Mutant: "ends commands at LF",
		Since:  "v0.1.0",
		Server: runBareLF,
	}
}

func runBareLF(ctx context.Context, b *ServerBench) Verdict {
	w, v, ok := b.Secure(ctx)
	if !ok {
		return v
	}
	if v := w.Barrier(); v.Outcome != Pass {
		return v
	}
	w.Send("NOOP\nNOOP\r\n", "NOOP<LF>NOOP\r\n")
	r := w.Reply()
	if v := w.judgeRefusal(r, "5yz 421 ~2yz", "one refusal of a command with a bare LF in it"); v.Outcome != Pass {
		return v
	}
	return w.finishOrClosed(r)
}

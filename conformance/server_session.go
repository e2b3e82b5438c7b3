package conformance

import (
	"context"
	"fmt"
	"strings"
	"time"
)

func oneReply() Case {
	return Case{
		ID:        "S-REP-01",
		Title:     "Each command has exactly one reply",
		Area:      AreaReplies,
		Refs:      []Ref{{RFC: 5321, Section: "4.2", Level: Must}},
		Tiers:     []Tier{Envelope},
		DependsOn: sessionCases(),
		Budget:    Budget{Time: time.Minute},
		Procedure: "Each command, right and wrong, at most two wrong ones in a session; QUIT at the end of each, whose 221 no other command has.",
		Pass:      "As many replies as commands.",
		Mutant:    "answers HELP twice",
		Since:     "v0.1.0",
		Server:    runOneReply,
	}
}

func runOneReply(ctx context.Context, b *ServerBench) Verdict {
	sessions := [][]string{
		{"NOOP", "NOOP " + b.Nonce(), "RSET", "HELP", "VRFY postmaster", b.mail(), b.rcpt(), "RSET", b.ehlo(), "NOOP"},
		{"XYZZY", b.rcpt()},
		{"MAIL FROM:" + b.From() + ">", "EHLO"},
	}
	for _, commands := range sessions {
		w, v, ok := b.Ready(ctx)
		if !ok {
			return v
		}
		if v := w.Barrier(); v.Outcome != Pass {
			return v
		}
		for _, line := range commands {
			v := w.Play(Step{Send: line + "\r\n", Accept: "2yz 4yz 5yz", Want: "one reply to " + line})
			switch {
			case v.Outcome != Pass:
				return v
			case w.Waiting():
				r := w.Reply()
				return w.fail("one reply to "+line, "another one: "+r.String())
			}
		}
		if v := w.Finish(); v.Outcome != Pass {
			return v
		}
	}
	return pass()
}

func outOfOrder() Case {
	return Case{
		ID:        "S-REP-07",
		Title:     "A command out of order is refused, and does no harm",
		Area:      AreaReplies,
		Refs:      []Ref{{RFC: 5321, Section: "3.3", Level: Must}, {RFC: 5321, Section: "4.1.4", Level: Must}},
		Tiers:     []Tier{Envelope},
		DependsOn: sessionCases(),
		Procedure: "Control, on a connection of its own: MAIL, RCPT. Then RCPT before MAIL; MAIL; DATA before RCPT; RSET; MAIL, RCPT.",
		Pass: "503 to RCPT; 503 or 554 to DATA, where another 5yz is warn, and so is 354 with a 5yz at the end of data; and 2yz to " +
			"MAIL and RCPT after that. Without the tier delivery, a session ends at 354.",
		Mutant: "answers 502 to RCPT before MAIL; forgets EHLO then",
		Since:  "v0.1.0",
		Server: runOutOfOrder,
	}
}

func runOutOfOrder(ctx context.Context, b *ServerBench) Verdict {
	w, v, ok := b.Ready(ctx)
	if !ok {
		return v
	}
	v = w.Play(control(b.mail(), "2yz"), control(b.rcpt(), "2yz"), control("RSET", "250"))
	if v.Outcome != Pass {
		return v
	}
	if v := w.Finish(); v.Outcome != Pass {
		return v
	}
	if w, v, ok = b.Ready(ctx); !ok {
		return v
	}
	if v = w.Play(command(b.rcpt(), "503"), command(b.mail(), "2yz")); v.Outcome != Pass {
		return v
	}
	if v = w.dataTooSoon(); v.Outcome != Pass {
		return v
	}
	v = w.Play(command("RSET", "250"), command(b.mail(), "2yz"), command(b.rcpt(), "2yz"), command("RSET", "250"))
	if v.Outcome != Pass {
		return v
	}
	return w.Finish()
}

// mayEndData reports whether a message may come to its end, though the server has
// said that there are no recipients: one that is wrong about that sends it. Where it
// may not, the session ends here.
func (w *Wire) mayEndData() bool {
	if w.bench.run.has(Delivery) {
		return true
	}
	w.Close()
	return false
}

// dataTooSoon says DATA in a transaction without a recipient. A server may say 354
// and refuse the message (RFC 2920, Section 3.1).
func (w *Wire) dataTooSoon() Verdict {
	r := w.Ask("DATA")
	if r.Code != 354 {
		v := w.judge(Step{Send: "DATA", Accept: "503 554 ~5yz"}, r)
		if v.Outcome != Warn {
			return v
		}
		w.warn(v)
		return pass()
	}
	if !w.mayEndData() {
		return w.warned("503 or 554 to DATA", r.String())
	}
	end := w.Ask(".")
	if end.Code/100 != 5 {
		return w.fail("a message without recipients to be refused", end.String())
	}
	w.warn(w.warned("503 or 554 to DATA", fmt.Sprintf("354, and %s at the end of data", end)))
	return pass()
}

func resetClears() Case {
	return Case{
		ID:        "S-SEQ-03",
		Title:     "RSET forgets the sender and the recipients",
		Area:      AreaSession,
		Refs:      []Ref{{RFC: 5321, Section: "4.1.1.5", Level: Must}},
		Tiers:     []Tier{Envelope},
		DependsOn: sessionCases(),
		Procedure: "MAIL and RCPT, which are the control; RSET; the same RCPT once more.",
		Pass:      "250 to RSET, and 503 to the last RCPT; another 5yz to that is warn.",
		Mutant:    "RSET keeps the transaction",
		Since:     "v0.1.0",
		Server: func(ctx context.Context, b *ServerBench) Verdict {
			w, v, ok := b.Ready(ctx)
			if !ok {
				return v
			}
			v = w.Play(
				control(b.mail(), "2yz"), control(b.rcpt(), "2yz"),
				command("RSET", "250"), command(b.rcpt(), "503 ~5yz"))
			if v.Outcome != Pass {
				return v
			}
			return w.Finish()
		},
	}
}

func noRelay() Case {
	return Case{
		ID:        "S-SEC-01",
		Title:     "The server is no open relay",
		Area:      AreaAbuse,
		Refs:      []Ref{{RFC: 5321, Section: "3.6.2", Level: Security}},
		Tiers:     []Tier{Envelope},
		DependsOn: sessionCases(),
		Procedure: "Without a sign-in: MAIL, and then RCPT to a mailbox of example.net, plainly, by a source route, by a percent sign and in quotes.",
		Pass: "5yz to MAIL or to each RCPT; 4yz to RCPT is warn. 2yz to the percent sign and the quotes is warn, for it may be a " +
			"mailbox of the server's own.",
		Note:   "From loopback, a server may be set up to trust everybody; then probe it from elsewhere.",
		Mutant: "takes any recipient from anybody",
		Since:  "v0.1.0",
		Server: runNoRelay,
	}
}

func runNoRelay(ctx context.Context, b *ServerBench) Verdict {
	probe := "relay-" + b.Nonce()
	const elsewhere = "@example.net" // RFC 2606, Section 3
	v := b.relays(ctx, "5yz ~4yz", probe+elsewhere, "@"+routeDomain(b.Domain())+":"+probe+elsewhere)
	if v.Outcome != Pass && v.Outcome != Warn {
		return v
	}
	own := b.relays(ctx, "5yz ~4yz ~2yz", probe+"%example.net@"+b.Domain(), `"`+probe+elsewhere+`"@`+b.Domain())
	if own.Outcome != Pass {
		return own
	}
	return v
}

// relays tries recipients without a sign-in, in a session of their own: a server may
// end one in which there are many errors.
func (b *ServerBench) relays(ctx context.Context, accept Accept, paths ...string) Verdict {
	w, v, ok := b.Secure(ctx)
	if !ok {
		return v
	}
	if v := w.Barrier(); v.Outcome != Pass {
		return v
	}
	if r := w.Ask(b.mail()); r.Code/100 != 2 {
		v := w.judge(Step{Send: b.mail(), Accept: "5yz ~4yz"}, r)
		if v.Outcome == Warn {
			w.warn(v)
		} else if v.Outcome != Pass {
			return v
		}
		paths = nil
	}
	for _, path := range paths {
		if v := w.Play(command("RCPT TO:<"+path+">", accept)); v.Outcome != Pass {
			return v
		}
	}
	if v := w.Play(control("RSET", "250"), control("NOOP", "250")); v.Outcome != Pass {
		return v
	}
	return w.Finish()
}

// routeDomain is a domain for a source route, which takes no literals.
func routeDomain(domain string) string {
	if domain[0] == '[' {
		return "localhost"
	}
	return domain
}

func batched() Case {
	return Case{
		ID:        "S-PIP-01",
		Title:     "Commands sent at once are answered in order",
		Area:      AreaExtensions,
		Refs:      []Ref{{RFC: 2920, Section: "3.2", Level: Must}},
		Needs:     []Need{NeedExtension("PIPELINING")},
		Tiers:     []Tier{Envelope},
		DependsOn: sessionCases(),
		Budget:    Budget{Time: time.Minute},
		Procedure: "Control: MAIL, a bad RCPT, a good RCPT and RSET, one by one. Then the same in one write. Then MAIL, a bad RCPT and DATA in one write. Each in a session of its own.",
		Pass: "The same codes in the same order; and DATA is refused by 5yz, or by 5yz at the end of data. Without the tier delivery, a " +
			"session ends at 354.",
		Mutant: "answers the recipients of a group in another order",
		Since:  "v0.1.0",
		Server: runBatched,
	}
}

func runBatched(ctx context.Context, b *ServerBench) Verdict {
	w, v, ok := b.Ready(ctx)
	if !ok {
		return v
	}
	const bad = "RCPT TO:<>"
	group := []string{b.mail(), bad, b.rcpt(), "RSET"}
	var codes []int
	for i, accept := range []Accept{"2yz", "5yz", "2yz", "250"} {
		step := control(group[i], accept)
		step.Check = func(r Reply) Verdict { codes = append(codes, r.Code); return pass() }
		if v := w.Play(step); v.Outcome != Pass {
			return v
		}
	}
	if v := w.Finish(); v.Outcome != Pass {
		return v
	}
	if v := b.judgeGroup(ctx, group, codes); v.Outcome != Pass {
		return v
	}
	if w, v, ok = b.Ready(ctx); !ok {
		return v
	}
	w.Send(b.mail()+"\r\n"+bad+"\r\nDATA\r\n", "")
	if v := w.Play(Step{Accept: "2yz", Want: "2yz to MAIL"}, Step{Accept: "5yz", Want: "5yz to the bad RCPT"}); v.Outcome != Pass {
		return v
	}
	return w.dataRefused()
}

// judgeGroup sends commands at once that are answered by those codes alone.
func (b *ServerBench) judgeGroup(ctx context.Context, group []string, codes []int) Verdict {
	w, v, ok := b.Ready(ctx)
	if !ok {
		return v
	}
	w.Send(strings.Join(group, "\r\n")+"\r\n", "")
	for i, code := range codes {
		want := fmt.Sprintf("%d to command %d of the group, as it is alone", code, i+1)
		if v := w.Play(Step{Accept: Accept(fmt.Sprint(code)), Want: want}); v.Outcome != Pass {
			return v
		}
	}
	return w.Finish()
}

// dataRefused reads the reply to DATA in a transaction without recipients, and ends
// the session.
func (w *Wire) dataRefused() Verdict {
	r := w.Reply()
	if r.Code == 354 {
		if !w.mayEndData() {
			return pass() // the order was right
		}
		r = w.Ask(".")
	}
	v := w.judge(Step{Send: "DATA", Accept: "5yz", Want: "5yz to DATA, or 354 and 5yz at the end of data"}, r)
	if v.Outcome != Pass {
		return v
	}
	return w.Finish()
}

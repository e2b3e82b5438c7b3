package conformance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

// virtual returns the verdict on a client whose time is real.
func (b *ClientBench) virtual(ctx context.Context) (Verdict, bool) {
	if b.target.Network == mock.InMemory && timeIsVirtual(ctx) {
		return Verdict{}, true
	}
	return unable("the case needs virtual time: run it in a testing/synctest bubble, with a client that connects through ClientConfig.Dial"), false
}

// A stall is a point where a server falls silent.
type stall struct {
	name  string // what it does not do
	verb  string // of the command that gets no answer
	times int    // how often it was said until then
	fault mock.Fault
}

func stalls(scene Scene) []stall {
	within := scene.firstWithin()
	var all []stall
	for _, verb := range []string{"EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA"} {
		all = append(all, stall{"answer " + verb, verb, 1, mock.At(verb).Nth(1).Do(mock.Stall())})
	}
	return append(all,
		stall{"greet", "CONNECT", 1, mock.At("CONNECT").Do(mock.Stall())},
		stall{"answer EHLO within TLS", "EHLO", within, mock.At("EHLO").Nth(within).Do(mock.Stall())},
		stall{"answer the end of the message", "EOD", 1, mock.At("EOD").Do(mock.Stall())},
	)
}

func timeouts() Case {
	return Case{
		ID:    "C-TMO-01",
		Title: "Each wait for the server has a timeout of its own, which can be set",
		Area:  AreaTimeouts,
		Refs:  []Ref{{RFC: 5321, Section: "4.5.3.2", Level: Must}},
		Needs: []Need{NeedVirtualTime, NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: a server that answers at once. Then one that takes 5 s over each answer, with a timeout of " +
			"7 s. Then one that falls silent after the connect, or a command, or the message, with the same timeout.",
		Pass: "The slow session succeeds. Each silence ends after 7 s, or twice that if the client waits for an answer to " +
			"QUIT, too, and the client reports a failure; its error is a timeout, or else the outcome is warn.",
		Mutant:    "has one timer for the whole session",
		AlsoKills: []string{"C-TMO-04", "C-TMO-07"}, // which no client passes without timeouts
		Since:     "v0.1.0",
		Client:    runTimeouts,
	}
}

const (
	stepTimeout = 7 * time.Second
	stepDelay   = 5 * time.Second
	parting     = 2 * time.Second // for the end of a session
	patience    = 10 * time.Minute
)

func runTimeouts(ctx context.Context, b *ClientBench) Verdict {
	if v, ok := b.virtual(ctx); !ok {
		return v
	}
	scene, v, ok := b.SignIn(ctx, Scene{Timeout: stepTimeout, patience: patience})
	if !ok {
		return v
	}
	if v := b.judgeSlow(ctx, scene); v.Outcome != Pass {
		return v
	}
	for _, s := range stalls(scene) {
		scene.Server.Faults = []mock.Fault{s.fault}
		if v := judgeTimeout(b.Try(ctx, scene), s); v.Outcome != Pass {
			v.Reason = "the server did not " + s.name
			return v
		}
	}
	return pass()
}

// judgeSlow has a session last longer than the timeout, and no wait within it. The
// three commands that a client may send in one group take 5 s together.
func (b *ClientBench) judgeSlow(ctx context.Context, scene Scene) Verdict {
	for _, point := range []string{"CONNECT", "EHLO", "STARTTLS", "AUTH", "RCPT", "EOD"} {
		scene.Server.Faults = append(scene.Server.Faults, mock.At(point).Before().Do(mock.Delay(stepDelay)))
	}
	t := b.Try(ctx, scene)
	if !t.succeeded() {
		return t.fail(fmt.Sprintf("a delivery: no answer took more than %v, and the timeout is %v", stepDelay, stepTimeout), t.said())
	}
	return pass()
}

func judgeTimeout(t *Trial, s stall) Verdict {
	t.fault = s.verb
	want := fmt.Sprintf("an error after %v", stepTimeout)
	switch {
	case len(t.commands(s.verb)) < s.times:
		return t.notReached(s.verb)
	case !t.refused():
		return t.fail(want, t.said())
	case t.Took < stepTimeout, t.Took > 2*stepTimeout+parting: // it may wait for an answer to QUIT, too
		return t.fail(want, fmt.Sprintf("it came after %v; %s", t.Took, t.said()))
	case !isTimeout(t.Answer.Err):
		return t.warn("an error that says that it was a timeout: a net.Error, or one that matches os.ErrDeadlineExceeded", t.said())
	}
	return pass()
}

// isTimeout reports whether an error says that it is a timeout.
func isTimeout(err error) bool {
	for _, e := range errorTree(err) {
		if n, ok := e.(net.Error); ok && n.Timeout() {
			return true
		}
	}
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

func endedContext() Case {
	return Case{
		ID:    "C-TMO-06",
		Title: "The end of a context ends whatever is going on",
		Area:  AreaTimeouts,
		Refs:  []Ref{{Document: goodPractice, Level: Security}},
		Needs: []Need{NeedVirtualTime, NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: nothing is wrong. Then the connect takes for ever, or the server falls silent: before its " +
			"greeting, in the handshake, after a command, within 1 MiB of content or behind it. The context of the " +
			"client is cancelled after 3 s.",
		Pass: "The client reports a failure within a second of the cancellation and leaves no connection open. Its " +
			"error matches context.Canceled, or else the outcome is warn.",
		Mutant: "waits for the server, whatever becomes of the context",
		Since:  "v0.1.0",
		Client: runEndedContext,
	}
}

const (
	cancelAfter = 3 * time.Second
	cancelGrace = time.Second
)

func runEndedContext(ctx context.Context, b *ClientBench) Verdict {
	if v, ok := b.virtual(ctx); !ok {
		return v
	}
	scene, v, ok := b.SignIn(ctx, Scene{patience: patience})
	if !ok {
		return v
	}
	scene.Cancel = cancelAfter
	dialling := scene
	dialling.stallDial = true
	if v := judgeEndedContext(b.Try(ctx, dialling), stall{name: "let it connect"}); v.Outcome != Pass {
		return v
	}
	for _, s := range append(stalls(scene), transportStalls()...) {
		scene.Server.Faults = []mock.Fault{s.fault}
		scene.Body = ""
		if s.verb == "DATA" {
			scene.Body = bigBody()
		}
		if v := judgeEndedContext(b.Try(ctx, scene), s); v.Outcome != Pass {
			return v
		}
	}
	return pass()
}

func judgeEndedContext(t *Trial, s stall) (v Verdict) {
	t.fault = s.verb
	defer func() {
		if v.Outcome != Pass {
			v.Reason = "the server did not " + s.name
		}
	}()
	want := fmt.Sprintf("an error within %v of the end of the context, and no open connection", cancelGrace)
	reached := t.stalled > 0
	if s.verb != "" {
		reached = len(t.commands(s.verb)) >= s.times
	}
	switch {
	case !reached, t.Crash == "" && t.Took < cancelAfter:
		return t.notReached("the wait")
	case !t.refused():
		return t.fail(want, t.said())
	case t.Took > cancelAfter+cancelGrace:
		return t.fail(want, fmt.Sprintf("it came %v after the end; %s", t.Took-cancelAfter, t.said()))
	case t.left > 0:
		return t.fail(want, fmt.Sprintf("%d connections still open a second later; %s", t.left, t.said()))
	case !errors.Is(t.Answer.Err, context.Canceled):
		return t.warn("an error that matches context.Canceled", t.said())
	}
	return pass()
}

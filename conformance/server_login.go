package conformance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// A talk is what the suite says within one AUTH.
type talk struct {
	mechanism string
	initial   []byte // nil: the server begins
	// next answers a challenge. Nil means that the exchange is given up by "*".
	next func(challenge []byte) []byte
}

// maxRounds is how many challenges are answered.
const maxRounds = 8

// auth runs an exchange and returns the final reply. An initial response that is
// wanted on the AUTH line stands there if the line is not too long (RFC 4954,
// Section 4).
func (w *Wire) auth(t talk, onLine bool) Reply {
	if !w.mayTell() {
		return Reply{Err: errTelling}
	}
	line, shown := "AUTH "+t.mechanism, ""
	initial := t.initial
	if initial != nil && onLine && len(line)+1+wire.EncodedLen(len(initial))+2 <= maxCommandLine {
		shown = fmt.Sprintf("%s <redacted %d octets>\r\n", line, wire.EncodedLen(len(initial)))
		line += " " + encodeResponse(initial)
		initial = nil
	}
	w.Send(line+"\r\n", shown)
	for range maxRounds {
		r := w.Reply()
		if r.Code != 334 {
			return r
		}
		response := initial
		if initial = nil; response == nil {
			response = t.answer(r)
		}
		if response == nil {
			w.Send("*\r\n", "")
			continue
		}
		w.Send(string(wire.EncodeBase64(nil, response))+"\r\n", fmt.Sprintf("<redacted %d octets>\r\n", wire.EncodedLen(len(response))))
	}
	return w.Reply()
}

// encodeResponse writes an initial response: "=" if it is empty.
func encodeResponse(initial []byte) string {
	if len(initial) == 0 {
		return "="
	}
	return string(wire.EncodeBase64(nil, initial))
}

// answer returns the response to a challenge, nil if there is none.
func (t *talk) answer(r Reply) []byte {
	challenge, err := wire.DecodeBase64([]byte(r.Lines[0]))
	if err != nil || t.next == nil {
		return nil
	}
	return t.next(challenge)
}

// plainTalk is PLAIN (RFC 4616).
func plainTalk(authzid, user, password string) talk {
	return talk{mechanism: "PLAIN", initial: []byte(authzid + "\x00" + user + "\x00" + password)}
}

// loginTalk is LOGIN, whatever the prompts.
func loginTalk(user, password string) talk {
	answers := []string{user, password}
	return talk{mechanism: "LOGIN", next: func([]byte) []byte {
		if len(answers) == 0 {
			return nil
		}
		answer := answers[0]
		answers = answers[1:]
		return []byte(answer)
	}}
}

// xoauth2Talk is Google's XOAUTH2. A challenge holds an error and is answered by
// nothing.
func xoauth2Talk(user, token string) talk {
	return talk{
		mechanism: "XOAUTH2",
		initial:   []byte("user=" + user + "\x01auth=Bearer " + token + "\x01\x01"),
		next:      func([]byte) []byte { return []byte{} },
	}
}

// oauthbearerTalk is OAUTHBEARER (RFC 7628).
func oauthbearerTalk(user, token, addr string) talk {
	fields := ""
	if host, port, err := net.SplitHostPort(addr); err == nil {
		fields = "host=" + host + "\x01port=" + port + "\x01"
	}
	return talk{
		mechanism: "OAUTHBEARER",
		initial:   []byte("n,a=" + saslname(user) + ",\x01" + fields + "auth=Bearer " + token + "\x01\x01"),
		next:      func([]byte) []byte { return []byte{1} }, // RFC 7628, Section 3.2.3
	}
}

// saslname writes a name where commas and equals signs mean something (RFC 5802,
// Section 5.1).
func saslname(name string) string {
	return strings.NewReplacer("=", "=3D", ",", "=2C").Replace(name)
}

// signIn signs the account in by the first mechanism that goes, and returns its
// name, "" if none goes.
func (w *Wire) signIn(ctx context.Context) (Reply, string) {
	t, ok := w.bench.talk()
	if !ok {
		return Reply{}, ""
	}
	return w.authAccount(t, true), t.mechanism
}

// authAccount is auth with the right credentials of the account, and counts the
// refusals.
func (w *Wire) authAccount(t talk, onLine bool) Reply {
	r := w.auth(t, onLine)
	run := w.bench.run
	switch {
	case errors.Is(r.Err, errTelling):
	case r.Code/100 == 2:
		run.refusals = 0
	default:
		run.refusals++
		run.refusal = w.bench.printable(r.String())
	}
	return r
}

// talk returns the exchange that signs the account in: by password, if there is
// one.
func (b *ServerBench) talk() (talk, bool) {
	run := b.run
	if run.password != "" {
		if t, ok := b.talkOf(run.user, run.password); ok {
			return t, true
		}
	}
	offered := run.mechanisms()
	switch {
	case run.token != "" && slices.Contains(offered, "XOAUTH2"):
		return xoauth2Talk(run.user, run.token), true
	case run.token != "" && slices.Contains(offered, "OAUTHBEARER"):
		return oauthbearerTalk(run.user, run.token, run.place.addr), true
	}
	return talk{}, false
}

// talkOf returns the exchange that signs somebody in by password.
func (b *ServerBench) talkOf(user, password string) (talk, bool) {
	offered := b.run.mechanisms()
	switch {
	case slices.Contains(offered, "PLAIN"):
		return plainTalk("", user, password), true
	case slices.Contains(offered, "LOGIN"):
		return loginTalk(user, password), true
	case slices.Contains(offered, "SCRAM-SHA-256") && isASCII(user+password):
		return newScram(user, password).talk(), true
	}
	return talk{}, false
}

// isASCII reports whether a name or password needs no preparation.
func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// failing says that a login is about to fail on purpose. It waits until the last
// one is some time ago.
func (b *ServerBench) failing(ctx context.Context) (Verdict, bool) {
	run := b.run
	if run.failedLogins <= 0 {
		return skip(OverBudget, "no more logins may fail"), false
	}
	if run.facts.Network != onLoopback && !run.lastFailed.IsZero() {
		if err := pause(ctx, failedLoginsApart-time.Since(run.lastFailed)); err != nil {
			return Verdict{Outcome: Inconclusive, Reason: "there was no time left for a login that fails"}, false
		}
	}
	run.failedLogins--
	run.facts.FailedLogins++
	run.lastFailed = time.Now()
	return Verdict{}, true
}

// failed notes the reply to a login that was to fail: one that asks for patience
// ends them all.
func (b *ServerBench) failed(r Reply) {
	if r.Code == 421 || r.Code == 454 && strings.HasPrefix(r.Enhanced(), "4.7.") || r.Code == 432 {
		b.run.throttled = b.printable(r.String())
	}
}

package conformance

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
)

// discover looks at what the server lists in each state that it can be brought to.
// What goes wrong is for the cases to judge; only a server that refuses the account
// ends the run, before the account is locked.
func (r *serverRun) discover(ctx context.Context, conn net.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	b := &ServerBench{run: r, of: Case{ID: "discovery"}}
	defer func() {
		for _, w := range b.wires {
			w.Close()
		}
	}()
	w, ok := r.greet(b.open(ctx, conn))
	if !ok {
		return nil
	}
	if w.tls == nil && w.Offers("STARTTLS") {
		if v, ok := w.StartTLS(); !ok {
			r.facts.States[tlsState].Why = b.printable(v.Got)
			return nil
		}
		r.facts.States[tlsState].reach(w)
	}
	if err := r.discoverAuth(ctx, w); err != nil {
		return err
	}
	w.quit()
	return r.discoverClearAuth(ctx, b)
}

// greet reads the greeting and says EHLO, on a connection that was just made.
func (r *serverRun) greet(w *Wire) (*Wire, bool) {
	first := &r.facts.States[clearState]
	if r.place.mode == ImplicitTLS {
		first.Why = "the connection begins with TLS"
		r.facts.States[clearAuthState].Why = first.Why
		first = &r.facts.States[tlsState]
		if err := w.handshake(); err != nil {
			first.Why = w.bench.printable(err.Error())
			return w, false
		}
	} else {
		r.facts.States[tlsState].Why = "EHLO does not list STARTTLS"
	}
	greeting := w.Reply()
	r.facts.Greeting = w.bench.printable(strings.TrimSpace(greeting.String()))
	if greeting.Code != 220 {
		first.Why = "the greeting was: " + r.facts.Greeting
		return w, false
	}
	if v, ok := w.Hello(); !ok {
		first.Why = w.bench.printable(v.Got)
		return w, false
	}
	first.reach(w)
	return w, true
}

// reach notes what the last EHLO listed.
func (s *State) reach(w *Wire) {
	s.Reached, s.Why = true, ""
	lines := slices.Clone(w.lines)
	w.bench.run.secrets.Redact(lines) // a secret may be cut by the end of a line
	for _, line := range lines {
		s.Lines = append(s.Lines, w.bench.printable(line))
	}
}

// discoverAuth signs in and looks again.
func (r *serverRun) discoverAuth(ctx context.Context, w *Wire) error {
	state := &r.facts.States[tlsAuthState]
	if w.tls == nil {
		state.Why = r.facts.States[tlsState].Why
		state = &r.facts.States[clearAuthState]
	}
	if why := r.silent(); why != "" {
		state.Why = why
		return nil
	}
	reply, mechanism := w.signIn(ctx)
	switch {
	case mechanism == "":
		state.Why = "the server offers no mechanism that the suite can use with the account"
	case reply.Code == 535:
		r.facts.SignedIn = ""
		return fmt.Errorf("%w by AUTH %s: %s", ErrCredentials, mechanism, w.bench.printable(reply.String()))
	case reply.Code/100 != 2:
		state.Why = "AUTH " + mechanism + " was answered by " + w.bench.printable(reply.String())
	default:
		r.facts.SignedIn = mechanism
		if v, ok := w.Hello(); !ok {
			state.Why = w.bench.printable(v.Got)
			return nil
		}
		state.reach(w)
	}
	return nil
}

// silent says why the suite does not sign in, "" if it does.
func (r *serverRun) silent() string {
	switch v := r.mayNotSignIn(); {
	case r.user == "":
		return "there is no account"
	case !r.has(Login):
		return "the tier " + string(Login) + " is not among those of the run"
	case v.Outcome == Skip:
		return v.Reason
	}
	return ""
}

// discoverClearAuth signs in without TLS, on loopback, where the server offers both.
func (r *serverRun) discoverClearAuth(ctx context.Context, b *ServerBench) error {
	state := &r.facts.States[clearAuthState]
	_, offered := r.facts.States[clearState].offers("AUTH")
	switch {
	case !r.facts.States[tlsState].Reached || r.place.mode == ImplicitTLS:
		return nil
	case !offered:
		state.Why = "AUTH is not offered without TLS"
		return nil
	case r.facts.Network != onLoopback || r.facts.SignedIn == "":
		state.Why = "the suite does not sign in without TLS"
		return nil
	}
	w, _, ok := b.Hello(ctx)
	if !ok {
		return nil
	}
	reply, _ := w.signIn(ctx)
	if reply.Code/100 != 2 {
		state.Why = "AUTH was answered by " + b.printable(reply.String())
		return nil
	}
	if _, ok := w.Hello(); ok {
		state.reach(w)
	}
	w.quit()
	return nil
}

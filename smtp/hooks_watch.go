package smtp

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// A watcher tells the logger and the hooks of a Config what one connection does.
// There is none where neither is set: its methods that the path of a message
// calls do nothing on nil.
type watcher struct {
	log   *slog.Logger // nil: none
	hooks Hooks
	conn  Connection
	state State
	ctx   context.Context // of what is being done
	life  context.Context // of the connection, without its end

	lines   bool    // somebody wants to know commands and replies
	pending []asked // which reply is yet to come
	last    asked
	signIn  *SignIn // that is under way
	total   int64   // of the message; see Progress
}

// An asked is a command that was sent.
type asked struct {
	verb, line string
	octets     int64
	start      time.Time
}

// watcher returns what watches a connection to s, nil if nothing does.
func (c Config) watcher(ctx context.Context, s server, attempt int) *watcher {
	if c.Logger == nil && c.Hooks == nil {
		return nil
	}
	w := &watcher{log: c.Logger, conn: Connection{Server: s.addr(), LMTP: s.lmtp, Mode: s.mode, Attempt: attempt}}
	if c.Hooks != nil {
		w.hooks = *c.Hooks
	}
	w.enter(ctx)
	return w
}

// enter makes ctx the context of what is told from now on.
func (w *watcher) enter(ctx context.Context) {
	w.ctx = ctx
	w.lines = w.hooks.Command != nil || w.debugging()
	w.pending = w.pending[:0]
}

// during makes ctx the context of the next command.
func (w *watcher) during(ctx context.Context) {
	if w != nil {
		w.ctx = ctx
	}
}

// wantsLines reports whether somebody wants to know commands and replies.
func (w *watcher) wantsLines() bool { return w != nil && w.lines }

// lifetime returns a context with the values of the connection's Connect.
func (w *watcher) lifetime() context.Context {
	if w == nil {
		return context.Background()
	}
	return w.life
}

func (w *watcher) debugging() bool {
	return w.log != nil && w.log.Enabled(w.ctx, slog.LevelDebug)
}

// connect tells that a connection is about to be made. connected is called when
// it is, or with what prevented that.
func (w *watcher) connect(ctx context.Context) (_ context.Context, connected func(error)) {
	if w == nil {
		return ctx, func(error) {}
	}
	ctx, end := enter(ctx, w.hooks.Connect, w.conn)
	w.life = context.WithoutCancel(ctx)
	w.enter(ctx)
	w.become(StateConnecting, nil)
	return ctx, func(err error) {
		if err == nil {
			w.become(StateReady, nil)
		} else {
			w.closed(err)
		}
		end(w.conn, err)
	}
}

// dialled tells that there is a connection.
func (w *watcher) dialled(n net.Conn) {
	if w == nil {
		return
	}
	w.conn.Local, w.conn.Remote = addrOf(n.LocalAddr()), addrOf(n.RemoteAddr())
	w.become(StateConnected, nil)
}

func addrOf(a net.Addr) string {
	if a == nil {
		return ""
	}
	return a.String()
}

// shook tells of a TLS handshake.
func (w *watcher) shook(h Handshake) {
	if w == nil {
		return
	}
	h.Duration = time.Since(h.Start)
	if w.hooks.Handshake != nil {
		w.hooks.Handshake(w.ctx, h)
	}
	if h.Err == nil {
		w.conn.TLS = h.State
		w.become(StateEncrypted, nil)
	}
}

// become tells that the connection has reached a state.
func (w *watcher) become(to State, err error) {
	if w.state == to || w.state == StateClosed {
		return
	}
	from := w.state
	w.state = to
	w.logState(from, err)
	if w.hooks.State != nil {
		w.hooks.State(w.ctx, StateChange{w.conn, from, to, err})
	}
}

// closed tells that the connection is closed, because of err unless that is nil,
// and that no reply will come to what was sent.
func (w *watcher) closed(err error) {
	if w == nil || w.state == StateClosed {
		return
	}
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	for len(w.pending) > 0 {
		w.told("", Reply{}, err)
	}
	if w.life != nil {
		w.ctx = w.life
	}
	w.become(StateClosed, err)
}

// sent tells that a line goes out that holds no secret. A greeting is waited for
// as if the empty line had asked for it.
func (w *watcher) sent(verb, line string, octets int64) {
	if w == nil {
		return
	}
	if s := w.signIn; s != nil {
		s.RoundTrips++
		if strings.HasPrefix(line, "AUTH ") {
			s.Commands++
		}
	}
	if !w.lines {
		return
	}
	line = printable(line)
	// AUTH goes before the commands that share its group and were told already.
	at := len(w.pending)
	if w.signIn != nil {
		at = 0
	}
	w.pending = slices.Insert(w.pending, at, asked{verb, line, octets, time.Now()})
	if line != "" {
		w.logCommand(line, octets)
	}
}

// heard tells of a reply. verb is whose it is if no line asked for it, as each
// recipient's with LMTP but the first.
func (w *watcher) heard(verb string, r Reply) {
	if w == nil || !w.lines {
		return
	}
	if r.Code == 334 { // together with the response it would be something to guess passwords by
		r.Lines = nil
	}
	w.told(verb, r, nil)
}

func (w *watcher) told(verb string, r Reply, err error) {
	a := w.last
	if len(w.pending) > 0 {
		a = w.pending[0]
		w.pending = w.pending[1:]
	} else if a.verb != verb {
		a = asked{verb: verb, line: verb, start: time.Now()}
	}
	w.last = a
	took := time.Since(a.start)
	if r.Code != 0 {
		w.logReply(a.verb, r, took)
	}
	if w.hooks.Command != nil {
		w.hooks.Command(w.ctx, Command{a.verb, a.line, a.octets, a.start, took, r, err})
	}
}

// authentication makes run, which signs in, one that is watched.
func (w *watcher) authentication(c *Client, run func(context.Context) (string, error)) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		outer := w.ctx
		s := SignIn{Username: c.cfg.Auth.Credentials.Username}
		if w.hooks.Auth != nil {
			s.Decisions = c.cfg.Auth.Explain(c.facts())
		}
		ctx, end := enter(ctx, w.hooks.Auth, s)
		w.ctx, w.signIn = ctx, &s
		mechanism, err := run(sasl.ObserveTokens(ctx, w.token))
		s.Mechanism = mechanism
		if err == nil {
			w.conn.Mechanism = mechanism
		}
		w.ctx, w.signIn = outer, nil
		end(s, err)
		return mechanism, err
	}
}

// token spans a call of the token generator. It is a [sasl.TokenObserver].
func (w *watcher) token(ctx context.Context, req sasl.TokenRequest) (context.Context, func(time.Time, error)) {
	start := time.Now()
	t := TokenFetch{Username: req.Username, Host: req.Host, Renewal: req.Rejected != nil}
	ctx, end := enter(ctx, w.hooks.Token, t)
	return ctx, func(expiry time.Time, err error) {
		t.Expiry = expiry
		w.logToken(t, time.Since(start), err)
		end(t, err)
	}
}

var errPanicked = errors.New("a hook or a message panicked")

// message spans a message.
func (w *watcher) message(ctx context.Context, c *Client, j *job) (*Result, error) {
	start := time.Now()
	w.total = -1
	if j.content.scanned {
		w.total = j.content.size
	}
	ctx, end := enter(ctx, w.hooks.Message, Delivery{Connection: w.conn, From: j.env.From, To: j.env.To, Size: w.total})
	w.enter(ctx)
	over := false
	defer func() {
		if !over {
			_ = c.conn.fail(errPanicked) // nobody knows which replies are still to come
		}
	}()
	w.become(StateSending, nil)
	result, err := c.transmit(ctx, j)
	w.become(StateReady, nil)
	w.logMessage(result, err, time.Since(start))
	end(result, err)
	over = true
	return result, err
}

package smtp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Errors of a Pool. Nothing was sent.
var (
	// ErrPoolClosed: the Pool was closed, or is being closed.
	ErrPoolClosed = errors.New("smtp: pool is closed")
	// ErrPoolBusy: no connection came free within PoolOptions.MaxWait. What held
	// the message up, if it was the server, is wrapped with it.
	ErrPoolBusy = errors.New("smtp: no connection of the pool came free in time")
)

// A StoppedError says that a [Pool] did not try to sign in, because the server
// refused the credentials lately, or there were none to send. Err is that failure.
type StoppedError struct {
	Until time.Time // when a sign-in will be tried again
	Err   error
}

func (e *StoppedError) Error() string {
	return fmt.Sprintf("smtp: sign-in not tried again before %s: %s", e.Until.Format(time.RFC3339), trimPrefix(e.Err.Error()))
}

// Unwrap returns Err.
func (e *StoppedError) Unwrap() error { return e.Err }

// A Pool sends messages over several connections to one account, which it keeps
// for the next ones. It is safe for concurrent use, and is to be closed.
//
// Send has the contract of [Client.Send]; it waits for a connection first, behind
// those that came before. A message is sent once: what the server says of it is
// what Send returns, and whether to send again is for its caller to decide (see
// [Classify]). The exception is a connection that fails before the server has
// accepted MAIL, as one does that the server has closed meanwhile, or that answers
// MAIL by 530 or 535 after it took others, having forgotten who is signed in: then
// the message goes over another one, once.
//
// # Connections
//
// There are as many as there is work for, up to the limit. One that carried a
// message is used for the next; a sign-in lasts as long as its connection,
// whatever becomes of the token. After a while without work, a connection has to
// answer NOOP with 250 before it is used again, and after a longer one it is
// closed. TLS sessions are resumed.
//
// # When the server asks for less
//
// 421 anywhere, 432, 454 to AUTH, and to MAIL, DATA or the end of a message a 4yz
// with an enhanced status code of X.7.Z or 4.3.2 say that it is all too much: the
// Pool then uses half as many connections, none of them for a moment, for twice as
// long each time. With messages that are accepted the connections come back one by
// one. A temporary refusal of a recipient, as by greylisting, slows nobody. Nor
// does 421 4.4.2, by which servers end sessions that were idle or are old.
//
// Others may use the account as well, and have some of the connections that it may
// have. Where one more is refused by 432 or X.3.2, or by 421 while it is made, the
// Pool remembers how many there were before, and leaves it at that for a minute
// before it tries one more; for twice as long each time that was in vain, up to 16
// minutes.
//
// Where a sign-in is refused by 454, 432 or 421, none is tried for
// PoolOptions.SignInPause, twice as long each time, up to 16 times. Where the
// credentials are refused, or cannot be had, none is tried for [sasl.CoolDown];
// while no connection is signed in, messages get a *StoppedError at once. Where a
// connection cannot be made, the next try waits. In all these cases the first try
// afterwards is a single one, and connections that are signed in go on.
//
// Messages wait for all that as long as their context lets them, or MaxWait. A try
// that fails counts for every message that waits while there is no connection at
// all, and tries that fail together are one; two of them end a message with what
// the second met. So a server that is gone costs a message two tries at most, and
// all that wait together no more than that.
type Pool struct {
	cfg  Config
	opts PoolOptions // with its defaults
	life context.Context
	cut  context.CancelCauseFunc // ends all that goes on

	mu      sync.Mutex
	queue   queue
	idle    []*pooled // the one that was used last is the last
	open    int       // connections, with those that are being made or closed
	dialing int       // those that are being made
	leaving int       // those that are being closed
	sending int       // calls of Send that have not returned
	pace    pace
	gate    gate
	rate    rate
	alarm   *time.Timer // when something may be granted
	jitter  *rand.Rand
	count   PoolStats
	closing bool          // no further Send
	closed  bool          // nobody waits for a connection any more
	drained chan struct{} // closed when nothing is left after closing
}

// NewPool returns a Pool for the server and the account of cfg. It makes no
// connection yet. What is wrong with cfg or opts is an error that matches
// [ErrConfig]. Config.AuthInGroup has no meaning for a Pool.
func NewPool(cfg Config, opts PoolOptions) (*Pool, error) {
	if err := join(cfg.Validate(), opts.validate()); err != nil {
		return nil, err
	}
	cfg.AuthInGroup = false // a connection is signed in when it joins the pool
	cfg = cfg.withSessions()
	opts = opts.withDefaults(cfg.Profile)
	p := &Pool{
		cfg: cfg, opts: opts,
		pace:    newPace(opts.MaxConns),
		rate:    rate{limit: opts.MessagesPerMinute},
		jitter:  rand.New(rand.NewPCG(opts.Seed, opts.Seed)),
		drained: make(chan struct{}),
	}
	p.life, p.cut = context.WithCancelCause(context.Background())
	p.alarm = time.AfterFunc(time.Hour, p.wake)
	p.alarm.Stop()
	return p, nil
}

// maxTries is how many connections a message may cost.
const maxTries = 2

// Send sends one message over a connection of the Pool. It waits for one as long
// as ctx lets it.
//
// The Result is never nil. Whatever can be checked is checked before the message
// waits.
func (p *Pool) Send(ctx context.Context, env Envelope, msg Message) (*Result, error) {
	if err := p.enter(); err != nil {
		return &Result{}, err
	}
	outcome := errPanicked // unless it returns
	defer func() { p.leave(outcome) }()
	result, err := p.deliver(ctx, env, msg)
	outcome = err
	return result, err
}

// deliver is Send of a Pool that is open.
func (p *Pool) deliver(ctx context.Context, env Envelope, msg Message) (*Result, error) {
	var j job
	defer j.content.close()
	if err := j.prepare(ctx, env, msg); err != nil {
		return &Result{}, err
	}
	defer j.hold()()
	return p.send(ctx, &j)
}

// send finds a connection for a job, and another one if that fails before the
// server has begun with the message.
func (p *Pool) send(ctx context.Context, j *job) (*Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(p.life, func() { cancel(context.Cause(p.life)) })()

	w := newWaiter(p.opts.MaxWait)
	defer w.stop()
	defer p.abandon(w)
	attempts := 0
	for {
		if err := p.acquire(ctx, w); err != nil {
			return &Result{Attempts: attempts}, err
		}
		result, again, err := p.try(ctx, w, j)
		attempts += result.Attempts
		if again {
			continue
		}
		result.Attempts = attempts
		if err == nil && w.last != nil {
			result.Warnings = append(result.Warnings, w.last)
		}
		return result, err
	}
}

// try sends a job over the connection that w was granted, or over one that it
// may make. It reports whether to try again, in which case nothing was sent.
func (p *Pool) try(ctx context.Context, w *waiter, j *job) (result *Result, again bool, err error) {
	dials := 1
	if w.conn == nil {
		if dials, err = p.connect(ctx, w); err != nil {
			return &Result{Attempts: dials}, p.noConnection(w, err), err
		}
	} else if err := p.check(ctx, w.conn); err != nil {
		// It was none of the tries: there may be another connection.
		return &Result{}, p.dead(w, err), err
	}
	result, err = w.conn.client.transact(ctx, j)
	result.Attempts = dials
	return result, p.settle(w, result, err), err
}

// enter notes that a Send began.
func (p *Pool) enter() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return ErrPoolClosed
	}
	p.sending++
	return nil
}

// leave notes how a Send ended.
func (p *Pool) leave(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sending--
	p.count.add(err)
	p.update()
}

// hold makes a message that can be read only once outlive a transaction that has
// not read from it, until release is called.
func (j *job) hold() (release func()) {
	if j.content.open == nil {
		return func() {}
	}
	held := &heldReader{ReadCloser: j.content.open}
	j.content.open = held
	return func() { held.ReadCloser.Close() }
}

// A heldReader is not closed before it is read from.
type heldReader struct {
	io.ReadCloser
	begun atomic.Bool
}

func (h *heldReader) Read(b []byte) (int, error) {
	h.begun.Store(true)
	return h.ReadCloser.Read(b)
}

func (h *heldReader) Close() error {
	if h.begun.Load() {
		return h.ReadCloser.Close()
	}
	return nil
}

package smtp

import (
	"context"
	"errors"
	"net"
	"net/http/httptrace"
	"sync"
	"time"
)

// A dialTrace collects what a net.Dialer does, which it tells on goroutines of its
// own and perhaps later than anybody wants to know.
type dialTrace struct {
	mu       sync.Mutex
	over     bool
	lookup   *Lookup
	attempts []DialAttempt
}

var errGivenUp = errors.New("given up, for there was another address or no more time")

// trace returns a context under which a net.Dialer tells t.
func (t *dialTrace) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart: func(info httptrace.DNSStartInfo) {
			t.note(func() { t.lookup = &Lookup{Host: info.Host, Start: time.Now(), Err: errGivenUp} })
		},
		DNSDone: func(info httptrace.DNSDoneInfo) {
			t.note(func() { t.found(info.Addrs, info.Err) })
		},
		ConnectStart: func(network, addr string) {
			t.note(func() {
				t.attempts = append(t.attempts, DialAttempt{Network: network, Addr: addr, Start: time.Now(), Err: errGivenUp})
			})
		},
		ConnectDone: func(network, addr string, err error) {
			t.note(func() { t.done(network, addr, err) })
		},
	})
}

// note runs f unless nobody wants to know any more.
func (t *dialTrace) note(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.over {
		f()
	}
}

func (t *dialTrace) found(addrs []net.IPAddr, err error) {
	if t.lookup == nil {
		return
	}
	t.lookup.Duration, t.lookup.Err = time.Since(t.lookup.Start), err
	for _, addr := range addrs {
		t.lookup.Addrs = append(t.lookup.Addrs, addr.String())
	}
}

func (t *dialTrace) done(network, addr string, err error) {
	for i := range t.attempts {
		a := &t.attempts[i]
		if a.Network == network && a.Addr == addr && a.Err == errGivenUp {
			a.Duration, a.Err = time.Since(a.Start), err
			return
		}
	}
}

// close ends the collection. Afterwards t is for reading.
func (t *dialTrace) close() {
	t.note(func() { t.over = true })
	if l := t.lookup; l != nil && l.Err == errGivenUp {
		l.Duration = time.Since(l.Start)
	}
	for i := range t.attempts {
		if a := &t.attempts[i]; a.Err == errGivenUp {
			a.Duration = time.Since(a.Start)
		}
	}
}

// dial dials by d and tells the hooks of every address. custom says that d is not
// this package's.
func (w *watcher) dial(ctx context.Context, d dialFunc, custom bool, network, addr string) (net.Conn, error) {
	if w == nil || w.hooks.Lookup == nil && w.hooks.Dial == nil {
		return d(ctx, network, addr)
	}
	var t dialTrace
	tracing := ctx
	if custom {
		t.attempts = []DialAttempt{{Network: network, Addr: addr, Start: time.Now(), Err: errGivenUp}}
	} else {
		tracing = t.trace(ctx)
	}
	conn, err := d(tracing, network, addr)
	if custom {
		t.done(network, addr, err)
	}
	t.close()
	told := false
	defer func() {
		if !told && conn != nil { // a hook panicked
			conn.Close()
		}
	}()
	if t.lookup != nil && w.hooks.Lookup != nil {
		w.hooks.Lookup(w.ctx, *t.lookup)
	}
	for _, a := range t.attempts {
		if w.hooks.Dial != nil {
			w.hooks.Dial(w.ctx, a)
		}
	}
	told = true
	return conn, err
}

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

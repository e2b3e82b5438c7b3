package smtp

import (
	"context"
	"fmt"
	"time"
)

const (
	// closeGrace is how long Close lets messages finish that are on a connection.
	closeGrace = 5 * time.Second

	// cutGrace is how long those take to return that were cut off.
	cutGrace = time.Second
)

// Shutdown closes the Pool when all its messages are sent. Further ones get
// [ErrPoolClosed]. If ctx ends before, those that wait get it as well, those on
// their way are cut off, perhaps with [ErrUncertain], and Shutdown returns within a
// second, with an error that matches that of ctx. Each Send has its own result in
// any case.
//
// A second call, and one of Close, waits as well.
func (p *Pool) Shutdown(ctx context.Context) error {
	p.mu.Lock()
	p.closing = true
	p.update()
	p.mu.Unlock()
	return p.drain(ctx)
}

// Close closes the Pool. Messages that wait for a connection, and further ones, get
// [ErrPoolClosed]; those that are on a connection have 5 seconds to finish. It
// returns within 6 seconds, with an error if it has cut off messages then.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.turnAway()
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	return p.drain(ctx)
}

// turnAway ends the wait of all messages, those to come too.
func (p *Pool) turnAway() {
	p.closing, p.closed = true, true
	for p.queue.len() > 0 {
		w := p.queue.first()
		p.queue.grant(w, nil, join(ErrPoolClosed, w.last))
	}
	p.update()
}

// drain waits until nothing is left. If ctx ends before, it ends all that goes on.
func (p *Pool) drain(ctx context.Context) error {
	select {
	case <-p.drained:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	n := p.sending
	p.turnAway()
	p.mu.Unlock()
	p.cut(ErrPoolClosed)
	late := time.NewTimer(cutGrace)
	defer late.Stop()
	select {
	case <-p.drained: // all have their results
	case <-late.C: // a message that does not end a Read
	}
	if n == 0 { // only the farewells of connections were left
		return nil
	}
	return fmt.Errorf("smtp: closing the pool cut off %d messages: %w", n, ctx.Err())
}

// finish is called when nothing is left after closing.
func (p *Pool) finish() {
	select {
	case <-p.drained:
		return
	default:
	}
	p.alarm.Stop()
	p.cut(ErrPoolClosed)
	close(p.drained)
}

package smtp

import (
	"fmt"
	"time"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// A listener waits for a connection to say something between messages: a reply
// that nothing asked for would else be taken for that to the next command, and
// all after it for those of others; and that a server has closed the connection
// would show only behind a message. It also takes in what TLS has to say, as the
// tickets by which a session is resumed.
//
// It is kept, and not woken for a message but handed the first reply to it, so
// that a message costs no allocation for it.
type listener struct {
	on     bool
	over   chan struct{} // receives when there is something to read
	err    error         // or what came instead; for reading when over has received
	listen func()        // conn.listen, as a value
}

// rest lets the connection be listened to until something is read from it. That
// ends with the connection, too.
func (c *conn) rest() {
	l := &c.listener
	if c.broken != nil || l.on || c.r.Buffered() > 0 {
		return
	}
	_ = c.net.SetReadDeadline(time.Time{})
	if l.listen == nil {
		l.over, l.listen = make(chan struct{}, 1), c.listen
	}
	l.on = true
	go l.listen()
}

func (c *conn) listen() {
	_, c.listener.err = c.r.Peek(1)
	c.listener.over <- struct{}{}
}

// await waits until there is something to read, if somebody listens.
func (c *conn) await() error {
	if !c.listener.on {
		return nil
	}
	<-c.listener.over
	c.listener.on = false
	return c.listener.err
}

// lastWait is how long the rest of a reply that nothing asked for may take.
const lastWait = 100 * time.Millisecond

// outOfStep returns an error if the server has said something that nothing asked
// for, or closed the connection. A server may say 421 at any time, before it
// closes the connection (RFC 5321, Section 3.8).
func (c *conn) outOfStep() error {
	if c.listener.on {
		select {
		case <-c.listener.over:
			c.listener.on = false
		default:
			return nil
		}
		if err := c.listener.err; err != nil {
			return &PhaseError{PhaseIdle, fmt.Errorf("the server closed the connection: %w", err)}
		}
	}
	if c.r.Buffered() == 0 {
		return nil
	}
	_ = c.net.SetReadDeadline(time.Now().Add(lastWait))
	w, err := wire.ReadReply(c.r)
	switch {
	case err != nil:
		return fmt.Errorf("%w: the server said something that nothing asked for", ErrProtocol)
	case w.Code == 421:
		return &ReplyError{Command: unaskedCommand, Reply: c.received(w)}
	}
	return fmt.Errorf("%w: %v that nothing asked for", ErrProtocol, c.received(w))
}

// unaskedCommand stands for the command in a [ReplyError] where there was none.
const unaskedCommand = "*"

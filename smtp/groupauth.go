package smtp

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-55a66e92/postern/internal/wire"
	"github.com/seed-55a66e92/postern/sasl"
)

// groupedMechanism returns the mechanism whose AUTH can share a group with MAIL,
// "" for none: the one that would run, if it takes one round trip whatever the
// server says (RFC 4954, Section 4). Those for tokens do not: their refusal waits
// for an answer.
func (c *Client) groupedMechanism() string {
	if !c.cfg.AuthInGroup || !c.ext.has("PIPELINING") || c.quirks().NoPipelining {
		return ""
	}
	for _, d := range c.cfg.Auth.Explain(c.facts()) {
		if d.Chosen && d.Traits.Has(sasl.OneRoundTrip) {
			return d.Mechanism
		}
	}
	return ""
}

// beginGroup writes the commands in c.out, behind AUTH if the sign-in was put
// off until now. If that fails the connection is closed, so that the server,
// whatever it made of the commands, gets no content.
func (c *Client) beginGroup(ctx context.Context) error {
	if c.authLater == "" {
		return c.writer.begin(ctx, "MAIL", c.out)
	}
	t := &groupTransport{authTransport: authTransport{c}, mechanism: c.authLater}
	c.authLater = ""
	if err := c.signIn(ctx, t); err != nil {
		return c.conn.fail(err)
	}
	if t.sent {
		return nil
	}
	return c.writer.begin(ctx, "MAIL", c.out)
}

// A groupTransport sends the commands in c.out behind an AUTH that carries all
// that its mechanism has to say. Any other AUTH goes alone.
type groupTransport struct {
	authTransport
	mechanism string // which may go with them
	sent      bool   // the commands have gone out
	verdict   error  // what the server said of the AUTH before them
}

var _ sasl.Transport = (*groupTransport)(nil)

// Auth implements sasl.Transport.
func (t *groupTransport) Auth(ctx context.Context, mechanism string, initial []byte) (sasl.Reply, error) {
	if t.sent {
		return sasl.Reply{}, t.outOfStep()
	}
	inline := inlineAuth(mechanism, initial)
	if mechanism != t.mechanism || initial == nil || len(inline)+len("\r\n") > maxCommandLine {
		return t.authTransport.Auth(ctx, mechanism, initial)
	}
	conn := t.c.conn
	if err := conn.usable(); err != nil {
		return sasl.Reply{}, t.lost(err)
	}
	t.hide(initial)
	t.sent = true
	conn.watch.sent("AUTH", fmt.Sprintf("AUTH %s [%d octets]", mechanism, len(initial)), int64(len(inline)+len("\r\n")))
	if err := t.c.writer.begin(ctx, "AUTH", append([]byte(inline+"\r\n"), t.c.out...)); err != nil {
		return sasl.Reply{}, t.lost(err)
	}
	r, err := conn.reply(ctx, "AUTH", conn.timeouts.Command)
	if err != nil {
		return sasl.Reply{}, t.lost(err)
	}
	reply, err := t.judge(r)
	t.verdict = reply.Verdict
	return reply, err
}

// Respond implements sasl.Transport.
func (t *groupTransport) Respond(ctx context.Context, response []byte) (sasl.Reply, error) {
	if t.sent {
		return sasl.Reply{}, t.outOfStep()
	}
	return t.authTransport.Respond(ctx, response)
}

// Cancel implements sasl.Transport.
func (t *groupTransport) Cancel(ctx context.Context) (sasl.Reply, error) {
	if t.sent {
		return sasl.Reply{}, t.outOfStep()
	}
	return t.authTransport.Cancel(ctx)
}

var errGroupSent = errors.New("smtp: no other mechanism is tried, because commands have gone out behind AUTH")

// outOfStep says that there can be no more of the sign-in: the server would take
// the next line for a command behind those that it has.
func (t *groupTransport) outOfStep() error {
	return t.lost(t.c.conn.fail(join(t.verdict, errGroupSent)))
}

// inlineAuth is an AUTH command with its initial response; an empty one is "="
// (RFC 4954, Section 4).
func inlineAuth(mechanism string, initial []byte) string {
	if len(initial) == 0 {
		return "AUTH " + mechanism + " ="
	}
	return "AUTH " + mechanism + " " + string(wire.EncodeBase64(nil, initial))
}

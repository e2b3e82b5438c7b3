package smtp

import (
	"context"
	"errors"
	"fmt"
)

// A job is one message to send, checked as far as it can be without a server.
type job struct {
	env     Envelope
	utf8    bool // the envelope needs SMTPUTF8
	content content
}

// prepare makes j the job to send msg by env. Whatever comes of it, j.content is
// to be closed.
func (j *job) prepare(ctx context.Context, env Envelope, msg Message) (err error) {
	j.env = env
	if j.utf8, err = env.check(); err != nil {
		return err
	}
	return j.content.prepare(ctx, msg, env.Binary)
}

// A transaction is one message on its way: MAIL, RCPT, content.
type transaction struct {
	c      *Client
	job    job
	result *Result
	plan
	mail  *ReplyError // MAIL refused
	data  *ReplyError // DATA refused
	odd   error       // a reply that its command cannot have
	ready bool        // the server sent 354
	begun bool        // the end of the message may have gone out
}

// A sent is a Result with the room that most of them need.
type sent struct {
	Result
	lines [1]string // of the final reply
}

// transact sends a job and returns its result, which is never nil.
func (c *Client) transact(ctx context.Context, j *job) (*Result, error) {
	if w := c.conn.watch; w != nil {
		return w.message(ctx, c, j)
	}
	return c.transmit(ctx, j)
}

// transmit is transact without anybody who watches.
func (c *Client) transmit(ctx context.Context, j *job) (*Result, error) {
	result := &sent{Result: Result{Mechanism: c.mechanism, TLS: c.tls}}
	c.tx = transaction{c: c, job: *j, result: &result.Result}
	c.mailed = false
	t := &c.tx
	defer t.forget()
	if err := ctx.Err(); err != nil {
		return t.result, canceled(ctx, "MAIL")
	}
	if err := c.conn.usable(); err != nil {
		return t.result, err
	}
	if err := t.makePlan(); err != nil {
		return t.result, err
	}
	stop := c.conn.attach(ctx)
	err := t.run(ctx, result.lines[:0])
	c.conn.detach(ctx, stop)
	return t.result, err
}

// forget drops what belongs to the caller.
func (t *transaction) forget() {
	t.job.content.close()
	*t = transaction{}
}

// run sends the commands and the content. The lines of the final reply are
// appended to lines.
func (t *transaction) run(ctx context.Context, lines []string) error {
	c := t.c
	c.body.c = c.conn
	if t.inGroup {
		if err := t.preload(ctx); err != nil {
			return err
		}
	}
	t.result.Accepted = make([]string, 0, len(t.job.env.To))
	err := t.commands(ctx)
	switch {
	case err != nil && t.begun && (t.odd != nil || !t.dead()):
		return t.uncertain(t.better(err))
	case err != nil:
		return t.better(err)
	}
	inconsistent := t.mail != nil && len(t.result.Accepted) > 0
	refusal := t.refusal()
	switch {
	case refusal != nil && t.ready && inconsistent: // a lone dot would be a message to those
		return c.conn.fail(refusal)
	case refusal != nil && t.inGroup: // RFC 3030, Section 2: the chunk has its reply
		return t.nothing(ctx, refusal, "BDAT")
	case refusal != nil && t.ready: // RFC 2920, Section 3.1: a 354 has to be answered
		return t.nothing(ctx, refusal, ".")
	case refusal != nil:
		return refusal
	case !t.inGroup:
		if err := t.content(ctx); err != nil {
			return err
		}
	}
	return t.outcome(ctx, lines)
}

// Each command of a transaction is a step. The first recipient's is stepRCPT, and
// behind the last one's comes that of DATA.
const (
	stepRSET = iota
	stepMAIL
	stepRCPT
)

// steps returns the first step and the one behind the last.
func (t *transaction) steps() (first, end int) {
	first, end = stepMAIL, stepRCPT+len(t.job.env.To)
	if t.c.inMail {
		first = stepRSET
	}
	if t.form == dataForm && !t.job.env.AllOrNothing {
		end++
	}
	return first, end
}

// verb returns the verb of a step.
func (t *transaction) verb(step int) string {
	switch {
	case step == stepRSET:
		return "RSET"
	case step == stepMAIL:
		return "MAIL"
	case step < stepRCPT+len(t.job.env.To):
		return "RCPT"
	}
	return "DATA"
}

// appendStep appends the command of a step.
func (t *transaction) appendStep(dst []byte, step int) []byte {
	start := len(dst)
	switch verb := t.verb(step); verb {
	case "MAIL":
		dst = t.appendMail(dst)
	case "RCPT":
		to := t.job.env.To[step-stepRCPT]
		dst = appendMailbox(append(dst, "RCPT TO:<"...), to)
		dst = t.job.env.appendRcptParameters(append(dst, '>'), to, t.job.utf8)
	default:
		dst = append(dst, verb...)
	}
	if w := t.c.conn.watch; w.wantsLines() {
		w.sent(t.verb(step), string(dst[start:]), int64(len(dst)-start+len("\r\n")))
	}
	return append(dst, "\r\n"...)
}

// commands sends all that comes before the content.
func (t *transaction) commands(ctx context.Context) error {
	if t.pipelining {
		return t.grouped(ctx)
	}
	return t.lockstep(ctx)
}

// grouped sends all commands together (RFC 2920).
func (t *transaction) grouped(ctx context.Context) error {
	c := t.c
	first, end := t.steps()
	c.out = c.out[:0]
	for step := first; step < end; step++ {
		c.out = t.appendStep(c.out, step)
	}
	if t.inGroup {
		c.out = append(c.out, c.body.command(true)...)
	}
	defer c.trim()
	c.inMail = true
	c.mails++
	c.writer.c = c.conn
	err := c.beginGroup(ctx)
	t.result.Mechanism = c.mechanism // which may have signed in just now
	for step := first; step < end && err == nil; step++ {
		err = t.answer(ctx, step)
	}
	err = c.writer.finish(ctx, "MAIL", err)
	t.begun = t.inGroup && c.writer.all
	if t.inGroup && err == nil {
		c.body.advanced(int(c.body.octets()), true)
	}
	if err == nil && t.form == dataForm && t.job.env.AllOrNothing {
		err = t.askToSend(ctx)
	}
	return err
}

// lockstep sends each command after the reply to the one before it, and none
// that has become pointless.
func (t *transaction) lockstep(ctx context.Context) error {
	c := t.c
	first, end := t.steps()
	for step := first; step < end && !t.pointless(step); step++ {
		if step == stepMAIL {
			c.inMail = true
			c.mails++
		}
		if err := t.one(ctx, step); err != nil {
			return err
		}
	}
	if t.form == dataForm && t.job.env.AllOrNothing {
		return t.askToSend(ctx)
	}
	return nil
}

// askToSend sends DATA once it is known that no recipient was refused.
func (t *transaction) askToSend(ctx context.Context) error {
	if t.refusal() != nil {
		return nil
	}
	return t.one(ctx, stepRCPT+len(t.job.env.To))
}

// pointless reports whether what was refused leaves a step without a use.
func (t *transaction) pointless(step int) bool {
	return t.mail != nil ||
		t.job.env.AllOrNothing && len(t.result.Rejected) > 0 ||
		t.verb(step) == "DATA" && len(t.result.Accepted) == 0
}

// one sends the command of a step and reads its reply.
func (t *transaction) one(ctx context.Context, step int) error {
	c := t.c
	if err := c.conn.usable(); err != nil {
		return err
	}
	c.out = t.appendStep(c.out[:0], step)
	if err := c.conn.write(ctx, t.verb(step), c.out, c.conn.timeouts.Command); err != nil {
		return err
	}
	return t.answer(ctx, step)
}

// answer reads the reply to a step.
func (t *transaction) answer(ctx context.Context, step int) error {
	c := t.c.conn
	verb, limit := t.verb(step), c.timeouts.Command
	if verb == "DATA" {
		limit = c.timeouts.DataInit
	}
	r, err := c.brief(ctx, verb, limit)
	if err != nil {
		return err
	}
	t.take(step, verb, r)
	switch {
	case c.broken == nil:
		return nil
	case step == stepRSET: // refused with 421; see better for the others
		return t.c.refused(verb, r)
	}
	return fmt.Errorf("%w: %w", ErrBroken, c.broken) // there is nothing more to come
}

// take notes the reply to a step.
func (t *transaction) take(step int, verb string, r Reply) {
	ok := r.Code/100 == 2
	if t.odd == nil && (r.Code/100 == 3 || ok && verb == "DATA") && !(r.Code == 354 && verb == "DATA") {
		t.odd = t.c.conn.fail(fmt.Errorf("%w: %v to %s", ErrProtocol, r, verb))
	}
	switch verb {
	case "RSET":
		t.c.doubtful = r.Code != 250
		if !ok {
			t.result.Warnings = append(t.result.Warnings, t.c.refused(verb, r))
		}
	case "MAIL":
		if t.c.mailed = ok; !ok {
			t.mail = t.c.refused(verb, r)
		}
	case "RCPT":
		to := t.job.env.To[step-stepRCPT]
		if ok {
			t.result.Accepted = append(t.result.Accepted, to)
		} else {
			t.result.Rejected = append(t.result.Rejected, &RecipientError{to, t.c.refused(verb, r)})
		}
	case "DATA":
		t.ready = r.Code == 354
		if !t.ready {
			t.data = t.c.refused(verb, r)
		}
	}
}

// refusal returns why there is no use in sending the content, nil if there is.
func (t *transaction) refusal() error {
	switch {
	case t.mail != nil: // the rest was refused because of it
		t.result.Accepted, t.result.Rejected = nil, nil
		t.result.Reply = t.mail.Reply
		return t.mail
	case len(t.result.Accepted) == 0:
		return &rejectedError{t.result.Rejected}
	case t.job.env.AllOrNothing && len(t.result.Rejected) > 0:
		return &withheldError{t.result.Rejected, len(t.job.env.To)}
	case t.data != nil:
		t.result.Reply = t.data.Reply
		return t.data
	}
	return nil
}

// dead reports whether replies so far rule out that anybody gets the message.
func (t *transaction) dead() bool {
	return t.mail != nil || len(t.result.Rejected) == len(t.job.env.To)
}

// better returns a refusal that came before the connection failed, if there is
// one: servers close after some of them.
func (t *transaction) better(err error) error {
	if t.odd != nil {
		return t.odd
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if t.dead() || t.data != nil {
		return t.refusal()
	}
	for _, r := range t.result.Rejected {
		if r.Err.Reply.Code == 421 {
			return r
		}
	}
	return err
}

// uncertain says that nobody knows who gets the message, of those whom the server
// has not refused.
func (t *transaction) uncertain(err error) error {
	if n := len(t.result.Rejected) - 1; t.odd != nil && n >= 0 && t.result.Rejected[n].Err.Reply.Code < 400 {
		t.result.Rejected = t.result.Rejected[:n]
	}
	answered := len(t.result.Accepted) + len(t.result.Rejected)
	t.result.Uncertain = append(t.result.Accepted, t.job.env.To[answered:]...)
	t.result.Accepted = nil
	return fmt.Errorf("%w: %w", ErrUncertain, err)
}

// nothing reads the reply to content that nobody is to get: to none at all, by a
// lone dot, or to a chunk that came with the commands.
func (t *transaction) nothing(ctx context.Context, refusal error, command string) error {
	c := t.c.conn
	if command == "." {
		t.c.conn.watch.sent(".", ".", 0)
		if err := c.write(ctx, "DATA", []byte(".\r\n"), c.timeouts.DataBlock); err != nil {
			return join(refusal, err)
		}
	}
	if t.c.lmtp { // RFC 2033, Section 4.2: there is a reply for each recipient, of whom there is none
		_ = c.fail(refusal)
		return refusal
	}
	r, err := c.brief(ctx, command, c.timeouts.DataEnd)
	switch {
	case err != nil:
		t.result.Warnings = append(t.result.Warnings, err)
	case r.Code/100 < 4 && command == "BDAT": // it may have gone to those whom it had refused
		t.result.Reply = r
		t.result.Rejected, t.result.Accepted = nil, nil
		return t.uncertain(c.fail(fmt.Errorf("%w: %v to the content behind %w", ErrProtocol, r, refusal)))
	case r.Code/100 < 4:
		t.result.Warnings = append(t.result.Warnings, fmt.Errorf("%w: %v to a message without recipients", ErrProtocol, r))
	}
	return refusal
}

// keptGroup is the longest group whose memory is kept for the next one, in octets.
const keptGroup = 256 << 10

// trim drops the memory of a very long group.
func (c *Client) trim() {
	if cap(c.out) > keptGroup {
		c.out = nil
	}
}

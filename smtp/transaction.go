package smtp

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// A job is one message to send, checked as far as it can be without a server.
type job struct {
	env     Envelope
	utf8    bool // the envelope holds characters outside ASCII
	content *content
}

func newJob(ctx context.Context, env Envelope, msg Message) (*job, error) {
	utf8, err := env.check()
	if err != nil {
		return nil, err
	}
	content, err := openContent(ctx, msg)
	if err != nil {
		return nil, err
	}
	return &job{env, utf8, content}, nil
}

// A transaction is one message on its way: MAIL, RCPT, DATA, content.
type transaction struct {
	c        *Client
	job      *job
	result   *Result
	mail     *ReplyError // MAIL refused
	data     *ReplyError // DATA refused
	odd      error       // a reply that its command cannot have
	ready    bool        // the server sent 354
	eightBit bool        // 8BITMIME was declared
}

// transact sends a job and returns its result, which is never nil.
func (c *Client) transact(ctx context.Context, j *job) (*Result, error) {
	t := &transaction{c: c, job: j, result: &Result{Mechanism: c.mechanism, TLS: c.tls}}
	if err := ctx.Err(); err != nil {
		return t.result, canceled(ctx, "MAIL")
	}
	if err := c.conn.usable(); err != nil {
		return t.result, err
	}
	mail, err := t.mailCommand()
	if err != nil {
		return t.result, err
	}
	defer c.conn.bind(ctx)()
	return t.result, t.run(ctx, mail)
}

// mailCommand checks what the server offers against what the message needs, and
// builds MAIL (RFC 5321, Section 4.1.1.2).
func (t *transaction) mailCommand() (string, error) {
	ext, content := t.c.ext, t.job.content
	line := "MAIL FROM:<" + t.job.env.From + ">"
	if content.scanned {
		if limit := ext.maxSize(); limit > 0 && content.size > limit {
			return "", fmt.Errorf("%w: it has %d octets, the server takes %d", ErrTooLarge, content.size, limit)
		}
		if ext.has("SIZE") { // RFC 1870, Section 6
			line += " SIZE=" + strconv.FormatInt(content.size, 10)
		}
		if content.longest > maxLine {
			t.result.Warnings = append(t.result.Warnings, fmt.Errorf(
				"%w: a line of %d octets is longer than the %d of RFC 5321; servers may refuse or break it", ErrMessage, content.longest, maxLine))
		}
	}
	t.eightBit = ext.has("8BITMIME") && (content.eight || !content.scanned)
	switch {
	case t.eightBit: // RFC 6152, Section 2
		line += " BODY=8BITMIME"
	case content.eight:
		return "", fmt.Errorf("%w: 8BITMIME, for a message with octets above 127", ErrNotOffered)
	}
	if t.job.utf8 {
		if !ext.has("SMTPUTF8") {
			return "", fmt.Errorf("%w: SMTPUTF8, for an address outside ASCII", ErrNotOffered)
		}
		line += " SMTPUTF8" // RFC 6531, Section 3.4
	}
	return line, nil
}

// run sends the commands and the content.
func (t *transaction) run(ctx context.Context, mail string) error {
	lines := make([]string, 0, len(t.job.env.To)+3)
	if t.c.inMail {
		lines = append(lines, "RSET")
	}
	lines = append(lines, mail)
	for _, to := range t.job.env.To {
		lines = append(lines, "RCPT TO:<"+to+">")
	}
	lines = append(lines, "DATA")
	t.c.inMail = true

	send := t.lockstep
	if t.c.ext.has("PIPELINING") && !t.c.quirks().NoPipelining {
		send = t.grouped
	}
	if err := send(ctx, lines); err != nil {
		return t.better(err)
	}
	if refusal := t.refusal(); refusal != nil {
		if t.ready { // RFC 2920, Section 3.1: a 354 has to be answered
			return t.nothing(ctx, refusal)
		}
		return refusal
	}
	return t.send(ctx)
}

// grouped sends all commands together (RFC 2920).
func (t *transaction) grouped(ctx context.Context, lines []string) error {
	return t.c.conn.group(ctx, lines, t.limit, func(i int, r Reply) { t.take(lines, i, r) })
}

// lockstep sends each command after the reply to the one before it, and none
// that has become pointless.
func (t *transaction) lockstep(ctx context.Context, lines []string) error {
	for i, line := range lines {
		if t.mail != nil || line == "DATA" && len(t.result.Accepted) == 0 {
			return nil
		}
		one := func(_ int, r Reply) { t.take(lines, i, r) }
		if err := t.c.conn.group(ctx, lines[i:i+1], t.limit, one); err != nil {
			return err
		}
	}
	return nil
}

func (t *transaction) limit(verb string) time.Duration {
	if verb == "DATA" {
		return t.c.conn.timeouts.DataInit
	}
	return t.c.conn.timeouts.Command
}

// take notes the reply to lines[i].
func (t *transaction) take(lines []string, i int, r Reply) {
	verb, ok := verbOf(lines[i]), r.Code/100 == 2
	if t.odd == nil && (r.Code/100 == 3 || ok && verb == "DATA") && !(r.Code == 354 && verb == "DATA") {
		t.odd = t.c.conn.fail(fmt.Errorf("%w: %v to %s", ErrProtocol, r, verb))
	}
	switch verb {
	case "RSET":
		if !ok {
			t.result.Warnings = append(t.result.Warnings, t.c.refused(verb, r))
		}
	case "MAIL":
		if !ok {
			t.mail = t.c.refused(verb, r)
		}
	case "RCPT":
		to := t.job.env.To[i-(len(lines)-1-len(t.job.env.To))]
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
	case t.data != nil:
		t.result.Reply = t.data.Reply
		return t.data
	}
	return nil
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
	if t.mail != nil || t.data != nil || len(t.result.Rejected) == len(t.job.env.To) {
		return t.refusal()
	}
	for _, r := range t.result.Rejected {
		if r.Err.Reply.Code == 421 {
			return r
		}
	}
	return err
}

// nothing answers a 354 that came although nobody is to get the message.
func (t *transaction) nothing(ctx context.Context, refusal error) error {
	if err := t.c.conn.write(ctx, "DATA", []byte(".\r\n"), t.c.conn.timeouts.DataBlock); err != nil {
		return join(refusal, err)
	}
	if r, err := t.c.conn.reply(ctx, ".", t.c.conn.timeouts.DataEnd); err != nil {
		t.result.Warnings = append(t.result.Warnings, err)
	} else if r.Code/100 == 2 {
		t.result.Warnings = append(t.result.Warnings, fmt.Errorf("%w: %v to an empty message without recipients", ErrProtocol, r))
	}
	return refusal
}

// send sends the content and reads the final reply.
func (t *transaction) send(ctx context.Context) error {
	if err := t.c.conn.usable(); err != nil {
		return err
	}
	if err := t.write(ctx); err != nil {
		return err
	}
	reply, err := t.c.conn.reply(ctx, ".", t.c.conn.timeouts.DataEnd)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUncertain, err)
	}
	t.result.Reply = reply
	if reply.Code/100 == 3 { // no reply to a message is of this kind
		return fmt.Errorf("%w: %w", ErrUncertain, t.c.conn.fail(fmt.Errorf("%w: %v to the end of the message", ErrProtocol, reply)))
	}
	t.c.inMail = false
	if reply.Code/100 != 2 {
		return t.c.refused(".", reply)
	}
	t.result.QueueID = queueID(reply)
	if len(t.result.Rejected) > 0 {
		return &PartialError{t.result.Rejected}
	}
	return nil
}

// write sends the content and its end and waits until the server answers. An
// error that matches ErrUncertain means that the end may have gone out.
func (t *transaction) write(ctx context.Context) error {
	source, err := t.job.content.reader()
	if err != nil {
		return t.c.conn.fail(err)
	}
	defer source.Close()
	defer context.AfterFunc(ctx, func() { source.Close() })() // ends a Read that waits
	out := newContentWriter(t.c.conn)
	if err := out.copy(&strictReader{ctx, source, t.eightBit}); err != nil {
		return t.early(ctx, out, err)
	}
	begun, err := out.end()
	if err != nil {
		if err = t.early(ctx, out, err); begun && t.result.Reply.Code == 0 {
			return fmt.Errorf("%w: %w", ErrUncertain, err)
		}
		return err
	}
	t.result.Octets = out.octets()
	if n := t.result.Octets; t.job.content.scanned && n != t.job.content.size {
		t.result.Warnings = append(t.result.Warnings, fmt.Errorf(
			"%w: it changed between two readings: %d octets were announced, %d sent", ErrMessage, t.job.content.size, n))
	}
	if err := out.out.wait(t.c.conn.timeouts.DataEnd); err != nil {
		return fmt.Errorf("%w: %w", ErrUncertain, t.c.conn.failIO(ctx, ".", t.c.conn.timeouts.DataEnd, err))
	}
	return nil
}

// early handles the failure of a content that was not written to its end. A
// source that failed leaves the server waiting, so the connection has to go; a
// server that gave up may have said why.
func (t *transaction) early(ctx context.Context, out *contentWriter, err error) error {
	c := t.c.conn
	var failed *writeError
	if !errors.As(err, &failed) {
		if ctx.Err() != nil {
			err = canceled(ctx, "DATA")
		}
		return c.fail(err)
	}
	switch reply, ok := out.out.reason(ctx, failed.err); {
	case ok && reply.Code >= 400:
		t.result.Reply = reply
		refusal := t.c.refused(".", reply)
		_ = c.fail(refusal)
		return refusal
	case ok:
		return c.fail(fmt.Errorf("%w: %v before the end of the message", ErrProtocol, reply))
	}
	return c.failIO(ctx, "DATA", c.timeouts.DataBlock, failed.err)
}

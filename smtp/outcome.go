package smtp

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// content sends the content and its end. An error that matches ErrUncertain means
// that the end may have gone out.
func (t *transaction) content(ctx context.Context) error {
	if err := t.c.conn.usable(); err != nil {
		return err
	}
	b := &t.c.body
	b.reset(ctx, t.form, t.job.content.announced())
	err := t.copyContent(ctx)
	if err == nil {
		err = b.end()
	}
	t.begun = b.begun
	if err != nil {
		return t.cutShort(ctx, err)
	}
	limit := t.c.conn.timeouts.DataEnd
	if err := b.wait(limit); err != nil {
		return t.uncertain(t.c.conn.failIO(ctx, ".", limit, err))
	}
	return nil
}

// copyContent writes the message to the body.
func (t *transaction) copyContent(ctx context.Context) (err error) {
	b, content := &t.c.body, &t.job.content
	if content.memory {
		_, err = b.writer().Write(content.octets)
		return err
	}
	source, err := content.reader()
	if err != nil {
		return err
	}
	defer source.Close()
	defer context.AfterFunc(ctx, func() { source.Close() })() // ends a Read that waits
	return b.copy(&strictReader{contextReader{ctx, source}, content.binary, t.eightBit}, source)
}

// cutShort handles the failure of a content that was not written to its end. A
// source that failed leaves the server waiting, so the connection has to go; a
// server that gave up may have said why.
func (t *transaction) cutShort(ctx context.Context, err error) error {
	c := t.c.conn
	var (
		failed  *writeError
		refused *chunkError
	)
	switch {
	case errors.As(err, &refused):
		t.result.Reply = refused.reply
		return t.c.refused("BDAT", refused.reply)
	case !errors.As(err, &failed):
		if ctx.Err() != nil && c.broken == nil {
			err = canceled(ctx, "DATA")
		}
		return c.fail(err)
	}
	reply, why := t.c.body.reason(failed.err)
	switch {
	case reply.Code >= 400:
		t.result.Reply = reply
		refusal := t.c.refused(".", reply)
		_ = c.fail(refusal)
		return refusal
	case reply.Code != 0:
		err = c.fail(fmt.Errorf("%w: %v before the end of the message", ErrProtocol, reply))
	default:
		err = c.failIO(ctx, "DATA", c.timeouts.DataBlock, why)
	}
	if t.begun {
		return t.uncertain(err)
	}
	return err
}

// outcome reads the final reply, or with LMTP those of all recipients, and says
// what became of the message.
func (t *transaction) outcome(ctx context.Context, lines []string) error {
	t.result.Octets = t.c.body.octets()
	var err error
	if t.c.lmtp {
		err = t.finalReplies(ctx)
	} else {
		err = t.finalReply(ctx, lines)
	}
	if err != nil {
		return err
	}
	if len(t.result.Rejected) > 0 {
		return &PartialError{t.result.Rejected}
	}
	return nil
}

// finalReply reads the reply to the message.
func (t *transaction) finalReply(ctx context.Context, lines []string) error {
	r, err := t.verdict(ctx, lines)
	if err != nil {
		return t.uncertain(err)
	}
	t.result.Reply = r
	if r.Code/100 == 2 && t.form != dataForm {
		// No 354 has shown that the replies are in step: if there is one too many,
		// this one may have been to something else.
		if err := t.c.conn.usable(); errors.Is(err, ErrProtocol) {
			return t.uncertain(err)
		}
	}
	t.over(r.Code/100 == 2)
	if r.Code/100 != 2 {
		return t.c.refused(".", r)
	}
	t.result.QueueID = queueID(r)
	return nil
}

// over notes that all is said about the message. By DATA that ends the
// transaction (RFC 5321, Section 4.1.1.4); a refused chunk, even the last, leaves
// it open for RSET (RFC 3030, Section 2).
func (t *transaction) over(accepted bool) { t.c.inMail = !accepted && t.form != dataForm }

// verdict reads a reply to the end of the message.
func (t *transaction) verdict(ctx context.Context, lines []string) (Reply, error) {
	c := t.c.conn
	r, err := c.read(ctx, ".", c.timeouts.DataEnd, lines, false)
	if err == nil && r.Code/100 == 3 { // no reply to a message is of this kind
		t.result.Reply = r
		err = c.fail(fmt.Errorf("%w: %v to the end of the message", ErrProtocol, r))
	}
	return r, err
}

// finalReplies reads a reply for each recipient that was accepted (RFC 2033,
// Section 4.2).
func (t *transaction) finalReplies(ctx context.Context) error {
	var delivered []string
	var farewell *ReplyError // 421: there is nothing more to come
	for i, to := range t.result.Accepted {
		r, err := t.verdict(ctx, nil)
		if err != nil && farewell != nil {
			err = farewell
		}
		if err != nil {
			t.result.Uncertain = slices.Clone(t.result.Accepted[i:])
			t.result.Accepted = delivered
			t.sortRejected()
			return fmt.Errorf("%w: %w", ErrUncertain, err)
		}
		if r.Code/100 == 2 {
			delivered = append(delivered, to)
			t.result.Reply = r
			if t.result.QueueID == "" {
				t.result.QueueID = queueID(r)
			}
			continue
		}
		refusal := t.c.refused(".", r)
		if r.Code == 421 {
			farewell = refusal
		}
		t.result.Rejected = append(t.result.Rejected, &RecipientError{to, refusal})
		if len(delivered) == 0 {
			t.result.Reply = r
		}
	}
	t.over(len(delivered) > 0)
	t.result.Accepted = delivered
	t.sortRejected()
	if len(delivered) == 0 {
		return &rejectedError{t.result.Rejected}
	}
	return nil
}

// sortRejected puts the refusals in the order of the envelope.
func (t *transaction) sortRejected() {
	place := make(map[string]int, len(t.job.env.To))
	for i, to := range t.job.env.To {
		place[to] = i
	}
	slices.SortStableFunc(t.result.Rejected, func(a, b *RecipientError) int { return place[a.Recipient] - place[b.Recipient] })
}

// A withheldError says that a message was sent to nobody because not everybody
// was accepted.
type withheldError struct {
	rejected []*RecipientError
	all      int // recipients
}

func (e *withheldError) Error() string {
	return fmt.Sprintf("smtp: nothing sent, because %d of %d recipients were refused: %v", len(e.rejected), e.all, e.rejected[0])
}

// Unwrap returns the refusals, the permanent ones first: with one of them, to try
// again is of no use.
func (e *withheldError) Unwrap() []error {
	sorted := slices.Clone(e.rejected)
	slices.SortStableFunc(sorted, func(a, b *RecipientError) int {
		switch later := a.Err.Temporary(); {
		case later == b.Err.Temporary():
			return 0
		case later:
			return 1
		}
		return -1
	})
	return recipientErrors(sorted)
}

package smtp

import (
	"context"
	"fmt"
	"strconv"
)

// A plan is how a message is sent to this server.
type plan struct {
	form       form
	eightBit   bool // BODY=8BITMIME is said
	pipelining bool // commands go in groups (RFC 2920)
	inGroup    bool // the content goes with the commands, in one chunk
}

// makePlan checks what the server offers against what the message needs.
func (t *transaction) makePlan() error {
	if err := t.checkLimits(); err != nil {
		return err
	}
	if err := t.checkEnvelope(); err != nil {
		return err
	}
	if err := t.planContent(); err != nil {
		return err
	}
	c, quirks := t.c, t.c.quirks()
	t.pipelining = c.ext.has("PIPELINING") && !quirks.NoPipelining
	first := (c.cfg.ChunkInFirstGroup || quirks.ChunkInFirstGroup) && !c.lmtp
	if t.form == dataForm && (c.cfg.Chunking || first) && t.canChunk() {
		t.form = chunkForm
	}
	t.inGroup = first && t.form != dataForm && t.pipelining && c.authLater == "" && !t.job.env.AllOrNothing &&
		t.job.content.scanned && t.job.content.size <= firstChunk
	c.body.chunked.lag = 0
	if t.pipelining && !c.lmtp {
		c.body.chunked.lag = chunkLag
	}
	return nil
}

// canChunk reports whether the server takes content in chunks.
func (t *transaction) canChunk() bool {
	return t.c.ext.has("CHUNKING") && !t.c.quirks().NoChunking
}

// planContent decides what is said of the content, if the server can take it.
func (t *transaction) planContent() error {
	ext, content := t.c.ext, &t.job.content
	if content.scanned {
		if limit := ext.maxSize(); limit > 0 && content.size > limit {
			return fmt.Errorf("%w: it has %d octets, the server takes %d", ErrTooLarge, content.size, limit)
		}
	}
	if content.binary {
		if !ext.has("BINARYMIME") || !t.canChunk() {
			return fmt.Errorf("%w: BINARYMIME and CHUNKING, for binary content", ErrNotOffered)
		}
		t.form = binaryForm
		return nil
	}
	if n := content.lines.longest; n > maxLine {
		t.result.Warnings = append(t.result.Warnings, fmt.Errorf(
			"%w: a line of %d octets is longer than the %d of RFC 5321; servers may refuse or break it", ErrMessage, n, maxLine))
	}
	t.eightBit = ext.has("8BITMIME") && (content.lines.eight || !content.scanned)
	if content.lines.eight && !t.eightBit {
		return fmt.Errorf("%w: 8BITMIME, for a message with octets above 127", ErrNotOffered)
	}
	return nil
}

// checkEnvelope refuses what the envelope asks for and the server lacks.
func (t *transaction) checkEnvelope() error {
	c, env := t.c, &t.job.env
	switch {
	case t.job.utf8 && !c.ext.has("SMTPUTF8"):
		return fmt.Errorf("%w: SMTPUTF8, for an address or a header outside ASCII", ErrNotOffered)
	case env.wantsDSN() && !c.ext.has("DSN"):
		return fmt.Errorf("%w: DSN, for Notify, Return, EnvelopeID or Recipients", ErrNotOffered)
	case env.Submitter != "" && !c.ext.has("AUTH"):
		return fmt.Errorf("%w: AUTH, for Submitter", ErrNotOffered)
	case !env.RequireTLS:
		return nil
	case c.tls == nil || !c.ext.has("REQUIRETLS"): // RFC 8689, Section 4.2.1
		return fmt.Errorf("%w: REQUIRETLS over TLS, for RequireTLS", ErrNotOffered)
	case !c.verified:
		return fmt.Errorf("%w: RequireTLS needs a verified certificate on this connection, too", ErrConfig)
	}
	return nil
}

// appendMail appends MAIL (RFC 5321, Section 4.1.1.2).
func (t *transaction) appendMail(dst []byte) []byte {
	env, content := &t.job.env, &t.job.content
	dst = appendMailbox(append(dst, "MAIL FROM:<"...), env.From)
	dst = append(dst, '>')
	if content.scanned && t.c.ext.has("SIZE") { // RFC 1870, Section 6
		dst = strconv.AppendInt(append(dst, " SIZE="...), content.size, 10)
	}
	switch {
	case content.binary: // RFC 3030, Section 3
		dst = append(dst, " BODY=BINARYMIME"...)
	case t.eightBit: // RFC 6152, Section 2
		dst = append(dst, " BODY=8BITMIME"...)
	}
	if t.job.utf8 { // RFC 6531, Section 3.4
		dst = append(dst, " SMTPUTF8"...)
	}
	return env.appendMailParameters(dst)
}

// preload collects the content that goes with the commands.
func (t *transaction) preload(ctx context.Context) error {
	b := &t.c.body
	b.reset(ctx, t.form, t.job.content.announced())
	b.held = true
	switch err := t.copyContent(ctx); {
	case err != nil && ctx.Err() != nil:
		return canceled(ctx, "reading the message")
	case err != nil:
		return err
	}
	return b.endText()
}

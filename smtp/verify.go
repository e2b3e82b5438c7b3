package smtp

import (
	"context"
	"time"
)

// VerifyOptions say what [Verify] asks of a server besides a sign-in. The zero
// value asks for nothing.
type VerifyOptions struct {
	// From and To are a sender and recipients to try with MAIL and RCPT, which
	// RSET takes back: nothing is sent. If both are zero, none of it is tried; an
	// empty From with recipients is the null sender.
	From string
	To   []string
}

// Verify connects and signs in as [Dial] does, step by step, tries MAIL and RCPT
// if o asks for that, disconnects, and reports on each step: what it found, how
// long it took and, if it failed, what can be done. No message is sent.
//
// The Report is never nil. The error is that of the first step that failed, of
// the type that Dial or Send would have returned. Hooks and the Logger are told as
// always.
func Verify(ctx context.Context, cfg Config, o VerifyOptions) (*Report, error) {
	v := &verifier{report: new(Report), begun: time.Now()}
	v.mark = v.begun
	err := v.run(ctx, cfg, o)
	v.finish(err)
	return v.report, err
}

// run takes all steps until one fails, and returns its error.
func (v *verifier) run(ctx context.Context, cfg Config, o VerifyOptions) error {
	env := Envelope{From: o.From, To: o.To}
	if err := v.configure(cfg, env); err != nil {
		v.fail(err)
		return err
	}
	cfg.AuthInGroup = false
	cfg.Hooks = cfg.Hooks.With(v.hooks())
	c, _, err := dial(ctx, cfg)
	if err != nil {
		v.fail(err)
		return err
	}
	defer c.Close()
	if v.step(StepMail) == nil {
		return nil
	}
	return v.rehearse(ctx, c, env)
}

// configure checks what can be checked without a connection and lays out the
// steps.
func (v *verifier) configure(cfg Config, env Envelope) error {
	v.add(StepConfig)
	var errs []error
	s, err := cfg.server()
	if err == nil {
		v.report.Server, v.report.Mode = s.addr(), s.mode
	}
	if cfg.Auth != nil {
		v.report.Username = cfg.Auth.Credentials.Username
	}
	rehearsed := env.From != "" || len(env.To) > 0
	if rehearsed {
		_, err := checkRehearsal(env)
		errs = append(errs, err)
	}
	if err := join(append(errs, cfg.Validate())...); err != nil {
		return err
	}
	v.pass(StepConfig, time.Since(v.begun), "nothing wrong with it")
	v.plan(cfg, s)
	if rehearsed {
		v.add(StepMail)
		if v.rcpts = len(env.To); v.rcpts > 0 {
			v.add(StepRcpt)
		}
		v.add(StepRset)
	}
	return nil
}

// checkRehearsal is Envelope.check for one that need not have recipients.
func checkRehearsal(env Envelope) (utf8 bool, err error) {
	if len(env.To) == 0 {
		env.To = []string{env.From}
	}
	return env.check()
}

// rehearse begins a transaction and takes it back. A refused sender or recipient
// leaves the connection in step, so it ends with RSET all the same.
func (v *verifier) rehearse(ctx context.Context, c *Client, env Envelope) error {
	defer c.conn.bind(ctx)()
	err := c.tryEnvelope(ctx, env)
	if err != nil {
		v.fail(err)
	}
	if c.conn.broken != nil {
		return err
	}
	if reset := c.reset(ctx); err == nil && reset != nil {
		v.fail(reset)
		return reset
	}
	return err
}

// tryEnvelope sends MAIL and RCPT. The error is the first refusal.
func (c *Client) tryEnvelope(ctx context.Context, env Envelope) error {
	utf8, err := checkRehearsal(env)
	if err != nil {
		return err
	}
	t := &c.tx
	*t = transaction{c: c, job: job{env: env, utf8: utf8}, result: new(Result)}
	defer t.forget()
	if err := t.checkEnvelope(); err != nil {
		return err
	}
	for step := stepMAIL; step < stepRCPT+len(env.To) && t.mail == nil; step++ {
		if err := t.one(ctx, step); err != nil {
			return t.better(err)
		}
	}
	switch {
	case t.odd != nil:
		return t.odd
	case t.mail != nil:
		return t.mail
	case len(t.result.Rejected) > 0:
		return t.result.Rejected[0]
	}
	return nil
}

// reset takes back a transaction (RFC 5321, Section 4.1.1.5).
func (c *Client) reset(ctx context.Context) error {
	r, err := c.conn.command(ctx, "RSET")
	if err != nil {
		return err
	}
	if r.Code/100 != 2 {
		return c.unexpected("RSET", r)
	}
	return nil
}

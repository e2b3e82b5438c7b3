package smtp

import (
	"errors"
	"time"
)

// A ceiling is how many connections the server let the Pool have when it last
// refused one more. Others may use the account, too: so it is remembered, and
// now and then one more is tried.
type ceiling struct {
	conns  int           // 0: as many as there may be
	until  time.Time     // when one more is tried
	hold   time.Duration // how long it is left as it is
	raised time.Time     // when one more was tried; zero: not since the latest refusal

	most   int // connections that messages were accepted beside, since the latest refusal
	proved int // messages accepted since there were so many
}

// firstHold and longestHold are how long a ceiling is left as it is at first, and
// at most: each time one more was tried in vain, it is twice as long.
const (
	firstHold   = time.Minute
	longestHold = 16 * time.Minute
)

// lower notes that the server refused one connection besides so many others.
func (c *ceiling) lower(others int, now time.Time) {
	switch {
	case c.raised.IsZero(): // it is not known yet
		c.hold = max(c.hold, firstHold)
	case now.Sub(c.raised) > c.hold: // one more was all right for a while
		c.hold = firstHold
	default:
		c.hold = min(2*c.hold, longestHold)
	}
	c.conns, c.until, c.raised = others, now.Add(c.hold), time.Time{}
}

// raise tries one more for each time that has passed in peace, up to the most
// there may be.
func (c *ceiling) raise(most int, now time.Time) {
	for c.conns > 0 && !now.Before(c.until) {
		c.conns++
		c.raised, c.until = now, c.until.Add(c.hold)
		if c.conns >= most {
			c.conns = 0
		}
	}
}

// accepted notes that a message was accepted while there were so many connections.
func (c *ceiling) accepted(conns int) {
	if conns > c.most {
		c.most, c.proved = conns, 0
	}
	c.proved++
}

// A refusal is a reply that slows a Pool down.
type refusal struct {
	err    error
	others int  // connections besides the one that was refused something
	added  bool // that one was being made
}

// heed lowers the ceiling if a refusal is about the number of connections: if it
// may be by its code, there were others, and so many have not been all right for a
// while.
func (c *ceiling) heed(r refusal, now time.Time) {
	proved := c.proved > 2*c.most && r.others < c.most
	c.most, c.proved = 0, 0
	reply := replyOf(r.err)
	switch {
	case reply == nil || r.others == 0 || proved:
	case reply.Code == 432, reply.Enhanced == EnhancedCode{4, 3, 2}, r.added && reply.Code == 421:
		c.lower(r.others, now)
	}
}

// replyOf returns the reply that err is about, nil if there is none.
func replyOf(err error) *Reply {
	var (
		auth  *AuthError
		reply *ReplyError
	)
	switch {
	case errors.As(err, &auth):
		return auth.Reply
	case errors.As(err, &reply):
		return &reply.Reply
	}
	return nil
}

package mock

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Limits are what a server lets an account or a session do. Zero fields mean no
// limit.
type Limits struct {
	// Connections is how many connections may be signed in to one account. On
	// those beyond, MAIL is refused for now.
	Connections int

	// MessagesPerMinute is how many messages an account may hand over within a
	// minute. For more, the reply to the end of content waits.
	MessagesPerMinute int

	// SignInsPerMinute is how often an account may sign in within a minute. More
	// are refused with 454 4.7.0.
	SignInsPerMinute int

	// SessionAge is how long a connection may last. At the first command after
	// it, the server says 421 4.4.2 and closes the connection.
	SessionAge time.Duration

	// MailMax, RcptMax and RcptDomainMax are the limits of RFC 9422, Section 4,
	// which EHLO lists behind LIMITS: MAIL commands a session, the next of which is
	// answered by 421 4.7.0; RCPT commands a transaction; and domains that its
	// recipients are of. RCPT beyond the latter two is refused with 452 4.5.3.
	MailMax, RcptMax, RcptDomainMax int
}

// usage is what the accounts of a server have asked of it lately. Its zero value
// is ready.
type usage struct {
	mu       sync.Mutex
	accounts map[string]*account
}

// An account is what is known of the latest minute of one.
type account struct {
	open    int // connections
	signIns window
	sent    window
}

// A window holds the times of the latest events within a minute.
type window []time.Time

const (
	perMinute = time.Minute
	// manyAccounts is when accounts that ask for nothing are forgotten.
	manyAccounts = 1000
)

// take counts an event. It returns zero, or how long to wait if there were limit
// events within the minute; then the event does not count.
func (w *window) take(limit int, now time.Time) time.Duration {
	if limit <= 0 {
		return 0
	}
	w.expire(now)
	if len(*w) >= limit {
		return (*w)[len(*w)-limit].Add(perMinute).Sub(now)
	}
	*w = append(*w, now)
	return 0
}

// expire drops what is older than a minute.
func (w *window) expire(now time.Time) {
	for len(*w) > 0 && now.Sub((*w)[0]) >= perMinute {
		*w = (*w)[1:]
	}
}

// enter counts a sign-in and its connection. It reports false if there were too
// many within the minute.
func (u *usage) enter(name string, l Limits) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	a := u.account(name)
	if a.signIns.take(l.SignInsPerMinute, time.Now()) > 0 {
		return false
	}
	a.open++
	return true
}

// leave ends a connection of an account; "" is none.
func (u *usage) leave(name string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if a := u.accounts[name]; a != nil && name != "" {
		a.open--
	}
}

// open returns how many connections are signed in to an account.
func (u *usage) open(name string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	if a := u.accounts[name]; a != nil {
		return a.open
	}
	return 0
}

// send counts a message, or returns how long it has to wait.
func (u *usage) send(name string, l Limits) time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.account(name).sent.take(l.MessagesPerMinute, time.Now())
}

// account returns an account, a new one if need be.
func (u *usage) account(name string) *account {
	if a := u.accounts[name]; a != nil {
		return a
	}
	if u.accounts == nil {
		u.accounts = make(map[string]*account)
	}
	if len(u.accounts) >= manyAccounts {
		u.forget(time.Now())
	}
	a := new(account)
	u.accounts[name] = a
	return a
}

// forget drops the accounts that nothing counts for any more.
func (u *usage) forget(now time.Time) {
	for name, a := range u.accounts {
		a.signIns.expire(now)
		a.sent.expire(now)
		if a.open <= 0 && len(a.signIns) == 0 && len(a.sent) == 0 {
			delete(u.accounts, name)
		}
	}
}

// limit returns what the limits have to say at a point, nil if nothing.
func (s *session) limit(point string) *reply {
	l := s.srv.opts.Limits
	switch {
	case l.SessionAge > 0 && point != "CONNECT" && time.Since(s.began) > l.SessionAge:
		return &reply{421, "4.4.2", []string{"Session is too old, closing connection"}, s.end}
	case point == "MAIL" && l.Connections > 0 && s.srv.usage.open(s.account) > l.Connections:
		return &reply{451, "4.3.2", []string{"Too many connections of this account"}, nil}
	case point == "EOD":
		s.throttle(l)
	}
	return nil
}

func (s *session) end() { s.over = true }

// throttle waits until the account may send one more message.
func (s *session) throttle(l Limits) {
	for {
		wait := s.srv.usage.send(s.account, l)
		if wait <= 0 {
			return
		}
		select {
		case <-time.After(wait):
		case <-s.srv.ctx.Done():
			s.over = true
			return
		}
	}
}

// admit lets somebody in whose credentials are good, or returns why not.
func (s *session) admit(who signIn) *reply {
	if refusal := s.srv.opts.condition("AUTH", s, who); refusal != nil {
		return refusal
	}
	if !s.srv.usage.enter(who.user, s.srv.opts.Limits) {
		return &reply{454, "4.7.0", []string{"Too many sign-ins, try again later"}, nil}
	}
	s.account = who.user
	return nil
}

// checkLoopback refuses addresses that others could reach.
func checkLoopback(field string, n Network, addr string) error {
	if addr == "" {
		return nil
	}
	if n != Loopback {
		return fmt.Errorf("mock: %s together with InMemory, which has no addresses", field)
	}
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		if host, port, split := net.SplitHostPort(addr); split == nil && host == "localhost" {
			ap, err = netip.ParseAddrPort("127.0.0.1:" + port)
		}
	}
	if err != nil || !ap.Addr().IsLoopback() {
		return fmt.Errorf("mock: %s %q is no loopback address and port, such as 127.0.0.1:2525", field, addr)
	}
	return nil
}

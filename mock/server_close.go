package mock

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"
)

// closeGrace is how long Close waits for sessions that it has cut.
const closeGrace = 5 * time.Second

// Close ends the server: it cuts every connection and waits until nothing of it
// runs any more. What it has recorded stays. Only the first call does anything;
// others wait for it.
//
// Sessions that go on for five seconds more, as those do whose mechanism takes no
// notice of its context, are left alone. The error names them.
func (s *Server) Close() error {
	s.settle(context.Background())
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	conns := s.conns
	s.conns = nil
	s.mu.Unlock()
	if !first {
		<-s.ended
		return nil
	}
	defer close(s.ended)
	s.script.linger()
	s.cancel()
	err := s.listener.Close()
	for conn := range conns {
		conn.Close() // its session sees the error
	}
	if !s.finish() {
		err = s.hanging()
	}
	s.script.close()
	s.journal.close()
	return err
}

// finish waits for all goroutines of the server, and reports whether they ended.
func (s *Server) finish() bool {
	done := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(done)
	}()
	timeout := time.NewTimer(closeGrace)
	defer timeout.Stop()
	select {
	case <-done:
		return true
	case <-timeout.C:
		return false
	}
}

// hanging says which sessions do not end, and where they are.
func (s *Server) hanging() error {
	var b strings.Builder
	for _, session := range s.Sessions() {
		if !session.Open {
			continue
		}
		fmt.Fprintf(&b, "\nsession %d", session.ID)
		if n := len(session.Commands); n > 0 {
			fmt.Fprintf(&b, " at %s", session.Commands[n-1].place())
		}
	}
	return fmt.Errorf("mock: server is closed, but sessions still run after %v; a mechanism, a matcher or a callback has to return when its context ends%s\n\n%s",
		closeGrace, b.String(), sessionStacks())
}

// place names the place in the dialogue: the point, if the line does not say it.
func (c Command) place() string {
	if strings.HasPrefix(strings.ToUpper(c.Line), c.Verb) && c.Line != "" {
		return c.Line
	}
	return strings.TrimSpace(c.Verb + " " + c.Line)
}

// maxStacks is the room for the stacks of all goroutines, in octets.
const maxStacks = 1 << 20

// sessionStacks returns the stacks of all goroutines that serve a connection.
// Their arguments show as numbers, so they hold no secret.
func sessionStacks() string {
	all := make([]byte, maxStacks)
	all = all[:runtime.Stack(all, true)]
	var found []string
	for stack := range strings.SplitSeq(string(all), "\n\n") {
		if strings.Contains(stack, packagePath+"(*session).serve") {
			found = append(found, stack)
		}
	}
	return strings.Join(found, "\n\n")
}

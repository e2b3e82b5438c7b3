package mock

import (
	"context"
	"errors"
	"net"
)

// accept serves connections until the listener closes.
func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || !s.pause() {
				return
			}
			continue
		}
		if !s.track(conn) {
			s.expect(-1)
			conn.Close()
			return
		}
		session := newSession(s, conn) // here, so that numbers follow the connects
		session.plot = s.script.begin()
		s.expect(-1) // it is known now, to the script as well
		s.wg.Go(func() {
			defer s.untrack(conn)
			session.serve()
		})
	}
}

// track remembers a connection so that Close can cut it.
func (s *Server) track(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.conns[conn] = struct{}{}
	s.stir()
	return true
}

func (s *Server) untrack(conn net.Conn) {
	conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
	s.stir()
}

// expect counts the connections in memory that are on their way, so that nobody
// takes the server for idle before it has noticed one.
func (s *Server) expect(n int) {
	if s.opts.Network != InMemory {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.coming += n
	s.stir()
}

// settle waits until each connection that a client has made so far has a session,
// or ctx ends: a client that dials, writes and closes may be done before the
// server has heard of it.
func (s *Server) settle(ctx context.Context) {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, scriptGrace)
	defer cancel()
	s.listener.barrier(ctx)
	for {
		s.mu.Lock()
		coming, moved := s.coming, s.moved
		s.mu.Unlock()
		if coming == 0 {
			return
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return
		}
	}
}

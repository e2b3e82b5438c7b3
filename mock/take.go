package mock

// TakeMessages returns the accepted messages and forgets them, so that a program
// that does something with each may run for ever. With [Server.WaitMessages] for
// one message it makes a loop that misses none.
func (s *Server) TakeMessages() []Message {
	j := &s.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	messages := j.messages
	j.messages, j.stored = nil, 0
	return messages
}

package mock

// A client that has been sent more replies than it has asked for takes one for
// another from then on, and so says what it should not say yet. Order is not for it
// to be blamed for.

// lead notes whether more replies have been sent than the client waits for.
func (s *session) lead(waitsFor int) { s.astray = s.astray || s.replies > waitsFor }

// ahead returns how many octets the client has sent without waiting for what it
// could know of.
func (s *session) ahead() int {
	if s.astray {
		return 0
	}
	return s.in.Buffered()
}

package mock

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
)

// handshake makes the connection a TLS connection, faults permitting. It reports
// whether the session goes on.
func (s *session) handshake() bool {
	p := s.plan("TLS")
	replies := s.replies
	s.perform(p.before)
	s.flush() // what was said so far is said in clear
	if s.over {
		return false
	}
	if displacing(p.instead) != nil {
		s.perform(p.instead) // and the connection stays in clear
	} else {
		s.shakeHands(paceOf(p.instead))
		s.run(p.instead)
	}
	if !s.over {
		s.perform(p.after)
	}
	s.lead(replies)
	return !s.over
}

// shakeHands does the server's part of the handshake. A pace, if there is one,
// is for the octets below TLS.
func (s *session) shakeHands(p *pace) {
	conn := tls.Server(s.raw, s.srv.tlsConfig())
	s.startClock()
	s.raw.setPace(s.srv.ctx, p)
	err := conn.HandshakeContext(s.srv.ctx)
	s.raw.setPace(s.srv.ctx, nil)
	if err == nil && p != nil && p.limited {
		err = errCut
	}
	if err != nil {
		s.fail(fmt.Errorf("TLS handshake: %w", err))
		return
	}
	state := conn.ConnectionState()
	s.conn, s.tls = conn, &state
	s.in.Reset(conn)
	s.rec.line(FromMock, "TLS")
	s.rec.update(func(r *Session) {
		r.TLS = true
		if len(state.PeerCertificates) > 0 {
			r.ClientCertificate = state.PeerCertificates[0].Subject.CommonName
		}
	})
}

const (
	recordHeader = 5       // octets
	maxRecord    = 1 << 14 // octets of a TLS record (RFC 8446, Section 5.1)
)

// FailHandshake is for TLS: it reads the client's first record, refuses it with
// the alert handshake_failure (RFC 8446, Section 6.2) and closes the connection.
func FailHandshake() Action {
	return Action{pos: here(), name: "FailHandshake", only: "TLS", run: func(s *session) {
		s.flush()
		s.over = true
		s.startClock()
		header := make([]byte, recordHeader)
		if _, err := io.ReadFull(s.in, header); err != nil {
			return
		}
		n := int64(binary.BigEndian.Uint16(header[3:]))
		if _, err := io.CopyN(io.Discard, s.in, min(n, maxRecord)); err != nil {
			return
		}
		const alert, fatal, handshakeFailure = 21, 2, 40
		_ = s.write([]byte{alert, 3, 3, 0, 2, fatal, handshakeFailure}) // the session is over
		s.rec.failure("TLS handshake: refused by a fault", false)
	}}
}

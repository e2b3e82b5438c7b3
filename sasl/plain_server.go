package sasl

import (
	"bytes"
	"context"
	"unicode/utf8"
)

type plainServer struct {
	identity
	ctx       context.Context
	directory Directory
	asked     bool
	over      bool
}

var (
	_ Server     = (*plainServer)(nil)
	_ Identifier = (*plainServer)(nil)
)

func newPLAINServer(ctx context.Context, _ *Conn, d Directory) (Server, error) {
	return &plainServer{ctx: ctx, directory: d}, nil
}

func (s *plainServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if s.over {
		return nil, false, errAfterEnd()
	}
	if response == nil && !s.asked {
		s.asked = true
		return []byte{}, false, nil
	}
	s.over = true
	authz, authn, password, err := parsePLAIN(response)
	if err != nil {
		return nil, false, err
	}
	if err := signInByPassword(s.ctx, s.directory, authn, authz, password); err != nil {
		return nil, false, err
	}
	s.identity = identity{authn, authz, true}
	return nil, true, nil
}

// parsePLAIN takes the message apart (RFC 4616, Section 2): exactly two NULs,
// UTF-8, and neither user name nor password empty.
func parsePLAIN(message []byte) (authz, authn, password string, err error) {
	fields := bytes.Split(message, []byte{0})
	switch {
	case len(fields) != 3:
		return "", "", "", malformed("want three fields")
	case len(fields[1]) == 0 || len(fields[2]) == 0:
		return "", "", "", malformed("empty user name or password")
	case !utf8.Valid(message):
		return "", "", "", malformed("invalid UTF-8")
	case checkIdentity("", string(fields[0])) != nil || checkIdentity("", string(fields[1])) != nil:
		return "", "", "", malformed("control character in a name")
	}
	return string(fields[0]), string(fields[1]), string(fields[2]), nil
}

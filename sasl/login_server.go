package sasl

import (
	"context"
	"unicode/utf8"
)

// loginServer asks for the user name, unless the client gave it as an initial
// response as some do, and then for the password.
type loginServer struct {
	identity
	ctx       context.Context
	directory Directory
	step      loginStep
	username  string
}

type loginStep int

const (
	loginStart loginStep = iota
	loginUsername
	loginPassword
	loginOver
)

var (
	_ Server     = (*loginServer)(nil)
	_ Identifier = (*loginServer)(nil)
)

func newLOGINServer(ctx context.Context, _ *Conn, d Directory) (Server, error) {
	return &loginServer{ctx: ctx, directory: d}, nil
}

func (s *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case s.step == loginOver:
		return nil, false, errAfterEnd()
	case s.step == loginStart && response == nil:
		s.step = loginUsername
		return []byte("Username:"), false, nil
	case len(response) == 0 || !utf8.Valid(response):
		s.step = loginOver
		return nil, false, malformed("user name or password empty or not UTF-8")
	case s.step != loginPassword && checkIdentity("", string(response)) != nil:
		s.step = loginOver
		return nil, false, malformed("control character in the user name")
	case s.step != loginPassword:
		s.step, s.username = loginPassword, string(response)
		return []byte("Password:"), false, nil
	}
	s.step = loginOver
	if err := signInByPassword(s.ctx, s.directory, s.username, "", string(response)); err != nil {
		return nil, false, err
	}
	s.identity = identity{s.username, "", true}
	return nil, true, nil
}

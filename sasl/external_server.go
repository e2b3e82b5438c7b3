package sasl

import (
	"context"
	"errors"
	"fmt"
)

// An ExternalDirectory is a [Directory] that knows users by the certificates
// that their clients show. Without one, EXTERNAL signs nobody in.
type ExternalDirectory interface {
	// External returns the user that conn's client certificate stands for, or an
	// error that matches [ErrNoAccount]. Any other error is temporary to the
	// client. It is called only if [Conn.ClientCert] says that a certificate was
	// shown; that it was verified is for the server's TLS configuration to see to.
	External(ctx context.Context, conn *Conn) (username string, err error)
}

type externalServer struct {
	identity
	ctx       context.Context
	conn      *Conn
	directory Directory
	asked     bool
	over      bool
}

var (
	_ Server     = (*externalServer)(nil)
	_ Identifier = (*externalServer)(nil)
)

func newEXTERNALServer(ctx context.Context, conn *Conn, d Directory) (Server, error) {
	return &externalServer{ctx: ctx, conn: conn, directory: d}, nil
}

func (s *externalServer) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case s.over:
		return nil, false, errAfterEnd()
	case response == nil && !s.asked:
		s.asked = true
		return []byte{}, false, nil
	}
	s.over = true
	authz := string(response)
	if response == nil || checkIdentity("", authz) != nil {
		return nil, false, malformed("authorization identity")
	}
	authn, err := s.user()
	if err != nil {
		return nil, false, err
	}
	account, err := lookup(s.ctx, s.directory, authn)
	if err != nil {
		return nil, false, err
	}
	if !account.mayActAs(authn, authz) {
		return nil, false, fmt.Errorf("%w: may not act as the authorization identity", ErrRejected)
	}
	s.identity = identity{authn, authz, true}
	return nil, true, nil
}

// user asks the directory who the client is.
func (s *externalServer) user() (string, error) {
	d, ok := s.directory.(ExternalDirectory)
	if !ok || !s.conn.ClientCert {
		return "", fmt.Errorf("%w: no client certificate, or no use for one", ErrRejected)
	}
	return named(d.External(s.ctx, s.conn))
}

// named turns what a directory says of a client without a name of its own into
// a user or a verdict.
func named(username string, err error) (string, error) {
	switch {
	case errors.Is(err, ErrNoAccount), errors.Is(err, ErrRejected):
		return "", fmt.Errorf("%w: %w", ErrRejected, err)
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrTemporary, err)
	case username == "":
		return "", fmt.Errorf("%w: %w", ErrRejected, ErrNoAccount)
	}
	return username, nil
}

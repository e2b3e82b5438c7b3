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

func newEXTERNALServer(ctx context.Context, conn *Conn, d Directory) (Server, error) {
	return &messageServer{judge: func(message []byte) (authn, authz string, err error) {
		if authz = string(message); checkIdentity("", authz) != nil {
			return "", "", malformed("authorization identity")
		}
		if authn, err = certified(ctx, conn, d); err != nil {
			return "", "", err
		}
		account, err := lookup(ctx, d, authn)
		if err != nil {
			return "", "", err
		}
		return authn, authz, account.allow(authn, authz)
	}}, nil
}

// certified asks the directory whose the client's certificate is.
func certified(ctx context.Context, conn *Conn, d Directory) (string, error) {
	external, ok := d.(ExternalDirectory)
	if !ok || !conn.ClientCert {
		return "", fmt.Errorf("%w: no client certificate, or no use for one", ErrRejected)
	}
	return named(external.External(ctx, conn))
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

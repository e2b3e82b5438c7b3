package sasl

import (
	"bytes"
	"context"
	"unicode/utf8"
)

func newPLAINServer(ctx context.Context, _ *Conn, d Directory) (Server, error) {
	return &messageServer{judge: func(message []byte) (authn, authz string, err error) {
		authz, authn, password, err := parsePLAIN(message)
		if err != nil {
			return "", "", err
		}
		return authn, authz, signInByPassword(ctx, d, authn, authz, password)
	}}, nil
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

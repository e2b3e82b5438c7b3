package sasl

import (
	"bytes"
	"context"
)

func newXOAUTH2Server(ctx context.Context, _ *Conn, d Directory) (Server, error) {
	return &oauthServer{ctx: ctx, directory: d, mechanism: "XOAUTH2", parse: parseXOAUTH2}, nil
}

// parseXOAUTH2 takes the message apart. Both fields and both final ^A have to be
// there, and nothing else.
func parseXOAUTH2(message []byte) (user, token string, err error) {
	fields := bytes.Split(message, []byte{1})
	if len(fields) != 4 || len(fields[2]) > 0 || len(fields[3]) > 0 {
		return "", "", malformed("want two fields and two ^A behind them")
	}
	name, ok := bytes.CutPrefix(fields[0], []byte("user="))
	if !ok || len(name) == 0 {
		return "", "", malformed("no user field")
	}
	if err := checkIdentity("user name", string(name)); err != nil {
		return "", "", malformed("user name")
	}
	value, ok := bytes.CutPrefix(fields[1], []byte("auth="))
	if !ok {
		return "", "", malformed("no auth field")
	}
	token, err = parseBearer(value)
	return string(name), token, err
}

// parseBearer takes "Bearer TOKEN" apart; the scheme is in any case
// (RFC 7628, Section 3.1).
func parseBearer(value []byte) (token string, err error) {
	scheme, credential, ok := bytes.Cut(value, []byte{' '})
	if !ok || !bytes.EqualFold(scheme, []byte("bearer")) {
		return "", malformed("scheme is not Bearer")
	}
	if checkToken(string(credential)) != nil {
		return "", malformed("access token")
	}
	return string(credential), nil
}

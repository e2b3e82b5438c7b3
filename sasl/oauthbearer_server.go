package sasl

import (
	"bytes"
	"context"
	"strconv"
	"strings"
)

func newOAUTHBEARERServer(ctx context.Context, conn *Conn, d Directory) (Server, error) {
	parse := func(message []byte) (user, token string, err error) {
		return parseOAUTHBEARER(conn, message)
	}
	return &oauthServer{ctx: ctx, directory: d, mechanism: "OAUTHBEARER", parse: parse}, nil
}

// parseOAUTHBEARER takes the message apart (RFC 7628, Section 3.1): a GS2
// header, then keys with values, each behind ^A, then two ^A. Unknown keys are
// ignored; a host or port that is not ours is refused.
func parseOAUTHBEARER(conn *Conn, message []byte) (user, token string, err error) {
	header, rest, ok := bytes.Cut(message, []byte{1})
	if !ok {
		return "", "", malformed("nothing behind the GS2 header")
	}
	user, err = parseGS2Header(header)
	if err != nil {
		return "", "", err
	}
	body, ok := bytes.CutSuffix(rest, []byte{1, 1})
	if !ok {
		return "", "", malformed("want two ^A at the end")
	}
	for pair := range bytes.SplitSeq(body, []byte{1}) {
		key, value, ok := bytes.Cut(pair, []byte{'='})
		if !ok || !isKey(key) {
			return "", "", malformed("key without value")
		}
		switch string(key) {
		case "auth":
			if len(value) == 0 { // asks what the server wants (RFC 7628, Section 4.3)
				return "", "", &OAuthError{Mechanism: "OAUTHBEARER", Status: "invalid_token"}
			}
			if token != "" {
				return "", "", malformed("auth twice")
			}
			if token, err = parseBearer(value); err != nil {
				return "", "", err
			}
		case "host":
			if conn.Host != "" && !sameHost(conn.Host, string(value)) {
				return "", "", &OAuthError{Mechanism: "OAUTHBEARER", Status: "invalid_request"}
			}
		case "port":
			if conn.Port != 0 && strconv.Itoa(conn.Port) != string(value) {
				return "", "", &OAuthError{Mechanism: "OAUTHBEARER", Status: "invalid_request"}
			}
		}
	}
	if token == "" {
		return "", "", malformed("no auth field")
	}
	return user, token, nil
}

// parseGS2Header takes "n,a=USER," or "y,a=USER," apart (RFC 5801, Section 4).
// The user is "" if the header names none.
func parseGS2Header(header []byte) (user string, err error) {
	fields := bytes.Split(header, []byte{','})
	if len(fields) != 3 || len(fields[2]) > 0 {
		return "", malformed("GS2 header")
	}
	if flag := string(fields[0]); flag != "n" && flag != "y" {
		return "", malformed("channel binding flag")
	}
	if len(fields[1]) == 0 {
		return "", nil
	}
	name, ok := bytes.CutPrefix(fields[1], []byte("a="))
	if !ok || len(name) == 0 {
		return "", malformed("authorization identity")
	}
	user, ok = unescapeSaslname(string(name))
	if !ok || checkIdentity("user name", user) != nil {
		return "", malformed("authorization identity")
	}
	return user, nil
}

// unescapeSaslname reads a saslname (RFC 5801, Section 4): "=2C" and "=3D" are
// its only escapes.
func unescapeSaslname(s string) (string, bool) {
	var b strings.Builder
	for {
		plain, rest, found := strings.Cut(s, "=")
		b.WriteString(plain)
		switch {
		case !found:
			return b.String(), true
		case strings.HasPrefix(rest, "2C"):
			b.WriteByte(',')
		case strings.HasPrefix(rest, "3D"):
			b.WriteByte('=')
		default:
			return "", false
		}
		s = rest[2:]
	}
}

// isKey reports whether key is one or more letters (RFC 7628, Section 3.1).
func isKey(key []byte) bool {
	for _, c := range key {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return len(key) > 0
}

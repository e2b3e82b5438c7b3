package sasl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// An OAuthError is the error challenge of XOAUTH2 and OAUTHBEARER, by which a
// server says why it refuses a token (RFC 7628, Section 3.2.2). Any field may be
// empty, for servers send what they like.
//
// It matches [ErrRejected] if the token was refused for good, and what Err
// matches.
type OAuthError struct {
	Mechanism           string
	Status              string // "invalid_token", or an HTTP status such as "401"
	Schemes             string // "bearer"
	Scope               string // the scope that the server wants
	OpenIDConfiguration string // a URL; it is never fetched

	// Err is the final reply that followed the challenge. On the server side, it is
	// what is to follow: nil means a refusal, and one that matches [ErrTemporary] or
	// [ErrUnavailable] is none.
	Err error

	raw []byte
}

// maxRawChallenge bounds what an OAuthError keeps of a challenge, in octets.
const maxRawChallenge = 4096

// parseOAuthError reads an error challenge. It takes anything: what is not JSON
// is kept as it is. All that is kept passes through hide first.
func parseOAuthError(mechanism string, challenge []byte, hide func(string) string) *OAuthError {
	raw := hide(string(challenge))
	e := &OAuthError{Mechanism: mechanism, raw: []byte(raw[:min(len(raw), maxRawChallenge)])}
	var fields map[string]any
	d := json.NewDecoder(bytes.NewReader(challenge))
	d.UseNumber() // a number that fits no float64 is as good as any
	if d.Decode(&fields) != nil {
		return e
	}
	e.Status = hide(scalar(fields["status"]))
	e.Schemes = hide(scalar(fields["schemes"]))
	e.Scope = hide(scalar(fields["scope"]))
	e.OpenIDConfiguration = hide(scalar(fields["openid-configuration"]))
	return e
}

// scalar returns a JSON string or number as text: a status is either.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// Raw returns the challenge, up to 4096 octets of it: as received, but for what it
// repeated of the client's message.
func (e *OAuthError) Raw() []byte { return append([]byte(nil), e.raw...) }

func (e *OAuthError) Error() string {
	if e == nil { // as the others, for a nil pointer in an error
		return "sasl: token refused"
	}
	var b strings.Builder
	b.WriteString("sasl: ")
	if e.Mechanism != "" {
		b.WriteString(e.Mechanism + ": ")
	}
	b.WriteString("token refused")
	for _, field := range [][2]string{{"status", e.Status}, {"scope", e.Scope}} {
		if field[1] != "" {
			fmt.Fprintf(&b, ", %s %.200s", field[0], printable(field[1]))
		}
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the final reply.
func (e *OAuthError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Is reports whether target is [ErrRejected] and the challenge was a refusal.
func (e *OAuthError) Is(target error) bool {
	return target == ErrRejected && e != nil && (e.Err == nil || isRefusal(e))
}

// challenge is the error as a server sends it.
func (e *OAuthError) challenge() []byte {
	b, err := json.Marshal(struct {
		Status              string `json:"status"`
		Schemes             string `json:"schemes,omitempty"`
		Scope               string `json:"scope,omitempty"`
		OpenIDConfiguration string `json:"openid-configuration,omitempty"`
	}{e.Status, e.Schemes, e.Scope, e.OpenIDConfiguration})
	if err != nil { // strings always marshal
		return []byte("{}")
	}
	return b
}

// asOAuthError returns the challenge that err stands for, if it does for one.
func asOAuthError(err error) (*OAuthError, bool) {
	var e *OAuthError
	ok := errors.As(err, &e)
	if ok && e == nil { // in an error that is not nil: a refusal that says nothing
		e = new(OAuthError)
	}
	return e, ok
}

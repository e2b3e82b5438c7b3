package mock

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

// An assertion is a JWT (RFC 7519) that somebody else has signed: read, and not
// yet believed.
type assertion struct {
	header struct {
		Alg     string   `json:"alg"`
		Typ     string   `json:"typ"`
		Kid     string   `json:"kid"`
		X5t     string   `json:"x5t"`
		X5tS256 string   `json:"x5t#S256"`
		Crit    []string `json:"crit"`
	}
	claims struct {
		Iss   string      `json:"iss"`
		Sub   string      `json:"sub"`
		Scope string      `json:"scope"`
		Jti   string      `json:"jti"`
		Aud   audience    `json:"aud"`
		Exp   numericDate `json:"exp"`
		Nbf   numericDate `json:"nbf"`
		Iat   numericDate `json:"iat"`
	}
	signed    string // header and claims, as they came
	signature []byte
}

// errMalformed says that something is no JWT. It does not say what that was.
var errMalformed = errors.New("mock: malformed JWT")

// readAssertion reads a JWT in compact form (RFC 7515, Section 7.1). There is one
// way to write each: base64 with other bits behind its end, or with line ends, is
// none.
func readAssertion(token string) (*assertion, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errMalformed
	}
	a := &assertion{signed: parts[0] + "." + parts[1]}
	var octets [3][]byte
	for i, part := range parts {
		var err error
		octets[i], err = base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || !isMadeOf(part, letters+digits+"-_") {
			return nil, errMalformed
		}
	}
	a.signature = octets[2]
	if json.Unmarshal(octets[0], &a.header) != nil || json.Unmarshal(octets[1], &a.claims) != nil {
		return nil, errMalformed
	}
	if len(a.header.Crit) > 0 { // none of which is understood here (RFC 7515, Section 4.1.11)
		return nil, errMalformed
	}
	return a, nil
}

// An audience is the claim aud: a string or a list (RFC 7519, Section 4.1.3).
type audience []string

func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	var list []string
	if err := json.Unmarshal(b, &list); err != nil {
		return errMalformed
	}
	*a = list
	return nil
}

// A numericDate is one (RFC 7519, Section 2), zero if there is none.
type numericDate struct{ time.Time }

func (m *numericDate) UnmarshalJSON(b []byte) error {
	var seconds float64
	if err := json.Unmarshal(b, &seconds); err != nil || seconds < 0 || seconds > 1<<40 {
		return errMalformed
	}
	m.Time = time.Unix(int64(seconds), 0)
	return nil
}

// signedBy reports whether a key has made the signature: by RS256, or by PS256 as
// MSAL does (RFC 7518, Sections 3.3 and 3.5).
func (a *assertion) signedBy(key *rsa.PublicKey) bool {
	sum := sha256.Sum256([]byte(a.signed))
	switch a.header.Alg {
	case "RS256":
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], a.signature) == nil
	case "PS256":
		return rsa.VerifyPSS(key, crypto.SHA256, sum[:], a.signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
	}
	return false
}

// isFor reports whether one of the audiences is one of those.
func (a *assertion) isFor(those ...string) bool {
	return slices.ContainsFunc(a.claims.Aud, func(aud string) bool { return slices.Contains(those, aud) })
}

// isTimely reports whether an assertion is good now, with what clocks may differ.
func (a *assertion) isTimely() bool {
	now := time.Now()
	return now.Before(a.claims.Exp.Time) && !a.claims.Nbf.After(now.Add(maxSkew)) && !a.claims.Iat.After(now.Add(maxSkew))
}

// maxSkew is how far clocks of clients may be ahead.
const maxSkew = 5 * time.Minute

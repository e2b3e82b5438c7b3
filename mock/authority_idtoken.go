package mock

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// signingKey signs ID tokens, one a process.
var signingKey = sync.OnceValues(newRSAKey)

// newRSAKey returns a key as Google makes them for service accounts.
func newRSAKey() (*rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("mock: RSA key: %w", err)
	}
	return key, nil
}

// keyID names a key by what is public of it.
func keyID(key *rsa.PublicKey) string {
	sum := sha256.Sum256(key.N.Bytes())
	return fmt.Sprintf("%x", sum[:20])
}

// signJWT returns a JWT with a signature by RS256 (RFC 7518, Section 3.3), "" if
// there is no key.
func signJWT(key *rsa.PrivateKey, claims map[string]any) string {
	unsigned := segment(map[string]any{"typ": "JWT", "alg": "RS256", "kid": keyID(&key.PublicKey)}) + "." + segment(claims)
	sum := sha256.Sum256([]byte(unsigned))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil { // not with a key of that length
		return ""
	}
	return unsigned + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// idToken returns an ID token (OpenID Connect Core 1.0, Section 2). Which claims
// of the user it has is up to the scopes (Section 5.4); a grant that no client has
// asked for has them all.
func (a *Authority) idToken(r *http.Request, g *grant, nonce string) string {
	key, err := signingKey()
	if err != nil {
		return ""
	}
	now := time.Now()
	claims := map[string]any{
		"iss": issuer(r), "aud": g.client, "sub": g.user,
		"iat": now.Unix(), "exp": now.Add(a.opts.TTL).Unix(),
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	if a.opts.Dialect == GoogleOAuth {
		claims["sub"] = accountNumber(g.user) // an address is no subject there
	}
	if tenant := r.PathValue("tenant"); tenant != "" {
		claims["iss"] = "https://" + r.Host + "/" + a.opts.Tenant + "/v2.0"
		claims["oid"], claims["tid"], claims["ver"] = g.user, a.opts.Tenant, "2.0"
	}
	if g.openID == nil || slices.Contains(g.openID, "profile") {
		claims["preferred_username"] = g.user
	}
	if g.openID == nil || slices.Contains(g.openID, "email") {
		claims["email"], claims["email_verified"] = g.user, true
	}
	return signJWT(key, claims)
}

// accountNumber returns the number that a user has at Google, 21 digits.
func accountNumber(user string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(user)))
	return fmt.Sprintf("1%020d", binary.BigEndian.Uint64(sum[:8]))
}

// issuer returns the name of the authority under the name that was asked. Google
// issues tokens at one host and by the name of another.
func issuer(r *http.Request) string {
	if r.Host == "oauth2.googleapis.com" || r.Host == "www.googleapis.com" {
		return "https://accounts.google.com"
	}
	return "https://" + r.Host
}

// keys is the set of keys that ID tokens are signed with (RFC 7517, Section 5).
func (a *Authority) keys(w http.ResponseWriter, _ *http.Request) {
	key, err := signingKey()
	if err != nil {
		a.standardError(w, &oauthError{http.StatusInternalServerError, "server_error", 0, "There is no key."})
		return
	}
	encode := base64.RawURLEncoding.EncodeToString
	answer(w, http.StatusOK, map[string]any{"keys": []map[string]any{{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": keyID(&key.PublicKey),
		"n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes()),
	}}})
}

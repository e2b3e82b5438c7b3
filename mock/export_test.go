package mock

import "crypto/rsa"

// VerifyAssertion reads a JWT and reports whether a key has signed it.
func VerifyAssertion(token string, key *rsa.PublicKey) bool {
	a, err := readAssertion(token)
	return err == nil && a.signedBy(key)
}

package sasl

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
)

// A fingerprint identifies a secret to the fingerprinter that took it.
type fingerprint [sha256.Size]byte

// A fingerprinter recognises secrets without holding them. It has a random key, so
// that its fingerprints tell nothing where they are seen. The zero value takes the
// key when it is first used; one goroutine may use it at a time.
type fingerprinter struct{ key Secret }

// of returns the fingerprint of a text.
func (f *fingerprinter) of(text string) fingerprint {
	if f.key.IsZero() {
		f.key = randomKey()
	}
	mac := hmac.New(sha256.New, []byte(f.key.Reveal()))
	mac.Write([]byte(text))
	return fingerprint(mac.Sum(nil))
}

// randomKey returns 32 random octets.
func randomKey() Secret {
	key := make([]byte, sha256.Size)
	rand.Read(key) // never fails
	return NewSecret(string(key))
}

package sasl

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"hash"
)

// SCRAM's arithmetic (RFC 5802, Section 3), by its names.

// defaultIterations is the least that RFC 7677, Section 4 allows for SHA-256.
const defaultIterations = 4096

// A StoredKey is what a server keeps of a password for SCRAM (RFC 5802, Section
// 3). It does not let its holder sign in, but does let him play the server, and
// guess the password at leisure.
type StoredKey struct {
	Salt       []byte
	Iterations int
	StoredKey  Secret // the octets, as long as the hash
	ServerKey  Secret // the octets, as long as the hash
}

// NewStoredKey derives the key of a password for the SCRAM mechanism with hash
// h, say [crypto/sha256.New] for SCRAM-SHA-256. The password is prepared as where
// [SCRAMOptions].Prepare is nil: for a mechanism with another Prepare, apply that to
// it before, or, if SASLprep would undo it, set Account.Password in place of a key. A
// nil salt means 16 random octets, 0 iterations mean 4096. Many iterations take time: ctx ends it.
func NewStoredKey(ctx context.Context, h func() hash.Hash, password Secret, salt []byte, iterations int) (StoredKey, error) {
	if salt == nil {
		salt = make([]byte, saltLength)
		rand.Read(salt) // never fails
	}
	if iterations == 0 {
		iterations = defaultIterations
	}
	if iterations < 0 || len(salt) == 0 || password.IsZero() {
		return StoredKey{}, fmt.Errorf("%w: a stored key needs a password, a salt and iterations", ErrBadCredentials)
	}
	prepared, err := prepare(password.Reveal())
	if err != nil {
		return StoredKey{}, err
	}
	keys, err := deriveKeys(ctx, h, prepared, salt, iterations)
	if err != nil {
		return StoredKey{}, err
	}
	return keys.stored(h, salt, iterations), nil
}

// valid reports whether k can be the key of an account.
func (k *StoredKey) valid(h func() hash.Hash) bool {
	size := h().Size()
	return len(k.Salt) > 0 && k.Iterations > 0 && len(k.StoredKey.Reveal()) == size && len(k.ServerKey.Reveal()) == size
}

// scramKeys are ClientKey and ServerKey: as good as the password towards a
// server with the same salt.
type scramKeys struct{ client, server Secret }

// A deriver makes keys of a password that is prepared already.
type deriver func(ctx context.Context, h func() hash.Hash, password string, salt []byte, iterations int) (scramKeys, error)

func deriveKeys(ctx context.Context, h func() hash.Hash, password string, salt []byte, iterations int) (scramKeys, error) {
	salted, err := saltedPassword(ctx, h, password, salt, iterations)
	if err != nil {
		return scramKeys{}, err
	}
	return scramKeys{
		client: NewSecret(string(sign(h, salted, "Client Key"))),
		server: NewSecret(string(sign(h, salted, "Server Key"))),
	}, nil
}

func (k scramKeys) stored(h func() hash.Hash, salt []byte, iterations int) StoredKey {
	return StoredKey{
		Salt:       salt,
		Iterations: iterations,
		StoredKey:  NewSecret(string(digest(h, []byte(k.client.Reveal())))),
		ServerKey:  k.server,
	}
}

// checkEvery is after how many iterations the context is looked at. That is well
// under 10 ms on a machine that does 100,000 iterations a second, and any that
// runs Go does more.
const checkEvery = 256

// saltedPassword is Hi(): the first block of PBKDF2 (RFC 8018, Section 5.2). The
// server says how long it takes, so that it ends with its context.
func saltedPassword(ctx context.Context, h func() hash.Hash, password string, salt []byte, iterations int) ([]byte, error) {
	mac := hmac.New(h, []byte(password)) // keyed once: Reset keeps the key
	mac.Write(salt)
	mac.Write([]byte{0, 0, 0, 1})
	u := mac.Sum(nil)
	result := append([]byte(nil), u...)
	for n := 1; n < iterations; n++ {
		if n%checkEvery == 1 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		mac.Reset()
		mac.Write(u)
		u = mac.Sum(u[:0])
		subtle.XORBytes(result, result, u)
	}
	return result, ctx.Err()
}

// sign is HMAC(key, message).
func sign(h func() hash.Hash, key []byte, message string) []byte {
	mac := hmac.New(h, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}

// digest is H(message).
func digest(h func() hash.Hash, message []byte) []byte {
	d := h()
	d.Write(message)
	return d.Sum(nil)
}

// xor returns a XOR b, which are of one length.
func xor(a, b []byte) []byte {
	result := make([]byte, len(a))
	subtle.XORBytes(result, a, b)
	return result
}

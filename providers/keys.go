package providers

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/seed-55a66e92/postern/sasl"
)

// KeySize is the length of a [Key], in octets: AES-256.
const KeySize = 32

// A Key seals records of an [Encrypted] Store. It may be kept in a keyring, in a
// secret manager or in a file on another disk than the Store.
type Key struct {
	ID     string      // tells it from others, in the open
	Secret sasl.Secret // KeySize random octets, not a password
}

// GenerateKey returns a new random Key.
func GenerateKey(id string) Key {
	secret := make([]byte, KeySize)
	rand.Read(secret) // never fails
	return Key{id, sasl.NewSecret(string(secret))}
}

// A KeyProvider knows the keys of an [Encrypted] Store. It must be safe for
// concurrent use and keep keys out of its errors.
type KeyProvider interface {
	// Key returns the key of that id, or, if id is empty, the one that records
	// are to be sealed with from now on.
	Key(ctx context.Context, id string) (Key, error)
}

// Keys returns a KeyProvider of keys that are at hand. Records are sealed with
// current. Those sealed with one of older can be read, until they are written
// the next time.
func Keys(current Key, older ...Key) KeyProvider { return keyRing{current: current, older: older} }

type keyRing struct {
	current Key
	older   []Key
}

func (r keyRing) Key(_ context.Context, id string) (Key, error) {
	if id == "" || id == r.current.ID {
		return r.current, nil
	}
	for _, k := range r.older {
		if k.ID == id {
			return k, nil
		}
	}
	return Key{}, &Error{
		Kind: Misconfigured, Description: fmt.Sprintf("there is no key %q", id),
		Hint: "add it to the older keys, or delete the record and sign in again",
	}
}

package providers

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/seed-55a66e92/postern/sasl"
)

// Encrypted returns a [Store] that keeps its records in another one, sealed with
// AES-256-GCM. A sealed record can be read under its own name only, so records
// cannot be exchanged; but whoever can write to the other Store can put an older
// version in place of a newer one.
//
// A record names the key that it was sealed with, and is sealed with the current
// one when it is saved. To change keys, add a new current one and keep the old
// until every record has been saved again, or save them all:
//
//	data, version, err := store.Load(ctx, name)
//	...
//	_, err = store.Save(ctx, name, data, version)
//
// A record that cannot be opened is an [*Error] of kind Misconfigured. Names are
// not sealed, and neither are lengths. A sealed record is a third longer than what
// is in it; the Stores of this package have room for that.
func Encrypted(s Store, keys KeyProvider) Store { return encrypted{s, keys} }

// An encrypted Store has the locks and the names of the one within.
type encrypted struct {
	Store
	keys KeyProvider
}

var _ Store = encrypted{}

// A sealedRecord is what the other Store holds, as JSON.
type sealedRecord struct {
	Format int    `json:"sealed"` // sealedFormat
	Key    string `json:"key"`
	Data   []byte `json:"data"` // nonce and ciphertext with its tag
}

const sealedFormat = 1

// Load implements [Store].
func (e encrypted) Load(ctx context.Context, name string) (sasl.Secret, Version, error) {
	sealed, version, err := e.Store.Load(ctx, name)
	if err != nil {
		return sasl.Secret{}, "", err
	}
	var r sealedRecord
	// The decoder's error would quote the record.
	if json.Unmarshal([]byte(sealed.Reveal()), &r) != nil || r.Format != sealedFormat || r.Key == "" {
		return sasl.Secret{}, "", unsealable(name, "is not sealed")
	}
	aead, _, err := e.cipher(ctx, r.Key)
	if err != nil {
		return sasl.Secret{}, "", err
	}
	data, err := aead.Open(nil, nil, r.Data, boundTo(name, r.Key))
	if err != nil {
		return sasl.Secret{}, "", unsealable(name, "was changed, was sealed under another name, or with another key of the same id")
	}
	return sasl.NewSecret(string(data)), version, nil
}

// Save implements [Store].
func (e encrypted) Save(ctx context.Context, name string, data sasl.Secret, old Version) (Version, error) {
	aead, id, err := e.cipher(ctx, "")
	if err != nil {
		return "", err
	}
	sealed, err := json.Marshal(sealedRecord{
		Format: sealedFormat, Key: id,
		Data: aead.Seal(nil, nil, []byte(data.Reveal()), boundTo(name, id)),
	})
	if err != nil {
		return "", fmt.Errorf("providers: %w", err)
	}
	return e.Store.Save(ctx, name, sasl.NewSecret(string(sealed)), old)
}

// cipher returns the cipher with the key of that id; an empty id means the
// current key. Its nonces are random.
func (e encrypted) cipher(ctx context.Context, id string) (cipher.AEAD, string, error) {
	key, err := e.keys.Key(ctx, id)
	if err != nil {
		return nil, "", keyFailure(id, err)
	}
	if key.ID == "" || id != "" && key.ID != id || len(key.Secret.Reveal()) != KeySize {
		return nil, "", &Error{
			Kind: Misconfigured, Description: "the key for stored records is not usable",
			Hint: "a key has the id that it is asked for and 32 octets; GenerateKey makes one",
		}
	}
	block, err := aes.NewCipher([]byte(key.Secret.Reveal()))
	if err != nil {
		return nil, "", fmt.Errorf("providers: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, "", fmt.Errorf("providers: %w", err)
	}
	return aead, key.ID, nil
}

// keyFailure wraps an error of a KeyProvider. One that has no such key does not
// mean that there is no such record.
func keyFailure(id string, err error) error {
	e := &Error{Kind: KindOf(err), Description: "the key " + strconv.Quote(id) + " for stored records cannot be had", Err: err}
	if id == "" {
		e.Description = "the current key for stored records cannot be had"
	}
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrConflict) {
		e.Kind, e.Err = Misconfigured, errors.New(err.Error())
	}
	return e
}

func unsealable(name, why string) error {
	return &Error{
		Kind: Misconfigured, Description: "the stored record " + strconv.Quote(name) + " " + why,
		Hint: "delete it and sign in again",
	}
}

// boundTo is the additional data that a record is authenticated with.
func boundTo(name, key string) []byte {
	return []byte("postern sealed record 1\x00" + strconv.Quote(key) + "\x00" + name)
}

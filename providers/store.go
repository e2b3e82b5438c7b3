package providers

import (
	"context"
	"errors"

	"github.com/seed-55a66e92/postern/sasl"
)

// A Store keeps records: what must outlive a program, such as refresh tokens, and
// what several programs share. A [Cache] has one record for each grant.
//
// A name is 1 to 1000 octets of UTF-8 and compared octet for octet. A record is
// up to [MaxRecord] octets of any kind, or none. A Store must be safe for
// concurrent use, return promptly once the context is done, with an error that
// matches the context's, and keep what it holds out of its errors. Package
// providers/storetest tells whether it does all that this comment asks.
type Store interface {
	// Load returns a record and its version, or an error that matches
	// [ErrNotFound].
	Load(ctx context.Context, name string) (sasl.Secret, Version, error)

	// Save replaces the record of version old, and creates one if old is zero. If
	// the record is of another version, it stays as it is and the error matches
	// [ErrConflict]. Save returns the new version, which no record of that name
	// had before, when the record is safe from a crash. Other readers see the old
	// record or the new one, never a part.
	Save(ctx context.Context, name string, data sasl.Secret, old Version) (Version, error)

	// Delete removes a record, if there is one.
	Delete(ctx context.Context, name string) error

	// Lock waits until nobody else holds the lock of that name, in any process
	// that shares the Store, and takes it. It protects what its holders agree on;
	// the other methods work with and without it. A process that dies gives up
	// its locks, at once or after a while. A Cache holds one while it asks an
	// authority, so a lock that ends by itself must last for a minute. Only the
	// first call of unlock counts; its error says that the lock may have been lost
	// before.
	Lock(ctx context.Context, name string) (unlock func() error, err error)
}

// A Version tells the contents that a record had at different times apart. The
// zero Version stands for no record. It is no secret.
type Version string

// MaxRecord is the longest record that a [Store] must take, in octets.
const MaxRecord = 1 << 20

// maxStored is the longest record that a Store of this package takes: one of
// MaxRecord fits when it is sealed.
const maxStored = 2 * MaxRecord

// maxName is the longest name of a record, in octets.
const maxName = 1000

var (
	// ErrNotFound says that a [Store] has no record of that name.
	ErrNotFound = errors.New("providers: no such record")

	// ErrConflict says that a record is not of the version that was to be
	// replaced: somebody else has written it.
	ErrConflict = errors.New("providers: the record was changed by somebody else")

	// errTooLong refuses what not every Store takes.
	errTooLong = errors.New("providers: a record is at most 2 MiB")

	// errBadName refuses what not every Store takes.
	errBadName = errors.New("providers: the name of a record is 1 to 1000 octets of UTF-8")
)

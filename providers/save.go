package providers

import (
	"context"
	"errors"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

const (
	// storeTimeout bounds one call of a Store, and all tries to save a record
	// before a token is handed out.
	storeTimeout = 5 * time.Second

	saveAttempts = 3
	savePause    = 50 * time.Millisecond // after the first try; four times as long after each
)

// A change is a record that is to take the place of another.
type change struct {
	record record
	from   sasl.Secret // the grant that it came from
	base   Version     // of the record in the Store
}

var errSuperseded = errors.New("providers: a new sign-in took the place of the grant")

// keep saves a record, tries again if that fails, and remembers what it could not
// save.
func (k *keeper) keep(ctx context.Context, c change, log *eventLog) error {
	rotated := !c.record.Grant.Equal(c.from)
	again := k.pending()
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err := k.saveNow(ctx, &c)
	for n, pause := 1, savePause; err != nil && n < saveAttempts && !errors.Is(err, errSuperseded); n, pause = n+1, pause*4 {
		if !sleep(ctx, pause) {
			break
		}
		err = k.saveNow(ctx, &c)
	}
	switch {
	case errors.Is(err, errSuperseded):
		k.setUnsaved(nil)
		log.add(Event{Kind: Superseded})
		return nil
	case err != nil:
		k.setUnsaved(&c)
		err = storeFailure("saving the record", err)
		err = withhold(err, c.record.Grant, c.record.Previous, c.record.Token.Value)
		log.add(Event{Kind: SaveFailed, Err: err})
		return err
	}
	k.setUnsaved(nil)
	if again {
		log.add(Event{Kind: Saved})
	}
	if rotated {
		log.add(Event{Kind: Rotated})
	}
	return nil
}

// saveNow tries once. After a conflict it finds out what there is by now, for the
// next try: a record takes the place of what it came from, and of nothing else.
func (k *keeper) saveNow(ctx context.Context, c *change) error {
	_, err := k.put(ctx, c.record, c.base)
	if !errors.Is(err, ErrConflict) {
		return err
	}
	there, version, found := k.stored(ctx)
	switch {
	case found != nil:
		return found
	case there.Grant.Equal(c.record.Grant) && there.Token.Value.Equal(c.record.Token.Value):
		return nil // a try before succeeded after all
	case version != "" && (there.Grant.Equal(c.from) || there.Grant.Equal(c.record.Grant)):
		c.base = version
		return err
	}
	return errSuperseded
}

func (k *keeper) put(ctx context.Context, r record, old Version) (Version, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return k.store.Save(ctx, k.name, r.encode(), old)
}

// flush saves what could not be saved before.
func (k *keeper) flush(ctx context.Context, log *eventLog) error {
	unlock, err := k.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, _, err := k.load(ctx, log); err != nil {
		return err
	}
	k.mu.Lock()
	u := k.unsaved
	k.mu.Unlock()
	if u == nil {
		return nil
	}
	return k.keep(ctx, *u, log)
}

// pending reports whether there is something to flush.
func (k *keeper) pending() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.unsaved != nil
}

func (k *keeper) setUnsaved(c *change) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.unsaved = c
}

// sleep reports whether d passed before ctx was done.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

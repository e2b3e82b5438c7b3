package providers

import (
	"fmt"
	"strings"
	"time"
)

// An EventKind is what has happened in a [Cache].
type EventKind uint8

// The kinds of event.
const (
	// Renewed: the authority gave a token, which expires at Event.Expiry.
	Renewed EventKind = iota + 1
	// Shared: another program that uses the Store had a good token already.
	Shared
	// Forced: a token was renewed before its time because a server refused it.
	Forced
	// Rotated: the authority replaced the grant, and the new one was saved.
	Rotated
	// Recovered: the grant was refused, and the one before it was not.
	Recovered
	// Superseded: a new sign-in took the place of the grant while a request with
	// the old one was under way; what that brought is not kept.
	Superseded
	// Failed: there is no new token, for the reason Event.Err. If its kind is not
	// Transient (see [KindOf]), somebody has to act, and has as long as the
	// present token is good.
	Failed
	// SaveFailed: what the authority gave could not be saved, for the reason
	// Event.Err. If it replaced the grant and the program ends before a further
	// try succeeds, the user may have to sign in again.
	SaveFailed
	// Saved: a further try succeeded.
	Saved
)

func (k EventKind) String() string {
	switch k {
	case Renewed:
		return "renewed"
	case Shared:
		return "shared"
	case Forced:
		return "forced"
	case Rotated:
		return "rotated"
	case Recovered:
		return "recovered"
	case Superseded:
		return "superseded"
	case Failed:
		return "failed"
	case SaveFailed:
		return "save failed"
	case Saved:
		return "saved"
	}
	return fmt.Sprintf("EventKind(%d)", uint8(k))
}

// An Event tells what has happened in a [Cache]. It holds no secret.
type Event struct {
	Kind   EventKind
	Time   time.Time
	Key    string    // of the record in the Store; empty if there is none
	User   string    // whose token it is; empty unless there is one for each user
	Expiry time.Time // of the token, for Renewed and Shared
	Err    error     // for Failed and SaveFailed
}

// String returns the event as a line of a log, without its time.
func (e Event) String() string {
	var b strings.Builder
	b.WriteString("token " + e.Kind.String())
	if e.Key != "" {
		fmt.Fprintf(&b, " key=%q", e.Key)
	}
	if e.User != "" {
		fmt.Fprintf(&b, " user=%q", e.User)
	}
	if !e.Expiry.IsZero() {
		b.WriteString(" expiry=" + e.Expiry.UTC().Format(time.RFC3339))
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

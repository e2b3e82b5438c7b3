package providers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// A record is what a Cache keeps in a Store: the grant, the latest access token,
// and what is needed to treat them right.
type record struct {
	Grant     sasl.Secret // zero: none is needed, or there is none
	GrantedAt time.Time   // when Grant was received
	Previous  sasl.Secret // what Grant took the place of; zero once Grant has been seen to work
	Origin    string      // digest of the grant that all this came from
	Replaced  []string    // digests of the grants that a sign-in took the place of, the latest last

	Token     sasl.Token // its Expiry is never zero: it may have been assumed
	Obtained  time.Time  // when Token was received
	RefreshAt time.Time  // when the authority wants it renewed; zero: it did not say
	Forced    time.Time  // when a refusal last forced a renewal
}

// A jsonRecord is a record as a Store holds it.
type jsonRecord struct {
	Format    int       `json:"postern_token"` // recordFormat
	Grant     string    `json:"grant,omitempty"`
	GrantedAt time.Time `json:"granted_at,omitzero"`
	Previous  string    `json:"previous_grant,omitempty"`
	Origin    string    `json:"origin,omitempty"`
	Replaced  []string  `json:"replaced_origins,omitempty"`
	Token     string    `json:"access_token,omitempty"`
	Expiry    time.Time `json:"expiry,omitzero"`
	Subject   string    `json:"subject,omitempty"`
	Scopes    []string  `json:"scopes,omitempty"`
	Obtained  time.Time `json:"obtained_at,omitzero"`
	RefreshAt time.Time `json:"refresh_at,omitzero"`
	Forced    time.Time `json:"forced_at,omitzero"`
}

const (
	recordFormat = 1

	// maxReplaced bounds how many sign-ins a record remembers.
	maxReplaced = 16

	// maxYear is the last that JSON has a date in.
	maxYear = 9999
)

// encode cannot fail: takeToken leaves no date that JSON has no form for.
func (r *record) encode() sasl.Secret {
	text, _ := json.Marshal(jsonRecord{
		Format: recordFormat,
		Grant:  r.Grant.Reveal(), GrantedAt: r.GrantedAt, Previous: r.Previous.Reveal(), Origin: r.Origin, Replaced: r.Replaced,
		Token: r.Token.Value.Reveal(), Expiry: r.Token.Expiry, Subject: r.Token.Subject, Scopes: r.Token.Scopes,
		Obtained: r.Obtained, RefreshAt: r.RefreshAt, Forced: r.Forced,
	})
	return sasl.NewSecret(string(text))
}

func decodeRecord(data sasl.Secret) (record, error) {
	var j jsonRecord
	// The decoder's error would quote the record.
	if json.Unmarshal([]byte(data.Reveal()), &j) != nil || j.Format != recordFormat {
		return record{}, &Error{
			Kind: Misconfigured, Description: "the stored grant is damaged, or was stored by a newer version",
			Hint: "delete it and sign in again",
		}
	}
	return record{
		Grant: sasl.NewSecret(j.Grant), GrantedAt: j.GrantedAt, Previous: sasl.NewSecret(j.Previous), Origin: j.Origin, Replaced: j.Replaced,
		Token:    sasl.Token{Value: sasl.NewSecret(j.Token), Expiry: j.Expiry, Subject: j.Subject, Scopes: j.Scopes},
		Obtained: j.Obtained, RefreshAt: j.RefreshAt, Forced: j.Forced,
	}, nil
}

// newGrant is the record of a grant that nothing is known of.
func newGrant(grant sasl.Secret, now time.Time) record {
	return record{Grant: grant, GrantedAt: now.Round(0), Origin: originOf(grant)}
}

// knows reports whether a grant that was configured is no news: all of r came out
// of it, or somebody has signed in since.
func (r *record) knows(grant sasl.Secret) bool {
	origin := originOf(grant)
	return r.Origin == origin || slices.Contains(r.Replaced, origin)
}

// replaced returns the digests of r and of what r took the place of, for the record
// of a new sign-in.
func (r *record) replaced() []string {
	if r.Origin == "" {
		return nil
	}
	all := append(slices.Clone(r.Replaced), r.Origin)
	return all[max(0, len(all)-maxReplaced):]
}

// originOf identifies a grant, so that one which was configured anew is told from
// one that others have come out of since.
func originOf(grant sasl.Secret) string {
	sum := sha256.Sum256([]byte("postern grant\x00" + grant.Reveal()))
	return hex.EncodeToString(sum[:])
}

// after returns the record that follows r: the authority answered with response
// to the grant used, which is r's own or the previous one.
func (r record) after(response Response, used sasl.Secret, now time.Time, o *CacheOptions) record {
	now = now.Round(0)
	r.takeToken(response, now, o)
	if response.Grant.IsZero() || response.Grant.Equal(used) {
		r.Grant, r.Previous = used, sasl.Secret{}
		return r
	}
	r.Grant, r.Previous, r.GrantedAt = response.Grant, used, now
	return r
}

func (r *record) takeToken(response Response, now time.Time, o *CacheOptions) {
	r.Token, r.Obtained, r.RefreshAt = response.Token, now, time.Time{}
	r.Token.Expiry = o.expiryOf(r.Token, now).UTC()
	if response.RefreshAt.After(now) && response.RefreshAt.Before(r.Token.Expiry) {
		r.RefreshAt = response.RefreshAt.Round(0).UTC()
	}
}

// response returns the token of r as if the authority had just given it.
func (r *record) response() Response { return Response{Token: r.Token, RefreshAt: r.RefreshAt} }

// serves reports whether the token of r spares a request: it is another than the
// one at hand, no server refused it, and no renewal is near.
func (r *record) serves(have sasl.Token, rejected *sasl.Rejection, now time.Time, o *CacheOptions) bool {
	if r.Token.Value.IsZero() || r.Token.Value.Equal(have.Value) || rejected.Matches(r.Token) {
		return false
	}
	early := min(o.Early, r.Token.Expiry.Sub(r.Obtained)/2)
	return now.Before(r.Token.Expiry.Add(-early)) && (r.RefreshAt.IsZero() || now.Before(r.RefreshAt))
}

// SaveGrant stores what a sign-in brought, as the record that a [Cache] with that
// Store and that Key will use, in place of any that is there. A Cache that is
// running, in this process or another, goes over to it with its next request.
// What response lacks, the Cache does without; a grant that has no refresh token
// needs no Store.
func SaveGrant(ctx context.Context, s Store, key string, response Response) error {
	unlock, err := s.Lock(ctx, key)
	if err != nil {
		return err
	}
	data, version, err := s.Load(ctx, key)
	if err == nil || errors.Is(err, ErrNotFound) {
		old, _ := decodeRecord(data) // a damaged one is replaced like any other
		r := newGrant(response.Grant, time.Now())
		r.Replaced = old.replaced()
		if !response.Token.Value.IsZero() {
			o := CacheOptions{}.withDefaults()
			r.takeToken(response, r.GrantedAt, &o)
		}
		_, err = s.Save(ctx, key, r.encode(), version)
	}
	return errors.Join(err, unlock())
}

package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/seed-55a66e92/postern/sasl"
)

// taking is what a mechanism signs in with.
type taking string

const (
	takesPassword    taking = "password"
	takesToken       taking = "token"
	takesCertificate taking = "certificate"
	takesNothing     taking = "nothing"
)

// A login is what credentials are made of.
type login struct{ user, authz, secret string }

// credentials makes credentials of the kind that the mechanism takes.
func (l login) credentials(takes taking) *sasl.Credentials {
	c := &sasl.Credentials{Username: l.user, AuthzID: l.authz}
	switch takes {
	case takesPassword:
		secret := sasl.NewSecret(l.secret)
		c.Password = func(context.Context) (sasl.Secret, error) { return secret, nil }
	case takesToken:
		c.Token = sasl.StaticToken(l.secret)
	case takesCertificate:
		c.External, c.Username = true, ""
	case takesNothing:
		c.Username, c.AuthzID = "", ""
	}
	return c
}

// prepare finds out what the mechanism signs in with, and makes or reads it.
func (b *MechanismBench) prepare(ctx context.Context) error {
	conn, err := b.connection(ctx)
	if err != nil {
		return err
	}
	b.conn, b.wrong = conn, b.target.Wrong
	if err := cmpErr(b.prepareRight(ctx), b.store(ctx)); err != nil {
		return err
	}
	if b.wrong == nil && b.secret != "" {
		wrong := *b.right
		other := login{user: wrong.Username, secret: b.Secret(len(b.Secret(secretLen)))}.credentials(b.takes)
		wrong.Password, wrong.Token = other.Password, other.Token
		b.wrong = &wrong
	}
	if b.target.Wrong != nil {
		secret, err := b.secretOf(ctx, b.target.Wrong)
		if err != nil {
			return err
		}
		b.learn(secret)
	}
	return nil
}

func (b *MechanismBench) prepareRight(ctx context.Context) error {
	if given := b.target.Credentials; given != nil {
		secret, err := b.secretOf(ctx, given)
		if err != nil {
			return err
		}
		b.learn(secret)
		b.right, b.secret, b.takes = given, secret, takenFrom(given)
		return nil
	}
	if v, ok := b.firstGood(); ok && b.server() != nil && !b.known() {
		b.takes = v.takes()
		b.secret = v.secret()
		b.learn(b.secret)
		b.right = v.login().credentials(b.takes)
		return nil
	}
	return b.makeCredentials(ctx)
}

// known reports whether a server that looks at accounts plays the server.
func (b *MechanismBench) known() bool {
	_, ok := b.reference.Lookup(b.target.Mechanism.Name)
	return ok || b.target.Mechanism.NewServer != nil || b.target.Server != nil
}

func (b *MechanismBench) firstGood() (MechanismVector, bool) {
	for _, v := range b.target.Vectors {
		if v.Kind == GoodVector {
			return v, true
		}
	}
	return MechanismVector{}, false
}

// makeCredentials makes credentials that the mechanism says it can use.
func (b *MechanismBench) makeCredentials(ctx context.Context) error {
	m := b.target.Mechanism
	kinds := []taking{takesPassword, takesToken, takesCertificate, takesNothing}
	if m.Traits.Has(sasl.Bearer) {
		kinds = []taking{takesToken}
	}
	secret := b.Secret(secretLen)
	var reasons []error
	for _, kind := range kinds {
		c := login{user: username, secret: secret}.credentials(kind)
		err := b.usable(ctx, m, b.conn, c)
		if err == nil {
			b.right, b.takes = c, kind
			if kind == takesPassword || kind == takesToken {
				b.secret = secret
			}
			return nil
		}
		reasons = append(reasons, fmt.Errorf("%s: %w", kind, err))
	}
	return errors.Join(reasons...)
}

// secretOf returns the secret of credentials, "" if they have none.
func (b *MechanismBench) secretOf(ctx context.Context, c *sasl.Credentials) (string, error) {
	type fetched struct {
		secret sasl.Secret
		err    error
	}
	r, err := guarded(ctx, b, "the source of the credentials", func() fetched {
		switch {
		case c.Password != nil:
			secret, err := c.Password(ctx)
			return fetched{secret, err}
		case c.Token != nil:
			token, err := c.Token.Token(ctx, sasl.TokenRequest{
				Username: c.Username, Service: b.conn.Service, Host: b.conn.Host, Port: b.conn.Port,
			})
			return fetched{token.Value, err}
		}
		return fetched{}
	})
	return r.secret.Reveal(), cmpErr(err, r.err)
}

func takenFrom(c *sasl.Credentials) taking {
	switch {
	case c.Password != nil:
		return takesPassword
	case c.Token != nil:
		return takesToken
	case c.External:
		return takesCertificate
	}
	return takesNothing
}

// directory returns the directory of the server.
func (b *MechanismBench) directory() sasl.Directory {
	if b.target.Directory != nil {
		return b.target.Directory
	}
	return b.account()
}

// account returns a directory that has the right credentials.
func (b *MechanismBench) account() *oneAccount {
	d := &oneAccount{user: b.right.Username, acts: b.right.AuthzID, guests: true}
	if d.user == "" {
		d.user = username
	}
	d.secret = sasl.NewSecret(b.secret)
	d.scram = b.stored
	return d
}

// store derives what a server of SCRAM keeps of the password, so that it is not done
// in every exchange. What is not ASCII is left to the server, which may prepare it in
// a way of its own.
func (b *MechanismBench) store(ctx context.Context) error {
	name := b.target.Mechanism.Name
	h := scramHash(name)
	if h == nil || b.takes != takesPassword || b.secret == "" || strings.ContainsFunc(b.secret, notASCII) {
		return nil
	}
	key, err := sasl.NewStoredKey(ctx, h, sasl.NewSecret(b.secret), nil, 0)
	b.stored = map[string]sasl.StoredKey{strings.TrimSuffix(name, plusSuffix): key}
	return err
}

func notASCII(r rune) bool { return r > '~' }

// oneAccount is a directory of one account.
type oneAccount struct {
	user   string
	acts   string // whom it may act as, besides itself
	secret sasl.Secret
	scram  map[string]sasl.StoredKey // what is kept in place of the secret
	guests bool
	block  bool          // until the context ends
	asked  chan struct{} // receives when it is asked, if it is not nil
}

var (
	_ sasl.Directory          = (*oneAccount)(nil)
	_ sasl.ExternalDirectory  = (*oneAccount)(nil)
	_ sasl.AnonymousDirectory = (*oneAccount)(nil)
)

func (d *oneAccount) wait(ctx context.Context) error {
	if d.asked != nil {
		select {
		case d.asked <- struct{}{}:
		default:
		}
	}
	if !d.block {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

// Account implements [sasl.Directory].
func (d *oneAccount) Account(ctx context.Context, name string) (sasl.Account, error) {
	if err := d.wait(ctx); err != nil {
		return sasl.Account{}, err
	}
	if name != d.user {
		return sasl.Account{}, sasl.ErrNoAccount
	}
	return sasl.Account{
		Password: d.secret,
		SCRAM:    d.scram,
		Token: func(_ context.Context, token sasl.Secret) error {
			if d.secret.IsZero() || !token.Equal(d.secret) {
				return &sasl.OAuthError{Status: "invalid_token"}
			}
			return nil
		},
		MayActAs: func(authz string) bool { return authz == d.acts },
	}, nil
}

// External implements [sasl.ExternalDirectory].
func (d *oneAccount) External(ctx context.Context, _ *sasl.Conn) (string, error) {
	if err := d.wait(ctx); err != nil {
		return "", err
	}
	return d.user, nil
}

// Anonymous implements [sasl.AnonymousDirectory].
func (d *oneAccount) Anonymous(ctx context.Context, _ string) (string, error) {
	if err := d.wait(ctx); err != nil {
		return "", err
	}
	if !d.guests {
		return "", sasl.ErrNoAccount
	}
	return d.user, nil
}

// nobody is a directory without accounts.
type nobody struct{}

// Account implements [sasl.Directory].
func (nobody) Account(context.Context, string) (sasl.Account, error) {
	return sasl.Account{}, sasl.ErrNoAccount
}

// External implements [sasl.ExternalDirectory].
func (nobody) External(context.Context, *sasl.Conn) (string, error) { return "", sasl.ErrNoAccount }

// Anonymous implements [sasl.AnonymousDirectory].
func (nobody) Anonymous(context.Context, string) (string, error) { return "", sasl.ErrNoAccount }

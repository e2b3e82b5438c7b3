package sasl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Credentials are what a user has to sign in with. A zero field means "does not
// have it". Secrets are fetched late, at most once per exchange. Credentials may
// be printed and logged; see [Credentials.String].
type Credentials struct {
	// Username is the authentication identity: whose password or mailbox it is.
	Username string

	// AuthzID is the authorization identity, to act as somebody else. Empty
	// means: as Username.
	AuthzID string

	// Password returns the password. Nil means that there is none. A mechanism asks
	// by FetchPassword.
	Password func(context.Context) (Secret, error)

	// Token supplies access tokens. Nil means that there are none.
	Token TokenGenerator

	// External allows EXTERNAL, where the connection has shown a client certificate
	// by which the server knows the user. False means that no certificate signs in.
	External bool

	// Hosts are the only hosts, as named when dialling, that may see these
	// credentials. The case of ASCII letters and a dot at the end do not matter.
	// Empty means any host.
	Hosts []string

	scram scramHints // of the Authenticator, if one runs the exchange
}

// BearerToken fetches the access token for an exchange on conn. A mechanism
// calls it once, in NewClient.
func (c *Credentials) BearerToken(ctx context.Context, conn *Conn) (Token, error) {
	if c.Token == nil {
		return Token{}, errNoToken
	}
	if err := c.validate(); err != nil {
		return Token{}, err
	}
	token, err := c.Token.Token(ctx, TokenRequest{
		Username: c.Username,
		Service:  conn.Service,
		Host:     conn.Host,
		Port:     conn.Port,
	})
	if err != nil {
		return Token{}, err
	}
	return token, checkToken(token.Value.Reveal())
}

// FetchPassword fetches the password for an exchange and checks that it can be
// sent: that it is not empty, valid UTF-8 and without NUL. A mechanism calls it
// once, in NewClient.
func (c *Credentials) FetchPassword(ctx context.Context) (Secret, error) {
	if c.Password == nil {
		return Secret{}, errNoPassword
	}
	if err := c.validate(); err != nil {
		return Secret{}, err
	}
	secret, err := c.Password(ctx)
	if cooling := new(CoolDownError); errors.As(err, &cooling) {
		return Secret{}, err
	}
	if err != nil {
		return Secret{}, fmt.Errorf("sasl: no password: %w", err)
	}
	switch s := secret.Reveal(); {
	case s == "":
		return Secret{}, fmt.Errorf("%w: empty password", ErrBadCredentials)
	case !utf8.ValidString(s):
		return Secret{}, fmt.Errorf("%w: password is not valid UTF-8", ErrBadCredentials)
	case strings.ContainsRune(s, 0):
		return Secret{}, fmt.Errorf("%w: NUL in password", ErrBadCredentials)
	}
	return secret, nil
}

// The reasons that Usable of this package's mechanisms gives, in words for the
// user.
var (
	errNoPassword = errors.New("sasl: no password to sign in with")
	errNoToken    = errors.New("sasl: no token generator to sign in with")
	errNoAuthzID  = errors.New("sasl: it has no place for an authorization identity: leave Credentials.AuthzID empty")
	errNoExternal = errors.New("sasl: Credentials.External is not set: set it to sign in by client certificate")
	errNotGuest   = errors.New("sasl: it is for guests: it runs with empty Credentials alone")
)

// credentialReasons are those of them that hold on any connection.
func credentialReasons() []error {
	return []error{errNoPassword, errNoToken, errNoAuthzID, errNoExternal, errNotGuest}
}

func usableWithPassword(_ *Conn, c *Credentials) error {
	if c.Password == nil {
		return errNoPassword
	}
	return nil
}

func usableWithToken(_ *Conn, c *Credentials) error {
	if c.Token == nil {
		return errNoToken
	}
	return nil
}

// withoutAuthzID narrows usable to credentials that name no authorization
// identity of their own.
func withoutAuthzID(usable func(*Conn, *Credentials) error) func(*Conn, *Credentials) error {
	return func(conn *Conn, c *Credentials) error {
		if c.AuthzID != "" && c.AuthzID != c.Username {
			return errNoAuthzID
		}
		return usable(conn, c)
	}
}

func (c *Credentials) validate() error { return join(c.faults()...) }

// faults returns all that is wrong with the credentials.
func (c *Credentials) faults() []error {
	var errs []error
	if c.Password != nil && c.Token != nil {
		errs = append(errs, ErrAmbiguousCredentials)
	}
	if f, ok := c.Token.(tokenString); ok && f == nil {
		errs = append(errs, errNilTokenString)
	}
	if c.Username == "" && (c.Password != nil || c.Token != nil) {
		errs = append(errs, fmt.Errorf("%w: no user name", ErrBadCredentials))
	}
	if err := checkIdentity("user name", c.Username); err != nil {
		errs = append(errs, err)
	}
	if err := checkIdentity("authorization identity", c.AuthzID); err != nil {
		errs = append(errs, err)
	}
	if slices.Contains(c.Hosts, "") {
		errs = append(errs, fmt.Errorf("%w: empty name in Hosts", ErrBadCredentials))
	}
	return errs
}

// allowed reports whether host may see the credentials.
func (c *Credentials) allowed(host string) bool {
	return len(c.Hosts) == 0 || slices.ContainsFunc(c.Hosts, func(h string) bool {
		return sameHost(h, host)
	})
}

// sameHost compares names of hosts: without regard to the case of ASCII letters and
// to the dot that may end a name.
func sameHost(a, b string) bool {
	return foldEqual(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}

// checkIdentity refuses names that could end a field or a line. The error names
// the field, not its value.
func checkIdentity(field, s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: %s is not valid UTF-8", ErrBadCredentials, field)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("%w: control character in %s", ErrBadCredentials, field)
	}
	return nil
}

// checkToken refuses what cannot be an access token: RFC 6750, Section 2.1
// allows fewer characters still, but providers decide what they issue.
func checkToken(s string) error {
	if s == "" {
		return fmt.Errorf("%w: empty access token", ErrBadCredentials)
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return fmt.Errorf("%w: access token holds a space, a control character or one outside ASCII", ErrBadCredentials)
		}
	}
	return nil
}

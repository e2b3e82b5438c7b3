package mock

import (
	"context"
	"slices"

	"github.com/seed-55a66e92/postern/sasl"
)

// directory returns the accounts for one exchange.
func (s *Server) directory(mechanism string) sasl.Directory {
	if s.opts.Directory != nil {
		return s.opts.Directory
	}
	return accounts{s.opts, mechanism}
}

// accounts is the directory that Options.Users and Options.Tokens make.
type accounts struct {
	opts      *Options
	mechanism string
}

// Account implements [sasl.Directory]. To a mechanism that takes tokens, any name
// is an account: only the checker knows who has tokens, and a user that does not
// exist is refused as a bad token is, so that nobody can find out who does.
func (a accounts) Account(_ context.Context, username string) (sasl.Account, error) {
	password, known := a.opts.Users[username]
	if !known && !takesTokens(a.mechanism) {
		return sasl.Account{}, sasl.ErrNoAccount
	}
	account := sasl.Account{Password: sasl.NewSecret(password)}
	account.Token = func(ctx context.Context, token sasl.Secret) error {
		if a.opts.Tokens == nil {
			return GenericOAuth.refuse(a.mechanism, unknownToken, GenericOAuth.scope(), "")
		}
		return a.opts.Tokens.CheckToken(ctx, TokenCheck{a.mechanism, username, token})
	}
	return account, nil
}

// External implements [sasl.ExternalDirectory]: the certificate is of the user
// whose address of mail it holds, or whose name is its common name.
func (a accounts) External(_ context.Context, c *sasl.Conn) (string, error) {
	if c.TLS == nil || len(c.TLS.PeerCertificates) == 0 {
		return "", sasl.ErrNoAccount
	}
	cert := c.TLS.PeerCertificates[0]
	for _, name := range append(slices.Clone(cert.EmailAddresses), cert.Subject.CommonName) {
		if _, known := a.opts.Users[name]; known {
			return name, nil
		}
	}
	return "", sasl.ErrNoAccount
}

// guest is who ANONYMOUS signs in.
const guest = "anonymous"

// Anonymous implements [sasl.AnonymousDirectory]. The mechanism runs where
// Options.Mechanisms names it, and then anybody may use it.
func (accounts) Anonymous(context.Context, string) (string, error) { return guest, nil }

var (
	_ sasl.ExternalDirectory  = accounts{}
	_ sasl.AnonymousDirectory = accounts{}
)

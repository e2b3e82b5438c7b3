package google

import (
	"context"

	"golang.org/x/oauth2/google"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// KeylessOptions are what is seldom needed. The zero value is right for
// production.
type KeylessOptions struct {
	Options

	// Delegates are service accounts between the Base and the one that signs: the
	// Base may create tokens for the first, each for the next, and the last for the
	// one that signs. None means that the Base may do so itself.
	Delegates []string
}

// Keyless returns a [Delegation] of a service account that has no key in your
// hands: Google signs for whoever may create tokens of it, and base says who you
// are. It makes no request yet; the error is for arguments that cannot work, and
// a *[providers.Error] of kind Misconfigured.
//
// An empty serviceAccount means the one that base is, as on a machine of Google
// Cloud. It needs the role roles/iam.serviceAccountTokenCreator on itself, which
// it does not have by default, the service iamcredentials.googleapis.com has to
// be enabled, and the Workspace has to delegate to it, as [ServiceAccountKey]
// says.
func Keyless(serviceAccount string, base Base, o KeylessOptions) (*Delegation, error) {
	i, err := newIAM(o.Options)
	if err != nil {
		return nil, err
	}
	tokenURL, err := o.tokenURL()
	if err != nil {
		return nil, err
	}
	if err := checkChain(serviceAccount, base, o.Delegates); err != nil {
		return nil, err
	}
	delegates := append([]string(nil), o.Delegates...)
	account := func(ctx context.Context) (string, error) {
		if serviceAccount != "" {
			return serviceAccount, nil
		}
		name, err := base.serviceAccount(ctx)
		switch {
		case err != nil:
			return "", err
		case !isAddress(name):
			return "", misconfigured("the credentials do not tell which service account is to sign: name it")
		}
		return name, nil
	}
	sign := func(ctx context.Context, claims []byte) (sasl.Secret, error) {
		name, err := account(ctx)
		if err != nil {
			return sasl.Secret{}, err
		}
		return i.signJWT(ctx, base, name, delegates, claims)
	}
	return newDelegation(&delegate{
		account: account, sign: sign,
		asserter: &asserter{tokenURL, google.Endpoint.TokenURL, providers.HTTPClient(o.HTTPClient)},
	}, o.Options)
}

package microsoft

import (
	"context"
	"errors"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// A Credential is what an application proves itself by: [Secret], [SecretFunc],
// [Certificate], [Assertion], [WorkloadIdentity] or [FederatedIdentity]. The zero
// Credential is none.
type Credential struct {
	prepare func(*settings) (prover, error)
}

// Secret is a client secret: its value, and not its id.
func Secret(secret sasl.Secret) Credential {
	return Credential{func(*settings) (prover, error) {
		if err := checkSecret(secret); err != nil {
			return nil, err
		}
		return bySecret(func(context.Context) (sasl.Secret, error) { return secret, nil }), nil
	}}
}

// SecretFunc is a client secret that may change while the program runs: secret is
// asked before every request to Entra, once an hour or so, and must be safe for
// concurrent use.
func SecretFunc(secret func(context.Context) (sasl.Secret, error)) Credential {
	return Credential{func(*settings) (prover, error) {
		if secret == nil {
			return nil, misconfigured("the function that returns the client secret is nil")
		}
		return bySecret(secret), nil
	}}
}

func bySecret(secret func(context.Context) (sasl.Secret, error)) prover {
	return func(ctx context.Context) (confidential.Credential, sasl.Secret, error) {
		value, err := secret(ctx)
		if err == nil {
			err = checkSecret(value)
		}
		if err != nil {
			return confidential.Credential{}, sasl.Secret{}, unavailable("the client secret cannot be had", err)
		}
		credential, err := confidential.NewCredFromSecret(value.Reveal())
		if err != nil {
			return credential, value, misconfigured("MSAL does not take the client secret")
		}
		return credential, value, nil
	}
}

func checkSecret(secret sasl.Secret) error {
	switch {
	case secret.IsZero():
		return misconfigured("the client secret is empty")
	case uuid.MatchString(secret.Reveal()):
		return misconfigured("the client secret is a UUID, as the id of a secret is: use its value, which is shown once, when the secret is made")
	}
	return nil
}

// Assertion is a JWT that somebody else has issued and that the app registration
// trusts, as a federated credential or by a certificate whose key is elsewhere.
// assertion is asked before every request to Entra and must be safe for concurrent
// use.
func Assertion(assertion func(context.Context) (sasl.Secret, error)) Credential {
	return Credential{func(*settings) (prover, error) {
		if assertion == nil {
			return nil, misconfigured("the function that returns the assertion is nil")
		}
		return byAssertion(assertion), nil
	}}
}

func byAssertion(assertion func(context.Context) (sasl.Secret, error)) prover {
	credential := confidential.NewCredFromAssertionCallback(func(ctx context.Context, _ confidential.AssertionRequestOptions) (string, error) {
		value, err := assertion(ctx)
		switch {
		case err != nil:
			return "", unavailable("the assertion of the application cannot be had", err)
		case value.IsZero():
			return "", misconfigured("the assertion of the application is empty")
		}
		c := callOf(ctx)
		c.secrets = append(c.secrets, value)
		return value.Reveal(), nil
	})
	return func(context.Context) (confidential.Credential, sasl.Secret, error) {
		return credential, sasl.Secret{}, nil
	}
}

// unavailable is the error for what the program itself could not provide. One that
// says who can mend it stays as it is.
func unavailable(description string, err error) error {
	var own *providers.Error
	if errors.As(err, &own) {
		return err
	}
	return &providers.Error{Kind: providers.Transient, Provider: provider, Description: description, Err: err}
}

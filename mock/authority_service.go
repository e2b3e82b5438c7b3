package mock

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/seed-55a66e92/postern/sasl"
)

// A ServiceAccount is an identity that programs have at Google.
type ServiceAccount struct {
	// Email names it, such as "mailer@mock-project.iam.gserviceaccount.com".
	Email string

	// Delegated are the scopes that the administrator of a domain lets it have in
	// the names of users: domain-wide delegation. Zero means none.
	Delegated []string

	// TokenCreators are who may sign and have tokens in its name, by the role
	// roles/iam.serviceAccountTokenCreator: email addresses of service accounts and
	// of users, and what [WorkloadPrincipal] returns. The account itself is not
	// among them unless it is listed. Zero means nobody.
	TokenCreators []string
}

// maxKeys is how many keys a service account may have.
const maxKeys = 10

// ServiceAccountKey returns a new key of a service account: the file in JSON that
// Google has for download, with token_uri as given, or TokenURL of an authority
// of Google's if it is empty. An account has 10 keys at most.
func (a *Authority) ServiceAccountKey(email, tokenURI string) (sasl.Secret, error) {
	key, err := newRSAKey()
	if err != nil {
		return sasl.Secret{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return sasl.Secret{}, fmt.Errorf("mock: key of a service account: %w", err)
	}
	if tokenURI == "" {
		tokenURI = a.URL() + "/token"
	}
	file, err := json.MarshalIndent(map[string]string{
		"type":                        "service_account",
		"project_id":                  a.project(),
		"private_key_id":              keyID(&key.PublicKey),
		"private_key":                 string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email":                email,
		"client_id":                   "123456789012345678901",
		"auth_uri":                    "https://accounts.google.com/o/oauth2/auth",
		"token_uri":                   tokenURI,
		"auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
		"universe_domain":             "googleapis.com",
	}, "", "  ")
	if err != nil {
		return sasl.Secret{}, fmt.Errorf("mock: key of a service account: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.serviceAccount(email) == nil:
		return sasl.Secret{}, fmt.Errorf("mock: no service account %q; list it in AuthorityOptions.ServiceAccounts", email)
	case len(a.keysOf[email]) == maxKeys:
		return sasl.Secret{}, fmt.Errorf("mock: the service account has %d keys already", maxKeys)
	case len(a.keysOf) > maxBegun:
		return sasl.Secret{}, errors.New("mock: too many service accounts have keys")
	}
	a.keysOf[email] = append(a.keysOf[email], &key.PublicKey)
	return sasl.NewSecret(string(file)), nil
}

// DeleteServiceAccountKeys makes all keys of a service account useless that
// ServiceAccountKey returned.
func (a *Authority) DeleteServiceAccountKeys(email string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.keysOf, email)
}

// systemKey signs for service accounts at their request, one a process.
var systemKey = sync.OnceValues(newRSAKey)

// verifiesFor reports whether a service account has signed an assertion.
func (a *Authority) verifiesFor(email string, as *assertion) bool {
	keys := a.keysOf[email]
	if key, err := systemKey(); err == nil {
		keys = append([]*rsa.PublicKey{&key.PublicKey}, keys...)
	}
	return slices.ContainsFunc(keys, func(key *rsa.PublicKey) bool {
		return (as.header.Kid == "" || as.header.Kid == keyID(key)) && as.header.Alg == "RS256" && as.signedBy(key)
	})
}

// serviceAccount returns an account, nil if there is none. Where none are listed,
// every one there may be may do everything.
func (a *Authority) serviceAccount(email string) *ServiceAccount {
	if a.opts.ServiceAccounts == nil && strings.HasSuffix(email, ".gserviceaccount.com") {
		return &ServiceAccount{Email: email}
	}
	for i, account := range a.opts.ServiceAccounts {
		if account.Email == email {
			return &a.opts.ServiceAccounts[i]
		}
	}
	return nil
}

// mayHave reports whether it may have scopes in the names of users.
func (a *Authority) mayHave(account *ServiceAccount, scopes []string) bool {
	return a.opts.ServiceAccounts == nil ||
		!slices.ContainsFunc(scopes, func(scope string) bool { return !slices.Contains(account.Delegated, scope) })
}

// mayActFor reports whether a caller may sign and have tokens in an account's name.
func (a *Authority) mayActFor(caller string, account *ServiceAccount) bool {
	return a.opts.ServiceAccounts == nil || slices.Contains(account.TokenCreators, caller)
}

func (a *Authority) project() string {
	if a.opts.Machine.Project != "" {
		return a.opts.Machine.Project
	}
	return "mock-project"
}

package microsoft

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// Certificate is a certificate whose public part was uploaded to the app
// registration, with its RSA key: both in PEM, in any order, the key without a
// password. What has expired, or is of no use for another reason, is an error when
// the generator is made.
func Certificate(file []byte) Credential {
	return Credential{func(*settings) (prover, error) {
		credential, err := readCertificate(file)
		if err != nil {
			return nil, err
		}
		return func(context.Context) (confidential.Credential, sasl.Secret, error) {
			return credential, sasl.Secret{}, nil
		}, nil
	}}
}

// readCertificate has MSAL read a file. Its texts may hold parts of the file and
// are not passed on.
func readCertificate(file []byte) (confidential.Credential, error) {
	const form = "the certificate is one file in PEM: the certificate (BEGIN CERTIFICATE) and its RSA key (BEGIN PRIVATE KEY) without a password"
	refuse := func(description string) (confidential.Credential, error) {
		return confidential.Credential{}, &providers.Error{Kind: providers.Misconfigured, Provider: provider, Description: description, Hint: form}
	}
	found := blocks(file)
	switch {
	case found.encrypted:
		return refuse("the key of the certificate is encrypted")
	case found.certificates == 0:
		return refuse("there is no certificate in the PEM file")
	case found.keys == 0:
		return refuse("there is no private key for the certificate")
	}
	certificates, key, err := confidential.CertFromPEM(file, "")
	if err != nil {
		return refuse("the PEM file of the certificate cannot be read")
	}
	credential, err := confidential.NewCredFromCert(certificates, key)
	if err != nil {
		return refuse("the private key is not the RSA key of the certificate")
	}
	return credential, checkValidity(certificates, key)
}

// checkValidity looks at the certificate of the key. The others are its issuers.
func checkValidity(certificates []*x509.Certificate, key any) error {
	signer, ok := key.(interface{ Public() crypto.PublicKey })
	if !ok {
		return nil
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return nil
	}
	now := time.Now()
	for _, c := range certificates {
		switch {
		case !public.Equal(c.PublicKey):
		case now.After(c.NotAfter):
			return misconfigured("the certificate has expired on " + c.NotAfter.UTC().Format(time.DateOnly) + ": make another and upload it to the app registration")
		case now.Before(c.NotBefore):
			return misconfigured("the certificate is not good before " + c.NotBefore.UTC().Format(time.RFC3339) + ": see to the clock of this machine")
		}
	}
	return nil
}

// A content is what a PEM file has in it.
type content struct {
	certificates, keys int
	encrypted          bool
}

func blocks(text []byte) (c content) {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return c
		}
		_, legacy := block.Headers["DEK-Info"]
		switch block.Type {
		case "CERTIFICATE":
			c.certificates++
		case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
			c.keys++
		case "ENCRYPTED PRIVATE KEY":
			legacy = true
		}
		c.encrypted = c.encrypted || legacy
	}
}

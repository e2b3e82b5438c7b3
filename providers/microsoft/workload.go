package microsoft

import (
	"cmp"
	"context"
	"io"
	"os"
	"strings"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// WorkloadIdentity is the identity that a cluster gives to a workload: a file, named
// by the environment variable AZURE_FEDERATED_TOKEN_FILE, that the cluster replaces
// now and then and that is read before every request. What is empty in Options comes
// from AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_AUTHORITY_HOST, as the webhook of
// Azure Kubernetes Service sets them.
func WorkloadIdentity() Credential {
	return Credential{func(s *settings) (prover, error) {
		const variable = "AZURE_FEDERATED_TOKEN_FILE"
		file := os.Getenv(variable)
		if file == "" {
			return nil, &providers.Error{
				Kind: providers.Misconfigured, Provider: provider, Description: "the environment variable " + variable + " is not set",
				Hint: "see whether the pod has the label azure.workload.identity/use and a service account with a client id",
			}
		}
		s.ClientID = cmp.Or(s.ClientID, os.Getenv("AZURE_CLIENT_ID"))
		s.Tenant = cmp.Or(s.Tenant, os.Getenv("AZURE_TENANT_ID"))
		if s.Cloud == Worldwide {
			s.Authority = cmp.Or(s.Authority, os.Getenv("AZURE_AUTHORITY_HOST"))
		}
		return byAssertion(func(context.Context) (sasl.Secret, error) { return readToken(file) }), nil
	}}
}

// maxTokenFile is the longest file that is read, in octets.
const maxTokenFile = 64 << 10

func readToken(file string) (sasl.Secret, error) {
	refuse := func(err error) (sasl.Secret, error) {
		return sasl.Secret{}, &providers.Error{
			Kind: providers.Misconfigured, Provider: provider, Description: "the token of the workload cannot be read", Err: err,
			Hint: "see to the file that AZURE_FEDERATED_TOKEN_FILE names",
		}
	}
	f, err := os.Open(file)
	if err != nil {
		return refuse(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxTokenFile))
	if err != nil {
		return refuse(err)
	}
	return sasl.NewSecret(strings.TrimSpace(string(text))), nil
}

package microsoft_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"testing"
)

// TestMain closes the ways out: a request that was not given a client of the test
// fails, and no name is looked up. It also keeps MSAL from taking a region or a
// managed identity from the environment.
func TestMain(m *testing.M) {
	http.DefaultTransport = noNetwork{}
	net.DefaultResolver = &net.Resolver{
		PreferGo: true,
		Dial:     func(context.Context, string, string) (net.Conn, error) { return nil, errNoNetwork },
	}
	for _, name := range []string{
		"MSAL_FORCE_REGION", "REGION_NAME", "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT", "MSI_ENDPOINT", "MSI_SECRET",
		"IMDS_ENDPOINT", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_AUTHORITY_HOST",
	} {
		os.Unsetenv(name)
	}
	os.Exit(m.Run())
}

type noNetwork struct{}

var errNoNetwork = errors.New("a test may not leave the machine")

func (noNetwork) RoundTrip(*http.Request) (*http.Response, error) { return nil, errNoNetwork }

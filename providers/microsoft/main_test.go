package microsoft_test

import (
	"errors"
	"net/http"
	"os"
	"testing"
)

// TestMain closes the way out: a request that was not given a client of the test
// fails. It also keeps MSAL from taking a region from the environment.
func TestMain(m *testing.M) {
	http.DefaultTransport = noNetwork{}
	os.Unsetenv("MSAL_FORCE_REGION")
	os.Exit(m.Run())
}

type noNetwork struct{}

var errNoNetwork = errors.New("a test may not leave the machine")

func (noNetwork) RoundTrip(*http.Request) (*http.Response, error) { return nil, errNoNetwork }

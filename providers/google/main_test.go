package google_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"testing"
)

// TestMain closes the ways out: a request that was not given a client of the test
// fails, no name is looked up, and the metadata server is where nobody listens.
func TestMain(m *testing.M) {
	http.DefaultTransport = noNetwork{}
	net.DefaultResolver = &net.Resolver{
		PreferGo: true,
		Dial:     func(context.Context, string, string) (net.Conn, error) { return nil, errNoNetwork },
	}
	os.Setenv("GCE_METADATA_HOST", "127.0.0.1:1")
	os.Setenv("GOOGLE_APPLICATION_CREDENTIALS", os.DevNull+"/none")
	os.Exit(m.Run())
}

type noNetwork struct{}

var errNoNetwork = errors.New("a test may not leave the machine")

func (noNetwork) RoundTrip(*http.Request) (*http.Response, error) { return nil, errNoNetwork }

// silent is a log that nobody reads.
func silent() *log.Logger { return log.New(io.Discard, "", 0) }

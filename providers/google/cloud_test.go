package google_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/seed-55a66e92/postern/providers/google"
	"github.com/seed-55a66e92/postern/sasl"
)

// Where things are in a cloud.
const (
	atToken    = "POST https://oauth2.googleapis.com/token"
	atSign     = "POST https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/" + account + ":signJwt"
	atStandIn  = "POST https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/" + account + ":generateAccessToken"
	atExchange = "POST https://sts.googleapis.com/v1/token"
	atMetadata = "GET http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token"
	atEmail    = "GET http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/email"
)

// A cloud answers for hosts of Google and of others without a network, as it is
// told for each method and URL, and keeps the requests.
type cloud struct {
	answers map[string]http.HandlerFunc

	mu       sync.Mutex
	requests []cloudRequest
}

type cloudRequest struct {
	where  string // method and URL without its query
	query  string
	header http.Header
	body   string
}

func (c *cloud) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	where := r.Method + " " + r.URL.Scheme + "://" + r.URL.Host + r.URL.EscapedPath()
	c.mu.Lock()
	c.requests = append(c.requests, cloudRequest{where, r.URL.RawQuery, r.Header.Clone(), string(body)})
	answer := c.answers[where]
	c.mu.Unlock()
	if answer == nil {
		return nil, errNoNetwork
	}
	w := httptest.NewRecorder()
	answer(w, r)
	result := w.Result()
	result.Request = r
	return result, nil
}

func (c *cloud) client() *http.Client { return &http.Client{Transport: c} }

// set changes an answer.
func (c *cloud) set(where string, answer http.HandlerFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers[where] = answer
}

// at returns the requests to one place.
func (c *cloud) at(where string) (all []cloudRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.requests {
		if r.where == where {
			all = append(all, r)
		}
	}
	return all
}

const (
	leakedBase = "ya29.leaked-base"
	leakedJWT  = "eyJhbGciOiJSUzI1NiJ9.leaked-jwt.leaked"
)

// startCloud returns a cloud in which all goes well.
func startCloud() *cloud {
	base := `{"access_token":"` + leakedBase + `","expires_in":3599,"token_type":"Bearer"}`
	return &cloud{answers: map[string]http.HandlerFunc{
		atToken: answers(200, goodToken),
		atSign:  answers(200, `{"keyId":"k","signedJwt":"`+leakedJWT+`"}`),
		atStandIn: answers(200,
			`{"accessToken":"`+leakedBase+`-of-account","expireTime":"2100-01-01T00:00:00Z"}`),
		atExchange: answers(200, `{"access_token":"`+leakedBase+
			`-exchanged","issued_token_type":"urn:ietf:params:oauth:token-type:access_token","token_type":"Bearer","expires_in":3600}`),
		atMetadata: answers(200, base),
		atEmail:    func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, account+"\n") },
	}}
}

// machineBase is the Base of a machine in c, wherever the environment says that
// the metadata server is.
func machineBase(t *testing.T, c *cloud) google.Base {
	t.Helper()
	t.Setenv("GCE_METADATA_HOST", "169.254.169.254") // nothing gets there: see cloud
	return google.MetadataBase(google.MetadataOptions{HTTPClient: c.client()})
}

// metadataServer is one on loopback that answers as c does, for what cannot be
// given a client.
func metadataServer(t *testing.T, c *cloud) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" { // somebody wants to know whether it is there
			w.Header().Set("Metadata-Flavor", "Google")
			return
		}
		r.URL.Scheme, r.URL.Host = "http", "169.254.169.254"
		reply, err := c.RoundTrip(r)
		if err != nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.WriteHeader(reply.StatusCode)
		io.Copy(w, reply.Body)
	}))
	t.Cleanup(server.Close)
	t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(server.URL, "http://"))
}

// inTurn returns a handler that gives one body after another.
func inTurn(bodies ...string) http.HandlerFunc {
	next := 0
	return func(w http.ResponseWriter, r *http.Request) {
		answers(200, bodies[min(next, len(bodies)-1)])(w, r)
		next++
	}
}

// keyless returns a Delegation over a Base of c.
func keyless(t *testing.T, c *cloud, name string, base google.Base, delegates ...string) *google.Delegation {
	t.Helper()
	d, err := google.Keyless(name, base, google.KeylessOptions{
		Options: google.Options{HTTPClient: c.client()}, Delegates: delegates,
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var forEmployee = sasl.TokenRequest{Username: employee}

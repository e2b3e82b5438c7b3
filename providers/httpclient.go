package providers

import (
	"io"
	"net/http"
)

// maxAnswer is how much of an authority's answer is read, in octets.
const maxAnswer = 1 << 20

// HTTPClient returns a copy of c that is fit to talk to an authority; nil stands
// for the zero http.Client. It follows no redirect, for the credentials in a
// request would go wherever the redirect says, and it reads no more than 1 MiB
// of an answer. Its requests are bounded by their contexts.
func HTTPClient(c *http.Client) *http.Client {
	var safe http.Client
	if c != nil {
		safe = *c
	}
	safe.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	safe.Transport = boundedTransport{safe.Transport}
	return &safe
}

// A boundedTransport bounds the answers of another transport; nil stands for
// http.DefaultTransport.
type boundedTransport struct{ base http.RoundTripper }

func (t boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	base := t.base
	if base == nil {
		base = http.DefaultTransport
	}
	answer, err := base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	// http.Client looks at this before it asks whether to follow, and its error
	// would quote what it cannot read.
	answer.Header.Del("Location")
	answer.Body = boundedBody{io.LimitReader(answer.Body, maxAnswer), answer.Body}
	return answer, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections through.
func (t boundedTransport) CloseIdleConnections() {
	(&http.Client{Transport: t.base}).CloseIdleConnections()
}

type boundedBody struct {
	io.Reader
	io.Closer
}

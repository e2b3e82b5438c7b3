package generic

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/big"
	"mime"
	"net/http"
	"strings"

	"golang.org/x/oauth2"

	"github.com/seed-55a66e92/postern/providers"
)

// bound returns a context for x/oauth2 whose requests end with ctx, all of them,
// and whose answers are read as the standard has them.
func (s *session) bound(ctx context.Context) context.Context {
	c := providers.HTTPClient(s.http)
	c.Transport = &answerTransport{base: c.Transport, ctx: ctx}
	return context.WithValue(ctx, oauth2.HTTPClient, c)
}

// An answerTransport sends the requests of one call. Some authorities send JSON
// under another media type, or a lifetime with a fraction, both of which x/oauth2
// would not understand.
type answerTransport struct {
	base http.RoundTripper
	ctx  context.Context
}

// RoundTrip sends a request that ends with the context of the call.
func (t *answerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.base.RoundTrip(r.WithContext(t.ctx))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body) // bounded by providers.HTTPClient
	answer.Body.Close()
	if err != nil {
		return nil, err
	}
	if fields := jsonObject(body); fields != nil {
		if media, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); media != "application/json" {
			answer.Header.Set("Content-Type", "application/json")
		}
		if whole, ok := wholeLifetime(fields); ok {
			body = whole
		}
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	answer.ContentLength = int64(len(body))
	return answer, nil
}

// jsonObject returns the members of an object, nil if body is none.
func jsonObject(body []byte) map[string]json.RawMessage {
	if !bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		return nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return nil
	}
	return fields
}

// wholeLifetime returns the object with expires_in, in seconds, cut to an integer
// if it is another number, or a string that holds one.
func wholeLifetime(fields map[string]json.RawMessage) ([]byte, bool) {
	text := strings.Trim(string(fields["expires_in"]), `"`)
	if !strings.ContainsAny(text, ".eE") || len(text) > 20 {
		return nil, false
	}
	number, ok := new(big.Float).SetString(text)
	if !ok {
		return nil, false
	}
	seconds, _ := number.Int64() // out of range: the nearest there is
	fields["expires_in"], _ = json.Marshal(seconds)
	body, err := json.Marshal(fields)
	return body, err == nil
}

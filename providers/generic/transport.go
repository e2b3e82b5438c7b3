package generic

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/seed-55a66e92/postern/providers"
)

// requestTimeout bounds a request of which no Cache takes care.
const requestTimeout = 20 * time.Second

var errSilent = fmt.Errorf("no answer within %v", requestTimeout)

// bound returns a context for x/oauth2 whose requests end with ctx, all of them,
// and whose answers are read as the standard has them.
func (s *session) bound(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, s.httpClient(ctx))
}

func (s *session) httpClient(ctx context.Context) *http.Client {
	c := providers.HTTPClient(s.http)
	c.Transport = &answerTransport{base: c.Transport, ctx: ctx, limit: s.limit}
	return c
}

// An answerTransport sends the requests of one call. Some authorities send JSON
// under another media type, or a lifetime with a fraction, both of which x/oauth2
// would not understand.
type answerTransport struct {
	base  http.RoundTripper
	ctx   context.Context
	limit time.Duration // 0: none
}

// RoundTrip sends a request that ends with the context of the call, with its own,
// or with the limit. The error is then that of the context, or errSilent.
func (t *answerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer context.AfterFunc(t.ctx, func() { cancel(t.ctx.Err()) })()
	if t.limit > 0 {
		defer time.AfterFunc(t.limit, func() { cancel(errSilent) }).Stop()
	}
	answer, body, err := t.exchange(r.WithContext(ctx))
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return nil, cause
	} else if err != nil {
		return nil, err
	}
	if fields := jsonObject(body); fields != nil {
		if media, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); media != "application/json" {
			answer.Header.Set("Content-Type", "application/json")
		}
		if whole, ok := wholeSeconds(fields); ok {
			body = whole
		}
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	answer.ContentLength = int64(len(body))
	return answer, nil
}

// exchange sends a request and reads the answer, which providers.HTTPClient bounds.
func (t *answerTransport) exchange(r *http.Request) (*http.Response, []byte, error) {
	answer, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer, body, err
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

// wholeSeconds returns the object with its times, in seconds, cut to integers, if
// one of them is another number or a string that holds one.
func wholeSeconds(fields map[string]json.RawMessage) (body []byte, changed bool) {
	for _, name := range []string{"expires_in", "interval"} {
		if whole, ok := wholeNumber(string(fields[name])); ok {
			fields[name], changed = whole, true
		}
	}
	if !changed {
		return nil, false
	}
	body, err := json.Marshal(fields)
	return body, err == nil
}

// wholeNumber returns the integer part of a number, or of one in a string. It
// reports false for what is an integer already or no number at all.
func wholeNumber(text string) (json.RawMessage, bool) {
	digits := strings.Trim(text, `"`)
	if len(digits) > maxDigits || digits == text && !strings.ContainsAny(text, ".eE") {
		return nil, false
	}
	number, err := strconv.ParseFloat(digits, 64)
	if err != nil || math.IsNaN(number) || strings.ContainsAny(digits, "xXpP_") {
		return nil, false
	}
	return strconv.AppendInt(nil, int64(max(min(number, maxSeconds), -maxSeconds)), 10), true
}

// Bounds of a number of seconds: what x/oauth2 can hold, which is 68 years, and
// how long its text may be.
const (
	maxSeconds = math.MaxInt32
	maxDigits  = 40
)

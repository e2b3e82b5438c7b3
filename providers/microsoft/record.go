package microsoft

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/seed-55a66e92/postern/providers"
)

// A record is the last answer that a request to MSAL got from the network. MSAL
// reports a refusal as text, in which the whole answer is quoted, secrets
// included; what is needed is taken from the answer itself.
type record struct {
	status     int // 0: there was no answer
	retryAfter time.Duration
	refusal    refusal
}

// A refusal is an error answer of Entra.
type refusal struct {
	Code          string  `json:"error"`
	Description   string  `json:"error_description"`
	Numbers       []int64 `json:"error_codes"` // AADSTS numbers
	CorrelationID string  `json:"correlation_id"`
}

type recordKey struct{}

// withRecord returns a context whose requests leave their answers in the record.
func withRecord(ctx context.Context) (context.Context, *record) {
	r := new(record)
	return context.WithValue(ctx, recordKey{}, r), r
}

// A recorder is the HTTP client that MSAL is given.
type recorder struct {
	client *http.Client
}

// Do sends a request and records its answer.
func (c *recorder) Do(r *http.Request) (*http.Response, error) {
	answer, err := c.client.Do(r)
	last, recorded := r.Context().Value(recordKey{}).(*record)
	if err != nil || !recorded {
		return answer, err
	}
	*last = record{
		status:     answer.StatusCode,
		retryAfter: providers.RetryAfter(answer.Header.Get("Retry-After")),
	}
	if answer.StatusCode < 300 {
		return answer, nil
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil {
		return nil, err
	}
	_ = json.Unmarshal(body, &last.refusal) // what is not JSON is no refusal of Entra
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}

// CloseIdleConnections closes what is not in use.
func (c *recorder) CloseIdleConnections() { c.client.CloseIdleConnections() }

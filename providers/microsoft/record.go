package microsoft

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// A record is the last answer that a call of MSAL got from the network. MSAL
// reports a refusal as text, in which the whole answer is quoted, secrets
// included, and often has read the answer to its end; what is needed is taken from
// the answer itself.
type record struct {
	status     int // 0: there was no answer
	retryAfter time.Duration
	refusal    refusal
}

// A refusal is an error answer of Entra, or of the endpoint of a managed identity.
type refusal struct {
	Code          string  `json:"error"`
	Sub           string  `json:"suberror"`
	Description   string  `json:"error_description"`
	Message       string  `json:"message"`     // of App Service
	Numbers       []int64 `json:"error_codes"` // AADSTS numbers
	CorrelationID string  `json:"correlation_id"`
	Claims        string  `json:"claims"` // what a sign-in has to ask for
}

var aadsts = regexp.MustCompile(`AADSTS([0-9]{4,10})`)

// has reports whether a refusal has one of the numbers. In a redirect they are in
// the text alone.
func (r *refusal) has(numbers []int64) bool {
	all := r.Numbers
	for _, match := range aadsts.FindAllStringSubmatch(r.Description, 4) {
		if n, err := strconv.ParseInt(match[1], 10, 64); err == nil && len(r.Numbers) == 0 {
			all = append(all, n)
		}
	}
	return slices.ContainsFunc(numbers, func(n int64) bool { return slices.Contains(all, n) })
}

// A recorder is the HTTP client that MSAL is given.
type recorder struct {
	plain  *http.Client // as the program has it
	client *http.Client
}

func newRecorder(c *http.Client) *recorder { return &recorder{c, providers.HTTPClient(c)} }

// Do sends a request and records its answer.
func (c *recorder) Do(r *http.Request) (*http.Response, error) {
	call := callOf(r.Context())
	if err := call.pace.wait(r.Context()); err != nil {
		return nil, err
	}
	call.record = record{}
	for _, name := range []string{"X-Identity-Header", "Secret"} { // those of App Service, Machine Learning and Service Fabric
		if value := r.Header.Get(name); value != "" {
			call.secrets = append(call.secrets, sasl.NewSecret(value))
		}
	}
	answer, err := c.client.Do(r)
	if err != nil {
		return answer, err
	}
	last := record{
		status:     answer.StatusCode,
		retryAfter: providers.RetryAfter(answer.Header.Get("Retry-After")),
	}
	defer func() { call.record = last; call.pace.note(&last) }()
	if answer.StatusCode < 300 {
		return answer, nil
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil {
		return nil, err
	}
	_ = json.Unmarshal(body, &last.refusal) // what is not JSON is no refusal of Entra
	last.refusal.Description = cmp.Or(last.refusal.Description, last.refusal.Message)
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}

// CloseIdleConnections closes what is not in use.
func (c *recorder) CloseIdleConnections() { c.client.CloseIdleConnections() }

// ConfigureClient lets MSAL pin the certificate that a Service Fabric cluster has
// for its managed identities.
func (c *recorder) ConfigureClient(augment func(*http.Client) (*http.Client, error)) error {
	plain := c.plain
	if plain == nil {
		plain = new(http.Client)
	}
	pinned, err := augment(plain)
	if err == nil {
		c.client = providers.HTTPClient(pinned)
	}
	return err
}

package google

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"github.com/seed-55a66e92/postern/providers"
)

const stsURL = "https://sts.googleapis.com/v1/token"

// ExternalAccountBase returns a [Base] that is a workload of another cloud, or of
// anything that issues tokens (workload identity federation): GitHub, Kubernetes,
// AWS, Azure. file is the configuration that gcloud writes, JSON of type
// external_account, with or without a service account to stand for.
//
// The token_url and service_account_impersonation_url in the file must be
// Google's. Where it gets the token of the other cloud, and by which program, is
// for the file to say, so take it from whom you would take a program.
//
// A program that gets the token of the other cloud itself makes a source of x/oauth2
// with it, by package google/externalaccount, and gives that to [TokenSourceBase].
func ExternalAccountBase(file []byte, o Options) (Base, error) {
	f, err := parseCredentials(file)
	if err != nil {
		return nil, err
	}
	if f.Type != typeExternal {
		return nil, f.refuse(typeExternal)
	}
	account, err := f.impersonated()
	if err != nil {
		return nil, err
	}
	e, err := newExternal(file, f, o)
	if err != nil {
		return nil, err
	}
	base := newBase(providers.FetcherFunc(e.fetch), nil, f.QuotaProject)
	if account == "" {
		return base, nil
	}
	return ImpersonatedBase(account, base, o, f.Delegates...)
}

// An external exchanges the tokens of another cloud.
type external struct {
	file     []byte // without a service account to stand for, which is ours to do
	path     string // of the file with the token of the other cloud; empty: it is elsewhere
	tokenURL string
	http     *http.Client
}

func newExternal(file []byte, f *credentialsFile, o Options) (*external, error) {
	tokenURL := f.TokenURL
	if o.STSURL == "" && tokenURL != "" && !isGoogle(tokenURL) {
		return nil, misconfigured("token_url is not a https URL of googleapis.com; set Options.STSURL if it is meant")
	}
	if o.STSURL != "" || tokenURL == "" {
		var err error
		if tokenURL, err = endpoint("STSURL", o.STSURL, stsURL); err != nil {
			return nil, err
		}
	}
	clean, err := withTokenURL(file, tokenURL)
	if err != nil {
		return nil, misconfigured("the credentials are not JSON of the right form")
	}
	e := &external{
		file: clean, path: f.CredentialSource.File,
		tokenURL: tokenURL, http: providers.HTTPClient(o.HTTPClient),
	}
	if _, err := e.source(context.Background()); err != nil { // makes no request
		return nil, localFailure(err)
	}
	return e, nil
}

// withTokenURL returns the file with that token_url and with nobody to stand for.
// It leaves no other spelling of either name: the decoder of JSON would take it.
func withTokenURL(file []byte, tokenURL string) ([]byte, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(file, &fields); err != nil {
		return nil, err
	}
	for name := range fields {
		if strings.EqualFold(name, "token_url") || strings.EqualFold(name, "service_account_impersonation_url") {
			delete(fields, name)
		}
	}
	fields["token_url"], _ = json.Marshal(tokenURL) // a string can be encoded
	return json.Marshal(fields)
}

// source returns a source for the requests of one context, which x/oauth2 binds
// it to.
func (e *external) source(ctx context.Context) (oauth2.TokenSource, error) {
	credentials, err := google.CredentialsFromJSONWithType(ctx, e.file, google.ExternalAccount, cloudScope)
	if err != nil {
		return nil, err
	}
	return credentials.TokenSource, nil
}

func (e *external) fetch(ctx context.Context, _ providers.Request) (providers.Response, error) {
	seen := &witness{base: e.http.Transport, tokenURL: e.tokenURL}
	watched := *e.http
	watched.Transport = seen
	source, err := e.source(context.WithValue(ctx, oauth2.HTTPClient, &watched))
	if err != nil {
		return providers.Response{}, localFailure(err)
	}
	token, err := source.Token()
	if err != nil {
		if err := e.unreadable(); err != nil {
			return providers.Response{}, err
		}
		return providers.Response{}, seen.failure(err)
	}
	return providers.Response{Token: saslToken(token)}, nil
}

// unreadable returns why the file with the token of the other cloud cannot be
// read, if there is one.
func (e *external) unreadable() error {
	if e.path == "" {
		return nil
	}
	f, err := os.Open(e.path)
	if err == nil {
		f.Close()
		return nil
	}
	return &providers.Error{
		Kind: providers.Misconfigured, Provider: provider, Description: "the token of the other cloud cannot be read", Err: err,
		Hint: "see what is to put it there, and the credential_source of the configuration",
	}
}

// localFailure is the error for what fails before anything is asked.
func localFailure(err error) error {
	text := err.Error()
	for _, prefix := range []string{"oauth2/google/externalaccount: ", "oauth2/google: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return &providers.Error{
		Kind: providers.Misconfigured, Provider: provider, Description: providers.Scrub(text),
		Hint: "see the credential_source of the configuration",
	}
}

// A witness is a transport that keeps what went wrong last: x/oauth2 makes flat
// text of it, with the whole answer in it.
type witness struct {
	base     http.RoundTripper
	tokenURL string

	mu      sync.Mutex
	network error
	answer  *answer // with an error status
	theirs  bool    // it is not the security token service that gave it
	asked   bool    // the security token service has answered
}

func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	reply, err := w.base.RoundTrip(r)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.network, w.answer = err, nil
	if err != nil {
		return nil, err
	}
	w.theirs = r.URL.String() != w.tokenURL
	w.asked = w.asked || !w.theirs
	if reply.StatusCode < 300 {
		return reply, nil
	}
	body, err := io.ReadAll(reply.Body)
	reply.Body.Close()
	if err != nil {
		w.network = err
		return nil, err
	}
	w.answer = parseAnswer(body)
	w.answer.status, w.answer.header = reply.StatusCode, reply.Header
	reply.Body = io.NopCloser(bytes.NewReader(body))
	return reply, nil
}

// failure returns what an error of the exchange amounts to.
func (w *witness) failure(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.network != nil:
		return providers.Unreachable(provider, &url.Error{Op: "ask", Err: w.network})
	case w.answer != nil && w.theirs:
		e := &providers.Error{
			Kind: providers.Classify(w.answer.status, ""), Provider: provider, Status: w.answer.status,
			Description: "the other cloud gives no token",
		}
		if e.Kind != providers.Transient {
			e.Hint = "see the credential_source of the configuration"
		}
		return e
	case w.answer != nil:
		return (&question{rows: exchangeRefusals(), option: "STSURL"}).refusal(w.answer)
	case w.asked:
		return notGoogle()
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return localFailure(err)
}

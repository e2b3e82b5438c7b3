package google

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"cloud.google.com/go/compute/metadata"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// MetadataOptions are what is seldom needed. The zero value is right on Google
// Cloud.
type MetadataOptions struct {
	// Account is the service account among those attached to the machine. Empty
	// means "default".
	Account string

	// HTTPClient sends the requests. Nil means one that uses no proxy, for the
	// metadata server is on the machine's own link.
	HTTPClient *http.Client
}

// MetadataBase returns a [Base] that is the service account of this machine, or
// of this service or job: on Compute Engine, GKE, Cloud Run, Cloud Functions and
// App Engine. The variable GCE_METADATA_HOST says where the metadata server is,
// if it is not where it always is.
func MetadataBase(o MetadataOptions) Base { return newMetadataBase(o, nil) }

// newMetadataBase returns a MetadataBase that makes sure of something before it
// asks.
func newMetadataBase(o MetadataOptions, sure func(context.Context) error) Base {
	if o.Account == "" {
		o.Account = "default"
	}
	m := &machine{
		client: metadata.NewWithOptions(&metadata.Options{Client: direct(o.HTTPClient)}),
		path:   "instance/service-accounts/" + url.PathEscape(o.Account), sure: sure,
	}
	return newBase(providers.FetcherFunc(m.fetch), once(m.email), "")
}

// A machine asks the metadata server.
type machine struct {
	client *metadata.Client
	path   string
	sure   func(context.Context) error // nil: of nothing
	seen   atomic.Bool                 // it has answered before
}

func (m *machine) fetch(ctx context.Context, _ providers.Request) (providers.Response, error) {
	if m.sure != nil {
		if err := m.sure(ctx); err != nil {
			return providers.Response{}, err
		}
	}
	text, err := m.client.GetWithContext(ctx, m.path+"/token?scopes="+url.QueryEscape(cloudScope))
	if err != nil {
		return providers.Response{}, m.failure(err)
	}
	var token struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	// The decoder's error would quote what it read.
	if json.Unmarshal([]byte(text), &token) != nil || token.AccessToken == "" {
		return providers.Response{}, &providers.Error{
			Kind: providers.Transient, Provider: provider, Description: "the answer is not that of a metadata server",
			Hint: "see what GCE_METADATA_HOST names",
		}
	}
	m.seen.Store(true)
	var expiry time.Time
	if token.ExpiresIn > 0 {
		expiry = time.Now().Add(time.Duration(min(token.ExpiresIn, 24*3600)) * time.Second)
	}
	return providers.Response{Token: sasl.Token{Value: sasl.NewSecret(token.AccessToken), Expiry: expiry}}, nil
}

func (m *machine) email(ctx context.Context) (string, error) {
	if m.sure != nil {
		if err := m.sure(ctx); err != nil {
			return "", err
		}
	}
	email, err := m.client.GetWithContext(ctx, m.path+"/email")
	if err != nil {
		return "", m.failure(err)
	}
	m.seen.Store(true)
	return strings.TrimSpace(email), nil
}

// failure returns what an error of the metadata server amounts to. Its answers
// are kept out of errors.
func (m *machine) failure(err error) error {
	e := &providers.Error{Kind: providers.Misconfigured, Provider: provider}
	var undefined metadata.NotDefinedError
	var refused *metadata.Error
	var network *url.Error
	switch {
	case errors.As(err, &undefined):
		e.Status, e.Description = http.StatusNotFound, "no service account is attached to this machine"
		e.Hint = "attach one, or name one that is there in MetadataOptions.Account"
	case errors.As(err, &refused):
		e.Kind, e.Status, e.Description = providers.Classify(refused.Code, ""), refused.Code, "the metadata server refuses"
		if e.Kind != providers.Transient {
			e.Hint = "see whether this program may use the service account of the machine"
		}
	case errors.As(err, &network) && m.seen.Load():
		e.Kind, e.Description, e.Err = providers.Transient, "the metadata server cannot be reached", network.Err
	case errors.As(err, &network):
		e.Description, e.Err = "there is no metadata server", network.Err
		e.Hint = "this is not a machine of Google Cloud: use ServiceAccountKey or ExternalAccountBase"
	default:
		e.Kind, e.Description = providers.Transient, "the answer of the metadata server broke off"
	}
	return e
}

package generic

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// A DevicePrompt is what the user has to be shown: on another device, open the URI
// and enter the code (RFC 8628, Section 3.3).
type DevicePrompt struct {
	URI  string
	Code string

	// Complete is the URI with the code in it, for a QR code. Empty if the
	// authority gave none.
	Complete string

	Expiry time.Time // when the code ends
}

// Bounds of what an authority may ask for.
const (
	defaultInterval = 5 // seconds (RFC 8628, Section 3.2)
	maxInterval     = 300
	maxDeviceLife   = time.Hour
)

// LoginDevice has a user sign in on another device: the device authorization grant
// (RFC 8628), for machines without a browser. It calls show with what the user
// has to do, once, and then asks the authority as often as that allows, until the
// user has decided, the code ends or ctx does. For what it returns and saves see
// [Login].
func LoginDevice(ctx context.Context, s Server, c Client, show func(DevicePrompt) error, o Options) (providers.Response, error) {
	if err := s.checkLogin(c, o); err != nil {
		return providers.Response{}, err
	}
	if err := checkURL("Server.DeviceURL", s.DeviceURL); err != nil {
		return providers.Response{}, err
	}
	if show == nil {
		return providers.Response{}, misconfigured("LoginDevice needs a function that shows the code to the user")
	}
	d := &device{session: session{s, c, o.HTTPClient}, config: s.config(c)}
	if err := d.begin(ctx); err != nil {
		return providers.Response{}, err
	}
	if err := show(DevicePrompt{d.answer.VerificationURI, d.answer.UserCode, d.answer.VerificationURIComplete, d.answer.Expiry}); err != nil {
		return providers.Response{}, err
	}
	token, err := d.poll(ctx)
	if err != nil {
		return providers.Response{}, err
	}
	got, err := d.granted(token)
	if err != nil {
		return providers.Response{}, err
	}
	return got, d.save(ctx, o, got)
}

// A device is one sign-in.
type device struct {
	session
	config *oauth2.Config
	answer *oauth2.DeviceAuthResponse
}

// begin asks for a code (RFC 8628, Section 3.1).
func (d *device) begin(ctx context.Context) error {
	bound := d.bound(ctx)
	var options []oauth2.AuthCodeOption
	switch {
	case d.client.Secret.IsZero():
	case d.server.ClientAuth == AuthParams:
		options = append(options, oauth2.SetAuthURLParam("client_secret", d.client.Secret.Reveal()))
	default:
		bound = d.basic(bound)
	}
	answer, err := d.config.DeviceAuth(bound, options...)
	if err != nil {
		return d.failure(err)
	}
	u, err := url.Parse(answer.VerificationURI)
	switch {
	case answer.DeviceCode == "" || answer.UserCode == "",
		err != nil, u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return &providers.Error{
			Kind: providers.Misconfigured, Provider: d.name(),
			Description: "the answer is not that of a device authorization endpoint", Hint: "check Server.DeviceURL",
		}
	case answer.Interval <= 0:
		answer.Interval = defaultInterval
	}
	answer.Interval = min(answer.Interval, maxInterval)
	if latest := time.Now().Add(maxDeviceLife); answer.Expiry.IsZero() || answer.Expiry.After(latest) {
		answer.Expiry = latest
	}
	answer.UserCode = providers.Scrub(answer.UserCode)
	d.answer = answer
	return nil
}

// basic returns a context whose requests carry the client's secret: x/oauth2 sends
// it to the token endpoint alone.
func (d *device) basic(bound context.Context) context.Context {
	base, _ := bound.Value(oauth2.HTTPClient).(*http.Client)
	c := *base
	c.Transport = &basicTransport{base: base.Transport, client: d.client}
	return context.WithValue(bound, oauth2.HTTPClient, &c)
}

// A basicTransport adds the client's credentials to each request (RFC 6749,
// Section 2.3.1).
type basicTransport struct {
	base   http.RoundTripper
	client Client
}

func (t *basicTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.SetBasicAuth(url.QueryEscape(t.client.ID), url.QueryEscape(t.client.Secret.Reveal()))
	return t.base.RoundTrip(r)
}

// poll waits for the user. An authority that cannot be reached for a while is
// asked again, less often (RFC 8628, Section 3.5).
func (d *device) poll(ctx context.Context) (*oauth2.Token, error) {
	for {
		token, err := d.config.DeviceAccessToken(d.bound(ctx), d.answer)
		switch {
		case err == nil:
			return token, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, context.DeadlineExceeded) && !time.Now().Before(d.answer.Expiry):
			return nil, &providers.Error{
				Kind: providers.NeedsUser, Provider: d.name(), Code: "expired_token",
				Description: "the code has ended", Hint: hint("expired_token"),
			}
		}
		failure := d.failure(err, sasl.NewSecret(d.answer.DeviceCode))
		if providers.KindOf(failure) != providers.Transient {
			return nil, failure
		}
		d.answer.Interval = min(2*d.answer.Interval, maxInterval)
	}
}

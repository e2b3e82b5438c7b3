package generic

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

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

const (
	deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

	defaultInterval = 5 * time.Second // RFC 8628, Section 3.2
	slowDown        = 5 * time.Second // RFC 8628, Section 3.5

	// maxPause is the longest pause after a failure of the authority, unless it
	// asks for a longer one.
	maxPause = time.Minute

	// maxDeviceLife is the longest life of a code, whatever the authority says.
	maxDeviceLife = time.Hour
)

// LoginDevice has a user sign in on another device: the device authorization grant
// (RFC 8628), for machines without a browser. It calls show with what the user
// has to do, once, and when that has returned it asks the authority as often as
// that allows, until the user has decided, the code ends or ctx does. An error of
// show ends the sign-in and is returned as it is. For what LoginDevice returns and
// saves see [Login].
//
// Whoever is shown the code can be led to enter it: show it only to the user who
// begins the sign-in (RFC 8628, Section 5.4).
func LoginDevice(ctx context.Context, s Server, c Client, show func(context.Context, DevicePrompt) error, o Options) (providers.Response, error) {
	if err := s.checkLogin(c, o); err != nil {
		return providers.Response{}, err
	}
	if err := checkURL("Server.DeviceURL", s.DeviceURL); err != nil {
		return providers.Response{}, err
	}
	if show == nil {
		return providers.Response{}, misconfigured("LoginDevice needs a function that shows the code to the user")
	}
	d := &device{session: session{server: s, client: c, http: o.HTTPClient, limit: requestTimeout}}
	if err := d.begin(ctx); err != nil {
		return providers.Response{}, err
	}
	if err := show(ctx, d.prompt); err != nil {
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
	code     sasl.Secret // by which the authority knows the sign-in
	prompt   DevicePrompt
	interval time.Duration // between two polls
}

// begin asks for a code (RFC 8628, Section 3.1).
func (d *device) begin(ctx context.Context) error {
	bound := d.bound(ctx)
	var options []oauth2.AuthCodeOption
	switch {
	case d.client.Secret.IsZero():
	case d.server.ClientAuth == ClientSecretPost:
		options = append(options, oauth2.SetAuthURLParam("client_secret", d.client.Secret.Reveal()))
	default:
		bound = d.basic(bound)
	}
	answer, err := d.server.config(d.client).DeviceAuth(bound, options...)
	switch {
	case err != nil && ctx.Err() != nil:
		return unfinished(ctx)
	case err != nil:
		return d.elsewhere(d.failure(err))
	}
	return d.take(answer)
}

// take keeps what the authority says about the sign-in.
func (d *device) take(answer *oauth2.DeviceAuthResponse) error {
	d.code = sasl.NewSecret(answer.DeviceCode)
	d.prompt = DevicePrompt{
		URI: showable(answer.VerificationURI), Code: providers.Scrub(answer.UserCode),
		Complete: showable(answer.VerificationURIComplete), Expiry: answer.Expiry,
	}
	if d.code.IsZero() || d.prompt.Code == "" || d.prompt.URI == "" {
		return &providers.Error{
			Kind: providers.Misconfigured, Provider: d.name(),
			Description: "the answer is not that of a device authorization endpoint", Hint: "check Server.DeviceURL",
		}
	}
	if latest := time.Now().Add(maxDeviceLife); d.prompt.Expiry.IsZero() || d.prompt.Expiry.After(latest) {
		d.prompt.Expiry = latest
	}
	switch d.interval = defaultInterval; {
	case answer.Interval > int64(maxDeviceLife/time.Second):
		d.interval = maxDeviceLife
	case answer.Interval > 0:
		d.interval = time.Duration(answer.Interval) * time.Second
	}
	return nil
}

// showable returns a URI as a user may be told to open it, "" if it is nothing of
// the kind.
func showable(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return ""
	}
	return u.String()
}

// elsewhere names the endpoint that was asked in the hint of an error.
func (d *device) elsewhere(err error) error {
	var e *providers.Error
	if errors.As(err, &e) {
		e.Hint = strings.ReplaceAll(e.Hint, "Server.TokenURL", "Server.DeviceURL")
	}
	return err
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

// poll waits for the user. The interval passes between an answer and the next
// request; it only grows, by what the authority asks for and while it is out of
// order (RFC 8628, Section 3.5).
func (d *device) poll(ctx context.Context) (*oauth2.Token, error) {
	for {
		select {
		case <-time.After(min(d.interval, time.Until(d.prompt.Expiry))):
		case <-ctx.Done():
			return nil, unfinished(ctx)
		}
		if !time.Now().Before(d.prompt.Expiry) {
			return nil, &providers.Error{
				Kind: providers.NeedsUser, Provider: d.name(), Code: "expired_token",
				Description: "the code has ended", Hint: hint("expired_token"),
			}
		}
		token, err := d.ask(ctx)
		switch {
		case err == nil:
			return token, nil
		case ctx.Err() != nil:
			return nil, unfinished(ctx)
		}
		if err := d.slower(err); err != nil {
			return nil, err
		}
	}
}

// ask asks whether the user has decided (RFC 8628, Section 3.4).
func (d *device) ask(ctx context.Context) (*oauth2.Token, error) {
	config := d.server.config(d.client)
	once := clientcredentials.Config{
		ClientID: config.ClientID, ClientSecret: config.ClientSecret,
		TokenURL: config.Endpoint.TokenURL, AuthStyle: config.Endpoint.AuthStyle,
		EndpointParams: url.Values{"grant_type": {deviceGrant}, "device_code": {d.code.Reveal()}},
	}
	return once.Token(d.bound(ctx))
}

// slower sets the interval after an answer that is no token. The error is for one
// that ends the sign-in.
func (d *device) slower(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		switch refused.ErrorCode {
		case "authorization_pending":
			return nil
		case "slow_down":
			d.interval += slowDown
			return nil
		}
	}
	failure := d.failure(err, d.code)
	var e *providers.Error
	if !errors.As(failure, &e) || e.Kind != providers.Transient {
		return failure
	}
	d.interval = max(d.interval, min(2*d.interval, maxPause), e.RetryAfter)
	return nil
}

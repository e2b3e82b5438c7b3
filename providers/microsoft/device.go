package microsoft

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// A DevicePrompt is what the user has to be shown: on another device, open the URI
// and enter the code (RFC 8628, Section 3.3).
type DevicePrompt struct {
	URI     string
	Code    string
	Message string    // the same in a sentence of Microsoft's
	Expiry  time.Time // when the code ends
}

// maxDeviceLife bounds how long a code is waited for.
const maxDeviceLife = time.Hour

// LoginDevice has a user sign in on another device (RFC 8628), for machines without
// a browser. It calls show with what the user has to do, once, and then asks Entra as
// often as that allows, until the user has decided, the code ends or ctx does. The
// app registration has to allow public client flows. For user, and for what
// LoginDevice returns and saves, see [Login]. Many organizations forbid this kind of
// sign-in: then the error is of kind Blocked.
func LoginDevice(ctx context.Context, o Options, user string, show func(DevicePrompt) error) (Grant, error) {
	l, err := newLogin(o, user)
	if err != nil {
		return Grant{}, err
	}
	d := &device{login: l}
	users, ok := l.client.(*publicUsers)
	switch {
	case !ok:
		return Grant{}, misconfigured("a sign-in by device code is for an application without Options.Credential, which allows public client flows")
	case show == nil:
		return Grant{}, misconfigured("LoginDevice needs a function that shows the code to the user")
	case strings.Contains(l.tenantURL(), "token"): // MSAL finds the endpoint by that word
		return Grant{}, misconfigured("a sign-in by device code needs the id of the tenant in place of its domain")
	}
	if err := d.begin(ctx, users); err != nil {
		return Grant{}, err
	}
	if err := show(d.prompt()); err != nil {
		return Grant{}, err
	}
	return d.wait(ctx)
}

// A device is one sign-in by device code.
type device struct {
	*login
	code public.DeviceCode
}

// begin asks for a code (RFC 8628, Section 3.1).
func (d *device) begin(ctx context.Context, users *publicUsers) error {
	bound, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	bound, call := begin(bound, sasl.Secret{})
	var err error
	d.code, err = users.client.AcquireTokenByDeviceCode(bound, d.scopes, public.WithClaims(d.Claims))
	switch {
	case ctx.Err() != nil:
		return unfinished(ctx)
	case err != nil:
		return d.failure(err, call)
	}
	u, err := url.Parse(d.code.Result.VerificationURL)
	if err != nil || u.Scheme != "https" || d.code.Result.UserCode == "" || d.code.Result.DeviceCode == "" {
		return &providers.Error{
			Kind: providers.Misconfigured, Provider: provider, Description: "the answer is not that of an endpoint for device codes",
			Hint: "check Options.Authority",
		}
	}
	if latest := time.Now().Add(maxDeviceLife); d.code.Result.ExpiresOn.After(latest) {
		d.code.Result.ExpiresOn = latest
	}
	return nil
}

func (d *device) prompt() DevicePrompt {
	r := d.code.Result
	return DevicePrompt{r.VerificationURL, providers.Scrub(r.UserCode), providers.Scrub(r.Message), r.ExpiresOn}
}

// wait polls until the user has decided. A login server that is out of order for a
// while is asked again, less often (RFC 8628, Section 3.5).
func (d *device) wait(ctx context.Context) (Grant, error) {
	bound, cancel := context.WithDeadline(ctx, d.code.Result.ExpiresOn)
	defer cancel()
	bound, call := begin(bound, sasl.Secret{}, sasl.NewSecret(d.code.Result.DeviceCode))
	call.pace = newPace(d.code.Result.Interval)
	for {
		result, err := d.code.AuthenticationResult(bound)
		switch {
		case err == nil:
			return d.keep(ctx, result, call)
		case ctx.Err() != nil:
			return Grant{}, unfinished(ctx)
		case errors.Is(err, context.DeadlineExceeded) && bound.Err() != nil:
			return Grant{}, d.refused(&record{status: 400, refusal: refusal{Code: "expired_token", Description: "the code has ended"}}, nil)
		}
		failure := d.failure(err, call)
		if providers.KindOf(failure) != providers.Transient {
			return Grant{}, failure
		}
		call.pace.slower()
	}
}

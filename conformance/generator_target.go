package conformance

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// What cases for token generators need.
const (
	// NeedVirtualTime is a testing/synctest bubble around the run, and a network in
	// memory: these cases last for minutes or hours. [RunTokenGenerator] and
	// [RunClientInBubbles] see to it.
	NeedVirtualTime Need = "virtual time"
	// NeedRefreshToken is a generator that works with a refresh token. The suite
	// sees whether it does.
	NeedRefreshToken Need = "refresh token"
	// NeedDeviceFlow is GeneratorTarget.Device.
	NeedDeviceFlow Need = "device flow"
	// NeedPreset is GeneratorTarget.Preset.
	NeedPreset Need = "preset"
)

// A MakeGenerator makes a token generator that goes by the configuration. It is
// called several times in a case: each call makes another generator, as if another
// program had been started. The context lasts as long as the case does. A generator
// may ask the authority when it is made, but the suite waits for it, and counts
// what it asks.
//
// A generator that has a method Close() error is closed when it is not used any
// more.
type MakeGenerator func(context.Context, GeneratorConfig) (sasl.TokenGenerator, error)

// A GeneratorTarget is a token generator under test.
type GeneratorTarget struct {
	// Name stands in the report. Zero means "token generator".
	Name string

	// New makes the generator. There has to be one. What it cannot do is an error
	// that matches [errors.ErrUnsupported].
	New MakeGenerator

	// Device makes a generator that signs the user in by the device flow (RFC
	// 8628) before its first token: in Device itself or in Token. It tells the user
	// what to do by GeneratorConfig.Show. Nil means that there is no device flow.
	Device MakeGenerator

	// Preset makes the generator as production does: of the configuration it takes
	// the client, the refresh token, the tenant and HTTPClient, which leads the
	// requests for any host to the suite, and not the URLs and the scope, which are
	// empty. Nil means that there is nothing preset.
	Preset MakeGenerator

	// PresetTokenURL and PresetScope are what Preset has to come to. Zero means what
	// Dialect has; with [mock.GenericOAuth] there is no such thing. "{tenant}"
	// stands for the tenant.
	PresetTokenURL string
	PresetScope    string

	// Dialect is whose authority the generator is for. Zero means
	// [mock.GenericOAuth]: one that goes by the RFCs.
	Dialect mock.Dialect

	// Network is where the authority listens. Zero means TCP on 127.0.0.1, which
	// suits any generator; [mock.InMemory] is for one that sends all requests by
	// GeneratorConfig.HTTPClient or GeneratorConfig.Dial. Cases that need virtual
	// time have it in a testing/synctest bubble with [mock.InMemory].
	Network mock.Network
}

var _ Target = GeneratorTarget{}

func (t GeneratorTarget) name() string { return cmp.Or(t.Name, "token generator") }

func (t GeneratorTarget) kind() string { return "token generator" }

func (t GeneratorTarget) profile() Profile { return TokenProvider }

func (t GeneratorTarget) check() error {
	switch {
	case t.New == nil:
		return errors.New("conformance: GeneratorTarget has no New")
	case t.Preset != nil && (t.presetURL() == "" || t.presetScope("") == ""):
		return errors.New("conformance: GeneratorTarget has a Preset, and neither a Dialect nor PresetTokenURL and PresetScope that say what it is")
	}
	return nil
}

func (t GeneratorTarget) runner(c Case) func(context.Context, Suite) Verdict {
	if c.Generator == nil {
		return nil
	}
	return func(ctx context.Context, s Suite) Verdict {
		return newGeneratorBench(t, c, s.timeout()).judge(ctx)
	}
}

// A GeneratorConfig is what a generator is made of. It need not use all of it.
type GeneratorConfig struct {
	// TokenURL is the token endpoint (RFC 6749, Section 3.2).
	TokenURL string
	// DeviceURL is the device authorization endpoint (RFC 8628, Section 3.1), for
	// GeneratorTarget.Device.
	DeviceURL string
	// BaseURL is the root of the authority, without a slash at its end, for a
	// generator that knows the paths itself.
	BaseURL string
	// Tenant is the directory, for authorities that have several.
	Tenant string

	// HTTPClient reaches the authority and verifies its certificate. It follows
	// redirects, as any http.Client does, until it is told not to.
	HTTPClient *http.Client
	// RootCAs and Dial are for a generator with an HTTP client of its own. Dial
	// reaches the authority whatever its arguments.
	RootCAs *x509.CertPool
	Dial    func(ctx context.Context, network, addr string) (net.Conn, error)

	// ClientID and ClientSecret are those of the OAuth client; the authority takes
	// them as parameters and by Basic.
	ClientID     string
	ClientSecret sasl.Secret
	// RefreshToken is the user's consent, for a generator that works with one.
	RefreshToken sasl.Secret
	// Scope is what tokens have to be for.
	Scope string
	// Username is whose mailbox tokens are for.
	Username string

	// Store keeps what has to outlive the generator, for one that takes a Store. Two
	// generators of a case that share it are the same program, started again.
	Store providers.Store

	// Show tells the user to enter a code at a URL, for GeneratorTarget.Device.
	Show func(verificationURI, userCode string)

	// Log takes everything that the generator can be made to say about what it does.
	Log io.Writer
}

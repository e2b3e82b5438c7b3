// Package badtoken is a generator of OAuth 2.0 access tokens that is right until
// it is told not to be. Each [Defect] is the mutant of one case of package
// conformance.
//
// The generator is a naive one, with nothing of package providers but the Store,
// and nobody should sign in with it.
package badtoken

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// A Defect is the one thing that a generator does wrong.
type Defect string

// The defects. The zero Defect is none.
const (
	None                 Defect = ""
	NeverRenew           Defect = "never-renew"
	KeepWithoutExpiry    Defect = "keep-without-expiry" // for ever
	AskEachTime          Defect = "ask-each-time"
	AskForEach           Defect = "ask-for-each"    // of several callers at once
	FailWithFirst        Defect = "fail-with-first" // of several callers, who has given up
	KeepRefreshToken     Defect = "keep-refresh-token"
	NeverSave            Defect = "never-save"
	SaveLate             Defect = "save-late" // when the token is in use
	RetryRevoked         Defect = "retry-revoked"
	RevokedIsTemporary   Defect = "revoked-is-temporary"
	Hammer               Defect = "hammer" // an authority that is busy
	BusyIsPermanent      Defect = "busy-is-permanent"
	IgnoreSlowDown       Defect = "ignore-slow-down"
	IgnoreInterval       Defect = "ignore-interval"
	PollOnDeclined       Defect = "poll-on-declined"
	AcceptAnyCertificate Defect = "accept-any-certificate"
	FollowRedirects      Defect = "follow-redirects"
	ErrorHoldsAnswer     Defect = "error-holds-answer"
	LogRequests          Defect = "log-requests"
	SameTokenAgain       Defect = "same-token-again" // when it was refused
	WrongScope           Defect = "wrong-scope"      // where it is preset
	WrongTenant          Defect = "wrong-tenant"
	IgnoreCancel         Defect = "ignore-cancel"
	PollOnCancelled      Defect = "poll-on-cancelled"
)

// A Config says what the generator works with.
type Config struct {
	TokenURL, DeviceURL    string
	HTTPClient             *http.Client // over a *http.Transport
	ClientID, ClientSecret string
	RefreshToken           string // not for a device flow
	Scope                  string
	Device                 bool
	Store                  providers.Store
	Show                   func(url, code string)
	Log                    io.Writer
}

// Preset replaces what production presets, in the manner of Microsoft.
func (c *Config) Preset(d Defect, tenant string) {
	if d == WrongTenant {
		tenant = "common"
	}
	c.TokenURL = "https://login.microsoftonline.com/" + tenant + "/oauth2/v2.0/token"
	c.Scope = "https://outlook.office.com/SMTP.Send offline_access"
	if d == WrongScope {
		c.Scope = "https://graph.microsoft.com/Mail.Send offline_access"
	}
}

// A Generator is a [sasl.TokenGenerator].
type Generator struct {
	cfg    Config
	defect Defect
	client *http.Client
	turn   chan struct{} // who holds it asks the authority

	mu      sync.Mutex
	token   sasl.Token // Expiry is perhaps assumed
	begun   bool       // the Store was looked at
	refresh string
	failure error
	retryAt time.Time
}

var _ sasl.TokenGenerator = (*Generator)(nil)

// New returns a generator.
func New(d Defect, cfg Config) *Generator {
	return &Generator{cfg: cfg, defect: d, client: client(d, cfg.HTTPClient), turn: make(chan struct{}, 1), refresh: cfg.RefreshToken}
}

// client returns a client that follows no redirect.
func client(d Defect, given *http.Client) *http.Client {
	c := *given
	if d != FollowRedirects {
		c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	if transport, ok := given.Transport.(*http.Transport); ok && d == AcceptAnyCertificate {
		transport = transport.Clone()
		transport.TLSClientConfig.InsecureSkipVerify = true
		c.Transport = transport
	}
	return &c
}

// Token implements [sasl.TokenGenerator].
func (g *Generator) Token(ctx context.Context, req sasl.TokenRequest) (sasl.Token, error) {
	if g.defect == IgnoreCancel || g.defect == PollOnCancelled && g.cfg.Device {
		ctx = context.WithoutCancel(ctx)
	}
	if g.defect != AskForEach {
		select {
		case g.turn <- struct{}{}:
			defer func() { <-g.turn }()
		case <-ctx.Done():
			return sasl.Token{}, ctx.Err()
		}
	}
	if token, err, ok := g.atHand(req); ok {
		return token, err
	}
	if err := g.begin(ctx); err != nil {
		return sasl.Token{}, err
	}
	a, err := g.ask(ctx)
	return g.keep(ctx, a, err)
}

// skew is how long before its expiry a token is renewed, and assumed is how long
// one lives that nothing is known of.
const (
	skew    = 5 * time.Minute
	assumed = 30 * time.Minute
)

// atHand returns what there is without a request.
func (g *Generator) atHand(req sasl.TokenRequest) (sasl.Token, error, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	refused := req.Rejected.Matches(g.token) && g.defect != SameTokenAgain
	good := time.Until(g.token.Expiry) > skew || g.defect == NeverRenew
	switch {
	case g.failure != nil && time.Now().Before(g.retryAt):
		return sasl.Token{}, g.failure, true
	case !g.token.Value.IsZero() && good && !refused && g.defect != AskEachTime:
		return g.token, nil, true
	}
	return sasl.Token{}, nil, false
}

// record is the name of the refresh token in the Store.
const record = "refresh token"

// begin takes the refresh token from the Store, if there is one.
func (g *Generator) begin(ctx context.Context) error {
	g.mu.Lock()
	begun := g.begun
	g.begun = true
	g.mu.Unlock()
	if begun {
		return nil
	}
	if saved, _, err := g.cfg.Store.Load(ctx, record); err == nil {
		g.setRefresh(saved.Reveal())
		return nil
	}
	if !g.cfg.Device {
		return nil
	}
	return g.signIn(ctx)
}

func (g *Generator) setRefresh(value string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refresh = value
}

// ask uses the refresh token, or the token that the sign-in has left.
func (g *Generator) ask(ctx context.Context) (answer, error) {
	for tries := 1; ; tries++ {
		g.mu.Lock()
		refresh := g.refresh
		g.mu.Unlock()
		a, err := g.post(ctx, g.cfg.TokenURL, map[string]string{
			"grant_type": "refresh_token", "refresh_token": refresh, "scope": g.cfg.Scope,
		})
		again := g.defect == Hammer && tries < 20 || g.defect == RetryRevoked && tries < 3
		if e, ok := err.(*Error); !ok || !again || e.busy() != (g.defect == Hammer) {
			return a, err
		}
	}
}

// keep takes what the authority gave.
func (g *Generator) keep(ctx context.Context, a answer, err error) (sasl.Token, error) {
	if err != nil {
		g.fail(ctx, err)
		return sasl.Token{}, err
	}
	life := time.Duration(a.ExpiresIn) * time.Second
	switch {
	case life == 0 && g.defect == KeepWithoutExpiry:
		life = 1e6 * time.Hour
	case life == 0:
		life = assumed
	}
	token := sasl.Token{Value: sasl.NewSecret(a.AccessToken), Expiry: time.Now().Add(life)}
	g.mu.Lock()
	g.token, g.failure = token, nil
	g.mu.Unlock()
	if a.RefreshToken == "" || g.defect == KeepRefreshToken {
		return token, nil
	}
	g.setRefresh(a.RefreshToken)
	switch g.defect {
	case NeverSave: // but once
		return token, g.save(ctx, g.cfg.RefreshToken)
	case SaveLate:
		time.AfterFunc(time.Second, func() { _ = g.save(context.WithoutCancel(ctx), a.RefreshToken) })
		return token, nil
	}
	return token, g.save(ctx, a.RefreshToken)
}

// save keeps a refresh token in the Store.
func (g *Generator) save(ctx context.Context, value string) error {
	_, version, err := g.cfg.Store.Load(ctx, record)
	if err == nil || version == "" {
		_, err = g.cfg.Store.Save(ctx, record, sasl.NewSecret(value), version)
	}
	return err
}

// fail remembers a failure of the authority, and for how long.
func (g *Generator) fail(ctx context.Context, err error) {
	if ctx.Err() != nil && g.defect != FailWithFirst {
		return
	}
	pause := 5 * time.Minute
	if e, ok := err.(*Error); ok && e.busy() && g.defect != BusyIsPermanent {
		pause = max(time.Second, e.RetryAfter)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failure, g.retryAt = err, time.Now().Add(pause)
}

func (g *Generator) logf(format string, args ...any) { fmt.Fprintf(g.cfg.Log, format+"\n", args...) }

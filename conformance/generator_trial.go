package conformance

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// A GeneratorTrial is a generator at work with an authority of its own.
type GeneratorTrial struct {
	// Authority is what gives the tokens.
	Authority *mock.Authority
	// Config is what the generator was made of.
	Config GeneratorConfig
	// Generator is what was made of it.
	Generator sasl.TokenGenerator

	bench     *GeneratorBench
	make      MakeGenerator
	web       *webServer // before the authority
	elsewhere *webServer // another server, to which nothing should go
	client    *http.Client
	log       *logBuffer
	start     time.Time
	prompts   prompts
	first     sasl.Token // of the control
	unmade    error      // why there is no generator

	mu      sync.Mutex
	old     []sasl.TokenGenerator // all that were made
	dialled []string              // whom they wanted to reach
}

// Names of the servers. The second is on another host for all that a client can
// see.
const (
	authorityName = "authority.test"
	elsewhereName = "elsewhere.test"
)

func (b *GeneratorBench) newTrial(s TokenScene) (_ *GeneratorTrial, err error) {
	id, secret := clientID(b.target.Dialect), b.Secret(secretLen)
	options := s.Authority
	options.Network, options.Dialect, options.Tenant = mock.InMemory, b.target.Dialect, generatorTenant
	options.Clients = map[string]string{id: secret}
	if b.target.PresetScope != "" {
		options.Scope = b.target.PresetScope
	}
	t := &GeneratorTrial{bench: b, log: new(logBuffer), start: time.Now()}
	if t.Authority, err = mock.NewAuthority(options); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			t.close()
		}
	}()
	names := append([]string{authorityName}, s.Names...)
	if t.web, err = newWebServer(b.target.Network, s.Certificate, names, t.answer(s), b.learn); err != nil {
		return nil, err
	}
	if t.elsewhere, err = newWebServer(b.target.Network, mock.Good, []string{elsewhereName}, t.stray, b.learn); err != nil {
		return nil, err
	}
	t.client = &http.Client{Transport: &http.Transport{
		DialContext:     t.dial,
		TLSClientConfig: &tls.Config{RootCAs: t.web.listener.RootCAs(), MinVersion: tls.VersionTLS12},
	}}
	refresh := t.Authority.Grant(generatorUser)
	b.learn(refresh.Reveal())
	t.Config = t.config(id, secret, refresh)
	if s.preset {
		t.Config.BaseURL, t.Config.TokenURL, t.Config.DeviceURL, t.Config.Scope = "", "", "", ""
	}
	return t, nil
}

func (t *GeneratorTrial) config(id, secret string, refresh sasl.Secret) GeneratorConfig {
	return GeneratorConfig{
		BaseURL:      t.web.url(),
		TokenURL:     t.web.url() + t.tokenPath(),
		DeviceURL:    t.web.url() + devicePath(t.bench.target.Dialect),
		Tenant:       generatorTenant,
		HTTPClient:   t.client,
		RootCAs:      t.rootCAs(),
		Dial:         t.dial,
		ClientID:     id,
		ClientSecret: sasl.NewSecret(secret),
		RefreshToken: refresh,
		Scope:        t.scope(),
		Username:     generatorUser,
		Show:         t.prompts.show,
		Log:          t.log,
	}
}

func (t *GeneratorTrial) rootCAs() *x509.CertPool { return t.web.listener.RootCAs() }

// scope is what the authority takes for the right to send mail.
func (t *GeneratorTrial) scope() string {
	return cmp.Or(t.bench.target.presetScope(""), "mail")
}

// dial leads to the authority, or elsewhere if that is what addr says.
func (t *GeneratorTrial) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	t.mu.Lock()
	t.dialled = append(t.dialled, addr)
	t.mu.Unlock()
	if addr == t.elsewhereAddr() {
		return t.elsewhere.listener.Dial(ctx, network, addr)
	}
	return t.web.listener.Dial(ctx, network, addr)
}

// dialledOther returns whom a generator wanted to reach other than that host, "" if
// nobody.
func (t *GeneratorTrial) dialledOther(host string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, addr := range t.dialled {
		if h, _, err := net.SplitHostPort(addr); err == nil && h != host {
			return addr
		}
	}
	return ""
}

// elsewhereAddr is host and port of the other server. On loopback, too, the host
// is another, for the sake of clients that go by the host.
func (t *GeneratorTrial) elsewhereAddr() string {
	addr := t.elsewhere.listener.Addr().String()
	if _, port, err := net.SplitHostPort(addr); err == nil && t.bench.target.Network != mock.InMemory {
		return net.JoinHostPort("localhost", port)
	}
	return addr
}

// answer has the authority answer what the scene does not.
func (t *GeneratorTrial) answer(s TokenScene) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.Answer != nil && s.Answer(w, r):
		case s.Redirect != 0 && isTokenPath(r.URL.Path):
			w.Header().Set("Location", "https://"+strings.TrimSuffix(t.elsewhereAddr(), ":443")+r.URL.Path)
			w.WriteHeader(s.Redirect)
		default:
			if s.preset {
				r = t.ofPreset(r)
			}
			t.Authority.ServeHTTP(w, r)
		}
	}
}

// ofPreset returns a request to the endpoint of the preset as one to that of the
// authority, which may have another path.
func (t *GeneratorTrial) ofPreset(r *http.Request) *http.Request {
	want, err := url.Parse(t.bench.target.presetURL())
	if err != nil || r.URL.Path != want.Path {
		return r
	}
	r = r.Clone(r.Context())
	r.URL.Path = t.tokenPath()
	return r
}

// tokenPath is where the authority has its token endpoint.
func (t *GeneratorTrial) tokenPath() string {
	authority, err := url.Parse(t.Authority.TokenURL())
	if err != nil { // a URL of ours
		return ""
	}
	return authority.Path
}

// strayToken is what the other server gives for a token.
const strayToken = "a-token-from-another-host-than-the-authority"

// stray answers at the other server.
func (t *GeneratorTrial) stray(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, map[string]any{"access_token": strayToken, "token_type": "Bearer", "expires_in": 3600})
}

// Start makes the generator, or, if there is one already, another one as if the
// program had been started again.
func (t *GeneratorTrial) Start(ctx context.Context, store providers.Store) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it panicked: %v", r)
			t.unmade = err
		}
	}()
	cfg := t.Config
	cfg.Store = store
	g, err := t.make(ctx, cfg)
	if err == nil && g == nil {
		err = errors.New("there is neither a generator nor an error")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Generator, t.unmade = g, err
	if err == nil {
		t.old = append(t.old, g)
	}
	return err
}

// close ends the trial: the generators, and then the servers.
func (t *GeneratorTrial) close() {
	var wg sync.WaitGroup
	closed := make(chan struct{})
	t.mu.Lock()
	old := t.old
	t.mu.Unlock()
	for _, g := range old {
		if c, ok := g.(io.Closer); ok {
			wg.Go(func() { closeQuietly(c) })
		}
	}
	go func() {
		defer close(closed)
		wg.Wait()
	}()
	select {
	case <-closed:
	case <-time.After(leaveWait): // what it waits for ends with the servers
	}
	if t.client != nil {
		t.client.CloseIdleConnections()
	}
	for _, w := range []*webServer{t.web, t.elsewhere} {
		if w != nil {
			w.close()
		}
	}
	t.Authority.Close()
}

// closeQuietly closes a generator, which may fail and even panic at its end.
func closeQuietly(c io.Closer) {
	defer func() { _ = recover() }()
	_ = c.Close()
}

// good reports whether the authority takes a token for one of its own.
func (t *GeneratorTrial) good(token sasl.Token) bool {
	return !token.Value.IsZero() && t.Authority.CheckToken(context.Background(), mock.TokenCheck{
		Mechanism: "XOAUTH2", User: generatorUser, Token: token.Value,
	}) == nil
}

// Calls returns the requests to the authority so far.
func (t *GeneratorTrial) Calls() []TokenCall { return t.web.seen() }

// TokenCalls returns those for a token.
func (t *GeneratorTrial) TokenCalls() []TokenCall {
	return slices.DeleteFunc(t.Calls(), func(c TokenCall) bool { return !c.forToken() })
}

// usesRefreshToken reports whether the generator has sent a refresh token.
func (t *GeneratorTrial) usesRefreshToken() bool {
	return slices.ContainsFunc(t.TokenCalls(), func(c TokenCall) bool { return c.Form.Get("grant_type") == "refresh_token" })
}

// answered reports whether the authority has answered a request for a token so.
func (t *GeneratorTrial) answered(status int, code string) bool {
	return slices.ContainsFunc(t.TokenCalls(), func(c TokenCall) bool { return c.Status == status && c.Code == code })
}

// fail returns the verdict that something was broken.
func (t *GeneratorTrial) fail(want, got string) Verdict {
	return Verdict{Outcome: Fail, Want: want, Got: got, Transcript: t.shown()}
}

// warn returns the verdict that a recommendation was not followed.
func (t *GeneratorTrial) warn(want, got string) Verdict {
	v := t.fail(want, got)
	v.Outcome = Warn
	return v
}

// notReached returns the verdict that the generator did not come as far as what
// was to be wrong.
func (t *GeneratorTrial) notReached(point string, a TokenAnswer) Verdict {
	return Verdict{
		Outcome:    Inconclusive,
		Reason:     "the generator did not get as far as " + point,
		Got:        a.said(),
		Transcript: t.shown(),
	}
}

// shown returns what a verdict shows of the requests: the last ones.
func (t *GeneratorTrial) shown() []string {
	calls := t.Calls()
	var lines []string
	if n := len(calls) - shownLines; n > 0 {
		lines, calls = append(lines, fmt.Sprintf("... %d requests", n)), calls[n:]
	}
	start := t.start
	if !t.bench.virtual {
		start = time.Time{} // not the same in any two runs
	}
	for _, c := range calls {
		lines = append(lines, c.line(start))
	}
	return lines
}

package generic_test

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/generic"
	"github.com/seed-55a66e92/postern/sasl"
)

// A flow is one way to an access token, with an authority for it.
type flow struct {
	authority *mock.Authority
	tokens    *providers.Cache
	revoke    func()         // ends what it rests on
	kind      providers.Kind // of the error after that
	spy       *spy
}

// options lead to the authority, past the spy.
func (f *flow) options() generic.Options {
	return generic.Options{HTTPClient: &http.Client{Transport: f.spy}, Cache: providers.CacheOptions{Events: f.spy.hear}}
}

// A setup is what a flow is made of.
type setup struct {
	dir string // empty
	o   mock.AuthorityOptions
}

// A flowMaker makes a flow.
type flowMaker func(t *testing.T, s setup) *flow

// flows are all ways to a token that ask an authority, by name.
func flows() map[string]flowMaker {
	return map[string]flowMaker{
		"refresh token": func(t *testing.T, s setup) *flow {
			f := newFlow(t, s)
			return f.refresh(t, f.grant(), f.options())
		},
		"refresh token in a store": func(t *testing.T, s setup) *flow {
			f := newFlow(t, rotating(s))
			return f.refresh(t, f.grant(), f.stored(t, s))
		},
		"refresh token of a public client": func(t *testing.T, s setup) *flow {
			s.o.Clients = map[string]string{clientID: ""}
			f := newFlow(t, s)
			return f.with(t)(generic.RefreshToken(f.server(), generic.Client{ID: clientID}, f.grant(), f.options()))
		},
		"browser": func(t *testing.T, s setup) *flow {
			f := newFlow(t, rotating(s))
			o := f.stored(t, s)
			got, err := generic.Login(t.Context(), f.server(), client(), generic.LoginOptions{
				Options: o, Open: browser(f.authority, mock.Consent{User: user}),
			})
			return f.signedIn(t, got, err, o)
		},
		"device": func(t *testing.T, s setup) *flow {
			f := newFlow(t, rotating(s))
			o := f.stored(t, s)
			got, err := generic.LoginDevice(t.Context(), f.server(), client(), func(_ context.Context, p generic.DevicePrompt) error {
				return f.authority.ApproveDevice(p.Code, mock.Consent{User: user})
			}, o)
			return f.signedIn(t, got, err, o)
		},
		"client credentials": func(t *testing.T, s setup) *flow {
			f := newFlow(t, s)
			f.kind, f.revoke = providers.Misconfigured, func() {
				f.inject(t, mock.AuthorityFault{Path: "/token", Status: http.StatusUnauthorized, Error: "invalid_client"})
			}
			return f.with(t)(generic.ClientCredentials(f.server(), client(), f.options()))
		},
		"token source": func(t *testing.T, s setup) *flow {
			f := newFlow(t, s)
			grant := f.grant()
			f.tokens = generic.FromTokenSource(sourceFunc(func() (*oauth2.Token, error) {
				config := oauth2.Config{ClientID: clientID, ClientSecret: secret, Endpoint: oauth2.Endpoint{TokenURL: f.authority.TokenURL(), AuthStyle: oauth2.AuthStyleInHeader}}
				ctx := context.WithValue(context.Background(), oauth2.HTTPClient, f.options().HTTPClient)
				return config.TokenSource(ctx, &oauth2.Token{RefreshToken: grant.Reveal()}).Token()
			}))
			return f
		},
	}
}

// rotating is an authority with refresh tokens that are good for one use.
func rotating(s setup) setup {
	s.o.RotateRefresh = true
	return s
}

func newFlow(t *testing.T, s setup) *flow {
	t.Helper()
	f := &flow{authority: authority(t, s.o), kind: providers.NeedsUser}
	f.spy = &spy{base: f.authority.HTTPClient().Transport}
	return f
}

func (f *flow) server() generic.Server {
	return generic.Server{
		Name: "acme", Issuer: f.authority.URL(), NamesIssuer: true,
		TokenURL: f.authority.TokenURL(), AuthURL: f.authority.AuthorizationURL(),
		DeviceURL: f.authority.URL() + "/device_authorization", Scopes: []string{"mail", "offline_access"},
	}
}

// grant is a refresh token of the user, which revoke ends.
func (f *flow) grant() sasl.Secret {
	grant := f.authority.Grant(user)
	f.revoke = func() { f.authority.RevokeGrant(grant) }
	return grant
}

// stored are options with a Store.
func (f *flow) stored(t *testing.T, s setup) generic.Options {
	t.Helper()
	store, err := providers.NewFileStore(filepath.Join(s.dir, "tokens"))
	if err != nil {
		t.Fatal(err)
	}
	o := f.options()
	o.Cache.Store, o.Cache.Key = store, "acme/"+user
	return o
}

func (f *flow) refresh(t *testing.T, grant sasl.Secret, o generic.Options) *flow {
	t.Helper()
	return f.with(t)(generic.RefreshToken(f.server(), client(), grant, o))
}

// signedIn goes on from a sign-in. Its first token is used up, so that what the
// tests count begins with a request.
func (f *flow) signedIn(t *testing.T, got providers.Response, err error, o generic.Options) *flow {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	f.revoke = func() { f.authority.RevokeGrant(got.Grant) }
	time.Sleep(2 * time.Hour)
	return f.refresh(t, sasl.Secret{}, o)
}

func (f *flow) with(t *testing.T) func(*providers.Cache, error) *flow {
	t.Helper()
	return func(cache *providers.Cache, err error) *flow {
		if err != nil {
			t.Fatal(err)
		}
		f.tokens = cache
		t.Cleanup(func() { cache.Close() })
		return f
	}
}

func (f *flow) inject(t *testing.T, fault mock.AuthorityFault) {
	t.Helper()
	if err := f.authority.Inject(fault); err != nil {
		t.Fatal(err)
	}
}

// token asks for one, and has the authority look at it.
func (f *flow) token(t *testing.T, ctx context.Context, rejected *sasl.Rejection) (sasl.Token, error) {
	t.Helper()
	token, err := f.tokens.Token(ctx, sasl.TokenRequest{Username: user, Rejected: rejected})
	if err != nil {
		return token, err
	}
	return token, f.authority.CheckToken(ctx, mock.TokenCheck{Mechanism: "XOAUTH2", User: user, Token: token.Value})
}

// herd has a hundred callers ask at once, and returns their errors.
func (f *flow) herd(t *testing.T, rejected *sasl.Rejection) []error {
	t.Helper()
	errs := make([]error, 100)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { _, errs[i] = f.token(t, t.Context(), rejected) })
	}
	all.Wait()
	return errs
}

// wantAsked counts the requests to the token endpoint since the last time.
func (f *flow) wantAsked(t *testing.T, from, want int) {
	t.Helper()
	if n := tokenRequests(f.authority) - from; n != want {
		t.Errorf("%d requests, want %d", n, want)
	}
}

// TestFlows holds every way to a token to the same figures.
func TestFlows(t *testing.T) {
	for name, start := range flows() {
		for what, test := range map[string]func(*testing.T, *flow){
			"herd at expiry":    testHerd,
			"leader is gone":    testLeader,
			"end of the grant":  testRevoked,
			"hundred refusals":  testForced,
			"authority is down": testOutage,
			"authority is deaf": testSilence,
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				dir := t.TempDir()
				synctest.Test(t, func(t *testing.T) { test(t, start(t, setup{dir: dir})) })
			})
		}
	}
}

// A hundred callers at the expiry of a token make one request.
func testHerd(t *testing.T, f *flow) {
	first, err := f.token(t, t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // the third finds a refresh token that took the place of another
		time.Sleep(2 * time.Hour)
		from := tokenRequests(f.authority)
		if err := errors.Join(f.herd(t, nil)...); err != nil {
			t.Fatal(err)
		}
		f.wantAsked(t, from, 1)
	}
	if next, err := f.token(t, t.Context(), nil); err != nil || next.Value.Equal(first.Value) {
		t.Errorf("the next token is the first: %v", err)
	}
}

// The one who causes a request may go; who waits for it still gets the token.
func testLeader(t *testing.T, f *flow) {
	from := tokenRequests(f.authority)
	f.inject(t, mock.AuthorityFault{Path: "/token", Delay: 5 * time.Second})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var both sync.WaitGroup
	both.Go(func() {
		if _, err := f.token(t, ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the leader: %v", err)
		}
	})
	synctest.Wait()
	both.Go(func() {
		if _, err := f.token(t, t.Context(), nil); err != nil {
			t.Errorf("who follows: %v", err)
		}
	})
	both.Wait()
	f.wantAsked(t, from, 1)
}

// What no retry mends is asked once, and then answered without a request.
func testRevoked(t *testing.T, f *flow) {
	from := tokenRequests(f.authority)
	f.revoke()
	for range 2 {
		for _, err := range f.herd(t, nil) {
			var failure *providers.Error
			if !errors.As(err, &failure) || failure.Kind != f.kind || failure.Hint == "" {
				t.Fatalf("error %v, want %v and a hint", err, f.kind)
			}
		}
		time.Sleep(time.Minute)
	}
	f.wantAsked(t, from, 1)
}

// A token that a server refuses is renewed once, however often it says so.
func testForced(t *testing.T, f *flow) {
	first, err := f.token(t, t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	from := tokenRequests(f.authority)
	for _, err := range f.herd(t, sasl.NewRejection(sasl.ErrRejected, first)) {
		if err != nil {
			t.Fatal(err)
		}
	}
	f.wantAsked(t, from, 1)
	second, err := f.token(t, t.Context(), nil)
	if err != nil || second.Value.Equal(first.Value) {
		t.Fatalf("the token was not renewed: %v", err)
	}
	from = tokenRequests(f.authority)
	for _, err := range f.herd(t, sasl.NewRejection(sasl.ErrRejected, second)) {
		if !errors.Is(err, sasl.ErrNoOtherToken) {
			t.Fatalf("error %v within a minute, want ErrNoOtherToken", err)
		}
	}
	f.wantAsked(t, from, 0)
}

// An authority that does not answer is waited for no longer than a request may
// take, and the failure is not the caller's deadline.
func testSilence(t *testing.T, f *flow) {
	f.inject(t, mock.AuthorityFault{Path: "/token", Delay: time.Minute})
	begin := time.Now()
	_, err := f.token(t, t.Context(), nil)
	if err == nil || providers.KindOf(err) != providers.Transient || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want a temporary one", err)
	}
	if waited := time.Since(begin); waited != 20*time.Second {
		t.Errorf("waited %v, want 20 s", waited)
	}
}

// While the authority is out of order, a token is served as long as it is good.
func testOutage(t *testing.T, f *flow) {
	first, err := f.token(t, t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	f.inject(t, mock.AuthorityFault{Path: "/token", Status: http.StatusServiceUnavailable, Times: 1000})
	time.Sleep(time.Until(first.Expiry) - 90*time.Second)
	from := tokenRequests(f.authority)
	for range 85 {
		if token, err := f.token(t, t.Context(), nil); err != nil || !token.Value.Equal(first.Value) {
			t.Fatalf("%v before the end: %v", time.Until(first.Expiry), err)
		}
		time.Sleep(time.Second)
	}
	if n := tokenRequests(f.authority) - from; n < 2 || n > 10 {
		t.Errorf("%d requests in 85 seconds", n)
	}
	time.Sleep(10 * time.Second)
	if _, err := f.token(t, t.Context(), nil); err == nil || providers.KindOf(err) != providers.Transient {
		t.Errorf("error %v, want a temporary one", err)
	}
}

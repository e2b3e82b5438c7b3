package google_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/google"
	"github.com/seed-55a66e92/postern/sasl"
)

// A flow is one way to an access token, with an authority for it.
type flow struct {
	dir       string // of files
	authority *mock.Authority
	tokens    sasl.TokenGenerator
	user      string
	revoke    func() error   // ends what it rests on
	kind      providers.Kind // of the error after that
	asked     string         // the path of the request that is refused then
	spy       *spy
}

// options lead to the authority, past the spy.
func (f *flow) options() google.Options {
	if f.spy == nil {
		f.spy = &spy{base: f.authority.HijackingClient().Transport}
	}
	return google.Options{HTTPClient: &http.Client{Transport: f.spy}, Cache: providers.CacheOptions{Events: f.spy.hear}}
}

const (
	pathToken = "/token"
	pathSign  = "/v1/projects/-/serviceAccounts/" + account + ":signJwt"
)

// A setup is what a flow is made of.
type setup struct {
	dir string                // empty
	o   mock.AuthorityOptions // what the flow has no need of its own for
}

// A flowMaker makes a flow.
type flowMaker func(t *testing.T, s setup) *flow

// flows are all of them, by name.
func flows() map[string]flowMaker {
	return map[string]flowMaker{
		"refresh token": func(t *testing.T, s setup) *flow { return refreshFlow(t, s, nil) },
		"refresh token in a store": func(t *testing.T, s setup) *flow {
			store, err := providers.NewFileStore(filepath.Join(s.dir, "tokens"))
			if err != nil {
				t.Fatal(err)
			}
			return refreshFlow(t, s, store)
		},
		"authorized_user": func(t *testing.T, s setup) *flow {
			f := refreshFlow(t, s, nil)
			grant := f.authority.Grant(mailbox)
			f.revoke = func() error { f.authority.RevokeGrant(grant); return nil }
			file := fmt.Sprintf(`{"type":"authorized_user","client_id":%q,"client_secret":%q,"refresh_token":%q}`, clientID, clientSecret, grant.Reveal())
			return f.with(t)(google.AuthorizedUserJSON([]byte(file), f.options()))
		},
		"token source": func(t *testing.T, s setup) *flow {
			f := refreshFlow(t, s, nil)
			grant := f.authority.Grant(mailbox)
			f.revoke = func() error { f.authority.RevokeGrant(grant); return nil }
			client := f.options().HTTPClient
			f.tokens = google.FromTokenSource(source(func() (*oauth2.Token, error) {
				config := oauth2.Config{ClientID: clientID, ClientSecret: clientSecret, Endpoint: oauth2.Endpoint{TokenURL: f.authority.TokenURL(), AuthStyle: oauth2.AuthStyleInParams}}
				return config.TokenSource(context.WithValue(context.Background(), oauth2.HTTPClient, client), &oauth2.Token{RefreshToken: grant.Reveal()}).Token()
			}))
			return f
		},
		"key": func(t *testing.T, s setup) *flow {
			f := accountFlow(t, s)
			file, err := f.authority.ServiceAccountKey(account, "https://oauth2.googleapis.com/token")
			if err != nil {
				t.Fatal(err)
			}
			f.asked, f.revoke = pathToken, func() error { f.authority.DeleteServiceAccountKeys(account); return nil }
			return f.withDelegation(t)(google.ServiceAccountKey([]byte(file.Reveal()), f.options()))
		},
		"machine": func(t *testing.T, s setup) *flow {
			f := accountFlow(t, s)
			return f.keyless(t, "", google.MetadataBase(google.MetadataOptions{HTTPClient: f.options().HTTPClient}))
		},
		"other cloud": func(t *testing.T, s setup) *flow {
			f := accountFlow(t, s)
			return f.keyless(t, account, f.external(t, ""))
		},
		"other cloud, stand-in": func(t *testing.T, s setup) *flow {
			f := accountFlow(t, s)
			return f.keyless(t, "", f.external(t, standIn))
		},
		"chain": func(t *testing.T, s setup) *flow {
			f := accountFlow(t, s)
			machine := google.MetadataBase(google.MetadataOptions{HTTPClient: f.options().HTTPClient})
			base, err := google.ImpersonatedBase("middle@project.iam.gserviceaccount.com", machine, f.options())
			if err != nil {
				t.Fatal(err)
			}
			return f.keyless(t, account, base)
		},
	}
}

func refreshFlow(t *testing.T, s setup, store providers.Store) *flow {
	t.Helper()
	s.o.Network, s.o.RotateRefresh = mock.InMemory, store != nil
	a := startGoogle(t, s.o)
	grant := a.Grant(mailbox)
	f := &flow{
		dir: s.dir, authority: a, user: mailbox, kind: providers.NeedsUser, asked: pathToken,
		revoke: func() error { a.RevokeGrant(grant); return nil },
	}
	o := f.options()
	if store != nil {
		o.Cache.Store, o.Cache.Key = store, "google/id/you"
	}
	return f.with(t)(google.RefreshToken(testClient(), grant, o))
}

// accountFlow is a flow without a generator yet.
func accountFlow(t *testing.T, s setup) *flow {
	t.Helper()
	s.o.Network = mock.InMemory
	if s.o.Machine.Project == "" {
		s.o.Machine.ServiceAccount = account
	}
	a := startGoogle(t, s.o)
	return &flow{
		dir: s.dir, authority: a, user: employee, kind: providers.Misconfigured, asked: pathSign,
		revoke: func() error {
			return a.Inject(mock.AuthorityFault{Path: pathSign, Status: 403, Error: "PERMISSION_DENIED"})
		},
	}
}

func (f *flow) with(t *testing.T) func(*providers.Cache, error) *flow {
	t.Helper()
	return func(cache *providers.Cache, err error) *flow {
		if err != nil {
			t.Fatal(err)
		}
		f.tokens = cache
		return f
	}
}

func (f *flow) withDelegation(t *testing.T) func(*google.Delegation, error) *flow {
	t.Helper()
	return func(d *google.Delegation, err error) *flow {
		if err != nil {
			t.Fatal(err)
		}
		f.tokens = d
		return f
	}
}

func (f *flow) keyless(t *testing.T, name string, base google.Base) *flow {
	t.Helper()
	return f.withDelegation(t)(google.Keyless(name, base, google.KeylessOptions{
		Options: f.options(),
	}))
}

// external is a workload of another cloud, whose token is in a file.
func (f *flow) external(t *testing.T, more string) google.Base {
	t.Helper()
	token, err := f.authority.FederatedToken("workload", mock.WorkloadAudience, 1000*time.Hour)
	file := filepath.Join(f.dir, "token")
	if err := errors.Join(err, os.WriteFile(file, []byte(token.Reveal()), 0o600)); err != nil {
		t.Fatal(err)
	}
	source := fmt.Sprintf(`{"file":%q}`, file)
	base, err := google.ExternalAccountBase(externalFile(source, `,"audience":"`+mock.WorkloadAudience+`"`+more), f.options())
	if err != nil {
		t.Fatal(err)
	}
	return base
}

// token asks for one, and has the authority look at it.
func (f *flow) token(t *testing.T, ctx context.Context, rejected *sasl.Rejection) (sasl.Token, error) {
	t.Helper()
	token, err := f.tokens.Token(ctx, sasl.TokenRequest{Username: f.user, Rejected: rejected})
	if err != nil {
		return token, err
	}
	return token, f.authority.CheckToken(ctx, mock.TokenCheck{Mechanism: "XOAUTH2", User: f.user, Token: token.Value})
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

// wantAsked counts the requests to each path since the last time.
func (f *flow) wantAsked(t *testing.T, from, most int) {
	t.Helper()
	asked := make(map[string]int)
	for _, r := range f.authority.Requests()[from:] {
		asked[r.Path]++
	}
	for path, n := range asked {
		if n > most {
			t.Errorf("%d requests for %s, want %d at most", n, path, most)
		}
	}
	if most > 0 && asked[pathToken]+asked[f.asked] == 0 {
		t.Errorf("nobody asked: %v", asked)
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
	time.Sleep(2 * time.Hour)
	from := len(f.authority.Requests())
	if err := errors.Join(f.herd(t, nil)...); err != nil {
		t.Fatal(err)
	}
	f.wantAsked(t, from, 1)
	if next, err := f.token(t, t.Context(), nil); err != nil || next.Value.Equal(first.Value) {
		t.Errorf("the next token is the first: %v", err)
	}
}

// The one who causes a request may go; who waits for it still gets the token.
func testLeader(t *testing.T, f *flow) {
	if err := f.authority.Inject(mock.AuthorityFault{Path: pathToken, Delay: 5 * time.Second}); err != nil {
		t.Fatal(err)
	}
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
	f.wantAsked(t, 0, 1)
}

// What no retry mends is asked once, and then answered without a request.
func testRevoked(t *testing.T, f *flow) {
	if err := f.revoke(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, err := range f.herd(t, nil) {
			var failure *providers.Error
			if !errors.As(err, &failure) || failure.Kind != f.kind || failure.Hint == "" {
				t.Fatalf("error %v, want %v and a hint", err, f.kind)
			}
		}
		time.Sleep(time.Minute)
	}
	f.wantAsked(t, 0, 1)
}

// A token that a server refuses is renewed once, however often it says so.
func testForced(t *testing.T, f *flow) {
	first, err := f.token(t, t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	from := len(f.authority.Requests())
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
	from = len(f.authority.Requests())
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
	if err := f.authority.Inject(mock.AuthorityFault{Path: f.asked, Delay: time.Minute}); err != nil {
		t.Fatal(err)
	}
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
	if err := f.authority.Inject(mock.AuthorityFault{Path: pathToken, Status: http.StatusServiceUnavailable, Times: 1000}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(first.Expiry) - 90*time.Second)
	from := len(f.authority.Requests())
	for range 85 {
		if token, err := f.token(t, t.Context(), nil); err != nil || !token.Value.Equal(first.Value) {
			t.Fatalf("%v before the end: %v", time.Until(first.Expiry), err)
		}
		time.Sleep(time.Second)
	}
	f.wantAsked(t, from, 10)
	time.Sleep(10 * time.Second)
	if _, err := f.token(t, t.Context(), nil); err == nil || providers.KindOf(err) != providers.Transient {
		t.Errorf("error %v, want a temporary one", err)
	}
}

package microsoft_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// TestFlows holds every way to a token to the same figures.
func TestFlows(t *testing.T) {
	for name, start := range flows() {
		for what, test := range map[string]func(*testing.T, *flow){
			"herd at expiry":         testHerd,
			"leader is gone":         testLeader,
			"leader resolves":        testResolver,
			"end of the grant":       testRevoked,
			"hundred refusals":       testForced,
			"authority is down":      testOutage,
			"the server has a token": testRefreshIn,
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				dir := t.TempDir()
				synctest.Test(t, func(t *testing.T) { test(t, start(t, setup{dir: dir})) })
			})
		}
	}
}

// herd has a hundred callers ask at once, and returns their errors.
func (f *flow) herd(t *testing.T, rejected *sasl.Rejection) []error {
	t.Helper()
	errs := make([]error, 100)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { _, errs[i] = f.token(t.Context(), rejected) })
	}
	all.Wait()
	return errs
}

// wantAsked counts the requests to each path since then.
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
	if most > 0 && asked[f.asked] == 0 {
		t.Errorf("nobody asked: %v", asked)
	}
}

// A hundred callers at the expiry of a token make one request.
func testHerd(t *testing.T, f *flow) {
	first, err := f.token(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Hour)
	from := len(f.authority.Requests())
	if err := errors.Join(f.herd(t, nil)...); err != nil {
		t.Fatal(err)
	}
	f.wantAsked(t, from, 1)
	if next, err := f.token(t.Context(), nil); err != nil || next.Value.Equal(first.Value) {
		t.Errorf("the next token is the first: %v", err)
	}
}

// The one who causes a request may go; who waits for it still gets the token.
func testLeader(t *testing.T, f *flow) { f.leader(t, f.asked) }

// So may the one for whom MSAL asks for the addresses of the login server: it has
// all others wait for that.
func testResolver(t *testing.T, f *flow) {
	if f.asked == pathToken {
		f.leader(t, pathConfig)
	}
}

func (f *flow) leader(t *testing.T, slow string) {
	t.Helper()
	if err := f.authority.Inject(mock.AuthorityFault{Path: slow, Delay: 5 * time.Second}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var both sync.WaitGroup
	both.Go(func() {
		if _, err := f.token(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the leader: %v", err)
		}
	})
	synctest.Wait()
	both.Go(func() {
		if _, err := f.token(t.Context(), nil); err != nil {
			t.Errorf("who follows: %v", err)
		}
	})
	both.Wait()
	f.wantAsked(t, f.from, 1)
}

// What no retry mends is asked once, and then answered without a request.
func testRevoked(t *testing.T, f *flow) {
	if err := f.authority.Inject(f.revoke); err != nil {
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
	f.wantAsked(t, f.from, 1)
}

// A token that a server refuses is renewed once, however often it says so. Who
// issues the tokens of a managed identity gives the same again.
func testForced(t *testing.T, f *flow) {
	first, err := f.token(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	from := len(f.authority.Requests())
	for _, err := range f.herd(t, sasl.NewRejection(sasl.ErrRejected, first)) {
		if f.stubborn != errors.Is(err, sasl.ErrNoOtherToken) || !f.stubborn && err != nil {
			t.Fatalf("after a refusal: %v", err)
		}
	}
	f.wantAsked(t, from, 1)
	second, err := f.token(t.Context(), nil)
	if err != nil || second.Value.Equal(first.Value) != f.stubborn {
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

// While the authority is out of order, a token is served as long as it is good.
func testOutage(t *testing.T, f *flow) {
	first, err := f.token(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.authority.Inject(mock.AuthorityFault{Path: f.asked, Status: http.StatusServiceUnavailable, Times: 1000}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(first.Expiry) - 90*time.Second)
	from := len(f.authority.Requests())
	for range 85 {
		if token, err := f.token(t.Context(), nil); err != nil || !token.Value.Equal(first.Value) {
			t.Fatalf("%v before the end: %v", time.Until(first.Expiry), err)
		}
		time.Sleep(time.Second)
	}
	f.wantAsked(t, from, 10)
	time.Sleep(10 * time.Second)
	if _, err := f.token(t.Context(), nil); err == nil || providers.KindOf(err) != providers.Transient {
		t.Errorf("error %v, want a temporary one", err)
	}
}

// Entra says when a long-lived token is to be renewed. If it does not give another
// then, the token is still good, and nobody notices.
func testRefreshIn(t *testing.T, f *flow) {
	long := mock.AuthorityFault{
		Path: f.asked, Times: 1, TTL: 24 * time.Hour,
		Fields: map[string]any{"refresh_in": 12 * 3600, "expires_in": 24 * 3600},
	}
	if err := f.authority.Inject(long, mock.AuthorityFault{Path: f.asked, Error: "temporarily_unavailable", Status: 503}); err != nil {
		t.Fatal(err)
	}
	first, err := f.token(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(13 * time.Hour)
	from := len(f.authority.Requests())
	for range 3 {
		token, err := f.token(t.Context(), nil)
		synctest.Wait()
		if err != nil || !token.Value.Equal(first.Value) {
			t.Fatalf("%v after the token came: %v, want the token", 13*time.Hour, err)
		}
	}
	f.wantAsked(t, from, 1)
}

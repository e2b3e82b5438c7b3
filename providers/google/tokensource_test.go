package google_test

import (
	"errors"
	"net/url"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/google"
	"github.com/seed-55a66e92/postern/sasl"
)

// A source is a token source of x/oauth2.
type source func() (*oauth2.Token, error)

func (f source) Token() (*oauth2.Token, error) { return f() }

func TestFromTokenSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		expiry := time.Now().Add(time.Hour)
		tokens := google.FromTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "ya29.x", Expiry: expiry}))
		token, err := tokens.Token(t.Context(), sasl.TokenRequest{})
		if err != nil || token.Value.Reveal() != "ya29.x" || !token.Expiry.Equal(expiry) {
			t.Fatalf("Token = %q until %v, %v", token.Value.Reveal(), token.Expiry, err)
		}
		_, err = tokens.Token(t.Context(), sasl.TokenRequest{Rejected: sasl.NewRejection(sasl.ErrRejected, token)})
		if !errors.Is(err, sasl.ErrNoOtherToken) {
			t.Errorf("after a refusal: %v, want ErrNoOtherToken", err)
		}
	})
}

// TestHungSource shows that callers do not wait for ever and that a source that
// hangs is not called again.
func TestHungSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var calls atomic.Int32
		tokens := google.FromTokenSource(source(func() (*oauth2.Token, error) {
			calls.Add(1)
			<-release
			return &oauth2.Token{AccessToken: "late"}, nil
		}))
		for range 3 {
			_, err := tokens.Token(t.Context(), sasl.TokenRequest{})
			var failure *providers.Error
			if !errors.As(err, &failure) || !failure.Temporary() {
				t.Fatalf("error %v, want a temporary one", err)
			}
			time.Sleep(time.Minute)
		}
		close(release)
		synctest.Wait()
		if n := calls.Load(); n != 1 {
			t.Errorf("%d calls while the first had not returned, want 1", n)
		}
		token, err := tokens.Token(t.Context(), sasl.TokenRequest{})
		if err != nil || token.Value.Reveal() != "late" {
			t.Errorf("Token = %q, %v", token.Value.Reveal(), err)
		}
	})
}

func TestBadSources(t *testing.T) {
	revoked := &oauth2.RetrieveError{ErrorCode: "invalid_grant", Body: []byte("ya29.leaked")}
	tests := []struct {
		name   string
		source oauth2.TokenSource
		kind   providers.Kind
	}{
		{"none", nil, providers.Misconfigured},
		{"nothing", source(func() (*oauth2.Token, error) { return nil, nil }), providers.Misconfigured},
		{"does not return", source(func() (*oauth2.Token, error) { runtime.Goexit(); return nil, nil }), providers.Misconfigured},
		{"revoked", source(func() (*oauth2.Token, error) { return nil, revoked }), providers.NeedsUser},
		{"no network", source(func() (*oauth2.Token, error) { return nil, &url.Error{Op: "Post", Err: errNoNetwork} }), providers.Transient},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := google.FromTokenSource(tt.source).Token(t.Context(), sasl.TokenRequest{})
			var failure *providers.Error
			if !errors.As(err, &failure) || failure.Kind != tt.kind {
				t.Fatalf("error %#v, want kind %v", err, tt.kind)
			}
			wantNoSecret(t, err.Error())
		})
	}
}

func TestErrorOfASource(t *testing.T) {
	own := errors.New("the vault is sealed")
	_, err := google.FromTokenSource(source(func() (*oauth2.Token, error) { return nil, own })).Token(t.Context(), sasl.TokenRequest{})
	if err != own {
		t.Errorf("error %v, want the source's own", err)
	}
}

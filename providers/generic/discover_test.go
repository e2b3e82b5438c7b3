package generic_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/generic"
)

// documents is a client for which these documents exist and nothing else does.
func documents(asked *[]string, found map[string]string) *http.Client {
	return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		*asked = append(*asked, r.URL.String())
		if body, ok := found[r.URL.String()]; ok {
			return reply(200, "application/json", body), nil
		}
		return reply(404, "text/html", "<html>no</html>"), nil
	})}
}

func TestDiscover(t *testing.T) {
	const issuer = "https://id.example.com/realms/staff"
	const document = `{"issuer":"` + issuer + `","token_endpoint":"https://id.example.com/t","authorization_endpoint":"https://id.example.com/a",` +
		`"device_authorization_endpoint":"https://id.example.com/d","token_endpoint_auth_methods_supported":["client_secret_post","private_key_jwt"],"authorization_response_iss_parameter_supported":true}`
	found := generic.Server{
		Issuer: issuer, TokenURL: "https://id.example.com/t", AuthURL: "https://id.example.com/a", DeviceURL: "https://id.example.com/d",
		ClientAuth: generic.ClientSecretPost, NamesIssuer: true,
	}
	tests := []struct {
		name, at string
		asked    int
	}{
		{"OpenID Connect", "https://id.example.com/realms/staff/.well-known/openid-configuration", 1},
		{"RFC 8414", "https://id.example.com/.well-known/oauth-authorization-server/realms/staff", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var asked []string
			got, err := generic.Discover(t.Context(), issuer, documents(&asked, map[string]string{tt.at: document}))
			if err != nil || len(asked) != tt.asked {
				t.Fatalf("%v, asked %q", err, asked)
			}
			if diff := cmp.Diff(found, got); diff != "" {
				t.Errorf("server (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("the mock", func(t *testing.T) {
		a := authority(t, mock.AuthorityOptions{})
		got, err := generic.Discover(t.Context(), a.URL(), a.HTTPClient())
		if err != nil || got.TokenURL != a.TokenURL() || got.AuthURL != a.AuthorizationURL() || got.ClientAuth != generic.ClientSecretBasic {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestDiscoverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deaf := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}
		began := time.Now()
		_, err := generic.Discover(t.Context(), "https://id.example.com", deaf)
		want(t, err, providers.Transient, "no answer within 20s")
		if took := time.Since(began); took != 40*time.Second || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v after %v, want an error of its own, 20s for each of two addresses", err, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := generic.Discover(ctx, "https://id.example.com", deaf); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the context's error", err)
		}
	})
}

func TestDiscoverRefuses(t *testing.T) {
	const issuer, at = "https://id.example.com", "https://id.example.com/.well-known/openid-configuration"
	tests := []struct {
		name, issuer, document string
		kind                   providers.Kind
		text                   string
	}{
		{"no issuer", "", "", providers.Misconfigured, "the issuer is empty"},
		{"http", "http://id.example.com", "", providers.Misconfigured, "must be https"},
		{"a query", "https://id.example.com?tenant=1", "", providers.Misconfigured, "has a query"},
		{"another's document", issuer, `{"issuer":"https://evil.example.com","token_endpoint":"https://evil.example.com/t"}`, providers.Misconfigured, "calls itself https://evil.example.com"},
		{"nothing there", issuer, "", providers.Misconfigured, "there is no metadata of the issuer https://id.example.com"},
		{"a page", issuer, "<html>", providers.Misconfigured, "is not JSON"},
		{"no token endpoint", issuer, `{"issuer":"https://id.example.com"}`, providers.Misconfigured, "token_endpoint of the authority is empty"},
		{"an endpoint in clear", issuer, `{"issuer":"https://id.example.com","token_endpoint":"http://id.example.com/t"}`, providers.Misconfigured, "must be https"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var asked []string
			found := map[string]string{}
			if tt.document != "" {
				found[at] = tt.document
			}
			_, err := generic.Discover(t.Context(), tt.issuer, documents(&asked, found))
			want(t, err, tt.kind, tt.text)
		})
	}
	down := &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("no route to host") })}
	_, err := generic.Discover(t.Context(), issuer, down)
	want(t, err, providers.Transient, "no route to host")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := generic.Discover(ctx, issuer, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's error", err)
	}
}

// Every preset is complete and asks nobody in clear.
func TestPresets(t *testing.T) {
	presets := []generic.Server{
		generic.Yahoo(), generic.AOL(), generic.Fastmail(), generic.Yandex(), generic.Zoho(""), generic.Zoho("zoho.eu"),
		generic.Keycloak("https://id.example.com/", "staff"),
	}
	for _, s := range presets {
		for _, address := range []string{s.TokenURL, s.AuthURL} {
			if !strings.HasPrefix(address, "https://") {
				t.Errorf("%s: %q", s.Name, address)
			}
		}
		if len(s.Scopes) == 0 && s.Name != "zoho" {
			t.Errorf("%s: no scopes", s.Name)
		}
	}
	if got := generic.Zoho("zoho.eu").TokenURL; got != "https://accounts.zoho.eu/oauth/v2/token" {
		t.Error(got)
	}
	if s := generic.Keycloak("https://id.example.com/", "staff"); s.TokenURL != "https://id.example.com/realms/staff/protocol/openid-connect/token" ||
		!slices.Contains(s.Scopes, "offline_access") {
		t.Errorf("%+v", s)
	}
}

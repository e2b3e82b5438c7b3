package microsoft_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/microsoft"
	"github.com/seed-55a66e92/postern/sasl"
)

// TestRequest shows what is sent, and that nobody but the tenant's own login
// server is asked.
func TestRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := new(entra)
		token := want(t, e.app(t), sasl.TokenRequest{Username: "reports@contoso.com"}, "t1")
		if left := time.Until(token.Expiry); left <= 59*time.Minute || left > time.Hour {
			t.Errorf("the token lasts %v, want an hour", left)
		}
		const root = "https://login.microsoftonline.com/" + tenant
		if want := []string{
			"GET " + root + "/v2.0/.well-known/openid-configuration",
			"POST " + root + "/oauth2/v2.0/token",
		}; !reflect.DeepEqual(e.urls, want) {
			t.Errorf("requests %q, want %q", e.urls, want)
		}
		for field, want := range map[string]string{
			"client_id": clientID, "client_secret": clientSecret, "grant_type": "client_credentials",
			"scope": "https://outlook.office365.com/.default openid offline_access profile", "claims": "",
		} {
			if got := e.forms[0].Get(field); got != want {
				t.Errorf("%s = %q, want %q", field, got, want)
			}
		}
	})
}

// TestHerd shows that MSAL, which joins no requests, is asked once for all
// mailboxes, whatever the options say.
func TestHerd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{delay: time.Second}
		o := e.options()
		o.Cache.PerUser = true
		app, err := microsoft.ClientSecret(o, sasl.NewSecret(clientSecret))
		if err != nil {
			t.Fatal(err)
		}
		for round, value := range []string{"t1", "t2"} {
			var all sync.WaitGroup
			for i := range 100 {
				all.Go(func() {
					token, err := app.Token(t.Context(), sasl.TokenRequest{Username: fmt.Sprintf("user%d@contoso.com", i)})
					if err != nil || token.Value.Reveal() != value {
						t.Errorf("round %d: %q, %v, want %s", round+1, token.Value.Reveal(), err, value)
					}
				})
			}
			all.Wait()
			if e.hits() != round+1 {
				t.Errorf("%d requests after round %d", e.hits(), round+1)
			}
			time.Sleep(time.Hour)
		}
	})
}

// TestRefusedToken shows that a refusal goes past MSAL's cache, once, and that
// all mailboxes share the new token.
func TestRefusedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := new(entra)
		app := e.app(t)
		alice, bob := sasl.TokenRequest{Username: "alice@contoso.com"}, sasl.TokenRequest{Username: "bob@contoso.com"}
		first := want(t, app, alice, "t1")
		time.Sleep(10 * time.Minute)
		alice.Rejected = sasl.NewRejection(sasl.ErrRejected, first)
		for range 100 {
			want(t, app, alice, "t2")
		}
		want(t, app, bob, "t2")
		if e.hits() != 2 {
			t.Errorf("%d requests, want 2", e.hits())
		}

		var claims struct {
			AccessToken struct {
				NBF struct {
					Essential bool
					Value     string
				}
			} `json:"access_token"`
		}
		if err := json.Unmarshal([]byte(e.forms[1].Get("claims")), &claims); err != nil {
			t.Fatalf("claims %q: %v", e.forms[1].Get("claims"), err)
		}
		if nbf := claims.AccessToken.NBF; !nbf.Essential || nbf.Value != fmt.Sprint(time.Now().Unix()) {
			t.Errorf("claims %+v, want one for a token that was issued now", nbf)
		}

		// The new token is MSAL's too: it is what the next renewal starts from.
		time.Sleep(time.Hour)
		want(t, app, bob, "t3")
	})
}

// TestSameToken shows that an authority which insists on the refused token is
// asked once.
func TestSameToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{answer: answers(http.StatusOK, `{"token_type":"Bearer","access_token":"same","expires_in":3600}`)}
		app := e.app(t)
		refused := sasl.TokenRequest{Rejected: sasl.NewRejection(sasl.ErrRejected, want(t, app, sasl.TokenRequest{}, "same"))}
		for range 5 {
			if _, err := app.Token(t.Context(), refused); !errors.Is(err, sasl.ErrNoOtherToken) {
				t.Fatalf("Token: %v, want ErrNoOtherToken", err)
			}
			time.Sleep(2 * time.Minute)
		}
		if e.hits() != 2 {
			t.Errorf("%d requests, want 2", e.hits())
		}
	})
}

// TestEarlyRenewal shows that a renewal in the background gets a new token and
// not the one of MSAL's cache.
func TestEarlyRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := new(entra)
		app := e.app(t)
		want(t, app, sasl.TokenRequest{}, "t1")
		time.Sleep(time.Hour - 5*time.Minute - 30*time.Second)
		want(t, app, sasl.TokenRequest{}, "t1")
		synctest.Wait()
		time.Sleep(2 * time.Minute)
		want(t, app, sasl.TokenRequest{}, "t1")
		synctest.Wait()
		want(t, app, sasl.TokenRequest{}, "t2")
	})
}

// TestVeryEarlyRenewal shows the same at a time at which MSAL would still hand out
// what it has.
func TestVeryEarlyRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := new(entra)
		o := e.options()
		o.Cache.Early = 20 * time.Minute
		app, err := microsoft.ClientSecret(o, sasl.NewSecret(clientSecret))
		if err != nil {
			t.Fatal(err)
		}
		want(t, app, sasl.TokenRequest{}, "t1")
		time.Sleep(45 * time.Minute)
		want(t, app, sasl.TokenRequest{}, "t1")
		synctest.Wait()
		want(t, app, sasl.TokenRequest{}, "t2")
	})
}

// TestRefreshIn shows that Entra's own hint is obeyed.
func TestRefreshIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := new(entra)
		e.answer = func(w http.ResponseWriter, r *http.Request) {
			answers(http.StatusOK, fmt.Sprintf(`{"token_type":"Bearer","access_token":"t%d","expires_in":86400,"refresh_in":43200}`, len(e.forms)))(w, r)
		}
		app := e.app(t)
		want(t, app, sasl.TokenRequest{}, "t1")
		time.Sleep(12*time.Hour - time.Minute)
		want(t, app, sasl.TokenRequest{}, "t1")
		synctest.Wait()
		want(t, app, sasl.TokenRequest{}, "t1")
		time.Sleep(2 * time.Minute)
		want(t, app, sasl.TokenRequest{}, "t1")
		synctest.Wait()
		want(t, app, sasl.TokenRequest{}, "t2")
	})
}

func TestConstruction(t *testing.T) {
	const (
		shared = " stands for many directories: an application signs in to one, named by its id or domain"
		graph  = "microsoft: Options.Scope is for Microsoft Graph, whose tokens Exchange refuses: use https://outlook.office365.com/.default"
		noURL  = "microsoft: Options.Scope is not an https URL followed by /.default"
		user   = "microsoft: Options.Scope does not end in /.default: an application asks for all it was granted, such as https://outlook.office365.com/.default, and SMTP.Send is for users"
		domain = "microsoft: Options.Tenant is neither the id nor the domain of a directory, such as contoso.onmicrosoft.com"
		server = "microsoft: Options.Authority is not the https URL of a login server, such as https://login.microsoftonline.com, without a tenant"
	)
	tests := []struct {
		name   string
		change func(*microsoft.Options)
		want   string // the error; "" means none
	}{
		{"good", func(*microsoft.Options) {}, ""},
		{"tenant by id", func(o *microsoft.Options) { o.Tenant = clientID }, ""},
		{"national cloud", func(o *microsoft.Options) {
			o.Authority, o.Scope = "https://login.microsoftonline.us/", "https://outlook.office365.us/.default"
		}, ""},
		{"test authority", func(o *microsoft.Options) {
			o.Authority, o.Tenant, o.ClientID = "https://127.0.0.1:1", "contoso", "client"
		}, ""},
		{"no tenant", func(o *microsoft.Options) { o.Tenant = "" }, "microsoft: Options.Tenant is empty: an application signs in to one directory, named by its id or domain"},
		{"common", func(o *microsoft.Options) { o.Tenant = "common" }, "microsoft: the tenant common" + shared},
		{"organizations", func(o *microsoft.Options) { o.Tenant = "Organizations" }, "microsoft: the tenant organizations" + shared},
		{"consumers", func(o *microsoft.Options) { o.Tenant = "consumers" }, "microsoft: the tenant consumers" + shared},
		{"tenant without a dot", func(o *microsoft.Options) { o.Tenant = "contoso" }, domain},
		{"tenant with a path", func(o *microsoft.Options) { o.Tenant = "contoso.com/oauth2" }, domain},
		{"tenant with a space", func(o *microsoft.Options) { o.Tenant = "contoso.com " }, domain},
		{"no client", func(o *microsoft.Options) { o.ClientID = "" }, "microsoft: Options.ClientID is empty: it is the application (client) id of the app registration"},
		{"client by name", func(o *microsoft.Options) { o.ClientID = "mailer" }, "microsoft: Options.ClientID is not a UUID: it is the application (client) id of the app registration"},
		{"delegated scope", func(o *microsoft.Options) { o.Scope = "https://outlook.office.com/SMTP.Send" }, user},
		{"two scopes", func(o *microsoft.Options) {
			o.Scope = "https://outlook.office365.com/.default https://graph.microsoft.com/.default"
		}, user},
		{"no URL", func(o *microsoft.Options) { o.Scope = "outlook/.default" }, noURL},
		{"Graph", func(o *microsoft.Options) { o.Scope = "https://graph.microsoft.com/.default" }, graph},
		{"Graph of a national cloud", func(o *microsoft.Options) { o.Scope = "https://dod-graph.microsoft.us/.default" }, graph},
		{"authority in clear", func(o *microsoft.Options) { o.Authority = "http://127.0.0.1" }, server},
		{"authority with a tenant", func(o *microsoft.Options) { o.Authority = "https://login.microsoftonline.com/common" }, server},
		{"authority with user info", func(o *microsoft.Options) { o.Authority = "https://leaked@login.microsoftonline.com" }, server},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := new(entra).options()
			tt.change(&o)
			_, err := microsoft.ClientSecret(o, sasl.NewSecret(clientSecret))
			wantMisconfigured(t, err, tt.want)
		})
	}
}

func TestSecret(t *testing.T) {
	for secret, want := range map[string]string{
		"":       "microsoft: the client secret is empty",
		clientID: "microsoft: the client secret is a UUID, as the id of a secret is: use its value, which is shown once, when the secret is made",
	} {
		_, err := microsoft.ClientSecret(new(entra).options(), sasl.NewSecret(secret))
		wantMisconfigured(t, err, want)
	}
}

// wantMisconfigured compares an error with its text; "" means that there is none.
func wantMisconfigured(t *testing.T, err error, text string) {
	t.Helper()
	if text == "" {
		if err != nil {
			t.Errorf("error %v, want none", err)
		}
		return
	}
	var failure *providers.Error
	if !errors.As(err, &failure) || failure.Kind != providers.Misconfigured || err.Error() != text {
		t.Errorf("error %v, want %q, misconfigured", err, text)
	}
	wantNoSecret(t, fmt.Sprintf("%+v", err))
}

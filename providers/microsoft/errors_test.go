package microsoft_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/microsoft"
	"github.com/seed-55a66e92/postern/sasl"
)

// refused is a token endpoint that answers as Entra does.
func refused(status int, code string, number int, text string) *entra {
	return &entra{answer: entraError(status, code, number, text)}
}

func entraError(status int, code string, number int, text string) http.HandlerFunc {
	return answers(status, fmt.Sprintf(`{"error":%q,"error_description":"AADSTS%d: %s Trace ID: aaaaaaaa-0000 Correlation ID: bbbbbbbb-0000 Timestamp: 2026-11-22 12:00:00Z",
		"error_codes":[%[2]d],"timestamp":"2026-11-22 12:00:00Z","trace_id":"aaaaaaaa-0000","correlation_id":"bbbbbbbb-0000"}`, code, number, text))
}

// TestRefusals replays what Entra says to an application.
func TestRefusals(t *testing.T) {
	tests := []struct {
		name  string
		entra *entra
		kind  providers.Kind
		code  string
		hint  string // part of it
	}{
		{"unknown application", refused(400, "unauthorized_client", 700016, "Application not found."), providers.Misconfigured, "unauthorized_client", "no application " + clientID + " in tenant " + tenant},
		{"wrong secret", refused(401, "invalid_client", 7000215, "Invalid client secret provided."), providers.Misconfigured, "invalid_client", "use its value and not its id"},
		{"expired secret", refused(401, "invalid_client", 7000222, "The provided client secret keys are expired."), providers.Misconfigured, "invalid_client", "make another"},
		{"no secret", refused(401, "invalid_client", 7000218, "The request body must contain client_secret."), providers.Misconfigured, "invalid_client", "did not prove"},
		{"public client", refused(401, "invalid_client", 700025, "Client is public."), providers.Misconfigured, "invalid_client", "leave Options.Credential out"},
		{"not subscribed", refused(400, "invalid_client", 650052, "The app needs access to a service."), providers.Misconfigured, "invalid_client", "no Exchange Online"},
		{"administrator's consent", refused(400, "access_denied", 90094, "Grant requires admin permission."), providers.Blocked, "access_denied", "/" + tenant + "/adminconsent?client_id=" + clientID},
		{"not assigned", refused(400, "invalid_grant", 50105, "The signed in user is not assigned to a role."), providers.Blocked, "invalid_grant", "under users and groups"},
		{"password expired", refused(400, "invalid_grant", 50055, "The password is expired."), providers.NeedsUser, "invalid_grant", "choose another"},
		{"risk", refused(400, "invalid_grant", 53011, "User blocked due to risk."), providers.Blocked, "invalid_grant", "Conditional Access"},
		{"unknown number", refused(401, "invalid_client", 1, "New."), providers.Misconfigured, "invalid_client", "secret or the id"},
		{"unknown code", refused(400, "invalid_request", 1, "New."), providers.Misconfigured, "invalid_request", ""},
		{"disabled", refused(400, "unauthorized_client", 7000112, "Application is disabled."), providers.Blocked, "unauthorized_client", "is disabled"},
		{"Conditional Access", refused(400, "access_denied", 53003, "Access has been blocked."), providers.Blocked, "access_denied", "Conditional Access"},
		{"single tenant", refused(400, "invalid_request", 50194, "Application is not multi-tenant."), providers.Misconfigured, "invalid_request", "registered for other accounts"},
		{"scope", refused(400, "invalid_scope", 1002012, "Must end in /.default."), providers.Misconfigured, "invalid_scope", "https://outlook.office365.com/.default is not known"},
		{"resource", refused(400, "invalid_resource", 500011, "The resource principal was not found."), providers.Misconfigured, "invalid_resource", "no Exchange Online"},
		{"throttled by number", refused(400, "invalid_request", 90055, "Too many requests."), providers.Transient, "invalid_request", ""},
		{"too many", refused(429, "invalid_client", 7000215, "Later."), providers.Transient, "invalid_client", ""},
		{"out of service", refused(503, "temporarily_unavailable", 90033, "Later."), providers.Transient, "temporarily_unavailable", ""},
		{"out of service, HTML", &entra{answer: answers(502, "<html>leaked</html>")}, providers.Transient, "", ""},
		{"no tenant", &entra{config: entraError(400, "invalid_tenant", 90002, "Tenant not found.")}, providers.Misconfigured, "invalid_tenant", "no tenant " + tenant},
		{"not found", &entra{config: answers(404, "leaked")}, providers.Misconfigured, "", "check Options.Authority"},
		{"redirect", &entra{answer: answers(302, "")}, providers.Misconfigured, "", "check Options.Authority"},
		{"captive portal", &entra{answer: answers(200, "<html>leaked</html>")}, providers.Transient, "", "captive portal"},
		{"token cut off", &entra{answer: answers(200, `{"access_token":"leaked`)}, providers.Transient, "", "captive portal"},
		{"no lifetime", &entra{answer: answers(200, `{"token_type":"Bearer","access_token":"leaked"}`)}, providers.Transient, "", "captive portal"},
		{"another scope", &entra{answer: answers(200, `{"token_type":"Bearer","access_token":"leaked","expires_in":3600,"scope":"https://outlook.office.com/SMTP.Send"}`)}, providers.Misconfigured, "", "permissions of the application"},
		{"another issuer", &entra{config: configuration("elsewhere.example")}, providers.Misconfigured, "", "Options.Tenant"},
		{"secrets in the answer", refused(400, "invalid_client", 1, "Secret "+clientSecret+" is wrong."), providers.Misconfigured, "invalid_client", "secret or the id"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app := tt.entra.app(t)
				_, err := app.Token(t.Context(), sasl.TokenRequest{})
				var failure *providers.Error
				if !errors.As(err, &failure) {
					t.Fatalf("error %v is no *providers.Error", err)
				}
				if failure.Kind != tt.kind || failure.Code != tt.code || failure.Temporary() != (tt.kind == providers.Transient) {
					t.Errorf("%v %q, want %v %q (%v)", failure.Kind, failure.Code, tt.kind, tt.code, err)
				}
				if !strings.Contains(failure.Hint, tt.hint) || tt.hint == "" && failure.Hint != "" {
					t.Errorf("hint %q, want %q in it", failure.Hint, tt.hint)
				}
				if !strings.HasPrefix(err.Error(), "microsoft: ") || strings.Contains(failure.Description, "Trace ID") {
					t.Errorf("error %q", err)
				}
				wantNoSecret(t, fmt.Sprintf("%v %+v %#v", err, *failure, *failure))

				before := len(tt.entra.urls)
				app.Token(t.Context(), sasl.TokenRequest{})
				if len(tt.entra.urls) != before {
					t.Error("the failure was not remembered")
				}
			})
		})
	}
}

func TestErrorText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := refused(401, "invalid_client", 7000222, "The provided client secret keys are expired.").app(t).Token(t.Context(), sasl.TokenRequest{})
		want := "microsoft: invalid_client (HTTP 401): AADSTS7000222: The provided client secret keys are expired; " +
			"the client secret has expired: make another in the app registration of " + clientID + ", or move to a certificate or a workload identity [correlation id bbbbbbbb-0000]"
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	})
}

func TestRetryAfterIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := new(entra)
		e.answer = func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "30")
			entraError(429, "temporarily_unavailable", 90055, "Later.")(w, r)
		}
		app := e.app(t)
		_, err := app.Token(t.Context(), sasl.TokenRequest{})
		var failure *providers.Error
		if !errors.As(err, &failure) || failure.RetryAfter != 30*time.Second {
			t.Fatalf("error %#v, want RetryAfter 30 s", err)
		}
		time.Sleep(29 * time.Second)
		app.Token(t.Context(), sasl.TokenRequest{})
		if e.hits() != 1 {
			t.Errorf("%d requests within 30 s, want 1", e.hits())
		}
	})
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// through returns an App whose requests go to f.
func through(t *testing.T, f transport) *microsoft.App {
	t.Helper()
	o := new(entra).options()
	o.HTTPClient = &http.Client{Transport: f}
	app, err := microsoft.ClientSecret(o, sasl.NewSecret(clientSecret))
	if err != nil {
		t.Fatal(err)
	}
	return app
}

func TestUnreachable(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	_, err := through(t, func(*http.Request) (*http.Response, error) { return nil, refused }).Token(t.Context(), sasl.TokenRequest{})
	var failure *providers.Error
	if !errors.As(err, &failure) || !failure.Temporary() || !errors.Is(err, refused) {
		t.Errorf("error %v, want a temporary one with its cause", err)
	}
}

// TestNoAnswer shows that a request ends, and that MSAL works again afterwards:
// the deadline of one caller does not stay with it.
func TestNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, silent := new(entra), true
		app := through(t, func(r *http.Request) (*http.Response, error) {
			if silent {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return e.RoundTrip(r)
		})
		start := time.Now()
		_, err := app.Token(t.Context(), sasl.TokenRequest{})
		var failure *providers.Error
		if !errors.As(err, &failure) || !failure.Temporary() || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if waited := time.Since(start); waited != 20*time.Second {
			t.Errorf("waited %v, want 20 s", waited)
		}
		silent = false
		time.Sleep(time.Minute)
		want(t, app, sasl.TokenRequest{}, "t1")
	})
}

// TestLeaderGivesUp shows that the first caller's context does not poison the
// resolution of endpoints, which MSAL joins, for others.
func TestLeaderGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{delay: time.Second}
		app := e.app(t)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		leader := make(chan error)
		go func() {
			_, err := app.Token(ctx, sasl.TokenRequest{})
			leader <- err
		}()
		synctest.Wait()
		want(t, app, sasl.TokenRequest{}, "t1")
		if err := <-leader; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("leader: %v, want its deadline", err)
		}
	})
}

// TestWithoutAnHTTPClient shows that the default is http.DefaultTransport.
func TestWithoutAnHTTPClient(t *testing.T) {
	o := new(entra).options()
	o.HTTPClient = nil
	app, err := microsoft.ClientSecret(o, sasl.NewSecret(clientSecret))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := app.Token(t.Context(), sasl.TokenRequest{}); !errors.Is(err, errNoNetwork) {
		t.Errorf("error %v, want that of http.DefaultTransport", err)
	}
}

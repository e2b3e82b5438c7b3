package microsoft_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/microsoft"
	"github.com/seed-55a66e92/postern/sasl"
)

const back = "https://app.example.com/back"

// web returns an authority and the options of a web application that it knows.
func web(t *testing.T) (*mock.Authority, microsoft.Options) {
	t.Helper()
	a := startEntra(t, mock.AuthorityOptions{RotateRefresh: true, Redirects: []string{back}}, clientSecret)
	o := usual(a)
	o.Credential = microsoft.Secret(sasl.NewSecret(clientSecret))
	o.Cache.Store, o.Cache.Key = new(providers.MemoryStore), "microsoft/id/you"
	return a, o
}

// visit begins a sign-in and returns what the browser comes back with.
func visit(t *testing.T, a *mock.Authority, o microsoft.Options, c mock.Consent) (microsoft.WebLogin, url.Values) {
	t.Helper()
	w, err := microsoft.BeginWebLogin(t.Context(), o, back, mailbox)
	if err != nil {
		t.Fatal(err)
	}
	r, err := a.Authorize(t.Context(), w.URL, c)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.URL.Scheme + "://" + r.URL.Host + r.URL.Path; got != back {
		t.Errorf("the browser comes back to %s", got)
	}
	return w, r.URL.Query()
}

func TestWebLogin(t *testing.T) {
	a, o := web(t)
	w, answer := visit(t, a, o, mock.Consent{})
	u, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	for name, want := range map[string]string{
		"response_type": "code", "client_id": clientID, "redirect_uri": back, "code_challenge_method": "S256", "login_hint": mailbox,
		"scope": "openid profile offline_access https://outlook.office.com/SMTP.Send",
	} {
		if got := query.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if len(query.Get("state")) < 22 || len(query.Get("code_challenge")) != 43 || query.Has("client_secret") {
		t.Errorf("query %v", query)
	}
	grant, err := microsoft.FinishWebLogin(t.Context(), o, w.Session, answer)
	wantGrant(t, a, o, grant, err)

	// A code counts once, and what it brought ends if it comes twice.
	if _, err := microsoft.FinishWebLogin(t.Context(), o, w.Session, answer); providers.KindOf(err) != providers.NeedsUser {
		t.Errorf("a second time: %v, want NeedsUser", err)
	}
}

func TestWebLoginFailures(t *testing.T) {
	a, o := web(t)
	w, answer := visit(t, a, o, mock.Consent{})
	other, _ := visit(t, a, o, mock.Consent{})
	_, denied := visit(t, a, o, mock.Consent{Deny: true})
	with := func(from url.Values, changes ...string) url.Values {
		values := url.Values{}
		for name := range from {
			values.Set(name, from.Get(name))
		}
		for i := 0; i < len(changes); i += 2 {
			values.Set(changes[i], changes[i+1])
		}
		return values
	}
	tests := []struct {
		name    string
		session sasl.Secret
		answer  url.Values
		text    string
	}{
		{"no session", sasl.Secret{}, answer, "no sign-in that this browser has begun"},
		{"nonsense for a session", sasl.NewSecret("{}"), answer, "no sign-in that this browser has begun"},
		{"the session of another", other.Session, answer, "not that of the sign-in"},
		{"no state", w.Session, url.Values{"code": answer["code"]}, "not that of the sign-in"},
		{"two states", w.Session, url.Values{"code": answer["code"], "state": append(answer["state"], "x")}, "not that of the sign-in"},
		{"declined by somebody else", w.Session, denied, "not that of the sign-in"},
		{"declined", w.Session, with(denied, "state", answer.Get("state")), "was declined"},
		{"the code of another", other.Session, with(answer, "state", stateOf(t, other)), "invalid_grant"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := microsoft.FinishWebLogin(t.Context(), o, tt.session, tt.answer)
			if providers.KindOf(err) != providers.NeedsUser || err == nil || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want NeedsUser with %q", err, tt.text)
			}
		})
	}
	if _, err := providers.Inspect(t.Context(), o.Cache.Store, o.Cache.Key); err == nil {
		t.Error("something was saved")
	}
	_, err := microsoft.BeginWebLogin(t.Context(), o, "/back", mailbox)
	wantMisconfigured(t, err, "microsoft: the redirect URI is not the https URL of a page of the application")
}

func stateOf(t *testing.T, w microsoft.WebLogin) string {
	t.Helper()
	u, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("state")
}

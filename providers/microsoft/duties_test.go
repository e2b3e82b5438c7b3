package microsoft_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/microsoft"
	"github.com/seed-55a66e92/postern/sasl"
)

// An entry is a part of a cache as another program's MSAL has serialized it.
type entry = map[string]any

// foreign returns such a cache, with the refresh token of each user, and with an
// access token of the first.
func foreign(client, host string, refreshOn time.Time, users map[string]sasl.Secret) sasl.Secret {
	accounts, refresh, access := entry{}, entry{}, entry{}
	now := time.Now().Unix()
	for user, secret := range users {
		home := "uid-of-" + user + ".utid"
		accounts[user] = entry{"home_account_id": home, "environment": host, "realm": tenant, "local_account_id": "x", "authority_type": "MSSTS", "username": user}
		refresh[user] = entry{
			"home_account_id": home, "environment": host, "credential_type": "RefreshToken", "client_id": client, "secret": secret.Reveal(),
			"target": "https://outlook.office.com/SMTP.Send", "last_modification_time": fmt.Sprint(now),
		}
		access[user] = entry{
			"home_account_id": home, "environment": host, "credential_type": "AccessToken", "client_id": client, "secret": "cached-token-of-" + user,
			"realm": tenant, "target": "https://outlook.office.com/SMTP.Send", "token_type": "Bearer", "cached_at": fmt.Sprint(now - 10),
			"expires_on": fmt.Sprint(now + 7200), "extended_expires_on": fmt.Sprint(now + 7200), "refresh_on": fmt.Sprint(refreshOn.Unix()),
		}
	}
	text, err := json.Marshal(entry{"Account": accounts, "RefreshToken": refresh, "AccessToken": access, "IdToken": entry{}})
	if err != nil {
		panic(err)
	}
	return sasl.NewSecret(string(text))
}

const worldwide = "login.microsoftonline.com"

// MSAL returns a good token along with an error if that token is due and Entra does
// not give another. The token counts.
func TestTokenWithError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := startEntra(t, mock.AuthorityOptions{Network: mock.InMemory, Faults: []mock.AuthorityFault{{Path: pathToken, Status: 503}}}, "")
		o := usual(a)
		o.Cache.Grant = foreign(clientID, worldwide, time.Now().Add(-time.Minute), map[string]sasl.Secret{mailbox: a.Grant(mailbox)})
		tokens, err := microsoft.Account(o, mailbox)
		if err != nil {
			t.Fatal(err)
		}
		token := want(t, tokens, sasl.TokenRequest{}, "cached-token-of-"+mailbox)
		if left := time.Until(token.Expiry); left < 119*time.Minute || left > 2*time.Hour {
			t.Errorf("it is good for %v, want two hours", left)
		}
		// A server refuses it: then there is nothing left.
		_, err = tokens.Token(t.Context(), sasl.TokenRequest{Rejected: sasl.NewRejection(sasl.ErrRejected, token)})
		if providers.KindOf(err) != providers.Transient || err == nil {
			t.Errorf("after a refusal: %v, want Entra's answer", err)
		}
		if n := len(a.Requests()); n != 3 {
			t.Errorf("%d requests, want one for the addresses and two for tokens", n)
		}
	})
}

// A token that MSAL finds in the cache of another program does not come back when a
// server has refused it.
func TestForeignTokenRefused(t *testing.T) {
	for _, secret := range []string{"", clientSecret} {
		a := startEntra(t, mock.AuthorityOptions{}, secret)
		o := usual(a)
		o.Cache.Grant = foreign(clientID, worldwide, time.Now().Add(time.Hour), map[string]sasl.Secret{mailbox: a.Grant(mailbox)})
		if secret != "" {
			o.Credential = microsoft.Secret(sasl.NewSecret(secret))
		}
		tokens, err := microsoft.Account(o, mailbox)
		if err != nil {
			t.Fatal(err)
		}
		cached := want(t, tokens, sasl.TokenRequest{}, "cached-token-of-"+mailbox)
		if len(a.Requests()) != 0 {
			t.Errorf("requests %+v", a.Requests())
		}
		if tokens, err = microsoft.Account(o, mailbox); err != nil { // the program is started again
			t.Fatal(err)
		}
		token, err := tokens.Token(t.Context(), sasl.TokenRequest{Rejected: sasl.NewRejection(sasl.ErrRejected, cached)})
		if err != nil || a.CheckToken(t.Context(), mock.TokenCheck{Mechanism: "XOAUTH2", User: mailbox, Token: token.Value}) != nil {
			t.Errorf("the next one: %v", err)
		}
	}
}

// The scopes of OpenID Connect may be named, and are asked for once either way.
func TestReservedScopes(t *testing.T) {
	a := startEntra(t, mock.AuthorityOptions{}, "")
	for _, scope := range []string{"", "offline_access https://outlook.office.com/SMTP.Send openid", "openid profile email offline_access"} {
		o := usual(a)
		o.Scope = scope
		tokens, err := microsoft.RefreshToken(o, mailbox, a.Grant(mailbox))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tokens.Token(t.Context(), sasl.TokenRequest{}); err != nil {
			t.Errorf("%q: %v", scope, err)
		}
		requests := a.Requests()
		if got := requests[len(requests)-1].Scope; got != "https://outlook.office.com/SMTP.Send openid offline_access profile" {
			t.Errorf("%q: asked for %q", scope, got)
		}
	}
}

// Each account has a client of MSAL's: one for all would hold the cache of whoever
// asked last, and accounts that ask at the same time would not find themselves in
// it. Large caches, which take long to read, make sure that they meet.
func TestAccountsApart(t *testing.T) {
	a := startEntra(t, mock.AuthorityOptions{}, "")
	crowd := make(map[string]sasl.Secret)
	for i := range 200 {
		crowd[fmt.Sprintf("absent%d@contoso.com", i)] = sasl.NewSecret("of-nobody")
	}
	var all sync.WaitGroup
	for i := range 30 {
		user := fmt.Sprintf("user%d@contoso.com", i)
		mine := maps.Clone(crowd)
		mine[user] = sasl.NewSecret("refresh-token")
		o := usual(a)
		o.Cache.Grant = foreign(clientID, worldwide, time.Now().Add(time.Hour), mine)
		tokens, err := microsoft.Account(o, user)
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			token, err := tokens.Token(t.Context(), sasl.TokenRequest{})
			if err != nil || token.Value.Reveal() != "cached-token-of-"+user {
				t.Errorf("%s has the token %q: %v", user, token.Value.Reveal(), err)
			}
		})
	}
	all.Wait()
}

// A cache that cannot be saved costs nobody a token, nor the grant that came with it.
func TestUnsavedGrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := startEntra(t, mock.AuthorityOptions{Network: mock.InMemory, RotateRefresh: true}, "")
		var failed atomic.Int32
		o := usual(a)
		o.Cache.Store, o.Cache.Key = &readOnly{}, "k"
		o.Cache.Events = func(e providers.Event) {
			if e.Kind == providers.SaveFailed && errors.Is(e.Err, errReadOnly) {
				failed.Add(1)
			}
		}
		tokens, err := microsoft.RefreshToken(o, mailbox, a.Grant(mailbox))
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if token, err := tokens.Token(t.Context(), sasl.TokenRequest{}); err != nil || token.Subject != mailbox {
				t.Fatalf("token of %q: %v", token.Subject, err)
			}
			time.Sleep(2 * time.Hour)
		}
		if err := tokens.Close(); !errors.Is(err, errReadOnly) || failed.Load() == 0 {
			t.Errorf("Close: %v after %d events", err, failed.Load())
		}
	})
}

// Entra is told why another token is wanted, before the one at hand expires.
func TestRenewalByClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{}
		e.answer = func(w http.ResponseWriter, r *http.Request) {
			answers(http.StatusOK, fmt.Sprintf(`{"token_type":"Bearer","access_token":"t%d","expires_in":3600,"refresh_token":"r%[1]d"}`, len(e.forms)))(w, r)
		}
		tokens, err := microsoft.RefreshToken(e.options(), "", sasl.NewSecret("r0"))
		if err != nil {
			t.Fatal(err)
		}
		first := want(t, tokens, sasl.TokenRequest{}, "t1")
		time.Sleep(10 * time.Minute)
		want(t, tokens, sasl.TokenRequest{Rejected: sasl.NewRejection(sasl.ErrRejected, first)}, "t2")
		claims := fmt.Sprintf(`{"access_token":{"nbf":{"essential":true,"value":"%d"}}}`, time.Now().Unix())
		if e.forms[0].Has("claims") || e.forms[1].Get("claims") != claims || e.forms[1].Get("refresh_token") != "r1" {
			t.Errorf("forms %v, want claims %s in the second alone", e.forms, claims)
		}
	})
}

// A token whose claims say why Exchange refuses it is not fetched again and again.
func TestRefusedForItsClaims(t *testing.T) {
	for name, tt := range map[string]struct {
		claims, hint string
	}{
		"Graph":    {`{"aud":"https://graph.microsoft.com","scp":"Mail.Send"}`, "the token is for https://graph.microsoft.com and not for Exchange"},
		"no role":  {`{"aud":"https://outlook.office365.com","roles":["Mail.Read"]}`, "the role SMTP.SendAsApp"},
		"IMAP":     {`{"aud":"https://outlook.office.com","scp":"IMAP.AccessAsUser.All"}`, "and not for SMTP.Send"},
		"in order": {`{"aud":"00000002-0000-0ff1-ce00-000000000000","roles":["SMTP.SendAsApp"]}`, ""},
	} {
		e := &entra{answer: answers(http.StatusOK, fmt.Sprintf(`{"token_type":"Bearer","access_token":%q,"expires_in":3600}`, jwt(tt.claims)))}
		app := e.app(t)
		first, err := app.Token(t.Context(), sasl.TokenRequest{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = app.Token(t.Context(), sasl.TokenRequest{Rejected: sasl.NewRejection(sasl.ErrRejected, first)})
		switch {
		case tt.hint == "" && !errors.Is(err, sasl.ErrNoOtherToken):
			t.Errorf("%s: %v, want ErrNoOtherToken", name, err)
		case tt.hint != "" && (providers.KindOf(err) != providers.Misconfigured || !strings.Contains(fmt.Sprint(err), tt.hint)):
			t.Errorf("%s: %v, want %q", name, err, tt.hint)
		}
	}
}

package microsoft_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/microsoft"
	"github.com/seed-55a66e92/postern/sasl"
)

// FuzzExplain has tokens say anything of themselves. What comes of it can be shown.
func FuzzExplain(f *testing.F) {
	for _, claims := range []string{
		`{"aud":"https://outlook.office.com","scp":"SMTP.Send","exp":1764540000}`, `{"roles":["a",null,"b"]}`, `{"exp":-1e308}`, `[]`, `null`, `{"aud":"\u0000"}`,
	} {
		f.Add(claims)
	}
	f.Fuzz(func(t *testing.T, claims string) {
		c, err := explain(claims)
		shown := strings.Join(append(append([]string{c.Audience, c.Tenant, c.ClientID, c.User}, c.Scopes...), c.Roles...), "")
		if err != nil && shown != "" || strings.ContainsAny(shown, "\x00\x1b\r\n") {
			t.Errorf("%q, %v", shown, err)
		}
		if hint := c.Hint(); err != nil && hint == "" {
			t.Error("no claims, and no hint")
		}
		token := sasl.Token{Value: sasl.NewSecret("e30." + base64.StdEncoding.EncodeToString([]byte(claims)) + "." + claims)}
		_, _ = microsoft.Explain(token)
	})
}

// FuzzGrant has a store hold anything. What cannot be used is an error that does not
// repeat it.
func FuzzGrant(f *testing.F) {
	f.Add(`{"RefreshToken":{"a":{"home_account_id":"h","environment":"login.microsoftonline.com","client_id":"`+clientID+`","secret":"s"}}}`, mailbox)
	f.Add(`{"RefreshToken":{"a":null},"Account":{"b":{"username":"x"}}}`, "")
	f.Add(`{"RefreshToken":[]}`, mailbox)
	f.Add("0.refresh-token", mailbox)
	f.Add(" ", "")
	f.Fuzz(func(t *testing.T, kept, user string) {
		o := new(entra).options()
		o.Cache.Store, o.Cache.Key = new(providers.MemoryStore), "k"
		if err := providers.SaveGrant(t.Context(), o.Cache.Store, "k", providers.Response{Grant: sasl.NewSecret(kept)}); err != nil {
			t.Fatal(err)
		}
		tokens, err := microsoft.Account(o, user)
		if err != nil {
			if providers.KindOf(err) != providers.Misconfigured {
				t.Errorf("error %v", err)
			}
			return
		}
		if _, err := tokens.Token(t.Context(), sasl.TokenRequest{}); err != nil && len(kept) > 20 && strings.Contains(err.Error(), kept) {
			t.Errorf("error %v repeats what was kept", err)
		}
	})
}

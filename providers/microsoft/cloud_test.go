package microsoft_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/providers/microsoft"
	"github.com/seed-55a66e92/postern/sasl"
)

// TestClouds shows that each cloud is asked at its own login server, for its own
// mail server.
func TestClouds(t *testing.T) {
	for cloud, tt := range map[microsoft.Cloud]struct{ login, app, user, addr, identity string }{
		microsoft.Worldwide: {"login.microsoftonline.com", "https://outlook.office365.com/.default", "https://outlook.office.com/SMTP.Send", "smtp.office365.com", "api://AzureADTokenExchange"},
		microsoft.GCCHigh:   {"login.microsoftonline.us", "https://outlook.office365.us/.default", "https://outlook.office365.us/SMTP.Send", "smtp.office365.us", "api://AzureADTokenExchangeUSGov"},
		microsoft.DoD:       {"login.microsoftonline.us", "https://outlook-dod.office365.us/.default", "https://outlook-dod.office365.us/SMTP.Send", "outlook-dod.office365.us", "api://AzureADTokenExchangeUSGov"},
		microsoft.China:     {"login.partner.microsoftonline.cn", "https://partner.outlook.cn/.default", "https://partner.outlook.cn/SMTP.Send", "smtp.partner.outlook.cn", "api://AzureADTokenExchangeChina"},
	} {
		t.Run(cloud.String(), func(t *testing.T) {
			var hosts []string
			var resource string
			e := &cloudServer{host: tt.login, see: func(r *http.Request) {
				hosts = append(hosts, r.URL.Host)
				if r.URL.Path == pathIMDS {
					resource = r.URL.Query().Get("resource")
				}
			}}
			o := e.options()
			o.HTTPClient, o.Cloud = &http.Client{Transport: e}, cloud
			app, err := microsoft.ClientSecret(o, sasl.NewSecret(clientSecret))
			if err != nil {
				t.Fatal(err)
			}
			want(t, app, sasl.TokenRequest{}, "t1")
			account, err := microsoft.RefreshToken(o, "", sasl.NewSecret("r0"))
			if err != nil {
				t.Fatal(err)
			}
			want(t, account, sasl.TokenRequest{}, "t2")
			for i, scope := range []string{tt.app, tt.user} {
				if got := e.forms[i].Get("scope"); !strings.HasPrefix(got, scope+" ") {
					t.Errorf("scope %q, want %q", got, scope)
				}
			}
			o.Credential = microsoft.FederatedIdentity(microsoft.Identity{})
			if app, err = microsoft.NewApp(o); err != nil {
				t.Fatal(err)
			}
			_, _ = app.Token(t.Context(), sasl.TokenRequest{}) // there is no identity
			for _, host := range hosts[:4] {
				if host != tt.login {
					t.Errorf("asked %s, want %s", host, tt.login)
				}
			}
			if resource != tt.identity || !strings.Contains(cloud.Profile().Addr, tt.addr) {
				t.Errorf("identity for %q, mail server %s", resource, cloud.Profile().Addr)
			}
		})
	}
}

// A cloudServer is an entra by another name.
type cloudServer struct {
	entra
	host string
	see  func(*http.Request)
}

func (c *cloudServer) RoundTrip(r *http.Request) (*http.Response, error) {
	c.see(r)
	if r.URL.Path == pathIMDS {
		return nil, errNoNetwork
	}
	c.config = answers(http.StatusOK, strings.NewReplacer("HOST", c.host, "TENANT", tenant).Replace(`{"issuer":"https://HOST/TENANT/v2.0",
		"authorization_endpoint":"https://HOST/TENANT/oauth2/v2.0/authorize","token_endpoint":"https://HOST/TENANT/oauth2/v2.0/token"}`))
	return c.entra.RoundTrip(r)
}

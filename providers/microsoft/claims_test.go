package microsoft_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-55a66e92/postern/providers/microsoft"
	"github.com/seed-55a66e92/postern/sasl"
)

// jwt returns a token with these claims, and a signature that nobody has made.
func jwt(claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode([]byte(claims)) + ".c2lnbmF0dXJl"
}

func explain(claims string) (microsoft.Claims, error) {
	return microsoft.Explain(sasl.Token{Value: sasl.NewSecret(jwt(claims))})
}

func TestExplain(t *testing.T) {
	for name, tt := range map[string]struct {
		claims string
		want   microsoft.Claims
	}{
		"user": {
			`{"aud":"https://outlook.office.com","scp":"IMAP.AccessAsUser.All SMTP.Send","tid":"t","appid":"c","upn":"you@contoso.com","exp":1764540000}`,
			microsoft.Claims{Audience: "https://outlook.office.com", Scopes: []string{"IMAP.AccessAsUser.All", "SMTP.Send"}, Tenant: "t", ClientID: "c", User: mailbox, Expiry: time.Unix(1764540000, 0)},
		},
		"application": {
			`{"aud":"https://outlook.office365.com","roles":["SMTP.SendAsApp"],"tid":"t","azp":"c","exp":1764540000.5}`,
			microsoft.Claims{Audience: "https://outlook.office365.com", Roles: []string{"SMTP.SendAsApp"}, Tenant: "t", ClientID: "c", Expiry: time.Unix(1764540000, 0)},
		},
		"second version":  {`{"preferred_username":"you@contoso.com"}`, microsoft.Claims{User: mailbox}},
		"nothing":         {`{}`, microsoft.Claims{}},
		"no such time":    {`{"exp":1e300}`, microsoft.Claims{}},
		"for a terminal":  {`{"aud":"\u001b[31mred\n"}`, microsoft.Claims{Audience: ".[31mred"}},
		"a token in turn": {`{"upn":"` + jwt(`{}`) + `"}`, microsoft.Claims{User: "[redacted]"}},
	} {
		got, err := explain(tt.claims)
		if diff := cmp.Diff(tt.want, got, cmp.Comparer(func(a, b []string) bool { return strings.Join(a, " ") == strings.Join(b, " ") })); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestExplainOpaque(t *testing.T) {
	for _, value := range []string{
		"", "EwBwA8l6BAAUkj1NuJYtTVha+Mogk+HEiPbQo04AAQopaque", "a.b", "a.b.c", "..", jwt("no JSON"), jwt(`["aud"]`), jwt(`{"aud":1}`), jwt(`{}`) + ".x",
		jwt(`{"aud":"` + strings.Repeat("x", 1<<20) + `"}`),
	} {
		_, err := microsoft.Explain(sasl.Token{Value: sasl.NewSecret(value)})
		if !errors.Is(err, microsoft.ErrOpaque) || len(value) > 3 && strings.Contains(err.Error(), value) {
			t.Errorf("%.40q: %v, want ErrOpaque", value, err)
		}
	}
}

func TestHint(t *testing.T) {
	const exchange = `"aud":"https://outlook.office.com"`
	soon := fmt.Sprint(time.Now().Add(time.Hour).Unix())
	for claims, want := range map[string]string{
		`{` + exchange + `,"scp":"SMTP.Send","exp":` + soon + `}`:          "",
		`{` + exchange + `,"scp":"Mail.Send smtp.send"}`:                   "",
		`{"aud":"https://partner.outlook.cn/","roles":["SMTP.SendAsApp"]}`: "",
		`{"aud":"https://outlook-dod.office365.us","scp":"SMTP.Send"}`:     "",
		`{` + exchange + `,"scp":"SMTP.Send","exp":1000000000}`:            "the token expired at 2001-09-09",
		`{` + exchange + `}`: "SMTP.SendAsApp",
		`{"aud":"00000003-0000-0000-c000-000000000000","scp":"SMTP.Send"}`:    "not for Exchange",
		`{"aud":"https://outlook.office.com.evil.example","scp":"SMTP.Send"}`: "not for Exchange",
		`{}`: "not for Exchange",
	} {
		c, err := explain(claims)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Hint(); !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("%s: %q, want %q", claims, got, want)
		}
	}
}

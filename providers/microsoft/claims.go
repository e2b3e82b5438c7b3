package microsoft

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// Claims are what an access token says of itself. Nobody has checked whether it
// says the truth: they serve to find a mistake, and nothing may be decided by
// them. They hold no secret.
type Claims struct {
	Audience string    // aud: the resource that the token is for
	Scopes   []string  // scp: what a user has consented to
	Roles    []string  // roles: what an application may do
	Tenant   string    // tid: the directory
	ClientID string    // appid or azp: the application
	User     string    // upn or preferred_username: whose mailbox; empty for an application
	Expiry   time.Time // exp
}

// ErrOpaque says that a token tells nothing to those whom it is not for, as those of
// personal accounts do not.
var ErrOpaque = errors.New("microsoft: the access token is opaque: its claims cannot be read")

// maxToken is the longest token that is looked into, in octets.
const maxToken = 64 << 10

// Explain reads the claims of an access token without checking its signature. The
// error matches [ErrOpaque] if it has none.
func Explain(token sasl.Token) (Claims, error) {
	value := token.Value.Reveal()
	parts := strings.Split(value, ".")
	if len(parts) != 3 || len(value) > maxToken {
		return Claims{}, ErrOpaque
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return Claims{}, ErrOpaque
	}
	var c struct {
		Audience string   `json:"aud"`
		Scope    string   `json:"scp"`
		Roles    []string `json:"roles"`
		Tenant   string   `json:"tid"`
		AppID    string   `json:"appid"`
		AZP      string   `json:"azp"`
		UPN      string   `json:"upn"`
		Name     string   `json:"preferred_username"`
		Expiry   float64  `json:"exp"`
	}
	if json.Unmarshal(text, &c) != nil { // its error might quote
		return Claims{}, ErrOpaque
	}
	claims := Claims{
		Audience: providers.Scrub(c.Audience), Scopes: each(strings.Fields(c.Scope)), Roles: each(c.Roles), Tenant: providers.Scrub(c.Tenant),
		ClientID: providers.Scrub(cmp.Or(c.AppID, c.AZP)), User: providers.Scrub(cmp.Or(c.UPN, c.Name)),
	}
	if c.Expiry > 0 && c.Expiry < 1<<40 {
		claims.Expiry = time.Unix(int64(c.Expiry), 0)
	}
	return claims, nil
}

// Hint says, in a sentence, what of the claims Exchange is known to refuse. Empty
// means that they look right.
func (c Claims) Hint() string {
	holds := func(list []string, name string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, name) })
	}
	switch {
	case !isExchange(c.Audience):
		return "the token is for " + c.Audience + " and not for Exchange: ask for the scope of the mail server, such as https://outlook.office.com/SMTP.Send"
	case len(c.Scopes) > 0 && !holds(c.Scopes, "SMTP.Send"):
		return "the token is for " + strings.Join(c.Scopes, " ") + " and not for SMTP.Send: ask for that scope, and have the user consent to it"
	case len(c.Scopes) == 0 && !holds(c.Roles, "SMTP.SendAsApp"):
		return "the token does not hold the role SMTP.SendAsApp: add that application permission of Office 365 Exchange Online to the app registration, and have an administrator consent to it"
	case !c.Expiry.IsZero() && time.Now().After(c.Expiry):
		return "the token expired at " + c.Expiry.UTC().Format(time.RFC3339) + ": see to the clock of this machine"
	}
	return ""
}

// isExchange reports whether an audience is Exchange Online, of any cloud, by name
// or by the id that it has everywhere.
func isExchange(audience string) bool {
	if audience == "00000002-0000-0ff1-ce00-000000000000" {
		return true
	}
	u, err := url.Parse(audience)
	if err != nil {
		return false
	}
	switch strings.ToLower(u.Hostname()) {
	case "outlook.office.com", "outlook.office365.com", "outlook.office365.us", "outlook-dod.office365.us", "partner.outlook.cn":
		return true
	}
	return false
}

// each scrubs every element of a list.
func each(list []string) []string {
	for i, s := range list {
		list[i] = providers.Scrub(s)
	}
	return list
}

package mock

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
)

// signatureLength is that of an RS256 signature in base64.
const signatureLength = 342

// jwt returns an access token in the form of Microsoft's, with the claims that
// people look at when a sign-in fails. Its signature is noise, which makes it as
// long as is asked; zero means as long as a real one. It is "" if the claims
// alone are longer.
func (a *Authority) jwt(t *accessToken, length int) string {
	claims := map[string]any{
		"aud": resourceOf(t.scopes),
		"iss": "https://sts.windows.net/" + a.opts.Tenant + "/",
		"tid": a.opts.Tenant,
		"exp": t.expiry.Unix(),
		"uti": random(12),
	}
	if t.user == "" {
		claims["appid"], claims["roles"] = t.client, []string{}
		if slices.Contains(t.scopes, a.opts.Scope) {
			claims["roles"] = []string{"SMTP.SendAsApp"}
		}
	} else {
		claims["upn"] = t.user
		claims["scp"] = strings.ReplaceAll(strings.Join(t.scopes, " "), "https://outlook.office.com/", "")
	}
	unsigned := segment(map[string]any{"typ": "JWT", "alg": "RS256"}) + "." + segment(claims) + "."
	if length == 0 {
		length = len(unsigned) + signatureLength
	}
	if len(unsigned) >= length {
		return ""
	}
	return unsigned + random(length-len(unsigned))
}

// resourceOf returns what scopes are of, which all are of one: that of mail unless
// they say another.
func resourceOf(scopes []string) string {
	if len(scopes) == 0 || !strings.Contains(scopes[0], "://") {
		return "https://outlook.office.com"
	}
	return scopes[0][:strings.LastIndexByte(scopes[0], '/')]
}

// segment returns a part of a JWT.
func segment(fields map[string]any) string {
	b, err := json.Marshal(fields)
	if err != nil { // strings and numbers always marshal
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

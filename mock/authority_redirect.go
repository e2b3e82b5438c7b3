package mock

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// refused returns the parameters of an error response of the authorization
// endpoint (RFC 6749, Section 4.1.2.1).
func (auth *authorization) refused(e *oauthError) url.Values {
	fields := url.Values{"error": {e.code}}
	switch {
	case auth.manner == MicrosoftOAuth && e.number != 0:
		fields.Set("error_description", "AADSTS"+strconv.Itoa(e.number)+": "+e.text)
	case auth.manner != GoogleOAuth && e.text != "":
		fields.Set("error_description", e.text)
	}
	return fields
}

// sendBack sends the browser to the redirect URI with the answer.
func (a *Authority) sendBack(w http.ResponseWriter, r *http.Request, auth *authorization, fields url.Values) {
	if auth.state != "" {
		fields.Set("state", auth.state)
	}
	switch auth.manner {
	case GenericOAuth:
		fields.Set("iss", "https://"+r.Host) // RFC 9207
	case GoogleOAuth:
		if fields.Has("code") {
			fields.Set("scope", googleScope(auth.scopes))
		}
	}
	uncached(w)
	if auth.mode == "form_post" {
		writePage(w, http.StatusOK, formPage, struct {
			Action string
			Fields url.Values
		}{auth.redirect, fields})
		return
	}
	target := auth.redirect
	if strings.Contains(target, "?") {
		target += "&" + fields.Encode()
	} else {
		target += "?" + fields.Encode()
	}
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusFound)
}

// Pages are what a person would see. The form of form_post submits itself.
const (
	formPage = `<!DOCTYPE html><html><head><title>Working...</title></head><body onload="document.forms[0].submit()">
<form method="POST" action="{{.Action}}">{{range $name, $values := .Fields}}
<input type="hidden" name="{{$name}}" value="{{index $values 0}}"/>{{end}}
<noscript><input type="submit" value="Continue"/></noscript></form></body></html>
`
	textPage = `<!DOCTYPE html><html><head><title>{{.Title}}</title></head><body><h1>{{.Title}}</h1><p>{{.Text}}</p></body></html>
`
)

func writePage(w http.ResponseWriter, status int, page string, data any) {
	t, err := template.New("").Parse(page)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = t.Execute(w, data) // if it fails, the client has gone
}

// A notice is what a page says.
type notice struct{ Title, Text string }

// errorPage tells the user what the client has done wrong.
func (a *Authority) errorPage(w http.ResponseWriter, auth *authorization, e *oauthError) {
	text := e.text
	if auth.manner == MicrosoftOAuth && e.number != 0 {
		text = fmt.Sprintf("AADSTS%d: %s", e.number, e.text)
	}
	uncached(w)
	writePage(w, e.status, textPage, notice{fmt.Sprintf("Error %d: %s", e.status, e.code), text})
}

// googleScope returns scopes as Google's answers have them: those of OpenID Connect
// by their other names.
func googleScope(scopes []string) string {
	long := slices.Clone(scopes)
	for i, scope := range long {
		if scope == "email" || scope == "profile" {
			long[i] = "https://www.googleapis.com/auth/userinfo." + scope
		}
	}
	return joined(long)
}

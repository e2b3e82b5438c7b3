package mock

import (
	"net/http"
	"net/url"

	"github.com/seed-55a66e92/postern/sasl"
)

// credentials are what a client says of itself.
type credentials struct {
	id, secret string
	raw        string // the secret of Basic before it was decoded
	basic      bool
}

// basicCredentials returns what an Authorization header says. RFC 6749, Section
// 2.3.1 wants both parts encoded as in a form before they are encoded in base64,
// and so they are always decoded: no server can know of "a+b" whether it is to
// be taken as it stands. Nothing that is made of letters, digits and "-._" is
// another thing if a client forgets to encode it.
func basicCredentials(r *http.Request) (credentials, *oauthError) {
	id, secret, ok := r.BasicAuth()
	if !ok {
		return credentials{}, &oauthError{http.StatusUnauthorized, "invalid_client", 0, "The Authorization header holds no Basic credentials."}
	}
	c := credentials{raw: secret, basic: true}
	var errs [2]error
	c.id, errs[0] = url.QueryUnescape(id)
	c.secret, errs[1] = url.QueryUnescape(secret)
	if errs[0] != nil || errs[1] != nil {
		return credentials{}, notEncoded()
	}
	return c, nil
}

func notEncoded() *oauthError {
	return &oauthError{http.StatusUnauthorized, "invalid_client", 7000215, "Basic credentials must be form-encoded (RFC 6749, Section 2.3.1)."}
}

// presented returns the credentials of a request. A client that presents some in
// both ways is refused (RFC 6749, Section 2.3).
func presented(r *http.Request) (credentials, *oauthError) {
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if r.Header.Get("Authorization") == "" {
		return credentials{id: id, secret: secret}, nil
	}
	c, refusal := basicCredentials(r)
	if refusal != nil {
		return c, refusal
	}
	if secret != "" || id != "" && id != c.id {
		return c, &oauthError{http.StatusBadRequest, "invalid_request", 0, "The client must not authenticate by Basic and by parameters."}
	}
	return c, nil
}

// authenticate returns the client (RFC 6749, Section 2.3.1): by its Basic
// credentials, by parameters or by an assertion.
func (a *Authority) authenticate(r *http.Request) (id string, refusal *oauthError) {
	c, refusal := presented(r)
	if refusal != nil {
		return "", refusal
	}
	asserts := r.PostForm.Has("client_assertion")
	_, known := a.opts.Clients[c.id]
	if asserts && (known || c.id == "" || a.opts.Clients == nil) {
		if c.id, refusal = a.asserted(r, c); refusal != nil {
			return "", refusal
		}
	}
	if c.id == "" || len(c.id) > maxField {
		return "", &oauthError{http.StatusBadRequest, "invalid_request", 900144, "The parameter client_id is missing, or too long."}
	}
	if a.opts.Clients == nil {
		return c.id, nil
	}
	var want string
	want, known = a.opts.Clients[c.id]
	tenant := r.PathValue("tenant") != ""
	switch {
	case !known && tenant:
		return "", &oauthError{http.StatusBadRequest, "unauthorized_client", 700016, "No application of that identifier is in the directory."}
	case !known:
		return "", &oauthError{http.StatusUnauthorized, "invalid_client", 0, "The OAuth client was not found."}
	case asserts:
		return c.id, nil
	case want != "" && c.secret == "" && tenant:
		return "", &oauthError{http.StatusUnauthorized, "invalid_client", 7000218, "The request must hold client_assertion or client_secret."}
	case matches(c.secret, want):
		return c.id, nil
	case c.basic && matches(c.raw, want):
		return "", notEncoded()
	}
	return "", &oauthError{http.StatusUnauthorized, "invalid_client", 7000215, "Wrong client secret."}
}

func matches(secret, want string) bool { return sasl.NewSecret(secret).Equal(sasl.NewSecret(want)) }

// authenticateIfKnown returns the client of a request about a token, "" if there
// is none. It has to authenticate only if the authority knows its clients (RFC
// 7662, Section 2.1; RFC 7009, Section 2.1).
func (a *Authority) authenticateIfKnown(r *http.Request) (string, *oauthError) {
	c, refusal := presented(r)
	switch {
	case refusal != nil:
		return "", refusal
	case a.opts.Clients == nil:
		return c.id, nil
	case c.id == "":
		return "", &oauthError{http.StatusUnauthorized, "invalid_client", 0, "The request has no client credentials."}
	}
	return a.authenticate(r)
}

// repeated returns the refusal of a form with a parameter that is there twice
// (RFC 6749, Section 3.2), nil if there is none.
func repeated(form url.Values) *oauthError {
	for _, values := range form {
		if len(values) > 1 {
			return &oauthError{http.StatusBadRequest, "invalid_request", 9000411, "A parameter is duplicated."}
		}
	}
	return nil
}

package mock

import (
	"net/http"
	"slices"
	"time"
)

// assertionType is the type of client assertions (RFC 7523, Section 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// exchangeAudience is what a token is for that is shown to Microsoft in place of a
// secret.
const exchangeAudience = "api://AzureADTokenExchange"

func unauthenticated(number int, text string) *oauthError {
	return &oauthError{http.StatusUnauthorized, "invalid_client", number, text}
}

// asserted returns the client of a request with a client assertion (RFC 7523,
// Section 3). At Microsoft's route that may be the token of a workload elsewhere.
func (a *Authority) asserted(r *http.Request, c credentials) (string, *oauthError) {
	microsoft := r.PathValue("tenant") != ""
	value := r.PostForm.Get("client_assertion")
	if r.PostForm.Get("client_assertion_type") != assertionType || c.secret != "" || c.basic {
		return "", &oauthError{http.StatusBadRequest, "invalid_request", 900144, "A client assertion has its type, and no secret beside it."}
	}
	if t := a.tokens[value]; microsoft && t != nil { // of a managed identity
		if !t.good() || !slices.Contains(t.scopes, exchangeAudience+"/.default") {
			return "", unauthenticated(700212, "The assertion is for another audience.")
		}
		return a.federated(c.id, t.client)
	}
	as, err := readAssertion(value)
	if err != nil {
		return "", unauthenticated(50027, "JWT token is invalid or malformed.")
	}
	if c.id == "" { // RFC 7521, Section 4.2: it may be left out
		c.id = as.claims.Sub
	}
	if microsoft && as.claims.Iss != c.id {
		switch {
		case !isFederated(as):
			return "", unauthenticated(700211, "No matching federated identity record found for presented assertion issuer.")
		case !as.isTimely():
			return "", unauthenticated(700024, "Client assertion is not within its valid time range.")
		case !as.isFor(exchangeAudience):
			return "", unauthenticated(700212, "No matching federated identity record found for presented assertion audience.")
		}
		return a.federated(c.id, as.claims.Sub)
	}
	return c.id, a.checkOwn(r, c.id, as, microsoft)
}

// checkOwn returns what is wrong with an assertion that a client has signed.
func (a *Authority) checkOwn(r *http.Request, client string, as *assertion, microsoft bool) *oauthError {
	endpoint := "https://" + r.Host + r.URL.Path
	audiences := []string{endpoint, "https://" + r.Host}
	if tenant := r.PathValue("tenant"); microsoft {
		audiences = []string{endpoint, "https://" + r.Host + "/" + tenant + "/v2.0"}
	}
	cert := a.certificateOf(client, as, microsoft)
	switch {
	case client == "" || as.claims.Iss != client || as.claims.Sub != client:
		return unauthenticated(700021, "Client assertion application identifier doesn't match 'client_id' parameter.")
	case cert == nil:
		return unauthenticated(700027, "The certificate with identifier used to sign the client assertion is not registered on application.")
	case !time.Now().Before(cert.NotAfter) || time.Now().Before(cert.NotBefore):
		return unauthenticated(700027, "The certificate used to sign the client assertion is not valid now.")
	case !as.isTimely():
		return unauthenticated(700024, "Client assertion is not within its valid time range.")
	case !as.isFor(audiences...):
		return unauthenticated(700023, "Client assertion audience claim does not match Realm issuer.")
	case !microsoft && as.claims.Jti != "" && a.assertions.has(client+"\x00"+as.claims.Jti):
		return unauthenticated(0, "The assertion was used before.") // RFC 7523, Section 3
	}
	if as.claims.Jti != "" && len(as.claims.Jti) <= maxField {
		a.assertions.put(client+"\x00"+as.claims.Jti, true)
	}
	return nil
}

// federated returns a client that trusts a subject elsewhere.
func (a *Authority) federated(client, subject string) (string, *oauthError) {
	switch {
	case client == "":
		return "", &oauthError{http.StatusBadRequest, "invalid_request", 900144, "The parameter client_id is missing."}
	case a.opts.Federated != nil && !slices.Contains(a.opts.Federated[client], subject):
		return "", unauthenticated(700213, "No matching federated identity record found for presented assertion subject.")
	}
	return client, nil
}

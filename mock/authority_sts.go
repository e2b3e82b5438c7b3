package mock

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// workloadPool is the one pool of identities from elsewhere.
const workloadPool = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/mock"

// WorkloadAudience is the audience of Google's workload identity federation at an
// [Authority], as in the configuration of type external_account.
const WorkloadAudience = workloadPool + "/providers/mock"

// FederatedIssuer is the issuer of the tokens that [Authority.FederatedToken]
// returns, whom the authority trusts.
const FederatedIssuer = "https://issuer.test"

// WorkloadPrincipal returns the name that a subject from elsewhere has at Google,
// for TokenCreators of a [ServiceAccount].
func WorkloadPrincipal(subject string) string {
	return "principal:" + workloadPool + "/subject/" + subject
}

// federatedKey is that of FederatedIssuer, one a process.
var federatedKey = sync.OnceValues(newRSAKey)

// FederatedToken returns a JWT as a cluster or a build service issues them to its
// workloads, by [FederatedIssuer], good for ttl; zero means an hour, and below
// zero it has expired. Google's federation takes it with the audience
// [WorkloadAudience], with or without "https:" in front, and Microsoft's with
// "api://AzureADTokenExchange".
func (a *Authority) FederatedToken(subject, audience string, ttl time.Duration) (sasl.Secret, error) {
	key, err := federatedKey()
	if err != nil {
		return sasl.Secret{}, err
	}
	if ttl == 0 {
		ttl = time.Hour
	}
	now := time.Now()
	return sasl.NewSecret(signJWT(key, map[string]any{
		"iss": FederatedIssuer, "sub": subject, "aud": audience,
		"iat": now.Add(min(ttl, 0) - time.Minute).Unix(), "exp": now.Add(ttl).Unix(), "jti": random(16),
	})), nil
}

// isFederated reports whether an assertion is one of FederatedIssuer.
func isFederated(as *assertion) bool {
	key, err := federatedKey()
	return err == nil && as.claims.Iss == FederatedIssuer && as.signedBy(&key.PublicKey)
}

const tokenTypes = "urn:ietf:params:oauth:token-type:"

// securityTokens is Google's Security Token Service (RFC 8693).
func (a *Authority) securityTokens(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	fields, refusal := a.exchangeToken(r)
	a.mu.Unlock()
	if refusal != nil {
		a.standardError(w, refusal)
		return
	}
	answer(w, http.StatusOK, faultOf(r).replace(fields))
}

// exchangeToken is the grant of RFC 8693, Section 2.1.
func (a *Authority) exchangeToken(r *http.Request) (map[string]any, *oauthError) {
	if refusal := repeated(r.PostForm); refusal != nil {
		return nil, refusal
	}
	get := r.PostForm.Get
	bad := func(code, text string) (map[string]any, *oauthError) {
		return nil, &oauthError{http.StatusBadRequest, code, 0, text}
	}
	scopes := strings.Fields(get("scope"))
	switch {
	case get("grant_type") != tokenExchange:
		return bad("unsupported_grant_type", "The grant type must be token-exchange.")
	case get("requested_token_type") != tokenTypes+"access_token":
		return bad("invalid_request", "The requested token type must be access_token.")
	case get("subject_token_type") != tokenTypes+"jwt" && get("subject_token_type") != tokenTypes+"id_token":
		return bad("invalid_request", "The subject token type must be jwt or id_token.")
	case get("audience") != WorkloadAudience:
		return bad("invalid_target", `The target service indicated by the "audience" parameters is invalid. `+
			"This might either be because the pool or provider is disabled or deleted or because it doesn't exist.")
	case len(scopes) == 0 || len(get("scope")) > maxScope:
		return bad("invalid_scope", "Scope(s) must be provided.")
	}
	as, err := readAssertion(get("subject_token"))
	switch {
	case err != nil || !isFederated(as):
		return bad("invalid_grant", "The token is not signed by the provider of this pool.")
	case !as.isFor(WorkloadAudience, "https:"+WorkloadAudience):
		return bad("invalid_grant", "The audience in ID Token does not match the expected audience.")
	case !as.isTimely():
		return bad("invalid_grant", "ID Token issued at "+as.claims.Iat.UTC().Format(time.RFC3339)+" is stale to sign-in.")
	}
	fields := a.success(accessToken{user: WorkloadPrincipal(as.claims.Sub), scopes: scopes, machine: true}, a.lifetime(r))
	delete(fields, "scope")
	fields["issued_token_type"] = tokenTypes + "access_token"
	return fields, nil
}

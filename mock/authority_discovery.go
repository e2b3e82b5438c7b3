package mock

import "net/http"

// discovery is the discovery document of OpenID Connect and of RFC 8414. It
// speaks of the host that was asked, so that it holds under any name.
func (a *Authority) discovery(w http.ResponseWriter, r *http.Request) {
	root := "https://" + r.Host
	fields := openIDFields()
	for name, path := range map[string]string{
		"issuer": "", "token_endpoint": "/token", "introspection_endpoint": "/introspect", "revocation_endpoint": "/revoke",
		"authorization_endpoint": "/authorize", "device_authorization_endpoint": "/device_authorization", "jwks_uri": "/jwks",
	} {
		fields[name] = root + path
	}
	grants := []string{"authorization_code", "refresh_token", deviceGrant}
	grants = append(grants, jwtBearer)
	if a.opts.Dialect == GoogleOAuth {
		fields["authorization_endpoint"], fields["jwks_uri"] = root+"/o/oauth2/v2/auth", root+"/oauth2/v3/certs"
		fields["device_authorization_endpoint"] = root + "/device/code"
	} else {
		grants = append(grants, "client_credentials", "password")
		fields["authorization_response_iss_parameter_supported"] = true // RFC 9207
	}
	fields["grant_types_supported"] = grants
	fields["scopes_supported"] = []string{"openid", "profile", "email", a.opts.Scope}
	fields["token_endpoint_auth_methods_supported"] = []string{"client_secret_basic", "client_secret_post", "private_key_jwt", "none"}
	fields["token_endpoint_auth_signing_alg_values_supported"] = []string{"RS256", "PS256"}
	answer(w, http.StatusOK, faultOf(r).replace(fields))
}

// configuration is the discovery document of a tenant.
func (a *Authority) configuration(w http.ResponseWriter, r *http.Request) {
	root := "https://" + r.Host + "/" + r.PathValue("tenant")
	fields := openIDFields()
	for name, path := range map[string]string{
		"issuer": "/v2.0", "authorization_endpoint": "/oauth2/v2.0/authorize", "token_endpoint": "/oauth2/v2.0/token",
		"device_authorization_endpoint": "/oauth2/v2.0/devicecode", "jwks_uri": "/discovery/v2.0/keys",
	} {
		fields[name] = root + path
	}
	fields["scopes_supported"] = []string{"openid", "profile", "email", "offline_access"}
	fields["token_endpoint_auth_methods_supported"] = []string{"client_secret_post", "private_key_jwt", "client_secret_basic"}
	answer(w, http.StatusOK, faultOf(r).replace(fields))
}

// openIDFields are what every document says.
func openIDFields() map[string]any {
	return map[string]any{
		"response_types_supported":              []string{"code"},
		"response_modes_supported":              []string{"query", "form_post"},
		"code_challenge_methods_supported":      []string{"S256"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
	}
}

// instance says that the authority may be trusted with its own host's tokens.
func (a *Authority) instance(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": "https://" + r.Host + "/" + a.opts.Tenant + "/v2.0/.well-known/openid-configuration",
		"metadata": []map[string]any{{
			"preferred_network": r.Host, "preferred_cache": r.Host, "aliases": []string{r.Host},
		}},
	})
}

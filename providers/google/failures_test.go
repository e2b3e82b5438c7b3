package google_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
)

// A failureRow is one way in which Google ends a sign-in in production.
type failureRow struct {
	name  string
	flow  string // of flows
	o     mock.AuthorityOptions
	fault mock.AuthorityFault
	known string                        // the name of a fault of package mock, instead
	spoil func(*testing.T, *flow) error // instead of a fault
	kind  providers.Kind
	code  string
	hints []string // parts of the hint
}

func failureRows() []failureRow {
	end := func(_ *testing.T, f *flow) error { return f.revoke() }
	return []failureRow{
		{name: "consent has ended", flow: "refresh token", spoil: end, kind: providers.NeedsUser, code: "invalid_grant", hints: []string{"testing", "publish", "password", "six months", "hundred"}},
		{name: "vague", flow: "refresh token", known: "bad_request", kind: providers.NeedsUser, code: "invalid_grant", hints: []string{"testing", "issued to client " + clientID}},
		{name: "session control", flow: "refresh token", known: "invalid_rapt", kind: providers.NeedsUser, code: "invalid_grant", hints: []string{"session length policy", "delegation"}},
		{name: "session control, other form", flow: "authorized_user", known: "rapt_required", kind: providers.NeedsUser, code: "invalid_grant", hints: []string{"session length policy"}},
		{name: "scope", flow: "refresh token", known: "scope", kind: providers.Misconfigured, code: "invalid_scope", hints: []string{"https://mail.google.com/", "device flow"}},
		{name: "client is gone", flow: "refresh token", known: "deleted_client", kind: providers.Misconfigured, code: "deleted_client", hints: []string{clientID}},
		{name: "expired or revoked", flow: "refresh token in a store", known: "expired", kind: providers.NeedsUser, code: "invalid_grant", hints: []string{"testing", "publish"}},
		{name: "client is disabled", flow: "refresh token", known: "disabled_client", kind: providers.Misconfigured, code: "disabled_client", hints: []string{clientID}},
		{name: "client is unknown", flow: "authorized_user", known: "unknown_client", kind: providers.Misconfigured, code: "invalid_client", hints: []string{clientID}},
		{name: "too many requests", flow: "refresh token", known: "rate_limit", kind: providers.Transient, code: "rate_limit_exceeded"},
		{name: "expired, of a source", flow: "token source", known: "expired", kind: providers.NeedsUser, code: "invalid_grant", hints: []string{"sign in again"}},
		{name: "not delegated, of a source", flow: "token source", known: "not_delegated", kind: providers.Misconfigured, code: "unauthorized_client", hints: []string{"Domain-wide delegation"}},
		{name: "not delegated, as Google says it", flow: "key", known: "not_delegated", kind: providers.Misconfigured, code: "unauthorized_client", hints: []string{"Domain-wide delegation"}},
		{name: "no such user, as Google says it", flow: "machine", known: "unknown_subject", kind: providers.Misconfigured, code: "invalid_grant", hints: []string{employee, "active user", "gmail.com"}},
		{name: "no such account", flow: "key", known: "unknown_account", kind: providers.Misconfigured, code: "invalid_grant", hints: []string{account}},
		{name: "signature", flow: "key", known: "signature", kind: providers.Misconfigured, code: "invalid_grant", hints: []string{"key of " + account, "Keyless"}},
		{name: "wrong secret", flow: "refresh token", o: mock.AuthorityOptions{Clients: map[string]string{clientID: "another secret"}}, kind: providers.Misconfigured, code: "invalid_client", hints: []string{clientID, "secret"}},
		{name: "policy", flow: "refresh token", known: "admin_policy_enforced", kind: providers.Blocked, code: "admin_policy_enforced", hints: []string{"administrator", clientID}},
		{name: "organization", flow: "refresh token", known: "org_internal", kind: providers.Blocked, code: "org_internal", hints: []string{clientID}},
		{name: "throttled", flow: "refresh token", fault: mock.AuthorityFault{Path: pathToken, Status: 429, RetryAfter: 30 * time.Second}, kind: providers.Transient, code: "server_error"},
		{name: "outage", flow: "key", fault: mock.AuthorityFault{Path: pathToken, Status: 503}, kind: providers.Transient, code: "server_error"},
		{name: "internal", flow: "refresh token", known: "internal_failure", kind: providers.Transient, code: "internal_failure"},
		{name: "captive portal", flow: "refresh token", fault: mock.AuthorityFault{Path: pathToken, HTML: true}, kind: providers.Transient, hints: []string{"captive portal"}},
		{name: "captive portal at IAM", flow: "machine", fault: mock.AuthorityFault{Path: pathSign, HTML: true}, kind: providers.Transient, hints: []string{"captive portal"}},
		{name: "connection breaks", flow: "key", fault: mock.AuthorityFault{Path: pathToken, Drop: true}, kind: providers.Transient},
		{
			name: "not delegated", flow: "key", o: mock.AuthorityOptions{ServiceAccounts: []mock.ServiceAccount{{Email: account}}},
			kind: providers.Misconfigured, code: "unauthorized_client", hints: []string{"Domain-wide delegation", "numeric client id", "https://mail.google.com/", "24 hours"},
		},
		{name: "no such user", flow: "key", o: mock.AuthorityOptions{Users: map[string]string{"b@example.com": "x"}}, kind: providers.Misconfigured, code: "invalid_grant", hints: []string{employee, "active user"}},
		{name: "key is gone", flow: "key", spoil: end, kind: providers.Misconfigured, code: "invalid_grant", hints: []string{"key of " + account}},
		{name: "clock", flow: "key", known: "clock", kind: providers.Misconfigured, code: "invalid_grant", hints: []string{"clock"}},
		{
			name: "may not sign", flow: "machine", o: mock.AuthorityOptions{ServiceAccounts: []mock.ServiceAccount{{Email: account, Delegated: []string{"https://mail.google.com/"}}}},
			kind: providers.Misconfigured, code: "PERMISSION_DENIED", hints: []string{"roles/iam.serviceAccountTokenCreator on " + account, "itself", "iamcredentials.googleapis.com"},
		},
		{name: "no account on the machine", flow: "machine", o: mock.AuthorityOptions{Machine: mock.Machine{Project: "p"}}, kind: providers.Misconfigured, hints: []string{"attach one"}},
		{name: "metadata server is out of order", flow: "machine", fault: mock.AuthorityFault{Path: "/computeMetadata/v1/instance/service-accounts/default/token", Status: 503}, kind: providers.Transient},
		{name: "stale token of another cloud", flow: "other cloud", spoil: stale, kind: providers.Misconfigured, code: "invalid_grant", hints: []string{"projected token"}},
		{name: "unknown pool", flow: "other cloud", fault: mock.AuthorityFault{Path: "/v1/token", Error: "invalid_target"}, kind: providers.Misconfigured, code: "invalid_target", hints: []string{"workload identity pool"}},
	}
}

// stale puts a token of another cloud in place that has expired.
func stale(t *testing.T, f *flow) error {
	token, err := f.authority.FederatedToken("workload", mock.WorkloadAudience, -time.Hour)
	return errors.Join(err, os.WriteFile(filepath.Join(f.dir, "token"), []byte(token.Reveal()), 0o600))
}

// TestFailures has an authority fail as Google does.
func TestFailures(t *testing.T) {
	untried := mock.GoogleRefusals()
	for _, tt := range failureRows() {
		if tt.known != "" {
			tt.fault = mock.GoogleRefusals()[tt.known]
			tt.fault.Path = pathToken
			delete(untried, tt.known)
		}
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				f := flows()[tt.flow](t, setup{dir, tt.o})
				if tt.spoil != nil {
					if err := tt.spoil(t, f); err != nil {
						t.Fatal(err)
					}
				} else if tt.fault.Path != "" {
					if err := f.authority.Inject(tt.fault); err != nil {
						t.Fatal(err)
					}
				}
				_, err := f.token(t, t.Context(), nil)
				var failure *providers.Error
				if !errors.As(err, &failure) || failure.Kind != tt.kind || failure.Code != tt.code || failure.Provider != "google" {
					t.Fatalf("error %v (%#v), want %v %q", err, failure, tt.kind, tt.code)
				}
				for _, part := range tt.hints {
					if !strings.Contains(failure.Hint, part) {
						t.Errorf("hint %q, want %q in it", failure.Hint, part)
					}
				}
				if failure.RetryAfter != tt.fault.RetryAfter {
					t.Errorf("RetryAfter %v, want %v", failure.RetryAfter, tt.fault.RetryAfter)
				}
				f.spy.say(err, *failure)
				f.spy.check(t)
			})
		})
	}
	for name := range untried {
		t.Errorf("the refusal %s of Google is not tried", name)
	}
}

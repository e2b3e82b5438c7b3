package microsoft_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/microsoft"
	"github.com/seed-55a66e92/postern/sasl"
)

const pathDevice = "/" + tenant + "/oauth2/v2.0/devicecode"

// polls returns when tokens were asked for, since the first request.
func polls(a *mock.Authority) (at []time.Duration) {
	began := a.Requests()[0].Time
	for _, r := range a.Requests() {
		if r.Path == pathToken {
			at = append(at, r.Time.Sub(began).Round(time.Second))
		}
	}
	return at
}

func TestLoginDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := startEntra(t, mock.AuthorityOptions{Network: mock.InMemory, RotateRefresh: true}, "")
		o := usual(a)
		o.Cache.Store, o.Cache.Key = new(providers.MemoryStore), "k"
		var shown microsoft.DevicePrompt
		grant, err := microsoft.LoginDevice(t.Context(), o, mailbox, func(p microsoft.DevicePrompt) error {
			shown = p
			time.AfterFunc(12*time.Second, func() {
				if err := a.ApproveDevice(p.Code, mock.Consent{User: mailbox}); err != nil {
					t.Error(err)
				}
			})
			return nil
		})
		if shown.URI != "https://login.microsoftonline.com/device" || !strings.Contains(shown.Message, shown.Code) || time.Until(shown.Expiry) > 15*time.Minute {
			t.Errorf("shown %+v", shown)
		}
		wantGrant(t, a, o, grant, err)
		form := a.Requests()[1].Form
		if a.Requests()[1].Path != pathDevice || form["scope"] != "https://outlook.office.com/SMTP.Send openid offline_access profile" {
			t.Errorf("request %+v", a.Requests()[1])
		}
	})
}

// The times of RFC 8628, Section 3.5: never sooner than the interval, five seconds
// more after each slow_down, less often while the login server is out of order.
func TestDevicePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := startEntra(t, mock.AuthorityOptions{Network: mock.InMemory, DeviceInterval: 7 * time.Second}, "")
		err := a.Inject(
			mock.AuthorityFault{Path: pathToken, Times: 1, Error: "authorization_pending"},
			mock.AuthorityFault{Path: pathToken, Times: 1, Error: "slow_down"},
			mock.AuthorityFault{Path: pathToken, Times: 1, Error: "authorization_pending"},
			mock.AuthorityFault{Path: pathToken, Times: 1, Drop: true},
			mock.AuthorityFault{Path: pathToken, Times: 1, Status: 503, HTML: true},
		)
		if err != nil {
			t.Fatal(err)
		}
		_, err = microsoft.LoginDevice(t.Context(), usual(a), mailbox, func(p microsoft.DevicePrompt) error {
			return a.ApproveDevice(p.Code, mock.Consent{User: mailbox})
		})
		if err != nil {
			t.Fatal(err)
		}
		var want []time.Duration
		for _, n := range []int{7, 14, 26, 38, 62, 110} {
			want = append(want, time.Duration(n)*time.Second)
		}
		if diff := cmp.Diff(want, polls(a)); diff != "" {
			t.Errorf("polls at (-want +got):\n%s", diff)
		}
	})
}

// TestDeviceEnds shows how a sign-in ends without a grant. MSAL has read these
// answers to their end, and still it is known what they said.
func TestDeviceEnds(t *testing.T) {
	refusal := func(number int) mock.AuthorityFault {
		f := mock.MicrosoftRefusals()[number]
		f.Path = pathToken
		return f
	}
	tests := []struct {
		name  string
		fault mock.AuthorityFault
		deny  bool
		kind  providers.Kind
		code  string
		text  string
	}{
		{"declined", mock.AuthorityFault{}, true, providers.NeedsUser, "authorization_declined", "AADSTS65004"},
		{"nobody came", mock.AuthorityFault{}, false, providers.NeedsUser, "expired_token", "begin again"},
		{"the code ended, it says", refusal(70020), false, providers.NeedsUser, "expired_token", "AADSTS70020"},
		{"the code is unknown", mock.AuthorityFault{Path: pathToken, Error: "bad_verification_code", AADSTS: 70018}, false, providers.NeedsUser, "bad_verification_code", "begin again"},
		{"policy", refusal(53003), false, providers.Blocked, "invalid_grant", "Conditional Access"},
		{"no public client", refusal(7000218), false, providers.Misconfigured, "invalid_client", "allow public client flows"},
		{"no client", func() mock.AuthorityFault { f := refusal(700016); f.Path = pathDevice; return f }(), false, providers.Misconfigured, "unauthorized_client", clientID},
		{"no code", mock.AuthorityFault{Path: pathDevice, Fields: map[string]any{"user_code": nil}}, false, providers.Misconfigured, "", "Options.Authority"},
		{"a page in clear", mock.AuthorityFault{Path: pathDevice, Fields: map[string]any{"verification_uri": "http://example.com/"}}, false, providers.Misconfigured, "", "Options.Authority"},
		{"for ever", mock.AuthorityFault{Path: pathDevice, Fields: map[string]any{"expires_in": 1 << 30, "interval": 1 << 30}}, false, providers.NeedsUser, "expired_token", "begin again"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := startEntra(t, mock.AuthorityOptions{Network: mock.InMemory}, "")
				if err := a.Inject(tt.fault); tt.fault.Path != "" && err != nil {
					t.Fatal(err)
				}
				_, err := microsoft.LoginDevice(t.Context(), usual(a), mailbox, func(p microsoft.DevicePrompt) error {
					if tt.deny {
						return a.DenyDevice(p.Code)
					}
					return nil
				})
				var failure *providers.Error
				if !errors.As(err, &failure) || failure.Kind != tt.kind || failure.Code != tt.code || !strings.Contains(err.Error(), tt.text) {
					t.Errorf("error %v, want %v %q with %q", err, tt.kind, tt.code, tt.text)
				}
			})
		})
	}
	t.Run("nobody waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := startEntra(t, mock.AuthorityOptions{Network: mock.InMemory}, "")
			ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
			defer cancel()
			began := time.Now()
			_, err := microsoft.LoginDevice(ctx, usual(a), mailbox, func(microsoft.DevicePrompt) error { return nil })
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 12*time.Second {
				t.Errorf("after %v: %v, want the context's error after 12s", time.Since(began), err)
			}
		})
	})
}

func TestLoginDeviceConstruction(t *testing.T) {
	closed := errors.New("no screen")
	show := func(microsoft.DevicePrompt) error { return closed }
	o := usual(startEntra(t, mock.AuthorityOptions{}, ""))
	if _, err := microsoft.LoginDevice(t.Context(), o, mailbox, show); !errors.Is(err, closed) {
		t.Errorf("%v, want that of show", err)
	}
	_, err := microsoft.LoginDevice(t.Context(), o, mailbox, nil)
	wantMisconfigured(t, err, "microsoft: LoginDevice needs a function that shows the code to the user")
	o.HTTPClient = &http.Client{Transport: noNetwork{}}
	o.Tenant = "tokens.example.com"
	_, err = microsoft.LoginDevice(t.Context(), o, mailbox, show)
	wantMisconfigured(t, err, "microsoft: a sign-in by device code needs the id of the tenant in place of its domain")
	o.Tenant, o.Credential = tenant, microsoft.Secret(sasl.NewSecret(clientSecret))
	_, err = microsoft.LoginDevice(t.Context(), o, mailbox, show)
	wantMisconfigured(t, err, "microsoft: a sign-in by device code is for an application without Options.Credential, which allows public client flows")
}

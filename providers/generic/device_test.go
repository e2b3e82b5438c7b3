package generic_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/generic"
)

// A deviceServer is an authority that gives out one code and then answers polls
// from a list.
type deviceServer struct {
	begin string   // answer of the device authorization endpoint
	polls []string // answers of the token endpoint; "" drops the connection

	hang bool          // nothing is answered any more
	slow time.Duration // how long each answer takes

	basic []string // user and password of the requests
	forms []url.Values
	at    []time.Duration // when they came, since the first
	began time.Time
}

func (s *deviceServer) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.began.IsZero() {
		s.began = time.Now()
	}
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	name, password, _ := r.BasicAuth()
	if s.hang && (s.begin == "" || len(s.forms) > 0) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	s.basic, s.forms, s.at = append(s.basic, name+":"+password), append(s.forms, form), append(s.at, time.Since(s.began))
	time.Sleep(s.slow)
	if r.URL.Path == "/device" {
		return reply(200, "application/json", s.begin), nil
	}
	next := `{"error":"authorization_pending"}`
	if len(s.polls) > 0 {
		next, s.polls = s.polls[0], s.polls[1:]
	}
	switch {
	case next == "":
		return nil, errors.New("connection reset")
	case len(next) > 8 && next[:8] == `{"error"`:
		return reply(400, "application/json", next), nil
	}
	return reply(200, "application/json", next), nil
}

const (
	codeAnswer = `{"device_code":"the-device-code","user_code":"ABCD-EFGH","verification_uri":"https://id.example.com/activate",` +
		`"verification_uri_complete":"https://id.example.com/activate?code=ABCD-EFGH","expires_in":600,"interval":3}`
	tokenAnswer = `{"access_token":"access-1","refresh_token":"refresh-1","expires_in":3600}`
	pending     = `{"error":"authorization_pending"}`
)

func deviceLogin(ctx context.Context, s *deviceServer, c generic.Client, show func(context.Context, generic.DevicePrompt) error) (providers.Response, error) {
	if show == nil {
		show = func(context.Context, generic.DevicePrompt) error { return nil }
	}
	return generic.LoginDevice(ctx, generic.Server{
		Name: "acme", TokenURL: "https://id.example.com/token", DeviceURL: "https://id.example.com/device", Scopes: []string{"mail"},
	}, c, show, generic.Options{HTTPClient: &http.Client{Transport: s}})
}

// An answer that names what was granted has to name what was asked for, in whatever
// form; that of OpenID Connect need not be named (RFC 6749, Section 5.1).
func TestGrantedScopes(t *testing.T) {
	for scope, granted := range map[string]bool{
		`null`: true, `""`: true, `"mail"`: true, `"calendar mail"`: true, `["calendar","mail"]`: true,
		`"calendar"`: false, `["calendar"]`: false, `"mailbox"`: false, `[7]`: true, `7`: true,
	} {
		t.Run(scope, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &deviceServer{begin: codeAnswer, polls: []string{`{"access_token":"access-1","refresh_token":"refresh-1","scope":` + scope + `}`}}
				_, err := deviceLogin(t.Context(), s, client(), nil)
				if granted && err != nil {
					t.Error(err)
				} else if !granted {
					want(t, err, providers.NeedsUser, "leaves out the scope mail")
				}
			})
		})
	}
}

// The times of RFC 8628, Section 3.5: never sooner than the interval, five seconds
// more after each slow_down, less often while the authority is out of order.
func TestLoginDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &deviceServer{begin: codeAnswer, polls: []string{pending, `{"error":"slow_down"}`, pending, "", tokenAnswer}}
		var shown generic.DevicePrompt
		got, err := deviceLogin(t.Context(), s, generic.Client{ID: clientID}, func(_ context.Context, p generic.DevicePrompt) error {
			shown = p
			return nil
		})
		if err != nil || got.Grant.Reveal() != "refresh-1" || got.Token.Value.Reveal() != "access-1" {
			t.Fatalf("%v, %v", got, err)
		}
		wantShown := generic.DevicePrompt{
			URI: "https://id.example.com/activate", Code: "ABCD-EFGH",
			Complete: "https://id.example.com/activate?code=ABCD-EFGH", Expiry: s.began.Add(10 * time.Minute),
		}
		if diff := cmp.Diff(wantShown, shown); diff != "" {
			t.Errorf("prompt (-want +got):\n%s", diff)
		}
		seconds := func(n ...int) (d []time.Duration) {
			for _, n := range n {
				d = append(d, time.Duration(n)*time.Second)
			}
			return d
		}
		if diff := cmp.Diff(seconds(0, 3, 6, 14, 22, 38), s.at); diff != "" {
			t.Errorf("requests at (-want +got):\n%s", diff)
		}
		begin := url.Values{"client_id": {clientID}, "scope": {"mail"}}
		poll := url.Values{
			"client_id": {clientID}, "device_code": {"the-device-code"},
			"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"},
		}
		if diff := cmp.Diff([]url.Values{begin, poll}, s.forms[:2]); diff != "" {
			t.Errorf("forms (-want +got):\n%s", diff)
		}
	})
}

// A client with a secret proves itself to both endpoints (RFC 8628, Section 3.1).
func TestLoginDeviceWithSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &deviceServer{begin: codeAnswer, polls: []string{tokenAnswer}}
		if _, err := deviceLogin(t.Context(), s, client(), nil); err != nil {
			t.Fatal(err)
		}
		credentials := clientID + ":" + url.QueryEscape(secret)
		if diff := cmp.Diff([]string{credentials, credentials}, s.basic); diff != "" {
			t.Errorf("credentials (-want +got):\n%s", diff)
		}
	})
}

func TestLoginDeviceEnds(t *testing.T) {
	tests := []struct {
		name         string
		begin        string
		polls        []string
		kind         providers.Kind
		text         string
		requestsMost int
	}{
		{"declined", codeAnswer, []string{pending, `{"error":"access_denied"}`}, providers.NeedsUser, "declined", 3},
		{"the code ended, it says", codeAnswer, []string{`{"error":"expired_token"}`}, providers.NeedsUser, "begin again", 2},
		{"the code ended by itself", codeAnswer, nil, providers.NeedsUser, "the code has ended", 201},
		{"a refusal", codeAnswer, []string{`{"error":"invalid_client"}`}, providers.Misconfigured, "Server.ClientAuth", 2},
		{"no code", `{"verification_uri":"https://id.example.com/"}`, nil, providers.Misconfigured, "check Server.DeviceURL", 1},
		{"a page in clear", `{"device_code":"a","user_code":"b","verification_uri":"http://id.example.com/"}`, nil, providers.Misconfigured, "check Server.DeviceURL", 1},
		{
			"an interval that never was", `{"device_code":"a","user_code":"b","verification_uri":"https://id.example.com/","interval":-5,"expires_in":60}`,
			nil, providers.NeedsUser, "the code has ended", 13,
		},
		{
			"an interval for ever", `{"device_code":"a","user_code":"b","verification_uri":"https://id.example.com/","interval":9223372036854775807,"expires_in":999999999}`,
			nil, providers.NeedsUser, "the code has ended", 1,
		},
		{
			"numbers in strings", `{"device_code":"a","user_code":"b","verification_uri":"https://id.example.com/","interval":"20","expires_in":"60"}`,
			nil, providers.NeedsUser, "the code has ended", 3,
		},
		{
			"declined, in other words", codeAnswer, []string{`{"error":"authorization_declined"}`}, providers.NeedsUser, "declined", 2,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &deviceServer{begin: tt.begin, polls: tt.polls}
				_, err := deviceLogin(t.Context(), s, client(), nil)
				want(t, err, tt.kind, tt.text)
				if len(s.forms) > tt.requestsMost {
					t.Errorf("%d requests, want %d at most", len(s.forms), tt.requestsMost)
				}
			})
		})
	}
	t.Run("a poll that hangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &deviceServer{begin: codeAnswer, hang: true}
			began := time.Now()
			_, err := deviceLogin(t.Context(), s, client(), nil)
			want(t, err, providers.NeedsUser, "the code has ended")
			if took := time.Since(began); took != 10*time.Minute {
				t.Errorf("took %v, want the life of the code", took)
			}
		})
	})
	t.Run("a beginning that hangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			_, err := deviceLogin(t.Context(), &deviceServer{hang: true}, client(), nil)
			want(t, err, providers.Transient, "no answer within 20s")
			if took := time.Since(began); took != 20*time.Second || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v after %v, want an error of its own after 20s", err, took)
			}
		})
	})
	t.Run("a beginning that nobody waits for", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			began := time.Now()
			_, err := deviceLogin(ctx, &deviceServer{hang: true}, client(), nil)
			if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != 5*time.Second {
				t.Errorf("%v after %v, want the context's error after 5s", err, took)
			}
		})
	})
	t.Run("an authority in no hurry that fails", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &deviceServer{begin: strings.Replace(codeAnswer, `"interval":3`, `"interval":120`, 1), polls: []string{"", "", tokenAnswer}}
			if _, err := deviceLogin(t.Context(), s, client(), nil); err != nil {
				t.Fatal(err)
			}
			want := []time.Duration{0, 2 * time.Minute, 4 * time.Minute, 6 * time.Minute}
			if diff := cmp.Diff(want, s.at); diff != "" {
				t.Errorf("requests at (-want +got):\n%s", diff)
			}
		})
	})
	t.Run("a poll whose answer is slow", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &deviceServer{begin: codeAnswer, polls: []string{pending, pending, tokenAnswer}, slow: 4 * time.Second}
			if _, err := deviceLogin(t.Context(), s, client(), nil); err != nil {
				t.Fatal(err)
			}
			want := []time.Duration{0, 7 * time.Second, 14 * time.Second, 21 * time.Second}
			if diff := cmp.Diff(want, s.at); diff != "" {
				t.Errorf("requests at (-want +got):\n%s", diff)
			}
		})
	})
	t.Run("what a terminal would act on", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &deviceServer{polls: []string{tokenAnswer}, begin: `{"device_code":"a","user_code":"A\u001b[2J\u009bB",` +
				`"verification_uri":"https://id.example.com/\u009b","verification_uri_complete":"javascript:alert(1)"}`}
			var shown generic.DevicePrompt
			if _, err := deviceLogin(t.Context(), s, client(), func(_ context.Context, p generic.DevicePrompt) error { shown = p; return nil }); err != nil {
				t.Fatal(err)
			}
			if want := (generic.DevicePrompt{URI: "https://id.example.com/%C2%9B", Code: "A.[2J.B", Expiry: shown.Expiry}); shown != want {
				t.Errorf("prompt %q, want %q", shown, want)
			}
		})
	})
	t.Run("nobody waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			began := time.Now()
			_, err := deviceLogin(ctx, &deviceServer{begin: codeAnswer}, client(), nil)
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 10*time.Second {
				t.Errorf("after %v: %v, want the context's error after 10s", time.Since(began), err)
			}
		})
	})
	t.Run("nobody to show it to", func(t *testing.T) {
		closed := errors.New("no screen")
		_, err := deviceLogin(t.Context(), &deviceServer{begin: codeAnswer}, client(), func(context.Context, generic.DevicePrompt) error { return closed })
		if !errors.Is(err, closed) {
			t.Errorf("%v, want that of show", err)
		}
	})
}

// The user decides at an authority that goes by the standard.
func TestLoginDeviceDecided(t *testing.T) {
	decisions := map[string]struct {
		decide func(*mock.Authority, string) error
		kind   providers.Kind
		text   string // "": there is no error
	}{
		"approved": {func(a *mock.Authority, code string) error { return a.ApproveDevice(code, mock.Consent{User: user}) }, 0, ""},
		"denied":   {func(a *mock.Authority, code string) error { return a.DenyDevice(code) }, providers.NeedsUser, "acme: access_denied"},
		"a box unticked": {func(a *mock.Authority, code string) error {
			return a.ApproveDevice(code, mock.Consent{User: user, Scopes: []string{"calendar"}})
		}, providers.NeedsUser, "leaves out the scope mail"},
		"nobody decides": {func(*mock.Authority, string) error { return nil }, providers.NeedsUser, "expired_token"},
		"an outage first": {func(a *mock.Authority, _ string) error {
			return a.Inject(mock.AuthorityFault{Path: "/token", Status: 503, Times: 2})
		}, providers.NeedsUser, "expired_token"},
	}
	for name, tt := range decisions {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := authority(t, mock.AuthorityOptions{})
				s := loginServer(a)
				s.DeviceURL = a.URL() + "/device_authorization"
				store := new(providers.MemoryStore)
				o := options(a)
				o.Cache = providers.CacheOptions{Store: store, Key: "k"}
				_, err := generic.LoginDevice(t.Context(), s, client(), func(_ context.Context, p generic.DevicePrompt) error {
					return tt.decide(a, p.Code)
				}, o)
				_, _, saved := store.Load(t.Context(), "k")
				if tt.text == "" {
					if err != nil || saved != nil {
						t.Errorf("%v; saved: %v", err, saved)
					}
					return
				}
				want(t, err, tt.kind, tt.text)
				if !errors.Is(saved, providers.ErrNotFound) {
					t.Errorf("something was saved: %v", saved)
				}
			})
		})
	}
}

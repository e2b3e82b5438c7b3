package mock_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

func TestAuthorityFaults(t *testing.T) {
	for name, test := range map[string]struct {
		fault  mock.AuthorityFault
		status int
		header string // Content-Type
		body   string // begins so, or holds it
	}{
		"refusal":              {mock.AuthorityFault{Error: "invalid_grant", Description: "Bad Request"}, 400, "application/json; charset=utf-8", `{"error":"invalid_grant","error_description":"Bad Request"}`},
		"status alone":         {mock.AuthorityFault{Status: 500}, 500, "application/json; charset=utf-8", `"error":"server_error"`},
		"sign-in page":         {mock.AuthorityFault{HTML: true}, 200, "text/html; charset=utf-8", "<!DOCTYPE html>"},
		"page of an outage":    {mock.AuthorityFault{HTML: true, Status: 503}, 503, "text/html; charset=utf-8", "<!DOCTYPE html>"},
		"expiry as a string":   {mock.AuthorityFault{Fields: map[string]any{"expires_in": "3599"}}, 200, "application/json; charset=utf-8", `"expires_in":"3599"`},
		"expiry of zero":       {mock.AuthorityFault{Fields: map[string]any{"expires_in": 0}}, 200, "application/json; charset=utf-8", `"expires_in":0`},
		"hint to refresh":      {mock.AuthorityFault{Fields: map[string]any{"refresh_in": 60}}, 200, "application/json; charset=utf-8", `"refresh_in":60`},
		"short life":           {mock.AuthorityFault{TTL: 11 * time.Second}, 200, "application/json; charset=utf-8", `"expires_in":11`},
		"for the grant":        {mock.AuthorityFault{Grant: "refresh_token", Status: 429}, 429, "application/json; charset=utf-8", ""},
		"for another grant":    {mock.AuthorityFault{Grant: "client_credentials", Status: 429}, 200, "application/json; charset=utf-8", `"access_token"`},
		"for another endpoint": {mock.AuthorityFault{Path: "/revoke", Status: 429}, 200, "application/json; charset=utf-8", `"access_token"`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Faults: []mock.AuthorityFault{test.fault}})
				resp, err := a.HTTPClient().PostForm(a.TokenURL(), refreshForm(a.Grant("you@example.test")))
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				body, err := io.ReadAll(resp.Body)
				if err != nil || resp.StatusCode != test.status || resp.Header.Get("Content-Type") != test.header || !strings.Contains(string(body), test.body) {
					t.Errorf("%s, %s: %s, %v", resp.Status, resp.Header, body, err)
				}
			})
		})
	}
}

func TestAuthorityFaultsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: mock.MicrosoftOAuth})
		if err := a.Inject(
			mock.AuthorityFault{Times: 1, Delay: 20 * time.Second, Fields: map[string]any{"expires_in": nil}},
			mock.AuthorityFault{Times: 1, Drop: true},
			mock.AuthorityFault{Times: 1, Status: 503, Error: "temporarily_unavailable", RetryAfter: 1500 * time.Millisecond},
		); err != nil {
			t.Fatal(err)
		}
		client, refresh, start := a.HTTPClient(), a.Grant("you@example.test"), time.Now()
		if _, fields := post(t, client, a.TokenURL(), refreshForm(refresh)); fields["access_token"] == nil || fields["expires_in"] != nil || time.Since(start) != 20*time.Second {
			t.Errorf("slow answer after %v: %v", time.Since(start), fields)
		}
		if resp, err := client.PostForm(a.TokenURL(), refreshForm(refresh)); err == nil {
			resp.Body.Close()
			t.Errorf("dropped: %s", resp.Status)
		}
		resp, fields := post(t, client, a.TokenURL(), refreshForm(refresh))
		if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "2" || fields["correlation_id"] == nil {
			t.Errorf("%s %v %v", resp.Status, resp.Header, fields)
		}
		if resp, _ := post(t, client, a.TokenURL(), refreshForm(refresh)); resp.StatusCode != 200 {
			t.Errorf("behind the faults: %s", resp.Status)
		}
		var statuses []int
		for _, r := range a.Requests() {
			statuses = append(statuses, r.Status)
		}
		if len(statuses) != 4 || statuses[1] != 0 || statuses[2] != 503 {
			t.Errorf("log %v", statuses)
		}
	})
}

// A client that gives up does not hold the authority.
func TestAuthorityDelayEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Faults: []mock.AuthorityFault{{Delay: time.Hour}}})
		client := a.HTTPClient()
		client.Timeout = time.Minute
		start := time.Now()
		resp, err := client.PostForm(a.TokenURL(), refreshForm(a.Grant("you@example.test")))
		var timeout *url.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			if err == nil {
				resp.Body.Close()
			}
			t.Errorf("%v", err)
		}
		a.Close()
		if took := time.Since(start); took != time.Minute {
			t.Errorf("closed after %v", took)
		}
	})
}

func TestHeal(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Faults: []mock.AuthorityFault{{Status: http.StatusTeapot}}})
	for _, want := range []int{http.StatusTeapot, http.StatusTeapot, http.StatusOK} {
		if len(a.Requests()) == 2 {
			a.Heal()
		}
		if status, _ := ask(t, a.HTTPClient(), a.TokenURL(), refreshForm(a.Grant("you@example.test"))); status != want {
			t.Errorf("status %d, want %d", status, want)
		}
	}
}

func TestAuthorityFaultErrors(t *testing.T) {
	for want, fault := range map[string]mock.AuthorityFault{
		"mock: AuthorityFault 0: a number below zero":                                                    {Times: -1},
		"mock: AuthorityFault 0: status 99 is none of an answer; write 200 to 599":                       {Status: 99},
		`mock: AuthorityFault 0: path "revoke" does not begin with a slash`:                              {Path: "revoke"},
		"mock: AuthorityFault 0: Drop together with an answer; set one of them":                          {Drop: true, HTML: true},
		"mock: AuthorityFault 0: fields that JSON does not have: json: unsupported type: chan struct {}": {Fields: map[string]any{"x": make(chan struct{})}},
	} {
		_, err := mock.NewAuthority(mock.AuthorityOptions{Network: mock.InMemory, Faults: []mock.AuthorityFault{fault}})
		if err == nil || err.Error() != want+", in AuthorityOptions.Faults" {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A failure that HTTP does not have is found out before a request is.
func TestFailNextErrors(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory})
	for want, err := range map[string]error{
		"mock: FailNext: status 1000 is none of an answer; write 200 to 599":  a.FailNext(1, 1000, "server_error", 0),
		"mock: FailNext: status 100 is none of an answer; write 200 to 599":   a.FailNext(1, 100, "server_error", 0),
		"mock: FailNext: a number below zero":                                 a.FailNext(1, 503, "", -time.Second),
		"mock: FailNext: -1 requests":                                         a.FailNext(-1, 503, "", 0),
		"mock: FailNext: neither a status nor an error code; set one of them": a.FailNext(1, 0, "", 0),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if err := a.FailNext(0, 503, "", 0); err != nil {
		t.Errorf("no request: %v", err)
	}
	if status, _ := ask(t, a.HTTPClient(), a.TokenURL(), refreshForm(a.Grant("you@example.test"))); status != 200 {
		t.Errorf("afterwards: %d", status)
	}
}

// The first fault that fits happens alone, until it is used up.
func TestAuthorityFaultsTakeTurns(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Faults: []mock.AuthorityFault{
		{Times: 1, Status: 503}, {Times: 1, Status: 429, RetryAfter: time.Minute},
	}})
	for _, want := range []int{503, 429, 200} {
		if status, _ := ask(t, a.HTTPClient(), a.TokenURL(), refreshForm(a.Grant("you@example.test"))); status != want {
			t.Errorf("%d, want %d", status, want)
		}
	}
}

package mock_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

// A tokenAnswer is what a token endpoint said.
type tokenAnswer struct {
	status int
	header http.Header
	body   string
}

// field returns a member of the answer as it is written in JSON, "" if there is
// none.
func (a tokenAnswer) field(name string) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(a.body), &fields) != nil {
		return ""
	}
	return string(fields[name])
}

func askToken(ctx context.Context, a *mock.Authority, form url.Values) (tokenAnswer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.TokenURL(), strings.NewReader(form.Encode()))
	if err != nil {
		return tokenAnswer{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := a.HTTPClient().Do(req)
	if err != nil {
		return tokenAnswer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return tokenAnswer{resp.StatusCode, resp.Header, string(body)}, err
}

// TestTokenVectors are the vectors about token endpoints, V14 to V18: each shows
// the feature of the authority by which a test does it.
func TestTokenVectors(t *testing.T) {
	fields := func(expiry any) []mock.AuthorityFault {
		return []mock.AuthorityFault{{Fields: map[string]any{"expires_in": expiry}}}
	}
	for name, test := range map[string]struct {
		o     mock.AuthorityOptions
		check func(*testing.T, *mock.Authority)
	}{
		"V14/invalid_grant": {mock.AuthorityOptions{}, func(t *testing.T, a *mock.Authority) {
			refresh := a.Grant("you@example.test")
			a.RevokeGrant(refresh)
			wantAnswer(t, a, refreshForm(refresh), 400, "error", `"invalid_grant"`)
		}},
		"V14/invalid_client": {mock.AuthorityOptions{Clients: map[string]string{"app": "right"}}, func(t *testing.T, a *mock.Authority) {
			form := refreshForm(a.Grant("you@example.test"))
			form.Set("client_id", "app")
			form.Set("client_secret", "wrong")
			wantAnswer(t, a, form, 401, "error", `"invalid_client"`)
		}},
		"V14/429": {mock.AuthorityOptions{Faults: []mock.AuthorityFault{{Status: 429, RetryAfter: 30 * time.Second}}}, func(t *testing.T, a *mock.Authority) {
			if answer := wantAnswer(t, a, refreshForm(a.Grant("you@example.test")), 429, "", ""); answer.header.Get("Retry-After") != "30" {
				t.Errorf("Retry-After %q", answer.header.Get("Retry-After"))
			}
		}},
		"V14/HTML 502": {mock.AuthorityOptions{Faults: []mock.AuthorityFault{{Status: 502, HTML: true}}}, func(t *testing.T, a *mock.Authority) {
			answer := wantAnswer(t, a, refreshForm(a.Grant("you@example.test")), 502, "", "")
			if !strings.HasPrefix(answer.header.Get("Content-Type"), "text/html") || !strings.HasPrefix(answer.body, "<!DOCTYPE html>") {
				t.Errorf("%v %s", answer.header, answer.body)
			}
		}},
		"V14/slow": {mock.AuthorityOptions{Faults: []mock.AuthorityFault{{Delay: 5 * time.Minute}}}, func(t *testing.T, a *mock.Authority) {
			start := time.Now()
			wantAnswer(t, a, refreshForm(a.Grant("you@example.test")), 200, "token_type", `"Bearer"`)
			if took := time.Since(start); took != 5*time.Minute {
				t.Errorf("answered after %v", took)
			}
		}},
		"V14/expires_in a string": {mock.AuthorityOptions{Faults: fields("3599")}, wantExpiry(`"3599"`)},
		"V14/expires_in absent":   {mock.AuthorityOptions{Faults: fields(nil)}, wantExpiry("")},
		"V14/expires_in 0":        {mock.AuthorityOptions{Faults: fields(0)}, wantExpiry("0")},
		"V15/rotation":            {mock.AuthorityOptions{RotateRefresh: true}, checkRotation},
		"V16/one request":         {mock.AuthorityOptions{}, checkOneRequest},
		"V17/clock":               {mock.AuthorityOptions{TTL: time.Hour}, checkClock},
		"V18/a waiter leaves":     {mock.AuthorityOptions{Faults: []mock.AuthorityFault{{Delay: time.Minute}}}, checkWaiter},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				test.o.Network = mock.InMemory
				test.check(t, mock.StartAuthority(t, test.o))
			})
		})
	}
}

// wantAnswer asks for a token and wants a status and, of its JSON, a field.
func wantAnswer(t *testing.T, a *mock.Authority, form url.Values, status int, field, value string) tokenAnswer {
	t.Helper()
	answer, err := askToken(t.Context(), a, form)
	if err != nil || answer.status != status || field != "" && answer.field(field) != value {
		t.Errorf("%d %s, %v; want %d and %s %s", answer.status, answer.body, err, status, field, value)
	}
	return answer
}

func wantExpiry(want string) func(*testing.T, *mock.Authority) {
	return func(t *testing.T, a *mock.Authority) {
		wantAnswer(t, a, refreshForm(a.Grant("you@example.test")), 200, "expires_in", want)
	}
}

// checkRotation: a client that has not stored the new refresh token is found out,
// and the whole family ends.
func checkRotation(t *testing.T, a *mock.Authority) {
	form := refreshForm(a.Grant("you@example.test"))
	var next string
	if err := json.Unmarshal([]byte(wantAnswer(t, a, form, 200, "", "").field("refresh_token")), &next); err != nil || next == "" {
		t.Fatalf("no new refresh token: %v", err)
	}
	fresh := url.Values{"grant_type": {"refresh_token"}, "client_id": {"id"}, "refresh_token": {next}}
	wantAnswer(t, a, fresh, 200, "", "")
	wantAnswer(t, a, form, 400, "error", `"invalid_grant"`)  // used twice
	wantAnswer(t, a, fresh, 400, "error", `"invalid_grant"`) // and so is the family
}

// checkOneRequest: the log tells a client that asks once from one that asks for
// each goroutine.
func checkOneRequest(t *testing.T, a *mock.Authority) {
	form := refreshForm(a.Grant("you@example.test"))
	once := sync.OnceValues(func() (tokenAnswer, error) { return askToken(t.Context(), a, form) })
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := once(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(a.Requests()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	for range 20 {
		wg.Go(func() { _, _ = askToken(t.Context(), a, form) })
	}
	wg.Wait()
	if n := len(a.Requests()); n != 21 {
		t.Errorf("%d requests, want 21", n)
	}
}

// checkClock: tokens live by the bubble's clock, to the nanosecond. A bubble's
// clock does not go backward; Authority.Expire is what a client then sees.
func checkClock(t *testing.T, a *mock.Authority) {
	check := func(token mock.TokenCheck) error { return a.CheckToken(t.Context(), token) }
	token := mock.TokenCheck{Mechanism: "XOAUTH2", User: "you@example.test", Token: a.Issue("you@example.test", 0).Value}
	time.Sleep(time.Hour - 1)
	if err := check(token); err != nil {
		t.Errorf("a nanosecond before its end: %v", err)
	}
	time.Sleep(time.Nanosecond)
	if check(token) == nil {
		t.Error("good behind its end")
	}
	token.Token = a.Issue("you@example.test", 0).Value
	a.Expire(token.Token)
	if check(token) == nil {
		t.Error("good behind Expire")
	}
}

// checkWaiter: a request that its client gives up shows in the log without an
// answer, one that goes on with its status.
func checkWaiter(t *testing.T, a *mock.Authority) {
	form := refreshForm(a.Grant("you@example.test"))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := askToken(ctx, a, form); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("given up: %v", err)
	}
	wantAnswer(t, a, form, 200, "", "")
	synctest.Wait()
	var got []int
	for _, r := range a.Requests() {
		got = append(got, r.Status)
	}
	if len(got) != 2 || got[0] != 0 && got[1] != 0 {
		t.Errorf("statuses %v, want 200 and one without an answer", got)
	}
}

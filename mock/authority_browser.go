package mock

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// Browse plays a user with a browser: it opens a URL of the authorization
// endpoint, decides as c says, and follows the redirect to the client, which
// listens on loopback. It is what a test has for the function of a client that
// opens a browser. The URL may be of any host, as with HijackingClient. Browse
// returns when the client has answered the browser, and does not look at what. An
// error says that the browser never got so far.
func (a *Authority) Browse(ctx context.Context, authorizationURL string, c Consent) error {
	r, err := a.Authorize(ctx, authorizationURL, c)
	if err != nil {
		return err
	}
	client := &http.Client{
		Transport: &http.Transport{DialContext: loopbackDialer().DialContext, DisableKeepAlives: true},
		Timeout:   time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
	resp, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("mock: browser: the client was not reached at %s: %w", r.URL.Host, withoutURL(err))
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxForm)) // the page for the user
	return nil
}

// loopbackDialer returns a dialer that reaches loopback and nothing else.
func loopbackDialer() *net.Dialer {
	return &net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		host, _, err := net.SplitHostPort(address)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			return errors.New("not on loopback; hand the request of Authorize to the client's handler instead")
		}
		return nil
	}}
}

// withoutURL returns an error of http.Client without the URL, which holds a code.
func withoutURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// Authorize is Browse up to the redirect. It returns the request that the browser
// would make to the client, a GET or with response_mode=form_post a POST, for
// tests that hand it to the client's handler or tamper with it first.
func (a *Authority) Authorize(ctx context.Context, authorizationURL string, c Consent) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, authorizationURL, nil)
	if err != nil {
		return nil, fmt.Errorf("mock: browser: %w", withoutURL(err))
	}
	if r.URL.Scheme != "https" {
		return nil, fmt.Errorf("mock: browser: the authorization URL has the scheme %q; it must be https", r.URL.Scheme)
	}
	browser, ticket, done := a.browserFor(c)
	defer done()
	r.Header.Set(ticketHeader, ticket)
	resp, err := browser.Do(r)
	if err != nil {
		return nil, fmt.Errorf("mock: browser: %w", withoutURL(err))
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(io.LimitReader(resp.Body, maxForm))
	if err != nil {
		return nil, fmt.Errorf("mock: browser: %w", err)
	}
	next, err := redirection(ctx, resp, string(page))
	if err != nil {
		return nil, fmt.Errorf("mock: browser: %w", withoutURL(err))
	}
	return next, nil
}

// browserFor returns a client that reaches the authorization endpoint, and the
// ticket that its request goes with until done is called.
func (a *Authority) browserFor(c Consent) (browser *http.Client, ticket string, done func()) {
	a.mu.Lock()
	browser = a.browser
	a.mu.Unlock()
	if browser == nil {
		browser = a.HijackingClient()
		browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	ticket = random(32)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.browser == nil {
		a.browser = browser
	}
	a.tickets[ticket] = c
	return browser, ticket, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.tickets, ticket)
	}
}

// The parts of formPage and textPage.
var (
	formAction = regexp.MustCompile(`<form method="POST" action="([^"]*)"`)
	formField  = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
	pageTitle  = regexp.MustCompile(`<title>([^<]*)</title>`)
	pageText   = regexp.MustCompile(`<p>([^<]*)</p>`)
)

// redirection returns the request that an answer sends a browser to make.
func redirection(ctx context.Context, resp *http.Response, page string) (*http.Request, error) {
	if location := resp.Header.Get("Location"); resp.StatusCode == http.StatusFound && location != "" {
		return http.NewRequestWithContext(ctx, http.MethodGet, location, nil)
	}
	action := formAction.FindStringSubmatch(page)
	if resp.StatusCode != http.StatusOK || action == nil {
		said := ""
		for _, part := range []*regexp.Regexp{pageTitle, pageText} {
			if found := part.FindStringSubmatch(page); found != nil {
				said += ": " + html.UnescapeString(found[1])
			}
		}
		return nil, fmt.Errorf("the authorization endpoint answers %d%s", resp.StatusCode, said)
	}
	fields := url.Values{}
	for _, field := range formField.FindAllStringSubmatch(page, -1) {
		fields.Set(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, html.UnescapeString(action[1]), strings.NewReader(fields.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r, nil
}

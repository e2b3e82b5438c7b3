package providers

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Classify returns what kind of failure an authority reports by an HTTP status
// and an OAuth 2.0 error code, as far as the standards tell. code is empty if the
// answer held none; status is 0 if there was no answer.
//
// The codes are those of RFC 6749, Sections 4.1.2.1 and 5.2, of RFC 8628, Section
// 3.5, and of OpenID Connect Core, Section 3.1.2.6. An adapter looks for what its
// provider adds before it asks here.
func Classify(status int, code string) Kind {
	if status == 0 || status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout {
		return Transient
	}
	switch code {
	case "temporarily_unavailable", "server_error":
		return Transient
	case "invalid_grant", "access_denied", "expired_token",
		"interaction_required", "login_required", "consent_required", "account_selection_required":
		return NeedsUser
	}
	return Misconfigured
}

// maxRetryAfter bounds what an authority may ask for.
const maxRetryAfter = 10 * time.Minute

// RetryAfter reads the value of a Retry-After header, seconds or a date (RFC
// 9110, Section 10.2.3). It is 0 for a value that is missing, wrong or past, and
// never more than 10 minutes.
func RetryAfter(value string) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(time.Until(date), 0), maxRetryAfter)
}

// Unreachable returns the error of an adapter for a request that got no answer.
// The URL of the request is kept out of it, and the text of the cause is passed
// through [Scrub]: that of package net/http may quote what a peer sent. A certificate that cannot be verified
// is nothing that time will mend; all else is transient.
func Unreachable(provider string, err *url.Error) *Error {
	e := &Error{Kind: Transient, Provider: provider, Description: "the authority cannot be reached"}
	if err.Err != nil {
		e.Err = &scrubbed{err.Err}
	}
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		e.Kind = Misconfigured
		e.Hint = "its certificate cannot be verified: look for a proxy that intercepts TLS"
	}
	return e
}

// A scrubbed error has a text that is fit to be seen.
type scrubbed struct{ err error }

func (s *scrubbed) Error() string { return Scrub(s.err.Error()) }
func (s *scrubbed) Unwrap() error { return s.err }

package sasl

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// What a server's final reply to a sign-in amounts to. A [Transport] returns
// verdicts that match one of these, or two: [ErrRejected] together with
// [ErrNotPermitted] is a refusal that no other credential would lift.
var (
	// ErrRejected: the server refused the credentials (SMTP 535).
	ErrRejected = errors.New("sasl: credentials refused")
	// ErrNotPermitted: the account may not sign in this way, whatever the
	// credentials (SMTP 550).
	ErrNotPermitted = errors.New("sasl: account may not sign in this way")
	// ErrTemporary: the server cannot authenticate now (SMTP 454 and other 4yz).
	ErrTemporary = errors.New("sasl: temporary authentication failure")
	// ErrUnavailable: the server or the account is out of service for now (SMTP
	// 421, 432). It says nothing of the credentials.
	ErrUnavailable = errors.New("sasl: service not available")
	// ErrMechanismRefused: the server will not run this mechanism (SMTP 504,
	// 534). Another one may do.
	ErrMechanismRefused = errors.New("sasl: mechanism refused")
)

// What goes wrong on this side, or between the two.
var (
	// ErrInsecure: a secret would have left without the protection it needs, or
	// the server demands encryption first (SMTP 523, 538).
	ErrInsecure = errors.New("sasl: connection not secure enough")
	// ErrProtocol: the peer broke the rules of SASL or of the mechanism.
	ErrProtocol = errors.New("sasl: protocol error")
	// ErrServerUnverified: success was reported before the server had proved
	// itself. Whoever answered may not be the server.
	ErrServerUnverified = errors.New("sasl: server did not prove its identity")
	// ErrWrongHost: the credentials are for other hosts (see [Credentials.Hosts]).
	ErrWrongHost = errors.New("sasl: credentials are not for this host")
	// ErrAmbiguousCredentials: a password and a token generator together.
	ErrAmbiguousCredentials = errors.New("sasl: both a password and a token generator; set one of them")
	// ErrBadCredentials: a user name, password or token that cannot be sent.
	ErrBadCredentials = errors.New("sasl: unusable credentials")
)

// ReplyKind tells engines what an SMTP reply code to AUTH stands for (RFC 4954,
// Sections 4 and 6): nil for 235, else one of the errors of this package, such as
// [ErrRejected] for 535.
func ReplyKind(code int) error {
	switch code {
	case 235:
		return nil
	case 421, 432:
		return ErrUnavailable
	case 504, 534:
		return ErrMechanismRefused
	case 523, 538:
		return ErrInsecure
	case 535:
		return ErrRejected
	case 550:
		return ErrNotPermitted
	}
	if code/100 == 4 {
		return ErrTemporary
	}
	return ErrProtocol
}

// faults are several errors on one line.
type faults []error

// join is errors.Join for an error that is shown on one line.
func join(errs ...error) error {
	if len(errs) == 0 {
		return nil
	}
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 0 {
		return nil
	}
	return faults(errs)
}

func (f faults) Error() string {
	var b strings.Builder
	b.WriteString(f[0].Error())
	for _, err := range f[1:] {
		b.WriteString("; " + strings.TrimPrefix(err.Error(), "sasl: "))
	}
	return b.String()
}

func (f faults) Unwrap() []error { return f }

// A NoMechanismError says that no mechanism can run on a connection, and why.
// It matches every reason, so that errors.Is(err, [ErrInsecure]) tells whether
// encryption would have helped.
type NoMechanismError struct {
	Offered []string   // what the server offers
	Skipped []Decision // every mechanism of the registry
}

// maxShown is how many offered mechanisms the text of an error names.
const maxShown = 16

func (e *NoMechanismError) Error() string {
	var b strings.Builder
	b.WriteString("sasl: no usable mechanism: the server offers ")
	if len(e.Offered) == 0 {
		b.WriteString("none")
	}
	for i, name := range e.Offered {
		if i == maxShown {
			fmt.Fprintf(&b, " and %d others", len(e.Offered)-i)
			break
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%.20s", printable(name))
	}
	for _, reason := range e.reasons() {
		b.WriteString("; " + reason)
	}
	return b.String()
}

// reasons returns each reason with its mechanisms. That some are not offered comes
// last: there the user can do nothing.
func (e *NoMechanismError) reasons() []string {
	var order []string
	skipped := map[string][]string{} // by reason
	for _, d := range e.Skipped {
		reason := strings.TrimPrefix(d.Reason.Error(), "sasl: ")
		if skipped[reason] == nil {
			order = append(order, reason)
		}
		skipped[reason] = append(skipped[reason], d.Mechanism)
	}
	notOffered := strings.TrimPrefix(errNotOffered.Error(), "sasl: ")
	if i := slices.Index(order, notOffered); i >= 0 {
		order = append(slices.Delete(order, i, i+1), notOffered)
	}
	for i, reason := range order {
		order[i] = strings.Join(skipped[reason], ", ") + ": " + reason
	}
	return order
}

// Unwrap returns the reasons.
func (e *NoMechanismError) Unwrap() []error {
	var errs []error
	for _, d := range e.Skipped {
		errs = append(errs, d.Reason)
	}
	return errs
}

// A TokenError says that the [TokenGenerator] failed, so that nothing was sent
// to the server. Err is what the generator returned, unchanged.
type TokenError struct {
	Err error
}

func (e *TokenError) Error() string { return "sasl: no access token: " + e.Err.Error() }

// Unwrap returns the generator's error.
func (e *TokenError) Unwrap() error { return e.Err }

// A RefusedError says that the server refused a token and that no other token
// was tried to the end. It matches both of its errors.
type RefusedError struct {
	Refusal error // what the server said to the refused token
	Renewal error // why no other token took its place: often ErrNoOtherToken
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%v (renewal: %v)", e.Refusal, e.Renewal)
}

// Unwrap returns the refusal and the error of the renewal.
func (e *RefusedError) Unwrap() []error { return []error{e.Refusal, e.Renewal} }

// A CoolDownError says that sign-in was not tried, because a server has refused
// this password of the [Authenticator] lately, or two tokens. Err is the last
// refusal.
type CoolDownError struct {
	Until time.Time // when the next sign-in will be tried
	Err   error
}

func (e *CoolDownError) Error() string {
	return fmt.Sprintf("sasl: sign-in not tried again before %s: %v", e.Until.Format(time.RFC3339), e.Err)
}

// Unwrap returns the last refusal.
func (e *CoolDownError) Unwrap() error { return e.Err }

// printable replaces what a terminal or a log would act on. Text of a peer
// passes through it on its way into an error.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '.'
		}
		return r
	}, strings.ToValidUTF8(s, "."))
}

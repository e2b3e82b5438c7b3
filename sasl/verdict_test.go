package sasl_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"testing"

	"github.com/seed-55a66e92/postern/sasl"
)

// The verdicts of net/smtp amount to the same errors as those of an engine that
// says what its replies mean.
func TestVerdictOfNetSMTP(t *testing.T) {
	for _, code := range []int{421, 432, 454, 500, 504, 534, 535, 538, 550} {
		verdict := &textproto.Error{Code: code, Msg: "no"}
		x := started(t, sasl.OAuth(user, sasl.StaticToken(token)), secure("XOAUTH2"))
		err := x.Finish(verdict)
		wantErrors(t, err, sasl.ReplyKind(code), verdict)

		x = started(t, sasl.OAuth(user, sasl.StaticToken(token)), secure("XOAUTH2"))
		if _, err := x.Next([]byte(`{"status":"401"}`)); err != nil {
			t.Fatal(err)
		}
		err = x.Finish(verdict)
		wantErrors(t, err, sasl.ReplyKind(code), verdict)
		var oauth *sasl.OAuthError
		if !errors.As(err, &oauth) || oauth.Status != "401" {
			t.Errorf("%d: error %v, want an OAuthError", code, err)
		}
	}
}

// A foreign error is of an engine that keeps the code of the reply in a field.
type foreign struct {
	Code  int
	Cause error
}

func (f *foreign) Error() string { return "foreign" }
func (f *foreign) Unwrap() error { return f.Cause }

// A hollow error has the field in a part that is not there.
type hollow struct{ *foreign }

func (hollow) Error() string { return "hollow" }
func (hollow) Unwrap() error { return nil }

// A wordy error has a field of that name for something else.
type wordy struct{ Code string }

func (wordy) Error() string { return "wordy" }

// A response is an error of an IMAP engine.
type response struct{ Type, Code string }

func (*response) Error() string { return "response" }

func TestVerdictOfOtherEngines(t *testing.T) {
	for _, test := range []struct {
		name    string
		verdict error
		kind    error // nil: the verdict is left as it is
	}{
		{"field Code", &foreign{Code: 535}, sasl.ErrRejected},
		{"wrapped", fmt.Errorf("sign-in: %w", &foreign{Code: 454}), sasl.ErrTemporary},
		{"code that is no reply's", &foreign{Code: 7}, nil},
		{"code of success", &foreign{Code: 235}, nil},
		{"no struct", io.EOF, nil},
		{"field of another type", wordy{"535"}, nil},
		{"field in a nil part", hollow{}, nil},
		{"matches already", &foreign{Code: 535, Cause: sasl.ErrRejected}, nil},
		{"base64", base64.CorruptInputError(7), sasl.ErrProtocol},
		{"IMAP: NO", &response{"NO", ""}, sasl.ErrRejected},
		{"IMAP: credentials", &response{"NO", "AUTHENTICATIONFAILED"}, sasl.ErrRejected},
		{"IMAP: expired", &response{"NO", "EXPIRED"}, sasl.ErrRejected},
		{"IMAP: authorization", &response{"NO", "AUTHORIZATIONFAILED"}, sasl.ErrNotPermitted},
		{"IMAP: no TLS", &response{"NO", "PRIVACYREQUIRED"}, sasl.ErrInsecure},
		{"IMAP: down", fmt.Errorf("imap: %w", &response{"NO", "UNAVAILABLE"}), sasl.ErrTemporary},
		{"IMAP: another code", &response{"NO", "LIMIT"}, nil},
		{"IMAP: BAD", &response{"BAD", ""}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			x := started(t, sasl.OAuth(user, sasl.StaticToken(token)), secure("XOAUTH2"))
			err := x.Finish(test.verdict)
			if test.kind == nil && err != test.verdict {
				t.Errorf("%v, want the verdict itself", err)
			}
			if !errors.Is(err, test.verdict) || test.kind != nil && !errors.Is(err, test.kind) {
				t.Errorf("%v, want %v and %v", err, test.verdict, test.kind)
			}
		})
	}
}

func TestReplyKind(t *testing.T) {
	for code, want := range map[int]error{
		235: nil, 334: sasl.ErrProtocol, 250: sasl.ErrProtocol,
		421: sasl.ErrUnavailable, 432: sasl.ErrUnavailable, 454: sasl.ErrTemporary, 451: sasl.ErrTemporary,
		500: sasl.ErrProtocol, 501: sasl.ErrProtocol, 503: sasl.ErrProtocol, 504: sasl.ErrMechanismRefused,
		523: sasl.ErrInsecure, 534: sasl.ErrMechanismRefused, 535: sasl.ErrRejected, 538: sasl.ErrInsecure,
		550: sasl.ErrNotPermitted, 0: sasl.ErrProtocol,
	} {
		if got := sasl.ReplyKind(code); got != want {
			t.Errorf("%d: %v, want %v", code, got, want)
		}
	}
}

// An unsigned error has the code in an unsigned field.
type unsigned struct{ Code uint16 }

func (unsigned) Error() string { return "unsigned" }

// The code counts wherever it stands among the errors that were joined.
func TestVerdictAmongOthers(t *testing.T) {
	reply := &textproto.Error{Code: 535, Msg: "no"}
	other := errors.New("other")
	for name, verdict := range map[string]error{
		"joined":       errors.Join(other, reply),
		"two with %w":  fmt.Errorf("%w: %w", other, reply),
		"nested":       fmt.Errorf("%w: %w", other, fmt.Errorf("within: %w", errors.Join(other, reply))),
		"unsigned":     unsigned{535},
		"in a pointer": fmt.Errorf("within: %w", &unsigned{535}),
	} {
		x := started(t, sasl.OAuth(user, sasl.StaticToken(token)), secure("XOAUTH2"))
		if err := x.Finish(verdict); !errors.Is(err, sasl.ErrRejected) || !errors.Is(err, verdict) {
			t.Errorf("%s: %v, want ErrRejected and what it is", name, err)
		}
	}
	var none *textproto.Error
	x := started(t, sasl.OAuth(user, sasl.StaticToken(token)), secure("XOAUTH2"))
	if err := x.Finish(none); err == nil || errors.Is(err, sasl.ErrRejected) {
		t.Error("a nil *textproto.Error is neither a success nor a refusal")
	}
}

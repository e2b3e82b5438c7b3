package sasl

import (
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
)

// Other engines tell how an exchange ended by errors of their own. Those of
// net/smtp, go-smtp and go-mail have the reply code in a field Code; those of
// go-imap have the response code there, a string, and the kind of response in a
// field Type.

// classified makes the verdict of another engine match the error that it stands
// for, if it stands for one.
func classified(verdict error) error {
	if verdict == nil {
		return nil
	}
	if corrupt := base64.CorruptInputError(0); errors.As(verdict, &corrupt) {
		return fmt.Errorf("%w: challenge is not base64: %w", ErrProtocol, verdict)
	}
	if kind := kindOf(verdict); kind != nil && !errors.Is(verdict, kind) {
		return fmt.Errorf("%w: %w", kind, verdict)
	}
	return verdict
}

// kindOf returns what err, or the first error in it of another engine, stands for;
// nil for nothing.
func kindOf(err error) error {
	v := reflect.ValueOf(err)
	if !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil
	}
	if kind := replyKind(reflect.Indirect(v)); kind != nil {
		return kind
	}
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		return kindOf(err.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range err.Unwrap() {
			if kind := kindOf(err); kind != nil {
				return kind
			}
		}
	}
	return nil
}

// replyKind returns what an error of another engine stands for, nil for nothing.
func replyKind(v reflect.Value) error {
	code := field(v, "Code")
	switch {
	case code.CanInt() && code.Int() >= 400 && code.Int() <= 599:
		return ReplyKind(int(code.Int()))
	case code.CanUint() && code.Uint() >= 400 && code.Uint() <= 599:
		return ReplyKind(int(code.Uint()))
	case code.Kind() == reflect.String && field(v, "Type").Kind() == reflect.String:
		return responseKind(field(v, "Type").String(), code.String())
	}
	return nil
}

// field returns a field of a struct, the zero Value if there is none.
func field(v reflect.Value, name string) reflect.Value {
	if v.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	f, ok := v.Type().FieldByName(name)
	if !ok {
		return reflect.Value{}
	}
	found, err := v.FieldByIndexErr(f.Index) // it may be promoted from a nil pointer
	if err != nil {
		return reflect.Value{}
	}
	return found
}

// responseKind returns what an IMAP response to AUTHENTICATE stands for (RFC
// 5530, Section 3). A NO without a code is the refusal of a server that has
// offered the mechanism.
func responseKind(response, code string) error {
	if response != "NO" {
		return nil
	}
	switch code {
	case "", "AUTHENTICATIONFAILED", "EXPIRED":
		return ErrRejected
	case "AUTHORIZATIONFAILED":
		return ErrNotPermitted
	case "PRIVACYREQUIRED":
		return ErrInsecure
	case "UNAVAILABLE":
		return ErrTemporary
	}
	return nil
}

package sasl

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// What a client reads of a SCRAM server (RFC 5802, Section 7). The order of the
// attributes is fixed. Unknown ones behind them are allowed and count in the
// signatures; m, which demands that they be understood, is not.

// minSalt is the least salt that is taken, in octets: a server with less would
// learn the passwords of all who sign in from one table.
const minSalt = 8

// maxIterationDigits is enough for every int32, and never overflows an int64.
const maxIterationDigits = 10

type serverFirst struct {
	nonce      string
	salt       []byte
	iterations int
}

// parseServerFirst reads the first message. Its nonce continues the client's.
func parseServerFirst(message, nonce string) (serverFirst, error) {
	fields := strings.Split(message, ",")
	if err := checkExtensions(fields[min(3, len(fields)):]); err != nil {
		return serverFirst{}, err
	}
	if len(fields) < 3 {
		return serverFirst{}, badServer("want nonce, salt and iterations")
	}
	var first serverFirst
	var err error
	if first.nonce, err = attribute(fields[0], "r="); err != nil {
		return serverFirst{}, err
	}
	if !strings.HasPrefix(first.nonce, nonce) || len(first.nonce) == len(nonce) || !isNonce(first.nonce) {
		return serverFirst{}, badServer("nonce does not continue ours")
	}
	encoded, err := attribute(fields[1], "s=")
	if err != nil {
		return serverFirst{}, err
	}
	if first.salt, err = wire.DecodeBase64([]byte(encoded)); err != nil || len(first.salt) < minSalt {
		return serverFirst{}, badServer("want a salt of at least " + strconv.Itoa(minSalt) + " octets in base64")
	}
	number, err := attribute(fields[2], "i=")
	if err != nil {
		return serverFirst{}, err
	}
	first.iterations, err = parseIterations(number)
	return first, err
}

// parseIterations reads a positive decimal number without sign and leading zero.
func parseIterations(s string) (int, error) {
	if len(s) > maxIterationDigits || s == "" || s[0] == '0' || strings.Trim(s, "0123456789") != "" {
		return 0, badServer("number of iterations")
	}
	n, err := strconv.Atoi(s)
	if err != nil { // too large for 32 bits
		return 0, badServer("number of iterations")
	}
	return n, nil
}

// parseServerFinal reads the last message, which is not an error, and returns
// the signature.
func parseServerFinal(message string) ([]byte, error) {
	fields := strings.Split(message, ",")
	if err := checkExtensions(fields[1:]); err != nil {
		return nil, err
	}
	encoded, err := attribute(fields[0], "v=")
	if err != nil {
		return nil, err
	}
	signature, err := wire.DecodeBase64([]byte(encoded))
	if err != nil {
		return nil, badServer("signature is not base64")
	}
	return signature, nil
}

// serverError returns the error that a message names, if it names one.
func serverError(message string) (value string, ok bool) {
	value, ok = strings.CutPrefix(message, "e=")
	value, _, _ = strings.Cut(value, ",")
	return value, ok
}

// attribute returns the value of the attribute that has to stand there.
func attribute(field, name string) (string, error) {
	if value, ok := strings.CutPrefix(field, name); ok {
		return value, nil
	}
	if strings.HasPrefix(field, "m=") {
		return "", errMandatory()
	}
	return "", badServer("want " + name)
}

// checkExtensions allows attributes that this version of SCRAM does not know.
func checkExtensions(fields []string) error {
	for _, field := range fields {
		name, value, ok := strings.Cut(field, "=")
		switch {
		case name == "m" && ok:
			return errMandatory()
		case !ok || len(name) != 1 || !isLetter(name[0]) || strings.Contains("anrcsipve", name):
			return badServer("attribute")
		case value == "" || !utf8.ValidString(value) || strings.ContainsRune(value, 0):
			return badServer("value of an extension")
		}
	}
	return nil
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// isNonce reports whether s is of printable ASCII without comma.
func isNonce(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' || c == ',' {
			return false
		}
	}
	return true
}

func badServer(what string) error { return fmt.Errorf("%w: server's message: %s", ErrProtocol, what) }

func errMandatory() error { return badServer("demands an extension that nobody has defined") }

package sasl

import (
	"strings"
	"unicode/utf8"

	"github.com/seed-55a66e92/postern/internal/wire"
)

// What a server reads of a SCRAM client (RFC 5802, Section 7).

type clientFirst struct {
	header      string // the GS2 header with both of its commas
	flag        string // n, y or p
	bindingType string // with p
	authzid     string
	bare        string // what follows the header
	username    string
	nonce       string
}

func parseClientFirst(message string) (clientFirst, error) {
	if !utf8.ValidString(message) || strings.ContainsRune(message, 0) {
		return clientFirst{}, badClient(scramInvalidEncoding, "not UTF-8, or NUL")
	}
	parts := strings.SplitN(message, ",", 3)
	if len(parts) < 3 {
		return clientFirst{}, badClient(scramInvalidEncoding, "no GS2 header")
	}
	first := clientFirst{
		header: message[:len(message)-len(parts[2])],
		bare:   parts[2],
	}
	if err := first.parseFlag(parts[0]); err != nil {
		return clientFirst{}, err
	}
	if parts[1] != "" {
		var err error
		if first.authzid, err = parseName(parts[1], "a="); err != nil {
			return clientFirst{}, err
		}
	}
	return first, first.parseBare()
}

func (f *clientFirst) parseFlag(s string) error {
	typ, bound := strings.CutPrefix(s, "p=")
	switch {
	case bound && isBindingName(typ):
		f.flag, f.bindingType = "p", typ
	case s == "n" || s == "y":
		f.flag = s
	default:
		return badClient(scramInvalidEncoding, "channel binding flag")
	}
	return nil
}

func (f *clientFirst) parseBare() error {
	fields := strings.Split(f.bare, ",")
	if strings.HasPrefix(fields[0], "m=") {
		return badClient(scramExtensions, "mandatory extension")
	}
	if len(fields) < 2 {
		return badClient(scramInvalidEncoding, "want user name and nonce")
	}
	var err error
	if f.username, err = parseName(fields[0], "n="); err != nil {
		return err
	}
	nonce, ok := strings.CutPrefix(fields[1], "r=")
	if !ok || nonce == "" || !printableASCII(nonce) {
		return badClient(scramInvalidEncoding, "nonce")
	}
	f.nonce = nonce
	return ignoreExtensions(fields[2:])
}

// parseName reads a saslname: UTF-8 with comma and equals sign escaped.
func parseName(field, attribute string) (string, error) {
	escaped, ok := strings.CutPrefix(field, attribute)
	if !ok {
		return "", badClient(scramInvalidEncoding, "want "+attribute)
	}
	name, ok := unescapeSaslname(escaped)
	if !ok || name == "" || checkIdentity("", name) != nil {
		return "", badClient(scramInvalidName, "name after "+attribute)
	}
	return name, nil
}

type clientFinal struct {
	withoutProof string
	binding      []byte // GS2 header and channel binding data
	nonce        string
	proof        []byte
}

func parseClientFinal(message string) (clientFinal, error) {
	end := strings.LastIndex(message, ",p=")
	if end < 0 {
		return clientFinal{}, badClient(scramInvalidEncoding, "no proof")
	}
	final := clientFinal{withoutProof: message[:end]}
	fields := strings.Split(final.withoutProof, ",")
	if len(fields) < 2 {
		return clientFinal{}, badClient(scramInvalidEncoding, "want channel binding and nonce")
	}
	binding, ok := strings.CutPrefix(fields[0], "c=")
	if !ok {
		return clientFinal{}, badClient(scramInvalidEncoding, "channel binding")
	}
	var err error
	if final.binding, err = wire.DecodeBase64([]byte(binding)); err != nil {
		return clientFinal{}, badClient(scramInvalidEncoding, "channel binding is not base64")
	}
	if final.nonce, ok = strings.CutPrefix(fields[1], "r="); !ok {
		return clientFinal{}, badClient(scramInvalidEncoding, "nonce")
	}
	if final.proof, err = wire.DecodeBase64([]byte(message[end+len(",p="):])); err != nil {
		return clientFinal{}, badClient(scramInvalidEncoding, "proof is not base64")
	}
	return final, ignoreExtensions(fields[2:])
}

// ignoreExtensions passes over optional extensions and refuses a mandatory one.
func ignoreExtensions(fields []string) error {
	for _, field := range fields {
		switch {
		case strings.HasPrefix(field, "m="):
			return badClient(scramExtensions, "mandatory extension")
		case len(field) < 3 || field[1] != '=' || !isKey([]byte(field[:1])) || !utf8.ValidString(field) || strings.ContainsRune(field, 0):
			return badClient(scramInvalidEncoding, "extension")
		case strings.Contains("anrcpi", field[:1]):
			return badClient(scramInvalidEncoding, "attribute twice or out of place")
		}
	}
	return nil
}

func printableASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// isBindingName reports whether s is the name of a channel binding (RFC 5056,
// Section 7).
func isBindingName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-' {
			return false
		}
	}
	return s != ""
}

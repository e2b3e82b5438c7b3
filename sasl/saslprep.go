package sasl

import (
	"errors"

	"github.com/xdg-go/stringprep"
)

// prepare brings a name or a password into the form that both sides compute with
// (RFC 5802, Section 5.1). What SASLprep does not allow stays as it is: there are
// servers that took such a password, and they decide.
func prepare(s string) (string, error) {
	if isASCII(s) {
		return s, nil // SASLprep changes none of it that may be sent
	}
	if prepared, err := saslprep(s); err == nil && prepared != "" {
		return prepared, nil
	}
	return s, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

var errSASLprep = errors.New("sasl: not allowed by SASLprep")

// saslprep is RFC 4013 for queries, in which code points that Unicode 3.2 did not
// assign may occur (RFC 3454, Section 7). Its error does not name the character:
// that would be part of a password.
func saslprep(s string) (string, error) {
	queries := stringprep.Profile{
		Mappings:  stringprep.SASLprep.Mappings,
		Normalize: true,
		Prohibits: []stringprep.Set{ // RFC 4013, Section 2.3
			stringprep.TableC1_2, stringprep.TableC2_1, stringprep.TableC2_2,
			stringprep.TableC3, stringprep.TableC4, stringprep.TableC5,
			stringprep.TableC6, stringprep.TableC7, stringprep.TableC8, stringprep.TableC9,
		},
		CheckBiDi: true,
	}
	prepared, err := queries.Prepare(s)
	if err != nil {
		return "", errSASLprep
	}
	return prepared, nil
}

package wire

import (
	"encoding/base64"
	"errors"
)

// ErrBase64 says that a line is not base64 as RFC 4954, Section 4 wants it.
// It does not hold the line, which may be a secret.
var ErrBase64 = errors.New("invalid base64")

// EncodeBase64 appends the base64 form of src to dst.
func EncodeBase64(dst, src []byte) []byte {
	return base64.StdEncoding.AppendEncode(dst, src)
}

// EncodedLen is the number of octets that n octets take in base64.
func EncodedLen(n int) int { return base64.StdEncoding.EncodedLen(n) }

// DecodeBase64 decodes one line without its CRLF. It accepts only what
// [EncodeBase64] can have produced: no octet outside the alphabet (CR, LF and
// spaces included), padding at the very end alone and no stray bits under it
// (RFC 4954, Section 4; RFC 4648, Sections 3.1, 3.3 and 3.5).
// An empty line is an empty result, which is never nil.
func DecodeBase64(line []byte) ([]byte, error) {
	if len(line)%4 != 0 {
		return nil, ErrBase64
	}
	for _, c := range line {
		// The standard decoder skips CR and LF, even a strict one.
		if c == '\r' || c == '\n' {
			return nil, ErrBase64
		}
	}
	out := make([]byte, base64.StdEncoding.DecodedLen(len(line)))
	n, err := base64.StdEncoding.Strict().Decode(out, line)
	if err != nil {
		return nil, ErrBase64
	}
	return out[:n], nil
}

package mock_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
)

// RFC 7515, Appendix A.2: a JWT signed by RS256, and the key's modulus.
const (
	jwtVector = "eyJhbGciOiJSUzI1NiJ9." +
		"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ." +
		"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4" +
		"BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv" +
		"hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
	jwtModulus = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOW" +
		"vG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9k" +
		"G4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
)

func vectorKey(t testing.TB) *rsa.PublicKey {
	n, err := base64.RawURLEncoding.DecodeString(jwtModulus)
	if err != nil {
		t.Fatal(err)
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}
}

// MSAL signs by PS256 (RFC 7518, Section 3.5).
func TestAssertionPS256(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	for _, test := range []struct {
		header string
		salt   int
		want   bool
	}{
		{`{"alg":"PS256"}`, 32, true},
		{`{"alg":"PS256"}`, 20, false},
		{`{"alg":"RS256"}`, 32, false},
		{`{"alg":"HS256"}`, 32, false},
	} {
		unsigned := encode([]byte(test.header)) + "." + encode([]byte("{}"))
		sum := sha256.Sum256([]byte(unsigned))
		signature, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: test.salt})
		if err != nil {
			t.Fatal(err)
		}
		if got := mock.VerifyAssertion(unsigned+"."+encode(signature), &key.PublicKey); got != test.want {
			t.Errorf("%s, salt of %d: %v", test.header, test.salt, got)
		}
	}
}

// FuzzAssertion: of all tokens, the one that was signed verifies, octet by octet.
func FuzzAssertion(f *testing.F) {
	key := vectorKey(f)
	parts := strings.Split(jwtVector, ".")
	encode := base64.RawURLEncoding.EncodeToString
	for _, seed := range []string{
		jwtVector, jwtVector + "\n", jwtVector + "=", jwtVector + ".", jwtVector[:len(jwtVector)-1] + "x", "..", "a.b.c",
		parts[0] + "." + parts[1] + ".", parts[0] + "\r\n." + parts[1] + "." + parts[2],
		encode([]byte(`{"alg":"none"}`)) + "." + parts[1] + "." + parts[2],
		encode([]byte(`{"alg":"RS256","crit":["exp"]}`)) + "." + parts[1] + "." + parts[2],
		parts[0] + "." + encode([]byte(`{"exp":1e300,"iat":-1,"aud":[1]}`)) + "." + parts[2],
		parts[0] + "." + encode([]byte(`{"exp":"9","aud":{}}`)) + "." + parts[2],
		parts[0] + "." + encode([]byte(`[]`)) + "." + parts[2],
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if got := mock.VerifyAssertion(token, key); got != (token == jwtVector) {
			t.Errorf("%v for %q", got, token)
		}
	})
}

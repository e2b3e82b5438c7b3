package conformance

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A scram is the client's side of SCRAM-SHA-256 without channel binding (RFC 5802
// and RFC 7677), for names and passwords in ASCII. It keeps what the server has
// said, so that a case can judge it.
type scram struct {
	user, password string
	nonce          string

	firstBare  string
	signature  []byte // that the server has to show
	iterations int
	round      int
	proved     bool  // it has shown it
	err        error // what is wrong with what it has said
}

func newScram(user, password string) *scram {
	return &scram{user: user, password: password, nonce: rand.Text()}
}

const gs2Header = "n,,"

// talk returns the exchange.
func (s *scram) talk() talk {
	s.firstBare = "n=" + saslname(s.user) + ",r=" + s.nonce
	return talk{mechanism: "SCRAM-SHA-256", initial: []byte(gs2Header + s.firstBare), next: s.next}
}

// next answers a challenge, and gives up if it is wrong.
func (s *scram) next(challenge []byte) []byte {
	s.round++
	switch s.round {
	case 1:
		final, err := s.final(string(challenge))
		s.err = err
		return final
	case 2:
		s.proved, s.err = s.verify(string(challenge))
		if s.err == nil {
			return []byte{}
		}
	default:
		s.err = errors.New("a third challenge")
	}
	return nil
}

// maxIterations is how much work the suite does for a server.
const maxIterations = 1 << 20

// final reads the first message of the server and returns the last one of the
// client.
func (s *scram) final(serverFirst string) ([]byte, error) {
	fields := strings.Split(serverFirst, ",")
	if len(fields) < 3 {
		return nil, fmt.Errorf("the challenge has %d fields, and needs a nonce, a salt and a count", len(fields))
	}
	nonce, hasNonce := strings.CutPrefix(fields[0], "r=")
	salt64, hasSalt := strings.CutPrefix(fields[1], "s=")
	count, hasCount := strings.CutPrefix(fields[2], "i=")
	salt, err := base64.StdEncoding.Strict().DecodeString(salt64)
	if err != nil || !hasNonce || !hasSalt || !hasCount {
		return nil, errors.New("the challenge is not of the form r=nonce,s=salt in base64,i=count")
	}
	if !strings.HasPrefix(nonce, s.nonce) || len(nonce) == len(s.nonce) {
		return nil, errors.New("the nonce of the challenge is not the client's with more behind it")
	}
	s.iterations, err = strconv.Atoi(count)
	if err != nil || s.iterations < 1 || s.iterations > maxIterations {
		return nil, errors.New("the iteration count of the challenge is no number from 1 to 1048576")
	}
	salted, err := pbkdf2.Key(sha256.New, s.password, salt, s.iterations, sha256.Size)
	if err != nil {
		return nil, err
	}
	bare := "c=" + base64.StdEncoding.EncodeToString([]byte(gs2Header)) + ",r=" + nonce
	message := s.firstBare + "," + serverFirst + "," + bare
	key := mac(salted, "Client Key")
	stored := sha256.Sum256(key)
	proof := make([]byte, len(key))
	for i, b := range mac(stored[:], message) {
		proof[i] = key[i] ^ b
	}
	s.signature = mac(mac(salted, "Server Key"), message)
	return []byte(bare + ",p=" + base64.StdEncoding.EncodeToString(proof)), nil
}

// verify reads the last message of the server.
func (s *scram) verify(serverFinal string) (bool, error) {
	value, found := strings.CutPrefix(serverFinal, "v=")
	if !found {
		return false, fmt.Errorf("the last message is %.40q and not v=signature", serverFinal)
	}
	value, _, _ = strings.Cut(value, ",")
	signature, err := base64.StdEncoding.Strict().DecodeString(value)
	if err != nil || !bytes.Equal(signature, s.signature) {
		return false, errors.New("the signature of the server is wrong")
	}
	return true, nil
}

func mac(key []byte, message string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(message))
	return h.Sum(nil)
}

package sasl

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

type cramMD5Server struct {
	identity
	ctx       context.Context
	directory Directory
	challenge []byte
	asked     bool
	over      bool
}

var (
	_ Server     = (*cramMD5Server)(nil)
	_ Identifier = (*cramMD5Server)(nil)
)

func newCRAMMD5Server(ctx context.Context, conn *Conn, d Directory) (Server, error) {
	return &cramMD5Server{ctx: ctx, directory: d, challenge: newCRAMMD5Challenge(conn)}, nil
}

// newCRAMMD5Challenge makes a challenge in the form of RFC 2195, Section 2:
// random digits, a time stamp and the name of the server, as a message ID.
func newCRAMMD5Challenge(conn *Conn) []byte {
	var random [16]byte
	rand.Read(random[:]) // never fails
	return fmt.Appendf(nil, "<%d%d.%d@%s>",
		binary.BigEndian.Uint64(random[:8]), binary.BigEndian.Uint64(random[8:]),
		time.Now().Unix(), cmp.Or(conn.Host, "localhost"))
}

func (s *cramMD5Server) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case s.over:
		return nil, false, errAfterEnd()
	case !s.asked && response == nil:
		s.asked = true
		return bytes.Clone(s.challenge), false, nil
	case !s.asked:
		s.over = true
		return nil, false, malformed("initial response to a mechanism in which the server speaks first")
	}
	s.over = true
	username, digest, err := parseCRAMMD5(response)
	if err != nil {
		return nil, false, err
	}
	if err := s.verify(username, digest); err != nil {
		return nil, false, err
	}
	s.identity = identity{username, "", true}
	return nil, true, nil
}

// verify checks an answer. That of an unknown user, or of one without a
// password, costs the same as a wrong one.
func (s *cramMD5Server) verify(username string, digest []byte) error {
	account, err := lookup(s.ctx, s.directory, username)
	if err != nil && !errors.Is(err, ErrRejected) {
		return err
	}
	mac := hmac.New(md5.New, []byte(account.Password.Reveal()))
	mac.Write(s.challenge)
	good := hmac.Equal(mac.Sum(nil), digest)
	if err != nil || !good || account.Password.IsZero() {
		return fmt.Errorf("%w: unknown user or wrong password", ErrRejected)
	}
	return nil
}

// parseCRAMMD5 takes the answer apart (RFC 2195, Section 2). A user name may
// hold spaces, the digest does not; its letters are in lower case.
func parseCRAMMD5(response []byte) (username string, digest []byte, err error) {
	space := bytes.LastIndexByte(response, ' ')
	switch {
	case space < 0:
		return "", nil, malformed("want a user name and a digest")
	case space == 0 || checkIdentity("", string(response[:space])) != nil:
		return "", nil, malformed("user name")
	}
	text := response[space+1:]
	digest, err = hex.DecodeString(string(text))
	if err != nil || len(digest) != 16 || !bytes.Equal(text, bytes.ToLower(text)) {
		return "", nil, malformed("digest")
	}
	return string(response[:space]), digest, nil
}

package sasl

import "fmt"

// A messageClient is the client of a mechanism in which it has one thing to say.
type messageClient struct {
	mechanism string
	message   Secret
}

var _ Client = (*messageClient)(nil)

// Start returns the message. One that is empty is an initial response all the same:
// "AUTH EXTERNAL =" (RFC 4954, Section 4).
func (c *messageClient) Start() (mechanism string, initial []byte, err error) {
	return c.mechanism, []byte(c.message.Reveal()), nil
}

// Next has nothing to say.
func (c *messageClient) Next([]byte) ([]byte, error) {
	return nil, fmt.Errorf("%w: challenge after the only message", ErrProtocol)
}

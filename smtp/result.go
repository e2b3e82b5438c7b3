package smtp

import "crypto/tls"

// A Result says what became of a message. Send returns one always, together
// with an error too.
type Result struct {
	// Accepted and Rejected are the recipients that the server accepted and
	// refused, in the order of the envelope. A recipient in Accepted gets the
	// message only if the message was accepted as well: if the error is nil or a
	// *PartialError, and with LMTP in any case.
	Accepted []string
	Rejected []*RecipientError

	// Uncertain are the recipients whom the message may have reached or not, where
	// the error matches ErrUncertain. They are not in Accepted.
	Uncertain []string

	// Reply is the final reply to the message. Its Code is 0 if there was none.
	// With LMTP, where each recipient has one, it is the last that is positive, or
	// else the last; the negative ones are in Rejected.
	Reply Reply

	// QueueID is the server's name for the message, for its operator to find it
	// by; "" if it did not tell.
	QueueID string

	// Mechanism is the SASL mechanism that signed in, "" if none did.
	Mechanism string

	// TLS is the state of the connection's TLS, nil if it had none.
	TLS *tls.ConnectionState

	// Octets is the size of the message on the wire, without dot coding.
	Octets int64

	// Attempts is how many connections were made: 2 if the server closed the
	// first one when it refused a token.
	Attempts int

	// Warnings are what went wrong without harm to the message.
	Warnings []error
}

// Retryable returns the recipients that were refused for now; see
// [ReplyError.Temporary]. Sending to them later may succeed.
func (r *Result) Retryable() []string {
	var to []string
	for _, rejected := range r.Rejected {
		if rejected.Err.Temporary() {
			to = append(to, rejected.Recipient)
		}
	}
	return to
}

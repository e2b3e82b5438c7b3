// Package wire holds what lies below SMTP's commands: octets.
//
// It decodes base64 (RFC 4648) as strictly as RFC 4954 asks, reads replies by the
// grammar of RFC 5321, checks mailboxes, encodes xtext (RFC 3461) and codes the
// lines of a message for DATA. The engine, the mock server and the conformance suite share it, so
// it takes no side: it knows what is well formed, not what is wanted.
//
// Nothing here allocates more than a stated limit, whatever the peer sends.
package wire

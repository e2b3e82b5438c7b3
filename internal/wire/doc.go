// Package wire holds what lies below SMTP's commands: octets.
//
// It decodes base64 (RFC 4648) as strictly as RFC 4954 asks, reads replies by the
// grammar of RFC 5321, checks mailboxes, turns domains outside ASCII (RFC 5890 to
// RFC 5892) into what the DNS has (RFC 1035) by Punycode (RFC 3492), encodes xtext
// (RFC 3461) and its form for UTF-8 (RFC 6533), and codes the lines of a message
// for DATA and for BDAT (RFC 3030). The engine, the mock server and the
// conformance suite share it, so it takes no side: it knows what is well formed,
// not what is wanted.
//
// Nothing here allocates more than a stated limit, whatever the peer sends.
package wire

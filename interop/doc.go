// Package interop holds tests only: postern against parts that nobody here
// wrote. Everything is on loopback and under TLS with certificates made on the
// spot, and nearly everything within the test process.
//
// What is proven:
//
//   - Our client against another server: package smtp signs in to the server of
//     go-smtp, with the server sides of go-sasl (PLAIN, OAUTHBEARER) and with that
//     of package sasl plugged in (XOAUTH2), over STARTTLS and over implicit TLS.
//     Every message arrives octet for octet, as it was once its line endings are
//     CRLF, with its envelope and with true parameters of MAIL. A refused token
//     is replaced exactly once, and a token that is too long for the server is
//     told from a refused one.
//   - Other clients against our mock: net/smtp, the client of go-smtp and
//     go-mail sign in to package mock and send to it, and it stores what they
//     sent, as whom they are, without finding fault with them.
//   - Programs against our mock: curl, msmtp and swaks, where they are installed,
//     do the same over STARTTLS and implicit TLS, by PLAIN and LOGIN and, those
//     that can, by XOAUTH2 and OAUTHBEARER. The log names their versions.
//   - Our exchange in another client: net/smtp, go-smtp, go-imap and go-mail run
//     an exchange of package sasl as their mechanism, by SCRAM, SCRAM with -PLUS,
//     XOAUTH2 and EXTERNAL. A success without the server's proof is an error in
//     each, and a token that one of them has seen refused is replaced.
//   - Our server sides in another server: go-imap's server signs its users in by
//     those of package sasl.
//   - The cases of package conformance with other servers and clients: go-smtp's
//     server, the clients net/smtp, go-smtp and go-mail, and, where they are
//     installed, curl, swaks and msmtp. The files testdata/expect-*.json name each
//     outcome other than pass, with the clause that it is about; no other outcome
//     is let through. "go test -update" writes them anew, but for the arguments.
//   - The same cases, and mail of package smtp by each mechanism that there is, with
//     Postfix, Exim, chasquid, aiosmtpd and smtp-server, which peers.sh installs
//     and starts. PEERS.md has the outcome.
//   - The gsasl command, where it is installed, at the other end of our client and
//     server sides.
//
// The messages are a handful of this package's own and, where they lie beside
// the repository, those of ../shared/data/eml.
package interop

// Command postern signs in to SMTP servers, above all with OAuth 2.0, and sends
// mail.
//
//	postern demo                  watch a sign-in with OAuth 2.0, on this machine alone
//	postern send --help           send a message
//	postern mock --help           run a mail server for tests of other programs
//	postern conform --help        test a server, a client or a mechanism against the rules
//
// It keeps to the conventions of programs that others run: results go to the
// standard output, one line of explanation per failure to the standard error,
// and the exit code is one of sysexits(3). "postern --help" has the table.
//
// A message is one message: a mailbox file (RFC 4155) is refused.
//
// # Decisions
//
// Secrets come from files, from the standard input or from another program,
// never from the command line or the environment, which other users and child
// processes can read. A file with a secret must not be readable by others.
//
// postern conform does take them from environment variables, since that is how CI
// systems hand them over, and sends them to this machine or over verified TLS. Its
// exit codes are its own, 0 to 5: a CI system asks whether it was the target.
//
// --token-command is split into words as a shell does it, with quotes and
// backslashes, but no shell runs and nothing is expanded, so that a user name
// with a dollar sign stays what it is. Whoever needs a pipe writes
// sh -c '... | ...'. It prints the token on its first line, or JSON with
// access_token and expires_in, as a token endpoint does. The command runs when the
// server waits for the sign-in, and once more if the server refuses the token; its
// environment then has POSTERN_REJECTED=1, and always the user's name in
// POSTERN_USER. Exit code 75 of the command means that a later try may succeed.
//
// A message from the standard input is read into memory before anything else
// happens: only then can its size be declared (RFC 1870) and its envelope be
// found.
//
// Exit code 74 is for one case alone: the connection failed between the last
// octet of the message and the server's reply to it, so that it may have been
// delivered. 75 would let a queue send it twice. A signal that arrives in that
// moment ends in 74, too; before, in 130 or 143 as shells count.
package main

import (
	"context"
	"os"
)

func main() {
	ctx, stop := interruptible(context.Background())
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

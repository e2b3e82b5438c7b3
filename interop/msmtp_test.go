package interop

import (
	"fmt"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
)

func msmtp() program {
	return program{
		name: "msmtp", version: []string{"--version"},
		mechanisms: []string{"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"},
		command:    msmtpCommand,
	}
}

func TestMsmtp(t *testing.T) { overProgram(t, msmtp()) }

// msmtpCommand writes a configuration in which the secret is in a file of its
// own, and everything that would change the message is off.
func msmtpCommand(t *testing.T, j job) ([]string, []byte) {
	starttls := "on"
	if j.mode == mock.ImplicitTLS {
		starttls = "off"
	}
	method := map[string]string{"": "on", "PLAIN": "plain", "LOGIN": "login", "XOAUTH2": "xoauth2", "OAUTHBEARER": "oauthbearer"}[j.mechanism]
	config := fmt.Sprintf(`account default
host 127.0.0.1
port %s
domain client.test
tls on
tls_starttls %s
tls_trust_file %s
auth %s
user %s
passwordeval cat %s
set_from_header off
set_date_header off
remove_bcc_headers off
undisclosed_recipients off
`, j.port(), starttls, j.ca, method, j.user, secretFile(t, "secret", []byte(j.secret+"\n")))
	if j.timeout > 0 {
		config += fmt.Sprintf("timeout %d\n", int(j.timeout.Seconds()))
	}
	args := []string{"--file=" + secretFile(t, "msmtprc", []byte(config)), "--from=" + j.from}
	if j.verbose {
		args = append(args, "--debug")
	}
	args = append(append(args, "--"), j.to...)
	return args, j.message
}

package interop

import (
	"bytes"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
)

func TestSwaks(t *testing.T) {
	overProgram(t, program{
		name: "swaks", version: []string{"--version"},
		mechanisms: []string{"PLAIN", "LOGIN"},
		command:    swaksCommand,
	})
}

// swaksCommand hands the options over in a file, so that the password is not on
// the command line.
func swaksCommand(t *testing.T, j job) ([]string, []byte) {
	tls := "tls"
	if j.mode == mock.ImplicitTLS {
		tls = "tls-on-connect"
	}
	config := strings.Join([]string{
		"server 127.0.0.1", "port " + j.port(), "helo client.test", tls, "tls-verify", "tls-ca-path " + j.ca,
		"auth " + j.mechanism, "auth-user " + user, "auth-password " + j.secret(),
		"from " + programEnvelope.From, "to " + strings.Join(programEnvelope.To, ","),
		"data @" + secretFile(t, "data", bytes.TrimSuffix(j.message, []byte("\r\n"))), // it adds an end of line
		"suppress-data",
	}, "\n")
	return []string{"--config", secretFile(t, "swaksrc", []byte(config+"\n"))}, nil
}

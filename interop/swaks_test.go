package interop

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
)

func swaks() program {
	return program{
		name: "swaks", version: []string{"--version"},
		mechanisms: []string{"PLAIN", "LOGIN"},
		command:    swaksCommand,
	}
}

func TestSwaks(t *testing.T) { overProgram(t, swaks()) }

// swaksCommand hands the options over in a file, so that the password is not on
// the command line.
func swaksCommand(t *testing.T, j job) ([]string, []byte) {
	tls := "tls"
	if j.mode == mock.ImplicitTLS {
		tls = "tls-on-connect"
	}
	options := []string{
		"server 127.0.0.1", "port " + j.port(), "helo client.test", tls, "tls-verify", "tls-ca-path " + j.ca,
		"auth " + cmp.Or(j.mechanism, "PLAIN,LOGIN"), "auth-user " + j.user, "auth-password " + j.secret,
		"from " + cmp.Or(j.from, "<>"), "to " + strings.Join(j.to, ","),
		"data @" + secretFile(t, "data", bytes.TrimSuffix(j.message, []byte("\r\n"))), // it adds an end of line
	}
	if j.timeout > 0 {
		options = append(options, fmt.Sprintf("timeout %ds", int(j.timeout.Seconds())))
	}
	if !j.verbose {
		options = append(options, "suppress-data")
	}
	config := strings.Join(options, "\n") + "\n"
	return []string{"--config", secretFile(t, "swaksrc", []byte(config))}, nil
}

package interop

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
)

func curl() program {
	return program{
		name: "curl", version: []string{"--version"},
		mechanisms: []string{"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"},
		command:    curlCommand,
	}
}

func TestCurl(t *testing.T) {
	p := curl()
	overProgram(t, p)
	p.command = func(t *testing.T, j job) ([]string, []byte) {
		args, stdin := curlCommand(t, j)
		return append(args, "--sasl-ir"), stdin
	}
	t.Run("initial response", func(t *testing.T) { overProgram(t, p) })
}

// curlCommand hands the secret over in a configuration file on the standard
// input. The path of the URL is the argument of EHLO.
func curlCommand(_ *testing.T, j job) ([]string, []byte) {
	scheme := "smtp"
	if j.mode == mock.ImplicitTLS {
		scheme = "smtps"
	}
	args := []string{
		"--disable", "--silent", "--show-error", "--config", "-", "--ssl-reqd", "--cacert", j.ca,
		"--url", scheme + "://" + j.addr + "/client.test",
		"--mail-from", j.from, "--upload-file", j.file,
	}
	if j.mechanism != "" {
		args = append(args, "--login-options", "AUTH="+j.mechanism)
	}
	if j.verbose {
		args = append(args, "--verbose")
	}
	for _, to := range j.to {
		args = append(args, "--mail-rcpt", to)
	}
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace
	if j.bearer() {
		return args, fmt.Appendf(nil, "user = \"%s\"\noauth2-bearer = \"%s\"\n", j.user, quoted(j.secret))
	}
	return args, fmt.Appendf(nil, "user = \"%s:%s\"\n", j.user, quoted(j.secret))
}

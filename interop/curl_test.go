package interop

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
)

func TestCurl(t *testing.T) {
	curl := program{
		name: "curl", version: []string{"--version"},
		mechanisms: []string{"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"},
		command:    curlCommand,
	}
	overProgram(t, curl)
	curl.command = func(t *testing.T, j job) ([]string, []byte) {
		args, stdin := curlCommand(t, j)
		return append(args, "--sasl-ir"), stdin
	}
	t.Run("initial response", func(t *testing.T) { overProgram(t, curl) })
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
		"--url", scheme + "://" + j.server.Addr() + "/client.test",
		"--login-options", "AUTH=" + j.mechanism, "--mail-from", programEnvelope.From, "--upload-file", j.file,
	}
	for _, to := range programEnvelope.To {
		args = append(args, "--mail-rcpt", to)
	}
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace
	if j.secret() == token {
		return args, fmt.Appendf(nil, "user = \"%s\"\noauth2-bearer = \"%s\"\n", user, quoted(token))
	}
	return args, fmt.Appendf(nil, "user = \"%s:%s\"\n", user, quoted(password))
}

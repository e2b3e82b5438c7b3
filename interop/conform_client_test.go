package interop

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/mock"
)

// TestConformanceClients runs the cases for clients with the clients of other
// libraries, in memory, so that none of their timeouts takes time.
func TestConformanceClients(t *testing.T) {
	for _, tt := range []struct {
		name, software string
		driver         conformance.DriverFunc
	}{
		{"net-smtp", "net/smtp", driveNetSMTP}, // of which there is one version
		{"go-smtp-client", moduleVersion(t, "github.com/emersion/go-smtp"), driveGoSMTP},
		{"go-mail", moduleVersion(t, "github.com/wneessen/go-mail"), driveGoMail},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var report *conformance.Report
			synctest.Test(t, func(t *testing.T) {
				report = runClient(t, conformance.ClientTarget{Name: tt.name, Driver: tt.driver, Network: mock.InMemory})
			})
			wantOutcomes(t, tt.name, tt.software, report)
		})
	}
}

func runClient(t *testing.T, target conformance.ClientTarget) *conformance.Report {
	t.Helper()
	report, err := conformance.Suite{}.Run(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestConformancePrograms runs the cases for clients with programs, where they are
// installed. They say all that they can about what they do.
func TestConformancePrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("programs take their time")
	}
	for _, p := range []program{curl(), swaks(), msmtp()} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			path, err := exec.LookPath(p.name)
			if err != nil {
				t.Skipf("%s is not installed", p.name)
			}
			// All servers of a process have one authority.
			ca := secretFile(t, "ca.pem", mock.Start(t, mock.Options{}).CAPEM())
			report := runClient(t, conformance.ClientTarget{Name: p.name, Driver: p.driver(t, path, ca)})
			number := regexp.MustCompile(`\d[\d.]*`).FindString(run(t, path, p.version, nil))
			wantOutcomes(t, p.name, p.name+" "+number, report)
		})
	}
}

// complaint returns what a program says of a failure, without what it says of
// everything else.
func (p program) complaint(stderr string) string {
	var lines []string
	for line := range strings.Lines(stderr) {
		if text, ok := strings.CutPrefix(line, p.name+": "); ok {
			lines = append(lines, strings.TrimSpace(text))
		} else if text, ok := strings.CutPrefix(line, "*** "); ok {
			lines = append(lines, strings.TrimSpace(text))
		}
	}
	return strings.Join(lines, "; ")
}

// driver drives a program, which signs in with a password as it likes, and with a
// token by XOAUTH2 unless it is told otherwise.
func (p program) driver(t *testing.T, path, ca string) conformance.DriverFunc {
	return func(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
		j := job{
			addr: cfg.Addr, mode: mock.STARTTLS, user: cfg.Username, secret: cfg.Password, from: msg.From, to: msg.To,
			file: secretFile(t, "message.eml", msg.Data), message: msg.Data, ca: ca, verbose: true,
		}
		if cfg.TLS == conformance.ImplicitTLS {
			j.mode = mock.ImplicitTLS
		}
		j.mechanism, j.timeout = cfg.Mechanism, cfg.Timeout
		if cfg.Token != nil {
			token, err := cfg.Token(ctx)
			if err != nil {
				return conformance.AnswerOf(err)
			}
			j.mechanism, j.secret = cmp.Or(cfg.Mechanism, "XOAUTH2"), token
		}
		if j.mechanism != "" && !slices.Contains(p.mechanisms, j.mechanism) {
			return conformance.AnswerOf(errNoMechanism)
		}
		args, stdin := p.command(t, j)
		cmd := programCommand(ctx, t, path, args, stdin)
		var stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = cfg.Log, &stderr
		err := cmd.Run()
		_, _ = cfg.Log.Write(stderr.Bytes())
		if err == nil {
			return conformance.AnswerOf(nil)
		}
		return conformance.AnswerOf(fmt.Errorf("%w: %s", err, p.complaint(stderr.String())))
	}
}

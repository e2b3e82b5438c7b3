package conformance_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badclient"
	"github.com/seed-55a66e92/postern/mock"
)

// vague is the client without defect, but its errors tell nothing.
func vague(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
	answer := naive(badclient.None)(ctx, cfg, msg)
	if answer.Err != nil {
		answer.Err = errMade
	}
	return answer
}

// brief is vague, and tells success and failure apart and nothing else.
func brief(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
	answer := vague(ctx, cfg, msg)
	if answer.Status == conformance.Partial {
		answer.Err = errMade
	}
	return conformance.AnswerOf(answer.Err)
}

// forGood takes all failures for good.
func forGood(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
	answer := naive(badclient.None)(ctx, cfg, msg)
	if answer.Err != nil {
		answer.Status = conformance.Permanent
	}
	return answer
}

// A secretKeeper is an error that keeps the credentials for whoever dumps it.
type secretKeeper struct{ credentials string }

func (*secretKeeper) Error() string { return "refused" }

// keeping wraps errors of the client without defect in a secretKeeper.
func keeping(secret func(conformance.ClientConfig) string) conformance.DriverFunc {
	return func(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
		answer := naive(badclient.None)(ctx, cfg, msg)
		if answer.Err != nil {
			answer.Err = fmt.Errorf("send: %w", errors.Join(answer.Err, &secretKeeper{secret(cfg)}))
		}
		return answer
	}
}

// helo takes the reply to EHLO for a refusal, whatever it is.
func helo(ctx context.Context, cfg conformance.ClientConfig, _ conformance.Message) conformance.Answer {
	conn, err := cfg.Dial(ctx, "tcp", cfg.Addr)
	if err != nil {
		return conformance.AnswerOf(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for _, line := range []string{"", "EHLO client.test\r\n", "HELO client.test\r\n", "QUIT\r\n"} {
		fmt.Fprint(conn, line)
		for more := true; more; {
			reply, err := in.ReadString('\n')
			if err != nil {
				return conformance.AnswerOf(err)
			}
			more = strings.HasPrefix(reply[3:], "-")
		}
	}
	return conformance.AnswerOf(errMade)
}

// trusting accepts any certificate in one TLS mode.
func trusting(mode conformance.TLSMode) conformance.DriverFunc {
	return func(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
		if cfg.TLS == mode {
			return naive(badclient.AcceptAnyCertificate)(ctx, cfg, msg)
		}
		return naive(badclient.None)(ctx, cfg, msg)
	}
}

// tokensOnly is the client without defect, but it has no passwords.
func tokensOnly(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
	if cfg.Token == nil {
		return conformance.AnswerOf(errors.ErrUnsupported)
	}
	return naive(badclient.None)(ctx, cfg, msg)
}

// What the matrix does not show: other ways to fail, and neither pass nor fail.
func TestCases(t *testing.T) {
	password := func(cfg conformance.ClientConfig) string { return cfg.Password }
	encoded := func(cfg conformance.ClientConfig) string { return fmt.Sprintf("%x", "user"+cfg.Password) }
	tests := []struct {
		name   string
		id     string
		driver conformance.DriverFunc
		want   conformance.Outcome
		text   string // in the report
	}{
		{"error without the status", "C-XOA-01", vague, conformance.Warn, "an error that tells the status 400"},
		{"HELO after a mixed reply", "C-REP-06", fading(naive(badclient.None), helo), conformance.Warn, "HELO, as after a refusal"},
		{"password within an error", "C-AUT-18", keeping(password), conformance.Fail, "a secret, plain, in the error"},
		{"encoded password within an error", "C-AUT-18", keeping(encoded), conformance.Fail, "a secret, hexadecimal, in the error"},
		{"trusts in STARTTLS", "C-TLS-09", trusting(conformance.STARTTLSRequired), conformance.Fail, "an expired certificate after STARTTLS"},
		{"trusts in implicit TLS", "C-TLS-09", trusting(conformance.ImplicitTLS), conformance.Fail, "an expired certificate after implicit TLS"},
		{"error without a reason, timeout", "C-TMO-01", vague, conformance.Warn, "an error that says that it was a timeout"},
		{"error without a reason, cancelled", "C-TMO-06", vague, conformance.Warn, "an error that matches context.Canceled"},
		{"error without a reason, no token", "C-XOA-03", vague, conformance.Warn, "an error that wraps the one of ClientConfig.Token"},
		{"error without a reason, 550 and the end", "C-PIP-04", brief, conformance.Fail, "a failure for good, or one that tells the 550"},
		{"nothing of recipients, all well otherwise", "C-PIP-02", brief, conformance.Skip, "does not tell recipients apart"},
		{"nothing of recipients, results", "C-TXN-07", brief, conformance.Pass, ""},
		{"nothing but success and failure", "C-REP-03", brief, conformance.Pass, ""},
		{"nothing but success and failure, no reply", "C-TXN-10", brief, conformance.Pass, ""},
		{"for good, no reply", "C-TXN-10", forGood, conformance.Warn, "a failure that leaves open whether the message was delivered"},
		{"for good, no greeting", "C-GRT-05", forGood, conformance.Warn, "a failure for now"},
		{"for good, STARTTLS", "C-TLS-02", forGood, conformance.Warn, "a failure for now, for the code is 454"},
		{"for good, 421", "C-REP-13", forGood, conformance.Fail, "an end to the session, and a failure for now"},
		{"tokens only", "C-TLS-01", tokensOnly, conformance.Pass, ""},
		{"tokens only, every mode", "C-TLS-09", tokensOnly, conformance.Pass, ""},
		{"tokens only, secrets", "C-AUT-18", tokensOnly, conformance.Pass, ""},
		{"no credentials at all", "C-AUT-18", silent(conformance.AnswerOf(errors.ErrUnsupported)), conformance.Skip, "no-capability: the client cannot do what the case needs: TLS, AUTH (unsupported operation)"},
		{"nothing at all", "C-TLS-09", silent(conformance.AnswerOf(errors.ErrUnsupported)), conformance.Skip, "no-capability"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := subject{name: tt.name, make: func() conformance.DriverFunc { return tt.driver }}
			result := judge(t, s, tt.id, mock.InMemory)
			if result.Outcome != tt.want || !strings.Contains(result.String(), tt.text) {
				t.Errorf("want %s with %q\n%s", tt.want, tt.text, result)
			}
		})
	}
}

// A failure shows the reply that was wrong, however much came after it.
func TestFailureShowsTheFault(t *testing.T) {
	s := subject{name: "continues in clear", make: func() conformance.DriverFunc { return naive(badclient.ContinueInClear) }}
	result := judge(t, s, "C-TLS-01", mock.InMemory)
	lines := result.Transcript
	if len(lines) < 2 || lines[0] != "C: EHLO client.test" || lines[1] != "S: 250-mock.test" {
		t.Errorf("the reply to EHLO, which lacks STARTTLS, is not shown:\n%s", result)
	}
	if gap := slices.Index(lines, "..."); gap < 2 || len(lines) != gap+9 {
		t.Errorf("want the last 8 lines, too:\n%s", result)
	}
}

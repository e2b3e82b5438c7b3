package smtp_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/smtp"
)

// lmtp sends message to three recipients of an LMTP server that answers it so.
func lmtp(t *testing.T, change func(*smtp.Config), extensions []string, steps ...mock.Step) (*smtp.Result, error) {
	t.Helper()
	s := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, Script: mock.Seq(
		mock.Send("220 mock.test LMTP"),
		mock.Expect("LHLO client.example.com"), mock.Send(extensions...),
		mock.Seq(steps...),
	)})
	cfg := config(s, nil)
	cfg.Addr, cfg.TLS = "lmtp://mock.test:24", smtp.InsecureNoTLS
	change(&cfg)
	return smtp.Send(t.Context(), cfg, three, message)
}

// commands are those of message to three recipients, the second of whom is
// refused.
func commands() mock.Step {
	return mock.Seq(
		mock.Expect("MAIL FROM:<you@example.com>"), mock.Send("250 ok"),
		mock.Expect("RCPT TO:<a@x.test>"), mock.Send("250 ok"),
		mock.Expect("RCPT TO:<b@x.test>"), mock.Send("550 5.1.1 nobody"),
		mock.Expect("RCPT TO:<c@x.test>"), mock.Send("250 ok"),
	)
}

// RFC 2033, Section 4.2: behind the final dot, each accepted recipient has a
// reply of its own.
func TestLMTP(t *testing.T) {
	for _, tt := range []struct {
		name                       string
		replies                    []string
		accepted, rejected, unsure []string
		class                      smtp.Class
		code                       int
	}{
		{"all", []string{"250 2.0.0 a", "250 2.0.0 c"}, []string{"a@x.test", "c@x.test"}, []string{"b@x.test"}, nil, smtp.Partial, 250},
		{"one", []string{"452 4.2.2 full", "250 2.0.0 id=7x"}, []string{"c@x.test"}, []string{"a@x.test", "b@x.test"}, nil, smtp.Partial, 250},
		{"none", []string{"452 4.2.2 full", "550 5.2.1 gone"}, nil, []string{"a@x.test", "b@x.test", "c@x.test"}, nil, smtp.Temporary, 550},
		{"cut between", []string{"250 2.0.0 a"}, []string{"a@x.test"}, []string{"b@x.test"}, []string{"c@x.test"}, smtp.Uncertain, 250},
		{"cut before", nil, nil, []string{"b@x.test"}, []string{"a@x.test", "c@x.test"}, smtp.Uncertain, 0},
	} {
		for form, content := range map[string]mock.Step{"DATA": mock.ExpectData(), "BDAT": mock.ExpectBDAT(true)} {
			t.Run(tt.name+", "+form, func(t *testing.T) {
				steps := []mock.Step{commands(), content}
				for _, r := range tt.replies {
					steps = append(steps, mock.Send(r))
				}
				end := mock.Bye()
				if tt.class == smtp.Uncertain {
					end = mock.Drop()
				}
				extensions := []string{"250-mock.test", "250-CHUNKING", "250 ENHANCEDSTATUSCODES"}
				res, err := lmtp(t, func(cfg *smtp.Config) { cfg.Chunking = form == "BDAT" }, extensions, append(steps, end)...)
				var rejected []string
				for _, r := range res.Rejected {
					rejected = append(rejected, r.Recipient)
				}
				if smtp.Classify(err) != tt.class || res.Reply.Code != tt.code || !slices.Equal(res.Accepted, tt.accepted) ||
					!slices.Equal(rejected, tt.rejected) || !slices.Equal(res.Uncertain, tt.unsure) {
					t.Errorf("%+v, %v is %v", res, err, smtp.Classify(err))
				}
				if smtp.SafeToRetry(err) != (tt.class == smtp.Temporary) {
					t.Errorf("%v: safe to retry is wrong", err)
				}
			})
		}
	}
}

// RFC 2033, Section 4.2: nobody knows how many replies follow a message without
// recipients, so the connection is not used any more.
func TestLMTPWithoutRecipients(t *testing.T) {
	no := mock.Send("550 5.1.1 nobody")
	res, err := lmtp(t, func(*smtp.Config) {}, []string{"250-mock.test", "250 PIPELINING"},
		mock.Group(mock.Expect("MAIL FROM:<you@example.com>"), mock.Expect("RCPT TO:<a@x.test>"),
			mock.Expect("RCPT TO:<b@x.test>"), mock.Expect("RCPT TO:<c@x.test>"), mock.Expect("DATA")),
		mock.Send("250 ok"), no, no, no, mock.Send("354 go"), mock.Expect("."), mock.ExpectEOF())
	var reply *smtp.ReplyError
	if !errors.As(err, &reply) || reply.Command != "RCPT" || len(res.Rejected) != 3 {
		t.Errorf("%+v, %v", res, err)
	}
}

package smtp_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// begun returns what the client said from MAIL to the last RCPT, one command a
// line.
func begun(t *testing.T, s *mock.Server) string {
	t.Helper()
	var said []string
	for _, c := range only(t, s).Commands {
		if c.Verb == "MAIL" || c.Verb == "RCPT" {
			said = append(said, c.Line)
		}
	}
	return strings.Join(said, "\n")
}

func TestParametersOnTheWire(t *testing.T) {
	to := []string{"a@x.test", "b@x.test"}
	for _, tt := range []struct {
		name string
		env  smtp.Envelope
		want string
	}{
		{
			"nothing asked",
			smtp.Envelope{From: user, To: to},
			"MAIL FROM:<you@example.com> SIZE=23\nRCPT TO:<a@x.test>\nRCPT TO:<b@x.test>",
		},
		{
			"DSN for all",
			smtp.Envelope{From: user, To: to, Return: smtp.ReturnHeaders, EnvelopeID: "a+b=c d", Notify: smtp.NotifyFailure | smtp.NotifySuccess},
			"MAIL FROM:<you@example.com> SIZE=23 RET=HDRS ENVID=a+2Bb+3Dc+20d\nRCPT TO:<a@x.test> NOTIFY=SUCCESS,FAILURE\nRCPT TO:<b@x.test> NOTIFY=SUCCESS,FAILURE",
		},
		{
			"DSN for one",
			smtp.Envelope{From: user, To: to, Return: smtp.ReturnFull, Notify: smtp.NotifyDelay, Recipients: map[string]smtp.RecipientOptions{
				"b@x.test": {Notify: smtp.NotifyNever, OriginalRecipient: "b+lists@x.test"},
			}},
			"MAIL FROM:<you@example.com> SIZE=23 RET=FULL\nRCPT TO:<a@x.test> NOTIFY=DELAY\nRCPT TO:<b@x.test> NOTIFY=NEVER ORCPT=rfc822;b+2Blists@x.test",
		},
		{
			"ORCPT in UTF-8",
			smtp.Envelope{From: user, To: to[:1], Recipients: map[string]smtp.RecipientOptions{
				"a@x.test": {OriginalRecipient: "jürgen@x.test"},
			}},
			"MAIL FROM:<you@example.com> SIZE=23\nRCPT TO:<a@x.test> ORCPT=utf-8;j\\x{FC}rgen@x.test",
		},
		{
			"ORCPT of another type",
			smtp.Envelope{From: user, To: to[:1], Recipients: map[string]smtp.RecipientOptions{
				"a@x.test": {OriginalRecipient: "+1 555", OriginalType: "x-phone"},
			}},
			"MAIL FROM:<you@example.com> SIZE=23\nRCPT TO:<a@x.test> ORCPT=x-phone;+2B1+20555",
		},
		{
			"AUTH",
			smtp.Envelope{From: user, To: to[:1], Submitter: "e+mc2=x@bücher.example"},
			"MAIL FROM:<you@example.com> SIZE=23 AUTH=e+2Bmc2+3Dx@xn--bcher-kva.example\nRCPT TO:<a@x.test>",
		},
		{
			"AUTH unknown",
			smtp.Envelope{From: user, To: to[:1], Submitter: "<>"},
			"MAIL FROM:<you@example.com> SIZE=23 AUTH=<>\nRCPT TO:<a@x.test>",
		},
		{
			"REQUIRETLS",
			smtp.Envelope{From: user, To: to[:1], RequireTLS: true},
			"MAIL FROM:<you@example.com> SIZE=23 REQUIRETLS\nRCPT TO:<a@x.test>",
		},
		{
			"domains outside ASCII",
			smtp.Envelope{From: "me@BÜCHER.example", To: []string{"you@почта.рф"}},
			"MAIL FROM:<me@xn--bcher-kva.example> SIZE=23\nRCPT TO:<you@xn--80a1acny.xn--p1ai>",
		},
		{
			"local part outside ASCII",
			smtp.Envelope{From: user, To: []string{"jürgen@bücher.example"}},
			"MAIL FROM:<you@example.com> SIZE=23 SMTPUTF8\n\"RCPT TO:<j\\u00fcrgen@b\\u00fccher.example>\"",
		}, // as the mock shows what is outside ASCII
		{
			"UTF-8 in the header",
			smtp.Envelope{From: user, To: to[:1], UTF8: true},
			"MAIL FROM:<you@example.com> SIZE=23 SMTPUTF8\nRCPT TO:<a@x.test>",
		},
	} {
		for _, without := range [][]string{nil, {"PIPELINING"}} {
			t.Run(tt.name, func(t *testing.T) {
				s, c := start(t, mock.Options{Without: without, Directory: accept(short)})
				res, err := c.Send(t.Context(), tt.env, message)
				if err != nil || !slices.Equal(res.Accepted, tt.env.To) {
					t.Fatalf("%+v, %v", res, err)
				}
				if got := begun(t, s); got != tt.want {
					t.Errorf("client said\n%s\nwant\n%s", got, tt.want)
				}
			})
		}
	}
}

// In a transaction with SMTPUTF8, ORCPT is in UTF-8, too (RFC 6533, Section 3).
func TestOriginalRecipientWithSMTPUTF8(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, Script: mock.Seq(
		mock.Hello("SMTPUTF8", "DSN", "8BITMIME"),
		mock.Expect("MAIL FROM:<you@example.com> SMTPUTF8"), mock.Send("250 ok"),
		mock.Expect(`RCPT TO:<jürgen@x.test> ORCPT=utf-8;jürgen\x{20}w@x.test`), mock.Send("250 ok"),
		mock.ExpectData(), mock.Send("250 ok"),
		mock.Bye(),
	)})
	cfg := config(s, nil)
	cfg.TLS = smtp.InsecureNoTLS
	_, err := smtp.Send(t.Context(), cfg, smtp.Envelope{From: user, To: []string{"jürgen@x.test"}, Recipients: map[string]smtp.RecipientOptions{
		"jürgen@x.test": {OriginalRecipient: "jürgen w@x.test"},
	}}, message)
	if err != nil {
		t.Error(err)
	}
}

// What is asked for and not offered is an error before MAIL, and the connection
// is as good as before.
func TestParameterNotOffered(t *testing.T) {
	one := []string{"a@x.test"}
	for _, tt := range []struct {
		name    string
		without string
		env     smtp.Envelope
	}{
		{"Notify", "DSN", smtp.Envelope{From: user, To: one, Notify: smtp.NotifyNever}},
		{"Return", "DSN", smtp.Envelope{From: user, To: one, Return: smtp.ReturnFull}},
		{"EnvelopeID", "DSN", smtp.Envelope{From: user, To: one, EnvelopeID: "x"}},
		{"original recipient", "DSN", smtp.Envelope{From: user, To: one, Recipients: map[string]smtp.RecipientOptions{"a@x.test": {OriginalRecipient: "b@x.test"}}}},
		{"RequireTLS", "REQUIRETLS", smtp.Envelope{From: user, To: one, RequireTLS: true}},
		{"Submitter", "AUTH", smtp.Envelope{From: user, To: one, Submitter: "<>"}},
		{"UTF8", "SMTPUTF8", smtp.Envelope{From: user, To: one, UTF8: true}},
		{"Binary without CHUNKING", "CHUNKING", smtp.Envelope{From: user, To: one, Binary: true}},
		{"Binary without BINARYMIME", "BINARYMIME", smtp.Envelope{From: user, To: one, Binary: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, c := start(t, mock.Options{Without: []string{tt.without}})
			_, err := c.Send(t.Context(), tt.env, message)
			if !errors.Is(err, smtp.ErrNotOffered) || !strings.Contains(err.Error(), tt.without) || smtp.Classify(err) != smtp.Local || !smtp.SafeToRetry(err) {
				t.Errorf("got %v", err)
			}
			if got := begun(t, s); got != "" {
				t.Errorf("client said %q", got)
			}
			if _, err := c.Send(t.Context(), envelope, message); err != nil {
				t.Errorf("next message: %v", err)
			}
		})
	}
}

// REQUIRETLS is of no use where the first hop has no TLS, or any certificate will
// do (RFC 8689, Section 4.2.1).
func TestRequireTLSWithoutTLS(t *testing.T) {
	env := smtp.Envelope{From: user, To: []string{"a@x.test"}, RequireTLS: true}
	plain := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, Capabilities: mock.Capabilities{Plain: []string{"REQUIRETLS"}}})
	cfg := config(plain, nil)
	cfg.TLS = smtp.InsecureNoTLS
	if _, err := smtp.Send(t.Context(), cfg, env, message); !errors.Is(err, smtp.ErrNotOffered) {
		t.Errorf("without TLS: %v", err)
	}
	loose := mock.Start(t, mock.Options{Network: mock.InMemory})
	cfg = config(loose, nil)
	cfg.TLSConfig.InsecureSkipVerify = true
	if _, err := smtp.Send(t.Context(), cfg, env, message); !errors.Is(err, smtp.ErrConfig) {
		t.Errorf("unverified: %v", err)
	}
	if len(plain.Messages())+len(loose.Messages()) != 0 {
		t.Error("a server has a message")
	}
}

// Bad values are refused before a connection is made.
func TestBadParameters(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory})
	one := []string{"a@x.test"}
	options := func(o smtp.RecipientOptions) smtp.Envelope {
		return smtp.Envelope{From: user, To: one, Recipients: map[string]smtp.RecipientOptions{"a@x.test": o}}
	}
	for name, env := range map[string]smtp.Envelope{
		"NEVER and more":           {From: user, To: one, Notify: smtp.NotifyNever | smtp.NotifySuccess},
		"unknown event":            {From: user, To: one, Notify: 64},
		"unknown Return":           {From: user, To: one, Return: 9},
		"CR LF in EnvelopeID":      {From: user, To: one, EnvelopeID: "x\r\nRSET"},
		"é in EnvelopeID":          {From: user, To: one, EnvelopeID: "é"},
		"long EnvelopeID":          {From: user, To: one, EnvelopeID: strings.Repeat("+", 34)},
		"options for nobody":       {From: user, To: one, Recipients: map[string]smtp.RecipientOptions{"b@x.test": {}}},
		"options, NEVER and more":  options(smtp.RecipientOptions{Notify: smtp.NotifyNever | smtp.NotifyDelay}),
		"LF in original":           options(smtp.RecipientOptions{OriginalRecipient: "a@x.test\n"}),
		"bad UTF-8 in original":    options(smtp.RecipientOptions{OriginalRecipient: "\xff@x.test"}),
		"é in original of rfc822":  options(smtp.RecipientOptions{OriginalRecipient: "é@x.test", OriginalType: "rfc822"}),
		"space in type":            options(smtp.RecipientOptions{OriginalRecipient: "a", OriginalType: "x y"}),
		"type alone":               options(smtp.RecipientOptions{OriginalType: "rfc822"}),
		"long original":            options(smtp.RecipientOptions{OriginalRecipient: strings.Repeat("+", 165)}),
		"submitter without domain": {From: user, To: one, Submitter: "postmaster"},
		"submitter with CR LF":     {From: user, To: one, Submitter: "a@x.test\r\nRSET"},
		"submitter outside ASCII":  {From: user, To: one, Submitter: "é@x.test"},
		"bad label":                {From: user, To: []string{"a@☃.example"}},
		"bad label of sender":      {From: "a@-é.example", To: one},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := smtp.Send(t.Context(), config(s, sasl.Password(user, "pencil")), env, message)
			if !errors.Is(err, smtp.ErrEnvelope) || smtp.Classify(err) != smtp.Local || strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("got %q", err)
			}
		})
	}
	if n := s.Connections(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestAllOrNothing(t *testing.T) {
	env := three
	env.AllOrNothing = true
	for name, o := range map[string]mock.Options{"in a group": {}, "in lockstep": {Without: []string{"PIPELINING"}}} {
		t.Run(name, func(t *testing.T) {
			o.Faults = []mock.Fault{
				mock.At("RCPT").Nth(2).Do(mock.Reply(451, "4.7.1", "greylisted")),
				mock.At("RCPT").Nth(3).Do(mock.Reply(550, "5.1.1", "nobody here")),
			}
			if name == "in lockstep" { // it does not even ask about the third
				o.Faults = o.Faults[:1]
			}
			s, c := start(t, o)
			res, err := c.Send(t.Context(), env, message)
			class := smtp.Permanent
			if name == "in lockstep" {
				class = smtp.Temporary
			}
			if smtp.Classify(err) != class || !smtp.SafeToRetry(err) || len(res.Rejected) == 0 || !strings.Contains(err.Error(), "nothing sent") {
				t.Errorf("%+v, %v is %v", res, err, smtp.Classify(err))
			}
			if got := verbs(only(t, s)); strings.Contains(got, "DATA") || strings.Contains(got, "BDAT") {
				t.Errorf("client said %s", got)
			}
			res, err = c.Send(t.Context(), env, message)
			if err != nil || len(res.Accepted) != 3 || len(s.Messages()) != 1 {
				t.Errorf("next message: %+v, %v", res, err)
			}
			if got := verbs(only(t, s)); !strings.HasSuffix(got, "RSET MAIL RCPT RCPT RCPT DATA EOD") {
				t.Errorf("client said %s", got)
			}
		})
	}
}

// RFC 9422.
func TestLimits(t *testing.T) {
	limited := mock.Options{Capabilities: mock.Capabilities{TLS: []string{"PIPELINING", "LIMITS RCPTMAX=2 MAILMAX=2 RCPTDOMAINMAX=x"}}}
	s, c := start(t, limited)
	_, err := c.Send(t.Context(), three, message)
	if !errors.Is(err, smtp.ErrTooManyRecipients) || smtp.Classify(err) != smtp.Permanent || !smtp.SafeToRetry(err) {
		t.Errorf("three recipients: %v", err)
	}
	for range 2 {
		if _, err := c.Send(t.Context(), envelope, message); err != nil {
			t.Fatal(err)
		}
	}
	if _, err = c.Send(t.Context(), envelope, message); !errors.Is(err, smtp.ErrSpent) || smtp.Classify(err) != smtp.Network || !smtp.SafeToRetry(err) {
		t.Errorf("third message: %v", err)
	}
	if n := len(s.Messages()); n != 2 {
		t.Errorf("%d messages", n)
	}
	_, c = start(t, mock.Options{Capabilities: mock.Capabilities{TLS: []string{"LIMITS RCPTDOMAINMAX=1"}}})
	if _, err := c.Send(t.Context(), smtp.Envelope{To: []string{"a@x.test", "b@X.TEST", "c@y.test"}}, message); !errors.Is(err, smtp.ErrTooManyRecipients) {
		t.Errorf("two domains: %v", err)
	}
}

package conformance_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// The client is package smtp, with tokens and STARTTLS. In a test, RunClient(t,
// driver) makes a subtest of each case.
func ExampleSuite_Run() {
	driver := conformance.DriverFunc(func(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
		if cfg.Token == nil || cfg.TLS != conformance.STARTTLSRequired {
			return conformance.AnswerOf(fmt.Errorf("passwords and implicit TLS: %w", errors.ErrUnsupported))
		}
		_, err := smtp.Send(ctx, smtp.Config{
			Addr:      cfg.Addr,
			TLS:       smtp.STARTTLSRequired,
			TLSConfig: &tls.Config{RootCAs: cfg.RootCAs},
			Auth:      sasl.OAuth(cfg.Username, sasl.TokenString(cfg.Token)),
		}, smtp.Envelope{From: msg.From, To: msg.To}, smtp.Bytes(msg.Data))
		return conformance.AnswerOf(err)
	})
	report, err := conformance.Suite{}.Run(context.Background(), conformance.ClientTarget{Name: "postern", Driver: driver})
	if err != nil {
		fmt.Println(err)
	}
	fmt.Print(report)
	// Output:
	// pass          C-AUT-03  A token too long for the AUTH line follows it
	// pass          C-AUT-18  Logs and errors hold no secret
	// pass          C-REP-06  A reply of several codes is not believed
	// pass          C-TLS-01  No sign-in without STARTTLS if TLS is required
	// pass          C-TLS-09  No sign-in over TLS with a bad certificate
	// pass          C-XOA-01  An XOAUTH2 error challenge is answered and reported
	// postern: 6 pass
}

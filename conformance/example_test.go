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
	suite := conformance.Suite{Select: []string{"C-XOA-01", "C-TLS-0[1-3]"}} // or Suite{}, which is all
	report, err := suite.Run(context.Background(), conformance.ClientTarget{Name: "postern", Driver: driver})
	if err != nil {
		fmt.Println(err)
	}
	fmt.Print(report)
	// Output:
	// pass          C-TLS-01  No sign-in without STARTTLS if TLS is required
	// pass          C-TLS-02  No sign-in if STARTTLS is answered by anything but 220
	// pass          C-TLS-03  Replies in clear behind the 220 of STARTTLS are not believed
	// pass          C-XOA-01  An XOAUTH2 error challenge is answered and reported
	// postern: 4 pass
}

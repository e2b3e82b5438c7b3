package microsoft_test

import (
	"context"
	"fmt"
	"log"

	"github.com/seed-55a66e92/postern/providers/microsoft"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// Send for two mailboxes of Microsoft 365 with one application and its client
// secret. The stand-in and the options that lead to it are for this example
// alone: leave them out and the messages go to Microsoft.
func ExampleClientSecret() {
	exchange := startExchange()
	defer exchange.Close()

	tokens, err := microsoft.ClientSecret(microsoft.Options{
		Tenant:     "contoso.onmicrosoft.com",
		ClientID:   "11111111-2222-3333-4444-555555555555",
		HTTPClient: exchange.httpClient(),
	}, sasl.NewSecret("your_client_secret"))
	if err != nil {
		log.Fatal(err)
	}

	for _, mailbox := range []string{"reports@contoso.com", "alerts@contoso.com"} {
		result, err := smtp.Send(context.Background(), smtp.Config{
			Profile:     profile.Microsoft365(),
			Auth:        sasl.OAuth(mailbox, tokens),
			DialContext: exchange.Dial,
			TLSConfig:   exchange.trust(),
		}, smtp.Envelope{
			From: mailbox,
			To:   []string{"recipient@example.com"},
		}, smtp.Bytes([]byte("From: "+mailbox+"\nSubject: Hello\n\nSent by an application.\n")))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(mailbox, result.Mechanism, result.Accepted)
	}
	fmt.Println("requests for a token:", exchange.tokenRequests())
	// Output:
	// reports@contoso.com XOAUTH2 [recipient@example.com]
	// alerts@contoso.com XOAUTH2 [recipient@example.com]
	// requests for a token: 1
}

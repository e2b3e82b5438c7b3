package google_test

import (
	"context"
	"fmt"
	"log"

	"github.com/seed-55a66e92/postern/providers/google"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// Send a message through Gmail. The stand-in and the options that lead to it are
// for this example alone: leave them out and the message goes to Google.
func Example() {
	gmail := startGmail()
	defer gmail.Close()

	// Your credentials, obtained when the user consented.
	tokens, err := google.RefreshToken(google.Client{
		ID:     "your_client_id.apps.googleusercontent.com",
		Secret: sasl.NewSecret("your_client_secret"),
	}, gmail.refreshToken, google.Options{HTTPClient: gmail.httpClient()})
	if err != nil {
		log.Fatal(err)
	}

	result, err := smtp.Send(context.Background(), smtp.Config{
		Profile:     profile.Gmail(),
		Auth:        sasl.OAuth("your.email@gmail.com", tokens),
		DialContext: gmail.Dial,
		TLSConfig:   gmail.trust(),
	}, smtp.Envelope{
		From: "your.email@gmail.com",
		To:   []string{"recipient@example.com"},
	}, smtp.Bytes([]byte(`From: your.email@gmail.com
To: recipient@example.com
Subject: Hello from postern!

Sent using OAuth2 authentication.
`)))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Mechanism, result.Accepted)
	// Output: XOAUTH2 [recipient@example.com]
}

package microsoft_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/microsoft"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// Send a message through Outlook, as a user who has signed in once. The stand-in for
// Microsoft and the user, and the options that lead there, are for this example
// alone: leave them out and the message goes to Microsoft.
func Example() {
	outlook := startExchange()
	defer outlook.Close()
	dir, err := os.MkdirTemp("", "example") // yours is in the user's configuration
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	store, err := providers.NewFileStore(filepath.Join(dir, "tokens"))
	if err != nil {
		log.Fatal(err)
	}
	// Your app registration's details.
	options := microsoft.Options{
		ClientID:   "11111111-2222-3333-4444-555555555555",
		Tenant:     "common", // or the id of your tenant
		HTTPClient: outlook.httpClient(),
		Cache:      providers.CacheOptions{Store: store, Key: "microsoft/your.email@outlook.com"},
	}

	// Once:
	grant, err := microsoft.Login(context.Background(), microsoft.LoginOptions{
		Options: options,
		OpenURL: outlook.user, // by default, the system's browser
	}, "your.email@outlook.com")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(grant.User, "has signed in")

	// In every program that sends:
	tokens, err := microsoft.Account(options, "your.email@outlook.com")
	if err != nil {
		log.Fatal(err)
	}
	defer tokens.Close()
	result, err := smtp.Send(context.Background(), smtp.Config{
		Profile:     profile.Outlook(), // profile.Microsoft365 for the mailbox of an organization
		Auth:        sasl.OAuth("your.email@outlook.com", tokens),
		DialContext: outlook.Dial,
		TLSConfig:   outlook.trust(),
	}, smtp.Envelope{
		From: "your.email@outlook.com",
		To:   []string{"recipient@example.com"},
	}, smtp.Bytes([]byte(`From: your.email@outlook.com
To: recipient@example.com
Subject: Hello from postern!

Sent using OAuth2 authentication.
`)))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Mechanism, result.Accepted)
	// Output:
	// your.email@outlook.com has signed in
	// XOAUTH2 [recipient@example.com]
}

// Sign in on a server without a browser: the user opens a page on a telephone, and
// enters a code there. The stand-in for Microsoft and the user is for this example
// alone.
func ExampleLoginDevice() {
	outlook := startExchange()
	defer outlook.Close()
	options := microsoft.Options{
		ClientID:   "11111111-2222-3333-4444-555555555555",
		Tenant:     "contoso.onmicrosoft.com",
		HTTPClient: outlook.httpClient(),
		// A providers.FileStore outlives the program.
		Cache: providers.CacheOptions{Store: new(providers.MemoryStore), Key: "microsoft/you@contoso.com"},
	}

	grant, err := microsoft.LoginDevice(context.Background(), options, "you@contoso.com", func(p microsoft.DevicePrompt) error {
		fmt.Println("Open", p.URI, "and enter a code of", len(p.Code), "characters.")
		return outlook.authority.ApproveDevice(p.Code, mock.Consent{User: "you@contoso.com"}) // what the user does
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(grant.User, "has signed in")

	tokens, err := microsoft.Account(options, "you@contoso.com")
	if err != nil {
		log.Fatal(err)
	}
	defer tokens.Close()
	fmt.Println(sasl.OAuth("you@contoso.com", tokens).Validate()) // for smtp.Config
	// Output:
	// Open https://login.microsoftonline.com/device and enter a code of 9 characters.
	// you@contoso.com has signed in
	// <nil>
}

// Send as an application that proves who it is by a certificate, with no user
// present. The stand-in is for this example alone.
func ExampleNewApp() {
	exchange := startExchange()
	defer exchange.Close()

	file := exchange.certificate() // os.ReadFile("mailer.pem")
	tokens, err := microsoft.NewApp(microsoft.Options{
		Tenant:     "contoso.onmicrosoft.com",
		ClientID:   "11111111-2222-3333-4444-555555555555",
		Credential: microsoft.Certificate(file),
		HTTPClient: exchange.httpClient(),
	})
	if err != nil {
		log.Fatal(err)
	}
	result, err := smtp.Send(context.Background(), smtp.Config{
		Profile:     profile.Microsoft365(),
		Auth:        sasl.OAuth("reports@contoso.com", tokens),
		DialContext: exchange.Dial,
		TLSConfig:   exchange.trust(),
	}, smtp.Envelope{
		From: "reports@contoso.com",
		To:   []string{"recipient@example.com"},
	}, smtp.Bytes([]byte("From: reports@contoso.com\nSubject: Hello\n\nSent by an application.\n")))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Mechanism, result.Accepted)
	// Output: XOAUTH2 [recipient@example.com]
}

// See what a token says of itself, to find out why Exchange refuses it.
func ExampleExplain() {
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
	token, err := tokens.Token(context.Background(), sasl.TokenRequest{})
	if err != nil {
		log.Fatal(err)
	}

	claims, err := microsoft.Explain(token)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(claims.Roles, claims.Tenant)
	fmt.Printf("hint: %q\n", claims.Hint())
	// Output:
	// [SMTP.SendAsApp] contoso.onmicrosoft.com
	// hint: ""
}

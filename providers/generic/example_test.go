package generic_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/generic"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// Sign in to a mail server of your own whose users are in a realm of Keycloak. The
// user signs in once, here on another device; the program goes on by itself. The
// stand-ins and what leads to them are for this example alone.
func Example() {
	ctx := context.Background()
	realm, mail := startStandIns()
	defer realm.Close()
	defer mail.Close()

	server, err := generic.Discover(ctx, realm.URL(), realm.HTTPClient())
	if err != nil {
		log.Fatal(err)
	}
	server.Scopes = []string{"openid", "offline_access", "mail"} // the last is what this mail server asks for
	client := generic.Client{ID: "mailer"}
	keep := generic.Options{HTTPClient: realm.HTTPClient(), Cache: providers.CacheOptions{
		Store: new(providers.MemoryStore), // providers.NewFileStore, in a program that ends
		Key:   "id.example.com/mailer/you@example.com",
	}}

	_, err = generic.Login(ctx, server, client, generic.LoginOptions{Options: keep, Open: func(ctx context.Context, page string) error {
		return realm.Browse(ctx, page, mock.Consent{User: "you@example.com"}) // leave Open out: a browser opens
	}})
	if err != nil {
		log.Fatal(err)
	}

	tokens, err := generic.RefreshToken(server, client, sasl.Secret{}, keep)
	if err != nil {
		log.Fatal(err)
	}
	defer tokens.Close()
	result, err := smtp.Send(ctx, smtp.Config{
		Addr: mail.Addr(), TLSConfig: mail.TLSConfig(), DialContext: mail.Dial,
		Auth: sasl.OAuth("you@example.com", tokens),
	}, smtp.Envelope{From: "you@example.com", To: []string{"friend@example.com"}}, smtp.Bytes([]byte("Subject: Hello\r\n\r\nHello!\r\n")))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Mechanism, result.Accepted)
	// Output: XOAUTH2 [friend@example.com]
}

// startStandIns starts an authority and a mail server that takes its tokens.
func startStandIns() (*mock.Authority, *mock.Server) {
	realm, err := mock.NewAuthority(mock.AuthorityOptions{
		Network: mock.InMemory, Clients: map[string]string{"mailer": ""}, RotateRefresh: true,
		DeviceInterval: time.Second,
	})
	if err != nil {
		log.Fatal(err)
	}
	mail, err := mock.New(mock.Options{Network: mock.InMemory, Tokens: realm})
	if err != nil {
		log.Fatal(err)
	}
	return realm, mail
}

// Send through Fastmail with the refresh token of an app that Fastmail has
// registered. It is a public client: it has no secret.
func ExampleFastmail() {
	keep := providers.CacheOptions{
		Store: new(providers.MemoryStore), // providers.NewFileStore, in a program that ends
		Key:   "fastmail/you@fastmail.com",
	}
	tokens, err := generic.RefreshToken(generic.Fastmail(), generic.Client{ID: "your client id"},
		sasl.NewSecret("your refresh token"), generic.Options{Cache: keep, HTTPClient: exampleHTTP()})
	if err != nil {
		log.Fatal(err)
	}
	defer tokens.Close()
	config := smtp.Config{Profile: profile.Fastmail(), Auth: sasl.OAuth("you@fastmail.com", tokens)}
	fmt.Println(config.Profile.Addr, config.Profile.Scopes)

	token, err := tokens.Token(context.Background(), sasl.TokenRequest{}) // as the sign-in will
	fmt.Println(token.Value, err)
	// Output:
	// smtps://smtp.fastmail.com:465 [https://www.fastmail.com/dev/protocol-smtp]
	// [redacted] <nil>
}

// exampleHTTP stands in for the network.
func exampleHTTP() *http.Client {
	return answering(200, "application/json", `{"access_token":"an access token","expires_in":3600}`)
}

// Sign in on a server without a browser: show the code, and wait for the user.
func ExampleLoginDevice() {
	ctx := context.Background()
	realm, mail := startStandIns()
	defer realm.Close()
	defer mail.Close()

	server, err := generic.Discover(ctx, realm.URL(), realm.HTTPClient())
	if err != nil {
		log.Fatal(err)
	}
	server.Scopes = []string{"offline_access", "mail"}
	keep := generic.Options{HTTPClient: realm.HTTPClient(), Cache: providers.CacheOptions{
		Store: new(providers.MemoryStore), // providers.NewFileStore, in a program that ends
		Key:   "id.example.com/mailer/you@example.com",
	}}
	_, err = generic.LoginDevice(ctx, server, generic.Client{ID: "mailer"}, func(_ context.Context, p generic.DevicePrompt) error {
		fmt.Println("Open the page below on any device and enter the code:", p.URI != "", p.Code != "")
		return realm.ApproveDevice(p.Code, mock.Consent{User: "you@example.com"}) // the user does that
	}, keep)
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := generic.RefreshToken(server, generic.Client{ID: "mailer"}, sasl.Secret{}, keep)
	if err != nil {
		log.Fatal(err)
	}
	defer tokens.Close()
	token, err := tokens.Token(ctx, sasl.TokenRequest{}) // as the sign-in to the mail server will
	fmt.Println(token.Scopes, err)
	// Output:
	// Open the page below on any device and enter the code: true true
	// [mail] <nil>
}

// A program that sends as itself, with a service account of a realm of Keycloak. The
// mail server has to take such tokens.
func ExampleKeycloak() {
	server := generic.Keycloak("https://id.example.com", "staff")
	server.Scopes = []string{"mail"} // what the mail server asks for
	client := generic.Client{ID: "mailer", Secret: sasl.NewSecret("read it from a file")}
	tokens, err := generic.ClientCredentials(server, client, generic.Options{HTTPClient: exampleHTTP()})
	if err != nil {
		log.Fatal(err)
	}
	auth := sasl.OAuth("noreply@example.com", tokens)
	fmt.Println(server.TokenURL, auth.Validate())
	// Output: https://id.example.com/realms/staff/protocol/openid-connect/token <nil>
}

// Take tokens from a program that keeps them, for whoever it is that signs in.
func ExampleCommand() {
	helper, env := exampleHelper() // "my-token-helper", in your program
	tokens, err := generic.Command(generic.CommandOptions{Env: env}, helper, "--print-token")
	if err != nil {
		log.Fatal(err)
	}
	token, err := tokens.Token(context.Background(), sasl.TokenRequest{Username: "you@example.com"})
	fmt.Println(token.Value, err)
	// Output: [redacted] <nil>
}

// exampleHelper is this test, which prints a token if it is told to.
func exampleHelper() (name string, env []string) {
	own, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	return own, []string{"GENERIC_TEST_PROGRAM=token"}
}

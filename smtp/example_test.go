package smtp_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// Send a message through Gmail with an access token from a function of your own.
// It is called immediately before the token is needed.
func Example() {
	server, network := mockOf("smtp.gmail.com", "your.email@gmail.com", "your_access_token")
	defer server.Close()

	accessToken := func(ctx context.Context) (string, error) {
		// Your token refresh logic here.
		return "your_access_token", nil
	}

	result, err := smtp.Send(context.Background(), network(smtp.Config{
		Profile: profile.Gmail(),
		Auth:    sasl.OAuth("your.email@gmail.com", sasl.TokenString(accessToken)),
	}), smtp.Envelope{
		From: "your.email@gmail.com",
		To:   []string{"recipient@example.com"},
	}, smtp.Bytes([]byte("Subject: Hello\r\n\r\nSent using OAuth 2.0.\r\n")))

	fmt.Println(err, result.Mechanism, result.Accepted)
	// Output: <nil> XOAUTH2 [recipient@example.com]
}

// Send several messages over one connection, by their headers.
func ExampleDial() {
	server, network := mockOf("mail.example.com", "you@example.com", "token")
	defer server.Close()

	client, err := smtp.Dial(context.Background(), network(smtp.Config{
		Addr: "smtps://mail.example.com",
		Auth: sasl.OAuth("you@example.com", sasl.StaticToken("token")),
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	for _, file := range []string{"testdata/hello.eml", "testdata/reminder.eml"} {
		envelope, message, err := smtp.EnvelopeOf(smtp.File(file))
		if err != nil {
			log.Fatal(err)
		}
		result, err := client.Send(context.Background(), envelope, message)
		fmt.Println(err, result.Accepted)
	}
	// Output:
	// <nil> [friend@example.com secret-friend@example.com]
	// <nil> [friend@example.com]
}

// Find out why a sign-in failed.
func ExampleAuthError() {
	server, network := mockOf("smtp.gmail.com", "you@gmail.com", "token")
	defer server.Close()

	_, err := smtp.Dial(context.Background(), network(smtp.Config{
		Profile: profile.Gmail(),
		Auth:    sasl.OAuth("you@gmail.com", sasl.StaticToken("revoked-token")),
	}))
	var auth *smtp.AuthError
	if errors.As(err, &auth) {
		fmt.Println(auth.Mechanism, auth.Reply.Code, auth.Reply.Enhanced)
		fmt.Println("status", auth.OAuth.Status)
	}
	fmt.Println(smtp.Classify(err))
	// Output:
	// XOAUTH2 535 5.7.8
	// status 401
	// auth
}

// Decide what to do about a message that did not get through.
func ExampleClassify() {
	server, network := mockOf("mail.example.com", "", "", mock.At("RCPT").Do(mock.Reply(451, "4.7.1", "greylisted")))
	defer server.Close()

	envelope := smtp.Envelope{From: "you@example.com", To: []string{"friend@example.com"}}
	result, err := smtp.Send(context.Background(), network(smtp.Config{Addr: "smtps://mail.example.com"}),
		envelope, smtp.Bytes([]byte("Subject: hi\r\n\r\n")))

	switch smtp.Classify(err) {
	case smtp.None:
		fmt.Println("sent")
	case smtp.Temporary, smtp.Throttled, smtp.Network:
		fmt.Println("try later:", result.Retryable(), smtp.SafeToRetry(err))
	case smtp.Uncertain:
		fmt.Println("may have been delivered: ask somebody")
	default:
		fmt.Println("give up:", err)
	}
	// Output: try later: [friend@example.com] true
}

// mockOf starts a server that goes by a name, and returns what leads a Config to
// it instead of to the real one.
func mockOf(name, user, token string, faults ...mock.Fault) (*mock.Server, func(smtp.Config) smtp.Config) {
	server, err := mock.New(mock.Options{
		TLS:       mock.ImplicitTLS,
		Names:     []string{name},
		Directory: exampleDirectory{user, token},
		Faults:    faults,
	})
	if err != nil {
		log.Fatal(err)
	}
	return server, func(cfg smtp.Config) smtp.Config {
		cfg.DialContext = server.Dial
		cfg.TLSConfig = &tls.Config{RootCAs: server.RootCAs()}
		return cfg
	}
}

// An exampleDirectory knows one user and one token.
type exampleDirectory struct{ user, token string }

func (d exampleDirectory) Account(_ context.Context, name string) (sasl.Account, error) {
	if !strings.EqualFold(name, d.user) {
		return sasl.Account{}, sasl.ErrNoAccount
	}
	return sasl.Account{Token: func(_ context.Context, token sasl.Secret) error {
		if token.Reveal() != d.token {
			return &sasl.OAuthError{Status: "401", Schemes: "bearer", Scope: "https://mail.google.com/"}
		}
		return nil
	}}, nil
}

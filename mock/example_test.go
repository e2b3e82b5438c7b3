package mock_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/smtp"
	"net/textproto"
	"net/url"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
)

// In a test, one line starts a server, and the test's end stops it.
func ExampleStart() {
	_ = func(t *testing.T) {
		srv := mock.Start(t, mock.Options{RequireAuth: true})

		auth := smtp.PlainAuth("", "user", "secret", "127.0.0.1")
		err := send(srv, auth, "from@example.test", "to@example.test", "Subject: hello\r\n\r\n")
		if err != nil {
			t.Fatal(err)
		}
		if n := len(srv.Messages()); n != 1 {
			t.Errorf("%d messages, want 1", n)
		}
	}
}

// A program starts and stops the server by itself.
func ExampleNew() {
	srv, err := mock.New(mock.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	auth := smtp.PlainAuth("", "user", "secret", "127.0.0.1")
	if err := send(srv, auth, "from@example.test", "to@example.test", "Subject: hello\r\n\r\n"); err != nil {
		log.Fatal(err)
	}
	for _, m := range srv.Messages() {
		fmt.Printf("%s signed in by %s and wrote to %s in %d round trips: %q\n", m.User, m.Mechanism, m.To[0], m.RoundTrips, m.Data)
	}
	// Output:
	// user signed in by PLAIN and wrote to to@example.test in 10 round trips: "Subject: hello\r\n\r\n"
}

// A fault happens at a point of the dialogue, instead of what the server would
// do.
func ExampleAt() {
	srv, err := mock.New(mock.Options{Faults: []mock.Fault{
		mock.At("RCPT").Nth(1).Do(mock.Reply(451, "4.7.1", "greylisted")),
	}})
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	err = send(srv, nil, "from@example.test", "to@example.test", "Subject: hello\r\n\r\n")
	var reply *textproto.Error
	fmt.Println(errors.As(err, &reply) && reply.Code == 451)
	// Output:
	// true
}

// An authority issues tokens, and the server asks it about them.
func ExampleAuthority() {
	authority, err := mock.NewAuthority(mock.AuthorityOptions{Dialect: mock.GoogleOAuth})
	if err != nil {
		log.Fatal(err)
	}
	defer authority.Close()
	srv, err := mock.New(mock.Options{Tokens: authority, Network: mock.InMemory})
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	// The user has consented. A client turns the refresh token into an access
	// token, at the URL that it would use in production.
	refresh := authority.Grant("you@example.test")
	resp, err := authority.HijackingClient().PostForm("https://oauth2.googleapis.com/token", url.Values{
		"grant_type": {"refresh_token"}, "client_id": {"app"}, "refresh_token": {refresh.Reveal()},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	var granted struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&granted); err != nil {
		log.Fatal(err)
	}

	// The server takes it until it is revoked.
	check := mock.TokenCheck{Mechanism: "XOAUTH2", User: "you@example.test", Token: sasl.NewSecret(granted.AccessToken)}
	fmt.Println(authority.CheckToken(context.Background(), check))
	authority.Revoke(sasl.NewSecret(granted.AccessToken))
	fmt.Println(authority.CheckToken(context.Background(), check) != nil)
	// Output:
	// <nil>
	// true
}

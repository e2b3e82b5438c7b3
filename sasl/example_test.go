package sasl_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/seed-55a66e92/postern/sasl"
)

// getAccessToken returns a valid access token each time it is called.
func getAccessToken(ctx context.Context) (string, error) {
	// Your token refresh logic here
	return "your_access_token", nil
}

// The function that returns the token is all there is to write. It is called
// immediately before the AUTH command.
func ExampleTokenString() {
	a := sasl.OAuth("your.email@gmail.com", sasl.TokenString(getAccessToken))

	x, err := a.Begin(context.Background(), &sasl.Conn{
		Service: "smtp", Host: "smtp.gmail.com", Port: 465,
		TLS: &tls.ConnectionState{}, Verified: true, // facts that package smtp fills in
		Offered: []string{"LOGIN", "PLAIN", "XOAUTH2", "PLAIN-CLIENTTOKEN", "OAUTHBEARER"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mechanism, initial, err := x.Start()
	fmt.Printf("%s %q %v\n", mechanism, initial, err)
	// Output: XOAUTH2 "user=your.email@gmail.com\x01auth=Bearer your_access_token\x01\x01" <nil>
}

// A server that offers no mechanism for the credentials is an error that names
// what it does offer, and the function was not called.
func ExampleNoMechanismError() {
	a := sasl.OAuth("your.email@gmail.com", sasl.TokenString(getAccessToken))

	_, err := a.Begin(context.Background(), &sasl.Conn{Host: "mail.example.com", Offered: []string{"PLAIN", "XOAUTH2"}})
	fmt.Println(errors.Is(err, sasl.ErrInsecure))
	for _, d := range a.Explain(&sasl.Conn{Host: "mail.example.com", Offered: []string{"PLAIN", "XOAUTH2"}}) {
		fmt.Println(d.Mechanism, d.Reason)
	}
	// Output:
	// true
	// XOAUTH2 sasl: connection not secure enough: it sends a secret and the connection has no TLS
	// OAUTHBEARER sasl: not offered by the server
	// PLAIN sasl: no password to sign in with
	// LOGIN sasl: not offered by the server
}

// X-PIN is a mechanism of our own: the server asks for a PIN and gets it.
type pin struct{ code sasl.Secret }

func (p pin) Start() (string, []byte, error)        { return "X-PIN", nil, nil }
func (p pin) Next(challenge []byte) ([]byte, error) { return []byte(p.code.Reveal()), nil }

func xPIN(code sasl.Secret) sasl.Mechanism {
	return sasl.Mechanism{Name: "X-PIN", Rank: 250, NewClient: func(
		context.Context, *sasl.Conn, *sasl.Credentials,
	) (sasl.Client, error) {
		return pin{code}, nil
	}}
}

// A mechanism of your own is a literal of type Mechanism and a Client. Here it
// has a higher rank than PLAIN and is chosen before it.
func ExampleRegistry_With() {
	a := sasl.Password("alice", "secret")
	a.Registry = sasl.Default().With(xPIN(sasl.NewSecret("1234")))

	verified := &sasl.Conn{TLS: &tls.ConnectionState{}, Verified: true, Offered: []string{"PLAIN", "X-PIN"}}
	x, err := a.Begin(context.Background(), verified)
	if err != nil {
		fmt.Println(err)
		return
	}
	response, err := x.Next([]byte("PIN?"))
	fmt.Printf("%s: %s, %v\n", x.Mechanism(), response, err)
	// Output: X-PIN: 1234, <nil>
}

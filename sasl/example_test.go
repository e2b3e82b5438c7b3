package sasl_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/smtp"

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

	conn := &sasl.Conn{Host: "mail.example.com", Offered: []string{"PLAIN", "XOAUTH2"}}
	_, err := a.Begin(context.Background(), conn)
	fmt.Println(errors.Is(err, sasl.ErrInsecure))
	for _, d := range a.Explain(conn) {
		if conn.Offers(d.Mechanism) {
			fmt.Println(d.Mechanism, d.Reason)
		}
	}
	// Output:
	// true
	// XOAUTH2 sasl: connection not secure enough: it sends a secret and the connection has no TLS: connect with TLS
	// PLAIN sasl: no password to sign in with
}

// With net/smtp: Auth in the middle, Finish around it.
func ExampleNetSMTP() {
	a := sasl.Password("alice@example.com", "correct horse")
	client, closeClient := dialExample() // smtp.Dial and StartTLS, in a program
	defer closeClient()

	conn := &sasl.Conn{Host: "mail.example.com", Loopback: true}
	if state, ok := client.TLSConnectionState(); ok {
		conn.TLS, conn.Verified = &state, true // StartTLS has checked the certificate
	}
	auth := sasl.NetSMTP(context.Background(), a, conn)
	err := auth.Finish(client.Auth(auth))
	fmt.Println(auth.Mechanism(), err)
	// Output: PLAIN <nil>
}

// dialExample connects to a server that believes everybody.
func dialExample() (client *smtp.Client, closeClient func()) {
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		replies := []string{"220 mail.example.com", "250-mail.example.com\r\n250 AUTH LOGIN PLAIN", "235 2.7.0 Welcome"}
		lines := bufio.NewScanner(far)
		for _, reply := range replies {
			fmt.Fprint(far, reply+"\r\n")
			lines.Scan()
		}
	}()
	client, err := smtp.NewClient(near, "mail.example.com")
	if err != nil {
		panic(err)
	}
	return client, func() { client.Close(); far.Close(); <-done }
}

// X-PIN is a mechanism of our own: the server asks for a PIN and gets it.
type pin struct{ code sasl.Secret }

func (p pin) Start() (string, []byte, error) { return "X-PIN", nil, nil }
func (p pin) Next([]byte) ([]byte, error)    { return []byte(p.code.Reveal()), nil }

func newPIN(context.Context, *sasl.Conn, *sasl.Credentials) (sasl.Client, error) {
	return pin{sasl.NewSecret("1234")}, nil
}

// A mechanism of your own is a Client and a literal of type Mechanism. Here it
// has a higher rank than PLAIN and is chosen before it.
func ExampleRegistry_With() {
	a := sasl.Password("alice", "secret")
	a.Registry = sasl.Default().With(sasl.Mechanism{Name: "X-PIN", Rank: 250, NewClient: newPIN})

	secure := &sasl.Conn{TLS: &tls.ConnectionState{}, Verified: true, Offered: []string{"PLAIN", "X-PIN"}}
	x, err := a.Begin(context.Background(), secure)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, _, err := x.Start(); err != nil { // a host does this, and what follows
		fmt.Println(err)
		return
	}
	response, err := x.Next([]byte("PIN?"))
	fmt.Printf("%s: %s, %v\n", x.Mechanism(), response, err)
	// Output: X-PIN: 1234, <nil>
}

package interop

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	netsmtp "net/smtp"
	"strings"

	"github.com/emersion/go-imap/v2/imapclient"
	gosmtp "github.com/emersion/go-smtp"
	gomail "github.com/wneessen/go-mail"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
)

// getAccessToken stands for whatever returns a valid access token.
func getAccessToken(context.Context) (string, error) { return token, nil }

// go-smtp's client takes an Exchange as it is.
func Example_goSMTP() {
	server := exampleServer()
	defer server.Close()
	a := sasl.OAuth(user, sasl.TokenString(getAccessToken))

	client, err := gosmtp.DialStartTLS(server.Addr(), server.TLSConfig())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	_, offered := client.Extension("AUTH")
	state, _ := client.TLSConnectionState()
	x, err := a.Begin(context.Background(), &sasl.Conn{
		Service: "smtp", Host: "127.0.0.1", TLS: &state, Verified: true,
		Offered: strings.Fields(offered),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = x.Finish(client.Auth(x))
	fmt.Println(x.Mechanism(), err)
	// Output: XOAUTH2 <nil>
}

// net/smtp takes the Auth that NetSMTP returns.
func Example_netSMTP() {
	server := exampleServer()
	defer server.Close()
	a := sasl.Password(user, password)

	client, err := netsmtp.Dial(server.Addr())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	if err := client.StartTLS(server.TLSConfig()); err != nil {
		fmt.Println(err)
		return
	}
	state, _ := client.TLSConnectionState()
	auth := sasl.NetSMTP(context.Background(), a, &sasl.Conn{Host: "127.0.0.1", TLS: &state, Verified: true})
	err = auth.Finish(client.Auth(auth))
	fmt.Println(auth.Mechanism(), err)
	// Output: SCRAM-SHA-512-PLUS <nil>
}

// go-mail takes it too, by an adapter of one method: see newGoMailAuth.
func Example_goMail() {
	server := exampleServer()
	defer server.Close()
	ctx := context.Background()
	a := sasl.OAuth(user, sasl.TokenString(getAccessToken))

	auth, config := newGoMailAuth(ctx, a, "127.0.0.1", server.TLSConfig())
	client, err := gomail.NewClient("127.0.0.1", gomail.WithPort(server.port()),
		gomail.WithTLSConfig(config), gomail.WithSMTPAuthCustom(auth))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	err = auth.Finish(client.DialWithContext(ctx))
	fmt.Println(auth.Mechanism(), err)
	// Output: XOAUTH2 <nil>
}

// go-imap's client takes an Exchange as it is. With a token it runs XOAUTH2.
func Example_goIMAP() {
	server := exampleIMAPServer()
	defer server.close()

	fmt.Println(exampleIMAP(server, sasl.OAuth(user, sasl.TokenString(getAccessToken))))
	// Output: XOAUTH2 <nil>
}

// With a password it runs SCRAM, bound to the TLS connection if the server can.
func Example_goIMAPWithPassword() {
	server := exampleIMAPServer()
	defer server.close()

	a := sasl.Password(user, password)
	a.Policy.RequireBinding = true
	fmt.Println(exampleIMAP(server, a))
	// Output: SCRAM-SHA-512-PLUS <nil>
}

// exampleIMAP signs in with go-imap's client.
func exampleIMAP(server *imapServer, a *sasl.Authenticator) (mechanism string, err error) {
	conn, err := tls.Dial("tcp", server.addr, server.tls)
	if err != nil {
		return "", err
	}
	client := imapclient.New(conn, nil)
	defer client.Close()
	state := conn.ConnectionState()
	x, err := a.Begin(context.Background(), &sasl.Conn{
		Service: "imap", Host: "127.0.0.1", TLS: &state, Verified: true,
		Offered: client.Caps().AuthMechanisms(),
	})
	if err != nil {
		return "", err
	}
	err = x.Finish(client.Authenticate(x))
	return x.Mechanism(), err
}

// exampleServer is a submission server to try things on.
func exampleServer() exampleMock {
	server, err := mock.New(mock.Options{Directory: new(accounts)})
	if err != nil {
		panic(err)
	}
	return exampleMock{server}
}

type exampleMock struct{ *mock.Server }

func (s exampleMock) port() int {
	addr, err := net.ResolveTCPAddr("tcp", s.Addr())
	if err != nil {
		panic(err)
	}
	return addr.Port
}

// exampleIMAPServer is an IMAP server to try things on.
func exampleIMAPServer() *imapServer {
	server, err := newIMAP(new(accounts), nil)
	if err != nil {
		panic(err)
	}
	return server
}

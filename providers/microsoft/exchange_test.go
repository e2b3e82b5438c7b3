package microsoft_test

import (
	"context"
	"crypto/tls"
	"log"
	"net/http"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

// An exchange stands in for the mail servers of Microsoft 365 and of personal
// accounts, and for Entra's login server.
type exchange struct {
	*mock.Server
	authority *mock.Authority
}

func startExchange() *exchange {
	authority, err := mock.NewAuthority(mock.AuthorityOptions{
		Dialect: mock.MicrosoftOAuth, Tenant: tenant, DeviceInterval: time.Second,
		Redirects: []string{"https://app.example.com/signed-in"},
	})
	if err != nil {
		log.Panic(err)
	}
	server, err := mock.New(mock.Options{
		Names:       []string{"smtp.office365.com", "smtp-mail.outlook.com"},
		Tokens:      authority,
		Mechanisms:  []string{"LOGIN", "XOAUTH2"},
		RequireAuth: true,
	})
	if err != nil {
		log.Panic(err)
	}
	return &exchange{server, authority}
}

// Close ends both servers.
func (x *exchange) Close() {
	x.Server.Close()
	x.authority.Close()
}

// user is a user with a browser, who accepts.
func (x *exchange) user(ctx context.Context, page string) error {
	return x.authority.Browse(ctx, page, mock.Consent{})
}

// certificate returns a certificate and its key, of which the login server knows.
func (x *exchange) certificate() []byte {
	file, err := x.authority.NewClientCertificate(clientID)
	if err != nil {
		log.Panic(err)
	}
	return []byte(file.Reveal())
}

// httpClient leads every request to the stand-in.
func (x *exchange) httpClient() *http.Client { return x.authority.HijackingClient() }

// trust trusts the certificate of the stand-in and nothing else.
func (x *exchange) trust() *tls.Config {
	return &tls.Config{RootCAs: x.RootCAs(), MinVersion: tls.VersionTLS12}
}

// tokenRequests returns how many requests for tokens there were.
func (x *exchange) tokenRequests() int {
	n := 0
	for _, r := range x.authority.Requests() {
		if r.Grant != "" {
			n++
		}
	}
	return n
}

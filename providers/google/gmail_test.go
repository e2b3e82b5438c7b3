package google_test

import (
	"context"
	"crypto/tls"
	"log"
	"net/http"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
)

const mailbox = "your.email@gmail.com"

// A gmail stands in for smtp.gmail.com and for Google's token server.
type gmail struct {
	*mock.Server
	authority    *mock.Authority
	refreshToken sasl.Secret // of mailbox
}

func startGmail() *gmail {
	authority, err := mock.NewAuthority(mock.AuthorityOptions{
		Dialect: mock.GoogleOAuth,
		Machine: mock.Machine{ServiceAccount: "mailer@project.iam.gserviceaccount.com"},
	})
	if err != nil {
		log.Panic(err)
	}
	server, err := mock.New(mock.Options{
		Names:  []string{"smtp.gmail.com"},
		TLS:    mock.ImplicitTLS,
		Tokens: authority,
	})
	if err != nil {
		log.Panic(err)
	}
	return &gmail{server, authority, authority.Grant(mailbox)}
}

// Close ends both servers.
func (g *gmail) Close() {
	g.Server.Close()
	g.authority.Close()
}

// httpClient leads every request to the stand-in.
func (g *gmail) httpClient() *http.Client { return g.authority.HijackingClient() }

// user is one with a browser who consents to what is asked.
func (g *gmail) user(ctx context.Context, page string) error {
	return g.authority.Browse(ctx, page, mock.Consent{})
}

// keyFile is the file of a new key of a service account.
func (g *gmail) keyFile(account string) []byte {
	file, err := g.authority.ServiceAccountKey(account, "https://oauth2.googleapis.com/token")
	if err != nil {
		log.Panic(err)
	}
	return []byte(file.Reveal())
}

// trust trusts the certificate of the stand-in and nothing else.
func (g *gmail) trust() *tls.Config {
	return &tls.Config{RootCAs: g.RootCAs(), MinVersion: tls.VersionTLS12}
}

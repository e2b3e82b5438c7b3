package mock_test

import (
	"context"
	"crypto/tls"
	"fmt"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// A tenant with SMTP AUTH turned off, as most are: the token is good, and the
// sign-in fails nevertheless. The client has to say what an administrator can do,
// and must not ask for another token.
func ExampleMicrosoft365() {
	authority, err := mock.NewAuthority(mock.AuthorityOptions{Dialect: mock.MicrosoftOAuth})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer authority.Close()
	srv, err := mock.New(mock.Microsoft365(authority, mock.SMTPAuthDisabledForMailbox))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()

	const mailbox = "you@contoso.example"
	_, err = smtp.Dial(context.Background(), smtp.Config{
		Profile:     profile.Microsoft365(),
		DialContext: srv.Dial, // smtp.office365.com is here
		TLSConfig:   &tls.Config{RootCAs: srv.RootCAs()},
		Auth:        sasl.OAuth(mailbox, sasl.StaticToken(authority.Issue(mailbox, 0).Value.Reveal())),
	})
	fmt.Println(smtp.Classify(err) == smtp.Auth, len(srv.Auths()))
	// Output: true 1
}

// A token endpoint that is down for two requests, and then answers without
// saying how long the token lives.
func ExampleAuthority_Inject() {
	authority, err := mock.NewAuthority(mock.AuthorityOptions{Faults: []mock.AuthorityFault{{Times: 2, Status: 503}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer authority.Close()
	err = authority.Inject(mock.AuthorityFault{Fields: map[string]any{"expires_in": nil}})
	if err != nil {
		fmt.Println(err)
		return
	}
	form := refreshForm(authority.Grant("you@example.com"))
	for range 3 {
		resp, err := authority.HTTPClient().PostForm(authority.TokenURL(), form)
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
		fmt.Println(resp.StatusCode)
	}
	// Output:
	// 503
	// 503
	// 200
}

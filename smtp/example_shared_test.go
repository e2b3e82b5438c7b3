package smtp_test

import (
	"context"
	"crypto/tls"
	"fmt"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// Send for a shared mailbox: sign in as the delegate, whose token it is, and give
// the shared address as the sender.
func Example_sharedMailbox() {
	authority, err := mock.NewAuthority(mock.AuthorityFor(profile.Microsoft365()))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer authority.Close()
	server, err := mock.New(mock.Persona(profile.Microsoft365(), authority))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	const delegate, shared = "you@contoso.example", "sales@contoso.example"
	_, err = smtp.Send(context.Background(),
		smtp.Config{
			Profile:     profile.Microsoft365(),
			Auth:        sasl.OAuth(delegate, sasl.StaticToken(authority.Issue(delegate, 0).Value.Reveal())),
			DialContext: server.Dial, // smtp.office365.com is here
			TLSConfig:   &tls.Config{RootCAs: server.RootCAs()},
		},
		smtp.Envelope{From: shared, To: []string{"friend@example.com"}},
		smtp.Bytes([]byte("From: Sales <"+shared+">\r\nTo: friend@example.com\r\nSubject: hello\r\n\r\nhello\r\n")))
	for _, m := range server.Messages() {
		fmt.Println(err, m.User, m.From)
	}
	// Output: <nil> you@contoso.example sales@contoso.example
}

package google_test

import (
	"context"
	"fmt"
	"log"

	"github.com/seed-55a66e92/postern/providers/google"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// Send for users of a Google Workspace with the key of a service account that the
// administrator has delegated the scope https://mail.google.com/ to. The stand-in
// and the options that lead to it are for this example alone.
func ExampleServiceAccountKey() {
	gmail := startGmail()
	defer gmail.Close()
	keyFile := gmail.keyFile("mailer@project.iam.gserviceaccount.com") // yours is a file

	mailboxes, err := google.ServiceAccountKey(keyFile, google.Options{HTTPClient: gmail.httpClient()})
	if err != nil {
		log.Fatal(err)
	}
	defer mailboxes.Close()

	for _, user := range []string{"sales@example.com", "support@example.com"} {
		result, err := smtp.Send(context.Background(), smtp.Config{
			Profile:     profile.Gmail(),
			Auth:        sasl.OAuth(user, mailboxes), // one credential, many mailboxes
			DialContext: gmail.Dial,
			TLSConfig:   gmail.trust(),
		}, smtp.Envelope{From: user, To: []string{"recipient@example.net"}},
			smtp.Bytes([]byte("From: "+user+"\r\nTo: recipient@example.net\r\nSubject: Hello\r\n\r\nHello.\r\n")))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(user, result.Mechanism, result.Accepted)
	}
	// Output:
	// sales@example.com XOAUTH2 [recipient@example.net]
	// support@example.com XOAUTH2 [recipient@example.net]
}

// Send from Cloud Run, or any other machine of Google Cloud, with no key at all:
// Google signs for the service account of the machine. It needs the role
// roles/iam.serviceAccountTokenCreator on itself, and the delegation of the
// Workspace. The stand-in and the options that lead to it are for this example
// alone: leave them out.
func ExampleKeyless() {
	gmail := startGmail()
	defer gmail.Close()

	machine := google.MetadataBase(google.MetadataOptions{HTTPClient: gmail.httpClient()})
	mailboxes, err := google.Keyless("", machine, google.KeylessOptions{
		Options: google.Options{HTTPClient: gmail.httpClient()},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer mailboxes.Close()

	result, err := smtp.Send(context.Background(), smtp.Config{
		Profile:     profile.Gmail(),
		Auth:        sasl.OAuth("sales@example.com", mailboxes),
		DialContext: gmail.Dial,
		TLSConfig:   gmail.trust(),
	}, smtp.Envelope{From: "sales@example.com", To: []string{"recipient@example.net"}},
		smtp.Bytes([]byte("From: sales@example.com\r\nTo: recipient@example.net\r\nSubject: Hello\r\n\r\nHello.\r\n")))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Mechanism, result.Accepted)
	// Output: XOAUTH2 [recipient@example.net]
}

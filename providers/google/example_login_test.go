package google_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/google"
	"github.com/seed-55a66e92/postern/sasl"
)

// Have the user sign in once, with a browser, and keep what comes of it in a file
// that any number of programs may share. The stand-in for Google and the user, and
// the options that lead there, are for this example alone: leave them out.
func ExampleLogin() {
	gmail := startGmail()
	defer gmail.Close()
	dir, err := os.MkdirTemp("", "example") // yours is in the user's configuration
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	store, err := providers.NewFileStore(filepath.Join(dir, "tokens"))
	if err != nil {
		log.Fatal(err)
	}
	client := google.Client{
		ID:     "your_client_id.apps.googleusercontent.com",
		Secret: sasl.NewSecret("your_client_secret"),
	}
	options := google.Options{
		HTTPClient: gmail.httpClient(),
		Cache:      providers.CacheOptions{Store: store, Key: "google/your.email@gmail.com"},
	}

	// Once:
	grant, err := google.Login(context.Background(), client, "your.email@gmail.com", google.LoginOptions{
		Options: options,
		OpenURL: gmail.user, // by default, the system's browser
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(grant.User, "has signed in")

	// In every program that sends:
	tokens, err := google.RefreshToken(client, sasl.Secret{}, options)
	if err != nil {
		log.Fatal(err)
	}
	defer tokens.Close()
	auth := sasl.OAuth("your.email@gmail.com", tokens) // for smtp.Config
	fmt.Println(auth.Validate())
	// Output:
	// your.email@gmail.com has signed in
	// <nil>
}

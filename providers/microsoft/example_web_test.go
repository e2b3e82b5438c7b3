package microsoft_test

import (
	"context"
	"fmt"
	"log"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/microsoft"
	"github.com/seed-55a66e92/postern/sasl"
)

// Have users sign in with a web application, which sends mail for them later. The
// stand-in for Microsoft and the user's browser is for this example alone.
func ExampleBeginWebLogin() {
	outlook := startExchange()
	defer outlook.Close()
	ctx := context.Background()
	options := microsoft.Options{
		ClientID:   "11111111-2222-3333-4444-555555555555",
		Tenant:     "organizations",
		Credential: microsoft.Secret(sasl.NewSecret("your_client_secret")),
		HTTPClient: outlook.httpClient(),
	}

	// In the handler that the user comes to first: keep begun.Session in the
	// session of the browser, and redirect it to begun.URL.
	begun, err := microsoft.BeginWebLogin(ctx, options, "https://app.example.com/signed-in", "")
	if err != nil {
		log.Fatal(err)
	}

	request, err := outlook.authority.Authorize(ctx, begun.URL, mock.Consent{User: "you@contoso.com"}) // what the browser does
	if err != nil {
		log.Fatal(err)
	}

	// In the handler of the redirect URI:
	grant, err := microsoft.FinishWebLogin(ctx, options, begun.Session, request.URL.Query())
	if err != nil {
		log.Fatal(err)
	}
	options.Cache.Store = new(providers.MemoryStore) // yours outlives the program
	options.Cache.Key = "microsoft/" + grant.User
	err = providers.SaveGrant(ctx, options.Cache.Store, options.Cache.Key, providers.Response{Grant: grant.Value, Token: grant.Token})
	if err != nil {
		log.Fatal(err)
	}

	// Whenever there is mail to be sent for that user:
	tokens, err := microsoft.Account(options, grant.User)
	if err != nil {
		log.Fatal(err)
	}
	defer tokens.Close()
	fmt.Println(grant.User, sasl.OAuth(grant.User, tokens).Validate()) // for smtp.Config
	// Output: you@contoso.com <nil>
}

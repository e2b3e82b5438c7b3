package providers_test

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// A generator of your own: a function that asks the authority each time, and a
// Cache that calls it when it must.
func ExampleNewCache() {
	requests := 0
	tokens := providers.NewCache(providers.FetcherFunc(
		func(context.Context, providers.Request) (providers.Response, error) {
			requests++ // ask your authority here
			return providers.Response{Token: sasl.Token{
				Value:  sasl.NewSecret(fmt.Sprintf("token %d", requests)),
				Expiry: time.Now().Add(time.Hour),
			}}, nil
		}), providers.CacheOptions{})

	auth := sasl.OAuth("you@example.com", tokens) // for as many connections as you like
	fmt.Println(auth.Validate())

	for range 3 {
		token, err := tokens.Token(context.Background(), sasl.TokenRequest{})
		fmt.Println(token.Value.Reveal(), err)
	}
	// Output:
	// <nil>
	// token 1 <nil>
	// token 1 <nil>
	// token 1 <nil>
}

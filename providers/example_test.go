package providers_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
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

// A FileStore keeps the refresh token over the end of the program, and lets
// several programs share it.
func ExampleFileStore() {
	dir, err := os.MkdirTemp("", "example") // yours is in the user's configuration
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	store, err := providers.NewFileStore(filepath.Join(dir, "tokens"))
	if err != nil {
		log.Fatal(err)
	}

	// Once, when the user signs in:
	const key = "example.com/client/you@example.com"
	ctx := context.Background()
	if err := providers.SaveGrant(ctx, store, key, providers.Response{Grant: sasl.NewSecret("refresh 1")}); err != nil {
		log.Fatal(err)
	}

	// In each program that sends mail. This authority gives a new refresh token
	// with every access token, as many do.
	fetcher := providers.FetcherFunc(func(_ context.Context, req providers.Request) (providers.Response, error) {
		fmt.Println("the authority is shown:", req.Grant.Reveal())
		return providers.Response{
			Token: sasl.Token{Value: sasl.NewSecret("access"), Expiry: time.Now().Add(time.Hour)},
			Grant: sasl.NewSecret("refresh 2"),
		}, nil
	})
	for range 2 {
		tokens := providers.NewCache(fetcher, providers.CacheOptions{Store: store, Key: key})
		_, err := tokens.Token(ctx, sasl.TokenRequest{})
		fmt.Println("a program starts:", err, tokens.Close())
	}
	// Output:
	// the authority is shown: refresh 1
	// a program starts: <nil> <nil>
	// a program starts: <nil> <nil>
}

// Records of any Store can be sealed, with a key that is kept elsewhere.
func ExampleEncrypted() {
	inner := new(providers.MemoryStore) // or a FileStore
	key := providers.GenerateKey("2026-11")
	store := providers.Encrypted(inner, providers.Keys(key))

	ctx := context.Background()
	if _, err := store.Save(ctx, "you@example.com", sasl.NewSecret("refresh token"), ""); err != nil {
		log.Fatal(err)
	}
	sealed, _, err := inner.Load(ctx, "you@example.com")
	fmt.Println(strings.Contains(sealed.Reveal(), "refresh token"), err)

	// A new key: those before it are there to read what they have sealed.
	store = providers.Encrypted(inner, providers.Keys(providers.GenerateKey("2027-11"), key))
	data, _, err := store.Load(ctx, "you@example.com")
	fmt.Println(data.Reveal(), err)
	// Output:
	// false <nil>
	// refresh token <nil>
}

// Events tell of what happens, in time to act.
func ExampleEvent() {
	event := providers.Event{Kind: providers.Failed, Key: "google/you@example.com", Err: &providers.Error{
		Kind: providers.NeedsUser, Provider: "google", Code: "invalid_grant", Hint: "sign in again",
	}}
	fmt.Println(event)
	if providers.KindOf(event.Err) != providers.Transient {
		fmt.Println("call for the user while the present token is good")
	}
	// Output:
	// token failed key="google/you@example.com": google: invalid_grant; sign in again
	// call for the user while the present token is good
}

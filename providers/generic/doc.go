// Package generic supplies access tokens for SMTP from any OAuth 2.0 authority:
// that of Yahoo, Fastmail, Yandex or Zoho, a Keycloak or another server of your
// own, or a program that keeps tokens already.
//
// For Google and Microsoft there are packages that know more of them:
// providers/google and providers/microsoft.
//
// # A user signs in
//
// Say which authority, and let it be found out where it is:
//
//	server, err := generic.Discover(ctx, "https://id.example.com/realms/staff", nil)
//	if err != nil { ... }
//	server.Scopes = []string{"openid", "offline_access"}
//	client := generic.Client{ID: "mailer"}
//
// Once, a user signs in: with a browser on this machine by [Login], or with one on
// any other by [LoginDevice]. What comes of it is saved:
//
//	store, err := providers.NewFileStore(dir)
//	if err != nil { ... }
//	keep := generic.Options{Cache: providers.CacheOptions{Store: store, Key: "id.example.com/mailer/you@example.com"}}
//	_, err = generic.Login(ctx, server, client, generic.LoginOptions{Options: keep})
//
// From then on programs send without the user:
//
//	tokens, err := generic.RefreshToken(server, client, sasl.Secret{}, keep)
//	if err != nil { ... }
//	auth := sasl.OAuth("you@example.com", tokens)
//
// Many authorities replace the refresh token with every use, and take the use of
// an old one for a theft. With a [providers.FileStore], or any other Store, the new
// one is saved before the access token that came with it is handed out, and
// programs that share it take turns; see package providers.
//
// # No user at all
//
// [ClientCredentials] is for a client that sends as itself, [Command] for a token
// that another program prints, and [FromTokenSource] for what x/oauth2 made.
//
// # What is taken care of
//
// Each request ends with the context of the sign-in that needs it, and after 20
// seconds; redirects are not followed, since secrets would go wherever they lead;
// answers are bounded. A token without a lifetime is good for 30 minutes, not for
// ever. A lifetime with a fraction, and JSON under another media type, are
// understood. A refusal is an error of type [*providers.Error] that says who can
// mend it; a revoked grant is remembered, and costs one request.
package generic

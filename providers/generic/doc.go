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
// Whoever waits for a token waits no longer than their context says, and a request
// is over after 20 seconds. Redirects are not followed, since secrets would go
// wherever they lead. Answers are bounded. A token without a lifetime is good for 30
// minutes, not for ever; one that is no bearer token is refused. A lifetime with a
// fraction, and JSON under another media type, are understood. A refusal is an error
// of type [*providers.Error] that says who can mend it; a revoked grant is
// remembered, and costs one request.
//
// A sign-in by browser is bound to the program by state and PKCE, and to the
// authority by its issuer. One by device polls no sooner than it may.
//
// # Standards
//
//	RFC 6749  OAuth 2.0: code, refresh token, client credentials  Login, RefreshToken, ClientCredentials
//	RFC 7636  PKCE, always with S256                              Login
//	RFC 8252  programs on users' machines, answer on loopback     Login
//	RFC 8414  metadata of an authority                            Discover
//	RFC 8628  sign-in on another device                           LoginDevice
//	RFC 9207  issuer in the answer to a browser                   Login, Discover
//
// A client proves itself by a secret, or is public. Keys and certificates (RFC 7523,
// RFC 8705), pushed requests (RFC 9126) and DPoP (RFC 9449) are not supported.
package generic

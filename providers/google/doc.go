// Package google supplies Google access tokens for SMTP, for gmail.com and for
// Google Workspace mailboxes.
//
// # From a refresh token
//
// A user consents once, in a browser, to the scope https://mail.google.com/, and
// your program keeps the refresh token that comes of it. With that, and with the
// OAuth client it was issued to, it signs in for as long as the consent stands:
//
//	tokens, err := google.RefreshToken(google.Client{
//		ID:     "your_client_id.apps.googleusercontent.com",
//		Secret: sasl.NewSecret("your_client_secret"),
//	}, sasl.NewSecret("1//refresh_token"), google.Options{})
//	if err != nil {
//		return err
//	}
//	_, err = smtp.Send(ctx, smtp.Config{
//		Profile: profile.Gmail(),
//		Auth:    sasl.OAuth("your.email@gmail.com", tokens),
//	}, env, msg)
//
// Make one generator and keep it: it caches the access token, renews it before
// it expires and once when Gmail refuses it, and lets any number of connections
// share one request. [AuthorizedUserJSON] takes the same from the file that
// Google's tools write, and [FromTokenSource] takes a token source that you have
// already.
//
// # The first consent
//
// [Login] gets the refresh token: the user signs in with a browser, and what comes
// of it goes to a [providers.Store], where [RefreshToken] finds it. There is no
// way by device code, for Google grants no scope for mail that way.
//
// # Mailboxes of a Google Workspace
//
// A Workspace can let a service account sign in to its users' mailboxes
// (domain-wide delegation). One [Delegation] serves them all, and no user has to
// consent:
//
//	mailboxes, err := google.ServiceAccountKey(keyFile, google.Options{})
//	...
//	Auth: sasl.OAuth("sales@example.com", mailboxes),
//
// Better than a key that can be lost is none. [Keyless] has Google sign for the
// service account, at the request of whoever may do so: the machine that the
// program runs on ([MetadataBase]), or a workload of another cloud
// ([ExternalAccountBase]):
//
//	mailboxes, err := google.Keyless("", google.MetadataBase(google.MetadataOptions{}), google.KeylessOptions{})
//
// The token of a machine itself signs in to no mailbox. So a [Base] is no
// generator, and cannot be taken for one. [Default] makes of Google's Application
// Default Credentials what can be made of them, and says why if that is nothing.
//
// What it takes, once:
//
//   - The Workspace administrator adds the numeric client id of the service
//     account, with exactly the scope https://mail.google.com/, under Security, API
//     controls, Domain-wide delegation. It may take a day until that has effect.
//   - For Keyless, the service iamcredentials.googleapis.com is enabled in the
//     project, and the service account has the role
//     roles/iam.serviceAccountTokenCreator on itself.
//
// Accounts of gmail.com cannot be delegated.
//
// # When it stops working
//
// A refresh token dies when the user revokes it or changes the password, after
// six months without use, when the client has more than a hundred of them for
// one account, and after seven days while the consent screen of the client is in
// testing. The error is a [providers.Error] of kind NeedsUser, whose text says
// what to look at; the answer is always a new consent.
//
// When Google's token server is out of order, nobody notices while the present
// token is good. In a program that sends all the time that is five minutes at
// least, or as long as Early in Options.Cache says. After that the error is of
// kind Transient, until the server is back.
//
// The scope gmail.send is for Google's HTTP interface. A token that has no other
// is refused by Gmail's SMTP server.
package google

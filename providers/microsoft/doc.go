// Package microsoft supplies Microsoft access tokens for SMTP: for mailboxes of
// Microsoft 365, in every cloud, and for personal accounts.
//
// # A user signs in once
//
// Register an application in Microsoft Entra (App registrations, New registration):
// any account type that your users have; the redirect URI http://localhost under
// mobile and desktop applications; and, for [LoginDevice], "Allow public client
// flows". Add the delegated permission SMTP.Send, which the portal lists under
// Microsoft Graph although the token is for Exchange. Then have the user sign in,
// and keep what comes of it:
//
//	store, err := providers.NewFileStore(filepath.Join(config, "tokens"))
//	...
//	options := microsoft.Options{
//		ClientID: "00000000-0000-0000-0000-000000000000",
//		Tenant:   "common", // or the id of your tenant
//		Cache:    providers.CacheOptions{Store: store, Key: "microsoft/you@contoso.com"},
//	}
//	grant, err := microsoft.Login(ctx, microsoft.LoginOptions{Options: options}, "you@contoso.com")
//
// From then on, every program with the same Store and Key sends mail as the user,
// without the user:
//
//	tokens, err := microsoft.Account(options, "you@contoso.com")
//	if err != nil {
//		return err
//	}
//	defer tokens.Close()
//	_, err = smtp.Send(ctx, smtp.Config{
//		Profile: profile.Microsoft365(),
//		Auth:    sasl.OAuth("you@contoso.com", tokens),
//	}, env, msg)
//
// Make one generator for each user and keep it: it caches the access token, renews
// it before it expires and once when Exchange refuses it, saves the refresh token
// that Entra replaces with every use, and lets any number of connections, in any
// number of programs, share one request.
//
// Where there is no browser, [LoginDevice] shows a code that the user enters on
// another device. A web application has its users sign in by [BeginWebLogin] and
// [FinishWebLogin]. [RefreshToken] takes a refresh token that another program has
// got, and Options.Cache.Grant the cache that another program's MSAL has serialized.
//
// # An application signs in as itself
//
// With no user present, an application sends for every mailbox that it was given
// access to. It needs a tenant of its own and a [Credential]:
//
//	tokens, err := microsoft.NewApp(microsoft.Options{
//		Tenant:     "contoso.onmicrosoft.com",
//		ClientID:   "00000000-0000-0000-0000-000000000000",
//		Credential: microsoft.Certificate(file),
//	})
//	...
//	Auth: sasl.OAuth("reports@contoso.com", tokens),
//
// From the best to the worst:
//
//   - [FederatedIdentity] and [ManagedIdentity] on Azure, and [WorkloadIdentity] in
//     its clusters: there is no secret that can be lost.
//   - [Assertion]: a workload of another cloud, or a key that is kept elsewhere.
//   - [Certificate]: the key never leaves the program.
//   - [SecretFunc] and [Secret]: the secret is sent with each request, and expires.
//
// Make one [App] and keep it: all mailboxes share its token. A web service that
// sends as whoever calls it uses [OnBehalfOf].
//
// # What Exchange wants to see
//
// Entra gives a token to any application that proves itself. Exchange accepts it
// only when all of this is done, and says "535 5.7.3 Authentication unsuccessful"
// when any of it is missing:
//
//   - SMTP AUTH is on for the mailbox: Set-CASMailbox <mailbox>
//     -SmtpClientAuthenticationDisabled $false. Security defaults are off.
//   - The user name of the sign-in is the mailbox that the token is for; for an
//     application, the mailbox that sends.
//
// And for an application:
//
//   - It has the application permission SMTP.SendAsApp of Office 365 Exchange
//     Online, which the portal lists under APIs my organization uses, and an
//     administrator has consented to it. The portal gives a managed identity none:
//     New-MgServicePrincipalAppRoleAssignment does.
//   - It is known to Exchange: New-ServicePrincipal -AppId <client id> -ObjectId
//     <object id>, where the object id is that of the enterprise application and
//     not of the app registration.
//   - It may open the mailbox: Add-MailboxPermission -Identity <mailbox> -User
//     <service principal> -AccessRights FullAccess.
//
// Such an application can send as any mailbox it has access to: keep the list short.
//
// [Explain] reads what a token says of itself, and [Claims.Hint] what is wrong with
// it. A generator does so when Exchange has refused a token: if the next one would
// be refused for the same reason, that reason is the error.
//
// To send for a shared mailbox, a delegate signs in: see [profile.Microsoft365].
//
// # When it stops working
//
// A sign-in ends when the user's password changes or an administrator revokes it,
// when it was not used for 90 days, and as often as a policy of the tenant says. Then
// the error is of kind NeedsUser, and the user has to sign in again; programs that
// run go over to the new sign-in by themselves. [providers.CacheOptions].Events tells
// of it while the last access token is still good.
//
// A client secret expires after two years at most, and a certificate when it says so.
// The error is then of kind Misconfigured.
//
// # Clouds
//
// GCC High, DoD and China are worlds of their own, with other login servers, scopes
// and mail servers: set Options.Cloud, and take the profile from [Cloud.Profile].
// For personal accounts the tenant is "consumers" or "common" and the profile is
// [profile.Outlook]; no application signs in there as itself.
//
// # Errors
//
// What cannot work is refused when the generator is made, before any request: a
// tenant that stands for many where one is needed, the id of a secret instead of its
// value, a scope of Microsoft Graph, a certificate that has expired or has no key, a
// record in the Store that is another user's or another client's. What Entra refuses
// is a [providers.Error] with its AADSTS code, whose Kind says who can mend it, and
// whose Hint says how. [Challenge] returns what Entra wants of the next sign-in.
//
// # MSAL
//
// The protocol is spoken by Microsoft's own library, MSAL. It is given nothing to
// keep between its calls but the addresses of the login server: tokens are kept by
// the [providers.Cache], which joins requests, spaces failures and shares with other
// programs, and which knows what was refused.
package microsoft

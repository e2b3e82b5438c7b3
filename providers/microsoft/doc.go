// Package microsoft supplies Microsoft access tokens for SMTP, for mailboxes of
// Microsoft 365.
//
// # From a client secret
//
// An application signs in as itself, with no user present, and sends for every
// mailbox that it was given access to:
//
//	tokens, err := microsoft.ClientSecret(microsoft.Options{
//		Tenant:   "contoso.onmicrosoft.com",
//		ClientID: "00000000-0000-0000-0000-000000000000",
//	}, sasl.NewSecret("the secret's value"))
//	if err != nil {
//		return err
//	}
//	_, err = smtp.Send(ctx, smtp.Config{
//		Profile: profile.Microsoft365(),
//		Auth:    sasl.OAuth("reports@contoso.com", tokens),
//	}, env, msg)
//
// Make one [App] and keep it: all mailboxes share its token, which it caches,
// renews before it expires, and renews once when Exchange refuses it.
//
// # What Exchange wants to see
//
// Entra gives a token to any application with a good secret. Exchange accepts it
// only when all of this is done, and says "535 5.7.3 Authentication
// unsuccessful" when any of it is missing:
//
//   - The application has the application permission SMTP.SendAsApp of Office 365
//     Exchange Online, and an administrator has consented to it.
//   - The application is known to Exchange: New-ServicePrincipal -AppId <client
//     id> -ObjectId <object id>, where the object id is that of the enterprise
//     application and not of the app registration.
//   - It may open the mailbox: Add-MailboxPermission -Identity <mailbox> -User
//     <service principal> -AccessRights FullAccess.
//   - SMTP AUTH is on for the mailbox: Set-CASMailbox <mailbox>
//     -SmtpClientAuthenticationDisabled $false.
//
// The user name of the sign-in is the mailbox that sends. Such an application can
// send as any mailbox it has access to: keep the list short.
//
// # Errors
//
// What cannot work is refused when the App is made, before any request: a tenant
// that stands for many, the id of a secret instead of its value, a scope of
// Microsoft Graph. What Entra refuses is a [providers.Error] with its AADSTS code
// and what to do about it.
package microsoft

package profile

import "time"

// Pages of Microsoft that document addresses, limits and replies.
const (
	microsoftOAuth    = "https://learn.microsoft.com/en-us/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth"
	microsoftSMTPAuth = "https://learn.microsoft.com/en-us/exchange/clients-and-mobile-in-exchange-online/authenticated-client-smtp-submission"
	microsoftThrottle = "https://learn.microsoft.com/en-us/exchange/troubleshoot/send-emails/smtp-submission-improvements"
	microsoftReplies  = "https://learn.microsoft.com/en-us/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online/non-delivery-reports-in-exchange-online"
	microsoftBasic    = "https://learn.microsoft.com/en-us/exchange/clients-and-mobile-in-exchange-online/deprecation-of-basic-authentication-exchange-online"
	microsoftDevices  = "https://learn.microsoft.com/en-us/exchange/mail-flow-best-practices/how-to-set-up-a-multifunction-device-or-application-to-send-email-using-microsoft-365-or-office-365"
	microsoftGCCHigh  = "https://learn.microsoft.com/en-us/microsoft-365/enterprise/microsoft-365-u-s-government-gcc-high-endpoints"
	microsoftDoD      = "https://learn.microsoft.com/en-us/microsoft-365/enterprise/microsoft-365-u-s-government-dod-endpoints"
	microsoftChina    = "https://learn.microsoft.com/en-us/microsoft-365/enterprise/urls-and-ip-address-ranges-21vianet"
)

// Microsoft365 returns the profile of smtp.office365.com, for mailboxes of
// Exchange Online in the worldwide cloud, GCC included. The other clouds have
// profiles of their own, and so have personal accounts: see [Outlook].
//
// A user's token is for the scope in Scopes, on outlook.office.com; an
// application's is for the one in AppScopes, on outlook.office365.com. The two
// hosts are not interchangeable, and neither is a token for Microsoft Graph.
//
// The user of the sign-in and the sender of a message need not be the same. To
// send for a shared mailbox, sign in as the delegate with the delegate's token,
// and give the shared address as the sender; the delegate needs Send As. Where
// Exchange refuses that, sign in with the delegate's token and the shared address
// as user, which is what Microsoft documents and not every tenant takes. An
// application's token signs in with the mailbox that the message is from as user.
func Microsoft365() *Profile {
	return exchangeOnline(Profile{
		Name:      "Microsoft 365",
		Slug:      "microsoft365",
		Page:      microsoftOAuth,
		Addr:      "smtp://smtp.office365.com:587",
		Scopes:    []string{"https://outlook.office.com/SMTP.Send"},
		AppScopes: []string{"https://outlook.office365.com/.default"},
	})
}

// Microsoft365GCCHigh returns the profile of Exchange Online for customers of the
// U.S. government in GCC High. The other address is the one that Microsoft lists
// for mail programs in this cloud.
func Microsoft365GCCHigh() *Profile {
	return exchangeOnline(Profile{
		Name:       "Microsoft 365 GCC High",
		Slug:       "microsoft365-gcchigh",
		Page:       microsoftGCCHigh,
		Addr:       "smtp://smtp.office365.us:587",
		OtherAddrs: []string{"smtp://outlook.office365.us:587"},
		Scopes:     []string{"https://outlook.office365.us/SMTP.Send"},
		AppScopes:  []string{"https://outlook.office365.us/.default"},
		Unverified: []string{"Addr", "Scopes", "AppScopes"},
	})
}

// Microsoft365DoD returns the profile of Exchange Online for the U.S. Department
// of Defense.
func Microsoft365DoD() *Profile {
	return exchangeOnline(Profile{
		Name:       "Microsoft 365 DoD",
		Slug:       "microsoft365-dod",
		Page:       microsoftDoD,
		Addr:       "smtp://outlook-dod.office365.us:587",
		Scopes:     []string{"https://outlook-dod.office365.us/SMTP.Send"},
		AppScopes:  []string{"https://outlook-dod.office365.us/.default"},
		Unverified: []string{"Scopes", "AppScopes"},
	})
}

// Microsoft365China returns the profile of Exchange Online as 21Vianet operates
// it in China. Where the scope of a user is refused, the one of applications is
// reported to do for users too.
func Microsoft365China() *Profile {
	return exchangeOnline(Profile{
		Name:       "Microsoft 365 operated by 21Vianet",
		Slug:       "microsoft365-china",
		Page:       microsoftChina,
		Addr:       "smtp://smtp.partner.outlook.cn:587",
		Scopes:     []string{"https://partner.outlook.cn/SMTP.Send"},
		AppScopes:  []string{"https://partner.outlook.cn/.default"},
		Unverified: []string{"Addr", "Scopes", "AppScopes"},
	})
}

// exchangeSize is the SIZE that Exchange Online is reported to list, whatever a
// mailbox may send.
const exchangeSize = 157286400

// exchangeOnline adds to p what the clouds have in common.
func exchangeOnline(p Profile) *Profile {
	p.Mechanisms = []string{"LOGIN", "XOAUTH2"}
	p.Limits = Limits{
		MaxConns: 3, MessagesPerMinute: 30, SessionAge: 20 * time.Minute,
		MessageSize: exchangeSize, Recipients: 1000, RecipientsPerDay: 10000,
	}
	p.Exempt = []string{"5.7.139"}
	p.Advice = append(microsoftSignIn(p.Scopes[0], p.AppScopes[0]), microsoftSending()...)
	p.Unverified = append(p.Unverified, "Mechanisms", "Limits.SessionAge", "Limits.MessageSize", "Limits.Recipients")
	return &p
}

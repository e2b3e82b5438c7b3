package profile

// microsoftSignIn is what refusals of AUTH mean, and what follows from them, where
// users and applications need those scopes.
func microsoftSignIn(user, app string) []Advice {
	return append([]Advice{{
		Code: 535, Enhanced: "5.7.3",
		Say: "Exchange refuses the token without saying why. Check, in this order: the token is for " + user + " (a user) or " + app +
			" with the role SMTP.SendAsApp (an application), and not for Graph; the user name is the mailbox, or for a shared mailbox " +
			"the delegate whose token it is; and an application is registered in Exchange by New-ServicePrincipal, with the object id " +
			"of the enterprise application, and has FullAccess to the mailbox.",
		Source: microsoftOAuth,
	}}, microsoftPolicies()...)
}

// microsoftPolicies is what refusals mean that say nothing about the token.
func microsoftPolicies() []Advice {
	return []Advice{
		{
			Code: 535, Enhanced: "5.7.139", Text: "disabled for the mailbox",
			Say: "SMTP AUTH is off for this mailbox: an administrator turns it on with " +
				"Set-CASMailbox <mailbox> -SmtpClientAuthenticationDisabled $false.",
			Source: microsoftSMTPAuth,
		},
		{
			Code: 535, Enhanced: "5.7.139", Text: "disabled for the tenant",
			Say: "SMTP AUTH is off for the whole organization: an administrator turns it on for this mailbox with " +
				"Set-CASMailbox <mailbox> -SmtpClientAuthenticationDisabled $false, which overrides the organization.",
			Source: microsoftSMTPAuth,
		},
		{
			Code: 535, Enhanced: "5.7.139", Text: "security defaults",
			Say: "The organization's security defaults forbid SMTP AUTH: an administrator replaces them by Conditional Access " +
				"policies that let this account through.",
			Source: microsoftSMTPAuth,
		},
		{
			Code: 535, Enhanced: "5.7.139", Text: "did not meet the criteria",
			Say: "A Conditional Access policy or an authentication policy forbids this sign-in: the sign-in log of Microsoft Entra " +
				"names the policy to the administrator.",
			Source: microsoftSMTPAuth,
		},
		{
			Code: 535, Enhanced: "5.7.139", Text: "basic authentication is disabled",
			Say:    "Exchange takes no password here: sign in with OAuth 2.0 (XOAUTH2).",
			Source: microsoftBasic,
		},
		{
			Code: 535, Enhanced: "5.7.139",
			Say: "A policy of the organization forbids this sign-in, whatever the token: ask the administrator whether SMTP AUTH is on " +
				"for the mailbox and which policy applies.",
			Source: microsoftSMTPAuth,
		},
		{
			Code: 550, Enhanced: "5.7.30",
			Say:    "Exchange takes no password here: sign in with OAuth 2.0 (XOAUTH2).",
			Source: microsoftBasic,
		},
		{
			Code: 530, Enhanced: "5.7.57",
			Say: "Exchange has no completed sign-in on this connection: enable XOAUTH2 and look at the reply to AUTH, " +
				"and check that this is the server meant and not a relay without sign-in.",
			Source: microsoftReplies,
		},
	}
}

// microsoftSending is what refusals after the sign-in mean.
func microsoftSending() []Advice {
	return []Advice{
		{
			Code: 421, Enhanced: "4.3.2", // in several wordings
			Say:    "Exchange is under maintenance or has too many connections from here: wait a minute, then use a new connection.",
			Source: microsoftThrottle,
		},
		{
			Code: 430, Enhanced: "4.2.0", Text: "MapiExceptionLogonFailed",
			Say: "The application signed in but may not open the mailbox. It looks temporary and is not: an administrator grants access " +
				"with Add-MailboxPermission -Identity <mailbox> -User <service principal> -AccessRights FullAccess.",
			Source: microsoftOAuth,
		},
		{
			Code: 432, Enhanced: "4.3.2",
			Say: "More than three messages were being submitted for this mailbox at the same time: " +
				"use at most three connections and 30 messages a minute.",
			Source: microsoftThrottle,
		},
		{
			Enhanced: "5.2.252",
			Say: "The sender is not the mailbox that signed in: grant it Send As with Add-RecipientPermission, " +
				"or sign in as the mailbox that the message is from.",
			Source: microsoftReplies,
		},
		{
			Code: 554, Text: "SendAsDenied",
			Say: "The sender is not the mailbox that signed in: grant it Send As with Add-RecipientPermission, " +
				"or sign in as the mailbox that the message is from.",
			Source: microsoftReplies,
		},
		{
			Code: 550, Enhanced: "5.7.60",
			Say: "The mailbox that signed in may not send as this sender: grant it Send As with Add-RecipientPermission, " +
				"or sign in as the mailbox that the message is from.",
			Source: microsoftReplies,
		},
		{
			Code: 554, Enhanced: "5.2.2",
			Say: "The sending mailbox is full, so that no copy can be kept in Sent Items: " +
				"empty that folder or give it a retention policy.",
			Source: microsoftThrottle,
		},
	}
}

package profile

// outlookSettings is Microsoft's page about servers for personal accounts.
const outlookSettings = "https://support.microsoft.com/en-us/office/pop-imap-and-smtp-settings-8361e398-8af4-4e97-b147-6c6c4ac95353"

// Outlook returns the profile of smtp-mail.outlook.com, for personal accounts at
// outlook.com, hotmail.com, live.com and msn.com.
//
// No application signs in without a user here. The limits are those of subscribers
// (https://support.microsoft.com/office/279ee200-594c-40f0-9ec8-bb6af7735c2e); others
// have less.
func Outlook() *Profile {
	return &Profile{
		Name:       "Outlook.com",
		Slug:       "outlook",
		Page:       outlookSettings,
		Addr:       "smtp://smtp-mail.outlook.com:587",
		Scopes:     []string{"https://outlook.office.com/SMTP.Send"},
		Mechanisms: []string{"LOGIN", "XOAUTH2"},
		Limits:     Limits{MessageSize: exchangeSize, Recipients: 500, RecipientsPerDay: 5000},
		Exempt:     []string{"5.7.139"},
		Advice:     append(outlookAdvice(), microsoftSending()...),
		Unverified: []string{"Mechanisms", "Limits.MessageSize"},
	}
}

func outlookAdvice() []Advice {
	return []Advice{
		{
			Code: 535, Enhanced: "5.7.3",
			Say: "Outlook.com refuses the token without saying why. Check, in this order: the token is for the scope " +
				"https://outlook.office.com/SMTP.Send and not for Graph; the user name is the address of the personal account that " +
				"consented; and the application is registered for personal accounts. Some client identifiers are refused for SMTP alone.",
			Source: outlookSettings,
		},
		{
			Code: 535, Enhanced: "5.7.139", Text: "basic authentication is disabled",
			Say:    "Outlook.com takes no password here: sign in with OAuth 2.0 (XOAUTH2).",
			Source: outlookSettings,
		},
		{
			Code: 535, Enhanced: "5.7.139",
			Say: "Outlook.com forbids this sign-in, whatever the token: sign in to the account with a browser, confirm the recent " +
				"activity if asked to, and allow devices and apps in its settings.",
			Source: outlookSettings,
		},
		{
			Code: 550, Enhanced: "5.7.30",
			Say:    "Outlook.com takes no password here: sign in with OAuth 2.0 (XOAUTH2).",
			Source: microsoftBasic,
		},
	}
}

package profile

// Pages of Apple about its servers.
const (
	icloudServers  = "https://support.apple.com/en-us/102525"
	icloudPassword = "https://support.apple.com/en-us/102654"
	icloudLimits   = "https://support.apple.com/en-us/102198"
)

// ICloud returns the profile of smtp.mail.me.com, for addresses at icloud.com,
// me.com and mac.com, and for domains of one's own there. It takes app-specific
// passwords, and no access tokens.
func ICloud() *Profile {
	return &Profile{
		Name: "iCloud Mail",
		Slug: "icloud",
		Page: icloudServers,
		Addr: "smtp://smtp.mail.me.com:587",
		NoOAuth: "iCloud Mail takes no access tokens: sign in with an app-specific password, made on the page of the Apple Account " +
			"under Sign-In and Security.",
		Mechanisms: []string{"LOGIN", "PLAIN", "ATOKEN", "WSTOKEN", "WETOKEN"},
		Limits:     Limits{MessageSize: 20_000_000, Recipients: 500, MessagesPerDay: 1000, RecipientsPerDay: 1000},
		Advice: []Advice{
			{
				Code: 535,
				Say: "iCloud refuses the credentials: the password must be an app-specific one, not that of the Apple Account, " +
					"and the user name the iCloud address even if the message is from a domain of one's own.",
				Source: icloudPassword,
			},
			{
				Code: 550, Enhanced: "5.7.1", Text: "sending limit",
				Say:    "This account has sent as much as iCloud lets it within a day (1000 messages or 1000 recipients): send again tomorrow.",
				Source: icloudLimits,
			},
		},
		Unverified: []string{"Mechanisms"},
	}
}
